//! The control machine: what a node does about its cluster, as `step(now, Input) → Outputs`.
//!
//! [`Input`] and [`Output`] together list everything the control path can be told and can do. The node crate selects an
//! input, steps this, and performs the outputs; the machine waits for nothing and touches nothing. Forming a cluster and
//! answering operators are requests the node crate carries out with the metadata log directly; they end up here as
//! [`Input::Committed`].

use dcache_cluster::membership::{HEARTBEAT_EVERY, LEASE, Membership};
use dcache_cluster::metadata::{Command, Metadata};
use dcache_protocol::{NodeId, NodeRecord, NodeState};
use std::sync::Arc;
use std::time::Duration;

/// What a node is told.
#[derive(Clone, Debug)]
pub enum Input {
    /// Time passed; at least every [`TICK`].
    Tick,
    /// The metadata log applied up to this state.
    Committed(Arc<Metadata>),
    /// Who leads the metadata log, as far as this node knows.
    Leadership { leader: Option<NodeId>, is_me: bool },
    /// Another node's heartbeat.
    Heartbeat { cluster_id: NodeId, node: NodeRecord },
    /// The leader answered this node's heartbeat.
    HeartbeatAnswered,
}

/// What a node does.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Send this node's own record to another.
    SendHeartbeat {
        to: NodeId,
    },
    Propose(Command),
    /// Workers act on this from now on.
    Publish {
        metadata: Arc<Metadata>,
        leader: Option<NodeId>,
    },
    /// Something an operator may want to read in the log.
    Report(Event),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    NodeUp { name: String },
    NodeDown { name: String },
    NodeJoined { name: String },
    Leader { name: Option<String> },
}

/// Longest time between two [`Input::Tick`]s.
pub const TICK: Duration = Duration::from_millis(50);

/// The machine. Owned by the control loop alone.
#[derive(Debug)]
pub struct Control {
    me: NodeRecord,
    metadata: Arc<Metadata>,
    leader: Option<NodeId>,
    membership: Membership,
    beat_at: Option<Duration>,
    answered_at: Duration,
}

impl Control {
    pub fn new(me: NodeRecord, metadata: Arc<Metadata>) -> Control {
        Control {
            me,
            metadata,
            leader: None,
            membership: Membership::default(),
            beat_at: None,
            answered_at: Duration::ZERO,
        }
    }

    /// One input. `now` is monotonic time since the process's start.
    pub fn step(&mut self, now: Duration, input: Input, out: &mut Vec<Output>) {
        match input {
            Input::Tick => self.tick(now, out),
            Input::Committed(metadata) => self.committed(metadata, out),
            Input::Leadership { leader, is_me } => self.leadership(now, leader, is_me, out),
            Input::Heartbeat { cluster_id, node } => {
                if self.metadata.cluster_id == Some(cluster_id) {
                    out.extend(self.membership.heartbeat(now, &node, &self.metadata).map(Output::Propose));
                }
            }
            Input::HeartbeatAnswered => self.answered_at = now,
        }
    }

    fn tick(&mut self, now: Duration, out: &mut Vec<Output>) {
        if !self.metadata.is_formed() {
            return;
        }
        if self.beat_at.is_none_or(|at| now.saturating_sub(at) >= HEARTBEAT_EVERY) {
            self.beat_at = Some(now);
            self.beat(now, out);
        }
        out.extend(self.membership.expired(now, &self.metadata).into_iter().map(Output::Propose));
    }

    fn beat(&mut self, now: Duration, out: &mut Vec<Output>) {
        if self.membership.is_leading() {
            self.answered_at = now;
            out.extend(self.membership.heartbeat(now, &self.me, &self.metadata).map(Output::Propose));
            return;
        }
        let leader_answers = now.saturating_sub(self.answered_at) <= LEASE;
        match self.leader.filter(|leader| *leader != self.me.id && leader_answers) {
            Some(to) => out.push(Output::SendHeartbeat { to }),
            // Nobody is known to lead, or it may have moved: whoever leads will hear it.
            None => out.extend(self.metadata.peers_besides(self.me.id).map(|(to, _)| Output::SendHeartbeat { to })),
        }
    }

    fn committed(&mut self, metadata: Arc<Metadata>, out: &mut Vec<Output>) {
        // A log that is replayed or answers twice tells nothing new; an unformed state is always this node's own doing.
        let is_old = metadata.epoch <= self.metadata.epoch && metadata.cluster_id == self.metadata.cluster_id;
        if metadata.is_formed() && is_old {
            return;
        }
        for node in metadata.nodes.values() {
            let name = node.name.clone();
            match (self.metadata.nodes.get(&node.id).map(|before| before.state), node.state) {
                (None, _) => out.push(Output::Report(Event::NodeJoined { name })),
                (Some(NodeState::Up), NodeState::Down) => out.push(Output::Report(Event::NodeDown { name })),
                (Some(NodeState::Down), NodeState::Up) => out.push(Output::Report(Event::NodeUp { name })),
                _ => {}
            }
        }
        self.metadata = metadata;
        out.push(Output::Publish { metadata: self.metadata.clone(), leader: self.leader });
    }

    fn leadership(&mut self, now: Duration, leader: Option<NodeId>, is_me: bool, out: &mut Vec<Output>) {
        if is_me && !self.membership.is_leading() {
            self.membership.lead(now);
        } else if !is_me {
            self.membership.follow();
        }
        if leader == self.leader {
            return;
        }
        self.leader = leader;
        self.answered_at = now;
        let name = leader.and_then(|id| self.metadata.nodes.get(&id)).map(|node| node.name.clone());
        out.push(Output::Report(Event::Leader { name }));
        out.push(Output::Publish { metadata: self.metadata.clone(), leader });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dcache_protocol::{Addresses, Incarnation};

    fn node(id: u64) -> NodeRecord {
        NodeRecord {
            id: NodeId(id),
            name: format!("n{id}"),
            zone: String::new(),
            weight: 100,
            addresses: Addresses::default(),
            incarnation: Incarnation(id),
            state: NodeState::Up,
            version: "0.1.0".into(),
            memory_bytes: 1 << 20,
        }
    }

    fn cluster() -> Arc<Metadata> {
        let mut metadata = Metadata::standalone(node(1));
        metadata.cluster_id = Some(NodeId(99));
        metadata.nodes.extend([2, 3].map(|id| (NodeId(id), node(id))));
        Arc::new(metadata)
    }

    fn at(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn step(control: &mut Control, ms: u64, input: Input) -> Vec<Output> {
        let mut out = Vec::new();
        control.step(at(ms), input, &mut out);
        out
    }

    #[test]
    fn heartbeats_go_to_the_leader_or_to_everyone() {
        let mut control = Control::new(node(1), cluster());
        let everyone = [2, 3].map(|id| Output::SendHeartbeat { to: NodeId(id) });
        assert_eq!(step(&mut control, 0, Input::Tick), everyone);
        assert_eq!(step(&mut control, 100, Input::Tick), []);
        step(&mut control, 150, Input::Leadership { leader: Some(NodeId(3)), is_me: false });
        assert_eq!(step(&mut control, 200, Input::Tick), [Output::SendHeartbeat { to: NodeId(3) }]);
        assert_eq!(step(&mut control, 1700, Input::Tick), everyone, "a leader that does not answer may have moved");
        step(&mut control, 1750, Input::HeartbeatAnswered);
        assert_eq!(step(&mut control, 1900, Input::Tick), [Output::SendHeartbeat { to: NodeId(3) }]);
    }

    #[test]
    fn the_leader_expires_who_is_silent() {
        let mut control = Control::new(node(1), cluster());
        step(&mut control, 0, Input::Leadership { leader: Some(NodeId(1)), is_me: true });
        step(&mut control, 1000, Input::Heartbeat { cluster_id: NodeId(99), node: node(2) });
        step(&mut control, 1000, Input::Heartbeat { cluster_id: NodeId(98), node: node(3) });
        let out = step(&mut control, 1600, Input::Tick);
        assert_eq!(out, [Output::Propose(Command::Expire { node: NodeId(3), incarnation: Incarnation(3) })]);
    }

    #[test]
    fn a_change_is_reported_and_published_once() {
        let before = cluster();
        let mut control = Control::new(node(1), before.clone());
        let mut after = (*before).clone();
        after.apply(&Command::Expire { node: NodeId(2), incarnation: Incarnation(2) }).expect("up before");
        let after = Arc::new(after);
        let out = step(&mut control, 0, Input::Committed(after.clone()));
        assert_eq!(
            out,
            [
                Output::Report(Event::NodeDown { name: "n2".into() }),
                Output::Publish { metadata: after.clone(), leader: None }
            ]
        );
        assert_eq!(step(&mut control, 1, Input::Committed(after)), []);
    }

    #[test]
    fn a_standalone_node_beats_for_nobody() {
        let mut control = Control::new(node(1), Arc::new(Metadata::standalone(node(1))));
        assert_eq!(step(&mut control, 5000, Input::Tick), []);
    }
}
