//! A stream told as operations, in pieces: its state and its groups, its entries node by node, what is pending block by block, and
//! the consumers.
//!
//! ```text
//!   place   0: state, groups;  then 1 and a node's number;  then 1 << 22, 1 and a block's number;  then 3 << 21 and bits of hashes
//! ```
//!
//! Numbers are cut to some bits. Consumers are told by their hashes, as they are few: each step looks at all of them and tells some. So a
//! place means the same whatever comes and goes, and costs nothing to keep.

use super::{Op, Stream};
use crate::value::PLACE_BITS;
use crate::value::packed::put_item;

/// Places of nodes are below, those of what is pending from here on.
const PENDING: u64 = 1 << (PLACE_BITS - 1);

/// Places of consumers are from here on.
const CONSUMERS: u64 = PENDING + (1 << CONSUMER_BITS);

const CONSUMER_BITS: u32 = PLACE_BITS - 2;

const NODE_MASK: u64 = PENDING / 2 - 1;
const BLOCK_MASK: u64 = NODE_MASK / 2;

/// What an operation on something pending, or on a consumer, takes, about.
const PENDING_BYTES: usize = 64;

/// Upper bits of a hash.
fn place_of_name(name: &[u8]) -> u64 {
    let hash =
        name.iter().fold(name.len() as u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3));
    let mixed = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ mixed >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93) >> (64 - CONSUMER_BITS)
}

/// Where one of numbered pieces is, of which the first has a number, by the place its number makes; the first for 0.
fn index_of(place: u64, first_number: u64, mask: u64) -> usize {
    let Some(number) = place.checked_sub(1) else { return 0 };
    let ahead = number.wrapping_sub(first_number) & mask;
    // What is far ahead was at the front, and is gone.
    if ahead > mask / 8 * 7 { 0 } else { ahead as usize }
}

fn place_of(index: usize, first_number: u64, mask: u64) -> u64 {
    (first_number.wrapping_add(index as u64) & mask) + 1
}

impl Stream {
    /// As [`crate::value::Large::walk`].
    pub(in crate::value) fn walk(&self, place: u64, bytes: usize, visit: &mut dyn FnMut(Op<'_>)) -> u64 {
        let mut told = 0;
        if place == 0 {
            visit(self.state());
            for (name, group) in self.groups() {
                told += name.len() + 32;
                visit(Op::Group { name, last_delivered: group.last_delivered(), entries_read: group.entries_read() });
            }
        }
        let has_consumers = self.groups().any(|(_, group)| group.consumers().len() > 0);
        let next = match place {
            CONSUMERS.. => return self.walk_consumers(place - CONSUMERS, bytes, visit),
            PENDING.. => match self.walk_pending(place - PENDING, bytes, visit) {
                0 if has_consumers => CONSUMERS,
                0 => 0,
                next => PENDING + next,
            },
            _ => match self.walk_nodes(place, bytes.saturating_sub(told), visit) {
                0 if has_consumers => PENDING,
                next => next,
            },
        };
        if bytes == usize::MAX && next != 0 { self.walk(next, bytes, visit) } else { next }
    }

    fn walk_nodes(&self, place: u64, bytes: usize, visit: &mut dyn FnMut(Op<'_>)) -> u64 {
        let from = index_of(place, self.first_number, NODE_MASK);
        let (mut told, mut items) = (0, Vec::new());
        for (index, node) in self.nodes.iter().enumerate().skip(from) {
            if told >= bytes.max(1) {
                return place_of(index, self.first_number, NODE_MASK);
            }
            let mut begins = true;
            for entry in node.entries() {
                items.clear();
                for (name, value) in entry.fields() {
                    put_item(name, &mut items);
                    put_item(value, &mut items);
                }
                visit(Op::Entry { id: entry.id, begins, added: None, fields: &items });
                told += items.len() + 30;
                begins = false;
            }
        }
        0
    }

    fn walk_pending(&self, place: u64, bytes: usize, visit: &mut dyn FnMut(Op<'_>)) -> u64 {
        let Some(groups) = &self.groups else { return 0 };
        let from = index_of(place, groups.first_number(), BLOCK_MASK);
        let mut told = 0;
        for (index, (name, group, block)) in (from..).zip(groups.blocks_from(from)) {
            if told >= bytes.max(1) {
                return place_of(index, groups.first_number(), BLOCK_MASK);
            }
            for (id, pending) in group.pending_block(block) {
                let (consumer, delivered_ms) = (&pending.consumer[..], pending.delivered_ms);
                visit(Op::Pending { group: name, consumer, id, delivered_ms, count: pending.count });
                told += PENDING_BYTES;
            }
        }
        0
    }

    fn walk_consumers(&self, from: u64, bytes: usize, visit: &mut dyn FnMut(Op<'_>)) -> u64 {
        const END: u64 = 1 << CONSUMER_BITS;
        let count: usize = self.groups().map(|(_, group)| group.consumers().len()).sum();
        let wanted = (bytes / PENDING_BYTES).max(1);
        let width = if wanted >= count { END } else { (END * wanted as u64 / count as u64).max(1) };
        let end = from.saturating_add(width);
        let is_in = |place: u64| (from..end).contains(&place);
        for (name, group) in self.groups() {
            for (consumer, of) in group.consumers().filter(|(consumer, _)| is_in(place_of_name(consumer))) {
                visit(Op::Consumer { group: name, name: consumer, seen_ms: of.seen_ms, active_ms: of.active_ms });
            }
        }
        if end >= END { 0 } else { CONSUMERS + end }
    }
}
