//! EXEC in a session: a transaction runs alone on this node, goes to another one as a whole, or is split by nodes and run request by
//! request. Left out: what a transaction is (`transaction.rs`).

use super::Session;
use super::request::{Executed, Request};
use super::state::ClientState;
use crate::Node;
use crate::batch::{Ahead, KeyPlace};
use crate::command::{Command, Gateway};
use crate::gateway::told::{Answers, Tell};
use crate::gateway::{ASK_AGAIN_WITHIN, Fanout, Origin};
use crate::replication::hold::Hold;
use crate::stats::Outcome;
use crate::transaction::{self, Place, Transaction};
use crate::view::{Owner, View};
use dcache_protocol::error::WireError;
use dcache_protocol::resp::reply::Reply;
use dcache_protocol::slot_in;
use std::time::Duration;

impl Session {
    /// Runs a request of a transaction whose keys are at several nodes.
    #[cold]
    pub(super) fn run_split(
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
}

impl Request<'_> {
    /// EXEC: runs what was queued, if nothing that is watched has changed.
    #[cold]
    pub(super) fn run_transaction(
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
}
