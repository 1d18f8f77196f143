//! Memory: entries in slots, under lock stripes, within a budget.
//!
//! The engine knows no network, no protocol and no cluster. A *slot* and a *database* are plain numbers, a *namespace* is an
//! id with a policy and bounds, and time is the `now_ms` (Unix milliseconds) of whoever calls. It does no I/O, starts no
//! threads and has no clock; background work ([`Engine::expire_step`], [`Engine::trim_step`]) is done in bounded steps when
//! its caller asks.
//!
//! A command takes one lock and does its work through the [`Guard`]:
//!
//! ```
//! use dcache_engine::{Config, Engine, NamespaceId, ValueRef, charge};
//! let config = Config { memory_bytes: 1 << 20, slots: 16384, threads: 2, slot_of: |_, key| u16::from(key[0]) };
//! let engine = Engine::new(config);
//! let (slot, database, namespace, now_ms) = (u16::from(b'k'), 0, NamespaceId::DEFAULT, 1_000);
//!
//! let mut guard = engine.lock_with_room(slot, namespace, charge(3, 5), now_ms)?;
//! guard.set(database, b"key", ValueRef::String(b"value"), Some(2_000), namespace, now_ms)?;
//! drop(guard);
//!
//! let mut guard = engine.lock(slot);
//! assert_eq!(guard.get(database, b"key", namespace, 1_999).and_then(|entry| entry.value().as_string()), Some(&b"value"[..]));
//! assert!(guard.get(database, b"key", namespace, 2_000).is_none());
//! # Ok::<(), dcache_engine::Refused>(())
//! ```
//!
//! ```text
//!   lib      slots ─► stripes                       │ pages    memory from the system, counted by the page
//!   guard    a command's lock on one stripe         │ item     how an entry lies in a segment
//!   staged   a value that comes in pieces           │ value    collections, packed and large
//!   stripe   segments of entries, one lock each     │ table    per slot: hash ─► where the entry lies
//!   budget   limit, bounds, who gives               │ policy   who goes
//!   journal  who decides about a slot, who is told  │
//!                                                   │ sim      policies judged by traces
//! ```
//!
//! What it promises:
//! - [`Engine::used_bytes`] never passes the limit, not by a byte and not for a moment, and counts all pages of segments and
//!   tables, so resident memory is bounded by it; beside it stand some 100 bytes for each slot and segment.
//! - No operation's cost depends on anything but its own key and value, except where it says so.
//!
//! | what | who may touch it |
//! |---|---|
//! | a `stripe` | who holds its lock; one lock per thread at a time, but for `try_lock` |
//! | budgets, hints | everyone, atomically |
//! | what a namespace's policy knows in all stripes | who holds its lock: a leaf, below the stripes' |
//! | holes of the arena | who holds its lock: a leaf, below the stripes' |

mod budget;
mod guard;
mod item;
mod journal;
mod pages;
mod policy;
mod scan;
pub mod sim;
mod staged;
mod stats;
mod stripe;
mod table;
mod value;

pub use guard::{EntryRef, Guard, Unedited};
pub use journal::{Cause, Change, Journal, SlotRole};
pub use policy::{Choice, Policy, UnknownPolicy};
pub use scan::{Part, Visit};
pub use staged::{Staged, StagedCollection};
pub use stats::NamespaceFigures;
pub use value::packed::{is_block, limits};
pub use value::{
    Consumer, Edit, Entry, Group, HashRef, Keep, Kind, Large, ListRef, Met, Op, Pending, Precision, SetRef,
    SortedSetRef, Stream, StreamId, Value, ValueRef, ops_in,
};

use budget::Budget;
use foldhash::SharedSeed;
use foldhash::quality::SeedableRandomState;
use journal::Watch;
use pages::{Arena, PAGE};
use parking_lot::Mutex;
use policy::Shared;
use std::hash::{BuildHasher, Hasher as _};
use std::ops::Deref;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use stripe::{Parts, Stripe};
use table::{SEGMENT_BYTES_MAX, Tables};

/// Ids a namespace can have.
pub const NAMESPACES: usize = 256;

/// Lock stripes an engine has at most.
const STRIPES_MAX: usize = 64;

/// Memory below which a further stripe costs more than it helps: each has segments of its own that are not full.
const STRIPE_BYTES_MIN: u64 = 16 << 20;

/// Segments each stripe's part of the limit makes, at least.
const SEGMENTS_PER_STRIPE: u64 = 256;

/// What an entry takes of its table, about: 8 bytes at a fill of 4/5.
pub(crate) const TABLE_SHARE: u64 = 10;

/// The most an entry can take beyond the bytes of its key and value, its table's share aside; 7 is usual, 13 with an expiry.
pub const ENTRY_OVERHEAD: u64 = item::HEADER_MAX as u64;

/// Room to ask [`Engine::lock_with_room`] for, for an entry with a key and a value of so many bytes.
pub fn charge(key_bytes: usize, value_bytes: u64) -> u64 {
    key_bytes as u64 + value_bytes + ENTRY_OVERHEAD
}

/// Hashes keys, seeded per engine: clients choose the keys.
#[derive(Clone, Debug)]
pub(crate) struct Hasher(SeedableRandomState);

impl Hasher {
    #[inline]
    pub fn hash(&self, database: u16, key: &[u8]) -> u64 {
        let mut hasher = self.0.build_hasher();
        hasher.write(key);
        hasher.write_u16(database);
        hasher.finish()
    }
}

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
    /// Most bytes of memory for entries and tables; rounded down to pages of 4 KiB.
    pub memory_bytes: u64,
    /// Slots are numbered below this; at least 1, at most 16384.
    pub slots: u16,
    /// Threads that will use the engine, for the number of lock stripes.
    pub threads: usize,
    /// The slot of a key. Keys are found again by it when segments are walked.
    pub slot_of: fn(u16, &[u8]) -> u16,
}

/// What the operator says about a namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NamespaceConfig {
    pub policy: Policy,
    /// Most bytes of memory for its entries; `None`: only the engine's limit.
    pub memory_max_bytes: Option<u64>,
    /// Bytes of memory that no other namespace can take from it.
    pub memory_min_bytes: u64,
}

/// No room could be made for a write: it is larger than the limit, or what could be evicted is too little.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no room for the write within the memory limit and nothing left that may be evicted")]
pub struct OutOfMemory;

/// Why a change of an entry was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error(transparent)]
    OutOfMemory(#[from] OutOfMemory),
    #[error("the journal does not take changes of this slot now")]
    Journal,
}

/// All entries of one node.
#[derive(Debug)]
pub struct Engine {
    slots: u16,
    watch: Arc<Watch>,
    stripes: Vec<Locked>,
    budget: Arc<Budget>,
    hasher: Arc<Hasher>,
    /// Where each slot's table begins; 0: it has none. Written under the stripes' locks, read by anyone.
    hints: Arc<[AtomicU64]>,
    /// By namespace, what its policy knows in all stripes.
    shared: Arc<[Arc<Shared>]>,
    /// Whether each namespace's policy is `auto`.
    is_auto: [AtomicBool; NAMESPACES],
    /// What [`Engine::configure`] was told last. LOCK: taken before the stripes' locks; keeps two calls of it apart.
    configuring: Mutex<Option<Box<[NamespaceConfig; NAMESPACES]>>>,
}

/// A stripe behind its lock. Aligned so that no two locks share a cache line.
#[derive(Debug)]
#[repr(align(128))]
struct Locked(Mutex<Stripe>);

impl Deref for Locked {
    type Target = Mutex<Stripe>;

    fn deref(&self) -> &Mutex<Stripe> {
        &self.0
    }
}

/// Entries dropped in one hold of a lock.
const CLEAR_STEP: usize = 256;

impl Engine {
    /// An empty engine in which every namespace has the default policy and no bounds. Panics when the system has not even
    /// addresses for the memory.
    pub fn new(config: Config) -> Engine {
        Engine::hashing_by(config, SeedableRandomState::random())
    }

    /// [`Engine::new`] where the same operations are the same work each time, for tests and benches; clients who know the seed
    /// can choose keys that collide.
    pub fn with_seed(config: Config, seed: u64) -> Engine {
        Engine::hashing_by(config, SeedableRandomState::with_seed(seed, SharedSeed::global_fixed()))
    }

    fn hashing_by(config: Config, hashing: SeedableRandomState) -> Engine {
        let slots = config.slots.clamp(1, 1 << 14);
        let by_memory = (config.memory_bytes / STRIPE_BYTES_MIN).max(1);
        let by_threads = (config.threads.max(1) * 4).next_power_of_two();
        let most = STRIPES_MAX.min(usize::from(slots)) as u64;
        let count = prev_power_of_two(by_memory.min(by_threads as u64).min(most)) as usize;
        let share = config.memory_bytes / count as u64 / SEGMENTS_PER_STRIPE;
        let segment_bytes_max = (prev_power_of_two(share.max(1)) as usize).clamp(PAGE, SEGMENT_BYTES_MAX);
        // For each stripe what a walk moves into before the walked segment is free, and the next chunks of its tables.
        let reserve = count * (segment_bytes_max + (64 << 10).min(segment_bytes_max * 2));
        let arena = Arena::new(config.memory_bytes, reserve as u64);
        let budget = Arc::new(Budget::new(Arc::clone(&arena), count, segment_bytes_max));
        let hasher = Arc::new(Hasher(hashing));
        let hints: Arc<[AtomicU64]> = (0..slots).map(|_| AtomicU64::new(0)).collect();
        let watch = Arc::new(Watch::new(slots));
        let shared: Arc<[Arc<Shared>]> = (0..NAMESPACES).map(|_| Arc::new(Shared::in_arena(&arena))).collect();
        let stripe = |number: usize| {
            let own_slots = (u32::from(slots) - number as u32).div_ceil(count as u32);
            let parts = Parts {
                number,
                stride: count as u16,
                slots: own_slots,
                segment_bytes_max,
                budget: Arc::clone(&budget),
                slot_of: config.slot_of,
                hasher: Arc::clone(&hasher),
                shared: Arc::clone(&shared),
                watch: Arc::clone(&watch),
                tables: Tables::new(Arc::clone(&arena), Arc::clone(&hints), own_slots, number, count),
            };
            Locked(Mutex::new(Stripe::new(parts)))
        };
        let stripes = (0..count).map(stripe).collect();
        Engine {
            slots,
            watch,
            stripes,
            budget,
            hasher,
            hints,
            shared,
            is_auto: std::array::from_fn(|_| AtomicBool::new(Policy::default() == Policy::Auto)),
            configuring: Mutex::default(),
        }
    }

    /// Sets the policy and the bounds of every namespace; the index is its id. An id that is `None` or missing has the
    /// policy of id 0 and no bounds, until its entries are reclassified. Entries stay under any change; a lowered maximum
    /// is reached by later writes and by [`Engine::trim_step`].
    pub fn configure(&self, namespaces: &[Option<NamespaceConfig>]) {
        let mut configured = self.configuring.lock();
        let of = |id: usize| namespaces.get(id).copied().flatten();
        let other = NamespaceConfig { memory_max_bytes: None, memory_min_bytes: 0, ..of(0).unwrap_or_default() };
        let configs: [NamespaceConfig; NAMESPACES] = std::array::from_fn(|id| of(id).unwrap_or(other));
        if configured.as_deref() == Some(&configs) {
            return;
        }
        self.budget.configure(&configs);
        let policies = configs.map(|config| config.policy);
        for stripe in &self.stripes {
            stripe.lock().configure(&policies);
        }
        for (is_auto, policy) in self.is_auto.iter().zip(policies) {
            is_auto.store(policy == Policy::Auto, Relaxed);
        }
        *configured = Some(Box::new(configs));
    }

    /// Who is told of changes of [`SlotRole::Journaled`] slots, from now on and for good.
    pub fn set_journal(&self, journal: Arc<dyn Journal>) {
        // A second one is nobody's: the first was told of what went before.
        let is_first = self.watch.journal.set(journal).is_ok();
        debug_assert!(is_first, "an engine has one journal");
    }

    /// Whether the journal is told what expires and what is evicted.
    #[inline]
    pub fn watch_removals(&self, on: bool) {
        if self.watch.is_watched() != on {
            self.watch.set_watched(on);
        }
    }

    /// From now on this decides about a slot's entries. Changes that are under way are made as before.
    pub fn set_role(&self, slot: u16, role: SlotRole) {
        // LOCK: so that no change is half-way between two roles.
        let _stripe = self.stripes[self.stripe_of(slot)].lock();
        self.watch.set_role(slot, role);
    }

    /// What decides about a slot's entries.
    pub fn role(&self, slot: u16) -> SlotRole {
        self.watch.role(slot)
    }

    /// What `auto` has chosen for a namespace and why; `None` when its policy is another. Takes no stripe's lock.
    pub fn choice(&self, namespace: NamespaceId) -> Option<Choice> {
        let is_auto = self.is_auto[namespace.index()].load(Relaxed);
        is_auto.then(|| self.shared[namespace.index()].choice())
    }

    pub(crate) fn hasher(&self) -> &Hasher {
        &self.hasher
    }

    /// A collection that is nobody's yet; none if it is left empty.
    pub fn build(&self, kind: Kind, now_ms: u64, change: impl FnOnce(&mut Edit)) -> Option<Value> {
        let mut edit = Edit::new(value::Body::empty(kind), &self.hasher, now_ms, false);
        edit.is_new = true;
        change(&mut edit);
        if edit.is_empty() {
            return None;
        }
        Some(match edit.into_body() {
            value::Body::Packed(block) => Value::Packed(block.into()),
            value::Body::Large(large) => Value::Large(large),
        })
    }

    /// Frees some of what a stripe's deleted collections left; true when nothing is left.
    pub fn free_step(&self, stripe: usize) -> bool {
        const STEPS: usize = 4;
        self.stripes.get(stripe).is_none_or(|stripe| stripe.lock().free_steps(STEPS))
    }

    /// The hash of a key, as tables know it. To be computed once a command: see [`Guard::knows`].
    #[inline]
    pub fn hash(&self, database: u16, key: &[u8]) -> u64 {
        self.hasher.hash(database, key)
    }

    /// Asks for the memory that looking some keys up will need, given by slot and hash: for their places in the tables, then
    /// for their entries. Takes each stripe's lock once, and does not wait for one.
    ///
    /// The processor stops at a prefetch until it knows where the page lies. So addresses are found first, and asked for in
    /// short loops, in which it looks many pages up at a time.
    pub fn prefetch(&self, keys: &[(u16, u64)]) {
        const KEYS_MAX: usize = 64;
        const NONE: u8 = KEYS_MAX as u8;
        for keys in keys.chunks(KEYS_MAX) {
            for (slot, hash) in keys {
                let hint = self.hints.get(usize::from(*slot)).map_or(0, |hint| hint.load(Relaxed));
                if let Some(address) = table::bucket_address(hint, *hash) {
                    pages::prefetch(address);
                }
            }
            // Lists of the keys of each stripe, by their places.
            let mut firsts = [NONE; STRIPES_MAX];
            let mut nexts = [NONE; KEYS_MAX];
            for ((place, next), (slot, _)) in (0..NONE).zip(&mut nexts).zip(keys) {
                *next = std::mem::replace(&mut firsts[self.stripe_of(*slot)], place);
            }
            let mut entries = [(0, 0); KEYS_MAX];
            for (stripe, mut place) in self.stripes.iter().zip(firsts).filter(|(_, first)| *first != NONE) {
                let Some(stripe) = stripe.try_lock() else { continue };
                while let Some((slot, hash)) = keys.get(usize::from(place)) {
                    entries[usize::from(place) % KEYS_MAX] = stripe.guess(*slot, *hash);
                    place = nexts[usize::from(place) % KEYS_MAX];
                }
            }
            for (address, length) in &entries[..keys.len()] {
                (0..*length).step_by(table::BUCKET_BYTES).for_each(|offset| pages::prefetch(address + offset));
            }
        }
    }

    /// Locks the stripe of a slot, for reads and for changes that add nothing. Panics unless `slot` is below
    /// [`Config::slots`]. Whoever holds a guard must call nothing else of the engine: stripes are shared by many slots.
    #[inline]
    pub fn lock(&self, slot: u16) -> Guard<'_> {
        let number = self.stripe_of(slot);
        Guard::new(self, number, self.stripes[number].lock(), slot, None)
    }

    /// Makes room for `bytes` in `namespace`, evicting as needed, then locks the stripe of a slot as [`Engine::lock`] does.
    ///
    /// `bytes` is an upper bound of what will be stored, [`charge`] for each entry written. Evicting may hit the very entry
    /// the caller is about to change: look at it after, not before. Under pressure some tens of entries are looked at; only
    /// a write for which that left no room looks at more.
    #[inline]
    pub fn lock_with_room(
        &self,
        slot: u16,
        namespace: NamespaceId,
        bytes: u64,
        now_ms: u64,
    ) -> Result<Guard<'_>, OutOfMemory> {
        let number = self.stripe_of(slot);
        let (stripe, prepared) = self.lock_stripe_with_room(number, namespace, bytes, now_ms)?;
        Ok(Guard::new(self, number, stripe, slot, Some(prepared)))
    }

    /// Bytes of all pages taken for entries and tables, filled or not.
    pub fn used_bytes(&self) -> u64 {
        self.budget.arena().granted_bytes()
    }

    /// The most [`Engine::used_bytes`] can be.
    pub fn limit_bytes(&self) -> u64 {
        self.budget.arena().limit_bytes()
    }

    /// Lock stripes; what [`Engine::expire_step`] takes is below this.
    pub fn stripes(&self) -> usize {
        self.stripes.len()
    }

    /// Drops entries of one stripe whose time has come, looking at about `max`: how many were dropped, and whether all that
    /// is due was looked at. A segment is looked at when something in it has expired, and then at most once a second.
    pub fn expire_step(&self, stripe: usize, now_ms: u64, max: usize) -> (usize, bool) {
        let Some(of_number) = self.stripes.get(stripe) else { return (0, true) };
        let (swept, due) = {
            let mut locked = of_number.lock();
            (locked.sweep(now_ms, max), locked.take_due_fields())
        };
        // Fields whose time has come go when their hash is looked at.
        due.iter().for_each(|(slot, database, key)| _ = self.lock(*slot).peek(*database, key, now_ms));
        swept
    }

    /// Entries of one slot in one database, expired ones not dropped yet included.
    pub fn count_in_slot(&self, slot: u16, database: u16) -> u64 {
        self.stripes[self.stripe_of(slot)].lock().slot_items(slot, database)
    }

    /// Entries of one slot in all databases.
    pub fn count_in_slot_of_all(&self, slot: u16) -> u64 {
        self.stripes[self.stripe_of(slot)].lock().slot_items_of_all(slot)
    }

    /// Entries of one database, expired ones not dropped yet included.
    pub fn count(&self, database: u16) -> u64 {
        self.stripes.iter().map(|stripe| stripe.lock().items(database).0).sum()
    }

    /// Of these, how many have an expiry.
    pub fn count_expiring(&self, database: u16) -> u64 {
        self.stripes.iter().map(|stripe| stripe.lock().items(database).1).sum()
    }

    /// Entries of one database in the slots that `counts` names, and those of them in databases other than 0 too; looks at each
    /// slot that holds any.
    pub fn count_where(&self, database: u16, counts: &dyn Fn(u16) -> bool) -> u64 {
        let of_stripe = |number: usize| -> u64 {
            self.filled_slots(number, database)
                .into_iter()
                .filter(|(slot, _)| counts(*slot))
                .map(|(_, items)| items)
                .sum()
        };
        (0..self.stripes.len()).map(of_stripe).sum()
    }

    /// Drops the entries of one slot in all databases; returns how many. Costs what the slot holds, in steps that let other
    /// commands in between. The journal is not told: whoever asks says it once for the whole.
    pub fn clear_slot(&self, slot: u16) -> u64 {
        self.clear_part(slot, &|_, _| true)
    }

    /// One step of the same under one hold of the lock, from 0 on: where to go on, or none when all entries were looked at.
    pub fn clear_slot_step(&self, slot: u16, from: u8) -> Option<u8> {
        self.clear_slot_step_where(slot, from, &|_| true)
    }

    /// The same for the entries of one database.
    pub fn clear_slot_step_of(&self, slot: u16, from: u8, database: u16) -> Option<u8> {
        let goes = |of: u16, _: NamespaceId| of == database;
        self.stripes[self.stripe_of(slot)].lock().clear_slot(slot, from, &goes, CLEAR_STEP).1
    }

    /// One step of [`Engine::clear_slot_where`].
    pub fn clear_slot_step_where(&self, slot: u16, from: u8, goes: &dyn Fn(NamespaceId) -> bool) -> Option<u8> {
        self.stripes[self.stripe_of(slot)].lock().clear_slot(slot, from, &|_, namespace| goes(namespace), CLEAR_STEP).1
    }

    /// The same of the entries of some namespaces.
    pub fn clear_slot_where(&self, slot: u16, goes: &dyn Fn(NamespaceId) -> bool) -> u64 {
        self.clear_part(slot, &|_, namespace| goes(namespace))
    }

    /// The same of one database, or of all, in the slots that `clears` names.
    pub fn clear_slots_where(&self, database: Option<u16>, clears: &dyn Fn(u16) -> bool) -> u64 {
        let goes = |of: u16, _| database.is_none_or(|database| of == database);
        (0..self.slots).filter(|slot| clears(*slot)).map(|slot| self.clear_part(slot, &goes)).sum()
    }

    /// The same in a range of slots, at the cost of those alone.
    pub fn clear_slots_of(&self, database: Option<u16>, slots: RangeInclusive<u16>) -> u64 {
        let goes = |of: u16, _| database.is_none_or(|database| of == database);
        slots.filter(|slot| *slot < self.slots).map(|slot| self.clear_part(slot, &goes)).sum()
    }

    fn clear_part(&self, slot: u16, goes: &dyn Fn(u16, NamespaceId) -> bool) -> u64 {
        let (mut dropped, mut next) = (0, Some(0));
        while let Some(from) = next {
            let step = self.stripes[self.stripe_of(slot)].lock().clear_slot(slot, from, goes, CLEAR_STEP);
            dropped += step.0 as u64;
            next = step.1;
        }
        dropped
    }

    /// Drops the entries of one database; returns how many. Costs what the engine holds, in steps. The journal is not told.
    pub fn clear_database(&self, database: u16) -> u64 {
        let mut dropped = 0;
        for (number, stripe) in self.stripes.iter().enumerate() {
            let slots: Vec<u16> = {
                let mut stripe = stripe.lock();
                let items = stripe.items(database).0;
                if items == stripe.items_of_all() {
                    dropped += stripe.clear();
                    continue;
                }
                if items == 0 {
                    continue;
                }
                let filled = (number..usize::from(self.slots)).step_by(self.stripes.len()).map(|slot| slot as u16);
                filled.filter(|slot| stripe.slot_items(*slot, database) > 0).collect()
            };
            dropped += slots.into_iter().map(|slot| self.clear_part(slot, &|of, _| of == database)).sum::<u64>();
        }
        self.purge();
        dropped
    }

    /// Drops every entry and gives the memory back to the system. Figures that count events stay. The journal is not told.
    pub fn clear(&self) {
        for stripe in &self.stripes {
            stripe.lock().clear();
        }
        self.purge();
    }

    fn purge(&self) {
        while self.budget.arena().purge_step(16) {}
    }

    /// Asks of every entry of a slot which namespace it is in, given its database and key, and moves those that changed;
    /// uses and age stay. Returns how many were looked at. `classify` must not call the engine.
    pub fn reclassify_slot(&self, slot: u16, now_ms: u64, classify: &dyn Fn(u16, &[u8]) -> NamespaceId) -> usize {
        self.stripes[self.stripe_of(slot)].lock().reclassify(slot, item::tick_of(now_ms), classify)
    }

    /// Figures by namespace id, up to the highest that was ever used. Takes every stripe's lock once.
    pub fn figures(&self) -> Vec<NamespaceFigures> {
        let mut figures: Vec<NamespaceFigures> = Vec::new();
        for stripe in &self.stripes {
            for (id, part) in stripe.lock().figures() {
                if figures.len() <= id {
                    figures.resize(id + 1, NamespaceFigures::default());
                }
                figures[id].add(&part);
            }
        }
        self.budget.add_refused(&mut figures);
        figures
    }

    /// Entries and bytes of every slot that holds any: (slot, items, bytes), in no order. Looks at no entry.
    pub fn slot_figures(&self) -> Vec<(u16, u64, u64)> {
        self.stripes.iter().flat_map(|stripe| stripe.lock().slot_figures().collect::<Vec<_>>()).collect()
    }

    #[inline]
    fn stripe_of(&self, slot: u16) -> usize {
        assert!(slot < self.slots, "slot {slot} is not below {}", self.slots);
        // A power of two.
        usize::from(slot) & (self.stripes.len() - 1)
    }
}

fn prev_power_of_two(n: u64) -> u64 {
    1 << n.max(1).ilog2()
}
