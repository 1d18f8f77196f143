//! Linearizable per key, with sticky misses: there is an order of a key's operations, each at a moment between its call and
//! its answer, in which a read returns the last value written or a miss, and after a miss the value does not come back
//! before the next write.
//!
//! A cache may drop a value at any moment; so a read that misses is always allowed, and leaves the key empty. The search is
//! Lowe's "just in time" with a memory of states ("Testing for linearizability", 2017): its work grows with what is under way at
//! the same time, not with how long that takes. Values are written once each, so a
//! write whose outcome is unknown and whose value nobody read may be left out: no read depends on it.

use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Of a value that is written once in a history.
    Write(u64),
    /// What it saw; none: a miss.
    Read(Option<u64>),
}

/// One operation on one key, at moments of the world's clock. `end` is `u64::MAX` when no answer came.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    pub begin: u64,
    pub end: u64,
    pub kind: Kind,
}

/// What is wrong with one key's history, if something is.
pub fn check(history: &[Operation]) -> Result<(), String> {
    let mut read_at: BTreeMap<u64, u64> = BTreeMap::new();
    for operation in history {
        if let Kind::Read(Some(value)) = operation.kind
            && operation.end != u64::MAX
        {
            let first = read_at.entry(value).or_insert(u64::MAX);
            *first = operation.end.min(*first);
        }
    }
    let mut operations: Vec<Operation> = history.to_vec();
    operations.retain_mut(|operation| match (operation.end, operation.kind) {
        (u64::MAX, Kind::Read(_)) => false,
        (u64::MAX, Kind::Write(value)) => match read_at.get(&value) {
            // Who read it had it before the read's answer.
            Some(end) => {
                operation.end = *end;
                true
            }
            None => false,
        },
        _ => true,
    });
    operations.sort_by_key(|operation| operation.begin);
    Search { operations: &operations, under_way: Vec::new(), states: BTreeSet::from([(None, Vec::new())]) }.run()
}

/// The key's value, and those of the operations under way that have happened.
type State = (Option<u64>, Vec<usize>);

struct Search<'a> {
    operations: &'a [Operation],
    under_way: Vec<usize>,
    /// All that may be, after what has been looked at.
    states: BTreeSet<State>,
}

impl Search<'_> {
    /// Goes through calls and answers in the order of time; what has begun when another ends may have come before it.
    fn run(mut self) -> Result<(), String> {
        let begins = self.operations.iter().enumerate().map(|(index, operation)| (operation.begin, false, index));
        let ends = self.operations.iter().enumerate().map(|(index, operation)| (operation.end, true, index));
        let mut moments: Vec<(u64, bool, usize)> = begins.chain(ends).collect();
        moments.sort_unstable();
        for (_, has_ended, index) in moments {
            if !has_ended {
                self.under_way.push(index);
                continue;
            }
            self.end(index);
            if self.states.is_empty() {
                let near = &self.operations[index.saturating_sub(4)..(index + 5).min(self.operations.len())];
                return Err(format!("no order explains {:?}, about {near:#?}", self.operations[index]));
            }
        }
        Ok(())
    }

    /// An operation's answer came, so it has happened by now, perhaps after others that are under way.
    fn end(&mut self, ended: usize) {
        let mut seen = std::mem::take(&mut self.states);
        let mut open: Vec<State> = seen.iter().cloned().collect();
        while let Some((value, happened)) = open.pop() {
            if let Ok(place) = happened.binary_search(&ended) {
                let mut rest = happened;
                rest.remove(place);
                self.states.insert((value, rest));
                continue;
            }
            for index in &self.under_way {
                let Err(place) = happened.binary_search(index) else { continue };
                let after = match self.operations[*index].kind {
                    Kind::Write(written) => Some(written),
                    Kind::Read(None) => None,
                    Kind::Read(Some(read)) if value == Some(read) => value,
                    Kind::Read(Some(_)) => continue,
                };
                let mut with = happened.clone();
                with.insert(place, *index);
                if seen.insert((after, with.clone())) {
                    open.push((after, with));
                }
            }
        }
        self.under_way.retain(|index| *index != ended);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(operations: &[(u64, u64, Kind)]) -> Vec<Operation> {
        operations.iter().map(|(begin, end, kind)| Operation { begin: *begin, end: *end, kind: *kind }).collect()
    }

    #[test]
    fn orders_that_exist_are_found() {
        use Kind::*;
        for good in [
            &[(0, 1, Write(1)), (2, 3, Read(Some(1))), (4, 5, Read(None)), (6, 7, Read(None))][..],
            // The read overlaps both writes, and the writes each other.
            &[(0, 9, Write(1)), (1, 8, Write(2)), (2, 3, Read(Some(2))), (4, 5, Read(Some(1)))],
            &[(0, u64::MAX, Write(1)), (5, 6, Read(Some(1)))],
            &[(0, u64::MAX, Write(1)), (5, 6, Write(2)), (7, 8, Read(Some(2)))],
        ] {
            assert_eq!(check(&history(good)), Ok(()), "{good:?}");
        }
    }

    #[test]
    fn an_operation_may_be_under_way_while_a_thousand_others_are_done() {
        for (read, is_good) in [(500, true), (1000, true), (1001, false)] {
            let writes = (1..=1000).map(|n| (2 * n, 2 * n + 1, Kind::Write(n)));
            let whole: Vec<_> = writes.chain([(0, 2001, Kind::Read(Some(read)))]).collect();
            assert_eq!(check(&history(&whole)).is_ok(), is_good, "{read}");
        }
    }

    #[test]
    fn what_no_order_explains_is_refused() {
        use Kind::*;
        for bad in [
            // Stale, lost and come back, from nowhere, unknown but gone again.
            &[(0, 1, Write(1)), (2, 3, Write(2)), (4, 5, Read(Some(1)))][..],
            &[(0, 1, Write(1)), (2, 3, Read(None)), (4, 5, Read(Some(1)))],
            &[(0, 1, Read(Some(7)))],
            &[(0, u64::MAX, Write(1)), (2, 3, Read(Some(1))), (4, 5, Write(2)), (6, 7, Read(Some(1)))],
        ] {
            assert!(check(&history(bad)).is_err(), "{bad:?}");
        }
    }
}
