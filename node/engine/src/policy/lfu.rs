//! Least frequently used, with aging: what was used least often lately goes first.
//!
//! One queue walked in circles. Uses are counted logarithmically in effect by halving them at every walk; a sketch that
//! outlives eviction gives a key that comes back the count it had. What falls is a set share of the bytes walked.

use super::sketch::Sketch;
use super::threshold::Threshold;
use super::{Meta, QUEUES, QueueFigures, Replacement, Verdict, last_filled, sum};

/// Share of the walked bytes that goes: three bytes are copied for one evicted.
const SHARE: f32 = 0.25;

/// One queue, ranked by uses.
#[derive(Debug)]
pub struct Lfu {
    threshold: Threshold,
    sketch: Sketch,
}

impl Lfu {
    pub fn new() -> Self {
        Self { threshold: Threshold::new(SHARE), sketch: Sketch::new() }
    }
}

impl Default for Lfu {
    fn default() -> Self {
        Self::new()
    }
}

impl Replacement for Lfu {
    fn use_arena(&mut self, arena: &std::sync::Arc<crate::pages::Arena>) {
        self.sketch.use_arena(arena);
    }

    fn insert(&mut self, meta: &Meta, _: u32) -> (u8, u8) {
        self.sketch.note(meta.hash);
        (0, self.sketch.frequency(meta.hash))
    }

    fn hit(&mut self, meta: &Meta, _: u32) -> u8 {
        meta.uses.saturating_add(1)
    }

    fn reclaim_from(&mut self, queues: &[QueueFigures; QUEUES], _: u32) -> u8 {
        let items = sum(queues).0;
        self.threshold.set_items(items);
        self.sketch.fit(items);
        last_filled(queues)
    }

    fn verdict(&mut self, meta: &Meta, now: u32) -> Verdict {
        // Among equally used ones the older goes: an octave of age weighs an eighth of a use.
        let score = f32::from(meta.uses) + 1.0 - 0.03 * (meta.age(now) as f32 + 1.0).log2();
        if self.threshold.falls(score.max(0.01), meta.bytes) {
            Verdict::Evict
        } else {
            Verdict::Keep { queue: 0, uses: meta.uses - meta.uses / 4 }
        }
    }
}
