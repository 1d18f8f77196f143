//! The control loop: selects one input, steps the machine in `core`, performs what it says. Its thread and its sockets are its
//! own, so a busy data plane cannot hold up the metadata log; heartbeats have another thread (`heartbeat.rs`).

use crate::cluster::Cluster;
use crate::process;
use dcache_cluster::metadata::Command;
use dcache_cluster::repair::{Repair, Task};
use dcache_core::control::Input;
use dcache_core::control::{Control, Event, Output};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, Notify, Semaphore, mpsc};

/// How often known addresses are written down when they changed.
const REMEMBER_EVERY: Duration = Duration::from_secs(5);

/// How often figures are sampled for the rates shown.
const SAMPLE_EVERY: Duration = Duration::from_secs(1);

/// How often the leader looks for what is to be mended.
const MEND_EVERY: Duration = Duration::from_secs(1);

/// Proposals of changes of copies under way at once; each has all that had come by then. Clients may wait for one: while it is
/// under way, what comes next need not.
const PROPOSALS_MAX: usize = 1;

/// Runs until the process ends.
pub async fn run(cluster: Arc<Cluster>, mut inputs: mpsc::UnboundedReceiver<Input>) {
    let mut control = Control::new(cluster.metadata());
    let mut outputs = Vec::new();
    let mut discarded = 0;
    let (proposing, proposals) = (Arc::new(Semaphore::new(PROPOSALS_MAX)), Arc::new(Notify::new()));
    let told = proposals.clone();
    cluster.shared.core.replication().tell_of_proposals(Arc::new(move || told.notify_one()));
    let repair = Arc::new(Mutex::new(Repair::default()));
    let every = [SAMPLE_EVERY, REMEMBER_EVERY, MEND_EVERY];
    let [mut sample, mut remember, mut mending] = every.map(|every| {
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
                let [system, user] = process::processor_time();
                core.set_processor_time(system, user);
                core.sample();
                let figures = core.replication_figures();
                if figures.discarded > discarded {
                    let entries = figures.discarded - discarded;
                    tracing::warn!(entries, "another node took over without these entries: they are discarded");
                    discarded = figures.discarded;
                }
                continue;
            }
            _ = remember.tick() => {
                cluster.remember_addresses();
                continue;
            }
            () = proposals.notified() => {
                propose_changes(&cluster, &proposing, &proposals);
                continue;
            }
            _ = mending.tick() => {
                tokio::spawn(mend(cluster.clone(), repair.clone()));
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

/// Brings what there is to the metadata leader, unless too much is under way: then it goes when something has come back.
fn propose_changes(cluster: &Arc<Cluster>, proposing: &Arc<Semaphore>, proposals: &Arc<Notify>) {
    let replication = cluster.shared.core.replication();
    let Ok(permit) = proposing.clone().try_acquire_owned() else { return };
    if !replication.has_proposals() {
        return;
    }
    let from = cluster.shared.core.config().member();
    let command = Command::Change { from, changes: replication.take_proposals() };
    let (cluster, proposals) = (cluster.clone(), proposals.clone());
    tokio::spawn(async move {
        if let Err(error) = cluster.propose(command).await {
            tracing::debug!("a change of copies was not agreed: {}", error.message);
        }
        drop(permit);
        proposals.notify_one();
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

/// On the leader: mends what is to be mended, one round at a time.
async fn mend(cluster: Arc<Cluster>, repair: Arc<Mutex<Repair>>) {
    let Ok(mut repair) = repair.try_lock() else { return };
    let Some(log) = cluster.log() else { return };
    let Some(members) = log.members().filter(|_| log.leadership().borrow().is_me) else { return repair.follow() };
    for task in repair.step(process::monotonic(), &cluster.metadata(), &members) {
        let result = match &task {
            Task::Enrol(node) => log.add_learner(*node).await.map_err(|error| error.to_string()),
            Task::Dismiss(node) => log.dismiss(*node).await.map_err(|error| error.to_string()),
            Task::Elect(voters) => log.set_voters(voters).await.map_err(|error| error.to_string()),
            Task::Propose(command) => {
                log.propose(command.clone(), MEND_EVERY).await.map(drop).map_err(|error| error.to_string())
            }
        };
        match (&task, result) {
            (Task::Propose(_), Ok(())) => tracing::info!("copies of a node that stays away are built on other nodes"),
            (task, Ok(())) => tracing::info!(?task, "members of the metadata log"),
            (task, Err(error)) => tracing::debug!(?task, "not done yet: {error}"),
        }
    }
}
