//! Faults that need root, on real processes in network namespaces of their own. `cargo test --workspace` leaves them out, as not
//! everybody is root: `unshare --net cargo test --offline -p dcache --test faults`, as `.ci/run` does.

#![allow(clippy::unwrap_used)]

#[path = "../harness/mod.rs"]
mod harness;
mod net;

use harness::history::*;
use harness::*;
use net::Net;
use std::time::{Duration, Instant};

#[test]
fn nothing_acknowledged_under_strong_is_lost_when_nodes_are_cut_from_their_peers_but_not_from_their_clients() {
    let home = Home::new();
    let nets: Vec<Net> = (1..=3).map(Net::new).collect();
    let start = |net: &Net| {
        let [clients, peers] = &net.hosts;
        let mut command = home.program("ip");
        command.args(["netns", "exec", &net.name, env!("CARGO_BIN_EXE_dcache")]);
        Node::start_at(&home, &format!("n{}", net.number), command, [clients, clients, clients, peers], &["--insecure"])
    };
    let nodes = formed(&home, nets.iter().map(start).collect());
    survive_with("cut", &home, nodes, |_, victim, time| {
        let net = nets.iter().find(|net| victim.name == format!("n{}", net.number)).unwrap();
        let until = Instant::now() + Duration::from_millis(4500);
        net.cut();
        time();
        wait_until("three leases", || (Instant::now() > until).then_some(()));
        net.heal();
    });
}
