//! Words: everything that is said on dcache's wires, and nothing that says it.
//!
//! - clients speak RESP2 or RESP3 ([`resp`]) to the gateway door and the cluster door;
//! - operators speak JSON over HTTP ([`control`]) to the control door;
//! - nodes speak length-prefixed frames ([`peer`]) to each other's peers door.
//!
//! The nouns ([`Slot`], [`NodeRecord`], [`NamespaceSpec`], [`PartitionId`]) are the same types in the operator's
//! request, in the replicated metadata, in a worker's view and on the dashboard. No I/O, no clock, no async here.

pub mod control;
pub mod error;
pub mod level;
pub mod namespace;
pub mod node;
pub mod operation;
pub mod partition;
pub mod peer;
pub mod resp;
pub mod size;
pub mod slot;

pub use level::{LEVEL, LEVEL_OLDEST};
pub use namespace::{Consistency, Eviction, Match, NamespaceSpec, Placement};
pub use node::{Addresses, Incarnation, NodeId, NodeRecord, NodeState, Share};
pub use partition::{Epoch, PartitionId, Seq};
pub use slot::{SLOTS, Slot, SlotRange, slot_in, slot_of};

/// The version this build reports everywhere: banner, `INFO`, control API, peers.
pub const VERSION: &str = if cfg!(feature = "next") { "0.2.0" } else { env!("CARGO_PKG_VERSION") };

/// The Redis version whose behaviour clients may expect. Clients parse it and gate features on it
/// (Sidekiq refuses below 7.0.0, redis-py caches on the client's side from 7.4.0 on, which is also where fields of hashes
/// expire; rueidis switches to `CLUSTER SHARDS` at 8).
pub const REDIS_VERSION: &str = "7.4.0";
