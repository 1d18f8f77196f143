//! The threads that run scripts: each has a Lua state of its own, sleeps while there is nothing to run, and is woken by whoever brings
//! something. What they run, and in which order, is core's.
//!
//! The first that sleeps is woken, so that the same few do the work and the others' states are never made.

use crate::shared::Shared;
use dcache_core::script::{Machine, Outside, THREADS_MAX};
use parking_lot::{Condvar, Mutex};
use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

#[derive(Default)]
struct Dormitory {
    sleepers: Mutex<Sleepers>,
    bells: [Condvar; THREADS_MAX],
}

#[derive(Default)]
struct Sleepers {
    asleep: BTreeSet<usize>,
    /// Calls that found nobody asleep: whoever is about to sleep takes one.
    calls: usize,
}

impl Dormitory {
    fn wake_one(&self) {
        let mut sleepers = self.sleepers.lock();
        match sleepers.asleep.pop_first() {
            Some(first) => drop(self.bells[first].notify_one()),
            None => sleepers.calls += 1,
        }
    }

    fn sleep(&self, index: usize) {
        let mut sleepers = self.sleepers.lock();
        if sleepers.calls > 0 {
            sleepers.calls -= 1;
            return;
        }
        sleepers.asleep.insert(index);
        while sleepers.asleep.contains(&index) {
            self.bells[index].wait(&mut sleepers);
        }
    }
}

/// Starts the threads. They end with the process, since a script may not.
pub fn start(shared: &Arc<Shared>) -> io::Result<()> {
    let dormitory = Arc::new(Dormitory::default());
    let bell = dormitory.clone();
    shared.core.scripts().on_work(Arc::new(move || bell.wake_one()));
    for index in 0..THREADS_MAX {
        let (shared, dormitory) = (shared.clone(), dormitory.clone());
        let thread = std::thread::Builder::new().name(format!("script-{index}")).stack_size(STACK_BYTES);
        thread.spawn(move || run(&shared, index, &dormitory))?;
    }
    Ok(())
}

/// What all machines bring along.
pub const OUTSIDE: Outside = Outside { pause: std::thread::sleep, log };

/// Deep tables are walked on it.
pub const STACK_BYTES: usize = 8 << 20;

fn run(shared: &Arc<Shared>, index: usize, dormitory: &Dormitory) {
    let mut machine = Machine::new(&shared.core, index, OUTSIDE);
    loop {
        dormitory.sleep(index);
        while machine.run_next() {
            if shared.core.replication().has_changed() {
                shared.copies.flush(&shared.core);
            }
        }
    }
}

/// What scripts say with `redis.log`.
fn log(level: u8, text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    match level {
        0 => tracing::trace!("script: {text}"),
        1 => tracing::debug!("script: {text}"),
        2 => tracing::info!("script: {text}"),
        _ => tracing::warn!("script: {text}"),
    }
}
