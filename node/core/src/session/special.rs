//! Clients that are subscribed, track what they read, or are in a transaction: what is looked at before their requests run.

use super::request::{Executed, Request};
use super::state::ClientState;
use crate::clients::Client;
use crate::command::{self, Command, Door, Gateway};
use crate::route::{self, Route};
use dcache_protocol::error::WireError;
use dcache_protocol::resp::reply::{Reply, Version};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

impl Request<'_> {
    /// For a client that is subscribed or tracks. The request does not run if this answers anything.
    #[cold]
    pub(super) fn before_special(
        &self,
        command: &'static Command,
        state: &mut ClientState,
        out: &mut Vec<u8>,
    ) -> Option<Executed> {
        let client = state.client.clone()?;
        let is_restricted = state.version == Version::Resp2 && client.is_subscriber();
        if is_restricted && !command::pubsub::is_for_subscribers(command) {
            let text = format!(
                "ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context",
                command.name
            );
            return Some(self.reject(command, &WireError::Other(text), state, out));
        }
        let is_queueing = state.transaction.as_ref().is_some_and(|transaction| transaction.is_open);
        if is_queueing && !matches!(command.name, "exec" | "discard" | "multi" | "watch" | "quit" | "reset") {
            return Some(self.queue(command, state, out));
        }
        self.track(command, state, &client);
        state.is_special = state.tracking.is_some() || client.is_subscriber() || state.transaction.is_some();
        None
    }

    /// Keeps a request for EXEC, if it could run as things are.
    fn queue(&self, command: &'static Command, state: &mut ClientState, out: &mut Vec<u8>) -> Executed {
        let first = self.place(command, state).map(|place| place.slot);
        let among = (state.database, first);
        let routed = match route::route(self.view, self.door, command, self.args, among, self.started) {
            Ok(Route::There(node)) if self.door == Door::Cluster => match first {
                Some(slot) => Err(WireError::Moved { slot, address: format!("{}:{}", node.host, node.port) }),
                None => Ok(()),
            },
            routed => routed.map(|_| ()),
        };
        let Some(transaction) = &mut state.transaction else { return Executed::Refused };
        if let Err(error) = routed.and_then(|()| transaction.queue(self.args)) {
            transaction.has_failed = true;
            return self.reject(command, &error, state, out);
        }
        if let Some(client) = &state.client {
            client.queued.store(transaction.requests.len() as u32 + 1, Relaxed);
        }
        Reply::new(out, state.version).simple("QUEUED");
        Executed::Queued
    }

    /// Remembers what a client that tracks is about to read. What `CLIENT CACHING` said holds, as in Redis, until a request that is
    /// no CLIENT, or to the end of the transaction that begins with it.
    #[inline]
    fn track(&self, command: &'static Command, state: &mut ClientState, client: &Arc<Client>) {
        self.remember(command, state, client);
        let is_transaction = command.name == "multi"
            || state.transaction.as_ref().is_some_and(|transaction| transaction.is_open)
            || !state.split.is_empty();
        if let Some(mode) = &mut state.tracking
            && !is_transaction
            && command.container() != Some("client")
        {
            mode.caching = None;
        }
    }

    /// Remembers which keys a client reads here, if it tracks them.
    pub(super) fn remember(&self, command: &'static Command, state: &ClientState, client: &Arc<Client>) {
        let may_read = command.is_read() || command.gateway == Gateway::Script;
        if may_read && state.tracking.as_ref().is_some_and(|mode| mode.remembers()) {
            let keys = command::keys_of(command, self.args);
            let told = self.node.talk.tracking.lock().remember(client.id, keys, &|id| self.node.clients().find(id));
            self.node.post_all(told);
        }
    }
}
