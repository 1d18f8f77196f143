//! Who holds a partition's copies, as agreed, and how that changes: a dead primary gives way to an in-sync copy, copies join
//! and leave the in-sync set, a partition whose copies are all gone begins anew, empty.
//!
//! The rules are those of PacificA (W. Lin et al., "PacificA: Replication in Log-Based Distributed Storage Systems", 2008), the
//! configuration manager being the metadata log, with what Kafka's replication learnt later: a process that restarted is not
//! the copy that was in sync before (KIP-903), and a copy counts for commits before it is agreed to be in sync (KIP-497).
//!
//! Everything here is applied from the log, so it is pure, and it never looks at a clock: that a lease ran out is a command.
//! Left out: what the copies do ([`crate::replication`]), and when leases run out ([`crate::membership`]).

use dcache_protocol::{Incarnation, NodeId, NodeRecord, NodeState};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One process's life on one node. A restarted node is another member: its memory is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Member {
    pub node: NodeId,
    pub incarnation: Incarnation,
}

/// The processes registered, and whether their leases run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registry(BTreeMap<NodeId, Registered>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Registered {
    incarnation: Incarnation,
    is_alive: bool,
}

impl Registry {
    /// As the nodes' records say.
    pub fn of<'a>(nodes: impl Iterator<Item = &'a NodeRecord>) -> Registry {
        let registered = |node: &NodeRecord| {
            let is_alive = node.state == NodeState::Up;
            (node.id, Registered { incarnation: node.incarnation, is_alive })
        };
        Registry(nodes.map(registered).collect())
    }

    pub fn register(&mut self, member: Member) {
        self.0.insert(member.node, Registered { incarnation: member.incarnation, is_alive: true });
    }

    /// False when that process was not registered as alive.
    pub fn expire(&mut self, member: Member) -> bool {
        let found = self.0.get_mut(&member.node);
        let alive = found.filter(|known| known.incarnation == member.incarnation && known.is_alive);
        alive.map(|known| known.is_alive = false).is_some()
    }

    pub fn is_alive(&self, member: Member) -> bool {
        let known = self.0.get(&member.node);
        known.is_some_and(|known| known.incarnation == member.incarnation && known.is_alive)
    }

    /// Whether another process has taken the member's place, so that what it held is gone.
    fn is_gone(&self, member: Member) -> bool {
        self.0.get(&member.node).is_none_or(|known| known.incarnation != member.incarnation)
    }

    /// The registered process of a node, if its lease runs.
    pub fn alive(&self, node: NodeId) -> Option<Member> {
        let known = self.0.get(&node).filter(|known| known.is_alive)?;
        Some(Member { node, incarnation: known.incarnation })
    }

    /// The registered process of a node.
    pub fn member(&self, node: NodeId) -> Option<Member> {
        self.0.get(&node).map(|known| Member { node, incarnation: known.incarnation })
    }
}

/// What is agreed about the copies of one partition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Configuration {
    /// Grows when the data is given up.
    pub generation: u64,
    /// Grows with each change of the primary; fences what earlier ones say.
    pub term: u64,
    /// Grows with each change at all.
    pub version: u64,
    /// Serves the partition; none: nobody can.
    pub primary: Option<Member>,
    /// Hold every acknowledged entry, in the order they would take over. Never empty once there was a primary.
    pub in_sync: Vec<Member>,
    /// Nodes that should hold copies, the primary's included, in the order they would take over.
    pub copies: Vec<NodeId>,
    /// It is on its way to other nodes; `copies` has the old and the new ones until it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moving: Option<Moving>,
}

/// Where a partition goes, and where it goes back to when it must; the first node of each is the primary's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moving {
    pub from: Vec<NodeId>,
    pub to: Vec<NodeId>,
}

/// What the primary of a partition proposes for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// Holds everything; counts from now on.
    Expand(Member),
    /// Does not answer; counts no more. Also cancels an `Expand` of it that may be on its way.
    Shrink(Member),
    /// Takes over. The primary has stopped writing and all is committed.
    Transfer(Member),
    /// The partition is where it was to go: all copies there are in sync and its primary is the first of them. The others go.
    Settle,
}

/// A change that was not made: the partition is not as its proposer saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("the partition's copies have changed meanwhile")]
pub struct Stale;

impl Configuration {
    /// Nobody holds anything yet.
    pub fn new(copies: Vec<NodeId>) -> Configuration {
        Configuration { generation: 0, term: 0, version: 0, primary: None, in_sync: Vec::new(), copies, moving: None }
    }

    /// A change the primary asked for, compared and set.
    pub fn change(&mut self, version: u64, from: Member, change: Change, registry: &Registry) -> Result<(), Stale> {
        if version != self.version || self.primary != Some(from) {
            return Err(Stale);
        }
        match change {
            Change::Expand(member) => {
                let is_wanted = self.copies.contains(&member.node) && !self.in_sync.contains(&member);
                if !is_wanted || !registry.is_alive(member) {
                    return Err(Stale);
                }
                self.in_sync.push(member);
                self.order();
            }
            Change::Shrink(member) if member != from => self.in_sync.retain(|other| *other != member),
            Change::Transfer(member) if self.in_sync.contains(&member) && registry.is_alive(member) => {
                self.primary = Some(member);
                self.term += 1;
            }
            Change::Settle => {
                let Some(Moving { to, .. }) = self.moving.take_if(|moving| {
                    let is_in_sync = |node: &NodeId| self.in_sync.iter().any(|member| member.node == *node);
                    moving.to.first() == Some(&from.node) && moving.to.iter().all(is_in_sync)
                }) else {
                    return Err(Stale);
                };
                self.hold(to);
            }
            Change::Shrink(_) | Change::Transfer(_) => return Err(Stale),
        }
        self.version += 1;
        Ok(())
    }

    /// Only these hold copies from now on.
    fn hold(&mut self, copies: Vec<NodeId>) {
        self.in_sync.retain(|member| copies.contains(&member.node));
        self.copies = copies;
        self.order();
    }

    /// Sends the partition to other copies, the first of which is to be primary. Nothing is given up before they are in sync.
    pub fn begin_move(&mut self, version: u64, to: &[NodeId]) -> Result<(), Stale> {
        let is_twice = to.iter().enumerate().any(|(index, node)| to[..index].contains(node));
        let Some(primary) = self.primary.filter(|_| version == self.version && self.moving.is_none()) else {
            return Err(Stale);
        };
        if to.is_empty() || is_twice {
            return Err(Stale);
        }
        let mut from = vec![primary.node];
        from.extend(self.copies.iter().filter(|node| **node != primary.node));
        let new = to.iter().filter(|node| !self.copies.contains(node)).copied();
        self.copies.extend(new.collect::<Vec<_>>());
        self.moving = Some(Moving { from, to: to.to_vec() });
        self.version += 1;
        Ok(())
    }

    /// Ends a move where it stands: as long as a node that had a copy before is primary, the partition is where it was; after
    /// that it is where it was to go, with copies in sync in place of those that do not answer.
    pub fn end_move(&mut self, version: u64, registry: &Registry) -> Result<(), Stale> {
        let Some(primary) = self.primary.filter(|_| version == self.version) else { return Err(Stale) };
        let Some(Moving { from, to }) = self.moving.take() else { return Err(Stale) };
        let mut copies = if from.contains(&primary.node) { from } else { to };
        let is_there = |node: &NodeId| registry.alive(*node).is_some();
        let spare = self.in_sync.iter().map(|member| member.node).filter(|node| !copies.contains(node));
        for spare in spare.collect::<Vec<_>>() {
            match copies.iter_mut().find(|node| !is_there(node)) {
                Some(lost) => *lost = spare,
                None => break,
            }
        }
        self.hold(copies);
        self.version += 1;
        Ok(())
    }

    /// Other copies, in the order they would take over. Whoever is in sync stays one.
    pub fn place(&mut self, version: u64, copies: &[NodeId]) -> Result<(), Stale> {
        let is_listed = |member: &Member| copies.contains(&member.node);
        let is_twice = copies.iter().enumerate().any(|(index, node)| copies[..index].contains(node));
        if version != self.version || self.moving.is_some() || is_twice || !self.in_sync.iter().all(is_listed) {
            return Err(Stale);
        }
        self.copies = copies.to_vec();
        self.order();
        self.version += 1;
        Ok(())
    }

    /// A node is gone for good, with what it held, and another has its place among the copies.
    pub fn replace(&mut self, gone: NodeId, by: NodeId) {
        let lists = self.moving.iter_mut().flat_map(|moving| [&mut moving.from, &mut moving.to]);
        lists.flatten().filter(|node| **node == gone).for_each(|node| *node = by);
        if let Some(place) = self.copies.iter_mut().find(|node| **node == gone) {
            *place = by;
            self.in_sync.retain(|member| member.node != gone);
            self.version += 1;
        }
    }

    /// A node is gone for good and nobody takes its place; when it was the last copy, `heir` begins anew, empty.
    pub fn forget(&mut self, gone: NodeId, heir: Option<NodeId>, registry: &Registry) {
        self.moving.take_if(|moving| moving.from.contains(&gone) || moving.to.contains(&gone));
        self.copies.retain(|node| *node != gone);
        self.in_sync.retain(|member| member.node != gone);
        if self.copies.is_empty() {
            self.copies.extend(heir);
        }
        if self.primary.is_none_or(|primary| primary.node == gone) {
            self.primary = None;
            self.recover(registry);
        }
        self.version += 1;
    }

    fn order(&mut self) {
        let place = |member: &Member| self.copies.iter().position(|node| *node == member.node);
        self.in_sync.sort_by_key(place);
    }

    /// The leases of these have run out, all of them by now. When nobody in sync is left, all of them stay: the primary among
    /// them can have acknowledged nothing since that the others lack, so whoever comes back first serves.
    pub fn expire(&mut self, members: &[Member], registry: &Registry) {
        let Some(primary) = self.primary else { return };
        let is_left = |member: &Member| !members.contains(member);
        if self.in_sync.iter().all(is_left) {
            return;
        }
        if !is_left(&primary) {
            self.primary = self.in_sync.iter().copied().find(|other| is_left(other) && registry.is_alive(*other));
            self.term += 1;
        }
        if self.primary.is_some() {
            self.in_sync.retain(is_left);
        }
        self.version += 1;
    }

    /// Finds a primary where there is none: a copy in sync that is up again, or, when all of them are gone for good, any copy,
    /// empty. True when it changed something.
    pub fn recover(&mut self, registry: &Registry) -> bool {
        if self.primary.is_some() {
            return false;
        }
        if let Some(member) = self.in_sync.iter().copied().find(|member| registry.is_alive(*member)) {
            self.primary = Some(member);
            // What it acknowledges from now on the others lack.
            self.in_sync.retain(|member| registry.is_alive(*member));
        } else if self.in_sync.iter().all(|member| registry.is_gone(*member))
            && let Some(member) = self.copies.iter().find_map(|node| registry.alive(*node))
        {
            self.generation += 1;
            self.primary = Some(member);
            self.in_sync = vec![member];
        } else {
            return false;
        }
        self.term += 1;
        self.version += 1;
        true
    }

    /// The primary's node, or the one that is waited for: the first in sync.
    pub fn holder(&self) -> Option<NodeId> {
        self.primary.or_else(|| self.in_sync.first().copied()).map(|member| member.node)
    }

    /// Nodes that hold copies beside the holder.
    pub fn backups(&self) -> impl Iterator<Item = NodeId> + '_ {
        let holder = self.holder();
        self.copies.iter().copied().filter(move |node| Some(*node) != holder)
    }

    /// Whether a process holds a copy or is to hold one.
    pub fn concerns(&self, member: Member) -> bool {
        self.copies.contains(&member.node) || self.in_sync.contains(&member) || self.primary == Some(member)
    }

    /// Whether another node could ever take over.
    pub fn is_replicated(&self) -> bool {
        self.copies.len() > 1
    }

    /// Live copies that are not in sync.
    pub fn learners(&self, registry: &Registry) -> Vec<Member> {
        let alive = self.copies.iter().filter_map(|node| registry.alive(*node));
        alive.filter(|member| !self.in_sync.contains(member)).collect()
    }

    /// What makes this a configuration nothing may act on; invariant I6.
    pub fn check(&self) -> Result<(), String> {
        let mut nodes: Vec<NodeId> = self.in_sync.iter().map(|member| member.node).collect();
        nodes.sort_unstable();
        nodes.dedup();
        if nodes.len() != self.in_sync.len() {
            return Err(format!("one node twice in {:?}", self.in_sync));
        }
        if let Some(primary) = self.primary
            && !self.in_sync.contains(&primary)
        {
            return Err(format!("the primary {primary:?} is not among {:?}", self.in_sync));
        }
        let of_move = self.moving.iter().flat_map(|moving| moving.from.iter().chain(&moving.to));
        if let Some(node) = of_move.into_iter().find(|node| !self.copies.contains(node)) {
            return Err(format!("{node:?} is part of the move and no copy"));
        }
        match nodes.iter().find(|node| !self.copies.contains(node)) {
            Some(node) => Err(format!("{node:?} is in sync and no copy")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(node: u64, incarnation: u64) -> Member {
        Member { node: NodeId(node), incarnation: Incarnation(incarnation) }
    }

    /// Nodes 1, 2 and 3 are up; 1 is primary, 2 in sync.
    fn three() -> (Configuration, Registry) {
        let mut registry = Registry::default();
        (1..=3).for_each(|node| registry.register(member(node, node * 10)));
        let mut configuration = Configuration::new((1..=3).map(NodeId).collect());
        assert!(configuration.recover(&registry));
        configuration.change(1, member(1, 10), Change::Expand(member(2, 20)), &registry).expect("alive");
        (configuration, registry)
    }

    fn expire(configuration: &mut Configuration, registry: &mut Registry, member: Member) {
        assert!(registry.expire(member));
        configuration.expire(&[member], registry);
        configuration.check().expect("sound");
    }

    #[test]
    fn a_dead_primary_gives_way_to_a_copy_in_sync() {
        let (mut configuration, mut registry) = three();
        let term = configuration.term;
        expire(&mut configuration, &mut registry, member(1, 10));
        assert_eq!((configuration.primary, configuration.term), (Some(member(2, 20)), term + 1));
        assert_eq!(configuration.in_sync, [member(2, 20)]);
    }

    #[test]
    fn the_last_copy_in_sync_is_waited_for_and_serves_again() {
        let (mut configuration, mut registry) = three();
        expire(&mut configuration, &mut registry, member(1, 10));
        expire(&mut configuration, &mut registry, member(2, 20));
        assert_eq!((configuration.primary, configuration.in_sync.clone()), (None, vec![member(2, 20)]));
        assert!(!configuration.recover(&registry), "node 3 has not what was acknowledged");
        registry.register(member(2, 20));
        assert!(configuration.recover(&registry));
        assert_eq!((configuration.primary, configuration.generation), (Some(member(2, 20)), 1));
    }

    #[test]
    fn of_copies_lost_at_once_any_that_comes_back_serves() {
        for (gone, back) in [(1, 2), (2, 1)] {
            let (mut configuration, mut registry) = three();
            let both = [member(1, 10), member(2, 20)];
            both.iter().for_each(|member| assert!(registry.expire(*member)));
            configuration.expire(&both, &registry);
            assert_eq!((configuration.primary, configuration.in_sync.len()), (None, 2));
            registry.register(member(gone, 99));
            assert!(!configuration.recover(&registry), "it is empty, and the other one may be there");
            let back = member(back, back * 10);
            registry.register(back);
            assert!(configuration.recover(&registry));
            assert_eq!((configuration.primary, configuration.in_sync.clone()), (Some(back), vec![back]));
            assert_eq!(configuration.generation, 1, "nothing is given up");
        }
    }

    #[test]
    fn a_copy_that_is_left_takes_over_when_others_are_lost_at_once() {
        let (mut configuration, mut registry) = three();
        let version = configuration.version;
        configuration.change(version, member(1, 10), Change::Expand(member(3, 30)), &registry).expect("alive");
        let lost = [member(1, 10), member(2, 20)];
        lost.iter().for_each(|member| assert!(registry.expire(*member)));
        configuration.expire(&lost, &registry);
        assert_eq!((configuration.primary, configuration.in_sync.clone()), (Some(member(3, 30)), vec![member(3, 30)]));
    }

    #[test]
    fn when_all_that_was_in_sync_is_gone_the_partition_begins_anew() {
        let (mut configuration, mut registry) = three();
        expire(&mut configuration, &mut registry, member(1, 10));
        expire(&mut configuration, &mut registry, member(2, 20));
        registry.register(member(2, 21));
        assert!(configuration.recover(&registry));
        assert_eq!((configuration.primary, configuration.generation), (Some(member(2, 21)), 2));
        configuration.check().expect("sound");
    }

    fn ids(ids: &[u64]) -> Vec<NodeId> {
        ids.iter().copied().map(NodeId).collect()
    }

    /// On its way from 1 and 2 to 4 and 2; 4 is up and not in sync.
    fn moving() -> (Configuration, Registry) {
        let (mut configuration, mut registry) = three();
        configuration.place(configuration.version, &ids(&[1, 2])).expect("both are in sync");
        registry.register(member(4, 40));
        configuration.begin_move(configuration.version, &ids(&[4, 2])).expect("not moving");
        configuration.check().expect("sound");
        (configuration, registry)
    }

    fn change(
        configuration: &mut Configuration,
        registry: &Registry,
        from: Member,
        change: Change,
    ) -> Result<(), Stale> {
        let result = configuration.change(configuration.version, from, change, registry);
        configuration.check().expect("sound");
        result
    }

    #[test]
    fn a_move_gives_nothing_up_before_all_is_there() {
        let (mut moved, registry) = moving();
        let (one, four) = (member(1, 10), member(4, 40));
        assert_eq!((&moved.copies, moved.in_sync.len()), (&ids(&[1, 2, 4]), 2));
        assert_eq!(moved.begin_move(moved.version, &ids(&[3])), Err(Stale), "one at a time");
        assert_eq!(moved.place(moved.version, &ids(&[1, 2, 4])), Err(Stale), "repair waits");
        assert_eq!(change(&mut moved, &registry, one, Change::Transfer(four)), Err(Stale));
        assert_eq!(change(&mut moved, &registry, one, Change::Settle), Err(Stale));
        change(&mut moved, &registry, one, Change::Expand(four)).expect("a copy");
        assert_eq!(change(&mut moved, &registry, one, Change::Settle), Err(Stale), "another is to be primary");
        change(&mut moved, &registry, one, Change::Transfer(four)).expect("in sync");
        change(&mut moved, &registry, four, Change::Settle).expect("all are in sync");
        assert_eq!((moved.copies, moved.moving), (ids(&[4, 2]), None));
        assert_eq!(moved.in_sync, [four, member(2, 20)]);
    }

    #[test]
    fn a_move_that_ends_early_ends_where_its_primary_is() {
        let (mut moved, mut registry) = moving();
        let (one, two, four) = (member(1, 10), member(2, 20), member(4, 40));
        let mut back = moved.clone();
        change(&mut back, &registry, one, Change::Expand(four)).expect("a copy");
        back.end_move(back.version, &registry).expect("on its way");
        back.check().expect("sound");
        assert_eq!((back.copies, back.in_sync, back.moving), (ids(&[1, 2]), vec![one, two], None));
        // The new primary serves; the other copy of the goal is lost.
        change(&mut moved, &registry, one, Change::Expand(four)).expect("a copy");
        change(&mut moved, &registry, one, Change::Transfer(four)).expect("in sync");
        expire(&mut moved, &mut registry, two);
        moved.end_move(moved.version, &registry).expect("on its way");
        moved.check().expect("sound");
        assert_eq!((moved.copies, moved.in_sync), (ids(&[4, 1]), vec![four, one]), "node 1 has it still");
    }

    #[test]
    fn a_move_goes_on_after_a_failover_wherever_that_leads() {
        let (mut moved, mut registry) = moving();
        let (one, two, four) = (member(1, 10), member(2, 20), member(4, 40));
        expire(&mut moved, &mut registry, one);
        assert_eq!(moved.primary, Some(two));
        change(&mut moved, &registry, two, Change::Expand(four)).expect("a copy");
        change(&mut moved, &registry, two, Change::Transfer(four)).expect("in sync");
        change(&mut moved, &registry, four, Change::Settle).expect("all are in sync");
        assert_eq!(moved.copies, ids(&[4, 2]));
    }

    #[test]
    fn changes_are_compared_and_set() {
        let (mut configuration, registry) = three();
        let (primary, version) = (member(1, 10), configuration.version);
        let before = configuration.clone();
        for (version, from, change) in [
            (version - 1, primary, Change::Expand(member(3, 30))),
            (version, member(2, 20), Change::Expand(member(3, 30))),
            (version, primary, Change::Expand(member(3, 29))),
            (version, primary, Change::Expand(member(2, 20))),
            (version, primary, Change::Expand(member(4, 40))),
            (version, primary, Change::Shrink(primary)),
            (version, primary, Change::Transfer(member(3, 30))),
        ] {
            assert_eq!(configuration.change(version, from, change, &registry), Err(Stale), "{change:?}");
        }
        assert_eq!(configuration, before);
        configuration.change(version, primary, Change::Shrink(member(3, 30)), &registry).expect("cancels an expand");
        assert_eq!(configuration.change(version, primary, Change::Expand(member(3, 30)), &registry), Err(Stale));
    }
}
