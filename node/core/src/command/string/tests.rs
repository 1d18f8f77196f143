//! String commands as a client hears them: the replies of a Redis server, then what only dcache does.

use crate::command::{Door, transcript::play};
use crate::fixture::{self, Cluster};
use dcache_protocol::{Eviction, Match, NamespaceSpec};

fn with_namespace(spec: NamespaceSpec) -> Cluster {
    let cluster = Cluster::new(1);
    let mut metadata = fixture::metadata(1);
    metadata.epoch.0 += 1;
    metadata.namespaces.insert(spec.name.clone(), spec);
    cluster.publish(&metadata);
    cluster
}

fn namespace(default_ttl_ms: Option<u64>, max_ttl_ms: Option<u64>) -> NamespaceSpec {
    NamespaceSpec {
        name: "ns".into(),
        matches: Some(Match::Prefix("ns:".into())),
        default_ttl_ms,
        max_ttl_ms,
        ..NamespaceSpec::default_namespace()
    }
}

#[test]
fn replies_are_those_of_redis() {
    let cluster = Cluster::new(1);
    play(&mut cluster.client(0, Door::Gateway), include_str!("replies.txt"));
}

#[test]
fn the_cluster_door_replies_the_same() {
    let cluster = Cluster::new(1);
    play(&mut cluster.client(0, Door::Cluster), include_str!("replies.txt"));
}

#[test]
fn values_are_compared_before_they_are_changed() {
    let cluster = Cluster::new(1);
    play(
        &mut cluster.client(0, Door::Gateway),
        "SET a 2 IFEQ 1 => $-1
         EXISTS a => :0
         SET a 1 => +OK
         SET a 2 IFEQ x => $-1
         SET a 2 ifeq 1 EX 100 => +OK
         TTL a => :100
         SET a 3 IFEQ 2 GET => $1 2
         SET a 4 IFEQ 2 GET => $1 3
         GET a => $1 3
         SET b 4 IFEQ 2 GET => $-1
         SET a 4 IFEQ => -ERR syntax error
         SET a 4 IFEQ 3 NX => -ERR syntax error
         SET a 4 XX IFEQ 3 => -ERR syntax error
         SET a 4 IFEQ 3 IFEQ 3 => -ERR syntax error
         DELIFEQ a x => :0
         DELIFEQ a 3 => :1
         DELIFEQ a 3 => :0
         DELIFEQ a => -ERR wrong number of arguments for 'delifeq' command",
    );
}

#[test]
fn values_expire() {
    let cluster = Cluster::new(1);
    play(
        &mut cluster.client(0, Door::Gateway),
        "SET a 1 PX 1000 => +OK
         ~ 999
         GET a => $1 1
         SET a 2 KEEPTTL => +OK
         PTTL a => :1
         ~ 1
         GET a => $-1
         SET a 3 KEEPTTL => +OK
         TTL a => :-1
         SETEX a 1 4 => +OK
         INCR a => :5
         APPEND a 0 => :2
         SETRANGE a 2 0 => :3
         INCRBYFLOAT a 0.5 => $5 500.5
         PTTL a => :1000
         ~ 1000
         INCR a => :1
         TTL a => :-1",
    );
}

#[test]
fn a_namespace_gives_its_default_ttl_to_writes_without_one() {
    let cluster = with_namespace(namespace(Some(60_000), None));
    play(
        &mut cluster.client(0, Door::Gateway),
        "SET ns:a 1 => +OK
         TTL ns:a => :60
         SET other 1 => +OK
         TTL other => :-1
         SET ns:a 1 EX 1000 => +OK
         TTL ns:a => :1000
         SET ns:a 2 KEEPTTL => +OK
         TTL ns:a => :1000
         INCR ns:a => :3
         TTL ns:a => :1000
         GETSET ns:a 1 => $1 3
         TTL ns:a => :60
         SETNX ns:b 1 => :1
         TTL ns:b => :60
         MSET ns:c 1 ns:d 1 => +OK
         TTL ns:d => :60
         MSETNX ns:{e}1 1 ns:{e}2 1 => :1
         TTL ns:{e}2 => :60
         MSETNX ns:f 1 g 1 => :1
         TTL ns:f => :60
         TTL g => :-1
         INCR ns:i => :1
         TTL ns:i => :60
         INCRBYFLOAT ns:j 1 => $1 1
         TTL ns:j => :60
         APPEND ns:k 1 => :1
         TTL ns:k => :60
         SETRANGE ns:l 0 1 => :1
         TTL ns:l => :60
         SET ns:m 1 KEEPTTL => +OK
         TTL ns:m => :60
         PERSIST ns:m => :1
         TTL ns:m => :-1
         SET ns:m 1 KEEPTTL => +OK
         TTL ns:m => :-1
         GETEX ns:m => $1 1
         TTL ns:m => :-1",
    );
}

#[test]
fn a_jitter_shortens_times_to_live_by_up_to_its_share_and_not_all_alike() {
    let spec = NamespaceSpec { ttl_jitter_percent: Some(20), ..namespace(Some(100_000), None) };
    let cluster = with_namespace(spec);
    let mut client = cluster.client(0, Door::Gateway);
    let mut ttls = std::collections::BTreeSet::new();
    for number in 0..100 {
        client.say(&format!("SET ns:{number} v"));
        let ttl: u64 =
            client.say(&format!("PTTL ns:{number}")).trim().trim_start_matches(':').parse().expect("a number");
        assert!((80_000..=100_000).contains(&ttl), "{ttl}");
        ttls.insert(ttl);
    }
    assert!(ttls.len() > 50, "{ttls:?}");
    play(
        &mut client,
        "EXPIRE ns:1 1000 => :1
         TTL ns:1 => :1000
         SET other 1 EX 100 => +OK
         TTL other => :100",
    );
}

#[test]
fn a_namespace_cuts_what_would_last_longer_than_its_maximum() {
    let cluster = with_namespace(namespace(None, Some(60_000)));
    play(
        &mut cluster.client(0, Door::Gateway),
        "SET ns:a 1 => +OK
         TTL ns:a => :60
         SET ns:a 1 EX 1000 => +OK
         TTL ns:a => :60
         SET ns:a 1 EX 10 => +OK
         TTL ns:a => :10
         SETEX ns:a 1000 1 => +OK
         TTL ns:a => :60
         PEXPIREAT ns:a 9223372036854775807 => :1
         TTL ns:a => :60
         EXPIRE ns:a 1000 GT => :0
         EXPIRE ns:a 10 LT => :1
         EXPIRE ns:a 1000 GT => :1
         TTL ns:a => :60
         EXPIRE ns:a 10 => :1
         PERSIST ns:a => :1
         TTL ns:a => :60
         GETEX ns:a EX 1000 => $1 1
         TTL ns:a => :60
         EXPIRE ns:a 10 => :1
         GETEX ns:a PERSIST => $1 1
         TTL ns:a => :60
         SET b 1 => +OK
         RENAME b ns:b => +OK
         TTL ns:b => :60
         RENAME ns:b b => +OK
         TTL b => :60
         SET c 1 EX 1000 => +OK
         COPY c ns:c => :1
         TTL ns:c => :60
         TTL c => :1000",
    );
}

#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() {
    let spec = NamespaceSpec { eviction: Eviction::None, memory_max_bytes: Some(32 << 10), ..namespace(None, None) };
    let cluster = with_namespace(spec);
    let client = &mut cluster.client(0, Door::Gateway);
    let oom = "-OOM command not allowed when used memory > 'maxmemory'.";
    let big = "x".repeat(40_000);
    play(client, &format!("SET ns:a 1 EX 100 => +OK\nSET ns:a {big} => {oom}\nGET ns:a => $1 1\nTTL ns:a => :100"));
    play(client, &format!("SET ns:a {big} GET => {oom}\nGETSET ns:a {big} => {oom}\nSETNX ns:b {big} => {oom}"));
    play(client, &format!("APPEND ns:a {big} => {oom}\nSETRANGE ns:a 40000 x => {oom}\nMSET b 1 ns:b {big} => {oom}"));
    play(client, &format!("MSETNX ns:{{n}}a 1 ns:{{n}}b {big} => {oom}\nEXISTS ns:{{n}}a ns:{{n}}b ns:b => :0"));
    play(
        client,
        &format!("SET src {big} => +OK\nCOPY src ns:c => {oom}\nRENAME src ns:c => {oom}\nSTRLEN src => :40000"),
    );
    play(client, "GET ns:a => $1 1\nTTL ns:a => :100\nDEL ns:a => :1\nSET ns:c 1 => +OK");
}

#[test]
fn numbers_longer_than_usual_fit_too() {
    let cluster = Cluster::new(1);
    let client = &mut cluster.client(0, Door::Gateway);
    let reply = client.say("INCRBYFLOAT f 1e4000");
    assert!(reply.starts_with("$4000\r\n"), "{reply:.20}");
    play(client, "STRLEN f => :4000\nINCRBYFLOAT f -1e4000 => $1 0");
}

#[test]
fn any_bytes_are_values_and_keys() {
    let cluster = Cluster::new(1);
    let client = &mut cluster.client(0, Door::Gateway);
    let bytes: Vec<u8> = (0..=255).collect();
    let mut request = b"*3\r\n$3\r\nSET\r\n$256\r\n".to_vec();
    request.extend(&bytes);
    request.extend(b"\r\n$256\r\n");
    request.extend(&bytes);
    request.extend(b"\r\n*2\r\n$3\r\nGET\r\n$256\r\n");
    request.extend(&bytes);
    request.extend(b"\r\n");
    let expected = [b"+OK\r\n$256\r\n", &bytes[..], b"\r\n"].concat();
    assert_eq!(client.send(&request), expected);
}

#[test]
fn keys_of_several_slots_run_on_a_node_that_has_them_all() {
    let cluster = Cluster::new(1);
    play(
        &mut cluster.client(0, Door::Gateway),
        "MSET a 1 b 2 c 3 => +OK
         MGET a b c d => *4 $1 1 $1 2 $1 3 $-1
         MSETNX d 1 e 1 => :1
         MSETNX f 1 e 1 => :0
         EXISTS f => :0
         DEL a b c d e f => :5",
    );
    play(
        &mut cluster.client(0, Door::Cluster),
        "MSET a 1 b 2 => -CROSSSLOT Keys in request don't hash to the same slot
         MSETNX a 1 b 1 => -CROSSSLOT Keys in request don't hash to the same slot
         RENAME a b => -CROSSSLOT Keys in request don't hash to the same slot",
    );
}
