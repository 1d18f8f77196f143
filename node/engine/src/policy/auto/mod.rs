//! The default: of a few candidates the one that misses least, found by trying all of them on a sample of the keys.
//!
//! [`shadows`] tries them and chooses; it is one for each namespace and lives in [`Shared`]. Each stripe has a [`Follower`],
//! which tells the shadows of requests of sampled keys and does as they chose: for all other keys its cost is a compare.
//! A change keeps every entry where it stands; the next policy begins with what its shadow found.

mod shadows;

pub use shadows::{Candidate, Shadows};

use super::sample::{Part, is_sampled, mixed};
use super::shared::Shared;
use super::{Meta, Policy, QUEUES, QueueFigures, Replacement, Verdict, sum};
use std::sync::Arc;

/// What `auto` has chosen for a namespace, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    pub policy: Policy,
    /// The `now_ms` of the last change; 0: it is as it was at the start.
    pub since_ms: u64,
    pub changes: u32,
    /// Entries of the sample that each candidate holds, about.
    pub sampled_entries: u64,
    /// Part of the keys that is sampled, up to 1.
    pub sample_rate: f64,
    /// Misses of the sampled requests by candidate, 0 to 1, old ones counting less; none before anything had to go.
    pub candidates: Vec<(Policy, f64)>,
    /// A sentence for the operator.
    pub reason: String,
}

impl Choice {
    /// Before anything was sampled.
    pub(crate) fn of_nothing() -> Choice {
        Choice {
            policy: Policy::Lru,
            since_ms: 0,
            changes: 0,
            sampled_entries: 0,
            sample_rate: 1.0,
            candidates: Vec::new(),
            reason: "too few entries to tell policies apart".to_owned(),
        }
    }
}

/// One stripe's part: the policy chosen, and the eyes of the shadows.
#[derive(Debug)]
pub struct Follower {
    shared: Arc<Shared>,
    part: Part,
    /// Of the choice and of the densities in use.
    generation: u32,
    version: u32,
    real: Candidate,
}

impl Follower {
    pub fn new(shared: Arc<Shared>) -> Follower {
        let part = shared.join();
        let real = Candidate::default();
        Follower { shared, part, generation: 0, version: 0, real }
    }

    #[inline]
    fn observe(&self, meta: &Meta, now: u32) {
        if is_sampled(mixed(meta.hash), self.shared.sample().halvings()) {
            self.shared.observe(meta, now);
        }
    }

    /// Does as was chosen and learnt meanwhile.
    fn follow(&mut self, now: u32) {
        let generation = self.shared.generation();
        let has_changed = generation != self.generation;
        if has_changed {
            self.generation = generation;
            self.real = self.shared.chosen(now);
        }
        if let Some(densities) = self.shared.densities_since(&mut self.version) {
            self.real.learn(&densities);
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.shared.leave(&mut self.part);
    }
}

impl Replacement for Follower {
    fn insert(&mut self, meta: &Meta, now: u32) -> (u8, u8) {
        self.shared.count_insert(&mut self.part);
        self.observe(meta, now);
        self.real.insert(meta, now)
    }

    #[inline]
    fn hit(&mut self, meta: &Meta, now: u32) -> u8 {
        self.observe(meta, now);
        self.real.hit(meta, now)
    }

    fn reclaim_from(&mut self, queues: &[QueueFigures; QUEUES], now: u32) -> u8 {
        let (items, bytes) = sum(queues);
        self.shared.sample().report(&mut self.part, items, bytes);
        self.follow(now);
        self.real.reclaim_from(queues, now)
    }

    fn verdict(&mut self, meta: &Meta, now: u32) -> Verdict {
        self.real.verdict(meta, now)
    }
}
