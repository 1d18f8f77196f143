//! What the engine promises of collections: they are what was done to them or gone as a whole, whatever is evicted, expired and
//! cleared meanwhile; what they take of the heap stands in the limit; and freeing a large one is done in steps.

#![allow(clippy::unwrap_used)]

use dcache_engine::*;
use std::collections::BTreeMap;

const SLOTS: u16 = 8;
const NS: NamespaceId = NamespaceId::DEFAULT;

fn slot_of(key: &[u8]) -> u16 {
    u16::from(key[0]) % SLOTS
}

fn engine(memory_bytes: u64, policy: Policy) -> Engine {
    let engine =
        Engine::with_seed(Config { memory_bytes, slots: SLOTS, threads: 1, slot_of: |_, key| slot_of(key) }, 3);
    engine.configure(&[Some(NamespaceConfig { policy, ..NamespaceConfig::default() })]);
    engine
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// Adds members to a set; how many there are then.
fn add(engine: &Engine, key: &[u8], members: impl Iterator<Item = Vec<u8>>, now_ms: u64) -> Result<usize, Unedited> {
    let members: Vec<Vec<u8>> = members.collect();
    let room: usize = members.iter().map(|member| member.len() + 64).sum();
    let needed = charge(key.len(), room as u64);
    let mut guard =
        engine.lock_with_room(slot_of(key), NS, needed, now_ms).map_err(|why| Unedited::Refused(why.into()))?;
    guard.edit((0, key), Kind::Set, NS, None, room, now_ms, |set| {
        members.iter().for_each(|member| _ = set.add(member));
        set.value().as_set().unwrap().len()
    })
}

/// How many steps it took.
fn free_all(engine: &Engine) -> usize {
    let of_stripe =
        |stripe: usize| std::iter::repeat_with(|| engine.free_step(stripe)).take_while(|is_done| !is_done).count();
    (0..engine.stripes()).map(of_stripe).sum()
}

fn members_of(engine: &Engine, key: &[u8], now_ms: u64) -> Option<Vec<Vec<u8>>> {
    let mut guard = engine.lock(slot_of(key));
    let entry = guard.peek(0, key, now_ms)?;
    let mut members = Vec::new();
    entry.value().as_set().unwrap().each(|member| members.push(member.to_vec()));
    members.sort();
    Some(members)
}

#[test]
fn under_pressure_a_collection_is_whole_or_gone_and_the_limit_holds() {
    for policy in [Policy::Lru, Policy::S3Fifo, Policy::Cost, Policy::Auto] {
        let engine = engine(1 << 20, policy);
        let mut random = Random(policy as u64 + 1);
        let mut model: BTreeMap<Vec<u8>, Vec<Vec<u8>>> = BTreeMap::new();
        for step in 0..1500u64 {
            let key = vec![random.below(8) as u8, random.below(40) as u8];
            let count = [1, 5, 60, 900][random.below(4) as usize];
            let of =
                |random: &mut Random| format!("{:0width$}", random.below(5000), width = 10 + count % 30).into_bytes();
            match random.below(10) {
                0..7 => {
                    let new: Vec<Vec<u8>> = (0..count).map(|_| of(&mut random)).collect();
                    let present = members_of(&engine, &key, step);
                    let result = add(&engine, &key, new.iter().cloned(), step);
                    let mut expected = present.clone().unwrap_or_default();
                    expected.extend(new);
                    expected.sort();
                    expected.dedup();
                    let now = members_of(&engine, &key, step);
                    // Making room may have evicted the very one, before the new ones came or in the place of all.
                    assert!(result.is_err() || now.as_ref().is_some_and(|now| now.len() <= expected.len()));
                    model.insert(key, now.unwrap_or_default());
                }
                7 => {
                    engine.lock(slot_of(&key)).remove(0, &key, step).unwrap();
                    model.remove(&key);
                }
                8 => {
                    engine.lock(slot_of(&key)).set_expiry(0, &key, Some(step + 3000), step).unwrap();
                }
                _ => {
                    let now = members_of(&engine, &key, step);
                    let expected = model.get(&key).cloned().unwrap_or_default();
                    assert!(now.is_none() || now == Some(expected), "a part of a collection is gone");
                    engine.free_step(0);
                }
            }
            assert!(engine.used_bytes() <= engine.limit_bytes());
        }
        let figures = engine.figures()[0];
        assert!(figures.evictions > 5, "{policy:?}: {}", figures.evictions);
        assert_eq!(figures.items, engine.count(0));
        engine.clear();
        free_all(&engine);
        assert!(engine.used_bytes() < 512 << 10, "{policy:?}: {} bytes are left", engine.used_bytes());
        assert_eq!(engine.figures()[0].stored_bytes, 0);
    }
}

#[test]
fn what_a_large_collection_takes_is_counted_and_freed_in_steps() {
    let engine = engine(256 << 20, Policy::Lru);
    let empty = engine.used_bytes();
    for batch in 0..200u64 {
        add(&engine, b"big", (0..1000).map(|n| (batch * 1000 + n).to_string().into_bytes()), 0).unwrap();
    }
    let taken = engine.used_bytes() - empty;
    let told = engine.lock(slot_of(b"big")).peek(0, b"big", 0).unwrap().charged_bytes();
    assert!(taken >= told && taken < told + (256 << 10), "{taken} bytes for {told}");
    assert!(told < 200_000 * 30, "{} bytes a member", told / 200_000);
    assert_eq!(engine.slot_figures().iter().map(|slot| slot.2).sum::<u64>() / 1000, told / 1000);
    assert!(engine.lock(slot_of(b"big")).remove(0, b"big", 0).unwrap());
    assert!(engine.used_bytes() > taken / 2, "it is not freed under the lock that removed it");
    let steps = free_all(&engine);
    assert!(steps > 10, "{steps}");
    assert!(engine.used_bytes() <= empty + (64 << 10), "{} bytes are left", engine.used_bytes() - empty);
}

#[test]
fn what_a_stream_and_its_groups_take_is_counted_and_freed_in_steps() {
    let engine = engine(256 << 20, Policy::Lru);
    let empty = engine.used_bytes();
    let change = |room: usize, change: &mut dyn FnMut(&mut Edit)| {
        let mut guard = engine.lock(slot_of(b"log"));
        guard.edit((0, b"log"), Kind::Stream, NS, None, room, 0, |edit| change(edit)).unwrap();
    };
    for batch in 0..100u64 {
        change(1000 * 100, &mut |edit| {
            for number in 0..1000 {
                let id = StreamId::new(batch, number + 1);
                assert!(edit.append_entry(id, &[(b"name", b"some value"), (b"other", number.to_string().as_bytes())]));
            }
        });
    }
    let entries = engine.used_bytes() - empty;
    assert!(entries < 100_000 * 35, "{} bytes an entry", entries / 100_000);
    change(100_000 * 100, &mut |edit| {
        edit.put_group(b"group", StreamId::MAX, None);
        (0..100_000).for_each(|n| edit.put_pending(b"group", StreamId::new(n / 1000, n % 1000 + 1), b"consumer", 1, 1));
    });
    let taken = engine.used_bytes() - empty;
    let told = engine.lock(slot_of(b"log")).peek(0, b"log", 0).unwrap().charged_bytes();
    assert!(taken >= told && taken < told + (256 << 10), "{taken} bytes for {told}");
    assert!(taken > entries + 100_000 * 50, "what is pending is counted");
    assert!(engine.lock(slot_of(b"log")).remove(0, b"log", 0).unwrap());
    let steps = free_all(&engine);
    assert!(steps > 10, "{steps}");
    assert!(engine.used_bytes() <= empty + (64 << 10), "{} bytes are left", engine.used_bytes() - empty);
}

#[test]
fn fields_expire_unasked() {
    let engine = engine(16 << 20, Policy::Lru);
    for (key, count) in [(b"a1", 5), (b"b2", 500)] {
        let mut guard = engine.lock_with_room(slot_of(key), NS, 1000, 0).unwrap();
        let put = |hash: &mut Edit| {
            for number in 0..count {
                let expiry = (number % 2 == 0).then_some(1000 + number as u64);
                hash.put_field(format!("field{number}").as_bytes(), b"value", expiry);
            }
        };
        guard.edit((0, key), Kind::Hash, NS, None, count * 100, 0, put).unwrap();
    }
    let held = || {
        let mut counts = Vec::new();
        engine.scan(0, 100, 0, &mut |visit| counts.push(visit.value.as_hash(0).unwrap().len()));
        counts.sort();
        counts
    };
    let expire = |now_ms| (0..engine.stripes()).for_each(|stripe| while !engine.expire_step(stripe, now_ms, 1000).1 {});
    expire(900);
    assert_eq!(held(), [5, 500]);
    expire(2000);
    assert_eq!(held(), [2, 250]);
}

#[test]
fn a_collection_moves_to_another_namespace_with_what_it_takes() {
    let engine = engine(64 << 20, Policy::Lru);
    add(&engine, b"key", (0..5000).map(|n: u32| format!("member{n}").into_bytes()), 0).unwrap();
    let before = members_of(&engine, b"key", 0);
    let bytes = engine.figures()[0].bytes;
    engine.reclassify_slot(slot_of(b"key"), 0, &|_, _| NamespaceId(1));
    let figures = engine.figures();
    assert!(figures[1].bytes > bytes / 2 && figures[0].bytes < bytes / 2, "{figures:?}");
    assert_eq!(members_of(&engine, b"key", 0), before);
    engine.lock(slot_of(b"key")).remove(0, b"key", 0).unwrap();
    free_all(&engine);
    assert!(engine.used_bytes() < 256 << 10);
}

/// Items, and when they expire.
type Listed = (Vec<Vec<u8>>, Option<u64>);

/// Lists that change in length all the time, where they lie or not, some with an expiry, while sweeps are under way and
/// dead space is given up: each is what a model of it is.
#[test]
fn what_grows_and_shrinks_is_what_was_done_to_it() {
    for seed in 0..6 {
        let engine = engine(if seed % 2 == 0 { 64 << 20 } else { 2 << 20 }, Policy::Lru);
        let mut random = Random(seed);
        let mut model: BTreeMap<Vec<u8>, Listed> = BTreeMap::new();
        let mut now_ms = 1000;
        for _ in 0..20_000 {
            let key = vec![random.below(4) as u8, random.below(60) as u8];
            now_ms += random.below(3);
            if model.get(&key).is_some_and(|(_, at)| at.is_some_and(|at| at <= now_ms)) {
                model.remove(&key);
            }
            let item = vec![b'a' + random.below(26) as u8; random.below(90) as usize];
            let mut guard = engine.lock_with_room(slot_of(&key), NS, 16 << 10, now_ms).unwrap();
            match random.below(12) {
                0..4 => {
                    let at_front = random.below(2) == 0;
                    let push = |list: &mut Edit| if at_front { list.push_front(&item) } else { list.push_back(&item) };
                    guard.edit((0, &key), Kind::List, NS, None, 200, now_ms, push).unwrap();
                    let items = &mut model.entry(key).or_default().0;
                    items.insert(if at_front { 0 } else { items.len() }, item);
                }
                4..9 => {
                    let count = model.get(&key).map_or(0, |(items, _)| items.len());
                    let range = if count == 0 { 0..0 } else { 0..(1 + random.below(2) as usize).min(count) };
                    guard
                        .edit((0, &key), Kind::List, NS, None, 0, now_ms, |list| {
                            list.remove_items(range.clone(), |_| {})
                        })
                        .unwrap();
                    if let Some((items, _)) = model.get_mut(&key) {
                        items.drain(range);
                        if items.is_empty() {
                            model.remove(&key);
                        }
                    }
                }
                9 => {
                    let expires_at_ms = (random.below(4) > 0).then(|| now_ms + random.below(400));
                    guard.set_expiry(0, &key, expires_at_ms, now_ms).unwrap();
                    if let Some(entry) = model.get_mut(&key) {
                        entry.1 = expires_at_ms;
                    }
                }
                10 => {
                    let _ = guard.remove(0, &key, now_ms).unwrap();
                    model.remove(&key);
                }
                _ => {
                    drop(guard);
                    for stripe in 0..engine.stripes() {
                        engine.expire_step(stripe, now_ms, 1 + random.below(40) as usize);
                    }
                }
            }
        }
        assert_eq!(engine.figures()[0].evictions, 0);
        let held = |engine: &Engine| {
            let mut held = BTreeMap::new();
            let mut cursor = 0;
            loop {
                cursor = engine.scan(cursor, 100, now_ms, &mut |visit| {
                    let mut items = Vec::new();
                    let list = visit.value.as_list().unwrap();
                    list.each(0..list.len(), |item| {
                        items.push(item.to_vec());
                        true
                    });
                    held.insert(visit.key.to_vec(), items);
                });
                if cursor == 0 {
                    break;
                }
            }
            held
        };
        model.retain(|_, (_, at)| at.is_none_or(|at| at > now_ms));
        assert_eq!(held(&engine), model.iter().map(|(key, (items, _))| (key.clone(), items.clone())).collect());
        // A sweep that is under way ends first, and its segment's next one is a second later.
        for later_ms in [2000, 4000] {
            (0..engine.stripes()).for_each(|stripe| while !engine.expire_step(stripe, now_ms + later_ms, 1000).1 {});
        }
        let living = model.values().filter(|(_, at)| at.is_none()).count() as u64;
        assert_eq!(engine.count(0), living, "what had an expiry is gone unasked");
        engine.clear();
        assert_eq!((engine.figures()[0].stored_bytes, engine.slot_figures().len()), (0, 0));
    }
}

#[test]
fn an_expiry_that_comes_behind_a_sweep_under_way_is_seen_by_the_next_one() {
    let engine = engine(16 << 20, Policy::Lru);
    let keys: Vec<Vec<u8>> = (0..100u8).map(|n| vec![0, n]).collect();
    for key in &keys {
        let mut guard = engine.lock_with_room(slot_of(key), NS, 1000, 0).unwrap();
        guard.set(0, key, ValueRef::String(b"value"), Some(1_000_000), NS, 0).unwrap();
    }
    // The first expires, which starts a sweep, and then others before and behind where that is.
    engine.lock(slot_of(&keys[0])).set_expiry(0, &keys[0], Some(10), 0).unwrap();
    let stripes = 0..engine.stripes();
    stripes.clone().for_each(|stripe| _ = engine.expire_step(stripe, 20, 30));
    for key in &keys[1..] {
        engine.lock(slot_of(key)).set_expiry(0, key, Some(50), 20).unwrap();
    }
    for now_ms in [60, 5000, 10_000] {
        stripes.clone().for_each(|stripe| while !engine.expire_step(stripe, now_ms, 30).1 {});
    }
    assert_eq!(engine.count(0), 0);
}
