//! DUMP and RESTORE: a value, or the libraries of functions, as bytes in Redis's own format (RDB), so that they can go from one to
//! the other.
//!
//! ```text
//!   type u8 │ value │ version u16 │ CRC-64 of all before
//! ```
//!
//! Written are the plain forms that every Redis reads since 4.0, and its 7.4's where fields of a hash expire; read are these and
//! the packed ones that Redis 7 writes. What is read may be anything: every length is checked against what is there. A stream alone is
//! written as dcache's own operations (`dcache_engine::Op`), in a type that no Redis has, and read from them: it goes from one dcache
//! to another.

use super::Context;
use super::collection::{error, is};
use crate::events::Class;
use crate::number::parse_integer;
use dcache_cluster::metadata::libraries::{LIBRARIES_BYTES_MAX, LIBRARIES_MAX};
use dcache_engine::{Edit, Kind, Op, Value, ValueRef};
use dcache_protocol::error::WireError;

/// Of Redis 7.0; 7.4's, whose form of hashes is the newest that is written, has 12.
const VERSION: u16 = 10;
const VERSION_WITH_EXPIRIES: u16 = 12;
/// What is newer than this is not read.
const VERSION_MAX: u16 = 12;
const FOOT: usize = 10;

const STRING: u8 = 0;
const LIST: u8 = 1;
const SET: u8 = 2;
const HASH: u8 = 4;
const SORTED_SET: u8 = 5;
const INTEGERS: u8 = 11;
const HASH_PACKED: u8 = 16;
const SORTED_SET_PACKED: u8 = 17;
const LIST_PACKED: u8 = 18;
const SET_PACKED: u8 = 20;
const HASH_WITH_EXPIRIES: u8 = 24;
/// Of dcache alone.
const STREAM: u8 = 0xd5;
/// Before the code of a library.
const LIBRARY: u8 = 245;

/// CRC-64 of Redis: Jones's polynomial, reflected.
fn checksum(bytes: &[u8]) -> u64 {
    const POLYNOMIAL: u64 = 0x95ac_9329_ac4b_c9b5;
    const TABLE: [u64; 256] = {
        let mut table = [0; 256];
        let mut index = 0;
        while index < 256 {
            let (mut crc, mut bit) = (index as u64, 0);
            while bit < 8 {
                crc = if crc & 1 != 0 { crc >> 1 ^ POLYNOMIAL } else { crc >> 1 };
                bit += 1;
            }
            table[index] = crc;
            index += 1;
        }
        table
    };
    bytes.iter().fold(0, |crc, byte| TABLE[usize::from(crc as u8 ^ byte)] ^ crc >> 8)
}

fn put_length(length: u64, out: &mut Vec<u8>) {
    match length {
        0..64 => out.push(length as u8),
        64..16384 => out.extend_from_slice(&[0x40 | (length >> 8) as u8, length as u8]),
        _ => match u32::try_from(length) {
            Ok(length) => {
                out.push(0x80);
                out.extend_from_slice(&length.to_be_bytes());
            }
            Err(_) => {
                out.push(0x81);
                out.extend_from_slice(&length.to_be_bytes());
            }
        },
    }
}

fn put_text(text: &[u8], out: &mut Vec<u8>) {
    put_length(text.len() as u64, out);
    out.extend_from_slice(text);
}

fn dumped(value: ValueRef<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut version = VERSION;
    if let Some(text) = value.as_string() {
        out.push(STRING);
        put_text(text, &mut out);
    } else if value.kind() == Kind::Stream {
        out.push(STREAM);
        value.each_op(&mut |op| op.encode(&mut out));
    } else {
        // Expired or not: whoever reads it judges by its own clock.
        let hash = value.as_hash(0);
        let soonest = hash.and_then(|hash| hash.soonest_ms());
        let (kind, count) = match value.kind() {
            Kind::Hash if soonest.is_some() => (HASH_WITH_EXPIRIES, hash.map_or(0, |hash| hash.len())),
            Kind::Hash => (HASH, hash.map_or(0, |hash| hash.len())),
            Kind::List => (LIST, value.as_list().map_or(0, |list| list.len())),
            Kind::SortedSet => (SORTED_SET, value.as_sorted_set().map_or(0, |set| set.len())),
            _ => (SET, value.as_set().map_or(0, |set| set.len())),
        };
        out.push(kind);
        if let Some(soonest) = soonest {
            version = VERSION_WITH_EXPIRIES;
            out.extend_from_slice(&soonest.to_le_bytes());
        }
        put_length(count as u64, &mut out);
        value.each_op(&mut |op| match op {
            Op::Put { field, value, expires_at_ms } => {
                if let Some(soonest) = soonest {
                    put_length(expires_at_ms.map_or(0, |at| at - soonest + 1), &mut out);
                }
                put_text(field, &mut out);
                put_text(value, &mut out);
            }
            Op::Add { member: text } | Op::At { item: text, .. } => put_text(text, &mut out),
            Op::Score { member, score } => {
                put_text(member, &mut out);
                out.extend_from_slice(&score.to_bits().to_le_bytes());
            }
            _ => {}
        });
    }
    out.extend_from_slice(&version.to_le_bytes());
    let crc = checksum(&out);
    out.extend_from_slice(&crc.to_le_bytes());
    out
}

pub fn dump(context: &mut Context<'_>) -> Result<(), WireError> {
    let key = context.arg(1);
    let mut guard = context.lock(key);
    match context.value(&mut guard, key) {
        Some(value) => context.reply.bulk(dumped(value)),
        None => context.reply.null(),
    }
    Ok(())
}

/// What is not read yet of a dump.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.try_into().ok()
    }

    /// A length, or the kind of a text that is written otherwise.
    fn length_or_form(&mut self) -> Option<Result<u64, u8>> {
        let [first] = self.array()?;
        Some(match first >> 6 {
            0 => Ok(u64::from(first)),
            1 => Ok(u64::from(first & 63) << 8 | u64::from(self.array::<1>()?[0])),
            2 if first == 0x80 => Ok(u64::from(u32::from_be_bytes(self.array()?))),
            2 if first == 0x81 => Ok(u64::from_be_bytes(self.array()?)),
            3 => Err(first & 63),
            _ => return None,
        })
    }

    fn length(&mut self) -> Option<u64> {
        self.length_or_form()?.ok()
    }

    fn text(&mut self) -> Option<Vec<u8>> {
        let number = |number: i64| Some(number.to_string().into_bytes());
        match self.length_or_form()? {
            Ok(length) => self.bytes(usize::try_from(length).ok()?).map(<[u8]>::to_vec),
            Err(0) => number(i64::from(self.array::<1>()?[0] as i8)),
            Err(1) => number(i64::from(i16::from_le_bytes(self.array()?))),
            Err(2) => number(i64::from(i32::from_le_bytes(self.array()?))),
            Err(3) => {
                let (packed, length) = (self.length()?, self.length()?);
                inflated(self.bytes(usize::try_from(packed).ok()?)?, usize::try_from(length).ok()?)
            }
            Err(_) => None,
        }
    }
}

/// Undoes LZF.
fn inflated(packed: &[u8], length: usize) -> Option<Vec<u8>> {
    // A byte of it makes less than 90 at most.
    if length / 90 > packed.len() {
        return None;
    }
    let mut rest = Rest(packed);
    let mut out: Vec<u8> = Vec::with_capacity(length);
    while let Some([control]) = rest.array() {
        let control = usize::from(control);
        if control < 32 {
            out.extend_from_slice(rest.bytes(control + 1)?);
            continue;
        }
        let mut count = control >> 5;
        if count == 7 {
            count += usize::from(rest.array::<1>()?[0]);
        }
        let back = (control & 31) << 8 | usize::from(rest.array::<1>()?[0]);
        let from = out.len().checked_sub(back + 1)?;
        if out.len() + count + 2 > length {
            return None;
        }
        // What is copied may be what was just written.
        (from..from + count + 2).for_each(|from| out.push(out[from]));
    }
    (out.len() == length).then_some(out)
}

/// The entries of a listpack.
fn entries(pack: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut rest = Rest(pack.get(6..)?);
    let mut entries = Vec::new();
    loop {
        let before = rest.0.len();
        let [first] = rest.array()?;
        let number = |number: i64| number.to_string().into_bytes();
        let entry = match first {
            0xff => return rest.0.is_empty().then_some(entries),
            0..0x80 => number(i64::from(first)),
            0x80..0xc0 => rest.bytes(usize::from(first & 63))?.to_vec(),
            0xc0..0xe0 => {
                let value = i64::from(first & 31) << 8 | i64::from(rest.array::<1>()?[0]);
                number(if value >= 1 << 12 { value - (1 << 13) } else { value })
            }
            0xe0..0xf0 => {
                let length = usize::from(first & 15) << 8 | usize::from(rest.array::<1>()?[0]);
                rest.bytes(length)?.to_vec()
            }
            0xf0 => {
                let length = u32::from_le_bytes(rest.array()?) as usize;
                rest.bytes(length)?.to_vec()
            }
            0xf1 => number(i64::from(i16::from_le_bytes(rest.array()?))),
            0xf2 => {
                let [a, b, c] = rest.array()?;
                number(i64::from(i32::from_le_bytes([0, a, b, c]) >> 8))
            }
            0xf3 => number(i64::from(i32::from_le_bytes(rest.array()?))),
            0xf4 => number(i64::from_le_bytes(rest.array()?)),
            _ => return None,
        };
        // Its length stands behind it too, for whoever reads backwards.
        let back = match before - rest.0.len() {
            0..=127 => 1,
            128..=16382 => 2,
            16383..=2_097_150 => 3,
            2_097_151..=268_435_454 => 4,
            _ => 5,
        };
        rest.bytes(back)?;
        entries.push(entry);
    }
}

/// A value's bytes, turned into what is done to an empty one. None: they are not one.
fn restored(context: &Context<'_>, payload: &[u8]) -> Option<Option<Value>> {
    let (kind, body) = payload.split_first()?;
    let mut rest = Rest(body);
    if *kind == STRING {
        let text = rest.text()?;
        return rest.0.is_empty().then(|| Some(Value::string(text)));
    }
    let mut is_whole = true;
    let of = match *kind {
        LIST | LIST_PACKED => Kind::List,
        SET | INTEGERS | SET_PACKED => Kind::Set,
        HASH | HASH_PACKED | HASH_WITH_EXPIRIES => Kind::Hash,
        SORTED_SET | SORTED_SET_PACKED => Kind::SortedSet,
        STREAM => Kind::Stream,
        _ => return None,
    };
    let value = context.build(of, |edit| {
        is_whole = fill(edit, *kind, &mut rest).is_some() && rest.0.is_empty();
    });
    is_whole.then_some(value)
}

fn fill(edit: &mut Edit, kind: u8, rest: &mut Rest<'_>) -> Option<()> {
    match kind {
        LIST => {
            for _ in 0..rest.length()? {
                edit.push_back(&rest.text()?);
            }
        }
        SET => {
            for _ in 0..rest.length()? {
                // Twice the same is no set.
                edit.add(&rest.text()?).then_some(())?;
            }
        }
        HASH => {
            for _ in 0..rest.length()? {
                edit.put_field(&rest.text()?, &rest.text()?, None).then_some(())?;
            }
        }
        HASH_WITH_EXPIRIES => {
            let soonest = u64::from_le_bytes(rest.array()?);
            for _ in 0..rest.length()? {
                let expires_at_ms = match rest.length()? {
                    0 => None,
                    after => Some(soonest.checked_add(after - 1)?),
                };
                let (field, value) = (rest.text()?, rest.text()?);
                if expires_at_ms.is_none_or(|at| at > edit.now_ms()) {
                    edit.put_field(&field, &value, expires_at_ms).then_some(())?;
                }
            }
        }
        SORTED_SET => {
            for _ in 0..rest.length()? {
                let (member, score) = (rest.text()?, f64::from_bits(u64::from_le_bytes(rest.array()?)));
                (!score.is_nan() && edit.put_score(&member, score)).then_some(())?;
            }
        }
        INTEGERS => {
            let text = rest.text()?;
            let (width, numbers) = (u32::from_le_bytes(text.get(..4)?.try_into().ok()?) as usize, text.get(8..)?);
            if !matches!(width, 2 | 4 | 8) || !numbers.len().is_multiple_of(width) {
                return None;
            }
            for number in numbers.chunks(width) {
                let mut word = if number[width - 1] & 0x80 != 0 { [0xff; 8] } else { [0; 8] };
                word[..width].copy_from_slice(number);
                edit.add(i64::from_le_bytes(word).to_string().as_bytes()).then_some(())?;
            }
        }
        SET_PACKED => {
            for member in entries(&rest.text()?)? {
                edit.add(&member).then_some(())?;
            }
        }
        HASH_PACKED => {
            for pair in entries(&rest.text()?)?.chunks(2) {
                edit.put_field(&pair[0], pair.get(1)?, None).then_some(())?;
            }
        }
        SORTED_SET_PACKED => {
            for pair in entries(&rest.text()?)?.chunks(2) {
                let score = super::collection::parse_double(pair.get(1)?)?;
                edit.put_score(&pair[0], score).then_some(())?;
            }
        }
        LIST_PACKED => {
            for _ in 0..rest.length()? {
                // A node is one long item, or a listpack.
                let form = rest.length()?;
                let text = rest.text()?;
                match form {
                    1 => edit.push_back(&text),
                    2 => entries(&text)?.iter().for_each(|item| edit.push_back(item)),
                    _ => return None,
                }
            }
        }
        STREAM => {
            while !rest.0.is_empty() {
                edit.fill(&Op::take(&mut rest.0)?).then_some(())?;
            }
            edit.is_sound().then_some(())?;
        }
        _ => return None,
    }
    // No key has an empty collection, but one of which all fields have expired.
    (!edit.is_empty() || kind == HASH_WITH_EXPIRIES).then_some(())
}

/// What stands before the foot, if that fits it.
fn body_of(payload: &[u8]) -> Option<&[u8]> {
    let (body, foot) = payload.split_at_checked(payload.len().checked_sub(FOOT)?)?;
    let (version, crc) = foot.split_first_chunk::<2>()?;
    let is_right = u64::from_le_bytes(crc.try_into().ok()?) == checksum(&payload[..body.len() + 2]);
    (u16::from_le_bytes(*version) <= VERSION_MAX && is_right).then_some(body)
}

fn seal(out: &mut Vec<u8>, version: u16) {
    out.extend_from_slice(&version.to_le_bytes());
    let crc = checksum(out);
    out.extend_from_slice(&crc.to_le_bytes());
}

/// What `FUNCTION DUMP` answers.
pub(crate) fn of_libraries<'a>(codes: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    for code in codes {
        out.push(LIBRARY);
        put_text(code, &mut out);
    }
    seal(&mut out, VERSION);
    out
}

/// The codes of libraries in what `FUNCTION RESTORE` is given. The error is a reply's text.
pub(crate) fn libraries_of(payload: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let body = body_of(payload).ok_or("DUMP payload version or checksum are wrong")?;
    let (mut rest, mut codes, mut bytes) = (Rest(body), Vec::new(), 0);
    while let Some([kind]) = rest.array() {
        if kind != LIBRARY {
            return Err("given type is not a function".into());
        }
        let code = rest.text().ok_or("failed loading the given functions payload")?;
        bytes += code.len();
        codes.push(code);
        if bytes > LIBRARIES_BYTES_MAX || codes.len() > LIBRARIES_MAX {
            return Err(format!("more than {LIBRARIES_MAX} libraries, or {LIBRARIES_BYTES_MAX} bytes"));
        }
    }
    Ok(codes)
}

pub fn restore(context: &mut Context<'_>) -> Result<(), WireError> {
    let (key, payload) = (context.arg(1), context.arg(3));
    let (mut replaces, mut is_absolute) = (false, false);
    let mut words = context.args.iter().skip(4);
    while let Some(word) = words.next() {
        if is(word, "replace") {
            replaces = true;
        } else if is(word, "absttl") {
            is_absolute = true;
        } else if (is(word, "idletime") || is(word, "freq")) && words.len() > 0 {
            // Checked as Redis does; what was used when and how often begins anew here.
            let number = words.next().and_then(parse_integer).ok_or(WireError::NotInteger)?;
            if is(word, "idletime") && number < 0 {
                return Err(error("Invalid IDLETIME value, must be >= 0"));
            }
            if is(word, "freq") && !(0..=255).contains(&number) {
                return Err(error("Invalid FREQ value, must be >= 0 and <= 255"));
            }
        } else {
            return Err(WireError::Syntax);
        }
    }
    let is_there = || context.lock(key).peek(context.database, key, context.now_ms).is_some();
    if !replaces && is_there() {
        return Err(WireError::Other("BUSYKEY Target key name already exists.".into()));
    }
    let ttl = parse_integer(context.arg(2)).ok_or(WireError::NotInteger)?;
    let ttl = u64::try_from(ttl).map_err(|_| error("Invalid TTL value, must be >= 0"))?;
    let invalid = || error("DUMP payload version or checksum are wrong");
    let body = body_of(payload).ok_or_else(invalid)?;
    let value = restored(context, body).ok_or_else(|| error("Bad data format"))?;
    let asked_ms = match (ttl, is_absolute) {
        (0, _) => None,
        (at_ms, true) => Some(at_ms),
        (ttl, false) => Some(context.now_ms.saturating_add(ttl)),
    };
    match value.filter(|_| asked_ms.is_none_or(|at| at > context.now_ms)) {
        None => context.delete_for_nothing(key)?,
        Some(Value::String(text)) => {
            let namespace = context.namespace_of(key);
            let mut guard = context.lock_with_room(key, namespace, text.len())?;
            let expires_at_ms = context.expiry_of_write(namespace, asked_ms);
            context.put(&mut guard, key, ValueRef::String(&text), expires_at_ms, namespace)?;
            context.notify(Class::GENERIC, "restore", key);
        }
        Some(value) => {
            let (_guard, is_new) = context.put_collection(key, value, asked_ms)?;
            if is_new {
                context.notify(Class::NEW, "new", key);
            }
            context.notify(Class::GENERIC, "restore", key);
        }
    }
    context.reply.ok();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_redis_s() {
        assert_eq!(checksum(b"123456789"), 0xe9c6_d914_c4b8_d9ca);
    }

    #[test]
    fn what_was_packed_comes_out() {
        assert_eq!(inflated(b"\x00a\xe0\x04\x00", 14).map(|text| text.len()), Some(14));
        assert_eq!(inflated(b"\xe0\x04\x00", 13), None, "nothing is there to go back to");
        assert_eq!(inflated(b"\x00a\xe0\xff\x00", 1 << 30), None);
        let pack = b"\0\0\0\0\0\0\x05\x01\x83abc\x04\xdf\xff\x02\xf1\x00\x80\x03\xff";
        let texts: Vec<&[u8]> = vec![b"5", b"abc", b"-1", b"-32768"];
        assert_eq!(entries(pack).expect("a listpack"), texts);
        assert!((0..pack.len()).all(|length| entries(&pack[..length]).is_none()));
    }
}
