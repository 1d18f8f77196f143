//! The control loop: selects one input, steps the machine in `core`, performs what it says. Its thread and its sockets are its
//! own, so a busy data plane cannot hold up the metadata log; heartbeats have another thread (`heartbeat.rs`).

use crate::cluster::Cluster;
use crate::process;
use dcache_cluster::metadata::Command;
use dcache_core::control::Input;
use dcache_core::control::{Control, Event, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;

/// How often known addresses are written down when they changed.
const REMEMBER_EVERY: Duration = Duration::from_secs(5);

/// How often figures are sampled for the rates shown.
const SAMPLE_EVERY: Duration = Duration::from_secs(1);

/// How often the leader looks for nodes that do not receive the log yet.
const ENROL_EVERY: Duration = Duration::from_secs(1);

/// How often changes of copies that this node asks for are brought to the metadata leader, all at once.
const PROPOSE_EVERY: Duration = Duration::from_millis(5);

/// Runs until the process ends.
pub async fn run(cluster: Arc<Cluster>, mut inputs: mpsc::UnboundedReceiver<Input>) {
    let mut control = Control::new(cluster.metadata());
    let mut outputs = Vec::new();
    let proposing = Arc::new(AtomicBool::new(false));
    let every = [SAMPLE_EVERY, REMEMBER_EVERY, ENROL_EVERY, PROPOSE_EVERY];
    let [mut sample, mut remember, mut enrol, mut propose] = every.map(|every| {
        let mut timer = tokio::time::interval(every);
        timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        timer
    });
    loop {
        let input = tokio::select! {
            input = inputs.recv() => match input {
                Some(input) => input,
                None => return,
            },
            _ = sample.tick() => {
                let core = &cluster.shared.core;
                core.set_process_memory(process::resident_bytes(), cluster.shared.buffers.held());
                core.sample();
                continue;
            }
            _ = remember.tick() => {
                cluster.remember_addresses();
                continue;
            }
            _ = propose.tick() => {
                propose_changes(&cluster, &proposing);
                continue;
            }
            _ = enrol.tick() => {
                tokio::spawn(enrol_learners(cluster.clone()));
                continue;
            }
        };
        control.step(input, &mut outputs);
        outputs.drain(..).for_each(|output| perform(&cluster, output));
    }
}

fn perform(cluster: &Arc<Cluster>, output: Output) {
    match output {
        Output::Publish { metadata, leader } => {
            cluster.shared.core.publish(metadata.clone(), leader);
            cluster.acts_on(metadata);
        }
        Output::Report(event) => report(event),
    }
}

/// One proposal at a time: what comes meanwhile goes with the next.
fn propose_changes(cluster: &Arc<Cluster>, proposing: &Arc<AtomicBool>) {
    let replication = cluster.shared.core.replication();
    if !replication.has_proposals() || proposing.swap(true, Ordering::Relaxed) {
        return;
    }
    let from = cluster.shared.core.config().member();
    let command = Command::Change { from, changes: replication.take_proposals() };
    let (cluster, proposing) = (cluster.clone(), proposing.clone());
    tokio::spawn(async move {
        if let Err(error) = cluster.propose(command).await {
            tracing::debug!("a change of copies was not agreed: {}", error.message);
        }
        proposing.store(false, Ordering::Relaxed);
    });
}

fn report(event: Event) {
    match event {
        Event::NodeUp { name } => tracing::info!(node = name, "node is up again"),
        Event::NodeDown { name } => tracing::warn!(node = name, "node is down: its slots are not served"),
        Event::NodeJoined { name } => tracing::info!(node = name, "node joined"),
        Event::Leader { name: Some(name) } => tracing::info!(leader = name, "metadata leader"),
        Event::Leader { name: None } => tracing::warn!("no metadata leader is known"),
    }
}

/// On the leader: every member receives the log, voter or not.
async fn enrol_learners(cluster: Arc<Cluster>) {
    let Some(log) = cluster.log() else { return };
    let leadership = log.leadership().borrow().clone();
    if !leadership.is_me {
        return;
    }
    for node in cluster.metadata().nodes.keys().filter(|node| !leadership.members.contains(node)) {
        if let Err(error) = log.add_learner(*node).await {
            tracing::debug!(node = %node, "cannot receive the log yet: {error}");
        }
    }
}
