//! Several nodes' replies become one: encoded replies in, one encoded reply out. Elements are moved, never decoded.
//!
//! The first error among the replies is the reply. What other nodes send is trusted to be theirs but not to be well formed:
//! anything else than what was asked for is an error, not a panic.

use super::split::{CURSOR_BITS, next_cursor};
use crate::Node;
use crate::command::{Gather, Merge};
use crate::view::View;
use dcache_protocol::error::WireError;
use dcache_protocol::resp::reply::{Reply, Version};
use dcache_protocol::resp::value::skip_value;

/// Writes one node's `SCAN` page with the cluster's cursor in place of its own.
pub(super) fn scanned(
    view: &View,
    tag: u16,
    page: &[u8],
    version: Version,
    out: &mut Vec<u8>,
) -> Result<(), WireError> {
    if page.first() == Some(&b'-') {
        out.extend_from_slice(page);
        return Ok(());
    }
    let (cursor, keys) = split_page(page).filter(|(cursor, _)| *cursor < 1 << CURSOR_BITS).ok_or_else(malformed)?;
    let cursor = match cursor {
        0 => next_cursor(&view.owners_by_tag(), tag),
        own => u64::from(tag) << CURSOR_BITS | own,
    };
    write_page(cursor, keys, version, out);
    Ok(())
}

pub(super) fn write_page(cursor: u64, keys: &[u8], version: Version, out: &mut Vec<u8>) {
    let mut reply = Reply::new(out, version);
    reply.array(2);
    reply.bulk(cursor.to_string().as_bytes());
    out.extend_from_slice(keys);
}

/// A page without keys.
pub(super) fn empty_array() -> [u8; 4] {
    *b"*0\r\n"
}

/// Cursor and encoded keys of a `SCAN` reply.
fn split_page(page: &[u8]) -> Option<(u64, &[u8])> {
    let rest = page.strip_prefix(b"*2\r\n")?;
    let length = skip_value(rest).ok()??;
    let (cursor, keys) = rest.split_at_checked(length)?;
    let digits = cursor.strip_prefix(b"$")?.split(|&b| b == b'\n').nth(1)?;
    let cursor = std::str::from_utf8(digits).ok()?.trim_end().parse().ok()?;
    let is_whole = keys.starts_with(b"*") && skip_value(keys) == Ok(Some(keys.len()));
    is_whole.then_some((cursor, keys))
}

/// Makes one reply of the replies to a split request's pieces, each with its keys' places in the client's request.
pub(super) fn merged(
    merge: Merge,
    pieces: &[(&[usize], &[u8])],
    version: Version,
    out: &mut Vec<u8>,
) -> Result<(), WireError> {
    let answers = pieces.iter().map(|(_, reply)| *reply);
    if let Some(error) = answers.clone().find(|reply| reply.first() == Some(&b'-')) {
        out.extend_from_slice(error);
        return Ok(());
    }
    match merge {
        Merge::Sum => write_sum(answers, version, out),
        Merge::Ok => {
            Reply::new(out, version).ok();
            Ok(())
        }
        Merge::InOrder => {
            let total = pieces.iter().map(|(places, _)| places.len()).sum();
            let mut elements: Vec<&[u8]> = vec![&[]; total];
            for (places, reply) in pieces {
                let mut rest = elements_of(reply, places.len()).ok_or_else(malformed)?;
                for &place in *places {
                    let length = skip_value(rest).ok().flatten().ok_or_else(malformed)?;
                    let (element, after) = rest.split_at_checked(length).ok_or_else(malformed)?;
                    *elements.get_mut(place).ok_or_else(malformed)? = element;
                    rest = after;
                }
            }
            Reply::new(out, version).array(total);
            elements.iter().for_each(|element| out.extend_from_slice(element));
            Ok(())
        }
    }
}

/// Makes one reply of all nodes' replies.
pub(super) fn gathered(
    node: &Node,
    gather: Gather,
    answers: &[Vec<u8>],
    version: Version,
    out: &mut Vec<u8>,
) -> Result<(), WireError> {
    if gather == Gather::AnyOk {
        let is_ok = |reply: &&Vec<u8>| reply.starts_with(b"+");
        let tells_most = |reply: &&Vec<u8>| reply.starts_with(b"-UNKILLABLE");
        let found = answers.iter().find(is_ok).or_else(|| answers.iter().find(tells_most)).or(answers.first());
        out.extend_from_slice(found.ok_or_else(malformed)?);
        return Ok(());
    }
    if let Some(error) = answers.iter().find(|reply| reply.first() == Some(&b'-')) {
        out.extend_from_slice(error);
        return Ok(());
    }
    match gather {
        Gather::Sum => write_sum(answers.iter().map(Vec::as_slice), version, out),
        Gather::Ok => {
            Reply::new(out, version).ok();
            Ok(())
        }
        Gather::Concat => {
            let is_whole = |reply: &[u8]| skip_value(reply) == Ok(Some(reply.len()));
            let counted = |reply: &Vec<u8>| read_length(reply, b'*').filter(|_| is_whole(reply));
            let counts: Option<Vec<(usize, usize)>> = answers.iter().map(counted).collect();
            let counts = counts.ok_or_else(malformed)?;
            Reply::new(out, version).array(counts.iter().map(|(count, _)| count).sum());
            for (reply, (_, header)) in answers.iter().zip(counts) {
                out.extend_from_slice(&reply[header..]);
            }
            Ok(())
        }
        Gather::Any => {
            let found: Vec<&Vec<u8>> = answers.iter().filter(|reply| !is_null(reply)).collect();
            match found.len() {
                0 => Reply::new(out, version).null(),
                count => out.extend_from_slice(found[(node.random() % count as u64) as usize]),
            }
            Ok(())
        }
        Gather::Most => {
            let of = |reply: &Vec<u8>| -> Option<Vec<usize>> {
                let (count, header) = read_length(reply, b'*')?;
                let mut rest = reply.get(header..)?;
                let mut numbers = Vec::new();
                for _ in 0..count {
                    let (number, length) = read_length(rest, b':')?;
                    numbers.push(number);
                    rest = rest.get(length..)?;
                }
                Some(numbers)
            };
            let columns: Option<Vec<Vec<usize>>> = answers.iter().map(of).collect();
            let columns = columns.ok_or_else(malformed)?;
            let count = columns.first().map_or(0, Vec::len);
            let mut reply = Reply::new(out, version);
            reply.array(count);
            for place in 0..count {
                let most = columns.iter().filter_map(|column| column.get(place)).max().copied().unwrap_or(0);
                reply.integer(i64::try_from(most).unwrap_or(i64::MAX));
            }
            Ok(())
        }
        Gather::Cursor | Gather::AnyOk => Err(malformed()),
    }
}

fn write_sum<'a>(
    answers: impl Iterator<Item = &'a [u8]>,
    version: Version,
    out: &mut Vec<u8>,
) -> Result<(), WireError> {
    let numbers: Option<Vec<usize>> = answers.map(|reply| Some(read_length(reply, b':')?.0)).collect();
    let sum: usize = numbers.ok_or_else(malformed)?.iter().sum();
    Reply::new(out, version).integer(i64::try_from(sum).unwrap_or(i64::MAX));
    Ok(())
}

/// What follows an array's header, when it announces `count` elements.
fn elements_of(reply: &[u8], count: usize) -> Option<&[u8]> {
    let (length, header) = read_length(reply, b'*')?;
    (length == count).then(|| &reply[header..])
}

/// The number of a first line such as `*3` or `:7`, and the line's length with its end.
fn read_length(reply: &[u8], kind: u8) -> Option<(usize, usize)> {
    let end = reply.iter().position(|&b| b == b'\r')?;
    let (&first, digits) = reply[..end].split_first()?;
    let number = std::str::from_utf8(digits).ok()?.parse().ok()?;
    (first == kind && reply.get(end + 1) == Some(&b'\n')).then_some((number, end + 2))
}

fn is_null(reply: &[u8]) -> bool {
    reply.starts_with(b"_") || reply.starts_with(b"$-1")
}

/// Only another build of dcache on the other side could cause this.
fn malformed() -> WireError {
    WireError::Other(
        "ERR another node answered in a form this one does not understand; are both of one version?".into(),
    )
}
