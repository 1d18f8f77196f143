//! What commands on hashes, lists, sets and sorted sets share: how they look at a collection and change one, and what of their
//! arguments is alike.
//!
//! A change asks for the room of what it may add, then changes the collection under its lock; refused, it changed nothing. A new
//! collection has its namespace's default expiry, and one that is changed keeps its own. Commands on several keys look at one
//! after the other: with all keys in one slot under one lock, otherwise another client may come between.
//!
//! Each change says by which events it is told, once it is made; that the key is new or gone is told here.

use super::{Context, refused};
use crate::events::Class;
use crate::glob::{self, Case};
use crate::number::{TEXT_BYTES_MAX, parse_integer};
use dcache_engine::{
    Edit, Guard, HashRef, Kind, ListRef, Met, NamespaceId, SetRef, SortedSetRef, Unedited, Value, ValueRef,
};
use dcache_protocol::error::WireError;
use dcache_protocol::level::COLLECTIONS;
use dcache_protocol::resp::parse::Args;
use dcache_protocol::resp::reply::Reply;

/// Most elements that one step of a walk shows, whatever COUNT asks for: a hint to Redis too.
const COUNT_MAX: usize = 10_000;

/// Room beyond what is added for a small collection that moves as a whole.
const BLOCK_ROOM: usize = 1024;

/// Room for one element beside its bytes.
const ELEMENT_ROOM: usize = 64;

/// Most elements drawn with repetition at a time, so that a reply stays within bounds.
const DRAWN_MAX: i64 = 1 << 24;

/// Events of a change, in their order; none where it changed nothing.
pub(super) type Names = &'static [&'static str];

/// These events if something changed.
pub(super) fn when(is_changed: bool, names: Names) -> Names {
    if is_changed { names } else { &[] }
}

/// How several sets, or several sorted sets, become one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Union,
    Intersection,
    Difference,
}

/// What a change made of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// There before and after, or neither.
    Same,
    New,
    Nothing,
}

fn class_of(kind: Kind) -> Class {
    match kind {
        Kind::Hash => Class::HASH,
        Kind::List => Class::LIST,
        Kind::Set => Class::SET,
        Kind::SortedSet => Class::SORTED_SET,
        Kind::Stream => Class::STREAM,
        _ => Class::STRING,
    }
}

pub(super) fn error(text: impl AsRef<str>) -> WireError {
    WireError::Other(format!("ERR {}", text.as_ref()))
}

/// Whether an argument is this word, in any case.
pub(super) fn is(arg: &[u8], word: &str) -> bool {
    arg.eq_ignore_ascii_case(word.as_bytes())
}

/// Room for elements that are added.
pub(super) fn room<'a>(elements: impl Iterator<Item = &'a [u8]>) -> usize {
    elements.map(|element| element.len() + ELEMENT_ROOM).sum()
}

/// As Redis reads a score: infinities that are said, no NaN, and nothing before or behind it.
pub(super) fn parse_double(text: &[u8]) -> Option<f64> {
    if text.is_empty() || text.len() >= TEXT_BYTES_MAX || text[0].is_ascii_whitespace() {
        return None;
    }
    let value = number_of(text)?;
    let is_too_large = value.is_infinite() && text.iter().any(u8::is_ascii_digit);
    let is_too_small = value == 0.0 && {
        let mantissa = text.iter().take_while(|byte| !byte.eq_ignore_ascii_case(&b'e'));
        mantissa.clone().any(|byte| matches!(byte, b'1'..=b'9'))
    };
    (!is_too_large && !is_too_small).then_some(value)
}

/// As Redis reads the bound of a range: what C's `strtod` makes of it.
pub(super) fn parse_bound(text: &[u8]) -> Option<f64> {
    let text = text.trim_ascii_start();
    if text.len() >= TEXT_BYTES_MAX {
        return None;
    }
    if text.is_empty() { Some(0.0) } else { number_of(text) }
}

fn number_of(text: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(text).ok()?;
    let unsigned = text.trim_start_matches(['+', '-']);
    if text.len() - unsigned.len() > 1 {
        return None;
    }
    if let Some(digits) = unsigned.strip_prefix("0x").or_else(|| unsigned.strip_prefix("0X")) {
        let value = u64::from_str_radix(digits, 16).ok()? as f64;
        return Some(if text.starts_with('-') { -value } else { value });
    }
    // Rust knows `inf`, `infinity` and `nan` too, in any case.
    text.parse::<f64>().ok().filter(|value| !value.is_nan())
}

impl<'a> Context<'a> {
    /// A key's value for a command that answers from it, if it is of the command's type.
    #[inline]
    pub fn value<'g>(&self, guard: &'g mut Guard<'_>, key: &[u8]) -> Option<ValueRef<'g>> {
        self.read(guard, key, self.namespace_of(key)).map(|entry| entry.value())
    }

    /// The same where it is no read of the key: it is to be changed, or is read later.
    pub fn value_unread<'g>(&self, guard: &'g mut Guard<'_>, key: &[u8]) -> Option<ValueRef<'g>> {
        guard.peek(self.database, key, self.now_ms).map(|entry| entry.value())
    }

    pub fn hash<'g>(&self, guard: &'g mut Guard<'_>, key: &[u8]) -> Result<Option<HashRef<'g>>, WireError> {
        let now_ms = self.now_ms;
        self.value(guard, key).map(|value| value.as_hash(now_ms).ok_or(WireError::WrongType)).transpose()
    }

    pub fn list<'g>(&self, guard: &'g mut Guard<'_>, key: &[u8]) -> Result<Option<ListRef<'g>>, WireError> {
        self.value(guard, key).map(|value| value.as_list().ok_or(WireError::WrongType)).transpose()
    }

    pub fn set<'g>(&self, guard: &'g mut Guard<'_>, key: &[u8]) -> Result<Option<SetRef<'g>>, WireError> {
        self.value(guard, key).map(|value| value.as_set().ok_or(WireError::WrongType)).transpose()
    }

    pub fn sorted_set<'g>(&self, guard: &'g mut Guard<'_>, key: &[u8]) -> Result<Option<SortedSetRef<'g>>, WireError> {
        self.value(guard, key).map(|value| value.as_sorted_set().ok_or(WireError::WrongType)).transpose()
    }

    /// Changes a collection, or makes one. `room`: see [`room`]. `tells`: the events of what it did.
    pub fn edit<R>(
        &self,
        key: &[u8],
        kind: Kind,
        room: usize,
        tells: impl FnOnce(&R) -> Names,
        change: impl FnOnce(&mut Edit) -> Result<R, WireError>,
    ) -> Result<R, WireError> {
        let namespace = self.namespace_of(key);
        let mut guard = self.lock_for(key, namespace, room)?;
        self.edit_in(&mut guard, key, kind, room, tells, change)
    }

    /// Locks a key's slot with room for what a change adds.
    pub fn lock_for(&self, key: &[u8], namespace: NamespaceId, room: usize) -> Result<Guard<'a>, WireError> {
        self.may_have_collections()?;
        self.lock_with_room(key, namespace, room + BLOCK_ROOM)
    }

    /// Takes elements out of a collection, which needs no room.
    pub fn shrink<R>(
        &self,
        key: &[u8],
        kind: Kind,
        tells: impl FnOnce(&R) -> Names,
        change: impl FnOnce(&mut Edit) -> Result<R, WireError>,
    ) -> Result<R, WireError> {
        self.edit_in(&mut self.lock(key), key, kind, 0, tells, change)
    }

    /// Takes out each element that the arguments behind the key name, and answers how many there were.
    pub fn remove_each(
        &mut self,
        kind: Kind,
        names: Names,
        remove: impl Fn(&mut Edit, &[u8]) -> bool,
    ) -> Result<(), WireError> {
        let elements = self.args.from(2);
        let removed = self.shrink(
            self.arg(1),
            kind,
            |removed| when(*removed > 0, names),
            |edit| Ok(elements.iter().filter(|element| remove(edit, element)).count()),
        )?;
        self.reply.integer(removed as i64);
        Ok(())
    }

    /// The same as [`Context::edit`] under a lock that is held.
    pub fn edit_in<R>(
        &self,
        guard: &mut Guard<'_>,
        key: &[u8],
        kind: Kind,
        room: usize,
        tells: impl FnOnce(&R) -> Names,
        change: impl FnOnce(&mut Edit) -> Result<R, WireError>,
    ) -> Result<R, WireError> {
        let (result, left) = self.edit_untold(guard, key, kind, room, change)?;
        if self.node.events.are_watched() {
            self.tell(key, kind, tells(&result), left);
        }
        Ok(result)
    }

    /// The same without telling what it did, which [`Context::tell`] does then.
    pub fn edit_untold<R>(
        &self,
        guard: &mut Guard<'_>,
        key: &[u8],
        kind: Kind,
        room: usize,
        change: impl FnOnce(&mut Edit) -> Result<R, WireError>,
    ) -> Result<(R, Left), WireError> {
        let namespace = self.namespace_of(key);
        let expires_at_ms = self.expiry_of_write(namespace, None);
        let place = (self.database, key);
        let mut left = Left::Same;
        let changed = guard.edit(place, kind, namespace, expires_at_ms, room, self.now_ms, |edit| {
            let was_empty = edit.is_empty();
            let result = change(edit);
            left = match (was_empty, edit.is_empty()) {
                (true, false) => Left::New,
                (false, true) => Left::Nothing,
                _ => Left::Same,
            };
            result
        });
        match changed {
            Ok(result) => result.map(|result| (result, left)),
            Err(Unedited::WrongKind) => Err(WireError::WrongType),
            Err(Unedited::Refused(why)) => Err(refused(why)),
        }
    }

    /// Tells the events of a change, and that the key is new or gone.
    #[cold]
    pub fn tell(&self, key: &[u8], kind: Kind, names: Names, left: Left) {
        if left == Left::New {
            self.notify(Class::NEW, "new", key);
        }
        names.iter().for_each(|name| self.notify(class_of(kind), name, key));
        if left == Left::Nothing {
            self.notify(Class::GENERIC, "del", key);
        }
    }

    /// Nodes of a release before do not know what copies of collections are told.
    fn may_have_collections(&self) -> Result<(), WireError> {
        match self.view.metadata.level >= COLLECTIONS {
            true => Ok(()),
            false => Err(error("collections can be written once all nodes of the cluster run this release")),
        }
    }

    /// Stores a collection that a command made of others, or deletes the key if it is empty. `event`: of storing it.
    pub fn store_collection(&self, key: &[u8], value: Option<Value>, event: &'static str) -> Result<(), WireError> {
        let Some(value) = value else { return self.delete_for_nothing(key) };
        let class = class_of(value.kind());
        // Told under the lock.
        let (_guard, is_new) = self.put_collection(key, value, None)?;
        if is_new {
            self.notify(Class::NEW, "new", key);
        }
        self.notify(class, event, key);
        Ok(())
    }

    /// Deletes a key since what was to be stored there is empty.
    pub fn delete_for_nothing(&self, key: &[u8]) -> Result<(), WireError> {
        let mut guard = self.lock(key);
        if self.remove(&mut guard, key)? {
            self.notify(Class::GENERIC, "del", key);
        }
        Ok(())
    }

    /// Puts a collection in the place of whatever there was; the lock, and whether the key is new.
    pub fn put_collection(
        &self,
        key: &[u8],
        value: Value,
        asked_ms: Option<u64>,
    ) -> Result<(Guard<'a>, bool), WireError> {
        self.may_have_collections()?;
        let namespace = self.namespace_of(key);
        let mut guard = self.lock_with_room(key, namespace, ValueRef::from(&value).beside_key().len())?;
        let is_new = self.node.events.are_watched() && guard.peek(self.database, key, self.now_ms).is_none();
        let expires_at_ms = self.expiry_of_write(namespace, asked_ms);
        let set = guard.set_value(self.database, key, value, expires_at_ms, namespace, self.now_ms);
        set.map_err(|(why, _)| refused(why))?;
        Ok((guard, is_new))
    }

    /// A collection of its own, made of nothing.
    pub fn build(&self, kind: Kind, change: impl FnOnce(&mut Edit)) -> Option<Value> {
        self.node.engine().build(kind, self.now_ms, change)
    }

    /// Numbers of the node's dice.
    pub fn dice(&self) -> impl FnMut() -> u64 + use<'a> {
        let node = self.node;
        move || node.random()
    }
}

/// A lock that is kept as long as keys are of its slot.
pub(super) struct Kept<'a> {
    held: Option<(u16, Guard<'a>)>,
}

impl<'a> Kept<'a> {
    pub fn new() -> Kept<'a> {
        Kept { held: None }
    }

    /// The lock of a key's slot.
    pub fn of<'g>(&'g mut self, context: &Context<'a>, key: &[u8]) -> &'g mut Guard<'a> {
        let slot = context.slot_of(key).number();
        if self.held.as_ref().is_none_or(|held| held.0 != slot) {
            // One lock at a time: the one before is let go first.
            self.held = None;
        }
        &mut self.held.get_or_insert_with(|| (slot, context.node.engine().lock(slot))).1
    }
}

/// What a walk over one collection is told: cursor, COUNT, MATCH and NOVALUES.
pub(super) struct Walk<'a> {
    pub cursor: u64,
    pub count: usize,
    pattern: Option<&'a [u8]>,
    pub has_no_values: bool,
}

impl<'a> Walk<'a> {
    /// The cursor alone; nobody looks at the rest where there is no collection.
    pub fn from(args: Args<'a>) -> Result<Walk<'a>, WireError> {
        let cursor = super::key::parse_cursor(args.get(2).unwrap_or_default()).ok_or(WireError::InvalidCursor)?;
        Ok(Walk { cursor, count: 10, pattern: None, has_no_values: false })
    }

    pub fn with_options(mut self, args: Args<'a>, may_omit_values: bool) -> Result<Walk<'a>, WireError> {
        let walk = &mut self;
        let mut words = args.iter().skip(3);
        while let Some(word) = words.next() {
            if is(word, "novalues") && may_omit_values {
                walk.has_no_values = true;
                continue;
            }
            let value = words.next().ok_or(WireError::Syntax)?;
            if is(word, "count") {
                let asked = parse_integer(value).ok_or(WireError::NotInteger)?;
                let asked = usize::try_from(asked).ok().filter(|asked| *asked > 0).ok_or(WireError::Syntax)?;
                walk.count = asked.min(COUNT_MAX);
            } else if is(word, "match") {
                walk.pattern = Some(value);
            } else {
                return Err(WireError::Syntax);
            }
        }
        Ok(self)
    }

    /// Answers the next cursor and what was met.
    pub fn answer(&self, reply: &mut Reply<'_>, step: impl FnOnce(&Walk<'a>, &mut dyn FnMut(Met<'_>)) -> u64) {
        let (mut found, mut count) = (Vec::new(), 0);
        let mut items = Reply::new(&mut found, reply.version());
        let next = step(self, &mut |met| {
            let (Met::Field(key, _) | Met::Member(key) | Met::Scored(key, _)) = met;
            if self.pattern.is_some_and(|pattern| !glob::matches(pattern, key, Case::Sensitive)) {
                return;
            }
            items.bulk(key);
            count += 1;
            match met {
                Met::Field(_, value) if !self.has_no_values => {
                    items.bulk(value);
                    count += 1;
                }
                Met::Scored(_, score) => {
                    let mut text = Vec::new();
                    dcache_protocol::resp::reply::write_double(score, &mut text);
                    items.bulk(text);
                    count += 1;
                }
                Met::Field(..) | Met::Member(_) => {}
            }
        });
        reply.array(2);
        reply.bulk_display(&next);
        reply.array(count);
        reply.raw(&found);
    }
}

/// How many elements a drawing command is asked for: so many different ones, or, below 0, so many with repetition.
pub(super) fn parse_draws(text: &[u8], are_pairs: bool) -> Result<i64, WireError> {
    let count = parse_integer(text).ok_or(WireError::NotInteger)?;
    if count == i64::MIN {
        return Err(error(format!("value is out of range, value must between {} and {}", -i64::MAX, i64::MAX)));
    }
    if are_pairs && !(-(i64::MAX / 2)..=i64::MAX / 2).contains(&count) {
        return Err(error("value is out of range"));
    }
    Ok(count.max(-DRAWN_MAX))
}

/// So many different numbers below `below`, in the order in which dice gave them.
pub(super) fn distinct(count: usize, below: usize, dice: &mut dyn FnMut() -> u64) -> Vec<usize> {
    let mut all: Vec<usize> = (0..below).collect();
    for place in 0..count.min(below) {
        let other = place + (dice() % (below - place) as u64) as usize;
        all.swap(place, other);
    }
    all.truncate(count);
    all
}

#[cfg(test)]
mod tests;
