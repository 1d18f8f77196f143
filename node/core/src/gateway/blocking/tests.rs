//! Clients that wait at one node for keys of others: turns, order, lost messages, and slots that go elsewhere.

use super::*;
use crate::fixture::{self, Caller, Cluster, held_by, id, key_of};
use dcache_protocol::{Epoch, NodeState};
use std::sync::Arc;

/// A client of a node that waits for what it said.
fn waiting<'a>(cluster: &'a Cluster, number: usize, line: &str) -> Caller<'a> {
    let mut client = cluster.client(number, Door::Gateway);
    assert_eq!(client.ask(line), "", "{line}");
    assert!(client.blocked.is_some(), "{line}");
    client
}

fn popped(key: &str, item: &str) -> String {
    format!("*2|${}|{key}|${}|{item}|", key.len(), item.len())
}

/// What belonged to one node is another's now.
fn hand_over(cluster: &Cluster, from: usize, to: usize) {
    let mut metadata = fixture::metadata(cluster.nodes.len());
    for partition in metadata.table.iter_mut().filter(|partition| partition.holder() == Some(id(from))) {
        *partition = held_by(to);
    }
    metadata.epoch = Epoch(metadata.epoch.0 + 1);
    cluster.publish(&metadata);
}

/// No node knows of anybody who waits.
fn nobody_waits(cluster: &Cluster) -> bool {
    cluster.talk();
    fixture::pass(Duration::from_secs(2));
    cluster.nodes.iter().for_each(|node| node.maintain(0, 1));
    cluster.nodes.iter().all(|node| !node.blocking.has_waiters())
}

#[test]
fn a_client_waits_at_any_node_for_keys_of_any() {
    let cluster = Cluster::new(3);
    cluster.talk();
    for at in 0..3 {
        for pusher in 0..3 {
            let key = key_of(1, 3, 0);
            let mut client = waiting(&cluster, at, &format!("BLPOP {key} 0"));
            assert!(cluster.nodes[1].blocking.has_waiters(), "its owner knows");
            assert_eq!(cluster.client(pusher, Door::Gateway).ask(&format!("RPUSH {key} a")), ":1|");
            cluster.talk();
            assert_eq!(client.heard(), popped(&key, "a"), "waits at {at}, pushed at {pusher}");
        }
    }
    let key = key_of(1, 3, 1);
    let mut client = waiting(&cluster, 0, &format!("BZPOPMIN {key} 0"));
    cluster.client(1, Door::Cluster).say(&format!("ZADD {key} 1 a"));
    cluster.talk();
    assert_eq!(client.heard(), format!("*3|${}|{key}|$1|a|$1|1|", key.len()));
    let mut client = waiting(&cluster, 0, &format!("BLMOVE {key} {{{key}}}t LEFT LEFT 0"));
    let mut linked = waiting(&cluster, 2, &format!("BLMOVE {{{key}}}t {{{key}}}u LEFT LEFT 0"));
    cluster.client(2, Door::Gateway).say(&format!("RPUSH {key} a"));
    cluster.talk();
    assert_eq!(client.heard(), "$1|a|");
    cluster.talk();
    assert_eq!(linked.heard(), "$1|a|", "what is moved for one is there for the next");
    drop((client, linked));
    assert!(nobody_waits(&cluster));
}

#[test]
fn streams_of_other_nodes_are_waited_for_from_what_is_there_now() {
    let cluster = Cluster::new(3);
    cluster.talk();
    let key = key_of(1, 3, 0);
    let mut writer = cluster.client(2, Door::Gateway);
    writer.say(&format!("XADD {key} 1-1 f old"));
    writer.say(&format!("XGROUP CREATE {key} g $"));
    let mut reader = waiting(&cluster, 0, &format!("XREAD BLOCK 0 STREAMS {key} $"));
    let mut consumer = waiting(&cluster, 2, &format!("XREADGROUP GROUP g c BLOCK 0 STREAMS {key} >"));
    writer.say(&format!("XADD {key} 1-2 f new"));
    cluster.talk();
    let heard = format!("*1|*2|${}|{key}|*1|*2|$3|1-2|*2|$1|f|$3|new|", key.len());
    assert_eq!((reader.heard(), consumer.heard()), (heard.clone(), heard));
    assert!(writer.ask(&format!("XPENDING {key} g")).starts_with("*4|:1|$3|1-2|$3|1-2|"));
    let mut consumer = waiting(&cluster, 0, &format!("XREADGROUP GROUP g c BLOCK 0 STREAMS {key} >"));
    writer.say(&format!("DEL {key}"));
    cluster.talk();
    assert!(consumer.heard().starts_with("-NOGROUP No such key"));
    assert!(nobody_waits(&cluster));
    let other = key_of(2, 3, 0);
    assert!(writer.ask(&format!("XREAD STREAMS {key} {other} 0 0")).starts_with("-CROSSSLOT"));
}

#[test]
fn clients_wait_for_keys_of_a_pinned_database_as_on_one_server() {
    let cluster = Cluster::new(3);
    cluster.publish(&crate::gateway::tests::pinning());
    cluster.talk();
    // Of three nodes, if the database were not pinned.
    let [a, b, c] = [0, 1, 2].map(|number| key_of(number, 3, 0));
    for at in 0..3 {
        let mut client = cluster.client(at, Door::Gateway);
        client.say("SELECT 3");
        assert_eq!(client.ask(&format!("BRPOP {a} {b} {c} 0")), "");
        let mut other = cluster.client((at + 1) % 3, Door::Gateway);
        other.say(&format!("RPUSH {b} of-database-0"));
        other.say("SELECT 3");
        other.say("MULTI");
        other.say(&format!("RPUSH {c} third"));
        other.say(&format!("RPUSH {a} first"));
        assert_eq!(other.ask("EXEC"), "*2|:1|:1|");
        cluster.talk();
        assert_eq!(client.heard(), popped(&a, "first"), "the first of its keys, as all came at once");
        assert_eq!(other.ask(&format!("LRANGE {c} 0 -1")), "*1|$5|third|");
        other.say("FLUSHALL");
    }
    assert!(nobody_waits(&cluster));
}

#[test]
fn who_came_first_has_the_first_turn_wherever_it_waits() {
    let cluster = Cluster::new(3);
    cluster.talk();
    let key = key_of(1, 3, 0);
    let line = format!("BLPOP {key} 0");
    let mut clients = [0, 1, 2, 1].map(|at| waiting(&cluster, at, &line));
    let mut pusher = cluster.client(1, Door::Gateway);
    pusher.say(&format!("RPUSH {key} a"));
    assert_eq!(clients[1].heard(), "", "the element is kept for the first");
    cluster.talk();
    assert_eq!(clients[0].heard(), popped(&key, "a"));
    pusher.say(&format!("RPUSH {key} b"));
    assert_eq!(clients[1].heard(), popped(&key, "b"), "one that is here is served at once");
    pusher.say(&format!("RPUSH {key} c d"));
    assert_eq!(clients[3].heard(), popped(&key, "c"), "there is one more than those before it need");
    cluster.talk();
    assert_eq!(clients[2].heard(), popped(&key, "d"));
}

#[test]
fn nothing_is_taken_for_a_client_that_is_gone() {
    let cluster = Cluster::new(3);
    cluster.talk();
    let key = key_of(1, 3, 0);
    let line = format!("BLPOP {key} 0");
    let first = waiting(&cluster, 0, &line);
    let mut second = waiting(&cluster, 2, &line);
    let mut pusher = cluster.client(1, Door::Gateway);
    pusher.say(&format!("RPUSH {key} a"));
    drop(first);
    cluster.talk();
    cluster.talk();
    assert_eq!(second.heard(), popped(&key, "a"), "the first one's node says that it is gone");
    let first = waiting(&cluster, 0, &line);
    let second = waiting(&cluster, 2, &line);
    drop((first, second));
    cluster.talk();
    pusher.say(&format!("RPUSH {key} b"));
    cluster.talk();
    assert_eq!(pusher.ask(&format!("LLEN {key}")), ":1|");
    assert!(nobody_waits(&cluster));
}

#[test]
fn one_that_is_told_and_does_not_come_keeps_nobody_waiting() {
    let cluster = Cluster::new(3);
    cluster.talk();
    let key = key_of(1, 3, 0);
    let line = format!("BLPOP {key} 0");
    let mut slow = waiting(&cluster, 0, &line);
    let mut next = waiting(&cluster, 1, &line);
    cluster.client(1, Door::Gateway).say(&format!("RPUSH {key} a"));
    assert_eq!(next.heard(), "");
    fixture::pass(Duration::from_millis(1000));
    cluster.nodes[1].maintain(0, 1);
    assert_eq!(next.heard(), popped(&key, "a"));
    cluster.talk();
    assert_eq!(slow.heard(), "", "there is nothing left for it");
    cluster.client(1, Door::Gateway).say(&format!("RPUSH {key} b"));
    cluster.talk();
    assert_eq!(slow.heard(), popped(&key, "b"), "it has kept its place");
}

#[test]
fn keys_of_several_nodes_are_tried_in_their_order() {
    let cluster = Cluster::new(3);
    cluster.talk();
    let keys: Vec<String> = [2, 0, 1, 2].iter().zip(0..).map(|(node, salt)| key_of(*node, 3, salt)).collect();
    let mut pusher = cluster.client(2, Door::Gateway);
    for at in 0..3 {
        for (command, behind) in [("BLPOP", " 0"), ("BLMPOP 0 4", " LEFT")] {
            let line = format!("{command} {}{behind}", keys.join(" "));
            let answer = |key: &String| match behind {
                " 0" => popped(key, "a"),
                _ => format!("*2|${}|{key}|*1|$1|a|", key.len()),
            };
            for key in &keys {
                let mut client = waiting(&cluster, at, &line);
                pusher.say(&format!("RPUSH {key} a"));
                // Twice: the node may have to be told first that the one before is gone.
                cluster.talk();
                cluster.talk();
                assert_eq!(client.heard(), answer(key), "{line} at {at}");
            }
            pusher.say(&format!("RPUSH {} a", keys[3]));
            pusher.say(&format!("RPUSH {} a", keys[1]));
            let mut client = cluster.client(at, Door::Gateway);
            assert_eq!(client.ask(&line), answer(&keys[1]), "what is there is answered at once, the first key's first");
            assert_eq!(client.ask(&line), answer(&keys[3]));
            assert_eq!(client.ask(&format!("LLEN {}", keys[3])), ":0|");
        }
    }
    assert!(nobody_waits(&cluster));
    let mut client = cluster.client(0, Door::Gateway);
    let (one, other) = (&keys[1], &keys[2]);
    let crossed = "-CROSSSLOT Keys in request don't hash to the same slot|";
    assert_eq!(client.ask(&format!("BRPOPLPUSH {one} {other} 0")), crossed, "an element cannot move between nodes");
    client.say("MULTI");
    client.say(&format!("BLPOP {one} {other} 0"));
    client.say(&format!("BLPOP {other} 0"));
    assert_eq!(client.ask("EXEC"), "*2|*-1|*-1|", "nobody waits in a transaction, split or not");
    client.say("MULTI");
    client.say(&format!("BLPOP {other} 0"));
    assert_eq!(client.ask("EXEC"), "*1|*-1|");
    assert!(client.blocked.is_none() && nobody_waits(&cluster));
}

#[test]
fn waiting_elsewhere_ends_as_it_does_here() {
    let cluster = Cluster::new(2);
    cluster.talk();
    let key = key_of(1, 2, 0);
    let mut other = cluster.client(0, Door::Gateway);
    let mut client = waiting(&cluster, 0, &format!("BLPOP {key} 2.5"));
    fixture::pass(Duration::from_millis(2499));
    assert_eq!(client.heard(), "");
    fixture::pass(Duration::from_millis(1));
    assert_eq!(client.heard(), "*-1|");
    assert_eq!(client.ask(&format!("BLPOP {key} x")), "-ERR timeout is not a float or out of range|");
    client.say(&format!("BLPOP {key} 0"));
    assert_eq!(other.ask(&format!("CLIENT UNBLOCK {} ERROR", client.session.id())), ":1|");
    assert_eq!(client.heard(), "-UNBLOCKED client unblocked via CLIENT UNBLOCK|");
    assert!(nobody_waits(&cluster));
    other.say(&format!("SET {key} x"));
    assert_eq!(
        client.ask(&format!("BLPOP {key} 0")),
        "-WRONGTYPE Operation against a key holding the wrong kind of value|"
    );
    assert!(nobody_waits(&cluster));
}

#[test]
fn a_lost_message_is_made_good() {
    let cluster = Cluster::new(2);
    cluster.talk();
    let key = key_of(1, 2, 0);
    let line = format!("BLPOP {key} 0");
    let mut client = waiting(&cluster, 0, &line);
    // That it is its turn does not arrive.
    cluster.broken.borrow_mut().insert(id(0), ForwardError::LinkLost);
    cluster.client(1, Door::Gateway).say(&format!("RPUSH {key} a"));
    cluster.talk();
    assert_eq!(client.heard(), "");
    cluster.broken.borrow_mut().clear();
    fixture::pass(Duration::from_millis(300));
    cluster.talk();
    assert_eq!(client.heard(), popped(&key, "a"), "that something was lost is said");
    // Its place is lost.
    client.say(&line);
    fixture::pass(Duration::from_millis(1000));
    let lost = cluster.nodes[0].blocking.listing(id(1), cluster.nodes[0].now()).expect("it waits there");
    let token = u64::from_le_bytes(lost.try_into().expect("one"));
    cluster.nodes[1].blocking.withdraw(id(0), token);
    cluster.client(1, Door::Gateway).say(&format!("RPUSH {key} b"));
    cluster.talk();
    assert_eq!(client.heard(), "");
    fixture::pass(Duration::from_millis(1000));
    cluster.talk();
    assert_eq!(client.heard(), popped(&key, "b"), "its node says who waits, and is told who is not known");
    // That it is gone is lost.
    client.say(&line);
    cluster.nodes[0].blocking.take_gone(id(1));
    drop(client);
    cluster.nodes[0].blocking.take_gone(id(1));
    assert!(cluster.nodes[1].blocking.has_waiters());
    fixture::pass(Duration::from_secs(11));
    cluster.nodes[1].maintain(0, 1);
    assert!(!cluster.nodes[1].blocking.has_waiters());
}

#[test]
fn a_client_waits_on_where_its_slot_goes() {
    let cluster = Cluster::new(3);
    cluster.talk();
    let key = key_of(1, 3, 0);
    let line = format!("BLPOP {key} 0");
    let mut clients = [0, 1, 2].map(|at| waiting(&cluster, at, &line));
    let mut direct = cluster.client(1, Door::Cluster);
    assert_eq!(direct.ask(&line), "");
    hand_over(&cluster, 1, 2);
    let moved = direct.heard();
    assert!(moved.starts_with("-MOVED ") && moved.ends_with(" 10.0.0.3:7400|"), "{moved}");
    assert!(clients.iter_mut().all(|client| client.heard().is_empty()));
    assert!(!cluster.nodes[1].blocking.has_waiters(), "nobody waits where the key is not");
    let mut pusher = cluster.client(0, Door::Gateway);
    pusher.say(&format!("RPUSH {key} a b c"));
    cluster.talk();
    let heard: Vec<String> = clients.iter_mut().map(Caller::heard).collect();
    assert_eq!(heard.iter().filter(|heard| !heard.is_empty()).count(), 3, "{heard:?}");
    // Something came there before anybody said that the slot had moved.
    let mut client = waiting(&cluster, 0, &line);
    hand_over(&cluster, 1, 1);
    cluster.client(1, Door::Gateway).say(&format!("RPUSH {key} d"));
    cluster.talk();
    assert_eq!(client.heard(), popped(&key, "d"));
}

#[test]
fn a_client_waits_on_while_nobody_serves_its_key() {
    let cluster = Cluster::new(3);
    cluster.talk();
    let key = key_of(1, 3, 0);
    let line = format!("BLPOP {key} 0");
    let mut client = waiting(&cluster, 0, &line);
    let mut metadata = fixture::metadata(3);
    metadata.nodes.get_mut(&id(1)).expect("a member").state = NodeState::Down;
    metadata.epoch = Epoch(metadata.epoch.0 + 1);
    cluster.nodes[0].publish(Arc::new(metadata), None);
    assert_eq!(client.heard(), "");
    assert!(client.blocked.is_some());
    let mut other = cluster.client(0, Door::Gateway);
    assert!(other.ask(&line).starts_with("-CLUSTERDOWN "), "who comes now is told");
    hand_over(&cluster, 1, 0);
    cluster.client(2, Door::Gateway).say(&format!("RPUSH {key} a"));
    fixture::pass(RETRY_AFTER);
    assert_eq!(client.heard(), popped(&key, "a"));
    // A node that does not answer: it is asked again later.
    let key = key_of(2, 3, 0);
    client.say(&format!("BLPOP {key} 0"));
    cluster.broken.borrow_mut().insert(id(2), ForwardError::Unreachable);
    hand_over(&cluster, 2, 2);
    cluster.nodes[0].blocking.may_have_turns(id(2));
    assert_eq!(client.heard(), "");
    cluster.broken.borrow_mut().clear();
    cluster.client(2, Door::Gateway).say(&format!("RPUSH {key} b"));
    fixture::pass(RETRY_AFTER);
    assert_eq!(client.heard(), popped(&key, "b"));
}

#[test]
fn a_client_whose_answer_is_lost_is_hung_up_on() {
    let cluster = Cluster::new(2);
    cluster.talk();
    let key = key_of(1, 2, 0);
    let mut client = cluster.client(0, Door::Gateway);
    cluster.broken.borrow_mut().insert(id(1), ForwardError::LinkLost);
    assert_eq!(client.ask(&format!("BLPOP {key} 0")), "");
    assert!(client.blocked.is_none());
    client.ask("PING");
    assert!(client.closed, "as by a server that goes");
}

#[test]
fn what_nodes_say_of_waiters_is_no_client_s_to_say() {
    let cluster = Cluster::new(2);
    let mut client = cluster.client(0, Door::Gateway);
    assert!(client.ask("dcache.block 1 2 3 BLPOP k 0").starts_with("-ERR unknown command"));
    let key = key_of(1, 2, 0);
    let node = cluster.nodes[1].config();
    let (me, process) = (node.id.to_string(), node.incarnation.to_string());
    for words in [
        vec!["dcache.block"],
        vec!["dcache.block", "x", &process, "1", "BLPOP", &key, "0"],
        vec!["dcache.block", &me, &process, "1", "GET", &key],
        vec!["dcache.block", &me, &process, "1", "BLPOP", &key],
        vec!["dcache.block", &me, &process, "-1", "BLPOP", &key, "0"],
    ] {
        let mut request = Vec::new();
        encode_request(&words, &mut request);
        let part = Part { to: id(1), database: 0, resp: 2, request, patience: Duration::ZERO };
        let reply = cluster.carry(&part).expect("an answer");
        assert_eq!(reply.first(), Some(&b'-'), "{words:?}");
    }
    assert!(!cluster.nodes[1].blocking.has_waiters());
}

#[test]
fn a_request_is_cut_into_pieces_of_the_same_kind() {
    for (line, indexes, piece) in [
        ("BLPOP a b c 1.5", vec![2], "BLPOP b 1.5"),
        ("BZPOPMAX a b c 0", vec![1, 3], "BZPOPMAX a c 0"),
        ("BLMPOP 0 3 a b c LEFT COUNT 9", vec![3, 4], "BLMPOP 0 2 a b LEFT COUNT 9"),
    ] {
        let mut request = Vec::new();
        encode_request(&line.split(' ').collect::<Vec<_>>(), &mut request);
        let words = with_request(&request, |command, args| part_of(command, args, &indexes)).expect("a command");
        assert_eq!(words.join(&b' '), piece.as_bytes(), "{line}");
    }
}
