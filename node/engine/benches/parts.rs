//! How long other keys of a stripe wait while one long value is read for a copy and stored there: whole, and in parts.
//!
//! `cargo bench -p dcache-engine --bench parts [-- MIB]` moves one value between two engines of one stripe each. Two threads read
//! a short value of either all the while; what is printed is the longest of these reads, the longest single step by the time of
//! the moving thread on its core (of which the lock is held for a part), how long the whole took, and the gaps a loop that only
//! reads the clock saw.

// A bench has a clock and a terminal, which the engine has not.
#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::unwrap_used)]

use dcache_engine::*;
use rustix::time::{ClockId, clock_gettime};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

const NS: NamespaceId = NamespaceId::DEFAULT;

/// As a full sync has them.
const PART: usize = 256 << 10;
const PIECE: usize = 64 << 10;

fn on_core() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Does something and keeps the longest time it took on the core.
fn timed<R>(longest: &mut Duration, step: impl FnOnce() -> R) -> R {
    let begun = on_core();
    let result = step();
    *longest = (*longest).max(on_core() - begun);
    result
}

fn set(engine: &Engine, key: &[u8], value: &[u8]) {
    let mut guard = engine.lock_with_room(0, NS, charge(key.len(), value.len() as u64), 0).unwrap();
    guard.set(0, key, ValueRef::String(value), None, NS, 0).unwrap();
}

fn engine(bytes: usize) -> Engine {
    let engine = Engine::new(Config {
        memory_bytes: bytes as u64 * 5 / 4 + (64 << 20),
        slots: 1,
        threads: 1,
        slot_of: |_, _| 0,
    });
    set(&engine, b"short", b"value");
    engine
}

/// The longest read of a short value until it is over.
fn longest_read(engine: &Engine, is_over: &AtomicBool) -> Duration {
    let mut longest = Duration::ZERO;
    while !is_over.load(Relaxed) {
        let begun = Instant::now();
        assert!(engine.lock(0).get(0, b"short", NS, 0).is_some());
        longest = longest.max(begun.elapsed());
    }
    longest
}

fn whole(source: &Engine, target: &Engine) -> (Duration, Duration) {
    let (mut read, mut stored) = (Duration::ZERO, Duration::ZERO);
    let mut piece = Vec::new();
    timed(&mut read, || {
        source.copy_slots(0, 1, (usize::MAX, usize::MAX), &|_| true, &mut |entry, _| {
            if entry.key == b"long" {
                piece = entry.value.as_string().unwrap().to_vec();
            }
        });
    });
    timed(&mut stored, || set(target, b"long", &piece));
    (read, stored)
}

fn in_parts(source: &Engine, target: &Engine) -> (Duration, Duration) {
    let (mut read, mut stored) = (Duration::ZERO, Duration::ZERO);
    let (mut staged, mut cursor) = (None, Some(0));
    while let Some(at) = cursor {
        let (mut piece, mut total) = (Vec::new(), 0);
        cursor = timed(&mut read, || {
            source.copy_slots(at, 1, (PIECE, PART), &|_| true, &mut |entry, part| {
                let Part::Bytes(range) = part else { return };
                if entry.key == b"long" {
                    total = entry.value.bytes();
                    piece = entry.value.as_string().unwrap()[range].to_vec();
                }
            })
        });
        if total > 0 {
            let of = staged.get_or_insert_with(|| target.stage((0, 0, b"long"), NS, total, 0).unwrap());
            timed(&mut stored, || target.fill(of, &piece, 0)).unwrap();
        }
    }
    timed(&mut stored, || target.enter(staged.unwrap(), None, 0)).unwrap();
    (read, stored)
}

fn show(what: &str, bytes: usize, moves: fn(&Engine, &Engine) -> (Duration, Duration)) {
    let (source, target) = (engine(bytes), engine(bytes));
    set(&source, b"long", &vec![7; bytes]);
    let is_over = AtomicBool::new(false);
    std::thread::scope(|threads| {
        let of_source = threads.spawn(|| longest_read(&source, &is_over));
        let of_target = threads.spawn(|| longest_read(&target, &is_over));
        let begun = Instant::now();
        let (read, stored) = moves(&source, &target);
        let took = begun.elapsed();
        is_over.store(true, Relaxed);
        let (of_source, of_target) = (of_source.join().unwrap(), of_target.join().unwrap());
        println!("{what}: {took:.1?} in all");
        println!("  source: longest step {read:.1?} on the core; longest read of another key {of_source:.1?}");
        println!("  target: longest step {stored:.1?} on the core; longest read of another key {of_target:.1?}");
    });
    assert!(target.lock(0).peek(0, b"long", 0).unwrap().value().bytes() == bytes as u64);
    // Replaced, it is gone at once as well.
    let mut dropped = Duration::ZERO;
    timed(&mut dropped, || source.lock(0).remove(0, b"long", 0)).unwrap();
    println!("  source: removing it took {dropped:.1?}");
}

/// A slot of so many small entries is copied, and dropped where it was.
fn full_slot(keys: usize) {
    let bytes = keys * 300;
    let (source, target) = (engine(bytes), engine(bytes));
    let (mut set_first, mut read, mut stored, mut dropped) = Default::default();
    for number in 0..keys {
        timed(&mut set_first, || set(&source, format!("key:{number}").as_bytes(), &[7; 100]));
    }
    let mut cursor = Some(0);
    while let Some(at) = cursor {
        let mut piece = Vec::new();
        cursor = timed(&mut read, || {
            source.copy_slots(at, 1, (PIECE, PART), &|_| true, &mut |entry, _| {
                piece.push((entry.key.to_vec(), entry.value.as_string().unwrap().to_vec()));
            })
        });
        for (key, value) in piece {
            timed(&mut stored, || set(&target, &key, &value));
        }
    }
    assert_eq!(target.count(0), source.count(0));
    let mut next = Some(0);
    while let Some(from) = next {
        next = timed(&mut dropped, || source.clear_slot_step(0, from));
    }
    assert_eq!(source.count(0), 0);
    println!(
        "{keys} entries of a slot: longest step on the core: set {set_first:.1?}, read {read:.1?}, set at the target \
              {stored:.1?}, drop {dropped:.1?}"
    );
}

fn main() {
    full_slot(1_000_000);
    let mib: usize = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(512);
    show(&format!("{mib} MiB, whole"), mib << 20, whole);
    show(&format!("{mib} MiB, in parts"), mib << 20, in_parts);
    let (begun, mut last, mut gap) = (Instant::now(), Instant::now(), Duration::ZERO);
    while begun.elapsed() < Duration::from_secs(1) {
        let now = Instant::now();
        gap = gap.max(now - last);
        last = now;
    }
    println!("the clock alone: {gap:.1?}");
}
