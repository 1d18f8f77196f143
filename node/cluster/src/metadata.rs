//! The replicated state and its commands. [`Metadata::apply`] is deterministic: same state, same command, same result on
//! every node; time and randomness enter only as fields of commands. Storage and agreement (Raft) are in the node.
//!
//! A node that belongs to no cluster has a [`Metadata::standalone`] of its own: one node that owns every partition.

pub mod libraries;
mod operations;
mod table;

pub use operations::{OPERATIONS_MAX, Start, Step};
pub use table::Table;

use crate::events::{Events, News};
use crate::failover::{Change, Configuration, Member, Registry};
use crate::placement::{Assignment, runs};
use dcache_protocol::control::{ClusterSpec, EventKind, Level};
use dcache_protocol::level::{FUNCTIONS, LEVEL, PLACEMENT, level_first};
use dcache_protocol::operation::{Operation, OperationId, OperationKind, OperationState, Totals};
use dcache_protocol::{
    Addresses, Epoch, Incarnation, NamespaceSpec, NodeId, NodeRecord, NodeState, PartitionId, Placement, SLOTS, Share,
    Slot, namespace,
};
use libraries::{Libraries, Library, Restore};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Version of this struct's serialized form.
pub const FORMAT: u32 = 2;

/// All that the cluster agrees on. Small (some 100 KB with 300 nodes), kept whole in memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    pub format: u32,
    /// Random 64 bits made at `cluster init`; none: standalone.
    pub cluster_id: Option<NodeId>,
    pub name: String,
    /// Power of two, 1 to 16384; fixed for the cluster's life.
    pub partitions: u16,
    /// What all nodes can say and read, so what may be agreed on; never goes down ([`dcache_protocol::level`]).
    #[serde(default = "level_first")]
    pub level: u16,
    /// Grows with every change.
    pub epoch: Epoch,
    pub nodes: BTreeMap<NodeId, NodeRecord>,
    /// One entry a partition, by number.
    pub table: Table,
    /// By name; `default` is always there.
    pub namespaces: BTreeMap<String, NamespaceSpec>,
    /// Of functions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub libraries: Libraries,
    /// What `cluster init` was given, to tell a repeat from another request.
    pub spec: Option<ClusterSpec>,
    #[serde(default)]
    pub events: Events,
    /// The epoch of the last change of nodes, of their shares or of who holds what: what a plan is made for.
    #[serde(default)]
    pub topology: Epoch,
    /// The newest; at most the last one is under way.
    #[serde(default)]
    pub operations: BTreeMap<OperationId, Arc<Operation>>,
    /// Number of the last operation there was.
    #[serde(default)]
    pub last_operation: u64,
}

/// A change of the metadata.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Command {
    /// First entry of a cluster's log.
    Form {
        cluster_id: NodeId,
        spec: ClusterSpec,
        nodes: Vec<NodeRecord>,
        #[serde(with = "runs")]
        table: Vec<Assignment>,
        namespaces: Vec<NamespaceSpec>,
    },
    /// A node says who and where it is now: at its start, when its addresses change, and when it was taken for down.
    Register {
        node: NodeRecord,
    },
    /// The leader saw no heartbeat of this process for a lease.
    Expire {
        node: NodeId,
        incarnation: Incarnation,
    },
    /// As [`Command::Expire`], of several at the same moment: what they alone held is kept by whoever comes back.
    ExpireAll {
        members: Vec<Member>,
    },
    /// What the primary of some partitions asks for, each compared with the version it saw; those that changed meanwhile stay
    /// as they are.
    Change {
        from: Member,
        changes: Vec<(PartitionId, u64, Change)>,
    },
    /// The leader gives some partitions other copies, each compared with the version it saw.
    Place {
        copies: Vec<(PartitionId, u64, Vec<NodeId>)>,
    },
    SetNamespace {
        spec: NamespaceSpec,
    },
    DeleteNamespace {
        name: String,
    },
    SetLibrary {
        name: String,
        library: Arc<Library>,
        replaces: bool,
    },
    DeleteLibrary {
        name: String,
    },
    RestoreLibraries {
        libraries: Libraries,
        policy: Restore,
    },
    StartOperation {
        start: Start,
    },
    StepOperation {
        operation: OperationId,
        step: Step,
    },
    SetShare {
        node: NodeId,
        share: Share,
    },
    /// A node is being worked on until then; 0: no more.
    SetMaintenance {
        node: NodeId,
        until_unix_ms: u64,
    },
    /// A process is about to end.
    SetStopping {
        node: NodeId,
        incarnation: Incarnation,
    },
    /// What the next release adds: a word in the event log.
    #[cfg(feature = "next")]
    Annotate {
        text: String,
    },
    /// A node that holds nothing leaves; one that is down is forgotten with what it holds, with its only copies if `loses`.
    RemoveNode {
        node: NodeId,
        loses: bool,
    },
}

impl Command {
    /// Of the nodes that can read it.
    fn level(&self) -> u16 {
        match self {
            #[cfg(feature = "next")]
            Command::Annotate { .. } => 3,
            Command::SetNamespace { spec } if spec.placement != Placement::default() => PLACEMENT,
            Command::SetLibrary { .. } | Command::DeleteLibrary { .. } | Command::RestoreLibraries { .. } => FUNCTIONS,
            _ => level_first(),
        }
    }
}

/// Why a command changed nothing. Deterministic too: it is part of the agreed result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    #[error("the cluster is already formed")]
    AlreadyFormed,
    #[error("node name {0:?} is used by another node")]
    NameInUse(String),
    #[error("no namespace named {0:?}")]
    NoSuchNamespace(String),
    #[error("{0}")]
    Invalid(String),
    /// Not every node could read it.
    #[error("{0}")]
    TooEarly(String),
    #[error("{kind} {id} is under way")]
    OperationRuns { id: OperationId, kind: OperationKind },
    #[error("the plan was made for epoch {}, the cluster is at {}", planned.0, now.0)]
    Stale { planned: Epoch, now: Epoch },
    #[error("there is no operation {0}")]
    NoSuchOperation(OperationId),
    #[error("operation {id} is {state}")]
    OperationOver { id: OperationId, state: OperationState },
    #[error("there is no node {0}")]
    NoSuchNode(NodeId),
    #[error("{name} has the only copy of {partitions} partitions")]
    LastCopies { name: String, partitions: u64 },
    /// Nothing to change: the state already is as asked.
    #[error("already so")]
    NoChange,
}

impl Metadata {
    /// What a node that belongs to no cluster acts on.
    pub fn standalone(node: NodeRecord) -> Metadata {
        let partitions = dcache_protocol::control::partitions_default();
        let mut placed = Configuration::new(vec![node.id]);
        placed.recover(&Registry::of([&node].into_iter()));
        Metadata {
            format: FORMAT,
            cluster_id: None,
            name: "standalone".into(),
            partitions,
            level: LEVEL,
            epoch: Epoch(1),
            table: std::iter::repeat_n(placed, usize::from(partitions)).collect(),
            nodes: BTreeMap::from([(node.id, node)]),
            namespaces: BTreeMap::from([(namespace::DEFAULT.to_string(), NamespaceSpec::default_namespace())]),
            libraries: Libraries::new(),
            spec: None,
            events: Events::default(),
            topology: Epoch(0),
            operations: BTreeMap::new(),
            last_operation: 0,
        }
    }

    /// What a member has before its first committed entry: nobody owns anything.
    pub fn empty() -> Metadata {
        Metadata {
            format: FORMAT,
            cluster_id: None,
            name: String::new(),
            partitions: 1,
            level: level_first(),
            epoch: Epoch(0),
            nodes: BTreeMap::new(),
            table: Table::from_iter([Configuration::default()]),
            namespaces: BTreeMap::from([(namespace::DEFAULT.to_string(), NamespaceSpec::default_namespace())]),
            libraries: Libraries::new(),
            spec: None,
            events: Events::default(),
            topology: Epoch(0),
            operations: BTreeMap::new(),
            last_operation: 0,
        }
    }

    pub fn is_formed(&self) -> bool {
        self.cluster_id.is_some()
    }

    /// What makes this unfit to act on, in words for an operator; for metadata read from a file or received whole.
    pub fn check(&self) -> Result<(), String> {
        if self.format != FORMAT {
            return Err(format!(
                "metadata of format {} was written by another version; this one reads format {FORMAT}",
                self.format
            ));
        }
        if self.level > LEVEL {
            return Err(format!("metadata of level {}, of a newer release; this one reads up to {LEVEL}", self.level));
        }
        if !is_partition_count(self.partitions) || self.table.len() != usize::from(self.partitions) {
            return Err(format!("a table of {} for {} partitions", self.table.len(), self.partitions));
        }
        if !self.namespaces.contains_key(namespace::DEFAULT) {
            return Err("there is no namespace `default`".into());
        }
        Ok(())
    }

    /// The node that serves a slot, or is waited for to serve it again.
    pub fn holder_of(&self, slot: Slot) -> Option<&NodeRecord> {
        self.nodes.get(&self.of_slot(slot).holder()?)
    }

    /// What is agreed about the copies of a slot.
    pub fn of_slot(&self, slot: Slot) -> &Configuration {
        &self.table[PartitionId::of(slot, self.partitions).index()]
    }

    /// Partitions a node is primary of, or waited for, ascending.
    pub fn partitions_of(&self, node: NodeId) -> impl Iterator<Item = PartitionId> + '_ {
        (0..self.partitions).map(PartitionId).filter(move |p| self.table[p.index()].holder() == Some(node))
    }

    /// Partitions a node holds a further copy of, or is to hold one of, ascending.
    pub fn backups_of(&self, node: NodeId) -> impl Iterator<Item = PartitionId> + '_ {
        let is_backup = move |p: &PartitionId| self.table[p.index()].backups().any(|other| other == node);
        (0..self.partitions).map(PartitionId).filter(is_backup)
    }

    /// The registered processes, and whether their leases run.
    pub fn registry(&self) -> Registry {
        Registry::of(self.nodes.values())
    }

    /// Whether every node can read a command. Asked before it is written anywhere, too: an older node cannot even read an entry
    /// that changes nothing.
    pub fn may_say(&self, command: &Command) -> Result<(), Refusal> {
        if command.level() <= self.level {
            return Ok(());
        }
        let old = |node: &&NodeRecord| node.level < command.level();
        let old: Vec<String> =
            self.nodes.values().filter(old).map(|node| format!("{} runs {}", node.name, node.version)).collect();
        Err(Refusal::TooEarly(format!(
            "this is of level {}, which comes when all nodes run a newer release; the cluster is at level {}: {}",
            command.level(),
            self.level,
            old.join(", ")
        )))
    }

    /// Applies one command, proposed at that time. On a refusal nothing changes, the epoch included.
    pub fn apply(&mut self, command: &Command, at_unix_ms: u64) -> Result<Epoch, Refusal> {
        self.may_say(command)?;
        let before = Before::of(self, command);
        match command {
            Command::Form { cluster_id, spec, nodes, table, namespaces } => {
                self.form(*cluster_id, spec, nodes, table, namespaces)?;
            }
            Command::Register { node } => self.register(node)?,
            Command::Expire { node, incarnation } => {
                self.expire(&[Member { node: *node, incarnation: *incarnation }])?;
            }
            Command::ExpireAll { members } => self.expire(members)?,
            Command::Change { from, changes } => self.change(*from, changes)?,
            Command::Place { copies } => self.place(copies)?,
            Command::SetNamespace { spec } => self.set_namespace(spec)?,
            Command::DeleteNamespace { name } => self.delete_namespace(name)?,
            Command::SetLibrary { name, library, replaces } => self.set_library(name, library, *replaces)?,
            Command::DeleteLibrary { name } => self.delete_library(name)?,
            Command::RestoreLibraries { libraries, policy } => self.restore_libraries(libraries, *policy)?,
            Command::StartOperation { start } => self.start(start, at_unix_ms)?,
            Command::StepOperation { operation, step } => self.step_operation(*operation, step, at_unix_ms)?,
            Command::SetShare { node, share } => self.set_share(*node, *share)?,
            Command::SetMaintenance { node, until_unix_ms } => self.set_maintenance(*node, *until_unix_ms)?,
            Command::SetStopping { node, incarnation } => self.set_stopping(*node, *incarnation)?,
            #[cfg(feature = "next")]
            Command::Annotate { .. } => {}
            Command::RemoveNode { node, loses } => self.remove_node(*node, *loses)?,
        }
        self.epoch = Epoch(self.epoch.0 + 1);
        let lowest = self.nodes.values().map(|node| node.level).min().unwrap_or(self.level);
        self.level = self.level.max(lowest);
        if before.is_of_topology(self, command) {
            self.topology = self.epoch;
        }
        for news in before.news(self, command) {
            self.events.record(at_unix_ms, news);
        }
        Ok(self.epoch)
    }

    fn form(
        &mut self,
        cluster_id: NodeId,
        spec: &ClusterSpec,
        nodes: &[NodeRecord],
        table: &[Assignment],
        namespaces: &[NamespaceSpec],
    ) -> Result<(), Refusal> {
        if self.is_formed() {
            return Err(Refusal::AlreadyFormed);
        }
        let mut formed = Metadata {
            cluster_id: Some(cluster_id),
            name: spec.name.clone(),
            partitions: spec.partitions,
            epoch: self.epoch,
            spec: Some(spec.clone()),
            ..Metadata::empty()
        };
        for node in nodes {
            changed_or_so(formed.register(node))?;
        }
        let placed = table.iter().all(|a| a.primary.is_some_and(|p| formed.nodes.contains_key(&p)));
        if !is_partition_count(spec.partitions) || table.len() != usize::from(spec.partitions) || !placed {
            return Err(Refusal::Invalid("the table does not place every partition on a node of the list".into()));
        }
        let registry = formed.registry();
        formed.table = table.iter().map(|assignment| first_of(assignment, &registry)).collect();
        if let Some(wrong) = formed.table.iter().find_map(|partition| partition.check().err()) {
            return Err(Refusal::Invalid(format!("the table has a partition with {wrong}")));
        }
        for namespace in namespaces {
            changed_or_so(formed.set_namespace(namespace))?;
        }
        *self = formed;
        Ok(())
    }

    fn register(&mut self, node: &NodeRecord) -> Result<(), Refusal> {
        if node.level < self.level {
            let why = format!(
                "node {} runs {}, which speaks level {}; the cluster is at {}: start a newer build",
                node.name, node.version, node.level, self.level
            );
            return Err(Refusal::Invalid(why));
        }
        let namesake = self.nodes.values().find(|other| other.name == node.name && other.id != node.id);
        let replaced = match namesake {
            Some(other) if other.state == NodeState::Up => return Err(Refusal::NameInUse(node.name.clone())),
            // Its data directory is gone: this one takes its place.
            other => other.map(|other| other.id),
        };
        let mut share = None;
        if let Some(replaced) = replaced {
            share = self.nodes.remove(&replaced).map(|replaced| replaced.share);
            self.table.iter_mut().for_each(|partition| partition.replace(replaced, node.id));
            self.replace_in_operation(replaced, node.id);
        }
        let mut record = NodeRecord { state: NodeState::Up, share: share.unwrap_or(node.share), ..node.clone() };
        if let Some(known) = self.nodes.get(&node.id) {
            // What shapes the table; a restart with other settings must not change it unseen.
            record.weight = known.weight;
            record.zone = known.zone.clone();
            record.share = known.share;
            record.maintenance_until_unix_ms = known.maintenance_until_unix_ms;
            record.is_stopping = known.is_stopping && known.incarnation == node.incarnation;
        }
        if self.nodes.get(&node.id) == Some(&record) {
            return Err(Refusal::NoChange);
        }
        let before = self.nodes.insert(node.id, record);
        let is_new = before
            .as_ref()
            .is_none_or(|before| before.incarnation != node.incarnation || before.state == NodeState::Down);
        if is_new {
            let registry = self.registry();
            for partition in self.table.iter_mut() {
                if let Some(before) = before.as_ref().filter(|before| before.incarnation != node.incarnation) {
                    // Its process holds the data directory's lock: the one before is gone, and its memory with it.
                    partition.expire(&[Member { node: node.id, incarnation: before.incarnation }], &registry);
                }
                partition.recover(&registry);
            }
        }
        Ok(())
    }

    fn expire(&mut self, members: &[Member]) -> Result<(), Refusal> {
        let registry = self.registry();
        let members: Vec<Member> = members.iter().copied().filter(|member| registry.is_alive(*member)).collect();
        if members.is_empty() {
            return Err(Refusal::NoChange);
        }
        for member in &members {
            self.nodes.entry(member.node).and_modify(|record| record.state = NodeState::Down);
        }
        let registry = self.registry();
        for partition in self.table.iter_mut() {
            partition.expire(&members, &registry);
            partition.recover(&registry);
        }
        Ok(())
    }

    fn change(&mut self, from: Member, changes: &[(PartitionId, u64, Change)]) -> Result<(), Refusal> {
        let registry = self.registry();
        let mut changed = 0;
        for (partition, version, change) in changes {
            let Some(partition) = self.table.get_mut(partition.index()) else { continue };
            // What is stale is asked for again by whoever still wants it, from what it sees then.
            changed += usize::from(partition.change(*version, from, *change, &registry).is_ok());
        }
        let is_settled = |(number, ..): &&(PartitionId, u64, Change)| {
            self.table.get(number.index()).is_some_and(|p| p.moving.is_none())
        };
        let settled = changes.iter().filter(|(.., change)| *change == Change::Settle).filter(is_settled);
        self.note_settled(settled.map(|(number, ..)| *number).collect::<Vec<_>>().into_iter());
        if changed == 0 { Err(Refusal::NoChange) } else { Ok(()) }
    }

    fn place(&mut self, copies: &[(PartitionId, u64, Vec<NodeId>)]) -> Result<(), Refusal> {
        let is_known = |node: &NodeId| self.nodes.contains_key(node);
        let known: Vec<_> = copies.iter().filter(|(.., nodes)| nodes.iter().all(is_known)).collect();
        let mut changed = 0;
        for (partition, version, nodes) in known {
            let Some(partition) = self.table.get_mut(partition.index()) else { continue };
            changed += usize::from(partition.place(*version, nodes).is_ok());
        }
        if changed == 0 { Err(Refusal::NoChange) } else { Ok(()) }
    }

    fn set_namespace(&mut self, spec: &NamespaceSpec) -> Result<(), Refusal> {
        spec.check().map_err(Refusal::Invalid)?;
        let clash = self.namespaces.values().find(|n| n.name != spec.name && n.matches == spec.matches);
        if let Some(other) = clash {
            return Err(Refusal::Invalid(format!("namespace `{}` already matches the same keys", other.name)));
        }
        if self.namespaces.get(&spec.name) == Some(spec) {
            return Err(Refusal::NoChange);
        }
        if self.namespaces.len() >= namespace::NAMESPACES_MAX && !self.namespaces.contains_key(&spec.name) {
            return Err(Refusal::Invalid(format!("a cluster has at most {} namespaces", namespace::NAMESPACES_MAX)));
        }
        self.namespaces.insert(spec.name.clone(), spec.clone());
        Ok(())
    }

    fn delete_namespace(&mut self, name: &str) -> Result<(), Refusal> {
        if name == namespace::DEFAULT {
            return Err(Refusal::Invalid(
                "namespace `default` cannot be deleted; it takes what nothing else matches".into(),
            ));
        }
        self.namespaces.remove(name).map(|_| ()).ok_or_else(|| Refusal::NoSuchNamespace(name.into()))
    }

    /// Addresses of every node's peers door but one's own.
    pub fn peers_besides(&self, me: NodeId) -> impl Iterator<Item = (NodeId, &Addresses)> {
        self.nodes.values().filter(move |n| n.id != me).map(|n| (n.id, &n.addresses))
    }
}

/// What is looked at before a command, to tell what it did.
struct Before {
    /// The node that it is about, or the one it takes the name of.
    node: Option<NodeRecord>,
    /// Partitions served by each process that is taken for down.
    served: Vec<(NodeId, Vec<PartitionId>)>,
    /// Versions of the partitions that are to change.
    versions: Vec<u64>,
    /// Of what plans are made from.
    topology: u64,
}

/// A number for all that plans are made from and a command can change; equal only for what is equal.
fn topology_of(metadata: &Metadata, command: &Command) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    // Compared within one call alone, so it matters to nobody how it is computed.
    let mut hasher = DefaultHasher::new();
    for node in metadata.nodes.values() {
        (node.id, node.state == NodeState::Up, node.share as u8, node.weight, &node.zone).hash(&mut hasher);
    }
    let mut add = |partition: &Configuration| {
        (partition.holder(), &partition.copies).hash(&mut hasher);
        partition.moving.as_ref().map(|moving| &moving.to).hash(&mut hasher);
    };
    let mut add_some = |numbers: &mut dyn Iterator<Item = PartitionId>| {
        numbers.filter_map(|number| metadata.table.get(number.index())).for_each(&mut add);
    };
    match command {
        // The usual ones while partitions move.
        Command::Change { changes, .. } => add_some(&mut changes.iter().map(|(number, ..)| *number)),
        Command::StepOperation { step: Step::Begin(moves), .. } => {
            add_some(&mut moves.iter().map(|(number, _)| *number))
        }
        _ => metadata.table.iter().for_each(add),
    }
    hasher.finish()
}

/// What each of these serves that is up.
fn served(metadata: &Metadata, members: &[Member]) -> Vec<(NodeId, Vec<PartitionId>)> {
    let registry = metadata.registry();
    let served = |member: &Member| {
        let is_served = |p: &PartitionId| metadata.table[p.index()].primary == Some(*member);
        (member.node, (0..metadata.partitions).map(PartitionId).filter(is_served).collect())
    };
    members.iter().filter(|member| registry.is_alive(**member)).map(served).collect()
}

impl Before {
    fn of(metadata: &Metadata, command: &Command) -> Before {
        let topology = topology_of(metadata, command);
        let mut before = Before { node: None, served: Vec::new(), versions: Vec::new(), topology };
        match command {
            Command::Register { node } => {
                let namesake = || metadata.nodes.values().find(|other| other.name == node.name);
                before.node = metadata.nodes.get(&node.id).or_else(namesake).cloned();
            }
            Command::Expire { node, incarnation } => {
                before.served = served(metadata, &[Member { node: *node, incarnation: *incarnation }]);
            }
            Command::ExpireAll { members } => before.served = served(metadata, members),
            Command::RemoveNode { node, .. } => before.node = metadata.nodes.get(node).cloned(),
            Command::Change { changes, .. } => {
                let version = |p: &PartitionId| metadata.table.get(p.index()).map_or(u64::MAX, |held| held.version);
                before.versions = changes.iter().map(|(partition, ..)| version(partition)).collect();
            }
            _ => {}
        }
        before
    }

    /// Whether what plans are made from is another one now.
    fn is_of_topology(&self, metadata: &Metadata, command: &Command) -> bool {
        self.topology != topology_of(metadata, command)
    }

    fn news(self, metadata: &Metadata, command: &Command) -> Vec<News> {
        let name = |node: &NodeId| metadata.nodes.get(node).map(|node| node.name.clone()).unwrap_or_default();
        match command {
            Command::Form { spec, nodes, .. } => {
                let detail =
                    format!("{} nodes, {} partitions, {} further copies", nodes.len(), spec.partitions, spec.copies);
                vec![News { node: None, detail, ..News::of_node(EventKind::ClusterFormed, "") }]
            }
            Command::Register { node } => vec![self.registered(node)],
            Command::Expire { .. } | Command::ExpireAll { .. } => {
                let is_served = |p: &&PartitionId| metadata.table[p.index()].primary.is_some();
                let down = |(node, served): &(NodeId, Vec<PartitionId>)| {
                    let (count, of) = (served.iter().filter(is_served).count() as u64, served.len() as u64);
                    let level = if count < of { Level::Critical } else { Level::Warning };
                    News { level, count, of, ..News::of_node(EventKind::NodeDown, &name(node)) }
                };
                self.served.iter().map(down).collect()
            }
            Command::Change { from, changes } => self.changed(metadata, &name(&from.node), changes, name),
            Command::Place { copies } => {
                vec![News {
                    level: Level::Warning,
                    node: None,
                    count: copies.len() as u64,
                    ..News::of_node(EventKind::CopiesRebuilt, "")
                }]
            }
            Command::SetNamespace { spec } => {
                vec![News { node: None, detail: spec.name.clone(), ..News::of_node(EventKind::NamespaceSet, "") }]
            }
            Command::DeleteNamespace { name } => {
                vec![News { node: None, detail: name.clone(), ..News::of_node(EventKind::NamespaceDeleted, "") }]
            }
            Command::SetLibrary { .. } | Command::DeleteLibrary { .. } | Command::RestoreLibraries { .. } => Vec::new(),
            Command::StartOperation { .. } => {
                let detail = metadata.operation().map(|operation| {
                    let names: Vec<String> = operation.nodes.iter().map(&name).collect();
                    let of = if names.is_empty() { String::new() } else { format!(" of {}", names.join(", ")) };
                    let what = match &operation.upgrade {
                        Some(upgrade) => format!("to {}", upgrade.to),
                        None => format!("{} moves", operation.moves.len()),
                    };
                    format!("{} {}{of}: {what}", operation.kind, operation.id)
                });
                let detail = detail.unwrap_or_default();
                vec![News { node: None, detail, ..News::of_node(EventKind::OperationStarted, "") }]
            }
            Command::StepOperation { operation, step } => stepped(metadata, *operation, step).into_iter().collect(),
            Command::SetShare { node, share } => {
                let kind = match share {
                    Share::Drained => EventKind::NodeDrained,
                    Share::Full | Share::Joined => EventKind::NodeUndrained,
                };
                vec![News::of_node(kind, &name(node))]
            }
            Command::SetMaintenance { node, until_unix_ms } => {
                let kind = if *until_unix_ms > 0 { EventKind::MaintenanceOn } else { EventKind::MaintenanceOff };
                vec![News::of_node(kind, &name(node))]
            }
            #[cfg(feature = "next")]
            Command::Annotate { text } => {
                let detail = text.clone();
                vec![News { node: None, detail, ..News::of_node(EventKind::OperationChanged, "") }]
            }
            Command::SetStopping { node, .. } => vec![News::of_node(EventKind::NodeStopping, &name(node))],
            Command::RemoveNode { loses, .. } => {
                let name = self.node.as_ref().map(|node| node.name.clone()).unwrap_or_default();
                let level = if *loses { Level::Warning } else { Level::Info };
                vec![News { level, ..News::of_node(EventKind::NodeRemoved, &name) }]
            }
        }
    }

    fn registered(self, node: &NodeRecord) -> News {
        let of_kind = |kind| News::of_node(kind, &node.name);
        match self.node {
            None => of_kind(EventKind::NodeJoined),
            Some(before) if before.id != node.id => News { level: Level::Warning, ..of_kind(EventKind::NodeReplaced) },
            Some(before) if before.incarnation != node.incarnation => of_kind(EventKind::NodeRestarted),
            Some(before) if before.state == NodeState::Down => of_kind(EventKind::NodeUp),
            Some(before) if before.addresses != node.addresses => {
                News { detail: node.addresses.peers.clone(), ..of_kind(EventKind::NodeMoved) }
            }
            Some(_) => {
                let detail = format!("version {}, memory {} bytes", node.version, node.memory_bytes);
                News { detail, ..of_kind(EventKind::NodeChanged) }
            }
        }
    }

    /// The changes that were made, counted by kind and node.
    fn changed(
        self,
        metadata: &Metadata,
        from: &str,
        changes: &[(PartitionId, u64, Change)],
        name: impl Fn(&NodeId) -> String,
    ) -> Vec<News> {
        let mut news: Vec<News> = Vec::new();
        for ((partition, _, change), version) in changes.iter().zip(self.versions) {
            if metadata.table.get(partition.index()).is_none_or(|held| held.version == version) {
                continue;
            }
            let (kind, level, member, detail) = match change {
                Change::Expand(member) => (EventKind::CopiesInSync, Level::Info, member, ""),
                Change::Shrink(member) => (EventKind::CopiesLate, Level::Warning, member, ""),
                Change::Transfer(member) => (EventKind::HandedOver, Level::Info, member, from),
                // Said by the operation.
                Change::Settle => continue,
            };
            let node = Some(name(&member.node));
            match news.iter_mut().find(|news| news.kind == kind && news.node == node) {
                Some(news) => news.count += 1,
                None => news.push(News { kind, level, node, count: 1, of: 0, detail: detail.into() }),
            }
        }
        news
    }
}

/// What people want to know of an operation that goes on.
fn stepped(metadata: &Metadata, id: OperationId, step: &Step) -> Option<News> {
    let operation = metadata.operations.get(&id)?;
    let (level, what) = match step {
        Step::Pause => (Level::Info, "paused".to_string()),
        Step::Resume => (Level::Info, "resumed".to_string()),
        Step::Cancel => (Level::Info, "is being cancelled".to_string()),
        Step::Held(Some(why)) => (Level::Warning, format!("waits: {why}")),
        Step::Held(None) => (Level::Info, "goes on".to_string()),
        Step::TakeBack { moves, why, .. } => (Level::Warning, format!("{} moves taken back: {why}", moves.len())),
        Step::GiveUp { moves, why } => (Level::Warning, format!("{} moves given up: {why}", moves.len())),
        Step::End { state, why } => {
            let level = if *state == OperationState::Failed { Level::Warning } else { Level::Info };
            let why = why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
            let (Totals { done, moves, .. }, nodes) = (operation.totals, operation.nodes.len());
            let how_far = match &operation.upgrade {
                Some(upgrade) => format!("{} of {nodes} nodes run {}", upgrade.done.len(), upgrade.to),
                None => format!("{done} of {moves} moves made"),
            };
            (level, format!("{state}, {how_far}{why}"))
        }
        Step::Turn(node) | Step::TurnOver(node) => {
            let name = metadata.nodes.get(node).map(|node| node.name.as_str()).unwrap_or_default();
            let what = if matches!(step, Step::Turn(_)) { "its turn" } else { "done" };
            (Level::Info, format!("{name}: {what}"))
        }
        Step::Begin(_) | Step::Pace(_) => return None,
    };
    let detail = format!("{} {id} {what}", operation.kind);
    Some(News { level, node: None, detail, ..News::of_node(EventKind::OperationChanged, "") })
}

/// A partition that begins with these copies, the primary alone in sync.
fn first_of(assignment: &Assignment, registry: &Registry) -> Configuration {
    let mut copies: Vec<NodeId> = assignment.primary.into_iter().collect();
    copies.extend(&assignment.backups);
    let mut partition = Configuration::new(copies);
    partition.recover(registry);
    partition
}

/// Repeats within one command are no mistake.
fn changed_or_so(result: Result<(), Refusal>) -> Result<(), Refusal> {
    match result {
        Err(Refusal::NoChange) => Ok(()),
        other => other,
    }
}

fn is_partition_count(partitions: u16) -> bool {
    partitions.is_power_of_two() && partitions <= SLOTS
}

#[cfg(test)]
pub(crate) mod tests;
