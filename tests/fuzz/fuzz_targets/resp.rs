//! Arbitrary bytes, in arbitrary pieces, to the request parser and to the reply reader: no panic, no endless loop, and the same
//! requests however the bytes were cut.
#![no_main]

use dcache_protocol::resp::parse::{Limits, Parser, Progress};
use dcache_protocol::resp::value;
use libfuzzer_sys::fuzz_target;

/// Every request of `bytes`, fed in pieces of `piece` bytes, and whether the stream ended in an error.
fn requests(bytes: &[u8], piece: usize) -> (Vec<Vec<Vec<u8>>>, bool) {
    let mut parser = Parser::new(Limits::default());
    let mut found = Vec::new();
    let (mut start, mut end) = (0, 0);
    loop {
        match parser.parse(&bytes[start..end]) {
            Ok(Progress::Request { consumed }) => {
                let args = parser.args(&bytes[start..end]);
                found.push(args.iter().map(|arg| arg.to_vec()).collect());
                assert!(consumed > 0);
                start += consumed;
            }
            Ok(Progress::Empty { consumed }) => {
                assert!(consumed > 0);
                start += consumed;
            }
            Ok(Progress::Incomplete { .. }) if end == bytes.len() => return (found, false),
            Ok(Progress::Incomplete { .. }) => end = (end + piece).min(bytes.len()),
            Err(_) => return (found, true),
        }
        assert!(start <= end);
    }
}

fuzz_target!(|input: (u8, &[u8])| {
    let (piece, bytes) = input;
    let whole = requests(bytes, bytes.len().max(1));
    let cut = requests(bytes, usize::from(piece).max(1));
    assert_eq!(whole, cut);
    let _ = value::parse_value(bytes, &Limits::default());
    let _ = value::skip_value(bytes);
});
