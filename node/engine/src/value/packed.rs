//! A small collection as one block of bytes, an entry's value in the pages: items one behind another.
//!
//! ```text
//!   block    │ tag │ count u16 │ element │ element │ …
//!   item     │ length: 1 byte below 0xfe, else 0xfe and u16, else 0xff and u32 │ bytes │
//!   element  hash: an item, the field; an item, its value; with tag 2: the field's expiry, u64, Unix ms, 0 never
//!            list, set: an item
//!            sorted set: a score, then an item;  score │ code │ i8, i16, i32 or f64 │
//!   whole numbers of a set alone: │ tag │ width 2, 4 or 8 │ the numbers, ascending │
//! ```
//!
//! Finding an element looks at those before it, which are some hundred at most; a change rewrites what is behind it. Integers are
//! little-endian. When a collection is too large for a block is in `limits`. Left out: the large ones.

use std::ops::Range;

/// The first byte of each.
pub const HASH: u8 = 1;
pub const HASH_WITH_EXPIRIES: u8 = 2;
pub const LIST: u8 = 3;
pub const SET: u8 = 4;
pub const INTEGERS: u8 = 5;
pub const SORTED_SET: u8 = 6;

/// Where elements begin.
pub const HEAD: usize = 3;

/// Up to which size a collection is one block: Redis's defaults, which `OBJECT ENCODING` tells clients of.
pub mod limits {
    /// Elements of a hash, a set, a sorted set.
    pub const ELEMENTS: usize = 128;
    /// Bytes of a field, a value, a member.
    pub const ELEMENT_BYTES: usize = 64;
    /// Whole numbers in a set.
    pub const INTEGERS: usize = 512;
    /// Bytes of a list.
    pub const LIST_BYTES: usize = 8192;
}

const MIDDLE: u8 = 0xfe;
const LONG: u8 = 0xff;

/// An empty block.
pub fn empty(tag: u8) -> Vec<u8> {
    match tag {
        INTEGERS => vec![INTEGERS, 2],
        _ => vec![tag, 0, 0],
    }
}

/// Elements of a block that is not of whole numbers.
#[inline]
pub fn count(block: &[u8]) -> usize {
    usize::from(u16::from_le_bytes([block[1], block[2]]))
}

pub fn set_count(block: &mut [u8], count: usize) {
    block[1..HEAD].copy_from_slice(&(count as u16).to_le_bytes());
}

/// Bytes that a length takes.
#[inline]
pub fn length_bytes(length: usize) -> usize {
    match length {
        0..0xfe => 1,
        0xfe..=0xffff => 3,
        _ => 5,
    }
}

#[inline]
pub fn put_length(length: usize, out: &mut Vec<u8>) {
    match length {
        0..0xfe => out.push(length as u8),
        0xfe..=0xffff => {
            out.push(MIDDLE);
            out.extend_from_slice(&(length as u16).to_le_bytes());
        }
        _ => {
            out.push(LONG);
            out.extend_from_slice(&(length as u32).to_le_bytes());
        }
    }
}

#[inline]
pub fn put_item(item: &[u8], out: &mut Vec<u8>) {
    put_length(item.len(), out);
    out.extend_from_slice(item);
}

/// The length at a place, and where what it is of begins.
#[inline]
pub fn length_at(bytes: &[u8], at: usize) -> (usize, usize) {
    match bytes[at] {
        MIDDLE => (usize::from(u16::from_le_bytes([bytes[at + 1], bytes[at + 2]])), at + 3),
        LONG => {
            let word = [bytes[at + 1], bytes[at + 2], bytes[at + 3], bytes[at + 4]];
            (u32::from_le_bytes(word) as usize, at + 5)
        }
        short => (usize::from(short), at + 1),
    }
}

/// The item at a place.
#[inline]
pub fn item_at(bytes: &[u8], at: usize) -> Range<usize> {
    let (length, start) = length_at(bytes, at);
    start..start + length
}

/// Reads an item of what may be anything: none if it is not whole.
pub fn take_item<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let needed = match *rest.first()? {
        MIDDLE => 3,
        LONG => 5,
        _ => 1,
    };
    if rest.len() < needed {
        return None;
    }
    let item = item_at(rest, 0);
    let (taken, after) = (rest.get(item.clone())?, &rest[item.end..]);
    *rest = after;
    Some(taken)
}

/// Puts `new` in the place of a range.
pub fn splice(block: &mut Vec<u8>, range: Range<usize>, new: &[u8]) {
    let (old, tail) = (range.len(), block.len() - range.end);
    if new.len() > old {
        block.resize(block.len() + new.len() - old, 0);
        block.copy_within(range.end..range.end + tail, range.start + new.len());
    } else {
        block.copy_within(range.end..range.end + tail, range.start + new.len());
        block.truncate(range.start + new.len() + tail);
    }
    block[range.start..range.start + new.len()].copy_from_slice(new);
}

/// Puts an item before what is at a place.
pub fn insert_item(block: &mut Vec<u8>, at: usize, item: &[u8]) {
    let end = block.len();
    put_item(item, block);
    let length = block.len() - end;
    block[at..].rotate_right(length);
}

/// The element of a member of a sorted set's block.
pub fn find_scored(block: &[u8], member: &[u8]) -> Option<Range<usize>> {
    let mut at = HEAD;
    while at < block.len() {
        let found = item_at(block, at + score_bytes(block, at));
        let start = std::mem::replace(&mut at, found.end);
        if found.len() == member.len() && block[found] == *member {
            return Some(start..at);
        }
    }
    None
}

/// Bytes that a score takes.
#[inline]
pub fn score_bytes(bytes: &[u8], at: usize) -> usize {
    match bytes[at] {
        1 => 2,
        2 => 3,
        4 => 5,
        _ => 9,
    }
}

/// The score at a place, and what is behind it.
#[inline]
pub fn score_at(bytes: &[u8], at: usize) -> (f64, usize) {
    let part = &bytes[at + 1..];
    match bytes[at] {
        1 => (f64::from(part[0] as i8), at + 2),
        2 => (f64::from(i16::from_le_bytes([part[0], part[1]])), at + 3),
        4 => (f64::from(i32::from_le_bytes([part[0], part[1], part[2], part[3]])), at + 5),
        _ => (f64::from_bits(word(part)), at + 9),
    }
}

pub fn put_score(score: f64, out: &mut Vec<u8>) {
    let whole = score as i32;
    // A negative zero becomes one that is not, as it does in Redis.
    if f64::from(whole) != score {
        out.push(8);
        out.extend_from_slice(&score.to_bits().to_le_bytes());
    } else if let Ok(byte) = i8::try_from(whole) {
        out.extend_from_slice(&[1, byte as u8]);
    } else if let Ok(short) = i16::try_from(whole) {
        out.push(2);
        out.extend_from_slice(&short.to_le_bytes());
    } else {
        out.push(4);
        out.extend_from_slice(&whole.to_le_bytes());
    }
}

/// The first 8 bytes as a number.
#[inline]
pub fn word(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[..8]);
    u64::from_le_bytes(word)
}

/// Places of the elements of a block, each from its first byte to behind its last.
pub fn elements(block: &[u8]) -> impl Iterator<Item = Range<usize>> + Clone + '_ {
    let mut at = HEAD;
    std::iter::from_fn(move || {
        if at >= block.len() {
            return None;
        }
        let start = at;
        at = match block[0] {
            HASH => item_at(block, item_at(block, at).end).end,
            HASH_WITH_EXPIRIES => item_at(block, item_at(block, at).end).end + 8,
            SORTED_SET => item_at(block, at + score_bytes(block, at)).end,
            _ => item_at(block, at).end,
        };
        Some(start..at)
    })
}

/// Whether bytes from elsewhere are a block, whole and in its order.
pub fn is_block(bytes: &[u8]) -> bool {
    checked(bytes).is_some()
}

fn checked(bytes: &[u8]) -> Option<()> {
    if *bytes.first()? == INTEGERS {
        let width = usize::from(*bytes.get(1)?);
        let is_whole = matches!(width, 2 | 4 | 8) && (bytes.len() - 2).is_multiple_of(width);
        let numbers = || (0..integer_count(bytes)).map(|index| integer_at(bytes, index));
        return (is_whole && numbers().zip(numbers().skip(1)).all(|(one, next)| one < next)).then_some(());
    }
    let mut rest = bytes.get(HEAD..)?;
    for _ in 0..count(bytes) {
        match bytes[0] {
            HASH => _ = (take_item(&mut rest)?, take_item(&mut rest)?),
            HASH_WITH_EXPIRIES => {
                let _ = (take_item(&mut rest)?, take_item(&mut rest)?);
                rest = rest.get(8..)?;
            }
            LIST | SET => _ = take_item(&mut rest)?,
            SORTED_SET => {
                let width = if matches!(rest.first()?, 1 | 2 | 4 | 8) { score_bytes(rest, 0) } else { return None };
                let score = rest.get(..width)?;
                if score_at(score, 0).0.is_nan() {
                    return None;
                }
                rest = &rest[width..];
                take_item(&mut rest)?;
            }
            _ => return None,
        }
    }
    rest.is_empty().then_some(())
}

/// Numbers in a block of them.
pub fn integer_count(block: &[u8]) -> usize {
    (block.len() - 2) / usize::from(block[1])
}

/// The number at an index.
pub fn integer_at(block: &[u8], index: usize) -> i64 {
    let width = usize::from(block[1]);
    let part = &block[2 + index * width..][..width];
    match *part {
        [a, b] => i64::from(i16::from_le_bytes([a, b])),
        [a, b, c, d] => i64::from(i32::from_le_bytes([a, b, c, d])),
        _ => word(part) as i64,
    }
}

/// Where a number is, else where it belongs.
pub fn find_integer(block: &[u8], number: i64) -> Result<usize, usize> {
    let (mut low, mut high) = (0, integer_count(block));
    while low < high {
        let middle = (low + high) / 2;
        match integer_at(block, middle).cmp(&number) {
            std::cmp::Ordering::Equal => return Ok(middle),
            std::cmp::Ordering::Less => low = middle + 1,
            std::cmp::Ordering::Greater => high = middle,
        }
    }
    Err(low)
}

fn width_of(number: i64) -> usize {
    match number {
        -0x8000..=0x7fff => 2,
        -0x8000_0000..=0x7fff_ffff => 4,
        _ => 8,
    }
}

/// Adds a number that is not there.
pub fn add_integer(block: &mut Vec<u8>, index: usize, number: i64) {
    let wanted = width_of(number);
    if wanted > usize::from(block[1]) {
        let mut wider = vec![INTEGERS, wanted as u8];
        (0..integer_count(block)).for_each(|index| {
            let bytes = integer_at(block, index).to_le_bytes();
            wider.extend_from_slice(&bytes[..wanted]);
        });
        *block = wider;
    }
    let width = usize::from(block[1]);
    let at = 2 + index * width;
    splice(block, at..at, &number.to_le_bytes()[..width]);
}

pub fn remove_integer(block: &mut Vec<u8>, index: usize) {
    let width = usize::from(block[1]);
    let at = 2 + index * width;
    splice(block, at..at + width, &[]);
}

/// A member that is exactly how a number is printed.
pub fn integer_of(member: &[u8]) -> Option<i64> {
    let (digits, negative) = match member {
        [b'-', rest @ ..] => (rest, true),
        _ => (member, false),
    };
    if digits.is_empty() || digits.len() > 19 || (digits[0] == b'0' && (digits.len() > 1 || negative)) {
        return None;
    }
    let mut value: i64 = 0;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        let digit = i64::from(digit);
        value = value.checked_mul(10)?;
        value = if negative { value.checked_sub(digit)? } else { value.checked_add(digit)? };
    }
    Some(value)
}

/// A number as its member is written.
#[derive(Clone, Copy, Debug)]
pub struct Digits {
    bytes: [u8; 20],
    first: u8,
}

impl Digits {
    pub fn of(number: i64) -> Digits {
        let mut bytes = [0; 20];
        let (mut first, mut rest) = (20, number.unsigned_abs());
        loop {
            first -= 1;
            bytes[first] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if number < 0 {
            first -= 1;
            bytes[first] = b'-';
        }
        Digits { bytes, first: first as u8 }
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[usize::from(self.first)..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_are_members_as_they_are_printed(number in any::<i64>()) {
            let text = number.to_string();
            prop_assert_eq!(integer_of(text.as_bytes()), Some(number));
            let digits = Digits::of(number);
            prop_assert_eq!(digits.as_bytes(), text.as_bytes());
        }

        #[test]
        fn scores_read_back(score in any::<f64>(), whole in any::<i32>()) {
            for score in [score, f64::from(whole), f64::from(whole as i16), f64::from(whole as i8)] {
                let mut bytes = Vec::new();
                put_score(score, &mut bytes);
                prop_assert_eq!(score_bytes(&bytes, 0), bytes.len());
                prop_assert_eq!(score_at(&bytes, 0).0, score);
            }
        }

        #[test]
        fn items_read_back(lengths in proptest::collection::vec(0usize..70_000, 1..5)) {
            let items: Vec<Vec<u8>> = lengths.iter().map(|length| vec![*length as u8; *length]).collect();
            let mut bytes = Vec::new();
            items.iter().for_each(|item| put_item(item, &mut bytes));
            let mut rest = &bytes[..];
            for item in &items {
                prop_assert_eq!(take_item(&mut rest), Some(&item[..]));
            }
            prop_assert!(rest.is_empty());
            prop_assert_eq!(take_item(&mut &bytes[..bytes.len() - 1]).is_some(), items.len() > 1);
        }
    }

    #[test]
    fn other_texts_are_no_numbers() {
        for text in ["", "-", "+1", "01", "-0", "1 ", "9223372036854775808", "-9223372036854775809", "1.0", "a"] {
            assert_eq!(integer_of(text.as_bytes()), None, "{text}");
        }
    }
}
