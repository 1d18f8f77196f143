//! Bodies of the HTTP control API, version 1: what `/v1/...` takes and answers, as JSON in camelCase.
//!
//! Every answer is an [`Envelope`]: `apiVersion`, `kind`, the body's own fields, `warnings`. Every error is an [`ErrorBody`].
//! Counters are totals since the node's start, raw (bytes, counts, milliseconds, microseconds where the name says so);
//! rates over recent time are in [`Window`]s. HTTP itself is in the node; calling it is in the client crate.

use crate::level::level_first;
use crate::operation::{MoveProgress, OperationId, OperationKind, OperationState, UpgradeStatus};
use crate::{Addresses, Epoch, Eviction, Incarnation, NamespaceSpec, NodeId, NodeState, Share, SlotRange};
use serde::{Deserialize, Serialize};

pub const API_VERSION: &str = "dcache/v1";

/// What every successful answer is wrapped in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope<T> {
    pub api_version: String,
    pub kind: String,
    #[serde(flatten)]
    pub body: T,
    #[serde(default)]
    pub warnings: Vec<String>,
}

impl<T> Envelope<T> {
    pub fn new(kind: &str, body: T) -> Envelope<T> {
        Envelope { api_version: API_VERSION.into(), kind: kind.into(), body, warnings: Vec::new() }
    }
}

/// A list answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct List<T> {
    pub items: Vec<T>,
}

/// What every failed answer carries, whatever its HTTP status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    pub error: ApiError,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiError {
    pub code: ErrorCode,
    /// What failed, one phrase.
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<String>,
}

/// Typed errors of the control API; the command line maps them to exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorCode {
    /// The request itself is wrong. HTTP 400.
    Invalid,
    /// HTTP 404.
    NotFound,
    /// A precondition failed: already initialised differently, name in use. HTTP 409.
    Conflict,
    /// No quorum, no leader, or a node that is needed does not answer. HTTP 503.
    Unavailable,
    /// A deadline passed; the outcome may be unknown and the message says so. HTTP 504.
    Timeout,
    /// Out of memory or over a fixed bound. HTTP 507.
    Limit,
    /// HTTP 500.
    Internal,
}

/// `GET /v1/cluster`: the whole cluster as any node sees it. Kind `ClusterStatus`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterStatus {
    /// `standalone` until `cluster init` formed one.
    pub name: String,
    /// 16 hex digits; empty until formed.
    pub id: String,
    pub formed: bool,
    pub epoch: Epoch,
    /// Of what its nodes say to each other: the lowest of theirs, which never goes down ([`crate::level`]).
    #[serde(default = "level_first")]
    pub level: u16,
    /// Name of the metadata leader this node knows of.
    pub leader: Option<String>,
    /// Whether metadata can change now: the leader answered within its lease.
    pub quorum: bool,
    pub health: Health,
    pub findings: Vec<Finding>,
    pub partitions: u16,
    /// Partitions whose owner is up and answers.
    pub partitions_served: u16,
    /// Further copies that each partition is to have.
    #[serde(default)]
    pub copies: u8,
    /// Partitions with all their copies in sync.
    #[serde(default)]
    pub partitions_in_sync: u16,
    /// Partitions on their way to other nodes.
    #[serde(default)]
    pub partitions_moving: u16,
    /// The operation under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<OperationBrief>,
    /// Slots nobody serves now.
    pub slots_unserved: Vec<SlotRange>,
    pub nodes: Vec<NodeStatus>,
    /// Name of the node that made this answer.
    pub answered_by: String,
    /// Wall clock of that node, milliseconds since 1970.
    pub at_unix_ms: u64,
    /// How long collecting from all nodes took.
    pub collected_in_ms: u64,
}

/// An operation in a few words; all of it is at `GET /v1/operations/{id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OperationBrief {
    pub id: OperationId,
    pub kind: OperationKind,
    pub nodes: Vec<String>,
    pub state: OperationState,
    pub moves_done: u64,
    pub moves_total: u64,
    pub held: Option<String>,
    /// Of an upgrade, which has turns where others have moves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upgrade: Option<UpgradeStatus>,
}

impl OperationBrief {
    /// `2 of 3 nodes`, `338 of 512 moves`.
    pub fn how_far(&self) -> String {
        match &self.upgrade {
            Some(upgrade) => format!("{} of {} nodes", upgrade.done.len(), self.nodes.len()),
            None => format!("{} of {} moves", self.moves_done, self.moves_total),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    Healthy,
    /// At least one warning.
    Degraded,
    /// At least one critical finding: some slot is not served, or metadata cannot change.
    Critical,
}

/// One thing an operator should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    pub level: Level,
    /// Stable id, as `NODE-01`.
    pub check: String,
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Name of the node it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Info,
    Warning,
    Critical,
}

/// One node of a [`ClusterStatus`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeStatus {
    pub id: NodeId,
    pub name: String,
    pub zone: String,
    pub weight: u32,
    pub version: String,
    pub addresses: Addresses,
    /// What the cluster agreed on.
    pub state: NodeState,
    /// Whether it answered this collection; `state` up and not reachable means: look.
    pub reachable: bool,
    /// It answers as a process that is not agreed on yet: it started again a moment ago, empty, and serves nothing until then.
    #[serde(default)]
    pub restarted: bool,
    /// Whether it is to hold partitions.
    #[serde(default)]
    pub share: Share,
    /// Until when it is being worked on, milliseconds since 1970; 0: it is not.
    #[serde(default)]
    pub maintenance_until_unix_ms: u64,
    /// Holds the metadata lead.
    pub leader: bool,
    /// Votes on metadata.
    pub voter: bool,
    pub partitions: u16,
    /// Partitions it holds a further copy of, or is to hold one of.
    #[serde(default)]
    pub backups: u16,
    /// Of these, in sync.
    #[serde(default)]
    pub backups_in_sync: u16,
    pub slots: u16,
    /// Its primary slots, ascending, fewest ranges.
    pub slot_ranges: Vec<SlotRange>,
    pub memory_limit_bytes: u64,
    /// Its figures; none when it did not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<NodeReport>,
    /// Why there is no report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl NodeStatus {
    /// Whether it serves its slots, as far as the collection could see.
    pub fn serves(&self) -> bool {
        self.state == NodeState::Up && self.reachable && !self.restarted
    }
}

/// One node's own figures. Kind `NodeReport` at `GET /v1/report` of that node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeReport {
    pub id: NodeId,
    /// Of the process that reports; 0: it does not say.
    pub incarnation: Incarnation,
    pub name: String,
    pub at_unix_ms: u64,
    pub uptime_ms: u64,
    /// Newest metadata epoch this node acts on.
    pub epoch: Epoch,
    /// Its part of the metadata log failed, as when its disk is full: it serves on, but does not vote.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_stopped: Option<String>,
    pub memory_used_bytes: u64,
    pub memory_limit_bytes: u64,
    pub resident_bytes: u64,
    /// Entries the node serves; copies that it keeps for others are not counted.
    pub items: u64,
    pub connections: u64,
    pub connections_total: u64,
    pub connections_rejected: u64,
    /// Client buffers held now.
    pub buffer_bytes: u64,
    pub traffic: Traffic,
    /// Latency of requests over the last 10 seconds.
    pub latency: Latency,
    /// Per command, those called at least once, most called first.
    pub commands: Vec<CommandFigures>,
    pub namespaces: Vec<NamespaceFigures>,
    pub replication: ReplicationFigures,
    /// Partitions it serves that are on their way to other nodes.
    pub moves: Vec<MoveProgress>,
    /// Rates over recent time: `now` (last 5 s), `1m`, `1h`, `24h`; a window longer than the uptime is left out, save `now`.
    pub windows: Vec<Window>,
}

/// Totals since the node's start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Traffic {
    /// Commands that came in from clients (at the node they were sent to).
    pub commands: u64,
    /// Of these, answered with an error.
    pub errors: u64,
    pub gets: u64,
    pub sets: u64,
    pub deletes: u64,
    pub hits: u64,
    pub misses: u64,
    pub evictions: u64,
    pub expirations: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
    /// Requests this node passed on to their owner.
    pub forwarded: u64,
    pub forward_errors: u64,
    /// Requests of other nodes this one answered.
    pub served_for_peers: u64,
    /// Reads that a copy on this node answered of what another node serves.
    #[serde(default)]
    pub copy_reads: u64,
}

/// Copies, as a node sees them of the partitions it serves; totals since its start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ReplicationFigures {
    /// Each other node that holds or builds copies of partitions served here.
    pub links: Vec<LinkLag>,
    /// Bytes of log kept for copies.
    pub log_bytes: u64,
    /// Partitions taken over from another node.
    pub taken_over: u64,
    /// Entries that only this node had when another one took over, and that were thrown away. Of strong namespaces none of
    /// them was confirmed to a client.
    pub discarded: u64,
    /// Messages to other nodes that found too many waiting; they are sent again.
    pub overflowed: u64,
    /// Copies of partitions served here that lack something, the furthest behind first, [`CopyLag::MAX`] at most.
    pub behind: Vec<CopyLag>,
}

/// One copy of one partition that lacks something its primary has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CopyLag {
    pub partition: u16,
    /// Where the copy is.
    pub node: String,
    /// It counts as in sync; else it is being built.
    pub in_sync: bool,
    /// Entries of the log that it has not acknowledged; all there are, while nothing was heard of it.
    pub entries: u64,
    /// Age of the oldest of them, in milliseconds, to about 10 ms; 0 of a copy that is being built.
    pub lag_ms: u64,
}

impl CopyLag {
    pub const MAX: usize = 32;
}

/// How far one node's copies are behind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LinkLag {
    pub node: String,
    /// Partitions of which it holds a copy in sync.
    pub in_sync: u16,
    /// Partitions of which it is building a copy.
    pub building: u16,
    /// Entries that its copies in sync have not acknowledged, of all partitions together: what would be lost of eventual
    /// namespaces if this node were gone now.
    pub entries: u64,
    /// Age of the oldest of them, in milliseconds, to about 10 ms.
    pub lag_ms: u64,
}

/// Latency in microseconds, from a request's bytes at hand to its reply encoded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Latency {
    pub count: u64,
    pub p50_us: f64,
    pub p90_us: f64,
    pub p99_us: f64,
    pub p999_us: f64,
    pub max_us: f64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CommandFigures {
    pub name: String,
    pub calls: u64,
    pub errors: u64,
    /// Over the last 10 seconds.
    pub latency: Latency,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NamespaceFigures {
    pub name: String,
    /// Its policy.
    pub eviction: Eviction,
    /// Entries in memory: each copy of an entry counts.
    pub items: u64,
    /// Bytes of its keys and values.
    pub stored_bytes: u64,
    /// Bytes of the pages they take.
    pub memory_used_bytes: u64,
    pub memory_max_bytes: Option<u64>,
    pub memory_min_bytes: Option<u64>,
    pub hits: u64,
    pub misses: u64,
    pub sets: u64,
    pub deletes: u64,
    pub evictions: u64,
    pub expirations: u64,
    /// Writes refused for lack of space.
    pub refused: u64,
    /// Where the eviction policy is `auto`: what it chose, node by node.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub chosen: Vec<PolicyChoice>,
}

impl NamespaceFigures {
    /// Adds another node's figures; the policy and the bounds stay.
    pub fn add(&mut self, other: &NamespaceFigures) {
        self.items += other.items;
        self.stored_bytes += other.stored_bytes;
        self.memory_used_bytes += other.memory_used_bytes;
        self.hits += other.hits;
        self.misses += other.misses;
        self.sets += other.sets;
        self.deletes += other.deletes;
        self.evictions += other.evictions;
        self.expirations += other.expirations;
        self.refused += other.refused;
        self.chosen.extend(other.chosen.iter().cloned());
    }
}

/// What `auto` chose for a namespace on one node, and why.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PolicyChoice {
    pub node: String,
    pub policy: Eviction,
    /// Unix milliseconds of the change to it; none: from the start.
    pub since_ms: Option<u64>,
    /// Changes since the node's start.
    pub changes: u32,
    /// Entries in the sample the candidates are tried on.
    pub sampled_entries: u64,
    /// Part of the keys that is sampled, up to 1.
    pub sample_rate: f64,
    pub candidates: Vec<PolicyCandidate>,
    /// A sentence.
    pub reason: String,
}

/// A policy that is tried on the sample.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PolicyCandidate {
    pub policy: Eviction,
    /// Misses of the sampled requests, 0 to 1; older ones count less.
    pub miss_ratio: f64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Window {
    pub name: String,
    pub seconds: f64,
    pub ops_per_second: f64,
    pub hits_per_second: f64,
    pub misses_per_second: f64,
    pub errors_per_second: f64,
    pub evictions_per_second: f64,
    pub expirations_per_second: f64,
    pub bytes_in_per_second: f64,
    pub bytes_out_per_second: f64,
}

impl Window {
    /// Hits over lookups, 0 to 1; none without lookups.
    pub fn hit_ratio(&self) -> Option<f64> {
        let lookups = self.hits_per_second + self.misses_per_second;
        (lookups > 0.0).then(|| self.hits_per_second / lookups)
    }
}

/// `GET /v1/partitions`: every partition of the cluster, as columns indexed by partition number. Kind `PartitionTable`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PartitionTable {
    pub epoch: Epoch,
    /// Node names that the other columns point at.
    pub nodes: Vec<String>,
    /// Index into `nodes` of each partition's primary; none: not placed.
    pub primary: Vec<Option<u16>>,
    /// Whether that primary is up and answered.
    pub served: Vec<bool>,
    /// Requests since the primary's start.
    pub ops: Vec<u64>,
    pub items: Vec<u64>,
    pub memory_bytes: Vec<u64>,
    /// Of these bytes, about, those of namespaces without copies.
    #[serde(default)]
    pub uncopied_bytes: Vec<u64>,
    /// Requests a second over the last minute, or since the primary's start.
    #[serde(default)]
    pub ops_a_second: Vec<u64>,
    /// Whether the partition is on its way to other nodes.
    #[serde(default)]
    pub moving: Vec<bool>,
}

/// One entry of the cluster's own log of what happened to it. `GET /v1/events?after=SEQ`; kind `EventList`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterEvent {
    /// Grows by one; an event that goes on is shown again under a new one, in place of the old.
    pub seq: u64,
    /// Wall clock of the metadata leader, milliseconds since 1970.
    pub at_unix_ms: u64,
    pub level: Level,
    pub kind: EventKind,
    /// Name of the node it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Partitions, where the kind has them.
    #[serde(default)]
    pub count: u64,
    /// Out of so many.
    #[serde(default)]
    pub of: u64,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    ClusterFormed,
    NodeJoined,
    /// With an empty data directory, under the name of one that is gone.
    NodeReplaced,
    NodeRestarted,
    NodeUp,
    NodeDown,
    NodeMoved,
    NodeChanged,
    CopiesInSync,
    CopiesLate,
    CopiesRebuilt,
    HandedOver,
    NamespaceSet,
    NamespaceDeleted,
    OperationStarted,
    OperationChanged,
    NodeDrained,
    NodeUndrained,
    NodeRemoved,
    MaintenanceOn,
    MaintenanceOff,
    NodeStopping,
}

impl ClusterEvent {
    /// In words, without the node's name.
    pub fn message(&self) -> String {
        let ClusterEvent { count, of, detail, .. } = self;
        match self.kind {
            EventKind::ClusterFormed => format!("cluster formed: {detail}"),
            EventKind::NodeJoined => "joined".into(),
            EventKind::NodeReplaced => "takes the place of the node of its name, whose data directory is gone".into(),
            EventKind::NodeRestarted => "started again, empty".into(),
            EventKind::NodeUp => "is up again".into(),
            EventKind::NodeDown if *of == 0 => "is down; it served nothing".into(),
            EventKind::NodeDown => format!("is down; {count} of its {of} partitions are served by other copies"),
            EventKind::NodeMoved => format!("is reached at {detail} now"),
            EventKind::NodeChanged => format!("changed: {detail}"),
            EventKind::CopiesInSync => format!("its copies of {count} partitions are in sync"),
            EventKind::CopiesLate => format!("its copies of {count} partitions fell behind and are not waited for"),
            EventKind::CopiesRebuilt => format!("{count} partitions get copies on other nodes"),
            EventKind::HandedOver => format!("took over {count} partitions from {detail}"),
            EventKind::NamespaceSet => format!("namespace {detail} set"),
            EventKind::NamespaceDeleted => format!("namespace {detail} deleted"),
            EventKind::OperationStarted | EventKind::OperationChanged => detail.clone(),
            EventKind::NodeDrained => "is to hold nothing".into(),
            EventKind::NodeUndrained => "may hold its share again".into(),
            EventKind::NodeRemoved => "is none of the cluster any more".into(),
            EventKind::MaintenanceOn => "is being worked on".into(),
            EventKind::NodeStopping => "is about to stop, and hands over what it serves".into(),
            EventKind::MaintenanceOff => "is not being worked on any more".into(),
        }
    }
}

/// What changing something about a node answers. Kind `Node`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeName {
    pub name: String,
}

/// `PUT /v1/nodes/{name}/maintenance`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MaintenanceRequest {
    /// Milliseconds since 1970; 0: it is over.
    pub until_unix_ms: u64,
}

/// A namespace with its figures summed over the nodes that answered. Kind `Namespace`; `NamespaceList` for all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NamespaceStatus {
    pub spec: NamespaceSpec,
    pub figures: NamespaceFigures,
    /// Names of nodes that did not answer, whose share is missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

/// `POST /v1/cluster/init`, and the content of `cluster.yaml`. Kind `Cluster` in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ClusterSpec {
    pub name: String,
    /// A power of two, 1 to 16384; fixed for the cluster's life.
    #[serde(default = "partitions_default")]
    pub partitions: u16,
    /// Further copies of each partition beside its primary's, as far as there are nodes for them; 0 to 4.
    #[serde(default = "copies_default")]
    pub copies: u8,
    /// How long a node may be down before its copies are built on other nodes, in milliseconds; 1 s to 7 days.
    #[serde(default = "rebuild_after_default")]
    pub rebuild_after_ms: u64,
    /// Whether nodes that join get their share by themselves.
    #[serde(default, skip_serializing_if = "is_false")]
    pub auto_rebalance: bool,
    pub nodes: Vec<ClusterSpecNode>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<NamespaceSpec>,
}

fn is_false(is_so: &bool) -> bool {
    !is_so
}

/// Partitions of a cluster whose creator does not say.
pub fn partitions_default() -> u16 {
    1024
}

/// Further copies in a cluster whose creator does not say.
pub fn copies_default() -> u8 {
    1
}

/// Five minutes: longer than a restart or a short maintenance takes.
pub fn rebuild_after_default() -> u64 {
    300_000
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ClusterSpecNode {
    /// The node's peers door, `host:port`.
    pub peers: String,
    /// Checked against the node's own name when given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Overrides the node's own weight when given, 1 to 10000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
    /// Overrides the node's own zone when given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
}

/// Options of `POST /v1/cluster/init` beside the spec.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InitRequest {
    pub spec: ClusterSpec,
    /// Check and plan only.
    #[serde(default)]
    pub dry_run: bool,
    /// Go on although a node already holds keys that its new slots will not cover.
    #[serde(default)]
    pub drop_keys: bool,
}

/// Answer of `POST /v1/cluster/init`. Kind `InitResult`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InitResult {
    pub outcome: InitOutcome,
    pub cluster_id: String,
    /// Name and number of partitions each node gets, in the spec's order.
    pub plan: Vec<InitShare>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum InitOutcome {
    Formed,
    /// The cluster was formed with this spec before; nothing was done.
    AlreadyFormed,
    /// Dry run: this is what would be done.
    Planned,
}

/// Answer of `POST /v1/nodes/{name}/failover`. Kind `FailoverResult`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FailoverResult {
    pub node: String,
    /// Partitions that other nodes took over.
    pub moved: u16,
    /// Partitions that stayed: no other copy of them is in sync.
    pub kept: u16,
    pub took_ms: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InitShare {
    pub node: String,
    pub zone: String,
    pub address: String,
    pub partitions: u16,
    /// Further copies of other nodes' partitions.
    #[serde(default)]
    pub backups: u16,
}

/// `GET /v1/node`: who this node is. Kind `Node`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeIdentity {
    pub id: NodeId,
    pub name: String,
    pub zone: String,
    pub weight: u32,
    pub version: String,
    pub addresses: Addresses,
    pub memory_bytes: u64,
    pub pid: u32,
    /// Id of the cluster it belongs to; empty: none.
    pub cluster_id: String,
    pub cluster_name: String,
    pub data_dir: String,
    /// Keys it holds now.
    pub items: u64,
}

/// `GET /v1/locate?key=...` (or `keyBase64`). Kind `Location`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Location {
    pub slot: u16,
    pub partition: u16,
    pub node: Option<String>,
    pub namespace: String,
}
