//! memcached's protocol in lines as they are said.

use crate::Door;
use crate::fixture::{self, Caller, Cluster, key_of};
use std::time::Duration;

/// Lines said one after the other, each with its answer; `|` ends a line.
fn play(client: &mut Caller<'_>, script: &[(&str, &str)]) {
    for (said, answer) in script {
        assert_eq!(client.memcached(said), *answer, "{said}");
    }
}

#[test]
fn classic_commands_answer_as_memcached_does() {
    let cluster = Cluster::new(1);
    let mut client = cluster.client(0, Door::Memcached);
    play(
        &mut client,
        &[
            ("get a|", "END|"),
            ("set a 5 0 3|abc|", "STORED|"),
            ("get a|", "VALUE a 5 3|abc|END|"),
            ("add a 0 0 1|x|", "NOT_STORED|"),
            ("add b 0 0 1|x|", "STORED|"),
            ("replace c 0 0 1|x|", "NOT_STORED|"),
            ("append a 0 0 1|d|", "STORED|"),
            ("prepend a 0 0 1|_|", "STORED|"),
            ("append c 0 0 1|x|", "NOT_STORED|"),
            ("get a b c|", "VALUE a 5 5|_abcd|VALUE b 0 1|x|END|"),
            ("set n 0 0 2|10|", "STORED|"),
            ("incr n 5|", "15|"),
            ("decr n 100|", "0|"),
            ("incr n 18446744073709551615|", "18446744073709551615|"),
            ("incr n 1|", "0|"),
            ("incr a 1|", "CLIENT_ERROR cannot increment or decrement non-numeric value|"),
            ("incr n x|", "CLIENT_ERROR invalid numeric delta argument|"),
            ("incr none 1|", "NOT_FOUND|"),
            ("delete a|", "DELETED|"),
            ("delete a|", "NOT_FOUND|"),
            ("delete b 0|", "DELETED|"),
            ("touch n 100|", "TOUCHED|"),
            ("touch none 100|", "NOT_FOUND|"),
            ("set q 0 0 1 noreply|x|get q|", "VALUE q 0 1|x|END|"),
            ("set e 0 -1 1|x|get e|", "STORED|END|"),
            ("verbosity 1|", "OK|"),
            ("flush_all|get q|", "OK|END|"),
            ("bogus|", "ERROR|"),
            ("|", "ERROR|"),
            ("get|", "ERROR|"),
            ("set a 0 0|", "ERROR|"),
            ("set a x 0 1|y|", "CLIENT_ERROR bad command line format|"),
            ("set a 0 x 1|y|", "CLIENT_ERROR invalid exptime argument|"),
            ("set a 0 0 -1|", "CLIENT_ERROR bad data chunk|"),
            ("set a 0 0 1|toolong|get q|", "CLIENT_ERROR bad data chunk|END|"),
            ("stats items|", "END|"),
        ],
    );
    assert!(client.memcached("version|").starts_with("VERSION "));
    assert!(client.memcached("stats|").contains("STAT cmd_get "));
    let long = "k".repeat(251);
    assert_eq!(client.memcached(&format!("get {long}|")), "CLIENT_ERROR bad command line format|");
    assert_eq!(client.memcached("quit|"), "");
    assert!(client.closed);
}

#[test]
fn ids_let_only_one_of_two_writers_through() {
    let cluster = Cluster::new(1);
    let mut client = cluster.client(0, Door::Memcached);
    for flags in [0, 7] {
        client.memcached(&format!("set a {flags} 0 3|abc|"));
        let shown = client.memcached("gets a|");
        let id: u64 = shown.split(['|', ' ']).nth(4).expect("an id").parse().expect("a number");
        assert_eq!(client.memcached(&format!("cas a {flags} 0 1 {}|x|", id + 2)), "EXISTS|");
        assert_eq!(client.memcached(&format!("cas a {flags} 0 1 {id}|x|")), "STORED|");
        assert_eq!(client.memcached(&format!("cas a {flags} 0 1 {id}|y|")), "EXISTS|");
        assert_eq!(client.memcached("cas none 0 0 1 5|y|"), "NOT_FOUND|");
        client.memcached("touch a 100|");
        let before = client.memcached("gets a|");
        assert_eq!(client.memcached("gat 0 a|"), format!("VALUE a {flags} 1|x|END|"));
        assert_eq!(client.memcached("gats 50 a|"), before, "a touch changes no id");
    }
}

#[test]
fn keys_are_those_of_redis_s_clients() {
    let cluster = Cluster::new(1);
    let mut client = cluster.client(0, Door::Memcached);
    let mut redis = cluster.client(0, Door::Gateway);
    redis.say("SET a hello EX 100");
    assert_eq!(client.memcached("get a|"), "VALUE a 0 5|hello|END|");
    client.memcached("set b 9 100 2|hi|");
    assert_eq!(redis.ask("GET b"), "$2|hi|");
    assert_eq!(redis.ask("TTL b"), ":100|");
    assert_eq!(redis.ask("DBSIZE"), ":2|", "what is kept beside a value is no key");
    redis.say("SET b other");
    assert_eq!(client.memcached("get b|"), "VALUE b 0 5|other|END|", "flags were of another value");
    client.memcached("set b 9 0 2|hi|");
    redis.say("FLUSHDB");
    assert_eq!(client.node.items(), 0);
    let month = 60 * 60 * 24 * 30;
    client.memcached(&format!("set c 0 {month} 1|x|"));
    assert_eq!(redis.ask("TTL c"), format!(":{month}|"));
    client.memcached("set c 0 1800000000 1|x|");
    assert_eq!(redis.ask("EXPIRETIME c"), ":1800000000|");
}

#[test]
fn meta_commands_show_what_is_asked() {
    let cluster = Cluster::new(1);
    let mut client = cluster.client(0, Door::Memcached);
    play(
        &mut client,
        &[
            ("mn|", "MN|"),
            ("mg a v|", "EN|"),
            ("mg a v q|mn|", "MN|"),
            ("ms a 2 T90 F7|hi|", "HD|"),
            ("mg a v|", "VA 2|hi|"),
            ("mg a t f s v k O123|", "VA 2 t90 f7 s2 ka O123|hi|"),
            ("mg a|", "HD|"),
            ("mg a s k|", "HD s2 ka|"),
            ("ms a 1 ME|x|", "NS|"),
            ("ms b 1 MR|x|", "NS|"),
            ("ms b 1 MA|x|", "NS|"),
            ("ms b 1 MA N0|x|", "HD|"),
            ("ms b 1 MA|y|", "HD|"),
            ("ms b 1 MP|w|", "HD|"),
            ("mg b v|", "VA 3|wxy|"),
            ("ms c 1 q|z|mn|", "MN|"),
            ("ms c 1 E99 q|z|mg c c|", "HD c99|"),
            ("ms c 1 C98|z|", "EX|"),
            ("ms none 1 C98|z|", "NF|"),
            ("ms c 1 C99 c E100|z|", "HD c100|"),
            ("md c C7|", "EX|"),
            ("md c C100 q|mn|", "MN|"),
            ("md c|", "NF|"),
            ("md c q|mn|", "MN|"),
            ("ma n|", "NF|"),
            ("ma n N0 J13 v|", "VA 2|13|"),
            ("ma n v|", "VA 2|14|"),
            ("ma n D5 MD v t|", "VA 1 t-1|9|"),
            ("ma n Mx|", "CLIENT_ERROR invalid mode for ma|"),
        ],
    );
    assert!(client.memcached("me a|").starts_with("ME a exp=90 la=0 cas="));
    assert_eq!(client.memcached("me none|"), "EN|");
    assert_eq!(client.memcached("mg a !|"), "CLIENT_ERROR invalid flag|");
    assert_eq!(client.memcached("mg a R|"), "CLIENT_ERROR bad token in command line format|");
    // "foo" in base64.
    assert_eq!(client.memcached("ms Zm9v 3 b|abc|"), "HD|");
    assert_eq!(client.memcached("get foo|"), "VALUE foo 0 3|abc|END|");
    assert_eq!(client.memcached("mg Zm9v b k v|"), "VA 3 kZm9v b|abc|");
    assert_eq!(client.memcached("mg Zm? b v|"), "CLIENT_ERROR error decoding key|");
}

#[test]
fn one_client_wins_the_right_to_make_a_value_anew() {
    let cluster = Cluster::new(1);
    let mut client = cluster.client(0, Door::Memcached);
    play(
        &mut client,
        &[
            ("mg a N30 v t|", "VA 0 t30 W||"),
            ("mg a N30 v t|", "VA 0 t30 Z||"),
            ("mg a v|", "VA 0 Z||"),
            ("ms a 3 T90|new|", "HD|"),
            ("mg a N30 v t|", "VA 3 t90|new|"),
            // Soon to expire: one is told to make it anew in time.
            ("mg a R30 v|", "VA 3|new|"),
            ("mg a R100 v|", "VA 3 W|new|"),
            ("mg a R100 v|", "VA 3 Z|new|"),
            // Stale: shown, and one is told.
            ("ms a 3 E50|old|", "HD|"),
            ("md a I T30|", "HD|"),
            ("mg a v t|", "VA 3 t30 W X|old|"),
            ("mg a v t|", "VA 3 t30 X Z|old|"),
            ("ms a 4|next|", "HD|"),
            ("mg a v|", "VA 4|next|"),
            // What was made from an older value is stored as stale.
            ("ms a 3 E60|one|", "HD|"),
            ("ms a 3 C59 I|two|", "HD|"),
            ("mg a v|", "VA 3 W X|two|"),
            ("md a x|", "HD|"),
            ("mg a v s|", "VA 0 s0||"),
        ],
    );
    fixture::pass(Duration::from_secs(100));
    assert_eq!(client.memcached("mg none v|"), "EN|");
}

#[test]
fn any_node_answers_for_any_key() {
    let cluster = Cluster::new(3);
    let keys: Vec<String> = (0..3).map(|node| key_of(node, 3, 0)).collect();
    let mut client = cluster.client(0, Door::Memcached);
    for key in &keys {
        assert_eq!(client.memcached(&format!("set {key} 3 0 1|x|")), "STORED|");
        assert_eq!(client.memcached(&format!("set {key} 3 0 1 noreply|x|mn|")), "MN|");
    }
    let mut other = cluster.client(1, Door::Memcached);
    let values: String = keys.iter().map(|key| format!("VALUE {key} 3 1|x|")).collect();
    assert_eq!(other.memcached(&format!("get {} none {} {}|", keys[0], keys[1], keys[2])), format!("{values}END|"));
    assert_eq!(other.memcached(&format!("mg {} v q|mn|", keys[2])), "VA 1|x|MN|");
    assert_eq!(other.memcached("flush_all|"), "OK|");
    assert_eq!(client.memcached(&format!("get {}|", keys[1])), "END|");
    assert!(cluster.nodes.iter().all(|node| node.items() == 0));
    cluster.broken.borrow_mut().insert(fixture::id(1), crate::gateway::ForwardError::Unreachable);
    assert!(client.memcached(&format!("get {}|", keys[1])).starts_with("SERVER_ERROR CLUSTERDOWN "));
    cluster.broken.borrow_mut().clear();
    let mut moved = fixture::metadata(3);
    moved.epoch.0 += 1;
    moved.table.iter_mut().for_each(|partition| *partition = fixture::held_by(2));
    cluster.nodes[1].publish(std::sync::Arc::new(moved.clone()), None);
    cluster.nodes[2].publish(std::sync::Arc::new(moved), None);
    client.memcached(&format!("set {} 0 0 1|y|", keys[2]));
    assert_eq!(client.memcached(&format!("get {}|", keys[2])), format!("VALUE {} 0 1|y|END|", keys[2]));
}

#[test]
fn requests_may_be_cut_anywhere_and_be_anything() {
    let cluster = Cluster::new(1);
    let script = b"set a 1 0 5\r\nab\r\nc\r\nget a\r\nmg a v\r\nincr a 1\r\n";
    let expected =
        "STORED|VALUE a 1 5|ab|c|END|VA 5|ab|c|CLIENT_ERROR cannot increment or decrement non-numeric value|";
    for cut in 0..script.len() {
        let mut client = cluster.client(0, Door::Memcached);
        let replies = [client.send(&script[..cut]), client.send(&script[cut..])].concat();
        assert_eq!(String::from_utf8_lossy(&replies).replace("\r\n", "|"), expected, "cut at {cut}");
        drop(client);
    }
    let mut client = cluster.client(0, Door::Memcached);
    assert_eq!(client.memcached("set a 0 0 600000000|xyz|"), "SERVER_ERROR object too large for cache|");
    assert_eq!(client.memcached("get a|"), "", "it is passed over");
    let mut client = cluster.client(0, Door::Memcached);
    assert_eq!(client.memcached(&"x".repeat(70_000)), "CLIENT_ERROR line too long|");
    assert!(client.closed);
    let mut state = 7_u64;
    for _ in 0..2000 {
        let mut client = cluster.client(0, Door::Memcached);
        let words = [
            "get", "set", "ms", "mg", "md", "ma", "cas", "a", " ", "0", "1", "\r\n", "x", "T", "N5", "I", "b", "\0",
            "-1", "noreply",
        ];
        let text: String = (0..12)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                words[(state >> 40) as usize % words.len()].to_string() + if state >> 63 == 0 { " " } else { "" }
            })
            .collect();
        client.send(text.as_bytes());
    }
}
