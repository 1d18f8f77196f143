//! How one entry lies in a segment: a few bytes of header, the key, the value, nothing between them and nothing behind.
//!
//! ```text
//!   byte 0            1 or 4       1, 2 or 4      4         0 or 2      0, 6 or 8
//! ┌────────┬──────────────┬──────────────┬─────────┬────────────┬──────────────┬───────┬─────────┐
//! │ shape  │ key's length │ value's      │ used    │ database   │ expires at   │ key   │ value   │
//! │        │              │ length       │ (ticks) │ (if not 0) │ (if it does) │       │         │
//! └────────┴──────────────┴──────────────┴─────────┴────────────┴──────────────┴───────┴─────────┘
//! shape, from the lowest bit:  2 bits  width of the value's length: 1, 2, 4 bytes; 3: a filler, no entry
//!                              2 bits  width of the expiry: 0, 6, 8 bytes (Unix milliseconds)
//!                              1 bit   the key's length takes 4 bytes
//!                              1 bit   dead: nothing refers to it any more
//!                              1 bit   it has a database
//!                              1 bit   the value is a collection (`value.rs`), not a string
//! filler:  shape 0x03: one byte;  shape 0x07: its whole length in the next 4 bytes
//! ```
//!
//! So a key and value of up to 255 bytes each cost 7 bytes, 13 with an expiry. Numbers are little-endian. What is not here
//! is known from elsewhere: the slot follows from the key, the namespace from the segment, uses stand in the table.
//!
//! A *tick* is [`TICK_MS`] ms; 32 bits of them last 49 days, after which an entry not used since looks fresh.

use std::ops::Range;

/// Milliseconds in a tick.
pub const TICK_MS: u64 = 1;

/// The most header an entry can have.
pub const HEADER_MAX: usize = 1 + 4 + 4 + 4 + 2 + 8;

/// An expiry that never comes.
pub const NEVER: u64 = u64::MAX;

const VALUE_WIDTH: u8 = 0b11;
const FILLER: u8 = 0b11;
const LONG_FILLER: u8 = 0b111;
const LONG_FILLER_BYTES: usize = 5;
const EXPIRY_SHIFT: u32 = 2;
const LONG_KEY: u8 = 1 << 4;
const DEAD: u8 = 1 << 5;
const HAS_DATABASE: u8 = 1 << 6;
const IS_COLLECTION: u8 = 1 << 7;

/// The tick of a moment.
pub fn tick_of(now_ms: u64) -> u32 {
    (now_ms / TICK_MS) as u32
}

/// What to write.
#[derive(Clone, Copy, Debug)]
pub struct Draft<'a> {
    pub database: u16,
    pub key: &'a [u8],
    pub value: &'a [u8],
    /// The value is no string.
    pub is_collection: bool,
    /// It has become longer, and is likely to again.
    pub grows: bool,
    /// Unix milliseconds, or [`NEVER`].
    pub expires_at_ms: u64,
    pub used: u32,
}

/// What an entry begins with, before its key and value.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    pub database: u16,
    pub key_len: usize,
    pub value_len: usize,
    /// The value is no string.
    pub is_collection: bool,
    /// Unix milliseconds, or [`NEVER`].
    pub expires_at_ms: u64,
    pub used: u32,
}

impl Draft<'_> {
    fn head(&self) -> Head {
        let Draft { database, key, value, is_collection, expires_at_ms, used, grows: _ } = *self;
        Head { database, key_len: key.len(), value_len: value.len(), is_collection, expires_at_ms, used }
    }

    /// Bytes it takes in a segment.
    pub fn len(&self) -> usize {
        self.head().len() + self.key.len() + self.value.len()
    }

    /// Writes it at the start of `to`, which must have room, and returns its length.
    pub fn write(&self, to: &mut [u8]) -> usize {
        let key_at = self.head().write(to);
        let value_at = key_at + self.key.len();
        to[key_at..value_at].copy_from_slice(self.key);
        to[value_at..value_at + self.value.len()].copy_from_slice(self.value);
        value_at + self.value.len()
    }
}

impl Head {
    fn expiry_code(&self) -> u8 {
        match self.expires_at_ms {
            NEVER => 0,
            at if at < 1 << 48 => 1,
            _ => 2,
        }
    }

    /// Bytes of the head alone.
    pub fn len(&self) -> usize {
        let key = if self.key_len > 0xff { 4 } else { 1 };
        let value = [1, 2, 4][usize::from(value_code(self.value_len))];
        let database = if self.database != 0 { 2 } else { 0 };
        let expiry = [0, 6, 8][usize::from(self.expiry_code())];
        1 + key + value + 4 + database + expiry
    }

    /// Writes it at the start of `to`, which must have room, and returns its length.
    pub fn write(&self, to: &mut [u8]) -> usize {
        let (value, expiry) = (value_code(self.value_len), self.expiry_code());
        let mut shape = value | expiry << EXPIRY_SHIFT;
        if self.is_collection {
            shape |= IS_COLLECTION;
        }
        let mut at = 1;
        let mut put = |bytes: &[u8]| {
            to[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        };
        if self.key_len > 0xff {
            shape |= LONG_KEY;
            put(&(self.key_len as u32).to_le_bytes());
        } else {
            put(&[self.key_len as u8]);
        }
        let length = (self.value_len as u32).to_le_bytes();
        match value {
            0 => put(&length[..1]),
            1 => put(&length[..2]),
            _ => put(&length),
        }
        put(&self.used.to_le_bytes());
        if self.database != 0 {
            shape |= HAS_DATABASE;
            put(&self.database.to_le_bytes());
        }
        let expires_at = self.expires_at_ms.to_le_bytes();
        match expiry {
            0 => {}
            1 => put(&expires_at[..6]),
            _ => put(&expires_at),
        }
        to[0] = shape;
        at
    }
}

fn value_code(length: usize) -> u8 {
    match length {
        0..=0xff => 0,
        0x100..=0xffff => 1,
        _ => 2,
    }
}

/// Where the parts of an entry are, counted from its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    shape: u8,
    used_at: u32,
    key_at: u32,
    key_len: u32,
    value_len: u32,
}

/// What stands at a place of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    Entry(Layout),
    /// Nothing, for so many bytes.
    Filler(usize),
}

/// Reads what stands at the start of `bytes`.
#[inline]
pub fn read(bytes: &[u8]) -> Record {
    match bytes[0] {
        FILLER => Record::Filler(1),
        LONG_FILLER => Record::Filler(word(bytes, 1) as usize),
        _ => Record::Entry(Layout::read(bytes)),
    }
}

/// Marks `bytes` as holding nothing.
pub fn fill(bytes: &mut [u8]) {
    if bytes.len() >= LONG_FILLER_BYTES {
        bytes[0] = LONG_FILLER;
        let length = bytes.len() as u32;
        bytes[1..LONG_FILLER_BYTES].copy_from_slice(&length.to_le_bytes());
    } else {
        bytes.fill(FILLER);
    }
}

#[inline]
fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

impl Layout {
    /// The layout of the entry at the start of `bytes`, which is not a filler.
    #[inline]
    pub fn read(bytes: &[u8]) -> Layout {
        let shape = bytes[0];
        let (key_len, at) = if shape & LONG_KEY == 0 { (u32::from(bytes[1]), 2) } else { (word(bytes, 1), 5) };
        let (value_len, used_at) = match shape & VALUE_WIDTH {
            0 => (u32::from(bytes[at]), at + 1),
            1 => (u32::from(u16::from_le_bytes([bytes[at], bytes[at + 1]])), at + 2),
            _ => (word(bytes, at), at + 4),
        };
        let mut layout = Layout { shape, used_at: used_at as u32, key_at: 0, key_len, value_len };
        layout.key_at = layout.expiry_at() + [0, 6, 8, 8][usize::from(shape >> EXPIRY_SHIFT & 0b11)];
        layout
    }

    #[inline]
    fn expiry_at(&self) -> u32 {
        self.used_at + if self.shape & HAS_DATABASE == 0 { 4 } else { 6 }
    }

    /// Bytes of the whole entry.
    #[inline]
    pub fn len(&self) -> usize {
        (self.key_at + self.key_len + self.value_len) as usize
    }

    pub fn key(&self) -> Range<usize> {
        self.key_at as usize..(self.key_at + self.key_len) as usize
    }

    pub fn value(&self) -> Range<usize> {
        (self.key_at + self.key_len) as usize..self.len()
    }

    pub fn key_len(&self) -> u32 {
        self.key_len
    }

    pub fn value_len(&self) -> u32 {
        self.value_len
    }

    /// Whether the value is no string.
    #[inline]
    pub fn is_collection(&self) -> bool {
        self.shape & IS_COLLECTION != 0
    }

    pub fn is_dead(&self) -> bool {
        self.shape & DEAD != 0
    }

    #[inline]
    pub fn has_expiry(&self) -> bool {
        self.shape >> EXPIRY_SHIFT & 0b11 != 0
    }

    #[inline]
    pub fn database(&self, bytes: &[u8]) -> u16 {
        if self.shape & HAS_DATABASE == 0 {
            return 0;
        }
        let at = self.used_at as usize + 4;
        u16::from_le_bytes([bytes[at], bytes[at + 1]])
    }

    #[inline]
    pub fn used(&self, bytes: &[u8]) -> u32 {
        word(bytes, self.used_at as usize)
    }

    #[inline]
    pub fn set_used(&self, bytes: &mut [u8], tick: u32) {
        let at = self.used_at as usize;
        bytes[at..at + 4].copy_from_slice(&tick.to_le_bytes());
    }

    /// Unix milliseconds, or [`NEVER`].
    #[inline]
    pub fn expires_at_ms(&self, bytes: &[u8]) -> u64 {
        let at = self.expiry_at() as usize;
        let mut word = [0; 8];
        match self.shape >> EXPIRY_SHIFT & 0b11 {
            0 => return NEVER,
            1 => word[..6].copy_from_slice(&bytes[at..at + 6]),
            _ => word.copy_from_slice(&bytes[at..at + 8]),
        }
        u64::from_le_bytes(word)
    }

    /// Writes another expiry over the present one; false when its width does not fit.
    pub fn set_expiry(&self, bytes: &mut [u8], expires_at_ms: u64) -> bool {
        let at = self.expiry_at() as usize;
        let word = expires_at_ms.to_le_bytes();
        match self.shape >> EXPIRY_SHIFT & 0b11 {
            0 => expires_at_ms == NEVER,
            1 if expires_at_ms < 1 << 48 => {
                bytes[at..at + 6].copy_from_slice(&word[..6]);
                true
            }
            2 if expires_at_ms != NEVER => {
                bytes[at..at + 8].copy_from_slice(&word);
                true
            }
            _ => false,
        }
    }

    /// Marks the entry as dead; `bytes` begin at it.
    pub fn kill(&self, bytes: &mut [u8]) {
        bytes[0] |= DEAD;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(draft: Draft<'_>) -> Vec<u8> {
        let mut bytes = vec![0xaa; draft.len() + 3];
        assert_eq!(draft.write(&mut bytes), draft.len());
        assert_eq!(&bytes[draft.len()..], [0xaa; 3]);
        bytes.truncate(draft.len());
        bytes
    }

    /// The drawing above, byte for byte.
    #[test]
    fn an_entry_lies_as_drawn() {
        let plain = Draft {
            database: 0,
            key: b"key",
            value: b"value",
            is_collection: false,
            grows: false,
            expires_at_ms: NEVER,
            used: 0x0403_0201,
        };
        assert_eq!(written(plain), [&[0, 3, 5, 1, 2, 3, 4][..], b"key", b"value"].concat());
        let expiring = Draft { expires_at_ms: 0x0605_0403_0201, ..plain };
        assert_eq!(written(expiring), [&[0b0100, 3, 5, 1, 2, 3, 4, 1, 2, 3, 4, 5, 6][..], b"key", b"value"].concat());
        let everything = Draft {
            database: 0x0807,
            key: &[b'k'; 300],
            value: &[b'v'; 70_000],
            is_collection: false,
            grows: false,
            expires_at_ms: 1 << 50,
            used: 0x0403_0201,
        };
        let header = [0b101_1010, 0x2c, 1, 0, 0, 0x70, 0x11, 1, 0, 1, 2, 3, 4, 7, 8, 0, 0, 0, 0, 0, 0, 4, 0];
        assert_eq!(header.len(), HEADER_MAX);
        assert_eq!(written(everything), [&header[..], &[b'k'; 300], &[b'v'; 70_000]].concat());
        let collection = Draft { is_collection: true, ..plain };
        assert_eq!(written(collection), [&[0x80, 3, 5, 1, 2, 3, 4][..], b"key", b"value"].concat());
        let middle = Draft { value: &[b'v'; 256], ..plain };
        assert_eq!(written(middle)[..8], [1, 3, 0, 1, 1, 2, 3, 4]);
    }

    #[test]
    fn what_was_written_is_read() {
        for database in [0, 1, u16::MAX] {
            for key_len in [0, 1, 255, 256, 70_000] {
                for value_len in [0, 1, 255, 256, 65_535, 65_536] {
                    for expires_at_ms in [NEVER, 0, (1 << 48) - 1, 1 << 48, NEVER - 1] {
                        let (key, value) = (vec![1; key_len], vec![2; value_len]);
                        let draft = Draft {
                            database,
                            key: &key,
                            value: &value,
                            is_collection: false,
                            grows: false,
                            expires_at_ms,
                            used: 77,
                        };
                        let mut bytes = written(draft);
                        let Record::Entry(layout) = read(&bytes) else { panic!("a filler") };
                        assert_eq!(layout.len(), bytes.len());
                        assert_eq!((&bytes[layout.key()], &bytes[layout.value()]), (&key[..], &value[..]));
                        assert_eq!((layout.database(&bytes), layout.used(&bytes)), (database, 77));
                        assert_eq!(layout.expires_at_ms(&bytes), expires_at_ms);
                        assert_eq!(layout.has_expiry(), expires_at_ms != NEVER);
                        layout.set_used(&mut bytes, 78);
                        assert_eq!((layout.used(&bytes), &bytes[layout.key()]), (78, &key[..]));
                        assert!(!layout.is_dead());
                        layout.kill(&mut bytes);
                        let Record::Entry(layout) = read(&bytes) else { panic!("a filler") };
                        assert!(layout.is_dead() && layout.len() == bytes.len());
                    }
                }
            }
        }
    }

    #[test]
    fn an_expiry_is_overwritten_where_its_width_allows() {
        let widths = [NEVER, 5, 1 << 50];
        for before in widths {
            for after in [NEVER, 6, 1 << 51] {
                let draft = Draft {
                    database: 0,
                    key: b"k",
                    value: b"v",
                    is_collection: false,
                    grows: false,
                    expires_at_ms: before,
                    used: 0,
                };
                let mut bytes = written(draft);
                let layout = Layout::read(&bytes);
                let fits =
                    Draft { expires_at_ms: after, ..draft }.len() == draft.len() || (before, after) == (1 << 50, 6);
                assert_eq!(layout.set_expiry(&mut bytes, after), fits, "{before} to {after}");
                assert_eq!(layout.expires_at_ms(&bytes), if fits { after } else { before });
                assert_eq!((&bytes[layout.key()], &bytes[layout.value()]), (&b"k"[..], &b"v"[..]));
            }
        }
    }

    #[test]
    fn a_filler_of_any_length_is_walked_over() {
        for length in 1..40 {
            let mut bytes = vec![0xaa; length + 1];
            fill(&mut bytes[..length]);
            let mut at = 0;
            while at < length {
                let Record::Filler(step) = read(&bytes[at..]) else { panic!("an entry") };
                at += step;
            }
            assert_eq!((at, bytes[length]), (length, 0xaa));
        }
    }
}
