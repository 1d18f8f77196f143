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
use crate::pages::Arena;
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
    arena: Option<Arc<Arena>>,
}

impl Follower {
    pub fn new(shared: Arc<Shared>) -> Follower {
        let part = shared.join();
        let real = Candidate::default();
        Follower { shared, part, generation: 0, version: 0, real, arena: None }
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
            if let Some(arena) = &self.arena {
                self.real.use_arena(arena);
            }
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
    fn use_arena(&mut self, arena: &Arc<Arena>) {
        self.arena = Some(Arc::clone(arena));
        self.real.use_arena(arena);
    }

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::mini::Mini;

    /// A store of metadata, a policy in charge of it and what it missed.
    struct Trial {
        store: Mini,
        policy: Box<dyn Replacement>,
        shared: Arc<Shared>,
        now: u32,
        misses: u32,
    }

    impl Trial {
        fn new(policy: Policy, capacity: u64) -> Trial {
            let shared = Arc::new(Shared::default());
            let policy = policy.replacement(&shared);
            Trial { store: Mini::new(capacity, 128), policy, shared, now: 0, misses: 0 }
        }

        fn request(&mut self, key: u64, bytes: u32) {
            let mut hash = (key + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            hash = (hash ^ (hash >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            self.misses += u32::from(!self.store.request(self.policy.as_mut(), hash ^ (hash >> 31), bytes, self.now));
            self.now += 1;
        }

        /// Keys drawn evenly; every other one is forty times as large.
        fn two_sizes(policy: Policy, keys: u64, capacity: u64) -> Trial {
            let mut trial = Trial::new(policy, capacity);
            for key in drawn(200_000, keys) {
                trial.request(key, if key % 2 == 0 { 100 } else { 4000 });
            }
            trial
        }
    }

    /// Numbers below a bound.
    fn drawn(count: usize, bound: u64) -> impl Iterator<Item = u64> {
        let mut state = 0x2545_f491_4f6c_dd1du64;
        std::iter::repeat_with(move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 20) % bound
        })
        .take(count)
    }

    #[test]
    fn where_sizes_matter_it_leaves_lru() {
        let [auto, lru] = [Policy::Auto, Policy::Lru].map(|policy| Trial::two_sizes(policy, 20_000, 2_000_000));
        assert!(auto.misses as f32 <= lru.misses as f32 * 0.75, "{} {}", auto.misses, lru.misses);
        let choice = auto.shared.choice();
        assert!([Policy::Lhd, Policy::Cost].contains(&choice.policy) && choice.changes > 0, "{choice:?}");
        assert!(choice.since_ms > 0 && choice.sampled_entries > 200 && choice.sample_rate <= 1.0, "{choice:?}");
        let ratio = |policy: Policy| choice.candidates.iter().find(|candidate| candidate.0 == policy).expect("tried").1;
        assert!(ratio(choice.policy) < ratio(Policy::Lru), "{choice:?}");
        assert!(choice.reason.contains("misses"), "{choice:?}");
    }

    #[test]
    fn of_few_entries_it_makes_nothing_but_lru() {
        let [auto, lru] = [Policy::Auto, Policy::Lru].map(|policy| Trial::two_sizes(policy, 300, 30_000));
        let choice = auto.shared.choice();
        assert_eq!((choice.policy, choice.changes, choice.since_ms), (Policy::Lru, 0, 0));
        assert!(choice.reason.contains("too few"), "{choice:?}");
        assert_eq!(auto.misses, lru.misses);
    }

    #[test]
    fn where_the_recent_is_what_comes_it_is_no_worse_than_lru() {
        // A window of 1,500 keys that moves on by one every three requests; 1,000 are held.
        let run = |policy| {
            let mut trial = Trial::new(policy, 100_000);
            for (number, back) in (0u64..).zip(drawn(300_000, 1500 * 1500)) {
                trial.request(2000 + number / 3 - back.isqrt(), 100);
            }
            trial.misses as f32
        };
        let (auto, lru) = (run(Policy::Auto), run(Policy::Lru));
        assert!(auto <= lru * 1.01, "{auto} {lru}");
    }

    #[test]
    fn what_it_remembers_is_bounded_and_goes_with_the_last_stripe() {
        let mut trial = Trial::new(Policy::Auto, 20_000_000);
        let mut most = 0;
        for (number, key) in drawn(400_000, 1_000_000).enumerate() {
            trial.request(key, if key % 2 == 0 { 50 } else { 3000 });
            if number % 1000 == 0 {
                most = most.max(trial.shared.memory_bytes());
            }
        }
        assert!((100 << 10..Shadows::MEMORY_MAX).contains(&most), "{most} bytes");
        let Trial { policy, shared, .. } = trial;
        drop(policy);
        assert_eq!((shared.memory_bytes(), shared.choice().policy), (0, Policy::Lru));
    }

    #[test]
    fn without_room_for_its_memory_it_is_lru() {
        let arena = Arena::new(200 << 10, 0);
        let shared = Arc::new(Shared::in_arena(&arena));
        let mut trial =
            Trial { policy: Policy::Auto.replacement(&shared), shared, ..Trial::new(Policy::Auto, 2_000_000) };
        (0..50_000).for_each(|key| trial.request(key % 10_000, 100 + 3000 * (key % 2) as u32));
        assert_eq!((trial.shared.choice().policy, arena.granted_bytes()), (Policy::Lru, 0));
        assert!(trial.misses > 0);
    }
}
