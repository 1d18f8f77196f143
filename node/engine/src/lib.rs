//! Memory: entries in slots, under lock stripes, within a budget.
//!
//! The engine knows no network, no protocol and no cluster. A *slot* and a *database* are plain numbers, a *namespace* is an
//! id with a policy and a maximum, and time is the `now_ms` (Unix milliseconds) of whoever calls. It does no I/O, starts no
//! threads and has no clock; background work ([`Engine::expire_step`], [`Engine::trim_step`]) is done in bounded steps when
//! its caller asks.
//!
//! A command takes one lock and does its work through the [`Guard`]:
//!
//! ```
//! use dcache_engine::{Config, Engine, NamespaceId, Value, charge};
//! let engine = Engine::new(Config { memory_bytes: 1 << 20, slots: 16384, shards: 64 });
//! let (slot, database, namespace, now_ms) = (7, 0, NamespaceId::DEFAULT, 1_000);
//!
//! let mut guard = engine.lock_with_room(slot, namespace, charge(3, 5), now_ms)?;
//! guard.set(database, b"key", Value::string(*b"value"), Some(2_000), namespace, now_ms);
//! drop(guard);
//!
//! let mut guard = engine.lock(slot);
//! assert_eq!(guard.get(database, b"key", namespace, 1_999).and_then(|entry| entry.value().as_string()), Some(&b"value"[..]));
//! assert!(guard.get(database, b"key", namespace, 2_000).is_none());
//! # Ok::<(), dcache_engine::OutOfMemory>(())
//! ```
//!
//! What it promises:
//! - The account ([`Engine::used_bytes`]) never passes the limit, not by a byte and not for a moment: room is reserved before
//!   anything is stored, by evicting until it is there. What the account counts is keys, values and [`ENTRY_OVERHEAD`].
//! - The victim is the first of the whole namespace in its policy's order, not of a sample or of one stripe (`policy/`).
//!   Which namespace gives is in `budget.rs`.
//! - No operation's cost depends on anything but its own key and value, except where it says so.
//!
//! | what | who may touch it |
//! |---|---|
//! | a `shard` | who holds its stripe's lock; a leaf: one lock per thread at a time |
//! | budgets, coldest entries, ticks | everyone, atomically |
//!
//! The store is a plain one (boxed keys and values in a slab, a table and linked queues per stripe); the interface is what
//! is meant to last.

mod budget;
mod entries;
mod expiry;
mod guard;
mod policy;
mod scan;
mod shard;
mod stats;
mod value;

pub use entries::{ENTRY_OVERHEAD, charge};
pub use guard::{EntryRef, Guard};
pub use policy::Policy;
pub use scan::Visit;
pub use stats::NamespaceFigures;
pub use value::{Kind, Value};

use budget::Budget;
use entries::Entry;
use parking_lot::{Mutex, MutexGuard};
use policy::NO_VICTIM;
use shard::{Shard, Shared};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Ids a namespace can have.
pub const NAMESPACES: usize = 256;

/// Lock stripes an engine has at most; scan cursors have this many numbers for them.
pub const SHARDS_MAX: usize = 256;

/// A namespace as the engine knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NamespaceId(pub u8);

impl NamespaceId {
    /// The one every key is in unless something else is said.
    pub const DEFAULT: NamespaceId = NamespaceId(0);

    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Most bytes all entries may be charged together.
    pub memory_bytes: u64,
    /// Slots are numbered below this; at least 1.
    pub slots: u16,
    /// Lock stripes; 64 is right for a few cores. Taken to be at least 1, at most [`SHARDS_MAX`] and at most `slots`.
    pub shards: usize,
}

/// What the operator says about a namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NamespaceConfig {
    pub policy: Policy,
    /// Most bytes its entries may be charged; `None`: only the engine's limit.
    pub memory_max_bytes: Option<u64>,
}

/// No room could be made for a write: it is larger than the limit, or what could be evicted is too little.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no room for the write within the memory limit and nothing left that may be evicted")]
pub struct OutOfMemory;

/// All entries of one node.
#[derive(Debug)]
pub struct Engine {
    slots: u16,
    stripes: Vec<Stripe>,
    budget: Budget,
    /// LOCK: taken before the stripes' locks; keeps two calls of `configure` apart.
    configuring: Mutex<()>,
}

/// A shard behind its lock. Aligned so that no two locks share a cache line.
#[derive(Debug)]
#[repr(align(128))]
struct Stripe {
    shard: Mutex<Shard>,
    /// Coldness of the next victim by namespace id; written under the lock.
    coldest: Arc<[AtomicU64]>,
}

impl Engine {
    /// An empty engine in which every namespace has the default policy and no maximum.
    pub fn new(config: Config) -> Engine {
        let slots = config.slots.max(1);
        let count = config.shards.clamp(1, SHARDS_MAX).min(usize::from(slots)) as u16;
        let shared = Arc::new(Shared::default());
        let stripe = |number: u16| {
            let coldest: Arc<[AtomicU64]> = (0..NAMESPACES).map(|_| AtomicU64::new(NO_VICTIM)).collect();
            let own_slots = usize::from((slots - number).div_ceil(count));
            let shard = Shard::new(Arc::clone(&shared), Arc::clone(&coldest), own_slots, count);
            Stripe { shard: Mutex::new(shard), coldest }
        };
        Engine {
            slots,
            stripes: (0..count).map(stripe).collect(),
            budget: Budget::new(config.memory_bytes),
            configuring: Mutex::default(),
        }
    }

    /// Sets the policy and the maximum of every namespace; the index is its id. An id that is `None` or missing has the
    /// policy of id 0 and no maximum, until its entries are reclassified. Entries stay under any change; a lowered maximum
    /// is reached by later writes and by [`Engine::trim_step`]. A change to or from [`Policy::Lfu`] sorts the namespace's
    /// entries, stripe by stripe.
    pub fn configure(&self, namespaces: &[Option<NamespaceConfig>]) {
        let _configuring = self.configuring.lock();
        let of = |id: usize| namespaces.get(id).copied().flatten();
        let other = NamespaceConfig { memory_max_bytes: None, ..of(0).unwrap_or_default() };
        let configs: [NamespaceConfig; NAMESPACES] = std::array::from_fn(|id| of(id).unwrap_or(other));
        self.budget.configure(&configs);
        let policies = configs.map(|config| config.policy);
        for stripe in &self.stripes {
            stripe.shard.lock().configure(&policies);
        }
    }

    /// Locks the stripe of a slot, for reads and for changes that add nothing. Panics unless `slot` is below
    /// [`Config::slots`]. Whoever holds a guard must call nothing else of the engine: stripes are shared by many slots.
    pub fn lock(&self, slot: u16) -> Guard<'_> {
        Guard::new(self, slot, NamespaceId::DEFAULT, 0)
    }

    /// Makes room for `bytes` in `namespace`, evicting as needed, then locks the stripe of a slot as [`Engine::lock`] does.
    ///
    /// `bytes` is an upper bound of what will be stored, [`charge`] for each entry written: what an overwrite frees comes
    /// on top, and all that is left is given back when the guard is dropped. Evicting may hit the very entry the caller
    /// is about to change: look at it after, not before. At most 64 + `bytes` / [`ENTRY_OVERHEAD`] entries are evicted.
    pub fn lock_with_room(
        &self,
        slot: u16,
        namespace: NamespaceId,
        bytes: u64,
        now_ms: u64,
    ) -> Result<Guard<'_>, OutOfMemory> {
        self.make_room(namespace, bytes, now_ms)?;
        Ok(Guard::new(self, slot, namespace, bytes))
    }

    /// Bytes all entries are charged, and what is reserved by writes at this moment.
    pub fn used_bytes(&self) -> u64 {
        self.budget.used_bytes()
    }

    /// The most [`Engine::used_bytes`] can be.
    pub fn limit_bytes(&self) -> u64 {
        self.budget.limit_bytes()
    }

    /// Lock stripes; what [`Engine::expire_step`] takes is below this.
    pub fn shards(&self) -> usize {
        self.stripes.len()
    }

    /// Drops at most `max` entries of one shard whose time has come, the longest expired first; returns how many.
    pub fn expire_step(&self, shard: usize, now_ms: u64, max: usize) -> usize {
        let Some(stripe) = self.stripes.get(shard) else { return 0 };
        let mut shard = stripe.shard.lock();
        let mut expired = Vec::new();
        while expired.len() < max {
            let Some(entry) = shard.expire_first(now_ms) else { break };
            self.budget.release(NamespaceId(entry.namespace), entry.charge());
            expired.push(entry);
        }
        // Values are freed without the lock.
        drop(shard);
        expired.len()
    }

    /// Entries of one slot in one database, expired ones not dropped yet included.
    pub fn count_in_slot(&self, slot: u16, database: u16) -> u64 {
        self.stripe(slot).shard.lock().slot_items(slot, database)
    }

    /// Entries of one database, expired ones not dropped yet included.
    pub fn count(&self, database: u16) -> u64 {
        self.stripes.iter().map(|stripe| stripe.shard.lock().items(database)).sum()
    }

    /// Of these, how many have an expiry.
    pub fn count_expiring(&self, database: u16) -> u64 {
        self.stripes.iter().map(|stripe| stripe.shard.lock().expiring(database)).sum()
    }

    /// Drops the entries of one slot in all databases; returns how many. Costs what the slot holds.
    pub fn clear_slot(&self, slot: u16) -> u64 {
        let shard = self.stripe(slot).shard.lock();
        let positions: Vec<u32> = shard.slot_entries(slot).collect();
        self.drop_all(shard, &positions)
    }

    /// Drops the entries of one database; returns how many. Costs what the engine holds, one stripe at a time.
    pub fn clear_database(&self, database: u16) -> u64 {
        let clear = |stripe: &Stripe| {
            let shard = stripe.shard.lock();
            if shard.items(database) == shard.entries.len() as u64 {
                return self.clear_shard(shard);
            }
            let is_in = |index: &u32| shard.entries.at(*index).is_some_and(|entry| entry.database == database);
            let positions: Vec<u32> = (0..shard.entries.positions()).filter(is_in).collect();
            self.drop_all(shard, &positions)
        };
        self.stripes.iter().map(clear).sum()
    }

    /// Drops every entry. Figures that count events stay.
    pub fn clear(&self) {
        for stripe in &self.stripes {
            self.clear_shard(stripe.shard.lock());
        }
    }

    /// Asks of every entry of a slot which namespace it is in, given its database and key, and moves those that changed,
    /// as if they had just been used. Returns how many were looked at. `classify` must not call the engine.
    pub fn reclassify_slot(&self, slot: u16, classify: &dyn Fn(u16, &[u8]) -> NamespaceId) -> usize {
        let mut shard = self.stripe(slot).shard.lock();
        let mut positions: Vec<u32> = shard.slot_entries(slot).collect();
        // In order of age, so that those that move keep it among themselves.
        positions.sort_unstable_by_key(|index| shard.entries[*index].tick);
        for index in &positions {
            let entry = &shard.entries[*index];
            let (old, new) = (NamespaceId(entry.namespace), classify(entry.database, &entry.key));
            if old != new {
                let charge = entry.charge();
                shard.move_to(*index, new);
                self.budget.transfer(old, new, charge);
            }
        }
        positions.len()
    }

    /// Figures by namespace id, up to the highest that was ever used. Takes every stripe's lock once.
    pub fn figures(&self) -> Vec<NamespaceFigures> {
        let mut figures: Vec<NamespaceFigures> = Vec::new();
        for stripe in &self.stripes {
            let shard = stripe.shard.lock();
            if figures.len() < shard.figures().len() {
                figures.resize(shard.figures().len(), NamespaceFigures::default());
            }
            figures.iter_mut().zip(shard.figures()).for_each(|(sum, part)| sum.add(part));
        }
        self.budget.add_refused(&mut figures);
        figures
    }

    /// Entries and bytes of every slot that holds any: (slot, items, bytes), in no order. Looks at no entry.
    pub fn slot_figures(&self) -> Vec<(u16, u64, u64)> {
        let of = |(number, stripe): (u16, &Stripe)| stripe.shard.lock().slot_figures(number).collect::<Vec<_>>();
        (0u16..).zip(&self.stripes).flat_map(of).collect()
    }

    fn stripe(&self, slot: u16) -> &Stripe {
        assert!(slot < self.slots, "slot {slot} is not below {}", self.slots);
        &self.stripes[usize::from(slot) % self.stripes.len()]
    }

    fn drop_all(&self, mut shard: MutexGuard<'_, Shard>, positions: &[u32]) -> u64 {
        let entries: Vec<Entry> = positions.iter().map(|index| shard.remove(*index)).collect();
        for entry in &entries {
            self.budget.release(NamespaceId(entry.namespace), entry.charge());
        }
        drop(shard);
        // The entries are freed here, without the lock.
        entries.len() as u64
    }

    fn clear_shard(&self, mut shard: MutexGuard<'_, Shard>) -> u64 {
        for (id, figures) in (0u8..).zip(shard.figures()) {
            self.budget.release(NamespaceId(id), figures.bytes);
        }
        let contents = shard.clear();
        drop(shard);
        let items = contents.0.len() as u64;
        // The entries are freed here, without the lock.
        drop(contents);
        items
    }

    /// The next victim of a namespace over all stripes, out of its shard. The caller keeps the account.
    pub(crate) fn evict(&self, namespace: NamespaceId, now_ms: u64) -> Option<u64> {
        // Another thread may take what was coldest before the lock is had; then the stripe publishes its next.
        for _ in 0..EVICT_ATTEMPTS {
            let coldness = |stripe: &&Stripe| stripe.coldest[namespace.index()].load(Ordering::Acquire);
            let stripe = self.stripes.iter().min_by_key(coldness).filter(|stripe| coldness(stripe) != NO_VICTIM)?;
            let evicted = stripe.shard.lock().evict(namespace, now_ms);
            if let Some(entry) = evicted {
                return Some(entry.charge());
            }
        }
        None
    }
}

/// Lost races for a victim after which a write is refused. One is rare, this many in a row do not happen.
const EVICT_ATTEMPTS: usize = 256;
