//! The entries a copy knows still, and how many bytes they are. Left out: when they may be forgotten.

use super::{Entry, Position};
use std::collections::VecDeque;

/// What an entry costs besides its effect's bytes: its place here, and its part of what effects share.
const ENTRY_BYTES: u64 = (size_of::<Logged>() + 2 * size_of::<usize>()) as u64;

#[derive(Debug)]
struct Logged {
    entry: Entry,
    /// Bytes of all entries up to this one, since the log was begun.
    through: u64,
}

/// What comes after `base`, without gaps.
#[derive(Debug, Default)]
pub struct Log {
    base: Position,
    base_through: u64,
    entries: VecDeque<Logged>,
}

pub fn cost(entry: &Entry) -> u64 {
    entry.effect.len() as u64 + ENTRY_BYTES
}

impl Log {
    /// Where the log begins: entries up to here are in the store alone.
    pub fn base(&self) -> Position {
        self.base
    }

    pub fn last(&self) -> Position {
        self.entries.back().map_or(self.base, |logged| logged.entry.position)
    }

    pub fn bytes(&self) -> u64 {
        self.entries.back().map_or(0, |logged| logged.through - self.base_through)
    }

    /// Nothing is known any more; what comes next comes after there.
    pub fn begin(&mut self, base: Position) {
        *self = Log { base, ..Log::default() };
    }

    pub fn push(&mut self, entry: Entry) {
        let before = self.entries.back().map_or(self.base_through, |logged| logged.through);
        self.entries.push_back(Logged { through: before + cost(&entry), entry });
    }

    fn index(&self, seq: u64) -> Option<usize> {
        usize::try_from(seq.checked_sub(self.base.seq + 1)?).ok()
    }

    pub fn get(&self, seq: u64) -> Option<&Entry> {
        self.entries.get(self.index(seq)?).map(|logged| &logged.entry)
    }

    /// The entry at a seq, or what the log begins after; none: it is not known any more, or not yet.
    pub fn position(&self, seq: u64) -> Option<Position> {
        if seq == self.base.seq {
            return Some(self.base);
        }
        self.get(seq).map(|entry| entry.position)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.after(0)
    }

    pub fn after(&self, seq: u64) -> impl Iterator<Item = &Entry> {
        let from = seq.saturating_sub(self.base.seq).min(self.entries.len() as u64) as usize;
        self.entries.range(from..).map(|logged| &logged.entry)
    }

    /// Bytes of the entries after one place and up to another.
    pub fn bytes_between(&self, after: u64, to: u64) -> u64 {
        let through = |seq: u64| {
            let index = seq.checked_sub(self.base.seq + 1).map(|index| (index as usize).min(self.entries.len()));
            match (index, self.entries.back()) {
                (Some(index), Some(last)) => self.entries.get(index).unwrap_or(last).through,
                _ => self.base_through,
            }
        };
        through(to).saturating_sub(through(after))
    }

    /// Forgets what comes after a place.
    pub fn cut(&mut self, seq: u64) {
        self.entries.truncate(seq.saturating_sub(self.base.seq) as usize);
    }

    /// Forgets entries up to a place, as long as the log is more than so many bytes.
    pub fn forget(&mut self, up_to: u64, bytes: u64) {
        while self.bytes() > bytes && self.entries.front().is_some_and(|first| first.entry.position.seq <= up_to) {
            if let Some(first) = self.entries.pop_front() {
                (self.base, self.base_through) = (first.entry.position, first.through);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(seq: u64, len: usize) -> Entry {
        Entry { position: Position { term: 1, seq }, effect: vec![0; len].into() }
    }

    #[test]
    fn its_bytes_are_those_of_the_entries_it_has() {
        let mut log = Log::default();
        (1..=10).for_each(|seq| log.push(entry(seq, 100)));
        let each = 100 + ENTRY_BYTES;
        assert_eq!((log.bytes(), log.bytes_between(2, 5), log.bytes_between(5, 2)), (10 * each, 3 * each, 0));
        log.forget(10, 7 * each);
        assert_eq!((log.bytes(), log.base().seq, log.bytes_between(0, 5)), (7 * each, 3, 2 * each));
        log.forget(4, 0);
        assert_eq!((log.base().seq, log.position(4).is_some(), log.position(3)), (4, true, None));
        log.cut(8);
        log.push(entry(9, 0));
        assert_eq!((log.last().seq, log.bytes()), (9, 4 * each + ENTRY_BYTES));
        assert_eq!(log.after(7).map(|entry| entry.position.seq).collect::<Vec<u64>>(), [8, 9]);
        log.begin(Position { term: 2, seq: 20 });
        assert_eq!((log.bytes(), log.last().seq, log.bytes_between(0, 30)), (0, 20, 0));
    }
}
