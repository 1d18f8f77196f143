//! The heartbeat thread: it steps the machine in `core`, on links of its own, so that neither clients nor the control path can
//! hold a heartbeat up. What an answer means is decided in the machine; here it is carried.

use crate::cluster::Cluster;
use crate::peer::{Answer, Call, Peers};
use crate::process;
use dcache_core::heartbeat::{Heartbeats, Input, Lead, Output, TICK};
use dcache_protocol::{Epoch, NodeId, NodeRecord};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// How long a heartbeat waits for its answer, connecting included.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// How long a leader may take to find out whether it still leads.
const CONFIRM_WITHIN: Duration = Duration::from_secs(1);

/// How long the log may take to agree on a change before the machine asks for it anew.
const PROPOSE_WITHIN: Duration = Duration::from_millis(500);

/// What other threads have for the heartbeat thread.
pub enum Message {
    Machine(Input),
    /// Another node's heartbeat, and who waits for the answer.
    Heard {
        cluster_id: NodeId,
        node: NodeRecord,
        answer: oneshot::Sender<Option<Epoch>>,
    },
}

/// Runs until the process ends.
pub async fn run(cluster: Arc<Cluster>, mut messages: mpsc::UnboundedReceiver<Message>, peers: Arc<Peers>) {
    let mut acting = cluster.watch_metadata();
    let me = cluster.me.read().clone();
    let mut machine = Heartbeats::new(me, acting.borrow_and_update().clone());
    let asked = RefCell::new(BTreeMap::<u64, oneshot::Sender<Option<Epoch>>>::new());
    let (mut next_ask, mut outputs) = (0, Vec::new());
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let input = tokio::select! {
            _ = tick.tick() => {
                if cluster.is_leaving.load(Ordering::Acquire) {
                    continue;
                }
                Input::Tick
            }
            // Its sender lives as long as `cluster`.
            _ = acting.changed() => Input::Committed(acting.borrow_and_update().clone()),
            message = messages.recv() => match message {
                None => return,
                Some(Message::Machine(input)) => input,
                Some(Message::Heard { cluster_id, node, answer }) => {
                    next_ask += 1;
                    asked.borrow_mut().insert(next_ask, answer);
                    Input::Heard { ask: next_ask, cluster_id, node }
                }
            },
        };
        machine.step(process::monotonic(), input, &mut outputs);
        for output in outputs.drain(..) {
            match output {
                Output::Answer { ask, lease } => {
                    if let Some(answer) = asked.borrow_mut().remove(&ask) {
                        // Who asked may be gone; it asks again.
                        let _ = answer.send(lease);
                    }
                }
                Output::Lease { until } => cluster.shared.core.renew_lease(until),
                Output::Send { to } => drop(tokio::spawn(send(cluster.clone(), peers.clone(), to))),
                Output::Confirm { round } => drop(tokio::spawn(confirm(cluster.clone(), round))),
                Output::Propose(command) => {
                    let cluster = cluster.clone();
                    tokio::spawn(async move {
                        // Never through another leader: what this one judged is not for another to say, who granted leases since.
                        let Some(log) = cluster.log() else { return };
                        if let Err(error) = log.propose(command, PROPOSE_WITHIN).await {
                            tracing::debug!("a membership change was not agreed: {error}");
                        }
                    });
                }
            }
        }
    }
}

/// Follows who leads, which is known on the control thread.
pub async fn follow_leadership(cluster: Arc<Cluster>, mut leadership: watch::Receiver<crate::raft::Leadership>) {
    loop {
        let known = leadership.borrow_and_update().clone();
        let lead = known.is_me.then_some(Lead { term: known.term, quiet: known.quiet.unwrap_or_default() });
        cluster.beat(Input::Leadership { leader: known.leader, lead });
        if leadership.changed().await.is_err() {
            cluster.beat(Input::Leadership { leader: None, lead: None });
            return;
        }
    }
}

async fn send(cluster: Arc<Cluster>, peers: Arc<Peers>, to: NodeId) {
    let Some(cluster_id) = cluster.cluster_id() else { return };
    let Some(address) = cluster.shared.book.peers_door(to) else { return };
    let call = Call::Heartbeat { cluster_id, node: cluster.me.read().clone() };
    // The lease counts from before the heartbeat is on its way.
    let sent = process::monotonic();
    let answer = peers.call(&address, &call, ANSWER_WITHIN).await;
    if let Ok(Answer::Heartbeat { leader, known, lease }) = answer
        && known.contains_key(&to)
    {
        for (node, addresses) in known.iter().filter(|(node, _)| **node != cluster.shared.id) {
            cluster.shared.book.learn(*node, addresses);
        }
        cluster.beat(Input::Answered { sent, leads: leader == Some(to), lease });
    } else {
        cluster.shared.book.missed(to, &address);
    }
}

async fn confirm(cluster: Arc<Cluster>, round: u64) {
    let upon = match cluster.log() {
        Some(log) => tokio::time::timeout(CONFIRM_WITHIN, log.as_confirmed_leader()).await.unwrap_or(None),
        None => None,
    };
    cluster.beat(Input::Confirmed { round, upon });
}
