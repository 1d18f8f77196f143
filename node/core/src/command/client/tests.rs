//! Clients listed, ended, paused, looked on at and told what changed.

use crate::Door;
use crate::fixture::{self, Caller, Cluster, id, key_of, member};
use dcache_cluster::failover::Configuration;
use std::sync::atomic::Ordering::Relaxed;

/// Three clients, and which of them are alive after the first one said `line`.
fn after(line: &str) -> (String, [bool; 3]) {
    let cluster = Cluster::new(1);
    let mut clients = [Door::Gateway, Door::Gateway, Door::Cluster].map(|door| cluster.client(0, door));
    let reply = clients[0].say(line);
    let alive = clients.each_mut().map(|client: &mut Caller<'_>| client.send(b"PING\r\n") == b"+PONG\r\n");
    (reply, alive)
}

#[test]
fn clients_are_killed_by_address_id_and_filter() {
    for (line, reply, alive) in [
        ("CLIENT KILL 192.0.2.1:40001", "+OK", [true, false, true]),
        ("CLIENT KILL 192.0.2.1:9", "-ERR No such client", [true; 3]),
        ("CLIENT KILL ID 2", ":1", [true, false, true]),
        ("CLIENT KILL ID 1", ":0", [true; 3]),
        ("CLIENT KILL ID 1 SKIPME no", ":1", [false, true, true]),
        ("CLIENT KILL ID 0", "-ERR client-id should be greater than 0", [true; 3]),
        ("CLIENT KILL ID x", "-ERR client-id should be greater than 0", [true; 3]),
        ("CLIENT KILL TYPE normal", ":2", [true, false, false]),
        ("CLIENT KILL TYPE pubsub SKIPME no", ":0", [true; 3]),
        ("CLIENT KILL TYPE odd SKIPME no", "-ERR Unknown client type 'odd'", [true; 3]),
        ("CLIENT KILL ADDR 192.0.2.1:40002", ":1", [true, true, false]),
        ("CLIENT KILL LADDR 10.0.0.1:7400", ":1", [true, true, false]),
        ("CLIENT KILL USER default LADDR 10.0.0.1:6379", ":1", [true, false, true]),
        ("CLIENT KILL USER nobody ID 2", "-ERR No such user 'nobody'", [true; 3]),
        ("CLIENT KILL SKIPME maybe", "-ERR syntax error", [true; 3]),
        ("CLIENT KILL ID 2 ADDR", "-ERR syntax error", [true; 3]),
        ("CLIENT KILL SKIPME no", ":3", [false; 3]),
    ] {
        let (got, survivors) = after(line);
        assert_eq!((got, survivors), (format!("{reply}\r\n"), alive), "{line}");
    }
}

#[test]
fn a_killed_client_is_woken_and_closes_before_its_next_request() {
    let cluster = Cluster::new(1);
    let mut killer = cluster.client(0, Door::Gateway);
    let mut victim = cluster.client(0, Door::Gateway);
    assert!(!victim.session.is_killed());
    killer.say(&format!("CLIENT KILL ID {}", victim.session.id()));
    assert_eq!(victim.woken.load(Relaxed), 1);
    assert!(victim.session.is_killed());
    assert_eq!(victim.say("SET k v"), "");
    assert!(victim.closed);
    assert_eq!(killer.say("DBSIZE"), ":0\r\n");
}

#[test]
fn filters_choose_whom_list_shows() {
    let cluster = Cluster::new(1);
    let mut one = cluster.client(0, Door::Gateway);
    let mut two = cluster.client(0, Door::Cluster);
    two.say("SUBSCRIBE a");
    let mut ids = |line: &str| -> String {
        let reply = one.say(line);
        reply.lines().filter_map(|line| line.strip_prefix("id=")?.split(' ').next()).collect::<Vec<_>>().join(" ")
    };
    for (line, expected) in [
        ("CLIENT LIST", "1 2"),
        ("CLIENT LIST SKIPME yes", "2"),
        ("CLIENT LIST TYPE pubsub", "2"),
        ("CLIENT LIST TYPE normal", "1"),
        ("CLIENT LIST TYPE replica", ""),
        ("CLIENT LIST ID 1 2 3", "1 2"),
        ("CLIENT LIST ADDR 192.0.2.1:40001", "2"),
        ("CLIENT LIST LADDR 10.0.0.1:6379 USER default", "1"),
        ("CLIENT LIST MAXAGE 10", ""),
    ] {
        assert_eq!(ids(line), expected, "{line}");
    }
}

#[test]
fn a_pause_holds_requests_back_until_it_ends() {
    let cluster = Cluster::new(1);
    let mut client = cluster.client(0, Door::Gateway);
    let mut other = cluster.client(0, Door::Gateway);
    let begun = client.node.now();
    assert_eq!(client.ask("CLIENT PAUSE 100 WRITE"), "+OK|");
    assert_eq!(other.ask("GET k"), "$-1|");
    assert_eq!(client.node.now(), begun, "reads go on");
    assert_eq!(other.ask("SET k v"), "+OK|");
    assert!((client.node.now() - begun).as_millis() >= 100);
    let begun = client.node.now();
    assert_eq!(client.ask("CLIENT PAUSE 50"), "+OK|");
    assert_eq!(other.ask("GET k"), "$1|v|");
    assert!((client.node.now() - begun).as_millis() >= 50);
    client.say("CLIENT PAUSE 10000");
    let begun = client.node.now();
    assert_eq!(client.ask("CLIENT UNPAUSE"), "+OK|");
    assert_eq!(client.ask("GET k"), "$1|v|");
    assert_eq!(client.node.now(), begun);
    for (line, reply) in [
        ("CLIENT PAUSE x", "-ERR timeout is not an integer or out of range|"),
        ("CLIENT PAUSE -1", "-ERR timeout is negative|"),
        ("CLIENT PAUSE 1 some", "-ERR CLIENT PAUSE mode must be WRITE or ALL|"),
        ("CLIENT UNBLOCK 5", ":0|"),
        ("CLIENT UNBLOCK 5 x", "-ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR|"),
    ] {
        assert_eq!(client.ask(line), reply, "{line}");
    }
}

#[test]
fn a_monitor_is_shown_what_others_run_and_no_secrets() {
    let cluster = Cluster::new(1);
    let mut monitor = cluster.client(0, Door::Gateway);
    let mut client = cluster.client(0, Door::Gateway);
    assert_eq!(monitor.ask("MONITOR"), "+OK|");
    client.call(&["SET", "k\n", "a\"b\x01"]);
    client.say("AUTH default secret");
    client.say("CONFIG GET port");
    client.say("SELECT 3");
    client.say("GET k");
    client.call(&["EVAL", "return redis.call('GET', 'k')", "0"]);
    let shown: Vec<String> =
        monitor.news().split('|').map(|line| line.split_once(' ').map_or("", |(_, rest)| rest).into()).collect();
    assert_eq!(
        shown,
        [
            r#"[0 192.0.2.1:40001] "SET" "k\n" "a\"b\x01""#,
            r#"[0 192.0.2.1:40001] "SELECT" "3""#,
            r#"[3 192.0.2.1:40001] "GET" "k""#,
            r#"[3 192.0.2.1:40001] "EVAL" "return redis.call('GET', 'k')" "0""#,
            r#"[3 lua] "GET" "k""#,
            ""
        ]
    );
    monitor.say("RESET");
    monitor.news();
    client.say("GET k");
    assert_eq!(monitor.news(), "");
    assert!(!client.node.events.are_requests_watched());
}

#[test]
fn a_monitor_is_shown_a_request_once_however_often_it_is_tried() {
    let cluster = Cluster::new(2);
    let mut metadata = fixture::metadata(2);
    metadata.epoch.0 += 1;
    for partition in metadata.table.iter_mut() {
        let agreed = Configuration::new(vec![id(0), id(1)]);
        let in_sync = vec![member(0), member(1)];
        *partition = Configuration { generation: 2, term: 2, version: 2, primary: Some(member(0)), in_sync, ..agreed };
    }
    // It has no lease yet.
    cluster.publish(&metadata);
    let mut monitor = cluster.client(0, Door::Gateway);
    let mut client = cluster.client(0, Door::Gateway);
    assert_eq!(monitor.ask("MONITOR"), "+OK|");
    assert!(client.ask("SET k v").starts_with('-'), "its patience ends");
    assert_eq!(monitor.news().matches("\"SET\" \"k\" \"v\"").count(), 1);
}

fn invalidated(key: &str) -> String {
    format!(">2|$10|invalidate|*1|${}|{key}|", key.len())
}

#[test]
fn who_tracks_is_told_once_of_each_key_it_read() {
    let cluster = Cluster::new(1);
    let mut reader = cluster.client(0, Door::Gateway);
    let mut writer = cluster.client(0, Door::Gateway);
    reader.say("HELLO 3");
    assert_eq!(reader.ask("CLIENT TRACKINGINFO"), "%3|$5|flags|~1|$3|off|$8|redirect|:-1|$8|prefixes|*0|");
    assert_eq!(reader.ask("CLIENT TRACKING ON"), "+OK|");
    assert_eq!(reader.ask("CLIENT TRACKINGINFO"), "%3|$5|flags|~1|$2|on|$8|redirect|:0|$8|prefixes|*0|");
    assert_eq!(reader.ask("CLIENT GETREDIR"), ":0|");
    reader.say("GET a");
    reader.say("MGET b c");
    writer.say("SET a 1");
    assert_eq!(reader.news(), invalidated("a"));
    writer.say("SET a 2");
    assert_eq!(reader.news(), "", "it has not read it since");
    writer.say("SET c 1 NX");
    writer.say("SET c 1 NX");
    assert_eq!(reader.news(), invalidated("c"));
    reader.say("GET a");
    assert_eq!(reader.ask("DEL a"), ":1|");
    assert_eq!(reader.news(), invalidated("a"), "its own changes too");
    reader.say("GET t");
    writer.say("SET t 1 PX 10");
    reader.say("GET t");
    reader.news();
    crate::fixture::pass(std::time::Duration::from_millis(20));
    cluster.talk();
    assert_eq!(reader.news(), invalidated("t"), "it has expired");
    reader.say("GET b");
    writer.say("FLUSHALL");
    assert_eq!(reader.news(), ">2|$10|invalidate|_|");
    reader.say("CLIENT TRACKING OFF");
    reader.say("GET b");
    writer.say("SET b 1");
    assert_eq!(reader.news(), "");
    assert!(!reader.node.events.are_watched());
}

#[test]
fn what_a_transaction_reads_is_tracked_wherever_it_runs() {
    let cluster = Cluster::new(2);
    let [here, there] = [0, 1].map(|node| key_of(node, 2, 0));
    for mode in ["", " OPTIN"] {
        for read in [vec![&here], vec![&there], vec![&here, &there]] {
            let mut reader = cluster.client(0, Door::Gateway);
            let mut writer = cluster.client(0, Door::Gateway);
            reader.say("HELLO 3");
            reader.say(&format!("CLIENT TRACKING ON{mode}"));
            if !mode.is_empty() {
                reader.say("CLIENT CACHING YES");
            }
            reader.say("MULTI");
            read.iter().for_each(|key| drop(reader.say(&format!("PTTL {key}"))));
            read.iter().for_each(|key| drop(reader.say(&format!("GET {key}"))));
            reader.say("EXEC");
            cluster.talk();
            for key in &read {
                writer.say(&format!("SET {key} 1"));
                cluster.talk();
                assert_eq!(reader.news(), invalidated(key), "{mode} {read:?}");
            }
            reader.say(&format!("GET {here}"));
            writer.say(&format!("SET {here} 1"));
            let is_told = !reader.news().is_empty();
            assert_eq!(is_told, mode.is_empty(), "CLIENT CACHING is over with the transaction");
            if mode.is_empty() {
                continue;
            }
            ["CLIENT CACHING YES", "MULTI", "DISCARD"].iter().for_each(|line| drop(reader.say(line)));
            reader.say(&format!("GET {here}"));
            writer.say(&format!("SET {here} 1"));
            assert_eq!(reader.news(), "", "or when it is discarded");
        }
    }
}

#[test]
fn modes_of_tracking_are_redis_s() {
    let cluster = Cluster::new(1);
    let mut reader = cluster.client(0, Door::Gateway);
    let mut writer = cluster.client(0, Door::Gateway);
    reader.say("HELLO 3");
    reader.say("CLIENT TRACKING ON OPTIN NOLOOP");
    reader.say("GET a");
    assert_eq!(reader.ask("CLIENT CACHING YES"), "+OK|");
    assert!(reader.ask("CLIENT TRACKINGINFO").contains("|$2|on|$5|optin|$11|caching-yes|$6|noloop|"));
    reader.say("GET b");
    reader.say("GET c");
    reader.say("CLIENT CACHING YES");
    reader.say("GET d");
    reader.say("SET d 1");
    ["a", "b", "c"].iter().for_each(|key| drop(writer.say(&format!("SET {key} 1"))));
    assert_eq!(reader.news(), invalidated("b"));
    reader.say("CLIENT TRACKING OFF");
    reader.say("CLIENT TRACKING ON OPTOUT");
    reader.say("GET a");
    reader.say("CLIENT CACHING NO");
    reader.say("GET b");
    ["a", "b"].iter().for_each(|key| drop(writer.say(&format!("SET {key} 1"))));
    assert_eq!(reader.news(), invalidated("a"));
    reader.say("CLIENT TRACKING OFF");
    assert_eq!(reader.ask("CLIENT TRACKING ON BCAST PREFIX user: PREFIX item:"), "+OK|");
    writer.say("SET user:1 x");
    writer.say("SET other x");
    assert_eq!(reader.news(), invalidated("user:1"));
    writer.say("DEL user:1");
    assert_eq!(reader.news(), invalidated("user:1"), "without having read it");
    for (line, reply) in [
        (
            "CLIENT TRACKING ON BCAST PREFIX user:1",
            "-ERR Prefix 'user:1' overlaps with an existing prefix 'user:'. Prefixes for a single client must not overlap.|",
        ),
        (
            "CLIENT TRACKING ON BCAST PREFIX a PREFIX ab",
            "-ERR Prefix 'a' overlaps with another provided prefix 'ab'. Prefixes for a single client must not overlap.|",
        ),
        (
            "CLIENT TRACKING ON",
            "-ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with a different mode.|",
        ),
        ("CLIENT TRACKING ON PREFIX a", "-ERR PREFIX option requires BCAST mode to be enabled|"),
        ("CLIENT TRACKING ON BCAST OPTIN", "-ERR OPTIN and OPTOUT are not compatible with BCAST|"),
        ("CLIENT TRACKING ON REDIRECT 77", "-ERR The client ID you want redirect to does not exist|"),
        ("CLIENT TRACKING maybe", "-ERR syntax error|"),
        (
            "CLIENT CACHING YES",
            "-ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled|",
        ),
    ] {
        assert_eq!(reader.ask(line), reply, "{line}");
    }
}

#[test]
fn changes_are_told_to_another_connection_that_speaks_resp2() {
    let cluster = Cluster::new(1);
    let mut listener = cluster.client(0, Door::Gateway);
    let mut reader = cluster.client(0, Door::Gateway);
    let id = listener.session.id();
    listener.say("SUBSCRIBE __redis__:invalidate");
    assert_eq!(reader.ask(&format!("CLIENT TRACKING ON REDIRECT {id}")), "+OK|");
    assert_eq!(reader.ask("CLIENT GETREDIR"), format!(":{id}|"));
    reader.say("GET k");
    reader.say("SET k v");
    assert_eq!(listener.news(), "*3|$7|message|$20|__redis__:invalidate|*1|$1|k|");
    reader.say("FLUSHALL");
    assert_eq!(listener.news(), "*3|$7|message|$20|__redis__:invalidate|$-1|");
    drop(listener);
    reader.say("HELLO 3");
    reader.say("GET k");
    reader.say("SET k v");
    assert_eq!(reader.news(), format!(">2|$21|tracking-redir-broken|:{id}|"));
    assert!(reader.ask("CLIENT TRACKINGINFO").contains("broken_redirect"));
}

#[test]
fn keys_of_other_nodes_are_tracked_through_any_gateway() {
    use crate::fixture::{self, key_of};
    let cluster = Cluster::new(3);
    cluster.talk();
    let mut reader = cluster.client(0, Door::Gateway);
    let mut writer = cluster.client(2, Door::Gateway);
    reader.say("HELLO 3");
    reader.say("CLIENT TRACKING ON");
    let key = key_of(1, 3, 0);
    reader.say(&format!("GET {key}"));
    writer.say(&format!("SET {key} v"));
    cluster.talk();
    assert_eq!(reader.news(), invalidated(&key));
    reader.say(&format!("GET {key}"));
    writer.say("FLUSHALL");
    cluster.talk();
    assert!(reader.news().contains(">2|$10|invalidate|_|"));
    reader.say(&format!("GET {key}"));
    let mut moved = fixture::metadata(3);
    moved.epoch.0 += 1;
    let its = moved.table.iter_mut().filter(|partition| partition.holder() == Some(fixture::id(1)));
    its.for_each(|partition| *partition = fixture::held_by(2));
    cluster.publish(&moved);
    assert_eq!(reader.news(), invalidated(&key), "its slot has moved");
    cluster.broken.borrow_mut().insert(fixture::id(1), crate::gateway::ForwardError::TimedOut);
    let mut late = cluster.client(2, Door::Gateway);
    assert_eq!(late.ask("CLIENT TRACKING ON"), "-TRYAGAIN not all nodes of the cluster were told in time|");
}

#[test]
fn a_node_that_could_not_be_told_of_a_change_forgets_everything() {
    use crate::fixture::{self, key_of};
    let cluster = Cluster::new(2);
    cluster.talk();
    let mut reader = cluster.client(0, Door::Gateway);
    reader.say("HELLO 3");
    reader.say("CLIENT TRACKING ON");
    let key = key_of(1, 2, 0);
    reader.say(&format!("GET {key}"));
    cluster.broken.borrow_mut().insert(fixture::id(0), crate::gateway::ForwardError::LinkLost);
    let mut writer = cluster.client(1, Door::Gateway);
    writer.say(&format!("SET {key} v"));
    cluster.talk();
    assert_eq!(reader.news(), "");
    cluster.broken.borrow_mut().clear();
    fixture::pass(std::time::Duration::from_secs(1));
    cluster.talk();
    assert_eq!(reader.news(), ">2|$10|invalidate|_|");
}

#[test]
fn only_what_changed_of_collections_is_told() {
    let cluster = Cluster::new(1);
    let mut reader = cluster.client(0, Door::Gateway);
    let mut writer = cluster.client(0, Door::Gateway);
    reader.say("HELLO 3");
    reader.say("CLIENT TRACKING ON");
    writer.say("SADD s a b");
    writer.say("SET bits a");
    for (request, stale) in [
        ("SADD s a", ""),
        ("SADD s c", "s"),
        ("SUNIONSTORE u s", "u"),
        ("SINTERSTORE none s none", ""),
        ("SMOVE s none c", "s none"),
        ("BITOP NOT u bits", "u"),
        ("SETBIT bits 0 0", ""),
        ("SETBIT bits 0 1", "bits"),
        ("HSET h f v", "h"),
        ("LPOP none", ""),
    ] {
        for key in ["s", "u", "none", "bits", "h"] {
            reader.say(&format!("EXISTS {key}"));
        }
        assert_eq!(reader.news(), "", "before {request}");
        writer.say(request);
        let told: String = stale.split_whitespace().map(invalidated).collect();
        assert_eq!(reader.news(), told, "{request}");
    }
}
