//! What the engine promises to whoever keeps a copy of it: that all it does to journaled slots is told before, in order, and not
//! done when it is not taken; that kept slots stay; that a walk for a copy meets every entry.

#![allow(clippy::unwrap_used)]

use dcache_engine::*;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

const SLOTS: u16 = 8;
const NS0: NamespaceId = NamespaceId(0);

/// Database and key; value and expiry.
type Id = (u16, Vec<u8>);
type Item = (Vec<u8>, Option<u64>);

fn slot_of(key: &[u8]) -> u16 {
    u16::from(*key.last().unwrap_or(&0)) % SLOTS
}

/// A copy made of nothing but what was told.
#[derive(Debug, Default)]
struct Copy {
    items: Mutex<BTreeMap<Id, Item>>,
    refuses: AtomicBool,
    evicted_kept: AtomicU64,
}

impl Journal for Copy {
    fn record(&self, slot: u16, change: Change<'_>) -> bool {
        if role_of(slot) == SlotRole::Kept {
            assert!(matches!(change, Change::Remove { cause: Cause::Evicted, .. }), "{change:?}");
            self.evicted_kept.fetch_add(1, Relaxed);
            return true;
        }
        assert_eq!(role_of(slot), SlotRole::Journaled);
        if self.refuses.load(Relaxed) {
            return false;
        }
        let mut items = self.items.lock().unwrap();
        match change {
            Change::Set { database, key, value, expires_at_ms, .. } => {
                items.insert((database, key.to_vec()), (value.as_string().unwrap().to_vec(), expires_at_ms));
            }
            Change::Expiry { database, key, expires_at_ms, .. } => {
                items.get_mut(&(database, key.to_vec())).unwrap().1 = expires_at_ms;
            }
            Change::Edit { .. } => panic!("there are no collections"),
            Change::Remove { database, key, .. } => assert!(items.remove(&(database, key.to_vec())).is_some()),
        }
        true
    }
}

/// Two of three slots are journaled, one is kept, and the last is the engine's own.
fn role_of(slot: u16) -> SlotRole {
    match slot {
        7 => SlotRole::Own,
        2 | 5 => SlotRole::Kept,
        _ => SlotRole::Journaled,
    }
}

fn new(memory_bytes: u64, policy: Policy) -> (Engine, Arc<Copy>) {
    let engine =
        Engine::with_seed(Config { memory_bytes, slots: SLOTS, threads: 2, slot_of: |_, key| slot_of(key) }, 7);
    engine.configure(&[Some(NamespaceConfig { policy, ..NamespaceConfig::default() })]);
    let copy = Arc::new(Copy::default());
    engine.set_journal(Arc::clone(&copy) as Arc<dyn Journal>);
    (0..SLOTS).for_each(|slot| engine.set_role(slot, role_of(slot)));
    (engine, copy)
}

fn set(engine: &Engine, id: &Id, value: &[u8], expires_at_ms: Option<u64>, now_ms: u64) -> Result<(), Refused> {
    let needed = charge(id.1.len(), value.len() as u64);
    let mut guard = engine.lock_with_room(slot_of(&id.1), NS0, needed, now_ms)?;
    guard.set(id.0, &id.1, ValueRef::String(value), expires_at_ms, NS0, now_ms)
}

/// What is there, expired or not.
fn held(engine: &Engine, of: SlotRole) -> BTreeMap<Id, Item> {
    let mut held = BTreeMap::new();
    engine.scan(0, usize::MAX, 0, &mut |visit| {
        if role_of(visit.slot) == of {
            let item = (visit.value.as_string().unwrap().to_vec(), visit.expires_at_ms);
            held.insert((visit.database, visit.key.to_vec()), item);
        }
    });
    held
}

#[derive(Clone, Debug)]
enum Op {
    Set { id: Id, bytes: usize, ttl_ms: Option<u64> },
    Get { id: Id },
    Remove { id: Id },
    SetExpiry { id: Id, ttl_ms: Option<u64> },
    Advance { ms: u64 },
    Expire { stripe: usize },
    Refuse { refuses: bool },
}

fn op() -> impl Strategy<Value = Op> {
    let id = || (0u16..2, (0u16..400).prop_map(|n| n.to_be_bytes().to_vec()));
    let ttl = || prop::option::weighted(0.4, prop_oneof![1u64..40, Just(1 << 50)]);
    let bytes = prop_oneof![6 => 0usize..300, 2 => 0usize..3000, 1 => 0usize..40_000];
    prop_oneof![
        50 => (id(), bytes, ttl()).prop_map(|(id, bytes, ttl_ms)| Op::Set { id, bytes, ttl_ms }),
        10 => id().prop_map(|id| Op::Get { id }),
        5 => id().prop_map(|id| Op::Remove { id }),
        5 => (id(), ttl()).prop_map(|(id, ttl_ms)| Op::SetExpiry { id, ttl_ms }),
        3 => (0u64..200).prop_map(|ms| Op::Advance { ms }),
        3 => (0usize..8).prop_map(|stripe| Op::Expire { stripe }),
        1 => prop::bool::weighted(0.2).prop_map(|refuses| Op::Refuse { refuses }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Writes, expiry and eviction alike, refused or not.
    #[test]
    fn what_was_told_is_what_is_there(
        policy in prop::sample::select(Policy::ALL.to_vec()),
        ops in prop::collection::vec(op(), 1..800),
    ) {
        let (engine, copy) = new(1 << 20, policy);
        let mut now_ms = 1000;
        for (number, op) in ops.iter().enumerate() {
            let refuses = copy.refuses.load(Relaxed);
            match op {
                Op::Set { id, bytes, ttl_ms } => {
                    let value = vec![number as u8; *bytes];
                    let result = set(&engine, id, &value, ttl_ms.map(|ttl| now_ms + ttl), now_ms);
                    let is_journaled = role_of(slot_of(&id.1)) == SlotRole::Journaled;
                    prop_assert!(!(refuses && is_journaled) || result.is_err());
                }
                Op::Get { id } => drop(engine.lock(slot_of(&id.1)).get(id.0, &id.1, NS0, now_ms).map(|_| ())),
                Op::Remove { id } => {
                    let mut guard = engine.lock(slot_of(&id.1));
                    let was_there = guard.peek(id.0, &id.1, now_ms).is_some();
                    match guard.remove(id.0, &id.1, now_ms) {
                        // What has expired in a kept slot is still there to be removed.
                        Ok(removed) => prop_assert!(removed == was_there || role_of(slot_of(&id.1)) == SlotRole::Kept),
                        Err(error) => prop_assert!(refuses && error == Refused::Journal),
                    }
                    let is_there = guard.peek(id.0, &id.1, now_ms).is_some();
                    let may_stay = refuses && role_of(slot_of(&id.1)) == SlotRole::Journaled;
                    prop_assert_eq!(is_there, was_there && may_stay);
                }
                Op::SetExpiry { id, ttl_ms } => {
                    let result = engine.lock(slot_of(&id.1)).set_expiry(id.0, &id.1, ttl_ms.map(|ttl| now_ms + ttl), now_ms);
                    prop_assert!(result.is_ok() || refuses);
                }
                Op::Advance { ms } => now_ms += ms,
                Op::Expire { stripe } => {
                    engine.expire_step(stripe % engine.stripes(), now_ms, usize::MAX);
                }
                Op::Refuse { refuses } => copy.refuses.store(*refuses, Relaxed),
            }
            if number % 16 == 0 {
                prop_assert_eq!(&held(&engine, SlotRole::Journaled), &*copy.items.lock().unwrap());
            }
        }
        prop_assert_eq!(&held(&engine, SlotRole::Journaled), &*copy.items.lock().unwrap());
    }
}

fn numbered(numbers: std::ops::Range<u32>, slots: impl Fn(u16) -> bool) -> Vec<Id> {
    numbers.map(|n| (0, n.to_be_bytes().to_vec())).filter(|id| slots(slot_of(&id.1))).collect()
}

#[test]
fn kept_entries_neither_expire_nor_give_way_while_anything_else_can() {
    for policy in Policy::ALL.into_iter().filter(|policy| *policy != Policy::None) {
        let (engine, copy) = new(2 << 20, policy);
        let kept = numbered(0..800, |slot| role_of(slot) == SlotRole::Kept);
        for id in &kept {
            set(&engine, id, &[1; 1000], Some(10), 0).unwrap();
        }
        // Several times the memory passes by, long after the kept ones were to expire.
        for id in numbered(1000..12_000, |slot| role_of(slot) != SlotRole::Kept) {
            set(&engine, &id, &[2; 1000], None, 1_000_000).unwrap();
        }
        for stripe in 0..engine.stripes() {
            engine.expire_step(stripe, 1_000_000, usize::MAX);
        }
        assert_eq!(held(&engine, SlotRole::Kept).len(), kept.len(), "{policy:?}");
        assert_eq!(copy.evicted_kept.load(Relaxed), 0, "{policy:?}");
        // What has expired is not shown, kept or not.
        assert!(engine.lock(slot_of(&kept[0].1)).peek(0, &kept[0].1, 11).is_none());
    }
}

#[test]
fn kept_entries_give_way_when_nothing_else_is_there_and_that_is_told() {
    let (engine, copy) = new(2 << 20, Policy::Lru);
    let ids = numbered(0..16_000, |slot| role_of(slot) == SlotRole::Kept);
    for id in &ids {
        set(&engine, id, &[1; 1000], None, 0).unwrap();
    }
    let gone = ids.len() - held(&engine, SlotRole::Kept).len();
    assert!(gone > 0);
    assert_eq!(copy.evicted_kept.load(Relaxed), gone as u64);
}

#[test]
fn a_walk_for_a_copy_meets_what_stays_once_and_no_more_at_a_time_than_asked() {
    let (engine, _) = new(64 << 20, Policy::Lru);
    let stays = numbered(0..20_000, |_| true);
    let comes_and_goes = numbered(20_000..40_000, |_| true);
    for id in &stays {
        set(&engine, id, &[1; 100], None, 0).unwrap();
    }
    let (first, end) = (2, 6);
    let mut seen: BTreeMap<Vec<u8>, u32> = BTreeMap::new();
    let (mut cursor, mut turn) = (Some(Engine::cursor_of(first)), 0);
    while let Some(at) = cursor {
        let mut bytes = 0;
        cursor = engine.copy_slots(at, end, (64 << 10, 64 << 10), &|_| true, &mut |visit, _| {
            assert!((first..end).contains(&visit.slot));
            bytes += visit.key.len() + visit.value.bytes() as usize;
            *seen.entry(visit.key.to_vec()).or_default() += 1;
        });
        assert!(bytes < 256 << 10, "{bytes} bytes in one step");
        // Tables grow and shrink meanwhile.
        for id in comes_and_goes.iter().skip(turn * 1000).take(1000) {
            set(&engine, id, &[2; 50], None, 0).unwrap();
        }
        turn += 1;
    }
    assert!(turn > 10);
    for id in stays.iter().filter(|id| (first..end).contains(&slot_of(&id.1))) {
        assert!(seen.get(&id.1).is_some_and(|times| *times >= 1), "{id:?}");
    }
    let twice = stays.iter().filter(|id| seen.get(&id.1).is_some_and(|times| *times > 1)).count();
    assert!(twice < stays.len() / 20, "{twice} were sent twice");
}
