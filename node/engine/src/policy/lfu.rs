//! Least frequently used: one queue for each count of uses, as in "An O(1) algorithm for implementing the LFU cache eviction
//! scheme" (Shah, Mitra, Matani, 2010), but with the counts in a `BTreeMap` instead of a linked list: there are few distinct
//! ones, and the lowest is at hand.
//!
//! ```text
//!   1: b ─ e ─ f      the victim is the front of the lowest queue, b
//!   2: a ─ d          a use moves an entry to the back of the next queue,
//!   7: c              so within a queue the front was used longest ago
//! ```
//!
//! This is plain LFU: counts only grow, up to [`FREQUENCY_MAX`](crate::entries::FREQUENCY_MAX), from where on entries are
//! ordered by their last use. Nothing ages, so what was popular once stays until it is deleted or expires.

use super::Ticks;
use super::queue::Order;
use crate::entries::Entries;
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub(crate) struct Lfu {
    /// Invariant: no queue is empty; each holds the entries of that frequency, ticks rising towards the back.
    queues: BTreeMap<u16, Order>,
}

impl Lfu {
    pub fn insert(&mut self, entries: &mut Entries, index: u32) {
        self.queues.entry(entries[index].frequency).or_default().push_back(entries, index);
    }

    pub fn used(&mut self, entries: &mut Entries, index: u32, ticks: &Ticks) {
        self.remove(entries, index);
        let entry = &mut entries[index];
        entry.tick = ticks.next();
        entry.count_use();
        self.insert(entries, index);
    }

    pub fn remove(&mut self, entries: &mut Entries, index: u32) {
        let frequency = entries[index].frequency;
        let queue = self.queues.get_mut(&frequency).expect("an entry is in the queue of its frequency");
        queue.remove(entries, index);
        if queue.is_empty() {
            self.queues.remove(&frequency);
        }
    }

    pub fn victim(&self) -> Option<u32> {
        self.queues.first_key_value().and_then(|(_, queue)| queue.front())
    }

    pub fn iter(&self, entries: &Entries) -> impl Iterator<Item = u32> {
        self.queues.values().flat_map(|queue| queue.iter(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Policy;
    use super::super::testing::Trial;
    use crate::entries::FREQUENCY_MAX;

    #[test]
    fn the_least_frequently_used_goes_first_and_among_equals_the_least_recently_used() {
        let mut trial = Trial::new(Policy::Lfu);
        trial.insert('a').insert('b').insert('c').insert('d').insert('e');
        trial.hit('c').hit('a').hit('c').overwrite('d').hit('a').hit('a');
        assert_eq!(trial.evict_all(), "bedca");
    }

    #[test]
    fn counts_end_and_then_the_last_use_decides() {
        let mut trial = Trial::new(Policy::Lfu);
        trial.insert('a').insert('b');
        for name in ['a', 'b', 'a'] {
            for _ in 0..FREQUENCY_MAX {
                trial.hit(name);
            }
        }
        assert_eq!(trial.insert('c').evict_all(), "cba");
    }
}
