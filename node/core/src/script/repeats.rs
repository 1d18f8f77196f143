//! Changes of libraries that a cluster client says to every node: they count once.
//!
//! In a Redis cluster each node has libraries of its own, so clients send `FUNCTION LOAD` to all of them. Here there is one set of
//! libraries. So each node remembers what clients of the cluster door have told it: who loads at a second node what a first has just got
//! is answered as if that were new there, too; a second time at the same node it is there already, as in Redis. Deleting is alike.

use dcache_cluster::metadata::libraries::{Libraries, Library};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How long a library that went may be deleted here once more.
const GONE_FOR: Duration = Duration::from_secs(10);

/// Names that are remembered of each kind.
const NAMES_MAX: usize = 4096;

#[derive(Debug, Default)]
pub(crate) struct Repeats(Mutex<Names>);

#[derive(Debug, Default)]
struct Names {
    /// Clients of this node's cluster door brought these.
    brought: BTreeSet<String>,
    /// And had these deleted, which are not gone yet.
    deleted: BTreeSet<String>,
    /// These went by another node's doing, and when.
    gone: BTreeMap<String, Duration>,
}

impl Repeats {
    /// A client brings a library here. Whether it is the one that is known already, by another node's doing.
    pub fn bring(&self, name: &str, code: &str, known: Option<&Library>) -> bool {
        let mut names = self.0.lock();
        names.gone.remove(name);
        let is_first = names.brought.len() < NAMES_MAX && names.brought.insert(name.to_owned());
        is_first && known.is_some_and(|known| *known.code == *code)
    }

    /// A client deletes libraries here that are known.
    pub fn delete<'a>(&self, libraries: impl Iterator<Item = &'a String>) {
        self.0.lock().deleted.extend(libraries.cloned());
    }

    /// A client deletes all.
    pub fn flush(&self, known: &Libraries) {
        self.delete(known.keys());
        self.0.lock().gone.clear();
    }

    /// Whether a library went a moment ago by another node's doing, and this is the first time that it is deleted here.
    pub fn has_gone(&self, name: &str, now: Duration) -> bool {
        self.0.lock().gone.remove(name).is_some_and(|at| now.saturating_sub(at) < GONE_FOR)
    }

    /// These libraries are there from now on, and those no more.
    pub fn follow(&self, before: &Libraries, after: &Libraries, now: Duration) {
        let mut names = self.0.lock();
        names.gone.retain(|name, at| now.saturating_sub(*at) < GONE_FOR && !after.contains_key(name));
        for name in before.keys().filter(|name| !after.contains_key(*name)) {
            names.brought.remove(name);
            if !names.deleted.contains(name) && names.gone.len() < NAMES_MAX {
                names.gone.insert(name.clone(), now);
            }
        }
        names.deleted.retain(|name| after.contains_key(name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn library(code: &str) -> Library {
        Library { code: code.into(), functions: Default::default() }
    }

    #[test]
    fn each_node_is_told_each_thing_once() {
        let (first, second) = (Repeats::default(), Repeats::default());
        let (one, other) = (library("1"), library("2"));
        assert!(!first.bring("l", "1", None), "it is new");
        assert!(second.bring("l", "1", Some(&one)), "the same again, elsewhere");
        assert!(!first.bring("l", "1", Some(&one)) && !second.bring("l", "1", Some(&one)), "a second time");
        assert!(!Repeats::default().bring("l", "1", Some(&other)), "another one");
        first.delete([String::from("l")].iter());
        let (before, after) = (Libraries::from([("l".into(), Arc::new(one))]), Libraries::new());
        let at = Duration::from_secs(100);
        for node in [&first, &second] {
            node.follow(&before, &after, at);
        }
        assert!(!first.has_gone("l", at), "it was deleted there");
        assert!(second.has_gone("l", at) && !second.has_gone("l", at));
        second.bring("m", "1", None);
        second.follow(&Libraries::from([("m".into(), Arc::new(library("1")))]), &after, at);
        assert!(!second.has_gone("m", at + GONE_FOR), "long ago");
    }
}
