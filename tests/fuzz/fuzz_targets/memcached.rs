//! Arbitrary lines of memcached's protocol to a whole node: no panic, no endless loop, whole lines only, and the memory limit holds.
//! Bytes from 128 on become words of the protocol, so that arguments are reached.
#![no_main]

use dcache_cluster::metadata::Metadata;
use dcache_core::{Clock, Config, Door, Node, Session, Step};
use dcache_protocol::{Addresses, Incarnation, NodeId, NodeRecord, NodeState};
use libfuzzer_sys::fuzz_target;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

const MEMORY_BYTES: u64 = 4 << 20;

fn node() -> &'static Arc<Node> {
    static NODE: OnceLock<Arc<Node>> = OnceLock::new();
    NODE.get_or_init(|| {
        let id = NodeId(1);
        let record = NodeRecord {
            id,
            name: "n1".into(),
            zone: String::new(),
            weight: 100,
            addresses: Addresses::default(),
            incarnation: Incarnation(1),
            state: NodeState::Up,
            version: dcache_protocol::VERSION.into(),
            level: dcache_protocol::LEVEL,
            memory_bytes: MEMORY_BYTES,
            share: Default::default(),
            maintenance_until_unix_ms: 0,
            is_stopping: false,
        };
        let clock = Clock { monotonic: || Duration::from_secs(1), unix_ms: || 1_700_000_000_000 };
        let incarnation = Incarnation(1);
        let config = Config {
            id,
            incarnation,
            workers: 1,
            memory_bytes: MEMORY_BYTES,
            clock,
            clients_max: 16,
            seed: 7,
            process_id: 1,
        };
        Arc::new(Node::new(config, Arc::new(Metadata::standalone(record))))
    })
}

const WORDS: [&str; 24] = [
    "get ",
    "gets ",
    "gat ",
    "set ",
    "add ",
    "cas ",
    "append ",
    "incr ",
    "decr ",
    "touch ",
    "delete ",
    "flush_all ",
    "mg ",
    "ms ",
    "md ",
    "ma ",
    "me ",
    "mn",
    "a ",
    "b ",
    "0 ",
    "1 ",
    "noreply",
    "\r\n",
];

fn lines(input: &[u8]) -> Vec<u8> {
    let of = |byte: &u8| match byte {
        128.. => WORDS[usize::from(*byte) % WORDS.len()].as_bytes().to_vec(),
        byte => vec![*byte],
    };
    input.iter().flat_map(of).collect()
}

fuzz_target!(|input: (bool, &[u8])| {
    let (raw, bytes) = input;
    let node = node();
    let mut session =
        Session::new(node, Door::Memcached, 0, "127.0.0.1:1".into(), "127.0.0.1:2".into(), Arc::new(|| {}));
    let bytes = if raw { bytes.to_vec() } else { lines(bytes) };
    let mut out = Vec::new();
    let mut at = 0;
    loop {
        let advance = session.advance(node, &bytes[at..], &mut out);
        at += advance.consumed;
        assert!(at <= bytes.len());
        match advance.step {
            Step::NeedInput { .. } | Step::Close => break,
            Step::OutputFull => out.clear(),
            Step::Forward(_) => panic!("a single node has nobody to forward to"),
            Step::Pause | Step::Turn | Step::Wait(_) => panic!("a single node waits for nobody"),
        }
    }
    assert!(out.is_empty() || out.ends_with(b"\r\n"), "whole lines only");
    assert!(node.report(0, 0).memory_used_bytes <= MEMORY_BYTES);
});
