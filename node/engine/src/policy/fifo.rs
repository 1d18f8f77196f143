//! First in, first out: what was written first goes first, however often it is read.

use super::{Meta, QUEUES, QueueFigures, Replacement, Verdict, last_filled};

/// One queue, nothing kept.
#[derive(Debug, Default)]
pub struct Fifo;

impl Replacement for Fifo {
    fn insert(&mut self, _: &Meta, _: u32) -> (u8, u8) {
        (0, 0)
    }

    fn hit(&mut self, meta: &Meta, _: u32) -> u8 {
        meta.uses.saturating_add(1)
    }

    fn reclaim_from(&mut self, queues: &[QueueFigures; QUEUES], _: u32) -> u8 {
        last_filled(queues)
    }

    fn verdict(&mut self, _: &Meta, _: u32) -> Verdict {
        Verdict::Evict
    }
}
