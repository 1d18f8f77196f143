//! Placement: which node owns which partition. Pure: same input, same table, on any node.
//!
//! Consistent hashing with bounded loads (Mirrokni, Thorup, Zadimoghaddam, SODA 2018), the bound being one partition: every
//! node has a quota by weight, what it holds within its quota stays, and what is left over goes to the first nodes in ring
//! order ([`crate::ring`]) that have room. So loads differ by at most one partition from the exact share, and a join or a leave
//! moves exactly the newcomer's or the leaver's share, which is the least a balanced table can move with single copies.
//!
//! Clients are told ranges of slots, and some of them pay for every range (Lettuce, `CLUSTER SLOTS` replies), so partitions are
//! given and taken in runs: the first layout is one run a node in ring order; later a node gives away its smallest runs first,
//! and a run goes to its neighbours where they have room. With 10 nodes and 1024 partitions, 200 joins and leaves end at 85
//! ranges.
//!
//! Against the bare ring (every partition to its first candidate). `load` is the fullest node's over the mean, `moved` is over
//! the share of the node that joined or left, `ranges` are what clients see after the change; a test keeps the figures true.
//!
//! ```text
//! partitions  change      ring: load  moved  ranges   placed: load  moved  ranges
//!       1024  3 to 4           1.121   1.12     751          1.000   1.00       5
//!       1024  10 to 11         1.235   1.08     928          1.010   1.00      15
//!       1024  100 to 101       1.775   1.18    1016          1.085   0.99     109
//!       1024  100 to 99        1.837   1.27    1014          1.063   0.98     109
//!      16384  3 to 4           1.073   1.07   12279          1.000   1.00       5
//!      16384  10 to 11         1.184   1.18   14839          1.000   1.00      15
//!      16384  100 to 101       1.301   0.93   16205          1.005   1.00     150
//!      16384  100 to 99        1.299   0.95   16199          1.003   0.99     196
//! ```
//!
//! Left out: copies beyond the first ([`place_copies`] adds them), and pacing; a plan says what moves, not when.

mod copies;

pub use copies::place_copies;
pub(crate) use copies::{Around, place_copies_around, place_holders, shares_of_copies, targets, zone_cap};

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

/// A table written as runs of equal entries, for serde's `with`. Neighbours mostly share their nodes, so a first layout of
/// 16384 partitions takes some 40 bytes a node, not half a megabyte, in every message, log and snapshot.
pub mod runs {
    use super::{Deserialize, Serialize};
    use dcache_protocol::SLOTS;
    use serde::{Deserializer, Serializer, de::Error};

    #[derive(Serialize, Deserialize)]
    struct Run<T> {
        count: u16,
        #[serde(flatten)]
        entry: T,
    }

    pub fn serialize<T: Serialize + PartialEq, S: Serializer>(table: &[T], serializer: S) -> Result<S::Ok, S::Error> {
        let runs = table.chunk_by(|a, b| a == b);
        // No table is longer than SLOTS, so no run's length is cut.
        serializer.collect_seq(runs.map(|run| Run { count: run.len() as u16, entry: &run[0] }))
    }

    pub fn deserialize<'de, T: Deserialize<'de> + Clone, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<T>, D::Error> {
        let mut table = Vec::new();
        for run in Vec::<Run<T>>::deserialize(deserializer)? {
            if table.len() + usize::from(run.count) > usize::from(SLOTS) {
                return Err(D::Error::custom(format!("a table of more than {SLOTS} partitions")));
            }
            table.extend(std::iter::repeat_n(run.entry, usize::from(run.count)));
        }
        Ok(table)
    }
}

/// A node that may hold partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub id: NodeId,
    /// Relative share, 1 to 10000; 0: holds nothing.
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
/// nodes nobody holds anything. `partitions` is a power of two up to 16384.
pub fn place(partitions: u16, nodes: &[Candidate], today: &[Assignment]) -> Vec<Assignment> {
    let by_id = distinct(nodes);
    let count = usize::from(partitions);
    if by_id.is_empty() {
        return vec![Assignment::default(); count];
    }
    let mut primary: Vec<Option<NodeId>> =
        (0..count).map(|p| today.get(p).and_then(|a| a.primary).filter(|node| by_id.contains_key(node))).collect();
    let quotas = quotas(partitions, nodes, &held(&primary));
    settle(&mut primary, nodes, &quotas);
    primary.into_iter().map(|primary| Assignment { primary, backups: Vec::new() }).collect()
}

/// How many partitions each node holds that holds any.
pub(crate) fn held(primary: &[Option<NodeId>]) -> BTreeMap<NodeId, u16> {
    let mut held = BTreeMap::new();
    primary.iter().flatten().for_each(|node| *held.entry(*node).or_default() += 1);
    held
}

/// Takes partitions from nodes above their quotas, and gives these and the free ones to those below. What nodes without a quota
/// hold stays theirs. The quotas add up to the number of all other partitions.
pub(crate) fn settle(primary: &mut [Option<NodeId>], nodes: &[Candidate], quotas: &BTreeMap<NodeId, u16>) {
    let now = held(primary);
    let mut held: BTreeMap<NodeId, u16> =
        quotas.keys().map(|node| (*node, now.get(node).copied().unwrap_or_default())).collect();
    // From left to right, so that a giver sees what its neighbour gave and gives beside it.
    let mut met = BTreeSet::new();
    let is_first = |node: &NodeId| quotas.contains_key(node) && met.insert(*node);
    let givers: Vec<NodeId> = primary.iter().copied().flatten().filter(is_first).collect();
    for node in givers {
        let surplus = held[&node].saturating_sub(quotas[&node]);
        let takers = |other: &NodeId| held.get(other) < quotas.get(other);
        release(primary, node, usize::from(surplus), takers);
        held.insert(node, held[&node] - surplus);
    }
    let mut room: BTreeMap<NodeId, usize> =
        quotas.iter().map(|(node, quota)| (*node, usize::from(quota - held[node]))).collect();
    let has_room = |node: &&&Candidate| room.get(&node.id).is_some_and(|room| *room > 0);
    let ring = Ring::new(distinct(nodes).values().filter(has_room).map(|node| (node.id, node.weight)));
    fill(primary, &ring, &mut room);
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

/// Nodes that may hold something, in an order that is theirs and not the caller's.
fn distinct(nodes: &[Candidate]) -> BTreeMap<NodeId, &Candidate> {
    nodes.iter().filter(|node| node.weight > 0).map(|node| (node.id, node)).collect()
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

/// Candidates looked at for one that takes a whole run.
const CANDIDATES_WEIGHED: usize = 8;

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
            let left = |node: &NodeId| room.get(node).copied().unwrap_or_default();
            let order = ring.candidates(PartitionId(start as u16), count).filter(|node| left(node) > 0);
            let first: Vec<NodeId> = order.take(CANDIDATES_WEIGHED).collect();
            let whole = first.iter().find(|node| left(node) >= end - start);
            // Quotas add up to the number of partitions, so room never runs out before them.
            let Some(node) = whole.or(first.first()).copied() else { return };
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
            // The newcomer's runs lie where two givers meet, one for every two of them.
            assert!(ranges(&next) <= (before + before.div_ceil(2)) as usize, "{} ranges", ranges(&next));
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
        assert!(ranges(&table) <= 96, "{} ranges after 200 changes", ranges(&table));
    }

    #[test]
    fn a_leave_moves_exactly_the_leavers_share() {
        let today = place(1024, &equal(10), &[]);
        let stay: Vec<Candidate> = equal(10).into_iter().filter(|node| node.id != NodeId(4)).collect();
        let moves = moves(&today, &place(1024, &stay, &today));
        assert!(moves.iter().all(|m| m.source == Some(NodeId(4))));
        assert_eq!(moves.len(), usize::from(counts(&today)[&NodeId(4)]));
    }

    #[test]
    fn a_table_is_written_as_runs_and_its_length_is_bounded() {
        #[derive(Serialize, Deserialize)]
        struct Table(#[serde(with = "runs")] Vec<Assignment>);
        let table = place(16384, &equal(3), &[]);
        let json = serde_json::to_string(&Table(table.clone())).expect("writes");
        assert!(json.len() < 200, "{json}");
        assert_eq!(serde_json::from_str::<Table>(&json).expect("reads").0, table);
        let read = serde_json::from_str::<Table>;
        assert_eq!(read(r#"[{"count":2,"primary":null}]"#).expect("reads").0, vec![Assignment::default(); 2]);
        assert!(read(r#"[{"count":16384,"primary":null},{"count":1,"primary":null}]"#).is_err());
    }

    #[test]
    fn a_node_of_no_weight_holds_nothing() {
        let today = place(64, &equal(3), &[]);
        let nodes = [node(1, 100, ""), node(2, 0, ""), node(3, 100, "")];
        assert_eq!(counts(&place(64, &nodes, &today)), BTreeMap::from([(NodeId(1), 32), (NodeId(3), 32)]));
        assert_eq!(place(64, &[node(2, 0, "")], &today), vec![Assignment::default(); 64]);
    }

    /// One row of the table at the top of this file.
    fn row(partitions: u16, before: u64, after: u64) -> String {
        let bare = |nodes: u64| -> Vec<Assignment> {
            let ring = Ring::new(equal(nodes).iter().map(|node| (node.id, node.weight)));
            let first = |p| ring.candidates(PartitionId(p), partitions).next();
            (0..partitions).map(|p| Assignment { primary: first(p), backups: Vec::new() }).collect()
        };
        let figures = |today: &[Assignment], next: &[Assignment]| {
            let load =
                f64::from(counts(next).into_values().max().expect("nodes")) * after as f64 / f64::from(partitions);
            let share = f64::from(partitions) / before.max(after) as f64;
            let moved = moves(today, next).len() as f64 / share;
            (format!("{load:.3}"), format!("{moved:>5.2}  {:>6}", ranges(next)))
        };
        let placed = place(partitions, &equal(before), &[]);
        let ring = figures(&bare(before), &bare(after));
        let this = figures(&placed, &place(partitions, &equal(after), &placed));
        let change = format!("{before} to {after}");
        format!("{partitions:>10}  {change:<10}  {:>10}  {}   {:>12}  {}", ring.0, ring.1, this.0, this.1)
    }

    #[test]
    fn the_comparison_with_the_bare_ring_is_true() {
        let changes = [(3, 4), (10, 11), (100, 101), (100, 99)];
        let rows = [1024, 16384].map(|partitions| changes.map(|(before, after)| row(partitions, before, after)));
        let table: String = rows.iter().flatten().map(|row| format!("//! {row}\n")).collect();
        assert!(include_str!("placement.rs").contains(&table), "the table is now\n{table}");
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

            prop_assert!(moves(&today, &next).iter().all(|m| next[m.partition.index()].primary == Some(m.target)));

            let mut shuffled = after.clone();
            shuffled.reverse();
            prop_assert_eq!(place(partitions, &shuffled, &today), next);
        }
    }
}
