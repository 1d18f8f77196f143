//! A table of small cells that doubles without ever copying more than one chunk: what sketches and ghosts stand in.
//!
//! Its size is a power of two, and a key's cell is its hash modulo the size; so after doubling the upper half begins as a copy
//! of the lower. The copy is made chunk by chunk when one is first written to. Chunks beyond the first are pages of the
//! arena where there is one, so they stand against the memory limit; at the limit a chunk is not made, and its cells go on
//! sharing those they would have been copied from. What is in the cells is the users' business.

use crate::pages::{Arena, Need, Run, pages_for};
use std::sync::Arc;

/// Bytes of a chunk.
const CHUNK: usize = 16 << 10;

/// Cells of so many bytes each, a power of two.
#[derive(Debug)]
pub struct Cells<const BYTES: usize> {
    arena: Option<Arc<Arena>>,
    first: Vec<[u8; BYTES]>,
    /// The chunks after the first.
    others: Vec<Option<Chunk>>,
    /// Cells in all.
    count: usize,
}

#[derive(Debug)]
enum Chunk {
    Heap(Box<[u8]>),
    Pages(Run),
}

impl Chunk {
    fn bytes(&self) -> &[u8] {
        match self {
            Chunk::Heap(bytes) => bytes,
            Chunk::Pages(run) => run.bytes(),
        }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        match self {
            Chunk::Heap(bytes) => bytes,
            Chunk::Pages(run) => run.bytes_mut(),
        }
    }
}

impl<const BYTES: usize> Cells<BYTES> {
    const PER_CHUNK: usize = CHUNK / BYTES;

    /// Sixteen zeroed cells.
    pub fn new() -> Self {
        Self { arena: None, first: vec![[0; BYTES]; 16], others: Vec::new(), count: 16 }
    }

    /// Takes its memory from here from now on.
    pub fn use_arena(&mut self, arena: &Arc<Arena>) {
        self.arena = Some(Arc::clone(arena));
    }

    pub fn count(&self) -> usize {
        self.count
    }

    /// Doubles until there are so many cells at least, up to 2^27. It never shrinks.
    pub fn grow_to(&mut self, cells: usize) {
        let wanted = cells.next_power_of_two().min(1 << 27);
        while self.count < wanted {
            if self.count < Self::PER_CHUNK {
                self.first.extend_from_within(..);
            }
            self.count *= 2;
        }
        self.others.resize_with((self.count / Self::PER_CHUNK).saturating_sub(1), || None);
    }

    /// The cell of a hash.
    #[inline]
    pub fn get(&self, hash: u64) -> [u8; BYTES] {
        let (chunk, index) = self.place(hash);
        match self.others.get(chunk.wrapping_sub(1)) {
            Some(Some(chunk)) => chunk.bytes().as_chunks::<BYTES>().0[index],
            _ => self.first[index],
        }
    }

    pub fn set(&mut self, hash: u64, cell: [u8; BYTES]) {
        self.make(hash as usize & (self.count - 1));
        let (chunk, index) = self.place(hash);
        match self.others.get_mut(chunk.wrapping_sub(1)) {
            Some(Some(chunk)) => chunk.bytes_mut().as_chunks_mut::<BYTES>().0[index] = cell,
            _ => self.first[index] = cell,
        }
    }

    /// Changes the cells from `from` on, `most` of them or those up to the end of a chunk; the cell to go on with.
    pub fn change(&mut self, from: usize, most: usize, change: impl Fn([u8; BYTES]) -> [u8; BYTES]) -> usize {
        let (chunk, index) = (from / Self::PER_CHUNK, from % Self::PER_CHUNK);
        let cells = match chunk.checked_sub(1).map(|other| self.others.get_mut(other)) {
            None => &mut self.first[..],
            Some(Some(Some(chunk))) => chunk.bytes_mut().as_chunks_mut::<BYTES>().0,
            // Not made, or beyond the end.
            Some(_) => return (chunk + 1) * Self::PER_CHUNK,
        };
        let end = (index + most).min(cells.len());
        cells[index..end].iter_mut().for_each(|cell| *cell = change(*cell));
        if end < Self::PER_CHUNK { from - index + end } else { (chunk + 1) * Self::PER_CHUNK }
    }

    /// Bytes of memory it takes.
    #[cfg(test)]
    pub fn memory(&self) -> usize {
        let made = self.others.iter().flatten().count();
        self.first.capacity() * BYTES + self.others.capacity() * size_of::<Option<Chunk>>() + made * CHUNK
    }

    /// The chunk and the index in it of a hash's cell, where it is now.
    #[inline]
    fn place(&self, hash: u64) -> (usize, usize) {
        let at = hash as usize & (self.count - 1);
        (self.made(at / Self::PER_CHUNK), at % Self::PER_CHUNK)
    }

    /// The chunk that stands in for one that is not made yet.
    #[inline]
    fn made(&self, mut chunk: usize) -> usize {
        while chunk > 0 && self.others[chunk - 1].is_none() {
            // The one in the lower half it is to be a copy of.
            chunk ^= 1 << chunk.ilog2();
        }
        chunk
    }

    /// Makes the chunk of a cell, if there is memory for it.
    fn make(&mut self, at: usize) {
        let chunk = at / Self::PER_CHUNK;
        if chunk == 0 || self.others[chunk - 1].is_some() {
            return;
        }
        let mut new = match &self.arena {
            Some(arena) => match arena.take(pages_for(CHUNK), Need::Reclaim) {
                Some(run) => Chunk::Pages(run),
                None => return,
            },
            None => Chunk::Heap(vec![0; CHUNK].into_boxed_slice()),
        };
        let source = match self.made(chunk) {
            0 => self.first.as_flattened(),
            other => self.others[other - 1].as_ref().map_or(&[][..], Chunk::bytes),
        };
        new.bytes_mut()[..source.len()].copy_from_slice(source);
        self.others[chunk - 1] = Some(new);
    }
}

impl<const BYTES: usize> Clone for Cells<BYTES> {
    /// A copy on the heap.
    fn clone(&self) -> Self {
        let copy = |chunk: &Option<Chunk>| chunk.as_ref().map(|chunk| Chunk::Heap(chunk.bytes()[..CHUNK].into()));
        let others = self.others.iter().map(copy).collect();
        Self { arena: None, first: self.first.clone(), others, count: self.count }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(arena: Option<&Arc<Arena>>) -> Cells<8> {
        let mut cells = Cells::new();
        if let Some(arena) = arena {
            cells.use_arena(arena);
        }
        (0..16u64).for_each(|n| cells.set(n, n.to_le_bytes()));
        cells
    }

    #[test]
    fn what_stood_in_a_cell_stands_in_both_it_becomes() {
        let mut cells = filled(None);
        for size in [16, 1024, 2048, 4096, 1 << 16] {
            cells.grow_to(size);
            assert_eq!(cells.count(), size);
            assert!((0..size as u64).all(|n| cells.get(n) == (n % 16).to_le_bytes()));
        }
        cells.set(5 + 40_000, 99u64.to_le_bytes());
        let copy = cells.clone();
        for cells in [&cells, &copy] {
            let changed: Vec<u64> = (0..1 << 16).filter(|n| cells.get(*n) != (n % 16).to_le_bytes()).collect();
            assert_eq!(changed, [40_005]);
        }
        assert!(cells.memory() < 4 * CHUNK, "only what was written to is made");
    }

    #[test]
    fn every_made_cell_is_changed_once_in_bounded_steps() {
        let mut cells = filled(None);
        cells.grow_to(1 << 14);
        (0..1u64 << 14).step_by(512).for_each(|n| cells.set(n + 7, n.to_le_bytes()));
        let before: Vec<u64> = (0..1 << 14).map(|n| u64::from_le_bytes(cells.get(n))).collect();
        let (mut at, mut steps) = (0, 0);
        while at < cells.count() {
            at = cells.change(at, 100, |cell| (u64::from_le_bytes(cell) + 1).to_le_bytes());
            steps += 1;
        }
        assert!(steps >= (1 << 14) / 100);
        assert!((0..1 << 14).all(|n| u64::from_le_bytes(cells.get(n)) == before[n as usize] + 1));
        let mut few = filled(None);
        assert!(few.change(0, 100, |_| [9; 8]) >= 16);
        assert_eq!(few.get(15), [9; 8]);
    }

    #[test]
    fn its_memory_stands_against_the_limit_and_without_any_it_goes_on() {
        let arena = Arena::new(40 << 10, 0);
        let mut cells = filled(Some(&arena));
        cells.grow_to(1 << 16);
        (0..1u64 << 16).step_by(64).for_each(|n| cells.set(n, [1; 8]));
        assert_eq!(arena.granted_bytes(), 2 * CHUNK as u64);
        assert!((0..1u64 << 16).step_by(64).all(|n| cells.get(n) == [1; 8]));
        drop(cells);
        assert_eq!(arena.granted_bytes(), 0);
    }
}
