//! The control machine: what a node does about what the cluster agreed on, as `step(Input) → Outputs`.
//!
//! [`Input`] and [`Output`] together list everything the control path can be told and can do. The node crate selects an
//! input, steps this, and performs the outputs; the machine waits for nothing and touches nothing. Forming a cluster and
//! answering operators are requests the node crate carries out with the metadata log directly; they end up here as
//! [`Input::Committed`]. Who is up is found out in [`crate::heartbeat`].

use dcache_cluster::metadata::Metadata;
use dcache_protocol::{NodeId, NodeState};
use std::sync::Arc;

/// What a node is told.
#[derive(Clone, Debug)]
pub enum Input {
    /// The metadata log applied up to this state.
    Committed(Arc<Metadata>),
    /// Who leads the metadata log, as far as this node knows.
    Leadership { leader: Option<NodeId> },
}

/// What a node does.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Workers act on this from now on.
    Publish { metadata: Arc<Metadata>, leader: Option<NodeId> },
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

/// The machine. Owned by the control loop alone.
#[derive(Debug)]
pub struct Control {
    metadata: Arc<Metadata>,
    leader: Option<NodeId>,
}

impl Control {
    pub fn new(metadata: Arc<Metadata>) -> Control {
        Control { metadata, leader: None }
    }

    pub fn step(&mut self, input: Input, out: &mut Vec<Output>) {
        match input {
            Input::Committed(metadata) => self.committed(metadata, out),
            Input::Leadership { leader } => self.leadership(leader, out),
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

    fn leadership(&mut self, leader: Option<NodeId>, out: &mut Vec<Output>) {
        if leader == self.leader {
            return;
        }
        self.leader = leader;
        let name = leader.and_then(|id| self.metadata.nodes.get(&id)).map(|node| node.name.clone());
        out.push(Output::Report(Event::Leader { name }));
        out.push(Output::Publish { metadata: self.metadata.clone(), leader });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use dcache_cluster::metadata::Command;

    fn step(control: &mut Control, input: Input) -> Vec<Output> {
        let mut out = Vec::new();
        control.step(input, &mut out);
        out
    }

    #[test]
    fn a_change_is_reported_and_published_once() {
        let before = Arc::new(fixture::metadata(3));
        let mut control = Control::new(before.clone());
        let mut after = (*before).clone();
        let member = fixture::member(1);
        let expire = Command::Expire { node: member.node, incarnation: member.incarnation };
        after.apply(&expire, 0).expect("up before");
        let after = Arc::new(after);
        let out = step(&mut control, Input::Committed(after.clone()));
        let down = Output::Report(Event::NodeDown { name: "n2".into() });
        assert_eq!(out, [down, Output::Publish { metadata: after.clone(), leader: None }]);
        assert_eq!(step(&mut control, Input::Committed(after)), []);
    }

    #[test]
    fn a_leader_is_reported_and_published_once() {
        let metadata = Arc::new(fixture::metadata(3));
        let mut control = Control::new(metadata.clone());
        let leader = Some(fixture::id(2));
        let out = step(&mut control, Input::Leadership { leader });
        let report = Output::Report(Event::Leader { name: Some("n3".into()) });
        assert_eq!(out, [report, Output::Publish { metadata, leader }]);
        assert_eq!(step(&mut control, Input::Leadership { leader }), []);
    }
}
