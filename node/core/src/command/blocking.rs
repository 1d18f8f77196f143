//! Commands that wait when there is nothing: each does what its like without a `B` does, and says what it would wait for.
//!
//! Whether its client may wait, and how it is served, is in [`crate::blocking`]. Here the reply is written as for one that may not.

use super::collection::{error, parse_double, when};
use super::list::{self, End};
use super::{Context, sorted_set};
use crate::blocking::Wish;
use dcache_engine::Kind;
use dcache_protocol::error::WireError;
use std::time::Duration;

/// What a timeout in milliseconds may not reach.
const MS_MAX: f64 = 9_223_372_036_854_775_807.0;

/// A timeout in seconds, as Redis reads it. None: for ever.
pub(super) fn timeout_of(text: &[u8]) -> Result<Option<Duration>, WireError> {
    let seconds = parse_double(text).ok_or_else(|| error("timeout is not a float or out of range"))?;
    let ms = (seconds * 1000.0).ceil();
    if ms >= MS_MAX {
        return Err(error("timeout is out of range"));
    }
    if ms < 0.0 {
        return Err(error("timeout is negative"));
    }
    Ok((ms > 0.0).then(|| Duration::from_millis(ms as u64)))
}

impl Context<'_> {
    /// Until when a request waits whose timeout this is.
    pub fn until(&self, text: &[u8]) -> Result<Option<Duration>, WireError> {
        let Some(timeout) = timeout_of(text)? else { return Ok(None) };
        // The end of Redis's clock, which counts from 1970.
        let ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        let ends = self.now_ms.checked_add(ms).and_then(|end| i64::try_from(end).ok());
        ends.ok_or_else(|| error("timeout is out of range"))?;
        Ok(self.node.now().checked_add(timeout))
    }

    /// There is nothing at these keys: the client waits, if it may, for values of this kind.
    pub fn wait_for(&mut self, kind: Kind, keys: &[&[u8]], until: Option<Duration>) {
        let keys = keys.iter().map(|key| Box::from(*key)).collect();
        self.client.wish = Some(Box::new(Wish { kind, keys, until, when_gone: false, request: None }));
    }
}

/// `key [key ...] timeout`: pops from the first key that has anything, or waits for them. `pop` says whether it answered.
fn pop_first(
    context: &mut Context<'_>,
    kind: Kind,
    pop: impl Fn(&mut Context<'_>, &[u8]) -> Result<bool, WireError>,
) -> Result<(), WireError> {
    let until = context.until(context.arg(context.args.len() - 1))?;
    let keys: Vec<&[u8]> = context.args.iter().take(context.args.len() - 1).skip(1).collect();
    for key in &keys {
        if pop(context, key)? {
            return Ok(());
        }
    }
    context.reply.null_array();
    context.wait_for(kind, &keys, until);
    Ok(())
}

fn pop(context: &mut Context<'_>, end: End) -> Result<(), WireError> {
    pop_first(context, Kind::List, |context, key| {
        let tells = |popped: &Vec<Vec<u8>>| when(!popped.is_empty(), end.popped());
        let popped = context.shrink(key, Kind::List, tells, |list| Ok(end.pop(list, 1)))?;
        let Some(item) = popped.first() else { return Ok(false) };
        context.reply.array(2);
        context.reply.bulk(key);
        context.reply.bulk(item);
        Ok(true)
    })
}

pub fn blpop(context: &mut Context<'_>) -> Result<(), WireError> {
    pop(context, End::Left)
}

pub fn brpop(context: &mut Context<'_>) -> Result<(), WireError> {
    pop(context, End::Right)
}

fn move_item(context: &mut Context<'_>, from: End, to: End, until: Option<Duration>) -> Result<(), WireError> {
    if !list::move_item(context, from, to)? {
        context.wait_for(Kind::List, &[context.arg(1)], until);
    }
    Ok(())
}

pub fn blmove(context: &mut Context<'_>) -> Result<(), WireError> {
    let (from, to) = (End::parse(context.arg(3))?, End::parse(context.arg(4))?);
    let until = context.until(context.arg(5))?;
    move_item(context, from, to, until)
}

pub fn brpoplpush(context: &mut Context<'_>) -> Result<(), WireError> {
    let until = context.until(context.arg(3))?;
    move_item(context, End::Right, End::Left, until)
}

pub fn blmpop(context: &mut Context<'_>) -> Result<(), WireError> {
    let until = context.until(context.arg(1))?;
    if let Some(keys) = list::pop_first(context, 2)? {
        context.wait_for(Kind::List, &keys, until);
    }
    Ok(())
}

fn pop_scored(context: &mut Context<'_>, is_highest: bool) -> Result<(), WireError> {
    pop_first(context, Kind::SortedSet, |context, key| {
        let popped = sorted_set::take_ends(context, key, 1, is_highest)?.pop();
        let Some((member, score)) = popped else { return Ok(false) };
        context.reply.array(3);
        context.reply.bulk(key);
        context.reply.bulk(member);
        context.reply.double(score);
        Ok(true)
    })
}

pub fn bzpopmin(context: &mut Context<'_>) -> Result<(), WireError> {
    pop_scored(context, false)
}

pub fn bzpopmax(context: &mut Context<'_>) -> Result<(), WireError> {
    pop_scored(context, true)
}

pub fn bzmpop(context: &mut Context<'_>) -> Result<(), WireError> {
    let until = context.until(context.arg(1))?;
    if let Some(keys) = sorted_set::pop_first(context, 2)? {
        context.wait_for(Kind::SortedSet, &keys, until);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read_as_redis_reads_them() {
        let said = |text: &str| match timeout_of(text.as_bytes()) {
            Ok(timeout) => format!("{timeout:?}"),
            Err(error) => error.to_string(),
        };
        for (text, expected) in [
            ("0", "None"),
            ("-0", "None"),
            ("1", "Some(1s)"),
            ("0.001", "Some(1ms)"),
            ("0.0001", "Some(1ms)"),
            ("1e3", "Some(1000s)"),
            ("0x10", "Some(16s)"),
            ("-0.0001", "None"),
            ("-1", "ERR timeout is negative"),
            ("-inf", "ERR timeout is negative"),
            ("inf", "ERR timeout is out of range"),
            ("9223372036854775807", "ERR timeout is out of range"),
            ("", "ERR timeout is not a float or out of range"),
            ("nan", "ERR timeout is not a float or out of range"),
            (" 1", "ERR timeout is not a float or out of range"),
            ("1 ", "ERR timeout is not a float or out of range"),
            ("1s", "ERR timeout is not a float or out of range"),
            ("1e400", "ERR timeout is not a float or out of range"),
        ] {
            assert_eq!(said(text), expected, "{text:?}");
        }
    }
}
