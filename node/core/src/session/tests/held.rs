//! Replies that wait for copies: what takes their place when that is never confirmed stands where they stood.

use crate::Node;
use crate::command::Door;
use crate::fixture::{self, id, key_of, member, pass};
use crate::replication::hold::Held;
use crate::session::{Session, Step};
use dcache_cluster::failover::Configuration;
use dcache_cluster::metadata::Metadata;
use dcache_protocol::namespace::{Consistency, NamespaceSpec};
use std::sync::Arc;
use std::time::Duration;

/// The first of two nodes with the other's copies of all it has, which never say anything; all is strong.
fn primary() -> (Arc<Node>, Metadata) {
    let mut metadata = fixture::metadata(2);
    let all = NamespaceSpec { consistency: Consistency::Strong, ..NamespaceSpec::default_namespace() };
    metadata.namespaces.insert(all.name.clone(), all);
    for partition in metadata.table.iter_mut() {
        let agreed = Configuration::new(vec![id(0), id(1)]);
        let in_sync = vec![member(0), member(1)];
        *partition = Configuration { generation: 1, term: 1, version: 1, primary: Some(member(0)), in_sync, ..agreed };
    }
    let node = fixture::node(0, &metadata);
    node.publish(Arc::new(metadata.clone()), None);
    node.renew_lease(node.monotonic() + Duration::from_secs(600));
    node.tick_copies(0, 1);
    (node, metadata)
}

/// What the lines are answered when no copy ever confirms anything, `|` for the ends of lines.
fn unconfirmed(node: &Arc<Node>, lines: &[&str]) -> String {
    let mut session =
        Session::new(node, Door::Cluster, 0, "192.0.2.1:1".into(), "10.0.0.1:7400".into(), Arc::new(|| {}));
    let (input, mut out) = (lines.join("\r\n") + "\r\n", Vec::new());
    let advance = session.advance(node, input.as_bytes(), &mut out);
    assert!(matches!(advance.step, Step::NeedInput { .. }), "{:?}", advance.step);
    let wake: crate::clients::Wake = Arc::new(|| {});
    let mut held = Held::new(out, advance.holds, node.replication(), &wake);
    assert!(!held.settle(node.replication()), "no copy has confirmed it");
    held.give_up();
    String::from_utf8(held.bytes).expect("text").replace("\r\n", "|")
}

/// The beginnings of replies.
fn words(replies: &str) -> Vec<&str> {
    replies.split('|').filter_map(|reply| reply.split(' ').next()).filter(|word| !word.is_empty()).collect()
}

#[test]
fn a_request_that_fails_after_it_changed_something_has_one_reply() {
    let (node, _) = primary();
    let key = key_of(0, 2, 0);
    let other = format!("{{{key}}}2");
    assert_eq!(words(&unconfirmed(&node, &[&format!("SET {key} v PX 10"), "PING"])), ["-TIMEOUT", "+PONG"]);
    pass(Duration::from_millis(20));
    // The key's time has come, which is told to copies; then there is nothing to rename.
    let lines = ["PING", &format!("RENAME {key} {other}"), "ECHO x"];
    assert_eq!(words(&unconfirmed(&node, &lines)), ["+PONG", "-TIMEOUT", "$1", "x"]);
}

#[test]
fn an_error_that_tells_what_is_not_confirmed_waits_as_any_reply_does() {
    let (node, _) = primary();
    let key = key_of(0, 2, 1);
    let lines = [&format!("SET {key} v"), "PING", &format!("LPUSH {key} item"), "ECHO x"];
    assert_eq!(words(&unconfirmed(&node, &lines)), ["-TIMEOUT", "+PONG", "-TIMEOUT", "$1", "x"]);
}
