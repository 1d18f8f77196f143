//! One client: bytes in, bytes out.
//!
//! [`Session::advance`] takes what the connection has read, runs every whole request in it in order, and encodes the replies
//! straight behind one another into the caller's buffer. It never waits: what another node must answer is handed out as a
//! [`Fanout`], and the connection goes on with the next request while it is under way, keeping the replies in order.
//!
//! ```text
//! bytes ─► batch: parse, resolve (row, arity) ─► route ─► here:  run, reply encoded in place
//!                                                  └───► there: Step::Forward(fanout) … Fanout::finish(replies)
//! ```
//!
//! Requests are read ahead ([`crate::batch`]) and then run one by one. The view is loaded and the wall clock read once for
//! all of them. The monotonic clock is read once a [`Span`]: up to 16 successive requests of one command with one key share
//! what they took evenly, since a look at the clock costs as much as a good part of such a request; any other request is
//! timed by itself. The end of one span is the start of the next, and what reading ahead took counts for the first.

mod blocking;
#[cfg(test)]
mod held;
mod memcached;
#[cfg(test)]
mod tests;
mod turn;

use crate::Node;
use crate::batch::{Ahead, Batch, KeyPlace, Next};
use crate::blocking::{Blocked, Wish};
use crate::clients::{Client, Wake, millis};
use crate::command::{self, Command, Context, Door, Gateway};
use crate::events::Reason;
use crate::gateway::copies::{self, Written};
use crate::gateway::told::{Answers, Tell};
use crate::gateway::watched::Ask;
use crate::gateway::{self, ASK_AGAIN_WITHIN, Fanout, Origin};
use crate::replication::guard;
use crate::replication::hold::Hold;
use crate::route::{self, Route};
use crate::script::job::Ticket;
use crate::slow::{Bounds, Log};
use crate::stats::{Outcome, WorkerStats};
use crate::tracking::Mode;
use crate::transaction::{self, Place, Transaction};
use crate::view::{Owner, View};
use dcache_cluster::membership::LEASE;
use dcache_protocol::error::WireError;
use dcache_protocol::namespace::DATABASES;
use dcache_protocol::resp::parse::{Args, Limits, Parser, Progress};
use dcache_protocol::resp::reply::{Reply, Version};
use dcache_protocol::{PartitionId, slot_in};
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

/// Once this many reply bytes wait, [`Session::advance`] stops so that they can be written.
pub const OUTPUT_BYTES_MAX: usize = 64 << 10;

/// Most requests that are timed together.
const SPAN_REQUESTS_MAX: u32 = 16;

/// A request that took longer than its like: how long, and where it stands in the input.
type Slowest = (&'static Command, Duration, Range<usize>);

/// What a command may know and change of the client it runs for.
#[derive(Debug)]
pub struct ClientState {
    /// 0 for a request of another node.
    pub id: u64,
    pub version: Version,
    pub database: u16,
    /// Reads of this client leave the eviction order alone.
    pub no_touch: bool,
    /// Copies that are new enough may answer reads of this client: `READONLY`.
    pub reads_copies: bool,
    pub replies: Replies,
    /// It wants [`crate::news`], and has been sent so many.
    pub(crate) news: Option<u64>,
    /// The connection ends once the reply is written.
    pub closing: bool,
    /// It is subscribed, tracks, or is in a transaction: look before a request runs.
    pub(crate) is_special: bool,
    pub(crate) tracking: Option<Box<Mode>>,
    /// What other nodes are to hear of the request that ran last.
    pub(crate) tell: Option<Box<Tell>>,
    pub(crate) transaction: Option<Box<Transaction>>,
    /// What is to be asked of other nodes for the request that ran last.
    pub(crate) ask: Option<Box<Ask>>,
    /// What the request that ran last would wait for.
    pub(crate) wish: Option<Box<Wish>>,
    /// A request that finds nothing may have it wait.
    pub(crate) may_wait: bool,
    /// Requests of a split transaction that have not run yet.
    pub(crate) split: VecDeque<Vec<u8>>,
    /// None for a request of another node.
    pub(crate) client: Option<Arc<Client>>,
    /// What `WAIT` is about.
    pub(crate) written: Written,
    /// The next request's place behind scripts.
    pub(crate) ticket: Option<Ticket>,
    /// Scripts that are not answered yet.
    pub(crate) open_scripts: Arc<AtomicUsize>,
}

/// Which replies a client wants: `CLIENT REPLY`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Replies {
    #[default]
    All,
    None,
    /// Not the reply of the request after this one.
    SkipNext,
    /// Not the reply of this request.
    Skip,
}

impl Replies {
    fn is_silent(self) -> bool {
        matches!(self, Replies::None | Replies::Skip)
    }

    fn after_request(self) -> Replies {
        match self {
            Replies::SkipNext => Replies::Skip,
            Replies::Skip => Replies::All,
            other => other,
        }
    }
}

impl ClientState {
    /// For a request that another node forwarded, or that runs as if.
    pub(crate) fn of_peer(database: u16, version: Version) -> ClientState {
        ClientState {
            id: 0,
            version,
            database,
            no_touch: false,
            reads_copies: false,
            replies: Replies::All,
            news: None,
            closing: false,
            is_special: false,
            tracking: None,
            tell: None,
            transaction: None,
            ask: None,
            wish: None,
            may_wait: false,
            split: VecDeque::new(),
            client: None,
            written: Written::default(),
            ticket: None,
            open_scripts: Arc::default(),
        }
    }

    /// Forgets what was said since MULTI or WATCH.
    pub(crate) fn end_transaction(&mut self) {
        self.transaction = None;
        if let Some(mode) = &mut self.tracking {
            mode.caching = None;
        }
        if let Some(client) = &self.client {
            client.queued.store(0, Relaxed);
        }
    }

    pub(crate) fn set_version(&mut self, version: Version) {
        self.version = version;
        if let Some(client) = &self.client {
            client.resp.store(version.number(), Relaxed);
        }
    }

    pub(crate) fn set_database(&mut self, database: u16) {
        self.database = database;
        if let Some(client) = &self.client {
            client.database.store(database % DATABASES, Relaxed);
        }
    }
}

/// One connected client. Dropping it takes the client off the node's list.
#[derive(Debug)]
pub struct Session {
    node: Arc<Node>,
    door: Door,
    worker: usize,
    batch: Batch,
    state: ClientState,
    client: Arc<Client>,
    /// Since when the next request finds its slot served by nobody.
    paused_since: Option<Duration>,
    skipped: memcached::Skipped,
    /// Until when it sleeps (DEBUG SLEEP).
    sleeps_until: Option<Duration>,
}

/// What one [`Session::advance`] did.
#[derive(Debug)]
pub struct Advance {
    /// Bytes of the input that are done with.
    pub consumed: usize,
    pub step: Step,
    /// What replies written by it wait for, in order; where they are is counted from the buffer's beginning.
    pub holds: Vec<Hold>,
}

/// What the session wants next.
#[derive(Debug)]
pub enum Step {
    /// Every whole request ran; at least `wanted` more bytes complete the next one.
    NeedInput { wanted: usize },
    /// [`OUTPUT_BYTES_MAX`] reply bytes wait: write what you can and call again.
    OutputFull,
    /// The last request is other nodes' to answer; its reply comes after all replies so far and before all later ones.
    Forward(Fanout),
    /// There is nothing for the last request yet: its reply takes its place as one that is forwarded does, and no further request
    /// of the client runs before.
    Wait(Blocked),
    /// The next request's slot is changing hands, or this node has no lease at this moment: call again with the same input after [`PAUSE`].
    Pause,
    /// The next request waits for scripts: call again with the same input when the client is woken.
    Turn,
    /// Write what is there, then close.
    Close,
}

/// How long to wait after [`Step::Pause`].
pub const PAUSE: Duration = Duration::from_millis(3);

impl Session {
    /// Registers a client. `worker` is the thread that will call [`Session::advance`]; `wake` is called when another client
    /// kills this one.
    pub fn new(node: &Arc<Node>, door: Door, worker: usize, remote: String, local: String, wake: Wake) -> Session {
        let client = node.clients().register(remote, local, door, node.now(), wake);
        let mut state = ClientState::of_peer(0, Version::Resp2);
        (state.id, state.client, state.may_wait) = (client.id, Some(Arc::clone(&client)), true);
        Session {
            node: Arc::clone(node),
            door,
            worker,
            batch: Batch::new(),
            state,
            client,
            paused_since: None,
            skipped: Default::default(),
            sleeps_until: None,
        }
    }

    /// Runs at most what `input` holds; consumes whole requests; stops at a forward. `input` begins at the first byte not
    /// consumed yet.
    pub fn advance(&mut self, node: &Node, input: &[u8], out: &mut Vec<u8>) -> Advance {
        if self.door == Door::Memcached {
            return self.advance_memcached(node, input, out);
        }
        let view = node.view_of_worker(self.worker);
        self.state.database = view.database(self.state.database % DATABASES);
        let stats = node.stats().worker(self.worker);
        let written = out.len();
        let bounds = node.slow.bounds();
        let mut span = Span::begin(node, stats, bounds);
        self.client.active_ms.store(millis(span.since), Relaxed);
        let mut consumed = 0;
        let mut holds = Vec::new();
        let is_watched = node.events.are_requests_watched();
        let step = loop {
            if self.state.closing || self.client.is_killed() {
                break Step::Close;
            }
            if out.len() >= OUTPUT_BYTES_MAX {
                break Step::OutputFull;
            }
            if let Some(queued) = self.state.split.pop_front() {
                match self.run_split(node, &view, &queued, out, &mut holds) {
                    Executed::NotServing(_) => {
                        self.state.split.push_front(queued);
                        break Step::Pause;
                    }
                    Executed::Behind => {
                        self.state.split.push_front(queued);
                        break Step::Turn;
                    }
                    Executed::Forwarded(fanout) => break Step::Forward(fanout),
                    Executed::Waits(blocked) => break Step::Wait(blocked),
                    Executed::Refused | Executed::Queued | Executed::Answered { .. } => {
                        span.skip();
                        continue;
                    }
                }
            }
            let rest = &input[consumed..];
            match self.batch.next(node, self.state.database, rest) {
                Next::Request => {}
                Next::Incomplete { consumed: bytes, wanted } => {
                    consumed += bytes;
                    break Step::NeedInput { wanted };
                }
                Next::Broken(error) => {
                    Reply::new(out, self.state.version).error(&format_args!("ERR {error}"));
                    stats.record_error(b"ERR");
                    break Step::Close;
                }
            }
            let (ahead, args) = self.batch.request(rest);
            consumed += ahead.bytes();
            span.before(ahead.command);
            let request = Request {
                node,
                view: &view,
                stats,
                door: self.door,
                worker: self.worker,
                args,
                ahead,
                started: span.since,
                now_ms: span.now_ms(),
            };
            let is_asleep = ahead.command.is_some_and(|command| command.flags.has(command::Flags::ADMIN))
                && request.is_asleep(&mut self.sleeps_until);
            if is_asleep || is_watched && request.is_paused() {
                self.state.ticket = None;
                consumed -= ahead.bytes();
                self.batch.put_back();
                break Step::Pause;
            }
            if is_watched && self.state.ticket.is_none() {
                request.show(&self.state);
            }
            let reply_at = out.len();
            let executed = request.execute(&mut self.state, out, &mut holds);
            if !matches!(executed, Executed::NotServing(_)) {
                // Also when it goes elsewhere: what another request waits for later is none of this one's patience.
                self.paused_since = None;
            }
            match executed {
                Executed::Behind => {
                    consumed -= ahead.bytes();
                    self.batch.put_back();
                    break Step::Turn;
                }
                Executed::NotServing(why) => {
                    let since = *self.paused_since.get_or_insert(span.since);
                    let patience = match self.door {
                        Door::Cluster => LEASE,
                        _ => ASK_AGAIN_WITHIN,
                    };
                    if span.since.saturating_sub(since) < patience {
                        consumed -= ahead.bytes();
                        self.batch.put_back();
                        break Step::Pause;
                    }
                    self.paused_since = None;
                    request.fail(&why, self.state.version, out);
                    span.skip();
                }
                Executed::Forwarded(fanout) => break Step::Forward(fanout),
                Executed::Waits(blocked) => break Step::Wait(blocked),
                Executed::Refused => span.skip(),
                Executed::Answered { .. } | Executed::Queued => {
                    let reply_bytes = out.len().saturating_sub(reply_at);
                    let is_large = ahead.bytes() >= bounds.request_bytes || reply_bytes >= bounds.reply_bytes;
                    if is_large {
                        request.note_large(&self.client, ahead.bytes(), reply_bytes);
                    }
                    match executed {
                        Executed::Answered { command, outcome } => {
                            span.after(command, outcome, consumed - ahead.bytes()..consumed);
                        }
                        _ => span.skip(),
                    }
                }
            }
            if let Some(slowest) = span.slowest.take() {
                note_slow(node, &self.client, slowest, input);
            }
        };
        span.end();
        if let Some(slowest) = span.slowest.take() {
            note_slow(node, &self.client, slowest, input);
        }
        self.client.waiting_bytes.store(u32::try_from(input.len() - consumed).unwrap_or(u32::MAX), Relaxed);
        stats.bytes_in.add(consumed as u64);
        stats.bytes_out.add(out.len().saturating_sub(written) as u64);
        Advance { consumed, step, holds }
    }

    /// Runs a request of a transaction whose keys are at several nodes.
    #[cold]
    fn run_split(
        &mut self,
        node: &Node,
        view: &View,
        queued: &[u8],
        out: &mut Vec<u8>,
        holds: &mut Vec<Hold>,
    ) -> Executed {
        let stats = node.stats().worker(self.worker);
        let (door, worker, database) = (self.door, self.worker, self.state.database);
        let state = &mut self.state;
        // It is one of a transaction.
        state.may_wait = false;
        let ran = transaction::with_request(queued, |command, args| {
            let place = command.first_key(args).map(|key| KeyPlace::new(node, database, key));
            let ahead = Ahead::apart(command, place);
            let (started, now_ms) = (node.now(), node.unix_ms());
            let request = Request { node, view, stats, door, worker, args, ahead: &ahead, started, now_ms };
            let since = *self.paused_since.get_or_insert(started);
            match request.execute(state, out, holds) {
                Executed::NotServing(why) if started.saturating_sub(since) >= ASK_AGAIN_WITHIN => {
                    request.fail(&why, state.version, out);
                    self.paused_since = None;
                    Executed::Refused
                }
                Executed::NotServing(why) => Executed::NotServing(why),
                executed => {
                    self.paused_since = None;
                    if let Executed::Answered { command, outcome } = executed {
                        stats.record(usize::from(command.id), node.now().saturating_sub(started), outcome, 1);
                    }
                    executed
                }
            }
        });
        self.state.may_wait = true;
        ran.unwrap_or_else(|| {
            Reply::new(out, self.state.version).error(&transaction::NOT_A_REQUEST);
            Executed::Refused
        })
    }

    /// Whether [`Session::tell_news`] has something to say.
    #[inline]
    pub fn has_news(&self, node: &Node) -> bool {
        self.client.mail.is_waiting() || self.state.news.is_some_and(|told| told != node.news().count())
    }

    /// Appends what the client asked to be told as it happens. `out` ends with a whole reply.
    pub fn tell_news(&mut self, node: &Node, out: &mut Vec<u8>) {
        let written = out.len();
        if let Some(told) = self.state.news {
            self.state.news = Some(node.news().after(told, out));
        }
        if self.client.mail.is_waiting() {
            self.client.mail.take(self.state.version, OUTPUT_BYTES_MAX, out);
        }
        node.stats().worker(self.worker).bytes_out.add((out.len() - written) as u64);
    }

    /// Whether another client killed this one: close without waiting for input.
    pub fn is_killed(&self) -> bool {
        self.client.is_killed()
    }

    /// The next request will not run soon: what it waited for goes on without it.
    pub fn let_go(&mut self) {
        self.state.ticket = None;
    }

    /// The client's id, as `CLIENT ID` answers.
    pub fn id(&self) -> u64 {
        self.client.id
    }
}

/// Successive requests that are timed together: all of one command with one key. Any other request is a span of its own.
struct Span<'a> {
    node: &'a Node,
    stats: &'a WorkerStats,
    wall_offset_ms: u64,
    /// The last look at the clock.
    since: Duration,
    /// What ran since then, and how often.
    command: Option<&'static Command>,
    count: u32,
    /// Where the last request stands.
    at: Range<usize>,
    slow_from: Duration,
    count_max: u32,
    slowest: Option<Slowest>,
}

impl<'a> Span<'a> {
    fn begin(node: &'a Node, stats: &'a WorkerStats, bounds: Bounds) -> Span<'a> {
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
    fn now_ms(&self) -> u64 {
        self.wall_offset_ms.wrapping_add(millis(self.since))
    }

    /// A request of `next` is about to run.
    fn before(&mut self, next: Option<&'static Command>) {
        if self.command.map(|command| command.id) != next.map(|next| next.id) {
            self.end();
        }
    }

    /// A request of this command has run.
    fn after(&mut self, command: &'static Command, outcome: Outcome, at: Range<usize>) {
        self.at = at;
        if outcome != Outcome::Answered {
            let took = self.look() / (self.count + 1);
            self.stats.record(usize::from(command.id), took, outcome, 1);
            self.record(took);
            return;
        }
        self.command = Some(command);
        self.count += 1;
        if command.gateway != Gateway::Single || self.count >= self.count_max || !command.is_steady() {
            self.end();
        }
    }

    /// Something else happened that is nobody's time.
    fn skip(&mut self) {
        self.end();
        self.look();
    }

    /// Counts what ran.
    fn end(&mut self) {
        if self.count > 0 {
            let took = self.look() / self.count;
            self.record(took);
        }
    }

    fn record(&mut self, took: Duration) {
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
fn note_slow(node: &Node, client: &Client, (command, took, at): Slowest, input: &[u8]) {
    let unix_seconds = node.unix_ms() / 1000;
    let kind = if command.flags.has(command::Flags::FAST) { "fast-command" } else { "command" };
    node.slow.note_latency(kind, took, unix_seconds);
    let mut parser = Parser::new(Limits::default());
    let mut request = input.get(at).unwrap_or_default();
    while let Ok(Progress::Empty { consumed }) = parser.parse(request) {
        request = &request[consumed..];
    }
    let is_secret = matches!(command.name, "auth" | "hello");
    let args = parser.args(request);
    let args: Vec<&[u8]> = args.iter().take(if is_secret { 1 } else { usize::MAX }).collect();
    let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    let name = client.names.lock().name.clone();
    node.slow.note(Log::Slow, us, unix_seconds, args.into_iter(), &client.remote, &name);
}

/// One request of a client, about to run.
#[derive(Clone, Copy)]
struct Request<'a> {
    node: &'a Node,
    view: &'a View,
    stats: &'a WorkerStats,
    door: Door,
    worker: usize,
    args: Args<'a>,
    ahead: &'a Ahead,
    started: Duration,
    now_ms: u64,
}

enum Executed {
    Answered {
        command: &'static Command,
        outcome: Outcome,
    },
    /// Kept for EXEC, which counts it when it runs.
    Queued,
    /// It fits no row of the command table.
    Refused,
    Forwarded(Fanout),
    /// There was nothing.
    Waits(Blocked),
    /// Nothing ran: its slot is changing hands, or this node has no lease.
    NotServing(WireError),
    /// Nothing ran: scripts are before it. The client is woken.
    Behind,
}

impl Request<'_> {
    /// Runs the request; what the client does not want to read is taken back.
    #[inline]
    fn execute(&self, state: &mut ClientState, out: &mut Vec<u8>, holds: &mut Vec<Hold>) -> Executed {
        if self.node.scripts.queue.is_used() {
            return self.execute_in_turn(state, out, holds);
        }
        self.execute_now(state, out, holds)
    }

    #[inline]
    fn execute_now(&self, state: &mut ClientState, out: &mut Vec<u8>, holds: &mut Vec<Hold>) -> Executed {
        let (mark, held) = (out.len(), holds.len());
        let executed = self.run(state, out, holds);
        if matches!(executed, Executed::NotServing(_)) {
            out.truncate(mark);
            holds.truncate(held);
            return executed;
        }
        if matches!(executed, Executed::Answered { outcome: Outcome::Failed, .. }) {
            // The error stands where the reply would.
            holds[held..].iter_mut().for_each(|hold| (hold.start, hold.end) = (mark, out.len()));
        }
        if state.replies.is_silent() && !matches!(executed, Executed::Forwarded(_)) {
            out.truncate(mark);
            holds.truncate(held);
        }
        state.replies = state.replies.after_request();
        executed
    }

    fn run(&self, state: &mut ClientState, out: &mut Vec<u8>, holds: &mut Vec<Hold>) -> Executed {
        let Some(command) = self.ahead.command else {
            if let Some(transaction) = state.transaction.as_mut().filter(|transaction| transaction.is_open) {
                transaction.has_failed = true;
            }
            return self.refuse(state, out);
        };
        if state.is_special
            && let Some(executed) = self.before_special(command, state, out)
        {
            return executed;
        }
        if let Some(client) = &state.client {
            client.command.store(u32::from(command.id) + 1, Relaxed);
        }
        let first = self.place(command, state).map(|place| place.slot);
        let among = (state.database, first);
        let route = match route::route(self.view, self.door, command, self.args, among, self.started) {
            Ok(route @ Route::There(_)) => match self.copy_read(command, state) {
                Some(partition) if self.read_copy(command, state, partition, out) => {
                    return Executed::Answered { command, outcome: Outcome::Answered };
                }
                _ => route,
            },
            Ok(route) => route,
            Err(error) => match self.copy_read(command, state) {
                Some(partition) if self.read_copy(command, state, partition, out) => {
                    return Executed::Answered { command, outcome: Outcome::Answered };
                }
                // On the cluster door, too: the client asked this node on purpose.
                Some(partition) if matches!(error, WireError::Moved { .. }) => {
                    let slot = partition.slots(self.view.metadata.partitions).first;
                    match self.view.owner(slot) {
                        Owner::Other(owner) => Route::There(owner),
                        _ => return self.reject(command, &error, state, out),
                    }
                }
                _ => return self.reject(command, &error, state, out),
            },
        };
        let may_write = command.is_write() || command.gateway == Gateway::Script && !command.is_read();
        if may_write && self.view.has_copies() {
            let slots = command::keys_of(command, self.args).skip(1).map(|key| slot_in(state.database, key));
            first.into_iter().chain(slots).for_each(|slot| state.written.note(self.view.partition_of(slot)));
        }
        if blocking::may_wait(command) {
            return self.run_or_wait(command, route, state, out, holds);
        }
        let result = match route {
            _ if command.gateway == Gateway::Told => self.run_told(command, state, out, holds),
            _ if command.gateway == Gateway::Copies && self.view.has_copies() => {
                copies::wait(self.node, self.view, self.origin(command, state), &state.written, self.args).map(Some)
            }
            Route::Here if matches!(command.gateway, Gateway::Script | Gateway::Agreed) => {
                Ok(Some(self.script(command, state)))
            }
            Route::Here => {
                if let Some(slot) = first {
                    self.stats.record_partition(self.view.partition_of(slot).index());
                }
                match self.view.has_copies() {
                    false => self.run_here(command, state, out).map(|()| None),
                    true => self.run_guarded(command, state, out, holds).map(|()| None),
                }
            }
            Route::There(node) => Ok(Some(Fanout::whole(self.origin(command, state), node, self.args))),
            Route::Split(merge) => {
                gateway::split(self.node, self.view, self.origin(command, state), merge, self.args).map(Some)
            }
            Route::Everywhere(gather) => {
                gateway::everywhere(self.node, self.view, self.origin(command, state), gather, self.args, out)
            }
            Route::InTurn => Err(WireError::CrossSlot),
        };
        self.node.after_write(self.view, self.worker, command, self.args);
        match result {
            Ok(None) => Executed::Answered { command, outcome: Outcome::Answered },
            Ok(Some(fanout)) => {
                self.stats.forwarded.add(fanout.parts.len() as u64);
                Executed::Forwarded(fanout)
            }
            Err(why @ (WireError::NotServing | WireError::NoLease)) => Executed::NotServing(why),
            Err(error) => {
                self.fail(&error, state.version, out);
                Executed::Answered { command, outcome: Outcome::Failed }
            }
        }
    }

    /// Runs here what other nodes hear of before it is answered.
    fn run_told(
        &self,
        command: &'static Command,
        state: &mut ClientState,
        out: &mut Vec<u8>,
        holds: &mut Vec<Hold>,
    ) -> Result<Option<Fanout>, WireError> {
        if command.name == "exec" && state.transaction.as_ref().is_some_and(|transaction| transaction.is_open) {
            return self.run_transaction(command, state, out, holds);
        }
        if self.door == Door::Cluster
            && let Some(slot) = self.place(command, state).map(|place| place.slot)
            && let Owner::Other(node) = self.view.owner(slot)
        {
            // What was handed over a moment ago is not passed on: it is about this connection.
            return Err(WireError::Moved { slot, address: format!("{}:{}", node.host, node.port) });
        }
        let mark = out.len();
        self.run_here(command, state, out)?;
        if let Some(ask) = state.ask.take() {
            out.truncate(mark);
            return Fanout::watched(self.view, self.origin(command, state), *ask).map(Some);
        }
        let Some(tell) = state.tell.take() else { return Ok(None) };
        let reply = out.split_off(mark);
        Ok(Some(Fanout::told(self.origin(command, state), *tell, reply)))
    }

    /// For a client that is subscribed or tracks. The request does not run if this answers anything.
    #[cold]
    fn before_special(
        &self,
        command: &'static Command,
        state: &mut ClientState,
        out: &mut Vec<u8>,
    ) -> Option<Executed> {
        let client = state.client.clone()?;
        let is_restricted = state.version == Version::Resp2 && client.is_subscriber();
        if is_restricted && !command::pubsub::is_for_subscribers(command) {
            let text = format!(
                "ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context",
                command.name
            );
            return Some(self.reject(command, &WireError::Other(text), state, out));
        }
        let is_queueing = state.transaction.as_ref().is_some_and(|transaction| transaction.is_open);
        if is_queueing && !matches!(command.name, "exec" | "discard" | "multi" | "watch" | "quit" | "reset") {
            return Some(self.queue(command, state, out));
        }
        self.track(command, state, &client);
        state.is_special = state.tracking.is_some() || client.is_subscriber() || state.transaction.is_some();
        None
    }

    /// Keeps a request for EXEC, if it could run as things are.
    fn queue(&self, command: &'static Command, state: &mut ClientState, out: &mut Vec<u8>) -> Executed {
        let first = self.place(command, state).map(|place| place.slot);
        let among = (state.database, first);
        let routed = match route::route(self.view, self.door, command, self.args, among, self.started) {
            Ok(Route::There(node)) if self.door == Door::Cluster => match first {
                Some(slot) => Err(WireError::Moved { slot, address: format!("{}:{}", node.host, node.port) }),
                None => Ok(()),
            },
            routed => routed.map(|_| ()),
        };
        let Some(transaction) = &mut state.transaction else { return Executed::Refused };
        if let Err(error) = routed.and_then(|()| transaction.queue(self.args)) {
            transaction.has_failed = true;
            return self.reject(command, &error, state, out);
        }
        if let Some(client) = &state.client {
            client.queued.store(transaction.requests.len() as u32 + 1, Relaxed);
        }
        Reply::new(out, state.version).simple("QUEUED");
        Executed::Queued
    }

    /// EXEC: runs what was queued, if nothing that is watched has changed.
    #[cold]
    fn run_transaction(
        &self,
        command: &'static Command,
        state: &mut ClientState,
        out: &mut Vec<u8>,
        holds: &mut Vec<Hold>,
    ) -> Result<Option<Fanout>, WireError> {
        let Some(transaction) = state.transaction.take() else { return Ok(None) };
        if transaction.has_failed {
            state.end_transaction();
            return Err(WireError::Other("EXECABORT Transaction discarded because of previous errors.".into()));
        }
        let place = transaction::place_of(self.view, self.door, state.database, &transaction);
        let caching = state.tracking.as_ref().and_then(|mode| mode.caching);
        let has_script = transaction::has_script(transaction.requests.iter().map(Vec::as_slice));
        if matches!(place, Ok(Place::Here)) && has_script {
            state.end_transaction();
            return Ok(Some(self.transaction_with_script(command, &transaction, state)));
        }
        if matches!(place, Ok(Place::Here)) {
            // Another transaction runs: this one is looked at again in a moment.
            let Some(_alone) = self.node.alone(self.worker) else {
                state.transaction = Some(transaction);
                return Err(WireError::NotServing);
            };
            return self.run_alone(command, transaction, state, out, holds);
        }
        if let (Ok(Place::There(_)), Some(client)) = (&place, &state.client) {
            for queued in &transaction.requests {
                transaction::with_request(queued, |command, args| {
                    Request { args, ..*self }.remember(command, state, client);
                });
            }
        }
        state.end_transaction();
        match place? {
            Place::Here => Ok(None),
            Place::There(key) => {
                let words = transaction.words(&key);
                let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
                let origin = Origin { command: &transaction::ROW, ..self.origin(command, state) };
                match self.view.owner(slot_in(state.database, &key)) {
                    Owner::Other(node) => Ok(Some(Fanout::whole_of(origin, node, &words).may_take_long(has_script))),
                    _ => Err(WireError::NotServing),
                }
            }
            Place::Split => {
                Reply::new(out, state.version).array(transaction.requests.len());
                state.split = transaction.requests.into();
                if let Some(mode) = &mut state.tracking {
                    mode.caching = caching;
                }
                Ok(None)
            }
        }
    }

    fn run_alone(
        &self,
        command: &'static Command,
        transaction: Box<Transaction>,
        state: &mut ClientState,
        out: &mut Vec<u8>,
        holds: &mut Vec<Hold>,
    ) -> Result<Option<Fanout>, WireError> {
        let is_unchanged = {
            let watched = transaction.watched.lock();
            let watched = watched.iter().map(|(key, number)| (&key[..], *number));
            transaction::is_unchanged(self.node, transaction.database, watched)
        };
        let mark = out.len();
        if !is_unchanged {
            state.end_transaction();
            Reply::new(out, state.version).null_array();
            return Ok(None);
        }
        let mut told = Vec::new();
        Reply::new(out, state.version).array(transaction.requests.len());
        for (index, queued) in transaction.requests.iter().enumerate() {
            let ran = transaction::with_request(queued, |command, args| {
                let place = command.first_key(args).map(|key| KeyPlace::new(self.node, state.database, key));
                let ahead = Ahead::apart(command, place);
                let request = Request { args, ahead: &ahead, ..*self };
                if let Some(client) = state.client.clone() {
                    request.remember(command, state, &client);
                }
                let is_guarded = self.view.has_copies() && command.gateway != Gateway::Told;
                let (at, held) = (out.len(), holds.len());
                let ran = match is_guarded {
                    true => request.run_guarded(command, state, out, holds),
                    false => request.run_here(command, state, out),
                };
                told.extend(state.tell.take().into_iter().flat_map(|tell| tell.requests));
                // Nobody waits in a transaction.
                state.wish = None;
                if let Err(error) = &ran {
                    out.truncate(at);
                    if index > 0 || !matches!(error, WireError::NotServing | WireError::NoLease) {
                        request.fail(error, state.version, out);
                        holds[held..].iter_mut().for_each(|hold| (hold.start, hold.end) = (at, out.len()));
                        self.stats.record(usize::from(command.id), Duration::ZERO, Outcome::Failed, 1);
                        return Ok(());
                    }
                }
                self.stats.record(usize::from(command.id), Duration::ZERO, Outcome::Answered, 1);
                ran
            });
            match ran {
                Some(Err(error)) => {
                    state.transaction = Some(transaction);
                    return Err(error);
                }
                Some(Ok(())) => {}
                None => Reply::new(out, state.version).error(&transaction::NOT_A_REQUEST),
            }
        }
        state.end_transaction();
        self.node.after_writes(self.view, self.worker, &transaction.requests);
        if told.is_empty() {
            return Ok(None);
        }
        let reply = out.split_off(mark);
        let tell = Tell { requests: told, answers: Answers::Awaited };
        Ok(Some(Fanout::told(self.origin(command, state), tell, reply).holding(std::mem::take(holds))))
    }

    /// Remembers what a client that tracks is about to read. What `CLIENT CACHING` said holds, as in Redis, until a request that is
    /// no CLIENT, or to the end of the transaction that begins with it.
    #[inline]
    fn track(&self, command: &'static Command, state: &mut ClientState, client: &Arc<Client>) {
        self.remember(command, state, client);
        let is_transaction = command.name == "multi"
            || state.transaction.as_ref().is_some_and(|transaction| transaction.is_open)
            || !state.split.is_empty();
        if let Some(mode) = &mut state.tracking
            && !is_transaction
            && command.container() != Some("client")
        {
            mode.caching = None;
        }
    }

    /// Remembers which keys a client reads here, if it tracks them.
    fn remember(&self, command: &'static Command, state: &ClientState, client: &Arc<Client>) {
        let may_read = command.is_read() || command.gateway == Gateway::Script;
        if may_read && state.tracking.as_ref().is_some_and(|mode| mode.remembers()) {
            let keys = command::keys_of(command, self.args);
            let told = self.node.talk.tracking.lock().remember(client.id, keys, &|id| self.node.clients().find(id));
            self.node.post_all(told);
        }
    }

    /// Whether it is to wait since clients are paused.
    #[cold]
    fn is_paused(&self) -> bool {
        let Some(command) = self.ahead.command else { return false };
        let is_about_pausing = matches!(command.name, "client|pause" | "client|unpause");
        let is_write = command.is_write() || matches!(command.name, "publish" | "spublish" | "exec");
        self.node.events.has(Reason::PAUSED) && !is_about_pausing && self.node.is_paused(is_write)
    }

    /// Keeps a request that is large, or has a large reply.
    #[cold]
    fn note_large(&self, client: &Client, request_bytes: usize, reply_bytes: usize) {
        let name = client.names.lock().name.clone();
        let note = |log, bytes: usize| {
            let unix_seconds = self.now_ms / 1000;
            self.node.slow.note(log, bytes as u64, unix_seconds, self.args.iter(), &client.remote, &name);
        };
        note(Log::LargeRequest, request_bytes);
        note(Log::LargeReply, reply_bytes);
    }

    /// DEBUG SLEEP: the client waits, and this node's others with it.
    #[cold]
    fn is_asleep(&self, until: &mut Option<Duration>) -> bool {
        let is_sleep = self.ahead.command.is_some_and(|command| command.name == "debug|sleep");
        if !is_sleep || !self.node.has_debug.load(Relaxed) {
            return false;
        }
        let Some(sleep) = self.args.get(2).and_then(command::debug::sleep_of) else { return false };
        let now = self.node.now();
        match *until {
            None => {
                *until = Some(now + sleep);
                self.node.pause_all(now + sleep);
                true
            }
            Some(end) if now < end => true,
            Some(_) => {
                *until = None;
                false
            }
        }
    }

    /// Shows it to clients that look on.
    #[cold]
    fn show(&self, state: &ClientState) {
        let is_shown = |command: &&Command| {
            !command.flags.has(command::Flags::ADMIN) && !matches!(command.name, "auth" | "hello" | "monitor" | "exec")
        };
        if self.node.events.has(Reason::MONITORED)
            && self.ahead.command.as_ref().is_some_and(is_shown)
            && let Some(client) = &state.client
        {
            self.node.show_request(client, state.database, self.args);
        }
    }

    fn reject(&self, command: &'static Command, error: &WireError, state: &ClientState, out: &mut Vec<u8>) -> Executed {
        self.fail(error, state.version, out);
        Executed::Answered { command, outcome: Outcome::Rejected }
    }

    /// The partition whose copy here may answer, if it is new enough: of a read of eventual namespaces that allow for it, or whose
    /// client does.
    fn copy_read(&self, command: &'static Command, state: &ClientState) -> Option<PartitionId> {
        let replication = self.node.replication();
        let may_be = state.reads_copies || replication.is_read_from_copies();
        let place = self.place(command, state).filter(|_| may_be && command.is_read() && self.view.has_copies())?;
        let partition = self.view.partition_of(place.slot);
        let may_be = |key: &[u8]| {
            let namespace = self.view.namespace_of(state.database, key);
            self.view.partition_of(slot_in(state.database, key)) == partition
                && replication.may_read_copies(namespace, state.reads_copies)
        };
        (self.view.is_replicated(partition) && command::keys_of(command, self.args).all(may_be)).then_some(partition)
    }

    /// Answers from the copy here, unless that is too old.
    fn read_copy(
        &self,
        command: &'static Command,
        state: &mut ClientState,
        partition: PartitionId,
        out: &mut Vec<u8>,
    ) -> bool {
        let bound = |key: &[u8]| self.view.namespace(self.view.namespace_of(state.database, key)).max_staleness();
        let within = command::keys_of(command, self.args).map(bound).min().unwrap_or_default();
        let is_fresh = || self.node.is_fresh(partition, within, self.started);
        let mark = out.len();
        // And still is when it was read: it may have been emptied meanwhile.
        if is_fresh() && self.run_here(command, state, out).is_ok() && is_fresh() {
            self.stats.copy_reads.add(1);
            return true;
        }
        out.truncate(mark);
        false
    }

    /// Runs here what other nodes may hold copies of.
    fn run_guarded(
        &self,
        command: &'static Command,
        state: &mut ClientState,
        out: &mut Vec<u8>,
        holds: &mut Vec<Hold>,
    ) -> Result<(), WireError> {
        let guarded = guard::Request {
            node: self.node,
            view: self.view,
            now: self.started,
            command,
            args: self.args,
            database: state.database,
            place: self.place(command, state),
        };
        let begun = guarded.begin()?;
        let mark = out.len();
        let result = self.run_here(command, state, out);
        let ended = guarded.end(&begun, result, mark..out.len(), holds);
        if ended.is_err() {
            out.truncate(mark);
        }
        ended
    }

    /// It fits no row of the command table.
    fn refuse(&self, state: &mut ClientState, out: &mut Vec<u8>) -> Executed {
        self.stats.refused.add(1);
        if let Err(error) = command::resolve(self.args) {
            let is_exec = self.args.get(0).is_some_and(|name| name.eq_ignore_ascii_case(b"exec"));
            let error = if is_exec {
                state.end_transaction();
                let text = error.to_string();
                let why = text.trim_start_matches("ERR ");
                WireError::Other(format!("EXECABORT Transaction discarded because of: {why}"))
            } else {
                error
            };
            self.fail(&error, state.version, out);
        }
        // What a browser sends when a web page points it at this port; Redis hangs up too.
        let name = self.args.get(0).unwrap_or_default();
        state.closing |= [&b"post"[..], b"host:"].iter().any(|http| name.eq_ignore_ascii_case(http));
        Executed::Refused
    }

    /// Of the first key. The client may have selected another database since the request was read.
    #[inline]
    fn place(&self, command: &'static Command, state: &ClientState) -> Option<KeyPlace> {
        let place = self.ahead.place?;
        if place.database == state.database {
            return Some(place);
        }
        command.first_key(self.args).map(|key| KeyPlace::new(self.node, state.database, key))
    }

    fn run_here(&self, command: &'static Command, state: &mut ClientState, out: &mut Vec<u8>) -> Result<(), WireError> {
        let mark = out.len();
        let reply = Reply::new(out, state.version);
        let place = self.place(command, state);
        let first_key = place.as_ref().and_then(|place| Some((command.first_key(self.args)?, place)));
        let mut context = Context {
            node: self.node,
            view: self.view,
            database: state.database,
            client: state,
            door: self.door,
            now_ms: self.now_ms,
            args: self.args,
            first_key,
            reply,
        };
        let result = (command.run)(&mut context);
        if self.node.events.are_watched() {
            self.node.after_command(command, self.args);
        }
        if result.is_err() {
            // A write whose room another thread took after the old value was answered.
            out.truncate(mark);
        }
        result
    }

    fn fail(&self, error: &WireError, version: Version, out: &mut Vec<u8>) {
        let mark = out.len();
        Reply::new(out, version).error(error);
        self.stats.record_error(&out[mark..]);
    }

    fn origin(&self, command: &'static Command, state: &ClientState) -> Origin {
        Origin {
            command,
            worker: self.worker,
            database: state.database,
            version: state.version,
            is_silent: state.replies.is_silent(),
            started: self.started,
            epoch: self.view.epoch(),
            is_shared: false,
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let client = &self.client;
        if client.is_subscriber() || client.tracks.load(Relaxed) || client.is_monitor.load(Relaxed) {
            self.node.forget_client(client);
        }
        self.node.clients().unregister(client.id);
    }
}
