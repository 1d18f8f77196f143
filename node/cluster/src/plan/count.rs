//! The table in which every node has its share of partitions by number: of primaries, and of copies.
//!
//! Primaries are placed first ([`crate::placement`]: as few change nodes as can be, in runs), then exchanged among each other
//! where that saves a copy ([`super::roles`]), then the further copies follow ([`crate::placement::place_copies`]: as few new
//! ones as these primaries allow). What stays where it is counts towards its nodes' shares.

use super::NodeId;
use super::roles;
use super::situation::Situation;
use crate::placement::{Assignment, Candidate, held, place_copies_around, quotas, settle, shares_of_copies};
use std::collections::{BTreeMap, BTreeSet};

/// Holders of each partition after, the primary first.
pub(super) fn place(situation: &Situation) -> Vec<Vec<NodeId>> {
    let today: Vec<Assignment> = situation.today.iter().map(|holders| assignment(holders)).collect();
    let primaries = primaries(situation, &today);
    let placed = place_copies_around(&primaries, &situation.nodes, situation.copies, &today, &situation.around);
    let mut after: Vec<Vec<NodeId>> = placed
        .iter()
        .enumerate()
        .map(|(number, placed)| match situation.is_fixed(number) {
            true => situation.today[number].clone(),
            false => holders(situation, number, placed),
        })
        .collect();
    complete(situation, &mut after);
    after
}

fn assignment(holders: &[NodeId]) -> Assignment {
    Assignment { primary: holders.first().copied(), backups: holders.iter().skip(1).copied().collect() }
}

/// The primary, then those that have a copy already in the order they would take over, then the others.
fn holders(situation: &Situation, number: usize, placed: &Assignment) -> Vec<NodeId> {
    let mut others = placed.backups.clone();
    others.extend(situation.down.get(&number).into_iter().flatten());
    let place = |node: &NodeId| situation.today[number].iter().position(|other| other == node).unwrap_or(usize::MAX);
    others.sort_by_key(place);
    placed.primary.into_iter().chain(others).collect()
}

fn primaries(situation: &Situation, today: &[Assignment]) -> Vec<Assignment> {
    let known: BTreeSet<NodeId> = situation.nodes.iter().map(|node| node.id).collect();
    let today_of = |number: usize| today[number].primary.filter(|node| known.contains(node));
    let of_fixed: Vec<Option<NodeId>> = situation.around.fixed.iter().map(|number| today_of(*number)).collect();
    let fixed = held(&of_fixed);
    let now: Vec<Option<NodeId>> = (0..today.len()).map(today_of).collect();
    let total = (today.len() - of_fixed.len() + of_fixed.iter().flatten().count()) as u16;
    let quotas = quotas_around(total, &situation.nodes, &held(&now), &fixed);

    // What stays is nobody's while the rest is given and taken.
    let nobody = (0..=u64::MAX).rev().map(NodeId).find(|node| !known.contains(node));
    let mut primary: Vec<Option<NodeId>> =
        (0..today.len()).map(|number| if situation.is_fixed(number) { nobody } else { today_of(number) }).collect();
    let free: BTreeMap<NodeId, u16> =
        quotas.iter().map(|(node, quota)| (*node, quota - fixed.get(node).copied().unwrap_or_default())).collect();
    settle(&mut primary, &situation.nodes, &free);
    let shares = shares_of_copies(&situation.nodes, situation.copies, today, &situation.around, &quotas);
    roles::exchange(situation, &shares, &mut primary);
    primary
        .into_iter()
        .enumerate()
        .map(|(number, primary)| match situation.is_fixed(number) {
            true => Assignment { primary: today[number].primary, backups: Vec::new() },
            false => Assignment { primary, backups: Vec::new() },
        })
        .collect()
}

/// Quotas of which none is below what its node keeps in any case; the others share what is left.
fn quotas_around(
    partitions: u16,
    nodes: &[Candidate],
    held: &BTreeMap<NodeId, u16>,
    floors: &BTreeMap<NodeId, u16>,
) -> BTreeMap<NodeId, u16> {
    let mut bound: BTreeMap<NodeId, u16> = BTreeMap::new();
    loop {
        let open: Vec<Candidate> = nodes.iter().filter(|node| !bound.contains_key(&node.id)).cloned().collect();
        if open.is_empty() {
            return bound;
        }
        let mut shared = quotas(partitions - bound.values().sum::<u16>(), &open, held);
        let low: Vec<(NodeId, u16)> = floors
            .iter()
            .filter(|(node, floor)| shared.get(node).is_some_and(|quota| quota < floor))
            .map(|(node, floor)| (*node, *floor))
            .collect();
        if low.is_empty() {
            shared.append(&mut bound);
            return shared;
        }
        bound.extend(low);
    }
}

/// Gives partitions that came out short a copy on whatever node there is: better in a full zone than not at all.
fn complete(situation: &Situation, after: &mut [Vec<NodeId>]) {
    let mut count: BTreeMap<NodeId, usize> = situation.nodes.iter().map(|node| (node.id, 0)).collect();
    for node in after.iter().flatten() {
        count.entry(*node).and_modify(|count| *count += 1);
    }
    for number in (0..after.len()).filter(|number| !situation.is_fixed(*number)) {
        while after[number].len() < situation.copies {
            let free = count.keys().filter(|node| !after[number].contains(node));
            let best = free.min_by_key(|node| (!situation.today[number].contains(node), count[node], **node)).copied();
            let Some(best) = best else { break };
            after[number].push(best);
            count.entry(best).and_modify(|count| *count += 1);
        }
    }
}
