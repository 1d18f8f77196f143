//! Messages between copies, as bytes.
//!
//! ```text
//!  every message   partition u16 │ kind u8 │ generation u64 │ term u64 │ then by kind:
//!  append    1     previous: term u64, seq u64 │ commit u64 │ term start u64 │ entries: count u32, each term u64, length u32, effect
//!  ack       2     seq u64 │ applied u64 │ attempt u64 │ has data u8
//!  behind    3     attempt u64 │ known: u8 0 or 1, term u64, seq u64
//!  chunk     4     attempt u64 │ index u64 │ start: term u64, seq u64 │ as of u64 │ end: u8 0 or 1, u64 │ effects
//!  loaded    5     attempt u64 │ index u64
//!  newer     6
//!  given up  7     attempt u64
//! ```
//!
//! With 0xffff in place of a partition, a message is about all of them:
//!
//! ```text
//!  ask       8     asked at u64
//!  levels    9     asked at u64 │ count u32, each partition u16, term u64, seq u64
//! ```
//!
//! Integers are little-endian. Entries of one message follow each other, so only the first one's seq is said, by what is before
//! it. Who sends is known from the link.

use super::freshness::Level;
use dcache_cluster::failover::Member;
use dcache_cluster::replication::{Body, Effect, Entry, Message, Position};
use dcache_protocol::PartitionId;

/// In place of a partition: about all.
const ALL: u16 = u16::MAX;

/// A message about all partitions between two nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OfAll {
    Ask { asked_at: u64 },
    Levels { asked_at: u64, levels: Vec<Level> },
}

pub fn encode_ask(asked_at: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(&ALL.to_le_bytes());
    out.push(8);
    out.extend_from_slice(&asked_at.to_le_bytes());
}

pub fn encode_levels(asked_at: u64, levels: &[Level], out: &mut Vec<u8>) {
    out.extend_from_slice(&ALL.to_le_bytes());
    out.push(9);
    out.extend_from_slice(&asked_at.to_le_bytes());
    out.extend_from_slice(&(levels.len() as u32).to_le_bytes());
    for level in levels {
        out.extend_from_slice(&level.partition.0.to_le_bytes());
        out.extend_from_slice(&level.term.to_le_bytes());
        out.extend_from_slice(&level.seq.to_le_bytes());
    }
}

/// None: these are not the bytes of a message about all partitions.
pub fn decode_of_all(bytes: &[u8]) -> Option<OfAll> {
    let mut rest = Rest(bytes);
    if u16::from_le_bytes(rest.take()?) != ALL {
        return None;
    }
    let ([kind], asked_at) = (rest.take()?, rest.number()?);
    let message = match kind {
        8 => OfAll::Ask { asked_at },
        9 => {
            let count = u32::from_le_bytes(rest.take()?) as usize;
            // Each takes 18 bytes: no memory for what is not there.
            let mut levels = Vec::with_capacity(count.min(rest.0.len() / 18));
            for _ in 0..count {
                let partition = PartitionId(u16::from_le_bytes(rest.take()?));
                levels.push(Level { partition, term: rest.number()?, seq: rest.number()? });
            }
            OfAll::Levels { asked_at, levels }
        }
        _ => return None,
    };
    rest.0.is_empty().then_some(message)
}

pub fn encode(partition: PartitionId, message: &Message, out: &mut Vec<u8>) {
    let mut put = |bytes: &[u8]| out.extend_from_slice(bytes);
    put(&partition.0.to_le_bytes());
    let kind: u8 = match &message.body {
        Body::Append { .. } => 1,
        Body::Ack { .. } => 2,
        Body::Behind { .. } => 3,
        Body::Chunk { .. } => 4,
        Body::Loaded { .. } => 5,
        Body::Newer => 6,
        Body::GivenUp { .. } => 7,
    };
    put(&[kind]);
    put(&message.generation.to_le_bytes());
    put(&message.term.to_le_bytes());
    match &message.body {
        Body::Append { previous, entries, commit, term_start } => {
            for number in [previous.term, previous.seq, *commit, *term_start] {
                put(&number.to_le_bytes());
            }
            put(&(entries.len() as u32).to_le_bytes());
            for entry in entries {
                put(&entry.position.term.to_le_bytes());
                put(&(entry.effect.len() as u32).to_le_bytes());
                put(&entry.effect);
            }
        }
        Body::Ack { seq, applied, attempt, has_data } => {
            for number in [seq, applied, attempt] {
                put(&number.to_le_bytes());
            }
            put(&[u8::from(*has_data)]);
        }
        Body::Behind { known, attempt } => {
            put(&attempt.to_le_bytes());
            put(&[u8::from(known.is_some())]);
            let known = known.unwrap_or_default();
            put(&known.term.to_le_bytes());
            put(&known.seq.to_le_bytes());
        }
        Body::Chunk { attempt, index, start, as_of, state, end } => {
            put(&attempt.to_le_bytes());
            put(&index.to_le_bytes());
            for number in [start.term, start.seq, *as_of] {
                put(&number.to_le_bytes());
            }
            put(&[u8::from(end.is_some())]);
            put(&end.unwrap_or_default().to_le_bytes());
            put(state);
        }
        Body::Loaded { attempt, index } => {
            put(&attempt.to_le_bytes());
            put(&index.to_le_bytes());
        }
        Body::GivenUp { attempt } => put(&attempt.to_le_bytes()),
        Body::Newer => {}
    }
}

/// How far an append says that all is committed; none: it is none.
pub fn commit_of(bytes: &[u8]) -> Option<(PartitionId, u64)> {
    let mut rest = Rest(bytes);
    let partition = PartitionId(u16::from_le_bytes(rest.take()?));
    let [kind] = rest.take()?;
    let [_generation, _term, _previous_term, _previous_seq, commit] =
        [rest.number()?, rest.number()?, rest.number()?, rest.number()?, rest.number()?];
    (kind == 1).then_some((partition, commit))
}

/// None: these are not the bytes of a message.
pub fn decode(from: Member, bytes: &[u8]) -> Option<(PartitionId, Message)> {
    let mut rest = Rest(bytes);
    let partition = PartitionId(u16::from_le_bytes(rest.take()?));
    let [kind] = rest.take()?;
    let (generation, term) = (rest.number()?, rest.number()?);
    let body = match kind {
        1 => {
            let previous = rest.position()?;
            let (commit, term_start) = (rest.number()?, rest.number()?);
            let count = u32::from_le_bytes(rest.take()?) as usize;
            // Each takes 12 bytes at least: no memory for what is not there.
            let mut entries = Vec::with_capacity(count.min(rest.0.len() / 12));
            // All effects share one copy of the message.
            let all = Effect::copy_from_slice(rest.0);
            for index in 0..count as u64 {
                let term = rest.number()?;
                let length = u32::from_le_bytes(rest.take()?) as usize;
                let start = all.len() - rest.0.len();
                rest.bytes(length)?;
                let seq = previous.seq.checked_add(1 + index)?;
                entries.push(Entry { position: Position { term, seq }, effect: all.slice(start..start + length) });
            }
            Body::Append { previous, entries, commit, term_start }
        }
        2 => {
            let (seq, applied, attempt) = (rest.number()?, rest.number()?, rest.number()?);
            let [has_data] = rest.take()?;
            Body::Ack { seq, applied, attempt, has_data: has_data == 1 }
        }
        3 => {
            let attempt = rest.number()?;
            let [is_known] = rest.take()?;
            let known = rest.position()?;
            Body::Behind { known: (is_known == 1).then_some(known), attempt }
        }
        4 => {
            let (attempt, index) = (rest.number()?, rest.number()?);
            let (start, as_of) = (rest.position()?, rest.number()?);
            let [has_end] = rest.take()?;
            let end = rest.number()?;
            let state = Effect::copy_from_slice(std::mem::take(&mut rest.0));
            Body::Chunk { attempt, index, start, as_of, state, end: (has_end == 1).then_some(end) }
        }
        5 => Body::Loaded { attempt: rest.number()?, index: rest.number()? },
        6 => Body::Newer,
        7 => Body::GivenUp { attempt: rest.number()? },
        _ => return None,
    };
    rest.0.is_empty().then_some((partition, Message { from, generation, term, body }))
}

/// What is not read yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    fn number(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn position(&mut self) -> Option<Position> {
        Some(Position { term: self.number()?, seq: self.number()? })
    }

    fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dcache_protocol::{Incarnation, NodeId};

    fn some() -> Vec<Message> {
        let from = Member { node: NodeId(3), incarnation: Incarnation(4) };
        let position = |term, seq| Position { term, seq };
        let entry = |term, seq, text: &str| Entry {
            position: position(term, seq),
            effect: Effect::copy_from_slice(text.as_bytes()),
        };
        let entries = vec![entry(4, 11, "one"), entry(5, 12, "")];
        [
            Body::Append { previous: position(4, 10), entries, commit: 9, term_start: 11 },
            Body::Append { previous: position(0, 0), entries: Vec::new(), commit: 0, term_start: 0 },
            Body::Ack { seq: 12, applied: u64::MAX, attempt: 2, has_data: true },
            Body::Behind { known: Some(position(1, 2)), attempt: 3 },
            Body::Behind { known: None, attempt: 4 },
            Body::Chunk {
                attempt: 1,
                index: 2,
                start: position(3, 4),
                as_of: 5,
                state: Effect::from_static(b"state"),
                end: Some(6),
            },
            Body::Loaded { attempt: 1, index: 7 },
            Body::GivenUp { attempt: 8 },
            Body::Newer,
        ]
        .map(|body| Message { from, generation: 7, term: 5, body })
        .into()
    }

    #[test]
    fn messages_read_back_and_no_part_of_one_is_one() {
        for message in some() {
            let mut bytes = Vec::new();
            encode(PartitionId(513), &message, &mut bytes);
            assert_eq!(decode(message.from, &bytes), Some((PartitionId(513), message.clone())));
            let commit = match message.body {
                Body::Append { commit, .. } => Some((PartitionId(513), commit)),
                _ => None,
            };
            assert_eq!(commit_of(&bytes), commit);
            // A chunk has whatever follows.
            let whole = if matches!(message.body, Body::Chunk { .. }) { bytes.len() - 5 } else { bytes.len() };
            for length in 0..whole {
                assert_eq!(decode(message.from, &bytes[..length]), None, "{message:?} {length}");
            }
        }
    }

    #[test]
    fn messages_about_all_read_back_and_no_part_of_one_is_one() {
        let level = |partition, seq| Level { partition: PartitionId(partition), term: 3, seq };
        let levels = vec![level(0, 1), level(1023, u64::MAX)];
        let (mut ask, mut told) = (Vec::new(), Vec::new());
        encode_ask(7, &mut ask);
        encode_levels(8, &levels, &mut told);
        assert_eq!(decode_of_all(&ask), Some(OfAll::Ask { asked_at: 7 }));
        assert_eq!(decode_of_all(&told), Some(OfAll::Levels { asked_at: 8, levels }));
        assert!((0..told.len()).all(|length| decode_of_all(&told[..length]).is_none()));
        let from = some()[0].from;
        assert!([&ask, &told].iter().all(|bytes| decode(from, bytes).is_none() && commit_of(bytes).is_none()));
    }

    #[test]
    fn a_hostile_count_takes_no_memory() {
        let mut bytes = Vec::new();
        encode(PartitionId(0), &some()[1], &mut bytes);
        let count = bytes.len() - 4;
        bytes[count..].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(decode(some()[0].from, &bytes), None);
    }
}
