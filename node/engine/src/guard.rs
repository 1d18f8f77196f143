//! One command's hold on one stripe: the operations on entries.
//!
//! Room for what a command adds is made before it looks at anything ([`Engine::lock_with_room`]), so that one that is refused
//! changed nothing; pages that were kept for it and not used go back when the guard is dropped.

use crate::item::{Draft, HEADER_MAX, Layout, NEVER, TICK_MS, tick_of};
use crate::journal::{Cause, Change, SlotRole};
use crate::pages::Need;
use crate::staged::Staged;
use crate::stripe::{Found, Gives, Prepared, Stripe};
use crate::table::Word;
use crate::value::ValueRef;
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
}

impl<'a> EntryRef<'a> {
    pub fn value(&self) -> ValueRef<'a> {
        ValueRef::String(&self.bytes[self.layout.value()])
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

    /// Bytes it takes of the memory: itself and its share of a table.
    pub fn charged_bytes(&self) -> u64 {
        self.layout.len() as u64 + TABLE_SHARE
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
        let now = tick_of(now_ms);
        let (hash, found) = self.present(database, key, now_ms);
        let is_journaled = self.stripe.role(self.slot) == SlotRole::Journaled;
        if is_journaled {
            let change = Change::Set { database, key, hash, value, expires_at_ms, namespace };
            if !self.stripe.record(self.slot, change) {
                return Err(Refused::Journal);
            }
        }
        let ValueRef::String(value) = value;
        let draft = Draft { database, key, value, expires_at_ms: expires_at_ms.unwrap_or(NEVER), used: now };
        let stored = self.store(hash, found, &draft, namespace, now_ms);
        if stored.is_err() && is_journaled {
            self.take_back(database, key, hash, namespace);
        }
        Ok(stored?)
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
        let draft = Draft { database, key, value: &value, expires_at_ms, used };
        let namespace = self.stripe.namespace_of(found.word);
        let target = self.stripe.present_target(&found);
        let word = self.append(namespace, target, hash, &draft, now_ms);
        match (word, self.stripe.find(self.slot, hash, database, key)) {
            (Ok(word), Some(found)) => self.stripe.replace(&found, word),
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
        EntryRef { bytes: self.stripe.bytes_at(found.word), layout: found.layout, word: found.word }
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

/// Steps of reclaiming for a write whose room turned out too small, which takes another thread in between.
const RESCUES: usize = 64;

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if let Some(prepared) = self.prepared.take() {
            self.stripe.give_back(prepared);
        }
    }
}
