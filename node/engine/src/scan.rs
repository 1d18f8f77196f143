//! Walks over entries: scans with a cursor, the keys of a slot, a random key.
//!
//! A scan goes through the slots, and within a slot through the bits of the keys' hashes, in rising order. Neither changes
//! while an entry lives, whatever is moved for whatever reason; so an entry that is there during a whole scan is visited
//! exactly once.
//!
//! ```text
//!   cursor:  │ slot, 14 bits │ order, 8 │ tag, 16 │      below 2^38; 0 is both the start and the end
//!   of a walk for a copy:  │ part, 26 bits │ as above │
//! ```
//!
//! Locks are held for a part of one slot at a time. Slots without entries are passed over without a lock.

use crate::item::Layout;
use crate::stripe::Stripe;
use crate::table::{Word, order_of};
use crate::value::{Large, PLACE_BITS, ValueRef};
use crate::{Engine, NamespaceId, item};
use std::ops::Range;
use std::sync::atomic::Ordering::Relaxed;

/// Entries looked at for each that was asked for, at most: expired ones are not visited.
const LOOKS_PER_ENTRY: usize = 16;

const TAG_BITS: u32 = 16;
const ORDER_BITS: u32 = 8;
const SLOT_MASK: u16 = (1 << 14) - 1;
const PART_SHIFT: u32 = 38;

/// What looking at an entry that is not wanted counts for in a walk.
const LOOK_BYTES: usize = 64;

/// What a walk for a copy shows of an entry at a time.
#[derive(Clone, Debug)]
pub enum Part<'a> {
    /// These bytes of its value, which is a string or a block.
    Bytes(Range<usize>),
    /// Some elements of its large collection, as operations that make them.
    Elements { ops: &'a [u8], is_first: bool, is_last: bool },
}

/// An entry as a scan shows it.
#[derive(Clone, Copy, Debug)]
pub struct Visit<'a> {
    pub slot: u16,
    pub namespace: NamespaceId,
    pub database: u16,
    pub key: &'a [u8],
    pub value: ValueRef<'a>,
    /// Unix milliseconds from which on it is gone; `None`: it stays.
    pub expires_at_ms: Option<u64>,
}

impl<'a> Visit<'a> {
    fn of(stripe: &'a Stripe, slot: u16, word: Word) -> Visit<'a> {
        let bytes = stripe.bytes_at(word);
        let layout = Layout::read(bytes);
        Visit {
            slot,
            namespace: stripe.namespace_of(word),
            database: layout.database(bytes),
            key: &bytes[layout.key()],
            value: stripe.value(bytes, &layout),
            expires_at_ms: Some(layout.expires_at_ms(bytes)).filter(|at| *at != item::NEVER),
        }
    }

    fn is_expired(&self, now_ms: u64) -> bool {
        self.expires_at_ms.is_some_and(|at| at <= now_ms)
    }
}

/// A part of one slot in the order of the tags, from `tag` on, and into how many orders the slot is parted.
fn words_from(stripe: &Stripe, slot: u16, order: u8, tag: u16) -> (Vec<Word>, u32) {
    let mut words: Vec<Word> = Vec::new();
    let orders = stripe.each_of_order(slot, order, |word| {
        if word.tag() >= tag {
            words.push(word);
        }
    });
    words.sort_unstable_by_key(|word| word.tag());
    (words, orders)
}

/// Shows the large ones among entries whose hashes agree. A part's number is that of one of them, from 1 on, above its place.
struct Larges<'a> {
    engine: &'a Engine,
    part_bytes: usize,
    bytes: &'a mut usize,
    visit: &'a mut dyn FnMut(Visit<'_>, Part<'_>),
}

/// Numbers that tell large collections apart.
const LARGES: u64 = 7;

impl Larges<'_> {
    /// Which of the agreeing ones it is.
    fn number_of(&self, seen: &Visit<'_>) -> u64 {
        (self.engine.hash(seen.database, seen.key).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) % LARGES + 1
    }

    /// Shows a part of one; the next part's number.
    fn show<'v>(&mut self, part: usize, entries: impl Iterator<Item = Visit<'v>>) -> Option<usize> {
        let (number, place) = ((part >> PLACE_BITS) as u64, part as u64 & ((1 << PLACE_BITS) - 1));
        let larges: Vec<(u64, &Large, Visit<'v>)> = entries
            .filter_map(|seen| match seen.value {
                ValueRef::Large(large) => Some((self.number_of(&seen), large, seen)),
                _ => None,
            })
            .collect();
        let mut of_number = larges.iter().filter(|found| found.0 == number);
        let mut next_place = 0;
        match (of_number.next(), of_number.next()) {
            (Some((_, large, seen)), None) => next_place = self.tell(large, *seen, place, self.part_bytes),
            (None, _) => {}
            (Some(_), Some(_)) => {
                for (_, large, seen) in larges.iter().filter(|found| found.0 == number) {
                    self.tell(large, *seen, 0, usize::MAX);
                }
            }
        }
        if next_place != 0 {
            return Some((number << PLACE_BITS | next_place) as usize);
        }
        let next = larges.iter().map(|found| found.0).filter(|other| *other > number).min()?;
        Some((next as usize) << PLACE_BITS)
    }

    fn tell(&mut self, large: &Large, seen: Visit<'_>, place: u64, part_bytes: usize) -> u64 {
        let mut ops = Vec::with_capacity(part_bytes.min(large.heap_bytes()));
        let next = large.walk(place, part_bytes, &mut |op| op.encode(&mut ops));
        *self.bytes += seen.key.len() + ops.len();
        (self.visit)(seen, Part::Elements { ops: &ops, is_first: place == 0, is_last: next == 0 });
        next
    }
}

impl Engine {
    /// Whether an entry met at `order` belongs there, of as many orders as its slot is parted into.
    fn is_of_order(&self, seen: &Visit<'_>, order: u8, orders: u32) -> bool {
        orders == 1 || (order_of(self.hash(seen.database, seen.key)) >> (16 - ORDER_BITS)) as u8 == order
    }

    /// One step of a scan over all databases: visits at least one entry that is not expired unless it looked at 16 × `count`
    /// others, and at most `count` and those whose hashes agree with the last one's. Returns the cursor for the next step, 0
    /// after the last. A cursor that no step returned is harmless. `visit` runs under a lock and must not call the engine.
    pub fn scan(&self, cursor: u64, count: usize, now_ms: u64, visit: &mut dyn FnMut(Visit<'_>)) -> u64 {
        let mut visits = count.max(1);
        let mut looks = visits.saturating_mul(LOOKS_PER_ENTRY);
        let mut tag = cursor as u16;
        let mut order = (cursor >> TAG_BITS) as u8;
        let first = cursor >> (TAG_BITS + ORDER_BITS);
        for slot in first..u64::from(self.slots) {
            let slot = slot as u16;
            if self.hints[usize::from(slot)].load(Relaxed) != 0 {
                loop {
                    let stripe = self.stripes[self.stripe_of(slot)].lock();
                    // A part of one slot in the order of the tags; those with the same tag in one step.
                    let (words, orders) = words_from(&stripe, slot, order, tag);
                    let mut last = None;
                    for word in words {
                        if last.is_some_and(|last| last != word.tag()) && (visits == 0 || looks == 0) {
                            let place = u64::from(slot) << ORDER_BITS | u64::from(order);
                            return place << TAG_BITS | u64::from(word.tag());
                        }
                        last = Some(word.tag());
                        let seen = Visit::of(&stripe, slot, word);
                        if !self.is_of_order(&seen, order, orders) {
                            continue;
                        }
                        looks = looks.saturating_sub(1);
                        if !seen.is_expired(now_ms) {
                            visits = visits.saturating_sub(1);
                            visit(seen);
                        }
                    }
                    tag = 0;
                    if orders == 1 || order == u8::MAX {
                        break;
                    }
                    order += 1;
                    if visits == 0 || looks == 0 {
                        return (u64::from(slot) << ORDER_BITS | u64::from(order)) << TAG_BITS;
                    }
                }
                if visits == 0 || looks == 0 {
                    let next = u64::from(slot) + 1;
                    return if next < u64::from(self.slots) { next << (TAG_BITS + ORDER_BITS) } else { 0 };
                }
            }
            (tag, order) = (0, 0);
        }
        0
    }

    /// Where [`Engine::copy_slots`] begins for a slot.
    pub fn cursor_of(slot: u16) -> u64 {
        u64::from(slot) << (TAG_BITS + ORDER_BITS)
    }

    /// One step of a walk over the slots below `end_slot`, in all databases, expired entries included: shows entries of the
    /// namespaces that are `wanted`, longer values in parts of `part_bytes`, until they have `bytes_max` bytes of keys and
    /// values together, and those whose hashes agree with the last one's. Returns the cursor for the next step; none after the
    /// last. `visit` is told which part of the value is meant, runs under a lock, and must not call the engine.
    ///
    /// An entry that is there unchanged during the whole walk is visited exactly once, or once for each of its parts in their
    /// order. Of a string that changes meanwhile any parts may be met, of the value as it then is; the walk goes on behind it. Of a
    /// large collection every element is met that is there all the time, at least once, and what is done to the others meanwhile
    /// is told besides, if all changes are told; once it is shown, it is shown to its end.
    ///
    /// Entries whose hashes agree are walked side by side, one part of each at a time: so a part's number alone says how far the
    /// walk is in all of them, whichever of them come and go. Large collections among them come after the others, one after the
    /// other, told apart by further bits of their hashes; where these agree too, each is shown as one part.
    pub fn copy_slots(
        &self,
        cursor: u64,
        end_slot: u16,
        (bytes_max, part_bytes): (usize, usize),
        wanted: &dyn Fn(NamespaceId) -> bool,
        visit: &mut dyn FnMut(Visit<'_>, Part<'_>),
    ) -> Option<u64> {
        let (bytes_max, part_bytes) = (bytes_max.max(1), part_bytes.max(1));
        let mut bytes = 0;
        let (mut tag, mut order) = (cursor as u16, (cursor >> TAG_BITS) as u8);
        let mut slot = (cursor >> (TAG_BITS + ORDER_BITS)) as u16 & SLOT_MASK;
        let mut part = (cursor >> PART_SHIFT) as usize;
        while slot < end_slot.min(self.slots) {
            let stripe = self.stripes[self.stripe_of(slot)].lock();
            let (words, orders) = words_from(&stripe, slot, order, tag);
            let place = u64::from(slot) << ORDER_BITS | u64::from(order);
            for agreeing in words.chunk_by(|one, other| one.tag() == other.tag()) {
                // What the walk was in the middle of may be gone.
                part = if agreeing[0].tag() == tag { part } else { 0 };
                loop {
                    if bytes >= bytes_max {
                        return Some((part as u64) << PART_SHIFT | place << TAG_BITS | u64::from(agreeing[0].tag()));
                    }
                    if part >= 1 << PLACE_BITS {
                        let shown = agreeing.iter().map(|word| Visit::of(&stripe, slot, *word));
                        let of_order = shown.filter(|seen| self.is_of_order(seen, order, orders));
                        let mut larges = Larges { engine: self, part_bytes, bytes: &mut bytes, visit };
                        match larges.show(part, of_order.filter(|seen| wanted(seen.namespace))) {
                            Some(next) => part = next,
                            None => break,
                        }
                        continue;
                    }
                    let (mut parts_max, mut has_large) = (1, false);
                    for word in agreeing {
                        let seen = Visit::of(&stripe, slot, *word);
                        if !self.is_of_order(&seen, order, orders) {
                            continue;
                        }
                        if !wanted(seen.namespace) {
                            bytes += LOOK_BYTES;
                            continue;
                        }
                        if let ValueRef::Large(_) = seen.value {
                            has_large = true;
                            continue;
                        }
                        let length = seen.value.bytes() as usize;
                        // A block is a few KiB at most, and always one part.
                        let is_block = matches!(seen.value, ValueRef::Packed(_));
                        let part_bytes = if is_block { length.max(1) } else { part_bytes };
                        let parts = length.div_ceil(part_bytes).max(1);
                        parts_max = parts_max.max(parts);
                        if part < parts {
                            let range = part * part_bytes..length.min((part + 1) * part_bytes);
                            bytes += seen.key.len() + range.len();
                            visit(seen, Part::Bytes(range));
                        }
                    }
                    part += 1;
                    if part >= parts_max {
                        if !has_large {
                            break;
                        }
                        part = 1 << PLACE_BITS;
                    }
                }
                part = 0;
            }
            (tag, part) = (0, 0);
            if orders == 1 || order == u8::MAX {
                (slot, order) = (slot + 1, 0);
            } else {
                order += 1;
            }
            if bytes >= bytes_max && slot < end_slot {
                return Some((u64::from(slot) << ORDER_BITS | u64::from(order)) << TAG_BITS);
            }
        }
        None
    }

    /// At most `max` keys of one slot in one database that are not expired, in no order. Costs what the slot holds, in
    /// all databases.
    pub fn keys_in_slot(&self, slot: u16, database: u16, max: usize, now_ms: u64) -> Vec<Vec<u8>> {
        let stripe = self.stripes[self.stripe_of(slot)].lock();
        let mut keys = Vec::new();
        stripe.each(slot, |word| {
            let seen = Visit::of(&stripe, slot, word);
            if keys.len() < max && seen.database == database && !seen.is_expired(now_ms) {
                keys.push(seen.key.to_vec());
            }
        });
        keys
    }

    /// A key of a database that is not expired, chosen by `seed`, which should be random; `None` when there is none. Uniform
    /// over entries, as far as they are in this database and not expired. Costs a look at the counts of a stripe's slots,
    /// and at one slot's entries.
    pub fn random_key(&self, database: u16, seed: u64, now_ms: u64) -> Option<Vec<u8>> {
        let counts: Vec<u64> = self.stripes.iter().map(|stripe| stripe.lock().items(database).0).collect();
        let mut chosen = seed.checked_rem(counts.iter().sum())?;
        let mut first = 0;
        while chosen >= counts[first] {
            chosen -= counts[first];
            first += 1;
        }
        for stripe in (first..self.stripes.len()).chain(0..first) {
            let slots = self.filled_slots(stripe, database);
            let mut at = 0;
            while at < slots.len() && chosen >= slots[at].1 {
                chosen -= slots[at].1;
                at += 1;
            }
            let around = slots.iter().skip(at).chain(slots.iter().take(at));
            for (slot, _) in around {
                let mut keys = self.keys_in_slot(*slot, database, usize::MAX, now_ms);
                if !keys.is_empty() {
                    let index = (chosen % keys.len() as u64) as usize;
                    return Some(keys.swap_remove(index));
                }
            }
        }
        None
    }

    pub(crate) fn filled_slots(&self, stripe: usize, database: u16) -> Vec<(u16, u64)> {
        let stripe = self.stripes[stripe].lock();
        let slots: Vec<u16> = stripe.slot_figures().map(|(slot, ..)| slot).collect();
        slots.into_iter().map(|slot| (slot, stripe.slot_items(slot, database))).filter(|slot| slot.1 > 0).collect()
    }
}
