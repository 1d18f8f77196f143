//! The library `bit`: operations on 32 bits, as LuaBitOp has them.

use super::library::argument_error;
use mlua::{Lua, MultiValue, Result, Table, Value};

fn number(lua: &Lua, args: &MultiValue, index: usize, function: &str) -> Result<f64> {
    let got = match args.get(index) {
        Some(Value::Integer(number)) => return Ok(*number as f64),
        Some(Value::Number(number)) => return Ok(*number),
        Some(Value::String(text)) => match lua.coerce_number(Value::String(text.clone()))? {
            Some(number) => return Ok(number),
            None => "string",
        },
        Some(other) => other.type_name(),
        None => "no value",
    };
    Err(argument_error(lua, index + 1, function, &format!("number expected, got {got}")))
}

/// Modulo 2^32, rounded to the nearest.
fn bits(lua: &Lua, args: &MultiValue, index: usize, function: &str) -> Result<u32> {
    // Adding it leaves the integer in the low bits of the sum's mantissa.
    let sum = number(lua, args, index, function)? + 6_755_399_441_055_744.0;
    Ok(sum.to_bits() as u32)
}

fn result(bits: u32) -> Result<Value> {
    Ok(Value::Number(f64::from(bits as i32)))
}

type Fold = fn(u32, u32) -> u32;
type Shift = fn(u32, u32) -> u32;

pub(super) fn library(lua: &Lua) -> Result<Table> {
    let table = lua.create_table()?;
    let one = |name: &'static str, run: fn(u32) -> u32| -> Result<()> {
        let function = lua.create_function(move |lua, args: MultiValue| result(run(bits(lua, &args, 0, name)?)))?;
        table.raw_set(name, function)
    };
    one("tobit", |bits| bits)?;
    one("bnot", |bits| !bits)?;
    one("bswap", u32::swap_bytes)?;
    let folds: [(&'static str, Fold); 3] = [("band", |a, b| a & b), ("bor", |a, b| a | b), ("bxor", |a, b| a ^ b)];
    for (name, run) in folds {
        let function = lua.create_function(move |lua, args: MultiValue| {
            let first = bits(lua, &args, 0, name)?;
            result(
                (1..args.len())
                    .try_fold(first, |all, index| Ok::<_, mlua::Error>(run(all, bits(lua, &args, index, name)?)))?,
            )
        })?;
        table.raw_set(name, function)?;
    }
    let shifts: [(&'static str, Shift); 5] = [
        ("lshift", |bits, by| bits << by),
        ("rshift", |bits, by| bits >> by),
        ("arshift", |bits, by| ((bits as i32) >> by) as u32),
        ("rol", u32::rotate_left),
        ("ror", u32::rotate_right),
    ];
    for (name, run) in shifts {
        let function = lua.create_function(move |lua, args: MultiValue| {
            let (value, by) = (bits(lua, &args, 0, name)?, bits(lua, &args, 1, name)?);
            result(run(value, by & 31))
        })?;
        table.raw_set(name, function)?;
    }
    let hex = lua.create_function(|lua, args: MultiValue| {
        let value = bits(lua, &args, 0, "tohex")?;
        let digits = if args.len() > 1 { bits(lua, &args, 1, "tohex")? as i32 } else { 8 };
        let text = format!("{value:08x}");
        let count = usize::try_from(digits.unsigned_abs()).unwrap_or(8).min(8);
        let text = text[8 - count..].to_owned();
        lua.create_string(if digits < 0 { text.to_ascii_uppercase() } else { text })
    })?;
    table.raw_set("tohex", hex)?;
    Ok(table)
}
