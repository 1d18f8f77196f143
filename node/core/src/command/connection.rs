//! Commands about the connection itself: greeting, database, names, and what its client asked for. Not here: other clients
//! ([`super::client`]).
//!
//! All of them are answered by the node that was asked, for itself: `CLIENT LIST` shows and `CLIENT KILL` ends clients of this
//! node only. There are no passwords yet: as in Redis without one, the user `default` accepts any, and there is no other.

use super::{Context, Door, pubsub};
use crate::number;
use crate::session::Replies;
use dcache_protocol::REDIS_VERSION;
use dcache_protocol::error::WireError;
use dcache_protocol::namespace::DATABASES;
use dcache_protocol::resp::reply::Version;
use std::sync::atomic::Ordering::Relaxed;

/// Longest name a client may give itself or its library, in bytes.
const NAME_BYTES_MAX: usize = 1024;

fn other(text: impl Into<String>) -> WireError {
    WireError::Other(text.into())
}

fn is(arg: &[u8], word: &str) -> bool {
    arg.eq_ignore_ascii_case(word.as_bytes())
}

/// `HELLO [protover [AUTH username password] [SETNAME name]]`; nothing changes unless all of it is valid.
pub fn hello(context: &mut Context<'_>) -> Result<(), WireError> {
    let mut version = context.client.version;
    if context.args.len() > 1 {
        let asked = number::parse_integer(context.arg(1))
            .ok_or_else(|| other("ERR Protocol version is not an integer or out of range"))?;
        version = u8::try_from(asked).ok().and_then(Version::from_number).ok_or(WireError::NoProto)?;
    }
    let mut name = None;
    let mut index = 2;
    while index < context.args.len() {
        let more = context.args.len() - 1 - index;
        let option = context.arg(index);
        if is(option, "auth") && more >= 2 {
            require_default_user(context.arg(index + 1))?;
            index += 3;
        } else if is(option, "setname") && more >= 1 {
            name = Some(client_name(context.arg(index + 1))?);
            index += 2;
        } else {
            let option = String::from_utf8_lossy(option);
            return Err(other(format!("ERR Syntax error in HELLO option '{option}'")));
        }
    }
    if let (Some(name), Some(client)) = (name, &context.client.client) {
        client.names.lock().name = name;
    }
    context.client.set_version(version);
    context.reply.set_version(version);
    let mode = if context.door == Door::Gateway { "standalone" } else { "cluster" };
    let id = i64::try_from(context.client.id).unwrap_or(i64::MAX);
    let reply = &mut context.reply;
    reply.map(7);
    for (field, value) in [("server", "redis"), ("version", REDIS_VERSION)] {
        reply.bulk(field.as_bytes());
        reply.bulk(value.as_bytes());
    }
    for (field, value) in [("proto", i64::from(version.number())), ("id", id)] {
        reply.bulk(field.as_bytes());
        reply.integer(value);
    }
    for (field, value) in [("mode", mode), ("role", "master")] {
        reply.bulk(field.as_bytes());
        reply.bulk(value.as_bytes());
    }
    reply.bulk(b"modules");
    reply.array(0);
    Ok(())
}

pub fn auth(context: &mut Context<'_>) -> Result<(), WireError> {
    match context.args.len() {
        2 => Err(other(
            "ERR AUTH <password> called without any password configured for the default user. \
             Are you sure your configuration is correct?",
        )),
        3 => {
            require_default_user(context.arg(1))?;
            context.reply.ok();
            Ok(())
        }
        _ => Err(WireError::Syntax),
    }
}

fn require_default_user(user: &[u8]) -> Result<(), WireError> {
    if user == b"default" {
        return Ok(());
    }
    Err(other("WRONGPASS invalid username-password pair or user is disabled."))
}

pub fn ping(context: &mut Context<'_>) -> Result<(), WireError> {
    if pubsub::is_in_subscriber_mode(context) {
        if context.args.len() > 2 {
            return Err(WireError::WrongArity { command: "ping".into() });
        }
        context.reply.array(2);
        context.reply.bulk("pong");
        context.reply.bulk(context.arg(1));
        return Ok(());
    }
    match context.args.len() {
        1 => context.reply.simple("PONG"),
        2 => context.reply.bulk(context.arg(1)),
        _ => return Err(WireError::WrongArity { command: "ping".into() }),
    }
    Ok(())
}

pub fn echo(context: &mut Context<'_>) -> Result<(), WireError> {
    context.reply.bulk(context.arg(1));
    Ok(())
}

pub fn quit(context: &mut Context<'_>) -> Result<(), WireError> {
    context.client.closing = true;
    context.reply.ok();
    Ok(())
}

/// Back to how the connection began.
pub fn reset(context: &mut Context<'_>) -> Result<(), WireError> {
    if let Some(client) = &context.client.client {
        client.names.lock().name.clear();
        client.no_evict.store(false, Relaxed);
        client.no_touch.store(false, Relaxed);
        context.node.forget_client(client);
    }
    context.client.tracking = None;
    context.client.end_transaction();
    context.client.is_special = false;
    context.client.no_touch = false;
    context.client.reads_copies = false;
    context.client.replies = Replies::All;
    context.client.set_database(0);
    context.client.set_version(Version::Resp2);
    context.reply.set_version(Version::Resp2);
    context.reply.simple("RESET");
    Ok(())
}

pub fn select(context: &mut Context<'_>) -> Result<(), WireError> {
    let index = number::parse_integer(context.arg(1)).ok_or(WireError::NotInteger)?;
    if context.door != Door::Gateway && index != 0 {
        return Err(other("ERR SELECT is not allowed in cluster mode"));
    }
    let database = u16::try_from(index).ok().filter(|database| *database < DATABASES);
    let database = context.view.database(database.ok_or(WireError::InvalidDatabase)?);
    context.client.set_database(database);
    context.reply.ok();
    Ok(())
}

pub fn client_id(context: &mut Context<'_>) -> Result<(), WireError> {
    context.reply.integer(i64::try_from(context.client.id).unwrap_or(i64::MAX));
    Ok(())
}

pub fn client_getname(context: &mut Context<'_>) -> Result<(), WireError> {
    let name = context.client.client.as_ref().map(|client| client.names.lock().name.clone()).unwrap_or_default();
    if name.is_empty() {
        context.reply.null()
    } else {
        context.reply.bulk(name.as_bytes())
    }
    Ok(())
}

pub fn client_setname(context: &mut Context<'_>) -> Result<(), WireError> {
    let name = client_name(context.arg(2))?;
    if let Some(client) = &context.client.client {
        client.names.lock().name = name;
    }
    context.reply.ok();
    Ok(())
}

pub fn client_setinfo(context: &mut Context<'_>) -> Result<(), WireError> {
    let attribute = context.arg(2);
    let is_name = is(attribute, "lib-name");
    if !is_name && !is(attribute, "lib-ver") {
        return Err(other(format!("ERR Unrecognized option '{}'", String::from_utf8_lossy(attribute))));
    }
    let value = printable(context.arg(3), &String::from_utf8_lossy(attribute))?;
    if let Some(client) = &context.client.client {
        let mut names = client.names.lock();
        *if is_name { &mut names.library } else { &mut names.library_version } = value;
    }
    context.reply.ok();
    Ok(())
}

fn client_name(name: &[u8]) -> Result<String, WireError> {
    printable(name, "Client names")
}

/// A name that cannot break the lines of `CLIENT LIST`: printable ASCII without spaces.
fn printable(value: &[u8], what: &str) -> Result<String, WireError> {
    if value.len() > NAME_BYTES_MAX {
        return Err(other(format!("ERR {what} cannot be longer than {NAME_BYTES_MAX} bytes.")));
    }
    if !value.iter().all(|b| (b'!'..=b'~').contains(b)) {
        return Err(other(format!("ERR {what} cannot contain spaces, newlines or special characters.")));
    }
    Ok(String::from_utf8_lossy(value).into_owned())
}

/// `ON` or `OFF`.
fn switch(arg: &[u8]) -> Result<bool, WireError> {
    match (is(arg, "on"), is(arg, "off")) {
        (true, _) => Ok(true),
        (_, true) => Ok(false),
        _ => Err(WireError::Syntax),
    }
}

/// Client buffers are never freed to make room here, so the wish is noted for `CLIENT LIST` and always granted.
pub fn client_no_evict(context: &mut Context<'_>) -> Result<(), WireError> {
    let on = switch(context.arg(2))?;
    if let Some(client) = &context.client.client {
        client.no_evict.store(on, Relaxed);
    }
    context.reply.ok();
    Ok(())
}

/// Holds for keys this node has; a request passed on to another node touches there.
pub fn client_no_touch(context: &mut Context<'_>) -> Result<(), WireError> {
    let on = switch(context.arg(2))?;
    context.client.no_touch = on;
    if let Some(client) = &context.client.client {
        client.no_touch.store(on, Relaxed);
    }
    context.reply.ok();
    Ok(())
}

/// `CLIENT MAINT_NOTIFICATIONS ON|OFF [option value ...]`: whether to be told [`crate::news`]. Options say in which form a client
/// would like addresses; it gets those of `CLUSTER SLOTS`. A gateway has no such news, and as little of the subcommand.
pub fn client_maint_notifications(context: &mut Context<'_>) -> Result<(), WireError> {
    if context.door == Door::Gateway {
        let name = String::from_utf8_lossy(context.arg(1));
        return Err(other(format!("ERR unknown subcommand '{name}'. Try CLIENT HELP.")));
    }
    let on = switch(context.arg(2))?;
    if on && context.client.version == Version::Resp2 {
        return Err(other("ERR CLIENT MAINT_NOTIFICATIONS needs RESP3: HELLO 3 first"));
    }
    context.client.news = on.then(|| context.node.news().count());
    if let Some(client) = &context.client.client {
        client.wants_news.store(on, Relaxed);
    }
    context.reply.ok();
    Ok(())
}

/// The session takes back the replies a client does not want; here only the wish is noted.
pub fn client_reply(context: &mut Context<'_>) -> Result<(), WireError> {
    let mode = context.arg(2);
    if is(mode, "on") {
        context.client.replies = Replies::All;
        context.reply.ok();
    } else if is(mode, "off") {
        context.client.replies = Replies::None;
    } else if is(mode, "skip") {
        if context.client.replies != Replies::None {
            context.client.replies = Replies::SkipNext;
        }
    } else {
        return Err(WireError::Syntax);
    }
    Ok(())
}

/// Capabilities a client announces; none changes what it is answered.
pub fn client_capa(context: &mut Context<'_>) -> Result<(), WireError> {
    context.reply.ok();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{self, Cluster};
    use std::time::Duration;

    fn hello_of(head: &str, proto: u8, id: u64, mode: &str) -> String {
        format!(
            "{head}\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.4.0\r\n$5\r\nproto\r\n:{proto}\r\n$2\r\nid\r\n:{id}\r\n\
             $4\r\nmode\r\n${}\r\n{mode}\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n",
            mode.len()
        )
    }

    #[test]
    fn hello_greets_in_the_version_it_agrees_on() {
        let cluster = Cluster::new(1);
        let mut client = cluster.client(0, Door::Gateway);
        assert_eq!(client.say("HELLO"), hello_of("*14", 2, 1, "standalone"));
        assert_eq!(client.say("HELLO 3"), hello_of("%7", 3, 1, "standalone"));
        assert_eq!(client.say("HELLO"), hello_of("%7", 3, 1, "standalone"));
        assert_eq!(client.say("GET none"), "_\r\n");
        assert_eq!(client.say("HELLO 2"), hello_of("*14", 2, 1, "standalone"));
        let mut client = cluster.client(0, Door::Cluster);
        assert_eq!(client.say("hello 3 auth default any SetName me"), hello_of("%7", 3, 2, "cluster"));
        assert_eq!(client.say("CLIENT GETNAME"), "$2\r\nme\r\n");
    }

    #[test]
    fn a_wrong_hello_changes_nothing() {
        let cluster = Cluster::new(1);
        let mut client = cluster.client(0, Door::Gateway);
        for (line, error) in [
            ("HELLO 4", "NOPROTO unsupported protocol version"),
            ("HELLO 1", "NOPROTO unsupported protocol version"),
            ("HELLO three", "ERR Protocol version is not an integer or out of range"),
            ("HELLO 3 FOO", "ERR Syntax error in HELLO option 'FOO'"),
            ("HELLO 3 AUTH default", "ERR Syntax error in HELLO option 'AUTH'"),
            ("HELLO 3 SETNAME x AUTH nobody x", "WRONGPASS invalid username-password pair or user is disabled."),
            ("HELLO 3 SETNAME \"a b\"", "ERR Client names cannot contain spaces, newlines or special characters."),
        ] {
            assert_eq!(client.say(line), format!("-{error}\r\n"));
        }
        assert_eq!(client.say("CLIENT GETNAME"), "$-1\r\n");
    }

    #[test]
    fn there_is_one_user_without_a_password() {
        let cluster = Cluster::new(1);
        let mut client = cluster.client(0, Door::Gateway);
        assert_eq!(
            client.say("AUTH secret"),
            "-ERR AUTH <password> called without any password configured for the default user. \
             Are you sure your configuration is correct?\r\n"
        );
        assert_eq!(client.say("AUTH default secret"), "+OK\r\n");
        assert_eq!(
            client.say("AUTH root secret"),
            "-WRONGPASS invalid username-password pair or user is disabled.\r\n"
        );
        assert_eq!(client.say("AUTH a b c"), "-ERR syntax error\r\n");
    }

    #[test]
    fn ping_and_echo() {
        let cluster = Cluster::new(1);
        let mut client = cluster.client(0, Door::Gateway);
        assert_eq!(client.say("PING"), "+PONG\r\n");
        assert_eq!(client.say("PING hi"), "$2\r\nhi\r\n");
        assert_eq!(client.say("PING a b"), "-ERR wrong number of arguments for 'ping' command\r\n");
        assert_eq!(client.call(&["ECHO", "a\r\nb"]), "$4\r\na\r\nb\r\n");
    }

    #[test]
    fn databases_are_sixteen_on_the_gateway_and_one_on_the_cluster_door() {
        let cluster = Cluster::new(1);
        let mut client = cluster.client(0, Door::Gateway);
        for (index, reply) in [
            ("0", "+OK"),
            ("15", "+OK"),
            ("16", "-ERR DB index is out of range"),
            ("-1", "-ERR DB index is out of range"),
            ("70000", "-ERR DB index is out of range"),
            ("x", "-ERR value is not an integer or out of range"),
        ] {
            assert_eq!(client.call(&["SELECT", index]), format!("{reply}\r\n"));
        }
        let mut client = cluster.client(0, Door::Cluster);
        assert_eq!(client.say("SELECT 0"), "+OK\r\n");
        assert_eq!(client.say("SELECT 1"), "-ERR SELECT is not allowed in cluster mode\r\n");
    }

    #[test]
    fn reset_starts_anew() {
        let cluster = Cluster::new(1);
        let mut client = cluster.client(0, Door::Gateway);
        client.say("HELLO 3 SETNAME me");
        client.say("SELECT 3");
        client.say("SET k v");
        assert_eq!(client.say("RESET"), "+RESET\r\n");
        assert_eq!(client.say("GET k"), "$-1\r\n");
        assert_eq!(client.say("CLIENT GETNAME"), "$-1\r\n");
        let info = client.say("CLIENT INFO");
        assert!(info.contains(" db=0 ") && info.contains(" resp=2 "), "{info}");
    }

    #[test]
    fn a_client_is_listed_as_redis_does() {
        let cluster = Cluster::new(1);
        let mut client = cluster.client(0, Door::Gateway);
        assert_eq!(client.say("CLIENT ID"), ":1\r\n");
        assert_eq!(client.say("CLIENT SETNAME me"), "+OK\r\n");
        assert_eq!(client.say("CLIENT SETINFO LIB-NAME redis-py"), "+OK\r\n");
        assert_eq!(client.say("CLIENT SETINFO lib-ver 5.0.1"), "+OK\r\n");
        assert_eq!(client.say("CLIENT NO-TOUCH ON"), "+OK\r\n");
        client.say("SELECT 4");
        fixture::pass(Duration::from_secs(30));
        let line = "id=1 addr=192.0.2.1:40000 laddr=10.0.0.1:6379 fd=-1 name=me age=30 idle=0 flags=T db=4 sub=0 psub=0 ssub=0 \
                    multi=-1 qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=0 tot-mem=0 events=r \
                    cmd=client|info user=default redir=-1 resp=2 lib-name=redis-py lib-ver=5.0.1\n";
        assert_eq!(client.say("CLIENT INFO"), format!("${}\r\n{line}\r\n", line.len()));
        let mut second = cluster.client(0, Door::Cluster);
        let list = second.say("CLIENT LIST");
        let ids: Vec<&str> = list.lines().skip(1).filter_map(|line| line.split(' ').next()).collect();
        assert_eq!(ids, ["id=1", "id=2", ""]);
        assert!(
            second.say("CLIENT LIST ID 2 7").contains("id=2 ") && !second.say("CLIENT LIST ID 2 7").contains("id=1 ")
        );
        assert_eq!(second.say("CLIENT LIST TYPE pubsub"), "$0\r\n\r\n");
        assert!(second.say("CLIENT LIST TYPE normal").contains("id=1 "));
        assert_eq!(second.say("CLIENT LIST TYPE odd"), "-ERR Unknown client type 'odd'\r\n");
        assert_eq!(second.say("CLIENT LIST ID x"), "-ERR Invalid client ID\r\n");
        assert_eq!(second.say("CLIENT LIST BOGUS"), "-ERR syntax error\r\n");
    }

    #[test]
    fn names_are_printable_and_bounded() {
        let cluster = Cluster::new(1);
        let mut client = cluster.client(0, Door::Gateway);
        let spaces = "cannot contain spaces, newlines or special characters.";
        assert_eq!(client.call(&["CLIENT", "SETNAME", "a b"]), format!("-ERR Client names {spaces}\r\n"));
        assert_eq!(client.call(&["CLIENT", "SETINFO", "lib-name", "a\nb"]), format!("-ERR lib-name {spaces}\r\n"));
        assert_eq!(client.say("CLIENT SETINFO lib-colour red"), "-ERR Unrecognized option 'lib-colour'\r\n");
        let long = "x".repeat(NAME_BYTES_MAX + 1);
        assert_eq!(
            client.call(&["CLIENT", "SETNAME", &long]),
            "-ERR Client names cannot be longer than 1024 bytes.\r\n"
        );
        client.call(&["CLIENT", "SETNAME", "me"]);
        assert_eq!(client.call(&["CLIENT", "SETNAME", ""]), "+OK\r\n");
        assert_eq!(client.say("CLIENT GETNAME"), "$-1\r\n", "an empty name takes it back");
    }

    #[test]
    fn switches_are_on_or_off() {
        let cluster = Cluster::new(1);
        let mut client = cluster.client(0, Door::Gateway);
        for name in ["NO-EVICT", "NO-TOUCH"] {
            assert_eq!(client.call(&["CLIENT", name, "on"]), "+OK\r\n");
            assert_eq!(client.call(&["CLIENT", name, "OFF"]), "+OK\r\n");
            assert_eq!(client.call(&["CLIENT", name, "maybe"]), "-ERR syntax error\r\n");
        }
        assert_eq!(client.say("CLIENT CAPA redirect"), "+OK\r\n");
        assert!(client.say("CLIENT HELP").contains("CLIENT <subcommand>"));
    }
}
