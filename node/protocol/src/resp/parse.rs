//! Requests as clients send them: RESP arrays of bulk strings, and inline commands, read in place.
//!
//! [`Parser::parse`] is given the bytes not consumed yet and either completes one request, or says how many more bytes it
//! needs. It remembers how far it came, so a request that arrives in a thousand pieces is scanned once. What it completes
//! is a list of ranges into the caller's bytes ([`Args`]); a warm parser allocates nothing. Inline commands may be quoted,
//! which changes their bytes, so their arguments are copied into a buffer of the parser's own.
//!
//! Requests can also be read one behind another before any of them runs: [`Parser::parse_more`] keeps what earlier calls
//! completed, up to the next [`Parser::forget`], and [`Parser::last`] says where each is kept.
//!
//! ```text
//!   * 2 \r \n  $ 3 \r \n  G E T \r \n  $ 1 \r \n  k \r \n  * 1 ...
//!   |          |          |-args[0]-|             |args[1]
//!   |          |- bulk header: `position` moves from line to line, `searched` inside an unfinished line
//!   |- first byte: `*` is an array, anything else an inline command            |- consumed
//! ```
//!
//! The texts of the errors are Redis's (`src/networking.c`). Two things are stricter than there: the bytes after a bulk
//! string must be CR LF (otherwise a wrong length would turn the rest of a value into commands), and a limit is a limit
//! whether the bytes came in one piece or in many. Nothing is ever allocated by a declared length.
//! Replies are not read here: that is the client's side, [`super::value`].

use std::ops::{Index, Range};

/// Bounds on what one request may make the parser hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes of one argument (`proto-max-bulk-len`).
    pub bulk_bytes_max: usize,
    /// Most arguments of one request, the command's name included.
    pub args_max: usize,
    /// Most bytes of one line: an inline command, or the header of an array or a bulk string.
    pub inline_bytes_max: usize,
    /// Most bytes of one whole request on the wire; at most 4 GiB − 1 is honoured.
    pub request_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            bulk_bytes_max: 512 << 20,
            args_max: 1024 * 1024,
            inline_bytes_max: 64 << 10,
            request_bytes_max: 640 << 20,
        }
    }
}

/// What is wrong with the bytes; nothing after them can be understood, so the connection ends. `Display` is Redis's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    #[error("Protocol error: invalid multibulk length")]
    InvalidMultibulkLength,
    #[error("Protocol error: invalid bulk length")]
    InvalidBulkLength,
    #[error("Protocol error: expected '$', got '{}'", char::from(*got).escape_default())]
    ExpectedBulk { got: u8 },
    #[error("Protocol error: too big inline request")]
    TooBigInline,
    #[error("Protocol error: too big mbulk count string")]
    TooBigMultibulkCount,
    #[error("Protocol error: too big bulk count string")]
    TooBigBulkCount,
    #[error("Protocol error: unbalanced quotes in request")]
    UnbalancedQuotes,
    /// The whole request would pass [`Limits::request_bytes_max`].
    #[error("Protocol error: too big request")]
    TooBigRequest,
    /// A bulk string is not followed by CR LF: its length was wrong.
    #[error("Protocol error: expected CRLF after bulk string")]
    UnterminatedBulk,
    /// A reply starts with a byte that names no type.
    #[error("Protocol error: unknown reply type '{}'", char::from(*got).escape_default())]
    UnknownType { got: u8 },
    /// A reply's number, boolean, double or line is malformed.
    #[error("Protocol error: malformed reply")]
    MalformedReply,
    /// A reply nests deeper than [`super::value::DEPTH_MAX`].
    #[error("Protocol error: reply nested too deeply")]
    TooDeep,
}

/// What one call of [`Parser::parse`] found at the beginning of its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// One whole request of at least one argument; [`Parser::args`] has them.
    Request { consumed: usize },
    /// Bytes that ask nothing (an empty line, `*0`, `*-1`): skip them, answer nothing.
    Empty { consumed: usize },
    /// At least `wanted` (≥ 1) more bytes are needed; a hint for the size of the next read.
    Incomplete { wanted: usize },
}

/// An incremental request parser; one per connection. After an error it stays at the faulty byte.
#[derive(Debug)]
pub struct Parser {
    limits: Limits,
    phase: Phase,
    /// Bytes of the request understood so far; the beginning of the current line or bulk string.
    position: usize,
    /// Up to here the current line is known to hold no terminator.
    searched: usize,
    /// Arguments of the requests kept, then those of the current one from `first` on; each counts from the first byte of
    /// its own request.
    ranges: Vec<Range<u32>>,
    first: usize,
    /// Unquoted arguments of an inline command; `ranges` point here when `is_inline`.
    unquoted: Vec<u8>,
    is_inline: bool,
    /// No limit can stop a request of short headers and bulk strings ([`SHORT_ARGS_MAX`], [`short_header`]).
    takes_short: bool,
}

/// Where a parser keeps the arguments of one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    first: u32,
    count: u32,
    is_inline: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// At the first byte of a request.
    Start,
    /// At the header of a bulk string; this many arguments are still to come.
    BulkHeader { remaining: usize },
    /// At the bytes of a bulk string.
    BulkBytes { remaining: usize, length: usize },
}

/// A warm parser keeps this much for the next request; what a larger one needed is given back.
const KEPT_RANGES: usize = 128;
const KEPT_BYTES: usize = 4096;

impl Parser {
    pub fn new(limits: Limits) -> Parser {
        let limits = Limits { request_bytes_max: limits.request_bytes_max.min(u32::MAX as usize), ..limits };
        Parser {
            limits,
            phase: Phase::Start,
            position: 0,
            searched: 0,
            ranges: Vec::new(),
            first: 0,
            unquoted: Vec::new(),
            is_inline: false,
            takes_short: limits.bulk_bytes_max >= SHORT_BYTES_MAX
                && limits.args_max >= SHORT_ARGS_MAX
                && limits.inline_bytes_max >= SHORT_HEADER_BYTES
                && limits.request_bytes_max >= (SHORT_ARGS_MAX + 1) * (SHORT_HEADER_BYTES + SHORT_BYTES_MAX + 2),
        }
    }

    /// Reads one request. `input` begins at the first byte not consumed yet, and between calls it may only grow, until
    /// a call completes a request or an empty one: then the caller drops `consumed` bytes from its front.
    pub fn parse(&mut self, input: &[u8]) -> Result<Progress, ProtocolError> {
        self.forget();
        self.parse_more(input)
    }

    /// The arguments of the request the last call completed; `input` is the slice that call was given.
    pub fn args<'a>(&'a self, input: &'a [u8]) -> Args<'a> {
        self.args_of(self.last(), input)
    }

    /// As [`Parser::parse`], but keeps the requests of earlier calls.
    pub fn parse_more(&mut self, input: &[u8]) -> Result<Progress, ProtocolError> {
        if self.phase == Phase::Start {
            self.first = self.ranges.len();
            self.is_inline = false;
            match input.first() {
                None => return Ok(Progress::Incomplete { wanted: 1 }),
                Some(b'*') => {}
                Some(_) => return self.inline(input),
            }
            if self.takes_short && self.searched == 0 {
                if let Some(consumed) = self.short(input) {
                    return Ok(Progress::Request { consumed });
                }
                self.ranges.truncate(self.first);
            }
            let Some(line) = self.line(input, ProtocolError::TooBigMultibulkCount)? else {
                return Ok(Progress::Incomplete { wanted: 1 });
            };
            let count = parse_integer(&input[1..line.end]).ok_or(ProtocolError::InvalidMultibulkLength)?;
            if count <= 0 {
                return Ok(self.complete(|consumed| Progress::Empty { consumed }));
            }
            let remaining = usize::try_from(count).unwrap_or(usize::MAX);
            if remaining > self.limits.args_max {
                return Err(ProtocolError::InvalidMultibulkLength);
            }
            self.phase = Phase::BulkHeader { remaining };
        }
        self.bulks(input)
    }

    /// Where the request that the last call completed is kept.
    pub fn last(&self) -> Kept {
        Kept { first: self.first as u32, count: (self.ranges.len() - self.first) as u32, is_inline: self.is_inline }
    }

    /// The arguments of a request completed since [`Parser::forget`]; `input` is the slice that call was given.
    pub fn args_of<'a>(&'a self, kept: Kept, input: &'a [u8]) -> Args<'a> {
        let first = kept.first as usize;
        Args {
            bytes: if kept.is_inline { &self.unquoted } else { input },
            ranges: self.ranges.get(first..first + kept.count as usize).unwrap_or(&[]),
        }
    }

    /// How many arguments are kept, those of an incomplete request included.
    pub fn args_kept(&self) -> usize {
        self.ranges.len()
    }

    /// Keeps nothing but what is known of an incomplete request. A warm parser keeps some memory too.
    pub fn forget(&mut self) {
        if self.phase == Phase::Start {
            self.ranges.clear();
            if self.ranges.capacity() > KEPT_RANGES {
                self.ranges.shrink_to(KEPT_RANGES);
            }
            self.unquoted.clear();
            if self.unquoted.capacity() > KEPT_BYTES {
                self.unquoted.shrink_to(KEPT_BYTES);
            }
        } else if self.first > 0 {
            self.ranges.drain(..self.first);
        }
        self.first = 0;
    }

    /// A whole request of few and short arguments, at one go: the usual one. `None` for any other, which is then read the
    /// general way, from its start.
    fn short(&mut self, input: &[u8]) -> Option<usize> {
        let (count, mut at) = short_header(input, b'*')?;
        if count == 0 || count > SHORT_ARGS_MAX {
            return None;
        }
        for _ in 0..count {
            let rest = &input[at..];
            let (length, header) = short_header(rest, b'$')?;
            let end = header + length;
            if rest.get(end..end + 2)? != b"\r\n" {
                return None;
            }
            self.ranges.push((at + header) as u32..(at + end) as u32);
            at += end + 2;
        }
        Some(at)
    }

    fn bulks(&mut self, input: &[u8]) -> Result<Progress, ProtocolError> {
        loop {
            let (remaining, length) = match self.phase {
                Phase::BulkHeader { remaining } => {
                    let Some(length) = self.bulk_header(input)? else {
                        // The shortest bulk string is `$0 CR LF CR LF`.
                        let wanted = remaining.saturating_mul(6).saturating_sub(input.len() - self.position).max(1);
                        return Ok(Progress::Incomplete { wanted });
                    };
                    self.phase = Phase::BulkBytes { remaining, length };
                    (remaining, length)
                }
                Phase::BulkBytes { remaining, length } => (remaining, length),
                // `parse` leaves `Start` before it calls here, and the last argument returns below.
                Phase::Start => return Ok(Progress::Incomplete { wanted: 1 }),
            };
            let end = self.position + length;
            let Some(terminator) = input.get(end..end + 2) else {
                return Ok(Progress::Incomplete { wanted: end + 2 - input.len() });
            };
            if terminator != b"\r\n" {
                return Err(ProtocolError::UnterminatedBulk);
            }
            self.ranges.push(self.position as u32..end as u32);
            self.position = end + 2;
            self.searched = self.position;
            if remaining == 1 {
                return Ok(self.complete(|consumed| Progress::Request { consumed }));
            }
            self.phase = Phase::BulkHeader { remaining: remaining - 1 };
        }
    }

    /// The length in the bulk header at `position`, and moves behind it; `None` when the header is not all there.
    fn bulk_header(&mut self, input: &[u8]) -> Result<Option<usize>, ProtocolError> {
        match input.get(self.position) {
            None => return Ok(None),
            Some(b'$') => {}
            Some(&got) => return Err(ProtocolError::ExpectedBulk { got }),
        }
        let Some(line) = self.line(input, ProtocolError::TooBigBulkCount)? else { return Ok(None) };
        let length = parse_integer(&input[line.start + 1..line.end])
            .and_then(|length| usize::try_from(length).ok())
            .filter(|&length| length <= self.limits.bulk_bytes_max)
            .ok_or(ProtocolError::InvalidBulkLength)?;
        if self.position.saturating_add(length).saturating_add(2) > self.limits.request_bytes_max {
            return Err(ProtocolError::TooBigRequest);
        }
        Ok(Some(length))
    }

    /// The header line at `position` without its CR LF, and moves behind it; `None` when it is not all there.
    fn line(&mut self, input: &[u8], too_big: ProtocolError) -> Result<Option<Range<usize>>, ProtocolError> {
        let start = self.position;
        let end = input[self.searched..].iter().position(|&b| b == b'\r').map_or(input.len(), |n| self.searched + n);
        if end - start > self.limits.inline_bytes_max {
            return Err(too_big);
        }
        self.searched = end;
        match input.get(end + 1) {
            None => Ok(None),
            Some(b'\n') => {
                self.position = end + 2;
                self.searched = self.position;
                Ok(Some(start..end))
            }
            Some(_) if too_big == ProtocolError::TooBigBulkCount => Err(ProtocolError::InvalidBulkLength),
            Some(_) => Err(ProtocolError::InvalidMultibulkLength),
        }
    }

    fn inline(&mut self, input: &[u8]) -> Result<Progress, ProtocolError> {
        let found = input[self.searched..].iter().position(|&b| b == b'\n').map(|n| self.searched + n);
        let end = found.unwrap_or(input.len());
        if end > self.limits.inline_bytes_max {
            return Err(ProtocolError::TooBigInline);
        }
        self.searched = end;
        if found.is_none() {
            return Ok(Progress::Incomplete { wanted: 1 });
        }
        let line = input[..end].strip_suffix(b"\r").unwrap_or(&input[..end]);
        split_inline(line, &mut self.unquoted, &mut self.ranges)?;
        if self.ranges.len() - self.first > self.limits.args_max {
            return Err(ProtocolError::TooBigInline);
        }
        self.is_inline = true;
        self.position = end + 1;
        let is_empty = self.ranges.len() == self.first;
        Ok(self
            .complete(|consumed| if is_empty { Progress::Empty { consumed } } else { Progress::Request { consumed } }))
    }

    fn complete(&mut self, progress: impl FnOnce(usize) -> Progress) -> Progress {
        let consumed = self.position;
        self.phase = Phase::Start;
        self.position = 0;
        self.searched = 0;
        progress(consumed)
    }
}

/// Arguments of a request that [`Parser::short`] reads, bytes of one of them, and bytes of one header.
const SHORT_ARGS_MAX: usize = 9;
const SHORT_BYTES_MAX: usize = 9999;
const SHORT_HEADER_BYTES: usize = 7;

/// Number and length of a header of one to four digits that is all there.
fn short_header(input: &[u8], kind: u8) -> Option<(usize, usize)> {
    let digit = |byte: u8| (byte.is_ascii_digit()).then(|| usize::from(byte - b'0'));
    // The first of several digits is never 0.
    let first = |byte: u8| digit(byte).filter(|&value| value > 0);
    match *input {
        [k, a, b'\r', b'\n', ..] if k == kind => Some((digit(a)?, 4)),
        [k, a, b, b'\r', b'\n', ..] if k == kind => Some((first(a)? * 10 + digit(b)?, 5)),
        [k, a, b, c, b'\r', b'\n', ..] if k == kind => Some((first(a)? * 100 + digit(b)? * 10 + digit(c)?, 6)),
        [k, a, b, c, d, b'\r', b'\n', ..] if k == kind => {
            Some((first(a)? * 1000 + digit(b)? * 100 + digit(c)? * 10 + digit(d)?, 7))
        }
        _ => None,
    }
}

/// The arguments of one request; the first is the command's name.
#[derive(Clone, Copy, Debug)]
pub struct Args<'a> {
    bytes: &'a [u8],
    ranges: &'a [Range<u32>],
}

impl<'a> Args<'a> {
    pub fn len(&self) -> usize {
        self.ranges.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    pub fn get(&self, index: usize) -> Option<&'a [u8]> {
        self.ranges.get(index).map(|range| &self.bytes[range.start as usize..range.end as usize])
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &'a [u8]> + ExactSizeIterator + Clone + use<'a> {
        let bytes = self.bytes;
        self.ranges.iter().map(move |range| &bytes[range.start as usize..range.end as usize])
    }

    /// The arguments from `first` on; empty when there are not so many.
    pub fn from(&self, first: usize) -> Args<'a> {
        Args { bytes: self.bytes, ranges: self.ranges.get(first..).unwrap_or(&[]) }
    }
}

impl Index<usize> for Args<'_> {
    type Output = [u8];

    /// Panics when `index` is not below [`Args::len`]; commands check their arity first.
    fn index(&self, index: usize) -> &[u8] {
        let range = &self.ranges[index];
        &self.bytes[range.start as usize..range.end as usize]
    }
}

/// A decimal integer exactly as Redis writes one: no plus sign, no leading zero, no `-0`, nothing around it (`string2ll`).
pub fn parse_integer(bytes: &[u8]) -> Option<i64> {
    let (is_negative, digits) = match bytes {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [b'0'] => return (!is_negative).then_some(0),
        [b'1'..=b'9', ..] if digits.len() <= 19 => {}
        _ => return None,
    }
    let mut magnitude: u64 = 0;
    for &digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        // 19 digits are below 10^19, which a u64 holds.
        magnitude = magnitude * 10 + u64::from(digit - b'0');
    }
    if is_negative { 0i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
}

/// Splits a line as Redis's `sdssplitargs`: blanks separate; `"…"` knows `\xHH \n \r \t \b \a \" \\`; `'…'` knows `\'`;
/// a closing quote must be followed by a blank or the end.
fn split_inline(line: &[u8], unquoted: &mut Vec<u8>, ranges: &mut Vec<Range<u32>>) -> Result<(), ProtocolError> {
    let mut rest = line;
    loop {
        rest = rest.trim_ascii_start();
        while let [0x0b, after @ ..] = rest {
            rest = after.trim_ascii_start();
        }
        if rest.is_empty() {
            return Ok(());
        }
        let start = unquoted.len() as u32;
        rest = split_one(rest, unquoted)?;
        ranges.push(start..unquoted.len() as u32);
    }
}

fn split_one<'a>(mut rest: &'a [u8], unquoted: &mut Vec<u8>) -> Result<&'a [u8], ProtocolError> {
    loop {
        match rest {
            [] | [b' ' | b'\n' | b'\r' | b'\t', ..] => return Ok(rest),
            [quote @ (b'"' | b'\''), after @ ..] => {
                let after =
                    if *quote == b'"' { double_quoted(after, unquoted) } else { single_quoted(after, unquoted) }?;
                return match after.first() {
                    Some(b) if !is_blank(*b) => Err(ProtocolError::UnbalancedQuotes),
                    _ => Ok(after),
                };
            }
            [byte, after @ ..] => {
                unquoted.push(*byte);
                rest = after;
            }
        }
    }
}

fn double_quoted<'a>(mut rest: &'a [u8], unquoted: &mut Vec<u8>) -> Result<&'a [u8], ProtocolError> {
    loop {
        let (byte, after) = match rest {
            [] => return Err(ProtocolError::UnbalancedQuotes),
            [b'"', after @ ..] => return Ok(after),
            [b'\\', b'x', high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                (hex_digit(*high) << 4 | hex_digit(*low), after)
            }
            [b'\\', escaped, after @ ..] => (unescape(*escaped), after),
            [byte, after @ ..] => (*byte, after),
        };
        unquoted.push(byte);
        rest = after;
    }
}

fn single_quoted<'a>(mut rest: &'a [u8], unquoted: &mut Vec<u8>) -> Result<&'a [u8], ProtocolError> {
    loop {
        let (byte, after) = match rest {
            [] => return Err(ProtocolError::UnbalancedQuotes),
            [b'\'', after @ ..] => return Ok(after),
            [b'\\', b'\'', after @ ..] => (b'\'', after),
            [byte, after @ ..] => (*byte, after),
        };
        unquoted.push(byte);
        rest = after;
    }
}

/// C's `isspace`, which is one byte (vertical tab) more than Rust's.
fn is_blank(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

fn unescape(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    }
}

fn hex_digit(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => byte - b'0',
        b'a'..=b'f' => byte - b'a' + 10,
        _ => byte.wrapping_sub(b'A').wrapping_add(10),
    }
}

#[cfg(test)]
mod tests;
