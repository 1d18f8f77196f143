//! The library `cmsgpack`: MessagePack as lua-cmsgpack 0.4 reads and writes it.
//!
//! Whole numbers are packed in the fewest bytes, others as a float where that keeps them; a table whose keys are 1 to its count is an
//! array; what is nested deeper than 16 is nil.

use super::library::{MADE_BYTES_MAX, argument_error, error_at, raised};
use mlua::{Lua, MultiValue, Result, Table, Value};

const NESTING_MAX: usize = 16;

/// Nothing deeper is unpacked: it is the thread's own stack that would run out.
const DECODE_DEPTH_MAX: usize = 1000;

pub(super) fn library(lua: &Lua) -> Result<Table> {
    let table = lua.create_table()?;
    let pack = lua.create_function(|lua, args: MultiValue| {
        if args.is_empty() {
            return Err(argument_error(lua, 0, "pack", "MessagePack pack needs input."));
        }
        let mut out = Vec::new();
        args.iter().try_for_each(|value| encode(lua, value, 0, &mut out))?;
        lua.create_string(out)
    })?;
    table.raw_set("pack", pack)?;
    table.raw_set(
        "unpack",
        lua.create_function(|lua, args: MultiValue| {
            let text = text_of(lua, &args, "unpack")?;
            unpack(lua, &text, 0, 0, true)
        })?,
    )?;
    table.raw_set(
        "unpack_one",
        lua.create_function(|lua, args: MultiValue| {
            let offset = integer_of(lua, &args, 1, "unpack_one", Some(0))?;
            let text = text_of(lua, &args, "unpack_one")?;
            unpack(lua, &text, 1, offset, false)
        })?,
    )?;
    table.raw_set(
        "unpack_limit",
        lua.create_function(|lua, args: MultiValue| {
            let limit = integer_of(lua, &args, 1, "unpack_limit", None)?;
            let offset = integer_of(lua, &args, 2, "unpack_limit", Some(0))?;
            let text = text_of(lua, &args, "unpack_limit")?;
            unpack(lua, &text, limit, offset, false)
        })?,
    )?;
    table.raw_set("_NAME", "cmsgpack")?;
    table.raw_set("_VERSION", "lua-cmsgpack 0.4.0")?;
    table.raw_set("_COPYRIGHT", "Copyright (C) 2012, Redis Ltd.")?;
    table.raw_set("_DESCRIPTION", "MessagePack C implementation for Lua")?;
    Ok(table)
}

fn text_of(lua: &Lua, args: &MultiValue, function: &str) -> Result<Vec<u8>> {
    let value = args.front().cloned();
    let got = value.as_ref().map_or("no value", Value::type_name);
    match lua.coerce_string(value.unwrap_or(Value::Nil))? {
        Some(text) => Ok(text.as_bytes().to_vec()),
        None => Err(argument_error(lua, 1, function, &format!("string expected, got {got}"))),
    }
}

fn integer_of(lua: &Lua, args: &MultiValue, index: usize, function: &str, usual: Option<i64>) -> Result<i64> {
    let value = args.get(index).cloned().unwrap_or(Value::Nil);
    let got = if index < args.len() { value.type_name() } else { "no value" };
    match (value.is_nil(), usual) {
        (true, Some(usual)) => Ok(usual),
        _ => match lua.coerce_number(value)? {
            Some(number) => Ok(number as i64),
            None => Err(argument_error(lua, index + 1, function, &format!("number expected, got {got}"))),
        },
    }
}

/// A table may be in itself, so what comes of little can be much.
fn is_within(lua: &Lua, more: usize, out: &[u8]) -> Result<()> {
    match out.len() + more <= MADE_BYTES_MAX {
        true => Ok(()),
        false => Err(error_at(lua, "the packed text is too long")),
    }
}

fn encode(lua: &Lua, value: &Value, level: usize, out: &mut Vec<u8>) -> Result<()> {
    match value {
        Value::String(text) => {
            is_within(lua, text.as_bytes().len(), out)?;
            string(&text.as_bytes(), out);
        }
        Value::Boolean(is) => out.push(if *is { 0xc3 } else { 0xc2 }),
        Value::Integer(number) => integer(*number, out),
        Value::Number(number) => {
            // As C casts: what does not fit is the smallest integer, and then differs.
            let whole = *number as i64;
            let fits = (-9.223_372_036_854_776e18..9.223_372_036_854_776e18).contains(number);
            match fits && whole as f64 == *number {
                true => integer(whole, out),
                false => float(*number, out),
            }
        }
        Value::Table(_) if level == NESTING_MAX => out.push(0xc0),
        Value::Table(table) => return encode_table(lua, table, level, out),
        _ => out.push(0xc0),
    }
    Ok(())
}

fn encode_table(lua: &Lua, table: &Table, level: usize, out: &mut Vec<u8>) -> Result<()> {
    is_within(lua, 0, out)?;
    let count = table.pairs::<Value, Value>().count();
    if is_array(table, count)? {
        let length = count;
        header(length, [0x90, 0xdc, 0xdd], out);
        return (1..=length).try_for_each(|index| encode(lua, &table.raw_get::<Value>(index)?, level + 1, out));
    }
    header(count, [0x80, 0xde, 0xdf], out);
    for pair in table.pairs::<Value, Value>() {
        let (key, value) = pair?;
        encode(lua, &key, level + 1, out)?;
        encode(lua, &value, level + 1, out)?;
    }
    Ok(())
}

/// Whether the keys of a table of so many are 1 to their count. An empty table is an array, too.
fn is_array(table: &Table, count: usize) -> Result<bool> {
    for pair in table.pairs::<Value, Value>() {
        let is_index = match pair?.0 {
            Value::Integer(index) => usize::try_from(index).is_ok_and(|index| (1..=count).contains(&index)),
            Value::Number(index) => index.floor() == index && (1.0..=count as f64).contains(&index),
            _ => false,
        };
        if !is_index {
            return Ok(false);
        }
    }
    Ok(true)
}

fn header(count: usize, [fix, two, four]: [u8; 3], out: &mut Vec<u8>) {
    match count {
        0..=15 => out.push(fix | count as u8),
        16..=0xffff => {
            out.push(two);
            out.extend_from_slice(&(count as u16).to_be_bytes());
        }
        _ => {
            out.push(four);
            out.extend_from_slice(&(count as u32).to_be_bytes());
        }
    }
}

fn string(text: &[u8], out: &mut Vec<u8>) {
    match text.len() {
        length @ 0..=31 => out.push(0xa0 | length as u8),
        length @ 32..=0xff => out.extend_from_slice(&[0xd9, length as u8]),
        length @ 0x100..=0xffff => {
            out.push(0xda);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            out.push(0xdb);
            out.extend_from_slice(&(length as u32).to_be_bytes());
        }
    }
    out.extend_from_slice(text);
}

fn integer(number: i64, out: &mut Vec<u8>) {
    let mut put = |kind: u8, bytes: &[u8]| {
        out.push(kind);
        out.extend_from_slice(bytes);
    };
    match number {
        0..=127 => put(number as u8, &[]),
        128..=0xff => put(0xcc, &[number as u8]),
        0x100..=0xffff => put(0xcd, &(number as u16).to_be_bytes()),
        0x1_0000..=0xffff_ffff => put(0xce, &(number as u32).to_be_bytes()),
        0x1_0000_0000.. => put(0xcf, &(number as u64).to_be_bytes()),
        -32..=-1 => put(number as i8 as u8, &[]),
        -128..=-33 => put(0xd0, &[number as i8 as u8]),
        -0x8000..=-129 => put(0xd1, &(number as i16).to_be_bytes()),
        -0x8000_0000..=-0x8001 => put(0xd2, &(number as i32).to_be_bytes()),
        _ => put(0xd3, &number.to_be_bytes()),
    }
}

fn float(number: f64, out: &mut Vec<u8>) {
    let short = number as f32;
    if f64::from(short) == number {
        out.push(0xca);
        out.extend_from_slice(&short.to_be_bytes());
    } else {
        out.push(0xcb);
        out.extend_from_slice(&number.to_be_bytes());
    }
}

/// `is_full`: all values, and nothing before them; else as many as `limit` says behind where the next begins, -1 at the end.
fn unpack(lua: &Lua, text: &[u8], limit: i64, offset: i64, is_full: bool) -> Result<MultiValue> {
    let is_within = usize::try_from(offset).is_ok_and(|offset| offset <= text.len());
    if offset < 0 || limit < 0 {
        let text = format!("Invalid request to unpack with offset of {offset} and limit of {}.", text.len());
        return Err(error_at(lua, &text));
    }
    if !is_within {
        let text = format!("Start offset {offset} greater than input length {}.", text.len());
        return Err(error_at(lua, &text));
    }
    let most = if is_full || limit == 0 { usize::MAX } else { limit as usize };
    let mut reader = Reader { lua, text, at: offset as usize };
    let mut values = MultiValue::new();
    while reader.at < text.len() && values.len() < most {
        // Lua's stack has no room for more results.
        if values.len() >= 7000 {
            return Err(error_at(lua, "too many values in MessagePack input"));
        }
        let value = reader.value(0)?;
        values.push_back(value);
    }
    if !is_full {
        let next = if reader.at == text.len() { -1.0 } else { reader.at as f64 };
        values.push_front(Value::Number(next));
    }
    Ok(values)
}

struct Reader<'a> {
    lua: &'a Lua,
    text: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let bytes = self.bytes(N)?;
        bytes.try_into().map_err(|_| self.short())
    }

    fn bytes(&mut self, count: usize) -> Result<&[u8]> {
        let bytes = self.text.get(self.at..).and_then(|rest| rest.get(..count));
        let bytes = bytes.ok_or_else(|| error_at(self.lua, "Missing bytes in input."))?;
        self.at += count;
        Ok(bytes)
    }

    fn short(&self) -> mlua::Error {
        error_at(self.lua, "Missing bytes in input.")
    }

    fn value(&mut self, depth: usize) -> Result<Value> {
        if depth > DECODE_DEPTH_MAX {
            return Err(error_at(self.lua, "MessagePack input is nested too deep"));
        }
        let [kind] = self.take::<1>()?;
        let number = |number: f64| Ok(Value::Number(number));
        match kind {
            0x00..=0x7f => number(f64::from(kind)),
            0xe0..=0xff => number(f64::from(kind as i8)),
            0xc0 => Ok(Value::Nil),
            0xc2 => Ok(Value::Boolean(false)),
            0xc3 => Ok(Value::Boolean(true)),
            0xca => number(f64::from(f32::from_be_bytes(self.take()?))),
            0xcb => number(f64::from_be_bytes(self.take()?)),
            0xcc => number(f64::from(self.take::<1>()?[0])),
            0xcd => number(f64::from(u16::from_be_bytes(self.take()?))),
            0xce => number(f64::from(u32::from_be_bytes(self.take()?))),
            // As C casts on its way to Lua.
            0xcf => number(i64::from_be_bytes(self.take()?) as f64),
            0xd0 => number(f64::from(self.take::<1>()?[0] as i8)),
            0xd1 => number(f64::from(i16::from_be_bytes(self.take()?))),
            0xd2 => number(f64::from(i32::from_be_bytes(self.take()?))),
            0xd3 => number(i64::from_be_bytes(self.take()?) as f64),
            0xa0..=0xbf => self.string(usize::from(kind & 0x1f)),
            0xd9 => {
                let length = usize::from(self.take::<1>()?[0]);
                self.string(length)
            }
            0xda => {
                let length = usize::from(u16::from_be_bytes(self.take()?));
                self.string(length)
            }
            0xdb => {
                let length = u32::from_be_bytes(self.take()?) as usize;
                self.string(length)
            }
            0x90..=0x9f => self.array(usize::from(kind & 0xf), depth),
            0xdc => {
                let count = usize::from(u16::from_be_bytes(self.take()?));
                self.array(count, depth)
            }
            0xdd => {
                let count = u32::from_be_bytes(self.take()?) as usize;
                self.array(count, depth)
            }
            0x80..=0x8f => self.map(usize::from(kind & 0xf), depth),
            0xde => {
                let count = usize::from(u16::from_be_bytes(self.take()?));
                self.map(count, depth)
            }
            0xdf => {
                let count = u32::from_be_bytes(self.take()?) as usize;
                self.map(count, depth)
            }
            _ => Err(error_at(self.lua, "Bad data format in input.")),
        }
    }

    fn string(&mut self, length: usize) -> Result<Value> {
        let lua = self.lua;
        let bytes = self.bytes(length)?;
        Ok(Value::String(lua.create_string(bytes)?))
    }

    fn array(&mut self, count: usize, depth: usize) -> Result<Value> {
        let table = self.lua.create_table()?;
        for index in 1..=count {
            let value = self.value(depth + 1)?;
            table.raw_set(index, value)?;
        }
        Ok(Value::Table(table))
    }

    fn map(&mut self, count: usize, depth: usize) -> Result<Value> {
        let table = self.lua.create_table()?;
        for _ in 0..count {
            let key = self.value(depth + 1)?;
            let value = self.value(depth + 1)?;
            match key {
                Value::Nil => return Err(raised("table index is nil")),
                Value::Number(number) if number.is_nan() => return Err(raised("table index is NaN")),
                key => table.raw_set(key, value)?,
            }
        }
        Ok(Value::Table(table))
    }
}
