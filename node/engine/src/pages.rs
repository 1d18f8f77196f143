//! Pages: the one place memory for entries comes from, counted to the page.
//!
//! An [`Arena`] reserves a range of addresses some times as large as its limit, which costs nothing, and hands out [`Run`]s:
//! whole 4 KiB pages, contiguous, zeroed when they come fresh from the system. Addresses are plenty, so a run of any length
//! is found however the range is cut up; what is limited is pages with memory behind them.
//!
//! ```text
//!   granted      pages in runs somebody owns                  ≤ soft limit for writes, ≤ limit for reclaiming
//!   kept         pages of dropped runs, memory still behind   taken again first, without a system call
//!   clean        addresses without memory                     first fit among the shortest that do
//!   granted + kept ≤ limit, always: before a fresh page would pass it, kept ones go back to the system
//! ```
//!
//! A run may also be begun with nothing but addresses and grow into them, for what comes piece by piece.
//!
//! All `unsafe` code of the store is in this file; every other file works on the slices a run hands out. What is in the
//! pages is their owners' business.

#![allow(unsafe_code)]

use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Bytes of a page: what the system gives and takes back on the machines this runs on, or a part of it.
pub const PAGE: usize = 4096;

/// Addresses reserved for each page of the limit. Runs of very different lengths can cut the range up; three quarters of it
/// being free keeps a hole of any length around.
const ADDRESSES_PER_PAGE: u64 = 4;

/// Pages given back to the system in one go, at most: that takes the time of the pages, under a lock that all share.
const PURGED_MAX: u32 = 256;

/// Pages for so many bytes.
pub fn pages_for(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(PAGE)).unwrap_or(u32::MAX)
}

/// A range of addresses, given back to the system when the last owner is gone.
#[derive(Debug)]
struct Mapping {
    base: NonNull<u8>,
    bytes: usize,
}

// SAFETY: a mapping is an address and a length; all access to the memory goes through runs, which own disjoint parts of it.
unsafe impl Send for Mapping {}
// SAFETY: as above; `&Mapping` gives no access to the memory.
unsafe impl Sync for Mapping {}

#[cfg(not(miri))]
impl Mapping {
    fn reserve(bytes: usize) -> Option<Mapping> {
        use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: a fresh anonymous mapping at an address of the kernel's choice touches no existing memory.
        let base = unsafe { mmap_anonymous(std::ptr::null_mut(), bytes, ProtFlags::READ | ProtFlags::WRITE, flags) };
        NonNull::new(base.ok()?.cast()).map(|base| Mapping { base, bytes })
    }

    /// Gives the memory behind a range back; it reads as zeros from then on.
    ///
    /// SAFETY: no reference into the range may exist.
    unsafe fn purge(&self, first: u32, pages: u32) {
        use rustix::mm::{Advice, madvise};
        // SAFETY: the range lies within the mapping, as every run and hole does, and nobody refers to it.
        let result = unsafe { madvise(self.address(first).as_ptr().cast(), bytes_of(pages), Advice::LinuxDontNeed) };
        // The only failures are of addresses that are not mapped or are locked in memory; these are neither.
        debug_assert!(result.is_ok());
    }
}

#[cfg(not(miri))]
impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: `base` and `bytes` are those of the mapping made in `reserve`; runs hold it by `Arc`, so none is left.
        let _ = unsafe { rustix::mm::munmap(self.base.as_ptr().cast(), self.bytes) };
    }
}

/// Miri knows no mappings; the heap stands in for them, with the same contract.
#[cfg(miri)]
impl Mapping {
    fn layout(bytes: usize) -> std::alloc::Layout {
        std::alloc::Layout::from_size_align(bytes, PAGE).expect("a page is a power of two")
    }

    fn reserve(bytes: usize) -> Option<Mapping> {
        // SAFETY: the layout is not empty: an arena has at least one page.
        let base = unsafe { std::alloc::alloc_zeroed(Mapping::layout(bytes)) };
        NonNull::new(base).map(|base| Mapping { base, bytes })
    }

    unsafe fn purge(&self, first: u32, pages: u32) {
        // SAFETY: the range lies within the allocation and nobody refers to it.
        unsafe { self.address(first).as_ptr().write_bytes(0, bytes_of(pages)) };
    }
}

#[cfg(miri)]
impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: allocated in `reserve` with the same layout.
        unsafe { std::alloc::dealloc(self.base.as_ptr(), Mapping::layout(self.bytes)) };
    }
}

impl Mapping {
    fn address(&self, page: u32) -> NonNull<u8> {
        let offset = bytes_of(page);
        debug_assert!(offset < self.bytes);
        // SAFETY: pages handed out are below `bytes / PAGE`, so the sum stays within the mapping.
        unsafe { self.base.add(offset) }
    }
}

fn bytes_of(pages: u32) -> usize {
    pages as usize * PAGE
}

/// Pages for runs, within a limit.
#[derive(Debug)]
pub struct Arena {
    mapping: Arc<Mapping>,
    limit_pages: u64,
    /// Writes may not take the last pages, so that reclaiming can always move what it keeps.
    soft_limit_pages: u64,
    granted_pages: AtomicU64,
    /// LOCK: a leaf; taken under a stripe's lock, never the other way round.
    holes: Mutex<Holes>,
}

/// Addresses nobody owns.
#[derive(Debug, Default)]
struct Holes {
    /// With memory behind: starts by length.
    kept: BTreeMap<u32, Vec<u32>>,
    kept_pages: u64,
    /// Without memory: length by start, neighbours joined; and the same by length.
    clean: BTreeMap<u32, u32>,
    clean_by_length: BTreeSet<(u32, u32)>,
}

/// How far an allocation may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// A write: up to the soft limit.
    Write,
    /// What makes room or finishes a write: up to the limit.
    Reclaim,
}

/// Some contiguous pages that have one owner. Dropped, they go back to their arena.
#[derive(Debug)]
pub struct Run {
    arena: Arc<Arena>,
    base: NonNull<u8>,
    first: u32,
    pages: u32,
    /// Addresses behind them that it may grow into; no memory is behind these.
    reserved: u32,
}

// SAFETY: a run owns its pages alone, as a `Box<[u8]>` owns its bytes.
unsafe impl Send for Run {}
// SAFETY: `&Run` gives out shared slices only.
unsafe impl Sync for Run {}

impl Arena {
    /// An arena of `bytes`, rounded down to pages, of which writes leave `reserve_bytes` alone. Panics when the system has
    /// not even addresses for it.
    pub fn new(bytes: u64, reserve_bytes: u64) -> Arc<Arena> {
        let limit_pages = (bytes / PAGE as u64).clamp(1, u64::from(u32::MAX) / ADDRESSES_PER_PAGE);
        let reserve_pages = (reserve_bytes.div_ceil(PAGE as u64)).min(limit_pages / 2);
        // Under a limit on addresses (`ulimit -v`) less than the usual plenty has to do.
        let mapping = (1..=if cfg!(miri) { 2 } else { ADDRESSES_PER_PAGE })
            .rev()
            .find_map(|factor| Mapping::reserve(usize::try_from(limit_pages * factor).ok()?.checked_mul(PAGE)?));
        let mapping = mapping.expect("the system grants addresses for the memory limit");
        let mut holes = Holes::default();
        holes.add_clean(0, pages_for(mapping.bytes));
        Arc::new(Arena {
            mapping: Arc::new(mapping),
            limit_pages,
            soft_limit_pages: limit_pages - reserve_pages,
            granted_pages: AtomicU64::new(0),
            holes: Mutex::new(holes),
        })
    }

    pub fn limit_bytes(&self) -> u64 {
        self.limit_pages * PAGE as u64
    }

    /// Bytes in runs.
    pub fn granted_bytes(&self) -> u64 {
        self.granted_pages.load(Relaxed) * PAGE as u64
    }

    /// Bytes that writes can still take.
    pub fn free_bytes(&self) -> u64 {
        self.soft_limit_pages.saturating_sub(self.granted_pages.load(Relaxed)) * PAGE as u64
    }

    /// Bytes with memory behind them: granted and kept.
    #[cfg(test)]
    pub fn resident_bytes(&self) -> u64 {
        self.holes.lock().kept_pages * PAGE as u64 + self.granted_bytes()
    }

    /// A run of so many pages, if the limit and the addresses allow it. What is in it is left over from anybody.
    pub fn take(self: &Arc<Self>, pages: u32, need: Need) -> Option<Run> {
        let limit = if need == Need::Write { self.soft_limit_pages } else { self.limit_pages };
        let pages = pages.max(1);
        let mut holes = self.holes.lock();
        // Granted pages change under this lock only; the atomic lets others read the sum without it.
        let granted = self.granted_pages.load(Relaxed) + u64::from(pages);
        if granted > limit {
            return None;
        }
        let first = match holes.take_kept(pages) {
            Some(first) => first,
            None => {
                while holes.kept_pages > 0 && granted + holes.kept_pages > self.limit_pages {
                    holes.purge_one(&self.mapping);
                }
                match holes.take_clean(pages) {
                    Some(first) => first,
                    None => {
                        while holes.kept_pages > 0 {
                            holes.purge_one(&self.mapping);
                        }
                        holes.take_clean(pages)?
                    }
                }
            }
        };
        self.granted_pages.store(granted, Relaxed);
        drop(holes);
        Some(Run { arena: Arc::clone(self), base: self.mapping.address(first), first, pages, reserved: 0 })
    }

    /// A run that has no page yet and can grow to so many.
    pub fn reserve(self: &Arc<Self>, pages: u32) -> Option<Run> {
        let pages = pages.max(1);
        let mut holes = self.holes.lock();
        let first = holes.take_clean(pages).or_else(|| {
            while holes.kept_pages > 0 {
                holes.purge_one(&self.mapping);
            }
            holes.take_clean(pages)
        })?;
        drop(holes);
        Some(Run { arena: Arc::clone(self), base: self.mapping.address(first), first, pages: 0, reserved: pages })
    }

    /// Counts memory that is allocated elsewhere against the limit, as a write's, until the charge is dropped.
    pub fn charge(self: &Arc<Self>, bytes: usize) -> Option<Charge> {
        let pages = u64::from(pages_for(bytes));
        self.charge_pages(pages, Need::Write).then(|| Charge { arena: Arc::clone(self), pages })
    }

    /// The same until [`Arena::discharge_pages`]; false: the limit does not allow it.
    pub fn charge_pages(&self, pages: u64, need: Need) -> bool {
        let limit = if need == Need::Write { self.soft_limit_pages } else { self.limit_pages };
        let mut holes = self.holes.lock();
        let granted = self.granted_pages.load(Relaxed) + pages;
        if granted > limit {
            return false;
        }
        while holes.kept_pages > 0 && granted + holes.kept_pages > self.limit_pages {
            holes.purge_one(&self.mapping);
        }
        self.granted_pages.store(granted, Relaxed);
        true
    }

    /// Memory that was charged is given back.
    pub fn discharge_pages(&self, pages: u64) {
        let _holes = self.holes.lock();
        let granted = self.granted_pages.load(Relaxed);
        self.granted_pages.store(granted - pages, Relaxed);
    }

    /// Gives kept pages back to the system, at most so many times [`PURGED_MAX`]; false when none was left.
    pub fn purge_step(&self, times: usize) -> bool {
        let mut holes = self.holes.lock();
        for _ in 0..times {
            if holes.kept_pages == 0 {
                return false;
            }
            holes.purge_one(&self.mapping);
        }
        true
    }

    fn give_back(&self, first: u32, pages: u32, reserved: u32) {
        let mut holes = self.holes.lock();
        let granted = self.granted_pages.load(Relaxed);
        self.granted_pages.store(granted - u64::from(pages), Relaxed);
        if pages > 0 {
            holes.add_kept(first, pages);
        }
        if reserved > 0 {
            holes.add_clean(first + pages, reserved);
        }
    }
}

/// Memory outside the arena that counts as if it were inside.
#[derive(Debug)]
pub struct Charge {
    arena: Arc<Arena>,
    pages: u64,
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.arena.discharge_pages(self.pages);
    }
}

impl Holes {
    fn add_kept(&mut self, first: u32, pages: u32) {
        self.kept.entry(pages).or_default().push(first);
        self.kept_pages += u64::from(pages);
    }

    /// Exactly as long, else the shortest longer one, cut.
    fn take_kept(&mut self, pages: u32) -> Option<u32> {
        let (&length, starts) = self.kept.range_mut(pages..).next()?;
        let first = starts.pop()?;
        if starts.is_empty() {
            self.kept.remove(&length);
        }
        self.kept_pages -= u64::from(length);
        if length > pages {
            self.add_kept(first + pages, length - pages);
        }
        Some(first)
    }

    /// Gives back the longest kept run, or the end of it.
    fn purge_one(&mut self, mapping: &Mapping) {
        let Some(mut entry) = self.kept.last_entry() else { return };
        let length = *entry.key();
        let first = entry.get_mut().pop();
        if entry.get().is_empty() {
            entry.remove();
        }
        let Some(mut first) = first else { return };
        self.kept_pages -= u64::from(length);
        let pages = length.min(PURGED_MAX);
        if length > pages {
            self.add_kept(first, length - pages);
            first += length - pages;
        }
        // SAFETY: a kept run has no owner, so nobody refers to its memory.
        unsafe { mapping.purge(first, pages) };
        self.add_clean(first, pages);
    }

    fn add_clean(&mut self, mut first: u32, mut pages: u32) {
        if let Some((&before, &length)) = self.clean.range(..first).next_back()
            && before + length == first
        {
            self.remove_clean(before, length);
            (first, pages) = (before, pages + length);
        }
        if let Some((&after, &length)) = self.clean.range(first..).next()
            && first + pages == after
        {
            self.remove_clean(after, length);
            pages += length;
        }
        self.clean.insert(first, pages);
        self.clean_by_length.insert((pages, first));
    }

    fn remove_clean(&mut self, first: u32, pages: u32) {
        self.clean.remove(&first);
        self.clean_by_length.remove(&(pages, first));
    }

    fn take_clean(&mut self, pages: u32) -> Option<u32> {
        let (length, first) = *self.clean_by_length.range((pages, 0)..).next()?;
        self.remove_clean(first, length);
        if length > pages {
            self.add_clean(first + pages, length - pages);
        }
        Some(first)
    }
}

impl Run {
    pub fn len(&self) -> usize {
        bytes_of(self.pages)
    }

    pub fn bytes(&self) -> &[u8] {
        // SAFETY: the run owns these pages, they are mapped and initialized (zeros or earlier content) as long as the arena
        // lives, which the run keeps alive; `&self` rules out writers.
        unsafe { std::slice::from_raw_parts(self.base.as_ptr(), self.len()) }
    }

    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `bytes`, and `&mut self` rules out any other reference.
        unsafe { std::slice::from_raw_parts_mut(self.base.as_ptr(), self.len()) }
    }

    /// The same memory as words.
    pub fn words(&self) -> &[u64] {
        // SAFETY: as in `bytes`; a page is aligned for words, and any bits are a word.
        unsafe { std::slice::from_raw_parts(self.base.as_ptr().cast(), self.len() / 8) }
    }

    pub fn words_mut(&mut self) -> &mut [u64] {
        // SAFETY: as in `words`, and `&mut self` rules out any other reference.
        unsafe { std::slice::from_raw_parts_mut(self.base.as_ptr().cast(), self.len() / 8) }
    }

    /// Where the run begins, for [`prefetch`] only.
    pub fn address(&self) -> usize {
        self.base.as_ptr().addr()
    }

    /// Gives the pages from here on back.
    pub fn truncate(&mut self, pages: u32) {
        if pages > 0 && pages < self.pages {
            self.arena.give_back(self.first + pages, self.pages - pages, self.reserved);
            (self.pages, self.reserved) = (pages, 0);
        }
    }

    /// Takes so many pages more of those it has addresses for; false: the limit or the addresses do not allow it. What is in
    /// them is zeros, which the system writes when they are first touched.
    pub fn grow(&mut self, pages: u32, need: Need) -> bool {
        let arena = &self.arena;
        let limit = if need == Need::Write { arena.soft_limit_pages } else { arena.limit_pages };
        let mut holes = arena.holes.lock();
        let granted = arena.granted_pages.load(Relaxed) + u64::from(pages);
        if granted > limit || pages > self.reserved {
            return false;
        }
        while holes.kept_pages > 0 && granted + holes.kept_pages > arena.limit_pages {
            holes.purge_one(&arena.mapping);
        }
        arena.granted_pages.store(granted, Relaxed);
        self.pages += pages;
        self.reserved -= pages;
        true
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.arena.give_back(self.first, self.pages, self.reserved);
    }
}

/// Asks the processor to bring the line at an address near. Any address will do: nothing is read.
#[inline]
pub fn prefetch(address: usize) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: a prefetch is a hint that never faults and changes nothing a program can see.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::without_provenance(address));
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = address;
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn runs_are_disjoint_and_counted() {
        let arena = Arena::new(MIB, 0);
        let mut runs: Vec<Run> = (1..=20).map(|pages| arena.take(pages, Need::Write).expect("room")).collect();
        for (fill, run) in (0u8..).zip(&mut runs) {
            run.bytes_mut().fill(fill);
        }
        for (fill, run) in (0u8..).zip(&runs) {
            assert!(run.bytes().iter().all(|byte| *byte == fill));
        }
        assert_eq!(arena.granted_bytes(), 210 * PAGE as u64);
        drop(runs);
        assert_eq!((arena.granted_bytes(), arena.resident_bytes()), (0, 210 * PAGE as u64));
        while arena.purge_step(1) {}
        assert_eq!(arena.resident_bytes(), 0);
        assert_eq!(arena.holes.lock().clean.len(), 1, "holes joined again");
    }

    #[test]
    fn writes_leave_the_reserve_to_reclaiming_and_nobody_passes_the_limit() {
        let arena = Arena::new(MIB, 64 << 10);
        assert!(arena.take(241, Need::Write).is_none());
        let run = arena.take(240, Need::Write).expect("room");
        assert_eq!(arena.free_bytes(), 0);
        assert!(arena.take(1, Need::Write).is_none());
        let spare = arena.take(16, Need::Reclaim).expect("the reserve");
        assert!(arena.take(1, Need::Reclaim).is_none());
        drop((run, spare));
    }

    #[test]
    fn memory_behind_pages_never_passes_the_limit_whatever_lengths_come() {
        let arena = Arena::new(MIB, 0);
        let mut state = 7u64;
        let mut runs: Vec<Run> = Vec::new();
        for _ in 0..if cfg!(miri) { 50 } else { 5000 } {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let pages = (state >> 33) as u32 % 60 + 1;
            match arena.take(pages, Need::Write) {
                Some(mut run) => {
                    run.bytes_mut()[0] = 1;
                    runs.push(run);
                }
                None => drop(runs.swap_remove((state >> 40) as usize % runs.len())),
            }
            assert!(arena.resident_bytes() <= MIB);
            assert_eq!(arena.granted_bytes(), runs.iter().map(|run| run.len() as u64).sum::<u64>());
        }
    }

    #[test]
    fn what_is_charged_is_not_there_to_be_taken() {
        let arena = Arena::new(10 * PAGE as u64, 0);
        drop(arena.take(6, Need::Write));
        let charge = arena.charge(5 * PAGE - 100).expect("there is room");
        assert_eq!(
            (arena.granted_bytes(), arena.resident_bytes()),
            (5 * PAGE as u64, 5 * PAGE as u64),
            "kept pages gave way"
        );
        assert!(arena.take(6, Need::Write).is_none() && arena.charge(6 * PAGE).is_none());
        drop(charge);
        assert!(arena.take(6, Need::Write).is_some());
    }

    #[test]
    fn a_run_grows_within_its_addresses_and_the_limit_and_gives_all_back() {
        let arena = Arena::new(MIB, 64 << 10);
        let mut run = arena.reserve(100).expect("addresses");
        assert_eq!((run.len(), arena.granted_bytes()), (0, 0));
        let other = arena.take(200, Need::Write).expect("room");
        assert!(run.grow(40, Need::Write) && !run.grow(1, Need::Write), "the rest is for reclaiming");
        assert!(run.grow(16, Need::Reclaim) && !run.grow(1, Need::Reclaim));
        run.bytes_mut().fill(7);
        drop(other);
        assert!(run.grow(44, Need::Write) && !run.grow(1, Need::Write), "no more addresses");
        assert!(run.bytes()[..56 * PAGE].iter().all(|byte| *byte == 7), "it stayed where it was");
        assert!(run.bytes()[56 * PAGE..].iter().all(|byte| *byte == 0));
        assert!(arena.resident_bytes() <= MIB);
        drop(run);
        let mut run = arena.reserve(10).expect("addresses");
        assert!(run.grow(4, Need::Write));
        drop(run);
        assert_eq!(arena.granted_bytes(), 0);
        while arena.purge_step(1) {}
        assert_eq!(arena.holes.lock().clean.len(), 1, "holes joined again");
    }

    #[test]
    fn a_truncated_run_gives_its_end_back() {
        let arena = Arena::new(MIB, 0);
        let mut run = arena.take(10, Need::Write).expect("room");
        run.truncate(3);
        assert_eq!((run.len(), arena.granted_bytes()), (3 * PAGE, 3 * PAGE as u64));
    }
}
