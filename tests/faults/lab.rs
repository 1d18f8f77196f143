//! Nodes in network namespaces of their own, a proxy between all of them. One at a time in a process: what a test of faults measures
//! is worth little beside another.

use crate::harness::history::{formed, seed};
use crate::harness::*;
use crate::net::{Net, Way, With};
use crate::proxy::Proxy;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

pub struct Lab {
    pub home: Home,
    pub nets: Vec<Net>,
    pub proxy: Proxy,
    pub seed: u64,
    _turn: MutexGuard<'static, ()>,
}

/// Whether nodes reach each other through the proxy, or directly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    Proxy,
    Direct,
}

impl Lab {
    pub fn new(nodes: usize) -> Lab {
        static TURN: Mutex<()> = Mutex::new(());
        // A test that failed says nothing about this one.
        let turn = TURN.lock().unwrap_or_else(|failed| failed.into_inner());
        let seed = seed();
        let lab = Lab {
            home: Home::new(),
            nets: (0..nodes).map(|_| Net::new()).collect(),
            proxy: Proxy::start(seed),
            seed,
            _turn: turn,
        };
        for net in &lab.nets {
            let door = |host: String| format!("{host}:7402");
            lab.proxy.open(net.number, &door(net.gate(With::Peers)), &door(net.host(With::Peers)));
        }
        lab
    }

    /// A cluster of all its nodes, with so many further copies.
    pub fn cluster(&self, path: Path, copies: usize) -> Vec<Node> {
        formed(&self.home, (0..self.nets.len()).map(|place| self.start(place, path)).collect(), copies)
    }

    pub fn start(&self, place: usize, path: Path) -> Node {
        self.start_with(place, path, &[], &[])
    }

    /// The node of a place, begun by `words`: its names and addresses are the same every time.
    pub fn start_with(&self, place: usize, path: Path, words: &[&str], args: &[&str]) -> Node {
        let net = &self.nets[place];
        let mut command = self.home.program("ip");
        command.args(["netns", "exec", &net.name]).args(words).arg(env!("CARGO_BIN_EXE_dcache"));
        let [clients, peers] = [With::Clients, With::Peers].map(|with| net.host(with));
        let hosts = [(&clients, 6379), (&clients, 7400), (&clients, 7401), (&peers, 7402)];
        let doors = hosts.map(|(host, port)| format!("{host}:{port}"));
        let announced = net.gate(With::Peers);
        let mut all = vec!["--insecure"];
        if path == Path::Proxy {
            all.extend(["--announce", &announced]);
        }
        all.extend(args);
        let [gateway, cluster, control, peers] = &doors;
        let mut node =
            Node::start_at(&self.home, &format!("n{}", place + 1), command, [gateway, cluster, control, peers], &all);
        // The proxy is for nodes only.
        (node.gateway, node.cluster, node.control) = (gateway.clone(), cluster.clone(), control.clone());
        node
    }

    /// The place of a node.
    pub fn place(&self, node: &Node) -> usize {
        node.name[1..].parse::<usize>().unwrap() - 1
    }

    pub fn net(&self, node: &Node) -> &Net {
        &self.nets[self.place(node)]
    }

    /// From every node to every other.
    pub fn directions(&self) -> Vec<(u8, u8)> {
        let numbers: Vec<u8> = self.nets.iter().map(|net| net.number).collect();
        let to_others = |from: &u8| {
            let from = *from;
            numbers.iter().filter(move |to| **to != from).map(move |to| (from, *to)).collect::<Vec<_>>()
        };
        numbers.iter().flat_map(to_others).collect()
    }
}

/// Cuts a node in these ways, calls, and heals it.
pub fn cut_while<T>(net: &Net, ways: &[(With, Way)], during: impl FnOnce() -> T) -> T {
    ways.iter().for_each(|(with, way)| net.cut(*with, *way));
    let result = during();
    ways.iter().for_each(|(with, way)| net.heal(*with, *way));
    result
}

/// A fault goes on for so long.
pub fn pass(time: Duration, what: &str) {
    let until = Instant::now() + time;
    wait_until(what, || (Instant::now() > until).then_some(()));
}
