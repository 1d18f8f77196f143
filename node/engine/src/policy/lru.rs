//! Least recently used: one queue; whatever is used goes to its back. Exact, not sampled.

use super::Ticks;
use super::queue::Order;
use crate::entries::Entries;

#[derive(Debug, Default)]
pub(crate) struct Lru {
    /// Front: used longest ago. Ticks rise towards the back.
    queue: Order,
}

impl Lru {
    pub fn insert(&mut self, entries: &mut Entries, index: u32) {
        self.queue.push_back(entries, index);
    }

    pub fn used(&mut self, entries: &mut Entries, index: u32, ticks: &Ticks) {
        let entry = &mut entries[index];
        entry.tick = ticks.next();
        entry.count_use();
        self.queue.move_to_back(entries, index);
    }

    pub fn remove(&mut self, entries: &mut Entries, index: u32) {
        self.queue.remove(entries, index);
    }

    pub fn victim(&self) -> Option<u32> {
        self.queue.front()
    }

    pub fn iter<'a>(&self, entries: &'a Entries) -> impl Iterator<Item = u32> + use<'a> {
        self.queue.iter(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Policy;
    use super::super::testing::Trial;

    #[test]
    fn the_least_recently_used_goes_first() {
        let mut trial = Trial::new(Policy::Lru);
        trial.insert('a').insert('b').insert('c').insert('d').hit('a').overwrite('c').hit('c').hit('a');
        assert_eq!(trial.evict_all(), "bdca");
    }
}
