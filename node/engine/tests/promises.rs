//! What the engine promises, in small scenes: who is evicted, what is refused, whose memory is safe, what expires, what a scan
//! shows, and that no schedule of threads passes a bound or mixes up values. Random histories are in `model.rs`.

#![allow(clippy::unwrap_used)]

use dcache_engine::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const SLOTS: u16 = 16;
const NS0: NamespaceId = NamespaceId(0);
const NS1: NamespaceId = NamespaceId(1);
const NS2: NamespaceId = NamespaceId(2);
const MIB: u64 = 1 << 20;

fn slot_of(key: &[u8]) -> u16 {
    u16::from(*key.last().unwrap_or(&0)) % SLOTS
}

fn engine(memory_bytes: u64) -> Engine {
    Engine::new(Config { memory_bytes, slots: SLOTS, threads: 2, slot_of: |_, key| slot_of(key) })
}

fn config(policy: Policy) -> NamespaceConfig {
    NamespaceConfig { policy, ..NamespaceConfig::default() }
}

/// A number as a key; a thousand bytes that tell which key they are of.
fn value_of(number: u32) -> Vec<u8> {
    number.to_be_bytes().repeat(250)
}

fn set_sized(engine: &Engine, namespace: NamespaceId, key: &[u8], value: &[u8], now_ms: u64) -> Result<(), Refused> {
    let room = charge(key.len(), value.len() as u64);
    let mut guard = engine.lock_with_room(slot_of(key), namespace, room, now_ms)?;
    guard.set(0, key, ValueRef::String(value), None, namespace, now_ms)
}

fn set(engine: &Engine, namespace: NamespaceId, numbers: impl IntoIterator<Item = u32>, now_ms: u64) {
    for number in numbers {
        set_sized(engine, namespace, &number.to_be_bytes(), &value_of(number), now_ms).unwrap();
    }
}

fn get(engine: &Engine, namespace: NamespaceId, numbers: impl IntoIterator<Item = u32>, now_ms: u64) {
    for number in numbers {
        let key = number.to_be_bytes();
        engine.lock(slot_of(&key)).get(0, &key, namespace, now_ms);
    }
}

/// How many of the numbers are held.
fn held(engine: &Engine, numbers: impl IntoIterator<Item = u32>) -> usize {
    let is_held = |number: &u32| {
        let key = number.to_be_bytes();
        let mut guard = engine.lock(slot_of(&key));
        let found = guard.peek(0, &key, 0);
        found.is_some_and(|entry| {
            assert_eq!(entry.value().as_string().unwrap(), value_of(*number));
            true
        })
    };
    numbers.into_iter().filter(is_held).count()
}

/// A quarter of what is written first is in use all along; the rest is written once. Returns how many of these 400 stay.
fn kept_of_a_quarter_in_use(policy: Policy, reads: u64) -> usize {
    let engine = engine(2 * MIB);
    engine.configure(&[Some(config(policy))]);
    let in_use = || (0..1600).step_by(4);
    set(&engine, NS0, 0..1600, 0);
    for round in 0..8u32 {
        let now_ms = u64::from(round + 1) * 1000;
        (0..reads).for_each(|read| get(&engine, NS0, in_use(), now_ms + read * 100));
        set(&engine, NS0, 10_000 * (round + 1)..10_000 * (round + 1) + 500, now_ms + 900);
    }
    held(&engine, in_use())
}

/// They do not look at use.
const BLIND: [Policy; 3] = [Policy::Fifo, Policy::Random, Policy::None];

#[test]
fn what_is_used_stays_where_the_policy_looks_at_use() {
    for policy in Policy::ALL.into_iter().filter(|policy| !BLIND.contains(policy)) {
        let kept = kept_of_a_quarter_in_use(policy, 2);
        assert!(kept > 360, "{policy:?} keeps {kept} of 400");
    }
    assert!(kept_of_a_quarter_in_use(Policy::Random, 2) < 200);
    assert_eq!(kept_of_a_quarter_in_use(Policy::Fifo, 2), 0, "however often it is read");
}

#[test]
fn without_eviction_a_write_that_does_not_fit_is_refused_and_counted() {
    let engine = engine(2 * MIB);
    engine.configure(&[Some(config(Policy::None))]);
    let mut written = 0;
    while set_sized(&engine, NS0, &u32::to_be_bytes(written), &value_of(written), 0).is_ok() {
        written += 1;
    }
    let figures = engine.figures()[0];
    assert_eq!((figures.items, figures.evictions, figures.refused), (u64::from(written), 0, 1));
    assert!(u64::from(written) * 1000 > MIB, "{written}");
    assert_eq!(held(&engine, 0..written), written as usize);
    // What is taken away is room again.
    for number in (0..written).step_by(2) {
        let key = number.to_be_bytes();
        assert_eq!(engine.lock(slot_of(&key)).remove(0, &key, 0), Ok(true));
    }
    set(&engine, NS0, written..written + written / 4, 0);
}

#[test]
fn what_is_larger_than_the_limit_evicts_nothing() {
    let engine = engine(2 * MIB);
    engine.configure(&[
        Some(config(Policy::Lru)),
        Some(NamespaceConfig { memory_max_bytes: Some(256 << 10), ..config(Policy::Lru) }),
    ]);
    set(&engine, NS0, 0..1000, 0);
    assert_eq!(set_sized(&engine, NS0, b"large", &vec![1; 3 << 20], 0), Err(Refused::OutOfMemory(OutOfMemory)));
    assert_eq!(set_sized(&engine, NS1, b"large", &vec![1; 300 << 10], 0), Err(Refused::OutOfMemory(OutOfMemory)));
    assert_eq!(held(&engine, 0..1000), 1000);
}

#[test]
fn a_namespace_under_its_minimum_gives_to_no_other() {
    let engine = engine(4 * MIB);
    let safe = NamespaceConfig { memory_min_bytes: MIB, ..config(Policy::Lru) };
    engine.configure(&[Some(config(Policy::Lru)), Some(safe), Some(config(Policy::Lru))]);
    set(&engine, NS1, 0..700, 0);
    let before = engine.figures()[1];
    assert!(before.bytes <= MIB, "{}", before.bytes);
    set(&engine, NS0, 10_000..20_000, 1000);
    set(&engine, NS2, 20_000..30_000, 2000);
    assert_eq!(held(&engine, 0..700), 700);
    assert_eq!(engine.figures()[1].evictions, 0);
    // Above it, it gives like any other, and down to it only.
    set(&engine, NS1, 700..3_500, 3000);
    set(&engine, NS0, 30_000..40_000, 4000);
    let after = engine.figures()[1];
    assert!(after.evictions > 0 && after.bytes > MIB - (64 << 10), "{after:?}");
}

#[test]
fn a_namespace_at_its_maximum_gives_itself() {
    let engine = engine(8 * MIB);
    let bounded = NamespaceConfig { memory_max_bytes: Some(MIB), ..config(Policy::Lru) };
    engine.configure(&[Some(config(Policy::Lru)), Some(bounded)]);
    set(&engine, NS0, 0..2000, 0);
    set(&engine, NS1, 10_000..20_000, 1000);
    assert_eq!(held(&engine, 0..2000), 2000);
    let figures = engine.figures()[1];
    assert!(figures.bytes <= MIB && figures.stored_bytes > MIB * 3 / 4, "{figures:?}");
}

#[test]
fn at_the_limit_the_largest_namespace_gives_and_none_is_emptied() {
    let engine = engine(8 * MIB);
    engine.configure(&[Some(config(Policy::Lru)), Some(config(Policy::Lru)), Some(config(Policy::None))]);
    set(&engine, NS2, 0..500, 0);
    set(&engine, NS1, 10_000..11_000, 0);
    set(&engine, NS0, 20_000..60_000, 1000);
    assert_eq!((held(&engine, 0..500), held(&engine, 10_000..11_000)), (500, 1000));
    // The newcomer gets as much as the largest has, and no more.
    set(&engine, NS1, 100_000..140_000, 2000);
    let figures = engine.figures();
    let (large, new) = (figures[0].bytes, figures[1].bytes);
    assert!(large.abs_diff(new) < 2 * MIB, "{large} and {new}");
}

#[test]
fn a_lowered_maximum_is_reached_by_trimming() {
    let engine = engine(8 * MIB);
    set(&engine, NS0, 0..4000, 0);
    engine.configure(&[Some(NamespaceConfig { memory_max_bytes: Some(MIB), ..config(Policy::Lru) })]);
    assert_eq!(engine.count(0), 4000);
    let mut steps = 0;
    while engine.trim_step(100, 0) > 0 {
        steps += 1;
        assert!(steps < 1000);
    }
    let figures = engine.figures()[0];
    assert!(figures.bytes <= MIB && figures.items > 500, "{figures:?}");
    assert_eq!(figures.items + figures.evictions, 4000);
}

#[test]
fn unused_ids_have_the_policy_of_the_default() {
    let engine = engine(2 * MIB);
    engine.configure(&[Some(config(Policy::None)), Some(config(Policy::Lru))]);
    let fill = |from: u32| {
        (from..from + 5000).take_while(|n| set_sized(&engine, NS2, &n.to_be_bytes(), &value_of(*n), 0).is_ok()).count()
    };
    assert!(fill(0) < 5000);
    engine.configure(&[Some(config(Policy::Fifo))]);
    assert_eq!(fill(10_000), 5000);
}

#[test]
fn a_change_of_policy_keeps_every_entry() {
    let engine = engine(4 * MIB);
    set(&engine, NS0, 0..3000, 0);
    for policy in Policy::ALL {
        engine.configure(&[Some(config(policy))]);
        get(&engine, NS0, 0..3000, 10);
        assert_eq!(held(&engine, 0..3000), 3000, "{policy:?}");
    }
    // And each goes on with what another left.
    for (round, policy) in (1u32..).zip(Policy::ALL.into_iter().filter(|policy| *policy != Policy::None)) {
        engine.configure(&[Some(config(policy))]);
        set(&engine, NS0, round * 10_000..round * 10_000 + 5000, u64::from(round) * 100);
        assert!(engine.figures()[0].items > 2500, "{policy:?}");
    }
}

#[test]
fn entries_expire_on_lookup_and_in_steps() {
    let engine = engine(4 * MIB);
    for number in 0..1000u32 {
        let key = number.to_be_bytes();
        let mut guard = engine.lock_with_room(slot_of(&key), NS0, charge(4, 1000), 0).unwrap();
        let expires_at_ms = (number % 2 == 0).then_some(u64::from(number) + 1);
        guard.set(0, &key, ValueRef::String(&value_of(number)), expires_at_ms, NS0, 0).unwrap();
    }
    assert_eq!(engine.count_expiring(0), 500);
    let key = 2u32.to_be_bytes();
    assert_eq!(engine.lock(slot_of(&key)).get(0, &key, NS0, 2).unwrap().expires_at_ms(), Some(3));
    assert!(engine.lock(slot_of(&key)).get(0, &key, NS0, 3).is_none(), "at its very millisecond");
    let sweep = |now_ms: u64| {
        let mut dropped = 0;
        for stripe in 0..engine.stripes() {
            for _ in 0..10_000 {
                let (step, is_done) = engine.expire_step(stripe, now_ms, 10);
                dropped += step;
                if is_done {
                    break;
                }
            }
        }
        dropped
    };
    assert_eq!(sweep(0), 0);
    assert_eq!(sweep(10_000), 499);
    assert_eq!((engine.count(0), engine.count_expiring(0), engine.figures()[0].expirations), (500, 0, 500));
    assert_eq!(held(&engine, (1..1000).step_by(2)), 500);
    for number in (1..1000u32).step_by(2) {
        let key = number.to_be_bytes();
        assert_eq!(engine.lock(slot_of(&key)).set_expiry(0, &key, Some(20_000), 10_000), Ok(true));
    }
    assert_eq!(sweep(20_000), 500);
    let left = engine.used_bytes();
    assert!(left <= 16 << 10, "{left} bytes are still taken when everything has expired");
}

#[test]
fn an_entry_knows_its_use() {
    let engine = engine(MIB);
    engine.configure(&[Some(config(Policy::Lfu))]);
    let mut guard = engine.lock_with_room(1, NS0, 1000, 0).unwrap();
    guard.set(3, b"\x01", ValueRef::String(b"abc"), None, NS0, 0).unwrap();
    assert!(guard.touch(3, b"\x01", 800) && !guard.touch(2, b"\x01", 800));
    let entry = guard.peek(3, b"\x01", 8800).unwrap();
    assert_eq!((entry.idle_ms(8800), entry.value().kind().name()), (8000, "string"));
    let uses = entry.frequency();
    assert!(uses > 0);
    assert_eq!(guard.get(3, b"\x01", NS1, 9000).unwrap().idle_ms(9000), 0);
    assert_eq!(guard.set_expiry(2, b"\x01", Some(1), 9000), Ok(false));
    drop(guard);
    assert_eq!((engine.figures()[0].hits, engine.figures()[1].hits), (0, 1));
}

#[test]
fn values_of_any_length_come_back_and_give_their_memory_back() {
    let engine = engine(64 * MIB);
    let value = |length: usize| (0..length).map(|at| (at * 31 + length) as u8).collect::<Vec<u8>>();
    let lengths = [0, 1, 63, 64, 4095, 4096, 8191, 65_535, 65_536, 1 << 20, (8 << 20) + 1];
    for round in 0..3 {
        for length in lengths {
            let key = (length as u64).to_be_bytes();
            set_sized(&engine, NS0, &key, &value(length), round).unwrap();
            assert_eq!(
                engine.lock(slot_of(&key)).peek(0, &key, round).unwrap().value().as_string().unwrap(),
                value(length)
            );
        }
    }
    // The same key, growing and shrinking.
    for length in lengths.into_iter().chain(lengths.into_iter().rev()) {
        set_sized(&engine, NS0, b"changing", &value(length), 9).unwrap();
        let mut guard = engine.lock(slot_of(b"changing"));
        assert_eq!(guard.peek(0, b"changing", 9).unwrap().value().as_string().unwrap(), value(length));
    }
    for length in lengths {
        let key = (length as u64).to_be_bytes();
        assert_eq!(engine.lock(slot_of(&key)).remove(0, &key, 9), Ok(true));
    }
    assert_eq!(engine.lock(slot_of(b"changing")).remove(0, b"changing", 9), Ok(true));
    assert!(engine.used_bytes() < MIB, "{}", engine.used_bytes());
}

#[test]
fn threads_never_pass_a_bound_and_never_see_another_value() {
    const LIMIT: u64 = 4 * MIB;
    const MAX: u64 = MIB;
    let engine = engine(LIMIT);
    engine.configure(&[
        Some(config(Policy::Lru)),
        Some(NamespaceConfig { memory_max_bytes: Some(MAX), ..config(Policy::Lfu) }),
        Some(NamespaceConfig { memory_min_bytes: MAX, ..config(Policy::S3Fifo) }),
    ]);
    let work = |thread: u64| {
        let mut state = thread + 1;
        let mut refused = 0u32;
        for step in 0..20_000u64 {
            // xorshift64: a different, repeatable stream for each thread.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let number = (state % 6000) as u32;
            let namespace = NamespaceId((number % 3) as u8);
            let (key, bytes) = (number.to_be_bytes(), (state >> 32) as usize % 2000 + 4);
            let slot = slot_of(&key);
            match state >> 20 & 7 {
                0 => _ = engine.lock(slot).remove(0, &key, step),
                1 | 2 => {
                    if let Some(entry) = engine.lock(slot).get(0, &key, namespace, step) {
                        let value = entry.value().as_string().unwrap();
                        assert!(value[..4] == key && value[4..].iter().all(|byte| *byte == key[3]));
                    }
                }
                3 if state >> 24 & 0xff == 0 => _ = engine.clear_slot(slot),
                4 => _ = engine.expire_step(usize::from(slot) % engine.stripes(), step, 3),
                5 if state >> 24 & 0xff == 0 => _ = engine.scan(state >> 30, 20, step, &mut |_| {}),
                _ => {
                    let value = [&key[..], &vec![key[3]; bytes - 4]].concat();
                    // Asks for more than it uses, so that room goes back all the time.
                    match engine.lock_with_room(slot, namespace, charge(4, bytes as u64) + 50, step) {
                        Ok(mut guard) => {
                            let expires_at_ms = state.is_multiple_of(5).then_some(step + 50);
                            _ = guard.set(0, &key, ValueRef::String(&value), expires_at_ms, namespace, step);
                        }
                        Err(_) => refused += 1,
                    }
                }
            }
            assert!(engine.used_bytes() <= LIMIT);
        }
        refused
    };
    let refused: u32 = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|thread| scope.spawn(move || work(thread))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(refused, 0, "there is always something to evict");
    let figures = engine.figures();
    assert!(figures[1].bytes <= MAX && figures[..2].iter().all(|figures| figures.evictions > 0), "{figures:?}");
    let (mut stored, mut keys) = (0, BTreeSet::new());
    engine.scan(0, usize::MAX, 0, &mut |visit| {
        stored += (visit.key.len() + visit.value.as_string().unwrap().len()) as u64;
        assert!(keys.insert(visit.key.to_vec()));
    });
    assert_eq!(stored, figures.iter().map(|figures| figures.stored_bytes).sum::<u64>());
    assert_eq!(keys.len() as u64, figures.iter().map(|figures| figures.items).sum::<u64>());
    engine.clear();
    assert_eq!(engine.used_bytes(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_scan_shows_what_is_there_all_along(
        staying in prop::collection::btree_set(0u32..2000, 0..200),
        steps in prop::collection::vec((1usize..30, prop::collection::vec((0u32..2000, any::<bool>()), 0..60)), 1..40),
    ) {
        let engine = engine(16 * MIB);
        let set = |number: u32| set_sized(&engine, NS0, &number.to_be_bytes(), b"v", 0).unwrap();
        (0..400).step_by(3).chain(staying.iter().copied()).for_each(set);
        let mut seen: BTreeMap<Vec<u8>, u32> = BTreeMap::new();
        let mut cursor = 0;
        for (count, changes) in steps.iter().cycle() {
            cursor = engine.scan(cursor, *count, 0, &mut |visit| {
                *seen.entry(visit.key.to_vec()).or_default() += 1;
            });
            prop_assert!(cursor < 1 << 38);
            if cursor == 0 {
                break;
            }
            for (number, is_written) in changes {
                if *is_written {
                    set(*number);
                } else if !staying.contains(number) {
                    let key = number.to_be_bytes();
                    engine.lock(slot_of(&key)).remove(0, &key, 0).unwrap();
                }
            }
        }
        for number in &staying {
            prop_assert_eq!(seen.get(&number.to_be_bytes()[..]), Some(&1), "key {}", number);
        }
    }
}

#[test]
fn a_slot_is_dropped_in_steps_of_bounded_length_whatever_of_it_stays() {
    // Few enough for one table, and so many that the slot has one for each piece of the order.
    for count in [10, 700, 30_000] {
        let engine = engine(64 * MIB);
        engine.configure(&[Some(config(Policy::Lru)), Some(config(Policy::Lru))]);
        let (mut stays, mut goes) = (0, 0);
        for number in 0..count {
            let namespace = if number % 3 == 0 { NS1 } else { NS0 };
            *(if number % 3 == 0 { &mut goes } else { &mut stays }) += 1;
            // The last byte says the slot.
            let key = [&u32::to_be_bytes(number)[..], &[0]].concat();
            set_sized(&engine, namespace, &key, b"value", 0).unwrap();
        }
        let (mut next, mut steps, mut before) = (Some(0), 0, engine.count_in_slot(0, 0));
        while let Some(from) = next {
            next = engine.clear_slot_step_where(0, from, &|namespace| namespace == NS1);
            let now = engine.count_in_slot(0, 0);
            assert!(before - now <= 256, "{} entries in one step", before - now);
            (before, steps) = (now, steps + 1);
        }
        assert_eq!(before, stays, "{goes} of {count} were to go");
        assert!(steps <= 2 + count / 256, "{steps} steps for {count}");
        let mut next = Some(0);
        while let Some(from) = next {
            next = engine.clear_slot_step(0, from);
        }
        assert_eq!(engine.count_in_slot(0, 0), 0);
    }
}
