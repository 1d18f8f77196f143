//! The library `cjson`: JSON as lua-cjson 2.1 reads and writes it.
//!
//! An empty table is an object, null is a light userdata, numbers are written with 14 digits, and a table with whole positive keys
//! is an array if not too sparse. Settings last until the script ends, since the next one may run in another state.

use super::format::general;
use super::library::{MADE_BYTES_MAX, argument_error, error_at};
use mlua::{Lua, MultiValue, Result, Table, Value};
use std::cell::Cell;
use std::rc::Rc;

#[derive(Clone, Copy, Debug)]
struct Settings {
    sparse_convert: bool,
    sparse_ratio: i64,
    sparse_safe: i64,
    encode_depth: i64,
    decode_depth: i64,
    /// 0: an error, 1: written as they are, 2: null.
    encode_invalid: u8,
    decode_invalid: u8,
    keep_buffer: bool,
    precision: i64,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            sparse_convert: false,
            sparse_ratio: 2,
            sparse_safe: 10,
            encode_depth: 1000,
            decode_depth: 1000,
            encode_invalid: 0,
            decode_invalid: 1,
            keep_buffer: true,
            precision: 14,
        }
    }
}

/// Nothing deeper is followed, whatever the settings say: it is the thread's own stack that would run out.
const DEPTH_MAX: i64 = 4000;

/// The settings of the library that scripts find.
pub(super) struct Shared(Rc<Cell<Settings>>);

/// Has the next script find the usual settings.
pub(super) fn reset(lua: &Lua) {
    if let Some(shared) = lua.app_data_ref::<Shared>() {
        shared.0.set(Settings::default());
    }
}

pub(super) fn library(lua: &Lua) -> Result<Table> {
    let settings = Rc::new(Cell::new(Settings::default()));
    lua.set_app_data(Shared(Rc::clone(&settings)));
    table(lua, settings)
}

fn table(lua: &Lua, settings: Rc<Cell<Settings>>) -> Result<Table> {
    let table = lua.create_table()?;
    let set = |name: &str, run: fn(&Lua, &Cell<Settings>, &MultiValue) -> Result<MultiValue>| {
        let settings = Rc::clone(&settings);
        table.raw_set(name, lua.create_function(move |lua, args: MultiValue| run(lua, &settings, &args))?)
    };
    set("encode", |lua, settings, args| {
        let [value] = one(lua, args, "encode")?;
        let mut out = Vec::new();
        Encoder { lua, settings: &settings.get() }.append(&value, 0, &mut out)?;
        Ok(MultiValue::from_vec(vec![Value::String(lua.create_string(out)?)]))
    })?;
    set("decode", |lua, settings, args| {
        let [value] = one(lua, args, "decode")?;
        let got = value.type_name();
        let Some(text) = lua.coerce_string(value)? else {
            return Err(argument_error(lua, 1, "decode", &format!("string expected, got {got}")));
        };
        let bytes = text.as_bytes();
        let value = Decoder { lua, settings: &settings.get(), text: &bytes, at: 0, depth: 0 }.whole()?;
        Ok(MultiValue::from_vec(vec![value]))
    })?;
    set("new", |lua, _, _| {
        let fresh = self::table(lua, Rc::new(Cell::new(Settings::default())))?;
        Ok(MultiValue::from_vec(vec![Value::Table(fresh)]))
    })?;
    set("encode_sparse_array", |lua, settings, args| {
        at_most(lua, args, 3, "encode_sparse_array")?;
        let mut now = settings.get();
        choice(lua, args, 0, "encode_sparse_array", &mut now.sparse_convert)?;
        integer(lua, args, 1, "encode_sparse_array", &mut now.sparse_ratio, 0, i64::from(i32::MAX))?;
        integer(lua, args, 2, "encode_sparse_array", &mut now.sparse_safe, 0, i64::from(i32::MAX))?;
        settings.set(now);
        let numbers = [now.sparse_ratio, now.sparse_safe].map(|number| Value::Number(number as f64));
        Ok(MultiValue::from_vec([Value::Boolean(now.sparse_convert)].into_iter().chain(numbers).collect()))
    })?;
    set("encode_max_depth", |lua, settings, args| {
        let mut now = settings.get();
        depth(lua, args, "encode_max_depth", &mut now.encode_depth)?;
        settings.set(now);
        Ok(MultiValue::from_vec(vec![Value::Number(now.encode_depth as f64)]))
    })?;
    set("decode_max_depth", |lua, settings, args| {
        let mut now = settings.get();
        depth(lua, args, "decode_max_depth", &mut now.decode_depth)?;
        settings.set(now);
        Ok(MultiValue::from_vec(vec![Value::Number(now.decode_depth as f64)]))
    })?;
    set("encode_number_precision", |lua, settings, args| {
        at_most(lua, args, 1, "encode_number_precision")?;
        let mut now = settings.get();
        integer(lua, args, 0, "encode_number_precision", &mut now.precision, 1, 14)?;
        settings.set(now);
        Ok(MultiValue::from_vec(vec![Value::Number(now.precision as f64)]))
    })?;
    set("encode_keep_buffer", |lua, settings, args| {
        at_most(lua, args, 1, "encode_keep_buffer")?;
        let mut now = settings.get();
        choice(lua, args, 0, "encode_keep_buffer", &mut now.keep_buffer)?;
        settings.set(now);
        Ok(MultiValue::from_vec(vec![Value::Boolean(now.keep_buffer)]))
    })?;
    set("encode_invalid_numbers", |lua, settings, args| {
        let mut now = settings.get();
        let answer = invalid(lua, args, "encode_invalid_numbers", &mut now.encode_invalid)?;
        settings.set(now);
        Ok(answer)
    })?;
    set("decode_invalid_numbers", |lua, settings, args| {
        let mut now = settings.get();
        let answer = invalid(lua, args, "decode_invalid_numbers", &mut now.decode_invalid)?;
        settings.set(now);
        Ok(answer)
    })?;
    table.raw_set("null", Value::NULL)?;
    table.raw_set("_NAME", "cjson")?;
    table.raw_set("_VERSION", "2.1.0")?;
    Ok(table)
}

fn one(lua: &Lua, args: &MultiValue, function: &str) -> Result<[Value; 1]> {
    match args.front() {
        Some(value) if args.len() == 1 => Ok([value.clone()]),
        _ => Err(argument_error(lua, 1, function, "expected 1 argument")),
    }
}

fn at_most(lua: &Lua, args: &MultiValue, most: usize, function: &str) -> Result<()> {
    match args.len() <= most {
        true => Ok(()),
        false => Err(argument_error(lua, most + 1, function, "found too many arguments")),
    }
}

fn depth(lua: &Lua, args: &MultiValue, function: &str, place: &mut i64) -> Result<()> {
    at_most(lua, args, 1, function)?;
    integer(lua, args, 0, function, place, 1, i64::from(i32::MAX))
}

fn integer(
    lua: &Lua,
    args: &MultiValue,
    index: usize,
    function: &str,
    place: &mut i64,
    least: i64,
    most: i64,
) -> Result<()> {
    let Some(value) = args.get(index).filter(|value| !value.is_nil()) else { return Ok(()) };
    let Some(number) = lua.coerce_number(value.clone())? else {
        let text = format!("number expected, got {}", value.type_name());
        return Err(argument_error(lua, index + 1, function, &text));
    };
    let number = number as i64;
    if !(least..=most).contains(&number) {
        let text = format!("expected integer between {least} and {most}");
        return Err(argument_error(lua, index + 1, function, &text));
    }
    *place = number;
    Ok(())
}

/// `true`, `false`, or one of the words; nothing when it is not given.
fn word(lua: &Lua, args: &MultiValue, index: usize, function: &str, words: &[&str]) -> Result<Option<usize>> {
    match args.get(index) {
        None | Some(Value::Nil) => Ok(None),
        Some(Value::Boolean(is)) => Ok(Some(usize::from(*is))),
        Some(value) => {
            let Some(text) = lua.coerce_string(value.clone())? else {
                let text = format!("string expected, got {}", value.type_name());
                return Err(argument_error(lua, index + 1, function, &text));
            };
            let text = text.to_string_lossy();
            match words.iter().position(|known| *known == text) {
                Some(found) => Ok(Some(found)),
                None => Err(argument_error(lua, index + 1, function, &format!("invalid option '{text}'"))),
            }
        }
    }
}

fn choice(lua: &Lua, args: &MultiValue, index: usize, function: &str, place: &mut bool) -> Result<()> {
    if let Some(found) = word(lua, args, index, function, &["off", "on"])? {
        *place = found == 1;
    }
    Ok(())
}

fn invalid(lua: &Lua, args: &MultiValue, function: &str, place: &mut u8) -> Result<MultiValue> {
    at_most(lua, args, 1, function)?;
    if let Some(found) = word(lua, args, 0, function, &["off", "on", "null"])? {
        *place = found as u8;
    }
    Ok(MultiValue::from_vec(vec![match *place {
        2 => Value::String(lua.create_string("null")?),
        other => Value::Boolean(other == 1),
    }]))
}

struct Encoder<'a> {
    lua: &'a Lua,
    settings: &'a Settings,
}

impl Encoder<'_> {
    fn refuse(&self, kind: &str, why: &str) -> mlua::Error {
        error_at(self.lua, &format!("Cannot serialise {kind}: {why}"))
    }

    fn append(&self, value: &Value, depth: i64, out: &mut Vec<u8>) -> Result<()> {
        match value {
            Value::Nil => out.extend_from_slice(b"null"),
            Value::LightUserData(pointer) if pointer.0.is_null() => out.extend_from_slice(b"null"),
            Value::Boolean(is) => out.extend_from_slice(if *is { b"true" } else { b"false" }),
            Value::Integer(number) => self.number(*number as f64, out)?,
            Value::Number(number) => self.number(*number, out)?,
            Value::String(text) => self.string(&text.as_bytes(), out)?,
            Value::Table(table) => return self.table(table, depth + 1, out),
            other => return Err(self.refuse(kind_of(other), "type not supported")),
        }
        Ok(())
    }

    /// A table may be in others as often as they like, so what comes of little can be much.
    fn has_room(&self, more: usize, out: &[u8]) -> Result<()> {
        match out.len() + more <= MADE_BYTES_MAX {
            true => Ok(()),
            false => Err(error_at(self.lua, "Cannot serialise, the text is too long")),
        }
    }

    fn string(&self, text: &[u8], out: &mut Vec<u8>) -> Result<()> {
        self.has_room(text.len(), out)?;
        string(text, out);
        Ok(())
    }

    fn number(&self, number: f64, out: &mut Vec<u8>) -> Result<()> {
        if !number.is_finite() {
            match self.settings.encode_invalid {
                0 => return Err(self.refuse("number", "must not be NaN or Inf")),
                1 if number.is_nan() => out.extend_from_slice(b"nan"),
                1 => out.extend_from_slice(if number < 0.0 { b"-inf" } else { b"inf" }),
                _ => out.extend_from_slice(b"null"),
            }
            return Ok(());
        }
        out.extend_from_slice(general(number, self.settings.precision as usize).as_bytes());
        Ok(())
    }

    fn table(&self, table: &Table, depth: i64, out: &mut Vec<u8>) -> Result<()> {
        if depth > self.settings.encode_depth.min(DEPTH_MAX) {
            return Err(error_at(self.lua, &format!("Cannot serialise, excessive depth ({depth})")));
        }
        self.has_room(0, out)?;
        if let Some(length) = self.array_length(table)? {
            out.push(b'[');
            for index in 1..=length {
                if index > 1 {
                    out.push(b',');
                }
                self.append(&table.raw_get::<Value>(index)?, depth, out)?;
            }
            out.push(b']');
            return Ok(());
        }
        out.push(b'{');
        let mut is_first = true;
        for pair in table.pairs::<Value, Value>() {
            let (key, value) = pair?;
            if !is_first {
                out.push(b',');
            }
            is_first = false;
            match &key {
                Value::Integer(number) => {
                    out.push(b'"');
                    self.number(*number as f64, out)?;
                    out.push(b'"');
                }
                Value::Number(number) => {
                    out.push(b'"');
                    self.number(*number, out)?;
                    out.push(b'"');
                }
                Value::String(text) => self.string(&text.as_bytes(), out)?,
                other => return Err(self.refuse(kind_of(other), "table key must be a number or string")),
            }
            out.push(b':');
            self.append(&value, depth, out)?;
        }
        out.push(b'}');
        Ok(())
    }

    /// The highest index of a table that is an array.
    fn array_length(&self, table: &Table) -> Result<Option<i64>> {
        let (mut most, mut items) = (0i64, 0i64);
        for pair in table.pairs::<Value, Value>() {
            let index = match pair?.0 {
                Value::Integer(index) => index,
                Value::Number(index) if index.floor() == index && index < 1e15 => index as i64,
                _ => return Ok(None),
            };
            if index < 1 {
                return Ok(None);
            }
            most = most.max(index);
            items += 1;
        }
        let settings = self.settings;
        let is_sparse = settings.sparse_ratio > 0
            && most > items.saturating_mul(settings.sparse_ratio)
            && most > settings.sparse_safe;
        if is_sparse && !settings.sparse_convert {
            return Err(self.refuse("table", "excessively sparse array"));
        }
        Ok((most > 0 && !is_sparse).then_some(most))
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::LightUserData(_) | Value::UserData(_) | Value::Error(_) => "userdata",
        other => other.type_name(),
    }
}

fn string(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for &byte in text {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'/' => out.extend_from_slice(b"\\/"),
            8 => out.extend_from_slice(b"\\b"),
            9 => out.extend_from_slice(b"\\t"),
            10 => out.extend_from_slice(b"\\n"),
            12 => out.extend_from_slice(b"\\f"),
            13 => out.extend_from_slice(b"\\r"),
            0..32 | 127 => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

enum Token {
    ObjectBegin,
    ObjectEnd,
    ArrayBegin,
    ArrayEnd,
    String(Vec<u8>),
    Number(f64),
    Boolean(bool),
    Null,
    Colon,
    Comma,
    End,
    Error(&'static str),
}

impl Token {
    fn name(&self) -> &'static str {
        match self {
            Token::ObjectBegin => "T_OBJ_BEGIN",
            Token::ObjectEnd => "T_OBJ_END",
            Token::ArrayBegin => "T_ARR_BEGIN",
            Token::ArrayEnd => "T_ARR_END",
            Token::String(_) => "T_STRING",
            Token::Number(_) => "T_NUMBER",
            Token::Boolean(_) => "T_BOOLEAN",
            Token::Null => "T_NULL",
            Token::Colon => "T_COLON",
            Token::Comma => "T_COMMA",
            Token::End => "T_END",
            Token::Error(why) => why,
        }
    }
}

struct Decoder<'a> {
    lua: &'a Lua,
    settings: &'a Settings,
    text: &'a [u8],
    at: usize,
    depth: i64,
}

impl Decoder<'_> {
    fn whole(&mut self) -> Result<Value> {
        if self.text.len() >= 2 && (self.text[0] == 0 || self.text[1] == 0) {
            return Err(error_at(self.lua, "JSON parser does not support UTF-16 or UTF-32"));
        }
        let token = self.next();
        let value = self.value(token)?;
        match self.next() {
            (Token::End, _) => Ok(value),
            other => Err(self.wrong("the end", &other)),
        }
    }

    fn wrong(&self, expected: &str, (token, at): &(Token, usize)) -> mlua::Error {
        let text = format!("Expected {expected} but found {} at character {}", token.name(), at + 1);
        error_at(self.lua, &text)
    }

    /// The byte at an offset; 0 at the end, which ends texts in C.
    fn byte(&self, offset: usize) -> u8 {
        self.text.get(self.at + offset).copied().unwrap_or(0)
    }

    fn value(&mut self, token: (Token, usize)) -> Result<Value> {
        match token.0 {
            Token::String(text) => Ok(Value::String(self.lua.create_string(text)?)),
            Token::Number(number) => Ok(Value::Number(number)),
            Token::Boolean(is) => Ok(Value::Boolean(is)),
            Token::Null => Ok(Value::NULL),
            Token::ObjectBegin => self.object(),
            Token::ArrayBegin => self.array(),
            _ => Err(self.wrong("value", &token)),
        }
    }

    fn descend(&mut self) -> Result<()> {
        self.depth += 1;
        match self.depth <= self.settings.decode_depth.min(DEPTH_MAX) {
            true => Ok(()),
            false => {
                let text = format!("Found too many nested data structures ({})", self.depth);
                Err(error_at(self.lua, &text))
            }
        }
    }

    fn object(&mut self) -> Result<Value> {
        self.descend()?;
        let table = self.lua.create_table()?;
        let mut token = self.next();
        if matches!(token.0, Token::ObjectEnd) {
            self.depth -= 1;
            return Ok(Value::Table(table));
        }
        loop {
            let (Token::String(key), _) = token else { return Err(self.wrong("object key string", &token)) };
            let key = self.lua.create_string(key)?;
            token = self.next();
            if !matches!(token.0, Token::Colon) {
                return Err(self.wrong("colon", &token));
            }
            token = self.next();
            let value = self.value(token)?;
            table.raw_set(key, value)?;
            token = self.next();
            match token.0 {
                Token::ObjectEnd => break,
                Token::Comma => token = self.next(),
                _ => return Err(self.wrong("comma or object end", &token)),
            }
        }
        self.depth -= 1;
        Ok(Value::Table(table))
    }

    fn array(&mut self) -> Result<Value> {
        self.descend()?;
        let table = self.lua.create_table()?;
        let mut token = self.next();
        if matches!(token.0, Token::ArrayEnd) {
            self.depth -= 1;
            return Ok(Value::Table(table));
        }
        for index in 1i64.. {
            let value = self.value(token)?;
            table.raw_set(index, value)?;
            token = self.next();
            match token.0 {
                Token::ArrayEnd => break,
                Token::Comma => token = self.next(),
                _ => return Err(self.wrong("comma or array end", &token)),
            }
        }
        self.depth -= 1;
        Ok(Value::Table(table))
    }

    fn next(&mut self) -> (Token, usize) {
        while matches!(self.byte(0), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
        let at = self.at;
        let rest = self.text.get(at..).unwrap_or_default();
        let single = match self.byte(0) {
            b'{' => Token::ObjectBegin,
            b'}' => Token::ObjectEnd,
            b'[' => Token::ArrayBegin,
            b']' => Token::ArrayEnd,
            b':' => Token::Colon,
            b',' => Token::Comma,
            0 => return (Token::End, at),
            b'"' => return self.string(at),
            b'-' | b'0'..=b'9' => {
                if self.settings.decode_invalid == 0 && is_invalid_number(rest) {
                    return (Token::Error("invalid number"), at);
                }
                return self.number(at);
            }
            _ if rest.starts_with(b"true") => {
                self.at += 4;
                return (Token::Boolean(true), at);
            }
            _ if rest.starts_with(b"false") => {
                self.at += 5;
                return (Token::Boolean(false), at);
            }
            _ if rest.starts_with(b"null") => {
                self.at += 4;
                return (Token::Null, at);
            }
            b'+' | b'I' | b'N' | b'i' | b'n' if self.settings.decode_invalid != 0 && is_invalid_number(rest) => {
                return self.number(at);
            }
            _ => return (Token::Error("invalid token"), at),
        };
        self.at += 1;
        (single, at)
    }

    fn number(&mut self, at: usize) -> (Token, usize) {
        match parse_number(&self.text[at..]) {
            Some((number, length)) => {
                self.at += length;
                (Token::Number(number), at)
            }
            None => (Token::Error("invalid number"), at),
        }
    }

    fn string(&mut self, at: usize) -> (Token, usize) {
        self.at += 1;
        let mut text = Vec::new();
        loop {
            let byte = match self.byte(0) {
                b'"' => break,
                0 => return (Token::Error("unexpected end of string"), self.at),
                b'\\' => {
                    let escaped = match self.byte(1) {
                        byte @ (b'"' | b'\\' | b'/') => byte,
                        b'b' => 8,
                        b't' => 9,
                        b'n' => 10,
                        b'f' => 12,
                        b'r' => 13,
                        b'u' => {
                            if !self.unicode(&mut text) {
                                return (Token::Error("invalid unicode escape code"), self.at);
                            }
                            continue;
                        }
                        _ => return (Token::Error("invalid escape code"), self.at),
                    };
                    self.at += 1;
                    escaped
                }
                byte => byte,
            };
            text.push(byte);
            self.at += 1;
        }
        self.at += 1;
        (Token::String(text), at)
    }

    fn hex4(&self, offset: usize) -> Option<u32> {
        (0..4).try_fold(0, |all, digit| Some(all << 4 | char::from(self.byte(offset + digit)).to_digit(16)?))
    }

    fn unicode(&mut self, text: &mut Vec<u8>) -> bool {
        let Some(mut code) = self.hex4(2) else { return false };
        let mut length = 6;
        if code & 0xF800 == 0xD800 {
            if code & 0x400 != 0 || self.byte(6) != b'\\' || self.byte(7) != b'u' {
                return false;
            }
            let Some(low) = self.hex4(8).filter(|low| low & 0xFC00 == 0xDC00) else { return false };
            code = ((code & 0x3FF) << 10 | (low & 0x3FF)) + 0x10000;
            length = 12;
        }
        let Some(character) = char::from_u32(code) else { return false };
        text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        self.at += length;
        true
    }
}

/// Whether what begins a number is none in JSON: hexadecimal, leading zeros, infinity.
fn is_invalid_number(text: &[u8]) -> bool {
    let text = match text {
        [b'+', ..] => return true,
        [b'-', rest @ ..] => rest,
        _ => text,
    };
    match text {
        [b'0', next, ..] => next.eq_ignore_ascii_case(&b'x') || next.is_ascii_digit(),
        [byte, ..] if *byte <= b'9' => false,
        _ => [&b"inf"[..], b"nan"].iter().any(|word| text.len() >= 3 && text[..3].eq_ignore_ascii_case(word)),
    }
}

/// As C's `strtod`: the number that text begins with, and its length.
fn parse_number(text: &[u8]) -> Option<(f64, usize)> {
    let sign = usize::from(matches!(text.first(), Some(b'-' | b'+')));
    let signed = |number: f64| if text.first() == Some(&b'-') { -number } else { number };
    let rest = &text[sign..];
    let has = |word: &[u8]| rest.len() >= word.len() && rest[..word.len()].eq_ignore_ascii_case(word);
    for (word, number) in [(&b"infinity"[..], f64::INFINITY), (b"inf", f64::INFINITY), (b"nan", f64::NAN)] {
        if has(word) {
            return Some((signed(number), sign + word.len()));
        }
    }
    if has(b"0x") && rest.get(2).is_some_and(u8::is_ascii_hexdigit) {
        let digits = rest[2..].iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let value = |all: f64, byte: &u8| all * 16.0 + f64::from(char::from(*byte).to_digit(16).unwrap_or(0));
        return Some((signed(rest[2..2 + digits].iter().fold(0.0, value)), sign + 2 + digits));
    }
    let digits = |from: usize| rest[from.min(rest.len())..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let whole = digits(0);
    let mut end = whole;
    if rest.get(end) == Some(&b'.') {
        let fraction = digits(end + 1);
        if whole + fraction == 0 {
            return None;
        }
        end += 1 + fraction;
    } else if whole == 0 {
        return None;
    }
    if matches!(rest.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(rest.get(end + 1), Some(b'-' | b'+')));
        let exponent = digits(end + 1 + sign);
        if exponent > 0 {
            end += 1 + sign + exponent;
        }
    }
    let number = std::str::from_utf8(&rest[..end]).ok()?.parse::<f64>().ok()?;
    Some((signed(number), sign + end))
}
