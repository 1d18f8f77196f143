//! Values that come in parts ([`Effect::Part`]) and are not whole yet: kept beside the store, entered when they are.
//!
//! Why what is entered is what the teller has, once all is done that was told. A part is read under its stripe's lock, and a
//! change of the value is recorded in the partition's log under the same lock. So a change between two parts of a value
//! either comes to this copy between them, and ends the staging; or it comes after the value was entered, perhaps as a mixture of two, and then overwrites it: in a log the order is that of the locks, and a piece of a full
//! sync is never older than what the copy has applied, while the copy counts as whole only when everything up to the last piece
//! is applied. Whatever the change was, it is in the log: eviction and expiry are told too. Another expiry leaves the bytes as
//! they are and ends nothing: each part says the expiry as it was when it was read, and the last one's is the newest told so
//! far, for the same reasons.
//!
//! A part that does not go on where the staging is belongs to a value that has changed meanwhile, and the change says the rest:
//! it is left out, and the staging with it. `offset` 0 begins anew.
//!
//! A large collection comes by its elements instead ([`Effect::Elements`]), and a change of it says nothing of those it leaves
//! alone. So a change ([`Effect::Edit`]) between two parts is done to what has come, and ends nothing. That is right since every
//! operation is absolute, and an element's last one in the log is what it is: one that is told before its part comes is told
//! again there or changed on the way, one that is told after is newer than the part; and the part has what never changed.
//!
//! Of a namespace whose policy or rules change meanwhile the value is where its key says when the next part comes. Left out:
//! memory for what is not whole (`staged.rs` in the engine).

use super::effect::Effect;
use crate::view::View;
use dcache_engine::{Engine, Kind, OutOfMemory, Staged, StagedCollection};

/// One partition's values that are not whole.
#[derive(Debug, Default)]
pub(super) struct Stagings {
    collections: Vec<(StagedCollection, u64)>,
    /// Few: of one walk those whose hashes agree, and what walks left behind that were not finished.
    list: Vec<Staging>,
    /// Of the last entry applied.
    term: u64,
}

#[derive(Debug)]
struct Staging {
    staged: Staged,
    /// [`Stagings::term`] when it began.
    term: u64,
}

impl Staging {
    fn is_of(&self, database: u16, key: &[u8]) -> bool {
        self.staged.database() == database && self.staged.key() == key
    }
}

impl Stagings {
    pub fn clear(&mut self) {
        self.list.clear();
        self.collections.clear();
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty() && self.collections.is_empty()
    }

    /// An effect is about to be done of this term or an earlier one. What began two terms before was left behind by a walk of
    /// which nothing comes any more.
    pub fn note_term(&mut self, term: u64) {
        if term > self.term {
            let before = std::mem::replace(&mut self.term, term);
            self.list.retain(|staging| staging.term >= before);
            self.collections.retain(|staging| staging.1 >= before);
        }
    }

    /// What an effect other than a part does to values that are not whole.
    pub fn note(&mut self, effect: &Effect<'_>) {
        if self.list.is_empty() && self.collections.is_empty() {
            return;
        }
        match *effect {
            Effect::Set { database, key, .. }
            | Effect::Block { database, key, .. }
            | Effect::Elements { database, key, is_first: true, .. }
            | Effect::Part { database, key, offset: 0, .. }
            | Effect::Remove { database, key, .. } => {
                self.list.retain(|staging| !staging.is_of(database, key));
                self.collections.retain(|(staged, _)| staged.database() != database || staged.key() != key);
            }
            Effect::Clear { database } => {
                let stays = |of: u16| database.is_some_and(|database| of != database);
                self.list.retain(|staging| stays(staging.staged.database()));
                self.collections.retain(|(staged, _)| stays(staged.database()));
            }
            Effect::Expiry { .. } | Effect::Part { .. } | Effect::Elements { .. } | Effect::Edit { .. } => {}
        }
    }

    /// Does operations on a collection that is not whole. False: there was no room, and nothing has come of it.
    pub fn edit(&mut self, database: u16, key: &[u8], ops: &[u8], engine: &Engine, now_ms: u64) -> bool {
        let is_of = |(staged, _): &(StagedCollection, u64)| staged.database() == database && staged.key() == key;
        let Some(index) = self.collections.iter().position(is_of) else { return true };
        let has_room = engine.add(&mut self.collections[index].0, ops, now_ms).is_ok();
        if !has_room {
            self.collections.swap_remove(index);
        }
        has_room
    }

    fn apply_elements(&mut self, effect: Effect<'_>, engine: &Engine, view: &View, now_ms: u64) -> bool {
        let Effect::Elements { database, slot, key, expires_at_ms, kind, is_first, is_last, ops } = effect else {
            return true;
        };
        let is_of = |(staged, _): &(StagedCollection, u64)| staged.database() == database && staged.key() == key;
        let begun = self.collections.iter().position(is_of);
        // Taken out: whatever goes wrong below ends it.
        let begun = begun.map(|index| self.collections.swap_remove(index).0);
        let namespace = view.namespace_of(database, key);
        let mut staged = match (begun, Kind::of_number(kind)) {
            (_, Some(kind)) if is_first => engine.stage_collection((slot, database, key), namespace, kind),
            (Some(begun), _) => begun,
            _ => return true,
        };
        staged.move_to(namespace);
        let stored = match engine.add(&mut staged, ops, now_ms) {
            Ok(()) if is_last => engine.enter_collection(staged, expires_at_ms, now_ms).is_ok(),
            Ok(()) => {
                self.collections.push((staged, self.term));
                true
            }
            Err(OutOfMemory) => false,
        };
        if !stored {
            // An older value must not stay in its place.
            let _ = engine.lock(slot).remove(database, key, now_ms);
        }
        stored
    }

    /// Adds a part, and enters the value when it is whole. False: there was no room, and the key has no value here now.
    pub fn apply(&mut self, effect: Effect<'_>, engine: &Engine, view: &View, now_ms: u64) -> bool {
        if let Effect::Elements { .. } = effect {
            return self.apply_elements(effect, engine, view, now_ms);
        }
        let Effect::Part { database, slot, key, expires_at_ms, total, offset, bytes } = effect else { return true };
        let begun = self.list.iter().position(|staging| staging.is_of(database, key));
        // Taken out: whatever goes wrong below ends it.
        let begun = begun.map(|index| self.list.swap_remove(index));
        let namespace = view.namespace_of(database, key);
        let staged = match begun {
            begun if offset == 0 => {
                drop(begun);
                engine.stage((slot, database, key), namespace, total, now_ms)
            }
            Some(begun) if begun.staged.filled_bytes() == offset && begun.staged.value_bytes() == total => {
                Ok(begun.staged)
            }
            _ => return true,
        };
        let added = staged.and_then(|mut staged| {
            staged.move_to(namespace);
            engine.fill(&mut staged, bytes, now_ms).map(|()| staged)
        });
        let stored = match added {
            Ok(staged) if staged.is_whole() => engine.enter(staged, expires_at_ms, now_ms).is_ok(),
            Ok(staged) => {
                self.list.push(Staging { staged, term: self.term });
                true
            }
            Err(OutOfMemory) => false,
        };
        if !stored {
            // An older value must not stay in its place.
            let _ = engine.lock(slot).remove(database, key, now_ms);
        }
        stored
    }
}
