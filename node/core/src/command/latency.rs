//! `SLOWLOG`, `COMMANDLOG` and `LATENCY`: this node's requests that stood out, and how long each command takes.

use super::{COMMANDS, Context, lookup, lookup_subcommand};
use crate::number::parse_integer;
use crate::slow::{Entry, Log};
use crate::stats::Latencies;
use dcache_protocol::error::WireError;
use std::time::Duration;

fn other(text: impl Into<String>) -> WireError {
    WireError::Other(text.into())
}

/// `SLOWLOG GET [count]`; -1: all.
pub fn slowlog_get(context: &mut Context<'_>) -> Result<(), WireError> {
    let most = match context.args.get(2) {
        None => 10,
        Some(count) => parse_integer(count).unwrap_or(-2),
    };
    if context.args.len() > 3 {
        return Err(super::unknown_subcommand_or_arity("SLOWLOG", context.arg(1)));
    }
    if most < -1 {
        return Err(other("ERR count should be greater than or equal to -1"));
    }
    show(context, Log::Slow, most);
    Ok(())
}

fn show(context: &mut Context<'_>, log: Log, most: i64) {
    let entries = context.node.slow.entries(log, usize::try_from(most).unwrap_or(usize::MAX));
    context.reply.array(entries.len());
    for Entry { id, unix_seconds, value, args, remote, name } in entries {
        context.reply.array(6);
        for number in [id, unix_seconds, value] {
            context.reply.integer(i64::try_from(number).unwrap_or(i64::MAX));
        }
        context.reply.array(args.len());
        args.iter().for_each(|arg| context.reply.bulk(arg));
        context.reply.bulk(remote);
        context.reply.bulk(name);
    }
}

pub fn slowlog_len(context: &mut Context<'_>) -> Result<(), WireError> {
    context.reply.integer(context.node.slow.len(Log::Slow) as i64);
    Ok(())
}

pub fn slowlog_reset(context: &mut Context<'_>) -> Result<(), WireError> {
    context.node.slow.clear(Log::Slow);
    context.reply.ok();
    Ok(())
}

pub fn slowlog_help(context: &mut Context<'_>) -> Result<(), WireError> {
    super::help::of(
        context,
        "SLOWLOG",
        &[
            ("GET [<count>]", "Return top <count> entries from the slowlog (default: 10, -1 mean all)."),
            ("LEN", "Return the length of the slowlog."),
            ("RESET", "Reset the slowlog."),
        ],
    );
    Ok(())
}

fn log_of(word: &[u8]) -> Result<Log, WireError> {
    let found = Log::ALL.into_iter().find(|log| word.eq_ignore_ascii_case(log.name().as_bytes()));
    found.ok_or_else(|| other("ERR type should be one of the following: slow, large-request, large-reply"))
}

pub fn commandlog_get(context: &mut Context<'_>) -> Result<(), WireError> {
    let most = parse_integer(context.arg(2)).ok_or(WireError::NotInteger)?;
    if most < -1 {
        return Err(other("ERR count should be greater than or equal to -1"));
    }
    let log = log_of(context.arg(3))?;
    show(context, log, most);
    Ok(())
}

pub fn commandlog_len(context: &mut Context<'_>) -> Result<(), WireError> {
    context.reply.integer(context.node.slow.len(log_of(context.arg(2))?) as i64);
    Ok(())
}

pub fn commandlog_reset(context: &mut Context<'_>) -> Result<(), WireError> {
    context.node.slow.clear(log_of(context.arg(2))?);
    context.reply.ok();
    Ok(())
}

pub fn commandlog_help(context: &mut Context<'_>) -> Result<(), WireError> {
    super::help::of(
        context,
        "COMMANDLOG",
        &[
            (
                "GET <count> <type>",
                "Return top <count> entries of the specified <type> from the commandlog (-1 mean all).",
            ),
            ("LEN <type>", "Return the length of the specified type of commandlog."),
            ("RESET <type>", "Reset the specified type of commandlog."),
        ],
    );
    Ok(())
}

pub fn latency_latest(context: &mut Context<'_>) -> Result<(), WireError> {
    let latencies = context.node.slow.latencies();
    context.reply.array(latencies.len());
    for (kind, latency) in latencies {
        let (at, ms) = latency.samples.back().copied().unwrap_or_default();
        context.reply.array(4);
        context.reply.bulk(kind);
        for number in [at, ms, latency.worst_ms] {
            context.reply.integer(i64::try_from(number).unwrap_or(i64::MAX));
        }
    }
    Ok(())
}

pub fn latency_history(context: &mut Context<'_>) -> Result<(), WireError> {
    let latencies = context.node.slow.latencies();
    let asked = latencies.iter().find(|(kind, _)| kind.as_bytes() == context.arg(2));
    let samples = asked.map(|(_, latency)| latency.samples.clone()).unwrap_or_default();
    context.reply.array(samples.len());
    for (at, ms) in samples {
        context.reply.array(2);
        context.reply.integer(i64::try_from(at).unwrap_or(i64::MAX));
        context.reply.integer(i64::try_from(ms).unwrap_or(i64::MAX));
    }
    Ok(())
}

pub fn latency_reset(context: &mut Context<'_>) -> Result<(), WireError> {
    let kinds: Vec<&[u8]> = context.args.iter().skip(2).collect();
    context.reply.integer(context.node.slow.forget_latencies(&kinds) as i64);
    Ok(())
}

/// A line for each sample, oldest first, as long as it took.
pub fn latency_graph(context: &mut Context<'_>) -> Result<(), WireError> {
    const WIDTH: u64 = 60;
    let latencies = context.node.slow.latencies();
    let asked = latencies.iter().find(|(kind, _)| kind.as_bytes() == context.arg(2));
    let Some((kind, latency)) = asked else {
        let name = String::from_utf8_lossy(context.arg(2)).into_owned();
        return Err(other(format!("ERR No samples available for event '{name}'")));
    };
    let mut text = format!("{kind} - high {} ms (all time high {} ms)\n", most_of(latency), latency.worst_ms);
    for (at, ms) in &latency.samples {
        let length = (ms * WIDTH / most_of(latency).max(1)) as usize;
        text += &format!("{at} {ms:>6} ms {}\n", "#".repeat(length.max(1)));
    }
    context.reply.verbatim("txt", &text);
    Ok(())
}

fn most_of(latency: &crate::slow::Latency) -> u64 {
    latency.samples.iter().map(|(_, ms)| *ms).max().unwrap_or(0)
}

pub fn latency_doctor(context: &mut Context<'_>) -> Result<(), WireError> {
    let bound = context.node.slow.latency_bound_ms();
    let latencies = context.node.slow.latencies();
    let mut text = String::new();
    if bound == 0 {
        text += "Latency is not watched on this node: CONFIG SET latency-monitor-threshold <milliseconds> has it watched.\n";
    } else if latencies.is_empty() {
        text += &format!("Nothing took {bound} ms or longer since that is watched.\n");
    }
    for (kind, latency) in &latencies {
        let count = latency.samples.len() as u64;
        let mean = latency.samples.iter().map(|(_, ms)| *ms).sum::<u64>() / count.max(1);
        text += &format!(
            "{kind}: {count} samples of {bound} ms or longer, mean {mean} ms, longest {} ms. SLOWLOG GET shows the requests.\n",
            latency.worst_ms
        );
    }
    context.reply.verbatim("txt", &text);
    Ok(())
}

/// `LATENCY HISTOGRAM [command ...]`: for each command that was called, its calls by powers of two of microseconds.
pub fn latency_histogram(context: &mut Context<'_>) -> Result<(), WireError> {
    let names: Vec<&[u8]> = context.args.iter().skip(2).collect();
    let is_asked = |command: &super::Command| {
        names.is_empty()
            || names.iter().any(|name| {
                let mut parts = name.splitn(2, |byte| *byte == b'|');
                let container = parts.next().and_then(lookup);
                let found = match (container, parts.next()) {
                    (Some(container), Some(own)) => lookup_subcommand(container, own),
                    (container, _) => container,
                };
                // A container means all its subcommands.
                found.is_some_and(|found| {
                    found.id == command.id || found.is_container && command.container() == Some(found.name)
                })
            })
    };
    let stats = context.node.stats();
    let of = |command: &'static super::Command| Some((command, stats.latencies(usize::from(command.id))?));
    let asked: Vec<(&super::Command, Latencies)> = COMMANDS.iter().filter(|row| is_asked(row)).filter_map(of).collect();
    context.reply.map(asked.len());
    for (command, latencies) in asked {
        let bounds: Vec<Duration> = (0..36).map(|power| Duration::from_micros(1 << power)).collect();
        let mut cumulative: Vec<(u64, u64)> =
            (0..36).map(|power| 1 << power).zip(latencies.cumulative(&bounds)).collect();
        cumulative.dedup_by_key(|(_, count)| *count);
        cumulative.retain(|(_, count)| *count > 0);
        let total = latencies.count();
        context.reply.bulk(command.name);
        context.reply.map(2);
        context.reply.bulk("calls");
        context.reply.integer(total as i64);
        context.reply.bulk("histogram_usec");
        context.reply.map(cumulative.len());
        for (us, count) in cumulative {
            context.reply.integer(us as i64);
            context.reply.integer(count as i64);
        }
    }
    Ok(())
}

pub fn latency_help(context: &mut Context<'_>) -> Result<(), WireError> {
    super::help::of(
        context,
        "LATENCY",
        &[
            ("DOCTOR", "Return a human readable latency analysis report."),
            ("GRAPH <event>", "Return an ASCII latency graph for the <event> class."),
            ("HISTORY <event>", "Return time-latency samples for the <event> class."),
            ("LATEST", "Return the latest latency samples for all events."),
            ("RESET [<event> ...]", "Reset latency data of one or more <event> classes."),
            ("HISTOGRAM [COMMAND ...]", "Return a cumulative distribution of latencies in the format of a histogram."),
        ],
    );
    Ok(())
}

#[cfg(test)]
mod tests;
