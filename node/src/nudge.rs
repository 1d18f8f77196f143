//! Waking one task from anywhere: another client's kill, an answered forward, the node's stop.
//!
//! A task looks whether it was nudged whenever it runs, which is one load; only who nudges pays more. It says once in its
//! life how to wake it, so a turn that waits for its socket registers nothing here.

use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Waker};

/// Nudges that one task waits for; several before it looks are one.
#[derive(Default)]
pub struct Nudge {
    is_nudged: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Nudge {
    /// Has the task look. One that never said how to wake it finds the nudge when it first looks.
    pub fn nudge(&self) {
        self.is_nudged.store(true, Ordering::Release);
        if let Some(waker) = &*self.waker.lock() {
            waker.wake_by_ref();
        }
    }

    /// From now on nudges wake the task of `context`; it must be the one task that calls [`Nudge::take`].
    pub fn attach(&self, context: &Context<'_>) {
        *self.waker.lock() = Some(context.waker().clone());
    }

    /// Whether there was a nudge since the last call.
    pub fn take(&self) -> bool {
        self.is_nudged.load(Ordering::Relaxed) && self.is_nudged.swap(false, Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    struct Counter(AtomicUsize);

    impl Wake for Counter {
        fn wake(self: Arc<Counter>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_nudge_is_seen_once_and_wakes_whoever_attached() {
        let counter = Arc::new(Counter(AtomicUsize::new(0)));
        let waker = Waker::from(counter.clone());
        let nudge = Nudge::default();
        assert!(!nudge.take());
        nudge.nudge();
        nudge.attach(&Context::from_waker(&waker));
        assert!(nudge.take() && !nudge.take(), "one from before is not lost");
        nudge.nudge();
        nudge.nudge();
        assert!(nudge.take() && !nudge.take());
        assert_eq!(counter.0.load(Ordering::Relaxed), 2);
    }
}
