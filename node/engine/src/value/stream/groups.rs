//! Consumer groups of a stream: how far each is, its consumers, and what they were given and have not acknowledged.
//!
//! What is pending is kept by ID and names its consumer, which has the IDs of its own: so telling what is one consumer's costs what
//! is told, whatever is pending for others. Both are in blocks (`ordered`), of which those of all groups have numbers, so that a walk
//! knows where it is: no block gets a lower one, whichever come and go. Bytes of trees are counted as of half full ones. Left out:
//! which commands change them (`edit`).

use super::StreamId;
use super::ordered::Ordered;
use crate::value::allocated;
use std::collections::BTreeMap;
use std::ops::RangeBounds;
use std::sync::Arc;

#[derive(Debug, Default)]
pub(super) struct Groups {
    by_name: BTreeMap<Box<[u8]>, Group>,
    /// Of all groups' trees and names.
    bytes: usize,
    /// The number of the first block of what is pending; the others' are behind it, group by group.
    first_number: u64,
}

impl Clone for Groups {
    /// A copy's blocks are as long as what is in them.
    fn clone(&self) -> Groups {
        let by_name = self.by_name.clone();
        let bytes = by_name.iter().map(|(name, group)| name_bytes(name) + group.bytes()).sum();
        Groups { by_name, bytes, ..*self }
    }
}

/// One group.
#[derive(Debug, Default)]
pub struct Group {
    last_delivered: StreamId,
    entries_read: Option<u64>,
    consumers: BTreeMap<Arc<[u8]>, Consumer>,
    pending: Ordered<Pending>,
    /// Of the consumers' names and IDs.
    consumers_bytes: usize,
}

impl Clone for Group {
    fn clone(&self) -> Group {
        let (consumers, pending) = (self.consumers.clone(), self.pending.clone());
        let consumers_bytes = consumers.iter().map(|(name, of)| name_bytes(name) + of.ids.heap_bytes()).sum();
        Group { consumers, pending, consumers_bytes, ..*self }
    }
}

#[derive(Clone, Debug, Default)]
pub struct Consumer {
    /// When it last asked for anything, Unix ms.
    pub seen_ms: u64,
    /// When it last was given anything.
    pub active_ms: Option<u64>,
    /// Of what is pending for it.
    ids: Ordered<()>,
}

/// An entry that was given to a consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    pub consumer: Arc<[u8]>,
    pub delivered_ms: u64,
    /// How often it was given to anybody.
    pub count: u64,
}

/// What a tree of so many pairs takes at most.
fn tree_bytes(count: usize, pair: usize) -> usize {
    match count {
        0 => 0,
        _ => (count / 5 + 1) * allocated(11 * pair + 16),
    }
}

fn name_bytes(name: &[u8]) -> usize {
    allocated(name.len() + 16)
}

impl Consumer {
    /// Entries that are pending for it.
    pub fn pending_len(&self) -> usize {
        self.ids.len()
    }
}

impl Group {
    /// The highest ID that was given to any consumer.
    pub fn last_delivered(&self) -> StreamId {
        self.last_delivered
    }

    /// How many entries were given, where that is known.
    pub fn entries_read(&self) -> Option<u64> {
        self.entries_read
    }

    /// By name.
    pub fn consumers(&self) -> impl ExactSizeIterator<Item = (&[u8], &Consumer)> {
        self.consumers.iter().map(|(name, consumer)| (&name[..], consumer))
    }

    pub fn consumer(&self, name: &[u8]) -> Option<&Consumer> {
        self.consumers.get(name)
    }

    pub fn pending_len(&self) -> usize {
        self.pending.len()
    }

    pub fn pending(&self, range: impl RangeBounds<StreamId>) -> impl DoubleEndedIterator<Item = (StreamId, &Pending)> {
        self.pending.range(range)
    }

    /// The same of what is pending for one consumer.
    pub fn pending_of(
        &self,
        consumer: &[u8],
        range: impl RangeBounds<StreamId>,
    ) -> impl DoubleEndedIterator<Item = (StreamId, &Pending)> {
        let ids = self.consumers.get(consumer).map(|consumer| consumer.ids.range(range));
        ids.into_iter().flatten().filter_map(|(id, ())| Some((id, self.pending.get(id)?)))
    }

    /// One of the blocks of what is pending.
    pub(super) fn pending_block(&self, index: usize) -> impl Iterator<Item = (StreamId, &Pending)> {
        self.pending.block(index)
    }

    pub fn pending_at(&self, id: StreamId) -> Option<&Pending> {
        self.pending.get(id)
    }

    fn bytes(&self) -> usize {
        tree_bytes(self.consumers.len(), size_of::<(Arc<[u8]>, Consumer)>())
            + self.pending.heap_bytes()
            + self.consumers_bytes
    }

    fn put_consumer(&mut self, name: &[u8]) -> (&Arc<[u8]>, &mut Consumer) {
        if !self.consumers.contains_key(name) {
            self.consumers_bytes += name_bytes(name);
            self.consumers.insert(name.into(), Consumer::default());
        }
        let mut range =
            self.consumers.range_mut::<[u8], _>((std::ops::Bound::Included(name), std::ops::Bound::Unbounded));
        range.next().expect("it is there since just now")
    }

    pub(super) fn set_consumer(&mut self, name: &[u8], seen_ms: u64, active_ms: Option<u64>) {
        let consumer = self.put_consumer(name).1;
        (consumer.seen_ms, consumer.active_ms) = (seen_ms, active_ms);
    }

    pub(super) fn note_seen(&mut self, name: &[u8], seen_ms: u64) {
        if let Some(consumer) = self.consumers.get_mut(name) {
            consumer.seen_ms = seen_ms;
        }
    }

    pub(super) fn remove_consumer(&mut self, name: &[u8]) {
        let Some(consumer) = self.consumers.remove(name) else { return };
        self.consumers_bytes -= name_bytes(name) + consumer.ids.heap_bytes();
        consumer.ids.range(..).for_each(|(id, ())| _ = self.pending.remove(id));
    }

    pub(super) fn set_pending(&mut self, id: StreamId, name: &[u8], delivered_ms: u64, count: u64) {
        if let Some(pending) = self.pending.get_mut(id).filter(|pending| *pending.consumer == *name) {
            (pending.delivered_ms, pending.count) = (delivered_ms, count);
            return;
        }
        self.remove_pending(id);
        let (name, consumer) = self.put_consumer(name);
        let before = consumer.ids.heap_bytes();
        consumer.ids.insert(id, ());
        let (after, consumer) = (consumer.ids.heap_bytes(), Arc::clone(name));
        self.consumers_bytes = self.consumers_bytes - before + after;
        self.pending.insert(id, Pending { consumer, delivered_ms, count });
    }

    pub(super) fn remove_pending(&mut self, id: StreamId) {
        let Some(pending) = self.pending.remove(id) else { return };
        if let Some(consumer) = self.consumers.get_mut(&pending.consumer) {
            let before = consumer.ids.heap_bytes();
            consumer.ids.remove(id);
            self.consumers_bytes = self.consumers_bytes - before + consumer.ids.heap_bytes();
        }
    }
}

impl Groups {
    pub fn get(&self, name: &[u8]) -> Option<&Group> {
        self.by_name.get(name)
    }

    /// By name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], &Group)> {
        self.by_name.iter().map(|(name, group)| (&name[..], group))
    }

    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Makes a group if there is none of this name.
    pub fn set(&mut self, name: &[u8], last_delivered: StreamId, entries_read: Option<u64>) {
        let group = match self.by_name.get_mut(name) {
            Some(group) => group,
            None => {
                self.bytes += name_bytes(name);
                self.by_name.entry(name.into()).or_default()
            }
        };
        (group.last_delivered, group.entries_read) = (last_delivered, entries_read);
    }

    pub fn remove(&mut self, name: &[u8]) {
        if let Some(group) = self.by_name.remove(name) {
            self.bytes -= name_bytes(name) + group.bytes();
            self.first_number = self.first_number.wrapping_add(group.pending.blocks() as u64);
        }
    }

    /// Changes a group, if there is one of this name.
    pub fn change(&mut self, name: &[u8], change: impl FnOnce(&mut Group)) {
        let Some(group) = self.by_name.get_mut(name) else { return };
        let (before, gone_before) = (group.bytes(), group.pending.blocks_gone());
        change(group);
        self.bytes = self.bytes - before + group.bytes();
        // The blocks before those that went have higher numbers now: a walk meets some of them twice, and none not at all.
        self.first_number = self.first_number.wrapping_add(group.pending.blocks_gone() - gone_before);
    }

    pub fn first_number(&self) -> u64 {
        self.first_number
    }

    /// Blocks of what is pending from the one on that is at an index among those of all groups: the group of each, and which of its
    /// blocks it is.
    pub fn blocks_from(&self, index: usize) -> impl Iterator<Item = (&[u8], &Group, usize)> {
        let mut before = 0;
        self.iter().flat_map(move |(name, group)| {
            let from = index.saturating_sub(before);
            before += group.pending.blocks();
            (from..group.pending.blocks()).map(move |block| (name, group, block))
        })
    }

    pub fn heap_bytes(&self) -> usize {
        tree_bytes(self.by_name.len(), size_of::<(Box<[u8]>, Group)>()) + self.bytes
    }

    /// Frees some of what is pending, then some consumers, then their group; none when nothing is left.
    pub fn free_step(&mut self, count: usize) -> Option<usize> {
        let before = self.heap_bytes();
        let name = self.by_name.keys().next()?.clone();
        let mut is_done = false;
        self.change(&name, |group| {
            let ids: Vec<StreamId> = group.pending(..).rev().take(8 * count).map(|(id, _)| id).collect();
            ids.iter().for_each(|id| group.remove_pending(*id));
            if group.pending.is_empty() {
                let gone = std::iter::from_fn(|| group.consumers.pop_last()).take(8 * count - ids.len());
                group.consumers_bytes -= gone.map(|(name, _)| name_bytes(&name)).sum::<usize>();
            }
            is_done = group.consumers.is_empty() && group.pending.is_empty();
        });
        if is_done {
            self.remove(&name);
        }
        // Something, so that whoever frees comes again.
        Some((before - self.heap_bytes()).max(1))
    }
}

#[cfg(test)]
impl Groups {
    /// What is counted as it changes is what is there.
    pub fn check_bytes(&self) {
        let of_consumer = |(name, of): (&Arc<[u8]>, &Consumer)| name_bytes(name) + of.ids.heap_bytes();
        for group in self.by_name.values() {
            assert_eq!(group.consumers_bytes, group.consumers.iter().map(of_consumer).sum::<usize>());
        }
        let of_group = |(name, group): (&[u8], &Group)| name_bytes(name) + group.bytes();
        assert_eq!(self.bytes, self.iter().map(of_group).sum::<usize>());
    }
}
