//! Least recently used: what was not used for longest goes first.
//!
//! A [wheel] of which the horizon is the age at which an entry goes. A new entry waits one horizon; one that was used
//! meanwhile has a rest of it left and waits for that. The horizon is steered so that what is reclaimed is neither late nor
//! early. An unused entry is never copied, a used one about once a horizon and up to three times before it goes.

use super::{Meta, QUEUES, QueueFigures, Replacement, Verdict, wheel};

/// How much of a segment's lateness goes into the horizon at each reclaim.
const GAIN: f32 = 0.15;

/// Parts of the horizon by which an entry may go early.
const EARLY: f32 = 0.01;

/// Ticks; below, everything is due, beyond, ages wrap.
const HORIZON_MIN: f32 = 0.25;
const HORIZON_MAX: f32 = (1u32 << 31) as f32;

/// Four queues, by the time left.
#[derive(Debug, Default, Clone)]
pub struct Lru {
    /// Ticks; 0 until the first reclaim.
    horizon: f32,
}

impl Replacement for Lru {
    fn insert(&mut self, _: &Meta, _: u32) -> (u8, u8) {
        (0, 0)
    }

    fn hit(&mut self, meta: &Meta, _: u32) -> u8 {
        meta.uses.saturating_add(1)
    }

    fn reclaim_from(&mut self, queues: &[QueueFigures; QUEUES], now: u32) -> u8 {
        if self.horizon == 0.0 {
            self.horizon = wheel::oldest_age(queues, now).max(1) as f32;
        }
        let (queue, late) = wheel::most_overdue(queues, self.horizon, now);
        self.horizon = (self.horizon * (1.0 + GAIN * (late.clamp(0.5, 1.5) - 1.0))).clamp(HORIZON_MIN, HORIZON_MAX);
        queue
    }

    fn verdict(&mut self, meta: &Meta, now: u32) -> Verdict {
        match wheel::queue_for(1.0 - wheel::ticks(meta.age(now)) / self.horizon, EARLY) {
            Some(queue) => Verdict::Keep { queue, uses: meta.uses },
            None => Verdict::Evict,
        }
    }
}
