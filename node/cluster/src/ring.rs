//! Consistent hashing: a ring of virtual nodes gives every partition an order of candidates. Pure.
//!
//! Karger et al., "Consistent Hashing and Random Trees", STOC 1997: nodes and keys are hashed onto one circle, and a key
//! belongs to the first node met clockwise. A node stands on the circle at many points (virtual nodes, as Dynamo calls them,
//! SOSP 2007), as many as its weight asks for, so that shares even out; a join or a leave changes only what lay between its
//! points and their predecessors.
//!
//! ```text
//!         n1·      ·n3        partition ── hash ──► a place on the circle
//!      n2·            ·n1     walking clockwise from there, each node once: n1, n3, n2
//!         ·n3      ·n2
//! ```
//!
//! The order alone leaves loads uneven (some 10 % over the mean at 100 points a node); [`crate::placement`] takes candidates
//! from here and bounds every node's load to its quota.

use dcache_protocol::{NodeId, PartitionId, Slot};
use std::collections::{BTreeMap, BTreeSet};

/// Virtual nodes of a node with the default weight.
pub const POINTS_AT_DEFAULT_WEIGHT: u32 = 128;

/// Points on the circle at most; beyond it every node's number shrinks alike (weights go up to 10000, nodes to a thousand).
const POINTS_MAX: u64 = 1 << 18;

/// The circle: points in ascending order.
#[derive(Clone, Debug)]
pub struct Ring {
    points: Vec<(u64, NodeId)>,
    nodes: usize,
}

impl Ring {
    /// A ring of nodes with their weights (100 is [`POINTS_AT_DEFAULT_WEIGHT`] points; at least one point each).
    pub fn new(nodes: impl IntoIterator<Item = (NodeId, u32)>) -> Ring {
        let weights: BTreeMap<NodeId, u64> =
            nodes.into_iter().map(|(node, weight)| (node, u64::from(weight))).collect();
        let wanted = weights.values().sum::<u64>() * u64::from(POINTS_AT_DEFAULT_WEIGHT) / 100;
        let points_at = |weight: u64| weight * u64::from(POINTS_AT_DEFAULT_WEIGHT) / 100;
        let shrunk = |points: u64| (points * POINTS_MAX / wanted.max(POINTS_MAX)).max(1);
        let points_of = |(node, weight): (&NodeId, &u64)| {
            let node = *node;
            (0..shrunk(points_at(*weight))).map(move |point| (hash(node.0, point), node))
        };
        let mut points: Vec<(u64, NodeId)> = weights.iter().flat_map(points_of).collect();
        points.sort_unstable();
        Ring { points, nodes: weights.len() }
    }

    /// Every node once, in the order they are met clockwise from the partition's place.
    pub fn candidates(&self, partition: PartitionId, partitions: u16) -> impl Iterator<Item = NodeId> + '_ {
        let place = place_of(partition.slots(partitions).first);
        let start = self.points.partition_point(|(point, _)| *point < place);
        let mut seen = BTreeSet::new();
        self.points[start..]
            .iter()
            .chain(&self.points[..start])
            .map(|(_, node)| *node)
            .filter(move |node| seen.insert(*node))
            .take(self.nodes)
    }
}

/// A partition's place follows from its first slot, whatever the number of partitions.
fn place_of(slot: Slot) -> u64 {
    hash(u64::MAX, u64::from(slot.number()))
}

/// A fixed 64-bit mix of two words (splitmix64, Steele et al., OOPSLA 2014). Part of the table's meaning: it must never change.
fn hash(a: u64, b: u64) -> u64 {
    mix(mix(a) ^ b.wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

fn mix(z: u64) -> u64 {
    let z = z.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owners(nodes: &[(u64, u32)]) -> Vec<NodeId> {
        let ring = Ring::new(nodes.iter().map(|(id, weight)| (NodeId(*id), *weight)));
        (0..16384).map(|p| ring.candidates(PartitionId(p), 16384).next().expect("a node")).collect()
    }

    fn counts(owners: &[NodeId]) -> BTreeMap<NodeId, usize> {
        let mut counts = BTreeMap::new();
        owners.iter().for_each(|owner| *counts.entry(*owner).or_default() += 1);
        counts
    }

    #[test]
    fn every_node_is_met_once() {
        let ring = Ring::new((1..=7).map(|id| (NodeId(id), 100)));
        for partition in (0..1024).map(PartitionId) {
            let mut met: Vec<NodeId> = ring.candidates(partition, 1024).collect();
            met.sort();
            assert_eq!(met, (1..=7).map(NodeId).collect::<Vec<_>>());
        }
        assert_eq!(Ring::new([]).candidates(PartitionId(0), 1024).count(), 0);
    }

    #[test]
    fn a_join_moves_partitions_only_to_the_newcomer() {
        let before = owners(&[(1, 100), (2, 100), (3, 100)]);
        let after = owners(&[(1, 100), (2, 100), (3, 100), (4, 100)]);
        let moved: Vec<NodeId> = before.iter().zip(&after).filter(|(a, b)| a != b).map(|(_, b)| *b).collect();
        assert!(moved.iter().all(|to| *to == NodeId(4)));
        let share = moved.len() as f64 / 16384.0;
        assert!((0.15..0.35).contains(&share), "{share} of all partitions moved");
    }

    #[test]
    fn weight_is_the_number_of_virtual_nodes() {
        let counts = counts(&owners(&[(1, 100), (2, 400)]));
        let ratio = counts[&NodeId(2)] as f64 / counts[&NodeId(1)] as f64;
        assert!((2.8..5.6).contains(&ratio), "four times the weight got {ratio} times the partitions");
    }

    #[test]
    fn points_are_bounded_and_stay_in_proportion() {
        let ring = Ring::new((1..=300).map(|id| (NodeId(id), if id == 1 { 5000 } else { 10_000 })));
        assert!(ring.points.len() as u64 <= POINTS_MAX);
        let points = |node: u64| ring.points.iter().filter(|(_, id)| *id == NodeId(node)).count();
        assert!(points(1).abs_diff(points(2) / 2) <= 1, "{} and {}", points(1), points(2));
    }

    #[test]
    fn places_never_change() {
        // Another value here means another table from the same metadata: two versions of the program would disagree.
        assert_eq!(hash(1, 0), 6791897765849424158);
        let first: Vec<u64> = owners(&[(1, 100), (2, 100), (3, 100)]).iter().step_by(2048).map(|node| node.0).collect();
        assert_eq!(first, [1, 2, 1, 2, 1, 1, 1, 3]);
    }

    #[test]
    fn the_order_of_the_nodes_does_not_matter() {
        assert_eq!(owners(&[(1, 100), (2, 150), (3, 50)]), owners(&[(3, 50), (1, 100), (2, 150)]));
    }
}
