//! Commands on sets.

use super::Context;
use super::collection::{Kept, Operation, Walk, distinct, error, is, room, when};
use super::sorted_set::positive;
use crate::number::parse_integer;
use dcache_engine::{Edit, Guard, Kind, SetRef};
use dcache_protocol::error::WireError;
use std::collections::BTreeSet;

fn set_of(edit: &Edit) -> SetRef<'_> {
    edit.value().as_set().expect("an edit of a set has one")
}

pub fn sadd(context: &mut Context<'_>) -> Result<(), WireError> {
    let members = context.args.from(2);
    let added = context.edit(
        context.arg(1),
        Kind::Set,
        room(members.iter()),
        |added| when(*added > 0, &["sadd"]),
        |set| Ok(members.iter().filter(|member| set.add(member)).count()),
    )?;
    context.reply.integer(added as i64);
    Ok(())
}

pub fn srem(context: &mut Context<'_>) -> Result<(), WireError> {
    context.remove_each(Kind::Set, &["srem"], Edit::remove_member)
}

pub fn scard(context: &mut Context<'_>) -> Result<(), WireError> {
    let key = context.arg(1);
    let mut guard = context.lock(key);
    let count = context.set(&mut guard, key)?.map_or(0, |set| set.len());
    context.reply.integer(count as i64);
    Ok(())
}

pub fn sismember(context: &mut Context<'_>) -> Result<(), WireError> {
    let (key, member) = (context.arg(1), context.arg(2));
    let mut guard = context.lock(key);
    let is_member = context.set(&mut guard, key)?.is_some_and(|set| set.contains(member));
    context.reply.integer(i64::from(is_member));
    Ok(())
}

pub fn smismember(context: &mut Context<'_>) -> Result<(), WireError> {
    let key = context.arg(1);
    let mut guard = context.lock(key);
    let set = context.set(&mut guard, key)?;
    context.reply.array(context.args.len() - 2);
    for member in context.args.iter().skip(2) {
        context.reply.integer(i64::from(set.is_some_and(|set| set.contains(member))));
    }
    Ok(())
}

pub fn smembers(context: &mut Context<'_>) -> Result<(), WireError> {
    let key = context.arg(1);
    let mut guard = context.lock(key);
    let set = context.set(&mut guard, key)?;
    context.reply.set(set.map_or(0, |set| set.len()));
    set.into_iter().for_each(|set| set.each(|member| context.reply.bulk(member)));
    Ok(())
}

pub fn sscan(context: &mut Context<'_>) -> Result<(), WireError> {
    let walk = Walk::from(context.args)?;
    let key = context.arg(1);
    let mut guard = context.lock(key);
    let set = context.set(&mut guard, key)?;
    let walk = if set.is_some() { walk.with_options(context.args, false)? } else { walk };
    walk.answer(&mut context.reply, |walk, visit| set.map_or(0, |set| set.walk(walk.cursor, walk.count, visit)));
    Ok(())
}

fn all_of(set: SetRef<'_>) -> Vec<Vec<u8>> {
    let mut all = Vec::with_capacity(set.len());
    set.each(|member| all.push(member.to_vec()));
    all
}

pub fn srandmember(context: &mut Context<'_>) -> Result<(), WireError> {
    let key = context.arg(1);
    if context.args.len() > 3 {
        return Err(WireError::Syntax);
    }
    let has_count = context.args.len() == 3;
    let count = if has_count { super::collection::parse_draws(context.arg(2), false)? } else { 1 };
    let mut dice = context.dice();
    let mut guard = context.lock(key);
    let set = context.set(&mut guard, key)?;
    if !has_count {
        match set.and_then(|set| set.draw(&mut dice)) {
            Some(member) => context.reply.bulk(member),
            None => context.reply.null(),
        }
        return Ok(());
    }
    let Some(set) = set.filter(|_| count != 0) else {
        context.reply.array(0);
        return Ok(());
    };
    let members: Vec<Vec<u8>> = match usize::try_from(count) {
        Ok(count) if count >= set.len() => all_of(set),
        // Few of many: drawing is cheaper than looking at all of them.
        Ok(count) if count * 3 <= set.len() => draw_some(set, count, &mut dice),
        Ok(count) => {
            let mut all = all_of(set);
            let places = distinct(count, all.len(), &mut dice);
            places.into_iter().map(|place| std::mem::take(&mut all[place])).collect()
        }
        Err(_) => (0..count.unsigned_abs()).filter_map(|_| set.draw(&mut dice)).collect(),
    };
    context.reply.array(members.len());
    members.iter().for_each(|member| context.reply.bulk(member));
    Ok(())
}

/// So many different members of a set that has more of them by far.
fn draw_some(set: SetRef<'_>, count: usize, dice: &mut dyn FnMut() -> u64) -> Vec<Vec<u8>> {
    let mut drawn = BTreeSet::new();
    let mut members = Vec::with_capacity(count);
    while members.len() < count {
        let Some(member) = set.draw(dice) else { break };
        if drawn.insert(member.clone()) {
            members.push(member);
        }
    }
    members
}

pub fn spop(context: &mut Context<'_>) -> Result<(), WireError> {
    if context.args.len() > 3 {
        return Err(WireError::Syntax);
    }
    let has_count = context.args.len() == 3;
    let count = if has_count { positive(context.arg(2))? } else { 1 };
    let mut dice = context.dice();
    let tells = |popped: &Vec<Vec<u8>>| when(!popped.is_empty(), &["spop"]);
    let popped = context.shrink(context.arg(1), Kind::Set, tells, |set| {
        let all = set_of(set);
        let members = match count {
            _ if all.is_empty() => Vec::new(),
            count if count >= all.len() => all_of(all),
            count if count * 3 <= all.len() => draw_some(all, count, &mut dice),
            count => {
                let mut members = all_of(all);
                let places = distinct(count, members.len(), &mut dice);
                places.into_iter().map(|place| std::mem::take(&mut members[place])).collect()
            }
        };
        members.iter().for_each(|member| _ = set.remove_member(member));
        Ok(members)
    })?;
    if has_count {
        context.reply.set(popped.len());
        popped.iter().for_each(|member| context.reply.bulk(member));
    } else {
        match popped.first() {
            Some(member) => context.reply.bulk(member),
            None => context.reply.null(),
        }
    }
    Ok(())
}

/// With both in one slot under one lock; otherwise the member goes back if it cannot arrive.
pub fn smove(context: &mut Context<'_>) -> Result<(), WireError> {
    let (source, target, member) = (context.arg(1), context.arg(2), context.arg(3));
    let room = member.len() + 64;
    let is_there = {
        let mut kept = Kept::new();
        let is_there = peeked(context, kept.of(context, source), source)?.map(|set| set.contains(member));
        if is_there.is_some() {
            peeked(context, kept.of(context, target), target)?;
        }
        is_there.unwrap_or(false)
    };
    if !is_there || source == target {
        context.reply.integer(i64::from(is_there));
        return Ok(());
    }
    let take = |set: &mut Edit| Ok(set.remove_member(member));
    let put = |set: &mut Edit| Ok(set.add(member));
    let (taken, added) = (|is: &bool| when(*is, &["srem"]), |is: &bool| when(*is, &["sadd"]));
    let is_moved = if context.slot_of(source) == context.slot_of(target) {
        let mut guard = context.lock_for(target, context.namespace_of(target), room)?;
        let is_moved = context.edit_in(&mut guard, source, Kind::Set, 0, taken, take)?;
        if is_moved && let Err(why) = context.edit_in(&mut guard, target, Kind::Set, room, added, put) {
            context.edit_in(&mut guard, source, Kind::Set, room, added, put)?;
            return Err(why);
        }
        is_moved
    } else {
        let is_moved = context.shrink(source, Kind::Set, taken, take)?;
        if is_moved && let Err(why) = context.edit(target, Kind::Set, room, added, put) {
            context.edit(source, Kind::Set, room, added, put)?;
            return Err(why);
        }
        is_moved
    };
    context.reply.integer(i64::from(is_moved));
    Ok(())
}

/// A set that was looked at before, or is only written: that is no read of it any more.
fn peeked<'g>(context: &Context<'_>, guard: &'g mut Guard<'_>, key: &[u8]) -> Result<Option<SetRef<'g>>, WireError> {
    context.value_unread(guard, key).map(|value| value.as_set().ok_or(WireError::WrongType)).transpose()
}

/// The members that an operation on sets leaves, at most `limit`, in the order of the set they were met in.
fn join<'a>(
    context: &Context<'_>,
    keys: impl Iterator<Item = &'a [u8]>,
    operation: Operation,
    limit: usize,
) -> Result<Vec<Vec<u8>>, WireError> {
    let keys: Vec<&[u8]> = keys.collect();
    let mut kept = Kept::new();
    // All are looked at for their type first, and which is the smallest.
    let mut sizes: Vec<usize> = Vec::with_capacity(keys.len());
    for key in &keys {
        sizes.push(context.set(kept.of(context, key), key)?.map_or(0, |set| set.len()));
    }
    match operation {
        Operation::Intersection => {
            let smallest = (0..keys.len()).min_by_key(|number| sizes[*number]).unwrap_or(0);
            let Some(set) = peeked(context, kept.of(context, keys[smallest]), keys[smallest])? else {
                return Ok(Vec::new());
            };
            let mut members = all_of(set);
            for (_, key) in keys.iter().enumerate().filter(|(number, _)| *number != smallest) {
                let set = peeked(context, kept.of(context, key), key)?;
                members.retain(|member| set.is_some_and(|set| set.contains(member)));
            }
            members.truncate(limit);
            Ok(members)
        }
        Operation::Difference => {
            let Some(set) = peeked(context, kept.of(context, keys[0]), keys[0])? else { return Ok(Vec::new()) };
            let mut members = all_of(set);
            for key in &keys[1..] {
                if let Some(set) = peeked(context, kept.of(context, key), key)? {
                    members.retain(|member| !set.contains(member));
                }
            }
            Ok(members)
        }
        Operation::Union => {
            // A set of its own knows what it has already.
            let mut failed = Ok(());
            let value = context.build(Kind::Set, |all| {
                for key in &keys {
                    match peeked(context, kept.of(context, key), key) {
                        Ok(set) => set.into_iter().for_each(|set| set.each(|member| _ = all.add(member))),
                        Err(why) => failed = Err(why),
                    }
                }
            });
            failed?;
            let all = value.as_ref().map(dcache_engine::ValueRef::from);
            Ok(all.and_then(|all| all.as_set()).map(all_of).unwrap_or_default())
        }
    }
}

/// SUNION, SINTER and SDIFF.
pub fn joined(context: &mut Context<'_>, operation: Operation) -> Result<(), WireError> {
    let members = join(context, context.args.iter().skip(1), operation, usize::MAX)?;
    context.reply.set(members.len());
    members.iter().for_each(|member| context.reply.bulk(member));
    Ok(())
}

/// SUNIONSTORE, SINTERSTORE and SDIFFSTORE.
pub fn joined_and_stored(context: &mut Context<'_>, operation: Operation) -> Result<(), WireError> {
    let members = join(context, context.args.iter().skip(2), operation, usize::MAX)?;
    let value = context.build(Kind::Set, |set| members.iter().for_each(|member| _ = set.add(member)));
    let event = match operation {
        Operation::Union => "sunionstore",
        Operation::Intersection => "sinterstore",
        Operation::Difference => "sdiffstore",
    };
    context.store_collection(context.arg(1), value, event)?;
    context.reply.integer(members.len() as i64);
    Ok(())
}

pub fn sintercard(context: &mut Context<'_>) -> Result<(), WireError> {
    let count = parse_integer(context.arg(1)).filter(|count| *count > 0);
    let count = count.ok_or_else(|| error("numkeys should be greater than 0"))?;
    let behind = context.args.len() - 2;
    let count = usize::try_from(count).ok().filter(|count| *count <= behind);
    let count = count.ok_or_else(|| error("Number of keys can't be greater than number of args"))?;
    let rest = context.args.from(2 + count);
    let mut limit = usize::MAX;
    let mut words = rest.iter();
    while let Some(word) = words.next() {
        let value = words.next().filter(|_| is(word, "limit")).ok_or(WireError::Syntax)?;
        let asked = parse_integer(value).ok_or_else(|| error("LIMIT can't be negative"))?;
        limit = match usize::try_from(asked).map_err(|_| error("LIMIT can't be negative"))? {
            0 => usize::MAX,
            asked => asked,
        };
    }
    let members = join(context, context.args.iter().skip(2).take(count), Operation::Intersection, limit)?;
    context.reply.integer(members.len() as i64);
    Ok(())
}
