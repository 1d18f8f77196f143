//! Background work of a node, in steps small enough to stand between two requests: expiring, dropping the entries of slots
//! it lost, sorting entries into the namespaces they belong to since those changed, and trimming those whose maximum was
//! lowered.
//!
//! A session may still act on the view before this one while its batch runs: it may write into a lost slot after it was
//! dropped, or under a namespace's old id after its slot was sorted. Hence sorting begins [`GRACE`] after the view was
//! swapped, and a look over all slots once a second finds strays in lost ones.
//!
//! One slot is the smallest piece of sorting: a slot holds one 16384th of the keys, unless a hash tag gathers more of them there.
//! Dropping goes on within a slot.

use crate::Node;
use crate::view::View;
use dcache_engine::Engine;
use dcache_protocol::namespace::{DATABASES, PINNED};
use dcache_protocol::{SLOTS, Slot};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// How long a session's batch may go on acting on the view before this one.
const GRACE: Duration = Duration::from_millis(200);

/// Time a step may take before it stops at the next opportunity.
const STEP_MAX: Duration = Duration::from_millis(1);

/// Entries one visit of a stripe looks at, about.
const EXPIRE_BATCH: usize = 256;

/// Visits of all a worker's stripes in one step at most, whatever the clock says.
const EXPIRE_ROUNDS: usize = 32;

/// Entries one step looks at in namespaces whose maximum was lowered below what they hold.
const TRIM_BATCH: usize = 256;

/// Slots sorted in one step at most.
const SLOTS_A_STEP: usize = 64;

/// Parts of slots dropped in one step at most.
const DROPS_A_STEP: usize = 256;

/// Entries sorted in one step at most, within a slot's.
const SORTED_A_STEP: usize = 2000;

/// What is still to be done.
#[derive(Debug, Default)]
pub(crate) struct Upkeep {
    /// Slots whose entries are not this node's any more.
    lost: Mutex<BTreeMap<u16, u8>>,
    sorting: Mutex<Option<Sorting>>,
    /// Entries of a database from before it was pinned, or from while it was, and how far dropping them is.
    outlived: Mutex<Option<Outlived>>,
}

#[derive(Clone, Copy, Debug)]
struct Outlived {
    /// As it is called inside.
    database: u16,
    slot: u16,
    from: u8,
}

/// A walk over all slots that sorts their entries into namespaces.
#[derive(Clone, Copy, Debug)]
struct Sorting {
    next: u16,
    not_before: Duration,
}

impl Upkeep {
    /// Before `next` is swapped in: slots it gives to this node begin empty, and nothing is going to drop them any more.
    pub fn about_to_publish(&self, before: &View, next: &View, engine: &Engine) {
        let mut lost = self.lost.lock();
        lost.retain(|slot, _| Slot::new(*slot).is_some_and(|slot| !next.holds(slot)));
        // What has further copies is emptied and filled as those are.
        let is_gained = |slot| next.is_mine(slot) && !before.is_mine(slot) && !next.is_replicated_slot(slot);
        next.slots_where(before, is_gained).for_each(|slot| {
            engine.clear_slot(slot.number());
        });
    }

    /// After `next` was swapped in: notes what it leaves to do.
    pub fn published(&self, before: &View, next: &View, now: Duration) {
        let is_lost = |slot| before.holds(slot) && !next.holds(slot);
        self.lost.lock().extend(next.slots_where(before, is_lost).map(|slot| (slot.number(), 0)));
        if !before.classifies_as(next) {
            *self.sorting.lock() = Some(Sorting { next: 0, not_before: now + GRACE });
        }
    }

    pub fn step(&self, node: &Node, worker: usize, workers: usize) {
        let begun = node.now();
        let is_over = || node.now().saturating_sub(begun) >= STEP_MAX;
        node.tick_copies(worker, workers);
        if node.expires.load(Relaxed) {
            self.expire(node, worker, workers.max(1), &is_over);
        }
        self.free(node, worker, workers.max(1), &is_over);
        self.drop_lost(node, &is_over);
        self.drop_outlived(node, &is_over);
        self.sort(node, begun, &is_over);
        if worker == 0 {
            node.engine().trim_step(TRIM_BATCH, node.unix_ms());
        }
    }

    /// Expires in turns over the worker's stripes, so that one full of expired entries does not hold up the others.
    fn expire(&self, node: &Node, worker: usize, workers: usize, is_over: &dyn Fn() -> bool) {
        let now_ms = node.unix_ms();
        for _ in 0..EXPIRE_ROUNDS {
            let mut is_done = true;
            for stripe in (worker..node.engine().stripes()).step_by(workers) {
                is_done &= node.engine().expire_step(stripe, now_ms, EXPIRE_BATCH).1;
            }
            if is_done || is_over() {
                return;
            }
        }
    }

    /// Frees what deleted collections left in the worker's stripes.
    fn free(&self, node: &Node, worker: usize, workers: usize, is_over: &dyn Fn() -> bool) {
        for stripe in (worker..node.engine().stripes()).step_by(workers) {
            while !node.engine().free_step(stripe) {
                if is_over() {
                    return;
                }
            }
        }
    }

    fn drop_lost(&self, node: &Node, is_over: &dyn Fn() -> bool) {
        for _ in 0..DROPS_A_STEP {
            // LOCK: held while entries are dropped, or a view that gives the slot back could be swapped in between.
            let mut lost = self.lost.lock();
            let Some((slot, from)) = lost.first_key_value().map(|(slot, from)| (*slot, *from)) else { return };
            let is_lost = Slot::new(slot).is_some_and(|slot| !node.view().holds(slot));
            match is_lost.then(|| node.engine().clear_slot_step(slot, from)).flatten() {
                Some(next) => _ = lost.insert(slot, next),
                None => _ = lost.remove(&slot),
            }
            drop(lost);
            if is_over() {
                return;
            }
        }
    }

    fn drop_outlived(&self, node: &Node, is_over: &dyn Fn() -> bool) {
        let mut outlived = self.outlived.lock();
        while let Some(Outlived { database, slot, from }) = *outlived {
            let is_outlived = node.view().database(database % DATABASES) != database;
            if !is_outlived || slot == SLOTS {
                *outlived = None;
                return;
            }
            let next = match node.engine().count_in_slot(slot, database) {
                0 => None,
                _ => node.engine().clear_slot_step_of(slot, from, database),
            };
            let (slot, from) = next.map_or((slot + 1, 0), |from| (slot, from));
            *outlived = Some(Outlived { database, slot, from });
            if is_over() {
                return;
            }
        }
    }

    fn sort(&self, node: &Node, now: Duration, is_over: &dyn Fn() -> bool) {
        let mut sorted = 0;
        for _ in 0..SLOTS_A_STEP {
            let Some(slot) = self.next_to_sort(now) else { return };
            let view = node.view();
            sorted +=
                node.engine().reclassify_slot(slot, node.unix_ms(), &|database, key| view.namespace_of(database, key));
            if slot == SLOTS - 1 {
                self.sorted_last(node);
            }
            if sorted >= SORTED_A_STEP || is_over() {
                return;
            }
        }
    }

    /// Takes the next slot of the walk. Workers walk together, each slot by one of them.
    fn next_to_sort(&self, now: Duration) -> Option<u16> {
        let mut sorting = self.sorting.lock();
        let walk = sorting.as_mut().filter(|walk| walk.next < SLOTS && walk.not_before <= now)?;
        walk.next += 1;
        Some(walk.next - 1)
    }

    /// Another worker may still be at an earlier slot; ids of gone namespaces rest until the next walk ends if one began.
    fn sorted_last(&self, node: &Node) {
        let mut sorting = self.sorting.lock();
        if sorting.is_some_and(|walk| walk.next >= SLOTS) {
            *sorting = None;
            drop(sorting);
            node.settle_namespaces();
        }
    }

    /// Finds entries written into lost slots by sessions that acted on an older view, and those of databases that are pinned now or
    /// are not any more.
    pub fn look_for_strays(&self, node: &Node) {
        let view = node.view();
        let other = |number: u16| view.database(number) ^ PINNED;
        let outlived = (1..DATABASES).map(other).find(|database| node.engine().count(*database) > 0);
        if let Some(database) = outlived {
            self.outlived.lock().get_or_insert(Outlived { database, slot: 0, from: 0 });
        }
        let strays = node
            .engine()
            .slot_figures()
            .into_iter()
            .filter(|(slot, items, _)| *items > 0 && Slot::new(*slot).is_some_and(|slot| !view.holds(slot)));
        self.lost.lock().extend(strays.map(|(slot, ..)| (slot, 0)));
    }

    /// Whether nothing is left to drop or to sort.
    #[cfg(test)]
    pub fn is_idle(&self) -> bool {
        self.lost.lock().is_empty() && self.sorting.lock().is_none() && self.outlived.lock().is_none()
    }
}
