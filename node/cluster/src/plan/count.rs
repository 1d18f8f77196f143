//! The table in which every node has its share of partitions by number: of primaries, and of copies.
//!
//! Primaries are placed first ([`crate::placement`]: as few change nodes as can be, in runs), then exchanged among each other
//! where that saves a copy ([`super::roles`]), then the further copies follow ([`crate::placement::place_copies`]: as few new
//! ones as these primaries allow). Where other primaries would have allowed fewer, it is done the other way round. What stays where it is counts towards its nodes' shares.

use super::NodeId;
use super::roles;
use super::situation::Situation;
use crate::placement::{
    Assignment, Candidate, held, place_copies_around, place_holders, quotas, settle, shares_of_copies,
};
use std::collections::{BTreeMap, BTreeSet};

/// Holders of each partition after, the primary first.
pub(super) fn place(situation: &Situation) -> Vec<Vec<NodeId>> {
    let today: Vec<Assignment> = situation.today.iter().map(|holders| assignment(holders)).collect();
    let Primaries { mut placed, shares } = primaries(situation, &today);
    let table = table(situation, &today, &placed);
    let copies = place_copies_around(&table, &situation.nodes, situation.copies, &today, &situation.around);
    let backups = |number: usize| copies[number].backups.clone();
    let mut after: Vec<Vec<NodeId>> =
        (0..today.len()).map(|number| holders(situation, number, placed[number], backups(number))).collect();
    complete(situation, &mut after);
    if made(situation, &after) > least(situation, &shares)
        && let Some(better) = holders_first(situation, &today, &shares, &mut placed)
        && made(situation, &better) < made(situation, &after)
    {
        return better;
    }
    after
}

/// The table made the other way round: who holds copies first, so as few are made as can be, then who of them is primary. Not
/// the usual way, since primaries change more often by it and their ranges are cut up; and none when holders and primaries do
/// not go together.
fn holders_first(
    situation: &Situation,
    today: &[Assignment],
    shares: &BTreeMap<NodeId, u64>,
    placed: &mut [Option<NodeId>],
) -> Option<Vec<Vec<NodeId>>> {
    let all = place_holders(&situation.nodes, situation.copies, today, &situation.around, shares);
    if !roles::confine(situation, &all, placed) {
        return None;
    }
    let others = |number: usize| all[number].iter().copied().filter(|node| Some(*node) != placed[number]).collect();
    let mut after: Vec<Vec<NodeId>> =
        (0..today.len()).map(|number| holders(situation, number, placed[number], others(number))).collect();
    complete(situation, &mut after);
    Some(after)
}

/// Copies that are not where they were.
fn made(situation: &Situation, after: &[Vec<NodeId>]) -> u64 {
    let new =
        |(before, after): (&Vec<NodeId>, &Vec<NodeId>)| after.iter().filter(|node| !before.contains(node)).count();
    situation.today.iter().zip(after).map(|all| new(all) as u64).sum()
}

/// Copies that nodes lack of their shares.
fn least(situation: &Situation, shares: &BTreeMap<NodeId, u64>) -> u64 {
    let mut held: BTreeMap<NodeId, u64> = BTreeMap::new();
    situation.today.iter().flatten().for_each(|node| *held.entry(*node).or_default() += 1);
    shares.iter().map(|(node, share)| share.saturating_sub(held.get(node).copied().unwrap_or_default())).sum()
}

fn assignment(holders: &[NodeId]) -> Assignment {
    Assignment { primary: holders.first().copied(), backups: holders.iter().skip(1).copied().collect() }
}

/// The primary, then those that have a copy already in the order they would take over, then the others.
pub(super) fn holders(
    situation: &Situation,
    number: usize,
    primary: Option<NodeId>,
    mut others: Vec<NodeId>,
) -> Vec<NodeId> {
    if situation.is_fixed(number) {
        return situation.today[number].clone();
    }
    others.extend(situation.down.get(&number).into_iter().flatten());
    let place = |node: &NodeId| situation.today[number].iter().position(|other| other == node).unwrap_or(usize::MAX);
    others.sort_by_key(place);
    primary.into_iter().chain(others).collect()
}

struct Primaries {
    /// Of partitions that do not stay as they are.
    placed: Vec<Option<NodeId>>,
    /// Copies each node is to hold, its primaries among them.
    shares: BTreeMap<NodeId, u64>,
}

/// The primaries as a table of their own.
fn table(situation: &Situation, today: &[Assignment], placed: &[Option<NodeId>]) -> Vec<Assignment> {
    let primary = |number: usize| if situation.is_fixed(number) { today[number].primary } else { placed[number] };
    (0..placed.len()).map(|number| Assignment { primary: primary(number), backups: Vec::new() }).collect()
}

fn primaries(situation: &Situation, today: &[Assignment]) -> Primaries {
    let known: BTreeSet<NodeId> = situation.nodes.iter().map(|node| node.id).collect();
    let today_of = |number: usize| today[number].primary.filter(|node| known.contains(node));
    let of_fixed: Vec<Option<NodeId>> = situation.around.fixed.iter().map(|number| today_of(*number)).collect();
    let fixed = held(&of_fixed);
    let now: Vec<Option<NodeId>> = (0..today.len()).map(today_of).collect();
    let total = (today.len() - of_fixed.len() + of_fixed.iter().flatten().count()) as u16;
    let quotas = quotas_around(total, &situation.nodes, &held(&now), &fixed);

    // What stays is nobody's while the rest is given and taken.
    let nobody = (0..=u64::MAX).rev().map(NodeId).find(|node| !known.contains(node));
    let mut placed: Vec<Option<NodeId>> =
        (0..today.len()).map(|number| if situation.is_fixed(number) { nobody } else { today_of(number) }).collect();
    let free: BTreeMap<NodeId, u16> =
        quotas.iter().map(|(node, quota)| (*node, quota - fixed.get(node).copied().unwrap_or_default())).collect();
    settle(&mut placed, &situation.nodes, &free);
    let shares = shares_of_copies(&situation.nodes, situation.copies, today, &situation.around, &quotas);
    roles::exchange(situation, &shares, &mut placed);
    Primaries { placed, shares }
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
