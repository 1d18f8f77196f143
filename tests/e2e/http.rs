//! The control API from outside: health, metrics, typed errors.

use crate::harness::resp::Wire;
use crate::harness::{Home, Node};
use std::io::{Read, Write};
use std::net::TcpStream;

/// Status and body of one request.
fn http(node: &Node, method: &str, path: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(&node.control).unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_string())
}

#[test]
fn health_metrics_and_versioned_answers() {
    let home = Home::new();
    let node = Node::start(&home, "n1", &[]);
    let mut client = Wire::connect(&node.gateway);
    client.ask(&["SET", "a", "1"]);
    client.ask(&["GET", "a"]);
    client.ask(&["GET", "nosuch"]);
    client.ask(&["INCR", "nosuch", "too", "many"]);
    assert_eq!(http(&node, "GET", "/healthz", "").0, 200);
    assert_eq!(http(&node, "GET", "/readyz", "").0, 200);
    let (code, status) = http(&node, "GET", "/v1/cluster", "");
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert_eq!(
        (code, status["apiVersion"].as_str(), status["kind"].as_str()),
        (200, Some("dcache/v1"), Some("ClusterStatus"))
    );
    let (_, metrics) = http(&node, "GET", "/metrics", "");
    for line in [
        "dcache_requests_total{command=\"get\",result=\"ok\"} 2",
        "dcache_hits_total{namespace=\"default\"} 1",
        "dcache_misses_total{namespace=\"default\"} 1",
        "dcache_request_duration_seconds_count{command=\"get\"} 2",
        "dcache_items 1",
        "dcache_namespace_policy_info{namespace=\"default\",eviction=\"auto\",policy=\"lru\"} 1",
        "dcache_connections 1",
    ] {
        assert!(metrics.lines().any(|seen| seen == line), "{line} is missing in\n{metrics}");
    }
}

#[test]
fn errors_are_typed_whatever_was_wrong() {
    let home = Home::new();
    let node = Node::start(&home, "n1", &[]);
    let code_of = |(status, body): (u16, String)| {
        let body: serde_json::Value = serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"));
        (status, body["error"]["code"].as_str().unwrap().to_string())
    };
    let cases = [
        ("GET", "/v1/nosuch", "", 404, "NOT_FOUND"),
        ("POST", "/v1/cluster", "", 400, "INVALID"),
        ("GET", "/v1/namespaces/nosuch", "", 404, "NOT_FOUND"),
        ("PUT", "/v1/namespaces/a", "{", 400, "INVALID"),
        ("PUT", "/v1/namespaces/a", r#"{"name":"b","match":{"prefix":"b:"}}"#, 400, "INVALID"),
        ("PUT", "/v1/namespaces/a", r#"{"name":"a"}"#, 400, "INVALID"),
        ("DELETE", "/v1/namespaces/default", "", 400, "INVALID"),
        ("POST", "/v1/cluster/init", r#"{"spec":{"name":"x","nodes":[{"peers":"127.0.0.1:1"}]}}"#, 503, "UNAVAILABLE"),
    ];
    for (method, path, body, status, code) in cases {
        assert_eq!(code_of(http(&node, method, path, body)), (status, code.to_string()), "{method} {path} {body}");
    }
}
