//! What a stripe does with all entries of a slot, or all it has: drops them, in steps if there are many, asks of each which namespace it is
//! in, and counts them.

use super::*;

impl Stripe {
    /// Forgets every entry.
    pub fn clear(&mut self) -> u64 {
        let mut items = 0;
        self.discard_all();
        for number in 1..self.segments.len() as u32 {
            if let Some(segment) = self.segments[number as usize].take() {
                items += u64::from(segment.items);
                self.give(segment.namespace, segment.run);
            }
        }
        for id in (0..self.spaces.len()).map(|id| NamespaceId(id as u8)) {
            if self.spaces[id.index()].is_some() {
                self.release_spare(id);
                // What the policy remembers of the keys takes memory too.
                let replacement = replacement_of(self.policies[id.index()], &self.shared[id.index()], &self.budget);
                let space = self.space(id);
                space.replacement = replacement;
                space.queues = [Queue::default(); QUEUES];
                space.sparse.clear();
                (space.walk, space.live_bytes) = (None, 0);
                (space.figures.items, space.figures.stored_bytes) = (0, 0);
            }
        }
        self.segments = vec![None];
        self.free_segments.clear();
        self.tables.clear();
        self.slots.fill(SlotState::default());
        self.databases.clear();
        self.others.clear();
        self.sweep = Sweep::default();
        self.debt = 0;
        items
    }

    /// Drops some of a slot's entries, `max` at most; where to go on, with 0 to begin with, or none when all were looked at. Looks at
    /// about [`LOOKS_A_STEP`], so that what is in the way of those that go takes no longer either.
    pub fn clear_slot(
        &mut self,
        slot: u16,
        from: u8,
        goes: &dyn Fn(u16, NamespaceId) -> bool,
        max: usize,
    ) -> (usize, Option<u8>) {
        let (mut dropped, mut looks, mut next) = (0, 0, Some(from));
        let local = self.local(slot);
        while let Some(order) = next.filter(|_| dropped < max && looks < LOOKS_A_STEP) {
            let mut words = Vec::new();
            let orders = self.tables.each_of_order(local, order, |word| {
                looks += 1;
                if dropped + words.len() < max && goes(self.database_of(word), self.namespace_of(word)) {
                    words.push(word);
                }
            });
            dropped += words.len();
            if dropped < max {
                next = order.checked_add(1).filter(|next| u32::from(*next) < orders);
            }
            // Before the next order is looked at: one table may have several.
            for word in words {
                let bytes = self.bytes_at(word);
                let layout = Layout::read(bytes);
                let hash = self.hasher.hash(layout.database(bytes), &bytes[layout.key()]);
                if let Some((place, word)) = self.tables.find_at(local, hash, word.segment(), word.offset()) {
                    self.remove(slot, &Found { place, word, layout });
                }
            }
        }
        (dropped, next)
    }

    fn database_of(&self, word: Word) -> u16 {
        let bytes = self.bytes_at(word);
        Layout::read(bytes).database(bytes)
    }

    /// Asks of every entry of a slot which namespace it is in and moves those that changed; how many were looked at.
    pub fn reclassify(&mut self, slot: u16, now: u32, classify: &dyn Fn(u16, &[u8]) -> NamespaceId) -> usize {
        let local = self.local(slot);
        let (mut looked_at, mut moving) = (0, Vec::new());
        self.tables.each(local, |word| {
            looked_at += 1;
            let bytes = self.bytes_at(word);
            let layout = Layout::read(bytes);
            let (database, key) = (layout.database(bytes), &bytes[layout.key()]);
            let namespace = classify(database, key);
            if namespace != self.namespace_of(word) {
                moving.push((word, self.hasher.hash(database, key), namespace));
            }
        });
        for (word, hash, namespace) in moving {
            if let Some((place, word)) = self.tables.find_at(local, hash, word.segment(), word.offset()) {
                let layout = Layout::read(self.bytes_at(word));
                self.move_to(slot, hash, &Found { place, word, layout }, namespace, now);
            }
        }
        looked_at
    }

    /// Words of a slot whose order begins with 8 bits; see [`Tables::each_of_order`].
    pub fn each_of_order(&self, slot: u16, order8: u8, visit: impl FnMut(Word)) -> u32 {
        self.tables.each_of_order(self.local(slot), order8, visit)
    }

    pub fn each(&self, slot: u16, visit: impl FnMut(Word)) {
        self.tables.each(self.local(slot), visit);
    }

    /// Entries of one slot in one database.
    pub fn slot_items(&self, slot: u16, database: u16) -> u64 {
        let others = self.others.range((slot, 0)..=(slot, u16::MAX));
        match database {
            0 => self.slot_items_of_all(slot) - others.map(|(_, count)| u64::from(*count)).sum::<u64>(),
            _ => self.others.get(&(slot, database)).map_or(0, |count| u64::from(*count)),
        }
    }

    /// Entries of one slot in all databases.
    pub fn slot_items_of_all(&self, slot: u16) -> u64 {
        u64::from(self.slots[usize::from(slot / self.stride)].items)
    }

    /// Entries and bytes of the slots that hold any.
    pub fn slot_figures(&self) -> impl Iterator<Item = (u16, u64, u64)> {
        let (stride, offset) = (self.stride, self.number as u16);
        let filled = (0u16..).zip(&self.slots).filter(|(_, slot)| slot.items > 0);
        filled.map(move |(number, slot)| (number * stride + offset, u64::from(slot.items), slot.bytes))
    }
}
