//! What the primary knows of the other copies and sends them: the log, within bounds, and its store to those that lack it.

use super::{
    BATCH, Body, Effect, Output, Position, REPROPOSE_AFTER, RESEND_AFTER, Replica, SILENT_AFTER, SNAPSHOT_AGAIN_AFTER,
    WINDOW, broken, log,
};
use crate::failover::{Change, Member};
use std::time::Duration;

/// What a primary knows of another copy.
#[derive(Debug)]
pub(super) struct Peer {
    member: Member,
    /// In sync or learning. Who is neither is remembered for `floor`, until its node comes back as another member.
    is_wanted: bool,
    /// Has the log up to here; none: it was not heard of in this term, or is to get everything anew.
    acked: Option<u64>,
    /// Has in its store what came up to here.
    applied: u64,
    /// It has said so, after all syncs begun for it.
    has_data: bool,
    /// The last entry sent.
    sent: u64,
    /// When the last message went out, and since when an answer is due.
    sent_at: Duration,
    silent_since: Duration,
    /// Attempts below may have cost it its data: what it said of that before does not count.
    floor: u64,
    sync: Option<Sync>,
    /// It is in sync and what it has does not fit, so it was sent all of the log; since when.
    rewound_at: Option<Duration>,
}

/// The store on its way to a learner.
#[derive(Debug)]
struct Sync {
    attempt: u64,
    /// The end of the log before the first piece was read: from here on the learner needs the log.
    start: Position,
    /// Chunks sent, and those of them that were acknowledged.
    sent: u64,
    loaded: u64,
    /// What comes next.
    next: Next,
    /// The end of the log when the host began to read the piece it reads now.
    reads_as_of: Option<u64>,
    /// When something was sent or came back last. Time counts only while chunks are on their way: a host that reads late is
    /// not the learner's fault.
    progress_at: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The host reads a piece.
    Reading,
    /// To be read from there.
    From(u64),
    Nothing,
}

impl Peer {
    /// Nothing it has counts any more.
    pub(super) fn lose(&mut self) {
        (self.acked, self.applied, self.has_data, self.sync) = (None, 0, false, None);
    }

    /// Entries after this must be kept for it, if any.
    fn needs(&self) -> Option<u64> {
        let start = self.sync.as_ref().map(|sync| sync.start.seq);
        self.acked.or(start).filter(|_| self.is_wanted)
    }
}

/// How far a copy is behind the primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lag {
    pub member: Member,
    /// Entries it has not acknowledged; all there are, when nothing was heard of it.
    pub unacknowledged: u64,
    /// Entries it is not known to have in its store.
    pub unapplied: u64,
    pub standing: Standing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    InSync,
    /// Counts already, and is proposed.
    Pending,
    /// Gets the store; so many chunks it has.
    Syncing {
        chunks: u64,
    },
    Learner,
}

impl Replica {
    pub(super) fn keep_peers(&mut self, now: Duration) {
        let wanted: Vec<Member> = self.others().chain(self.learners.iter().copied()).collect();
        let end = self.log.last().seq;
        self.peers.retain(|peer| {
            wanted.contains(&peer.member) || !wanted.iter().any(|member| member.node == peer.member.node)
        });
        for peer in self.peers.iter_mut().filter(|peer| !wanted.contains(&peer.member)) {
            peer.is_wanted = false;
            peer.lose();
        }
        for member in wanted {
            let known = self.peers.iter().position(|peer| peer.member == member);
            if known.is_some_and(|index| self.peers[index].is_wanted) {
                continue;
            }
            let floor = known.map_or(0, |index| self.peers.swap_remove(index).floor);
            self.peers.push(Peer {
                member,
                is_wanted: true,
                acked: None,
                applied: 0,
                has_data: false,
                sent: end,
                sent_at: now.saturating_sub(RESEND_AFTER),
                silent_since: now,
                floor,
                sync: None,
                rewound_at: None,
            });
        }
    }

    /// Members in sync besides this one.
    fn others(&self) -> impl Iterator<Item = Member> + '_ {
        self.configuration.in_sync.iter().copied().filter(|member| *member != self.me)
    }

    /// Whom commits wait for.
    pub(super) fn counted(&self) -> impl Iterator<Item = Member> + '_ {
        self.others().chain(self.pending)
    }

    /// Whether commits wait for it.
    fn counts(&self, member: Member) -> bool {
        self.pending == Some(member) || self.configuration.in_sync.contains(&member)
    }

    fn index_of(&self, member: Member) -> Option<usize> {
        self.peers.iter().position(|peer| peer.member == member && peer.is_wanted)
    }

    fn peer(&self, member: Member) -> Option<&Peer> {
        self.peers.iter().find(|peer| peer.member == member && peer.is_wanted)
    }

    fn lag_of(&self, peer: &Peer) -> Lag {
        let end = self.log.last().seq;
        let standing = match &peer.sync {
            _ if self.configuration.in_sync.contains(&peer.member) => Standing::InSync,
            _ if self.pending == Some(peer.member) => Standing::Pending,
            Some(sync) => Standing::Syncing { chunks: sync.loaded },
            None => Standing::Learner,
        };
        Lag {
            member: peer.member,
            unacknowledged: end - peer.acked.unwrap_or(0).min(end),
            unapplied: end - peer.applied.min(end),
            standing,
        }
    }

    /// How far each other copy is, as the primary knows it; empty on a backup.
    pub fn lags(&self) -> impl Iterator<Item = Lag> + '_ {
        let peers = if self.is_primary() { &self.peers[..] } else { &[] };
        peers.iter().filter(|peer| peer.is_wanted).map(|peer| self.lag_of(peer))
    }

    pub fn lag(&self, member: Member) -> Option<Lag> {
        self.peer(member).filter(|_| self.is_primary()).map(|peer| self.lag_of(peer))
    }

    pub(super) fn is_primary_idle(&self) -> bool {
        let end = self.log.last().seq;
        let is_level = |peer: &Peer| {
            peer.acked == Some(end)
                && peer.applied >= end
                && self.configuration.in_sync.contains(&peer.member)
                && peer.rewound_at.is_none()
        };
        self.commit == end
            && self.configuration.moving.is_none()
            && self.parked.is_none()
            && self.pending.is_none()
            && !self.is_lossy
            && self.peers.iter().filter(|peer| peer.is_wanted).all(is_level)
    }

    /// Sends what is new; to be called after a batch of writes, and after messages, and by [`Replica::tick`].
    pub fn flush(&mut self, now: Duration, out: &mut Vec<Output>) {
        if !self.is_primary() {
            return;
        }
        self.advance();
        for index in 0..self.peers.len() {
            self.flush_to(index, now, out);
        }
    }

    fn flush_to(&mut self, index: usize, now: Duration, out: &mut Vec<Output>) {
        let (end, commit, term_start) = (self.log.last().seq, self.commit, self.term_start);
        let peer = &mut self.peers[index];
        let is_read_for = |sync: &Sync| sync.reads_as_of.is_some();
        if !peer.is_wanted || peer.sync.as_ref().is_some_and(is_read_for) {
            return;
        }
        let resends = now.saturating_sub(peer.sent_at) >= RESEND_AFTER;
        if peer.acked == Some(peer.sent) {
            peer.silent_since = now;
        }
        match peer.acked {
            Some(acked) if resends && acked < peer.sent => peer.sent = acked,
            Some(_) if peer.sent < end || (resends && peer.applied < commit) => {}
            // Not heard of yet: ask whether it has what this log ends with.
            None if resends => peer.sent = end,
            _ => return,
        }
        // What is not in the log any more cannot be sent: from where it can go on, its answer says.
        let Some(mut previous) = self.log.position(peer.sent).or_else(|| {
            peer.sent = end;
            self.log.position(end)
        }) else {
            return;
        };
        loop {
            let ahead = self.log.bytes_between(peer.acked.unwrap_or(end), peer.sent);
            let room = self.in_flight_bytes.saturating_sub(ahead);
            let (mut bytes, mut count) = (0, 0);
            for entry in self.log.after(peer.sent).take(BATCH) {
                bytes += log::cost(entry);
                if bytes > room && (count > 0 || ahead > 0) {
                    break;
                }
                count += 1;
            }
            if count == 0 && peer.sent < end {
                return;
            }
            let mut entries = Vec::with_capacity(count);
            entries.extend(self.log.after(peer.sent).take(count).cloned());
            let body = Body::Append { previous, entries, commit, term_start };
            let (generation, term) = (self.configuration.generation, self.configuration.term);
            let message = super::Message { from: self.me, generation, term, body };
            (peer.sent, peer.sent_at) = (peer.sent + count as u64, now);
            self.sent_through = self.sent_through.max(peer.sent);
            out.push(Output::Send(peer.member, message));
            previous = match self.log.position(peer.sent) {
                Some(position) if peer.sent < end => position,
                _ => return,
            };
        }
    }

    /// Time passes: sends again what was not answered, and proposes what is due.
    pub fn tick(&mut self, now: Duration, out: &mut Vec<Output>) {
        if !self.is_primary() {
            return;
        }
        self.end_silent_syncs(now, out);
        self.flush(now, out);
        self.take_in(now, out);
        self.propose_next(now, out);
    }

    /// What is due, unless it was proposed a moment ago. To be called also when something happened that a partition on its way
    /// may have waited for: while it is parked, its clients wait too.
    pub(super) fn propose_next(&mut self, now: Duration, out: &mut Vec<Output>) {
        let settles = self.move_on(now, out);
        if self.proposed_at.is_some_and(|at| now.saturating_sub(at) < REPROPOSE_AFTER) {
            return;
        }
        let end = self.log.last().seq;
        let change = match (self.leaving(now), self.parked, self.pending) {
            (Some(member), ..) => Change::Shrink(member),
            (None, Some(successor), _) if self.commit == end || broken!(self, TransferWithoutParking) => {
                Change::Transfer(successor)
            }
            (None, None, Some(member)) => Change::Expand(member),
            (None, None, None) if let Some(change) = settles => change,
            _ => return,
        };
        self.propose(now, change, out);
    }

    /// Who counts and had better not.
    fn leaving(&self, now: Duration) -> Option<Member> {
        let end = self.log.last().seq;
        let counted = || self.counted();
        if self.must_be_alone() {
            return counted().next();
        }
        let is_silent = |member: &Member| {
            // One that was about to join and is gone is not sent anything any more.
            self.peer(*member).is_none_or(|peer| {
                let awaited = peer.acked.is_none_or(|acked| acked < end);
                let since = peer.rewound_at.unwrap_or(peer.silent_since).min(peer.silent_since);
                awaited && now.saturating_sub(since) > SILENT_AFTER
            })
        };
        let slowest = || {
            let acked = |member: &Member| self.peer(*member).and_then(|peer| peer.acked).unwrap_or(0);
            counted().min_by_key(acked).filter(|member| acked(member) < end)
        };
        counted().find(is_silent).or_else(|| slowest().filter(|_| self.is_held_up))
    }

    fn propose(&mut self, now: Duration, change: Change, out: &mut Vec<Output>) {
        self.proposed_at = Some(now);
        out.push(Output::Propose { version: self.configuration.version, change });
    }

    pub(super) fn behind(
        &mut self,
        now: Duration,
        from: Member,
        known: Option<Position>,
        attempt: u64,
        out: &mut Vec<Output>,
    ) {
        let known = known.filter(|known| self.log.position(known.seq) == Some(*known));
        let Some(index) = self.index_of(from) else { return };
        let (counts, must_be_alone) = (self.counts(from), self.must_be_alone());
        let (base, end) = (self.log.base().seq, self.log.last());
        let peer = &mut self.peers[index];
        let is_running = peer.sync.as_ref().is_some_and(|sync| sync.attempt == attempt);
        if !counts && !is_running && attempt < peer.floor {
            // Said before that sync was given up, or not knowing that it was.
            out.push(Output::Send(from, self.message(Body::GivenUp { attempt })));
            return;
        }
        match known {
            Some(known) if !is_running || peer.acked.is_some() => {
                peer.silent_since = now;
                peer.sync.take_if(|_| !is_running);
                (peer.acked, peer.sent) = (Some(peer.acked.unwrap_or(0).max(known.seq)), known.seq);
                self.flush(now, out);
            }
            // It has all that this log begins after, for it has all that is committed.
            None if counts && now.saturating_sub(peer.sent_at) >= RESEND_AFTER => {
                peer.rewound_at.get_or_insert(now);
                (peer.acked, peer.sent) = (Some(peer.acked.unwrap_or(0).max(base)), base);
                self.flush(now, out);
            }
            // Others' entries that are missing here must not come back by way of a sync that is none.
            None if !counts && !is_running && !must_be_alone => {
                peer.silent_since = now;
                peer.lose();
                (peer.floor, peer.sent) = (attempt + 1, end.seq);
                let (start, next) = (end, Next::Reading);
                let (reads_as_of, progress_at) = (None, now);
                peer.sync = Some(Sync { attempt, start, sent: 0, loaded: 0, next, reads_as_of, progress_at });
                out.push(Output::ReadChunk { to: from, attempt, cursor: None });
            }
            _ => {}
        }
    }

    /// Whether a piece that was asked for is still to be read.
    pub fn wants_chunk(&self, to: Member, attempt: u64) -> bool {
        let sync = self.peer(to).filter(|_| self.is_primary()).and_then(|peer| peer.sync.as_ref());
        sync.is_some_and(|sync| sync.attempt == attempt && sync.next == Next::Reading)
    }

    /// The host is about to read a piece that was asked for; false: it is not wanted any more. A host that reads while others
    /// write must say so: until [`Replica::send_chunk`] the learner is sent no entries, for what is written meanwhile may be
    /// missing in the piece, and would be undone by it.
    pub fn begin_chunk(&mut self, to: Member, attempt: u64) -> bool {
        let as_of = self.log.last().seq;
        let is_wanted = self.wants_chunk(to, attempt);
        if let Some(sync) = self.peers.iter_mut().filter(|peer| peer.member == to).find_map(|peer| peer.sync.as_mut())
            && is_wanted
        {
            sync.reads_as_of = Some(as_of);
        }
        is_wanted
    }

    /// The piece that [`Output::ReadChunk`] asked for, of the store as it is now. `next`: where the one after it begins; none:
    /// this is the last. A walk may tell an entry twice, and must tell every entry that was there all the time.
    pub fn send_chunk(
        &mut self,
        now: Duration,
        to: Member,
        attempt: u64,
        state: Effect,
        next: Option<u64>,
        out: &mut Vec<Output>,
    ) {
        if !self.wants_chunk(to, attempt) {
            return;
        }
        let last = self.log.last().seq;
        let Some(index) = self.index_of(to) else { return };
        let Some(sync) = self.peers[index].sync.as_mut() else { return };
        let reads_as_of = sync.reads_as_of.take();
        // The piece has all that was written before it was read, and nothing that was written after now.
        let as_of = reads_as_of.unwrap_or(last);
        if sync.sent == sync.loaded {
            sync.progress_at = now;
        }
        let end = next.is_none().then_some(last);
        let body = Body::Chunk { attempt, index: sync.sent, start: sync.start, as_of, state, end };
        sync.sent += 1;
        sync.next = next.map_or(Next::Nothing, Next::From);
        out.push(Output::Send(to, self.message(body)));
        self.read_on(index, out);
        if reads_as_of.is_some_and(|as_of| as_of < last) {
            self.flush_to(index, now, out);
        }
    }

    fn read_on(&mut self, index: usize, out: &mut Vec<Output>) {
        let peer = &mut self.peers[index];
        if let Some(sync) = &mut peer.sync
            && let Next::From(cursor) = sync.next
            && sync.sent - sync.loaded < WINDOW
        {
            sync.next = Next::Reading;
            out.push(Output::ReadChunk { to: peer.member, attempt: sync.attempt, cursor: Some(cursor) });
        }
    }

    pub(super) fn loaded(&mut self, now: Duration, from: Member, attempt: u64, chunk: u64, out: &mut Vec<Output>) {
        let Some(index) = self.index_of(from) else { return };
        let peer = &mut self.peers[index];
        match &mut peer.sync {
            Some(sync) if sync.attempt == attempt => {
                if chunk >= sync.sent || chunk < sync.loaded {
                    return;
                }
                (sync.loaded, sync.progress_at, peer.silent_since) = (chunk + 1, now, now);
                if peer.acked.is_none() {
                    // The log it begins with the first chunk.
                    (peer.acked, peer.sent) = (Some(sync.start.seq), sync.start.seq);
                }
                self.read_on(index, out);
            }
            _ if attempt < peer.floor => out.push(Output::Send(from, self.message(Body::GivenUp { attempt }))),
            _ => {}
        }
    }

    /// Chunks that nothing came back for: the learner begins anew.
    fn end_silent_syncs(&mut self, now: Duration, out: &mut Vec<Output>) {
        for index in 0..self.peers.len() {
            let peer = &mut self.peers[index];
            let is_silent =
                |sync: &&Sync| sync.sent > sync.loaded && now.saturating_sub(sync.progress_at) >= SNAPSHOT_AGAIN_AFTER;
            if let Some(attempt) = peer.sync.as_ref().filter(is_silent).map(|sync| sync.attempt) {
                peer.lose();
                let to = peer.member;
                out.push(Output::Send(to, self.message(Body::GivenUp { attempt })));
            }
        }
    }

    /// Where a peer on its way needs the log from.
    pub(super) fn needed_by_peers(&self) -> u64 {
        self.peers.iter().filter_map(Peer::needs).min().unwrap_or(u64::MAX)
    }

    pub(super) fn is_syncing(&self) -> bool {
        self.is_primary() && self.peers.iter().any(|peer| peer.sync.is_some())
    }

    /// The log became too long for those that are still on their way. Their next word is answered by that.
    pub(super) fn end_syncs_without_log(&mut self) {
        let base = self.log.base().seq;
        let lacks = |peer: &&mut Peer| peer.sync.is_some() && peer.needs().is_some_and(|needs| needs < base);
        self.peers.iter_mut().filter(lacks).for_each(Peer::lose);
    }

    /// `(attempt, seq)`: the sync the peer is at or would ask for next, and the end of the log it has.
    pub(super) fn acked(
        &mut self,
        now: Duration,
        from: Member,
        (attempt, seq): (u64, u64),
        applied: u64,
        has_data: bool,
        out: &mut Vec<Output>,
    ) {
        let end = self.log.last().seq;
        let Some(index) = self.index_of(from).filter(|_| seq <= end) else { return };
        let peer = &mut self.peers[index];
        let is_running = peer.sync.as_ref().is_some_and(|sync| sync.attempt == attempt);
        match has_data {
            // From before it was sent another store.
            true if attempt < peer.floor => return,
            true => (peer.sync, peer.has_data) = (None, true),
            false if is_running => {}
            false => {
                out.push(Output::Send(from, self.message(Body::GivenUp { attempt })));
                return;
            }
        }
        (peer.silent_since, peer.rewound_at) = (now, None);
        peer.acked = Some(peer.acked.unwrap_or(0).max(seq));
        peer.applied = peer.applied.max(applied);
        peer.sent = peer.sent.max(seq);
        self.take_in(now, out);
        self.advance();
        if self.parked.is_some() || self.configuration.moving.is_some() {
            self.propose_next(now, out);
        }
    }

    /// A learner that has caught up counts from now on, and is proposed.
    fn take_in(&mut self, now: Duration, out: &mut Vec<Output>) {
        if self.pending.is_some() || self.parked.is_some() || self.must_be_alone() {
            return;
        }
        // What was there when the term began may have been acknowledged.
        let needed = self.commit.max(self.term_start);
        let has_all = |peer: &Peer| {
            let has_data = peer.has_data || broken!(self, ExpandsBeforeEnd);
            has_data && peer.acked.is_some_and(|acked| acked >= needed)
        };
        let is_learner = |peer: &Peer| peer.is_wanted && !self.configuration.in_sync.contains(&peer.member);
        let caught_up = self.peers.iter().find(|peer| is_learner(peer) && has_all(peer));
        if let Some(member) = caught_up.map(|peer| peer.member) {
            self.pending = Some(member);
            self.propose(now, Change::Expand(member), out);
        }
    }

    pub(super) fn acked_by(&self, member: Member) -> u64 {
        self.peer(member).and_then(|peer| peer.acked).unwrap_or(0)
    }

    pub(super) fn advance(&mut self) {
        let pending = self.pending.filter(|_| !broken!(self, CommitIgnoresPending));
        let everyone = self.others().chain(pending).map(|member| self.acked_by(member)).min();
        let committed = everyone.unwrap_or(u64::MAX).min(self.log.last().seq);
        self.commit = self.commit.max(committed);
    }
}
