//! The whole cluster from one node: asks every node for its figures at once, with one deadline, and puts the answers beside what
//! the metadata says. A node that does not answer is shown as such, never with old or zero figures.

use crate::cluster::Cluster;
use crate::peer::{Answer, Call, PartitionColumns};
use crate::process;
use crate::upgrade;
use dcache_cluster::metadata::Metadata;
use dcache_core::health::{self, Copies, Sight};
use dcache_protocol::control::{
    ApiError, ClusterStatus, ErrorCode, Location, NamespaceFigures, NamespaceStatus, NodeIdentity, NodeReport,
    NodeStatus, OperationBrief, PartitionTable,
};
use dcache_protocol::operation::{MoveState, Operation};
use dcache_protocol::{Incarnation, NodeId, NodeRecord, NodeState, PartitionId, Slot, SlotRange, slot_in};
use futures_util::future::join_all;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long collecting from all nodes may take.
const COLLECT_DEADLINE: Duration = Duration::from_millis(800);

impl Cluster {
    /// This node's own figures.
    pub fn report(&self) -> NodeReport {
        let mut report = self.shared.core.report(process::resident_bytes(), self.shared.buffers.held());
        report.log_stopped = self.log().and_then(|log| log.leadership().borrow().stopped.clone());
        report.connections_rejected += self.shared.cut.refused.load(std::sync::atomic::Ordering::Relaxed);
        report
    }

    pub fn node_identity(&self) -> NodeIdentity {
        let identity = self.identify();
        NodeIdentity {
            id: identity.node.id,
            name: identity.node.name,
            zone: identity.node.zone,
            weight: identity.node.weight,
            version: identity.node.version,
            addresses: identity.node.addresses,
            memory_bytes: identity.node.memory_bytes,
            pid: std::process::id(),
            cluster_id: identity.cluster_id.map(|id| id.to_string()).unwrap_or_default(),
            cluster_name: identity.cluster_name,
            data_dir: self.identity.lock().dir.display().to_string(),
            items: identity.items,
        }
    }

    /// `GET /v1/cluster`.
    pub async fn status(self: &Arc<Cluster>) -> ClusterStatus {
        let begun = Instant::now();
        let metadata = self.metadata();
        let lead = self.lead();
        let mut nodes = Vec::new();
        let asked = metadata.nodes.values().map(|node| async move { (node, self.report_of(node).await) });
        for (node, report) in join_all(asked).await {
            let is_leader = lead.leader == Some(node.id);
            nodes.push(node_status(&metadata, node, report, is_leader, lead.voters.contains(&node.id)));
        }
        nodes.sort_by(|a, b| a.name.cmp(&b.name));
        let unowned = slots_where(&metadata, |node| node.is_none());
        let copies = Copies::of(&metadata);
        let operation = metadata.operation().map(|operation| brief(&metadata, operation));
        let (health, findings) = {
            let operation = operation.as_ref();
            let sight = Sight { nodes: &nodes, quorum: lead.quorum, unowned: &unowned, copies, operation };
            health::assess(sight)
        };
        let served: Vec<NodeId> = nodes.iter().filter(|node| node.serves()).map(|node| node.id).collect();
        let slots_unserved = slots_where(&metadata, |node| node.is_none_or(|node| !served.contains(&node.id)));
        let primary = |p: &PartitionId| metadata.table[p.index()].primary;
        let is_served = |p: &PartitionId| primary(p).is_some_and(|primary| served.contains(&primary.node));
        ClusterStatus {
            name: metadata.name.clone(),
            id: metadata.cluster_id.map(|id| id.to_string()).unwrap_or_default(),
            formed: metadata.is_formed(),
            epoch: metadata.epoch,
            level: metadata.level,
            leader: lead.leader.and_then(|id| metadata.nodes.get(&id)).map(|node| node.name.clone()),
            quorum: lead.quorum,
            health,
            findings,
            partitions: metadata.partitions,
            partitions_served: (0..metadata.partitions).map(PartitionId).filter(is_served).count() as u16,
            copies: metadata.spec.as_ref().map_or(0, |spec| spec.copies),
            partitions_in_sync: copies.in_sync,
            partitions_moving: metadata.table.iter().filter(|partition| partition.moving.is_some()).count() as u16,
            operation,
            slots_unserved,
            nodes,
            answered_by: self.me.read().name.clone(),
            at_unix_ms: process::unix_ms(),
            collected_in_ms: begun.elapsed().as_millis() as u64,
        }
    }

    pub(crate) async fn report_of(self: &Arc<Cluster>, node: &NodeRecord) -> Result<NodeReport, String> {
        if node.id == self.shared.id {
            return Ok(self.report());
        }
        match self.call(node.id, &Call::Report, COLLECT_DEADLINE).await {
            // Whoever took over that address meanwhile is not the node that was asked for.
            Ok(Answer::Report(report)) if report.id == node.id => Ok(*report),
            Ok(_) => Err("another node answers at its address".into()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// `GET /v1/partitions`.
    pub async fn partition_table(self: &Arc<Cluster>) -> PartitionTable {
        let metadata = self.metadata();
        let records: Vec<&NodeRecord> = metadata.nodes.values().collect();
        let asked = records.iter().map(|node| async move {
            if node.id == self.shared.id {
                return Some(self.own_partitions());
            }
            match self.call(node.id, &Call::Partitions, COLLECT_DEADLINE).await {
                Ok(Answer::Partitions(columns)) => Some(columns),
                // Shown as not served.
                _ => None,
            }
        });
        let columns: Vec<Option<PartitionColumns>> = join_all(asked).await;
        let index: BTreeMap<NodeId, usize> = records.iter().enumerate().map(|(i, node)| (node.id, i)).collect();
        let mut table = PartitionTable {
            epoch: metadata.epoch,
            nodes: records.iter().map(|node| node.name.clone()).collect(),
            ..PartitionTable::default()
        };
        for (number, partition) in metadata.table.iter().enumerate() {
            let owner = partition.holder().and_then(|id| index.get(&id).copied());
            let figures = owner.and_then(|i| columns[i].as_ref());
            let is_up = partition.primary.is_some() && owner.is_some_and(|i| records[i].state == NodeState::Up);
            let is_same = |figures: &PartitionColumns| {
                owner.is_some_and(|i| !is_other_process(figures.incarnation, records[i].incarnation))
            };
            let at = |column: fn(&PartitionColumns) -> &Vec<u64>| {
                figures.and_then(|f| column(f).get(number)).copied().unwrap_or_default()
            };
            table.primary.push(owner.map(|i| i as u16));
            table.served.push(is_up && figures.is_some_and(is_same));
            table.ops.push(at(|c| &c.ops));
            table.items.push(at(|c| &c.items));
            table.memory_bytes.push(at(|c| &c.memory_bytes));
            table.uncopied_bytes.push(at(|c| &c.uncopied_bytes));
            table.ops_a_second.push(at(|c| &c.ops_a_second));
            table.moving.push(partition.moving.is_some());
        }
        table
    }

    /// `GET /v1/namespaces`: every namespace with its figures summed over the nodes that answered.
    pub async fn namespaces(self: &Arc<Cluster>) -> Vec<NamespaceStatus> {
        let metadata = self.metadata();
        let asked = metadata.nodes.values().map(|node| async move { (node.name.clone(), self.report_of(node).await) });
        let reports = join_all(asked).await;
        let missing: Vec<String> = reports.iter().filter(|(_, r)| r.is_err()).map(|(name, _)| name.clone()).collect();
        let of = |name: &str| {
            let figures = reports.iter().flat_map(|(_, report)| report).flat_map(|report| &report.namespaces);
            let mut sum = NamespaceFigures { name: name.into(), ..NamespaceFigures::default() };
            for figures in figures.filter(|figures| figures.name == name) {
                sum.add(figures);
            }
            sum
        };
        let statuses = metadata.namespaces.values().map(|spec| {
            let mut figures = NamespaceFigures { eviction: spec.eviction, ..of(&spec.name) };
            let nodes = metadata.nodes.len() as u64;
            let on_all = |bytes: Option<u64>| bytes.map(|bytes| bytes.saturating_mul(nodes));
            (figures.memory_max_bytes, figures.memory_min_bytes) =
                (on_all(spec.memory_max_bytes), on_all(spec.memory_min_bytes));
            NamespaceStatus { spec: spec.clone(), figures, missing: missing.clone() }
        });
        statuses.collect()
    }

    /// `GET /v1/namespaces/{name}`.
    pub async fn namespace(self: &Arc<Cluster>, name: &str) -> Result<NamespaceStatus, ApiError> {
        let found = self.namespaces().await.into_iter().find(|namespace| namespace.spec.name == name);
        found.ok_or_else(|| ApiError {
            code: ErrorCode::NotFound,
            message: format!("no namespace named {name:?}"),
            why: None,
            hints: vec!["see them all: dcache namespace list".into()],
        })
    }

    /// `GET /v1/locate`.
    pub fn locate(&self, number: u16, key: &[u8]) -> Location {
        let (metadata, view) = (self.metadata(), self.shared.core.view());
        let slot = slot_in(view.database(number), key);
        Location {
            slot: slot.number(),
            partition: PartitionId::of(slot, metadata.partitions).0,
            node: metadata.holder_of(slot).map(|node| node.name.clone()),
            namespace: view.namespace(view.namespace_of(number, key)).name.clone(),
        }
    }
}

/// Whether the process that says it is this one is another one than the process that was agreed on. 0: it does not say.
fn is_other_process(says: Incarnation, agreed: Incarnation) -> bool {
    says != Incarnation::default() && says != agreed
}

fn node_status(
    metadata: &Metadata,
    node: &NodeRecord,
    report: Result<NodeReport, String>,
    leader: bool,
    voter: bool,
) -> NodeStatus {
    let partitions: Vec<PartitionId> = metadata.partitions_of(node.id).collect();
    let is_in_sync = |p: &PartitionId| metadata.table[p.index()].in_sync.iter().any(|member| member.node == node.id);
    let slot_ranges = SlotRange::join(partitions.iter().map(|partition| partition.slots(metadata.partitions)));
    NodeStatus {
        id: node.id,
        name: node.name.clone(),
        zone: node.zone.clone(),
        weight: node.weight,
        version: node.version.clone(),
        addresses: node.addresses.clone(),
        state: node.state,
        reachable: report.is_ok(),
        restarted: report.as_ref().is_ok_and(|report| is_other_process(report.incarnation, node.incarnation)),
        share: node.share,
        maintenance_until_unix_ms: node.maintenance_until_unix_ms,
        leader,
        voter,
        partitions: partitions.len() as u16,
        backups: metadata.backups_of(node.id).count() as u16,
        backups_in_sync: metadata.backups_of(node.id).filter(is_in_sync).count() as u16,
        slots: slot_ranges.iter().map(SlotRange::len).sum::<usize>() as u16,
        slot_ranges,
        memory_limit_bytes: node.memory_bytes,
        error: report.as_ref().err().cloned(),
        report: report.ok(),
    }
}

fn brief(metadata: &Metadata, operation: &Operation) -> OperationBrief {
    let name = |node: &NodeId| metadata.nodes.get(node).map_or_else(|| node.to_string(), |node| node.name.clone());
    OperationBrief {
        id: operation.id,
        kind: operation.kind,
        nodes: operation.nodes.iter().map(name).collect(),
        state: operation.state,
        moves_done: operation.count(MoveState::Done) as u64,
        moves_total: operation.moves.len() as u64,
        held: operation.held.clone(),
        upgrade: upgrade::status_of(metadata, operation),
    }
}

fn slots_where(metadata: &Metadata, mut wanted: impl FnMut(Option<&NodeRecord>) -> bool) -> Vec<SlotRange> {
    SlotRange::join(Slot::all().filter(|slot| wanted(metadata.holder_of(*slot))))
}
