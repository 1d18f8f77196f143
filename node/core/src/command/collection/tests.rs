//! Commands on collections as a client hears them: the replies of a Redis server in both versions of the protocol, then what that
//! server, a 7.0, does not have, and what only dcache does.

use crate::command::{Door, transcript::play};
use crate::fixture::{self, Cluster};

#[test]
fn replies_are_those_of_redis() {
    let cluster = Cluster::new(1);
    play(&mut cluster.client(0, Door::Gateway), include_str!("replies.txt"));
}

#[test]
fn replies_in_resp3_are_those_of_redis() {
    let cluster = Cluster::new(1);
    let mut client = cluster.client(0, Door::Gateway);
    client.say("HELLO 3");
    play(&mut client, include_str!("replies3.txt"));
}

#[test]
fn fields_expire_one_by_one() {
    let cluster = Cluster::new(1);
    play(
        &mut cluster.client(0, Door::Gateway),
        "HSET h a 1 b 2 c 3 => :3
         HEXPIRE h 10 FIELDS 2 a none => *2 :1 :-2
         HEXPIRE none 10 FIELDS 1 a => *1 :-2
         HPEXPIRE h 2500 GT FIELDS 2 a b => *2 :0 :0
         HPEXPIRE h 2500 LT FIELDS 2 a b => *2 :1 :1
         HTTL h FIELDS 4 a b c none => *4 :3 :3 :-1 :-2
         HPTTL h FIELDS 1 a => *1 :2500
         HPERSIST h FIELDS 3 b c none => *3 :1 :-1 :-2
         OBJECT ENCODING h => $10 listpackex
         HEXPIRE h 0 FIELDS 1 b => *1 :2
         HEXPIRE h -1 FIELDS 1 c => -ERR invalid expire time, must be >= 0
         HEXPIRE h 10 FIELDS 2 c => -ERR The `numfields` parameter must match the number of arguments
         HEXPIRE h 10 FIELDS 0 c => -ERR Parameter `numFields` should be greater than 0
         HEXPIRE h 10 NX NX 1 c => -ERR Mandatory argument FIELDS is missing or not at the right position
         HEXPIRE h 999999999999999 FIELDS 1 c => -ERR invalid expire time in 'hexpire' command
         HINCRBY h a 1 => :2
         HPTTL h FIELDS 1 a => *1 :2500
         ~ 2499
         HGETALL h => *4 $1 a $1 2 $1 c $1 3
         ~ 1
         HGETALL h => *2 $1 c $1 3
         HLEN h => :1
         HSETEX h FNX EX 5 FIELDS 1 c 9 => :0
         HSETEX h FXX EX 5 FIELDS 1 c 9 => :1
         HSET h c 9 => :0
         HTTL h FIELDS 1 c => *1 :-1
         HGETEX h PX 100 FIELDS 2 c none => *2 $1 9 $-1
         HPEXPIRETIME h FIELDS 1 c => *1 :1700000002600
         HGETEX h PERSIST FIELDS 1 c => *1 $1 9
         HGETEX h PERSIST EX 1 FIELDS 1 c => -ERR unknown argument: EX
         HGETDEL h FIELDS 2 c none => *2 $1 9 $-1
         EXISTS h => :0
         HSET h a 1 => :1
         HPEXPIRE h 50 FIELDS 1 a => *1 :1
         ~ 50
         EXISTS h => :0
         TYPE h => +none",
    );
}

#[test]
fn a_new_collection_has_its_namespaces_expiry_and_keeps_it() {
    let cluster = Cluster::new(1);
    let mut metadata = fixture::metadata(1);
    metadata.epoch.0 += 1;
    let spec = dcache_protocol::NamespaceSpec {
        name: "ns".into(),
        matches: Some(dcache_protocol::Match::Prefix("ns:".into())),
        default_ttl_ms: Some(10_000),
        ..dcache_protocol::NamespaceSpec::default_namespace()
    };
    metadata.namespaces.insert("ns".into(), spec);
    cluster.publish(&metadata);
    play(
        &mut cluster.client(0, Door::Gateway),
        "SADD ns:s a => :1
         ~ 4000
         SADD ns:s b => :1
         PTTL ns:s => :6000
         SUNIONSTORE ns:t ns:s => :2
         PTTL ns:t => :10000
         ~ 6000
         EXISTS ns:s => :0",
    );
}

/// Passing every limit, and every form a collection takes, without a change that a client sees.
#[test]
fn collections_grow_large_and_say_so() {
    let cluster = Cluster::new(1);
    let mut client = cluster.client(0, Door::Gateway);
    let long = "x".repeat(65);
    play(
        &mut client,
        &format!(
            "SADD s 1 2 => :2
             OBJECT ENCODING s => $6 intset
             SADD s a => :1
             OBJECT ENCODING s => $8 listpack
             SADD s {long} => :1
             OBJECT ENCODING s => $9 hashtable
             SCARD s => :4
             SISMEMBER s {long} => :1
             RPUSH l a => :1
             OBJECT ENCODING l => $8 listpack
             ZADD z 1 {long} => :1
             OBJECT ENCODING z => $8 skiplist
             HSET h {long} 1 => :1
             OBJECT ENCODING h => $9 hashtable
             DEL s l z h => :4"
        ),
    );
    for number in 0..1000 {
        assert_eq!(client.say(&format!("RPUSH l item:{number}")), format!(":{}\r\n", number + 1));
        assert_eq!(client.say(&format!("ZADD z {number} m{number}")), ":1\r\n");
        assert_eq!(client.say(&format!("HSET h f{number} {number}")), ":1\r\n");
    }
    play(
        &mut client,
        "OBJECT ENCODING l => $9 quicklist
         OBJECT ENCODING z => $8 skiplist
         OBJECT ENCODING h => $9 hashtable
         LRANGE l 498 500 => *3 $8 item:498 $8 item:499 $8 item:500
         ZRANGE z 998 -1 => *2 $4 m998 $4 m999
         ZRANK z m500 => :500
         ZCOUNT z (10 20 => :10
         HGET h f77 => $2 77
         HLEN h => :1000
         RENAME h h2 => +OK
         COPY h2 h => :1
         HDEL h2 f1 => :1
         HLEN h => :1000
         LREM l 0 item:500 => :1
         LINDEX l 500 => $8 item:501
         SCAN 0 TYPE zset => *2 $1 0 *1 $1 z",
    );
    let mut met = std::collections::BTreeSet::new();
    let mut cursor = "0".to_owned();
    loop {
        let page = client.call(&["HSCAN", "h", &cursor, "COUNT", "20", "NOVALUES"]);
        let words: Vec<&str> = page.split("\r\n").collect();
        met.extend(words.iter().filter(|word| word.starts_with('f')).map(|word| (*word).to_owned()));
        cursor = words[2].to_owned();
        if cursor == "0" {
            break;
        }
    }
    assert_eq!(met.len(), 1000);
}

/// As long as a node of a release before is in the cluster, copies could not be told.
#[test]
fn collections_wait_for_the_last_node_of_the_release_before() {
    let cluster = Cluster::new(1);
    let mut metadata = fixture::metadata(1);
    metadata.epoch.0 += 1;
    metadata.level = 1;
    cluster.publish(&metadata);
    let late = "-ERR collections can be written once all nodes of the cluster run this release";
    play(
        &mut cluster.client(0, Door::Gateway),
        &format!("SADD s a => {late}\n SET s a => +OK\n SUNIONSTORE t none => :0\n HGETALL h => *0\n HDEL h a => :0"),
    );
}

#[test]
fn keys_of_several_nodes_are_refused_where_one_must_run_it() {
    let cluster = Cluster::new(2);
    let (here, there) = (fixture::key_of(0, 2, 0), fixture::key_of(1, 2, 0));
    let cross = "-CROSSSLOT Keys in request don't hash to the same slot";
    let mut client = cluster.client(0, Door::Gateway);
    play(
        &mut client,
        &format!(
            "SADD {here} a => :1
             SADD {there} a b => :2
             SMEMBERS {there} => *2 $1 a $1 b
             SINTER {here} {there} => {cross}
             ZUNION 2 {here} {there} => {cross}
             SINTERCARD 1 {there} => :2
             LMPOP 1 {there} LEFT => -WRONGTYPE Operation against a key holding the wrong kind of value"
        ),
    );
}

/// A request of more arguments than are read ahead goes on where its first piece ended.
#[test]
fn many_arguments_may_come_in_pieces() {
    let cluster = Cluster::new(1);
    let mut client = cluster.client(0, Door::Gateway);
    let members: Vec<String> = (0..3000).map(|number| format!("member:{number}")).collect();
    let args: Vec<&str> = ["SADD", "s"].into_iter().chain(members.iter().map(String::as_str)).collect();
    let mut request = Vec::new();
    dcache_protocol::resp::value::encode_request(&args, &mut request);
    let third = request.len() / 3;
    assert_eq!(client.send(&request[..third]), b"");
    assert_eq!(client.send(&request[third..2 * third]), b"");
    assert_eq!(client.send(&request[2 * third..]), b":3000\r\n");
}
