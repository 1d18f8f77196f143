//! When a client's request runs beside scripts: whether its slots are free, and what a script's own request becomes.
//!
//! Until the node runs its first script nothing here is asked.

use super::{ClientState, Executed, Request};
use crate::command::{Command, Door, Gateway};
use crate::gateway::Fanout;
use crate::gateway::scripts::{Open, is_mine};
use crate::replication::hold::Hold;
use crate::route;
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
    /// One slot, as nearly all do.
    Slot(u16),
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
        let (one, many);
        let slots = match self.needs(state) {
            Needs::Nothing => return self.execute_now(state, out, holds),
            Needs::OwnScripts if state.open_scripts.as_ref().is_some_and(|open| open.load(Relaxed) > 0) => {
                return Executed::Behind;
            }
            Needs::OwnScripts => return self.execute_now(state, out, holds),
            Needs::Slot(slot) => {
                one = [slot];
                &one[..]
            }
            Needs::Slots(slots) => {
                many = slots;
                &many[..]
            }
        };
        let queue = &self.node.scripts.queue;
        if queue.enter(self.worker, slots) {
            let executed = self.execute_now(state, out, holds);
            queue.leave(self.worker);
            return executed;
        }
        let Some(client) = state.client.clone() else { return self.execute_now(state, out, holds) };
        let wake = Arc::new(move || client.wake());
        state.ticket = Some(Ticket::new(&self.node.scripts, slots.to_vec(), self.node.now(), wake));
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
        match (command.gateway, self.ahead.place) {
            (Gateway::Script, None) => Needs::OwnScripts,
            (Gateway::Script, Some(_)) => Needs::Nothing,
            (Gateway::Single, Some(place)) if place.database == state.database => Needs::Slot(place.slot.number()),
            (_, place) => {
                let mut slots = route::slots_of(command, self.args, state.database);
                slots.retain(|slot| is_mine(self.view, *slot));
                match slots[..] {
                    [] if place.is_none() => Needs::OwnScripts,
                    [slot] => Needs::Slot(slot),
                    _ => Needs::Slots(slots),
                }
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
        Fanout::script(self.origin(command, state), job, state.open_scripts.as_ref().map(Open::new), !has_keys)
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
        Fanout::script(self.origin(command, state), job, state.open_scripts.as_ref().map(Open::new), true)
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
        transaction::with_request(request, |command, args| slots.extend(route::slots_of(command, args, database)));
    }
    if slots.is_empty() { Needs::OwnScripts } else { Needs::Slots(slots) }
}
