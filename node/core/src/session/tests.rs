//! What one client's bytes are answered, however they are cut.

mod held;

use super::*;
use crate::fixture::{self, Cluster};
use crate::stats::Outcome;
use dcache_protocol::resp::value::encode_request;

fn request(args: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_request(args, &mut bytes);
    bytes
}

#[test]
fn replies_do_not_depend_on_where_the_bytes_were_cut() {
    let pipeline: Vec<u8> = [
        request(&["SET", "k", "v1"]),
        b"GET k\r\n".to_vec(),
        request(&["GET", "none"]),
        b"\r\n*0\r\n".to_vec(),
        request(&["APPEND", "k", "\r\n*1"]),
        b"get \"k\"\r\n".to_vec(),
        request(&["DEL", "k"]),
    ]
    .concat();
    let expected = "+OK\r\n$2\r\nv1\r\n$-1\r\n:6\r\n$6\r\nv1\r\n*1\r\n:1\r\n";
    let cluster = Cluster::new(1);
    for cut in 0..=pipeline.len() {
        let mut client = cluster.client(0, Door::Gateway);
        let mut replies = client.send(&pipeline[..cut]);
        replies.extend(client.send(&pipeline[cut..]));
        assert_eq!(String::from_utf8_lossy(&replies), expected, "cut at {cut}");
    }
    let mut client = cluster.client(0, Door::Gateway);
    let replies: Vec<u8> = pipeline.iter().flat_map(|byte| client.send(&[*byte])).collect();
    assert_eq!(String::from_utf8_lossy(&replies), expected, "byte by byte");
}

#[test]
fn only_whole_requests_are_consumed() {
    let cluster = Cluster::new(1);
    let mut client = cluster.client(0, Door::Gateway);
    let bytes = [request(&["PING"]), request(&["ECHO", "hello"])].concat();
    let mut out = Vec::new();
    let advance = client.session.advance(&client.node, &bytes[..bytes.len() - 3], &mut out);
    assert_eq!(advance.consumed, request(&["PING"]).len());
    assert!(matches!(advance.step, Step::NeedInput { wanted: 3 }), "{:?}", advance.step);
    assert_eq!(out, b"+PONG\r\n");
    let advance = client.session.advance(&client.node, &bytes[advance.consumed..], &mut out);
    assert_eq!(advance.consumed, request(&["ECHO", "hello"]).len());
    assert_eq!(out, b"+PONG\r\n$5\r\nhello\r\n");
}

#[test]
fn a_full_output_stops_the_session_until_it_is_written() {
    let cluster = Cluster::new(1);
    let mut client = cluster.client(0, Door::Gateway);
    let value = "x".repeat(40_000);
    client.call(&["SET", "big", &value]);
    let pipeline = request(&["GET", "big"]).repeat(10);
    let (mut consumed, mut replies, mut stops) = (0, 0, 0);
    loop {
        let mut out = Vec::new();
        let advance = client.session.advance(&client.node, &pipeline[consumed..], &mut out);
        consumed += advance.consumed;
        replies += out.len();
        assert!(out.len() < OUTPUT_BYTES_MAX + 40_100, "one reply past the bound at most");
        match advance.step {
            Step::OutputFull => stops += 1,
            Step::NeedInput { .. } => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((consumed, replies), (pipeline.len(), 10 * (40_000 + "$40000\r\n\r\n".len())));
    assert_eq!(stops, 5);
}

#[test]
fn what_was_read_ahead_runs_in_the_state_of_its_turn() {
    let cluster = Cluster::new(1);
    let mut client = cluster.client(0, Door::Gateway);
    let lines =
        ["SELECT 1", "SET k one", "SELECT 0", "GET k", "SET k zero", "SELECT 1", "GET k", "HELLO 3", "GET none"];
    let replies = client.send((lines.join("\r\n") + "\r\n").as_bytes());
    let replies = String::from_utf8_lossy(&replies);
    assert!(replies.starts_with("+OK\r\n+OK\r\n+OK\r\n$-1\r\n+OK\r\n+OK\r\n$3\r\none\r\n%"), "{replies}");
    assert!(replies.ends_with("\r\n_\r\n"), "{replies}");
}

#[test]
fn long_pipelines_are_answered_whole_and_counted_each() {
    let cluster = Cluster::new(3);
    let mut client = cluster.client(0, Door::Gateway);
    let (here, there) = (fixture::key_of(0, 3, 0), fixture::key_of(1, 3, 0));
    client.say(&format!("SET {here} word"));
    let mut pipeline = Vec::new();
    let mut expected = String::new();
    for n in 0..1000 {
        match n % 97 {
            50 => pipeline.extend(request(&["SET", &there, &n.to_string()])),
            51 => pipeline.extend(request(&["GET", &there])),
            52 => pipeline.extend(request(&["INCR", &here])),
            53 => pipeline.extend(b"\r\n*0\r\nPING\r\n"),
            _ => pipeline.extend(request(&["GET", &here])),
        }
        expected += &match n % 97 {
            50 => "+OK\r\n".into(),
            51 => format!("${}\r\n{}\r\n", (n - 1).to_string().len(), n - 1),
            52 => "-ERR value is not an integer or out of range\r\n".into(),
            53 => "+PONG\r\n".into(),
            _ => "$4\r\nword\r\n".to_string(),
        };
    }
    let (first, second) = pipeline.split_at(pipeline.len() / 2);
    let replies = [client.send(first), client.send(second)].concat();
    assert_eq!(String::from_utf8_lossy(&replies), expected);
    let figures = client.node.command_figures();
    let mut calls: Vec<(&str, u64, u64)> = figures.iter().map(|f| (f.name.as_str(), f.calls, f.errors)).collect();
    calls.sort_unstable();
    assert_eq!(calls, [("get", 970, 0), ("incr", 10, 10), ("ping", 10, 0), ("set", 11, 0)]);
    let timed: u64 = client.node.latencies_by_command().iter().map(|(_, _, latencies)| latencies.count()).sum();
    assert_eq!(timed, 1001);
}

#[test]
fn requests_of_one_command_share_their_time_and_others_do_not() {
    let cluster = Cluster::new(1);
    let node = &cluster.nodes[0];
    let stats = node.stats().worker(0);
    let [get, set, ping] = ["get", "set", "ping"].map(|name| command::lookup(name.as_bytes()).expect("a command"));
    let mut span = Span::begin(node, stats, node.slow.bounds());
    let mut run = |command, outcome| {
        span.before(Some(command));
        fixture::pass(Duration::from_micros(10));
        span.after(command, outcome, 0..0);
    };
    for command in [get, get, get, set, get, ping, ping] {
        run(command, Outcome::Answered);
    }
    run(ping, Outcome::Failed);
    run(get, Outcome::Answered);
    run(get, Outcome::Failed);
    span.end();
    for (command, calls) in [(get, 6), (set, 1), (ping, 3)] {
        let totals = node.stats().command(usize::from(command.id));
        assert_eq!((totals.calls, totals.nanoseconds), (calls, calls * 10_000), "{}", command.name);
    }
}

#[test]
fn broken_protocol_is_answered_once_and_closed() {
    let cluster = Cluster::new(1);
    for (bytes, reply) in [
        (&b"PING\r\n*x\r\nPING\r\n"[..], "+PONG\r\n-ERR Protocol error: invalid multibulk length\r\n"),
        (b"*1\r\n!4\r\n", "-ERR Protocol error: expected '$', got '!'\r\n"),
        (b"*1\r\n$-5\r\n", "-ERR Protocol error: invalid bulk length\r\n"),
        (b"set \"a\r\n", "-ERR Protocol error: unbalanced quotes in request\r\n"),
    ] {
        let mut client = cluster.client(0, Door::Gateway);
        assert_eq!(String::from_utf8_lossy(&client.send(bytes)), reply);
        assert!(client.closed);
    }
}

#[test]
fn what_fits_no_row_is_refused_in_redis_s_words() {
    let cluster = Cluster::new(1);
    let mut client = cluster.client(0, Door::Gateway);
    assert_eq!(client.say("nosuch"), "-ERR unknown command 'nosuch', with args beginning with: \r\n");
    assert_eq!(
        client.call(&["FOO", "a b", "c\r\nd"]),
        "-ERR unknown command 'FOO', with args beginning with: 'a b' 'c  d' \r\n"
    );
    assert_eq!(client.say("client bogus"), "-ERR unknown subcommand 'bogus'. Try CLIENT HELP.\r\n");
    assert_eq!(
        client.say("CLIENT MAINT_NOTIFICATIONS on"),
        "-ERR unknown subcommand 'MAINT_NOTIFICATIONS'. Try CLIENT HELP.\r\n"
    );
    assert_eq!(client.say("GET"), "-ERR wrong number of arguments for 'get' command\r\n");
    assert_eq!(client.say("client"), "-ERR wrong number of arguments for 'client' command\r\n");
    assert_eq!(client.say("Client SetName"), "-ERR wrong number of arguments for 'client|setname' command\r\n");
    assert!(!client.closed);
    assert_eq!(client.node.stats().totals().errors, 7);
    assert_eq!(client.node.stats().errors().get("ERR"), Some(&7));
}

#[test]
fn a_browser_is_hung_up_on() {
    let cluster = Cluster::new(1);
    for line in ["POST / HTTP/1.1", "host: 127.0.0.1:6379"] {
        let mut client = cluster.client(0, Door::Gateway);
        let reply = client.send(format!("{line}\r\nSET pwned 1\r\n").as_bytes());
        assert!(reply.starts_with(b"-ERR unknown command"));
        assert!(client.closed);
        assert_eq!(client.node.items(), 0);
    }
}

#[test]
fn replies_can_be_switched_off() {
    let cluster = Cluster::new(3);
    let mut client = cluster.client(0, Door::Gateway);
    assert_eq!(client.say("CLIENT REPLY SKIP"), "");
    assert_eq!(client.say("PING"), "");
    assert_eq!(client.say("PING"), "+PONG\r\n");
    assert_eq!(client.say("CLIENT REPLY OFF"), "");
    let elsewhere = fixture::key_of(2, 3, 0);
    assert_eq!(client.say(&format!("SET {elsewhere} v")), "", "forwarded ones too");
    assert_eq!(client.say("nosuch"), "");
    assert_eq!(client.say("CLIENT REPLY SKIP"), "");
    assert_eq!(client.say("PING"), "");
    assert_eq!(client.say("CLIENT REPLY ON"), "+OK\r\n");
    assert_eq!(client.say(&format!("GET {elsewhere}")), "$1\r\nv\r\n");
    assert_eq!(client.say("CLIENT REPLY maybe"), "-ERR syntax error\r\n");
    assert_eq!(client.say("CLIENT REPLY SKIP"), "");
    assert_eq!(client.say("CLIENT REPLY ON"), "+OK\r\n");
    assert_eq!(client.say("PING"), "+PONG\r\n");
}

#[test]
fn quit_answers_and_closes() {
    let cluster = Cluster::new(1);
    let mut client = cluster.client(0, Door::Gateway);
    assert_eq!(client.say("QUIT\r\nPING"), "+OK\r\n");
    assert!(client.closed);
}

#[test]
fn a_dropped_session_is_off_the_list() {
    let cluster = Cluster::new(1);
    let client = cluster.client(0, Door::Gateway);
    let node = Arc::clone(&client.node);
    assert_eq!(node.clients().count(), 1);
    drop(client);
    assert_eq!((node.clients().count(), node.clients().total()), (0, 1));
}

#[test]
fn what_passes_is_counted() {
    let cluster = Cluster::new(3);
    let mut client = cluster.client(0, Door::Gateway);
    let here = fixture::key_of(0, 3, 0);
    let there = fixture::key_of(1, 3, 0);
    let mut sent = 0;
    let mut got = 0;
    for line in [
        format!("SET {here} v"),
        format!("SET {there} v"),
        format!("GET {there}"),
        "GET".into(),
        format!("INCR {here}"),
    ] {
        sent += line.len() + 2;
        got += client.say(&line).len();
    }
    let traffic = client.node.traffic();
    assert_eq!((traffic.bytes_in, traffic.bytes_out), (sent as u64, got as u64));
    assert_eq!((traffic.commands, traffic.errors), (5, 2));
    assert_eq!((traffic.forwarded, traffic.forward_errors, traffic.served_for_peers), (2, 0, 0));
    let served = cluster.nodes[1].traffic();
    assert_eq!((served.commands, served.served_for_peers, served.sets, served.hits), (0, 2, 1, 1));
    let figures = client.node.command_figures();
    let calls: Vec<(&str, u64, u64)> = figures.iter().map(|f| (f.name.as_str(), f.calls, f.errors)).collect();
    assert_eq!(calls, [("set", 2, 0), ("get", 1, 0), ("incr", 1, 1)]);
    let slot = dcache_protocol::slot_of(here.as_bytes());
    let partition = client.node.view().partition_of(slot).index();
    assert_eq!(client.node.partition_figures().ops[partition], 2);
    assert_eq!(client.node.partition_figures().ops.iter().sum::<u64>(), 2);
    assert_eq!(cluster.nodes[1].partition_figures().ops.iter().sum::<u64>(), 2);
}

#[test]
fn what_takes_long_and_fails_is_in_the_slow_log_and_no_secret_is() {
    let cluster = Cluster::new(1);
    let mut client = cluster.client(0, Door::Gateway);
    client.say("CONFIG SET slowlog-log-slower-than 0");
    client.say("CONFIG SET commandlog-request-larger-than 0");
    client.say("SET text words");
    assert_eq!(client.ask("INCR text"), "-ERR value is not an integer or out of range|");
    client.say("AUTH name secret");
    let slow = client.ask("SLOWLOG GET 10");
    assert!(slow.contains("|$4|INCR|$4|text|"), "{slow}");
    let large = client.ask("COMMANDLOG GET 10 large-request");
    assert!(large.contains("|$4|AUTH|"), "{large}");
    assert!(!format!("{slow}{large}").contains("secret"), "{slow}{large}");
}
