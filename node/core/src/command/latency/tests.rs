//! The logs of requests that stood out.

use crate::Door;
use crate::fixture::Cluster;

#[test]
fn slow_requests_are_kept_newest_first() {
    let cluster = Cluster::new(1);
    let mut client = cluster.client(0, Door::Gateway);
    client.say("CLIENT SETNAME me");
    assert_eq!(client.ask("SLOWLOG GET"), "*0|");
    client.say("CONFIG SET slowlog-log-slower-than 0 slowlog-max-len 3");
    assert_eq!(client.ask("SLOWLOG RESET"), "+OK|");
    client.say("GET one");
    client.say("GET two");
    let long = "x".repeat(200);
    client.call(&["SET", "k", &long]);
    let log = client.ask("SLOWLOG GET 1");
    let shown = format!("$3|SET|$1|k|$147|{}... (72 more bytes)|$17|192.0.2.1:40000|$2|me|", &long[..128]);
    assert!(log.starts_with("*1|*6|:") && log.contains(&shown.replace("$17", "$15")), "{log}");
    assert_eq!(client.ask("SLOWLOG LEN"), ":3|", "bounded");
    let many: Vec<String> = (0..40).map(|n| n.to_string()).collect();
    let request: Vec<&str> = std::iter::once("MGET").chain(many.iter().map(String::as_str)).collect();
    client.call(&request);
    assert!(
        client.ask("SLOWLOG GET 1").contains("$2|29|$25|... (10 more arguments)|".replace("$25", "$23").as_str())
            || client.ask("SLOWLOG GET 2").contains("... (10 more arguments)")
    );
    client.say("CONFIG SET slowlog-log-slower-than -1");
    client.say("SLOWLOG RESET");
    client.say("GET k");
    assert_eq!(client.ask("SLOWLOG LEN"), ":0|");
    assert_eq!(client.ask("SLOWLOG GET x"), "-ERR count should be greater than or equal to -1|");
    assert_eq!(client.ask("SLOWLOG GET -2"), "-ERR count should be greater than or equal to -1|");
}

#[test]
fn large_requests_and_replies_are_kept() {
    let cluster = Cluster::new(1);
    let mut client = cluster.client(0, Door::Gateway);
    client.say("CONFIG SET commandlog-request-larger-than 1000 commandlog-reply-larger-than 1000");
    let long = "x".repeat(2000);
    client.call(&["SET", "k", &long]);
    client.say("GET k");
    assert_eq!(client.ask("COMMANDLOG LEN large-request"), ":1|");
    assert_eq!(client.ask("COMMANDLOG LEN large-reply"), ":1|");
    assert!(client.ask("COMMANDLOG GET -1 large-reply").contains("|:2009|*2|$3|GET|$1|k|"));
    assert_eq!(client.ask("COMMANDLOG RESET large-reply"), "+OK|");
    assert_eq!(client.ask("COMMANDLOG LEN large-reply"), ":0|");
    assert_eq!(
        client.ask("COMMANDLOG LEN odd"),
        "-ERR type should be one of the following: slow, large-request, large-reply|"
    );
}

#[test]
fn latencies_are_told() {
    let cluster = Cluster::new(1);
    let mut client = cluster.client(0, Door::Gateway);
    assert_eq!(client.ask("LATENCY LATEST"), "*0|");
    assert_eq!(client.ask("LATENCY HISTORY command"), "*0|");
    assert_eq!(client.ask("LATENCY RESET"), ":0|");
    assert_eq!(client.ask("LATENCY GRAPH x"), "-ERR No samples available for event 'x'|");
    assert!(client.say("LATENCY DOCTOR").contains("latency-monitor-threshold"));
    client.say("GET k");
    client.say("GET k");
    let histogram = client.ask("LATENCY HISTOGRAM get nosuch");
    assert_eq!(histogram, "*2|$3|get|*4|$5|calls|:2|$14|histogram_usec|*2|:1|:2|");
    client.node.slow.set_latency_bound_ms(5);
    client.node.slow.note_latency("command", std::time::Duration::from_millis(7), 100);
    client.node.slow.note_latency("command", std::time::Duration::from_millis(6), 101);
    assert_eq!(client.ask("LATENCY LATEST"), "*1|*4|$7|command|:101|:6|:7|");
    assert_eq!(client.ask("LATENCY HISTORY command"), "*2|*2|:100|:7|*2|:101|:6|");
    assert!(client.say("LATENCY GRAPH command").contains("command - high 7 ms"));
    assert_eq!(client.ask("LATENCY RESET command"), ":1|");
}
