//! Requests that may wait: they run as any, and when there was nothing, their client waits for what they say.

use super::{Executed, Request};
use crate::blocking::{Asked, Blocked, keys_of};
use crate::command::{Command, Door, Flags, Gateway};
use crate::gateway::Fanout;
use crate::gateway::blocking::{Next, begin};
use crate::replication::hold::Hold;
use crate::route::Route;
use crate::session::ClientState;
use crate::stats::Outcome;
use dcache_protocol::error::WireError;
use dcache_protocol::resp::value::encode_request;

/// Whether a request of this command may have its client wait for keys.
pub(super) fn may_wait(command: &Command) -> bool {
    command.flags.has(Flags::BLOCKING)
        && matches!(command.gateway, Gateway::Single | Gateway::SameSlot | Gateway::InTurn)
}

impl Request<'_> {
    /// Runs it where `route` says.
    #[cold]
    pub(super) fn run_or_wait(
        &self,
        command: &'static Command,
        route: Route<'_>,
        state: &mut ClientState,
        out: &mut Vec<u8>,
        holds: &mut Vec<Hold>,
    ) -> Executed {
        let (mark, held) = (out.len(), holds.len());
        let tried = self.try_or_wait(command, route, state, out, holds);
        if tried.is_err() {
            out.truncate(mark);
            holds.truncate(held);
        }
        match tried {
            Ok(executed) => executed,
            Err(why @ (WireError::NotServing | WireError::NoLease)) => Executed::NotServing(why),
            Err(error) => {
                self.fail(&error, state.version, out);
                Executed::Answered { command, outcome: Outcome::Failed }
            }
        }
    }

    fn try_or_wait(
        &self,
        command: &'static Command,
        route: Route<'_>,
        state: &mut ClientState,
        out: &mut Vec<u8>,
        holds: &mut Vec<Hold>,
    ) -> Result<Executed, WireError> {
        let node = match route {
            Route::Here => return self.try_here(command, state, out, holds),
            Route::There(node) => Some(node),
            _ => None,
        };
        if let (Door::Cluster, Some(node), Some(place)) = (self.door, node, self.place(command, state)) {
            // What was handed over a moment ago: nobody waits there for a client of this door.
            return Err(WireError::Moved { slot: place.slot, address: format!("{}:{}", node.host, node.port) });
        }
        let origin = self.origin(command, state);
        if let (false, Some(node)) = (state.may_wait, node) {
            self.stats.forwarded.add(1);
            return Ok(Executed::Forwarded(Fanout::whole(origin, node, self.args)));
        }
        let blocked = if state.may_wait { self.blocked(command, state)? } else { None };
        match begin(self.node, self.view, origin, blocked, self.args, out, holds)? {
            Next::Ask(fanout) => {
                self.stats.forwarded.add(fanout.parts.len() as u64);
                Ok(Executed::Forwarded(fanout))
            }
            Next::Wait(blocked) => Ok(Executed::Waits(blocked)),
            Next::Done => Ok(Executed::Answered { command, outcome: Outcome::Answered }),
        }
    }

    fn try_here(
        &self,
        command: &'static Command,
        state: &mut ClientState,
        out: &mut Vec<u8>,
        holds: &mut Vec<Hold>,
    ) -> Result<Executed, WireError> {
        if let Some(place) = self.place(command, state) {
            self.stats.record_partition(self.view.partition_of(place.slot).index());
        }
        let (mark, held) = (out.len(), holds.len());
        state.wish = None;
        match self.view.has_copies() {
            false => self.run_here(command, state, out)?,
            true => self.run_guarded(command, state, out, holds)?,
        }
        let wish = state.wish.take();
        let blocked = match wish.is_some() && state.may_wait {
            true => self.blocked(command, state)?,
            false => None,
        };
        let (Some(wish), Some(mut blocked)) = (wish, blocked) else {
            self.node.after_write(self.view, self.worker, command, self.args);
            return Ok(Executed::Answered { command, outcome: Outcome::Answered });
        };
        out.truncate(mark);
        holds.truncate(held);
        let keys = wish.keys.iter().map(|key| (state.database, key.clone())).collect();
        blocked.wait_here(*wish)?;
        blocked.rest();
        // What came between its look and its place.
        self.node.serve_waiters(self.view, self.worker, keys);
        Ok(Executed::Waits(blocked))
    }

    /// A client that is about to wait; none for one that is not of this node.
    fn blocked(&self, command: &'static Command, state: &ClientState) -> Result<Option<Blocked>, WireError> {
        let Some(client) = &state.client else { return Ok(None) };
        let mut request = Vec::new();
        encode_request(&self.args.iter().collect::<Vec<_>>(), &mut request);
        let me = self.node.config().id;
        let asked = Asked { me, client, door: self.door, keys: keys_of(command, self.args), request };
        self.node.blocking.begin(self.origin(command, state), asked).map(Some)
    }
}
