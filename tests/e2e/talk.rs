//! Connections of real nodes talking: pub/sub, events, tracking, transactions and memcached's protocol, in bytes on the wire.

use crate::harness::{Home, Node, key_of, status, wait_until};
use wire::Wire;

pub mod wire {
    //! One connection, bytes as they are; `|` stands for the end of a line.

    use crate::harness::DEADLINE;
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::time::Duration;

    pub struct Wire(TcpStream);

    impl Wire {
        pub fn to(address: &str) -> Wire {
            let stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(DEADLINE)).unwrap();
            Wire(stream)
        }

        pub fn say(&mut self, text: &str) {
            self.0.write_all(text.replace('|', "\r\n").as_bytes()).unwrap();
        }

        /// Says a line and reads an answer of exactly this form.
        pub fn ask(&mut self, line: &str, answer: &str) {
            self.say(&format!("{line}|"));
            self.hear(answer, line);
        }

        pub fn hear(&mut self, answer: &str, why: &str) {
            let mut bytes = vec![0; answer.replace('|', "\r\n").len()];
            let read = self.0.read_exact(&mut bytes);
            let heard = String::from_utf8_lossy(&bytes).replace("\r\n", "|");
            assert!(read.is_ok() && heard == answer, "{why}: heard {heard:?}, wanted {answer:?}");
        }

        /// The rest of an array of two numbers, behind its first colon.
        pub fn numbers(&mut self) -> (String, String) {
            let mut number = || {
                let (mut text, mut byte) = (String::new(), [0]);
                while self.0.read_exact(&mut byte).is_ok() && byte[0] != b'\n' {
                    text.push(char::from(byte[0]));
                }
                text.trim().trim_start_matches(':').to_string()
            };
            (number(), number())
        }

        /// A line without its end.
        pub fn line(&mut self) -> String {
            let (mut text, mut byte) = (String::new(), [0]);
            while self.0.read_exact(&mut byte).is_ok() && byte[0] != b'\n' {
                text.push(char::from(byte[0]));
            }
            text.trim().to_string()
        }

        /// An integer.
        pub fn integer(&mut self) -> i64 {
            self.line().trim_start_matches(':').parse().unwrap()
        }

        /// Whatever comes until nothing does for a moment.
        pub fn rest(&mut self) -> String {
            self.0.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
            let (mut all, mut bytes) = (Vec::new(), [0; 4096]);
            while let Ok(length @ 1..) = self.0.read(&mut bytes) {
                all.extend_from_slice(&bytes[..length]);
            }
            self.0.set_read_timeout(Some(DEADLINE)).unwrap();
            String::from_utf8_lossy(&all).replace("\r\n", "|")
        }
    }
}

/// Three nodes formed into a cluster.
fn three(home: &Home, args: &[&str]) -> Vec<Node> {
    let nodes: Vec<Node> = (1..=3).map(|n| Node::start(home, &format!("n{n}"), args)).collect();
    let list: String = nodes.iter().map(|node| format!("  - peers: {}\n", node.peers)).collect();
    let file = home.file("cluster.yaml", format!("name: trio\nnodes:\n{list}"));
    nodes[0].ok(home, &["cluster", "init", "-f", &file.to_string_lossy(), "--yes"]);
    nodes
}

#[test]
fn messages_reach_every_subscriber_through_any_node_and_both_doors() {
    let home = Home::new();
    let nodes = three(&home, &[]);
    let mut old = Wire::to(&nodes[0].gateway);
    let mut new = Wire::to(&nodes[1].cluster);
    old.ask("SUBSCRIBE news", "*3|$9|subscribe|$4|news|:1|");
    new.say("HELLO 3|");
    new.rest();
    new.ask("PSUBSCRIBE n*", ">3|$10|psubscribe|$2|n*|:1|");
    let mut publisher = Wire::to(&nodes[2].gateway);
    publisher.ask("PUBLISH news hello", ":2|");
    old.hear("*3|$7|message|$4|news|$5|hello|", "the first message");
    new.hear(">4|$8|pmessage|$2|n*|$4|news|$5|hello|", "the first message");
    // Messages come in the order in which one client sent them, and none is missing.
    let many: String = (0..500).map(|n| format!("PUBLISH news {n:03}|")).collect();
    publisher.say(&many);
    publisher.hear(&":2|".repeat(500), "all are counted");
    old.hear(&(0..500).map(|n| format!("*3|$7|message|$4|news|$3|{n:03}|")).collect::<String>(), "in order");
    old.say("GET k|");
    assert!(old.rest().starts_with("-ERR Can't execute 'get': only "));
}

#[test]
fn what_happens_to_keys_is_told_at_every_node() {
    let home = Home::new();
    let nodes = three(&home, &[]);
    let mut client = Wire::to(&nodes[0].gateway);
    client.ask("CONFIG SET notify-keyspace-events KEA", "+OK|");
    let mut listener = Wire::to(&nodes[1].gateway);
    listener.ask("PSUBSCRIBE __keyevent@0__:*", "*3|$10|psubscribe|$16|__keyevent@0__:*|:1|");
    let status = status(&home, &nodes[0]);
    for name in ["n1", "n2", "n3"] {
        let key = key_of(&status, name, "k");
        client.ask(&format!("SET {key} v PX 100"), "+OK|");
        let event = |event: &str| {
            let (channel, length) = (format!("__keyevent@0__:{event}"), key.len());
            format!("*4|$8|pmessage|$16|__keyevent@0__:*|${}|{channel}|${length}|{key}|", channel.len())
        };
        listener.hear(&(event("set") + &event("expire") + &event("expired")), name);
    }
}

#[test]
fn a_client_that_keeps_copies_hears_of_changes_at_other_nodes() {
    let home = Home::new();
    let mut nodes = three(&home, &[]);
    let mut reader = Wire::to(&nodes[0].gateway);
    let mut writer = Wire::to(&nodes[1].gateway);
    reader.say("HELLO 3|");
    reader.rest();
    reader.ask("CLIENT TRACKING ON", "+OK|");
    let status = status(&home, &nodes[0]);
    for name in ["n1", "n2", "n3"] {
        let key = key_of(&status, name, "t");
        reader.ask(&format!("GET {key}"), "_|");
        writer.ask(&format!("SET {key} v"), "+OK|");
        reader.hear(&format!(">2|$10|invalidate|*1|${}|{key}|", key.len()), name);
    }
    let key = key_of(&status, "n3", "lost");
    reader.ask(&format!("GET {key}"), "_|");
    nodes[2].process.0.kill().unwrap();
    reader.hear(&format!(">2|$10|invalidate|*1|${}|{key}|", key.len()), "its slot went elsewhere");
}

#[test]
fn transactions_run_whole_wherever_their_keys_are() {
    let home = Home::new();
    let nodes = three(&home, &["--workers", "2"]);
    let status = status(&home, &nodes[0]);
    let key = key_of(&status, "n2", "x");
    // Many clients at all nodes add to two keys of one slot at once; who looks never finds them apart.
    let (one, two) = (format!("{{{key}}}1"), format!("{{{key}}}2"));
    std::thread::scope(|scope| {
        for node in &nodes {
            for _ in 0..2 {
                let (one, two) = (&one, &two);
                scope.spawn(move || {
                    let mut client = Wire::to(&node.gateway);
                    for _ in 0..50 {
                        client.say(&format!("MULTI|INCR {one}|INCR {two}|EXEC|"));
                        client.hear("+OK|+QUEUED|+QUEUED|*2|:", "queued");
                        let numbers = client.numbers();
                        assert_eq!(numbers.0, numbers.1, "both were added to together");
                    }
                });
            }
        }
    });
    let mut client = Wire::to(&nodes[0].gateway);
    client.ask(&format!("GET {one}"), "$3|300|");
    client.ask(&format!("WATCH {one}"), "+OK|");
    Wire::to(&nodes[2].gateway).ask(&format!("INCR {one}"), ":301|");
    client.say(&format!("MULTI|SET {one} 0|EXEC|"));
    client.hear("+OK|+QUEUED|*-1|", "it has changed");
}

#[test]
fn memcached_s_clients_use_the_same_keys_through_any_node() {
    let home = Home::new();
    let nodes = three(&home, &["--memcached", "127.0.0.1:0"]);
    let door = |node: &Node| {
        let log = node.log();
        let mut words = log.split_whitespace().skip_while(|word| *word != "memcached");
        words.nth(1).unwrap().to_string()
    };
    let mut one = Wire::to(&door(&nodes[0]));
    let mut two = Wire::to(&door(&nodes[1]));
    let mut redis = Wire::to(&nodes[2].gateway);
    for n in 0..20 {
        one.say(&format!("set key{n} 7 0 5|va{n:03}|"));
        one.hear("STORED|", "set");
        two.ask(&format!("get key{n}"), &format!("VALUE key{n} 7 5|va{n:03}|END|"));
        redis.ask(&format!("GET key{n}"), &format!("$5|va{n:03}|"));
    }
    two.say("get key1 none key2 key3|");
    two.hear("VALUE key1 7 5|va001|VALUE key2 7 5|va002|VALUE key3 7 5|va003|END|", "in the order of the keys");
    one.say("mg key1 N30 v f|mg new N30 v t|");
    one.hear("VA 5 f7|va001|VA 0 t30 W||", "a token");
    two.say("mg new N30 v t|");
    two.hear("VA 0 t30 Z||", "somebody else has it");
    one.ask("flush_all", "OK|");
    wait_until("all is gone", || {
        let mut redis = Wire::to(&nodes[2].gateway);
        redis.say("DBSIZE|");
        (redis.rest() == ":0|").then_some(())
    });
}

#[test]
fn a_subscriber_that_does_not_read_is_ended_and_nobody_else() {
    let home = Home::new();
    let node = Node::start(&home, "n1", &[]);
    let mut slow = Wire::to(&node.gateway);
    slow.ask("SUBSCRIBE flood", "*3|$9|subscribe|$5|flood|:1|");
    let mut publisher = Wire::to(&node.gateway);
    let message = "x".repeat(1 << 20);
    let mut receivers = 1;
    for _ in 0..200 {
        publisher.say(&format!("*3|$7|PUBLISH|$5|flood|${}|{message}|", message.len()));
        receivers = publisher.integer();
        if receivers == 0 {
            break;
        }
    }
    assert_eq!(receivers, 0, "32 MiB wait at most, beside what the sockets hold");
    publisher.ask("PING", "+PONG|");
    publisher.say("INFO stats|");
    assert!(publisher.rest().contains("client_output_buffer_limit_disconnections:1|"));
}

#[test]
fn sharded_channels_end_where_their_slot_does() {
    let home = Home::new();
    let nodes = three(&home, &[]);
    let status = status(&home, &nodes[0]);
    let channel = key_of(&status, "n2", "shard");
    let length = channel.len();
    let mut subscriber = Wire::to(&nodes[1].cluster);
    subscriber.ask(&format!("SSUBSCRIBE {channel}"), &format!("*3|$10|ssubscribe|${length}|{channel}|:1|"));
    let mut plain = Wire::to(&nodes[0].gateway);
    plain.ask(&format!("SPUBLISH {channel} hi"), ":1|");
    subscriber.hear(&format!("*3|$8|smessage|${length}|{channel}|$2|hi|"), "through another node");
    let mut wrong = Wire::to(&nodes[0].cluster);
    wrong.say(&format!("SSUBSCRIBE {channel}|"));
    assert!(wrong.rest().starts_with("-MOVED "));
    nodes[0].ok(&home, &["cluster", "failover", "n2", "--yes", "--timeout", "60s"]);
    subscriber.hear(&format!("*3|$12|sunsubscribe|${length}|{channel}|:0|"), "its slot went elsewhere");
}
