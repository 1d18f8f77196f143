//! What all threads of a node share: the core node, the address book, buffer accounts, the stop signal.
//! Everything here is read often and changed seldom, or is one atomic number.

use crate::copies::CopyLinks;
use dcache_protocol::{Addresses, NodeId};
use parking_lot::RwLock;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::watch;

/// One per process, behind an `Arc`.
pub struct Shared {
    pub core: Arc<dcache_core::Node>,
    pub id: NodeId,
    pub book: AddressBook,
    pub buffers: Buffers,
    pub cut: CutCounters,
    pub copies: CopyLinks,
    pub stop: watch::Receiver<Stop>,
}

/// How far a node's stop has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stop {
    #[default]
    No,
    /// Accept nothing new, answer what was sent, close.
    Orderly,
}

/// Where each node may be: hints, of which the newest is tried first.
///
/// A record that is agreed on tells where its node was when it registered; what nodes say of each other may be newer, or older, as
/// what this node remembers of its last life. When all nodes come back at other addresses at once, they agree on something before
/// their records are new; a node that was away remembers what has changed since. So who is not reached at one place is looked for
/// at the other.
#[derive(Debug, Default)]
pub struct AddressBook {
    entries: RwLock<BTreeMap<NodeId, Entry>>,
}

#[derive(Debug, Default)]
struct Entry {
    said: Option<Addresses>,
    agreed: Option<Addresses>,
    /// Which of the two is tried.
    is_agreed_first: bool,
}

impl Entry {
    fn first(&self) -> Option<&Addresses> {
        match self.is_agreed_first {
            true => self.agreed.as_ref().or(self.said.as_ref()),
            false => self.said.as_ref().or(self.agreed.as_ref()),
        }
    }
}

impl AddressBook {
    pub fn peers_door(&self, node: NodeId) -> Option<String> {
        self.entries.read().get(&node)?.first().map(|addresses| addresses.peers.clone())
    }

    /// A node says where it or another one is, or this one remembers it.
    pub fn learn(&self, node: NodeId, addresses: &Addresses) {
        if self.entries.read().get(&node).is_some_and(|entry| entry.said.as_ref() == Some(addresses)) {
            return;
        }
        let mut entries = self.entries.write();
        let entry = entries.entry(node).or_default();
        (entry.said, entry.is_agreed_first) = (Some(addresses.clone()), false);
    }

    /// The other nodes of the cluster, as is agreed on now.
    pub fn follow<'a>(&self, others: impl Iterator<Item = (NodeId, &'a Addresses)>) {
        let others: BTreeMap<NodeId, &Addresses> = others.collect();
        let mut entries = self.entries.write();
        entries.retain(|node, entry| entry.agreed.is_none() || others.contains_key(node));
        for (node, addresses) in others {
            let entry = entries.entry(node).or_default();
            if entry.agreed.as_ref() != Some(addresses) {
                (entry.agreed, entry.is_agreed_first) = (Some(addresses.clone()), true);
            }
        }
    }

    /// The node was not reached there.
    pub fn missed(&self, node: NodeId, peers_door: &str) {
        let is_there = |addresses: &Option<Addresses>| addresses.as_ref().is_none_or(|known| known.peers == peers_door);
        let may_turn = |entry: &Entry| {
            let (first, other) = match entry.is_agreed_first {
                true => (&entry.agreed, &entry.said),
                false => (&entry.said, &entry.agreed),
            };
            is_there(first) && !is_there(other)
        };
        if self.entries.read().get(&node).is_some_and(may_turn)
            && let Some(entry) = self.entries.write().get_mut(&node).filter(|entry| may_turn(entry))
        {
            entry.is_agreed_first = !entry.is_agreed_first;
        }
    }

    pub fn all(&self) -> BTreeMap<NodeId, Addresses> {
        let entries = self.entries.read();
        entries.iter().filter_map(|(node, entry)| Some((*node, entry.first()?.clone()))).collect()
    }
}

/// Bytes clients made this node buffer, against one limit for all of them together.
#[derive(Debug)]
pub struct Buffers {
    held: AtomicU64,
    limit: u64,
    /// Most bytes of replies one client may leave unread.
    pub unread_bytes_max: usize,
}

impl Buffers {
    /// A quarter of the cache memory, within 64 MiB and 4 GiB, for all clients; half of that for one, within 32 MiB and 256 MiB.
    pub fn new(memory_bytes: u64) -> Buffers {
        let limit = (memory_bytes / 4).clamp(64 << 20, 4 << 30);
        Buffers { held: AtomicU64::new(0), limit, unread_bytes_max: (limit / 2).clamp(32 << 20, 256 << 20) as usize }
    }

    pub fn held(&self) -> u64 {
        self.held.load(Ordering::Relaxed)
    }

    fn change(&self, before: usize, after: usize) {
        // Two's complement addition makes a decrease of an increase by the wrapped difference.
        self.held.fetch_add((after as u64).wrapping_sub(before as u64), Ordering::Relaxed);
    }
}

/// One connection's part of [`Buffers`]; given back when dropped.
pub struct BufferAccount {
    shared: Arc<Shared>,
    held: usize,
}

impl BufferAccount {
    pub fn new(shared: Arc<Shared>) -> BufferAccount {
        BufferAccount { shared, held: 0 }
    }

    /// This connection now holds `bytes`. False when that is too much for all together and this one grew.
    pub fn set(&mut self, bytes: usize) -> bool {
        if bytes == self.held {
            return true;
        }
        let grew = bytes > self.held;
        self.shared.buffers.change(self.held, bytes);
        self.held = bytes;
        !grew || self.shared.buffers.held() <= self.shared.buffers.limit
    }
}

impl Drop for BufferAccount {
    fn drop(&mut self) {
        self.shared.buffers.change(self.held, 0);
    }
}

/// Clients this node closed, by reason.
#[derive(Debug, Default)]
pub struct CutCounters {
    /// Left more replies unread than one client may.
    pub unread: AtomicU64,
    /// Read nothing for too long while replies waited.
    pub stalled: AtomicU64,
    /// All clients' buffers together were full.
    pub buffers_full: AtomicU64,
    /// More clients than allowed.
    pub refused: AtomicU64,
}

#[cfg(test)]
mod tests {
    use super::*;

    const OTHER: NodeId = NodeId(2);

    fn at(port: u16) -> Addresses {
        Addresses { peers: format!("10.0.0.1:{port}"), ..Addresses::default() }
    }

    fn door(book: &AddressBook) -> Option<String> {
        book.peers_door(OTHER)
    }

    fn agree(book: &AddressBook, port: u16) {
        book.follow([(OTHER, &at(port))].into_iter());
    }

    #[test]
    fn what_nodes_say_of_themselves_outlives_what_was_agreed_on_before() {
        let book = AddressBook::default();
        agree(&book, 2);
        assert_eq!(door(&book), Some(at(2).peers), "the only hint there is");
        book.learn(OTHER, &at(3));
        agree(&book, 2);
        assert_eq!(door(&book), Some(at(3).peers), "nothing new is agreed on about where it is");
        agree(&book, 4);
        assert_eq!(door(&book), Some(at(4).peers));
        book.follow(std::iter::empty());
        assert_eq!(door(&book), None, "it is a node of this cluster no more");
        book.learn(OTHER, &at(5));
        book.follow(std::iter::empty());
        assert_eq!(door(&book), Some(at(5).peers), "it never was one: it may become one");
    }

    #[test]
    fn who_is_not_reached_is_looked_for_where_else_it_may_be() {
        let book = AddressBook::default();
        // From its last life.
        book.learn(OTHER, &at(1));
        book.missed(OTHER, &at(1).peers);
        assert_eq!(door(&book), Some(at(1).peers), "there is nothing else");
        agree(&book, 2);
        assert_eq!(door(&book), Some(at(2).peers), "it moved meanwhile");
        // Who remembers too says so.
        book.learn(OTHER, &at(9));
        book.missed(OTHER, &at(2).peers);
        assert_eq!(door(&book), Some(at(9).peers), "that was not the place that is tried");
        book.missed(OTHER, &at(9).peers);
        assert_eq!(door(&book), Some(at(2).peers));
        book.missed(OTHER, &at(2).peers);
        assert_eq!(door(&book), Some(at(9).peers), "in turn");
        assert_eq!(book.all(), BTreeMap::from([(OTHER, at(9))]));
    }
}
