//! One copy of a partition: the log of effects, who has how much of it, and when an entry is committed.
//!
//! ```text
//!   primary:  write ─► log ─► Append to the peers ─► Ack ─► committed when every member in sync has it ─► reply
//!   backup:   Append ─► log ─► Ack;  applied to the store once committed, so a tail that is cut was never applied
//! ```
//!
//! An acknowledged entry is on every member in sync, and only these can become primary: no clock is needed for that. Reads
//! rest on the primary's lease. A member that is to become in sync counts for commits before that is agreed, so there is no
//! moment in which it could take over without an entry that was acknowledged. What a new primary has beyond its commit is
//! neither lost nor known to be acknowledged: reads wait until all of it is committed.
//!
//! Sources: PacificA (Lin et al., 2008), Viewstamped Replication Revisited (Liskov, Cowling, 2012); what is agreed is in
//! [`crate::failover`].
//!
//! Pure: the host says what came and what time it is, and does what [`Output`] asks, in order. Left out: the store, how messages
//! travel, how a snapshot is cut into pieces, leases' length.
//!
//! With the feature `mutants` each rule can be broken, so that the simulator can show that it would notice.

use crate::failover::{Change, Configuration, Member};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// What a write did, to be done again by the other copies: absolute times, nothing left to decide.
pub type Effect = Arc<[u8]>;

/// Entries of one message at most.
const BATCH: usize = 512;

/// An entry not acknowledged for so long is sent again.
const RESEND_AFTER: Duration = Duration::from_millis(60);

/// A member that acknowledges nothing for so long, with entries on their way to it, is proposed to leave the in-sync set.
const SILENT_AFTER: Duration = Duration::from_millis(300);

/// A snapshot that nothing came back for is made again after this.
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
    /// The log is the primary's up to `seq`; the store has what came up to `applied`.
    Ack { seq: u64, applied: u64 },
    /// What was appended does not fit; this is a place from which it might. None: there is no data at all. A snapshot is
    /// accepted when it names this attempt.
    Behind { known: Option<Position>, attempt: u64 },
    /// All of the store, as it was when the log ended there.
    Snapshot { at: Position, commit: u64, attempt: u64, state: Effect },
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
    /// Do this to the store.
    Apply(Effect),
    /// Empty the store.
    Clear,
    /// Empty the store and fill it with this.
    Load(Effect),
    /// Make a snapshot of the store and hand it to [`Replica::send_snapshot`].
    MakeSnapshot(Member),
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
    AcceptsOldSnapshot,
}

/// What a primary knows of another copy.
#[derive(Debug)]
struct Peer {
    /// Has the log up to here; none: it was not heard of in this term.
    acked: Option<u64>,
    /// Has in its store what came up to here.
    applied: u64,
    /// The last entry sent.
    sent: u64,
    /// When the last message went out, and since when an answer is due.
    sent_at: Duration,
    silent_since: Duration,
    /// The snapshot it waits for, and when one was made for it.
    attempt: u64,
    snapshot_at: Option<Duration>,
}

/// One copy of one partition.
#[derive(Debug)]
pub struct Replica {
    me: Member,
    configuration: Configuration,
    learners: Vec<Member>,
    min_in_sync: usize,
    /// Whether what the log begins after is in the store.
    has_data: bool,
    /// The log: what comes after `base`.
    base: Position,
    log: VecDeque<Entry>,
    /// The store holds everything up to here.
    applied: u64,
    commit: u64,
    // As primary.
    lease_end: Duration,
    parked: Option<Member>,
    peers: BTreeMap<Member, Peer>,
    /// Counts for commits, but is not agreed to be in sync yet.
    pending: Option<Member>,
    proposed_at: Option<Duration>,
    /// The end of the log when this term began; reads wait until it is committed.
    term_start: u64,
    /// By hash of the key, the last write of it that is not committed yet.
    dirty: BTreeMap<u64, u64>,
    writes: VecDeque<(u64, u64)>,
    // As backup.
    /// The term whose beginning this log was cut to.
    cut_term: u64,
    /// Counts the snapshots asked for; whether one is awaited.
    attempt: u64,
    awaits_snapshot: bool,
    #[cfg(feature = "mutants")]
    pub mutant: Option<Mutant>,
}

macro_rules! broken {
    ($replica:expr, $mutant:ident) => {{
        #[cfg(feature = "mutants")]
        let is_broken = $replica.mutant == Some(Mutant::$mutant);
        #[cfg(not(feature = "mutants"))]
        let is_broken = false;
        is_broken
    }};
}

impl Replica {
    /// A copy without data, of which nothing is agreed. `min_in_sync`: writes are refused while fewer members are in sync.
    pub fn new(me: Member, copies: Configuration, min_in_sync: usize) -> Replica {
        let blank = Configuration { version: 0, term: 0, generation: 0, primary: None, in_sync: Vec::new(), ..copies };
        Replica {
            me,
            configuration: blank,
            learners: Vec::new(),
            min_in_sync,
            has_data: false,
            base: Position::default(),
            log: VecDeque::new(),
            applied: 0,
            commit: 0,
            lease_end: Duration::ZERO,
            parked: None,
            peers: BTreeMap::new(),
            pending: None,
            proposed_at: None,
            term_start: 0,
            dirty: BTreeMap::new(),
            writes: VecDeque::new(),
            cut_term: 0,
            attempt: 0,
            awaits_snapshot: false,
            #[cfg(feature = "mutants")]
            mutant: None,
        }
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
        self.log.back().map_or(self.base, |entry| entry.position)
    }

    /// What the log is known to be made of from here on; entries before are in the store alone.
    pub fn base(&self) -> Position {
        self.base
    }

    pub fn has_data(&self) -> bool {
        self.has_data
    }

    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.log.iter()
    }

    /// The entry at a seq, if the log has it still or already.
    pub fn entry(&self, seq: u64) -> Option<&Entry> {
        self.log.get(seq.checked_sub(self.base.seq + 1)? as usize)
    }

    /// The lease runs until this moment of the node's own clock.
    pub fn renew(&mut self, lease_end: Duration) {
        self.lease_end = self.lease_end.max(lease_end);
    }

    fn refusal(&self, now: Duration) -> Option<Refusal> {
        if !self.is_primary() || !self.has_data {
            return Some(Refusal::NotPrimary);
        }
        if now >= self.lease_end && !broken!(self, ReadsWithoutLease) {
            return Some(Refusal::NoLease);
        }
        (self.parked.is_some() && !broken!(self, TransferWithoutParking)).then_some(Refusal::Parked)
    }

    /// Whether this copy answers clients now; invariant I1: never two at once.
    pub fn serves(&self, now: Duration) -> bool {
        self.refusal(now).is_none()
    }

    /// Appends what a write did, which is in the store already or will be before anything else is. The reply is due when the
    /// seq that is returned is committed.
    pub fn write(&mut self, now: Duration, key: u64, effect: Effect) -> Result<u64, Refusal> {
        if let Some(refusal) = self.refusal(now) {
            return Err(refusal);
        }
        if self.configuration.in_sync.len() < self.min_in_sync {
            return Err(Refusal::TooFewInSync);
        }
        let seq = self.last().seq + 1;
        self.log.push_back(Entry { position: Position { term: self.configuration.term, seq }, effect });
        self.applied = seq;
        self.dirty.insert(key, seq);
        self.writes.push_back((seq, key));
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
        Ok(self.dirty.get(&key).copied().unwrap_or(0).max(self.term_start))
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
        Some(if broken!(self, AckBeforeAll) { self.last().seq } else { self.commit })
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
            self.adopt(now, new, out);
        }
        if self.is_primary() {
            self.keep_peers(now);
            self.advance();
        }
    }

    fn adopt(&mut self, now: Duration, new: &Configuration, out: &mut Vec<Output>) {
        let old = std::mem::replace(&mut self.configuration, new.clone());
        (self.pending, self.parked, self.proposed_at) = (None, None, None);
        if new.generation != old.generation {
            self.clear(out);
            self.commit = 0;
            // Who is in sync without having heard of the generation is who it began with, empty, and may not be primary any more.
            self.has_data = self.configuration.in_sync.contains(&self.me);
        }
        if new.term == old.term {
            return;
        }
        self.peers.clear();
        (self.dirty, self.writes) = Default::default();
        if self.is_primary() {
            // What was not known to be committed may have been acknowledged: all of it counts.
            let from = self.applied;
            let tail = self.log.iter().filter(|entry| entry.position.seq > from);
            out.extend(tail.map(|entry| Output::Apply(entry.effect.clone())));
            self.applied = self.last().seq;
            self.term_start = self.applied;
            self.keep_peers(now);
        } else if self.applied > self.commit && !self.configuration.in_sync.contains(&self.me) {
            // The store has what the others may never get. (The last one in sync waits to be primary again, and keeps it.)
            self.clear(out);
        }
    }

    /// Gives up what is held; a snapshot will bring what the others have.
    fn clear(&mut self, out: &mut Vec<Output>) {
        self.log.clear();
        (self.has_data, self.applied, self.base) = (false, 0, Position::default());
        out.push(Output::Clear);
    }

    fn keep_peers(&mut self, now: Duration) {
        let wanted: Vec<Member> = self.others().chain(self.learners.iter().copied()).collect();
        self.peers.retain(|member, _| wanted.contains(member));
        let end = self.last().seq;
        for member in wanted {
            self.peers.entry(member).or_insert(Peer {
                acked: None,
                applied: 0,
                sent: end,
                sent_at: now.saturating_sub(RESEND_AFTER),
                silent_since: now,
                attempt: 0,
                snapshot_at: None,
            });
        }
    }

    /// Members in sync besides this one.
    fn others(&self) -> impl Iterator<Item = Member> + '_ {
        self.configuration.in_sync.iter().copied().filter(|member| *member != self.me)
    }

    /// Sends what is new; to be called after a batch of writes, and by [`Replica::tick`].
    pub fn flush(&mut self, now: Duration, out: &mut Vec<Output>) {
        if !self.is_primary() {
            return;
        }
        self.advance();
        let members: Vec<Member> = self.peers.keys().copied().collect();
        let (end, commit) = (self.last().seq, self.commit);
        for member in members {
            let Some(peer) = self.peers.get_mut(&member) else { continue };
            let resends = now.saturating_sub(peer.sent_at) >= RESEND_AFTER;
            let from = match peer.acked {
                Some(acked) if resends && acked < peer.sent => acked,
                Some(_) if peer.sent < end || (resends && peer.applied < commit) => peer.sent,
                // Not heard of yet: ask whether it has what this log ends with.
                None if resends => end,
                _ => continue,
            };
            if peer.acked == Some(peer.sent) {
                peer.silent_since = now;
            }
            peer.sent_at = now;
            // What is not in the log any more cannot be sent: from where it can go on, its answer says.
            let from = if self.position(from).is_some() { from } else { end };
            let previous = self.position(from).unwrap_or_default();
            let entries: Vec<Entry> = self.after(from).take(BATCH).cloned().collect();
            let sent = from + entries.len() as u64;
            if let Some(peer) = self.peers.get_mut(&member) {
                peer.sent = sent;
            }
            let body = Body::Append { previous, entries, commit, term_start: self.term_start };
            out.push(Output::Send(member, self.message(body)));
        }
    }

    fn message(&self, body: Body) -> Message {
        Message { from: self.me, generation: self.configuration.generation, term: self.configuration.term, body }
    }

    /// Time passes: sends again what was not answered, and proposes what is due.
    pub fn tick(&mut self, now: Duration, out: &mut Vec<Output>) {
        if !self.is_primary() {
            return;
        }
        self.flush(now, out);
        self.take_in(now, out);
        if self.proposed_at.is_some_and(|at| now.saturating_sub(at) < REPROPOSE_AFTER) {
            return;
        }
        let end = self.last().seq;
        let is_silent = |member: &Member| {
            let peer = self.peers.get(member);
            peer.is_some_and(|peer| {
                peer.acked.is_none_or(|acked| acked < end) && now.saturating_sub(peer.silent_since) > SILENT_AFTER
            })
        };
        let silent = self.others().chain(self.pending).find(is_silent);
        let change = match (silent, self.parked, self.pending) {
            (Some(member), ..) => Change::Shrink(member),
            (None, Some(successor), _) if self.commit == end || broken!(self, TransferWithoutParking) => {
                Change::Transfer(successor)
            }
            (None, None, Some(member)) => Change::Expand(member),
            _ => return,
        };
        self.propose(now, change, out);
    }

    fn propose(&mut self, now: Duration, change: Change, out: &mut Vec<Output>) {
        self.proposed_at = Some(now);
        out.push(Output::Propose { version: self.configuration.version, change });
    }

    /// The entry at a seq, or what the log begins after; none: it is not known any more, or not yet.
    fn position(&self, seq: u64) -> Option<Position> {
        if seq == self.base.seq {
            return Some(self.base);
        }
        let index = seq.checked_sub(self.base.seq + 1)?;
        self.log.get(index as usize).map(|entry| entry.position)
    }

    fn after(&self, seq: u64) -> impl Iterator<Item = &Entry> {
        self.log.iter().skip(seq.saturating_sub(self.base.seq) as usize)
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
        match body {
            Body::Append { previous, entries, commit, term_start } if self.configuration.primary == Some(from) => {
                let answer = self.append(previous, entries, commit, term_start, out);
                out.push(Output::Send(from, self.message(answer)));
            }
            Body::Snapshot { at, commit, attempt, state }
                if self.configuration.primary == Some(from)
                    && (attempt == self.attempt && self.awaits_snapshot || broken!(self, AcceptsOldSnapshot)) =>
            {
                self.load(at, commit, state, out);
                out.push(Output::Send(from, self.message(Body::Ack { seq: at.seq, applied: self.applied })));
            }
            Body::Ack { seq, applied } if self.is_primary() => self.acked(now, from, seq, applied, out),
            Body::Behind { known, attempt } if self.is_primary() => self.behind(now, from, known, attempt, out),
            _ => {}
        }
    }

    fn append(
        &mut self,
        previous: Position,
        entries: Vec<Entry>,
        commit: u64,
        term_start: u64,
        out: &mut Vec<Output>,
    ) -> Body {
        if !self.has_data {
            return self.behind_of(None);
        }
        let term = self.configuration.term;
        if self.cut_term != term {
            self.cut_term = term;
            // Of an older term, and the new primary never had it.
            let is_stale = |position: Position| position.term < term && position.seq > term_start;
            while is_stale(self.last()) && !self.log.is_empty() && !broken!(self, KeepsConflictingTail) {
                self.log.pop_back();
            }
            if is_stale(self.base) && !broken!(self, KeepsConflictingTail) {
                self.clear(out);
                return self.behind_of(None);
            }
        }
        if self.position(previous.seq) != Some(previous)
            && !(broken!(self, KeepsConflictingTail) && previous.seq <= self.last().seq)
        {
            return self.behind_of(Some(self.position(self.commit).unwrap_or(self.base)));
        }
        let through = previous.seq + entries.len() as u64;
        for entry in entries {
            match self.position(entry.position.seq) {
                Some(held) if held == entry.position || broken!(self, KeepsConflictingTail) => continue,
                Some(_) => self.log.truncate((entry.position.seq - self.base.seq - 1) as usize),
                None => {}
            }
            self.log.push_back(entry);
        }
        if broken!(self, CutsBeyondResend) {
            self.log.truncate(through.saturating_sub(self.base.seq) as usize);
        }
        if std::mem::take(&mut self.awaits_snapshot) {
            // One that was asked for before may still come, and would be older than what is here now.
            self.attempt += 1;
        }
        self.commit_through(commit.min(through), out);
        Body::Ack { seq: through, applied: self.applied }
    }

    fn behind_of(&mut self, known: Option<Position>) -> Body {
        self.awaits_snapshot = true;
        Body::Behind { known, attempt: self.attempt }
    }

    /// What is committed goes into the store.
    fn commit_through(&mut self, seq: u64, out: &mut Vec<Output>) {
        self.commit = self.commit.max(seq);
        let (from, to) = (self.applied, self.commit.min(self.last().seq));
        if to > from {
            let due = self.log.iter().filter(|entry| (from + 1..=to).contains(&entry.position.seq));
            out.extend(due.map(|entry| Output::Apply(entry.effect.clone())));
            self.applied = to;
        }
    }

    fn load(&mut self, at: Position, commit: u64, state: Effect, out: &mut Vec<Output>) {
        self.attempt += 1;
        self.awaits_snapshot = false;
        self.log.clear();
        (self.base, self.applied, self.has_data) = (at, at.seq, true);
        self.cut_term = self.configuration.term;
        self.commit = self.commit.max(commit);
        out.push(Output::Load(state));
    }

    /// The snapshot that [`Output::MakeSnapshot`] asked for, of the store as it is now.
    pub fn send_snapshot(&self, to: Member, state: Effect, out: &mut Vec<Output>) {
        if let Some(peer) = self.peers.get(&to).filter(|_| self.is_primary()) {
            let body = Body::Snapshot { at: self.last(), commit: self.commit, attempt: peer.attempt, state };
            out.push(Output::Send(to, self.message(body)));
        }
    }

    fn behind(&mut self, now: Duration, from: Member, known: Option<Position>, attempt: u64, out: &mut Vec<Output>) {
        let known = known.filter(|known| self.position(known.seq) == Some(*known));
        let Some(peer) = self.peers.get_mut(&from) else { return };
        (peer.silent_since, peer.attempt) = (now, attempt);
        match known {
            Some(known) => {
                (peer.acked, peer.sent) = (Some(peer.acked.unwrap_or(0).max(known.seq)), known.seq);
                self.flush(now, out);
            }
            None if peer.snapshot_at.is_none_or(|at| now.saturating_sub(at) >= SNAPSHOT_AGAIN_AFTER) => {
                peer.snapshot_at = Some(now);
                out.push(Output::MakeSnapshot(from));
            }
            None => {}
        }
    }

    fn acked(&mut self, now: Duration, from: Member, seq: u64, applied: u64, out: &mut Vec<Output>) {
        let end = self.last().seq;
        let Some(peer) = self.peers.get_mut(&from).filter(|_| seq <= end) else { return };
        (peer.silent_since, peer.snapshot_at) = (now, None);
        peer.acked = Some(peer.acked.unwrap_or(0).max(seq));
        peer.applied = peer.applied.max(applied);
        peer.sent = peer.sent.max(seq);
        self.take_in(now, out);
        self.advance();
    }

    /// A learner that has caught up counts from now on, and is proposed.
    fn take_in(&mut self, now: Duration, out: &mut Vec<Output>) {
        if self.pending.is_some() || self.parked.is_some() {
            return;
        }
        // What is in its store and not committed could turn out never to have been.
        let has_all = |peer: &Peer| peer.acked.is_some_and(|acked| acked >= self.commit) && peer.applied <= self.commit;
        let is_learner = |member: &Member| !self.configuration.in_sync.contains(member);
        let caught_up = self.peers.iter().find(|(member, peer)| is_learner(member) && has_all(peer));
        if let Some(member) = caught_up.map(|(member, _)| *member) {
            self.pending = Some(member);
            self.propose(now, Change::Expand(member), out);
        }
    }

    fn advance(&mut self) {
        let pending = self.pending.filter(|_| !broken!(self, CommitIgnoresPending));
        let acked = |member: Member| self.peers.get(&member).and_then(|peer| peer.acked).unwrap_or(0);
        let everyone = self.others().chain(pending).map(acked).min();
        let committed = everyone.unwrap_or(u64::MAX).min(self.last().seq);
        self.commit = self.commit.max(committed);
        while let Some((seq, key)) = self.writes.front().copied().filter(|(seq, _)| *seq <= self.commit) {
            self.writes.pop_front();
            if self.dirty.get(&key) == Some(&seq) {
                self.dirty.remove(&key);
            }
        }
    }

    /// Forgets entries that are committed and applied, but for so many that others may ask for.
    pub fn trim(&mut self, backlog: usize) {
        while self.log.len() > backlog
            && self.log.front().is_some_and(|entry| entry.position.seq <= self.commit.min(self.applied))
        {
            if let Some(entry) = self.log.pop_front() {
                self.base = entry.position;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dcache_protocol::{Incarnation, NodeId};

    fn member(node: u64) -> Member {
        Member { node: NodeId(node), incarnation: Incarnation(node) }
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn agreed(generation: u64, term: u64, version: u64, primary: Option<u64>, in_sync: &[u64]) -> Configuration {
        Configuration {
            generation,
            term,
            version,
            primary: primary.map(member),
            in_sync: in_sync.iter().copied().map(member).collect(),
            copies: (1..=3).map(NodeId).collect(),
        }
    }

    fn effect(byte: u8) -> Effect {
        Arc::new([byte])
    }

    /// Copies that hand each other every message at once, and the stores they fill: effects one after the other.
    struct Pair {
        copies: BTreeMap<Member, (Replica, Vec<u8>)>,
        proposed: Vec<Change>,
    }

    impl Pair {
        fn new(nodes: &[u64]) -> Pair {
            let copy = |node: &u64| {
                let mut replica = Replica::new(member(*node), agreed(0, 0, 0, None, &[]), 1);
                replica.renew(ms(1000));
                (member(*node), (replica, Vec::new()))
            };
            Pair { copies: nodes.iter().map(copy).collect(), proposed: Vec::new() }
        }

        fn of(&mut self, node: u64) -> &mut Replica {
            &mut self.copies.get_mut(&member(node)).expect("a copy").0
        }

        fn store(&self, node: u64) -> &[u8] {
            &self.copies[&member(node)].1
        }

        fn configure(&mut self, configuration: &Configuration, learners: &[u64]) {
            let learners: Vec<Member> = learners.iter().copied().map(member).collect();
            for node in self.copies.keys().copied().collect::<Vec<Member>>() {
                let mut out = Vec::new();
                let copy = self.copies.get_mut(&node).expect("a copy");
                copy.0.configure(ms(0), configuration, learners.clone(), &mut out);
                self.carry_out(node, out);
            }
        }

        fn write(&mut self, node: u64, byte: u8) -> u64 {
            let (replica, store) = self.copies.get_mut(&member(node)).expect("a copy");
            let seq = replica.write(ms(0), u64::from(byte), effect(byte)).expect("serves");
            store.push(byte);
            seq
        }

        /// What is due at a moment goes out, and everything that follows from it.
        fn tick(&mut self, node: u64, now: Duration) {
            let mut out = Vec::new();
            self.of(node).tick(now, &mut out);
            self.carry_out(member(node), out);
        }

        fn carry_out(&mut self, from: Member, out: Vec<Output>) {
            for output in out {
                let mut follows = Vec::new();
                let mut whose = from;
                let (replica, store) = self.copies.get_mut(&from).expect("a copy");
                match output {
                    Output::Send(to, message) => {
                        whose = to;
                        let Some(copy) = self.copies.get_mut(&to) else { continue };
                        copy.0.receive(ms(100), message, &mut follows);
                    }
                    Output::Propose { change, .. } => self.proposed.push(change),
                    Output::Apply(effect) => store.extend(effect.iter()),
                    Output::Clear => store.clear(),
                    Output::Load(state) => *store = state.to_vec(),
                    Output::MakeSnapshot(to) => replica.send_snapshot(to, store.as_slice().into(), &mut follows),
                    Output::FetchConfiguration => {}
                }
                self.carry_out(whose, follows);
            }
        }
    }

    #[test]
    fn a_write_is_committed_when_every_copy_in_sync_has_it() {
        let mut pair = Pair::new(&[1, 2]);
        pair.configure(&agreed(1, 1, 1, Some(1), &[1, 2]), &[]);
        let seq = pair.write(1, 7);
        let primary = pair.of(1);
        assert_eq!((primary.watermark(ms(0), 1), primary.read(ms(0), 7)), (Some(0), Ok(seq)), "nobody else has it");
        assert_eq!(primary.read(ms(0), 8), Ok(0), "other keys need not wait");
        pair.tick(1, ms(100));
        let primary = pair.of(1);
        assert_eq!((primary.watermark(ms(0), 1), primary.read(ms(0), 7)), (Some(seq), Ok(0)));
        // The backup learns of the commit with the next message, and has it in its store from then on.
        assert!(pair.store(2).is_empty());
        pair.tick(1, ms(200));
        assert_eq!(pair.store(2), [7]);
    }

    #[test]
    fn a_learner_gets_a_snapshot_and_counts_before_it_is_agreed_to_be_in_sync() {
        let mut pair = Pair::new(&[1, 2]);
        pair.configure(&agreed(1, 1, 1, Some(1), &[1]), &[]);
        for byte in 1..=20 {
            pair.write(1, byte);
        }
        pair.tick(1, ms(10));
        pair.of(1).trim(4);
        pair.configure(&agreed(1, 1, 1, Some(1), &[1]), &[2]);
        pair.tick(1, ms(100));
        assert_eq!(pair.store(2), (1..=20).collect::<Vec<u8>>());
        assert_eq!(pair.proposed, [Change::Expand(member(2))]);
        // Something else was agreed before that: it is proposed again though nobody writes.
        pair.configure(&agreed(1, 1, 2, Some(1), &[1]), &[2]);
        pair.tick(1, ms(150));
        assert_eq!(pair.proposed, [Change::Expand(member(2)), Change::Expand(member(2))]);
        pair.copies.retain(|copy, _| *copy == member(1));
        let seq = pair.write(1, 21);
        pair.tick(1, ms(200));
        assert!(pair.of(1).commit() < seq, "the other counts already and does not answer");
        pair.tick(1, ms(900));
        assert_eq!(pair.proposed.last(), Some(&Change::Shrink(member(2))));
    }

    #[test]
    fn without_a_lease_or_while_it_is_handed_over_nothing_is_begun() {
        let mut pair = Pair::new(&[1, 2]);
        pair.configure(&agreed(1, 1, 1, Some(1), &[1, 2]), &[]);
        assert_eq!(pair.of(2).read(ms(0), 7), Err(Refusal::NotPrimary));
        let primary = pair.of(1);
        assert_eq!(primary.write(ms(1000), 7, effect(7)), Err(Refusal::NoLease));
        assert_eq!(primary.watermark(ms(1000), 1), None, "who waits is told that nobody knows");
        assert!(!primary.park(ms(0), member(3)), "not to one that lacks entries");
        assert!(primary.park(ms(0), member(2)));
        assert_eq!(primary.read(ms(0), 7), Err(Refusal::Parked));
        pair.tick(1, ms(100));
        pair.tick(1, ms(300));
        assert_eq!(pair.proposed.last(), Some(&Change::Transfer(member(2))));
        pair.configure(&agreed(1, 2, 2, Some(2), &[1, 2]), &[]);
        assert!(pair.of(2).serves(ms(0)) && !pair.of(1).serves(ms(0)));
    }

    #[test]
    fn what_a_new_primary_does_not_know_to_be_committed_is_told_nobody_yet() {
        let mut pair = Pair::new(&[1, 2]);
        pair.configure(&agreed(1, 1, 1, Some(1), &[1, 2, 3]), &[]);
        let seq = pair.write(1, 7);
        pair.tick(1, ms(100));
        pair.configure(&agreed(1, 2, 2, Some(2), &[2, 3]), &[]);
        assert_eq!(pair.store(2), [7], "it may have been acknowledged");
        assert_eq!(pair.of(2).read(ms(0), 7), Ok(seq), "node 3 must have it first");
        assert!(pair.of(2).commit() < seq);
    }

    #[test]
    fn the_last_copy_in_sync_keeps_what_it_has_while_nobody_is_primary() {
        let mut pair = Pair::new(&[1]);
        pair.configure(&agreed(1, 1, 1, Some(1), &[1, 2]), &[]);
        pair.write(1, 7);
        pair.configure(&agreed(1, 2, 2, None, &[1]), &[]);
        pair.configure(&agreed(1, 3, 3, Some(1), &[1]), &[]);
        assert!(pair.of(1).serves(ms(0)));
        assert_eq!(pair.store(1), [7]);
        // Replaced by another, it has what that may not have.
        pair.write(1, 8);
        pair.configure(&agreed(1, 3, 4, Some(1), &[1, 2]), &[]);
        pair.write(1, 9);
        pair.configure(&agreed(1, 4, 5, Some(2), &[2]), &[]);
        assert!(pair.store(1).is_empty());
    }

    #[test]
    fn who_a_generation_began_with_serves_even_if_it_hears_of_it_late() {
        let mut pair = Pair::new(&[1]);
        pair.configure(&agreed(2, 7, 16, None, &[1]), &[]);
        assert!(!pair.of(1).serves(ms(0)));
        pair.configure(&agreed(2, 8, 17, Some(1), &[1]), &[]);
        assert!(pair.of(1).serves(ms(0)));
    }

    #[test]
    fn messages_of_an_older_term_are_refused_and_of_a_newer_one_make_it_ask() {
        let mut pair = Pair::new(&[1, 2]);
        pair.configure(&agreed(1, 2, 2, Some(1), &[1, 2]), &[]);
        let append = Body::Append { previous: Position::default(), entries: Vec::new(), commit: 0, term_start: 0 };
        let message = |term| Message { from: member(1), generation: 1, term, body: append.clone() };
        let mut out = Vec::new();
        pair.of(2).receive(ms(0), message(1), &mut out);
        assert!(
            matches!(&out[..], [Output::Send(to, Message { body: Body::Newer, .. })] if *to == member(1)),
            "{out:?}"
        );
        out.clear();
        pair.of(2).receive(ms(0), message(3), &mut out);
        assert_eq!(out, [Output::FetchConfiguration]);
    }
}
