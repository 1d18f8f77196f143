//! Network namespaces, one a node, that can be cut from each other or from clients, in either direction: what is cut is silent,
//! as nothing says that a packet is lost.
//!
//! ```text
//! a node's namespace                 the namespace of this process: clients, the proxy (proxy.rs)
//!   c  10.98.N.2  ── clients ──  cN  10.98.N.1
//!   p  10.99.N.2  ── peers ────  pN  10.99.N.1
//! ```
//!
//! Packets from node to node that the proxy does not take are passed on. Addresses and names hold a number that no other node of
//! this process has, so tests do not meet.

use crate::harness::run;
use std::process::Command;
use std::sync::Once;
use std::sync::atomic::{AtomicU8, Ordering::SeqCst};

/// Where rules stand that look before the kernel knows that a packet has arrived.
const BEFORE_ARRIVAL: &str = "pref 10";

pub struct Net {
    pub number: u8,
    pub name: String,
}

/// With whom a node talks over a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum With {
    Clients,
    Peers,
}

/// As the node sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    In,
    Out,
}

pub fn ip(args: &str) {
    let outcome = run(Command::new("ip").args(args.split_whitespace()));
    assert_eq!(outcome.code, 0, "ip {args}: {outcome:?}");
}

/// What the namespace of this process needs once, which must be one that was made for it.
fn prepare() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let routes = std::fs::read_to_string("/proc/self/net/route").unwrap();
        assert!(routes.lines().count() <= 1, "this is a network in use: run the tests under `unshare --net`");
        ip("link set lo up");
        arrive_late("");
        std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap();
    });
}

/// Has a namespace look at rules before it takes a packet as its own.
fn arrive_late(namespace: &str) {
    ip(&format!("{namespace} rule add pref 100 lookup local"));
    ip(&format!("{namespace} rule del pref 0 lookup local"));
}

impl Net {
    pub fn new() -> Net {
        static NUMBER: AtomicU8 = AtomicU8::new(1);
        prepare();
        let number = NUMBER.fetch_add(1, SeqCst);
        let net = Net { number, name: format!("dcache-{}-{number}", std::process::id()) };
        let name = &net.name;
        ip(&format!("netns add {name}"));
        ip(&format!("-n {name} link set lo up"));
        arrive_late(&format!("-n {name}"));
        for with in [With::Clients, With::Peers] {
            let (there, here) = (with.link(), net.link(with));
            ip(&format!("link add {here} type veth peer name {there} netns {name}"));
            ip(&format!("addr add {}/24 dev {here}", net.gate(with)));
            ip(&format!("-n {name} addr add {}/24 dev {there}", net.host(with)));
            ip(&format!("link set {here} up"));
            ip(&format!("-n {name} link set {there} up"));
        }
        ip(&format!("-n {name} route add default via {}", net.gate(With::Peers)));
        net
    }

    /// Where the node is.
    pub fn host(&self, with: With) -> String {
        format!("10.{}.{}.2", with.network(), self.number)
    }

    /// The other end of its link, in the namespace of this process.
    pub fn gate(&self, with: With) -> String {
        format!("10.{}.{}.1", with.network(), self.number)
    }

    fn link(&self, with: With) -> String {
        format!("{}{}", with.link(), self.number)
    }

    pub fn cut(&self, with: With, way: Way) {
        self.rule("add", with, way);
    }

    pub fn heal(&self, with: With, way: Way) {
        self.rule("del", with, way);
    }

    fn rule(&self, verb: &str, with: With, way: Way) {
        match way {
            Way::In => ip(&format!("-n {} rule {verb} iif {} blackhole {BEFORE_ARRIVAL}", self.name, with.link())),
            Way::Out => ip(&format!("rule {verb} iif {} blackhole {BEFORE_ARRIVAL}", self.link(with))),
        }
    }
}

impl With {
    fn link(self) -> &'static str {
        match self {
            With::Clients => "c",
            With::Peers => "p",
        }
    }

    fn network(self) -> u8 {
        match self {
            With::Clients => 98,
            With::Peers => 99,
        }
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        // What is left goes with the namespace this process is in.
        let _ = Command::new("ip").args(["netns", "del", &self.name]).status();
    }
}
