//! Forming a cluster of standalone nodes, and taking a fresh node into a formed one.
//!
//! Forming: ask every node who it is, check, plan the table, have each node adopt the cluster (open its metadata log), let the
//! first voters elect a leader, and commit `Form` as the log's first entry. Every step may be repeated: a run that died
//! half-way is finished by running it again. What is refused is refused before anything was changed.

use crate::cluster::{Cluster, internal, unavailable};
use crate::identity::{Membership, random_u64};
use crate::peer::{Answer, Call, PeerIdentity};
use dcache_cluster::failover::Configuration;
use dcache_cluster::metadata::{Command, Metadata, Refusal};
use dcache_cluster::placement::{self, Assignment, Candidate};
use dcache_cluster::repair::voters_of;
use dcache_core::control::Input;
use dcache_protocol::control::{ApiError, ClusterSpec, ErrorCode, InitOutcome, InitRequest, InitResult, InitShare};
use dcache_protocol::namespace::{COPIES_MAX, is_name};
use dcache_protocol::{Addresses, NodeId, NodeRecord, NodeState, SLOTS, Share, VERSION};
use futures_util::future::join_all;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

const IDENTIFY_DEADLINE: Duration = Duration::from_secs(2);
const ADOPT_DEADLINE: Duration = Duration::from_secs(5);

/// How long all nodes may take to act on the new cluster.
const FORM_DEADLINE: Duration = Duration::from_secs(15);

/// Nodes a cluster may begin with.
const NODES_MAX: usize = 1000;

impl Cluster {
    /// `cluster init`, carried out by the node that was asked; it must be in the spec itself.
    pub async fn init(self: &Arc<Cluster>, request: InitRequest) -> Result<InitResult, ApiError> {
        let _one_at_a_time = self.forming.lock().await;
        let InitRequest { spec, dry_run, drop_keys } = request;
        check_spec(&spec)?;
        if let Some(result) = already_formed(&self.metadata(), &spec)? {
            return Ok(result);
        }
        let nodes = self.identify_all(&spec, drop_keys).await?;
        let records = records(&spec, &nodes);
        let candidates: Vec<Candidate> = records
            .iter()
            .map(|node| Candidate { id: node.id, weight: node.weight, zone: node.zone.clone() })
            .collect();
        let primaries = placement::place(spec.partitions, &candidates, &[]);
        let table = placement::place_copies(&primaries, &candidates, usize::from(spec.copies) + 1, &[]);
        let plan = shares(&records, &table);
        let cluster_id = self.cluster_id_for(&nodes)?;
        if dry_run {
            return Ok(InitResult { outcome: InitOutcome::Planned, cluster_id: String::new(), plan });
        }
        let known: BTreeMap<NodeId, Addresses> = records.iter().map(|n| (n.id, n.addresses.clone())).collect();
        self.adopt_all(cluster_id, &spec, &known, drop_keys).await?;
        let voters: Vec<NodeId> = records.iter().take(voters_of(records.len())).map(|node| node.id).collect();
        self.elect(&voters, &records).await?;
        let mut namespaces = spec.namespaces.clone();
        let mine = self.identity.lock().state.standalone.clone();
        for namespace in mine.into_iter().flat_map(|metadata| metadata.namespaces.into_values()) {
            if !namespaces.iter().any(|n| n.name == namespace.name) {
                namespaces.push(namespace);
            }
        }
        let form = Command::Form { cluster_id, spec: spec.clone(), nodes: records.clone(), table, namespaces };
        match self.propose(form).await? {
            Ok(_) | Err(Refusal::AlreadyFormed) => {}
            Err(refusal) => return Err(invalid(refusal.to_string())),
        }
        self.await_formed(&spec).await?;
        Ok(InitResult { outcome: InitOutcome::Formed, cluster_id: cluster_id.to_string(), plan })
    }

    /// Every node of the spec, in its order, fit to be taken in.
    async fn identify_all(&self, spec: &ClusterSpec, drop_keys: bool) -> Result<Vec<PeerIdentity>, ApiError> {
        let asked = join_all(spec.nodes.iter().map(|node| self.identify_at(&node.peers))).await;
        let silent: Vec<String> = asked.iter().filter_map(|answer| answer.as_ref().err().cloned()).collect();
        if !silent.is_empty() {
            return Err(ApiError {
                code: ErrorCode::Unavailable,
                message: format!("{} of {} nodes cannot be reached", silent.len(), spec.nodes.len()),
                why: Some(silent.join("; ")),
                hints: vec!["start them first: dcache node start; the list gives their peers doors".into()],
            });
        }
        let nodes: Vec<PeerIdentity> = asked.into_iter().flatten().collect();
        check_nodes(spec, &nodes, self.shared.id, drop_keys)?;
        Ok(nodes)
    }

    async fn identify_at(&self, address: &str) -> Result<PeerIdentity, String> {
        match self.peers.call(address, &Call::Identify, IDENTIFY_DEADLINE).await {
            Ok(Answer::Identity(identity)) => Ok(identity),
            Ok(_) => Err(format!("{address} does not say who it is")),
            Err(error) => Err(error.to_string()),
        }
    }

    /// A run that died half-way left its cluster id behind; it is used again.
    fn cluster_id_for(&self, nodes: &[PeerIdentity]) -> Result<NodeId, ApiError> {
        let begun: BTreeSet<NodeId> = nodes.iter().filter_map(|node| node.cluster_id).collect();
        match begun.into_iter().next() {
            Some(id) => Ok(id),
            None => random_u64().map(NodeId).map_err(|e| internal(format!("no random numbers: {e}"))),
        }
    }

    async fn adopt_all(
        self: &Arc<Cluster>,
        cluster_id: NodeId,
        spec: &ClusterSpec,
        known: &BTreeMap<NodeId, Addresses>,
        drop_keys: bool,
    ) -> Result<(), ApiError> {
        let call = Call::Adopt { cluster_id, cluster_name: spec.name.clone(), known: known.clone(), drop_keys };
        let others = known.iter().filter(|(id, _)| **id != self.shared.id);
        let asked = others.map(|(_, addresses)| self.peers.call(&addresses.peers, &call, ADOPT_DEADLINE));
        for answer in join_all(asked).await {
            match answer {
                Ok(Answer::Adopted) => {}
                Ok(Answer::Failed(error)) => return Err(error),
                Ok(_) => return Err(unavailable("a node gave no answer to being taken in".into())),
                Err(error) => return Err(error.to_api()),
            }
        }
        self.adopt(cluster_id, spec.name.clone(), known.clone(), drop_keys).await
    }

    /// Takes this node into a cluster that is being formed: from here on it serves nothing until the first entry commits.
    pub async fn adopt(
        self: &Arc<Cluster>,
        cluster_id: NodeId,
        cluster_name: String,
        known: BTreeMap<NodeId, Addresses>,
        drop_keys: bool,
    ) -> Result<(), ApiError> {
        let mine = self.identity.lock().state.cluster.clone();
        match mine {
            Some(cluster) if cluster.cluster_id == cluster_id => return Ok(()),
            Some(cluster) => {
                return Err(conflict(format!(
                    "node {} belongs to cluster {} ({})",
                    self.me.read().name,
                    cluster.cluster_name,
                    cluster.cluster_id
                )));
            }
            None => {}
        }
        if self.shared.core.items() > 0 && !drop_keys {
            return Err(holds_keys(&self.me.read().name, self.shared.core.items()));
        }
        {
            let mut identity = self.identity.lock();
            identity.state.cluster = Some(Membership { cluster_id, cluster_name });
            identity.state.known = known.clone();
            identity.save().map_err(|e| internal(format!("cannot write node.json: {e}")))?;
        }
        for (id, addresses) in known.iter().filter(|(id, _)| **id != self.shared.id) {
            self.shared.book.learn(*id, addresses);
        }
        // The control loop ends only with the process.
        let _ = self.inputs.send(Input::Committed(Arc::new(Metadata { cluster_id: None, ..Metadata::empty() })));
        self.open_log().await
    }

    async fn elect(&self, voters: &[NodeId], records: &[NodeRecord]) -> Result<(), ApiError> {
        let log = self.log().ok_or_else(|| internal("this node has no metadata log".into()))?;
        if !voters.contains(&self.shared.id) {
            let names: Vec<&str> = records.iter().filter(|n| voters.contains(&n.id)).map(|n| n.name.as_str()).collect();
            return Err(invalid(format!(
                "ask one of the first nodes of the list, which will vote: {}",
                names.join(", ")
            )));
        }
        match log.is_initialized().await {
            true => Ok(()),
            false => log.initialize(voters).await.map_err(|e| internal(format!("cannot start the metadata log: {e}"))),
        }
    }

    /// Waits until every node acts on the cluster.
    async fn await_formed(&self, spec: &ClusterSpec) -> Result<(), ApiError> {
        let until = Instant::now() + FORM_DEADLINE;
        loop {
            let asked = join_all(spec.nodes.iter().map(|node| self.identify_at(&node.peers))).await;
            let late: Vec<&str> = asked
                .iter()
                .zip(&spec.nodes)
                .filter(|(answer, _)| !answer.as_ref().is_ok_and(|node| node.formed))
                .map(|(_, node)| node.peers.as_str())
                .collect();
            if late.is_empty() {
                return Ok(());
            }
            if Instant::now() >= until {
                return Err(ApiError {
                    code: ErrorCode::Timeout,
                    message: "the cluster is formed, but not every node acts on it yet".into(),
                    why: Some(format!("waiting for {}", late.join(", "))),
                    hints: vec!["see how it goes: dcache cluster status --watch".into()],
                });
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// At start with `--join`: asks the given doors until one takes this node in, or knows where its cluster is now.
    pub async fn find_cluster(self: &Arc<Cluster>, doors: Vec<String>) {
        let mut said = String::new();
        loop {
            for door in &doors {
                match self.try_join(door).await {
                    Ok(()) => return,
                    Err(error) if error != said => {
                        tracing::info!(door, "not in a cluster yet: {error}");
                        said = error;
                    }
                    Err(_) => {}
                }
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    async fn try_join(self: &Arc<Cluster>, door: &str) -> Result<(), String> {
        let identity = self.identify_at(door).await?;
        let mine = self.identity.lock().state.cluster.clone();
        if let Some(mine) = mine {
            // A member that was moved: the door only tells where the others are now.
            if identity.cluster_id != Some(mine.cluster_id) {
                return Err(format!("{door} belongs to another cluster than this node"));
            }
            for (id, addresses) in identity.known.iter().filter(|(id, _)| **id != self.shared.id) {
                self.shared.book.learn(*id, addresses);
            }
            return Ok(());
        }
        if !identity.formed {
            return Err(format!("{} at {door} is in no cluster yet; run: dcache cluster init", identity.node.name));
        }
        let node = self.me.read().clone();
        let mut ask = door.to_string();
        for _ in 0..5 {
            match self.peers.call(&ask, &Call::Join { node: node.clone() }, ADOPT_DEADLINE).await {
                Ok(Answer::Joined { cluster_id, cluster_name, known }) => {
                    return self.adopt(cluster_id, cluster_name, known, false).await.map_err(|e| e.message);
                }
                Ok(Answer::NotLeader { leader: Some(leader) }) => {
                    let addresses = identity.known.get(&leader).ok_or("the leader's address is unknown")?;
                    ask = addresses.peers.clone();
                }
                Ok(Answer::Failed(error)) => return Err(error.message),
                Ok(_) => return Err("the cluster has no leader now".into()),
                Err(error) => return Err(error.to_string()),
            }
        }
        Err("the cluster's leader keeps changing".into())
    }

    /// On the leader: a fresh node becomes a member without slots.
    pub async fn take_in(self: &Arc<Cluster>, node: NodeRecord) -> Answer {
        let lead = self.lead();
        let metadata = self.metadata();
        let (Some(cluster_id), Some(_)) = (metadata.cluster_id, self.log()) else {
            return Answer::Failed(conflict("this node is in no cluster".into()));
        };
        if lead.leader != Some(self.shared.id) {
            return Answer::NotLeader { leader: lead.leader };
        }
        self.shared.book.learn(node.id, &node.addresses);
        // It holds nothing before it is added.
        let node = NodeRecord { share: Share::Joined, ..node };
        match self.propose(Command::Register { node }).await {
            Ok(Ok(_) | Err(Refusal::NoChange)) => {
                Answer::Joined { cluster_id, cluster_name: metadata.name.clone(), known: self.known() }
            }
            Ok(Err(refusal)) => Answer::Failed(conflict(refusal.to_string())),
            Err(error) => Answer::Failed(error),
        }
    }
}

fn check_spec(spec: &ClusterSpec) -> Result<(), ApiError> {
    if !is_name(&spec.name) {
        return Err(invalid(format!("cluster name {:?} must be 1 to 64 letters, digits, '-', '_' or '.'", spec.name)));
    }
    if !spec.partitions.is_power_of_two() || spec.partitions > SLOTS {
        return Err(invalid(format!("partitions {} must be a power of two from 1 to {SLOTS}", spec.partitions)));
    }
    if spec.copies > COPIES_MAX {
        return Err(invalid(format!("copies {} must be 0 to {COPIES_MAX}", spec.copies)));
    }
    if !(1000..=7 * 24 * 3_600_000).contains(&spec.rebuild_after_ms) {
        return Err(invalid(format!("rebuild-after-ms {} must be 1000 to 604800000, 7 days", spec.rebuild_after_ms)));
    }
    if spec.nodes.is_empty() || spec.nodes.len() > NODES_MAX {
        return Err(invalid(format!(
            "a cluster begins with 1 to {NODES_MAX} nodes; the list has {}",
            spec.nodes.len()
        )));
    }
    if spec.nodes.len() > usize::from(spec.partitions) {
        return Err(invalid(format!("{} partitions are too few for {} nodes", spec.partitions, spec.nodes.len())));
    }
    let mut addresses = BTreeSet::new();
    for node in &spec.nodes {
        if !addresses.insert(&node.peers) {
            return Err(invalid(format!("{} stands in the list twice", node.peers)));
        }
        if node.weight.is_some_and(|weight| !(1..=10_000).contains(&weight)) {
            return Err(invalid(format!("weight of {} must be 1 to 10000", node.peers)));
        }
    }
    let mut names = BTreeSet::new();
    for namespace in &spec.namespaces {
        namespace.check().map_err(invalid)?;
        if !names.insert(&namespace.name) {
            return Err(invalid(format!("namespace {} stands in the list twice", namespace.name)));
        }
    }
    Ok(())
}

fn already_formed(metadata: &Metadata, spec: &ClusterSpec) -> Result<Option<InitResult>, ApiError> {
    let (Some(cluster_id), Some(before)) = (metadata.cluster_id, &metadata.spec) else { return Ok(None) };
    if before == spec {
        let records: Vec<NodeRecord> = metadata.nodes.values().cloned().collect();
        let held = |p: &Configuration| Assignment { primary: p.holder(), backups: p.backups().collect() };
        let table: Vec<Assignment> = metadata.table.iter().map(held).collect();
        let plan = shares(&records, &table);
        let outcome = InitOutcome::AlreadyFormed;
        return Ok(Some(InitResult { outcome, cluster_id: cluster_id.to_string(), plan }));
    }
    Err(ApiError {
        code: ErrorCode::Conflict,
        message: format!("{} (id {cluster_id}) is already initialised differently", metadata.name),
        why: Some(differences(before, spec).join("; ")),
        hints: vec!["what was given at its creation cannot be changed by another init".into()],
    })
}

/// The fields in which two specs differ, in words.
fn differences(before: &ClusterSpec, after: &ClusterSpec) -> Vec<String> {
    let mut found = Vec::new();
    if before.name != after.name {
        found.push(format!("name: {} -> {}", before.name, after.name));
    }
    if before.partitions != after.partitions {
        found.push(format!("partitions: {} -> {}", before.partitions, after.partitions));
    }
    if before.nodes != after.nodes {
        let list = |spec: &ClusterSpec| spec.nodes.iter().map(|n| n.peers.clone()).collect::<Vec<_>>().join(", ");
        let (old, new) = (list(before), list(after));
        found.push(if old == new {
            "nodes: same doors, other settings".into()
        } else {
            format!("nodes: {old} -> {new}")
        });
    }
    if before.namespaces != after.namespaces {
        found.push("namespaces differ; change them with: dcache namespace set".into());
    }
    found
}

fn check_nodes(spec: &ClusterSpec, nodes: &[PeerIdentity], me: NodeId, drop_keys: bool) -> Result<(), ApiError> {
    if !nodes.iter().any(|node| node.node.id == me) {
        return Err(invalid("the node that was asked is not in the list".into()));
    }
    let mut ids = BTreeMap::new();
    let mut names = BTreeMap::new();
    let begun: BTreeSet<NodeId> = nodes.iter().filter_map(|node| node.cluster_id).collect();
    for (node, wanted) in nodes.iter().zip(&spec.nodes) {
        let name = &node.node.name;
        if let Some(other) = ids.insert(node.node.id, &wanted.peers) {
            return Err(invalid(format!("{other} and {} are the same node, {name}", wanted.peers)));
        }
        if let Some(other) = names.insert(name, &wanted.peers) {
            return Err(conflict(format!(
                "{other} and {} both call themselves {name}; names must differ",
                wanted.peers
            )));
        }
        if wanted.name.as_ref().is_some_and(|expected| expected != name) {
            return Err(conflict(format!("{} calls itself {name}, not {:?}", wanted.peers, wanted.name)));
        }
        if node.node.version != VERSION {
            return Err(conflict(format!("{name} runs version {}, this node {VERSION}", node.node.version)));
        }
        if node.formed || begun.len() > 1 {
            return Err(conflict(format!("{name} belongs to cluster {}", node.cluster_name)));
        }
        if node.items > 0 && !drop_keys {
            return Err(holds_keys(name, node.items));
        }
    }
    Ok(())
}

fn records(spec: &ClusterSpec, nodes: &[PeerIdentity]) -> Vec<NodeRecord> {
    nodes
        .iter()
        .zip(&spec.nodes)
        .map(|(node, wanted)| NodeRecord {
            weight: wanted.weight.unwrap_or(node.node.weight),
            zone: wanted.zone.clone().unwrap_or_else(|| node.node.zone.clone()),
            state: NodeState::Up,
            ..node.node.clone()
        })
        .collect()
}

fn shares(records: &[NodeRecord], table: &[Assignment]) -> Vec<InitShare> {
    records
        .iter()
        .map(|node| InitShare {
            node: node.name.clone(),
            zone: node.zone.clone(),
            address: node.addresses.cluster.clone(),
            partitions: table.iter().filter(|a| a.primary == Some(node.id)).count() as u16,
            backups: table.iter().filter(|a| a.backups.contains(&node.id)).count() as u16,
        })
        .collect()
}

fn invalid(message: String) -> ApiError {
    ApiError { code: ErrorCode::Invalid, message, why: None, hints: Vec::new() }
}

fn conflict(message: String) -> ApiError {
    ApiError { code: ErrorCode::Conflict, message, why: None, hints: Vec::new() }
}

fn holds_keys(name: &str, items: u64) -> ApiError {
    ApiError {
        code: ErrorCode::Conflict,
        message: format!("node {name} already holds {items} keys"),
        why: Some("a node that is taken into a cluster starts empty".into()),
        hints: vec!["empty it first (FLUSHALL), or lose them knowingly: dcache cluster init --drop-keys".into()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dcache_protocol::control::ClusterSpecNode;

    fn spec(nodes: &[&str]) -> ClusterSpec {
        ClusterSpec {
            name: "prod".into(),
            partitions: 16,
            copies: 1,
            rebuild_after_ms: dcache_protocol::control::rebuild_after_default(),
            auto_rebalance: false,
            nodes: nodes
                .iter()
                .map(|peers| ClusterSpecNode { peers: peers.to_string(), name: None, weight: None, zone: None })
                .collect(),
            namespaces: Vec::new(),
        }
    }

    #[test]
    fn specs_are_checked_before_anything_is_asked() {
        assert_eq!(check_spec(&spec(&["a:1", "b:1"])), Ok(()));
        assert!(check_spec(&spec(&["a:1", "a:1"])).is_err());
        assert!(check_spec(&spec(&[])).is_err());
        assert!(check_spec(&ClusterSpec { partitions: 12, ..spec(&["a:1"]) }).is_err());
        assert!(check_spec(&ClusterSpec { partitions: 1, ..spec(&["a:1", "b:1"]) }).is_err());
        assert!(check_spec(&ClusterSpec { name: "a b".into(), ..spec(&["a:1"]) }).is_err());
    }

    #[test]
    fn a_different_spec_names_its_fields() {
        let found = differences(&spec(&["a:1"]), &ClusterSpec { partitions: 32, ..spec(&["a:1", "b:1"]) });
        assert_eq!(found, ["partitions: 16 -> 32", "nodes: a:1 -> a:1, b:1"]);
    }

    #[test]
    fn three_vote_and_five_from_thirty_on() {
        assert_eq!([1, 2, 3, 29, 30].map(voters_of), [1, 2, 3, 3, 5]);
    }
}
