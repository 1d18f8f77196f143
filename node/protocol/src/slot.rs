//! Hash slots: the 16384 cells every key falls into, by CRC16 of the key or of its hash tag.
//!
//! Source: the Redis cluster specification (<https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/>),
//! "Key distribution model" and "Hash tags". CRC16 is the XMODEM variant (polynomial 0x1021, initial value 0, no reflection).
//! Who owns a slot is not known here.

use crate::namespace::{DATABASES, PINNED};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Number of hash slots; fixed by the Redis cluster protocol.
pub const SLOTS: u16 = 16384;

/// One hash slot, always below [`SLOTS`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Slot(u16);

impl Slot {
    /// `None` when `number` is not below [`SLOTS`].
    pub fn new(number: u16) -> Option<Slot> {
        (number < SLOTS).then_some(Slot(number))
    }

    pub fn number(self) -> u16 {
        self.0
    }

    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// Every slot in ascending order.
    pub fn all() -> impl DoubleEndedIterator<Item = Slot> {
        (0..SLOTS).map(Slot)
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for Slot {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Slot, D::Error> {
        let number = u16::deserialize(deserializer)?;
        Slot::new(number).ok_or_else(|| serde::de::Error::custom(format!("slot {number} is not below {SLOTS}")))
    }
}

/// An inclusive range of slots, as `CLUSTER SLOTS` prints them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SlotRange {
    pub first: Slot,
    pub last: Slot,
}

impl SlotRange {
    pub fn len(&self) -> usize {
        (self.last.index() + 1).saturating_sub(self.first.index())
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn contains(&self, slot: Slot) -> bool {
        self.first <= slot && slot <= self.last
    }

    /// Joins ascending slots, or ranges of them, into the fewest ranges.
    pub fn join<T: Into<SlotRange>>(parts: impl IntoIterator<Item = T>) -> Vec<SlotRange> {
        let mut ranges: Vec<SlotRange> = Vec::new();
        parts.into_iter().for_each(|part| SlotRange::push(&mut ranges, part.into()));
        ranges
    }

    /// Adds what comes after all of them.
    pub fn push(ranges: &mut Vec<SlotRange>, next: SlotRange) {
        match ranges.last_mut() {
            Some(range) if range.last.0 + 1 == next.first.0 => range.last = next.last,
            _ => ranges.push(next),
        }
    }
}

impl From<Slot> for SlotRange {
    fn from(slot: Slot) -> SlotRange {
        SlotRange { first: slot, last: slot }
    }
}

impl fmt::Display for SlotRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last { write!(f, "{}", self.first) } else { write!(f, "{}-{}", self.first, self.last) }
    }
}

/// The slot of a key. Only what stands between the first `{` and the next `}` is hashed, unless that is empty.
pub fn slot_of(key: &[u8]) -> Slot {
    let bytes = if has_brace(key) { hash_tag(key) } else { key };
    Slot(crc16(bytes) % SLOTS)
}

/// The slot of a key of a numbered database. All keys of a pinned one are in the same slot; those of different pinned databases lie far
/// apart.
#[inline]
pub fn slot_in(database: u16, key: &[u8]) -> Slot {
    if database & PINNED == 0 {
        return slot_of(key);
    }
    let each = SLOTS / DATABASES;
    Slot((database % DATABASES) * each + each / 2)
}

/// Whether a key has a `{`; hardly any does. Eight bytes a step: where a byte is zero, subtracting one borrows.
fn has_brace(key: &[u8]) -> bool {
    const ONES: u64 = u64::MAX / 0xff;
    let (words, rest) = key.as_chunks::<8>();
    let borrowed = words.iter().fold(0, |borrowed, word| {
        let differing = u64::from_le_bytes(*word) ^ (ONES * b'{' as u64);
        borrowed | (differing.wrapping_sub(ONES) & !differing)
    });
    borrowed & (ONES << 7) != 0 || rest.contains(&b'{')
}

fn hash_tag(key: &[u8]) -> &[u8] {
    let Some(open) = key.iter().position(|&b| b == b'{') else { return key };
    let rest = &key[open + 1..];
    match rest.iter().position(|&b| b == b'}') {
        Some(length) if length > 0 => &rest[..length],
        _ => key,
    }
}

/// Eight bytes a step ("slicing"): what each adds does not depend on the others, so a step takes the time of one look-up.
fn crc16(bytes: &[u8]) -> u16 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut crc = 0u16;
    for word in words {
        let [high, low] = crc.to_be_bytes();
        let at = |zeros: usize, byte: u8| CRC16_TABLES[zeros][usize::from(byte)];
        crc = at(7, word[0] ^ high)
            ^ at(6, word[1] ^ low)
            ^ at(5, word[2])
            ^ at(4, word[3])
            ^ at(3, word[4])
            ^ at(2, word[5])
            ^ at(1, word[6])
            ^ at(0, word[7]);
    }
    rest.iter().fold(crc, |crc, &b| (crc << 8) ^ CRC16_TABLES[0][usize::from((crc >> 8) as u8 ^ b)])
}

/// By how many zero bytes follow: the CRC of one byte.
static CRC16_TABLES: [[u16; 256]; 8] = crc16_tables();

const fn crc16_tables() -> [[u16; 256]; 8] {
    let mut tables = [[0u16; 256]; 8];
    let mut i = 0;
    while i < 256 {
        let mut crc = (i as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 != 0 { (crc << 1) ^ 0x1021 } else { crc << 1 };
            bit += 1;
        }
        tables[0][i] = crc;
        i += 1;
    }
    let mut zeros = 1;
    while zeros < 8 {
        let mut i = 0;
        while i < 256 {
            let crc = tables[zeros - 1][i];
            tables[zeros][i] = (crc << 8) ^ tables[0][(crc >> 8) as usize];
            i += 1;
        }
        zeros += 1;
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc16_is_the_one_of_the_specification() {
        assert_eq!(crc16(b"123456789"), 0x31C3);
        assert_eq!(slot_of(b"foo").number(), 12182);
        assert_eq!(slot_of(b"").number(), 0);
    }

    #[test]
    fn crc16_is_that_of_bit_by_bit_at_every_length() {
        let bytes: Vec<u8> = (0..100u8).map(|n| n.wrapping_mul(151) ^ 0x5a).collect();
        for length in 0..bytes.len() {
            let expected = bytes[..length].iter().fold(0u16, |crc, &byte| {
                let step = |crc: u16, _| if crc & 0x8000 != 0 { (crc << 1) ^ 0x1021 } else { crc << 1 };
                (0..8).fold(crc ^ u16::from(byte) << 8, step)
            });
            assert_eq!(crc16(&bytes[..length]), expected, "of {length} bytes");
        }
    }

    #[test]
    fn only_a_non_empty_hash_tag_is_hashed() {
        assert_eq!(slot_of(b"{user1000}.following"), slot_of(b"{user1000}.followers"));
        assert_eq!(slot_of(b"foo{bar}{zap}"), slot_of(b"bar"));
        assert_eq!(slot_of(b"foo{{bar}}zap"), slot_of(b"{bar"));
        assert_ne!(slot_of(b"foo{}{bar}"), slot_of(b"bar"));
        assert_ne!(slot_of(b"foo{}{bar}"), slot_of(b""));
        assert_eq!(slot_of(b"foo{bar").number(), crc16(b"foo{bar") % SLOTS);
    }

    #[test]
    fn ranges_join_what_touches() {
        let slots = [0, 1, 2, 5, 7, 8].map(Slot);
        let text: Vec<String> = SlotRange::join(slots).iter().map(ToString::to_string).collect();
        assert_eq!(text, ["0-2", "5", "7-8"]);
    }
}
