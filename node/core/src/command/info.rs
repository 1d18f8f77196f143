//! `INFO`, and what `CONFIG` tells of the same: the address of the door, the limit and the policy.
//!
//! It has Redis's sections and field names, since clients and exporters parse them, and only fields whose value is known
//! here; a section of its own has the figures per namespace. All figures are this node's, on both doors. Memory's
//! limit and policy are those of the namespace that the client's database is.

use super::server::served_keys;
use super::{COMMANDS, Context, Door, function};
use crate::pubsub::Kind;
use crate::stats::{CommandTotals, Latencies};
use dcache_protocol::control::Traffic;
use dcache_protocol::error::WireError;
use dcache_protocol::namespace::DATABASES;
use dcache_protocol::{NamespaceSpec, NodeRecord, REDIS_VERSION, VERSION};
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
pub(super) fn human(bytes: u64) -> String {
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

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::fixture::{self, Caller, Cluster, key_of};
    use dcache_protocol::Match;
    use std::time::Duration;

    /// The fields of `INFO`, by name.
    pub(in crate::command) fn info_of(client: &mut Caller<'_>, sections: &str) -> BTreeMap<String, String> {
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
    fn bytes_for_people_are_redis_s() {
        for (bytes, text) in
            [(0, "0B"), (1023, "1023B"), (1024, "1.00K"), (1_572_864, "1.50M"), (5 << 30, "5.00G"), (1 << 40, "1.00T")]
        {
            assert_eq!(human(bytes), text);
        }
    }
}
