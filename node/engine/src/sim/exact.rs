//! Exact references: LRU, FIFO and an estimate of the offline optimum.
//!
//! All count alike: misses of gets over gets; sets and changed sizes store the newest size; an object bigger than the
//! cache is not cached.

use std::collections::BTreeSet;

use super::trace::{Op, Trace};

const NONE: u32 = u32::MAX;

/// Misses over gets.
#[derive(Clone, Copy, Debug, Default)]
pub struct Score {
    pub gets: u64,
    pub misses: u64,
    /// Entries held at the end.
    pub held: usize,
}

impl Score {
    pub(super) fn count(&mut self, is_hit: bool) {
        self.gets += 1;
        self.misses += u64::from(!is_hit);
    }

    pub fn ratio(&self) -> f64 {
        self.misses as f64 / self.gets.max(1) as f64
    }
}

/// Exact LRU: every use and every overwrite moves an entry to the young end.
pub fn lru(trace: &Trace, capacity: u64) -> Score {
    list(trace, capacity, true)
}

/// Exact FIFO: an overwrite does not move an entry.
pub fn fifo(trace: &Trace, capacity: u64) -> Score {
    list(trace, capacity, false)
}

fn list(trace: &Trace, capacity: u64, touch: bool) -> Score {
    let mut next = vec![NONE; trace.keys + 1];
    let mut prev = vec![NONE; trace.keys + 1];
    let mut size = vec![0u32; trace.keys];
    let end = trace.keys;
    next[end] = end as u32;
    prev[end] = end as u32;
    let mut score = Score::default();
    let mut used = 0u64;
    for request in &trace.requests {
        let key = request.key as usize;
        let held = next[key] != NONE;
        if request.op == Op::Get {
            score.gets += 1;
            score.misses += u64::from(!held);
        }
        let mut place = true;
        if held {
            used -= u64::from(size[key]);
            if touch || request.op == Op::Delete || u64::from(request.bytes) > capacity {
                let (before, after) = (prev[key], next[key]);
                next[before as usize] = after;
                prev[after as usize] = before;
                next[key] = NONE;
                score.held -= 1;
            } else {
                place = false;
            }
        }
        if request.op == Op::Delete || u64::from(request.bytes) > capacity {
            continue;
        }
        size[key] = request.bytes;
        used += u64::from(request.bytes);
        if place {
            let last = prev[end] as usize;
            next[last] = key as u32;
            prev[key] = last as u32;
            next[key] = end as u32;
            prev[end] = key as u32;
            score.held += 1;
        }
        while used > capacity {
            let first = next[end] as usize;
            let second = next[first];
            next[end] = second;
            prev[second as usize] = end as u32;
            next[first] = NONE;
            used -= u64::from(size[first]);
            score.held -= 1;
        }
    }
    score
}

/// An estimate of the best that can be reached knowing the future: the lowest miss ratio of Belady's rule and, where
/// sizes vary, of evicting the largest next-use distance times size among 64 drawn entries (L. Belady 1966; Belady-size
/// as in libCacheSim).
pub fn optimum(trace: &Trace, capacity: u64) -> Score {
    let next = next_uses(trace);
    let mut best = belady(trace, &next, capacity);
    let first = trace.requests.first().map_or(0, |request| request.bytes);
    if trace.requests.iter().any(|request| request.bytes != first) {
        for power in [1.0, 0.5] {
            let other = belady_size(trace, &next, capacity, power);
            if other.misses < best.misses {
                best = other;
            }
        }
    }
    best
}

/// For each request the index of the next one of its key that profits from a held entry: a set or a delete ends it.
fn next_uses(trace: &Trace) -> Vec<u32> {
    let mut coming = vec![NONE; trace.keys];
    let mut next = vec![NONE; trace.requests.len()];
    for (index, request) in trace.requests.iter().enumerate().rev() {
        next[index] = coming[request.key as usize];
        coming[request.key as usize] = if request.op == Op::Get { index as u32 } else { NONE };
    }
    next
}

fn belady(trace: &Trace, next: &[u32], capacity: u64) -> Score {
    let mut held = vec![NONE; trace.keys];
    let mut size = vec![0u32; trace.keys];
    let mut is_held = vec![false; trace.keys];
    let mut order: BTreeSet<(u32, u32)> = BTreeSet::new();
    let mut score = Score::default();
    let mut used = 0u64;
    for (index, request) in trace.requests.iter().enumerate() {
        let key = request.key as usize;
        if request.op == Op::Get {
            score.gets += 1;
            score.misses += u64::from(!is_held[key]);
        }
        if is_held[key] {
            order.remove(&(held[key], request.key));
            used -= u64::from(size[key]);
            is_held[key] = false;
        }
        if request.op == Op::Delete || next[index] == NONE || u64::from(request.bytes) > capacity {
            continue;
        }
        held[key] = next[index];
        size[key] = request.bytes;
        is_held[key] = true;
        used += u64::from(request.bytes);
        order.insert((next[index], request.key));
        while used > capacity {
            let Some((_, last)) = order.pop_last() else { break };
            used -= u64::from(size[last as usize]);
            is_held[last as usize] = false;
        }
    }
    score.held = order.len();
    score
}

fn belady_size(trace: &Trace, next: &[u32], capacity: u64, power: f32) -> Score {
    let mut place = vec![NONE; trace.keys];
    // Key, next use and the size's weight.
    let mut held: Vec<(u32, u32, f32, u32)> = Vec::new();
    let mut score = Score::default();
    let mut used = 0u64;
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    for (index, request) in trace.requests.iter().enumerate() {
        let key = request.key as usize;
        if request.op == Op::Get {
            score.gets += 1;
            score.misses += u64::from(place[key] == NONE);
        }
        let mut drop = |at: u32, held: &mut Vec<(u32, u32, f32, u32)>, place: &mut Vec<u32>| {
            let gone = held.swap_remove(at as usize);
            place[gone.0 as usize] = NONE;
            if let Some(moved) = held.get(at as usize) {
                place[moved.0 as usize] = at;
            }
            used -= u64::from(gone.3);
        };
        if place[key] != NONE {
            drop(place[key], &mut held, &mut place);
        }
        if request.op == Op::Delete || next[index] == NONE || u64::from(request.bytes) > capacity {
            continue;
        }
        used += u64::from(request.bytes);
        place[key] = held.len() as u32;
        held.push((request.key, next[index], (request.bytes as f32).powf(power), request.bytes));
        while used > capacity {
            let mut worst = (0u32, -1.0f32);
            for draw in 0..64.min(held.len() as u32) {
                let at = if held.len() <= 64 {
                    draw
                } else {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    (state % held.len() as u64) as u32
                };
                let (_, use_at, weight, _) = held[at as usize];
                let value = (use_at - index as u32) as f32 * weight;
                if value > worst.1 {
                    worst = (at, value);
                }
            }
            let gone = held.swap_remove(worst.0 as usize);
            place[gone.0 as usize] = NONE;
            if let Some(moved) = held.get(worst.0 as usize) {
                place[moved.0 as usize] = worst.0;
            }
            used -= u64::from(gone.3);
        }
    }
    score.held = held.len();
    score
}

#[cfg(test)]
mod tests {
    use super::super::trace::Request;
    use super::*;

    fn trace(keys: &[u32]) -> Trace {
        Trace::of(keys.iter().map(|key| Request { key: *key, bytes: 10, op: Op::Get }).collect())
    }

    #[test]
    fn references_agree_with_hand_counts() {
        let trace = trace(&[0, 1, 0, 2, 0, 1, 2, 0]);
        // LRU with two entries: 0m 1m 0h 2m(1) 0h 1m(2) 2m(0) 0m(1).
        assert_eq!(list(&trace, 20, true).misses, 6);
        // FIFO: 0m 1m 0h 2m(0) 0m(1) 1m(2) 2m(0) 0m(1).
        assert_eq!(list(&trace, 20, false).misses, 7);
        // Optimum: 0m 1m 0h 2m 0h, then one of 1 and 2 is missed.
        assert_eq!(optimum(&trace, 20).misses, 4);
    }

    #[test]
    fn all_fit() {
        let trace = trace(&[0, 1, 2, 0, 1, 2]);
        for score in [list(&trace, 30, true), list(&trace, 30, false), optimum(&trace, 30)] {
            assert_eq!(score.misses, 3);
        }
    }
}
