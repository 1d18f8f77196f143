//! `MEMORY`: what a key is charged, and what the node's memory went to.

use super::info::human;
use super::{Context, function};
use crate::number::parse_integer;
use dcache_protocol::error::WireError;

/// Strings are not sampled, so SAMPLES changes nothing; it is checked as Redis does.
pub fn memory_usage(context: &mut Context<'_>) -> Result<(), WireError> {
    let key = context.arg(2);
    let mut words = context.args.iter().skip(3);
    while let Some(word) = words.next() {
        let samples = words.next().filter(|_| word.eq_ignore_ascii_case(b"samples")).ok_or(WireError::Syntax)?;
        if parse_integer(samples).ok_or(WireError::NotInteger)? < 0 {
            return Err(WireError::Syntax);
        }
    }
    match context.lock(key).peek(context.database, key, context.now_ms) {
        Some(entry) => context.reply.integer(i64::try_from(entry.charged_bytes()).unwrap_or(i64::MAX)),
        None => context.reply.null(),
    }
    Ok(())
}

/// Bytes of one field of `MEMORY STATS`.
pub fn memory_stats(context: &mut Context<'_>) -> Result<(), WireError> {
    let node = context.node;
    let (used, resident) = (node.engine().used_bytes(), node.resident_bytes());
    let peak = node.note_peak(used);
    let keys = node.items();
    let scripts = node.scripts.cache.lock().bytes() as u64;
    let functions = function::bytes(&context.view.metadata.libraries);
    let integers = [
        ("peak.allocated", peak),
        ("total.allocated", used),
        ("startup.allocated", 0),
        ("replication.backlog", 0),
        ("clients.slaves", 0),
        ("clients.normal", node.buffer_bytes()),
        ("cluster.links", 0),
        ("aof.buffer", 0),
        ("lua.caches", scripts),
        ("functions.caches", functions),
        ("overhead.total", node.buffer_bytes()),
        ("keys.count", keys),
        ("keys.bytes-per-key", used / keys.max(1)),
        ("dataset.bytes", used),
    ];
    let doubles = [
        ("dataset.percentage", 100.0),
        ("peak.percentage", used as f64 * 100.0 / peak.max(1) as f64),
        ("fragmentation", resident as f64 / used.max(1) as f64),
    ];
    context.reply.map(integers.len() + doubles.len() + 1);
    for (field, value) in integers {
        context.reply.bulk(field);
        context.reply.integer(i64::try_from(value).unwrap_or(i64::MAX));
    }
    for (field, value) in doubles {
        context.reply.bulk(field);
        context.reply.double(value);
    }
    context.reply.bulk("fragmentation.bytes");
    context.reply.integer(resident as i64 - used as i64);
    Ok(())
}

pub fn memory_doctor(context: &mut Context<'_>) -> Result<(), WireError> {
    let node = context.node;
    let (used, limit, resident) = (node.engine().used_bytes(), node.engine().limit_bytes(), node.resident_bytes());
    let mut text = format!(
        "{} of {} are taken by keys and tables, {} are resident.\n",
        human(used),
        human(limit),
        human(resident)
    );
    if used >= limit / 100 * 95 {
        text += "The limit is reached: writes evict, as namespaces say (dcache namespace list).\n";
    }
    if resident > used + used / 2 && resident > 256 << 20 {
        text += "Much more is resident than keys take: look at client buffers (INFO memory, mem_clients_normal).\n";
    }
    context.reply.verbatim("txt", &text);
    Ok(())
}

/// What is not used is given back as it falls free; there is nothing to hasten.
pub fn memory_purge(context: &mut Context<'_>) -> Result<(), WireError> {
    context.reply.ok();
    Ok(())
}

pub fn memory_malloc_stats(context: &mut Context<'_>) -> Result<(), WireError> {
    context
        .reply
        .verbatim("txt", "Entries and tables are kept in pages of the node's own: MEMORY STATS tells of them.\n");
    Ok(())
}

pub fn memory_help(context: &mut Context<'_>) -> Result<(), WireError> {
    let usage = ("USAGE <key> [SAMPLES <count>]", "Answer the bytes <key> is charged; <count> changes nothing.");
    super::help::of(
        context,
        "MEMORY",
        &[
            ("DOCTOR", "Return memory problems reports."),
            ("MALLOC-STATS", "Say where entries are kept."),
            ("PURGE", "Does nothing: memory is given back as it falls free."),
            ("STATS", "Return information about the memory usage of the node."),
            usage,
        ],
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::command::Door;
    use crate::fixture::Cluster;

    #[test]
    fn memory_usage_is_what_the_key_is_charged() {
        let cluster = Cluster::new(1);
        let client = &mut cluster.client(0, Door::Gateway);
        // A header of 7 bytes, one more for a length above 255, and 10 of a table.
        client.say("SET a 1");
        assert_eq!(client.say("MEMORY USAGE a"), ":19\r\n");
        client.say(&format!("SET a {}", "x".repeat(1000)));
        assert_eq!(client.say("memory usage a samples 5"), ":1019\r\n");
    }
}
