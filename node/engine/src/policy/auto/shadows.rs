//! Candidates on trial: each runs a store of metadata alone over the sampled requests, with the sample's share of the room.
//!
//! Of each pair of candidates it is counted how often one hit where the other missed; requests on which both did the same
//! say nothing. One takes over when it is ahead by so many standard deviations of that count. Hit density is the favourite:
//! it is taken as soon as LRU is not better; the others have to be clearly ahead of it. LRU is the guard: what falls behind
//! it goes at once.

use super::Choice;
use crate::pages::Arena;
use crate::policy::cost::Cost;
use crate::policy::lhd::{Densities, Lhd, step};
use crate::policy::lru::Lru;
use crate::policy::mini::Mini;
use crate::policy::s3_fifo::S3Fifo;
use crate::policy::sample::{adapted, is_sampled, mixed};
use crate::policy::{Meta, Policy, QUEUES, QueueFigures, Replacement, Verdict};
use std::sync::Arc;

const POLICIES: [Policy; 4] = [Policy::Lru, Policy::Lhd, Policy::Cost, Policy::S3Fifo];
const LRU: usize = 0;
const LHD: usize = 1;
const CANDIDATES: usize = POLICIES.len();

/// Sampled entries a shadow holds at most, about.
const HELD_MAX: u64 = 2048;

/// Sampled entries below which there is no choice but LRU.
const HELD_MIN: usize = 200;

/// Sampled requests between two looks at the figures.
const LOOK: u32 = 128;

/// The figures are halved when as many requests were sampled as this times the entries a shadow holds.
const MEMORY: u64 = 16;

/// Standard deviations and part of the misses one must be ahead of who is in force, and the requests it takes, in entries
/// a shadow holds: what one shadow of a sample gains for a while is often gone before it pays.
const SIGMAS: f32 = 7.0;
const MARGIN: f32 = 0.03;
const EVIDENCE: f32 = 16.0;

/// Standard deviations LRU must be ahead to come back.
const GUARD_SIGMAS: f32 = 4.0;

/// Hit density comes back when LRU is not so far ahead of it, another not so far.
const LRU_SIGMAS: f32 = 1.0;
const FAVOUR_SIGMAS: f32 = 2.0;

/// Segments a shadow's bytes are spread over.
const SEGMENTS: u64 = 64;

/// A policy that can be chosen.
#[derive(Debug, Clone)]
pub enum Candidate {
    Lru(Lru),
    Lhd(Box<Lhd>),
    Cost(Box<Cost>),
    S3Fifo(S3Fifo),
}

impl Default for Candidate {
    fn default() -> Candidate {
        Candidate::Lru(Lru::default())
    }
}

impl Candidate {
    fn new(index: usize) -> Candidate {
        match POLICIES[index] {
            Policy::Lhd => Candidate::Lhd(Box::default()),
            Policy::Cost => Candidate::Cost(Box::default()),
            Policy::S3Fifo => Candidate::S3Fifo(S3Fifo::default()),
            _ => Candidate::default(),
        }
    }

    pub fn learn(&mut self, densities: &Arc<Densities>) {
        if let Candidate::Lhd(lhd) = self {
            lhd.learn(Some(Arc::clone(densities)));
        }
    }

    /// A copy that goes on with a store another policy filled.
    fn resumed(&self, now: u32) -> Candidate {
        match self {
            Candidate::Lhd(lhd) => Candidate::Lhd(Box::new(lhd.resumed(now))),
            other => other.clone(),
        }
    }

    fn policy(&mut self) -> &mut dyn Replacement {
        match self {
            Candidate::Lru(policy) => policy,
            Candidate::Lhd(policy) => policy.as_mut(),
            Candidate::Cost(policy) => policy.as_mut(),
            Candidate::S3Fifo(policy) => policy,
        }
    }
}

impl Replacement for Candidate {
    fn use_arena(&mut self, arena: &Arc<Arena>) {
        self.policy().use_arena(arena);
    }

    fn insert(&mut self, meta: &Meta, now: u32) -> (u8, u8) {
        self.policy().insert(meta, now)
    }

    /// What entries are used like is kept in one way whoever is in force, so that the next finds what it needs: the low
    /// bits are what `cost` and `s3-fifo` count, the high ones hit density's interval. LRU does not care.
    #[inline]
    fn hit(&mut self, meta: &Meta, now: u32) -> u8 {
        let uses = step(meta.uses, meta.age(now));
        match self {
            Candidate::Lru(_) | Candidate::Lhd(_) => uses,
            Candidate::Cost(policy) => policy.hit(meta, now) & 15 | uses & 0xf0,
            Candidate::S3Fifo(policy) => policy.hit(meta, now) & 15 | uses & 0xf0,
        }
    }

    fn reclaim_from(&mut self, queues: &[QueueFigures; QUEUES], now: u32) -> u8 {
        self.policy().reclaim_from(queues, now)
    }

    fn verdict(&mut self, meta: &Meta, now: u32) -> Verdict {
        let interval = meta.uses & 0xf0;
        match (self.policy().verdict(meta, now), self) {
            (Verdict::Keep { queue, uses }, Candidate::Cost(_) | Candidate::S3Fifo(_)) => {
                Verdict::Keep { queue, uses: uses & 15 | interval }
            }
            (verdict, _) => verdict,
        }
    }
}

#[derive(Debug)]
struct Shadow {
    candidate: Candidate,
    store: Mini,
    /// Of the sampled requests, decayed.
    misses: f32,
}

/// The trial of one namespace.
#[derive(Debug)]
pub struct Shadows {
    /// LRU alone as long as nothing had to go, for until then all would hold the same.
    shadows: Vec<Shadow>,
    chosen: usize,
    /// Tick of the last change.
    since: u32,
    changes: u32,
    /// One key of 2^halvings is tried.
    halvings: u32,
    /// Bytes a shadow may hold; 0: not known yet.
    capacity: u64,
    /// Decayed: requests, and how often the first hit where the second missed.
    requests: f32,
    ahead: [[f32; CANDIDATES]; CANDIDATES],
    /// Requests since the last look and since the last halving of the figures.
    unseen: u32,
    undecayed: u64,
    densities: Option<Arc<Densities>>,
}

impl Shadows {
    /// Bytes it takes at most, about.
    pub const MEMORY_MAX: usize = 416 << 10;

    pub fn new() -> Shadows {
        let first = Shadow { candidate: Candidate::new(LRU), store: Mini::new(u64::MAX, SEGMENTS), misses: 0.0 };
        Shadows {
            shadows: vec![first],
            chosen: LRU,
            since: 0,
            changes: 0,
            halvings: 0,
            capacity: 0,
            requests: 0.0,
            ahead: Default::default(),
            unseen: 0,
            undecayed: 0,
            densities: None,
        }
    }

    /// Counts the changes.
    pub fn generation(&self) -> u32 {
        self.changes
    }

    pub fn learn(&mut self, densities: &Arc<Densities>) {
        self.densities = Some(Arc::clone(densities));
        self.shadows.iter_mut().for_each(|shadow| shadow.candidate.learn(densities));
    }

    /// Follows the entries there are and the sample that is seen, of which this is a part.
    fn resample(&mut self, seen: u32, items: u64) {
        let halvings = adapted(self.halvings, items, HELD_MAX).max(seen);
        if halvings == self.halvings {
            return;
        }
        self.halvings = halvings;
        for shadow in &mut self.shadows {
            shadow.store.retain(|hash| is_sampled(mixed(hash), halvings));
        }
    }

    /// A request of a key of the sample that is seen. `whole`: items and bytes of all that is held, once something had to go.
    pub fn request(&mut self, meta: &Meta, now: u32, seen: u32, whole: Option<(u64, u64)>) {
        let Meta { hash, bytes, .. } = *meta;
        // Candidates may hold more than there is, if they prefer the small.
        let held = self.shadows.iter().map(|shadow| shadow.store.len() as u64).sum::<u64>() << self.halvings;
        let mean = held / self.shadows.len() as u64;
        self.resample(seen, whole.map_or(mean, |whole| whole.0.max(mean)));
        if !is_sampled(mixed(hash), self.halvings) {
            return;
        }
        if let Some((_, bytes)) = whole {
            self.set_capacity((bytes >> self.halvings).max(1));
        }
        let mut hits = [false; CANDIDATES];
        for (shadow, hit) in self.shadows.iter_mut().zip(&mut hits) {
            *hit = shadow.store.request(&mut shadow.candidate, hash, bytes, now);
        }
        if self.capacity == 0 {
            return;
        }
        self.count(hits);
        self.unseen += 1;
        if self.unseen >= LOOK {
            self.unseen = 0;
            self.choose(now);
            self.decay();
        }
    }

    fn set_capacity(&mut self, capacity: u64) {
        if self.capacity == 0 {
            for index in 1..CANDIDATES {
                let mut candidate = Candidate::new(index);
                if let Some(densities) = &self.densities {
                    candidate.learn(densities);
                }
                let store = self.shadows[LRU].store.clone();
                self.shadows.push(Shadow { candidate, store, misses: 0.0 });
            }
        }
        if capacity != self.capacity {
            self.capacity = capacity;
            self.shadows.iter_mut().for_each(|shadow| shadow.store.set_capacity(capacity));
        }
    }

    fn count(&mut self, hits: [bool; CANDIDATES]) {
        self.requests += 1.0;
        self.undecayed += 1;
        for (shadow, hit) in self.shadows.iter_mut().zip(hits) {
            shadow.misses += f32::from(u8::from(!hit));
        }
        if hits != [hits[0]; CANDIDATES] {
            for (row, first) in self.ahead.iter_mut().zip(hits) {
                for (count, second) in row.iter_mut().zip(hits) {
                    *count += f32::from(u8::from(first && !second));
                }
            }
        }
    }

    fn decay(&mut self) {
        if self.undecayed > MEMORY * self.held() as u64 {
            self.undecayed = 0;
            self.requests *= 0.5;
            self.shadows.iter_mut().for_each(|shadow| shadow.misses *= 0.5);
            self.ahead.iter_mut().flatten().for_each(|count| *count *= 0.5);
        }
    }

    fn held(&self) -> usize {
        self.shadows.iter().map(|shadow| shadow.store.len()).max().unwrap_or(0)
    }

    /// How far the first is ahead of the second, in standard deviations.
    fn lead(&self, first: usize, second: usize) -> f32 {
        let (won, lost) = (self.ahead[first][second], self.ahead[second][first]);
        (won - lost) / (won + lost).max(1.0).sqrt()
    }

    fn choose(&mut self, now: u32) {
        let wanted = self.wanted();
        if wanted != self.chosen {
            (self.chosen, self.since) = (wanted, now);
            self.changes += 1;
        }
    }

    /// Who should be in force by the figures.
    fn wanted(&self) -> usize {
        if self.held() < HELD_MIN || self.densities.is_none() {
            return LRU;
        }
        let misses = |index: usize| self.shadows[index].misses;
        let by_misses = (0..CANDIDATES).min_by(|a, b| misses(*a).total_cmp(&misses(*b)));
        let (best, chosen) = (by_misses.unwrap_or(LHD), self.chosen);
        if chosen != LRU && self.lead(LRU, chosen) > GUARD_SIGMAS {
            return LRU;
        }
        let has_seen_enough = chosen != LHD || self.requests > EVIDENCE * self.held() as f32;
        let is_clear = self.lead(best, chosen) > SIGMAS && misses(best) < misses(chosen) * (1.0 - MARGIN);
        if has_seen_enough && is_clear {
            return best;
        }
        let patience = if chosen == LRU { LRU_SIGMAS } else { FAVOUR_SIGMAS };
        if chosen != LHD && self.lead(chosen, LHD) < patience {
            return LHD;
        }
        chosen
    }

    /// What was chosen, to go on with in a store as it stands.
    pub fn chosen(&self, now: u32) -> Candidate {
        self.shadows.get(self.chosen).map_or_else(Candidate::default, |shadow| shadow.candidate.resumed(now))
    }

    /// `since_ms` is left out: there are only ticks here.
    pub fn choice(&self) -> Choice {
        let policy = POLICIES[self.chosen];
        let ratio = |shadow: &Shadow| f64::from(shadow.misses / self.requests.max(1.0));
        let is_tried = self.capacity > 0 && self.requests > 0.0;
        let tried = POLICIES.into_iter().zip(self.shadows.iter().map(ratio));
        let candidates: Vec<(Policy, f64)> = if is_tried { tried.collect() } else { Vec::new() };
        let reason = self.reason(&candidates);
        Choice {
            policy,
            since_ms: 0,
            changes: self.changes,
            sampled_entries: self.held() as u64,
            sample_rate: (-f64::from(self.halvings)).exp2(),
            candidates,
            reason,
        }
    }

    /// Tick of the last change, if there was one.
    pub fn since(&self) -> Option<u32> {
        (self.changes > 0).then_some(self.since)
    }

    fn reason(&self, candidates: &[(Policy, f64)]) -> String {
        let held = self.held();
        if candidates.is_empty() {
            return "nothing had to go yet".to_owned();
        }
        if held < HELD_MIN {
            return format!("{held} sampled entries are too few to tell policies apart");
        }
        let other = candidates.iter().enumerate().filter(|(index, _)| *index != self.chosen).map(|(_, other)| other);
        let best = other.min_by(|a, b| a.1.total_cmp(&b.1)).copied().unwrap_or((Policy::Lru, 1.0));
        let (policy, ratio) = candidates[self.chosen];
        format!(
            "{policy} misses {ratio:.3} of sampled requests, {} {:.3}, over {:.0} requests",
            best.0, best.1, self.requests
        )
    }

    /// Memory this takes.
    #[cfg(test)]
    pub fn memory_bytes(&self) -> usize {
        let of = |candidate: &Candidate| match candidate {
            Candidate::Lru(_) => 0,
            Candidate::Lhd(lhd) => lhd.memory_bytes(),
            Candidate::Cost(cost) => cost.memory_bytes(),
            Candidate::S3Fifo(s3_fifo) => s3_fifo.memory_bytes(),
        };
        size_of::<Shadows>()
            + self.shadows.iter().map(|shadow| of(&shadow.candidate) + shadow.store.memory_bytes()).sum::<usize>()
    }
}
