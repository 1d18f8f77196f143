//! A table of fingerprints of evicted keys, each with a byte that outlives the eviction: about 2 B an entry held.
//!
//! Sets of four; within one the oldest is replaced. A false match happens about once in 64 lookups.

use super::cells::Cells;
use crate::pages::Arena;
use std::sync::Arc;

/// Fingerprints (8 bits) with a byte each.
#[derive(Debug, Clone)]
pub struct Ghost {
    sets: Cells<8>,
}

impl Ghost {
    pub fn new() -> Self {
        Self { sets: Cells::new() }
    }

    /// See [`Cells::use_arena`].
    pub fn use_arena(&mut self, arena: &Arc<Arena>) {
        self.sets.use_arena(arena);
    }

    /// Makes room for this many fingerprints; growing keeps what is known.
    pub fn fit(&mut self, items: u64) {
        self.sets.grow_to(items as usize / 4);
    }

    /// Memory this takes.
    #[cfg(test)]
    pub fn memory_bytes(&self) -> usize {
        self.sets.memory()
    }

    /// Notes an evicted key.
    pub fn put(&mut self, hash: u64, held: u8) {
        // The oldest, at the high end, goes.
        let set = u64::from_le_bytes(self.sets.get(hash >> 8)) << 16 | u64::from(tag(hash) | u16::from(held));
        self.sets.set(hash >> 8, set.to_le_bytes());
    }

    /// What was noted of a key, which is forgotten.
    pub fn take(&mut self, hash: u64) -> Option<u8> {
        let set = u64::from_le_bytes(self.sets.get(hash >> 8));
        let shift = (0..64).step_by(16).find(|shift| (set >> shift) as u16 & 0xff00 == tag(hash))?;
        self.sets.set(hash >> 8, (set & !(0xffff << shift)).to_le_bytes());
        Some((set >> shift) as u8)
    }
}

/// A fingerprint, in the upper byte. 0 is an empty place, so none is 0.
fn tag(hash: u64) -> u16 {
    ((hash >> 56) as u16).max(1) << 8
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
