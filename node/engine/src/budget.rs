//! Bytes: who may have how many, and who gives when there are too few.
//!
//! Two accounts bound a write: its namespace's maximum, and the engine's limit. Both are counters that are raised *before*
//! anything is stored, and only if they stay within their bound; so no schedule of threads can pass it. When one cannot be
//! raised, entries are evicted. What an eviction frees is not put back into the account, where another thread could take
//! it, but held for the write that evicted: so a write needs at most one victim for each [`crate::ENTRY_OVERHEAD`] of its
//! size, and never starves.
//!
//! Who gives: for the namespace's own maximum, the namespace itself. For the engine's limit, the namespace that has most
//! (the write under way included) among those that have anything to evict: max-min fairness, a small namespace cannot be
//! emptied by a large one. Namespaces that evict nothing ([`Policy::None`]) never give.

use crate::policy::Policy;
use crate::{Engine, NAMESPACES, NamespaceConfig, NamespaceFigures, NamespaceId, OutOfMemory};
use std::cmp::Reverse;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// Victims beyond its own needs that a write evicts from its namespace, when a lowered maximum left it too large.
const TRIM_BY_WRITE: usize = 64;

/// The accounts. Relaxed throughout: each is a number of its own, and order between entries is the stripes' locks' business.
#[derive(Debug)]
pub(crate) struct Budget {
    limit_bytes: u64,
    used_bytes: Account,
    namespaces: Box<[NamespaceBudget]>,
    /// Ids from this on were never used.
    ids: AtomicUsize,
}

/// Aligned: two namespaces' writers should not meet on a cache line.
#[derive(Debug)]
#[repr(align(64))]
struct NamespaceBudget {
    bytes: Account,
    max_bytes: AtomicU64,
    is_evictable: AtomicBool,
    refused: AtomicU64,
}

#[derive(Debug, Default)]
struct Account(AtomicU64);

impl Account {
    fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Raises the account unless it would pass `max`.
    fn try_grow(&self, bytes: u64, max: u64) -> bool {
        let grown = |now: u64| now.checked_add(bytes).filter(|sum| *sum <= max);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grown).is_ok()
    }

    fn grow(&self, bytes: u64) {
        if bytes > 0 {
            self.0.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    fn shrink(&self, bytes: u64) {
        if bytes > 0 {
            let before = self.0.fetch_sub(bytes, Ordering::Relaxed);
            debug_assert!(before >= bytes, "{bytes} bytes were given back to an account of {before}");
        }
    }
}

impl Budget {
    pub fn new(limit_bytes: u64) -> Budget {
        let namespace = |_| NamespaceBudget {
            bytes: Account::default(),
            max_bytes: AtomicU64::new(u64::MAX),
            is_evictable: AtomicBool::new(true),
            refused: AtomicU64::new(0),
        };
        Budget {
            limit_bytes,
            used_bytes: Account::default(),
            namespaces: (0..NAMESPACES).map(namespace).collect(),
            ids: AtomicUsize::new(1),
        }
    }

    pub fn configure(&self, configs: &[NamespaceConfig; NAMESPACES]) {
        for (namespace, config) in self.namespaces.iter().zip(configs) {
            namespace.max_bytes.store(config.memory_max_bytes.unwrap_or(u64::MAX), Ordering::Relaxed);
            namespace.is_evictable.store(config.policy != Policy::None, Ordering::Relaxed);
        }
    }

    pub fn used_bytes(&self) -> u64 {
        self.used_bytes.bytes()
    }

    pub fn limit_bytes(&self) -> u64 {
        self.limit_bytes
    }

    /// An entry of `namespace` is gone.
    pub fn release(&self, namespace: NamespaceId, bytes: u64) {
        self.release_namespace(namespace, bytes);
        self.release_engine(bytes);
    }

    pub fn release_namespace(&self, namespace: NamespaceId, bytes: u64) {
        self.of(namespace).bytes.shrink(bytes);
    }

    pub fn release_engine(&self, bytes: u64) {
        self.used_bytes.shrink(bytes);
    }

    /// Raises a namespace's account by what the engine's account has already; its maximum does not refuse.
    pub fn grow_namespace(&self, namespace: NamespaceId, bytes: u64) {
        self.notice(namespace);
        self.of(namespace).bytes.grow(bytes);
    }

    /// An entry changed its namespace.
    pub fn transfer(&self, old: NamespaceId, new: NamespaceId, bytes: u64) {
        self.release_namespace(old, bytes);
        self.grow_namespace(new, bytes);
    }

    /// Fills in the refusals, and namespaces of which nothing but refusals is known.
    pub fn add_refused(&self, figures: &mut Vec<NamespaceFigures>) {
        for (id, namespace) in self.namespaces.iter().enumerate() {
            let refused = namespace.refused.load(Ordering::Relaxed);
            if refused > 0 && figures.len() <= id {
                figures.resize(id + 1, NamespaceFigures::default());
            }
            if let Some(figures) = figures.get_mut(id) {
                figures.refused = refused;
            }
        }
    }

    fn of(&self, namespace: NamespaceId) -> &NamespaceBudget {
        &self.namespaces[namespace.index()]
    }

    /// Ids are looked through by evictions, so it is known how far they go.
    fn notice(&self, namespace: NamespaceId) {
        if self.ids.load(Ordering::Relaxed) <= namespace.index() {
            self.ids.fetch_max(namespace.index() + 1, Ordering::Relaxed);
        }
    }

    fn ids(&self) -> impl Iterator<Item = NamespaceId> {
        (0..=u8::MAX).map(NamespaceId).take(self.ids.load(Ordering::Relaxed))
    }

    fn is_above_max(&self, namespace: NamespaceId) -> bool {
        let namespace = self.of(namespace);
        namespace.bytes.bytes() > namespace.max_bytes.load(Ordering::Relaxed)
    }

    /// Whether evicting everything that may be evicted would be too little. Saves evicting in vain.
    fn is_hopeless(&self, bytes: u64) -> bool {
        let is_evictable = |id: &NamespaceId| self.of(*id).is_evictable.load(Ordering::Relaxed);
        let evictable: u64 = self.ids().filter(is_evictable).map(|id| self.of(id).bytes.bytes()).sum();
        let free = self.limit_bytes.saturating_sub(self.used_bytes());
        free.saturating_add(evictable) < bytes
    }
}

impl Engine {
    /// Reserves `bytes` in both accounts, evicting as needed.
    pub(crate) fn make_room(&self, namespace: NamespaceId, bytes: u64, now_ms: u64) -> Result<(), OutOfMemory> {
        self.budget.notice(namespace);
        let account = self.budget.of(namespace);
        let (max, limit) = (account.max_bytes.load(Ordering::Relaxed), self.budget.limit_bytes);
        if account.bytes.try_grow(bytes, max) {
            if self.budget.used_bytes.try_grow(bytes, limit) {
                return Ok(());
            }
            account.bytes.shrink(bytes);
        }
        let is_too_large = bytes > max.min(limit);
        let reserved = match is_too_large || self.budget.is_hopeless(bytes) {
            true => Err(OutOfMemory),
            false => self.make_room_by_evicting(namespace, bytes, max, now_ms),
        };
        if reserved.is_err() {
            account.refused.fetch_add(1, Ordering::Relaxed);
        }
        reserved
    }

    fn make_room_by_evicting(
        &self,
        namespace: NamespaceId,
        bytes: u64,
        max: u64,
        now_ms: u64,
    ) -> Result<(), OutOfMemory> {
        let held = self.reserve_in_namespace(namespace, bytes, max, now_ms)?;
        if let Err(refusal) = self.reserve_in_engine(bytes, held, now_ms) {
            self.budget.release_namespace(namespace, bytes);
            return Err(refusal);
        }
        self.trim(namespace, TRIM_BY_WRITE, now_ms);
        Ok(())
    }

    /// Reserves `bytes` in the namespace's account, at the cost of its own entries. Returns the bytes these had, which the
    /// engine's account still counts.
    fn reserve_in_namespace(
        &self,
        namespace: NamespaceId,
        bytes: u64,
        max: u64,
        now_ms: u64,
    ) -> Result<u64, OutOfMemory> {
        let account = &self.budget.of(namespace).bytes;
        let mut held = 0;
        while held < bytes {
            if account.try_grow(bytes - held, max) {
                return Ok(held);
            }
            let Some(freed) = self.evict(namespace, now_ms) else {
                self.budget.release(namespace, held);
                return Err(OutOfMemory);
            };
            held += freed;
        }
        account.shrink(held - bytes);
        Ok(held)
    }

    /// Reserves `bytes` in the engine's account, of which `held` are counted already, at the cost of the largest namespaces.
    fn reserve_in_engine(&self, bytes: u64, mut held: u64, now_ms: u64) -> Result<(), OutOfMemory> {
        let account = &self.budget.used_bytes;
        while held < bytes {
            if account.try_grow(bytes - held, self.budget.limit_bytes) {
                return Ok(());
            }
            let Some((namespace, freed)) = self.evict_from_largest(now_ms) else {
                account.shrink(held);
                return Err(OutOfMemory);
            };
            self.budget.release_namespace(namespace, freed);
            held += freed;
        }
        account.shrink(held - bytes);
        Ok(())
    }

    fn evict_from_largest(&self, now_ms: u64) -> Option<(NamespaceId, u64)> {
        let size = |id: NamespaceId| (self.budget.of(id).bytes.bytes(), Reverse(id));
        let mut tried = None;
        loop {
            let sizes = self.budget.ids().map(size);
            let largest = sizes.filter(|size| tried.is_none_or(|tried| *size < tried)).max()?;
            let Reverse(namespace) = largest.1;
            if let Some(freed) = self.evict(namespace, now_ms) {
                return Some((namespace, freed));
            }
            // It evicts nothing, or all its bytes are reserved by writes under way.
            tried = Some(largest);
        }
    }

    /// Evicts at most `max` entries of namespaces that are above their maximum, which only a lowered maximum or a
    /// reclassification leaves behind; returns how many. Namespaces that evict nothing stay as they are.
    pub fn trim_step(&self, max: usize, now_ms: u64) -> usize {
        self.budget.ids().fold(0, |trimmed, id| trimmed + self.trim(id, max - trimmed, now_ms))
    }

    fn trim(&self, namespace: NamespaceId, max: usize, now_ms: u64) -> usize {
        let mut trimmed = 0;
        while trimmed < max && self.budget.is_above_max(namespace) {
            let Some(freed) = self.evict(namespace, now_ms) else { break };
            self.budget.release(namespace, freed);
            trimmed += 1;
        }
        trimmed
    }
}
