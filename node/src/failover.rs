//! Planned failover: a node hands over what it serves to copies in sync, some partitions at a time, so that each is without a
//! primary only for a moment. Unplanned failover needs nobody here: it follows from a lease that ran out.

use crate::cluster::{Cluster, unavailable};
use crate::peer::{Answer, Call};
use dcache_cluster::failover::{Configuration, Member};
use dcache_cluster::metadata::{Command, Metadata};
use dcache_protocol::control::{ApiError, ErrorCode, FailoverResult};
use dcache_protocol::{Epoch, NodeState, PartitionId};
use futures_util::future::join_all;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How long handing over may take.
const HAND_OVER_WITHIN: Duration = Duration::from_secs(20);

/// How long it is waited for word that other copies are in sync.
const NEWS_WITHIN: Duration = Duration::from_millis(500);

/// How long a node that is gone for the others waits until they know.
const HEARD_WITHIN: Duration = Duration::from_secs(2);

/// Partitions that are being handed over at once: while one is, its writes wait.
const AT_ONCE: usize = 64;

/// How often it is looked how far it came.
const LOOK_EVERY: Duration = Duration::from_millis(5);

impl Cluster {
    /// `POST /v1/nodes/{name}/failover`, asked of any node.
    pub async fn failover(self: &Arc<Cluster>, name: &str) -> Result<FailoverResult, ApiError> {
        let metadata = self.metadata();
        let Some(node) = metadata.nodes.values().find(|node| node.name == name) else {
            return Err(ApiError {
                code: ErrorCode::NotFound,
                message: format!("no node named {name:?}"),
                why: None,
                hints: vec!["see them all: dcache node list".into()],
            });
        };
        if node.id == self.shared.id {
            return Ok(self.hand_over().await);
        }
        match self.call(node.id, &Call::HandOver, HAND_OVER_WITHIN * 2).await {
            Ok(Answer::HandedOver(result)) => Ok(result),
            Ok(Answer::Failed(error)) => Err(error),
            Ok(_) => Err(unavailable(format!("{name} gave no answer to the request"))),
            Err(error) => Err(error.to_api()),
        }
    }

    /// Hands over all that this node serves and another one can take over without losing a write.
    pub async fn hand_over(self: &Arc<Cluster>) -> FailoverResult {
        self.hand_over_within(HAND_OVER_WITHIN).await
    }

    /// Before the process ends: hands over what it serves, then says that it is gone, so that nobody waits for its copies.
    pub async fn leave_orderly(self: &Arc<Cluster>, within: Duration) {
        let me = self.shared.core.config().member();
        if !self.metadata().is_formed() || !self.lead().quorum {
            return;
        }
        let stopping = Command::SetStopping { node: me.node, incarnation: me.incarnation };
        let leaving = async {
            self.propose(stopping).await.map_err(|error| error.message)?.map_err(|refusal| refusal.to_string())?;
            let FailoverResult { moved, kept, took_ms, .. } = self.hand_over_within(within).await;
            tracing::info!(
                "handed over {moved} partitions in {took_ms} ms, {kept} have no other copy to take them over"
            );
            // From here on it neither serves nor asks for a lease.
            self.is_leaving.store(true, Ordering::Release);
            let expire = Command::Expire { node: me.node, incarnation: me.incarnation };
            if let Ok(epoch) = self.propose(expire).await.map_err(|error| error.message)? {
                self.until_others_act_on(epoch).await;
            }
            Ok::<(), String>(())
        };
        match tokio::time::timeout(within, leaving).await {
            Ok(Ok(())) => {}
            Ok(Err(why)) => tracing::warn!("stopping without a hand-over: {why}"),
            Err(_) => tracing::warn!("stopping with a part handed over: it took longer than {within:?}"),
        }
    }

    /// Gateways ask this node for what it served until they hear that it is gone: so long it stays, to say that it serves nothing.
    /// A follower of a metadata leader that goes hears of the last change from the next leader only.
    async fn until_others_act_on(self: &Arc<Cluster>, epoch: Epoch) {
        let metadata = self.metadata();
        let others = metadata
            .nodes
            .values()
            .filter(|node| node.id != self.shared.id && node.state == NodeState::Up && !node.is_stopping);
        let before = Call::Metadata { epoch: Epoch(epoch.0.saturating_sub(1)) };
        let each = others.map(|node| async {
            while let Ok(Answer::Metadata { metadata: None, .. }) = self.call(node.id, &before, HEARD_WITHIN).await {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        });
        // Who has not heard by then hears later.
        let _ = tokio::time::timeout(HEARD_WITHIN, join_all(each)).await;
    }

    async fn hand_over_within(self: &Arc<Cluster>, within: Duration) -> FailoverResult {
        let begun = Instant::now();
        let me = self.shared.core.config().member();
        let mut acting = self.watch_metadata();
        let served = |metadata: &Metadata| -> Vec<PartitionId> {
            let is_mine = |partition: &Configuration| partition.primary == Some(me);
            let all = metadata.table.iter().enumerate().filter(|(_, partition)| is_mine(partition));
            all.map(|(number, _)| PartitionId(number as u16)).collect()
        };
        let at_first = served(&acting.borrow_and_update()).len();
        loop {
            let metadata = acting.borrow_and_update().clone();
            let stays = |member: &Member| {
                *member != me && metadata.nodes.get(&member.node).is_some_and(|node| !node.is_stopping)
            };
            let may_go = |number: &PartitionId| metadata.table[number.index()].in_sync.iter().any(stays);
            let going: Vec<PartitionId> = served(&metadata).into_iter().filter(may_go).take(AT_ONCE).collect();
            // What others know already may reach this node a moment later.
            let may_come = metadata.spec.as_ref().is_some_and(|spec| spec.copies > 0)
                && begun.elapsed() < NEWS_WITHIN
                && !served(&metadata).is_empty();
            if (going.is_empty() && !may_come) || begun.elapsed() >= within {
                break;
            }
            going.iter().for_each(|number| self.shared.core.hand_over(*number));
            self.shared.copies.flush(&self.shared.core);
            // Either way it is looked again.
            let _ = tokio::time::timeout(LOOK_EVERY, acting.changed()).await;
        }
        let kept = served(&acting.borrow()).len();
        FailoverResult {
            node: self.me.read().name.clone(),
            moved: at_first.saturating_sub(kept) as u16,
            kept: kept as u16,
            took_ms: begun.elapsed().as_millis() as u64,
        }
    }
}
