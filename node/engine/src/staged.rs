//! Values that come in pieces: memory that is filled outside of every stripe's lock and becomes an entry in one step.
//!
//! ```text
//!   stage ─► addresses for all of it, no memory
//!   fill  ─► pages for one piece more, counted before it is copied into them; evicts for that, a piece's worth at a time
//!   enter ─► under the lock: its head is written, its pages become a segment of the stripe
//!
//!   pages:  │ filler │ head │ key │ value                  the head's length depends on the expiry, which is known last; so
//!           └─ HEADER_MAX ──┘                              it is written from its end, and what is left before it is filler
//! ```
//!
//! So neither copying nor the system's zeroing of fresh pages keeps other commands waiting, however long the value is, and one
//! that is never completed has taken the memory of what came. The account of its namespace has its pages from the beginning;
//! of a stripe they are once it is entered. Left out: which piece comes when, and what ends a value that is not whole.

use crate::budget::Budget;
use crate::item::{self, HEADER_MAX, Head, NEVER, tick_of};
use crate::pages::{Run, pages_for};
use crate::value::{Kind, Large, Value};
use crate::{Engine, NamespaceId, OutOfMemory, Refused, charge};
use std::sync::Arc;

/// A value that is not stored yet. Dropped, it gives its memory back.
#[derive(Debug)]
pub struct Staged {
    budget: Arc<Budget>,
    /// None: it is a segment's now.
    run: Option<Run>,
    namespace: NamespaceId,
    slot: u16,
    database: u16,
    key_len: usize,
    value_len: usize,
    /// Bytes of the value that have come.
    filled: usize,
}

impl Staged {
    pub fn namespace(&self) -> NamespaceId {
        self.namespace
    }

    /// Bytes of the value that have come.
    pub fn filled_bytes(&self) -> u64 {
        self.filled as u64
    }

    /// Bytes the value will have.
    pub fn value_bytes(&self) -> u64 {
        self.value_len as u64
    }

    pub fn is_whole(&self) -> bool {
        self.filled == self.value_len
    }

    pub fn database(&self) -> u16 {
        self.database
    }

    pub fn key(&self) -> &[u8] {
        &self.bytes()[HEADER_MAX..HEADER_MAX + self.key_len]
    }

    /// All its pages.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.run.as_ref().map_or(&[], Run::bytes)
    }

    /// From now on it is of another namespace. That one is not asked for room: it may be above its maximum after, as after
    /// [`Engine::reclassify_slot`].
    pub fn move_to(&mut self, namespace: NamespaceId) {
        if namespace != self.namespace {
            self.budget.move_unsettled(self.namespace, namespace, self.bytes().len() as u64);
            self.namespace = namespace;
        }
    }

    /// Writes the head and answers where it begins.
    fn finish(&mut self, expires_at_ms: Option<u64>, now_ms: u64) -> usize {
        let head = Head {
            database: self.database,
            key_len: self.key_len,
            value_len: self.value_len,
            is_collection: false,
            expires_at_ms: expires_at_ms.unwrap_or(NEVER),
            used: tick_of(now_ms),
        };
        let gap = HEADER_MAX - head.len();
        if let Some(run) = &mut self.run {
            item::fill(&mut run.bytes_mut()[..gap]);
            head.write(&mut run.bytes_mut()[gap..]);
        }
        gap
    }

    /// Its pages, which are a stripe's from now on.
    pub(crate) fn settle(mut self, stripe: usize) -> Run {
        let run = self.run.take().expect("taken here alone, of a value that is not kept");
        self.budget.settle(self.namespace, stripe, run.len() as u64);
        run
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if let Some(run) = self.run.take() {
            self.budget.give_unsettled(self.namespace, run.len() as u64);
        }
    }
}

/// A large collection that is not stored yet, since only a part of its elements has come. Dropped, it gives its memory back.
#[derive(Debug)]
pub struct StagedCollection {
    budget: Arc<Budget>,
    large: Option<Box<Large>>,
    namespace: NamespaceId,
    slot: u16,
    database: u16,
    key: Box<[u8]>,
    /// Charged for it.
    pages: u32,
}

impl StagedCollection {
    pub fn database(&self) -> u16 {
        self.database
    }

    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// From now on it is of another namespace, as [`Staged::move_to`].
    pub fn move_to(&mut self, namespace: NamespaceId) {
        if namespace != self.namespace {
            self.budget.move_unsettled(self.namespace, namespace, u64::from(self.pages) * crate::pages::PAGE as u64);
            self.namespace = namespace;
        }
    }
}

impl Drop for StagedCollection {
    fn drop(&mut self) {
        self.budget.discharge_unsettled(self.namespace, self.pages);
    }
}

/// What operations can add beyond their own bytes, besides a part of these.
const OPS_SLACK: usize = 32 << 10;

impl Engine {
    /// Begins a collection for a key of a slot. Panics unless `slot` is below [`crate::Config::slots`].
    pub fn stage_collection(
        &self,
        (slot, database, key): (u16, u16, &[u8]),
        namespace: NamespaceId,
        kind: Kind,
    ) -> StagedCollection {
        self.budget.notice(namespace);
        assert!(slot < self.slots, "slot {slot} is not below {}", self.slots);
        let large = Some(Box::new(Large::empty(kind, self.hasher())));
        let budget = Arc::clone(&self.budget);
        StagedCollection { budget, large, namespace, slot, database, key: key.into(), pages: 0 }
    }

    /// Does operations on it. Making room for them evicts as a write does.
    pub fn add(&self, staged: &mut StagedCollection, ops: &[u8], now_ms: u64) -> Result<(), OutOfMemory> {
        let Some(large) = &mut staged.large else { return Ok(()) };
        let wanted = pages_for(large.heap_bytes() + 2 * ops.len() + OPS_SLACK);
        if let Some(pages) = wanted.checked_sub(staged.pages).filter(|pages| *pages > 0) {
            self.charge_with_room(self.stripe_of(staged.slot), staged.namespace, pages, now_ms)?;
            staged.pages = wanted;
        }
        crate::ops_in(ops).for_each(|op| large.apply(&op));
        Ok(())
    }

    /// Stores it and its expiry; what the key had before is gone. Refused, it is gone as well.
    pub fn enter_collection(
        &self,
        mut staged: StagedCollection,
        expires_at_ms: Option<u64>,
        now_ms: u64,
    ) -> Result<(), Refused> {
        let Some(large) = staged.large.take() else { return Ok(()) };
        let (slot, database, namespace) = (staged.slot, staged.database, staged.namespace);
        let key = std::mem::take(&mut staged.key);
        drop(staged);
        let set = self.lock(slot).set_value(database, &key, Value::Large(large), expires_at_ms, namespace, now_ms);
        set.map_err(|(why, _)| why)
    }

    /// Begins a value of `value_bytes` for a key of a slot. Panics unless `slot` is below [`crate::Config::slots`].
    pub fn stage(
        &self,
        (slot, database, key): (u16, u16, &[u8]),
        namespace: NamespaceId,
        value_bytes: u64,
        now_ms: u64,
    ) -> Result<Staged, OutOfMemory> {
        self.budget.notice(namespace);
        let stripe = self.stripe_of(slot);
        // An entry's length has 32 bits.
        let bytes = charge(key.len(), u64::from(u32::try_from(value_bytes).map_err(|_| OutOfMemory)?));
        let bytes = u32::try_from(bytes).map_err(|_| OutOfMemory)? as usize;
        if self.budget.is_hopeless(namespace, bytes as u64) {
            return Err(OutOfMemory);
        }
        let mut run = self.budget.shared_arena().reserve(pages_for(bytes)).ok_or(OutOfMemory)?;
        let value_at = HEADER_MAX + key.len();
        self.grow_with_room(stripe, namespace, &mut run, pages_for(value_at), now_ms)?;
        run.bytes_mut()[HEADER_MAX..value_at].copy_from_slice(key);
        Ok(Staged {
            budget: Arc::clone(&self.budget),
            run: Some(run),
            namespace,
            slot,
            database,
            key_len: key.len(),
            value_len: value_bytes as usize,
            filled: 0,
        })
    }

    /// Adds bytes to a value; those beyond its length are left out. Making room for them evicts as a write of as many bytes.
    pub fn fill(&self, staged: &mut Staged, bytes: &[u8], now_ms: u64) -> Result<(), OutOfMemory> {
        let bytes = &bytes[..bytes.len().min(staged.value_len - staged.filled)];
        let Some(run) = &mut staged.run else { return Ok(()) };
        let from = HEADER_MAX + staged.key_len + staged.filled;
        let pages = pages_for(from + bytes.len()).saturating_sub(pages_for(run.len()));
        if pages > 0 {
            self.grow_with_room(self.stripe_of(staged.slot), staged.namespace, run, pages, now_ms)?;
        }
        run.bytes_mut()[from..from + bytes.len()].copy_from_slice(bytes);
        staged.filled += bytes.len();
        Ok(())
    }

    /// Stores a value that is whole and its expiry; what the key had before is gone. Refused, it is gone as well. Panics unless
    /// it is whole.
    pub fn enter(&self, mut staged: Staged, expires_at_ms: Option<u64>, now_ms: u64) -> Result<(), Refused> {
        assert!(staged.is_whole(), "{} of {} bytes have come", staged.filled, staged.value_len);
        let gap = staged.finish(expires_at_ms, now_ms);
        self.lock(staged.slot).set_staged(staged, gap, now_ms)
    }
}
