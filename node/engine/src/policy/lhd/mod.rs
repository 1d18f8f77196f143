//! Hit density: what is expected to bring fewest hits for the room and the time it takes goes first.
//!
//! N. Beckmann, H. Chen, A. Cidon, "LHD: Improving Cache Hit Rate by Maximizing Hit Density", NSDI 2018. Taken from it: the
//! score, expected hits by bytes and time, learnt from ages at hits and ends; classes of entries by what they were used like.
//! Other than there:
//! - It does not sample for victims. An entry waits in a [wheel](super::wheel) until its score is due to fall below a
//!   threshold, and the threshold is steered so that the wheel is neither late nor early.
//! - Time is ticks, not requests, on a logarithmic scale that needs no fitting to the cache.
//! - The density at an age is that up to the best later moment to give up (as a Gittins index), not up to the end.
//! - A small ghost table gives a key that comes back the class it had.
//!
//! `class` tells entries apart, `learner` finds the densities, here they are used.

mod class;
mod learner;

pub use class::step;
pub use learner::{Densities, Learner};

use super::ghost::Ghost;
use super::sample::Part;
use super::shared::Shared;
use super::{Meta, QUEUES, QueueFigures, Replacement, Verdict, sum, wheel};
use crate::pages::Arena;
use class::{AGES, Class, age_bucket, bucket_start};
use std::sync::Arc;

/// The longest wait in parts of the time in which all bytes are replaced: how soon an entry is looked at again when the
/// threshold has risen. Shorter copies more.
const HORIZON: f32 = 0.3;

/// Parts of the horizon by which an entry may be looked at early: scores are no more exact than that.
const EARLY: f32 = 0.0625;

/// Ticks; less cannot be told apart by the wheel.
const HORIZON_MIN: f32 = 8.0;

/// How much of a segment's lateness goes into the threshold at each reclaim.
const GAIN: f32 = 0.02;

/// What is added to that at first, when the threshold may be far off, and the reclaims after which half of it is left.
const GAIN_FIRST: f32 = 0.2;
const RECLAIMS_FIRST: f32 = 8.0;

/// Share of the walked bytes that must go, else the threshold rises by [`PUSH`] a reclaim: four are copied for one evicted
/// at most, in the long run.
const EVICTED_MIN: f32 = 0.2;
const PUSH: f32 = 0.03;

/// Bytes of the namespace for each of the ghost table's, at least: so it takes a hundred-and-twenty-eighth.
const GHOST_SHARE: u64 = 256;

/// Four queues, by the time until the score falls below the threshold.
#[derive(Debug, Clone)]
pub struct Lhd {
    densities: Option<Arc<Densities>>,
    ghost: Ghost,
    /// An entry with a lower density by byte goes.
    threshold: f32,
    /// Ticks; 0 until the first reclaim.
    horizon: f32,
    /// Ticks in which as many bytes are inserted as are held.
    turnover: f32,
    /// So far.
    reclaims: u32,
    /// Bytes inserted since a tick.
    inserted: (u64, u32),
    /// Bytes reclaiming copied and evicted lately.
    copied: u64,
    evicted: u64,
}

impl Default for Lhd {
    fn default() -> Self {
        Lhd {
            densities: None,
            ghost: Ghost::new(),
            threshold: 0.0,
            horizon: 0.0,
            turnover: 0.0,
            reclaims: 0,
            inserted: (0, 0),
            copied: 0,
            evicted: 0,
        }
    }
}

impl Lhd {
    /// Goes by these densities from now on.
    pub fn learn(&mut self, densities: Option<Arc<Densities>>) {
        self.densities = densities;
    }

    /// A copy for a store that another policy filled; what was found of thresholds and times holds there too.
    pub fn resumed(&self, now: u32) -> Lhd {
        Lhd { inserted: (0, now), copied: 0, evicted: 0, ..self.clone() }
    }

    /// Memory this takes, the densities aside, which are shared.
    #[cfg(test)]
    pub fn memory_bytes(&self) -> usize {
        size_of::<Lhd>() + self.ghost.memory_bytes()
    }

    /// The first reclaim: all that is known is how old the oldest is.
    fn begin(&mut self, queues: &[QueueFigures; QUEUES], now: u32) {
        let (items, bytes) = sum(queues);
        let mean_bytes = bytes as f32 / items.max(1) as f32;
        self.turnover = wheel::oldest_age(queues, now) as f32;
        self.horizon = self.turnover.max(HORIZON_MIN);
        let density = match &self.densities {
            Some(densities) => densities[0][age_bucket(self.horizon as u32)],
            None => 1.0 / self.horizon,
        };
        self.threshold = density / mean_bytes;
        self.inserted = (0, now);
    }

    /// Follows how fast bytes are replaced.
    fn follow_turnover(&mut self, bytes: u64, now: u32) {
        let (inserted, since) = self.inserted;
        if inserted > bytes / 16 {
            let turnover = now.wrapping_sub(since) as f32 * bytes as f32 / inserted as f32;
            self.turnover += (turnover - self.turnover) * 0.1;
            self.horizon += (turnover * HORIZON - self.horizon) * 0.1;
            self.horizon = self.horizon.max(HORIZON_MIN);
            self.inserted = (0, now);
        }
    }

    /// Ticks until the score of an entry falls below the threshold.
    fn left(&self, meta: &Meta, now: u32) -> f32 {
        let age = meta.age(now);
        let limit = self.threshold * meta.bytes as f32;
        let Some(densities) = &self.densities else { return 1.0 / limit - age as f32 };
        let row = &densities[Class::of(meta.uses).index()];
        let first = age_bucket(age);
        if row[first] < limit {
            return 0.0;
        }
        let below = row[first..].iter().position(|density| *density < limit);
        let last = below.map_or(AGES, |below| first + below) - 1;
        // Where between two ages the score crosses the threshold; it stands for the middle of a bucket.
        let next = row.get(last + 1).copied().unwrap_or(0.0);
        let part = ((row[last] - limit) / (row[last] - next).max(1e-30)).clamp(0.0, 1.0);
        let (start, end) = (bucket_start(last), bucket_start(last + 1));
        (start + (end - start) * (0.5 + part) - age as f32).max(0.0)
    }

    fn queue_for(&self, meta: &Meta, now: u32) -> Option<u8> {
        wheel::queue_for(self.left(meta, now) / self.horizon, EARLY)
    }
}

impl Replacement for Lhd {
    fn use_arena(&mut self, arena: &Arc<Arena>) {
        self.ghost.use_arena(arena);
    }

    fn insert(&mut self, meta: &Meta, now: u32) -> (u8, u8) {
        self.inserted.0 += u64::from(meta.bytes);
        if self.horizon == 0.0 {
            return (0, 0);
        }
        let uses = self.ghost.take(meta.hash).map_or(0, |uses| step(uses, self.turnover as u32));
        let queue = self.queue_for(&Meta { uses, ..*meta }, now);
        (queue.unwrap_or(wheel::SHORTEST), uses)
    }

    fn hit(&mut self, meta: &Meta, now: u32) -> u8 {
        step(meta.uses, meta.age(now))
    }

    fn reclaim_from(&mut self, queues: &[QueueFigures; QUEUES], now: u32) -> u8 {
        let (items, bytes) = sum(queues);
        self.ghost.fit(items.min(bytes / GHOST_SHARE));
        if self.horizon == 0.0 {
            self.begin(queues, now);
        } else {
            self.follow_turnover(bytes, now);
        }
        let (queue, late) = wheel::most_overdue(queues, self.horizon, now);
        self.reclaims = self.reclaims.saturating_add(1);
        let gain = GAIN + GAIN_FIRST / (1.0 + self.reclaims as f32 / RECLAIMS_FIRST);
        self.threshold /= 1.0 + gain * (late.clamp(0.5, 1.5) - 1.0);
        let walked = self.copied + self.evicted;
        if walked as f32 * EVICTED_MIN > self.evicted as f32 && self.copied * 64 > bytes {
            self.threshold *= 1.0 + PUSH;
        }
        if walked > bytes / 4 {
            (self.copied, self.evicted) = (self.copied / 2, self.evicted / 2);
        }
        queue
    }

    fn verdict(&mut self, meta: &Meta, now: u32) -> Verdict {
        match self.queue_for(meta, now) {
            Some(queue) => {
                self.copied += u64::from(meta.bytes);
                Verdict::Keep { queue, uses: meta.uses }
            }
            None => {
                self.evicted += u64::from(meta.bytes);
                self.ghost.put(meta.hash, meta.uses);
                Verdict::Evict
            }
        }
    }
}

/// Hit density as a policy of its own: it teaches the namespace's learner, and goes by what that has learnt.
#[derive(Debug)]
pub struct Taught {
    shared: Arc<Shared>,
    part: Part,
    /// Of the densities in use.
    version: u32,
    lhd: Lhd,
}

impl Taught {
    pub fn new(shared: Arc<Shared>) -> Taught {
        let part = shared.join();
        Taught { shared, part, version: 0, lhd: Lhd::default() }
    }
}

impl Drop for Taught {
    fn drop(&mut self) {
        self.shared.leave(&mut self.part);
    }
}

impl Replacement for Taught {
    fn use_arena(&mut self, arena: &Arc<Arena>) {
        self.lhd.use_arena(arena);
    }

    fn insert(&mut self, meta: &Meta, now: u32) -> (u8, u8) {
        self.shared.count_insert(&mut self.part);
        if self.shared.sample().has(meta.hash) {
            self.shared.learn(meta.hash, now);
        }
        self.lhd.insert(meta, now)
    }

    fn hit(&mut self, meta: &Meta, now: u32) -> u8 {
        if self.shared.sample().has(meta.hash) {
            self.shared.learn(meta.hash, now);
        }
        self.lhd.hit(meta, now)
    }

    fn reclaim_from(&mut self, queues: &[QueueFigures; QUEUES], now: u32) -> u8 {
        let (items, bytes) = sum(queues);
        self.shared.sample().report(&mut self.part, items, bytes);
        if let Some(densities) = self.shared.densities_since(&mut self.version) {
            self.lhd.learn(Some(densities));
        }
        self.lhd.reclaim_from(queues, now)
    }

    fn verdict(&mut self, meta: &Meta, now: u32) -> Verdict {
        self.lhd.verdict(meta, now)
    }
}
