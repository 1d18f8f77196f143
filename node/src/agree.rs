//! Carries what clients ask for and the cluster has to agree on, libraries of functions, to the metadata log and back.

use crate::cluster::Cluster;
use dcache_cluster::metadata::Refusal;
use dcache_core::script::Proposal;
use dcache_protocol::Epoch;
use dcache_protocol::error::WireError;
use std::sync::Arc;
use tokio::sync::Notify;

/// Runs until the process ends.
pub async fn run(cluster: Arc<Cluster>) {
    let due = Arc::new(Notify::new());
    let core = cluster.shared.core.clone();
    let told = due.clone();
    core.scripts().on_proposal(Arc::new(move || told.notify_one()));
    loop {
        for proposal in core.scripts().take_proposals() {
            tokio::spawn(carry(cluster.clone(), proposal));
        }
        due.notified().await;
    }
}

async fn carry(cluster: Arc<Cluster>, proposal: Proposal) {
    let core = &cluster.shared.core;
    let error = match cluster.propose(proposal.change.clone()).await {
        Ok(Ok(epoch)) => return core.agreed(proposal, epoch),
        Ok(Err(Refusal::NoChange)) => return core.agreed(proposal, Epoch(0)),
        Ok(Err(refusal)) => WireError::Other(format!("ERR {refusal}")),
        Err(error) => WireError::ClusterDown { reason: error.message },
    };
    core.scripts().refused(proposal, &error);
}
