//! Estimates of how many different things were seen: strings in Redis's own format, so that they can go from one to the other.
//!
//! ```text
//!   head     │ HYLL │ 0 dense, 1 sparse │ 3 unused │ cached count u64, its highest bit: not valid │
//!   dense    16384 registers of 6 bits, from the lowest bit of the first byte on
//!   sparse   runs:  00nnnnnn  n+1 zeros    01nnnnnn nnnnnnnn  n+1 zeros    1vvvvvnn  n+1 registers of v+1
//! ```
//!
//! Flajolet and others: HyperLogLog, 2007; the estimator is Otmar Ertl's (New cardinality estimation algorithms for HyperLogLog
//! sketches, 2017), as in Redis. A count is computed when it is asked for and never cached, so asking changes nothing.

use super::collection::Kept;
use super::{Context, string_of};
use crate::events::Class;
use dcache_engine::ValueRef;
use dcache_protocol::error::WireError;

const BITS: u32 = 14;
const REGISTERS: usize = 1 << BITS;
/// Values a register can have beyond 0.
const RANKS: usize = 64 - BITS as usize;
const HEAD: usize = 16;
const DENSE_BYTES: usize = HEAD + REGISTERS * 6 / 8;
/// A longer sparse one becomes dense, as does one with a larger register.
const SPARSE_BYTES_MAX: usize = 3000;
const SPARSE_VALUE_MAX: u8 = 32;

type Registers = Box<[u8; REGISTERS]>;

/// Registers of a string; none: it is no such string.
fn read(text: &[u8]) -> Option<Result<Registers, WireError>> {
    if text.len() < HEAD || &text[..4] != b"HYLL" || text[4] > 1 || (text[4] == 0 && text.len() != DENSE_BYTES) {
        return None;
    }
    let mut registers: Registers = Box::new([0; REGISTERS]);
    let body = &text[HEAD..];
    if text[4] == 0 {
        for (index, register) in registers.iter_mut().enumerate() {
            let (byte, shift) = (index * 6 / 8, index * 6 % 8);
            let pair = u16::from(body[byte]) | u16::from(body.get(byte + 1).copied().unwrap_or(0)) << 8;
            *register = (pair >> shift) as u8 & 63;
        }
        return Some(Ok(registers));
    }
    let corrupt = || Some(Err(WireError::Other("INVALIDOBJ Corrupted HLL object detected".into())));
    let (mut index, mut at) = (0, 0);
    while at < body.len() {
        let (value, count) = match body[at] {
            byte @ 0..0x40 => (0, usize::from(byte & 63) + 1),
            byte @ 0x40..0x80 => {
                at += 1;
                let Some(next) = body.get(at) else { return corrupt() };
                (0, (usize::from(byte & 63) << 8 | usize::from(*next)) + 1)
            }
            byte => ((byte >> 2 & 31) + 1, usize::from(byte & 3) + 1),
        };
        let Some(run) = registers.get_mut(index..index + count) else { return corrupt() };
        run.fill(value);
        (index, at) = (index + count, at + 1);
    }
    if index == REGISTERS { Some(Ok(registers)) } else { corrupt() }
}

/// The string of registers: sparse as long as it may be.
fn write(registers: &[u8; REGISTERS], may_be_sparse: bool) -> Vec<u8> {
    let mut text = b"HYLL\0\0\0\0\0\0\0\0\0\0\0\x80".to_vec();
    if may_be_sparse && registers.iter().all(|value| *value <= SPARSE_VALUE_MAX) {
        text[4] = 1;
        for run in registers.chunk_by(|one, other| one == other) {
            let mut left = run.len();
            while left > 0 {
                let most = if run[0] == 0 { REGISTERS } else { 4 };
                let count = left.min(most);
                match (run[0], count) {
                    (0, 1..=64) => text.push(count as u8 - 1),
                    (0, _) => text.extend_from_slice(&[0x40 | ((count - 1) >> 8) as u8, (count - 1) as u8]),
                    (value, _) => text.push(0x80 | (value - 1) << 2 | (count as u8 - 1)),
                }
                left -= count;
            }
        }
        if text.len() <= SPARSE_BYTES_MAX {
            return text;
        }
        text.truncate(HEAD);
        text[4] = 0;
    }
    text.resize(DENSE_BYTES, 0);
    for (index, value) in registers.iter().enumerate() {
        let (byte, shift) = (HEAD + index * 6 / 8, index * 6 % 8);
        let pair = u16::from(*value) << shift;
        text[byte] |= pair as u8;
        if shift > 2 {
            text[byte + 1] |= (pair >> 8) as u8;
        }
    }
    text
}

/// MurmurHash64A with Redis's seed.
fn hash(bytes: &[u8]) -> u64 {
    const M: u64 = 0xc6a4_a793_5bd1_e995;
    let mut hash = 0xadc8_3b19u64 ^ (bytes.len() as u64).wrapping_mul(M);
    let chunks = bytes.chunks_exact(8);
    let rest = chunks.remainder();
    for chunk in chunks {
        let mut k = chunk.iter().rev().fold(0u64, |word, byte| word << 8 | u64::from(*byte)).wrapping_mul(M);
        k = (k ^ k >> 47).wrapping_mul(M);
        hash = (hash ^ k).wrapping_mul(M);
    }
    if !rest.is_empty() {
        let tail = rest.iter().rev().fold(0u64, |word, byte| word << 8 | u64::from(*byte));
        hash = (hash ^ tail).wrapping_mul(M);
    }
    hash = (hash ^ hash >> 47).wrapping_mul(M);
    hash ^ hash >> 47
}

/// The register that an element is for, and the value it asks of it.
fn place_of(element: &[u8]) -> (usize, u8) {
    let hash = hash(element);
    let rank = (hash >> BITS | 1 << RANKS).trailing_zeros() + 1;
    ((hash as usize) & (REGISTERS - 1), rank as u8)
}

fn estimate(registers: &[u8; REGISTERS]) -> u64 {
    let mut counts = [0u32; 64];
    registers.iter().for_each(|value| counts[usize::from(*value)] += 1);
    let m = REGISTERS as f64;
    let mut z = m * tau((m - f64::from(counts[RANKS + 1])) / m);
    for count in counts[1..=RANKS].iter().rev() {
        z = (z + f64::from(*count)) * 0.5;
    }
    z += m * sigma(f64::from(counts[0]) / m);
    const ALPHA: f64 = 0.721_347_520_444_481_7;
    (ALPHA * m * m / z).round() as u64
}

fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x).powi(2) * y;
        if z == before {
            return z / 3.0;
        }
    }
}

fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z == before {
            return z;
        }
    }
}

fn registers_of(value: ValueRef<'_>) -> Result<Registers, WireError> {
    let not_one = || WireError::Other("WRONGTYPE Key is not a valid HyperLogLog string value.".into());
    read(string_of(value)?).ok_or_else(not_one)?
}

fn is_sparse(value: ValueRef<'_>) -> bool {
    value.as_string().and_then(|text| text.get(4)) == Some(&1)
}

pub fn pfadd(context: &mut Context<'_>) -> Result<(), WireError> {
    let key = context.arg(1);
    let namespace = context.namespace_of(key);
    let mut guard = context.lock_with_room(key, namespace, DENSE_BYTES)?;
    let (mut registers, may_be_sparse, expires_at_ms, mut is_changed) =
        match guard.peek(context.database, key, context.now_ms) {
            Some(entry) => (registers_of(entry.value())?, is_sparse(entry.value()), entry.expires_at_ms(), false),
            None => (Box::new([0; REGISTERS]), true, context.expiry_of_write(namespace, None), true),
        };
    for element in context.args.iter().skip(2) {
        let (place, rank) = place_of(element);
        if registers[place] < rank {
            registers[place] = rank;
            is_changed = true;
        }
    }
    if is_changed {
        let text = write(&registers, may_be_sparse);
        context.put(&mut guard, key, ValueRef::String(&text), expires_at_ms, namespace)?;
        context.notify(Class::STRING, "pfadd", key);
    }
    context.reply.integer(i64::from(is_changed));
    Ok(())
}

/// The registers of all of some keys together, and whether any of them is dense.
fn union<'a>(context: &Context<'_>, keys: impl Iterator<Item = &'a [u8]>) -> Result<(Registers, bool), WireError> {
    let mut all: Registers = Box::new([0; REGISTERS]);
    let mut is_dense = false;
    let mut kept = Kept::new();
    for key in keys {
        let Some(value) = context.value(kept.of(context, key), key) else { continue };
        let registers = registers_of(value)?;
        is_dense |= !is_sparse(value);
        all.iter_mut().zip(registers.iter()).for_each(|(one, other)| *one = (*one).max(*other));
    }
    Ok((all, is_dense))
}

pub fn pfcount(context: &mut Context<'_>) -> Result<(), WireError> {
    let (registers, _) = union(context, context.args.iter().skip(1))?;
    context.reply.integer(estimate(&registers) as i64);
    Ok(())
}

pub fn pfmerge(context: &mut Context<'_>) -> Result<(), WireError> {
    let key = context.arg(1);
    let (registers, is_dense) = union(context, context.args.iter().skip(1))?;
    let namespace = context.namespace_of(key);
    let text = write(&registers, !is_dense);
    let mut guard = context.lock_with_room(key, namespace, text.len())?;
    let expires_at_ms = match guard.peek(context.database, key, context.now_ms) {
        Some(entry) => entry.expires_at_ms(),
        None => context.expiry_of_write(namespace, None),
    };
    context.put(&mut guard, key, ValueRef::String(&text), expires_at_ms, namespace)?;
    context.notify(Class::STRING, "pfadd", key);
    context.reply.ok();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_read_back_sparse_and_dense_and_what_is_broken_does_not() {
        let mut registers = [0; REGISTERS];
        for number in 0..2000u32 {
            let text = write(&registers, true);
            assert!(text[4] == 1 || number > 200, "few registers are sparse");
            assert_eq!(*read(&text).expect("one").expect("a whole one"), registers);
            assert_eq!(*read(&write(&registers, false)).expect("one").expect("a whole one"), registers);
            let (place, rank) = place_of(&number.to_be_bytes());
            registers[place] = registers[place].max(rank);
        }
        let (many, most) = (estimate(&registers), write(&[32; REGISTERS], true));
        assert!((1900..2100).contains(&many), "{many}");
        assert_eq!(most.len(), DENSE_BYTES, "a run of 4 is the longest of a value");
        let sparse = write(&[0; REGISTERS], true);
        assert_eq!(sparse.len(), HEAD + 2);
        assert!(
            read(&sparse[..HEAD]).expect("one").is_err() && read(&[&sparse[..], b"\0"].concat()).expect("one").is_err()
        );
        assert!(read(b"HYLL").is_none() && read(&most[..most.len() - 1]).is_none());
    }
}
