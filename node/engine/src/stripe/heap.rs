//! Large collections of one stripe: what entries' handles lead to, what of the heap they take, and how they are freed.
//!
//! The heap they take stands in the same accounts as pages, in whole pages for each namespace, a few of them ahead; so the limit
//! holds for both together. One whose entry is gone is freed in steps, by whoever needs room and by [`crate::Engine::free_step`].
//! Left out: what is in them (`value/large.rs`).

use super::*;
use crate::value::{HANDLE_BYTES, IS_LARGE, Kind, Large, ValueRef};

/// Pages charged ahead of need, so that not every change of a collection asks for one.
const PAGES_AHEAD: u32 = 8;

/// What is smaller is freed at once.
const FREED_AT_ONCE: usize = 32 << 10;

/// What a step of freeing counts for among the entries that reclaiming looks at.
const FREE_STEP_ENTRIES: usize = 8;

/// A collection that no entry leads to any more.
#[derive(Debug)]
pub(super) struct Garbage {
    namespace: NamespaceId,
    large: Box<Large>,
    bytes: u64,
}

impl Stripe {
    /// The value of an entry.
    #[inline]
    pub fn value<'a>(&'a self, bytes: &'a [u8], layout: &Layout) -> ValueRef<'a> {
        let value = &bytes[layout.value()];
        if !layout.is_collection() {
            return ValueRef::String(value);
        }
        match handle_of(value).and_then(|handle| self.larges[handle as usize].as_deref()) {
            Some(large) => ValueRef::Large(large),
            None => ValueRef::Packed(value),
        }
    }

    /// Bytes of the heap that an entry's value takes.
    #[inline]
    pub fn heap_of(&self, bytes: &[u8], layout: &Layout) -> usize {
        if !layout.is_collection() {
            return 0;
        }
        match self.value(bytes, layout) {
            ValueRef::Large(large) => large.heap_bytes(),
            _ => 0,
        }
    }

    /// The handle of an entry whose collection is large.
    pub fn handle_at(&self, found: &Found) -> Option<u32> {
        let bytes = self.bytes_at(found.word);
        found.layout.is_collection().then(|| handle_of(&bytes[found.layout.value()])).flatten()
    }

    /// Whether there is room for so many bytes more on the heap; it is kept for what comes next.
    pub fn reserve_heap(&mut self, namespace: NamespaceId, more: u64, need: Need) -> bool {
        let space = self.space(namespace);
        let wanted = pages_for((space.heap_bytes + more) as usize);
        let Some(missing) = wanted.checked_sub(space.heap_pages).filter(|missing| *missing > 0) else { return true };
        self.charge_heap(namespace, missing + PAGES_AHEAD, need) || self.charge_heap(namespace, missing, need)
    }

    fn charge_heap(&mut self, namespace: NamespaceId, pages: u32, need: Need) -> bool {
        let is_charged = self.budget.charge(namespace, self.number, pages, need);
        if is_charged {
            let space = self.space(namespace);
            space.heap_pages += pages;
            space.run_bytes += u64::from(pages) * PAGE as u64;
        }
        is_charged
    }

    /// A collection takes another amount of the heap than before. Of a slot, unless it is of none any more.
    pub fn heap_changed(&mut self, namespace: NamespaceId, slot: Option<u16>, before: u64, after: u64) {
        if let Some(slot) = slot {
            let state = &mut self.slots[usize::from(slot / self.stride)];
            state.bytes = state.bytes + after - before;
        }
        let space = self.space(namespace);
        space.heap_bytes = space.heap_bytes + after - before;
        let wanted = pages_for(space.heap_bytes as usize);
        let charged = space.heap_pages;
        if wanted > charged {
            // More than was reserved, by little.
            let _ = self.charge_heap(namespace, wanted - charged, Need::Reclaim);
        } else if charged > wanted + 2 * PAGES_AHEAD || (wanted == 0 && charged > 0) {
            let keeps = if wanted == 0 { 0 } else { wanted + PAGES_AHEAD };
            space.heap_pages = keeps;
            space.run_bytes -= u64::from(charged - keeps) * PAGE as u64;
            self.budget.discharge(namespace, self.number, charged - keeps);
        }
    }

    /// Keeps a collection, for which room was reserved; its handle.
    pub fn add_large(&mut self, mut large: Box<Large>, namespace: NamespaceId, slot: u16) -> u32 {
        self.stamp(&mut large);
        self.heap_changed(namespace, Some(slot), 0, large.heap_bytes() as u64);
        match self.free_larges.pop() {
            Some(handle) => {
                self.larges[handle as usize] = Some(large);
                handle
            }
            None => {
                self.larges.push(Some(large));
                self.larges.len() as u32 - 1
            }
        }
    }

    /// Tells a collection apart from what it was, and from all others of this stripe.
    pub fn stamp(&mut self, large: &mut Large) {
        self.stamps += 1;
        large.1 = self.stamps;
    }

    /// Takes a collection in hand; its handle stays its own.
    pub fn lend_large(&mut self, handle: u32) -> Option<Box<Large>> {
        self.larges[handle as usize].take()
    }

    pub fn return_large(&mut self, handle: u32, large: Box<Large>) {
        self.larges[handle as usize] = Some(large);
    }

    /// Takes out the collection of an entry that is going; it is somebody else's from then on.
    pub fn take_large(&mut self, handle: u32, namespace: NamespaceId, slot: u16) -> Option<Box<Large>> {
        let large = self.larges[handle as usize].take()?;
        self.free_larges.push(handle);
        self.heap_changed(namespace, Some(slot), large.heap_bytes() as u64, 0);
        Some(large)
    }

    /// Lets go of the collection of an entry that is going, if it has a large one that nobody has in hand.
    pub(super) fn release(&mut self, word: Word, layout: Layout) {
        if !layout.is_collection() {
            return;
        }
        let bytes = self.bytes_at(word);
        let Some(handle) = handle_of(&bytes[layout.value()]) else { return };
        let slot = (self.slot_of)(layout.database(bytes), &bytes[layout.key()]);
        let namespace = self.namespace_of(word);
        let Some(large) = self.larges[handle as usize].take() else { return };
        self.free_larges.push(handle);
        self.discard(large, namespace, Some(slot));
    }

    /// Frees a collection that was kept here, now or later.
    pub fn discard(&mut self, large: Box<Large>, namespace: NamespaceId, slot: Option<u16>) {
        let bytes = large.heap_bytes() as u64;
        if bytes <= FREED_AT_ONCE as u64 {
            drop(large);
            return self.heap_changed(namespace, slot, bytes, 0);
        }
        if let Some(slot) = slot {
            self.slots[usize::from(slot / self.stride)].bytes -= bytes;
        }
        self.garbage.push_back(Garbage { namespace, large, bytes });
    }

    /// Frees some of what no entry leads to; the bytes, none when nothing is left.
    pub(super) fn free_some(&mut self) -> Option<u64> {
        let garbage = self.garbage.front_mut()?;
        let (namespace, freed) = (garbage.namespace, garbage.large.free_step());
        let freed = match freed {
            Some(freed) => (freed as u64).min(garbage.bytes),
            None => garbage.bytes,
        };
        garbage.bytes -= freed;
        if garbage.bytes == 0 {
            self.garbage.pop_front();
        }
        self.heap_changed(namespace, None, freed, 0);
        Some(freed)
    }

    /// Frees at most so many steps' worth; true when nothing is left.
    pub fn free_steps(&mut self, steps: usize) -> bool {
        (0..steps).any(|_| self.free_some().is_none())
    }

    /// The same while room is looked for.
    pub(super) fn free_for_room(&mut self, max: usize, done: &mut Reclaimed) {
        while done.looked_at < max {
            let Some(freed) = self.free_some() else { return };
            done.bytes += freed;
            done.looked_at += FREE_STEP_ENTRIES;
        }
    }

    /// When the first field of a hash expires; [`NEVER`] for anything else.
    fn soonest_field(&self, bytes: &[u8]) -> u64 {
        let layout = Layout::read(bytes);
        if layout.is_dead() || !layout.is_collection() {
            return NEVER;
        }
        self.value(bytes, &layout).as_hash(0).and_then(|hash| hash.soonest_ms()).unwrap_or(NEVER)
    }

    /// The sweeper is to look at an entry when its first field expires.
    pub fn note_fields(&mut self, word: Word) {
        let soonest = self.soonest_field(self.bytes_at(word));
        let segment = self.segment_mut(word.segment());
        segment.sweep_at_ms = segment.sweep_at_ms.min(soonest);
    }

    /// Notes a hash of which fields are due, at a place of a segment; when the next one is.
    pub(super) fn sweep_fields(&mut self, segment: u32, at: u32, now_ms: u64) -> u64 {
        let bytes = &self.segment(segment).run.bytes()[at as usize..];
        let soonest = self.soonest_field(bytes);
        if soonest > now_ms {
            return soonest;
        }
        let layout = Layout::read(bytes);
        let (database, key) = (layout.database(bytes), bytes[layout.key()].to_vec());
        self.due_fields.push(((self.slot_of)(database, &key), database, key));
        // What is left in it says when to come again; at the latest then.
        now_ms + 1000
    }

    pub fn take_due_fields(&mut self) -> Vec<(u16, u16, Vec<u8>)> {
        std::mem::take(&mut self.due_fields)
    }

    /// All collections are let go of at once.
    pub(super) fn discard_all(&mut self) {
        for number in 1..self.segments.len() {
            let Some(segment) = &self.segments[number] else { continue };
            let (namespace, mut at, mut handles) = (segment.namespace, 0, Vec::new());
            if self.larges.len() == self.free_larges.len() {
                return;
            }
            while at < segment.len as usize {
                let bytes = &segment.run.bytes()[at..];
                match item::read(bytes) {
                    item::Record::Filler(length) => at += length,
                    item::Record::Entry(layout) => {
                        if !layout.is_dead() && layout.is_collection() {
                            handles.extend(handle_of(&bytes[layout.value()]));
                        }
                        at += layout.len();
                    }
                }
            }
            for handle in handles {
                if let Some(large) = self.larges[handle as usize].take() {
                    self.free_larges.push(handle);
                    self.discard(large, namespace, None);
                }
            }
        }
    }

    /// The collection of an entry is another namespace's from now on.
    pub(super) fn heap_moves(&mut self, from: NamespaceId, to: NamespaceId, bytes: u64) {
        if bytes == 0 || from == to {
            return;
        }
        let pages = pages_for(bytes as usize).min(self.space(from).heap_pages);
        self.budget.move_charge(from, to, self.number, pages);
        let moved = u64::from(pages) * PAGE as u64;
        let source = self.space(from);
        source.heap_pages -= pages;
        source.run_bytes -= moved;
        let target = self.space(to);
        target.heap_pages += pages;
        target.run_bytes += moved;
        self.heap_changed(from, None, bytes, 0);
        self.heap_changed(to, None, 0, bytes);
    }
}

/// The handle in a value that is kept elsewhere.
pub(crate) fn handle_of(value: &[u8]) -> Option<u32> {
    match *value {
        [tag, a, b, c, d] if tag & IS_LARGE != 0 => Some(u32::from_le_bytes([a, b, c, d])),
        _ => None,
    }
}

/// A value that leads to a collection.
pub(crate) fn value_of(kind: Kind, handle: u32) -> [u8; HANDLE_BYTES] {
    let [a, b, c, d] = handle.to_le_bytes();
    [IS_LARGE | kind.number(), a, b, c, d]
}
