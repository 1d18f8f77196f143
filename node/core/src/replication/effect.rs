//! What writes did, as bytes: the entries of a partition's log and of a full sync.
//!
//! ```text
//!  set      1 │ database u16 │ slot u16 │ expires at ms u64, 0 never │ key length u32 │ key │ value
//!  remove   2 │ database u16 │ slot u16 │ key
//!  expiry   3 │ database u16 │ slot u16 │ expires at ms u64, 0 never │ key
//!  clear    4 │ database u16, 0xffff all
//!  part     5 │ database u16 │ slot u16 │ expires at ms u64, 0 never │ total u64 │ offset u64 │ key length u32 │ key │ bytes
//!  for      6 │ node u64 │ one of the others
//!  block    7 │ as set; the value is a collection's packed block
//!  elements 8 │ database u16 │ slot u16 │ expires at ms u64, 0 never │ kind u8 │ which u8 │ key length u32 │ key │ operations
//!  edit     9 │ database u16 │ slot u16 │ key length u32 │ key │ operations
//! ```
//!
//! Integers are little-endian. The slot is the key's, said so that nobody computes it again. Every effect is absolute: done twice,
//! or after what it already contains, it changes nothing more. Which namespace a key is in is not said: that follows from the key
//! wherever it arrives. Parts change nothing until the last of them has come (`staging.rs`). So do elements, of which some come
//! at a time: bit 0 of `which` says that these are the first ones, bit 1 that they are the last ones. Operations are the engine's
//! (`dcache_engine::Op`), on a collection that is there. Those from 7 on are of level 2. What is for one node is nothing to all
//! others: entries of namespaces without copies go along with a partition that moves, and into no backup.

use bytes::BufMut;
use dcache_engine::{Kind, ValueRef};
use dcache_protocol::NodeId;

/// All databases, in [`Effect::Clear`].
const ALL: u16 = u16::MAX;

/// Never, as an expiry.
const NEVER: u64 = 0;

/// One effect, borrowed from its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect<'a> {
    Set {
        database: u16,
        slot: u16,
        key: &'a [u8],
        value: &'a [u8],
        expires_at_ms: Option<u64>,
    },
    /// The same of a collection that is one block.
    Block {
        database: u16,
        slot: u16,
        key: &'a [u8],
        block: &'a [u8],
        expires_at_ms: Option<u64>,
    },
    /// Operations that make some elements of a collection, which is told whole with as many effects as it takes.
    Elements {
        database: u16,
        slot: u16,
        key: &'a [u8],
        expires_at_ms: Option<u64>,
        kind: u8,
        is_first: bool,
        is_last: bool,
        ops: &'a [u8],
    },
    /// Operations on a collection.
    Edit {
        database: u16,
        slot: u16,
        key: &'a [u8],
        ops: &'a [u8],
    },
    Remove {
        database: u16,
        slot: u16,
        key: &'a [u8],
    },
    Expiry {
        database: u16,
        slot: u16,
        key: &'a [u8],
        expires_at_ms: Option<u64>,
    },
    /// Everything of the partition goes, or of one database in it.
    Clear {
        database: Option<u16>,
    },
    /// Bytes of a value that is too long to be told at once: from `offset` on, of `total`. The last of them completes it.
    Part {
        database: u16,
        slot: u16,
        key: &'a [u8],
        expires_at_ms: Option<u64>,
        total: u64,
        offset: u64,
        bytes: &'a [u8],
    },
}

impl<'a> Effect<'a> {
    /// `ops`: room for the operations of a large collection.
    pub fn set(
        (database, slot): (u16, u16),
        key: &'a [u8],
        value: ValueRef<'a>,
        expires_at_ms: Option<u64>,
        ops: &'a mut Vec<u8>,
    ) -> Effect<'a> {
        match value {
            ValueRef::String(value) => Effect::Set { database, slot, key, value, expires_at_ms },
            ValueRef::Packed(block) => Effect::Block { database, slot, key, block, expires_at_ms },
            value => {
                *ops = value.ops();
                let kind = value.kind().number();
                Effect::Elements { database, slot, key, expires_at_ms, kind, is_first: true, is_last: true, ops }
            }
        }
    }

    /// Database, slot and key of what is changed, if it is one entry.
    pub fn place(&self) -> Option<(u16, u16, &'a [u8])> {
        match *self {
            Effect::Set { database, slot, key, .. }
            | Effect::Block { database, slot, key, .. }
            | Effect::Elements { database, slot, key, .. }
            | Effect::Edit { database, slot, key, .. }
            | Effect::Remove { database, slot, key }
            | Effect::Expiry { database, slot, key, .. }
            | Effect::Part { database, slot, key, .. } => Some((database, slot, key)),
            Effect::Clear { .. } => None,
        }
    }

    /// Bytes of it encoded, at most.
    pub fn len_max(&self) -> usize {
        match self {
            Effect::Set { key, value, .. } => 17 + key.len() + value.len(),
            Effect::Block { key, block, .. } => 17 + key.len() + block.len(),
            Effect::Elements { key, ops, .. } => 19 + key.len() + ops.len(),
            Effect::Edit { key, ops, .. } => 9 + key.len() + ops.len(),
            Effect::Remove { key, .. } | Effect::Expiry { key, .. } => 13 + key.len(),
            Effect::Clear { .. } => 3,
            Effect::Part { key, bytes, .. } => 33 + key.len() + bytes.len(),
        }
    }

    pub fn encode(&self, out: &mut impl BufMut) {
        let expiry = |at: &Option<u64>| at.unwrap_or(NEVER);
        match self {
            Effect::Set { database, slot, key, value, expires_at_ms } => {
                out.put_u8(1);
                out.put_u16_le(*database);
                out.put_u16_le(*slot);
                out.put_u64_le(expiry(expires_at_ms));
                out.put_u32_le(key.len() as u32);
                out.put_slice(key);
                out.put_slice(value);
            }
            Effect::Block { database, slot, key, block, expires_at_ms } => {
                out.put_u8(7);
                out.put_u16_le(*database);
                out.put_u16_le(*slot);
                out.put_u64_le(expiry(expires_at_ms));
                out.put_u32_le(key.len() as u32);
                out.put_slice(key);
                out.put_slice(block);
            }
            Effect::Elements { database, slot, key, expires_at_ms, kind, is_first, is_last, ops } => {
                out.put_u8(8);
                out.put_u16_le(*database);
                out.put_u16_le(*slot);
                out.put_u64_le(expiry(expires_at_ms));
                out.put_u8(*kind);
                out.put_u8(u8::from(*is_first) | u8::from(*is_last) << 1);
                out.put_u32_le(key.len() as u32);
                out.put_slice(key);
                out.put_slice(ops);
            }
            Effect::Edit { database, slot, key, ops } => {
                out.put_u8(9);
                out.put_u16_le(*database);
                out.put_u16_le(*slot);
                out.put_u32_le(key.len() as u32);
                out.put_slice(key);
                out.put_slice(ops);
            }
            Effect::Remove { database, slot, key } => {
                out.put_u8(2);
                out.put_u16_le(*database);
                out.put_u16_le(*slot);
                out.put_slice(key);
            }
            Effect::Expiry { database, slot, key, expires_at_ms } => {
                out.put_u8(3);
                out.put_u16_le(*database);
                out.put_u16_le(*slot);
                out.put_u64_le(expiry(expires_at_ms));
                out.put_slice(key);
            }
            Effect::Clear { database } => {
                out.put_u8(4);
                out.put_u16_le(database.unwrap_or(ALL));
            }
            Effect::Part { database, slot, key, expires_at_ms, total, offset, bytes } => {
                out.put_u8(5);
                out.put_u16_le(*database);
                out.put_u16_le(*slot);
                out.put_u64_le(expiry(expires_at_ms));
                out.put_u64_le(*total);
                out.put_u64_le(*offset);
                out.put_u32_le(key.len() as u32);
                out.put_slice(key);
                out.put_slice(bytes);
            }
        }
    }

    /// None: these are not the bytes of an effect.
    pub fn decode(bytes: &'a [u8]) -> Option<Effect<'a>> {
        let (kind, rest) = bytes.split_first()?;
        let (database, rest) = rest.split_first_chunk::<2>()?;
        let database = u16::from_le_bytes(*database);
        match kind {
            1 => {
                let (slot, rest) = slot_of(rest)?;
                let (expires_at_ms, rest) = expiry_of(rest)?;
                let (length, rest) = rest.split_first_chunk::<4>()?;
                let (key, value) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
                Some(Effect::Set { database, slot, key, value, expires_at_ms })
            }
            2 => {
                let (slot, key) = slot_of(rest)?;
                Some(Effect::Remove { database, slot, key })
            }
            3 => {
                let (slot, rest) = slot_of(rest)?;
                let (expires_at_ms, key) = expiry_of(rest)?;
                Some(Effect::Expiry { database, slot, key, expires_at_ms })
            }
            4 if rest.is_empty() => {
                Some(Effect::Clear { database: Some(database).filter(|database| *database != ALL) })
            }
            5 => {
                let (slot, rest) = slot_of(rest)?;
                let (expires_at_ms, rest) = expiry_of(rest)?;
                let (total, rest) = rest.split_first_chunk::<8>()?;
                let (offset, rest) = rest.split_first_chunk::<8>()?;
                let (length, rest) = rest.split_first_chunk::<4>()?;
                let (key, bytes) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
                let (total, offset) = (u64::from_le_bytes(*total), u64::from_le_bytes(*offset));
                let is_within = offset.checked_add(bytes.len() as u64)? <= total;
                is_within.then_some(Effect::Part { database, slot, key, expires_at_ms, total, offset, bytes })
            }
            7 => {
                let (slot, rest) = slot_of(rest)?;
                let (expires_at_ms, rest) = expiry_of(rest)?;
                let (key, block) = key_of(rest)?;
                dcache_engine::is_block(block).then_some(Effect::Block { database, slot, key, block, expires_at_ms })
            }
            8 => {
                let (slot, rest) = slot_of(rest)?;
                let (expires_at_ms, rest) = expiry_of(rest)?;
                let ([kind, which], rest) = rest.split_first_chunk::<2>()?;
                let (key, ops) = key_of(rest)?;
                let (kind, is_first, is_last) = (Kind::of_number(*kind)?.number(), which & 1 != 0, which & 2 != 0);
                Some(Effect::Elements { database, slot, key, expires_at_ms, kind, is_first, is_last, ops })
            }
            9 => {
                let (slot, rest) = slot_of(rest)?;
                let (key, ops) = key_of(rest)?;
                Some(Effect::Edit { database, slot, key, ops })
            }
            _ => None,
        }
    }
}

/// Bytes before an effect that is for one node alone.
const FOR_BYTES: usize = 9;
const FOR: u8 = 6;

/// Has what is written after it be for one node alone.
pub fn put_addressee(node: NodeId, out: &mut impl BufMut) {
    out.put_u8(FOR);
    out.put_u64_le(node.0);
}

/// Bytes that [`put_addressee`] writes.
pub const fn addressee_len() -> usize {
    FOR_BYTES
}

/// For whom an effect is, if not for all, and the effect.
pub fn addressed(bytes: &[u8]) -> (Option<NodeId>, &[u8]) {
    match bytes.split_first_chunk::<FOR_BYTES>() {
        Some(([FOR, node @ ..], rest)) => (Some(NodeId(u64::from_le_bytes(*node))), rest),
        _ => (None, bytes),
    }
}

fn slot_of(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let (slot, rest) = bytes.split_first_chunk::<2>()?;
    Some((u16::from_le_bytes(*slot), rest))
}

fn key_of(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}

fn expiry_of(bytes: &[u8]) -> Option<(Option<u64>, &[u8])> {
    let (at, rest) = bytes.split_first_chunk::<8>()?;
    Some((Some(u64::from_le_bytes(*at)).filter(|at| *at != NEVER), rest))
}

/// Appends an effect to a piece of a full sync.
pub fn push_to_piece(effect: Effect<'_>, piece: &mut Vec<u8>) {
    let mark = piece.len();
    piece.reserve(4 + effect.len_max());
    piece.extend_from_slice(&[0; 4]);
    effect.encode(piece);
    let length = (piece.len() - mark - 4) as u32;
    piece[mark..mark + 4].copy_from_slice(&length.to_le_bytes());
}

/// The effects of a piece, as far as they are whole.
pub fn of_piece(mut piece: &[u8]) -> impl Iterator<Item = Effect<'_>> {
    std::iter::from_fn(move || {
        let (length, rest) = piece.split_first_chunk::<4>()?;
        let (bytes, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        piece = rest;
        Effect::decode(bytes)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> [Effect<'static>; 13] {
        [
            Effect::Set { database: 0, slot: 1, key: b"k", value: b"", expires_at_ms: None },
            Effect::Set { database: 15, slot: 16383, key: b"", value: b"value", expires_at_ms: Some(u64::MAX) },
            Effect::Remove { database: 3, slot: 0, key: b"k" },
            Effect::Expiry { database: 1, slot: 700, key: b"key", expires_at_ms: Some(1) },
            Effect::Expiry { database: 1, slot: 700, key: b"key", expires_at_ms: None },
            Effect::Clear { database: None },
            Effect::Clear { database: Some(2) },
            part(7, 3, b"mid"),
            part(u64::MAX, u64::MAX, b""),
            Effect::Block { database: 0, slot: 1, key: b"k", block: b"\x04\x01\0\x01m", expires_at_ms: Some(7) },
            elements(true, false, b"\x03\x01m"),
            elements(false, true, b""),
            Effect::Edit { database: 1, slot: 2, key: b"key", ops: b"\x02\x01m" },
        ]
    }

    fn elements(is_first: bool, is_last: bool, ops: &[u8]) -> Effect<'_> {
        Effect::Elements { database: 1, slot: 2, key: b"key", expires_at_ms: None, kind: 4, is_first, is_last, ops }
    }

    fn part(total: u64, offset: u64, bytes: &[u8]) -> Effect<'_> {
        Effect::Part { database: 2, slot: 9, key: b"key", expires_at_ms: Some(8), total, offset, bytes }
    }

    #[test]
    fn effects_read_back_alone_and_in_pieces() {
        let mut piece = Vec::new();
        for effect in some() {
            let mut bytes = Vec::new();
            effect.encode(&mut bytes);
            assert!(bytes.len() <= effect.len_max(), "{effect:?}");
            assert_eq!(Effect::decode(&bytes), Some(effect));
            push_to_piece(effect, &mut piece);
        }
        assert_eq!(of_piece(&piece).collect::<Vec<_>>(), some());
    }

    #[test]
    fn an_effect_may_be_for_one_node_alone() {
        for effect in some() {
            let (mut bytes, mut alone) = (Vec::new(), Vec::new());
            effect.encode(&mut bytes);
            assert_eq!(addressed(&bytes), (None, &bytes[..]));
            put_addressee(NodeId(7), &mut alone);
            effect.encode(&mut alone);
            assert_eq!(alone.len(), addressee_len() + bytes.len());
            assert_eq!(addressed(&alone), (Some(NodeId(7)), &bytes[..]));
            assert_eq!(Effect::decode(&alone), None, "whoever does not look whom it is for does nothing");
        }
    }

    #[test]
    fn other_bytes_are_no_effects() {
        let mut bytes = Vec::new();
        some()[1].encode(&mut bytes);
        for bytes in [&b""[..], b"\x09\0\0", b"\x01\0", &bytes[..16], b"\x04\0\0\0"] {
            assert_eq!(Effect::decode(bytes), None, "{bytes:?}");
        }
        assert_eq!(of_piece(b"\xff\xff\xff\xffx").count(), 0);
        let block = Effect::Block { database: 0, slot: 1, key: b"k", block: b"\x04\x02\0\x01m", expires_at_ms: None };
        bytes.clear();
        block.encode(&mut bytes);
        assert_eq!(Effect::decode(&bytes), None, "it has one member less than it says");
        for beyond in [part(5, 3, b"mid"), part(u64::MAX, u64::MAX, b"x"), part(0, 1, b"")] {
            let mut bytes = Vec::new();
            beyond.encode(&mut bytes);
            assert_eq!(Effect::decode(&bytes), None, "{beyond:?}");
        }
    }
}
