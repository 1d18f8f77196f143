//! Scripts on real nodes: an endless one beside others' requests, killing it, the time limit, and sums through any node.

use crate::harness::resp::{Wire, request};
use crate::harness::{Home, Node, key_of, status, wait_until};
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
