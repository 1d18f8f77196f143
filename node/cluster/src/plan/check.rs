//! Whether a plan can be carried out now, wherever it comes from: a plan is a file, and people may edit it. So what is looked at
//! is what it says, not whether its id is that of its contents. What is not looked at: whether it is a good plan.

use super::situation::node_named;
use super::{Metadata, NodeId, Plan, PlanError, PlannedMove, topology_of};
use dcache_protocol::NodeState;
use dcache_protocol::operation::{Move, MoveState};
use std::collections::BTreeSet;

/// The plan's moves with nodes by id, or what is wrong with it.
pub fn check(plan: &Plan, metadata: &Metadata) -> Result<Vec<Move>, PlanError> {
    if plan.cluster != metadata.name {
        return Err(PlanError::Invalid(format!("it is for cluster {:?}, this is {:?}", plan.cluster, metadata.name)));
    }
    let now = topology_of(metadata);
    if plan.epoch != now {
        return Err(PlanError::Stale { planned: plan.epoch, now, partition: None });
    }
    for name in &plan.nodes {
        node_named(metadata, name)?;
    }
    let mut met = BTreeSet::new();
    let mut moves = Vec::with_capacity(plan.moves.len());
    for planned in &plan.moves {
        if !met.insert(planned.partition) {
            return Err(PlanError::Invalid(format!("partition {} is moved twice", planned.partition.0)));
        }
        moves.push(checked(planned, metadata)?);
    }
    Ok(moves)
}

fn checked(planned: &PlannedMove, metadata: &Metadata) -> Result<Move, PlanError> {
    let partition = planned.partition;
    let Some(held) = metadata.table.get(partition.index()) else {
        return Err(PlanError::NoSuchPartition(partition, metadata.partitions - 1));
    };
    let ids = |names: &[String]| -> Result<Vec<NodeId>, PlanError> {
        names.iter().map(|name| node_named(metadata, name).map(|node| node.id)).collect()
    };
    let (from, to) = (ids(&planned.from)?, ids(&planned.to)?);
    let today: Vec<NodeId> = held.holder().into_iter().chain(held.backups()).collect();
    if from.first() != today.first() || as_set(&from) != as_set(&today) || from.len() != today.len() {
        let now = topology_of(metadata);
        return Err(PlanError::Stale { planned: now, now, partition: Some(partition) });
    }
    let invalid = |what: String| Err(PlanError::Invalid(format!("partition {} {what}", partition.0)));
    if held.primary.is_none() {
        return invalid("has no primary to be read from".into());
    }
    if to.is_empty() {
        return invalid("would be held by nobody".into());
    }
    if as_set(&to).len() != to.len() {
        return invalid(format!("would have two copies on one node: {}", planned.to.join(", ")));
    }
    // More than that many it may have only if it has them already.
    let most = metadata.spec.as_ref().map_or(1, |spec| usize::from(spec.copies) + 1).max(from.len());
    if to.len() > most {
        return invalid(format!("would have {} copies, more than {most}", to.len()));
    }
    let is_down = |node: &NodeId| metadata.nodes[node].state == NodeState::Down;
    let new = to.iter().position(|node| is_down(node) && !from.contains(node));
    if let Some(down) = new.or_else(|| is_down(&to[0]).then_some(0)) {
        return invalid(format!("would go to {}, which is down", planned.to[down]));
    }
    Ok(Move { partition, from, to, bytes: planned.bytes, state: MoveState::Waiting })
}

fn as_set(nodes: &[NodeId]) -> BTreeSet<NodeId> {
    nodes.iter().copied().collect()
}
