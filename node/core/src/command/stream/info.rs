//! XINFO: what a stream, its groups and their consumers are.
//!
//! The nodes of a radix tree, which Redis tells, are those that it would need about.

use super::groups::no_group_of;
use super::{put_all, put_entries, put_entry};
use crate::command::collection::is;
use crate::command::{Context, unknown_subcommand_or_arity};
use crate::number::parse_integer;
use dcache_engine::{Group, Stream, StreamId};
use dcache_protocol::error::WireError;
use dcache_protocol::resp::reply::Reply;

/// Entries, and pending ones of each group and consumer, that FULL shows unless it is said.
const COUNT: usize = 10;

/// FULL and its COUNT, which is 0 for all.
fn full(context: &Context<'_>) -> Result<Option<usize>, WireError> {
    let misfit = || unknown_subcommand_or_arity("XINFO", context.arg(1));
    match context.args.len() {
        3 => return Ok(None),
        4 | 6 if is(context.arg(3), "full") => {}
        _ => return Err(misfit()),
    }
    if context.args.len() == 4 {
        return Ok(Some(COUNT));
    }
    if !is(context.arg(4), "count") {
        return Err(misfit());
    }
    let count = parse_integer(context.arg(5)).ok_or(WireError::NotInteger)?;
    Ok(Some(usize::try_from(count).unwrap_or(COUNT)))
}

fn put_number(reply: &mut Reply<'_>, name: &str, number: u64) {
    reply.bulk(name);
    reply.integer(number as i64);
}

fn put_id(reply: &mut Reply<'_>, name: &str, id: StreamId) {
    reply.bulk(name);
    reply.bulk_display(&id);
}

fn put_known(reply: &mut Reply<'_>, name: &str, number: Option<u64>) {
    reply.bulk(name);
    match number {
        Some(number) => reply.integer(number as i64),
        None => reply.null(),
    }
}

pub fn xinfo_stream(context: &mut Context<'_>) -> Result<(), WireError> {
    let (key, now) = (context.arg(2), full(context));
    let mut guard = context.lock(key);
    let stream = context.stream(&mut guard, key)?.ok_or(WireError::NoSuchKey)?;
    let full = now?;
    let reply = &mut context.reply;
    reply.map(if full.is_some() { 9 } else { 10 });
    put_number(reply, "length", stream.len());
    put_number(reply, "radix-tree-keys", stream.nodes() as u64);
    put_number(reply, "radix-tree-nodes", stream.nodes() as u64 + 1);
    put_id(reply, "last-generated-id", stream.last_id());
    put_id(reply, "max-deleted-entry-id", stream.max_deleted_id());
    put_number(reply, "entries-added", stream.entries_added());
    put_id(reply, "recorded-first-entry-id", stream.first_id());
    let all = StreamId::MIN..=StreamId::MAX;
    if let Some(count) = full {
        let count = if count == 0 { usize::MAX } else { count };
        reply.bulk("entries");
        put_entries(reply, stream.range(all).take(count));
        reply.bulk("groups");
        put_all(reply, |reply| {
            stream.groups().map(|(name, group)| put_group(reply, stream, (name, group), count)).count()
        });
        return Ok(());
    }
    put_number(reply, "groups", stream.groups().count() as u64);
    for (name, entry) in
        [("first-entry", stream.range(all.clone()).next()), ("last-entry", stream.range_back(all.clone()).next())]
    {
        reply.bulk(name);
        match entry {
            Some(entry) => put_entry(reply, entry),
            None => reply.null(),
        }
    }
    Ok(())
}

fn put_group(reply: &mut Reply<'_>, stream: &Stream, (name, group): (&[u8], &Group), count: usize) {
    reply.map(7);
    reply.bulk("name");
    reply.bulk(name);
    put_id(reply, "last-delivered-id", group.last_delivered());
    put_known(reply, "entries-read", group.entries_read());
    put_known(reply, "lag", stream.lag(group.last_delivered(), group.entries_read()));
    put_number(reply, "pel-count", group.pending_len() as u64);
    reply.bulk("pending");
    put_all(reply, |reply| {
        group
            .pending(..)
            .take(count)
            .map(|(id, pending)| {
                reply.array(4);
                reply.bulk_display(&id);
                reply.bulk(&pending.consumer[..]);
                reply.integer(pending.delivered_ms as i64);
                reply.integer(pending.count as i64);
            })
            .count()
    });
    reply.bulk("consumers");
    reply.array(group.consumers().len());
    for (name, consumer) in group.consumers() {
        reply.map(5);
        reply.bulk("name");
        reply.bulk(name);
        put_number(reply, "seen-time", consumer.seen_ms);
        reply.bulk("active-time");
        reply.integer(consumer.active_ms.map_or(-1, |at| at as i64));
        put_number(reply, "pel-count", consumer.pending_len() as u64);
        reply.bulk("pending");
        put_all(reply, |reply| {
            let mine = group.pending_of(name, ..).take(count);
            mine.map(|(id, pending)| {
                reply.array(3);
                reply.bulk_display(&id);
                reply.integer(pending.delivered_ms as i64);
                reply.integer(pending.count as i64);
            })
            .count()
        });
    }
}

pub fn xinfo_groups(context: &mut Context<'_>) -> Result<(), WireError> {
    let key = context.arg(2);
    let mut guard = context.lock(key);
    let stream = context.stream(&mut guard, key)?.ok_or(WireError::NoSuchKey)?;
    put_all(&mut context.reply, |reply| {
        let mut count = 0;
        for (name, group) in stream.groups() {
            count += 1;
            reply.map(6);
            reply.bulk("name");
            reply.bulk(name);
            put_number(reply, "consumers", group.consumers().len() as u64);
            put_number(reply, "pending", group.pending_len() as u64);
            put_id(reply, "last-delivered-id", group.last_delivered());
            put_known(reply, "entries-read", group.entries_read());
            put_known(reply, "lag", stream.lag(group.last_delivered(), group.entries_read()));
        }
        count
    });
    Ok(())
}

pub fn xinfo_consumers(context: &mut Context<'_>) -> Result<(), WireError> {
    let (key, name, now_ms) = (context.arg(2), context.arg(3), context.now_ms);
    let mut guard = context.lock(key);
    let stream = context.stream(&mut guard, key)?.ok_or(WireError::NoSuchKey)?;
    let group = stream.group(name).ok_or_else(|| no_group_of(key, name))?;
    context.reply.array(group.consumers().len());
    for (name, consumer) in group.consumers() {
        context.reply.map(4);
        context.reply.bulk("name");
        context.reply.bulk(name);
        put_number(&mut context.reply, "pending", consumer.pending_len() as u64);
        put_number(&mut context.reply, "idle", now_ms.saturating_sub(consumer.seen_ms));
        context.reply.bulk("inactive");
        let inactive = consumer.active_ms.map_or(-1, |at| now_ms.saturating_sub(at) as i64);
        context.reply.integer(inactive);
    }
    Ok(())
}

pub fn xinfo_help(context: &mut Context<'_>) -> Result<(), WireError> {
    const HELP: [&str; 9] = [
        "XINFO <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "CONSUMERS <key> <groupname>",
        "    Show consumers of <groupname>.",
        "GROUPS <key>",
        "    Show the stream consumer groups.",
        "STREAM <key> [FULL [COUNT <count>]",
        "    Show information about the stream.",
        "HELP",
        "    Print this help.",
    ];
    crate::command::help::lines(context, &HELP);
    Ok(())
}
