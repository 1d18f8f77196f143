//! Tests of the request parser: texts and limits as units; splitting at every byte, and garbage, as properties.

#![allow(clippy::unwrap_used)]

use super::*;
use proptest::prelude::*;

type Request = Vec<Vec<u8>>;

/// Feeds `input` in pieces that end at `cuts` and collects what comes out, as a connection would: the buffer grows by a
/// piece, whole requests leave its front.
fn feed(limits: Limits, input: &[u8], cuts: &[usize]) -> (Vec<Request>, Result<(), ProtocolError>) {
    let mut parser = Parser::new(limits);
    let mut requests = Vec::new();
    let mut start = 0;
    for &cut in cuts.iter().chain([&input.len()]) {
        loop {
            let window = &input[start..cut.max(start)];
            match parser.parse(window) {
                Ok(Progress::Request { consumed }) => {
                    assert!(consumed > 0 && consumed <= window.len());
                    requests.push(parser.args(window).iter().map(<[u8]>::to_vec).collect());
                    start += consumed;
                }
                Ok(Progress::Empty { consumed }) => {
                    assert!(consumed > 0 && consumed <= window.len());
                    start += consumed;
                }
                Ok(Progress::Incomplete { wanted }) => {
                    assert!(wanted >= 1);
                    break;
                }
                Err(error) => return (requests, Err(error)),
            }
        }
    }
    (requests, Ok(()))
}

fn whole(input: &[u8]) -> (Vec<Request>, Result<(), ProtocolError>) {
    feed(Limits::default(), input, &[])
}

fn one(input: &[u8]) -> Request {
    let (mut requests, end) = whole(input);
    assert_eq!((end, requests.len()), (Ok(()), 1), "{:?}", input.escape_ascii().to_string());
    requests.remove(0)
}

fn refused(input: &[u8]) -> String {
    whole(input).1.unwrap_err().to_string()
}

#[test]
fn arrays_of_bulk_strings() {
    assert_eq!(one(b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"), [b"GET".to_vec(), b"k".to_vec()]);
    assert_eq!(
        one(b"*3\r\n$3\r\nSET\r\n$0\r\n\r\n$4\r\n\r\n\r\n\r\n"),
        [b"SET".to_vec(), vec![], b"\r\n\r\n".to_vec()]
    );
}

#[test]
fn inline_commands_are_split_as_redis_splits_them() {
    let cases: &[(&[u8], &[&[u8]])] = &[
        (b"PING\r\n", &[b"PING"]),
        (b"PING\n", &[b"PING"]),
        (b"  SET  k\tv  \r\n", &[b"SET", b"k", b"v"]),
        (b"SET k \"a b\"\r\n", &[b"SET", b"k", b"a b"]),
        (b"SET k \"\"\r\n", &[b"SET", b"k", b""]),
        (b"SET k pre\"quoted\"\r\n", &[b"SET", b"k", b"prequoted"]),
        (b"SET k \"\\x00\\xfF\\n\\r\\t\\b\\a\\\"\\\\\\q\\xZZ\"\n", &[b"SET", b"k", b"\x00\xff\n\r\t\x08\x07\"\\qxZZ"]),
        (b"SET k 'it\\'s \\n'\n", &[b"SET", b"k", b"it's \\n"]),
        (b"\x0bECHO \x0b\x0c a\n", &[b"ECHO", b"a"]),
    ];
    for (input, expected) in cases {
        assert_eq!(one(input), expected.to_vec());
    }
}

#[test]
fn what_asks_nothing_is_skipped() {
    assert_eq!(whole(b"\r\n\n*0\r\n*-1\r\n   \r\n*1\r\n$4\r\nPING\r\n").0, [[b"PING".to_vec()]]);
}

#[test]
fn faults_have_the_texts_of_redis() {
    assert_eq!(refused(b"*a\r\n"), "Protocol error: invalid multibulk length");
    assert_eq!(refused(b"*\r\n"), "Protocol error: invalid multibulk length");
    assert_eq!(refused(b"*1048577\r\n"), "Protocol error: invalid multibulk length");
    assert_eq!(refused(b"*99999999999999999999\r\n"), "Protocol error: invalid multibulk length");
    assert_eq!(refused(b"*01\r\n"), "Protocol error: invalid multibulk length");
    assert_eq!(refused(b"*1\r\nx"), "Protocol error: expected '$', got 'x'");
    assert_eq!(refused(b"*1\r\n\r\n"), "Protocol error: expected '$', got '\\r'");
    assert_eq!(refused(b"*1\r\n$-1\r\n"), "Protocol error: invalid bulk length");
    assert_eq!(refused(b"*1\r\n$536870913\r\n"), "Protocol error: invalid bulk length");
    assert_eq!(refused(b"*1\r\n$+3\r\n"), "Protocol error: invalid bulk length");
    assert_eq!(refused(b"*1\r\n$1\r\nabc"), "Protocol error: expected CRLF after bulk string");
    assert_eq!(refused(b"SET k \"a\n"), "Protocol error: unbalanced quotes in request");
    assert_eq!(refused(b"SET k \"a\"b\n"), "Protocol error: unbalanced quotes in request");
    assert_eq!(refused(b"SET k 'a\n"), "Protocol error: unbalanced quotes in request");
    let many = vec![b'1'; 64 * 1024 + 1];
    assert_eq!(refused(&many), "Protocol error: too big inline request");
    assert_eq!(refused(&[b"*", &many[..]].concat()), "Protocol error: too big mbulk count string");
    assert_eq!(refused(&[b"*1\r\n$", &many[..]].concat()), "Protocol error: too big bulk count string");
}

#[test]
fn a_request_may_not_pass_its_bound_as_a_whole() {
    let limits = Limits { request_bytes_max: 37, ..Limits::default() };
    let (requests, end) = feed(limits, b"*2\r\n$10\r\n0123456789\r\n$10\r\n0123456789\r\n", &[]);
    assert_eq!((requests.len(), end), (0, Err(ProtocolError::TooBigRequest)));
    assert_eq!(feed(limits, b"*2\r\n$10\r\n0123456789\r\n$9\r\n012345678\r\n", &[]).0.len(), 1);
}

#[test]
fn declared_lengths_allocate_nothing() {
    let mut parser = Parser::new(Limits::default());
    let progress = parser.parse(b"*1048576\r\n$536870912\r\nabc").unwrap();
    assert_eq!(progress, Progress::Incomplete { wanted: 536870912 + 2 - 3 });
    assert_eq!(parser.ranges.capacity(), 0);
}

#[test]
fn a_warm_parser_gives_back_what_a_huge_request_needed() {
    let huge = [b"*100000\r\n".to_vec(), b"$1\r\na\r\n".repeat(100_000)].concat();
    let mut parser = Parser::new(Limits::default());
    assert_eq!(parser.parse(&huge).unwrap(), Progress::Request { consumed: huge.len() });
    assert_eq!(parser.args(&huge).len(), 100_000);
    parser.parse(b"").unwrap();
    assert!(parser.ranges.capacity() <= KEPT_RANGES);
}

#[test]
fn args_can_be_taken_apart() {
    let input = b"*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n";
    let mut parser = Parser::new(Limits::default());
    parser.parse(input).unwrap();
    let args = parser.args(input);
    assert_eq!((args.len(), &args[1], args.get(2), args.get(3)), (3, &b"b"[..], Some(&b"c"[..]), None));
    assert_eq!(args.from(1).iter().rev().collect::<Vec<_>>(), [b"c", b"b"]);
    assert!(args.from(4).is_empty());
}

/// Reads all there is before looking at any of it, twice: what the first round could not complete, the second does.
fn read_ahead(input: &[u8], cut: usize) -> Vec<Request> {
    let mut parser = Parser::new(Limits::default());
    let mut requests = Vec::new();
    let mut start = 0;
    for end in [cut, input.len()] {
        parser.forget();
        let mut kept = Vec::new();
        loop {
            let window = &input[start..end];
            match parser.parse_more(window).unwrap() {
                Progress::Request { consumed } => {
                    kept.push((parser.last(), window));
                    start += consumed;
                }
                Progress::Empty { consumed } => start += consumed,
                Progress::Incomplete { .. } => break,
            }
        }
        let args = |(kept, window)| parser.args_of(kept, window).iter().map(<[u8]>::to_vec).collect();
        requests.extend(kept.into_iter().map(args));
    }
    requests
}

#[test]
fn short_headers_are_as_strict_as_others() {
    for (input, header) in [
        (&b"$0\r\n"[..], Some((0, 4))),
        (b"$9\r\nx", Some((9, 4))),
        (b"$10\r\n", Some((10, 5))),
        (b"$123\r\n", Some((123, 6))),
        (b"$9999\r\n", Some((SHORT_BYTES_MAX, SHORT_HEADER_BYTES))),
        (b"$10000\r\n", None),
        (b"$01\r\n", None),
        (b"$-1\r\n", None),
        (b"$1\n\r\n", None),
        (b"$12\r", None),
        (b"*1\r\n", None),
        (b"$\r\n", None),
        (b"$1:\r\n", None),
        (b"$1/\r\n", None),
    ] {
        assert_eq!(short_header(input, b'$'), header, "{}", input.escape_ascii());
    }
}

#[test]
fn integers_are_strict() {
    for (text, expected) in [
        ("0", Some(0)),
        ("-1", Some(-1)),
        ("9223372036854775807", Some(i64::MAX)),
        ("-9223372036854775808", Some(i64::MIN)),
        ("9223372036854775808", None),
        ("-9223372036854775809", None),
        ("18446744073709551616", None),
        ("", None),
        ("-", None),
        ("-0", None),
        ("+1", None),
        ("00", None),
        ("1 ", None),
        ("1a", None),
    ] {
        assert_eq!(parse_integer(text.as_bytes()), expected, "{text:?}");
    }
}

fn encode_array(args: &Request) -> Vec<u8> {
    let mut out = format!("*{}\r\n", args.len()).into_bytes();
    for arg in args {
        out.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        out.extend_from_slice(arg);
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// Every byte escaped, so any argument survives.
fn encode_inline(args: &Request) -> Vec<u8> {
    let quoted =
        args.iter().map(|arg| format!("\"{}\"", arg.iter().map(|b| format!("\\x{b:02x}")).collect::<String>()));
    (quoted.collect::<Vec<_>>().join(" ") + "\r\n").into_bytes()
}

fn request() -> impl Strategy<Value = Request> {
    // Arguments full of what the grammar itself is made of.
    let byte = prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'$'), Just(b'*'), Just(b'1'), any::<u8>()];
    prop::collection::vec(prop::collection::vec(byte, 0..12), 1..5)
}

fn pipeline() -> impl Strategy<Value = (Vec<Request>, Vec<u8>)> {
    prop::collection::vec((request(), 0u8..4), 1..5).prop_map(|parts| {
        let mut bytes = Vec::new();
        for (request, form) in &parts {
            match form {
                0 => bytes.extend(encode_inline(request)),
                1 => bytes.extend([&b"\r\n*0\r\n"[..], &encode_array(request)].concat()),
                _ => bytes.extend(encode_array(request)),
            }
        }
        (parts.into_iter().map(|(request, _)| request).collect(), bytes)
    })
}

proptest! {
    #[test]
    fn split_at_every_byte((requests, bytes) in pipeline()) {
        let expected = (requests, Ok(()));
        prop_assert_eq!(&whole(&bytes), &expected);
        for cut in 0..=bytes.len() {
            prop_assert_eq!(&feed(Limits::default(), &bytes, &[cut]), &expected, "cut at {}", cut);
            prop_assert_eq!(&read_ahead(&bytes, cut), &expected.0, "read ahead, cut at {}", cut);
        }
        let every: Vec<usize> = (0..bytes.len()).collect();
        prop_assert_eq!(&feed(Limits::default(), &bytes, &every), &expected);
    }

    #[test]
    fn a_faulty_stream_is_refused_alike_however_it_is_split(
        (_, mut bytes) in pipeline(), at in any::<prop::sample::Index>(), fault in any::<u8>()
    ) {
        let at = at.index(bytes.len());
        bytes[at] = fault;
        let limits = Limits { bulk_bytes_max: 64, args_max: 8, inline_bytes_max: 64, request_bytes_max: 256 };
        let expected = feed(limits, &bytes, &[]);
        for cut in 0..=bytes.len() {
            prop_assert_eq!(&feed(limits, &bytes, &[cut]), &expected, "cut at {}", cut);
        }
    }

    #[test]
    fn garbage_neither_panics_nor_loops(bytes in prop::collection::vec(
        prop_oneof![Just(b'*'), Just(b'$'), Just(b'\r'), Just(b'\n'), Just(b'"'), Just(b'\\'), b'0'..=b'9', any::<u8>()], 0..200
    )) {
        let every: Vec<usize> = (0..bytes.len()).collect();
        prop_assert_eq!(feed(Limits::default(), &bytes, &every), whole(&bytes));
    }
}
