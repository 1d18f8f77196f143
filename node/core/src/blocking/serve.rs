//! Serving those who wait: what becomes of a key that a command has changed.
//!
//! Called behind the command, the transaction or the script as a whole, before its client's next request runs. The first of the
//! queue whose kind the key is of is served, then the next, as long as there is something. What a served request changes is looked
//! at in its turn, so moves that wait for each other follow one another; each takes a waiter away, so this ends.

use super::{Place, Registry, Waiter, Who};
use crate::command::Command;
use crate::session::ClientState;
use crate::view::View;
use crate::{Node, command, gateway, route, transaction};
use dcache_engine::Kind;
use dcache_protocol::error::WireError;
use dcache_protocol::resp::parse::Args;
use dcache_protocol::resp::reply::Reply;
use dcache_protocol::{slot_in, slot_of};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// A key of a database.
pub(crate) type Key = (u16, Box<[u8]>);

impl Registry {
    /// Keys of a request that somebody waits for, in whatever database. A request without keys may have removed any.
    pub fn waited(&self, command: &'static Command, args: Args<'_>, ready: &mut Vec<Key>) {
        if command.keys.is_empty() {
            let queues = self.queues.lock();
            ready.extend(queues.keys.iter().filter(|(_, queue)| queue.when_gone > 0).map(|(key, _)| key.clone()));
            return;
        }
        for key in command::keys_of(command, args).filter(|key| self.may_wait_for(slot_of(key))) {
            let queues = self.queues.lock();
            let in_databases = queues.databases.keys().map(|database| (*database, Box::from(key)));
            ready.extend(in_databases.filter(|key| queues.keys.contains_key(key)));
        }
    }

    /// A key is to be looked at with the next background step.
    fn look_soon(&self, key: Key) {
        self.queues.lock().soon.push(key);
    }

    /// The place behind this age in a key's queue, and whether anybody there waits for the key to be gone.
    fn next_place(&self, key: &Key, after: u64) -> Option<(u64, Place, bool)> {
        let queues = self.queues.lock();
        let queue = queues.keys.get(key)?;
        let (age, place) = queue.places.range(after + 1..).next()?;
        Some((*age, place.clone(), queue.when_gone > 0))
    }
}

impl Node {
    /// A command has run that may have changed its keys.
    #[inline]
    pub(crate) fn after_write(&self, view: &View, worker: usize, command: &'static Command, args: Args<'_>) {
        if self.blocking.has_waiters() && command.is_write() {
            let mut ready = Vec::new();
            self.blocking.waited(command, args, &mut ready);
            self.serve_waiters(view, worker, ready);
        }
    }

    /// Several requests have run as one.
    pub(crate) fn after_writes(&self, view: &View, worker: usize, requests: &[Vec<u8>]) {
        if !self.blocking.has_waiters() {
            return;
        }
        let mut ready = Vec::new();
        for request in requests {
            transaction::with_request(request, |command, args| {
                if command.is_write() {
                    self.blocking.waited(command, args, &mut ready);
                }
            });
        }
        self.serve_waiters(view, worker, ready);
    }

    /// Looks at keys for which somebody waits.
    pub(crate) fn serve_waiters(&self, view: &View, worker: usize, ready: Vec<Key>) {
        if ready.is_empty() {
            return;
        }
        let _serving = self.blocking.serving.lock();
        let mut ready = VecDeque::from(ready);
        while let Some(key) = ready.pop_front() {
            self.serve_key(view, worker, &key, &mut ready);
        }
    }

    fn serve_key(&self, view: &View, worker: usize, key: &Key, ready: &mut VecDeque<Key>) {
        let slot = slot_in(key.0, &key.1);
        let is_mine = view.is_mine(slot);
        let Some(_turn) = self.scripts.queue.enter_within(worker, &[slot.number()]) else {
            // A script is on it.
            return self.blocking.look_soon(key.clone());
        };
        // Whoever comes while this runs looks for himself.
        let end = self.blocking.next.load(Relaxed);
        // Elements that are kept for askers on their way.
        let (mut after, mut kept) = (0, 0);
        while let Some((age, place, is_gone_of_use)) = self.blocking.next_place(key, after) {
            if age >= end {
                return;
            }
            after = age;
            if !is_mine {
                if let Who::Own(waiter) = &place.who {
                    waiter.moved(view);
                }
                continue;
            }
            let found = self.look_at(key);
            match found {
                None if !is_gone_of_use => return,
                Some((_, count)) if kept >= count => return,
                _ => {}
            }
            let is_for_it = found.is_some_and(|(kind, _)| kind == place.kind);
            if !is_for_it && !place.when_gone {
                continue;
            }
            match &place.who {
                Who::Own(waiter) if waiter.claim() => self.serve_one(view, worker, waiter, ready),
                Who::Own(_) => {}
                Who::Asker(node, token) => kept += usize::from(self.tell_asker(*node, *token)),
            }
        }
    }

    /// The kind of a key's value, and how many waiters it can have something for.
    fn look_at(&self, (database, key): &Key) -> Option<(Kind, usize)> {
        let mut guard = self.engine().lock(slot_in(*database, key).number());
        let value = guard.peek(*database, key, self.unix_ms())?.value();
        let items = value.as_list().map(|list| list.len());
        let count = items.or_else(|| value.as_sorted_set().map(|set| set.len()));
        Some((value.kind(), count.unwrap_or(usize::MAX)))
    }

    /// Runs a waiter's request, which its connection leaves alone meanwhile.
    fn serve_one(&self, view: &View, worker: usize, waiter: &Arc<Waiter>, ready: &mut VecDeque<Key>) {
        let (mut out, mut holds, mut changed) = (Vec::new(), Vec::new(), Vec::new());
        let request = Arc::clone(&waiter.request.lock());
        let ran = transaction::with_request(&request, |command, args| {
            let slots: Vec<u16> =
                command::keys_of(command, args).map(|key| slot_in(waiter.database, key).number()).collect();
            let Some(_turn) = self.scripts.queue.enter_within(worker, &slots) else {
                // LOCK: its keys' lock is not held while the queues' is taken.
                let key = waiter.placed.lock().first().cloned();
                if let Some(key) = key {
                    self.blocking.look_soon((waiter.database, key));
                }
                return Err(WireError::NotServing);
            };
            if !route::is_all_mine(view, command, args, waiter.database) {
                return Err(WireError::NotServing);
            }
            let mut state = ClientState::of_peer(waiter.database, waiter.version);
            state.id = waiter.client.id;
            gateway::run_served(self, view, worker, command, args, &mut state, &mut out, &mut holds)?;
            if state.wish.is_some() {
                return Err(WireError::NotServing);
            }
            if command.is_write() {
                self.blocking.waited(command, args, &mut changed);
            }
            Ok(())
        });
        match ran.unwrap_or(Err(WireError::Syntax)) {
            Ok(()) => holds.iter_mut().for_each(|hold| (hold.start, hold.end) = (0, out.len())),
            // There is nothing for it after all, or not now: it keeps its place.
            Err(WireError::NotServing | WireError::NoLease) => return waiter.release(),
            Err(error) => {
                out.clear();
                holds.clear();
                Reply::new(&mut out, waiter.version).error(&error);
            }
        }
        self.blocking.unplace(waiter);
        waiter.serve(out, holds);
        ready.extend(changed);
    }
}
