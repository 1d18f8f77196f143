//! What was done to the elements of one collection, as bytes: what the journal is told of a large one, and what walks tell.
//!
//! ```text
//!   put    1 │ field │ value │ expires at ms u64, 0 never       hash
//!   drop   2 │ field or member                                  hash, set, sorted set
//!   add    3 │ member                                           set
//!   score  4 │ member │ f64                                     sorted set
//!   at     5 │ number i64 │ item                                list
//!   from   6 │ number i64                                       list: nothing is before
//!   until  7 │ number i64                                       list: nothing is there and behind
//!
//!   of a stream; an ID is two u64, a number that is not known is u64::MAX:
//!   entry     8 │ ID │ 1 if it begins a node │ entries added so far u64, of a new entry; 0 │ item of items: names and values
//!   gone      9 │ ID
//!   before   10 │ ID                                            nothing is before
//!   state    11 │ last ID │ highest deleted ID │ entries added u64
//!   group    12 │ name │ last delivered ID │ entries read u64
//!   ungroup  13 │ name
//!   consumer 14 │ group │ name │ seen at ms u64 │ active at ms u64
//!   leave    15 │ group │ name                                  with all that is pending for it
//!   pending  16 │ group │ consumer │ ID │ delivered at ms u64 │ times u64
//!   acked    17 │ group │ ID
//! ```
//!
//! Each is absolute: done twice, or after what it already contains, it changes nothing more. For that the items of a list have
//! numbers that stay when others come and go at its ends; an item that is taken out of the middle has those on the shorter side
//! told anew. Texts are `packed` items, integers little-endian.

use super::StreamId;
use super::packed::{put_item, take_item};

/// A number that is not known.
const UNKNOWN: u64 = u64::MAX;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Op<'a> {
    Put { field: &'a [u8], value: &'a [u8], expires_at_ms: Option<u64> },
    Drop { key: &'a [u8] },
    Add { member: &'a [u8] },
    Score { member: &'a [u8], score: f64 },
    At { number: i64, item: &'a [u8] },
    From { number: i64 },
    Until { number: i64 },
    Entry { id: StreamId, begins: bool, added: Option<u64>, fields: &'a [u8] },
    Gone { id: StreamId },
    Before { id: StreamId },
    State { last_id: StreamId, max_deleted_id: StreamId, entries_added: u64 },
    Group { name: &'a [u8], last_delivered: StreamId, entries_read: Option<u64> },
    Ungroup { name: &'a [u8] },
    Consumer { group: &'a [u8], name: &'a [u8], seen_ms: u64, active_ms: Option<u64> },
    Leave { group: &'a [u8], name: &'a [u8] },
    Pending { group: &'a [u8], consumer: &'a [u8], id: StreamId, delivered_ms: u64, count: u64 },
    Acked { group: &'a [u8], id: StreamId },
}

impl<'a> Op<'a> {
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Op::Put { field, value, expires_at_ms } => {
                out.push(1);
                put_item(field, out);
                put_item(value, out);
                out.extend_from_slice(&expires_at_ms.unwrap_or(0).to_le_bytes());
            }
            Op::Drop { key } => {
                out.push(2);
                put_item(key, out);
            }
            Op::Add { member } => {
                out.push(3);
                put_item(member, out);
            }
            Op::Score { member, score } => {
                out.push(4);
                put_item(member, out);
                out.extend_from_slice(&score.to_bits().to_le_bytes());
            }
            Op::At { number, item } => {
                out.push(5);
                out.extend_from_slice(&number.to_le_bytes());
                put_item(item, out);
            }
            Op::From { number } => {
                out.push(6);
                out.extend_from_slice(&number.to_le_bytes());
            }
            Op::Until { number } => {
                out.push(7);
                out.extend_from_slice(&number.to_le_bytes());
            }
            Op::Entry { id, begins, added, fields } => {
                out.push(8);
                put_id(id, out);
                out.push(u8::from(*begins));
                out.extend_from_slice(&added.unwrap_or(0).to_le_bytes());
                put_item(fields, out);
            }
            Op::Gone { id } => {
                out.push(9);
                put_id(id, out);
            }
            Op::Before { id } => {
                out.push(10);
                put_id(id, out);
            }
            Op::State { last_id, max_deleted_id, entries_added } => {
                out.push(11);
                put_id(last_id, out);
                put_id(max_deleted_id, out);
                out.extend_from_slice(&entries_added.to_le_bytes());
            }
            Op::Group { name, last_delivered, entries_read } => {
                out.push(12);
                put_item(name, out);
                put_id(last_delivered, out);
                out.extend_from_slice(&entries_read.unwrap_or(UNKNOWN).to_le_bytes());
            }
            Op::Ungroup { name } => {
                out.push(13);
                put_item(name, out);
            }
            Op::Consumer { group, name, seen_ms, active_ms } => {
                out.push(14);
                put_item(group, out);
                put_item(name, out);
                out.extend_from_slice(&seen_ms.to_le_bytes());
                out.extend_from_slice(&active_ms.unwrap_or(UNKNOWN).to_le_bytes());
            }
            Op::Leave { group, name } => {
                out.push(15);
                put_item(group, out);
                put_item(name, out);
            }
            Op::Pending { group, consumer, id, delivered_ms, count } => {
                out.push(16);
                put_item(group, out);
                put_item(consumer, out);
                put_id(id, out);
                out.extend_from_slice(&delivered_ms.to_le_bytes());
                out.extend_from_slice(&count.to_le_bytes());
            }
            Op::Acked { group, id } => {
                out.push(17);
                put_item(group, out);
                put_id(id, out);
            }
        }
    }

    /// Takes one of what may be anything; none if it is not whole.
    pub fn take(rest: &mut &'a [u8]) -> Option<Op<'a>> {
        let (kind, after) = rest.split_first()?;
        *rest = after;
        Some(match kind {
            1 => {
                let (field, value) = (take_item(rest)?, take_item(rest)?);
                Op::Put { field, value, expires_at_ms: Some(take_word(rest)?).filter(|at| *at != 0) }
            }
            2 => Op::Drop { key: take_item(rest)? },
            3 => Op::Add { member: take_item(rest)? },
            4 => {
                let member = take_item(rest)?;
                let score = f64::from_bits(take_word(rest)?);
                // No order has a place for it.
                Op::Score { member, score: if score.is_nan() { return None } else { score } }
            }
            5 => Op::At { number: take_word(rest)? as i64, item: take_item(rest)? },
            6 => Op::From { number: take_word(rest)? as i64 },
            7 => Op::Until { number: take_word(rest)? as i64 },
            8 => {
                let (id, begins) = (take_id(rest)?, take_byte(rest)? != 0);
                let added = Some(take_word(rest)?).filter(|added| *added != 0);
                let fields = take_item(rest)?;
                are_pairs(fields).then_some(Op::Entry { id, begins, added, fields })?
            }
            9 => Op::Gone { id: take_id(rest)? },
            10 => Op::Before { id: take_id(rest)? },
            11 => {
                let (last_id, max_deleted_id) = (take_id(rest)?, take_id(rest)?);
                Op::State { last_id, max_deleted_id, entries_added: take_word(rest)? }
            }
            12 => {
                let (name, last_delivered) = (take_item(rest)?, take_id(rest)?);
                Op::Group { name, last_delivered, entries_read: take_known(rest)? }
            }
            13 => Op::Ungroup { name: take_item(rest)? },
            14 => {
                let (group, name) = (take_item(rest)?, take_item(rest)?);
                Op::Consumer { group, name, seen_ms: take_word(rest)?, active_ms: take_known(rest)? }
            }
            15 => Op::Leave { group: take_item(rest)?, name: take_item(rest)? },
            16 => {
                let (group, consumer, id) = (take_item(rest)?, take_item(rest)?, take_id(rest)?);
                Op::Pending { group, consumer, id, delivered_ms: take_word(rest)?, count: take_word(rest)? }
            }
            17 => Op::Acked { group: take_item(rest)?, id: take_id(rest)? },
            _ => return None,
        })
    }
}

fn put_id(id: &StreamId, out: &mut Vec<u8>) {
    out.extend_from_slice(&id.ms.to_le_bytes());
    out.extend_from_slice(&id.sequence.to_le_bytes());
}

fn take_id(rest: &mut &[u8]) -> Option<StreamId> {
    Some(StreamId::new(take_word(rest)?, take_word(rest)?))
}

fn take_byte(rest: &mut &[u8]) -> Option<u8> {
    let (byte, after) = rest.split_first()?;
    *rest = after;
    Some(*byte)
}

fn take_known(rest: &mut &[u8]) -> Option<Option<u64>> {
    Some(Some(take_word(rest)?).filter(|number| *number != UNKNOWN))
}

/// Whether these are whole items, and an even number of them, but not none.
fn are_pairs(mut items: &[u8]) -> bool {
    let mut count = 0usize;
    while take_item(&mut items).is_some() {
        count += 1;
    }
    items.is_empty() && count > 0 && count.is_multiple_of(2)
}

fn take_word(rest: &mut &[u8]) -> Option<u64> {
    let (word, after) = rest.split_first_chunk::<8>()?;
    *rest = after;
    Some(u64::from_le_bytes(*word))
}

/// The operations that bytes hold, as far as they are whole.
pub fn ops_in(mut bytes: &[u8]) -> impl Iterator<Item = Op<'_>> {
    std::iter::from_fn(move || Op::take(&mut bytes))
}
