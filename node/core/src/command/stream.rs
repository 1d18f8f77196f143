//! Commands on a stream's entries: adding, reading ranges, deleting, trimming. What several commands on streams need is here too.
//!
//! Reading from an ID on, and waiting, is in `read`; consumer groups in `groups`; what XINFO tells in `info`.

pub mod groups;
pub mod info;
pub mod read;
#[cfg(test)]
mod tests;

use super::Context;
use super::collection::{error, is, room, when};
use super::wrong_arity;
use crate::number::parse_integer;
use dcache_engine::{Edit, Entry, Guard, Keep, Kind, Precision, Stream, StreamId};
use dcache_protocol::error::WireError;
use dcache_protocol::resp::parse::Args;
use dcache_protocol::resp::reply::Reply;
use std::ops::RangeInclusive;

/// Most bytes of one entry, as in Redis.
const ENTRY_BYTES_MAX: usize = 1 << 30;

/// What trimming to about a length takes at most, when it is not said: Redis's 100 nodes of 100 entries.
const LIMIT: u64 = 10_000;

fn invalid_id() -> WireError {
    error("Invalid stream ID specified as stream command argument")
}

/// An ID that is one; its sequence may be missing.
pub(super) fn parse_id(text: &[u8], missing: u64) -> Result<StreamId, WireError> {
    StreamId::parse(text, missing).ok_or_else(invalid_id)
}

/// The same, or the lowest or the highest one.
pub(super) fn parse_bound(text: &[u8], missing: u64) -> Result<StreamId, WireError> {
    match text {
        b"-" => Ok(StreamId::MIN),
        b"+" => Ok(StreamId::MAX),
        text => parse_id(text, missing),
    }
}

/// The lower bound of a range; `(` excludes it.
pub(super) fn parse_start(text: &[u8]) -> Result<StreamId, WireError> {
    match text {
        [b'(', rest @ ..] if !rest.is_empty() => {
            parse_id(rest, 0)?.next().ok_or_else(|| error("invalid start ID for the interval"))
        }
        text => parse_bound(text, 0),
    }
}

pub(super) fn parse_end(text: &[u8]) -> Result<StreamId, WireError> {
    match text {
        [b'(', rest @ ..] if !rest.is_empty() => {
            parse_id(rest, u64::MAX)?.previous().ok_or_else(|| error("invalid end ID for the interval"))
        }
        text => parse_bound(text, u64::MAX),
    }
}

/// A number of which one below zero counts as zero.
pub(super) fn parse_count(text: &[u8]) -> Result<usize, WireError> {
    let count = parse_integer(text).ok_or(WireError::NotInteger)?;
    Ok(usize::try_from(count).unwrap_or(0))
}

pub(super) fn put_entry(reply: &mut Reply<'_>, entry: Entry<'_>) {
    reply.array(2);
    reply.bulk_display(&entry.id);
    reply.array(2 * entry.fields().count());
    for (name, value) in entry.fields() {
        reply.bulk(name);
        reply.bulk(value);
    }
}

/// Writes replies one after the other, and how many there were before them.
pub(super) fn put_all(reply: &mut Reply<'_>, put: impl FnOnce(&mut Reply<'_>) -> usize) {
    let mut bytes = Vec::new();
    let count = put(&mut Reply::new(&mut bytes, reply.version()));
    reply.array(count);
    reply.raw(&bytes);
}

pub(super) fn put_entries<'e>(reply: &mut Reply<'_>, entries: impl Iterator<Item = Entry<'e>>) {
    put_all(reply, |reply| entries.map(|entry| put_entry(reply, entry)).count());
}

impl Context<'_> {
    /// A key's stream, for a command that answers from it.
    pub(super) fn stream<'g>(&self, guard: &'g mut Guard<'_>, key: &[u8]) -> Result<Option<&'g Stream>, WireError> {
        self.value(guard, key).map(|value| value.as_stream().ok_or(WireError::WrongType)).transpose()
    }

    /// The same where it is to be changed.
    pub(super) fn stream_unread<'g>(
        &self,
        guard: &'g mut Guard<'_>,
        key: &[u8],
    ) -> Result<Option<&'g Stream>, WireError> {
        self.value_unread(guard, key).map(|value| value.as_stream().ok_or(WireError::WrongType)).transpose()
    }
}

/// Options of XADD and XTRIM.
#[derive(Default)]
struct Options {
    trim: Option<(Keep, Precision)>,
    only_if_there: bool,
    id: Asked,
    /// Where the fields begin.
    end: usize,
}

/// Which ID a new entry is to have.
#[derive(Clone, Copy, Default)]
enum Asked {
    #[default]
    Any,
    Of(StreamId),
    In(u64),
}

impl Asked {
    fn parse(text: &[u8]) -> Result<Asked, WireError> {
        match text {
            [ms @ .., b'-', b'*'] if !ms.contains(&b'-') => parse_id(ms, 0).map(|id| Asked::In(id.ms)),
            text => parse_id(text, 0).map(Asked::Of),
        }
    }
}

impl Options {
    fn parse(args: Args<'_>, is_add: bool) -> Result<Options, WireError> {
        let mut options = Options::default();
        let (mut keep, mut is_about, mut limit) = (None, false, None);
        let arg = |at: usize| args.get(at).unwrap_or_default();
        let mut at = 2;
        while at < args.len() {
            let (word, more) = (arg(at), args.len() - 1 - at);
            if is_add && word == b"*" {
                break;
            }
            if more > 0 && (is(word, "maxlen") || is(word, "minid")) {
                if keep.is_some() {
                    return Err(error("syntax error, MAXLEN and MINID options at the same time are not compatible"));
                }
                is_about = more > 1 && arg(at + 1) == b"~";
                at += 1 + usize::from(more > 1 && matches!(arg(at + 1), b"~" | b"="));
                keep = Some(if is(word, "maxlen") {
                    let length = parse_integer(arg(at)).ok_or(WireError::NotInteger)?;
                    let length = u64::try_from(length);
                    Keep::Length(length.map_err(|_| error("The MAXLEN argument must be >= 0."))?)
                } else {
                    Keep::From(parse_id(arg(at), 0)?)
                });
            } else if more > 0 && is(word, "limit") {
                at += 1;
                let number = parse_integer(arg(at)).ok_or(WireError::NotInteger)?;
                limit = Some(u64::try_from(number).map_err(|_| error("The LIMIT argument must be >= 0."))?);
            } else if is_add && is(word, "nomkstream") {
                options.only_if_there = true;
            } else if is_add {
                options.id = Asked::parse(word)?;
                break;
            } else {
                return Err(WireError::Syntax);
            }
            at += 1;
        }
        if keep.is_none() && limit.is_some_and(|limit| limit > 0) {
            return Err(error("syntax error, LIMIT cannot be used without specifying a trimming strategy"));
        }
        if keep.is_none() && !is_add {
            return Err(error("syntax error, XTRIM must be called with a trimming strategy"));
        }
        if limit.is_some() && !is_about {
            return Err(error("syntax error, LIMIT cannot be used without the special ~ option"));
        }
        let precision = match is_about {
            true => Precision::Nodes { limit: Some(limit.unwrap_or(LIMIT)).filter(|limit| *limit > 0) },
            false => Precision::Exact,
        };
        options.trim = keep.map(|keep| (keep, precision));
        options.end = at + 1;
        Ok(options)
    }
}

fn trim(edit: &mut Edit, (keep, precision): (Keep, Precision)) -> u64 {
    edit.trim_entries(keep, precision)
}

fn append(edit: &mut Edit, asked: Asked, now_ms: u64, fields: &[(&[u8], &[u8])]) -> Result<StreamId, WireError> {
    let stream = edit.stream();
    if stream.last_id() == StreamId::MAX {
        return Err(error("The stream has exhausted the last possible ID, unable to add more items"));
    }
    let id = match asked {
        Asked::Any => stream.next_id(now_ms),
        Asked::Of(id) => Some(id),
        Asked::In(ms) => stream.next_id_in(ms),
    };
    let too_low = || error("The ID specified in XADD is equal or smaller than the target stream top item");
    let id = id.ok_or_else(too_low)?;
    if id <= stream.last_id() {
        return Err(too_low());
    }
    if fields.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > ENTRY_BYTES_MAX {
        return Err(error("Elements are too large to be stored"));
    }
    edit.append_entry(id, fields);
    Ok(id)
}

pub fn xadd(context: &mut Context<'_>) -> Result<(), WireError> {
    let (key, args) = (context.arg(1), context.args);
    let options = Options::parse(args, true)?;
    let texts: Vec<&[u8]> = args.iter().skip(options.end).collect();
    let (pairs, rest) = texts.as_chunks::<2>();
    if pairs.is_empty() || !rest.is_empty() {
        return Err(super::lookup(b"xadd").map_or(WireError::Syntax, wrong_arity));
    }
    if matches!(options.id, Asked::Of(StreamId::MIN)) {
        return Err(error("The ID specified in XADD must be greater than 0-0"));
    }
    let fields: Vec<(&[u8], &[u8])> = pairs.iter().map(|[name, value]| (*name, *value)).collect();
    let (namespace, room) = (context.namespace_of(key), room(texts.iter().copied()));
    let mut guard = context.lock_for(key, namespace, room)?;
    if options.only_if_there && context.stream_unread(&mut guard, key)?.is_none() {
        context.reply.null();
        return Ok(());
    }
    let tells = |(_, trimmed): &(StreamId, u64)| if *trimmed > 0 { &["xadd", "xtrim"][..] } else { &["xadd"] };
    let now_ms = context.now_ms;
    let (id, _) = context.edit_in(&mut guard, key, Kind::Stream, room, tells, |edit| {
        let id = append(edit, options.id, now_ms, &fields)?;
        Ok((id, options.trim.map_or(0, |how| trim(edit, how))))
    })?;
    context.reply.bulk_display(&id);
    Ok(())
}

pub fn xtrim(context: &mut Context<'_>) -> Result<(), WireError> {
    let options = Options::parse(context.args, false)?;
    let tells = |trimmed: &u64| when(*trimmed > 0, &["xtrim"]);
    let trimmed = context
        .shrink(context.arg(1), Kind::Stream, tells, |edit| Ok(options.trim.map_or(0, |how| trim(edit, how))))?;
    context.reply.integer(trimmed as i64);
    Ok(())
}

pub fn xlen(context: &mut Context<'_>) -> Result<(), WireError> {
    let key = context.arg(1);
    let length = context.stream(&mut context.lock(key), key)?.map_or(0, Stream::len);
    context.reply.integer(length as i64);
    Ok(())
}

pub fn xdel(context: &mut Context<'_>) -> Result<(), WireError> {
    let (key, args) = (context.arg(1), context.args);
    let mut guard = context.lock(key);
    if context.stream_unread(&mut guard, key)?.is_none() {
        context.reply.integer(0);
        return Ok(());
    }
    let ids = args.iter().skip(2).map(|text| parse_id(text, 0)).collect::<Result<Vec<StreamId>, _>>()?;
    let tells = |deleted: &usize| when(*deleted > 0, &["xdel"]);
    let deleted = context.edit_in(&mut guard, key, Kind::Stream, 0, tells, |edit| {
        Ok(ids.iter().filter(|id| edit.delete_entry(**id)).count())
    })?;
    context.reply.integer(deleted as i64);
    Ok(())
}

pub fn xsetid(context: &mut Context<'_>) -> Result<(), WireError> {
    let (key, args) = (context.arg(1), context.args);
    let id = parse_id(context.arg(2), 0)?;
    let (mut added, mut max_deleted) = (None, None);
    let mut words = args.iter().skip(3);
    while let Some(word) = words.next() {
        let value = words.next().ok_or(WireError::Syntax)?;
        if is(word, "entriesadded") {
            let number = parse_integer(value).ok_or(WireError::NotInteger)?;
            added = Some(u64::try_from(number).map_err(|_| error("entries_added must be positive"))?);
        } else if is(word, "maxdeletedid") {
            let deleted = parse_id(value, 0)?;
            if id < deleted {
                let text = "The ID specified in XSETID is smaller than the provided max_deleted_entry_id";
                return Err(error(text));
            }
            max_deleted = Some(deleted).filter(|deleted| *deleted != StreamId::MIN);
        } else {
            return Err(WireError::Syntax);
        }
    }
    let mut guard = context.lock(key);
    context.stream_unread(&mut guard, key)?.ok_or(WireError::NoSuchKey)?;
    context.edit_in(
        &mut guard,
        key,
        Kind::Stream,
        0,
        |()| &["xsetid"],
        |edit| {
            let stream = edit.stream();
            if id < stream.max_deleted_id() {
                return Err(error("The ID specified in XSETID is smaller than current max_deleted_entry_id"));
            }
            let last = stream.range_back(StreamId::MIN..=StreamId::MAX).next().map(|entry| entry.id);
            if last.is_some_and(|last| id < last) {
                return Err(error("The ID specified in XSETID is smaller than the target stream top item"));
            }
            if last.is_some() && added.is_some_and(|added| stream.len() > added) {
                return Err(error("The entries_added specified in XSETID is smaller than the target stream length"));
            }
            let (added, deleted) =
                (added.unwrap_or(stream.entries_added()), max_deleted.unwrap_or(stream.max_deleted_id()));
            edit.set_stream(id, added, deleted);
            Ok(())
        },
    )?;
    context.reply.ok();
    Ok(())
}

fn answer_range(context: &mut Context<'_>, ids: RangeInclusive<StreamId>, is_back: bool) -> Result<(), WireError> {
    let key = context.arg(1);
    let mut count = None;
    let mut words = context.args.iter().skip(4);
    while let Some(word) = words.next() {
        let value = words.next().filter(|_| is(word, "count")).ok_or(WireError::Syntax)?;
        count = Some(parse_count(value)?);
    }
    let mut guard = context.lock(key);
    let Some(stream) = context.stream(&mut guard, key)? else {
        context.reply.array(0);
        return Ok(());
    };
    let count = count.unwrap_or(usize::MAX);
    if count == 0 {
        context.reply.null_array();
    } else if ids.is_empty() {
        context.reply.array(0);
    } else if is_back {
        put_entries(&mut context.reply, stream.range_back(ids).take(count));
    } else {
        put_entries(&mut context.reply, stream.range(ids).take(count));
    }
    Ok(())
}

pub fn xrange(context: &mut Context<'_>) -> Result<(), WireError> {
    let ids = parse_start(context.arg(2))?..=parse_end(context.arg(3))?;
    answer_range(context, ids, false)
}

pub fn xrevrange(context: &mut Context<'_>) -> Result<(), WireError> {
    let ids = parse_start(context.arg(3))?..=parse_end(context.arg(2))?;
    answer_range(context, ids, true)
}
