//! A trace driven through one of the engine's policies on a store of metadata.
//!
//! What differs from a node: entries take the bytes of their key and value alone, there is one stripe, and nothing expires.

use super::exact::Score;
use super::trace::{Op, Trace};
use crate::Choice;
use crate::policy::mini::Mini;
use crate::policy::{Policy, Shared};
use std::sync::Arc;

/// Segments the store is spread over, about as many as the engine has for a namespace in a stripe.
const SEGMENTS: u64 = 128;

/// How fast ticks pass, and what keys are hashed with.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Requests that share a tick.
    pub requests_per_tick: u32,
    pub seed: u64,
}

impl Default for Clock {
    fn default() -> Clock {
        Clock { requests_per_tick: 1, seed: 0 }
    }
}

/// What a replay gave.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub score: Score,
    /// Bytes copied by reclaiming for one evicted.
    pub copied: f64,
    /// Of `auto`.
    pub choice: Option<Choice>,
}

/// Replays a trace through a policy with room for so many bytes of keys and values.
pub fn replay(trace: &Trace, capacity: u64, policy: Policy, clock: Clock) -> Outcome {
    let shared = Arc::new(Shared::default());
    let mut replacement = policy.replacement(&shared);
    let mut store = Mini::new(capacity, SEGMENTS);
    let mut score = Score::default();
    for (index, request) in trace.requests.iter().enumerate() {
        let hash = hash(u64::from(request.key) ^ clock.seed << 32);
        let now = index as u32 / clock.requests_per_tick.max(1);
        if request.op == Op::Delete {
            store.remove(hash);
            continue;
        }
        let is_hit = store.request(replacement.as_mut(), hash, request.bytes, now);
        if request.op == Op::Get {
            score.count(is_hit);
        }
    }
    score.held = store.len();
    let copied = store.work.copied as f64 / store.work.evicted.max(1) as f64;
    Outcome { score, copied, choice: (policy == Policy::Auto).then(|| shared.choice()) }
}

/// splitmix64.
fn hash(key: u64) -> u64 {
    let mut value = (key + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
