//! Bytes: who may have how many, and who gives when there are too few.
//!
//! Everything is counted in the pages of runs: of segments, of spare ones, of tables. Two accounts bound them: the engine's
//! limit, kept by [`Arena`], and each namespace's maximum. Both are raised before a run is handed out, so no schedule of
//! threads can pass them. Writes stop a little below each, so that what is walked to make room can always be moved.
//!
//! ```text
//!   0 ──────────────────────────────► pressure ─────────► soft limit ───► limit
//!     writes just take pages           each write reclaims  only reclaiming
//!                                      what it adds         takes pages
//! ```
//!
//! Under pressure each write reclaims about as many bytes as it adds, some tens of entries looked at; so room is there
//! before it is needed, and no write pays for a whole segment.
//!
//! Who gives: for the namespace's own maximum, the namespace itself. For the engine's limit, the one that has most above its
//! guaranteed minimum: max-min fairness, a small namespace cannot be emptied by a large one, and one at its minimum never
//! gives to another. Namespaces that evict nothing ([`Policy::None`]) give dead space only. Within a namespace the stripe of
//! the write gives, unless it has less than its share; then the stripe that has most.

use crate::pages::{Arena, Need, PAGE, Run};
use crate::policy::Policy;
use crate::stripe::{Gives, Prepared, Stripe};
use crate::{Engine, NAMESPACES, NamespaceConfig, NamespaceFigures, NamespaceId, OutOfMemory};
use parking_lot::MutexGuard;
use std::cmp::Reverse;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};

/// Entries one write under pressure looks at, at most.
const PAY_ENTRIES: usize = 48;

/// Entries looked at in one hold of a lock when room is missing.
const STEP_ENTRIES: usize = 64;

/// Steps after which what the policy thinks counts for little: a write that waited for so many entries to be looked at has
/// waited for some tenths of a millisecond.
const PATIENT_STEPS: usize = 24;

/// Steps after which a write is refused: as many entries as any namespace has segments' worth of.
const STEPS_MAX: usize = 1 << 14;

/// The accounts. Relaxed throughout: each is a number of its own, and order between entries is the stripes' locks' business.
#[derive(Debug)]
pub struct Budget {
    arena: Arc<Arena>,
    namespaces: Box<[NamespaceBudget]>,
    /// Ids from this on were never used.
    ids: AtomicUsize,
    stripes: usize,
    segment_bytes_max: u64,
}

/// Aligned: two namespaces' writers should not meet on a cache line.
#[derive(Debug)]
#[repr(align(64))]
struct NamespaceBudget {
    bytes: AtomicU64,
    max_bytes: AtomicU64,
    min_bytes: AtomicU64,
    is_evictable: AtomicBool,
    refused: AtomicU64,
    /// The part of `bytes` in each stripe.
    shares: Box<[AtomicU64]>,
}

impl NamespaceBudget {
    /// Raises the account by so many pages, within its maximum; answers their bytes.
    fn raise(&self, pages: u32, need: Need) -> Option<u64> {
        let bytes = u64::from(pages) * PAGE as u64;
        let max = self.max_bytes.load(Relaxed);
        let max = if need == Need::Write { soft(max) } else { max };
        let grown = |now: u64| now.checked_add(bytes).filter(|sum| *sum <= max);
        self.bytes.fetch_update(Relaxed, Relaxed, grown).ok()?;
        Some(bytes)
    }
}

impl Budget {
    pub fn new(arena: Arc<Arena>, stripes: usize, segment_bytes_max: usize) -> Budget {
        let namespace = |_| NamespaceBudget {
            bytes: AtomicU64::new(0),
            max_bytes: AtomicU64::new(u64::MAX),
            min_bytes: AtomicU64::new(0),
            is_evictable: AtomicBool::new(true),
            refused: AtomicU64::new(0),
            shares: (0..stripes).map(|_| AtomicU64::new(0)).collect(),
        };
        Budget {
            arena,
            namespaces: (0..NAMESPACES).map(namespace).collect(),
            ids: AtomicUsize::new(1),
            stripes,
            segment_bytes_max: segment_bytes_max as u64,
        }
    }

    pub fn configure(&self, configs: &[NamespaceConfig; NAMESPACES]) {
        for (namespace, config) in self.namespaces.iter().zip(configs) {
            namespace.max_bytes.store(config.memory_max_bytes.unwrap_or(u64::MAX), Relaxed);
            namespace.min_bytes.store(config.memory_min_bytes, Relaxed);
            namespace.is_evictable.store(config.policy != Policy::None, Relaxed);
        }
    }

    pub fn shared_arena(&self) -> &Arc<Arena> {
        &self.arena
    }

    pub fn arena(&self) -> &Arena {
        &self.arena
    }

    /// A run for a namespace's part of a stripe, within both accounts.
    pub fn take(&self, namespace: NamespaceId, stripe: usize, pages: u32, need: Need) -> Option<Run> {
        let account = self.of(namespace);
        let bytes = account.raise(pages, need)?;
        let run = self.arena.take(pages, need);
        match run {
            Some(_) => _ = account.shares[stripe].fetch_add(bytes, Relaxed),
            None => _ = account.bytes.fetch_sub(bytes, Relaxed),
        }
        run
    }

    /// The same for memory on the heap: true if it is counted.
    pub fn charge(&self, namespace: NamespaceId, stripe: usize, pages: u32, need: Need) -> bool {
        let account = self.of(namespace);
        let Some(bytes) = account.raise(pages, need) else { return false };
        let is_charged = self.arena.charge_pages(u64::from(pages), need);
        match is_charged {
            true => _ = account.shares[stripe].fetch_add(bytes, Relaxed),
            false => _ = account.bytes.fetch_sub(bytes, Relaxed),
        }
        is_charged
    }

    /// Memory on the heap went back.
    pub fn discharge(&self, namespace: NamespaceId, stripe: usize, pages: u32) {
        self.give(namespace, stripe, u64::from(pages) * PAGE as u64);
        self.arena.discharge_pages(u64::from(pages));
    }

    /// Memory on the heap that is of no stripe yet is counted; false: the limits do not allow it.
    pub fn charge_unsettled(&self, namespace: NamespaceId, pages: u32) -> bool {
        let account = self.of(namespace);
        let Some(bytes) = account.raise(pages, Need::Write) else { return false };
        let is_charged = self.arena.charge_pages(u64::from(pages), Need::Write);
        if !is_charged {
            account.bytes.fetch_sub(bytes, Relaxed);
        }
        is_charged
    }

    /// Such memory went back, or is counted elsewhere from now on.
    pub fn discharge_unsettled(&self, namespace: NamespaceId, pages: u32) {
        self.give_unsettled(namespace, u64::from(pages) * PAGE as u64);
        self.arena.discharge_pages(u64::from(pages));
    }

    /// Charged pages of one namespace are another's, which may be above its maximum by them.
    pub fn move_charge(&self, from: NamespaceId, to: NamespaceId, stripe: usize, pages: u32) {
        self.notice(to);
        let bytes = u64::from(pages) * PAGE as u64;
        self.give(from, stripe, bytes);
        self.of(to).bytes.fetch_add(bytes, Relaxed);
        self.of(to).shares[stripe].fetch_add(bytes, Relaxed);
    }

    /// The same for a run that is of no stripe yet, so that nobody looks for something to evict in it.
    pub fn grow(&self, namespace: NamespaceId, run: &mut Run, pages: u32) -> bool {
        let account = self.of(namespace);
        let Some(bytes) = account.raise(pages, Need::Write) else { return false };
        let has_grown = run.grow(pages, Need::Write);
        if !has_grown {
            account.bytes.fetch_sub(bytes, Relaxed);
        }
        has_grown
    }

    /// A run that was of no stripe is of this one.
    pub fn settle(&self, namespace: NamespaceId, stripe: usize, bytes: u64) {
        self.of(namespace).shares[stripe].fetch_add(bytes, Relaxed);
    }

    /// A run that was of no stripe went back to the arena.
    pub fn give_unsettled(&self, namespace: NamespaceId, bytes: u64) {
        self.of(namespace).bytes.fetch_sub(bytes, Relaxed);
    }

    /// A run that is of no stripe is another namespace's, which may be above its maximum by it.
    pub fn move_unsettled(&self, from: NamespaceId, to: NamespaceId, bytes: u64) {
        self.notice(to);
        self.of(to).bytes.fetch_add(bytes, Relaxed);
        self.give_unsettled(from, bytes);
    }

    /// So many bytes of runs went back to the arena.
    pub fn give(&self, namespace: NamespaceId, stripe: usize, bytes: u64) {
        let account = self.of(namespace);
        let before = account.bytes.fetch_sub(bytes, Relaxed);
        debug_assert!(before >= bytes, "{bytes} bytes were given back to an account of {before}");
        account.shares[stripe].fetch_sub(bytes, Relaxed);
    }

    /// Fills in the refusals, and namespaces of which nothing but refusals is known.
    pub fn add_refused(&self, figures: &mut Vec<NamespaceFigures>) {
        for (id, namespace) in self.namespaces.iter().enumerate() {
            let refused = namespace.refused.load(Relaxed);
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

    /// Ids are looked through by reclaiming, so it is known how far they go.
    #[inline]
    pub fn notice(&self, namespace: NamespaceId) {
        if self.ids.load(Relaxed) <= namespace.index() {
            self.ids.fetch_max(namespace.index() + 1, Relaxed);
        }
    }

    fn ids(&self) -> impl Iterator<Item = NamespaceId> {
        (0..=u8::MAX).map(NamespaceId).take(self.ids.load(Relaxed))
    }

    fn is_evictable(&self, namespace: NamespaceId) -> bool {
        self.of(namespace).is_evictable.load(Relaxed)
    }

    fn is_near_max(&self, namespace: NamespaceId) -> bool {
        let account = self.of(namespace);
        let max = account.max_bytes.load(Relaxed);
        max != u64::MAX && account.bytes.load(Relaxed) >= soft(soft(max))
    }

    fn is_above_max(&self, namespace: NamespaceId) -> bool {
        let account = self.of(namespace);
        account.bytes.load(Relaxed) > account.max_bytes.load(Relaxed)
    }

    /// Bytes a namespace has above what it is guaranteed.
    fn surplus(&self, namespace: NamespaceId) -> u64 {
        let account = self.of(namespace);
        account.bytes.load(Relaxed).saturating_sub(account.min_bytes.load(Relaxed))
    }

    /// Free bytes below which writes begin to pay.
    fn pressure_bytes(&self) -> u64 {
        (self.stripes as u64 * self.segment_bytes_max).min(self.arena.limit_bytes() / 16)
    }

    /// Who gives for a write of `writer`, if anybody should.
    #[inline]
    fn pressed(&self, writer: NamespaceId) -> Option<NamespaceId> {
        if self.is_near_max(writer) {
            return Some(writer);
        }
        if self.arena.free_bytes() >= self.pressure_bytes() {
            return None;
        }
        self.largest(writer, u64::MAX)
    }

    /// The namespace with the largest surplus below `below` that may be evicted; else the writer's own, for its dead space.
    fn largest(&self, writer: NamespaceId, below: u64) -> Option<NamespaceId> {
        let candidates = self.ids().filter(|id| self.is_evictable(*id)).map(|id| (self.surplus(id), Reverse(id)));
        let largest = candidates.filter(|(surplus, _)| *surplus > 0 && *surplus < below).max();
        largest.map(|(_, Reverse(id))| id).or((below == u64::MAX).then_some(writer))
    }

    /// What the victim gives for a write of `writer`: `what`, or no entry where it evicts none or is at its minimum.
    fn gives(&self, victim: NamespaceId, writer: NamespaceId, what: Gives) -> Gives {
        let keeps_all = !self.is_evictable(victim) || (victim != writer && self.surplus(victim) == 0);
        if keeps_all { Gives::DeadSpace } else { what }
    }

    /// Whether a stripe has its share of a namespace, about.
    fn has_its_share(&self, namespace: NamespaceId, stripe: usize) -> bool {
        let account = self.of(namespace);
        let share = account.shares[stripe].load(Relaxed) + self.segment_bytes_max;
        share >= account.bytes.load(Relaxed) / self.stripes as u64
    }

    /// The stripe with most of a namespace.
    fn richest(&self, namespace: NamespaceId) -> usize {
        let shares = self.of(namespace).shares.iter().enumerate();
        shares.max_by_key(|(_, share)| share.load(Relaxed)).map_or(0, |(stripe, _)| stripe)
    }

    /// Whether giving all that may be given would be too little. Saves evicting in vain.
    pub fn is_hopeless(&self, writer: NamespaceId, bytes: u64) -> bool {
        let account = self.of(writer);
        let own_max = soft(account.max_bytes.load(Relaxed));
        if bytes > own_max.min(self.arena.limit_bytes()) {
            return true;
        }
        let given = |id: NamespaceId| match self.is_evictable(id) {
            true if id == writer => self.of(id).bytes.load(Relaxed),
            true => self.surplus(id),
            // Dead space; how much of it shows when it is walked.
            false if id == writer => bytes,
            false => 0,
        };
        let evictable: u64 = self.ids().map(given).sum();
        self.arena.free_bytes().saturating_add(evictable) < bytes
    }
}

/// Where writes stop, so that reclaiming can go on.
fn soft(max: u64) -> u64 {
    max - max / 16
}

/// How far the search for room for one write has come.
#[derive(Debug)]
struct Search {
    steps: usize,
    /// Namespaces with this surplus or more have nothing to give.
    victims_below: u64,
}

impl Default for Search {
    fn default() -> Search {
        Search { steps: 0, victims_below: u64::MAX }
    }
}

impl Engine {
    /// Locks a stripe with room for `bytes` in `namespace`.
    pub(crate) fn lock_stripe_with_room(
        &self,
        stripe: usize,
        namespace: NamespaceId,
        bytes: u64,
        now_ms: u64,
    ) -> Result<(MutexGuard<'_, Stripe>, Prepared), OutOfMemory> {
        self.budget.notice(namespace);
        let mut locked = self.stripes[stripe].lock();
        let mut search = Search::default();
        let length = usize::try_from(bytes).map_err(|_| OutOfMemory)?;
        loop {
            if let Some(prepared) = locked.prepare(namespace, length) {
                if let Some(victim) = self.budget.pressed(namespace) {
                    self.pay(stripe, &mut locked, victim, namespace, bytes, now_ms);
                }
                return Ok((locked, prepared));
            }
            drop(locked);
            self.make_room(&mut search, stripe, namespace, bytes, now_ms)?;
            locked = self.stripes[stripe].lock();
        }
    }

    /// Lets a run that is of no stripe yet grow by so many pages, which are to be this stripe's. Holds no lock meanwhile.
    pub(crate) fn grow_with_room(
        &self,
        stripe: usize,
        namespace: NamespaceId,
        run: &mut Run,
        pages: u32,
        now_ms: u64,
    ) -> Result<(), OutOfMemory> {
        let bytes = u64::from(pages) * PAGE as u64;
        let mut search = Search::default();
        while !self.budget.grow(namespace, run, pages) {
            self.make_room(&mut search, stripe, namespace, bytes, now_ms)?;
        }
        if let Some(victim) = self.budget.pressed(namespace) {
            self.pay(stripe, &mut self.stripes[stripe].lock(), victim, namespace, bytes, now_ms);
        }
        Ok(())
    }

    /// Counts so many pages of the heap that are of no stripe yet. Holds no lock meanwhile.
    pub(crate) fn charge_with_room(
        &self,
        stripe: usize,
        namespace: NamespaceId,
        pages: u32,
        now_ms: u64,
    ) -> Result<(), OutOfMemory> {
        let bytes = u64::from(pages) * PAGE as u64;
        let mut search = Search::default();
        while !self.budget.charge_unsettled(namespace, pages) {
            self.make_room(&mut search, stripe, namespace, bytes, now_ms)?;
        }
        Ok(())
    }

    /// One step of making room for a write, under one stripe's lock at a time.
    fn make_room(
        &self,
        search: &mut Search,
        stripe: usize,
        namespace: NamespaceId,
        bytes: u64,
        now_ms: u64,
    ) -> Result<(), OutOfMemory> {
        let found = self.give_way(search, stripe, namespace, bytes, now_ms);
        found.ok_or_else(|| {
            self.budget.of(namespace).refused.fetch_add(1, Relaxed);
            OutOfMemory
        })
    }

    fn give_way(
        &self,
        search: &mut Search,
        stripe: usize,
        namespace: NamespaceId,
        bytes: u64,
        now_ms: u64,
    ) -> Option<()> {
        let step = search.steps;
        search.steps += 1;
        if step >= STEPS_MAX || (step == 0 && self.budget.is_hopeless(namespace, bytes)) {
            return None;
        }
        let near_max = self.budget.is_near_max(namespace);
        let victim = if near_max { Some(namespace) } else { self.budget.largest(namespace, search.victims_below) }?;
        let from = match self.budget.has_its_share(victim, stripe) {
            true => stripe,
            false => self.budget.richest(victim),
        };
        let what = if step < PATIENT_STEPS { Gives::Now } else { Gives::AtOnce };
        let gives = self.budget.gives(victim, namespace, what);
        let mut reclaimed = self.stripes[from].lock().reclaim(victim, now_ms, STEP_ENTRIES, gives);
        if reclaimed.is_stuck {
            reclaimed = self.reclaim_anywhere(victim, now_ms, gives);
        }
        if reclaimed.is_stuck {
            if near_max || !self.budget.is_evictable(victim) {
                return None;
            }
            // All its bytes are in open segments or on their way: the next largest.
            search.victims_below = self.budget.surplus(victim);
        }
        Some(())
    }

    fn reclaim_anywhere(&self, victim: NamespaceId, now_ms: u64, gives: Gives) -> crate::stripe::Reclaimed {
        let mut last = crate::stripe::Reclaimed { is_stuck: true, ..Default::default() };
        for stripe in &self.stripes {
            let mut stripe = stripe.lock();
            if stripe.run_bytes(victim) > 0 {
                last = stripe.reclaim(victim, now_ms, STEP_ENTRIES, gives);
            }
            if !last.is_stuck {
                break;
            }
        }
        last
    }

    /// Reclaims what a write adds. Takes another stripe's lock only if nobody holds it, for the own one is held.
    pub(crate) fn pay(
        &self,
        stripe: usize,
        locked: &mut Stripe,
        victim: NamespaceId,
        writer: NamespaceId,
        bytes: u64,
        now_ms: u64,
    ) {
        let budget = &self.budget;
        let urgency = if budget.arena.free_bytes() * 2 < budget.pressure_bytes() { 2 } else { 1 };
        locked.debt = (locked.debt + bytes * urgency).min(budget.segment_bytes_max * 2);
        let gives = budget.gives(victim, writer, Gives::InTime);
        if gives == Gives::DeadSpace && budget.is_evictable(victim) {
            return;
        }
        let mut looked_at = 0;
        while locked.debt > 0 && looked_at < PAY_ENTRIES {
            let reclaimed = if budget.has_its_share(victim, stripe) {
                locked.reclaim(victim, now_ms, 16, gives)
            } else {
                match self.stripes[budget.richest(victim)].try_lock() {
                    Some(mut other) => other.reclaim(victim, now_ms, 16, gives),
                    None => return,
                }
            };
            locked.debt = locked.debt.saturating_sub(reclaimed.bytes);
            looked_at += reclaimed.looked_at;
            if reclaimed.is_stuck {
                locked.debt = 0;
            }
        }
    }

    /// The same for a change that adds without having asked for room.
    pub(crate) fn pay_for_change(
        &self,
        stripe: usize,
        locked: &mut Stripe,
        writer: NamespaceId,
        bytes: u64,
        now_ms: u64,
    ) {
        if let Some(victim) = self.budget.pressed(writer) {
            self.pay(stripe, locked, victim, writer, bytes, now_ms);
        }
    }

    /// Looks at about `max` entries of namespaces that are above their maximum, which only a lowered maximum or a
    /// reclassification leaves behind; returns how many. Namespaces that evict nothing stay as they are.
    pub fn trim_step(&self, max: usize, now_ms: u64) -> usize {
        let mut looked_at = 0;
        for id in self.budget.ids().filter(|id| self.budget.is_evictable(*id)) {
            while looked_at < max && self.budget.is_above_max(id) {
                let from = self.budget.richest(id);
                let reclaimed = self.stripes[from].lock().reclaim(id, now_ms, STEP_ENTRIES, Gives::InTime);
                if reclaimed.is_stuck {
                    break;
                }
                looked_at += reclaimed.looked_at;
            }
        }
        looked_at
    }
}
