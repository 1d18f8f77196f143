//! A count-min sketch: how often keys were seen lately, entries evicted since included.
//!
//! Four rows of 4-bit counters within one 16-byte block a key (one cache line), halved when as many keys were noted as
//! ten times the entries it is made for (TinyLFU, G. Einziger et al. 2017). 2 B an entry.

/// Frequencies of 0 to 15.
#[derive(Debug, Clone)]
pub struct Sketch {
    blocks: Vec<u128>,
    noted: u64,
}

impl Sketch {
    pub fn new() -> Self {
        Self { blocks: vec![0; 16], noted: 0 }
    }

    /// Makes room for this many entries; growing keeps what is known.
    pub fn fit(&mut self, items: u64) {
        let wanted = (items as usize / 8).next_power_of_two().clamp(16, 1 << 26);
        while self.blocks.len() < wanted {
            // A key's block is its hash modulo the size: a copy of the lower half stands where its keys may be now.
            self.blocks.extend_from_within(..);
        }
    }

    /// Memory this takes.
    #[cfg(test)]
    pub fn memory_bytes(&self) -> usize {
        self.blocks.capacity() * size_of::<u128>()
    }

    /// Counts a key.
    pub fn note(&mut self, hash: u64) {
        let least = self.frequency(hash);
        if least < 15 {
            let (block, shifts) = self.place(hash);
            for shift in shifts {
                if (self.blocks[block] >> shift) as u8 & 15 == least {
                    self.blocks[block] += 1 << shift;
                }
            }
        }
        self.noted += 1;
        if self.noted >= self.blocks.len() as u64 * 80 {
            self.noted /= 2;
            for block in &mut self.blocks {
                *block = (*block >> 1) & 0x7777_7777_7777_7777_7777_7777_7777_7777;
            }
        }
    }

    /// How often a key was counted, at most 15; never too low but for the halvings.
    pub fn frequency(&self, hash: u64) -> u8 {
        let (block, shifts) = self.place(hash);
        shifts.iter().map(|shift| (self.blocks[block] >> shift) as u8 & 15).min().unwrap_or(0)
    }

    /// Of 32 counters a block, one of each eight.
    fn place(&self, hash: u64) -> (usize, [u32; 4]) {
        let block = (hash >> 20) as usize & (self.blocks.len() - 1);
        let low = hash as u32;
        (block, [0u32, 1, 2, 3].map(|row| (row * 8 + (low >> (3 * row) & 7)) * 4))
    }
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
        for key in 0..80_000u64 {
            sketch.note(key.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        }
        assert!(sketch.blocks.len() * 16 <= 2 * 4096 * 2);
    }
}
