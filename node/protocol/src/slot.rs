//! Hash slots: the 16384 cells every key falls into, by CRC16 of the key or of its hash tag.
//!
//! Source: the Redis cluster specification (<https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/>),
//! "Key distribution model" and "Hash tags". CRC16 is the XMODEM variant (polynomial 0x1021, initial value 0, no reflection).
//! Who owns a slot is not known here.

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

    /// Joins ascending slots into the fewest ranges.
    pub fn join(slots: impl IntoIterator<Item = Slot>) -> Vec<SlotRange> {
        let mut ranges: Vec<SlotRange> = Vec::new();
        for slot in slots {
            match ranges.last_mut() {
                Some(range) if range.last.0 + 1 == slot.0 => range.last = slot,
                _ => ranges.push(SlotRange { first: slot, last: slot }),
            }
        }
        ranges
    }
}

impl fmt::Display for SlotRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last { write!(f, "{}", self.first) } else { write!(f, "{}-{}", self.first, self.last) }
    }
}

/// The slot of a key. Only what stands between the first `{` and the next `}` is hashed, unless that is empty.
pub fn slot_of(key: &[u8]) -> Slot {
    Slot(crc16(hash_tag(key)) % SLOTS)
}

fn hash_tag(key: &[u8]) -> &[u8] {
    let Some(open) = key.iter().position(|&b| b == b'{') else { return key };
    let rest = &key[open + 1..];
    match rest.iter().position(|&b| b == b'}') {
        Some(length) if length > 0 => &rest[..length],
        _ => key,
    }
}

fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0u16, |crc, &b| (crc << 8) ^ CRC16_TABLE[usize::from((crc >> 8) as u8 ^ b)])
}

const CRC16_TABLE: [u16; 256] = crc16_table();

const fn crc16_table() -> [u16; 256] {
    let mut table = [0u16; 256];
    let mut i = 0;
    while i < 256 {
        let mut crc = (i as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 != 0 { (crc << 1) ^ 0x1021 } else { crc << 1 };
            bit += 1;
        }
        table[i] = crc;
        i += 1;
    }
    table
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
