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

/// Where each node was last heard of: hints, corrected by every committed record and every heartbeat.
#[derive(Debug, Default)]
pub struct AddressBook {
    entries: RwLock<BTreeMap<NodeId, Addresses>>,
}

impl AddressBook {
    pub fn peers_door(&self, node: NodeId) -> Option<String> {
        self.entries.read().get(&node).map(|addresses| addresses.peers.clone())
    }

    /// True when this is news.
    pub fn learn(&self, node: NodeId, addresses: &Addresses) -> bool {
        if self.entries.read().get(&node) == Some(addresses) {
            return false;
        }
        self.entries.write().insert(node, addresses.clone());
        true
    }

    pub fn all(&self) -> BTreeMap<NodeId, Addresses> {
        self.entries.read().clone()
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
