//! The planner: which partitions change nodes so that every node holds its share, and in which order. Pure: same metadata, same
//! load, same request, same plan, on any node.
//!
//! ```text
//!  metadata ─► situation ─┬─ by count:          count, roles, placement ─┐
//!  request ─┘   who may   └─ by memory or load: weighted ────────────────┴─► tables before and after ─► moves, in an order
//!               hold what
//! ```
//!
//! What is meant by a share. Nodes with [`Share::Full`] that are up hold partitions by weight. An add counts its nodes among
//! them, a drain and a remove do not count theirs. All others that are up give away what they hold. Partitions that lack copies
//! get them, as far as there are nodes: a plan does what [`crate::repair`] would do too, and repair does nothing after it.
//!
//! Nodes that are down keep what they are to hold copies of, in every plan but their own drain or remove: they may come back
//! with it before repair gives it to others, and that is repair's decision, which waits for a grace a plan does not know. Nothing
//! moves to them. A partition whose primary is on a node that is up is moved whether or not its other copies are down, since
//! it is read from its primary. One without a primary waits for its last copy: nobody can read it, it stays, and a warning says
//! so; of a drained node it must be moved by another plan when it is back, or be given up.
//!
//! What a move costs: its new holders are sent the partition. A primary that changes among copies in sync costs only what
//! namespaces without copies hold, which is nowhere else. So of the tables that are balanced a plan takes one with as few new
//! holders as there can be, then with as few changes of primaries.
//!
//! Left out: when moves begin and how fast they go (`operation`), and what is done while a node is upgraded (no moves).

mod check;
mod count;
mod order;
mod roles;
mod shares;
mod situation;
mod weighted;

pub use check::check;
pub use situation::node_named;

use crate::metadata::Metadata;
use dcache_protocol::operation::{Balance, OperationKind, Plan, PlanRequest, PlannedMove};
use dcache_protocol::{Epoch, NodeId, PartitionId, Share};
use situation::Situation;
use std::collections::BTreeMap;
use std::fmt::{self, Write};

/// What partitions and nodes carry, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// By number; those missing at the end carry nothing.
    pub partitions: Vec<PartitionLoad>,
    /// Nodes that answered.
    pub nodes: BTreeMap<NodeId, NodeLoad>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PartitionLoad {
    /// Memory of its primary's entries.
    pub bytes: u64,
    /// Of these, of namespaces without copies.
    pub uncopied_bytes: u64,
    /// Requests a second.
    pub ops: u64,
}

impl PartitionLoad {
    /// What a copy holds that is not the primary.
    fn copied_bytes(&self) -> u64 {
        self.bytes.saturating_sub(self.uncopied_bytes)
    }

    fn held_by(&self, holders: &[NodeId], node: NodeId) -> u64 {
        match holders.iter().position(|holder| *holder == node) {
            None => 0,
            Some(0) => self.bytes,
            Some(_) => self.copied_bytes(),
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeLoad {
    /// Limit of its cache memory; 0: as it said when it registered.
    pub memory_bytes: u64,
    pub used_bytes: u64,
}

impl Load {
    fn of(&self, partition: usize) -> PartitionLoad {
        self.partitions.get(partition).copied().unwrap_or_default()
    }
}

/// Why there is no plan, or why one cannot be carried out. The operator's to mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    #[error("operations of kind {0} have no moves to plan")]
    NotPlanned(OperationKind),
    #[error("there is no node {name:?}{}", did_you_mean(near))]
    NoSuchNode { name: String, near: Vec<String> },
    #[error("there is no partition {}: they are numbered 0 to {}", .0.0, .1)]
    NoSuchPartition(PartitionId, u16),
    /// Names where there are to be none, or none where there are to be some.
    #[error("{0}")]
    Nodes(String),
    #[error("node {0} is down: it can be given nothing before it is back")]
    Down(String),
    #[error("nothing is left to hold what {0} holds: no other node is up that is to hold partitions")]
    NobodyLeft(String),
    #[error("partition {} is pinned, and {node} is to give up its copy of it: leave out the pin", partition.0)]
    Pinned { partition: PartitionId, node: String },
    #[error("{}", stale(*planned, *now, *partition))]
    Stale { planned: Epoch, now: Epoch, partition: Option<PartitionId> },
    /// Of a plan that somebody wrote.
    #[error("the plan cannot be carried out: {0}")]
    Invalid(String),
}

fn did_you_mean(near: &[String]) -> String {
    if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(", ")) }
}

fn stale(planned: Epoch, now: Epoch, partition: Option<PartitionId>) -> String {
    let what = match partition {
        Some(partition) => format!("partition {} is not where the plan says it is", partition.0),
        None => format!("the plan was made for topology {}, and it is {} now", planned.0, now.0),
    };
    format!("{what}: make the plan anew")
}

/// The number of the last change of nodes, of their shares, of who holds what.
pub fn topology_of(metadata: &Metadata) -> Epoch {
    metadata.topology
}

/// What is to be done for `request`.
pub fn plan(metadata: &Metadata, load: &Load, request: &PlanRequest) -> Result<Plan, PlanError> {
    let situation = Situation::of(metadata, request)?;
    let mut warnings = situation.warnings(metadata);
    warnings.extend(shares::unanswered(metadata, load, &situation));
    let name = |node: &NodeId| metadata.nodes.get(node).map(|node| node.name.clone()).unwrap_or_default();
    let after = match request.by {
        Balance::Count => count::place(&situation),
        Balance::Memory | Balance::Load => match weighted::place(&situation, load, request.by) {
            Some(weighted) => {
                warnings.extend(weighted.giants.iter().map(|giant| giant.warning(name)));
                weighted.after
            }
            None => {
                warnings.push(format!("nothing is known to balance by {} with: balanced by count", request.by));
                count::place(&situation)
            }
        },
    };
    let changed: Vec<usize> =
        (0..after.len()).filter(|partition| !is_same(&situation.today[*partition], &after[*partition])).collect();
    let ordered = order::of(&changed, &situation.today, &after, load);
    warnings.extend(ordered.hot.iter().map(|hot| hot.warning(name)));
    let planned = |partition: &usize| PlannedMove {
        partition: PartitionId(*partition as u16),
        from: situation.today[*partition].iter().map(&name).collect(),
        to: after[*partition].iter().map(&name).collect(),
        bytes: copied(&situation.today[*partition], &after[*partition], load.of(*partition)),
    };
    let moves: Vec<PlannedMove> = ordered.partitions.iter().map(planned).collect();
    let shares = shares::of(metadata, load, &situation.today, &after);
    warnings.extend(shares.iter().filter_map(shares::memory_warning));
    let imbalance = |table| shares::imbalance(&situation, request.by, load, table, &after);
    let mut plan = Plan {
        id: String::new(),
        cluster: metadata.name.clone(),
        epoch: topology_of(metadata),
        kind: request.kind,
        nodes: situation.named.iter().map(&name).collect(),
        by: request.by,
        imbalance_before: imbalance(&situation.today),
        imbalance_after: imbalance(&after),
        bytes: moves.iter().map(|each| each.bytes).sum(),
        to: None,
        moves,
        shares,
        warnings,
    };
    plan.id = id_of(&plan);
    Ok(plan)
}

/// Whether the same nodes hold copies, and the same one is primary. In which order the others would take over is nothing to
/// move for.
fn is_same(before: &[NodeId], after: &[NodeId]) -> bool {
    before.len() == after.len() && before.first() == after.first() && after.iter().all(|node| before.contains(node))
}

/// Bytes to be sent so that the copies after have what those before have: to new holders all that is copied, to another
/// primary what is not.
fn copied(before: &[NodeId], after: &[NodeId], load: PartitionLoad) -> u64 {
    let new = after.iter().filter(|node| !before.contains(node)).count() as u64;
    let is_handed_over = before.first() != after.first();
    new * load.copied_bytes() + if is_handed_over { load.bytes - load.copied_bytes() } else { 0 }
}

/// A hash of what a plan does (FNV-1a of 64 bits, folded: Fowler, Noll, Vo; draft-eastlake-fnv), not of the figures it was made
/// with: those are measured, and a byte more or less makes no other plan. Of debugging text, since this crate writes no JSON and
/// ids are compared only among plans of one build.
fn id_of(plan: &Plan) -> String {
    struct Fnv(u64);
    impl Write for Fnv {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            for byte in text.bytes() {
                self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
            }
            Ok(())
        }
    }
    let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
    let Plan { cluster, epoch, kind, nodes, by, moves, to, .. } = plan;
    let mut moves: Vec<_> = moves.iter().map(|each| (each.partition, &each.from, &each.to)).collect();
    moves.sort();
    // Writing into a hash does not fail.
    let _ = write!(hash, "{:?}", (cluster, epoch, kind, nodes, by, moves, to));
    format!("{:08x}", (hash.0 >> 32) as u32 ^ hash.0 as u32)
}

#[cfg(test)]
mod tests;
