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
//! Here is what a stripe consists of and how an entry is found; entries come and go in `entries.rs`, segments in `segments.rs`, whole
//! slots in `slots.rs`.
//!
//! LOCK: everything here is reached through the stripe's mutex. Which namespace gives, and when, is in `budget.rs`.

mod entries;
mod heap;
mod reclaim;
mod segments;
mod slots;

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
