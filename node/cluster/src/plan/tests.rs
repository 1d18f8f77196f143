//! The planner's promises: shares are exact, no table that keeps to them copies less, a plan carried out leaves nothing to plan.

use super::*;
use crate::failover::{Configuration, Registry};
use crate::placement::{Assignment, Candidate, place, place_copies};
use dcache_protocol::control::ClusterSpec;
use dcache_protocol::{Addresses, Incarnation, NodeRecord, NodeState};
use std::collections::BTreeSet;

fn node(id: u64, zone: &str) -> NodeRecord {
    NodeRecord {
        id: NodeId(id),
        name: format!("n{id}"),
        zone: zone.into(),
        weight: 100,
        addresses: Addresses::default(),
        incarnation: Incarnation(1),
        state: NodeState::Up,
        version: "0.1.0".into(),
        memory_bytes: 1 << 30,
        share: Share::Full,
        maintenance_until_unix_ms: 0,
    }
}

fn zone_of(id: u64, zones: &[&str]) -> String {
    zones[id as usize % zones.len()].into()
}

/// A cluster whose every copy is in sync.
fn cluster(partitions: u16, copies: u8, nodes: Vec<NodeRecord>) -> Metadata {
    let candidates: Vec<Candidate> = nodes
        .iter()
        .filter(|node| node.share == Share::Full)
        .map(|node| Candidate { id: node.id, weight: node.weight, zone: node.zone.clone() })
        .collect();
    let table = place_copies(&place(partitions, &candidates, &[]), &candidates, usize::from(copies) + 1, &[]);
    let mut metadata = Metadata {
        name: "test".into(),
        partitions,
        epoch: Epoch(7),
        nodes: nodes.into_iter().map(|node| (node.id, node)).collect(),
        spec: Some(ClusterSpec {
            name: "test".into(),
            partitions,
            copies,
            rebuild_after_ms: 60_000,
            nodes: Vec::new(),
            namespaces: Vec::new(),
        }),
        ..Metadata::empty()
    };
    let holders = |all: &Assignment| all.primary.iter().chain(&all.backups).copied().collect::<Vec<_>>();
    metadata.table = table.iter().map(|all| in_sync(&metadata.registry(), &holders(all))).collect();
    metadata
}

fn in_sync(registry: &Registry, holders: &[NodeId]) -> Configuration {
    let members: Vec<_> = holders.iter().filter_map(|node| registry.alive(*node)).collect();
    Configuration { primary: members.first().copied(), in_sync: members, ..Configuration::new(holders.to_vec()) }
}

fn equal(count: u64, copies: u8, zones: &[&str]) -> Metadata {
    cluster(1024, copies, (1..=count).map(|id| node(id, &zone_of(id, zones))).collect())
}

fn request(kind: OperationKind, nodes: &[&str]) -> PlanRequest {
    let nodes = nodes.iter().map(|name| name.to_string()).collect();
    PlanRequest { kind, nodes, by: Balance::Count, pins: Vec::new() }
}

/// A load under which every node answered and holds so many bytes a partition.
fn known(metadata: &Metadata, bytes: u64) -> Load {
    let partition = PartitionLoad { bytes, uncopied_bytes: 0, ops: 10 };
    let nodes =
        metadata.nodes.keys().map(|id| (*id, NodeLoad { memory_bytes: 1 << 40, used_bytes: 1 << 20 })).collect();
    Load { partitions: vec![partition; metadata.table.len()], nodes }
}

fn planned(metadata: &Metadata, request: &PlanRequest) -> Plan {
    plan(metadata, &known(metadata, 100), request).expect("is planned")
}

/// The cluster after the plan, with the nodes' shares as it means them.
fn carried_out(metadata: &Metadata, plan: &Plan) -> Metadata {
    let moves = check(plan, metadata).expect("is as it was");
    let mut after = metadata.clone();
    for record in after.nodes.values_mut().filter(|record| plan.nodes.contains(&record.name)) {
        record.share = match plan.kind {
            OperationKind::Add => Share::Full,
            _ => Share::Drained,
        };
    }
    let registry = after.registry();
    for each in moves {
        after.table[each.partition.index()] = in_sync(&registry, &each.to);
    }
    after
}

fn tables(metadata: &Metadata) -> Vec<Vec<NodeId>> {
    metadata.table.iter().map(|all| all.holder().into_iter().chain(all.backups()).collect()).collect()
}

fn counts(table: &[Vec<NodeId>], are_primaries: bool) -> BTreeMap<NodeId, usize> {
    let mut counts = BTreeMap::new();
    let holders =
        |all: &Vec<NodeId>| all.iter().take(if are_primaries { 1 } else { usize::MAX }).copied().collect::<Vec<_>>();
    table.iter().flat_map(holders).for_each(|node| *counts.entry(node).or_default() += 1);
    counts
}

fn copies_made(plan: &Plan) -> usize {
    plan.moves.iter().map(|each| each.to.iter().filter(|node| !each.from.contains(node)).count()).sum()
}

fn primaries_changed(plan: &Plan) -> usize {
    plan.moves.iter().filter(|each| each.from.first() != each.to.first()).count()
}

/// Primaries that change although their new node has a copy.
fn roles_changed(plan: &Plan) -> usize {
    plan.moves.iter().filter(|each| each.from.first() != each.to.first() && each.from.contains(&each.to[0])).count()
}

fn ranges(table: &[Vec<NodeId>]) -> usize {
    1 + table.windows(2).filter(|pair| pair[0].first() != pair[1].first()).count()
}

/// The least number of copies that any table makes which gives every node its share, rounded down or up as is cheapest. Zones
/// have their parts by their nodes, none more than its cap, and nodes share their zone's part. All weights are equal.
fn least(today: &BTreeMap<NodeId, usize>, nodes: &BTreeMap<NodeId, String>, partitions: usize, copies: usize) -> usize {
    let zones: BTreeSet<&String> = nodes.values().collect();
    let copies = copies.min(nodes.len());
    let size = |zone: &String| nodes.values().filter(|of| *of == zone).count();
    let cap = (copies.div_ceil(zones.len())..=copies)
        .find(|cap| zones.iter().map(|zone| size(zone).min(*cap)).sum::<usize>() >= copies)
        .expect("nodes for all copies");
    let limit = |zone: &String| cap.min(size(zone)) * partitions;
    let mut full: BTreeSet<&String> = BTreeSet::new();
    let (left, members) = loop {
        let open = || zones.iter().copied().filter(|zone| !full.contains(*zone));
        let left = partitions * copies - full.iter().map(|zone| limit(zone)).sum::<usize>();
        let members: usize = open().map(size).sum();
        let over: Vec<&String> = open().filter(|zone| left * size(zone) > limit(zone) * members).collect();
        if over.is_empty() {
            break (left, members);
        }
        full.extend(over);
    };
    // What nodes of a zone keep of what they have when it holds so many.
    let kept = |zone: &String, part: usize| -> usize {
        let here = nodes.iter().filter(|(_, of)| *of == zone).map(|(id, _)| today.get(id).copied().unwrap_or(0));
        let (floor, up) = (part / size(zone), part % size(zone));
        let more = here.clone().filter(|held| *held > floor).count();
        here.map(|held| held.min(floor)).sum::<usize>() + more.min(up)
    };
    let mut sum: usize = full.iter().map(|zone| kept(zone, limit(zone))).sum();
    let (mut rest, mut gains) = (left, Vec::new());
    for zone in zones.iter().copied().filter(|zone| !full.contains(*zone)) {
        let floor = left * size(zone) / members;
        rest -= floor;
        sum += kept(zone, floor);
        gains.push(if left * size(zone) % members > 0 { kept(zone, floor + 1) - kept(zone, floor) } else { 0 });
    }
    gains.sort_unstable_by(|a, b| b.cmp(a));
    partitions * copies - sum - gains.into_iter().take(rest).sum::<usize>()
}

struct Step {
    name: String,
    made: usize,
    least: usize,
    changed: usize,
    roles: usize,
    ranges: usize,
    flow: usize,
}

/// Follows a cluster from 3 over 4, 6 and 5 to 3 nodes, and checks each plan.
fn followed(copies: u8, zones: &[&str]) -> Vec<Step> {
    let mut metadata = equal(3, copies, zones);
    let mut steps = Vec::new();
    for (adds, drains) in [(&[4u64][..], &[][..]), (&[5, 6], &[]), (&[], &[2u64][..]), (&[], &[1, 5])] {
        for id in adds {
            let record = NodeRecord { share: Share::Joined, ..node(*id, &zone_of(*id, zones)) };
            metadata.nodes.insert(record.id, record);
        }
        let names: Vec<String> = drains.iter().map(|id| format!("n{id}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let request = match adds.is_empty() {
            false => request(OperationKind::Add, &[]),
            true => request(OperationKind::Drain, &names),
        };
        let plan = planned(&metadata, &request);
        let after = carried_out(&metadata, &plan);
        let nodes: BTreeMap<NodeId, String> = after
            .nodes
            .values()
            .filter(|node| node.share == Share::Full)
            .map(|node| (node.id, node.zone.clone()))
            .collect();
        let (before, table) = (tables(&metadata), tables(&after));
        let wanted = (usize::from(copies) + 1).min(nodes.len());
        for holders in &table {
            let distinct: BTreeSet<&NodeId> = holders.iter().collect();
            assert_eq!((holders.len(), distinct.len()), (wanted, wanted), "{holders:?}");
            assert!(holders.iter().all(|node| nodes.contains_key(node)));
        }
        let primaries = counts(&table, true);
        for id in nodes.keys() {
            let exact = 1024.0 / nodes.len() as f64;
            assert!((primaries[id] as f64 - exact).abs() < 1.0, "{id:?} is primary of {} for {exact}", primaries[id]);
        }
        let again = planned(&after, &self::request(OperationKind::Rebalance, &[]));
        assert_eq!(again.moves, [], "nothing is left to move");
        let name = format!("{} to {} nodes", counts(&before, false).len(), nodes.len());
        // A node of a single copy holds its share of primaries, whatever the zones.
        let lower = match copies {
            0 => nodes.keys().map(|id| (*id, String::new())).collect(),
            _ => nodes.clone(),
        };
        let candidates: Vec<Candidate> = nodes
            .iter()
            .map(|(id, zone)| Candidate {
                id: *id,
                weight: 100,
                zone: if copies == 0 { String::new() } else { zone.clone() },
            })
            .collect();
        let today: Vec<Assignment> =
            before.iter().map(|all| Assignment { primary: Some(all[0]), backups: all[1..].to_vec() }).collect();
        let around = crate::placement::Around::default();
        let quotas = counts(&table, true).into_iter().map(|(node, count)| (node, count as u16)).collect();
        let shares = crate::placement::shares_of_copies(&candidates, wanted, &today, &around, &quotas);
        let all = crate::placement::place_holders(&candidates, wanted, &today, &around, &shares);
        let new =
            |(before, after): (&Vec<NodeId>, &Vec<NodeId>)| after.iter().filter(|node| !before.contains(node)).count();
        let flow = before.iter().zip(&all).map(new).sum();
        steps.push(Step {
            name,
            made: copies_made(&plan),
            least: least(&counts(&before, false), &lower, 1024, usize::from(copies) + 1),
            changed: primaries_changed(&plan),
            roles: roles_changed(&plan),
            ranges: ranges(&table),
            flow,
        });
        metadata = after;
    }
    steps
}

#[test]
fn no_plan_copies_more_than_it_must() {
    for copies in 0..3 {
        for zones in [&["a"][..], &["a", "b"], &["a", "b", "c"], &["a", "b", "c", "d", "e"]] {
            for step in followed(copies, zones) {
                let name = format!("{copies} further copies in {zones:?}, {}", step.name);
                // Zones of unlike sizes can make it impossible to copy no more than nodes lack.
                assert!(step.flow >= step.least, "{name}: {} is less than nodes lack", step.flow);
                assert_eq!(step.made, step.flow, "{name}: of these, nodes lack {}", step.least);
                assert!(step.roles <= step.changed && step.changed <= step.made + step.roles, "{name}");
                assert!(step.ranges <= 192, "{name}: {} ranges", step.ranges);
            }
        }
    }
}
