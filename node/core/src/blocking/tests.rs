//! Clients that wait on one node: order, kinds, transactions, moves that wait for each other, and how waiting ends.

use crate::Door;
use crate::fixture::{self, Caller, Cluster};
use std::sync::Arc;
use std::time::Duration;

/// A client that waits for what it said.
fn waiting<'a>(cluster: &'a Cluster, line: &str) -> Caller<'a> {
    let mut client = cluster.client(0, Door::Gateway);
    assert_eq!(client.ask(line), "", "{line}");
    assert!(client.blocked.is_some(), "{line}");
    client
}

fn field(client: &mut Caller<'_>, name: &str) -> String {
    let info = client.say("INFO clients");
    let line = info.lines().find(|line| line.starts_with(&format!("{name}:"))).expect("a field of INFO");
    line.split_once(':').expect("a value").1.to_string()
}

#[test]
fn who_came_first_is_served_first() {
    let cluster = Cluster::new(1);
    let mut pusher = cluster.client(0, Door::Gateway);
    let mut clients: Vec<Caller<'_>> = (0..4).map(|_| waiting(&cluster, "BLPOP k 0")).collect();
    assert_eq!(
        (field(&mut pusher, "blocked_clients"), field(&mut pusher, "total_blocking_keys")),
        ("4".into(), "1".into())
    );
    assert_eq!(pusher.say("CLIENT LIST").matches(" flags=b ").count(), 4);
    assert_eq!(pusher.ask("RPUSH k a b"), ":2|", "the length before anybody is served");
    assert_eq!(pusher.ask("LLEN k"), ":0|");
    let heard: Vec<String> = clients.iter_mut().map(Caller::heard).collect();
    assert_eq!(heard, ["*2|$1|k|$1|a|", "*2|$1|k|$1|b|", "", ""]);
    assert_eq!(pusher.ask("RPUSH k c"), ":1|");
    assert_eq!(clients[2].heard(), "*2|$1|k|$1|c|");
    assert_eq!(clients[3].heard(), "");
    drop(clients);
    assert_eq!(
        (field(&mut pusher, "blocked_clients"), field(&mut pusher, "total_blocking_keys")),
        ("0".into(), "0".into())
    );
    assert!(!pusher.node.blocking.has_waiters());
    assert_eq!(pusher.ask("RPUSH k d"), ":1|", "who is gone takes nothing");
    assert_eq!(pusher.ask("LLEN k"), ":1|");
    assert_eq!(pusher.ask("BLPOP k 0"), "*2|$1|k|$1|d|", "what is there is answered at once");
}

#[test]
fn what_is_said_behind_a_request_that_waits_is_answered_behind_it() {
    let cluster = Cluster::new(1);
    let mut client = cluster.client(0, Door::Gateway);
    assert_eq!(client.ask("PING\r\nBLPOP k 0\r\nPING\r\nBLPOP k 0\r\nPING"), "+PONG|");
    cluster.client(0, Door::Gateway).say("RPUSH k a");
    assert_eq!(client.heard(), "*2|$1|k|$1|a|+PONG|");
    assert!(client.blocked.is_some());
    cluster.client(0, Door::Gateway).say("RPUSH k b");
    assert_eq!(client.heard(), "*2|$1|k|$1|b|+PONG|");
}

#[test]
fn each_command_answers_as_its_like_and_in_both_protocols() {
    for (version, line, push, heard) in [
        (2, "BRPOP k 0", "RPUSH k a b", "*2|$1|k|$1|b|"),
        (2, "BLMOVE k t LEFT RIGHT 0", "RPUSH k a b", "$1|a|"),
        (2, "BRPOPLPUSH k t 0", "RPUSH k a b", "$1|b|"),
        (2, "BLMPOP 0 2 none k RIGHT COUNT 2", "RPUSH k a b c", "*2|$1|k|*2|$1|c|$1|b|"),
        (2, "BZPOPMIN k 0", "ZADD k 2 b 1 a", "*3|$1|k|$1|a|$1|1|"),
        (3, "BZPOPMAX k 0", "ZADD k 2 b 1 a", "*3|$1|k|$1|b|,2|"),
        (3, "BZMPOP 0 1 k MIN COUNT 5", "ZADD k 2 b 1 a", "*2|$1|k|*2|*2|$1|a|,1|*2|$1|b|,2|"),
        (2, "BZPOPMIN k 0", "GEOADD k 13 38 a", "*3|$1|k|$1|a|$16|3479065152021743|"),
    ] {
        let cluster = Cluster::new(1);
        let mut client = cluster.client(0, Door::Gateway);
        client.say(&format!("HELLO {version}"));
        assert_eq!(client.ask(line), "");
        cluster.client(0, Door::Gateway).say(push);
        assert_eq!(client.heard(), heard, "{line}");
    }
}

#[test]
fn a_client_waits_until_its_time_is_over() {
    for (version, null) in [(2, "*-1|"), (3, "_|")] {
        for line in ["BLPOP a b 1.5", "BLMOVE a b LEFT LEFT 1.5", "BZPOPMIN a 1.5", "BLMPOP 1.5 1 a LEFT"] {
            let cluster = Cluster::new(1);
            let mut client = cluster.client(0, Door::Gateway);
            client.say(&format!("HELLO {version}"));
            client.say(line);
            fixture::pass(Duration::from_millis(1499));
            assert_eq!(client.heard(), "");
            fixture::pass(Duration::from_millis(1));
            assert_eq!(client.heard(), null, "{line}");
            assert!(!client.node.blocking.has_waiters());
        }
    }
}

#[test]
fn arguments_are_looked_at_before_anybody_waits() {
    let cluster = Cluster::new(1);
    let mut client = cluster.client(0, Door::Gateway);
    client.say("SET s x");
    for (line, answer) in [
        ("BLPOP k", "-ERR wrong number of arguments for 'blpop' command|"),
        ("BLPOP k x", "-ERR timeout is not a float or out of range|"),
        ("BLPOP k -1", "-ERR timeout is negative|"),
        ("BLPOP k 9223372036854775", "-ERR timeout is out of range|"),
        ("BLPOP s 0", "-WRONGTYPE Operation against a key holding the wrong kind of value|"),
        ("BLPOP k s 0", "-WRONGTYPE Operation against a key holding the wrong kind of value|"),
        ("BLMOVE k t up LEFT x", "-ERR syntax error|"),
        ("BLMOVE k t LEFT LEFT x", "-ERR timeout is not a float or out of range|"),
        ("BLMPOP -1 0 k LEFT", "-ERR timeout is negative|"),
        ("BLMPOP 0 0 k LEFT", "-ERR numkeys should be greater than 0|"),
        ("BLMPOP 0 1 k LEFT COUNT 0", "-ERR count should be greater than 0|"),
        ("BZMPOP 0 1 k LEFT", "-ERR syntax error|"),
    ] {
        assert_eq!(client.ask(line), answer, "{line}");
    }
    let many: String = (0..=super::KEYS_MAX).map(|n| format!(" k{n}")).collect();
    assert_eq!(client.ask(&format!("BLPOP{many} 0")), "-ERR a client may wait for 4096 keys|");
    assert!(!client.node.blocking.has_waiters());
}

#[test]
fn values_of_another_kind_serve_nobody() {
    let cluster = Cluster::new(1);
    let mut pusher = cluster.client(0, Door::Gateway);
    let mut list = waiting(&cluster, "BLPOP k 0");
    let mut sorted = waiting(&cluster, "BZPOPMIN k 0");
    for line in ["SET k x", "DEL k", "SADD k x", "DEL k", "HSET k f v", "DEL k"] {
        pusher.say(line);
        assert_eq!((list.heard(), sorted.heard()), (String::new(), String::new()), "{line}");
    }
    pusher.say("ZADD k 1 m");
    assert_eq!((list.heard(), sorted.heard()), (String::new(), "*3|$1|k|$1|m|$1|1|".into()));
    pusher.say("RPUSH k x");
    assert_eq!(list.heard(), "*2|$1|k|$1|x|");
}

#[test]
fn every_way_a_list_comes_to_be_serves() {
    for script in [
        "RPUSH o a|RENAME o k",
        "RPUSH o a|RENAMENX o k",
        "RPUSH o a|COPY o k",
        "RPUSH o a|SORT o ALPHA STORE k",
        "RPUSH o a|LMOVE o k LEFT LEFT",
        "RPUSH o a|RPOPLPUSH o k",
        "SELECT 3|RPUSH k a|MOVE k 0",
        "SELECT 3|RPUSH o a|COPY o k DB 0",
        "MULTI|RPUSH k a|EXEC",
        "RPUSH x y|MULTI|RPUSH k a|GET x|EXEC",
        "MULTI|SET k s|DEL k|LPUSH k a|EXEC",
    ] {
        let cluster = Cluster::new(1);
        let mut client = waiting(&cluster, "BRPOP none k 0");
        let mut other = cluster.client(0, Door::Gateway);
        other.say("SELECT 5");
        assert_eq!(other.ask("BRPOP k 0"), "", "another database");
        let mut pusher = cluster.client(0, Door::Gateway);
        script.split('|').for_each(|line| drop(pusher.say(line)));
        assert_eq!(client.heard(), "*2|$1|k|$1|a|", "{script}");
        assert_eq!(other.heard(), "");
    }
    for script in ["ZADD o 1 a|ZUNIONSTORE k 1 o", "ZADD o 1 a|ZRANGESTORE k o 0 -1", "ZINCRBY k 1 a"] {
        let cluster = Cluster::new(1);
        let mut client = waiting(&cluster, "BZPOPMAX k 0");
        let mut pusher = cluster.client(0, Door::Gateway);
        script.split('|').for_each(|line| drop(pusher.say(line)));
        assert_eq!(client.heard(), "*3|$1|k|$1|a|$1|1|", "{script}");
    }
    let cluster = Cluster::new(1);
    let mut pusher = cluster.client(0, Door::Gateway);
    pusher.say("RPUSH o a");
    let dumped = {
        let mut out = Vec::new();
        let request = b"DUMP o\r\n";
        pusher.session.advance(&cluster.nodes[0], request, &mut out);
        out[out.iter().position(|byte| *byte == b'\n').expect("a length") + 1..out.len() - 2].to_vec()
    };
    let mut client = waiting(&cluster, "BLPOP k 0");
    let mut request = Vec::new();
    dcache_protocol::resp::value::encode_request(&[&b"RESTORE"[..], b"k", b"0", &dumped], &mut request);
    assert_eq!(pusher.send(&request), b"+OK\r\n");
    assert_eq!(client.heard(), "*2|$1|k|$1|a|");
}

#[test]
fn a_transaction_serves_when_it_is_over() {
    let cluster = Cluster::new(1);
    let mut client = waiting(&cluster, "BLPOP k 0");
    let mut pusher = cluster.client(0, Door::Gateway);
    for line in ["MULTI", "LPUSH k a", "DEL k"] {
        pusher.say(line);
    }
    assert_eq!(pusher.ask("EXEC"), "*2|:1|:1|");
    assert_eq!(client.heard(), "", "nothing is left");
    for line in ["MULTI", "LPUSH k a", "DEL k", "LPUSH k b"] {
        pusher.say(line);
    }
    pusher.say("EXEC");
    assert_eq!(client.heard(), "*2|$1|k|$1|b|");
    let mut client = waiting(&cluster, "BLPOP k 0");
    for line in ["MULTI", "LPUSH k a", "LPUSH k b", "LPUSH k c"] {
        pusher.say(line);
    }
    assert_eq!(pusher.ask("EXEC"), "*3|:1|:2|:3|");
    assert_eq!(client.heard(), "*2|$1|k|$1|c|", "the first as it is then");
}

#[test]
fn nobody_waits_in_a_transaction() {
    let cluster = Cluster::new(1);
    let mut client = cluster.client(0, Door::Gateway);
    client.say("RPUSH x a b");
    let lines = [
        "MULTI",
        "BLPOP x 0",
        "BRPOPLPUSH x t 0",
        "BLPOP x 0",
        "BRPOPLPUSH x t 0",
        "BLMPOP 0 1 x LEFT",
        "BZPOPMIN z 0",
    ];
    lines.iter().for_each(|line| drop(client.say(line)));
    assert_eq!(client.ask("EXEC"), "*6|*2|$1|x|$1|a|$1|b|*-1|$-1|*-1|*-1|");
    assert!(!client.node.blocking.has_waiters());
    assert!(client.blocked.is_none());
    assert_eq!(client.ask("LRANGE t 0 -1"), "*1|$1|b|");
}

#[test]
fn the_first_of_a_client_s_keys_wins() {
    let cluster = Cluster::new(1);
    let mut client = waiting(&cluster, "BLPOP a b c 0");
    let mut pusher = cluster.client(0, Door::Gateway);
    for line in ["MULTI", "RPUSH c 3", "RPUSH b 2", "EXEC"] {
        pusher.say(line);
    }
    assert_eq!(client.heard(), "*2|$1|b|$1|2|");
    let mut client = waiting(&cluster, "BLPOP a a b 0");
    pusher.say("RPUSH a x y");
    assert_eq!(client.heard(), "*2|$1|a|$1|x|", "the same key twice");
    assert_eq!(pusher.ask("LLEN a"), ":1|");
}

#[test]
fn several_clients_of_several_keys_share_what_comes() {
    let cluster = Cluster::new(1);
    let mut pusher = cluster.client(0, Door::Gateway);
    let mut clients: Vec<Caller<'_>> = [
        "BLMPOP 0 2 a b LEFT COUNT 1",
        "BLMPOP 0 2 a b RIGHT COUNT 10",
        "BLMPOP 0 2 a b LEFT COUNT 10",
        "BLMPOP 0 2 a b RIGHT COUNT 1",
    ]
    .iter()
    .map(|line| waiting(&cluster, line))
    .collect();
    for line in ["MULTI", "LPUSH a 1 2 3", "LPUSH b 4 5", "EXEC"] {
        pusher.say(line);
    }
    let heard: Vec<String> = clients.iter_mut().map(Caller::heard).collect();
    assert_eq!(heard, ["*2|$1|a|*1|$1|3|", "*2|$1|a|*2|$1|1|$1|2|", "*2|$1|b|*2|$1|5|$1|4|", ""]);
    pusher.say("LPUSH b 1 2 3");
    assert_eq!(clients[3].heard(), "*2|$1|b|*1|$1|1|");
}

#[test]
fn moves_that_wait_for_each_other_follow() {
    let cluster = Cluster::new(1);
    let mut pusher = cluster.client(0, Door::Gateway);
    let mut one = waiting(&cluster, "BLMOVE l1 l2 RIGHT LEFT 0");
    let mut two = waiting(&cluster, "BLMOVE l2 l3 LEFT RIGHT 0");
    pusher.say("RPUSH l1 foo");
    assert_eq!((one.heard(), two.heard()), ("$3|foo|".into(), "$3|foo|".into()));
    assert_eq!(pusher.ask("LRANGE l3 0 -1"), "*1|$3|foo|");
    assert_eq!(pusher.ask("EXISTS l1 l2"), ":0|");
    // In a circle.
    let mut one = waiting(&cluster, "BRPOPLPUSH c1 c2 0");
    let mut two = waiting(&cluster, "BRPOPLPUSH c2 c1 0");
    pusher.say("RPUSH c1 foo");
    assert_eq!((one.heard(), two.heard()), ("$3|foo|".into(), "$3|foo|".into()));
    assert_eq!(pusher.ask("LRANGE c1 0 -1"), "*1|$3|foo|");
    // To itself.
    let mut one = waiting(&cluster, "BRPOPLPUSH s s 0");
    pusher.say("RPUSH s foo");
    assert_eq!(one.heard(), "$3|foo|");
    assert_eq!(pusher.ask("LRANGE s 0 -1"), "*1|$3|foo|");
}

#[test]
fn a_move_to_a_value_of_another_kind_fails_and_leaves_what_is_there() {
    let cluster = Cluster::new(1);
    let mut pusher = cluster.client(0, Door::Gateway);
    pusher.say("SET target nolist");
    let mut one = waiting(&cluster, "BRPOPLPUSH k target 0");
    let mut two = waiting(&cluster, "BRPOPLPUSH k other 0");
    pusher.say("RPUSH k a b c");
    assert_eq!(one.heard(), "-WRONGTYPE Operation against a key holding the wrong kind of value|");
    assert_eq!(two.heard(), "$1|c|");
    assert_eq!(pusher.ask("LRANGE k 0 -1"), "*2|$1|a|$1|b|");
}

#[test]
fn clients_are_unblocked_by_others() {
    let cluster = Cluster::new(1);
    let mut other = cluster.client(0, Door::Gateway);
    let mut client = waiting(&cluster, "BLPOP k 0");
    let id = client.session.id();
    assert_eq!(other.ask(&format!("CLIENT UNBLOCK {id}")), ":1|");
    assert_eq!(other.ask(&format!("CLIENT UNBLOCK {id}")), ":0|", "it is over already");
    assert_eq!(client.heard(), "*-1|");
    client.say("BLPOP k 0");
    assert_eq!(other.ask(&format!("CLIENT UNBLOCK {id} ERROR")), ":1|");
    assert_eq!(client.heard(), "-UNBLOCKED client unblocked via CLIENT UNBLOCK|");
    assert_eq!(other.ask(&format!("CLIENT UNBLOCK {id} TIMEOUT")), ":0|");
    assert_eq!(other.ask("CLIENT UNBLOCK x"), "-ERR value is not an integer or out of range|");
    client.say("BLPOP k 0");
    other.say(&format!("CLIENT KILL ID {id}"));
    assert!(client.session.is_killed());
    drop(client);
    assert!(!other.node.blocking.has_waiters());
    other.say("RPUSH k a");
    assert_eq!(other.ask("LLEN k"), ":1|");
}

#[test]
fn watched_keys_change_when_a_waiter_is_served_and_not_before() {
    let cluster = Cluster::new(1);
    let mut pusher = cluster.client(0, Door::Gateway);
    let mut watcher = cluster.client(0, Door::Gateway);
    for (pushes, answer) in [(false, "*1|$1|v|"), (true, "*-1|")] {
        let client = waiting(&cluster, "BRPOPLPUSH src dst 0");
        for line in ["SET s v", "WATCH dst", "MULTI", "GET s"] {
            watcher.say(line);
        }
        if pushes {
            pusher.say("LPUSH src x");
        }
        assert_eq!(watcher.ask("EXEC"), answer);
        drop(client);
    }
}

#[test]
fn silent_clients_wait_too_and_hear_nothing() {
    let cluster = Cluster::new(1);
    let mut client = cluster.client(0, Door::Gateway);
    client.say("CLIENT REPLY OFF");
    assert_eq!(client.ask("BLPOP k 0\r\nCLIENT REPLY ON"), "");
    assert!(client.blocked.is_some());
    cluster.client(0, Door::Gateway).say("RPUSH k a");
    assert_eq!(client.heard(), "+OK|");
    assert_eq!(client.ask("LLEN k"), ":0|");
}

#[test]
fn a_request_that_waited_is_counted_once() {
    let cluster = Cluster::new(1);
    let mut pusher = cluster.client(0, Door::Gateway);
    let mut client = waiting(&cluster, "BLPOP k 0");
    pusher.say("RPUSH k a");
    client.heard();
    let calls: Vec<(String, u64)> = pusher.node.command_figures().into_iter().map(|f| (f.name, f.calls)).collect();
    assert_eq!(calls, [("blpop".to_string(), 1), ("rpush".to_string(), 1)]);
}

#[test]
fn what_expired_serves_nobody() {
    let cluster = Cluster::new(1);
    let mut client = waiting(&cluster, "BLPOP k 0");
    let mut pusher = cluster.client(0, Door::Gateway);
    for line in ["MULTI", "RPUSH k a", "PEXPIRE k -1", "EXEC"] {
        pusher.say(line);
    }
    assert_eq!(client.heard(), "");
    assert!(client.blocked.is_some());
}

#[test]
fn what_nobody_told_is_found_by_the_background() {
    let cluster = Cluster::new(1);
    let node = Arc::clone(&cluster.nodes[0]);
    let mut client = waiting(&cluster, "BLPOP k 0");
    // As if the push had not looked: the registry forgets for a moment that anybody waits.
    let places = node.blocking.places.swap(0, std::sync::atomic::Ordering::Relaxed);
    cluster.client(0, Door::Gateway).say("RPUSH k a");
    node.blocking.places.store(places, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(client.heard(), "");
    fixture::pass(Duration::from_millis(600));
    node.maintain(0, 1);
    assert_eq!(client.heard(), "*2|$1|k|$1|a|");
}
