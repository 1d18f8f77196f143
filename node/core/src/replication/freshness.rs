//! How old what this node's copies hold may be, so that they can answer reads that allow for some age.
//!
//! ```text
//!  node of a copy  ── asked at t1, by its own clock ──►  primary's node, under its lease
//!                  ◄── what each log ends with ────────
//!  all of that is in the copy's store: it is as new as the primary was at t1, or newer
//! ```
//!
//! No two clocks are compared, and an answer that comes late makes a copy older, never newer. Nodes are asked only while
//! somebody reads from copies here. A copy that is emptied, that lacks something, or whose primary is another one now, is of no
//! known age.
//!
//! Left out: which reads allow for what age (`session`), and how far behind copies are in entries (`Node::replication_figures`).

use super::{BACKUP, Partition};
use crate::Node;
use dcache_cluster::failover::Member;
use dcache_cluster::mutant::{Rule, is_broken};
use dcache_protocol::{NodeId, PartitionId};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// How often a node is asked.
const ASK_EVERY: Duration = Duration::from_millis(20);

/// An answer that does not come for so long was lost.
const ANSWER_WITHIN: Duration = Duration::from_millis(100);

/// Nodes are asked for so long after the last read from a copy.
const WANTED_FOR: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
pub(super) struct Freshness {
    /// When a read from a copy was asked for last, in microseconds, and 1.
    wanted_at: AtomicU64,
    /// When each node was asked last, and whether it answered.
    asked: Mutex<BTreeMap<NodeId, (Duration, bool)>>,
}

/// What one partition's log ended with at its primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Level {
    pub partition: PartitionId,
    pub term: u64,
    pub seq: u64,
}

/// A moment as an atomic holds it; 0: none.
pub(super) fn micros(moment: Duration) -> u64 {
    u64::try_from(moment.as_micros()).unwrap_or(u64::MAX).saturating_add(1)
}

impl Partition {
    /// The store has everything that its primary's had at a moment, unless it has lost some of it since.
    pub(super) fn note_fresh(&self, asked_at: u64) {
        self.fresh_at.fetch_max(asked_at, Relaxed);
    }
}

impl Node {
    /// Whether a copy here is known to be as new as its primary was so long ago.
    pub(crate) fn is_fresh(&self, number: PartitionId, within: Duration, now: Duration) -> bool {
        let Some(partition) = self.replication.of(number) else { return false };
        if partition.role.load(Relaxed) != BACKUP {
            return false;
        }
        self.replication.freshness.wanted_at.store(micros(now), Relaxed);
        if is_broken(Rule::CopiesAreFresh) {
            return true;
        }
        let fresh_at = partition.fresh_at.load(Relaxed);
        fresh_at != 0 && fresh_at >= micros(now.saturating_sub(within))
    }

    /// Asks the nodes whose answers are due.
    pub(super) fn ask_how_fresh(&self) {
        let (freshness, now) = (&self.replication.freshness, self.now());
        let wanted_at = freshness.wanted_at.load(Relaxed);
        if wanted_at == 0 || micros(now) > wanted_at.saturating_add(micros(WANTED_FOR)) {
            return;
        }
        let view = self.view();
        let mut asked = freshness.asked.lock();
        asked.retain(|node, _| view.node(*node).is_some());
        for node in view.nodes().iter().filter(|node| node.is_up && node.id != self.config.id) {
            let is_due = asked.get(&node.id).is_none_or(|(at, is_answered)| {
                now.saturating_sub(*at) >= if *is_answered { ASK_EVERY } else { ANSWER_WITHIN }
            });
            if is_due {
                asked.insert(node.id, (now, false));
                self.replication.queues.of(node.id).push(|out| super::wire::encode_ask(micros(now), out));
            }
        }
    }

    /// Tells another node what the logs of this node's partitions end with of which it has a copy in sync.
    pub(super) fn tell_how_fresh(&self, from: Member, asked_at: u64) {
        // Looked at after the question came: nobody else had taken over before.
        let Some(partitions) = self.replication.partitions.get() else { return };
        let mut levels = Vec::new();
        for (number, partition) in partitions.list.iter().enumerate() {
            if partition.serving.load(Relaxed) == 0 {
                continue;
            }
            let state = partition.state.lock();
            let Some(replica) = &state.replica else { continue };
            let configuration = replica.configuration();
            if partition.serving.load(Relaxed) == configuration.term && configuration.in_sync.contains(&from) {
                let (partition, term) = (PartitionId(number as u16), configuration.term);
                levels.push(Level { partition, term, seq: replica.last().seq });
            }
        }
        if self.has_lease(self.now()) {
            self.replication.queues.of(from.node).push(|out| super::wire::encode_levels(asked_at, &levels, out));
        }
    }

    /// What another node answered to a question of this one.
    pub(super) fn hear_how_fresh(&self, from: Member, asked_at: u64, levels: &[Level]) {
        if let Some((at, is_answered)) = self.replication.freshness.asked.lock().get_mut(&from.node) {
            // Of a life before this one it may be anything.
            if asked_at > micros(*at) {
                return;
            }
            *is_answered |= asked_at == micros(*at);
        } else {
            return;
        }
        for level in levels {
            let Some(partition) = self.replication.of(level.partition) else { continue };
            let mut state = partition.state.lock();
            let Some(replica) = &state.replica else { continue };
            let configuration = replica.configuration();
            let is_its_primary = configuration.term == level.term && configuration.primary == Some(from);
            if !is_its_primary || !replica.has_data() || replica.is_lossy() {
                continue;
            }
            if replica.applied().seq < level.seq {
                // The first one that is waited for is reached first.
                state.awaited_level.get_or_insert((asked_at, level.seq));
            } else if !partition.is_applying.load(Relaxed) {
                partition.note_fresh(asked_at);
            }
        }
    }
}
