//! S3-FIFO (J. Yang et al., SOSP 2023): a small queue filters what is used once.
//!
//! New entries stand in the small queue, a tenth of the bytes; one used more than once meanwhile goes to the main
//! queue, another goes and leaves a fingerprint in the ghost table. A key whose fingerprint is met goes straight to the
//! main queue, where every use (three at most) gives another round.

use super::ghost::Ghost;
use super::{Meta, QUEUES, QueueFigures, Replacement, Verdict, last_filled, sum};

const MAIN: u8 = 0;
const SMALL: u8 = 1;
/// Share of the bytes the small queue may have.
const SMALL_SHARE: f64 = 0.1;

/// Two queues and a ghost table of 2 B an entry.
#[derive(Debug, Clone)]
pub struct S3Fifo {
    ghost: Ghost,
}

impl S3Fifo {
    pub fn new() -> Self {
        Self { ghost: Ghost::new() }
    }
}

impl S3Fifo {
    /// Memory this takes.
    #[cfg(test)]
    pub fn memory_bytes(&self) -> usize {
        size_of::<S3Fifo>() + self.ghost.memory_bytes()
    }
}

impl Default for S3Fifo {
    fn default() -> Self {
        Self::new()
    }
}

impl Replacement for S3Fifo {
    fn use_arena(&mut self, arena: &std::sync::Arc<crate::pages::Arena>) {
        self.ghost.use_arena(arena);
    }

    fn insert(&mut self, meta: &Meta, _: u32) -> (u8, u8) {
        (if self.ghost.take(meta.hash).is_some() { MAIN } else { SMALL }, 0)
    }

    fn hit(&mut self, meta: &Meta, _: u32) -> u8 {
        (meta.uses & 15).min(2) + 1
    }

    fn reclaim_from(&mut self, queues: &[QueueFigures; QUEUES], _: u32) -> u8 {
        let (items, bytes) = sum(queues);
        self.ghost.fit(items);
        let (small, main) = (&queues[SMALL as usize], &queues[MAIN as usize]);
        if small.segments > 0 && (small.bytes as f64 > SMALL_SHARE * bytes as f64 || main.segments == 0) {
            SMALL
        } else if main.segments > 0 && queues[2].segments + queues[3].segments == 0 {
            MAIN
        } else {
            last_filled(queues)
        }
    }

    fn verdict(&mut self, meta: &Meta, _: u32) -> Verdict {
        let uses = (meta.uses & 15).min(3);
        match meta.queue {
            SMALL if uses > 1 => Verdict::Keep { queue: MAIN, uses: 0 },
            SMALL => {
                self.ghost.put(meta.hash, 0);
                Verdict::Evict
            }
            _ if uses > 0 => Verdict::Keep { queue: MAIN, uses: uses - 1 },
            _ => Verdict::Evict,
        }
    }
}
