//! Copies under faults, on real processes: writers and readers go on while nodes are killed, stopped and drained, and what they
//! saw is checked. What needs root is in `tests/faults`; seeded faults and interleavings are the simulator's (`tests/sim`).

#![allow(clippy::print_stdout)]

use crate::harness::history::*;
use crate::harness::loss::lose_no_more_than_was_shown;
use crate::harness::resp::Wire;
use crate::harness::*;

use std::collections::BTreeSet;
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
    let home = Home::of_busy_cluster();
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
    let home = Home::of_busy_cluster();
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
    let home = Home::of_busy_cluster();
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
    let stats = || nodes[0].ok(&home, &["stats", "replication", "--node", "n1", "-o", "json"]).json();
    let links = || stats()["links"].clone();
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
        let stats = stats();
        let is_behind = |copy: &serde_json::Value| copy["node"] == "n2" && copy["entries"].as_u64() > Some(0);
        let is_told = stats["behind"].as_array().unwrap().iter().any(is_behind);
        let to_n2 = stats["links"].as_array().unwrap().iter().find(|link| is_told && link["node"] == "n2").cloned();
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
    // Each round writes another value; what was refused in any is never read.
    let (mut round, mut may_be) = (1, vec![BTreeSet::from([1]); keys.len()]);
    wait_until("writes with one copy are refused, and the others are not", || {
        round += 1;
        let replies = set_all(&round.to_string());
        let is_refused = |reply: &String| reply.starts_with("-NOREPLICAS");
        for (may_be, _) in may_be.iter_mut().zip(&replies).filter(|(_, reply)| !is_refused(reply)) {
            may_be.insert(round);
        }
        let settled = replies.iter().all(|reply| reply == "+OK\r\n" || is_refused(reply));
        (settled && replies.iter().any(is_refused) && !replies.iter().all(is_refused)).then_some(())
    });
    let mut wire = Wire::connect(&nodes[1].gateway);
    for (key, may_be) in keys.iter().zip(&may_be) {
        let reply = wire.ask(&["GET", key]);
        let value: u64 = reply.split("\r\n").nth(1).unwrap().parse().unwrap();
        assert!(may_be.contains(&value), "{key} is {value}, of {may_be:?}: what is refused did not happen");
    }
    nodes[2] = Node::start(&home, "n3", &[]);
    wait_until_healthy(&home, &nodes[0]);
    // Each primary hears by itself that its copies are in sync again.
    wait_until("all writes are taken again", || set_all("0").iter().all(|reply| reply == "+OK\r\n").then_some(()));
}

/// Cuts nobody off, and stops two of three: the third one is in a minority.
fn in_a_minority(nodes: &[Node], home: &Home) {
    for node in &nodes[1..] {
        send("STOP", node.process.id());
    }
    wait_until("it knows", || {
        let outcome = nodes[0].run(home, &["cluster", "status", "--check"]);
        (outcome.code != 0).then_some(())
    });
}

#[test]
fn in_a_minority_writes_stop_with_the_lease_unless_the_namespace_says_otherwise() {
    let home = Home::new();
    let nodes = cluster(&home);
    nodes[0].ok(&home, &["namespace", "set", "go-on", "--prefix", "g:", "--minority-writes", "true"]);
    let before = status(&home, &nodes[0]);
    let key = |prefix: &str| key_of(&before, "n1", prefix);
    let mut wire = Wire::connect(&nodes[0].cluster);
    for prefix in ["s:", "e:", "g:"] {
        assert_eq!(wire.ask(&["SET", &key(prefix), "1"]), "+OK\r\n");
    }
    in_a_minority(&nodes, &home);
    wait_until("a strong read is refused", || wire.ask(&["GET", &key("s:")]).starts_with("-CLUSTERDOWN").then_some(()));
    assert!(wire.ask(&["SET", &key("s:"), "2"]).starts_with("-CLUSTERDOWN"));
    assert!(wire.ask(&["SET", &key("e:"), "2"]).starts_with("-CLUSTERDOWN"));
    assert_eq!(wire.ask(&["GET", &key("e:")]), "$1\r\n1\r\n", "eventual reads go on");
    assert_eq!(wire.ask(&["SET", &key("g:"), "2"]), "+OK\r\n");
    assert_eq!(wire.ask(&["GET", &key("g:")]), "$1\r\n2\r\n");
    for node in &nodes[1..] {
        send("CONT", node.process.id());
    }
    wait_until_healthy(&home, &nodes[0]);
    for prefix in ["s:", "e:", "g:"] {
        wait_until("it is written again", || (wire_set(&nodes[1], &key(prefix)) == "+OK\r\n").then_some(()));
    }
}

fn wire_set(node: &Node, key: &str) -> String {
    Wire::connect(&node.gateway).ask(&["SET", key, "3"])
}

#[test]
fn reads_that_are_confirmed_answer_the_newest_and_wait_for_copies_that_do_not() {
    let home = Home::new();
    let nodes = cluster(&home);
    nodes[0].ok(
        &home,
        &["namespace", "set", "sure", "--prefix", "c:", "--consistency", "strong", "--strong-read", "confirm"],
    );
    let before = status(&home, &nodes[0]);
    let mut wire = Wire::connect(&nodes[1].gateway);
    for n in 0..100 {
        assert_eq!(wire.ask(&["SET", &format!("c:{n}"), &n.to_string()]), "+OK\r\n");
    }
    for n in 0..100 {
        let value = n.to_string();
        assert_eq!(wire.ask(&["GET", &format!("c:{n}")]), format!("${}\r\n{value}\r\n", value.len()));
        assert_eq!(wire.ask(&["EXISTS", &format!("c:none{n}")]), ":0\r\n");
    }
    // Its other copy stands still: the read waits until that is not in sync any more, where a lease would do.
    let mut own = Wire::connect(&nodes[0].cluster);
    let (sure, leased) = (key_of(&before, "n1", "c:own"), key_of(&before, "n1", "s:own"));
    assert_eq!(own.ask(&["SET", &sure, "v"]), "+OK\r\n");
    assert_eq!(own.ask(&["SET", &leased, "v"]), "+OK\r\n");
    for node in &nodes[1..] {
        send("STOP", node.process.id());
    }
    assert_eq!(own.ask(&["GET", &leased]), "$1\r\nv\r\n", "by its lease");
    let asked = Instant::now();
    let reply = own.ask(&["GET", &sure]);
    assert!(reply.starts_with("-TIMEOUT the value is not confirmed"), "{reply} after {:?}", asked.elapsed());
    for node in &nodes[1..] {
        send("CONT", node.process.id());
    }
    wait_until("it is read again", || (wire.try_ask(&["GET", &sure]).ok()? == "$1\r\nv\r\n").then_some(()));
}

#[test]
fn copies_answer_reads_while_they_are_new_enough_and_pass_on_the_others() {
    let home = Home::new();
    let nodes = cluster(&home);
    nodes[0].ok(&home, &["namespace", "set", "any", "--prefix", "a:", "--reads", "any", "--max-staleness", "500ms"]);
    let copy_reads = |node: &Node| -> u64 {
        let metrics = node.ok(&home, &["stats", "--prometheus", "--node", &node.name]).text().to_string();
        let line = metrics.lines().find(|line| line.starts_with("dcache_copy_reads_total")).map(str::to_string);
        line.unwrap_or_else(|| panic!("{metrics}")).split_whitespace().last().unwrap().parse().unwrap()
    };
    let before = status(&home, &nodes[0]);
    // Of the keys of n2 that have their copy on n1.
    let keys: Vec<String> = (0..20).map(|n| key_of(&before, "n2", &format!("a:{n}:"))).collect();
    let mut at_n1 = Wire::connect(&nodes[0].gateway);
    let mut at_n2 = Wire::connect(&nodes[1].gateway);
    for key in &keys {
        assert_eq!(at_n2.ask(&["SET", key, "v"]), "+OK\r\n");
    }
    wait_until("copies answer", || {
        for key in &keys {
            let reply = at_n1.ask(&["GET", key]);
            assert!(reply == "$1\r\nv\r\n" || reply == "$-1\r\n", "{reply}");
        }
        (copy_reads(&nodes[0]) > 0).then_some(())
    });
    // What the primary does not confirm any more gets too old, and is asked of it then; it is taken for down at last.
    send("STOP", nodes[1].process.id());
    let stopped = Instant::now();
    wait_until("copies are too old to answer", || {
        let read = copy_reads(&nodes[0]);
        let late = stopped.elapsed() > Duration::from_millis(700);
        keys.iter().for_each(|key| drop(at_n1.try_ask(&["GET", key])));
        (late && copy_reads(&nodes[0]) == read).then_some(())
    });
    send("CONT", nodes[1].process.id());
    wait_until_healthy(&home, &nodes[0]);
    // A client says so for itself, in any eventual namespace, and gets an answer from the node that it asked.
    let mut readonly = Wire::connect(&nodes[0].cluster);
    let now = status(&home, &nodes[0]);
    let other = key_of(&now, "n3", "e:");
    assert!(readonly.ask(&["GET", &other]).starts_with("-MOVED"));
    assert_eq!(readonly.ask(&["READONLY"]), "+OK\r\n");
    assert_eq!(readonly.ask(&["GET", &other]), "$-1\r\n", "forwarded, or from the copy here");
    assert!(readonly.ask(&["SET", &other, "v"]).starts_with("-MOVED"), "writes are not");
    assert!(readonly.ask(&["GET", &key_of(&now, "n3", "s:")]).starts_with("-MOVED"), "nor what is never stale");
    assert_eq!(readonly.ask(&["READWRITE"]), "+OK\r\n");
    assert!(readonly.ask(&["GET", &other]).starts_with("-MOVED"));
}

#[test]
fn wait_tells_how_many_copies_have_what_this_client_wrote() {
    let home = Home::new();
    let nodes = cluster(&home);
    let mut wire = Wire::connect(&nodes[0].gateway);
    assert_eq!(wire.ask(&["WAIT", "1", "1000"]), ":1\r\n", "of nothing, every copy has all");
    for n in 0..60 {
        assert_eq!(wire.ask(&["SET", &format!("e:{n}"), "v"]), "+OK\r\n");
    }
    assert_eq!(wire.ask(&["WAIT", "1", "10000"]), ":1\r\n");
    let began = Instant::now();
    assert_eq!(wire.ask(&["WAIT", "2", "300"]), ":1\r\n", "there is no second copy");
    assert!(began.elapsed() >= Duration::from_millis(300));
    let mut other = Wire::connect(&nodes[1].cluster);
    let own = key_of(&status(&home, &nodes[0]), "n2", "e:");
    assert_eq!(other.ask(&["SET", &own, "v"]), "+OK\r\n");
    assert_eq!(other.ask(&["WAIT", "1", "0"]), ":1\r\n");
    assert!(other.ask(&["WAIT", "1", "-1"]).starts_with("-ERR timeout is negative"));
    assert!(other.ask(&["WAIT", "x", "1"]).starts_with("-ERR value is not an integer"));
    for node in &nodes[1..] {
        send("STOP", node.process.id());
    }
    let own = key_of(&status_of(&nodes[0], &home), "n1", "e:");
    let mut wire = Wire::connect(&nodes[0].cluster);
    assert_eq!(wire.ask(&["SET", &own, "v"]), "+OK\r\n");
    assert_eq!(wire.ask(&["WAIT", "1", "100"]), ":0\r\n", "its copy stands still");
    for node in &nodes[1..] {
        send("CONT", node.process.id());
    }
    assert_eq!(wire.ask(&["WAIT", "1", "20000"]), ":1\r\n");
}

/// The same of a cluster in which not every node answers.
fn status_of(node: &Node, home: &Home) -> serde_json::Value {
    node.run(home, &["cluster", "status", "-o", "json"]).json()
}
