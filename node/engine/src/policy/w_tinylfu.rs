//! W-TinyLFU (G. Einziger et al. 2017): an entry must have been asked for more often than those it would displace.
//!
//! New entries stand in a window; at its end one that the sketch counted no more often than the running threshold of
//! the main queue goes. The main queue is walked in circles and a set share of it falls, by count and age; uses since
//! the last walk are added to the sketch at the walk, so that a hit does not touch it.

use super::sketch::Sketch;
use super::threshold::Threshold;
use super::{Meta, QUEUES, QueueFigures, Replacement, Verdict, last_filled, sum};

const MAIN: u8 = 0;
const WINDOW: u8 = 1;
/// Share of the bytes the window may have.
const WINDOW_SHARE: f64 = 0.05;
/// Share of the walked bytes that goes.
const SHARE: f32 = 0.3;

/// A window and a main queue.
#[derive(Debug)]
pub struct WTinyLfu {
    threshold: Threshold,
    sketch: Sketch,
    /// Ticks: a running mean of the ages met in the main queue.
    mean: f32,
}

impl WTinyLfu {
    pub fn new() -> Self {
        Self { threshold: Threshold::new(SHARE), sketch: Sketch::new(), mean: 0.0 }
    }
}

impl Default for WTinyLfu {
    fn default() -> Self {
        Self::new()
    }
}

impl Replacement for WTinyLfu {
    fn use_arena(&mut self, arena: &std::sync::Arc<crate::pages::Arena>) {
        self.sketch.use_arena(arena);
    }

    fn insert(&mut self, meta: &Meta, _: u32) -> (u8, u8) {
        self.sketch.note(meta.hash);
        (WINDOW, 0)
    }

    fn hit(&mut self, meta: &Meta, _: u32) -> u8 {
        (meta.uses + 1).min(15)
    }

    fn reclaim_from(&mut self, queues: &[QueueFigures; QUEUES], _: u32) -> u8 {
        let (items, bytes) = sum(queues);
        self.threshold.set_items(items);
        self.sketch.fit(items);
        let (window, main) = (&queues[WINDOW as usize], &queues[MAIN as usize]);
        if window.segments > 0 && (window.bytes as f64 > WINDOW_SHARE * bytes as f64 || main.segments == 0) {
            WINDOW
        } else if main.segments > 0 && queues[2].segments + queues[3].segments == 0 {
            MAIN
        } else {
            last_filled(queues)
        }
    }

    fn verdict(&mut self, meta: &Meta, now: u32) -> Verdict {
        for _ in 0..meta.uses.min(15) {
            self.sketch.note(meta.hash);
        }
        let age = meta.age(now) as f32;
        if meta.queue == MAIN {
            self.mean += (age - self.mean) * 0.004;
        }
        let score = (f32::from(self.sketch.frequency(meta.hash)) + 0.1) / (age / (self.mean + 1.0) + 1.0);
        if self.threshold.falls(score, meta.bytes) { Verdict::Evict } else { Verdict::Keep { queue: MAIN, uses: 0 } }
    }
}
