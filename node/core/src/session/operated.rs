//! What operators do with requests: they pause them, put the node to sleep, look on (MONITOR), and read of the large ones.

use super::request::Request;
use super::state::ClientState;
use crate::clients::Client;
use crate::command::{self, Command};
use crate::events::Reason;
use crate::slow::{self, Log};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

impl Request<'_> {
    /// Whether it is to wait since clients are paused.
    #[cold]
    pub(super) fn is_paused(&self) -> bool {
        let Some(command) = self.ahead.command else { return false };
        let is_about_pausing = matches!(command.name, "client|pause" | "client|unpause");
        let is_write = command.may_write() || matches!(command.name, "publish" | "spublish" | "exec");
        self.node.events.has(Reason::PAUSED) && !is_about_pausing && self.node.is_paused(is_write)
    }

    /// DEBUG SLEEP: the client waits, and this node's others with it.
    #[cold]
    pub(super) fn is_asleep(&self, until: &mut Option<Duration>) -> bool {
        let is_sleep = self.ahead.command.is_some_and(|command| command.name == "debug|sleep");
        if !is_sleep || !self.node.has_debug.load(Relaxed) {
            return false;
        }
        let Some(sleep) = self.args.get(2).and_then(command::debug::sleep_of) else { return false };
        let now = self.node.now();
        match *until {
            None => {
                *until = Some(now + sleep);
                self.node.pause_all(now + sleep);
                true
            }
            Some(end) if now < end => true,
            Some(_) => {
                *until = None;
                false
            }
        }
    }

    /// Shows it to clients that look on.
    #[cold]
    pub(super) fn show(&self, state: &ClientState) {
        let is_shown = |command: &&Command| {
            !command.flags.has(command::Flags::ADMIN) && !matches!(command.name, "auth" | "hello" | "monitor" | "exec")
        };
        if self.node.events.has(Reason::MONITORED)
            && self.ahead.command.as_ref().is_some_and(is_shown)
            && let Some(client) = &state.client
        {
            self.node.show_request(client, state.database, self.args);
        }
    }

    /// Keeps a request that is large, or has a large reply.
    #[cold]
    pub(super) fn note_large(&self, client: &Client, request_bytes: usize, reply_bytes: usize) {
        let name = client.names.lock().name.clone();
        let note = |log, bytes: usize| {
            let unix_seconds = self.now_ms / 1000;
            let args: Vec<&[u8]> = self.args.iter().take(self.ahead.command.map_or(1, slow::shown_args)).collect();
            self.node.slow.note(log, bytes as u64, unix_seconds, args.into_iter(), &client.remote, &name);
        };
        note(Log::LargeRequest, request_bytes);
        note(Log::LargeReply, reply_bytes);
    }
}
