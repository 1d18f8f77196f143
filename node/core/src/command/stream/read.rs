//! XREAD and XREADGROUP: entries behind an ID, of several streams, and waiting for them.
//!
//! A group's reading is a write: what it gives is noted as pending and the group is further then. When a consumer merely looked is noted
//! here alone and told to no copy. Left out: what else groups do (`groups`).

use super::groups::no_group;
use super::{parse_count, parse_id, put_entries, put_entry};
use crate::blocking::Wish;
use crate::command::Context;
use crate::command::collection::{error, is, when};
use crate::number::parse_integer;
use dcache_engine::{Edit, Kind, StreamId};
use dcache_protocol::error::WireError;
use dcache_protocol::resp::parse::Args;
use dcache_protocol::resp::reply::{Reply, Version};
use dcache_protocol::resp::value::encode_request;
use std::time::Duration;

/// Room for one pending entry, in its group's tree and its consumer's.
pub(super) const PENDING_ROOM: usize = 192;

const ONLY_NEW: &str = "The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by \
                        specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty \
                        result set.";

/// What is asked of each stream.
#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    Behind(StreamId),
    /// What the group has not been given.
    New,
}

struct Options<'a> {
    /// When it gives up; none: it does not wait.
    until: Option<Option<Duration>>,
    count: usize,
    no_ack: bool,
    group: Option<(&'a [u8], &'a [u8])>,
    keys: Vec<&'a [u8]>,
    ids: Vec<&'a [u8]>,
    /// Where the IDs begin.
    ids_at: usize,
}

impl<'a> Options<'a> {
    fn parse(context: &Context<'a>, of_group: bool) -> Result<Options<'a>, WireError> {
        let args: Args<'a> = context.args;
        let arg = |at: usize| args.get(at).unwrap_or_default();
        let (keys, ids) = (Vec::new(), Vec::new());
        let mut options = Options { until: None, count: 0, no_ack: false, group: None, keys, ids, ids_at: 0 };
        let only = |option: &str| {
            error(format!("The {option} option is only supported by XREADGROUP. You called XREAD instead."))
        };
        let mut at = 1;
        while at < args.len() {
            let (word, more) = (arg(at), args.len() - 1 - at);
            if is(word, "block") && more > 0 {
                at += 1;
                options.until = Some(until(context, arg(at))?);
            } else if is(word, "count") && more > 0 {
                at += 1;
                options.count = parse_count(arg(at))?;
            } else if is(word, "streams") && more > 0 {
                if more % 2 != 0 {
                    let (name, symbol) = if of_group { ("xreadgroup", '>') } else { ("xread", '$') };
                    return Err(error(format!(
                        "Unbalanced '{name}' list of streams: for each stream key an ID or '{symbol}' must be specified."
                    )));
                }
                options.ids_at = at + 1 + more / 2;
                options.keys = (at + 1..options.ids_at).map(arg).collect();
                options.ids = (options.ids_at..args.len()).map(arg).collect();
                break;
            } else if is(word, "group") && more > 1 {
                if !of_group {
                    return Err(only("GROUP"));
                }
                options.group = Some((arg(at + 1), arg(at + 2)));
                at += 2;
            } else if is(word, "noack") {
                if !of_group {
                    return Err(only("NOACK"));
                }
                options.no_ack = true;
            } else {
                return Err(WireError::Syntax);
            }
            at += 1;
        }
        if options.keys.is_empty() {
            return Err(WireError::Syntax);
        }
        if of_group && options.group.is_none() {
            return Err(error("Missing GROUP option for XREADGROUP"));
        }
        if options.count == 0 {
            options.count = usize::MAX;
        }
        Ok(options)
    }

    /// From where on each stream is read, once all of them, and their groups, are what they have to be.
    fn froms(&self, context: &Context<'_>) -> Result<Vec<From>, WireError> {
        let mut froms = Vec::with_capacity(self.keys.len());
        for (key, id) in self.keys.iter().zip(&self.ids) {
            let mut guard = context.lock(key);
            let stream = context.stream_unread(&mut guard, key)?;
            if let Some((group, _)) = self.group
                && stream.is_none_or(|stream| stream.group(group).is_none())
            {
                return Err(no_group(key, group, " in XREADGROUP with GROUP option"));
            }
            froms.push(match *id {
                b"$" if self.group.is_some() => return Err(error(ONLY_NEW)),
                b"$" => From::Behind(stream.map_or(StreamId::MIN, |stream| stream.last_id())),
                b">" if self.group.is_none() => {
                    let text = "The > ID can be specified only when calling XREADGROUP using the GROUP <group> \
                                <consumer> option.";
                    return Err(error(text));
                }
                b">" => From::New,
                text => match parse_id(text, 0)? {
                    StreamId::MAX if self.group.is_some() => From::New,
                    id => From::Behind(id),
                },
            });
        }
        Ok(froms)
    }

    /// What is to be asked again once there is something: with the IDs that `$` was.
    fn rewritten(&self, args: Args<'_>, froms: &[From]) -> Option<Vec<u8>> {
        if !self.ids.contains(&&b"$"[..]) {
            return None;
        }
        let text = |from: &From| match from {
            From::Behind(id) => id.to_string().into_bytes(),
            From::New => b">".to_vec(),
        };
        let ids: Vec<Vec<u8>> = froms.iter().map(text).collect();
        let words: Vec<&[u8]> = args.iter().take(self.ids_at).chain(ids.iter().map(Vec::as_slice)).collect();
        let mut request = Vec::new();
        encode_request(&words, &mut request);
        Some(request)
    }
}

/// The options before STREAMS, by where they are, and where what is behind it begins.
fn each_option(args: Args<'_>, mut visit: impl FnMut(&[u8])) -> Option<usize> {
    let mut at = 1;
    while let Some(word) = args.get(at) {
        visit(word);
        at += match () {
            () if is(word, "streams") => return Some(at + 1),
            () if is(word, "block") || is(word, "count") => 2,
            () if is(word, "group") => 3,
            () if is(word, "noack") => 1,
            () => return None,
        };
    }
    None
}

/// Where the keys begin.
pub(crate) fn streams_at(args: Args<'_>) -> Option<usize> {
    each_option(args, |_| {})
}

/// Whether a client that sends this may have to wait.
pub(crate) fn may_block(args: Args<'_>) -> bool {
    let mut blocks = false;
    each_option(args, |option| blocks |= is(option, "block"));
    blocks
}

/// Until when one waits who says so many milliseconds; none: for ever.
fn until(context: &Context<'_>, text: &[u8]) -> Result<Option<Duration>, WireError> {
    let ms = parse_integer(text).ok_or_else(|| error("timeout is not an integer or out of range"))?;
    let ms = u64::try_from(ms).map_err(|_| error("timeout is negative"))?;
    if ms == 0 {
        return Ok(None);
    }
    // The end of Redis's clock, which counts from 1970.
    let ends = context.now_ms.checked_add(ms).and_then(|end| i64::try_from(end).ok());
    ends.ok_or_else(|| error("timeout is out of range"))?;
    Ok(context.node.now().checked_add(Duration::from_millis(ms)))
}

pub fn xread(context: &mut Context<'_>) -> Result<(), WireError> {
    let options = Options::parse(context, false)?;
    let froms = options.froms(context)?;
    let mut found = Vec::new();
    for (key, from) in options.keys.iter().zip(&froms) {
        let From::Behind(id) = from else { continue };
        let Some(start) = id.next() else { continue };
        let mut guard = context.lock(key);
        let Some(stream) = context.stream(&mut guard, key)? else { continue };
        if stream.range(start..=StreamId::MAX).next().is_none() {
            continue;
        }
        let mut bytes = Vec::new();
        let mut reply = Reply::new(&mut bytes, context.reply.version());
        put_entries(&mut reply, stream.range(start..=StreamId::MAX).take(options.count));
        found.push((*key, bytes));
    }
    answer(context, &options, &froms, &found);
    Ok(())
}

fn answer(context: &mut Context<'_>, options: &Options<'_>, froms: &[From], found: &[(&[u8], Vec<u8>)]) {
    if found.is_empty() {
        context.reply.null_array();
        if let Some(until) = options.until {
            let request = options.rewritten(context.args, froms);
            let keys = options.keys.iter().map(|key| Box::from(*key)).collect();
            let when_gone = options.group.is_some();
            context.client.wish = Some(Box::new(Wish { kind: Kind::Stream, keys, until, when_gone, request }));
        }
        return;
    }
    let is_flat = context.reply.version() == Version::Resp2;
    if is_flat {
        context.reply.array(found.len());
    } else {
        context.reply.map(found.len());
    }
    for (key, entries) in found {
        if is_flat {
            context.reply.array(2);
        }
        context.reply.bulk(key);
        context.reply.raw(entries);
    }
}

pub fn xreadgroup(context: &mut Context<'_>) -> Result<(), WireError> {
    let options = Options::parse(context, true)?;
    let froms = options.froms(context)?;
    let Some((group, consumer)) = options.group else { return Err(WireError::Syntax) };
    let mut found = Vec::new();
    for (key, from) in options.keys.iter().zip(&froms) {
        let mut guard = context.lock(key);
        let Some(stream) = context.stream(&mut guard, key)? else { continue };
        let Some(of) = stream.group(group) else { continue };
        let (last, is_new) = (of.last_delivered(), of.consumer(consumer).is_none());
        // What becomes pending, and a consumer, take memory; what was pending does not.
        let added = match (from, last.next()) {
            (From::New, Some(next)) if !options.no_ack => {
                let count = usize::try_from(stream.len()).unwrap_or(usize::MAX).min(options.count);
                stream.range(next..=StreamId::MAX).take(count).count()
            }
            _ => 0,
        };
        let room = (added + usize::from(is_new)) * (PENDING_ROOM + consumer.len());
        let version = context.reply.version();
        let now_ms = context.now_ms;
        let reading = Reading { group, consumer, count: options.count, no_ack: options.no_ack, now_ms, version };
        let tells = |_: &Option<Vec<u8>>| when(is_new, &["xgroup-createconsumer"]);
        let entries = context.edit_in(&mut guard, key, Kind::Stream, room, tells, |edit| {
            if is_new {
                edit.put_consumer(group, consumer, now_ms, None);
            }
            edit.note_consumer(group, consumer, now_ms);
            Ok(match from {
                From::New => reading.give_new(edit),
                From::Behind(id) => Some(reading.give_pending(edit, *id)),
            })
        })?;
        found.extend(entries.map(|entries| (*key, entries)));
    }
    answer(context, &options, &froms, &found);
    Ok(())
}

struct Reading<'a> {
    group: &'a [u8],
    consumer: &'a [u8],
    count: usize,
    no_ack: bool,
    now_ms: u64,
    version: Version,
}

impl Reading<'_> {
    /// Gives what the group was not given yet; none when there is nothing.
    fn give_new(&self, edit: &mut Edit) -> Option<Vec<u8>> {
        let stream = edit.stream();
        let group = stream.group(self.group)?;
        let (mut last, mut read) = (group.last_delivered(), group.entries_read());
        let (mut ids, mut bytes) = (Vec::new(), Vec::new());
        let mut reply = Reply::new(&mut bytes, self.version);
        for entry in stream.range(last.next()?..=StreamId::MAX).take(self.count) {
            read = match read {
                Some(read) if !stream.has_holes_from(entry.id) => Some(read.saturating_add(1)),
                read if stream.entries_added() == 0 => read,
                _ => stream.entries_up_to(entry.id),
            };
            last = entry.id;
            ids.push(entry.id);
            put_entry(&mut reply, entry);
        }
        if ids.is_empty() {
            return None;
        }
        edit.put_group(self.group, last, read);
        if !self.no_ack {
            for id in &ids {
                edit.put_pending(self.group, *id, self.consumer, self.now_ms, 1);
            }
            edit.put_consumer(self.group, self.consumer, self.now_ms, Some(self.now_ms));
        }
        let mut whole = Vec::with_capacity(bytes.len() + 16);
        let mut reply = Reply::new(&mut whole, self.version);
        reply.array(ids.len());
        reply.raw(&bytes);
        Some(whole)
    }

    /// Gives again what is pending for the consumer, behind an ID.
    fn give_pending(&self, edit: &mut Edit, behind: StreamId) -> Vec<u8> {
        let stream = edit.stream();
        let (mut given, mut bytes, mut count) = (Vec::new(), Vec::new(), 0);
        let mut reply = Reply::new(&mut bytes, self.version);
        let group = stream.group(self.group).zip(behind.next());
        let pending =
            group.into_iter().flat_map(|(group, start)| group.pending_of(self.consumer, start..).take(self.count));
        for (id, pending) in pending {
            count += 1;
            match stream.get(id) {
                Some(entry) => {
                    put_entry(&mut reply, entry);
                    given.push((id, pending.count.saturating_add(1)));
                }
                None => {
                    reply.array(2);
                    reply.bulk_display(&id);
                    reply.null_array();
                }
            }
        }
        for (id, times) in given {
            edit.put_pending(self.group, id, self.consumer, self.now_ms, times);
        }
        let mut whole = Vec::with_capacity(bytes.len() + 16);
        let mut reply = Reply::new(&mut whole, self.version);
        reply.array(count);
        reply.raw(&bytes);
        whole
    }
}
