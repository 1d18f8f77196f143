//! The scripts a node knows by the sums of their texts.
//!
//! What `SCRIPT LOAD` brought stays until `SCRIPT FLUSH`. What only `EVAL` brought goes when there are too many: the longest unused first.

use super::straight::is_straight;
use sha1::{Digest, Sha1};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::time::Duration;

/// As many as Redis keeps of what was not loaded.
const EVALUATED_MAX: usize = 500;

/// All texts together.
const BYTES_MAX: usize = 64 << 20;

/// The longest text of a script.
pub(crate) const SCRIPT_BYTES_MAX: usize = 512 << 10;

/// Lowercase hexadecimal.
pub(crate) type Sum = [u8; 40];

#[derive(Debug)]
pub(crate) struct Script {
    pub sum: Sum,
    pub text: Box<[u8]>,
    /// It uses keys that it does not declare, as far as is known.
    pub is_undeclared: AtomicBool,
    /// The cache has had it.
    is_kept: AtomicBool,
    /// No statement of it runs twice.
    is_straight: bool,
    /// How often it was short, less [`LONG_COUNTS`] each time it was not.
    short_runs: AtomicU32,
}

/// What a script may take for a worker to run it.
const SHORT: Duration = Duration::from_millis(1);

/// So often a script has to have been short before a worker runs it.
const SHORT_RUNS: u32 = 16;

/// No more are counted.
const SHORT_RUNS_MAX: u32 = 256;

/// A thread may lose the processor in the middle of a script, so one long run is not the end of it.
const LONG_COUNTS: u32 = 32;

#[derive(Debug, Default)]
pub(crate) struct Cache {
    scripts: BTreeMap<Sum, Known>,
    /// When each that may go was used.
    by_use: BTreeMap<u64, Sum>,
    uses: u64,
    bytes: usize,
    /// Of what stays.
    loaded_bytes: usize,
    /// How often everything was forgotten.
    flushes: u64,
}

#[derive(Debug)]
struct Known {
    script: Arc<Script>,
    /// None: it stays.
    used: Option<u64>,
}

pub(crate) fn sum_of(text: &[u8]) -> Sum {
    let digest = Sha1::digest(text);
    let mut sum = [0; 40];
    for (place, byte) in sum.chunks_exact_mut(2).zip(digest) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        place.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
    sum
}

/// A sum as a client wrote it, in any case.
pub(crate) fn parse_sum(text: &[u8]) -> Option<Sum> {
    let sum: Sum = text.try_into().ok()?;
    Some(sum.map(|byte| byte.to_ascii_lowercase()))
}

impl Cache {
    /// What `EVALSHA` finds.
    pub fn find(&mut self, sum: &Sum) -> Option<Arc<Script>> {
        let known = self.scripts.get_mut(sum)?;
        if let Some(used) = &mut known.used {
            self.by_use.remove(used);
            self.uses += 1;
            *used = self.uses;
            self.by_use.insert(self.uses, *sum);
        }
        Some(Arc::clone(&known.script))
    }

    pub fn has(&self, sum: &Sum) -> bool {
        self.scripts.contains_key(sum)
    }

    /// Keeps a text; `stays`: it was loaded. None: it does not fit.
    pub fn add(&mut self, sum: Sum, text: &[u8], stays: bool) -> Option<Arc<Script>> {
        if let Some(script) = self.find(&sum) {
            if stays
                && let Some(known) = self.scripts.get_mut(&sum)
                && let Some(used) = known.used.take()
            {
                self.by_use.remove(&used);
                self.loaded_bytes += script.bytes();
            }
            return Some(script);
        }
        self.add_new(Script::new(sum, text), stays)
    }

    /// Keeps one that was evaluated, if it fits.
    pub fn add_evaluated(&mut self, script: &Arc<Script>) {
        if self.find(&script.sum).is_none() {
            self.add_new(Arc::clone(script), false);
        }
    }

    fn add_new(&mut self, script: Arc<Script>, stays: bool) -> Option<Arc<Script>> {
        let sum = script.sum;
        let bytes = script.bytes();
        script.is_kept.store(true, Relaxed);
        if self.loaded_bytes + bytes > BYTES_MAX {
            return None;
        }
        while self.by_use.len() >= EVALUATED_MAX || self.bytes + bytes > BYTES_MAX {
            let (_, oldest) = self.by_use.pop_first()?;
            self.forget(&oldest);
        }
        self.loaded_bytes += if stays { bytes } else { 0 };
        self.uses += 1;
        let used = (!stays).then_some(self.uses);
        if let Some(used) = used {
            self.by_use.insert(used, sum);
        }
        self.bytes += bytes;
        self.scripts.insert(sum, Known { script: Arc::clone(&script), used });
        Some(script)
    }

    fn forget(&mut self, sum: &Sum) {
        if let Some(known) = self.scripts.remove(sum) {
            self.bytes -= known.script.bytes();
        }
    }

    pub fn clear(&mut self) {
        let (uses, flushes) = (self.uses, self.flushes + 1);
        *self = Cache { uses, flushes, ..Cache::default() };
    }

    pub fn flushes(&self) -> u64 {
        self.flushes
    }

    pub fn count(&self) -> usize {
        self.scripts.len()
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Script {
    pub fn new(sum: Sum, text: &[u8]) -> Arc<Script> {
        Arc::new(Script {
            sum,
            text: text.into(),
            is_undeclared: AtomicBool::new(false),
            is_kept: AtomicBool::new(false),
            is_straight: is_straight(text),
            short_runs: AtomicU32::new(0),
        })
    }

    fn bytes(&self) -> usize {
        self.text.len() + std::mem::size_of::<Script>()
    }

    pub fn is_undeclared(&self) -> bool {
        self.is_undeclared.load(Relaxed)
    }

    pub fn is_kept(&self) -> bool {
        self.is_kept.load(Relaxed)
    }

    /// Whether a worker may run it: it keeps nobody waiting longer than a command does, as far as is known.
    pub fn is_short(&self) -> bool {
        self.is_straight && self.short_runs.load(Relaxed) >= SHORT_RUNS && !self.is_undeclared()
    }

    /// It took so long.
    pub fn note_run(&self, took: Duration) {
        let runs = self.short_runs.load(Relaxed);
        match took <= SHORT {
            // Threads share it, so it is not written when there is nothing to say.
            true if runs >= SHORT_RUNS_MAX => {}
            true => self.short_runs.store(runs + 1, Relaxed),
            false => self.short_runs.store(runs.saturating_sub(LONG_COUNTS), Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_redis() {
        assert_eq!(&sum_of(b"return 1"), b"e0e1f9fabfc9d4800c877a703b823ac0578ff8db");
        assert_eq!(parse_sum(b"E0E1F9FABFC9D4800C877A703B823AC0578FF8DB"), Some(sum_of(b"return 1")));
        assert_eq!(parse_sum(b"e0"), None);
    }

    #[test]
    fn what_was_only_evaluated_goes_first_and_loaded_scripts_stay() {
        let mut cache = Cache::default();
        let loaded = sum_of(b"return 'loaded'");
        cache.add(loaded, b"return 'loaded'", true);
        let text = |n: usize| format!("return {n}").into_bytes();
        for n in 0..EVALUATED_MAX {
            cache.add(sum_of(&text(n)), &text(n), false);
        }
        assert_eq!(cache.count(), EVALUATED_MAX + 1);
        assert!(cache.find(&sum_of(&text(0))).is_some(), "used just now");
        cache.add(sum_of(b"return 'new'"), b"return 'new'", false);
        assert!(cache.has(&sum_of(&text(0))) && !cache.has(&sum_of(&text(1))));
        assert!(cache.has(&loaded));
        let bytes = cache.bytes();
        cache.add(sum_of(b"return 'new'"), b"return 'new'", true);
        assert_eq!(cache.bytes(), bytes);
        cache.clear();
        assert_eq!((cache.count(), cache.bytes(), cache.flushes()), (0, 0, 1));
    }

    #[test]
    fn texts_are_bounded_together() {
        let mut cache = Cache::default();
        for n in 0..40u8 {
            let text = vec![n; 2 << 20];
            cache.add(sum_of(&text), &text, true);
        }
        assert!(cache.bytes() <= BYTES_MAX && cache.count() > 10, "{}", cache.bytes());
    }
}
