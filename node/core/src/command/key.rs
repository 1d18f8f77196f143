//! Commands on keys of any type: existence, expiry, names, walks, and how a value is kept.
//!
//! A walk (SCAN, KEYS, RANDOMKEY) is this node's own; the gateway joins those of all nodes. It passes over entries of slots
//! that this node lost and has not dropped yet. RENAME and COPY lock source and destination one after the other when they
//! are in different slots, so another client may come between.

use super::{Context, Door, refused, string_of};
use crate::events::Class;
use crate::glob::{self, Case};
use crate::number::parse_integer;
use dcache_engine::{Guard, NamespaceId, Value, ValueRef};
use dcache_protocol::error::WireError;
use dcache_protocol::namespace::DATABASES;
use dcache_protocol::namespace::PINNED;
use dcache_protocol::{Eviction, slot_in};

/// Most entries one SCAN step visits, whatever COUNT asks for: a hint to Redis too.
const SCAN_COUNT_MAX: usize = 10_000;

const SCAN_COUNT_DEFAULT: usize = 10;

/// Entries that a walk visits under one lock, since each is matched with a client's pattern there.
const VISITS_PER_LOCK: usize = 128;

/// Draws of RANDOMKEY before it takes the database for empty of keys that are this node's.
const DRAWS_MAX: u64 = 32;

/// Longest string that Redis would keep beside its header (`embstr`).
const EMBEDDED_BYTES_MAX: usize = 44;

pub fn del(context: &mut Context<'_>) -> Result<(), WireError> {
    let mut count = 0;
    for key in context.args.iter().skip(1) {
        let is_gone = context.remove(&mut context.lock(key), key)?;
        if is_gone {
            context.notify(Class::GENERIC, "del", key);
        }
        count += i64::from(is_gone);
    }
    context.reply.integer(count);
    Ok(())
}

/// DEL already frees outside the lock.
pub fn unlink(context: &mut Context<'_>) -> Result<(), WireError> {
    del(context)
}

pub fn exists(context: &mut Context<'_>) -> Result<(), WireError> {
    let is_there = |key: &[u8]| context.lock(key).peek(context.database, key, context.now_ms).is_some();
    let count = context.args.iter().skip(1).filter(|key| is_there(key)).count();
    context.reply.integer(count as i64);
    Ok(())
}

pub fn touch(context: &mut Context<'_>) -> Result<(), WireError> {
    let touch = |key: &[u8]| context.lock(key).touch(context.database, key, context.now_ms);
    let count = context.args.iter().skip(1).filter(|key| touch(key)).count();
    context.reply.integer(count as i64);
    Ok(())
}

/// TYPE.
pub fn type_of(context: &mut Context<'_>) -> Result<(), WireError> {
    let key = context.arg(1);
    match context.lock(key).peek(context.database, key, context.now_ms) {
        Some(entry) => context.reply.simple(entry.value().kind().name()),
        None => context.reply.simple("none"),
    }
    Ok(())
}

pub fn expire(context: &mut Context<'_>) -> Result<(), WireError> {
    expire_at(context, 1000, context.now_ms, "expire")
}

pub fn pexpire(context: &mut Context<'_>) -> Result<(), WireError> {
    expire_at(context, 1, context.now_ms, "pexpire")
}

pub fn expireat(context: &mut Context<'_>) -> Result<(), WireError> {
    expire_at(context, 1000, 0, "expireat")
}

pub fn pexpireat(context: &mut Context<'_>) -> Result<(), WireError> {
    expire_at(context, 1, 0, "pexpireat")
}

/// Sets an expiry given in units of `unit_ms` from `base_ms` on. An expiry that has passed deletes the key.
fn expire_at(context: &mut Context<'_>, unit_ms: i64, base_ms: u64, command: &'static str) -> Result<(), WireError> {
    let key = context.arg(1);
    let only = ExpireOnly::parse(context.args.iter().skip(3))?;
    let number = parse_integer(context.arg(2)).ok_or(WireError::NotInteger)?;
    let at_ms = number.checked_mul(unit_ms).and_then(|ms| ms.checked_add_unsigned(base_ms));
    let at_ms = u64::try_from(at_ms.ok_or(WireError::InvalidExpire { command })?).unwrap_or(0);
    let at_ms = context.expiry_within(context.namespace_of(key), Some(at_ms)).unwrap_or(at_ms);
    let mut guard = context.lock(key);
    let now = guard.peek(context.database, key, context.now_ms).map(|entry| entry.expires_at_ms());
    let is_set = now.is_some_and(|now| only.allows(now, at_ms));
    if is_set {
        context.expire(&mut guard, key, Some(at_ms))?;
        context.notify(Class::GENERIC, context.event_of_expiry(Some(at_ms), "expire"), key);
    }
    context.reply.integer(i64::from(is_set));
    Ok(())
}

/// Under which conditions EXPIRE changes an expiry. None is taken for never.
#[derive(Default)]
struct ExpireOnly {
    if_none: bool,
    if_some: bool,
    if_later: bool,
    if_earlier: bool,
}

impl ExpireOnly {
    fn parse<'a>(words: impl Iterator<Item = &'a [u8]>) -> Result<ExpireOnly, WireError> {
        let mut only = ExpireOnly::default();
        for word in words {
            let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
            let condition = match () {
                _ if is("nx") => &mut only.if_none,
                _ if is("xx") => &mut only.if_some,
                _ if is("gt") => &mut only.if_later,
                _ if is("lt") => &mut only.if_earlier,
                _ => return Err(other(format!("Unsupported option {}", super::text(word, 128)))),
            };
            *condition = true;
        }
        if only.if_none && (only.if_some || only.if_later || only.if_earlier) {
            return Err(other("NX and XX, GT or LT options at the same time are not compatible"));
        }
        if only.if_later && only.if_earlier {
            return Err(other("GT and LT options at the same time are not compatible"));
        }
        Ok(only)
    }

    fn allows(&self, now: Option<u64>, next_ms: u64) -> bool {
        !(self.if_none && now.is_some()
            || self.if_some && now.is_none()
            || self.if_later && now.is_none_or(|now| next_ms <= now)
            || self.if_earlier && now.is_some_and(|now| next_ms >= now))
    }
}

fn other(text: impl AsRef<str>) -> WireError {
    WireError::Other(format!("ERR {}", text.as_ref()))
}

pub fn ttl(context: &mut Context<'_>) -> Result<(), WireError> {
    let now_ms = context.now_ms;
    expiry_of(context, |at_ms| (at_ms.saturating_sub(now_ms).saturating_add(500)) / 1000)
}

pub fn pttl(context: &mut Context<'_>) -> Result<(), WireError> {
    let now_ms = context.now_ms;
    expiry_of(context, |at_ms| at_ms.saturating_sub(now_ms))
}

pub fn expiretime(context: &mut Context<'_>) -> Result<(), WireError> {
    expiry_of(context, |at_ms| at_ms.saturating_add(500) / 1000)
}

pub fn pexpiretime(context: &mut Context<'_>) -> Result<(), WireError> {
    expiry_of(context, |at_ms| at_ms)
}

/// Answers a key's expiry as `show` says; -1 when there is none, -2 when there is no key.
fn expiry_of(context: &mut Context<'_>, show: impl Fn(u64) -> u64) -> Result<(), WireError> {
    let key = context.arg(1);
    let expiry = context.lock(key).peek(context.database, key, context.now_ms).map(|entry| entry.expires_at_ms());
    context.reply.integer(match expiry {
        Some(Some(at_ms)) => i64::try_from(show(at_ms)).unwrap_or(i64::MAX),
        Some(None) => -1,
        None => -2,
    });
    Ok(())
}

/// In a namespace with a maximum TTL a key cannot last for ever: it gets that one.
pub fn persist(context: &mut Context<'_>) -> Result<(), WireError> {
    let key = context.arg(1);
    let longest = context.expiry_within(context.namespace_of(key), None);
    let mut guard = context.lock(key);
    let had_expiry =
        guard.peek(context.database, key, context.now_ms).is_some_and(|entry| entry.expires_at_ms().is_some());
    if had_expiry {
        context.expire(&mut guard, key, longest)?;
        context.notify(Class::GENERIC, "persist", key);
    }
    context.reply.integer(i64::from(had_expiry));
    Ok(())
}

pub fn scan(context: &mut Context<'_>) -> Result<(), WireError> {
    let cursor = parse_cursor(context.arg(1)).ok_or(WireError::InvalidCursor)?;
    let mut count = SCAN_COUNT_DEFAULT;
    let (mut pattern, mut kind) = (None, None);
    let mut words = context.args.iter().skip(2);
    while let Some(word) = words.next() {
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        let value = words.next().ok_or(WireError::Syntax)?;
        if is("count") {
            let asked = parse_integer(value).ok_or(WireError::NotInteger)?;
            let asked = usize::try_from(asked).ok().filter(|asked| *asked > 0).ok_or(WireError::Syntax)?;
            count = asked.min(SCAN_COUNT_MAX);
        } else if is("match") {
            pattern = Some(value);
        } else if is("type") {
            kind = Some(value);
        } else {
            return Err(WireError::Syntax);
        }
    }
    let mut found = Vec::new();
    let next = walk(context, cursor, count, &mut |key, value| {
        let is_kind = kind.is_none_or(|kind| value.kind().name().as_bytes().eq_ignore_ascii_case(kind));
        if is_kind && pattern.is_none_or(|pattern| glob::matches(pattern, key, Case::Sensitive)) {
            found.push(key.to_vec());
        }
    });
    context.reply.array(2);
    context.reply.bulk_display(&next);
    context.reply.array(found.len());
    found.iter().for_each(|key| context.reply.bulk(key));
    Ok(())
}

/// A cursor as clients give it back: decimal digits within `u64`.
pub fn parse_cursor(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    text.iter().try_fold(0u64, |cursor, digit| cursor.checked_mul(10)?.checked_add(u64::from(digit - b'0')))
}

/// Walks over `count` entries, those in the client's database that are this node's being shown to `visit`; the next cursor,
/// 0 at the end.
fn walk(context: &Context<'_>, mut cursor: u64, count: usize, visit: &mut dyn FnMut(&[u8], ValueRef<'_>)) -> u64 {
    let mut left = count;
    while left > 0 {
        let step = left.min(VISITS_PER_LOCK);
        cursor = context.node.engine().scan(cursor, step, context.now_ms, &mut |entry| {
            if entry.database == context.database && context.is_mine(entry.slot) {
                visit(entry.key, entry.value);
            }
        });
        if cursor == 0 {
            break;
        }
        left -= step;
    }
    cursor
}

/// A key that went and came back during the walk may be seen twice, and is answered once.
pub fn keys(context: &mut Context<'_>) -> Result<(), WireError> {
    let pattern = context.arg(1);
    let mut found = Vec::new();
    let end = walk(context, 0, usize::MAX, &mut |key, _| {
        if glob::matches(pattern, key, Case::Sensitive) {
            found.push(Box::<[u8]>::from(key));
        }
    });
    debug_assert_eq!(end, 0, "there are fewer entries than addresses");
    found.sort_unstable();
    found.dedup();
    context.reply.array(found.len());
    found.iter().for_each(|key| context.reply.bulk(key));
    Ok(())
}

pub fn randomkey(context: &mut Context<'_>) -> Result<(), WireError> {
    let draw = |_| context.node.engine().random_key(context.database, context.node.random(), context.now_ms);
    let drawn = (0..DRAWS_MAX).map_while(draw).find(|key| context.is_mine(context.slot_of(key).number()));
    match drawn {
        Some(key) => context.reply.bulk(key),
        None => context.reply.null(),
    }
    Ok(())
}

pub fn rename(context: &mut Context<'_>) -> Result<(), WireError> {
    rename_to(context, true)?;
    context.reply.ok();
    Ok(())
}

pub fn renamenx(context: &mut Context<'_>) -> Result<(), WireError> {
    let is_renamed = rename_to(context, false)?;
    context.reply.integer(i64::from(is_renamed));
    Ok(())
}

/// Moves value and expiry to another key; whether it did. The source goes first, so that a large value needs no room twice.
fn rename_to(context: &Context<'_>, replaces: bool) -> Result<bool, WireError> {
    let (source, target) = (context.arg(1), context.arg(2));
    let is_there = |guard: &mut Guard<'_>, key: &[u8]| guard.peek(context.database, key, context.now_ms).is_some();
    if !is_there(&mut context.lock(source), source) {
        return Err(WireError::NoSuchKey);
    }
    if source == target {
        return Ok(replaces);
    }
    let namespace = context.namespace_of(target);
    if context.slot_of(source) != context.slot_of(target) {
        return rename_between_slots(context, replaces, namespace);
    }
    // What a large collection takes moves along with it.
    let bytes_of = |value: ValueRef<'_>| value.beside_key().len();
    let looked_at = context.lock(source).peek(context.database, source, context.now_ms).map(|e| bytes_of(e.value()));
    let mut guard = context.lock_with_room(target, namespace, looked_at.unwrap_or(0))?;
    if !replaces && is_there(&mut guard, target) {
        return Ok(false);
    }
    let is_large = |value: ValueRef<'_>| matches!(value, ValueRef::Large(_));
    if guard.peek(context.database, source, context.now_ms).is_some_and(|entry| is_large(entry.value())) {
        return rename_large(context, &mut guard, namespace);
    }
    let (value, expires_at_ms) = look(context, &mut guard, source)?;
    // Written before the old name goes, so that a refusal loses nothing.
    let expires_at_ms = context.expiry_within(namespace, expires_at_ms);
    let set = guard.set(context.database, target, (&value).into(), expires_at_ms, namespace, context.now_ms);
    set.map_err(refused)?;
    context.remove(&mut guard, source)?;
    renamed(context, source, target);
    Ok(true)
}

/// The collection itself gets another name, and is not copied.
fn rename_large(context: &Context<'_>, guard: &mut Guard<'_>, namespace: NamespaceId) -> Result<bool, WireError> {
    let (source, target) = (context.arg(1), context.arg(2));
    let (from, to) = ((context.database, source), (context.database, target));
    let expiry = |before| context.expiry_within(namespace, before);
    if !guard.move_large(from, to, expiry, namespace, context.now_ms).map_err(refused)? {
        return Err(WireError::NoSuchKey);
    }
    renamed(context, source, target);
    Ok(true)
}

/// To Redis the target is a new key, whatever had its name before.
fn renamed(context: &Context<'_>, source: &[u8], target: &[u8]) {
    context.notify(Class::NEW, "new", target);
    context.notify(Class::GENERIC, "rename_from", source);
    context.notify(Class::GENERIC, "rename_to", target);
}

/// Under one lock after the other. The value goes back if there is no room for it under the new name.
fn rename_between_slots(context: &Context<'_>, replaces: bool, namespace: NamespaceId) -> Result<bool, WireError> {
    let (source, target) = (context.arg(1), context.arg(2));
    if !replaces && context.lock(target).peek(context.database, target, context.now_ms).is_some() {
        return Ok(false);
    }
    let taken = context.lock(source).take(context.database, source, context.now_ms).map_err(refused)?;
    let (value, expires_at_ms) = taken.ok_or(WireError::NoSuchKey)?;
    let put = |key: &[u8], value: Value, namespace: NamespaceId, expires_at_ms: Option<u64>| {
        let room = ValueRef::from(&value).beside_key().len();
        let mut guard = match context.lock_with_room(key, namespace, room) {
            Ok(guard) => guard,
            Err(error) => return Err((error, value)),
        };
        let set = guard.set_value(context.database, key, value, expires_at_ms, namespace, context.now_ms);
        set.map_err(|(why, value)| (refused(why), value))
    };
    match put(target, value, namespace, context.expiry_within(namespace, expires_at_ms)) {
        Ok(()) => {
            renamed(context, source, target);
            Ok(true)
        }
        Err((error, value)) => {
            put(source, value, context.namespace_of(source), expires_at_ms).map_err(|(error, _)| error)?;
            Err(error)
        }
    }
}

/// A copy of a key's value, and its expiry.
fn look(context: &Context<'_>, guard: &mut Guard<'_>, key: &[u8]) -> Result<(Value, Option<u64>), WireError> {
    let entry = guard.peek(context.database, key, context.now_ms).ok_or(WireError::NoSuchKey)?;
    Ok((entry.value().to_owned(), entry.expires_at_ms()))
}

pub fn copy(context: &mut Context<'_>) -> Result<(), WireError> {
    let (source, target) = (context.arg(1), context.arg(2));
    let (mut database, mut replaces) = (context.database, false);
    let mut words = context.args.iter().skip(3);
    while let Some(word) = words.next() {
        if word.eq_ignore_ascii_case(b"replace") {
            replaces = true;
            continue;
        }
        let number = words.next().filter(|_| word.eq_ignore_ascii_case(b"db")).ok_or(WireError::Syntax)?;
        let number = parse_integer(number).ok_or(WireError::NotInteger)?;
        let number = u16::try_from(number).ok().filter(|n| *n < DATABASES).ok_or(WireError::InvalidDatabase)?;
        database = context.view.database(number);
    }
    if context.door == Door::Cluster && database != 0 {
        return Err(other("Copying to another database is not allowed in cluster mode"));
    }
    if source == target && database == context.database {
        return Err(other("source and destination objects are the same"));
    }
    check_other_database(context, database, target)?;
    let copied = context.lock(source).peek(context.database, source, context.now_ms).map(|entry| {
        let value = entry.value().to_owned();
        (value, entry.expires_at_ms())
    });
    let is_copied = match copied {
        Some((value, expires_at_ms)) => put_copy(context, target, database, value, expires_at_ms, replaces)?,
        None => false,
    };
    context.reply.integer(i64::from(is_copied));
    Ok(())
}

fn put_copy(
    context: &Context<'_>,
    target: &[u8],
    database: u16,
    value: Value,
    expires_at_ms: Option<u64>,
    replaces: bool,
) -> Result<bool, WireError> {
    let namespace = context.view.namespace_of(database, target);
    let room = ValueRef::from(&value).beside_key().len();
    let mut guard = context.lock_with_room_in(database, target, namespace, room)?;
    if !replaces && guard.peek(database, target, context.now_ms).is_some() {
        return Ok(false);
    }
    let expires_at_ms = context.expiry_within(namespace, expires_at_ms);
    let set = guard.set_value(database, target, value, expires_at_ms, namespace, context.now_ms);
    set.map_err(|(why, _)| refused(why))?;
    if context.node.events.are_watched() {
        context.note(Class::NEW, "new", database, target);
        context.note(Class::GENERIC, "copy_to", database, target);
    }
    Ok(true)
}

/// A key of a pinned database is elsewhere than one of the same name that is not.
fn check_other_database(context: &Context<'_>, database: u16, target: &[u8]) -> Result<(), WireError> {
    let is_pinned = (context.database | database) & PINNED != 0;
    match is_pinned && database != context.database && !context.is_mine(slot_in(database, target).number()) {
        true => Err(other("CROSSSLOT one of the databases is pinned, and the keys are on different nodes")),
        false => Ok(()),
    }
}

/// MOVE: to another database, where the key must not be yet.
pub fn move_to(context: &mut Context<'_>) -> Result<(), WireError> {
    let key = context.arg(1);
    if context.door == Door::Cluster {
        return Err(other("MOVE is not allowed in cluster mode"));
    }
    let number = parse_integer(context.arg(2)).ok_or(WireError::NotInteger)?;
    let number = u16::try_from(number).ok().filter(|n| *n < DATABASES).ok_or(WireError::InvalidDatabase)?;
    let database = context.view.database(number);
    if database == context.database {
        return Err(other("source and destination objects are the same"));
    }
    let namespace = context.view.namespace_of(database, key);
    if slot_in(database, key) != context.slot_of(key) {
        return Err(other(
            "ERR MOVE between a pinned database and another one is not there; COPY the key, then delete it",
        ));
    }
    let bytes_of = |value: ValueRef<'_>| value.beside_key().len();
    let looked_at = context.lock(key).peek(context.database, key, context.now_ms).map(|e| bytes_of(e.value()));
    let bytes = looked_at.unwrap_or(0);
    let mut guard = context.lock_with_room(key, namespace, bytes)?;
    let is_free = guard.peek(database, key, context.now_ms).is_none();
    let found = guard.peek(context.database, key, context.now_ms).filter(|_| is_free);
    // What a large collection takes moves along with it, and is not copied.
    let small = |value: ValueRef<'_>| (value.stamp().is_none()).then(|| value.to_owned());
    let Some((small, expires_at_ms)) = found.map(|entry| (small(entry.value()), entry.expires_at_ms())) else {
        context.reply.integer(0);
        return Ok(());
    };
    let expiry = |before| context.expiry_within(namespace, before);
    if let Some(value) = small {
        let expires_at_ms = expiry(expires_at_ms);
        guard.set(database, key, (&value).into(), expires_at_ms, namespace, context.now_ms).map_err(refused)?;
        context.remove(&mut guard, key)?;
    } else {
        let (from, to) = ((context.database, key), (database, key));
        if !guard.move_large(from, to, expiry, namespace, context.now_ms).map_err(refused)? {
            // Making room took it.
            context.reply.integer(0);
            return Ok(());
        }
    }
    if context.node.events.are_watched() {
        context.note(Class::NEW, "new", database, key);
    }
    context.notify(Class::GENERIC, "move_from", key);
    if context.node.events.are_watched() {
        context.note(Class::GENERIC, "move_to", database, key);
    }
    context.reply.integer(1);
    Ok(())
}

/// What Redis would say of a value it was given whole; it says `raw` of one that was ever changed in place.
pub fn object_encoding(context: &mut Context<'_>) -> Result<(), WireError> {
    let key = context.arg(2);
    match context.lock(key).peek(context.database, key, context.now_ms) {
        Some(entry) if entry.value().encoding().is_some() => {
            context.reply.bulk(entry.value().encoding().unwrap_or_default());
        }
        Some(entry) => context.reply.bulk(match string_of(entry.value())? {
            value if parse_integer(value).is_some() => "int",
            value if value.len() <= EMBEDDED_BYTES_MAX => "embstr",
            _ => "raw",
        }),
        None => context.reply.null(),
    }
    Ok(())
}

/// Only where the key's namespace evicts by frequency, as in Redis.
pub fn object_freq(context: &mut Context<'_>) -> Result<(), WireError> {
    let key = context.arg(2);
    let is_lfu = context.namespace(context.namespace_of(key)).eviction == Eviction::Lfu;
    match context.lock(key).peek(context.database, key, context.now_ms) {
        Some(_) if !is_lfu => return Err(other(NOT_LFU)),
        Some(entry) => context.reply.integer(i64::try_from(entry.frequency()).unwrap_or(i64::MAX)),
        None => context.reply.null(),
    }
    Ok(())
}

/// Not where the key's namespace evicts by frequency, as in Redis.
pub fn object_idletime(context: &mut Context<'_>) -> Result<(), WireError> {
    let key = context.arg(2);
    let is_lfu = context.namespace(context.namespace_of(key)).eviction == Eviction::Lfu;
    match context.lock(key).peek(context.database, key, context.now_ms) {
        Some(_) if is_lfu => return Err(other(LFU)),
        Some(entry) => context.reply.integer(i64::try_from(entry.idle_ms(context.now_ms) / 1000).unwrap_or(i64::MAX)),
        None => context.reply.null(),
    }
    Ok(())
}

const NOT_LFU: &str = "An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when \
                       switching between policies at runtime LRU and LFU data will take some time to adjust.";
const LFU: &str = "An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between \
                   policies at runtime LRU and LFU data will take some time to adjust.";

/// A value has one owner: its key.
pub fn object_refcount(context: &mut Context<'_>) -> Result<(), WireError> {
    let key = context.arg(2);
    match context.lock(key).peek(context.database, key, context.now_ms) {
        Some(_) => context.reply.integer(1),
        None => context.reply.null(),
    }
    Ok(())
}

pub fn object_help(context: &mut Context<'_>) -> Result<(), WireError> {
    super::help::of(
        context,
        "OBJECT",
        &[
            ("ENCODING <key>", "Answer Redis's name for how such a value is kept."),
            ("FREQ <key>", "Answer how often <key> was used, where eviction goes by frequency."),
            ("IDLETIME <key>", "Answer for how many seconds <key> was not used."),
            ("REFCOUNT <key>", "Answer how many references the value of <key> has: 1."),
        ],
    );
    Ok(())
}

/// MIGRATE: moving data between nodes is the operator's.
pub fn migrate(_: &mut Context<'_>) -> Result<(), WireError> {
    Err(WireError::UseVerb { what: "MIGRATE".into(), verb: "dcache cluster status -o wide" })
}

#[cfg(test)]
mod tests;
