//! One command's hold on one stripe: the operations on entries.
//!
//! Room for what a command adds is made before it looks at anything ([`Engine::lock_with_room`]), so that one that is refused
//! changed nothing; pages that were kept for it and not used go back when the guard is dropped.

use crate::item::{Draft, HEADER_MAX, Layout, NEVER, TICK_MS, tick_of};
use crate::journal::{Cause, Change, SlotRole};
use crate::pages::Need;
use crate::staged::Staged;
use crate::stripe::{Found, Gives, Prepared, Stripe, value_of};
use crate::table::Word;
use crate::value::{Body, Edit, Kind, Large, Told, Value, ValueRef};
use crate::{Engine, NamespaceId, OutOfMemory, Refused, TABLE_SHARE};
use parking_lot::MutexGuard;

/// The lock of one slot's stripe. Keys given to it must be keys of that slot.
pub struct Guard<'a> {
    engine: &'a Engine,
    stripe: MutexGuard<'a, Stripe>,
    number: usize,
    slot: u16,
    prepared: Option<Prepared>,
    /// The hash of one key, known from before: where the key lies, its length and database.
    known: Option<(*const u8, usize, u16, u64)>,
}

/// An entry as a reader sees it.
#[derive(Clone, Copy, Debug)]
pub struct EntryRef<'a> {
    /// From its first byte on.
    bytes: &'a [u8],
    layout: Layout,
    word: Word,
    value: ValueRef<'a>,
}

/// Why a collection was not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unedited {
    #[error("the value is of another type")]
    WrongKind,
    #[error(transparent)]
    Refused(#[from] Refused),
}

impl<'a> EntryRef<'a> {
    pub fn value(&self) -> ValueRef<'a> {
        self.value
    }

    /// Unix milliseconds from which on it is gone; `None`: it stays.
    pub fn expires_at_ms(&self) -> Option<u64> {
        Some(self.layout.expires_at_ms(self.bytes)).filter(|at| *at != NEVER)
    }

    /// Milliseconds since its last use before this lookup by [`Guard::peek`]; 0 after [`Guard::get`].
    pub fn idle_ms(&self, now_ms: u64) -> u64 {
        u64::from(tick_of(now_ms).wrapping_sub(self.layout.used(self.bytes))) * TICK_MS
    }

    /// What the policy of its namespace counts of its uses, up to 255.
    pub fn frequency(&self) -> u64 {
        u64::from(self.word.uses())
    }

    /// Bytes it takes of the memory: itself, its share of a table, and what it has on the heap.
    pub fn charged_bytes(&self) -> u64 {
        let heap = if let ValueRef::Large(large) = self.value { large.heap_bytes() as u64 } else { 0 };
        self.layout.len() as u64 + TABLE_SHARE + heap
    }
}

impl<'a> Guard<'a> {
    #[inline]
    pub(crate) fn new(
        engine: &'a Engine,
        number: usize,
        stripe: MutexGuard<'a, Stripe>,
        slot: u16,
        prepared: Option<Prepared>,
    ) -> Guard<'a> {
        Guard { engine, stripe, number, slot, prepared, known: None }
    }

    /// Tells the hash of a key ([`Engine::hash`]) so that it is not computed again for this very slice.
    #[inline]
    pub fn knows(mut self, database: u16, key: &[u8], hash: u64) -> Guard<'a> {
        self.known = Some((key.as_ptr(), key.len(), database, hash));
        self
    }

    #[inline]
    fn hash(&self, database: u16, key: &[u8]) -> u64 {
        match self.known {
            Some((at, length, of, hash)) if at == key.as_ptr() && length == key.len() && of == database => hash,
            _ => self.engine.hash(database, key),
        }
    }

    /// A read on behalf of a client: counts a hit or a miss of `namespace`, and a use of the entry.
    #[inline]
    pub fn get(&mut self, database: u16, key: &[u8], namespace: NamespaceId, now_ms: u64) -> Option<EntryRef<'_>> {
        let (hash, found) = self.living(database, key, now_ms);
        let figures = self.stripe.figures_of(namespace);
        let Some(mut found) = found else {
            figures.misses += 1;
            return None;
        };
        figures.hits += 1;
        self.stripe.touch(hash, &mut found, tick_of(now_ms));
        Some(self.entry(found))
    }

    /// A look that counts as nothing. An expired entry is dropped, as by every lookup.
    pub fn peek(&mut self, database: u16, key: &[u8], now_ms: u64) -> Option<EntryRef<'_>> {
        let found = self.living(database, key, now_ms).1?;
        Some(self.entry(found))
    }

    /// Counts a use of the entry, and neither a hit nor a miss; false when there is none.
    pub fn touch(&mut self, database: u16, key: &[u8], now_ms: u64) -> bool {
        let (hash, Some(mut found)) = self.living(database, key, now_ms) else { return false };
        self.stripe.touch(hash, &mut found, tick_of(now_ms));
        true
    }

    /// Stores a value, its expiry and its namespace; what the key had before is gone. With room for the [`crate::charge`] of
    /// what is written it is not refused for lack of room.
    pub fn set(
        &mut self,
        database: u16,
        key: &[u8],
        value: ValueRef<'_>,
        expires_at_ms: Option<u64>,
        namespace: NamespaceId,
        now_ms: u64,
    ) -> Result<(), Refused> {
        let (bytes, is_collection) = match value {
            ValueRef::String(bytes) => (bytes, false),
            ValueRef::Packed(block) => (block, true),
            ValueRef::Large(large) => {
                let large = Box::new(large.clone());
                let room = Some(large.heap_bytes() as u64);
                let set = self.set_large((database, key), large, expires_at_ms, namespace, room, now_ms);
                return set.map_err(|(why, _)| why);
            }
        };
        let (hash, found) = self.present(database, key, now_ms);
        let expires_at_ms = expires_at_ms.unwrap_or(NEVER);
        let used = tick_of(now_ms);
        let draft = Draft { database, key, value: bytes, is_collection, grows: false, expires_at_ms, used };
        self.set_found(hash, found, value, &draft, namespace, now_ms)
    }

    #[inline]
    fn set_found(
        &mut self,
        hash: u64,
        found: Option<Found>,
        value: ValueRef<'_>,
        draft: &Draft<'_>,
        namespace: NamespaceId,
        now_ms: u64,
    ) -> Result<(), Refused> {
        let is_journaled = self.stripe.role(self.slot) == SlotRole::Journaled;
        let (database, key) = (draft.database, draft.key);
        if is_journaled {
            let expires_at_ms = Some(draft.expires_at_ms).filter(|at| *at != NEVER);
            let change = Change::Set { database, key, hash, value, expires_at_ms, namespace };
            if !self.stripe.record(self.slot, change) {
                return Err(Refused::Journal);
            }
        }
        let stored = self.store(hash, found, draft, namespace, now_ms);
        if stored.is_err() && is_journaled {
            self.take_back(database, key, hash, namespace);
        }
        Ok(stored?)
    }

    /// Stores a value of the caller's, as [`Guard::set`] does; a large collection is not copied. Refused, the value comes back.
    pub fn set_value(
        &mut self,
        database: u16,
        key: &[u8],
        value: Value,
        expires_at_ms: Option<u64>,
        namespace: NamespaceId,
        now_ms: u64,
    ) -> Result<(), (Refused, Value)> {
        match value {
            Value::Large(large) => {
                let room = Some(large.heap_bytes() as u64);
                let set = self.set_large((database, key), large, expires_at_ms, namespace, room, now_ms);
                set.map_err(|(why, large)| (why, Value::Large(large)))
            }
            value => {
                let set = self.set(database, key, (&value).into(), expires_at_ms, namespace, now_ms);
                set.map_err(|why| (why, value))
            }
        }
    }

    /// Gives a large collection another name, in this slot, which is not copied for that; the expiry may become another one.
    /// False: there is none. Refused, it has the name that it had.
    pub fn move_large(
        &mut self,
        from: (u16, &[u8]),
        to: (u16, &[u8]),
        expiry: impl FnOnce(Option<u64>) -> Option<u64>,
        namespace: NamespaceId,
        now_ms: u64,
    ) -> Result<bool, Refused> {
        let find = |guard: &mut Self| {
            let (_, Some(found)) = guard.present(from.0, from.1, now_ms) else { return None };
            let ValueRef::Large(large) = guard.entry(found).value else { return None };
            Some((guard.stripe.namespace_of(found.word), large.heap_bytes() as u64))
        };
        let Some((before, bytes)) = find(self) else { return Ok(false) };
        let other = (before != namespace).then_some(bytes);
        if let Some(bytes) = other {
            self.heap_room(namespace, bytes, now_ms)?;
        }
        let Some((Value::Large(large), expires_at_ms)) = self.take(from.0, from.1, now_ms)? else { return Ok(false) };
        match self.set_large(to, large, expiry(expires_at_ms), namespace, other, now_ms) {
            Ok(()) => Ok(true),
            Err((why, large)) => {
                // It just went from there, so its room is still charged or was free a moment ago.
                let back = self.set_large(from, large, expires_at_ms, before, None, now_ms);
                back.map_err(|(why, _)| why)?;
                Err(why)
            }
        }
    }

    /// `room`: bytes to make room for on the heap; none where it was there until now.
    fn set_large(
        &mut self,
        (database, key): (u16, &[u8]),
        large: Box<Large>,
        expires_at_ms: Option<u64>,
        namespace: NamespaceId,
        room: Option<u64>,
        now_ms: u64,
    ) -> Result<(), (Refused, Box<Large>)> {
        // What was kept as a run is room on the heap now.
        if let Some(prepared) = self.prepared.take() {
            self.stripe.give_back(prepared);
        }
        if let Some(bytes) = room
            && let Err(why) = self.heap_room(namespace, bytes, now_ms)
        {
            return Err((why.into(), large));
        }
        let (hash, found) = self.present(database, key, now_ms);
        let is_journaled = self.stripe.role(self.slot) == SlotRole::Journaled;
        if is_journaled {
            let value = ValueRef::Large(&large);
            let change = Change::Set { database, key, hash, value, expires_at_ms, namespace };
            if !self.stripe.record(self.slot, change) {
                return Err((Refused::Journal, large));
            }
        }
        let kept = large.kind();
        let handle = self.stripe.add_large(large, namespace, self.slot);
        let value = value_of(kept, handle);
        let expires_at_ms = expires_at_ms.unwrap_or(NEVER);
        let used = tick_of(now_ms);
        let draft = Draft { database, key, value: &value, is_collection: true, grows: false, expires_at_ms, used };
        let stored = self.store(hash, found, &draft, namespace, now_ms);
        let Err(why) = stored else { return Ok(()) };
        let large = self.stripe.take_large(handle, namespace, self.slot).expect("nobody else has its handle");
        if is_journaled {
            self.take_back(database, key, hash, namespace);
        }
        Err((why.into(), large))
    }

    /// Makes room for so many bytes more on the heap.
    fn heap_room(&mut self, namespace: NamespaceId, bytes: u64, now_ms: u64) -> Result<(), OutOfMemory> {
        if self.stripe.reserve_heap(namespace, bytes, Need::Write) {
            return Ok(());
        }
        let gives = if self.stripe.evicts(namespace) { Gives::Now } else { Gives::DeadSpace };
        for _ in 0..RESCUES * 16 {
            if self.stripe.reclaim(namespace, now_ms, 64, gives).is_stuck {
                break;
            }
            if self.stripe.reserve_heap(namespace, bytes, Need::Write) {
                return Ok(());
            }
        }
        if self.stripe.reserve_heap(namespace, bytes, Need::Write) { Ok(()) } else { Err(OutOfMemory) }
    }

    /// Has `change` change a collection of a kind, an empty one where there is none, and keeps what it left, or deletes the key if
    /// that is empty. A new one gets an expiry. `room`: bytes of all that may be added, with 64 for each element. Nothing is
    /// changed when that is refused.
    #[allow(clippy::too_many_arguments)]
    pub fn edit<R>(
        &mut self,
        (database, key): (u16, &[u8]),
        kind: Kind,
        namespace: NamespaceId,
        if_new_expires_at_ms: Option<u64>,
        room: usize,
        now_ms: u64,
        change: impl FnOnce(&mut Edit) -> R,
    ) -> Result<R, Unedited> {
        let (hash, mut found) = self.present(database, key, now_ms);
        let mut handle = None;
        if let Some(of) = &found {
            if self.entry(*of).value.kind() != kind {
                return Err(Unedited::WrongKind);
            }
            handle = self.stripe.handle_at(of);
            if handle.is_some() && room > 0 {
                // Twice, as buckets are cut with what is added; and what one cut takes besides.
                let of_entry = self.stripe.namespace_of(of.word);
                self.heap_room(of_entry, 2 * room as u64 + HEAP_SLACK, now_ms).map_err(Refused::from)?;
                found = self.stripe.find(self.slot, hash, database, key);
                handle = found.as_ref().and_then(|found| self.stripe.handle_at(found));
            }
        }
        let is_journaled = self.stripe.role(self.slot) == SlotRole::Journaled;
        let mut expires_at_ms = if_new_expires_at_ms.unwrap_or(NEVER);
        let mut body = Body::empty(kind);
        if let Some(found) = &mut found {
            self.stripe.touch(hash, found, tick_of(now_ms));
            let bytes = self.stripe.bytes_at(found.word);
            expires_at_ms = found.layout.expires_at_ms(bytes);
            body = match handle.and_then(|handle| self.stripe.lend_large(handle)) {
                Some(large) => Body::Large(large),
                None => {
                    let block = &self.stripe.bytes_at(found.word)[found.layout.value()];
                    let mut copy = Vec::with_capacity(block.len() + room.min(256));
                    copy.extend_from_slice(block);
                    Body::Packed(copy)
                }
            };
        }
        let heap_before = if let Body::Large(large) = &body { large.heap_bytes() as u64 } else { 0 };
        let mut edit = Edit::new(body, self.engine.hasher(), now_ms, is_journaled);
        edit.is_new = found.is_none();
        let result = change(&mut edit);
        self.close((database, key, hash), found, handle, edit, heap_before, expires_at_ms, namespace, now_ms)?;
        Ok(result)
    }

    /// Keeps what an edit left.
    #[allow(clippy::too_many_arguments)]
    fn close(
        &mut self,
        (database, key, hash): (u16, &[u8], u64),
        found: Option<Found>,
        handle: Option<u32>,
        mut edit: Edit,
        heap_before: u64,
        expires_at_ms: u64,
        namespace: NamespaceId,
        now_ms: u64,
    ) -> Result<(), Refused> {
        let is_journaled = self.stripe.role(self.slot) == SlotRole::Journaled;
        if let (true, Some(handle), Some(found)) = (edit.was_large(), handle, &found) {
            let of_entry = self.stripe.namespace_of(found.word);
            let is_empty = edit.is_empty() && !edit.is_repeat();
            let (mut is_refused, edit_is_changed) = (false, edit.is_changed());
            if edit.is_changed() && !is_empty && is_journaled {
                let Told::Ops(ops) = edit.told() else { unreachable!("a large one is told by operations") };
                let change = Change::Edit { database, key, hash, ops, namespace: of_entry };
                is_refused = !self.stripe.record(self.slot, change);
            }
            if is_empty && edit.is_changed() {
                is_refused = !self.stripe.may_go(self.slot, hash, found.word, Cause::Deleted);
            }
            if is_refused {
                edit.take_back();
            }
            let Body::Large(mut large) = edit.into_body() else { unreachable!("what was large stays so") };
            if edit_is_changed {
                self.stripe.stamp(&mut large);
            }
            let heap_after = large.heap_bytes() as u64;
            self.stripe.return_large(handle, large);
            self.stripe.heap_changed(of_entry, Some(self.slot), heap_before, heap_after);
            self.stripe.note_fields(found.word);
            if is_refused {
                return Err(Refused::Journal);
            }
            if is_empty && edit_is_changed {
                self.stripe.figures_of(of_entry).deletes += self.counts();
                self.stripe.remove(self.slot, found);
            } else if edit_is_changed {
                self.stripe.figures_of(of_entry).sets += self.counts();
                let bytes = heap_after.saturating_sub(heap_before);
                self.engine.pay_for_change(self.number, &mut self.stripe, of_entry, bytes, now_ms);
            }
            return Ok(());
        }
        if !edit.is_changed() {
            return Ok(());
        }
        if edit.is_empty() && !edit.is_repeat() {
            let Some(found) = found else { return Ok(()) };
            if !self.stripe.may_go(self.slot, hash, found.word, Cause::Deleted) {
                return Err(Refused::Journal);
            }
            let of_entry = self.stripe.namespace_of(found.word);
            self.stripe.figures_of(of_entry).deletes += self.counts();
            self.stripe.remove(self.slot, &found);
            return Ok(());
        }
        match edit.into_body() {
            Body::Packed(block) => {
                let used = tick_of(now_ms);
                let grows = found.as_ref().is_some_and(|found| (found.layout.value_len() as usize) < block.len());
                let draft = Draft { database, key, value: &block, is_collection: true, grows, expires_at_ms, used };
                self.set_found(hash, found, ValueRef::Packed(&block), &draft, namespace, now_ms)
            }
            Body::Large(large) => {
                let expires_at_ms = Some(expires_at_ms).filter(|at| *at != NEVER);
                let room = Some(large.heap_bytes() as u64);
                self.set_large((database, key), large, expires_at_ms, namespace, room, now_ms).map_err(|(why, _)| why)
            }
        }
    }

    /// Does what was done to another copy of a collection; nothing where there is none.
    pub fn repeat(&mut self, database: u16, key: &[u8], ops: &[u8], now_ms: u64) -> Result<(), Refused> {
        let (_, Some(found)) = self.present(database, key, now_ms) else { return Ok(()) };
        let value = self.entry(found).value;
        let kind = value.kind();
        if kind == Kind::String {
            return Ok(());
        }
        let namespace = self.stripe.namespace_of(found.word);
        let edited = self.edit((database, key), kind, namespace, None, ops.len() * 2, now_ms, |edit| {
            crate::ops_in(ops).for_each(|op| edit.repeat(&op));
        });
        match edited {
            Ok(()) | Err(Unedited::WrongKind) => Ok(()),
            Err(Unedited::Refused(refused)) => Err(refused),
        }
    }

    /// Takes a value out, and its expiry, as [`Guard::remove`] does; it is not copied if it is large.
    pub fn take(&mut self, database: u16, key: &[u8], now_ms: u64) -> Result<Option<(Value, Option<u64>)>, Refused> {
        let (hash, Some(found)) = self.present(database, key, now_ms) else { return Ok(None) };
        if !self.stripe.may_go(self.slot, hash, found.word, Cause::Deleted) {
            return Err(Refused::Journal);
        }
        let namespace = self.stripe.namespace_of(found.word);
        let expires_at_ms = self.entry(found).expires_at_ms();
        let large = match self.stripe.handle_at(&found) {
            Some(handle) => self.stripe.take_large(handle, namespace, self.slot),
            None => None,
        };
        let value = match large {
            Some(large) => Value::Large(large),
            None => self.entry(found).value.to_owned(),
        };
        self.stripe.figures_of(namespace).deletes += self.counts();
        self.stripe.remove(self.slot, &found);
        Ok(Some((value, expires_at_ms)))
    }

    /// What was told to the journal did not come about: it is told what is there.
    #[cold]
    fn take_back(&mut self, database: u16, key: &[u8], hash: u64, namespace: NamespaceId) {
        let change = match self.stripe.find(self.slot, hash, database, key) {
            Some(found) => {
                let namespace = self.stripe.namespace_of(found.word);
                let entry = self.entry(found);
                let (value, expires_at_ms) = (entry.value(), entry.expires_at_ms());
                Change::Set { database, key, hash, value, expires_at_ms, namespace }
            }
            None => Change::Remove { database, key, hash, namespace, cause: Cause::Evicted },
        };
        // It took the one before under this very lock.
        self.stripe.record(self.slot, change);
    }

    /// Stores a value that was staged, as [`Guard::set`] does; `gap`: where its head begins. Nothing of the value is copied.
    pub(crate) fn set_staged(&mut self, staged: Staged, gap: usize, now_ms: u64) -> Result<(), Refused> {
        let (namespace, now) = (staged.namespace(), tick_of(now_ms));
        let bytes = &staged.bytes()[gap..];
        let layout = Layout::read(bytes);
        let (database, key, length) = (layout.database(bytes), bytes[layout.key()].to_vec(), layout.len());
        let (hash, found) = self.present(database, &key, now_ms);
        let is_journaled = self.stripe.role(self.slot) == SlotRole::Journaled;
        if is_journaled {
            let value = ValueRef::String(&bytes[layout.value()]);
            let expires_at_ms = Some(layout.expires_at_ms(bytes)).filter(|at| *at != NEVER);
            let change = Change::Set { database, key: &key, hash, value, expires_at_ms, namespace };
            if !self.stripe.record(self.slot, change) {
                return Err(Refused::Journal);
            }
        }
        let target = match found {
            Some(mut found) => {
                self.stripe.touch(hash, &mut found, now);
                match self.stripe.namespace_of(found.word) == namespace {
                    true => self.stripe.present_target(&found),
                    false => self.stripe.target(namespace, hash, length, now),
                }
            }
            None => self.stripe.target(namespace, hash, length, now),
        };
        let Some(word) = self.stripe.adopt(target, hash, gap, staged) else {
            if is_journaled {
                self.take_back(database, &key, hash, namespace);
            }
            return Err(OutOfMemory.into());
        };
        match self.stripe.find(self.slot, hash, database, &key) {
            Some(found) => self.stripe.replace(&found, word),
            None => self.stripe.enter(self.slot, hash, word),
        }
        self.stripe.figures_of(namespace).sets += self.counts();
        Ok(())
    }

    fn store(
        &mut self,
        hash: u64,
        found: Option<Found>,
        draft: &Draft<'_>,
        namespace: NamespaceId,
        now_ms: u64,
    ) -> Result<(), OutOfMemory> {
        let (now, database, key) = (draft.used, draft.database, draft.key);
        if let Some(mut found) = found {
            self.stripe.touch(hash, &mut found, now);
            if self.stripe.overwrite(self.slot, &mut found, draft, namespace) {
                self.stripe.figures_of(namespace).sets += self.counts();
                return Ok(());
            }
            let target = match self.stripe.namespace_of(found.word) == namespace {
                true => self.stripe.present_target(&found),
                false => self.stripe.target(namespace, hash, draft.len(), now),
            };
            let word = self.append(namespace, target, hash, draft, now_ms)?;
            // Appending may have made room by moving the old one, or at its cost.
            match self.stripe.find(self.slot, hash, database, key) {
                Some(found) => self.stripe.replace(&found, word),
                None => self.stripe.enter(self.slot, hash, word),
            }
        } else {
            let target = self.stripe.target(namespace, hash, draft.len(), now);
            let word = self.append(namespace, target, hash, draft, now_ms)?;
            self.stripe.enter(self.slot, hash, word);
        }
        self.stripe.figures_of(namespace).sets += self.counts();
        Ok(())
    }

    /// A change that a copy repeats is counted where it was asked for.
    fn counts(&self) -> u64 {
        u64::from(self.stripe.role(self.slot) != SlotRole::Kept)
    }

    fn append(
        &mut self,
        namespace: NamespaceId,
        target: (u8, u8),
        hash: u64,
        draft: &Draft<'_>,
        now_ms: u64,
    ) -> Result<Word, OutOfMemory> {
        let need = if self.prepared.is_some() { Need::Write } else { Need::Reclaim };
        let mut run = self.prepared.as_mut().and_then(|prepared| prepared.run.take());
        let mut word = self.stripe.append(namespace, target, hash, draft, need, &mut run);
        let gives = if self.stripe.evicts(namespace) { Gives::Now } else { Gives::DeadSpace };
        for _ in 0..RESCUES {
            if word.is_some() {
                break;
            }
            if self.stripe.reclaim(namespace, now_ms, 64, gives).is_stuck {
                break;
            }
            word = self.stripe.append(namespace, target, hash, draft, Need::Reclaim, &mut run);
        }
        if let Some(prepared) = self.prepared.as_mut() {
            prepared.run = run;
        }
        word.ok_or(OutOfMemory)
    }

    /// Takes an entry out on request, and counts a deletion; false when there is none.
    pub fn remove(&mut self, database: u16, key: &[u8], now_ms: u64) -> Result<bool, Refused> {
        let (hash, Some(found)) = self.present(database, key, now_ms) else { return Ok(false) };
        if !self.stripe.may_go(self.slot, hash, found.word, Cause::Deleted) {
            return Err(Refused::Journal);
        }
        let namespace = self.stripe.namespace_of(found.word);
        self.stripe.figures_of(namespace).deletes += self.counts();
        self.stripe.remove(self.slot, &found);
        Ok(true)
    }

    /// Changes when an entry expires, `None` for never; false when there is no entry. Not a use. The first expiry of an
    /// entry moves it; under a limit where not even that fits, the entry is evicted.
    pub fn set_expiry(
        &mut self,
        database: u16,
        key: &[u8],
        expires_at_ms: Option<u64>,
        now_ms: u64,
    ) -> Result<bool, Refused> {
        let (hash, Some(found)) = self.present(database, key, now_ms) else { return Ok(false) };
        if self.stripe.role(self.slot) == SlotRole::Journaled {
            let namespace = self.stripe.namespace_of(found.word);
            let change = Change::Expiry { database, key, hash, expires_at_ms, namespace };
            if !self.stripe.record(self.slot, change) {
                return Err(Refused::Journal);
            }
        }
        let expires_at_ms = expires_at_ms.unwrap_or(NEVER);
        if self.stripe.set_expiry(&found, expires_at_ms) {
            return Ok(true);
        }
        let bytes = self.stripe.bytes_at(found.word);
        let used = found.layout.used(bytes);
        let value = bytes[found.layout.value()].to_vec();
        let is_collection = found.layout.is_collection();
        let draft = Draft { database, key, value: &value, is_collection, grows: false, expires_at_ms, used };
        let namespace = self.stripe.namespace_of(found.word);
        let target = self.stripe.present_target(&found);
        // A large collection is in hand meanwhile, so that it stays whatever becomes of the entry.
        let handle = self.stripe.handle_at(&found);
        let large = handle.and_then(|handle| self.stripe.lend_large(handle));
        let word = self.append(namespace, target, hash, &draft, now_ms);
        let found = self.stripe.find(self.slot, hash, database, key);
        if let (Some(handle), Some(large)) = (handle, large) {
            self.stripe.return_large(handle, large);
            if word.is_err() && found.is_none() {
                let large = self.stripe.take_large(handle, namespace, self.slot);
                drop(large);
            }
        }
        match (word, found) {
            (Ok(word), Some(found)) => self.stripe.move_word(&found, word),
            (Ok(word), None) => self.stripe.enter(self.slot, hash, word),
            (Err(OutOfMemory), Some(found)) => {
                // Whoever had it told takes this too, under this very lock.
                self.stripe.may_go(self.slot, hash, found.word, Cause::Evicted);
                self.stripe.figures_of(namespace).evictions += 1;
                self.stripe.remove(self.slot, &found);
            }
            (Err(OutOfMemory), None) => {}
        }
        let bytes = (value.len() + HEADER_MAX) as u64;
        self.engine.pay_for_change(self.number, &mut self.stripe, namespace, bytes, now_ms);
        Ok(true)
    }

    #[inline]
    fn entry(&self, found: Found) -> EntryRef<'_> {
        let bytes = self.stripe.bytes_at(found.word);
        EntryRef { bytes, layout: found.layout, word: found.word, value: self.stripe.value(bytes, &found.layout) }
    }

    /// The hash of a key and its entry; one whose time has come is dropped, where that is not for others to say.
    #[inline]
    fn living(&mut self, database: u16, key: &[u8], now_ms: u64) -> (u64, Option<Found>) {
        let (hash, found, is_living) = self.look(database, key, now_ms);
        (hash, found.filter(|_| is_living))
    }

    /// The same for a change, which must find an entry whose time has come and that is still there.
    #[inline]
    fn present(&mut self, database: u16, key: &[u8], now_ms: u64) -> (u64, Option<Found>) {
        let (hash, found, _) = self.look(database, key, now_ms);
        (hash, found)
    }

    #[inline]
    fn look(&mut self, database: u16, key: &[u8], now_ms: u64) -> (u64, Option<Found>, bool) {
        let hash = self.hash(database, key);
        let Some(found) = self.stripe.find(self.slot, hash, database, key) else { return (hash, None, false) };
        if !found.layout.has_expiry() || found.layout.expires_at_ms(self.stripe.bytes_at(found.word)) > now_ms {
            if found.layout.is_collection() && self.has_due_fields(&found, now_ms) {
                return self.without_due_fields(database, key, (hash, found), now_ms);
            }
            return (hash, Some(found), true);
        }
        if !self.stripe.may_go(self.slot, hash, found.word, Cause::Expired) {
            return (hash, Some(found), false);
        }
        let namespace = self.stripe.namespace_of(found.word);
        self.stripe.figures_of(namespace).expirations += 1;
        self.stripe.remove(self.slot, &found);
        (hash, None, false)
    }
}

impl Guard<'_> {
    /// Whether a hash has fields whose time has come, and this decides about it.
    fn has_due_fields(&self, found: &Found, now_ms: u64) -> bool {
        let soonest = self.entry(*found).value.as_hash(now_ms).and_then(|hash| hash.soonest_ms());
        soonest.is_some_and(|at| at <= now_ms) && self.stripe.role(self.slot) != SlotRole::Kept
    }

    /// Takes them out, and finds the entry again, if it still is.
    #[cold]
    fn without_due_fields(
        &mut self,
        database: u16,
        key: &[u8],
        (hash, found): (u64, Found),
        now_ms: u64,
    ) -> (u64, Option<Found>, bool) {
        let is_journaled = self.stripe.role(self.slot) == SlotRole::Journaled;
        let namespace = self.stripe.namespace_of(found.word);
        let handle = self.stripe.handle_at(&found);
        let bytes = self.stripe.bytes_at(found.word);
        let expires_at_ms = found.layout.expires_at_ms(bytes);
        let block = bytes[found.layout.value()].to_vec();
        let body = match handle.and_then(|handle| self.stripe.lend_large(handle)) {
            Some(large) => Body::Large(large),
            None => Body::Packed(block),
        };
        let heap_before = if let Body::Large(large) = &body { large.heap_bytes() as u64 } else { 0 };
        let mut edit = Edit::new(body, self.engine.hasher(), now_ms, is_journaled);
        edit.remove_expired();
        // Refused or not: who reads leaves out what has expired.
        let place = (database, key, hash);
        let _ = self.close(place, Some(found), handle, edit, heap_before, expires_at_ms, namespace, now_ms);
        let found = self.stripe.find(self.slot, hash, database, key);
        self.stripe.fields_are_gone(self.slot, database, key, found.is_none());
        (hash, found, found.is_some())
    }
}

/// What a change of a large collection can take beyond what is added: a leaf and a bucket cut, and a piece of a directory.
const HEAP_SLACK: u64 = 24 << 10;

/// Steps of reclaiming for a write whose room turned out too small, which takes another thread in between.
const RESCUES: usize = 64;

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if let Some(prepared) = self.prepared.take() {
            self.stripe.give_back(prepared);
        }
    }
}
