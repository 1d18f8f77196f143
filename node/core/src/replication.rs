//! Copies of partitions on this node: each partition's replication machine, between the engine and the other nodes.
//!
//! ```text
//!  command ─► engine ─ before each change ─► record ─► the partition's log
//!                                                         │ flush, after a batch
//!  other node ◄─ its Queue ◄─────────────────────────── Append
//!  other node ─► receive ─► Ack ─► committed ─► held replies go out
//!                       └─► Append ─► log ─► applied to the engine once committed
//! ```
//!
//! The engine tells what it is about to change, under its stripe's lock; so a partition's log has its changes in the order they
//! were made, expiry and eviction included. What the log is for and how it is kept is in [`dcache_cluster::replication`];
//! here its outputs are carried out.
//!
//! | lock | held while | taken before |
//! |---|---|---|
//! | `order`, of a partition | a message or a new configuration is worked off | `stagings` |
//! | `stagings`, of a partition | what other copies did is done | the stripes' |
//! | the stripes', in the engine | a change is made | `state` |
//! | `state`, of a partition | its machine is stepped | the queues' |
//!
//! Left out: sockets, and when it is decided who serves what (`failover` in `cluster`).

mod apply;
pub mod effect;
mod figures;
mod freshness;
pub(crate) mod guard;
pub mod hold;
pub mod queue;
mod staging;
mod stale;
mod steps;
#[cfg(test)]
mod tests;
mod throttle;
mod walk;
mod wire;

use crate::Clock;
use crate::clients::Wake;
use crate::events::{Class, Event, Events};
use crate::gateway::copies::Reached;
use bytes::BytesMut;
use dcache_cluster::failover::Change as Proposal;
use dcache_cluster::failover::Member;
use dcache_cluster::metadata::Metadata;
use dcache_cluster::mutant::{Rule, is_broken};
use dcache_cluster::replication::Standing as Copy;
use dcache_cluster::replication::{Lag, Output, Replica};
use dcache_engine::{Cause, Change, Journal, NamespaceId};
use dcache_protocol::namespace::{DATABASES, PINNED};
use dcache_protocol::{NodeId, PartitionId, SlotRange};
use effect::Effect;
use freshness::Freshness;
use hold::{Hold, Standing};
use parking_lot::Mutex;
use queue::Queues;
use staging::Stagings;
use stale::Stale;
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::ops::RangeInclusive;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use throttle::Throttle;

/// Bytes of log a partition keeps for copies that come back; all partitions together keep this much, about.
const BACKLOG_BYTES: u64 = 64 << 20;

/// Bytes of log at which a copy that does not keep up is not waited for any more: of all partitions together, about, and of
/// one alone.
const LOG_BYTES_MAX: u64 = 256 << 20;
const LOG_BYTES_LEAST: u64 = 4 << 20;

/// Small effects of a partition lie in pieces of memory of so many bytes, which go when the last of them is forgotten.
const ROOM_BYTES: usize = 4096;

/// Bits of a namespace's kind.
const REPLICATED: u8 = 1;
const STRONG: u8 = 2;
/// Strong, and reads are confirmed by all copies in sync.
const CONFIRM: u8 = 4;
/// Eventual, and any copy that is new enough answers reads.
const ANY_COPY: u8 = 8;
/// Eventual, and written to without a lease.
const MINORITY: u8 = 16;

/// What this node is to a partition.
const NOTHING: u8 = 0;
const BACKUP: u8 = 1;
const PRIMARY: u8 = 2;

/// All partitions' copies on this node.
#[derive(Debug)]
pub struct Replication {
    clock: Clock,
    /// For what the engine lets go.
    events: Arc<Events>,
    /// Made when the cluster is known: the number of partitions never changes.
    partitions: OnceLock<Partitions>,
    /// What the partitions' machines know of. LOCK: before all others here.
    configured: Mutex<Option<Arc<Metadata>>>,
    /// By namespace id.
    kinds: [AtomicU8; 256],
    is_read_from_copies: AtomicBool,
    /// Partitions with something to send.
    changed: Mutex<Vec<PartitionId>>,
    has_changed: AtomicBool,
    proposals: Proposals,
    pieces: Mutex<VecDeque<Piece>>,
    rests: Mutex<VecDeque<Rest>>,
    /// Of what goes along with partitions that move.
    throttle: Throttle,
    /// What is to go to other nodes.
    pub queues: Queues,
    freshness: Freshness,
    taken_over: AtomicU64,
    discarded: AtomicU64,
}

/// Changes of copies to be brought to the metadata leader.
#[derive(Default)]
struct Proposals {
    /// Of each partition.
    newest: Mutex<BTreeMap<PartitionId, (u64, Proposal)>>,
    /// Tells whoever takes them of the first.
    teller: OnceLock<Wake>,
}

impl std::fmt::Debug for Proposals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proposals").field("newest", &self.newest).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Partitions {
    slots_each: u16,
    list: Box<[Partition]>,
}

/// A piece of a full sync that somebody waits for.
#[derive(Clone, Copy, Debug)]
struct Piece {
    partition: PartitionId,
    to: Member,
    attempt: u64,
    cursor: Option<u64>,
}

/// A piece of what is not copied and goes along with a partition that moves.
#[derive(Clone, Copy, Debug)]
struct Rest {
    partition: PartitionId,
    to: Member,
    cursor: Option<u64>,
}

/// One partition's copy here, if there is one.
#[derive(Debug)]
struct Partition {
    slots: SlotRange,
    /// The term in which this node serves it; 0: it does not, or not now.
    serving: AtomicU64,
    role: AtomicU8,
    /// The generation in which this node serves it with no other copies, so without a log; 0: it does not.
    alone: AtomicU64,
    /// It is on its way to other nodes, and how far, in percent of what is to be read.
    is_moving: AtomicBool,
    progress: AtomicU8,
    /// It is on its way here, with what is in no other copy.
    is_goal: AtomicBool,
    /// For whom what is done in namespaces without copies is recorded too, since the partition goes there; 0: for nobody.
    addressee: AtomicU64,
    /// Members in sync, this one included.
    in_sync: AtomicU8,
    /// How far the log is committed, in the term in which this node serves it.
    committed: AtomicU64,
    /// An entry of the log may be uncommitted.
    is_unsettled: AtomicBool,
    /// As a backup it has all that its primary had when it was asked then ([`freshness`]); 0: of no known age.
    fresh_at: AtomicU64,
    /// Steps whose changes are on their way into the store.
    is_applying: AtomicBool,
    /// It is in the list of those with something to send.
    is_changed: AtomicBool,
    /// A tick may have something to do.
    is_busy: AtomicBool,
    /// What is being dropped; none: nothing. LOCK: taken before the stripes'.
    stale: Mutex<Option<Stale>>,
    has_stale: AtomicBool,
    order: Mutex<()>,
    /// What comes in parts and is not whole yet. LOCK: taken under `order`, and before the stripes'.
    stagings: Mutex<Stagings>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    replica: Option<Replica>,
    /// Whom to wake when a seq is committed.
    waiters: Vec<(u64, Wake)>,
    /// The term that ended last here, and how far it was committed.
    ended: (u64, u64),
    /// While other copies lack something: moments, and the last seq recorded about then, in order.
    marks: VecDeque<(Duration, u64)>,
    /// Once it has this seq in its store, it is as new as its primary was when it was asked.
    awaited_level: Option<(u64, u64)>,
    /// Where the next effects are written.
    room: BytesMut,
    outputs: Vec<Output>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("replica", &self.replica).finish_non_exhaustive()
    }
}

thread_local! {
    /// What the command that runs on this thread had recorded in strong namespaces.
    static RECORDED: RefCell<Vec<(PartitionId, Position)>> = const { RefCell::new(Vec::new()) };
}

/// An entry of a partition's log: its seq, in the term in which it was appended.
#[derive(Clone, Copy, Debug)]
struct Position {
    term: u64,
    seq: u64,
}

impl Journal for Replication {
    fn gone(&self, database: u16, key: &[u8], cause: Cause) {
        let (class, name) = match cause {
            Cause::Deleted => return,
            Cause::Expired => (Class::EXPIRED, "expired"),
            Cause::Evicted => (Class::EVICTED, "evicted"),
        };
        // What memcached's clients have beside a value goes with it, and is no key.
        let database = database & !PINNED;
        if database < DATABASES && self.events.is_of_use(class) {
            self.events.note(Event { class, name, database, key: key.into(), by: 0 });
        }
    }

    fn fields_gone(&self, database: u16, key: &[u8], is_last: bool) {
        let events = [(Class::HASH, "hexpired"), (Class::GENERIC, "del")];
        for (class, name) in events.into_iter().take(1 + usize::from(is_last)) {
            if self.events.is_of_use(class) {
                self.events.note(Event { class, name, database: database % DATABASES, key: key.into(), by: 0 });
            }
        }
    }

    /// Called by the engine before it changes an entry of a slot of which this node holds a copy.
    fn record(&self, slot: u16, change: Change<'_>) -> bool {
        let Some((number, partition)) = self.of_slot(slot) else { return true };
        let mut ops = Vec::new();
        let (namespace, key, effect, is_asked_for) = match change {
            Change::Set { database, key, hash, value, expires_at_ms, namespace } => {
                (namespace, hash, Effect::set((database, slot), key, value, expires_at_ms, &mut ops), true)
            }
            Change::Edit { database, key, hash, ops, namespace } => {
                (namespace, hash, Effect::Edit { database, slot, key, ops }, true)
            }
            Change::Expiry { database, key, hash, expires_at_ms, namespace } => {
                (namespace, hash, Effect::Expiry { database, slot, key, expires_at_ms }, true)
            }
            Change::Remove { database, key, hash, namespace, cause } => {
                (namespace, hash, Effect::Remove { database, slot, key }, cause != Cause::Evicted)
            }
        };
        let role = partition.role.load(Relaxed);
        if role == NOTHING {
            // Its copies were given up a moment ago; it may serve on alone.
            return partition.alone.load(Acquire) != 0;
        }
        if role == BACKUP {
            // There was no room for anything else.
            partition.fresh_at.store(0, Relaxed);
            partition.state.lock().replica.iter_mut().for_each(Replica::note_lossy);
            return true;
        }
        let kind = self.kinds[usize::from(namespace.0)].load(Relaxed);
        let is_expiry = matches!(change, Change::Remove { cause: Cause::Expired, .. });
        if is_expiry && is_broken(Rule::ExpiryIsLogged) {
            return true;
        }
        if kind & REPLICATED == 0 {
            return match partition.addressee.load(Acquire) {
                0 => partition.serving.load(Acquire) != 0,
                node => self.append(number, partition, None, Some(NodeId(node)), effect).is_some(),
            };
        }
        let is_strong = kind & STRONG != 0;
        let Some(position) = self.append(number, partition, is_strong.then_some(key), None, effect) else {
            return false;
        };
        if is_strong && is_asked_for {
            RECORDED.with_borrow_mut(|recorded| recorded.push((number, position)));
        }
        true
    }
}

impl Replication {
    pub(crate) fn new(clock: Clock, events: Arc<Events>) -> Replication {
        Replication {
            clock,
            events,
            partitions: OnceLock::new(),
            configured: Mutex::default(),
            kinds: [const { AtomicU8::new(0) }; 256],
            is_read_from_copies: AtomicBool::new(false),
            changed: Mutex::default(),
            has_changed: AtomicBool::new(false),
            proposals: Proposals::default(),
            pieces: Mutex::default(),
            rests: Mutex::default(),
            throttle: Throttle::default(),
            queues: Queues::default(),
            freshness: Freshness::default(),
            taken_over: AtomicU64::new(0),
            discarded: AtomicU64::new(0),
        }
    }

    fn of_slot(&self, slot: u16) -> Option<(PartitionId, &Partition)> {
        let partitions = self.partitions.get()?;
        let number = slot / partitions.slots_each;
        Some((PartitionId(number), partitions.list.get(usize::from(number))?))
    }

    fn of(&self, number: PartitionId) -> Option<&Partition> {
        self.partitions.get()?.list.get(number.index())
    }

    /// Appends to the log of a partition this node serves; none: it does not, and nothing may be changed.
    fn append(
        &self,
        number: PartitionId,
        partition: &Partition,
        key: Option<u64>,
        addressee: Option<NodeId>,
        effect: Effect<'_>,
    ) -> Option<Position> {
        let length = effect.len_max() + addressee.map_or(0, |_| effect::addressee_len());
        let large = (length > ROOM_BYTES / 4).then(|| {
            let mut bytes = Vec::with_capacity(length);
            addressee.into_iter().for_each(|node| effect::put_addressee(node, &mut bytes));
            effect.encode(&mut bytes);
            bytes.into()
        });
        let mut state = partition.state.lock();
        if partition.serving.load(Relaxed) == 0 {
            return None;
        }
        // The lease is looked at once a batch, by the session.
        let State { replica, room, .. } = &mut *state;
        let bytes = large.unwrap_or_else(|| {
            if room.capacity() < length {
                *room = BytesMut::with_capacity(ROOM_BYTES);
            }
            addressee.into_iter().for_each(|node| effect::put_addressee(node, room));
            effect.encode(room);
            room.split().freeze()
        });
        let replica = replica.as_mut()?;
        let seq = replica.write(Duration::ZERO, key, bytes).ok()?;
        let position = Position { term: replica.configuration().term, seq };
        partition.is_unsettled.store(true, Relaxed);
        drop(state);
        partition.is_busy.store(true, Relaxed);
        self.note_changed(number, partition);
        Some(position)
    }

    fn note_changed(&self, number: PartitionId, partition: &Partition) {
        if !partition.is_changed.swap(true, Relaxed) {
            self.changed.lock().push(number);
            self.has_changed.store(true, Release);
        }
    }

    /// Whether anything was recorded that is not sent yet.
    pub fn has_changed(&self) -> bool {
        self.has_changed.load(Acquire)
    }

    /// Puts what was recorded into the queues of the nodes it is for.
    pub fn flush(&self) {
        if !self.has_changed() {
            return;
        }
        let changed = {
            let mut changed = self.changed.lock();
            self.has_changed.store(false, Relaxed);
            std::mem::take(&mut *changed)
        };
        let now = (self.clock.monotonic)();
        for number in changed {
            let Some(partition) = self.of(number) else { continue };
            partition.is_changed.store(false, Relaxed);
            let mut state = partition.state.lock();
            let State { replica: Some(replica), waiters, outputs, marks, .. } = &mut *state else { continue };
            replica.flush(now, outputs);
            figures::mark(marks, now, replica);
            self.hand_out(number, outputs, |_| unreachable!("a flush only sends"));
            // With no other copy in sync all of it is committed now.
            partition.committed.store(replica.commit(), Release);
            wake_committed(waiters, replica.commit());
            partition.is_unsettled.store(!is_settled(replica), Release);
        }
    }

    /// Forgets what earlier commands of this thread recorded.
    pub(crate) fn begin_command() {
        RECORDED.with_borrow_mut(Vec::clear);
    }

    /// What the command that ran on this thread recorded in strong namespaces, as holds for its reply.
    pub(crate) fn recorded(&self, range: std::ops::Range<usize>, holds: &mut Vec<Hold>) -> bool {
        RECORDED.with_borrow_mut(|recorded| {
            let any = !recorded.is_empty();
            for (partition, Position { term, seq }) in recorded.drain(..) {
                holds.push(Hold { partition, term, seq, start: range.start, end: range.end, is_read: false });
            }
            any
        })
    }

    /// Sends to the queues, keeps proposals and wanted pieces, and hands everything else to `rest`, in order.
    fn hand_out(&self, number: PartitionId, outputs: &mut Vec<Output>, mut rest: impl FnMut(Output)) {
        for output in outputs.drain(..) {
            match output {
                Output::Send(to, message) => {
                    self.queues.of(to.node).push(|out| wire::encode(number, &message, out));
                }
                Output::Propose { version, change } => {
                    let mut newest = self.proposals.newest.lock();
                    newest.insert(number, (version, change));
                    if newest.len() == 1 {
                        self.proposals.teller.get().into_iter().for_each(|tell| tell());
                    }
                }
                Output::ReadChunk { to, attempt, cursor } => {
                    self.pieces.lock().push_back(Piece { partition: number, to, attempt, cursor });
                }
                Output::ReadRest { to, cursor } => {
                    self.rests.lock().push_back(Rest { partition: number, to, cursor });
                }
                // The metadata log brings it by itself.
                Output::FetchConfiguration => {}
                other => rest(other),
            }
        }
    }

    /// Changes of partitions' copies that this node asks the metadata leader for.
    pub fn take_proposals(&self) -> Vec<(PartitionId, u64, Proposal)> {
        let proposals = std::mem::take(&mut *self.proposals.newest.lock());
        proposals.into_iter().map(|(number, (version, change))| (number, version, change)).collect()
    }

    /// Has `wake` called when there is something to take; once in the node's life.
    pub fn tell_of_proposals(&self, wake: Wake) {
        // A second one would be a second taker, of which there is none.
        let _ = self.proposals.teller.set(wake);
    }

    pub fn has_proposals(&self) -> bool {
        !self.proposals.newest.lock().is_empty()
    }

    pub(crate) fn is_replicated(&self, namespace: NamespaceId) -> bool {
        self.kinds[usize::from(namespace.0)].load(Relaxed) & REPLICATED != 0
    }

    /// Whether any namespace has no copies.
    fn has_uncopied(&self) -> bool {
        !is_broken(Rule::RestGoesAlong) && self.kinds.iter().any(|kind| kind.load(Relaxed) & REPLICATED == 0)
    }

    pub(crate) fn is_strong(&self, namespace: NamespaceId) -> bool {
        self.kind(namespace) & STRONG != 0
    }

    /// Whether any namespace lets copies answer.
    #[inline]
    pub(crate) fn is_read_from_copies(&self) -> bool {
        self.is_read_from_copies.load(Relaxed)
    }

    /// Whether copies may answer reads of a namespace; `allowed`: whoever reads does not mind.
    pub(crate) fn may_read_copies(&self, namespace: NamespaceId, allowed: bool) -> bool {
        let kind = self.kind(namespace);
        kind & (REPLICATED | STRONG) == REPLICATED && (allowed || kind & ANY_COPY != 0)
    }

    pub(crate) fn kind(&self, namespace: NamespaceId) -> u8 {
        self.kinds[usize::from(namespace.0)].load(Relaxed)
    }

    /// The term in which this node serves a partition now; 0: it does not.
    pub(crate) fn serving(&self, number: PartitionId) -> u64 {
        self.of(number).map_or(0, |partition| partition.serving.load(Acquire))
    }

    /// Whether what this node has of a partition is what its primary has, be it about to hand over.
    pub(crate) fn is_primary(&self, number: PartitionId) -> bool {
        let is_so =
            |partition: &Partition| partition.role.load(Acquire) == PRIMARY || partition.serving.load(Acquire) != 0;
        self.of(number).is_some_and(is_so)
    }

    /// Members in sync of a partition this node serves.
    pub(crate) fn in_sync(&self, number: PartitionId) -> u8 {
        self.of(number).map_or(0, |partition| partition.in_sync.load(Relaxed))
    }

    /// What a key's present value waits for, told after it was read in that term.
    pub(crate) fn standing_of_key(&self, number: PartitionId, term: u64, key: u64) -> Standing {
        let Some(partition) = self.of(number) else { return Standing::Lost };
        // Looked at after the read: whoever took over did so after this node had stopped serving.
        if partition.serving.load(Acquire) == term && !partition.is_unsettled.load(Acquire) {
            return Standing::Ready;
        }
        let state = partition.state.lock();
        let Some(replica) = state.replica.as_ref().filter(|_| partition.serving.load(Relaxed) == term) else {
            return Standing::Lost;
        };
        match replica.read(Duration::ZERO, key) {
            Ok(seq) if seq <= replica.commit() || is_broken(Rule::ReadsAreHeld) => Standing::Ready,
            Ok(seq) => Standing::Waiting(seq),
            Err(_) => Standing::Lost,
        }
    }

    /// The seq that must be committed for what was read in a term to be the newest, whatever the clocks say; none: it was not.
    pub(crate) fn confirm(&self, number: PartitionId, term: u64) -> Option<u64> {
        let partition = self.of(number)?;
        let mut state = partition.state.lock();
        if partition.serving.load(Relaxed) != term {
            return None;
        }
        let seq = state.replica.as_mut()?.confirm(Duration::ZERO).ok()?;
        partition.is_unsettled.store(true, Relaxed);
        drop(state);
        partition.is_busy.store(true, Relaxed);
        self.note_changed(number, partition);
        Some(seq)
    }

    /// How many other copies have acknowledged an entry of a partition served here; in another term, or with term 0, the last
    /// one there is now.
    pub(crate) fn reached(&self, number: PartitionId, term: u64, seq: u64) -> Reached {
        let Some(partition) = self.of(number) else { return Reached { term, seq, copies: 0 } };
        let state = partition.state.lock();
        let serving = partition.serving.load(Relaxed);
        let Some(replica) = state.replica.as_ref().filter(|_| serving != 0) else {
            return Reached { term, seq, copies: 0 };
        };
        let end = replica.last().seq;
        let (term, seq) = if term == serving { (term, seq.min(end)) } else { (serving, end) };
        let has_it = |lag: &Lag| lag.standing == Copy::InSync && lag.unacknowledged <= end - seq;
        Reached { term, seq, copies: replica.lags().filter(has_it).count() as u64 }
    }

    /// How it stands with what a reply waits for.
    pub fn standing(&self, hold: &Hold) -> Standing {
        let Some(partition) = self.of(hold.partition) else { return Standing::Lost };
        if is_broken(Rule::WritesAreHeld) {
            return Standing::Ready;
        }
        // What is read between two looks at the term is of that term: it is set to 0 before anything else of another one.
        let serves = || partition.serving.load(Acquire) == hold.term;
        if serves() && partition.committed.load(Acquire) >= hold.seq && serves() {
            return Standing::Ready;
        }
        let state = partition.state.lock();
        let had_all = state.ended.0 == hold.term && hold.seq <= state.ended.1;
        let Some(replica) = &state.replica else { return if had_all { Standing::Ready } else { Standing::Lost } };
        if replica.configuration().term == hold.term && replica.is_primary() {
            return if hold.seq <= replica.commit() { Standing::Ready } else { Standing::Waiting(hold.seq) };
        }
        // What every copy in sync had before the term ended is in the next one.
        if had_all { Standing::Ready } else { Standing::Lost }
    }

    /// Calls `wake` when it stands otherwise with a hold.
    pub fn wait_for(&self, hold: &Hold, wake: Wake) {
        if let Some(partition) = self.of(hold.partition) {
            let mut state = partition.state.lock();
            let waits = state.replica.as_ref().is_some_and(|replica| {
                replica.is_primary() && replica.configuration().term == hold.term && replica.commit() < hold.seq
            });
            if waits {
                state.waiters.push((hold.seq, wake));
                return;
            }
        }
        wake();
    }
}

impl Partition {
    fn new(slots: SlotRange) -> Partition {
        Partition {
            slots,
            serving: AtomicU64::new(0),
            role: AtomicU8::new(NOTHING),
            alone: AtomicU64::new(0),
            is_moving: AtomicBool::new(false),
            progress: AtomicU8::new(0),
            is_goal: AtomicBool::new(false),
            addressee: AtomicU64::new(0),
            in_sync: AtomicU8::new(0),
            committed: AtomicU64::new(0),
            fresh_at: AtomicU64::new(0),
            is_applying: AtomicBool::new(false),
            is_unsettled: AtomicBool::new(false),
            is_changed: AtomicBool::new(false),
            is_busy: AtomicBool::new(false),
            stale: Mutex::default(),
            has_stale: AtomicBool::new(false),
            order: Mutex::default(),
            stagings: Mutex::default(),
            state: Mutex::default(),
        }
    }

    fn slots(&self) -> RangeInclusive<u16> {
        self.slots.first.number()..=self.slots.last.number()
    }
}

fn wake_committed(waiters: &mut Vec<(u64, Wake)>, commit: u64) {
    waiters.retain(|(seq, wake)| {
        let waits = *seq > commit;
        if !waits {
            wake();
        }
        waits
    });
}

/// Whether all that the store says may be told.
fn is_settled(replica: &Replica) -> bool {
    replica.is_primary() && replica.commit() == replica.last().seq
}
