//! Commands about the node as a server that are no family of their own: `DBSIZE`, `FLUSHDB`, `TIME`, `ROLE` and the like, and
//! those that are not a client's business.
//!
//! `INFO` is in [`super::info`], `CONFIG` in [`super::config`], `MEMORY` in [`super::memory`], `ACL` in [`super::acl`].

use super::Context;
use crate::number;
use dcache_protocol::error::WireError;
use dcache_protocol::namespace::DATABASES;
use dcache_protocol::{REDIS_VERSION, Slot, VERSION};

pub fn dbsize(context: &mut Context<'_>) -> Result<(), WireError> {
    let count = served_keys(context, context.database);
    context.reply.integer(i64::try_from(count).unwrap_or(i64::MAX));
    Ok(())
}

/// Copies of other nodes' keys are theirs to count.
pub(super) fn served_keys(context: &Context<'_>, database: u16) -> u64 {
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
    super::help::of(context, "MODULE", &[("LIST", "Return a list of loaded modules, which is empty.")]);
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

#[cfg(test)]
mod tests {
    use crate::command::Door;
    use crate::command::info::tests::info_of;
    use crate::fixture::{self, Cluster, UNIX_MS, key_of};
    use std::time::Duration;

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
}
