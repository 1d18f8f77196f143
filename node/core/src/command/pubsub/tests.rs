//! Pub/sub in words on the wire, over one node and several.

use crate::Door;
use crate::fixture::{self, Cluster, key_of};
use crate::gateway::ForwardError;
use dcache_cluster::metadata::Metadata;
use dcache_protocol::Epoch;

#[test]
fn confirmations_and_messages_are_redis_s_in_both_versions() {
    let cluster = Cluster::new(1);
    let mut one = cluster.client(0, Door::Gateway);
    let mut two = cluster.client(0, Door::Cluster);
    assert_eq!(one.ask("SUBSCRIBE a b"), "*3|$9|subscribe|$1|a|:1|*3|$9|subscribe|$1|b|:2|");
    assert_eq!(one.ask("SUBSCRIBE a"), "*3|$9|subscribe|$1|a|:2|", "again is no error and no more");
    assert_eq!(one.ask("PSUBSCRIBE a*"), "*3|$10|psubscribe|$2|a*|:3|");
    assert_eq!(two.ask("PUBLISH a hello"), ":2|");
    assert_eq!(one.news(), "*3|$7|message|$1|a|$5|hello|*4|$8|pmessage|$2|a*|$1|a|$5|hello|");
    assert_eq!(one.news(), "");
    assert_eq!(two.ask("PUBLISH none x"), ":0|");
    assert_eq!(one.ask("UNSUBSCRIBE a none"), "*3|$11|unsubscribe|$1|a|:2|*3|$11|unsubscribe|$4|none|:2|");
    assert_eq!(one.ask("UNSUBSCRIBE"), "*3|$11|unsubscribe|$1|b|:1|");
    assert_eq!(one.ask("PUNSUBSCRIBE"), "*3|$12|punsubscribe|$2|a*|:0|");
    assert_eq!(one.ask("UNSUBSCRIBE"), "*3|$11|unsubscribe|$-1|:0|");
    two.say("HELLO 3");
    assert_eq!(two.ask("SUBSCRIBE a"), ">3|$9|subscribe|$1|a|:1|");
    assert_eq!(two.ask("SET k v"), "+OK|", "RESP3 is not restricted");
    assert_eq!(one.ask("PUBLISH a hi"), ":1|");
    assert_eq!(two.news(), ">3|$7|message|$1|a|$2|hi|");
    assert_eq!(two.ask("PUBLISH a me"), ">3|$7|message|$1|a|$2|me|:1|", "a publisher is told first");
}

#[test]
fn a_subscriber_of_resp2_may_do_little_else() {
    let cluster = Cluster::new(1);
    let mut client = cluster.client(0, Door::Gateway);
    assert_eq!(client.ask("PING"), "+PONG|");
    client.say("SUBSCRIBE a");
    assert_eq!(client.ask("PING"), "*2|$4|pong|$0||");
    assert_eq!(client.ask("PING hi"), "*2|$4|pong|$2|hi|");
    for (line, name) in [("GET k", "get"), ("CLIENT ID", "client|id"), ("PUBLISH a b", "publish")] {
        let text = format!(
            "-ERR Can't execute '{name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context|"
        );
        assert_eq!(client.ask(line), text);
    }
    assert_eq!(client.ask("RESET"), "+RESET|");
    assert_eq!(client.ask("GET k"), "$-1|");
    let mut other = cluster.client(0, Door::Gateway);
    assert_eq!(other.ask("PUBLISH a x"), ":0|");
    client.say("SUBSCRIBE a");
    client.say("UNSUBSCRIBE");
    assert_eq!(client.ask("GET k"), "$-1|");
    client.say("SUBSCRIBE a");
    drop(client);
    assert_eq!(other.ask("PUBLISH a x"), ":0|", "who is gone is not subscribed");
    assert_eq!(other.ask("PUBSUB CHANNELS"), "*0|");
}

#[test]
fn messages_reach_subscribers_of_every_node_through_any_node_and_no_other_node() {
    let cluster = Cluster::new(3);
    cluster.talk();
    let mut one = cluster.client(0, Door::Gateway);
    let mut two = cluster.client(1, Door::Cluster);
    let mut publisher = cluster.client(2, Door::Gateway);
    one.say("SUBSCRIBE news");
    two.say("PSUBSCRIBE new*");
    let before = cluster.carried.get();
    assert_eq!(publisher.ask("PUBLISH news x"), ":2|", "the gateway counts all");
    assert_eq!(cluster.carried.get() - before, 2);
    assert_eq!(publisher.ask("PUBLISH other x"), ":0|");
    assert_eq!(cluster.carried.get() - before, 2, "nobody is interested");
    assert_eq!(one.news(), "*3|$7|message|$4|news|$1|x|");
    assert_eq!(two.news(), "*4|$8|pmessage|$4|new*|$4|news|$1|x|");
    let mut publisher = cluster.client(2, Door::Cluster);
    assert_eq!(publisher.ask("PUBLISH news y"), ":0|", "the cluster door counts its own");
    assert_eq!((one.news().is_empty(), two.news().is_empty()), (false, false));
    one.say("UNSUBSCRIBE");
    two.say("PUNSUBSCRIBE");
    cluster.talk();
    let before = cluster.carried.get();
    assert_eq!(publisher.ask("PUBLISH news z"), ":0|");
    assert_eq!(cluster.carried.get() - before, 0);
}

#[test]
fn a_node_that_was_not_told_hears_of_it_later() {
    let cluster = Cluster::new(2);
    cluster.talk();
    cluster.broken.borrow_mut().insert(fixture::id(1), ForwardError::TimedOut);
    let mut subscriber = cluster.client(0, Door::Gateway);
    assert_eq!(subscriber.ask("SUBSCRIBE a"), "*3|$9|subscribe|$1|a|:1|", "it does not wait for ever");
    cluster.broken.borrow_mut().clear();
    cluster.talk();
    let mut publisher = cluster.client(1, Door::Gateway);
    assert_eq!(publisher.ask("PUBLISH a x"), ":1|");
    assert_eq!(subscriber.news(), "*3|$7|message|$1|a|$1|x|");
}

#[test]
fn shard_channels_are_where_their_slot_is() {
    let cluster = Cluster::new(2);
    cluster.talk();
    let channel = key_of(1, 2, 0);
    let mut wrong = cluster.client(0, Door::Cluster);
    assert!(wrong.say(&format!("SSUBSCRIBE {channel}")).starts_with("-MOVED "));
    assert!(wrong.say(&format!("SPUBLISH {channel} x")).starts_with("-MOVED "));
    let mut owner = cluster.client(1, Door::Cluster);
    let length = channel.len();
    assert_eq!(owner.ask(&format!("SSUBSCRIBE {channel}")), format!("*3|$10|ssubscribe|${length}|{channel}|:1|"));
    assert_eq!(
        owner.ask(&format!("SSUBSCRIBE {} {}", key_of(1, 2, 1), key_of(1, 2, 2))),
        "-CROSSSLOT Keys in request don't hash to the same slot|"
    );
    let mut gateway = cluster.client(0, Door::Gateway);
    gateway.say(&format!("SSUBSCRIBE {channel}"));
    let mut publisher = cluster.client(1, Door::Cluster);
    assert_eq!(publisher.ask(&format!("SPUBLISH {channel} x")), ":1|");
    let message = format!("*3|$8|smessage|${length}|{channel}|$1|x|");
    assert_eq!((owner.news(), gateway.news()), (message.clone(), message.clone()));
    let mut plain = cluster.client(0, Door::Gateway);
    assert_eq!(plain.ask(&format!("SPUBLISH {channel} x")), ":2|");
    assert_eq!(plain.ask(&format!("PUBLISH {channel} x")), ":0|", "another kind");
    assert_eq!((owner.news(), gateway.news()), (message.clone(), message));
    assert_eq!(publisher.ask("PUBSUB SHARDCHANNELS"), format!("*1|${length}|{channel}|"));
    assert_eq!(
        publisher.ask(&format!("PUBSUB SHARDNUMSUB {channel} a")),
        format!("*4|${length}|{channel}|:1|$1|a|:0|")
    );
    let mut moved: Metadata = fixture::metadata(2);
    moved.epoch = Epoch(moved.epoch.0 + 1);
    moved.table.iter_mut().for_each(|partition| *partition = fixture::held_by(0));
    cluster.publish(&moved);
    assert_eq!(owner.news(), format!("*3|$12|sunsubscribe|${length}|{channel}|:0|"));
    assert_eq!(gateway.news(), "", "a gateway answers for the whole cluster");
    assert_eq!(owner.ask("PING"), "+PONG|");
}

#[test]
fn pubsub_tells_of_this_node() {
    let cluster = Cluster::new(1);
    let mut client = cluster.client(0, Door::Gateway);
    let mut other = cluster.client(0, Door::Gateway);
    other.say("SUBSCRIBE ab ac b");
    client.say("HELLO 3");
    client.say("PSUBSCRIBE x* y*");
    client.say("SUBSCRIBE b");
    assert_eq!(client.ask("PUBSUB CHANNELS a?"), "*2|$2|ab|$2|ac|");
    assert_eq!(client.ask("PUBSUB CHANNELS"), "*3|$2|ab|$2|ac|$1|b|");
    assert_eq!(client.ask("PUBSUB NUMSUB b none"), "*4|$1|b|:2|$4|none|:0|");
    assert_eq!(client.ask("PUBSUB NUMSUB"), "*0|");
    assert_eq!(client.ask("PUBSUB NUMPAT"), ":2|");
    assert!(client.say("CLIENT LIST").contains(" sub=3 psub=0 ssub=0 "));
    assert!(client.say("CLIENT LIST TYPE pubsub").contains(" sub=1 psub=2 ssub=0 "));
    assert!(client.say("PUBSUB HELP").contains("NUMPAT"));
}

#[test]
fn a_subscriber_that_does_not_read_is_ended() {
    let cluster = Cluster::new(1);
    let mut slow = cluster.client(0, Door::Gateway);
    let mut publisher = cluster.client(0, Door::Gateway);
    slow.say("SUBSCRIBE a");
    let message = "x".repeat(1 << 20);
    for _ in 0..40 {
        publisher.call(&["PUBLISH", "a", &message]);
    }
    assert_eq!(slow.news(), "", "what waited is gone");
    assert!(slow.closed);
    drop(slow);
    assert_eq!(publisher.call(&["PUBLISH", "a", &message]), ":0\r\n");
}
