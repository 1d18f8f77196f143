//! Clients that wait for keys: who waits for which, in which order, and how each of them ends.
//!
//! A command that finds nothing says what it would wait for ([`Wish`]); whether its client may wait is the session's business. A
//! waiter stands in a queue for each of its keys, first come, first served:
//!
//! ```text
//! (database, key) ─► places by age ─┬─ of a client here whose keys are all here ─► its request runs on whoever's thread made the
//!                                   │                                              key ready ([`serve`]), and it is handed the reply
//!                                   └─ of a client at a gateway ─► that one is told, and asks again ([`crate::gateway::blocking`])
//! ```
//!
//! Nobody polls: a waiter's connection sleeps until it is woken or its time is over. As long as nobody waits, a write costs one
//! relaxed load. That none is missed follows from the order of things: a waiter takes its place first, then looks at its keys again
//! under their locks; a writer changes a key under its lock, then looks for places.
//!
//! LOCK: `serving` before a stripe's lock; `queues` and a waiter's own locks are leaves, in this order.
//!
//! Not here: what commands do ([`crate::command::blocking`]), and what nodes tell each other of waiters (`blocking/peers.rs`).

mod peers;
mod serve;
#[cfg(test)]
mod tests;

use crate::clients::{Client, Wake};
use crate::command::{Command, Door};
use crate::gateway::{Fanout, Origin};
use crate::replication::hold::Hold;
use crate::stats::Outcome;
use crate::view::{Owner, View};
use crate::{Node, gateway, route};
use dcache_engine::Kind;
use dcache_protocol::error::WireError;
use dcache_protocol::resp::reply::{Reply, Version};
use dcache_protocol::{NodeId, Slot, slot_in, slot_of};
use parking_lot::Mutex;
pub(crate) use peers::Asker;
use peers::Registration;
pub(crate) use serve::Key;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Keys one request may wait for.
pub(crate) const KEYS_MAX: usize = 4096;

/// Places in all queues of a node, and what their keys take with them.
const PLACES_MAX: usize = 1 << 20;
const BYTES_MAX: usize = 64 << 20;
const PLACE_BYTES: usize = 128;

/// Slots are told apart so far when it is looked whether anybody waits for a key.
const BUCKETS: usize = 1024;

/// What a request that found nothing would wait for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    pub kind: Kind,
    pub keys: Vec<Box<[u8]>>,
    /// Of the monotonic clock; none: for ever.
    pub until: Option<Duration>,
    /// It also runs again when a key is gone or is of another kind.
    pub when_gone: bool,
    /// What is asked again in the request's place, where that means something else later.
    pub request: Option<Vec<u8>>,
}

/// One client of this node that waits, shared by its connection and whoever serves it.
pub(crate) struct Waiter {
    /// Of this request alone. Its age, too.
    pub token: u64,
    me: NodeId,
    client: Arc<Client>,
    door: Door,
    database: u16,
    version: Version,
    /// All keys of the request.
    keys: Vec<Box<[u8]>>,
    /// Those it has places for here.
    placed: Mutex<Vec<Box<[u8]>>>,
    /// Nodes, this one too, that keep a place for it as for an asker.
    known_at: Mutex<BTreeSet<NodeId>>,
    request: Mutex<Arc<[u8]>>,
    standing: Mutex<Standing>,
}

#[derive(Debug, Default)]
struct Standing {
    /// Its request runs, or is on its way.
    is_busy: bool,
    /// It is to be asked again.
    again: bool,
    end: Option<End>,
}

/// How a client's waiting ended.
#[derive(Debug)]
pub(crate) enum End {
    Served(Vec<u8>, Vec<Hold>),
    TimedOut,
    Failed(WireError),
}

impl Waiter {
    /// The caller alone may run its request from now on, until [`Waiter::release`].
    fn claim(&self) -> bool {
        let mut standing = self.standing.lock();
        let is_free = !standing.is_busy && standing.end.is_none();
        standing.is_busy |= is_free;
        is_free
    }

    fn release(&self) {
        self.standing.lock().is_busy = false;
        self.client.wake();
    }

    /// Has its connection ask again.
    fn ask_again(&self) {
        self.standing.lock().again = true;
        self.client.wake();
    }

    /// Ends it if nothing else has.
    fn end(&self, end: End) {
        self.standing.lock().end.get_or_insert(end);
        self.client.wake();
    }

    /// What was taken for it is handed to it, whatever else was about to end it.
    fn serve(&self, reply: Vec<u8>, holds: Vec<Hold>) {
        *self.standing.lock() = Standing { end: Some(End::Served(reply, holds)), ..Standing::default() };
        self.client.wake();
    }

    fn is_waiting(&self) -> bool {
        self.client.is_blocked.load(Relaxed)
    }
}

/// One waiter's place in the queue of one key.
#[derive(Clone)]
struct Place {
    who: Who,
    kind: Kind,
    when_gone: bool,
}

#[derive(Clone)]
enum Who {
    Own(Arc<Waiter>),
    /// Of this or another node's client, some of whose keys are elsewhere.
    Asker(NodeId, u64),
}

#[derive(Default)]
struct Queue {
    /// By age.
    places: BTreeMap<u64, Place>,
    when_gone: usize,
}

/// All waiters of a node, and those of other nodes that wait for its keys.
pub(crate) struct Registry {
    places: AtomicUsize,
    next: AtomicU64,
    /// Places by slot, about.
    buckets: Box<[AtomicU32]>,
    queues: Mutex<Queues>,
    /// One thread at a time serves, so that waiters are served in their order.
    serving: Mutex<()>,
    own_count: AtomicUsize,
    /// Has it said to other nodes who is gone.
    pub talk_wake: OnceLock<Wake>,
}

#[derive(Default)]
struct Queues {
    keys: BTreeMap<(u16, Box<[u8]>), Queue>,
    /// Places by database.
    databases: BTreeMap<u16, usize>,
    own: BTreeMap<u64, Arc<Waiter>>,
    askers: BTreeMap<(NodeId, u64), Registration>,
    /// Waiters that are gone, which others are to hear of.
    gone: BTreeMap<NodeId, Vec<u64>>,
    bytes: usize,
    /// Keys to be looked at with the next background step.
    soon: Vec<(u16, Box<[u8]>)>,
    walk: peers::Walk,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("places", &self.places).finish_non_exhaustive()
    }
}

impl Default for Registry {
    fn default() -> Registry {
        Registry {
            places: AtomicUsize::new(0),
            next: AtomicU64::new(1),
            buckets: (0..BUCKETS).map(|_| AtomicU32::new(0)).collect(),
            queues: Mutex::default(),
            serving: Mutex::default(),
            own_count: AtomicUsize::new(0),
            talk_wake: OnceLock::new(),
        }
    }
}

impl Queues {
    fn put(&mut self, registry: &Registry, at: (u16, &[u8]), age: u64, place: Place) -> Result<(), WireError> {
        let (database, key) = at;
        if registry.places.load(Relaxed) >= PLACES_MAX || self.bytes + key.len() > BYTES_MAX {
            return Err(WireError::Other("ERR too many clients wait for keys".into()));
        }
        let queue = self.keys.entry((database, key.into())).or_default();
        let when_gone = usize::from(place.when_gone);
        if queue.places.insert(age, place).is_none() {
            queue.when_gone += when_gone;
            self.bytes += key.len() + PLACE_BYTES;
            *self.databases.entry(database).or_default() += 1;
            registry.buckets[slot_of(key).index() % BUCKETS].fetch_add(1, Relaxed);
            registry.places.fetch_add(1, Relaxed);
        }
        Ok(())
    }

    fn take_out(&mut self, registry: &Registry, at: (u16, &[u8]), age: u64) {
        let (database, key) = at;
        let place_of = (database, Box::from(key));
        let Some(queue) = self.keys.get_mut(&place_of) else { return };
        let Some(place) = queue.places.remove(&age) else { return };
        queue.when_gone -= usize::from(place.when_gone);
        if queue.places.is_empty() {
            self.keys.remove(&place_of);
        }
        self.bytes = self.bytes.saturating_sub(key.len() + PLACE_BYTES);
        if let Some(count) = self.databases.get_mut(&database) {
            *count -= 1;
            if *count == 0 {
                self.databases.remove(&database);
            }
        }
        registry.buckets[slot_of(key).index() % BUCKETS].fetch_sub(1, Relaxed);
        registry.places.fetch_sub(1, Relaxed);
    }
}

impl Registry {
    /// Whether anybody waits for any key.
    #[inline]
    pub fn has_waiters(&self) -> bool {
        self.places.load(Relaxed) > 0
    }

    fn may_wait_for(&self, slot: Slot) -> bool {
        self.buckets[slot.index() % BUCKETS].load(Relaxed) > 0
    }

    /// Keys for which clients wait, and those of them that also matter when they are gone.
    pub fn key_counts(&self) -> (usize, usize) {
        let queues = self.queues.lock();
        (queues.keys.len(), queues.keys.values().filter(|queue| queue.when_gone > 0).count())
    }

    /// A client is about to wait. It has no place in a queue yet.
    pub fn begin(self: &Arc<Self>, origin: Origin, asked: Asked<'_>) -> Result<Blocked, WireError> {
        let keys: Vec<Box<[u8]>> = asked.keys;
        if keys.len() > KEYS_MAX {
            return Err(WireError::Other(format!("ERR a client may wait for {KEYS_MAX} keys")));
        }
        let waiter = Arc::new(Waiter {
            token: self.next.fetch_add(1, Relaxed),
            me: asked.me,
            client: Arc::clone(asked.client),
            door: asked.door,
            database: origin.database,
            version: origin.version,
            keys,
            placed: Mutex::default(),
            known_at: Mutex::default(),
            request: Mutex::new(asked.request.into()),
            standing: Mutex::new(Standing { is_busy: true, ..Standing::default() }),
        });
        self.queues.lock().own.insert(waiter.token, Arc::clone(&waiter));
        self.own_count.fetch_add(1, Relaxed);
        let registry = Arc::clone(self);
        Ok(Blocked { registry, waiter, origin, until: None, retry_at: None, has_waited: false })
    }

    /// Gives a waiter places in the queues of keys that are all here.
    fn place(&self, waiter: &Arc<Waiter>, wish: &Wish) -> Result<(), WireError> {
        let mut queues = self.queues.lock();
        let mut placed = waiter.placed.lock();
        for key in &wish.keys {
            let place = Place { who: Who::Own(Arc::clone(waiter)), kind: wish.kind, when_gone: wish.when_gone };
            queues.put(self, (waiter.database, key), waiter.token, place)?;
            placed.push(key.clone());
        }
        Ok(())
    }

    /// It stands in no queue of this node's any more.
    fn unplace(&self, waiter: &Waiter) {
        let mut queues = self.queues.lock();
        for key in waiter.placed.lock().drain(..) {
            queues.take_out(self, (waiter.database, &key), waiter.token);
        }
    }

    fn forget(&self, waiter: &Waiter) {
        self.unplace(waiter);
        let mut queues = self.queues.lock();
        if queues.own.remove(&waiter.token).is_some() {
            self.own_count.fetch_sub(1, Relaxed);
        }
        for node in std::mem::take(&mut *waiter.known_at.lock()) {
            match node == waiter.me {
                true => queues.give_up(self, node, waiter.token),
                false => queues.is_gone(node, waiter.token),
            }
        }
        let is_to_be_said = !queues.gone.is_empty();
        drop(queues);
        if let Some(wake) = self.talk_wake.get().filter(|_| is_to_be_said) {
            wake();
        }
    }

    /// Ends the waiting of a client, if it waits: `CLIENT UNBLOCK`.
    pub fn unblock(&self, client: u64, with_error: bool) -> bool {
        let queues = self.queues.lock();
        let waiter = queues.own.values().find(|waiter| waiter.client.id == client && waiter.is_waiting());
        let Some(waiter) = waiter.filter(|waiter| waiter.standing.lock().end.is_none()) else { return false };
        let error = || WireError::Other("UNBLOCKED client unblocked via CLIENT UNBLOCK".into());
        waiter.end(if with_error { End::Failed(error()) } else { End::TimedOut });
        true
    }

    /// Slots have other owners: clients at the cluster door are sent there, and those at the gateway ask there.
    pub fn follow(&self, before: &View, next: &View) {
        let has_moved = |slot: Slot| before.holder(slot) != next.holder(slot);
        let waiters: Vec<Arc<Waiter>> = self.queues.lock().own.values().cloned().collect();
        for waiter in waiters.iter().filter(|waiter| waiter.slots().any(has_moved)) {
            waiter.moved(next);
        }
        self.follow_askers(next);
    }
}

impl Waiter {
    fn slots(&self) -> impl Iterator<Item = Slot> {
        self.keys.iter().map(|key| slot_in(self.database, key))
    }

    /// Keys of it are, or may be, elsewhere.
    fn moved(&self, view: &View) {
        if self.door != Door::Cluster {
            return self.ask_again();
        }
        let Some(slot) = self.slots().next() else { return };
        match view.owner(slot) {
            Owner::Me => {}
            Owner::Other(node) => {
                let address = format!("{}:{}", node.host, node.port);
                self.end(End::Failed(WireError::Moved { slot, address }));
            }
            Owner::Down(node) => self.end(End::Failed(route::down(node))),
            Owner::Nobody => self.end(End::Failed(route::nobody())),
        }
    }
}

/// Of a client that is about to wait.
pub(crate) struct Asked<'a> {
    pub me: NodeId,
    pub client: &'a Arc<Client>,
    pub door: Door,
    pub keys: Vec<Box<[u8]>>,
    pub request: Vec<u8>,
}

/// A client's waiting, in its connection's hands. Dropped, the client does not wait any more.
pub struct Blocked {
    registry: Arc<Registry>,
    waiter: Arc<Waiter>,
    pub(crate) origin: Origin,
    /// When its time is over; none: never.
    pub(crate) until: Option<Duration>,
    /// Somebody could not be asked: when to ask again.
    pub(crate) retry_at: Option<Duration>,
    /// It has been asked everywhere once.
    pub(crate) has_waited: bool,
}

/// How it stands with a [`Blocked`].
#[derive(Debug)]
pub enum Waited {
    Still(Blocked),
    /// Its reply, and what that waits for.
    Done(Vec<u8>, Vec<Hold>),
    /// Other nodes are to be asked in its place.
    Ask(Fanout),
}

impl fmt::Debug for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blocked").field("token", &self.waiter.token).finish_non_exhaustive()
    }
}

impl Blocked {
    /// Ends the client's connection.
    pub(crate) fn hang_up(&self) {
        self.waiter.client.kill();
    }

    pub(crate) fn token(&self) -> u64 {
        self.waiter.token
    }

    pub(crate) fn door(&self) -> Door {
        self.waiter.door
    }

    pub(crate) fn request(&self) -> Arc<[u8]> {
        Arc::clone(&self.waiter.request.lock())
    }

    /// Its request means something else later: this is asked from now on.
    pub(crate) fn rewrite(&self, request: Vec<u8>) {
        *self.waiter.request.lock() = request.into();
    }

    /// A node keeps a place for it, and is to hear when it is gone.
    pub(crate) fn is_known_at(&self, node: NodeId) {
        self.waiter.known_at.lock().insert(node);
    }

    /// That node keeps none any more.
    pub(crate) fn is_unknown_at(&self, node: NodeId) {
        self.waiter.known_at.lock().remove(&node);
    }

    /// It waits for keys that are all here.
    pub(crate) fn wait_here(&mut self, wish: Wish) -> Result<(), WireError> {
        self.until = wish.until;
        self.registry.place(&self.waiter, &wish)?;
        if let Some(request) = wish.request {
            self.rewrite(request);
        }
        self.has_waited = true;
        Ok(())
    }

    /// From now on it may be served, and be ended.
    pub(crate) fn rest(&self) {
        self.waiter.client.is_blocked.store(true, Relaxed);
        self.waiter.standing.lock().is_busy = false;
    }

    /// When to look again at the latest, by the node's clock.
    pub fn deadline(&self) -> Option<Duration> {
        // Whoever runs its request wakes it.
        if self.waiter.standing.lock().is_busy {
            return None;
        }
        self.until.into_iter().chain(self.retry_at).min()
    }

    /// What it keeps in memory.
    pub fn bytes(&self) -> usize {
        let keys: usize = self.waiter.keys.iter().map(|key| 2 * key.len() + PLACE_BYTES).sum();
        keys + self.waiter.request.lock().len()
    }

    /// Looks how it stands, on the connection's own thread.
    pub fn look(mut self, node: &Node) -> Waited {
        let now = node.now();
        {
            let mut standing = self.waiter.standing.lock();
            if standing.is_busy {
                drop(standing);
                return Waited::Still(self);
            }
            if let Some(end) = standing.end.take() {
                drop(standing);
                return self.over(node, end);
            }
            if self.until.is_some_and(|until| until <= now) {
                drop(standing);
                return self.over(node, End::TimedOut);
            }
            let is_due = self.retry_at.is_some_and(|at| at <= now);
            if !standing.again && !is_due {
                drop(standing);
                return Waited::Still(self);
            }
            standing.again = false;
            standing.is_busy = true;
        }
        self.retry_at = None;
        // Where it has places is found out anew.
        self.registry.unplace(&self.waiter);
        gateway::blocking::resume(node, self)
    }

    /// The reply to how it ended.
    pub(crate) fn over(self, node: &Node, end: End) -> Waited {
        let origin = self.origin;
        let (mut reply, mut holds) = (Vec::new(), Vec::new());
        match end {
            End::Served(bytes, held) => (reply, holds) = (bytes, held),
            // Whatever the command: as Redis.
            End::TimedOut => Reply::new(&mut reply, origin.version).null_array(),
            End::Failed(error) => Reply::new(&mut reply, origin.version).error(&error),
        }
        let stats = node.stats().worker(origin.worker);
        let is_error = reply.first() == Some(&b'-');
        if is_error {
            stats.record_error(&reply);
        }
        let outcome = if is_error { Outcome::Failed } else { Outcome::Answered };
        // How long it waited is not how long it took.
        stats.record(usize::from(origin.command.id), Duration::ZERO, outcome, 1);
        if origin.is_silent {
            reply.clear();
            holds.clear();
        }
        stats.bytes_out.add(reply.len() as u64);
        Waited::Done(reply, holds)
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        self.waiter.client.is_blocked.store(false, Relaxed);
        self.registry.forget(&self.waiter);
    }
}

/// All keys of a request.
pub(crate) fn keys_of(command: &'static Command, args: dcache_protocol::resp::parse::Args<'_>) -> Vec<Box<[u8]>> {
    crate::command::keys_of(command, args).map(Box::from).collect()
}
