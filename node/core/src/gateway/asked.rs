//! What comes of the answers of other nodes: a part that did not run is planned anew, one that may have run is asked again if it may
//! run twice, and anything else is explained. Left out: how pieces become one reply (`merge.rs`).

use super::serve::serve;
use super::split::Split;
use super::{
    ASK_AGAIN_EVERY, ASK_AGAIN_WITHIN, Answer, Fanout, ForwardError, Origin, Part, Piece, Plan, merge, own_request,
    scripts,
};
use crate::Node;
use crate::command::{self, Door, Merge};
use crate::replication::hold::Hold;
use crate::route::{self, Route};
use crate::script::job::Request;
use crate::view::View;
use dcache_cluster::mutant::{Rule, is_broken};
use dcache_protocol::error::WireError;
use dcache_protocol::namespace::DATABASES;
use dcache_protocol::peer::{DataHeader, DataStatus};
use dcache_protocol::resp::parse::{Limits, Parser};
use dcache_protocol::slot_in;
use scripts::Turn;
use std::time::Duration;

/// A fan-out whose answers are being looked at.
pub(super) struct Asked<'a> {
    pub(super) node: &'a Node,
    pub(super) view: &'a View,
    pub(super) parts: &'a [Part],
    pub(super) origin: Origin,
}

impl Asked<'_> {
    pub(super) fn settle_whole(
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
            Route::There(to) => {
                let takes_long = !self.parts[0].patience.is_zero();
                Ok(Some(Fanout::whole(origin, to, args).may_take_long(takes_long).with_barrier(self.delay())))
            }
            _ => {
                // As part of the worker's batches, which a transaction waits for.
                let _turn = self.node.view_of_worker(worker);
                let header = DataHeader { id: 0, database, resp: version.number() };
                let has_entered = match scripts::turn_of(self.node, self.view, worker, header, request) {
                    Turn::Later(job) => return Ok(Some(Fanout::script(origin, job, None, true))),
                    Turn::NotOwner => return Ok(Some(self.whole_in_a_moment())),
                    Turn::Now(has_entered) => has_entered,
                };
                let status = serve(self.node, self.view, worker, database, version, request, out, holds);
                if has_entered {
                    self.node.scripts.queue.leave(worker);
                }
                match status {
                    DataStatus::Answered => Ok(None),
                    DataStatus::NotOwner => Ok(Some(self.whole_in_a_moment())),
                }
            }
        }
    }

    fn whole_in_a_moment(&self) -> Fanout {
        Fanout {
            parts: vec![self.in_a_moment(0)],
            barrier: true,
            delay: ASK_AGAIN_EVERY,
            holds: Vec::new(),
            plan: Plan::Whole,
            origin: self.retried(),
        }
    }

    /// The same part for this node itself, which is to serve it and does not at this moment.
    pub(super) fn in_a_moment(&self, part: usize) -> Part {
        Part { to: self.view.me, ..self.parts[part].clone() }
    }

    pub(super) fn settle_split(
        &self,
        merge: Merge,
        pieces: Vec<Piece>,
        replies: Vec<Result<Vec<u8>, ForwardError>>,
        out: &mut Vec<u8>,
        holds: &mut Vec<Hold>,
    ) -> Result<Option<Fanout>, WireError> {
        let mut replies: Vec<Option<Result<Vec<u8>, ForwardError>>> = replies.into_iter().map(Some).collect();
        let held = std::mem::take(holds);
        let origin = self.retried();
        let mut again = Split { origin, is_again: true, parts: Vec::new(), pieces: Vec::new(), holds: held };
        let mut delay = self.delay();
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
                        // Scripts are before it here, if it is here.
                        again.parts.push(self.in_a_moment(index));
                        let answer = Answer::OfPart(again.parts.len() - 1);
                        again.pieces.push(Piece { places: piece.places, answer });
                        delay = ASK_AGAIN_EVERY;
                        continue;
                    };
                    if again.add(self.node, self.view, args, &piece.places)? {
                        delay = ASK_AGAIN_EVERY;
                    }
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
        Ok(Some(again.into_fanout(merge).with_barrier(delay)))
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
                let is_safe = !self.origin.command.may_write() || is_broken(Rule::WritesRunOnce);
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

    pub(super) fn retried(&self) -> Origin {
        // It may be pinned by now, or not any more.
        let database = self.view.database(self.origin.database % DATABASES);
        Origin { database, epoch: self.view.epoch(), is_shared: self.is_shared(), ..self.origin }
    }

    fn is_shared(&self) -> bool {
        self.origin.is_shared || self.parts.len() > 1
    }

    pub(super) fn explain(&self, part: usize, error: ForwardError) -> WireError {
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
            ForwardError::LinkLost if self.origin.command.may_write() => WireError::NotConfirmed {
                reason: format!("the link to node {name} broke before its answer came{others}"),
            },
            ForwardError::TimedOut if self.origin.command.may_write() => {
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
