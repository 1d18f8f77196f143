//! Consumer groups of a stream: how far each is, its consumers, and what they were given and have not acknowledged.
//!
//! What is pending is kept once, in the order of IDs, and names its consumer; what is one consumer's is found by looking through
//! its group's. So a consumer's own list costs nothing to keep, and as much to read as the group has pending in the range. Bytes are
//! counted as of trees that are half full. Left out: which commands change them (`edit`).

use super::StreamId;
use crate::value::allocated;
use std::collections::BTreeMap;
use std::ops::RangeBounds;
use std::sync::Arc;

#[derive(Clone, Debug, Default)]
pub(super) struct Groups {
    by_name: BTreeMap<Box<[u8]>, Group>,
    /// Of all groups' trees and names.
    bytes: usize,
}

/// One group.
#[derive(Clone, Debug, Default)]
pub struct Group {
    last_delivered: StreamId,
    entries_read: Option<u64>,
    consumers: BTreeMap<Arc<[u8]>, Consumer>,
    pending: BTreeMap<StreamId, Pending>,
    names_bytes: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Consumer {
    /// When it last asked for anything, Unix ms.
    pub seen_ms: u64,
    /// When it last was given anything.
    pub active_ms: Option<u64>,
    /// Entries that are pending for it.
    pub pending: usize,
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
        self.pending.range(range).map(|(id, pending)| (*id, pending))
    }

    pub fn pending_at(&self, id: StreamId) -> Option<&Pending> {
        self.pending.get(&id)
    }

    fn bytes(&self) -> usize {
        tree_bytes(self.consumers.len(), size_of::<(Arc<[u8]>, Consumer)>())
            + tree_bytes(self.pending.len(), size_of::<(StreamId, Pending)>())
            + self.names_bytes
    }

    fn put_consumer(&mut self, name: &[u8]) -> (&Arc<[u8]>, &mut Consumer) {
        if !self.consumers.contains_key(name) {
            self.names_bytes += name_bytes(name);
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
        self.names_bytes -= name_bytes(name);
        if consumer.pending > 0 {
            self.pending.retain(|_, pending| *pending.consumer != *name);
        }
    }

    pub(super) fn set_pending(&mut self, id: StreamId, name: &[u8], delivered_ms: u64, count: u64) {
        self.remove_pending(id);
        let (name, consumer) = self.put_consumer(name);
        consumer.pending += 1;
        let consumer = Arc::clone(name);
        self.pending.insert(id, Pending { consumer, delivered_ms, count });
    }

    pub(super) fn remove_pending(&mut self, id: StreamId) {
        let Some(pending) = self.pending.remove(&id) else { return };
        if let Some(consumer) = self.consumers.get_mut(&pending.consumer) {
            consumer.pending -= 1;
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
        }
    }

    /// Changes a group, if there is one of this name.
    pub fn change(&mut self, name: &[u8], change: impl FnOnce(&mut Group)) {
        let Some(group) = self.by_name.get_mut(name) else { return };
        let before = group.bytes();
        change(group);
        self.bytes = self.bytes - before + group.bytes();
    }

    pub fn heap_bytes(&self) -> usize {
        tree_bytes(self.by_name.len(), size_of::<(Box<[u8]>, Group)>()) + self.bytes
    }

    /// Frees some of what is pending, then the groups; none when nothing is left.
    pub fn free_step(&mut self, count: usize) -> Option<usize> {
        let before = self.heap_bytes();
        let name = self.by_name.keys().next()?.clone();
        let mut is_done = false;
        self.change(&name, |group| {
            (0..8 * count).for_each(|_| _ = group.pending.pop_last());
            is_done = group.pending.is_empty();
        });
        if is_done {
            self.remove(&name);
        }
        // Something, so that whoever frees comes again.
        Some((before - self.heap_bytes()).max(1))
    }
}
