//! What an entry holds, owned and borrowed: a string, or a collection, packed or large.
//!
//! ```text
//!   in the pages       │ header │ key │ value │
//!   a string's value   its bytes
//!   small collection   its packed block (`packed`)
//!   large collection   │ 0x80 and its kind │ handle u32 │ ─► the stripe ─► `large` on the heap, charged to the same budget
//! ```
//!
//! A stream is always large. A collection is read through [`HashRef`], [`ListRef`], [`SetRef`] and [`SortedSetRef`], which hide which of both it is, and
//! changed through an [`Edit`]. Left out: where the lock comes from (`guard.rs`), and what clients call it all.

mod buckets;
mod edit;
mod large;
mod op;
pub(crate) mod packed;
mod read;
mod sequence;
mod stream;
#[cfg(test)]
mod tests;

pub use edit::Edit;
pub(crate) use edit::{Body, Told};
pub use large::Large;
pub(crate) use large::PLACE_BITS;
pub use op::{Op, ops_in};
pub use read::{HashRef, ListRef, Met, SetRef, SortedSetRef};
pub use stream::{Consumer, Entry, Group, Keep, Pending, Precision, Stream, StreamId};

/// A value of its own.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Value {
    String(Box<[u8]>),
    Packed(Box<[u8]>),
    Large(Box<Large>),
}

/// Which type a value is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    String,
    Hash,
    List,
    Set,
    SortedSet,
    Stream,
}

impl Kind {
    /// The word clients know it by (`TYPE`).
    pub fn name(self) -> &'static str {
        match self {
            Kind::String => "string",
            Kind::Hash => "hash",
            Kind::List => "list",
            Kind::Set => "set",
            Kind::SortedSet => "zset",
            Kind::Stream => "stream",
        }
    }

    /// As one byte, of a collection.
    pub(crate) fn tag(self) -> u8 {
        match self {
            Kind::String => 0,
            Kind::Hash => packed::HASH,
            Kind::List => packed::LIST,
            Kind::Set => packed::SET,
            Kind::SortedSet => packed::SORTED_SET,
            Kind::Stream => STREAM,
        }
    }

    /// The kind of a block by its first byte.
    pub(crate) fn of_tag(tag: u8) -> Option<Kind> {
        Some(match tag {
            packed::HASH | packed::HASH_WITH_EXPIRIES => Kind::Hash,
            packed::LIST => Kind::List,
            packed::SET | packed::INTEGERS => Kind::Set,
            packed::SORTED_SET => Kind::SortedSet,
            STREAM => Kind::Stream,
            _ => return None,
        })
    }

    /// As one byte, for whoever tells it to another node.
    pub fn number(self) -> u8 {
        self.tag()
    }

    /// None: no collection is of this number.
    pub fn of_number(number: u8) -> Option<Kind> {
        Kind::of_tag(number).filter(|kind| kind.tag() == number)
    }
}

/// No block begins with it: a stream is always large.
const STREAM: u8 = 7;

/// Set in the first byte of a value whose bytes are elsewhere.
pub(crate) const IS_LARGE: u8 = 0x80;

/// Bytes of such a value.
pub(crate) const HANDLE_BYTES: usize = 5;

/// What an allocator gives for so many bytes: glibc's, with a word of its own and steps of 16.
pub(crate) fn allocated(bytes: usize) -> usize {
    match bytes {
        0 => 0,
        // Beyond that it asks the system for pages.
        0x20000.. => (bytes + 16).next_multiple_of(4096),
        _ => (bytes + 8).next_multiple_of(16).max(32),
    }
}

impl Value {
    /// A string of a copy of these bytes.
    pub fn string(bytes: impl Into<Box<[u8]>>) -> Value {
        Value::String(bytes.into())
    }

    pub fn kind(&self) -> Kind {
        ValueRef::from(self).kind()
    }

    /// Bytes of the value itself.
    pub fn bytes(&self) -> u64 {
        ValueRef::from(self).bytes()
    }

    /// The bytes of a string; `None` for any other type.
    pub fn as_string(&self) -> Option<&[u8]> {
        ValueRef::from(self).as_string()
    }
}

/// A value where it lies.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum ValueRef<'a> {
    String(&'a [u8]),
    /// A whole block of a collection.
    Packed(&'a [u8]),
    Large(&'a Large),
}

impl<'a> ValueRef<'a> {
    pub fn kind(self) -> Kind {
        match self {
            ValueRef::String(_) => Kind::String,
            ValueRef::Packed(block) => Kind::of_tag(block[0]).unwrap_or(Kind::String),
            ValueRef::Large(large) => large.kind(),
        }
    }

    /// A number that a large collection has until it is changed, and no other one at the same place after it.
    pub fn stamp(self) -> Option<u64> {
        if let ValueRef::Large(large) = self { Some(large.1) } else { None }
    }

    /// The bytes that stand beside the key: of a large collection none.
    pub fn beside_key(self) -> &'a [u8] {
        match self {
            ValueRef::String(bytes) | ValueRef::Packed(bytes) => bytes,
            ValueRef::Large(_) => &[],
        }
    }

    /// Bytes of the value itself.
    pub fn bytes(self) -> u64 {
        match self {
            ValueRef::String(bytes) | ValueRef::Packed(bytes) => bytes.len() as u64,
            ValueRef::Large(large) => large.heap_bytes() as u64,
        }
    }

    /// The bytes of a string; `None` for any other type.
    pub fn as_string(self) -> Option<&'a [u8]> {
        match self {
            ValueRef::String(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// A hash as it is at that moment: fields whose time has come are not in it.
    pub fn as_hash(self, now_ms: u64) -> Option<HashRef<'a>> {
        (self.kind() == Kind::Hash).then(|| HashRef::new(self, now_ms))
    }

    pub fn as_list(self) -> Option<ListRef<'a>> {
        (self.kind() == Kind::List).then(|| ListRef::new(self))
    }

    pub fn as_set(self) -> Option<SetRef<'a>> {
        (self.kind() == Kind::Set).then(|| SetRef::new(self))
    }

    pub fn as_sorted_set(self) -> Option<SortedSetRef<'a>> {
        (self.kind() == Kind::SortedSet).then(|| SortedSetRef::new(self))
    }

    pub fn as_stream(self) -> Option<&'a Stream> {
        match self {
            ValueRef::Large(large) => large.as_stream(),
            _ => None,
        }
    }

    /// Redis's name for how a collection is kept; none for a string, of which that depends on what is in it.
    pub fn encoding(self) -> Option<&'static str> {
        match self {
            ValueRef::String(_) => None,
            ValueRef::Packed([packed::INTEGERS, ..]) => Some("intset"),
            ValueRef::Packed([packed::HASH_WITH_EXPIRIES, ..]) => Some("listpackex"),
            ValueRef::Packed(_) => Some("listpack"),
            ValueRef::Large(large) => Some(match large.kind() {
                Kind::List => "quicklist",
                Kind::SortedSet => "skiplist",
                Kind::Stream => "stream",
                _ => "hashtable",
            }),
        }
    }

    /// A copy that stands for itself.
    pub fn to_owned(self) -> Value {
        match self {
            ValueRef::String(bytes) => Value::String(bytes.into()),
            ValueRef::Packed(block) => Value::Packed(block.into()),
            ValueRef::Large(large) => Value::Large(Box::new(large.clone())),
        }
    }
}

impl<'a> From<&'a Value> for ValueRef<'a> {
    fn from(value: &'a Value) -> ValueRef<'a> {
        match value {
            Value::String(bytes) => ValueRef::String(bytes),
            Value::Packed(block) => ValueRef::Packed(block),
            Value::Large(large) => ValueRef::Large(large),
        }
    }
}
