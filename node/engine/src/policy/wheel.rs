//! A timer wheel in queues: entries wait for the time they have left, in the queue whose delay is nearest below.
//!
//! All entries of a queue wait equally long, so a queue is in the order in which they fall due, and no entry needs to be
//! moved for a use: what it was worth is seen when it falls due. Delays are parts of a *horizon*, the longest wait, which
//! the policy steers. What falling due means is the policy's too.

use super::{QUEUES, QueueFigures};

/// Delays of the queues in parts of the horizon.
const DELAYS: [f32; QUEUES] = [1.0, 0.5, 0.25, 0.125];

/// The queue for an entry with so many horizons left; `None`: it is due. A queue takes what falls due up to `early`
/// horizons before its delay is over; the smaller, the more exact.
pub fn queue_for(left: f32, early: f32) -> Option<u8> {
    DELAYS.iter().position(|delay| left >= *delay - early).map(|queue| queue as u8)
}

/// The queue with the shortest delay.
pub const SHORTEST: u8 = QUEUES as u8 - 1;

/// The queue whose oldest segment is most overdue, and how much: its wait in parts of its delay, 1.0 is on time.
pub fn most_overdue(queues: &[QueueFigures; QUEUES], horizon: f32, now: u32) -> (u8, f32) {
    let mut most = (0, -1.0);
    for (queue, figures) in queues.iter().enumerate().filter(|(_, figures)| figures.segments > 0) {
        let waited = ticks(now.wrapping_sub(figures.begun));
        let part = waited / (DELAYS[queue] * horizon);
        if part > most.1 {
            most = (queue as u8, part);
        }
    }
    most
}

/// A time of whole ticks as it is in the mean: a tick may be long, so that much goes in within one.
pub fn ticks(whole: u32) -> f32 {
    whole as f32 + 0.5
}

/// Ticks since the oldest segment of all was begun.
pub fn oldest_age(queues: &[QueueFigures; QUEUES], now: u32) -> u32 {
    let filled = queues.iter().filter(|figures| figures.segments > 0);
    filled.map(|figures| now.wrapping_sub(figures.begun)).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_waits_no_longer_than_it_has_left() {
        let queues = [1.2, 1.0, 0.8, 0.5, 0.3, 0.19, 0.1, 0.0, -1.0].map(|left| queue_for(left, 0.05));
        assert_eq!(queues, [Some(0), Some(0), Some(1), Some(1), Some(2), Some(3), Some(3), None, None]);
    }

    #[test]
    fn the_most_overdue_queue_gives() {
        let mut queues = [QueueFigures::default(); QUEUES];
        queues[0] = QueueFigures { segments: 2, begun: 10, ..QueueFigures::default() };
        queues[3] = QueueFigures { segments: 1, begun: 90, ..QueueFigures::default() };
        // 90 of 100 ticks against 10 of 12.5; ten ticks on, 100 of 100 against 20 of 12.5.
        assert_eq!(most_overdue(&queues, 100.0, 99).0, 0);
        assert_eq!(most_overdue(&queues, 100.0, 110).0, 3);
        assert_eq!(oldest_age(&queues, 110), 100);
    }
}
