//! Long values and collections between copies: what staging makes of parts, one rule at a time, and that a target which was told
//! by a walk and a log has what the source has, whatever was written, changed, removed, evicted and expired on the source
//! meanwhile.

use super::apply::Applier;
use super::effect::Effect;
use super::{Partition, walk};
use crate::Node;
use crate::fixture::{metadata, node};
use crate::view::View;
use dcache_engine::{
    Change, Config, Edit, Engine, Journal, Keep, Kind, NamespaceId, Op, Precision, SlotRole, StreamId, ValueRef, charge,
};
use dcache_protocol::{Slot, SlotRange};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;

const SLOTS: u16 = 4;
const PART: usize = 4000;
const NS: NamespaceId = NamespaceId::DEFAULT;

/// Value and expiry by database and key.
type Items = BTreeMap<(u16, Vec<u8>), (Vec<u8>, Option<u64>)>;

fn slot_of(_: u16, key: &[u8]) -> u16 {
    u16::from(key.first().copied().unwrap_or(0)) % SLOTS
}

fn engine(memory_bytes: u64) -> Engine {
    Engine::with_seed(Config { memory_bytes, slots: SLOTS, threads: 1, slot_of }, 5)
}

fn items(engine: &Engine) -> Items {
    let mut items = Items::new();
    engine.scan(0, usize::MAX, 0, &mut |entry| {
        let value = content(entry.value);
        items.insert((entry.database, entry.key.to_vec()), (value, entry.expires_at_ms));
    });
    items
}

/// A string's bytes; of a collection its elements, in their order if they have one.
fn content(value: ValueRef<'_>) -> Vec<u8> {
    if let Some(text) = value.as_string() {
        return text.to_vec();
    }
    let mut elements: Vec<Vec<u8>> = Vec::new();
    value.each_op(&mut |op| {
        let mut bytes = Vec::new();
        // What number an item has is nobody's business, as long as they follow each other.
        let op = match op {
            Op::At { item, .. } => Op::Add { member: item },
            // Nor in which node of a stream an entry is.
            Op::Entry { id, fields, .. } => Op::Entry { id, begins: false, added: None, fields },
            op => op,
        };
        op.encode(&mut bytes);
        elements.push(bytes);
    });
    if value.kind() != Kind::List {
        elements.sort();
    }
    [vec![value.kind().number()], elements.concat()].concat()
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
            slot: slot_of(0, key),
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
    Effect::Set { database: 0, slot: slot_of(0, KEY), key: KEY, value, expires_at_ms: None }
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
    assert!(target.apply(Effect::Expiry { database: 0, slot: slot_of(0, KEY), key: KEY, expires_at_ms: Some(77) }));
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
        |target| target.apply(Effect::Remove { database: 0, slot: slot_of(0, KEY), key: KEY }),
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
        slot: slot_of(0, KEY),
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
        let mut ops = Vec::new();
        self.push(&match change {
            Change::Set { database, key, value, expires_at_ms, .. } => {
                Effect::set((database, slot), key, value, expires_at_ms, &mut ops)
            }
            Change::Edit { database, key, ops, .. } => Effect::Edit { database, slot, key, ops },
            Change::Expiry { database, key, expires_at_ms, .. } => {
                Effect::Expiry { database, slot, key, expires_at_ms }
            }
            Change::Remove { database, key, .. } => Effect::Remove { database, slot, key },
        });
        true
    }
}

/// Elements of a set, and which they are of it.
fn members(numbers: std::ops::Range<u64>, is_first: bool, is_last: bool, apply: &dyn Fn(Effect<'_>) -> bool) {
    let mut ops = Vec::new();
    numbers.for_each(|number| Op::Add { member: &number.to_be_bytes() }.encode(&mut ops));
    let (slot, kind) = (slot_of(0, KEY), Kind::Set.number());
    let ops = &ops[..];
    assert!(apply(Effect::Elements { database: 0, slot, key: KEY, expires_at_ms: None, kind, is_first, is_last, ops }));
}

#[test]
fn a_change_of_a_collection_that_is_not_whole_is_done_to_what_has_come() {
    let target = Target::new(16 << 20);
    let apply = |effect: Effect<'_>| target.apply(effect);
    let edit = |op: Op<'_>| {
        let mut ops = Vec::new();
        op.encode(&mut ops);
        assert!(target.apply(Effect::Edit { database: 0, slot: slot_of(0, KEY), key: KEY, ops: &ops }));
    };
    // Nothing is there that could be changed.
    edit(Op::Add { member: b"early" });
    assert_eq!(target.get(KEY), None);
    target.apply(set(b"old"));
    members(0..10, true, false, &apply);
    edit(Op::Drop { key: &3u64.to_be_bytes() });
    edit(Op::Add { member: b"new" });
    assert_eq!(target.get(KEY).map(|item| item.0), Some(b"old".to_vec()));
    members(10..12, false, true, &apply);
    assert!(target.partition.stagings.lock().is_empty());
    let set_of = |numbers: &[u64]| {
        let mut ops: Vec<Vec<u8>> = Vec::new();
        let mut put = |member: &[u8]| {
            let mut bytes = Vec::new();
            Op::Add { member }.encode(&mut bytes);
            ops.push(bytes);
        };
        numbers.iter().for_each(|number| put(&number.to_be_bytes()));
        put(b"new");
        ops.sort();
        [vec![Kind::Set.number()], ops.concat()].concat()
    };
    assert_eq!(target.get(KEY).map(|item| item.0), Some(set_of(&[0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11])));
    // It was begun and its key went: what comes then is of nothing.
    members(20..30, true, false, &apply);
    assert!(target.apply(Effect::Remove { database: 0, slot: slot_of(0, KEY), key: KEY }));
    members(30..40, false, true, &apply);
    assert_eq!(target.get(KEY), None);
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

    /// Changes of a collection: of few elements or of many, now and then at once.
    fn change(&mut self) {
        let Source { engine, random, now_ms, .. } = self;
        let (database, key) = (random.below(2) as u16, vec![random.below(8) as u8, 100 + random.below(10) as u8]);
        let kind = [Kind::Hash, Kind::List, Kind::Set, Kind::SortedSet, Kind::Stream][usize::from(key[1] % 5)];
        let (count, seed) = ([1, 3, 40, 300][random.below(4) as usize], random.below(1 << 20));
        let expires_at_ms = (random.below(6) == 0).then(|| *now_ms + random.below(500));
        let room = count as usize * 100;
        let Ok(mut guard) = engine.lock_with_room(slot_of(0, &key), NS, room as u64, *now_ms) else { return };
        let mut random = Random(seed);
        // Without room nothing happens.
        let _ = guard.edit((database, &key), kind, NS, expires_at_ms, room, *now_ms, |edit| {
            for _ in 0..count {
                change_one(edit, kind, &mut random);
            }
        });
    }

    /// Writes, removals, expiries, and time that passes; seldom all at once.
    fn live(&mut self) {
        if self.random.below(3) == 0 {
            return self.change();
        }
        let Source { engine, random, now_ms, log } = self;
        let (database, key) = (random.below(2) as u16, vec![random.below(8) as u8, random.below(12) as u8]);
        let slot = slot_of(0, &key);
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

fn change_one(edit: &mut Edit, kind: Kind, random: &mut Random) {
    let member = format!("member:{}", random.below(900)).into_bytes();
    let adds = random.below(4) > 0;
    let length = || edit.value().as_list().map_or(0, |list| list.len());
    match kind {
        Kind::Hash if adds => {
            let expires_at_ms = (random.below(4) == 0).then(|| edit.now_ms() + 1 + random.below(2000));
            edit.put_field(&member, &value(random.below(40) as usize, random.below(99)), expires_at_ms);
        }
        Kind::Hash => _ = edit.remove_field(&member),
        Kind::Set if adds => _ = edit.add(&member),
        Kind::Set => _ = edit.remove_member(&member),
        Kind::SortedSet if adds => _ = edit.put_score(&member, random.below(50) as f64 / 4.0),
        Kind::SortedSet => _ = edit.remove_scored(&member),
        Kind::Stream => change_stream(edit, random),
        _ if length() == 0 => edit.push_back(&member),
        _ => {
            let length = length();
            let at = random.below(length as u64) as usize;
            match random.below(12) {
                0..3 => edit.push_front(&member),
                3..6 => edit.push_back(&member),
                6 => edit.insert(at, &member),
                7 => edit.set_item(at, &member),
                8 => edit.remove_items(0..1, |_| {}),
                9 => edit.remove_items(length - 1..length, |_| {}),
                10 => edit.remove_items(at..(at + 3).min(length), |_| {}),
                _ => edit.remove_each(&(at..length).step_by(7).take(5).collect::<Vec<usize>>()),
            }
        }
    }
}

fn change_stream(edit: &mut Edit, random: &mut Random) {
    let name = |random: &mut Random| format!("name{}", random.below(3)).into_bytes();
    let (group, consumer) = (name(random), name(random));
    let last = edit.stream().last_id();
    let id = StreamId::new(1, random.below(last.sequence + 1));
    let has_group = edit.stream().group(&group).is_some();
    match random.below(24) {
        0..12 => {
            let value = value(random.below(60) as usize, random.below(99));
            edit.append_entry(StreamId::new(1, last.sequence + 1), &[(&consumer, &value), (b"f", &group)]);
        }
        12 => _ = edit.delete_entry(id),
        13 => {
            let keep = Keep::Length(edit.stream().len().saturating_sub(random.below(60)));
            let precision = if random.below(2) == 0 { Precision::Exact } else { Precision::Nodes { limit: None } };
            edit.trim_entries(keep, precision);
        }
        14 => edit.set_stream(last, edit.stream().entries_added() + 1, id),
        15 | 16 => edit.put_group(&group, id, Some(random.below(5)).filter(|read| *read > 0)),
        17 if random.below(6) == 0 => _ = edit.remove_group(&group),
        18 if has_group => edit.put_consumer(&group, &consumer, random.below(9), None),
        19 if random.below(4) == 0 => _ = edit.remove_consumer(&group, &consumer),
        20..23 if has_group => edit.put_pending(&group, id, &consumer, 7, random.below(9)),
        _ => _ = edit.remove_pending(&group, id),
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
