//! Collections as readers see them, packed or large alike. Elements are shown where they lie, so they are gone when the lock is.
//!
//! A walk over a hash, set or sorted set with a cursor meets whatever is there all the time at least once, whatever happens to
//! the rest meanwhile: of a large one it goes by positions (`buckets`), a packed one is shown whole. Left out: changes (`edit`).

use super::buckets::Buckets;
use super::large::{Shape, field_parts, scored_parts};
use super::packed::{self, Digits, item_at, score_at, word};
use super::{Large, ValueRef};
use std::ops::Range;

/// An element as a walk shows it: a field and its value, a member and its score, or a member alone.
#[derive(Clone, Copy, Debug)]
pub enum Met<'a> {
    Field(&'a [u8], &'a [u8]),
    Scored(&'a [u8], f64),
    Member(&'a [u8]),
}

/// Bits of a cursor: few enough for what clients keep numbers in.
const CURSOR_BITS: u32 = 48;

/// Goes on with a walk by positions, over about `count` elements.
fn walk_table(table: &Buckets, cursor: u64, count: usize, mut visit: impl FnMut(&[u8], &[u8])) -> u64 {
    const SHIFT: u32 = 64 - CURSOR_BITS;
    let mut position = cursor << SHIFT;
    let mut seen = 0;
    // A table that was much larger has few elements in many buckets.
    for _ in 0..count.saturating_mul(10) {
        position = table.walk(position, |key, value| {
            seen += 1;
            visit(key, value);
        });
        if position == 0 || seen >= count {
            break;
        }
    }
    position >> SHIFT
}

/// Fields of a block, their values and expiries.
pub(super) fn fields(block: &[u8]) -> impl Iterator<Item = (&[u8], &[u8], Option<u64>)> {
    let has_expiries = block[0] == packed::HASH_WITH_EXPIRIES;
    packed::elements(block).map(move |place| {
        let field = item_at(block, place.start);
        let value = item_at(block, field.end);
        let expires_at_ms = has_expiries.then(|| word(&block[value.end..])).filter(|at| *at != 0);
        (&block[field], &block[value], expires_at_ms)
    })
}

/// Scores and members of a block.
pub(super) fn scored(block: &[u8]) -> impl Iterator<Item = (f64, &[u8])> + Clone {
    packed::elements(block).map(move |place| {
        let (score, at) = score_at(block, place.start);
        (score, &block[item_at(block, at)])
    })
}

#[derive(Clone, Copy, Debug)]
enum Of<'a> {
    Packed(&'a [u8]),
    Large(&'a Large),
}

impl<'a> Of<'a> {
    fn new(value: ValueRef<'a>) -> Of<'a> {
        match value {
            ValueRef::String(block) | ValueRef::Packed(block) => Of::Packed(block),
            ValueRef::Large(large) => Of::Large(large),
        }
    }
}

/// Fields and values.
#[derive(Clone, Copy, Debug)]
pub struct HashRef<'a> {
    of: Of<'a>,
    now_ms: u64,
}

impl<'a> HashRef<'a> {
    pub(super) fn new(value: ValueRef<'a>, now_ms: u64) -> HashRef<'a> {
        HashRef { of: Of::new(value), now_ms }
    }

    fn lives(&self, expires_at_ms: Option<u64>) -> bool {
        expires_at_ms.is_none_or(|at| at > self.now_ms)
    }

    /// When the first of its fields expires, or expired.
    pub fn soonest_ms(&self) -> Option<u64> {
        match self.of {
            Of::Packed(block) if block[0] == packed::HASH_WITH_EXPIRIES => {
                fields(block).filter_map(|found| found.2).min()
            }
            Of::Packed(_) => None,
            Of::Large(Large(Shape::Hash(fields), _)) => Some(fields.soonest_ms).filter(|_| fields.expiring > 0),
            Of::Large(_) => None,
        }
    }

    pub fn len(&self) -> usize {
        let all = match self.of {
            Of::Packed(block) => packed::count(block),
            Of::Large(large) => large.len(),
        };
        if self.soonest_ms().is_none_or(|at| at > self.now_ms) {
            return all;
        }
        let mut living = 0;
        self.each(|_, _| living += 1);
        living
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A field's value and when it expires.
    pub fn find(&self, field: &[u8]) -> Option<(&'a [u8], Option<u64>)> {
        let found = match self.of {
            Of::Packed(block) => fields(block).find(|found| found.0 == field).map(|found| (found.1, found.2)),
            Of::Large(Large(Shape::Hash(fields), _)) => fields.table.get(field).map(field_parts),
            Of::Large(_) => None,
        };
        found.filter(|found| self.lives(found.1))
    }

    pub fn get(&self, field: &[u8]) -> Option<&'a [u8]> {
        self.find(field).map(|found| found.0)
    }

    pub fn each(&self, mut visit: impl FnMut(&'a [u8], &'a [u8])) {
        self.each_whole(|field, value, _| visit(field, value));
    }

    /// Fields, values and expiries.
    pub fn each_whole(&self, mut visit: impl FnMut(&'a [u8], &'a [u8], Option<u64>)) {
        match self.of {
            Of::Packed(block) => {
                fields(block)
                    .filter(|found| self.lives(found.2))
                    .for_each(|(field, value, at)| visit(field, value, at));
            }
            Of::Large(Large(Shape::Hash(fields), _)) => fields.table.each(|field, stored| {
                let (value, expires_at_ms) = field_parts(stored);
                if self.lives(expires_at_ms) {
                    visit(field, value, expires_at_ms);
                }
            }),
            Of::Large(_) => {}
        }
    }

    /// Goes on with a walk over about `count` fields; the next cursor, 0 at the end.
    pub fn walk(&self, cursor: u64, count: usize, mut visit: impl FnMut(Met<'_>)) -> u64 {
        match self.of {
            Of::Large(Large(Shape::Hash(fields), _)) => walk_table(&fields.table, cursor, count, |field, stored| {
                let (value, expires_at_ms) = field_parts(stored);
                if self.lives(expires_at_ms) {
                    visit(Met::Field(field, value));
                }
            }),
            _ => {
                self.each(|field, value| visit(Met::Field(field, value)));
                0
            }
        }
    }

    /// A field drawn by dice, and its value.
    pub fn draw(&self, dice: &mut dyn FnMut() -> u64) -> Option<(&'a [u8], &'a [u8])> {
        match self.of {
            Of::Packed(block) => {
                let count = self.len().max(1);
                let place = (dice() % count as u64) as usize;
                fields(block).filter(|found| self.lives(found.2)).nth(place).map(|found| (found.0, found.1))
            }
            Of::Large(Large(Shape::Hash(fields), _)) => {
                // Some of what is drawn may have expired.
                for _ in 0..16 {
                    let (field, stored) = fields.table.draw(dice)?;
                    let (value, expires_at_ms) = field_parts(stored);
                    if self.lives(expires_at_ms) {
                        return Some((field, value));
                    }
                }
                let mut first = None;
                self.each(|field, value| _ = first.get_or_insert((field, value)));
                first
            }
            Of::Large(_) => None,
        }
    }
}

/// Items in their order.
#[derive(Clone, Copy, Debug)]
pub struct ListRef<'a>(Of<'a>);

impl<'a> ListRef<'a> {
    pub(super) fn new(value: ValueRef<'a>) -> ListRef<'a> {
        ListRef(Of::new(value))
    }

    pub fn len(&self) -> usize {
        match self.0 {
            Of::Packed(block) => packed::count(block),
            Of::Large(large) => large.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn get(&self, index: usize) -> Option<&'a [u8]> {
        if index >= self.len() {
            return None;
        }
        match self.0 {
            Of::Packed(block) => {
                let at = (0..index).fold(packed::HEAD, |at, _| item_at(block, at).end);
                Some(&block[item_at(block, at)])
            }
            Of::Large(Large(Shape::List(window), _)) => Some(window.items.get(index)),
            Of::Large(_) => None,
        }
    }

    /// Shows the items of a range until one is answered with false.
    pub fn each(&self, range: Range<usize>, mut visit: impl FnMut(&[u8]) -> bool) {
        match self.0 {
            Of::Packed(block) => {
                let mut at = (0..range.start).fold(packed::HEAD, |at, _| item_at(block, at).end);
                range.into_iter().all(|_| {
                    let item = item_at(block, at);
                    at = item.end;
                    visit(&block[item])
                });
            }
            Of::Large(Large(Shape::List(window), _)) => window.items.each(range, visit),
            Of::Large(_) => {}
        }
    }

    /// The same from the last one on.
    pub fn each_back(&self, range: Range<usize>, mut visit: impl FnMut(&[u8]) -> bool) {
        match self.0 {
            Of::Packed(block) => {
                let places: Vec<Range<usize>> = packed::elements(block).skip(range.start).take(range.len()).collect();
                places.into_iter().rev().all(|place| visit(&block[item_at(block, place.start)]));
            }
            Of::Large(Large(Shape::List(window), _)) => window.items.each_back(range, visit),
            Of::Large(_) => {}
        }
    }
}

/// Members.
#[derive(Clone, Copy, Debug)]
pub struct SetRef<'a>(Of<'a>);

impl<'a> SetRef<'a> {
    pub(super) fn new(value: ValueRef<'a>) -> SetRef<'a> {
        SetRef(Of::new(value))
    }

    pub fn len(&self) -> usize {
        match self.0 {
            Of::Packed(block) if block[0] == packed::INTEGERS => packed::integer_count(block),
            Of::Packed(block) => packed::count(block),
            Of::Large(large) => large.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn contains(&self, member: &[u8]) -> bool {
        match self.0 {
            Of::Packed(block) if block[0] == packed::INTEGERS => {
                packed::integer_of(member).is_some_and(|number| packed::find_integer(block, number).is_ok())
            }
            Of::Packed(block) => packed::elements(block).any(|place| &block[item_at(block, place.start)] == member),
            Of::Large(Large(Shape::Set(members), _)) => members.get(member).is_some(),
            Of::Large(_) => false,
        }
    }

    pub fn each(&self, mut visit: impl FnMut(&[u8])) {
        match self.0 {
            Of::Packed(block) if block[0] == packed::INTEGERS => {
                (0..packed::integer_count(block))
                    .for_each(|index| visit(Digits::of(packed::integer_at(block, index)).as_bytes()));
            }
            Of::Packed(block) => packed::elements(block).for_each(|place| visit(&block[item_at(block, place.start)])),
            Of::Large(Large(Shape::Set(members), _)) => members.each(|member, _| visit(member)),
            Of::Large(_) => {}
        }
    }

    /// Goes on with a walk over about `count` members; the next cursor, 0 at the end.
    pub fn walk(&self, cursor: u64, count: usize, mut visit: impl FnMut(Met<'_>)) -> u64 {
        match self.0 {
            Of::Large(Large(Shape::Set(members), _)) => {
                walk_table(members, cursor, count, |member, _| visit(Met::Member(member)))
            }
            _ => {
                self.each(|member| visit(Met::Member(member)));
                0
            }
        }
    }

    /// A member drawn by dice.
    pub fn draw(&self, dice: &mut dyn FnMut() -> u64) -> Option<Vec<u8>> {
        let place = |count: usize, dice: &mut dyn FnMut() -> u64| (dice() % count.max(1) as u64) as usize;
        match self.0 {
            _ if self.is_empty() => None,
            Of::Packed(block) if block[0] == packed::INTEGERS => {
                let index = place(packed::integer_count(block), dice);
                Some(Digits::of(packed::integer_at(block, index)).as_bytes().to_vec())
            }
            Of::Packed(block) => {
                let element = packed::elements(block).nth(place(packed::count(block), dice))?;
                Some(block[item_at(block, element.start)].to_vec())
            }
            Of::Large(Large(Shape::Set(members), _)) => members.draw(dice).map(|drawn| drawn.0.to_vec()),
            Of::Large(_) => None,
        }
    }
}

/// Members by their scores.
#[derive(Clone, Copy, Debug)]
pub struct SortedSetRef<'a>(Of<'a>);

impl<'a> SortedSetRef<'a> {
    pub(super) fn new(value: ValueRef<'a>) -> SortedSetRef<'a> {
        SortedSetRef(Of::new(value))
    }

    pub fn len(&self) -> usize {
        match self.0 {
            Of::Packed(block) => packed::count(block),
            Of::Large(large) => large.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn score(&self, member: &[u8]) -> Option<f64> {
        match self.0 {
            Of::Packed(block) => packed::find_scored(block, member).map(|place| score_at(block, place.start).0),
            Of::Large(Large(Shape::SortedSet(scored), _)) => scored.score(member),
            Of::Large(_) => None,
        }
    }

    /// A member's rank from the lowest score on, and its score.
    pub fn rank(&self, member: &[u8]) -> Option<(usize, f64)> {
        match self.0 {
            Of::Packed(block) => {
                scored(block).enumerate().find(|(_, found)| found.1 == member).map(|(rank, found)| (rank, found.0))
            }
            Of::Large(Large(Shape::SortedSet(scored), _)) => {
                let score = scored.score(member)?;
                Some((scored.before(score, member), score))
            }
            Of::Large(_) => None,
        }
    }

    /// Elements from the first on of which `is_before` holds, which must hold of none behind one of which it does not.
    pub fn partition_point(&self, mut is_before: impl FnMut(f64, &[u8]) -> bool) -> usize {
        match self.0 {
            Of::Packed(block) => {
                scored(block).position(|(score, member)| !is_before(score, member)).unwrap_or(packed::count(block))
            }
            Of::Large(Large(Shape::SortedSet(scored), _)) => scored.order.partition_point(|item| {
                let (score, member) = scored_parts(item);
                is_before(score, member)
            }),
            Of::Large(_) => 0,
        }
    }

    /// Shows the elements of a range of ranks until one is answered with false.
    pub fn each(&self, range: Range<usize>, mut visit: impl FnMut(&[u8], f64) -> bool) {
        match self.0 {
            Of::Packed(block) => {
                scored(block).skip(range.start).take(range.len()).all(|(score, member)| visit(member, score));
            }
            Of::Large(Large(Shape::SortedSet(scored), _)) => scored.order.each(range, |item| {
                let (score, member) = scored_parts(item);
                visit(member, score)
            }),
            Of::Large(_) => {}
        }
    }

    /// The same from the last one on.
    pub fn each_back(&self, range: Range<usize>, mut visit: impl FnMut(&[u8], f64) -> bool) {
        match self.0 {
            Of::Packed(block) => {
                let all: Vec<(f64, &[u8])> = scored(block).skip(range.start).take(range.len()).collect();
                all.into_iter().rev().all(|(score, member)| visit(member, score));
            }
            Of::Large(Large(Shape::SortedSet(scored), _)) => scored.order.each_back(range, |item| {
                let (score, member) = scored_parts(item);
                visit(member, score)
            }),
            Of::Large(_) => {}
        }
    }

    /// Goes on with a walk over about `count` members; the next cursor, 0 at the end.
    pub fn walk(&self, cursor: u64, count: usize, mut visit: impl FnMut(Met<'_>)) -> u64 {
        match self.0 {
            Of::Large(Large(Shape::SortedSet(scored), _)) => {
                walk_table(&scored.scores, cursor, count, |member, stored| {
                    visit(Met::Scored(member, f64::from_bits(word(stored))));
                })
            }
            _ => {
                self.each(0..self.len(), |member, score| {
                    visit(Met::Scored(member, score));
                    true
                });
                0
            }
        }
    }
}

/// The place of an element in the order of a block.
pub(super) fn scored_before(block: &[u8], score: f64, member: &[u8]) -> usize {
    let mut at = packed::HEAD;
    while at < block.len() {
        let (other, behind) = score_at(block, at);
        let found = item_at(block, behind);
        let end = found.end;
        if !(other < score || other == score && block[found] < *member) {
            return at;
        }
        at = end;
    }
    at
}
