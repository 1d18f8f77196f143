//! A table of fingerprints of evicted keys, each with a byte that outlives the eviction: about 2 B an entry held.
//!
//! Sets of four; within one the oldest is replaced. A false match happens about once in 64 lookups.

/// Fingerprints (8 bits) with a byte each.
#[derive(Debug, Clone)]
pub struct Ghost {
    sets: Vec<[u16; 4]>,
}

impl Ghost {
    pub fn new() -> Self {
        Self { sets: vec![[0; 4]; 16] }
    }

    /// Makes room for this many fingerprints; growing keeps what is known.
    pub fn fit(&mut self, items: u64) {
        let wanted = (items as usize / 4).next_power_of_two().clamp(16, 1 << 27);
        while self.sets.len() < wanted {
            self.sets.extend_from_within(..);
        }
    }

    /// Memory this takes.
    pub fn memory_bytes(&self) -> usize {
        self.sets.capacity() * size_of::<[u16; 4]>()
    }

    /// Notes an evicted key.
    pub fn put(&mut self, hash: u64, held: u8) {
        let (set, tag) = self.place(hash);
        let set = &mut self.sets[set];
        set.rotate_right(1);
        set[0] = tag | u16::from(held);
    }

    /// What was noted of a key, which is forgotten.
    pub fn take(&mut self, hash: u64) -> Option<u8> {
        let (set, tag) = self.place(hash);
        let found = self.sets[set].iter_mut().find(|held| **held & 0xff00 == tag)?;
        let held = *found as u8;
        *found = 0;
        Some(held)
    }

    fn place(&self, hash: u64) -> (usize, u16) {
        // 0 is an empty place, so no fingerprint is 0.
        ((hash >> 8) as usize & (self.sets.len() - 1), (((hash >> 56) as u16).max(1)) << 8)
    }
}

impl Default for Ghost {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_back_once() {
        let mut ghost = Ghost::new();
        ghost.put(0xfeed_0000_0000_1200, 7);
        ghost.fit(1000);
        assert_eq!(ghost.take(0xfeed_0000_0000_1200), Some(7));
        assert_eq!(ghost.take(0xfeed_0000_0000_1200), None);
    }
}
