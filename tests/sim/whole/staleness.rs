//! How old what is read may be where copies answer: never more than the bound, as long as the partition stays in one's hands. (What
//! a failover loses of an eventual namespace is no matter of age.)

use std::collections::BTreeMap;

/// Moments in microseconds.
struct Write {
    value: u64,
    begin: u64,
    /// When it was acknowledged; `u64::MAX`: never.
    end: u64,
    /// The partition's term when it began.
    term: Option<u64>,
}

#[derive(Default)]
pub struct Staleness(BTreeMap<String, Vec<Write>>);

impl Staleness {
    pub fn wrote(&mut self, key: &str, value: u64, (begin, end): (u64, u64), term: Option<u64>) {
        self.0.entry(key.into()).or_default().push(Write { value, begin, end, term });
    }

    /// What is wrong with a read that ended in a term: a write that was acknowledged before `horizon`, in that term, is not
    /// seen in it, and nothing that came after that either.
    pub fn check(&self, key: &str, seen: Option<u64>, horizon: u64, term: Option<u64>) -> Result<(), String> {
        let writes = self.0.get(key).map_or(&[][..], Vec::as_slice);
        let source = writes.iter().find(|write| Some(write.value) == seen);
        let is_missed = |write: &&Write| {
            let is_due = write.end <= horizon && write.term == term && term.is_some();
            let is_before = source.is_none_or(|source| source.end < write.begin);
            is_due && Some(write.value) != seen && (seen.is_none() || (source.is_some() && is_before))
        };
        match writes.iter().find(is_missed) {
            None => Ok(()),
            Some(Write { value, end, .. }) => Err(format!("{key}: read {seen:?}, but {value} was there at {end} us")),
        }
    }
}

#[test]
fn what_is_too_old_is_seen() {
    let mut staleness = Staleness::default();
    staleness.wrote("k", 1, (0, 10), Some(1));
    staleness.wrote("k", 2, (20, 30), Some(1));
    staleness.wrote("k", 3, (25, u64::MAX), Some(1));
    for (seen, horizon, term, is_right) in [
        (Some(1), 29, 1, true),
        (Some(1), 30, 1, false),
        (Some(1), 30, 2, true),
        (Some(2), 1000, 1, true),
        (Some(3), 1000, 1, true),
        (None, 9, 1, true),
        (None, 10, 1, false),
    ] {
        assert_eq!(staleness.check("k", seen, horizon, Some(term)).is_ok(), is_right, "{seen:?} {horizon} {term}");
    }
}
