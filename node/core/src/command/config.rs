//! `CONFIG`: settings under Redis's names. What a client may change it changes on this node, at once; `notify-keyspace-events` on all
//! nodes. What operators change has an error that names the verb.

use super::client::is_cluster;
use super::pubsub::tell;
use super::{COMMANDS, Context};
use crate::events::Wanted;
use crate::gateway::told::{Answers, Tell};
use crate::glob::{self, Case};
use crate::mail::Limit;
use crate::slow::{LENGTH_MAX, Log};
use dcache_engine::limits;
use dcache_protocol::error::WireError;
use dcache_protocol::namespace::DATABASES;
use dcache_protocol::resp::parse::Limits;
use dcache_protocol::size::parse_size;
use std::sync::atomic::Ordering::Relaxed;

/// A setting that can be read, and how it is changed.
struct Setting {
    name: &'static str,
    value: String,
    change: Change,
}

#[derive(Clone, Copy)]
enum Change {
    /// By an operator, with this verb.
    Operator(&'static str),
    /// By a client: what the value means, if it means anything.
    Client(fn(&str) -> Result<New, String>),
}

/// A new value that was understood.
#[derive(Clone, Copy)]
enum New {
    Bound(Log, i64),
    Length(Log, u64),
    LatencyBound(u64),
    Events(Wanted),
    Timeout(u64),
    BusyAfter(u64),
    ScriptTime(u64),
    /// Of normal clients, of subscribers.
    Outputs([Option<Limit>; 2]),
}

const NODE_START: &str = "dcache node start";
const NOT_ON_DISK: &str = "dcache node start (a cache keeps nothing on disk)";
const NO_LOGIN: &str = "dcache node start (nobody logs in yet)";
const FIXED: &str = "dcache node start (what is kept as one block is the same on all nodes)";
const ALWAYS: &str = "dcache node start (values are always freed in the background)";

/// Every setting `CONFIG GET` knows, by name.
fn settings(context: &Context<'_>) -> Vec<Setting> {
    use Change::{Client, Operator};
    let (host, port) = super::info::my_address(context);
    let (node, slow) = (context.node, &context.node.slow);
    let is_cluster = is_cluster(context);
    let setting = |name, value: String, change| Setting { name, value, change };
    let yes = |is| if is { "yes" } else { "no" }.to_string();
    vec![
        setting("appendonly", "no".into(), Operator(NOT_ON_DISK)),
        setting("bind", host.trim_start_matches('[').trim_end_matches(']').into(), Operator(NODE_START)),
        setting(
            "busy-reply-threshold",
            node.scripts.busy_ms().to_string(),
            Client(|value| Ok(New::BusyAfter(within(value, i64::MAX as u64)?))),
        ),
        setting("client-output-buffer-limit", outputs(context), Client(parse_outputs)),
        setting("cluster-enabled", yes(is_cluster), Operator("dcache cluster init")),
        setting("cluster-require-full-coverage", "no".into(), Operator("dcache cluster status")),
        setting(
            "commandlog-execution-slower-than",
            slow.bound(Log::Slow).to_string(),
            Client(|value| Ok(New::Bound(Log::Slow, signed(value)?))),
        ),
        setting(
            "commandlog-large-reply-max-len",
            slow.length_max(Log::LargeReply).to_string(),
            Client(|value| Ok(New::Length(Log::LargeReply, within(value, LENGTH_MAX)?))),
        ),
        setting(
            "commandlog-large-request-max-len",
            slow.length_max(Log::LargeRequest).to_string(),
            Client(|value| Ok(New::Length(Log::LargeRequest, within(value, LENGTH_MAX)?))),
        ),
        setting(
            "commandlog-reply-larger-than",
            slow.bound(Log::LargeReply).to_string(),
            Client(|value| Ok(New::Bound(Log::LargeReply, signed(value)?))),
        ),
        setting(
            "commandlog-request-larger-than",
            slow.bound(Log::LargeRequest).to_string(),
            Client(|value| Ok(New::Bound(Log::LargeRequest, signed(value)?))),
        ),
        setting(
            "commandlog-slow-execution-max-len",
            slow.length_max(Log::Slow).to_string(),
            Client(|value| Ok(New::Length(Log::Slow, within(value, LENGTH_MAX)?))),
        ),
        setting("databases", if is_cluster { "1".into() } else { DATABASES.to_string() }, Operator(NODE_START)),
        setting("hash-max-listpack-entries", limits::ELEMENTS.to_string(), Operator(FIXED)),
        setting("hash-max-listpack-value", limits::ELEMENT_BYTES.to_string(), Operator(FIXED)),
        setting("hash-max-ziplist-entries", limits::ELEMENTS.to_string(), Operator(FIXED)),
        setting("hash-max-ziplist-value", limits::ELEMENT_BYTES.to_string(), Operator(FIXED)),
        setting("io-threads", node.config().workers.to_string(), Operator("dcache node start --workers COUNT")),
        setting(
            "latency-monitor-threshold",
            slow.latency_bound_ms().to_string(),
            Client(|value| Ok(New::LatencyBound(within(value, u64::MAX >> 1)?))),
        ),
        setting("latency-tracking", "yes".into(), Operator("dcache top (latencies are always counted)")),
        setting("lazyfree-lazy-eviction", "yes".into(), Operator(ALWAYS)),
        setting("lazyfree-lazy-expire", "yes".into(), Operator(ALWAYS)),
        setting("lazyfree-lazy-server-del", "yes".into(), Operator(ALWAYS)),
        setting("lazyfree-lazy-user-del", "yes".into(), Operator(ALWAYS)),
        setting("list-max-listpack-size", "-2".into(), Operator(FIXED)),
        setting("list-max-ziplist-size", "-2".into(), Operator(FIXED)),
        setting(
            "lua-time-limit",
            node.scripts.busy_ms().to_string(),
            Client(|value| Ok(New::BusyAfter(within(value, i64::MAX as u64)?))),
        ),
        setting("maxclients", node.clients().limit().to_string(), Operator(NODE_START)),
        setting(
            "maxmemory",
            super::info::memory_limit(context).to_string(),
            Operator("dcache node start --memory SIZE"),
        ),
        setting(
            "maxmemory-policy",
            super::info::policy(context).into(),
            Operator("dcache namespace set default --eviction POLICY"),
        ),
        setting("notify-keyspace-events", node.events.wanted().letters(), Client(parse_events)),
        setting("port", port.into(), Operator("dcache node start --gateway ADDRESS --listen ADDRESS")),
        setting("proto-max-bulk-len", Limits::default().bulk_bytes_max.to_string(), Operator(NODE_START)),
        setting("replica-read-only", "yes".into(), Operator("dcache cluster status")),
        setting("requirepass", String::new(), Operator(NO_LOGIN)),
        setting("save", String::new(), Operator(NOT_ON_DISK)),
        setting(
            "script-time-max",
            node.scripts.time_max_ms().to_string(),
            Client(|value| Ok(New::ScriptTime(within(value, 60_000)?))),
        ),
        setting("set-max-intset-entries", limits::INTEGERS.to_string(), Operator(FIXED)),
        setting("set-max-listpack-entries", limits::ELEMENTS.to_string(), Operator(FIXED)),
        setting("set-max-listpack-value", limits::ELEMENT_BYTES.to_string(), Operator(FIXED)),
        setting("slave-read-only", "yes".into(), Operator("dcache cluster status")),
        setting(
            "slowlog-log-slower-than",
            slow.bound(Log::Slow).to_string(),
            Client(|value| Ok(New::Bound(Log::Slow, signed(value)?))),
        ),
        setting(
            "slowlog-max-len",
            slow.length_max(Log::Slow).to_string(),
            Client(|value| Ok(New::Length(Log::Slow, within(value, u64::MAX >> 1)?.min(LENGTH_MAX)))),
        ),
        setting(
            "timeout",
            node.idle_seconds_max.load(Relaxed).to_string(),
            Client(|value| Ok(New::Timeout(within(value, i32::MAX as u64)?))),
        ),
        setting("tracking-table-max-keys", crate::tracking::KEYS_MAX.to_string(), Operator(NODE_START)),
        setting("zset-max-listpack-entries", limits::ELEMENTS.to_string(), Operator(FIXED)),
        setting("zset-max-listpack-value", limits::ELEMENT_BYTES.to_string(), Operator(FIXED)),
        setting("zset-max-ziplist-entries", limits::ELEMENTS.to_string(), Operator(FIXED)),
        setting("zset-max-ziplist-value", limits::ELEMENT_BYTES.to_string(), Operator(FIXED)),
    ]
}

fn signed(value: &str) -> Result<i64, String> {
    value.parse().map_err(|_| "argument couldn't be parsed into an integer".into())
}

fn within(value: &str, most: u64) -> Result<u64, String> {
    let number = signed(value)?;
    let number = u64::try_from(number).ok().filter(|number| *number <= most);
    number.ok_or_else(|| format!("argument must be between 0 and {most} inclusive"))
}

fn parse_events(value: &str) -> Result<New, String> {
    let wanted = Wanted::parse(value.as_bytes());
    wanted.map(New::Events).ok_or_else(|| "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.".into())
}

/// As Redis writes it; there are no replicas that would read it.
fn outputs(context: &Context<'_>) -> String {
    let class =
        |name: &str, limit: Limit| format!("{name} {} {} {}", limit.hard_bytes, limit.soft_bytes, limit.soft_seconds);
    let limits = &context.node.talk.limits;
    format!("{} slave 0 0 0 {}", class("normal", limits.of(false)), class("pubsub", limits.of(true)))
}

/// Groups of class, hard bound, soft bound and seconds. No class may be without a hard bound here.
fn parse_outputs(value: &str) -> Result<New, String> {
    let words: Vec<&str> = value.split_ascii_whitespace().collect();
    if words.is_empty() || !words.len().is_multiple_of(4) {
        return Err("Wrong number of arguments in buffer limit configuration.".into());
    }
    let mut limits = [None; 2];
    for group in words.chunks(4) {
        let number = |text: &str| {
            let wrong = "Error in hard, soft or soft_seconds setting in buffer limit configuration.";
            bytes_of(text).ok_or_else(|| wrong.to_string())
        };
        let (hard_bytes, soft_bytes) = (number(group[1])?, number(group[2])?);
        let limit = Limit { hard_bytes, soft_bytes, soft_seconds: within(group[3], u64::MAX >> 1)? };
        let place = match group[0].to_ascii_lowercase().as_str() {
            "normal" => &mut limits[0],
            "pubsub" => &mut limits[1],
            "slave" | "replica" => continue,
            _ => return Err("Invalid client class specified in buffer limit configuration.".into()),
        };
        if hard_bytes == 0 || hard_bytes > 1 << 32 {
            return Err("a hard limit is between 1 and 4 GiB here: no client may have memory without bound".into());
        }
        *place = Some(limit);
    }
    Ok(New::Outputs(limits))
}

/// Bytes as Redis reads them: `1k` is 1000 and `1kb` 1024.
fn bytes_of(text: &str) -> Option<u64> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let factor = match text[digits..].to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" => 1000,
        "kb" => 1 << 10,
        "m" => 1_000_000,
        "mb" => 1 << 20,
        "g" => 1_000_000_000,
        "gb" => 1 << 30,
        _ => return None,
    };
    text[..digits].parse::<u64>().ok()?.checked_mul(factor)
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

/// `CONFIG SET name value [name value ...]`: all or nothing. What only operators change may be set to what it already is.
pub fn config_set(context: &mut Context<'_>) -> Result<(), WireError> {
    if !context.args.len().is_multiple_of(2) {
        return Err(WireError::Syntax);
    }
    let settings = settings(context);
    let mut found = Vec::new();
    for index in (2..context.args.len()).step_by(2) {
        let name = String::from_utf8_lossy(context.arg(index)).to_ascii_lowercase();
        let Some(setting) = settings.iter().find(|setting| setting.name == name) else {
            let text = format!("ERR Unknown option or number of arguments for CONFIG SET - '{name}'");
            return Err(WireError::Other(text));
        };
        found.push((setting, context.arg(index + 1)));
    }
    let mut changes = Vec::new();
    for (index, (setting, value)) in found.iter().enumerate() {
        let failed = |why: &str| {
            let name = setting.name;
            WireError::Other(format!("ERR CONFIG SET failed (possibly related to argument '{name}') - {why}"))
        };
        if found[..index].iter().any(|(before, _)| before.name == setting.name) {
            return Err(failed("duplicate parameter"));
        }
        match setting.change {
            Change::Client(parse) => {
                changes.push(parse(&String::from_utf8_lossy(value)).map_err(|why| failed(&why))?);
            }
            Change::Operator(_) if is_already(setting, value) => {}
            Change::Operator(verb) => {
                return Err(WireError::UseVerb { what: format!("CONFIG SET {}", setting.name), verb });
            }
        }
    }
    changes.into_iter().for_each(|change| apply(context, change));
    context.reply.ok();
    Ok(())
}

fn apply(context: &mut Context<'_>, new: New) {
    let node = context.node;
    match new {
        New::Bound(log, bound) => node.slow.set_bound(log, bound),
        New::Length(log, length) => node.slow.set_length_max(log, length),
        New::LatencyBound(bound) => node.slow.set_latency_bound_ms(bound),
        New::BusyAfter(ms) => node.scripts.set_busy_ms(ms),
        New::ScriptTime(ms) => node.scripts.set_time_max_ms(ms.max(1)),
        New::Timeout(seconds) => node.idle_seconds_max.store(seconds, Relaxed),
        New::Outputs(limits) => {
            for (limit, is_pubsub) in limits.into_iter().zip([false, true]) {
                limit.into_iter().for_each(|limit| node.talk.limits.set(is_pubsub, limit));
            }
        }
        New::Events(wanted) => {
            let addition = node.want_events(wanted);
            let requests = node.announce(context.view, &[addition]);
            tell(context, Tell { requests, answers: Answers::Awaited });
        }
    }
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

/// A node's file is its operator's.
pub fn config_rewrite(_: &mut Context<'_>) -> Result<(), WireError> {
    Err(WireError::Other("ERR The server is running without a config file".into()))
}

/// `INFO` counts anew. Reports and metrics go on: two readers must not disturb each other.
pub fn config_resetstat(context: &mut Context<'_>) -> Result<(), WireError> {
    let node = context.node;
    let commands = COMMANDS.iter().map(|command| {
        let id = usize::from(command.id);
        (command.id, (node.stats().command(id), node.stats().latencies(id)))
    });
    let base = super::info::InfoBase {
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
    super::help::of(
        context,
        "CONFIG",
        &[
            ("GET <pattern>", "Return parameters matching the glob-like <pattern> and their values."),
            (
                "SET <directive> <value>",
                "Set the configuration <directive> to <value>, or name the dcache verb that does.",
            ),
            ("RESETSTAT", "Reset statistics reported by the INFO command."),
            ("REWRITE", "Refused: a node's file is its operator's."),
        ],
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::command::Door;
    use crate::fixture::{self, Cluster};
    use std::time::Duration;

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
}
