//! One request of a client: where it goes, and what is made of its outcome. Left out: what precedes that for special clients
//! (`special.rs`), transactions (`transaction.rs`), and requests that wait for keys (`blocking.rs`).

use super::blocking;
use super::state::ClientState;
use crate::Node;
use crate::batch::{Ahead, KeyPlace};
use crate::blocking::Blocked;
use crate::command::{self, Command, Context, Door, Gateway};
use crate::gateway::{self, Fanout, Origin, copies};
use crate::replication::guard;
use crate::replication::hold::Hold;
use crate::route::{self, Route};
use crate::stats::{Outcome, WorkerStats};
use crate::view::{Owner, View};
use dcache_protocol::error::WireError;
use dcache_protocol::resp::parse::Args;
use dcache_protocol::resp::reply::{Reply, Version};
use dcache_protocol::slot_in;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// One request of a client, about to run.
#[derive(Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) node: &'a Node,
    pub(super) view: &'a View,
    pub(super) stats: &'a WorkerStats,
    pub(super) door: Door,
    pub(super) worker: usize,
    pub(super) args: Args<'a>,
    pub(super) ahead: &'a Ahead,
    pub(super) started: Duration,
    pub(super) now_ms: u64,
}

pub(super) enum Executed {
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
    pub(super) fn execute(&self, state: &mut ClientState, out: &mut Vec<u8>, holds: &mut Vec<Hold>) -> Executed {
        if self.node.scripts.queue.is_used() {
            return self.execute_in_turn(state, out, holds);
        }
        self.execute_now(state, out, holds)
    }

    #[inline]
    pub(super) fn execute_now(&self, state: &mut ClientState, out: &mut Vec<u8>, holds: &mut Vec<Hold>) -> Executed {
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

    pub(super) fn run(&self, state: &mut ClientState, out: &mut Vec<u8>, holds: &mut Vec<Hold>) -> Executed {
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
        if command.may_write() && self.view.has_copies() {
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

    pub(super) fn reject(
        &self,
        command: &'static Command,
        error: &WireError,
        state: &ClientState,
        out: &mut Vec<u8>,
    ) -> Executed {
        self.fail(error, state.version, out);
        Executed::Answered { command, outcome: Outcome::Rejected }
    }

    /// Runs here what other nodes may hold copies of.
    pub(super) fn run_guarded(
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
    pub(super) fn place(&self, command: &'static Command, state: &ClientState) -> Option<KeyPlace> {
        let place = self.ahead.place?;
        if place.database == state.database {
            return Some(place);
        }
        command.first_key(self.args).map(|key| KeyPlace::new(self.node, state.database, key))
    }

    pub(super) fn run_here(
        &self,
        command: &'static Command,
        state: &mut ClientState,
        out: &mut Vec<u8>,
    ) -> Result<(), WireError> {
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

    pub(super) fn fail(&self, error: &WireError, version: Version, out: &mut Vec<u8>) {
        let mark = out.len();
        Reply::new(out, version).error(error);
        self.stats.record_error(&out[mark..]);
    }

    pub(super) fn origin(&self, command: &'static Command, state: &ClientState) -> Origin {
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
