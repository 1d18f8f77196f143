//! The slowest single operation of the engine: while it grows from nothing to many entries, and while it evicts at full speed.
//!
//! `cargo bench -p dcache-engine --bench pause [-- ENTRIES] [POLICY…]` prints how many operations took how long, and beside each
//! phase the machine's own jitter: the gaps a loop that only reads the clock saw. An operation the scheduler interrupted shows
//! in wall time alone; so the time of the thread on its core is shown for those that took longer than 100 µs. What a hypervisor
//! takes counts as time on the core nevertheless; so each phase runs three times on engines of the same seed, in which each
//! operation is the same work, and the time an operation took on the core is the least of the three.

// A bench has a clock and a terminal, which the engine has not.
#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::unwrap_used)]

use dcache_engine::*;
use rustix::time::{ClockId, clock_gettime};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Runs of each phase.
const ROUNDS: usize = 3;

/// Of the engines' hash.
const SEED: u64 = 3;

const VALUE: [u8; 32] = [7; 32];

/// From this on an operation's time on the core is looked at too.
const LONG: Duration = Duration::from_micros(100);

fn on_core() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Counts by power of two of nanoseconds, and the longest.
#[derive(Default)]
struct Histogram {
    counts: [u64; 32],
    longest: Duration,
    /// Of the operations that took [`LONG`] or more by the clock, by their number: the core's time.
    on_core: HashMap<u64, Duration>,
}

impl Histogram {
    fn note(&mut self, took: Duration) {
        self.counts[(took.as_nanos().max(1).ilog2() as usize).min(31)] += 1;
        self.longest = self.longest.max(took);
    }

    /// Adds another run of the same operations.
    fn join(&mut self, other: &Histogram) {
        self.counts.iter_mut().zip(other.counts).for_each(|(count, others)| *count += others);
        self.longest = self.longest.max(other.longest);
    }
}

/// The counts of all rounds, and what the slowest operation of each took.
fn print(what: &str, rounds: &[Histogram], jitter: &Histogram) {
    let mut all = Histogram::default();
    rounds.iter().for_each(|round| all.join(round));
    println!("\n{what}: {} operations in {} rounds", all.counts.iter().sum::<u64>(), rounds.len());
    println!("  {:>12}  {:>12}  {:>12}", "up to", "operations", "clock alone");
    for (power, (count, of_clock)) in all.counts.iter().zip(jitter.counts).enumerate() {
        if *count > 0 || of_clock > 0 {
            println!("  {:>12}  {count:>12}  {of_clock:>12}", format!("{:?}", Duration::from_nanos(2 << power)));
        }
    }
    println!("  slowest by the clock {:?}; of the clock alone {:?}", all.longest, jitter.longest);
    let slowest: Vec<Duration> = rounds.iter().filter_map(|round| round.on_core.values().max().copied()).collect();
    println!("  slowest on the core, of those of {LONG:?} and more, by round: {slowest:?}");
    // One that was not long in each of the rounds is not long.
    let least = |number| rounds.iter().map(|round| round.on_core.get(number).copied()).min().flatten();
    let slowest = rounds[0].on_core.keys().filter_map(least).max();
    println!("  slowest on the core in each of the rounds: {:?}", slowest.unwrap_or(LONG));
}

/// Gaps between two looks at the clock, for as long as the phase took.
fn jitter(span: Duration) -> Histogram {
    let mut seen = Histogram::default();
    let begun = Instant::now();
    let mut last = begun;
    while last.duration_since(begun) < span {
        let now = Instant::now();
        seen.note(now.duration_since(last));
        last = now;
    }
    seen
}

fn slot_of(key: &[u8]) -> u16 {
    u16::from_be_bytes([key[0], key[1]]) & 0x3fff
}

/// Spreads numbers over slots.
fn key_of(number: u64) -> [u8; 16] {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut key = [0; 16];
    key[..8].copy_from_slice(&mixed.to_be_bytes());
    key[8..].copy_from_slice(&number.to_be_bytes());
    key
}

fn set(engine: &Engine, number: u64, value: &[u8], now_ms: u64) {
    let key = key_of(number);
    let room = charge(key.len(), value.len() as u64);
    let mut guard = engine.lock_with_room(slot_of(&key), NamespaceId::DEFAULT, room, now_ms).unwrap();
    guard.set(0, &key, ValueRef::String(value), None, NamespaceId::DEFAULT, now_ms).unwrap();
}

fn phase(numbers: std::ops::Range<u64>, mut op: impl FnMut(u64)) -> Histogram {
    let mut seen = Histogram::default();
    // Reading the core's time costs a system call: once for a few operations, and again when one of them was long.
    let mut before = on_core();
    for number in numbers {
        let start = Instant::now();
        op(number);
        let took = start.elapsed();
        seen.note(took);
        if took >= LONG {
            let now = on_core();
            seen.on_core.insert(number, took.min(now - before));
            before = now;
        } else if number % 16 == 0 {
            before = on_core();
        }
    }
    seen
}

fn grow(entries: u64) -> Histogram {
    // Room for all of it.
    let engine = Engine::with_seed(
        Config { memory_bytes: entries * 100, slots: 16384, threads: 2, slot_of: |_, key| slot_of(key) },
        SEED,
    );
    let seen = phase(0..entries, |n| set(&engine, n, &VALUE, n >> 12));
    assert_eq!(engine.count(0), entries);
    seen
}

fn evict(policy: Policy, entries: u64) -> Histogram {
    // Room for half of what the loop below writes.
    let engine = Engine::with_seed(
        Config { memory_bytes: entries * 20, slots: 16384, threads: 2, slot_of: |_, key| slot_of(key) },
        SEED,
    );
    engine.configure(&[Some(NamespaceConfig { policy, ..NamespaceConfig::default() })]);
    (0..entries / 2).for_each(|n| set(&engine, n, &VALUE, n >> 12));
    let seen = phase(entries / 2..entries, |n| {
        if n % 4 == 0 {
            let key = key_of(n - n % 100_000);
            engine.lock(slot_of(&key)).get(0, &key, NamespaceId::DEFAULT, n >> 12);
        } else {
            set(&engine, n, &VALUE, n >> 12);
        }
    });
    assert!(engine.figures()[0].evictions > 0);
    seen
}

fn show(what: &str, round: impl Fn() -> Histogram) {
    let begun = Instant::now();
    let rounds: Vec<Histogram> = (0..ROUNDS).map(|_| round()).collect();
    print(what, &rounds, &jitter(begun.elapsed()));
}

fn main() {
    let entries: u64 = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(10_000_000);
    show(&format!("growing from 0 to {entries} entries of 16 + 32 B"), || grow(entries));
    let named: Vec<Policy> = std::env::args().skip(1).filter_map(|arg| arg.parse().ok()).collect();
    let is_wanted = |policy: &Policy| *policy != Policy::None && (named.is_empty() || named.contains(policy));
    for policy in Policy::ALL.into_iter().filter(is_wanted) {
        show(&format!("evicting, {policy}: writes, a quarter of them reads"), || evict(policy, entries));
    }
}
