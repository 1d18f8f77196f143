//! The client's side of RESP: replies as values, and requests as bytes.
//!
//! [`skip_value`] finds where one whole reply ends, without building it; [`parse_value`] builds it once it is whole, so a
//! reply that arrives in pieces costs no allocation before its last byte. Attributes (RESP3 `|`) are read over. Streamed
//! aggregates and strings (`$?`, `*?`) are not understood: no server sends them.

use super::parse::{Limits, ProtocolError, parse_integer};
use super::reply::push_integer;

/// Deepest nesting of aggregates that is followed; `COMMAND DOCS` needs 8.
pub const DEPTH_MAX: usize = 32;

/// One reply.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Simple(String),
    /// The text after `-` (or of a bulk error), its code word first.
    Error(String),
    Integer(i64),
    Bulk(Vec<u8>),
    /// `_`, or RESP2's `$-1` and `*-1`.
    Null,
    Array(Vec<Value>),
    Map(Vec<(Value, Value)>),
    Set(Vec<Value>),
    Double(f64),
    Boolean(bool),
    /// `format` is three letters, `txt` or `mkd`.
    Verbatim {
        format: String,
        text: Vec<u8>,
    },
    BigNumber(String),
    Push(Vec<Value>),
}

impl Value {
    /// The bytes of a string of any kind; `None` for everything else, errors included.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Value::Simple(text) | Value::BigNumber(text) => Some(text.as_bytes()),
            Value::Bulk(bytes) | Value::Verbatim { text: bytes, .. } => Some(bytes),
            _ => None,
        }
    }

    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Value::Integer(value) => Some(*value),
            _ => None,
        }
    }

    /// The parts of an array, set or push.
    pub fn as_slice(&self) -> Option<&[Value]> {
        match self {
            Value::Array(values) | Value::Set(values) | Value::Push(values) => Some(values),
            _ => None,
        }
    }
}

/// One reply and the bytes it took; `None` when `input` does not hold all of it yet. `limits.bulk_bytes_max` bounds each
/// string and `limits.request_bytes_max` the whole; the number of parts is bounded by the bytes they take.
pub fn parse_value(input: &[u8], limits: &Limits) -> Result<Option<(Value, usize)>, ProtocolError> {
    let Some(end) = skip(input, limits)? else { return Ok(None) };
    let mut rest = &input[..end];
    let value = build(&mut rest)?;
    Ok(Some((value, end)))
}

/// The length of the one whole reply at the beginning of `input`; `None` when it is not all there. Allocates nothing.
/// The bounds are those of [`Limits::default`].
pub fn skip_value(input: &[u8]) -> Result<Option<usize>, ProtocolError> {
    skip(input, &Limits::default())
}

/// Appends a request: an array of bulk strings.
pub fn encode_request<A: AsRef<[u8]>>(args: &[A], out: &mut Vec<u8>) {
    out.reserve(16 + args.iter().map(|arg| arg.as_ref().len() + 16).sum::<usize>());
    out.push(b'*');
    push_integer(args.len() as i64, out);
    out.extend_from_slice(b"\r\n");
    for arg in args {
        let arg = arg.as_ref();
        out.push(b'$');
        push_integer(arg.len() as i64, out);
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(arg);
        out.extend_from_slice(b"\r\n");
    }
}

/// The first line of a value, and what follows it.
enum Head {
    /// The line is the value.
    Line,
    /// This many bytes and CR LF follow.
    Bytes(usize),
    /// This many values follow.
    Values(u64),
    /// This many values follow, and then the value they describe.
    Attribute(u64),
}

fn skip(input: &[u8], limits: &Limits) -> Result<Option<usize>, ProtocolError> {
    let mut position = 0;
    // Values still to come at each level; level 0 is the reply itself.
    let mut pending = [0u64; DEPTH_MAX + 1];
    pending[0] = 1;
    let mut depth = 0;
    loop {
        while pending[depth] == 0 {
            if depth == 0 {
                return Ok(Some(position));
            }
            depth -= 1;
        }
        let Some((head, line_end)) = head(&input[position..], limits)? else { return bounded(input, limits) };
        position += line_end;
        let nested = match head {
            Head::Line => 0,
            Head::Bytes(length) => {
                let end = position + length;
                if end > limits.request_bytes_max {
                    return Err(ProtocolError::TooBigRequest);
                }
                match input.get(end..end + 2) {
                    None => return bounded(input, limits),
                    Some(b"\r\n") => position = end + 2,
                    Some(_) => return Err(ProtocolError::UnterminatedBulk),
                }
                0
            }
            Head::Values(count) => count,
            Head::Attribute(count) => {
                pending[depth] += 1;
                count
            }
        };
        pending[depth] -= 1;
        if nested > 0 {
            depth += 1;
            *pending.get_mut(depth).ok_or(ProtocolError::TooDeep)? = nested;
        }
    }
}

/// What an incomplete reply answers: more is wanted, unless it already is more than a reply may be.
fn bounded(input: &[u8], limits: &Limits) -> Result<Option<usize>, ProtocolError> {
    if input.len() > limits.request_bytes_max { Err(ProtocolError::TooBigRequest) } else { Ok(None) }
}

/// What the line at the beginning of `input` announces, and the length of the line with its CR LF.
fn head(input: &[u8], limits: &Limits) -> Result<Option<(Head, usize)>, ProtocolError> {
    let Some(&kind) = input.first() else { return Ok(None) };
    if !b"+-:$*_#,(!=%~>|".contains(&kind) {
        return Err(ProtocolError::UnknownType { got: kind });
    }
    let Some(end) = input.iter().take(limits.inline_bytes_max + 2).position(|&b| b == b'\r') else {
        let is_too_long = input.len() > limits.inline_bytes_max + 1;
        return if is_too_long { Err(ProtocolError::TooBigInline) } else { Ok(None) };
    };
    match input.get(end + 1) {
        None => return Ok(None),
        Some(b'\n') => {}
        Some(_) => return Err(ProtocolError::MalformedReply),
    }
    let text = &input[1..end];
    let head = match kind {
        b'$' | b'*' if text == b"-1" => Head::Line,
        b'$' | b'!' | b'=' => {
            let length = length_of(text).filter(|&length| length <= limits.bulk_bytes_max as u64);
            Head::Bytes(length.ok_or(ProtocolError::InvalidBulkLength)? as usize)
        }
        b'*' | b'~' | b'>' => Head::Values(length_of(text).ok_or(ProtocolError::InvalidMultibulkLength)?),
        b'%' | b'|' => {
            let pairs = length_of(text).ok_or(ProtocolError::InvalidMultibulkLength)?;
            let count = pairs.checked_mul(2).ok_or(ProtocolError::InvalidMultibulkLength)?;
            if kind == b'|' { Head::Attribute(count) } else { Head::Values(count) }
        }
        _ => Head::Line,
    };
    Ok(Some((head, end + 2)))
}

fn length_of(text: &[u8]) -> Option<u64> {
    parse_integer(text).and_then(|length| u64::try_from(length).ok())
}

/// Builds the value at the beginning of `rest`, which is known to be whole and not too deep, and moves behind it.
fn build(rest: &mut &[u8]) -> Result<Value, ProtocolError> {
    let kind = rest[0];
    let line = take_line(rest);
    Ok(match kind {
        b'+' => Value::Simple(text_of(line)),
        b'-' => Value::Error(text_of(line)),
        b':' => Value::Integer(parse_reply_integer(line)?),
        b'_' => Value::Null,
        b'$' | b'*' if line == b"-1" => Value::Null,
        b'$' => Value::Bulk(take_bytes(rest, line).to_vec()),
        b'!' => Value::Error(text_of(take_bytes(rest, line))),
        b'=' => match take_bytes(rest, line) {
            [a, b, c, b':', text @ ..] => Value::Verbatim { format: text_of(&[*a, *b, *c]), text: text.to_vec() },
            _ => return Err(ProtocolError::MalformedReply),
        },
        b'*' => Value::Array(build_many(rest, line)?),
        b'~' => Value::Set(build_many(rest, line)?),
        b'>' => Value::Push(build_many(rest, line)?),
        b'%' => Value::Map(build_pairs(rest, line)?),
        b'|' => {
            build_pairs(rest, line)?;
            return build_described(rest);
        }
        b'#' => match line {
            b"t" => Value::Boolean(true),
            b"f" => Value::Boolean(false),
            _ => return Err(ProtocolError::MalformedReply),
        },
        b',' => Value::Double(text_of(line).parse().map_err(|_| ProtocolError::MalformedReply)?),
        b'(' => Value::BigNumber(text_of(line)),
        got => return Err(ProtocolError::UnknownType { got }),
    })
}

/// The value after an attribute; further attributes in front of it are read over in a loop, not by recursion.
fn build_described(rest: &mut &[u8]) -> Result<Value, ProtocolError> {
    while rest[0] == b'|' {
        let line = take_line(rest);
        build_pairs(rest, line)?;
    }
    build(rest)
}

fn build_many(rest: &mut &[u8], line: &[u8]) -> Result<Vec<Value>, ProtocolError> {
    let count = length_of(line).ok_or(ProtocolError::InvalidMultibulkLength)?;
    // The parts are all there, and each takes at least three bytes, so this is bounded by what was received.
    let mut values = Vec::with_capacity((count as usize).min(rest.len() / 3));
    for _ in 0..count {
        values.push(build(rest)?);
    }
    Ok(values)
}

fn build_pairs(rest: &mut &[u8], line: &[u8]) -> Result<Vec<(Value, Value)>, ProtocolError> {
    let count = length_of(line).ok_or(ProtocolError::InvalidMultibulkLength)?;
    let mut pairs = Vec::with_capacity((count as usize).min(rest.len() / 6));
    for _ in 0..count {
        pairs.push((build(rest)?, build(rest)?));
    }
    Ok(pairs)
}

/// The line at the beginning of `rest` without its type byte and CR LF.
fn take_line<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let end = rest.iter().position(|&b| b == b'\r').unwrap_or(rest.len());
    let line = &rest[1..end];
    *rest = &rest[end + 2..];
    line
}

fn take_bytes<'a>(rest: &mut &'a [u8], line: &[u8]) -> &'a [u8] {
    let length = length_of(line).unwrap_or(0) as usize;
    let bytes = &rest[..length];
    *rest = &rest[length + 2..];
    bytes
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Replies may carry a plus sign, which requests may not.
fn parse_reply_integer(line: &[u8]) -> Result<i64, ProtocolError> {
    parse_integer(line.strip_prefix(b"+").unwrap_or(line)).ok_or(ProtocolError::MalformedReply)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::parse::{Parser, Progress};
    use super::super::reply::{Reply, Version};
    use super::*;
    use proptest::prelude::*;

    fn parsed(input: &[u8]) -> Value {
        let (value, consumed) = parse_value(input, &Limits::default()).unwrap().unwrap();
        assert_eq!(consumed, input.len());
        assert_eq!(skip_value(input), Ok(Some(input.len())));
        value
    }

    #[test]
    fn every_kind_is_read() {
        assert_eq!(parsed(b"+OK\r\n"), Value::Simple("OK".into()));
        assert_eq!(parsed(b"-ERR no\r\n"), Value::Error("ERR no".into()));
        assert_eq!(parsed(b"!5\r\nERR x\r\n"), Value::Error("ERR x".into()));
        assert_eq!(parsed(b":-3\r\n"), Value::Integer(-3));
        assert_eq!(parsed(b"$2\r\n\r\n\r\n"), Value::Bulk(b"\r\n".to_vec()));
        assert_eq!(parsed(b"$-1\r\n"), Value::Null);
        assert_eq!(parsed(b"*-1\r\n"), Value::Null);
        assert_eq!(parsed(b"_\r\n"), Value::Null);
        assert_eq!(parsed(b"#t\r\n"), Value::Boolean(true));
        assert_eq!(parsed(b",inf\r\n"), Value::Double(f64::INFINITY));
        assert_eq!(parsed(b"(123456789012345678901\r\n"), Value::BigNumber("123456789012345678901".into()));
        assert_eq!(parsed(b"=6\r\ntxt:hi\r\n"), Value::Verbatim { format: "txt".into(), text: b"hi".to_vec() });
        assert_eq!(parsed(b"*2\r\n:1\r\n*0\r\n"), Value::Array(vec![Value::Integer(1), Value::Array(vec![])]));
        assert_eq!(parsed(b"~1\r\n:1\r\n"), Value::Set(vec![Value::Integer(1)]));
        assert_eq!(parsed(b">1\r\n:1\r\n"), Value::Push(vec![Value::Integer(1)]));
        assert_eq!(parsed(b"%1\r\n+a\r\n:1\r\n"), Value::Map(vec![(Value::Simple("a".into()), Value::Integer(1))]));
        assert_eq!(parsed(b"|1\r\n+ttl\r\n:1\r\n|0\r\n:5\r\n"), Value::Integer(5));
    }

    #[test]
    fn what_is_not_a_reply_is_refused() {
        let refusal = |input: &[u8]| parse_value(input, &Limits::default()).unwrap_err();
        assert_eq!(refusal(b"hello"), ProtocolError::UnknownType { got: b'h' });
        assert_eq!(refusal(b"$-2\r\n"), ProtocolError::InvalidBulkLength);
        assert_eq!(refusal(b"$1\r\nabc"), ProtocolError::UnterminatedBulk);
        assert_eq!(refusal(b":x\r\n"), ProtocolError::MalformedReply);
        assert_eq!(refusal(b"#x\r\n"), ProtocolError::MalformedReply);
        assert_eq!(refusal(b"*x\r\n"), ProtocolError::InvalidMultibulkLength);
        assert_eq!(refusal(b"%-1\r\n"), ProtocolError::InvalidMultibulkLength);
        assert_eq!(refusal(&[b'+'; 70_000]), ProtocolError::TooBigInline);
        assert_eq!(refusal(&b"*1\r\n".repeat(DEPTH_MAX + 1)), ProtocolError::TooDeep);
        assert_eq!(skip_value(&b"*1\r\n".repeat(DEPTH_MAX)), Ok(None));
        assert_eq!(skip_value(&b"%9223372036854775807\r\n".repeat(DEPTH_MAX)), Ok(None));
        let small = Limits { request_bytes_max: 10, ..Limits::default() };
        assert_eq!(parse_value(b"$9\r\n", &small), Err(ProtocolError::TooBigRequest));
        assert_eq!(parse_value(b"*9\r\n:1\r\n:2\r\n", &small), Err(ProtocolError::TooBigRequest));
    }

    #[test]
    fn a_request_written_here_is_read_by_the_parser() {
        let mut out = Vec::new();
        encode_request(&[&b"SET"[..], b"k", b"\r\n"], &mut out);
        let mut parser = Parser::new(Limits::default());
        assert_eq!(parser.parse(&out), Ok(Progress::Request { consumed: out.len() }));
        assert_eq!(parser.args(&out).iter().collect::<Vec<_>>(), [&b"SET"[..], b"k", b"\r\n"]);
    }

    fn write(value: &Value, reply: &mut Reply<'_>) {
        match value {
            Value::Simple(text) => reply.simple(text),
            Value::Error(text) => reply.error(text),
            Value::Integer(value) => reply.integer(*value),
            Value::Bulk(bytes) => reply.bulk(bytes),
            Value::Null => reply.null(),
            Value::Double(value) => reply.double(*value),
            Value::Boolean(value) => reply.boolean(*value),
            Value::Verbatim { text, .. } => reply.verbatim("txt", std::str::from_utf8(text).unwrap()),
            Value::BigNumber(digits) => reply.big_number(digits),
            Value::Array(values) | Value::Set(values) | Value::Push(values) => {
                match value {
                    Value::Array(_) => reply.array(values.len()),
                    Value::Set(_) => reply.set(values.len()),
                    _ => reply.push(values.len()),
                }
                values.iter().for_each(|value| write(value, reply));
            }
            Value::Map(pairs) => {
                reply.map(pairs.len());
                pairs.iter().for_each(|(key, value)| [key, value].into_iter().for_each(|part| write(part, reply)));
            }
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            "[a-z ]{0,8}".prop_map(Value::Simple),
            "ERR [a-z ]{0,8}".prop_map(Value::Error),
            any::<i64>().prop_map(Value::Integer),
            prop::collection::vec(any::<u8>(), 0..20).prop_map(Value::Bulk),
            Just(Value::Null),
            any::<f64>().prop_map(Value::Double),
            any::<bool>().prop_map(Value::Boolean),
            "[a-z:]{0,8}".prop_map(|text| Value::Verbatim { format: "txt".into(), text: text.into_bytes() }),
            "[1-9][0-9]{0,30}".prop_map(Value::BigNumber),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            let many = prop::collection::vec(inner.clone(), 0..5);
            prop_oneof![
                many.clone().prop_map(Value::Array),
                many.clone().prop_map(Value::Set),
                many.prop_map(Value::Push),
                prop::collection::vec((inner.clone(), inner), 0..4).prop_map(Value::Map),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_replied_is_read_back_and_every_prefix_is_incomplete(value in value()) {
            let mut bytes = Vec::new();
            write(&value, &mut Reply::new(&mut bytes, Version::Resp3));
            for cut in 0..bytes.len() {
                prop_assert_eq!(skip_value(&bytes[..cut]), Ok(None));
                prop_assert_eq!(parse_value(&bytes[..cut], &Limits::default()), Ok(None));
            }
            bytes.extend_from_slice(b":1\r\n");
            let (back, consumed) = parse_value(&bytes, &Limits::default()).unwrap().unwrap();
            prop_assert_eq!(back, value);
            prop_assert_eq!(consumed, bytes.len() - 4);
        }

        #[test]
        fn garbage_does_not_panic(bytes in prop::collection::vec(
            prop_oneof![Just(b'*'), Just(b'$'), Just(b'%'), Just(b'|'), Just(b'\r'), Just(b'\n'), b'0'..=b'9', any::<u8>()], 0..100
        )) {
            if let Ok(Some((_, consumed))) = parse_value(&bytes, &Limits::default()) {
                prop_assert!(consumed > 0 && consumed <= bytes.len());
            }
        }
    }
}
