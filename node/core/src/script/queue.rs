//! Whose turn it is on a slot: scripts, and whatever meets a slot that a script has.
//!
//! ```text
//! slot 7    ─► [ script A, running ] [ script B ] [ ticket of a client's GET ]     first come, first served
//! slot 9000 ─► [ script A, running ] [ script C ]
//! ```
//!
//! A job stands in the queue of each of its slots and runs when it is at the head of all of them. All its places are taken at one
//! moment, so any two jobs stand in the same order wherever they meet, and no circle of jobs can wait for each other.
//!
//! A worker that runs a request says so in its own [`Line`] and then looks whether the slot has jobs; a script's job is counted
//! at the slot before it looks at the lines. One of the two sees the other. A request that finds jobs takes a ticket, a job that
//! does nothing: when it is its turn the client's connection is woken and runs the request as it would have.
//! Until the first script ever, workers look at one flag a request and no more.
//!
//! A key that a script did not declare is not in its job's slots. A free slot is taken on the spot. For any other a job may wait only
//! if it has the one place in the queue [`UNDECLARED`], and then only for jobs that have all they need: it goes before those that still
//! wait, which may wait for it elsewhere. So never two wait for each other.

use super::Job;
use parking_lot::Mutex;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

/// Beside the slots: the queue of jobs that may wait for slots they did not declare.
pub(crate) const UNDECLARED: u16 = dcache_protocol::SLOTS;

/// Looks at a line before whoever looks does something else meanwhile.
const LOOKS: u32 = 64;

/// What a line says beside a slot and nothing.
const MANY: u32 = u32::MAX;

/// One worker's: the slot of what it runs, plus one.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Line(AtomicU32);

/// As long as it is kept a worker says that it is on several slots.
pub(crate) struct Within<'a>(Option<(&'a Line, u32)>);

impl Drop for Within<'_> {
    fn drop(&mut self) {
        if let Some((line, before)) = self.0 {
            line.0.store(before, Ordering::Release);
        }
    }
}

#[derive(Debug)]
pub(crate) struct Queue {
    is_used: AtomicBool,
    /// By slot: jobs in its queue.
    counts: Box<[AtomicU32]>,
    lines: Box<[Line]>,
    places: Mutex<Places>,
    /// Threads that are to run jobs at once, beside those that are stuck with a long one.
    threads: usize,
    stuck: AtomicUsize,
}

#[derive(Debug, Default)]
struct Places {
    queues: BTreeMap<u16, VecDeque<Arc<Job>>>,
    ready: VecDeque<Arc<Job>>,
    /// Threads awake.
    awake: usize,
}

impl Queue {
    pub fn new(workers: usize, threads: usize) -> Queue {
        Queue {
            is_used: AtomicBool::new(false),
            counts: (0..=UNDECLARED).map(|_| AtomicU32::new(0)).collect(),
            lines: (0..workers).map(|_| Line::default()).collect(),
            places: Mutex::default(),
            threads: threads.max(1),
            stuck: AtomicUsize::new(0),
        }
    }

    /// Whether a script was ever run.
    #[inline]
    pub fn is_used(&self) -> bool {
        self.is_used.load(Ordering::Relaxed)
    }

    /// Says what the worker is about to run. False: a slot has jobs, and nothing was said.
    pub fn enter(&self, worker: usize, slots: &[u16]) -> bool {
        let Some(line) = self.lines.get(worker) else { return true };
        let (said, is_one) = match slots {
            [] => return true,
            [slot] => (u32::from(*slot) + 1, true),
            _ => (MANY, false),
        };
        line.0.store(said, Ordering::SeqCst);
        let is_free = |slot: &u16| self.counts[usize::from(*slot)].load(Ordering::SeqCst) == 0;
        let is_entered = if is_one { is_free(&slots[0]) } else { slots.iter().all(is_free) };
        if !is_entered {
            line.0.store(0, Ordering::Release);
        }
        is_entered
    }

    /// The same in the middle of what a worker runs, perhaps of something else. None: a slot has jobs.
    pub fn enter_within(&self, worker: usize, slots: &[u16]) -> Option<Within<'_>> {
        let Some(line) = self.lines.get(worker).filter(|_| self.is_used()) else { return Some(Within(None)) };
        let before = line.0.load(Ordering::SeqCst);
        if slots.iter().all(|slot| before == u32::from(*slot) + 1) {
            return Some(Within(None));
        }
        let within = Within(Some((line, before)));
        line.0.store(MANY, Ordering::SeqCst);
        slots.iter().all(|slot| self.counts[usize::from(*slot)].load(Ordering::SeqCst) == 0).then_some(within)
    }

    pub fn leave(&self, worker: usize) {
        if let Some(line) = self.lines.get(worker) {
            line.0.store(0, Ordering::Release);
        }
    }

    /// Takes a job's places. True: a thread that sleeps is to be woken, and counts as awake. A ticket whose turn it is at once is granted.
    pub fn submit(&self, job: &Arc<Job>) -> bool {
        self.is_used.store(true, Ordering::SeqCst);
        let mut places = self.places.lock();
        let mut missing = 0;
        for slot in &job.slots {
            self.counts[usize::from(*slot)].fetch_add(1, Ordering::SeqCst);
            let queue = places.queues.entry(*slot).or_default();
            missing += usize::from(!queue.is_empty());
            queue.push_back(Arc::clone(job));
        }
        job.missing.store(missing, Ordering::Relaxed);
        if missing == 0 {
            places.ready(Arc::clone(job));
        }
        self.wants_thread(&mut places)
    }

    /// Takes a job's places for whoever asks to run it at once. False: somebody is there, and nothing is taken.
    pub fn take_free(&self, job: &Arc<Job>) -> bool {
        let mut places = self.places.lock();
        if job.slots.iter().any(|slot| places.queues.contains_key(slot)) {
            return false;
        }
        for slot in &job.slots {
            self.counts[usize::from(*slot)].fetch_add(1, Ordering::SeqCst);
            places.queues.insert(*slot, VecDeque::from([Arc::clone(job)]));
        }
        true
    }

    fn wants_thread(&self, places: &mut Places) -> bool {
        let most = self.threads + self.stuck.load(Ordering::Relaxed);
        let wants = !places.ready.is_empty() && places.awake < most;
        places.awake += usize::from(wants);
        wants
    }

    /// The next job to run. None: the thread that asks is to sleep, and no longer counts as awake.
    pub fn take(&self) -> Option<Arc<Job>> {
        let mut places = self.places.lock();
        let job = places.ready.pop_front();
        places.awake -= usize::from(job.is_none() && places.awake > 0);
        job
    }

    /// A job is over, or is not wanted any more: whoever stands behind it moves on. True as with [`Queue::submit`].
    pub fn finish(&self, job: &Arc<Job>) -> bool {
        let mut places = self.places.lock();
        let acquired = std::mem::take(&mut *job.acquired.lock());
        for slot in job.slots.iter().copied().chain(acquired) {
            self.remove(&mut places, slot, job);
        }
        if !job.has_started() {
            places.ready.retain(|ready| !Arc::ptr_eq(ready, job));
        }
        self.wants_thread(&mut places)
    }

    fn remove(&self, places: &mut Places, slot: u16, job: &Arc<Job>) {
        let Some(queue) = places.queues.get_mut(&slot) else { return };
        let Some(at) = queue.iter().position(|other| Arc::ptr_eq(other, job)) else { return };
        queue.remove(at);
        self.counts[usize::from(slot)].fetch_sub(1, Ordering::SeqCst);
        let next = if at == 0 { queue.front().cloned() } else { None };
        if queue.is_empty() {
            places.queues.remove(&slot);
        }
        if let Some(next) = next
            && next.missing.fetch_sub(1, Ordering::Relaxed) == 1
        {
            places.ready(next);
        }
    }

    /// A running job goes on to a slot that it did not declare. False: the slot has other jobs; if the job may wait it has a place
    /// among them now, and asks again with [`Queue::is_first`].
    pub fn acquire(&self, job: &Arc<Job>, slot: u16, may_wait: bool) -> bool {
        let mut places = self.places.lock();
        let queue = places.queues.entry(slot).or_default();
        let is_free = queue.is_empty();
        if is_free || may_wait {
            let waits = |other: &Arc<Job>| !other.has_started() && other.missing.load(Ordering::Relaxed) > 0;
            let at = queue.iter().position(waits).unwrap_or(queue.len());
            match at {
                // Whoever was at the head has it again later.
                0 => queue.iter().take(1).for_each(|first| _ = first.missing.fetch_add(1, Ordering::Relaxed)),
                // It is not counted again when it gets to the head: it runs already.
                _ => _ = job.missing.fetch_add(2, Ordering::Relaxed),
            }
            queue.insert(at, Arc::clone(job));
            self.counts[usize::from(slot)].fetch_add(1, Ordering::SeqCst);
            job.acquired.lock().push(slot);
        }
        is_free
    }

    pub fn is_first(&self, job: &Arc<Job>, slot: u16) -> bool {
        let places = self.places.lock();
        places.queues.get(&slot).and_then(VecDeque::front).is_some_and(|first| Arc::ptr_eq(first, job))
    }

    /// Returns once no worker is in the middle of a request for one of these slots. They have jobs, so none begins one.
    pub fn await_workers(&self, slots: &[u16]) {
        while !self.has_no_workers(slots) {
            std::thread::yield_now();
        }
    }

    /// The same, but not for long. False: one is.
    pub fn has_no_workers(&self, slots: &[u16]) -> bool {
        self.lines.iter().all(|line| {
            let is_inside = || {
                let said = line.0.load(Ordering::SeqCst);
                said == MANY || slots.iter().any(|slot| said == u32::from(*slot) + 1)
            };
            let mut looks = 0;
            while is_inside() {
                looks += 1;
                if looks == LOOKS {
                    return false;
                }
                std::hint::spin_loop();
            }
            true
        })
    }

    /// Jobs that wait behind one of these, and so long as the second is given: since before that.
    pub fn waiting(&self, behind: &[Arc<Job>], since_before: Option<Duration>) -> Vec<Arc<Job>> {
        let places = self.places.lock();
        let mut found: Vec<Arc<Job>> = Vec::new();
        for queue in places.queues.values() {
            let Some(first) = queue.front() else { continue };
            let is_behind = behind.iter().any(|job| Arc::ptr_eq(job, first));
            for job in queue.iter().skip(1) {
                let is_old = since_before.is_some_and(|since| job.submitted < since);
                let is_known = found.iter().chain(behind).any(|known| Arc::ptr_eq(known, job));
                if (is_behind || is_old) && !is_known {
                    found.push(Arc::clone(job));
                }
            }
        }
        found
    }

    /// How many threads are stuck with jobs that take long. True as with [`Queue::submit`].
    pub fn set_stuck(&self, stuck: usize) -> bool {
        self.stuck.store(stuck, Ordering::Relaxed);
        self.wants_thread(&mut self.places.lock())
    }
}

impl Places {
    fn ready(&mut self, job: Arc<Job>) {
        if job.is_ticket() {
            job.grant();
        } else {
            self.ready.push_back(job);
        }
    }
}
