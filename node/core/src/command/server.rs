//! Commands about the node as a server: `INFO`, `DBSIZE`, `FLUSHDB`, `TIME` and the like.
//!
//! `INFO` has Redis's sections and field names, since clients and exporters parse them, and only fields whose value is known
//! here; a section of its own has the figures per namespace. All figures are this node's, on both doors. Memory's
//! limit and policy are those of the namespace that the client's database is.

use super::{COMMANDS, Context, Door, function};
use crate::number;
use crate::pubsub::Kind;
use crate::stats::{CommandTotals, Latencies};
use dcache_protocol::control::Traffic;
use dcache_protocol::error::WireError;
use dcache_protocol::namespace::DATABASES;
use dcache_protocol::{NamespaceSpec, NodeRecord, REDIS_VERSION, Slot, VERSION};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::Ordering::Relaxed;

/// Totals at the last `CONFIG RESETSTAT`; `INFO` shows what came after. Reports and metrics never go back.
#[derive(Debug, Default)]
pub(crate) struct InfoBase {
    pub traffic: Traffic,
    pub connections: u64,
    pub rejected: u64,
    pub commands: BTreeMap<u16, (CommandTotals, Option<Latencies>)>,
    pub errors: BTreeMap<Box<str>, u64>,
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
    ("CPU", true, cpu_section),
    ("Modules", true, modules_section),
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
pub(super) fn my_address<'a>(context: &Context<'a>) -> (&'a str, &'a str) {
    let address = my_record(context).map_or("", |record| match context.door {
        Door::Gateway | Door::Memcached => record.addresses.gateway.as_str(),
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
    lines.add("multiplexing_api", "epoll");
    lines.add("process_id", context.node.config().process_id);
    lines.add("run_id", run_id);
    lines.add("tcp_port", my_address(context).1);
    lines.add("server_time_usec", context.now_ms.saturating_mul(1000));
    lines.add("uptime_in_seconds", uptime);
    lines.add("uptime_in_days", uptime / 86_400);
    lines.add("executable", "");
    lines.add("config_file", "");
    lines.add("io_threads_active", u8::from(context.node.config().workers > 1));
    lines.add("dcache_workers", context.node.config().workers);
    lines.add("dcache_node", record.map_or("", |record| record.name.as_str()));
    lines.add("dcache_cluster", &context.view.metadata.name);
    lines.add("availability_zone", record.map_or("", |record| record.zone.as_str()));
}

fn clients_section(context: &Context<'_>, lines: &mut Lines) {
    let clients = context.node.clients().list();
    let count = |is: &dyn Fn(&crate::clients::Client) -> bool| clients.iter().filter(|client| is(client)).count();
    lines.add("connected_clients", clients.len());
    lines.add("cluster_connections", context.view.nodes().len().saturating_sub(1));
    lines.add("maxclients", context.node.clients().limit());
    lines.add(
        "client_recent_max_input_buffer",
        clients.iter().map(|c| c.waiting_bytes.load(Relaxed)).max().unwrap_or(0),
    );
    lines.add("client_recent_max_output_buffer", clients.iter().map(|c| c.mail.size().1).max().unwrap_or(0));
    lines.add("blocked_clients", count(&|client| client.is_blocked.load(Relaxed)));
    lines.add("tracking_clients", context.node.talk.tracking.lock().count());
    lines.add("pubsub_clients", count(&|client| client.is_subscriber()));
    lines.add("clients_in_timeout_table", 0);
    let (blocking, when_gone) = context.node.blocking.key_counts();
    lines.add("total_blocking_keys", blocking);
    lines.add("total_blocking_keys_on_nokey", when_gone);
}

fn memory_section(context: &Context<'_>, lines: &mut Lines) {
    let used = context.node.engine().used_bytes();
    let resident = context.node.resident_bytes();
    let limit = memory_limit(context);
    lines.add("used_memory", used);
    lines.add("used_memory_human", human(used));
    lines.add("used_memory_rss", resident);
    lines.add("used_memory_rss_human", human(resident));
    let peak = context.node.note_peak(used);
    lines.add("used_memory_peak", peak);
    lines.add("used_memory_peak_human", human(peak));
    lines.add("used_memory_peak_perc", format_args!("{:.2}%", used as f64 * 100.0 / peak.max(1) as f64));
    lines.add("used_memory_overhead", 0);
    lines.add("used_memory_startup", 0);
    lines.add("used_memory_dataset", used);
    lines.add("used_memory_dataset_perc", "100.00%");
    let lua = context.node.scripts.lua_bytes();
    let (scripts, bytes) = {
        let cache = context.node.scripts.cache.lock();
        (cache.count(), cache.bytes() as u64)
    };
    lines.add("used_memory_vm_eval", lua);
    lines.add("used_memory_lua", lua);
    lines.add("used_memory_lua_human", human(lua));
    lines.add("used_memory_scripts_eval", bytes);
    lines.add("number_of_cached_scripts", scripts);
    let libraries = &context.view.metadata.libraries;
    let (functions, bytes) = (function::count(libraries), bytes + function::bytes(libraries));
    lines.add("number_of_functions", functions);
    lines.add("number_of_libraries", libraries.len());
    lines.add("used_memory_vm_functions", 0);
    lines.add("used_memory_vm_total", lua);
    lines.add("used_memory_vm_total_human", human(lua));
    lines.add("used_memory_functions", function::bytes(libraries));
    lines.add("used_memory_scripts", bytes);
    lines.add("used_memory_scripts_human", human(bytes));
    lines.add("maxmemory", limit);
    lines.add("maxmemory_human", human(limit));
    lines.add("maxmemory_policy", policy(context));
    lines.add("mem_fragmentation_ratio", format_args!("{:.2}", resident as f64 / used.max(1) as f64));
    lines.add("mem_fragmentation_bytes", resident as i64 - used as i64);
    lines.add("mem_not_counted_for_evict", 0);
    lines.add("mem_replication_backlog", 0);
    lines.add("mem_clients_slaves", 0);
    lines.add("mem_clients_normal", context.node.buffer_bytes());
    lines.add("mem_aof_buffer", 0);
    lines.add("mem_allocator", "system");
    lines.add("active_defrag_running", 0);
    lines.add("lazyfree_pending_objects", 0);
}

/// The namespace of the client's database, where no prefix says otherwise.
fn namespace<'a>(context: &Context<'a>) -> &'a NamespaceSpec {
    context.view.namespace(context.view.namespace_of(context.database, b""))
}

/// Its policy, in Redis's words.
pub(super) fn policy(context: &Context<'_>) -> &'static str {
    namespace(context).eviction.redis_policy()
}

/// The most memory its keys may take.
pub(super) fn memory_limit(context: &Context<'_>) -> u64 {
    let limit = context.node.engine().limit_bytes();
    namespace(context).memory_max_bytes.map_or(limit, |most| most.min(limit))
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
    let never = [
        "loading",
        "async_loading",
        "rdb_changes_since_last_save",
        "rdb_bgsave_in_progress",
        "rdb_last_save_time",
        "rdb_saves",
        "aof_enabled",
        "aof_rewrite_in_progress",
        "aof_rewrite_scheduled",
        "aof_rewrites",
        "module_fork_in_progress",
    ];
    never.iter().for_each(|field| lines.add(field, 0));
    [
        "rdb_last_bgsave_time_sec",
        "rdb_current_bgsave_time_sec",
        "aof_last_rewrite_time_sec",
        "aof_current_rewrite_time_sec",
    ]
    .iter()
    .for_each(|field| lines.add(field, -1));
    ["rdb_last_bgsave_status", "aof_last_bgrewrite_status", "aof_last_write_status"]
        .iter()
        .for_each(|field| lines.add(field, "ok"));
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
    lines.add("evicted_clients", 0);
    lines.add("keyspace_hits", since(|t| t.hits));
    lines.add("keyspace_misses", since(|t| t.misses));
    let subscriptions = &node.talk.subscriptions;
    lines.add("pubsub_channels", subscriptions.count_names(Kind::Channel));
    lines.add("pubsub_patterns", subscriptions.count_names(Kind::Pattern));
    lines.add("pubsubshard_channels", subscriptions.count_names(Kind::Shard));
    for field in [
        "sync_full",
        "sync_partial_ok",
        "sync_partial_err",
        "latest_fork_usec",
        "total_forks",
        "migrate_cached_sockets",
    ] {
        lines.add(field, 0);
    }
    let (keys, items) = node.talk.tracking.lock().size();
    lines.add("tracking_total_keys", keys);
    lines.add("tracking_total_items", items);
    lines.add("tracking_total_prefixes", node.talk.tracking.lock().prefixes());
    lines.add("unexpected_error_replies", 0);
    lines.add("client_output_buffer_limit_disconnections", node.talk.cut.load(Relaxed));
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
    lines.add("master_replid2", "0".repeat(40));
    lines.add("second_repl_offset", -1);
    lines.add("repl_backlog_active", 0);
    lines.add("repl_backlog_size", 0);
    lines.add("repl_backlog_first_byte_offset", 0);
    lines.add("repl_backlog_histlen", 0);
}

/// What the whole process took of the processors.
fn cpu_section(context: &Context<'_>, lines: &mut Lines) {
    let [system, user] = context.node.processor_seconds();
    lines.add("used_cpu_sys", format_args!("{system:.6}"));
    lines.add("used_cpu_user", format_args!("{user:.6}"));
    lines.add("used_cpu_sys_children", "0.000000");
    lines.add("used_cpu_user_children", "0.000000");
}

/// There are none; clients look whether the section is there.
fn modules_section(_: &Context<'_>, _: &mut Lines) {}

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
        let inside = context.view.database(database);
        let keys = served_keys(context, inside);
        if keys > 0 {
            // Those of copies are among them: of the keys served there are at most so many.
            let expires = context.node.engine().count_expiring(inside).min(keys);
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
    // What memcached's clients have beside their values goes along.
    let notes = (context.database == 0).then_some(crate::memcached::NOTES_DATABASE);
    for database in [context.database].into_iter().chain(notes) {
        match context.view.has_copies() {
            false => drop(context.node.engine().clear_database(database)),
            true => clear_own(context, Some(database))?,
        }
    }
    context.node.stale_all();
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
    context.node.stale_all();
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

/// `ACL GETUSER name`
pub fn acl_getuser(context: &mut Context<'_>) -> Result<(), WireError> {
    let reply = &mut context.reply;
    if context.args.get(2) != Some(b"default") {
        reply.null();
        return Ok(());
    }
    reply.map(6);
    reply.bulk("flags");
    reply.set(3);
    ["on", "nopass", "sanitize-payload"].iter().for_each(|flag| reply.bulk(flag));
    reply.bulk("passwords");
    reply.array(0);
    for (field, value) in [("commands", "+@all"), ("keys", "~*"), ("channels", "&*")] {
        reply.bulk(field);
        reply.bulk(value);
    }
    reply.bulk("selectors");
    reply.array(0);
    Ok(())
}

/// Users are not there yet; a client that asks for one must not take it for granted.
pub fn acl_refused(context: &mut Context<'_>) -> Result<(), WireError> {
    let subcommand = String::from_utf8_lossy(context.arg(1)).to_ascii_uppercase();
    Err(WireError::Other(format!(
        "ERR ACL {subcommand} is not there yet: the only user is 'default', who may do everything"
    )))
}

/// There is nothing that anybody is refused.
pub fn acl_log(context: &mut Context<'_>) -> Result<(), WireError> {
    match context.args.get(2) {
        Some(word) if word.eq_ignore_ascii_case(b"reset") => context.reply.ok(),
        _ => context.reply.array(0),
    }
    Ok(())
}

pub fn lolwut(context: &mut Context<'_>) -> Result<(), WireError> {
    context.reply.verbatim("txt", &format!("dcache ver. {VERSION}, Redis ver. {REDIS_VERSION}\n"));
    Ok(())
}

/// When this node started, as Redis answers where nothing was saved since.
pub fn lastsave(context: &mut Context<'_>) -> Result<(), WireError> {
    let uptime_ms = crate::clients::millis(context.node.uptime());
    let started = context.now_ms.saturating_sub(uptime_ms) / 1000;
    context.reply.integer(i64::try_from(started).unwrap_or(i64::MAX));
    Ok(())
}

/// Nobody loads modules here.
pub fn module_list(context: &mut Context<'_>) -> Result<(), WireError> {
    context.reply.array(0);
    Ok(())
}

pub fn module_help(context: &mut Context<'_>) -> Result<(), WireError> {
    help(context, "MODULE", &[("LIST", "Return a list of loaded modules, which is empty.")]);
    Ok(())
}

/// What is not a client's business, or not there, and why.
pub fn refused(context: &mut Context<'_>) -> Result<(), WireError> {
    let name = String::from_utf8_lossy(context.arg(0)).to_ascii_uppercase();
    let verb = match name.as_str() {
        "SHUTDOWN" => "SIGTERM to the node, or dcache cluster drain NODE first",
        "REPLICAOF" | "SLAVEOF" | "FAILOVER" => {
            "dcache cluster failover NODE; copies are the cluster's: dcache cluster init --copies N"
        }
        _ => "dcache node start (a cache keeps nothing on disk)",
    };
    Err(WireError::UseVerb { what: name, verb })
}

/// Two nodes cannot swap what is in all their databases at the same moment.
pub fn swapdb(context: &mut Context<'_>) -> Result<(), WireError> {
    for index in [1, 2] {
        let which = if index == 1 { "first" } else { "second" };
        let number = number::parse_integer(context.arg(index))
            .ok_or_else(|| WireError::Other(format!("ERR invalid {which} DB index")))?;
        if !u16::try_from(number).is_ok_and(|database| database < DATABASES) {
            return Err(WireError::InvalidDatabase);
        }
    }
    if context.arg(1) == context.arg(2) {
        context.reply.ok();
        return Ok(());
    }
    Err(WireError::Other(
        "ERR SWAPDB is not there: databases are spread over nodes, which cannot swap them at one moment".into(),
    ))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{self, Caller, Cluster, UNIX_MS, key_of};
    use dcache_protocol::Match;
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
            "CPU",
            "Modules",
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
            ("redis_version", "7.4.0"),
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
        client.say("CONFIG RESETSTAT");
        client.say("MULTI");
        assert_eq!(client.call(&["SET", &mine, "x"]), "+QUEUED\r\n");
        assert_eq!(client.say("EXEC"), "*1\r\n+OK\r\n");
        let info = info_of(&mut client, "commandstats");
        for command in ["multi", "set", "exec"] {
            assert!(info[&format!("cmdstat_{command}")].starts_with("calls=1,"), "once, when it runs: {info:?}");
        }
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
    fn info_speaks_of_the_namespace_of_the_client_s_database() {
        let cluster = Cluster::new(1);
        let mut metadata = fixture::metadata(1);
        let spec = NamespaceSpec {
            name: "queues".into(),
            matches: Some(Match::Database(3)),
            memory_max_bytes: Some(1 << 20),
            eviction: dcache_protocol::Eviction::None,
            ..NamespaceSpec::default_namespace()
        };
        metadata.namespaces.insert(spec.name.clone(), spec);
        cluster.publish(&metadata);
        let mut client = cluster.client(0, Door::Gateway);
        client.say("SELECT 3");
        let info = info_of(&mut client, "memory");
        assert_eq!((&*info["maxmemory_policy"], &*info["maxmemory"]), ("noeviction", "1048576"));
        assert_eq!(client.ask("CONFIG GET maxmemory-policy"), "*2|$16|maxmemory-policy|$10|noeviction|");
        client.say("SELECT 0");
        assert_eq!(info_of(&mut client, "memory")["maxmemory_policy"], "allkeys-lru");
    }

    #[test]
    fn databases_are_key_spaces_of_their_own() {
        let cluster = Cluster::new(3);
        let mut client = cluster.client(0, Door::Gateway);
        let keys: Vec<String> = (0..3).map(|node| key_of(node, 3, 0)).collect();
        for key in &keys {
            client.say(&format!("SET {key} zero"));
            assert_eq!(client.ask(&format!("MOVE {key} 2")), ":1|");
            assert_eq!(client.ask(&format!("MOVE {key} 2")), ":0|");
        }
        assert_eq!(client.ask("DBSIZE"), ":0|");
        client.say("SELECT 2");
        assert_eq!(client.ask("DBSIZE"), ":3|");
        assert_eq!(client.ask("FLUSHDB"), "+OK|");
        assert_eq!(client.ask("DBSIZE"), ":0|");
        assert_eq!(client.ask("SWAPDB 0 0"), "+OK|");
        assert!(client.ask("SWAPDB 0 1").starts_with("-ERR SWAPDB is not there: "));
        let mut cluster_aware = cluster.client(0, Door::Cluster);
        assert_eq!(cluster_aware.ask(&format!("MOVE {} 1", keys[0])), "-ERR MOVE is not allowed in cluster mode|");
    }

    #[test]
    fn idle_clients_are_ended_after_the_time_that_is_set_and_subscribers_are_not() {
        let cluster = Cluster::new(1);
        let mut client = cluster.client(0, Door::Gateway);
        let mut idle = cluster.client(0, Door::Gateway);
        let mut subscriber = cluster.client(0, Door::Gateway);
        subscriber.say("SUBSCRIBE a");
        idle.say("PING");
        assert_eq!(client.ask("CONFIG SET timeout 10 slowlog-max-len 5"), "+OK|");
        fixture::pass(Duration::from_secs(9));
        client.say("PING");
        fixture::pass(Duration::from_secs(3));
        client.node.sample();
        assert!(idle.session.is_killed() && !client.session.is_killed() && !subscriber.session.is_killed());
    }

    #[test]
    fn settings_change_together_or_not_at_all() {
        let cluster = Cluster::new(1);
        let mut client = cluster.client(0, Door::Gateway);
        for (line, reply) in [
            ("CONFIG SET timeout 10 nosuch 1", "-ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'|"),
            (
                "CONFIG SET timeout 10 slowlog-max-len x",
                "-ERR CONFIG SET failed (possibly related to argument 'slowlog-max-len') - argument couldn't be parsed into an integer|",
            ),
            (
                "CONFIG SET timeout 10 maxmemory 5",
                "-ERR CONFIG SET maxmemory is not a client's business in dcache; use: dcache node start --memory SIZE|",
            ),
            (
                "CONFIG SET timeout 10 timeout 20",
                "-ERR CONFIG SET failed (possibly related to argument 'timeout') - duplicate parameter|",
            ),
            ("CONFIG GET timeout", "*2|$7|timeout|$1|0|"),
            ("CONFIG REWRITE", "-ERR The server is running without a config file|"),
        ] {
            assert_eq!(client.ask(line), reply, "{line}");
        }
        let unbounded = client.call(&["CONFIG", "SET", "client-output-buffer-limit", "pubsub 0 0 0"]);
        assert!(unbounded.contains("no client may have memory without bound"), "{unbounded}");
        assert_eq!(client.call(&["CONFIG", "SET", "client-output-buffer-limit", "pubsub 1mb 512kb 5"]), "+OK\r\n");
        assert!(client.say("CONFIG GET client-output-buffer-limit").contains("pubsub 1048576 524288 5"));
    }

    #[test]
    fn debug_is_for_nodes_that_allow_it() {
        let cluster = Cluster::new(1);
        let mut client = cluster.client(0, Door::Gateway);
        let refused = "-ERR DEBUG command not allowed: start the node with --debug-commands to allow it|";
        for line in ["DEBUG SLEEP 1", "DEBUG OBJECT k", "DEBUG SET-ACTIVE-EXPIRE 0", "DEBUG JMAP"] {
            assert_eq!(client.ask(line), refused);
        }
        client.node.allow_debug();
        let begun = client.node.now();
        assert_eq!(client.ask("DEBUG SLEEP 0.5"), "+OK|");
        assert!(client.node.now() - begun >= Duration::from_millis(500));
        client.say("SET k v PX 10");
        assert!(client.ask("DEBUG OBJECT k").starts_with("+Value at:"));
        assert_eq!(client.ask("DEBUG SET-ACTIVE-EXPIRE 0"), "+OK|");
        fixture::pass(Duration::from_secs(5));
        client.node.maintain(0, 1);
        assert_eq!(client.node.items(), 1);
        client.say("DEBUG SET-ACTIVE-EXPIRE 1");
        client.node.maintain(0, 1);
        assert_eq!(client.node.items(), 0);
        assert!(client.ask("DEBUG JMAP").starts_with("-ERR DEBUG JMAP is not there"));
        assert_eq!(client.ask("DEBUG SLEEP x"), "-ERR value is not a valid float|");
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
        assert!(client.say("CONFIG GET *").starts_with("%4"));
        assert_eq!(client.ask("CONFIG GET *max-*-entries* maxmem*y").matches("-entries|").count(), 6);
        assert_eq!(client.ask("CONFIG GET hash-max-listpack-entries"), "%1|$25|hash-max-listpack-entries|$3|128|");
        assert_eq!(client.ask("CONFIG SET hash-max-listpack-entries 128"), "+OK|");
        let refused = client.ask("CONFIG SET hash-max-listpack-entries 64");
        assert!(
            refused.starts_with("-ERR CONFIG SET hash-max-listpack-entries is not a client's business"),
            "{refused}"
        );
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
        assert!(client.say("CONFIG HELP").starts_with("*11\r\n+CONFIG <subcommand>"));
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
        fixture::pass(Duration::from_secs(90));
        assert_eq!(client.say("LASTSAVE"), format!(":{seconds}\r\n"), "the start, since nothing was saved");
        assert!(client.say("BGSAVE").starts_with("-ERR BGSAVE is not a client's business"));
        assert!(client.say("LOLWUT 5 6 7").contains("Redis ver. 7."));
        assert_eq!(client.say("MODULE LIST"), "*0\r\n");
        assert!(client.say("MODULE LOAD /x").starts_with("-ERR unknown subcommand 'LOAD'"));
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
