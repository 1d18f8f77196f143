//! The running threshold of the ranked policies: the score below which a set fraction of what is walked falls.
//!
//! A decayed histogram, by bytes, of the scores met, on a logarithmic scale of eight steps an octave. It knows neither
//! entries nor queues.

/// Steps an octave (a step is 9 %); between them the threshold is interpolated.
const STEPS: u32 = 8;
/// Bits of a float below a step.
const FRACTION: u32 = 20;
/// Octaves covered, from 2^-LOW upwards; scores beyond are taken as the ends.
const OCTAVES: u32 = 64;
const LOW: i32 = -31;
/// The bits of the lowest score covered.
const BASE: i32 = (127 + LOW) << 23;
const BUCKETS: usize = (OCTAVES * STEPS) as usize;

/// A running quantile of positive scores.
#[derive(Debug, Clone)]
pub struct Threshold {
    /// Share of the walked bytes that shall fall below, 0 to 1.
    share: f32,
    buckets: Box<[f32; BUCKETS]>,
    total: f32,
    /// Scores noted since the last halving, and those after which the histogram is halved.
    noted: u32,
    window: u32,
    /// Scores until the value is computed again.
    due: u32,
    value: i32,
    /// Correction of the value by what fell really.
    offset: f32,
    count: f32,
    state: u32,
}

impl Threshold {
    #[cfg(test)]
    pub const MEMORY_BYTES: usize = BUCKETS * size_of::<f32>();

    pub fn new(share: f32) -> Self {
        Self {
            share,
            buckets: Box::new([0.0; BUCKETS]),
            total: 0.0,
            noted: 0,
            window: 256,
            due: 1,
            value: 0,
            offset: 0.0,
            count: 0.0,
            state: 0x9e37_79b9,
        }
    }

    /// Entries the store holds: the histogram forgets over about half a walk through it.
    pub fn set_items(&mut self, items: u64) {
        self.window = (items / 4).clamp(32, 1 << 20) as u32;
    }

    /// Notes a score met with its weight in bytes and says whether it falls below the threshold. The score is blurred
    /// by up to one step, so that of many equal ones the wanted share falls and no walk ends empty.
    pub fn falls(&mut self, score: f32, bytes: u32) -> bool {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 17;
        self.state ^= self.state << 5;
        let place = place(score) + (self.state >> (32 - FRACTION)) as i32;
        let weight = bytes.max(1) as f32;
        self.buckets[((place >> FRACTION) as usize).min(BUCKETS - 1)] += weight;
        self.total += weight;
        self.count += 1.0;
        self.noted += 1;
        if self.noted >= self.window {
            self.noted = 0;
            for held in self.buckets.iter_mut() {
                *held *= 0.5;
            }
            self.total = self.buckets.iter().sum();
            self.count *= 0.5;
            self.due = 0;
        }
        if self.due == 0 {
            self.due = (self.window / 16).max(1);
            self.value = self.quantile();
        }
        self.due -= 1;
        // What the histogram's steps blur, the offset makes good in the long run.
        let fell = place < self.value + self.offset as i32;
        let gain = (16 << FRACTION) as f32 / self.window as f32 * weight * self.seen() / self.total.max(1.0);
        self.offset += gain.min((1 << FRACTION) as f32) * (self.share - f32::from(u8::from(fell)));
        fell
    }

    /// Scores the histogram holds, decayed as it is.
    fn seen(&self) -> f32 {
        self.count
    }

    fn quantile(&self) -> i32 {
        let wanted = self.share * self.total;
        let mut below = 0.0;
        for (index, held) in self.buckets.iter().enumerate() {
            if below + held >= wanted && *held > 0.0 {
                let within = (wanted - below) / held;
                return ((index as i32) << FRACTION) + (within * (1 << FRACTION) as f32) as i32;
            }
            below += held;
        }
        (BUCKETS as i32) << FRACTION
    }
}

/// Where a score stands on the scale: the bits of a float, which rise with it, counted from the lowest score covered.
fn place(score: f32) -> i32 {
    (score.max(f32::MIN_POSITIVE).to_bits() as i32 - BASE).clamp(0, ((BUCKETS as i32) << FRACTION) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_falls() {
        let mut threshold = Threshold::new(0.25);
        threshold.set_items(1000);
        let mut state = 1u32;
        let mut fell = 0;
        for round in 0..20_000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let score = 1.0 + (state >> 8) as f32 / (1 << 24) as f32 * 9.0;
            fell += u32::from(threshold.falls(score, 100) && round >= 10_000);
        }
        assert!((2300..2700).contains(&fell), "{fell}");
    }

    #[test]
    fn of_equal_scores_a_share_falls() {
        let mut threshold = Threshold::new(0.25);
        threshold.set_items(1000);
        let fell = (0..20_000).filter(|_| threshold.falls(0.7, 100)).count();
        assert!((4500..5500).contains(&fell), "{fell}");
    }
}
