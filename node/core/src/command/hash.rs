//! Commands on hashes, and on the expiry of their fields (Redis 7.4's HEXPIRE and its kin, Redis 8's HGETEX, HSETEX, HGETDEL).
//!
//! A field whose time has come is not there, wherever it is asked for. What a change leaves of a field's expiry: HSET takes it
//! away, HINCRBY and HINCRBYFLOAT keep it.

use super::Context;
use super::collection::{Names, Walk, distinct, error, is, parse_draws, room, when};
use crate::number::{Extended, TEXT_BYTES_MAX, parse_integer};
use dcache_engine::{Edit, HashRef, Kind};
use dcache_protocol::error::WireError;
use dcache_protocol::resp::parse::Args;
use dcache_protocol::resp::reply::Version;

/// A field expires before this, Unix milliseconds, as in Redis.
const EXPIRY_MAX_MS: i64 = (1 << 46) - 1;

fn hash_of(edit: &Edit) -> HashRef<'_> {
    edit.value().as_hash(edit.now_ms()).expect("an edit of a hash has one")
}

pub fn hset(context: &mut Context<'_>) -> Result<(), WireError> {
    let added = put_pairs(context)?;
    context.reply.integer(added);
    Ok(())
}

pub fn hmset(context: &mut Context<'_>) -> Result<(), WireError> {
    put_pairs(context)?;
    context.reply.ok();
    Ok(())
}

fn put_pairs(context: &Context<'_>) -> Result<i64, WireError> {
    let args = context.args;
    if !args.len().is_multiple_of(2) {
        let command = super::find(args).map_or("hset", |command| command.name);
        return Err(WireError::WrongArity { command: command.into() });
    }
    context.edit(
        context.arg(1),
        Kind::Hash,
        room(args.iter().skip(2)),
        |_| &["hset"],
        |hash| {
            let put = |at: usize| hash.put_field(&args[at], &args[at + 1], None);
            Ok((2..args.len()).step_by(2).map(put).filter(|is_new| *is_new).count() as i64)
        },
    )
}

pub fn hsetnx(context: &mut Context<'_>) -> Result<(), WireError> {
    let (field, value) = (context.arg(2), context.arg(3));
    let is_set = context.edit(
        context.arg(1),
        Kind::Hash,
        room([field, value].into_iter()),
        |is_set| when(*is_set, &["hset"]),
        |hash| {
            let is_absent = hash_of(hash).get(field).is_none();
            if is_absent {
                hash.put_field(field, value, None);
            }
            Ok(is_absent)
        },
    )?;
    context.reply.integer(i64::from(is_set));
    Ok(())
}

pub fn hget(context: &mut Context<'_>) -> Result<(), WireError> {
    let (key, field) = (context.arg(1), context.arg(2));
    let mut guard = context.lock(key);
    match context.hash(&mut guard, key)?.and_then(|hash| hash.get(field)) {
        Some(value) => context.reply.bulk(value),
        None => context.reply.null(),
    }
    Ok(())
}

pub fn hmget(context: &mut Context<'_>) -> Result<(), WireError> {
    let key = context.arg(1);
    let mut guard = context.lock(key);
    let hash = context.hash(&mut guard, key)?;
    context.reply.array(context.args.len() - 2);
    for field in context.args.iter().skip(2) {
        match hash.and_then(|hash| hash.get(field)) {
            Some(value) => context.reply.bulk(value),
            None => context.reply.null(),
        }
    }
    Ok(())
}

pub fn hgetall(context: &mut Context<'_>) -> Result<(), WireError> {
    let key = context.arg(1);
    let mut guard = context.lock(key);
    let hash = context.hash(&mut guard, key)?;
    context.reply.map(hash.map_or(0, |hash| hash.len()));
    if let Some(hash) = hash {
        hash.each(|field, value| {
            context.reply.bulk(field);
            context.reply.bulk(value);
        });
    }
    Ok(())
}

pub fn hkeys(context: &mut Context<'_>) -> Result<(), WireError> {
    let key = context.arg(1);
    let mut guard = context.lock(key);
    let hash = context.hash(&mut guard, key)?;
    context.reply.array(hash.map_or(0, |hash| hash.len()));
    hash.into_iter().for_each(|hash| hash.each(|field, _| context.reply.bulk(field)));
    Ok(())
}

pub fn hvals(context: &mut Context<'_>) -> Result<(), WireError> {
    let key = context.arg(1);
    let mut guard = context.lock(key);
    let hash = context.hash(&mut guard, key)?;
    context.reply.array(hash.map_or(0, |hash| hash.len()));
    hash.into_iter().for_each(|hash| hash.each(|_, value| context.reply.bulk(value)));
    Ok(())
}

pub fn hlen(context: &mut Context<'_>) -> Result<(), WireError> {
    let key = context.arg(1);
    let mut guard = context.lock(key);
    let length = context.hash(&mut guard, key)?.map_or(0, |hash| hash.len());
    context.reply.integer(length as i64);
    Ok(())
}

pub fn hexists(context: &mut Context<'_>) -> Result<(), WireError> {
    let (key, field) = (context.arg(1), context.arg(2));
    let mut guard = context.lock(key);
    let is_there = context.hash(&mut guard, key)?.is_some_and(|hash| hash.get(field).is_some());
    context.reply.integer(i64::from(is_there));
    Ok(())
}

pub fn hstrlen(context: &mut Context<'_>) -> Result<(), WireError> {
    let (key, field) = (context.arg(1), context.arg(2));
    let mut guard = context.lock(key);
    let length = context.hash(&mut guard, key)?.and_then(|hash| hash.get(field)).map_or(0, <[u8]>::len);
    context.reply.integer(length as i64);
    Ok(())
}

pub fn hdel(context: &mut Context<'_>) -> Result<(), WireError> {
    context.remove_each(Kind::Hash, &["hdel"], Edit::remove_field)
}

pub fn hincrby(context: &mut Context<'_>) -> Result<(), WireError> {
    let field = context.arg(2);
    let by = parse_integer(context.arg(3)).ok_or(WireError::NotInteger)?;
    let sum = context.edit(
        context.arg(1),
        Kind::Hash,
        room([field].into_iter()),
        |_| &["hincrby"],
        |hash| {
            let (value, expires_at_ms) = match hash_of(hash).find(field) {
                Some((text, expires_at_ms)) => {
                    (parse_integer(text).ok_or_else(|| error("hash value is not an integer"))?, expires_at_ms)
                }
                None => (0, None),
            };
            let sum = value.checked_add(by).ok_or(WireError::Overflow)?;
            hash.put_field(field, sum.to_string().as_bytes(), expires_at_ms);
            Ok(sum)
        },
    )?;
    context.reply.integer(sum);
    Ok(())
}

pub fn hincrbyfloat(context: &mut Context<'_>) -> Result<(), WireError> {
    let field = context.arg(2);
    let by = Extended::parse(context.arg(3)).ok_or(WireError::NotFloat)?;
    if by.is_infinite() {
        return Err(error("value is NaN or Infinity"));
    }
    let sum = context.edit(
        context.arg(1),
        Kind::Hash,
        room([field].into_iter()) + TEXT_BYTES_MAX,
        |_| &["hincrbyfloat"],
        |hash| {
            let (value, expires_at_ms) = match hash_of(hash).find(field) {
                Some((text, expires_at_ms)) => {
                    (Extended::parse(text).ok_or_else(|| error("hash value is not a float"))?, expires_at_ms)
                }
                None => (Extended::parse(b"0").ok_or(WireError::NotFloat)?, None),
            };
            let sum = value.plus(by);
            if sum.is_infinite() {
                return Err(WireError::NanOrInfinity);
            }
            let text = sum.to_text();
            hash.put_field(field, text.as_bytes(), expires_at_ms);
            Ok(text)
        },
    )?;
    context.reply.bulk(sum);
    Ok(())
}

pub fn hscan(context: &mut Context<'_>) -> Result<(), WireError> {
    let walk = Walk::from(context.args)?;
    let key = context.arg(1);
    let mut guard = context.lock(key);
    let hash = context.hash(&mut guard, key)?;
    let walk = if hash.is_some() { walk.with_options(context.args, true)? } else { walk };
    walk.answer(&mut context.reply, |walk, visit| hash.map_or(0, |hash| hash.walk(walk.cursor, walk.count, visit)));
    Ok(())
}

pub fn hrandfield(context: &mut Context<'_>) -> Result<(), WireError> {
    let key = context.arg(1);
    let has_count = context.args.len() > 2;
    let has_values = context.args.len() == 4 && is(context.arg(3), "withvalues");
    let count = if has_count { parse_draws(context.arg(2), has_values)? } else { 1 };
    if context.args.len() > 4 || (context.args.len() == 4 && !has_values) {
        return Err(WireError::Syntax);
    }
    let mut dice = context.dice();
    let mut guard = context.lock(key);
    let Some(hash) = context.hash(&mut guard, key)? else {
        match has_count {
            true => context.reply.array(0),
            false => context.reply.null(),
        }
        return Ok(());
    };
    if !has_count {
        match hash.draw(&mut dice) {
            Some((field, _)) => context.reply.bulk(field),
            None => context.reply.null(),
        }
        return Ok(());
    }
    let drawn: Vec<(&[u8], &[u8])> = match usize::try_from(count) {
        Ok(count) if count >= hash.len() => all_of(hash),
        Ok(count) => {
            let all = all_of(hash);
            distinct(count, all.len(), &mut dice).into_iter().map(|place| all[place]).collect()
        }
        Err(_) => {
            // Looked up once, for what may be drawn many times.
            let all = all_of(hash);
            (0..count.unsigned_abs()).map(|_| all[(dice() % all.len() as u64) as usize]).collect()
        }
    };
    let is_nested = has_values && context.reply.version() == Version::Resp3;
    context.reply.array(if has_values && !is_nested { drawn.len() * 2 } else { drawn.len() });
    for (field, value) in drawn {
        if is_nested {
            context.reply.array(2);
        }
        context.reply.bulk(field);
        if has_values {
            context.reply.bulk(value);
        }
    }
    Ok(())
}

fn all_of(hash: HashRef<'_>) -> Vec<(&[u8], &[u8])> {
    let mut all = Vec::with_capacity(hash.len());
    hash.each(|field, value| all.push((field, value)));
    all
}

/// The fields behind `FIELDS n` at a place: as many as it says, `width` arguments each.
fn fields_at<'a>(args: Args<'a>, at: usize, width: usize) -> Result<Vec<&'a [u8]>, WireError> {
    if !args.get(at).is_some_and(|word| is(word, "fields")) {
        return Err(error("Mandatory argument FIELDS is missing or not at the right position"));
    }
    let count = args.get(at + 1).and_then(parse_integer).filter(|count| *count > 0);
    let count = count.ok_or_else(|| error("Parameter `numFields` should be greater than 0"))?;
    let given: Vec<&[u8]> = args.iter().skip(at + 2).collect();
    match usize::try_from(count).ok().and_then(|count| count.checked_mul(width)) == Some(given.len()) {
        true => Ok(given),
        false => Err(error("The `numfields` parameter must match the number of arguments")),
    }
}

/// When a field expires that is to last until, or for, a time in a unit.
fn field_expiry(number: &[u8], unit_ms: i64, base_ms: u64, command: &'static str) -> Result<u64, WireError> {
    let number = parse_integer(number).ok_or(WireError::NotInteger)?;
    if number < 0 {
        return Err(error("invalid expire time, must be >= 0"));
    }
    let at_ms = number.checked_mul(unit_ms).and_then(|ms| ms.checked_add_unsigned(base_ms));
    let at_ms = at_ms.filter(|at| *at <= EXPIRY_MAX_MS).ok_or(WireError::InvalidExpire { command })?;
    Ok(at_ms.unsigned_abs())
}

pub fn hexpire(context: &mut Context<'_>) -> Result<(), WireError> {
    expire_fields(context, 1000, context.now_ms, "hexpire")
}

pub fn hpexpire(context: &mut Context<'_>) -> Result<(), WireError> {
    expire_fields(context, 1, context.now_ms, "hpexpire")
}

pub fn hexpireat(context: &mut Context<'_>) -> Result<(), WireError> {
    expire_fields(context, 1000, 0, "hexpireat")
}

pub fn hpexpireat(context: &mut Context<'_>) -> Result<(), WireError> {
    expire_fields(context, 1, 0, "hpexpireat")
}

const NO_FIELD: i64 = -2;
const NO_EXPIRY: i64 = -1;

fn expire_fields(
    context: &mut Context<'_>,
    unit_ms: i64,
    base_ms: u64,
    command: &'static str,
) -> Result<(), WireError> {
    let condition = context.arg(3);
    let condition = ["nx", "xx", "gt", "lt"].into_iter().find(|word| is(condition, word));
    let at_ms = field_expiry(context.arg(2), unit_ms, base_ms, command)?;
    let fields = fields_at(context.args, if condition.is_some() { 4 } else { 3 }, 1)?;
    let now_ms = context.now_ms;
    let tells = |results: &Vec<i64>| match () {
        _ if results.contains(&2) => &["hdel"][..],
        _ if results.contains(&1) => &["hexpire"],
        _ => &[],
    };
    let results: Vec<i64> = context.edit(context.arg(1), Kind::Hash, fields.len() * 72, tells, |hash| {
        let set = |field: &&[u8]| {
            let Some((value, present)) = hash_of(hash).find(field) else { return NO_FIELD };
            let is_met = match condition {
                Some("nx") => present.is_none(),
                Some("xx") => present.is_some(),
                Some("gt") => present.is_some_and(|present| at_ms > present),
                Some("lt") => present.is_none_or(|present| at_ms < present),
                _ => true,
            };
            if !is_met {
                return 0;
            }
            if at_ms <= now_ms {
                hash.remove_field(field);
                return 2;
            }
            let value = value.to_vec();
            hash.put_field(field, &value, Some(at_ms));
            1
        };
        Ok(fields.iter().map(set).collect())
    })?;
    context.reply.array(results.len());
    results.into_iter().for_each(|result| context.reply.integer(result));
    Ok(())
}

pub fn httl(context: &mut Context<'_>) -> Result<(), WireError> {
    let now_ms = context.now_ms;
    expiry_of_fields(context, |at| at.saturating_sub(now_ms).div_ceil(1000))
}

pub fn hpttl(context: &mut Context<'_>) -> Result<(), WireError> {
    let now_ms = context.now_ms;
    expiry_of_fields(context, |at| at.saturating_sub(now_ms))
}

pub fn hexpiretime(context: &mut Context<'_>) -> Result<(), WireError> {
    expiry_of_fields(context, |at| at.div_ceil(1000))
}

pub fn hpexpiretime(context: &mut Context<'_>) -> Result<(), WireError> {
    expiry_of_fields(context, |at| at)
}

fn expiry_of_fields(context: &mut Context<'_>, show: impl Fn(u64) -> u64) -> Result<(), WireError> {
    let fields = fields_at(context.args, 2, 1)?;
    let key = context.arg(1);
    let mut guard = context.lock(key);
    let hash = context.hash(&mut guard, key)?;
    context.reply.array(fields.len());
    for field in fields {
        context.reply.integer(match hash.and_then(|hash| hash.find(field)) {
            None => NO_FIELD,
            Some((_, None)) => NO_EXPIRY,
            Some((_, Some(at))) => show(at) as i64,
        });
    }
    Ok(())
}

pub fn hpersist(context: &mut Context<'_>) -> Result<(), WireError> {
    let fields = fields_at(context.args, 2, 1)?;
    let tells = |results: &Vec<i64>| when(results.contains(&1), &["hpersist"]);
    let results: Vec<i64> = context.shrink(context.arg(1), Kind::Hash, tells, |hash| {
        let persist = |field: &&[u8]| match hash_of(hash).find(field) {
            None => NO_FIELD,
            Some((_, None)) => NO_EXPIRY,
            Some((value, Some(_))) => {
                let value = value.to_vec();
                hash.put_field(field, &value, None);
                1
            }
        };
        Ok(fields.iter().map(persist).collect())
    })?;
    context.reply.array(results.len());
    results.into_iter().for_each(|result| context.reply.integer(result));
    Ok(())
}

/// What HGETEX and HSETEX are told of fields' expiries, and where their fields begin.
struct Lasting {
    expires_at_ms: Option<u64>,
    persists: bool,
    keeps: bool,
    condition: Option<&'static str>,
    fields_at: usize,
}

impl Lasting {
    fn parse(context: &Context<'_>, sets: bool) -> Result<Lasting, WireError> {
        let command = if sets { "hsetex" } else { "hgetex" };
        let mut lasting = Lasting {
            expires_at_ms: None,
            persists: false,
            keeps: false,
            condition: None,
            fields_at: context.args.len(),
        };
        let mut at = 2;
        while let Some(word) = context.args.get(at) {
            let is_free = lasting.expires_at_ms.is_none() && !lasting.persists && !lasting.keeps;
            let units = [("ex", 1000, context.now_ms), ("px", 1, context.now_ms), ("exat", 1000, 0), ("pxat", 1, 0)];
            if is(word, "fields") {
                lasting.fields_at = at;
                break;
            } else if let Some((_, unit_ms, base_ms)) = units.into_iter().find(|unit| is(word, unit.0) && is_free) {
                let number = context.args.get(at + 1).ok_or(WireError::Syntax)?;
                lasting.expires_at_ms = Some(field_expiry(number, unit_ms, base_ms, command)?);
                at += 1;
            } else if is(word, "persist") && !sets && is_free {
                lasting.persists = true;
            } else if is(word, "keepttl") && sets && is_free {
                lasting.keeps = true;
            } else if let Some(condition) =
                ["fnx", "fxx"].into_iter().find(|condition| sets && is(word, condition) && lasting.condition.is_none())
            {
                lasting.condition = Some(condition);
            } else {
                return Err(error(format!("unknown argument: {}", String::from_utf8_lossy(word))));
            }
            at += 1;
        }
        Ok(lasting)
    }
}

pub fn hgetex(context: &mut Context<'_>) -> Result<(), WireError> {
    let lasting = Lasting::parse(context, false)?;
    let fields = fields_at(context.args, lasting.fields_at, 1)?;
    let now_ms = context.now_ms;
    let tells = |(_, names): &(Vec<Option<Vec<u8>>>, Names)| *names;
    let (values, _) = context.edit(context.arg(1), Kind::Hash, fields.len() * 72, tells, |hash| {
        let mut names: Names = &[];
        let get = |field: &&[u8]| {
            let (value, present) = hash_of(hash).find(field)?;
            let value = value.to_vec();
            match lasting.expires_at_ms {
                Some(at) if at <= now_ms => {
                    hash.remove_field(field);
                    names = &["hdel"];
                }
                Some(at) => {
                    hash.put_field(field, &value, Some(at));
                    names = &["hexpire"];
                }
                None if lasting.persists && present.is_some() => {
                    hash.put_field(field, &value, None);
                    names = &["hpersist"];
                }
                None => {}
            }
            Some(value)
        };
        Ok((fields.iter().map(get).collect(), names))
    })?;
    answer_values(context, values);
    Ok(())
}

fn answer_values(context: &mut Context<'_>, values: Vec<Option<Vec<u8>>>) {
    context.reply.array(values.len());
    for value in values {
        match value {
            Some(value) => context.reply.bulk(value),
            None => context.reply.null(),
        }
    }
}

pub fn hsetex(context: &mut Context<'_>) -> Result<(), WireError> {
    let lasting = Lasting::parse(context, true)?;
    let pairs = fields_at(context.args, lasting.fields_at, 2)?;
    let now_ms = context.now_ms;
    let tells = |is_set: &bool| match lasting.expires_at_ms {
        _ if !is_set => &[][..],
        Some(at) if at <= now_ms => &["hset", "hdel"],
        Some(_) => &["hset", "hexpire"],
        None => &["hset"],
    };
    let is_set = context.edit(context.arg(1), Kind::Hash, room(pairs.iter().copied()), tells, |hash| {
        let is_there = |pair: &[&[u8]]| hash_of(hash).get(pair[0]).is_some();
        let is_met = match lasting.condition {
            Some("fnx") => !pairs.chunks(2).any(is_there),
            Some(_) => pairs.chunks(2).all(is_there),
            None => true,
        };
        if is_met {
            for pair in pairs.chunks(2) {
                let kept = if lasting.keeps { hash_of(hash).find(pair[0]).and_then(|found| found.1) } else { None };
                match lasting.expires_at_ms.or(kept) {
                    Some(at) if at <= now_ms => _ = hash.remove_field(pair[0]),
                    expires_at_ms => _ = hash.put_field(pair[0], pair[1], expires_at_ms),
                }
            }
        }
        Ok(is_met)
    })?;
    context.reply.integer(i64::from(is_set));
    Ok(())
}

pub fn hgetdel(context: &mut Context<'_>) -> Result<(), WireError> {
    let fields = fields_at(context.args, 2, 1)?;
    let tells = |values: &Vec<Option<Vec<u8>>>| when(values.iter().any(Option::is_some), &["hdel"]);
    let values = context.shrink(context.arg(1), Kind::Hash, tells, |hash| {
        let take = |field: &&[u8]| {
            let value = hash_of(hash).get(field).map(<[u8]>::to_vec);
            value.is_some().then(|| hash.remove_field(field));
            value
        };
        Ok(fields.iter().map(take).collect())
    })?;
    answer_values(context, values);
    Ok(())
}
