//! A partition's store told as effects, step by step: for full syncs, and for whoever else brings it to another node.
//!
//! A value that is longer than [`PART_BYTES`] is told in parts of as many, in several steps, so that no step holds a stripe's
//! lock or fills a message for longer than one part takes; so is a large collection, by its elements. What keeps the parts of one value together is in `staging.rs`. How
//! far the walk is stands in its cursor alone (`scan.rs` in the engine). Left out: where the effects go.

use super::effect::Effect;
use dcache_engine::{Engine, NamespaceId, Part, ValueRef};

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
    engine.copy_slots(cursor, end_slot, (bytes_max, part_bytes), wanted, &mut |entry, part| {
        let (database, slot, key, expires_at_ms) = (entry.database, entry.slot, entry.key, entry.expires_at_ms);
        let effect = match (entry.value, part) {
            (ValueRef::String(value), Part::Bytes(range)) if range.len() != value.len() => {
                let (total, offset) = (value.len() as u64, range.start as u64);
                Effect::Part { database, slot, key, expires_at_ms, total, offset, bytes: &value[range] }
            }
            (ValueRef::String(value), _) => Effect::Set { database, slot, key, value, expires_at_ms },
            (ValueRef::Packed(block), _) => Effect::Block { database, slot, key, block, expires_at_ms },
            (value, Part::Elements { ops, is_first, is_last }) => {
                let kind = value.kind().number();
                Effect::Elements { database, slot, key, expires_at_ms, kind, is_first, is_last, ops }
            }
            (_, Part::Bytes(_)) => return,
        };
        tell(entry.namespace, effect);
    })
}
