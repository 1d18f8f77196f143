//! What a cluster-aware client asks: the topology as Redis Cluster tells it, and slots' keys.
//!
//! The only file where Redis's words for dcache's things ("shard", "master", "replica") appear, because clients demand them.
//! Every node is shown as a master with the slots it is primary of; backups are never shown, since one address that is
//! master here and replica there breaks half of the clients. A node that is down keeps its slots in these answers: clients
//! such as Jedis refuse a table with holes.
//!
//! `SLOTS`, `SHARDS` and `NODES` are encoded once a view (`Topology`), from the metadata alone, so that all nodes answer
//! the same bytes in one epoch (clients vote on them); only the `myself` flag of `NODES` differs. What changes the cluster
//! is an operator's business and names its `dcache` verb. The gateway door presents one standalone node and has none of this.

use super::{Context, Door};
use crate::number;
use crate::view::{Owner, ViewNode};
use dcache_protocol::error::WireError;
use dcache_protocol::resp::reply::{Reply, Version};
use dcache_protocol::{Epoch, NodeId, SLOTS, Slot, SlotRange, slot_of};
use std::fmt::Write;
use std::sync::OnceLock;

/// Most keys one `CLUSTER GETKEYSINSLOT` answers with, whatever it asks for.
const KEYS_MAX: usize = 1 << 20;

/// The three topology answers of one view, each encoded when it is first asked for: while partitions move there are many views,
/// and few that anybody asks.
#[derive(Debug, Default)]
pub(crate) struct Topology {
    slots: Both,
    shards: Both,
    nodes: OnceLock<String>,
}

/// The same answer in both protocol versions.
#[derive(Debug, Default)]
struct Both {
    resp2: OnceLock<Vec<u8>>,
    resp3: OnceLock<Vec<u8>>,
}

impl Both {
    fn of(&self, version: Version, write: impl FnOnce(&mut Reply<'_>)) -> &[u8] {
        let encoded = match version {
            Version::Resp2 => &self.resp2,
            Version::Resp3 => &self.resp3,
        };
        encoded.get_or_init(|| {
            let mut bytes = Vec::new();
            write(&mut Reply::new(&mut bytes, version));
            bytes
        })
    }
}

/// `CLUSTER SLOTS`: one entry a range, in slot order.
fn encode_slots(nodes: &[ViewNode], reply: &mut Reply<'_>) {
    let mut ranges: Vec<(SlotRange, &ViewNode)> =
        nodes.iter().flat_map(|node| node.slots.iter().map(move |range| (*range, node))).collect();
    ranges.sort_by_key(|(range, _)| *range);
    reply.array(ranges.len());
    for (range, node) in ranges {
        reply.array(3);
        reply.integer(i64::from(range.first.number()));
        reply.integer(i64::from(range.last.number()));
        reply.array(4);
        reply.bulk(node.host.as_bytes());
        reply.integer(i64::from(node.port));
        reply.bulk(node.id.redis_id().as_bytes());
        reply.map(0);
    }
}

/// `CLUSTER SHARDS`: one entry a node that has slots, by node id.
fn encode_shards(nodes: &[ViewNode], reply: &mut Reply<'_>) {
    let with_slots = || nodes.iter().filter(|node| !node.slots.is_empty());
    reply.array(with_slots().count());
    for node in with_slots() {
        reply.map(2);
        reply.bulk(b"slots");
        reply.array(node.slots.len() * 2);
        for range in &node.slots {
            reply.integer(i64::from(range.first.number()));
            reply.integer(i64::from(range.last.number()));
        }
        reply.bulk(b"nodes");
        reply.array(1);
        encode_shard_node(node, reply);
    }
}

fn encode_shard_node(node: &ViewNode, reply: &mut Reply<'_>) {
    let text = |reply: &mut Reply<'_>, name: &str, value: &str| {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
    };
    let number = |reply: &mut Reply<'_>, name: &str, value: i64| {
        reply.bulk(name.as_bytes());
        reply.integer(value);
    };
    let named = is_hostname(&node.host);
    reply.map(if named { 8 } else { 7 });
    text(reply, "id", &node.id.redis_id());
    number(reply, "port", i64::from(node.port));
    text(reply, "ip", &node.host);
    text(reply, "endpoint", &node.host);
    if named {
        text(reply, "hostname", &node.host);
    }
    text(reply, "role", "master");
    number(reply, "replication-offset", 0);
    text(reply, "health", if node.is_up { "online" } else { "fail" });
}

/// One line of `CLUSTER NODES`. Ping times are nobody's here: heartbeats are not between every two nodes.
fn node_line(node: &ViewNode, epoch: Epoch, me: NodeId) -> String {
    let hostname = if is_hostname(&node.host) { format!(",{}", node.host) } else { String::new() };
    let myself = if node.id == me { "myself," } else { "" };
    let (fail, link) = if node.is_up || node.id == me { ("", "connected") } else { (",fail", "disconnected") };
    let mut line = format!(
        "{} {}:{}@{}{hostname} {myself}master{fail} - 0 0 {epoch} {link}",
        node.id.redis_id(),
        node.host,
        node.port,
        node.peers_port,
    );
    for range in &node.slots {
        write!(line, " {range}").expect("a String takes everything");
    }
    line.push('\n');
    line
}

fn is_hostname(host: &str) -> bool {
    host.parse::<std::net::IpAddr>().is_err()
}

/// Refuses on the gateway door, which presents one standalone node.
fn require_cluster(context: &Context<'_>) -> Result<(), WireError> {
    match context.door {
        Door::Gateway | Door::Memcached => {
            Err(WireError::Other("ERR This instance has cluster support disabled".into()))
        }
        Door::Cluster | Door::Peer => Ok(()),
    }
}

/// Refuses also before the first state of the metadata is known: a client would take no slots for the cluster's.
fn require_topology(context: &Context<'_>) -> Result<(), WireError> {
    require_cluster(context)?;
    match context.view.nodes() {
        [] => Err(WireError::Other("LOADING dcache does not know its cluster yet".into())),
        _ => Ok(()),
    }
}

pub fn cluster_slots(context: &mut Context<'_>) -> Result<(), WireError> {
    require_topology(context)?;
    let view = context.view;
    context.reply.raw(view.topology.slots.of(context.reply.version(), |reply| encode_slots(view.nodes(), reply)));
    Ok(())
}

pub fn cluster_shards(context: &mut Context<'_>) -> Result<(), WireError> {
    require_topology(context)?;
    let view = context.view;
    context.reply.raw(view.topology.shards.of(context.reply.version(), |reply| encode_shards(view.nodes(), reply)));
    Ok(())
}

pub fn cluster_nodes(context: &mut Context<'_>) -> Result<(), WireError> {
    require_topology(context)?;
    let view = context.view;
    let lines = || view.nodes().iter().map(|node| node_line(node, view.epoch(), view.me)).collect();
    context.reply.verbatim("txt", view.topology.nodes.get_or_init(lines));
    Ok(())
}

/// As Redis with `cluster-require-full-coverage no`: the state is ok while this node serves requests.
pub fn cluster_info(context: &mut Context<'_>) -> Result<(), WireError> {
    require_cluster(context)?;
    let view = context.view;
    let count = |node: &ViewNode| node.slots.iter().map(SlotRange::len).sum::<usize>();
    let assigned: usize = view.nodes().iter().map(count).sum();
    let served = usize::from(view.slots_served());
    let state = if served > 0 { "ok" } else { "fail" };
    let size = view.nodes().iter().filter(|node| !node.slots.is_empty()).count();
    let text = format!(
        "cluster_state:{state}\r\n\
         cluster_slots_assigned:{assigned}\r\n\
         cluster_slots_ok:{served}\r\n\
         cluster_slots_pfail:0\r\n\
         cluster_slots_fail:{}\r\n\
         cluster_known_nodes:{}\r\n\
         cluster_size:{size}\r\n\
         cluster_current_epoch:{epoch}\r\n\
         cluster_my_epoch:{epoch}\r\n\
         cluster_stats_messages_sent:0\r\n\
         cluster_stats_messages_received:0\r\n\
         total_cluster_links_buffer_limit_exceeded:0\r\n",
        assigned - served,
        view.nodes().len(),
        epoch = view.epoch(),
    );
    context.reply.verbatim("txt", &text);
    Ok(())
}

pub fn cluster_myid(context: &mut Context<'_>) -> Result<(), WireError> {
    require_cluster(context)?;
    context.reply.bulk(context.view.me.redis_id().as_bytes());
    Ok(())
}

/// Every node is a shard of its own, so its id names the shard too.
pub fn cluster_myshardid(context: &mut Context<'_>) -> Result<(), WireError> {
    cluster_myid(context)
}

pub fn cluster_keyslot(context: &mut Context<'_>) -> Result<(), WireError> {
    require_cluster(context)?;
    context.reply.integer(i64::from(slot_of(context.arg(2)).number()));
    Ok(())
}

pub fn cluster_countkeysinslot(context: &mut Context<'_>) -> Result<(), WireError> {
    require_cluster(context)?;
    let slot = slot_arg(context.arg(2), "Invalid slot")?;
    let count = if context.view.is_mine(slot) { context.node.engine().count_in_slot(slot.number(), 0) } else { 0 };
    context.reply.integer(i64::try_from(count).unwrap_or(i64::MAX));
    Ok(())
}

pub fn cluster_getkeysinslot(context: &mut Context<'_>) -> Result<(), WireError> {
    require_cluster(context)?;
    let slot = slot_arg(context.arg(2), "Invalid slot or number of keys")?;
    let most = number::parse_integer(context.arg(3)).ok_or(WireError::NotInteger)?;
    let most = usize::try_from(most).map_err(|_| WireError::Other("ERR Invalid slot or number of keys".into()))?;
    let keys = match context.view.owner(slot) {
        Owner::Me => context.node.engine().keys_in_slot(slot.number(), 0, most.min(KEYS_MAX), context.now_ms),
        Owner::Other(_) | Owner::Down(_) | Owner::Nobody => Vec::new(),
    };
    context.reply.array(keys.len());
    for key in &keys {
        context.reply.bulk(key);
    }
    Ok(())
}

fn slot_arg(arg: &[u8], error: &str) -> Result<Slot, WireError> {
    let number = number::parse_integer(arg).ok_or(WireError::NotInteger)?;
    let slot = u16::try_from(number).ok().filter(|n| *n < SLOTS).and_then(Slot::new);
    slot.ok_or_else(|| WireError::Other(format!("ERR {error}")))
}

/// No node shows replicas, so there are none to list; only an unknown id is an error.
pub fn cluster_replicas(context: &mut Context<'_>) -> Result<(), WireError> {
    require_cluster(context)?;
    let id = String::from_utf8_lossy(context.arg(2)).into_owned();
    if !context.view.nodes().iter().any(|node| node.id.redis_id() == id) {
        return Err(WireError::Other(format!("ERR Unknown node {id}")));
    }
    context.reply.array(0);
    Ok(())
}

/// `CLUSTER MEET`, `ADDSLOTS`, `SETSLOT`, `MIGRATE` and the others that change the cluster: operators do that with `dcache`.
pub fn cluster_operator(context: &mut Context<'_>) -> Result<(), WireError> {
    let name = String::from_utf8_lossy(context.arg(0)).to_ascii_uppercase();
    if name != "CLUSTER" {
        return Err(WireError::UseVerb { what: name, verb: VERB_TO_LOOK });
    }
    require_cluster(context)?;
    let subcommand = String::from_utf8_lossy(context.arg(1)).to_ascii_uppercase();
    let verb = OPERATOR_VERBS.iter().find(|(name, _)| *name == subcommand).map_or(VERB_TO_LOOK, |(_, verb)| verb);
    Err(WireError::UseVerb { what: format!("CLUSTER {subcommand}"), verb })
}

const VERB_TO_LOOK: &str = "dcache cluster status";

/// Which `dcache` verb does what these subcommands are for.
const OPERATOR_VERBS: &[(&str, &str)] = &[
    ("ADDSLOTS", "dcache cluster init (it places every slot; see dcache cluster status -o wide)"),
    ("ADDSLOTSRANGE", "dcache cluster init (it places every slot; see dcache cluster status -o wide)"),
    ("BUMPEPOCH", "dcache cluster status (epochs grow with the metadata by themselves)"),
    ("DELSLOTS", "dcache cluster init (it places every slot; see dcache cluster status -o wide)"),
    ("DELSLOTSRANGE", "dcache cluster init (it places every slot; see dcache cluster status -o wide)"),
    ("FAILOVER", "dcache cluster status"),
    ("FLUSHSLOTS", "dcache cluster init (it places every slot; see dcache cluster status -o wide)"),
    ("FORGET", "dcache cluster status"),
    ("MEET", "dcache cluster init -f cluster.yaml"),
    ("REPLICATE", "dcache cluster init -f cluster.yaml"),
    ("RESET", "dcache cluster destroy"),
    ("SAVECONFIG", "dcache cluster status (metadata is saved by itself)"),
    ("SET-CONFIG-EPOCH", "dcache cluster status (epochs grow with the metadata by themselves)"),
    ("SETSLOT", "dcache cluster status -o wide"),
];

pub fn cluster_help(context: &mut Context<'_>) -> Result<(), WireError> {
    require_cluster(context)?;
    super::help::of(
        context,
        "CLUSTER",
        &[
            ("COUNTKEYSINSLOT <slot>", "Return the number of keys in <slot>."),
            ("GETKEYSINSLOT <slot> <count>", "Return key names stored by current node in a slot."),
            ("INFO", "Return information about the cluster."),
            ("KEYSLOT <key>", "Return the hash slot for <key>."),
            ("MYID", "Return the node id."),
            ("MYSHARDID", "Return the node's shard id."),
            ("NODES", "Return cluster configuration seen by node. Output format:"),
            ("REPLICAS <node-id>", "Return <node-id> replicas."),
            ("SLOTS", "Return information about slots range mappings."),
            ("SHARDS", "Return information about slot range mappings and the nodes associated with them."),
        ],
    );
    Ok(())
}

/// A hint of clients in the middle of Redis's slot migration; here a slot has one owner at any time.
pub fn asking(context: &mut Context<'_>) -> Result<(), WireError> {
    require_cluster(context)?;
    context.reply.ok();
    Ok(())
}

/// Copies here that are new enough answer reads, and what they cannot answer is forwarded.
pub fn readonly(context: &mut Context<'_>) -> Result<(), WireError> {
    require_cluster(context)?;
    context.client.reads_copies = true;
    context.reply.ok();
    Ok(())
}

pub fn readwrite(context: &mut Context<'_>) -> Result<(), WireError> {
    require_cluster(context)?;
    context.client.reads_copies = false;
    context.reply.ok();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{self, Cluster, id, key_of};
    use crate::view::HANDING_OVER;
    use crate::{ForwardError, Outcome, Step};
    use dcache_protocol::NodeState;
    use dcache_protocol::resp::parse::Limits;
    use dcache_protocol::resp::value::{Value, encode_request, parse_value};
    use std::sync::Arc;

    fn value_of(reply: &str) -> Value {
        parse_value(reply.as_bytes(), &Limits::default()).expect("a reply").expect("a whole reply").0
    }

    fn array_of(value: &Value) -> &[Value] {
        value.as_slice().expect("an array")
    }

    fn with_second_down() -> dcache_cluster::metadata::Metadata {
        let mut metadata = fixture::metadata(3);
        metadata.nodes.get_mut(&id(1)).expect("a member").state = NodeState::Down;
        metadata
    }

    #[test]
    fn slots_are_told_as_redis_does() {
        let cluster = Cluster::new(2);
        let mut client = cluster.client(0, Door::Cluster);
        let node = |number: usize, map: &str| {
            format!("*4\r\n$8\r\n10.0.0.{}\r\n:7400\r\n$40\r\n{}\r\n{map}\r\n", number + 1, id(number).redis_id())
        };
        let expected =
            |map: &str| format!("*2\r\n*3\r\n:0\r\n:8191\r\n{}*3\r\n:8192\r\n:16383\r\n{}", node(0, map), node(1, map));
        assert_eq!(client.say("CLUSTER SLOTS"), expected("*0"));
        client.say("HELLO 3");
        assert_eq!(client.say("CLUSTER SLOTS"), expected("%0"));
    }

    #[test]
    fn shards_are_told_as_redis_does() {
        let cluster = Cluster::new(1);
        let mut client = cluster.client(0, Door::Cluster);
        let expected = |outer: &str, inner: &str| {
            format!(
                "*1\r\n{outer}\r\n$5\r\nslots\r\n*2\r\n:0\r\n:16383\r\n$5\r\nnodes\r\n*1\r\n{inner}\r\n\
                 $2\r\nid\r\n$40\r\n{}\r\n$4\r\nport\r\n:7400\r\n$2\r\nip\r\n$8\r\n10.0.0.1\r\n$8\r\nendpoint\r\n$8\r\n10.0.0.1\r\n\
                 $4\r\nrole\r\n$6\r\nmaster\r\n$18\r\nreplication-offset\r\n:0\r\n$6\r\nhealth\r\n$6\r\nonline\r\n",
                id(0).redis_id()
            )
        };
        assert_eq!(client.say("CLUSTER SHARDS"), expected("*4", "*14"));
        client.say("HELLO 3");
        assert_eq!(client.say("CLUSTER SHARDS"), expected("%2", "%7"));
    }

    #[test]
    fn all_nodes_tell_the_same_bytes_and_cover_every_slot() {
        let cluster = Cluster::new(3);
        for metadata in [fixture::metadata(3), with_second_down()] {
            cluster.publish(&metadata);
            for line in ["CLUSTER SLOTS", "CLUSTER SHARDS"] {
                for hello in ["HELLO 2", "HELLO 3"] {
                    let told: Vec<String> = (0..3)
                        .map(|number| {
                            let mut client = cluster.client(number, Door::Cluster);
                            client.say(hello);
                            client.say(line)
                        })
                        .collect();
                    assert!(told.iter().all(|reply| *reply == told[0]), "{line} {hello}");
                }
            }
            let slots = value_of(&cluster.client(1, Door::Cluster).say("CLUSTER SLOTS"));
            let mut next = 0;
            for entry in array_of(&slots) {
                let entry = array_of(entry);
                assert_eq!(entry[0].as_integer(), Some(next));
                next = entry[1].as_integer().expect("last slot") + 1;
                assert_eq!(entry.len(), 3, "one node a range");
            }
            assert_eq!(next, 16384);
        }
    }

    #[test]
    fn nodes_are_lines_of_masters_and_one_is_myself() {
        let cluster = Cluster::new(3);
        let mut metadata = with_second_down();
        let mut idle = fixture::record(3);
        idle.addresses.cluster = "cache-4.example:7400".into();
        metadata.nodes.insert(idle.id, idle);
        cluster.publish(&metadata);
        let lines = |number: usize| {
            let reply = cluster.client(number, Door::Cluster).say("CLUSTER NODES");
            let text = value_of(&reply).as_bytes().expect("text").to_vec();
            String::from_utf8(text).expect("text").lines().map(String::from).collect::<Vec<String>>()
        };
        let expected = |me: usize| {
            let line = |number: usize, flags: &str, link: &str, slots: &str| {
                let myself = if number == me { "myself," } else { "" };
                let address = format!("10.0.0.{}:7400@7402", number + 1);
                format!("{} {address} {myself}{flags} - 0 0 5 {link}{slots}", id(number).redis_id())
            };
            vec![
                line(0, "master", "connected", " 0-6143"),
                line(1, "master,fail", "disconnected", " 6144-11263"),
                line(2, "master", "connected", " 11264-16383"),
                format!("{} cache-4.example:7400@7402,cache-4.example master - 0 0 5 connected", id(3).redis_id()),
            ]
        };
        assert_eq!(lines(0), expected(0));
        assert_eq!(lines(2), expected(2));
        let slots = cluster.client(0, Door::Cluster).say("CLUSTER SLOTS");
        let shards = cluster.client(0, Door::Cluster).say("CLUSTER SHARDS");
        assert!(!slots.contains("cache-4") && !shards.contains("cache-4"), "nodes without slots are in NODES only");
        assert!(shards.contains("$6\r\nhealth\r\n$4\r\nfail\r\n"));
    }

    #[test]
    fn info_says_what_is_served() {
        let cluster = Cluster::new(3);
        let mut client = cluster.client(0, Door::Cluster);
        let head = |reply: String| reply.lines().skip(1).take(9).map(String::from).collect::<Vec<String>>();
        let expected = |served: u32| {
            [
                "cluster_state:ok".to_string(),
                "cluster_slots_assigned:16384".into(),
                format!("cluster_slots_ok:{served}"),
                "cluster_slots_pfail:0".into(),
                format!("cluster_slots_fail:{}", 16384 - served),
                "cluster_known_nodes:3".into(),
                "cluster_size:3".into(),
                "cluster_current_epoch:5".into(),
                "cluster_my_epoch:5".into(),
            ]
        };
        assert_eq!(head(client.say("CLUSTER INFO")), expected(16384));
        cluster.publish(&with_second_down());
        assert_eq!(head(client.say("CLUSTER INFO")), expected(16384 - 5120));
        cluster.nodes[0].publish(Arc::new(dcache_cluster::metadata::Metadata::empty()), None);
        assert!(client.say("CLUSTER INFO").contains("cluster_state:fail\r\ncluster_slots_assigned:0\r\n"));
    }

    #[test]
    fn a_node_that_does_not_know_its_cluster_yet_shows_no_empty_one() {
        let cluster = Cluster::new(2);
        cluster.nodes[0].publish(Arc::new(dcache_cluster::metadata::Metadata::empty()), None);
        let mut client = cluster.client(0, Door::Cluster);
        for line in ["CLUSTER SLOTS", "CLUSTER SHARDS", "CLUSTER NODES"] {
            assert_eq!(client.say(line), "-LOADING dcache does not know its cluster yet\r\n");
        }
    }

    #[test]
    fn keys_elsewhere_are_redirected() {
        let cluster = Cluster::new(2);
        let mut client = cluster.client(0, Door::Cluster);
        let [mine, other] = [0, 1].map(|number| key_of(number, 2, 0));
        assert_eq!(client.call(&["SET", &mine, "v"]), "+OK\r\n");
        let slot = slot_of(other.as_bytes());
        assert_eq!(client.call(&["SET", &other, "v"]), format!("-MOVED {slot} 10.0.0.2:7400\r\n"));
        let cross = "-CROSSSLOT Keys in request don't hash to the same slot\r\n";
        assert_eq!(client.call(&["MGET", &mine, &other]), cross);
        assert_eq!(client.call(&["DEL", &mine, &key_of(0, 2, 1)]), cross, "even if one node has both");
        let tagged = format!("{{{mine}}}.2");
        assert_eq!(client.call(&["MGET", &mine, &tagged]), "*2\r\n$1\r\nv\r\n$-1\r\n");
        assert_eq!(client.call(&["DBSIZE"]), ":1\r\n");
        assert_eq!(cluster.carried.get(), 0, "nothing is forwarded from this door");
        assert_eq!(client.node.stats().errors().get("MOVED"), Some(&1));
    }

    /// The metadata in which node 1 has everything.
    fn all_moved() -> Arc<dcache_cluster::metadata::Metadata> {
        let mut metadata = fixture::metadata(2);
        metadata.epoch = Epoch(metadata.epoch.0 + 1);
        metadata.table.iter_mut().for_each(|partition| *partition = fixture::held_by(1));
        Arc::new(metadata)
    }

    /// The old owner may know first, and a client between two nodes that name each other gives up after 5 to 16 `MOVED`.
    #[test]
    fn what_was_handed_over_is_passed_on_until_its_new_owner_has_heard_of_it() {
        let cluster = Cluster::new(2);
        let key = key_of(0, 2, 0);
        let mut client = cluster.client(0, Door::Cluster);
        client.node.renew_lease(client.node.now() + HANDING_OVER * 3);
        fixture::pass(HANDING_OVER);
        client.node.publish(all_moved(), None);
        let mut request = Vec::new();
        encode_request(&[&b"SET"[..], key.as_bytes(), b"v"], &mut request);
        let step = client.session.advance(&client.node, &request, &mut Vec::new()).step;
        let Step::Forward(fanout) = step else { panic!("{step:?}") };
        let early = vec![cluster.carry(&fanout.parts[0])];
        assert_eq!(early, [Err(ForwardError::NotOwner)]);
        let mut reply = Vec::new();
        let Outcome::Again(again) = fanout.finish(&client.node, early, &mut reply) else { panic!("{reply:?}") };
        cluster.nodes[1].publish(all_moved(), None);
        cluster.finish(&client.node, again, &mut reply);
        assert_eq!(reply, b"+OK\r\n");
        assert_eq!(client.call(&["GET", &key]), "$1\r\nv\r\n");
        fixture::pass(HANDING_OVER);
        let slot = slot_of(key.as_bytes());
        assert_eq!(client.call(&["GET", &key]), format!("-MOVED {slot} 10.0.0.2:7400\r\n"), "for good");
    }

    /// A write that waited in the socket of a node that stood still must not run long after its client gave up.
    #[test]
    fn what_was_taken_over_while_this_node_stood_still_is_not_passed_on() {
        let cluster = Cluster::new(2);
        let key = key_of(0, 2, 0);
        let mut client = cluster.client(0, Door::Cluster);
        client.node.renew_lease(client.node.now() + HANDING_OVER);
        fixture::pass(HANDING_OVER * 3);
        client.node.renew_lease(client.node.now() + HANDING_OVER);
        cluster.publish(&all_moved());
        let slot = slot_of(key.as_bytes());
        assert_eq!(client.call(&["SET", &key, "v"]), format!("-MOVED {slot} 10.0.0.2:7400\r\n"));
    }

    /// The metadata of an epoch in which what node 0 has is to have a copy on node 1, or has none.
    fn of_epoch(epoch: u64, has_copies: bool) -> dcache_cluster::metadata::Metadata {
        let mut metadata = fixture::metadata(2);
        metadata.epoch = Epoch(epoch);
        for partition in metadata.table.iter_mut().filter(|partition| has_copies && partition.holder() == Some(id(0))) {
            partition.copies.push(id(1));
        }
        metadata
    }

    /// A step of a client's next request, which is not answered by it.
    fn step_of(client: &mut fixture::Caller<'_>, args: &[&str]) -> Step {
        let (mut request, mut reply) = (Vec::new(), Vec::new());
        encode_request(args, &mut request);
        let step = client.session.advance(&client.node, &request, &mut reply).step;
        assert_eq!(String::from_utf8_lossy(&reply), "");
        step
    }

    /// However long ago another one waited, which was sent elsewhere then.
    #[test]
    fn a_request_that_waits_gets_all_of_its_time() {
        let cluster = Cluster::new(2);
        let key = key_of(0, 2, 0);
        let mut client = cluster.client(0, Door::Gateway);
        let without_lease = |client: &mut fixture::Caller<'_>| {
            let step = step_of(client, &["SET", &key, "v"]);
            assert!(matches!(step, Step::Pause), "{step:?}");
        };
        cluster.publish(&of_epoch(6, true));
        without_lease(&mut client);
        let elsewhere = dcache_cluster::metadata::Metadata { epoch: Epoch(7), ..(*all_moved()).clone() };
        cluster.publish(&elsewhere);
        assert_eq!(client.call(&["SET", &key, "v"]), "+OK\r\n", "passed on");
        fixture::pass(crate::gateway::ASK_AGAIN_WITHIN * 2);
        cluster.publish(&of_epoch(8, false));
        cluster.publish(&of_epoch(9, true));
        without_lease(&mut client);
    }

    /// Before requests go to who is primary now, this node may have thrown away what was only here: a miss would be a lie.
    #[test]
    fn nothing_is_read_where_another_node_has_become_primary() {
        let cluster = Cluster::new(2);
        let key = key_of(0, 2, 0);
        let mut client = cluster.client(0, Door::Cluster);
        client.node.renew_lease(client.node.now() + HANDING_OVER);
        cluster.publish(&of_epoch(6, true));
        assert_eq!(client.call(&["GET", &key]), "$-1\r\n");
        let next = crate::view::View::new(all_moved(), None, fixture::member(0), &Default::default(), None);
        client.node.configure_copies(&next);
        let step = step_of(&mut client, &["GET", &key]);
        assert!(matches!(step, Step::Pause), "{step:?}");
        cluster.publish(&dcache_cluster::metadata::Metadata { epoch: Epoch(7), ..(*all_moved()).clone() });
        assert!(client.call(&["GET", &key]).starts_with("-MOVED"));
    }

    #[test]
    fn slots_keys_are_counted_and_listed() {
        let cluster = Cluster::new(2);
        let mut client = cluster.client(0, Door::Cluster);
        let key = key_of(0, 2, 0);
        let slot = slot_of(key.as_bytes());
        client.call(&["SET", &key, "v"]);
        client.call(&["SET", &format!("{{{key}}}2"), "v"]);
        assert_eq!(client.call(&["CLUSTER", "KEYSLOT", &key]), format!(":{slot}\r\n"));
        assert_eq!(client.say(&format!("CLUSTER COUNTKEYSINSLOT {slot}")), ":2\r\n");
        assert_eq!(array_of(&value_of(&client.say(&format!("CLUSTER GETKEYSINSLOT {slot} 10")))).len(), 2);
        assert_eq!(array_of(&value_of(&client.say(&format!("CLUSTER GETKEYSINSLOT {slot} 1")))).len(), 1);
        assert_eq!(client.say("CLUSTER COUNTKEYSINSLOT 16384"), "-ERR Invalid slot\r\n");
        assert_eq!(client.say("CLUSTER COUNTKEYSINSLOT x"), "-ERR value is not an integer or out of range\r\n");
        assert_eq!(client.say("CLUSTER GETKEYSINSLOT 0 -1"), "-ERR Invalid slot or number of keys\r\n");
        assert_eq!(client.say("CLUSTER GETKEYSINSLOT -1 1"), "-ERR Invalid slot or number of keys\r\n");
    }

    #[test]
    fn ids_are_forty_digits() {
        let cluster = Cluster::new(2);
        let mut client = cluster.client(1, Door::Cluster);
        assert_eq!(client.say("CLUSTER MYID"), format!("$40\r\n{}\r\n", id(1).redis_id()));
        assert_eq!(client.say("CLUSTER MYSHARDID"), format!("$40\r\n{}\r\n", id(1).redis_id()));
        assert_eq!(client.say(&format!("CLUSTER REPLICAS {}", id(0).redis_id())), "*0\r\n");
        assert_eq!(client.say("CLUSTER REPLICAS nobody"), "-ERR Unknown node nobody\r\n");
        assert_eq!(client.say("CLUSTER BOGUS"), "-ERR unknown subcommand 'BOGUS'. Try CLUSTER HELP.\r\n");
        assert!(client.say("CLUSTER HELP").starts_with("*"));
    }

    #[test]
    fn what_operators_do_names_their_verb() {
        let cluster = Cluster::new(1);
        let mut client = cluster.client(0, Door::Cluster);
        assert_eq!(
            client.say("CLUSTER MEET 10.0.0.9 7400"),
            "-ERR CLUSTER MEET is not a client's business in dcache; use: dcache cluster init -f cluster.yaml\r\n"
        );
        for line in [
            "ADDSLOTS 1",
            "ADDSLOTSRANGE 1 2",
            "BUMPEPOCH",
            "DELSLOTS 1",
            "DELSLOTSRANGE 1 2",
            "FAILOVER",
            "FLUSHSLOTS",
            "FORGET x",
            "REPLICATE x",
            "RESET",
            "SAVECONFIG",
            "SET-CONFIG-EPOCH 1",
            "SETSLOT 1 NODE x",
        ] {
            let name = line.split(' ').next().expect("a word");
            let reply = client.say(&format!("cluster {line}"));
            assert!(
                reply.starts_with(&format!("-ERR CLUSTER {name} is not a client's business in dcache; use: dcache ")),
                "{reply}"
            );
            assert!(OPERATOR_VERBS.iter().any(|(known, _)| *known == name), "{name}");
        }
    }

    #[test]
    fn the_gateway_door_has_no_cluster() {
        let cluster = Cluster::new(2);
        let mut client = cluster.client(0, Door::Gateway);
        for line in [
            "CLUSTER SLOTS",
            "CLUSTER SHARDS",
            "CLUSTER NODES",
            "CLUSTER INFO",
            "CLUSTER MYID",
            "CLUSTER KEYSLOT k",
            "CLUSTER MEET a 1",
            "CLUSTER COUNTKEYSINSLOT 1",
            "CLUSTER GETKEYSINSLOT 1 1",
            "READONLY",
            "READWRITE",
            "ASKING",
        ] {
            assert_eq!(client.say(line), "-ERR This instance has cluster support disabled\r\n", "{line}");
        }
        let mut client = cluster.client(0, Door::Cluster);
        for line in ["READONLY", "READWRITE", "ASKING"] {
            assert_eq!(client.say(line), "+OK\r\n");
        }
    }
}
