//! LCS: the longest common subsequence of two strings. Left out: everything else about strings.

use super::Context;
use super::collection::{Kept, error, is};
use crate::number::parse_integer;
use dcache_protocol::error::WireError;

/// Lengths of common subsequences that are looked at, at most: time and memory go with the product of both lengths.
const CELLS_MAX: usize = 32 << 20;

pub fn lcs(context: &mut Context<'_>) -> Result<(), WireError> {
    let (mut wants_length, mut wants_places, mut has_lengths, mut least) = (false, false, false, 0);
    let mut words = context.args.iter().skip(3);
    let mut texts: Vec<Vec<u8>> = Vec::new();
    let mut kept = Kept::new();
    for key in [context.arg(1), context.arg(2)] {
        texts.push(match context.value(kept.of(context, key), key) {
            Some(value) => {
                let text = value.as_string();
                text.ok_or_else(|| error("The specified keys must contain string values"))?.to_vec()
            }
            None => Vec::new(),
        });
    }
    drop(kept);
    while let Some(word) = words.next() {
        match word {
            _ if is(word, "len") => wants_length = true,
            _ if is(word, "idx") => wants_places = true,
            _ if is(word, "withmatchlen") => has_lengths = true,
            _ if is(word, "minmatchlen") && words.len() > 0 => {
                let number = parse_integer(words.next().unwrap_or_default()).ok_or(WireError::NotInteger)?;
                least = usize::try_from(number).unwrap_or(0);
            }
            _ => return Err(WireError::Syntax),
        }
    }
    if wants_length && wants_places {
        return Err(error("If you want both the length and indexes, please just use IDX."));
    }
    let (a, b) = (&texts[0], &texts[1]);
    let width = b.len() + 1;
    if (a.len() + 1).checked_mul(width).is_none_or(|cells| cells > CELLS_MAX) {
        return Err(error("Insufficient memory, failed allocating transient memory, string too long for LCS"));
    }
    let mut lengths = vec![0u32; (a.len() + 1) * width];
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            lengths[i * width + j] = match a[i - 1] == b[j - 1] {
                true => lengths[(i - 1) * width + j - 1] + 1,
                false => lengths[(i - 1) * width + j].max(lengths[i * width + j - 1]),
            };
        }
    }
    let length = lengths[a.len() * width + b.len()];
    if wants_length {
        context.reply.integer(i64::from(length));
        return Ok(());
    }
    let (mut common, mut matches) = (Vec::new(), Vec::new());
    let (mut i, mut j) = (a.len(), b.len());
    // Where the present run begins in both, and its length.
    let mut run: Option<(usize, usize, usize)> = None;
    while i > 0 && j > 0 {
        if a[i - 1] == b[j - 1] {
            (i, j) = (i - 1, j - 1);
            common.push(a[i]);
            run = Some(run.map_or((i, j, 1), |(.., length)| (i, j, length + 1)));
        } else {
            matches.extend(run.take());
            if lengths[(i - 1) * width + j] > lengths[i * width + j - 1] {
                i -= 1;
            } else {
                j -= 1;
            }
        }
    }
    matches.extend(run);
    if !wants_places {
        common.reverse();
        context.reply.bulk(common);
        return Ok(());
    }
    matches.retain(|found| found.2 >= least);
    let reply = &mut context.reply;
    reply.map(2);
    reply.bulk("matches");
    reply.array(matches.len());
    for (in_a, in_b, length) in matches {
        reply.array(2 + usize::from(has_lengths));
        for first in [in_a, in_b] {
            reply.array(2);
            reply.integer(first as i64);
            reply.integer((first + length - 1) as i64);
        }
        if has_lengths {
            reply.integer(length as i64);
        }
    }
    reply.bulk("len");
    reply.integer(i64::from(length));
    Ok(())
}
