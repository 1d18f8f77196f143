//! Commands on lists. Left out: the blocking ones (`blocking.rs`), which are these asked again when something was pushed.

use super::Context;
use super::collection::{Left, Names, error, is, room, when};
use super::sorted_set::{counted_keys, pop_count, positive};
use crate::number::parse_integer;
use dcache_engine::{Edit, Kind, ListRef};
use dcache_protocol::error::WireError;
use std::ops::Range;

pub(super) fn list_of(edit: &Edit) -> ListRef<'_> {
    edit.value().as_list().expect("an edit of a list has one")
}

/// The indexes from `first` to `last`, both counted from the end when negative.
pub(super) fn range_of(first: i64, last: i64, count: usize) -> Range<usize> {
    let length = count as i64;
    let from_end = |index: i64| if index < 0 { index.saturating_add(length).max(0) } else { index };
    let last_is_before = last < 0 && last.saturating_add(length) < 0;
    let (first, last) = (from_end(first), from_end(last).min(length - 1));
    if last_is_before || first > last || first >= length { 0..0 } else { first as usize..last as usize + 1 }
}

/// The index that a number names, if there is an item.
fn index_of(number: i64, count: usize) -> Option<usize> {
    let index = if number < 0 { number.checked_add(count as i64)? } else { number };
    usize::try_from(index).ok().filter(|index| *index < count)
}

/// An end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Left,
    Right,
}

impl End {
    pub fn parse(word: &[u8]) -> Result<End, WireError> {
        match word {
            _ if is(word, "left") => Ok(End::Left),
            _ if is(word, "right") => Ok(End::Right),
            _ => Err(WireError::Syntax),
        }
    }

    fn push(self, list: &mut Edit, item: &[u8]) {
        match self {
            End::Left => list.push_front(item),
            End::Right => list.push_back(item),
        }
    }

    fn pushed(self) -> Names {
        if self == End::Left { &["lpush"] } else { &["rpush"] }
    }

    pub fn popped(self) -> Names {
        if self == End::Left { &["lpop"] } else { &["rpop"] }
    }

    /// Takes items out at this end, the outermost first.
    pub fn pop(self, list: &mut Edit, count: usize) -> Vec<Vec<u8>> {
        let all = list_of(list).len();
        let count = count.min(all);
        let mut popped = Vec::with_capacity(count);
        let range = if self == End::Left { 0..count } else { all - count..all };
        list.remove_items(range, |item| popped.push(item.to_vec()));
        if self == End::Right {
            popped.reverse();
        }
        popped
    }
}

fn push(context: &mut Context<'_>, end: End, if_there: bool) -> Result<(), WireError> {
    let items = context.args.from(2);
    let tells = |length: &usize| when(*length > 0, end.pushed());
    let length = context.edit(context.arg(1), Kind::List, room(items.iter()), tells, |list| {
        if !if_there || !list_of(list).is_empty() {
            items.iter().for_each(|item| end.push(list, item));
        }
        Ok(list_of(list).len())
    })?;
    context.reply.integer(length as i64);
    Ok(())
}

pub fn lpush(context: &mut Context<'_>) -> Result<(), WireError> {
    push(context, End::Left, false)
}

pub fn rpush(context: &mut Context<'_>) -> Result<(), WireError> {
    push(context, End::Right, false)
}

pub fn lpushx(context: &mut Context<'_>) -> Result<(), WireError> {
    push(context, End::Left, true)
}

pub fn rpushx(context: &mut Context<'_>) -> Result<(), WireError> {
    push(context, End::Right, true)
}

fn pop(context: &mut Context<'_>, end: End) -> Result<(), WireError> {
    if context.args.len() > 3 {
        return Err(super::find(context.args).map_or(WireError::Syntax, super::wrong_arity));
    }
    let has_count = context.args.len() == 3;
    let count = if has_count { positive(context.arg(2))? } else { 1 };
    let tells =
        |popped: &Option<Vec<Vec<u8>>>| when(popped.as_ref().is_some_and(|items| !items.is_empty()), end.popped());
    let popped = context.shrink(context.arg(1), Kind::List, tells, |list| {
        let is_there = !list_of(list).is_empty();
        Ok(is_there.then(|| end.pop(list, count)))
    })?;
    match popped {
        None if has_count => context.reply.null_array(),
        None => context.reply.null(),
        Some(items) => {
            if has_count {
                context.reply.array(items.len());
            }
            items.iter().for_each(|item| context.reply.bulk(item));
        }
    }
    Ok(())
}

pub fn lpop(context: &mut Context<'_>) -> Result<(), WireError> {
    pop(context, End::Left)
}

pub fn rpop(context: &mut Context<'_>) -> Result<(), WireError> {
    pop(context, End::Right)
}

pub fn llen(context: &mut Context<'_>) -> Result<(), WireError> {
    let key = context.arg(1);
    let mut guard = context.lock(key);
    let length = context.list(&mut guard, key)?.map_or(0, |list| list.len());
    context.reply.integer(length as i64);
    Ok(())
}

pub fn lrange(context: &mut Context<'_>) -> Result<(), WireError> {
    let key = context.arg(1);
    let first = parse_integer(context.arg(2)).ok_or(WireError::NotInteger)?;
    let last = parse_integer(context.arg(3)).ok_or(WireError::NotInteger)?;
    let mut guard = context.lock(key);
    let Some(list) = context.list(&mut guard, key)? else {
        context.reply.array(0);
        return Ok(());
    };
    let range = range_of(first, last, list.len());
    context.reply.array(range.len());
    list.each(range, |item| {
        context.reply.bulk(item);
        true
    });
    Ok(())
}

pub fn lindex(context: &mut Context<'_>) -> Result<(), WireError> {
    let key = context.arg(1);
    let mut guard = context.lock(key);
    let Some(list) = context.list(&mut guard, key)? else {
        context.reply.null();
        return Ok(());
    };
    let number = parse_integer(context.arg(2)).ok_or(WireError::NotInteger)?;
    match index_of(number, list.len()).and_then(|index| list.get(index)) {
        Some(item) => context.reply.bulk(item),
        None => context.reply.null(),
    }
    Ok(())
}

pub fn lset(context: &mut Context<'_>) -> Result<(), WireError> {
    let item = context.arg(3);
    let number = context.arg(2);
    context.edit(
        context.arg(1),
        Kind::List,
        room([item].into_iter()),
        |()| &["lset"],
        |list| {
            let count = list_of(list).len();
            if count == 0 {
                return Err(WireError::NoSuchKey);
            }
            let number = parse_integer(number).ok_or(WireError::NotInteger)?;
            let index = index_of(number, count).ok_or_else(|| error("index out of range"))?;
            list.set_item(index, item);
            Ok(())
        },
    )?;
    context.reply.ok();
    Ok(())
}

pub fn linsert(context: &mut Context<'_>) -> Result<(), WireError> {
    let (place, pivot, item) = (context.arg(2), context.arg(3), context.arg(4));
    let behind = match place {
        _ if is(place, "before") => 0,
        _ if is(place, "after") => 1,
        _ => return Err(WireError::Syntax),
    };
    let tells = |length: &i64| when(*length > 0, &["linsert"]);
    let length = context.edit(context.arg(1), Kind::List, room([item].into_iter()), tells, |list| {
        let count = list_of(list).len();
        if count == 0 {
            return Ok(0);
        }
        let mut index = 0;
        let mut is_found = false;
        list_of(list).each(0..count, |other| {
            is_found = other == pivot;
            index += usize::from(!is_found);
            !is_found
        });
        if !is_found {
            return Ok(-1);
        }
        list.insert(index + behind, item);
        Ok(count as i64 + 1)
    })?;
    context.reply.integer(length);
    Ok(())
}

pub fn lrem(context: &mut Context<'_>) -> Result<(), WireError> {
    let item = context.arg(3);
    let count = parse_integer(context.arg(2)).ok_or(WireError::NotInteger)?;
    let most = if count == 0 { usize::MAX } else { usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX) };
    let removed = context.shrink(
        context.arg(1),
        Kind::List,
        |removed| when(*removed > 0, &["lrem"]),
        |list| {
            let mut found = Vec::new();
            let all = list_of(list);
            let length = all.len();
            if count < 0 {
                let mut index = length;
                all.each_back(0..length, |other| {
                    index -= 1;
                    if other == item {
                        found.push(index);
                    }
                    found.len() < most
                });
            } else {
                let mut index = 0;
                all.each(0..length, |other| {
                    if other == item {
                        found.push(index);
                    }
                    index += 1;
                    found.len() < most
                });
            }
            found.sort_unstable();
            list.remove_each(&found);
            Ok(found.len())
        },
    )?;
    context.reply.integer(removed as i64);
    Ok(())
}

pub fn ltrim(context: &mut Context<'_>) -> Result<(), WireError> {
    let first = parse_integer(context.arg(2)).ok_or(WireError::NotInteger)?;
    let last = parse_integer(context.arg(3)).ok_or(WireError::NotInteger)?;
    context.shrink(
        context.arg(1),
        Kind::List,
        |was_there| when(*was_there, &["ltrim"]),
        |list| {
            let length = list_of(list).len();
            let stays = range_of(first, last, length);
            list.remove_items(stays.end..length, |_| {});
            list.remove_items(0..stays.start, |_| {});
            Ok(length > 0)
        },
    )?;
    context.reply.ok();
    Ok(())
}

pub fn lpos(context: &mut Context<'_>) -> Result<(), WireError> {
    let (key, item) = (context.arg(1), context.arg(2));
    let (mut rank, mut count, mut compared_max) = (1i64, None, 0);
    let mut words = context.args.iter().skip(3);
    while let Some(word) = words.next() {
        let value = words.next().ok_or(WireError::Syntax)?;
        let number = || parse_integer(value).ok_or(WireError::NotInteger);
        if is(word, "rank") {
            rank = number()?;
            if rank == 0 {
                return Err(error(
                    "RANK can't be zero: use 1 to start from the first match, 2 from the second ... \
                     or use negative to start from the end of the list",
                ));
            }
            if rank == i64::MIN {
                return Err(error(
                    "value is out of range, value must between -9223372036854775807 and 9223372036854775807",
                ));
            }
        } else if is(word, "count") {
            let asked = parse_integer(value).ok_or_else(|| error("COUNT can't be negative"))?;
            count = Some(usize::try_from(asked).map_err(|_| error("COUNT can't be negative"))?);
        } else if is(word, "maxlen") {
            let asked = parse_integer(value).ok_or_else(|| error("MAXLEN can't be negative"))?;
            compared_max = usize::try_from(asked).map_err(|_| error("MAXLEN can't be negative"))?;
        } else {
            return Err(WireError::Syntax);
        }
    }
    let mut guard = context.lock(key);
    let list = context.list(&mut guard, key)?;
    let most = match count {
        Some(0) => usize::MAX,
        Some(count) => count,
        None => 1,
    };
    let mut found = Vec::new();
    if let Some(list) = list {
        let length = list.len();
        let range = match compared_max {
            0 => 0..length,
            max if rank > 0 => 0..max.min(length),
            max => length - max.min(length)..length,
        };
        let mut passed = rank.unsigned_abs() - 1;
        let mut index = if rank > 0 { range.start } else { range.end };
        let mut visit = |other: &[u8]| {
            index -= usize::from(rank < 0);
            if other == item {
                match passed {
                    0 => found.push(index),
                    _ => passed -= 1,
                }
            }
            index += usize::from(rank > 0);
            found.len() < most
        };
        match rank > 0 {
            true => list.each(range, &mut visit),
            false => list.each_back(range, &mut visit),
        }
    }
    match (count, found.first()) {
        (Some(_), _) => {
            context.reply.array(found.len());
            found.iter().for_each(|index| context.reply.integer(*index as i64));
        }
        (None, Some(index)) => context.reply.integer(*index as i64),
        (None, None) => context.reply.null(),
    }
    Ok(())
}

pub fn lmove(context: &mut Context<'_>) -> Result<(), WireError> {
    let (from, to) = (End::parse(context.arg(3))?, End::parse(context.arg(4))?);
    move_item(context, from, to).map(|_| ())
}

pub fn rpoplpush(context: &mut Context<'_>) -> Result<(), WireError> {
    move_item(context, End::Right, End::Left).map(|_| ())
}

/// Takes an item from one list to another. With both in one slot under one lock; otherwise it goes back if it cannot arrive. Answers
/// whether there was one.
pub(super) fn move_item(context: &mut Context<'_>, from: End, to: End) -> Result<bool, WireError> {
    let (source, target) = (context.arg(1), context.arg(2));
    let namespace = context.namespace_of(target);
    let longest = {
        let mut guard = context.lock(source);
        let Some(value) = context.value_unread(&mut guard, source) else {
            context.reply.null();
            return Ok(false);
        };
        let list = value.as_list().ok_or(WireError::WrongType)?;
        let index = if from == End::Left { 0 } else { list.len() - 1 };
        list.get(index).map_or(0, <[u8]>::len)
    };
    let room = longest + 64;
    let mut guard = context.lock_for(target, namespace, room)?;
    let kind_of = |guard: &mut dcache_engine::Guard<'_>| {
        guard.peek(context.database, target, context.now_ms).map(|entry| entry.value().kind())
    };
    if kind_of(&mut guard).is_some_and(|kind| kind != Kind::List) {
        return Err(WireError::WrongType);
    }
    if source == target {
        let (moved, left) = context.edit_untold(&mut guard, source, Kind::List, room, |list| {
            let item = from.pop(list, 1).pop();
            item.iter().for_each(|item| to.push(list, item));
            Ok(item)
        })?;
        if moved.is_some() {
            context.tell(source, Kind::List, to.pushed(), left);
            context.tell(source, Kind::List, from.popped(), Left::Same);
        }
        return Ok(answer(context, moved));
    }
    if context.slot_of(source) == context.slot_of(target) {
        let (moved, left) =
            context.edit_untold(&mut guard, source, Kind::List, 0, |list| Ok(from.pop(list, 1).pop()))?;
        if let Some(item) = &moved {
            let pushed = context.edit_in(
                &mut guard,
                target,
                Kind::List,
                room,
                |()| to.pushed(),
                |list| {
                    to.push(list, item);
                    Ok(())
                },
            );
            if let Err(why) = pushed {
                context.edit_untold(&mut guard, source, Kind::List, room, |list| {
                    from.push(list, item);
                    Ok(())
                })?;
                return Err(why);
            }
            context.tell(source, Kind::List, from.popped(), left);
        }
        return Ok(answer(context, moved));
    }
    drop(guard);
    let (moved, left) =
        context.edit_untold(&mut context.lock(source), source, Kind::List, 0, |list| Ok(from.pop(list, 1).pop()))?;
    if let Some(item) = &moved {
        let push = |key: &[u8], end: End, names: Names| {
            context.edit(
                key,
                Kind::List,
                room,
                |()| names,
                |list| {
                    end.push(list, item);
                    Ok(())
                },
            )
        };
        let pushed = push(target, to, to.pushed());
        context.tell(source, Kind::List, from.popped(), left);
        if let Err(why) = pushed {
            push(source, from, from.pushed())?;
            return Err(why);
        }
    }
    Ok(answer(context, moved))
}

fn answer(context: &mut Context<'_>, item: Option<Vec<u8>>) -> bool {
    match &item {
        Some(item) => context.reply.bulk(item),
        None => context.reply.null(),
    }
    item.is_some()
}

pub fn lmpop(context: &mut Context<'_>) -> Result<(), WireError> {
    pop_first(context, 1).map(|_| ())
}

/// `numkeys key [key ...] LEFT|RIGHT [COUNT count]` from an argument on. Answers the keys if none of them has anything.
pub(super) fn pop_first<'a>(context: &mut Context<'a>, at: usize) -> Result<Option<Vec<&'a [u8]>>, WireError> {
    let (keys, rest) = counted_keys(context.args, at)?;
    let end = End::parse(rest.get(0).unwrap_or_default())?;
    let count = pop_count(rest.from(1))?;
    for key in &keys {
        let tells = |popped: &Vec<Vec<u8>>| when(!popped.is_empty(), end.popped());
        let popped = context.shrink(key, Kind::List, tells, |list| Ok(end.pop(list, count)))?;
        if !popped.is_empty() {
            context.reply.array(2);
            context.reply.bulk(key);
            context.reply.array(popped.len());
            popped.iter().for_each(|item| context.reply.bulk(item));
            return Ok(None);
        }
    }
    context.reply.null_array();
    Ok(Some(keys))
}
