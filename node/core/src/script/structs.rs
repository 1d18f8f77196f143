//! The library `struct`: values in and out of bytes by a format, as Lua's struct 0.2 does it.
//!
//! Byte order and sizes are those of the usual 64-bit machine: little-endian, `int` of 4 bytes, `long` and `size_t` of 8.

use super::library::{MADE_BYTES_MAX, argument_error, error_at};
use mlua::{Lua, MultiValue, Result, Table, Value};

const INTEGER_BYTES_MAX: usize = 32;

/// More results than this have no room on Lua's stack.
const RESULTS_MAX: usize = 7000;

pub(super) fn library(lua: &Lua) -> Result<Table> {
    let table = lua.create_table()?;
    table.raw_set("pack", lua.create_function(pack)?)?;
    table.raw_set("unpack", lua.create_function(unpack)?)?;
    table.raw_set("size", lua.create_function(size)?)?;
    Ok(table)
}

/// A format while it is read.
struct Format<'a> {
    lua: &'a Lua,
    text: &'a [u8],
    /// Whose it is, for errors.
    function: &'static str,
    at: usize,
    is_little: bool,
    align: usize,
}

impl<'a> Format<'a> {
    fn new(lua: &'a Lua, text: &'a [u8], function: &'static str) -> Format<'a> {
        Format { lua, text, function, at: 0, is_little: true, align: 1 }
    }

    /// The next option and its size. What only says how to go on is done.
    fn next(&mut self) -> Result<Option<(u8, usize)>> {
        let Some(&option) = self.text.get(self.at) else { return Ok(None) };
        self.at += 1;
        let size = match option {
            b'b' | b'B' | b'x' => 1,
            b'h' | b'H' => 2,
            b'l' | b'L' | b'T' | b'd' => 8,
            b'f' => 4,
            b'c' => self.number(1)?,
            b'i' | b'I' => {
                let size = self.number(4)?;
                if size > INTEGER_BYTES_MAX {
                    let text = format!("integral size {size} is larger than limit of {INTEGER_BYTES_MAX}");
                    return Err(error_at(self.lua, &text));
                }
                size
            }
            _ => 0,
        };
        Ok(Some((option, size)))
    }

    fn number(&mut self, usual: usize) -> Result<usize> {
        let mut number: Option<usize> = None;
        while let Some(digit) = self.text.get(self.at).filter(|byte| byte.is_ascii_digit()) {
            let all = number.unwrap_or(0) * 10 + usize::from(digit - b'0');
            if all > i32::MAX as usize {
                return Err(error_at(self.lua, "integral size overflow"));
            }
            number = Some(all);
            self.at += 1;
        }
        Ok(number.unwrap_or(usual))
    }

    /// How many bytes go before a value of this size behind `length` others.
    fn padding(&self, length: usize, option: u8, size: usize) -> usize {
        if size == 0 || option == b'c' {
            return 0;
        }
        let size = size.min(self.align);
        if size > 1 { size.wrapping_sub(length & (size - 1)) & (size - 1) } else { 0 }
    }

    /// What is not a value.
    fn control(&mut self, option: u8) -> Result<()> {
        match option {
            b' ' => {}
            b'>' => self.is_little = false,
            b'<' => self.is_little = true,
            b'!' => {
                let align = self.number(8)?;
                if !align.is_power_of_two() {
                    return Err(error_at(self.lua, &format!("alignment {align} is not a power of 2")));
                }
                self.align = align;
            }
            _ => {
                let text = format!("invalid format option '{}'", char::from(option));
                return Err(argument_error(self.lua, 1, self.function, &text));
            }
        }
        Ok(())
    }
}

/// What stands at a place, and what it is called in an error: behind the arguments PACK has a nil of its own.
fn at<'a>(args: &'a MultiValue, index: usize, function: &str) -> (Option<&'a Value>, &'static str) {
    let value = args.get(index);
    let missing = if function == "pack" && index > 0 { "nil" } else { "no value" };
    (value, value.map_or(missing, Value::type_name))
}

fn text_of(lua: &Lua, args: &MultiValue, index: usize, function: &str) -> Result<Vec<u8>> {
    let (value, got) = at(args, index, function);
    let value = value.cloned();
    match lua.coerce_string(value.unwrap_or(Value::Nil))? {
        Some(text) => Ok(text.as_bytes().to_vec()),
        None => Err(argument_error(lua, index + 1, function, &format!("string expected, got {got}"))),
    }
}

fn number_of(lua: &Lua, args: &MultiValue, index: usize, function: &str) -> Result<f64> {
    let (value, got) = at(args, index, function);
    let value = value.cloned();
    match lua.coerce_number(value.unwrap_or(Value::Nil))? {
        Some(number) => Ok(number),
        None => Err(argument_error(lua, index + 1, function, &format!("number expected, got {got}"))),
    }
}

fn pack(lua: &Lua, args: MultiValue) -> Result<mlua::LuaString> {
    let text = text_of(lua, &args, 0, "pack")?;
    let mut format = Format::new(lua, &text, "pack");
    let mut out: Vec<u8> = Vec::new();
    let mut index = 1;
    while let Some((option, size)) = format.next()? {
        let padding = format.padding(out.len(), option, size);
        out.extend(std::iter::repeat_n(0, padding));
        match option {
            b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
                let number = number_of(lua, &args, index, "pack")?;
                index += 1;
                // As C casts: what does not fit is the smallest integer.
                const TOO_MUCH: f64 = 9_223_372_036_854_775_808.0;
                let bits = match number {
                    number if (TOO_MUCH..2.0 * TOO_MUCH).contains(&number) => number as u64,
                    number if (-TOO_MUCH..TOO_MUCH).contains(&number) => number as i64 as u64,
                    _ if number > 0.0 => 0,
                    _ => 1 << 63,
                };
                let low = bits.to_le_bytes();
                let byte = |place: usize| low.get(place).copied().unwrap_or(0);
                match format.is_little {
                    true => out.extend((0..size).map(byte)),
                    false => out.extend((0..size).rev().map(byte)),
                }
            }
            b'x' => out.push(0),
            b'f' => {
                let number = number_of(lua, &args, index, "pack")? as f32;
                index += 1;
                out.extend(if format.is_little { number.to_le_bytes() } else { number.to_be_bytes() });
            }
            b'd' => {
                let number = number_of(lua, &args, index, "pack")?;
                index += 1;
                out.extend(if format.is_little { number.to_le_bytes() } else { number.to_be_bytes() });
            }
            b'c' | b's' => {
                let text = text_of(lua, &args, index, "pack")?;
                index += 1;
                let size = if size == 0 { text.len() } else { size };
                let Some(text) = text.get(..size) else {
                    return Err(argument_error(lua, index + 1, "pack", "string too short"));
                };
                out.extend_from_slice(text);
                if option == b's' {
                    out.push(0);
                }
            }
            _ => format.control(option)?,
        }
        if out.len() > MADE_BYTES_MAX {
            return Err(error_at(lua, "the packed text is too long"));
        }
    }
    lua.create_string(out)
}

fn unpack(lua: &Lua, args: MultiValue) -> Result<MultiValue> {
    let text = text_of(lua, &args, 0, "unpack")?;
    let data = text_of(lua, &args, 1, "unpack")?;
    let begin = match args.get(2) {
        None | Some(Value::Nil) => 1.0,
        Some(_) => number_of(lua, &args, 2, "unpack")?,
    };
    // What is no number is none of these, either.
    if !(1.0..).contains(&begin) {
        return Err(argument_error(lua, 3, "unpack", "offset must be 1 or greater"));
    }
    let short = || argument_error(lua, 2, "unpack", "data string too short");
    let mut at = begin as usize - 1;
    let mut format = Format::new(lua, &text, "unpack");
    let mut values: Vec<Value> = Vec::new();
    while let Some((option, mut size)) = format.next()? {
        at = at.saturating_add(format.padding(at, option, size));
        if size > data.len() || at > data.len() - size {
            return Err(short());
        }
        if values.len() >= RESULTS_MAX {
            return Err(error_at(lua, "stack overflow (too many results)"));
        }
        let bytes = &data[at..at + size];
        match option {
            b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
                let is_signed = option.is_ascii_lowercase();
                values.push(Value::Number(integer(bytes, format.is_little, is_signed)));
            }
            b'x' => {}
            b'f' => {
                let bytes: [u8; 4] = bytes.try_into().map_err(|_| short())?;
                let number = if format.is_little { f32::from_le_bytes(bytes) } else { f32::from_be_bytes(bytes) };
                values.push(Value::Number(f64::from(number)));
            }
            b'd' => {
                let bytes: [u8; 8] = bytes.try_into().map_err(|_| short())?;
                let number = if format.is_little { f64::from_le_bytes(bytes) } else { f64::from_be_bytes(bytes) };
                values.push(Value::Number(number));
            }
            b'c' => {
                if size == 0 {
                    let previous = values.pop().and_then(|value| value.as_number());
                    let previous = previous.ok_or_else(|| error_at(lua, "format 'c0' needs a previous size"))?;
                    size = if previous > -1.0 { previous as usize } else { usize::MAX };
                    if size > data.len() || at > data.len() - size {
                        return Err(short());
                    }
                }
                values.push(Value::String(lua.create_string(&data[at..at + size])?));
            }
            b's' => {
                let rest = &data[at..];
                let Some(end) = rest.iter().position(|&byte| byte == 0) else {
                    return Err(error_at(lua, "unfinished string in data"));
                };
                size = end + 1;
                values.push(Value::String(lua.create_string(&rest[..end])?));
            }
            _ => format.control(option)?,
        }
        at += size;
    }
    values.push(Value::Number((at + 1) as f64));
    Ok(MultiValue::from_vec(values))
}

fn integer(bytes: &[u8], is_little: bool, is_signed: bool) -> f64 {
    let take = |all: u64, byte: &u8| all << 8 | u64::from(*byte);
    let bits = match is_little {
        true => bytes.iter().rev().fold(0, take),
        false => bytes.iter().fold(0, take),
    };
    if !is_signed {
        return bits as f64;
    }
    match bytes.len() {
        0 => 0.0,
        length @ 1..8 => {
            let unused = 64 - 8 * length;
            ((bits << unused) as i64 >> unused) as f64
        }
        _ => bits as i64 as f64,
    }
}

fn size(lua: &Lua, args: MultiValue) -> Result<f64> {
    let text = text_of(lua, &args, 0, "size")?;
    let mut format = Format::new(lua, &text, "size");
    let mut length = 0usize;
    while let Some((option, size)) = format.next()? {
        length += format.padding(length, option, size);
        match option {
            b's' => return Err(argument_error(lua, 1, "size", "option 's' has no fixed size")),
            b'c' if size == 0 => return Err(argument_error(lua, 1, "size", "option 'c0' has no fixed size")),
            option if !option.is_ascii_alphanumeric() => format.control(option)?,
            _ => {}
        }
        length = length.saturating_add(size);
    }
    Ok(length as f64)
}
