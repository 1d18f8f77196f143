//! Long values between copies: what staging makes of parts, one rule at a time, and that a target which was told by a walk and a
//! log has what the source has, whatever was written, removed, evicted and expired on the source meanwhile.

use super::apply::Applier;
use super::effect::Effect;
use super::{Partition, walk};
use crate::Node;
use crate::fixture::{metadata, node};
use crate::view::View;
use dcache_engine::{Change, Config, Engine, Journal, NamespaceId, SlotRole, ValueRef, charge};
use dcache_protocol::{Slot, SlotRange};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;

const SLOTS: u16 = 4;
const PART: usize = 4000;
const NS: NamespaceId = NamespaceId::DEFAULT;

/// Value and expiry by database and key.
type Items = BTreeMap<(u16, Vec<u8>), (Vec<u8>, Option<u64>)>;

fn slot_of(key: &[u8]) -> u16 {
    u16::from(key.first().copied().unwrap_or(0)) % SLOTS
}

fn engine(memory_bytes: u64) -> Engine {
    Engine::with_seed(Config { memory_bytes, slots: SLOTS, threads: 1, slot_of }, 5)
}

fn items(engine: &Engine) -> Items {
    let mut items = Items::new();
    engine.scan(0, usize::MAX, 0, &mut |entry| {
        let value = entry.value.as_string().expect("strings are all there is").to_vec();
        items.insert((entry.database, entry.key.to_vec()), (value, entry.expires_at_ms));
    });
    items
}

fn value(length: usize, seed: u64) -> Vec<u8> {
    (0..length as u64).map(|at| ((at / 13) ^ at ^ seed.wrapping_mul(41)) as u8).collect()
}

/// A copy that is told.
struct Target {
    engine: Engine,
    partition: Partition,
    node: Arc<Node>,
}

impl Target {
    fn new(memory_bytes: u64) -> Target {
        let engine = engine(memory_bytes);
        (0..SLOTS).for_each(|slot| engine.set_role(slot, SlotRole::Kept));
        let slot = |number| Slot::new(number).expect("there are 16384");
        let partition = Partition::new(SlotRange { first: slot(0), last: slot(SLOTS - 1) });
        Target { engine, partition, node: node(0, &metadata(1)) }
    }

    fn apply(&self, effect: Effect<'_>) -> bool {
        let view: &View = &self.node.view();
        let stagings = self.partition.stagings.lock();
        Applier {
            engine: &self.engine,
            view,
            now_ms: 0,
            partition: &self.partition,
            stagings,
            me: dcache_protocol::NodeId(1),
        }
        .apply(effect)
    }

    /// Bytes from `offset` on of a value of ten.
    fn part(&self, key: &[u8], offset: u64, bytes: &[u8]) -> bool {
        self.apply(Effect::Part {
            database: 0,
            slot: slot_of(key),
            key,
            expires_at_ms: Some(offset + 1),
            total: 10,
            offset,
            bytes,
        })
    }

    fn get(&self, key: &[u8]) -> Option<(Vec<u8>, Option<u64>)> {
        items(&self.engine).remove(&(0, key.to_vec()))
    }
}

const KEY: &[u8] = b"key";

fn set(value: &'static [u8]) -> Effect<'static> {
    Effect::Set { database: 0, slot: slot_of(KEY), key: KEY, value, expires_at_ms: None }
}

#[test]
fn parts_in_order_make_a_value_and_until_then_the_old_one_stays() {
    let target = Target::new(16 << 20);
    target.apply(set(b"old"));
    for (offset, bytes) in [(0, &b"0123"[..]), (4, b""), (4, b"45678")] {
        assert!(target.part(KEY, offset, bytes));
        assert_eq!(target.get(KEY), Some((b"old".to_vec(), None)));
    }
    // Another's do not disturb, nor does another database's.
    assert!(target.part(b"other", 0, b"abcde"));
    assert!(target.apply(Effect::Clear { database: Some(3) }));
    assert!(target.apply(Effect::Expiry { database: 0, slot: slot_of(KEY), key: KEY, expires_at_ms: Some(77) }));
    assert!(target.part(KEY, 9, b"9"));
    assert_eq!(target.get(KEY), Some((b"0123456789".to_vec(), Some(10))), "the last part's expiry is the newest");
    assert!(target.part(b"other", 5, b"fghij"));
    assert_eq!(target.get(b"other").map(|item| item.0), Some(b"abcdefghij".to_vec()));
}

#[test]
fn what_changes_the_value_ends_the_staging_and_what_does_not_go_on_is_left_out() {
    type Ends = fn(&Target) -> bool;
    let ends: [Ends; 6] = [
        |target| target.apply(set(b"new")),
        |target| target.apply(Effect::Remove { database: 0, slot: slot_of(KEY), key: KEY }),
        |target| target.apply(Effect::Clear { database: None }),
        |target| target.apply(Effect::Clear { database: Some(0) }),
        |target| target.part(KEY, 5, b"56"),
        |target| target.part(KEY, 3, b"34"),
    ];
    for (number, end) in ends.iter().enumerate() {
        let target = Target::new(16 << 20);
        let empty = target.engine.used_bytes();
        assert!(target.part(KEY, 0, b"0123"));
        assert!(target.engine.used_bytes() > empty);
        assert!(end(&target));
        let after = items(&target.engine);
        assert!(target.part(KEY, 4, b"456789"), "nothing was lost for lack of room");
        assert_eq!(items(&target.engine), after, "{number}");
        assert_eq!(after.len(), usize::from(number == 0));
        assert!(target.partition.stagings.lock().is_empty());
        // From the beginning it can come again, and anew before it was whole.
        assert!(target.part(KEY, 0, b"012345") && target.part(KEY, 0, b"xx") && target.part(KEY, 2, b"23456789"));
        assert_eq!(target.get(KEY).map(|item| item.0), Some(b"xx23456789".to_vec()));
    }
}

#[test]
fn a_value_without_room_is_given_up_with_what_was_there_before() {
    let target = Target::new(1 << 20);
    target.apply(set(b"old"));
    let part = Effect::Part {
        database: 0,
        slot: slot_of(KEY),
        key: KEY,
        expires_at_ms: None,
        total: 2 << 20,
        offset: 0,
        bytes: &[1; 1000],
    };
    assert!(!target.apply(part));
    assert_eq!(target.get(KEY), None);
    assert!(target.partition.stagings.lock().is_empty());
}

#[test]
fn what_no_walk_goes_on_with_goes_two_terms_later() {
    let target = Target::new(16 << 20);
    target.partition.stagings.lock().note_term(3);
    target.part(KEY, 0, b"0123");
    // Entries of the term in which it began may still come with the first of the next one.
    target.partition.stagings.lock().note_term(4);
    assert!(!target.partition.stagings.lock().is_empty());
    target.partition.stagings.lock().note_term(6);
    assert!(target.partition.stagings.lock().is_empty());
}

/// Everything the source did, as a partition's log has it.
#[derive(Debug, Default)]
struct Log(Mutex<Vec<Vec<u8>>>);

impl Log {
    fn push(&self, effect: &Effect<'_>) {
        let mut bytes = Vec::new();
        effect.encode(&mut bytes);
        self.0.lock().push(bytes);
    }

    fn len(&self) -> usize {
        self.0.lock().len()
    }
}

impl Journal for Log {
    fn record(&self, slot: u16, change: Change<'_>) -> bool {
        self.push(&match change {
            Change::Set { database, key, value, expires_at_ms, .. } => {
                Effect::set((database, slot), key, value, expires_at_ms)
            }
            Change::Expiry { database, key, expires_at_ms, .. } => {
                Effect::Expiry { database, slot, key, expires_at_ms }
            }
            Change::Remove { database, key, .. } => Effect::Remove { database, slot, key },
        });
        true
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

struct Source {
    engine: Engine,
    log: Arc<Log>,
    random: Random,
    now_ms: u64,
}

impl Source {
    /// With so little memory that long values cost others theirs.
    fn new(seed: u64) -> Source {
        let engine = engine(1 << 20);
        let log = Arc::new(Log::default());
        engine.set_journal(Arc::clone(&log) as Arc<dyn Journal>);
        (0..SLOTS).for_each(|slot| engine.set_role(slot, SlotRole::Journaled));
        Source { engine, log, random: Random(seed ^ 0x9e37_79b9), now_ms: 1000 }
    }

    /// Writes, removals, expiries, and time that passes; seldom all at once.
    fn live(&mut self) {
        let Source { engine, random, now_ms, log } = self;
        let (database, key) = (random.below(2) as u16, vec![random.below(8) as u8, random.below(12) as u8]);
        let slot = slot_of(&key);
        let expires_at_ms = (random.below(3) == 0).then(|| *now_ms + random.below(300));
        match random.below(20) {
            0..8 => {
                let lengths = [0, 10, PART - 1, PART, PART + 1, 2 * PART, 3 * PART, 12 * PART];
                let length = lengths[random.below(8) as usize];
                let value = value(length, random.below(1 << 20));
                let room = charge(key.len(), length as u64);
                if let Ok(mut guard) = engine.lock_with_room(slot, NS, room, *now_ms) {
                    guard.set(database, &key, ValueRef::String(&value), expires_at_ms, NS, *now_ms).expect("room");
                }
            }
            8..11 => drop(engine.lock(slot).remove(database, &key, *now_ms).expect("taken")),
            11..15 => drop(engine.lock(slot).set_expiry(database, &key, expires_at_ms, *now_ms).expect("taken")),
            15..17 => *now_ms += random.below(50),
            17 => drop(engine.expire_step(0, *now_ms, usize::MAX)),
            18 if random.below(40) == 0 => {
                log.push(&Effect::Clear { database: Some(database) });
                engine.clear_database(database);
            }
            _ => drop(engine.lock(slot).get(database, &key, NS, *now_ms).map(|_| ())),
        }
    }

    fn live_for(&mut self, steps: u64) {
        (0..steps).for_each(|_| self.live());
    }

    fn step(&self, cursor: u64, bytes_max: usize, tell: &mut dyn FnMut(Effect<'_>)) -> Option<u64> {
        walk::in_parts_of(PART, &self.engine, (cursor, SLOTS), bytes_max, &|_| true, &mut |_, effect| tell(effect))
    }
}

fn check(source: &Source, target: &Target, seed: u64) {
    let (expected, held) = (items(&source.engine), items(&target.engine));
    let differ = expected.iter().filter(|(id, item)| held.get(*id) != Some(*item)).map(|(id, _)| id);
    assert_eq!(differ.collect::<Vec<_>>(), Vec::<&(u16, Vec<u8>)>::new(), "seed {seed}");
    assert_eq!(held.len(), expected.len(), "seed {seed}");
}

#[test]
fn a_walk_that_is_part_of_the_log_brings_what_the_source_has() {
    let mut evicted = 0;
    for seed in 0..60 {
        let mut source = Source::new(seed);
        source.live_for(300);
        // What came before the walk is nobody's to tell.
        source.log.0.lock().clear();
        let mut cursor = Some(Engine::cursor_of(0));
        while let Some(at) = cursor {
            cursor = source.step(at, 1000, &mut |effect| source.log.push(&effect));
            let steps = source.random.below(4);
            source.live_for(steps);
        }
        source.live_for(20);
        let target = Target::new(64 << 20);
        for effect in source.log.0.lock().iter() {
            assert!(target.apply(Effect::decode(effect).expect("encoded above")));
        }
        check(&source, &target, seed);
        assert!(target.partition.stagings.lock().is_empty(), "seed {seed}");
        evicted += source.engine.figures()[0].evictions;
    }
    assert!(evicted > 100, "{evicted}");
}

#[test]
fn a_full_sync_and_the_log_from_its_start_bring_what_the_source_has() {
    for seed in 0..60 {
        let mut source = Source::new(seed);
        source.live_for(300);
        let target = Target::new(64 << 20);
        let mut applied = source.log.len();
        let mut pieces: Vec<(usize, Vec<u8>)> = Vec::new();
        let mut cursor = Some(Engine::cursor_of(0));
        // Pieces are on their way for a while, and so is the log; none is loaded that is older than what is applied.
        let apply_to = |target: &Target, source: &Source, applied: &mut usize, to: usize| {
            let effects = source.log.0.lock()[*applied..to.max(*applied)].to_vec();
            *applied = to.max(*applied);
            for effect in effects {
                assert!(target.apply(Effect::decode(&effect).expect("encoded above")));
            }
        };
        while cursor.is_some() || !pieces.is_empty() {
            if let Some(at) = cursor.filter(|_| pieces.len() < 4) {
                let (mut piece, as_of) = (Vec::new(), source.log.len());
                cursor = source.step(at, 1000, &mut |effect| super::effect::push_to_piece(effect, &mut piece));
                let steps = source.random.below(3);
                source.live_for(steps);
                pieces.push((as_of, piece));
            }
            let oldest = pieces.first().map_or(applied, |(as_of, _)| *as_of);
            let to = applied + source.random.below((oldest.saturating_sub(applied) + 1) as u64) as usize;
            apply_to(&target, &source, &mut applied, to);
            if !pieces.is_empty() && (cursor.is_none() || source.random.below(2) == 0) {
                let (_, piece) = pieces.remove(0);
                super::effect::of_piece(&piece).for_each(|effect| assert!(target.apply(effect)));
            }
        }
        apply_to(&target, &source, &mut applied, source.log.len());
        check(&source, &target, seed);
    }
}
