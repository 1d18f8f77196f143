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
mod copy_read;
mod memcached;
mod operated;
mod request;
mod span;
mod special;
mod state;
#[cfg(test)]
mod tests;
mod transaction;
mod turn;

pub use state::{ClientState, Replies};

use crate::Node;
use crate::batch::{Batch, Next};
use crate::blocking::Blocked;
use crate::clients::{Client, Wake, millis};
use crate::command::{self, Door};
use crate::gateway::{ASK_AGAIN_WITHIN, Fanout};
use crate::replication::hold::Hold;
use dcache_cluster::membership::LEASE;
use dcache_protocol::namespace::DATABASES;
use dcache_protocol::resp::reply::{Reply, Version};
use request::{Executed, Request};
use span::{Span, note_slow};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// Once this many reply bytes wait, [`Session::advance`] stops so that they can be written.
pub const OUTPUT_BYTES_MAX: usize = 64 << 10;

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
        state.open_scripts = Some(Arc::default());
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
            if is_watched && self.state.ticket.is_none() && self.paused_since.is_none() {
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

impl Drop for Session {
    fn drop(&mut self) {
        let client = &self.client;
        if client.is_subscriber() || client.tracks.load(Relaxed) || client.is_monitor.load(Relaxed) {
            self.node.forget_client(client);
        }
        self.node.clients().unregister(client.id);
    }
}
