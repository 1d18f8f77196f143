//! Membership: who is up. Nodes send heartbeats to the metadata leader; each asks for a lease there. A lease that has certainly
//! run out becomes a [`Command::Expire`]; a heartbeat that says something new becomes a [`Command::Register`].
//!
//! Only the leader decides, and only by proposing: what the log says is what everyone acts on. There is no gossip: many
//! opinions cannot fence (see KRaft and `distributed` design notes in README).
//!
//! A lease is granted to the process that is registered and up, and to none whose expiry was proposed: that may be agreed at
//! any time from then on, and another node may take over what it served. How long leases last is in [`crate::lease`].

use crate::failover::Member;
use crate::lease::Leases;
use crate::metadata::{Command, Metadata};
use dcache_protocol::{Incarnation, NodeId, NodeRecord, NodeState};
use std::collections::BTreeMap;
use std::time::Duration;

/// How often a node renews its lease.
pub const HEARTBEAT_EVERY: Duration = Duration::from_millis(200);

/// How long a lease lasts: seven heartbeats lost in a row.
pub const LEASE: Duration = Duration::from_millis(1500);

/// A new leader hears everyone out before it judges: who is there sends two heartbeats within this time. An election may take
/// as long as a lease, and those who are silent only because there was nobody to talk to are not dead.
const HEARD_OUT_AFTER: Duration = HEARTBEAT_EVERY.saturating_mul(2);

/// A proposal for one node is not repeated sooner than this: the log needs time to answer.
const REPROPOSE_AFTER: Duration = Duration::from_millis(500);

/// The leader's side. All times are monotonic, since the process's start.
#[derive(Debug, Default)]
pub struct Membership {
    /// While it leads.
    leases: Option<Leases>,
    judges_from: Duration,
    /// Processes that were registered when it was looked last; none: not since it leads.
    seen: Option<BTreeMap<NodeId, Incarnation>>,
    proposed: BTreeMap<NodeId, Duration>,
    /// Processes whose expiry was proposed.
    judged: BTreeMap<NodeId, Incarnation>,
}

impl Membership {
    /// This node won the lead `now`, and no earlier leader was confirmed after `since`: nobody is judged before every lease
    /// granted until then has run out.
    pub fn lead(&mut self, now: Duration, since: Duration) {
        let judges_from = now + HEARD_OUT_AFTER;
        *self = Membership { leases: Some(Leases::lead(since)), judges_from, ..Membership::default() };
    }

    pub fn follow(&mut self) {
        *self = Membership::default();
    }

    pub fn is_leading(&self) -> bool {
        self.leases.is_some()
    }

    /// A heartbeat arrived: from now on it may be answered by a lease. What it says anew is to be proposed.
    pub fn heartbeat(&mut self, now: Duration, node: &NodeRecord, metadata: &Metadata) -> Option<Command> {
        self.leases.as_ref()?;
        let known = metadata.nodes.get(&node.id)?;
        if known.state != NodeState::Up {
            // Its expiry is agreed; once it is registered again it is judged anew.
            self.judged.remove(&node.id);
        }
        if self.judged.get(&node.id) != Some(&node.incarnation)
            && let Some(leases) = &mut self.leases
        {
            // Also of one that is only about to register: it is not to be judged by its silence before that.
            leases.renew((node.id, node.incarnation), now);
        }
        let is_news = known.state != NodeState::Up
            || known.incarnation != node.incarnation
            || known.addresses != node.addresses
            || known.version != node.version
            || known.memory_bytes != node.memory_bytes
            || known.name != node.name;
        (is_news && self.may_propose(now, node.id)).then(|| Command::Register { node: node.clone() })
    }

    /// Whether a heartbeat of this process may be answered by a lease, once it is confirmed that this node still leads.
    pub fn may_grant(&self, node: NodeId, incarnation: Incarnation, metadata: &Metadata) -> bool {
        let is_up = |known: &NodeRecord| known.state == NodeState::Up && known.incarnation == incarnation;
        let is_judged = self.judged.get(&node) == Some(&incarnation);
        self.leases.is_some() && !is_judged && metadata.nodes.get(&node).is_some_and(is_up)
    }

    /// Nodes whose lease ran out, all in one command: which of them was lost first says nothing.
    pub fn expired(&mut self, now: Duration, metadata: &Metadata) -> Option<Command> {
        let leases = self.leases.as_mut()?;
        let registered = metadata.nodes.values().map(|node| (node.id, node.incarnation)).collect();
        if let Some(seen) = self.seen.replace(registered) {
            // Who registers has as much time for its first heartbeat as for any other.
            let is_new = |node: &&NodeRecord| seen.get(&node.id) != Some(&node.incarnation);
            let new = metadata.nodes.values().filter(is_new);
            new.for_each(|node| leases.renew((node.id, node.incarnation), now));
        }
        let leases = Some(leases).filter(|_| now >= self.judges_from)?;
        leases.forget_silent(now);
        let is_up = |node: NodeId, incarnation: Incarnation| {
            let known = metadata.nodes.get(&node);
            known.is_some_and(|known| known.state == NodeState::Up && known.incarnation == incarnation)
        };
        self.judged.retain(|node, incarnation| is_up(*node, *incarnation));
        let up = metadata.nodes.values().filter(|node| node.state == NodeState::Up);
        let is_overdue =
            |node: &&NodeRecord| self.judged.contains_key(&node.id) || leases.is_over((node.id, node.incarnation), now);
        let overdue: Vec<(NodeId, Incarnation)> =
            up.filter(is_overdue).map(|node| (node.id, node.incarnation)).collect();
        self.judged.extend(overdue.iter().copied());
        let member = |(node, incarnation)| Member { node, incarnation };
        let members: Vec<Member> =
            overdue.into_iter().filter(|(node, _)| self.may_propose(now, *node)).map(member).collect();
        match members[..] {
            [] => None,
            [Member { node, incarnation }] => Some(Command::Expire { node, incarnation }),
            [..] => Some(Command::ExpireAll { members }),
        }
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
            level: dcache_protocol::LEVEL,
            memory_bytes: 1 << 20,
            share: Default::default(),
            maintenance_until_unix_ms: 0,
            is_stopping: false,
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

    fn expire(id: u64, incarnation: u64) -> Command {
        Command::Expire { node: NodeId(id), incarnation: Incarnation(incarnation) }
    }

    #[test]
    fn a_silent_node_expires_after_its_lease_and_not_before() {
        let metadata = two_nodes();
        let mut membership = Membership::default();
        assert!(membership.expired(at(9000), &metadata).is_none(), "a follower judges nobody");
        membership.lead(at(1000), at(1000));
        assert!(membership.expired(at(2500), &metadata).is_none());
        assert_eq!(membership.heartbeat(at(2400), &node(1, 10), &metadata), None);
        assert!(membership.expired(at(2550), &metadata).is_none(), "clocks may differ");
        assert_eq!(membership.expired(at(2600), &metadata), Some(expire(2, 20)));
        assert!(membership.expired(at(2700), &metadata).is_none(), "proposed just now");
        assert!(membership.expired(at(3101), &metadata).is_some(), "and again when the log did not answer");
    }

    #[test]
    fn a_new_leader_hears_everyone_out_and_judges_who_stays_silent_together() {
        let mut metadata = two_nodes();
        for id in [3, 4] {
            metadata.nodes.insert(NodeId(id), node(id, id * 10));
        }
        let mut membership = Membership::default();
        // All leases have run out long ago.
        membership.lead(at(5000), at(1000));
        assert!(membership.expired(at(5000), &metadata).is_none());
        membership.heartbeat(at(5100), &node(1, 10), &metadata);
        membership.heartbeat(at(5390), &node(3, 30), &metadata);
        assert!(membership.expired(at(5399), &metadata).is_none());
        let silent = [(2, 20), (4, 40)];
        let members = silent.map(|(id, of)| Member { node: NodeId(id), incarnation: Incarnation(of) }).to_vec();
        assert_eq!(membership.expired(at(5400), &metadata), Some(Command::ExpireAll { members }));
    }

    #[test]
    fn who_has_just_joined_is_not_judged_by_its_silence_before() {
        let mut metadata = two_nodes();
        let mut membership = Membership::default();
        membership.lead(at(0), at(0));
        membership.expired(at(100), &metadata);
        membership.heartbeat(at(4900), &node(1, 10), &metadata);
        membership.heartbeat(at(4900), &node(2, 20), &metadata);
        metadata.apply(&Command::Register { node: node(3, 30) }, 0).expect("joins");
        assert_eq!(membership.expired(at(5000), &metadata), None);
        membership.heartbeat(at(6400), &node(1, 10), &metadata);
        membership.heartbeat(at(6400), &node(2, 20), &metadata);
        assert_eq!(membership.expired(at(6600), &metadata), Some(expire(3, 30)), "but by its silence after");
    }

    #[test]
    fn who_is_to_expire_gets_no_lease_until_it_registered_again() {
        let mut metadata = two_nodes();
        let mut membership = Membership::default();
        membership.lead(at(0), at(0));
        assert!(membership.may_grant(NodeId(2), Incarnation(20), &metadata));
        assert!(!membership.may_grant(NodeId(2), Incarnation(19), &metadata), "another process");
        membership.heartbeat(at(1500), &node(1, 10), &metadata);
        assert_eq!(membership.expired(at(1600), &metadata), Some(expire(2, 20)));
        membership.heartbeat(at(1601), &node(2, 20), &metadata);
        assert!(!membership.may_grant(NodeId(2), Incarnation(20), &metadata), "it may be agreed any moment");
        assert_eq!(membership.expired(at(2200), &metadata), Some(expire(2, 20)), "it is gone through with");
        metadata.apply(&expire(2, 20), 0).expect("was up");
        assert!(!membership.may_grant(NodeId(2), Incarnation(20), &metadata));
        let back = membership.heartbeat(at(2800), &node(2, 20), &metadata).expect("it registers");
        metadata.apply(&back, 0).expect("was down");
        membership.expired(at(2801), &metadata);
        membership.heartbeat(at(2900), &node(2, 20), &metadata);
        assert!(membership.may_grant(NodeId(2), Incarnation(20), &metadata));
    }

    #[test]
    fn a_restarted_or_moved_or_returned_node_registers() {
        let mut metadata = two_nodes();
        let mut membership = Membership::default();
        membership.lead(at(0), at(0));
        let restarted = node(2, 21);
        assert_eq!(
            membership.heartbeat(at(10), &restarted, &metadata),
            Some(Command::Register { node: restarted.clone() })
        );
        assert_eq!(membership.heartbeat(at(20), &restarted, &metadata), None, "not twice at once");
        metadata.apply(&Command::Register { node: restarted.clone() }, 0).expect("registers");
        assert_eq!(membership.heartbeat(at(600), &restarted, &metadata), None);
        metadata.apply(&expire(2, 21), 0).expect("expires");
        assert!(membership.heartbeat(at(1200), &restarted, &metadata).is_some());
        assert_eq!(membership.heartbeat(at(1200), &node(3, 1), &metadata), None, "strangers join, they do not beat in");
    }

    #[test]
    fn heartbeats_of_another_process_do_not_renew_the_registered_one() {
        let metadata = two_nodes();
        let mut membership = Membership::default();
        membership.lead(at(0), at(0));
        assert!(membership.heartbeat(at(900), &node(2, 19), &metadata).is_some(), "it is to register");
        membership.heartbeat(at(1400), &node(1, 10), &metadata);
        assert_eq!(membership.expired(at(1600), &metadata), Some(expire(2, 20)));
    }
}
