//! ZUNION, ZINTER, ZDIFF, their STORE forms and ZINTERCARD: one sorted set made of several. A set is taken for a sorted set in
//! which every score is 1.

use super::{element, elements_header, store};
use crate::command::Context;
use crate::command::collection::{Kept, Operation, error, is, parse_double};
use crate::number::parse_integer;
use dcache_engine::{Kind, ValueRef};
use dcache_protocol::error::WireError;
use std::collections::BTreeMap;

#[derive(Clone, Copy)]
enum Aggregate {
    Sum,
    Least,
    Most,
}

impl Aggregate {
    fn of(self, one: f64, other: f64) -> f64 {
        match self {
            Aggregate::Sum => number_or_zero(one + other),
            Aggregate::Least => one.min(other),
            Aggregate::Most => one.max(other),
        }
    }
}

/// Infinities that cancel out, as Redis has it.
fn number_or_zero(value: f64) -> f64 {
    if value.is_nan() { 0.0 } else { value }
}

/// What a command on several sorted sets is told.
struct Joining<'a> {
    keys: Vec<&'a [u8]>,
    weights: Vec<f64>,
    aggregate: Aggregate,
    has_scores: bool,
    /// Of ZINTERCARD; 0: none.
    limit: usize,
}

impl<'a> Joining<'a> {
    fn parse(
        context: &Context<'a>,
        at: usize,
        operation: Operation,
        is_stored: bool,
        is_counted: bool,
    ) -> Result<Joining<'a>, WireError> {
        let args = context.args;
        let count = args.get(at).and_then(parse_integer).ok_or(WireError::NotInteger)?;
        if count < 1 {
            let command = crate::command::find(args).map_or("", |command| command.name);
            return Err(error(format!("at least 1 input key is needed for '{command}' command")));
        }
        let count = usize::try_from(count).ok().filter(|count| *count < args.len() - at).ok_or(WireError::Syntax)?;
        let keys: Vec<&[u8]> = args.iter().skip(at + 1).take(count).collect();
        // What they are is looked at before the options are.
        let mut kept = Kept::new();
        for key in &keys {
            let kind = context.value(kept.of(context, key), key).map(|value| value.kind());
            if kind.is_some_and(|kind| !matches!(kind, Kind::Set | Kind::SortedSet)) {
                return Err(WireError::WrongType);
            }
        }
        drop(kept);
        let weights = vec![1.0; count];
        let mut joining = Joining { keys, weights, aggregate: Aggregate::Sum, has_scores: false, limit: 0 };
        let rest = args.from(at + 1 + count);
        let mut at = 0;
        let weighs = operation != Operation::Difference && !is_counted;
        while let Some(word) = rest.get(at) {
            let left = rest.len() - at - 1;
            if weighs && is(word, "weights") && left >= count {
                for (number, weight) in joining.weights.iter_mut().enumerate() {
                    *weight =
                        parse_double(&rest[at + 1 + number]).ok_or_else(|| error("weight value is not a float"))?;
                }
                at += count;
            } else if weighs && is(word, "aggregate") && left >= 1 {
                joining.aggregate = match &rest[at + 1] {
                    word if is(word, "sum") => Aggregate::Sum,
                    word if is(word, "min") => Aggregate::Least,
                    word if is(word, "max") => Aggregate::Most,
                    _ => return Err(WireError::Syntax),
                };
                at += 1;
            } else if !is_stored && !is_counted && is(word, "withscores") {
                joining.has_scores = true;
            } else if is_counted && is(word, "limit") && left >= 1 {
                let limit = parse_integer(&rest[at + 1]).ok_or_else(|| error("LIMIT can't be negative"))?;
                joining.limit = usize::try_from(limit).map_err(|_| error("LIMIT can't be negative"))?;
                at += 1;
            } else {
                return Err(WireError::Syntax);
            }
            at += 1;
        }
        Ok(joining)
    }

    /// The elements that the operation leaves, in their order.
    fn run(&self, context: &Context<'_>, operation: Operation) -> Result<Vec<(f64, Vec<u8>)>, WireError> {
        let mut joined: BTreeMap<Vec<u8>, f64> = BTreeMap::new();
        let mut kept = Kept::new();
        let mut order: Vec<(usize, &[u8], f64)> = Vec::with_capacity(self.keys.len());
        for (key, weight) in self.keys.iter().zip(&self.weights) {
            let value = context.value_unread(kept.of(context, key), key);
            let sorted = value.and_then(|value| value.as_sorted_set()).map(|set| set.len());
            let plain = value.and_then(|value| value.as_set()).map(|set| set.len());
            order.push((sorted.or(plain).unwrap_or(0), key, *weight));
        }
        // From the smallest on, as in Redis: in which order scores are added up matters to infinite ones.
        if operation != Operation::Difference {
            order.sort_by_key(|of| of.0);
        }
        for (number, (_, key, weight)) in order.into_iter().enumerate() {
            let weighed = |score: f64| number_or_zero(score * weight);
            // Looked at before: this is no other read of it.
            let value = context.value_unread(kept.of(context, key), key);
            let scored = |visit: &mut dyn FnMut(&[u8], f64)| match value {
                None => Ok(()),
                Some(value) => each_scored(value, visit),
            };
            match operation {
                Operation::Union => scored(&mut |member, score| match joined.get_mut(member) {
                    Some(sum) => *sum = self.aggregate.of(*sum, weighed(score)),
                    None => _ = joined.insert(member.to_vec(), weighed(score)),
                })?,
                _ if number == 0 => scored(&mut |member, score| _ = joined.insert(member.to_vec(), weighed(score)))?,
                Operation::Difference => scored(&mut |member, _| _ = joined.remove(member))?,
                Operation::Intersection => {
                    let mut both = BTreeMap::new();
                    scored(&mut |member, score| {
                        if let Some((member, sum)) = joined.remove_entry(member) {
                            both.insert(member, self.aggregate.of(sum, weighed(score)));
                        }
                    })?;
                    joined = both;
                }
            }
        }
        let mut elements: Vec<(f64, Vec<u8>)> = joined.into_iter().map(|(member, score)| (score, member)).collect();
        elements.sort_by(|one, other| {
            one.0.partial_cmp(&other.0).unwrap_or(std::cmp::Ordering::Equal).then_with(|| one.1.cmp(&other.1))
        });
        Ok(elements)
    }
}

/// Shows the elements of a sorted set, or the members of a set with a score of 1.
fn each_scored(value: ValueRef<'_>, visit: &mut dyn FnMut(&[u8], f64)) -> Result<(), WireError> {
    if let Some(set) = value.as_sorted_set() {
        set.each(0..set.len(), |member, score| {
            visit(member, score);
            true
        });
        return Ok(());
    }
    value.as_set().ok_or(WireError::WrongType)?.each(|member| visit(member, 1.0));
    Ok(())
}

/// ZUNION, ZINTER and ZDIFF.
pub fn joined(context: &mut Context<'_>, operation: Operation) -> Result<(), WireError> {
    let joining = Joining::parse(context, 1, operation, false, false)?;
    let elements = joining.run(context, operation)?;
    elements_header(&mut context.reply, elements.len(), joining.has_scores);
    elements.iter().for_each(|(score, member)| element(&mut context.reply, member, *score, joining.has_scores));
    Ok(())
}

/// ZUNIONSTORE, ZINTERSTORE and ZDIFFSTORE.
pub fn joined_and_stored(context: &mut Context<'_>, operation: Operation) -> Result<(), WireError> {
    let joining = Joining::parse(context, 2, operation, true, false)?;
    let elements = joining.run(context, operation)?;
    let count = elements.len();
    let event = match operation {
        Operation::Union => "zunionstore",
        Operation::Intersection => "zinterstore",
        Operation::Difference => "zdiffstore",
    };
    store(context, context.arg(1), elements.into_iter().map(|(score, member)| (member, score)), event)?;
    context.reply.integer(count as i64);
    Ok(())
}

pub fn zintercard(context: &mut Context<'_>) -> Result<(), WireError> {
    let joining = Joining::parse(context, 1, Operation::Intersection, false, true)?;
    let count = joining.run(context, Operation::Intersection)?.len();
    context.reply.integer(if joining.limit > 0 { count.min(joining.limit) } else { count } as i64);
    Ok(())
}
