//! Arbitrary requests to a whole node: no panic, no endless loop, whole replies only, and the memory limit holds.
//! Input is taken as words; half of them become commands of the table, so that arguments are reached.
#![no_main]

mod node;

use dcache_core::{Door, Session, Step};
use dcache_protocol::resp::value::skip_value;
use libfuzzer_sys::fuzz_target;
use node::{check_memory, node};
use std::sync::Arc;

fn requests(input: &[u8]) -> Vec<u8> {
    let names: Vec<&str> = dcache_core::command::COMMANDS.iter().map(|command| command.name).collect();
    let mut bytes = Vec::new();
    for line in input.split(|&b| b == b'\n') {
        let mut words: Vec<Vec<u8>> = line.split(|&b| b == b' ').map(<[u8]>::to_vec).collect();
        if let Some(first) = words.first_mut()
            && let [pick, page, ..] = first[..]
            && pick >= 128
        {
            *first = names[(usize::from(pick) << 8 | usize::from(page)) % names.len()].as_bytes().to_vec();
        }
        bytes.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
        for word in words {
            bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            bytes.extend_from_slice(&word);
            bytes.extend_from_slice(b"\r\n");
        }
    }
    bytes
}

fuzz_target!(|input: (bool, bool, &[u8])| {
    let (door, raw, bytes) = input;
    let node = node();
    let door = if door { Door::Gateway } else { Door::Cluster };
    let mut session = Session::new(node, door, 0, "127.0.0.1:1".into(), "127.0.0.1:2".into(), Arc::new(|| {}));
    let bytes = if raw { bytes.to_vec() } else { requests(bytes) };
    let mut out = Vec::new();
    let mut at = 0;
    loop {
        let advance = session.advance(node, &bytes[at..], &mut out);
        at += advance.consumed;
        assert!(at <= bytes.len());
        match advance.step {
            Step::NeedInput { .. } | Step::Close => break,
            Step::OutputFull => out.clear(),
            // A script, which no thread runs here.
            Step::Forward(fanout) if fanout.job().is_some() => {}
            Step::Forward(_) => panic!("a single node has nobody to forward to"),
            // CLIENT PAUSE, and the clock stands still.
            Step::Pause | Step::Turn | Step::Wait(_) => break,
        }
    }
    let mut rest = &out[..];
    while !rest.is_empty() {
        let length = skip_value(rest).expect("well-formed replies").expect("whole replies");
        rest = &rest[length..];
    }
    check_memory();
});
