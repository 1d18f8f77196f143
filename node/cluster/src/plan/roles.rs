//! Exchanges primaries so that fewer copies are made: a node that already holds as many copies as it should is not given a
//! primary it has no copy of, while it could be primary of one it has.
//!
//! That happens when a node is back after a failover: it holds all its copies and is primary of none. Giving it any partitions
//! would copy these to it, and others away from it; giving it some of those it holds copies nothing.
//!
//! It is a flow of least cost, each partition to one node, each node its number of primaries, made cheaper by cancelling negative
//! cycles (M. Klein, 1967). A partition costs 1 where it is not today; a node that gets more partitions it has no copy of than
//! it lacks copies costs [`COPY`] for each of these. Cycles are looked for among nodes, not partitions, by Bellman and Ford's
//! method: there are few of them. A partition costs [`COPY`] more where a copy that could stay would have to leave for its zone's
//! sake. Each node stands there twice, for what it has copies of and what it has not:
//!
//! ```text
//!   has a copy        ┌───────────┐ ──► one of them leaves
//!   of what comes ──► │ a: copies │
//!                     └──┬─────▲──┘
//!        one copy fewer  │     │  one copy more is made, which costs when a lacks none
//!        is made         │     │
//!                     ┌──▼─────┴──┐
//!   has none      ──► │ a: new    │ ──► one of them leaves
//!                     └───────────┘
//! ```

use super::NodeId;
use super::situation::Situation;
use crate::placement::zone_cap;
use std::collections::BTreeMap;

/// Cost of a copy, more than all changes of primaries together.
const COPY: i64 = 1 << 20;

/// Exchanges primaries among nodes that lack as many copies as `shares` says they are to hold more than today.
pub(super) fn exchange(situation: &Situation, shares: &BTreeMap<NodeId, u64>, primary: &mut [Option<NodeId>]) {
    let mut lacks: BTreeMap<NodeId, i64> = shares.iter().map(|(node, share)| (*node, *share as i64)).collect();
    for node in situation.today.iter().flatten() {
        lacks.entry(*node).and_modify(|lacks| *lacks -= 1);
    }
    let cap = zone_cap(&situation.nodes, situation.copies);
    let full = |number: usize| full_zones(situation, number, cap);
    let full = (0..primary.len()).map(full).collect();
    Graph::new(situation, lacks, &situation.today, full, primary).improve(primary);
}

/// Makes primaries of `holders` alone, as few others than today as that allows. False when it does not.
pub(super) fn confine(situation: &Situation, holders: &[Vec<NodeId>], primary: &mut [Option<NodeId>]) -> bool {
    let lacks = situation.nodes.iter().map(|node| (node.id, 0)).collect();
    Graph::new(situation, lacks, holders, vec![Vec::new(); holders.len()], primary).improve(primary);
    let is_held = |number: usize| primary[number].is_some_and(|node| holders[number].contains(&node));
    (0..holders.len()).all(|number| situation.is_fixed(number) || is_held(number))
}

/// The cheapest partition to go from one place to another.
#[derive(Clone, Copy)]
struct Arc {
    cost: i64,
    /// How much more the ranges of primaries are cut up by it; of ways that cost the same the one that does least of it.
    frays: i64,
    partition: usize,
}

struct Graph {
    nodes: Vec<NodeId>,
    /// None: not to be moved.
    owner: Vec<Option<usize>>,
    /// Partitions by owner.
    owned: Vec<Vec<usize>>,
    /// Nodes that have copies.
    held: Vec<Vec<usize>>,
    primary_today: Vec<Option<usize>>,
    zone_of: Vec<String>,
    /// Zones of which a partition can take no further node without losing a copy that could stay.
    full: Vec<Vec<String>>,
    /// Copies a node lacks.
    lacks: Vec<i64>,
    /// Partitions a node owns without having a copy.
    new: Vec<i64>,
    /// From place to place: a node's number twice, one more for what is new to it.
    arcs: Vec<Vec<Option<Arc>>>,
}

impl Graph {
    /// `held`: who has or is to have copies, so that primaries there cost none. `full`: see [`Graph::full`].
    fn new(
        situation: &Situation,
        lacks: BTreeMap<NodeId, i64>,
        held: &[Vec<NodeId>],
        full: Vec<Vec<String>>,
        primary: &[Option<NodeId>],
    ) -> Graph {
        let nodes: Vec<NodeId> = lacks.keys().copied().collect();
        let number_of = |node: &NodeId| nodes.binary_search(node).ok();
        let owner = |(number, node): (usize, &Option<NodeId>)| match situation.is_fixed(number) {
            true => None,
            false => number_of(node.as_ref()?),
        };
        let mut graph = Graph {
            owner: primary.iter().enumerate().map(owner).collect(),
            owned: vec![Vec::new(); nodes.len()],
            held: held.iter().map(|holders| holders.iter().filter_map(number_of).collect()).collect(),
            primary_today: situation.today.iter().map(|holders| number_of(holders.first()?)).collect(),
            zone_of: nodes.iter().map(|node| zone(situation, node).to_string()).collect(),
            lacks: lacks.into_values().map(|lacks| lacks.max(0)).collect(),
            new: vec![0; nodes.len()],
            arcs: vec![vec![None; 2 * nodes.len()]; 2 * nodes.len()],
            full,
            nodes,
        };
        for number in 0..graph.owner.len() {
            let Some(node) = graph.owner[number] else { continue };
            graph.owned[node].push(number);
            graph.new[node] += i64::from(graph.is_new(number, node));
        }
        if graph.is_wasteful() {
            (0..graph.nodes.len()).for_each(|node| graph.look_at(node));
        }
        graph
    }

    /// Cancels cycles until nothing can be saved.
    fn improve(mut self, primary: &mut [Option<NodeId>]) {
        if !self.is_wasteful() {
            return;
        }
        // Each cycle saves something, so they end; the bound is for when they would not.
        for _ in 0..4 * primary.len() {
            let Some(cycle) = self.negative_cycle() else { break };
            self.cancel(&cycle);
        }
        for (number, node) in self.owner.iter().enumerate() {
            if let Some(node) = node {
                primary[number] = Some(self.nodes[*node]);
            }
        }
    }

    fn is_new(&self, partition: usize, node: usize) -> bool {
        !self.held[partition].contains(&node)
    }

    fn is_wasteful(&self) -> bool {
        let owners = || self.owner.iter().enumerate().filter_map(|(number, owner)| Some((number, (*owner)?)));
        self.new.iter().zip(&self.lacks).any(|(new, lacks)| new > lacks)
            || owners().any(|(number, owner)| self.is_crowded(number, owner))
    }

    fn place(&self, partition: usize, node: usize) -> usize {
        2 * node + usize::from(self.is_new(partition, node))
    }

    fn is_crowded(&self, partition: usize, node: usize) -> bool {
        self.full[partition].contains(&self.zone_of[node]) && self.is_new(partition, node)
    }

    fn cost(&self, partition: usize, node: usize) -> i64 {
        let crowds = if self.is_crowded(partition, node) { COPY } else { 0 };
        crowds + i64::from(self.primary_today[partition] != Some(node))
    }

    /// Neighbours it is parted from less those it joins.
    fn frays(&self, partition: usize, from: usize, to: usize) -> i64 {
        let beside = [partition.checked_sub(1), Some(partition + 1)];
        let owners = beside.into_iter().flatten().filter_map(|at| self.owner.get(at).copied().flatten());
        owners.map(|owner| i64::from(owner == from) - i64::from(owner == to)).sum()
    }

    /// Finds the ways out of a node anew.
    fn look_at(&mut self, node: usize) {
        for from in [2 * node, 2 * node + 1] {
            self.arcs[from].fill(None);
        }
        for index in 0..self.owned[node].len() {
            let partition = self.owned[node][index];
            let from = self.place(partition, node);
            for other in (0..self.nodes.len()).filter(|other| *other != node) {
                let (to, cost) =
                    (self.place(partition, other), self.cost(partition, other) - self.cost(partition, node));
                let frays = self.frays(partition, node, other);
                if self.arcs[from][to].is_none_or(|arc| (cost, frays) < (arc.cost, arc.frays)) {
                    self.arcs[from][to] = Some(Arc { cost, frays, partition });
                }
            }
        }
        let (new, lacks) = (self.new[node], self.lacks[node]);
        let (has, has_not) = (2 * node, 2 * node + 1);
        let nothing = usize::MAX;
        if new > 0 {
            let cost = if new > lacks { -COPY } else { 0 };
            self.arcs[has][has_not] = Some(Arc { cost, frays: 0, partition: nothing });
        }
        let cost = if new >= lacks { COPY } else { 0 };
        self.arcs[has_not][has] = Some(Arc { cost, frays: 0, partition: nothing });
    }

    /// Places in a row, the last leading to the first, whose ways cost less than nothing together.
    fn negative_cycle(&self) -> Option<Vec<usize>> {
        let size = self.arcs.len();
        let (mut costs, mut before) = (vec![0i64; size], vec![None; size]);
        for _ in 0..size {
            let mut is_changed = false;
            for from in 0..size {
                for to in 0..size {
                    let Some(arc) = self.arcs[from][to] else { continue };
                    if costs[from] + arc.cost < costs[to] {
                        (costs[to], before[to], is_changed) = (costs[from] + arc.cost, Some(from), true);
                    }
                }
            }
            if !is_changed {
                return None;
            }
            if let Some(cycle) = cycle_in(&before) {
                return Some(cycle);
            }
        }
        None
    }

    fn cancel(&mut self, cycle: &[usize]) {
        let steps = cycle.iter().zip(cycle.iter().cycle().skip(1));
        let arcs: Vec<(usize, usize, Arc)> =
            steps.filter_map(|(from, to)| Some((*from, *to, self.arcs[*from][*to]?))).collect();
        for (from, to, arc) in arcs.iter().filter(|(.., arc)| arc.partition != usize::MAX) {
            let (giver, taker) = (from / 2, to / 2);
            self.new[giver] -= i64::from(self.is_new(arc.partition, giver));
            self.new[taker] += i64::from(self.is_new(arc.partition, taker));
            self.owner[arc.partition] = Some(taker);
            self.owned[giver].retain(|other| *other != arc.partition);
            self.owned[taker].push(arc.partition);
        }
        let mut touched: Vec<usize> = cycle.iter().map(|place| place / 2).collect();
        touched.sort_unstable();
        touched.dedup();
        touched.into_iter().for_each(|node| self.look_at(node));
    }
}

fn zone<'a>(situation: &'a Situation, node: &NodeId) -> &'a str {
    let found = situation.nodes.iter().find(|candidate| candidate.id == *node);
    found.map(|candidate| candidate.zone.as_str()).unwrap_or_default()
}

/// Where more copies can stay than there is place for beside a new primary, one of them leaves in any case and no zone is full.
fn full_zones(situation: &Situation, partition: usize, cap: usize) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let holders = situation.today[partition].iter();
    let elsewhere = situation.around.elsewhere.get(&partition).into_iter().flatten().map(String::as_str);
    let stay = holders.filter_map(|node| situation.nodes.iter().find(|candidate| candidate.id == *node));
    stay.map(|candidate| candidate.zone.as_str())
        .chain(elsewhere)
        .for_each(|zone| *counts.entry(zone).or_default() += 1);
    if counts.values().map(|count| (*count).min(cap)).sum::<usize>() >= situation.copies {
        return Vec::new();
    }
    counts.into_iter().filter(|(_, count)| *count >= cap).map(|(zone, _)| zone.to_string()).collect()
}

/// A cycle among predecessors, in the direction of the ways.
fn cycle_in(before: &[Option<usize>]) -> Option<Vec<usize>> {
    let mut met_from = vec![usize::MAX; before.len()];
    for start in 0..before.len() {
        let mut at = start;
        while met_from[at] == usize::MAX {
            met_from[at] = start;
            match before[at] {
                Some(previous) => at = previous,
                None => break,
            }
        }
        if met_from[at] == start && before[at].is_some() {
            let mut cycle = vec![at];
            let mut previous = before[at]?;
            while previous != at {
                cycle.push(previous);
                previous = before[previous]?;
            }
            cycle.reverse();
            return Some(cycle);
        }
    }
    None
}
