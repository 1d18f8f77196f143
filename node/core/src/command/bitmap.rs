//! Commands on strings as arrays of bits, the first of a byte its highest.

use super::collection::{Kept, error, is};
use super::string::STRING_BYTES_MAX;
use super::{Context, string_of};
use crate::events::Class;
use crate::number::parse_integer;
use dcache_engine::ValueRef;
use dcache_protocol::error::WireError;
use dcache_protocol::resp::parse::Args;

/// Bits a string can have.
const BITS_MAX: u64 = STRING_BYTES_MAX as u64 * 8;

fn bit_offset(text: &[u8], width: Option<u64>) -> Result<u64, WireError> {
    let invalid = || error("bit offset is not an integer or out of range");
    let (text, factor) = match (text, width) {
        ([b'#', digits @ ..], Some(width)) => (digits, width),
        _ => (text, 1),
    };
    let offset = parse_integer(text).and_then(|number| u64::try_from(number).ok()).ok_or_else(invalid)?;
    offset.checked_mul(factor).filter(|offset| *offset < BITS_MAX).ok_or_else(invalid)
}

fn bit_at(bytes: &[u8], offset: u64) -> bool {
    bytes.get((offset / 8) as usize).is_some_and(|byte| byte & (0x80 >> (offset % 8)) != 0)
}

/// Changes a string, or an empty one where there is none, once it has at least so many bytes.
fn change<R>(
    context: &Context<'_>,
    key: &[u8],
    bytes: usize,
    change: impl FnOnce(&mut [u8]) -> R,
) -> Result<R, WireError> {
    let namespace = context.namespace_of(key);
    let before = context.lock(key).peek(context.database, key, context.now_ms).map_or(0, |entry| entry.value().bytes());
    let room = bytes.max(before as usize);
    let mut guard = context.lock_with_room(key, namespace, room)?;
    let (mut value, expires_at_ms) = match guard.peek(context.database, key, context.now_ms) {
        Some(entry) => (string_of(entry.value())?.to_vec(), entry.expires_at_ms()),
        None => (Vec::new(), context.expiry_of_write(namespace, None)),
    };
    let before = (value.len() >= bytes && context.node.events.are_watched()).then(|| value.clone());
    value.resize(value.len().max(bytes), 0);
    let result = change(&mut value);
    context.put(&mut guard, key, ValueRef::String(&value), expires_at_ms, namespace)?;
    if before.is_none_or(|before| before != value) {
        context.notify(Class::STRING, "setbit", key);
    }
    Ok(result)
}

pub fn setbit(context: &mut Context<'_>) -> Result<(), WireError> {
    let offset = bit_offset(context.arg(2), None)?;
    let bit = match context.arg(3) {
        b"0" => false,
        b"1" => true,
        _ => return Err(error("bit is not an integer or out of range")),
    };
    let at = (offset / 8) as usize;
    let was_set = change(context, context.arg(1), at + 1, |bytes| {
        let was_set = bit_at(bytes, offset);
        let mask = 0x80 >> (offset % 8);
        bytes[at] = if bit { bytes[at] | mask } else { bytes[at] & !mask };
        was_set
    })?;
    context.reply.integer(i64::from(was_set));
    Ok(())
}

pub fn getbit(context: &mut Context<'_>) -> Result<(), WireError> {
    let offset = bit_offset(context.arg(2), None)?;
    let key = context.arg(1);
    let mut guard = context.lock(key);
    let bit = match context.value(&mut guard, key) {
        Some(value) => bit_at(string_of(value)?, offset),
        None => false,
    };
    context.reply.integer(i64::from(bit));
    Ok(())
}

/// A range as BITCOUNT and BITPOS are asked for it, in bytes or bits.
struct Range {
    first: i64,
    last: i64,
    has_last: bool,
    is_in_bits: bool,
}

impl Range {
    /// `unit_first`: it is looked at before the end is.
    fn parse(args: Args<'_>, unit_first: bool) -> Result<Range, WireError> {
        if args.len() > 3 {
            return Err(WireError::Syntax);
        }
        let number = |at: usize| parse_integer(&args[at]).ok_or(WireError::NotInteger);
        let mut range = Range { first: 0, last: -1, has_last: args.len() > 1, is_in_bits: false };
        if !args.is_empty() {
            range.first = number(0)?;
        }
        if !unit_first && args.len() > 1 {
            range.last = number(1)?;
        }
        if let Some(unit) = args.get(2) {
            range.is_in_bits = match unit {
                _ if is(unit, "bit") => true,
                _ if is(unit, "byte") => false,
                _ => return Err(WireError::Syntax),
            };
        }
        if args.len() > 1 {
            range.last = number(1)?;
        }
        Ok(range)
    }

    /// The bits it names of a string of so many bytes.
    fn bits(&self, bytes: usize) -> std::ops::Range<u64> {
        let total = bytes as i64 * if self.is_in_bits { 8 } else { 1 };
        let from_end = |index: i64| if index < 0 { index.saturating_add(total).max(0) } else { index };
        let (first, last) = (from_end(self.first), from_end(self.last).min(total - 1));
        if first > last {
            return 0..0;
        }
        let factor = if self.is_in_bits { 1 } else { 8 };
        first as u64 * factor..(last as u64 + 1) * factor
    }
}

pub fn bitcount(context: &mut Context<'_>) -> Result<(), WireError> {
    let key = context.arg(1);
    if context.args.len() == 3 {
        return Err(WireError::Syntax);
    }
    let range = Range::parse(context.args.from(2), false)?;
    // Only here is that nothing; BITPOS looks at the first byte then.
    let is_nothing = range.first < 0 && range.last < 0 && range.first > range.last;
    let mut guard = context.lock(key);
    let bytes = match context.value(&mut guard, key) {
        Some(value) => string_of(value)?,
        None => b"",
    };
    let bits = if is_nothing { 0..0 } else { range.bits(bytes.len()) };
    let (first, end) = ((bits.start / 8) as usize, (bits.end.div_ceil(8)) as usize);
    let mut count: u64 = bytes[first..end.max(first)].iter().map(|byte| u64::from(byte.count_ones())).sum();
    // Those of the outermost bytes that are outside.
    let outside = (bits.start / 8 * 8..bits.start).chain(bits.end..bits.end.next_multiple_of(8));
    count -= outside.filter(|offset| bit_at(bytes, *offset)).count() as u64;
    context.reply.integer(if bits.is_empty() { 0 } else { count as i64 });
    Ok(())
}

pub fn bitpos(context: &mut Context<'_>) -> Result<(), WireError> {
    let key = context.arg(1);
    let wanted = match parse_integer(context.arg(2)).ok_or(WireError::NotInteger)? {
        0 => false,
        1 => true,
        _ => return Err(error("The bit argument must be 1 or 0.")),
    };
    let range = Range::parse(context.args.from(3), true)?;
    let mut guard = context.lock(key);
    let Some(value) = context.value(&mut guard, key) else {
        context.reply.integer(if wanted { -1 } else { 0 });
        return Ok(());
    };
    let bytes = string_of(value)?;
    let bits = range.bits(bytes.len());
    let passed = if wanted { 0 } else { 0xff };
    let mut offset = bits.start;
    let mut found = None;
    while offset < bits.end && found.is_none() {
        if offset % 8 == 0 && bytes[(offset / 8) as usize] == passed {
            offset += 8;
            continue;
        }
        found = (bit_at(bytes, offset) == wanted).then_some(offset);
        offset += 1;
    }
    context.reply.integer(match found {
        Some(offset) => offset as i64,
        // Behind the end, where nobody said where to stop, are zeros.
        None if !wanted && !range.has_last && !bits.is_empty() => bits.end as i64,
        None => -1,
    });
    Ok(())
}

pub fn bitop(context: &mut Context<'_>) -> Result<(), WireError> {
    let (operation, target) = (context.arg(1), context.arg(2));
    let operations = ["and", "or", "xor", "not"];
    let operation = operations.into_iter().find(|name| is(operation, name)).ok_or(WireError::Syntax)?;
    if operation == "not" && context.args.len() != 4 {
        return Err(error("BITOP NOT must be called with a single source key."));
    }
    let mut sources: Vec<Vec<u8>> = Vec::new();
    let mut kept = Kept::new();
    for key in context.args.iter().skip(3) {
        sources.push(match context.value(kept.of(context, key), key) {
            Some(value) => string_of(value)?.to_vec(),
            None => Vec::new(),
        });
    }
    drop(kept);
    let length = sources.iter().map(Vec::len).max().unwrap_or(0);
    let mut sources = sources.into_iter();
    let mut result = sources.next().unwrap_or_default();
    result.resize(length, 0);
    if operation == "not" {
        result.iter_mut().for_each(|byte| *byte = !*byte);
    }
    for source in sources {
        let others = source.iter().copied().chain(std::iter::repeat(0));
        for (byte, other) in result.iter_mut().zip(others) {
            *byte = match operation {
                "and" => *byte & other,
                "or" => *byte | other,
                _ => *byte ^ other,
            };
        }
    }
    if result.is_empty() {
        context.delete_for_nothing(target)?;
    } else {
        let namespace = context.namespace_of(target);
        let mut guard = context.lock_with_room(target, namespace, length)?;
        let expires_at_ms = context.expiry_of_write(namespace, None);
        context.put(&mut guard, target, ValueRef::String(&result), expires_at_ms, namespace)?;
        context.notify(Class::STRING, "set", target);
    }
    context.reply.integer(length as i64);
    Ok(())
}

/// What becomes of a sum that does not fit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Overflow {
    Wrap,
    Saturate,
    Fail,
}

/// A number of some bits in a string.
#[derive(Clone, Copy)]
struct Field {
    offset: u64,
    width: u32,
    is_signed: bool,
}

impl Field {
    fn parse(kind: &[u8], offset: &[u8]) -> Result<Field, WireError> {
        let (width, is_signed) = field_kind(kind)?;
        Ok(Field { offset: bit_offset(offset, Some(u64::from(width)))?, width, is_signed })
    }

    fn bytes(&self) -> usize {
        (self.offset + u64::from(self.width)).div_ceil(8) as usize
    }

    fn get(&self, bytes: &[u8]) -> i128 {
        let bits = (0..u64::from(self.width))
            .fold(0u64, |value, bit| value << 1 | u64::from(bit_at(bytes, self.offset + bit)));
        self.of_bits(bits)
    }

    fn of_bits(&self, bits: u64) -> i128 {
        let value = i128::from(bits) & ((1i128 << self.width) - 1);
        let is_negative = self.is_signed && value >> (self.width - 1) != 0;
        if is_negative { value - (1i128 << self.width) } else { value }
    }

    fn set(&self, bytes: &mut [u8], value: i128) {
        for bit in 0..self.width {
            let (at, mask) = ((self.offset + u64::from(bit)) / 8, 0x80u8 >> ((self.offset + u64::from(bit)) % 8));
            let is_set = value >> (self.width - 1 - bit) & 1 != 0;
            let byte = &mut bytes[at as usize];
            *byte = if is_set { *byte | mask } else { *byte & !mask };
        }
    }

    /// A value that fits, as `overflow` has it; none if it is to fail.
    fn fitted(&self, value: i128, overflow: Overflow) -> Option<i128> {
        let (least, most) = match self.is_signed {
            true => (-(1i128 << (self.width - 1)), (1i128 << (self.width - 1)) - 1),
            false => (0, (1i128 << self.width) - 1),
        };
        if (least..=most).contains(&value) {
            return Some(value);
        }
        match overflow {
            Overflow::Wrap => Some(self.of_bits(value as u64)),
            Overflow::Saturate => Some(value.clamp(least, most)),
            Overflow::Fail => None,
        }
    }
}

fn field_kind(kind: &[u8]) -> Result<(u32, bool), WireError> {
    let invalid =
        || error("Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.");
    let (is_signed, digits) = match kind {
        [b'i', digits @ ..] => (true, digits),
        [b'u', digits @ ..] => (false, digits),
        _ => return Err(invalid()),
    };
    let most = if is_signed { 64 } else { 63 };
    let width = parse_integer(digits).filter(|width| (1..=most).contains(width)).ok_or_else(invalid)?;
    Ok((width as u32, is_signed))
}

enum Act {
    Get,
    Set(i64),
    Add(i64),
}

pub fn bitfield(context: &mut Context<'_>) -> Result<(), WireError> {
    act_on_fields(context, false)
}

pub fn bitfield_ro(context: &mut Context<'_>) -> Result<(), WireError> {
    act_on_fields(context, true)
}

fn act_on_fields(context: &mut Context<'_>, only_gets: bool) -> Result<(), WireError> {
    let mut overflow = Overflow::Wrap;
    let mut acts: Vec<(Field, Act, Overflow)> = Vec::new();
    let mut at = 2;
    while let Some(word) = context.args.get(at) {
        let left = context.args.len() - at - 1;
        if is(word, "get") && left >= 2 {
            acts.push((Field::parse(context.arg(at + 1), context.arg(at + 2))?, Act::Get, overflow));
            at += 3;
        } else if (is(word, "set") || is(word, "incrby")) && left >= 3 {
            let field = Field::parse(context.arg(at + 1), context.arg(at + 2))?;
            if only_gets {
                return Err(error("BITFIELD_RO only supports the GET subcommand"));
            }
            let number = parse_integer(context.arg(at + 3)).ok_or(WireError::NotInteger)?;
            acts.push((field, if is(word, "set") { Act::Set(number) } else { Act::Add(number) }, overflow));
            at += 4;
        } else if is(word, "overflow") && left >= 1 {
            overflow = match context.arg(at + 1) {
                word if is(word, "wrap") => Overflow::Wrap,
                word if is(word, "sat") => Overflow::Saturate,
                word if is(word, "fail") => Overflow::Fail,
                _ => return Err(error("Invalid OVERFLOW type specified")),
            };
            at += 2;
        } else {
            return Err(WireError::Syntax);
        }
    }
    let key = context.arg(1);
    let writes = acts.iter().filter(|act| !matches!(act.1, Act::Get)).map(|act| act.0.bytes()).max();
    if writes.is_some_and(|bytes| bytes > STRING_BYTES_MAX) {
        return Err(error("bit offset is not an integer or out of range"));
    }
    let answers: Vec<Option<i128>> = match writes {
        None => {
            let mut guard = context.lock(key);
            let bytes = match context.value(&mut guard, key) {
                Some(value) => string_of(value)?,
                None => b"",
            };
            acts.iter().map(|(field, ..)| Some(field.get(bytes))).collect()
        }
        Some(length) => change(context, key, length, |bytes| {
            let act = |(field, act, overflow): &(Field, Act, Overflow)| {
                let before = field.get(bytes);
                let (value, answers_before) = match act {
                    Act::Get => return Some(before),
                    // What is unsigned takes a negative number for the large one of the same bits.
                    Act::Set(number) if !field.is_signed => (i128::from(*number as u64), true),
                    Act::Set(number) => (i128::from(*number), true),
                    Act::Add(by) => (before + i128::from(*by), false),
                };
                let after = field.fitted(value, *overflow)?;
                field.set(bytes, after);
                Some(if answers_before { before } else { after })
            };
            acts.iter().map(act).collect()
        })?,
    };
    context.reply.array(answers.len());
    for answer in answers {
        match answer {
            Some(value) => context.reply.integer(value as i64),
            None => context.reply.null(),
        }
    }
    Ok(())
}
