//! Where the further copies of partitions go, the primaries being placed: on other nodes, in other zones as far as there are
//! any, each node to its share, and as few as possible away from where they are.
//!
//! It is a flow of least cost (after Garage's layout: A. Auvolat, M. Meyer, "Optimal assignment of partitions", 2022): from each
//! partition, over its zones, of which none takes more than its part, to nodes, of which none takes more than its share; where
//! a copy is already it costs nothing, elsewhere 1. What may stay is kept first, at no cost; then each missing copy takes the
//! cheapest path there is, over copies that make room if need be. So no table that keeps to the same shares moves fewer.
//!
//! With 1024 partitions a node that joins moves its share, as one that leaves does: 512 copies of 2 each among 3 nodes, 186
//! among 10, 31 of 3 each among 100 nodes in 3 zones; among 10 in 5 zones 283 for a share of 279, since primaries move too.
//!
//! Left out: who is primary (the parent module), and pacing.

use super::{Assignment, Candidate, distinct};
use dcache_protocol::NodeId;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The table with the copies added: `copies` of each partition, its primary among them, as far as there are nodes. `today`:
/// where copies are now.
pub fn place_copies(table: &[Assignment], nodes: &[Candidate], copies: usize, today: &[Assignment]) -> Vec<Assignment> {
    place_copies_around(table, nodes, copies, today, &Around::default())
}

/// What is not to be touched when copies are placed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Around {
    /// Partitions that stay as they are today.
    pub fixed: BTreeSet<usize>,
    /// Zones of the copies that a partition keeps on other nodes than those copies are placed on.
    pub elsewhere: BTreeMap<usize, Vec<String>>,
}

impl Around {
    /// Copies a partition is to have on the nodes that copies are placed on, so many at all and so many nodes given.
    fn wanted(&self, partition: usize, copies: usize, nodes: usize) -> usize {
        let elsewhere = self.elsewhere.get(&partition).map_or(0, Vec::len);
        copies.saturating_sub(elsewhere).clamp(1, nodes.max(1))
    }
}

/// As [`place_copies`], around what must not be touched.
pub(crate) fn place_copies_around(
    table: &[Assignment],
    nodes: &[Candidate],
    copies: usize,
    today: &[Assignment],
    around: &Around,
) -> Vec<Assignment> {
    let mut flow = Flow::new(table, nodes, copies, today, around);
    flow.keep();
    flow.fill();
    flow.table(table)
}

/// How many copies each node is to hold, its primaries among them; `primaries`: how many it is to be primary of.
pub(crate) fn shares_of_copies(
    nodes: &[Candidate],
    copies: usize,
    today: &[Assignment],
    around: &Around,
    primaries: &BTreeMap<NodeId, u16>,
) -> BTreeMap<NodeId, u64> {
    let ground = Ground::new(nodes, copies, today.len(), today, around);
    let mut floors: Vec<u64> =
        ground.nodes.iter().map(|node| primaries.get(node).copied().unwrap_or_default().into()).collect();
    for partition in &around.fixed {
        ground.backups_today(today, *partition).into_iter().for_each(|node| floors[node] += 1);
    }
    let shares = ground.shares(&floors);
    ground.nodes.into_iter().zip(shares).collect()
}

/// Holders of all copies, whoever of them is primary: as few new ones as there can be while each node holds its share.
pub(crate) fn place_holders(
    nodes: &[Candidate],
    copies: usize,
    today: &[Assignment],
    around: &Around,
    shares: &BTreeMap<NodeId, u64>,
) -> Vec<Vec<NodeId>> {
    let nobody = vec![Assignment::default(); today.len()];
    let mut flow = Flow::new(&nobody, nodes, copies, today, around);
    flow.room = flow.nodes.iter().map(|node| shares.get(node).copied().unwrap_or_default() as usize).collect();
    for partition in 0..today.len() {
        if around.fixed.contains(&partition) {
            flow.backups[partition] = flow.today[partition].clone();
            flow.today[partition].iter().for_each(|node| flow.room[*node] = flow.room[*node].saturating_sub(1));
            flow.wanted[partition] = flow.backups[partition].len();
        } else {
            flow.wanted[partition] += 1;
        }
    }
    flow.keep();
    flow.fill();
    flow.table(&nobody).into_iter().map(|holders| holders.backups).collect()
}

/// Copies of a partition that one zone may hold at most, so that all find a place.
pub(crate) fn zone_cap(nodes: &[Candidate], copies: usize) -> usize {
    Ground::new(nodes, copies, 0, &[], &Around::default()).zone_cap
}

/// What nodes of these weights and zones are to hold of a total of copies, of which a zone can hold so much at most.
pub(crate) fn targets(nodes: &[Candidate], total: u64, most_in_zone: u64, floors: &[u64]) -> Vec<u64> {
    let mut zones: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (number, node) in nodes.iter().enumerate() {
        zones.entry(&node.zone).or_default().push(number);
    }
    let sum = |of: &dyn Fn(usize) -> u64, members: &[usize]| members.iter().map(|number| of(*number)).sum();
    let weight = |number: usize| u64::from(nodes[number].weight);
    let of_zones: Vec<Wanted> = zones
        .values()
        .map(|members| Wanted {
            weight: sum(&weight, members),
            floor: sum(&|number| floors[number], members),
            cap: most_in_zone.max(sum(&|number| floors[number], members)),
            held: 0,
        })
        .collect();
    let mut targets = vec![0; nodes.len()];
    for (members, total) in zones.values().zip(shares(total, &of_zones)) {
        let wanted =
            |number: &usize| Wanted { weight: weight(*number), floor: floors[*number], cap: u64::MAX, held: 0 };
        let of_nodes: Vec<Wanted> = members.iter().map(wanted).collect();
        members.iter().zip(shares(total, &of_nodes)).for_each(|(number, share)| targets[*number] = share);
    }
    targets
}

/// Parts of a total by weight, none above its cap nor below its floor, as whole numbers. Remainders go to those that hold more than their part,
/// then to the largest, then to the first.
fn shares(total: u64, wanted: &[Wanted]) -> Vec<u64> {
    let product = |a: u64, b: u64| u128::from(a) * u128::from(b);
    let mut parts = vec![None; wanted.len()];
    // Who would get less than its floor or more than its cap gets that, and the others share the rest.
    loop {
        let taken: u64 = parts.iter().flatten().sum();
        let open = || wanted.iter().zip(&parts).enumerate().filter(|(_, (_, part))| part.is_none());
        let weight: u64 = open().map(|(_, (wanted, _))| wanted.weight).sum();
        let left = total.saturating_sub(taken);
        let low: Vec<(usize, u64)> = open()
            .filter(|(_, (wanted, _))| product(left, wanted.weight) < product(wanted.floor, weight))
            .map(|(index, (wanted, _))| (index, wanted.floor))
            .collect();
        let full: Vec<(usize, u64)> = open()
            .filter(|(_, (wanted, _))| product(left, wanted.weight) > product(wanted.cap, weight))
            .map(|(index, (wanted, _))| (index, wanted.cap))
            .collect();
        let bound = if low.is_empty() { full } else { low };
        if bound.is_empty() {
            let mut order: Vec<(bool, u64, usize)> = Vec::new();
            let mut sum = 0;
            let floors: Vec<(usize, u64)> = open()
                .map(|(index, (wanted, _))| (index, (product(left, wanted.weight) / u128::from(weight.max(1))) as u64))
                .collect();
            for (index, floor) in floors {
                let remainder = (product(left, wanted[index].weight) % u128::from(weight.max(1))) as u64;
                sum += floor;
                parts[index] = Some(floor);
                order.push((wanted[index].held > floor, remainder, index));
            }
            order.sort_by_key(|(holds_more, remainder, index)| (!holds_more, std::cmp::Reverse(*remainder), *index));
            let rounded_up =
                order.into_iter().filter(|(_, remainder, _)| *remainder > 0).take((left - sum.min(left)) as usize);
            rounded_up.for_each(|(_, _, index)| parts[index] = parts[index].map(|part: u64| part + 1));
            return parts.into_iter().flatten().collect();
        }
        bound.into_iter().for_each(|(index, part)| parts[index] = Some(part));
    }
}

struct Wanted {
    weight: u64,
    floor: u64,
    cap: u64,
    held: u64,
}

/// Where a path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// A partition that lacks a copy.
    Partition(usize),
    /// One that lacks a copy in a zone.
    Zone(usize, usize),
    /// A node with one copy too many.
    Node(usize),
}

/// What searches for paths write down.
struct Search {
    costs: Vec<i32>,
    before: Vec<Option<Place>>,
    is_queued: Vec<bool>,
    /// From here no node with room can be reached: paths that were found since never lead here, so it stays so.
    is_dead: Vec<bool>,
    reached: Vec<usize>,
}

impl Search {
    fn new(size: usize) -> Search {
        Search {
            costs: vec![i32::MAX; size],
            before: vec![None; size],
            is_queued: vec![false; size],
            is_dead: vec![false; size],
            reached: Vec::new(),
        }
    }

    fn begin(&mut self) {
        for place in self.reached.drain(..) {
            (self.costs[place], self.before[place], self.is_queued[place]) = (i32::MAX, None, false);
        }
    }

    fn reach(&mut self, place: usize, cost: i32, before: Option<Place>) {
        if self.costs[place] == i32::MAX {
            self.reached.push(place);
        }
        (self.costs[place], self.before[place]) = (cost, before);
    }

    /// The search reached no node with room.
    fn give_up(&mut self) {
        self.reached.iter().for_each(|place| self.is_dead[*place] = true);
    }
}

/// Nodes and zones by number, and how much they may hold.
struct Ground {
    nodes: Vec<NodeId>,
    number_of: BTreeMap<NodeId, usize>,
    weights: Vec<u64>,
    zone_of: Vec<usize>,
    zone_names: Vec<String>,
    /// Copies of a partition in one zone at most, the primary's included.
    zone_cap: usize,
    partitions: usize,
    /// Copies of all partitions on these nodes.
    total: u64,
    /// Copies each node has today.
    held: Vec<u64>,
}

impl Ground {
    fn new(nodes: &[Candidate], copies: usize, partitions: usize, today: &[Assignment], around: &Around) -> Ground {
        let by_id = distinct(nodes);
        let ids: Vec<NodeId> = by_id.keys().copied().collect();
        let mut names: Vec<String> = by_id.values().map(|node| node.zone.clone()).collect();
        names.sort_unstable();
        names.dedup();
        let zone_of: Vec<usize> = by_id.values().map(|node| names.partition_point(|name| *name < node.zone)).collect();
        let bounded = copies.clamp(1, ids.len().max(1));
        let sizes: Vec<usize> = (0..names.len()).map(|zone| zone_of.iter().filter(|of| **of == zone).count()).collect();
        let fits = |cap: &usize| sizes.iter().map(|size| (*size).min(*cap)).sum::<usize>() >= bounded;
        let zone_cap = (bounded.div_ceil(names.len().max(1))..=bounded).find(fits).unwrap_or(bounded);
        let mut ground = Ground {
            number_of: ids.iter().enumerate().map(|(number, id)| (*id, number)).collect(),
            weights: by_id.values().map(|node| u64::from(node.weight)).collect(),
            held: vec![0; ids.len()],
            nodes: ids,
            zone_of,
            zone_names: names,
            zone_cap,
            partitions,
            total: 0,
        };
        for partition in 0..partitions {
            let numbers = today.get(partition).map(|today| ground.numbers(today)).unwrap_or_default();
            ground.total += match around.fixed.contains(&partition) {
                true => numbers.len(),
                false => around.wanted(partition, copies, ground.nodes.len()),
            } as u64;
            numbers.into_iter().for_each(|node| ground.held[node] += 1);
        }
        ground
    }

    fn numbers(&self, assignment: &Assignment) -> Vec<usize> {
        let all = assignment.primary.iter().chain(&assignment.backups);
        all.filter_map(|id| self.number_of.get(id).copied()).collect()
    }

    fn backups_today(&self, today: &[Assignment], partition: usize) -> Vec<usize> {
        let backups = today.get(partition).map(|today| today.backups.as_slice()).unwrap_or_default();
        backups.iter().filter_map(|id| self.number_of.get(id).copied()).collect()
    }

    /// Copies each node is to hold, no fewer than its floor: by zones first, then inside each.
    fn shares(&self, floors: &[u64]) -> Vec<u64> {
        let in_zone = |zone: usize| (0..self.nodes.len()).filter(move |node| self.zone_of[*node] == zone);
        let of_zones: Vec<Wanted> = (0..self.zone_names.len())
            .map(|zone| Wanted {
                weight: in_zone(zone).map(|node| self.weights[node]).sum(),
                floor: in_zone(zone).map(|node| floors[node]).sum(),
                cap: (self.zone_cap.min(in_zone(zone).count()) * self.partitions) as u64,
                held: in_zone(zone).map(|node| self.held[node]).sum(),
            })
            .collect();
        let mut parts = vec![0; self.nodes.len()];
        for (zone, total) in shares(self.total, &of_zones).into_iter().enumerate() {
            let wanted = |node: usize| Wanted {
                weight: self.weights[node],
                floor: floors[node],
                cap: self.partitions as u64,
                held: self.held[node],
            };
            let of_nodes: Vec<Wanted> = in_zone(zone).map(wanted).collect();
            in_zone(zone).zip(shares(total, &of_nodes)).for_each(|(node, share)| parts[node] = share);
        }
        parts
    }
}

/// Partitions, zones and nodes by number.
struct Flow {
    nodes: Vec<NodeId>,
    zone_of: Vec<usize>,
    zones: usize,
    nodes_in: Vec<Vec<usize>>,
    /// Copies of a partition in one zone at most, the primary's included.
    zone_cap: usize,
    /// Further copies a node may take.
    room: Vec<usize>,
    /// Further copies of each partition.
    wanted: Vec<usize>,
    primary: Vec<Option<usize>>,
    /// Nodes that have the partition's data now.
    today: Vec<Vec<usize>>,
    /// Zones of copies on other nodes, which stay there.
    elsewhere: Vec<Vec<usize>>,
    backups: Vec<Vec<usize>>,
    /// Partitions by node, in no order; those that stay as they are are none of them.
    held: Vec<Vec<usize>>,
}

impl Flow {
    fn new(table: &[Assignment], nodes: &[Candidate], copies: usize, today: &[Assignment], around: &Around) -> Flow {
        let partitions = table.len();
        let ground = Ground::new(nodes, copies, partitions, today, around);
        let number_of = |id: &NodeId| ground.number_of.get(id).copied();
        let primary: Vec<Option<usize>> = table.iter().map(|assignment| number_of(&assignment.primary?)).collect();
        let mut floors = vec![0u64; ground.nodes.len()];
        primary.iter().flatten().for_each(|node| floors[*node] += 1);
        let mut backups = vec![Vec::new(); partitions];
        for partition in &around.fixed {
            backups[*partition] = ground.backups_today(today, *partition);
            backups[*partition].iter().for_each(|node| floors[*node] += 1);
        }
        let room =
            ground.shares(&floors).into_iter().zip(&floors).map(|(share, floor)| share.saturating_sub(*floor) as usize);
        let wanted = |partition: usize| match around.fixed.contains(&partition) {
            true => backups[partition].len(),
            false => around.wanted(partition, copies, ground.nodes.len()) - 1,
        };
        let zone = |name: &String| ground.zone_names.binary_search(name).ok();
        let zones =
            |partition: usize| around.elsewhere.get(&partition).into_iter().flatten().filter_map(zone).collect();
        Flow {
            room: room.collect(),
            wanted: (0..partitions).map(wanted).collect(),
            today: (0..partitions).map(|p| today.get(p).map(|all| ground.numbers(all)).unwrap_or_default()).collect(),
            elsewhere: (0..partitions).map(zones).collect(),
            held: vec![Vec::new(); ground.nodes.len()],
            zones: ground.zone_names.len(),
            nodes_in: (0..ground.zone_names.len())
                .map(|zone| (0..ground.nodes.len()).filter(|node| ground.zone_of[*node] == zone).collect())
                .collect(),
            zone_cap: ground.zone_cap,
            zone_of: ground.zone_of,
            nodes: ground.nodes,
            primary,
            backups,
        }
    }

    fn is_free(&self, partition: usize, node: usize) -> bool {
        self.primary[partition] != Some(node) && !self.backups[partition].contains(&node)
    }

    fn in_zone(&self, partition: usize, zone: usize) -> usize {
        let copies = self.primary[partition].iter().chain(&self.backups[partition]);
        let elsewhere = self.elsewhere[partition].iter().filter(|other| **other == zone).count();
        elsewhere + copies.filter(|node| self.zone_of[**node] == zone).count()
    }

    fn cost(&self, partition: usize, node: usize) -> i32 {
        i32::from(!self.today[partition].contains(&node))
    }

    fn add(&mut self, partition: usize, node: usize) {
        self.backups[partition].push(node);
        self.held[node].push(partition);
    }

    fn take(&mut self, partition: usize, node: usize) {
        self.backups[partition].retain(|other| *other != node);
        self.held[node].retain(|other| *other != partition);
    }

    /// As many copies as may stay where they are, stay.
    fn keep(&mut self) {
        for partition in 0..self.backups.len() {
            for node in self.today[partition].clone() {
                let has_room = self.held[node].len() < self.room[node];
                let fits = self.in_zone(partition, self.zone_of[node]) < self.zone_cap;
                if self.backups[partition].len() < self.wanted[partition]
                    && has_room
                    && fits
                    && self.is_free(partition, node)
                {
                    self.add(partition, node);
                }
            }
        }
        // Where one was kept that could as well stay elsewhere, another may stay in its place.
        self.complete(false);
    }

    fn fill(&mut self) {
        for partition in 0..self.backups.len() {
            while self.backups[partition].len() < self.wanted[partition] && self.put(partition) {}
        }
        self.complete(true);
    }

    /// Puts a copy on a node with room, the one with most of it; false when there is none.
    fn put(&mut self, partition: usize) -> bool {
        let has_room = |node: &usize| self.held[*node].len() < self.room[*node];
        let fits = |node: &usize| self.in_zone(partition, self.zone_of[*node]) < self.zone_cap;
        let free = (0..self.nodes.len()).filter(has_room).filter(|node| self.is_free(partition, *node)).filter(fits);
        // Of equals the first after the primary's, which is another for each primary.
        let from = self.primary[partition].unwrap_or(partition);
        let best = free.max_by_key(|node| {
            let left = (self.room[*node] - self.held[*node].len()) * 64 / self.room[*node].max(1);
            let distance = (node + self.nodes.len() - from % self.nodes.len() + partition) % self.nodes.len();
            (-self.cost(partition, *node), left, std::cmp::Reverse(distance))
        });
        best.map(|node| self.add(partition, node)).is_some()
    }

    /// Places what is missing by the cheapest path, as long as there is one. `may_move`: copies may go where they are not yet.
    fn complete(&mut self, may_move: bool) {
        let mut search = Search::new(self.backups.len() * (1 + self.zones) + self.nodes.len());
        for partition in 0..self.backups.len() {
            let stays = |node: &usize| self.is_free(partition, *node);
            if !may_move && !self.today[partition].iter().any(stays) {
                continue;
            }
            while self.backups[partition].len() < self.wanted[partition] {
                let Some(path) = self.cheapest(partition, may_move, &mut search) else { break };
                self.follow(&path);
            }
        }
    }

    fn index(&self, place: Place) -> usize {
        let partitions = self.backups.len();
        match place {
            Place::Partition(partition) => partition,
            Place::Zone(partition, zone) => partitions + partition * self.zones + zone,
            Place::Node(node) => partitions * (1 + self.zones) + node,
        }
    }

    /// The cheapest way to a node with room, by Bellman and Ford's method with a queue.
    ///
    /// It ends at the first way that costs as little as any can: nothing when copies stay, and 1 once as many as can be have
    /// stayed, since one that cost less would let another stay.
    fn cheapest(&self, partition: usize, may_move: bool, search: &mut Search) -> Option<Vec<Place>> {
        search.begin();
        let start = Place::Partition(partition);
        search.reach(self.index(start), 0, None);
        let mut queue = VecDeque::from([start]);
        let has_room = |node: usize| self.held[node].len() < self.room[node];
        let mut end: Option<usize> = None;
        while let Some(place) = queue.pop_front().filter(|_| end.is_none()) {
            let at = self.index(place);
            search.is_queued[at] = false;
            self.steps(place, may_move, |next, cost| {
                let to = self.index(next);
                let cost = search.costs[at] + cost;
                if search.is_dead[to] || cost >= search.costs[to] {
                    return;
                }
                search.reach(to, cost, Some(place));
                if !std::mem::replace(&mut search.is_queued[to], true) {
                    queue.push_back(next);
                }
                if let Place::Node(node) = next
                    && has_room(node)
                    && cost <= i32::from(may_move)
                {
                    end = end.or(Some(node));
                }
            });
        }
        let cost_of = |node: &usize| search.costs[self.index(Place::Node(*node))];
        let reached = |node: &usize| has_room(*node) && cost_of(node) < i32::MAX;
        let Some(end) = end.or_else(|| (0..self.nodes.len()).filter(reached).min_by_key(cost_of)) else {
            search.give_up();
            return None;
        };
        let mut path = vec![Place::Node(end)];
        while let Some(previous) = search.before[self.index(path[path.len() - 1])] {
            path.push(previous);
        }
        path.reverse();
        Some(path)
    }

    fn steps(&self, place: Place, may_move: bool, mut step: impl FnMut(Place, i32)) {
        match place {
            Place::Partition(partition) => {
                let open = |zone: &usize| self.in_zone(partition, *zone) < self.zone_cap;
                (0..self.zones).filter(open).for_each(|zone| step(Place::Zone(partition, zone), 0));
            }
            Place::Zone(partition, zone) => {
                let mut to = |node: usize| {
                    if self.zone_of[node] == zone && self.is_free(partition, node) {
                        step(Place::Node(node), self.cost(partition, node));
                    }
                };
                match may_move {
                    true => self.nodes_in[zone].iter().copied().for_each(&mut to),
                    // Only these cost nothing.
                    false => self.today[partition].iter().copied().for_each(&mut to),
                }
                if self.backups[partition].iter().any(|node| self.zone_of[*node] == zone) {
                    step(Place::Partition(partition), 0);
                }
            }
            Place::Node(node) => {
                let zone = self.zone_of[node];
                for partition in &self.held[node] {
                    step(Place::Zone(*partition, zone), -self.cost(*partition, node));
                }
            }
        }
    }

    fn follow(&mut self, path: &[Place]) {
        for step in path.windows(2) {
            match (step[0], step[1]) {
                (Place::Zone(partition, _), Place::Node(node)) => self.add(partition, node),
                (Place::Node(node), Place::Zone(partition, _)) => self.take(partition, node),
                _ => {}
            }
        }
    }

    /// Backups in the order they would take over: those that have the data first.
    fn table(self, table: &[Assignment]) -> Vec<Assignment> {
        let backups = |partition: usize| {
            let mut backups = self.backups[partition].clone();
            let place =
                |node: &usize| self.today[partition].iter().position(|other| other == node).unwrap_or(usize::MAX);
            backups.sort_by_key(|node| (place(node), *node));
            backups.into_iter().map(|node| self.nodes[node]).collect()
        };
        let whole = |(partition, assignment): (usize, &Assignment)| Assignment {
            primary: assignment.primary,
            backups: backups(partition),
        };
        table.iter().enumerate().map(whole).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::place;
    use super::*;
    use proptest::prelude::*;

    fn node(id: u64, weight: u32, zone: &str) -> Candidate {
        Candidate { id: NodeId(id), weight, zone: zone.into() }
    }

    fn zoned(count: u64, zones: &[&str]) -> Vec<Candidate> {
        (1..=count).map(|id| node(id, 100, zones[id as usize % zones.len()])).collect()
    }

    fn all_of(assignment: &Assignment) -> Vec<NodeId> {
        assignment.primary.iter().chain(&assignment.backups).copied().collect()
    }

    fn counts(table: &[Assignment]) -> BTreeMap<NodeId, usize> {
        let mut counts = BTreeMap::new();
        table.iter().flat_map(all_of).for_each(|node| *counts.entry(node).or_default() += 1);
        counts
    }

    /// Copies in the second table that are not where they were in the first.
    fn moved(today: &[Assignment], next: &[Assignment]) -> usize {
        let new = |(before, after): (&Assignment, &Assignment)| {
            let before = all_of(before);
            all_of(after).into_iter().filter(|node| !before.contains(node)).count()
        };
        today.iter().zip(next).map(new).sum()
    }

    fn placed(partitions: u16, nodes: &[Candidate], copies: usize, today: &[Assignment]) -> Vec<Assignment> {
        place_copies(&place(partitions, nodes, today), nodes, copies, today)
    }

    /// Copies on distinct nodes, as many as there can be, and no more in one zone than must be.
    fn check(table: &[Assignment], nodes: &[Candidate], copies: usize) {
        let zone_of: BTreeMap<NodeId, &str> = nodes.iter().map(|node| (node.id, node.zone.as_str())).collect();
        let zones: std::collections::BTreeSet<&str> = zone_of.values().copied().collect();
        let is_even =
            zones.iter().all(|zone| zone_of.values().filter(|of| *of == zone).count() * zones.len() >= copies);
        for assignment in table {
            let mut all = all_of(assignment);
            for zone in &zones {
                let here = all.iter().filter(|node| zone_of[node] == *zone).count();
                assert!(here <= copies.div_ceil(zones.len()) || !is_even, "{assignment:?} in {zone_of:?}");
            }
            all.sort_unstable();
            all.dedup();
            assert_eq!(all.len(), copies.min(nodes.len()), "{assignment:?}");
        }
    }

    #[test]
    fn a_primary_that_is_none_of_the_nodes_is_no_reason_to_fail() {
        let nodes: Vec<Candidate> =
            (1..=3).map(|id| Candidate { id: NodeId(id), weight: 100, zone: String::new() }).collect();
        let gone = Assignment { primary: Some(NodeId(9)), backups: Vec::new() };
        let placed = place_copies(&vec![gone; 64], &nodes, 2, &[]);
        assert!(placed.iter().all(|assignment| assignment.backups.len() == 1), "{placed:?}");
    }

    #[test]
    fn copies_are_in_other_zones_and_each_node_has_its_share() {
        for (count, zones, copies) in
            [(3, &["a"][..], 2), (6, &["a", "b", "c"], 3), (10, &["a", "b", "c", "d", "e"], 3), (9, &["a", "b"], 2)]
        {
            let nodes = zoned(count, zones);
            let table = placed(1024, &nodes, copies, &[]);
            check(&table, &nodes, copies);
            let counts = counts(&table);
            let (least, most) = (counts.values().min(), counts.values().max());
            let mean = 1024 * copies / count as usize;
            let is_even = (count as usize).is_multiple_of(zones.len());
            assert!(least >= Some(&(mean - 1)) && most <= Some(&(mean + 2)) || !is_even, "{count} nodes: {counts:?}");
        }
    }

    #[test]
    fn a_join_moves_the_newcomers_share_and_a_leave_what_the_leaver_held() {
        for (count, zones, copies) in
            [(3, &["a"][..], 2), (10, &["a"], 3), (9, &["a", "b", "c"], 3), (10, &["a", "b", "c", "d", "e"], 3)]
        {
            let before = zoned(count, zones);
            let mut after = before.clone();
            after.push(node(99, 100, zones[0]));
            let today = placed(1024, &before, copies, &[]);
            assert_eq!(moved(&today, &placed(1024, &before, copies, &today)), 0, "nothing changed");
            let joined = placed(1024, &after, copies, &today);
            check(&joined, &after, copies);
            let share = counts(&joined)[&NodeId(99)];
            let moves = moved(&today, &joined);
            assert!(
                moves <= share + share / 50 + 1,
                "{count} nodes in {zones:?}: {moves} moves for a share of {share}"
            );
            let left = placed(1024, &before, copies, &joined);
            check(&left, &before, copies);
            let moves = moved(&joined, &left);
            assert!(moves <= share + share / 50 + 1, "{count} nodes in {zones:?}: {moves} moves for {share}");
        }
    }

    #[test]
    fn what_a_dead_node_served_is_spread_over_the_others() {
        let nodes = zoned(10, &["a"]);
        let table = placed(1024, &nodes, 2, &[]);
        let mut next: BTreeMap<NodeId, usize> = BTreeMap::new();
        let of_first = table.iter().filter(|assignment| assignment.primary == Some(NodeId(1)));
        of_first.for_each(|assignment| *next.entry(assignment.backups[0]).or_default() += 1);
        assert!(next.values().all(|count| *count <= 30), "of 102 on 9 nodes: {next:?}");
    }

    #[test]
    fn with_fewer_nodes_than_copies_each_has_one() {
        let nodes = zoned(2, &["a", "b"]);
        let table = placed(64, &nodes, 3, &[]);
        assert!(table.iter().all(|assignment| assignment.backups.len() == 1));
        assert_eq!(placed(64, &[], 3, &table), vec![Assignment::default(); 64]);
    }

    proptest! {
        #[test]
        fn any_cluster_gets_distinct_copies_and_keeps_them(
            first in prop::collection::btree_map(1u64..50, (1u32..=4, 0usize..4), 1..9),
            second in prop::collection::btree_map(1u64..50, (1u32..=4, 0usize..4), 1..9),
            copies in 1usize..4,
        ) {
            let nodes = |nodes: &BTreeMap<u64, (u32, usize)>| -> Vec<Candidate> {
                nodes.iter().map(|(id, (weight, zone))| node(*id, weight * 100, ["a", "b", "c", "d"][*zone])).collect()
            };
            let (before, after) = (nodes(&first), nodes(&second));
            let today = placed(64, &before, copies, &[]);
            let next = placed(64, &after, copies, &today);
            for (table, nodes) in [(&today, &before), (&next, &after)] {
                for assignment in table {
                    let mut all = all_of(assignment);
                    all.sort_unstable();
                    all.dedup();
                    prop_assert_eq!(all.len(), assignment.backups.len() + 1);
                    prop_assert!(all.iter().all(|id| nodes.iter().any(|node| node.id == *id)));
                    prop_assert_eq!(all.len(), copies.min(nodes.len()));
                }
            }
            prop_assert_eq!(moved(&next, &placed(64, &after, copies, &next)), 0);
        }
    }
}
