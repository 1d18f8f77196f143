//! A client that waits for keys of other nodes: they are tried one after the other, in the order of the client's keys, and each that
//! has nothing keeps the client's place. What becomes of places is in [`crate::blocking`].
//!
//! ```text
//! BLPOP a b c 0 ─► n2: a, else keep my place ─ nothing ─► here: b, the same ─ nothing ─► n3: c ─ nothing ─► the client waits
//!    a node says that it is the client's turn, slots have other owners, or one could not be asked ─► all of it again
//! ```
//!
//! A request never stays on a link: each is answered at once. So what is taken is always for a client that was there a round trip
//! before. Over several nodes the keys are not looked at in one moment: the first in the client's order that has something when it is
//! asked wins.

use super::{ASK_AGAIN_EVERY, ASK_AGAIN_WITHIN, Fanout, ForwardError, Origin, Outcome, Part, Plan};
use crate::Node;
use crate::blocking::{Asker, Blocked, End, Waited};
use crate::command::{self, Command, Door, Find, Flags, key_indexes};
use crate::number::parse_integer;
use crate::replication::hold::Hold;
use crate::route;
use crate::session::ClientState;
use crate::transaction::with_request;
use crate::view::{Owner, View};
use dcache_protocol::error::WireError;
use dcache_protocol::resp::parse::Args;
use dcache_protocol::resp::reply::{Reply, Version};
use dcache_protocol::resp::value::encode_request;
use dcache_protocol::{NodeId, slot_in};
use std::collections::VecDeque;
use std::time::Duration;

/// What nodes begin such requests with; no client can. Behind it: the gateway, its process, the client's number, or 0 for one that
/// does not wait, and the request.
pub(crate) const WORD: &[u8] = b"dcache.block";

/// What a node begins its answer with that has nothing. Behind it: for how many milliseconds the client wants to wait, -1 for ever;
/// on a further line, if there is any, what to ask from now on.
const NOTHING: &[u8] = b"+dcache.waits ";

/// Pieces in the order of the keys; with more of them, each node is asked once for all its keys.
const PIECES_MAX: usize = 64;

/// When somebody could not be asked for a client that waits.
const RETRY_AFTER: Duration = Duration::from_millis(200);

/// A request whose nodes are being asked.
#[derive(Debug)]
pub(super) struct Trying {
    /// None for a client that must not wait.
    blocked: Option<Blocked>,
    request: Vec<u8>,
    /// Not answered yet; the first is the one under way.
    pieces: VecDeque<Piece>,
}

#[derive(Debug)]
struct Piece {
    /// None: here.
    owner: Option<NodeId>,
    request: Vec<u8>,
}

/// What comes next.
#[derive(Debug)]
pub(crate) enum Next {
    Ask(Fanout),
    Wait(Blocked),
    Done,
}

/// Plans a client's request whose keys, or some of them, are elsewhere, and runs what is here until somebody else is to be asked.
pub(crate) fn begin(
    node: &Node,
    view: &View,
    origin: Origin,
    blocked: Option<Blocked>,
    args: Args<'_>,
    out: &mut Vec<u8>,
    holds: &mut Vec<Hold>,
) -> Result<Next, WireError> {
    let words: Vec<&[u8]> = args.iter().collect();
    let mut request = Vec::new();
    encode_request(&words, &mut request);
    let pieces = pieces_of(view, origin.database, origin.command, args)?;
    Trying { blocked, request, pieces }.go_on(node, view, origin, out, holds)
}

/// Asks again for a client that waits.
pub(crate) fn resume(node: &Node, blocked: Blocked) -> Waited {
    let origin = Origin { started: node.now(), ..blocked.origin };
    // As part of the worker's batches, which a transaction waits for.
    let view = node.view_of_worker(origin.worker);
    let request = blocked.request();
    let planned = with_request(&request, |command, args| {
        let routed = match blocked.door() {
            Door::Cluster => {
                let first = command.first_key(args).map(|key| slot_in(origin.database, key));
                route::route(&view, Door::Cluster, command, args, (origin.database, first), origin.started).map(|_| ())
            }
            _ => Ok(()),
        };
        routed.and_then(|()| pieces_of(&view, origin.database, command, args))
    });
    let (mut out, mut holds) = (Vec::new(), Vec::new());
    let pieces = match planned.unwrap_or(Err(WireError::Syntax)) {
        Ok(pieces) => pieces,
        Err(WireError::ClusterDown { .. }) if blocked.door() != Door::Cluster => {
            return Waited::Still(later(node, blocked));
        }
        Err(error) => return blocked.over(node, End::Failed(error)),
    };
    let trying = Trying { blocked: Some(blocked), request: request.to_vec(), pieces };
    match trying.go_on(node, &view, origin, &mut out, &mut holds) {
        Ok(Next::Ask(fanout)) => Waited::Ask(fanout),
        Ok(Next::Wait(blocked)) => Waited::Still(blocked),
        Ok(Next::Done) => finished(node, origin, out, holds),
        Err(error) => {
            Reply::new(&mut out, origin.version).error(&error);
            finished(node, origin, out, Vec::new())
        }
    }
}

fn finished(node: &Node, origin: Origin, mut out: Vec<u8>, mut holds: Vec<Hold>) -> Waited {
    match super::done(node, origin, 0, &mut out, &mut holds) {
        Outcome::Done(holds) => Waited::Done(out, holds),
        Outcome::Again(_) | Outcome::Wait(_) => Waited::Done(out, Vec::new()),
    }
}

/// The client waits, and somebody is to be asked again soon.
fn later(node: &Node, mut blocked: Blocked) -> Blocked {
    blocked.retry_at = Some(node.now() + RETRY_AFTER);
    blocked.rest();
    blocked
}

/// A request in pieces by whose keys are in it, in the order of the keys.
fn pieces_of(
    view: &View,
    database: u16,
    command: &'static Command,
    args: Args<'_>,
) -> Result<VecDeque<Piece>, WireError> {
    let mut groups: Vec<(Option<NodeId>, Vec<usize>)> = Vec::new();
    for index in key_indexes(command, args) {
        let owner = match view.owner(slot_in(database, args.get(index).unwrap_or_default())) {
            Owner::Me => None,
            Owner::Other(owner) => Some(owner.id),
            Owner::Down(owner) => return Err(route::down(owner)),
            Owner::Nobody => return Err(route::nobody()),
        };
        let place = match groups.len() < PIECES_MAX {
            true => groups.last_mut().filter(|last| last.0 == owner),
            false => groups.iter_mut().find(|known| known.0 == owner),
        };
        match place {
            Some((_, indexes)) => indexes.push(index),
            None => groups.push((owner, vec![index])),
        }
    }
    let is_whole = groups.len() == 1;
    let piece = |(owner, indexes): (Option<NodeId>, Vec<usize>)| {
        let words = if is_whole { args.iter().map(<[u8]>::to_vec).collect() } else { part_of(command, args, &indexes) };
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        let mut request = Vec::new();
        encode_request(&words, &mut request);
        Piece { owner, request }
    };
    Ok(groups.into_iter().map(piece).collect())
}

/// The same request of some of its keys alone.
fn part_of(command: &'static Command, args: Args<'_>, indexes: &[usize]) -> Vec<Vec<u8>> {
    let counted = command.keys.iter().find(|spec| spec.find == Find::Count).map(|spec| usize::from(spec.first));
    let keys: Vec<usize> = key_indexes(command, args).collect();
    let word = |(index, word): (usize, &[u8])| match index {
        index if Some(index) == counted => Some(indexes.len().to_string().into_bytes()),
        index if keys.contains(&index) && !indexes.contains(&index) => None,
        _ => Some(word.to_vec()),
    };
    args.iter().enumerate().filter_map(word).collect()
}

impl Trying {
    fn go_on(
        mut self,
        node: &Node,
        view: &View,
        origin: Origin,
        out: &mut Vec<u8>,
        holds: &mut Vec<Hold>,
    ) -> Result<Next, WireError> {
        loop {
            let Some(piece) = self.pieces.front() else { return Ok(self.nothing(origin, out)) };
            let asker = self.asker(node);
            if let Some(owner) = piece.owner {
                let part = Part {
                    to: owner,
                    database: origin.database,
                    resp: origin.version.number(),
                    request: asked(asker, &piece.request),
                    patience: Duration::ZERO,
                };
                return Ok(Next::Ask(Fanout {
                    parts: vec![part],
                    barrier: true,
                    delay: Duration::ZERO,
                    holds: Vec::new(),
                    plan: Plan::Blocking(Box::new(self)),
                    origin,
                }));
            }
            let mark = out.len();
            let ran = with_request(&piece.request, |command, args| {
                try_or_wait(
                    node,
                    view,
                    origin.worker,
                    origin.database,
                    origin.version,
                    asker,
                    (command, args),
                    out,
                    holds,
                )
            });
            match ran.unwrap_or(Err(WireError::Syntax)) {
                Ok(()) => {}
                Err(why @ (WireError::NotServing | WireError::NoLease)) => {
                    out.truncate(mark);
                    return self.not_now(node, origin, why);
                }
                Err(error) => return Err(error),
            }
            if !out[mark..].starts_with(NOTHING) {
                return Ok(Next::Done);
            }
            let answer = out.split_off(mark);
            self.note_nothing(node, None, &answer);
        }
    }

    fn asker(&self, node: &Node) -> Asker {
        let config = node.config();
        Asker {
            node: config.id,
            incarnation: config.incarnation,
            token: self.blocked.as_ref().map_or(0, Blocked::token),
        }
    }

    /// Somebody has nothing.
    fn note_nothing(&mut self, node: &Node, at: Option<NodeId>, answer: &[u8]) {
        self.pieces.pop_front();
        let Some(blocked) = &mut self.blocked else { return };
        blocked.is_known_at(at.unwrap_or(node.config().id));
        let line = answer.get(NOTHING.len()..).unwrap_or_default();
        let end = line.iter().position(|byte| *byte == b'\r').unwrap_or(line.len());
        if let Some(rewritten) = line.get(end + 2..).filter(|rest| !rest.is_empty()) {
            blocked.rewrite(rewritten.to_vec());
        }
        if !blocked.has_waited {
            let ms = parse_integer(&line[..end]).and_then(|ms| u64::try_from(ms).ok());
            // From when that is heard: not before its time is over there.
            blocked.until = ms.and_then(|ms| node.now().checked_add(Duration::from_millis(ms)));
        }
    }

    /// All were asked, and none has anything.
    fn nothing(self, origin: Origin, out: &mut Vec<u8>) -> Next {
        match self.blocked {
            None => {
                Reply::new(out, origin.version).null_array();
                Next::Done
            }
            Some(mut blocked) => {
                blocked.has_waited = true;
                blocked.rest();
                Next::Wait(blocked)
            }
        }
    }

    /// A node could not be asked, and certainly has run nothing.
    fn not_now(self, node: &Node, origin: Origin, why: WireError) -> Result<Next, WireError> {
        match self.blocked {
            Some(blocked) if blocked.has_waited => Ok(Next::Wait(later(node, blocked))),
            blocked => {
                if node.now().saturating_sub(origin.started) >= ASK_AGAIN_WITHIN {
                    return Err(why);
                }
                // Planned anew in a moment: a fan-out of nothing, which is settled then.
                let trying = Trying { blocked, request: self.request, pieces: VecDeque::new() };
                Ok(Next::Ask(Fanout {
                    parts: Vec::new(),
                    barrier: true,
                    delay: ASK_AGAIN_EVERY,
                    holds: Vec::new(),
                    plan: Plan::Blocking(Box::new(trying)),
                    origin,
                }))
            }
        }
    }

    /// Goes on with the answer of the piece under way. `explain` says what a failure means to a client.
    pub fn settle(
        mut self,
        node: &Node,
        origin: Origin,
        reply: Option<Result<Vec<u8>, ForwardError>>,
        explain: impl Fn(ForwardError) -> WireError,
        out: &mut Vec<u8>,
        holds: &mut Vec<Hold>,
    ) -> Result<Next, WireError> {
        let view = node.view_of_worker(origin.worker);
        let owner = self.pieces.front().and_then(|piece| piece.owner);
        match reply {
            // It was to be planned anew.
            None => {
                let request = std::mem::take(&mut self.request);
                let pieces = with_request(&request, |command, args| pieces_of(&view, origin.database, command, args));
                self.pieces = pieces.unwrap_or(Err(WireError::Syntax))?;
                self.request = request;
            }
            Some(Ok(reply)) if reply.starts_with(NOTHING) => self.note_nothing(node, owner, &reply),
            Some(Ok(reply)) => {
                if let (Some(blocked), Some(owner)) = (&self.blocked, owner) {
                    blocked.is_unknown_at(owner);
                }
                out.extend_from_slice(&reply);
                return Ok(Next::Done);
            }
            Some(Err(error @ (ForwardError::LinkLost | ForwardError::TimedOut))) if origin.command.is_write() => {
                let Some(blocked) = &self.blocked else { return Err(explain(error)) };
                // As when a server goes while its client waits. Whoever waits in a loop takes an error reply for a mistake of its own,
                // and a lost connection for what this is.
                blocked.hang_up();
                return Ok(Next::Done);
            }
            Some(Err(error)) => return self.not_now(node, origin, explain(error)),
        }
        self.go_on(node, &view, origin, out, holds)
    }
}

/// The request of a piece, as another node takes it.
fn asked(asker: Asker, request: &[u8]) -> Vec<u8> {
    let numbers = [asker.node.to_string(), asker.incarnation.to_string(), asker.token.to_string()];
    let mut bytes = Vec::with_capacity(request.len() + 128);
    with_request(request, |_, args| {
        let words: Vec<&[u8]> =
            std::iter::once(WORD).chain(numbers.iter().map(String::as_bytes)).chain(args.iter()).collect();
        encode_request(&words, &mut bytes);
    });
    bytes
}

/// Another node's request that begins with [`WORD`].
#[allow(clippy::too_many_arguments)]
pub(super) fn hear(
    node: &Node,
    view: &View,
    worker: usize,
    database: u16,
    version: Version,
    args: Args<'_>,
    out: &mut Vec<u8>,
    holds: &mut Vec<Hold>,
) -> Result<(), WireError> {
    let malformed = || WireError::Other("ERR malformed request of a node".into());
    let text = |index: usize| std::str::from_utf8(args.get(index).unwrap_or_default()).unwrap_or_default();
    let asker = Asker {
        node: text(1).parse().map_err(|_| malformed())?,
        incarnation: text(2).parse().map_err(|_| malformed())?,
        token: text(3).parse().map_err(|_| malformed())?,
    };
    let args = args.from(4);
    let command = command::resolve(args)?;
    if !command.flags.has(Flags::BLOCKING) || command.keys.is_empty() {
        return Err(malformed());
    }
    if !route::is_all_mine(view, command, args, database) {
        return Err(WireError::NotServing);
    }
    try_or_wait(node, view, worker, database, version, asker, (command, args), out, holds)
}

/// Runs a request here; when there is nothing, its client's place is kept.
#[allow(clippy::too_many_arguments)]
fn try_or_wait(
    node: &Node,
    view: &View,
    worker: usize,
    database: u16,
    version: Version,
    asker: Asker,
    (command, args): (&'static Command, Args<'_>),
    out: &mut Vec<u8>,
    holds: &mut Vec<Hold>,
) -> Result<(), WireError> {
    let slots: Vec<u16> = command::keys_of(command, args).map(|key| slot_in(database, key).number()).collect();
    let Some(_turn) = node.scripts.queue.enter_within(worker, &slots) else { return Err(WireError::NotServing) };
    let mut state = ClientState::of_peer(database, version);
    let mark = out.len();
    let ran = super::run_served(node, view, worker, command, args, &mut state, out, holds);
    let wish = match ran {
        Err(why @ (WireError::NotServing | WireError::NoLease)) => return Err(why),
        Err(error) => {
            node.blocking.withdraw(asker.node, asker.token);
            return Err(error);
        }
        Ok(()) => state.wish.take(),
    };
    let Some(wish) = wish else {
        node.blocking.withdraw(asker.node, asker.token);
        node.after_write(view, worker, command, args);
        return Ok(());
    };
    out.truncate(mark);
    let now = node.now();
    // Rounded up: nobody's time is over before it is.
    let ms = wish.until.map(|until| until.saturating_sub(now).as_nanos().div_ceil(1_000_000));
    match ms {
        None => out.extend_from_slice(&[NOTHING, b"-1\r\n"].concat()),
        Some(ms) => out.extend_from_slice(&[NOTHING, ms.to_string().as_bytes(), b"\r\n"].concat()),
    }
    out.extend_from_slice(wish.request.as_deref().unwrap_or_default());
    if asker.token != 0 {
        node.blocking.register(asker, database, &wish, now)?;
        // What came in between nobody has told it.
        node.serve_waiters(view, worker, wish.keys.into_iter().map(|key| (database, key)).collect());
    }
    Ok(())
}

#[cfg(test)]
mod tests;
