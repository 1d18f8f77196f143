//! Membership: who is up. Nodes send heartbeats to the metadata leader; each renews a lease there. A lease that runs out
//! becomes an [`Command::Expire`]; a heartbeat that says something new becomes a [`Command::Register`].
//!
//! Only the leader decides, and only by proposing: what the log says is what everyone acts on. There is no gossip: many
//! opinions cannot fence (see KRaft and `distributed` design notes in README). A lease here only tells operators and
//! gateways that a node is gone; it guards no data, since a partition has one copy.

use crate::metadata::{Command, Metadata};
use dcache_protocol::{Incarnation, NodeId, NodeRecord, NodeState};
use std::collections::BTreeMap;
use std::time::Duration;

/// How often a node renews its lease.
pub const HEARTBEAT_EVERY: Duration = Duration::from_millis(200);

/// How long a lease lasts: seven heartbeats lost in a row.
pub const LEASE: Duration = Duration::from_millis(1500);

/// A proposal for one node is not repeated sooner than this: the log needs time to answer.
const REPROPOSE_AFTER: Duration = Duration::from_millis(500);

/// The leader's side. All times are monotonic, since the process's start.
#[derive(Debug, Default)]
pub struct Membership {
    leading_since: Option<Duration>,
    renewed: BTreeMap<NodeId, (Incarnation, Duration)>,
    proposed: BTreeMap<NodeId, Duration>,
}

impl Membership {
    /// This node won the lead: nobody is judged before a whole lease has passed.
    pub fn lead(&mut self, now: Duration) {
        *self = Membership { leading_since: Some(now), ..Membership::default() };
    }

    pub fn follow(&mut self) {
        *self = Membership::default();
    }

    pub fn is_leading(&self) -> bool {
        self.leading_since.is_some()
    }

    /// A heartbeat arrived. What it says anew is to be proposed.
    pub fn heartbeat(&mut self, now: Duration, node: &NodeRecord, metadata: &Metadata) -> Option<Command> {
        self.leading_since?;
        self.renewed.insert(node.id, (node.incarnation, now));
        let known = metadata.nodes.get(&node.id)?;
        let is_news = known.state != NodeState::Up
            || known.incarnation != node.incarnation
            || known.addresses != node.addresses
            || known.version != node.version
            || known.memory_bytes != node.memory_bytes
            || known.name != node.name;
        (is_news && self.may_propose(now, node.id)).then(|| Command::Register { node: node.clone() })
    }

    /// Nodes whose lease ran out.
    pub fn expired(&mut self, now: Duration, metadata: &Metadata) -> Vec<Command> {
        let Some(since) = self.leading_since else { return Vec::new() };
        let overdue: Vec<(NodeId, Incarnation)> = metadata
            .nodes
            .values()
            .filter(|node| node.state == NodeState::Up)
            .filter(|node| {
                let renewed = self.renewed.get(&node.id).filter(|(incarnation, _)| *incarnation == node.incarnation);
                let last = renewed.map_or(since, |(_, at)| *at);
                now.saturating_sub(last) > LEASE
            })
            .map(|node| (node.id, node.incarnation))
            .collect();
        overdue
            .into_iter()
            .filter(|(node, _)| self.may_propose(now, *node))
            .map(|(node, incarnation)| Command::Expire { node, incarnation })
            .collect()
    }

    fn may_propose(&mut self, now: Duration, node: NodeId) -> bool {
        if self.proposed.get(&node).is_some_and(|at| now.saturating_sub(*at) < REPROPOSE_AFTER) {
            return false;
        }
        self.proposed.insert(node, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dcache_protocol::Addresses;

    fn node(id: u64, incarnation: u64) -> NodeRecord {
        NodeRecord {
            id: NodeId(id),
            name: format!("n{id}"),
            zone: String::new(),
            weight: 100,
            addresses: Addresses::default(),
            incarnation: Incarnation(incarnation),
            state: NodeState::Up,
            version: "0.1.0".into(),
            memory_bytes: 1 << 20,
        }
    }

    fn at(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn two_nodes() -> Metadata {
        let mut metadata = Metadata::standalone(node(1, 10));
        metadata.nodes.insert(NodeId(2), node(2, 20));
        metadata
    }

    #[test]
    fn a_silent_node_expires_after_its_lease_and_not_before() {
        let metadata = two_nodes();
        let mut membership = Membership::default();
        assert!(membership.expired(at(9000), &metadata).is_empty(), "a follower judges nobody");
        membership.lead(at(1000));
        assert!(membership.expired(at(2500), &metadata).is_empty());
        assert_eq!(membership.heartbeat(at(2400), &node(1, 10), &metadata), None);
        assert_eq!(
            membership.expired(at(2501), &metadata),
            [Command::Expire { node: NodeId(2), incarnation: Incarnation(20) }]
        );
        assert!(membership.expired(at(2600), &metadata).is_empty(), "proposed just now");
        assert_eq!(membership.expired(at(3002), &metadata).len(), 1, "and again when the log did not answer");
    }

    #[test]
    fn a_restarted_or_moved_or_returned_node_registers() {
        let mut metadata = two_nodes();
        let mut membership = Membership::default();
        membership.lead(at(0));
        let restarted = node(2, 21);
        assert_eq!(
            membership.heartbeat(at(10), &restarted, &metadata),
            Some(Command::Register { node: restarted.clone() })
        );
        assert_eq!(membership.heartbeat(at(20), &restarted, &metadata), None, "not twice at once");
        metadata.apply(&Command::Register { node: restarted.clone() }).expect("registers");
        assert_eq!(membership.heartbeat(at(600), &restarted, &metadata), None);
        metadata.apply(&Command::Expire { node: NodeId(2), incarnation: Incarnation(21) }).expect("expires");
        assert!(membership.heartbeat(at(1200), &restarted, &metadata).is_some());
        assert_eq!(membership.heartbeat(at(1200), &node(3, 1), &metadata), None, "strangers join, they do not beat in");
    }

    #[test]
    fn heartbeats_of_another_process_do_not_renew_the_registered_one() {
        let metadata = two_nodes();
        let mut membership = Membership::default();
        membership.lead(at(0));
        assert!(membership.heartbeat(at(900), &node(2, 19), &metadata).is_some(), "it is to register");
        membership.heartbeat(at(1400), &node(1, 10), &metadata);
        let expired = membership.expired(at(1501), &metadata);
        assert_eq!(expired, [Command::Expire { node: NodeId(2), incarnation: Incarnation(20) }]);
    }
}
