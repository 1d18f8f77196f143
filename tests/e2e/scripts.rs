//! Scripts on real nodes: an endless one beside others' requests, killing it, the time limit, sums through any node;
//! functions that all nodes have, after a restart too.

use crate::harness::history::formed;
use crate::harness::resp::{Wire, request};
use crate::harness::{Home, Node, key_of, send, status, wait_until};
use std::path::Path;
use std::time::{Duration, Instant};

#[test]
fn an_endless_script_keeps_nobody_waiting_on_other_slots_and_is_killed() {
    let home = Home::new();
    let node = Node::start(&home, "n1", &[]);
    let mut endless = Wire::connect(&node.gateway);
    let mut other = Wire::connect(&node.gateway);
    assert_eq!(other.ask(&["CONFIG", "SET", "busy-reply-threshold", "300"]), "+OK\r\n");
    endless.send(&request(&["EVAL", "while true do pcall(function() while true do end end) end", "1", "held"]));
    wait_until("the slot to be busy", || {
        let reply = other.ask(&["GET", "held"]);
        (reply == "-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.\r\n")
            .then_some(())
    });
    let begun = Instant::now();
    for n in 0..1000 {
        assert_eq!(other.ask(&["SET", &format!("free:{n}"), "1"]), "+OK\r\n");
        let keys = format!("free:{n}");
        assert_eq!(other.ask(&["EVAL", "return redis.call('incr', KEYS[1])", "1", &keys]), ":2\r\n");
    }
    assert!(begun.elapsed() < Duration::from_secs(8), "2000 requests took {:?}", begun.elapsed());
    assert_eq!(other.ask(&["SCRIPT", "KILL"]), "+OK\r\n");
    let reply = String::from_utf8(endless.reply()).unwrap();
    assert!(reply.starts_with("-ERR Script killed by user with SCRIPT KILL."), "{reply}");
    assert_eq!(other.ask(&["SET", "held", "1"]), "+OK\r\n");
    assert!(other.ask(&["SCRIPT", "KILL"]).starts_with("-NOTBUSY"));
}

#[test]
fn a_script_that_has_written_ends_at_the_time_limit() {
    let home = Home::new();
    let node = Node::start(&home, "n1", &[]);
    let mut endless = Wire::connect(&node.gateway);
    let mut other = Wire::connect(&node.gateway);
    assert_eq!(other.ask(&["CONFIG", "SET", "script-time-max", "1500"]), "+OK\r\n");
    endless.send(&request(&["EVAL", "redis.call('set', KEYS[1], 1) while true do end", "1", "held"]));
    wait_until("the script to run", || {
        let reply = other.ask(&["SCRIPT", "KILL"]);
        reply.starts_with("-UNKILLABLE").then_some(())
    });
    let reply = String::from_utf8(endless.reply()).unwrap();
    assert!(reply.starts_with("-ERR Script stopped: it ran longer than script-time-max"), "{reply}");
    assert_eq!(other.ask(&["GET", "held"]), "$1\r\n1\r\n");
}

#[test]
fn scripts_run_where_their_keys_are_and_are_known_to_all() {
    let home = Home::new();
    let nodes = ["n1", "n2", "n3"].map(|name| Node::start(&home, name, &[]));
    let list: String = nodes.iter().map(|node| format!("  - peers: {}\n", node.peers)).collect();
    let file = home.file("cluster.yaml", format!("name: sums\nnodes:\n{list}"));
    nodes[0].ok(&home, &["cluster", "init", "-f", &file.to_string_lossy(), "--yes"]);
    let status = status(&home, &nodes[0]);
    let mut clients: Vec<Wire> = nodes.iter().map(|node| Wire::connect(&node.gateway)).collect();
    let script = "redis.call('set', KEYS[1], ARGV[1]) return redis.call('get', KEYS[1])";
    let keys = ["n1", "n2", "n3"].map(|name| key_of(&status, name, "scripted"));
    assert_eq!(clients[0].ask(&["EVAL", script, "1", &keys[0], "by sum"]), "$6\r\nby sum\r\n");
    let sum = clients[1].ask(&["SCRIPT", "LOAD", "return 'another'"]);
    let sum = sum.split("\r\n").nth(1).unwrap().to_string();
    assert_eq!(clients[2].ask(&["EVALSHA", &sum, "1", &keys[1]]), "$7\r\nanother\r\n");
    let known = clients[0].ask(&["EVAL", "return redis.sha1hex(ARGV[1])", "0", script]);
    let known = known.split("\r\n").nth(1).unwrap().to_string();
    for client in &mut clients {
        for key in &keys {
            assert_eq!(client.ask(&["EVALSHA", &known, "1", key, "by sum"]), "$6\r\nby sum\r\n");
        }
    }
    // Scripts in a row are answered in their order, between other requests of the same client.
    let mut all = Vec::new();
    for n in 0..200 {
        let key = &keys[n % 3];
        all.extend(request(&[
            "EVAL",
            "return redis.call('incr', KEYS[1] .. ARGV[1]) and ARGV[2]",
            "1",
            key,
            "",
            &n.to_string(),
        ]));
        all.extend(request(&["SET", key, &n.to_string()]));
    }
    assert_eq!(clients[1].ask(&["DEL", &keys[0], &keys[1], &keys[2]]), ":3\r\n");
    clients[1].send(&all);
    for n in 0..200usize {
        let text = n.to_string();
        assert_eq!(String::from_utf8(clients[1].reply()).unwrap(), format!("${}\r\n{text}\r\n", text.len()));
        assert_eq!(clients[1].reply(), b"+OK\r\n");
    }
}

fn stop(node: &mut Node) {
    send("TERM", node.process.id());
    assert_eq!(node.process.wait(), 0);
}

#[test]
fn a_library_loaded_on_one_node_is_every_nodes_and_stays_after_a_restart() {
    let home = Home::new();
    let mut nodes = ["n1", "n2", "n3"].map(|name| Node::start(&home, name, &[]));
    let list: String = nodes.iter().map(|node| format!("  - peers: {}\n", node.peers)).collect();
    let file = home.file("cluster.yaml", format!("name: functions\nnodes:\n{list}"));
    nodes[0].ok(&home, &["cluster", "init", "-f", &file.to_string_lossy(), "--yes"]);
    let status = status(&home, &nodes[0]);
    let keys = ["n1", "n2", "n3"].map(|name| key_of(&status, name, "counted"));
    let library = |step: u8| {
        format!(
            "#!lua name=counters\nredis.register_function('count', function(keys) return redis.call('incrby', keys[1], {step}) end)"
        )
    };
    let mut first = Wire::connect(&nodes[0].gateway);
    assert_eq!(first.ask(&["FUNCTION", "LOAD", &library(1)]), "$8\r\ncounters\r\n");
    // The node that answered knows it; the others hear of it in a moment.
    assert_eq!(first.ask(&["FCALL", "count", "1", &keys[0]]), ":1\r\n");
    let mut second = Wire::connect(&nodes[1].gateway);
    wait_until("the second node to know the function", || {
        (first.ask(&["FCALL", "count", "1", &keys[1]]) == ":1\r\n").then_some(())
    });
    assert_eq!(second.ask(&["FCALL", "count", "1", &keys[1]]), ":2\r\n");
    let exists = "-ERR Library 'counters' already exists\r\n";
    assert_eq!(second.ask(&["FUNCTION", "LOAD", &library(1)]), exists);

    stop(&mut nodes[2]);
    let restarted = nodes[2].again(&home, Path::new(env!("CARGO_BIN_EXE_dcache")));
    nodes[2] = restarted;
    let mut third = Wire::connect(&nodes[2].gateway);
    wait_until("the third node to serve", || {
        let reply = third.ask(&["FCALL", "count", "1", &keys[2]]);
        reply.starts_with(':').then_some(())
    });
    assert_eq!(third.ask(&["FUNCTION", "LOAD", "REPLACE", &library(10)]), "$8\r\ncounters\r\n");
    wait_until("the other nodes to have the new library", || {
        let before: i64 = second.ask(&["GET", &keys[1]]).split("\r\n").nth(1).and_then(|text| text.parse().ok())?;
        let after = first.ask(&["FCALL", "count", "1", &keys[1]]);
        (after == format!(":{}\r\n", before + 10)).then_some(())
    });
    assert_eq!(second.ask(&["FUNCTION", "FLUSH"]), "+OK\r\n");
    assert_eq!(second.ask(&["FCALL", "count", "1", &keys[1]]), "-ERR Function not found\r\n");
}

#[test]
fn a_node_alone_keeps_its_libraries_and_kills_endless_functions() {
    let home = Home::new();
    let mut node = Node::start(&home, "n1", &[]);
    let mut client = Wire::connect(&node.gateway);
    let library = "#!lua name=lib\nredis.register_function('endless', function() while true do end end)
redis.register_function('one', function() return 1 end)";
    assert_eq!(client.ask(&["FUNCTION", "LOAD", library]), "$3\r\nlib\r\n");
    stop(&mut node);
    let node = node.again(&home, Path::new(env!("CARGO_BIN_EXE_dcache")));
    let mut client = Wire::connect(&node.gateway);
    assert_eq!(client.ask(&["FCALL", "one", "0"]), ":1\r\n");
    assert_eq!(client.ask(&["SET", "held", "1"]), "+OK\r\n");
    let late = "#!lua name=late\nwhile true do end";
    assert_eq!(
        client.ask(&["FUNCTION", "LOAD", late]),
        "-ERR Error registering functions: ERR FUNCTION LOAD timeout\r\n"
    );
    let mut endless = Wire::connect(&node.gateway);
    endless.send(&request(&["FCALL", "endless", "1", "held"]));
    wait_until("it to run long and be killed", || (client.ask(&["FUNCTION", "KILL"]) == "+OK\r\n").then_some(()));
    let reply = String::from_utf8(endless.reply()).unwrap();
    assert!(reply.starts_with("-ERR Script killed by user with FUNCTION KILL."), "{reply}");
}

/// Short scripts run between a client's other requests, on its worker or not; whatever runs where, replies come in the order of the
/// requests: of a node alone, of strong partitions with copies, and of a gateway whose keys are elsewhere.
#[test]
fn a_pipeline_of_short_scripts_and_other_requests_is_answered_in_order() {
    let home = Home::new();
    let alone = Node::start(&home, "alone", &[]);
    answers_in_order(&alone.gateway, &["a", "b", "c"].map(String::from));
    let nodes = ["n1", "n2", "n3"].map(|name| Node::start(&home, name, &[]));
    let nodes = formed(&home, nodes.into(), 1);
    let status = status(&home, &nodes[0]);
    let keys = ["n1", "n2", "n3"].map(|name| key_of(&status, name, "s:ordered"));
    for node in &nodes {
        answers_in_order(&node.gateway, &keys);
    }
}

fn answers_in_order(door: &str, keys: &[String; 3]) {
    let mut client = Wire::connect(door);
    let up = "return redis.call('incrby', KEYS[1], ARGV[1])";
    let shown = "return {KEYS[1], ARGV[1]}";
    for key in keys {
        assert_eq!(client.ask(&["SET", key, "0"]), "+OK\r\n");
    }
    let (mut sums, mut pipeline, mut expected) = ([0u64; 3], Vec::new(), Vec::new());
    for number in 1..=400u64 {
        let of = (number as usize * 7 / 3) % 3;
        let (key, text) = (&keys[of], number.to_string());
        let words: Vec<&str> = match number % 8 {
            0 | 1 => vec!["EVAL", up, "1", key, &text],
            2 => vec!["INCRBY", key, &text],
            3 => vec!["ECHO", &text],
            4 => vec!["EVAL", shown, "1", key, &text],
            5 => vec!["EVAL", up, "1", key],
            6 => vec!["EVALSHA", "ffffffffffffffffffffffffffffffffffffffff", "1", key],
            _ => vec!["LPUSH", key, &text],
        };
        let reply = match number % 8 {
            0..=2 => {
                sums[of] += number;
                format!(":{}\r\n", sums[of])
            }
            3 => format!("${}\r\n{text}\r\n", text.len()),
            4 => format!("*2\r\n${}\r\n{key}\r\n${}\r\n{text}\r\n", key.len(), text.len()),
            5 => "-ERR Lua redis lib command arguments must be strings or integers".into(),
            6 => "-NOSCRIPT".into(),
            _ => "-WRONGTYPE".into(),
        };
        pipeline.extend(request(&words));
        expected.push((words.join(" "), reply));
    }
    client.send(&pipeline);
    for (request, expected) in expected {
        let reply = String::from_utf8(client.reply()).unwrap();
        assert!(reply.starts_with(&expected), "{request}: {reply} instead of {expected}");
    }
}
