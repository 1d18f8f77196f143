//! Nodes cut off by packets that go nowhere, in one direction or both: from their peers, from their clients.

use crate::harness::history::*;
use crate::harness::loss::lose_no_more_than_was_shown;
use crate::harness::*;
use crate::lab::{Lab, Path, cut_while, pass};
use crate::net::{Way, With};
use std::time::{Duration, Instant};

/// Three leases.
const LONG: Duration = Duration::from_millis(4500);

/// Less than what is left of a lease at any time.
const WITHIN_LEASE: Duration = Duration::from_millis(1000);

const FROM_PEERS: [(With, Way); 2] = [(With::Peers, Way::In), (With::Peers, Way::Out)];
const FROM_CLIENTS: [(With, Way); 2] = [(With::Clients, Way::In), (With::Clients, Way::Out)];

#[test]
fn nothing_acknowledged_under_strong_is_lost_when_nodes_are_cut_from_their_peers_but_not_from_their_clients() {
    let lab = Lab::new(3);
    survive_with("cut", &lab.home, lab.cluster(Path::Direct, 1), |_, victim, time| {
        cut_while(lab.net(victim), &FROM_PEERS, || {
            let began = Instant::now();
            time();
            pass(LONG.saturating_sub(began.elapsed()), "three leases");
        });
    });
}

#[test]
fn nothing_acknowledged_under_strong_is_lost_when_nodes_are_cut_from_their_clients_but_not_from_their_peers() {
    let lab = Lab::new(3);
    let mut nodes = lab.cluster(Path::Direct, 1);
    let times = survive_rounds("cut from clients", &lab.home, &mut nodes, |_, nodes| {
        let before = status(&lab.home, &nodes[0]);
        let place = busiest(&before, nodes, |_| true);
        let (victim, witness) = (&nodes[place], &nodes[(place + 1) % 3]);
        let key = key_of(&before, &victim.name, "s:probe:");
        cut_while(lab.net(victim), &FROM_CLIENTS, || {
            pass(LONG, "three leases");
            // It is as good as any for who asks another one.
            wait_until("the others see it up", || {
                let status = status(&lab.home, witness);
                let mut listed = status["nodes"].as_array().unwrap().iter();
                listed.any(|node| node["name"] == *victim.name && node["reachable"] == true).then_some(())
            });
            time_to_write(&witness.gateway, &key)
        })
    });
    print_times("cut from clients, to a write of its keys through another", times);
}

#[test]
fn nothing_acknowledged_under_strong_is_lost_when_nodes_hear_but_are_not_heard_and_the_reverse() {
    for way in [Way::In, Way::Out] {
        let lab = Lab::new(3);
        survive_with(&format!("cut one way, {way:?}"), &lab.home, lab.cluster(Path::Direct, 1), |_, victim, time| {
            cut_while(lab.net(victim), &[(With::Peers, way)], || {
                let began = Instant::now();
                time();
                pass(LONG.saturating_sub(began.elapsed()), "three leases");
            });
        });
    }
}

#[test]
fn an_eventual_namespace_loses_no_more_than_was_shown_when_nodes_are_cut_from_their_peers() {
    let lab = Lab::new(3);
    lose_no_more_than_was_shown(
        "eventual, cut",
        &lab.home,
        lab.cluster(Path::Direct, 1),
        |victim, watch| {
            FROM_PEERS.iter().for_each(|(with, way)| lab.net(victim).cut(*with, *way));
            // As long as it certainly takes writes; then the clients end, and what it shows is what it has.
            let until = Instant::now() + WITHIN_LEASE;
            wait_until("writes that no copy gets", || {
                assert!(watch.look(), "clients and operators reach it");
                (Instant::now() > until).then_some(())
            });
        },
        |victim| FROM_PEERS.iter().for_each(|(with, way)| lab.net(victim).heal(*with, *way)),
    );
}
