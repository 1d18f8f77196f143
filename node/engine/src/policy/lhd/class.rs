//! What hit density tells entries apart by: uses so far, the last interval between two, and the age.
//!
//! `uses`, the byte a policy may keep with an entry, holds the first two: low four bits the uses since it was first seen, up
//! to 15; high four bits the last interval in ticks, a step for each factor of 4.

/// Buckets of age: two for each doubling, up to 2^29 ticks (six days); beyond it all ages are one.
pub const AGES: usize = 58;

const FREQUENCIES: usize = 6;
/// Steps of interval: up to 4^14 ticks (three days) are told apart.
const INTERVALS: usize = 14;
pub const CLASSES: usize = 1 + FREQUENCIES * INTERVALS;

/// The bucket of an age in ticks.
pub fn age_bucket(age: u32) -> usize {
    let from_one = age.saturating_add(1);
    let octave = from_one.ilog2();
    let half = if octave > 0 { from_one >> (octave - 1) & 1 } else { 0 };
    ((octave * 2 + half) as usize).min(AGES - 1)
}

/// The first age of a bucket, plus one.
pub fn bucket_start(bucket: usize) -> f32 {
    (1u64 << (bucket / 2)) as f32 * if bucket % 2 == 1 { 1.5 } else { 1.0 }
}

/// `uses` after a use at an age.
pub fn step(uses: u8, age: u32) -> u8 {
    let interval = (age.saturating_add(1).ilog2() / 2).min(15) as u8;
    ((uses & 15) + 1).min(15) | interval << 4
}

/// Entries taken to behave alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Class(u8);

impl Class {
    #[inline]
    pub fn of(uses: u8) -> Class {
        let frequency = match uses & 15 {
            0 => return Class(0),
            1 => 0,
            2 => 1,
            3..=4 => 2,
            5..=7 => 3,
            8..=14 => 4,
            _ => 5,
        };
        Class(1 + frequency * INTERVALS as u8 + (uses >> 4).min(INTERVALS as u8 - 1))
    }

    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_told_apart_by_half_octaves() {
        let buckets = [0, 1, 2, 3, 4, 5, 7, 11, u32::MAX].map(age_bucket);
        assert_eq!(buckets, [0, 2, 3, 4, 4, 5, 6, 7, AGES - 1]);
        for age in (0..1 << 20).step_by(997) {
            let bucket = age_bucket(age);
            assert!((bucket_start(bucket)..bucket_start(bucket + 1)).contains(&((age + 1) as f32)), "{age}");
        }
    }

    #[test]
    fn every_use_has_a_class() {
        assert!((0..=u8::MAX).all(|uses| Class::of(uses).index() < CLASSES));
        assert_eq!((step(0, 0), step(1, 63), step(15, u32::MAX)), (1, 0x32, 0xff));
    }
}
