//! A node over time: views that come and go, background work, figures.

use super::*;
use crate::fixture::{self, Cluster, id, key_of, pass};
use crate::session::Session;
use dcache_protocol::{Epoch, Match, NamespaceSpec, NodeState, slot_of};

const WHILE: Duration = Duration::from_millis(250);

/// All workers' turns until nothing is left to do.
fn settle(node: &Node) {
    pass(WHILE);
    for _ in 0..10_000 {
        node.maintain(0, 1);
        if node.upkeep.is_idle() {
            return;
        }
    }
    panic!("background work does not end");
}

fn namespace(name: &str, matches: Match) -> NamespaceSpec {
    NamespaceSpec { name: name.into(), matches: Some(matches), ..NamespaceSpec::default_namespace() }
}

#[test]
fn a_node_drops_what_it_lost_and_keeps_what_it_has() {
    let cluster = Cluster::new(1);
    let node = &cluster.nodes[0];
    let mut client = cluster.client(0, Door::Gateway);
    for n in 0..300 {
        client.call(&["SET", &format!("k{n}"), "v"]);
    }
    node.publish(Arc::new(fixture::metadata(3)), Some(id(2)));
    let kept = (0..300).filter(|n| node.view().is_mine(slot_of(format!("k{n}").as_bytes()))).count() as u64;
    assert!(0 < kept && kept < 300);
    assert_eq!(
        node.partition_figures().items.iter().sum::<u64>(),
        kept,
        "what is lost is not shown even before it is gone"
    );
    settle(node);
    assert_eq!(node.items(), kept);
    assert_eq!(client.call(&["GET", &key_of(0, 3, 0)]), "$-1\r\n");
    assert_eq!(node.view().leader, Some(id(2)));
}

#[test]
fn a_slot_that_comes_back_begins_empty() {
    let cluster = Cluster::new(2);
    let node = &cluster.nodes[0];
    let key = key_of(0, 2, 0);
    let mut client = cluster.client(0, Door::Gateway);
    client.call(&["SET", &key, "stale"]);
    let mut given_away = fixture::metadata(2);
    given_away.table.iter_mut().for_each(|partition| *partition = crate::fixture::held_by(1));
    node.publish(Arc::new(given_away), None);
    assert_eq!(node.items(), 1, "not dropped yet");
    node.publish(Arc::new(fixture::metadata(2)), None);
    assert_eq!(client.call(&["GET", &key]), "$-1\r\n");
    client.call(&["SET", &key, "fresh"]);
    settle(node);
    assert_eq!(client.call(&["GET", &key]), "$5\r\nfresh\r\n");
}

#[test]
fn strays_in_lost_slots_are_found() {
    let cluster = Cluster::new(2);
    let node = &cluster.nodes[0];
    let other = key_of(1, 2, 0);
    let slot = slot_of(other.as_bytes()).number();
    let value = dcache_engine::ValueRef::String(b"v");
    let room = node.engine.lock_with_room(slot, dcache_engine::NamespaceId(0), 500, fixture::UNIX_MS);
    let namespace = dcache_engine::NamespaceId(0);
    room.expect("room").set(0, other.as_bytes(), value, None, namespace, fixture::UNIX_MS).expect("room");
    settle(node);
    assert_eq!(node.items(), 1);
    node.sample();
    settle(node);
    assert_eq!(node.items(), 0);
}

#[test]
fn keys_move_to_the_namespaces_they_belong_to() {
    let cluster = Cluster::new(1);
    let node = &cluster.nodes[0];
    let mut client = cluster.client(0, Door::Gateway);
    for n in 0..40 {
        client.call(&["SET", &format!("session:{n}"), "v"]);
        client.call(&["SET", &format!("user:{n}"), "v"]);
    }
    let items = || -> Vec<(String, u64)> {
        node.namespace_figures().into_iter().map(|figures| (figures.name, figures.items)).collect()
    };
    assert_eq!(items(), [("default".into(), 80)]);
    let mut metadata = fixture::metadata(1);
    let sessions = namespace("sessions", Match::Prefix("session:".into()));
    metadata.namespaces.insert(sessions.name.clone(), sessions);
    node.publish(Arc::new(metadata.clone()), None);
    settle(node);
    assert_eq!(items(), [("default".into(), 40), ("sessions".into(), 40)]);
    metadata.namespaces.remove("sessions");
    let users = namespace("users", Match::Prefix("user:1".into()));
    metadata.namespaces.insert(users.name.clone(), users);
    node.publish(Arc::new(metadata.clone()), None);
    settle(node);
    assert_eq!(items(), [("default".into(), 69), ("users".into(), 11)]);
    metadata.epoch = Epoch(50);
    node.publish(Arc::new(metadata), None);
    assert!(node.upkeep.is_idle(), "nothing to sort when no namespace matches other keys");
}

#[test]
fn a_lowered_maximum_is_reached_without_a_write() {
    let cluster = Cluster::new(1);
    let node = &cluster.nodes[0];
    let mut client = cluster.client(0, Door::Gateway);
    for n in 0..100 {
        client.call(&["SET", &format!("k{n}"), &"x".repeat(10_000)]);
    }
    let mut metadata = fixture::metadata(1);
    metadata.namespaces.get_mut("default").expect("always there").memory_max_bytes = Some(400_000);
    node.publish(Arc::new(metadata), None);
    for _ in 0..10 {
        node.maintain(0, 1);
    }
    let figures = &node.namespace_figures()[0];
    assert!(figures.memory_used_bytes <= 400_000 && figures.items > 10, "{figures:?}");
    assert_eq!(figures.evictions + figures.items, 100);
}

#[test]
fn what_auto_does_in_a_namespace_is_told_with_the_reason() {
    let cluster = Cluster::new(1);
    let node = &cluster.nodes[0];
    let choice = |namespace: &str| {
        let all = node.namespace_figures();
        all.into_iter().find(|figures| figures.name == namespace).expect("it is there").chosen
    };
    let [first] = &choice("default")[..] else { panic!("auto is the default") };
    assert_eq!((&*first.node, first.policy, first.since_ms), ("n1", Eviction::Lru, None));
    assert!(first.candidates.is_empty() && first.reason.contains("too few"), "{first:?}");
    // Small values are asked for as often as large ones, and eight of them fit in the room of one.
    let mut client = cluster.client(0, Door::Gateway);
    let (small, large) = ("x".repeat(1_000), "x".repeat(8_000));
    let mut state = 1u64;
    for _ in 0..60_000 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let key = format!("k{}", (state >> 33) % 60_000);
        if client.call(&["GET", &key]) == "$-1\r\n" {
            client.call(&["SET", &key, if state >> 40 & 1 == 0 { &small } else { &large }]);
        }
    }
    let [now] = &choice("default")[..] else { panic!("one node, one choice") };
    assert!(now.sampled_entries > 500 && now.sample_rate <= 1.0 && now.candidates.len() == 4, "{now:?}");
    assert!(now.candidates.iter().any(|candidate| candidate.policy == now.policy), "{now:?}");
    let mut metadata = fixture::metadata(1);
    metadata.namespaces.get_mut("default").expect("always there").eviction = Eviction::Lfu;
    node.publish(Arc::new(metadata), None);
    assert!(choice("default").is_empty(), "nothing is chosen for lfu");
}

#[test]
fn namespaces_may_limit_how_long_keys_live() {
    let cluster = Cluster::new(1);
    let mut metadata = fixture::metadata(1);
    let short = NamespaceSpec {
        default_ttl_ms: Some(60_000),
        max_ttl_ms: Some(90_000),
        ..namespace("short", Match::Database(2))
    };
    metadata.namespaces.insert(short.name.clone(), short);
    cluster.publish(&metadata);
    let mut client = cluster.client(0, Door::Gateway);
    client.say("SELECT 2");
    client.say("SET a v");
    client.say("SET b v EX 10");
    client.say("SET c v EX 1000");
    assert_eq!(client.say("PTTL a"), ":60000\r\n");
    assert_eq!(client.say("PTTL b"), ":10000\r\n");
    assert_eq!(client.say("PTTL c"), ":90000\r\n");
    client.say("SELECT 0");
    client.say("SET a v");
    assert_eq!(client.say("PTTL a"), ":-1\r\n");
}

#[test]
fn expired_entries_go_without_being_asked_for() {
    let cluster = Cluster::new(1);
    let node = &cluster.nodes[0];
    let mut client = cluster.client(0, Door::Gateway);
    for n in 0..500 {
        client.call(&["SET", &format!("k{n}"), "v", "PX", "100"]);
    }
    client.say("SET stays v");
    assert_eq!(client.say("GET k1"), "$1\r\nv\r\n");
    pass(Duration::from_millis(101));
    assert_eq!(client.say("GET k1"), "$-1\r\n", "the clock of a batch is read anew");
    for worker in 0..3 {
        (0..50).for_each(|_| node.maintain(worker, 3));
    }
    assert_eq!(node.items(), 1);
    assert_eq!(node.traffic().expirations, 500);
}

#[test]
fn a_report_tells_what_happened() {
    let cluster = Cluster::new(1);
    let node = &cluster.nodes[0];
    let mut client = cluster.client(0, Door::Gateway);
    for second in 0..8 {
        client.call(&["SET", "k", "v"]);
        client.call(&["GET", "k"]);
        client.call(&["GET", &format!("none{second}")]);
        pass(Duration::from_secs(1));
        node.sample();
    }
    let report = node.report(1000, 10);
    assert_eq!((report.id, report.name.as_str(), report.epoch), (id(0), "n1", Epoch(5)));
    assert_eq!((report.uptime_ms, report.at_unix_ms), (8000, fixture::UNIX_MS + 8000));
    assert_eq!((report.items, report.connections, report.connections_total), (1, 1, 1));
    assert_eq!((report.resident_bytes, report.buffer_bytes), (1000, 10));
    assert_eq!(report.memory_limit_bytes, 64 << 20);
    let traffic = &report.traffic;
    assert_eq!((traffic.commands, traffic.gets, traffic.sets, traffic.hits, traffic.misses), (24, 16, 8, 8, 8));
    assert_eq!(report.latency.count, 24);
    let names: Vec<&str> = report.commands.iter().map(|command| command.name.as_str()).collect();
    assert_eq!(names, ["get", "set"]);
    assert_eq!(report.windows.len(), 1);
    assert_eq!((report.windows[0].seconds, report.windows[0].ops_per_second), (5.0, 3.0));
    assert_eq!((report.windows[0].hits_per_second, report.windows[0].hit_ratio()), (1.0, Some(0.5)));
    assert_eq!(node.latencies_by_command().len(), 2);
}

#[test]
fn latency_is_the_clock_s() {
    let cluster = Cluster::new(3);
    let node = &cluster.nodes[0];
    let mut client = cluster.client(0, Door::Gateway);
    client.call(&["SET", &key_of(1, 3, 0), "v"]);
    node.sample();
    assert_eq!(node.report(0, 0).latency.max_us, 0.004, "a clock that stands still: the first bucket's middle");
    let mut request = Vec::new();
    let key = key_of(1, 3, 0);
    dcache_protocol::resp::value::encode_request(&["GET", &key], &mut request);
    let mut out = Vec::new();
    let Step::Forward(fanout) = client.session.advance(node, &request, &mut out).step else { panic!("{out:?}") };
    pass(Duration::from_millis(3));
    cluster.finish(node, fanout, &mut out);
    node.sample();
    let get = node.command_figures().into_iter().find(|figures| figures.name == "get").expect("called");
    assert!(
        (get.latency.max_us - 3000.0).abs() < 150.0,
        "a forward counts until its answer is here: {}",
        get.latency.max_us
    );
}

#[test]
fn partitions_count_anew_when_their_numbers_mean_other_slots() {
    let cluster = Cluster::new(1);
    let node = &cluster.nodes[0];
    cluster.client(0, Door::Gateway).call(&["SET", "k", "v"]);
    let figures = node.partition_figures();
    assert_eq!((figures.ops.len(), figures.ops.iter().sum::<u64>(), figures.items.iter().sum::<u64>()), (16, 1, 1));
    assert!(figures.memory_bytes.iter().sum::<u64>() > 0);
    node.publish(Arc::new(Metadata::standalone(fixture::record(0))), None);
    let figures = node.partition_figures();
    assert_eq!((figures.ops.len(), figures.ops.iter().sum::<u64>(), figures.items.iter().sum::<u64>()), (1024, 0, 1));
}

#[test]
fn a_node_taken_for_down_still_serves_its_own_slots() {
    let cluster = Cluster::new(2);
    let mut metadata = fixture::metadata(2);
    metadata.nodes.get_mut(&id(0)).expect("a member").state = NodeState::Down;
    cluster.publish(&metadata);
    let key = key_of(0, 2, 0);
    assert_eq!(cluster.client(0, Door::Gateway).call(&["SET", &key, "v"]), "+OK\r\n");
    assert!(cluster.client(1, Door::Gateway).call(&["GET", &key]).starts_with("-CLUSTERDOWN"));
    assert_eq!(cluster.client(0, Door::Gateway).call(&["DBSIZE"]), ":1\r\n");
}

#[test]
fn clients_beyond_the_limit_are_not_admitted() {
    let cluster = Cluster::new(1);
    let node = &cluster.nodes[0];
    let open =
        |n: usize| Session::new(node, Door::Gateway, 0, format!("192.0.2.1:{n}"), String::new(), Arc::new(|| {}));
    let sessions: Vec<Session> = (0..100).take_while(|_| node.clients().admits()).map(open).collect();
    assert_eq!(sessions.len(), 100);
    assert!(!node.clients().admits());
    assert_eq!(node.report(0, 0).connections_rejected, 1);
}

#[test]
fn random_numbers_follow_from_the_seed() {
    let node = |seed: u64| Node::new(Config { seed, ..fixture::config(0) }, Arc::new(fixture::metadata(1)));
    let three = |node: Node| [node.random(), node.random(), node.random()];
    assert_eq!(three(node(7)), three(node(7)));
    assert_ne!(three(node(7)), three(node(8)));
}
