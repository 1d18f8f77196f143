//! Commands on string values.
//!
//! Each locks its key's slot once, for itself; MSET and MSETNX lock slot after slot and are atomic only within one. A write
//! makes its room before it locks, so that a refused one (`-OOM`) changed nothing. A write without an expiry of its own has
//! its namespace's default; one that changes a value in place (INCR, APPEND, SETRANGE) keeps what the key has.

use super::{Context, string_of as string};
use crate::events::Class;
use crate::number::{Extended, parse_integer};
use dcache_engine::{ENTRY_OVERHEAD, Guard, NamespaceId, ValueRef};
use dcache_protocol::error::WireError;
use dcache_protocol::resp::parse::Args;

/// Longest string value: Redis's default `proto-max-bulk-len`.
pub const STRING_BYTES_MAX: usize = 512 << 20;

/// Room for an integer's digits and sign.
const INTEGER_BYTES: usize = 20;

/// Room for the usual result of INCRBYFLOAT: 17 decimals behind an integer.
const FLOAT_BYTES: usize = 40;

pub fn get(context: &mut Context<'_>) -> Result<(), WireError> {
    let key = context.arg(1);
    let namespace = context.namespace_of(key);
    let mut guard = context.lock(key);
    match context.read(&mut guard, key, namespace) {
        Some(entry) => context.reply.bulk(string(entry.value())?),
        None => context.reply.null(),
    }
    Ok(())
}

pub fn strlen(context: &mut Context<'_>) -> Result<(), WireError> {
    let key = context.arg(1);
    let namespace = context.namespace_of(key);
    let mut guard = context.lock(key);
    let length = match context.read(&mut guard, key, namespace) {
        Some(entry) => string(entry.value())?.len(),
        None => 0,
    };
    context.reply.integer(length as i64);
    Ok(())
}

pub fn getrange(context: &mut Context<'_>) -> Result<(), WireError> {
    let key = context.arg(1);
    let first = parse_integer(context.arg(2)).ok_or(WireError::NotInteger)?;
    let last = parse_integer(context.arg(3)).ok_or(WireError::NotInteger)?;
    let namespace = context.namespace_of(key);
    let mut guard = context.lock(key);
    match context.read(&mut guard, key, namespace) {
        Some(entry) => context.reply.bulk(part(string(entry.value())?, first, last)),
        None => context.reply.bulk(b""),
    }
    Ok(())
}

pub fn substr(context: &mut Context<'_>) -> Result<(), WireError> {
    getrange(context)
}

/// The bytes from `first` to `last`, both counted from the end when negative.
fn part(value: &[u8], first: i64, last: i64) -> &[u8] {
    let length = value.len() as i64;
    if (first < 0 && last < 0 && first > last) || length == 0 {
        return b"";
    }
    let from_end = |index: i64| if index < 0 { index.saturating_add(length).max(0) } else { index };
    let (first, last) = (from_end(first), from_end(last).min(length - 1));
    if first > last { b"" } else { &value[first as usize..=last as usize] }
}

pub fn mget(context: &mut Context<'_>) -> Result<(), WireError> {
    context.reply.array(context.args.len() - 1);
    for key in context.args.iter().skip(1) {
        let namespace = context.namespace_of(key);
        let mut guard = context.lock(key);
        // A key of another type is null here, not an error.
        match context.read(&mut guard, key, namespace).as_ref().map(|entry| string(entry.value())) {
            Some(Ok(value)) => context.reply.bulk(value),
            Some(Err(_)) | None => context.reply.null(),
        }
    }
    Ok(())
}

pub fn set(context: &mut Context<'_>) -> Result<(), WireError> {
    let (key, value) = (context.arg(1), context.arg(2));
    if context.args.len() == 3 {
        store(context, key, value, None)?;
        context.reply.ok();
        return Ok(());
    }
    let options = Options::parse(context.args.from(3), Form::Set)?;
    let asked_ms = options.expiry.at_ms(context.now_ms, "set")?;
    let namespace = context.namespace_of(key);
    let mut guard = context.lock_with_room(key, namespace, value.len())?;
    let before = if options.answers_old {
        context.read(&mut guard, key, namespace)
    } else {
        guard.peek(context.database, key, context.now_ms)
    };
    let is_met = match (&options.condition, &before) {
        (Condition::None, _) | (Condition::Absent, None) | (Condition::Present, Some(_)) => true,
        (Condition::Equal(wanted), Some(entry)) => string(entry.value())? == *wanted,
        _ => false,
    };
    let kept_ms = before.as_ref().map(|entry| entry.expires_at_ms());
    if options.answers_old {
        match &before {
            Some(entry) => context.reply.bulk(string(entry.value())?),
            None => context.reply.null(),
        }
    }
    if is_met {
        let expires_at_ms = match (&options.expiry, kept_ms) {
            (Expiry::Keep, Some(kept_ms)) => kept_ms,
            _ => context.expiry_of_write(namespace, asked_ms),
        };
        put(context, &mut guard, key, value, expires_at_ms, namespace, "set")?;
        if !matches!(options.expiry, Expiry::None | Expiry::Keep) {
            context.notify(Class::GENERIC, "expire", key);
        }
    }
    match (options.answers_old, is_met) {
        (true, _) => {}
        (false, true) => context.reply.ok(),
        (false, false) => context.reply.null(),
    }
    Ok(())
}

pub fn setex(context: &mut Context<'_>) -> Result<(), WireError> {
    set_for(context, Unit::Seconds, "setex")
}

pub fn psetex(context: &mut Context<'_>) -> Result<(), WireError> {
    set_for(context, Unit::Milliseconds, "psetex")
}

fn set_for(context: &mut Context<'_>, unit: Unit, command: &'static str) -> Result<(), WireError> {
    let asked_ms = Expiry::In(unit, context.arg(2)).at_ms(context.now_ms, command)?;
    store(context, context.arg(1), context.arg(3), asked_ms)?;
    context.notify(Class::GENERIC, "expire", context.arg(1));
    context.reply.ok();
    Ok(())
}

pub fn setnx(context: &mut Context<'_>) -> Result<(), WireError> {
    let (key, value) = (context.arg(1), context.arg(2));
    let namespace = context.namespace_of(key);
    let mut guard = context.lock_with_room(key, namespace, value.len())?;
    let is_absent = guard.peek(context.database, key, context.now_ms).is_none();
    if is_absent {
        let expires_at_ms = context.expiry_of_write(namespace, None);
        put(context, &mut guard, key, value, expires_at_ms, namespace, "set")?;
    }
    context.reply.integer(i64::from(is_absent));
    Ok(())
}

pub fn mset(context: &mut Context<'_>) -> Result<(), WireError> {
    for at in (1..context.args.len()).step_by(2) {
        store(context, context.arg(at), context.arg(at + 1), None)?;
    }
    context.reply.ok();
    Ok(())
}

/// All keys in one slot and namespace: nothing comes between the look and the writes. Otherwise, with all of them on this
/// node: key after key, and another client may come between.
pub fn msetnx(context: &mut Context<'_>) -> Result<(), WireError> {
    let args = context.args;
    let arg = move |index| args.get(index).unwrap_or_default();
    let pairs = || (1..args.len()).step_by(2).map(move |at| (arg(at), arg(at + 1)));
    let first = context.arg(1);
    let place = |key: &[u8]| (context.slot_of(key), context.namespace_of(key));
    let is_one_place = pairs().all(|(key, _)| place(key) == place(first));
    let is_taken = |guard: &mut Guard<'_>, key: &[u8]| guard.peek(context.database, key, context.now_ms).is_some();
    if is_one_place {
        let namespace = context.namespace_of(first);
        // The room of all pairs but the first key, which `lock_with_room` counts itself.
        let bytes: usize = pairs().map(|(key, value)| key.len() + value.len() + ENTRY_OVERHEAD as usize).sum();
        let mut guard = context.lock_with_room(first, namespace, bytes)?;
        if pairs().any(|(key, _)| is_taken(&mut guard, key)) {
            context.reply.integer(0);
            return Ok(());
        }
        let expires_at_ms = context.expiry_of_write(namespace, None);
        for (key, value) in pairs() {
            put(context, &mut guard, key, value, expires_at_ms, namespace, "set")?;
        }
    } else {
        if pairs().any(|(key, _)| is_taken(&mut context.lock(key), key)) {
            context.reply.integer(0);
            return Ok(());
        }
        for (key, value) in pairs() {
            store(context, key, value, None)?;
        }
    }
    context.reply.integer(1);
    Ok(())
}

pub fn getset(context: &mut Context<'_>) -> Result<(), WireError> {
    let (key, value) = (context.arg(1), context.arg(2));
    let namespace = context.namespace_of(key);
    let mut guard = context.lock_with_room(key, namespace, value.len())?;
    match context.read(&mut guard, key, namespace) {
        Some(entry) => context.reply.bulk(string(entry.value())?),
        None => context.reply.null(),
    }
    let expires_at_ms = context.expiry_of_write(namespace, None);
    put(context, &mut guard, key, value, expires_at_ms, namespace, "set")?;
    Ok(())
}

pub fn getdel(context: &mut Context<'_>) -> Result<(), WireError> {
    let key = context.arg(1);
    let namespace = context.namespace_of(key);
    let mut guard = context.lock(key);
    match context.read(&mut guard, key, namespace) {
        Some(entry) => context.reply.bulk(string(entry.value())?),
        None => {
            context.reply.null();
            return Ok(());
        }
    }
    context.remove(&mut guard, key)?;
    context.notify(Class::GENERIC, "del", key);
    Ok(())
}

pub fn getex(context: &mut Context<'_>) -> Result<(), WireError> {
    let key = context.arg(1);
    let options = Options::parse(context.args.from(2), Form::Getex)?;
    let namespace = context.namespace_of(key);
    let mut guard = context.lock(key);
    let Some(entry) = context.read(&mut guard, key, namespace) else {
        context.reply.null();
        return Ok(());
    };
    let value = string(entry.value())?;
    // Redis looks at the expiry only once there is a value to give it to.
    let asked_ms = options.expiry.at_ms(context.now_ms, "getex")?;
    context.reply.bulk(value);
    if !matches!(options.expiry, Expiry::None) {
        let expires_at_ms = context.expiry_within(namespace, asked_ms);
        context.expire(&mut guard, key, expires_at_ms)?;
        let event = if expires_at_ms.is_none() { "persist" } else { "expire" };
        context.notify(Class::GENERIC, context.event_of_expiry(expires_at_ms, event), key);
    }
    Ok(())
}

pub fn delifeq(context: &mut Context<'_>) -> Result<(), WireError> {
    let (key, wanted) = (context.arg(1), context.arg(2));
    let mut guard = context.lock(key);
    let is_equal = match guard.peek(context.database, key, context.now_ms) {
        Some(entry) => string(entry.value())? == wanted,
        None => false,
    };
    if is_equal {
        context.remove(&mut guard, key)?;
        context.notify(Class::GENERIC, "del", key);
    }
    context.reply.integer(i64::from(is_equal));
    Ok(())
}

pub fn incr(context: &mut Context<'_>) -> Result<(), WireError> {
    add(context, 1)
}

pub fn decr(context: &mut Context<'_>) -> Result<(), WireError> {
    add(context, -1)
}

pub fn incrby(context: &mut Context<'_>) -> Result<(), WireError> {
    let by = parse_integer(context.arg(2)).ok_or(WireError::NotInteger)?;
    add(context, by)
}

pub fn decrby(context: &mut Context<'_>) -> Result<(), WireError> {
    let by = parse_integer(context.arg(2)).ok_or(WireError::NotInteger)?;
    let by = by.checked_neg().ok_or_else(|| WireError::Other("ERR decrement would overflow".into()))?;
    add(context, by)
}

fn add(context: &mut Context<'_>, by: i64) -> Result<(), WireError> {
    let key = context.arg(1);
    let namespace = context.namespace_of(key);
    let mut guard = context.lock_with_room(key, namespace, INTEGER_BYTES)?;
    let (value, expires_at_ms) = match guard.peek(context.database, key, context.now_ms) {
        Some(entry) => (parse_integer(string(entry.value())?).ok_or(WireError::NotInteger)?, entry.expires_at_ms()),
        None => (0, context.expiry_of_write(namespace, None)),
    };
    let sum = value.checked_add(by).ok_or(WireError::Overflow)?;
    put(context, &mut guard, key, sum.to_string().as_bytes(), expires_at_ms, namespace, "incrby")?;
    context.reply.integer(sum);
    Ok(())
}

pub fn incrbyfloat(context: &mut Context<'_>) -> Result<(), WireError> {
    let key = context.arg(1);
    let namespace = context.namespace_of(key);
    let mut room = FLOAT_BYTES;
    loop {
        let mut guard = context.lock_with_room(key, namespace, room)?;
        let (value, expires_at_ms) = match guard.peek(context.database, key, context.now_ms) {
            Some(entry) => (Some(string(entry.value())?), entry.expires_at_ms()),
            None => (None, context.expiry_of_write(namespace, None)),
        };
        let value = Extended::parse(value.unwrap_or(b"0")).ok_or(WireError::NotFloat)?;
        let by = Extended::parse(context.arg(2)).ok_or(WireError::NotFloat)?;
        let sum = value.plus(by);
        if sum.is_infinite() {
            return Err(WireError::NanOrInfinity);
        }
        let text = sum.to_text();
        if text.len() <= room {
            put(context, &mut guard, key, text.as_bytes(), expires_at_ms, namespace, "incrbyfloat")?;
            context.reply.bulk(text);
            return Ok(());
        }
        // Longer than usual: once more with the room the longest needs.
        room = crate::number::PRINTED_BYTES_MAX;
    }
}

pub fn append(context: &mut Context<'_>) -> Result<(), WireError> {
    let (key, more) = (context.arg(1), context.arg(2));
    let namespace = context.namespace_of(key);
    let mut guard = context.lock_with_room(key, namespace, more.len())?;
    let (value, expires_at_ms) = match guard.peek(context.database, key, context.now_ms) {
        Some(entry) => {
            let value = string(entry.value())?;
            if value.len() + more.len() > STRING_BYTES_MAX {
                return Err(WireError::ValueTooLarge);
            }
            ([value, more].concat(), entry.expires_at_ms())
        }
        None => (more.to_vec(), context.expiry_of_write(namespace, None)),
    };
    let length = value.len();
    put(context, &mut guard, key, &value, expires_at_ms, namespace, "append")?;
    context.reply.integer(length as i64);
    Ok(())
}

pub fn setrange(context: &mut Context<'_>) -> Result<(), WireError> {
    let (key, patch) = (context.arg(1), context.arg(3));
    let offset = parse_integer(context.arg(2)).ok_or(WireError::NotInteger)?;
    let offset = usize::try_from(offset).map_err(|_| WireError::Other("ERR offset is out of range".into()))?;
    let namespace = context.namespace_of(key);
    let length_before = match context.lock(key).peek(context.database, key, context.now_ms) {
        Some(entry) => string(entry.value())?.len(),
        None => 0,
    };
    if patch.is_empty() {
        context.reply.integer(length_before as i64);
        return Ok(());
    }
    let end = offset.saturating_add(patch.len());
    if end > STRING_BYTES_MAX {
        return Err(WireError::ValueTooLarge);
    }
    let mut room = end.saturating_sub(length_before);
    loop {
        let mut guard = context.lock_with_room(key, namespace, room)?;
        let (mut value, expires_at_ms) = match guard.peek(context.database, key, context.now_ms) {
            Some(entry) if end.saturating_sub(string(entry.value())?.len()) <= room => {
                (string(entry.value())?.to_vec(), entry.expires_at_ms())
            }
            None if end <= room => (Vec::new(), context.expiry_of_write(namespace, None)),
            // It became shorter, or was evicted, since its length was read: once more with the room the whole needs.
            _ => {
                room = end;
                continue;
            }
        };
        value.resize(value.len().max(end), 0);
        value[offset..end].copy_from_slice(patch);
        let length = value.len();
        put(context, &mut guard, key, &value, expires_at_ms, namespace, "setrange")?;
        context.reply.integer(length as i64);
        return Ok(());
    }
}

/// Writes a whole new value under its own lock.
fn store(context: &Context<'_>, key: &[u8], value: &[u8], asked_ms: Option<u64>) -> Result<(), WireError> {
    let namespace = context.namespace_of(key);
    let expires_at_ms = context.expiry_of_write(namespace, asked_ms);
    let mut guard = context.lock_with_room(key, namespace, value.len())?;
    put(context, &mut guard, key, value, expires_at_ms, namespace, "set")?;
    Ok(())
}

fn put(
    context: &Context<'_>,
    guard: &mut Guard<'_>,
    key: &[u8],
    value: &[u8],
    expires_at_ms: Option<u64>,
    namespace: NamespaceId,
    event: &'static str,
) -> Result<(), WireError> {
    context.put(guard, key, ValueRef::String(value), expires_at_ms, namespace)?;
    context.notify(Class::STRING, event, key);
    Ok(())
}

/// Whose options are read: each knows some the other does not.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Set,
    Getex,
}

/// What SET and GETEX may be told behind key and value.
struct Options<'a> {
    condition: Condition<'a>,
    /// The reply is the value before.
    answers_old: bool,
    expiry: Expiry<'a>,
}

/// When SET sets.
enum Condition<'a> {
    None,
    Absent,
    Present,
    Equal(&'a [u8]),
}

/// What becomes of the key's expiry. Numbers are not read yet: GETEX reads them only if there is a value.
enum Expiry<'a> {
    /// Not said: SET has the namespace's default, GETEX changes nothing.
    None,
    /// What the key has.
    Keep,
    /// Never.
    Persist,
    /// From now.
    In(Unit, &'a [u8]),
    /// At this Unix time.
    At(Unit, &'a [u8]),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    Seconds,
    Milliseconds,
}

impl<'a> Options<'a> {
    fn parse(args: Args<'a>, form: Form) -> Result<Options<'a>, WireError> {
        let mut options = Options { condition: Condition::None, answers_old: false, expiry: Expiry::None };
        let mut args = args.iter();
        while let Some(word) = args.next() {
            let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
            // Saying the same again is no error in Redis; saying two different things is.
            let (condition, expiry) = (&options.condition, &options.expiry);
            let conditions_free = form == Form::Set && matches!(condition, Condition::None);
            let is_set = form == Form::Set;
            if is("nx") && (conditions_free || is_set && matches!(condition, Condition::Absent)) {
                options.condition = Condition::Absent;
            } else if is("xx") && (conditions_free || is_set && matches!(condition, Condition::Present)) {
                options.condition = Condition::Present;
            } else if is("ifeq") && conditions_free {
                options.condition = Condition::Equal(args.next().ok_or(WireError::Syntax)?);
            } else if is("get") && is_set {
                options.answers_old = true;
            } else if is("keepttl") && is_set && matches!(expiry, Expiry::None | Expiry::Keep) {
                options.expiry = Expiry::Keep;
            } else if is("persist") && !is_set && matches!(expiry, Expiry::None | Expiry::Persist) {
                options.expiry = Expiry::Persist;
            } else {
                let next = expiry.successor(word, args.next().ok_or(WireError::Syntax)?);
                options.expiry = next.ok_or(WireError::Syntax)?;
            }
        }
        Ok(options)
    }
}

impl<'a> Expiry<'a> {
    /// What `EX`, `PX`, `EXAT` or `PXAT` makes of it; none if that is another word, or contradicts what was said before.
    fn successor(&self, word: &[u8], number: &'a [u8]) -> Option<Expiry<'a>> {
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        let next = match () {
            _ if is("ex") => Expiry::In(Unit::Seconds, number),
            _ if is("px") => Expiry::In(Unit::Milliseconds, number),
            _ if is("exat") => Expiry::At(Unit::Seconds, number),
            _ if is("pxat") => Expiry::At(Unit::Milliseconds, number),
            _ => return None,
        };
        let may_follow = match (self, &next) {
            (Expiry::None, _) => true,
            (Expiry::In(said, _), Expiry::In(unit, _)) | (Expiry::At(said, _), Expiry::At(unit, _)) => said == unit,
            _ => false,
        };
        may_follow.then_some(next)
    }

    /// The Unix milliseconds it names, if it names any: above 0 and within `i64`.
    fn at_ms(&self, now_ms: u64, command: &'static str) -> Result<Option<u64>, WireError> {
        let (unit, number, base_ms) = match self {
            Expiry::None | Expiry::Keep | Expiry::Persist => return Ok(None),
            Expiry::In(unit, number) => (unit, number, now_ms),
            Expiry::At(unit, number) => (unit, number, 0),
        };
        let invalid = WireError::InvalidExpire { command };
        let number = parse_integer(number).ok_or(WireError::NotInteger)?;
        let factor = if *unit == Unit::Seconds { 1000 } else { 1 };
        let at_ms = number.checked_mul(factor).filter(|ms| *ms > 0).and_then(|ms| ms.checked_add_unsigned(base_ms));
        Ok(Some(at_ms.ok_or(invalid)?.unsigned_abs()))
    }
}

#[cfg(test)]
mod tests;
