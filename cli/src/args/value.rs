//! What the values of flags may be, beyond what the parser knows by itself: durations, sizes, rates, versions, `none`.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use dcache_protocol::namespace::{COPIES_MAX, TTL_JITTER_PERCENT_MAX};
use dcache_protocol::size::{parse_duration_ms, parse_size};
use std::time::Duration;

/// A number, or `none`: bytes or milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Maybe(pub Option<u64>);

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    match parse_duration_ms(text)? {
        0 => Err("a duration here is above 0".into()),
        ms => Ok(Duration::from_millis(ms)),
    }
}

/// As builds say theirs: a slip in it would be waited for in vain.
pub(super) fn version(text: &str) -> Result<String, String> {
    let numbers = text.split(['-', '+']).next().unwrap_or_default();
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    match numbers.split('.').count() == 3 && numbers.split('.').all(is_number) {
        true => Ok(text.to_string()),
        false => Err("a version is three numbers, as `dcache --version` says it: 0.2.0".into()),
    }
}

/// Bytes a second; 0: no limit.
pub(super) fn rate(text: &str) -> Result<u64, String> {
    match text {
        "unlimited" => Ok(0),
        _ => parse_size(text.strip_suffix("/s").unwrap_or(text)),
    }
}

/// Microseconds; 0: off.
pub(super) fn guard(text: &str) -> Result<u64, String> {
    match text {
        "off" => Ok(0),
        _ => parse_duration_ms(text).map(|ms| ms.saturating_mul(1000)),
    }
}

/// A size checked here and passed on as text.
pub(super) fn size_text(text: &str) -> Result<String, String> {
    parse_size(text).map(|_| text.to_string())
}

pub(super) fn maybe_size(text: &str) -> Result<Maybe, String> {
    if text == "none" { Ok(Maybe(None)) } else { parse_size(text).map(|bytes| Maybe(Some(bytes))) }
}

pub(super) fn maybe_duration(text: &str) -> Result<Maybe, String> {
    if text == "none" { Ok(Maybe(None)) } else { parse_duration_ms(text).map(|ms| Maybe(Some(ms))) }
}

pub(super) fn maybe_percent(text: &str) -> Result<Maybe, String> {
    if text == "none" {
        return Ok(Maybe(None));
    }
    let percent = text.strip_suffix('%').unwrap_or(text).parse().ok();
    match percent.filter(|percent| (1..=TTL_JITTER_PERCENT_MAX).contains(percent)) {
        Some(percent) => Ok(Maybe(Some(percent))),
        None => Err(format!("use 1 to {TTL_JITTER_PERCENT_MAX} (percent) or none")),
    }
}

pub(super) fn maybe_copies(text: &str) -> Result<Maybe, String> {
    if text == "none" {
        return Ok(Maybe(None));
    }
    match text.parse().ok().filter(|number| *number <= u64::from(COPIES_MAX) + 1) {
        Some(number) => Ok(Maybe(Some(number))),
        None => Err(format!("use a number up to {} or none", COPIES_MAX + 1)),
    }
}

/// One of an enumeration's values, by its name.
pub(super) fn words<T: Copy + Send + Sync + 'static, const N: usize>(
    all: [T; N],
    name: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T> {
    let of = move |word: String| all.into_iter().find(|value| name(*value) == word);
    PossibleValuesParser::new(all.map(name)).try_map(move |word| of(word).ok_or("no such word"))
}
