//! One memcached command: its keys' answers one behind the other, wherever the keys are, and its last line.

use super::{ASK_AGAIN_EVERY, ASK_AGAIN_WITHIN, Asked, Fanout, ForwardError, Origin, Plan, own_request};
use crate::Node;
use crate::memcached;
use crate::replication::hold::Hold;
use crate::route;
use crate::view::{Owner, View};
use dcache_protocol::error::WireError;
use dcache_protocol::resp::parse::{Limits, Parser};
use dcache_protocol::slot_of;
use std::time::Duration;

/// Answers in the order of the keys.
#[derive(Debug)]
pub(crate) struct Strung {
    pieces: Vec<Piece>,
    tail: &'static str,
}

#[derive(Debug)]
enum Piece {
    Have(Vec<u8>),
    /// That of the part with this index.
    OfPart(usize),
}

impl Fanout {
    /// Runs what is this node's of these requests, each about the key behind its first word, and plans the others. When nothing is left
    /// to ask or to wait for, the answers are in `out`.
    pub(crate) fn strung(
        node: &Node,
        view: &View,
        origin: Origin,
        requests: &[Vec<&[u8]>],
        tail: &'static str,
        out: &mut Vec<u8>,
    ) -> Result<Option<Fanout>, WireError> {
        let mut fanout = Fanout {
            parts: Vec::new(),
            barrier: false,
            delay: Duration::ZERO,
            holds: Vec::new(),
            plan: Plan::Whole,
            origin,
        };
        let mut pieces = Vec::new();
        // Nothing runs of what cannot run as a whole.
        for request in requests {
            match view.owner(slot_of(request[1])) {
                Owner::Me | Owner::Other(_) => {}
                Owner::Down(owner) => return Err(route::down(owner)),
                Owner::Nobody => return Err(route::nobody()),
            }
        }
        for request in requests {
            pieces.push(fanout.place(node, view, request)?);
        }
        if fanout.parts.is_empty() && fanout.holds.is_empty() {
            pieces.iter().for_each(|piece| out.extend_from_slice(piece.bytes()));
            out.extend_from_slice(tail.as_bytes());
            return Ok(None);
        }
        Ok(Some(Fanout { plan: Plan::Strung(Strung { pieces, tail }), ..fanout }))
    }

    /// The same request for every other node that serves slots, and for this one.
    pub(crate) fn on_all(
        node: &Node,
        view: &View,
        origin: Origin,
        request: &[&[u8]],
        tail: &'static str,
    ) -> Result<Fanout, WireError> {
        let mut holds = Vec::new();
        let owners = view.owners_by_tag();
        if let Some(down) = owners.iter().find(|owner| !owner.is_up && owner.id != view.me) {
            return Err(route::down(down));
        }
        if owners.iter().any(|owner| owner.id == view.me) {
            let reply = origin.run_here(node, view, request, &mut holds)?;
            if !reply.starts_with(b"+") {
                return Err(WireError::Other(
                    String::from_utf8_lossy(&reply).trim_start_matches('-').trim_end().into(),
                ));
            }
        }
        let others = owners.iter().filter(|owner| owner.id != view.me);
        let parts: Vec<_> = others.map(|owner| origin.part(owner.id, request)).collect();
        let plan = Plan::Strung(Strung { pieces: Vec::new(), tail });
        Ok(Fanout { parts, barrier: true, delay: Duration::ZERO, holds, plan, origin })
    }

    /// Whether what ran here waits for other copies.
    pub(crate) fn is_held(&self) -> bool {
        !self.holds.is_empty()
    }

    fn place(&mut self, node: &Node, view: &View, request: &[&[u8]]) -> Result<Piece, WireError> {
        match view.owner(slot_of(request[1])) {
            Owner::Me => {
                let is_first = self.parts.is_empty() && self.holds.is_empty();
                match self.origin.run_here(node, view, request, &mut self.holds) {
                    Ok(reply) => Ok(Piece::Have(reply)),
                    Err(error) if is_first => Err(error),
                    Err(WireError::NotServing | WireError::NoLease) => {
                        (self.barrier, self.delay) = (true, ASK_AGAIN_EVERY);
                        self.parts.push(self.origin.part(view.me, request));
                        Ok(Piece::OfPart(self.parts.len() - 1))
                    }
                    Err(error) => Ok(Piece::Have(memcached::error_line(&error).into_bytes())),
                }
            }
            Owner::Other(owner) => {
                self.parts.push(self.origin.part(owner.id, request));
                Ok(Piece::OfPart(self.parts.len() - 1))
            }
            Owner::Down(owner) => Err(route::down(owner)),
            Owner::Nobody => Err(route::nobody()),
        }
    }
}

impl Piece {
    fn bytes(&self) -> &[u8] {
        match self {
            Piece::Have(bytes) => bytes,
            Piece::OfPart(_) => b"",
        }
    }
}

impl Asked<'_> {
    /// An error is one line in place of the whole answer.
    pub(super) fn settle_strung(
        &self,
        strung: Strung,
        replies: Vec<Result<Vec<u8>, ForwardError>>,
        out: &mut Vec<u8>,
        holds: &mut Vec<Hold>,
    ) -> Option<Fanout> {
        let Strung { pieces, tail } = strung;
        let mut again = Fanout {
            parts: Vec::new(),
            barrier: true,
            delay: ASK_AGAIN_EVERY,
            holds: std::mem::take(holds),
            plan: Plan::Whole,
            origin: self.retried(),
        };
        let may_wait = self.node.now().saturating_sub(self.origin.started) < ASK_AGAIN_WITHIN;
        if pieces.is_empty() {
            // The same on all nodes.
            let failed = replies.iter().position(|reply| !reply.as_ref().is_ok_and(|reply| reply.starts_with(b"+")));
            match failed {
                None => out.extend_from_slice(tail.as_bytes()),
                Some(_) => out.extend_from_slice(b"SERVER_ERROR not all nodes did it\r\n"),
            }
            *holds = again.holds;
            return None;
        }
        let mut replies: Vec<_> = replies.into_iter().map(Some).collect();
        let mut answers = Vec::new();
        let mut failure = None;
        for piece in pieces {
            let index = match piece {
                Piece::Have(_) => {
                    answers.push(piece);
                    continue;
                }
                Piece::OfPart(index) => index,
            };
            match replies.get_mut(index).and_then(Option::take).unwrap_or(Err(ForwardError::Unreachable)) {
                // What waited for other copies in vain is said in Redis's words.
                Ok(reply) if reply.starts_with(b"-") => {
                    let text = String::from_utf8_lossy(&reply[1..]).trim_end().to_string();
                    answers.push(Piece::Have(memcached::error_line(&WireError::Other(text)).into_bytes()));
                }
                Ok(reply) => answers.push(Piece::Have(reply)),
                Err(ForwardError::NotOwner) if may_wait => {
                    let mut parser = Parser::new(Limits::default());
                    let args: Vec<&[u8]> = own_request(&mut parser, &self.parts[index].request).iter().collect();
                    let _turn = self.node.view_of_worker(self.origin.worker);
                    let slot = slot_of(args[1]).number();
                    let Some(_within) = self.node.scripts.queue.enter_within(self.origin.worker, &[slot]) else {
                        // Scripts are before it here, if it is here.
                        again.parts.push(self.in_a_moment(index));
                        answers.push(Piece::OfPart(again.parts.len() - 1));
                        continue;
                    };
                    match again.place(self.node, self.view, &args) {
                        Ok(piece) => answers.push(piece),
                        Err(WireError::NotServing | WireError::NoLease) => {
                            again.parts.push(self.in_a_moment(index));
                            answers.push(Piece::OfPart(again.parts.len() - 1));
                        }
                        Err(error) => {
                            out.extend_from_slice(memcached::error_line(&error).as_bytes());
                            return None;
                        }
                    }
                }
                Err(error) => failure = Some(error),
            }
            if let Some(error) = failure {
                out.extend_from_slice(memcached::error_line(&self.explain(index, error)).as_bytes());
                return None;
            }
        }
        if again.parts.is_empty() {
            answers.iter().for_each(|piece| out.extend_from_slice(piece.bytes()));
            out.extend_from_slice(tail.as_bytes());
            *holds = again.holds;
            return None;
        }
        Some(Fanout { plan: Plan::Strung(Strung { pieces: answers, tail }), ..again })
    }
}
