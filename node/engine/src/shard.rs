//! One lock stripe: a table, the entries it names, and every order they stand in.
//!
//! ```text
//!   table: hash(database, key) ─► position ─► entries[position]
//!   slots[slot].entries        ─► all entries of one slot     (count, list or drop a slot without looking at others)
//!   namespaces[id].queues      ─► the next victim of each namespace
//!   expiry                     ─► the next entry to expire
//!   coldest[id]                the victims' coldness, readable without the lock
//! ```
//!
//! LOCK: everything here is reached through the stripe's mutex, except `coldest`. A shard does not know budgets: what it
//! adds or frees it tells its caller, who keeps the account.

use crate::entries::{Entries, Entry, Link, NEVER};
use crate::expiry::Expiry;
use crate::policy::queue::SlotEntries;
use crate::policy::{NO_VICTIM, Policy, Queues, Ticks};
use crate::stats::NamespaceFigures;
use crate::value::Value;
use crate::{NAMESPACES, NamespaceId};
use hashbrown::HashTable;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What all shards of an engine share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub ticks: Ticks,
    /// Seeded per engine: clients choose the keys. No order ever follows from it.
    hasher: RandomState,
}

impl Shared {
    fn hash(&self, database: u16, key: &[u8]) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write_u16(database);
        hasher.write(key);
        hasher.finish()
    }
}

#[derive(Debug)]
pub(crate) struct Shard {
    shared: Arc<Shared>,
    coldest: Arc<[AtomicU64]>,
    table: HashTable<u32>,
    pub entries: Entries,
    /// By slot number divided by `stripes`.
    slots: Vec<SlotState>,
    stripes: u16,
    namespaces: Vec<NamespaceState>,
    policies: [Policy; NAMESPACES],
    /// Entries by database.
    databases: Vec<u64>,
    expiry: Expiry,
}

#[derive(Debug, Default)]
struct SlotState {
    entries: SlotEntries,
    bytes: u64,
    /// Entries by database.
    items: Vec<u32>,
}

#[derive(Debug)]
struct NamespaceState {
    queues: Queues,
    figures: NamespaceFigures,
}

/// An entry to be.
pub(crate) struct Draft<'a> {
    pub slot: u16,
    pub database: u16,
    pub key: &'a [u8],
    pub value: Value,
    pub expires_at_ms: u64,
    pub namespace: NamespaceId,
}

impl Shard {
    /// A shard of every `stripes`-th slot, `slots` of them.
    pub fn new(shared: Arc<Shared>, coldest: Arc<[AtomicU64]>, slots: usize, stripes: u16) -> Shard {
        Shard {
            shared,
            coldest,
            table: HashTable::new(),
            entries: Entries::new(),
            slots: (0..slots).map(|_| SlotState::default()).collect(),
            stripes,
            namespaces: Vec::new(),
            policies: [Policy::default(); NAMESPACES],
            databases: Vec::new(),
            expiry: Expiry::default(),
        }
    }

    /// The hash of a key, and its entry's position if it has one, expired or not.
    pub fn find(&self, database: u16, key: &[u8]) -> (u64, Option<u32>) {
        let hash = self.shared.hash(database, key);
        let is_it = |index: &u32| {
            let entry = &self.entries[*index];
            *entry.key == *key && entry.database == database
        };
        (hash, self.table.find(hash, is_it).copied())
    }

    /// Adds an entry for a key that has none; `hash` as [`Shard::find`] gave it.
    pub fn insert(&mut self, hash: u64, draft: Draft<'_>, now_ms: u64) {
        let entry = Entry {
            key: draft.key.into(),
            value: draft.value,
            expires_at_ms: draft.expires_at_ms,
            used_at_ms: now_ms,
            tick: self.shared.ticks.next(),
            links: [Link::NONE; 2],
            frequency: 1,
            database: draft.database,
            slot: draft.slot,
            namespace: draft.namespace.0,
        };
        let charge = entry.charge();
        let index = self.entries.insert(entry);
        let Shard { table, entries, shared, .. } = self;
        table.insert_unique(hash, index, |index| {
            let entry = &entries[*index];
            shared.hash(entry.database, &entry.key)
        });
        self.expiry.insert(draft.database, draft.expires_at_ms, index);
        let slot = &mut self.slots[usize::from(draft.slot / self.stripes)];
        slot.entries.push_back(&mut self.entries, index);
        slot.bytes += charge;
        *at_database(&mut slot.items, draft.database) += 1;
        *at_database(&mut self.databases, draft.database) += 1;
        let figures = &mut self.namespace(draft.namespace).figures;
        figures.items += 1;
        figures.bytes += charge;
        figures.sets += 1;
        self.requeue(draft.namespace, index, |queues, entries, _| queues.insert(entries, index));
    }

    /// Gives an entry a new value, expiry and namespace where it stands; returns the old value.
    pub fn overwrite(
        &mut self,
        index: u32,
        value: Value,
        expires_at_ms: u64,
        namespace: NamespaceId,
        now_ms: u64,
    ) -> Value {
        let entry = &mut self.entries[index];
        let before = entry.charge();
        let old = std::mem::replace(&mut entry.value, value);
        let after = entry.charge();
        entry.used_at_ms = now_ms;
        let slot = &mut self.slots[usize::from(entry.slot / self.stripes)];
        slot.bytes = slot.bytes - before + after;
        let figures = &mut self.namespace_of(index).figures;
        figures.bytes = figures.bytes - before + after;
        self.set_expiry(index, expires_at_ms);
        self.namespace(namespace).figures.sets += 1;
        if self.entries[index].namespace == namespace.0 {
            self.requeue(namespace, index, |queues, entries, ticks| queues.overwrite(entries, index, ticks));
        } else {
            self.move_to(index, namespace);
        }
        old
    }

    /// Takes an entry out of everything it is in.
    pub fn remove(&mut self, index: u32) -> Entry {
        let entry = &self.entries[index];
        let (charge, database, slot) = (entry.charge(), entry.database, entry.slot);
        let hash = self.shared.hash(database, &entry.key);
        self.expiry.remove(database, entry.expires_at_ms, index);
        self.table
            .find_entry(hash, |candidate| *candidate == index)
            .map(|found| found.remove())
            .expect("every entry is in the table");
        let slot = &mut self.slots[usize::from(slot / self.stripes)];
        slot.entries.remove(&mut self.entries, index);
        slot.bytes -= charge;
        *at_database(&mut slot.items, database) -= 1;
        *at_database(&mut self.databases, database) -= 1;
        let namespace = NamespaceId(self.entries[index].namespace);
        let figures = &mut self.namespace(namespace).figures;
        figures.items -= 1;
        figures.bytes -= charge;
        self.requeue(namespace, index, |queues, entries, _| queues.remove(entries, index));
        let entry = self.entries.remove(index);
        if self.entries.len() == 0 {
            self.table = HashTable::new();
        }
        entry
    }

    /// An entry was used.
    pub fn touch(&mut self, index: u32, now_ms: u64) {
        let entry = &mut self.entries[index];
        entry.used_at_ms = now_ms;
        let namespace = NamespaceId(entry.namespace);
        self.requeue(namespace, index, |queues, entries, ticks| queues.hit(entries, index, ticks));
    }

    pub fn set_expiry(&mut self, index: u32, expires_at_ms: u64) {
        let entry = &mut self.entries[index];
        self.expiry.remove(entry.database, entry.expires_at_ms, index);
        entry.expires_at_ms = expires_at_ms;
        self.expiry.insert(entry.database, expires_at_ms, index);
    }

    /// Drops an entry whose time has come.
    pub fn expire(&mut self, index: u32) -> Entry {
        self.namespace_of(index).figures.expirations += 1;
        self.remove(index)
    }

    /// Drops the entry that expired first, if any did.
    pub fn expire_first(&mut self, now_ms: u64) -> Option<Entry> {
        self.expiry.first_expired(now_ms).map(|index| self.expire(index))
    }

    /// Drops the next victim of a namespace. One that had expired already counts as that.
    pub fn evict(&mut self, namespace: NamespaceId, now_ms: u64) -> Option<Entry> {
        let state = self.namespaces.get_mut(usize::from(namespace.0))?;
        let index = state.queues.victim()?;
        if self.entries[index].is_expired(now_ms) {
            return Some(self.expire(index));
        }
        state.figures.evictions += 1;
        Some(self.remove(index))
    }

    /// Moves an entry to another namespace, as if it was used now: to find the place of its age there would take a search.
    /// The frequency stays.
    pub fn move_to(&mut self, index: u32, namespace: NamespaceId) {
        let charge = self.entries[index].charge();
        let old = NamespaceId(self.entries[index].namespace);
        self.requeue(old, index, |queues, entries, _| queues.remove(entries, index));
        self.account(old, |figures| (figures.items, figures.bytes) = (figures.items - 1, figures.bytes - charge));
        let entry = &mut self.entries[index];
        entry.namespace = namespace.0;
        entry.tick = self.shared.ticks.next();
        self.account(namespace, |figures| (figures.items, figures.bytes) = (figures.items + 1, figures.bytes + charge));
        self.requeue(namespace, index, |queues, entries, _| queues.insert(entries, index));
    }

    /// Applies the policies by namespace; entries stay.
    pub fn configure(&mut self, policies: &[Policy; NAMESPACES]) {
        self.policies = *policies;
        for (id, state) in self.namespaces.iter_mut().enumerate() {
            state.queues.change(&mut self.entries, policies[id]);
            self.coldest[id].store(state.queues.coldness(&self.entries), Ordering::Release);
        }
    }

    /// Forgets every entry and hands out what held them, so that the caller frees it without the lock.
    pub fn clear(&mut self) -> (Entries, HashTable<u32>, Expiry) {
        for (id, state) in self.namespaces.iter_mut().enumerate() {
            state.queues = Queues::new(state.queues.policy());
            (state.figures.items, state.figures.bytes) = (0, 0);
            self.coldest[id].store(NO_VICTIM, Ordering::Release);
        }
        self.slots.iter_mut().for_each(|slot| *slot = SlotState::default());
        self.databases.clear();
        let entries = std::mem::replace(&mut self.entries, Entries::new());
        (entries, std::mem::take(&mut self.table), std::mem::take(&mut self.expiry))
    }

    /// Positions of the entries of one slot of this shard.
    pub fn slot_entries(&self, slot: u16) -> impl Iterator<Item = u32> {
        self.slots[usize::from(slot / self.stripes)].entries.iter(&self.entries)
    }

    /// Entries of one slot in one database.
    pub fn slot_items(&self, slot: u16, database: u16) -> u64 {
        let items = &self.slots[usize::from(slot / self.stripes)].items;
        items.get(usize::from(database)).map_or(0, |items| u64::from(*items))
    }

    /// Entries and bytes of the slots that hold any; `offset` is the shard's own number.
    pub fn slot_figures(&self, offset: u16) -> impl Iterator<Item = (u16, u64, u64)> {
        self.slots.iter().zip(0u16..).filter(|(slot, _)| slot.bytes > 0).map(move |(slot, number)| {
            (number * self.stripes + offset, slot.items.iter().map(|items| u64::from(*items)).sum(), slot.bytes)
        })
    }

    /// Entries of one database.
    pub fn items(&self, database: u16) -> u64 {
        self.databases.get(usize::from(database)).copied().unwrap_or(0)
    }

    /// Entries of one database that have an expiry.
    pub fn expiring(&self, database: u16) -> u64 {
        self.expiry.count(database)
    }

    /// Figures by namespace id, as far as any were used here.
    pub fn figures(&self) -> impl ExactSizeIterator<Item = &NamespaceFigures> {
        self.namespaces.iter().map(|state| &state.figures)
    }

    pub fn account(&mut self, namespace: NamespaceId, count: impl FnOnce(&mut NamespaceFigures)) {
        count(&mut self.namespace(namespace).figures);
    }

    fn namespace_of(&mut self, index: u32) -> &mut NamespaceState {
        self.namespace(NamespaceId(self.entries[index].namespace))
    }

    fn namespace(&mut self, id: NamespaceId) -> &mut NamespaceState {
        let id = usize::from(id.0);
        while self.namespaces.len() <= id {
            let queues = Queues::new(self.policies[self.namespaces.len()]);
            self.namespaces.push(NamespaceState { queues, figures: NamespaceFigures::default() });
        }
        &mut self.namespaces[id]
    }

    /// Changes the place of one entry in its namespace's queues, and publishes the next victim if that is another, or is
    /// that entry itself at another age.
    fn requeue(&mut self, id: NamespaceId, index: u32, change: impl FnOnce(&mut Queues, &mut Entries, &Ticks)) {
        let state = &mut self.namespaces[usize::from(id.0)];
        let before = state.queues.victim();
        change(&mut state.queues, &mut self.entries, &self.shared.ticks);
        if before == Some(index) || state.queues.victim() != before {
            self.coldest[usize::from(id.0)].store(state.queues.coldness(&self.entries), Ordering::Release);
        }
    }
}

/// The count of one database, made when it is first needed.
pub(crate) fn at_database<T: Clone + Default>(counts: &mut Vec<T>, database: u16) -> &mut T {
    let database = usize::from(database);
    if counts.len() <= database {
        counts.resize(database + 1, T::default());
    }
    &mut counts[database]
}

/// The expiry as an entry keeps it.
pub(crate) fn expiry_or_never(expires_at_ms: Option<u64>) -> u64 {
    expires_at_ms.unwrap_or(NEVER)
}
