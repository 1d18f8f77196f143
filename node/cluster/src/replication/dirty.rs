//! Which keys have writes that are not committed: by the keys' hashes, the seq of the last one. A table of its own since it is
//! asked for each read and told of each write.
//!
//! What is committed needs no removal: a seq that is committed holds nobody up. It goes when the table is full, so that the table
//! is as big as there were uncommitted writes at a time.

/// Slots at least, once there are any.
const SLOTS: usize = 32;

/// Open addressing over a power of two of slots; seq 0: free.
#[derive(Debug, Default)]
pub struct Dirty {
    slots: Vec<(u64, u64)>,
    used: usize,
    /// The slots of before, to be the next ones.
    spare: Vec<(u64, u64)>,
}

impl Dirty {
    /// The last seq of a key, or 0, or one that is committed.
    pub fn seq(&self, key: u64) -> u64 {
        if self.slots.is_empty() { 0 } else { self.slots[self.place(key)].1 }
    }

    pub fn clear(&mut self) {
        (self.slots, self.used, self.spare) = (Vec::new(), 0, Vec::new());
    }

    /// `commit`: seqs up to here need not be remembered.
    pub fn note(&mut self, key: u64, seq: u64, commit: u64) {
        if (self.used + 1) * 2 > self.slots.len() {
            self.renew(commit);
        }
        let place = self.place(key);
        self.used += usize::from(self.slots[place].1 == 0);
        self.slots[place] = (key, seq);
    }

    /// The slot of a key, or a free one; half of them are.
    fn place(&self, key: u64) -> usize {
        let mask = self.slots.len() - 1;
        // The partition was chosen by some of the hash's bits: all of its keys have these in common.
        let mixed = key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let mut at = mixed as usize & mask;
        while self.slots[at].1 != 0 && self.slots[at].0 != key {
            at = (at + 1) & mask;
        }
        at
    }

    fn renew(&mut self, commit: u64) {
        let is_held_up = |slot: &&(u64, u64)| slot.1 > commit;
        self.used = self.slots.iter().filter(is_held_up).count();
        let size = (self.used * 4 + 2).next_power_of_two().max(SLOTS);
        let mut slots = std::mem::take(&mut self.spare);
        slots.clear();
        slots.resize(size, (0, 0));
        let old = std::mem::replace(&mut self.slots, slots);
        for slot in old.iter().filter(is_held_up) {
            let place = self.place(slot.0);
            self.slots[place] = *slot;
        }
        // One of very many writes is not kept for those few that come after them.
        self.spare = if old.len() > size * 2 { Vec::new() } else { old };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn it_knows_every_write_that_is_not_committed_and_is_no_bigger_than_these_need() {
        let (mut dirty, mut known) = (Dirty::default(), BTreeMap::new());
        assert_eq!(dirty.seq(3), 0);
        for seq in 1..=20_000u64 {
            let key = seq.wrapping_mul(seq) % 97 * 1024;
            let commit = if seq < 5000 { 0 } else { seq - 10 };
            dirty.note(key, seq, commit);
            known.insert(key, seq);
            if seq % 50 == 0 {
                for (key, seq) in &known {
                    assert!(dirty.seq(*key) == *seq || (*seq <= commit && dirty.seq(*key) <= commit), "{key}");
                }
            }
        }
        assert!(dirty.slots.len() <= 128, "{}", dirty.slots.len());
        dirty.clear();
        assert_eq!(dirty.seq(0), 0);
    }
}
