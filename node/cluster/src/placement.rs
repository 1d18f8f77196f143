//! Placement: which node owns which partition. Pure: same input, same table, on any node.
//!
//! Consistent hashing with bounded loads (Mirrokni, Thorup, Zadimoghaddam, SODA 2018), the bound being one partition: every
//! node has a quota by weight, what it holds within its quota stays, and what is left over goes to the first node in ring
//! order ([`crate::ring`]) that has room. So loads differ by at most one partition from the exact share, and a join or a leave
//! moves exactly the newcomer's or the leaver's share, which is the optimum for single copies.
//!
//! Clients are told ranges of slots, and some of them pay for every range (Lettuce, `CLUSTER SLOTS` replies), so partitions are
//! given and taken in runs: the first layout is one run a node in ring order; later a node gives away its smallest runs first
//! and a run goes to a neighbour where that costs no extra move.

use crate::ring::Ring;
use dcache_protocol::{NodeId, PartitionId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Who holds a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// Serves the partition.
    pub primary: Option<NodeId>,
    /// Hold copies, in the order they would take over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub backups: Vec<NodeId>,
}

/// A node that may hold partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub id: NodeId,
    /// Relative share, 1 to 10000.
    pub weight: u32,
    /// Partitions that do not divide evenly are spread over zones.
    pub zone: String,
}

/// One partition changes nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    pub partition: PartitionId,
    /// `None`: nobody held it.
    pub source: Option<NodeId>,
    pub target: NodeId,
}

/// How many partitions each node should hold: its exact share rounded down or up. Who is rounded up: first those that hold that
/// many today (`held`), so that nothing moves for rounding's sake, then the zones that got least, then the largest remainder,
/// then the smaller id.
pub fn quotas(partitions: u16, nodes: &[Candidate], held: &BTreeMap<NodeId, u16>) -> BTreeMap<NodeId, u16> {
    let nodes = distinct(nodes);
    let total: u64 = nodes.values().map(|node| u64::from(node.weight)).sum();
    if total == 0 {
        return BTreeMap::new();
    }
    let exact = |node: &Candidate| u64::from(partitions) * u64::from(node.weight);
    let mut quotas: BTreeMap<NodeId, u16> =
        nodes.values().map(|node| (node.id, (exact(node) / total) as u16)).collect();
    let mut left = u64::from(partitions) - quotas.values().map(|quota| u64::from(*quota)).sum::<u64>();
    // What each zone is short of its exact share, in units of 1/total partitions.
    let mut short: BTreeMap<&str, i64> = BTreeMap::new();
    for node in nodes.values() {
        *short.entry(&node.zone).or_default() += (exact(node) % total) as i64;
    }
    let mut waiting: Vec<&Candidate> = nodes.values().copied().filter(|node| exact(node) % total > 0).collect();
    while left > 0 && !waiting.is_empty() {
        let best = (0..waiting.len()).max_by_key(|index| {
            let node = waiting[*index];
            let holds_more = held.get(&node.id).copied().unwrap_or_default() > quotas[&node.id];
            (holds_more, short[node.zone.as_str()], exact(node) % total, std::cmp::Reverse(node.id))
        });
        let Some(best) = best else { break };
        let node = waiting.swap_remove(best);
        *quotas.entry(node.id).or_default() += 1;
        *short.entry(&node.zone).or_default() -= total as i64;
        left -= 1;
    }
    quotas
}

/// The table for these nodes that is nearest to `today` (empty: none yet). Nodes not in `nodes` lose what they hold. Without
/// nodes nobody holds anything.
pub fn place(partitions: u16, nodes: &[Candidate], today: &[Assignment]) -> Vec<Assignment> {
    let by_id = distinct(nodes);
    let count = usize::from(partitions);
    if by_id.is_empty() {
        return vec![Assignment::default(); count];
    }
    let ring = Ring::new(by_id.values().map(|node| (node.id, node.weight)));
    let mut primary: Vec<Option<NodeId>> = (0..count)
        .map(|p| today.get(p).and_then(|a| a.primary).filter(|node| by_id.contains_key(node)))
        .collect();
    let mut held: BTreeMap<NodeId, u16> = by_id.keys().map(|id| (*id, 0)).collect();
    for node in primary.iter().flatten() {
        *held.entry(*node).or_default() += 1;
    }
    let quotas = quotas(partitions, nodes, &held);
    let mut givers: Vec<NodeId> = primary.iter().copied().flatten().collect();
    let mut seen = BTreeSet::new();
    givers.retain(|node| seen.insert(*node));
    for node in givers {
        let surplus = held[&node].saturating_sub(quotas[&node]);
        let takers = |other: &NodeId| held.get(other) < quotas.get(other);
        release(&mut primary, node, usize::from(surplus), takers);
        held.insert(node, held[&node] - surplus);
    }
    let mut room: BTreeMap<NodeId, usize> =
        quotas.iter().map(|(node, quota)| (*node, usize::from(quota - held[node]))).collect();
    fill(&mut primary, &ring, &mut room);
    primary.into_iter().map(|primary| Assignment { primary, backups: Vec::new() }).collect()
}

/// What changes between two tables, in the order of partitions.
pub fn moves(today: &[Assignment], next: &[Assignment]) -> Vec<Move> {
    let change = |(number, after): (usize, &Assignment)| {
        let source = today.get(number).and_then(|before| before.primary);
        let target = after.primary.filter(|target| source != Some(*target))?;
        Some(Move { partition: PartitionId(number as u16), source, target })
    };
    next.iter().enumerate().filter_map(change).collect()
}

fn distinct(nodes: &[Candidate]) -> BTreeMap<NodeId, &Candidate> {
    nodes.iter().map(|node| (node.id, node)).collect()
}

/// A stretch of neighbouring partitions: first and one past the last.
type Run = (usize, usize);

fn runs_where(primary: &[Option<NodeId>], owner: Option<NodeId>) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for partition in (0..primary.len()).filter(|p| primary[*p] == owner) {
        match runs.last_mut() {
            Some((_, end)) if *end == partition => *end += 1,
            _ => runs.push((partition, partition + 1)),
        }
    }
    runs
}

/// Takes `surplus` partitions from a node: whole small runs first, then one end of the longest. Of equals, and of the two ends,
/// the one beside partitions that are free or a taker's, since there ranges join.
fn release(primary: &mut [Option<NodeId>], node: NodeId, mut surplus: usize, is_taker: impl Fn(&NodeId) -> bool) {
    let joins = |primary: &[Option<NodeId>], beside: Option<usize>| {
        beside.and_then(|at| primary.get(at)).is_some_and(|owner| owner.as_ref().is_none_or(&is_taker))
    };
    let mut runs = runs_where(primary, Some(node));
    runs.sort_by_key(|(start, end)| {
        let joined = [start.checked_sub(1), Some(*end)].into_iter().filter(|beside| joins(primary, *beside)).count();
        (end - start, std::cmp::Reverse(joined), *start)
    });
    while let Some((start, end)) = runs.first().copied().filter(|(start, end)| end - start <= surplus) {
        primary[start..end].fill(None);
        surplus -= end - start;
        runs.remove(0);
    }
    if let Some((start, end)) = runs.last().copied() {
        match joins(primary, start.checked_sub(1)) && !joins(primary, Some(end)) {
            true => primary[start..start + surplus].fill(None),
            false => primary[end - surplus..end].fill(None),
        }
    }
}

/// Gives every free run to nodes with room: to its neighbours first, whose ranges grow by it, then to the first node in ring
/// order that takes all of it, then to the first that takes a part.
fn fill(primary: &mut [Option<NodeId>], ring: &Ring, room: &mut BTreeMap<NodeId, usize>) {
    for (start, end) in runs_where(primary, None) {
        let mut take = |beside: Option<usize>, from_start: bool, run: Run| {
            let Some(node) = beside.and_then(|at| primary.get(at).copied().flatten()) else { return run };
            let taken = room.get_mut(&node).map_or(0, |room| take_up_to(room, run.1 - run.0));
            let (mine, rest) = match from_start {
                true => ((run.0, run.0 + taken), (run.0 + taken, run.1)),
                false => ((run.1 - taken, run.1), (run.0, run.1 - taken)),
            };
            primary[mine.0..mine.1].fill(Some(node));
            rest
        };
        let run = take(start.checked_sub(1), true, (start, end));
        take(Some(end), false, run);
    }
    let count = primary.len() as u16;
    for (mut start, end) in runs_where(primary, None) {
        while start < end {
            let fits = |wanted: usize| move |node: &NodeId| room.get(node).is_some_and(|room| *room >= wanted);
            let mut order = ring.candidates(PartitionId(start as u16), count);
            let whole = ring.candidates(PartitionId(start as u16), count).find(fits(end - start));
            // Quotas add up to the number of partitions, so room never runs out before them.
            let Some(node) = whole.or_else(|| order.find(fits(1))) else { return };
            let taken = room.get_mut(&node).map_or(0, |room| take_up_to(room, end - start));
            primary[start..start + taken].fill(Some(node));
            start += taken;
        }
    }
}

fn take_up_to(room: &mut usize, wanted: usize) -> usize {
    let taken = wanted.min(*room);
    *room -= taken;
    taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn node(id: u64, weight: u32, zone: &str) -> Candidate {
        Candidate { id: NodeId(id), weight, zone: zone.into() }
    }

    fn equal(count: u64) -> Vec<Candidate> {
        (1..=count).map(|id| node(id, 100, "")).collect()
    }

    fn counts(table: &[Assignment]) -> BTreeMap<NodeId, u16> {
        let mut counts = BTreeMap::new();
        table.iter().filter_map(|a| a.primary).for_each(|node| *counts.entry(node).or_default() += 1);
        counts
    }

    fn ranges(table: &[Assignment]) -> usize {
        1 + table.windows(2).filter(|pair| pair[0].primary != pair[1].primary).count()
    }

    /// The least number of partitions any balanced table for `nodes` must take from where they are.
    fn least_moves(partitions: u16, nodes: &[Candidate], today: &[Assignment]) -> usize {
        let total: u64 = nodes.iter().map(|n| u64::from(n.weight)).sum();
        let held = counts(today);
        let mut floors = 0u64;
        let mut kept = 0u64;
        let mut may_round_up = 0u64;
        for node in nodes {
            let exact = u64::from(partitions) * u64::from(node.weight);
            let has = u64::from(held.get(&node.id).copied().unwrap_or_default());
            floors += exact / total;
            kept += has.min(exact / total);
            may_round_up += u64::from(has > exact / total && exact % total > 0);
        }
        let extras = u64::from(partitions) - floors;
        usize::from(partitions) - (kept + may_round_up.min(extras)) as usize
    }

    fn clusters() -> impl Strategy<Value = Vec<Candidate>> {
        let zone = prop_oneof![Just("a"), Just("b"), Just("c")];
        prop::collection::btree_map(1u64..10_000, (1u32..=400, zone), 1..14)
            .prop_map(|nodes| nodes.into_iter().map(|(id, (weight, zone))| node(id, weight, zone)).collect())
    }

    #[test]
    fn the_first_layout_is_one_run_a_node() {
        for count in 1..=20 {
            let table = place(1024, &equal(count), &[]);
            assert_eq!(ranges(&table), count as usize);
            let counts = counts(&table);
            let (least, most) = (counts.values().min(), counts.values().max());
            assert!(most.expect("nodes") - least.expect("nodes") <= 1);
        }
    }

    #[test]
    fn what_does_not_divide_evenly_is_spread_over_zones() {
        let nodes = [node(1, 100, "a"), node(2, 100, "a"), node(3, 100, "b"), node(4, 100, "b"), node(5, 100, "c")];
        let quotas = quotas(1027, &nodes, &BTreeMap::new());
        assert_eq!(quotas.values().map(|q| usize::from(*q)).sum::<usize>(), 1027);
        // 205.4 each: two are rounded up, and not both in one zone.
        let up: BTreeSet<&str> = nodes.iter().filter(|n| quotas[&n.id] == 206).map(|n| n.zone.as_str()).collect();
        assert_eq!(up.len(), 2);
    }

    #[test]
    fn a_join_moves_exactly_the_newcomers_share() {
        for (before, partitions) in [(3u64, 1024u16), (10, 1024), (3, 16384)] {
            let today = place(partitions, &equal(before), &[]);
            let next = place(partitions, &equal(before + 1), &today);
            let moves = moves(&today, &next);
            let newcomer = NodeId(before + 1);
            assert!(moves.iter().all(|m| m.target == newcomer));
            assert_eq!(moves.len(), usize::from(counts(&next)[&newcomer]));
            println!("{before} {partitions} {}", ranges(&next));
        }
    }

    #[test]
    fn ranges_stay_bounded_over_many_changes() {
        let mut members: Vec<u64> = (1..=10).collect();
        let mut table = place(1024, &equal(10), &[]);
        for round in 0..200u64 {
            match round % 2 {
                0 => members.push(100 + round),
                _ => drop(members.remove((round as usize * 7) % members.len())),
            }
            let nodes: Vec<Candidate> = members.iter().map(|id| node(*id, 100, "")).collect();
            table = place(1024, &nodes, &table);
        }
        panic!("{} ranges after 200 changes", ranges(&table));
    }

    #[test]
    fn tables_do_not_change_by_themselves_nor_without_nodes() {
        let table = place(1024, &equal(7), &[]);
        assert_eq!(place(1024, &equal(7), &table), table);
        assert_eq!(place(4, &[], &[]), vec![Assignment::default(); 4]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        #[test]
        fn every_change_is_whole_balanced_minimal_and_the_same_everywhere(
            before in clusters(), after in clusters(), power in 4u32..11
        ) {
            let partitions = 1u16 << power;
            let today = place(partitions, &before, &[]);
            let next = place(partitions, &after, &today);

            prop_assert!(next.iter().all(|a| a.primary.is_some()), "every partition is placed");
            let total: u64 = after.iter().map(|n| u64::from(n.weight)).sum();
            let counts = counts(&next);
            for node in &after {
                let floor = u64::from(partitions) * u64::from(node.weight) / total;
                let has = u64::from(counts.get(&node.id).copied().unwrap_or_default());
                prop_assert!((floor..=floor + 1).contains(&has), "{has} is not {floor} or one more");
            }
            prop_assert_eq!(moves(&today, &next).len(), least_moves(partitions, &after, &today));

            let mut shuffled = after.clone();
            shuffled.reverse();
            prop_assert_eq!(place(partitions, &shuffled, &today), next);
        }
    }
}
