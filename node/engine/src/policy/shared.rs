//! What the stripes of a namespace have in common: the sample of its keys, what is learnt from it, and `auto`'s shadows.
//!
//! Nothing is allocated before some hundred entries were inserted into a stripe, and all of it goes when the last stripe has
//! another policy. About 290 KiB for `lhd` and 800 KiB for `auto`, whatever the namespace holds; it counts against the memory
//! limit.
//!
//! LOCK: `state` and `lessons` are leaves below the stripes' locks, `lessons` below `state`. `state` is taken for requests
//! of sampled keys only, and only if nobody holds it: a request that is not seen is a sample lost, which harms nothing.

use super::auto::{Choice, Shadows};
use super::lhd::{Densities, Learner};
use super::sample::{HELD_MAX, Part, Sample, adapted, mixed};
use super::{Meta, auto};
use crate::item::{TICK_MS, tick_of};
use crate::pages::{Arena, Charge};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};

/// Entries inserted into a stripe before its namespace is worth a sample.
const AWAKE: u32 = 256;

/// Bytes of the limit for each of what is remembered, at least: below, all of the memory is better used for entries.
const LIMIT_SHARE: u64 = 24;

/// How stale the clock ticks are referred to may be: far less than they take to wrap.
const CLOCK_STEP_MS: u64 = 1 << 30;

/// One namespace's.
#[derive(Debug, Default)]
#[repr(align(64))]
pub struct Shared {
    sample: Sample,
    is_awake: AtomicBool,
    /// Counts the changes of `auto`'s choice, and the lessons.
    generation: AtomicU32,
    version: AtomicU32,
    /// A `now_ms` of the last weeks, to which ticks are referred.
    clock_ms: AtomicU64,
    state: Mutex<Option<Box<State>>>,
    lessons: Mutex<Option<Arc<Densities>>>,
    /// What its memory is charged to.
    arena: Option<Arc<Arena>>,
}

#[derive(Debug)]
struct State {
    learner: Learner,
    shadows: Option<(Shadows, Option<Charge>)>,
    _charge: Option<Charge>,
}

impl Shared {
    /// One whose memory stands against a limit; while there is no room for it nothing is sampled.
    pub fn in_arena(arena: &Arc<Arena>) -> Shared {
        Shared { arena: Some(Arc::clone(arena)), ..Shared::default() }
    }

    /// Room for so many bytes, unless the limit denies it.
    fn charge(&self, bytes: usize) -> Option<Option<Charge>> {
        let Some(arena) = &self.arena else { return Some(None) };
        let is_worth_it = bytes as u64 * LIMIT_SHARE <= arena.limit_bytes();
        if is_worth_it { arena.charge(bytes).map(Some) } else { None }
    }

    pub fn sample(&self) -> &Sample {
        &self.sample
    }

    /// A stripe begins to take part.
    pub fn join(&self) -> Part {
        self.sample.join()
    }

    /// A stripe no longer takes part; with the last, all is forgotten.
    pub fn leave(&self, part: &mut Part) {
        if self.sample.leave(part) {
            let mut state = self.state.lock();
            (*state, *self.lessons.lock()) = (None, None);
            self.is_awake.store(false, Relaxed);
            self.sample.set_halvings(0);
        }
    }

    pub fn count_insert(&self, part: &mut Part) {
        part.inserted = part.inserted.saturating_add(1);
        if part.inserted == AWAKE {
            self.is_awake.store(true, Relaxed);
        }
    }

    /// A request of a sampled key, to learn from.
    pub fn learn(&self, hash: u64, now: u32) {
        self.with_state(|state| self.teach(state, hash, now));
    }

    /// A request of a sampled key, to learn from and to try the candidates on.
    pub fn observe(&self, meta: &Meta, now: u32) {
        self.with_state(|state| {
            self.teach(state, meta.hash, now);
            if state.shadows.is_none() {
                state.shadows = self.charge(Shadows::MEMORY_MAX).map(|charge| (Shadows::new(), charge));
            }
            let Some((shadows, _)) = &mut state.shadows else { return };
            shadows.request(meta, now, self.sample.halvings(), self.sample.whole());
            if shadows.generation() != self.generation.load(Relaxed) {
                self.generation.store(shadows.generation(), Relaxed);
            }
        });
    }

    fn with_state(&self, act: impl FnOnce(&mut State)) {
        if self.is_awake.load(Relaxed)
            && let Some(mut state) = self.state.try_lock()
        {
            if state.is_none() {
                let charge = self.charge(size_of::<State>() + Learner::MEMORY_BYTES);
                *state =
                    charge.map(|charge| Box::new(State { learner: Learner::new(), shadows: None, _charge: charge }));
            }
            if let Some(state) = state.as_mut() {
                act(state);
            }
        }
    }

    fn teach(&self, state: &mut State, hash: u64, now: u32) {
        if state.learner.observe(mixed(hash), now) {
            let densities = Arc::new(state.learner.lesson(now));
            if let Some((shadows, _)) = &mut state.shadows {
                shadows.learn(&densities);
            }
            *self.lessons.lock() = Some(densities);
            self.version.fetch_add(1, Relaxed);
        }
        // Before anything had to go, all that was seen is held.
        let items = self.sample.whole().map_or(state.learner.tracked() << self.sample.halvings(), |whole| whole.0);
        let halvings = adapted(self.sample.halvings(), items, HELD_MAX);
        if halvings != self.sample.halvings() {
            self.sample.set_halvings(halvings);
            state.learner.retain(halvings);
        }
    }

    /// The densities, if there are newer ones than of this version, which is brought up to date.
    pub fn densities_since(&self, version: &mut u32) -> Option<Arc<Densities>> {
        let newest = self.version.load(Relaxed);
        if std::mem::replace(version, newest) == newest {
            return None;
        }
        self.lessons.lock().clone()
    }

    /// Counts the changes of `auto`'s choice.
    #[inline]
    pub fn generation(&self) -> u32 {
        self.generation.load(Relaxed)
    }

    /// What `auto` has chosen, to go on with in a store as it stands.
    pub fn chosen(&self, now: u32) -> auto::Candidate {
        let state = self.state.lock();
        let shadows = state.as_ref().and_then(|state| state.shadows.as_ref());
        shadows.map_or_else(auto::Candidate::default, |(shadows, _)| shadows.chosen(now))
    }

    /// `auto`'s choice and its reasons.
    pub fn choice(&self) -> Choice {
        let state = self.state.lock();
        let shadows = state.as_ref().and_then(|state| state.shadows.as_ref());
        let Some((shadows, _)) = shadows else { return Choice::of_nothing() };
        let since_ms = shadows.since().map_or(0, |tick| self.ms_of(tick));
        Choice { since_ms, ..shadows.choice() }
    }

    /// Tells the time, so that ticks, which wrap, can be told as moments.
    #[inline]
    pub fn note_time(&self, now_ms: u64) {
        if now_ms.abs_diff(self.clock_ms.load(Relaxed)) > CLOCK_STEP_MS {
            self.clock_ms.store(now_ms, Relaxed);
        }
    }

    fn ms_of(&self, tick: u32) -> u64 {
        let clock_ms = self.clock_ms.load(Relaxed);
        let ahead = tick.wrapping_sub(tick_of(clock_ms)).cast_signed();
        (clock_ms / TICK_MS).saturating_add_signed(i64::from(ahead)) * TICK_MS
    }

    /// Memory of `auto`'s shadows.
    #[cfg(test)]
    pub fn memory_bytes(&self) -> usize {
        let state = self.state.lock();
        state.as_ref().and_then(|state| state.shadows.as_ref()).map_or(0, |(shadows, _)| shadows.memory_bytes())
    }
}
