//! IDs of a stream's entries: what they are, their order, and how clients write them. Left out: which one comes next in a stream.

use crate::value::packed::integer_of;
use std::fmt;

/// Redis reads no longer ones, and none of them beyond a zero byte.
const TEXT_BYTES_MAX: usize = 127;

/// The ID of an entry: a time in Unix ms, and a number among those of that time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    pub ms: u64,
    pub sequence: u64,
}

impl StreamId {
    pub const MIN: StreamId = StreamId { ms: 0, sequence: 0 };
    pub const MAX: StreamId = StreamId { ms: u64::MAX, sequence: u64::MAX };

    pub fn new(ms: u64, sequence: u64) -> StreamId {
        StreamId { ms, sequence }
    }

    /// `ms-sequence`, or `ms` alone, of which the sequence is then `missing`.
    pub fn parse(text: &[u8], missing: u64) -> Option<StreamId> {
        if text.len() > TEXT_BYTES_MAX {
            return None;
        }
        let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
        match text.iter().position(|byte| *byte == b'-') {
            Some(at) => Some(StreamId::new(decimal(&text[..at])?, decimal(&text[at + 1..])?)),
            None => Some(StreamId::new(decimal(text)?, missing)),
        }
    }

    /// The one behind it; none behind the last.
    pub fn next(self) -> Option<StreamId> {
        match self.sequence.checked_add(1) {
            Some(sequence) => Some(StreamId { sequence, ..self }),
            None => Some(StreamId::new(self.ms.checked_add(1)?, 0)),
        }
    }

    /// The one before it; none before the first.
    pub fn previous(self) -> Option<StreamId> {
        match self.sequence.checked_sub(1) {
            Some(sequence) => Some(StreamId { sequence, ..self }),
            None => Some(StreamId::new(self.ms.checked_sub(1)?, u64::MAX)),
        }
    }
}

/// A number as Redis reads it here, which is as C's `strtoull` does: behind blanks, with a sign, with zeros before it. A negative
/// one wraps, unless it is written plainly.
fn decimal(text: &[u8]) -> Option<u64> {
    let blanks = text.iter().take_while(|byte| matches!(byte, b' ' | b'\t'..=b'\r')).count();
    let (digits, is_negative) = match &text[blanks..] {
        [b'-', digits @ ..] => (digits, true),
        [b'+', digits @ ..] => (digits, false),
        digits => (digits, false),
    };
    if !digits.iter().all(u8::is_ascii_digit) || (is_negative && integer_of(text).is_some()) {
        return None;
    }
    let number: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some(if is_negative { number.wrapping_neg() } else { number })
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.sequence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_written() {
        assert_eq!(StreamId::parse(b"5", 7), Some(StreamId::new(5, 7)));
        assert_eq!(StreamId::parse(b"5-3", 7), Some(StreamId::new(5, 3)));
        assert_eq!(StreamId::parse(b"18446744073709551615-18446744073709551615", 0), Some(StreamId::MAX));
        for text in ["", "-", "5-", "-5", "5-3-1", "a", "12-1x", "-0-5", "5-*", "5--3", "18446744073709551616"] {
            assert_eq!(StreamId::parse(text.as_bytes(), 0), None, "{text}");
        }
        assert_eq!(StreamId::parse(&[b'0'; 128], 0), None);
    }

    #[test]
    fn ids_are_read_as_loosely_as_redis_reads_them() {
        for text in ["05-3", "+5-3", " 5-3", "5-03", "5-+3", "5- 3", "5-3\0-9"] {
            assert_eq!(StreamId::parse(text.as_bytes(), 0), Some(StreamId::new(5, 3)), "{text}");
        }
        assert_eq!(StreamId::parse(b"5--03", 0), Some(StreamId::new(5, 0u64.wrapping_sub(3))));
    }

    #[test]
    fn neighbours_cross_the_millisecond() {
        assert_eq!(StreamId::new(5, u64::MAX).next(), Some(StreamId::new(6, 0)));
        assert_eq!(StreamId::new(6, 0).previous(), Some(StreamId::new(5, u64::MAX)));
        assert_eq!(StreamId::new(6, 1).previous(), Some(StreamId::new(6, 0)));
        assert_eq!((StreamId::MAX.next(), StreamId::MIN.previous()), (None, None));
    }
}
