//! Arbitrary lines of memcached's protocol to a whole node: no panic, no endless loop, whole lines only, and the memory limit holds.
//! Bytes from 128 on become words of the protocol, so that arguments are reached.
#![no_main]

mod node;

use dcache_core::{Door, Session, Step};
use libfuzzer_sys::fuzz_target;
use node::{check_memory, node};
use std::sync::Arc;

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
    check_memory();
});
