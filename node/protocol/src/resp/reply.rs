//! Replies as clients read them, RESP2 and RESP3 from one set of calls.
//!
//! A command says what it means (`null`, `map`, `double`) and [`Reply`] writes it in the version the client chose with
//! `HELLO`: what RESP2 lacks becomes its nearest older form, as in Redis. Bytes go straight into the client's output
//! buffer; nothing is built up first. Aggregates are written as their header, then their parts by further calls.

use std::fmt::{self, Display, Write as _};
use std::io::Write as _;

/// The protocol version of one client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    #[default]
    Resp2,
    Resp3,
}

impl Version {
    /// `None` unless `number` is 2 or 3.
    pub fn from_number(number: u8) -> Option<Version> {
        match number {
            2 => Some(Version::Resp2),
            3 => Some(Version::Resp3),
            _ => None,
        }
    }

    /// 2 or 3.
    pub fn number(self) -> u8 {
        match self {
            Version::Resp2 => 2,
            Version::Resp3 => 3,
        }
    }
}

/// An encoder that appends to an output buffer.
#[derive(Debug)]
pub struct Reply<'a> {
    out: &'a mut Vec<u8>,
    version: Version,
}

impl<'a> Reply<'a> {
    pub fn new(out: &'a mut Vec<u8>, version: Version) -> Reply<'a> {
        Reply { out, version }
    }

    pub fn version(&self) -> Version {
        self.version
    }

    /// What follows is in another version; for `HELLO`, whose own answer is in the new one.
    pub fn set_version(&mut self, version: Version) {
        self.version = version;
    }

    /// The same encoder for a callee, which may not outlive this borrow.
    pub fn reborrow(&mut self) -> Reply<'_> {
        Reply { out: self.out, version: self.version }
    }

    /// Bytes in the buffer, those of earlier replies included.
    pub fn buffered(&self) -> usize {
        self.out.len()
    }

    /// Takes back everything after the first `buffered` bytes.
    pub fn truncate(&mut self, buffered: usize) {
        self.out.truncate(buffered);
    }

    /// A status line. CR and LF in `text` become blanks, since they would end it.
    pub fn simple(&mut self, text: &str) {
        self.line(b'+', &text);
    }

    pub fn ok(&mut self) {
        self.out.extend_from_slice(b"+OK\r\n");
    }

    /// An error line; `error` displays its code word first (`ERR …`, `MOVED …`). CR and LF become blanks.
    pub fn error(&mut self, error: &impl Display) {
        self.line(b'-', error);
    }

    pub fn integer(&mut self, value: i64) {
        self.header(b':', value);
    }

    pub fn bulk(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        self.out.reserve(bytes.len() + 16);
        self.length(b'$', bytes.len());
        self.out.extend_from_slice(bytes);
        self.out.extend_from_slice(b"\r\n");
    }

    /// A bulk string of what `value` displays.
    pub fn bulk_display(&mut self, value: &impl Display) {
        self.bulk(value.to_string());
    }

    /// No value where a bulk string could be.
    pub fn null(&mut self) {
        self.out.extend_from_slice(match self.version {
            Version::Resp2 => b"$-1\r\n",
            Version::Resp3 => b"_\r\n",
        });
    }

    /// No value where an array could be.
    pub fn null_array(&mut self) {
        self.out.extend_from_slice(match self.version {
            Version::Resp2 => b"*-1\r\n",
            Version::Resp3 => b"_\r\n",
        });
    }

    /// The header of an array; `length` values follow.
    pub fn array(&mut self, length: usize) {
        self.length(b'*', length);
    }

    /// The header of a map; `pairs` keys and values follow alternately. In RESP2 a flat array.
    pub fn map(&mut self, pairs: usize) {
        match self.version {
            Version::Resp2 => self.length(b'*', pairs * 2),
            Version::Resp3 => self.length(b'%', pairs),
        }
    }

    /// The header of a set; `length` values follow. In RESP2 an array.
    pub fn set(&mut self, length: usize) {
        self.length(if self.version == Version::Resp3 { b'~' } else { b'*' }, length);
    }

    /// The header of an out-of-band message; `length` values follow. In RESP2 an array.
    pub fn push(&mut self, length: usize) {
        self.length(if self.version == Version::Resp3 { b'>' } else { b'*' }, length);
    }

    /// A floating-point number in its shortest exact form; in RESP2 a bulk string.
    pub fn double(&mut self, value: f64) {
        let mut text = Vec::with_capacity(32);
        write_double(value, &mut text);
        match self.version {
            Version::Resp2 => self.bulk(text),
            Version::Resp3 => self.raw_line(b',', &text),
        }
    }

    /// In RESP2 the integer 1 or 0.
    pub fn boolean(&mut self, value: bool) {
        self.out.extend_from_slice(match (self.version, value) {
            (Version::Resp2, false) => b":0\r\n",
            (Version::Resp2, true) => b":1\r\n",
            (Version::Resp3, false) => b"#f\r\n",
            (Version::Resp3, true) => b"#t\r\n",
        });
    }

    /// Text for people, `format` being `txt` or `mkd`; in RESP2 a bulk string.
    pub fn verbatim(&mut self, format: &'static str, text: &str) {
        match self.version {
            Version::Resp2 => self.bulk(text),
            Version::Resp3 => {
                self.length(b'=', format.len() + 1 + text.len());
                self.out.extend_from_slice(format.as_bytes());
                self.out.push(b':');
                self.out.extend_from_slice(text.as_bytes());
                self.out.extend_from_slice(b"\r\n");
            }
        }
    }

    /// An integer of any size in decimal; in RESP2 a bulk string.
    pub fn big_number(&mut self, digits: &str) {
        match self.version {
            Version::Resp2 => self.bulk(digits),
            Version::Resp3 => self.line(b'(', &digits),
        }
    }

    /// Bytes that are replies already, in this client's version.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    fn line(&mut self, kind: u8, text: &impl Display) {
        self.out.push(kind);
        // A `Vec` takes everything; only the `Display` itself could fail, and then its line is cut short.
        let _ = write!(OneLine(self.out), "{text}");
        self.out.extend_from_slice(b"\r\n");
    }

    fn raw_line(&mut self, kind: u8, text: &[u8]) {
        self.out.push(kind);
        self.out.extend_from_slice(text);
        self.out.extend_from_slice(b"\r\n");
    }

    fn length(&mut self, kind: u8, length: usize) {
        self.header(kind, i64::try_from(length).unwrap_or(i64::MAX));
    }

    #[inline]
    fn header(&mut self, kind: u8, value: i64) {
        // The usual short ones as one word, of which what is too much is cut off again.
        let (line, length) = match u16::try_from(value) {
            Ok(value @ 0..=9) => ([kind, digit(value), b'\r', b'\n', 0, 0], 4),
            Ok(value @ 10..=99) => ([kind, digit(value / 10), digit(value % 10), b'\r', b'\n', 0], 5),
            Ok(value @ 100..=999) => {
                ([kind, digit(value / 100), digit(value / 10 % 10), digit(value % 10), b'\r', b'\n'], 6)
            }
            _ => return self.long_header(kind, value),
        };
        let end = self.out.len() + length;
        self.out.extend_from_slice(&line);
        self.out.truncate(end);
    }

    fn long_header(&mut self, kind: u8, value: i64) {
        // Written from its end, and appended at once.
        let mut line = [0; 1 + INTEGER_BYTES_MAX + 2];
        let end = line.len() - 2;
        line[end..].copy_from_slice(b"\r\n");
        let first = write_integer(value, &mut line[..end]) - 1;
        line[first] = kind;
        self.out.extend_from_slice(&line[first..]);
    }
}

/// A digit's character.
fn digit(value: u16) -> u8 {
    b'0' + value as u8
}

/// Digits and sign of the longest `i64`.
const INTEGER_BYTES_MAX: usize = 20;

/// Appends `value` in decimal.
pub fn push_integer(value: i64, out: &mut Vec<u8>) {
    let mut digits = [0; INTEGER_BYTES_MAX];
    let first = write_integer(value, &mut digits);
    out.extend_from_slice(&digits[first..]);
}

/// Writes `value` in decimal at the end of `line`; answers where it begins.
fn write_integer(value: i64, line: &mut [u8]) -> usize {
    let mut first = line.len();
    let mut rest = value.unsigned_abs();
    loop {
        first -= 1;
        line[first] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        first -= 1;
        line[first] = b'-';
    }
    first
}

/// Appends `value` as Redis 7.2 prints a double: the shortest digits that read back the same, `inf`, `-inf`, `nan`,
/// integers without a point, an exponent only far from one (the layout of `fpconv_dtoa`, redis `deps/fpconv`).
pub fn write_double(value: f64, out: &mut Vec<u8>) {
    if value.is_nan() {
        return out.extend_from_slice(b"nan");
    }
    if value.is_sign_negative() {
        out.push(b'-');
    }
    if value.is_infinite() {
        return out.extend_from_slice(b"inf");
    }
    if value == 0.0 {
        return out.push(b'0');
    }
    let (digits, count, exponent) = shortest_digits(value.abs());
    let digits = &digits[..count];
    let count = count as i32;
    // value = digits × 10^scale
    let scale = exponent - (count - 1);
    if scale >= 0 && exponent < count + 7 {
        out.extend_from_slice(digits);
        out.extend(std::iter::repeat_n(b'0', scale as usize));
    } else if scale < 0 && (scale > -7 || exponent.abs() < 4) {
        let before_point = count + scale;
        if before_point > 0 {
            let (whole, fraction) = digits.split_at(before_point as usize);
            out.extend_from_slice(whole);
            out.push(b'.');
            out.extend_from_slice(fraction);
        } else {
            out.extend_from_slice(b"0.");
            out.extend(std::iter::repeat_n(b'0', -before_point as usize));
            out.extend_from_slice(digits);
        }
    } else {
        out.push(digits[0]);
        if count > 1 {
            out.push(b'.');
            out.extend_from_slice(&digits[1..]);
        }
        out.push(b'e');
        out.push(if exponent < 0 { b'-' } else { b'+' });
        push_integer(i64::from(exponent.abs()), out);
    }
}

/// The shortest significant digits of a positive finite number, and the decimal exponent of the first.
fn shortest_digits(value: f64) -> ([u8; 24], usize, i32) {
    let mut text = [0u8; 40];
    let mut rest = &mut text[..];
    // At most 17 digits, a point, `e-` and three digits.
    write!(rest, "{value:e}").expect("the shortest form of a double fits 40 bytes");
    let free = rest.len();
    let text = &text[..40 - free];
    let mark = text.iter().position(|&b| b == b'e').expect("the exponent form of a finite number has an e");
    let mut digits = [0u8; 24];
    let mut count = 0;
    for &digit in text[..mark].iter().filter(|b| b.is_ascii_digit()) {
        digits[count] = digit;
        count += 1;
    }
    let exponent = super::parse::parse_integer(&text[mark + 1..]).expect("Rust prints an exponent as an integer");
    (digits, count, exponent as i32)
}

/// Writes into a line: CR and LF become blanks.
struct OneLine<'a>(&'a mut Vec<u8>);

impl fmt::Write for OneLine<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend(text.bytes().map(|b| if matches!(b, b'\r' | b'\n') { b' ' } else { b }));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn both(write: impl Fn(&mut Reply<'_>)) -> (String, String) {
        let encode = |version| {
            let mut out = Vec::new();
            write(&mut Reply::new(&mut out, version));
            String::from_utf8(out).expect("the replies of these tests are text")
        };
        (encode(Version::Resp2), encode(Version::Resp3))
    }

    #[track_caller]
    fn check(write: impl Fn(&mut Reply<'_>), resp2: &str, resp3: &str) {
        assert_eq!(both(write), (resp2.to_owned(), resp3.to_owned()));
    }

    #[test]
    fn every_kind_in_both_versions() {
        check(|r| r.simple("PONG"), "+PONG\r\n", "+PONG\r\n");
        check(|r| r.ok(), "+OK\r\n", "+OK\r\n");
        check(|r| r.error(&"ERR no\r\nsuch"), "-ERR no  such\r\n", "-ERR no  such\r\n");
        check(|r| r.integer(i64::MIN), ":-9223372036854775808\r\n", ":-9223372036854775808\r\n");
        check(|r| r.bulk(b"ab"), "$2\r\nab\r\n", "$2\r\nab\r\n");
        check(|r| r.bulk(""), "$0\r\n\r\n", "$0\r\n\r\n");
        check(|r| r.null(), "$-1\r\n", "_\r\n");
        check(|r| r.null_array(), "*-1\r\n", "_\r\n");
        check(|r| r.array(2), "*2\r\n", "*2\r\n");
        check(|r| r.map(2), "*4\r\n", "%2\r\n");
        check(|r| r.set(2), "*2\r\n", "~2\r\n");
        check(|r| r.push(2), "*2\r\n", ">2\r\n");
        check(|r| r.double(1.5), "$3\r\n1.5\r\n", ",1.5\r\n");
        check(|r| r.boolean(true), ":1\r\n", "#t\r\n");
        check(|r| r.boolean(false), ":0\r\n", "#f\r\n");
        check(|r| r.verbatim("txt", "hi"), "$2\r\nhi\r\n", "=6\r\ntxt:hi\r\n");
        check(|r| r.big_number("12345678901234567890"), "$20\r\n12345678901234567890\r\n", "(12345678901234567890\r\n");
        check(|r| r.bulk_display(&17), "$2\r\n17\r\n", "$2\r\n17\r\n");
    }

    #[test]
    fn a_reply_can_be_taken_back() {
        let mut out = b"+OK\r\n".to_vec();
        let mut reply = Reply::new(&mut out, Version::Resp2);
        let before = reply.buffered();
        reply.array(3);
        reply.reborrow().integer(1);
        reply.truncate(before);
        assert_eq!(out, b"+OK\r\n");
    }

    #[test]
    fn doubles_are_laid_out_as_redis_does() {
        let text = |value| {
            let mut out = Vec::new();
            write_double(value, &mut out);
            String::from_utf8(out).expect("digits are ASCII")
        };
        for (value, expected) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (3.0, "3"),
            (-2.5, "-2.5"),
            (0.1, "0.1"),
            (0.1 + 0.2, "0.30000000000000004"),
            (100.0, "100"),
            (1e7, "10000000"),
            (1e8, "1e+8"),
            (1e20, "1e+20"),
            (1.5e300, "1.5e+300"),
            (0.001, "0.001"),
            (0.000001, "0.000001"),
            (1e-7, "1e-7"),
            (1.234e-9, "1.234e-9"),
            (5e-324, "5e-324"),
            (1234567.891, "1234567.891"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(text(value), expected);
        }
    }

    proptest! {
        #[test]
        fn doubles_read_back_exactly(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            let mut out = Vec::new();
            write_double(value, &mut out);
            let back: f64 = String::from_utf8(out).expect("digits are ASCII").parse().expect("a double's text is one");
            prop_assert!(back == value || (back.is_nan() && value.is_nan()));
        }

        #[test]
        fn integers_are_decimal(value in any::<i64>()) {
            let mut out = Vec::new();
            push_integer(value, &mut out);
            prop_assert_eq!(out, value.to_string().into_bytes());
        }
    }
}
