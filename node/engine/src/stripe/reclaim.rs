//! Reclaiming of one stripe: which segment is walked, what of it stays, and the sweeper that takes what has expired. What a
//! policy thinks of an entry is in `policy/`; which namespace gives is in `budget.rs`.

use super::*;

/// Entries of a segment looked at before the first of them is judged, so that their tables are near by then.
const LOOKAHEAD: usize = 16;

/// Entries in a row that others decide about and that an eviction passes over at least.
const PASSED_LEAST: u64 = 4096;

/// How soon the sweeper comes back to a segment in which more will expire.
const SWEEP_EVERY_MS: u64 = 1000;

/// What reclaiming may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gives {
    /// No entry: dead space only.
    DeadSpace,
    /// What the policy lets go, ahead of need.
    InTime,
    /// Room is missing: what the policy lets go, and it cannot keep many in a row.
    Now,
    /// A write has waited for long: every other entry, whatever the policy thinks of it.
    AtOnce,
}

/// What a step of reclaiming did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reclaimed {
    pub looked_at: usize,
    /// Bytes of entries that went, and dead space that was given up.
    pub bytes: u64,
    /// Nothing of the namespace here can be reclaimed.
    pub is_stuck: bool,
}

impl Stripe {
    /// Where a new entry goes by its namespace's policy, and its first uses.
    pub fn target(&mut self, namespace: NamespaceId, hash: u64, bytes: usize, now: u32) -> (u8, u8) {
        self.now = now;
        let meta = Meta { hash, bytes: bytes as u32, used: now, uses: 0, queue: 0 };
        self.space(namespace).replacement.insert(&meta, now)
    }

    /// Queue and uses of an entry that moves within its namespace.
    pub fn present_target(&self, found: &Found) -> (u8, u8) {
        (self.segment(found.word.segment()).queue, found.word.uses())
    }

    /// Looks at no more than `max` entries to make room.
    pub fn reclaim(&mut self, namespace: NamespaceId, now_ms: u64, max: usize, gives: Gives) -> Reclaimed {
        let mut done = Reclaimed::default();
        self.now = item::tick_of(now_ms);
        let keeps_all = gives == Gives::DeadSpace;
        self.free_for_room(max, &mut done);
        let space = self.space(namespace);
        space.kept_max = match gives {
            Gives::Now => KEPT_MAX,
            Gives::AtOnce => 1,
            Gives::InTime | Gives::DeadSpace => KEPT_MAX.max(space.figures.items),
        };
        while done.looked_at < max {
            let walk = match self.space(namespace).walk {
                Some(walk) => walk,
                None => match self.next_walk(namespace, now_ms, keeps_all) {
                    Some(walk) => walk,
                    None => {
                        self.release_spare(namespace);
                        done.is_stuck = true;
                        return done;
                    }
                },
            };
            if !self.walk_some(namespace, walk, now_ms, max, keeps_all, &mut done) {
                done.is_stuck = true;
                return done;
            }
        }
        done
    }

    fn next_walk(&mut self, namespace: NamespaceId, now_ms: u64, keeps_all: bool) -> Option<Walk> {
        let sparse = self.space(namespace).sparse.pop_front();
        let (number, compacts) = match sparse {
            Some(number) => {
                self.segment_mut(number).is_sparse = false;
                (number, true)
            }
            None if keeps_all => (self.most_dead(namespace)?, true),
            None => (self.oldest(namespace, now_ms)?, false),
        };
        self.unlink(number);
        self.segment_mut(number).state = State::Walked;
        let walk = Walk { segment: number, at: 0, compacts };
        self.space(namespace).walk = Some(walk);
        Some(walk)
    }

    /// The sealed segment with most dead space, if a sixteenth of it is.
    fn most_dead(&mut self, namespace: NamespaceId) -> Option<u32> {
        let of = |(number, segment): (usize, &Option<Segment>)| {
            let segment = segment.as_ref()?;
            let is_one = segment.namespace == namespace && segment.state == State::Sealed;
            let dead = (segment.run.len() as u32).saturating_sub(segment.live);
            (is_one && dead as usize * 16 >= segment.run.len() && segment.items > 1).then_some((dead, number as u32))
        };
        self.segments.iter().enumerate().filter_map(of).max().map(|found| found.1)
    }

    fn oldest(&mut self, namespace: NamespaceId, now_ms: u64) -> Option<u32> {
        let queues = self.space(namespace).queues;
        let figures = queues.map(|Queue { oldest, open, figures, .. }| {
            let has_open = open != NIL && self.segment(open).items > 0;
            let first = if oldest != NIL { oldest } else { open };
            let begun = if first != NIL { self.segment(first).begun } else { self.now };
            QueueFigures { segments: figures.segments + u32::from(has_open), begun, ..figures }
        });
        self.shared[namespace.index()].note_time(now_ms);
        let space = self.space(namespace);
        let wanted = usize::from(space.replacement.reclaim_from(&figures, item::tick_of(now_ms))) % QUEUES;
        // After a round in which nothing there might go, it is another queue's turn.
        let rounds = space.passed / figures[wanted].items.max(1);
        let wanted = (wanted + rounds as usize) % QUEUES;
        for queue in std::iter::once(wanted).chain(0..QUEUES) {
            let space = self.space(namespace);
            let Queue { oldest, open, .. } = space.queues[queue];
            if oldest != NIL {
                return Some(oldest);
            }
            if open != NIL && self.segment(open).items > 0 {
                self.seal(open);
                // Sealing may have found it sparse; it is walked now all the same.
                self.forget_sparse(open);
                return Some(open);
            }
        }
        None
    }

    fn forget_sparse(&mut self, number: u32) {
        let segment = self.segment_mut(number);
        if std::mem::take(&mut segment.is_sparse) {
            let namespace = segment.namespace;
            self.space(namespace).sparse.retain(|sparse| *sparse != number);
        }
    }

    /// Goes on with a walk; false when what must stay has nowhere to go.
    fn walk_some(
        &mut self,
        namespace: NamespaceId,
        walk: Walk,
        now_ms: u64,
        max: usize,
        keeps_all: bool,
        done: &mut Reclaimed,
    ) -> bool {
        // Looking ahead: where the entries are, and their tables called near.
        let number = walk.segment;
        let segment = self.segment(number);
        let bytes = segment.run.bytes();
        let end = segment.len;
        let mut ahead = [(0u32, 0u64, 0u16); LOOKAHEAD];
        let mut count = 0;
        let mut at = walk.at;
        while at < end && count < LOOKAHEAD && done.looked_at < max {
            match item::read(&bytes[at as usize..]) {
                Record::Filler(length) => {
                    at += length as u32;
                    done.bytes += length as u64;
                }
                Record::Entry(layout) => {
                    let of_entry = &bytes[at as usize..];
                    if layout.is_dead() {
                        done.bytes += layout.len() as u64;
                    } else {
                        let key = &of_entry[layout.key()];
                        let hash = self.hasher.hash(layout.database(of_entry), key);
                        let slot = (self.slot_of)(layout.database(bytes), key);
                        self.tables.prefetch(self.local(slot), hash);
                        ahead[count] = (at, hash, slot);
                        count += 1;
                    }
                    at += layout.len() as u32;
                    done.looked_at += 1;
                }
            }
        }
        let now = item::tick_of(now_ms);
        for (offset, hash, slot) in ahead.into_iter().take(count) {
            if !self.judge(
                namespace,
                number,
                offset,
                (hash, slot),
                (now, now_ms),
                (keeps_all || walk.compacts, keeps_all),
                done,
            ) {
                self.space(namespace).walk = Some(Walk { at: offset, ..walk });
                // It waits at the old end of its queue for better times.
                self.relink_oldest(number);
                return false;
            }
            if self.space(namespace).walk.is_none() {
                // A segment of one entry that stays: it moved as a whole.
                return true;
            }
        }
        if at >= end {
            self.space(namespace).walk = None;
            done.looked_at += 1;
            self.free_segment(number);
        } else {
            self.space(namespace).walk = Some(Walk { at, ..walk });
        }
        true
    }

    /// Ends a walk that cannot go on: what was walked is dead, the rest is reclaimed another time.
    fn relink_oldest(&mut self, number: u32) {
        let segment = self.segment_mut(number);
        segment.state = State::Sealed;
        let (namespace, queue) = (segment.namespace, usize::from(segment.queue));
        let oldest = self.space(namespace).queues[queue].oldest;
        let segment = self.segment_mut(number);
        (segment.previous, segment.next) = (NIL, oldest);
        if oldest != NIL {
            self.segment_mut(oldest).previous = number;
        }
        let space = self.space(namespace);
        space.walk = None;
        let of_queue = &mut space.queues[queue];
        of_queue.oldest = number;
        if of_queue.youngest == NIL {
            of_queue.youngest = number;
        }
        of_queue.figures.segments += 1;
        if self.segment(number).items == 0 {
            self.free_segment(number);
        }
    }

    /// What becomes of one entry of a walked segment; false when it must stay and cannot be moved.
    #[allow(clippy::too_many_arguments)]
    fn judge(
        &mut self,
        namespace: NamespaceId,
        number: u32,
        offset: u32,
        (hash, slot): (u64, u16),
        (now, now_ms): (u32, u64),
        (keeps, keeps_all): (bool, bool),
        done: &mut Reclaimed,
    ) -> bool {
        let Some((place, word)) = self.tables.find_at(self.local(slot), hash, number, offset) else {
            debug_assert!(false, "a living entry has a word");
            return true;
        };
        let bytes = self.bytes_at(word);
        let layout = Layout::read(bytes);
        let found = Found { place, word, layout };
        let (length, heap) = (layout.len(), self.heap_of(bytes, &layout));
        let (is_expired, used) = (layout.expires_at_ms(bytes) <= now_ms, layout.used(bytes));
        if is_expired && self.may_go(slot, hash, word, Cause::Expired) {
            done.bytes += length as u64;
            self.figures_of(namespace).expirations += 1;
            self.remove(slot, &found);
            return true;
        }
        let queue = self.segment(number).queue;
        let (queue, uses) = if keeps || self.passes(namespace, slot) {
            (queue, word.uses())
        } else {
            let bytes = u32::try_from(length + heap).unwrap_or(u32::MAX);
            let meta = Meta { hash, bytes, used, uses: word.uses(), queue };
            let space = self.space(namespace);
            match space.replacement.verdict(&meta, now) {
                Verdict::Keep { queue, uses } if space.kept < space.kept_max => {
                    space.kept += 1;
                    (queue % QUEUES as u8, uses)
                }
                _ if self.may_go(slot, hash, word, Cause::Evicted) => {
                    let space = self.space(namespace);
                    (space.kept, space.passed) = (0, 0);
                    done.bytes += (length + heap) as u64;
                    self.figures_of(namespace).evictions += 1;
                    self.remove(slot, &found);
                    return true;
                }
                _ => (queue, word.uses()),
            }
        };
        // What was staged begins behind the room its header did not need.
        let is_first = (offset as usize) < item::HEADER_MAX;
        let is_alone = self.segment(number).items == 1 && is_first && self.gets_own_segment(namespace, length);
        if is_alone {
            self.move_whole(number, queue);
            self.tables.set(place, word.with_uses(uses));
            return true;
        }
        if self.forward(namespace, hash, slot, &found, (queue, uses)) {
            return true;
        }
        if keeps_all || !self.may_go(slot, hash, word, Cause::Evicted) {
            return false;
        }
        done.bytes += length as u64;
        self.figures_of(namespace).evictions += 1;
        if let Some((place, word)) = self.tables.find_at(self.local(slot), hash, number, offset) {
            self.remove(slot, &Found { place, word, layout });
        }
        true
    }

    /// Whether an entry stays because others decide about it. They do not when a whole round of such entries came in a row:
    /// then nothing else is there.
    fn passes(&mut self, namespace: NamespaceId, slot: u16) -> bool {
        if self.role(slot) != SlotRole::Kept {
            return false;
        }
        let space = self.space(namespace);
        space.passed += 1;
        space.passed <= space.figures.items.max(PASSED_LEAST)
    }

    /// A walked segment with one entry that stays goes to the young end of a queue as it is.
    fn move_whole(&mut self, number: u32, queue: u8) {
        let now = self.now;
        let segment = self.segment_mut(number);
        segment.begun = now;
        let (namespace, old, live) = (segment.namespace, usize::from(segment.queue), u64::from(segment.live));
        segment.queue = queue;
        let space = self.space(namespace);
        space.walk = None;
        let figures = &mut space.queues[old].figures;
        (figures.items, figures.bytes) = (figures.items - 1, figures.bytes - live);
        let figures = &mut space.queues[usize::from(queue)].figures;
        (figures.items, figures.bytes) = (figures.items + 1, figures.bytes + live);
        self.seal(number);
    }

    /// Copies an entry to the young end of a queue; false when there is no room.
    fn forward(&mut self, namespace: NamespaceId, hash: u64, slot: u16, found: &Found, target: (u8, u8)) -> bool {
        let length = found.layout.len();
        let Some(to) = self.room_in(namespace, target.0, length, Need::Reclaim, &mut None) else { return false };
        let from = found.word.segment();
        let Some(source) = self.segments[from as usize].take() else { return false };
        let bytes = &source.run.bytes()[found.word.offset() as usize..][..length];
        let segment = self.segment_mut(to);
        let offset = segment.len;
        segment.run.bytes_mut()[offset as usize..offset as usize + length].copy_from_slice(bytes);
        let (database, expires_at_ms) = (found.layout.database(bytes), found.layout.expires_at_ms(bytes));
        let stored = u64::from(found.layout.key_len() + found.layout.value_len());
        self.count_in(to, length as u32, stored, database, expires_at_ms, &bytes[found.layout.key()]);
        self.segments[from as usize] = Some(source);
        // Making room may have freed nothing of this slot, but it may have moved tables: the place is looked up again.
        let word = Word::new(hash, target.1, to, offset);
        self.note_fields(word);
        if let Some((place, _)) = self.tables.find_at(self.local(slot), hash, from, found.word.offset()) {
            self.tables.set(place, word);
        }
        self.kill(found.word, found.layout);
        true
    }

    /// Moves an entry to another namespace; it is evicted where there is no room for it.
    pub(super) fn move_to(&mut self, slot: u16, hash: u64, found: &Found, namespace: NamespaceId, now: u32) {
        let target = (self.target(namespace, hash, found.layout.len(), now).0, found.word.uses());
        let old = self.namespace_of(found.word);
        let heap = self.heap_of(self.bytes_at(found.word), &found.layout) as u64;
        if self.forward(namespace, hash, slot, found, target) {
            self.heap_moves(old, namespace, heap);
        } else if self.may_go(slot, hash, found.word, Cause::Evicted) {
            self.figures_of(old).evictions += 1;
            self.remove(slot, found);
        }
    }

    /// Drops entries whose time has come, looking at no more than `max`; (dropped, all that is due was looked at).
    pub fn sweep(&mut self, now_ms: u64, max: usize) -> (usize, bool) {
        let (mut looked_at, mut dropped) = (0, 0);
        while looked_at < max {
            if self.sweep.segment == NIL {
                let due = |segment: &Option<Segment>| segment.as_ref().is_some_and(|s| s.sweep_at_ms <= now_ms);
                let Some(number) = self.segments.iter().position(due) else { return (dropped, true) };
                self.sweep = Sweep { segment: number as u32, at: 0, soonest: NEVER };
            }
            let Sweep { segment: number, at, soonest } = self.sweep;
            let segment = self.segment(number);
            if at >= segment.len {
                let segment = self.segment_mut(number);
                segment.expires_at_ms = soonest;
                // Not again at once for each of many that expire one by one.
                segment.sweep_at_ms = if soonest == NEVER { NEVER } else { soonest.max(now_ms + SWEEP_EVERY_MS) };
                self.sweep = Sweep::default();
                looked_at += 8;
                continue;
            }
            let bytes = &segment.run.bytes()[at as usize..];
            match item::read(bytes) {
                Record::Filler(length) => self.sweep.at = at + length as u32,
                Record::Entry(layout) => {
                    looked_at += 1;
                    // Dropping the entry may end the sweep of this segment, so it is moved on before.
                    let next = at + layout.len() as u32;
                    let expires_at_ms = if layout.is_dead() { NEVER } else { layout.expires_at_ms(bytes) };
                    if expires_at_ms > now_ms {
                        let soonest = soonest.min(expires_at_ms).min(self.sweep_fields(number, at, now_ms));
                        self.sweep = Sweep { segment: number, at: next, soonest };
                        continue;
                    }
                    let key = &bytes[layout.key()];
                    let (hash, slot) =
                        (self.hasher.hash(layout.database(bytes), key), (self.slot_of)(layout.database(bytes), key));
                    let namespace = segment.namespace;
                    self.sweep.at = next;
                    if let Some((place, word)) = self.tables.find_at(self.local(slot), hash, number, at) {
                        if !self.may_go(slot, hash, word, Cause::Expired) {
                            // Others decide; it is looked at again with the rest of the segment.
                            self.sweep.soonest = soonest.min(now_ms + SWEEP_EVERY_MS);
                            continue;
                        }
                        // Dropping costs more than looking.
                        looked_at += 3;
                        dropped += 1;
                        self.figures_of(namespace).expirations += 1;
                        self.remove(slot, &Found { place, word, layout });
                    }
                }
            }
        }
        (dropped, false)
    }
}
