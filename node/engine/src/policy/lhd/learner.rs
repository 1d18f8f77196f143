//! What hit density learns from: how long requests of sampled keys are apart.
//!
//! A track remembers of one sampled key when it was last asked for and how it was used before. A request that finds its
//! key's track is a hit at that age of its class; a track that gives way to a newer is an end. Tracks reach back about four
//! times as far as the cache does, so the worth of what has long gone is known too. What was not asked for again yet counts
//! as an end so far. From hits and ends by age follow the rates, from these the [`Densities`].
//!
//! It depends on the requests alone, not on what is held; so all stripes of a namespace and `auto`'s shadows share one.
//! About 280 KiB.

use super::class::{AGES, CLASSES, Class, age_bucket, bucket_start, step};
use crate::policy::sample::{HELD_MAX, is_sampled};

/// Tracks of sampled keys, in sets.
const TRACKS: usize = 4 * HELD_MAX as usize;
const WAYS: usize = 8;

/// Hits and ends after which the densities are computed again, at first and when much is known.
const LESSON: u32 = TRACKS as u32 / 32;
const LATER_LESSON: u32 = TRACKS as u32 / 8;

/// Hits and ends after which what was seen before counts half.
const MEMORY: u32 = TRACKS as u32;

/// Observations of all classes together that a class starts from, spread by age as theirs are.
const PRIOR: f32 = 60.0;

#[derive(Clone, Copy, Debug, Default)]
struct Track {
    /// Of the mixed hash; those of a set have different ones.
    tag: u32,
    used: u32,
    uses: u8,
    is_set: bool,
}

type Counts = [[f32; AGES]; CLASSES];

/// Expected hits by tick, of an entry of a class at an age, up to the moment at which it is best given up.
pub type Densities = [[f32; AGES]; CLASSES];

#[derive(Debug)]
pub struct Learner {
    tracks: Box<[Track; TRACKS]>,
    hits: Box<Counts>,
    ends: Box<Counts>,
    /// Hits and ends since the last lesson and since the last halving of the counts.
    unlearnt: u32,
    undecayed: u32,
    knows_much: bool,
    tracked: u64,
}

impl Learner {
    /// With the densities of two lessons.
    pub const MEMORY_BYTES: usize = TRACKS * size_of::<Track>() + 4 * size_of::<Counts>();

    pub fn new() -> Learner {
        let counts = || Box::new([[0.0; AGES]; CLASSES]);
        Learner {
            tracks: Box::new([Track::default(); TRACKS]),
            hits: counts(),
            ends: counts(),
            unlearnt: 0,
            undecayed: 0,
            knows_much: false,
            tracked: 0,
        }
    }

    /// Keys tracked.
    pub fn tracked(&self) -> u64 {
        self.tracked
    }

    /// A request of a sampled key; true when it is time for a lesson.
    pub fn observe(&mut self, mixed: u32, now: u32) -> bool {
        // The low bits say whether a key is sampled.
        let set = (mixed.rotate_left(12).wrapping_mul(0x9e37_79b1) >> 16) as usize % (TRACKS / WAYS) * WAYS;
        let set = &mut self.tracks[set..set + WAYS];
        let age = |track: &Track| now.wrapping_sub(track.used);
        if let Some(track) = set.iter_mut().find(|track| track.is_set && track.tag == mixed) {
            let age = age(track);
            self.hits[Class::of(track.uses).index()][age_bucket(age)] += 1.0;
            (track.used, track.uses) = (now, step(track.uses, age));
        } else {
            let new = Track { tag: mixed, used: now, uses: 0, is_set: true };
            if let Some(place) = set.iter_mut().find(|track| !track.is_set) {
                *place = new;
                self.tracked += 1;
                return false;
            }
            let Some(oldest) = set.iter_mut().max_by_key(|track| age(track)) else { return false };
            self.ends[Class::of(oldest.uses).index()][age_bucket(age(oldest))] += 1.0;
            *oldest = new;
        }
        self.unlearnt += 1;
        self.unlearnt >= if self.knows_much { LATER_LESSON } else { LESSON }
    }

    /// The sample is smaller now.
    pub fn retain(&mut self, halvings: u32) {
        for track in self.tracks.iter_mut().filter(|track| track.is_set && !is_sampled(track.tag, halvings)) {
            track.is_set = false;
            self.tracked -= 1;
        }
    }

    /// The densities by what was seen up to now.
    pub fn lesson(&mut self, now: u32) -> Densities {
        self.undecayed += std::mem::take(&mut self.unlearnt);
        let mut waiting = (*self.ends).to_vec();
        for track in self.tracks.iter().filter(|track| track.is_set) {
            waiting[Class::of(track.uses).index()][age_bucket(now.wrapping_sub(track.used))] += 1.0;
        }
        let mut all = ([0.0; AGES], [0.0; AGES]);
        for (hits, ends) in self.hits.iter().zip(&waiting) {
            (0..AGES).for_each(|age| (all.0[age], all.1[age]) = (all.0[age] + hits[age], all.1[age] + ends[age]));
        }
        let seen: f32 = all.0.iter().chain(&all.1).sum();
        let prior = PRIOR / seen.max(1.0);
        let mut densities = [[0.0; AGES]; CLASSES];
        let of_unseen = by_age(&all.0, &all.1);
        for ((row, hits), ends) in densities.iter_mut().zip(self.hits.iter()).zip(&waiting) {
            if hits.iter().chain(ends).all(|count| *count == 0.0) {
                *row = of_unseen;
                continue;
            }
            let with_prior = |own: &[f32; AGES], all: &[f32; AGES]| -> [f32; AGES] {
                std::array::from_fn(|age| own[age] + prior * all[age])
            };
            *row = by_age(&with_prior(hits, &all.0), &with_prior(ends, &all.1));
        }
        if self.undecayed > MEMORY {
            (self.undecayed, self.knows_much) = (0, true);
            for count in self.hits.iter_mut().chain(self.ends.iter_mut()).flatten() {
                *count *= 0.5;
            }
        }
        densities
    }
}

/// Densities of one class by its hits and ends by age.
///
/// At each age a hit comes at the rate hits / time at risk. From there, waiting until some later age brings so many hits
/// for so much time; the density is that of the best such age (an entry is given up when its worth has fallen).
fn by_age(hits: &[f32; AGES], ends: &[f32; AGES]) -> [f32; AGES] {
    let (mut chance, mut stay) = ([0.0; AGES], [0.0; AGES]);
    let mut older = 0.0;
    for age in (0..AGES).rev() {
        let here = hits[age] + ends[age];
        let width = bucket_start(age + 1) - bucket_start(age);
        let at_risk = (older + 0.5 * here) * width;
        older += here;
        let rate = if at_risk > 0.0 { hits[age] / at_risk } else { 0.0 };
        chance[age] = 1.0 - (-rate * width).exp();
        stay[age] = if rate > 0.0 { chance[age] / rate } else { width };
    }
    std::array::from_fn(|from| {
        let (mut hits, mut time, mut alive, mut best) = (0.0f32, 0.0f32, 1.0f32, 0.0f32);
        for age in from..AGES {
            hits += alive * chance[age];
            time += alive * stay[age];
            best = best.max(hits / time);
            alive *= 1.0 - chance[age];
            if alive < 0.02 {
                break;
            }
        }
        // Where nothing is known to come, the younger stays.
        best + 1e-12 / bucket_start(from)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_back_soon_is_denser_than_what_comes_late() {
        let mut learner = Learner::new();
        let mut key = 1_000_000u32;
        for now in 0..60_000u32 {
            // Ten keys every 20 ticks, a hundred every 2000, and ones that never return.
            learner.observe(
                match now % 4 {
                    0 | 1 => now / 2 % 10 + 1,
                    2 if now % 20 == 2 => 1000 + now / 20 % 100,
                    _ => {
                        key += 1;
                        key.wrapping_mul(0x9e37_79b1)
                    }
                },
                now,
            );
        }
        let densities = learner.lesson(60_000);
        let often = step(step(step(0, 20), 20), 20);
        let seldom = step(step(step(0, 2000), 2000), 2000);
        let at = |uses: u8, age: u32| densities[Class::of(uses).index()][age_bucket(age)];
        assert!(at(often, 5) > 4.0 * at(seldom, 5), "{} {}", at(often, 5), at(seldom, 5));
        assert!(at(seldom, 1500) > at(0, 1500));
        assert!(at(often, 10) > at(often, 1000), "what is overdue is worth less");
    }

    #[test]
    fn a_smaller_sample_forgets_the_other_keys() {
        let mut learner = Learner::new();
        (0..1000).for_each(|key| _ = learner.observe(key, key));
        let before = learner.tracked();
        learner.retain(1);
        assert_eq!((before, learner.tracked()), (1000, 500));
    }
}
