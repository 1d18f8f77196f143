//! Requests that stood out: those that took long, were large, or had a large reply; and the longest of late, by kind.
//!
//! Behind `SLOWLOG`, `COMMANDLOG` and `LATENCY`. Each log keeps the newest few, with the beginnings of their arguments. A request is
//! looked at only once it passed a bound, and the bounds are read once a batch. Requests that are timed together
//! ([`crate::session`]) count with what each took on average, unless the bound is below a millisecond: then each is timed by itself.

use crate::command::Command;
use parking_lot::Mutex;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Arguments kept of a request, and bytes of each.
const ARGS_MAX: usize = 32;
const ARG_BYTES_MAX: usize = 128;

/// A log is never longer, whatever is asked for.
pub(crate) const LENGTH_MAX: u64 = 100_000;

/// Samples kept of one kind of latency, as in Redis.
const SAMPLES_MAX: usize = 160;

/// Below this bound every request is timed by itself.
const EXACT_BELOW: Duration = Duration::from_millis(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Log {
    Slow,
    LargeRequest,
    LargeReply,
}

impl Log {
    pub const ALL: [Log; 3] = [Log::Slow, Log::LargeRequest, Log::LargeReply];

    /// As `COMMANDLOG` names it.
    pub fn name(self) -> &'static str {
        match self {
            Log::Slow => "slow",
            Log::LargeRequest => "large-request",
            Log::LargeReply => "large-reply",
        }
    }
}

/// How many arguments of a command logs may show: of some the rest is secret.
pub(crate) fn shown_args(command: &Command) -> usize {
    match command.name {
        "auth" | "hello" => 1,
        "config|set" | "acl|setuser" => 2,
        _ => usize::MAX,
    }
}

/// One request that stood out.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub id: u64,
    pub unix_seconds: u64,
    /// Microseconds, or bytes.
    pub value: u64,
    pub args: Vec<Vec<u8>>,
    pub remote: String,
    pub name: String,
}

/// All three logs, and the latencies.
#[derive(Debug)]
pub(crate) struct Slow {
    logs: [OneLog; 3],
    latency_bound_ms: AtomicU64,
    latencies: Mutex<BTreeMap<&'static str, Latency>>,
}

#[derive(Debug)]
struct OneLog {
    /// Microseconds or bytes from which on a request is kept; negative: none is.
    bound: AtomicI64,
    length_max: AtomicU64,
    next_id: AtomicU64,
    entries: Mutex<VecDeque<Entry>>,
}

/// The longest of one kind, one sample a second.
#[derive(Clone, Debug, Default)]
pub(crate) struct Latency {
    /// Unix seconds and milliseconds, oldest first.
    pub samples: VecDeque<(u64, u64)>,
    pub worst_ms: u64,
}

/// Beyond which a request stands out; read once a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub took: Duration,
    pub request_bytes: usize,
    pub reply_bytes: usize,
}

impl Bounds {
    /// Whether requests must not be timed together.
    pub fn are_exact(&self) -> bool {
        self.took < EXACT_BELOW
    }
}

impl Default for Slow {
    fn default() -> Slow {
        let log = |bound: i64| OneLog {
            bound: AtomicI64::new(bound),
            length_max: AtomicU64::new(128),
            next_id: AtomicU64::new(0),
            entries: Mutex::default(),
        };
        Slow {
            logs: [log(10_000), log(1 << 20), log(1 << 20)],
            latency_bound_ms: AtomicU64::new(0),
            latencies: Mutex::default(),
        }
    }
}

impl Slow {
    pub fn bounds(&self) -> Bounds {
        let bytes = |log: Log| usize::try_from(self.bound(log)).unwrap_or(usize::MAX);
        let slow = u64::try_from(self.bound(Log::Slow)).map_or(Duration::MAX, Duration::from_micros);
        let latency = match self.latency_bound_ms() {
            0 => Duration::MAX,
            bound => Duration::from_millis(bound),
        };
        Bounds { took: slow.min(latency), request_bytes: bytes(Log::LargeRequest), reply_bytes: bytes(Log::LargeReply) }
    }

    pub fn bound(&self, log: Log) -> i64 {
        self.logs[log as usize].bound.load(Relaxed)
    }

    pub fn set_bound(&self, log: Log, bound: i64) {
        self.logs[log as usize].bound.store(bound, Relaxed);
    }

    pub fn length_max(&self, log: Log) -> u64 {
        self.logs[log as usize].length_max.load(Relaxed)
    }

    pub fn set_length_max(&self, log: Log, length: u64) {
        let log = &self.logs[log as usize];
        log.length_max.store(length.min(LENGTH_MAX), Relaxed);
        log.entries.lock().truncate(length.min(LENGTH_MAX) as usize);
    }

    pub fn latency_bound_ms(&self) -> u64 {
        self.latency_bound_ms.load(Relaxed)
    }

    pub fn set_latency_bound_ms(&self, bound: u64) {
        self.latency_bound_ms.store(bound, Relaxed);
    }

    /// Keeps a request if `value` passes the log's bound.
    pub fn note<'a>(
        &self,
        log: Log,
        value: u64,
        unix_seconds: u64,
        args: impl ExactSizeIterator<Item = &'a [u8]>,
        remote: &str,
        name: &str,
    ) {
        let log = &self.logs[log as usize];
        if u64::try_from(log.bound.load(Relaxed)).is_ok_and(|bound| value >= bound) && log.length_max.load(Relaxed) > 0
        {
            let id = log.next_id.fetch_add(1, Relaxed);
            let (remote, name) = (remote.to_owned(), name.to_owned());
            let mut entries = log.entries.lock();
            entries.push_front(Entry { id, unix_seconds, value, args: beginnings(args), remote, name });
            entries.truncate(log.length_max.load(Relaxed) as usize);
        }
    }

    /// The newest first.
    pub fn entries(&self, log: Log, most: usize) -> Vec<Entry> {
        self.logs[log as usize].entries.lock().iter().take(most).cloned().collect()
    }

    pub fn len(&self, log: Log) -> usize {
        self.logs[log as usize].entries.lock().len()
    }

    pub fn clear(&self, log: Log) {
        self.logs[log as usize].entries.lock().clear();
    }

    /// Notes how long something took, if that is long.
    pub fn note_latency(&self, kind: &'static str, took: Duration, unix_seconds: u64) {
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let bound = self.latency_bound_ms();
        if bound == 0 || ms < bound {
            return;
        }
        let mut latencies = self.latencies.lock();
        let latency = latencies.entry(kind).or_default();
        latency.worst_ms = latency.worst_ms.max(ms);
        match latency.samples.back_mut() {
            Some((at, longest)) if *at == unix_seconds => *longest = ms.max(*longest),
            _ => latency.samples.push_back((unix_seconds, ms)),
        }
        if latency.samples.len() > SAMPLES_MAX {
            latency.samples.pop_front();
        }
    }

    pub fn latencies(&self) -> BTreeMap<&'static str, Latency> {
        self.latencies.lock().clone()
    }

    /// Forgets some kinds, or all; how many there were.
    pub fn forget_latencies(&self, kinds: &[&[u8]]) -> usize {
        let mut latencies = self.latencies.lock();
        let before = latencies.len();
        let is_meant =
            |kind: &str| kinds.is_empty() || kinds.iter().any(|word| word.eq_ignore_ascii_case(kind.as_bytes()));
        latencies.retain(|kind, _| !is_meant(kind));
        before - latencies.len()
    }
}

/// What is kept of a request's arguments, in Redis's words.
fn beginnings<'a>(args: impl ExactSizeIterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
    let count = args.len();
    let shown = if count > ARGS_MAX { ARGS_MAX - 1 } else { count };
    let mut kept: Vec<Vec<u8>> = args.take(shown).map(beginning).collect();
    if count > shown {
        kept.push(format!("... ({} more arguments)", count - shown).into_bytes());
    }
    kept
}

fn beginning(arg: &[u8]) -> Vec<u8> {
    if arg.len() <= ARG_BYTES_MAX {
        return arg.to_vec();
    }
    let mut kept = arg[..ARG_BYTES_MAX].to_vec();
    kept.extend(format!("... ({} more bytes)", arg.len() - ARG_BYTES_MAX).bytes());
    kept
}
