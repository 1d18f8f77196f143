//! Heartbeats: how a node keeps its lease, and how the metadata leader grants leases, as `step(now, Input) → Outputs`.
//!
//! ```text
//!  every 200 ms   Send ─► the leader, or everyone while nobody is known to lead ─► Answered ─► Lease
//!  on the leader  Heard ─► Confirm: does this node still lead? ─► Confirmed ─► Answer, with a lease or without
//!                 Tick ─► Propose(Expire) for whom every lease has run out
//! ```
//!
//! One confirmation answers every heartbeat that came before it began, so a leader that was deposed without knowing it grants
//! nothing that a new one does not wait for.
//!
//! A lease is granted upon a state of the metadata, and counts once this node acts on that state or a later one: a node that
//! was silent for long may have been replaced and registered again without having heard of it, and must not serve what it had
//! before. The machine has a thread of its own, apart from the control path, since a node
//! whose heartbeats wait behind other work would be taken for dead.

use dcache_cluster::lease::lease_end;
use dcache_cluster::membership::{HEARTBEAT_EVERY, LEASE, Membership};
use dcache_cluster::metadata::{Command, Metadata};
use dcache_cluster::mutant::{Rule, is_broken};
use dcache_protocol::{Epoch, Incarnation, NodeId, NodeRecord};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Longest time between two [`Input::Tick`]s.
pub const TICK: Duration = Duration::from_millis(20);

/// Heartbeats that may wait for one confirmation; more are answered without a lease.
const WAITING_MAX: usize = 10_000;

/// Leases that may wait for the state they were granted upon.
const GRANTED_MAX: usize = 16;

/// A confirmation that does not come this long is given up.
const CONFIRM_WITHIN: Duration = Duration::from_millis(1000);

/// What the machine is told.
#[derive(Clone, Debug)]
pub enum Input {
    /// Time passed; at least every [`TICK`].
    Tick,
    /// This node acts on this state.
    Committed(Arc<Metadata>),
    /// Who leads the metadata log, as far as this node knows.
    Leadership { leader: Option<NodeId>, lead: Option<Lead> },
    /// Another node's heartbeat. The answer goes to whoever asked under this number.
    Heard { ask: u64, cluster_id: NodeId, node: NodeRecord },
    /// Whether a majority still takes this node for the leader, asked for in that round, and if so the state that holds all
    /// that was agreed before.
    Confirmed { round: u64, upon: Option<Arc<Metadata>> },
    /// The leader answered a heartbeat sent at that moment, with a lease granted upon that state or without.
    Answered { sent: Duration, leads: bool, lease: Option<Epoch> },
}

/// This node leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lead {
    pub term: u64,
    /// For so long before it was elected, certainly, no earlier leader was confirmed by a majority.
    pub quiet: Duration,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Send this node's own record to another.
    Send {
        to: NodeId,
    },
    Propose(Command),
    /// Find out whether this node still leads.
    Confirm {
        round: u64,
    },
    Answer {
        ask: u64,
        lease: Option<Epoch>,
    },
    /// This node's lease runs until then, by its own clock.
    Lease {
        until: Duration,
    },
}

/// The machine. Owned by the heartbeat thread alone.
#[derive(Debug)]
pub struct Heartbeats {
    me: NodeRecord,
    metadata: Arc<Metadata>,
    leader: Option<NodeId>,
    membership: Membership,
    /// In which this node leads.
    term: Option<u64>,
    beat_at: Option<Duration>,
    answered_at: Duration,
    /// Came since the last confirmation began, and before it.
    waiting: Vec<Waiting>,
    confirming: Vec<Waiting>,
    round: u64,
    asked_at: Option<Duration>,
    /// Leases granted upon states that this node does not act on yet.
    granted: VecDeque<(Epoch, Duration)>,
}

/// A heartbeat that has no answer yet.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    node: NodeId,
    incarnation: Incarnation,
    whose: Whose,
}

#[derive(Clone, Copy, Debug)]
enum Whose {
    Another { ask: u64 },
    Mine { sent: Duration },
}

impl Heartbeats {
    pub fn new(me: NodeRecord, metadata: Arc<Metadata>) -> Heartbeats {
        Heartbeats {
            me,
            metadata,
            leader: None,
            membership: Membership::default(),
            term: None,
            beat_at: None,
            answered_at: Duration::ZERO,
            waiting: Vec::new(),
            confirming: Vec::new(),
            round: 0,
            asked_at: None,
            granted: VecDeque::new(),
        }
    }

    /// One input. `now` is monotonic time since the process's start, which goes on in suspend.
    pub fn step(&mut self, now: Duration, input: Input, out: &mut Vec<Output>) {
        match input {
            Input::Tick => self.tick(now, out),
            Input::Committed(metadata) => {
                self.metadata = metadata;
                self.take_granted(out);
            }
            Input::Leadership { leader, lead } => self.leadership(now, leader, lead, out),
            Input::Heard { ask, cluster_id, node } => {
                let is_ours = self.metadata.cluster_id == Some(cluster_id);
                if is_ours && self.waiting.len() < WAITING_MAX {
                    self.heard(now, &node, Whose::Another { ask }, out);
                } else {
                    out.push(Output::Answer { ask, lease: None });
                }
            }
            Input::Confirmed { round, upon } => self.confirmed(now, round, upon, out),
            Input::Answered { sent, leads, lease } => {
                if leads {
                    self.answered_at = now;
                }
                if let Some(epoch) = lease {
                    self.granted(epoch, sent, out);
                }
            }
        }
    }

    fn granted(&mut self, upon: Epoch, sent: Duration, out: &mut Vec<Output>) {
        if self.granted.len() == GRANTED_MAX {
            self.granted.pop_front();
        }
        self.granted.push_back((upon, lease_end(sent)));
        self.take_granted(out);
    }

    fn take_granted(&mut self, out: &mut Vec<Output>) {
        let epoch = self.metadata.epoch;
        self.granted.retain(|(upon, until)| {
            let counts = *upon <= epoch || is_broken(Rule::LeaseCountsUponItsState);
            if counts {
                out.push(Output::Lease { until: *until });
            }
            !counts
        });
    }

    fn tick(&mut self, now: Duration, out: &mut Vec<Output>) {
        if !self.metadata.is_formed() {
            return;
        }
        if self.asked_at.is_some_and(|at| now.saturating_sub(at) > CONFIRM_WITHIN) {
            self.confirmed(now, self.round, None, out);
        }
        if self.beat_at.is_none_or(|at| now.saturating_sub(at) >= HEARTBEAT_EVERY) {
            self.beat_at = Some(now);
            self.beat(now, out);
        }
        out.extend(self.membership.expired(now, &self.metadata).map(Output::Propose));
    }

    fn beat(&mut self, now: Duration, out: &mut Vec<Output>) {
        if self.membership.is_leading() {
            self.answered_at = now;
            let me = self.me.clone();
            return self.heard(now, &me, Whose::Mine { sent: now }, out);
        }
        let leader_answers = now.saturating_sub(self.answered_at) <= LEASE / 2;
        match self.leader.filter(|leader| *leader != self.me.id && leader_answers) {
            Some(to) => out.push(Output::Send { to }),
            // Nobody is known to lead, or it may have moved: whoever leads will hear it.
            None => out.extend(self.metadata.peers_besides(self.me.id).map(|(to, _)| Output::Send { to })),
        }
    }

    fn heard(&mut self, now: Duration, node: &NodeRecord, whose: Whose, out: &mut Vec<Output>) {
        out.extend(self.membership.heartbeat(now, node, &self.metadata).map(Output::Propose));
        self.waiting.push(Waiting { node: node.id, incarnation: node.incarnation, whose });
        self.confirm(now, out);
    }

    /// Asks, if something waits and nothing is asked already.
    fn confirm(&mut self, now: Duration, out: &mut Vec<Output>) {
        if !self.membership.is_leading() {
            let refused = std::mem::take(&mut self.waiting);
            return self.answer(&refused, None, out);
        }
        if is_broken(Rule::GrantsAreConfirmed) {
            let (waiting, upon) = (std::mem::take(&mut self.waiting), self.metadata.clone());
            return self.answer(&waiting, Some(&upon), out);
        }
        if self.asked_at.is_none() && !self.waiting.is_empty() {
            self.confirming = std::mem::take(&mut self.waiting);
            self.round += 1;
            self.asked_at = Some(now);
            out.push(Output::Confirm { round: self.round });
        }
    }

    fn confirmed(&mut self, now: Duration, round: u64, upon: Option<Arc<Metadata>>, out: &mut Vec<Output>) {
        if round != self.round || self.asked_at.take().is_none() {
            return;
        }
        let answered = std::mem::take(&mut self.confirming);
        self.answer(&answered, upon.as_deref(), out);
        self.confirm(now, out);
    }

    /// `upon`: the newest agreed state, while this node leads.
    fn answer(&mut self, heartbeats: &[Waiting], upon: Option<&Metadata>, out: &mut Vec<Output>) {
        for Waiting { node, incarnation, whose } in heartbeats {
            let may = |upon: &&Metadata| self.membership.may_grant(*node, *incarnation, upon);
            let lease = upon.filter(may).map(|upon| upon.epoch);
            match (whose, lease) {
                (Whose::Another { ask }, lease) => out.push(Output::Answer { ask: *ask, lease }),
                (Whose::Mine { sent }, Some(epoch)) => self.granted(epoch, *sent, out),
                (Whose::Mine { .. }, None) => {}
            }
        }
    }

    fn leadership(&mut self, now: Duration, leader: Option<NodeId>, lead: Option<Lead>, out: &mut Vec<Output>) {
        if self.term != lead.map(|lead| lead.term) {
            // Another may have led in between and granted leases.
            self.membership.follow();
            self.confirmed(now, self.round, None, out);
            if let Some(lead) = lead {
                self.membership.lead(now, now.saturating_sub(lead.quiet));
            }
            self.term = lead.map(|lead| lead.term);
        }
        if leader != self.leader {
            self.leader = leader;
            self.answered_at = now;
            // Leases are asked of it at once: what the one before granted is running out.
            self.beat_at = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dcache_protocol::{Addresses, NodeState};

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
            level: dcache_protocol::LEVEL,
            memory_bytes: 1 << 20,
            share: Default::default(),
            maintenance_until_unix_ms: 0,
            is_stopping: false,
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

    fn step(heartbeats: &mut Heartbeats, ms: u64, input: Input) -> Vec<Output> {
        let mut out = Vec::new();
        heartbeats.step(at(ms), input, &mut out);
        out
    }

    fn leader() -> Heartbeats {
        let mut heartbeats = Heartbeats::new(node(1), cluster());
        step(
            &mut heartbeats,
            0,
            Input::Leadership { leader: Some(NodeId(1)), lead: Some(Lead { term: 1, quiet: Duration::ZERO }) },
        );
        heartbeats
    }

    fn heard(ask: u64, id: u64) -> Input {
        Input::Heard { ask, cluster_id: NodeId(99), node: node(id) }
    }

    #[test]
    fn heartbeats_go_to_the_leader_or_to_everyone() {
        let mut heartbeats = Heartbeats::new(node(1), cluster());
        let everyone = [2, 3].map(|id| Output::Send { to: NodeId(id) });
        let leads = [Output::Send { to: NodeId(3) }];
        assert_eq!(step(&mut heartbeats, 0, Input::Tick), everyone);
        assert_eq!(step(&mut heartbeats, 100, Input::Tick), []);
        step(&mut heartbeats, 150, Input::Leadership { leader: Some(NodeId(3)), lead: None });
        assert_eq!(step(&mut heartbeats, 160, Input::Tick), leads, "at once");
        assert_eq!(step(&mut heartbeats, 1000, Input::Tick), everyone, "a leader that does not answer may have moved");
        let answered = Input::Answered { sent: at(1000), leads: true, lease: Some(Epoch(1)) };
        assert_eq!(step(&mut heartbeats, 1050, answered), [Output::Lease { until: at(2500) }]);
        assert_eq!(step(&mut heartbeats, 1200, Input::Tick), leads);
    }

    #[test]
    fn a_new_leader_waits_for_leases_granted_before_its_election_and_for_those_of_a_lead_in_between() {
        let mut heartbeats = Heartbeats::new(node(1), cluster());
        let expire = |id| Output::Propose(Command::Expire { node: NodeId(id), incarnation: Incarnation(id) });
        let leads = |term, quiet| Input::Leadership {
            leader: Some(NodeId(1)),
            lead: Some(Lead { term, quiet: Duration::from_millis(quiet) }),
        };
        step(&mut heartbeats, 2000, leads(4, 1100));
        step(&mut heartbeats, 2010, heard(1, 2));
        assert!(!step(&mut heartbeats, 2470, Input::Tick).contains(&expire(3)));
        assert!(step(&mut heartbeats, 2480, Input::Tick).contains(&expire(3)));
        // It lost the lead and won it again before it heard of that: node 2 has a lease of the leader between.
        step(&mut heartbeats, 4000, leads(6, 600));
        assert_eq!(heartbeats.membership.expired(at(4900), &cluster()), None);
        let expired = heartbeats.membership.expired(at(5000), &cluster());
        assert!(matches!(expired, Some(Command::ExpireAll { members }) if members.len() == 3));
    }

    #[test]
    fn a_lease_is_granted_once_a_majority_confirmed_the_lead_after_the_heartbeat_came() {
        let mut heartbeats = leader();
        assert_eq!(step(&mut heartbeats, 10, heard(1, 2)), [Output::Confirm { round: 1 }]);
        assert_eq!(step(&mut heartbeats, 11, heard(2, 3)), [], "it came after the question");
        let granted = |ask| Output::Answer { ask, lease: Some(Epoch(1)) };
        let out = step(&mut heartbeats, 12, Input::Confirmed { round: 1, upon: Some(cluster()) });
        assert_eq!(out, [granted(1), Output::Confirm { round: 2 }]);
        assert_eq!(
            step(&mut heartbeats, 13, Input::Confirmed { round: 1, upon: Some(cluster()) }),
            [],
            "an answer to another one"
        );
        assert_eq!(step(&mut heartbeats, 14, Input::Confirmed { round: 2, upon: Some(cluster()) }), [granted(2)]);
    }

    #[test]
    fn a_leader_that_is_not_confirmed_grants_nothing_itself_included() {
        let mut heartbeats = leader();
        assert_eq!(step(&mut heartbeats, 10, Input::Tick), [Output::Confirm { round: 1 }], "its own heartbeat");
        assert_eq!(step(&mut heartbeats, 20, heard(1, 2)), []);
        let out = step(&mut heartbeats, 1500, Input::Tick);
        assert_eq!(out, [Output::Confirm { round: 2 }], "no answer is a no");
        let refused = [Output::Answer { ask: 1, lease: None }];
        assert_eq!(step(&mut heartbeats, 1510, Input::Confirmed { round: 2, upon: None })[..1], refused);
        step(&mut heartbeats, 1520, Input::Leadership { leader: None, lead: None });
        assert_eq!(step(&mut heartbeats, 1530, heard(2, 2)), [Output::Answer { ask: 2, lease: None }]);
    }

    #[test]
    fn a_lease_counts_once_the_node_acts_on_what_it_was_granted_upon() {
        let mut heartbeats = Heartbeats::new(node(2), cluster());
        let newer = |epoch| Arc::new(Metadata { epoch: Epoch(epoch), ..(*cluster()).clone() });
        let answered = |ms, epoch| Input::Answered { sent: at(ms), leads: true, lease: Some(Epoch(epoch)) };
        assert_eq!(step(&mut heartbeats, 5000, answered(4990, 7)), [], "it was replaced, perhaps, in between");
        assert_eq!(step(&mut heartbeats, 5001, answered(5000, 8)), []);
        assert_eq!(step(&mut heartbeats, 5002, Input::Committed(newer(6))), []);
        let lease = |sent| Output::Lease { until: lease_end(at(sent)) };
        assert_eq!(step(&mut heartbeats, 5003, Input::Committed(newer(7))), [lease(4990)]);
        assert_eq!(step(&mut heartbeats, 5004, Input::Committed(newer(9))), [lease(5000)]);
        assert_eq!(step(&mut heartbeats, 5200, answered(5190, 9)), [lease(5190)]);

        let mut heartbeats = leader();
        assert_eq!(step(&mut heartbeats, 10, Input::Tick), [Output::Confirm { round: 1 }], "its own heartbeat");
        assert_eq!(step(&mut heartbeats, 11, Input::Confirmed { round: 1, upon: Some(newer(7)) }), []);
        assert_eq!(step(&mut heartbeats, 12, Input::Committed(newer(7))), [lease(10)]);
    }

    #[test]
    fn the_leader_expires_who_is_silent() {
        let mut heartbeats = leader();
        step(&mut heartbeats, 1000, heard(1, 2));
        let stranger = Input::Heard { ask: 2, cluster_id: NodeId(98), node: node(3) };
        assert_eq!(step(&mut heartbeats, 1000, stranger), [Output::Answer { ask: 2, lease: None }]);
        let out = step(&mut heartbeats, 1600, Input::Tick);
        let expire = Output::Propose(Command::Expire { node: NodeId(3), incarnation: Incarnation(3) });
        assert!(out.contains(&expire), "{out:?}");
    }

    #[test]
    fn a_standalone_node_beats_for_nobody() {
        let mut heartbeats = Heartbeats::new(node(1), Arc::new(Metadata::standalone(node(1))));
        assert_eq!(step(&mut heartbeats, 5000, Input::Tick), []);
    }
}
