//! Waiters some of whose keys are at other nodes: what the owner of a key knows of them, and what nodes tell each other.
//!
//! ```text
//! gateway ─ "try this, or keep my client's place" ─► owner      a request like any, answered at once ([`crate::gateway::blocking`])
//! owner   ─ "w": your client's turn ─► gateway                  which tries again, if its client is still there
//! gateway ─ "x": my client is gone ─► owner                     which tells the next
//! gateway ─ "waits": these of mine wait with you ─► owner       once a second; the answer names those that it does not know
//! ```
//!
//! So a lost message is made good within a second or two, and what a node that is gone left behind goes. An asker that is told and
//! does not come in time is told again, and so is the next one. Who waits for keys here and elsewhere at once is an asker of its own
//! node.

use super::serve::Key;
use super::{Place, Queues, Registry, Who, Wish};
use crate::Node;
use crate::view::View;
use dcache_protocol::error::WireError;
use dcache_protocol::{Incarnation, NodeId, slot_in};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// How long an element is kept for an asker that was told.
const COMES_WITHIN: Duration = Duration::from_millis(1000);

/// How often a gateway says whose clients wait where.
const LIST_EVERY: Duration = Duration::from_millis(1000);

/// A place that was not asked for again or listed for so long is one of a client that is gone.
const FORGET_AFTER: Duration = Duration::from_secs(10);

/// Keys looked at with each background step, and how long the walk rests between its rounds.
const WALK_KEYS: usize = 64;
const WALK_EVERY: Duration = Duration::from_millis(500);

/// Waiters of other nodes.
const ASKERS_MAX: usize = 1 << 17;

/// A client that waits for keys of this node at a gateway.
pub(super) struct Registration {
    incarnation: Incarnation,
    age: u64,
    database: u16,
    keys: BTreeSet<Box<[u8]>>,
    /// When it was told that it is its turn, if it has not come since.
    told_at: Option<Duration>,
    seen_at: Duration,
}

/// Who asks: a gateway's process, and which of its clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asker {
    pub node: NodeId,
    pub incarnation: Incarnation,
    pub token: u64,
}

/// Where the slow walk over all waited keys is, and what was last said to whom.
#[derive(Default)]
pub(super) struct Walk {
    behind: Option<Key>,
    not_before: Duration,
    listed_at: BTreeMap<NodeId, Duration>,
}

impl Queues {
    fn withdraw(&mut self, registry: &Registry, at: (NodeId, u64)) -> Option<Registration> {
        let registration = self.askers.remove(&at)?;
        for key in &registration.keys {
            self.take_out(registry, (registration.database, key), registration.age);
        }
        Some(registration)
    }

    /// One of this node's waiters is gone, of which that node is to hear.
    pub(super) fn is_gone(&mut self, node: NodeId, token: u64) {
        let gone = self.gone.entry(node).or_default();
        // Of more it does not hear, and forgets them in time.
        if gone.len() < ASKERS_MAX {
            gone.push(token);
        }
    }

    /// An asker does not wait any more: if it was its turn, the next one has it soon.
    pub(super) fn give_up(&mut self, registry: &Registry, node: NodeId, token: u64) {
        let Some(gone) = self.withdraw(registry, (node, token)) else { return };
        if gone.told_at.is_some() {
            self.soon.extend(gone.keys.into_iter().map(|key| (gone.database, key)));
        }
    }

    fn withdraw_each(&mut self, registry: &Registry, is_over: impl Fn(&Queues, &(NodeId, u64), &Registration) -> bool) {
        let is_over =
            |(at, registration): (&(NodeId, u64), &Registration)| is_over(self, at, registration).then_some(*at);
        let over: Vec<(NodeId, u64)> = self.askers.iter().filter_map(is_over).collect();
        over.into_iter().for_each(|at| drop(self.withdraw(registry, at)));
    }
}

impl Registry {
    /// The asker found nothing: it has a place for each key from now on, or keeps the one it has.
    pub fn register(&self, asker: Asker, database: u16, wish: &Wish, now: Duration) -> Result<(), WireError> {
        let at = (asker.node, asker.token);
        let mut queues = self.queues.lock();
        if queues.askers.len() >= ASKERS_MAX && !queues.askers.contains_key(&at) {
            return Err(WireError::Other("ERR too many clients wait for keys".into()));
        }
        let mut registration = queues.askers.remove(&at).unwrap_or_else(|| Registration {
            incarnation: asker.incarnation,
            age: self.next.fetch_add(1, Relaxed),
            database,
            keys: BTreeSet::new(),
            told_at: None,
            seen_at: now,
        });
        (registration.told_at, registration.seen_at) = (None, now);
        let mut put = Ok(());
        for key in &wish.keys {
            if put.is_err() || registration.keys.contains(key) {
                continue;
            }
            let who = Who::Asker(asker.node, asker.token);
            let place = Place { who, kind: wish.kind, when_gone: wish.when_gone };
            put = queues.put(self, (database, key), registration.age, place);
            if put.is_ok() {
                registration.keys.insert(key.clone());
            }
        }
        queues.askers.insert(at, registration);
        if put.is_err() {
            queues.withdraw(self, at);
        }
        put
    }

    /// The asker was served, or is gone: the next may have its turn.
    pub fn withdraw(&self, node: NodeId, token: u64) {
        self.queues.lock().give_up(self, node, token);
    }

    /// Whether an asker is to be told that it is its turn, and whether an element is kept for it.
    fn note_told(&self, node: NodeId, token: u64, now: Duration) -> (bool, bool) {
        let mut queues = self.queues.lock();
        let Some(registration) = queues.askers.get_mut(&(node, token)) else { return (false, false) };
        match registration.told_at.map(|at| now.saturating_sub(at)) {
            Some(since) if since < COMES_WITHIN => (false, true),
            // When it did not come, others have their turn beside it.
            late => {
                registration.told_at = Some(now);
                (true, late.is_none())
            }
        }
    }

    /// It is the turn of one of this node's clients. That one is gone is said where it is not known.
    pub fn has_turn(&self, token: u64, at: NodeId) {
        let mut queues = self.queues.lock();
        match queues.own.get(&token) {
            Some(waiter) => waiter.ask_again(),
            None => queues.is_gone(at, token),
        }
    }

    /// Something that node said was lost.
    pub fn may_have_turns(&self, at: NodeId) {
        let queues = self.queues.lock();
        queues.own.values().filter(|waiter| waiter.known_at.lock().contains(&at)).for_each(|waiter| waiter.ask_again());
    }

    /// Waiters that are gone, of which that node is to hear.
    pub fn take_gone(&self, node: NodeId) -> Vec<u64> {
        self.queues.lock().gone.remove(&node).unwrap_or_default()
    }

    /// This node's clients that wait at that node, if it is time to say so; as bytes.
    pub fn listing(&self, node: NodeId, now: Duration) -> Option<Vec<u8>> {
        if self.own_count.load(Relaxed) == 0 {
            return None;
        }
        let mut queues = self.queues.lock();
        let listed_at = queues.walk.listed_at.get(&node);
        if listed_at.is_some_and(|at| now.saturating_sub(*at) < LIST_EVERY) {
            return None;
        }
        let there = queues.own.values().filter(|waiter| waiter.known_at.lock().contains(&node));
        let tokens: Vec<u8> = there.flat_map(|waiter| waiter.token.to_le_bytes()).collect();
        queues.walk.listed_at.insert(node, now);
        (!tokens.is_empty()).then_some(tokens)
    }

    /// What another node said in [`Registry::listing`]; those that are not known here.
    pub fn hear_listing(&self, node: NodeId, incarnation: Incarnation, tokens: &[u8], now: Duration) -> Vec<u8> {
        let mut queues = self.queues.lock();
        let mut missing = Vec::new();
        for token in tokens_of(tokens) {
            match queues.askers.get_mut(&(node, token)).filter(|known| known.incarnation == incarnation) {
                Some(registration) => registration.seen_at = now,
                None => missing.extend(token.to_le_bytes()),
            }
        }
        missing
    }

    /// The answer to a listing.
    pub fn hear_missing(&self, at: NodeId, tokens: &[u8]) {
        let queues = self.queues.lock();
        for waiter in tokens_of(tokens).filter_map(|token| queues.own.get(&token)) {
            waiter.known_at.lock().remove(&at);
            waiter.ask_again();
        }
    }

    /// Askers whose node is another process now, or whose keys are not here any more, ask where they are.
    pub(super) fn follow_askers(&self, next: &View) {
        self.queues.lock().withdraw_each(self, |_, at, registration| {
            let is_other = at.0 != next.me && next.process_of(at.0) != Some(registration.incarnation);
            is_other || registration.keys.iter().any(|key| !next.is_mine(slot_in(registration.database, key)))
        });
        // A process that is over keeps no places.
        self.queues.lock().gone.retain(|node, _| next.process_of(*node).is_some());
    }

    /// Keys to be looked at in this background step: those that are due, and a few of all.
    fn due(&self, me: NodeId, now: Duration) -> Vec<Key> {
        let mut queues = self.queues.lock();
        let mut due = std::mem::take(&mut queues.soon);
        if now < queues.walk.not_before {
            return due;
        }
        let from = queues.walk.behind.take().map_or(Bound::Unbounded, Bound::Excluded);
        let walked = queues.keys.range((from, Bound::Unbounded)).take(WALK_KEYS).map(|(key, _)| key.clone());
        let walked: Vec<Key> = walked.collect();
        if walked.len() == WALK_KEYS {
            queues.walk.behind = walked.last().cloned();
        } else {
            queues.walk.not_before = now + WALK_EVERY;
            queues.withdraw_each(self, |queues, at, registration| match at.0 == me {
                true => !queues.own.contains_key(&at.1),
                false => now.saturating_sub(registration.seen_at) >= FORGET_AFTER,
            });
        }
        due.extend(walked);
        due
    }
}

fn tokens_of(bytes: &[u8]) -> impl Iterator<Item = u64> {
    bytes.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes))
}

impl Node {
    /// Tells an asker that it is its turn, unless it was told a moment ago. Whether an element is kept for it.
    pub(super) fn tell_asker(&self, node: NodeId, token: u64) -> bool {
        let (is_to_be_told, is_kept) = self.blocking.note_told(node, token, self.now());
        if is_to_be_told && node == self.config.id {
            self.blocking.has_turn(token, node);
        } else if is_to_be_told {
            self.tell_turn(node, token);
        }
        is_kept
    }

    /// The background's share: whoever was missed, or was told and did not come.
    #[cold]
    pub(crate) fn look_after_waiters(&self, worker: usize) {
        let due = self.blocking.due(self.config.id, self.now());
        if !due.is_empty() {
            let view = self.view_of_worker(worker);
            self.serve_waiters(&view, worker, due);
        }
    }
}
