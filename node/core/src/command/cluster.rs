//! What a cluster-aware client asks: the topology as Redis Cluster tells it, and slots' keys.
//!
//! The only file where Redis's words for dcache's things ("shard", "master", "replica") appear, because clients demand them.
//! Every node is shown as a master with the slots it is primary of; backups are never shown, since one address that is
//! master here and replica there breaks half of the clients. A node that is down keeps its slots in these answers: clients
//! such as Jedis refuse a table with holes.
//!
//! `SLOTS`, `SHARDS` and `NODES` are encoded once an epoch ([`Topology`]) from the metadata alone, so that all nodes answer
//! the same bytes in one epoch (clients vote on them); only the `myself` flag of `NODES` differs. What changes the cluster
//! is an operator's business and names its `dcache` verb. The gateway door presents one standalone node and has none of this.

use super::{Context, Door};
use crate::number;
use crate::view::{Owner, ViewNode};
use dcache_protocol::error::WireError;
use dcache_protocol::resp::reply::{Reply, Version};
use dcache_protocol::{Epoch, NodeId, SLOTS, Slot, SlotRange, slot_of};
use std::fmt::Write;

/// Most keys one `CLUSTER GETKEYSINSLOT` answers with, whatever it asks for.
const KEYS_MAX: usize = 1 << 20;

/// The three topology answers of one epoch, encoded.
#[derive(Debug)]
pub(crate) struct Topology {
    slots: Both,
    shards: Both,
    nodes: String,
}

/// The same answer in both protocol versions.
#[derive(Debug)]
struct Both {
    resp2: Vec<u8>,
    resp3: Vec<u8>,
}

impl Both {
    fn encode(write: impl Fn(&mut Reply<'_>)) -> Both {
        let encoded = |version| {
            let mut bytes = Vec::new();
            write(&mut Reply::new(&mut bytes, version));
            bytes
        };
        Both { resp2: encoded(Version::Resp2), resp3: encoded(Version::Resp3) }
    }

    fn of(&self, version: Version) -> &[u8] {
        match version {
            Version::Resp2 => &self.resp2,
            Version::Resp3 => &self.resp3,
        }
    }
}

impl Topology {
    /// `nodes` by id, with their slots.
    pub fn new(nodes: &[ViewNode], epoch: Epoch, me: NodeId) -> Topology {
        Topology {
            slots: Both::encode(|reply| encode_slots(nodes, reply)),
            shards: Both::encode(|reply| encode_shards(nodes, reply)),
            nodes: nodes.iter().map(|node| node_line(node, epoch, me)).collect(),
        }
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
        Door::Gateway => Err(WireError::Other("ERR This instance has cluster support disabled".into())),
        Door::Cluster | Door::Peer => Ok(()),
    }
}

pub fn slots(context: &mut Context<'_>) -> Result<(), WireError> {
    require_cluster(context)?;
    context.reply.raw(context.view.topology.slots.of(context.reply.version()));
    Ok(())
}

pub fn shards(context: &mut Context<'_>) -> Result<(), WireError> {
    require_cluster(context)?;
    context.reply.raw(context.view.topology.shards.of(context.reply.version()));
    Ok(())
}

pub fn nodes(context: &mut Context<'_>) -> Result<(), WireError> {
    require_cluster(context)?;
    context.reply.verbatim("txt", &context.view.topology.nodes);
    Ok(())
}

/// As Redis with `cluster-require-full-coverage no`: the state is ok while this node serves requests.
pub fn info(context: &mut Context<'_>) -> Result<(), WireError> {
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

pub fn myid(context: &mut Context<'_>) -> Result<(), WireError> {
    require_cluster(context)?;
    context.reply.bulk(context.view.me.redis_id().as_bytes());
    Ok(())
}

/// Every node is a shard of its own, so its id names the shard too.
pub fn myshardid(context: &mut Context<'_>) -> Result<(), WireError> {
    myid(context)
}

pub fn keyslot(context: &mut Context<'_>) -> Result<(), WireError> {
    require_cluster(context)?;
    context.reply.integer(i64::from(slot_of(context.arg(2)).number()));
    Ok(())
}

pub fn countkeysinslot(context: &mut Context<'_>) -> Result<(), WireError> {
    require_cluster(context)?;
    let slot = slot_arg(context.arg(2), "Invalid slot")?;
    let count = if context.view.is_mine(slot) { context.node.engine().count_in_slot(slot.number(), 0) } else { 0 };
    context.reply.integer(i64::try_from(count).unwrap_or(i64::MAX));
    Ok(())
}

pub fn getkeysinslot(context: &mut Context<'_>) -> Result<(), WireError> {
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
pub fn replicas(context: &mut Context<'_>) -> Result<(), WireError> {
    require_cluster(context)?;
    let id = String::from_utf8_lossy(context.arg(2)).into_owned();
    if !context.view.nodes().iter().any(|node| node.id.redis_id() == id) {
        return Err(WireError::Other(format!("ERR Unknown node {id}")));
    }
    context.reply.array(0);
    Ok(())
}

/// Links between nodes are not shown to clients: there is no full mesh of them as in Redis.
pub fn links(context: &mut Context<'_>) -> Result<(), WireError> {
    require_cluster(context)?;
    context.reply.array(0);
    Ok(())
}

/// `CLUSTER MEET`, `ADDSLOTS`, `SETSLOT`, `MIGRATE` and the others that change the cluster: operators do that with `dcache`.
pub fn use_verb(context: &mut Context<'_>) -> Result<(), WireError> {
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

pub fn help(context: &mut Context<'_>) -> Result<(), WireError> {
    require_cluster(context)?;
    super::server::help(
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

/// Every slot is answered by its primary, so reading from a replica is never what happens.
pub fn readonly(context: &mut Context<'_>) -> Result<(), WireError> {
    require_cluster(context)?;
    context.reply.ok();
    Ok(())
}

pub fn readwrite(context: &mut Context<'_>) -> Result<(), WireError> {
    require_cluster(context)?;
    context.reply.ok();
    Ok(())
}
