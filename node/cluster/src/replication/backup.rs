//! What a copy does with what the primary sends: entries, and in a full sync the pieces of its store.

use super::{Body, Data, Entry, Output, Position, Replica, broken};
use crate::replication::Effect;

impl Replica {
    pub(super) fn append(
        &mut self,
        previous: Position,
        entries: Vec<Entry>,
        commit: u64,
        term_start: u64,
        out: &mut Vec<Output>,
    ) -> Body {
        if self.data == Data::None {
            return self.behind_of(None);
        }
        let term = self.configuration.term;
        if self.cut_term != term {
            self.cut_term = term;
            // Of an older term, and the new primary never had it.
            let is_stale = |position: Position| position.term < term && position.seq > term_start;
            if is_stale(self.log.last()) && !broken!(self, KeepsConflictingTail) {
                self.discard(term_start);
            }
            if is_stale(self.log.base()) && !broken!(self, KeepsConflictingTail) {
                self.clear(out);
                return self.behind_of(None);
            }
        }
        if self.log.position(previous.seq) != Some(previous)
            && !(broken!(self, KeepsConflictingTail) && previous.seq <= self.log.last().seq)
        {
            return self.behind_of(self.known());
        }
        let through = previous.seq + entries.len() as u64;
        for entry in entries {
            match self.log.position(entry.position.seq) {
                Some(held) if held == entry.position || broken!(self, KeepsConflictingTail) => continue,
                Some(_) => self.discard(entry.position.seq - 1),
                // Committed, applied and forgotten.
                None if entry.position.seq <= self.log.base().seq => continue,
                None => {}
            }
            self.log.push(entry);
        }
        if broken!(self, CutsBeyondResend) {
            self.log.cut(through);
        }
        if std::mem::take(&mut self.awaits_sync) {
            // One that was asked for before may still come, and would be older than what is here now.
            self.attempt += 1;
        }
        self.commit_through(commit.min(through), out);
        self.finish_sync();
        self.ack(through)
    }

    fn ack(&self, seq: u64) -> Body {
        Body::Ack { seq, applied: self.applied, attempt: self.attempt, has_data: self.has_data() }
    }

    /// A place of this log that the primary's has, if it goes back so far.
    fn known(&self) -> Option<Position> {
        let known = || self.log.position(self.commit).unwrap_or(self.log.base());
        (self.data != Data::None).then(known)
    }

    /// Throws away what comes after an entry.
    fn discard(&mut self, after: u64) {
        self.discarded += self.log.last().seq.saturating_sub(after);
        self.log.cut(after);
    }

    fn behind_of(&mut self, known: Option<Position>) -> Body {
        self.awaits_sync |= !matches!(self.data, Data::Some { .. });
        Body::Behind { known, attempt: self.attempt }
    }

    /// What is committed goes into the store.
    fn commit_through(&mut self, seq: u64, out: &mut Vec<Output>) {
        self.commit = self.commit.max(seq);
        self.apply(self.commit, out);
        self.applied = self.applied.max(self.commit.min(self.log.last().seq));
    }

    pub(super) fn apply(&self, through: u64, out: &mut Vec<Output>) {
        let due: Vec<Effect> = self.due(through).cloned().collect();
        if !due.is_empty() {
            out.push(Output::Apply(due));
        }
    }

    /// A piece of the primary's store. What is asked for is one sync after the other, so what names another is of no use.
    #[expect(clippy::too_many_arguments, reason = "a message taken apart")]
    pub(super) fn load(
        &mut self,
        attempt: u64,
        index: u64,
        start: Position,
        as_of: u64,
        state: Effect,
        end: Option<u64>,
        out: &mut Vec<Output>,
    ) -> Option<Body> {
        let is_old = attempt != self.attempt;
        if is_old && !(broken!(self, AcceptsOldAttempt) && index == 0) {
            return None;
        }
        let due = match self.data {
            Data::Some { next, .. } if !is_old => next,
            _ if self.awaits_sync || is_old => 0,
            _ => return None,
        };
        if index < due {
            return Some(Body::Loaded { attempt, index: due - 1 });
        }
        if index > due {
            // One between was lost or overtaken, and none is sent twice.
            return self.ask_anew(out);
        }
        if index == 0 {
            self.clear(out);
            (self.attempt, self.applied, self.cut_term) = (attempt, start.seq, self.configuration.term);
            self.log.begin(start);
        }
        if as_of < self.applied && !broken!(self, LoadsOldChunk) {
            // Entries that came after it was read are in the store, and would give way to what was before them.
            return self.ask_anew(out);
        }
        out.push(Output::Load(state));
        self.data = Data::Some { next: index + 1, end };
        self.finish_sync();
        Some(if self.has_data() { self.ack(self.log.last().seq) } else { Body::Loaded { attempt, index } })
    }

    /// All data is there when everything is applied that any of the chunks may have.
    fn finish_sync(&mut self) {
        if let Data::Some { end: Some(end), .. } = self.data
            && (self.applied >= end || broken!(self, WholeBeforeEnd))
        {
            self.data = Data::All;
            self.attempt += 1;
        }
    }

    /// The sync that is awaited or runs will not be finished.
    pub(super) fn ask_anew(&mut self, out: &mut Vec<Output>) -> Option<Body> {
        match self.data {
            Data::Some { .. } => self.clear(out),
            _ if self.awaits_sync => self.attempt += 1,
            _ => return None,
        }
        Some(self.behind_of(self.known()))
    }
}
