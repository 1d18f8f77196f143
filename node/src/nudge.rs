//! Waking one task from anywhere: another client's kill, an answered forward, the node's stop.
//!
//! A task looks whether it was nudged whenever it runs, which is one load; only who nudges pays more. It says once in its
//! life how to wake it, so a turn that waits for its socket registers nothing here.

use dcache_core::clients::Wake;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Waker};
use tokio::sync::Notify;

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

/// Gathers who is to be woken on one worker's thread. To wake a thread costs a system call; many that are woken together, as
/// when other nodes have acknowledged what many clients wrote, cost one.
#[derive(Default)]
pub struct Bell {
    rung: Mutex<Vec<Wake>>,
    notify: Notify,
}

impl Bell {
    /// What `wake` does is done on the worker's thread, soon.
    pub fn ring(&self, wake: &Wake) {
        let is_first = {
            let mut rung = self.rung.lock();
            rung.push(wake.clone());
            rung.len() == 1
        };
        if is_first {
            self.notify.notify_one();
        }
    }

    /// Runs on the worker's thread for as long as that does.
    pub async fn answer(&self) {
        loop {
            self.notify.notified().await;
            let rung = std::mem::take(&mut *self.rung.lock());
            rung.iter().for_each(|wake| wake());
        }
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
