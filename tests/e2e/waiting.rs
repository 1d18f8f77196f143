//! Clients that wait for keys, on real connections: at every door and for every node's keys, until they are served, leave, are
//! ended, or the node that has the key is gone.

use crate::harness::history::{cluster, wait_until_healthy};
use crate::harness::{Home, Node, key_of, send, status, wait_until};
use crate::talk::wire::Wire;
use std::time::{Duration, Instant};

fn trio(home: &Home) -> Vec<Node> {
    let nodes: Vec<Node> = (1..=3).map(|n| Node::start(home, &format!("n{n}"), &["--workers", "2"])).collect();
    let list: String = nodes.iter().map(|node| format!("  - peers: {}\n", node.peers)).collect();
    let file = home.file("cluster.yaml", format!("name: trio\nnodes:\n{list}"));
    nodes[0].ok(home, &["cluster", "init", "-f", &file.to_string_lossy(), "--yes"]);
    nodes
}

fn popped(key: &str, item: &str) -> String {
    format!("*2|${}|{key}|${}|{item}|", key.len(), item.len())
}

/// What a field of `INFO clients` says.
fn field(node: &Node, name: &str) -> String {
    let mut client = Wire::to(&node.gateway);
    client.say("INFO clients|");
    let info = client.rest();
    let line = info.split('|').find(|line| line.starts_with(&format!("{name}:"))).unwrap().to_string();
    line.split_once(':').unwrap().1.to_string()
}

fn until_waiting(node: &Node, count: usize) {
    wait_until("so many clients wait", || (field(node, "blocked_clients") == count.to_string()).then_some(()));
}

fn until_keys(node: &Node, count: usize) {
    wait_until("so many keys are waited for", || {
        (field(node, "total_blocking_keys") == count.to_string()).then_some(())
    });
}

#[test]
fn clients_wait_at_any_node_for_keys_of_any() {
    let home = Home::new();
    let nodes = trio(&home);
    let status = status(&home, &nodes[0]);
    for (owner, name) in ["n1", "n2", "n3"].iter().enumerate() {
        let key = key_of(&status, name, "queue");
        for (at, node) in nodes.iter().enumerate() {
            let mut client = Wire::to(&node.gateway);
            client.say(&format!("BLPOP {key} 0|PING|BRPOP {key} 30|"));
            until_waiting(node, 1);
            let mut pusher = Wire::to(&nodes[(at + 1) % 3].gateway);
            pusher.ask(&format!("RPUSH {key} a"), ":1|");
            client.hear(&(popped(&key, "a") + "+PONG|"), "served, and what it said behind that");
            until_waiting(node, 1);
            pusher.ask(&format!("RPUSH {key} b"), ":1|");
            client.hear(&popped(&key, "b"), "once more");
            let began = Instant::now();
            client.ask(&format!("BZPOPMIN {key} 0.2"), "*-1|");
            assert!(began.elapsed() >= Duration::from_millis(200), "{:?}", began.elapsed());
            until_keys(&nodes[owner], 0);
        }
        let mut direct = Wire::to(&nodes[owner].cluster);
        direct.say(&format!("BLMOVE {key} {{{key}}}t LEFT RIGHT 0|"));
        until_waiting(&nodes[owner], 1);
        Wire::to(&nodes[owner].cluster).ask(&format!("RPUSH {key} c"), ":1|");
        direct.hear("$1|c|", "at the cluster door");
    }
    // Keys of several nodes, as a consumer of several queues has them.
    let keys = ["n3", "n1", "n2"].map(|name| key_of(&status, name, "several"));
    let mut client = Wire::to(&nodes[0].gateway);
    for key in &keys {
        client.say(&format!("BRPOP {} 0|", keys.join(" ")));
        until_waiting(&nodes[0], 1);
        Wire::to(&nodes[1].gateway).ask(&format!("LPUSH {key} x"), ":1|");
        client.hear(&popped(key, "x"), "whichever comes");
    }
    client.ask(&format!("BRPOP {} 0.1", keys.join(" ")), "*-1|");
}

#[test]
fn who_leaves_takes_nothing() {
    let home = Home::new();
    let nodes = trio(&home);
    let status = status(&home, &nodes[0]);
    let key = key_of(&status, "n2", "queue");
    for node in &nodes {
        let mut gone = Wire::to(&node.gateway);
        gone.say(&format!("BLPOP {key} 0|SET never 1|"));
        let mut killed = Wire::to(&node.gateway);
        killed.say("CLIENT ID|");
        let id = killed.integer();
        killed.say(&format!("BLPOP {key} 0|"));
        until_waiting(node, 2);
        drop(gone);
        until_waiting(node, 1);
        Wire::to(&node.gateway).ask(&format!("CLIENT KILL ID {id}"), ":1|");
        until_waiting(node, 0);
        assert_eq!(killed.rest(), "");
        until_keys(&nodes[1], 0);
        let mut pusher = Wire::to(&nodes[0].gateway);
        pusher.ask(&format!("RPUSH {key} a"), ":1|");
        pusher.ask(&format!("LPOP {key}"), "$1|a|");
        pusher.ask("EXISTS never", ":0|");
        let mut client = Wire::to(&node.gateway);
        client.say("CLIENT ID|");
        let id = client.integer();
        client.say(&format!("BLPOP {key} 0|"));
        until_waiting(node, 1);
        Wire::to(&node.gateway).ask(&format!("CLIENT UNBLOCK {id} ERROR"), ":1|");
        client.hear("-UNBLOCKED client unblocked via CLIENT UNBLOCK|", "unblocked");
    }
}

#[test]
fn every_item_reaches_one_of_many_clients() {
    const CLIENTS: usize = 60;
    let home = Home::new();
    let nodes = trio(&home);
    let key = key_of(&status(&home, &nodes[0]), "n3", "queue");
    let mut clients: Vec<Wire> = (0..CLIENTS).map(|n| Wire::to(&nodes[n % 3].gateway)).collect();
    clients.iter_mut().for_each(|client| client.say(&format!("BLPOP {key} 0|")));
    nodes.iter().for_each(|node| until_waiting(node, CLIENTS / 3));
    let mut pushers: Vec<Wire> = nodes.iter().map(|node| Wire::to(&node.gateway)).collect();
    for n in (0..CLIENTS).step_by(4) {
        let items: String = (n..n + 4).map(|item| format!(" {item:02}")).collect();
        pushers[n % 3].say(&format!("RPUSH {key}{items}|"));
        pushers[n % 3].integer();
    }
    let head = format!("*2|${}|{key}|$2|", key.len());
    let heard = |client: &mut Wire| {
        client.hear(&head, "served");
        client.line()
    };
    let mut items: Vec<String> = clients.iter_mut().map(heard).collect();
    items.sort();
    let expected: Vec<String> = (0..CLIENTS).map(|item| format!("{item:02}")).collect();
    assert_eq!(items, expected, "each once");
    until_keys(&nodes[2], 0);
}

#[test]
fn a_node_that_stops_ends_who_waits_there_and_one_that_starts_again_serves() {
    let home = Home::new();
    let mut nodes = trio(&home);
    let key = key_of(&status(&home, &nodes[0]), "n2", "queue");
    let mut here = Wire::to(&nodes[1].gateway);
    here.say(&format!("BLPOP {key} 0|"));
    let mut elsewhere = Wire::to(&nodes[0].gateway);
    elsewhere.say(&format!("BLPOP {key} 0|"));
    until_waiting(&nodes[1], 1);
    until_waiting(&nodes[0], 1);
    send("TERM", nodes[1].process.id());
    assert_eq!(here.rest(), "", "the connection ends without an answer");
    assert_eq!(nodes[1].process.wait(), 0);
    // Without copies its keys are nobody's meanwhile: the client waits on.
    nodes[1] = Node::start(&home, "n2", &["--workers", "2"]);
    let mut pusher = Wire::to(&nodes[2].gateway);
    wait_until("its keys can be written again", || {
        pusher.say(&format!("RPUSH {key} a|"));
        (pusher.line() == ":1").then_some(())
    });
    elsewhere.hear(&popped(&key, "a"), "served by the next process");
}

#[test]
fn clients_wait_on_when_the_node_that_has_the_key_is_killed() {
    let home = Home::new();
    let mut nodes = cluster(&home);
    for (turn, prefix) in ["e:", "s:"].iter().enumerate() {
        let status = status(&home, &nodes[0]);
        let victim = nodes[turn + 1].name.clone();
        let [one, other, never] = ["a", "b", "c"].map(|name| key_of(&status, &victim, &format!("{prefix}{name}")));
        let mut clients = [0, 2 - turn].map(|at| Wire::to(&nodes[at].gateway));
        clients[0].say(&format!("BRPOP {one} 0|"));
        until_waiting(&nodes[0], 1);
        clients[1].say(&format!("BRPOP {never} {other} 0|"));
        until_waiting(&nodes[2 - turn], 1);
        send("KILL", nodes[turn + 1].process.id());
        let mut pusher = Wire::to(&nodes[0].gateway);
        let mut push = |key: &str| {
            wait_until("another node has taken over", || {
                pusher.say(&format!("LPUSH {key} x|"));
                pusher.line().starts_with(':').then_some(())
            });
        };
        push(&one);
        clients[0].hear(&popped(&one, "x"), "by the node that took over");
        push(&other);
        clients[1].hear(&popped(&other, "x"), "by the node that took over");
        nodes[turn + 1] = Node::start(&home, &victim, &[]);
        wait_until_healthy(&home, &nodes[0]);
    }
}

#[test]
fn clients_wait_on_when_slots_are_handed_over_and_are_sent_there_at_the_cluster_door() {
    let home = Home::new();
    let nodes = cluster(&home);
    let key = key_of(&status(&home, &nodes[0]), "n2", "s:");
    let mut plain = [&nodes[0], &nodes[1], &nodes[2]].map(|node| Wire::to(&node.gateway));
    for (client, node) in plain.iter_mut().zip(&nodes) {
        client.say(&format!("BLPOP {key} 0|"));
        until_waiting(node, 1);
    }
    let mut direct = Wire::to(&nodes[1].cluster);
    direct.say(&format!("BLPOP {key} 0|"));
    until_waiting(&nodes[1], 2);
    nodes[0].ok(&home, &["cluster", "failover", "n2", "--yes", "--timeout", "60s"]);
    let moved = direct.line();
    assert!(moved.starts_with("-MOVED "), "{moved}");
    let mut pusher = Wire::to(&nodes[0].gateway);
    for item in ["a", "b", "c"] {
        pusher.ask(&format!("RPUSH {key} {item}"), ":1|");
        wait_until("somebody has it", || {
            pusher.say(&format!("LLEN {key}|"));
            (pusher.integer() == 0).then_some(())
        });
    }
    let mut heard = plain.map(|mut client| {
        client.hear(&format!("*2|${}|{key}|$1|", key.len()), "each has something");
        client.line()
    });
    heard.sort();
    assert_eq!(heard, ["a", "b", "c"]);
}
