//! What all threads of a node share: the core node, the address book, buffer accounts, the stop signal.
//! Everything here is read often and changed seldom, or is one atomic number.

use crate::copies::CopyLinks;
use dcache_protocol::{Addresses, NodeId, NodeRecord};
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

/// Where each node was last heard of: hints, corrected by what nodes say of themselves and by what is agreed on.
///
/// A record that is agreed on tells where its node was when it registered. When all nodes come back at other addresses at once, they
/// find each other by what they say; the first agreement among them may be that somebody is down, and its records are old ones still.
/// So what is agreed on counts where it has changed, and where there is only what this node remembers of its last life.
#[derive(Debug, Default)]
pub struct AddressBook {
    entries: RwLock<BTreeMap<NodeId, Entry>>,
}

#[derive(Debug)]
struct Entry {
    addresses: Addresses,
    /// Of an earlier life of this process: what is agreed on may be newer.
    is_remembered: bool,
}

impl AddressBook {
    pub fn peers_door(&self, node: NodeId) -> Option<String> {
        self.entries.read().get(&node).map(|entry| entry.addresses.peers.clone())
    }

    /// What this node knew when it ran last.
    pub fn remember(&self, node: NodeId, addresses: &Addresses) {
        let entry = Entry { addresses: addresses.clone(), is_remembered: true };
        self.entries.write().entry(node).or_insert(entry);
    }

    /// True when this is news.
    pub fn learn(&self, node: NodeId, addresses: &Addresses) -> bool {
        let is_known = |entry: &Entry| entry.addresses == *addresses && !entry.is_remembered;
        if self.entries.read().get(&node).is_some_and(is_known) {
            return false;
        }
        self.entries.write().insert(node, Entry { addresses: addresses.clone(), is_remembered: false });
        true
    }

    /// Another state of the metadata is agreed on. This node's own addresses are no hints.
    pub fn follow(&self, me: NodeId, before: &BTreeMap<NodeId, NodeRecord>, next: &BTreeMap<NodeId, NodeRecord>) {
        for (id, node) in next.iter().filter(|(id, _)| **id != me) {
            let is_news = match before.get(id) {
                Some(known) => known.addresses != node.addresses,
                None => self.entries.read().get(id).is_none_or(|entry| entry.is_remembered),
            };
            if is_news {
                self.learn(*id, &node.addresses);
            }
        }
        if before.keys().any(|id| !next.contains_key(id)) {
            self.entries.write().retain(|id, _| next.contains_key(id) || !before.contains_key(id));
        }
    }

    pub fn all(&self) -> BTreeMap<NodeId, Addresses> {
        self.entries.read().iter().map(|(node, entry)| (*node, entry.addresses.clone())).collect()
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
    use dcache_protocol::{Incarnation, NodeState, Share};

    fn record(id: u64, port: u16) -> NodeRecord {
        NodeRecord {
            id: NodeId(id),
            name: format!("n{id}"),
            zone: String::new(),
            weight: NodeRecord::WEIGHT_DEFAULT,
            addresses: addresses(port),
            incarnation: Incarnation(id),
            state: NodeState::Up,
            version: String::new(),
            level: dcache_protocol::LEVEL,
            memory_bytes: 0,
            share: Share::default(),
            maintenance_until_unix_ms: 0,
            is_stopping: false,
        }
    }

    fn addresses(port: u16) -> Addresses {
        Addresses { peers: format!("10.0.0.1:{port}"), ..Addresses::default() }
    }

    fn nodes(records: &[NodeRecord]) -> BTreeMap<NodeId, NodeRecord> {
        records.iter().map(|record| (record.id, record.clone())).collect()
    }

    #[test]
    fn what_nodes_say_of_themselves_outlives_what_was_agreed_on_before() {
        let (book, me, other) = (AddressBook::default(), NodeId(1), NodeId(2));
        let at = || book.peers_door(other);
        let agreed = nodes(&[record(1, 1), record(2, 2)]);
        book.follow(me, &BTreeMap::new(), &agreed);
        assert_eq!((book.peers_door(me), at()), (None, Some("10.0.0.1:2".into())), "the only hint there is");
        // It is at another place by now, and has said so.
        book.learn(other, &addresses(3));
        let mut down = agreed.clone();
        down.values_mut().for_each(|node| node.state = NodeState::Down);
        book.follow(me, &agreed, &down);
        assert_eq!(at(), Some("10.0.0.1:3".into()), "nothing new is agreed on about where it is");
        // As a node that starts again sees its log for the first time.
        book.follow(me, &BTreeMap::new(), &down);
        assert_eq!(at(), Some("10.0.0.1:3".into()));
        let again = AddressBook::default();
        again.remember(other, &addresses(9));
        assert_eq!(again.peers_door(other), Some("10.0.0.1:9".into()), "the only hint there is");
        again.follow(me, &BTreeMap::new(), &down);
        assert_eq!(again.peers_door(other), Some("10.0.0.1:2".into()), "it moved while this node did not run");
        let moved = nodes(&[record(1, 1), record(2, 4)]);
        book.follow(me, &down, &moved);
        assert_eq!(at(), Some("10.0.0.1:4".into()));
        book.follow(me, &moved, &nodes(&[record(1, 1)]));
        assert_eq!(at(), None, "it is a node of this cluster no more");
    }
}
