//! Least recently used: what was not used for longest goes first.
//!
//! A timer wheel in queues. The horizon is the age at which an entry goes. A new entry waits one horizon in queue 0; one
//! that was used meanwhile has a rest of its horizon left and waits for it in the queue whose delay (1, 1/2, 1/4, 1/8 of
//! the horizon) is nearest below. Entries of a queue wait equally long, so the queue whose head is most overdue gives,
//! and the horizon is steered so that heads are neither late nor early. An unused entry is never copied, a used one about
//! once a horizon and up to three times before it goes; ages at eviction differ by a sixteenth of the horizon.

use std::collections::VecDeque;

use super::{Meta, QUEUES, QueueFigures, Replacement, Verdict};

/// Delays of the queues in parts of the horizon.
const DELAYS: [f32; QUEUES] = [1.0, 0.5, 0.25, 0.125];
/// An entry with less than this part of the horizon left goes.
const SLACK: f32 = 0.0625;
/// How much of a head's lateness goes into the horizon at each reclaim.
const GAIN: f32 = 0.1;

/// Four queues, by the time left.
#[derive(Debug, Default, Clone)]
pub struct Lru {
    /// Ticks; 0 until the first reclaim.
    horizon: f32,
    /// Tick of the first entry.
    start: Option<u32>,
    /// Of each queue, the ticks at which its segments were begun, as far as the calls tell; about 4 B a segment.
    begun: [VecDeque<u32>; QUEUES],
}

impl Lru {
    /// Notes segments begun and gone since the last call.
    fn follow(&mut self, queues: &[QueueFigures; QUEUES], now: u32) {
        let start = self.start.unwrap_or(now);
        let first = self.horizon == 0.0;
        for ((begun, figures), delay) in self.begun.iter_mut().zip(queues).zip(DELAYS) {
            let elapsed = u64::from(now.wrapping_sub(start));
            let span = if self.horizon == 0.0 { elapsed } else { (delay * self.horizon) as u64 };
            let segments = figures.segments as usize;
            while begun.len() > segments {
                begun.pop_front();
            }
            let missing = (segments - begun.len()) as u64;
            for index in 0..missing {
                // The first time, segments were begun evenly since the start.
                let since = if first { span * (missing - index) / missing } else { 0 };
                begun.push_back(now.wrapping_sub(since as u32));
            }
        }
    }
}

impl Replacement for Lru {
    fn insert(&mut self, _: &Meta, now: u32) -> (u8, u8) {
        self.start.get_or_insert(now);
        (0, 0)
    }

    fn hit(&mut self, meta: &Meta, _: u32) -> u8 {
        meta.uses.saturating_add(1)
    }

    fn reclaim_from(&mut self, queues: &[QueueFigures; QUEUES], now: u32) -> u8 {
        self.follow(queues, now);
        if self.horizon == 0.0 {
            self.horizon = (now.wrapping_sub(self.start.unwrap_or(now)) as f32).max(1.0);
        }
        let mut most = (0, -1.0);
        for (queue, begun) in self.begun.iter().enumerate() {
            if let Some(begun) = begun.front() {
                let late = (now.wrapping_sub(*begun) as f32 + 1.0) / (DELAYS[queue] * self.horizon);
                if late > most.1 {
                    most = (queue, late);
                }
            }
        }
        self.begun[most.0].pop_front();
        self.horizon = (self.horizon * (1.0 + GAIN * (most.1.clamp(0.5, 1.5) - 1.0))).clamp(1.0, (1u32 << 31) as f32);
        most.0 as u8
    }

    fn verdict(&mut self, meta: &Meta, now: u32) -> Verdict {
        let left = 1.0 - meta.age(now) as f32 / self.horizon;
        match DELAYS.iter().position(|delay| left >= *delay - SLACK) {
            Some(queue) => Verdict::Keep { queue: queue as u8, uses: meta.uses },
            None => Verdict::Evict,
        }
    }
}
