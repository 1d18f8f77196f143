//! How fast this node sends what partitions on their way to other nodes hold: a bucket of bytes that fills at the rate the operation
//! allows. A piece goes as long as there is anything in it and may overdraw it, so the rate holds over time whatever the pieces'
//! sizes are.
//!
//! Left out: copies that are rebuilt or come back, which nothing holds up but their nodes' queues.

use parking_lot::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// What may be saved up while nothing is sent.
const SAVED_MAX: Duration = Duration::from_millis(20);

#[derive(Debug, Default)]
pub(super) struct Throttle {
    /// Bytes a second; 0: as many as there are.
    rate: AtomicU64,
    bucket: Mutex<Bucket>,
}

#[derive(Debug, Default)]
struct Bucket {
    bytes: f64,
    filled_at: Duration,
}

impl Throttle {
    pub fn set_rate(&self, bytes_a_second: u64) {
        self.rate.store(bytes_a_second, Relaxed);
    }

    /// Whether a piece may go now.
    pub fn is_open(&self, now: Duration) -> bool {
        let rate = self.rate.load(Relaxed) as f64;
        if rate == 0.0 {
            return true;
        }
        let mut bucket = self.bucket.lock();
        let passed = now.saturating_sub(bucket.filled_at);
        bucket.filled_at = now;
        bucket.bytes = (bucket.bytes + rate * passed.as_secs_f64()).min(rate * SAVED_MAX.as_secs_f64());
        bucket.bytes > 0.0
    }

    pub fn spend(&self, bytes: usize) {
        if self.rate.load(Relaxed) > 0 {
            self.bucket.lock().bytes -= bytes as f64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_time_it_lets_through_what_the_rate_allows() {
        let throttle = Throttle::default();
        assert!(throttle.is_open(Duration::ZERO), "without a rate all goes");
        throttle.set_rate(1_000_000);
        for piece in [1_000, 64_000, 300_000] {
            let throttle = Throttle::default();
            throttle.set_rate(1_000_000);
            let mut sent = 0;
            for ms in 0..10_000 {
                while throttle.is_open(Duration::from_millis(ms)) {
                    throttle.spend(piece);
                    sent += piece;
                }
            }
            assert!((9_900_000..=10_000_000 + piece).contains(&sent), "{piece}: {sent}");
        }
    }
}
