//! How long requests took: up to 16 successive ones of one command share two looks at the clock. What took long goes to the slow log.

use crate::Node;
use crate::clients::{Client, millis};
use crate::command::{self, Command, Gateway};
use crate::slow::{self, Bounds, Log};
use crate::stats::{Outcome, WorkerStats};
use dcache_protocol::resp::parse::{Limits, Parser, Progress};
use std::ops::Range;
use std::time::Duration;

/// Most requests that are timed together.
pub(super) const SPAN_REQUESTS_MAX: u32 = 16;

/// A request that took longer than its like: how long, and where it stands in the input.
pub(super) type Slowest = (&'static Command, Duration, Range<usize>);

/// Successive requests that are timed together: all of one command with one key. Any other request is a span of its own.
pub(super) struct Span<'a> {
    node: &'a Node,
    stats: &'a WorkerStats,
    wall_offset_ms: u64,
    /// The last look at the clock.
    pub(super) since: Duration,
    /// What ran since then, and how often.
    command: Option<&'static Command>,
    count: u32,
    /// Where the last request stands.
    at: Range<usize>,
    slow_from: Duration,
    count_max: u32,
    pub(super) slowest: Option<Slowest>,
}

impl<'a> Span<'a> {
    pub(super) fn begin(node: &'a Node, stats: &'a WorkerStats, bounds: Bounds) -> Span<'a> {
        let since = node.now();
        let wall_offset_ms = node.unix_ms().wrapping_sub(millis(since));
        let count_max = if bounds.are_exact() { 1 } else { SPAN_REQUESTS_MAX };
        Span {
            node,
            stats,
            wall_offset_ms,
            since,
            command: None,
            count: 0,
            at: 0..0,
            slow_from: bounds.took,
            count_max,
            slowest: None,
        }
    }

    /// Unix milliseconds at the last look at the clock.
    pub(super) fn now_ms(&self) -> u64 {
        self.wall_offset_ms.wrapping_add(millis(self.since))
    }

    /// A request of `next` is about to run.
    pub(super) fn before(&mut self, next: Option<&'static Command>) {
        if self.command.map(|command| command.id) != next.map(|next| next.id) {
            self.end();
        }
    }

    /// A request of this command has run.
    pub(super) fn after(&mut self, command: &'static Command, outcome: Outcome, at: Range<usize>) {
        if outcome != Outcome::Answered {
            let took = self.look() / (self.count + 1);
            self.stats.record(usize::from(command.id), took, outcome, 1);
            self.record(took);
            if took >= self.slow_from {
                self.slowest = Some((command, took, at));
            }
            return;
        }
        self.at = at;
        self.command = Some(command);
        self.count += 1;
        if command.gateway != Gateway::Single || self.count >= self.count_max || !command.is_steady() {
            self.end();
        }
    }

    /// Something else happened that is nobody's time.
    pub(super) fn skip(&mut self) {
        self.end();
        self.look();
    }

    /// Counts what ran.
    pub(super) fn end(&mut self) {
        if self.count > 0 {
            let took = self.look() / self.count;
            self.record(took);
        }
    }

    pub(super) fn record(&mut self, took: Duration) {
        if let Some(command) = self.command.take() {
            self.stats.record(usize::from(command.id), took, Outcome::Answered, u64::from(self.count));
            if took >= self.slow_from {
                self.slowest = Some((command, took, self.at.clone()));
            }
        }
        self.count = 0;
    }

    /// Time since the last look.
    fn look(&mut self) -> Duration {
        let now = self.node.now();
        let took = now.saturating_sub(self.since);
        self.since = now;
        took
    }
}

/// Keeps a request that took long.
#[cold]
pub(super) fn note_slow(node: &Node, client: &Client, (command, took, at): Slowest, input: &[u8]) {
    let unix_seconds = node.unix_ms() / 1000;
    let kind = if command.flags.has(command::Flags::FAST) { "fast-command" } else { "command" };
    node.slow.note_latency(kind, took, unix_seconds);
    let mut parser = Parser::new(Limits::default());
    let mut request = input.get(at).unwrap_or_default();
    while let Ok(Progress::Empty { consumed }) = parser.parse(request) {
        request = &request[consumed..];
    }
    let args = parser.args(request);
    let args: Vec<&[u8]> = args.iter().take(slow::shown_args(command)).collect();
    let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    let name = client.names.lock().name.clone();
    node.slow.note(Log::Slow, us, unix_seconds, args.into_iter(), &client.remote, &name);
}
