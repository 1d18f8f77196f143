//! Which entry of a namespace goes first when space is needed.
//!
//! A policy keeps the entries of one namespace in one shard in order and names the first; it neither frees anything nor
//! knows budgets. Order across shards comes from the entries' ticks: the shard whose first entry is coldest
//! ([`Queues::coldness`]) is where the node's victim is, see [`crate::budget`].
//!
//! | | a read | an overwrite | goes first |
//! |---|---|---|---|
//! | [`lru`] | moves to the back | moves to the back | used longest ago |
//! | [`lfu`] | counts | counts | used least often; among equals, used longest ago |
//! | [`fifo`] | nothing | moves to the back | written longest ago |
//! | none | nothing | moves to the back | nobody |
//!
//! When a namespace changes its policy, its entries keep what the old one knew: the tick (of the last use or the last write)
//! and the count of uses, which every policy keeps.

pub(crate) mod fifo;
pub(crate) mod lfu;
pub(crate) mod lru;
pub(crate) mod queue;

use crate::entries::Entries;
use fifo::Fifo;
use lfu::Lfu;
use lru::Lru;
use std::sync::atomic::{AtomicU64, Ordering};

/// How a namespace chooses what to evict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Policy {
    /// The least recently used entry.
    #[default]
    Lru,
    /// The least frequently used entry; among equals, the least recently used.
    Lfu,
    /// The entry written longest ago, however often it is read.
    Fifo,
    /// Nothing is evicted: a write that does not fit is refused.
    None,
}

/// The order of events over all shards of an engine.
#[derive(Debug, Default)]
pub(crate) struct Ticks(AtomicU64);

impl Ticks {
    /// Relaxed: each shard's ticks are drawn under its lock, so they rise within every queue; between shards nothing more
    /// than distinct numbers is needed.
    pub fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

/// The entries of one namespace in one shard, in the order of its policy.
#[derive(Debug)]
pub(crate) enum Queues {
    Lru(Lru),
    Lfu(Lfu),
    Fifo(Fifo),
    /// In order of writing, for a policy that may come later.
    None(Fifo),
}

/// What [`Queues::coldness`] says when nobody may be evicted.
pub(crate) const NO_VICTIM: u64 = u64::MAX;

impl Queues {
    pub fn new(policy: Policy) -> Queues {
        match policy {
            Policy::Lru => Queues::Lru(Lru::default()),
            Policy::Lfu => Queues::Lfu(Lfu::default()),
            Policy::Fifo => Queues::Fifo(Fifo::default()),
            Policy::None => Queues::None(Fifo::default()),
        }
    }

    pub fn policy(&self) -> Policy {
        match self {
            Queues::Lru(_) => Policy::Lru,
            Queues::Lfu(_) => Policy::Lfu,
            Queues::Fifo(_) => Policy::Fifo,
            Queues::None(_) => Policy::None,
        }
    }

    /// Takes in an entry that is in no queue; its tick is the newest.
    pub fn insert(&mut self, entries: &mut Entries, index: u32) {
        match self {
            Queues::Lru(lru) => lru.insert(entries, index),
            Queues::Lfu(lfu) => lfu.insert(entries, index),
            Queues::Fifo(fifo) | Queues::None(fifo) => fifo.insert(entries, index),
        }
    }

    /// An entry was read.
    pub fn hit(&mut self, entries: &mut Entries, index: u32, ticks: &Ticks) {
        match self {
            Queues::Lru(lru) => lru.used(entries, index, ticks),
            Queues::Lfu(lfu) => lfu.used(entries, index, ticks),
            Queues::Fifo(_) | Queues::None(_) => entries[index].count_use(),
        }
    }

    /// An entry was overwritten.
    pub fn overwrite(&mut self, entries: &mut Entries, index: u32, ticks: &Ticks) {
        match self {
            Queues::Lru(lru) => lru.used(entries, index, ticks),
            Queues::Lfu(lfu) => lfu.used(entries, index, ticks),
            Queues::Fifo(fifo) | Queues::None(fifo) => fifo.overwrite(entries, index, ticks),
        }
    }

    pub fn remove(&mut self, entries: &mut Entries, index: u32) {
        match self {
            Queues::Lru(lru) => lru.remove(entries, index),
            Queues::Lfu(lfu) => lfu.remove(entries, index),
            Queues::Fifo(fifo) | Queues::None(fifo) => fifo.remove(entries, index),
        }
    }

    /// The entry to evict first.
    pub fn victim(&self) -> Option<u32> {
        match self {
            Queues::Lru(lru) => lru.victim(),
            Queues::Lfu(lfu) => lfu.victim(),
            Queues::Fifo(fifo) => fifo.victim(),
            Queues::None(_) => None,
        }
    }

    /// Where the first entry stands among those of other shards under the same policy: the lowest goes first.
    pub fn coldness(&self, entries: &Entries) -> u64 {
        let Some(victim) = self.victim() else { return NO_VICTIM };
        let victim = &entries[victim];
        victim.coldness(if matches!(self, Queues::Lfu(_)) { victim.frequency } else { 0 })
    }

    /// The same entries under another policy.
    pub fn change(&mut self, entries: &mut Entries, policy: Policy) {
        if self.policy() == policy {
            return;
        }
        let order = self.by_tick(entries);
        *self = Queues::new(policy);
        for index in order {
            self.insert(entries, index);
        }
    }

    fn by_tick(&self, entries: &Entries) -> Vec<u32> {
        match self {
            Queues::Lru(lru) => lru.iter(entries).collect(),
            Queues::Fifo(fifo) | Queues::None(fifo) => fifo.iter(entries).collect(),
            Queues::Lfu(lfu) => {
                let mut order: Vec<u32> = lfu.iter(entries).collect();
                order.sort_unstable_by_key(|index| entries[*index].tick);
                order
            }
        }
    }
}

/// What the tests of the policies share: entries named by a letter.
#[cfg(test)]
pub(crate) mod testing {
    use super::*;
    use crate::entries::{Entry, Link, NEVER};
    use crate::value::Value;

    pub struct Trial {
        pub queues: Queues,
        pub entries: Entries,
        pub ticks: Ticks,
    }

    impl Trial {
        pub fn new(policy: Policy) -> Trial {
            Trial { queues: Queues::new(policy), entries: Entries::new(), ticks: Ticks::default() }
        }

        pub fn insert(&mut self, name: char) -> &mut Trial {
            let index = self.entries.insert(Entry {
                key: name.to_string().into_bytes().into(),
                value: Value::string(&b""[..]),
                expires_at_ms: NEVER,
                used_at_ms: 0,
                tick: self.ticks.next(),
                links: [Link::NONE; 2],
                frequency: 1,
                database: 0,
                slot: 0,
                namespace: 0,
            });
            self.queues.insert(&mut self.entries, index);
            self
        }

        pub fn hit(&mut self, name: char) -> &mut Trial {
            let index = self.find(name);
            self.queues.hit(&mut self.entries, index, &self.ticks);
            self
        }

        pub fn overwrite(&mut self, name: char) -> &mut Trial {
            let index = self.find(name);
            self.queues.overwrite(&mut self.entries, index, &self.ticks);
            self
        }

        pub fn change(&mut self, policy: Policy) -> &mut Trial {
            self.queues.change(&mut self.entries, policy);
            self
        }

        /// Evicts everything that may be; the names in order, checked to leave in order of coldness.
        pub fn evict_all(&mut self) -> String {
            let mut order = String::new();
            let mut coldest = 0;
            while let Some(victim) = self.queues.victim() {
                let coldness = self.queues.coldness(&self.entries);
                assert!(coldness >= coldest && coldness < NO_VICTIM);
                coldest = coldness;
                self.queues.remove(&mut self.entries, victim);
                order.push(char::from(self.entries.remove(victim).key[0]));
            }
            assert_eq!(self.queues.coldness(&self.entries), NO_VICTIM);
            order
        }

        fn find(&self, name: char) -> u32 {
            let is_it = |index: &u32| self.entries.at(*index).is_some_and(|entry| char::from(entry.key[0]) == name);
            (0..self.entries.positions()).find(is_it).expect("the trial names entries it inserted")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::Trial;
    use super::*;

    #[test]
    fn none_names_nobody_and_forgets_nobody() {
        let mut trial = Trial::new(Policy::None);
        trial.insert('a').insert('b').insert('c').overwrite('a').hit('b');
        assert_eq!(trial.evict_all(), "");
        assert_eq!(trial.change(Policy::Fifo).evict_all(), "bca");
    }

    #[test]
    fn a_change_keeps_order_and_counts() {
        let mut trial = Trial::new(Policy::Lru);
        trial.insert('a').insert('b').insert('c').hit('a').hit('a').hit('b');
        assert_eq!(trial.change(Policy::Lfu).evict_all(), "cba");
        let mut trial = Trial::new(Policy::Lfu);
        trial.insert('a').insert('b').insert('c').hit('a').hit('a').hit('b');
        assert_eq!(trial.change(Policy::Lru).evict_all(), "cab");
    }
}
