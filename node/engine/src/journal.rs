//! What the engine's owner is to each slot, and how it is told of changes.
//!
//! A node may hold slots of which another node decides. There ([`SlotRole::Kept`]) nothing expires and nothing is evicted while
//! anything else can be: what goes is what that node says. And it may decide for slots of which other nodes hold copies
//! ([`SlotRole::Journaled`]): there each change is told before it is made, in the order in which changes are made, so that the
//! same can be done elsewhere. The engine knows neither nodes nor copies; whom it tells it is given as a [`Journal`].

use crate::{NamespaceId, ValueRef};
use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

/// What decides about a slot's entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum SlotRole {
    /// The engine, by itself.
    #[default]
    Own,
    /// The engine, and the journal is told before.
    Journaled,
    /// Somebody else: entries neither expire nor are evicted unless nothing else can be.
    Kept,
}

/// A change that is about to be made to one entry.
#[derive(Clone, Copy, Debug)]
pub enum Change<'a> {
    Set {
        database: u16,
        key: &'a [u8],
        hash: u64,
        value: ValueRef<'a>,
        expires_at_ms: Option<u64>,
        namespace: NamespaceId,
    },
    /// Operations on the elements of a large collection, as bytes ([`crate::ops_in`]).
    Edit {
        database: u16,
        key: &'a [u8],
        hash: u64,
        ops: &'a [u8],
        namespace: NamespaceId,
    },
    /// Another expiry, or none.
    Expiry {
        database: u16,
        key: &'a [u8],
        hash: u64,
        expires_at_ms: Option<u64>,
        namespace: NamespaceId,
    },
    Remove {
        database: u16,
        key: &'a [u8],
        hash: u64,
        namespace: NamespaceId,
        cause: Cause,
    },
}

/// Why an entry goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// On request.
    Deleted,
    /// Its time has come.
    Expired,
    /// For room.
    Evicted,
}

/// Whoever keeps the changes. A trait, since the engine must not know who that is.
pub trait Journal: Send + Sync + Debug {
    /// Told under the stripe's lock, before the change is made; it is made before the lock is released, unless this answers
    /// false: then it is not made. Of a [`SlotRole::Kept`] slot only evictions are told. Must not call the engine.
    fn record(&self, slot: u16, change: Change<'_>) -> bool;

    /// Told under the stripe's lock of an entry that goes by itself, of slots of which the engine decides, while
    /// [`crate::Engine::watch_removals`] says so. Must not call the engine.
    fn gone(&self, database: u16, key: &[u8], cause: Cause) {
        let _ = (database, key, cause);
    }

    /// The same of fields of a hash whose time has come; with the last one goes the key.
    fn fields_gone(&self, database: u16, key: &[u8], is_last: bool) {
        let _ = (database, key, is_last);
    }
}

/// Roles of all slots, and the journal.
#[derive(Debug)]
pub(crate) struct Watch {
    roles: Box<[AtomicU8]>,
    pub journal: OnceLock<Arc<dyn Journal>>,
    is_watched: AtomicBool,
}

impl Watch {
    pub fn new(slots: u16) -> Watch {
        Watch {
            roles: (0..slots).map(|_| AtomicU8::new(0)).collect(),
            journal: OnceLock::new(),
            is_watched: AtomicBool::new(false),
        }
    }

    #[inline]
    pub fn role(&self, slot: u16) -> SlotRole {
        match self.roles[usize::from(slot)].load(Relaxed) {
            0 => SlotRole::Own,
            1 => SlotRole::Journaled,
            _ => SlotRole::Kept,
        }
    }

    pub fn set_role(&self, slot: u16, role: SlotRole) {
        self.roles[usize::from(slot)].store(role as u8, Relaxed);
    }

    #[inline]
    pub fn is_watched(&self) -> bool {
        self.is_watched.load(Relaxed)
    }

    pub fn set_watched(&self, on: bool) {
        self.is_watched.store(on, Relaxed);
    }

    pub fn gone(&self, database: u16, key: &[u8], cause: Cause) {
        if let Some(journal) = self.journal.get() {
            journal.gone(database, key, cause);
        }
    }

    pub fn fields_gone(&self, database: u16, key: &[u8], is_last: bool) {
        if let Some(journal) = self.journal.get() {
            journal.fields_gone(database, key, is_last);
        }
    }

    /// Whether the change may be made.
    pub fn record(&self, slot: u16, change: Change<'_>) -> bool {
        self.journal.get().is_none_or(|journal| journal.record(slot, change))
    }
}
