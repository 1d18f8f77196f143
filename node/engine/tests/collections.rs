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
