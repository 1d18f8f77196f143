//! A stream told as operations, in pieces: its state and its groups, its entries node by node, and what is pending.
//!
//! ```text
//!   place   0: state, groups;  then 1 and a node's number, cut to some bits;  then 1 << 22 and the first bits of hashes
//! ```
//!
//! What is pending, and the consumers, are told by their hashes: each step looks at all of them and tells some. So a place means the same
//! whatever comes and goes, and costs nothing to keep.

use super::groups::Group;
use super::{Op, Stream, StreamId};
use crate::value::PLACE_BITS;
use crate::value::packed::put_item;

/// Places of nodes are below, those of what is pending from here on.
const PENDING: u64 = 1 << (PLACE_BITS - 1);

const NODE_MASK: u64 = PENDING / 2 - 1;

/// What an operation on something pending takes, about.
const PENDING_BYTES: usize = 64;

/// Upper bits of a hash.
fn place_of_id(id: StreamId) -> u64 {
    let mixed = (id.ms ^ id.sequence.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ mixed >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93) >> (64 - PLACE_BITS + 1)
}

fn place_of_name(name: &[u8]) -> u64 {
    let word =
        name.iter().fold(name.len() as u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3));
    place_of_id(StreamId::new(word, 0))
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
        if place >= PENDING {
            return self.walk_pending(place - PENDING, bytes, visit);
        }
        let next = self.walk_nodes(place, bytes.saturating_sub(told), visit);
        let has_pending = self.groups().any(|(_, group)| group.consumers().len() > 0);
        match next {
            0 if has_pending && bytes == usize::MAX => self.walk_pending(0, bytes, visit),
            0 if has_pending => PENDING,
            next => next,
        }
    }

    fn walk_nodes(&self, place: u64, bytes: usize, visit: &mut dyn FnMut(Op<'_>)) -> u64 {
        let from = match place {
            0 => 0,
            _ => {
                // The next node from the first on whose number has this place.
                let ahead = (place - 1).wrapping_sub(self.first_number) & NODE_MASK;
                // What is far ahead was at the front, and is gone.
                if ahead > NODE_MASK / 2 { 0 } else { ahead as usize }
            }
        };
        let (mut told, mut items) = (0, Vec::new());
        for (index, node) in self.nodes.iter().enumerate().skip(from) {
            if told >= bytes.max(1) {
                return (self.first_number.wrapping_add(index as u64) & NODE_MASK) + 1;
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

    fn walk_pending(&self, from: u64, bytes: usize, visit: &mut dyn FnMut(Op<'_>)) -> u64 {
        let count_of = |group: &Group| group.pending_len() + group.consumers().len();
        let count: usize = self.groups().map(|(_, group)| count_of(group)).sum();
        let wanted = (bytes / PENDING_BYTES).max(1);
        let width = if wanted >= count { PENDING } else { (PENDING * wanted as u64 / count as u64).max(1) };
        let end = from.saturating_add(width);
        let is_in = |place: u64| (from..end).contains(&place);
        for (name, group) in self.groups() {
            for (id, pending) in group.pending(..).filter(|(id, _)| is_in(place_of_id(*id))) {
                let (consumer, delivered_ms) = (&pending.consumer[..], pending.delivered_ms);
                visit(Op::Pending { group: name, consumer, id, delivered_ms, count: pending.count });
            }
            for (consumer, of) in group.consumers().filter(|(consumer, _)| is_in(place_of_name(consumer))) {
                visit(Op::Consumer { group: name, name: consumer, seen_ms: of.seen_ms, active_ms: of.active_ms });
            }
        }
        if end >= PENDING { 0 } else { PENDING + end }
    }
}
