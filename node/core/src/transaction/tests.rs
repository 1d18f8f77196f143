//! Transactions on one node and over several.

use crate::Door;
use crate::fixture::{self, Caller, Cluster, key_of};

fn play(client: &mut Caller<'_>, script: &[(&str, &str)]) {
    for (said, answer) in script {
        assert_eq!(client.ask(said), *answer, "{said}");
    }
}

#[test]
fn requests_are_kept_and_run_together() {
    let cluster = Cluster::new(1);
    for door in [Door::Gateway, Door::Cluster] {
        let mut client = cluster.client(0, door);
        let mut other = cluster.client(0, door);
        play(
            &mut client,
            &[
                ("EXEC", "-ERR EXEC without MULTI|"),
                ("DISCARD", "-ERR DISCARD without MULTI|"),
                ("MULTI", "+OK|"),
                ("MULTI", "-ERR MULTI calls can not be nested|"),
                ("WATCH {a}", "-ERR WATCH inside MULTI is not allowed|"),
                ("SET {a} 1", "+QUEUED|"),
                ("INCR {a}", "+QUEUED|"),
                ("INCRBYFLOAT {a}x", "-ERR wrong number of arguments for 'incrbyfloat' command|"),
            ],
        );
        assert_eq!(other.ask("GET {a}"), "$-1|");
        assert!(other.say("CLIENT LIST").contains(" multi=2 "));
        play(
            &mut client,
            &[
                ("EXEC", "-EXECABORT Transaction discarded because of previous errors.|"),
                ("GET {a}", "$-1|"),
                ("MULTI", "+OK|"),
                ("SET {a} x", "+QUEUED|"),
                ("INCR {a}", "+QUEUED|"),
                ("GET {a}", "+QUEUED|"),
                ("PING", "+QUEUED|"),
                ("EXEC", "*4|+OK|-ERR value is not an integer or out of range|$1|x|+PONG|"),
                ("MULTI", "+OK|"),
                ("DEL {a}", "+QUEUED|"),
                ("DISCARD", "+OK|"),
                ("GET {a}", "$1|x|"),
                ("MULTI", "+OK|"),
                ("EXEC", "*0|"),
                ("MULTI", "+OK|"),
                ("NOSUCH", "-ERR unknown command 'NOSUCH', with args beginning with: |"),
                ("EXEC", "-EXECABORT Transaction discarded because of previous errors.|"),
                ("MULTI", "+OK|"),
                ("RESET", "+RESET|"),
                ("DEL {a}", ":1|"),
            ],
        );
        assert!(other.say("CLIENT LIST").contains(" multi=-1 "));
    }
}

#[test]
fn watched_keys_that_changed_keep_everything_from_running() {
    let cluster = Cluster::new(1);
    let mut client = cluster.client(0, Door::Gateway);
    let mut other = cluster.client(0, Door::Gateway);
    for (touch, changed) in [
        ("SET k 2", true),
        ("DEL k", true),
        ("EXPIRE k 100", true),
        ("FLUSHALL", true),
        ("SET other 1", false),
        ("GET k", false),
        ("PING", false),
    ] {
        client.say("SET k 1");
        assert_eq!(client.ask("WATCH k none"), "+OK|");
        other.say(touch);
        client.say("MULTI");
        client.say("SET k 3");
        assert_eq!(client.ask("EXEC"), if changed { "*-1|" } else { "*1|+OK|" }, "{touch}");
    }
    client.say("WATCH k");
    assert_eq!(client.ask("UNWATCH"), "+OK|");
    other.say("SET k 9");
    client.say("MULTI");
    assert_eq!(client.ask("EXEC"), "*0|");
    client.say("WATCH new");
    other.say("SET new 1");
    client.say("HELLO 3");
    client.say("MULTI");
    assert_eq!(client.ask("EXEC"), "_|");
    client.say("MULTI");
    client.say("GET k");
    assert_eq!(client.ask("EXEC"), "*1|$1|9|", "EXEC forgets what was watched");
}

#[test]
fn the_cluster_door_takes_keys_of_one_slot_of_its_own() {
    let cluster = Cluster::new(2);
    let (one, two, elsewhere) = (key_of(0, 2, 0), key_of(0, 2, 1), key_of(1, 2, 0));
    let mut client = cluster.client(0, Door::Cluster);
    client.say("MULTI");
    assert!(client.ask(&format!("GET {elsewhere}")).starts_with("-MOVED "));
    assert_eq!(client.ask("EXEC"), "-EXECABORT Transaction discarded because of previous errors.|");
    client.say("MULTI");
    client.say(&format!("SET {one} 1"));
    client.say(&format!("SET {two} 1"));
    assert_eq!(
        client.ask("EXEC"),
        "-EXECABORT Transaction discarded because of: CROSSSLOT Keys in request don't hash to the same slot|"
    );
    assert_eq!(client.ask(&format!("GET {one}")), "$-1|");
    assert!(client.ask(&format!("WATCH {elsewhere}")).starts_with("-MOVED "));
}

#[test]
fn a_gateway_runs_it_where_the_keys_are() {
    let cluster = Cluster::new(3);
    cluster.talk();
    let (here, there, third) = (key_of(0, 3, 0), key_of(1, 3, 0), key_of(2, 3, 0));
    let mut client = cluster.client(0, Door::Gateway);
    let before = cluster.carried.get();
    client.say("MULTI");
    client.say(&format!("SET {there} 1"));
    client.say(&format!("INCR {there}"));
    assert_eq!(client.ask("EXEC"), "*2|+OK|:2|");
    assert_eq!(cluster.carried.get() - before, 1, "one request, whole");
    client.say("MULTI");
    client.say(&format!("MSET {here} 1 {there} 1 {third} 1"));
    client.say(&format!("INCR {there}"));
    client.say(&format!("MGET {here} {there} {third}"));
    client.say("DBSIZE");
    client.say("ECHO end");
    assert_eq!(client.ask("EXEC"), "*5|+OK|:2|*3|$1|1|$1|2|$1|1|:3|$3|end|", "split, in order");
    let calls = |name| {
        let figures = client.node.command_figures();
        figures.iter().find(|figures| figures.name == name).map(|figures| (figures.calls, figures.errors))
    };
    assert_eq!(
        (calls("echo"), calls("dbsize")),
        (Some((1, 0)), Some((1, 0))),
        "what runs here is counted as what goes elsewhere"
    );
    assert_eq!(client.ask(&format!("WATCH {there}")), "+OK|");
    client.say("MULTI");
    client.say(&format!("INCR {there}"));
    assert_eq!(client.ask("EXEC"), "*1|:3|");
    client.say(&format!("WATCH {there}"));
    cluster.client(2, Door::Gateway).say(&format!("SET {there} 9"));
    client.say("MULTI");
    client.say(&format!("INCR {there}"));
    assert_eq!(client.ask("EXEC"), "*-1|");
    client.say(&format!("WATCH {there}"));
    client.say("MULTI");
    client.say(&format!("SET {here} 5"));
    assert!(client.ask("EXEC").starts_with("-EXECABORT Transaction discarded because of: watched keys"));
    let mut subscriber = cluster.client(2, Door::Gateway);
    subscriber.say("SUBSCRIBE done");
    client.say("MULTI");
    client.say(&format!("SET {here} 7"));
    client.say("PUBLISH done x");
    assert_eq!(client.ask("EXEC"), "*2|+OK|:0|");
    assert_eq!(subscriber.news(), "*3|$7|message|$4|done|$1|x|");
}

#[test]
fn a_transaction_is_whole_while_its_slot_moves() {
    let cluster = Cluster::new(2);
    let key = key_of(1, 2, 0);
    let mut client = cluster.client(0, Door::Gateway);
    client.say("MULTI");
    client.say(&format!("SET {key} 1"));
    client.say(&format!("INCR {key}"));
    let mut moved = fixture::metadata(2);
    moved.epoch.0 += 1;
    moved.table.iter_mut().for_each(|partition| *partition = fixture::held_by(0));
    cluster.nodes[1].publish(std::sync::Arc::new(moved.clone()), None);
    let request = "EXEC\r\n";
    let mut out = Vec::new();
    let node = client.node.clone();
    let advance = client.session.advance(&node, request.as_bytes(), &mut out);
    let crate::Step::Forward(fanout) = advance.step else { panic!("{:?}", advance.step) };
    cluster.nodes[0].publish(std::sync::Arc::new(moved), None);
    cluster.finish(&node, fanout, &mut out);
    assert_eq!(String::from_utf8_lossy(&out), "*2\r\n+OK\r\n:2\r\n");
    assert_eq!(client.ask(&format!("GET {key}")), "$1|2|");
}

/// A request that makes a large collection of 2000 elements at `big`.
fn filled(command: &str) -> String {
    let elements = (0..2000).map(|number| match command {
        "HSET" | "ZADD" => format!(" {number} {number}"),
        _ => format!(" member:{number}"),
    });
    format!("{command} big{}", elements.collect::<String>())
}

#[test]
fn changes_of_collections_are_noticed_large_or_small() {
    let cluster = Cluster::new(1);
    let mut client = cluster.client(0, Door::Gateway);
    let mut other = cluster.client(0, Door::Gateway);
    for (fill, touch, changed) in [
        ("SADD", "SADD big more", true),
        ("SADD", "SADD big member:7", false),
        ("SADD", "SREM big none", false),
        ("SADD", "SPOP big", true),
        ("SADD", "SCARD big", false),
        ("SADD", "EXPIRE big 100", true),
        ("SADD", "DEL big", true),
        ("HSET", "HSET big 7 8", true),
        ("HSET", "HGETALL big", false),
        ("HSET", "HDEL big none", false),
        ("ZADD", "ZADD big 8 7", true),
        ("ZADD", "ZADD big 7 7", false),
        ("ZADD", "ZPOPMIN big", true),
        ("RPUSH", "LSET big 1000 x", true),
        ("RPUSH", "LRANGE big 0 -1", false),
        ("RPUSH", "LTRIM big 1 -1", true),
        ("RPUSH", "RENAME big elsewhere", true),
        ("RPUSH", "COPY small big REPLACE", true),
        ("RPUSH", "SADD small a", false),
        ("RPUSH", "SADD small c", true),
        ("RPUSH", "SREM small a", true),
        ("RPUSH", "HSET hash f 1", false),
        ("RPUSH", "HSET hash f 2", true),
    ] {
        other.say("FLUSHALL");
        other.say(&filled(fill));
        other.say("SADD small a b");
        other.say("HSET hash f 1");
        assert_eq!(client.ask("WATCH big small hash none"), "+OK|");
        other.say(touch);
        client.say("MULTI");
        client.say("SCARD small");
        assert_eq!(client.ask("EXEC") == "*-1|", changed, "{fill} {touch}");
    }
}

#[test]
fn requests_on_collections_run_together() {
    let cluster = Cluster::new(1);
    let mut client = cluster.client(0, Door::Gateway);
    let mut other = cluster.client(0, Door::Gateway);
    let mut listener = cluster.client(0, Door::Gateway);
    client.say("CONFIG SET notify-keyspace-events KA slowlog-log-slower-than 0");
    listener.say("PSUBSCRIBE __keyspace@*");
    client.say("MULTI");
    for request in ["RPUSH l a b", "LMOVE l m LEFT LEFT", "SADD l x", "ZADD z 1 a", "ZPOPMIN z", "HINCRBY h f 2"] {
        assert_eq!(client.ask(request), "+QUEUED|");
    }
    assert_eq!(other.ask("EXISTS l m z h"), ":0|");
    assert_eq!(listener.news(), "");
    assert_eq!(
        client.ask("EXEC"),
        "*6|:2|$1|a|-WRONGTYPE Operation against a key holding the wrong kind of value|:1|*2|$1|a|$1|1|:2|"
    );
    let news = listener.news();
    let names: Vec<&str> = news.split("*4|").skip(1).filter_map(|event| event.split('|').nth(7)).collect();
    assert_eq!(names, ["rpush", "lpush", "lpop", "zadd", "zpopmin", "del", "hincrby"]);
    assert_eq!(other.ask("LRANGE m 0 -1"), "*1|$1|a|");
    other.say("SADD slow a b c");
    let slow = other.say("SLOWLOG GET 3");
    assert!(slow.contains("SADD\r\n$4\r\nslow\r\n") && slow.contains("LRANGE\r\n$1\r\nm\r\n"), "{slow}");
    client.say(
        "CONFIG SET slowlog-log-slower-than -1 commandlog-request-larger-than 1000 commandlog-reply-larger-than 1000",
    );
    other.say(&filled("SADD"));
    other.say("SMEMBERS big");
    assert!(other.say("COMMANDLOG GET 1 large-request").contains("SADD\r\n$3\r\nbig\r\n"));
    assert!(other.say("COMMANDLOG GET 1 large-reply").contains("SMEMBERS\r\n$3\r\nbig\r\n"));
}
