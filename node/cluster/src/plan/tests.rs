//! The planner's promises: shares are exact, no table that keeps to them copies less, a plan carried out leaves nothing to plan.

use super::*;
use crate::failover::{Configuration, Registry};
use crate::metadata::tests as fixtures;
use crate::placement::{Assignment, Candidate, place, place_copies};
use dcache_protocol::control::ClusterSpec;
use dcache_protocol::{Incarnation, NodeRecord, NodeState};
use proptest::prelude::*;
use std::collections::BTreeSet;

fn node(id: u64, zone: &str) -> NodeRecord {
    NodeRecord { zone: zone.into(), ..fixtures::node(id, 1) }
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
        nodes: nodes.into_iter().map(|node| (node.id, node)).collect(),
        spec: fixtures::cluster(3).spec.map(|spec| ClusterSpec { partitions, copies, ..spec }),
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
    PlanRequest { kind, nodes, by: Balance::Count, pins: Vec::new(), to: None }
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
        let held = counts(&table, false);
        for id in nodes.keys() {
            let exact = 1024.0 / nodes.len() as f64;
            assert!((primaries[id] as f64 - exact).abs() < 1.0, "{id:?} is primary of {} for {exact}", primaries[id]);
            let exact = exact * wanted as f64;
            let is_capped = zones.len() > 1;
            assert!(is_capped || (held[id] as f64 - exact).abs() < 1.0, "{id:?} holds {} for {exact}", held[id]);
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
        assert!(shares.iter().all(|(node, share)| held[node] as u64 == *share), "{held:?} for {shares:?}");
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

fn failed(metadata: &Metadata, request: &PlanRequest) -> PlanError {
    plan(metadata, &Load::default(), request).expect_err("is no plan")
}

/// The node goes down: copies in sync take over, and it has none any more.
fn fail(metadata: &mut Metadata, id: u64) {
    metadata.nodes.entry(NodeId(id)).and_modify(|node| node.state = NodeState::Down);
    let registry = metadata.registry();
    let member = crate::failover::Member { node: NodeId(id), incarnation: Incarnation(1) };
    metadata.table.iter_mut().for_each(|partition| partition.expire(&[member], &registry));
}

#[test]
fn a_node_that_is_back_becomes_primary_of_what_it_has_copies_of() {
    for (nodes, zones) in [(4, &["a"][..]), (10, &["a"]), (6, &["a", "b", "c"])] {
        let mut metadata = equal(nodes, 1, zones);
        fail(&mut metadata, 2);
        metadata.nodes.entry(NodeId(2)).and_modify(|node| node.state = NodeState::Up);
        let plan = planned(&metadata, &request(OperationKind::Rebalance, &[]));
        assert_eq!((copies_made(&plan), plan.bytes), (0, 0), "{nodes} nodes");
        let share = 1024 / nodes as usize;
        assert!((share..=share + 1).contains(&plan.moves.len()), "{} moves of {share}", plan.moves.len());
        assert!(plan.moves.iter().all(|each| each.to[0] == "n2"));
        assert!(plan.imbalance_before > 5.0 && plan.imbalance_after < 1.0, "{plan:?}");
    }
}

#[test]
fn what_cannot_be_planned_is_refused_with_what_to_do() {
    let mut metadata = equal(3, 1, &["a"]);
    for (id, name) in [(1, "cache-a1"), (2, "cache-b1"), (3, "other")] {
        metadata.nodes.entry(NodeId(id)).and_modify(|node| node.name = name.into());
    }
    let refusal = |kind, nodes: &[&str]| failed(&metadata, &request(kind, nodes)).to_string();
    assert_eq!(
        refusal(OperationKind::Drain, &["cache-b2"]),
        "there is no node \"cache-b2\"; did you mean cache-b1, cache-a1, other?"
    );
    assert_eq!(refusal(OperationKind::Upgrade, &[]), "operations of kind upgrade have no moves to plan");
    assert_eq!(refusal(OperationKind::Drain, &[]), "a drain needs a node's name");
    assert_eq!(refusal(OperationKind::Rebalance, &["other"]), "a rebalance is about all nodes: name none");
    assert_eq!(refusal(OperationKind::Add, &[]), "no node that is up has joined and waits to be added");
    assert_eq!(
        refusal(OperationKind::Remove, &["cache-a1", "cache-b1", "other"]),
        "nothing is left to hold what cache-a1, cache-b1, other holds: no other node is up that is to hold partitions"
    );
    let pins = vec![PartitionId(0), PartitionId(1024)];
    let all = PlanRequest { pins: pins.clone(), ..request(OperationKind::Rebalance, &[]) };
    assert_eq!(failed(&metadata, &all).to_string(), "there is no partition 1024: they are numbered 0 to 1023");
    let holder = metadata.nodes[&metadata.table[0].copies[0]].name.clone();
    let drain = PlanRequest { pins: pins[..1].to_vec(), ..request(OperationKind::Drain, &[&holder]) };
    assert_eq!(failed(&metadata, &drain), PlanError::Pinned { partition: PartitionId(0), node: holder });
    let down = NodeRecord { share: Share::Joined, state: NodeState::Down, ..node(4, "a") };
    metadata.nodes.insert(down.id, down);
    assert_eq!(failed(&metadata, &request(OperationKind::Add, &["n4"])), PlanError::Down("n4".into()));
}

#[test]
fn a_drained_node_that_holds_nothing_is_a_plan_without_moves() {
    let mut metadata = equal(3, 1, &["a"]);
    let record = NodeRecord { share: Share::Joined, ..node(4, "a") };
    metadata.nodes.insert(record.id, record);
    let plan = planned(&metadata, &request(OperationKind::Drain, &["n4"]));
    assert_eq!((plan.moves.len(), plan.bytes, plan.warnings.len()), (0, 0, 0));
    assert_eq!(plan.nodes, ["n4"]);
}

#[test]
fn nodes_that_are_down_keep_what_they_have_and_what_waits_stays() {
    let mut metadata = equal(5, 1, &["a"]);
    fail(&mut metadata, 3);
    let kept = metadata.backups_of(NodeId(3)).count();
    // Another goes with the only copies in sync of what was the first one's.
    fail(&mut metadata, 4);
    let waiting = metadata.table.iter().filter(|partition| partition.primary.is_none()).count();
    assert!(waiting > 0);
    for kind in [OperationKind::Rebalance, OperationKind::Drain] {
        let names: &[&str] = if kind == OperationKind::Drain { &["n5"] } else { &[] };
        let plan = planned(&metadata, &request(kind, names));
        for each in &plan.moves {
            for down in ["n3", "n4"].map(String::from) {
                assert_eq!(each.from.contains(&down), each.to.contains(&down), "{each:?}");
            }
            assert!(metadata.table[each.partition.index()].primary.is_some());
        }
        let warnings = plan.warnings.join("\n");
        assert!(warnings.contains("n3 is down: it gets nothing, and keeps its copies of"), "{warnings}");
        assert!(warnings.contains(&format!("{waiting} partitions without a primary stay")), "{warnings}");
        let after = carried_out(&metadata, &plan);
        assert!(after.backups_of(NodeId(3)).count() + after.partitions_of(NodeId(3)).count() >= kept);
        check(&plan, &metadata).expect("can be carried out");
    }
    // Its own drain is the exception: others are sent what it had, but for what only it had.
    let plan = planned(&metadata, &request(OperationKind::Remove, &["n3"]));
    assert!(plan.moves.iter().all(|each| !each.to.contains(&"n3".to_string())));
    let left = plan.shares.iter().find(|share| share.node == "n3").expect("held something").copies_after;
    let alone = |all: &&Configuration| all.primary.is_none() && all.copies.contains(&NodeId(3));
    assert_eq!(usize::from(left), metadata.table.iter().filter(alone).count());
}

#[test]
fn partitions_that_lack_copies_get_them() {
    let mut metadata = equal(4, 2, &["a"]);
    let registry = metadata.registry();
    for number in 100..150 {
        let holder = metadata.table[number].holder().expect("is placed");
        metadata.table[number] = in_sync(&registry, &[holder]);
    }
    let plan = planned(&metadata, &request(OperationKind::Rebalance, &[]));
    assert_eq!(copies_made(&plan), 100);
    assert_eq!(plan.bytes, 100 * 100);
    assert!(carried_out(&metadata, &plan).table.iter().all(|partition| partition.copies.len() == 3));
    let fewer = planned(&metadata, &request(OperationKind::Drain, &["n1", "n2"]));
    assert!(fewer.warnings.contains(&"2 nodes can hold copies: partitions have 2 instead of 3".into()));
}

#[test]
fn pinned_partitions_stay_and_count_towards_the_share() {
    let mut metadata = equal(3, 1, &["a"]);
    let record = NodeRecord { share: Share::Joined, ..node(4, "a") };
    metadata.nodes.insert(record.id, record);
    let pins: Vec<PartitionId> = metadata.partitions_of(NodeId(1)).take(300).collect();
    let plan = planned(&metadata, &PlanRequest { pins: pins.clone(), ..request(OperationKind::Add, &["n4"]) });
    assert!(plan.moves.iter().all(|each| !pins.contains(&each.partition)));
    let primaries: Vec<u16> = plan.shares.iter().map(|share| share.primaries_after).collect();
    assert_eq!(primaries[0], 300, "it keeps these and gives all others");
    assert!(primaries[1..].iter().all(|count| [241, 242].contains(count)), "{primaries:?}");
}

#[test]
fn bytes_are_those_sent_and_namespaces_without_copies_go_with_the_primary() {
    let load = PartitionLoad { bytes: 100, uncopied_bytes: 30, ops: 0 };
    let holders = |nodes: &[u64]| nodes.iter().copied().map(NodeId).collect::<Vec<_>>();
    assert_eq!(copied(&holders(&[1, 2]), &holders(&[2, 1]), load), 30);
    assert_eq!(copied(&holders(&[1, 2]), &holders(&[1, 3]), load), 70);
    assert_eq!(copied(&holders(&[1, 2]), &holders(&[3, 2]), load), 100);
    assert_eq!(copied(&holders(&[1]), &holders(&[3, 2]), load), 170);
}

#[test]
fn nodes_that_did_not_answer_are_told_of() {
    let metadata = equal(3, 0, &["a"]);
    let mut load = known(&metadata, 10);
    load.nodes.remove(&NodeId(2));
    load.partitions.truncate(5);
    let plan = plan(&metadata, &load, &request(OperationKind::Rebalance, &[])).expect("is planned");
    assert_eq!(
        plan.warnings,
        ["n2 did not answer: what it serves counts as no bytes and no requests, its memory as unused"]
    );
}

#[test]
fn equal_plans_have_equal_ids_and_others_have_others() {
    let metadata = equal(3, 1, &["a"]);
    let drain = |name| planned(&metadata, &request(OperationKind::Drain, &[name]));
    let id = drain("n1").id;
    assert_eq!((id.len(), &id), (8, &drain("n1").id));
    assert!(id.bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert_ne!(id, drain("n2").id);
}

#[test]
fn a_plan_is_checked_by_what_it_says() {
    let metadata = equal(4, 1, &["a"]);
    let plan = planned(&metadata, &request(OperationKind::Drain, &["n4"]));
    let with = |change: &dyn Fn(&mut Plan)| {
        let mut changed = plan.clone();
        change(&mut changed);
        check(&changed, &metadata)
    };
    let invalid = |change: &dyn Fn(&mut Plan)| with(change).expect_err("is invalid").to_string();
    let moves = with(&|plan| plan.moves.truncate(3)).expect("a part of it is a plan too");
    assert_eq!(moves.len(), 3);
    assert_eq!(moves[0].from, tables(&metadata)[moves[0].partition.index()]);
    let (planned, now) = (Epoch(topology_of(&metadata).0 + 1), topology_of(&metadata));
    let stale = with(&|plan| plan.epoch = planned).expect_err("is stale");
    assert_eq!(stale, PlanError::Stale { planned, now, partition: None });
    let moved = with(&|plan| plan.moves[0].from.reverse()).expect_err("is stale");
    assert!(matches!(moved, PlanError::Stale { partition: Some(_), .. }), "{moved}");
    assert!(matches!(with(&|plan| plan.moves[0].to[0] = "n9".into()), Err(PlanError::NoSuchNode { .. })));
    assert!(matches!(with(&|plan| plan.nodes[0] = "n9".into()), Err(PlanError::NoSuchNode { .. })));
    let beyond = with(&|plan| plan.moves[0].partition = PartitionId(2000));
    assert_eq!(beyond, Err(PlanError::NoSuchPartition(PartitionId(2000), 1023)));
    assert!(invalid(&|plan| plan.moves[1] = plan.moves[0].clone()).ends_with("is moved twice"));
    assert!(invalid(&|plan| plan.moves[0].to.clear()).ends_with("would be held by nobody"));
    assert!(invalid(&|plan| plan.moves[0].to = vec!["n1".into(); 2]).contains("two copies on one node: n1, n1"));
    let three = invalid(&|plan| plan.moves[0].to = ["n1", "n2", "n3"].map(String::from).to_vec());
    assert!(three.ends_with("would have 3 copies, more than 2"), "{three}");
    assert!(invalid(&|plan| plan.cluster = "x".into()).contains("it is for cluster \"x\""));
    let mut down = metadata.clone();
    let free = &plan.moves[0].to.iter().find(|name| !plan.moves[0].from.contains(name)).expect("a new holder");
    let id: u64 = free[1..].parse().expect("a number");
    down.nodes.entry(NodeId(id)).and_modify(|node| node.state = NodeState::Down);
    assert!(check(&plan, &down).expect_err("is down").to_string().ends_with("which is down"));
}

/// Some partitions have much and most have little, as with Zipf's law, in no order of number.
fn skewed(metadata: &Metadata) -> Load {
    let mut load = known(metadata, 0);
    let count = load.partitions.len();
    for (number, partition) in load.partitions.iter_mut().enumerate() {
        let rank = (number * 389) % count + 10;
        (partition.bytes, partition.ops) = ((1 << 30) / rank as u64, 1_000_000 / rank as u64);
    }
    load
}

fn by(by: Balance, kind: OperationKind, nodes: &[&str]) -> PlanRequest {
    PlanRequest { by, ..request(kind, nodes) }
}

#[test]
fn bytes_and_requests_are_balanced_within_bounds_and_with_few_moves() {
    for what in [Balance::Memory, Balance::Load] {
        for (copies, zones) in [(0, &["a"][..]), (1, &["a"]), (1, &["a", "b", "c"]), (2, &["a", "b", "c"])] {
            let metadata = equal(9, copies, zones);
            let load = skewed(&metadata);
            let name = format!("{what}, {copies} further copies in {zones:?}");
            let plan = plan(&metadata, &load, &by(what, OperationKind::Rebalance, &[])).expect("is planned");
            assert!(plan.imbalance_after <= 5.0, "{name}: {} % to {} %", plan.imbalance_before, plan.imbalance_after);
            assert!(plan.moves.len() <= 30, "{name}: {} moves", plan.moves.len());
            let after = carried_out(&metadata, &plan);
            let again = self::plan(&after, &load, &by(what, OperationKind::Rebalance, &[])).expect("is planned");
            assert_eq!(again.moves, [], "{name}: nothing is left to move");
            let zone = |node: &NodeId| metadata.nodes[node].zone.clone();
            for holders in tables(&after) {
                assert_eq!(holders.iter().collect::<BTreeSet<_>>().len(), usize::from(copies) + 1);
                let spread = holders.iter().map(zone).collect::<BTreeSet<_>>().len();
                assert_eq!(spread, zones.len().min(holders.len()), "{name}");
            }
            if what == Balance::Load && copies > 0 {
                assert!(copies_made(&plan) * 2 <= plan.moves.len() + 1, "{name}: {} copied", copies_made(&plan));
            }
        }
    }
}

#[test]
fn joins_and_leaves_are_balanced_by_bytes_and_requests_too() {
    for what in [Balance::Memory, Balance::Load] {
        let mut metadata = equal(5, 1, &["a"]);
        let record = NodeRecord { share: Share::Joined, ..node(6, "a") };
        metadata.nodes.insert(record.id, record);
        let load = skewed(&metadata);
        for request in [by(what, OperationKind::Add, &[]), by(what, OperationKind::Drain, &["n2"])] {
            let plan = plan(&metadata, &load, &request).expect("is planned");
            assert!(plan.imbalance_after <= 5.0, "{what}: {} %", plan.imbalance_after);
            let after = carried_out(&metadata, &plan);
            if request.kind == OperationKind::Drain {
                assert!(tables(&after).iter().all(|all| all.len() == 2 && !all.contains(&NodeId(2))));
            }
            metadata = after;
        }
    }
}

#[test]
fn a_partition_larger_than_a_share_stays_and_the_others_share_the_rest() {
    let metadata = equal(4, 0, &["a"]);
    let mut load = known(&metadata, 100);
    let giant = metadata.partitions_of(NodeId(2)).nth(7).expect("it holds some");
    load.partitions[giant.index()].ops = 20 * 1024;
    let plan = plan(&metadata, &load, &by(Balance::Load, OperationKind::Rebalance, &[])).expect("is planned");
    let giant_number = giant.0;
    let warning = format!(
        "partition {giant_number} alone has 67 % of all requests, more than the share of n2: moving it does not help"
    );
    assert_eq!(plan.warnings, [warning]);
    assert!(plan.moves.iter().all(|each| each.partition != giant && each.from == ["n2"]));
    let primaries: Vec<u16> = plan.shares.iter().map(|share| share.primaries_after).collect();
    assert!(primaries[1] <= 2 + 1024 / 20, "the others take what it has beside: {primaries:?}");
}

#[test]
fn without_figures_it_is_balanced_by_count() {
    let metadata = equal(3, 0, &["a"]);
    let plan =
        plan(&metadata, &Load::default(), &by(Balance::Memory, OperationKind::Drain, &["n1"])).expect("is planned");
    assert!(plan.warnings.contains(&"nothing is known to balance by memory with: balanced by count".into()));
    assert_eq!(plan.shares.iter().map(|share| share.primaries_after).collect::<Vec<_>>(), [0, 512, 512]);
}

#[derive(Clone, Debug)]
struct Drawn {
    zone: usize,
    weight: u32,
    share: u8,
    is_down: bool,
}

fn drawn() -> impl Strategy<Value = Vec<Drawn>> {
    let one = (0usize..3, 1u32..=4, 0u8..8, prop::bool::weighted(0.15))
        .prop_map(|(zone, weight, share, is_down)| Drawn { zone, weight: weight * 50, share, is_down });
    prop::collection::vec(one, 2..9)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn any_plan_is_whole_and_the_same_everywhere_and_leaves_nothing_to_plan(
        nodes in drawn(), copies in 0u8..4, what in 0usize..3, pins in prop::collection::vec(0u16..64, 0..6),
        bytes in prop::collection::vec(0u64..1000, 64),
    ) {
        // First all that are not new hold their share; then some fail, some are drained, and the new ones come.
        let records: Vec<NodeRecord> = nodes.iter().zip(1u64..).map(|(drawn, id)| NodeRecord {
            weight: drawn.weight,
            share: if drawn.share == 0 { Share::Joined } else { Share::Full },
            ..node(id, ["a", "b", "c"][drawn.zone])
        }).collect();
        prop_assume!(records.iter().any(|record| record.share == Share::Full));
        let mut metadata = cluster(64, copies, records);
        for (drawn, id) in nodes.iter().zip(1u64..) {
            if drawn.is_down {
                fail(&mut metadata, id);
            }
            let share = match drawn.share { 0 | 2 => Share::Full, 1 => Share::Drained, _ => continue };
            metadata.nodes.entry(NodeId(id)).and_modify(|node| node.share = share);
        }
        let mut load = known(&metadata, 0);
        for (partition, bytes) in load.partitions.iter_mut().zip(&bytes) {
            (partition.bytes, partition.uncopied_bytes, partition.ops) = (*bytes, bytes / 7, bytes * 13 % 997);
        }
        let pins: Vec<PartitionId> = pins.into_iter().map(PartitionId).collect();
        let what = [Balance::Count, Balance::Memory, Balance::Load][what];
        let request = PlanRequest { pins: pins.clone(), ..by(what, OperationKind::Rebalance, &[]) };
        let candidates: BTreeSet<NodeId> = metadata.nodes.values()
            .filter(|node| node.share == Share::Full && node.state == NodeState::Up)
            .map(|node| node.id)
            .collect();
        let plan = match plan(&metadata, &load, &request) {
            Ok(plan) => plan,
            Err(error) => {
                prop_assert!(candidates.is_empty(), "{}", error);
                return Ok(());
            }
        };
        prop_assert_eq!(&plan, &self::plan(&metadata, &load, &request).expect("is planned"));
        let moves = check(&plan, &metadata);
        prop_assert!(moves.is_ok(), "{:?}", moves);
        let after = carried_out(&metadata, &plan);
        for (number, (before, holders)) in tables(&metadata).iter().zip(tables(&after)).enumerate() {
            if pins.contains(&PartitionId(number as u16)) || metadata.table[number].primary.is_none() {
                prop_assert_eq!(before, &holders);
                continue;
            }
            let is_kept = |node: &NodeId| {
                let record = &metadata.nodes[node];
                record.state == NodeState::Down && record.share == Share::Full && before.contains(node)
            };
            let down = holders.iter().filter(|node| is_kept(node)).count();
            prop_assert!(holders.iter().all(|node| candidates.contains(node) || is_kept(node)));
            prop_assert_eq!(holders.len(), (usize::from(copies) + 1).min(candidates.len() + down));
        }
        let again = self::plan(&after, &load, &request).expect("is planned");
        prop_assert_eq!(again.moves, vec![]);
        // Bytes given and received are the nodes' before and after.
        let sum = |used: fn(&dcache_protocol::operation::PlannedShare) -> u64| plan.shares.iter().map(used).sum::<u64>();
        let moved = sum(|share| share.used_bytes_after).abs_diff(sum(|share| share.used_bytes_before));
        prop_assert!(moved <= bytes.iter().sum::<u64>() * 5);
    }
}
