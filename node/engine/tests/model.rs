//! The engine against a naive model: a map, a clock, and eviction by looking at everything. After every operation both must
//! hold the same entries under the same account, for every policy and through changes of policy.

#![allow(clippy::unwrap_used)]

use dcache_engine::*;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

const SLOTS: u16 = 8;
const SHARDS: usize = 4;

#[derive(Clone, Debug)]
enum Op {
    Set { database: u16, key: u8, bytes: usize, ttl_ms: Option<u64> },
    Get { database: u16, key: u8 },
    Touch { database: u16, key: u8 },
    Remove { database: u16, key: u8 },
    SetExpiry { database: u16, key: u8, ttl_ms: Option<u64> },
    Advance { ms: u64 },
    ExpireStep { shard: usize, max: usize },
    Trim { max: usize },
    ClearSlot { slot: u16 },
    ClearDatabase { database: u16 },
    Clear,
    Configure { configs: Vec<Option<NamespaceConfig>> },
    Reclassify { modulus: u8 },
}

#[derive(Clone, Debug, PartialEq)]
struct Item {
    bytes: usize,
    expires_at_ms: Option<u64>,
    namespace: u8,
    tick: u64,
    uses: u64,
}

#[derive(Debug)]
struct Model {
    limit: u64,
    configs: Vec<Option<NamespaceConfig>>,
    items: BTreeMap<(u16, u8), Item>,
    figures: BTreeMap<u8, NamespaceFigures>,
    /// A key's namespace is its number modulo this.
    modulus: u8,
    tick: u64,
    now_ms: u64,
}

impl Model {
    fn config(&self, namespace: u8) -> NamespaceConfig {
        let of = |id: usize| self.configs.get(id).copied().flatten();
        let default = of(0).unwrap_or_default();
        of(usize::from(namespace)).unwrap_or(NamespaceConfig { memory_max_bytes: None, ..default })
    }

    fn max(&self, namespace: u8) -> u64 {
        self.config(namespace).memory_max_bytes.unwrap_or(u64::MAX)
    }

    fn used(&self) -> u64 {
        self.items.values().map(|item| charge(1, item.bytes as u64)).sum()
    }

    fn used_by(&self, namespace: u8) -> u64 {
        let of = self.items.values().filter(|item| item.namespace == namespace);
        of.map(|item| charge(1, item.bytes as u64)).sum()
    }

    fn count(&mut self, namespace: u8) -> &mut NamespaceFigures {
        self.figures.entry(namespace).or_default()
    }

    fn next_tick(&mut self) -> u64 {
        self.tick += 1;
        self.tick
    }

    fn is_expired(&self, id: (u16, u8)) -> bool {
        self.items[&id].expires_at_ms.is_some_and(|at| at <= self.now_ms)
    }

    fn drop_if_expired(&mut self, id: (u16, u8)) {
        if self.items.contains_key(&id) && self.is_expired(id) {
            let item = self.items.remove(&id).unwrap();
            self.count(item.namespace).expirations += 1;
        }
    }

    fn victim(&self, namespace: u8) -> Option<(u16, u8)> {
        let policy = self.config(namespace).policy;
        let of = self.items.iter().filter(|(_, item)| item.namespace == namespace && policy != Policy::None);
        of.min_by_key(|(_, item)| (if policy == Policy::Lfu { item.uses } else { 0 }, item.tick)).map(|(id, _)| *id)
    }

    fn evict(&mut self, namespace: u8) -> Option<u64> {
        let id = self.victim(namespace)?;
        let is_expired = self.is_expired(id);
        let item = self.items.remove(&id).unwrap();
        let figures = self.count(namespace);
        *(if is_expired { &mut figures.expirations } else { &mut figures.evictions }) += 1;
        Some(charge(1, item.bytes as u64))
    }

    fn make_room(&mut self, namespace: u8, bytes: u64) -> Result<(), OutOfMemory> {
        let (max, limit) = (self.max(namespace), self.limit);
        if bytes > max.min(limit) {
            return Err(OutOfMemory);
        }
        if self.used_by(namespace) + bytes <= max && self.used() + bytes <= limit {
            return Ok(());
        }
        let stays = |item: &&Item| self.config(item.namespace).policy == Policy::None;
        let staying: u64 = self.items.values().filter(stays).map(|item| charge(1, item.bytes as u64)).sum();
        if staying + bytes > limit {
            return Err(OutOfMemory);
        }
        let mut freed = 0;
        while freed < bytes && self.used_by(namespace) + bytes > max {
            freed += self.evict(namespace).ok_or(OutOfMemory)?;
        }
        while freed < bytes && self.used() + bytes > limit {
            let with_write = |id: u8| self.used_by(id) + if id == namespace { bytes } else { 0 };
            let giving = (0..=u8::MAX).filter(|id| self.victim(*id).is_some());
            let largest = giving.max_by_key(|id| (with_write(*id), Reverse(*id))).ok_or(OutOfMemory)?;
            freed += self.evict(largest).unwrap();
        }
        for _ in 0..64 {
            if self.used_by(namespace) + bytes <= max || self.evict(namespace).is_none() {
                break;
            }
        }
        Ok(())
    }

    fn set(&mut self, id: (u16, u8), bytes: usize, ttl_ms: Option<u64>) -> Result<(), OutOfMemory> {
        let namespace = id.1 % self.modulus;
        if let Err(refusal) = self.make_room(namespace, charge(1, bytes as u64)) {
            self.count(namespace).refused += 1;
            return Err(refusal);
        }
        self.drop_if_expired(id);
        self.count(namespace).sets += 1;
        let tick = self.next_tick();
        let expires_at_ms = ttl_ms.map(|ttl| self.now_ms + ttl);
        let before = self.items.get(&id);
        let uses = match before {
            Some(item) if item.namespace == namespace => item.uses + 1,
            Some(item) => item.uses,
            None => 1,
        };
        self.items.insert(id, Item { bytes, expires_at_ms, namespace, tick, uses });
        Ok(())
    }

    /// Counts a use; the uses there are then, if there is such an entry.
    fn touch(&mut self, id: (u16, u8)) -> Option<u64> {
        self.drop_if_expired(id);
        let policy = self.config(self.items.get(&id)?.namespace).policy;
        let tick = self.next_tick();
        let item = self.items.get_mut(&id)?;
        item.uses += 1;
        if matches!(policy, Policy::Lru | Policy::Lfu) {
            item.tick = tick;
        }
        Some(item.uses)
    }

    fn expire_step(&mut self, shard: usize, max: usize) -> usize {
        let mut expired: Vec<_> = self.items.keys().copied().filter(|id| self.is_expired(*id)).collect();
        expired.retain(|id| usize::from(slot_of(id.1)) % SHARDS == shard);
        // Which of two that expire at once goes first is open; the caller takes all or one.
        expired.sort_by_key(|id| self.items[id].expires_at_ms);
        expired.truncate(max);
        expired.iter().for_each(|id| self.drop_if_expired(*id));
        expired.len()
    }

    fn trim(&mut self, max: usize) -> usize {
        let mut trimmed = 0;
        for namespace in 0..=u8::MAX {
            while trimmed < max && self.used_by(namespace) > self.max(namespace) && self.evict(namespace).is_some() {
                trimmed += 1;
            }
        }
        trimmed
    }

    fn reclassify(&mut self, modulus: u8) {
        self.modulus = modulus;
        // As the engine walks: by slot, and within a slot by age.
        for slot in 0..SLOTS {
            let mut ids: Vec<_> = self.items.keys().copied().filter(|id| slot_of(id.1) == slot).collect();
            ids.sort_by_key(|id| self.items[id].tick);
            for id in ids {
                if self.items[&id].namespace != id.1 % modulus {
                    let tick = self.next_tick();
                    let item = self.items.get_mut(&id).unwrap();
                    (item.namespace, item.tick) = (id.1 % modulus, tick);
                }
            }
        }
    }
}

fn slot_of(key: u8) -> u16 {
    u16::from(key) % SLOTS
}

/// Does the same to both and compares what they answer.
fn apply(engine: &Engine, model: &mut Model, op: &Op) {
    let now_ms = model.now_ms;
    match op.clone() {
        Op::Set { database, key, bytes, ttl_ms } => {
            let namespace = NamespaceId(key % model.modulus);
            let needed = charge(1, bytes as u64);
            let set = engine.lock_with_room(slot_of(key), namespace, needed, now_ms).map(|mut guard| {
                let value = Value::string(vec![key; bytes]);
                guard.set(database, &[key], value, ttl_ms.map(|ttl| now_ms + ttl), namespace, now_ms);
            });
            assert_eq!(set, model.set((database, key), bytes, ttl_ms));
        }
        Op::Get { database, key } => {
            let namespace = key % model.modulus;
            let mut guard = engine.lock(slot_of(key));
            let found = guard.get(database, &[key], NamespaceId(namespace), now_ms).map(|entry| entry.frequency());
            let expected = model.touch((database, key));
            *(if expected.is_some() {
                &mut model.count(namespace).hits
            } else {
                &mut model.count(namespace).misses
            }) += 1;
            assert_eq!(found, expected);
        }
        Op::Touch { database, key } => {
            let touched = engine.lock(slot_of(key)).touch(database, &[key], now_ms);
            assert_eq!(touched, model.touch((database, key)).is_some());
        }
        Op::Remove { database, key } => {
            model.drop_if_expired((database, key));
            let expected = model.items.remove(&(database, key));
            if let Some(item) = &expected {
                model.count(item.namespace).deletes += 1;
            }
            let removed = engine.lock(slot_of(key)).remove(database, &[key], now_ms);
            assert_eq!(removed, expected.map(|item| Value::string(vec![key; item.bytes])));
        }
        Op::SetExpiry { database, key, ttl_ms } => {
            model.drop_if_expired((database, key));
            let expires_at_ms = ttl_ms.map(|ttl| now_ms + ttl);
            let item = model.items.get_mut(&(database, key));
            let expected = item.map(|item| item.expires_at_ms = expires_at_ms).is_some();
            assert_eq!(engine.lock(slot_of(key)).set_expiry(database, &[key], expires_at_ms, now_ms), expected);
        }
        Op::Advance { ms } => model.now_ms += ms,
        Op::ExpireStep { shard, max } => {
            assert_eq!(engine.expire_step(shard, now_ms, max), model.expire_step(shard, max));
        }
        Op::Trim { max } => assert_eq!(engine.trim_step(max, now_ms), model.trim(max)),
        Op::ClearSlot { slot } => {
            let before = model.items.len();
            model.items.retain(|id, _| slot_of(id.1) != slot);
            assert_eq!(engine.clear_slot(slot), (before - model.items.len()) as u64);
        }
        Op::ClearDatabase { database } => {
            let before = model.items.len();
            model.items.retain(|id, _| id.0 != database);
            assert_eq!(engine.clear_database(database), (before - model.items.len()) as u64);
        }
        Op::Clear => {
            model.items.clear();
            engine.clear();
        }
        Op::Configure { configs } => {
            engine.configure(&configs);
            model.configs = configs;
        }
        Op::Reclassify { modulus } => {
            for slot in 0..SLOTS {
                engine.reclassify_slot(slot, &|_, key| NamespaceId(key[0] % modulus));
            }
            model.reclassify(modulus);
        }
    }
}

/// Both hold the same, and every count agrees with it.
fn compare(engine: &Engine, model: &Model) {
    let mut held = BTreeMap::new();
    // At time 0 nothing has expired, so this shows what is there and not what may be seen.
    engine.scan(0, usize::MAX, 0, &mut |visit| {
        assert_eq!(visit.slot, slot_of(visit.key[0]));
        held.insert((visit.database, visit.key[0]), (visit.value.bytes(), visit.expires_at_ms));
    });
    let expected = model.items.iter().map(|(id, item)| (*id, (item.bytes as u64, item.expires_at_ms)));
    assert_eq!(held, expected.collect());
    assert_eq!(engine.used_bytes(), model.used());
    assert!(engine.used_bytes() <= engine.limit_bytes());
    let of = |select: fn(&(u16, u64, u64)) -> u64| engine.slot_figures().iter().map(select).sum::<u64>();
    assert_eq!((of(|slot| slot.1), of(|slot| slot.2)), (model.items.len() as u64, model.used()));
    for (database, slot) in (0..2).flat_map(|database| (0..SLOTS).map(move |slot| (database, slot))) {
        let count = model.items.keys().filter(|id| id.0 == database && slot_of(id.1) == slot).count();
        assert_eq!(engine.count_in_slot(slot, database), count as u64);
    }
    for database in 0..2 {
        let expiring = model.items.iter().filter(|(id, item)| id.0 == database && item.expires_at_ms.is_some());
        assert_eq!(engine.count_expiring(database), expiring.count() as u64);
    }
    let figures = engine.figures();
    for id in 0..=u8::MAX {
        let items = model.items.values().filter(|item| item.namespace == id).count() as u64;
        let counted = model.figures.get(&id).copied().unwrap_or_default();
        let expected = NamespaceFigures { items, bytes: model.used_by(id), ..counted };
        assert_eq!(figures.get(usize::from(id)).copied().unwrap_or_default(), expected, "namespace {id}");
    }
}

fn config() -> impl Strategy<Value = Option<NamespaceConfig>> {
    let policy = prop::sample::select(vec![Policy::Lru, Policy::Lfu, Policy::Fifo, Policy::None]);
    let max = prop::option::of(500u64..4000);
    prop::option::weighted(
        0.9,
        (policy, max).prop_map(|(policy, memory_max_bytes)| NamespaceConfig { policy, memory_max_bytes }),
    )
}

fn op() -> impl Strategy<Value = Op> {
    let database = 0u16..2;
    let key = 0u8..16;
    let id = (database.clone(), key.clone());
    let ttl = prop::option::weighted(0.4, 1u64..40);
    prop_oneof![
        20 => (id.clone(), prop_oneof![9 => 0usize..100, 1 => 0usize..3000], ttl.clone())
            .prop_map(|((database, key), bytes, ttl_ms)| Op::Set { database, key, bytes, ttl_ms }),
        15 => id.clone().prop_map(|(database, key)| Op::Get { database, key }),
        2 => id.clone().prop_map(|(database, key)| Op::Touch { database, key }),
        3 => id.clone().prop_map(|(database, key)| Op::Remove { database, key }),
        3 => (id, ttl).prop_map(|((database, key), ttl_ms)| Op::SetExpiry { database, key, ttl_ms }),
        3 => (0u64..20).prop_map(|ms| Op::Advance { ms }),
        1 => (0..SHARDS).prop_map(|shard| Op::ExpireStep { shard, max: usize::MAX }),
        1 => (0usize..5).prop_map(|max| Op::Trim { max }),
        1 => (0..SLOTS).prop_map(|slot| Op::ClearSlot { slot }),
        1 => prop::collection::vec(config(), 0..4).prop_map(|configs| Op::Configure { configs }),
        1 => (1u8..5).prop_map(|modulus| Op::Reclassify { modulus }),
    ]
}

/// The rare ones, which would otherwise empty every history.
fn op_or_clear() -> impl Strategy<Value = Op> {
    prop_oneof![100 => op(), 1 => (0u16..2).prop_map(|database| Op::ClearDatabase { database }), 1 => Just(Op::Clear)]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 200,
        // Failing seeds are kept beside this file, and run first from then on.
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("seeds"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_engine_does_as_the_model(
        limit in 500u64..6000,
        configs in prop::collection::vec(config(), 0..4),
        ops in prop::collection::vec(op_or_clear(), 1..150),
    ) {
        let engine = Engine::new(Config { memory_bytes: limit, slots: SLOTS, shards: SHARDS });
        engine.configure(&configs);
        let (items, figures) = (BTreeMap::new(), BTreeMap::new());
        let mut model = Model { limit, configs, items, figures, modulus: 3, tick: 0, now_ms: 1000 };
        for op in &ops {
            apply(&engine, &mut model, op);
            compare(&engine, &model);
        }
    }

    #[test]
    fn a_scan_shows_what_is_there_all_along(
        staying in prop::collection::btree_set(0u16..400, 0..60),
        steps in prop::collection::vec((1usize..8, prop::collection::vec((0u16..400, any::<bool>()), 0..30)), 1..40),
    ) {
        let engine = Engine::new(Config { memory_bytes: 1 << 20, slots: SLOTS, shards: SHARDS });
        let set = |key: u16| {
            let mut guard = engine.lock_with_room(key % SLOTS, NamespaceId::DEFAULT, 1000, 0).unwrap();
            guard.set(0, &key.to_be_bytes(), Value::string(*b"v"), None, NamespaceId::DEFAULT, 0);
        };
        (0..400).step_by(3).chain(staying.iter().copied()).for_each(set);
        let mut seen: BTreeMap<Vec<u8>, u32> = BTreeMap::new();
        let mut cursor = 0;
        for (count, changes) in steps.iter().cycle() {
            let mut visits = 0;
            cursor = engine.scan(cursor, *count, 0, &mut |visit| {
                visits += 1;
                *seen.entry(visit.key.to_vec()).or_default() += 1;
            });
            prop_assert!(visits <= *count && cursor < 1 << 40);
            if cursor == 0 {
                break;
            }
            for (key, is_written) in changes {
                if *is_written {
                    // Also over keys that stay: an overwrite keeps its place.
                    set(*key);
                } else if !staying.contains(key) {
                    engine.lock(key % SLOTS).remove(0, &key.to_be_bytes(), 0);
                }
            }
        }
        for key in &staying {
            prop_assert_eq!(seen.get(&key.to_be_bytes()[..]), Some(&1), "key {}", key);
        }
    }
}

#[test]
fn threads_never_pass_a_bound_and_the_account_is_exact_in_the_end() {
    const LIMIT: u64 = 100_000;
    const MAX: u64 = 30_000;
    let engine = Engine::new(Config { memory_bytes: LIMIT, slots: SLOTS, shards: SHARDS });
    let config = |policy, memory_max_bytes| Some(NamespaceConfig { policy, memory_max_bytes });
    engine.configure(&[config(Policy::Lru, None), config(Policy::Lfu, Some(MAX)), config(Policy::Fifo, None)]);
    let work = |thread: u64| {
        let mut state = thread + 1;
        let mut refused = 0u32;
        for step in 0..20_000u64 {
            // xorshift64: a different, repeatable stream for each thread.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let key = (state % 2000) as u16;
            let namespace = NamespaceId((key % 3) as u8);
            let (slot, name, bytes) = (key % SLOTS, key.to_be_bytes(), (state >> 32) % 500);
            match state >> 20 & 7 {
                0 => drop(engine.lock(slot).remove(0, &name, step)),
                1 | 2 => drop(engine.lock(slot).get(0, &name, namespace, step).map(|entry| entry.frequency())),
                3 if state >> 24 & 0xff == 0 => drop(engine.clear_slot(slot)),
                4 => drop(engine.expire_step(slot as usize % SHARDS, step, 3)),
                // Asks for more than it uses, so that room goes back all the time.
                _ => match engine.lock_with_room(slot, namespace, charge(2, bytes) + 50, step) {
                    Ok(mut guard) => {
                        let expires_at_ms = state.is_multiple_of(5).then_some(step + 50);
                        guard.set(0, &name, Value::string(vec![7; bytes as usize]), expires_at_ms, namespace, step);
                    }
                    Err(OutOfMemory) => refused += 1,
                },
            }
            assert!(engine.used_bytes() <= LIMIT);
        }
        refused
    };
    let refused: u32 = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|thread| scope.spawn(move || work(thread))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    // Writes are at most 700 bytes each, four at a time: there is always something to evict.
    assert_eq!(refused, 0);
    let figures = engine.figures();
    assert_eq!(figures.iter().map(|figures| figures.bytes).sum::<u64>(), engine.used_bytes());
    assert!(figures[1].bytes <= MAX && figures.iter().all(|figures| figures.evictions > 0));
    let mut bytes = 0;
    let mut keys = BTreeSet::new();
    engine.scan(0, usize::MAX, 0, &mut |visit| {
        bytes += charge(visit.key.len(), visit.value.bytes());
        assert!(keys.insert(visit.key.to_vec()));
    });
    assert_eq!(bytes, engine.used_bytes());
    engine.clear();
    assert_eq!(engine.used_bytes(), 0);
}
