//! Copies under faults, on real processes: writers and readers go on while nodes are killed, stopped and drained, and what they
//! saw is checked. What needs root is in `tests/faults`; seeded faults and interleavings are the simulator's (`tests/sim`).

#![allow(clippy::print_stdout)]

use crate::harness::history::*;
use crate::harness::loss::lose_no_more_than_was_shown;
use crate::harness::resp::Wire;
use crate::harness::*;

use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

#[test]
fn nothing_acknowledged_under_strong_is_lost_when_nodes_are_killed() {
    survive("killed", |home, victim, time| {
        send("KILL", victim.process.id());
        time();
        *victim = Node::start(home, &victim.name.clone(), &[]);
    });
}

#[test]
fn nothing_acknowledged_under_strong_is_lost_when_nodes_stand_still() {
    survive("stopped", |_, victim, time| {
        let until = Instant::now() + Duration::from_millis(4500);
        send("STOP", victim.process.id());
        time();
        wait_until("three leases", || (Instant::now() > until).then_some(()));
        send("CONT", victim.process.id());
    });
}

#[test]
fn an_eventual_namespace_loses_no_more_than_was_shown_when_nodes_are_killed() {
    let home = Home::new();
    let nodes = cluster(&home);
    lose_no_more_than_was_shown(
        "eventual, killed",
        &home,
        nodes,
        |victim, watch| {
            watch.look();
            send("KILL", victim.process.id());
        },
        |victim| *victim = Node::start(&home, &victim.name.clone(), &[]),
    );
}

#[test]
fn an_eventual_namespace_loses_no_more_than_was_shown_when_nodes_stand_still() {
    let home = Home::new();
    let nodes = cluster(&home);
    lose_no_more_than_was_shown(
        "eventual, stopped",
        &home,
        nodes,
        |victim, watch| {
            watch.look();
            send("STOP", victim.process.id());
        },
        |victim| send("CONT", victim.process.id()),
    );
}

#[test]
fn a_planned_failover_loses_nothing_in_either_mode_and_no_client_sees_an_error() {
    let home = Home::new();
    let nodes = cluster(&home);
    // One after the other, in both modes: who has just handed everything over has nothing left.
    let mut turns = (0..3).cycle();
    for prefix in ["s:", "e:"] {
        let history = History::new(prefix, &nodes);
        history.run(|| {
            for turn in turns.by_ref().take(rounds()) {
                let victim: &Node = &nodes[turn];
                let result = victim.ok(&home, &["cluster", "failover", &victim.name, "-o", "json"]).json();
                assert!(result["moved"].as_u64().is_some_and(|moved| moved > 0), "{result}");
                wait_until_healthy(&home, victim);
            }
        });
        if prefix == "e:" {
            // While it changes hands an older value may be read; what is promised is where it ends.
            history.violations.lock().unwrap().clear();
        }
        history.check_end(&nodes[0].gateway);
        history.say(&format!("planned, {prefix}"));
        history.must_be_linearizable();
        let errors = history.errors.lock().unwrap();
        assert!(
            errors.is_empty() && history.unknown.load(SeqCst) == 0,
            "{} errors: {:?}",
            errors.len(),
            errors.first()
        );
    }
}

#[test]
fn all_nodes_started_again_at_other_addresses_are_one_cluster_again() {
    let home = Home::new();
    let nodes = cluster(&home);
    nodes[0].ok(&home, &["namespace", "set", "kept", "--prefix", "kept:"]);
    let before = status(&home, &nodes[0]);
    nodes.iter().for_each(|node| send("KILL", node.process.id()));
    drop(nodes);
    let began = Instant::now();
    // All doors are other ones; each but the first is told of one that runs, and tells it of itself.
    let mut again = vec![Node::start(&home, "n1", &[])];
    for name in ["n2", "n3"] {
        again.push(Node::start(&home, name, &["--join", &again[0].peers.clone()]));
    }
    wait_until_healthy(&home, &again[2]);
    println!("one cluster again after {:?}", began.elapsed());
    let after = status(&home, &again[1]);
    assert_eq!((&before["id"], before["id"].is_null()), (&after["id"], false));
    assert!(after["epoch"].as_u64() > before["epoch"].as_u64(), "{after}");
    let kept = again[1].ok(&home, &["namespace", "list", "-o", "json"]);
    assert!(kept.text().contains("\"kept\"") && kept.text().contains("\"strong\""), "{kept:?}");
    time_to_write(&again[0].gateway, "s:again");
}

#[test]
fn a_node_that_lost_its_data_directory_takes_its_place_again_under_its_name() {
    let home = Home::new();
    let mut nodes = cluster(&home);
    let mut wire = Wire::connect(&nodes[0].gateway);
    for n in 0..200 {
        assert_eq!(wire.ask(&["SET", &format!("s:{n}"), "v"]), "+OK\r\n");
    }
    let id_of = |node: &Node, name: &str| {
        let status = status(&home, node);
        status["nodes"].as_array().unwrap().iter().find(|n| n["name"] == name).unwrap()["id"].clone()
    };
    let before = id_of(&nodes[0], "n3");
    send("KILL", nodes[2].process.id());
    nodes[2].process.wait();
    let empty = home.path().join("empty");
    nodes[2] = Node::start(&home, "n3", &["--join", &nodes[0].peers.clone(), "--data-dir", &empty.to_string_lossy()]);
    wait_until("it is another node of the name", || (id_of(&nodes[0], "n3") != before).then_some(()));
    wait_until_healthy(&home, &nodes[0]);
    // It votes: one of the other two may go.
    wait_until("it votes", || {
        let status = status(&home, &nodes[0]);
        status["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .any(|node| node["name"] == "n3" && node["voter"] == true)
            .then_some(())
    });
    send("KILL", nodes[1].process.id());
    let mut wire = Wire::connect(&nodes[2].gateway);
    for n in 0..200 {
        wait_until("what was written is read", || {
            (wire.ask(&["GET", &format!("s:{n}")]) == "$1\r\nv\r\n").then_some(())
        });
    }
}

#[test]
fn what_a_failover_could_lose_is_shown_before_it() {
    let home = Home::new();
    let nodes = cluster(&home);
    let links = || nodes[0].ok(&home, &["stats", "replication", "--node", "n1", "-o", "json"]).json()["links"].clone();
    let all_in_sync: u64 = links().as_array().unwrap().iter().map(|link| link["inSync"].as_u64().unwrap()).sum();
    assert!(all_in_sync > 300, "{}", links());
    let before = status(&home, &nodes[0]);
    let mut wire = Wire::connect(&nodes[0].gateway);
    send("STOP", nodes[1].process.id());
    // Keys of n1, some of which have their other copy on n2, until that is seen; before n2 is taken for down.
    let seen = wait_until("what is behind is shown", || {
        for n in 0..50 {
            wire.ask(&["SET", &key_of(&before, "n1", &format!("e:{n}:")), "v"]);
        }
        let links = links();
        let to_n2 = links.as_array().unwrap().iter().find(|link| link["node"] == "n2").cloned();
        to_n2.filter(|link| link["entries"].as_u64() > Some(0) && link["lagMs"].as_u64() > Some(0))
    });
    send("CONT", nodes[1].process.id());
    let text = nodes[0].ok(&home, &["stats", "replication"]).text().to_string();
    assert!(text.contains("BEHIND") && text.contains("taken over"), "{text}\n{seen}");
    wait_until_healthy(&home, &nodes[0]);
    wait_until("nothing is behind", || {
        links().as_array().unwrap().iter().all(|link| link["entries"] == 0 && link["lagMs"] == 0).then_some(())
    });
    let metrics = nodes[0].ok(&home, &["stats", "--prometheus"]).text().to_string();
    assert!(metrics.contains("dcache_replication_lag_entries{to=\"n2\"} 0"), "{metrics}");
}

#[test]
fn the_cluster_tells_what_happened_to_it_in_order_and_every_node_the_same() {
    let home = Home::new();
    let nodes = cluster(&home);
    let mut follower = nodes[1].dcache(&home);
    let log = home.path().join("followed");
    follower.args(["events", "--follow", "-o", "ndjson"]).stdout(std::fs::File::create(&log).unwrap());
    let _follower = Process(follower.spawn().unwrap());
    nodes[0].ok(&home, &["namespace", "set", "kept", "--prefix", "kept:"]);
    nodes[0].ok(&home, &["cluster", "failover", "n3"]);
    send("KILL", nodes[2].process.id());
    let kinds = |node: &Node| -> Vec<String> {
        let items = node.ok(&home, &["events", "-o", "json"]).json()["items"].clone();
        items.as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap().to_string()).collect()
    };
    wait_until("the loss is told", || kinds(&nodes[0]).contains(&"node-down".into()).then_some(()));
    wait_until("by every node", || (kinds(&nodes[0]) == kinds(&nodes[1])).then_some(()));
    let seen = kinds(&nodes[0]);
    let order = ["cluster-formed", "copies-in-sync", "namespace-set", "handed-over", "node-down"];
    let places: Vec<usize> = order
        .map(|kind| seen.iter().position(|seen| seen == kind).unwrap_or_else(|| panic!("no {kind} in {seen:?}")))
        .to_vec();
    assert!(places.is_sorted(), "{seen:?}");
    let down = nodes[0].ok(&home, &["events", "--level", "warning", "--node", "n3"]).text().to_string();
    assert!(down.contains("is down"), "{down}");
    wait_until("who follows sees it", || std::fs::read_to_string(&log).unwrap().contains("node-down").then_some(()));
}

#[test]
fn a_namespace_refuses_writes_while_fewer_copies_are_in_sync_than_it_asks_for() {
    let home = Home::new();
    let mut nodes = cluster(&home);
    nodes[0]
        .ok(&home, &["namespace", "set", "two", "--prefix", "two:", "--consistency", "strong", "--min-in-sync", "2"]);
    let mut wire = Wire::connect(&nodes[0].gateway);
    let keys: Vec<String> = (0..60).map(|n| format!("two:{n}")).collect();
    let mut set_all = |value: &str| -> Vec<String> { keys.iter().map(|key| wire.ask(&["SET", key, value])).collect() };
    assert!(set_all("1").iter().all(|reply| reply == "+OK\r\n"));
    send("KILL", nodes[2].process.id());
    let refused = wait_until("writes with one copy are refused, and the others are not", || {
        let replies = set_all("2");
        let is_refused = |reply: &String| reply.starts_with("-NOREPLICAS");
        let settled = replies.iter().all(|reply| reply == "+OK\r\n" || is_refused(reply));
        let refused: Vec<bool> = replies.iter().map(is_refused).collect();
        (settled && refused.contains(&true) && refused.contains(&false)).then_some(refused)
    });
    let mut wire = Wire::connect(&nodes[1].gateway);
    for (key, is_refused) in keys.iter().zip(refused) {
        let value = if is_refused { "1" } else { "2" };
        assert_eq!(wire.ask(&["GET", key]), format!("$1\r\n{value}\r\n"), "{key}: what is refused did not happen");
    }
    nodes[2] = Node::start(&home, "n3", &[]);
    wait_until_healthy(&home, &nodes[0]);
    assert!(set_all("3").iter().all(|reply| reply == "+OK\r\n"));
}
