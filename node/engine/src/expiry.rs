//! When the entries of a shard expire, soonest first. An entry is expired from the millisecond of its expiry on; it is
//! dropped when it is next looked up, or by [`crate::Engine::expire_step`], which takes expired entries and nothing else.

use crate::entries::NEVER;
use crate::shard::at_database;
use std::collections::BTreeSet;

/// Entries that have an expiry, by it.
#[derive(Debug, Default)]
pub(crate) struct Expiry {
    order: BTreeSet<(u64, u32)>,
    /// How many of them by database.
    databases: Vec<u64>,
}

impl Expiry {
    pub fn insert(&mut self, database: u16, expires_at_ms: u64, index: u32) {
        if expires_at_ms != NEVER {
            *at_database(&mut self.databases, database) += 1;
            self.order.insert((expires_at_ms, index));
        }
    }

    pub fn remove(&mut self, database: u16, expires_at_ms: u64, index: u32) {
        if expires_at_ms != NEVER {
            *at_database(&mut self.databases, database) -= 1;
            self.order.remove(&(expires_at_ms, index));
        }
    }

    /// Entries of one database that have an expiry.
    pub fn count(&self, database: u16) -> u64 {
        self.databases.get(usize::from(database)).copied().unwrap_or_default()
    }

    /// The entry that expired first, if any did.
    pub fn first_expired(&self, now_ms: u64) -> Option<u32> {
        self.order.first().filter(|(expires_at_ms, _)| *expires_at_ms <= now_ms).map(|(_, index)| *index)
    }
}
