//! The metadata's promises: commands do what they say, refusals change nothing, everyone comes to the same state.

use super::libraries::{Function, LIBRARIES_BYTES_MAX, LIBRARIES_MAX, LIBRARY_BYTES_MAX, Restore, find};
use super::*;
use crate::placement::{self, Candidate};
use dcache_protocol::{Eviction, Match};
use proptest::prelude::*;
use std::collections::BTreeSet;

pub(crate) fn node(id: u64, incarnation: u64) -> NodeRecord {
    NodeRecord {
        id: NodeId(id),
        name: format!("n{id}"),
        zone: "a".into(),
        weight: 100,
        addresses: Addresses { peers: format!("10.0.0.{id}:7400"), ..Addresses::default() },
        incarnation: Incarnation(incarnation),
        state: NodeState::Up,
        version: "0.1.0".into(),
        level: dcache_protocol::LEVEL,
        memory_bytes: 1 << 30,
        share: Default::default(),
        maintenance_until_unix_ms: 0,
        is_stopping: false,
    }
}

fn namespace(name: &str, prefix: &str) -> NamespaceSpec {
    NamespaceSpec {
        name: name.into(),
        matches: Some(Match::Prefix(prefix.into())),
        ..NamespaceSpec::default_namespace()
    }
}

fn spec(partitions: u16) -> ClusterSpec {
    ClusterSpec {
        name: "test".into(),
        partitions,
        copies: 1,
        rebuild_after_ms: 60_000,
        auto_rebalance: false,
        nodes: Vec::new(),
        namespaces: Vec::new(),
    }
}

fn form(partitions: u16, nodes: u64, namespaces: Vec<NamespaceSpec>) -> Command {
    let nodes: Vec<NodeRecord> = (1..=nodes).map(|id| node(id, 1)).collect();
    let candidates: Vec<Candidate> =
        nodes.iter().map(|node| Candidate { id: node.id, weight: node.weight, zone: node.zone.clone() }).collect();
    let table = placement::place(partitions, &candidates, &[]);
    Command::Form { cluster_id: NodeId(99), spec: spec(partitions), nodes, table, namespaces }
}

/// A formed cluster of 128 partitions with a further copy each.
pub(crate) fn cluster(nodes: u64) -> Metadata {
    let Command::Form { cluster_id, spec, nodes, table, namespaces } = form(128, nodes, Vec::new()) else {
        unreachable!()
    };
    let candidates: Vec<Candidate> =
        nodes.iter().map(|node| Candidate { id: node.id, weight: node.weight, zone: node.zone.clone() }).collect();
    let table = placement::place_copies(&table, &candidates, 2, &[]);
    let mut metadata = Metadata::empty();
    metadata.apply(&Command::Form { cluster_id, spec, nodes, table, namespaces }, 0).expect("forms");
    metadata
}

fn formed() -> Metadata {
    let mut metadata = Metadata::empty();
    metadata.apply(&form(16, 3, vec![namespace("sessions", "session:")]), 0).expect("forms");
    metadata
}

/// The refusal of `command`, which changed nothing.
fn refused(metadata: &Metadata, command: Command) -> Refusal {
    let mut after = metadata.clone();
    let refusal = after.apply(&command, 0).expect_err("is refused");
    assert_eq!(&after, metadata, "a refusal changes nothing");
    refusal
}

#[test]
fn forming_places_every_slot_and_is_the_first_epoch() {
    let metadata = formed();
    assert!(metadata.is_formed());
    assert_eq!(metadata.epoch, Epoch(1));
    assert!(Slot::all().all(|slot| metadata.holder_of(slot).is_some()));
    let partitions: usize = (1..=3).map(|id| metadata.partitions_of(NodeId(id)).count()).sum();
    assert_eq!(partitions, 16);
    assert_eq!(metadata.namespaces.keys().collect::<Vec<_>>(), ["default", "sessions"]);
    assert_eq!(metadata.peers_besides(NodeId(1)).map(|(id, _)| id).collect::<Vec<_>>(), [NodeId(2), NodeId(3)]);
    assert_eq!(metadata.check(), Ok(()));
}

#[test]
fn a_cluster_is_formed_once_and_only_whole() {
    assert_eq!(refused(&formed(), form(16, 3, Vec::new())), Refusal::AlreadyFormed);
    let empty = Metadata::empty();
    let Command::Form { cluster_id, spec, nodes, table, namespaces } = form(16, 3, Vec::new()) else { unreachable!() };
    let form_with = |nodes: &[NodeRecord], table: &[Assignment], spec: &ClusterSpec, namespaces: Vec<NamespaceSpec>| {
        let (nodes, table, spec) = (nodes.to_vec(), table.to_vec(), spec.clone());
        refused(&empty, Command::Form { cluster_id, spec, nodes, table, namespaces })
    };
    let invalid = |refusal: Refusal| assert!(matches!(refusal, Refusal::Invalid(_)), "{refusal}");
    invalid(form_with(&nodes[..2], &table, &spec, namespaces.clone()));
    invalid(form_with(&nodes, &table[1..], &spec, namespaces.clone()));
    invalid(form_with(&nodes, &vec![Assignment::default(); 16], &spec, namespaces.clone()));
    for partitions in [0, 12, 32768] {
        let table = vec![table[0].clone(); usize::from(partitions)];
        invalid(form_with(&nodes, &table, &ClusterSpec { partitions, ..spec.clone() }, namespaces.clone()));
    }
    invalid(form_with(&nodes, &table, &spec, vec![namespace("a", "x:"), namespace("b", "x:")]));
    let twins = [nodes[0].clone(), nodes[1].clone(), NodeRecord { name: "n1".into(), ..nodes[2].clone() }];
    assert_eq!(form_with(&twins, &table, &spec, namespaces), Refusal::NameInUse("n1".into()));
}

#[test]
fn a_node_registers_expires_and_comes_back() {
    let mut metadata = formed();
    assert_eq!(refused(&metadata, Command::Register { node: node(2, 1) }), Refusal::NoChange);
    let stale = Command::Expire { node: NodeId(2), incarnation: Incarnation(7) };
    assert_eq!(refused(&metadata, stale), Refusal::NoChange, "an expiry is about one process");

    let expire = Command::Expire { node: NodeId(2), incarnation: Incarnation(1) };
    assert_eq!(metadata.apply(&expire, 0), Ok(Epoch(2)));
    assert_eq!(metadata.nodes[&NodeId(2)].state, NodeState::Down);
    assert_eq!(metadata.partitions_of(NodeId(2)).count(), formed().partitions_of(NodeId(2)).count());
    assert_eq!(refused(&metadata, expire), Refusal::NoChange);

    let returned = NodeRecord { weight: 500, zone: "b".into(), state: NodeState::Down, ..node(2, 8) };
    assert_eq!(metadata.apply(&Command::Register { node: returned }, 0), Ok(Epoch(3)));
    assert_eq!(metadata.nodes[&NodeId(2)], node(2, 8), "up, and with the weight and zone the table was made for");

    let thief = NodeRecord { name: "n1".into(), ..node(4, 1) };
    assert_eq!(refused(&metadata, Command::Register { node: thief }), Refusal::NameInUse("n1".into()));
    assert_eq!(metadata.apply(&Command::Register { node: node(4, 1) }, 0), Ok(Epoch(4)));
    assert_eq!(metadata.partitions_of(NodeId(4)).count(), 0, "joining moves nothing by itself");
}

#[test]
fn the_level_is_the_lowest_of_all_nodes_rises_with_the_last_and_keeps_older_builds_out() {
    let at = |id: u64, incarnation: u64, level: u16| Command::Register {
        node: NodeRecord { level, version: format!("0.{level}.0"), ..node(id, incarnation) },
    };
    let mut metadata = Metadata { level: 1, ..formed() };
    metadata.nodes.values_mut().for_each(|node| node.level = 1);
    let pinned = NamespaceSpec {
        name: "queues".into(),
        matches: Some(Match::Database(1)),
        placement: Placement::Pinned,
        ..NamespaceSpec::default_namespace()
    };
    let pinned = Command::SetNamespace { spec: pinned };
    refused(&metadata, pinned.clone());
    for (id, level) in [(1, 1), (2, 1), (3, 2)] {
        metadata.apply(&at(id, 2, 2), 0).expect("it is another process");
        assert_eq!(metadata.level, level, "after {id}");
        if id == 2 {
            metadata.apply(&at(1, 3, 1), 0).expect("it may go back");
            metadata.apply(&at(1, 4, 2), 0).expect("and come again");
        }
    }
    let late = refused(&metadata, at(1, 5, 1));
    assert!(late.to_string().contains("speaks level 1; the cluster is at 2"), "{late}");
    // Not even in the place of one of its name that is gone, which it would take otherwise.
    let gone = Command::Expire { node: NodeId(2), incarnation: Incarnation(2) };
    metadata.apply(&gone, 0).expect("it was up");
    let Command::Register { node: mut heir } = at(9, 1, 1) else { unreachable!() };
    heir.name = "n2".into();
    refused(&metadata, Command::Register { node: heir });
    assert_eq!(metadata.level, 2);
    metadata.apply(&pinned, 0).expect("all nodes know what that is");
}

#[test]
fn an_upgrade_takes_turns_and_knows_who_came_in_a_place_or_joined() {
    let mut metadata = formed();
    let start = Start {
        kind: OperationKind::Upgrade,
        nodes: vec![NodeId(1), NodeId(2), NodeId(3)],
        plan: "0badcafe".into(),
        topology: metadata.topology,
        pace: Default::default(),
        moves: Vec::new(),
        to: Some("0.2.0".into()),
    };
    metadata.apply(&Command::StartOperation { start }, 0).expect("nothing is under way");
    let step = |metadata: &mut Metadata, step| {
        let operation = metadata.operation().expect("under way").id;
        metadata.apply(&Command::StepOperation { operation, step }, 0).map(drop)
    };
    let upgrade = |metadata: &Metadata| metadata.operation().expect("under way").upgrade.clone().expect("is one");
    step(&mut metadata, Step::Turn(NodeId(1))).expect("its turn");
    step(&mut metadata, Step::TurnOver(NodeId(1))).expect("done");
    step(&mut metadata, Step::Turn(NodeId(2))).expect("its turn");
    // It lost its data directory, and has another id.
    let gone = Command::Expire { node: NodeId(2), incarnation: Incarnation(1) };
    metadata.apply(&gone, 0).expect("it was up");
    let heir = NodeRecord { name: "n2".into(), ..node(9, 1) };
    metadata.apply(&Command::Register { node: heir }, 0).expect("in its place");
    assert_eq!((upgrade(&metadata).current, upgrade(&metadata).done), (Some(NodeId(9)), vec![NodeId(1)]));
    step(&mut metadata, Step::TurnOver(NodeId(9))).expect("done");
    // One that went back, and one that joined.
    step(&mut metadata, Step::Turn(NodeId(1))).expect("its turn again");
    assert_eq!(upgrade(&metadata).done, [NodeId(9)]);
    metadata.apply(&Command::Register { node: node(4, 1) }, 0).expect("it joins");
    step(&mut metadata, Step::Turn(NodeId(4))).expect("its turn");
    let operation = metadata.operation().expect("under way");
    assert_eq!(operation.nodes, [1, 9, 3, 4].map(NodeId));
    assert_eq!(operation.names, ["n1", "n2", "n3", "n4"]);
}

#[test]
fn namespaces_are_set_and_deleted() {
    let mut metadata = formed();
    let lfu = NamespaceSpec { eviction: Eviction::Lfu, ..namespace("sessions", "session:") };
    assert_eq!(metadata.apply(&Command::SetNamespace { spec: lfu.clone() }, 0), Ok(Epoch(2)));
    assert_eq!(refused(&metadata, Command::SetNamespace { spec: lfu }), Refusal::NoChange);
    let clash = refused(&metadata, Command::SetNamespace { spec: namespace("other", "session:") });
    assert_eq!(clash.to_string(), "namespace `sessions` already matches the same keys");
    let wrong = refused(&metadata, Command::SetNamespace { spec: namespace("a b", "x") });
    assert!(matches!(wrong, Refusal::Invalid(_)), "{wrong}");

    assert_eq!(metadata.apply(&Command::DeleteNamespace { name: "sessions".into() }, 0), Ok(Epoch(3)));
    let again = refused(&metadata, Command::DeleteNamespace { name: "sessions".into() });
    assert_eq!(again, Refusal::NoSuchNamespace("sessions".into()));
    let kept = refused(&metadata, Command::DeleteNamespace { name: namespace::DEFAULT.into() });
    assert!(matches!(kept, Refusal::Invalid(_)), "{kept}");
}

#[test]
fn namespaces_are_counted() {
    let mut metadata = formed();
    for number in metadata.namespaces.len()..namespace::NAMESPACES_MAX {
        let spec = namespace(&format!("n{number}"), &format!("{number}:"));
        metadata.apply(&Command::SetNamespace { spec }, 0).expect("fits");
    }
    let refusal = refused(&metadata, Command::SetNamespace { spec: namespace("more", "more:") });
    assert_eq!(refusal.to_string(), "a cluster has at most 256 namespaces");
    let known = NamespaceSpec { eviction: Eviction::Fifo, ..namespace("sessions", "session:") };
    metadata.apply(&Command::SetNamespace { spec: known }, 0).expect("a known one still changes");
}

#[test]
fn a_standalone_node_owns_every_slot() {
    let metadata = Metadata::standalone(node(7, 1));
    assert!(!metadata.is_formed());
    assert!(Slot::all().all(|slot| metadata.holder_of(slot).is_some_and(|node| node.id == NodeId(7))));
    assert_eq!(metadata.check(), Ok(()));
}

#[test]
fn metadata_of_another_format_or_without_its_table_is_not_acted_on() {
    assert!(Metadata { format: FORMAT + 1, ..formed() }.check().is_err_and(|why| why.contains("another version")));
    assert!(Metadata { table: Table::default(), ..formed() }.check().is_err());
    assert!(
        Metadata { partitions: 32768, table: (0..32768).map(|_| Configuration::default()).collect(), ..formed() }
            .check()
            .is_err()
    );
    assert!(Metadata { namespaces: BTreeMap::new(), ..formed() }.check().is_err());
}

#[test]
fn what_was_written_before_stays_readable() {
    let command: Command =
        serde_json::from_str(r#"{"expire":{"node":"0000000000000002","incarnation":"0000000000000001"}}"#)
            .expect("reads");
    assert_eq!(command, Command::Expire { node: NodeId(2), incarnation: Incarnation(1) });
    let assignment: Assignment = serde_json::from_str(r#"{"primary":"0000000000000001"}"#).expect("reads");
    assert_eq!(assignment, Assignment { primary: Some(NodeId(1)), backups: Vec::new() });
}

fn commands() -> impl Strategy<Value = Command> {
    let id = 1u64..6;
    let name = || prop_oneof![Just("default"), Just("a"), Just("b"), Just("c"), Just("not a name")];
    prop_oneof![
        1 => (0u16..6, 1u64..4).prop_map(|(power, nodes)| form(1 << power, nodes, Vec::new())),
        4 => (id.clone(), 0u64..3, 1u64..6).prop_map(|(id, incarnation, name)| {
            Command::Register { node: NodeRecord { name: format!("n{name}"), ..node(id, incarnation) } }
        }),
        4 => (id.clone(), 0u64..3).prop_map(|(id, incarnation)| {
            Command::Expire { node: NodeId(id), incarnation: Incarnation(incarnation) }
        }),
        2 => prop::collection::vec((id, 0u64..3), 0..4).prop_map(|members| {
            let member = |(id, incarnation)| Member { node: NodeId(id), incarnation: Incarnation(incarnation) };
            Command::ExpireAll { members: members.into_iter().map(member).collect() }
        }),
        4 => (name(), 0u16..4, prop::sample::select(&Eviction::ALL[..])).prop_map(|(name, number, eviction)| {
            let matches = (name != namespace::DEFAULT).then_some(Match::Database(number));
            let spec = NamespaceSpec { name: name.into(), matches, eviction, ..NamespaceSpec::default_namespace() };
            Command::SetNamespace { spec }
        }),
        2 => name().prop_map(|name| Command::DeleteNamespace { name: name.into() }),
    ]
}

proptest! {
    #[test]
    fn every_node_comes_to_the_same_sound_state(commands in prop::collection::vec(commands(), 0..40)) {
        let (mut here, mut there) = (Metadata::empty(), Metadata::empty());
        for command in &commands {
            let before = here.clone();
            let result = here.apply(command, 0);
            // The other node reads the command from the log, and sometimes begins from a snapshot.
            let command: Command = serde_json::from_str(&serde_json::to_string(command).expect("writes")).expect("reads");
            prop_assert_eq!(&there.apply(&command, 0), &result);
            there = serde_json::from_str(&serde_json::to_string(&there).expect("writes")).expect("reads");
            prop_assert_eq!(&there, &here);
            match result {
                Ok(epoch) => {
                    prop_assert_eq!(epoch, Epoch(before.epoch.0 + 1));
                    prop_assert_eq!(here.epoch, epoch);
                }
                Err(_) => prop_assert_eq!(&here, &before, "a refusal changes nothing"),
            }
            prop_assert_eq!(here.check(), Ok(()));
            let names: BTreeSet<&str> = here.nodes.values().map(|node| node.name.as_str()).collect();
            prop_assert_eq!(names.len(), here.nodes.len(), "names are unique");
            let matches: Vec<_> = here.namespaces.values().map(|namespace| &namespace.matches).collect();
            prop_assert!((1..matches.len()).all(|i| !matches[..i].contains(&matches[i])), "matches are unique");
        }
    }
}

fn library(code: &str, functions: &[&str]) -> Arc<Library> {
    let functions = functions.iter().map(|name| (name.to_string(), Function::default())).collect();
    Arc::new(Library { code: code.into(), functions })
}

fn set_library(name: &str, functions: &[&str]) -> Command {
    Command::SetLibrary { name: name.into(), library: library(name, functions), replaces: false }
}

#[test]
fn libraries_are_agreed_on_by_name_and_no_function_is_in_two() {
    let mut metadata = formed();
    metadata.apply(&set_library("a", &["f", "g"]), 0).expect("the first one");
    let topology = metadata.topology;
    assert_eq!(refused(&metadata, set_library("a", &["h"])), Refusal::Invalid("Library 'a' already exists".into()));
    let twice = Refusal::Invalid("Function F already exists".into());
    assert_eq!(refused(&metadata, set_library("b", &["F"])), twice);
    assert!(matches!(refused(&metadata, set_library("b-", &["h"])), Refusal::Invalid(_)));
    let replaced = Command::SetLibrary { name: "a".into(), library: library("new", &["f"]), replaces: true };
    metadata.apply(&replaced, 0).expect("it may be replaced");
    assert_eq!(refused(&metadata, replaced), Refusal::NoChange);
    metadata.apply(&set_library("b", &["g"]), 0).expect("nobody has g any more");
    assert_eq!(find(&metadata.libraries, "G").map(|found| (found.0, found.2)), Some(("b", "g")));
    metadata.apply(&Command::DeleteLibrary { name: "a".into() }, 0).expect("it is there");
    let gone = Refusal::Invalid("Library not found".into());
    assert_eq!(refused(&metadata, Command::DeleteLibrary { name: "a".into() }), gone);
    assert_eq!(metadata.topology, topology, "no plan is made from them");

    let text = serde_json::to_string(&metadata).expect("it can be written");
    assert_eq!(serde_json::from_str::<Metadata>(&text).expect("and read"), metadata);
    let without = serde_json::to_string(&formed()).expect("it can be written");
    assert!(!without.contains("libraries"), "older builds need not know of them");
    assert_eq!(serde_json::from_str::<Metadata>(&without).expect("as they write it").libraries, Libraries::new());
}

#[test]
fn restoring_libraries_is_one_change() {
    let mut metadata = formed();
    metadata.apply(&set_library("a", &["f"]), 0).expect("the first one");
    let of = |policy, all: &[(&str, &str)]| {
        let libraries = all.iter().map(|(name, function)| (name.to_string(), library(name, &[function]))).collect();
        Command::RestoreLibraries { libraries, policy }
    };
    let exists = Refusal::Invalid("Library a already exists".into());
    assert_eq!(refused(&metadata, of(Restore::Append, &[("b", "g"), ("a", "f")])), exists);
    let clash = Refusal::Invalid("Function f already exists".into());
    assert_eq!(refused(&metadata, of(Restore::Replace, &[("b", "f")])), clash);
    metadata.apply(&of(Restore::Replace, &[("a", "h"), ("b", "f")]), 0).expect("a has no f any more");
    metadata.apply(&of(Restore::Append, &[("c", "g")]), 0).expect("it is new");
    assert_eq!(metadata.libraries.len(), 3);
    metadata.apply(&of(Restore::Flush, &[("d", "f")]), 0).expect("the others go");
    assert_eq!(metadata.libraries.keys().collect::<Vec<_>>(), ["d"]);
    metadata.apply(&of(Restore::Flush, &[]), 0).expect("all go");
    assert_eq!(refused(&metadata, of(Restore::Flush, &[])), Refusal::NoChange);
}

#[test]
fn libraries_are_bounded_and_come_with_the_level() {
    let mut metadata = formed();
    for number in 0..LIBRARIES_MAX {
        metadata.apply(&set_library(&format!("l{number}"), &[&format!("f{number}")]), 0).expect("it fits");
    }
    let refusal = refused(&metadata, set_library("more", &["more"]));
    assert!(refusal.to_string().contains("at most 64 libraries"), "{refusal}");

    let large = |name: &str, bytes: usize| {
        let library = library(&"x".repeat(bytes), &[name]);
        Command::SetLibrary { name: name.into(), library, replaces: false }
    };
    let mut metadata = formed();
    let refusal = refused(&metadata, large("a", LIBRARY_BYTES_MAX + 1));
    assert!(refusal.to_string().contains("longer than"), "{refusal}");
    let most = LIBRARIES_BYTES_MAX / LIBRARY_BYTES_MAX;
    for number in 0..most {
        metadata.apply(&large(&format!("l{number}"), LIBRARY_BYTES_MAX - 2), 0).expect("it fits");
    }
    let refusal = refused(&metadata, large("more", LIBRARY_BYTES_MAX / 2));
    assert!(refusal.to_string().contains("all libraries together"), "{refusal}");

    let mut metadata = Metadata { level: 1, ..formed() };
    metadata.nodes.values_mut().for_each(|node| node.level = 1);
    assert!(matches!(refused(&metadata, set_library("a", &["f"])), Refusal::TooEarly(_)));
}
