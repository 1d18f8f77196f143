//! A count-min sketch: how often keys were seen lately, entries evicted since included.
//!
//! Four rows of 4-bit counters within one 16-byte block a key (one cache line), halved when as many keys were noted as
//! ten times the entries it is made for (TinyLFU, G. Einziger et al. 2017). 2 B an entry.

use super::cells::Cells;
use crate::pages::Arena;
use std::sync::Arc;

/// Blocks halved at each note while halving goes on, so that no note pays for all.
const HALVED: usize = 16;

/// Frequencies of 0 to 15.
#[derive(Debug, Clone)]
pub struct Sketch {
    blocks: Cells<16>,
    noted: u64,
    /// The block that is halved next; none beyond the last.
    halving: usize,
}

impl Sketch {
    pub fn new() -> Self {
        Self { blocks: Cells::new(), noted: 0, halving: usize::MAX }
    }

    /// See [`Cells::use_arena`].
    pub fn use_arena(&mut self, arena: &Arc<Arena>) {
        self.blocks.use_arena(arena);
    }

    /// Makes room for this many entries; growing keeps what is known.
    pub fn fit(&mut self, items: u64) {
        self.blocks.grow_to(items as usize / 8);
    }

    /// Memory this takes.
    #[cfg(test)]
    pub fn memory_bytes(&self) -> usize {
        self.blocks.memory()
    }

    /// Counts a key.
    pub fn note(&mut self, hash: u64) {
        let (mut block, shifts) = self.block(hash);
        let least = least(block, &shifts);
        if least < 15 {
            for shift in shifts {
                if (block >> shift) as u8 & 15 == least {
                    block += 1 << shift;
                }
            }
            self.blocks.set(hash >> 20, block.to_le_bytes());
        }
        self.noted += 1;
        if self.noted >= self.blocks.count() as u64 * 80 {
            self.noted /= 2;
            self.halving = 0;
        }
        if self.halving < self.blocks.count() {
            let halved = |block: u128| (block >> 1) & 0x7777_7777_7777_7777_7777_7777_7777_7777;
            let change = |block| halved(u128::from_le_bytes(block)).to_le_bytes();
            self.halving = self.blocks.change(self.halving, HALVED, change);
        }
    }

    /// How often a key was counted, at most 15; never too low but for the halvings.
    pub fn frequency(&self, hash: u64) -> u8 {
        let (block, shifts) = self.block(hash);
        least(block, &shifts)
    }

    /// A key's block, and where its counters are: of 32, one of each eight.
    fn block(&self, hash: u64) -> (u128, [u32; 4]) {
        let low = hash as u32;
        let shifts = [0u32, 1, 2, 3].map(|row| (row * 8 + (low >> (3 * row) & 7)) * 4);
        (u128::from_le_bytes(self.blocks.get(hash >> 20)), shifts)
    }
}

fn least(block: u128, shifts: &[u32; 4]) -> u8 {
    shifts.iter().map(|shift| (block >> shift) as u8 & 15).min().unwrap_or(0)
}

impl Default for Sketch {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_forgets() {
        let mut sketch = Sketch::new();
        for _ in 0..5 {
            sketch.note(0x1234_5678_9abc_def0);
        }
        assert_eq!(sketch.frequency(0x1234_5678_9abc_def0), 5);
        sketch.fit(4096);
        assert_eq!(sketch.frequency(0x1234_5678_9abc_def0), 5);
        for _ in 0..512 * 80 + 512 / 16 {
            sketch.note(0x0fed_cba9_8765_4321);
        }
        assert_eq!(sketch.blocks.count(), 512);
        assert_eq!(sketch.frequency(0x1234_5678_9abc_def0), 2, "halved");
    }
}
