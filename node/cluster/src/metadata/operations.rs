//! The metadata's part in operations: they begin, go on and end here, one at a time, each step as a command of the metadata
//! leader or of a person. What is done next is decided in [`crate::operation`]; that it may be done is checked here.

use super::{Metadata, Refusal, Table};
use crate::failover::Stale;
use dcache_protocol::operation::{
    Move, MoveState, Note, Operation, OperationId, OperationKind, OperationState, Pace, Totals, Upgrade,
};
use dcache_protocol::{Epoch, Incarnation, NodeId, NodeState, PartitionId, Share};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Operations kept, the one under way included.
pub const OPERATIONS_MAX: usize = 16;

/// What an operation begins with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Start {
    pub kind: OperationKind,
    pub nodes: Vec<NodeId>,
    /// The plan's, and the topology it was made for.
    pub plan: String,
    pub topology: Epoch,
    pub pace: Pace,
    pub moves: Vec<Move>,
    /// Of an upgrade: the version that nodes are to run.
    #[serde(default)]
    pub to: Option<String>,
}

/// What changes about an operation under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Step {
    /// These moves begin, each if its partition has that version still.
    Begin(Vec<(PartitionId, u64)>),
    /// These moves end where they stand; `waits`: to be tried again.
    TakeBack {
        moves: Vec<(PartitionId, u64)>,
        waits: bool,
        why: String,
    },
    /// These moves, none of which has begun, will not be made.
    GiveUp {
        moves: Vec<PartitionId>,
        why: String,
    },
    /// Of an upgrade: whose turn it is.
    Turn(NodeId),
    /// Whose turn it was runs the version, and has its copies in sync.
    TurnOver(NodeId),
    /// Why it does not go on, or that it does again.
    Held(Option<String>),
    Pause,
    Resume,
    Cancel,
    Pace(Pace),
    End {
        state: OperationState,
        why: Option<String>,
    },
}

impl Metadata {
    /// The one that is under way.
    pub fn operation(&self) -> Option<&Operation> {
        self.operations
            .values()
            .next_back()
            .map(|operation| &**operation)
            .filter(|operation| !operation.state.is_over())
    }

    pub(super) fn start(&mut self, start: &Start, at_unix_ms: u64) -> Result<(), Refusal> {
        if let Some(running) = self.operation() {
            return Err(Refusal::OperationRuns { id: running.id, kind: running.kind });
        }
        if start.topology != self.topology {
            return Err(Refusal::Stale { planned: start.topology, now: self.topology });
        }
        let nodes = start.nodes.iter().chain(start.moves.iter().flat_map(|each| each.from.iter().chain(&each.to)));
        if let Some(node) = nodes.into_iter().find(|node| !self.nodes.contains_key(node)) {
            return Err(Refusal::Invalid(format!("there is no node {node}")));
        }
        let share = match start.kind {
            OperationKind::Add => Some(Share::Full),
            OperationKind::Drain | OperationKind::Remove => Some(Share::Drained),
            OperationKind::Rebalance | OperationKind::Upgrade => None,
        };
        for node in &start.nodes {
            self.nodes.entry(*node).and_modify(|record| record.share = share.unwrap_or(record.share));
        }
        self.last_operation += 1;
        let id = OperationId(self.last_operation);
        let operation = Operation {
            id,
            kind: start.kind,
            nodes: start.nodes.clone(),
            names: start.nodes.iter().filter_map(|node| Some(self.nodes.get(node)?.name.clone())).collect(),
            state: OperationState::Running,
            plan: start.plan.clone(),
            started_unix_ms: at_unix_ms,
            ended_unix_ms: None,
            pace: start.pace,
            held: None,
            why: None,
            upgrade: start.to.clone().map(|to| Upgrade { to, ..Upgrade::default() }),
            moves: start.moves.clone(),
            totals: Totals::of(&start.moves),
            notes: Vec::new(),
        };
        self.operations.insert(id, Arc::new(operation));
        while self.operations.len() > OPERATIONS_MAX {
            self.operations.pop_first();
        }
        Ok(())
    }

    pub(super) fn step_operation(&mut self, id: OperationId, step: &Step, at_unix_ms: u64) -> Result<(), Refusal> {
        let registry = self.registry();
        let Some(operation) = self.operations.get_mut(&id).map(Arc::make_mut) else {
            return Err(Refusal::NoSuchOperation(id));
        };
        if operation.state.is_over() {
            return Err(Refusal::OperationOver { id, state: operation.state });
        }
        let mut changed = 0;
        match step {
            Step::Begin(moves) => {
                for (partition, version) in moves {
                    let Some(planned) = waiting(operation, *partition) else { continue };
                    let Some(held) = self.table.get_mut(partition.index()) else { continue };
                    if held.begin_move(*version, &planned.to) == Ok(()) {
                        planned.state = MoveState::Moving;
                        changed += 1;
                    }
                }
            }
            Step::TakeBack { moves, waits, why } => {
                let mut failed = Vec::new();
                for (partition, version) in moves {
                    let Some(planned) = of(operation, *partition, MoveState::Moving) else { continue };
                    let Some(held) = self.table.get_mut(partition.index()) else { continue };
                    let is_there = held.moving.is_none();
                    if !is_there && held.end_move(*version, &registry) == Err(Stale) {
                        continue;
                    }
                    planned.state = if *waits { MoveState::Waiting } else { MoveState::Failed };
                    failed.push(*partition);
                    changed += 1;
                }
                if let Some(text) = told(&failed, "taken back", why) {
                    note(operation, at_unix_ms, text);
                }
            }
            Step::GiveUp { moves, why } => {
                let mut failed = Vec::new();
                for partition in moves {
                    let Some(planned) = waiting(operation, *partition) else { continue };
                    planned.state = MoveState::Failed;
                    failed.push(*partition);
                    changed += 1;
                }
                if let Some(text) = told(&failed, "not made", why) {
                    note(operation, at_unix_ms, text);
                }
            }
            Step::Turn(node) | Step::TurnOver(node) => {
                let Some(upgrade) = &mut operation.upgrade else {
                    return Err(Refusal::Invalid("it is no upgrade".into()));
                };
                let name = self.nodes.get(node).map(|node| node.name.clone()).unwrap_or_default();
                // One that went back to another build has its turn again.
                upgrade.done.retain(|done| done != node);
                let text = match step {
                    Step::Turn(node) => {
                        upgrade.current = Some(*node);
                        format!("{name}: its turn")
                    }
                    _ => {
                        upgrade.current = None;
                        upgrade.done.push(*node);
                        format!("{name} runs {}", upgrade.to)
                    }
                };
                if !operation.nodes.contains(node) {
                    // It joined since, with an old build.
                    operation.nodes.push(*node);
                    operation.names.push(name);
                }
                operation.held = None;
                note(operation, at_unix_ms, text);
                changed += 1;
            }
            Step::Held(held) => {
                changed += usize::from(operation.held != *held);
                if changed > 0 {
                    note(operation, at_unix_ms, held.clone().unwrap_or_else(|| "goes on".into()));
                }
                operation.held.clone_from(held);
            }
            Step::Pause | Step::Resume | Step::Cancel => {
                let (state, text) = match (step, operation.state) {
                    (Step::Pause, OperationState::Running) => (OperationState::Paused, "paused"),
                    (Step::Resume, OperationState::Paused) => (OperationState::Running, "resumed"),
                    (Step::Cancel, OperationState::Running | OperationState::Paused) => {
                        let text = match operation.kind {
                            OperationKind::Upgrade => "cancelled: every node goes on with the build it has",
                            _ => "cancelled: what had not taken over is taken back",
                        };
                        (OperationState::Cancelling, text)
                    }
                    // Asked for twice, or too late.
                    (Step::Pause, OperationState::Paused) | (Step::Resume, OperationState::Running) => {
                        return Err(Refusal::NoChange);
                    }
                    (Step::Cancel, OperationState::Cancelling) => return Err(Refusal::NoChange),
                    (_, state) => return Err(Refusal::OperationOver { id, state }),
                };
                (operation.state, operation.held) = (state, None);
                note(operation, at_unix_ms, text.into());
                changed += 1;
            }
            Step::Pace(pace) => {
                if !(1..=Pace::MOVES_AT_ONCE_MAX).contains(&pace.moves_at_once) {
                    let why = format!("moves at once: 1 to {}", Pace::MOVES_AT_ONCE_MAX);
                    return Err(Refusal::Invalid(why));
                }
                changed += usize::from(operation.pace != *pace);
                operation.pace = *pace;
            }
            Step::End { state, why } => {
                if !state.is_over() || operation.count(MoveState::Moving) > 0 {
                    return Err(Refusal::Invalid("moves of it are under way".into()));
                }
                operation.totals = Totals::of(&operation.moves);
                operation.moves = Vec::new();
                (operation.state, operation.held) = (*state, None);
                operation.why.clone_from(why);
                operation.ended_unix_ms = Some(at_unix_ms);
                if *state == OperationState::Cancelled {
                    // Nobody tried to make those.
                    operation.totals.failed = 0;
                }
                let (kind, nodes) = (operation.kind, operation.nodes.clone());
                // A drain that was not gone through with leaves the node what it has.
                if matches!(kind, OperationKind::Drain | OperationKind::Remove) && *state == OperationState::Cancelled {
                    for node in nodes {
                        self.nodes.entry(node).and_modify(|record| record.share = Share::Full);
                    }
                }
                // Who was to get something and has got nothing waits as before.
                if kind == OperationKind::Add && *state == OperationState::Cancelled {
                    for node in holding_nothing(&self.table, &self.operations[&id].nodes) {
                        self.nodes.entry(node).and_modify(|record| record.share = Share::Joined);
                    }
                }
                changed += 1;
            }
        }
        if changed == 0 { Err(Refusal::NoChange) } else { Ok(()) }
    }

    /// Partitions that have settled: their moves are made.
    pub(super) fn note_settled(&mut self, partitions: impl Iterator<Item = PartitionId>) {
        let Some(operation) = self.operations.values_mut().next_back() else { return };
        for partition in partitions {
            let operation = Arc::make_mut(operation);
            if let Some(planned) = of(operation, partition, MoveState::Moving) {
                planned.state = MoveState::Done;
            }
        }
    }

    /// Another node has the place of one that is gone.
    pub(super) fn replace_in_operation(&mut self, gone: NodeId, by: NodeId) {
        let last = self.operations.values_mut().next_back();
        let Some(operation) = last.filter(|last| !last.state.is_over()).map(Arc::make_mut) else { return };
        let lists = operation.moves.iter_mut().flat_map(|each| [&mut each.from, &mut each.to]);
        let turns =
            operation.upgrade.iter_mut().flat_map(|upgrade| upgrade.done.iter_mut().chain(&mut upgrade.current));
        let all = lists.flatten().chain(&mut operation.nodes).chain(turns);
        all.filter(|node| **node == gone).for_each(|node| *node = by);
    }

    /// Whether a node gets its share, gives up what it has, or only is there.
    pub(super) fn set_share(&mut self, node: NodeId, share: Share) -> Result<(), Refusal> {
        if let Some(running) = self.operation().filter(|running| running.nodes.contains(&node)) {
            return Err(Refusal::OperationRuns { id: running.id, kind: running.kind });
        }
        let Some(record) = self.nodes.get_mut(&node) else { return Err(Refusal::NoSuchNode(node)) };
        if record.share == share {
            return Err(Refusal::NoChange);
        }
        record.share = share;
        Ok(())
    }

    pub(super) fn set_maintenance(&mut self, node: NodeId, until_unix_ms: u64) -> Result<(), Refusal> {
        let Some(record) = self.nodes.get_mut(&node) else { return Err(Refusal::NoSuchNode(node)) };
        if record.maintenance_until_unix_ms == until_unix_ms {
            return Err(Refusal::NoChange);
        }
        record.maintenance_until_unix_ms = until_unix_ms;
        Ok(())
    }

    pub(super) fn set_stopping(&mut self, node: NodeId, incarnation: Incarnation) -> Result<(), Refusal> {
        let known = self.nodes.get_mut(&node).filter(|known| known.incarnation == incarnation);
        let Some(record) = known else { return Err(Refusal::NoSuchNode(node)) };
        if std::mem::replace(&mut record.is_stopping, true) { Err(Refusal::NoChange) } else { Ok(()) }
    }

    /// Takes a node out of the cluster. `loses`: also when partitions have their only copy there; it must be down then.
    pub(super) fn remove_node(&mut self, node: NodeId, loses: bool) -> Result<(), Refusal> {
        let Some(record) = self.nodes.get(&node) else { return Err(Refusal::NoSuchNode(node)) };
        let (is_up, name) = (record.state == NodeState::Up, record.name.clone());
        if let Some(running) = self.operation()
            && running.moves.iter().any(|each| each.from.contains(&node) || each.to.contains(&node))
            && !running.nodes.contains(&node)
        {
            return Err(Refusal::OperationRuns { id: running.id, kind: running.kind });
        }
        let held: Vec<usize> = (0..self.table.len()).filter(|p| self.table[*p].copies.contains(&node)).collect();
        if is_up && !held.is_empty() {
            return Err(Refusal::Invalid(format!("{name} holds copies of {} partitions", held.len())));
        }
        let is_last = |p: &&usize| self.table[**p].in_sync.iter().all(|member| member.node == node);
        let last = held.iter().filter(is_last).count();
        if last > 0 && !loses {
            return Err(Refusal::LastCopies { name, partitions: last as u64 });
        }
        self.nodes.remove(&node);
        let registry = self.registry();
        for partition in held {
            let heir = self.nodes.values().find(|node| node.state == NodeState::Up && node.share == Share::Full);
            self.table[partition].forget(node, heir.map(|node| node.id), &registry);
        }
        Ok(())
    }
}

/// Those of some nodes that have no copy of anything.
fn holding_nothing(table: &Table, nodes: &[NodeId]) -> Vec<NodeId> {
    let holds_nothing = |node: &&NodeId| !table.iter().any(|partition| partition.copies.contains(node));
    nodes.iter().filter(holds_nothing).copied().collect()
}

fn of(operation: &mut Operation, partition: PartitionId, state: MoveState) -> Option<&mut Move> {
    operation.moves.iter_mut().find(|planned| planned.partition == partition && planned.state == state)
}

fn waiting(operation: &mut Operation, partition: PartitionId) -> Option<&mut Move> {
    of(operation, partition, MoveState::Waiting)
}

fn told(partitions: &[PartitionId], what: &str, why: &str) -> Option<String> {
    match partitions {
        [] => None,
        [one] => Some(format!("move of partition {one} {what}: {why}")),
        [first, ..] => Some(format!("{} moves {what} (partition {first} and others): {why}", partitions.len())),
    }
}

fn note(operation: &mut Operation, at_unix_ms: u64, text: String) {
    if operation.notes.last().is_some_and(|last| last.text == text) {
        return;
    }
    if operation.notes.len() >= Operation::NOTES_MAX {
        operation.notes.remove(0);
    }
    operation.notes.push(Note { at_unix_ms, text });
}
