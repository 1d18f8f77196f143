//! One command's changes of one collection.
//!
//! A packed one is changed in a copy of its block, and becomes large when it passes the `limits`; a large one is changed where it
//! is. What was done to a large one is noted as operations, for the journal, and can be taken back, for when the journal refuses.
//! Left out: where the collection comes from and goes to (`guard.rs`).

use super::large::{Shape, Window};
use super::packed::{self, Digits, item_at, limits, put_item, put_score, score_at, splice};
use super::read::scored_before;
use super::stream::Node;
use super::{Kind, Large, Op, ValueRef};
use crate::Hasher;
use std::ops::Range;

/// A collection that is being changed.
#[derive(Debug)]
pub(crate) enum Body {
    Packed(Vec<u8>),
    Large(Box<Large>),
}

impl Body {
    pub fn empty(kind: Kind) -> Body {
        if kind == Kind::Stream {
            return Body::Large(Box::new(Large::of_nothing()));
        }
        // Sets begin as numbers, as long as they are some.
        Body::Packed(packed::empty(if kind == Kind::Set { packed::INTEGERS } else { kind.tag() }))
    }

    pub fn value(&self) -> ValueRef<'_> {
        match self {
            Body::Packed(block) => ValueRef::Packed(block),
            Body::Large(large) => ValueRef::Large(large),
        }
    }

    pub fn is_empty(&self) -> bool {
        match self {
            Body::Packed(block) => block.len() <= if block[0] == packed::INTEGERS { 2 } else { packed::HEAD },
            Body::Large(large) => large.is_empty(),
        }
    }
}

/// What brings a change back.
#[derive(Debug)]
pub(super) enum Undo {
    /// Operations, in their order.
    Op(Vec<u8>),
    /// Nodes of a stream that went from its front.
    Front(Vec<Node>),
    Insert(usize, Vec<u8>),
    Remove(usize),
    First(i64),
}

/// What the journal is to be told of a change.
#[derive(Debug)]
pub(crate) enum Told<'a> {
    /// The whole value.
    Whole,
    /// What was done to it.
    Ops(&'a [u8]),
}

/// A collection in a command's hands. What is not there yet is empty; what is left empty is deleted.
#[derive(Debug)]
pub struct Edit {
    pub(super) body: Body,
    hasher: Hasher,
    now_ms: u64,
    was_large: bool,
    /// Whether anybody is told of what happens.
    pub(super) notes: bool,
    pub(super) is_changed: bool,
    is_repeat: bool,
    /// It was not there before.
    pub(crate) is_new: bool,
    pub(super) ops: Vec<u8>,
    pub(super) undo: Vec<Undo>,
}

impl Edit {
    pub(crate) fn new(body: Body, hasher: &Hasher, now_ms: u64, is_journaled: bool) -> Edit {
        let was_large = matches!(body, Body::Large(_));
        let (ops, undo) = (Vec::new(), Vec::new());
        let hasher = hasher.clone();
        Edit {
            body,
            hasher,
            now_ms,
            was_large,
            notes: was_large && is_journaled,
            is_changed: false,
            is_repeat: false,
            is_new: false,
            ops,
            undo,
        }
    }

    /// The collection as it is now.
    pub fn value(&self) -> ValueRef<'_> {
        self.body.value()
    }

    /// The moment the command runs at.
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// Whether nothing is left in it that is worth a key. A stream that is there stays until it is deleted.
    pub fn is_empty(&self) -> bool {
        match self.value().kind() {
            Kind::Stream => self.is_new && !self.is_changed,
            _ => self.body.is_empty(),
        }
    }

    pub(crate) fn is_changed(&self) -> bool {
        self.is_changed
    }

    pub(crate) fn was_large(&self) -> bool {
        self.was_large
    }

    pub(crate) fn told(&self) -> Told<'_> {
        if self.was_large { Told::Ops(&self.ops) } else { Told::Whole }
    }

    pub(crate) fn into_body(self) -> Body {
        self.body
    }

    /// Takes everything back that was done to a large collection.
    pub(crate) fn take_back(&mut self) {
        self.notes = false;
        let Body::Large(large) = &mut self.body else { return };
        for undo in std::mem::take(&mut self.undo).into_iter().rev() {
            match (undo, &mut large.0) {
                (Undo::Op(op), _) => super::ops_in(&op).for_each(|op| large.apply(&op)),
                (Undo::Insert(index, item), Shape::List(window)) => window.items.insert(index, &item),
                (Undo::Remove(index), Shape::List(window)) => window.items.remove(index..index + 1, &mut |_| {}),
                (Undo::First(first), Shape::List(window)) => window.first = first,
                (Undo::Front(nodes), Shape::Stream(stream)) => stream.put_back(nodes),
                _ => {}
            }
        }
    }

    /// Notes an operation, and what brings back what was there.
    fn note(&mut self, op: &Op<'_>, undo: Op<'_>) {
        if self.notes {
            op.encode(&mut self.ops);
            let mut bytes = Vec::new();
            undo.encode(&mut bytes);
            self.undo.push(Undo::Op(bytes));
        }
    }

    /// Does an operation of another copy of this collection; it is large from then on, as that one is.
    pub(crate) fn repeat(&mut self, op: &Op<'_>) {
        (self.is_changed, self.is_repeat) = (true, true);
        self.grow().apply(op);
    }

    /// Whether this is done because another copy did it. That one says too when the key goes: what is empty here may be so for a
    /// moment only, in a copy that is filled while it is changed.
    pub(crate) fn is_repeat(&self) -> bool {
        self.is_repeat
    }

    pub(super) fn grow(&mut self) -> &mut Large {
        if let Body::Packed(block) = &self.body {
            self.body = Body::Large(Box::new(Large::of_block(block, &self.hasher)));
        }
        match &mut self.body {
            Body::Large(large) => large,
            Body::Packed(_) => unreachable!("it is large since just now"),
        }
    }

    /// Puts a field's value and expiry; true: there was no such field.
    pub fn put_field(&mut self, field: &[u8], value: &[u8], expires_at_ms: Option<u64>) -> bool {
        self.is_changed = true;
        if let Body::Packed(block) = &mut self.body {
            if expires_at_ms.is_some() && block[0] == packed::HASH {
                *block = with_expiries(block);
            }
            let found = packed::elements(block).find(|place| &block[item_at(block, place.start)] == field);
            let is_too_large = field.len() > limits::ELEMENT_BYTES
                || value.len() > limits::ELEMENT_BYTES
                || (found.is_none() && packed::count(block) >= limits::ELEMENTS);
            if !is_too_large {
                let is_new = found.is_none();
                if let Some(place) = &found {
                    let old = item_at(block, item_at(block, place.start).end);
                    if old.len() == value.len() {
                        block[old.clone()].copy_from_slice(value);
                        if block[0] == packed::HASH_WITH_EXPIRIES {
                            block[old.end..old.end + 8].copy_from_slice(&expires_at_ms.unwrap_or(0).to_le_bytes());
                        }
                        return false;
                    }
                }
                let mut element = Vec::with_capacity(field.len() + value.len() + 16);
                put_item(field, &mut element);
                put_item(value, &mut element);
                if block[0] == packed::HASH_WITH_EXPIRIES {
                    element.extend_from_slice(&expires_at_ms.unwrap_or(0).to_le_bytes());
                }
                let end = block.len();
                splice(block, found.unwrap_or(end..end), &element);
                recount(block, isize::from(is_new));
                return is_new;
            }
            self.grow();
        }
        let op = Op::Put { field, value, expires_at_ms };
        if self.notes {
            let mut undo = Vec::new();
            let old = self.value().as_hash(0).and_then(|hash| hash.find(field));
            match old {
                Some((value, expires_at_ms)) => Op::Put { field, value, expires_at_ms }.encode(&mut undo),
                None => Op::Drop { key: field }.encode(&mut undo),
            }
            op.encode(&mut self.ops);
            self.undo.push(Undo::Op(undo));
        }
        match &mut self.grow().0 {
            Shape::Hash(fields) => fields.put(field, value, expires_at_ms),
            _ => false,
        }
    }

    /// False: there is no such field.
    pub fn remove_field(&mut self, field: &[u8]) -> bool {
        if let Body::Packed(block) = &mut self.body {
            let found = packed::elements(block).find(|place| &block[item_at(block, place.start)] == field);
            return self.remove_element(found);
        }
        if self.notes {
            let Some((value, expires_at_ms)) = self.value().as_hash(0).and_then(|hash| hash.find(field)) else {
                return false;
            };
            let mut undo = Vec::new();
            Op::Put { field, value, expires_at_ms }.encode(&mut undo);
            Op::Drop { key: field }.encode(&mut self.ops);
            self.undo.push(Undo::Op(undo));
        }
        let is_removed = match &mut self.grow().0 {
            Shape::Hash(fields) => fields.remove(field),
            _ => false,
        };
        self.is_changed |= is_removed;
        is_removed
    }

    /// Takes out fields whose time has come; how many.
    pub fn remove_expired(&mut self) -> usize {
        let is_due = |hash: super::HashRef<'_>| hash.soonest_ms().is_some_and(|at| at <= self.now_ms);
        let mut due: Vec<Vec<u8>> = Vec::new();
        let mut soonest_ms = u64::MAX;
        if let Some(hash) = self.value().as_hash(0).filter(|hash| is_due(*hash)) {
            hash.each_whole(|field, _, expires_at_ms| match expires_at_ms {
                Some(at) if at <= self.now_ms => due.push(field.to_vec()),
                Some(at) => soonest_ms = soonest_ms.min(at),
                None => {}
            });
        } else {
            return 0;
        }
        let count = due.len();
        due.iter().for_each(|field| _ = self.remove_field(field));
        if let Body::Large(large) = &mut self.body
            && let Shape::Hash(fields) = &mut large.0
        {
            fields.soonest_ms = soonest_ms;
        }
        count
    }

    fn remove_element(&mut self, found: Option<Range<usize>>) -> bool {
        let (Body::Packed(block), Some(place)) = (&mut self.body, found) else { return false };
        splice(block, place, &[]);
        recount(block, -1);
        self.is_changed = true;
        true
    }

    /// Adds a member of a set; false: it was there.
    pub fn add(&mut self, member: &[u8]) -> bool {
        if self.value().as_set().is_none_or(|set| set.contains(member)) {
            return false;
        }
        self.is_changed = true;
        if let Body::Packed(block) = &mut self.body {
            let number = packed::integer_of(member);
            if block[0] == packed::INTEGERS {
                let count = packed::integer_count(block);
                match number {
                    Some(number) if count < limits::INTEGERS => {
                        let index = packed::find_integer(block, number).unwrap_or_else(|index| index);
                        packed::add_integer(block, index, number);
                        return true;
                    }
                    None if count < limits::ELEMENTS => *block = members_of_integers(block),
                    _ => {}
                }
            }
            if block[0] == packed::SET
                && packed::count(block) < limits::ELEMENTS
                && member.len() <= limits::ELEMENT_BYTES
            {
                put_item(member, block);
                recount(block, 1);
                return true;
            }
            self.grow();
        }
        self.note(&Op::Add { member }, Op::Drop { key: member });
        self.grow().apply(&Op::Add { member });
        true
    }

    /// False: it is not there.
    pub fn remove_member(&mut self, member: &[u8]) -> bool {
        if let Body::Packed(block) = &mut self.body {
            if block[0] == packed::INTEGERS {
                let found = packed::integer_of(member).and_then(|number| packed::find_integer(block, number).ok());
                found.iter().for_each(|index| packed::remove_integer(block, *index));
                self.is_changed |= found.is_some();
                return found.is_some();
            }
            let found = packed::elements(block).find(|place| &block[item_at(block, place.start)] == member);
            return self.remove_element(found);
        }
        if !self.value().as_set().is_some_and(|set| set.contains(member)) {
            return false;
        }
        self.is_changed = true;
        self.note(&Op::Drop { key: member }, Op::Add { member });
        self.grow().apply(&Op::Drop { key: member });
        true
    }

    /// Gives a member of a sorted set this score; true: it was not there. A score is a number.
    pub fn put_score(&mut self, member: &[u8], score: f64) -> bool {
        self.put_score_with(member, |_| Some(score)).is_none()
    }

    /// Gives a member of a sorted set the score that `decide` makes of the one it has, if any, and answers the latter.
    pub fn put_score_with(&mut self, member: &[u8], decide: impl FnOnce(Option<f64>) -> Option<f64>) -> Option<f64> {
        let found = match &self.body {
            Body::Packed(block) => packed::find_scored(block, member),
            Body::Large(_) => None,
        };
        let old = match &self.body {
            Body::Packed(block) => found.as_ref().map(|place| score_at(block, place.start).0),
            Body::Large(_) => self.value().as_sorted_set().and_then(|set| set.score(member)),
        };
        let Some(score) = decide(old) else { return old };
        debug_assert!(!score.is_nan());
        if old == Some(score) {
            return old;
        }
        self.is_changed = true;
        if let Body::Packed(block) = &mut self.body {
            let is_too_large =
                found.is_none() && (packed::count(block) >= limits::ELEMENTS || member.len() > limits::ELEMENT_BYTES);
            if !is_too_large {
                if let Some(place) = found {
                    splice(block, place, &[]);
                }
                let mut element = Vec::with_capacity(member.len() + 16);
                put_score(score, &mut element);
                put_item(member, &mut element);
                let at = scored_before(block, score, member);
                splice(block, at..at, &element);
                recount(block, isize::from(old.is_none()));
                return old;
            }
            self.grow();
        }
        let op = Op::Score { member, score };
        self.note(&op, old.map_or(Op::Drop { key: member }, |score| Op::Score { member, score }));
        self.grow().apply(&op);
        old
    }

    /// False: it is not there.
    pub fn remove_scored(&mut self, member: &[u8]) -> bool {
        if let Body::Packed(block) = &mut self.body {
            let found = packed::find_scored(block, member);
            return self.remove_element(found);
        }
        let Some(score) = self.value().as_sorted_set().and_then(|set| set.score(member)) else { return false };
        self.is_changed = true;
        self.note(&Op::Drop { key: member }, Op::Score { member, score });
        self.grow().apply(&Op::Drop { key: member });
        true
    }

    /// Takes out the elements of a range of ranks, showing each.
    pub fn remove_ranks(&mut self, range: Range<usize>, mut removed: impl FnMut(&[u8], f64)) {
        let mut members = Vec::with_capacity(range.len());
        if let Some(set) = self.value().as_sorted_set() {
            set.each(range, |member, score| {
                removed(member, score);
                members.push(member.to_vec());
                true
            });
        }
        members.iter().for_each(|member| _ = self.remove_scored(member));
    }

    fn list_len(&self) -> usize {
        self.value().as_list().map_or(0, |list| list.len())
    }

    pub fn push_front(&mut self, item: &[u8]) {
        self.insert(0, item);
    }

    pub fn push_back(&mut self, item: &[u8]) {
        self.insert(self.list_len(), item);
    }

    /// Puts an item before the one at an index, or at the end.
    pub fn insert(&mut self, index: usize, item: &[u8]) {
        self.is_changed = true;
        if let Body::Packed(block) = &mut self.body {
            let length = packed::length_bytes(item.len()) + item.len();
            if block.len() + length <= limits::LIST_BYTES {
                let at = match index == packed::count(block) {
                    true => block.len(),
                    false => (0..index).fold(packed::HEAD, |at, _| item_at(block, at).end),
                };
                packed::insert_item(block, at, item);
                recount(block, 1);
                return;
            }
            self.grow();
        }
        let notes = self.notes;
        let Shape::List(window) = &mut self.grow().0 else { return };
        let (first, count) = (window.first, window.items.len());
        let goes_left = index < count - index;
        window.items.insert(index, item);
        if goes_left {
            window.first -= 1;
        }
        if notes {
            let mut ops = std::mem::take(&mut self.ops);
            let Shape::List(window) = &self.grow().0 else { return };
            tell(window, if goes_left { 0..index + 1 } else { index..count + 1 }, goes_left, &mut ops);
            self.ops = ops;
            self.undo.extend([Undo::First(first), Undo::Remove(index)]);
        }
    }

    /// Puts another item in the place of one that is there.
    pub fn set_item(&mut self, index: usize, item: &[u8]) {
        self.is_changed = true;
        if let Body::Packed(block) = &mut self.body {
            let at = (0..index).fold(packed::HEAD, |at, _| item_at(block, at).end);
            let place = at..item_at(block, at).end;
            let mut element = Vec::with_capacity(item.len() + 5);
            put_item(item, &mut element);
            if block.len() - place.len() + element.len() <= limits::LIST_BYTES {
                splice(block, place, &element);
                return;
            }
            self.grow();
        }
        let notes = self.notes;
        let mut undo = Vec::new();
        let Shape::List(window) = &mut self.grow().0 else { return };
        let number = window.first + index as i64;
        if notes {
            Op::At { number, item: window.items.get(index) }.encode(&mut undo);
        }
        window.items.set(index, item);
        if notes {
            Op::At { number, item }.encode(&mut self.ops);
            self.undo.push(Undo::Op(undo));
        }
    }

    /// Takes out the items at these indexes, which ascend.
    pub fn remove_each(&mut self, indexes: &[usize]) {
        let [first, .., last] = *indexes else {
            return indexes.iter().for_each(|index| self.remove_items(*index..*index + 1, |_| {}));
        };
        if let Body::Packed(_) = &self.body {
            // From the last one on, so that the others' indexes stay.
            return indexes.iter().rev().for_each(|index| self.remove_items(*index..*index + 1, |_| {}));
        }
        self.is_changed = true;
        let notes = self.notes;
        let mut undo = Vec::new();
        let Shape::List(window) = &mut self.grow().0 else { return };
        let first_number = window.first;
        // The items before the last one that goes have other numbers afterwards, or those behind the first one.
        let goes_left = last < window.items.len() - first;
        for index in indexes.iter().rev() {
            window.items.remove(*index..*index + 1, &mut |item| {
                if notes {
                    undo.push(Undo::Insert(*index, item.to_vec()));
                }
            });
        }
        if goes_left {
            window.first += indexes.len() as i64;
        }
        if notes {
            let mut ops = std::mem::take(&mut self.ops);
            let Shape::List(window) = &self.grow().0 else { return };
            if goes_left {
                tell(window, 0..last + 1 - indexes.len(), true, &mut ops);
                Op::From { number: window.first }.encode(&mut ops);
            } else {
                let count = window.items.len();
                tell(window, first..count, false, &mut ops);
                Op::Until { number: window.first + count as i64 }.encode(&mut ops);
            }
            self.ops = ops;
            self.undo.push(Undo::First(first_number));
            self.undo.extend(undo);
        }
    }

    /// Takes out the items of a range, showing each.
    pub fn remove_items(&mut self, range: Range<usize>, mut removed: impl FnMut(&[u8])) {
        if range.is_empty() {
            return;
        }
        self.is_changed = true;
        if let Body::Packed(block) = &mut self.body {
            let start = (0..range.start).fold(packed::HEAD, |at, _| item_at(block, at).end);
            let mut end = start;
            for _ in range.clone() {
                let item = item_at(block, end);
                end = item.end;
                removed(&block[item]);
            }
            splice(block, start..end, &[]);
            recount(block, -(range.len() as isize));
            return;
        }
        let notes = self.notes;
        let mut undo = Vec::new();
        let Shape::List(window) = &mut self.grow().0 else { return };
        let (first, behind) = (window.first, window.items.len() - range.end);
        let goes_left = range.start < behind;
        window.items.remove(range.clone(), &mut |item| {
            if notes {
                undo.push(Undo::Insert(range.start, item.to_vec()));
            }
            removed(item);
        });
        if goes_left {
            window.first += range.len() as i64;
        }
        if notes {
            let mut ops = std::mem::take(&mut self.ops);
            let Shape::List(window) = &self.grow().0 else { return };
            let count = window.items.len();
            // What stays where it was is not told; the rest has other numbers.
            if goes_left {
                tell(window, 0..range.start, true, &mut ops);
                Op::From { number: window.first }.encode(&mut ops);
            } else {
                tell(window, range.start..count, false, &mut ops);
                Op::Until { number: window.first + count as i64 }.encode(&mut ops);
            }
            self.ops = ops;
            self.undo.push(Undo::First(first));
            self.undo.extend(undo);
        }
    }
}

/// Tells the items of a range with their numbers: downwards, so that each is beside one that was there, or upwards.
fn tell(window: &Window, range: Range<usize>, is_downwards: bool, ops: &mut Vec<u8>) {
    let at = |index: usize, item: &[u8], ops: &mut Vec<u8>| {
        Op::At { number: window.first + index as i64, item }.encode(ops);
        true
    };
    if is_downwards {
        let mut index = range.end;
        window.items.each_back(range, |item| {
            index -= 1;
            at(index, item, ops)
        });
    } else {
        let mut index = range.start;
        window.items.each(range, |item| {
            index += 1;
            at(index - 1, item, ops)
        });
    }
}

fn recount(block: &mut [u8], by: isize) {
    packed::set_count(block, packed::count(block).saturating_add_signed(by));
}

fn with_expiries(block: &[u8]) -> Vec<u8> {
    let mut new = packed::empty(packed::HASH_WITH_EXPIRIES);
    packed::set_count(&mut new, packed::count(block));
    for place in packed::elements(block) {
        new.extend_from_slice(&block[place]);
        new.extend_from_slice(&[0; 8]);
    }
    new
}

fn members_of_integers(block: &[u8]) -> Vec<u8> {
    let mut new = packed::empty(packed::SET);
    let count = packed::integer_count(block);
    (0..count).for_each(|index| put_item(Digits::of(packed::integer_at(block, index)).as_bytes(), &mut new));
    packed::set_count(&mut new, count);
    new
}
