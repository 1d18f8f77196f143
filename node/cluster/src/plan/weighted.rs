//! The table in which every node has its share of bytes or of requests, not of partitions.
//!
//! Bytes are those of all copies a node holds; requests are those of its primaries, since these answer them. A node's target is
//! its part of the total by weight, of bytes as far as its zone may hold so many copies. To hit it exactly would be a packing
//! problem, and figures change while partitions move, so a node has its share when it is within 5 % of it, or within what
//! partitions have on average, whichever is more.
//!
//! It is a greedy search that ends: first what must move goes, the largest first, to the node that has least for its weight (R.
//! Graham's longest processing time first, 1969). Then, as long as a node is not within its bounds, one partition goes from a
//! node above its target to one below: the largest that overshoots neither, or else the smallest that still brings them closer
//! together; where there is none, two are exchanged. Each step makes the sum of squared distances less, so none is undone. Large
//! partitions first means few moves, though not provably the fewest.
//!
//! Requests follow the primary, so another copy is made primary where one holds at least half of what could be moved otherwise:
//! that copies nothing.
//!
//! A partition that has more than the share of its node fits nowhere better. It stays, its node's target is what it has, and the
//! others share the rest. Left out: numbers. By bytes a node may have few primaries, by requests a new node gets no copies but
//! those it is primary of.

use super::count::holders;
use super::situation::Situation;
use super::{Balance, Load, NodeId};
use crate::placement::{targets, zone_cap};
use std::collections::{BTreeMap, BTreeSet};

/// How far from its share a node may be, in percent of it.
const TOLERANCE_PERCENT: i128 = 5;

pub(super) struct Weighted {
    /// Holders of each partition, the primary first.
    pub after: Vec<Vec<NodeId>>,
    /// Partitions that have more than the share of the node they are on.
    pub giants: Vec<Giant>,
}

pub(super) struct Giant {
    pub partition: usize,
    pub node: NodeId,
    percent: u64,
    by: Balance,
}

impl Giant {
    pub fn warning(&self, name: impl Fn(&NodeId) -> String) -> String {
        let what = if self.by == Balance::Memory { "bytes" } else { "requests" };
        let (node, Giant { partition, percent, .. }) = (name(&self.node), self);
        format!(
            "partition {partition} alone has {percent} % of all {what}, more than the share of {node}: moving it does not help"
        )
    }
}

/// None when nothing is known of what is to be balanced.
pub(super) fn place(situation: &Situation, load: &Load, by: Balance) -> Option<Weighted> {
    let mut table = Table::new(situation, load, by);
    table.place_what_must_move();
    let total: i128 = table.held.iter().sum();
    if total == 0 {
        return None;
    }
    let giants = table.aim(total);
    table.even_out();
    let after = (0..table.after.len()).map(|number| {
        let (primary, others) = (table.after[number].first().copied(), table.after[number].iter().skip(1));
        // Those that are down are added there.
        let others = others.filter(|node| table.numbers.contains_key(node)).copied().collect();
        holders(situation, number, primary, others)
    });
    Some(Weighted { after: after.collect(), giants })
}

/// What makes two nodes more even.
enum Step {
    One(usize),
    /// The first goes, the second comes.
    Exchange(usize, usize),
}

struct Table<'a> {
    situation: &'a Situation,
    load: &'a Load,
    by: Balance,
    nodes: Vec<NodeId>,
    numbers: BTreeMap<NodeId, usize>,
    zones: BTreeMap<NodeId, &'a str>,
    zone_cap: usize,
    after: Vec<Vec<NodeId>>,
    /// What each node has.
    held: Vec<i128>,
    /// What it should have, and how far from that it may be.
    target: Vec<i128>,
    tolerance: Vec<i128>,
    /// Partitions a node could give away.
    at: Vec<BTreeSet<usize>>,
    giants: BTreeSet<usize>,
}

impl<'a> Table<'a> {
    fn new(situation: &'a Situation, load: &'a Load, by: Balance) -> Table<'a> {
        let nodes: Vec<NodeId> = situation.nodes.iter().map(|node| node.id).collect();
        Table {
            numbers: nodes.iter().enumerate().map(|(number, node)| (*node, number)).collect(),
            zones: situation.nodes.iter().map(|node| (node.id, node.zone.as_str())).collect(),
            zone_cap: zone_cap(&situation.nodes, situation.copies),
            after: situation.today.clone(),
            held: vec![0; nodes.len()],
            target: vec![0; nodes.len()],
            tolerance: vec![0; nodes.len()],
            at: vec![BTreeSet::new(); nodes.len()],
            giants: BTreeSet::new(),
            situation,
            load,
            by,
            nodes,
        }
    }

    /// What a node has of a partition.
    fn value(&self, partition: usize, node: NodeId) -> i128 {
        let (load, holders) = (self.load.of(partition), &self.after[partition]);
        match self.by {
            Balance::Load if holders.first() == Some(&node) => load.ops.into(),
            Balance::Load => 0,
            Balance::Memory | Balance::Count => load.held_by(holders, node).into(),
        }
    }

    /// Whether a partition moves when the node gives away what is balanced.
    fn gives(&self, partition: usize, node: NodeId) -> bool {
        match self.by {
            Balance::Load => self.after[partition].first() == Some(&node),
            Balance::Memory | Balance::Count => self.after[partition].contains(&node),
        }
    }

    fn enter(&mut self, partition: usize) {
        for node in self.after[partition].clone() {
            let Some(number) = self.numbers.get(&node).copied() else { continue };
            self.held[number] += self.value(partition, node);
            let stays = self.situation.is_fixed(partition) || self.giants.contains(&partition);
            if self.gives(partition, node) && !stays {
                self.at[number].insert(partition);
            }
        }
    }

    fn leave(&mut self, partition: usize) {
        for node in self.after[partition].clone() {
            let Some(number) = self.numbers.get(&node).copied() else { continue };
            self.held[number] -= self.value(partition, node);
            self.at[number].remove(&partition);
        }
    }

    /// Whether the zone has room for one more copy, were that of `without` not there.
    fn has_zone_room(&self, partition: usize, node: NodeId, without: Option<NodeId>) -> bool {
        let zone = self.zones[&node];
        let holders = self.after[partition].iter().filter(|other| Some(**other) != without);
        let here = holders.filter(|other| self.zones.get(other) == Some(&zone)).count();
        let elsewhere = self.situation.around.elsewhere.get(&partition).into_iter().flatten();
        here + elsewhere.filter(|other| *other == zone).count() < self.zone_cap
    }

    /// Gives partitions to nodes that are to hold them where those that do are not, and as many copies as are wanted.
    fn place_what_must_move(&mut self) {
        let mut missing: Vec<usize> = Vec::new();
        for partition in 0..self.after.len() {
            if !self.situation.is_fixed(partition) {
                let down = self.situation.down.get(&partition).map_or(0, Vec::len);
                let wanted = (self.situation.copies - down).clamp(1, self.nodes.len());
                let had = self.after[partition].first().copied();
                let known = &self.numbers;
                self.after[partition].retain(|node| known.contains_key(node));
                self.after[partition].truncate(wanted);
                if self.after[partition].len() < wanted || self.after[partition].first().copied() != had {
                    missing.push(partition);
                    continue;
                }
            }
            self.enter(partition);
        }
        let all = |partition: &usize| (self.load.of(*partition).ops, self.load.of(*partition).bytes);
        missing.sort_by_key(|partition| {
            let (ops, bytes) = all(partition);
            (std::cmp::Reverse(if self.by == Balance::Load { ops } else { bytes }), *partition)
        });
        let mut copies = vec![0i128; self.nodes.len()];
        for node in self.after.iter().flatten() {
            self.numbers.get(node).into_iter().for_each(|number| copies[*number] += 1);
        }
        for partition in missing {
            let down = self.situation.down.get(&partition).map_or(0, Vec::len);
            let wanted = (self.situation.copies - down).clamp(1, self.nodes.len());
            while self.after[partition].len() < wanted {
                let free = self.nodes.iter().enumerate().filter(|(_, node)| !self.after[partition].contains(node));
                let emptiest = free.min_by(|(a, of_a), (b, of_b)| {
                    let full = |node: &NodeId| !self.has_zone_room(partition, *node, None);
                    let by_weight = |held: &[i128]| self.for_weight(held[*a], *a, held[*b], *b);
                    let less = by_weight(&self.held).then(by_weight(&copies));
                    full(of_a).cmp(&full(of_b)).then(less).then(a.cmp(b))
                });
                let Some((number, node)) = emptiest.map(|(number, node)| (number, *node)) else { break };
                copies[number] += 1;
                self.after[partition].push(node);
            }
            self.choose_primary(partition);
            self.enter(partition);
        }
    }

    /// Compares what two nodes have, each for its weight.
    fn for_weight(&self, of_a: i128, a: usize, of_b: i128, b: usize) -> std::cmp::Ordering {
        let weight = |number: usize| i128::from(self.situation.nodes[number].weight);
        (of_a * weight(b)).cmp(&(of_b * weight(a)))
    }

    /// Of copies whose primary is to leave: by requests the one that has fewest for its weight, else the next in line.
    fn choose_primary(&mut self, partition: usize) {
        let today = self.situation.today[partition].first();
        if self.by != Balance::Load || self.after[partition].first() == today {
            return;
        }
        let numbers = self.after[partition].iter().map(|node| self.numbers[node]).enumerate();
        let least = numbers.min_by(|(_, a), (_, b)| self.for_weight(self.held[*a], *a, self.held[*b], *b));
        if let Some((place, _)) = least {
            self.after[partition].swap(0, place);
        }
    }

    /// Sets targets and bounds; tells which partitions have more than the share of their node.
    fn aim(&mut self, total: i128) -> Vec<Giant> {
        let weight = |number: usize| i128::from(self.situation.nodes[number].weight);
        let weights: i128 = (0..self.nodes.len()).map(weight).sum();
        let mut giants = Vec::new();
        let mut floor = vec![0u64; self.nodes.len()];
        let mut copies = 0i128;
        for partition in 0..self.after.len() {
            for node in self.after[partition].clone() {
                let Some(number) = self.numbers.get(&node).copied() else { continue };
                let value = self.value(partition, node);
                copies += i128::from(self.gives(partition, node));
                if value * weights > total * weight(number) {
                    floor[number] += value as u64;
                    self.giants.insert(partition);
                    let percent = ((value * 200 + total) / (total * 2)) as u64;
                    giants.push(Giant { partition, node, percent, by: self.by });
                } else if self.situation.is_fixed(partition) {
                    floor[number] += value as u64;
                }
            }
        }
        let giant_at = |at: &mut BTreeSet<usize>| at.retain(|partition| !self.giants.contains(partition));
        self.at.iter_mut().for_each(giant_at);
        self.target = targets(&self.situation.nodes, total as u64, self.most_in_zone(total), &floor)
            .into_iter()
            .map(i128::from)
            .collect();
        let mean = total / copies.max(1);
        self.tolerance = self.target.iter().map(|target| (target * TOLERANCE_PERCENT / 100).max(mean)).collect();
        giants
    }

    /// What one zone can hold: a partition has so many copies there at most, but its primary can be anywhere.
    fn most_in_zone(&self, total: i128) -> u64 {
        match self.by {
            Balance::Load => total as u64,
            Balance::Memory | Balance::Count => {
                let bytes: u64 = (0..self.after.len()).map(|partition| self.load.of(partition).bytes).sum();
                bytes.saturating_mul(self.zone_cap as u64)
            }
        }
    }

    /// How much more than its target a node has.
    fn excess(&self, number: usize) -> i128 {
        self.held[number] - self.target[number]
    }

    fn even_out(&mut self) {
        // Nodes for which nothing can be done, though others may have changed since: these are looked at again at the end.
        let mut stuck: BTreeSet<usize> = BTreeSet::new();
        let mut is_changed = false;
        // Each step brings nodes nearer to their targets, so they end; the bound is for when they would not.
        for _ in 0..8 * self.after.len() {
            let outside = |number: &usize| self.excess(*number).abs() - self.tolerance[*number];
            let worst = (0..self.nodes.len()).filter(|number| outside(number) > 0 && !stuck.contains(number));
            let Some(worst) = worst.max_by_key(|number| (outside(number), std::cmp::Reverse(*number))) else {
                if !std::mem::take(&mut is_changed) || stuck.is_empty() {
                    return;
                }
                stuck.clear();
                continue;
            };
            let is_giver = self.excess(worst) > 0;
            let mut others: Vec<usize> =
                (0..self.nodes.len()).filter(|number| (self.excess(*number) > 0) != is_giver).collect();
            others.sort_by_key(|number| (std::cmp::Reverse(self.excess(*number).abs()), *number));
            let pair = |other: usize| if is_giver { (worst, other) } else { (other, worst) };
            let one = others.iter().find_map(|other| Some((pair(*other), self.one(pair(*other))?)));
            let step =
                one.or_else(|| others.iter().find_map(|other| Some((pair(*other), self.exchange(pair(*other))?))));
            let Some(((giver, taker), step)) = step else {
                stuck.insert(worst);
                continue;
            };
            is_changed = true;
            stuck.remove(&giver);
            stuck.remove(&taker);
            match step {
                Step::One(partition) => self.shift(partition, giver, taker),
                Step::Exchange(goes, comes) => {
                    self.shift(goes, giver, taker);
                    self.shift(comes, taker, giver);
                }
            }
        }
    }

    /// Whether a partition can go from one node to another.
    fn can_go(&self, partition: usize, giver: usize, taker: usize) -> bool {
        let (from, to) = (self.nodes[giver], self.nodes[taker]);
        match self.after[partition].contains(&to) {
            true => self.by == Balance::Load,
            false => self.has_zone_room(partition, to, Some(from)),
        }
    }

    /// The partition that makes the two most even.
    fn one(&self, (giver, taker): (usize, usize)) -> Option<Step> {
        let (excess, lack) = (self.excess(giver), -self.excess(taker));
        let fits = excess.min(lack);
        let closer = excess + lack;
        let node = self.nodes[giver];
        // Of those that fit the largest; of those that do not the smallest.
        let rank = |value: i128| if value <= fits { (true, value) } else { (false, -value) };
        let mut best: [Option<((bool, i128), usize)>; 2] = [None, None];
        for partition in self.at[giver].iter().copied() {
            let value = self.value(partition, node);
            if value <= 0 || value >= closer || !self.can_go(partition, giver, taker) {
                continue;
            }
            let is_held = self.after[partition].contains(&self.nodes[taker]);
            // A backup is moved rather than a primary, with which clients go along.
            let is_better = |(other, number): ((bool, i128), usize)| {
                let is_backup = |partition: usize| self.after[partition].first() != Some(&node);
                (rank(value), is_backup(partition)) > (other, is_backup(number))
            };
            let best = &mut best[usize::from(is_held)];
            if best.is_none_or(is_better) {
                *best = Some((rank(value), partition));
            }
        }
        let [copied, free] = best;
        match (copied, free) {
            (Some(((_, copied), one)), Some(((fits, value), other))) => {
                Some(Step::One(if fits && value * 2 >= copied { other } else { one }))
            }
            (one, other) => one.or(other).map(|(_, partition)| Step::One(partition)),
        }
    }

    /// Two partitions whose exchange makes the two most even.
    fn exchange(&self, (giver, taker): (usize, usize)) -> Option<Step> {
        let (excess, lack) = (self.excess(giver), -self.excess(taker));
        let fits = excess.min(lack);
        let values = |number: usize| {
            let node = self.nodes[number];
            let mut values: Vec<(i128, usize)> =
                self.at[number].iter().map(|partition| (self.value(*partition, node), *partition)).collect();
            values.sort_unstable();
            values
        };
        let (gives, takes) = (values(giver), values(taker));
        let mut best: Option<(i128, usize, usize)> = None;
        for (value, goes) in gives.into_iter().filter(|(_, goes)| self.can_go(*goes, giver, taker)) {
            // The smallest that may come so that not too much goes, and what follows it.
            let first = takes.partition_point(|(other, _)| value - other > fits);
            let comes = takes[first..].iter().find(|(_, comes)| self.can_go(*comes, taker, giver));
            let Some((other, comes)) = comes else { continue };
            let less = value - other;
            if less > 0 && best.is_none_or(|(most, ..)| less > most) {
                best = Some((less, goes, *comes));
            }
        }
        best.map(|(_, goes, comes)| Step::Exchange(goes, comes))
    }

    fn shift(&mut self, partition: usize, giver: usize, taker: usize) {
        let (from, to) = (self.nodes[giver], self.nodes[taker]);
        self.leave(partition);
        let holders = &mut self.after[partition];
        match holders.iter().position(|node| *node == to) {
            // It takes over, and the other stays a copy.
            Some(place) => holders.swap(0, place),
            None => holders.iter_mut().filter(|node| **node == from).for_each(|node| *node = to),
        }
        self.enter(partition);
    }
}
