//! Key commands as a client hears them: the replies of a Redis server, then what only dcache does.

use crate::command::{Door, transcript::play};
use crate::fixture::{self, Caller, Cluster};
use dcache_protocol::resp::parse::Limits;
use dcache_protocol::resp::value::{Value, parse_value};
use dcache_protocol::{Eviction, Match, NamespaceSpec};
use std::collections::BTreeSet;

#[test]
fn replies_are_those_of_redis() {
    let cluster = Cluster::new(1);
    play(&mut cluster.client(0, Door::Gateway), include_str!("replies.txt"));
}

/// All keys a whole SCAN answers, and how many steps it took.
fn scan(client: &mut Caller<'_>, options: &str) -> (Vec<String>, usize) {
    let text = |value: &Value| match value {
        Value::Bulk(bytes) => String::from_utf8(bytes.clone()).expect("keys of these tests are text"),
        other => panic!("not a bulk string: {other:?}"),
    };
    let (mut keys, mut cursor) = (Vec::new(), "0".to_string());
    for steps in 1..100_000 {
        let reply = client.say(&format!("SCAN {cursor} {options}"));
        let parsed = parse_value(reply.as_bytes(), &Limits::default()).expect("RESP").expect("a whole reply").0;
        let Value::Array(parts) = parsed else { panic!("not an array: {reply}") };
        let [next, Value::Array(found)] = &parts[..] else { panic!("not a cursor and keys: {reply}") };
        keys.extend(found.iter().map(text));
        cursor = text(next);
        if cursor == "0" {
            return (keys, steps);
        }
        let number: u64 = cursor.parse().expect("a cursor is a number");
        assert!(number < 1 << 52, "clients keep a cursor in a double");
    }
    panic!("the scan does not end");
}

#[test]
fn a_scan_visits_every_key_of_its_database() {
    let cluster = Cluster::new(1);
    let client = &mut cluster.client(0, Door::Gateway);
    let names: BTreeSet<String> = (0..500).map(|n| format!("key:{n}")).collect();
    for name in &names {
        client.say(&format!("SET {name} 1"));
    }
    client.say("SET gone 1 PX 10");
    client.say("SELECT 3");
    client.say("SET elsewhere 1");
    client.say("SELECT 0");
    fixture::pass(std::time::Duration::from_millis(10));
    for options in ["", "COUNT 1", "COUNT 7", "COUNT 1000000000000", "TYPE string", "MATCH key:*"] {
        let (found, _) = scan(client, options);
        assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), names, "{options}");
    }
    let (found, _) = scan(client, "MATCH key:1?");
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>().len(), 10);
    assert_eq!(scan(client, "TYPE hash").0, [""; 0]);
    assert!(scan(client, "COUNT 1").1 > scan(client, "COUNT 1000").1);
    client.say("SELECT 3");
    assert_eq!(scan(client, "").0, ["elsewhere"]);
}

#[test]
fn cursors_of_strangers_end_somewhere() {
    let cluster = Cluster::new(1);
    let client = &mut cluster.client(0, Door::Cluster);
    client.say("SET a 1");
    for cursor in ["1", "12345", "1099511627775", "1099511627776", "4503599627370495", "18446744073709551615"] {
        let reply = client.say(&format!("SCAN {cursor}"));
        assert!(reply.starts_with("*2\r\n") || reply.starts_with("-ERR invalid cursor"), "{cursor}: {reply}");
    }
}

#[test]
fn keys_are_those_that_are_left() {
    let cluster = Cluster::new(1);
    let client = &mut cluster.client(0, Door::Gateway);
    play(
        client,
        "MSET b 2 a 1 => +OK
         SET c 1 PX 10 => +OK
         KEYS * => *3 $1 a $1 b $1 c
         ~ 10
         KEYS * => *2 $1 a $1 b
         KEYS ? => *2 $1 a $1 b
         KEYS [^a] => *1 $1 b
         DEL a => :1
         RANDOMKEY => $1 b
         SELECT 1 => +OK
         RANDOMKEY => $-1
         KEYS * => *0",
    );
}

#[test]
fn walks_pass_over_slots_that_went_to_another_node() {
    let cluster = Cluster::new(2);
    let key = fixture::key_of(0, 2, 0);
    let client = &mut cluster.client(0, Door::Cluster);
    play(client, &format!("SET {key} 1 => +OK\nKEYS * => *1 ${} {key}", key.len()));
    let mut metadata = fixture::metadata(2);
    metadata.epoch.0 += 1;
    metadata.table.iter_mut().for_each(|partition| *partition = fixture::held_by(1));
    cluster.publish(&metadata);
    play(client, "KEYS * => *0\nRANDOMKEY => $-1");
    assert_eq!(scan(client, "").0, [""; 0]);
}

#[test]
fn expired_keys_are_gone_for_every_command() {
    let cluster = Cluster::new(1);
    play(
        &mut cluster.client(0, Door::Gateway),
        "SET a 1 PX 100 => +OK
         PTTL a => :100
         ~ 60
         PTTL a => :40
         TTL a => :0
         ~ 40
         EXISTS a => :0
         TTL a => :-2
         TYPE a => +none
         TOUCH a => :0
         DEL a => :0
         PERSIST a => :0
         EXPIRE a 10 => :0
         RENAME a b => -ERR no such key
         COPY a b => :0
         OBJECT ENCODING a => $-1
         MEMORY USAGE a => $-1",
    );
}

#[test]
fn how_a_value_is_kept_depends_on_the_policy_of_its_namespace() {
    let cluster = Cluster::new(1);
    let mut metadata = fixture::metadata(1);
    metadata.epoch.0 += 1;
    let spec = NamespaceSpec {
        name: "lfu".into(),
        matches: Some(Match::Prefix("lfu:".into())),
        eviction: Eviction::Lfu,
        ..NamespaceSpec::default_namespace()
    };
    metadata.namespaces.insert(spec.name.clone(), spec);
    cluster.publish(&metadata);
    let client = &mut cluster.client(0, Door::Gateway);
    play(
        client,
        "SET lfu:a 1 => +OK
         GET lfu:a => $1 1
         OBJECT IDLETIME lfu:a => -ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.
         SET a 1 => +OK
         ~ 5000
         OBJECT IDLETIME a => :5
         CLIENT NO-TOUCH ON => +OK
         GET a => $1 1
         OBJECT IDLETIME a => :5
         CLIENT NO-TOUCH OFF => +OK
         TOUCH a => :1
         OBJECT IDLETIME a => :0
         ~ 3000
         GET a => $1 1
         OBJECT IDLETIME a => :0
         MIGRATE 10.0.0.1 6379 a 0 100 => -ERR MIGRATE is not a client's business in dcache; use: dcache cluster status -o wide",
    );
    let frequency = |client: &mut Caller<'_>| client.say("OBJECT FREQ lfu:a")[1..].trim().parse::<i64>();
    let before = frequency(client).expect("a number");
    client.say("GET lfu:a");
    assert!(frequency(client).expect("a number") > before);
}

#[test]
fn renames_keep_the_value_or_refuse() {
    let cluster = Cluster::new(1);
    let client = &mut cluster.client(0, Door::Gateway);
    let value = "x".repeat(20 << 20);
    client.call(&["SET", "a", &value]);
    play(
        client,
        "RENAME a b => +OK\nRENAME b {b}c => +OK\nRENAMENX {b}c d => :1\nSTRLEN d => :20971520\nEXISTS a b {b}c => :0",
    );
    play(client, "COPY d e => :1\nEXISTS d e => :2");
}

#[test]
fn help_lists_the_subcommands() {
    let cluster = Cluster::new(1);
    let client = &mut cluster.client(0, Door::Gateway);
    for container in ["OBJECT", "MEMORY", "COMMAND", "ACL"] {
        let help = client.say(&format!("{container} HELP"));
        assert!(
            help.contains(&format!("+{container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:\r\n")),
            "{help}"
        );
        let rows = crate::command::lookup(container.as_bytes()).expect("a command").subcommands();
        for row in rows {
            let name = row.name.split_once('|').expect("a subcommand").1.to_uppercase();
            assert!(help.contains(&format!("\r\n+{name}")), "{name} in {help}");
        }
    }
}

#[test]
fn large_collections_change_their_name_and_database_and_stay_where_there_is_no_room() {
    let cluster = Cluster::new(1);
    let mut metadata = fixture::metadata(1);
    metadata.epoch.0 += 1;
    for (name, matches) in [("small", Match::Prefix("small:".into())), ("third", Match::Database(3))] {
        let spec = NamespaceSpec {
            name: name.into(),
            matches: Some(matches),
            eviction: Eviction::None,
            memory_max_bytes: Some(100_000),
            ..NamespaceSpec::default_namespace()
        };
        metadata.namespaces.insert(spec.name.clone(), spec);
    }
    cluster.publish(&metadata);
    let client = &mut cluster.client(0, Door::Gateway);
    client.say("CONFIG SET notify-keyspace-events KA");
    let members: Vec<String> = (0..40_000).map(|number| format!("member:{number}")).collect();
    let request: Vec<&str> = ["SADD", "{k}"].into_iter().chain(members.iter().map(String::as_str)).collect();
    assert_eq!(client.call(&request), ":40000\r\n");
    play(
        client,
        "EXPIRE {k} 1000 => :1
         MOVE {k} 3 => -OOM command not allowed when used memory > 'maxmemory'.
         SCARD {k} => :40000
         TTL {k} => :1000
         SELECT 3 => +OK
         EXISTS {k} => :0
         SELECT 0 => +OK
         RENAME {k} small:x => -OOM command not allowed when used memory > 'maxmemory'.
         RENAME {k} small:{k} => -OOM command not allowed when used memory > 'maxmemory'.
         COPY {k} small:x => -OOM command not allowed when used memory > 'maxmemory'.
         SCARD {k} => :40000
         TTL {k} => :1000
         MOVE {k} 2 => :1
         EXISTS {k} => :0
         SADD {k} a => :1
         MOVE {k} 2 => :0
         SELECT 2 => +OK
         SCARD {k} => :40000
         TTL {k} => :1000
         SISMEMBER {k} member:39999 => :1
         SADD {k} member:39999 another => :1
         COPY {k} {k}c => :1
         RENAME {k}c y => +OK
         RENAME y {k} => +OK
         SCARD {k} => :40001
         TTL {k} => :1000
         MOVE {k} 0 => :0
         DEL {k} => :1
         SADD {k} b => :1
         MOVE {k} 1 => :1
         SELECT 1 => +OK
         SMEMBERS {k} => *1 $1 b",
    );
}
