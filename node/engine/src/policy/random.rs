//! Random: every entry met goes with the same probability, whatever its use.
//!
//! One queue walked in circles; a draw decides, so that half of the bytes walked go.

use super::{Meta, QUEUES, QueueFigures, Replacement, Verdict, last_filled};

/// One queue and a generator.
#[derive(Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    pub fn new() -> Self {
        Self { state: 0x9e37_79b9_7f4a_7c15 }
    }
}

impl Default for Random {
    fn default() -> Self {
        Self::new()
    }
}

impl Replacement for Random {
    fn insert(&mut self, _: &Meta, _: u32) -> (u8, u8) {
        (0, 0)
    }

    fn hit(&mut self, meta: &Meta, _: u32) -> u8 {
        meta.uses.saturating_add(1)
    }

    fn reclaim_from(&mut self, queues: &[QueueFigures; QUEUES], _: u32) -> u8 {
        last_filled(queues)
    }

    fn verdict(&mut self, meta: &Meta, _: u32) -> Verdict {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        if self.state >> 63 == 0 { Verdict::Evict } else { Verdict::Keep { queue: 0, uses: meta.uses } }
    }
}
