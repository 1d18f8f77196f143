//! When a client's request runs beside scripts: whether its slots are free, and what a script's own request becomes.
//!
//! Until the node runs its first script nothing here is asked.

use super::{ClientState, Executed, Request};
use crate::command::{self, Command, Door, Gateway, Gather};
use crate::gateway::Fanout;
use crate::gateway::scripts::Open;
use crate::replication::hold::Hold;
use crate::script::job::{Job, Request as Script, Standing, Ticket, Work};
use crate::script::run::{busy, job_of};
use crate::transaction::{self, Transaction};
use dcache_protocol::resp::value::encode_request;
use dcache_protocol::slot_in;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// What a request needs to be free.
enum Needs {
    Nothing,
    /// All scripts of this client are answered.
    OwnScripts,
    /// No script runs at all.
    NoScripts,
    Slots(Vec<u16>),
}

impl Request<'_> {
    /// As `execute_now`, in its turn among scripts.
    #[cold]
    pub(super) fn execute_in_turn(
        &self,
        state: &mut ClientState,
        out: &mut Vec<u8>,
        holds: &mut Vec<Hold>,
    ) -> Executed {
        if let Some(ticket) = &state.ticket {
            match ticket.standing() {
                Standing::Waiting => return Executed::Behind,
                Standing::Granted => {
                    let executed = self.execute_now(state, out, holds);
                    state.ticket = None;
                    return executed;
                }
                Standing::Busy(text) => {
                    state.ticket = None;
                    return self.refuse_as_busy(text, state, out);
                }
            }
        }
        let slots = match self.needs(state) {
            Needs::Nothing => return self.execute_now(state, out, holds),
            Needs::OwnScripts if state.open_scripts.load(Relaxed) > 0 => return Executed::Behind,
            Needs::NoScripts if self.node.scripts.running_count() > 0 => {
                let text = self.node.scripts.busy_text();
                return Executed::NotServing(busy(text));
            }
            Needs::OwnScripts | Needs::NoScripts => return self.execute_now(state, out, holds),
            Needs::Slots(slots) => slots,
        };
        let queue = &self.node.scripts.queue;
        if queue.enter(self.worker, &slots) {
            let executed = self.execute_now(state, out, holds);
            queue.leave(self.worker);
            return executed;
        }
        let Some(client) = state.client.clone() else { return self.execute_now(state, out, holds) };
        let wake = Arc::new(move || client.wake());
        state.ticket = Some(Ticket::new(&self.node.scripts, slots, self.node.now(), wake));
        // It may have been granted, or refused, at once.
        match state.ticket.as_ref().map(Ticket::standing) {
            Some(Standing::Granted | Standing::Busy(_)) => self.execute_in_turn(state, out, holds),
            _ => Executed::Behind,
        }
    }

    fn refuse_as_busy(&self, text: &'static str, state: &ClientState, out: &mut Vec<u8>) -> Executed {
        match self.ahead.command {
            Some(command) => self.reject(command, &busy(text), state, out),
            None => Executed::Refused,
        }
    }

    fn needs(&self, state: &ClientState) -> Needs {
        let Some(command) = self.ahead.command else { return Needs::OwnScripts };
        let open = state.transaction.as_ref().filter(|transaction| transaction.is_open);
        if let Some(transaction) = open {
            return match command.name {
                "exec" => slots_of(state.database, transaction),
                _ => Needs::Nothing,
            };
        }
        if command.gateway == Gateway::Everywhere(Gather::Ok) && command.is_write() {
            return Needs::NoScripts;
        }
        let is_script = command.gateway == Gateway::Script;
        match (command.gateway, self.ahead.place) {
            (_, None) if command.keys.is_empty() || is_script => Needs::OwnScripts,
            _ if is_script => Needs::Nothing,
            (Gateway::Single, Some(place)) if place.database == state.database => {
                Needs::Slots(vec![place.slot.number()])
            }
            _ => {
                let mine = |key: &[u8]| slot_in(state.database, key);
                let slots = command::keys_of(command, self.args).map(mine).filter(|slot| self.view.is_mine(*slot));
                Needs::Slots(slots.map(|slot| slot.number()).collect())
            }
        }
    }

    /// A script whose keys are here: a thread for scripts runs it.
    pub(super) fn script(&self, command: &'static Command, state: &ClientState) -> Fanout {
        let mut bytes = Vec::new();
        let words: Vec<&[u8]> = self.args.iter().collect();
        encode_request(&words, &mut bytes);
        let job = job_of(self.node, self.script_request(bytes, state), command, self.args);
        let has_keys = command.first_key(self.args).is_some();
        Fanout::script(self.origin(command, state), job, Some(Open::new(&state.open_scripts)), !has_keys)
    }

    fn script_request(&self, bytes: Vec<u8>, state: &ClientState) -> Script {
        Script {
            bytes,
            database: state.database,
            version: state.version,
            is_of_peer: false,
            is_one_slot: self.door == Door::Cluster,
            client: state.id,
            no_touch: state.no_touch,
            remote: state.client.as_ref().map(|client| client.remote.clone()).unwrap_or_default(),
        }
    }

    /// A transaction with scripts in it, whose keys are all here.
    pub(super) fn transaction_with_script(
        &self,
        command: &'static Command,
        transaction: &Transaction,
        state: &ClientState,
    ) -> Fanout {
        let mut bytes = Vec::new();
        encode_request(&transaction.words(b""), &mut bytes);
        let slots = match slots_with_scripts(state.database, transaction) {
            Needs::Slots(slots) => slots,
            _ => Vec::new(),
        };
        let job = Job::new(Work::Request(self.script_request(bytes, state)), slots, self.node.now());
        Fanout::script(self.origin(command, state), job, Some(Open::new(&state.open_scripts)), true)
    }
}

/// What EXEC needs. With scripts among its requests it is given to a script thread as a whole.
fn slots_of(database: u16, transaction: &Transaction) -> Needs {
    match transaction::has_script(transaction.requests.iter().map(Vec::as_slice)) {
        true => Needs::OwnScripts,
        false => slots_with_scripts(database, transaction),
    }
}

fn slots_with_scripts(database: u16, transaction: &Transaction) -> Needs {
    let mut slots: Vec<u16> =
        transaction.watched.lock().iter().map(|(key, _)| slot_in(database, key).number()).collect();
    for request in &transaction.requests {
        transaction::with_request(request, |command, args| {
            slots.extend(command::keys_of(command, args).map(|key| slot_in(database, key).number()));
        });
    }
    if slots.is_empty() { Needs::OwnScripts } else { Needs::Slots(slots) }
}
