//! What is to go to each other node, as bytes in order. A thread that has something for a node appends it here, under the lock
//! of the partition it is about, so each partition's messages stay in order whichever threads they come from; the node crate
//! takes the bytes to the socket.
//!
//! A queue that its node does not drain is bounded: what does not fit is lost, and the machines send it again as they do with
//! what the network lost.

use dcache_protocol::NodeId;
use parking_lot::{Mutex, RwLock};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// Bytes that may wait for one node.
pub const QUEUE_BYTES_MAX: usize = 16 << 20;

/// Bytes beyond which nothing is added that can wait: pieces of full syncs.
pub const QUEUE_BYTES_BUSY: usize = 4 << 20;

/// What waits for one node.
#[derive(Debug, Default)]
pub struct Queue {
    bytes: Mutex<Vec<u8>>,
    /// Something was added since it was drained last.
    is_filled: AtomicBool,
    lost: AtomicU64,
}

impl Queue {
    /// Adds one frame: `write` appends its content.
    pub(crate) fn push(&self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = self.bytes.lock();
        if bytes.len() > QUEUE_BYTES_MAX {
            self.lost.fetch_add(1, Relaxed);
            return;
        }
        let mark = bytes.len();
        bytes.extend_from_slice(&[0; 4]);
        write(&mut bytes);
        let length = (bytes.len() - mark - 4) as u32;
        bytes[mark..mark + 4].copy_from_slice(&length.to_le_bytes());
        self.is_filled.store(true, Relaxed);
    }

    /// Moves all that waits to the end of `out`.
    pub fn drain_into(&self, out: &mut Vec<u8>) {
        if !self.is_filled.load(Relaxed) {
            return;
        }
        let mut bytes = self.bytes.lock();
        self.is_filled.store(false, Relaxed);
        if out.is_empty() {
            std::mem::swap(out, &mut bytes);
        } else {
            out.extend_from_slice(&bytes);
        }
        bytes.clear();
    }

    pub fn is_filled(&self) -> bool {
        self.is_filled.load(Relaxed)
    }

    /// Drops what waits: whoever it was for is not there.
    pub fn clear(&self) {
        self.bytes.lock().clear();
        self.is_filled.store(false, Relaxed);
    }

    pub(crate) fn is_busy(&self) -> bool {
        self.bytes.lock().len() > QUEUE_BYTES_BUSY
    }

    /// Messages that did not fit.
    pub fn lost(&self) -> u64 {
        self.lost.load(Relaxed)
    }
}

/// The queues of all other nodes.
#[derive(Debug, Default)]
pub struct Queues(RwLock<BTreeMap<NodeId, Arc<Queue>>>);

impl Queues {
    pub fn of(&self, node: NodeId) -> Arc<Queue> {
        if let Some(queue) = self.0.read().get(&node) {
            return Arc::clone(queue);
        }
        Arc::clone(self.0.write().entry(node).or_default())
    }

    /// Messages that did not fit, of all nodes.
    pub fn lost(&self) -> u64 {
        self.0.read().values().map(|queue| queue.lost()).sum()
    }

    /// Nodes for which something waits, with their queues.
    pub fn filled(&self) -> Vec<(NodeId, Arc<Queue>)> {
        let queues = self.0.read();
        let filled = queues.iter().filter(|(_, queue)| queue.is_filled());
        filled.map(|(node, queue)| (*node, Arc::clone(queue))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_out_in_order_and_only_so_many_wait() {
        let queues = Queues::default();
        let queue = queues.of(NodeId(1));
        assert!(queues.filled().is_empty());
        queue.push(|out| out.extend_from_slice(b"ab"));
        queue.push(|_| ());
        assert_eq!(queues.filled().len(), 1);
        let mut out = vec![9];
        queue.drain_into(&mut out);
        assert_eq!(out, [9, 2, 0, 0, 0, b'a', b'b', 0, 0, 0, 0]);
        assert!(!queue.is_filled());
        for _ in 0..20 {
            queue.push(|out| out.resize(out.len() + (1 << 20), 0));
        }
        assert_eq!(queue.lost(), 4, "16 MiB and the four bytes of each length");
        out.clear();
        queue.drain_into(&mut out);
        assert!(out.len() < QUEUE_BYTES_MAX + (2 << 20));
    }
}
