//! Commands about the node as a server: `INFO`, `CONFIG`, `DBSIZE`, `FLUSHDB`, `TIME` and the like.
//!
//! `INFO` has Redis's sections and field names, since clients and exporters parse them, and only fields whose value is known
//! here; a section of its own has the figures per namespace. All figures are this node's, on both doors. `CONFIG SET` changes
//! nothing: what can change is changed by operators, for the whole cluster, and the error names the verb.

use super::{COMMANDS, Context, Door};
use crate::glob::{self, Case};
use crate::number;
use crate::stats::{CommandTotals, Latencies};
use dcache_protocol::control::Traffic;
use dcache_protocol::error::WireError;
use dcache_protocol::namespace::DATABASES;
use dcache_protocol::resp::parse::Limits;
use dcache_protocol::size::parse_size;
use dcache_protocol::{NodeRecord, REDIS_VERSION, Slot, VERSION};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Totals at the last `CONFIG RESETSTAT`; `INFO` shows what came after. Reports and metrics never go back.
#[derive(Debug, Default)]
pub(crate) struct InfoBase {
    traffic: Traffic,
    connections: u64,
    rejected: u64,
    commands: BTreeMap<u16, (CommandTotals, Option<Latencies>)>,
    errors: BTreeMap<Box<str>, u64>,
}

type WriteSection = fn(&Context<'_>, &mut Lines);

/// The sections, in the order they are shown, and whether `INFO` alone shows them.
const SECTIONS: &[(&str, bool, WriteSection)] = &[
    ("Server", true, server_section),
    ("Clients", true, clients_section),
    ("Memory", true, memory_section),
    ("Persistence", true, persistence_section),
    ("Stats", true, stats_section),
    ("Replication", true, replication_section),
    ("Commandstats", false, commandstats_section),
    ("Errorstats", true, errorstats_section),
    ("Latencystats", false, latencystats_section),
    ("Cluster", true, cluster_section),
    ("Keyspace", true, keyspace_section),
    ("Namespaces", true, namespaces_section),
];

/// `field:value` lines.
struct Lines(String);

impl Lines {
    fn add(&mut self, field: &str, value: impl std::fmt::Display) {
        write!(self.0, "{field}:{value}\r\n").expect("a String takes everything");
    }
}

/// `INFO [section ...]`; `all` and `everything` show every section, unknown names none.
pub fn info(context: &mut Context<'_>) -> Result<(), WireError> {
    let asked: Vec<&[u8]> = context.args.iter().skip(1).collect();
    let asks = |name: &str| asked.iter().any(|arg| arg.eq_ignore_ascii_case(name.as_bytes()));
    let everything = asks("all") || asks("everything");
    let defaults = asked.is_empty() || asks("default");
    let mut lines = Lines(String::new());
    for (name, is_default, write) in SECTIONS {
        if everything || defaults && *is_default || asks(name) {
            let separator = if lines.0.is_empty() { "" } else { "\r\n" };
            write!(lines.0, "{separator}# {name}\r\n").expect("a String takes everything");
            write(context, &mut lines);
        }
    }
    context.reply.verbatim("txt", &lines.0);
    Ok(())
}

fn my_record<'a>(context: &Context<'a>) -> Option<&'a NodeRecord> {
    context.view.metadata.nodes.get(&context.view.me)
}

/// Host and port of the door the client came through.
fn my_address<'a>(context: &Context<'a>) -> (&'a str, &'a str) {
    let address = my_record(context).map_or("", |record| match context.door {
        Door::Gateway => record.addresses.gateway.as_str(),
        Door::Cluster | Door::Peer => record.addresses.cluster.as_str(),
    });
    address.rsplit_once(':').unwrap_or((address, "0"))
}

fn server_section(context: &Context<'_>, lines: &mut Lines) {
    let record = my_record(context);
    let uptime = context.node.uptime().as_secs();
    let run_id =
        record.map_or(context.view.me.redis_id(), |record| dcache_protocol::NodeId(record.incarnation.0).redis_id());
    lines.add("redis_version", REDIS_VERSION);
    lines.add("dcache_version", VERSION);
    lines.add("redis_mode", if context.door == Door::Gateway { "standalone" } else { "cluster" });
    lines.add("os", std::env::consts::OS);
    lines.add("arch_bits", usize::BITS);
    lines.add("process_id", context.node.config().process_id);
    lines.add("run_id", run_id);
    lines.add("tcp_port", my_address(context).1);
    lines.add("server_time_usec", context.now_ms.saturating_mul(1000));
    lines.add("uptime_in_seconds", uptime);
    lines.add("uptime_in_days", uptime / 86_400);
    lines.add("io_threads_active", u8::from(context.node.config().workers > 1));
    lines.add("dcache_workers", context.node.config().workers);
    lines.add("dcache_node", record.map_or("", |record| record.name.as_str()));
    lines.add("dcache_cluster", &context.view.metadata.name);
    lines.add("availability_zone", record.map_or("", |record| record.zone.as_str()));
}

fn clients_section(context: &Context<'_>, lines: &mut Lines) {
    lines.add("connected_clients", context.node.clients().count());
    lines.add("maxclients", context.node.clients().limit());
    lines.add("blocked_clients", 0);
    lines.add("tracking_clients", 0);
}

fn memory_section(context: &Context<'_>, lines: &mut Lines) {
    let used = context.node.engine().used_bytes();
    let resident = context.node.resident_bytes();
    let limit = context.node.engine().limit_bytes();
    lines.add("used_memory", used);
    lines.add("used_memory_human", human(used));
    lines.add("used_memory_rss", resident);
    lines.add("used_memory_rss_human", human(resident));
    lines.add("used_memory_dataset", used);
    lines.add("maxmemory", limit);
    lines.add("maxmemory_human", human(limit));
    lines.add("maxmemory_policy", policy(context));
    lines.add("mem_fragmentation_ratio", format_args!("{:.2}", resident as f64 / used.max(1) as f64));
    lines.add("mem_clients_normal", context.node.buffer_bytes());
}

/// The default namespace's, in Redis's words.
fn policy(context: &Context<'_>) -> &'static str {
    context.view.namespace(dcache_engine::NamespaceId(0)).eviction.redis_policy()
}

/// As Redis writes bytes for people: `1.50M`.
fn human(bytes: u64) -> String {
    let units = [(40, "T"), (30, "G"), (20, "M"), (10, "K")];
    match units.iter().find(|(shift, _)| bytes >> shift > 0) {
        Some((shift, unit)) => format!("{:.2}{unit}", bytes as f64 / (1u64 << shift) as f64),
        None => format!("{bytes}B"),
    }
}

/// Nothing is written to disk, so nothing is ever loading or saving.
fn persistence_section(_: &Context<'_>, lines: &mut Lines) {
    for field in ["loading", "async_loading", "rdb_bgsave_in_progress", "aof_enabled", "aof_rewrite_in_progress"] {
        lines.add(field, 0);
    }
}

fn stats_section(context: &Context<'_>, lines: &mut Lines) {
    let node = context.node;
    let base = node.info_base.lock();
    let now = node.traffic();
    let recent = node.history().lock().windows().into_iter().next().unwrap_or_default();
    let since = |of: fn(&Traffic) -> u64| of(&now).saturating_sub(of(&base.traffic));
    lines.add("total_connections_received", node.clients().total().saturating_sub(base.connections));
    lines.add("total_commands_processed", since(|t| t.commands));
    lines.add("instantaneous_ops_per_sec", recent.ops_per_second.round() as u64);
    lines.add("total_net_input_bytes", since(|t| t.bytes_in));
    lines.add("total_net_output_bytes", since(|t| t.bytes_out));
    lines.add("instantaneous_input_kbps", format_args!("{:.2}", recent.bytes_in_per_second / 1024.0));
    lines.add("instantaneous_output_kbps", format_args!("{:.2}", recent.bytes_out_per_second / 1024.0));
    lines.add("rejected_connections", node.clients().rejected().saturating_sub(base.rejected));
    lines.add("expired_keys", since(|t| t.expirations));
    lines.add("evicted_keys", since(|t| t.evictions));
    lines.add("keyspace_hits", since(|t| t.hits));
    lines.add("keyspace_misses", since(|t| t.misses));
    lines.add("total_error_replies", since(|t| t.errors));
    lines.add("dcache_forwarded", since(|t| t.forwarded));
    lines.add("dcache_forward_errors", since(|t| t.forward_errors));
    lines.add("dcache_copy_reads", since(|t| t.copy_reads));
    lines.add("dcache_served_for_peers", since(|t| t.served_for_peers));
}

/// Copies are dcache's own business and are not shown: every node is a master without replicas.
fn replication_section(context: &Context<'_>, lines: &mut Lines) {
    lines.add("role", "master");
    lines.add("connected_slaves", 0);
    lines.add("master_failover_state", "no-failover");
    lines.add("master_replid", context.view.me.redis_id());
    lines.add("master_repl_offset", 0);
    lines.add("second_repl_offset", -1);
    lines.add("repl_backlog_active", 0);
}

fn commandstats_section(context: &Context<'_>, lines: &mut Lines) {
    let base = context.node.info_base.lock();
    for command in &COMMANDS {
        let before = base.commands.get(&command.id).map(|(totals, _)| *totals).unwrap_or_default();
        let totals = context.node.stats().command(usize::from(command.id)).since(before);
        if totals.received() > 0 {
            let microseconds = totals.nanoseconds as f64 / 1000.0;
            let value = format_args!(
                "calls={},usec={:.0},usec_per_call={:.2},rejected_calls={},failed_calls={}",
                totals.calls,
                microseconds,
                microseconds / totals.calls.max(1) as f64,
                totals.rejected,
                totals.failed,
            );
            write!(lines.0, "cmdstat_{}:{value}\r\n", command.name).expect("a String takes everything");
        }
    }
}

fn latencystats_section(context: &Context<'_>, lines: &mut Lines) {
    let base = context.node.info_base.lock();
    for command in &COMMANDS {
        let Some(mut latencies) = context.node.stats().latencies(usize::from(command.id)) else { continue };
        if let Some((_, Some(before))) = base.commands.get(&command.id) {
            latencies = latencies.since(before);
        }
        if latencies.count() > 0 {
            let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|quantile| latencies.quantile_us(quantile));
            write!(lines.0, "latency_percentiles_usec_{}:p50={p50:.3},p99={p99:.3},p99.9={p999:.3}\r\n", command.name)
                .expect("a String takes everything");
        }
    }
}

fn errorstats_section(context: &Context<'_>, lines: &mut Lines) {
    let base = context.node.info_base.lock();
    for (word, count) in context.node.stats().errors() {
        let count = count.saturating_sub(base.errors.get(&word).copied().unwrap_or(0));
        if count > 0 {
            write!(lines.0, "errorstat_{word}:count={count}\r\n").expect("a String takes everything");
        }
    }
}

fn cluster_section(context: &Context<'_>, lines: &mut Lines) {
    lines.add("cluster_enabled", u8::from(context.door != Door::Gateway));
}

fn keyspace_section(context: &Context<'_>, lines: &mut Lines) {
    for database in 0..DATABASES {
        let keys = served_keys(context, database);
        if keys > 0 {
            // Those of copies are among them: of the keys served there are at most so many.
            let expires = context.node.engine().count_expiring(database).min(keys);
            write!(lines.0, "db{database}:keys={keys},expires={expires},avg_ttl=0\r\n")
                .expect("a String takes everything");
        }
    }
}

/// One line a namespace, as `Keyspace` has one a database.
fn namespaces_section(context: &Context<'_>, lines: &mut Lines) {
    for figures in context.node.namespace_figures() {
        let max = figures.memory_max_bytes.unwrap_or(0);
        let policy = figures.chosen.first().map_or(figures.eviction, |choice| choice.policy);
        let value = format_args!(
            "items={},stored_bytes={},bytes={},max_bytes={max},hits={},misses={},sets={},deletes={},evictions={},expirations={},refused={},eviction={},policy={policy}",
            figures.items,
            figures.stored_bytes,
            figures.memory_used_bytes,
            figures.hits,
            figures.misses,
            figures.sets,
            figures.deletes,
            figures.evictions,
            figures.expirations,
            figures.refused,
            figures.eviction,
        );
        write!(lines.0, "namespace_{}:{value}\r\n", figures.name).expect("a String takes everything");
    }
}

/// A setting that can be read, with what an operator does to change it.
struct Setting {
    name: &'static str,
    value: String,
    how: &'static str,
}

const NODE_START: &str = "dcache node start";
const NOT_ON_DISK: &str = "dcache node start (a cache keeps nothing on disk)";
const NO_EVENTS: &str = "dcache top (keyspace events are not published)";

/// Every setting `CONFIG GET` knows, by name.
fn settings(context: &Context<'_>) -> Vec<Setting> {
    let (host, port) = my_address(context);
    let is_cluster = context.door != Door::Gateway;
    let setting = |name, value: String, how| Setting { name, value, how };
    vec![
        setting("appendonly", "no".into(), NOT_ON_DISK),
        setting("bind", host.trim_start_matches('[').trim_end_matches(']').into(), NODE_START),
        setting("cluster-enabled", if is_cluster { "yes" } else { "no" }.into(), "dcache cluster init"),
        setting("cluster-require-full-coverage", "no".into(), "dcache cluster status"),
        setting("databases", if is_cluster { "1".into() } else { DATABASES.to_string() }, NODE_START),
        setting("maxclients", context.node.clients().limit().to_string(), NODE_START),
        setting("maxmemory", context.node.engine().limit_bytes().to_string(), "dcache node start --memory SIZE"),
        setting("maxmemory-policy", policy(context).into(), "dcache namespace set default --eviction POLICY"),
        setting("notify-keyspace-events", String::new(), NO_EVENTS),
        setting("port", port.into(), "dcache node start --gateway ADDRESS --listen ADDRESS"),
        setting("proto-max-bulk-len", Limits::default().bulk_bytes_max.to_string(), NODE_START),
        setting("replica-read-only", "yes".into(), "dcache cluster status"),
        setting("save", String::new(), NOT_ON_DISK),
        setting("slave-read-only", "yes".into(), "dcache cluster status"),
        setting("timeout", "0".into(), NODE_START),
    ]
}

/// `CONFIG GET pattern [pattern ...]`
pub fn config_get(context: &mut Context<'_>) -> Result<(), WireError> {
    let is_asked = |setting: &Setting| {
        context.args.iter().skip(2).any(|pattern| glob::matches(pattern, setting.name.as_bytes(), Case::Insensitive))
    };
    let found: Vec<Setting> = settings(context).into_iter().filter(is_asked).collect();
    context.reply.map(found.len());
    for setting in &found {
        context.reply.bulk(setting.name.as_bytes());
        context.reply.bulk(setting.value.as_bytes());
    }
    Ok(())
}

/// `CONFIG SET name value [name value ...]`: fine when every value is what it already is, else an error naming the verb.
pub fn config_set(context: &mut Context<'_>) -> Result<(), WireError> {
    if !context.args.len().is_multiple_of(2) {
        return Err(WireError::Syntax);
    }
    let settings = settings(context);
    for index in (2..context.args.len()).step_by(2) {
        let name = String::from_utf8_lossy(context.arg(index)).to_ascii_lowercase();
        let Some(setting) = settings.iter().find(|setting| setting.name == name) else {
            let text = format!("ERR Unknown option or number of arguments for CONFIG SET - '{name}'");
            return Err(WireError::Other(text));
        };
        if !is_already(setting, context.arg(index + 1)) {
            return Err(WireError::UseVerb { what: format!("CONFIG SET {name}"), verb: setting.how });
        }
    }
    context.reply.ok();
    Ok(())
}

fn is_already(setting: &Setting, value: &[u8]) -> bool {
    let Ok(value) = std::str::from_utf8(value) else { return false };
    let same_size = || match (setting.value.parse::<u64>(), parse_size(value)) {
        (Ok(now), Ok(asked)) => now == asked,
        _ => false,
    };
    // LRU and FIFO read as the same policy of Redis; asking for it leaves either as it is.
    setting.value.eq_ignore_ascii_case(value) || same_size()
}

/// `INFO` counts anew. Reports and metrics go on: two readers must not disturb each other.
pub fn config_resetstat(context: &mut Context<'_>) -> Result<(), WireError> {
    let node = context.node;
    let commands = COMMANDS.iter().map(|command| {
        let id = usize::from(command.id);
        (command.id, (node.stats().command(id), node.stats().latencies(id)))
    });
    let base = InfoBase {
        traffic: node.traffic(),
        connections: node.clients().total(),
        rejected: node.clients().rejected(),
        commands: commands.filter(|(_, (totals, _))| totals.received() > 0).collect(),
        errors: node.stats().errors(),
    };
    *node.info_base.lock() = base;
    context.reply.ok();
    Ok(())
}

pub fn config_help(context: &mut Context<'_>) -> Result<(), WireError> {
    help(
        context,
        "CONFIG",
        &[
            ("GET <pattern>", "Return parameters matching the glob-like <pattern> and their values."),
            ("SET <directive> <value>", "Refused unless <value> is the current one; the error names the dcache verb."),
            ("RESETSTAT", "Reset statistics reported by the INFO command."),
        ],
    );
    Ok(())
}

/// What `<CONTAINER> HELP` answers, laid out as Redis does.
pub(super) fn help(context: &mut Context<'_>, container: &str, subcommands: &[(&str, &str)]) {
    let reply = &mut context.reply;
    reply.array(1 + (subcommands.len() + 1) * 2);
    reply.simple(&format!("{container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
    for (usage, meaning) in subcommands.iter().chain(&[("HELP", "Print this help.")]) {
        reply.simple(usage);
        reply.simple(&format!("    {meaning}"));
    }
}

pub fn dbsize(context: &mut Context<'_>) -> Result<(), WireError> {
    let count = served_keys(context, context.database);
    context.reply.integer(i64::try_from(count).unwrap_or(i64::MAX));
    Ok(())
}

/// Copies of other nodes' keys are theirs to count.
fn served_keys(context: &Context<'_>, database: u16) -> u64 {
    match context.view.has_copies() {
        false => context.node.engine().count(database),
        true => context.node.engine().count_where(database, &|slot| context.is_mine(slot)),
    }
}

pub fn flushdb(context: &mut Context<'_>) -> Result<(), WireError> {
    check_flush_type(context)?;
    match context.view.has_copies() {
        false => drop(context.node.engine().clear_database(context.database)),
        true => clear_own(context, Some(context.database))?,
    }
    context.reply.ok();
    Ok(())
}

/// Drops what this node serves, and with it the further copies of it, but no copy of what others serve.
fn clear_own(context: &Context<'_>, database: Option<u16>) -> Result<(), WireError> {
    let is_alone =
        |slot: &Slot| context.view.is_mine(*slot) && !context.view.is_replicated(context.view.partition_of(*slot));
    let clears = |slot: u16| Slot::new(slot).is_some_and(|slot| is_alone(&slot));
    context.node.engine().clear_slots_where(database, &clears);
    context.node.clear_copied(context.view, database)
}

pub fn flushall(context: &mut Context<'_>) -> Result<(), WireError> {
    check_flush_type(context)?;
    match context.view.has_copies() {
        false => context.node.engine().clear(),
        true => clear_own(context, None)?,
    }
    context.reply.ok();
    Ok(())
}

/// `[ASYNC|SYNC]`; either way everything is gone when the reply is.
fn check_flush_type(context: &Context<'_>) -> Result<(), WireError> {
    let known = |arg: &[u8]| arg.eq_ignore_ascii_case(b"async") || arg.eq_ignore_ascii_case(b"sync");
    if context.args.len() > 2 || !context.args.iter().skip(1).all(known) {
        return Err(WireError::Syntax);
    }
    Ok(())
}

pub fn time(context: &mut Context<'_>) -> Result<(), WireError> {
    let (seconds, microseconds) = (context.now_ms / 1000, context.now_ms % 1000 * 1000);
    context.reply.array(2);
    context.reply.bulk(seconds.to_string().as_bytes());
    context.reply.bulk(microseconds.to_string().as_bytes());
    Ok(())
}

pub fn role(context: &mut Context<'_>) -> Result<(), WireError> {
    context.reply.array(3);
    context.reply.bulk(b"master");
    context.reply.integer(0);
    context.reply.array(0);
    Ok(())
}

/// Where nothing is copied; otherwise it is `gateway::copies`'s.
pub fn wait(context: &mut Context<'_>) -> Result<(), WireError> {
    number::parse_integer(context.arg(1)).ok_or(WireError::NotInteger)?;
    let timeout = number::parse_integer(context.arg(2));
    match timeout {
        None => Err(WireError::Other("ERR timeout is not an integer or out of range".into())),
        Some(timeout) if timeout < 0 => Err(WireError::Other("ERR timeout is negative".into())),
        Some(_) => {
            context.reply.integer(0);
            Ok(())
        }
    }
}

/// There is one user, as in Redis before any is made.
pub fn acl_whoami(context: &mut Context<'_>) -> Result<(), WireError> {
    context.reply.bulk(b"default");
    Ok(())
}

pub fn acl_users(context: &mut Context<'_>) -> Result<(), WireError> {
    context.reply.array(1);
    context.reply.bulk(b"default");
    Ok(())
}

pub fn acl_list(context: &mut Context<'_>) -> Result<(), WireError> {
    context.reply.array(1);
    context.reply.bulk(b"user default on nopass sanitize-payload ~* &* +@all");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{self, Caller, Cluster, UNIX_MS, key_of};
    use dcache_protocol::{Match, NamespaceSpec};
    use std::time::Duration;

    /// The fields of `INFO`, by name.
    fn info_of(client: &mut Caller<'_>, sections: &str) -> BTreeMap<String, String> {
        let reply = client.say(&format!("INFO {sections}"));
        let fields = reply.lines().filter_map(|line| line.split_once(':'));
        fields.map(|(field, value)| (field.to_string(), value.to_string())).collect()
    }

    fn sections_of(reply: &str) -> Vec<&str> {
        reply.lines().filter_map(|line| line.strip_prefix("# ")).collect()
    }

    #[test]
    fn info_has_the_sections_that_are_asked_for() {
        let cluster = Cluster::new(1);
        let mut client = cluster.client(0, Door::Gateway);
        let default = [
            "Server",
            "Clients",
            "Memory",
            "Persistence",
            "Stats",
            "Replication",
            "Errorstats",
            "Cluster",
            "Keyspace",
            "Namespaces",
        ];
        assert_eq!(sections_of(&client.say("INFO")), default);
        assert_eq!(sections_of(&client.say("INFO default")), default);
        assert_eq!(sections_of(&client.say("INFO ALL")).len(), SECTIONS.len());
        assert_eq!(sections_of(&client.say("INFO everything")).len(), SECTIONS.len());
        assert_eq!(sections_of(&client.say("info server KEYSPACE")), ["Server", "Keyspace"]);
        assert_eq!(client.say("INFO nosuch"), "$0\r\n\r\n");
        client.say("HELLO 3");
        assert!(
            client.say("INFO replication").starts_with("=")
                && client.say("INFO replication").contains("txt:# Replication\r\n")
        );
    }

    #[test]
    fn info_has_what_clients_read() {
        let cluster = Cluster::new(1);
        let mut client = cluster.client(0, Door::Gateway);
        let other = cluster.client(0, Door::Cluster);
        client.node.set_process_memory(9 << 20, 77);
        client.say("SET k v");
        client.say("SET t v EX 100");
        client.say("GET k");
        client.say("GET none");
        client.say("BOGUS");
        fixture::pass(Duration::from_secs(90_000));
        let info = info_of(&mut client, "");
        for (field, value) in [
            ("redis_version", "7.2.5"),
            ("dcache_version", VERSION),
            ("redis_mode", "standalone"),
            ("process_id", "4242"),
            ("tcp_port", "6379"),
            ("uptime_in_seconds", "90000"),
            ("uptime_in_days", "1"),
            ("availability_zone", "z1"),
            ("connected_clients", "2"),
            ("maxclients", "100"),
            ("used_memory_rss", "9437184"),
            ("used_memory_rss_human", "9.00M"),
            ("maxmemory", "67108864"),
            ("maxmemory_human", "64.00M"),
            ("maxmemory_policy", "allkeys-lru"),
            ("mem_clients_normal", "77"),
            ("loading", "0"),
            ("total_connections_received", "2"),
            ("total_commands_processed", "5"),
            ("keyspace_hits", "1"),
            ("keyspace_misses", "1"),
            ("expired_keys", "0"),
            ("evicted_keys", "0"),
            ("total_error_replies", "1"),
            ("errorstat_ERR", "count=1"),
            ("role", "master"),
            ("connected_slaves", "0"),
            ("master_repl_offset", "0"),
            ("cluster_enabled", "0"),
            ("db0", "keys=2,expires=1,avg_ttl=0"),
        ] {
            assert_eq!(info.get(field).map(String::as_str), Some(value), "{field}");
        }
        assert_ne!(info["used_memory"], "0");
        assert!(info["namespace_default"].starts_with("items=2,stored_bytes="));
        let mut other = other;
        let info = info_of(&mut other, "");
        assert_eq!(
            (info["redis_mode"].as_str(), info["tcp_port"].as_str(), info["cluster_enabled"].as_str()),
            ("cluster", "7400", "1")
        );
    }

    #[test]
    fn commands_are_counted_and_resetstat_starts_anew() {
        let cluster = Cluster::new(2);
        let mut client = cluster.client(0, Door::Gateway);
        let mine = key_of(0, 2, 0);
        client.call(&["SET", &mine, "x"]);
        client.call(&["INCR", &mine]);
        client.say("CLIENT SETNAME me");
        let info = info_of(&mut client, "commandstats latencystats");
        assert_eq!(info["cmdstat_set"], "calls=1,usec=0,usec_per_call=0.00,rejected_calls=0,failed_calls=0");
        assert_eq!(info["cmdstat_incr"], "calls=1,usec=0,usec_per_call=0.00,rejected_calls=0,failed_calls=1");
        assert!(info.contains_key("cmdstat_client|setname"));
        assert!(info.contains_key("latency_percentiles_usec_set") && !info.contains_key("cmdstat_get"));
        let before = client.node.traffic();
        assert_eq!(client.say("CONFIG RESETSTAT"), "+OK\r\n");
        let info = info_of(&mut client, "all");
        assert!(!info.contains_key("cmdstat_set") && !info.contains_key("errorstat_ERR"));
        assert!(!info.contains_key("latency_percentiles_usec_set"));
        assert_eq!(info["total_commands_processed"], "1", "the reset itself ends after its own reading");
        assert_eq!(info["total_error_replies"], "0");
        assert!(client.node.traffic().commands > before.commands, "reports never go back");
    }

    #[test]
    fn namespaces_have_their_own_figures() {
        let cluster = Cluster::new(1);
        let mut metadata = fixture::metadata(1);
        let spec = NamespaceSpec {
            name: "sessions".into(),
            matches: Some(Match::Prefix("session:".into())),
            memory_max_bytes: Some(1 << 20),
            eviction: dcache_protocol::Eviction::None,
            ..NamespaceSpec::default_namespace()
        };
        metadata.namespaces.insert(spec.name.clone(), spec);
        cluster.publish(&metadata);
        let mut client = cluster.client(0, Door::Gateway);
        client.say("SET session:1 v");
        client.say("GET session:1");
        client.say("GET session:2");
        client.say("SET other v");
        let info = info_of(&mut client, "namespaces");
        let figures = &info["namespace_sessions"];
        assert!(figures.starts_with("items=1,stored_bytes=10,bytes="), "{figures}");
        assert!(
            figures
                .ends_with(",max_bytes=1048576,hits=1,misses=1,sets=1,deletes=0,evictions=0,expirations=0,refused=0,eviction=none,policy=none"),
            "{figures}"
        );
        assert!(info["namespace_default"].contains(",hits=0,misses=0,sets=1,"));
        assert_eq!(info_of(&mut client, "memory")["maxmemory_policy"], "allkeys-lru", "the default namespace's");
    }

    #[test]
    fn settings_are_read_by_pattern() {
        let cluster = Cluster::new(1);
        let mut client = cluster.client(0, Door::Gateway);
        assert_eq!(client.say("CONFIG GET databases"), "*2\r\n$9\r\ndatabases\r\n$2\r\n16\r\n");
        assert_eq!(client.say("CONFIG GET timeout"), "*2\r\n$7\r\ntimeout\r\n$1\r\n0\r\n");
        assert_eq!(client.say("CONFIG GET Slave-Read-Only"), "*2\r\n$15\r\nslave-read-only\r\n$3\r\nyes\r\n");
        assert_eq!(client.say("CONFIG GET nosuch"), "*0\r\n");
        assert_eq!(
            client.say("CONFIG GET maxmemory* save"),
            "*6\r\n$9\r\nmaxmemory\r\n$8\r\n67108864\r\n$16\r\nmaxmemory-policy\r\n$11\r\nallkeys-lru\r\n$4\r\nsave\r\n$0\r\n\r\n"
        );
        client.say("HELLO 3");
        assert_eq!(client.say("CONFIG GET port"), "%1\r\n$4\r\nport\r\n$4\r\n6379\r\n");
        assert!(client.say("CONFIG GET *").starts_with("%15\r\n"));
        let mut client = cluster.client(0, Door::Cluster);
        assert_eq!(client.say("CONFIG GET port"), "*2\r\n$4\r\nport\r\n$4\r\n7400\r\n");
        assert_eq!(client.say("CONFIG GET bind"), "*2\r\n$4\r\nbind\r\n$8\r\n10.0.0.1\r\n");
        assert_eq!(client.say("CONFIG GET cluster-e*"), "*2\r\n$15\r\ncluster-enabled\r\n$3\r\nyes\r\n");
    }

    #[test]
    fn settings_change_only_to_what_they_are() {
        let cluster = Cluster::new(1);
        let mut client = cluster.client(0, Door::Gateway);
        for (line, reply) in [
            ("CONFIG SET maxmemory 64mib", "+OK"),
            ("CONFIG SET appendonly NO timeout 0", "+OK"),
            ("CONFIG SET save \"\"", "+OK"),
            (
                "CONFIG SET maxmemory 1gb",
                "-ERR CONFIG SET maxmemory is not a client's business in dcache; use: dcache node start --memory SIZE",
            ),
            (
                "CONFIG SET timeout 0 MaxMemory-Policy noeviction",
                "-ERR CONFIG SET maxmemory-policy is not a client's business in dcache; \
                 use: dcache namespace set default --eviction POLICY",
            ),
            ("CONFIG SET nosuch 1", "-ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'"),
            ("CONFIG SET timeout 0 save", "-ERR syntax error"),
            ("CONFIG SET timeout", "-ERR wrong number of arguments for 'config|set' command"),
        ] {
            assert_eq!(client.say(line), format!("{reply}\r\n"), "{line}");
        }
        assert!(client.say("CONFIG HELP").starts_with("*9\r\n+CONFIG <subcommand>"));
    }

    #[test]
    fn databases_are_counted_and_flushed_each() {
        let cluster = Cluster::new(1);
        let mut client = cluster.client(0, Door::Gateway);
        client.say("SET a v");
        client.say("SELECT 1");
        client.say("MSET b v c v");
        assert_eq!(client.say("DBSIZE"), ":2\r\n");
        assert_eq!(info_of(&mut client, "keyspace")["db1"], "keys=2,expires=0,avg_ttl=0");
        assert_eq!(client.say("FLUSHDB NOW"), "-ERR syntax error\r\n");
        assert_eq!(client.say("FLUSHDB ASYNC"), "+OK\r\n");
        assert_eq!(client.say("DBSIZE"), ":0\r\n");
        client.say("SELECT 0");
        assert_eq!(client.say("DBSIZE"), ":1\r\n");
        assert_eq!(client.say("FLUSHALL sync"), "+OK\r\n");
        assert_eq!(client.say("DBSIZE"), ":0\r\n");
    }

    #[test]
    fn small_answers() {
        let cluster = Cluster::new(1);
        let mut client = cluster.client(0, Door::Gateway);
        fixture::pass(Duration::from_millis(5));
        let (seconds, micros) = ((UNIX_MS / 1000).to_string(), "5000");
        assert_eq!(client.say("TIME"), format!("*2\r\n${}\r\n{seconds}\r\n$4\r\n{micros}\r\n", seconds.len()));
        assert_eq!(client.say("ROLE"), "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n");
        assert_eq!(client.say("WAIT 1 100"), ":0\r\n");
        assert_eq!(client.say("WAIT x 100"), "-ERR value is not an integer or out of range\r\n");
        assert_eq!(client.say("WAIT 1 x"), "-ERR timeout is not an integer or out of range\r\n");
        assert_eq!(client.say("WAIT 1 -1"), "-ERR timeout is negative\r\n");
        assert_eq!(client.say("ACL WHOAMI"), "$7\r\ndefault\r\n");
        assert_eq!(client.say("ACL USERS"), "*1\r\n$7\r\ndefault\r\n");
        assert!(client.say("ACL LIST").contains("user default on nopass"));
    }

    #[test]
    fn bytes_for_people_are_redis_s() {
        for (bytes, text) in
            [(0, "0B"), (1023, "1023B"), (1024, "1.00K"), (1_572_864, "1.50M"), (5 << 30, "5.00G"), (1 << 40, "1.00T")]
        {
            assert_eq!(human(bytes), text);
        }
    }
}
