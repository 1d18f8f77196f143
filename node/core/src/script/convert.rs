//! Replies to Lua values and back, by Redis's rules.

use super::library::reply_error;
use dcache_protocol::resp::parse::parse_integer;
use dcache_protocol::resp::reply::{Reply, Version};
use mlua::{Lua, Result, Table, Value};

/// Deepest nesting of tables that is answered.
const DEPTH_MAX: usize = 1000;

/// The largest reply of a script.
const REPLY_BYTES_MAX: usize = 512 << 20;

/// Items of one array that are kept while it is written.
const ITEMS_KEPT: usize = 32;

/// `{err = text}`, as a value.
pub(super) fn error_table(lua: &Lua, text: &[u8], is_counted: bool) -> Result<Value> {
    let table = lua.create_table()?;
    table.raw_set("err", lua.create_string(text)?)?;
    if is_counted {
        table.raw_set("ignore_error_stats_update", true)?;
    }
    Ok(Value::Table(table))
}

/// The value of a command's whole reply. The state's memory has no bound of its own meanwhile ([`super::machine::Unbounded`]): what does
/// not fit is found out here, before much more is made.
pub(super) fn to_lua(lua: &Lua, reply: &[u8], version: Version) -> Result<Value> {
    if reply.len() > super::machine::STATE_BYTES_MAX {
        return Err(reply_error(super::machine::NO_MEMORY));
    }
    let mut rest = reply;
    value_of(lua, &mut rest, version)
}

/// Elements made between two looks whether the state is full.
const LOOK_EVERY: usize = 1024;

fn look(lua: &Lua, index: usize) -> Result<()> {
    match index.is_multiple_of(LOOK_EVERY) && super::machine::is_full(lua) {
        true => Err(reply_error(super::machine::NO_MEMORY)),
        false => Ok(()),
    }
}

fn line<'r>(rest: &mut &'r [u8]) -> Option<(u8, &'r [u8])> {
    let end = rest.iter().position(|&byte| byte == b'\r')?;
    let (kind, text) = rest[..end].split_first()?;
    *rest = rest.get(end + 2..)?;
    Some((*kind, text))
}

fn malformed() -> mlua::Error {
    reply_error("ERR a command's reply is not whole")
}

fn value_of(lua: &Lua, rest: &mut &[u8], version: Version) -> Result<Value> {
    let (kind, text) = line(rest).ok_or_else(malformed)?;
    let string = |bytes: &[u8]| lua.create_string(bytes);
    let null = || if version == Version::Resp3 { Value::Nil } else { Value::Boolean(false) };
    let field = |name: &str, value: Value| -> Result<Value> {
        let table = lua.create_table_with_capacity(0, 1)?;
        table.raw_set(name, value)?;
        Ok(Value::Table(table))
    };
    let number = || parse_integer(text).ok_or_else(malformed);
    match kind {
        b':' => Ok(Value::Number(number()? as f64)),
        b'+' => field("ok", Value::String(string(text)?)),
        b'-' => error_table(lua, text, true),
        b'$' | b'=' => {
            let Ok(length) = usize::try_from(number()?) else { return Ok(null()) };
            let bytes = rest.get(..length).ok_or_else(malformed)?;
            *rest = rest.get(length + 2..).ok_or_else(malformed)?;
            if kind == b'$' {
                return Ok(Value::String(string(bytes)?));
            }
            let (format, text) = bytes.split_at_checked(4).ok_or_else(malformed)?;
            let table = lua.create_table()?;
            table.raw_set("string", string(text)?)?;
            table.raw_set("format", string(&format[..3])?)?;
            field("verbatim_string", Value::Table(table))
        }
        b'*' | b'>' | b'~' => {
            let Ok(length) = usize::try_from(number()?) else { return Ok(null()) };
            let table = lua.create_table_with_capacity(length.min(1 << 16), 0)?;
            for index in 1..=length {
                let value = value_of(lua, rest, version)?;
                look(lua, index)?;
                match kind {
                    b'~' => table.raw_set(value, true)?,
                    _ => table.raw_set(index, value)?,
                }
            }
            if kind == b'~' { field("set", Value::Table(table)) } else { Ok(Value::Table(table)) }
        }
        b'%' => {
            let pairs = usize::try_from(number()?).map_err(|_| malformed())?;
            let table = lua.create_table()?;
            for index in 1..=pairs {
                let key = value_of(lua, rest, version)?;
                let value = value_of(lua, rest, version)?;
                look(lua, index)?;
                if !key.is_nil() {
                    table.raw_set(key, value)?;
                }
            }
            field("map", Value::Table(table))
        }
        b'_' => Ok(Value::Nil),
        b'#' => Ok(Value::Boolean(text == b"t")),
        b',' => {
            let text = std::str::from_utf8(text).map_err(|_| malformed())?;
            field("double", Value::Number(text.parse().map_err(|_| malformed())?))
        }
        b'(' => field("big_number", Value::String(string(text)?)),
        _ => Err(malformed()),
    }
}

/// Appends a script's result as a reply. `own` is the version the script chose, which decides how booleans are answered.
pub(super) fn to_reply(value: &Value, own: Version, reply: &mut Reply<'_>) -> Result<()> {
    write(value, own, reply, 0)
}

/// Text that stands in a line of its own.
fn in_line(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte }).collect()
}

pub(super) fn write_error(text: &[u8], reply: &mut Reply<'_>) {
    let mut line = vec![b'-'];
    line.extend(in_line(text));
    line.extend_from_slice(b"\r\n");
    reply.raw(&line);
}

/// As C casts on the usual processors: what does not fit is the smallest integer.
fn truncated(number: f64) -> i64 {
    const TOO_MUCH: f64 = 9_223_372_036_854_775_808.0;
    if (-TOO_MUCH..TOO_MUCH).contains(&number) { number as i64 } else { i64::MIN }
}

fn write(value: &Value, own: Version, reply: &mut Reply<'_>, depth: usize) -> Result<()> {
    if depth > DEPTH_MAX {
        write_error(b"ERR reached lua stack limit", reply);
        return Ok(());
    }
    if reply.buffered() > REPLY_BYTES_MAX {
        return Err(reply_error("ERR the script's reply is too large"));
    }
    match value {
        Value::String(text) => reply.bulk(&text.as_bytes()[..]),
        Value::Integer(number) => reply.integer(*number),
        Value::Number(number) => reply.integer(truncated(*number)),
        Value::Boolean(is) if own == Version::Resp3 && reply.version() == Version::Resp3 => reply.boolean(*is),
        Value::Boolean(true) => reply.integer(1),
        Value::Table(table) => return write_table(table, own, reply, depth),
        _ => reply.null(),
    }
    Ok(())
}

fn write_table(table: &Table, own: Version, reply: &mut Reply<'_>, depth: usize) -> Result<()> {
    if let Value::String(text) = table.raw_get::<Value>("err")? {
        write_error(&text.as_bytes(), reply);
        return Ok(());
    }
    if let Value::String(text) = table.raw_get::<Value>("ok")? {
        let mut line = vec![b'+'];
        line.extend(in_line(&text.as_bytes()));
        line.extend_from_slice(b"\r\n");
        reply.raw(&line);
        return Ok(());
    }
    match table.raw_get::<Value>("double")? {
        Value::Number(number) => {
            reply.double(number);
            return Ok(());
        }
        Value::Integer(number) => {
            reply.double(number as f64);
            return Ok(());
        }
        _ => {}
    }
    if let Value::Table(map) = table.raw_get::<Value>("map")? {
        reply.map(map.pairs::<Value, Value>().count());
        for pair in map.pairs::<Value, Value>() {
            let (key, value) = pair?;
            write(&key, own, reply, depth + 1)?;
            write(&value, own, reply, depth + 1)?;
        }
        return Ok(());
    }
    if let Value::Table(set) = table.raw_get::<Value>("set")? {
        reply.set(set.pairs::<Value, Value>().count());
        return set.pairs::<Value, Value>().try_for_each(|pair| write(&pair?.0, own, reply, depth + 1));
    }
    if let Value::String(digits) = table.raw_get::<Value>("big_number")? {
        let digits = in_line(&digits.as_bytes());
        reply.big_number(&String::from_utf8_lossy(&digits));
        return Ok(());
    }
    if let Value::Table(verbatim) = table.raw_get::<Value>("verbatim_string")?
        && let (Value::String(format), Value::String(text)) =
            (verbatim.raw_get::<Value>("format")?, verbatim.raw_get::<Value>("string")?)
    {
        write_verbatim(&format.as_bytes(), &text.as_bytes(), reply);
        return Ok(());
    }
    // Of a long one only the beginning is kept while it is counted: it may be in itself, as often as there is depth for.
    let mut first = Vec::new();
    let mut count = 0;
    loop {
        let value: Value = table.raw_get(count + 1)?;
        if value.is_nil() {
            break;
        }
        count += 1;
        if count <= ITEMS_KEPT {
            first.push(value);
        }
    }
    reply.array(count);
    first.iter().try_for_each(|value| write(value, own, reply, depth + 1))?;
    (ITEMS_KEPT + 1..=count).try_for_each(|index| write(&table.raw_get::<Value>(index)?, own, reply, depth + 1))
}

fn write_verbatim(format: &[u8], text: &[u8], reply: &mut Reply<'_>) {
    if reply.version() == Version::Resp2 {
        return reply.bulk(text);
    }
    let mut padded = [b' '; 3];
    for (place, byte) in padded.iter_mut().zip(format) {
        *place = *byte;
    }
    let mut bytes = format!("={}\r\n", text.len() + 4).into_bytes();
    bytes.extend_from_slice(&padded);
    bytes.push(b':');
    bytes.extend_from_slice(text);
    bytes.extend_from_slice(b"\r\n");
    reply.raw(&bytes);
}
