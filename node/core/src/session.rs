//! One client: bytes in, bytes out.
//!
//! [`Session::advance`] takes what the connection has read, runs every whole request in it in order, and encodes the replies
//! straight behind one another into the caller's buffer. It never waits: what another node must answer is handed out as a
//! [`Fanout`], and the connection goes on with the next request while it is under way, keeping the replies in order.
//!
//! ```text
//! bytes ─► parse ─► resolve (row, arity) ─► route ─► here:  run, reply encoded in place
//!                                              └───► there: Step::Forward(fanout) … Fanout::finish(replies)
//! ```
//!
//! The view is loaded and the wall clock read once a batch; the monotonic clock once a command, the end of one being the
//! start of the next.

use crate::Node;
use crate::clients::{Client, Wake, millis};
use crate::command::{self, Command, Context, Door};
use crate::gateway::{self, Fanout, Origin};
use crate::route::{self, Route};
use crate::stats::Outcome;
use crate::view::View;
use dcache_protocol::error::WireError;
use dcache_protocol::resp::parse::{Args, Limits, Parser, Progress};
use dcache_protocol::resp::reply::{Reply, Version};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// Once this many reply bytes wait, [`Session::advance`] stops so that they can be written.
pub const OUTPUT_BYTES_MAX: usize = 64 << 10;

/// What a command may know and change of the client it runs for.
#[derive(Debug)]
pub struct ClientState {
    /// 0 for a request of another node.
    pub id: u64,
    pub version: Version,
    pub database: u16,
    /// Reads of this client leave the eviction order alone.
    pub no_touch: bool,
    pub replies: Replies,
    /// The connection ends once the reply is written.
    pub closing: bool,
    /// None for a request of another node.
    pub(crate) client: Option<Arc<Client>>,
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
            replies: Replies::All,
            closing: false,
            client: None,
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
            client.database.store(database, Relaxed);
        }
    }
}

/// One connected client. Dropping it takes the client off the node's list.
#[derive(Debug)]
pub struct Session {
    node: Arc<Node>,
    door: Door,
    worker: usize,
    parser: Parser,
    state: ClientState,
    client: Arc<Client>,
}

/// What one [`Session::advance`] did.
#[derive(Debug)]
pub struct Advance {
    /// Bytes of the input that are done with.
    pub consumed: usize,
    pub step: Step,
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
    /// Write what is there, then close.
    Close,
}

impl Session {
    /// Registers a client. `worker` is the thread that will call [`Session::advance`]; `wake` is called when another client
    /// kills this one.
    pub fn new(node: &Arc<Node>, door: Door, worker: usize, remote: String, local: String, wake: Wake) -> Session {
        let client = node.clients().register(remote, local, door, node.now(), wake);
        let state = ClientState {
            id: client.id,
            client: Some(Arc::clone(&client)),
            ..ClientState::of_peer(0, Version::Resp2)
        };
        Session { node: Arc::clone(node), door, worker, parser: Parser::new(Limits::default()), state, client }
    }

    /// Runs at most what `input` holds; consumes whole requests; stops at a forward. `input` begins at the first byte not
    /// consumed yet.
    pub fn advance(&mut self, node: &Node, input: &[u8], out: &mut Vec<u8>) -> Advance {
        let view = node.view();
        let stats = node.stats().worker(self.worker);
        let written = out.len();
        let mut time = node.now();
        let wall_offset_ms = node.unix_ms().wrapping_sub(millis(time));
        self.client.active_ms.store(millis(time), Relaxed);
        let mut consumed = 0;
        let step = loop {
            if self.state.closing || self.client.is_killed() {
                break Step::Close;
            }
            if out.len() >= OUTPUT_BYTES_MAX {
                break Step::OutputFull;
            }
            let rest = &input[consumed..];
            let bytes = match self.parser.parse(rest) {
                Ok(Progress::Request { consumed }) => consumed,
                Ok(Progress::Empty { consumed: bytes }) => {
                    consumed += bytes;
                    continue;
                }
                Ok(Progress::Incomplete { wanted }) => break Step::NeedInput { wanted },
                Err(error) => {
                    Reply::new(out, self.state.version).error(&format_args!("ERR {error}"));
                    stats.record_error(b"ERR");
                    break Step::Close;
                }
            };
            consumed += bytes;
            let request = Request {
                node,
                view: &view,
                door: self.door,
                worker: self.worker,
                args: self.parser.args(rest),
                started: time,
                now_ms: wall_offset_ms.wrapping_add(millis(time)),
            };
            match request.execute(&mut self.state, out) {
                Executed::Forwarded(fanout) => break Step::Forward(fanout),
                Executed::Refused => time = node.now(),
                Executed::Answered { command, outcome } => {
                    let now = node.now();
                    stats.record(usize::from(command.id), now.saturating_sub(time), outcome);
                    time = now;
                }
            }
        };
        self.client.waiting_bytes.store(u32::try_from(input.len() - consumed).unwrap_or(u32::MAX), Relaxed);
        stats.bytes_in.add(consumed as u64);
        stats.bytes_out.add(out.len().saturating_sub(written) as u64);
        Advance { consumed, step }
    }

    /// Whether another client killed this one: close without waiting for input.
    pub fn is_killed(&self) -> bool {
        self.client.is_killed()
    }

    /// The client's id, as `CLIENT ID` answers.
    pub fn id(&self) -> u64 {
        self.client.id
    }
}

/// One request of a client, about to run.
struct Request<'a> {
    node: &'a Node,
    view: &'a View,
    door: Door,
    worker: usize,
    args: Args<'a>,
    started: Duration,
    now_ms: u64,
}

enum Executed {
    Answered { command: &'static Command, outcome: Outcome },
    /// It fits no row of the command table.
    Refused,
    Forwarded(Fanout),
}

impl Request<'_> {
    /// Runs the request; what the client does not want to read is taken back.
    fn execute(&self, state: &mut ClientState, out: &mut Vec<u8>) -> Executed {
        let mark = out.len();
        let executed = self.run(state, out);
        if state.replies.is_silent() && !matches!(executed, Executed::Forwarded(_)) {
            out.truncate(mark);
        }
        state.replies = state.replies.after_request();
        executed
    }

    fn run(&self, state: &mut ClientState, out: &mut Vec<u8>) -> Executed {
        let stats = self.node.stats().worker(self.worker);
        let command = match command::resolve(self.args) {
            Ok(command) => command,
            Err(error) => {
                stats.refused.add(1);
                self.fail(&error, state.version, out);
                // What a browser sends when a web page points it at this port; Redis hangs up too.
                let name = self.args.get(0).unwrap_or_default();
                state.closing |= [&b"post"[..], b"host:"].iter().any(|http| name.eq_ignore_ascii_case(http));
                return Executed::Refused;
            }
        };
        if let Some(client) = &state.client {
            client.command.store(u32::from(command.id) + 1, Relaxed);
        }
        let route = match route::route(self.view, self.door, command, self.args) {
            Ok(route) => route,
            Err(error) => {
                self.fail(&error, state.version, out);
                return Executed::Answered { command, outcome: Outcome::Rejected };
            }
        };
        let result = match route {
            Route::Here(slot) => {
                if let Some(slot) = slot {
                    stats.record_partition(self.view.partition_of(slot).index());
                }
                self.run_here(command, state, out).map(|()| None)
            }
            Route::There(node) => Ok(Some(Fanout::whole(self.origin(command, state), node, self.args))),
            Route::Split(merge) => {
                gateway::split(self.node, self.view, self.origin(command, state), merge, self.args).map(Some)
            }
            Route::Everywhere(gather) => {
                gateway::everywhere(self.node, self.view, self.origin(command, state), gather, self.args, out)
            }
        };
        match result {
            Ok(None) => Executed::Answered { command, outcome: Outcome::Answered },
            Ok(Some(fanout)) => {
                stats.forwarded.add(fanout.parts.len() as u64);
                Executed::Forwarded(fanout)
            }
            Err(error) => {
                self.fail(&error, state.version, out);
                Executed::Answered { command, outcome: Outcome::Failed }
            }
        }
    }

    fn run_here(&self, command: &'static Command, state: &mut ClientState, out: &mut Vec<u8>) -> Result<(), WireError> {
        let reply = Reply::new(out, state.version);
        let mut context = Context {
            node: self.node,
            view: self.view,
            database: state.database,
            client: state,
            door: self.door,
            now_ms: self.now_ms,
            args: self.args,
            reply,
        };
        (command.run)(&mut context)
    }

    fn fail(&self, error: &WireError, version: Version, out: &mut Vec<u8>) {
        let mark = out.len();
        Reply::new(out, version).error(error);
        self.node.stats().worker(self.worker).record_error(&out[mark..]);
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
            is_retry: false,
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.node.clients().unregister(self.client.id);
    }
}
