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

pub(crate) mod blocking;
pub(crate) mod copies;
mod merge;
pub(crate) mod scripts;
pub(crate) mod strung;
pub(crate) mod told;
pub(crate) mod watched;

use crate::Node;
use crate::batch::KeyPlace;
use crate::blocking::Blocked;
use crate::command::{self, Command, Context, Door, Gather, Merge};
use crate::memcached;
use crate::replication::guard;
use crate::replication::hold::Hold;
use crate::route::{self, Route};
use crate::script::job::Request;
use crate::session::ClientState;
use crate::stats::Outcome as Counted;
use crate::talk;
use crate::transaction;
use crate::view::{Owner, View, ViewNode};
use dcache_cluster::mutant::{Rule, is_broken};
use dcache_protocol::error::WireError;
use dcache_protocol::namespace::{DATABASES, PINNED};
use dcache_protocol::peer::{DataHeader, DataStatus};
use dcache_protocol::resp::parse::{Args, Limits, Parser, Progress};
use dcache_protocol::resp::reply::{Reply, Version};
use dcache_protocol::resp::value::encode_request;
use dcache_protocol::{Epoch, NodeId, slot_in};
use scripts::Turn;
use std::time::Duration;

/// How long a request that certainly did not run, or may run twice, is tried: longer than a failover takes.
pub const ASK_AGAIN_WITHIN: Duration = Duration::from_millis(4500);

/// Pause before it is tried again without news about who owns what.
const ASK_AGAIN_EVERY: Duration = Duration::from_millis(10);

/// Bits of a gateway cursor that are the node's own cursor.
const CURSOR_BITS: u32 = 40;

/// A request under way at other nodes.
#[derive(Debug)]
pub struct Fanout {
    /// What to send where. Never to this node itself: what is its own already ran. Leave them in place: a part that reached
    /// the wrong node is planned anew from its request.
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

/// A fan-out whose answers are being looked at.
struct Asked<'a> {
    node: &'a Node,
    view: &'a View,
    parts: &'a [Part],
    origin: Origin,
}

impl Asked<'_> {
    fn settle_whole(
        &self,
        replies: Vec<Result<Vec<u8>, ForwardError>>,
        out: &mut Vec<u8>,
        holds: &mut Vec<Hold>,
    ) -> Result<Option<Fanout>, WireError> {
        match replies.into_iter().next().unwrap_or(Err(ForwardError::Unreachable)) {
            // The other node does not act yet on what was agreed on before the client asked.
            Ok(reply) if self.knows_function(&reply) => self.ask_whole_again(out, holds),
            Ok(reply) => {
                if scripts::is_unknown(&reply)
                    && let Some(search) = self.search_for(self.script_request(), None)
                {
                    return Ok(Some(search));
                }
                out.extend_from_slice(&reply);
                Ok(None)
            }
            Err(error) if self.may_ask_again(0, error) => self.ask_whole_again(out, holds),
            Err(error) => Err(self.explain(0, error)),
        }
    }

    fn ask_whole_again(&self, out: &mut Vec<u8>, holds: &mut Vec<Hold>) -> Result<Option<Fanout>, WireError> {
        let request = &self.parts[0].request;
        let mut parser = Parser::new(Limits::default());
        let args = own_request(&mut parser, request);
        let origin = self.retried();
        let Origin { command, worker, database, version, .. } = origin;
        let among = (database, command.first_key(args).map(|key| slot_in(database, key)));
        match route::route(self.view, Door::Gateway, command, args, among, self.node.now())? {
            Route::There(to) => Ok(Some(Fanout::whole(origin, to, args).with_barrier(self.delay()))),
            _ => {
                // As part of the worker's batches, which a transaction waits for.
                let _turn = self.node.view_of_worker(worker);
                let header = DataHeader { id: 0, database, resp: version.number() };
                let has_entered = match scripts::turn_of(self.node, self.view, worker, header, request) {
                    Turn::Later(job) => return Ok(Some(Fanout::script(origin, job, None, true))),
                    Turn::NotOwner => return Err(WireError::NotServing),
                    Turn::Now(has_entered) => has_entered,
                };
                let status = serve(self.node, self.view, worker, database, version, request, out, holds);
                if has_entered {
                    self.node.scripts.queue.leave(worker);
                }
                match status {
                    DataStatus::Answered => Ok(None),
                    DataStatus::NotOwner => Err(WireError::NotServing),
                }
            }
        }
    }

    fn settle_split(
        &self,
        merge: Merge,
        pieces: Vec<Piece>,
        replies: Vec<Result<Vec<u8>, ForwardError>>,
        out: &mut Vec<u8>,
        holds: &mut Vec<Hold>,
    ) -> Result<Option<Fanout>, WireError> {
        let mut replies: Vec<Option<Result<Vec<u8>, ForwardError>>> = replies.into_iter().map(Some).collect();
        let held = std::mem::take(holds);
        let mut again = Split { origin: self.retried(), parts: Vec::new(), pieces: Vec::new(), holds: held };
        for piece in pieces {
            let index = match piece.answer {
                Answer::Have(reply) => {
                    again.pieces.push(Piece { places: piece.places, answer: Answer::Have(reply) });
                    continue;
                }
                Answer::OfPart(index) => index,
            };
            let reply = replies.get_mut(index).and_then(Option::take).unwrap_or(Err(ForwardError::Unreachable));
            match reply {
                Ok(reply) => again.pieces.push(Piece { places: piece.places, answer: Answer::Have(reply) }),
                Err(error) if self.may_ask_again(index, error) => {
                    let mut parser = Parser::new(Limits::default());
                    let args = own_request(&mut parser, &self.parts[index].request);
                    let Origin { worker, database, command, .. } = self.origin;
                    let _turn = self.node.view_of_worker(worker);
                    let slots = route::slots_of(command, args, database);
                    let Some(_within) = self.node.scripts.queue.enter_within(worker, &slots) else {
                        // Scripts are before it here, if it is here: in a moment.
                        again.parts.push(self.parts[index].clone());
                        let answer = Answer::OfPart(again.parts.len() - 1);
                        again.pieces.push(Piece { places: piece.places, answer });
                        continue;
                    };
                    again.add(self.node, self.view, args, &piece.places)?;
                }
                Err(error) => return Err(self.explain(index, error)),
            }
        }
        if again.parts.is_empty() {
            let pieces: Vec<(&[usize], &[u8])> = again.pieces.iter().filter_map(Piece::answered).collect();
            merge::merged(merge, &pieces, self.origin.version, out)?;
            *holds = again.holds;
            return Ok(None);
        }
        Ok(Some(again.into_fanout(merge).with_barrier(self.delay())))
    }

    /// The request of the one part, as a script's.
    fn script_request(&self) -> Request {
        Request {
            bytes: self.parts.first().map(|part| part.request.clone()).unwrap_or_default(),
            database: self.origin.database,
            version: self.origin.version,
            is_of_peer: false,
            is_one_slot: false,
            client: 0,
            no_touch: false,
            remote: String::new(),
        }
    }

    /// Whether a part without an answer can be planned anew.
    fn may_ask_again(&self, part: usize, error: ForwardError) -> bool {
        let Some(part) = self.parts.get(part).filter(|part| !part.request.is_empty()) else { return false };
        if self.node.now().saturating_sub(self.origin.started) >= ASK_AGAIN_WITHIN {
            return false;
        }
        match error {
            ForwardError::NotOwner => true,
            ForwardError::Unreachable => self.is_replicated(part),
            ForwardError::LinkLost | ForwardError::TimedOut => {
                let is_safe = !self.origin.command.is_write() || is_broken(Rule::WritesRunOnce);
                (is_safe || self.may_run_twice(part)) && self.is_replicated(part)
            }
            ForwardError::Overloaded => false,
        }
    }

    /// Whether a write says the same and is answered the same when it runs again, in namespaces that are only eventual: there
    /// an older value may come back for a moment anyway while a partition changes hands.
    fn may_run_twice(&self, part: &Part) -> bool {
        let mut parser = Parser::new(Limits::default());
        let args = own_request(&mut parser, &part.request);
        let is_eventual =
            |key: &[u8]| !self.node.replication().is_strong(self.view.namespace_of(self.origin.database, key));
        self.origin.command.is_absolute(args) && command::keys_of(self.origin.command, args).all(is_eventual)
    }

    /// Whether another node may take over what a part is about.
    fn is_replicated(&self, part: &Part) -> bool {
        let mut parser = Parser::new(Limits::default());
        let args = own_request(&mut parser, &part.request);
        let first = self.origin.command.first_key(args).map(|key| slot_in(self.origin.database, key));
        first.is_some_and(|slot| self.view.metadata.of_slot(slot).is_replicated())
    }

    /// News about who owns what are acted on at once.
    fn delay(&self) -> Duration {
        if self.view.epoch() == self.origin.epoch { ASK_AGAIN_EVERY } else { Duration::ZERO }
    }

    fn retried(&self) -> Origin {
        // It may be pinned by now, or not any more.
        let database = self.view.database(self.origin.database % DATABASES);
        Origin { database, epoch: self.view.epoch(), is_shared: self.is_shared(), ..self.origin }
    }

    fn is_shared(&self) -> bool {
        self.origin.is_shared || self.parts.len() > 1
    }

    fn explain(&self, part: usize, error: ForwardError) -> WireError {
        let id = self.parts.get(part).map(|part| part.to);
        let name = match id.and_then(|id| self.view.node(id)) {
            Some(node) => node.name.clone(),
            None => id.map_or_else(String::new, |id| id.to_string()),
        };
        let others = if self.is_shared() { "; other nodes may have run their share" } else { "" };
        match error {
            ForwardError::NotOwner => WireError::TryAgain {
                reason: format!("Hash slot is changing hands: node {name} did not run the request{others}"),
            },
            ForwardError::Overloaded => WireError::TryAgain {
                reason: format!("too many requests wait for node {name}: it did not run this one{others}"),
            },
            ForwardError::Unreachable => WireError::ClusterDown {
                reason: format!(
                    "Hash slot not served: node {name} cannot be reached and did not run the request{others}"
                ),
            },
            ForwardError::LinkLost if self.origin.command.is_write() => WireError::NotConfirmed {
                reason: format!("the link to node {name} broke before its answer came{others}"),
            },
            ForwardError::TimedOut if self.origin.command.is_write() => {
                WireError::NotConfirmed { reason: format!("node {name} did not answer in time{others}") }
            }
            ForwardError::LinkLost => WireError::ClusterDown {
                reason: format!("Hash slot not served: the link to node {name} broke, outcome unknown{others}"),
            },
            ForwardError::TimedOut => WireError::ClusterDown {
                reason: format!("Hash slot not served: node {name} did not answer in time, outcome unknown{others}"),
            },
        }
    }
}

impl Fanout {
    /// A part asked again must not be overtaken by the same client's later requests for the same key.
    fn with_barrier(self, delay: Duration) -> Fanout {
        Fanout { barrier: true, delay, ..self }
    }
}

/// Plans a request whose keys live on several nodes; this node's share runs at once.
pub(crate) fn split(
    node: &Node,
    view: &View,
    origin: Origin,
    merge: Merge,
    args: Args<'_>,
) -> Result<Fanout, WireError> {
    let keys = command::key_indexes(origin.command, args).count();
    if !(args.len() - 1).is_multiple_of(keys.max(1)) {
        return Err(command::wrong_arity(origin.command));
    }
    let mut split = Split { origin, parts: Vec::new(), pieces: Vec::new(), holds: Vec::new() };
    split.add(node, view, args, &(0..keys).collect::<Vec<usize>>())?;
    Ok(split.into_fanout(merge))
}

/// A split request while it is being planned.
struct Split {
    origin: Origin,
    parts: Vec<Part>,
    pieces: Vec<Piece>,
    holds: Vec<Hold>,
}

impl Split {
    /// Adds a request's keys, each in the piece of its owner. `places` are the keys' places in the client's request. Refused
    /// as a whole, before anything runs, when nobody serves one of them.
    fn add(&mut self, node: &Node, view: &View, args: Args<'_>, places: &[usize]) -> Result<(), WireError> {
        let width = (args.len() - 1) / places.len().max(1);
        let mut groups: Vec<(Target, Vec<usize>)> = Vec::new();
        for index in 0..places.len() {
            let key = args.get(1 + index * width).unwrap_or_default();
            let target = match view.owner(slot_in(self.origin.database, key)) {
                Owner::Me => Target::Here,
                Owner::Other(owner) => Target::There(owner.id),
                Owner::Down(owner) => return Err(route::down(owner)),
                Owner::Nobody => return Err(route::nobody()),
            };
            match groups.iter_mut().find(|(known, _)| *known == target) {
                Some((_, indexes)) => indexes.push(index),
                None => groups.push((target, vec![index])),
            }
        }
        for (target, indexes) in groups {
            let name = std::iter::once(args.get(0).unwrap_or_default());
            let of_key = |index: &usize| (1 + index * width..1 + (index + 1) * width).filter_map(|i| args.get(i));
            let request: Vec<&[u8]> = name.chain(indexes.iter().flat_map(of_key)).collect();
            let answer = match target {
                Target::Here => {
                    let is_first = self.pieces.iter().all(|piece| piece.answered().is_none());
                    match self.origin.run_here(node, view, &request, &mut self.holds) {
                        Ok(reply) => Answer::Have(reply),
                        Err(error) if is_first => return Err(error),
                        Err(error) => {
                            let reason = format!("{}; other nodes may have run their share", brief(&error));
                            return Err(WireError::TryAgain { reason });
                        }
                    }
                }
                Target::There(id) => {
                    self.parts.push(self.origin.part(id, &request));
                    Answer::OfPart(self.parts.len() - 1)
                }
            };
            self.pieces.push(Piece { places: indexes.iter().map(|&index| places[index]).collect(), answer });
        }
        Ok(())
    }

    fn into_fanout(self, merge: Merge) -> Fanout {
        let plan = Plan::Split { merge, pieces: self.pieces };
        Fanout {
            parts: self.parts,
            barrier: false,
            delay: Duration::ZERO,
            holds: self.holds,
            plan,
            origin: self.origin,
        }
    }
}

/// Plans a request that every node answers for its own keys. None: it is answered already, in `out`.
pub(crate) fn everywhere(
    node: &Node,
    view: &View,
    origin: Origin,
    gather: Gather,
    args: Args<'_>,
    out: &mut Vec<u8>,
) -> Result<Option<Fanout>, WireError> {
    if gather == Gather::Cursor {
        return scan(node, view, origin, args, out);
    }
    let owners = view.owners_by_tag();
    let is_down = |owner: &&&ViewNode| !owner.is_up && owner.id != view.me;
    let unreached = owners.iter().find(is_down).map(|owner| owner.name.clone());
    let unreached = match (gather, unreached) {
        (Gather::Sum | Gather::Concat, Some(name)) => {
            return Err(WireError::ClusterDown { reason: format!("node {name} is down: its keys cannot be told") });
        }
        (Gather::Any, _) => None,
        (_, unreached) => unreached,
    };
    let request: Vec<&[u8]> = args.iter().collect();
    let owns_slots = owners.iter().any(|owner| owner.id == view.me);
    let mut holds = Vec::new();
    let here = if owns_slots { Some(origin.run_here(node, view, &request, &mut holds)?) } else { None };
    let others = owners.iter().filter(|owner| owner.id != view.me && owner.is_up);
    let parts = others.map(|owner| origin.part(owner.id, &request)).collect();
    let fanout = Fanout {
        parts,
        barrier: false,
        delay: Duration::ZERO,
        holds,
        plan: Plan::Everywhere { gather, here, unreached },
        origin,
    };
    if fanout.parts.is_empty() && fanout.holds.is_empty() {
        return fanout.settle(node, Vec::new(), out, &mut Vec::new());
    }
    Ok(Some(fanout))
}

/// `SCAN` of the whole cluster: the cursor says on which node to go on.
fn scan(
    node: &Node,
    view: &View,
    origin: Origin,
    args: Args<'_>,
    out: &mut Vec<u8>,
) -> Result<Option<Fanout>, WireError> {
    let cursor = std::str::from_utf8(args.get(1).unwrap_or_default()).ok().and_then(|text| text.parse::<u64>().ok());
    let cursor = cursor.ok_or(WireError::InvalidCursor)?;
    let (tag, own_cursor) = (cursor >> CURSOR_BITS, cursor & ((1 << CURSOR_BITS) - 1));
    let owners = view.owners_by_tag();
    // A node that has left the cluster took its tag along: what it had is with the others, so go on with the next.
    let Some(owner) = owners.iter().find(|owner| u64::from(owner.tag) >= tag) else {
        merge::write_page(0, &merge::empty_array(), origin.version, out);
        return Ok(None);
    };
    if !owner.is_up && owner.id != view.me {
        let next = next_cursor(&owners, owner.tag);
        let advice = match next {
            0 => "all other nodes are scanned".to_string(),
            next => format!("go on at cursor {next} to leave them out"),
        };
        return Err(WireError::ClusterDown {
            reason: format!("node {} is down: its keys cannot be scanned; {advice}", owner.name),
        });
    }
    let own_cursor = if u64::from(owner.tag) == tag { own_cursor } else { 0 }.to_string();
    let mut request: Vec<&[u8]> = args.iter().collect();
    request[1] = own_cursor.as_bytes();
    if owner.id == view.me {
        let reply = origin.run_here(node, view, &request, &mut Vec::new())?;
        merge::scanned(view, owner.tag, &reply, origin.version, out)?;
        return Ok(None);
    }
    let parts = vec![origin.part(owner.id, &request)];
    Ok(Some(Fanout {
        parts,
        barrier: false,
        delay: Duration::ZERO,
        holds: Vec::new(),
        plan: Plan::Cursor { tag: owner.tag },
        origin,
    }))
}

/// Where a cluster-wide scan goes on after a node is through; 0 at the end.
fn next_cursor(owners: &[&ViewNode], tag: u16) -> u64 {
    owners.iter().find(|owner| owner.tag > tag).map_or(0, |owner| u64::from(owner.tag) << CURSOR_BITS)
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

/// Runs one forwarded request, or a piece that stays here, and appends its reply and what that waits for. Nothing runs unless
/// all its keys are ours.
#[allow(clippy::too_many_arguments)]
pub(crate) fn serve(
    node: &Node,
    view: &View,
    worker: usize,
    database: u16,
    version: Version,
    request: &[u8],
    out: &mut Vec<u8>,
    holds: &mut Vec<Hold>,
) -> DataStatus {
    if view.database(database % DATABASES) != database {
        // Pinned, or not any more, as one of the two nodes has not heard yet.
        return DataStatus::NotOwner;
    }
    let mut parser = node.spare_parser(worker).lock();
    let mut state = ClientState::of_peer(database, version);
    let mark = out.len();
    let result = match parser.parse(request) {
        Ok(Progress::Request { consumed }) if consumed == request.len() => {
            let args = parser.args(request);
            match command::resolve(args) {
                _ if args.get(0) == Some(copies::QUESTION) => copies::answer(node, version, args, out),
                _ if args.get(0) == Some(scripts::QUESTION) => scripts::answer(node, version, args, out),
                _ if args.get(0) == Some(watched::QUESTION) => match watched::answer(node, view, database, args) {
                    Some(number) => {
                        Reply::new(out, version).simple(&number);
                        Ok(())
                    }
                    None => return DataStatus::NotOwner,
                },
                _ if args.get(0) == Some(transaction::WORD) => {
                    let requests: Vec<Vec<u8>> = args.iter().map(<[u8]>::to_vec).collect();
                    drop(parser);
                    return serve_transaction(node, view, worker, &requests, &mut state, out, holds);
                }
                _ if args.get(0) == Some(talk::WORD) => node.hear(version, args, out),
                _ if args.get(0) == Some(blocking::WORD) => {
                    blocking::hear(node, view, worker, database, version, args, out, holds)
                }
                _ if args.get(0) == Some(memcached::WORD) && args.len() >= 3 => {
                    let command = memcached::row_of(&args[2], args.iter().skip(3));
                    if !route::is_all_mine(view, command, args, database) {
                        return DataStatus::NotOwner;
                    }
                    run_served(node, view, worker, command, args, &mut state, out, holds)
                }
                Ok(command) if !route::is_all_mine(view, command, args, database) => return DataStatus::NotOwner,
                Ok(command) => {
                    let ran = run_served(node, view, worker, command, args, &mut state, out, holds);
                    node.after_write(view, worker, command, args);
                    ran
                }
                Err(error) => Err(error),
            }
        }
        unusable => {
            *parser = Parser::new(Limits::default());
            Err(WireError::Other(match unusable {
                Ok(_) => "ERR Protocol error: a forwarded frame holds exactly one request".into(),
                Err(error) => format!("ERR {error}"),
            }))
        }
    };
    match result {
        Ok(()) => {}
        Err(WireError::NotServing | WireError::NoLease) => {
            out.truncate(mark);
            return DataStatus::NotOwner;
        }
        Err(error) => {
            out.truncate(mark);
            Reply::new(out, version).error(&error);
        }
    }
    DataStatus::Answered
}

/// Runs a whole transaction of another node's client: all of it, or nothing when not all its keys are ours or another one runs.
fn serve_transaction(
    node: &Node,
    view: &View,
    worker: usize,
    words: &[Vec<u8>],
    state: &mut ClientState,
    out: &mut Vec<u8>,
    holds: &mut Vec<Hold>,
) -> DataStatus {
    let count = words.get(2).and_then(|word| memcached::number_of(word)).unwrap_or(0);
    let count = usize::try_from(count).unwrap_or(usize::MAX).min(words.len() / 2);
    let (watched, requests) = words.get(3..).unwrap_or_default().split_at_checked(count * 2).unwrap_or_default();
    let is_mine = |request: &Vec<u8>| {
        transaction::with_request(request, |command, args| route::is_all_mine(view, command, args, state.database))
            .unwrap_or(true)
    };
    let database = state.database;
    let is_watched_mine = watched.chunks(2).all(|pair| view.is_mine(slot_in(database, &pair[0])));
    if !is_watched_mine || !requests.iter().all(is_mine) {
        return DataStatus::NotOwner;
    }
    let Some(_alone) = node.alone(worker) else { return DataStatus::NotOwner };
    let mut reply = Reply::new(out, state.version);
    let watched = watched.chunks(2).map(|pair| (&pair[0][..], memcached::number_of(&pair[1]).unwrap_or(0)));
    if !transaction::is_unchanged(node, state.database, watched) {
        reply.null_array();
        return DataStatus::Answered;
    }
    let begin = out.len();
    Reply::new(out, state.version).array(requests.len());
    for (index, request) in requests.iter().enumerate() {
        let mark = out.len();
        let ran = transaction::with_request(request, |command, args| {
            run_served(node, view, worker, command, args, state, out, holds)
        });
        match ran.unwrap_or_else(|| Err(WireError::Other("ERR a request of the transaction is not known here".into())))
        {
            Ok(()) => {}
            Err(WireError::NotServing | WireError::NoLease) if index == 0 => {
                out.truncate(begin);
                return DataStatus::NotOwner;
            }
            Err(error) => {
                out.truncate(mark);
                Reply::new(out, state.version).error(&error);
            }
        }
    }
    node.after_writes(view, worker, requests);
    DataStatus::Answered
}

/// Runs one request of a client that is not here, or not heard now.
#[allow(clippy::too_many_arguments)]
pub(crate) fn run_served(
    node: &Node,
    view: &View,
    worker: usize,
    command: &'static Command,
    args: Args<'_>,
    state: &mut ClientState,
    out: &mut Vec<u8>,
    holds: &mut Vec<Hold>,
) -> Result<(), WireError> {
    use command::Gateway::{Agreed, Copies, Local, Told};
    if matches!(command.gateway, Local | Copies | Told | Agreed) {
        let text = format!("ERR '{}' is answered by the node it is sent to and is never forwarded", command.name);
        return Err(WireError::Other(text));
    }
    let (database, version) = (state.database, state.version);
    let first_key = command.first_key(args).map(|key| (key, KeyPlace::new(node, database, key)));
    if let Some((_, place)) = &first_key {
        node.stats().worker(worker).record_partition(view.partition_of(place.slot).index());
    }
    let place = first_key.as_ref().map(|(_, place)| *place);
    let guarded = guard::Request { node, view, now: node.now(), command, args, database, place };
    let begun = if view.has_copies() { Some(guarded.begin()?) } else { None };
    let mark = out.len();
    let mut context = Context {
        node,
        view,
        client: state,
        door: Door::Peer,
        database,
        now_ms: node.unix_ms(),
        args,
        first_key: first_key.as_ref().map(|(key, place)| (*key, place)),
        reply: Reply::new(out, version),
    };
    let result = (command.run)(&mut context);
    if node.events.are_watched() {
        node.after_command(command, args);
    }
    match begun {
        None => result,
        Some(begun) => guarded.end(&begun, result, mark..out.len(), holds),
    }
}

#[cfg(test)]
pub(crate) mod tests;
