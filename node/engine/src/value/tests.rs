//! Collections against those of the standard library: whatever is done to one, it is what the model is, packed and large; what
//! is told of it makes a copy that is equal; and what is taken back was never there.

use super::edit::{Body, Told};
use super::*;
use crate::Hasher;
use foldhash::SharedSeed;
use foldhash::quality::SeedableRandomState;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

fn hasher() -> Hasher {
    Hasher(SeedableRandomState::with_seed(7, SharedSeed::global_fixed()))
}

/// A collection, its copy that hears what the journal hears, and what is done to it in one go.
struct Pair {
    kind: Kind,
    body: Option<Body>,
    copy: Option<Body>,
}

impl Pair {
    fn new(kind: Kind) -> Pair {
        Pair { kind, body: None, copy: None }
    }

    fn value(&self) -> ValueRef<'_> {
        self.body.as_ref().expect("no step is under way").value()
    }

    /// Has `change` change it; now and then it is taken back, and done once more.
    fn step<R: PartialEq + std::fmt::Debug>(&mut self, takes_back: bool, change: impl Fn(&mut Edit) -> R) -> R {
        let hasher = hasher();
        let begin = |body| Edit::new(body, &hasher, 0, true);
        let mut edit = begin(self.body.take().unwrap_or_else(|| Body::empty(self.kind)));
        let mut result = change(&mut edit);
        if takes_back && edit.was_large() {
            edit.take_back();
            edit = begin(edit.into_body());
            let again = change(&mut edit);
            assert_eq!(again, result, "what was taken back is not there");
            result = again;
        }
        let copy = match edit.told() {
            Told::Ops(ops) => {
                let mut copy = begin(self.copy.take().expect("what is large was told before"));
                // Done twice, an operation changes nothing more.
                ops_in(ops).for_each(|op| copy.repeat(&op));
                copy.into_body()
            }
            Told::Whole => match edit.value() {
                ValueRef::Packed(block) => Body::Packed(block.to_vec()),
                value => {
                    let mut large = Large::empty(self.kind, &hasher);
                    ops_in(&value.ops()).for_each(|op| large.apply(&op));
                    Body::Large(Box::new(large))
                }
            },
        };
        (self.copy, self.body) = (Some(copy), Some(edit.into_body()));
        result
    }

    /// In parts as walks tell it, it is the same.
    fn told_in_parts(&self, bytes: usize) -> Option<Body> {
        let Some(Body::Large(large)) = &self.body else { return None };
        let mut copy = Large::empty(self.kind, &hasher());
        let mut place = 0;
        loop {
            let mut ops = Vec::new();
            place = large.walk(place, bytes, &mut |op| op.encode(&mut ops));
            ops_in(&ops).for_each(|op| copy.apply(&op));
            if place == 0 {
                return Some(Body::Large(Box::new(copy)));
            }
        }
    }

    fn each_copy(&self, bytes: usize, check: impl Fn(ValueRef<'_>)) {
        check(self.value());
        check(self.copy.as_ref().expect("it was told").value());
        if let Some(copy) = self.told_in_parts(bytes) {
            check(copy.value());
        }
    }
}

fn member(number: u16, long: bool) -> Vec<u8> {
    match number % 3 {
        0 if !long => number.to_string().into_bytes(),
        _ if long && number.is_multiple_of(50) => vec![number as u8; 100],
        _ => format!("member:{number}").into_bytes(),
    }
}

fn fields_of(value: ValueRef<'_>) -> BTreeMap<Vec<u8>, (Vec<u8>, Option<u64>)> {
    let mut fields = BTreeMap::new();
    let hash = value.as_hash(0).expect("a hash");
    hash.each_whole(|field, value, at| {
        assert!(fields.insert(field.to_vec(), (value.to_vec(), at)).is_none(), "a field is there twice");
    });
    assert_eq!(hash.len(), fields.len());
    for (field, (value, at)) in &fields {
        assert_eq!(hash.find(field), Some((&value[..], *at)));
    }
    fields
}

fn walked(walk: impl Fn(u64, &mut dyn FnMut(Met<'_>)) -> u64) -> BTreeSet<Vec<u8>> {
    let (mut cursor, mut seen) = (0, BTreeSet::new());
    loop {
        cursor = walk(cursor, &mut |met| {
            let (Met::Field(key, _) | Met::Member(key) | Met::Scored(key, _)) = met;
            assert!(seen.insert(key.to_vec()), "nothing changes, so nothing is met twice");
        });
        assert!(cursor < 1 << 48);
        if cursor == 0 {
            return seen;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn a_hash_is_a_map(
        steps in proptest::collection::vec((0u16..400, 0u8..10, 0usize..90), 1..900),
        long in any::<bool>(),
    ) {
        let (mut pair, mut model) = (Pair::new(Kind::Hash), BTreeMap::new());
        for (index, (number, action, length)) in steps.into_iter().enumerate() {
            let field = member(number, long);
            let value = vec![index as u8; if long { length } else { length % 60 }];
            let expiry = (action == 5).then_some(1000 + u64::from(number));
            if action < 7 {
                let is_new = pair.step(index % 5 == 0, |edit| edit.put_field(&field, &value, expiry));
                prop_assert_eq!(is_new, model.insert(field, (value, expiry)).is_none());
            } else {
                let is_removed = pair.step(index % 5 == 0, |edit| edit.remove_field(&field));
                prop_assert_eq!(is_removed, model.remove(&field).is_some());
            }
        }
        pair.each_copy(200, |value| assert_eq!(fields_of(value), model));
        let hash = pair.value().as_hash(0).expect("a hash");
        prop_assert_eq!(walked(|cursor, visit| hash.walk(cursor, 3, visit)), model.keys().cloned().collect());
        let later = pair.value().as_hash(1200).expect("a hash");
        prop_assert_eq!(later.len(), model.values().filter(|value| value.1.is_none_or(|at| at > 1200)).count());
        let removed = model.values().filter(|value| value.1.is_some_and(|at| at <= 1200)).count();
        let mut edit = Edit::new(pair.body.take().expect("a body"), &hasher(), 1200, false);
        prop_assert_eq!(edit.remove_expired(), removed);
        prop_assert_eq!(fields_of(edit.value()).len(), model.len() - removed);
    }

    #[test]
    fn a_set_is_a_set(steps in proptest::collection::vec((0u16..700, 0u8..10), 1..1500), kind in 0u8..3) {
        let (mut pair, mut model) = (Pair::new(Kind::Set), BTreeSet::new());
        for (index, (number, action)) in steps.into_iter().enumerate() {
            let member = match kind {
                0 => (i64::from(number) * if number % 90 == 0 { 100_000_000 } else { -3 }).to_string().into_bytes(),
                kind => member(number, kind == 1),
            };
            if action < 7 {
                let is_new = pair.step(index % 5 == 0, |edit| edit.add(&member));
                prop_assert_eq!(is_new, model.insert(member));
            } else {
                let is_removed = pair.step(index % 5 == 0, |edit| edit.remove_member(&member));
                prop_assert_eq!(is_removed, model.remove(&member));
            }
        }
        pair.each_copy(100, |value| {
            let (set, mut seen) = (value.as_set().expect("a set"), BTreeSet::new());
            set.each(|member| assert!(seen.insert(member.to_vec())));
            assert_eq!((set.len(), &seen), (model.len(), &model));
            assert!(model.iter().all(|member| set.contains(member)) && !set.contains(b"other"));
        });
        let set = pair.value().as_set().expect("a set");
        prop_assert_eq!(walked(|cursor, visit| set.walk(cursor, 3, visit)), model.clone());
        let mut seed = 1u64;
        let mut dice = || { seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407); seed >> 11 };
        for _ in 0..20 {
            prop_assert!(set.draw(&mut dice).is_none_or(|member| model.contains(&member)));
        }
    }

    #[test]
    fn a_sorted_set_is_an_order(steps in proptest::collection::vec((0u16..400, 0u8..10, -9i16..9), 1..900), long in any::<bool>()) {
        let (mut pair, mut model) = (Pair::new(Kind::SortedSet), BTreeMap::new());
        for (index, (number, action, score)) in steps.into_iter().enumerate() {
            let member = member(number, long);
            let score = f64::from(score) * if score % 2 == 0 { 1.0 } else { 1e9 / 7.0 };
            if action < 7 {
                let is_new = pair.step(index % 5 == 0, |edit| edit.put_score(&member, score));
                prop_assert_eq!(is_new, model.insert(member, score).is_none());
            } else {
                let is_removed = pair.step(index % 5 == 0, |edit| edit.remove_scored(&member));
                prop_assert_eq!(is_removed, model.remove(&member).is_some());
            }
        }
        let mut order: Vec<(f64, Vec<u8>)> = model.iter().map(|(member, score)| (*score, member.clone())).collect();
        order.sort_by(|a, b| a.partial_cmp(b).expect("numbers"));
        pair.each_copy(100, |value| {
            let (set, mut seen) = (value.as_sorted_set().expect("a sorted set"), Vec::new());
            set.each(0..set.len(), |member, score| { seen.push((score, member.to_vec())); true });
            assert_eq!((set.len(), &seen), (order.len(), &order));
            seen.clear();
            set.each_back(0..set.len(), |member, score| { seen.push((score, member.to_vec())); true });
            seen.reverse();
            assert_eq!(seen, order);
            for (rank, (score, member)) in order.iter().enumerate() {
                assert_eq!((set.score(member), set.rank(member)), (Some(*score), Some((rank, *score))));
            }
            for bound in [-1e10, -2.0, 0.0, 4.0, 1e10] {
                let before = order.iter().filter(|(score, _)| *score < bound).count();
                assert_eq!(set.partition_point(|score, _| score < bound), before);
            }
        });
        let set = pair.value().as_sorted_set().expect("a sorted set");
        prop_assert_eq!(walked(|cursor, visit| set.walk(cursor, 3, visit)), model.keys().cloned().collect());
    }

    #[test]
    fn a_list_is_a_list(steps in proptest::collection::vec((any::<u16>(), 0u8..12, 0usize..120), 1..900)) {
        let (mut pair, mut model) = (Pair::new(Kind::List), Vec::new());
        for (index, (at, action, length)) in steps.into_iter().enumerate() {
            let item = vec![index as u8; length];
            let place = usize::from(at) % (model.len() + 1);
            let back = index % 5 == 0;
            match action {
                0..=2 => {
                    model.push(item.clone());
                    pair.step(back, |edit| edit.push_back(&item));
                }
                3..=5 => {
                    model.insert(0, item.clone());
                    pair.step(back, |edit| edit.push_front(&item));
                }
                6 | 7 => {
                    model.insert(place, item.clone());
                    pair.step(back, |edit| edit.insert(place, &item));
                }
                11 if length > 60 && model.len() > 3 => {
                    let indexes: Vec<usize> = (0..model.len()).filter(|index| (index + place) % (length % 7 + 2) == 0).collect();
                    indexes.iter().rev().for_each(|index| _ = model.remove(*index));
                    pair.step(back, |edit| edit.remove_each(&indexes));
                }
                8 if place < model.len() => {
                    model[place] = item.clone();
                    pair.step(back, |edit| edit.set_item(place, &item));
                }
                _ => {
                    let end = (place + 1 + length % 5).min(model.len());
                    if place < end {
                        let removed: Vec<Vec<u8>> = model.drain(place..end).collect();
                        let seen = pair.step(back, |edit| {
                            let mut seen = Vec::new();
                            edit.remove_items(place..end, |item| seen.push(item.to_vec()));
                            seen
                        });
                        prop_assert_eq!(seen, removed);
                    }
                    if model.is_empty() {
                        // The key goes, and begins anew.
                        pair = Pair::new(Kind::List);
                    }
                }
            }
        }
        if pair.body.is_some() {
            pair.each_copy(100, |value| {
                let (list, mut seen) = (value.as_list().expect("a list"), Vec::new());
                list.each(0..list.len(), |item| { seen.push(item.to_vec()); true });
                assert_eq!(seen, model);
                let half = model.len() / 2;
                seen.clear();
                list.each_back(half..model.len(), |item| { seen.push(item.to_vec()); true });
                seen.reverse();
                assert_eq!(seen, &model[half..]);
                assert!((0..model.len()).all(|index| list.get(index) == Some(&model[index][..])));
                assert_eq!(list.get(model.len()), None);
            });
        }
    }
}

/// A walk with a cursor meets what stays, whatever comes and goes meanwhile.
#[test]
fn a_walk_meets_what_stays() {
    for (grows, shrinks) in [(true, false), (false, true), (true, true)] {
        let mut pair = Pair::new(Kind::Set);
        let name = |number: usize| format!("m{number}").into_bytes();
        for number in 0..4000 {
            pair.step(false, |edit| edit.add(&name(number)));
        }
        let (mut cursor, mut seen, mut next) = (0, BTreeSet::new(), 4000);
        loop {
            let set = pair.value().as_set().expect("a set");
            cursor = set.walk(cursor, 10, |met| {
                if let Met::Member(member) = met {
                    seen.insert(member.to_vec());
                }
            });
            if cursor == 0 {
                break;
            }
            for _ in 0..20 {
                if shrinks {
                    pair.step(false, |edit| edit.remove_member(&name(next - 3000)));
                }
                if grows {
                    pair.step(false, |edit| edit.add(&name(next)));
                }
                next += 1;
            }
        }
        assert!((0..1000).all(|number| seen.contains(&name(number))), "{grows} {shrinks}");
    }
}

/// What is said of the heap is what blocks have, and freeing gives all of it back.
#[test]
fn freeing_takes_steps() {
    let mut large = Large::empty(Kind::SortedSet, &hasher());
    for number in 0..100_000u32 {
        let member = format!("member:{number:06}");
        large.apply(&Op::Score { member: member.as_bytes(), score: f64::from(number) });
    }
    assert!(large.heap_bytes() < 100_000 * 80, "{} bytes an element", large.heap_bytes() / 100_000);
    let (all, mut freed, mut steps) = (large.heap_bytes(), 0, 0);
    while let Some(bytes) = large.free_step() {
        (freed, steps) = (freed + bytes, steps + 1);
    }
    assert!(steps > 40 && freed <= all && freed > all * 9 / 10, "{steps} steps, {freed} of {all}");
}
