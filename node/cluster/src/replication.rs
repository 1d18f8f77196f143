//! One copy of a partition: the log of effects, who has how much of it, and when an entry is committed.
//!
//! ```text
//!   primary:  write ─► log ─► Append to the peers ─► Ack ─► committed when every member in sync has it ─► reply
//!   backup:   Append ─► log ─► Ack;  applied to the store once committed, so a tail that is cut was never applied
//!   learner:  Behind ─► Chunk, Chunk … of the primary's store, and its log from where the first was read ─► Ack
//! ```
//!
//! An acknowledged entry is on every member in sync, and only these can become primary: no clock is needed for that. Reads
//! rest on the primary's lease. A member that is to become in sync counts for commits before that is agreed, so there is no
//! moment in which it could take over without an entry that was acknowledged. What a new primary has beyond its commit is
//! neither lost nor known to be acknowledged: reads wait until all of it is committed.
//!
//! A full sync needs no moment at which the store stands still. Its pieces are read while the primary goes on writing, each as
//! the store is then, and the log from before the first piece is applied over them. Effects are absolute (a whole value, or
//! nothing), so doing again what a piece has already leads to the same store, once everything up to the last piece is applied.
//! Until then the copy holds a mixture, with effects that may never be committed: it is nobody's data, and a change of the term
//! ends it. A piece that was read before what the copy has applied meanwhile would bring old values back, and ends it too.
//!
//! A copy that has lost entries by itself (*lossy*) answers misses for what other copies hold. As primary it serves nobody until
//! it is the only one in sync, and then begins its log at a place no other copy has: all others can but come by a full sync, and
//! what was missing once stays so.
//!
//! Sources: PacificA (Lin et al., 2008), Viewstamped Replication Revisited (Liskov, Cowling, 2012); what is agreed is in
//! [`crate::failover`].
//!
//! Pure: the host says what came and what time it is, and does what [`Output`] asks, in order. Left out: the store, how messages
//! travel, how many syncs a node runs at once, leases' length.
//!
//! With the feature `mutants` each rule can be broken, so that the simulator can show that it would notice.

mod backup;
mod dirty;
mod log;
mod moving;
mod primary;
#[cfg(test)]
mod tests;

use crate::failover::{Change, Configuration, Member};
use bytes::Bytes;
use dirty::Dirty;
use log::Log;
use moving::Carry;
use primary::Peer;
use std::time::Duration;

pub use primary::{Lag, Standing};

/// What a write did, to be done again by the other copies: absolute values and times, nothing left to decide. Empty: nothing.
pub type Effect = Bytes;

/// Entries of one message at most.
const BATCH: usize = 512;

/// Bytes of entries sent to a peer beyond what it acknowledged, at most; one entry may always be.
const IN_FLIGHT_BYTES: u64 = 1 << 20;

/// Chunks sent to a learner beyond what it acknowledged, at most.
const WINDOW: u64 = 4;

/// An entry not acknowledged for so long is sent again.
const RESEND_AFTER: Duration = Duration::from_millis(60);

/// A member that acknowledges nothing for so long, with entries on their way to it, is proposed to leave the in-sync set.
const SILENT_AFTER: Duration = Duration::from_millis(300);

/// A sync with chunks on their way and nothing that came back for so long begins anew.
const SNAPSHOT_AGAIN_AFTER: Duration = Duration::from_millis(300);

/// A proposal is made again after this: it may have been lost.
const REPROPOSE_AFTER: Duration = Duration::from_millis(100);

/// Where an entry stands. Two logs that have the same entry at a place have the same before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    pub term: u64,
    pub seq: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub position: Position,
    pub effect: Effect,
}

/// Between two copies; about a log of this generation, and good in this term alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    pub from: Member,
    pub generation: u64,
    pub term: u64,
    pub body: Body,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// From the primary: entries after a place, which are its own, and how far all is committed. `term_start` is the end of
    /// its log when its term began.
    Append { previous: Position, entries: Vec<Entry>, commit: u64, term_start: u64 },
    /// The log is the primary's up to `seq`; the store has what came up to `applied`. `attempt`: of the syncs this copy asked
    /// for; while it runs, the copy has not all data.
    Ack { seq: u64, applied: u64, attempt: u64, has_data: bool },
    /// What was appended does not fit; this is a place from which it might. None: there is no data at all. A sync is accepted
    /// when it names this attempt.
    Behind { known: Option<Position>, attempt: u64 },
    /// A piece of the store, which holds what came up to `as_of`. The log goes on from `start`. On the last one, `end`: all data
    /// is there once everything up to that seq is applied.
    Chunk { attempt: u64, index: u64, start: Position, as_of: u64, state: Effect, end: Option<u64> },
    /// The chunks up to this one are in the store.
    Loaded { attempt: u64, index: u64 },
    /// That sync does not go on; ask for another one.
    GivenUp { attempt: u64 },
    /// The sender's term is over.
    Newer,
}

/// What the host is to do, in this order.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    Send(Member, Message),
    /// Bring to the metadata leader.
    Propose {
        version: u64,
        change: Change,
    },
    /// Do this to the store, one after the other.
    Apply(Vec<Effect>),
    /// Empty the store.
    Clear,
    /// Put these entries into the store, besides what it has and over it.
    Load(Effect),
    /// Read the next piece of the store, from its beginning if there is no cursor, and hand it to [`Replica::send_chunk`]; any
    /// time later, if [`Replica::wants_chunk`] still.
    ReadChunk {
        to: Member,
        attempt: u64,
        cursor: Option<u64>,
    },
    /// Tell the log the next piece of what the store has in namespaces without copies, addressed to that member, from the
    /// beginning if there is no cursor, and say so by [`Replica::carried`]; any time later, if [`Replica::wants_rest`] still.
    ReadRest {
        to: Member,
        cursor: Option<u64>,
    },
    /// Fetch what is agreed: others know newer.
    FetchConfiguration,
}

/// Why an operation was not even begun. It certainly did not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("another node is primary")]
    NotPrimary,
    #[error("the lease has run out: this node may have been replaced")]
    NoLease,
    #[error("the partition is being handed over")]
    Parked,
    #[error("this copy lost entries and does not serve before it is alone in sync")]
    AloneFirst,
    #[error("fewer copies are in sync than the namespace asks for")]
    TooFewInSync,
}

/// A rule to break.
#[cfg(feature = "mutants")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    ReadsWithoutLease,
    CommitIgnoresPending,
    AckBeforeAll,
    ReadsUncommitted,
    TransferWithoutParking,
    KeepsConflictingTail,
    CutsBeyondResend,
    AcceptsOldAttempt,
    LoadsOldChunk,
    WholeBeforeEnd,
    ExpandsBeforeEnd,
    ServesHalfInNewTerm,
    KeepsNoLogForSync,
    LossyServesAtOnce,
    LossyGoesOnByLog,
}

/// What this copy has of the partition's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Data {
    None,
    /// The first chunks of a sync; `next` is due, `end` is known with the last one.
    Some {
        next: u64,
        end: Option<u64>,
    },
    All,
}

/// One copy of one partition.
#[derive(Debug)]
pub struct Replica {
    me: Member,
    configuration: Configuration,
    learners: Vec<Member>,
    min_in_sync: usize,
    /// Of what the log begins after and what is applied.
    data: Data,
    /// The store has lost entries that other copies hold.
    is_lossy: bool,
    log: Log,
    /// The store holds everything up to here; after a sync has begun, besides what its chunks hold of what comes after.
    applied: u64,
    commit: u64,
    discarded: u64,
    // As primary.
    lease_end: Duration,
    parked: Option<Member>,
    carry: Option<Carry>,
    peers: Vec<Peer>,
    in_flight_bytes: u64,
    /// The last entry that was ever sent to anyone in this term.
    sent_through: u64,
    /// Counts for commits, but is not agreed to be in sync yet.
    pending: Option<Member>,
    proposed_at: Option<Duration>,
    /// The log is longer than it may be, since someone has not got it.
    is_held_up: bool,
    /// The end of the log when this term began; reads wait until it is committed.
    term_start: u64,
    dirty: Dirty,
    // As backup.
    /// The term whose beginning this log was cut to.
    cut_term: u64,
    /// Counts the syncs asked for, so that what belongs to an earlier one is known; whether one is awaited.
    attempt: u64,
    awaits_sync: bool,
    #[cfg(feature = "mutants")]
    pub mutant: Option<Mutant>,
}

macro_rules! broken {
    ($replica:expr, $mutant:ident) => {{
        #[cfg(feature = "mutants")]
        let is_broken = $replica.mutant == Some(crate::replication::Mutant::$mutant);
        #[cfg(not(feature = "mutants"))]
        let is_broken = false;
        is_broken
    }};
}
use broken;

impl Replica {
    /// A copy without data, of which nothing is agreed. `min_in_sync`: writes are refused while fewer members are in sync.
    pub fn new(me: Member, copies: Configuration, min_in_sync: usize) -> Replica {
        let blank = Configuration { version: 0, term: 0, generation: 0, primary: None, in_sync: Vec::new(), ..copies };
        Replica {
            me,
            configuration: blank,
            learners: Vec::new(),
            min_in_sync,
            data: Data::None,
            is_lossy: false,
            log: Log::default(),
            applied: 0,
            commit: 0,
            discarded: 0,
            lease_end: Duration::ZERO,
            parked: None,
            carry: None,
            peers: Vec::new(),
            in_flight_bytes: IN_FLIGHT_BYTES,
            sent_through: 0,
            pending: None,
            proposed_at: None,
            is_held_up: false,
            term_start: 0,
            dirty: Dirty::default(),
            cut_term: 0,
            attempt: 0,
            awaits_sync: false,
            #[cfg(feature = "mutants")]
            mutant: None,
        }
    }

    /// The primary of a partition that had no other copies until now: its store is the data. It serves on without a break.
    pub fn alone(me: Member, copies: &Configuration) -> Replica {
        let mut replica = Replica::new(me, copies.clone(), 1);
        let start = Position { term: copies.term, seq: 1 };
        replica.configuration = copies.clone();
        replica.data = Data::All;
        replica.log.begin(start);
        (replica.applied, replica.commit, replica.term_start) = (start.seq, start.seq, start.seq);
        (replica.sent_through, replica.cut_term) = (start.seq, copies.term);
        replica
    }

    /// Bytes of entries on their way to each peer at most, instead of the usual 1 MiB.
    pub fn limit_in_flight(&mut self, bytes: u64) {
        self.in_flight_bytes = bytes;
    }

    pub fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    pub fn is_primary(&self) -> bool {
        self.configuration.primary == Some(self.me)
    }

    /// Everything up to here is acknowledged by every member in sync.
    pub fn commit(&self) -> u64 {
        self.commit
    }

    /// The end of the log.
    pub fn last(&self) -> Position {
        self.log.last()
    }

    /// What the log is known to be made of from here on; entries before are in the store alone.
    pub fn base(&self) -> Position {
        self.log.base()
    }

    /// The store holds everything up to here, if it has all data.
    pub fn applied(&self) -> Position {
        self.log.position(self.applied).unwrap_or(self.log.base())
    }

    /// Whether the store has everything that came up to what is applied. Not so during a full sync.
    pub fn has_data(&self) -> bool {
        self.data == Data::All
    }

    pub fn is_lossy(&self) -> bool {
        self.is_lossy
    }

    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.log.iter()
    }

    /// The entry at a seq, if the log has it still or already.
    pub fn entry(&self, seq: u64) -> Option<&Entry> {
        self.log.get(seq)
    }

    /// What goes into the store once all up to there is known to be committed.
    pub fn due(&self, commit: u64) -> impl Iterator<Item = &Effect> {
        let to = commit.min(self.log.last().seq);
        self.log.after(self.applied).take(to.saturating_sub(self.applied) as usize).map(|entry| &entry.effect)
    }

    /// Entries of this copy that its new primary did not have, and that were thrown away.
    pub fn discarded(&self) -> u64 {
        self.discarded
    }

    /// Bytes of the log.
    pub fn log_bytes(&self) -> u64 {
        self.log.bytes()
    }

    /// The lease runs until this moment of the node's own clock.
    pub fn renew(&mut self, lease_end: Duration) {
        self.lease_end = self.lease_end.max(lease_end);
    }

    /// This copy has evicted by itself, which only the primary may do and the log then says. To be called before a miss can be
    /// seen. It holds until the store is emptied, or this copy's store has become what all others are made from.
    pub fn note_lossy(&mut self) {
        self.is_lossy = true;
        self.begin_alone();
    }

    /// Whether a store that lacks what others hold must not be seen yet.
    fn must_be_alone(&self) -> bool {
        self.is_lossy && !broken!(self, LossyServesAtOnce)
    }

    fn refusal(&self, now: Duration) -> Option<Refusal> {
        if !self.is_primary() || !self.has_data() {
            return Some(Refusal::NotPrimary);
        }
        if now >= self.lease_end && !broken!(self, ReadsWithoutLease) {
            return Some(Refusal::NoLease);
        }
        if self.must_be_alone() {
            return Some(Refusal::AloneFirst);
        }
        (self.parked.is_some() && !broken!(self, TransferWithoutParking)).then_some(Refusal::Parked)
    }

    /// Whether this copy answers clients now; invariant I1: never two at once.
    pub fn serves(&self, now: Duration) -> bool {
        self.refusal(now).is_none()
    }

    /// Appends what a write did, which is in the store already or will be before anything else is. The reply is due when the
    /// seq that is returned is committed. `key`: its hash, for reads to wait for that too; none: nobody waits for this write.
    pub fn write(&mut self, now: Duration, key: Option<u64>, effect: Effect) -> Result<u64, Refusal> {
        if let Some(refusal) = self.refusal(now) {
            return Err(refusal);
        }
        if self.configuration.in_sync.len() < self.min_in_sync {
            return Err(Refusal::TooFewInSync);
        }
        let seq = self.log.last().seq + 1;
        self.log.push(Entry { position: Position { term: self.configuration.term, seq }, effect });
        self.applied = seq;
        if let Some(key) = key {
            self.dirty.note(key, seq, self.commit);
        }
        Ok(seq)
    }

    /// The seq that must be committed before what the store says of a key may be told; at or below [`Replica::commit`]: now.
    pub fn read(&self, now: Duration, key: u64) -> Result<u64, Refusal> {
        if let Some(refusal) = self.refusal(now) {
            return Err(refusal);
        }
        if broken!(self, ReadsUncommitted) {
            return Ok(0);
        }
        Ok(self.dirty.seq(key).max(self.term_start))
    }

    /// The seq that must be committed for what was read before to be the newest: once every member in sync has acknowledged an
    /// entry that none had been sent before, none of them had taken over until then. That is an entry of no effect, unless there
    /// is one that is not sent yet; no clock has a part in it. At or below [`Replica::commit`]: nobody else could take over.
    pub fn confirm(&mut self, now: Duration) -> Result<u64, Refusal> {
        if let Some(refusal) = self.refusal(now) {
            return Err(refusal);
        }
        let last = self.log.last().seq;
        if self.counted().next().is_none() || last > self.sent_through {
            return Ok(last);
        }
        self.log
            .push(Entry { position: Position { term: self.configuration.term, seq: last + 1 }, effect: Effect::new() });
        self.applied = last + 1;
        Ok(last + 1)
    }

    /// Up to where held replies may go out, of the term they were held in. None: they never will; what became of them is
    /// unknown.
    pub fn watermark(&self, now: Duration, term: u64) -> Option<u64> {
        if self.configuration.term != term
            || !self.is_primary()
            || (now >= self.lease_end && !broken!(self, ReadsWithoutLease))
        {
            return None;
        }
        Some(if broken!(self, AckBeforeAll) { self.log.last().seq } else { self.commit })
    }

    /// Stops serving, so that another member in sync can take over once all is committed. Until the next configuration.
    pub fn park(&mut self, now: Duration, successor: Member) -> bool {
        let may = self.serves(now) && self.pending.is_none() && self.configuration.in_sync.contains(&successor);
        if may && successor != self.me {
            self.parked = Some(successor);
            self.proposed_at = None;
        }
        self.parked.is_some()
    }

    /// What is agreed now. `learners`: live copies that are not in sync.
    pub fn configure(&mut self, now: Duration, new: &Configuration, learners: Vec<Member>, out: &mut Vec<Output>) {
        if new.version < self.configuration.version {
            return;
        }
        self.learners = learners;
        if new.version > self.configuration.version {
            self.adopt(new, out);
        }
        if self.is_primary() {
            self.begin_alone();
            self.keep_peers(now);
            self.advance();
            if self.configuration.moving.is_some() {
                self.propose_next(now, out);
            }
        }
    }

    fn adopt(&mut self, new: &Configuration, out: &mut Vec<Output>) {
        let old = std::mem::replace(&mut self.configuration, new.clone());
        (self.pending, self.parked, self.proposed_at) = (None, None, None);
        self.keep_carry();
        if new.generation != old.generation {
            self.clear(out);
            self.commit = 0;
            // Who is in sync without having heard of the generation is who it began with, empty, and may not be primary any more.
            self.data = if self.configuration.in_sync.contains(&self.me) { Data::All } else { Data::None };
        }
        if new.term == old.term {
            return;
        }
        self.peers.clear();
        self.dirty.clear();
        if matches!(self.data, Data::Some { .. }) {
            // Chunks have effects that the next primary may never have had.
            if broken!(self, ServesHalfInNewTerm) {
                self.data = Data::All;
            } else {
                self.clear(out);
            }
        }
        // What an earlier primary was asked for is void.
        (self.attempt, self.awaits_sync) = (self.attempt + 1, false);
        if self.is_primary() {
            // What was not known to be committed may have been acknowledged: all of it counts.
            self.apply(u64::MAX, out);
            self.applied = self.log.last().seq;
            self.term_start = self.applied;
            self.sent_through = self.applied;
        } else if self.applied > self.commit && !self.configuration.in_sync.contains(&self.me) {
            // The store has what the others may never get. (The last one in sync waits to be primary again, and keeps it.)
            self.clear(out);
        }
    }

    /// A lossy primary that is alone in sync: from now on the data is what it holds. Its log begins at a place that no other
    /// copy's has, so that none of them can go on from what it had.
    fn begin_alone(&mut self) {
        let is_alone = self.configuration.in_sync == [self.me] && self.pending.is_none();
        if !self.must_be_alone() || !is_alone || !self.is_primary() || !self.has_data() {
            return;
        }
        if broken!(self, LossyGoesOnByLog) {
            self.is_lossy = false;
            return;
        }
        let seq = self.log.last().seq + 1;
        self.log.begin(Position { term: self.configuration.term, seq });
        (self.applied, self.commit, self.term_start, self.is_lossy) = (seq, seq, seq, false);
        self.sent_through = seq;
        self.peers.iter_mut().for_each(Peer::lose);
    }

    /// Gives up what is held; a full sync will bring what the others have.
    fn clear(&mut self, out: &mut Vec<Output>) {
        self.log.begin(Position::default());
        (self.data, self.applied, self.is_lossy) = (Data::None, 0, false);
        (self.attempt, self.awaits_sync) = (self.attempt + 1, false);
        out.push(Output::Clear);
    }

    fn message(&self, body: Body) -> Message {
        Message { from: self.me, generation: self.configuration.generation, term: self.configuration.term, body }
    }

    /// Whether time passing means nothing to this copy: [`Replica::tick`] may be left out.
    pub fn is_idle(&self) -> bool {
        if self.is_primary() { self.is_primary_idle() } else { self.data == Data::All && !self.awaits_sync }
    }

    /// A message of another copy.
    pub fn receive(&mut self, now: Duration, message: Message, out: &mut Vec<Output>) {
        let Message { from, generation, term, body } = message;
        let mine = (self.configuration.generation, self.configuration.term);
        if (generation, term) > mine {
            out.push(Output::FetchConfiguration);
            return;
        }
        if (generation, term) < mine {
            if !matches!(body, Body::Newer) {
                out.push(Output::Send(from, self.message(Body::Newer)));
            }
            return;
        }
        let is_primarys = self.configuration.primary == Some(from);
        match body {
            Body::Append { previous, entries, commit, term_start } if is_primarys => {
                let answer = self.append(previous, entries, commit, term_start, out);
                out.push(Output::Send(from, self.message(answer)));
            }
            Body::Chunk { attempt, index, start, as_of, state, end } if is_primarys => {
                if let Some(answer) = self.load(attempt, index, start, as_of, state, end, out) {
                    out.push(Output::Send(from, self.message(answer)));
                }
            }
            Body::GivenUp { attempt } if is_primarys && attempt == self.attempt => {
                if let Some(answer) = self.ask_anew(out) {
                    out.push(Output::Send(from, self.message(answer)));
                }
            }
            Body::Ack { seq, applied, attempt, has_data } if self.is_primary() => {
                self.acked(now, from, (attempt, seq), applied, has_data, out);
            }
            Body::Behind { known, attempt } if self.is_primary() => self.behind(now, from, known, attempt, out),
            Body::Loaded { attempt, index } if self.is_primary() => self.loaded(now, from, attempt, index, out),
            _ => {}
        }
    }

    /// Forgets entries that are committed and applied beyond a budget, except those that a peer on its way needs still. Beyond
    /// `log_bytes_max` it waits for no learner; a member in sync that holds it up is proposed to leave.
    pub fn trim(&mut self, backlog_bytes: u64, log_bytes_max: u64) {
        let done = self.commit.min(self.applied);
        let needed = if self.is_primary() { self.needed_by_peers() } else { u64::MAX };
        let forgets_all = broken!(self, KeepsNoLogForSync) && self.is_syncing();
        if forgets_all {
            self.log.forget(done, 0);
        }
        self.log.forget(done.min(needed), backlog_bytes);
        self.log.forget(done, log_bytes_max);
        self.is_held_up = self.log.bytes() > log_bytes_max;
        if !forgets_all {
            self.end_syncs_without_log();
        }
    }
}
