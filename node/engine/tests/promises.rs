//! What the engine promises, in small scenes: who is evicted, what is refused, what expires, what a walk shows.

#![allow(clippy::unwrap_used)]

use dcache_engine::*;
use std::collections::BTreeSet;

const SLOTS: u16 = 16;
const NS0: NamespaceId = NamespaceId(0);
const NS1: NamespaceId = NamespaceId(1);
const NS2: NamespaceId = NamespaceId(2);

/// An engine that holds `entries` entries as [`set`] writes them.
fn engine_for(entries: u64) -> Engine {
    Engine::new(Config { memory_bytes: entries * charge(1, 100), slots: SLOTS, shards: 4 })
}

fn config(policy: Policy, entries_max: Option<u64>) -> Option<NamespaceConfig> {
    Some(NamespaceConfig { policy, memory_max_bytes: entries_max.map(|entries| entries * charge(1, 100)) })
}

fn slot_of(key: &str) -> u16 {
    u16::from(key.as_bytes()[0]) % SLOTS
}

fn set_sized(engine: &Engine, namespace: NamespaceId, key: &str, bytes: usize) -> Result<(), OutOfMemory> {
    let mut guard = engine.lock_with_room(slot_of(key), namespace, charge(key.len(), bytes as u64), 0)?;
    guard.set(0, key.as_bytes(), Value::string(vec![b'v'; bytes]), None, namespace, 0);
    Ok(())
}

/// Writes 100 bytes under each letter.
fn set(engine: &Engine, namespace: NamespaceId, keys: &str) {
    keys.chars().for_each(|key| set_sized(engine, namespace, &key.to_string(), 100).unwrap());
}

fn get(engine: &Engine, namespace: NamespaceId, keys: &str) {
    for key in keys.chars().map(String::from) {
        engine.lock(slot_of(&key)).get(0, key.as_bytes(), namespace, 0).unwrap();
    }
}

/// All keys held, sorted.
fn keys(engine: &Engine) -> String {
    let mut keys = BTreeSet::new();
    let cursor = engine.scan(0, usize::MAX, 0, &mut |visit| {
        keys.insert(visit.key.to_vec());
    });
    assert_eq!(cursor, 0);
    keys.into_iter().map(|key| String::from_utf8(key).unwrap()).collect()
}

#[test]
fn each_policy_evicts_what_it_says_over_all_stripes() {
    for (policy, kept) in [(Policy::Lru, "adefg"), (Policy::Lfu, "aefgh"), (Policy::Fifo, "adefg")] {
        let engine = engine_for(5);
        engine.configure(&[config(policy, None)]);
        set(&engine, NS0, "abcde");
        match policy {
            // Used again: a, d, e. First to go: b, then c.
            Policy::Lru => get(&engine, NS0, "dae"),
            // Uses: a 4, e 3, others 1. New entries have one use and are younger than b, c and d.
            Policy::Lfu => {
                get(&engine, NS0, "aaaee");
                set(&engine, NS0, "h");
            }
            // Reads do not matter, a new value does.
            _ => {
                get(&engine, NS0, "bbbb");
                set(&engine, NS0, "a");
            }
        }
        set(&engine, NS0, "fg");
        assert_eq!(keys(&engine), kept, "{policy:?}");
        assert_eq!(engine.used_bytes(), engine.limit_bytes());
    }
}

#[test]
fn without_eviction_a_write_that_does_not_fit_is_refused_and_counted() {
    let engine = engine_for(2);
    engine.configure(&[config(Policy::None, None)]);
    set(&engine, NS0, "ab");
    assert_eq!(set_sized(&engine, NS0, "c", 0), Err(OutOfMemory));
    assert_eq!(set_sized(&engine, NS0, "a", 100), Err(OutOfMemory));
    assert_eq!((keys(&engine).as_str(), engine.figures()[0].refused, engine.figures()[0].evictions), ("ab", 2, 0));
    assert!(engine.lock(slot_of("a")).remove(0, b"a", 0).is_some());
    set(&engine, NS0, "c");
    assert_eq!(keys(&engine), "bc");
}

#[test]
fn what_is_larger_than_the_limit_evicts_nothing() {
    let engine = engine_for(4);
    engine.configure(&[config(Policy::Lru, None), config(Policy::Lru, Some(1))]);
    set(&engine, NS0, "abcd");
    assert_eq!(set_sized(&engine, NS0, "e", 2000), Err(OutOfMemory));
    assert_eq!(set_sized(&engine, NS1, "e", 101), Err(OutOfMemory));
    assert_eq!(keys(&engine), "abcd");
}

#[test]
fn what_cannot_fit_beside_entries_that_stay_evicts_nothing() {
    let engine = engine_for(4);
    engine.configure(&[config(Policy::Lru, None), config(Policy::None, None)]);
    set(&engine, NS1, "abc");
    set(&engine, NS0, "d");
    assert_eq!(set_sized(&engine, NS0, "e", 400), Err(OutOfMemory));
    assert_eq!(keys(&engine), "abcd");
    set(&engine, NS0, "e");
    assert_eq!(keys(&engine), "abce");
}

#[test]
fn a_namespace_at_its_maximum_gives_itself() {
    let engine = engine_for(10);
    engine.configure(&[config(Policy::Lru, None), config(Policy::Lru, Some(2))]);
    set(&engine, NS0, "abc");
    set(&engine, NS1, "xyz");
    assert_eq!(keys(&engine), "abcyz");
    assert_eq!(engine.figures()[1].bytes, 2 * charge(1, 100));
}

#[test]
fn at_the_limit_the_largest_namespace_gives() {
    let engine = engine_for(6);
    engine.configure(&[config(Policy::Lru, None), config(Policy::Lru, None), config(Policy::None, None)]);
    set(&engine, NS0, "abc");
    set(&engine, NS1, "x");
    set(&engine, NS2, "12");
    set(&engine, NS1, "y");
    assert_eq!(keys(&engine), "12bcxy");
    // From here on the write under way makes its own namespace the largest.
    set(&engine, NS1, "z");
    assert_eq!(keys(&engine), "12bcyz");
    set(&engine, NS0, "d");
    assert_eq!(keys(&engine), "12cdyz");
}

#[test]
fn a_lowered_maximum_is_reached_by_writes_and_by_trimming() {
    let engine = engine_for(200);
    let letters: Vec<String> = (0..90).map(|i| char::from(b' ' + i).to_string()).collect();
    letters.iter().for_each(|key| set(&engine, NS0, key));
    engine.configure(&[config(Policy::Lru, Some(10))]);
    assert_eq!(engine.count(0), 90);
    set(&engine, NS0, &letters[89]);
    assert_eq!(engine.count(0), 90 - 1 - 64);
    assert_eq!(engine.trim_step(5, 0), 5);
    assert_eq!(engine.trim_step(1000, 0), 10);
    assert_eq!((engine.count(0), engine.trim_step(1000, 0)), (10, 0));
    assert_eq!(engine.figures()[0].evictions, 80);
}

#[test]
fn unused_ids_have_the_policy_of_the_default() {
    let engine = engine_for(2);
    engine.configure(&[config(Policy::None, Some(1)), config(Policy::Lru, None)]);
    set(&engine, NS2, "ab");
    assert_eq!(set_sized(&engine, NS2, "c", 100), Err(OutOfMemory));
    engine.configure(&[config(Policy::Fifo, None), None, None]);
    set(&engine, NS2, "c");
    assert_eq!(keys(&engine), "bc");
}

#[test]
fn a_change_of_policy_keeps_the_data_and_what_was_counted() {
    let engine = engine_for(4);
    set(&engine, NS0, "abcd");
    get(&engine, NS0, "aaabbc");
    for policy in [Policy::Fifo, Policy::None, Policy::Lfu] {
        engine.configure(&[config(policy, None)]);
        assert_eq!(keys(&engine), "abcd", "{policy:?}");
    }
    set(&engine, NS0, "e");
    assert_eq!(keys(&engine), "abce");
    engine.configure(&[config(Policy::Lru, None)]);
    set(&engine, NS0, "f");
    assert_eq!(keys(&engine), "bcef");
}

#[test]
fn room_not_used_is_given_back() {
    let engine = engine_for(10);
    let mut guard = engine.lock_with_room(1, NS1, 2000, 0).unwrap();
    assert_eq!((guard.room(), engine.used_bytes()), (2000, 2000));
    guard.set(0, b"k", Value::string(*b"v"), None, NS1, 0);
    assert_eq!(guard.room(), 2000 - charge(1, 1));
    drop(guard);
    assert_eq!((engine.used_bytes(), engine.figures()[1].bytes), (charge(1, 1), charge(1, 1)));
    drop(engine.lock_with_room(1, NS0, 2000, 0).unwrap());
    assert_eq!(engine.used_bytes(), charge(1, 1));
    // The old value's bytes are room for the new one.
    engine.lock(1).set(0, b"k", Value::string(*b"w"), None, NS0, 0);
    assert_eq!((engine.figures()[0].bytes, engine.figures()[1].bytes), (charge(1, 1), 0));
    assert!(engine.lock(1).remove(0, b"k", 0).is_some());
    assert_eq!(engine.used_bytes(), 0);
}

#[test]
#[should_panic(expected = "ask lock_with_room")]
fn a_write_without_room_is_a_fault_of_the_caller() {
    engine_for(10).lock(1).set(0, b"k", Value::string(*b"v"), None, NS0, 0);
}

#[test]
fn entries_expire_on_lookup_and_soonest_first_in_steps() {
    let engine = Engine::new(Config { memory_bytes: 1 << 20, slots: SLOTS, shards: 1 });
    for (key, expires_at_ms) in [(b"a", Some(30)), (b"b", Some(10)), (b"c", None), (b"d", Some(20)), (b"e", Some(40))] {
        let mut guard = engine.lock_with_room(0, NS0, 1000, 0).unwrap();
        guard.set(0, key, Value::string(*b"v"), expires_at_ms, NS0, 0);
    }
    assert!(engine.lock(0).set_expiry(0, b"e", None, 0));
    assert_eq!(engine.expire_step(0, 9, 10), 0);
    assert_eq!(engine.lock(0).peek(0, b"b", 9).unwrap().expires_at_ms(), Some(10));
    assert_eq!(engine.expire_step(0, 30, 2), 2);
    assert_eq!(keys(&engine), "ace");
    assert!(engine.lock(0).get(0, b"a", NS0, 30).is_none());
    assert_eq!((engine.expire_step(0, u64::MAX - 1, 10), engine.expire_step(7, 99, 10)), (0, 0));
    let figures = engine.figures()[0];
    assert_eq!((keys(&engine).as_str(), figures.expirations, figures.misses, figures.hits), ("ce", 3, 1, 0));
    assert_eq!(engine.used_bytes(), 2 * charge(1, 1));
}

#[test]
fn an_entry_knows_its_use() {
    let engine = engine_for(10);
    let mut guard = engine.lock_with_room(1, NS0, 1000, 5).unwrap();
    guard.set(3, b"k", Value::string(*b"abc"), None, NS0, 5);
    assert!(guard.touch(3, b"k", 7) && !guard.touch(2, b"k", 7));
    let entry = guard.peek(3, b"k", 17).unwrap();
    assert_eq!((entry.idle_ms(17), entry.frequency(), entry.charged_bytes()), (10, 2, charge(1, 3)));
    assert_eq!(
        (entry.value().kind().name(), entry.value().as_string(), entry.expires_at_ms()),
        ("string", Some(&b"abc"[..]), None)
    );
    assert_eq!(guard.get(3, b"k", NS1, 20).unwrap().idle_ms(20), 0);
    assert!(!guard.set_expiry(2, b"k", Some(1), 20));
    drop(guard);
    assert_eq!((engine.figures()[0].hits, engine.figures()[1].hits), (0, 1));
}

#[test]
fn slots_and_databases_are_counted_listed_and_cleared_apart() {
    let engine = engine_for(100);
    let put = |slot: u16, database: u16, key: &[u8]| {
        let mut guard = engine.lock_with_room(slot, NS0, 1000, 0).unwrap();
        guard.set(database, key, Value::string(*b"v"), (key == b"x").then_some(5), NS0, 0);
    };
    [b"a", b"b", b"x"].into_iter().for_each(|key| put(3, 0, key));
    // The same stripe as slot 3, and the same key in another database.
    put(7, 0, b"c");
    put(3, 1, b"a");
    assert_eq!((engine.count_in_slot(3, 0), engine.count_in_slot(3, 1), engine.count_in_slot(7, 0)), (3, 1, 1));
    assert_eq!((engine.count(0), engine.count(1), engine.count(9), engine.count_in_slot(4, 0)), (4, 1, 0, 0));
    let mut listed = engine.keys_in_slot(3, 0, 10, 5);
    listed.sort();
    assert_eq!(listed, [b"a".to_vec(), b"b".to_vec()]);
    assert_eq!(engine.keys_in_slot(3, 0, 1, 5).len(), 1);
    let mut figures = engine.slot_figures();
    figures.sort_unstable();
    assert_eq!(figures, [(3, 4, 4 * charge(1, 1)), (7, 1, charge(1, 1))]);
    assert_eq!((engine.clear_database(1), engine.count(0), engine.count(1)), (1, 4, 0));
    assert_eq!((engine.clear_slot(3), engine.clear_slot(3)), (3, 0));
    assert_eq!((engine.slot_figures(), engine.used_bytes()), (vec![(7, 1, charge(1, 1))], charge(1, 1)));
    assert_eq!((engine.clear_database(0), engine.used_bytes()), (1, 0));
    put(3, 0, b"a");
    engine.clear();
    assert_eq!((engine.used_bytes(), engine.count(0), engine.figures()[0].items), (0, 0, 0));
    assert_eq!(engine.figures()[0].deletes, 0);
    put(3, 0, b"a");
    assert_eq!(keys(&engine), "a");
}

#[test]
fn reclassified_entries_come_under_their_new_namespace() {
    let engine = engine_for(4);
    engine.configure(&[config(Policy::None, None), config(Policy::Lru, Some(2))]);
    set(&engine, NS0, "abc");
    let classify = |_: u16, key: &[u8]| if key == b"b" { NS0 } else { NS1 };
    let looked_at: usize = (0..SLOTS).map(|slot| engine.reclassify_slot(slot, &classify)).sum();
    assert_eq!(looked_at, 3);
    let items: Vec<u64> = engine.figures().iter().map(|figures| figures.items).collect();
    assert_eq!(items, [1, 2]);
    set(&engine, NS1, "d");
    assert_eq!(keys(&engine), "bcd");
}

#[test]
fn a_random_key_is_any_living_key_of_its_database() {
    let engine = engine_for(100);
    for (database, key, expires_at_ms) in
        [(0u16, "a", None), (0, "b", None), (0, "c", Some(5)), (1, "d", None), (0, "e", None)]
    {
        let mut guard = engine.lock_with_room(slot_of(key), NS0, 1000, 0).unwrap();
        guard.set(database, key.as_bytes(), Value::string(*b"v"), expires_at_ms, NS0, 0);
    }
    let found: BTreeSet<Vec<u8>> = (0..1000).filter_map(|seed| engine.random_key(0, seed, 5)).collect();
    assert_eq!(found.into_iter().collect::<Vec<_>>(), [b"a", b"b", b"e"]);
    assert_eq!((engine.random_key(1, 17, 5), engine.random_key(2, 17, 5)), (Some(b"d".to_vec()), None));
}

#[test]
fn cursors_nobody_made_are_harmless() {
    let engine = engine_for(10);
    set(&engine, NS0, "abc");
    for cursor in [1, 77, u64::from(u32::MAX), 3 << 32, 4 << 32, 1 << 39, u64::MAX] {
        assert!(engine.scan(cursor, 1, 0, &mut |_| {}) < 1 << 40);
    }
}

#[test]
fn values_may_be_any_bytes_and_keys_may_be_empty() {
    let engine = Engine::new(Config { memory_bytes: 1 << 20, slots: 1, shards: 64 });
    assert_eq!(engine.shards(), 1);
    let all: Vec<u8> = (0..=255).collect();
    let mut guard = engine.lock_with_room(0, NS0, 10_000, 0).unwrap();
    guard.set(0, b"", Value::string(&all[..]), None, NS0, 0);
    guard.set(0, &all, Value::string(&b""[..]), None, NS0, 0);
    assert_eq!(guard.get(0, b"", NS0, 0).unwrap().value(), &Value::string(&all[..]));
    assert_eq!(guard.remove(0, &all, 0), Some(Value::string(&b""[..])));
    assert_eq!(guard.remove(0, &all, 0), None);
}
