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
//! Of a namespace whose policy or rules change meanwhile the value is where its key says when the next part comes. Left out:
//! memory for what is not whole (`staged.rs` in the engine).

use super::effect::Effect;
use crate::view::View;
use dcache_engine::{Engine, OutOfMemory, Staged};

/// One partition's values that are not whole.
#[derive(Debug, Default)]
pub(super) struct Stagings {
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
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// An effect is about to be done of this term or an earlier one. What began two terms before was left behind by a walk of
    /// which nothing comes any more.
    pub fn note_term(&mut self, term: u64) {
        if term > self.term {
            let before = std::mem::replace(&mut self.term, term);
            self.list.retain(|staging| staging.term >= before);
        }
    }

    /// What an effect other than a part does to values that are not whole.
    pub fn note(&mut self, effect: &Effect<'_>) {
        if self.list.is_empty() {
            return;
        }
        match *effect {
            Effect::Set { database, key, .. } | Effect::Remove { database, key, .. } => {
                self.list.retain(|staging| !staging.is_of(database, key));
            }
            Effect::Clear { database } => {
                let goes = |staging: &Staging| database.is_none_or(|database| staging.staged.database() == database);
                self.list.retain(|staging| !goes(staging));
            }
            Effect::Expiry { .. } | Effect::Part { .. } => {}
        }
    }

    /// Adds a part, and enters the value when it is whole. False: there was no room, and the key has no value here now.
    pub fn apply(&mut self, effect: Effect<'_>, engine: &Engine, view: &View, now_ms: u64) -> bool {
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
