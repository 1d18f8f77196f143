//! A member whose metadata log stopped, as when its disk is full or broken: the vote goes, the data stays. It has others tell it
//! what was agreed, has the leader propose for it, and keeps its lease as before; the leader has another node vote in its place
//! (`dcache_cluster::repair`).
//!
//! What it is told was agreed, so acting on it is as safe as acting on a log; it only knows it a moment later. Its own log on
//! disk stays as it was when it last answered the leader, so that it can go on from there when the node starts again.

use crate::cluster::Cluster;
use crate::peer::{Answer, Call};
use dcache_core::heartbeat;
use dcache_protocol::{Epoch, NodeId};
use std::sync::Arc;
use std::time::Duration;

/// How often it asks; a lease must not run out over it.
const ASK_EVERY: Duration = Duration::from_millis(100);

const ANSWER_WITHIN: Duration = Duration::from_millis(300);

impl Cluster {
    /// Until the process ends.
    pub(crate) async fn go_on_without_log(self: Arc<Cluster>) {
        let mut turn = 0;
        loop {
            let metadata = self.metadata();
            let others: Vec<NodeId> = metadata.peers_besides(self.shared.id).map(|(node, _)| node).collect();
            let hearsay = *self.hearsay.lock();
            let asked = hearsay
                .filter(|leader| *leader != self.shared.id)
                .or_else(|| others.get(turn % others.len().max(1)).copied());
            turn += 1;
            let call = Call::Metadata { epoch: metadata.epoch };
            let answer = match asked {
                Some(node) => self.call(node, &call, ANSWER_WITHIN).await.ok(),
                None => None,
            };
            let (leader, newer) = match answer {
                Some(Answer::Metadata { leader, metadata }) => (leader, metadata.map(|newer| Arc::new(*newer))),
                _ => (None, None),
            };
            let newer = newer.filter(|newer| newer.cluster_id == metadata.cluster_id);
            *self.hearsay.lock() = leader;
            if newer.is_some() || leader != hearsay {
                self.feed(newer.as_ref().unwrap_or(&metadata), leader);
                self.beat(heartbeat::Input::Leadership { leader, lead: None });
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    }

    /// What a [`Call::Metadata`] gets.
    pub(crate) fn metadata_after(&self, epoch: Epoch) -> Answer {
        let (lead, metadata) = (self.lead(), self.metadata());
        let newer = (metadata.is_formed() && metadata.epoch > epoch).then(|| Box::new((*metadata).clone()));
        Answer::Metadata { leader: lead.leader.filter(|_| lead.quorum), metadata: newer }
    }
}
