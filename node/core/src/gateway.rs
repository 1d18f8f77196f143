//! One request, several nodes: who is asked what, and how their answers become one reply.
//!
//! A plain client at the gateway door sees one standalone node. When a request's keys live elsewhere, a [`Fanout`] says what
//! to send where; the connection sends the parts, collects the answers and calls [`Fanout::finish`]. What this node owns of
//! the request has run by then: a piece that stays here is served exactly like a piece that came from a peer.
//!
//! ```text
//! MGET a b c d ─┬─ a c ─► here, at once          ─┐
//!               ├─ b   ─► part 0 ─► node n2 ───── ├─► in the order of the keys ─► *4 …
//!               └─ d   ─► part 1 ─► node n3 ───── ┘
//! ```
//!
//! A slot may change hands between the look at the view and the part's arrival: the receiver then says so and has run
//! nothing. Such a part is planned anew, at once when this node has a newer view by then and a little later otherwise, until
//! [`ASK_AGAIN_WITHIN`] is over. So is what never reached a node whose copies another one may take over, and a read of which
//! nobody knows whether it ran, and a plain `SET` of an eventual namespace. Any other write of which nobody knows that is never
//! sent again, and the error says so.
//!
//! Split writes are not atomic over several nodes. `SCAN` walks the nodes in the order of their tags, with the tag in bits
//! 40 to 51 of the cursor, so a cursor stays below 2^52, which every client's number type holds. Of a pinned database its owner alone
//! is asked, with the owner's own cursors.

mod asked;
pub(crate) mod blocking;
pub(crate) mod copies;
mod merge;
pub(crate) mod scripts;
mod serve;
mod split;
pub(crate) mod strung;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod told;
pub(crate) mod watched;

pub(crate) use serve::{run_served, serve};
pub(crate) use split::{everywhere, split};

use crate::Node;
use crate::blocking::Blocked;
use crate::command::{self, Command, Gather, Merge};
use crate::replication::hold::Hold;
use crate::stats::Outcome as Counted;
use crate::view::{View, ViewNode};
use asked::Asked;
use dcache_protocol::error::WireError;
use dcache_protocol::namespace::PINNED;
use dcache_protocol::peer::DataStatus;
use dcache_protocol::resp::parse::{Args, Parser, Progress};
use dcache_protocol::resp::reply::{Reply, Version};
use dcache_protocol::resp::value::encode_request;
use dcache_protocol::{Epoch, NodeId};
use std::time::Duration;

/// How long a request that certainly did not run, or may run twice, is tried: longer than a failover takes.
pub const ASK_AGAIN_WITHIN: Duration = Duration::from_millis(4500);

/// Pause before it is tried again without news about who owns what.
const ASK_AGAIN_EVERY: Duration = Duration::from_millis(10);

/// A request under way at other nodes.
#[derive(Debug)]
pub struct Fanout {
    /// What to send where. What is this node's own already ran, but a part that is for this node itself, which did not serve it
    /// at that moment: answer it with [`ForwardError::NotOwner`], after the delay. Leave them in place: a part that reached the
    /// wrong node is planned anew from its request.
    pub parts: Vec<Part>,
    /// The caller must not advance the session again before this is finished.
    pub barrier: bool,
    /// The parts are to be sent so much later.
    pub delay: Duration,
    /// What the pieces that ran here wait for.
    holds: Vec<Hold>,
    plan: Plan,
    origin: Origin,
}

/// One request for one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub to: NodeId,
    pub database: u16,
    /// RESP version of the client, 2 or 3, which the answer must be in.
    pub resp: u8,
    pub request: Vec<u8>,
    /// How much longer than others it may take.
    pub patience: Duration,
}

/// Why a part has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForwardError {
    /// The receiver does not own the slot under its view; nothing ran.
    NotOwner,
    /// It was never sent; certainly nothing ran.
    Unreachable,
    /// The link broke after it was sent; whether it ran is unknown.
    LinkLost,
    /// No answer within the deadline; whether it ran is unknown.
    TimedOut,
    /// Too many requests wait for this node already; it was never sent.
    Overloaded,
}

/// What became of a finished fan-out.
#[derive(Debug)]
pub enum Outcome {
    /// The reply is written; it waits for these.
    Done(Vec<Hold>),
    /// Ownership changed meanwhile: carry this one out in its place.
    Again(Fanout),
    /// Nobody has anything yet: the client waits.
    Wait(Blocked),
    /// What came of it is not known, and the client's connection ends.
    HangUp,
}

/// The client's request that a fan-out answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    pub command: &'static Command,
    pub worker: usize,
    pub database: u16,
    pub version: Version,
    /// The client wants no reply to this one.
    pub is_silent: bool,
    /// Monotonic.
    pub started: Duration,
    /// Of the view it was planned under.
    pub epoch: Epoch,
    /// Several nodes were asked, also if now it is one again.
    pub is_shared: bool,
}

#[derive(Debug)]
enum Plan {
    /// The one part's answer is the reply.
    Whole,
    /// The request's keys in pieces, one a node.
    Split { merge: Merge, pieces: Vec<Piece> },
    /// All nodes, each for all it has. `unreached` is a node that is down.
    Everywhere { gather: Gather, here: Option<Vec<u8>>, unreached: Option<String> },
    /// `SCAN` on the node with this tag.
    Cursor { tag: u16 },
    /// Other copies have so much of what the client wrote.
    Copies(copies::Awaited),
    /// It is done; other nodes are told of it.
    Told(told::Told),
    /// What watched keys hold.
    Watched(watched::Ask),
    /// A script thread of this node answers.
    Script(scripts::Running),
    /// Other nodes may know the script's text.
    Search(scripts::Search),
    /// Answers of memcached's protocol, one behind the other.
    Strung(strung::Strung),
    /// Keys are tried for a client that waits for them.
    Blocking(Box<blocking::Trying>),
}

/// The keys of a split request that one node has.
#[derive(Debug)]
struct Piece {
    /// Their places among the request's keys, ascending.
    places: Vec<usize>,
    answer: Answer,
}

#[derive(Debug)]
enum Answer {
    Have(Vec<u8>),
    /// That of the part with this index.
    OfPart(usize),
}

impl Piece {
    /// Its keys' places and its reply, once there is one.
    fn answered(&self) -> Option<(&[usize], &[u8])> {
        match &self.answer {
            Answer::Have(reply) => Some((&self.places, reply)),
            Answer::OfPart(_) => None,
        }
    }
}

/// Where a piece goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Here,
    There(NodeId),
}

impl Fanout {
    /// The whole request, for another node.
    pub(crate) fn whole(origin: Origin, to: &ViewNode, args: Args<'_>) -> Fanout {
        let args: Vec<&[u8]> = args.iter().collect();
        let part = origin.part(to.id, &args);
        let is_script = origin.command.gateway == command::Gateway::Script;
        let fanout = Fanout {
            parts: vec![part],
            barrier: false,
            delay: Duration::ZERO,
            holds: Vec::new(),
            plan: Plan::Whole,
            origin,
        };
        fanout.may_take_long(is_script)
    }

    /// The same with words that are no client's.
    pub(crate) fn whole_of(origin: Origin, to: &ViewNode, words: &[&[u8]]) -> Fanout {
        Fanout {
            parts: vec![origin.part(to.id, words)],
            barrier: false,
            delay: Duration::ZERO,
            holds: Vec::new(),
            plan: Plan::Whole,
            origin,
        }
    }

    /// Whether its parts may take as long as scripts do.
    pub(crate) fn may_take_long(mut self, may: bool) -> Fanout {
        if may {
            self.parts.iter_mut().for_each(|part| part.patience = scripts::PATIENCE);
        }
        self
    }

    /// What ran here waits for these.
    pub(crate) fn holding(self, holds: Vec<Hold>) -> Fanout {
        Fanout { holds, ..self }
    }

    /// Turns the parts' answers, in their order, into the client's reply, appended to `out`.
    pub fn finish(self, node: &Node, replies: Vec<Result<Vec<u8>, ForwardError>>, out: &mut Vec<u8>) -> Outcome {
        let origin = self.origin;
        let stats = node.stats().worker(origin.worker);
        let errors = replies.iter().filter(|reply| reply.is_err()).count() as u64;
        let mark = out.len();
        let mut holds = Vec::new();
        let result = match self.plan {
            Plan::Blocking(_) => match self.settle_blocking(node, replies, out, &mut holds) {
                Ok(blocking::Next::Wait(blocked)) => return Outcome::Wait(blocked),
                Ok(blocking::Next::Ask(fanout)) => Ok(Some(fanout)),
                Ok(blocking::Next::Done) => Ok(None),
                Err(error) => Err(error),
            },
            _ => self.settle(node, replies, out, &mut holds),
        };
        match result {
            Ok(Some(again)) => {
                stats.forwarded.add(again.parts.len() as u64);
                return Outcome::Again(again);
            }
            Ok(None) => {}
            Err(error) => {
                stats.forward_errors.add(errors);
                out.truncate(mark);
                if origin.database & PINNED != 0 && matches!(error, WireError::NotConfirmed { .. }) {
                    // Whoever works on a pinned database takes it for one server, and knows what to do when that goes; an error reply
                    // ends its work.
                    return Outcome::HangUp;
                }
                Reply::new(out, origin.version).error(&error);
            }
        }
        done(node, origin, mark, out, &mut holds)
    }

    /// The same for a client that may wait.
    fn settle_blocking(
        self,
        node: &Node,
        replies: Vec<Result<Vec<u8>, ForwardError>>,
        out: &mut Vec<u8>,
        holds: &mut Vec<Hold>,
    ) -> Result<blocking::Next, WireError> {
        let Fanout { parts, plan: Plan::Blocking(trying), origin, .. } = self else { return Err(WireError::Syntax) };
        let view = node.view();
        let asked = Asked { node, view: &view, parts: &parts, origin };
        let reply = replies.into_iter().next();
        trying.settle(node, origin, reply, |error| asked.explain(0, error), out, holds)
    }

    /// Writes the reply, or answers what must be asked again.
    fn settle(
        self,
        node: &Node,
        replies: Vec<Result<Vec<u8>, ForwardError>>,
        out: &mut Vec<u8>,
        holds: &mut Vec<Hold>,
    ) -> Result<Option<Fanout>, WireError> {
        let view = node.view();
        let Fanout { parts, plan, origin, holds: held, .. } = self;
        let asked = Asked { node, view: &view, parts: &parts, origin };
        *holds = held;
        match plan {
            Plan::Whole => asked.settle_whole(replies, out, holds),
            Plan::Split { merge, pieces } => asked.settle_split(merge, pieces, replies, out, holds),
            Plan::Everywhere { gather, here, unreached } => {
                let mut answers: Vec<Vec<u8>> = here.into_iter().collect();
                for (index, reply) in replies.into_iter().enumerate() {
                    answers.push(reply.map_err(|error| asked.explain(index, error))?);
                }
                merge::gathered(node, gather, &answers, origin.version, out)?;
                match unreached {
                    Some(name) => Err(WireError::ClusterDown {
                        reason: format!("node {name} is down: done on all other nodes, but not for its keys"),
                    }),
                    None => Ok(None),
                }
            }
            Plan::Cursor { tag } => {
                let reply = replies.into_iter().next().unwrap_or(Err(ForwardError::Unreachable));
                let reply = reply.map_err(|error| asked.explain(0, error))?;
                merge::scanned(&view, tag, &reply, origin.version, out).map(|()| None)
            }
            Plan::Copies(awaited) => Ok(awaited.settle(node, &view, origin, replies, out)),
            Plan::Strung(strung) => Ok(asked.settle_strung(strung, replies, out, holds)),
            Plan::Script(running) => asked.settle_script(running, out, holds),
            Plan::Search(search) => asked.settle_search(search, replies, out),
            Plan::Watched(ask) => ask.settle(replies, out).map(|()| None),
            Plan::Told(told) => told.settle(origin, replies, out).map(|()| None),
            Plan::Blocking(_) => Ok(None),
        }
    }
}

/// The reply to a client's request is written, from `mark` on: counts it, unless the client does not want it.
fn done(node: &Node, origin: Origin, mark: usize, out: &mut Vec<u8>, holds: &mut Vec<Hold>) -> Outcome {
    let stats = node.stats().worker(origin.worker);
    let failed = out.get(mark) == Some(&b'-');
    if failed {
        stats.record_error(&out[mark..]);
    }
    let counted = if failed { Counted::Failed } else { Counted::Answered };
    stats.record(usize::from(origin.command.id), node.now().saturating_sub(origin.started), counted, 1);
    if origin.is_silent {
        out.truncate(mark);
        holds.clear();
    }
    // One part of the reply may wait for this, another for that; it is one reply.
    holds.iter_mut().for_each(|hold| (hold.start, hold.end) = (mark, out.len()));
    stats.bytes_out.add((out.len() - mark) as u64);
    Outcome::Done(std::mem::take(holds))
}

impl Origin {
    fn part(&self, to: NodeId, args: &[&[u8]]) -> Part {
        let mut request = Vec::with_capacity(args.iter().map(|arg| arg.len() + 16).sum());
        encode_request(args, &mut request);
        Part { to, database: self.database, resp: self.version.number(), request, patience: Duration::ZERO }
    }

    /// Runs a piece on this node, which owns its keys.
    fn run_here(&self, node: &Node, view: &View, args: &[&[u8]], holds: &mut Vec<Hold>) -> Result<Vec<u8>, WireError> {
        let mut request = Vec::new();
        encode_request(args, &mut request);
        let mut reply = Vec::new();
        match serve(node, view, self.worker, self.database, self.version, &request, &mut reply, holds) {
            DataStatus::Answered => Ok(reply),
            DataStatus::NotOwner => Err(WireError::NotServing),
        }
    }
}

impl Fanout {
    /// A part asked again must not be overtaken by the same client's later requests for the same key.
    fn with_barrier(self, delay: Duration) -> Fanout {
        Fanout { barrier: true, delay, ..self }
    }
}

/// The arguments of a request this node encoded itself.
fn own_request<'a>(parser: &'a mut Parser, request: &'a [u8]) -> Args<'a> {
    let progress = parser.parse(request);
    assert!(matches!(progress, Ok(Progress::Request { .. })), "a request this node encoded is whole and valid");
    parser.args(request)
}

/// What an error says, without its code word.
fn brief(error: &WireError) -> String {
    let text = error.to_string();
    text.split_once(' ').map_or(text.clone(), |(_, rest)| rest.into())
}
