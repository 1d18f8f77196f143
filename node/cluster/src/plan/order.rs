//! The order in which moves begin. Each pair of a node that sends and one that receives is spread evenly over the whole, so that
//! at any time every node has about its part of the work, and none waits for one that everybody sends to (stride scheduling,
//! C. Waldspurger, W. Weihl, 1995: the move in the middle of its stride comes when its time has come). Hot partitions come last:
//! by then most of the plan is done, and what is learnt from it may speak against moving them.

use super::{Load, NodeId};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// A partition is hot with more than this share of its node's requests, in percent...
const HOT_PERCENT: u64 = 10;
/// ... and so many times what partitions have on average: on a small node every partition has a large share.
const HOT_MEANS: u64 = 5;

pub(super) struct Ordered {
    pub partitions: Vec<usize>,
    /// Those of them that are hot.
    pub hot: Vec<Hot>,
}

pub(super) struct Hot {
    partition: usize,
    node: NodeId,
    percent: u64,
}

impl Hot {
    pub fn warning(&self, name: impl Fn(&NodeId) -> String) -> String {
        let Hot { partition, node, percent } = self;
        let node = name(node);
        format!("partition {partition} is hot ({percent} % of {node}): it moves last, or pin it with --pin {partition}")
    }
}

pub(super) fn of(changed: &[usize], before: &[Vec<NodeId>], after: &[Vec<NodeId>], load: &Load) -> Ordered {
    let hot = hot(changed, before, load);
    let is_hot = |partition: &usize| hot.binary_search_by_key(partition, |hot| hot.partition).is_ok();
    let (late, early): (Vec<usize>, Vec<usize>) = changed.iter().copied().partition(is_hot);
    let mut partitions = interleaved(&early, before, after);
    partitions.extend(interleaved(&late, before, after));
    Ordered { partitions, hot }
}

fn hot(changed: &[usize], before: &[Vec<NodeId>], load: &Load) -> Vec<Hot> {
    let mut of_node: BTreeMap<NodeId, u64> = BTreeMap::new();
    let mut total = 0u64;
    for (partition, holders) in before.iter().enumerate() {
        let ops = load.of(partition).ops;
        total = total.saturating_add(ops);
        holders.first().into_iter().for_each(|node| *of_node.entry(*node).or_default() += ops);
    }
    let is_hot = |partition: &usize| -> Option<Hot> {
        let (ops, node) = (load.of(*partition).ops, *before[*partition].first()?);
        let of_node = of_node[&node];
        let is_hot = ops * 100 > of_node * HOT_PERCENT && ops * before.len() as u64 >= total * HOT_MEANS;
        let percent = (ops * 200 + of_node) / (of_node * 2).max(1);
        is_hot.then_some(Hot { partition: *partition, node, percent })
    };
    changed.iter().filter_map(is_hot).collect()
}

/// Who sends, and who receives first: the new holder, or else the new primary.
fn pair(before: &[NodeId], after: &[NodeId]) -> (Option<NodeId>, Option<NodeId>) {
    let new = after.iter().find(|node| !before.contains(node));
    (before.first().copied(), new.or(after.first()).copied())
}

fn interleaved(changed: &[usize], before: &[Vec<NodeId>], after: &[Vec<NodeId>]) -> Vec<usize> {
    let mut pairs: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for partition in changed {
        pairs.entry(pair(&before[*partition], &after[*partition])).or_default().push(*partition);
    }
    struct Due {
        stride: u64,
        strides: u64,
        partition: usize,
    }
    let mut due: Vec<Due> = Vec::with_capacity(changed.len());
    for partitions in pairs.values() {
        let strides = partitions.len() as u64;
        let of_pair =
            partitions.iter().zip(0..).map(|(partition, stride)| Due { stride, strides, partition: *partition });
        due.extend(of_pair);
    }
    // The middles of strides compared as fractions; of equals, those of pairs in their order.
    let middle =
        |a: &Due, b: &Due| -> Ordering { ((2 * a.stride + 1) * b.strides).cmp(&((2 * b.stride + 1) * a.strides)) };
    due.sort_by(middle);
    due.into_iter().map(|due| due.partition).collect()
}

#[cfg(test)]
mod tests {
    use super::super::PartitionLoad;
    use super::*;

    fn holders(nodes: &[u64]) -> Vec<NodeId> {
        nodes.iter().copied().map(NodeId).collect()
    }

    #[test]
    fn at_any_time_each_node_has_its_part_of_the_work() {
        // 60 from each of 1, 2 and 3 to 4, as partitions in runs.
        let before: Vec<Vec<NodeId>> = (0..180).map(|partition| holders(&[1 + partition / 60])).collect();
        let after = vec![holders(&[4]); 180];
        let changed: Vec<usize> = (0..180).collect();
        let order = of(&changed, &before, &after, &Load::default()).partitions;
        for window in order.windows(6) {
            let mut senders: Vec<usize> = window.iter().map(|partition| partition / 60).collect();
            senders.sort_unstable();
            assert_eq!(senders, [0, 0, 1, 1, 2, 2]);
        }
    }

    #[test]
    fn hot_partitions_come_last_and_are_told_of() {
        let before: Vec<Vec<NodeId>> = (0..30).map(|partition| holders(&[1 + partition / 10])).collect();
        let after = vec![holders(&[4]); 30];
        let mut load =
            Load { partitions: vec![PartitionLoad { ops: 100, ..PartitionLoad::default() }; 30], ..Load::default() };
        load.partitions[13].ops = 1100;
        let ordered = of(&(10..20).collect::<Vec<_>>(), &before, &after, &load);
        assert_eq!(ordered.partitions, [10, 11, 12, 14, 15, 16, 17, 18, 19, 13]);
        let warnings: Vec<String> = ordered.hot.iter().map(|hot| hot.warning(|node| format!("n{}", node.0))).collect();
        assert_eq!(warnings, ["partition 13 is hot (55 % of n2): it moves last, or pin it with --pin 13"]);
        // 10 % and more of their nodes, but as all others.
        load.partitions[13].ops = 100;
        assert!(of(&[1, 13], &before, &after, &load).hot.is_empty());
    }
}
