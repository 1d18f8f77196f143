//! News for cluster-aware clients that they cannot learn by asking: slots of a node that is down are served elsewhere.
//!
//! A client learns from `MOVED` that a slot has moved, and a node that is gone sends none. What is left is that the client
//! looks for itself, and some take their time: node-redis asks for the topology 5 s after it lost a node. Redis has a push
//! for this, which a client asks for on each connection with `CLIENT MAINT_NOTIFICATIONS ON`; here every node that lives
//! sends it, after all replies so far, to its clients of the cluster door that speak RESP3:
//!
//! ```text
//! >3 SMIGRATED <epoch> *n ─► *3 <address of the node that is down> <address of the new owner> <slots: 0-15,32-47>
//! ```
//!
//! It is encoded once, when the view changes; a session remembers the number of the last it has sent. A client is told by
//! every node it is connected to and knows by the epoch that it is the same. What a living node hands over is no news: that
//! node says `MOVED`.

use crate::view::{Owner, View, ViewNode};
use dcache_protocol::resp::reply::{Reply, Version};
use dcache_protocol::{NodeId, Slot, SlotRange};
use parking_lot::Mutex;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Acquire, Ordering::Release};

/// News kept for clients that are slow to read; a client that missed more finds out as those do that never asked.
const KEPT_MAX: usize = 16;

/// The last news of this node.
#[derive(Debug, Default)]
pub(crate) struct News {
    /// How many there were ever; written after `kept`.
    count: AtomicU64,
    kept: Mutex<VecDeque<Arc<[u8]>>>,
}

impl News {
    pub fn count(&self) -> u64 {
        self.count.load(Acquire)
    }

    pub fn add(&self, push: Vec<u8>) {
        let mut kept = self.kept.lock();
        if kept.len() == KEPT_MAX {
            kept.pop_front();
        }
        kept.push_back(push.into());
        self.count.fetch_add(1, Release);
    }

    /// Appends all after the first `told`; answers how many there were ever.
    pub fn after(&self, told: u64, out: &mut Vec<u8>) -> u64 {
        let kept = self.kept.lock();
        let count = self.count();
        let missed = usize::try_from(count - told).unwrap_or(KEPT_MAX).min(kept.len());
        kept.iter().skip(kept.len() - missed).for_each(|push| out.extend_from_slice(push));
        count
    }
}

/// The push that tells how `next` differs from `before`, if any slot of a node that is down has a new owner.
pub(crate) fn between(before: &View, next: &View) -> Option<Vec<u8>> {
    if next.nodes().iter().all(|node| node.is_up) {
        return None;
    }
    let mut moved: BTreeMap<(NodeId, NodeId), Vec<Slot>> = BTreeMap::new();
    for slot in Slot::all() {
        let (Owner::Other(from) | Owner::Down(from)) = before.owner(slot) else { continue };
        let to = match next.owner(slot) {
            Owner::Me => next.me,
            Owner::Other(to) => to.id,
            Owner::Down(_) | Owner::Nobody => continue,
        };
        if from.id != to && next.node(from.id).is_some_and(|from| !from.is_up) {
            moved.entry((from.id, to)).or_default().push(slot);
        }
    }
    if moved.is_empty() {
        return None;
    }
    let address = |id| next.node(id).map(|ViewNode { host, port, .. }| format!("{host}:{port}")).unwrap_or_default();
    let mut push = Vec::new();
    let mut reply = Reply::new(&mut push, Version::Resp3);
    reply.push(3);
    reply.bulk(b"SMIGRATED");
    reply.integer(i64::try_from(next.epoch().0).unwrap_or(i64::MAX));
    reply.array(moved.len());
    for ((from, to), slots) in moved {
        let ranges: Vec<String> = SlotRange::join(slots).iter().map(ToString::to_string).collect();
        reply.array(3);
        reply.bulk(address(from));
        reply.bulk(address(to));
        reply.bulk(ranges.join(","));
    }
    Some(push)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{self, Caller, Cluster, id};
    use crate::{Door, Node};
    use dcache_cluster::metadata::Metadata;
    use dcache_protocol::{Epoch, NodeState};
    use std::sync::atomic::Ordering::Relaxed;

    const ON: &str = "CLIENT MAINT_NOTIFICATIONS ON moving-endpoint-type internal-ip";

    /// Node 1 is gone, or well; of its partitions the first went to node 0 and the others to node 2.
    fn after_node_1(state: NodeState) -> Metadata {
        let mut metadata = fixture::metadata(3);
        metadata.epoch = Epoch(metadata.epoch.0 + 1);
        metadata.nodes.get_mut(&id(1)).expect("a node").state = state;
        let its = metadata.table.iter_mut().filter(|partition| partition.holder() == Some(id(1)));
        its.enumerate().for_each(|(n, partition)| *partition = fixture::held_by(if n == 0 { 0 } else { 2 }));
        metadata
    }

    fn told(client: &mut Caller<'_>, node: &Node) -> String {
        let mut out = Vec::new();
        if client.session.has_news(node) {
            client.session.tell_news(node, &mut out);
        }
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn who_asked_is_told_once_where_the_slots_of_a_lost_node_went() {
        let cluster = Cluster::new(3);
        let node = cluster.nodes[0].clone();
        let mut asked = cluster.client(0, Door::Cluster);
        let mut silent = cluster.client(0, Door::Cluster);
        asked.say("HELLO 3");
        silent.say("HELLO 3");
        assert_eq!(asked.say(ON), "+OK\r\n");
        assert_eq!(told(&mut asked, &node), "");
        cluster.publish(&after_node_1(NodeState::Down));
        assert_eq!((asked.woken.load(Relaxed), silent.woken.load(Relaxed)), (1, 0));
        let push = ">3\r\n$9\r\nSMIGRATED\r\n:6\r\n*2\r\n\
                    *3\r\n$13\r\n10.0.0.2:7400\r\n$13\r\n10.0.0.1:7400\r\n$9\r\n6144-7167\r\n\
                    *3\r\n$13\r\n10.0.0.2:7400\r\n$13\r\n10.0.0.3:7400\r\n$10\r\n7168-11263\r\n";
        assert_eq!(told(&mut asked, &node), push);
        assert_eq!(told(&mut asked, &node), "", "once");
        assert_eq!(told(&mut silent, &node), "");
        let mut late = cluster.client(0, Door::Cluster);
        late.say("HELLO 3");
        late.say(ON);
        assert_eq!(told(&mut late, &node), "", "it has seen the topology since");
        asked.say("CLIENT MAINT_NOTIFICATIONS OFF");
        cluster.publish(&fixture::metadata(3));
        cluster.publish(&after_node_1(NodeState::Down));
        assert_eq!(told(&mut asked, &node), "");
        assert_eq!(told(&mut late, &node), push);
    }

    #[test]
    fn what_a_living_node_hands_over_is_no_news() {
        let cluster = Cluster::new(3);
        let mut client = cluster.client(0, Door::Cluster);
        client.say("HELLO 3");
        client.say(ON);
        cluster.publish(&after_node_1(NodeState::Up));
        assert_eq!(client.woken.load(Relaxed), 0);
        assert_eq!(told(&mut client, &cluster.nodes[0]), "");
    }

    #[test]
    fn news_are_for_resp3_at_the_cluster_door() {
        let cluster = Cluster::new(1);
        let mut client = cluster.client(0, Door::Cluster);
        assert_eq!(client.say(ON), "-ERR CLIENT MAINT_NOTIFICATIONS needs RESP3: HELLO 3 first\r\n");
        client.say("HELLO 3");
        assert_eq!(client.say("CLIENT MAINT_NOTIFICATIONS perhaps"), "-ERR syntax error\r\n");
        let mut client = cluster.client(0, Door::Gateway);
        client.say("HELLO 3");
        assert_eq!(client.say(ON), "-ERR unknown subcommand 'MAINT_NOTIFICATIONS'. Try CLIENT HELP.\r\n");
    }

    #[test]
    fn a_client_that_is_slow_is_told_the_last_few() {
        let news = News::default();
        (0..20_u8).for_each(|n| news.add(vec![n]));
        let mut out = Vec::new();
        assert_eq!(news.after(18, &mut out), 20);
        assert_eq!(out, [18, 19]);
        out.clear();
        assert_eq!(news.after(0, &mut out), 20);
        assert_eq!(out, (4..20).collect::<Vec<u8>>());
    }
}
