//! What the metadata leader mends by itself: which nodes receive the log and which of them vote, and copies whose node stays
//! away.
//!
//! ```text
//!  a node is down, or its log is ──► 10 s ──► another one votes in its place
//!                └──► rebuild-after ──► its copies are built on other nodes, some at a time
//! ```
//!
//! A node that comes back before that has only to catch up. Nothing here decides who serves what ([`crate::failover`]), and a
//! partition that waits for its last copy is left alone: nobody else has what that one holds.

use crate::metadata::{Command, Metadata};
use crate::placement::{Assignment, Candidate, place_copies};
use dcache_protocol::{NodeId, NodeRecord, NodeState, PartitionId, Share};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How long a voter, or only its log, may be down before another node votes in its place.
pub const VOTER_GRACE: Duration = Duration::from_secs(10);

/// Copies that are built at the same time, in the whole cluster: each takes memory and network of two nodes.
pub const BUILT_AT_ONCE: usize = 32;

/// How many of `nodes` vote on metadata: 3, or 5 from 30 nodes on.
pub fn voters_of(nodes: usize) -> usize {
    if nodes >= 30 { 5 } else { nodes.min(3) }
}

/// Who takes part in the metadata log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members {
    pub voters: BTreeSet<NodeId>,
    /// Voters and those that only receive it.
    pub all: BTreeSet<NodeId>,
    /// Have received nearly all of it.
    pub current: BTreeSet<NodeId>,
    /// Do not answer it, whether or not they are up: a log whose disk failed takes part no more.
    pub silent: BTreeSet<NodeId>,
}

/// Something to be done by the leader. A task that fails comes again.
#[derive(Clone, Debug, PartialEq)]
pub enum Task {
    /// The node is to receive the log.
    Enrol(NodeId),
    /// The node is none of the cluster any more.
    Dismiss(NodeId),
    Elect(BTreeSet<NodeId>),
    Propose(Command),
}

/// The leader's memory of who has been down for how long.
#[derive(Debug, Default)]
pub struct Repair {
    down_since: BTreeMap<NodeId, Duration>,
    silent_since: BTreeMap<NodeId, Duration>,
}

impl Repair {
    /// Another node leads: it counts anew.
    pub fn follow(&mut self) {
        *self = Repair::default();
    }

    /// On the leader, about once a second. `now` is monotonic.
    pub fn step(&mut self, now: Duration, metadata: &Metadata, members: &Members) -> Vec<Task> {
        let is_down = |node: &NodeId| metadata.nodes.get(node).is_some_and(|node| node.state == NodeState::Down);
        self.down_since.retain(|node, _| is_down(node));
        for node in metadata.nodes.keys().filter(|node| is_down(node)) {
            self.down_since.entry(*node).or_insert(now);
        }
        self.silent_since.retain(|node, _| members.silent.contains(node));
        for node in &members.silent {
            self.silent_since.entry(*node).or_insert(now);
        }
        let since = |since: &BTreeMap<NodeId, Duration>, grace: Duration| -> BTreeSet<NodeId> {
            let is_long = |(_, since): &(&NodeId, &Duration)| now.saturating_sub(**since) >= grace;
            since.iter().filter(is_long).map(|(node, _)| *node).collect()
        };
        let has_turn = |node: &NodeId| {
            let upgrade = metadata.operation().and_then(|operation| operation.upgrade.as_ref());
            upgrade.is_some_and(|upgrade| upgrade.current == Some(*node))
        };
        let is_worked_on = |node: &NodeId| {
            has_turn(node) || metadata.nodes.get(node).is_some_and(|node| node.maintenance_until_unix_ms > 0)
        };
        let away = |grace: Duration| since(&self.down_since, grace);
        let mut tasks: Vec<Task> = Vec::new();
        let unknown = metadata.nodes.keys().filter(|node| !members.all.contains(node));
        tasks.extend(unknown.map(|node| Task::Enrol(*node)));
        let lost = &away(VOTER_GRACE) | &since(&self.silent_since, VOTER_GRACE);
        let voters = voters(metadata, members, &lost);
        if voters != members.voters {
            tasks.push(Task::Elect(voters));
        } else {
            let strangers = members.all.iter().filter(|node| !metadata.nodes.contains_key(node));
            tasks.extend(strangers.map(|node| Task::Dismiss(*node)));
        }
        let grace = metadata.spec.as_ref().map_or(Duration::MAX, |spec| Duration::from_millis(spec.rebuild_after_ms));
        // Somebody sees to it, and brings it back.
        let lost: BTreeSet<NodeId> = away(grace).into_iter().filter(|node| !is_worked_on(node)).collect();
        let copies = rebuilt(metadata, &lost);
        if !copies.is_empty() {
            tasks.push(Task::Propose(Command::Place { copies }));
        }
        tasks
    }
}

/// Who is to vote: those who do, but for each that stays away or is gone one that is there, of a zone without a voter if
/// possible. A voter is never taken away without another in its place.
fn voters(metadata: &Metadata, members: &Members, away: &BTreeSet<NodeId>) -> BTreeSet<NodeId> {
    let is_gone = |node: &NodeId| away.contains(node) || !metadata.nodes.contains_key(node);
    let mut voters: BTreeSet<NodeId> = members.voters.iter().copied().filter(|node| !is_gone(node)).collect();
    let zone_of = |node: &NodeId| metadata.nodes.get(node).map(|node| node.zone.as_str()).unwrap_or_default();
    let wanted = voters_of(metadata.nodes.len());
    while voters.len() < wanted {
        let can_vote = |node: &&NodeRecord| {
            let takes_part = members.current.contains(&node.id) && !members.silent.contains(&node.id);
            node.state == NodeState::Up && takes_part && !voters.contains(&node.id)
        };
        let is_zone_taken = |node: &&NodeRecord| voters.iter().any(|voter| zone_of(voter) == node.zone);
        let Some(next) = metadata.nodes.values().filter(can_vote).min_by_key(is_zone_taken) else { break };
        voters.insert(next.id);
    }
    if voters.len() < members.voters.len().min(wanted) { members.voters.clone() } else { voters }
}

/// Partitions that are to have other copies, with the version that was looked at.
fn rebuilt(metadata: &Metadata, away: &BTreeSet<NodeId>) -> Vec<(PartitionId, u64, Vec<NodeId>)> {
    let Some(spec) = &metadata.spec else { return Vec::new() };
    let is_candidate = |node: &&NodeRecord| !away.contains(&node.id) && node.share == Share::Full;
    let there = metadata.nodes.values().filter(is_candidate);
    let candidates: Vec<Candidate> =
        there.map(|node| Candidate { id: node.id, weight: node.weight, zone: node.zone.clone() }).collect();
    let is_up = |node: &NodeId| metadata.nodes.get(node).is_some_and(|node| node.state == NodeState::Up);
    let wanted = (usize::from(spec.copies) + 1).min(candidates.len());
    let stays = |number: usize| -> Vec<NodeId> {
        let partition = &metadata.table[number];
        let in_sync = |node: &NodeId| partition.in_sync.iter().any(|member| member.node == *node);
        let is_there = |node: &NodeId| metadata.nodes.contains_key(node) && !away.contains(node);
        partition.copies.iter().copied().filter(|node| in_sync(node) || is_there(node)).collect()
    };
    // What moves gets all its copies where it goes.
    let is_still = |number: usize| metadata.table[number].primary.is_some() && metadata.table[number].moving.is_none();
    let is_short = |number: &usize| is_still(*number) && stays(*number).len() < wanted;
    let short: Vec<usize> = (0..metadata.table.len()).filter(is_short).collect();
    if short.is_empty() {
        return Vec::new();
    }
    let registry = metadata.registry();
    let building: usize = metadata.table.iter().map(|partition| partition.learners(&registry).len()).sum();
    let primaries: Vec<Assignment> = metadata
        .table
        .iter()
        .map(|partition| Assignment { primary: partition.holder(), backups: Vec::new() })
        .collect();
    let today: Vec<Assignment> = (0..metadata.table.len())
        .map(|number| {
            let primary = metadata.table[number].holder();
            let backups = stays(number).into_iter().filter(|node| Some(*node) != primary).collect();
            Assignment { primary, backups }
        })
        .collect();
    let planned = place_copies(&primaries, &candidates, wanted, &today);
    let copies = |number: usize| -> Option<(PartitionId, u64, Vec<NodeId>)> {
        let mut copies = stays(number);
        let missing = wanted - copies.len();
        let new = planned[number].backups.iter().copied().filter(|node| !copies.contains(node) && is_up(node));
        let new: Vec<NodeId> = new.take(missing).collect();
        copies.extend(&new);
        (!new.is_empty()).then_some((PartitionId(number as u16), metadata.table[number].version, copies))
    };
    short.into_iter().filter_map(copies).take(BUILT_AT_ONCE.saturating_sub(building)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::tests::{cluster, node};
    use crate::metadata::{Start, Step};
    use dcache_protocol::operation::{OperationKind, OperationState};

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    fn members(voters: &[u64], all: &[u64]) -> Members {
        let set = |nodes: &[u64]| nodes.iter().copied().map(NodeId).collect();
        Members { voters: set(voters), all: set(all), current: set(all), silent: BTreeSet::new() }
    }

    fn expire(metadata: &mut Metadata, id: u64) {
        let incarnation = metadata.nodes[&NodeId(id)].incarnation;
        metadata.apply(&Command::Expire { node: NodeId(id), incarnation }, 0).expect("it was up");
    }

    fn elected(tasks: &[Task]) -> Option<Vec<u64>> {
        tasks.iter().find_map(|task| match task {
            Task::Elect(voters) => Some(voters.iter().map(|node| node.0).collect()),
            _ => None,
        })
    }

    #[test]
    fn a_voter_that_stays_away_is_replaced_and_one_that_comes_back_in_time_is_not() {
        let (mut metadata, mut repair) = (cluster(4), Repair::default());
        let log = members(&[1, 2, 3], &[1, 2, 3, 4]);
        assert_eq!(elected(&repair.step(secs(1), &metadata, &log)), None);
        expire(&mut metadata, 2);
        assert_eq!(elected(&repair.step(secs(2), &metadata, &log)), None);
        assert_eq!(elected(&repair.step(secs(11), &metadata, &log)), None);
        assert_eq!(elected(&repair.step(secs(12), &metadata, &log)), Some(vec![1, 3, 4]));
        let lagging = Members { current: members(&[], &[1, 2, 3]).all, ..log.clone() };
        assert_eq!(elected(&repair.step(secs(12), &metadata, &lagging)), None, "the other knows too little");
        let back = Command::Register { node: node(2, 2) };
        metadata.apply(&back, 0).expect("it was down");
        assert_eq!(elected(&repair.step(secs(13), &metadata, &log)), None);
        expire(&mut metadata, 2);
        assert_eq!(elected(&repair.step(secs(14), &metadata, &log)), None, "it counts anew");
    }

    #[test]
    fn a_voter_whose_log_stays_silent_loses_its_vote_and_nothing_else() {
        let (mut metadata, mut repair) = (cluster(4), Repair::default());
        sync(&mut metadata);
        let silent = Members { silent: [NodeId(2)].into(), ..members(&[1, 2, 3], &[1, 2, 3, 4]) };
        assert_eq!(repair.step(secs(1), &metadata, &silent), []);
        assert_eq!(repair.step(secs(10), &metadata, &silent), []);
        let both = Members { silent: [NodeId(2), NodeId(4)].into(), ..silent.clone() };
        assert_eq!(repair.step(secs(11), &metadata, &both), [], "the other does not take part either");
        let elected = Task::Elect([1, 3, 4].map(NodeId).into());
        assert_eq!(repair.step(secs(11), &metadata, &silent), [elected], "its copies stay where they are");
        let answers = members(&[1, 2, 3], &[1, 2, 3, 4]);
        assert_eq!(repair.step(secs(12), &metadata, &answers), []);
        assert_eq!(repair.step(secs(13), &metadata, &silent), [], "it counts anew");
        repair.follow();
        assert_eq!(repair.step(secs(30), &metadata, &silent), [], "another node led");
    }

    #[test]
    fn without_another_node_a_voter_that_is_away_stays_one() {
        let (mut metadata, mut repair) = (cluster(3), Repair::default());
        expire(&mut metadata, 2);
        let log = members(&[1, 2, 3], &[1, 2, 3]);
        repair.step(secs(1), &metadata, &log);
        assert_eq!(repair.step(secs(30), &metadata, &log), []);
    }

    #[test]
    fn nodes_without_the_log_get_it_and_strangers_lose_it_once_they_do_not_vote() {
        let (metadata, mut repair) = (cluster(4), Repair::default());
        let tasks = repair.step(secs(1), &metadata, &members(&[1, 2, 9], &[1, 2, 9, 4]));
        assert_eq!(tasks[0], Task::Enrol(NodeId(3)));
        assert_eq!(elected(&tasks), Some(vec![1, 2, 4]));
        let tasks = repair.step(secs(1), &metadata, &members(&[1, 2, 4], &[1, 2, 3, 4, 9]));
        assert_eq!(tasks, [Task::Dismiss(NodeId(9))]);
    }

    #[test]
    fn copies_of_a_node_that_is_worked_on_are_not_built_elsewhere() {
        let (mut metadata, mut repair) = (cluster(4), Repair::default());
        let log = members(&[1, 2, 3], &[1, 2, 3, 4]);
        sync(&mut metadata);
        metadata.apply(&Command::SetMaintenance { node: NodeId(4), until_unix_ms: 9 }, 0).expect("known");
        expire(&mut metadata, 4);
        repair.step(secs(1), &metadata, &log);
        assert_eq!(repair.step(secs(1000), &metadata, &log).iter().find(is_placing), None);
        metadata.apply(&Command::SetMaintenance { node: NodeId(4), until_unix_ms: 0 }, 0).expect("known");
        assert!(repair.step(secs(1001), &metadata, &log).iter().any(|task| is_placing(&task)));
    }

    #[test]
    fn copies_of_a_node_whose_turn_it_is_to_be_upgraded_are_not_built_elsewhere() {
        let (mut metadata, mut repair) = (cluster(4), Repair::default());
        let log = members(&[1, 2, 3], &[1, 2, 3, 4]);
        sync(&mut metadata);
        let start = Start {
            kind: OperationKind::Upgrade,
            nodes: vec![NodeId(4)],
            plan: "0badcafe".into(),
            topology: metadata.topology,
            pace: Default::default(),
            moves: Vec::new(),
            to: Some("0.2.0".into()),
        };
        metadata.apply(&Command::StartOperation { start }, 0).expect("nothing is under way");
        let operation = metadata.operation().expect("under way").id;
        let turn = Command::StepOperation { operation, step: Step::Turn(NodeId(4)) };
        metadata.apply(&turn, 0).expect("under way");
        expire(&mut metadata, 4);
        repair.step(secs(1), &metadata, &log);
        assert_eq!(repair.step(secs(1000), &metadata, &log).iter().find(is_placing), None);
        metadata.apply(&Command::StepOperation { operation, step: Step::Cancel }, 0).expect("under way");
        let end = Step::End { state: OperationState::Cancelled, why: None };
        metadata.apply(&Command::StepOperation { operation, step: end }, 0).expect("under way");
        assert!(repair.step(secs(1001), &metadata, &log).iter().any(|task| is_placing(&task)));
    }

    #[test]
    fn copies_of_a_node_that_stays_away_are_built_elsewhere_some_at_a_time() {
        let (mut metadata, mut repair) = (cluster(4), Repair::default());
        let log = members(&[1, 2, 3], &[1, 2, 3, 4]);
        // All copies are in sync.
        sync(&mut metadata);
        let grace = Duration::from_millis(metadata.spec.as_ref().expect("formed").rebuild_after_ms);
        expire(&mut metadata, 4);
        repair.step(secs(1), &metadata, &log);
        assert_eq!(repair.step(secs(1) + grace - secs(1), &metadata, &log).iter().find(is_placing), None);
        let mut rounds = 0;
        while let Some(Task::Propose(command)) =
            repair.step(secs(1) + grace, &metadata, &log).into_iter().find(|task| is_placing(&task))
        {
            let Command::Place { copies } = &command else { unreachable!("found as such") };
            assert!(copies.len() <= BUILT_AT_ONCE);
            metadata.apply(&command, 0).expect("nothing changed meanwhile");
            // No more before some of these are built.
            if copies.len() == BUILT_AT_ONCE {
                assert_eq!(repair.step(secs(1) + grace, &metadata, &log).iter().find(is_placing), None);
            }
            sync(&mut metadata);
            rounds += 1;
        }
        assert!(rounds > 1, "{rounds}");
        let mut held: BTreeMap<NodeId, usize> = BTreeMap::new();
        for partition in &metadata.table {
            assert_eq!((partition.copies.len(), partition.in_sync.len()), (2, 2));
            partition.copies.iter().for_each(|node| *held.entry(*node).or_default() += 1);
        }
        assert!(!held.contains_key(&NodeId(4)) && held.len() == 3, "{held:?}");
    }

    fn is_placing(task: &&Task) -> bool {
        matches!(task, Task::Propose(Command::Place { .. }))
    }

    /// Every copy on a node that is up comes in sync.
    fn sync(metadata: &mut Metadata) {
        let registry = metadata.registry();
        for number in 0..metadata.partitions {
            let partition = &metadata.table[usize::from(number)];
            let Some(primary) = partition.primary else { continue };
            for learner in partition.learners(&registry) {
                let version = metadata.table[usize::from(number)].version;
                let change = crate::failover::Change::Expand(learner);
                let command = Command::Change { from: primary, changes: vec![(PartitionId(number), version, change)] };
                metadata.apply(&command, 0).expect("agreed");
            }
        }
    }
}
