//! How entries of a stripe come, change where they lie and go, and what is counted and told of that. Left out: which segment one
//! goes to (`segments.rs`), and what large collections have on the heap (`heap.rs`).

use super::*;

impl Stripe {
    /// Appends an entry and returns its word; the table does not know it yet. Nothing happened when there is no room.
    pub fn append(
        &mut self,
        namespace: NamespaceId,
        target: (u8, u8),
        hash: u64,
        draft: &Draft<'_>,
        need: Need,
        prepared: &mut Option<Run>,
    ) -> Option<Word> {
        let (queue, uses) = target;
        let bytes = draft.len();
        let number = self.room_in(namespace, queue, bytes, need, prepared)?;
        let segment = self.segment_mut(number);
        let offset = segment.len;
        draft.write(&mut segment.run.bytes_mut()[offset as usize..]);
        let stored = (draft.key.len() + draft.value.len()) as u64;
        self.count_in(number, bytes as u32, stored, draft.database, draft.expires_at_ms, draft.key);
        if draft.grows {
            self.leave_room(number, bytes / ROOM_TO_GROW);
        }
        let word = Word::new(hash, uses, number, offset);
        self.note_fields(word);
        Some(word)
    }

    /// Leaves so many bytes unused behind what was appended last, if they are there.
    fn leave_room(&mut self, number: u32, bytes: usize) {
        let segment = self.segment_mut(number);
        let end = segment.len as usize;
        let bytes = bytes.min(segment.run.len() - end);
        if bytes > 0 {
            item::fill(&mut segment.run.bytes_mut()[end..end + bytes]);
            segment.len += bytes as u32;
        }
    }

    /// Takes pages with an entry in them as a segment of their own, and returns its word; the table does not know it yet. The
    /// entry begins after `gap` bytes of filler.
    pub fn adopt(&mut self, target: (u8, u8), hash: u64, gap: usize, staged: Staged) -> Option<Word> {
        let (namespace, (queue, uses)) = (staged.namespace(), target);
        let run = staged.settle(self.number);
        self.space(namespace).run_bytes += run.len() as u64;
        let number = self.add_segment(run, namespace, queue)?;
        self.segment_mut(number).len = gap as u32;
        let word = Word::new(hash, uses, number, gap as u32);
        let bytes = self.bytes_at(word);
        let layout = Layout::read(bytes);
        let (database, expires_at_ms) = (layout.database(bytes), layout.expires_at_ms(bytes));
        let key = bytes[layout.key()].to_vec();
        let stored = u64::from(layout.key_len() + layout.value_len());
        self.count_in(number, layout.len() as u32, stored, database, expires_at_ms, &key);
        self.seal(number);
        Some(word)
    }

    /// Counts an entry that was appended to a segment.
    pub(super) fn count_in(
        &mut self,
        number: u32,
        bytes: u32,
        stored: u64,
        database: u16,
        expires_at_ms: u64,
        key: &[u8],
    ) {
        let segment = self.segment_mut(number);
        segment.len += bytes;
        segment.live += bytes;
        segment.items += 1;
        segment.expires_at_ms = segment.expires_at_ms.min(expires_at_ms);
        segment.sweep_at_ms = segment.sweep_at_ms.min(expires_at_ms);
        let (namespace, queue) = (segment.namespace, usize::from(segment.queue));
        let space = self.space(namespace);
        space.live_bytes += u64::from(bytes);
        space.figures.items += 1;
        space.figures.stored_bytes += stored;
        let figures = &mut space.queues[queue].figures;
        (figures.items, figures.bytes) = (figures.items + 1, figures.bytes + u64::from(bytes));
        let slot = (self.slot_of)(database, key);
        let state = &mut self.slots[usize::from(slot / self.stride)];
        (state.items, state.bytes) = (state.items + 1, state.bytes + u64::from(bytes) + TABLE_SHARE);
        let counts = at_database(&mut self.databases, database);
        counts.0 += 1;
        counts.1 += u64::from(expires_at_ms != NEVER);
        if database != 0 {
            *self.others.entry((slot, database)).or_default() += 1;
        }
    }

    /// Marks an entry as dead where it lies and counts it out; the table is the caller's, and so is a large collection: the entry
    /// may lie elsewhere now. May free its segment.
    pub fn kill(&mut self, word: Word, layout: Layout) {
        let number = word.segment();
        let bytes = self.bytes_at(word);
        let database = layout.database(bytes);
        let has_expiry = layout.has_expiry();
        let slot = (self.slot_of)(database, &bytes[layout.key()]);
        layout.kill(self.bytes_at_mut(word));
        let length = layout.len() as u32;
        let segment = self.segment_mut(number);
        segment.live -= length;
        segment.items -= 1;
        let (namespace, queue, state) = (segment.namespace, usize::from(segment.queue), segment.state);
        let (is_empty, is_open) = (segment.items == 0, state == State::Open);
        let space = self.space(namespace);
        space.live_bytes -= u64::from(length);
        space.figures.items -= 1;
        space.figures.stored_bytes -= u64::from(layout.key_len() + layout.value_len());
        let figures = &mut space.queues[queue].figures;
        (figures.items, figures.bytes) = (figures.items - 1, figures.bytes - u64::from(length));
        let of_slot = &mut self.slots[usize::from(slot / self.stride)];
        of_slot.items -= 1;
        of_slot.bytes -= u64::from(length) + TABLE_SHARE;
        let counts = at_database(&mut self.databases, database);
        counts.0 -= 1;
        counts.1 -= u64::from(has_expiry);
        if database != 0
            && let Some(count) = self.others.get_mut(&(slot, database))
        {
            *count -= 1;
            if *count == 0 {
                self.others.remove(&(slot, database));
            }
        }
        if is_empty && is_open && self.segment(number).run.len() > self.segment_bytes(namespace) {
            // Made for a namespace that held more.
            self.space(namespace).queues[queue].open = NIL;
            self.free_segment(number);
            self.release_spare(namespace);
        } else if is_empty && is_open {
            // Nothing refers to it: it begins anew.
            let segment = self.segment_mut(number);
            segment.len = 0;
            (segment.expires_at_ms, segment.sweep_at_ms) = (NEVER, NEVER);
            if self.sweep.segment == number {
                self.sweep = Sweep::default();
            }
        } else if is_empty && state == State::Sealed {
            self.free_segment(number);
        } else {
            self.note_dead(number);
        }
    }

    /// What decides about a slot's entries.
    #[inline]
    pub fn role(&self, slot: u16) -> SlotRole {
        self.watch.role(slot)
    }

    /// Whether a change may be made; told to the journal where there is one to be told.
    pub fn record(&self, slot: u16, change: Change<'_>) -> bool {
        self.watch.record(slot, change)
    }

    /// Whether an entry may go.
    #[inline]
    pub fn may_go(&self, slot: u16, hash: u64, word: Word, cause: Cause) -> bool {
        let role = self.role(slot);
        let may = match (role, cause) {
            (SlotRole::Own, _) | (SlotRole::Kept, Cause::Deleted) => true,
            (SlotRole::Kept, Cause::Expired) => false,
            (SlotRole::Journaled, _) | (SlotRole::Kept, Cause::Evicted) => self.record_removal(slot, hash, word, cause),
        };
        if cause != Cause::Deleted && self.watch.is_watched() && may && role != SlotRole::Kept {
            self.tell_removal(word, cause);
        }
        may
    }

    #[cold]
    fn tell_removal(&self, word: Word, cause: Cause) {
        let bytes = self.bytes_at(word);
        let layout = Layout::read(bytes);
        self.watch.gone(layout.database(bytes), &bytes[layout.key()], cause);
    }

    /// Fields of a hash have expired, of a slot of which this decides; with the last one goes the key.
    pub fn fields_are_gone(&self, slot: u16, database: u16, key: &[u8], is_last: bool) {
        if self.watch.is_watched() && self.role(slot) != SlotRole::Kept {
            self.watch.fields_gone(database, key, is_last);
        }
    }

    #[cold]
    fn record_removal(&self, slot: u16, hash: u64, word: Word, cause: Cause) -> bool {
        let bytes = self.bytes_at(word);
        let layout = Layout::read(bytes);
        let (database, key) = (layout.database(bytes), &bytes[layout.key()]);
        let namespace = self.namespace_of(word);
        self.watch.record(slot, Change::Remove { database, key, hash, namespace, cause })
    }

    /// Takes an entry out of its table and its segment.
    pub fn remove(&mut self, slot: u16, found: &Found) {
        self.tables.remove(self.local(slot), found.place);
        self.release(found.word, found.layout);
        self.kill(found.word, found.layout);
    }

    /// Enters a word for a key that has none. When the table is full and may not grow, one of its entries goes.
    pub fn enter(&mut self, slot: u16, hash: u64, word: Word) {
        let local = self.local(slot);
        for _ in 0..2 {
            let (segments, hasher) = (&self.segments, &self.hasher);
            let hash_of = |word: Word| {
                let Some(Some(segment)) = segments.get(word.segment() as usize) else { return 0 };
                let bytes = &segment.run.bytes()[word.offset() as usize..];
                let layout = Layout::read(bytes);
                hasher.hash(layout.database(bytes), &bytes[layout.key()])
            };
            if self.tables.insert(local, hash, word, hash_of).is_ok() {
                return;
            }
            let Some(victim) = self.tables.guess_any(local, hash) else { break };
            if !self.may_go(slot, hash_of_entry(&self.hasher, self.bytes_at(victim.1)), victim.1, Cause::Evicted) {
                break;
            }
            let layout = Layout::read(self.bytes_at(victim.1));
            let namespace = self.namespace_of(victim.1);
            self.figures_of(namespace).evictions += 1;
            self.remove(slot, &Found { place: victim.0, word: victim.1, layout });
        }
        // There is no memory for a first table and no entry to give way: the entry is one that was evicted at once. Whoever had
        // it told that it was there is told the rest, and cannot have it otherwise.
        self.may_go(slot, hash, word, Cause::Evicted);
        let layout = Layout::read(self.bytes_at(word));
        let namespace = self.namespace_of(word);
        self.figures_of(namespace).evictions += 1;
        self.release(word, layout);
        self.kill(word, layout);
    }

    /// Another entry takes the place of one.
    pub fn replace(&mut self, found: &Found, word: Word) {
        self.release(found.word, found.layout);
        self.move_word(found, word);
    }

    /// The entry at a found place lies elsewhere now.
    pub fn move_word(&mut self, found: &Found, word: Word) {
        self.tables.set(found.place, word);
        self.kill(found.word, found.layout);
    }

    /// Writes a new value over the old one if it fits there, or with the unused bytes behind it, and is of the same namespace.
    pub fn overwrite(&mut self, slot: u16, found: &mut Found, draft: &Draft<'_>, namespace: NamespaceId) -> bool {
        let (old, new) = (found.layout.len(), draft.len());
        let number = found.word.segment();
        let segment = self.segment(number);
        if segment.namespace != namespace || segment.state == State::Walked {
            return false;
        }
        if segment.items == 1 && segment.state == State::Sealed && pages_for(new) < pages_for(old) {
            // Alone in its segment: pages would stay with nothing in them.
            return false;
        }
        let offset = found.word.offset() as usize;
        let room = if new > old { segment.room_behind(offset + old, new - old) } else { 0 };
        if old + room < new {
            return false;
        }
        self.release(found.word, found.layout);
        let had_expiry = found.layout.has_expiry();
        let segment = self.segment_mut(number);
        segment.len = segment.len.max((offset + old + room) as u32);
        let bytes = &mut segment.run.bytes_mut()[offset..offset + old + room];
        draft.write(bytes);
        let new_layout = Layout::read(bytes);
        if new < bytes.len() {
            item::fill(&mut bytes[new..]);
        }
        segment.live = segment.live + new as u32 - old as u32;
        segment.expires_at_ms = segment.expires_at_ms.min(draft.expires_at_ms);
        segment.sweep_at_ms = segment.sweep_at_ms.min(draft.expires_at_ms);
        let queue = usize::from(segment.queue);
        self.sweeps_past(number, offset..offset + old + room, draft.expires_at_ms);
        self.note_fields(found.word);
        let stored_before = u64::from(found.layout.key_len() + found.layout.value_len());
        let stored = u64::from(new_layout.key_len() + new_layout.value_len());
        let space = self.space(namespace);
        space.figures.stored_bytes = space.figures.stored_bytes + stored - stored_before;
        if new_layout.has_expiry() != had_expiry {
            let counts = at_database(&mut self.databases, draft.database);
            counts.1 = counts.1 + u64::from(new_layout.has_expiry()) - u64::from(had_expiry);
        }
        found.layout = new_layout;
        if new != old {
            let (old, new) = (old as u64, new as u64);
            let space = self.space(namespace);
            space.live_bytes = space.live_bytes + new - old;
            let figures = &mut space.queues[queue].figures;
            figures.bytes = figures.bytes + new - old;
            let state = &mut self.slots[usize::from(slot / self.stride)];
            state.bytes = state.bytes + new - old;
            self.note_dead(number);
        }
        true
    }

    /// An entry at a place has another expiry, or other bytes became its own: a sweep that is under way there hears of it.
    fn sweeps_past(&mut self, number: u32, place: Range<usize>, expires_at_ms: u64) {
        if self.sweep.segment == number {
            self.sweep.soonest = self.sweep.soonest.min(expires_at_ms);
            if place.contains(&(self.sweep.at as usize)) && self.sweep.at as usize > place.start {
                self.sweep.at = place.end as u32;
            }
        }
    }

    /// Changes an entry's expiry where it lies, if its header has the room.
    pub fn set_expiry(&mut self, found: &Found, expires_at_ms: u64) -> bool {
        if !found.layout.set_expiry(self.bytes_at_mut(found.word), expires_at_ms) {
            return false;
        }
        let (number, offset) = (found.word.segment(), found.word.offset() as usize);
        let segment = self.segment_mut(number);
        segment.expires_at_ms = segment.expires_at_ms.min(expires_at_ms);
        segment.sweep_at_ms = segment.sweep_at_ms.min(expires_at_ms);
        self.sweeps_past(number, offset..offset, expires_at_ms);
        true
    }
}

pub(super) fn hash_of_entry(hasher: &crate::Hasher, bytes: &[u8]) -> u64 {
    let layout = Layout::read(bytes);
    hasher.hash(layout.database(bytes), &bytes[layout.key()])
}

pub(super) fn at_database(counts: &mut Vec<(u64, u64)>, database: u16) -> &mut (u64, u64) {
    let database = usize::from(database);
    if counts.len() <= database {
        counts.resize(database + 1, (0, 0));
    }
    &mut counts[database]
}
