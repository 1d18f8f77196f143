//! Large collections, on the heap: hashes and sets in buckets, lists in a sequence, sorted sets in both, streams in nodes of their own
//! (`stream`).
//!
//! ```text
//!   hash         field ─► │ 1 if it expires │ expires at ms u64, if so │ value │
//!   set          member ─► nothing
//!   sorted set   member ─► score;  │ score, 8 bytes │ member │ in their order
//!   list         items in their order, the first of which has the number `first`
//! ```
//!
//! Left out: how a change is made (`edit`), read (`read`) or told (`op`).

use super::buckets::Buckets;
use super::packed::word;
use super::sequence::Sequence;
use super::stream::Stream;
use super::{Kind, Op, Value, ValueRef, allocated, packed};
use crate::Hasher;
use std::cmp::Ordering;

/// Bits of a place in a large collection, as walks tell places apart.
pub(crate) const PLACE_BITS: u32 = 23;

/// Items of a list that share one place of a walk.
const ITEMS_A_PLACE: i64 = 64;

/// A large collection. The number is another one after each change ([`ValueRef::stamp`]).
#[derive(Clone, Debug)]
pub struct Large(pub(super) Shape, pub(crate) u64);

#[derive(Clone, Debug)]
pub(super) enum Shape {
    Hash(Fields),
    Set(Buckets),
    SortedSet(Scored),
    List(Window),
    Stream(Stream),
}

#[derive(Clone, Debug)]
pub(super) struct Fields {
    pub table: Buckets,
    /// Fields with an expiry.
    pub expiring: usize,
    /// None of them expires before; `u64::MAX` when none does.
    pub soonest_ms: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Scored {
    pub scores: Buckets,
    pub order: Sequence,
}

#[derive(Clone, Debug)]
pub(super) struct Window {
    pub first: i64,
    pub items: Sequence,
}

/// The parts of a field's value in its bucket.
pub(super) fn field_parts(stored: &[u8]) -> (&[u8], Option<u64>) {
    match stored[0] {
        0 => (&stored[1..], None),
        _ => (&stored[9..], Some(word(&stored[1..]))),
    }
}

/// The parts of an element of a sorted set's order.
pub(super) fn scored_parts(item: &[u8]) -> (f64, &[u8]) {
    (f64::from_bits(word(item)), &item[8..])
}

/// The order of sorted sets: by score, then by the member's bytes.
pub(super) fn compare(one: (f64, &[u8]), other: (f64, &[u8])) -> Ordering {
    one.0.partial_cmp(&other.0).unwrap_or(Ordering::Equal).then_with(|| one.1.cmp(other.1))
}

impl Fields {
    pub fn put(&mut self, field: &[u8], value: &[u8], expires_at_ms: Option<u64>) -> bool {
        if self.expiring > 0 {
            self.expiring -= usize::from(self.table.get(field).is_some_and(|stored| stored[0] != 0));
        }
        let mut stored = Vec::with_capacity(9 + value.len());
        stored.push(u8::from(expires_at_ms.is_some()));
        if let Some(at_ms) = expires_at_ms {
            stored.extend_from_slice(&at_ms.to_le_bytes());
            self.expiring += 1;
            self.soonest_ms = self.soonest_ms.min(at_ms);
        }
        stored.extend_from_slice(value);
        self.table.put(field, &stored)
    }

    pub fn remove(&mut self, field: &[u8]) -> bool {
        if self.expiring > 0 {
            self.expiring -= usize::from(self.table.get(field).is_some_and(|stored| stored[0] != 0));
        }
        self.table.remove(field)
    }
}

impl Scored {
    pub fn score(&self, member: &[u8]) -> Option<f64> {
        self.scores.get(member).map(|stored| f64::from_bits(word(stored)))
    }

    /// Elements before this place.
    pub fn before(&self, score: f64, member: &[u8]) -> usize {
        self.order.partition_point(|item| compare(scored_parts(item), (score, member)) == Ordering::Less)
    }

    pub fn put(&mut self, member: &[u8], score: f64) -> bool {
        let old = self.score(member);
        if let Some(old) = old {
            if old == score {
                return false;
            }
            let at = self.before(old, member);
            self.order.remove(at..at + 1, &mut |_| {});
        }
        let bytes = score.to_bits().to_le_bytes();
        let item = [&bytes[..], member].concat();
        self.order.insert(self.before(score, member), &item);
        self.scores.put(member, &bytes)
    }

    pub fn remove(&mut self, member: &[u8]) -> bool {
        let Some(score) = self.score(member) else { return false };
        let at = self.before(score, member);
        self.order.remove(at..at + 1, &mut |_| {});
        self.scores.remove(member)
    }
}

impl Large {
    pub(crate) fn empty(kind: Kind, hasher: &Hasher) -> Large {
        let shape = match kind {
            Kind::Hash => Shape::Hash(Fields { table: Buckets::new(hasher, true), expiring: 0, soonest_ms: u64::MAX }),
            Kind::SortedSet => {
                Shape::SortedSet(Scored { scores: Buckets::new(hasher, true), order: Sequence::default() })
            }
            Kind::List => Shape::List(Window { first: 0, items: Sequence::default() }),
            Kind::Stream => Shape::Stream(Stream::default()),
            Kind::Set | Kind::String => Shape::Set(Buckets::new(hasher, false)),
        };
        Large(shape, 0)
    }

    /// A stream without entries.
    pub(super) fn of_nothing() -> Large {
        Large(Shape::Stream(Stream::default()), 0)
    }

    /// What a block holds.
    pub(crate) fn of_block(block: &[u8], hasher: &Hasher) -> Large {
        let mut large = Large::empty(ValueRef::Packed(block).kind(), hasher);
        ValueRef::Packed(block).each_op(&mut |op| large.apply(&op));
        large
    }

    pub fn kind(&self) -> Kind {
        match &self.0 {
            Shape::Hash(_) => Kind::Hash,
            Shape::Set(_) => Kind::Set,
            Shape::SortedSet(_) => Kind::SortedSet,
            Shape::List(_) => Kind::List,
            Shape::Stream(_) => Kind::Stream,
        }
    }

    pub fn as_stream(&self) -> Option<&Stream> {
        if let Shape::Stream(stream) = &self.0 { Some(stream) } else { None }
    }

    /// Elements.
    pub fn len(&self) -> usize {
        match &self.0 {
            Shape::Hash(fields) => fields.table.len(),
            Shape::Set(members) => members.len(),
            Shape::SortedSet(scored) => scored.order.len(),
            Shape::List(window) => window.items.len(),
            Shape::Stream(stream) => stream.len() as usize,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of memory, as the allocator gives them.
    pub fn heap_bytes(&self) -> usize {
        allocated(size_of::<Large>())
            + match &self.0 {
                Shape::Hash(fields) => fields.table.heap_bytes(),
                Shape::Set(members) => members.heap_bytes(),
                Shape::SortedSet(scored) => scored.scores.heap_bytes() + scored.order.heap_bytes(),
                Shape::List(window) => window.items.heap_bytes(),
                Shape::Stream(stream) => stream.heap_bytes(),
            }
    }

    /// Does an operation; what is not of this kind, or has no place in a list, changes nothing.
    pub fn apply(&mut self, op: &Op<'_>) {
        match (&mut self.0, op) {
            (Shape::Hash(fields), Op::Put { field, value, expires_at_ms }) => {
                fields.put(field, value, *expires_at_ms);
            }
            (Shape::Hash(fields), Op::Drop { key }) => _ = fields.remove(key),
            (Shape::Set(members), Op::Add { member }) => _ = members.put(member, &[]),
            (Shape::Set(members), Op::Drop { key }) => _ = members.remove(key),
            (Shape::SortedSet(scored), Op::Score { member, score }) => _ = scored.put(member, *score),
            (Shape::SortedSet(scored), Op::Drop { key }) => _ = scored.remove(key),
            (Shape::List(window), op) => window.apply(op),
            (Shape::Stream(stream), op) => stream.apply(op),
            _ => {}
        }
    }

    /// Frees some tens of blocks: the bytes they had; none when nothing is left. It is good for nothing else from then on.
    pub(crate) fn free_step(&mut self) -> Option<usize> {
        const BLOCKS: usize = 256;
        match &mut self.0 {
            Shape::Hash(Fields { table, .. }) | Shape::Set(table) => table.free_step(BLOCKS),
            Shape::SortedSet(scored) => match scored.scores.free_step(BLOCKS) {
                Some(freed) => Some(freed),
                None => scored.order.free_step(BLOCKS),
            },
            Shape::List(window) => window.items.free_step(BLOCKS),
            Shape::Stream(stream) => stream.free_step(BLOCKS),
        }
    }

    /// Where a walk goes on that was at a place, and the operations that make what is between: about `bytes` of them. 0 at the
    /// end.
    pub(crate) fn walk(&self, place: u64, bytes: usize, visit: &mut dyn FnMut(Op<'_>)) -> u64 {
        const SHIFT: u32 = 64 - PLACE_BITS;
        let mut told = 0;
        let mut in_table = |table: &Buckets, visit: &mut dyn FnMut(&[u8], &[u8])| {
            let mut position = place << SHIFT;
            loop {
                position = table.walk(position, |key, value| {
                    told += key.len() + value.len() + 12;
                    visit(key, value);
                });
                if position == 0 || (told >= bytes && position.trailing_zeros() >= SHIFT) {
                    return position >> SHIFT;
                }
            }
        };
        match &self.0 {
            Shape::Hash(fields) => in_table(&fields.table, &mut |field, stored| {
                let (value, expires_at_ms) = field_parts(stored);
                visit(Op::Put { field, value, expires_at_ms });
            }),
            Shape::Set(members) => in_table(members, &mut |member, _| visit(Op::Add { member })),
            Shape::SortedSet(scored) => in_table(&scored.scores, &mut |member, stored| {
                visit(Op::Score { member, score: f64::from_bits(word(stored)) });
            }),
            Shape::List(window) => window.walk(place, bytes, visit),
            Shape::Stream(stream) => stream.walk(place, bytes, visit),
        }
    }
}

impl Window {
    fn end(&self) -> i64 {
        self.first + self.items.len() as i64
    }

    fn apply(&mut self, op: &Op<'_>) {
        match *op {
            Op::At { number, item } => {
                if self.items.len() == 0 {
                    self.first = number;
                }
                let end = self.end();
                if number >= self.first && number < end {
                    self.items.set((number - self.first) as usize, item);
                } else if number == end {
                    self.items.insert(self.items.len(), item);
                } else if number + 1 == self.first {
                    self.items.insert(0, item);
                    self.first = number;
                }
            }
            Op::From { number } => {
                let gone = (number.saturating_sub(self.first)).clamp(0, self.items.len() as i64);
                self.items.remove(0..gone as usize, &mut |_| {});
                self.first += gone;
            }
            Op::Until { number } => {
                let stays = (number.saturating_sub(self.first)).clamp(0, self.items.len() as i64);
                self.items.remove(stays as usize..self.items.len(), &mut |_| {});
            }
            _ => {}
        }
    }

    /// Places of a list are numbers in steps, cut to so many bits; 0 is the beginning, so that a step is never 0.
    fn walk(&self, place: u64, bytes: usize, visit: &mut dyn FnMut(Op<'_>)) -> u64 {
        const MASK: i64 = (1 << (PLACE_BITS - 1)) - 1;
        let place_of = |number: i64| (number.div_euclid(ITEMS_A_PLACE) & MASK) as u64 + 1;
        let from = match place {
            0 => self.first,
            _ => {
                // The next number from the first on that has this place.
                let steps = self.first.div_euclid(ITEMS_A_PLACE);
                let ahead = (place as i64 - 1 - (steps & MASK)) & MASK;
                // What is far ahead of a short list was at its front, and is gone.
                let is_gone = ahead > MASK >> 1;
                if is_gone { self.first } else { ((steps + ahead) * ITEMS_A_PLACE).max(self.first) }
            }
        };
        let (mut number, mut told) = (from, 0);
        let start = (from - self.first).min(self.items.len() as i64) as usize;
        self.items.each(start..self.items.len(), |item| {
            if told >= bytes && number.rem_euclid(ITEMS_A_PLACE) == 0 {
                return false;
            }
            visit(Op::At { number, item });
            told += item.len() + 14;
            number += 1;
            true
        });
        if number >= self.end() { 0 } else { place_of(number) }
    }
}

impl ValueRef<'_> {
    /// Shows the operations that make a collection out of none; nothing of a string.
    pub fn each_op(self, visit: &mut dyn FnMut(Op<'_>)) {
        match self {
            ValueRef::String(_) => {}
            ValueRef::Large(large) => {
                let mut place = large.walk(0, usize::MAX, visit);
                while place != 0 {
                    place = large.walk(place, usize::MAX, visit);
                }
            }
            ValueRef::Packed(block) => match block[0] {
                packed::HASH | packed::HASH_WITH_EXPIRIES => {
                    for (field, value, expires_at_ms) in super::read::fields(block) {
                        visit(Op::Put { field, value, expires_at_ms });
                    }
                }
                packed::SORTED_SET => {
                    for (score, member) in super::read::scored(block) {
                        visit(Op::Score { member, score });
                    }
                }
                packed::LIST => {
                    for (place, number) in packed::elements(block).zip(0..) {
                        visit(Op::At { number, item: &block[packed::item_at(block, place.start)] });
                    }
                }
                packed::INTEGERS => {
                    for index in 0..packed::integer_count(block) {
                        visit(Op::Add { member: packed::Digits::of(packed::integer_at(block, index)).as_bytes() });
                    }
                }
                _ => {
                    for place in packed::elements(block) {
                        visit(Op::Add { member: &block[packed::item_at(block, place.start)] });
                    }
                }
            },
        }
    }

    /// The operations that make a collection out of none, as bytes.
    pub fn ops(self) -> Vec<u8> {
        let mut ops = Vec::new();
        self.each_op(&mut |op| op.encode(&mut ops));
        ops
    }
}

impl From<Large> for Value {
    fn from(large: Large) -> Value {
        Value::Large(Box::new(large))
    }
}
