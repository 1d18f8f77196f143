//! The table `redis` that scripts see.
//!
//! Errors are raised as [`Raised`], which the prelude turns into what Lua code sees: a table with `err`, or a text with its place.

use super::cache::sum_of;
use super::convert;
use super::machine::Host;
use dcache_protocol::resp::reply::push_integer;
use dcache_protocol::resp::reply::{Version, write_double};
use mlua::{Error, Lua, MultiValue, Result, Table, Value};
use std::rc::Rc;

/// What one call writes into the node's log; Redis's has no longer lines either.
const LOG_BYTES_MAX: usize = 1024;

/// What a library makes of values in one call.
pub(super) const MADE_BYTES_MAX: usize = 64 << 20;

/// What a library function raises.
#[derive(Clone, Debug)]
pub(super) enum Raised {
    /// A table: `{err = text}`. `is_counted`: a command's, which has been counted already.
    Reply { text: Vec<u8>, is_counted: bool },
    /// A text.
    Text(Vec<u8>),
}

impl std::fmt::Display for Raised {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Raised::Reply { text, .. } | Raised::Text(text)) = self;
        f.write_str(&String::from_utf8_lossy(text))
    }
}

impl std::error::Error for Raised {}

/// `{err = "ERR text"}`, raised.
pub(super) fn reply_error(text: &str) -> Error {
    Error::external(Raised::Reply { text: text.into(), is_counted: false })
}

/// As `luaL_error`: a text behind the place of whoever called the library.
pub(super) fn error_at(lua: &Lua, text: &str) -> Error {
    let place = lua.inspect_stack(1, |debug| {
        let line = debug.current_line()?;
        Some(format!("{}:{line}: ", debug.source().short_src.as_deref().unwrap_or("?")))
    });
    Error::external(Raised::Text((place.flatten().unwrap_or_default() + text).into_bytes()))
}

/// A text as it is.
pub(super) fn raised(text: &str) -> Error {
    Error::external(Raised::Text(text.into()))
}

/// As `luaL_argerror`.
pub(super) fn argument_error(lua: &Lua, index: usize, function: &str, text: &str) -> Error {
    error_at(lua, &format!("bad argument #{index} to '{function}' ({text})"))
}

/// The value that an error of a library is for Lua code.
pub(super) fn revealed(lua: &Lua, error: &Error) -> Result<Value> {
    match raised_of(error) {
        Some(Raised::Reply { text, is_counted }) => {
            let table = lua.create_table()?;
            table.raw_set("err", lua.create_string(text)?)?;
            if *is_counted {
                table.raw_set("ignore_error_stats_update", true)?;
            }
            Ok(Value::Table(table))
        }
        Some(Raised::Text(text)) => Ok(Value::String(lua.create_string(text)?)),
        None => {
            let text = match error {
                Error::CallbackError { cause, .. } => cause.to_string(),
                other => other.to_string(),
            };
            Ok(Value::String(lua.create_string(text)?))
        }
    }
}

fn raised_of(error: &Error) -> Option<&Raised> {
    match error {
        Error::ExternalError(inner) => inner.downcast_ref::<Raised>(),
        Error::CallbackError { cause, .. } | Error::WithContext { cause, .. } => raised_of(cause),
        _ => None,
    }
}

/// A number as a command's argument, as Redis 7.2 writes it.
fn write_number(number: f64, out: &mut Vec<u8>) {
    const MOST: f64 = (i64::MAX / 2) as f64;
    if (-MOST..=MOST).contains(&number) && number.trunc() == number {
        push_integer(number as i64, out);
    } else {
        write_double(number, out);
    }
}

/// Appends the arguments of a call as a request; false: one is neither text nor number.
fn encode(args: &MultiValue, out: &mut Vec<u8>) -> bool {
    out.push(b'*');
    push_integer(args.len() as i64, out);
    out.extend_from_slice(b"\r\n");
    let mut text = Vec::new();
    let mut bulk = |bytes: &[u8]| {
        out.push(b'$');
        push_integer(bytes.len() as i64, out);
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(bytes);
        out.extend_from_slice(b"\r\n");
    };
    for arg in args {
        match arg {
            Value::String(bytes) => bulk(&bytes.as_bytes()),
            Value::Integer(number) => {
                text.clear();
                push_integer(*number, &mut text);
                bulk(&text);
            }
            Value::Number(number) => {
                text.clear();
                write_number(*number, &mut text);
                bulk(&text);
            }
            _ => return false,
        }
    }
    true
}

const NOT_TEXT: &str = "ERR Lua redis lib command arguments must be strings or integers";
const NO_ARGUMENT: &str = "ERR Please specify at least one argument for this redis lib call";

/// `redis.call`, and `redis.pcall`, which answers errors of a command instead of raising them.
fn call(lua: &Lua, host: &Host, args: &MultiValue, is_protected: bool) -> Result<Value> {
    let fails = |text: &str| match is_protected {
        false => Err(reply_error(text)),
        true => convert::error_table(lua, text.as_bytes(), false),
    };
    if args.is_empty() {
        return fails(NO_ARGUMENT);
    }
    let mut request = host.take_buffer();
    if !encode(args, &mut request) {
        return fails(NOT_TEXT);
    }
    let mut reply = host.take_buffer();
    let called = host.call(lua, &request, &mut reply);
    host.give_buffer(request);
    let value = match called {
        Err(error) => return Err(error),
        Ok(Some(text)) => fails(&text),
        Ok(None) if reply.first() == Some(&b'-') => {
            let text = reply[1..].strip_suffix(b"\r\n").unwrap_or(&reply[1..]);
            match is_protected {
                false => Err(Error::external(Raised::Reply { text: text.to_vec(), is_counted: true })),
                true => convert::error_table(lua, text, true),
            }
        }
        Ok(None) => {
            let _unbounded = super::machine::Unbounded::new(lua);
            convert::to_lua(lua, &reply, host.version())
        }
    };
    if super::machine::is_full(lua) {
        return Err(reply_error(super::machine::NO_MEMORY));
    }
    host.give_buffer(reply);
    value
}

fn number_of(value: Option<&Value>) -> Option<f64> {
    match value? {
        Value::Integer(number) => Some(*number as f64),
        Value::Number(number) => Some(*number),
        Value::String(text) => text.to_str().ok()?.trim().parse().ok(),
        _ => None,
    }
}

pub(super) fn text_of(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::String(text) => Some(text.as_bytes().to_vec()),
        Value::Integer(number) => Some(number.to_string().into_bytes()),
        Value::Number(number) => Some(super::format::general(*number, 14).into_bytes()),
        _ => None,
    }
}

/// `{ok = text}` or `{err = text}`.
fn single(lua: &Lua, args: &MultiValue, field: &str) -> Result<Value> {
    let table = lua.create_table()?;
    match (args.len(), args.front()) {
        (1, Some(Value::String(text))) => {
            let bytes = text.as_bytes().to_vec();
            let bytes = if field == "err" { coded(bytes) } else { bytes };
            table.raw_set(field, lua.create_string(bytes)?)?;
        }
        _ => return convert::error_table(lua, b"ERR wrong number or type of arguments", false),
    }
    Ok(Value::Table(table))
}

/// An error's text with a code before it.
fn coded(text: Vec<u8>) -> Vec<u8> {
    match text.strip_prefix(b"-") {
        _ if text.is_empty() => b"ERR ".to_vec(),
        Some(rest) if rest.contains(&b' ') => rest.to_vec(),
        Some(rest) => [b"ERR ", rest].concat(),
        None if text.contains(&b' ') => text,
        None => [b"ERR ", &text[..]].concat(),
    }
}

/// Makes the table `redis`.
pub(super) fn redis(lua: &Lua, host: &Rc<Host>) -> Result<Table> {
    let redis = lua.create_table()?;
    let set = |name: &str, run: fn(&Lua, &Host, &MultiValue) -> Result<Value>| {
        let host = Rc::clone(host);
        // These answer nothing, which is not the same as nil.
        if matches!(name, "log" | "setresp" | "set_repl" | "debug") {
            let silent = move |lua: &Lua, args: MultiValue| run(lua, &host, &args).map(|_| ());
            return redis.raw_set(name, lua.create_function(silent)?);
        }
        redis.raw_set(name, lua.create_function(move |lua, args: MultiValue| run(lua, &host, &args))?)
    };
    set("call", |lua, host, args| call(lua, host, args, false))?;
    set("pcall", |lua, host, args| call(lua, host, args, true))?;
    set("error_reply", |lua, _, args| single(lua, args, "err"))?;
    set("status_reply", |lua, _, args| single(lua, args, "ok"))?;
    set("sha1hex", |lua, _, args| match (args.len(), args.front()) {
        (1, Some(value)) => {
            let text = text_of(value).unwrap_or_default();
            Ok(Value::String(lua.create_string(sum_of(&text))?))
        }
        _ => Err(reply_error("ERR wrong number of arguments")),
    })?;
    set("log", |_, host, args| {
        if args.len() < 2 {
            return Err(reply_error("ERR redis.log() requires two arguments or more."));
        }
        let Some(level) = number_of(args.front()) else {
            return Err(reply_error("ERR First argument must be a number (log level)."));
        };
        if !(0.0..4.0).contains(&level) {
            return Err(reply_error("ERR Invalid debug level."));
        }
        let words: Vec<Vec<u8>> = args.iter().skip(1).filter_map(text_of).collect();
        let mut line = words.join(&b' ');
        line.truncate(LOG_BYTES_MAX);
        host.log(level as u8, &line);
        Ok(Value::Nil)
    })?;
    set("setresp", |_, host, args| {
        if args.len() != 1 {
            return Err(reply_error("ERR redis.setresp() requires one argument."));
        }
        match number_of(args.front()) {
            Some(2.0) => host.set_version(Version::Resp2),
            Some(3.0) => host.set_version(Version::Resp3),
            _ => return Err(reply_error("ERR RESP version must be 2 or 3.")),
        }
        Ok(Value::Nil)
    })?;
    set("set_repl", |_, _, args| {
        if args.len() != 1 {
            return Err(reply_error("ERR redis.set_repl() requires two arguments."));
        }
        match number_of(args.front()) {
            Some(flags) if (0.0..4.0).contains(&flags) => Ok(Value::Nil),
            _ => Err(reply_error("ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.")),
        }
    })?;
    set("acl_check_cmd", |_, host, args| {
        if args.is_empty() {
            return Err(reply_error(NO_ARGUMENT));
        }
        let mut request = Vec::new();
        if !encode(args, &mut request) {
            return Err(reply_error("ERR redis.acl_check_cmd() require all arguments to be strings or numbers"));
        }
        match host.is_command(&request) {
            true => Ok(Value::Boolean(true)),
            false => Err(reply_error("ERR Invalid command passed to redis.acl_check_cmd()")),
        }
    })?;
    set("breakpoint", |_, _, _| Ok(Value::Boolean(false)))?;
    set("debug", |_, _, _| Ok(Value::Nil))?;
    set("replicate_commands", |_, _, _| Ok(Value::Boolean(true)))?;
    for (name, number) in [
        ("LOG_DEBUG", 0),
        ("LOG_VERBOSE", 1),
        ("LOG_NOTICE", 2),
        ("LOG_WARNING", 3),
        ("REPL_NONE", 0),
        ("REPL_AOF", 1),
        ("REPL_SLAVE", 2),
        ("REPL_REPLICA", 2),
        ("REPL_ALL", 3),
    ] {
        redis.raw_set(name, number)?;
    }
    let version = dcache_protocol::REDIS_VERSION;
    let number = version.split('.').filter_map(|part| part.parse::<i64>().ok()).fold(0, |all, part| all << 8 | part);
    redis.raw_set("REDIS_VERSION", version)?;
    redis.raw_set("REDIS_VERSION_NUM", number)?;
    Ok(redis)
}
