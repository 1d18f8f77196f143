//! One lock stripe: segments of entries, the tables that find them, and what reclaims them.
//!
//! ```text
//!   tables:   slot, hash ─► word ─► (segment, offset)
//!   spaces:   namespace ─► policy, queues of segments        oldest ─► … ─► youngest ─► open (entries are appended here)
//!   segments: a run of pages each, entries one behind another; one too large for that has a segment of its own
//! ```
//!
//! A segment belongs to one namespace; its length follows what the namespace holds here, so that a small one wastes little
//! and a large one is handled in few pieces. An entry that is removed or moved is marked dead where it lies. Reclaiming
//! walks a segment from the front, a few entries at a time, moves what stays, and gives the pages back; segments with much
//! dead space are walked first and keep all they have (compaction).
//!
//! LOCK: everything here is reached through the stripe's mutex. Which namespace gives, and when, is in `budget.rs`.

mod heap;
mod reclaim;

pub(crate) use heap::value_of;
pub use reclaim::{Gives, Reclaimed};

use crate::budget::Budget;
use crate::item::{self, Draft, Layout, NEVER, Record};
use crate::journal::{Cause, Change, SlotRole, Watch};
use crate::pages::{Need, PAGE, Run, pages_for};
use crate::policy::{Meta, Policy, QUEUES, QueueFigures, Replacement, Shared, Verdict};
use crate::staged::Staged;
use crate::stats::NamespaceFigures;
use crate::table::{BUCKET_BYTES, Place, SEGMENTS_MAX, Tables, Word};
use crate::value::Large;
use crate::{NAMESPACES, NamespaceId, TABLE_SHARE};
use heap::Garbage;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

/// No segment.
const NIL: u32 = 0;

/// Entries that one step of dropping a slot's looks at, before it goes on with another order.
const LOOKS_A_STEP: usize = 4096;

/// Segments a namespace's bytes in a stripe are spread over, at least; its share of waste in the open one follows.
const SEGMENTS_PER_SPACE: u64 = 192;

/// Of its bytes, one in so many is left unused behind a collection that has outgrown its place, for what it grows by next.
const ROOM_TO_GROW: usize = 8;

/// Bytes of an entry that are asked for ahead at most; the processor itself goes on with what is read in order.
const PREFETCHED_MAX: u32 = 256;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Sealed,
    /// Being reclaimed; in no queue.
    Walked,
}

#[derive(Debug)]
struct Segment {
    run: Run,
    namespace: NamespaceId,
    queue: u8,
    state: State,
    /// On the list of those with much dead space.
    is_sparse: bool,
    /// Bytes appended.
    len: u32,
    /// Of them, those of living entries.
    live: u32,
    items: u32,
    previous: u32,
    next: u32,
    /// No entry expires before; [`NEVER`] when none does.
    expires_at_ms: u64,
    /// When the sweeper looks next.
    sweep_at_ms: u64,
    /// Tick at which it was begun, or went to its queue as a whole.
    begun: u32,
}

impl Segment {
    /// Unused bytes from a place on: those that nothing was appended to, or fillers, no more of them than it takes for `needed`.
    fn room_behind(&self, place: usize, needed: usize) -> usize {
        let end = self.len as usize;
        if place == end {
            return needed.min(self.run.len() - end);
        }
        let bytes = &self.run.bytes()[..end];
        let mut room = 0;
        while room < needed
            && place + room < end
            && let Record::Filler(length) = item::read(&bytes[place + room..])
        {
            room += length;
        }
        room
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Queue {
    oldest: u32,
    youngest: u32,
    open: u32,
    figures: QueueFigures,
}

/// What is being reclaimed.
#[derive(Clone, Copy, Debug)]
struct Walk {
    segment: u32,
    at: u32,
    /// Only for its dead space: everything stays.
    compacts: bool,
}

/// One namespace's part of a stripe.
#[derive(Debug)]
struct Space {
    policy: Policy,
    replacement: Box<dyn Replacement>,
    queues: [Queue; QUEUES],
    sparse: VecDeque<u32>,
    walk: Option<Walk>,
    /// A run for the next segment, so that a write that was given room has it whichever queue it goes to.
    spare: Option<Run>,
    /// Bytes of its segments, its spare and its part of the heap.
    run_bytes: u64,
    /// Bytes of its large collections, those that are not freed yet included, and pages charged for them.
    heap_bytes: u64,
    heap_pages: u32,
    live_bytes: u64,
    /// Entries the policy kept since it last let one go, and how many it may.
    kept: u64,
    kept_max: u64,
    /// Entries in a row that others decide about.
    passed: u64,
    figures: NamespaceFigures,
}

#[derive(Clone, Copy, Debug, Default)]
struct SlotState {
    items: u32,
    bytes: u64,
}

/// Where an entry was found.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    pub place: Place,
    pub word: Word,
    pub layout: Layout,
}

#[derive(Debug)]
pub struct Stripe {
    number: usize,
    budget: Arc<Budget>,
    slot_of: fn(u16, &[u8]) -> u16,
    hasher: Arc<crate::Hasher>,
    watch: Arc<Watch>,
    tables: Tables,
    segments: Vec<Option<Segment>>,
    /// Large collections by handle.
    larges: Vec<Option<Box<Large>>>,
    /// Stamps given to large collections.
    stamps: u64,
    /// Hashes the sweeper met with fields whose time has come: slot, database and key.
    due_fields: Vec<(u16, u16, Vec<u8>)>,
    free_larges: Vec<u32>,
    garbage: VecDeque<Garbage>,
    free_segments: Vec<u32>,
    spaces: Vec<Option<Box<Space>>>,
    policies: Box<[Policy; NAMESPACES]>,
    /// By namespace, what its policy knows in all stripes.
    shared: Arc<[Arc<Shared>]>,
    /// Tick of the last use, write or walk.
    now: u32,
    slots: Vec<SlotState>,
    /// Stripes of the engine: a slot's place here is its number divided by this.
    stride: u16,
    segment_bytes_max: usize,
    /// Entries, and those with an expiry, by database.
    databases: Vec<(u64, u64)>,
    /// Entries by slot and database other than 0.
    others: BTreeMap<(u16, u16), u32>,
    sweep: Sweep,
    /// Bytes that pressure asks to be reclaimed and that were not yet.
    pub debt: u64,
}

/// Where the sweeper is.
#[derive(Clone, Copy, Debug, Default)]
struct Sweep {
    segment: u32,
    at: u32,
    soonest: u64,
}

pub(crate) struct Parts {
    pub number: usize,
    pub stride: u16,
    pub slots: u32,
    pub segment_bytes_max: usize,
    pub budget: Arc<Budget>,
    pub slot_of: fn(u16, &[u8]) -> u16,
    pub hasher: Arc<crate::Hasher>,
    pub shared: Arc<[Arc<Shared>]>,
    pub watch: Arc<Watch>,
    pub tables: Tables,
}

impl Stripe {
    pub(crate) fn new(parts: Parts) -> Stripe {
        Stripe {
            number: parts.number,
            budget: parts.budget,
            slot_of: parts.slot_of,
            hasher: parts.hasher,
            watch: parts.watch,
            tables: parts.tables,
            segments: vec![None],
            larges: Vec::new(),
            stamps: 0,
            due_fields: Vec::new(),
            free_larges: Vec::new(),
            garbage: VecDeque::new(),
            free_segments: Vec::new(),
            spaces: Vec::new(),
            policies: Box::new([Policy::default(); NAMESPACES]),
            shared: parts.shared,
            now: 0,
            slots: vec![SlotState::default(); parts.slots as usize],
            stride: parts.stride,
            segment_bytes_max: parts.segment_bytes_max,
            databases: Vec::new(),
            others: BTreeMap::new(),
            sweep: Sweep::default(),
            debt: 0,
        }
    }

    #[inline]
    fn local(&self, slot: u16) -> u32 {
        u32::from(slot / self.stride)
    }

    /// The entry of a key, expired or not.
    #[inline]
    pub fn find(&self, slot: u16, hash: u64, database: u16, key: &[u8]) -> Option<Found> {
        let mut layout = None;
        let (place, word) = self.tables.find(self.local(slot), hash, |word| {
            let bytes = self.bytes_at(word);
            let read = Layout::read(bytes);
            let is_it =
                read.key_len() as usize == key.len() && bytes[read.key()] == *key && read.database(bytes) == database;
            if is_it {
                layout = Some(read);
            }
            is_it
        })?;
        Some(Found { place, word, layout: layout? })
    }

    /// The address of what a hash probably leads to, and the bytes to ask for from there on: as many as an entry of its segment
    /// has on average, wherever in its line it begins. 0 when there is nothing.
    #[inline]
    pub fn guess(&self, slot: u16, hash: u64) -> (usize, usize) {
        let Some(word) = self.tables.guess(self.local(slot), hash) else { return (0, 0) };
        let Some(Some(segment)) = self.segments.get(word.segment() as usize) else { return (0, 0) };
        let average = (segment.live / segment.items.max(1)).min(PREFETCHED_MAX) as usize;
        (segment.run.address() + word.offset() as usize, average + BUCKET_BYTES)
    }

    /// From an entry's first byte to the end of its segment's entries.
    #[inline]
    pub fn bytes_at(&self, word: Word) -> &[u8] {
        let segment = self.segment(word.segment());
        &segment.run.bytes()[word.offset() as usize..]
    }

    #[inline]
    fn bytes_at_mut(&mut self, word: Word) -> &mut [u8] {
        let segment = self.segment_mut(word.segment());
        &mut segment.run.bytes_mut()[word.offset() as usize..]
    }

    #[inline]
    fn segment(&self, number: u32) -> &Segment {
        self.segments[number as usize].as_ref().expect("words and queues name living segments only")
    }

    #[inline]
    fn segment_mut(&mut self, number: u32) -> &mut Segment {
        self.segments[number as usize].as_mut().expect("words and queues name living segments only")
    }

    #[inline]
    pub fn namespace_of(&self, word: Word) -> NamespaceId {
        self.segment(word.segment()).namespace
    }

    #[inline]
    fn space(&mut self, namespace: NamespaceId) -> &mut Space {
        let index = namespace.index();
        if !matches!(self.spaces.get(index), Some(Some(_))) {
            return self.new_space(index);
        }
        self.spaces[index].as_mut().expect("looked at just now")
    }

    #[cold]
    fn new_space(&mut self, index: usize) -> &mut Space {
        if self.spaces.len() <= index {
            self.spaces.resize_with(index + 1, || None);
        }
        let (policy, shared, budget) = (self.policies[index], &self.shared[index], &self.budget);
        self.spaces[index].get_or_insert_with(|| {
            Box::new(Space {
                policy,
                replacement: replacement_of(policy, shared, budget),
                queues: [Queue::default(); QUEUES],
                sparse: VecDeque::new(),
                walk: None,
                spare: None,
                run_bytes: 0,
                heap_bytes: 0,
                heap_pages: 0,
                live_bytes: 0,
                kept: 0,
                passed: 0,
                kept_max: KEPT_MAX,
                figures: NamespaceFigures::default(),
            })
        })
    }

    /// Whether the namespace's policy lets anything go.
    pub fn evicts(&mut self, namespace: NamespaceId) -> bool {
        self.space(namespace).policy != Policy::None
    }

    #[inline]
    pub fn figures_of(&mut self, namespace: NamespaceId) -> &mut NamespaceFigures {
        &mut self.space(namespace).figures
    }

    /// Counts a use.
    #[inline]
    pub fn touch(&mut self, hash: u64, found: &mut Found, now: u32) {
        self.now = now;
        let (namespace, queue, used) = {
            let segment = self.segment_mut(found.word.segment());
            let bytes = &mut segment.run.bytes_mut()[found.word.offset() as usize..];
            let used = found.layout.used(bytes);
            if used != now {
                found.layout.set_used(bytes, now);
            }
            (segment.namespace, segment.queue, used)
        };
        let heap = self.heap_of(self.bytes_at(found.word), &found.layout);
        let bytes = u32::try_from(found.layout.len() + heap).unwrap_or(u32::MAX);
        let meta = Meta { hash, bytes, used, uses: found.word.uses(), queue };
        let uses = self.space(namespace).replacement.hit(&meta, now);
        if uses != found.word.uses() {
            found.word = found.word.with_uses(uses);
            self.tables.set(found.place, found.word);
        }
    }

    /// Bytes a segment of this namespace should have now.
    fn segment_bytes(&mut self, namespace: NamespaceId) -> usize {
        let max = self.segment_bytes_max;
        let wanted = (self.space(namespace).live_bytes / SEGMENTS_PER_SPACE) as usize;
        (wanted + 1).next_power_of_two().clamp(PAGE, max)
    }

    /// Whether so many bytes waste less in pages of their own, half of one of them, than at the end of a shared segment, half as
    /// many as they are.
    fn gets_own_segment(&mut self, namespace: NamespaceId, bytes: usize) -> bool {
        let segment_bytes = self.segment_bytes(namespace);
        bytes > segment_bytes || bytes.pow(2) > PAGE * segment_bytes
    }

    /// Sees to it that `bytes` more can be appended, whatever queue they go to; what could be had is kept if it is not all.
    pub fn prepare(&mut self, namespace: NamespaceId, bytes: usize) -> Option<Prepared> {
        if self.gets_own_segment(namespace, bytes) {
            let run = self.take(namespace, pages_for(bytes), Need::Write)?;
            return Some(Prepared { namespace, run: Some(run) });
        }
        let none = Some(Prepared { namespace, run: None });
        let space = self.space(namespace);
        if space.spare.as_ref().is_some_and(|spare| spare.len() >= bytes) {
            return none;
        }
        let opens = space.queues.map(|queue| queue.open);
        let has_room = |open: u32| {
            let segment = self.segment(open);
            segment.run.len() - segment.len as usize >= bytes
        };
        if opens.iter().all(|open| *open != NIL && has_room(*open)) {
            return none;
        }
        let length = self.segment_bytes(namespace).max(bytes);
        let run = self.take(namespace, pages_for(length), Need::Write)?;
        self.release_spare(namespace);
        self.space(namespace).spare = Some(run);
        none
    }

    fn release_spare(&mut self, namespace: NamespaceId) {
        if let Some(run) = self.space(namespace).spare.take() {
            self.give(namespace, run);
        }
    }

    /// Gives back what a write had prepared and did not use.
    pub fn give_back(&mut self, prepared: Prepared) {
        if let Some(run) = prepared.run {
            self.give(prepared.namespace, run);
        }
    }

    fn take(&mut self, namespace: NamespaceId, pages: u32, need: Need) -> Option<Run> {
        let run = self.budget.take(namespace, self.number, pages, need)?;
        self.space(namespace).run_bytes += run.len() as u64;
        Some(run)
    }

    fn give(&mut self, namespace: NamespaceId, run: Run) {
        self.space(namespace).run_bytes -= run.len() as u64;
        self.budget.give(namespace, self.number, run.len() as u64);
    }

    /// A segment of a queue with room for so many bytes.
    fn room_in(
        &mut self,
        namespace: NamespaceId,
        queue: u8,
        bytes: usize,
        need: Need,
        prepared: &mut Option<Run>,
    ) -> Option<u32> {
        let index = usize::from(queue);
        let open = self.space(namespace).queues[index].open;
        if open != NIL {
            let segment = self.segment(open);
            if segment.run.len() - segment.len as usize >= bytes {
                return Some(open);
            }
        }
        if self.gets_own_segment(namespace, bytes) {
            let pages = pages_for(bytes);
            let run = match prepared.take() {
                Some(mut run) if run.len() >= bytes => {
                    let before = run.len();
                    run.truncate(pages);
                    let cut = (before - run.len()) as u64;
                    self.space(namespace).run_bytes -= cut;
                    self.budget.give(namespace, self.number, cut);
                    run
                }
                other => {
                    if let Some(run) = other {
                        self.give(namespace, run);
                    }
                    self.take(namespace, pages, need)?
                }
            };
            let number = self.add_segment(run, namespace, queue)?;
            self.seal(number);
            return Some(number);
        }
        let length = self.segment_bytes(namespace).max(bytes);
        let run = match self.take(namespace, pages_for(length), need) {
            Some(run) => run,
            None => {
                if let Some(run) = prepared.take() {
                    self.give(namespace, run);
                }
                match self.space(namespace).spare.take() {
                    Some(spare) if spare.len() >= bytes => spare,
                    Some(spare) => {
                        self.give(namespace, spare);
                        self.take(namespace, pages_for(bytes), Need::Reclaim)?
                    }
                    None => self.take(namespace, pages_for(bytes), need)?,
                }
            }
        };
        if open != NIL {
            self.seal(open);
        }
        let number = self.add_segment(run, namespace, queue)?;
        self.space(namespace).queues[index].open = number;
        Some(number)
    }

    fn add_segment(&mut self, run: Run, namespace: NamespaceId, queue: u8) -> Option<u32> {
        let segment = Segment {
            run,
            namespace,
            queue,
            state: State::Open,
            is_sparse: false,
            len: 0,
            live: 0,
            items: 0,
            previous: NIL,
            next: NIL,
            expires_at_ms: NEVER,
            sweep_at_ms: NEVER,
            begun: self.now,
        };
        if let Some(number) = self.free_segments.pop() {
            self.segments[number as usize] = Some(segment);
            return Some(number);
        }
        if self.segments.len() >= SEGMENTS_MAX as usize {
            self.give(namespace, segment.run);
            return None;
        }
        self.segments.push(Some(segment));
        Some(self.segments.len() as u32 - 1)
    }

    /// Puts a segment at the young end of its queue; nothing is appended to it from now on.
    fn seal(&mut self, number: u32) {
        let segment = self.segment_mut(number);
        let (namespace, queue) = (segment.namespace, usize::from(segment.queue));
        segment.state = State::Sealed;
        let youngest = self.space(namespace).queues[queue].youngest;
        let segment = self.segment_mut(number);
        (segment.previous, segment.next) = (youngest, NIL);
        if youngest != NIL {
            self.segment_mut(youngest).next = number;
        }
        let of_queue = &mut self.space(namespace).queues[queue];
        of_queue.youngest = number;
        if of_queue.oldest == NIL {
            of_queue.oldest = number;
        }
        if of_queue.open == number {
            of_queue.open = NIL;
        }
        of_queue.figures.segments += 1;
        self.note_dead(number);
    }

    fn unlink(&mut self, number: u32) {
        let segment = self.segment(number);
        let (namespace, queue) = (segment.namespace, usize::from(segment.queue));
        let (previous, next) = (segment.previous, segment.next);
        if previous != NIL {
            self.segment_mut(previous).next = next;
        }
        if next != NIL {
            self.segment_mut(next).previous = previous;
        }
        let of_queue = &mut self.space(namespace).queues[queue];
        if of_queue.oldest == number {
            of_queue.oldest = next;
        }
        if of_queue.youngest == number {
            of_queue.youngest = previous;
        }
        of_queue.figures.segments -= 1;
    }

    /// A segment with a quarter dead is worth a walk of its own.
    fn note_dead(&mut self, number: u32) {
        let segment = self.segment_mut(number);
        let dead = segment.len - segment.live;
        if segment.state == State::Sealed && !segment.is_sparse && dead as usize * 4 >= segment.run.len() {
            segment.is_sparse = true;
            let namespace = segment.namespace;
            self.space(namespace).sparse.push_back(number);
        }
    }

    fn free_segment(&mut self, number: u32) {
        if self.segment(number).state == State::Sealed {
            self.unlink(number);
        }
        let Some(segment) = self.segments[number as usize].take() else { return };
        if self.sweep.segment == number {
            self.sweep = Sweep::default();
        }
        let space = self.space(segment.namespace);
        if segment.is_sparse {
            space.sparse.retain(|sparse| *sparse != number);
        }
        self.free_segments.push(number);
        self.give(segment.namespace, segment.run);
    }

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
    fn count_in(&mut self, number: u32, bytes: u32, stored: u64, database: u16, expires_at_ms: u64, key: &[u8]) {
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

    /// Applies the policies by namespace; entries stay.
    pub fn configure(&mut self, policies: &[Policy; NAMESPACES]) {
        *self.policies = *policies;
        for ((space, policy), shared) in self.spaces.iter_mut().zip(policies).zip(self.shared.iter()) {
            if let Some(space) = space
                && space.policy != *policy
            {
                space.policy = *policy;
                space.replacement = replacement_of(*policy, shared, &self.budget);
            }
        }
    }

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

    /// Entries of one database, and those of them that expire.
    pub fn items(&self, database: u16) -> (u64, u64) {
        self.databases.get(usize::from(database)).copied().unwrap_or_default()
    }

    /// Entries of all databases.
    pub fn items_of_all(&self) -> u64 {
        self.databases.iter().map(|counts| counts.0).sum()
    }

    /// Figures by namespace id, as far as any were used here.
    pub fn figures(&self) -> impl Iterator<Item = (usize, NamespaceFigures)> {
        let of = |space: &Space| {
            let stored_bytes = space.figures.stored_bytes + space.heap_bytes;
            NamespaceFigures { bytes: space.run_bytes, stored_bytes, ..space.figures }
        };
        self.spaces.iter().enumerate().filter_map(move |(id, space)| Some((id, of(space.as_deref()?))))
    }

    pub fn run_bytes(&self, namespace: NamespaceId) -> u64 {
        self.spaces.get(namespace.index()).and_then(Option::as_deref).map_or(0, |space| space.run_bytes)
    }
}

/// Entries a policy may keep in a row when room is missing. A write that pays ahead of need lets it keep what it will, but for
/// one round of all entries: it cannot keep everything, whatever it thinks of it.
const KEPT_MAX: u64 = 32;

/// Pages a write was given.
#[derive(Debug)]
pub struct Prepared {
    namespace: NamespaceId,
    pub run: Option<Run>,
}

/// A policy's part for one stripe, whose memory stands against the limit.
fn replacement_of(policy: Policy, shared: &Arc<Shared>, budget: &Budget) -> Box<dyn Replacement> {
    let mut replacement = policy.replacement(shared);
    replacement.use_arena(budget.shared_arena());
    replacement
}

fn hash_of_entry(hasher: &crate::Hasher, bytes: &[u8]) -> u64 {
    let layout = Layout::read(bytes);
    hasher.hash(layout.database(bytes), &bytes[layout.key()])
}

fn at_database(counts: &mut Vec<(u64, u64)>, database: u16) -> &mut (u64, u64) {
    let database = usize::from(database);
    if counts.len() <= database {
        counts.resize(database + 1, (0, 0));
    }
    &mut counts[database]
}
