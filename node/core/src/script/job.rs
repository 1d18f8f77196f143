//! One job: what is to run when the slots' turn comes, and what came of it.

use super::cache::Script;
use super::{Made, Scripts};
use crate::clients::Wake;
use dcache_protocol::error::WireError;
use dcache_protocol::resp::reply::Version;
use parking_lot::Mutex;
use std::sync::atomic::{
    AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed,
    Ordering::Release,
};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// What a job does.
#[derive(Debug)]
pub(crate) enum Work {
    /// A request runs on the script thread: a script, a transaction with scripts, or what another node sent.
    Request(Request),
    /// Nothing: whoever has the ticket runs something.
    Ticket,
}

/// A request as it was encoded, and for whom it runs.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub bytes: Vec<u8>,
    pub database: u16,
    pub version: Version,
    /// Another node sent it.
    pub is_of_peer: bool,
    /// At the cluster door all keys of a script are of one slot.
    pub is_one_slot: bool,
    pub client: u64,
    pub no_touch: bool,
    /// Which client it is, for the slow log.
    pub remote: String,
}

pub struct Job {
    pub(crate) work: Work,
    /// What runs, if it is one script; perhaps not in the cache yet.
    pub(super) script: Option<Arc<Script>>,
    /// Ascending, each once. [`super::queue::UNDECLARED`] is among them where the job may wait for others.
    pub(crate) slots: Vec<u16>,
    /// Slots of keys that the script did not declare.
    pub(crate) acquired: Mutex<Vec<u16>>,
    /// At how many of its slots others stand before it.
    pub(super) missing: AtomicUsize,
    pub(crate) submitted: Duration,
    pub answer: Answer,
    wake: Mutex<Option<Wake>>,
    phase: AtomicU8,
    /// Nanoseconds of the monotonic clock.
    began: AtomicU64,
    is_overdue: AtomicBool,
    has_written: AtomicBool,
    end: AtomicU8,
    /// The function that runs, if it is one.
    function: OnceLock<Box<str>>,
}

const WAITING: u8 = 0;
const RUNNING: u8 = 1;
const WITHDRAWN: u8 = 2;

/// Why a script is to end before it is through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Not,
    Killed,
    TimeLimit,
}

/// What came of a job.
#[derive(Debug, Default)]
pub(crate) enum State {
    #[default]
    Waiting,
    /// A ticket's turn has come.
    Granted,
    Made(Made),
    /// Nothing ran.
    Refused(WireError),
    /// It did nothing, and is to run again in its turn on keys that it did not declare.
    Again,
    /// Nothing ran: a script has had its slot for too long. The reply's text.
    Busy(&'static str),
}

#[derive(Debug, Default)]
pub struct Answer {
    is_settled: AtomicBool,
    state: Mutex<State>,
}

impl Answer {
    #[inline]
    pub fn is_settled(&self) -> bool {
        self.is_settled.load(Acquire)
    }

    pub(crate) fn settle(&self, state: State) {
        *self.state.lock() = state;
        self.is_settled.store(true, Release);
    }

    pub(crate) fn take(&self) -> State {
        std::mem::take(&mut *self.state.lock())
    }

    /// What is said to whoever has a ticket that is refused.
    fn refusal(&self) -> Option<&'static str> {
        match *self.state.lock() {
            State::Granted => None,
            State::Busy(text) => Some(text),
            _ => Some(super::BUSY),
        }
    }
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job").field("work", &self.work).field("slots", &self.slots).finish_non_exhaustive()
    }
}

impl Job {
    pub(crate) fn new(work: Work, slots: Vec<u16>, now: Duration) -> Arc<Job> {
        Job::of_script(work, slots, None, now)
    }

    pub(super) fn of_script(work: Work, mut slots: Vec<u16>, script: Option<Arc<Script>>, now: Duration) -> Arc<Job> {
        slots.sort_unstable();
        slots.dedup();
        Arc::new(Job {
            work,
            script,
            slots,
            acquired: Mutex::default(),
            missing: AtomicUsize::new(0),
            submitted: now,
            answer: Answer::default(),
            wake: Mutex::default(),
            phase: AtomicU8::new(WAITING),
            began: AtomicU64::new(0),
            is_overdue: AtomicBool::new(false),
            has_written: AtomicBool::new(false),
            end: AtomicU8::new(0),
            function: OnceLock::new(),
        })
    }

    /// A thread has taken it.
    pub(super) fn has_started(&self) -> bool {
        self.phase.load(Relaxed) == RUNNING
    }

    pub(crate) fn set_wake(&self, wake: Wake) {
        *self.wake.lock() = Some(wake);
    }

    pub(crate) fn wake(&self) {
        let wake = self.wake.lock().clone();
        if let Some(wake) = wake {
            wake();
        }
    }

    /// Of a ticket: nothing.
    pub(crate) fn request(&self) -> &Request {
        static NOTHING: Request = Request {
            bytes: Vec::new(),
            database: 0,
            version: Version::Resp2,
            is_of_peer: true,
            is_one_slot: false,
            client: 0,
            no_touch: false,
            remote: String::new(),
        };
        match &self.work {
            Work::Request(request) => request,
            Work::Ticket => &NOTHING,
        }
    }

    pub(super) fn is_ticket(&self) -> bool {
        matches!(self.work, Work::Ticket)
    }

    pub(super) fn is_script(&self) -> bool {
        !self.is_ticket()
    }

    pub(super) fn is_of_peer(&self) -> bool {
        matches!(&self.work, Work::Request(request) if request.is_of_peer)
    }

    pub(super) fn grant(&self) {
        if self.start() {
            self.answer.settle(State::Granted);
            self.wake();
        }
    }

    /// From now on it cannot be withdrawn. False: it was.
    pub(super) fn start(&self) -> bool {
        self.phase.compare_exchange(WAITING, RUNNING, AcqRel, Acquire).is_ok()
    }

    /// It has done nothing, and may begin once more.
    pub(super) fn restart(&self) {
        self.phase.store(WAITING, Release);
    }

    /// It will not run. False: it runs already.
    pub(super) fn withdraw(&self) -> bool {
        self.phase.compare_exchange(WAITING, WITHDRAWN, AcqRel, Acquire).is_ok()
    }

    pub(super) fn begin(&self, now: Duration) {
        self.began.store(u64::try_from(now.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    pub(crate) fn began(&self) -> Duration {
        Duration::from_nanos(self.began.load(Relaxed))
    }

    pub(super) fn set_overdue(&self) {
        self.is_overdue.store(true, Relaxed);
    }

    pub(super) fn is_overdue(&self) -> bool {
        self.is_overdue.load(Relaxed)
    }

    pub(super) fn has_slot(&self, slot: u16) -> bool {
        self.slots.binary_search(&slot).is_ok() || self.acquired.lock().contains(&slot)
    }

    pub(super) fn all_slots(&self) -> Vec<u16> {
        self.slots.iter().chain(self.acquired.lock().iter()).copied().collect()
    }

    /// What it was before.
    pub(super) fn set_written(&self, has: bool) -> bool {
        self.has_written.swap(has, Relaxed)
    }

    pub(super) fn has_written(&self) -> bool {
        self.has_written.load(Relaxed)
    }

    /// In a transaction the first of several.
    pub(super) fn set_function(&self, name: &str) {
        let _ = self.function.set(name.into());
    }

    pub(crate) fn function(&self) -> Option<&str> {
        self.function.get().map(|name| &**name)
    }

    pub(super) fn end_by(&self, end: End) {
        let number = match end {
            End::Not => return,
            End::Killed => 1,
            End::TimeLimit => 2,
        };
        // The first reason counts.
        let _ = self.end.compare_exchange(0, number, Relaxed, Relaxed);
    }

    pub(super) fn end(&self) -> End {
        match self.end.load(Relaxed) {
            0 => End::Not,
            1 => End::Killed,
            _ => End::TimeLimit,
        }
    }
}

/// A place in the queues for a request that a client's own worker runs. Dropped: whoever stands behind moves on.
pub(crate) struct Ticket {
    scripts: Arc<Scripts>,
    job: Arc<Job>,
}

impl std::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ticket").field("job", &self.job).finish_non_exhaustive()
    }
}

/// How it stands with a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Waiting,
    Granted,
    /// A script has had a slot for too long. The reply's text.
    Busy(&'static str),
}

impl Ticket {
    /// `wake` is called when its turn has come.
    pub fn new(scripts: &Arc<Scripts>, slots: Vec<u16>, now: Duration, wake: Wake) -> Ticket {
        let job = Job::new(Work::Ticket, slots, now);
        scripts.submit(&job, wake);
        Ticket { scripts: Arc::clone(scripts), job }
    }

    pub fn standing(&self) -> Standing {
        match self.job.answer.is_settled() {
            false => Standing::Waiting,
            true => self.job.answer.refusal().map_or(Standing::Granted, Standing::Busy),
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.job.withdraw();
        self.scripts.finish(&self.job);
    }
}
