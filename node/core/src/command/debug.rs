//! `DEBUG`: what test suites need of it, on nodes that were started with `--debug-commands`.

use super::Context;
use crate::number::parse_integer;
use dcache_protocol::error::WireError;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// Longest sleep.
const SLEEP_MAX: Duration = Duration::from_secs(60);

fn other(text: impl Into<String>) -> WireError {
    WireError::Other(text.into())
}

fn check(context: &Context<'_>) -> Result<(), WireError> {
    if context.node.has_debug.load(Relaxed) {
        return Ok(());
    }
    Err(other("ERR DEBUG command not allowed: start the node with --debug-commands to allow it"))
}

/// How long a `DEBUG SLEEP seconds` is to take.
pub(crate) fn sleep_of(seconds: &[u8]) -> Option<Duration> {
    let seconds: f64 = std::str::from_utf8(seconds).ok()?.parse().ok()?;
    let sleep = Duration::try_from_secs_f64(seconds).ok()?;
    Some(sleep.min(SLEEP_MAX))
}

/// The session has waited by now, and this node's other clients with it.
pub fn debug_sleep(context: &mut Context<'_>) -> Result<(), WireError> {
    check(context)?;
    sleep_of(context.arg(2)).ok_or(WireError::NotFloat)?;
    context.reply.ok();
    Ok(())
}

/// `DEBUG SET-ACTIVE-EXPIRE 0|1`: whether expired entries go before they are looked for.
pub fn debug_set_active_expire(context: &mut Context<'_>) -> Result<(), WireError> {
    check(context)?;
    let on = parse_integer(context.arg(2)).ok_or(WireError::NotInteger)? != 0;
    context.node.expires.store(on, Relaxed);
    context.reply.ok();
    Ok(())
}

pub fn debug_object(context: &mut Context<'_>) -> Result<(), WireError> {
    check(context)?;
    let key = context.arg(2);
    let guard = &mut context.lock(key);
    let entry = guard.peek(context.database, key, context.now_ms).ok_or(WireError::NoSuchKey)?;
    let text = format!(
        "Value at:0x0 refcount:1 encoding:raw serializedlength:{} lru:0 lru_seconds_idle:{}",
        entry.value().bytes(),
        entry.idle_ms(context.now_ms) / 1000
    );
    context.reply.simple(&text);
    Ok(())
}

/// What is not there of it, and why.
pub fn debug_refused(context: &mut Context<'_>) -> Result<(), WireError> {
    check(context)?;
    let name = String::from_utf8_lossy(context.arg(1)).to_ascii_uppercase();
    Err(other(format!("ERR DEBUG {name} is not there: there is no Java machine and nothing on disk to look into")))
}

pub fn debug_help(context: &mut Context<'_>) -> Result<(), WireError> {
    super::help::of(
        context,
        "DEBUG",
        &[
            ("JMAP", "Refused: there is nothing to map."),
            ("OBJECT <key>", "Show low level info about `key` and associated value."),
            (
                "SET-ACTIVE-EXPIRE <0|1>",
                "Setting it to 0 disables expiring keys (in the background) when they are not accessed.",
            ),
            ("SLEEP <seconds>", "Stop this node's clients for <seconds>. Decimals allowed."),
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
}
