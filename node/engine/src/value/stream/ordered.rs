//! What is kept by ID, in the order of IDs: in blocks of neighbours, as the entries of a stream are.
//!
//! ```text
//!   blocks   │ ID, value │ ID, value │ … │ │ … │ │ … │      ascending, each of some tens at most, and of one at least
//! ```
//!
//! Most comes at the end and goes at the front, where either costs a block; finding an ID costs the logarithm of their number. How
//! many blocks ever went is counted, so that whoever numbers them can see to it that none gets a lower number. Left out: what is kept.

use super::StreamId;
use crate::value::allocated;
use std::collections::VecDeque;
use std::ops::{Bound, RangeBounds};

const BLOCK_MAX: usize = 64;

#[derive(Debug)]
pub(super) struct Ordered<T> {
    blocks: VecDeque<Vec<(StreamId, T)>>,
    len: usize,
    /// Of all blocks, as the allocator gives them.
    bytes: usize,
    blocks_gone: u64,
}

impl<T> Default for Ordered<T> {
    fn default() -> Ordered<T> {
        Ordered { blocks: VecDeque::new(), len: 0, bytes: 0, blocks_gone: 0 }
    }
}

impl<T: Clone> Clone for Ordered<T> {
    /// A copy has its blocks as long as what is in them.
    fn clone(&self) -> Ordered<T> {
        let blocks = self.blocks.clone();
        let bytes = blocks.iter().map(block_bytes).sum();
        Ordered { blocks, bytes, ..*self }
    }
}

fn block_bytes<T>(block: &Vec<(StreamId, T)>) -> usize {
    allocated(block.capacity() * size_of::<(StreamId, T)>())
}

impl<T> Ordered<T> {
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of memory, as the allocator gives them.
    pub fn heap_bytes(&self) -> usize {
        allocated(self.blocks.capacity() * size_of::<Vec<(StreamId, T)>>()) + self.bytes
    }

    pub fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// Blocks that ever went.
    pub fn blocks_gone(&self) -> u64 {
        self.blocks_gone
    }

    pub fn block(&self, index: usize) -> impl Iterator<Item = (StreamId, &T)> {
        self.blocks.get(index).into_iter().flatten().map(|(id, value)| (*id, value))
    }

    pub fn range(&self, range: impl RangeBounds<StreamId>) -> impl DoubleEndedIterator<Item = (StreamId, &T)> {
        let (start, end) = (range.start_bound().cloned(), range.end_bound().cloned());
        let is_before = move |id: &StreamId| match start {
            Bound::Included(start) => *id < start,
            Bound::Excluded(start) => *id <= start,
            Bound::Unbounded => false,
        };
        let is_up_to_end = move |id: &StreamId| match end {
            Bound::Included(end) => *id <= end,
            Bound::Excluded(end) => *id < end,
            Bound::Unbounded => true,
        };
        let from = self.blocks.partition_point(|block| block.last().is_some_and(|(id, _)| is_before(id)));
        let to = self.blocks.partition_point(|block| block.first().is_some_and(|(id, _)| is_up_to_end(id)));
        self.blocks.range(from..to.max(from)).flat_map(move |block| {
            let from = block.partition_point(|(id, _)| is_before(id));
            let to = block.partition_point(|(id, _)| is_up_to_end(id));
            block[from..to.max(from)].iter().map(|(id, value)| (*id, value))
        })
    }

    /// The block where an ID is or would be, and where in it.
    fn place(&self, id: StreamId) -> (usize, Result<usize, usize>) {
        let at = self.blocks.partition_point(|block| block.last().is_some_and(|(last, _)| *last < id));
        let in_block = self.blocks.get(at).map_or(Err(0), |block| block.binary_search_by_key(&id, |(id, _)| *id));
        (at, in_block)
    }

    pub fn get(&self, id: StreamId) -> Option<&T> {
        let (at, index) = self.place(id);
        Some(&self.blocks.get(at)?.get(index.ok()?)?.1)
    }

    pub fn get_mut(&mut self, id: StreamId) -> Option<&mut T> {
        let (at, index) = self.place(id);
        Some(&mut self.blocks.get_mut(at)?.get_mut(index.ok()?)?.1)
    }

    /// Puts a value at an ID, in place of what was there.
    pub fn insert(&mut self, id: StreamId, value: T) {
        let (mut at, index) = self.place(id);
        let mut index = match index {
            Ok(index) => {
                self.blocks[at][index].1 = value;
                return;
            }
            Err(index) => index,
        };
        if at == self.blocks.len() {
            // Behind all others: at the end of the last block, or of a new one.
            match self.blocks.back().map(Vec::len).filter(|len| *len < BLOCK_MAX) {
                Some(len) => (at, index) = (at - 1, len),
                None => self.insert_block(at, Vec::new()),
            }
        } else if self.blocks[at].len() == BLOCK_MAX {
            let behind = self.change_block(at, |block| block.split_off(BLOCK_MAX / 2));
            self.insert_block(at + 1, behind);
            if index > BLOCK_MAX / 2 {
                (at, index) = (at + 1, index - BLOCK_MAX / 2);
            }
        }
        self.change_block(at, |block| block.insert(index, (id, value)));
        self.len += 1;
    }

    pub fn remove(&mut self, id: StreamId) -> Option<T> {
        let (at, index) = self.place(id);
        let index = index.ok()?;
        let (_, value) = self.change_block(at, |block| {
            let gone = block.remove(index);
            if block.capacity() > 2 * block.len() + 4 {
                block.shrink_to_fit();
            }
            gone
        });
        self.len -= 1;
        if self.blocks[at].is_empty() {
            self.bytes -= self.blocks.remove(at).as_ref().map_or(0, block_bytes);
            self.blocks_gone += 1;
            if self.blocks.capacity() > 4 * self.blocks.len() + 16 {
                self.blocks.shrink_to(2 * self.blocks.len());
            }
        }
        Some(value)
    }

    fn change_block<R>(&mut self, at: usize, change: impl FnOnce(&mut Vec<(StreamId, T)>) -> R) -> R {
        let block = &mut self.blocks[at];
        self.bytes -= block_bytes(block);
        let result = change(block);
        self.bytes += block_bytes(block);
        result
    }

    fn insert_block(&mut self, at: usize, block: Vec<(StreamId, T)>) {
        if self.blocks.len() == self.blocks.capacity() {
            self.blocks.reserve_exact(self.blocks.len() / 4 + 1);
        }
        self.bytes += block_bytes(&block);
        self.blocks.insert(at, block);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn it_is_what_a_tree_is() {
        let mut random = 7u64;
        let mut below = |end: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % end
        };
        let (mut ordered, mut tree) = (Ordered::default(), BTreeMap::new());
        for round in 0..40_000u64 {
            // It grows, mostly at the end, and goes again.
            let id = StreamId::new(1, if below(3) == 0 { round } else { below(round + 1) });
            if below(40_000) > round {
                ordered.insert(id, round);
                tree.insert(id, round);
            } else {
                assert_eq!(ordered.remove(id), tree.remove(&id));
            }
            assert_eq!((ordered.get(id), ordered.len()), (tree.get(&id), tree.len()));
            if round % 400 == 0 {
                let (one, other) = (below(round + 1), below(round + 1));
                let range = StreamId::new(1, one.min(other))..=StreamId::new(1, one.max(other));
                let expected: Vec<_> = tree.range(range.clone()).map(|(id, value)| (*id, value)).collect();
                assert_eq!(ordered.range(range.clone()).collect::<Vec<_>>(), expected);
                assert!(ordered.range(range.clone()).rev().eq(expected.iter().rev().copied()));
                let (start, end) = range.into_inner();
                let between = (Bound::Excluded(start), Bound::Excluded(end));
                if start < end {
                    let expected = tree.range(between).map(|(id, value)| (*id, value));
                    assert!(ordered.range(between).eq(expected));
                    assert_eq!(ordered.range(end..=start).count(), 0);
                }
                let in_blocks = (0..ordered.blocks()).flat_map(|index| ordered.block(index));
                assert!(in_blocks.eq(tree.iter().map(|(id, value)| (*id, value))));
                assert_eq!(ordered.bytes, ordered.blocks.iter().map(block_bytes).sum::<usize>());
                assert!(ordered.blocks.iter().all(|block| (1..=BLOCK_MAX).contains(&block.len())));
            }
        }
        tree.keys().for_each(|id| assert!(ordered.remove(*id).is_some()));
        assert!(ordered.is_empty() && ordered.blocks() == 0 && ordered.heap_bytes() < 1000);
    }

    #[test]
    fn what_comes_at_the_end_fills_its_blocks() {
        let mut ordered = Ordered::default();
        (0..6400).for_each(|ms| ordered.insert(StreamId::new(ms, 0), ()));
        assert_eq!((ordered.blocks(), ordered.blocks_gone()), (100, 0));
        assert!(ordered.heap_bytes() < 6400 * 18, "{}", ordered.heap_bytes());
        (0..640).for_each(|ms| _ = ordered.remove(StreamId::new(ms, 0)));
        assert_eq!((ordered.blocks(), ordered.blocks_gone()), (90, 10));
        assert_eq!(
            ordered.clone().heap_bytes(),
            ordered.heap_bytes() - allocated(ordered.blocks.capacity() * 24) + allocated(90 * 24)
        );
    }
}
