//! The entries of a stream: in nodes of neighbours, found by ID.
//!
//! ```text
//!   nodes   │ first ID … last ID │ │ … │ │ … │      ascending, each of some hundred entries at most (`node`)
//! ```
//!
//! Entries come at the end and mostly go at the front, so nodes are in a ring: either costs a node, finding one by ID the logarithm
//! of their number. Nodes have numbers, so that a walk knows where it is: whichever of them come and go meanwhile, none that is
//! behind the walk's place gets a number before it. Consumer groups are beside the nodes (`groups`), changes that are told in `edit`,
//! walks in `walk`. Left out: an entry's value that leads here.

mod edit;
mod groups;
mod id;
mod node;
mod ordered;
#[cfg(test)]
mod tests;
mod walk;

pub use groups::{Consumer, Group, Pending};
pub use id::StreamId;
pub use node::Entry;

use super::{Op, allocated};
use groups::Groups;
pub(super) use node::Node;
use std::collections::VecDeque;
use std::ops::RangeInclusive;

/// Which entries trimming leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// The last so many.
    Length(u64),
    /// Those from an ID on.
    From(StreamId),
}

/// How exactly it is trimmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    Exact,
    /// Whole nodes only, and no more entries than this.
    Nodes {
        limit: Option<u64>,
    },
}

#[derive(Debug, Default)]
pub struct Stream {
    nodes: VecDeque<Node>,
    /// Of all blocks of nodes, as the allocator gives them.
    blocks: usize,
    /// The number of the first node.
    first_number: u64,
    length: u64,
    last_id: StreamId,
    max_deleted_id: StreamId,
    entries_added: u64,
    groups: Option<Box<Groups>>,
}

impl Clone for Stream {
    /// A copy has its blocks as long as what is in them.
    fn clone(&self) -> Stream {
        let nodes = self.nodes.clone();
        let blocks = nodes.iter().map(|node| allocated(node.capacity())).sum();
        Stream { nodes, blocks, groups: self.groups.clone(), ..*self }
    }
}

impl Stream {
    pub(super) const fn new() -> Stream {
        Stream {
            nodes: VecDeque::new(),
            blocks: 0,
            first_number: 0,
            length: 0,
            last_id: StreamId::MIN,
            max_deleted_id: StreamId::MIN,
            entries_added: 0,
            groups: None,
        }
    }

    /// Its groups, by name.
    pub fn groups(&self) -> impl Iterator<Item = (&[u8], &Group)> {
        self.groups.iter().flat_map(|groups| groups.iter())
    }

    pub fn group(&self, name: &[u8]) -> Option<&Group> {
        self.groups.as_ref()?.get(name)
    }

    /// Entries.
    pub fn len(&self) -> u64 {
        self.length
    }

    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The highest ID there ever was.
    pub fn last_id(&self) -> StreamId {
        self.last_id
    }

    /// The highest ID that was deleted by name.
    pub fn max_deleted_id(&self) -> StreamId {
        self.max_deleted_id
    }

    /// Entries there ever were.
    pub fn entries_added(&self) -> u64 {
        self.entries_added
    }

    /// Nodes, which `XINFO STREAM` tells as keys of a radix tree.
    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// Says what it can no longer know by itself (`XSETID`).
    pub fn set(&mut self, last_id: StreamId, entries_added: Option<u64>, max_deleted_id: Option<StreamId>) {
        self.last_id = last_id;
        self.entries_added = entries_added.unwrap_or(self.entries_added);
        self.max_deleted_id = max_deleted_id.unwrap_or(self.max_deleted_id);
    }

    /// The ID that an entry of this moment gets; none when all are used up.
    pub fn next_id(&self, now_ms: u64) -> Option<StreamId> {
        if now_ms > self.last_id.ms { Some(StreamId::new(now_ms, 0)) } else { self.last_id.next() }
    }

    /// The ID that an entry of a given millisecond gets; none when that one is over or used up.
    pub fn next_id_in(&self, ms: u64) -> Option<StreamId> {
        match ms.cmp(&self.last_id.ms) {
            std::cmp::Ordering::Less => None,
            std::cmp::Ordering::Equal => Some(StreamId::new(ms, self.last_id.sequence.checked_add(1)?)),
            std::cmp::Ordering::Greater => Some(StreamId::new(ms, 0)),
        }
    }

    /// Adds an entry; false: its ID is not above the last one.
    pub fn append(&mut self, id: StreamId, fields: &[(&[u8], &[u8])]) -> bool {
        self.append_telling(id, fields).is_some()
    }

    /// The same; whether it began a node.
    fn append_telling(&mut self, id: StreamId, fields: &[(&[u8], &[u8])]) -> Option<bool> {
        if id <= self.last_id {
            return None;
        }
        if let Some(node) = self.nodes.back_mut().filter(|node| id <= node.last) {
            // What was there is deleted, and the last ID was set back.
            node.forget_deleted();
            if id <= node.last {
                return None;
            }
        }
        let begins = self.nodes.back().is_none_or(|node| node.is_full_for(fields));
        self.put_at(self.nodes.len(), id, fields, begins);
        self.entries_added = self.entries_added.saturating_add(1);
        self.last_id = id;
        Some(begins)
    }

    /// Adds an entry at the end of the node before an index, or as a node of its own there.
    fn put_at(&mut self, index: usize, id: StreamId, fields: &[(&[u8], &[u8])], begins: bool) {
        match index.checked_sub(1).filter(|_| !begins).and_then(|index| self.nodes.get_mut(index)) {
            Some(node) => {
                self.blocks -= allocated(node.capacity());
                node.push(id, fields);
                self.blocks += allocated(node.capacity());
            }
            None => self.insert_node(index, Node::new(id, fields)),
        }
        self.length += 1;
    }

    fn insert_node(&mut self, index: usize, node: Node) {
        self.blocks += allocated(node.capacity());
        if self.nodes.capacity() == 0 {
            self.nodes.reserve_exact(1);
        }
        self.nodes.insert(index, node);
    }

    /// Puts an entry where its ID belongs; false: it is there.
    fn put(&mut self, id: StreamId, fields: &[(&[u8], &[u8])], begins: bool) -> bool {
        let at = self.nodes.partition_point(|node| node.last < id);
        let Some(node) = self.nodes.get(at).filter(|node| node.first <= id) else {
            let is_full = at.checked_sub(1).is_none_or(|before| self.nodes[before].is_full_for(fields));
            self.put_at(at, id, fields, begins || is_full);
            return true;
        };
        if node.entries().any(|entry| entry.id == id) {
            return false;
        }
        // What is behind it gets a node of its own, so that what comes next is at the end of one.
        let (before, behind) = (node.part(|other| other < id), node.part(|other| other > id));
        self.blocks -= allocated(node.capacity());
        self.nodes.remove(at);
        if let Some(behind) = behind {
            self.insert_node(at, behind);
        }
        let begins = begins || before.is_none();
        let at = match before {
            Some(before) => {
                self.insert_node(at, before);
                at + 1
            }
            None => at,
        };
        self.put_at(at, id, fields, begins);
        true
    }

    /// Entries with IDs of a range, ascending.
    pub fn range(&self, ids: RangeInclusive<StreamId>) -> impl Iterator<Item = Entry<'_>> {
        let (start, end) = ids.into_inner();
        let node = self.nodes.partition_point(|node| node.last < start);
        let entries = self.nodes.range(node..).take_while(move |node| node.first <= end).flat_map(Node::entries);
        entries.skip_while(move |entry| entry.id < start).take_while(move |entry| entry.id <= end)
    }

    /// The same, descending.
    pub fn range_back(&self, ids: RangeInclusive<StreamId>) -> impl Iterator<Item = Entry<'_>> {
        let (start, end) = ids.into_inner();
        let nodes = self.nodes.partition_point(|node| node.first <= end);
        let nodes = self.nodes.range(..nodes).rev().take_while(move |node| node.last >= start);
        let entries = nodes.flat_map(|node| node.entries().collect::<Vec<_>>().into_iter().rev());
        entries.skip_while(move |entry| entry.id > end).take_while(move |entry| entry.id >= start)
    }

    /// Deletes an entry by name; false: it is not there.
    pub fn delete(&mut self, id: StreamId) -> bool {
        let is_gone = self.take_out(id);
        if is_gone {
            self.max_deleted_id = self.max_deleted_id.max(id);
        }
        is_gone
    }

    fn take_out(&mut self, id: StreamId) -> bool {
        let at = self.nodes.partition_point(|node| node.last < id);
        let Some(node) = self.nodes.get_mut(at) else { return false };
        let before = allocated(node.capacity());
        if !node.delete(id) {
            return false;
        }
        self.blocks -= before;
        if node.live > 0 {
            self.blocks += allocated(node.capacity());
        } else {
            self.nodes.remove(at);
            // Those before it have higher numbers now: a walk meets one of them twice, and none not at all.
            self.first_number = self.first_number.wrapping_add(1);
        }
        self.length -= 1;
        true
    }

    /// The entry of an ID.
    pub fn get(&self, id: StreamId) -> Option<Entry<'_>> {
        self.range(id..=id).next()
    }

    /// Deletes entries from the front; how many.
    pub fn trim(&mut self, keep: Keep, precision: Precision) -> u64 {
        self.trim_keeping(keep, precision, None)
    }

    /// The same, keeping each node that goes or of which some goes, as it was.
    fn trim_keeping(&mut self, keep: Keep, precision: Precision, mut gone_from: Option<&mut Vec<Node>>) -> u64 {
        let limit = match precision {
            Precision::Nodes { limit: Some(limit) } => limit,
            _ => u64::MAX,
        };
        let mut gone = 0;
        while let Some(node) = self.nodes.front_mut() {
            let live = u64::from(node.live);
            if matches!(keep, Keep::Length(length) if self.length <= length) || gone + live > limit {
                break;
            }
            let is_whole = match keep {
                Keep::Length(length) => self.length - live >= length,
                Keep::From(id) => node.last < id,
            };
            if !is_whole && precision != Precision::Exact {
                break;
            }
            self.blocks -= allocated(node.capacity());
            if is_whole {
                let node = self.nodes.pop_front();
                if let Some(gone_from) = &mut gone_from {
                    gone_from.extend(node);
                }
                self.first_number = self.first_number.wrapping_add(1);
                (gone, self.length) = (gone + live, self.length - live);
                continue;
            }
            if let Some(gone_from) = gone_from {
                gone_from.push(node.clone());
            }
            let mut too_many = match keep {
                Keep::Length(length) => self.length - length,
                Keep::From(_) => u64::MAX,
            };
            let some = u64::from(node.delete_front(|entry| {
                let is_gone = too_many > 0 && !matches!(keep, Keep::From(id) if entry >= id);
                too_many -= u64::from(is_gone);
                is_gone
            }));
            self.blocks += allocated(node.capacity());
            (gone, self.length) = (gone + some, self.length - some);
            break;
        }
        gone
    }

    /// Brings back what [`Stream::trim_keeping`] kept.
    pub(super) fn put_back(&mut self, nodes: Vec<Node>) {
        // What was left of the last one is in it too.
        let Some(last) = nodes.last().map(|node| node.last) else { return };
        self.trim(last.next().map_or(Keep::Length(0), Keep::From), Precision::Exact);
        for node in nodes.into_iter().rev() {
            self.first_number = self.first_number.wrapping_sub(1);
            self.length += u64::from(node.live);
            self.insert_node(0, node);
        }
    }

    /// How many entries there ever were up to an ID, where that can be told.
    pub fn entries_up_to(&self, id: StreamId) -> Option<u64> {
        if self.entries_added == 0 || (self.is_empty() && id <= self.last_id) {
            return Some(self.entries_added);
        }
        if id > self.last_id {
            return None;
        }
        if id == self.last_id {
            return Some(self.entries_added);
        }
        let first = self.first_id();
        // Both are what a client may have set (`XSETID`).
        let before = self.entries_added.wrapping_sub(self.length);
        (!self.may_have_holes() && id <= first).then(|| before.wrapping_add(u64::from(id == first)))
    }

    /// Entries that a group has yet to be given, where that can be told: of one that was given those up to an ID, and knows of how
    /// many it was given.
    pub fn lag(&self, last_delivered: StreamId, entries_read: Option<u64>) -> Option<u64> {
        if self.entries_added == 0 {
            return Some(0);
        }
        let has_holes_ahead = self.has_holes_from(last_delivered);
        let read = entries_read.filter(|_| !has_holes_ahead).or_else(|| self.entries_up_to(last_delivered))?;
        Some(self.entries_added.wrapping_sub(read))
    }

    /// Whether an entry may have been deleted from between those that are there.
    fn may_have_holes(&self) -> bool {
        !self.is_empty() && self.max_deleted_id != StreamId::MIN && self.max_deleted_id >= self.first_id()
    }

    /// Whether an entry may have been deleted from behind this ID, or there.
    pub fn has_holes_from(&self, id: StreamId) -> bool {
        self.may_have_holes() && id <= self.max_deleted_id
    }

    /// Of the first entry; 0-0 of none.
    pub fn first_id(&self) -> StreamId {
        self.nodes.front().and_then(|node| node.entries().next()).map_or(StreamId::MIN, |entry| entry.id)
    }

    /// Bytes of memory, as the allocator gives them.
    pub fn heap_bytes(&self) -> usize {
        let groups = self.groups.as_ref().map_or(0, |groups| allocated(size_of::<Groups>()) + groups.heap_bytes());
        allocated(self.nodes.capacity() * size_of::<Node>()) + self.blocks + groups
    }

    /// Frees some tens of blocks: the bytes they had; none when nothing is left.
    pub(super) fn free_step(&mut self, count: usize) -> Option<usize> {
        if self.nodes.is_empty() {
            return self.groups.as_mut()?.free_step(count);
        }
        let gone = self.nodes.drain(self.nodes.len().saturating_sub(count)..);
        let freed = gone.map(|node| allocated(node.capacity())).sum();
        self.blocks -= freed;
        Some(freed)
    }
}
