//! When this node stands for election: after it heard no leader for a while, and only if a majority of the voters would elect it.
//!
//! openraft stands when its timer says so, with a new term that makes a leader step down: a voter that stood still for seconds, or
//! that was cut off and lacks entries, unseats one leader after the other and can win no election itself. So its timer is off,
//! and the other voters are asked first, which changes nothing for anybody: each says whether it has heard no leader either and
//! has no entry that this node lacks. (Pre-vote: D. Ongaro, "Consensus: bridging theory and practice", 2014, section 9.6.)

use super::network::{self, Message};
use super::runtime::Dice;
use super::standing::Standing;
use super::{ELECTION, HEARTBEAT, Heard, LogId, RaftId, Transport, TypeConfig, Vote};
use dcache_protocol::NodeId;
use futures_util::stream::{FuturesUnordered, StreamExt};
use openraft::{Raft, ServerState};
use parking_lot::Mutex;
use rand::Rng;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How often it is looked whether a leader is missing.
const LOOK_EVERY: Duration = Duration::from_millis(20);

pub(super) struct Election {
    pub raft: Raft<TypeConfig>,
    pub me: NodeId,
    pub transport: Arc<dyn Transport>,
    pub heard: Arc<Mutex<Heard>>,
}

impl Election {
    /// Runs until the log stops. A node that has just started has as much time to hear a leader as one that heard it just now.
    pub async fn run(self) {
        let (mut since, mut patience) = (Instant::now(), patience());
        let mut known_vote = Vote::default();
        loop {
            let before = Instant::now();
            sleep(LOOK_EVERY).await;
            if before.elapsed() >= ELECTION.0 {
                // The process stood still: what came meanwhile is still to be read.
                since = Instant::now();
            }
            let (state, vote, voters) = {
                let metrics = self.raft.metrics();
                let metrics = metrics.borrow();
                if metrics.running_state.is_err() {
                    return;
                }
                (metrics.state, metrics.vote, metrics.membership_config.membership().get_joint_config().clone())
            };
            let is_voter = voters.iter().any(|config| config.contains(&self.me.0));
            if let Some((_, at)) = *self.heard.lock() {
                since = since.max(at);
            }
            // Whom this node voted for has as much time to be heard as a leader.
            let has_voted = std::mem::replace(&mut known_vote, vote) != vote;
            if state == ServerState::Leader || !is_voter || has_voted {
                since = Instant::now();
            }
            // There is nobody to hear.
            let is_alone = is_voter && state == ServerState::Follower && voters.iter().all(|config| config.len() == 1);
            if since.elapsed() < patience && !is_alone {
                continue;
            }
            let would_win = self.would_win(&voters).await;
            // Meanwhile another one may have been elected, and is not to be unseated.
            let is_news =
                self.raft.metrics().borrow().vote != vote || self.heard.lock().is_some_and(|(_, at)| at > since);
            if would_win && !is_news {
                // It fails only when the log has stopped, which is seen above.
                let _ = self.raft.trigger().elect().await;
            }
            // Whoever was tied with another one tries again at another time.
            (since, patience) = (Instant::now(), between(HEARTBEAT, ELECTION.1));
            if self.heard.lock().is_some_and(|(_, at)| at.elapsed() < ELECTION.0) {
                patience = self::patience();
            }
        }
    }

    async fn would_win(&self, voters: &[BTreeSet<RaftId>]) -> bool {
        let last = self.raft.data_metrics().borrow().last_log;
        let others: BTreeSet<RaftId> = voters.iter().flatten().copied().filter(|voter| *voter != self.me.0).collect();
        let mut asked: FuturesUnordered<_> = others
            .iter()
            .map(|voter| async move {
                let message = Message::WouldVote { last };
                let would = network::call::<bool>(&*self.transport, NodeId(*voter), message, b"", HEARTBEAT).await;
                would.unwrap_or(false).then_some(*voter)
            })
            .collect();
        let mut granted = BTreeSet::from([self.me.0]);
        let is_majority = |granted: &BTreeSet<RaftId>| {
            voters.iter().all(|config| config.intersection(granted).count() > config.len() / 2)
        };
        // Who stands still is not waited for.
        while !is_majority(&granted) {
            match asked.next().await {
                Some(voter) => granted.extend(voter),
                None => return false,
            }
        }
        true
    }
}

/// How long a voter goes without a leader before it asks; a time of its own for each, so that they do not all ask together.
fn patience() -> Duration {
    ELECTION.1 + between(ELECTION.0, ELECTION.1)
}

fn between(least: Duration, most: Duration) -> Duration {
    Duration::from_millis(Dice.gen_range(least.as_millis() as u64..most.as_millis() as u64))
}

/// Whether this node would vote for one whose log ends there.
pub(super) fn would_vote(raft: &Raft<TypeConfig>, standing: &Standing, last: Option<LogId>) -> bool {
    let known = raft.data_metrics();
    let known = known.borrow();
    let leads = known.millis_since_quorum_ack.is_some_and(|silence| Duration::from_millis(silence) < ELECTION.1);
    !leads && standing.has_been_quiet() && last >= known.last_log
}
