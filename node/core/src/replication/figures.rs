//! What is told of copies: how far each is behind, in entries and in time, and one number for all that a copy holds.

use super::Copy;
use super::apply::PIECE_BYTES;
use super::walk::walk;
use crate::Node;
use dcache_cluster::replication::Replica;
use dcache_engine::Engine;
use dcache_protocol::control::{CopyLag, LinkLag, ReplicationFigures};
use dcache_protocol::operation::MoveProgress;
use dcache_protocol::{NodeId, PartitionId};
use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// How exactly the age of what is not copied yet is known, and how many moments are remembered a partition.
const MARK_EVERY: Duration = Duration::from_millis(10);
const MARKS_MAX: usize = 256;

/// Remembers when what is recorded was.
pub(super) fn mark(marks: &mut VecDeque<(Duration, u64)>, now: Duration, replica: &Replica) {
    let had = replica.lags().filter(|lag| lag.standing == Copy::InSync).map(|lag| lag.unacknowledged).max();
    let reached = replica.last().seq - had.unwrap_or(0);
    while marks.front().is_some_and(|(_, seq)| *seq <= reached) {
        marks.pop_front();
    }
    let is_full = marks.len() >= MARKS_MAX;
    match marks.back_mut() {
        Some((at, seq)) if is_full || now.saturating_sub(*at) < MARK_EVERY => *seq = replica.last().seq,
        _ if reached < replica.last().seq => marks.push_back((now, replica.last().seq)),
        _ => {}
    }
}

impl Node {
    /// How far the partitions are that go from here to other nodes.
    pub fn move_progress(&self) -> Vec<MoveProgress> {
        let partitions = self.replication.partitions.get().into_iter().flat_map(|all| &all.list).enumerate();
        let moving = partitions.filter(|(_, partition)| {
            partition.is_moving.load(Relaxed) && partition.role.load(Relaxed) == super::PRIMARY
        });
        let progress = |(number, partition): (usize, &super::Partition)| MoveProgress {
            partition: number as u16,
            percent: partition.progress.load(Relaxed),
        };
        moving.map(progress).collect()
    }

    /// Copies of the partitions this node serves, and what came of those it held.
    pub fn replication_figures(&self) -> ReplicationFigures {
        let replication = &self.replication;
        let (view, now) = (self.view(), self.now());
        let mut links: BTreeMap<NodeId, LinkLag> = BTreeMap::new();
        let mut figures = ReplicationFigures {
            taken_over: replication.taken_over.load(Relaxed),
            discarded: replication.discarded.load(Relaxed),
            overflowed: replication.queues.lost(),
            ..ReplicationFigures::default()
        };
        let mut behind = Vec::new();
        let partitions = replication.partitions.get().into_iter().flat_map(|all| &all.list);
        for (number, partition) in partitions.enumerate() {
            let state = partition.state.lock();
            let Some(replica) = &state.replica else { continue };
            figures.log_bytes += replica.log_bytes();
            for lag in replica.lags() {
                let link = links.entry(lag.member.node).or_insert_with(|| LinkLag {
                    node: view.node(lag.member.node).map(|node| node.name.clone()).unwrap_or_default(),
                    ..LinkLag::default()
                });
                let in_sync = lag.standing == Copy::InSync;
                let mut copy = CopyLag {
                    partition: number as u16,
                    node: link.node.clone(),
                    in_sync,
                    entries: lag.unacknowledged,
                    lag_ms: 0,
                };
                if in_sync {
                    link.in_sync += 1;
                    link.entries += lag.unacknowledged;
                    let reached = replica.last().seq - lag.unacknowledged;
                    if let Some((at, _)) = state.marks.iter().find(|(_, seq)| lag.unacknowledged > 0 && *seq > reached)
                    {
                        copy.lag_ms = now.saturating_sub(*at).as_millis() as u64;
                        link.lag_ms = link.lag_ms.max(copy.lag_ms);
                    }
                } else {
                    link.building += 1;
                }
                if !in_sync || copy.entries > 0 {
                    behind.push(copy);
                }
            }
        }
        behind.sort_by_key(|copy| (copy.in_sync, Reverse(copy.lag_ms), Reverse(copy.entries)));
        behind.truncate(CopyLag::MAX);
        figures.behind = behind;
        figures.links = links.into_values().collect();
        figures
    }

    /// One number for all that this node's copy of a partition holds, for comparison with other copies; none: it has no copy, or
    /// not all of its data.
    pub fn digest(&self, number: PartitionId) -> Option<u64> {
        let partition = self.replication.of(number)?;
        let _order = partition.order.lock();
        if !partition.state.lock().replica.as_ref().is_some_and(Replica::has_data) {
            return None;
        }
        let (mut digest, end) = (0u64, partition.slots.last.number() + 1);
        let mut next = Some(Engine::cursor_of(partition.slots.first.number()));
        while let Some(cursor) = next {
            let wanted = |namespace| self.replication.is_replicated(namespace);
            next = walk(&self.engine, cursor, end, PIECE_BYTES, &wanted, &mut |_, effect| {
                let mut hasher = DefaultHasher::new();
                effect.hash(&mut hasher);
                digest ^= hasher.finish();
            });
        }
        Some(digest)
    }
}
