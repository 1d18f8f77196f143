//! Consumer groups: making them and their consumers, acknowledging, telling what is pending, and taking it over.
//!
//! Left out: reading for a group (`read`).

use super::read::PENDING_ROOM;
use super::{parse_bound, parse_count, parse_end, parse_id, parse_start, put_all, put_entry};
use crate::command::collection::{Names, error, is, when};
use crate::command::{Context, help, text, unknown_subcommand_or_arity};
use crate::number::parse_integer;
use dcache_engine::{Edit, Group, Guard, Kind, Pending, StreamId};
use dcache_protocol::error::WireError;
use dcache_protocol::resp::reply::{Reply, Version};
use std::ops::RangeInclusive;

/// Room for a group or a consumer, with the trees that begin with it.
const GROUP_ROOM: usize = 4096;

/// Most bytes of a name that an error repeats.
const SHOWN: usize = 1024;

/// Pending entries looked at for each that XAUTOCLAIM may take.
const LOOKS: usize = 10;

/// No such group, or not even its key.
pub(super) fn no_group(key: &[u8], group: &[u8], where_: &str) -> WireError {
    let (key, group) = (text(key, SHOWN), text(group, SHOWN));
    WireError::Other(format!("NOGROUP No such key '{key}' or consumer group '{group}'{where_}"))
}

pub(super) fn no_group_of(key: &[u8], group: &[u8]) -> WireError {
    let (key, group) = (text(key, SHOWN), text(group, SHOWN));
    WireError::Other(format!("NOGROUP No such consumer group '{group}' for key name '{key}'"))
}

/// How many entries a group was given, as its maker says.
fn parse_read(text: &[u8]) -> Result<Option<u64>, WireError> {
    match parse_integer(text).ok_or(WireError::NotInteger)? {
        -1 => Ok(None),
        read => {
            let read = u64::try_from(read);
            read.map(Some).map_err(|_| error("value for ENTRIESREAD must be positive or -1"))
        }
    }
}

/// MKSTREAM, where that is allowed, and ENTRIESREAD.
fn group_options(context: &Context<'_>, may_make: bool) -> Result<(bool, Option<u64>), WireError> {
    let (mut makes, mut read) = (false, None);
    let mut words = context.args.iter().skip(5);
    let misfit = || unknown_subcommand_or_arity("XGROUP", context.arg(1));
    while let Some(word) = words.next() {
        if may_make && is(word, "mkstream") {
            makes = true;
        } else if is(word, "entriesread") {
            read = parse_read(words.next().ok_or_else(misfit)?)?;
        } else {
            return Err(misfit());
        }
    }
    Ok((makes, read))
}

impl Context<'_> {
    /// Changes the stream of XGROUP, which has to be there.
    fn change_group<R>(
        &self,
        needs_group: bool,
        room: usize,
        tells: impl FnOnce(&R) -> Names,
        change: impl FnOnce(&mut Edit, &[u8]) -> Result<R, WireError>,
    ) -> Result<R, WireError> {
        let (key, group) = (self.arg(2), self.arg(3));
        let mut guard = if room > 0 { self.lock_for(key, self.namespace_of(key), room)? } else { self.lock(key) };
        let stream = self.stream_unread(&mut guard, key)?.ok_or_else(|| {
            error(
                "The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM \
                 option to create an empty stream automatically.",
            )
        })?;
        if needs_group && stream.group(group).is_none() {
            return Err(no_group_of(key, group));
        }
        self.edit_in(&mut guard, key, Kind::Stream, room, tells, |edit| change(edit, group))
    }
}

pub fn xgroup_create(context: &mut Context<'_>) -> Result<(), WireError> {
    let (makes, read) = group_options(context, true)?;
    let text = context.arg(4);
    let tells = |()| &["xgroup-create"][..];
    let change = |edit: &mut Edit, group: &[u8]| {
        let id = if text == b"$" { edit.stream().last_id() } else { parse_id(text, 0)? };
        if edit.stream().group(group).is_some() {
            return Err(WireError::Other("BUSYGROUP Consumer Group name already exists".into()));
        }
        edit.put_group(group, id, read);
        Ok(())
    };
    if makes {
        context.edit(context.arg(2), Kind::Stream, GROUP_ROOM, |()| tells(()), |edit| change(edit, context.arg(3)))?;
    } else {
        context.change_group(false, GROUP_ROOM, |()| tells(()), change)?;
    }
    context.reply.ok();
    Ok(())
}

pub fn xgroup_setid(context: &mut Context<'_>) -> Result<(), WireError> {
    let (_, read) = group_options(context, false)?;
    let text = context.arg(4);
    context.change_group(
        true,
        0,
        |()| &["xgroup-setid"],
        |edit, group| {
            let id = if text == b"$" { edit.stream().last_id() } else { parse_bound(text, 0)? };
            edit.put_group(group, id, read);
            Ok(())
        },
    )?;
    context.reply.ok();
    Ok(())
}

pub fn xgroup_destroy(context: &mut Context<'_>) -> Result<(), WireError> {
    let tells = |is_gone: &bool| when(*is_gone, &["xgroup-destroy"]);
    let is_gone = context.change_group(false, 0, tells, |edit, group| Ok(edit.remove_group(group)))?;
    context.reply.integer(i64::from(is_gone));
    Ok(())
}

pub fn xgroup_createconsumer(context: &mut Context<'_>) -> Result<(), WireError> {
    let (name, now_ms) = (context.arg(4), context.now_ms);
    let tells = |is_new: &bool| when(*is_new, &["xgroup-createconsumer"]);
    let is_new = context.change_group(true, GROUP_ROOM, tells, |edit, group| {
        let is_new = edit.stream().group(group).is_some_and(|group| group.consumer(name).is_none());
        if is_new {
            edit.put_consumer(group, name, now_ms, None);
        }
        Ok(is_new)
    })?;
    context.reply.integer(i64::from(is_new));
    Ok(())
}

pub fn xgroup_delconsumer(context: &mut Context<'_>) -> Result<(), WireError> {
    let name = context.arg(4);
    let tells = |pending: &Option<usize>| when(pending.is_some(), &["xgroup-delconsumer"]);
    let pending = context.change_group(true, 0, tells, |edit, group| Ok(edit.remove_consumer(group, name)))?;
    context.reply.integer(pending.unwrap_or(0) as i64);
    Ok(())
}

pub fn xgroup_help(context: &mut Context<'_>) -> Result<(), WireError> {
    const HELP: [&str; 17] = [
        "XGROUP <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "CREATE <key> <groupname> <id|$> [option]",
        "    Create a new consumer group. Options are:",
        "    * MKSTREAM",
        "      Create the empty stream if it does not exist.",
        "    * ENTRIESREAD entries_read",
        "      Set the group's entries_read counter (internal use).",
        "CREATECONSUMER <key> <groupname> <consumer>",
        "    Create a new consumer in the specified group.",
        "DELCONSUMER <key> <groupname> <consumer>",
        "    Remove the specified consumer.",
        "DESTROY <key> <groupname>",
        "    Remove the specified group.",
        "SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]",
        "    Set the current group ID and entries_read counter.",
        "HELP",
        "    Print this help.",
    ];
    help::lines(context, &HELP);
    Ok(())
}

pub fn xack(context: &mut Context<'_>) -> Result<(), WireError> {
    let (key, group, args) = (context.arg(1), context.arg(2), context.args);
    let mut guard = context.lock(key);
    let stream = context.stream_unread(&mut guard, key)?;
    if stream.is_none_or(|stream| stream.group(group).is_none()) {
        context.reply.integer(0);
        return Ok(());
    }
    let ids = args.iter().skip(3).map(|text| parse_id(text, 0)).collect::<Result<Vec<StreamId>, _>>()?;
    let acknowledged = context.edit_in(
        &mut guard,
        key,
        Kind::Stream,
        0,
        |_| &[],
        |edit| Ok(ids.iter().filter(|id| edit.remove_pending(group, **id)).count()),
    )?;
    context.reply.integer(acknowledged as i64);
    Ok(())
}

/// Which pending entries XPENDING is to show.
struct Shown<'a> {
    idle_ms: u64,
    ids: RangeInclusive<StreamId>,
    count: usize,
    consumer: Option<&'a [u8]>,
}

impl<'a> Shown<'a> {
    fn parse(context: &Context<'a>) -> Result<Option<Shown<'a>>, WireError> {
        let count = context.args.len();
        if count == 3 {
            return Ok(None);
        }
        if !(6..=9).contains(&count) {
            return Err(WireError::Syntax);
        }
        let (mut at, mut idle_ms) = (3, 0);
        if is(context.arg(3), "idle") {
            idle_ms = parse_integer(context.arg(4)).ok_or(WireError::NotInteger)?;
            if count < 8 {
                return Err(WireError::Syntax);
            }
            at += 2;
        }
        let shown = parse_count(context.arg(at + 2))?;
        let ids = parse_start(context.arg(at))?..=parse_end(context.arg(at + 1))?;
        let consumer = context.args.get(at + 3);
        Ok(Some(Shown { idle_ms: u64::try_from(idle_ms).unwrap_or(0), ids, count: shown, consumer }))
    }
}

pub fn xpending(context: &mut Context<'_>) -> Result<(), WireError> {
    let shown = Shown::parse(context)?;
    let (key, name, now_ms) = (context.arg(1), context.arg(2), context.now_ms);
    let mut guard = context.lock(key);
    let stream = context.stream(&mut guard, key)?;
    let group = stream.and_then(|stream| stream.group(name)).ok_or_else(|| no_group(key, name, ""))?;
    match shown {
        None => put_summary(&mut context.reply, group),
        Some(shown) if shown.ids.is_empty() => context.reply.array(0),
        Some(shown) => put_all(&mut context.reply, |reply| {
            let is_shown = |(_, of): &(StreamId, &Pending)| {
                shown.idle_ms == 0 || now_ms.saturating_sub(of.delivered_ms) >= shown.idle_ms
            };
            let mut put = |(id, of): (StreamId, &Pending)| put_pending(reply, id, of, now_ms);
            match shown.consumer {
                Some(name) => {
                    group.pending_of(name, shown.ids).filter(is_shown).take(shown.count).map(&mut put).count()
                }
                None => group.pending(shown.ids).filter(is_shown).take(shown.count).map(&mut put).count(),
            }
        }),
    }
    Ok(())
}

fn put_pending(reply: &mut Reply<'_>, id: StreamId, pending: &Pending, now_ms: u64) {
    reply.array(4);
    reply.bulk_display(&id);
    reply.bulk(&pending.consumer[..]);
    reply.integer(now_ms.saturating_sub(pending.delivered_ms) as i64);
    reply.integer(pending.count as i64);
}

fn put_summary(reply: &mut Reply<'_>, group: &Group) {
    reply.array(4);
    reply.integer(group.pending_len() as i64);
    let ends = group.pending(..).next().zip(group.pending(..).next_back());
    let Some(((first, _), (last, _))) = ends else {
        reply.null();
        reply.null();
        reply.null_array();
        return;
    };
    reply.bulk_display(&first);
    reply.bulk_display(&last);
    put_all(reply, |reply| {
        let busy = group.consumers().filter(|(_, consumer)| consumer.pending_len() > 0);
        busy.map(|(name, consumer)| {
            reply.array(2);
            reply.bulk(name);
            reply.bulk_display(&consumer.pending_len());
        })
        .count()
    });
}

/// A group's consumer that takes pending entries over.
struct Claim<'a> {
    group: &'a [u8],
    consumer: &'a [u8],
    min_idle_ms: u64,
    delivered_ms: u64,
    retry_count: Option<u64>,
    forces: bool,
    only_ids: bool,
    now_ms: u64,
    version: Version,
}

impl<'a> Claim<'a> {
    /// As a request without options has it: `name key group consumer …`.
    fn new(context: &Context<'a>, min_idle_ms: u64) -> Claim<'a> {
        Claim {
            group: context.arg(2),
            consumer: context.arg(3),
            min_idle_ms,
            delivered_ms: context.now_ms,
            retry_count: None,
            forces: false,
            only_ids: false,
            now_ms: context.now_ms,
            version: context.reply.version(),
        }
    }
}

/// What became of one entry.
enum Claimed {
    Taken,
    /// It was pending and is not there any more.
    Gone,
    Left,
}

impl Claim<'_> {
    fn begin(&self, edit: &mut Edit) -> bool {
        let is_new = edit.stream().group(self.group).is_some_and(|group| group.consumer(self.consumer).is_none());
        if is_new {
            edit.put_consumer(self.group, self.consumer, self.now_ms, None);
        }
        edit.note_consumer(self.group, self.consumer, self.now_ms);
        is_new
    }

    fn take(&self, edit: &mut Edit, id: StreamId, reply: &mut Reply<'_>) -> Claimed {
        let stream = edit.stream();
        let pending = stream.group(self.group).and_then(|group| group.pending_at(id));
        let Some(entry) = stream.get(id) else {
            let was_pending = pending.is_some();
            edit.remove_pending(self.group, id);
            return if was_pending { Claimed::Gone } else { Claimed::Left };
        };
        let count = match pending {
            Some(pending) if self.now_ms.saturating_sub(pending.delivered_ms) < self.min_idle_ms => {
                return Claimed::Left;
            }
            Some(pending) => pending.count,
            None if self.forces => 1,
            None => return Claimed::Left,
        };
        let count = self.retry_count.unwrap_or(count.saturating_add(u64::from(!self.only_ids)));
        if self.only_ids {
            reply.bulk_display(&id);
        } else {
            put_entry(reply, entry);
        }
        edit.put_pending(self.group, id, self.consumer, self.delivered_ms, count);
        Claimed::Taken
    }

    fn end(&self, edit: &mut Edit, taken: usize) {
        if taken > 0 {
            edit.put_consumer(self.group, self.consumer, self.now_ms, Some(self.now_ms));
        }
    }
}

fn min_idle(text: &[u8], command: &str) -> Result<u64, WireError> {
    let invalid = || error(format!("Invalid min-idle-time argument for {command}"));
    Ok(u64::try_from(parse_integer(text).ok_or_else(invalid)?).unwrap_or(0))
}

/// Room for a consumer, and for what is pending that was not.
fn claim_room(count: usize, consumer: &[u8]) -> usize {
    GROUP_ROOM + count * (PENDING_ROOM + consumer.len())
}

/// The lock of a stream that has this group.
fn lock_of_group<'a>(context: &Context<'a>, key: &[u8], group: &[u8]) -> Result<Guard<'a>, WireError> {
    let mut guard = context.lock_for(key, context.namespace_of(key), GROUP_ROOM)?;
    let stream = context.stream_unread(&mut guard, key)?;
    stream.and_then(|stream| stream.group(group)).ok_or_else(|| no_group(key, group, ""))?;
    Ok(guard)
}

pub fn xclaim(context: &mut Context<'_>) -> Result<(), WireError> {
    let (key, group, consumer, now_ms) = (context.arg(1), context.arg(2), context.arg(3), context.now_ms);
    let mut guard = lock_of_group(context, key, group)?;
    let min_idle_ms = min_idle(context.arg(4), "XCLAIM")?;
    let mut words = context.args.iter().skip(5).peekable();
    let mut ids = Vec::new();
    while let Some(id) = words.peek().and_then(|text| StreamId::parse(text, 0)) {
        ids.push(id);
        words.next();
    }
    let mut claim = Claim::new(context, min_idle_ms);
    let mut last_id = StreamId::MIN;
    while let Some(word) = words.next() {
        let number = |text: &[u8], option: &str| {
            parse_integer(text).ok_or_else(|| error(format!("Invalid {option} option argument for XCLAIM")))
        };
        // What is in the future or before all time is now.
        let moment = |at: Option<i64>| at.and_then(|at| u64::try_from(at).ok()).filter(|at| *at <= now_ms);
        if is(word, "force") {
            claim.forces = true;
        } else if is(word, "justid") {
            claim.only_ids = true;
        } else if is(word, "idle") && words.peek().is_some() {
            let idle = number(words.next().unwrap_or_default(), "IDLE")?;
            claim.delivered_ms = moment((now_ms as i64).checked_sub(idle)).unwrap_or(now_ms);
        } else if is(word, "time") && words.peek().is_some() {
            let time = number(words.next().unwrap_or_default(), "TIME")?;
            claim.delivered_ms = moment(Some(time)).unwrap_or(now_ms);
        } else if is(word, "retrycount") && words.peek().is_some() {
            let count = number(words.next().unwrap_or_default(), "RETRYCOUNT")?;
            claim.retry_count = u64::try_from(count).ok();
        } else if is(word, "lastid") && words.peek().is_some() {
            last_id = parse_id(words.next().unwrap_or_default(), 0)?;
        } else {
            return Err(error(format!("Unrecognized XCLAIM option '{}'", text(word, SHOWN))));
        }
    }
    let room = claim_room(if claim.forces { ids.len() } else { 0 }, consumer);
    let mut bytes = Vec::new();
    let tells = |(is_new, _): &(bool, usize)| when(*is_new, &["xgroup-createconsumer"]);
    let (_, taken) = context.edit_in(&mut guard, key, Kind::Stream, room, tells, |edit| {
        let read = edit.stream().group(group).map(|of| (of.last_delivered(), of.entries_read()));
        if let Some((_, read)) = read.filter(|(last, _)| last_id > *last) {
            edit.put_group(group, last_id, read);
        }
        let is_new = claim.begin(edit);
        let mut reply = Reply::new(&mut bytes, claim.version);
        let taken = ids.iter().filter(|id| matches!(claim.take(edit, **id, &mut reply), Claimed::Taken)).count();
        claim.end(edit, taken);
        Ok((is_new, taken))
    })?;
    context.reply.array(taken);
    context.reply.raw(&bytes);
    Ok(())
}

pub fn xautoclaim(context: &mut Context<'_>) -> Result<(), WireError> {
    let (key, group, consumer) = (context.arg(1), context.arg(2), context.arg(3));
    let min_idle_ms = min_idle(context.arg(4), "XAUTOCLAIM")?;
    let start = parse_start(context.arg(5))?;
    let (mut count, mut only_ids) = (100, false);
    let mut words = context.args.iter().skip(6);
    while let Some(word) = words.next() {
        if is(word, "count") && words.len() > 0 {
            let asked = words.next().and_then(parse_integer).filter(|asked| (1..=i64::MAX / 16).contains(asked));
            count = asked.and_then(|asked| usize::try_from(asked).ok()).ok_or_else(|| error("COUNT must be > 0"))?;
        } else if is(word, "justid") {
            only_ids = true;
        } else {
            return Err(WireError::Syntax);
        }
    }
    let mut guard = lock_of_group(context, key, group)?;
    let claim = Claim { only_ids, ..Claim::new(context, min_idle_ms) };
    let (mut bytes, mut taken, mut gone, mut next) = (Vec::new(), 0, Vec::new(), StreamId::MIN);
    let room = claim_room(0, consumer);
    context.edit_in(
        &mut guard,
        key,
        Kind::Stream,
        room,
        |is_new| when(*is_new, &["xgroup-createconsumer"]),
        |edit| {
            let is_new = claim.begin(edit);
            let mut reply = Reply::new(&mut bytes, claim.version);
            let pending_from = |edit: &Edit, id: Option<StreamId>| {
                let pending = edit.stream().group(group)?.pending(id?..).next();
                pending.map(|(id, _)| id)
            };
            let (mut at, mut looks) = (pending_from(edit, Some(start)), count.saturating_mul(LOOKS));
            while let Some(id) = at.filter(|_| looks > 0 && taken + gone.len() < count) {
                match claim.take(edit, id, &mut reply) {
                    Claimed::Taken => taken += 1,
                    Claimed::Gone => gone.push(id),
                    Claimed::Left => {}
                }
                (at, looks) = (pending_from(edit, id.next()), looks - 1);
            }
            next = at.unwrap_or(StreamId::MIN);
            claim.end(edit, taken);
            Ok(is_new)
        },
    )?;
    context.reply.array(3);
    context.reply.bulk_display(&next);
    context.reply.array(taken);
    context.reply.raw(&bytes);
    context.reply.array(gone.len());
    gone.iter().for_each(|id| context.reply.bulk_display(id));
    Ok(())
}
