//! memcached's text protocol: lines in, lines out. What commands do to a key is in [`crate::memcached`].
//!
//! ```text
//! line ─► words ─► one request a key ─► here or at its owner ─► answers behind one another, and the last line
//! ```
//!
//! Bounds: a line has at most [`LINE_BYTES_MAX`] bytes, a key 250, a value what Redis's have. What is too long is passed over, as
//! memcached does, without being kept.

use super::{Advance, OUTPUT_BYTES_MAX, Session, Step};
use crate::Node;
use crate::clients::millis;
use crate::command::{self, Command};
use crate::gateway::{ASK_AGAIN_WITHIN, Fanout, Origin};
use crate::memcached::{BAD_FORMAT, KEY_BYTES_MAX, VALUE_BYTES_MAX, WORD, error_line, number_of, row_of};
use crate::stats::Outcome;
use crate::view::View;
use dcache_protocol::error::WireError;
use dcache_protocol::resp::reply::Version;
use dcache_protocol::{SLOTS, VERSION};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// Longest line: a `get` of some hundred keys.
const LINE_BYTES_MAX: usize = 64 << 10;

/// Most words of a line.
const WORDS_MAX: usize = 4096;

/// What is not read because it is too long.
#[derive(Debug, Default)]
pub(super) struct Skipped {
    bytes: usize,
}

/// What one request came to.
enum Ran {
    Done,
    Forward(Fanout),
    /// Nothing ran yet: it is to be tried again.
    NotServing(WireError),
    Close,
}

/// A request that stands whole in the input.
struct Request<'a> {
    words: Vec<&'a [u8]>,
    data: Option<&'a [u8]>,
}

/// What the input begins with.
enum Next<'a> {
    Request(Request<'a>, usize),
    /// So many bytes are passed over, and this is said.
    Refused(&'static str, usize),
    Wanted(usize),
}

impl Session {
    pub(super) fn advance_memcached(&mut self, node: &Node, input: &[u8], out: &mut Vec<u8>) -> Advance {
        let view = node.view_of_worker(self.worker);
        let stats = node.stats().worker(self.worker);
        let (written, mut consumed) = (out.len(), 0);
        self.client.active_ms.store(millis(node.now()), Relaxed);
        let step = loop {
            if self.state.closing || self.client.is_killed() {
                break Step::Close;
            }
            if out.len() >= OUTPUT_BYTES_MAX {
                break Step::OutputFull;
            }
            let rest = &input[consumed..];
            if self.skipped.bytes > 0 {
                let skipped = self.skipped.bytes.min(rest.len());
                self.skipped.bytes -= skipped;
                consumed += skipped;
                if self.skipped.bytes > 0 {
                    break Step::NeedInput { wanted: 1 };
                }
                continue;
            }
            let (request, length) = match next(rest) {
                Next::Request(request, length) => (request, length),
                Next::Wanted(wanted) => break Step::NeedInput { wanted },
                Next::Refused(text, skipped) => {
                    out.extend_from_slice(text.as_bytes());
                    stats.refused.add(1);
                    self.skipped.bytes = skipped;
                    if skipped == 0 {
                        break Step::Close;
                    }
                    continue;
                }
            };
            let begun = node.now();
            match self.run_memcached(node, &view, &request, begun, out) {
                Ran::NotServing(why) => {
                    let since = *self.paused_since.get_or_insert(begun);
                    if begun.saturating_sub(since) < ASK_AGAIN_WITHIN {
                        break Step::Pause;
                    }
                    out.extend_from_slice(error_line(&why).as_bytes());
                    consumed += length;
                }
                Ran::Done => consumed += length,
                Ran::Close => {
                    consumed += length;
                    break Step::Close;
                }
                Ran::Forward(fanout) => {
                    stats.forwarded.add(fanout.parts.len() as u64);
                    consumed += length;
                    self.paused_since = None;
                    break Step::Forward(fanout);
                }
            }
            self.paused_since = None;
        };
        stats.bytes_in.add(consumed as u64);
        stats.bytes_out.add(out.len().saturating_sub(written) as u64);
        self.client.waiting_bytes.store(u32::try_from(input.len() - consumed).unwrap_or(u32::MAX), Relaxed);
        Advance { consumed, step, holds: Vec::new() }
    }

    fn run_memcached(
        &mut self,
        node: &Node,
        view: &View,
        request: &Request<'_>,
        begun: Duration,
        out: &mut Vec<u8>,
    ) -> Ran {
        let words = &request.words;
        let Some((&verb, rest)) = words.split_first() else {
            out.extend_from_slice(b"ERROR\r\n");
            return Ran::Done;
        };
        let is_silent = is_classic(verb) && words.len() > 2 && words.last() == Some(&&b"noreply"[..]);
        let rest = if is_silent { &rest[..rest.len() - 1] } else { rest };
        let mut say = |text: &str| {
            if !is_silent {
                out.extend_from_slice(text.as_bytes());
            }
            Ran::Done
        };
        let decoded: Vec<u8>;
        let (keys, before): (&[&[u8]], &[&[u8]]) = match (verb, rest) {
            (b"get" | b"gets", keys @ [_, ..]) => (keys, &[]),
            (b"gat" | b"gats", [expiry, keys @ ..]) if !keys.is_empty() => (keys, std::slice::from_ref(expiry)),
            (b"set" | b"add" | b"replace" | b"append" | b"prepend", [_, _, _, _]) => (&rest[..1], &rest[1..3]),
            (b"cas", [_, _, _, _, _]) => (&rest[..1], &rest[1..]),
            (b"incr" | b"decr" | b"touch", [_, _]) => (&rest[..1], &rest[1..]),
            // Old clients say 0 behind the key.
            (b"delete", [_] | [_, b"0"]) => (&rest[..1], &[]),
            (b"mg" | b"ms" | b"md" | b"ma" | b"me", [_, ..]) => (&rest[..1], &rest[1..]),
            (b"mn", []) => return say("MN\r\n"),
            (b"version", []) => return say(&format!("VERSION {VERSION}-dcache\r\n")),
            (b"verbosity", _) => return say("OK\r\n"),
            (b"quit", _) => return Ran::Close,
            (b"shutdown", _) => return say("ERROR: shutdown not enabled\r\n"),
            (b"stats", [b"reset"]) => return say("RESET\r\n"),
            (b"stats", []) => return say(&stats_of(node)),
            (b"stats", _) => return say("END\r\n"),
            (b"flush_all", [] | [b"0"]) => return self.flush_all(node, view, begun, is_silent, out),
            (b"flush_all", [_]) => return say("SERVER_ERROR flush_all happens at once here: leave the delay out\r\n"),
            (
                b"get" | b"gets" | b"gat" | b"gats" | b"delete" | b"incr" | b"decr" | b"touch" | b"mg" | b"ms" | b"md"
                | b"ma" | b"me",
                _,
            ) => return say("ERROR\r\n"),
            _ => return say("ERROR\r\n"),
        };
        let is_meta = verb.len() == 2;
        let is_base64 = is_meta && verb != b"me" && before.contains(&&b"b"[..]);
        if keys.iter().any(|key| key.len() > KEY_BYTES_MAX || key.iter().any(u8::is_ascii_control)) {
            return say(BAD_FORMAT);
        }
        let first: &[u8] = match is_base64 {
            true => match decode_base64(keys[0]) {
                Some(key) => {
                    decoded = key;
                    &decoded
                }
                None => return say("CLIENT_ERROR error decoding key\r\n"),
            },
            false => keys[0],
        };
        let as_sent = [b"K", keys[0]].concat();
        let one = [first];
        let keys: &[&[u8]] = if is_base64 { &one } else { keys };
        let requests = keys.iter().map(|key| {
            let mut words: Vec<&[u8]> = vec![WORD, key, verb];
            words.extend(before);
            words.extend(is_base64.then_some(&as_sent[..]));
            words.extend(request.data);
            words
        });
        let requests: Vec<Vec<&[u8]>> = requests.collect();
        let row = row_of(verb, before.iter().copied());
        self.client.command.store(u32::from(row.id) + 1, Relaxed);
        let tail = if matches!(verb, b"get" | b"gets" | b"gat" | b"gats") { "END\r\n" } else { "" };
        let origin = self.origin(row, view, begun, is_silent);
        let scripts = &node.scripts.queue;
        let slots: Vec<u16> = match scripts.is_used() {
            true => keys.iter().map(|key| dcache_protocol::slot_of(key).number()).collect(),
            false => Vec::new(),
        };
        if !scripts.enter(self.worker, &slots) {
            return Ran::NotServing(crate::script::run::busy(node.scripts.busy_text()));
        }
        let mark = out.len();
        let strung = Fanout::strung(node, view, origin, &requests, tail, out);
        scripts.leave(self.worker);
        match strung {
            Ok(Some(fanout)) => return Ran::Forward(fanout),
            Ok(None) => {}
            Err(why @ (WireError::NotServing | WireError::NoLease)) => {
                out.truncate(mark);
                return Ran::NotServing(why);
            }
            Err(error) => out.extend_from_slice(error_line(&error).as_bytes()),
        }
        if is_silent {
            out.truncate(mark);
        }
        let took = node.now().saturating_sub(begun);
        node.stats().worker(self.worker).record(usize::from(row.id), took, Outcome::Answered, 1);
        Ran::Done
    }

    fn flush_all(&self, node: &Node, view: &View, begun: Duration, is_silent: bool, out: &mut Vec<u8>) -> Ran {
        let row = command::lookup(b"flushdb").expect("FLUSHDB is a command");
        let scripts = &node.scripts.queue;
        let all: Vec<u16> = if scripts.is_used() { (0..SLOTS).collect() } else { Vec::new() };
        let Some(_turn) = scripts.enter_within(self.worker, &all) else {
            return Ran::NotServing(crate::script::run::busy(node.scripts.busy_text()));
        };
        match Fanout::on_all(node, view, self.origin(row, view, begun, is_silent), &[b"FLUSHDB"], "OK\r\n") {
            Ok(fanout) if fanout.parts.is_empty() && !fanout.is_held() => {
                out.extend_from_slice(if is_silent { b"" } else { b"OK\r\n" });
                Ran::Done
            }
            Ok(fanout) => Ran::Forward(fanout),
            Err(why @ (WireError::NotServing | WireError::NoLease)) => Ran::NotServing(why),
            Err(error) => {
                out.extend_from_slice(error_line(&error).as_bytes());
                Ran::Done
            }
        }
    }

    fn origin(&self, command: &'static Command, view: &View, started: Duration, is_silent: bool) -> Origin {
        Origin {
            command,
            worker: self.worker,
            database: 0,
            version: Version::Resp2,
            is_silent,
            started,
            epoch: view.epoch(),
            is_shared: false,
        }
    }
}

fn is_classic(verb: &[u8]) -> bool {
    verb.len() > 2 && !matches!(verb, b"get" | b"gets" | b"gat" | b"gats")
}

/// What the input begins with: a whole request, or what is wanted to have one.
fn next(input: &[u8]) -> Next<'_> {
    let within = &input[..input.len().min(LINE_BYTES_MAX)];
    let Some(end) = within.iter().position(|byte| *byte == b'\n') else {
        return match input.len() < LINE_BYTES_MAX {
            true => Next::Wanted(1),
            false => Next::Refused("CLIENT_ERROR line too long\r\n", 0),
        };
    };
    let line = input[..end].strip_suffix(b"\r").unwrap_or(&input[..end]);
    let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty()).take(WORDS_MAX).collect();
    let at = end + 1;
    let length = match words.first() {
        Some(&(b"set" | b"add" | b"replace" | b"append" | b"prepend")) if words.len() >= 5 => words[4],
        Some(&b"cas") if words.len() >= 6 => words[4],
        Some(&b"ms") if words.len() >= 3 => words[2],
        Some(&(b"set" | b"add" | b"replace" | b"append" | b"prepend" | b"cas" | b"ms")) => {
            return Next::Refused("ERROR\r\n", at);
        }
        _ => return Next::Request(Request { words, data: None }, at),
    };
    let Some(length) = number_of(length).and_then(|length| usize::try_from(length).ok()) else {
        return Next::Refused("CLIENT_ERROR bad data chunk\r\n", at);
    };
    if length > VALUE_BYTES_MAX {
        let skipped = at.saturating_add(length).saturating_add(2);
        return Next::Refused("SERVER_ERROR object too large for cache\r\n", skipped);
    }
    let whole = at + length + 2;
    if input.len() < whole {
        return Next::Wanted(whole - input.len());
    }
    if &input[at + length..whole] != b"\r\n" {
        // What comes up to the next line's end is not what was announced.
        let skipped =
            input[at + length..].iter().position(|byte| *byte == b'\n').map_or(length + 2, |end| length + end + 1);
        return Next::Refused("CLIENT_ERROR bad data chunk\r\n", at + skipped);
    }
    Next::Request(Request { words, data: Some(&input[at..at + length]) }, whole)
}

fn stats_of(node: &Node) -> String {
    let traffic = node.traffic();
    let seconds = node.uptime().as_secs();
    let lines = [
        ("pid", u64::from(node.config().process_id)),
        ("uptime", seconds),
        ("time", node.unix_ms() / 1000),
        ("pointer_size", u64::from(usize::BITS)),
        ("curr_connections", node.clients().count() as u64),
        ("total_connections", node.clients().total()),
        ("rejected_connections", node.clients().rejected()),
        ("max_connections", node.clients().limit() as u64),
        ("cmd_get", traffic.gets),
        ("cmd_set", traffic.sets),
        ("get_hits", traffic.hits),
        ("get_misses", traffic.misses),
        ("bytes_read", traffic.bytes_in),
        ("bytes_written", traffic.bytes_out),
        ("limit_maxbytes", node.engine().limit_bytes()),
        ("bytes", node.engine().used_bytes()),
        ("curr_items", node.items()),
        ("evictions", traffic.evictions),
        ("threads", node.config().workers as u64),
    ];
    let lines = lines.iter().map(|(name, value)| format!("STAT {name} {value}\r\n"));
    lines.chain([format!("STAT version {VERSION}-dcache\r\n"), "END\r\n".into()]).collect()
}

/// A key in base64, with or without its padding.
fn decode_base64(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.strip_suffix(b"==").or_else(|| text.strip_suffix(b"=")).unwrap_or(text);
    let (mut bits, mut count, mut key) = (0_u32, 0, Vec::new());
    for byte in text {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(six);
        count += 6;
        if count >= 8 {
            count -= 8;
            key.push((bits >> count) as u8);
        }
    }
    (!key.is_empty()).then_some(key)
}
