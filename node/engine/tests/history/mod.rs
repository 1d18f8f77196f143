//! Histories of operations, done to the engine and to a naive model: a map and a clock. What the engine holds must be what was
//! last written, byte for byte; what it does not hold must have been evicted, expired or removed, and be counted as that; and
//! every count and account must agree with the entries. Where histories come from is the user's: `model.rs` draws them, the
//! fuzz target `engine` reads them from bytes.

#![allow(clippy::unwrap_used)]

use dcache_engine::*;
use std::collections::{BTreeMap, BTreeSet};

pub const SLOTS: u16 = 8;

/// Database and key.
pub type Id = (u16, Vec<u8>);

#[derive(Clone, Debug)]
pub enum Op {
    Set { id: Id, bytes: usize, ttl_ms: Option<u64> },
    Get { id: Id },
    Touch { id: Id },
    Remove { id: Id },
    SetExpiry { id: Id, ttl_ms: Option<u64> },
    Advance { ms: u64 },
    Expire { stripe: usize, max: usize },
    Trim { max: usize },
    ClearSlot { slot: u16 },
    ClearDatabase { database: u16 },
    Clear,
    Configure { configs: Vec<Option<NamespaceConfig>> },
    Reclassify { modulus: u8 },
}

#[derive(Clone, Debug, PartialEq)]
struct Item {
    value: Vec<u8>,
    expires_at_ms: Option<u64>,
}

#[derive(Debug)]
struct Model {
    items: BTreeMap<Id, Item>,
    configs: Vec<Option<NamespaceConfig>>,
    /// A key's namespace is its last byte modulo this.
    modulus: u8,
    now_ms: u64,
    written: u64,
    /// Entries taken out of the model for what the engine said of them.
    gone: u64,
}

fn slot_of(key: &[u8]) -> u16 {
    u16::from(*key.last().unwrap_or(&0)) % SLOTS
}

impl Model {
    fn namespace(&self, id: &Id) -> NamespaceId {
        NamespaceId(*id.1.last().unwrap_or(&0) % self.modulus)
    }

    fn is_expired(&self, id: &Id) -> bool {
        self.items.get(id).is_some_and(|item| item.expires_at_ms.is_some_and(|at| at <= self.now_ms))
    }

    fn forget(&mut self, id: &Id) {
        self.gone += u64::from(self.items.remove(id).is_some());
    }
}

/// What evictions, expirations and nothing else can explain.
fn unexplained(engine: &Engine) -> u64 {
    engine.figures().iter().map(|figures| figures.evictions + figures.expirations).sum()
}

/// Does the same to both and compares what they answer.
fn apply(engine: &Engine, model: &mut Model, op: &Op, is_roomy: bool) {
    let now_ms = model.now_ms;
    match op.clone() {
        Op::Set { id, bytes, ttl_ms } => {
            model.written += 1;
            let value: Vec<u8> = (0..bytes).map(|at| (model.written as usize * 31 + at * 7) as u8).collect();
            let namespace = model.namespace(&id);
            let expires_at_ms = ttl_ms.map(|ttl| now_ms + ttl);
            let needed = charge(id.1.len(), bytes as u64);
            let guard = engine.lock_with_room(slot_of(&id.1), namespace, needed, now_ms);
            let set = guard.map_err(Refused::from).and_then(|mut guard| {
                // Making room may have cost the very key.
                if guard.peek(id.0, &id.1, now_ms).is_none() {
                    model.forget(&id);
                }
                guard.set(id.0, &id.1, ValueRef::String(&value), expires_at_ms, namespace, now_ms)
            });
            if model.is_expired(&id) {
                model.forget(&id);
            }
            match set {
                Ok(()) => drop(model.items.insert(id, Item { value, expires_at_ms })),
                Err(refused) => assert!(!is_roomy && refused == Refused::from(OutOfMemory)),
            }
        }
        Op::Get { id } => {
            let mut guard = engine.lock(slot_of(&id.1));
            let found = guard.get(id.0, &id.1, model.namespace(&id), now_ms);
            let found = found.map(|entry| Item {
                value: entry.value().as_string().unwrap().to_vec(),
                expires_at_ms: entry.expires_at_ms(),
            });
            if model.is_expired(&id) {
                model.forget(&id);
            }
            match found {
                Some(found) => assert_eq!(Some(&found), model.items.get(&id), "{id:?}"),
                None => {
                    assert!(!is_roomy || !model.items.contains_key(&id), "{id:?}");
                    model.forget(&id);
                }
            }
        }
        Op::Touch { id } => {
            let touched = engine.lock(slot_of(&id.1)).touch(id.0, &id.1, now_ms);
            if model.is_expired(&id) || !touched {
                assert!(!is_roomy || model.is_expired(&id) || !model.items.contains_key(&id));
                model.forget(&id);
            }
            assert_eq!(touched, model.items.contains_key(&id));
        }
        Op::Remove { id } => {
            if model.is_expired(&id) {
                model.forget(&id);
            }
            let removed = engine.lock(slot_of(&id.1)).remove(id.0, &id.1, now_ms).unwrap();
            if removed {
                assert!(model.items.remove(&id).is_some());
            } else {
                assert!(!is_roomy || !model.items.contains_key(&id));
                model.forget(&id);
            }
        }
        Op::SetExpiry { id, ttl_ms } => {
            let expires_at_ms = ttl_ms.map(|ttl| now_ms + ttl);
            let found = engine.lock(slot_of(&id.1)).set_expiry(id.0, &id.1, expires_at_ms, now_ms).unwrap();
            if model.is_expired(&id) || !found {
                assert!(!is_roomy || model.is_expired(&id) || !model.items.contains_key(&id));
                model.forget(&id);
            }
            assert_eq!(found, model.items.contains_key(&id));
            if let Some(item) = model.items.get_mut(&id) {
                item.expires_at_ms = expires_at_ms;
            }
        }
        Op::Advance { ms } => model.now_ms += ms,
        Op::Expire { stripe, max } => {
            let (dropped, is_done) = engine.expire_step(stripe % engine.stripes(), now_ms, max);
            assert!(is_done || max < usize::MAX, "{dropped}");
        }
        Op::Trim { max } => drop(engine.trim_step(max, now_ms)),
        Op::ClearSlot { slot } => {
            let before = engine.count_in_slot(slot, 0) + engine.count_in_slot(slot, 1);
            assert_eq!(engine.clear_slot(slot), before);
            catch_up(engine, model, before, |id| slot_of(&id.1) == slot);
        }
        Op::ClearDatabase { database } => {
            let before = engine.count(database);
            assert_eq!(engine.clear_database(database), before);
            catch_up(engine, model, before, |id| id.0 == database);
        }
        Op::Clear => {
            let before = engine.count(0) + engine.count(1);
            engine.clear();
            assert_eq!(engine.used_bytes(), 0);
            catch_up(engine, model, before, |_| true);
        }
        Op::Configure { configs } => {
            engine.configure(&configs);
            model.configs = configs;
        }
        Op::Reclassify { modulus } => {
            for slot in 0..SLOTS {
                engine.reclassify_slot(slot, now_ms, &|_, key| NamespaceId(key.last().unwrap() % modulus));
            }
            model.modulus = modulus;
        }
    }
}

/// Takes cleared entries out of the model; those the engine had lost before were gone for another reason.
fn catch_up(_: &Engine, model: &mut Model, cleared: u64, is_cleared: impl Fn(&Id) -> bool) {
    let before = model.items.len() as u64;
    model.items.retain(|id, _| !is_cleared(id));
    model.gone += before - model.items.len() as u64 - cleared;
}

/// Everything held is what was written; whatever is missing is counted; every sum agrees.
fn compare(engine: &Engine, model: &mut Model) {
    let mut held = BTreeMap::new();
    // At time 0 nothing has expired, so this shows what is there and not what may be seen.
    let cursor = engine.scan(0, usize::MAX, 0, &mut |visit| {
        assert_eq!(visit.slot, slot_of(visit.key));
        let item = Item { value: visit.value.as_string().unwrap().to_vec(), expires_at_ms: visit.expires_at_ms };
        assert!(held.insert((visit.database, visit.key.to_vec()), item).is_none(), "visited twice");
    });
    assert_eq!(cursor, 0);
    let missing: Vec<Id> = model.items.keys().filter(|id| !held.contains_key(*id)).cloned().collect();
    missing.iter().for_each(|id| model.forget(id));
    assert_eq!(held, model.items);
    assert_eq!(model.gone, unexplained(engine));
    assert!(engine.used_bytes() <= engine.limit_bytes());
    let figures = engine.figures();
    let sum = |of: fn(&NamespaceFigures) -> u64| figures.iter().map(of).sum::<u64>();
    assert_eq!(sum(|figures| figures.items), held.len() as u64);
    assert_eq!(
        sum(|figures| figures.stored_bytes),
        held.iter().map(|(id, item)| (id.1.len() + item.value.len()) as u64).sum::<u64>()
    );
    assert!(sum(|figures| figures.bytes) <= engine.used_bytes());
    for (id, figures) in (0u8..).zip(&figures) {
        let of = held.keys().filter(|held| model.namespace(held) == NamespaceId(id)).count() as u64;
        assert_eq!(figures.items, of, "namespace {id}");
        let max = model.configs.get(usize::from(id)).copied().flatten().and_then(|config| config.memory_max_bytes);
        if let Some(max) = max
            && model.configs.get(usize::from(id)).copied().flatten().is_some_and(|config| config.policy != Policy::None)
        {
            // Only a lowered maximum leaves it above, until trimmed.
            engine.trim_step(usize::MAX, model.now_ms);
            let bytes = engine.figures()[usize::from(id)].bytes;
            assert!(bytes <= max.max(64 << 10), "{bytes} of {max}");
        }
    }
    for (database, slot) in (0..2).flat_map(|database| (0..SLOTS).map(move |slot| (database, slot))) {
        let count = engine.keys_in_slot(slot, database, usize::MAX, 0).len() as u64;
        assert_eq!(engine.count_in_slot(slot, database), count);
    }
    for database in 0..2 {
        let mut keys = BTreeSet::new();
        let mut expiring = 0;
        engine.scan(0, usize::MAX, 0, &mut |visit| {
            if visit.database == database {
                keys.insert(visit.key.to_vec());
                expiring += u64::from(visit.expires_at_ms.is_some());
            }
        });
        assert_eq!((engine.count(database), engine.count_expiring(database)), (keys.len() as u64, expiring));
        match engine.random_key(database, 12345, 0) {
            Some(key) => assert!(keys.contains(&key)),
            None => assert!(keys.is_empty()),
        }
    }
    let of_slots: u64 = engine.slot_figures().iter().map(|slot| slot.1).sum();
    assert_eq!(of_slots, engine.count(0) + engine.count(1));
}

/// Does a history of operations. `is_roomy`: nothing need be evicted, so nothing may be missing.
pub fn run(memory_bytes: u64, policy: Policy, ops: &[Op], is_roomy: bool) {
    let engine = Engine::new(Config { memory_bytes, slots: SLOTS, threads: 2, slot_of: |_, key| slot_of(key) });
    let first = vec![Some(NamespaceConfig { policy, ..NamespaceConfig::default() })];
    engine.configure(&first);
    let mut model = Model { items: BTreeMap::new(), configs: first, modulus: 1, now_ms: 1000, written: 0, gone: 0 };
    for (number, op) in ops.iter().enumerate() {
        if is_roomy && matches!(op, Op::Configure { .. }) {
            continue;
        }
        apply(&engine, &mut model, op, is_roomy);
        if number % 32 == 0 || matches!(op, Op::Reclassify { .. } | Op::ClearSlot { .. }) {
            compare(&engine, &mut model);
        }
    }
    compare(&engine, &mut model);
}
