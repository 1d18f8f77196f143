//! What happened over recent time: totals sampled once a second become rates, histograms sampled once a second become
//! latencies of the last ten seconds.
//!
//! Only differences of totals are kept: a ring of a second's samples (two minutes) and one of a minute's (a day), and per
//! command the non-zero differences of its histogram's buckets. A missed sample makes a span longer, never wrong.

use crate::stats::{Latencies, Stats};
use dcache_protocol::control::Window;
use std::collections::VecDeque;
use std::time::Duration;

const SECONDS: usize = 120;
const MINUTES: usize = 1440;
const MINUTE: Duration = Duration::from_secs(60);

/// How often the partitions' requests are noted, and how many such samples are kept: a minute.
const PARTITIONS_EVERY: Duration = Duration::from_secs(10);
const PARTITION_SAMPLES: usize = 6;

/// Samples a latency window covers, one a second.
pub const LATENCY_SECONDS: usize = 10;

/// Totals since the node's start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub commands: u64,
    pub errors: u64,
    pub hits: u64,
    pub misses: u64,
    pub evictions: u64,
    pub expirations: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Duration,
    totals: Totals,
}

/// The rings. Times are the node's monotonic clock.
#[derive(Debug)]
pub struct History {
    seconds: VecDeque<Sample>,
    minutes: VecDeque<Sample>,
    latencies: Vec<LatencyRing>,
    /// Requests of each partition until then, a sample each [`PARTITIONS_EVERY`].
    partitions: VecDeque<(Duration, Vec<u64>)>,
}

impl History {
    /// Begins at the node's start, when every total is zero.
    pub fn new(started: Duration, commands: usize) -> History {
        let first = Sample { at: started, totals: Totals::default() };
        History {
            seconds: VecDeque::from([first]),
            minutes: VecDeque::from([first]),
            latencies: (0..commands).map(|_| LatencyRing::default()).collect(),
            partitions: VecDeque::from([(started, Vec::new())]),
        }
    }

    /// Takes one sample; once a second.
    pub fn push(&mut self, now: Duration, totals: Totals, stats: &Stats) {
        let sample = Sample { at: now, totals };
        // Half a second of tolerance, or a caller that is 1 ms early every time would sample every 61 seconds.
        let minute_ago = (now + Duration::from_millis(500)).saturating_sub(MINUTE);
        if self.minutes.back().is_none_or(|last| last.at <= minute_ago) {
            push_bounded(&mut self.minutes, sample, MINUTES + 1);
        }
        push_bounded(&mut self.seconds, sample, SECONDS + 1);
        for (command, ring) in self.latencies.iter_mut().enumerate() {
            ring.push(stats.latencies(command));
        }
        if self.partitions.back().is_none_or(|(at, _)| now.saturating_sub(*at) >= PARTITIONS_EVERY) {
            if self.partitions.len() > PARTITION_SAMPLES {
                self.partitions.pop_front();
            }
            let mut ops = stats.partition_ops(usize::MAX);
            let used = ops.iter().rposition(|ops| *ops > 0).map_or(0, |last| last + 1);
            ops.truncate(used);
            self.partitions.push_back((now, ops));
        }
    }

    /// Requests a second of each partition over the last minute, or since the start; `ops`: all of them until `now`.
    pub fn ops_a_second(&self, now: Duration, ops: &[u64]) -> Vec<u64> {
        let Some((at, before)) = self.partitions.front() else { return Vec::new() };
        let span = now.saturating_sub(*at).max(Duration::from_secs(1)).as_secs_f64();
        let since = |(number, ops): (usize, &u64)| ops.saturating_sub(before.get(number).copied().unwrap_or_default());
        ops.iter().enumerate().map(|each| (since(each) as f64 / span) as u64).collect()
    }

    /// Rates over the last 5 seconds, minute, hour and day, up to the newest sample. Spans longer than the node's life are
    /// left out, save the first.
    pub fn windows(&self) -> Vec<Window> {
        let Some(newest) = self.seconds.back() else { return Vec::new() };
        let span = |name, ring: &VecDeque<Sample>, seconds| {
            let since = newest.at.checked_sub(Duration::from_secs(seconds))?;
            let before = ring.iter().rev().find(|sample| sample.at <= since)?;
            Some(window(name, before, newest))
        };
        let oldest = || self.seconds.front().map(|first| window("now", first, newest));
        let now = span("now", &self.seconds, 5).or_else(oldest);
        let longer = [
            span("1m", &self.seconds, 60),
            span("1h", &self.minutes, 60 * 60),
            span("24h", &self.minutes, 24 * 60 * 60),
        ];
        now.into_iter().chain(longer.into_iter().flatten()).collect()
    }

    /// Latencies of one command over the last [`LATENCY_SECONDS`] samples.
    pub fn latencies(&self, command: usize) -> Latencies {
        let mut sum = Latencies::default();
        self.latencies[command].add_to(&mut sum);
        sum
    }

    /// Latencies of all commands over the last [`LATENCY_SECONDS`] samples.
    pub fn latencies_of_all(&self) -> Latencies {
        let mut sum = Latencies::default();
        self.latencies.iter().for_each(|ring| ring.add_to(&mut sum));
        sum
    }
}

fn push_bounded(ring: &mut VecDeque<Sample>, sample: Sample, most: usize) {
    if ring.len() == most {
        ring.pop_front();
    }
    ring.push_back(sample);
}

fn window(name: &str, before: &Sample, now: &Sample) -> Window {
    let seconds = now.at.saturating_sub(before.at).as_secs_f64();
    let (a, b) = (&before.totals, &now.totals);
    let rate = |a: u64, b: u64| if seconds > 0.0 { b.saturating_sub(a) as f64 / seconds } else { 0.0 };
    Window {
        name: name.into(),
        seconds,
        ops_per_second: rate(a.commands, b.commands),
        hits_per_second: rate(a.hits, b.hits),
        misses_per_second: rate(a.misses, b.misses),
        errors_per_second: rate(a.errors, b.errors),
        evictions_per_second: rate(a.evictions, b.evictions),
        expirations_per_second: rate(a.expirations, b.expirations),
        bytes_in_per_second: rate(a.bytes_in, b.bytes_in),
        bytes_out_per_second: rate(a.bytes_out, b.bytes_out),
    }
}

/// The last samples of one histogram, as differences: a command that is not called costs no memory.
#[derive(Debug, Default)]
struct LatencyRing {
    newest: Option<Latencies>,
    differences: VecDeque<Vec<(u16, u64)>>,
}

impl LatencyRing {
    fn push(&mut self, totals: Option<Latencies>) {
        let Some(totals) = totals else { return };
        let before = self.newest.get_or_insert_default();
        let changed = totals.buckets.iter().zip(&before.buckets).enumerate().filter(|(_, (now, then))| now > then);
        let difference = changed.map(|(bucket, (now, then))| (bucket as u16, now - then)).collect();
        if self.differences.len() == LATENCY_SECONDS {
            self.differences.pop_front();
        }
        self.differences.push_back(difference);
        *before = totals;
    }

    fn add_to(&self, sum: &mut Latencies) {
        for &(bucket, count) in self.differences.iter().flatten() {
            sum.buckets[usize::from(bucket)] += count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Outcome;

    fn at(second: u64) -> Duration {
        Duration::from_secs(1000 + second)
    }

    fn totals(commands: u64) -> Totals {
        Totals { commands, hits: commands / 2, ..Totals::default() }
    }

    #[test]
    fn rates_are_differences_over_real_time() {
        let stats = Stats::new(1, 1);
        let mut history = History::new(at(0), 1);
        assert_eq!(history.windows()[0].ops_per_second, 0.0, "no division by no time");
        for second in 1..=70 {
            // 10 a second for a minute, then 100 a second.
            let commands = if second <= 60 { second * 10 } else { 600 + (second - 60) * 100 };
            history.push(at(second), totals(commands), &stats);
        }
        let windows = history.windows();
        let names: Vec<&str> = windows.iter().map(|w| w.name.as_str()).collect();
        assert_eq!(names, ["now", "1m"], "longer ones than the uptime are left out");
        assert_eq!((windows[0].ops_per_second, windows[0].hits_per_second), (100.0, 50.0));
        assert_eq!((windows[1].seconds, windows[1].ops_per_second), (60.0, (50 * 10 + 10 * 100) as f64 / 60.0));
    }

    #[test]
    fn a_missed_second_lengthens_the_span_and_keeps_the_rate() {
        let stats = Stats::new(1, 1);
        let mut history = History::new(at(0), 1);
        for second in [1, 2, 9, 10] {
            history.push(at(second), totals(second * 10), &stats);
        }
        let now = &history.windows()[0];
        assert_eq!((now.seconds, now.ops_per_second), (8.0, 10.0));
    }

    #[test]
    fn a_day_needs_a_day_and_memory_stays_bounded() {
        let stats = Stats::new(1, 1);
        let mut history = History::new(at(0), 1);
        for second in 1..=(24 * 3600 + 200) {
            history.push(at(second), totals(second), &stats);
        }
        let names: Vec<String> = history.windows().iter().map(|w| w.name.clone()).collect();
        assert_eq!(names, ["now", "1m", "1h", "24h"]);
        assert!(history.windows().iter().all(|w| (w.ops_per_second - 1.0).abs() < 1e-9));
        assert_eq!((history.seconds.len(), history.minutes.len()), (SECONDS + 1, MINUTES + 1));
    }

    #[test]
    fn latencies_forget_after_ten_samples() {
        let stats = Stats::new(1, 2);
        let mut history = History::new(at(0), 2);
        stats.worker(0).record(0, Duration::from_micros(100), Outcome::Answered, 1);
        history.push(at(1), Totals::default(), &stats);
        stats.worker(0).record(0, Duration::from_micros(1), Outcome::Answered, 1);
        for second in 2..=10 {
            history.push(at(second), Totals::default(), &stats);
        }
        assert_eq!(history.latencies(0).count(), 2);
        assert_eq!(history.latencies_of_all().count(), 2);
        history.push(at(11), Totals::default(), &stats);
        assert_eq!(history.latencies(0).count(), 1);
        assert!(history.latencies(0).report().max_us < 2.0);
        assert_eq!(history.latencies(1).count(), 0);
    }
}
