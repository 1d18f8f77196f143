//! Greedy dual by size and frequency: small and often used entries stay.
//!
//! GDSF (L. Cherkasova 1998): an entry's value is L + uses / bytes, L the value of the recent victims when it was last
//! used. One queue walked in circles; instead of L at the last use, which metadata has no room for, the value ages by
//! the time since: a score of uses / bytes / (age + mean age), of which a set share falls. A sketch that outlives
//! eviction gives a key that comes back the count it had.

use super::sketch::Sketch;
use super::threshold::Threshold;
use super::{Meta, QUEUES, QueueFigures, Replacement, Verdict, last_filled, sum};

/// Share of the walked bytes that goes: three bytes are copied for one evicted.
const SHARE: f32 = 0.25;

/// One queue, ranked by uses a byte and tick.
#[derive(Debug, Clone)]
pub struct Cost {
    threshold: Threshold,
    sketch: Sketch,
    /// Ticks: a running mean of the ages met.
    mean: f32,
}

impl Cost {
    pub fn new() -> Self {
        Self { threshold: Threshold::new(SHARE), sketch: Sketch::new(), mean: 0.0 }
    }
}

impl Cost {
    /// Memory this takes.
    #[cfg(test)]
    pub fn memory_bytes(&self) -> usize {
        size_of::<Cost>() + self.sketch.memory_bytes() + Threshold::MEMORY_BYTES
    }
}

impl Default for Cost {
    fn default() -> Self {
        Self::new()
    }
}

impl Replacement for Cost {
    fn use_arena(&mut self, arena: &std::sync::Arc<crate::pages::Arena>) {
        self.sketch.use_arena(arena);
    }

    fn insert(&mut self, meta: &Meta, _: u32) -> (u8, u8) {
        self.sketch.note(meta.hash);
        (0, self.sketch.frequency(meta.hash).saturating_sub(1))
    }

    fn hit(&mut self, meta: &Meta, _: u32) -> u8 {
        (meta.uses & 15).min(14) + 1
    }

    fn reclaim_from(&mut self, queues: &[QueueFigures; QUEUES], _: u32) -> u8 {
        let items = sum(queues).0;
        self.threshold.set_items(items);
        self.sketch.fit(items);
        last_filled(queues)
    }

    fn verdict(&mut self, meta: &Meta, now: u32) -> Verdict {
        let age = meta.age(now) as f32;
        self.mean += (age - self.mean) * 0.004;
        let score =
            (f32::from(meta.uses & 15) + 1.0) / meta.bytes.max(1) as f32 * 1e3 / (age / (self.mean + 1.0) + 0.25);
        if self.threshold.falls(score, meta.bytes) {
            Verdict::Evict
        } else {
            Verdict::Keep { queue: 0, uses: (meta.uses & 15) - (meta.uses & 15) / 8 }
        }
    }
}
