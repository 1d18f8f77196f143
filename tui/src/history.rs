//! Samples of the recent past, a ring for each node and one for the cluster. Rates come from counters that only grow; a counter
//! that went back (a restart) or a node that did not answer leaves a gap, never a spike or a zero.

use dcache_protocol::control::NodeReport;
use std::collections::VecDeque;
use std::time::Duration;

/// Samples kept: ten minutes at one a second.
const SAMPLES: usize = 600;

/// Figures of one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sample {
    pub ops_per_second: f64,
    /// 0 to 1; none without lookups.
    pub hit_ratio: Option<f64>,
    pub p99_us: f64,
    /// 0 to 1.
    pub memory: f64,
    pub evictions_per_second: f64,
    pub expirations_per_second: f64,
    pub errors_per_second: f64,
}

/// Counters a rate can be made of.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counters {
    pub uptime_ms: u64,
    pub ops: u64,
    pub hits: u64,
    pub misses: u64,
    pub evictions: u64,
    pub expirations: u64,
    pub errors: u64,
}

impl Counters {
    /// Requests a node had work with: its own clients' and those other nodes passed on to it. One that was passed on counts
    /// at both, which is why the cluster's sum is made of clients' requests alone.
    pub fn of(report: &NodeReport) -> Counters {
        let traffic = &report.traffic;
        Counters {
            uptime_ms: report.uptime_ms,
            ops: traffic.commands + traffic.served_for_peers,
            hits: traffic.hits,
            misses: traffic.misses,
            evictions: traffic.evictions,
            expirations: traffic.expirations,
            errors: traffic.errors,
        }
    }

    pub fn plus(self, other: Counters) -> Counters {
        Counters {
            uptime_ms: self.uptime_ms + other.uptime_ms,
            ops: self.ops + other.ops,
            hits: self.hits + other.hits,
            misses: self.misses + other.misses,
            evictions: self.evictions + other.evictions,
            expirations: self.expirations + other.expirations,
            errors: self.errors + other.errors,
        }
    }
}

/// A ring of samples, oldest first.
#[derive(Clone, Debug, Default)]
pub struct History {
    samples: VecDeque<Option<Sample>>,
    last: Option<(Duration, Counters)>,
}

impl History {
    /// Adds what `counters` say since the last time; p99 and memory are of the moment.
    pub fn push(&mut self, at: Duration, counters: Counters, p99_us: f64, memory: f64) {
        let sample = self.last.and_then(|(before, old)| rates(before, old, at, counters));
        self.keep(sample.map(|sample| Sample { p99_us, memory, ..sample }));
        self.last = Some((at, counters));
    }

    /// Forgets the counters seen: the next push only starts a new series, as when other nodes are summed than before.
    pub fn restart(&mut self) {
        self.last = None;
    }

    /// The node did not answer.
    pub fn gap(&mut self) {
        self.keep(None);
        self.last = None;
    }

    fn keep(&mut self, sample: Option<Sample>) {
        if self.samples.len() == SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
    }

    pub fn latest(&self) -> Option<Sample> {
        self.samples.back().copied().flatten()
    }

    /// The last `count` values of one figure, oldest first; gaps are none.
    pub fn last(&self, count: usize, figure: impl Fn(&Sample) -> Option<f64>) -> Vec<Option<f64>> {
        let skip = self.samples.len().saturating_sub(count);
        self.samples.iter().skip(skip).map(|sample| sample.as_ref().and_then(&figure)).collect()
    }
}

fn rates(before: Duration, old: Counters, at: Duration, new: Counters) -> Option<Sample> {
    let seconds = at.checked_sub(before)?.as_secs_f64();
    if seconds <= 0.0 || new.uptime_ms < old.uptime_ms {
        return None;
    }
    let rate = |new: u64, old: u64| new.checked_sub(old).map(|delta| delta as f64 / seconds);
    let (hits, misses) = (rate(new.hits, old.hits)?, rate(new.misses, old.misses)?);
    Some(Sample {
        ops_per_second: rate(new.ops, old.ops)?,
        hit_ratio: (hits + misses > 0.0).then(|| hits / (hits + misses)),
        evictions_per_second: rate(new.evictions, old.evictions)?,
        expirations_per_second: rate(new.expirations, old.expirations)?,
        errors_per_second: rate(new.errors, old.errors)?,
        ..Sample::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counters(uptime_ms: u64, ops: u64) -> Counters {
        Counters { uptime_ms, ops, ..Counters::default() }
    }

    #[test]
    fn rates_come_from_differences_and_a_restart_is_a_gap() {
        let mut history = History::default();
        for (second, uptime, ops) in [(1, 1000, 100), (2, 2000, 300), (3, 10, 5), (4, 1010, 15)] {
            history.push(Duration::from_secs(second), counters(uptime, ops), 1.0, 0.5);
        }
        history.gap();
        history.push(Duration::from_secs(6), counters(3010, 99), 1.0, 0.5);
        let seen = history.last(10, |sample| Some(sample.ops_per_second));
        assert_eq!(seen, [None, Some(200.0), None, Some(10.0), None, None]);
        assert_eq!(history.last(2, |_| Some(1.0)), [None, None], "the newest are asked for");
    }
}
