//! THE command table: every command and subcommand, with what COMMAND, COMMAND DOCS, ACL and the gateway need to know.
//!
//! A subcommand's row follows its container's. Arity, flags, key positions and hints are Redis 7.2's, since clients act on
//! them; `ifeq`, `delifeq` and `client|capa` are Valkey's, `client|maint_notifications` is Redis 8's. CLUSTER's write commands
//! and MIGRATE only name the operator's verb.
//! Names are found through a table made at compile time, the usual ones by one comparison of eight bytes.

mod bitmaps;
mod blocking;
mod cluster;
mod connection;
mod function;
mod geo;
mod hashes;
mod keys;
mod lists;
mod others;
mod pubsub;
mod row;
mod scripting;
mod server;
mod sets;
mod sorted_sets;
mod streams;
mod strings;
mod transactions;
mod watch;

use super::Command;

/// Rows by subject, in the order of their files' names here.
const GROUPS: &[&[Command]] = &[
    connection::ROWS,
    cluster::ROWS,
    server::ROWS,
    pubsub::ROWS,
    transactions::ROWS,
    scripting::ROWS,
    function::ROWS,
    watch::ROWS,
    keys::ROWS,
    strings::ROWS,
    hashes::ROWS,
    lists::ROWS,
    sets::ROWS,
    sorted_sets::ROWS,
    blocking::ROWS,
    streams::ROWS,
    bitmaps::ROWS,
    geo::ROWS,
    others::ROWS,
];

/// All commands, each with its own position as its id.
pub static COMMANDS: [Command; count()] = numbered();

const BUCKETS: usize = 512;

/// Longest name that is found by its bytes as one number.
pub(super) const SHORT: usize = 8;

/// Open addressing by [`bucket_of`] the lowercase name: the name [`packed`], and the position + 1, or 0 for an empty bucket.
/// Not for subcommands.
static INDEX: [(u64, u16); BUCKETS] = index();

/// The command of this name, in any case.
pub(super) fn find(name: &[u8]) -> Option<&'static Command> {
    let packed = packed_now(name);
    let mut bucket = bucket_of(packed, name.len());
    loop {
        let (known, position) = INDEX[bucket];
        let command = &COMMANDS[usize::from(position.checked_sub(1)?)];
        let is_alike = known == packed && command.name.len() == name.len();
        if is_alike && (name.len() <= SHORT || command.name.as_bytes().eq_ignore_ascii_case(name)) {
            return Some(command);
        }
        bucket = (bucket + 1) % BUCKETS;
    }
}

/// The first [`SHORT`] bytes in lowercase, as one number: different for different names of one length that is not greater.
const fn packed(name: &[u8]) -> u64 {
    let mut packed = 0;
    let mut at = 0;
    while at < name.len() && at < SHORT {
        packed = packed << 8 | name[at].to_ascii_lowercase() as u64;
        at += 1;
    }
    packed
}

/// The same as [`packed`] in a few steps.
#[inline]
pub(super) fn packed_now(name: &[u8]) -> u64 {
    let word = match *name {
        [a, b, c, d, e, f, g, h, ..] => u64::from_be_bytes([a, b, c, d, e, f, g, h]),
        [a, b, c, d, ..] => {
            let tail = name.last_chunk().map_or(0, |tail| u32::from_be_bytes(*tail));
            u64::from(u32::from_be_bytes([a, b, c, d])) << (8 * (name.len() - 4)) | u64::from(tail)
        }
        [a, b, c] => u64::from_be_bytes([0, 0, 0, 0, 0, a, b, c]),
        [a, b] => u64::from_be_bytes([0, 0, 0, 0, 0, 0, a, b]),
        [a] => u64::from(a),
        [] => 0,
    };
    lowercase(word)
}

/// Eight characters in lowercase. The highest bit of each byte tells whether it is an uppercase letter: adding carries into
/// it from `A` on, and beyond `Z`.
const fn lowercase(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 0xff;
    let low = word & (ONES * 0x7f);
    let from_a = low + ONES * (0x80 - b'A' as u64);
    let beyond_z = low + ONES * (0x7f - b'Z' as u64);
    let is_upper = (from_a ^ beyond_z) & !word & (ONES << 7);
    word | is_upper >> 2
}

/// The upper bits of a product spread best (Fibonacci hashing).
const fn bucket_of(packed: u64, length: usize) -> usize {
    ((packed ^ length as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (u64::BITS - BUCKETS.ilog2())) as usize
}

const fn index() -> [(u64, u16); BUCKETS] {
    let mut index = [(0, 0); BUCKETS];
    let mut at = 0;
    while at < COMMANDS.len() {
        let name = COMMANDS[at].name.as_bytes();
        if !is_subcommand(name) {
            let packed = packed(name);
            let mut bucket = bucket_of(packed, name.len());
            while index[bucket].1 != 0 {
                bucket = (bucket + 1) % BUCKETS;
            }
            index[bucket] = (packed, COMMANDS[at].id + 1);
        }
        at += 1;
    }
    index
}

const fn is_subcommand(name: &[u8]) -> bool {
    let mut at = 0;
    while at < name.len() {
        if name[at] == b'|' {
            return true;
        }
        at += 1;
    }
    false
}

const fn is_subcommand_of(name: &[u8], container: &[u8]) -> bool {
    let mut at = 0;
    while at < container.len() {
        if at >= name.len() || name[at] != container[at] {
            return false;
        }
        at += 1;
    }
    at < name.len() && name[at] == b'|'
}

const fn count() -> usize {
    let (mut count, mut group) = (0, 0);
    while group < GROUPS.len() {
        count += GROUPS[group].len();
        group += 1;
    }
    count
}

/// All rows, with what follows from a row's place filled in.
const fn numbered() -> [Command; count()] {
    let mut rows = [GROUPS[0][0]; count()];
    let (mut at, mut group, mut row) = (0, 0, 0);
    while at < rows.len() {
        if row == GROUPS[group].len() {
            (group, row) = (group + 1, 0);
            continue;
        }
        rows[at] = GROUPS[group][row];
        rows[at].id = at as u16;
        (at, row) = (at + 1, row + 1);
    }
    at = 1;
    while at < rows.len() {
        rows[at - 1].is_container = is_subcommand_of(rows[at].name.as_bytes(), rows[at - 1].name.as_bytes());
        at += 1;
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Find, Flags, Gateway, KeySpec, keys_of, lookup, lookup_subcommand};
    use std::collections::BTreeSet;

    #[test]
    fn every_command_is_found_in_any_case_and_nothing_else_is() {
        for command in COMMANDS.iter().filter(|command| command.container().is_none()) {
            for name in [command.name.to_string(), command.name.to_ascii_uppercase()] {
                assert_eq!(lookup(name.as_bytes()).map(|found| found.id), Some(command.id), "{name}");
            }
        }
        for name in ["", "ge", "gett", "client|id", "object|freq", &"x".repeat(1 << 20)] {
            assert!(lookup(name.as_bytes()).is_none(), "{name:.20}");
        }
    }

    #[test]
    fn subcommands_follow_their_container() {
        let mut seen = 0;
        for container in COMMANDS.iter().filter(|command| command.container().is_none()) {
            for row in container.subcommands() {
                seen += 1;
                let own = row.name.split_once('|').expect("a subcommand's name has a bar").1;
                assert_eq!(lookup_subcommand(container, own.to_uppercase().as_bytes()).map(|r| r.id), Some(row.id));
            }
        }
        assert_eq!(seen, COMMANDS.iter().filter(|command| command.container().is_some()).count());
    }

    #[test]
    fn rows_do_not_contradict_themselves() {
        let names: BTreeSet<&str> = COMMANDS.iter().map(|command| command.name).collect();
        assert_eq!(names.len(), COMMANDS.len(), "a name is there twice");
        for (command, id) in COMMANDS.iter().zip(0..) {
            let name = command.name;
            assert_eq!(command.id, id);
            assert_eq!(name, name.to_ascii_lowercase());
            assert!(!command.docs.summary.is_empty() && !command.docs.since.is_empty(), "{name}");
            assert!(!(command.flags.has(Flags::WRITE) && command.flags.has(Flags::READONLY)), "{name}");
            let by_key = matches!(
                command.gateway,
                Gateway::Single | Gateway::Split(_) | Gateway::SameSlot | Gateway::InTurn | Gateway::Script
            );
            // A shard channel is found as a key is, and is none.
            let has_keys = !command.keys.is_empty() && command.gateway != Gateway::Told;
            assert_eq!(by_key, has_keys, "{name}: the gateway routes by keys that there are");
            assert!(!command.flags.has(Flags::DENYOOM) || command.is_write(), "{name}");
            let is_placed = |spec: &&KeySpec| !matches!(spec.find, Find::Word(_) | Find::Streams);
            for spec in command.keys.iter().filter(is_placed) {
                // Keys to the end of the request may be none, behind the first one.
                let needed = i16::from(spec.first) + i16::from(spec.last >= 0 || spec.first == 1);
                assert!(command.arity.abs() >= needed && spec.step >= 1, "{name}: arity leaves a key out");
            }
        }
    }

    #[test]
    fn keys_are_where_the_row_says() {
        use dcache_protocol::resp::parse::{Limits, Parser, Progress};
        let keys = |line: &str| -> Vec<String> {
            let input = format!("{line}\r\n");
            let mut parser = Parser::new(Limits::default());
            assert!(matches!(parser.parse(input.as_bytes()), Ok(Progress::Request { .. })));
            let args = parser.args(input.as_bytes());
            let command = crate::command::resolve(args).expect("a request that is right");
            keys_of(command, args).map(|key| String::from_utf8_lossy(key).into_owned()).collect()
        };
        assert_eq!(keys("GET a"), ["a"]);
        assert_eq!(keys("DEL a b a"), ["a", "b", "a"]);
        assert_eq!(keys("MSET a 1 b 2"), ["a", "b"]);
        assert_eq!(keys("RENAME a b"), ["a", "b"]);
        assert_eq!(keys("COPY a b DB 1 REPLACE"), ["a", "b"]);
        assert_eq!(keys("OBJECT ENCODING a"), ["a"]);
        assert_eq!(keys("MEMORY USAGE a SAMPLES 1"), ["a"]);
        assert_eq!(keys("ZUNIONSTORE t 2 a b WEIGHTS 1 2"), ["t", "a", "b"]);
        assert_eq!(keys("ZUNION 9 a b"), ["a", "b"]);
        assert_eq!(keys("LMPOP x a LEFT"), [""; 0]);
        assert_eq!(keys("BLPOP a b 0"), ["a", "b"]);
        assert_eq!(keys("BZMPOP 0 2 a b MIN COUNT 3"), ["a", "b"]);
        assert_eq!(keys("BLMOVE a b LEFT RIGHT 0"), ["a", "b"]);
        assert_eq!(keys("SORT a BY w_* STORE x STORE t"), ["a", "t"]);
        assert_eq!(keys("GEORADIUS a 1 2 3 km STOREDIST t"), ["a", "t"]);
        assert_eq!(keys("PFMERGE t"), ["t"]);
        assert_eq!(keys("XREAD COUNT 5 BLOCK streams STREAMS a b $ 0"), ["a", "b"]);
        assert_eq!(keys("XREADGROUP GROUP streams c NOACK STREAMS a >"), ["a"]);
        assert_eq!(keys("XREAD STREAMS a b 0"), [""; 0]);
        assert_eq!(keys("XREAD FOO STREAMS a 0"), [""; 0]);
        assert_eq!(keys("XGROUP CREATE a g $"), ["a"]);
        assert_eq!(keys("PING a"), [""; 0]);
        assert_eq!(keys("COMMAND GETKEYS GET a"), [""; 0]);
    }
}
