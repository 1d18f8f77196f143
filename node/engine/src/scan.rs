//! Walks over entries: scans with a cursor, the keys of a slot, a random key.
//!
//! A scan goes through the shards, and in each through the positions of its entries. A position is kept for life, so an entry
//! that is there during a whole scan is visited at least once (exactly once, in fact), whatever comes and goes beside it.
//!
//! ```text
//!   cursor:  | shard, 8 bits | position, 32 bits |      below 2^40; 0 is both the start and the end
//! ```
//!
//! Locks are held for one shard at a time and for no more positions than one call may look at. Shards without entries are
//! walked over at once.

use crate::entries::Entry;
use crate::value::Value;
use crate::{Engine, Stripe};

/// Positions without an entry that a scan looks at, for each entry it was asked for.
const EMPTY_PER_ENTRY: usize = 16;

const POSITION_BITS: u32 = 32;

/// An entry as a scan shows it.
#[derive(Clone, Copy, Debug)]
pub struct Visit<'a> {
    pub slot: u16,
    pub database: u16,
    pub key: &'a [u8],
    pub value: &'a Value,
    /// Unix milliseconds from which on it is gone; `None`: it stays.
    pub expires_at_ms: Option<u64>,
}

impl<'a> Visit<'a> {
    fn of(entry: &'a Entry) -> Visit<'a> {
        Visit {
            slot: entry.slot,
            database: entry.database,
            key: &entry.key,
            value: &entry.value,
            expires_at_ms: entry.expiry(),
        }
    }
}

impl Engine {
    /// One step of a scan over all databases: visits at most `count` entries that are not expired, looks at no more than
    /// 16 × `count` empty positions, and returns the cursor for the next step, 0 after the last. A cursor that no step
    /// returned is harmless. `visit` runs under a lock and must not call the engine.
    pub fn scan(&self, cursor: u64, count: usize, now_ms: u64, visit: &mut dyn FnMut(Visit<'_>)) -> u64 {
        let mut visits = count.max(1);
        let mut empty = visits.saturating_mul(EMPTY_PER_ENTRY);
        let mut number = usize::try_from(cursor >> POSITION_BITS).unwrap_or(usize::MAX);
        let mut position = cursor as u32;
        while let Some(stripe) = self.stripes.get(number) {
            let shard = stripe.shard.lock();
            while position < shard.entries.positions() {
                if visits == 0 || empty == 0 {
                    return cursor_at(number, position);
                }
                match shard.entries.at(position).filter(|entry| !entry.is_expired(now_ms)) {
                    Some(entry) => {
                        visits -= 1;
                        visit(Visit::of(entry));
                    }
                    None => empty -= 1,
                }
                position += 1;
            }
            number += 1;
            position = 0;
        }
        0
    }

    /// At most `max` keys of one slot in one database that are not expired, in no order. Costs what the slot holds, in
    /// all databases, if fewer are found.
    pub fn keys_in_slot(&self, slot: u16, database: u16, max: usize, now_ms: u64) -> Vec<Vec<u8>> {
        let shard = self.stripe(slot).shard.lock();
        let entries = shard.slot_entries(slot).map(|index| &shard.entries[index]);
        let is_listed = |entry: &&Entry| entry.database == database && !entry.is_expired(now_ms);
        entries.filter(is_listed).take(max).map(|entry| entry.key.to_vec()).collect()
    }

    /// A key of a database that is not expired, chosen by `seed`, which should be random; `None` when there is none.
    /// Nearly uniform: an entry behind removed ones is somewhat likelier. Costs a walk over what is expired or belongs to
    /// other databases between the place the seed names and the next such key.
    pub fn random_key(&self, database: u16, seed: u64, now_ms: u64) -> Option<Vec<u8>> {
        let counts: Vec<u64> = self.stripes.iter().map(|stripe| stripe.shard.lock().items(database)).collect();
        let mut chosen = seed.checked_rem(counts.iter().sum())?;
        let mut first = 0;
        while chosen >= counts[first] {
            chosen -= counts[first];
            first += 1;
        }
        let (before, from) = self.stripes.split_at(first);
        from.iter().chain(before).find_map(|stripe| key_near(stripe, database, seed, now_ms))
    }
}

/// The first key at or after a place the seed names, around the end of the shard if need be.
fn key_near(stripe: &Stripe, database: u16, seed: u64, now_ms: u64) -> Option<Vec<u8>> {
    let shard = stripe.shard.lock();
    if shard.items(database) == 0 {
        return None;
    }
    let positions = shard.entries.positions();
    // Multiplied, so that the place does not follow from the choice of the shard.
    let start = (seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32 % positions;
    (start..positions)
        .chain(0..start)
        .filter_map(|position| shard.entries.at(position))
        .find(|entry| entry.database == database && !entry.is_expired(now_ms))
        .map(|entry| entry.key.to_vec())
}

fn cursor_at(shard: usize, position: u32) -> u64 {
    (shard as u64) << POSITION_BITS | u64::from(position)
}
