//! How an operation goes on: which of its moves begin next, which are taken back, when it waits, when it is over. On the metadata
//! leader, as `step(now, metadata, pressure) → commands`; what a command may do is checked when it is applied.
//!
//! ```text
//!  waiting ── its nodes are up and have room for one more ─► moving ── the partition settles there ─► done
//!     ▲                                                        │
//!     └── a node of its goal is away for a while ──────────────┤
//!                       cancelled, or that node is gone ───────┴─► failed: the partition is where it was
//! ```
//!
//! All that it must remember is in the metadata: another leader goes on where this one stopped. Kept here alone is what it can
//! find out again: since when a node is away, and how far the operation has slowed down.
//!
//! A move is judged by its goal, never by where the partition is: whoever is primary by now brings it there.
//!
//! Slowing down: when the p99 of clients has risen above what it was when the operation began by more than the pace allows, half
//! as many moves may be under way, and none at the least; when it is below again, one more each time it is looked
//! (additive increase, multiplicative decrease; V. Jacobson, "Congestion avoidance and control", SIGCOMM 1988).
//!
//! Turns: all nodes begin moves at the same moments, as many as each may have under way, so that what they agree on about them
//! goes together.
//!
//! Left out: what moves ([`crate::plan`]), how one partition moves ([`crate::replication`]).

use crate::failover::Configuration;
use crate::metadata::{Command, Metadata, Step};
use dcache_protocol::operation::{Move, MoveState, Operation, OperationId, OperationKind, OperationState};
use dcache_protocol::{NodeId, NodeState, PartitionId, Share};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How long a node of a move's goal may be away before the move is taken back, to be tried again when it is there.
const AWAY_MAX: Duration = Duration::from_secs(5);

/// How long the moves to a node that stays away are waited for before they are given up.
const GIVE_UP_AFTER: Duration = Duration::from_secs(300);

/// How often an operation may speed up, or slow down.
const ADAPT_EVERY: Duration = Duration::from_secs(2);

/// Moves that one command begins at most.
const BEGIN_MAX: usize = 256;

/// What clients feel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pressure {
    /// The worst p99 of any node lately, in microseconds; none: it is not known.
    pub p99_us: Option<u64>,
}

/// The leader's memory of the operation under way.
#[derive(Debug, Default)]
pub struct Operations {
    of: Option<OperationId>,
    away_since: BTreeMap<NodeId, Duration>,
    calm_p99_us: Option<u64>,
    /// So many moves of each node may be under way; none: as many as its pace says.
    allowed: Option<u16>,
    adapted_at: Duration,
    /// When moves may begin again.
    next_turn: Duration,
}

impl Operations {
    /// Another node leads.
    pub fn follow(&mut self) {
        *self = Operations::default();
    }

    /// By how much the p99 of clients has risen since the operation began, or since this node leads, in microseconds.
    pub fn p99_rise_us(&self, pressure: Pressure) -> i64 {
        match (pressure.p99_us, self.calm_p99_us) {
            (Some(now), Some(calm)) => now as i64 - calm as i64,
            _ => 0,
        }
    }

    /// How long until moves may begin again; zero: they may now, as far as that goes.
    pub fn until_turn(&self, now: Duration) -> Duration {
        self.next_turn.saturating_sub(now)
    }

    /// What is to be proposed now. To be called often while one is under way: after each change of the metadata.
    pub fn step(&mut self, now: Duration, metadata: &Metadata, pressure: Pressure) -> Vec<Command> {
        let Some(operation) = metadata.operation() else {
            self.follow();
            return Vec::new();
        };
        if self.of != Some(operation.id) {
            *self = Operations { of: Some(operation.id), calm_p99_us: pressure.p99_us, ..Operations::default() };
        }
        let is_down = |node: &NodeId| metadata.nodes.get(node).is_none_or(|node| node.state == NodeState::Down);
        self.away_since.retain(|node, _| is_down(node));
        let mut goals: Vec<NodeId> = operation.moves.iter().flat_map(|each| each.to.iter().copied()).collect();
        goals.sort_unstable();
        goals.dedup();
        for node in goals.into_iter().filter(is_down) {
            self.away_since.entry(node).or_insert(now);
        }
        self.adapt(now, operation, pressure);
        let id = operation.id;
        let steps = match operation.state {
            // It has no moves; its turns are the node crate's.
            _ if operation.kind == OperationKind::Upgrade && operation.state != OperationState::Cancelling => {
                Vec::new()
            }
            OperationState::Cancelling => self.cancel(operation, metadata),
            _ => self.go_on(now, operation, metadata, pressure),
        };
        steps.into_iter().map(|step| self.command(id, step)).collect()
    }

    fn command(&self, operation: OperationId, step: Next) -> Command {
        match step {
            Next::Step(step) => Command::StepOperation { operation, step },
            Next::Remove(node) => Command::RemoveNode { node, loses: false },
        }
    }

    fn adapt(&mut self, now: Duration, operation: &Operation, pressure: Pressure) {
        let guard = operation.pace.guard_p99_us;
        let most = operation.pace.moves_at_once;
        if self.calm_p99_us.is_none() {
            self.calm_p99_us = pressure.p99_us;
        }
        if guard == 0 || pressure.p99_us.is_none() {
            self.allowed = None;
            return;
        }
        if now.saturating_sub(self.adapted_at) < ADAPT_EVERY {
            return;
        }
        self.adapted_at = now;
        let allowed = self.allowed.unwrap_or(most);
        let next = if self.p99_rise_us(pressure) > guard as i64 { allowed / 2 } else { allowed + 1 };
        self.allowed = Some(next).filter(|next| *next < most);
    }

    fn go_on(&mut self, now: Duration, operation: &Operation, metadata: &Metadata, pressure: Pressure) -> Vec<Next> {
        let mut steps = Vec::new();
        let away = |node: &NodeId| self.away_since.get(node).map(|since| now.saturating_sub(*since));
        let longest_away = |each: &Move| each.to.iter().filter_map(|node| Some((away(node)?, *node))).max();
        let name = |node: NodeId| metadata.nodes.get(&node).map_or_else(|| node.to_string(), |node| node.name.clone());
        // Taken back: whose goal is away.
        for (each, partition) in of_state(operation, metadata, MoveState::Moving) {
            let Some((long, node)) = longest_away(each) else { continue };
            let is_gone = !metadata.nodes.contains_key(&node);
            if long >= AWAY_MAX || is_gone || partition.moving.is_none() {
                let why = format!("{} is {}", name(node), if is_gone { "gone" } else { "down" });
                push_take_back(&mut steps, (each.partition, partition.version), !is_gone, why);
            }
        }
        // Given up: whose goal is gone, or stays away.
        for (each, _) in of_state(operation, metadata, MoveState::Waiting) {
            let gone = each.to.iter().find(|node| !metadata.nodes.contains_key(node));
            let lost = longest_away(each).filter(|(long, _)| *long >= GIVE_UP_AFTER).map(|(_, node)| node);
            let why = match (gone.copied(), lost) {
                (Some(node), _) => format!("{} is gone", name(node)),
                (None, Some(node)) => format!("{} stays down", name(node)),
                (None, None) => continue,
            };
            push_give_up(&mut steps, each.partition, why);
        }
        if !steps.is_empty() {
            return steps;
        }
        if operation.state == OperationState::Running {
            let (begin, held) = self.begin(now, operation, metadata, pressure);
            if !begin.is_empty() {
                self.next_turn = now + operation.pace.turn();
                steps.push(Next::Step(Step::Begin(begin)));
            }
            if operation.held != held {
                steps.push(Next::Step(Step::Held(held)));
            }
        }
        let is_under_way = |each: &Move| matches!(each.state, MoveState::Waiting | MoveState::Moving);
        if !operation.moves.iter().any(is_under_way) {
            steps.extend(end(operation, metadata));
        }
        steps
    }

    /// Moves that may begin, and why none of those that wait may.
    fn begin(
        &self,
        now: Duration,
        operation: &Operation,
        metadata: &Metadata,
        pressure: Pressure,
    ) -> (Vec<(PartitionId, u64)>, Option<String>) {
        let at_once = usize::from(self.allowed.unwrap_or(operation.pace.moves_at_once));
        let is_turn = now >= self.next_turn;
        let mut busy: BTreeMap<NodeId, usize> = BTreeMap::new();
        let mut begin = Vec::new();
        for (each, partition) in of_state(operation, metadata, MoveState::Moving) {
            parts_of(each, partition).into_iter().for_each(|node| *busy.entry(node).or_default() += 1);
        }
        let (mut is_any, mut held) = (!busy.is_empty(), None);
        for (each, partition) in of_state(operation, metadata, MoveState::Waiting) {
            if let Some(node) = each.to.iter().find(|node| self.away_since.contains_key(node)) {
                let name = metadata.nodes.get(node).map(|node| node.name.clone()).unwrap_or_default();
                held.get_or_insert(format!("{name} is down"));
                continue;
            }
            if partition.primary.is_none() {
                held.get_or_insert(format!("partition {} waits for its last copy", each.partition));
                continue;
            }
            if at_once == 0 {
                let rise = self.p99_rise_us(pressure) as f64 / 1000.0;
                let allowed = operation.pace.guard_p99_us as f64 / 1000.0;
                held.get_or_insert(format!("p99 of clients rose by {rise:.1} ms, {allowed:.1} ms are allowed"));
                continue;
            }
            let parts = parts_of(each, partition);
            let is_full = |node: &NodeId| busy.get(node).is_some_and(|busy| *busy >= at_once);
            if !is_turn {
                is_any = true;
            } else if begin.len() < BEGIN_MAX && partition.moving.is_none() && !parts.iter().any(is_full) {
                parts.into_iter().for_each(|node| *busy.entry(node).or_default() += 1);
                begin.push((each.partition, partition.version));
                is_any = true;
            }
        }
        (begin, held.filter(|_| !is_any))
    }

    fn cancel(&self, operation: &Operation, metadata: &Metadata) -> Vec<Next> {
        let mut steps = Vec::new();
        let mut is_any = false;
        for (each, partition) in of_state(operation, metadata, MoveState::Moving) {
            is_any = true;
            // What has taken over already only has to settle.
            let can_go_back = partition.primary.is_some_and(|primary| {
                partition.moving.as_ref().is_none_or(|moving| moving.from.contains(&primary.node))
            });
            let is_away = each.to.iter().any(|node| self.away_since.contains_key(node));
            if can_go_back || is_away {
                push_take_back(&mut steps, (each.partition, partition.version), false, "cancelled".into());
            }
        }
        if !is_any {
            let done = operation.count(MoveState::Done);
            let why = Some(format!("by a person; {done} of {} moves had been made", operation.moves.len()));
            steps.push(Next::Step(Step::End { state: OperationState::Cancelled, why }));
        }
        steps
    }
}

enum Next {
    Step(Step),
    Remove(NodeId),
}

fn of_state<'a>(
    operation: &'a Operation,
    metadata: &'a Metadata,
    state: MoveState,
) -> impl Iterator<Item = (&'a Move, &'a Configuration)> {
    let moves = operation.moves.iter().filter(move |each| each.state == state);
    moves.filter_map(|each| Some((each, metadata.table.get(each.partition.index())?)))
}

/// Nodes that have work with a move: who reads, who gets a copy, and who drops one.
fn parts_of(each: &Move, partition: &Configuration) -> BTreeSet<NodeId> {
    let before = partition.moving.as_ref().map_or(&partition.copies, |moving| &moving.from);
    let differ = |some: &[NodeId], others: &[NodeId]| -> Vec<NodeId> {
        some.iter().filter(|node| !others.contains(node)).copied().collect()
    };
    let changed = differ(&each.to, before).into_iter().chain(differ(before, &each.to));
    partition.holder().into_iter().chain(changed).collect()
}

fn push_take_back(steps: &mut Vec<Next>, each: (PartitionId, u64), again: bool, reason: String) {
    let same = steps.iter_mut().find_map(|step| match step {
        Next::Step(Step::TakeBack { moves, waits, why }) if *waits == again && *why == reason => Some(moves),
        _ => None,
    });
    match same {
        Some(moves) => moves.push(each),
        None => steps.push(Next::Step(Step::TakeBack { moves: vec![each], waits: again, why: reason })),
    }
}

fn push_give_up(steps: &mut Vec<Next>, partition: PartitionId, reason: String) {
    let same = steps.iter_mut().find_map(|step| match step {
        Next::Step(Step::GiveUp { moves, why }) if *why == reason => Some(moves),
        _ => None,
    });
    match same {
        Some(moves) => moves.push(partition),
        None => steps.push(Next::Step(Step::GiveUp { moves: vec![partition], why: reason })),
    }
}

/// All moves are made or given up.
fn end(operation: &Operation, metadata: &Metadata) -> Vec<Next> {
    let failed = operation.count(MoveState::Failed);
    let lacks = |node: &NodeId| metadata.table.iter().filter(|partition| partition.copies.contains(node)).count();
    let is_emptied = matches!(operation.kind, OperationKind::Drain | OperationKind::Remove);
    let left: usize = operation.nodes.iter().filter(|_| is_emptied).map(lacks).sum();
    let why = match (failed, left) {
        (0, 0) => None,
        (_, 0) => Some(format!("{failed} of {} moves could not be made", operation.moves.len())),
        // A failover or a repair meanwhile gave it something that no plan knew of.
        (_, left) => Some(format!("{left} partitions have copies there still")),
    };
    let state = if why.is_some() { OperationState::Failed } else { OperationState::Done };
    let mut steps = Vec::new();
    if operation.kind == OperationKind::Remove && state == OperationState::Done {
        let is_member = |node: &&NodeId| metadata.nodes.get(node).is_some_and(|node| node.share == Share::Drained);
        steps.extend(operation.nodes.iter().filter(is_member).map(|node| Next::Remove(*node)));
        if !steps.is_empty() {
            return steps;
        }
    }
    steps.push(Next::Step(Step::End { state, why }));
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::Start;
    use crate::metadata::tests::{cluster, node};
    use crate::plan;
    use dcache_protocol::operation::{Pace, PlanRequest};

    /// Four nodes, the last of which is to get its share.
    fn growing(pace: Pace) -> Metadata {
        let mut metadata = cluster(3);
        metadata.apply(&Command::Register { node: node(4, 1) }, 0).expect("is new");
        let request = PlanRequest { nodes: vec!["n4".into()], ..PlanRequest::of(OperationKind::Add) };
        let plan = plan::plan(&metadata, &plan::Load::default(), &request).expect("a plan");
        let moves = plan::check(&plan, &metadata).expect("of now");
        let start = Start {
            kind: plan.kind,
            nodes: vec![NodeId(4)],
            plan: plan.id,
            topology: plan.epoch,
            pace,
            moves,
            to: None,
        };
        metadata.apply(&Command::StartOperation { start }, 0).expect("nothing is under way");
        metadata
    }

    /// How many moves begin at each millisecond, if each is over, to be made once more, before the next.
    fn begun(metadata: &mut Metadata, ms: std::ops::Range<u64>) -> Vec<(u64, usize)> {
        let (mut operations, mut begun) = (Operations::default(), Vec::new());
        for ms in ms {
            for command in operations.step(Duration::from_millis(ms), metadata, Pressure::default()) {
                metadata.apply(&command, 0).expect("what is proposed is possible");
                let Command::StepOperation { operation, step: Step::Begin(moves) } = command else { continue };
                begun.push((ms, moves.len()));
                let moves = moves.iter().map(|(number, _)| (*number, metadata.table[number.index()].version)).collect();
                let step = Step::TakeBack { moves, waits: true, why: String::new() };
                metadata.apply(&Command::StepOperation { operation, step }, 0).expect("they are under way");
            }
        }
        begun
    }

    #[test]
    fn moves_begin_in_turns_as_many_as_a_node_may_have_under_way() {
        // Of 4 MiB each at the least: three quarters of a second.
        let pace = Pace { rate_bytes: 16 << 20, moves_at_once: 3, guard_p99_us: 0 };
        // The newcomer has part in all of them.
        let in_turns = [(1000, 3), (1750, 3), (2500, 3)];
        assert_eq!(begun(&mut growing(pace), 1000..3000), in_turns);
        let at_once: Vec<_> = (1000..1010).map(|ms| (ms, 3)).collect();
        assert_eq!(begun(&mut growing(Pace { rate_bytes: 0, ..pace }), 1000..1010), at_once, "no limit, no turns");
    }
}
