//! Which keys stand for a whole namespace, and how large that whole is.
//!
//! Spatial sampling (C. Waldspurger et al., "Efficient MRC construction with SHARDS", FAST 2015): a key is of the sample if
//! some bits of its hash are zero, so of each key all requests are seen or none, and a cache of a 2^h-th of the room over a
//! 2^h-th of the keys behaves as the whole. `h` follows the entries held, so that a few thousand of them at most are of the
//! sample.
//!
//! Each stripe reports what it holds when it reclaims; before the first report the size is not known, and infinite for all
//! that look at it. Atomics throughout, relaxed: each number stands for itself.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// Sampled entries a namespace holds at most, about.
pub const HELD_MAX: u64 = 4096;

/// The part of the keys that is looked at, and the account of what there is.
#[derive(Debug, Default)]
pub struct Sample {
    /// One key of 2^halvings is of the sample.
    halvings: AtomicU32,
    /// Stripes that hold a part of the namespace, and those of them that have reported.
    parts: AtomicU32,
    reported: AtomicU32,
    /// Sums of the reports.
    items: AtomicU64,
    bytes: AtomicU64,
}

/// A key's hash mixed anew, so that the sample has nothing to do with what else the hash's bits are used for.
pub fn mixed(hash: u64) -> u32 {
    (hash.wrapping_mul(0xd6e8_feb8_6659_fd93) >> 32) as u32
}

/// Whether a key is of a sample of one key in 2^halvings.
#[inline]
pub fn is_sampled(mixed: u32, halvings: u32) -> bool {
    mixed & ((1 << halvings) - 1) == 0
}

/// The halvings for so many entries in all, of which `most` shall be sampled at most and a quarter of that at least: one
/// more or one less than there are, or as many.
pub fn adapted(halvings: u32, items: u64, most: u64) -> u32 {
    match items >> halvings {
        held if held > most && halvings < 31 => halvings + 1,
        held if held < most / 4 && halvings > 0 => halvings - 1,
        _ => halvings,
    }
}

impl Sample {
    pub fn halvings(&self) -> u32 {
        self.halvings.load(Relaxed)
    }

    /// Whether a key is of the sample.
    #[inline]
    pub fn has(&self, hash: u64) -> bool {
        is_sampled(mixed(hash), self.halvings())
    }

    /// What all stripes hold, those that have not reported taken as the mean of those that have: (items, bytes); `None`
    /// before the first report.
    pub fn whole(&self) -> Option<(u64, u64)> {
        let (parts, reported) = (u64::from(self.parts.load(Relaxed)), u64::from(self.reported.load(Relaxed)));
        let (items, bytes) = (self.items.load(Relaxed), self.bytes.load(Relaxed));
        (reported > 0 && items > 0).then(|| (items * parts.max(1) / reported, bytes * parts.max(1) / reported))
    }

    /// To be called by one at a time.
    pub fn set_halvings(&self, halvings: u32) {
        self.halvings.store(halvings, Relaxed);
    }

    pub fn join(&self) -> Part {
        self.parts.fetch_add(1, Relaxed);
        Part::default()
    }

    /// True when it was the last.
    pub fn leave(&self, part: &mut Part) -> bool {
        if part.has_reported {
            self.items.fetch_sub(part.items, Relaxed);
            self.bytes.fetch_sub(part.bytes, Relaxed);
            self.reported.fetch_sub(1, Relaxed);
        }
        self.parts.fetch_sub(1, Relaxed) == 1
    }

    /// What a stripe holds now; small changes are not worth a write to what all stripes read.
    pub fn report(&self, part: &mut Part, items: u64, bytes: u64) {
        if part.has_reported && items.abs_diff(part.items) * 32 < items && bytes.abs_diff(part.bytes) * 32 < bytes {
            return;
        }
        if !std::mem::replace(&mut part.has_reported, true) {
            self.reported.fetch_add(1, Relaxed);
        }
        // Sums of differences, so a part that shrinks subtracts.
        self.items.fetch_add(items.wrapping_sub(std::mem::replace(&mut part.items, items)), Relaxed);
        self.bytes.fetch_add(bytes.wrapping_sub(std::mem::replace(&mut part.bytes, bytes)), Relaxed);
    }
}

/// One stripe's last report.
#[derive(Debug, Default)]
pub struct Part {
    items: u64,
    bytes: u64,
    has_reported: bool,
    /// Entries inserted, saturating.
    pub inserted: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_is_the_sum_of_its_parts() {
        let sample = Sample::default();
        let (mut first, mut second) = (sample.join(), sample.join());
        assert_eq!(sample.whole(), None);
        sample.report(&mut first, 100, 1000);
        assert_eq!(sample.whole(), Some((200, 2000)), "the other is taken to be as large");
        sample.report(&mut second, 50, 700);
        sample.report(&mut first, 80, 900);
        assert_eq!(sample.whole(), Some((130, 1600)));
        sample.leave(&mut first);
        assert_eq!(sample.whole(), Some((50, 700)));
    }

    #[test]
    fn the_sample_follows_the_entries() {
        let mut halvings = 0;
        for (items, wanted) in [(1000, 0), (1001, 1), (100_000, 2), (1000, 2), (900, 1), (900, 1), (100, 0), (10, 0)] {
            halvings = adapted(halvings, items, 1000);
            assert_eq!(halvings, wanted, "{items}");
        }
    }

    #[test]
    fn a_smaller_sample_is_part_of_a_larger() {
        let hashes = (0..10_000u64).map(|key| key.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let sizes: Vec<usize> =
            (0..4).map(|halvings| hashes.clone().filter(|hash| is_sampled(mixed(*hash), halvings)).count()).collect();
        assert_eq!(sizes[0], 10_000);
        assert!((1000..1500).contains(&sizes[3]), "{sizes:?}");
        assert!(hashes.clone().all(|hash| !is_sampled(mixed(hash), 3) || is_sampled(mixed(hash), 2)));
    }
}
