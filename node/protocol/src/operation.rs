//! Operations: long work that the cluster does by itself, and the plans it does it by.
//!
//! An [`Operation`] is kept in the replicated metadata from its start on: it survives the death of whoever asked for it, of the
//! metadata leader and of any node. At most one is under way. A [`Plan`] is what one would do, as a person reads it and as a file
//! keeps it: nodes by name, bytes as they were when it was made. It is good for one topology and no other.
//!
//! How a plan is made is in `cluster::plan`, how an operation goes on in `cluster::operation`.

use crate::{Epoch, NodeId, PartitionId};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use std::{fmt, str::FromStr};

/// Number of an operation, unique in its cluster and rising. Written as at least 4 hex digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperationId(pub u64);

impl fmt::Display for OperationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}", self.0)
    }
}

impl FromStr for OperationId {
    type Err = std::num::ParseIntError;
    fn from_str(text: &str) -> Result<OperationId, Self::Err> {
        u64::from_str_radix(text, 16).map(OperationId)
    }
}

impl Serialize for OperationId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for OperationId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<OperationId, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|e| serde::de::Error::custom(format!("{text:?} is no operation's number: {e}")))
    }
}

/// What an operation is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OperationKind {
    /// Every node is to hold its share.
    Rebalance,
    /// Nodes that hold nothing are to get their share.
    Add,
    /// A node is to hold nothing.
    Drain,
    /// A node is to hold nothing and then to leave the cluster.
    Remove,
    /// Nodes are to run another build, one after the other.
    Upgrade,
}

impl fmt::Display for OperationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            OperationKind::Rebalance => "rebalance",
            OperationKind::Add => "add",
            OperationKind::Drain => "drain",
            OperationKind::Remove => "remove",
            OperationKind::Upgrade => "upgrade",
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OperationState {
    Running,
    /// No move begins; those that had begun are finished.
    Paused,
    /// Moves that had begun are taken back.
    Cancelling,
    Done,
    /// Some of it could not be done: [`Operation::why`] says what.
    Failed,
    Cancelled,
}

impl OperationState {
    pub fn is_over(self) -> bool {
        matches!(self, OperationState::Done | OperationState::Failed | OperationState::Cancelled)
    }
}

impl fmt::Display for OperationState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            OperationState::Running => "running",
            OperationState::Paused => "paused",
            OperationState::Cancelling => "cancelling",
            OperationState::Done => "done",
            OperationState::Failed => "failed",
            OperationState::Cancelled => "cancelled",
        })
    }
}

/// How fast an operation may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Pace {
    /// Bytes a second that one node sends for moves at most; 0: as many as it can. Each move counts for at least
    /// [`Pace::MOVE_BYTES_LEAST`].
    pub rate_bytes: u64,
    /// Moves that one node takes part in at once, 1 to 64.
    pub moves_at_once: u16,
    /// The p99 of clients may rise by so many microseconds; above, the operation slows down. 0: it is not looked at.
    pub guard_p99_us: u64,
}

impl Pace {
    pub const MOVES_AT_ONCE_MAX: u16 = 64;

    /// What a move counts for however little is to be copied: nodes agree four times on one, and the partition's clients wait for
    /// a round trip.
    pub const MOVE_BYTES_LEAST: u64 = 4 << 20;

    /// The least time from when a node begins as many moves as it may at once to when it begins the next.
    pub fn turn(&self) -> Duration {
        match self.rate_bytes {
            0 => Duration::ZERO,
            rate => {
                let bytes = Pace::MOVE_BYTES_LEAST * u64::from(self.moves_at_once);
                Duration::from_secs_f64(bytes as f64 / rate as f64)
            }
        }
    }
}

impl Default for Pace {
    fn default() -> Pace {
        Pace { rate_bytes: 32 << 20, moves_at_once: 2, guard_p99_us: 2000 }
    }
}

/// What became of one move.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MoveState {
    #[default]
    Waiting,
    /// The partition's new copies are being made, or take over.
    Moving,
    Done,
    /// It was taken back, or never begun; the partition is where it was.
    Failed,
}

/// One partition goes to other copies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Move {
    pub partition: PartitionId,
    /// Nodes that hold copies, the primary first.
    pub from: Vec<NodeId>,
    pub to: Vec<NodeId>,
    /// To be copied, as of the plan.
    pub bytes: u64,
    #[serde(default)]
    pub state: MoveState,
}

/// Something worth knowing that happened to an operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Note {
    pub at_unix_ms: u64,
    pub text: String,
}

/// Long work, as the cluster keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Operation {
    pub id: OperationId,
    pub kind: OperationKind,
    /// Whom it is about; empty for a rebalance.
    #[serde(default)]
    pub nodes: Vec<NodeId>,
    /// Their names when it began, for when they are gone.
    #[serde(default)]
    pub names: Vec<String>,
    pub state: OperationState,
    /// Of the plan it carries out.
    pub plan: String,
    pub started_unix_ms: u64,
    pub ended_unix_ms: Option<u64>,
    pub pace: Pace,
    /// Why it does not go on now, though it runs.
    pub held: Option<String>,
    /// Why it failed, or in what it differs from its plan.
    pub why: Option<String>,
    /// Of an upgrade.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upgrade: Option<Upgrade>,
    /// None any more once it is over.
    pub moves: Vec<Move>,
    /// Once it is over: of its moves.
    pub totals: Totals,
    /// The newest, oldest first.
    pub notes: Vec<Note>,
}

/// How far an upgrade is: it walks the operation's nodes one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Upgrade {
    /// The version that nodes are to run.
    pub to: String,
    /// Whose turn it is: it has handed over, or is doing so, and its new process is waited for.
    pub current: Option<NodeId>,
    pub done: Vec<NodeId>,
}

/// Moves and bytes, all and those that are done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    pub moves: u64,
    pub done: u64,
    pub failed: u64,
    pub bytes: u64,
    pub bytes_done: u64,
}

impl Totals {
    pub fn of(moves: &[Move]) -> Totals {
        let count = |state| moves.iter().filter(|each| each.state == state).count() as u64;
        Totals {
            moves: moves.len() as u64,
            done: count(MoveState::Done),
            failed: count(MoveState::Failed),
            bytes: moves.iter().map(|each| each.bytes).sum(),
            bytes_done: moves.iter().filter(|each| each.state == MoveState::Done).map(|each| each.bytes).sum(),
        }
    }
}

impl Operation {
    /// Notes kept.
    pub const NOTES_MAX: usize = 50;

    pub fn count(&self, state: MoveState) -> usize {
        self.moves.iter().filter(|each| each.state == state).count()
    }
}

/// By what a plan balances.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Balance {
    /// Number of partitions, by the nodes' weights.
    #[default]
    Count,
    /// Bytes that partitions take, by the nodes' weights.
    Memory,
    /// Requests that partitions had lately, by the nodes' weights.
    Load,
}

impl fmt::Display for Balance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Balance::Count => "count",
            Balance::Memory => "memory",
            Balance::Load => "load",
        })
    }
}

/// What a plan is asked for: `POST /v1/plan`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanRequest {
    pub kind: OperationKind,
    /// Names; of an add, empty: all nodes that hold nothing and are up.
    #[serde(default)]
    pub nodes: Vec<String>,
    #[serde(default)]
    pub by: Balance,
    /// Partitions that stay where they are.
    #[serde(default)]
    pub pins: Vec<PartitionId>,
    /// Of an upgrade: the version that nodes are to run.
    #[serde(default)]
    pub to: Option<String>,
}

impl PlanRequest {
    /// By count, of nobody in particular.
    pub fn of(kind: OperationKind) -> PlanRequest {
        PlanRequest { kind, nodes: Vec::new(), by: Balance::Count, pins: Vec::new(), to: None }
    }
}

/// What an operation would do. Kind `Plan`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    /// 8 hex digits, from all that follows: equal plans have equal ones.
    pub id: String,
    pub cluster: String,
    /// The topology it was made for: the number of the last change of nodes, of their shares, of who holds what.
    pub epoch: Epoch,
    /// `kind` is the envelope's word.
    #[serde(rename = "operation")]
    pub kind: OperationKind,
    #[serde(default)]
    pub nodes: Vec<String>,
    #[serde(default)]
    pub by: Balance,
    /// How much more than its share the fullest node has, in percent of the share, of what is balanced by.
    pub imbalance_before: f64,
    pub imbalance_after: f64,
    /// To be copied by all moves.
    pub bytes: u64,
    /// Of an upgrade: the version that nodes are to run, in the order of `nodes`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// In the order in which they begin.
    pub moves: Vec<PlannedMove>,
    /// All nodes that hold something before or after, by name.
    pub shares: Vec<PlannedShare>,
    /// What an operator should know beforehand; `warnings` is the envelope's word.
    #[serde(default, rename = "remarks")]
    pub warnings: Vec<String>,
}

/// One move of a plan, with nodes by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlannedMove {
    pub partition: PartitionId,
    /// The primary first.
    pub from: Vec<String>,
    pub to: Vec<String>,
    pub bytes: u64,
}

/// What a node holds before and after a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlannedShare {
    pub node: String,
    #[serde(default)]
    pub zone: String,
    pub primaries_before: u16,
    pub primaries_after: u16,
    pub copies_before: u16,
    pub copies_after: u16,
    /// Limit of its cache memory.
    pub memory_bytes: u64,
    pub used_bytes_before: u64,
    /// As far as the partitions stay as large as they are.
    pub used_bytes_after: u64,
}

/// What a client asks the cluster to do: `POST /v1/operations`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StartRequest {
    pub plan: Plan,
    #[serde(default)]
    pub pace: Pace,
    /// Safety checks that are not to stop it: `last-replica`, `memory`.
    #[serde(default)]
    pub force: Vec<String>,
}

/// An operation as it stands: `GET /v1/operations/{id}`, and what starting one and every change of one answers. Kind `Operation`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OperationStatus {
    pub id: OperationId,
    /// `kind` is the envelope's word.
    #[serde(rename = "operation")]
    pub kind: OperationKind,
    #[serde(default)]
    pub nodes: Vec<String>,
    pub state: OperationState,
    pub plan: String,
    pub started_unix_ms: u64,
    pub ended_unix_ms: Option<u64>,
    pub pace: Pace,
    pub held: Option<String>,
    pub why: Option<String>,
    pub moves_total: u64,
    pub moves_done: u64,
    pub moves_failed: u64,
    pub bytes_total: u64,
    /// Copied so far, of moves under way too.
    pub bytes_done: u64,
    /// Lately; 0 where it is not known.
    #[serde(default)]
    pub bytes_a_second: u64,
    /// By how much the p99 of clients has risen since it began, in microseconds.
    #[serde(default)]
    pub p99_rise_us: i64,
    /// Of an upgrade: the version, whose turn it is, and who is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upgrade: Option<UpgradeStatus>,
    /// Moves under way.
    #[serde(default)]
    pub moving: Vec<MoveStatus>,
    /// All moves; only of one operation, and only when asked for: `?moves=true`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moves: Vec<MoveStatus>,
    #[serde(default)]
    pub notes: Vec<Note>,
}

/// How far an upgrade is, with nodes by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpgradeStatus {
    pub to: String,
    /// Whose turn it is.
    pub current: Option<String>,
    /// How far that one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doing: Option<Doing>,
    pub done: Vec<String>,
}

/// How far the node is whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Doing {
    HandsOver,
    /// It has handed over what it can; its new process is waited for.
    Restarts,
    /// The new process is there, and its copies are not in sync yet.
    ComesInSync,
    Done,
}

/// How far a move is, as its partition's primary knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MoveProgress {
    pub partition: u16,
    /// Percent of the bytes copied.
    pub percent: u8,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MoveStatus {
    pub partition: PartitionId,
    pub from: Vec<String>,
    pub to: Vec<String>,
    pub state: MoveState,
    pub bytes: u64,
    /// Percent of the bytes copied.
    #[serde(default)]
    pub percent: u8,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_numbered_in_hex() {
        assert_eq!(OperationId(0xb57).to_string(), "0b57");
        assert_eq!("0b57".parse(), Ok(OperationId(0xb57)));
        assert_eq!(serde_json::to_string(&OperationId(0x12345)).expect("writes"), "\"12345\"");
        assert!(serde_json::from_str::<OperationId>("\"x\"").is_err());
    }

    fn a_plan() -> Plan {
        Plan {
            id: "0badcafe".into(),
            cluster: "c".into(),
            epoch: Epoch(4),
            kind: OperationKind::Rebalance,
            nodes: Vec::new(),
            by: Balance::Count,
            imbalance_before: 1.0,
            imbalance_after: 0.5,
            bytes: 1,
            to: None,
            moves: Vec::new(),
            shares: Vec::new(),
            warnings: vec!["n3 is down".into()],
        }
    }

    #[test]
    fn what_is_answered_reads_back_from_its_envelope() {
        let plan = crate::control::Envelope::new("Plan", a_plan());
        let text = serde_json::to_string(&plan).expect("writes");
        assert_eq!(serde_json::from_str::<crate::control::Envelope<Plan>>(&text).expect("reads"), plan);
        let status = OperationStatus {
            id: OperationId(7),
            kind: OperationKind::Drain,
            nodes: vec!["n1".into()],
            state: OperationState::Running,
            plan: "0badcafe".into(),
            started_unix_ms: 1,
            ended_unix_ms: None,
            pace: Pace::default(),
            held: None,
            why: None,
            moves_total: 1,
            moves_done: 0,
            moves_failed: 0,
            bytes_total: 5,
            bytes_done: 0,
            bytes_a_second: 0,
            p99_rise_us: -3,
            upgrade: None,
            moving: Vec::new(),
            moves: Vec::new(),
            notes: Vec::new(),
        };
        let status = crate::control::Envelope::new("Operation", status);
        let text = serde_json::to_string(&status).expect("writes");
        assert_eq!(serde_json::from_str::<crate::control::Envelope<OperationStatus>>(&text).expect("reads"), status);
    }

    #[test]
    fn a_plan_with_a_field_that_nobody_knows_is_not_a_plan() {
        let whole = a_plan();
        let mut json = serde_json::to_value(&whole).expect("writes");
        assert_eq!(serde_json::from_value::<Plan>(json.clone()).expect("reads"), whole);
        json["move"] = serde_json::json!([]);
        assert!(serde_json::from_value::<Plan>(json).is_err());
    }
}
