//! Several nodes as one cache: any gateway for any key, the cluster door's redirects, the loss of a node and its return.

use crate::harness::resp::{Wire, request};
use crate::harness::{Home, Node, key_of, status, wait_until};
use dcache_protocol::slot_of;

/// Three nodes formed into a cluster.
fn three(home: &Home) -> Vec<Node> {
    let nodes: Vec<Node> = (1..=3).map(|n| Node::start(home, &format!("n{n}"), &[])).collect();
    form(home, &nodes, "");
    nodes
}

/// What a node holds is lost with it, and its slots wait for it.
fn three_without_copies(home: &Home) -> Vec<Node> {
    let nodes: Vec<Node> = (1..=3).map(|n| Node::start(home, &format!("n{n}"), &[])).collect();
    form(home, &nodes, "copies: 0\n");
    nodes
}

/// Forms a cluster of running nodes; `spec` are further lines of cluster.yaml.
fn form(home: &Home, nodes: &[Node], spec: &str) {
    let list: String = nodes.iter().map(|node| format!("  - peers: {}\n", node.peers)).collect();
    let file = home.file("cluster.yaml", format!("name: trio\n{spec}nodes:\n{list}"));
    nodes[0].ok(home, &["cluster", "init", "-f", &file.to_string_lossy(), "--yes"]);
}

#[test]
fn any_gateway_answers_for_any_key_in_the_order_of_the_requests() {
    let home = Home::new();
    let nodes = three(&home);
    let mut clients: Vec<Wire> = nodes.iter().map(|node| Wire::connect(&node.gateway)).collect();
    // Replies of several megabytes, local and forwarded in turn, asked for in one breath.
    let value = "x".repeat(30_000);
    for n in 0..200 {
        assert_eq!(clients[n % 3].ask(&["SET", &format!("k{n}"), &format!("{n}:{value}")]), "+OK\r\n");
    }
    for client in &mut clients {
        let asked: Vec<u8> = (0..200).flat_map(|n| request(&["GET", &format!("k{n}")])).collect();
        client.send(&asked);
        for n in 0..200 {
            let expected = format!("{n}:{value}");
            assert_eq!(client.reply(), format!("${}\r\n{expected}\r\n", expected.len()).into_bytes(), "reply {n}");
        }
    }
    let [a, b, c] = &mut clients[..] else { panic!("three clients") };
    assert_eq!(a.ask(&["DBSIZE"]), ":200\r\n");
    assert_eq!(b.ask(&["MSET", "p", "1", "q", "2", "r", "3"]), "+OK\r\n");
    assert_eq!(c.ask(&["MGET", "r", "nosuch", "q", "p"]), "*4\r\n$1\r\n3\r\n$-1\r\n$1\r\n2\r\n$1\r\n1\r\n");
    assert_eq!(a.ask(&["DEL", "p", "q", "r", "nosuch"]), ":3\r\n");
    assert_eq!(b.ask(&["FLUSHALL"]), "+OK\r\n");
    assert_eq!(c.ask(&["DBSIZE"]), ":0\r\n");
}

#[test]
fn a_client_that_will_ask_nothing_more_still_gets_every_reply() {
    let home = Home::new();
    let nodes = three(&home);
    let mut client = Wire::connect(&nodes[0].gateway);
    let asked: Vec<u8> = (0..1000).flat_map(|n| request(&["SET", &format!("k{n}"), "v"])).collect();
    client.send(&asked);
    client.stream().shutdown(std::net::Shutdown::Write).unwrap();
    for _ in 0..1000 {
        assert_eq!(client.reply(), b"+OK\r\n");
    }
}

#[test]
fn the_cluster_door_redirects_and_says_the_same_on_every_node() {
    let home = Home::new();
    let nodes = three(&home);
    let mut doors: Vec<Wire> = nodes.iter().map(|node| Wire::connect(&node.cluster)).collect();
    let slots: Vec<String> = doors.iter_mut().map(|door| door.ask(&["CLUSTER", "SLOTS"])).collect();
    assert!(slots.iter().all(|reply| *reply == slots[0]), "identical bytes");
    let key = key_of(&status(&home, &nodes[0]), "n2", "key:");
    let slot = slot_of(key.as_bytes());
    assert_eq!(doors[0].ask(&["SET", &key, "v"]), format!("-MOVED {slot} {}\r\n", nodes[1].cluster));
    assert_eq!(doors[1].ask(&["SET", &key, "v"]), "+OK\r\n");
    assert!(doors[2].ask(&["CLUSTER", "MEET", "127.0.0.1", "1"]).contains("dcache"), "names the verb to use");
}

#[test]
fn a_lost_node_is_named_and_its_slots_come_back_with_it_on_other_addresses() {
    let home = Home::new();
    let mut nodes = three_without_copies(&home);
    let before = status(&home, &nodes[0]);
    let (here, there) = (key_of(&before, "n1", "key:"), key_of(&before, "n3", "key:"));
    let mut client = Wire::connect(&nodes[0].gateway);
    assert_eq!(client.ask(&["SET", &there, "v"]), "+OK\r\n");

    drop(nodes.pop());
    let lost = wait_until("the loss is agreed", || {
        let outcome = nodes[0].run(&home, &["cluster", "status", "--check", "-o", "json"]);
        let agreed = outcome.json()["nodes"].as_array().unwrap().iter().any(|node| node["state"] == "down");
        agreed.then_some(outcome)
    });
    assert_eq!(lost.code, 8);
    let finding = &lost.json()["findings"][0];
    assert_eq!((finding["check"].as_str(), finding["node"].as_str()), (Some("NODE-01"), Some("n3")));
    assert!(!lost.json()["slotsUnserved"].as_array().unwrap().is_empty());
    assert_eq!(client.ask(&["SET", &here, "v"]), "+OK\r\n", "the others are served");
    assert_eq!(client.ask(&["GET", &there]), "-CLUSTERDOWN Hash slot not served: node n3 is down\r\n");

    // Ports of its own choosing again: only the data directory is the same.
    nodes.push(Node::start(&home, "n3", &[]));
    wait_until("its slots are served again", || (client.ask(&["GET", &there]) == "$-1\r\n").then_some(()));
    assert_eq!(client.ask(&["SET", &there, "w"]), "+OK\r\n");
    let after = wait_until("the cluster is healthy", || {
        let status = status(&home, &nodes[0]);
        (status["health"] == "healthy").then_some(status)
    });
    let address = after["nodes"].as_array().unwrap().iter().find(|node| node["name"] == "n3").unwrap();
    assert_eq!(address["addresses"]["gateway"].as_str(), Some(nodes[2].gateway.as_str()));
}

#[test]
fn a_fresh_node_joins_without_slots_and_its_gateway_serves() {
    let home = Home::new();
    let nodes = three(&home);
    assert_eq!(Wire::connect(&nodes[0].gateway).ask(&["SET", "a", "1"]), "+OK\r\n");
    let fourth = Node::start(&home, "n4", &["--join", &nodes[1].peers]);
    let mut client = Wire::connect(&fourth.gateway);
    wait_until("the newcomer serves", || (client.ask(&["GET", "a"]) == "$1\r\n1\r\n").then_some(()));
    let joined = wait_until("everyone sees it", || {
        let status = status(&home, &nodes[2]);
        let nodes = status["nodes"].as_array().unwrap();
        nodes.iter().find(|node| node["name"] == "n4" && node["reachable"] == true).cloned()
    });
    assert_eq!(joined["slots"], 0);
}
