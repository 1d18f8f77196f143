//! The whole node that fuzz targets ask: alone in its cluster, small, and with a clock that stands still.

use dcache_cluster::metadata::Metadata;
use dcache_core::{Clock, Config, Node};
use dcache_protocol::{Addresses, Incarnation, NodeId, NodeRecord, NodeState};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

pub const MEMORY_BYTES: u64 = 4 << 20;

pub fn node() -> &'static Arc<Node> {
    static NODE: OnceLock<Arc<Node>> = OnceLock::new();
    NODE.get_or_init(|| {
        let id = NodeId(1);
        let record = NodeRecord {
            id,
            name: "n1".into(),
            zone: String::new(),
            weight: 100,
            addresses: Addresses::default(),
            incarnation: Incarnation(1),
            state: NodeState::Up,
            version: dcache_protocol::VERSION.into(),
            level: dcache_protocol::LEVEL,
            memory_bytes: MEMORY_BYTES,
            share: Default::default(),
            maintenance_until_unix_ms: 0,
            is_stopping: false,
        };
        let clock = Clock { monotonic: || Duration::from_secs(1), unix_ms: || 1_700_000_000_000 };
        let incarnation = Incarnation(1);
        let config = Config {
            id,
            incarnation,
            workers: 1,
            memory_bytes: MEMORY_BYTES,
            clock,
            clients_max: 16,
            seed: 7,
            process_id: 1,
        };
        Arc::new(Node::new(config, Arc::new(Metadata::standalone(record))))
    })
}

/// Panics when the node holds more than it may. A report costs more than most inputs: it is made for one of 64.
pub fn check_memory() {
    static INPUTS: AtomicU64 = AtomicU64::new(0);
    if INPUTS.fetch_add(1, Relaxed) % 64 == 0 {
        assert!(node().report(0, 0).memory_used_bytes <= MEMORY_BYTES);
    }
}
