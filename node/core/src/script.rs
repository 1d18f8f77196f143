//! Scripts: `EVAL` and its kin. What all threads share of them: jobs, limits, the scripts that are known by their sums.
//!
//! ```text
//! session, link ─ EVAL ─► Job ─► queue: its slots' turns ─► a script thread's Machine ─► Answer ─► wakes the connection
//! ```
//!
//! A script may take long, so script threads run them ([`Machine::run_next`]), each with its own Lua state. While a script has a slot,
//! nothing else runs there: see [`queue`]. Everything else goes on. Only a script that has been short time and again, and whose text bounds
//! its time ([`straight`]), is run by the worker that has its request, if its slots are free ([`Machine::run_here`]).
//!
//! What a script does it does by the ordinary commands, so copies, events and limits of memory hold as for those. Once it has run longer
//! than the *busy limit*, whoever waits for its slots is answered `-BUSY`; `SCRIPT KILL` ends one that has written nothing. At the *time
//! limit* any script ends. Core reads no clock by itself: [`Scripts::sweep`] is told the time, every few milliseconds.
//!
//! Not here: Lua ([`machine`]), its libraries, and what other nodes know (`gateway/scripts.rs`).

pub(crate) mod bits;
pub(crate) mod cache;
pub(crate) mod change;
pub(crate) mod convert;
pub(crate) mod format;
pub(crate) mod functions;
pub(crate) mod job;
pub(crate) mod json;
pub(crate) mod library;
pub(crate) mod machine;
pub(crate) mod msgpack;
pub(crate) mod queue;
pub(crate) mod repeats;
pub(crate) mod run;
pub(crate) mod straight;
pub(crate) mod structs;

pub use change::Proposal;
pub use job::{Answer, Job};
pub use machine::{Machine, Outside};

use crate::clients::Wake;
use crate::replication::hold::Hold;
use cache::Cache;
use dcache_protocol::error::WireError;
use job::State;
use parking_lot::Mutex;
use queue::Queue;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Threads that a node keeps for scripts; most of them sleep for ever. So many scripts may run long at once.
pub const THREADS_MAX: usize = 16;

/// A script that runs this long counts as long: another thread goes on with what waits, and it may be killed.
const LONG: Duration = Duration::from_millis(20);

/// To wake a client's thread costs about as much as a short script: so many answers, of so long a time, are told together.
const WAKES_GATHERED_MAX: usize = 256;
const WAKES_GATHERED_FOR: Duration = Duration::from_micros(500);

/// How long another node's request waits for a slot that a script has, before that node is told to ask again.
const PEER_WAITS: Duration = Duration::from_secs(1);

/// The usual busy limit, and the usual time limit.
const BUSY_MS: u64 = 5000;
const TIME_MAX_MS: u64 = 30_000;

pub(crate) const BUSY: &str = "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.";
pub(crate) const BUSY_WITH_FUNCTION: &str =
    "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.";

/// What is said to those whom a long script keeps waiting.
fn busy_with(job: &Job) -> &'static str {
    if job.function().is_some() { BUSY_WITH_FUNCTION } else { BUSY }
}

#[derive(Debug)]
pub struct Scripts {
    pub(crate) queue: Queue,
    pub(crate) cache: Mutex<Cache>,
    /// What each thread runs, and behind those each worker.
    running: Box<[Mutex<Option<Arc<Job>>>]>,
    answered: Box<[Mutex<Answered>]>,
    wake: WakeCell,
    agreements: change::Agreements,
    pub(crate) repeats: repeats::Repeats,
    busy_ms: AtomicU64,
    time_max_ms: AtomicU64,
    /// Bytes of all Lua states.
    pub(crate) memory_bytes: Box<[AtomicU64]>,
}

/// Jobs of one thread that are answered, whose clients are woken together.
#[derive(Debug, Default)]
struct Answered {
    jobs: Vec<Arc<Job>>,
    /// Since when the first of them waits.
    since: Duration,
}

#[derive(Default)]
struct WakeCell(OnceLock<Wake>);

impl std::fmt::Debug for WakeCell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WakeCell")
    }
}

/// What came of asking for scripts to be killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Killed {
    Yes,
    /// All that run have written.
    Unkillable,
    /// Those that could be are of the other kind. The reply's text.
    Other(&'static str),
    NoneRuns,
}

impl Scripts {
    /// `workers` counts the script threads, too, which are the last ones there and the first ones here.
    pub(crate) fn new(workers: usize, threads: usize) -> Scripts {
        Scripts {
            queue: Queue::new(workers, threads),
            cache: Mutex::default(),
            running: (0..workers).map(|_| Mutex::default()).collect(),
            answered: (0..THREADS_MAX).map(|_| Mutex::default()).collect(),
            wake: WakeCell::default(),
            agreements: change::Agreements::default(),
            repeats: repeats::Repeats::default(),
            busy_ms: AtomicU64::new(BUSY_MS),
            time_max_ms: AtomicU64::new(TIME_MAX_MS),
            memory_bytes: (0..workers).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// How a sleeping script thread is woken.
    pub fn on_work(&self, wake: Wake) {
        // Said once, when the threads start.
        let _ = self.wake.0.set(wake);
    }

    /// Gives a job its turn in time. `wake` is called when it is answered.
    pub fn submit(&self, job: &Arc<Job>, wake: Wake) {
        job.set_wake(wake);
        if self.queue.is_used()
            && let Some(text) = job.slots.iter().find_map(|slot| self.overdue(*slot))
        {
            job.answer.settle(State::Busy(text));
            job.wake();
            return;
        }
        let wants_thread = self.queue.submit(job);
        self.wake_if(wants_thread);
    }

    fn wake_if(&self, wants_thread: bool) {
        if wants_thread && let Some(wake) = self.wake.0.get() {
            wake();
        }
    }

    pub(crate) fn finish(&self, job: &Arc<Job>) {
        let wants_thread = self.queue.finish(job);
        self.wake_if(wants_thread);
    }

    pub(crate) fn begin(&self, thread: usize, job: &Arc<Job>, now: Duration) {
        job.begin(now);
        if let Some(place) = self.running.get(thread) {
            *place.lock() = Some(Arc::clone(job));
        }
    }

    pub(crate) fn end(&self, thread: usize) {
        if let Some(place) = self.running.get(thread) {
            *place.lock() = None;
        }
    }

    fn running(&self) -> Vec<Arc<Job>> {
        self.running.iter().filter_map(|place| place.lock().clone()).collect()
    }

    /// The client of a thread's job is woken, soon.
    pub(crate) fn note_answered(&self, thread: usize, job: Arc<Job>, now: Duration) {
        let Some(answered) = self.answered.get(thread) else { return job.wake() };
        let is_due = {
            let mut answered = answered.lock();
            if answered.jobs.is_empty() {
                answered.since = now;
            }
            answered.jobs.push(job);
            answered.jobs.len() >= WAKES_GATHERED_MAX || now.saturating_sub(answered.since) >= WAKES_GATHERED_FOR
        };
        if is_due {
            self.wake_answered(thread);
        }
    }

    pub(crate) fn wake_answered(&self, thread: usize) {
        let Some(answered) = self.answered.get(thread) else { return };
        let jobs = std::mem::take(&mut answered.lock().jobs);
        jobs.iter().for_each(|job| job.wake());
    }

    /// Wakes those whose thread is in the middle of something else that takes long. Every worker looks, since one may be, too.
    pub(crate) fn wake_forgotten(&self) {
        if self.queue.is_used() {
            (0..THREADS_MAX).for_each(|thread| self.wake_answered(thread));
        }
    }

    /// What is said of a slot that is a script's which has run longer than the busy limit.
    fn overdue(&self, slot: u16) -> Option<&'static str> {
        let busy = |job: &Arc<Job>| (job.is_overdue() && job.has_slot(slot)).then(|| busy_with(job));
        self.running.iter().find_map(|place| place.lock().as_ref().and_then(busy))
    }

    /// What is said to those who would have to wait for all scripts.
    pub(crate) fn busy_text(&self) -> &'static str {
        self.running().iter().find(|job| job.is_script()).map_or(BUSY, |job| busy_with(job))
    }

    /// Looks at what runs and what waits.
    pub(crate) fn sweep(&self, now: Duration) {
        if !self.queue.is_used() {
            return;
        }
        let running = self.running();
        let (busy, most) = (self.busy_limit(), self.time_limit());
        let ran = |job: &Arc<Job>| now.saturating_sub(job.began());
        running.iter().filter(|job| ran(job) >= most).for_each(|job| job.end_by(job::End::TimeLimit));
        running.iter().filter(|job| ran(job) >= busy).for_each(|job| job.set_overdue());
        let long: Vec<Arc<Job>> = running.iter().filter(|job| ran(job) >= LONG).cloned().collect();
        let wants_thread = self.queue.set_stuck(long.len());
        self.wake_if(wants_thread);
        let overdue: Vec<Arc<Job>> = long.iter().filter(|job| job.is_overdue()).cloned().collect();
        for job in self.queue.waiting(&overdue, now.checked_sub(PEER_WAITS)) {
            let before = overdue.iter().find(|other| other.all_slots().into_iter().any(|slot| job.has_slot(slot)));
            let state = match before {
                Some(before) => State::Busy(busy_with(before)),
                None if job.is_of_peer() => State::Refused(WireError::NotServing),
                None => continue,
            };
            // One that begins at this moment is answered by who runs it.
            if job.withdraw() {
                self.finish(&job);
                job.answer.settle(state);
                job.wake();
            }
        }
    }

    /// `SCRIPT KILL`, or `FUNCTION KILL`: ends the scripts that have run for a while and have written nothing.
    pub(crate) fn kill(&self, functions: bool, now: Duration) -> Killed {
        let is_long = |job: &Arc<Job>| job.is_script() && now.saturating_sub(job.began()) >= LONG;
        let long: Vec<Arc<Job>> = self.running().into_iter().filter(is_long).collect();
        if long.is_empty() {
            return Killed::NoneRuns;
        }
        let mut killed = Killed::Unkillable;
        for job in long.iter().filter(|job| !job.has_written()) {
            if job.function().is_some() == functions {
                job.end_by(job::End::Killed);
                killed = Killed::Yes;
            } else if killed == Killed::Unkillable {
                killed = Killed::Other(busy_with(job));
            }
        }
        killed
    }

    /// The function that has run longest, if any runs.
    pub(crate) fn running_function(&self) -> Option<Arc<Job>> {
        let functions = self.running().into_iter().filter(|job| job.function().is_some());
        functions.min_by_key(|job| job.began())
    }

    pub fn busy_limit(&self) -> Duration {
        match self.busy_ms.load(Relaxed) {
            0 => Duration::MAX,
            ms => Duration::from_millis(ms),
        }
    }

    pub fn time_limit(&self) -> Duration {
        Duration::from_millis(self.time_max_ms.load(Relaxed))
    }

    pub(crate) fn set_busy_ms(&self, ms: u64) {
        self.busy_ms.store(ms, Relaxed);
    }

    pub(crate) fn busy_ms(&self) -> u64 {
        self.busy_ms.load(Relaxed)
    }

    pub(crate) fn set_time_max_ms(&self, ms: u64) {
        self.time_max_ms.store(ms, Relaxed);
    }

    pub(crate) fn time_max_ms(&self) -> u64 {
        self.time_max_ms.load(Relaxed)
    }

    pub(crate) fn lua_bytes(&self) -> u64 {
        self.memory_bytes.iter().map(|bytes| bytes.load(Relaxed)).sum()
    }
}

/// A reply that a script thread made, and what it waits for.
#[derive(Debug, Default)]
pub struct Made {
    pub bytes: Vec<u8>,
    pub holds: Vec<Hold>,
}

#[cfg(test)]
mod tests;
