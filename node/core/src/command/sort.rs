//! SORT: elements of a list, a set or a sorted set in another order, by their own values or by those of other keys.
//!
//! Other keys, of BY and GET, are looked at one after the other. Where a cluster's keys are on several nodes their pattern must
//! have a hash tag that leads to the sorted key's slot.

use super::collection::{error, is, parse_bound};
use super::{Context, Door};
use crate::number::parse_integer;
use dcache_engine::Kind;
use dcache_protocol::error::WireError;
use std::cmp::Ordering;

pub fn sort(context: &mut Context<'_>) -> Result<(), WireError> {
    sort_as(context, true)
}

pub fn sort_ro(context: &mut Context<'_>) -> Result<(), WireError> {
    sort_as(context, false)
}

#[derive(Default)]
struct Options<'a> {
    by: Option<&'a [u8]>,
    gets: Vec<&'a [u8]>,
    offset: i64,
    count: Option<i64>,
    is_descending: bool,
    is_alphabetic: bool,
    target: Option<&'a [u8]>,
}

fn parse<'a>(context: &Context<'a>, may_store: bool) -> Result<Options<'a>, WireError> {
    let mut options = Options::default();
    let args = context.args;
    let mut at = 2;
    while let Some(word) = args.get(at) {
        let left = args.len() - at - 1;
        if is(word, "asc") {
            options.is_descending = false;
        } else if is(word, "desc") {
            options.is_descending = true;
        } else if is(word, "alpha") {
            options.is_alphabetic = true;
        } else if is(word, "limit") && left >= 2 {
            let number = |at: usize| args.get(at).and_then(parse_integer).ok_or(WireError::NotInteger);
            (options.offset, options.count) = (number(at + 1)?, Some(number(at + 2)?));
            at += 2;
        } else if is(word, "store") && left >= 1 && may_store {
            options.target = args.get(at + 1);
            at += 1;
        } else if is(word, "by") && left >= 1 {
            options.by = args.get(at + 1);
            if options.by.is_some_and(|pattern| pattern.contains(&b'*')) {
                check_pattern(context, context.arg(at + 1), "BY")?;
            }
            at += 1;
        } else if is(word, "get") && left >= 1 {
            let pattern = context.arg(at + 1);
            if pattern != b"#" {
                check_pattern(context, pattern, "GET")?;
            }
            options.gets.push(pattern);
            at += 1;
        } else {
            return Err(WireError::Syntax);
        }
        at += 1;
    }
    Ok(options)
}

fn check_pattern(context: &Context<'_>, pattern: &[u8], option: &str) -> Result<(), WireError> {
    if context.door != Door::Cluster && context.view.owns_everything() {
        return Ok(());
    }
    let key = pattern.split(|byte| *byte == b'-').next().unwrap_or_default();
    // The slot of what follows from the tag alone, whatever is put in the place of the star.
    let filled =
        |by: u8| context.slot_of(&key.iter().map(|byte| if *byte == b'*' { by } else { *byte }).collect::<Vec<u8>>());
    if filled(b'a') == filled(b'b') && filled(b'a') == context.slot_of(context.arg(1)) {
        return Ok(());
    }
    Err(error(format!(
        "{option} option of SORT denied in cluster mode when keys formed by the pattern may be in different slots."
    )))
}

/// The value of the key that a pattern and an element name: a string, or a field of a hash.
fn looked_up(context: &Context<'_>, pattern: &[u8], element: &[u8]) -> Option<Vec<u8>> {
    if pattern == b"#" {
        return Some(element.to_vec());
    }
    let star = pattern.iter().position(|byte| *byte == b'*')?;
    let arrow = pattern[star + 1..].windows(2).position(|pair| pair == b"->").map(|at| star + 1 + at);
    let field = arrow.map(|at| &pattern[at + 2..]).filter(|field| !field.is_empty());
    let end = if field.is_some() { arrow.unwrap_or(pattern.len()) } else { pattern.len() };
    let key = [&pattern[..star], element, &pattern[star + 1..end]].concat();
    let mut guard = context.lock(&key);
    let value = context.value(&mut guard, &key)?;
    match field {
        Some(field) => value.as_hash(context.now_ms)?.get(field).map(<[u8]>::to_vec),
        None => value.as_string().map(<[u8]>::to_vec),
    }
}

fn sort_as(context: &mut Context<'_>, may_store: bool) -> Result<(), WireError> {
    let options = parse(context, may_store)?;
    let key = context.arg(1);
    let (mut elements, kind): (Vec<Vec<u8>>, Kind) = {
        let mut guard = context.lock(key);
        let mut elements = Vec::new();
        let mut push = |element: &[u8]| {
            elements.push(element.to_vec());
            true
        };
        let kind = match context.value(&mut guard, key) {
            None => Kind::List,
            Some(value) => {
                if let Some(list) = value.as_list() {
                    list.each(0..list.len(), &mut push);
                } else if let Some(set) = value.as_set() {
                    set.each(|element| _ = push(element));
                } else if let Some(set) = value.as_sorted_set() {
                    set.each(0..set.len(), |element, _| push(element));
                } else {
                    return Err(WireError::WrongType);
                }
                value.kind()
            }
        };
        (elements, kind)
    };
    let is_sorted = options.by.is_none_or(|by| by.contains(&b'*'));
    if is_sorted || (kind == Kind::Set && options.target.is_some()) {
        let by = options.by.filter(|_| is_sorted);
        elements = sorted(context, elements, by, options.is_alphabetic || !is_sorted, options.is_descending)?;
    } else if kind == Kind::SortedSet && options.is_descending {
        elements.reverse();
    }
    let offset = usize::try_from(options.offset).unwrap_or(0).min(elements.len());
    let count = options.count.and_then(|count| usize::try_from(count).ok()).unwrap_or(elements.len());
    let shown: Vec<Vec<u8>> = elements.into_iter().skip(offset).take(count).collect();
    let answers: Vec<Option<Vec<u8>>> = match options.gets.is_empty() {
        true => shown.into_iter().map(Some).collect(),
        false => {
            let of = |element: &Vec<u8>| {
                options.gets.iter().map(|pattern| looked_up(context, pattern, element)).collect::<Vec<_>>()
            };
            shown.iter().flat_map(of).collect()
        }
    };
    if let Some(target) = options.target {
        let value = context.build(Kind::List, |list| {
            answers.iter().for_each(|item| list.push_back(item.as_deref().unwrap_or_default()));
        });
        context.store_collection(target, value, "sortstore")?;
        context.reply.integer(answers.len() as i64);
        return Ok(());
    }
    context.reply.array(answers.len());
    for answer in answers {
        match answer {
            Some(answer) => context.reply.bulk(answer),
            None => context.reply.null(),
        }
    }
    Ok(())
}

fn sorted(
    context: &Context<'_>,
    elements: Vec<Vec<u8>>,
    by: Option<&[u8]>,
    is_alphabetic: bool,
    is_descending: bool,
) -> Result<Vec<Vec<u8>>, WireError> {
    let weight = |element: &Vec<u8>| match by {
        Some(pattern) => looked_up(context, pattern, element),
        None => Some(element.clone()),
    };
    let direct = |ordering: Ordering| if is_descending { ordering.reverse() } else { ordering };
    if is_alphabetic {
        let mut weighed: Vec<(Option<Vec<u8>>, Vec<u8>)> =
            elements.into_iter().map(|element| (weight(&element), element)).collect();
        weighed.sort_by(|one, other| direct(one.0.cmp(&other.0)));
        return Ok(weighed.into_iter().map(|found| found.1).collect());
    }
    let number = |element: Vec<u8>| {
        let score = match weight(&element) {
            Some(text) => parse_bound(&text).filter(|score| score.is_finite() || !text.iter().any(u8::is_ascii_digit)),
            None => Some(0.0),
        };
        Some((score?, element))
    };
    let weighed: Option<Vec<(f64, Vec<u8>)>> = elements.into_iter().map(number).collect();
    let mut weighed = weighed.ok_or_else(|| error("One or more scores can't be converted into double"))?;
    weighed.sort_by(|one, other| {
        direct(one.0.partial_cmp(&other.0).unwrap_or(Ordering::Equal).then_with(|| one.1.cmp(&other.1)))
    });
    Ok(weighed.into_iter().map(|found| found.1).collect())
}
