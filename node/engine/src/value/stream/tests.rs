//! A stream beside a map of its entries, and beside what a Redis server did with the same commands.

use super::*;
use crate::Hasher;
use crate::value::edit::{Body, Edit, Told};
use crate::value::large::Large;
use std::collections::BTreeMap;

type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// Numbers that are as random everywhere.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

struct Script {
    numbers: Numbers,
    stream: Stream,
    entries: BTreeMap<StreamId, Fields>,
    ids: Vec<StreamId>,
}

impl Script {
    fn text(&mut self) -> Vec<u8> {
        match self.numbers.below(5) {
            0 => self.numbers.below(100_000).to_string().into_bytes(),
            1 => format!("-{}", self.numbers.below(5000) + 1).into_bytes(),
            2 => vec![b'x'; self.numbers.below(70) as usize],
            3 if self.numbers.below(20) == 0 => vec![b'y'; self.numbers.below(5000) as usize],
            _ => b"value".to_vec(),
        }
    }

    fn append(&mut self) -> u64 {
        let last = self.stream.last_id();
        let ms = last.ms + self.numbers.below(3) * self.numbers.below(100);
        let sequence = if ms == last.ms { last.sequence + 1 + self.numbers.below(400) } else { self.numbers.below(3) };
        let id = StreamId::new(ms, sequence);
        let mut fields = Vec::new();
        for _ in 0..1 + self.numbers.below(3) {
            let name = format!("f{}", self.numbers.below(2)).into_bytes();
            fields.push((name, self.text()));
        }
        let borrowed: Vec<(&[u8], &[u8])> = fields.iter().map(|(name, value)| (&name[..], &value[..])).collect();
        assert!(self.stream.append(id, &borrowed));
        assert!(!self.stream.append(id, &borrowed), "an ID twice");
        self.entries.insert(id, fields);
        self.ids.push(id);
        0
    }

    fn any_id(&mut self) -> StreamId {
        let count = self.ids.len() as u64;
        if count == 0 { StreamId::new(1, 1) } else { self.ids[self.numbers.below(count) as usize] }
    }

    fn delete(&mut self) -> u64 {
        let id = self.any_id();
        let is_gone = self.stream.delete(id);
        assert_eq!(is_gone, self.entries.remove(&id).is_some());
        u64::from(is_gone)
    }

    fn trim(&mut self, is_exact: bool) -> u64 {
        let keep = if self.numbers.below(3) > 0 {
            let fewer = self.numbers.below(if is_exact { 30 } else { 150 });
            Keep::Length(self.stream.len().saturating_sub(fewer))
        } else {
            let back = self.ids.len() as u64 - self.numbers.below(self.ids.len() as u64 / 20 + 1) - 1;
            let id = self.ids[(back * 9 / 10) as usize];
            Keep::From(id)
        };
        let precision = if is_exact {
            Precision::Exact
        } else {
            Precision::Nodes { limit: (self.numbers.below(2) == 0).then(|| self.numbers.below(300) + 1) }
        };
        let gone = self.stream.trim(keep, precision);
        for _ in 0..gone {
            self.entries.pop_first();
        }
        gone
    }

    fn check(&self) {
        let shown = |entry: Entry<'_>| {
            (entry.id, entry.fields().map(|(name, value)| (name.to_vec(), value.to_vec())).collect::<Fields>())
        };
        let (first, second) = (self.ids[self.ids.len() / 2], self.ids[self.ids.len() - self.ids.len() / 5 - 1]);
        for range in [StreamId::MIN..=StreamId::MAX, first..=second, second..=StreamId::MAX, first..=first] {
            let expected: Vec<(StreamId, Fields)> =
                self.entries.range(range.clone()).map(|(id, fields)| (*id, fields.clone())).collect();
            assert_eq!(self.stream.range(range.clone()).map(shown).collect::<Vec<_>>(), expected);
            let back: Vec<_> = self.stream.range_back(range).map(shown).collect();
            assert!(back.iter().eq(expected.iter().rev()));
        }
        let blocks: usize = self.stream.nodes.iter().map(|node| allocated(node.capacity())).sum();
        assert_eq!(self.stream.blocks, blocks);
    }

    /// Length and nodes after so many commands, and a sum of the lengths, nodes and replies after each.
    fn run(seed: u64, commands: u64) -> (u64, usize, u64) {
        let stream = Stream::default();
        let mut script = Script { numbers: Numbers(seed), stream, entries: BTreeMap::new(), ids: Vec::new() };
        script.append();
        let mut sum = 0u64;
        for number in 0..commands {
            let reply = match script.numbers.below(200) {
                0..180 => script.append(),
                180..194 => script.delete(),
                194..198 => script.trim(false),
                _ => script.trim(true),
            };
            assert_eq!(script.stream.len(), script.entries.len() as u64);
            let (length, nodes) = (script.stream.len(), script.stream.nodes() as u64);
            sum = sum.wrapping_mul(31).wrapping_add(length * 1_000_003 + nodes * 7919 + reply);
            if number % 500 == 0 {
                script.check();
            }
        }
        script.check();
        (script.stream.len(), script.stream.nodes(), sum)
    }
}

#[test]
fn trimming_leaves_what_redis_leaves() {
    // What XLEN, XINFO STREAM and the replies of a Redis 7.0.15 said to the same commands.
    let said = [
        (1, 20_000, (1890, 49, 4933724169768620546)),
        (2, 20_000, (1635, 45, 3169966727410346195)),
        (3, 20_000, (1910, 58, 4477860234715837383)),
    ];
    for (seed, commands, expected) in said {
        assert_eq!(Script::run(seed, commands), expected, "seed {seed}");
    }
}

#[test]
fn a_groups_lag_is_what_redis_says() {
    // What XINFO GROUPS of a Redis 7.0.15 said of groups that stand at each of these, without ENTRIESREAD and with 2 of it.
    const AT: [u64; 7] = [0, 1, 2, 3, 4, 5, 9];
    let told = |stream: &Stream, read: Option<u64>| AT.map(|ms| stream.lag(StreamId::new(ms, u64::from(ms > 0)), read));
    let some = |lags: [i64; 7]| lags.map(|lag| u64::try_from(lag).ok());
    let mut stream = Stream::default();
    assert_eq!((told(&stream, None), told(&stream, Some(2))), ([Some(0); 7], [Some(0); 7]));
    for ms in 1..=5 {
        stream.append(StreamId::new(ms, 1), &[(b"a", b"b")]);
    }
    assert_eq!((told(&stream, None), told(&stream, Some(2))), (some([5, 4, -1, -1, -1, 0, -1]), [Some(3); 7]));
    stream.delete(StreamId::new(3, 1));
    let (without, with) = (some([-1, -1, -1, -1, -1, 0, -1]), some([-1, -1, -1, -1, 3, 3, 3]));
    assert_eq!((told(&stream, None), told(&stream, Some(2))), (without, with));
    for (length, without) in [(2, [2, 2, 2, 2, 1, 0, -1]), (1, [1, 1, 1, 1, 1, 0, -1]), (0, [0, 0, 0, 0, 0, 0, -1])] {
        stream.trim(Keep::Length(length), Precision::Exact);
        assert_eq!((told(&stream, None), told(&stream, Some(2))), (some(without), [Some(3); 7]), "{length}");
    }
}

#[test]
fn ids_go_up_when_the_clock_does_not() {
    let mut stream = Stream::default();
    assert_eq!(stream.next_id(5), Some(StreamId::new(5, 0)));
    assert!(!stream.append(StreamId::MIN, &[(b"f", b"v")]));
    assert!(stream.append(StreamId::new(5, u64::MAX), &[(b"f", b"v")]));
    assert_eq!(stream.next_id(4), Some(StreamId::new(6, 0)));
    assert_eq!((stream.next_id_in(4), stream.next_id_in(5)), (None, None));
    assert_eq!(stream.next_id_in(6), Some(StreamId::new(6, 0)));
    stream.set(StreamId::MAX, Some(9), Some(StreamId::new(7, 7)));
    assert_eq!((stream.next_id(9), stream.entries_added()), (None, 9));
    let mut stream = Stream::default();
    for ms in 1..=3 {
        assert!(stream.append(StreamId::new(ms, 1), &[(b"f", b"v")]));
    }
    stream.delete(StreamId::new(3, 1));
    stream.set(StreamId::new(2, 1), None, Some(StreamId::MIN));
    assert!(stream.append(StreamId::new(2, 5), &[(b"f", b"v")]), "below one that is deleted");
    assert_eq!(
        stream.range(StreamId::MIN..=StreamId::MAX).map(|entry| entry.id.sequence).collect::<Vec<_>>(),
        [1, 1, 5]
    );
    stream.set(StreamId::MAX, Some(9), Some(StreamId::new(7, 7)));
    assert_eq!(stream.max_deleted_id(), StreamId::new(7, 7));
}

#[test]
fn what_is_deleted_by_name_is_remembered_and_what_is_trimmed_is_not() {
    let mut stream = Stream::default();
    for sequence in 1..=300 {
        assert!(stream.append(StreamId::new(1, sequence), &[(b"name", b"value")]));
    }
    assert_eq!((stream.nodes(), stream.entries_added()), (3, 300));
    assert!(stream.heap_bytes() < 300 * 16, "names are kept once in a node");
    assert_eq!(stream.trim(Keep::Length(50), Precision::Exact), 250);
    assert_eq!(stream.max_deleted_id(), StreamId::MIN);
    assert!(stream.delete(StreamId::new(1, 260)));
    assert!(!stream.delete(StreamId::new(1, 260)));
    assert_eq!(stream.max_deleted_id(), StreamId::new(1, 260));
    for sequence in 251..=300 {
        stream.delete(StreamId::new(1, sequence));
    }
    assert_eq!((stream.len(), stream.nodes(), stream.last_id()), (0, 0, StreamId::new(1, 300)));
}

/// What a stream is made of, whichever nodes it is in.
fn content(stream: &Stream) -> Vec<Vec<u8>> {
    let mut ops = Vec::new();
    stream.walk(0, usize::MAX, &mut |op| {
        let op = match op {
            Op::Entry { id, fields, .. } => Op::Entry { id, begins: false, added: None, fields },
            op => op,
        };
        let mut bytes = Vec::new();
        op.encode(&mut bytes);
        ops.push(bytes);
    });
    ops.sort();
    ops
}

fn any_change(edit: &mut Edit, numbers: &mut Numbers) {
    let name = |numbers: &mut Numbers| format!("name{}", numbers.below(3)).into_bytes();
    let (group, consumer) = (name(numbers), name(numbers));
    let last = edit.stream().last_id();
    let id = StreamId::new(1, numbers.below(last.sequence + 1));
    match numbers.below(20) {
        0..9 => {
            let fields: &[(&[u8], &[u8])] = &[(b"field", &group), (&consumer, b"12")];
            edit.append_entry(StreamId::new(1, last.sequence + 1), &fields[..1 + numbers.below(2) as usize]);
        }
        9 => _ = edit.delete_entry(id),
        10 if numbers.below(4) == 0 => {
            let keep = Keep::Length(edit.stream().len().saturating_sub(numbers.below(150)));
            edit.trim_entries(
                keep,
                if numbers.below(2) == 0 { Precision::Exact } else { Precision::Nodes { limit: None } },
            );
        }
        11 => edit.set_stream(last, edit.stream().entries_added(), id),
        12 => edit.put_group(&group, id, Some(numbers.below(5)).filter(|read| *read > 0)),
        13 if numbers.below(6) == 0 => _ = edit.remove_group(&group),
        14 if edit.stream().group(&group).is_some() => edit.put_consumer(&group, &consumer, numbers.below(9), None),
        15 if numbers.below(4) == 0 => _ = edit.remove_consumer(&group, &consumer),
        16..18 if edit.stream().group(&group).is_some() => edit.put_pending(&group, id, &consumer, 7, numbers.below(9)),
        _ => _ = edit.remove_pending(&group, id),
    }
}

fn edit_of(large: &Large) -> Edit {
    Edit::new(
        Body::Large(Box::new(large.clone())),
        &Hasher(foldhash::quality::SeedableRandomState::with_seed(1, foldhash::SharedSeed::global_fixed())),
        0,
        true,
    )
}

fn large_of(edit: Edit) -> Large {
    match edit.into_body() {
        Body::Large(large) => *large,
        Body::Packed(_) => unreachable!("a stream is large"),
    }
}

#[test]
fn a_walk_and_what_is_done_meanwhile_make_the_same_stream() {
    let mut all_steps = 0;
    for seed in 0..40 {
        let mut numbers = Numbers(seed * 77 + 1);
        let (mut source, mut target) = (Large::of_nothing(), Large::of_nothing());
        let live = |source: &mut Large, numbers: &mut Numbers, told: &mut Large, count: u64| {
            let mut edit = edit_of(source);
            (0..count).for_each(|_| any_change(&mut edit, numbers));
            if let Told::Ops(ops) = edit.told() {
                crate::ops_in(ops).for_each(|op| told.apply(&op));
            }
            *source = large_of(edit);
        };
        live(&mut source, &mut numbers, &mut Large::of_nothing(), 1500);
        let mut place = 0;
        loop {
            let mut ops = Vec::new();
            place = source.walk(place, 600, &mut |op| op.encode(&mut ops));
            crate::ops_in(&ops).for_each(|op| target.apply(&op));
            all_steps += 1;
            if place == 0 {
                break;
            }
            live(&mut source, &mut numbers, &mut target, seed % 12);
        }
        let (source, target) = (source.as_stream().expect("a stream"), target.as_stream().expect("a stream"));
        [source, target, &source.clone()]
            .iter()
            .for_each(|of| of.groups.iter().for_each(|groups| groups.check_bytes()));
        assert!(content(target) == content(source), "seed {seed}");
        assert_eq!(target.len(), source.len());
    }
    assert!(all_steps > 150, "{all_steps}");
}

#[test]
fn a_step_of_a_walk_tells_some_of_what_is_pending_and_all_of_them_all() {
    let told_of = |stream: &Stream| {
        let mut told = Vec::new();
        for (name, group) in stream.groups() {
            told.extend(group.pending(..).map(|(id, pending)| (name.to_vec(), id, pending.clone())));
        }
        told
    };
    for seed in 0..30 {
        let mut numbers = Numbers(seed * 19 + 11);
        let mut edit = edit_of(&Large::of_nothing());
        for group in [b"a", b"b", b"c"] {
            edit.put_group(group, StreamId::MIN, None);
            (0..2000).for_each(|n| edit.put_pending(group, StreamId::new(1, n * 3), b"one", 1, 1));
        }
        let (mut source, mut target) = (large_of(edit), Large::of_nothing());
        let (mut place, mut steps) = (0, 0);
        loop {
            let (mut ops, mut count) = (Vec::new(), 0);
            place = source.walk(place, 2000, &mut |op| {
                count += 1;
                op.encode(&mut ops);
            });
            assert!(count < 2000 / 30 + 64 + 5, "{count}");
            crate::ops_in(&ops).for_each(|op| target.apply(&op));
            steps += 1;
            if place == 0 {
                break;
            }
            let mut edit = edit_of(&source);
            for _ in 0..seed * 4 % 50 {
                let group: &[u8] = [b"a", b"b", b"c"][numbers.below(3) as usize];
                let first = edit.stream().group(group).and_then(|group| Some(group.pending(..).next()?.0));
                let id = StreamId::new(1, numbers.below(6000));
                match numbers.below(900) {
                    0 => _ = edit.remove_group(group),
                    1 => _ = edit.remove_consumer(group, b"two"),
                    2..300 => _ = edit.remove_pending(group, first.unwrap_or(id)),
                    300..600 => _ = edit.remove_pending(group, id),
                    _ if edit.stream().group(group).is_some() => {
                        edit.put_pending(group, id, b"two", 2, numbers.below(9))
                    }
                    _ => edit.put_group(group, id, None),
                }
            }
            if let Told::Ops(ops) = edit.told() {
                crate::ops_in(ops).for_each(|op| target.apply(&op));
            }
            source = large_of(edit);
        }
        let (source, target) = (source.as_stream().expect("a stream"), target.as_stream().expect("a stream"));
        assert!(told_of(source) == told_of(target), "seed {seed}");
        assert!((30..500).contains(&steps), "{steps}");
        target.groups.iter().for_each(|groups| groups.check_bytes());
    }
}

#[test]
fn what_was_refused_is_taken_back() {
    for seed in 0..40 {
        let mut numbers = Numbers(seed * 31 + 5);
        let mut edit = edit_of(&Large::of_nothing());
        (0..600).for_each(|_| any_change(&mut edit, &mut numbers));
        let before = large_of(edit);
        let mut edit = edit_of(&before);
        (0..60).for_each(|_| any_change(&mut edit, &mut numbers));
        edit.take_back();
        let after = large_of(edit);
        let (before, after) = (before.as_stream().expect("a stream"), after.as_stream().expect("a stream"));
        assert!(content(after) == content(before), "seed {seed}");
        let blocks: usize = after.nodes.iter().map(|node| allocated(node.capacity())).sum();
        assert_eq!((after.blocks, after.len()), (blocks, before.len()));
        after.groups.iter().for_each(|groups| groups.check_bytes());
    }
}

#[test]
fn a_consumer_knows_what_is_pending_for_it() {
    for seed in 0..20 {
        let mut numbers = Numbers(seed * 13 + 3);
        let mut edit = edit_of(&Large::of_nothing());
        for _ in 0..60 {
            (0..30).for_each(|_| any_change(&mut edit, &mut numbers));
            for (_, group) in edit.stream().groups() {
                for (consumer, of) in group.consumers() {
                    let from = StreamId::new(1, numbers.below(200));
                    let mine = group.pending_of(consumer, from..).collect::<Vec<_>>();
                    let looked_for = group.pending(from..).filter(|(_, pending)| *pending.consumer == *consumer);
                    assert_eq!(mine, looked_for.collect::<Vec<_>>(), "seed {seed}");
                    assert_eq!(of.pending_len(), group.pending_of(consumer, ..).count());
                }
                assert_eq!(group.pending_of(b"nobody", ..).count(), 0);
            }
            edit.stream().groups.iter().for_each(|groups| groups.check_bytes());
        }
    }
}

#[test]
fn counts_end_at_the_highest_number() {
    let mut stream = Stream::default();
    stream.set(StreamId::new(1, 1), Some(u64::MAX), None);
    assert!(stream.append(StreamId::MAX, &[(b"f", b"v")]));
    assert_eq!((stream.entries_added(), stream.last_id(), stream.next_id(9)), (u64::MAX, StreamId::MAX, None));
    assert_eq!(stream.entries_up_to(StreamId::MAX), Some(u64::MAX));
    assert!(!stream.append(StreamId::MAX, &[(b"f", b"v")]));
    assert_eq!(stream.range(StreamId::MAX..=StreamId::MAX).count(), 1);
    assert_eq!(stream.trim(Keep::From(StreamId::MAX), Precision::Exact), 0);
    assert!(stream.delete(StreamId::MAX));
}

#[test]
fn it_is_freed_in_steps_until_nothing_is_left() {
    let mut edit = edit_of(&Large::of_nothing());
    let mut numbers = Numbers(9);
    (0..3000).for_each(|_| any_change(&mut edit, &mut numbers));
    let mut large = large_of(edit);
    let (mut steps, bytes) = (0, large.heap_bytes());
    let mut freed = 0;
    while let Some(some) = large.free_step() {
        (steps, freed) = (steps + 1, freed + some);
        assert!(steps < 1000);
    }
    assert!(freed > bytes / 2 && large.as_stream().is_some_and(|stream| stream.nodes() == 0));
    assert!(size_of::<Large>() <= 160, "{}", size_of::<Large>());
}
