//! Commands about the connection itself: greeting, database, names, and the `CLIENT` family.
//!
//! All of them are answered by the node that was asked, for itself: `CLIENT LIST` shows and `CLIENT KILL` ends clients of this
//! node only. There are no passwords yet: as in Redis without one, the user `default` accepts any, and there is no other.

use super::{Context, Door};
use crate::number;
use crate::clients::Client;
use crate::session::Replies;
use dcache_protocol::REDIS_VERSION;
use dcache_protocol::error::WireError;
use dcache_protocol::namespace::DATABASES;
use dcache_protocol::resp::reply::Version;
use std::sync::Arc;
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
    }
    context.client.no_touch = false;
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
    context.client.set_database(database.ok_or(WireError::InvalidDatabase)?);
    context.reply.ok();
    Ok(())
}

pub fn client_id(context: &mut Context<'_>) -> Result<(), WireError> {
    context.reply.integer(i64::try_from(context.client.id).unwrap_or(i64::MAX));
    Ok(())
}

pub fn client_getname(context: &mut Context<'_>) -> Result<(), WireError> {
    let name = context.client.client.as_ref().map(|client| client.names.lock().name.clone()).unwrap_or_default();
    if name.is_empty() { context.reply.null() } else { context.reply.bulk(name.as_bytes()) }
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

pub fn client_info(context: &mut Context<'_>) -> Result<(), WireError> {
    let line = context.client.client.as_ref().map(|client| line_of(context, client)).unwrap_or_default();
    context.reply.verbatim("txt", &line);
    Ok(())
}

/// `CLIENT LIST [TYPE type | ID id [id ...]]`
pub fn client_list(context: &mut Context<'_>) -> Result<(), WireError> {
    let count = context.args.len();
    let mut clients = context.node.clients().list();
    if count == 4 && is(context.arg(2), "type") {
        if !is_type_of_all(context.arg(3))? {
            clients.clear();
        }
    } else if count > 3 && is(context.arg(2), "id") {
        let ids: Option<Vec<i64>> = (3..count).map(|index| number::parse_integer(context.arg(index))).collect();
        let ids = ids.ok_or_else(|| other("ERR Invalid client ID"))?;
        clients.retain(|client| ids.iter().any(|id| u64::try_from(*id) == Ok(client.id)));
    } else if count != 2 {
        return Err(WireError::Syntax);
    }
    let lines: String = clients.iter().map(|client| line_of(context, client)).collect();
    context.reply.verbatim("txt", &lines);
    Ok(())
}

fn line_of(context: &Context<'_>, client: &Client) -> String {
    client.line(context.node.now(), |command| {
        super::COMMANDS.get(command).map_or_else(|| "NULL".into(), |command| command.name.into())
    })
}

/// Whether a client type of Redis means the clients there are here: all are `normal`.
fn is_type_of_all(kind: &[u8]) -> Result<bool, WireError> {
    let known = ["normal", "master", "replica", "slave", "pubsub"];
    match known.iter().find(|known| is(kind, known)) {
        Some(&known) => Ok(known == "normal"),
        None => Err(other(format!("ERR Unknown client type '{}'", String::from_utf8_lossy(kind)))),
    }
}

/// `CLIENT KILL addr`, or `CLIENT KILL` with any of ID, TYPE, USER, ADDR, LADDR, SKIPME, all of which must fit.
pub fn client_kill(context: &mut Context<'_>) -> Result<(), WireError> {
    if context.args.len() == 3 {
        let address = context.arg(2);
        let clients = context.node.clients().list();
        let found = clients.iter().find(|client| client.remote.as_bytes() == address);
        let client = found.ok_or_else(|| other("ERR No such client"))?;
        kill(context, client);
        context.reply.ok();
        return Ok(());
    }
    if context.args.len() % 2 != 0 {
        return Err(WireError::Syntax);
    }
    let mut doomed = context.node.clients().list();
    let mut skip_me = true;
    for index in (2..context.args.len()).step_by(2) {
        let (filter, value) = (context.arg(index), context.arg(index + 1));
        if is(filter, "id") {
            let id = number::parse_integer(value).and_then(|id| u64::try_from(id).ok()).filter(|id| *id > 0);
            let id = id.ok_or_else(|| other("ERR client-id should be greater than 0"))?;
            doomed.retain(|client| client.id == id);
        } else if is(filter, "type") {
            if !is_type_of_all(value)? {
                doomed.clear();
            }
        } else if is(filter, "addr") {
            doomed.retain(|client| client.remote.as_bytes() == value);
        } else if is(filter, "laddr") {
            doomed.retain(|client| client.local.as_bytes() == value);
        } else if is(filter, "user") {
            if value != b"default" {
                return Err(other(format!("ERR No such user '{}'", String::from_utf8_lossy(value))));
            }
        } else if is(filter, "skipme") && (is(value, "yes") || is(value, "no")) {
            skip_me = is(value, "yes");
        } else {
            return Err(WireError::Syntax);
        }
    }
    doomed.retain(|client| !skip_me || client.id != context.client.id);
    doomed.iter().for_each(|client| kill(context, client));
    context.reply.integer(doomed.len() as i64);
    Ok(())
}

/// Ends a client; this one only after it was told.
fn kill(context: &mut Context<'_>, client: &Arc<Client>) {
    if client.id == context.client.id {
        context.client.closing = true;
    } else {
        client.kill();
    }
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

pub fn client_help(context: &mut Context<'_>) -> Result<(), WireError> {
    super::server::help(
        context,
        "CLIENT",
        &[
            ("CAPA <capability> [...]", "Announce capabilities of the client library."),
            ("GETNAME", "Return the name of the current connection."),
            ("ID", "Return the ID of the current connection."),
            ("INFO", "Return information about the current client connection."),
            ("KILL <ip:port>", "Kill connection made from <ip:port>."),
            ("KILL <option> <value> [<option> <value> [...]]", "Kill connections. Options are: ADDR (<ip:port>|<unixsocket>:0), LADDR (<ip:port>|<unixsocket>:0), TYPE (NORMAL|MASTER|REPLICA|PUBSUB), USER <username>, SKIPME (YES|NO), ID <client-id>"),
            ("LIST [options ...]", "Return information about client connections. Options: TYPE (NORMAL|MASTER|REPLICA|PUBSUB), ID <client-id> [...]"),
            ("NO-EVICT (ON|OFF)", "Protect current client connection from eviction."),
            ("NO-TOUCH (ON|OFF)", "Will not touch LRU/LFU stats when this mode is on."),
            ("REPLY (ON|OFF|SKIP)", "Control the replies sent to the current connection."),
            ("SETINFO <option> <value>", "Set client meta attr. Options are LIB-NAME and LIB-VER."),
            ("SETNAME <name>", "Assign the name <name> to the current connection."),
        ],
    );
    Ok(())
}
