//! A partition's store told as effects, step by step: for full syncs, and for whoever else brings it to another node.
//!
//! A value that is longer than [`PART_BYTES`] is told in parts of as many, in several steps, so that no step holds a stripe's
//! lock or fills a message for longer than one part takes. What keeps the parts of one value together is in `staging.rs`. How
//! far the walk is stands in its cursor alone (`scan.rs` in the engine). Left out: where the effects go.

use super::effect::Effect;
use dcache_engine::{Engine, NamespaceId};

/// Bytes of a value that are told at once, at most.
pub(super) const PART_BYTES: usize = 256 << 10;

/// One step of a walk over the slots from `cursor` on and below `end_slot`: tells entries of namespaces that are `wanted`, until
/// they have `bytes_max` bytes of keys and values together, and one entry or part more. Returns the cursor for the next step;
/// none after the last. `tell` runs under the lock of the entry's stripe and must not call the engine; what it records is in
/// order with all other changes of the entry.
pub(super) fn walk(
    engine: &Engine,
    cursor: u64,
    end_slot: u16,
    bytes_max: usize,
    wanted: &dyn Fn(NamespaceId) -> bool,
    tell: &mut dyn FnMut(NamespaceId, Effect<'_>),
) -> Option<u64> {
    in_parts_of(PART_BYTES, engine, (cursor, end_slot), bytes_max, wanted, tell)
}

/// The same with parts of another length, for tests: of a few bytes there are many.
pub(super) fn in_parts_of(
    part_bytes: usize,
    engine: &Engine,
    (cursor, end_slot): (u64, u16),
    bytes_max: usize,
    wanted: &dyn Fn(NamespaceId) -> bool,
    tell: &mut dyn FnMut(NamespaceId, Effect<'_>),
) -> Option<u64> {
    engine.copy_slots(cursor, end_slot, (bytes_max, part_bytes), wanted, &mut |entry, range| {
        // Every type has bytes to be written from; strings are theirs.
        let value = entry.value.as_string().unwrap_or_default();
        let (database, slot, key, expires_at_ms) = (entry.database, entry.slot, entry.key, entry.expires_at_ms);
        let effect = if range.len() == value.len() {
            Effect::Set { database, slot, key, value, expires_at_ms }
        } else {
            let (total, offset) = (value.len() as u64, range.start as u64);
            Effect::Part { database, slot, key, expires_at_ms, total, offset, bytes: &value[range] }
        };
        tell(entry.namespace, effect);
    })
}
