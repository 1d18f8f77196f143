//! Values that come and go in parts: what is staged stands in the accounts to the byte and beside the locks, becomes an entry
//! like any other, and gives its memory back when it does not; a walk for a copy tells long values part by part, whatever
//! becomes of them and their neighbours meanwhile.

#![allow(clippy::unwrap_used)]

use dcache_engine::*;
use std::collections::BTreeMap;

const SLOTS: u16 = 8;
const NS0: NamespaceId = NamespaceId(0);
const NS1: NamespaceId = NamespaceId(1);
const MIB: u64 = 1 << 20;
const PAGE: u64 = 4096;

/// The last byte chooses the slot.
fn slot_of(key: &[u8]) -> u16 {
    u16::from(*key.last().unwrap_or(&0)) % SLOTS
}

fn new(memory_bytes: u64) -> Engine {
    Engine::with_seed(Config { memory_bytes, slots: SLOTS, threads: 2, slot_of: |_, key| slot_of(key) }, 7)
}

fn set(engine: &Engine, key: &[u8], value: &[u8], expires_at_ms: Option<u64>) {
    let mut guard = engine.lock_with_room(slot_of(key), NS0, charge(key.len(), value.len() as u64), 0).unwrap();
    guard.set(0, key, ValueRef::String(value), expires_at_ms, NS0, 0).unwrap();
}

fn get(engine: &Engine, database: u16, key: &[u8]) -> Option<(Vec<u8>, Option<u64>)> {
    let mut guard = engine.lock(slot_of(key));
    let found = guard.peek(database, key, 0)?;
    Some((found.value().as_string().unwrap().to_vec(), found.expires_at_ms()))
}

/// Bytes that tell where they are from.
fn value(length: usize, seed: u8) -> Vec<u8> {
    (0..length).map(|at| (at / 251) as u8 ^ (at as u8).wrapping_mul(31) ^ seed).collect()
}

/// All of a value in parts, not entered yet.
fn staged(engine: &Engine, database: u16, key: &[u8], value: &[u8], part: usize) -> Staged {
    let mut staged = engine.stage((slot_of(key), database, key), NS0, value.len() as u64, 0).unwrap();
    for part in value.chunks(part) {
        assert!(!staged.is_whole());
        engine.fill(&mut staged, part, 0).unwrap();
    }
    staged
}

#[test]
fn a_staged_value_becomes_an_entry_like_any_other() {
    let engine = new(64 * MIB);
    let mut number = 0u16;
    for length in [0, 1, 300, 5000, 70_000, 300_000, 1_500_000] {
        for expires_at_ms in [None, Some(1 << 40), Some(1 << 50)] {
            for (database, key_len) in [(0, 3), (7, 3), (0, 300)] {
                number += 1;
                let mut key = vec![b'k'; key_len];
                key[..2].copy_from_slice(&number.to_be_bytes());
                let bytes = value(length, number as u8);
                engine.enter(staged(&engine, database, &key, &bytes, 64 << 10), expires_at_ms, 0).unwrap();
                assert!(get(&engine, database, &key) == Some((bytes, expires_at_ms)), "{length} {expires_at_ms:?}");
            }
        }
    }
    let figures = engine.figures()[0];
    assert_eq!((figures.items, figures.sets), (u64::from(number), u64::from(number)));
    assert_eq!((engine.count(7), engine.count_expiring(7)), (21, 14));
    // Over another value, of any length, and the other way round.
    for (old, new) in [(10, 300_000), (300_000, 300_000), (300_000, 10)] {
        set(&engine, b"over", &value(old, 1), Some(5));
        let bytes = value(new, 2);
        engine.enter(staged(&engine, 0, b"over", &bytes, 10_000), None, 0).unwrap();
        assert!(get(&engine, 0, b"over") == Some((bytes, None)));
        assert_eq!(engine.lock(slot_of(b"over")).set_expiry(0, b"over", Some(9), 0), Ok(true));
        assert!(get(&engine, 0, b"over") == Some((value(new, 2), Some(9))));
    }
    engine.clear();
    assert_eq!(engine.count(0) + engine.count(7), 0);
}

#[test]
fn what_is_staged_is_counted_as_it_comes_and_given_back_when_it_is_dropped() {
    let engine = new(64 * MIB);
    set(&engine, b"a", b"small", None);
    let before = engine.used_bytes();
    let mut staged = engine.stage((1, 0, b"a"), NS0, 10 * MIB, 0).unwrap();
    assert_eq!(engine.used_bytes() - before, PAGE, "its key alone");
    let part = vec![7; 256 << 10];
    for count in 1..=20 {
        engine.fill(&mut staged, &part, 0).unwrap();
        assert_eq!(staged.filled_bytes(), count * (256 << 10));
        assert_eq!(engine.used_bytes() - before, count * (256 << 10) + PAGE);
    }
    assert_eq!(get(&engine, 0, b"a"), Some((b"small".to_vec(), None)), "the old value stays until then");
    drop(staged);
    assert_eq!(engine.used_bytes(), before);
    // Entered and removed, nothing is left either; beyond its length nothing is taken.
    let bytes = vec![7; (10 * MIB) as usize];
    let mut staged = self::staged(&engine, 0, b"ba", &bytes, 256 << 10);
    engine.fill(&mut staged, &part, 0).unwrap();
    engine.enter(staged, None, 0).unwrap();
    let figures = engine.figures()[0];
    assert!(figures.bytes >= 10 * MIB && figures.bytes <= engine.used_bytes());
    assert_eq!(engine.used_bytes() - before, 10 * MIB + PAGE);
    assert_eq!(engine.lock(slot_of(b"ba")).remove(0, b"ba", 0), Ok(true));
    assert_eq!(engine.used_bytes(), before);
    engine.clear();
    assert_eq!(engine.used_bytes(), 0);
}

#[test]
fn no_lock_is_held_while_a_value_is_filled() {
    let engine = new(64 * MIB);
    // Every stripe's lock is held here while the other thread fills.
    let guards: Vec<Guard<'_>> = (0..engine.stripes() as u16).map(|slot| engine.lock(slot)).collect();
    let bytes = value(5 << 20, 3);
    std::thread::scope(|threads| {
        let filling = threads.spawn(|| staged(&engine, 0, b"k", &bytes, 256 << 10));
        let staged = filling.join().unwrap();
        assert!(staged.is_whole());
        drop(guards);
        engine.enter(staged, None, 0).unwrap();
        assert!(get(&engine, 0, b"k") == Some((bytes.clone(), None)));
    });
}

#[test]
fn room_is_made_a_piece_at_a_time_and_what_cannot_fit_evicts_nothing() {
    let engine = new(16 * MIB);
    for number in 0..20_000u32 {
        set(&engine, &number.to_be_bytes(), &[1; 1000], None);
    }
    let items = engine.figures()[0].items;
    assert_eq!(engine.stage((1, 0, b"a"), NS0, 17 * MIB, 0).unwrap_err(), OutOfMemory);
    assert_eq!(engine.stage((1, 0, b"a"), NS0, u64::MAX, 0).unwrap_err(), OutOfMemory);
    assert_eq!(engine.figures()[0].items, items);
    let mut staged = engine.stage((1, 0, b"a"), NS0, 8 * MIB, 0).unwrap();
    let part = vec![7; 256 << 10];
    while !staged.is_whole() {
        let before = engine.figures()[0].evictions;
        engine.fill(&mut staged, &part, 0).unwrap();
        assert!(engine.used_bytes() <= engine.limit_bytes());
        let evicted = engine.figures()[0].evictions - before;
        assert!(evicted < 2000, "{evicted} entries of 1 kB went for 256 KiB");
    }
    engine.enter(staged, None, 0).unwrap();
    assert_eq!(get(&engine, 0, b"a").unwrap().0.len() as u64, 8 * MIB);
}

#[test]
fn where_nothing_may_go_a_value_that_does_not_fit_any_more_is_refused_and_its_memory_free() {
    let engine = new(8 * MIB);
    engine.configure(&[Some(NamespaceConfig { policy: Policy::None, ..NamespaceConfig::default() })]);
    let mut staged = engine.stage((1, 0, b"a"), NS0, 6 * MIB, 0).unwrap();
    let part = vec![7; 256 << 10];
    engine.fill(&mut staged, &part, 0).unwrap();
    // Others take the room meanwhile.
    let mut number = 0u32;
    while let Ok(mut guard) = engine.lock_with_room(slot_of(&number.to_be_bytes()), NS0, charge(4, 50_000), 0) {
        guard.set(0, &number.to_be_bytes(), ValueRef::String(&[1; 50_000]), None, NS0, 0).unwrap();
        number += 1;
    }
    let full = std::iter::repeat_with(|| engine.fill(&mut staged, &part, 0)).take(24).find(Result::is_err);
    assert_eq!(full, Some(Err(OutOfMemory)));
    let held = engine.used_bytes();
    let filled = staged.filled_bytes();
    drop(staged);
    assert!(held - engine.used_bytes() >= filled);
    assert_eq!(engine.figures()[0].items, u64::from(number), "nothing was evicted");
}

#[test]
fn a_value_may_change_its_namespace_before_it_is_whole() {
    let engine = new(16 * MIB);
    let bounded = NamespaceConfig { memory_max_bytes: Some(MIB), ..NamespaceConfig::default() };
    engine.configure(&[Some(NamespaceConfig::default()), Some(bounded)]);
    let mut staged = engine.stage((1, 0, b"a"), NS0, 2 * MIB, 0).unwrap();
    engine.fill(&mut staged, &vec![7; (2 * MIB) as usize], 0).unwrap();
    staged.move_to(NS1);
    staged.move_to(NS1);
    engine.enter(staged, None, 0).unwrap();
    let figures = engine.figures();
    assert_eq!((figures[0].items, figures[1].items), (0, 1));
    engine.trim_step(1000, 0);
    assert_eq!(engine.figures()[1].evictions, 1, "it is above its maximum, as after any change of the rules");
    assert_eq!(engine.figures().iter().map(|figures| figures.bytes).sum::<u64>(), 0);
}

/// Walked segments move such a value as it lies, whatever its head left free.
#[test]
fn a_staged_value_survives_that_its_neighbours_are_evicted() {
    let engine = new(16 * MIB);
    engine.configure(&[Some(NamespaceConfig { policy: Policy::Lru, ..NamespaceConfig::default() })]);
    let bytes = value(3 << 20, 5);
    engine.enter(staged(&engine, 0, b"kept", &bytes, 256 << 10), None, 0).unwrap();
    for number in 0..30_000u32 {
        let (key, now_ms) = (numbered(number), u64::from(number));
        let mut guard = engine.lock_with_room(slot_of(&key), NS0, charge(4, 1000), now_ms).unwrap();
        guard.set(0, &key, ValueRef::String(&[1; 1000]), None, NS0, now_ms).unwrap();
        drop(guard);
        if number % 50 == 0 {
            engine.lock(slot_of(b"kept")).get(0, b"kept", NS0, now_ms);
        }
    }
    assert!(engine.figures()[0].evictions > 10_000);
    assert!(get(&engine, 0, b"kept") == Some((bytes, None)));
}

const PART: usize = 1000;

/// What a walk told: of each key its parts, as offset and bytes.
type Told = BTreeMap<Vec<u8>, Vec<(usize, Vec<u8>)>>;

/// Walks everything in steps, with something done after each.
fn walk(engine: &Engine, bytes_max: usize, mut between: impl FnMut(usize)) -> Told {
    let (mut told, mut cursor) = (Told::new(), Some(Engine::cursor_of(0)));
    let mut steps = 0;
    while let Some(at) = cursor {
        let mut bytes = 0;
        cursor = engine.copy_slots(at, SLOTS, (bytes_max, PART), &|_| true, &mut |visit, part| {
            let Part::Bytes(range) = part else { panic!("a collection") };
            let value = visit.value.as_string().unwrap();
            assert!(range.len() == PART.min(value.len() - range.start) && range.start % PART == 0);
            bytes += range.len();
            told.entry(visit.key.to_vec()).or_default().push((range.start, value[range].to_vec()));
        });
        assert!(bytes <= bytes_max + 4 * PART, "{bytes} bytes in one step");
        between(steps);
        steps += 1;
    }
    told
}

/// The parts put together, if each goes on where the one before ended.
fn whole(parts: &[(usize, Vec<u8>)]) -> Option<Vec<u8>> {
    let mut value = Vec::new();
    for (offset, bytes) in parts {
        if *offset != value.len() {
            return None;
        }
        value.extend_from_slice(bytes);
    }
    Some(value)
}

fn numbered(number: u32) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

/// Lengths around those of one and two parts, and among them long ones. In a slot of thousands many hashes agree.
fn length_of(number: u32) -> usize {
    let lengths = [0, 1, PART - 1, PART, PART + 1, 2 * PART, 2 * PART + 1, 9 * PART + 17];
    if number.is_multiple_of(5) { lengths[number as usize / 5 % lengths.len()] } else { 10 }
}

#[test]
fn a_walk_tells_short_values_at_once_and_long_ones_part_by_part_in_order() {
    let engine = new(256 * MIB);
    // So many that slots are split, and tags agree.
    let count = 12_000;
    for number in 0..count {
        set(&engine, &numbered(number), &value(length_of(number), number as u8), None);
    }
    for bytes_max in [1, 64 << 10] {
        let told = walk(&engine, bytes_max, |_| ());
        for number in 0..count {
            let expected = value(length_of(number), number as u8);
            assert!(whole(&told[&numbered(number)]) == Some(expected), "{number}");
        }
        assert_eq!(told.len(), count as usize);
    }
}

#[test]
fn a_walk_goes_on_behind_what_has_changed_and_misses_nothing_else() {
    for round in 0..6u8 {
        let engine = new(64 * MIB);
        let count = 600;
        let length = |number| if number % 3 == 0 { 5 * PART } else { 10 };
        let changes = |number: u32| number.is_multiple_of(12);
        for number in 0..count {
            set(&engine, &numbered(number), &value(length(number), 1), None);
        }
        let told = walk(&engine, 1, |step| {
            let number = step as u32 * 7 % count;
            let (key, number) = (numbered(number), number);
            if !changes(number) {
                return;
            }
            match (round, number / 12 % 5) {
                (0, _) | (5, 0) => drop(engine.lock(slot_of(&key)).remove(0, &key, 0)),
                (1, _) | (5, 1) => set(&engine, &key, &value(5 * PART, 9), None),
                (2, _) | (5, 2) => set(&engine, &key, &value(PART + 1, 9), None),
                (3, _) | (5, 3) => set(&engine, &key, &value(20 * PART, 9), Some(1 << 50)),
                _ => drop(engine.lock(slot_of(&key)).set_expiry(0, &key, Some(1 << 40), 0)),
            }
        });
        for number in (0..count).filter(|number| !changes(*number)) {
            assert!(whole(&told[&numbered(number)]) == Some(value(length(number), 1)), "round {round}: {number}");
        }
    }
}

#[test]
fn what_is_not_wanted_is_passed_over_however_long_it_is() {
    let engine = new(64 * MIB);
    set(&engine, b"1", &value(10 << 20, 1), None);
    set(&engine, b"2", b"small", None);
    engine.reclassify_slot(slot_of(b"1"), 0, &|_, _| NS1);
    let mut seen = Vec::new();
    let next = engine.copy_slots(0, SLOTS, (10_000, PART), &|namespace| namespace == NS0, &mut |visit, _| {
        seen.push(visit.key.to_vec());
    });
    assert_eq!((next, seen), (None, vec![b"2".to_vec()]));
}
