//! The table of partitions within the metadata: one entry a partition, by number. A clone shares every entry with the original
//! until one of them changes it, since each change of the metadata makes a new state and touches few of a thousand partitions.

use crate::failover::Configuration;
use serde::{Deserialize, Serialize};
use std::ops::{Index, IndexMut};
use std::sync::Arc;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Table(#[serde(with = "crate::placement::runs")] Vec<Arc<Configuration>>);

impl Table {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn get(&self, index: usize) -> Option<&Configuration> {
        self.0.get(index).map(|entry| &**entry)
    }

    pub fn get_mut(&mut self, index: usize) -> Option<&mut Configuration> {
        self.0.get_mut(index).map(Arc::make_mut)
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Configuration> + ExactSizeIterator + Clone {
        self.0.iter().map(|entry| &**entry)
    }

    /// Every entry is taken for changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Configuration> {
        self.0.iter_mut().map(Arc::make_mut)
    }

    /// Whether an entry is the same in both; seldom more than one comparison of addresses.
    pub fn is_same(&self, other: &Table, index: usize) -> bool {
        match (self.0.get(index), other.0.get(index)) {
            (Some(own), Some(theirs)) => Arc::ptr_eq(own, theirs) || own == theirs,
            (own, theirs) => own.is_none() && theirs.is_none(),
        }
    }
}

impl<'a> IntoIterator for &'a Table {
    type Item = &'a Configuration;
    type IntoIter =
        std::iter::Map<std::slice::Iter<'a, Arc<Configuration>>, fn(&'a Arc<Configuration>) -> &'a Configuration>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter().map(|entry| &**entry)
    }
}

impl Index<usize> for Table {
    type Output = Configuration;

    fn index(&self, index: usize) -> &Configuration {
        &self.0[index]
    }
}

impl IndexMut<usize> for Table {
    fn index_mut(&mut self, index: usize) -> &mut Configuration {
        Arc::make_mut(&mut self.0[index])
    }
}

impl FromIterator<Configuration> for Table {
    fn from_iter<I: IntoIterator<Item = Configuration>>(entries: I) -> Table {
        Table(entries.into_iter().map(Arc::new).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dcache_protocol::NodeId;

    fn held_by(node: u64) -> Configuration {
        Configuration::new(vec![NodeId(node)])
    }

    #[test]
    fn a_clone_changes_nothing_of_the_original_and_shares_what_it_does_not_change() {
        let before: Table = (0..4).map(held_by).collect();
        let mut after = before.clone();
        after[2] = held_by(9);
        *after.get_mut(3).expect("there are four") = held_by(3);
        assert_eq!((&before[2], &after[2]), (&held_by(2), &held_by(9)));
        assert!(before.get(4).is_none() && after.get_mut(4).is_none());
        let same: Vec<bool> = (0..5).map(|index| before.is_same(&after, index)).collect();
        assert_eq!(same, [true, true, false, true, true]);
        assert!(Arc::ptr_eq(&before.0[1], &after.0[1]) && !Arc::ptr_eq(&before.0[3], &after.0[3]));
    }
}
