//! What a node does about its copies, which reaches into the engine: it acts on what the cluster agreed, steps the machines of its
//! partitions, takes what other nodes send, hands over, and gives up what it holds no more.

use super::apply::{After, Applier};
use super::effect::Effect;
use super::wire::{self, OfAll};
use super::{
    ANY_COPY, BACKLOG_BYTES, BACKUP, CONFIRM, LOG_BYTES_LEAST, LOG_BYTES_MAX, MINORITY, NOTHING, PRIMARY, Partition,
    Partitions, RECORDED, REPLICATED, STRONG, State, is_settled, wake_committed,
};
use crate::Node;
use crate::view::View;
use dcache_cluster::failover::{Configuration, Member, Registry};
use dcache_cluster::replication::{Output, Replica};
use dcache_engine::{NamespaceId, SlotRole};
use dcache_protocol::error::WireError;
use dcache_protocol::namespace::{Reads, StrongRead};
use dcache_protocol::{Consistency, PartitionId, SLOTS, Share};
use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering::{Relaxed, Release};
use std::time::Duration;

/// Steps that reach into the engine.
impl Node {
    /// What the cluster agreed on about copies, before workers act on it.
    pub(crate) fn configure_copies(&self, view: &View) {
        let metadata = &view.metadata;
        for id in 0..=u8::MAX {
            let spec = view.namespace(NamespaceId(id));
            let is_replicated = spec.replicas != Some(0);
            let strong = if spec.consistency == Consistency::Strong { STRONG } else { 0 };
            let also = [
                (CONFIRM, spec.strong_read == StrongRead::Confirm),
                (ANY_COPY, spec.reads == Reads::Any),
                (MINORITY, spec.minority_writes),
            ];
            let also: u8 = also.iter().filter(|(_, is_so)| *is_so).map(|(bit, _)| bit).sum();
            let kind = if is_replicated { REPLICATED | strong | also } else { 0 };
            self.replication.kinds[usize::from(id)].store(kind, Relaxed);
        }
        let is_any = |kind: &AtomicU8| kind.load(Relaxed) & ANY_COPY != 0;
        self.replication.is_read_from_copies.store(self.replication.kinds.iter().any(is_any), Relaxed);
        if !metadata.is_formed() {
            return;
        }
        self.replication.throttle.set_rate(metadata.operation().map_or(0, |operation| operation.pace.rate_bytes));
        let partitions = self.replication.partitions.get_or_init(|| Partitions {
            slots_each: SLOTS / metadata.partitions,
            list: (0..metadata.partitions)
                .map(|number| Partition::new(PartitionId(number).slots(metadata.partitions)))
                .collect(),
        });
        let registry = metadata.registry();
        let mut configured = self.replication.configured.lock();
        // Who is alive decides about learners of partitions that have not changed themselves.
        let before = configured.as_ref().filter(|before| before.registry() == registry);
        for (number, (partition, agreed)) in partitions.list.iter().zip(&metadata.table).enumerate() {
            if before.is_none_or(|before| !before.table.is_same(&metadata.table, number)) {
                self.configure_copy(PartitionId(number as u16), partition, agreed, &registry);
            }
        }
        *configured = Some(metadata.clone());
    }

    fn configure_copy(&self, number: PartitionId, partition: &Partition, agreed: &Configuration, registry: &Registry) {
        let me = self.config.member();
        if !agreed.is_replicated() && agreed.primary == Some(me) {
            self.serve_alone(number, partition, agreed);
            return;
        }
        if !agreed.is_replicated() || !agreed.concerns(me) {
            self.give_up_copy(partition);
            return;
        }
        {
            let mut state = partition.state.lock();
            if state.replica.is_none() {
                let is_alone = partition.alone.load(Relaxed) == agreed.generation;
                let mut replica = if is_alone && agreed.primary == Some(me) && agreed.in_sync == [me] {
                    // Its store is the data, and it never ceases to serve.
                    partition.serving.store(agreed.term, Release);
                    Replica::alone(me, agreed)
                } else {
                    partition.serving.store(0, Release);
                    Replica::new(me, agreed.clone(), 1)
                };
                // The lease is looked at by whoever asks this node for something, not by each partition.
                replica.renew(Duration::MAX);
                let role = if replica.is_primary() { PRIMARY } else { BACKUP };
                state.replica = Some(replica);
                drop(state);
                self.set_role(partition, role);
                partition.alone.store(0, Release);
            }
        }
        let was_kept = agreed.moving.is_none() && partition.is_goal.swap(false, Relaxed);
        self.step(number, partition, |replica, now, out| {
            replica.configure(now, agreed, agreed.learners(registry), out);
        });
        if agreed.moving.as_ref().is_some_and(|moving| moving.to.first() == Some(&me.node)) {
            partition.is_goal.store(true, Relaxed);
        }
        if was_kept && partition.role.load(Relaxed) == BACKUP {
            // It was on its way here and is not any more.
            self.drop_unreplicated(partition);
        }
    }

    /// There are no other copies, any more or ever: nothing is recorded.
    fn serve_alone(&self, number: PartitionId, partition: &Partition, agreed: &Configuration) {
        // What waits for a commit is committed now, or will never be known to be.
        self.step(number, partition, |replica, now, out| replica.configure(now, agreed, Vec::new(), out));
        let _order = partition.order.lock();
        self.drop_all_stale(partition);
        partition.is_goal.store(false, Relaxed);
        partition.alone.store(agreed.generation, Release);
        // From here on nothing is appended.
        self.set_role(partition, NOTHING);
        let mut state = partition.state.lock();
        if let Some(replica) = state.replica.take() {
            state.ended = (replica.configuration().term, replica.commit().max(replica.last().seq));
        }
        partition.in_sync.store(1, Relaxed);
        partition.addressee.store(0, Release);
        partition.is_unsettled.store(false, Release);
        partition.serving.store(agreed.term, Release);
        std::mem::take(&mut state.waiters).into_iter().for_each(|(_, wake)| wake());
    }

    fn give_up_copy(&self, partition: &Partition) {
        let _order = partition.order.lock();
        partition.is_goal.store(false, Relaxed);
        partition.alone.store(0, Release);
        partition.addressee.store(0, Release);
        let mut state = partition.state.lock();
        partition.serving.store(0, Release);
        if state.replica.take().is_some() {
            partition.fresh_at.store(0, Relaxed);
            std::mem::take(&mut state.waiters).into_iter().for_each(|(_, wake)| wake());
            drop(state);
            partition.stagings.lock().clear();
            self.set_role(partition, NOTHING);
        }
    }

    fn set_role(&self, partition: &Partition, role: u8) {
        if partition.role.swap(role, Relaxed) != role {
            let of_slots = match role {
                PRIMARY => SlotRole::Journaled,
                BACKUP => SlotRole::Kept,
                _ => SlotRole::Own,
            };
            partition.slots().for_each(|slot| self.engine.set_role(slot, of_slots));
        }
    }

    /// One step of a partition's machine, and everything that follows from it.
    pub(super) fn step<R>(
        &self,
        number: PartitionId,
        partition: &Partition,
        step: impl FnOnce(&mut Replica, Duration, &mut Vec<Output>) -> R,
    ) -> Option<R> {
        let _order = partition.order.lock();
        let mut state = partition.state.lock();
        let State { replica, waiters, ended, outputs, marks, awaited_level, .. } = &mut *state;
        let replica = replica.as_mut()?;
        let before = (replica.configuration().term, replica.is_primary(), replica.commit());
        let discarded = replica.discarded();
        let result = step(replica, self.now(), outputs);
        self.replication.discarded.fetch_add(replica.discarded() - discarded, Relaxed);
        let term = replica.configuration().term;
        let serves = replica.serves(Duration::ZERO);
        let is_same = before.0 == term && before.1 == replica.is_primary();
        if !is_same || !serves {
            // From here on nothing is recorded; what was is in the log, and above in what the machine did.
            partition.serving.store(0, Release);
        }
        partition.committed.store(replica.commit(), Release);
        if !is_same && before.1 {
            *ended = (before.0, before.2);
        }
        if !is_same || !replica.has_data() {
            *awaited_level = None;
            partition.fresh_at.store(0, Relaxed);
        }
        let fresh_at = awaited_level.take_if(|(_, seq)| replica.applied().seq >= *seq).map(|(asked_at, _)| asked_at);
        if !is_same {
            marks.clear();
            std::mem::take(waiters).into_iter().for_each(|(_, wake)| wake());
        } else if replica.commit() != before.2 {
            wake_committed(waiters, replica.commit());
        }
        let mut changes = Vec::new();
        self.replication.hand_out(number, outputs, |output| changes.push(output));
        let (is_primary, after) =
            (replica.is_primary(), After { term: replica.applied().term, has_data: replica.has_data() });
        if replica.configuration().moving.is_some() != partition.is_moving.load(Relaxed) {
            partition.is_moving.store(replica.configuration().moving.is_some(), Relaxed);
            partition.progress.store(0, Relaxed);
        }
        partition.addressee.store(replica.addressee().map_or(0, |node| node.0), Release);
        partition.is_unsettled.store(!is_settled(replica), Release);
        partition.in_sync.store(replica.configuration().in_sync.len().min(255) as u8, Relaxed);
        partition.is_busy.store(!replica.is_idle(), Relaxed);
        let partitions = self.replication.partitions.get().map_or(1, |all| all.list.len() as u64);
        replica.trim(BACKLOG_BYTES / partitions, (LOG_BYTES_MAX / partitions).max(LOG_BYTES_LEAST));
        let role = if is_primary { PRIMARY } else { BACKUP };
        let is_new_role = partition.role.load(Relaxed) != role;
        if changes.is_empty() && !is_new_role && (!serves || partition.serving.load(Relaxed) == term) {
            fresh_at.into_iter().for_each(|asked_at| partition.note_fresh(asked_at));
            return Some(result);
        }
        partition.is_applying.store(true, Relaxed);
        drop(state);
        if is_new_role && role == BACKUP {
            self.set_role(partition, BACKUP);
            self.drop_unreplicated(partition);
        }
        let mut lossy = false;
        if !changes.is_empty() {
            lossy = !self.carry_out(partition, changes, after);
        }
        if is_new_role && role == PRIMARY {
            // Whoever told the rest of these does not any more, and this node tells the others all anew.
            partition.stagings.lock().clear();
            self.drop_all_stale(partition);
            // The first term of all is nobody's before.
            self.replication.taken_over.fetch_add(u64::from(term > 1), Relaxed);
            self.set_role(partition, PRIMARY);
        }
        let mut state = partition.state.lock();
        partition.is_applying.store(false, Relaxed);
        if let Some(replica) = state.replica.as_mut() {
            match lossy {
                true => replica.note_lossy(),
                false => fresh_at.into_iter().for_each(|asked_at| partition.note_fresh(asked_at)),
            }
            if replica.serves(Duration::ZERO) {
                partition.serving.store(replica.configuration().term, Release);
            }
        }
        Some(result)
    }

    pub(super) fn receive_copy(&self, from: Member, frame: &[u8]) -> bool {
        let Some((number, message)) = wire::decode(from, frame) else {
            match wire::decode_of_all(frame) {
                Some(OfAll::Ask { asked_at }) => self.tell_how_fresh(from, asked_at),
                Some(OfAll::Levels { asked_at, levels }) => self.hear_how_fresh(from, asked_at, &levels),
                None => return false,
            }
            return true;
        };
        if let Some(partition) =
            self.replication.of(number).filter(|partition| !self.is_too_early(partition, &message.body))
        {
            self.step(number, partition, |replica, now, out| replica.receive(now, message, out));
        }
        true
    }

    /// Time passes for this worker's share of the partitions.
    pub(crate) fn tick_copies(&self, worker: usize, workers: usize) {
        let Some(partitions) = self.replication.partitions.get() else { return };
        let own = partitions.list.iter().enumerate().skip(worker).step_by(workers.max(1));
        for (number, partition) in own.filter(|(_, partition)| partition.is_busy.load(Relaxed)) {
            self.step(PartitionId(number as u16), partition, |replica, now, out| replica.tick(now, out));
        }
        self.drop_some_stale(partitions.list.iter().skip(worker).step_by(workers.max(1)));
        self.read_pieces();
        self.read_rests();
        if worker == 0 {
            self.ask_how_fresh();
        }
    }

    /// Lets another copy in sync take a partition over, if there is one: it stops being written to, and once all of it is
    /// committed the other one serves it.
    pub fn hand_over(&self, number: PartitionId) {
        let Some(partition) = self.replication.of(number) else { return };
        let (me, view) = (self.config.member(), self.view());
        // Who is about to stop, or to give up what it has, would only hand it on.
        let reluctance = |member: &Member| {
            view.metadata.nodes.get(&member.node).map(|node| {
                let leaves = node.share == Share::Drained || node.maintenance_until_unix_ms > 0;
                (node.is_stopping, leaves)
            })
        };
        self.step(number, partition, |replica, now, out| {
            let others = replica.configuration().in_sync.iter().copied().filter(|member| *member != me);
            let successor =
                others.min_by_key(reluctance).filter(|other| reluctance(other).is_some_and(|(stops, _)| !stops));
            if successor.is_some_and(|successor| replica.park(Duration::ZERO, successor)) {
                replica.tick(now, out);
            }
        });
    }

    /// Empties the copied partitions this node serves, of one database or of all, here and on their other copies. While one is
    /// being emptied nothing else is written to it.
    pub(crate) fn clear_copied(&self, view: &View, database: Option<u16>) -> Result<(), WireError> {
        for number in view.metadata.partitions_of(self.config.id).filter(|number| view.is_replicated(*number)) {
            let Some(partition) = self.replication.of(number) else { continue };
            let _order = partition.order.lock();
            let Some(position) = self.replication.append(number, partition, None, None, Effect::Clear { database })
            else {
                return Err(WireError::NotServing);
            };
            partition.serving.store(0, Release);
            let (me, now_ms, stagings) = (self.config.id, self.unix_ms(), partition.stagings.lock());
            let mut applier = Applier { engine: &self.engine, view, now_ms, partition, me, stagings };
            applier.apply(Effect::Clear { database });
            let state = partition.state.lock();
            if let Some(replica) = state.replica.as_ref().filter(|replica| replica.serves(Duration::ZERO)) {
                partition.serving.store(replica.configuration().term, Release);
            }
            RECORDED.with_borrow_mut(|recorded| recorded.push((number, position)));
        }
        Ok(())
    }
}
