//! What stays and what goes: one file a policy, each with its queues and its verdict and nothing else.
//!
//! Entries of a namespace stand in segments, and segments in up to [`QUEUES`] queues in order of age. When room is needed,
//! the policy names a queue; the oldest segment of it is walked, and the policy says of each entry whether it goes or is
//! copied forward into a queue's youngest segment. An entry that is used does not move; only its metadata changes. So a
//! policy is two choices (where does a new entry go, which queue gives) and one judgement, and all of them share one store.
//!
//! Copying, tables and memory are `stripe.rs`.

mod auto;
mod cells;
mod cost;
mod fifo;
mod ghost;
mod lfu;
mod lhd;
mod lru;
pub(crate) mod mini;
mod random;
mod s3_fifo;
mod sample;
mod shared;
mod sketch;
mod threshold;
mod w_tinylfu;
mod wheel;

pub use auto::Choice;
pub(crate) use shared::Shared;

use crate::pages::Arena;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// How a namespace chooses what to evict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Policy {
    /// The least recently used entry.
    Lru,
    /// The least frequently used entry; among equals, the least recently used.
    Lfu,
    /// The entry written longest ago, however often it is read.
    Fifo,
    /// New entries prove themselves in a small queue first (S3-FIFO).
    S3Fifo,
    /// A small window, and a main part that lets in what is used more often than what it would replace (W-TinyLFU).
    WTinyLfu,
    /// The entry that is expected to bring fewest hits for the room and the time it takes (hit density).
    Lhd,
    /// The entry with the fewest uses for its bytes (greedy dual by frequency over size).
    Cost,
    /// Any.
    Random,
    /// Nothing is evicted: a write that does not fit is refused.
    None,
    /// What misses least of `lru`, `lhd`, `cost` and `s3-fifo`, tried on a sample of the keys.
    #[default]
    Auto,
}

impl Policy {
    pub const ALL: [Policy; 10] = [
        Policy::Lru,
        Policy::Lfu,
        Policy::Fifo,
        Policy::S3Fifo,
        Policy::WTinyLfu,
        Policy::Lhd,
        Policy::Cost,
        Policy::Random,
        Policy::None,
        Policy::Auto,
    ];

    /// What the operator calls it.
    pub fn name(self) -> &'static str {
        match self {
            Policy::Lru => "lru",
            Policy::Lfu => "lfu",
            Policy::Fifo => "fifo",
            Policy::S3Fifo => "s3-fifo",
            Policy::WTinyLfu => "w-tinylfu",
            Policy::Lhd => "lhd",
            Policy::Cost => "cost",
            Policy::Random => "random",
            Policy::None => "none",
            Policy::Auto => "auto",
        }
    }

    /// One stripe's part of the policy for a namespace; `shared` is what the stripes have in common.
    pub(crate) fn replacement(self, shared: &Arc<Shared>) -> Box<dyn Replacement> {
        match self {
            Policy::Lru => Box::new(lru::Lru::default()),
            Policy::Lfu => Box::new(lfu::Lfu::default()),
            Policy::S3Fifo => Box::new(s3_fifo::S3Fifo::default()),
            Policy::WTinyLfu => Box::new(w_tinylfu::WTinyLfu::default()),
            Policy::Lhd => Box::new(lhd::Taught::new(Arc::clone(shared))),
            Policy::Cost => Box::new(cost::Cost::default()),
            Policy::Random => Box::new(random::Random::default()),
            Policy::Fifo | Policy::None => Box::new(fifo::Fifo),
            Policy::Auto => Box::new(auto::Follower::new(Arc::clone(shared))),
        }
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The name is no policy's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a policy: one of lru, lfu, fifo, s3-fifo, w-tinylfu, lhd, cost, random, none, auto")]
pub struct UnknownPolicy;

impl FromStr for Policy {
    type Err = UnknownPolicy;

    fn from_str(name: &str) -> Result<Policy, UnknownPolicy> {
        Policy::ALL.into_iter().find(|policy| policy.name() == name).ok_or(UnknownPolicy)
    }
}

/// Queues a policy can have.
pub const QUEUES: usize = 4;

/// An entry as a policy sees it.
#[derive(Clone, Copy, Debug)]
pub struct Meta {
    /// Of the key, seeded.
    pub hash: u64,
    /// Header, key and value.
    pub bytes: u32,
    /// Tick of the last use: `now` is the present one; they wrap. In [`Replacement::hit`] the use before this one.
    pub used: u32,
    /// What the policy last said it is.
    pub uses: u8,
    pub queue: u8,
}

impl Meta {
    /// Ticks since the last use.
    pub fn age(&self, now: u32) -> u32 {
        now.wrapping_sub(self.used)
    }
}

/// What becomes of an entry of a segment that is reclaimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Evict,
    Keep { queue: u8, uses: u8 },
}

/// What stands in a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueFigures {
    /// Live bytes.
    pub bytes: u64,
    pub items: u64,
    pub segments: u32,
    /// Tick at which the oldest segment got its first entry; means nothing where there is no segment.
    pub begun: u32,
}

/// How one namespace replaces entries within one stripe.
pub trait Replacement: std::fmt::Debug + Send {
    /// A new entry: the queue it is appended to, and its first `uses`.
    fn insert(&mut self, meta: &Meta, now: u32) -> (u8, u8);

    /// An entry was used: its new `uses`.
    fn hit(&mut self, meta: &Meta, now: u32) -> u8;

    /// Which queue gives its oldest segment.
    fn reclaim_from(&mut self, queues: &[QueueFigures; QUEUES], now: u32) -> u8;

    fn verdict(&mut self, meta: &Meta, now: u32) -> Verdict;

    /// Takes what it remembers of more than a few keys from here.
    fn use_arena(&mut self, _arena: &Arc<Arena>) {}
}

/// The last queue that has a segment: entries of an earlier policy stand there, and go first.
pub(crate) fn last_filled(queues: &[QueueFigures; QUEUES]) -> u8 {
    (1..QUEUES).rev().find(|queue| queues[*queue].segments > 0).unwrap_or(0) as u8
}

/// Items and live bytes of all queues.
pub(crate) fn sum(queues: &[QueueFigures; QUEUES]) -> (u64, u64) {
    queues.iter().fold((0, 0), |(items, bytes), queue| (items + queue.items, bytes + queue.bytes))
}
