//! Changes of the cluster that can be asked for here: what each is called, what it would do, and the command line that does the
//! same. Which keys lead to them is in `keymap.rs`, asking before in `app/ask.rs`, carrying them out in `fetch.rs`.

use crate::theme::Meaning;
use dcache_protocol::control::{ClusterStatus, FailoverResult, NodeStatus};
use dcache_protocol::operation::{OperationId, OperationKind, OperationState, OperationStatus, Pace, Plan};
use dcache_protocol::size::format_size;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    Drain { node: String },
    Failover { node: String },
    Pause { id: OperationId },
    Resume { id: OperationId },
    Cancel { id: OperationId },
}

/// What the cluster answered to one that it took.
#[derive(Clone, Debug, PartialEq)]
pub enum Done {
    Operation(Box<OperationStatus>),
    Failover(FailoverResult),
}

/// Lines to be read, each with how bad it is.
pub type Told = Vec<(Meaning, String)>;

impl Change {
    /// The command line that does the same.
    pub fn command(&self) -> String {
        match self {
            Change::Drain { node } => format!("dcache cluster drain {node}"),
            Change::Failover { node } => format!("dcache cluster failover {node}"),
            Change::Pause { id } => format!("dcache op pause {id}"),
            Change::Resume { id } => format!("dcache op resume {id}"),
            Change::Cancel { id } => format!("dcache op cancel {id}"),
        }
    }

    /// In a few words, as `drain cache-b2`.
    pub fn name(&self) -> String {
        match self {
            Change::Drain { node } => format!("drain {node}"),
            Change::Failover { node } => format!("failover of {node}"),
            Change::Pause { id } => format!("pause operation {id}"),
            Change::Resume { id } => format!("resume operation {id}"),
            Change::Cancel { id } => format!("cancel operation {id}"),
        }
    }
}

/// What a drain would do, by its plan; first what matters most, for a terminal that has no room for all.
pub fn told_of_plan(plan: &Plan) -> Told {
    let pace = Pace::default();
    let of_those = |text| (Meaning::Plain, text);
    let mut told =
        vec![of_those(format!("moves   {} partitions, {} to copy", plan.moves.len(), format_size(plan.bytes)))];
    let fullness = |used: u64, of: u64| used as f64 / of as f64 * 100.0;
    let fullest = plan
        .shares
        .iter()
        .filter(|share| share.memory_bytes > 0 && !plan.nodes.contains(&share.node))
        .max_by(|a, b| {
            let of =
                |share: &dcache_protocol::operation::PlannedShare| fullness(share.used_bytes_after, share.memory_bytes);
            of(a).total_cmp(&of(b))
        });
    told.extend(fullest.map(|share| {
        let [before, after] =
            [share.used_bytes_before, share.used_bytes_after].map(|used| fullness(used, share.memory_bytes));
        of_those(format!("memory  fullest after it: {}, {before:.0} % -> {after:.0} %", share.node))
    }));
    told.extend(plan.warnings.iter().map(|warning| (Meaning::Look, warning.clone())));
    told.push(of_those(format!(
        "pace    at most {}/s a node, {} moves at once",
        format_size(pace.rate_bytes),
        pace.moves_at_once
    )));
    told.push(of_those("after   it holds nothing and serves as a proxy, until it is removed".into()));
    told
}

pub fn told_of_failover(status: &ClusterStatus, node: &NodeStatus) -> Told {
    let mut told = vec![
        (
            Meaning::Plain,
            format!("moves   the {} partitions {} serves, to their other copies", node.partitions, node.name),
        ),
        (Meaning::Plain, "after   it keeps its copies and stays in the cluster".into()),
    ];
    if status.copies == 0 {
        told.push((Meaning::Look, "this cluster keeps no further copies: nothing can be taken over".into()));
    } else if status.partitions_in_sync < status.partitions {
        let late = status.partitions - status.partitions_in_sync;
        told.push((
            Meaning::Look,
            format!("{late} partitions lack a copy in sync; those of {} among them stay with it", node.name),
        ));
    }
    told
}

/// What pausing, resuming or cancelling would do to an operation.
pub fn told_of_steering(change: &Change, operation: &OperationStatus) -> Told {
    let plain = |text: String| (Meaning::Plain, text);
    let moving = operation.moving.len();
    let mut told = vec![plain(format!(
        "{}  {} of {} moves are made, {moving} are under way",
        named(operation),
        operation.moves_done,
        operation.moves_total
    ))];
    match change {
        Change::Pause { .. } => told.push(plain("no further move begins; those under way are finished".into())),
        Change::Resume { .. } => told.push(plain("further moves begin again, at its pace".into())),
        _ => {
            told.push(plain("moves that are made stay; those under way are taken back, no other begins".into()));
            if matches!(operation.kind, OperationKind::Drain | OperationKind::Remove) {
                told.push(plain(format!("{} may hold its share again", operation.nodes.join(", "))));
            }
        }
    }
    told
}

/// As `drain 0b57 of cache-b2`.
pub fn named(operation: &OperationStatus) -> String {
    let of = if operation.nodes.is_empty() { String::new() } else { format!(" of {}", operation.nodes.join(", ")) };
    format!("{} {}{of}", operation.kind, operation.id)
}

/// What came of it.
pub fn told_of_done(change: &Change, done: &Done) -> Told {
    match (change, done) {
        (_, Done::Failover(FailoverResult { node, moved, kept, took_ms })) => {
            let mut told = Vec::new();
            let seconds = *took_ms as f64 / 1000.0;
            if *moved > 0 || *kept == 0 {
                told.push((Meaning::Good, format!("{moved} partitions of {node} taken over in {seconds:.2} s")));
            }
            if *kept > 0 {
                told.push((Meaning::Look, format!("{kept} partitions stay: no other copy of them is in sync")));
            }
            told
        }
        (Change::Drain { .. }, Done::Operation(operation)) => {
            vec![(Meaning::Good, format!("{} began", named(operation)))]
        }
        (_, Done::Operation(operation)) => {
            // Asked too late, it may be something else than was asked for.
            let meaning = if operation.state == OperationState::Failed { Meaning::Act } else { Meaning::Good };
            vec![(meaning, format!("{} is {} now", named(operation), operation.state))]
        }
    }
}
