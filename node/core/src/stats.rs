//! Per-worker counters and latency histograms, summed when read.
//!
//! Each worker writes only its own [`WorkerStats`], with plain relaxed loads and stores: no lock prefix, no cache line
//! shared with another writer. Readers (`INFO`, reports, metrics) add the workers up and may be a few counts behind.
//! So a worker index must be used by one thread at a time; breaking that loses counts and nothing else.
//!
//! ```text
//! latency of a command, log-linear, unit 8 ns:   0 ─ 16 units, one bucket a unit
//!                                                then 16 buckets for each power of two, up to 68 s
//! a bucket is at most 1/16 of its value wide, so its middle is off by at most 3.2 %
//! ```
//!
//! What happened over the last seconds is in [`crate::history`]; figures of keys and memory are the engine's.

use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Kinds of error word (`ERR`, `MOVED`, …) counted apart; as Redis's `errorstats`, what comes after is not.
const ERROR_WORDS_MAX: usize = 128;

/// Partitions a cluster may have at most, so counters for them never need to grow.
const PARTITIONS_MAX: usize = dcache_protocol::SLOTS as usize;

/// A counter with a single writer.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Only the worker that owns this counter may call this.
    pub fn add(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    pub fn read(&self) -> u64 {
        self.0.load(Relaxed)
    }

    fn reset(&self) {
        self.0.store(0, Relaxed);
    }
}

/// How a command ended, as far as counting goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Answered,
    /// It ran and answered an error.
    Failed,
    /// It was refused before it ran: not this node's slot, or nobody's.
    Rejected,
}

/// All workers' counters. `commands` says how many kinds of command there are; the table of names is the caller's.
#[derive(Debug)]
pub struct Stats {
    workers: Box<[WorkerStats]>,
    commands: usize,
}

/// What one worker counts. Aligned so that two workers' hot counters never share a cache line.
#[derive(Debug)]
#[repr(align(128))]
pub struct WorkerStats {
    pub bytes_in: Counter,
    pub bytes_out: Counter,
    /// Requests that fit no row of the command table: unknown, or of a wrong arity.
    pub refused: Counter,
    /// Requests passed on to their owner, one for each part.
    pub forwarded: Counter,
    pub forward_errors: Counter,
    pub served_for_peers: Counter,
    /// Reads that a copy answered of what another node serves.
    pub copy_reads: Counter,
    commands: Box<[CommandStats]>,
    partition_ops: Box<[Counter]>,
    errors: Mutex<BTreeMap<Box<str>, u64>>,
}

#[derive(Debug, Default)]
struct CommandStats {
    calls: Counter,
    failed: Counter,
    rejected: Counter,
    nanoseconds: Counter,
    /// Made at the first call, so that commands nobody uses cost nothing.
    histogram: OnceLock<Box<Histogram>>,
}

/// Totals of one command over all workers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CommandTotals {
    /// Ran, whether it answered an error or not.
    pub calls: u64,
    pub failed: u64,
    pub rejected: u64,
    pub nanoseconds: u64,
}

impl CommandTotals {
    /// Came in from clients: ran or refused.
    pub fn received(&self) -> u64 {
        self.calls + self.rejected
    }

    pub fn errors(&self) -> u64 {
        self.failed + self.rejected
    }

    pub(crate) fn since(self, base: CommandTotals) -> CommandTotals {
        CommandTotals {
            calls: self.calls.saturating_sub(base.calls),
            failed: self.failed.saturating_sub(base.failed),
            rejected: self.rejected.saturating_sub(base.rejected),
            nanoseconds: self.nanoseconds.saturating_sub(base.nanoseconds),
        }
    }
}

/// Totals over all workers and commands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkerTotals {
    pub commands: u64,
    pub errors: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub forwarded: u64,
    pub forward_errors: u64,
    pub served_for_peers: u64,
    pub copy_reads: u64,
}

impl Stats {
    pub fn new(workers: usize, commands: usize) -> Stats {
        Stats { workers: (0..workers.max(1)).map(|_| WorkerStats::new(commands)).collect(), commands }
    }

    /// The counters of one worker; a number beyond the last means the last.
    pub fn worker(&self, worker: usize) -> &WorkerStats {
        &self.workers[worker.min(self.workers.len() - 1)]
    }

    pub fn totals(&self) -> WorkerTotals {
        let mut totals = WorkerTotals::default();
        for worker in &self.workers {
            let refused = worker.refused.read();
            totals.commands += refused;
            totals.errors += refused;
            for command in &worker.commands {
                let rejected = command.rejected.read();
                totals.commands += command.calls.read() + rejected;
                totals.errors += command.failed.read() + rejected;
            }
            totals.bytes_in += worker.bytes_in.read();
            totals.bytes_out += worker.bytes_out.read();
            totals.forwarded += worker.forwarded.read();
            totals.forward_errors += worker.forward_errors.read();
            totals.served_for_peers += worker.served_for_peers.read();
            totals.copy_reads += worker.copy_reads.read();
        }
        totals
    }

    pub fn command(&self, command: usize) -> CommandTotals {
        self.workers.iter().fold(CommandTotals::default(), |sum, worker| {
            let one = &worker.commands[command];
            CommandTotals {
                calls: sum.calls + one.calls.read(),
                failed: sum.failed + one.failed.read(),
                rejected: sum.rejected + one.rejected.read(),
                nanoseconds: sum.nanoseconds + one.nanoseconds.read(),
            }
        })
    }

    /// Totals of every command, by number.
    pub fn commands(&self) -> Vec<CommandTotals> {
        (0..self.commands).map(|command| self.command(command)).collect()
    }

    /// Latencies of one command since the node's start; none when it was never called.
    pub fn latencies(&self, command: usize) -> Option<Latencies> {
        let mut histograms = self.workers.iter().filter_map(|w| w.commands[command].histogram.get()).peekable();
        histograms.peek()?;
        let mut sum = Latencies::default();
        for histogram in histograms {
            for (total, bucket) in sum.buckets.iter_mut().zip(&histogram.buckets) {
                *total += bucket.read();
            }
        }
        Some(sum)
    }

    /// Errors by their first word.
    pub fn errors(&self) -> BTreeMap<Box<str>, u64> {
        let mut sum: BTreeMap<Box<str>, u64> = BTreeMap::new();
        for worker in &self.workers {
            for (word, count) in worker.errors.lock().iter() {
                *sum.entry(word.clone()).or_default() += count;
            }
        }
        sum
    }

    /// Requests for keys of each of the first `partitions` partitions.
    pub fn partition_ops(&self, partitions: usize) -> Vec<u64> {
        let count = |p: usize| self.workers.iter().map(|w| w.partition_ops[p].read()).sum();
        (0..partitions.min(PARTITIONS_MAX)).map(count).collect()
    }

    /// Forgets the partitions' counts: their numbers mean other slots now.
    pub(crate) fn reset_partition_ops(&self) {
        self.workers.iter().flat_map(|w| &w.partition_ops).for_each(Counter::reset);
    }
}

impl WorkerStats {
    fn new(commands: usize) -> WorkerStats {
        WorkerStats {
            bytes_in: Counter::default(),
            bytes_out: Counter::default(),
            refused: Counter::default(),
            forwarded: Counter::default(),
            forward_errors: Counter::default(),
            served_for_peers: Counter::default(),
            copy_reads: Counter::default(),
            commands: (0..commands).map(|_| CommandStats::default()).collect(),
            partition_ops: (0..PARTITIONS_MAX).map(|_| Counter::default()).collect(),
            errors: Mutex::default(),
        }
    }

    /// Counts `count` requests of one command, each from its bytes at hand to its reply encoded, that took `took` each.
    pub fn record(&self, command: usize, took: Duration, outcome: Outcome, count: u64) {
        let one = &self.commands[command];
        match outcome {
            Outcome::Answered => one.calls.add(count),
            Outcome::Failed => {
                one.calls.add(count);
                one.failed.add(count);
            }
            Outcome::Rejected => return one.rejected.add(count),
        }
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        one.nanoseconds.add(nanoseconds.wrapping_mul(count));
        one.histogram.get_or_init(Box::default).record(nanoseconds, count);
    }

    /// Counts an error reply by its first word. `text` is the reply's line, with or without the leading `-`.
    pub fn record_error(&self, text: &[u8]) {
        let text = text.strip_prefix(b"-").unwrap_or(text);
        let word = text.split(|b| matches!(b, b' ' | b'\r' | b'\n')).next().unwrap_or_default();
        let word = String::from_utf8_lossy(&word[..word.len().min(32)]);
        let mut errors = self.errors.lock();
        if let Some(count) = errors.get_mut(word.as_ref()) {
            *count += 1;
        } else if errors.len() < ERROR_WORDS_MAX {
            errors.insert(word.into(), 1);
        }
    }

    /// Counts a request for a key of this partition, answered by this node.
    pub fn record_partition(&self, partition: usize) {
        if let Some(counter) = self.partition_ops.get(partition) {
            counter.add(1);
        }
    }
}

const UNIT_SHIFT: u32 = 3;
const LINEAR: u64 = 16;
const OCTAVES: usize = 29;

/// Buckets of a latency histogram.
pub const BUCKETS: usize = LINEAR as usize * (OCTAVES + 1);

const UNITS_MAX: u64 = (1 << (OCTAVES + 4)) - 1;

#[derive(Debug)]
struct Histogram {
    buckets: [Counter; BUCKETS],
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram { buckets: std::array::from_fn(|_| Counter::default()) }
    }
}

impl Histogram {
    fn record(&self, nanoseconds: u64, count: u64) {
        self.buckets[bucket_of(nanoseconds)].add(count);
    }
}

fn bucket_of(nanoseconds: u64) -> usize {
    let units = (nanoseconds >> UNIT_SHIFT).min(UNITS_MAX);
    if units < LINEAR {
        return units as usize;
    }
    let octave = units.ilog2() - 4;
    let position = (units >> octave) - LINEAR;
    (LINEAR * (u64::from(octave) + 1) + position) as usize
}

/// First nanosecond of a bucket and first nanosecond after it.
fn bounds_of(bucket: usize) -> (u64, u64) {
    let bucket = bucket as u64;
    if bucket < LINEAR {
        return (bucket << UNIT_SHIFT, (bucket + 1) << UNIT_SHIFT);
    }
    let octave = bucket / LINEAR - 1;
    let first = (LINEAR + bucket % LINEAR) << octave;
    (first << UNIT_SHIFT, (first + (1 << octave)) << UNIT_SHIFT)
}

/// Counts by latency bucket, at one moment or over one span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Latencies {
    pub(crate) buckets: Vec<u64>,
}

impl Default for Latencies {
    fn default() -> Latencies {
        Latencies { buckets: vec![0; BUCKETS] }
    }
}

impl Latencies {
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// The latency that a share `quantile` (0 to 1) of the requests did not exceed, in microseconds; 0 without requests.
    pub fn quantile_us(&self, quantile: f64) -> f64 {
        let count = self.count();
        if count == 0 {
            return 0.0;
        }
        let rank = ((quantile * count as f64).ceil() as u64).clamp(1, count);
        let mut seen = 0;
        for (bucket, n) in self.buckets.iter().enumerate() {
            seen += n;
            if seen >= rank {
                return middle_us(bucket);
            }
        }
        0.0
    }

    /// What came after an earlier reading of the same histogram.
    pub(crate) fn since(&self, before: &Latencies) -> Latencies {
        let difference = self.buckets.iter().zip(&before.buckets).map(|(now, then)| now.saturating_sub(*then));
        Latencies { buckets: difference.collect() }
    }

    /// How many requests took at most each of `bounds` (ascending), within a bucket's width: a Prometheus histogram.
    pub fn cumulative(&self, bounds: &[Duration]) -> Vec<u64> {
        let mut counts = Vec::with_capacity(bounds.len());
        let mut bucket = 0;
        let mut seen = 0;
        for bound in bounds {
            let bound = u64::try_from(bound.as_nanos()).unwrap_or(u64::MAX);
            while bucket < BUCKETS && bounds_of(bucket).1 <= bound.saturating_add(1) {
                seen += self.buckets[bucket];
                bucket += 1;
            }
            counts.push(seen);
        }
        counts
    }

    pub fn report(&self) -> dcache_protocol::control::Latency {
        dcache_protocol::control::Latency {
            count: self.count(),
            p50_us: self.quantile_us(0.5),
            p90_us: self.quantile_us(0.9),
            p99_us: self.quantile_us(0.99),
            p999_us: self.quantile_us(0.999),
            max_us: self.quantile_us(1.0),
        }
    }
}

fn middle_us(bucket: usize) -> f64 {
    let (first, end) = bounds_of(bucket);
    (first + end) as f64 / 2000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn buckets_tile_the_line() {
        let mut expected = 0;
        for bucket in 0..BUCKETS {
            let (first, end) = bounds_of(bucket);
            assert_eq!(first, expected);
            assert_eq!((bucket_of(first), bucket_of(end - 1)), (bucket, bucket));
            expected = end;
        }
        assert!(expected > 60_000_000_000, "a minute fits");
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
    }

    proptest! {
        #[test]
        fn a_bucket_is_within_five_percent(nanoseconds in 128u64..60_000_000_000) {
            let middle = middle_us(bucket_of(nanoseconds)) * 1000.0;
            let error = (middle - nanoseconds as f64).abs() / nanoseconds as f64;
            prop_assert!(error <= 0.05, "{nanoseconds} ns shown as {middle}");
        }
    }

    #[test]
    fn quantiles_are_those_of_the_sample() {
        let stats = Stats::new(2, 1);
        for us in 1..=1000u64 {
            stats.worker((us % 2) as usize).record(0, Duration::from_micros(us), Outcome::Answered, 1);
        }
        let latencies = stats.latencies(0).expect("called");
        for (quantile, expected) in [(0.5, 500.0), (0.99, 990.0), (0.999, 999.0), (1.0, 1000.0), (0.001, 1.0)] {
            let shown = latencies.quantile_us(quantile);
            assert!((shown - expected).abs() / expected < 0.05, "p{quantile} is {shown}");
        }
        let bounds = [100, 500, 2000].map(Duration::from_micros);
        let cumulative = latencies.cumulative(&bounds);
        assert!((94..=100).contains(&cumulative[0]) && (470..=500).contains(&cumulative[1]) && cumulative[2] == 1000);
    }

    #[test]
    fn workers_are_summed_and_rejections_kept_apart() {
        let stats = Stats::new(2, 3);
        stats.worker(0).record(1, Duration::from_micros(5), Outcome::Answered, 1);
        stats.worker(1).record(1, Duration::from_micros(7), Outcome::Failed, 1);
        stats.worker(1).record(1, Duration::ZERO, Outcome::Rejected, 1);
        stats.worker(1).refused.add(1);
        let totals = CommandTotals { calls: 2, failed: 1, rejected: 1, nanoseconds: 12_000 };
        assert_eq!(stats.command(1), totals);
        assert_eq!(stats.commands()[0], CommandTotals::default());
        assert_eq!((stats.totals().commands, stats.totals().errors), (4, 3));
        assert_eq!(stats.latencies(1).expect("called").count(), 2);
        assert!(stats.latencies(0).is_none());
    }

    #[test]
    fn error_words_are_bounded() {
        let stats = Stats::new(1, 1);
        stats.worker(0).record_error(b"-MOVED 1 a:1\r\n");
        stats.worker(0).record_error(b"MOVED 2 b:1");
        for n in 0..1000 {
            stats.worker(0).record_error(format!("-X{n} y\r\n").as_bytes());
        }
        let errors = stats.errors();
        assert_eq!(errors.get("MOVED"), Some(&2));
        assert_eq!(errors.len(), ERROR_WORDS_MAX);
    }

    #[test]
    fn partition_counts_reset() {
        let stats = Stats::new(2, 1);
        stats.worker(0).record_partition(3);
        stats.worker(1).record_partition(3);
        stats.worker(1).record_partition(usize::MAX);
        assert_eq!(stats.partition_ops(5), [0, 0, 0, 2, 0]);
        stats.reset_partition_ops();
        assert_eq!(stats.partition_ops(4), [0; 4]);
    }
}
