//! What each node holds before and after a plan, how uneven that is, and what of it an operator should know beforehand.

use super::situation::Situation;
use super::{Balance, Load, Metadata, NodeId};
use dcache_protocol::operation::PlannedShare;
use dcache_protocol::{NodeRecord, NodeState};

/// Memory in use above which a node is thought to evict, in percent of its limit.
const MEMORY_PERCENT: u64 = 90;

/// All nodes that hold something before or after, by name.
pub(super) fn of(metadata: &Metadata, load: &Load, before: &[Vec<NodeId>], after: &[Vec<NodeId>]) -> Vec<PlannedShare> {
    let mut nodes: Vec<&NodeRecord> = metadata.nodes.values().collect();
    nodes.sort_by_key(|node| &node.name);
    let share = |node: &&NodeRecord| {
        let primaries = |table: &[Vec<NodeId>]| table.iter().filter(|all| all.first() == Some(&node.id)).count() as u16;
        let copies = |table: &[Vec<NodeId>]| table.iter().filter(|all| all.contains(&node.id)).count() as u16;
        let known = load.nodes.get(&node.id).copied().unwrap_or_default();
        let (gives, gets) = (bytes(before, load, node.id), bytes(after, load, node.id));
        PlannedShare {
            node: node.name.clone(),
            zone: node.zone.clone(),
            primaries_before: primaries(before),
            primaries_after: primaries(after),
            copies_before: copies(before),
            copies_after: copies(after),
            memory_bytes: if known.memory_bytes > 0 { known.memory_bytes } else { node.memory_bytes },
            used_bytes_before: known.used_bytes,
            used_bytes_after: (known.used_bytes + gets).saturating_sub(gives),
        }
    };
    let holds = |share: &PlannedShare| share.copies_before > 0 || share.copies_after > 0;
    nodes.iter().map(share).filter(holds).collect()
}

/// What of the partitions' bytes a node holds.
fn bytes(table: &[Vec<NodeId>], load: &Load, node: NodeId) -> u64 {
    table.iter().enumerate().map(|(partition, holders)| load.of(partition).held_by(holders, node)).sum()
}

pub(super) fn memory_warning(share: &PlannedShare) -> Option<String> {
    let limit = share.memory_bytes / 100 * MEMORY_PERCENT;
    let (after, memory) = (share.used_bytes_after, share.memory_bytes);
    if memory == 0 || after <= limit || after <= share.used_bytes_before {
        return None;
    }
    let percent = u128::from(after) * 100 / u128::from(memory);
    let evicted = (after - limit) as f64 / f64::from(1 << 30);
    let node = &share.node;
    Some(format!(
        "{node} would reach {percent} % of its memory, over the {MEMORY_PERCENT} % limit: about {evicted:.1} GiB evicted"
    ))
}

/// Nodes of which nothing is known though they are up.
pub(super) fn unanswered(metadata: &Metadata, load: &Load, situation: &Situation) -> Vec<String> {
    let mut silent: Vec<&NodeRecord> = metadata
        .nodes
        .values()
        .filter(|node| node.state == NodeState::Up && !load.nodes.contains_key(&node.id))
        .filter(|node| {
            let is_candidate = situation.nodes.iter().any(|candidate| candidate.id == node.id);
            is_candidate || situation.today.iter().any(|holders| holders.contains(&node.id))
        })
        .collect();
    silent.sort_by_key(|node| &node.name);
    let warning = |node: &NodeRecord| {
        format!("{} did not answer: what it serves counts as no bytes and no requests, its memory as unused", node.name)
    };
    silent.into_iter().map(warning).collect()
}

/// By how much the node that has most for its weight has more than its share, in percent of the share. Shares are those after
/// the plan: an add begins with what the nodes before have too much. Nodes that are to hold nothing have no share.
pub(super) fn imbalance(
    situation: &Situation,
    by: Balance,
    load: &Load,
    table: &[Vec<NodeId>],
    after: &[Vec<NodeId>],
) -> f64 {
    let held = |table: &[Vec<NodeId>], node: NodeId| -> u64 {
        let primaries = || (0..table.len()).filter(move |number| table[*number].first() == Some(&node));
        match by {
            Balance::Count => primaries().count() as u64,
            Balance::Memory => bytes(table, load, node),
            Balance::Load => primaries().map(|number| load.of(number).ops).sum(),
        }
    };
    let total: u64 = situation.nodes.iter().map(|node| held(after, node.id)).sum();
    let weights: u64 = situation.nodes.iter().map(|node| u64::from(node.weight)).sum();
    let excess = |id: NodeId, weight: u32| {
        let share = total as f64 * f64::from(weight) / weights as f64;
        if share > 0.0 { (held(table, id) as f64 / share - 1.0) * 100.0 } else { 0.0 }
    };
    let most = situation.nodes.iter().map(|node| excess(node.id, node.weight)).fold(0.0, f64::max);
    (most * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_would_be_too_full_is_told_of_and_one_that_is_already_is_not() {
        let share = |before: u64, after: u64| PlannedShare {
            node: "cache-d1".into(),
            zone: String::new(),
            primaries_before: 0,
            primaries_after: 0,
            copies_before: 0,
            copies_after: 0,
            memory_bytes: 10 << 30,
            used_bytes_before: before << 20,
            used_bytes_after: after << 20,
        };
        let warning = memory_warning(&share(1024, 9540)).expect("over 90 %");
        assert_eq!(warning, "cache-d1 would reach 93 % of its memory, over the 90 % limit: about 0.3 GiB evicted");
        assert_eq!(memory_warning(&share(1024, 9200)), None);
        assert_eq!(memory_warning(&share(9700, 9600)), None, "it gets emptier");
    }
}
