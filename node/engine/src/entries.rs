//! The entries of one shard, each at a position it keeps for life.
//!
//! A slab: a list of chunks of cells; a vacant cell names the next vacant one. Chunks, not one growing array, so that growth
//! copies nothing and no moment needs twice the memory. Positions never change, which makes them links for the queues
//! ([`crate::policy`]) and a cursor for scans ([`crate::scan`]).

use crate::value::Value;
use std::ops::{Index, IndexMut};

/// No entry.
pub(crate) const NIL: u32 = u32::MAX;

/// An expiry that never comes.
pub(crate) const NEVER: u64 = u64::MAX;

/// Uses are counted up to here, which leaves 52 bits of a word to ticks: see [`Entry::coldness`].
pub(crate) const FREQUENCY_MAX: u16 = (1 << (64 - TICK_BITS)) - 1;
const TICK_BITS: u32 = 52;

/// What one entry is charged beyond the bytes of its key and value: its cell (80), its share of the table (about 8) and of
/// the expiry order (up to 36, if it expires), and what an allocator adds to its two allocations (about 32). Measured as
/// resident memory over half a million entries of 24 + 128 bytes: 125 without an expiry, 161 with one; so this errs on the
/// side of the limit.
pub const ENTRY_OVERHEAD: u64 = 160;

/// The charge of an entry with a key and a value of so many bytes; what to ask [`crate::Engine::lock_with_room`] for.
pub fn charge(key_bytes: usize, value_bytes: u64) -> u64 {
    key_bytes as u64 + value_bytes + ENTRY_OVERHEAD
}

#[derive(Debug)]
pub(crate) struct Entry {
    pub key: Box<[u8]>,
    pub value: Value,
    /// Unix milliseconds, or [`NEVER`].
    pub expires_at_ms: u64,
    /// Unix milliseconds of the last use.
    pub used_at_ms: u64,
    /// Orders what the policy of its namespace goes by: the last use, or the last write.
    pub tick: u64,
    pub links: [Link; 2],
    /// Uses since it was inserted, that included, up to [`FREQUENCY_MAX`].
    pub frequency: u16,
    pub database: u16,
    pub slot: u16,
    pub namespace: u8,
}

/// Neighbours in one of the queues an entry is in, or [`NIL`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    pub previous: u32,
    pub next: u32,
}

impl Link {
    pub const NONE: Link = Link { previous: NIL, next: NIL };
}

impl Entry {
    pub fn charge(&self) -> u64 {
        charge(self.key.len(), self.value.bytes())
    }

    pub fn is_expired(&self, now_ms: u64) -> bool {
        self.expires_at_ms <= now_ms
    }

    pub fn expiry(&self) -> Option<u64> {
        (self.expires_at_ms != NEVER).then_some(self.expires_at_ms)
    }

    pub fn count_use(&mut self) {
        self.frequency = (self.frequency + 1).min(FREQUENCY_MAX);
    }

    /// One word that orders by `rank` first and by tick second. 52 bits of ticks last 28 years at five million a second.
    pub fn coldness(&self, rank: u16) -> u64 {
        u64::from(rank) << TICK_BITS | self.tick
    }
}

#[derive(Debug)]
enum Cell {
    Entry(Entry),
    Vacant { next: u32 },
}

const CHUNK_BITS: u32 = 7;
const CHUNK: usize = 1 << CHUNK_BITS;

#[derive(Debug)]
pub(crate) struct Entries {
    chunks: Vec<Vec<Cell>>,
    vacant: u32,
    positions: u32,
    len: u32,
}

impl Entries {
    pub fn new() -> Entries {
        Entries { chunks: Vec::new(), vacant: NIL, positions: 0, len: 0 }
    }

    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// All positions in use are below this.
    pub fn positions(&self) -> u32 {
        self.positions
    }

    pub fn insert(&mut self, entry: Entry) -> u32 {
        self.len += 1;
        let index = self.vacant;
        if index != NIL {
            let cell = self.cell_mut(index).expect("the list of vacant cells names cells");
            let Cell::Vacant { next } = std::mem::replace(cell, Cell::Entry(entry)) else {
                panic!("the list of vacant cells named one in use")
            };
            self.vacant = next;
            return index;
        }
        let index = self.positions;
        assert!(index < NIL, "a shard holds fewer than 2^32 − 1 entries: their overhead alone would be 600 GB");
        if index as usize & (CHUNK - 1) == 0 {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        self.chunks[index as usize >> CHUNK_BITS].push(Cell::Entry(entry));
        self.positions += 1;
        index
    }

    /// Takes out a living entry. When it was the last one, the chunks are given back.
    pub fn remove(&mut self, index: u32) -> Entry {
        let next = self.vacant;
        let cell = self.cell_mut(index).expect("an entry's position is a cell");
        let Cell::Entry(entry) = std::mem::replace(cell, Cell::Vacant { next }) else {
            panic!("an entry was removed twice")
        };
        self.vacant = index;
        self.len -= 1;
        if self.len == 0 {
            *self = Entries::new();
        }
        entry
    }

    /// The entry at a position, if there is one.
    pub fn at(&self, index: u32) -> Option<&Entry> {
        match self.chunks.get(index as usize >> CHUNK_BITS)?.get(index as usize & (CHUNK - 1))? {
            Cell::Entry(entry) => Some(entry),
            Cell::Vacant { .. } => None,
        }
    }

    fn cell_mut(&mut self, index: u32) -> Option<&mut Cell> {
        self.chunks.get_mut(index as usize >> CHUNK_BITS)?.get_mut(index as usize & (CHUNK - 1))
    }
}

impl Index<u32> for Entries {
    type Output = Entry;

    fn index(&self, index: u32) -> &Entry {
        self.at(index).expect("table, queues and expiry order hold positions of living entries only")
    }
}

impl IndexMut<u32> for Entries {
    fn index_mut(&mut self, index: u32) -> &mut Entry {
        match self.cell_mut(index) {
            Some(Cell::Entry(entry)) => entry,
            _ => panic!("table, queues and expiry order hold positions of living entries only"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(key: &str) -> Entry {
        Entry {
            key: key.as_bytes().into(),
            value: Value::string(&b""[..]),
            expires_at_ms: NEVER,
            used_at_ms: 0,
            tick: 0,
            links: [Link::NONE; 2],
            frequency: 1,
            database: 0,
            slot: 0,
            namespace: 0,
        }
    }

    #[test]
    fn a_cell_is_as_large_as_the_overhead_assumes() {
        assert_eq!(std::mem::size_of::<Cell>(), 80);
    }

    #[test]
    fn positions_stay_and_vacant_ones_are_used_again() {
        let mut entries = Entries::new();
        let positions: Vec<u32> = (0..300).map(|i| entries.insert(entry(&i.to_string()))).collect();
        assert_eq!(positions, (0..300).collect::<Vec<u32>>());
        assert_eq!(&*entries.remove(7).key, b"7");
        assert_eq!(&*entries.remove(200).key, b"200");
        assert!(entries.at(7).is_none() && entries.at(300).is_none());
        assert_eq!((entries.insert(entry("a")), entries.insert(entry("b")), entries.insert(entry("c"))), (200, 7, 300));
        assert_eq!((&*entries[299].key, &*entries[7].key, entries.len()), (&b"299"[..], &b"b"[..], 301));
    }

    #[test]
    fn the_last_entry_gives_the_chunks_back() {
        let mut entries = Entries::new();
        let positions: Vec<u32> = (0..300).map(|i| entries.insert(entry(&i.to_string()))).collect();
        positions.into_iter().for_each(|position| drop(entries.remove(position)));
        assert_eq!((entries.chunks.len(), entries.positions(), entries.len()), (0, 0, 0));
        assert_eq!(entries.insert(entry("a")), 0);
    }

    #[test]
    fn coldness_orders_by_rank_then_tick() {
        let mut entry = entry("a");
        entry.tick = 1 << 51;
        let late = entry.coldness(1);
        entry.tick = 3;
        assert!(entry.coldness(1) < late && late < entry.coldness(2) && entry.coldness(FREQUENCY_MAX) < u64::MAX);
    }
}
