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
        ClientState { id: 0, version, database, no_touch: false, replies: Replies::All, closing: false, client: None }
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
        let state =
            ClientState { id: client.id, client: Some(Arc::clone(&client)), ..ClientState::of_peer(0, Version::Resp2) };
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
    Answered {
        command: &'static Command,
        outcome: Outcome,
    },
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{self, Cluster};
    use dcache_protocol::resp::value::encode_request;

    fn request(args: &[&str]) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode_request(args, &mut bytes);
        bytes
    }

    #[test]
    fn replies_do_not_depend_on_where_the_bytes_were_cut() {
        let pipeline: Vec<u8> = [
            request(&["SET", "k", "v1"]),
            b"GET k\r\n".to_vec(),
            request(&["GET", "none"]),
            b"\r\n*0\r\n".to_vec(),
            request(&["APPEND", "k", "\r\n*1"]),
            b"get \"k\"\r\n".to_vec(),
            request(&["DEL", "k"]),
        ]
        .concat();
        let expected = "+OK\r\n$2\r\nv1\r\n$-1\r\n:6\r\n$6\r\nv1\r\n*1\r\n:1\r\n";
        let cluster = Cluster::new(1);
        for cut in 0..=pipeline.len() {
            let mut client = cluster.client(0, Door::Gateway);
            let mut replies = client.send(&pipeline[..cut]);
            replies.extend(client.send(&pipeline[cut..]));
            assert_eq!(String::from_utf8_lossy(&replies), expected, "cut at {cut}");
        }
        let mut client = cluster.client(0, Door::Gateway);
        let replies: Vec<u8> = pipeline.iter().flat_map(|byte| client.send(&[*byte])).collect();
        assert_eq!(String::from_utf8_lossy(&replies), expected, "byte by byte");
    }

    #[test]
    fn only_whole_requests_are_consumed() {
        let cluster = Cluster::new(1);
        let mut client = cluster.client(0, Door::Gateway);
        let bytes = [request(&["PING"]), request(&["ECHO", "hello"])].concat();
        let mut out = Vec::new();
        let advance = client.session.advance(&client.node, &bytes[..bytes.len() - 3], &mut out);
        assert_eq!(advance.consumed, request(&["PING"]).len());
        assert!(matches!(advance.step, Step::NeedInput { wanted: 3 }), "{:?}", advance.step);
        assert_eq!(out, b"+PONG\r\n");
        let advance = client.session.advance(&client.node, &bytes[advance.consumed..], &mut out);
        assert_eq!(advance.consumed, request(&["ECHO", "hello"]).len());
        assert_eq!(out, b"+PONG\r\n$5\r\nhello\r\n");
    }

    #[test]
    fn a_full_output_stops_the_session_until_it_is_written() {
        let cluster = Cluster::new(1);
        let mut client = cluster.client(0, Door::Gateway);
        let value = "x".repeat(40_000);
        client.call(&["SET", "big", &value]);
        let pipeline = request(&["GET", "big"]).repeat(10);
        let (mut consumed, mut replies, mut stops) = (0, 0, 0);
        loop {
            let mut out = Vec::new();
            let advance = client.session.advance(&client.node, &pipeline[consumed..], &mut out);
            consumed += advance.consumed;
            replies += out.len();
            assert!(out.len() < OUTPUT_BYTES_MAX + 40_100, "one reply past the bound at most");
            match advance.step {
                Step::OutputFull => stops += 1,
                Step::NeedInput { .. } => break,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((consumed, replies), (pipeline.len(), 10 * (40_000 + "$40000\r\n\r\n".len())));
        assert_eq!(stops, 5);
    }

    #[test]
    fn broken_protocol_is_answered_once_and_closed() {
        let cluster = Cluster::new(1);
        for (bytes, reply) in [
            (&b"PING\r\n*x\r\nPING\r\n"[..], "+PONG\r\n-ERR Protocol error: invalid multibulk length\r\n"),
            (b"*1\r\n!4\r\n", "-ERR Protocol error: expected '$', got '!'\r\n"),
            (b"*1\r\n$-5\r\n", "-ERR Protocol error: invalid bulk length\r\n"),
            (b"set \"a\r\n", "-ERR Protocol error: unbalanced quotes in request\r\n"),
        ] {
            let mut client = cluster.client(0, Door::Gateway);
            assert_eq!(String::from_utf8_lossy(&client.send(bytes)), reply);
            assert!(client.closed);
        }
    }

    #[test]
    fn what_fits_no_row_is_refused_in_redis_s_words() {
        let cluster = Cluster::new(1);
        let mut client = cluster.client(0, Door::Gateway);
        assert_eq!(client.say("nosuch"), "-ERR unknown command 'nosuch', with args beginning with: \r\n");
        assert_eq!(
            client.call(&["FOO", "a b", "c\r\nd"]),
            "-ERR unknown command 'FOO', with args beginning with: 'a b' 'c  d' \r\n"
        );
        assert_eq!(client.say("client bogus"), "-ERR unknown subcommand 'bogus'. Try CLIENT HELP.\r\n");
        assert_eq!(
            client.say("CLIENT MAINT_NOTIFICATIONS on"),
            "-ERR unknown subcommand 'MAINT_NOTIFICATIONS'. Try CLIENT HELP.\r\n"
        );
        assert_eq!(client.say("GET"), "-ERR wrong number of arguments for 'get' command\r\n");
        assert_eq!(client.say("client"), "-ERR wrong number of arguments for 'client' command\r\n");
        assert_eq!(client.say("Client SetName"), "-ERR wrong number of arguments for 'client|setname' command\r\n");
        assert!(!client.closed);
        assert_eq!(client.node.stats().totals().errors, 7);
        assert_eq!(client.node.stats().errors().get("ERR"), Some(&7));
    }

    #[test]
    fn a_browser_is_hung_up_on() {
        let cluster = Cluster::new(1);
        for line in ["POST / HTTP/1.1", "host: 127.0.0.1:6379"] {
            let mut client = cluster.client(0, Door::Gateway);
            let reply = client.send(format!("{line}\r\nSET pwned 1\r\n").as_bytes());
            assert!(reply.starts_with(b"-ERR unknown command"));
            assert!(client.closed);
            assert_eq!(client.node.items(), 0);
        }
    }

    #[test]
    fn replies_can_be_switched_off() {
        let cluster = Cluster::new(3);
        let mut client = cluster.client(0, Door::Gateway);
        assert_eq!(client.say("CLIENT REPLY SKIP"), "");
        assert_eq!(client.say("PING"), "");
        assert_eq!(client.say("PING"), "+PONG\r\n");
        assert_eq!(client.say("CLIENT REPLY OFF"), "");
        let elsewhere = fixture::key_of(2, 3, 0);
        assert_eq!(client.say(&format!("SET {elsewhere} v")), "", "forwarded ones too");
        assert_eq!(client.say("nosuch"), "");
        assert_eq!(client.say("CLIENT REPLY SKIP"), "");
        assert_eq!(client.say("PING"), "");
        assert_eq!(client.say("CLIENT REPLY ON"), "+OK\r\n");
        assert_eq!(client.say(&format!("GET {elsewhere}")), "$1\r\nv\r\n");
        assert_eq!(client.say("CLIENT REPLY maybe"), "-ERR syntax error\r\n");
        assert_eq!(client.say("CLIENT REPLY SKIP"), "");
        assert_eq!(client.say("CLIENT REPLY ON"), "+OK\r\n");
        assert_eq!(client.say("PING"), "+PONG\r\n");
    }

    #[test]
    fn quit_answers_and_closes() {
        let cluster = Cluster::new(1);
        let mut client = cluster.client(0, Door::Gateway);
        assert_eq!(client.say("QUIT\r\nPING"), "+OK\r\n");
        assert!(client.closed);
    }

    #[test]
    fn a_dropped_session_is_off_the_list() {
        let cluster = Cluster::new(1);
        let client = cluster.client(0, Door::Gateway);
        let node = Arc::clone(&client.node);
        assert_eq!(node.clients().count(), 1);
        drop(client);
        assert_eq!((node.clients().count(), node.clients().total()), (0, 1));
    }

    #[test]
    fn what_passes_is_counted() {
        let cluster = Cluster::new(3);
        let mut client = cluster.client(0, Door::Gateway);
        let here = fixture::key_of(0, 3, 0);
        let there = fixture::key_of(1, 3, 0);
        let mut sent = 0;
        let mut got = 0;
        for line in [
            format!("SET {here} v"),
            format!("SET {there} v"),
            format!("GET {there}"),
            "GET".into(),
            format!("INCR {here}"),
        ] {
            sent += line.len() + 2;
            got += client.say(&line).len();
        }
        let traffic = client.node.traffic();
        assert_eq!((traffic.bytes_in, traffic.bytes_out), (sent as u64, got as u64));
        assert_eq!((traffic.commands, traffic.errors), (5, 2));
        assert_eq!((traffic.forwarded, traffic.forward_errors, traffic.served_for_peers), (2, 0, 0));
        let served = cluster.nodes[1].traffic();
        assert_eq!((served.commands, served.served_for_peers, served.sets, served.hits), (0, 2, 1, 1));
        let figures = client.node.command_figures();
        let calls: Vec<(&str, u64, u64)> = figures.iter().map(|f| (f.name.as_str(), f.calls, f.errors)).collect();
        assert_eq!(calls, [("set", 2, 0), ("get", 1, 0), ("incr", 1, 1)]);
        let slot = dcache_protocol::slot_of(here.as_bytes());
        let partition = client.node.view().partition_of(slot).index();
        assert_eq!(client.node.partition_figures().ops[partition], 2);
        assert_eq!(client.node.partition_figures().ops.iter().sum::<u64>(), 2);
        assert_eq!(cluster.nodes[1].partition_figures().ops.iter().sum::<u64>(), 2);
    }
}
