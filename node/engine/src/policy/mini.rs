//! A store of metadata alone that drives a policy as the engine does: `auto`'s shadows and the simulator run on it.
//!
//! It counts the bytes of living entries and keeps no keys and no values. Entries stand in segments and segments in queues,
//! as in `stripe.rs`; what differs: no pages and no compaction. About 32 B an entry.

use std::collections::VecDeque;

use super::{Meta, QUEUES, QueueFigures, Replacement, Verdict};

const NIL: u32 = u32::MAX;

/// Entries a policy may keep in a row; the next one goes, whatever the policy thinks of it. Less is in the way of policies
/// that find most of a segment worth keeping, as they often do.
const KEPT_MAX: u32 = 256;

/// Places are made for a so-manieth more entries when there are none left.
const GROWTH: usize = 8;

#[derive(Debug, Clone, Copy)]
struct Entry {
    hash: u64,
    /// 0: it was removed and stands in its segment as dead space.
    bytes: u32,
    used: u32,
    uses: u8,
    queue: u8,
    /// The next in its segment or among the free ones.
    next: u32,
    /// The next of its bucket.
    chain: u32,
}

/// A list of entries, dead ones among them.
#[derive(Debug, Clone, Copy)]
struct Segment {
    first: u32,
    last: u32,
    bytes: u64,
    begun: u32,
}

/// What reclaiming did, in bytes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Work {
    pub evicted: u64,
    pub copied: u64,
}

/// Entries without keys and values.
#[derive(Debug, Clone)]
pub struct Mini {
    capacity: u64,
    /// Segments the bytes are spread over.
    segments: u64,
    bytes: u64,
    items: usize,
    /// Power of two; heads of chains.
    buckets: Vec<u32>,
    entries: Vec<Entry>,
    free: u32,
    queues: [VecDeque<Segment>; QUEUES],
    figures: [QueueFigures; QUEUES],
    /// The next entry of the segment that is reclaimed.
    walked: u32,
    kept: u32,
    pub work: Work,
}

impl Mini {
    /// Holds `capacity` bytes in segments of about a `segments`-th of that.
    pub fn new(capacity: u64, segments: u64) -> Mini {
        Mini {
            capacity,
            segments,
            bytes: 0,
            items: 0,
            buckets: Vec::new(),
            entries: Vec::new(),
            free: NIL,
            queues: Default::default(),
            figures: Default::default(),
            walked: NIL,
            kept: 0,
            work: Work::default(),
        }
    }

    /// Entries held.
    pub fn len(&self) -> usize {
        self.items
    }

    /// Bytes held.
    #[cfg(test)]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// A lower one is reached with the next insert.
    pub fn set_capacity(&mut self, capacity: u64) {
        self.capacity = capacity;
    }

    /// Memory this takes.
    #[cfg(test)]
    pub fn memory_bytes(&self) -> usize {
        let segments: usize = self.queues.iter().map(VecDeque::capacity).sum();
        self.buckets.capacity() * size_of::<u32>()
            + self.entries.capacity() * size_of::<Entry>()
            + segments * size_of::<Segment>()
    }

    /// A request for a key: true if it was held. What is missing is inserted; what is held has the new size from now on.
    pub fn request(&mut self, policy: &mut dyn Replacement, hash: u64, bytes: u32, now: u32) -> bool {
        let bytes = bytes.max(1);
        let Some(index) = self.find(hash) else {
            self.insert(policy, hash, bytes, None, now);
            return false;
        };
        let entry = self.entries[index as usize];
        let uses = policy.hit(&meta(&entry), now);
        let held = &mut self.entries[index as usize];
        (held.uses, held.used) = (uses, now);
        if bytes < entry.bytes {
            // In place, as the engine does.
            held.bytes = bytes;
            let shrunk = u64::from(entry.bytes - bytes);
            self.bytes -= shrunk;
            self.figures[usize::from(entry.queue)].bytes -= shrunk;
        } else if bytes > entry.bytes {
            self.remove(hash);
            self.insert(policy, hash, bytes, Some((entry.queue, uses)), now);
        }
        true
    }

    /// Forgets a key.
    pub fn remove(&mut self, hash: u64) {
        if let Some(index) = self.find(hash) {
            self.forget(index);
        }
    }

    /// Forgets all keys for which `keep` says no.
    pub fn retain(&mut self, keep: impl Fn(u64) -> bool) {
        for index in 0..self.entries.len() {
            let entry = self.entries[index];
            if entry.bytes > 0 && !keep(entry.hash) {
                self.forget(index as u32);
            }
        }
        self.compact();
    }

    /// Gives up the places of removed entries that stand in segments still, and free ones.
    fn compact(&mut self) {
        let before = std::mem::take(&mut self.entries);
        self.entries.reserve_exact(self.items + self.items / GROWTH);
        let mut moved = |first: u32| {
            let (mut at, mut list) = (first, (NIL, NIL));
            while at != NIL {
                let entry = before[at as usize];
                if entry.bytes > 0 {
                    let index = self.entries.len() as u32;
                    match self.entries.get_mut(list.1 as usize) {
                        Some(last) => last.next = index,
                        None => list.0 = index,
                    }
                    list.1 = index;
                    self.entries.push(Entry { next: NIL, ..entry });
                }
                at = entry.next;
            }
            list
        };
        for queue in &mut self.queues {
            queue.retain_mut(|segment| {
                (segment.first, segment.last) = moved(segment.first);
                segment.first != NIL
            });
        }
        self.walked = moved(self.walked).0;
        self.free = NIL;
        self.rehash();
    }

    fn bucket(&self, hash: u64) -> usize {
        (hash >> 20) as usize & (self.buckets.len() - 1)
    }

    fn find(&self, hash: u64) -> Option<u32> {
        let mut index = *self.buckets.get(if self.buckets.is_empty() { 0 } else { self.bucket(hash) })?;
        while index != NIL {
            let entry = &self.entries[index as usize];
            if entry.hash == hash {
                return Some(index);
            }
            index = entry.chain;
        }
        None
    }

    /// Takes an entry out of the map and the account; it stays in its segment, dead.
    fn forget(&mut self, index: u32) {
        let Entry { hash, bytes, queue, chain, .. } = self.entries[index as usize];
        let bucket = self.bucket(hash);
        if self.buckets[bucket] == index {
            self.buckets[bucket] = chain;
        } else {
            let mut before = self.buckets[bucket];
            while self.entries[before as usize].chain != index {
                before = self.entries[before as usize].chain;
            }
            self.entries[before as usize].chain = chain;
        }
        self.entries[index as usize].bytes = 0;
        self.count_out(queue, bytes);
        self.bytes -= u64::from(bytes);
        self.items -= 1;
    }

    fn count_out(&mut self, queue: u8, bytes: u32) {
        let figures = &mut self.figures[usize::from(queue)];
        figures.bytes -= u64::from(bytes);
        figures.items -= 1;
    }

    /// `target`: the queue and uses of an entry that was held with fewer bytes.
    fn insert(&mut self, policy: &mut dyn Replacement, hash: u64, bytes: u32, target: Option<(u8, u8)>, now: u32) {
        if u64::from(bytes) > self.capacity {
            return;
        }
        while self.bytes + u64::from(bytes) > self.capacity {
            self.reclaim(policy, now);
        }
        let new = Meta { hash, bytes, used: now, uses: 0, queue: 0 };
        let (queue, uses) = target.unwrap_or_else(|| policy.insert(&new, now));
        let queue = queue % QUEUES as u8;
        if self.items >= self.buckets.len() {
            self.rehash();
        }
        let bucket = self.bucket(hash);
        let entry = Entry { hash, bytes, used: now, uses, queue, next: NIL, chain: self.buckets[bucket] };
        let index = self.place(entry);
        self.buckets[bucket] = index;
        self.bytes += u64::from(bytes);
        self.items += 1;
        self.append(index, now);
    }

    fn place(&mut self, entry: Entry) -> u32 {
        if self.free == NIL {
            if self.entries.len() == self.entries.capacity() {
                self.entries.reserve_exact(self.entries.len() / GROWTH + 16);
            }
            self.entries.push(entry);
            return self.entries.len() as u32 - 1;
        }
        let index = self.free;
        self.free = std::mem::replace(&mut self.entries[index as usize], entry).next;
        index
    }

    /// Buckets as many as are wanted for the entries there are.
    fn rehash(&mut self) {
        self.buckets = vec![NIL; (self.items * 2).next_power_of_two().max(16)];
        for index in 0..self.entries.len() {
            if self.entries[index].bytes > 0 {
                let bucket = self.bucket(self.entries[index].hash);
                self.entries[index].chain = std::mem::replace(&mut self.buckets[bucket], index as u32);
            }
        }
    }

    /// Puts a living entry at the end of its queue.
    fn append(&mut self, index: u32, now: u32) {
        let Entry { bytes, queue, .. } = self.entries[index as usize];
        let queue = usize::from(queue);
        let bytes = u64::from(bytes);
        // The target follows what is held, as in the engine.
        let target = self.bytes / self.segments;
        match self.queues[queue].back_mut() {
            Some(open) if open.bytes + bytes <= target => {
                self.entries[open.last as usize].next = index;
                open.last = index;
                open.bytes += bytes;
            }
            _ => self.queues[queue].push_back(Segment { first: index, last: index, bytes, begun: now }),
        }
        let figures = &mut self.figures[queue];
        figures.bytes += bytes;
        figures.items += 1;
    }

    /// Judges one entry of the segment that is walked, or begins with the next segment.
    fn reclaim(&mut self, policy: &mut dyn Replacement, now: u32) {
        if self.walked == NIL {
            self.walked = self.next_walk(policy, now);
            return;
        }
        let index = self.walked;
        self.walked = std::mem::replace(&mut self.entries[index as usize].next, NIL);
        self.judge(policy, index, now);
    }

    /// The first entry of the segment to reclaim, which is taken out of its queue.
    fn next_walk(&mut self, policy: &mut dyn Replacement, now: u32) -> u32 {
        for (figures, queue) in self.figures.iter_mut().zip(&self.queues) {
            figures.segments = queue.len() as u32;
            figures.begun = queue.front().map_or(now, |segment| segment.begun);
        }
        let wanted = usize::from(policy.reclaim_from(&self.figures, now)) % QUEUES;
        let filled = std::iter::once(wanted).chain(0..QUEUES).find(|queue| !self.queues[*queue].is_empty());
        filled.and_then(|queue| self.queues[queue].pop_front()).map_or(NIL, |segment| segment.first)
    }

    fn judge(&mut self, policy: &mut dyn Replacement, index: u32, now: u32) {
        let entry = self.entries[index as usize];
        if entry.bytes > 0 {
            match policy.verdict(&meta(&entry), now) {
                Verdict::Keep { queue, uses } if self.kept < KEPT_MAX => {
                    self.kept += 1;
                    self.count_out(entry.queue, entry.bytes);
                    let kept = &mut self.entries[index as usize];
                    (kept.queue, kept.uses) = (queue % QUEUES as u8, uses);
                    self.work.copied += u64::from(entry.bytes);
                    return self.append(index, now);
                }
                _ => {
                    self.kept = 0;
                    self.work.evicted += u64::from(entry.bytes);
                    self.forget(index);
                }
            }
        }
        self.entries[index as usize].next = self.free;
        self.free = index;
    }
}

fn meta(entry: &Entry) -> Meta {
    Meta { hash: entry.hash, bytes: entry.bytes, used: entry.used, uses: entry.uses, queue: entry.queue }
}

#[cfg(test)]
mod tests {
    use super::super::fifo::Fifo;
    use super::*;

    /// A key's hash.
    fn key(number: u64) -> u64 {
        (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    #[test]
    fn holds_no_more_than_its_capacity() {
        let (mut store, mut policy) = (Mini::new(1000, 10), Fifo);
        for number in 0..100 {
            assert!(!store.request(&mut policy, key(number), 50, number as u32));
            assert!(store.bytes() <= 1000 && store.len() as u64 * 50 == store.bytes());
        }
        assert!(store.request(&mut policy, key(99), 50, 100));
        assert!(!store.request(&mut policy, key(3), 50, 101));
        assert!(store.entries.len() <= 22, "places of evicted entries are used again");
    }

    #[test]
    fn a_changed_size_is_counted() {
        let (mut store, mut policy) = (Mini::new(1000, 10), Fifo);
        store.request(&mut policy, key(1), 50, 0);
        for bytes in [70, 30] {
            assert!(store.request(&mut policy, key(1), bytes, 1));
            assert_eq!((store.bytes(), store.len()), (u64::from(bytes), 1));
        }
        store.remove(key(1));
        assert_eq!((store.bytes(), store.len()), (0, 0));
    }

    #[test]
    fn retains_what_it_is_told_to() {
        let (mut store, mut policy) = (Mini::new(10_000, 10), Fifo);
        (0..100).for_each(|number| _ = store.request(&mut policy, key(number), 50, 0));
        store.retain(|hash| hash % 2 == 0);
        let held: Vec<u64> = (0..100).filter(|number| store.find(key(*number)).is_some()).collect();
        assert_eq!(held.len(), store.len());
        assert!(held.iter().all(|number| key(*number).is_multiple_of(2)));
        assert_eq!(store.entries.len(), held.len(), "no place is left of the others");
        // What is left goes in the order it came in.
        store.set_capacity(1000);
        store.request(&mut policy, key(1000), 50, 0);
        let left: Vec<u64> = (0..100).filter(|number| store.find(key(*number)).is_some()).collect();
        assert_eq!(left, held[held.len() - left.len()..]);
        assert_eq!(left.len() + 1, store.len());
    }

    /// A policy that keeps everything ends all the same.
    #[derive(Debug)]
    struct Miser;

    impl Replacement for Miser {
        fn insert(&mut self, _: &Meta, _: u32) -> (u8, u8) {
            (0, 0)
        }
        fn hit(&mut self, _: &Meta, _: u32) -> u8 {
            0
        }
        fn reclaim_from(&mut self, _: &[QueueFigures; QUEUES], _: u32) -> u8 {
            0
        }
        fn verdict(&mut self, _: &Meta, _: u32) -> Verdict {
            Verdict::Keep { queue: 0, uses: 0 }
        }
    }

    #[test]
    fn nothing_can_be_kept_for_ever() {
        let mut store = Mini::new(1000, 10);
        (0..500).for_each(|number| _ = store.request(&mut Miser, key(number), 50, 0));
        assert!(store.bytes() <= 1000);
    }
}
