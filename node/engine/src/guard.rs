//! One command's hold on one stripe: the operations on entries, and the exact account of what they add and free.
//!
//! The guard has `room`, reserved before the lock was taken. Storing takes from it, freeing adds to it, and what is left
//! goes back to the budgets when the guard is dropped. So the budgets, which other threads read, change once per command.

use crate::entries::{Entry, charge};
use crate::shard::{Draft, Shard, expiry_or_never};
use crate::value::Value;
use crate::{Engine, NamespaceId};
use parking_lot::MutexGuard;

/// The lock of one slot's stripe. Keys given to it must be keys of that slot.
pub struct Guard<'a> {
    engine: &'a Engine,
    shard: MutexGuard<'a, Shard>,
    slot: u16,
    namespace: NamespaceId,
    /// Bytes reserved in the engine's account and not used.
    room: u64,
    /// Bytes reserved in the account of `namespace` and not used.
    namespace_room: u64,
    /// The value replaced last. Declared after `shard`, so that it is freed after the lock is.
    _replaced: Option<Value>,
}

/// An entry as a reader sees it.
#[derive(Clone, Copy, Debug)]
pub struct EntryRef<'a> {
    entry: &'a Entry,
}

impl<'a> EntryRef<'a> {
    pub fn value(&self) -> &'a Value {
        &self.entry.value
    }

    /// Unix milliseconds from which on it is gone; `None`: it stays.
    pub fn expires_at_ms(&self) -> Option<u64> {
        self.entry.expiry()
    }

    /// Milliseconds since its last use before this lookup by [`Guard::peek`]; 0 after [`Guard::get`].
    pub fn idle_ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.entry.used_at_ms)
    }

    /// Uses since it was inserted, that included, counted up to 4095.
    pub fn frequency(&self) -> u64 {
        u64::from(self.entry.frequency)
    }

    /// Bytes it takes of the budget.
    pub fn charged_bytes(&self) -> u64 {
        self.entry.charge()
    }
}

impl<'a> Guard<'a> {
    pub(crate) fn new(engine: &'a Engine, slot: u16, namespace: NamespaceId, room: u64) -> Guard<'a> {
        let shard = engine.stripe(slot).shard.lock();
        Guard { engine, shard, slot, namespace, room, namespace_room: room, _replaced: None }
    }

    /// Bytes that can be stored now without asking for more.
    pub fn room(&self) -> u64 {
        self.room
    }

    /// A read on behalf of a client: counts a hit or a miss of `namespace`, and a use of the entry.
    pub fn get(&mut self, database: u16, key: &[u8], namespace: NamespaceId, now_ms: u64) -> Option<EntryRef<'_>> {
        let found = self.living(database, key, now_ms);
        self.shard.account(namespace, |figures| match found {
            Some(_) => figures.hits += 1,
            None => figures.misses += 1,
        });
        let index = found?;
        self.shard.touch(index, now_ms);
        Some(EntryRef { entry: &self.shard.entries[index] })
    }

    /// A look that counts as nothing. An expired entry is dropped, as by every lookup.
    pub fn peek(&mut self, database: u16, key: &[u8], now_ms: u64) -> Option<EntryRef<'_>> {
        let index = self.living(database, key, now_ms)?;
        Some(EntryRef { entry: &self.shard.entries[index] })
    }

    /// Counts a use of the entry, and neither a hit nor a miss; false when there is none.
    pub fn touch(&mut self, database: u16, key: &[u8], now_ms: u64) -> bool {
        let found = self.living(database, key, now_ms);
        found.inspect(|index| self.shard.touch(*index, now_ms)).is_some()
    }

    /// Stores a value, its expiry and its namespace; what the key had before is gone. Panics when the room reserved and
    /// what the old value frees are less than the new entry's [`charge`].
    pub fn set(
        &mut self,
        database: u16,
        key: &[u8],
        value: Value,
        expires_at_ms: Option<u64>,
        namespace: NamespaceId,
        now_ms: u64,
    ) {
        let expires_at_ms = expiry_or_never(expires_at_ms);
        let needed = charge(key.len(), value.bytes());
        let (hash, found) = self.shard.find(database, key);
        if let Some(index) = found.and_then(|index| self.unless_expired(index, now_ms)) {
            let old = &self.shard.entries[index];
            self.give(NamespaceId(old.namespace), old.charge());
            self.take(namespace, needed);
            self._replaced = Some(self.shard.overwrite(index, value, expires_at_ms, namespace, now_ms));
        } else {
            self.take(namespace, needed);
            let slot = self.slot;
            self.shard.insert(hash, Draft { slot, database, key, value, expires_at_ms, namespace }, now_ms);
        }
    }

    /// Takes an entry out on request, and counts a deletion.
    pub fn remove(&mut self, database: u16, key: &[u8], now_ms: u64) -> Option<Value> {
        let index = self.living(database, key, now_ms)?;
        let entry = self.shard.remove(index);
        let namespace = NamespaceId(entry.namespace);
        self.shard.account(namespace, |figures| figures.deletes += 1);
        self.give(namespace, entry.charge());
        Some(entry.value)
    }

    /// Changes when an entry expires, `None` for never; false when there is no entry. Not a use.
    pub fn set_expiry(&mut self, database: u16, key: &[u8], expires_at_ms: Option<u64>, now_ms: u64) -> bool {
        let found = self.living(database, key, now_ms);
        found.inspect(|index| self.shard.set_expiry(*index, expiry_or_never(expires_at_ms))).is_some()
    }

    fn living(&mut self, database: u16, key: &[u8], now_ms: u64) -> Option<u32> {
        let (_, found) = self.shard.find(database, key);
        found.and_then(|index| self.unless_expired(index, now_ms))
    }

    /// The position, or nothing and the entry dropped if its time has come.
    fn unless_expired(&mut self, index: u32, now_ms: u64) -> Option<u32> {
        if !self.shard.entries[index].is_expired(now_ms) {
            return Some(index);
        }
        let entry = self.shard.expire(index);
        self.give(NamespaceId(entry.namespace), entry.charge());
        self._replaced = Some(entry.value);
        None
    }

    /// Bytes of `namespace` became free.
    fn give(&mut self, namespace: NamespaceId, bytes: u64) {
        self.room += bytes;
        if namespace == self.namespace {
            self.namespace_room += bytes;
        } else {
            self.engine.budget.release_namespace(namespace, bytes);
        }
    }

    /// Bytes are stored in `namespace`.
    fn take(&mut self, namespace: NamespaceId, bytes: u64) {
        assert!(
            bytes <= self.room,
            "a write of {bytes} bytes had room for {}: ask lock_with_room for its charge",
            self.room
        );
        self.room -= bytes;
        let reserved = if namespace == self.namespace { bytes.min(self.namespace_room) } else { 0 };
        self.namespace_room -= reserved;
        self.engine.budget.grow_namespace(namespace, bytes - reserved);
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.engine.budget.release_namespace(self.namespace, self.namespace_room);
        self.engine.budget.release_engine(self.room);
    }
}
