//! Upgrades: nodes get another build one after the other. Whose turn it is hands over what it serves; then its new process is waited
//! for, which whoever runs the nodes starts, and its copies to be in sync; then comes the next one. On the metadata leader, which
//! comes last: so it changes once.
//!
//! Left out: how a build gets to a machine and who starts it there (a service manager, a person).

use crate::cluster::Cluster;
use dcache_cluster::metadata::{Command, Metadata, Step};
use dcache_protocol::control::{ApiError, ErrorCode};
use dcache_protocol::operation::{
    Balance, Doing, Operation, OperationKind, OperationState, Plan, PlanRequest, Upgrade, UpgradeStatus,
};
use dcache_protocol::{NodeId, NodeRecord, NodeState};
use std::sync::Arc;

fn doing(metadata: &Metadata, upgrade: &Upgrade, node: &NodeRecord) -> Doing {
    let of_node = || metadata.table.iter().filter(|partition| partition.copies.contains(&node.id));
    let is_in_sync = |partition: &dcache_cluster::failover::Configuration| {
        partition.primary.is_some() && partition.in_sync.iter().any(|member| member.node == node.id)
    };
    if node.version == upgrade.to && node.state == NodeState::Up {
        return if of_node().all(is_in_sync) { Doing::Done } else { Doing::ComesInSync };
    }
    let serves = |partition: &dcache_cluster::failover::Configuration| {
        partition.primary.is_some_and(|primary| primary.node == node.id) && partition.in_sync.len() > 1
    };
    if node.state == NodeState::Up && of_node().any(serves) { Doing::HandsOver } else { Doing::Restarts }
}

impl Cluster {
    /// The order of the nodes, and what an operator should know before.
    pub(crate) fn plan_upgrade(&self, metadata: &Metadata, request: &PlanRequest) -> Result<Plan, ApiError> {
        let failed =
            |code, message: String, hint: &str| ApiError { code, message, why: None, hints: vec![hint.into()] };
        let Some(to) = request.to.clone().filter(|to| !to.is_empty()) else {
            let message = "an upgrade needs the version that nodes are to run".into();
            return Err(failed(ErrorCode::Invalid, message, "say it: dcache cluster upgrade start --to VERSION"));
        };
        let leader = self.lead().leader;
        let mut nodes: Vec<&NodeRecord> = metadata.nodes.values().filter(|node| node.version != to).collect();
        nodes.sort_by_key(|node| (leader == Some(node.id), &node.name));
        let mut warnings: Vec<String> = Vec::new();
        for node in nodes.iter().filter(|node| node.state == NodeState::Down) {
            warnings.push(format!("{} is down: it is waited for when its turn comes", node.name));
        }
        let alone = metadata.table.iter().filter(|partition| partition.in_sync.len() < 2).count();
        if alone > 0 {
            warnings.push(format!(
                "{alone} partitions have one copy: nobody serves them while their node restarts, and it comes back empty"
            ));
        }
        for namespace in metadata.namespaces.values().filter(|namespace| namespace.replicas == Some(0)) {
            warnings.push(format!(
                "namespace {} has no copies: what a node holds of it is lost when it restarts",
                namespace.name
            ));
        }
        let names: Vec<String> = nodes.iter().map(|node| node.name.clone()).collect();
        // Equal plans have equal ids (FNV-1a, folded).
        let text = format!("{to} {names:?} {}", metadata.topology.0);
        let hash = text
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Ok(Plan {
            id: format!("{:08x}", (hash >> 32) as u32 ^ hash as u32),
            cluster: metadata.name.clone(),
            epoch: metadata.topology,
            kind: OperationKind::Upgrade,
            nodes: names,
            by: Balance::Count,
            imbalance_before: 0.0,
            imbalance_after: 0.0,
            bytes: 0,
            to: Some(to),
            moves: Vec::new(),
            shares: Vec::new(),
            warnings,
        })
    }
}

/// On the leader: what comes next of an upgrade that runs.
pub(crate) async fn step(cluster: &Arc<Cluster>, metadata: &Metadata) {
    let Some(operation) = metadata.operation().filter(|operation| operation.state == OperationState::Running) else {
        return;
    };
    let Some(upgrade) = &operation.upgrade else { return };
    let step = match upgrade.current.and_then(|node| metadata.nodes.get(&node)) {
        None => match next(cluster.shared.id, metadata, operation, upgrade) {
            Some(next) => Step::Turn(next),
            None => Step::End { state: OperationState::Done, why: None },
        },
        Some(node) => match doing(metadata, upgrade, node) {
            Doing::Done => Step::TurnOver(node.id),
            Doing::HandsOver => {
                let held = Some(format!("{} hands over what it serves", node.name));
                if let Err(error) = cluster.failover(&node.name).await {
                    tracing::debug!("the node whose turn it is does not hand over: {}", error.message);
                }
                Step::Held(held)
            }
            Doing::Restarts => Step::Held(Some(format!("{} is to be started again with {}", node.name, upgrade.to))),
            Doing::ComesInSync => Step::Held(Some(format!("the copies of {} come in sync", node.name))),
        },
    };
    if matches!(&step, Step::Held(held) if *held == operation.held) {
        return;
    }
    // What fails is looked at again.
    let _ = cluster.propose(Command::StepOperation { operation: operation.id, step }).await;
}

/// Whose turn comes: in the plan's order, then those that joined since with another build; the leader last of all. Who went
/// back to another build has its turn again.
fn next(leader: NodeId, metadata: &Metadata, operation: &Operation, upgrade: &Upgrade) -> Option<NodeId> {
    let is_done = |node: &NodeRecord| node.version == upgrade.to && upgrade.done.contains(&node.id);
    let runs_another = |node: &&NodeRecord| node.version != upgrade.to && !operation.nodes.contains(&node.id);
    let planned = operation.nodes.iter().filter_map(|node| metadata.nodes.get(node));
    let waiting = planned.filter(|node| !is_done(node)).chain(metadata.nodes.values().filter(runs_another));
    // Of equals the first.
    waiting.min_by_key(|node| node.id == leader).map(|node| node.id)
}

/// As it is shown.
pub(crate) fn status_of(metadata: &Metadata, operation: &Operation) -> Option<UpgradeStatus> {
    let upgrade = operation.upgrade.as_ref()?;
    let name = |node: &NodeId| metadata.nodes.get(node).map_or_else(|| node.to_string(), |node| node.name.clone());
    let current = upgrade.current.filter(|_| !operation.state.is_over()).and_then(|node| metadata.nodes.get(&node));
    let doing = current.map(|node| doing(metadata, upgrade, node));
    // Who went back to another build has its turn again. What is over was so when it ended.
    let runs_it = |id: &NodeId| {
        operation.state.is_over() || metadata.nodes.get(id).is_some_and(|node| node.version == upgrade.to)
    };
    Some(UpgradeStatus {
        to: upgrade.to.clone(),
        current: current.map(|node| node.name.clone()),
        doing,
        done: upgrade.done.iter().filter(|node| runs_it(node)).map(name).collect(),
    })
}
