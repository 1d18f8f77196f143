//! Several nodes in one process: requests that come in at one of them and are answered by others.

use super::split::CURSOR_BITS;
use super::*;
use crate::Served;
use crate::command::Door;
use crate::fixture::{self, Caller, Cluster, id, key_of};
use crate::session::Step;
use crate::view::TAG_MAX;
use dcache_cluster::failover::Configuration;
use dcache_protocol::namespace::PINNED;
use dcache_protocol::peer::DataHeader;
use dcache_protocol::resp::parse::Limits;
use dcache_protocol::resp::value::{Value, parse_value};
use dcache_protocol::{Consistency, Match, NamespaceSpec, NodeState, Placement};
use std::collections::BTreeSet;
use std::sync::Arc;

fn value_of(reply: &str) -> Value {
    let (value, length) = parse_value(reply.as_bytes(), &Limits::default()).expect("a reply").expect("a whole reply");
    assert_eq!(length, reply.len());
    value
}

/// Keys and cursor of a `SCAN` reply.
fn page_of(reply: &str) -> (u64, Vec<String>) {
    let Value::Array(parts) = value_of(reply) else { panic!("{reply}") };
    let text = |value: &Value| String::from_utf8(value.as_bytes().expect("a string").to_vec()).expect("text");
    (text(&parts[0]).parse().expect("a cursor"), parts[1].as_slice().expect("keys").iter().map(text).collect())
}

fn gateway(cluster: &Cluster) -> Caller<'_> {
    cluster.client(0, Door::Gateway)
}

/// Takes a node down for all others, as the metadata does.
fn take_down(cluster: &Cluster, number: usize) {
    let mut metadata = fixture::metadata(cluster.nodes.len());
    metadata.nodes.get_mut(&id(number)).expect("a member").state = NodeState::Down;
    metadata.epoch = Epoch(metadata.epoch.0 + 1);
    cluster.publish(&metadata);
}

#[test]
fn any_node_answers_for_any_key() {
    let cluster = Cluster::new(3);
    for n in 0..300 {
        let (key, value) = (format!("k{n}"), format!("v{n}"));
        assert_eq!(cluster.client(n % 3, Door::Gateway).call(&["SET", &key, &value]), "+OK\r\n");
        let expected = format!("${}\r\n{value}\r\n", value.len());
        for number in 0..3 {
            assert_eq!(cluster.client(number, Door::Gateway).call(&["GET", &key]), expected);
        }
    }
    let items: Vec<u64> = cluster.nodes.iter().map(|node| node.items()).collect();
    assert_eq!(items.iter().sum::<u64>(), 300);
    assert!(items.iter().all(|items| *items > 50), "{items:?}");
    assert!(cluster.carried.get() > 300);
}

#[test]
fn a_request_of_this_node_s_keys_asks_nobody() {
    let cluster = Cluster::new(3);
    let mut client = gateway(&cluster);
    let keys: Vec<String> = (0..4).map(|salt| key_of(0, 3, salt)).collect();
    assert_eq!(client.call(&["MSET", &keys[0], "a", &keys[1], "b"]), "+OK\r\n");
    assert_eq!(client.call(&["MGET", &keys[1], &keys[2], &keys[0]]), "*3\r\n$1\r\nb\r\n$-1\r\n$1\r\na\r\n");
    assert_eq!(client.call(&["DEL", &keys[0], &keys[1], &keys[3]]), ":2\r\n");
    assert_eq!(cluster.carried.get(), 0);
}

#[test]
fn keys_of_several_nodes_come_back_in_their_order() {
    let cluster = Cluster::new(3);
    let mut client = gateway(&cluster);
    let keys: Vec<String> = (0..12).map(|n| key_of(n * 2 % 3, 3, n)).collect();
    let pairs: Vec<(String, String)> = keys.iter().enumerate().map(|(n, key)| (key.clone(), format!("v{n}"))).collect();
    let mut request = vec!["MSET"];
    request.extend(pairs.iter().flat_map(|(key, value)| [key.as_str(), value.as_str()]));
    assert_eq!(client.call(&request), "+OK\r\n");
    assert_eq!(cluster.carried.get(), 2, "one part a node, however many keys");

    let mut wanted: Vec<&str> = keys.iter().rev().map(String::as_str).collect();
    wanted.insert(5, "nosuch");
    wanted.push(&keys[3]);
    let mut request = vec!["MGET"];
    request.extend(&wanted);
    let expected = |null: &str| {
        let value = |key: &&str| match pairs.iter().find(|(known, _)| known == key) {
            Some((_, value)) => format!("${}\r\n{value}\r\n", value.len()),
            None => null.to_string(),
        };
        format!("*14\r\n{}", wanted.iter().map(value).collect::<String>())
    };
    assert_eq!(client.call(&request), expected("$-1\r\n"));
    client.call(&["HELLO", "3"]);
    assert_eq!(client.call(&request), expected("_\r\n"));
}

#[test]
fn counts_of_several_nodes_are_added() {
    let cluster = Cluster::new(3);
    let mut client = gateway(&cluster);
    let keys: Vec<String> = (0..9).map(|n| key_of(n % 3, 3, n)).collect();
    for key in &keys[..6] {
        client.call(&["SET", key, "v"]);
    }
    let with = |name: &'static str| std::iter::once(name).chain(keys.iter().map(String::as_str)).collect::<Vec<&str>>();
    assert_eq!(client.call(&with("EXISTS")), ":6\r\n");
    assert_eq!(
        client.call(&["EXISTS", &keys[0], &keys[0], &keys[1]]),
        ":3\r\n",
        "a key counts as often as it is named"
    );
    assert_eq!(client.call(&with("TOUCH")), ":6\r\n");
    assert_eq!(client.call(&["UNLINK", &keys[0], &keys[1]]), ":2\r\n");
    assert_eq!(client.call(&with("DEL")), ":4\r\n");
    assert_eq!(client.call(&with("EXISTS")), ":0\r\n");
}

#[test]
fn a_lame_mset_sets_nothing() {
    let cluster = Cluster::new(3);
    let mut client = gateway(&cluster);
    let [a, b, c] = [0, 1, 2].map(|n| key_of(n, 3, 0));
    let error = "-ERR wrong number of arguments for 'mset' command\r\n";
    assert_eq!(client.call(&["MSET", &a, "1", &b]), error);
    assert_eq!(client.call(&["MSET", &a, "1", &b, "2", &c]), error);
    assert_eq!(client.call(&["EXISTS", &a, &b, &c]), ":0\r\n");
}

#[test]
fn what_cannot_be_split_runs_where_all_keys_are_or_is_refused() {
    let cluster = Cluster::new(3);
    let mut client = gateway(&cluster);
    let cross = "-CROSSSLOT Keys in request don't hash to the same slot\r\n";
    for number in 0..3 {
        let [a, b] = [0, 1].map(|salt| key_of(number, 3, salt));
        assert_eq!(client.call(&["SET", &a, "v"]), "+OK\r\n");
        assert_eq!(client.call(&["RENAME", &a, &b]), "+OK\r\n");
        assert_eq!(client.call(&["GET", &b]), "$1\r\nv\r\n");
        assert_eq!(client.call(&["MSETNX", &a, "1", &b, "2"]), ":0\r\n");
        let elsewhere = key_of((number + 1) % 3, 3, 5);
        assert_eq!(client.call(&["RENAME", &b, &elsewhere]), cross);
        assert_eq!(client.call(&["MSETNX", &a, "1", &elsewhere, "2"]), cross);
    }
}

#[test]
fn numbered_databases_reach_their_owners() {
    let cluster = Cluster::new(2);
    let mut client = gateway(&cluster);
    let key = key_of(1, 2, 0);
    client.call(&["SELECT", "7"]);
    client.call(&["SET", &key, "seven"]);
    assert_eq!(client.call(&["GET", &key]), "$5\r\nseven\r\n");
    assert_eq!(client.call(&["DBSIZE"]), ":1\r\n");
    client.call(&["SELECT", "0"]);
    assert_eq!(client.call(&["GET", &key]), "$-1\r\n");
    assert_eq!(client.call(&["DBSIZE"]), ":0\r\n");
    client.call(&["SET", &key, "zero"]);
    assert_eq!(client.call(&["FLUSHDB"]), "+OK\r\n");
    client.call(&["SELECT", "7"]);
    assert_eq!(client.call(&["GET", &key]), "$5\r\nseven\r\n");
    assert_eq!(client.call(&["FLUSHALL"]), "+OK\r\n");
    assert_eq!(client.call(&["GET", &key]), "$-1\r\n");
}

/// Databases 3 and 9 are pinned.
pub(crate) fn pinning() -> dcache_cluster::metadata::Metadata {
    let mut metadata = fixture::metadata(3);
    for number in [3, 9] {
        let name = format!("queues{number}");
        let spec = NamespaceSpec {
            name: name.clone(),
            matches: Some(Match::Database(number)),
            placement: Placement::Pinned,
            ..NamespaceSpec::default_namespace()
        };
        assert_eq!(spec.check(), Ok(()));
        metadata.namespaces.insert(name, spec);
    }
    metadata.epoch = Epoch(metadata.epoch.0 + 10);
    metadata
}

#[test]
fn a_pinned_database_is_as_one_server_behind_every_gateway() {
    let cluster = Cluster::new(3);
    cluster.publish(&pinning());
    let keys: Vec<String> = (0..3).map(|number| key_of(number, 3, 0)).collect();
    let [a, b, c] = [&keys[0], &keys[1], &keys[2]].map(String::as_str);
    let mut holders = BTreeSet::new();
    for database in ["3", "9"] {
        for number in 0..3 {
            let mut client = cluster.client(number, Door::Gateway);
            // In one batch with what follows: read ahead under the other database.
            let select = format!("*2\r\n$6\r\nSELECT\r\n$1\r\n{database}\r\n");
            let set = format!("*3\r\n$3\r\nSET\r\n${}\r\n{a}\r\n$1\r\n1\r\n", a.len());
            assert_eq!(client.send(format!("{select}{set}").as_bytes()), b"+OK\r\n+OK\r\n");
            assert_eq!(client.call(&["MSETNX", b, "2", c, "3"]), ":1\r\n", "across nodes otherwise");
            assert_eq!(client.call(&["RENAME", a, b]), "+OK\r\n");
            assert_eq!(client.call(&["MGET", a, b, c]), "*3\r\n$-1\r\n$1\r\n1\r\n$1\r\n3\r\n");
            assert_eq!(client.call(&["WATCH", a, c]), "+OK\r\n");
            client.call(&["MULTI"]);
            client.call(&["RPUSH", a, "x", "y"]);
            client.call(&["LMOVE", a, "other", "LEFT", "RIGHT"]);
            assert_eq!(client.call(&["EXEC"]), "*2\r\n:2\r\n$1\r\nx\r\n");
            assert_eq!(client.call(&["DBSIZE"]), ":4\r\n");
            assert_eq!(value_of(&client.call(&["KEYS", "*"])).as_slice().map(<[Value]>::len), Some(4));
            assert!(
                client.call(&["INFO", "keyspace"]).contains(&format!("db{database}:keys="))
                    || number != holder(&cluster, database)
            );
            let list = client.call(&["CLIENT", "LIST"]);
            assert!(list.contains(&format!(" db={database} ")), "{list}");
            assert_eq!(client.call(&["SELECT", "0"]), "+OK\r\n");
            assert_eq!(client.call(&["EXISTS", a, b, c, "other"]), ":0\r\n");
            assert_eq!(client.call(&["SELECT", database]), "+OK\r\n");
            assert_eq!(client.call(&["FLUSHDB"]), "+OK\r\n");
            assert_eq!(client.call(&["DBSIZE"]), ":0\r\n");
        }
        holders.insert(holder(&cluster, database));
    }
    assert_eq!(holders.len(), 2, "the work of several pinned databases is shared");
}

#[test]
fn a_transaction_that_selects_a_pinned_database_reaches_it_wherever_it_is() {
    let cluster = Cluster::new(3);
    cluster.publish(&pinning());
    for database in ["3", "9"] {
        for number in 0..3 {
            let mut client = cluster.client(number, Door::Gateway);
            // Before SELECT all is this node's.
            let key = key_of(number, 3, 0);
            client.call(&["MULTI"]);
            client.call(&["SET", &key, "here"]);
            client.call(&["SELECT", database]);
            client.call(&["SET", &key, "there"]);
            client.call(&["GET", &key]);
            client.call(&["SELECT", "0"]);
            client.call(&["GET", &key]);
            let replies = "*6\r\n+OK\r\n+OK\r\n+OK\r\n$5\r\nthere\r\n+OK\r\n$4\r\nhere\r\n";
            assert_eq!(client.call(&["EXEC"]), replies, "database {database} from node {number}");
            client.call(&["SELECT", database]);
            assert_eq!(client.call(&["GET", &key]), "$5\r\nthere\r\n");
        }
    }
}

#[test]
fn what_is_not_known_of_a_pinned_database_ends_the_connection() {
    let cluster = Cluster::new(3);
    cluster.publish(&pinning());
    let owner = holder(&cluster, "3");
    let mut client = cluster.client((owner + 1) % 3, Door::Gateway);
    client.call(&["SELECT", "3"]);
    for lost in [ForwardError::LinkLost, ForwardError::TimedOut] {
        cluster.broken.borrow_mut().insert(id(owner), lost);
        assert_eq!(client.call(&["SADD", "jobs", "a"]), "(hung up)");
        assert!(client.call(&["GET", "jobs"]).starts_with("-CLUSTERDOWN"), "nothing was changed, so this is said");
    }
    cluster.broken.borrow_mut().insert(id(owner), ForwardError::LinkLost);
    client.call(&["SELECT", "0"]);
    let key = key_of(owner, 3, 0);
    assert!(client.call(&["SADD", &key, "a"]).starts_with("-TIMEOUT the write is not confirmed"));
}

/// The node that has a pinned database's keys.
fn holder(cluster: &Cluster, database: &str) -> usize {
    let mut client = cluster.client(0, Door::Gateway);
    client.call(&["SELECT", database]);
    client.call(&["SET", "held", "v"]);
    let inside = database.parse::<u16>().expect("a number") | PINNED;
    let counts: Vec<u64> = cluster.nodes.iter().map(|node| node.engine().count(inside)).collect();
    client.call(&["DEL", "held"]);
    assert_eq!(counts.iter().filter(|count| **count > 0).count(), 1, "{counts:?}");
    counts.iter().position(|count| *count > 0).unwrap_or_default()
}

#[test]
fn what_a_database_held_before_it_was_pinned_or_while_it_was_goes() {
    let cluster = Cluster::new(3);
    let held =
        || cluster.nodes.iter().map(|node| node.engine().count(3) + node.engine().count(3 | PINNED)).sum::<u64>();
    let upkeep = || {
        for node in &cluster.nodes {
            node.sample();
            (0..100).for_each(|_| node.maintain(0, 1));
        }
    };
    let mut client = gateway(&cluster);
    client.call(&["SELECT", "3"]);
    for n in 0..1000 {
        client.call(&["SET", &format!("before:{n}"), "v"]);
    }
    upkeep();
    assert_eq!(held(), 1000);
    cluster.publish(&pinning());
    assert_eq!(client.call(&["DBSIZE"]), ":0\r\n");
    for n in 0..500 {
        client.call(&["SET", &format!("while:{n}"), "v"]);
    }
    upkeep();
    assert_eq!(held(), 500);
    let mut metadata = fixture::metadata(3);
    metadata.epoch = Epoch(pinning().epoch.0 + 1);
    cluster.publish(&metadata);
    assert_eq!(client.call(&["GET", "while:1"]), "$-1\r\n");
    client.call(&["SET", "after", "v"]);
    upkeep();
    assert_eq!((held(), client.call(&["GET", "after"]).as_str()), (1, "$1\r\nv\r\n"));
}

#[test]
fn of_a_pinned_database_as_a_whole_its_owner_alone_is_asked() {
    let cluster = Cluster::new(3);
    cluster.publish(&pinning());
    let owner = holder(&cluster, "3");
    let (asker, other) = ((owner + 1) % 3, (owner + 2) % 3);
    let mut client = cluster.client(asker, Door::Gateway);
    client.call(&["SELECT", "3"]);
    for key in ["a", "b"] {
        client.call(&["SET", key, "v"]);
    }
    cluster.broken.borrow_mut().insert(id(other), ForwardError::Unreachable);
    for (words, reply) in [
        (&["DBSIZE"][..], ":2|"),
        (&["KEYS", "a*"], "*1|$1|a|"),
        (&["SCAN", "0", "MATCH", "b"], "*2|$1|0|*1|$1|b|"),
        (&["EVAL", "return redis.call('dbsize')", "0"], ":2|"),
        (&["FLUSHDB"], "+OK|"),
        (&["RANDOMKEY"], "$-1|"),
    ] {
        let before = cluster.carried.get();
        assert_eq!(client.call(words).replace("\r\n", "|"), reply, "{words:?}");
        assert_eq!(cluster.carried.get() - before, 1, "{words:?}");
    }
    client.call(&["SELECT", "0"]);
    assert!(client.call(&["DBSIZE"]).starts_with("-CLUSTERDOWN"), "of others all are asked");
}

#[test]
fn the_whole_cluster_s_keys_are_counted_listed_and_flushed() {
    let cluster = Cluster::new(3);
    let mut client = gateway(&cluster);
    assert_eq!(client.call(&["RANDOMKEY"]), "$-1\r\n");
    assert_eq!(client.call(&["KEYS", "*"]), "*0\r\n");
    let keys: BTreeSet<String> = (0..50).map(|n| format!("user:{n}")).collect();
    for key in &keys {
        client.call(&["SET", key, "v"]);
    }
    assert_eq!(client.call(&["DBSIZE"]), ":50\r\n");
    let listed = value_of(&client.call(&["KEYS", "user:*"]));
    let listed: BTreeSet<String> = listed
        .as_slice()
        .expect("an array")
        .iter()
        .map(|key| String::from_utf8(key.as_bytes().expect("a key").to_vec()).expect("text"))
        .collect();
    assert_eq!(listed, keys);
    let random = value_of(&client.call(&["RANDOMKEY"]));
    assert!(keys.contains(std::str::from_utf8(random.as_bytes().expect("a key")).expect("text")));
    assert_eq!(client.call(&["FLUSHDB"]), "+OK\r\n");
    assert_eq!(client.call(&["DBSIZE"]), ":0\r\n");
    assert!(cluster.nodes.iter().all(|node| node.items() == 0));
}

#[test]
fn a_scan_walks_every_node_and_its_cursors_fit_every_client() {
    let cluster = Cluster::new(3);
    let mut client = gateway(&cluster);
    let keys: BTreeSet<String> = (0..200).map(|n| format!("k{n}")).collect();
    for key in &keys {
        client.call(&["SET", key, "v"]);
    }
    for number in 0..3 {
        let mut client = cluster.client(number, Door::Gateway);
        let (mut seen, mut cursor, mut pages) = (BTreeSet::new(), 0, 0);
        loop {
            let (next, found) = page_of(&client.call(&["SCAN", &cursor.to_string(), "COUNT", "7"]));
            seen.extend(found);
            pages += 1;
            assert!(next < 1 << 52 && pages < 1000);
            if next == 0 {
                break;
            }
            cursor = next;
        }
        assert_eq!(seen, keys, "through node {number}");
        assert!(pages > 3);
    }
}

#[test]
fn strange_cursors_end_or_are_refused() {
    let cluster = Cluster::new(3);
    let mut client = gateway(&cluster);
    client.call(&["SET", "k", "v"]);
    for cursor in ["abc", "-1", "", "99999999999999999999999"] {
        assert_eq!(client.call(&["SCAN", cursor]), "-ERR invalid cursor\r\n", "{cursor:?}");
    }
    let beyond = (u64::from(TAG_MAX) + 1) << CURSOR_BITS;
    assert_eq!(page_of(&client.call(&["SCAN", &beyond.to_string()])), (0, vec![]));
    // The tag of a node that is no more: the next one's keys follow.
    let tags: Vec<u16> = client.node.view().owners_by_tag().iter().map(|node| node.tag).collect();
    let gone = (1..TAG_MAX).find(|tag| !tags.contains(tag) && *tag < tags[2]).expect("tags are sparse");
    let cursor = (u64::from(gone) << CURSOR_BITS) + 12345;
    let (next, _) = page_of(&client.call(&["SCAN", &cursor.to_string(), "COUNT", "1000"]));
    let following = tags.iter().position(|tag| *tag > gone).expect("not the last");
    let expected = tags.get(following + 1).map_or(0, |tag| u64::from(*tag) << CURSOR_BITS);
    assert_eq!(next, expected);
}

#[test]
fn errors_of_the_owner_are_the_reply() {
    let cluster = Cluster::new(3);
    let mut client = gateway(&cluster);
    let [here, there] = [0, 2].map(|n| key_of(n, 3, 0));
    client.call(&["SET", &there, "text"]);
    assert_eq!(client.call(&["INCR", &there]), "-ERR value is not an integer or out of range\r\n");
    let too_big = "x".repeat(65 << 20);
    assert_eq!(
        client.call(&["MSET", &here, "1", &there, &too_big]),
        "-OOM command not allowed when used memory > 'maxmemory'.\r\n"
    );
    assert_eq!(client.node.stats().errors().get("OOM"), Some(&1));
}

#[test]
fn a_node_that_is_down_is_named_at_once() {
    let cluster = Cluster::new(3);
    let mut client = gateway(&cluster);
    let [mine, lost, served] = [0, 1, 2].map(|n| key_of(n, 3, 0));
    client.call(&["MSET", &mine, "1", &served, "3"]);
    cluster.carried.set(0);
    take_down(&cluster, 1);
    let down = "-CLUSTERDOWN Hash slot not served: node n2 is down\r\n";
    assert_eq!(client.call(&["GET", &lost]), down);
    assert_eq!(client.call(&["SET", &lost, "2"]), down);
    assert_eq!(client.call(&["MGET", &mine, &lost, &served]), down);
    assert_eq!(client.call(&["MSET", &mine, "x", &lost, "x", &served, "x"]), down);
    assert_eq!(client.call(&["DEL", &mine, &lost]), down);
    assert_eq!(cluster.carried.get(), 0, "nobody was asked");
    assert_eq!(client.call(&["MGET", &mine, &served]), "*2\r\n$1\r\n1\r\n$1\r\n3\r\n", "and nothing was changed");
    assert_eq!(cluster.client(2, Door::Cluster).call(&["GET", &lost]), down);
}

#[test]
fn what_needs_every_node_says_which_is_missing() {
    let cluster = Cluster::new(3);
    let mut client = gateway(&cluster);
    for n in 0..30 {
        client.call(&["SET", &format!("k{n}"), "v"]);
    }
    take_down(&cluster, 1);
    let untold = "-CLUSTERDOWN node n2 is down: its keys cannot be told\r\n";
    assert_eq!(client.call(&["DBSIZE"]), untold);
    assert_eq!(client.call(&["KEYS", "*"]), untold);
    assert!(client.call(&["RANDOMKEY"]).starts_with('$'), "any key will do");

    let (mut cursor, mut seen, mut errors) = (0u64, BTreeSet::new(), Vec::new());
    loop {
        let reply = client.call(&["SCAN", &cursor.to_string(), "COUNT", "1000"]);
        cursor = match reply.strip_prefix("-CLUSTERDOWN node n2 is down: its keys cannot be scanned; ") {
            Some(advice) => {
                errors.push(advice.to_string());
                match advice.split(' ').nth(4).and_then(|cursor| cursor.parse().ok()) {
                    Some(next) => next,
                    None => break,
                }
            }
            None => {
                let (next, keys) = page_of(&reply);
                seen.extend(keys);
                next
            }
        };
        if cursor == 0 {
            break;
        }
    }
    assert_eq!(errors.len(), 1);
    let held: u64 = [0, 2].iter().map(|n| cluster.nodes[*n].items()).sum();
    assert_eq!(seen.len() as u64, held);

    assert_eq!(
        client.call(&["FLUSHDB"]),
        "-CLUSTERDOWN node n2 is down: done on all other nodes, but not for its keys\r\n"
    );
    assert_eq!([0, 2].map(|n: usize| cluster.nodes[n].items()), [0, 0]);
}

#[test]
fn every_failure_to_answer_says_what_is_known() {
    let cluster = Cluster::new(3);
    let mut client = gateway(&cluster);
    let [mine, there, other] = [0, 1, 2].map(|n| key_of(n, 3, 0));
    let down = "-CLUSTERDOWN Hash slot not served: ";
    for (error, text) in [
        (ForwardError::Unreachable, format!("{down}node n2 cannot be reached and did not run the request")),
        (ForwardError::LinkLost, format!("{down}the link to node n2 broke, outcome unknown")),
        (ForwardError::TimedOut, format!("{down}node n2 did not answer in time, outcome unknown")),
        (ForwardError::Overloaded, "-TRYAGAIN too many requests wait for node n2: it did not run this one".into()),
        (ForwardError::NotOwner, "-TRYAGAIN Hash slot is changing hands: node n2 did not run the request".into()),
    ] {
        cluster.broken.borrow_mut().insert(id(1), error);
        let of_write = match error {
            ForwardError::LinkLost => {
                "-TIMEOUT the write is not confirmed: the link to node n2 broke before its answer came"
            }
            ForwardError::TimedOut => "-TIMEOUT the write is not confirmed: node n2 did not answer in time",
            _ => &text,
        };
        assert_eq!(client.call(&["SET", &there, "v"]), format!("{of_write}\r\n"));
        assert_eq!(client.call(&["MGET", &mine, &there]), format!("{text}\r\n"));
        let among_others = format!("{text}; other nodes may have run their share\r\n");
        assert_eq!(client.call(&["MGET", &mine, &there, &other]), among_others);
        assert_eq!(client.call(&["DBSIZE"]), among_others);
    }
    cluster.broken.borrow_mut().clear();
    assert_eq!(client.call(&["MGET", &mine, &there]), "*2\r\n$-1\r\n$-1\r\n");
    assert_eq!(client.node.traffic().forward_errors, 20);
}

/// Sends a request whose fan-out the test finishes itself.
fn open(client: &mut Caller<'_>, args: &[&str]) -> Fanout {
    let mut request = Vec::new();
    encode_request(args, &mut request);
    let mut out = Vec::new();
    match client.session.advance(&client.node, &request, &mut out).step {
        Step::Forward(fanout) => fanout,
        other => panic!("{other:?} {}", String::from_utf8_lossy(&out)),
    }
}

/// The metadata in which node 1's partitions went to `to`, and node 1 has none left.
fn moved(to: usize) -> dcache_cluster::metadata::Metadata {
    let mut metadata = fixture::metadata(3);
    metadata.epoch = Epoch(metadata.epoch.0 + 1);
    for partition in metadata.table.iter_mut().filter(|partition| partition.holder() == Some(id(1))) {
        *partition = fixture::held_by(to);
    }
    metadata
}

#[test]
fn a_request_that_found_its_slot_moved_follows_it_once() {
    for to in [0, 2] {
        let cluster = Cluster::new(3);
        let mut client = gateway(&cluster);
        let key = key_of(1, 3, 0);
        let fanout = open(&mut client, &["SET", &key, "v"]);
        assert!(!fanout.barrier);
        cluster.publish(&moved(to));
        let replies: Vec<_> = fanout.parts.iter().map(|part| cluster.carry(part)).collect();
        assert_eq!(replies, [Err(ForwardError::NotOwner)]);
        let mut out = Vec::new();
        match fanout.finish(&client.node, replies, &mut out) {
            Outcome::Done(_) => assert_eq!(to, 0, "it runs here if it is this node's now"),
            Outcome::Again(again) => {
                assert!(again.barrier);
                assert_eq!(again.parts[0].to, id(2));
                cluster.finish(&client.node, again, &mut out);
            }
            Outcome::Wait(_) | Outcome::HangUp => panic!("a SET waits for nothing"),
        }
        assert_eq!(out, b"+OK\r\n");
        assert_eq!(client.call(&["GET", &key]), "$1\r\nv\r\n");
    }
}

#[test]
fn a_request_that_did_not_run_is_asked_again_for_as_long_as_a_failover_takes() {
    let cluster = Cluster::new(3);
    let client = gateway(&cluster);
    let key = key_of(1, 3, 0);
    let text = |out: &[u8]| String::from_utf8_lossy(out).into_owned();
    let mut out = Vec::new();
    let again = |fanout: Fanout, error: ForwardError, out: &mut Vec<u8>| match fanout.finish(
        &client.node,
        vec![Err(error)],
        out,
    ) {
        Outcome::Again(again) => Some(again),
        Outcome::Done(_) | Outcome::Wait(_) | Outcome::HangUp => None,
    };
    let fanout = open(&mut cluster.client(0, Door::Gateway), &["SET", &key, "v"]);
    let fanout = again(fanout, ForwardError::NotOwner, &mut out).expect("it certainly did not run");
    assert_eq!((fanout.delay, fanout.barrier), (ASK_AGAIN_EVERY, true));
    cluster.publish(&moved(2));
    let fanout = again(fanout, ForwardError::NotOwner, &mut out).expect("once more");
    assert_eq!((fanout.delay, fanout.parts[0].to), (std::time::Duration::ZERO, id(2)), "there is news");
    fixture::pass(ASK_AGAIN_WITHIN);
    assert!(again(fanout, ForwardError::NotOwner, &mut out).is_none());
    assert_eq!(text(&out), "-TRYAGAIN Hash slot is changing hands: node n3 did not run the request\r\n");
}

/// What node 1 had is node 0's, which does not serve it yet: it has no lease at this moment.
fn promised_to_me(cluster: &Cluster) {
    let mut metadata = moved(0);
    let all = NamespaceSpec { consistency: Consistency::Strong, ..NamespaceSpec::default_namespace() };
    metadata.namespaces.insert(all.name.clone(), all);
    for partition in metadata.table.iter_mut().filter(|partition| partition.holder() == Some(id(0))) {
        let agreed = Configuration::new(vec![id(0), id(2)]);
        let in_sync = vec![fixture::member(0), fixture::member(2)];
        let primary = Some(fixture::member(0));
        *partition = Configuration { generation: 2, term: 2, version: 2, primary, in_sync, ..agreed };
    }
    cluster.publish(&metadata);
}

#[test]
fn a_request_that_comes_back_to_a_node_that_does_not_serve_its_slot_yet_waits_for_that() {
    let (mine, theirs) = (key_of(1, 3, 0), key_of(2, 3, 0));
    let lines = [
        (vec!["SET", &mine, "v"], "+OK\r\n"),
        (vec!["GET", &mine], "$-1\r\n"),
        (vec!["MSET", &mine, "v", &theirs, "w"], "+OK\r\n"),
        (vec!["MGET", &theirs, &mine], "*2\r\n$-1\r\n$-1\r\n"),
    ];
    for (line, reply) in lines {
        let cluster = Cluster::new(3);
        let client = gateway(&cluster);
        let mut out = Vec::new();
        let mut fanout = open(&mut cluster.client(0, Door::Gateway), &line);
        promised_to_me(&cluster);
        for attempt in 0..3 {
            let replies: Vec<_> = fanout.parts.iter().map(|part| cluster.carry(part)).collect();
            fanout = match fanout.finish(&client.node, replies, &mut out) {
                Outcome::Again(again) => again,
                _ => panic!("{line:?}, attempt {attempt}: {}", String::from_utf8_lossy(&out)),
            };
            assert!(fanout.barrier, "{line:?}");
            assert!(attempt == 0 || fanout.delay == ASK_AGAIN_EVERY, "{line:?}: nothing is new");
        }
        client.node.renew_lease(client.node.monotonic() + Duration::from_secs(600));
        client.node.tick_copies(0, 1);
        assert!(cluster.finish(&client.node, fanout, &mut out).is_none());
        assert_eq!(String::from_utf8_lossy(&out), reply, "{line:?}");
    }
}

/// The metadata in which every partition has a second copy on the next node.
fn replicated() -> dcache_cluster::metadata::Metadata {
    let mut metadata = fixture::metadata(3);
    metadata.epoch = Epoch(metadata.epoch.0 + 1);
    for partition in metadata.table.iter_mut() {
        let next = (0..3).find(|number| partition.holder() == Some(id(*number))).map(|number| id((number + 1) % 3));
        partition.copies.extend(next);
    }
    metadata
}

#[test]
fn what_another_node_may_take_over_is_waited_for_unless_a_write_may_have_run_and_must_not_twice() {
    for copies in [false, true] {
        let cluster = Cluster::new(3);
        let mut metadata = if copies { replicated() } else { fixture::metadata(3) };
        let strong = NamespaceSpec {
            name: "strong".into(),
            matches: Some(Match::Prefix("s:".into())),
            consistency: Consistency::Strong,
            ..NamespaceSpec::default_namespace()
        };
        metadata.namespaces.insert("strong".into(), strong);
        metadata.epoch = Epoch(metadata.epoch.0 + 10);
        cluster.publish(&metadata);
        let client = gateway(&cluster);
        let key = key_of(1, 3, 0);
        // Of the same slot.
        let strong = format!("s:{{{key}}}");
        let asks_again = |args: &str, error: ForwardError| {
            let args: Vec<&str> = args.split(' ').collect();
            let fanout = open(&mut cluster.client(0, Door::Gateway), &args);
            matches!(fanout.finish(&client.node, vec![Err(error)], &mut Vec::new()), Outcome::Again(_))
        };
        for (request, may_run_twice) in [
            (format!("GET {key}"), true),
            (format!("GET {strong}"), true),
            (format!("SET {key} v"), true),
            (format!("SET {key} v PX 1000"), true),
            (format!("SETEX {key} 10 v"), true),
            (format!("SET {strong} v"), false),
            (format!("SET {key} v NX"), false),
            (format!("SET {key} v GET"), false),
            (format!("SET {key} v EX 10 NX"), false),
            (format!("INCR {key}"), false),
            (format!("APPEND {key} v"), false),
            (format!("DEL {key}"), false),
            (format!("EVAL return(1) 1 {key}"), false),
            (format!("EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 1 {key}"), false),
            (format!("FCALL name 1 {key}"), false),
            (format!("EVAL_RO return(1) 1 {key}"), true),
        ] {
            assert_eq!(asks_again(&request, ForwardError::Unreachable), copies, "{request}");
            assert!(!asks_again(&request, ForwardError::Overloaded), "{request}");
            for error in [ForwardError::LinkLost, ForwardError::TimedOut] {
                assert_eq!(asks_again(&request, error), copies && may_run_twice, "{request}");
            }
        }
    }
}

#[test]
fn a_split_request_asks_again_only_for_what_moved() {
    for to in [0, 2] {
        let cluster = Cluster::new(3);
        let mut client = gateway(&cluster);
        let keys: Vec<String> = (0..6).map(|n| key_of(n % 3, 3, n)).collect();
        let mut request = vec!["MSET"];
        request.extend(keys.iter().flat_map(|key| [key.as_str(), "v"]));
        let fanout = open(&mut client, &request);
        cluster.publish(&moved(to));
        let replies: Vec<_> = fanout.parts.iter().map(|part| cluster.carry(part)).collect();
        assert_eq!(replies.iter().filter(|reply| reply.is_err()).count(), 1);
        let mut out = Vec::new();
        match fanout.finish(&client.node, replies, &mut out) {
            Outcome::Done(_) => assert_eq!(to, 0),
            Outcome::Again(again) => {
                assert_eq!(again.parts.len(), 1);
                cluster.finish(&client.node, again, &mut out);
            }
            Outcome::Wait(_) | Outcome::HangUp => panic!("a MSET waits for nothing"),
        }
        assert_eq!(out, b"+OK\r\n");
        let mut request = vec!["MGET"];
        request.extend(keys.iter().map(String::as_str));
        assert_eq!(client.call(&request), format!("*6\r\n{}", "$1\r\nv\r\n".repeat(6)));
    }
}

#[test]
fn a_peer_s_request_runs_only_if_all_its_keys_are_here() {
    let cluster = Cluster::new(2);
    let node = &cluster.nodes[0];
    let [mine, other] = [0, 1].map(|n| key_of(n, 2, 0));
    let serve = |args: &[&str]| {
        let mut request = Vec::new();
        encode_request(args, &mut request);
        let mut out = Vec::new();
        let header = DataHeader { id: 1, database: 0, resp: 2 };
        let Served::Now(status) = node.serve_peer(0, header, &request, &mut out, &mut Vec::new()) else {
            panic!("no script is asked for");
        };
        (status, String::from_utf8(out).expect("text"))
    };
    assert_eq!(serve(&["MSET", &mine, "1", &other, "2"]), (DataStatus::NotOwner, String::new()));
    assert_eq!(serve(&["GET", &mine]), (DataStatus::Answered, "$-1\r\n".into()), "nothing ran");
    assert_eq!(serve(&["SET", &mine, "1"]), (DataStatus::Answered, "+OK\r\n".into()));
    let (status, reply) = serve(&["CLIENT", "KILL", "192.0.2.1:1"]);
    assert_eq!(status, DataStatus::Answered);
    assert!(reply.starts_with("-ERR 'client|kill' is answered by the node it is sent to"), "{reply}");
    assert_eq!(serve(&["NOSUCH"]).0, DataStatus::Answered);
}

#[test]
fn a_malformed_frame_is_an_error_and_the_next_one_is_served() {
    let cluster = Cluster::new(1);
    let node = &cluster.nodes[0];
    let serve = |request: &[u8]| {
        let mut out = Vec::new();
        let header = DataHeader { id: 1, database: 0, resp: 2 };
        let served = node.serve_peer(0, header, request, &mut out, &mut Vec::new());
        assert!(matches!(served, Served::Now(DataStatus::Answered)), "{served:?}");
        String::from_utf8(out).expect("text")
    };
    let one = "-ERR Protocol error: a forwarded frame holds exactly one request\r\n";
    for (frame, reply) in [
        (&b""[..], one),
        (b"*1\r\n$4\r\nDBS", one),
        (b"*1\r\n$6\r\nDBSIZE\r\n*1\r\n$6\r\nDBSIZE\r\n", one),
        (b"*1\r\n:6\r\n", "-ERR Protocol error: expected '$', got ':'\r\n"),
    ] {
        assert_eq!(serve(frame), reply);
        assert_eq!(serve(b"*1\r\n$6\r\nDBSIZE\r\n"), ":0\r\n");
    }
}

#[test]
fn an_answer_in_another_form_is_an_error_not_a_panic() {
    let cluster = Cluster::new(3);
    let mut client = gateway(&cluster);
    let [mine, there] = [0, 1].map(|n| key_of(n, 3, 0));
    for args in [vec!["MGET", &mine, &there], vec!["DEL", &mine, &there], vec!["DBSIZE"], vec!["KEYS", "*"]] {
        for answer in [&b""[..], b"*1\r\n", b"*2\r\n$1\r\na", b"$1\r\nx\r\n", b"*99999999\r\n", b"+"] {
            let fanout = open(&mut client, &args);
            let replies = fanout.parts.iter().map(|_| Ok(answer.to_vec())).collect();
            let mut out = Vec::new();
            assert!(matches!(fanout.finish(&client.node, replies, &mut out), Outcome::Done(_)));
            assert!(out.starts_with(b"-ERR another node answered"), "{args:?} {answer:?}");
        }
    }
    let elsewhere = client.node.view().owners_by_tag().into_iter().find(|node| node.id != id(0)).map(|node| node.tag);
    let cursor = (u64::from(elsewhere.expect("two other nodes")) << CURSOR_BITS).to_string();
    for answer in [
        &b""[..],
        b"*2\r\n$1\r\n0\r\n",
        b"*2\r\n$13\r\n1099511627776\r\n*0\r\n",
        b"*2\r\n:0\r\n*0\r\n",
        b"*1\r\n*0\r\n",
    ] {
        let fanout = open(&mut client, &["SCAN", &cursor]);
        let mut out = Vec::new();
        assert!(matches!(fanout.finish(&client.node, vec![Ok(answer.to_vec())], &mut out), Outcome::Done(_)));
        assert!(out.starts_with(b"-ERR another node answered"), "{answer:?}");
    }
    let fanout = open(&mut client, &["MGET", &mine, &there]);
    let mut out = Vec::new();
    assert!(matches!(fanout.finish(&client.node, Vec::new(), &mut out), Outcome::Done(_)), "too few answers");
    assert!(out.starts_with(b"-CLUSTERDOWN"));
}

#[test]
fn a_slot_nobody_has_yet_is_said_to_be_so() {
    let cluster = Cluster::new(1);
    let node = &cluster.nodes[0];
    node.publish(Arc::new(dcache_cluster::metadata::Metadata::empty()), None);
    let nobody = "-CLUSTERDOWN Hash slot not served: it has no owner yet\r\n";
    assert_eq!(gateway(&cluster).call(&["GET", "k"]), nobody);
    assert_eq!(cluster.client(0, Door::Cluster).call(&["GET", "k"]), nobody);
    assert_eq!(gateway(&cluster).call(&["DBSIZE"]), ":0\r\n");
    assert_eq!(gateway(&cluster).call(&["SCAN", "0"]), "*2\r\n$1\r\n0\r\n*0\r\n");
    assert!(!node.is_serving());
}
