//! Linearizable per key, with sticky misses: there is an order of a key's operations, each at a moment between its call and
//! its answer, in which a read returns the last value written or a miss, and after a miss the value does not come back
//! before the next write.
//!
//! A cache may drop a value at any moment; so a read that misses is always allowed, and leaves the key empty. The search is
//! Wing and Gong's with Lowe's memory of states ("Testing for linearizability", 2017). Values are written once each, so a
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
    let mut search = Search { operations: &operations, seen: BTreeSet::new(), deepest: 0 };
    if search.run() {
        return Ok(());
    }
    let near = &operations[search.deepest.saturating_sub(4)..(search.deepest + 5).min(operations.len())];
    Err(format!("no order explains the operations about {near:#?}"))
}

/// Operations done: all before `first`, and those `ahead` of it by bit.
type State = (usize, u64, Option<u64>);

struct Search<'a> {
    operations: &'a [Operation],
    seen: BTreeSet<State>,
    deepest: usize,
}

impl Search<'_> {
    fn run(&mut self) -> bool {
        let mut open: Vec<State> = vec![(0, 0, None)];
        while let Some((first, ahead, value)) = open.pop() {
            self.deepest = self.deepest.max(first);
            if first == self.operations.len() {
                return true;
            }
            // What begins after one that is not done has ended cannot come before it.
            let mut limit = u64::MAX;
            for index in first..self.operations.len().min(first + 63) {
                let Operation { begin, end, kind } = self.operations[index];
                if begin > limit {
                    break;
                }
                let bit = 1u64 << (index - first);
                if ahead & bit != 0 {
                    continue;
                }
                limit = limit.min(end);
                let after = match kind {
                    Kind::Write(written) => Some(written),
                    Kind::Read(None) => None,
                    Kind::Read(Some(seen)) if value == Some(seen) => value,
                    Kind::Read(Some(_)) => continue,
                };
                let mut next = (first, ahead | bit, after);
                while next.1 & 1 != 0 {
                    next = (next.0 + 1, next.1 >> 1, next.2);
                }
                if self.seen.insert(next) {
                    open.push(next);
                }
            }
        }
        false
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
