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
//! ```
//!
//! Each is absolute: done twice, or after what it already contains, it changes nothing more. For that the items of a list have
//! numbers that stay when others come and go at its ends; an item that is taken out of the middle has those on the shorter side
//! told anew. Texts are `packed` items, integers little-endian.

use super::packed::{put_item, take_item};

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Op<'a> {
    Put { field: &'a [u8], value: &'a [u8], expires_at_ms: Option<u64> },
    Drop { key: &'a [u8] },
    Add { member: &'a [u8] },
    Score { member: &'a [u8], score: f64 },
    At { number: i64, item: &'a [u8] },
    From { number: i64 },
    Until { number: i64 },
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
            _ => return None,
        })
    }
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
