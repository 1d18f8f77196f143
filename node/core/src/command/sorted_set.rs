//! Commands on sorted sets. Where elements lie that a range names is found by rank; ranges by score, by member and by rank are
//! one thing from there on ([`Span`]).
//!
//! Left out: those that make one sorted set of several (`combine`), the blocking ones (`blocking.rs`), and geo (`geo.rs`), whose
//! sets are these.

pub mod combine;

use super::collection::{Names, Walk, distinct, error, is, parse_bound, parse_double, parse_draws, room, when};
use super::{Context, wrong_arity};
use crate::number::parse_integer;
use dcache_engine::{Edit, Kind, SortedSetRef};
use dcache_protocol::error::WireError;
use dcache_protocol::resp::parse::Args;
use dcache_protocol::resp::reply::{Reply, Version};
use std::ops::Range;

pub(super) fn set_of(edit: &Edit) -> SortedSetRef<'_> {
    edit.value().as_sorted_set().expect("an edit of a sorted set has one")
}

/// Which elements ZADD adds or changes, and what it answers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Adding {
    pub if_absent: bool,
    pub if_present: bool,
    pub if_greater: bool,
    pub if_less: bool,
    pub answers_changed: bool,
    adds_up: bool,
}

/// What became of one element.
enum Added {
    New(f64),
    Changed(f64),
    Same(f64),
    /// The options do not allow it.
    Refused,
}

impl Adding {
    fn put(self, set: &mut Edit, member: &[u8], score: f64) -> Result<Added, WireError> {
        let mut added = Ok(Added::Refused);
        set.put_score_with(member, |present| {
            added = self.decide(present, score);
            match added {
                Ok(Added::New(score) | Added::Changed(score)) => Some(score),
                Ok(Added::Same(_) | Added::Refused) | Err(_) => None,
            }
        });
        added
    }

    /// What becomes of a member that has this score, if it is there.
    fn decide(self, present: Option<f64>, score: f64) -> Result<Added, WireError> {
        let Some(present) = present else {
            return Ok(if self.if_present { Added::Refused } else { Added::New(score) });
        };
        if self.if_absent {
            return Ok(Added::Refused);
        }
        let score = if self.adds_up { present + score } else { score };
        if score.is_nan() {
            return Err(error("resulting score is not a number (NaN)"));
        }
        if (self.if_less && score >= present) || (self.if_greater && score <= present) {
            return Ok(Added::Refused);
        }
        Ok(if score == present { Added::Same(score) } else { Added::Changed(score) })
    }

    /// How it is told that so many are new, and so many have another score.
    pub fn told((new, changed): &(usize, usize)) -> Names {
        when(new + changed > 0, &["zadd"])
    }

    /// Puts all; how many are new, and how many have another score.
    pub fn put_all(self, set: &mut Edit, elements: &[(f64, &[u8])]) -> Result<(usize, usize), WireError> {
        let (mut new, mut changed) = (0, 0);
        for (score, member) in elements {
            match self.put(set, member, *score)? {
                Added::New(_) => new += 1,
                Added::Changed(_) => changed += 1,
                Added::Same(_) | Added::Refused => {}
            }
        }
        Ok((new, changed))
    }
}

pub fn zadd(context: &mut Context<'_>) -> Result<(), WireError> {
    let mut adding = Adding::default();
    let mut at = 2;
    while let Some(word) = context.args.get(at) {
        match () {
            _ if is(word, "nx") => adding.if_absent = true,
            _ if is(word, "xx") => adding.if_present = true,
            _ if is(word, "ch") => adding.answers_changed = true,
            _ if is(word, "incr") => adding.adds_up = true,
            _ if is(word, "gt") => adding.if_greater = true,
            _ if is(word, "lt") => adding.if_less = true,
            _ => break,
        }
        at += 1;
    }
    let rest = context.args.from(at);
    if rest.is_empty() || !rest.len().is_multiple_of(2) {
        return Err(WireError::Syntax);
    }
    if adding.if_absent && adding.if_present {
        return Err(error("XX and NX options at the same time are not compatible"));
    }
    if (adding.if_greater && (adding.if_absent || adding.if_less)) || (adding.if_less && adding.if_absent) {
        return Err(error("GT, LT, and/or NX options at the same time are not compatible"));
    }
    if adding.adds_up && rest.len() > 2 {
        return Err(error("INCR option supports a single increment-element pair"));
    }
    if let (true, [score, member]) = (rest.len() == 2, [rest.get(0), rest.get(1)].map(Option::unwrap_or_default)) {
        // The usual one element needs no list.
        let score = parse_double(score).ok_or(WireError::NotFloat)?;
        return add(context, adding, &[(score, member)]);
    }
    let pair = |at: usize| Some((parse_double(&rest[at])?, rest.get(at + 1)?));
    let elements: Option<Vec<(f64, &[u8])>> = (0..rest.len()).step_by(2).map(pair).collect();
    add(context, adding, &elements.ok_or(WireError::NotFloat)?)
}

fn add(context: &mut Context<'_>, adding: Adding, elements: &[(f64, &[u8])]) -> Result<(), WireError> {
    let key = context.arg(1);
    let room = room(elements.iter().map(|element| element.1));
    if adding.adds_up {
        let tells = |added: &Added| when(matches!(added, Added::New(_) | Added::Changed(_)), &["zincr"]);
        let added = context.edit(key, Kind::SortedSet, room, tells, |set| {
            let (score, member) = elements[0];
            adding.put(set, member, score)
        })?;
        match added {
            Added::New(score) | Added::Changed(score) | Added::Same(score) => context.reply.double(score),
            Added::Refused => context.reply.null(),
        }
        return Ok(());
    }
    let (new, changed) = context.edit(key, Kind::SortedSet, room, Adding::told, |set| adding.put_all(set, elements))?;
    context.reply.integer((new + if adding.answers_changed { changed } else { 0 }) as i64);
    Ok(())
}

pub fn zincrby(context: &mut Context<'_>) -> Result<(), WireError> {
    let by = parse_double(context.arg(2)).ok_or(WireError::NotFloat)?;
    let adding = Adding { adds_up: true, ..Adding::default() };
    add(context, adding, &[(by, context.arg(3))])
}

pub fn zrem(context: &mut Context<'_>) -> Result<(), WireError> {
    context.remove_each(Kind::SortedSet, &["zrem"], Edit::remove_scored)
}

pub fn zcard(context: &mut Context<'_>) -> Result<(), WireError> {
    let key = context.arg(1);
    let mut guard = context.lock(key);
    let count = context.sorted_set(&mut guard, key)?.map_or(0, |set| set.len());
    context.reply.integer(count as i64);
    Ok(())
}

pub fn zscore(context: &mut Context<'_>) -> Result<(), WireError> {
    let (key, member) = (context.arg(1), context.arg(2));
    let mut guard = context.lock(key);
    match context.sorted_set(&mut guard, key)?.and_then(|set| set.score(member)) {
        Some(score) => context.reply.double(score),
        None => context.reply.null(),
    }
    Ok(())
}

pub fn zmscore(context: &mut Context<'_>) -> Result<(), WireError> {
    let key = context.arg(1);
    let mut guard = context.lock(key);
    let set = context.sorted_set(&mut guard, key)?;
    context.reply.array(context.args.len() - 2);
    for member in context.args.iter().skip(2) {
        match set.and_then(|set| set.score(member)) {
            Some(score) => context.reply.double(score),
            None => context.reply.null(),
        }
    }
    Ok(())
}

pub fn zrank(context: &mut Context<'_>) -> Result<(), WireError> {
    rank(context, false)
}

pub fn zrevrank(context: &mut Context<'_>) -> Result<(), WireError> {
    rank(context, true)
}

fn rank(context: &mut Context<'_>, is_reverse: bool) -> Result<(), WireError> {
    let (key, member) = (context.arg(1), context.arg(2));
    if context.args.len() > 4 {
        return Err(super::find(context.args).map_or(WireError::Syntax, wrong_arity));
    }
    let has_score = context.args.len() == 4;
    if has_score && !is(context.arg(3), "withscore") {
        return Err(WireError::Syntax);
    }
    let mut guard = context.lock(key);
    let set = context.sorted_set(&mut guard, key)?;
    let Some((rank, score)) = set.and_then(|set| set.rank(member)) else {
        match has_score {
            true => context.reply.null_array(),
            false => context.reply.null(),
        }
        return Ok(());
    };
    let rank = if is_reverse { set.map_or(0, |set| set.len()) - 1 - rank } else { rank };
    if has_score {
        context.reply.array(2);
    }
    context.reply.integer(rank as i64);
    if has_score {
        context.reply.double(score);
    }
    Ok(())
}

/// Some elements of a sorted set, by what they have in common.
#[derive(Clone, Copy, Debug)]
pub(super) enum Span<'a> {
    Ranks(i64, i64),
    Scores(Bound<f64>, Bound<f64>),
    Members(Bound<&'a [u8]>, Bound<&'a [u8]>),
}

/// An end of a span.
#[derive(Clone, Copy, Debug)]
pub(super) enum Bound<T> {
    Lowest,
    Highest,
    Including(T),
    Excluding(T),
}

impl<T: PartialOrd> Bound<T> {
    /// Whether a value lies before what begins here.
    fn begins_behind(&self, value: &T) -> bool {
        match self {
            Bound::Lowest => false,
            Bound::Highest => true,
            Bound::Including(bound) => value < bound,
            Bound::Excluding(bound) => value <= bound,
        }
    }

    /// Whether a value lies in what ends here.
    fn ends_behind(&self, value: &T) -> bool {
        match self {
            Bound::Lowest => false,
            Bound::Highest => true,
            Bound::Including(bound) => value <= bound,
            Bound::Excluding(bound) => value < bound,
        }
    }
}

impl<'a> Span<'a> {
    pub fn of_ranks(first: &[u8], last: &[u8]) -> Result<Span<'a>, WireError> {
        let parse = |text: &[u8]| parse_integer(text).ok_or(WireError::NotInteger);
        Ok(Span::Ranks(parse(first)?, parse(last)?))
    }

    pub fn of_scores(least: &[u8], most: &[u8]) -> Result<Span<'a>, WireError> {
        let bound = |text: &[u8]| match text {
            [b'(', score @ ..] => parse_bound(score).map(Bound::Excluding),
            score => parse_bound(score).map(Bound::Including),
        };
        bound(least)
            .zip(bound(most))
            .map(|(least, most)| Span::Scores(least, most))
            .ok_or_else(|| error("min or max is not a float"))
    }

    pub fn of_members(least: &'a [u8], most: &'a [u8]) -> Result<Span<'a>, WireError> {
        let bound = |text: &'a [u8]| match text {
            b"-" => Some(Bound::Lowest),
            b"+" => Some(Bound::Highest),
            [b'(', member @ ..] => Some(Bound::Excluding(member)),
            [b'[', member @ ..] => Some(Bound::Including(member)),
            _ => None,
        };
        bound(least)
            .zip(bound(most))
            .map(|(least, most)| Span::Members(least, most))
            .ok_or_else(|| error("min or max not valid string range item"))
    }

    /// The ranks of its elements, from the lowest score on; from the highest on where it counts ranks in reverse.
    pub fn ranks(&self, set: SortedSetRef<'_>, is_reverse: bool) -> Range<usize> {
        let count = set.len();
        let range = match *self {
            Span::Ranks(first, last) => {
                let range = super::list::range_of(first, last, count);
                if is_reverse { count - range.end..count - range.start } else { range }
            }
            Span::Scores(least, most) => {
                let start = set.partition_point(|score, _| least.begins_behind(&score));
                start..set.partition_point(|score, _| most.ends_behind(&score))
            }
            Span::Members(least, most) => {
                let start = set.partition_point(|_, member| least.begins_behind(&member));
                start..set.partition_point(|_, member| most.ends_behind(&member))
            }
        };
        range.start..range.end.max(range.start)
    }
}

/// A range as ZRANGE and its kin are asked for it.
struct Wanted<'a> {
    span: Span<'a>,
    is_reverse: bool,
    has_scores: bool,
    offset: i64,
    count: i64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Rank,
    Score,
    Member,
}

impl<'a> Wanted<'a> {
    /// From the arguments behind the key. None of `by` and `is_reverse`: options say it.
    fn parse(
        args: Args<'a>,
        by: Option<By>,
        is_reverse: Option<bool>,
        is_stored: bool,
    ) -> Result<Wanted<'a>, WireError> {
        let [mut first, mut last] = [0, 1].map(|at| args.get(at).unwrap_or_default());
        let (mut said_by, mut said_reverse) = (by, is_reverse);
        let (mut has_scores, mut offset, mut count) = (false, 0, -1);
        let mut at = 2;
        while let Some(word) = args.get(at) {
            if is(word, "withscores") && !is_stored {
                has_scores = true;
            } else if is(word, "limit") && args.len() > at + 2 {
                let number = |at: usize| parse_integer(&args[at]).ok_or(WireError::NotInteger);
                (offset, count) = (number(at + 1)?, number(at + 2)?);
                at += 2;
            } else if is(word, "rev") && is_reverse.is_none() {
                said_reverse = Some(true);
            } else if is(word, "bylex") && by.is_none() {
                said_by = Some(By::Member);
            } else if is(word, "byscore") && by.is_none() {
                said_by = Some(By::Score);
            } else {
                return Err(WireError::Syntax);
            }
            at += 1;
        }
        let (by, is_reverse) = (said_by.unwrap_or(By::Rank), said_reverse.unwrap_or(false));
        if count != -1 && by == By::Rank {
            return Err(error("syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX"));
        }
        if has_scores && by == By::Member {
            return Err(error("syntax error, WITHSCORES not supported in combination with BYLEX"));
        }
        if is_reverse && by != By::Rank {
            std::mem::swap(&mut first, &mut last);
        }
        let span = match by {
            By::Rank => Span::of_ranks(first, last)?,
            By::Score => Span::of_scores(first, last)?,
            By::Member => Span::of_members(first, last)?,
        };
        Ok(Wanted { span, is_reverse, has_scores, offset, count })
    }

    fn ranks(&self, set: SortedSetRef<'_>) -> Range<usize> {
        let range = self.span.ranks(set, self.is_reverse);
        if matches!(self.span, Span::Ranks(..)) {
            return range;
        }
        let all = range.len();
        let offset = usize::try_from(self.offset).unwrap_or(all).min(all);
        let count = usize::try_from(self.count).unwrap_or(all).min(all - offset);
        match self.is_reverse {
            true => range.end - offset - count..range.end - offset,
            false => range.start + offset..range.start + offset + count,
        }
    }

    fn each(&self, set: SortedSetRef<'_>, mut visit: impl FnMut(&[u8], f64)) {
        let range = self.ranks(set);
        let mut visit = |member: &[u8], score: f64| {
            visit(member, score);
            true
        };
        match self.is_reverse {
            true => set.each_back(range, &mut visit),
            false => set.each(range, &mut visit),
        }
    }
}

/// Writes the header of a list of elements.
fn elements_header(reply: &mut Reply<'_>, count: usize, has_scores: bool) {
    let is_flat = has_scores && reply.version() == Version::Resp2;
    reply.array(if is_flat { count * 2 } else { count });
}

/// Writes one of them.
fn element(reply: &mut Reply<'_>, member: &[u8], score: f64, has_scores: bool) {
    if has_scores && reply.version() == Version::Resp3 {
        reply.array(2);
    }
    reply.bulk(member);
    if has_scores {
        reply.double(score);
    }
}

fn range(context: &mut Context<'_>, by: Option<By>, is_reverse: Option<bool>) -> Result<(), WireError> {
    let key = context.arg(1);
    let wanted = Wanted::parse(context.args.from(2), by, is_reverse, false)?;
    let mut guard = context.lock(key);
    let Some(set) = context.sorted_set(&mut guard, key)? else {
        context.reply.array(0);
        return Ok(());
    };
    elements_header(&mut context.reply, wanted.ranks(set).len(), wanted.has_scores);
    wanted.each(set, |member, score| element(&mut context.reply, member, score, wanted.has_scores));
    Ok(())
}

pub fn zrange(context: &mut Context<'_>) -> Result<(), WireError> {
    range(context, None, None)
}

pub fn zrevrange(context: &mut Context<'_>) -> Result<(), WireError> {
    range(context, Some(By::Rank), Some(true))
}

pub fn zrangebyscore(context: &mut Context<'_>) -> Result<(), WireError> {
    range(context, Some(By::Score), Some(false))
}

pub fn zrevrangebyscore(context: &mut Context<'_>) -> Result<(), WireError> {
    range(context, Some(By::Score), Some(true))
}

pub fn zrangebylex(context: &mut Context<'_>) -> Result<(), WireError> {
    range(context, Some(By::Member), Some(false))
}

pub fn zrevrangebylex(context: &mut Context<'_>) -> Result<(), WireError> {
    range(context, Some(By::Member), Some(true))
}

pub fn zrangestore(context: &mut Context<'_>) -> Result<(), WireError> {
    let (target, source) = (context.arg(1), context.arg(2));
    let wanted = Wanted::parse(context.args.from(3), None, None, true)?;
    let mut found: Vec<(Vec<u8>, f64)> = Vec::new();
    {
        let mut guard = context.lock(source);
        if let Some(set) = context.sorted_set(&mut guard, source)? {
            wanted.each(set, |member, score| found.push((member.to_vec(), score)));
        }
    }
    let count = found.len();
    store(context, target, found.into_iter(), "zrangestore")?;
    context.reply.integer(count as i64);
    Ok(())
}

/// Stores elements as a sorted set in the place of whatever there was.
pub(super) fn store(
    context: &Context<'_>,
    key: &[u8],
    elements: impl Iterator<Item = (Vec<u8>, f64)>,
    event: &'static str,
) -> Result<(), WireError> {
    let value = context.build(Kind::SortedSet, |set| {
        for (member, score) in elements {
            set.put_score(&member, score);
        }
    });
    context.store_collection(key, value, event)
}

fn count(context: &mut Context<'_>, span: Span<'_>) -> Result<(), WireError> {
    let key = context.arg(1);
    let mut guard = context.lock(key);
    let count = context.sorted_set(&mut guard, key)?.map_or(0, |set| span.ranks(set, false).len());
    context.reply.integer(count as i64);
    Ok(())
}

pub fn zcount(context: &mut Context<'_>) -> Result<(), WireError> {
    count(context, Span::of_scores(context.arg(2), context.arg(3))?)
}

pub fn zlexcount(context: &mut Context<'_>) -> Result<(), WireError> {
    count(context, Span::of_members(context.arg(2), context.arg(3))?)
}

fn remove_span(context: &mut Context<'_>, span: Span<'_>, names: Names) -> Result<(), WireError> {
    let removed = context.shrink(
        context.arg(1),
        Kind::SortedSet,
        |removed| when(*removed > 0, names),
        |set| {
            let range = span.ranks(set_of(set), false);
            let count = range.len();
            set.remove_ranks(range, |_, _| {});
            Ok(count)
        },
    )?;
    context.reply.integer(removed as i64);
    Ok(())
}

pub fn zremrangebyrank(context: &mut Context<'_>) -> Result<(), WireError> {
    remove_span(context, Span::of_ranks(context.arg(2), context.arg(3))?, &["zremrangebyrank"])
}

pub fn zremrangebyscore(context: &mut Context<'_>) -> Result<(), WireError> {
    remove_span(context, Span::of_scores(context.arg(2), context.arg(3))?, &["zremrangebyscore"])
}

pub fn zremrangebylex(context: &mut Context<'_>) -> Result<(), WireError> {
    remove_span(context, Span::of_members(context.arg(2), context.arg(3))?, &["zremrangebylex"])
}

pub fn zpopmin(context: &mut Context<'_>) -> Result<(), WireError> {
    pop(context, false)
}

pub fn zpopmax(context: &mut Context<'_>) -> Result<(), WireError> {
    pop(context, true)
}

fn pop(context: &mut Context<'_>, is_highest: bool) -> Result<(), WireError> {
    if context.args.len() > 3 {
        return Err(WireError::Syntax);
    }
    let has_count = context.args.len() == 3;
    let count = if has_count { positive(context.arg(2))? } else { 1 };
    let popped = take_ends(context, context.arg(1), count, is_highest)?;
    if has_count {
        elements_header(&mut context.reply, popped.len(), true);
        popped.iter().for_each(|(member, score)| element(&mut context.reply, member, *score, true));
    } else {
        context.reply.array(popped.len() * 2);
        for (member, score) in popped {
            context.reply.bulk(member);
            context.reply.double(score);
        }
    }
    Ok(())
}

/// A count that is not below 0.
pub(super) fn positive(text: &[u8]) -> Result<usize, WireError> {
    let number = parse_integer(text).ok_or_else(|| error("value is out of range, must be positive"))?;
    usize::try_from(number).map_err(|_| error("value is out of range, must be positive"))
}

/// Takes out the elements with the lowest or highest scores, the outermost first.
pub(super) fn take_ends(
    context: &Context<'_>,
    key: &[u8],
    count: usize,
    is_highest: bool,
) -> Result<Vec<(Vec<u8>, f64)>, WireError> {
    let names: Names = if is_highest { &["zpopmax"] } else { &["zpopmin"] };
    let tells = |popped: &Vec<(Vec<u8>, f64)>| when(!popped.is_empty(), names);
    context.shrink(key, Kind::SortedSet, tells, |set| {
        let all = set_of(set).len();
        let count = count.min(all);
        let range = if is_highest { all - count..all } else { 0..count };
        let mut popped = Vec::with_capacity(count);
        set.remove_ranks(range, |member, score| popped.push((member.to_vec(), score)));
        if is_highest {
            popped.reverse();
        }
        Ok(popped)
    })
}

/// Keys behind their number at a place, and what follows them.
pub(super) fn counted_keys<'a>(args: Args<'a>, at: usize) -> Result<(Vec<&'a [u8]>, Args<'a>), WireError> {
    let count = args.get(at).and_then(parse_integer).filter(|count| *count > 0);
    let count = count.ok_or_else(|| error("numkeys should be greater than 0"))?;
    let behind = args.len() - at - 1;
    let count = usize::try_from(count).ok().filter(|count| *count <= behind).ok_or(WireError::Syntax)?;
    Ok((args.iter().skip(at + 1).take(count).collect(), args.from(at + 1 + count)))
}

/// `COUNT n` behind the end that is popped, if anything is there.
pub(super) fn pop_count(rest: Args<'_>) -> Result<usize, WireError> {
    let Some(word) = rest.get(0) else { return Ok(1) };
    let count = rest.get(1).filter(|_| is(word, "count")).ok_or(WireError::Syntax)?;
    let count = parse_integer(count).filter(|count| *count > 0);
    let count = count.ok_or_else(|| error("count should be greater than 0"))?;
    if rest.len() > 2 { Err(WireError::Syntax) } else { Ok(count as usize) }
}

pub fn zmpop(context: &mut Context<'_>) -> Result<(), WireError> {
    pop_first(context, 1).map(|_| ())
}

/// `numkeys key [key ...] MIN|MAX [COUNT count]` from an argument on. Answers the keys if none of them has anything.
pub(super) fn pop_first<'a>(context: &mut Context<'a>, at: usize) -> Result<Option<Vec<&'a [u8]>>, WireError> {
    let (keys, rest) = counted_keys(context.args, at)?;
    let is_highest = match rest.get(0) {
        Some(word) if is(word, "min") => false,
        Some(word) if is(word, "max") => true,
        _ => return Err(WireError::Syntax),
    };
    let count = pop_count(rest.from(1))?;
    for key in &keys {
        let popped = take_ends(context, key, count, is_highest)?;
        if popped.is_empty() {
            continue;
        }
        context.reply.array(2);
        context.reply.bulk(key);
        context.reply.array(popped.len());
        for (member, score) in popped {
            context.reply.array(2);
            context.reply.bulk(member);
            context.reply.double(score);
        }
        return Ok(None);
    }
    context.reply.null_array();
    Ok(Some(keys))
}

pub fn zrandmember(context: &mut Context<'_>) -> Result<(), WireError> {
    let key = context.arg(1);
    let has_count = context.args.len() > 2;
    let has_scores = context.args.len() == 4 && is(context.arg(3), "withscores");
    let count = if has_count { parse_draws(context.arg(2), has_scores)? } else { 1 };
    if context.args.len() > 4 || (context.args.len() == 4 && !has_scores) {
        return Err(WireError::Syntax);
    }
    let mut dice = context.dice();
    let mut guard = context.lock(key);
    let Some(set) = context.sorted_set(&mut guard, key)? else {
        match has_count {
            true => context.reply.array(0),
            false => context.reply.null(),
        }
        return Ok(());
    };
    let all = set.len();
    let places: Vec<usize> = match usize::try_from(count) {
        Ok(count) if count >= all => (0..all).collect(),
        Ok(count) => distinct(count, all, &mut dice),
        Err(_) => (0..count.unsigned_abs()).map(|_| (dice() % all as u64) as usize).collect(),
    };
    if has_count {
        elements_header(&mut context.reply, places.len(), has_scores);
    }
    for place in places {
        set.each(place..place + 1, |member, score| {
            element(&mut context.reply, member, score, has_scores);
            true
        });
    }
    Ok(())
}

pub fn zscan(context: &mut Context<'_>) -> Result<(), WireError> {
    let walk = Walk::from(context.args)?;
    let key = context.arg(1);
    let mut guard = context.lock(key);
    let set = context.sorted_set(&mut guard, key)?;
    let walk = if set.is_some() { walk.with_options(context.args, false)? } else { walk };
    walk.answer(&mut context.reply, |walk, visit| set.map_or(0, |set| set.walk(walk.cursor, walk.count, visit)));
    Ok(())
}
