//! First in, first out: one queue in order of writing; reads change nothing. An overwrite is a new value and goes to the
//! back: otherwise a key that is written all the time would lose its newest value to the age of its first.

use super::Ticks;
use super::queue::Order;
use crate::entries::Entries;

#[derive(Debug, Default)]
pub(crate) struct Fifo {
    /// Front: written longest ago. Ticks rise towards the back.
    queue: Order,
}

impl Fifo {
    pub fn insert(&mut self, entries: &mut Entries, index: u32) {
        self.queue.push_back(entries, index);
    }

    pub fn overwrite(&mut self, entries: &mut Entries, index: u32, ticks: &Ticks) {
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
    fn the_first_written_goes_first_however_often_it_is_read() {
        let mut trial = Trial::new(Policy::Fifo);
        trial.insert('a').insert('b').insert('c').hit('a').hit('a').overwrite('b').hit('c');
        assert_eq!(trial.evict_all(), "acb");
    }
}
