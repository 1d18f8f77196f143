//! What other copies did goes into this node's store, and what this store has goes to copies that are built: the way between
//! the replication machines' outputs and the engine.
//!
//! Keys are called near before they are needed, of many messages at a time: a copied write would otherwise wait for memory at
//! each step. Left out: when something is due, which the machines say.

use super::staging::Stagings;
use super::{Partition, Piece, Rest, effect, walk, wire};
use crate::Node;
use crate::view::View;
use bytes::Bytes;
use dcache_cluster::failover::Member;
use dcache_cluster::replication::{Output, Replica};
use dcache_engine::{Engine, ValueRef, charge};
use dcache_protocol::{NodeId, PartitionId};
use effect::Effect;
use parking_lot::MutexGuard;
use std::sync::atomic::Ordering::Relaxed;

/// Bytes of entries in one piece of a full sync, about.
pub(super) const PIECE_BYTES: usize = 64 << 10;

/// Pieces of full syncs read in one go.
const PIECES_A_STEP: usize = 4;

/// Keys called near at a time, and messages looked ahead at for them.
const PREFETCH_MAX: usize = 64;
const FRAMES_AHEAD: usize = 32;

/// Where effects of other copies are done, and when.
pub(super) struct Applier<'a> {
    pub engine: &'a Engine,
    pub view: &'a View,
    pub now_ms: u64,
    pub partition: &'a Partition,
    pub me: NodeId,
    /// The partition's values that are not whole yet.
    pub stagings: MutexGuard<'a, Stagings>,
}

impl Applier<'_> {
    /// Calls near what a run of effects is about, so that memory is waited for once and not once an effect.
    fn prefetch(&self, effects: &[Bytes]) {
        let mut keys = Vec::with_capacity(effects.len());
        keys.extend(effects.iter().filter_map(|effect| place_of(self.engine, effect)));
        self.engine.prefetch(&keys);
    }

    /// Does what another copy did, from its bytes. False: there was no room for something that other copies have.
    fn apply_bytes(&mut self, bytes: &[u8]) -> bool {
        let (addressee, bytes) = effect::addressed(bytes);
        match Effect::decode(bytes) {
            Some(effect) if addressee.is_none() => self.apply(effect),
            // Nobody else has it: what finds no room is gone, as if it had been evicted before.
            Some(effect) if addressee == Some(self.me) => {
                self.apply(effect);
                true
            }
            _ => true,
        }
    }

    /// Does what another copy did. False: there was no room, and the key has no value here now.
    pub fn apply(&mut self, effect: Effect<'_>) -> bool {
        let Applier { engine, view, now_ms, partition, .. } = *self;
        if effect.place().is_some_and(|(_, slot, _)| !partition.slots().contains(&slot)) {
            return true;
        }
        self.stagings.note(&effect);
        match effect {
            Effect::Part { .. } => self.stagings.apply(effect, engine, view, now_ms),
            Effect::Set { database, slot, key, value, expires_at_ms } => {
                self.set((database, slot, key), ValueRef::String(value), expires_at_ms)
            }
            Effect::Block { database, slot, key, block, expires_at_ms } => {
                self.set((database, slot, key), ValueRef::Packed(block), expires_at_ms)
            }
            Effect::Elements { .. } => self.stagings.apply(effect, engine, view, now_ms),
            Effect::Edit { database, slot, key, ops } => {
                let has_room = self.stagings.edit(database, key, ops, engine, now_ms);
                let done = engine.lock(slot).repeat(database, key, ops, now_ms).is_ok();
                if !done {
                    // What is there is older.
                    let _ = engine.lock(slot).remove(database, key, now_ms);
                }
                has_room && done
            }
            Effect::Remove { database, slot, key } => {
                // There may be none: an effect is also done on what has it already.
                let _ = engine.lock(slot).remove(database, key, now_ms);
                true
            }
            Effect::Expiry { database, slot, key, expires_at_ms } => {
                // As above.
                let _ = engine.lock(slot).set_expiry(database, key, expires_at_ms, now_ms);
                true
            }
            Effect::Clear { database } => {
                engine.clear_slots_of(database, partition.slots());
                true
            }
        }
    }
}

impl Applier<'_> {
    fn set(&self, (database, slot, key): (u16, u16, &[u8]), value: ValueRef<'_>, expires_at_ms: Option<u64>) -> bool {
        let Applier { engine, view, now_ms, .. } = *self;
        let namespace = view.namespace_of(database, key);
        let bytes = charge(key.len(), value.bytes());
        let stored = engine
            .lock_with_room(slot, namespace, bytes, now_ms)
            .is_ok_and(|mut guard| guard.set(database, key, value, expires_at_ms, namespace, now_ms).is_ok());
        if !stored {
            // An older value must not stay in its place.
            let _ = engine.lock(slot).remove(database, key, now_ms);
        }
        stored
    }
}

/// Slot and hash of what an effect changes.
fn place_of(engine: &Engine, effect: &[u8]) -> Option<(u16, u64)> {
    let (database, slot, key) = Effect::decode(effect::addressed(effect).1)?.place()?;
    Some((slot, engine.hash(database, key)))
}

/// What a machine is once its changes are in the store.
#[derive(Clone, Copy)]
pub(super) struct After {
    /// Of the last entry in it.
    pub term: u64,
    pub has_data: bool,
}

impl Node {
    /// False: there was no room for something.
    pub(super) fn carry_out(&self, partition: &Partition, changes: Vec<Output>, after: After) -> bool {
        let view = self.view();
        let (me, now_ms, stagings) = (self.config.id, self.unix_ms(), partition.stagings.lock());
        let mut applier = Applier { engine: &self.engine, view: &view, now_ms, partition, me, stagings };
        applier.stagings.note_term(after.term);
        let mut all_fit = true;
        let last = changes.len().saturating_sub(1);
        for (number, change) in changes.into_iter().enumerate() {
            match change {
                Output::Apply(effects) => {
                    let is_told = || effects.iter().any(|effect| effect::addressed(effect).0 == Some(me));
                    if partition.has_stale.load(Relaxed) && is_told() {
                        self.drop_all_stale(partition);
                    }
                    // The first ones were called near when their messages came.
                    for (index, run) in effects.chunks(PREFETCH_MAX).enumerate() {
                        if index > 0 {
                            applier.prefetch(run);
                        }
                        run.iter().for_each(|effect| all_fit &= applier.apply_bytes(effect));
                    }
                }
                Output::Clear => {
                    applier.stagings.clear();
                    self.drop_everything(partition, number == last && !after.has_data);
                }
                Output::Load(piece) => {
                    for effect in effect::of_piece(&piece) {
                        all_fit &= applier.apply(effect);
                    }
                }
                _ => {}
            }
        }
        all_fit
    }

    /// Messages of another node, as its queue framed them. False: one of them is not one.
    pub fn receive_copies(&self, from: Member, frames: &[&[u8]]) -> bool {
        let mut keys = Vec::new();
        frames.chunks(FRAMES_AHEAD).all(|frames| {
            frames.iter().for_each(|frame| self.expect(frame, &mut keys));
            self.engine.prefetch(&keys);
            keys.clear();
            frames.iter().all(|frame| self.receive_copy(from, frame))
        }) && {
            // What came may ask for more.
            self.read_pieces();
            self.read_rests();
            true
        }
    }

    /// Finds out what a message will have done to the store, at most [`PREFETCH_MAX`] keys.
    fn expect(&self, frame: &[u8], keys: &mut Vec<(u16, u64)>) {
        let Some((number, commit)) = wire::commit_of(frame) else { return };
        let Some(partition) = self.replication.of(number) else { return };
        let state = partition.state.lock();
        let due = state.replica.iter().flat_map(|replica| replica.due(commit)).take(PREFETCH_MAX);
        keys.extend(due.filter_map(|effect| place_of(&self.engine, effect)));
    }

    /// Reads what full syncs wait for, as far as their nodes take it.
    pub fn read_pieces(&self) {
        for _ in 0..PIECES_A_STEP {
            let Some(piece) = self.replication.pieces.lock().pop_front() else { return };
            if !self.may_read(piece.partition, piece.to.node) {
                self.replication.pieces.lock().push_back(piece);
                return;
            }
            self.read_piece(piece);
        }
    }

    /// Whether there is something to read for a node now: it takes more, and the pace of moves allows it.
    fn may_read(&self, number: PartitionId, to: NodeId) -> bool {
        let is_moving = self.replication.of(number).is_some_and(|partition| partition.is_moving.load(Relaxed));
        let is_open = || !is_moving || self.replication.throttle.is_open(self.now());
        !self.replication.queues.of(to).is_busy() && is_open()
    }

    /// Notes how far a walk over a partition's entries is, and what it read for a move.
    fn note_read(&self, partition: &Partition, next: Option<u64>, bytes: usize, half: u64) {
        if !partition.is_moving.load(Relaxed) {
            return;
        }
        self.replication.throttle.spend(bytes);
        let slots = partition.slots;
        let (first, end) = (Engine::cursor_of(slots.first.number()), Engine::cursor_of(slots.last.number() + 1));
        // Above the place of an entry is that of a part of it.
        let place = |cursor: u64| cursor & ((1 << 38) - 1);
        let read = next.map_or(100, |next| place(next).saturating_sub(first) * 100 / (end - first).max(1));
        // What is not copied is read after all else.
        let percent = if self.replication.has_uncopied() { 50 * half + read / 2 } else { read };
        partition.progress.fetch_max(percent.min(99) as u8, Relaxed);
    }

    /// Tells the logs of partitions that move what is in no other copy, as far as their nodes take it.
    pub fn read_rests(&self) {
        for _ in 0..PIECES_A_STEP {
            let Some(rest) = self.replication.rests.lock().pop_front() else { return };
            if !self.may_read(rest.partition, rest.to.node) {
                self.replication.rests.lock().push_back(rest);
                return;
            }
            self.read_rest(rest);
        }
    }

    fn read_rest(&self, rest: Rest) {
        let Some(partition) = self.replication.of(rest.partition) else { return };
        if !partition.state.lock().replica.as_ref().is_some_and(|replica| replica.wants_rest(rest.to)) {
            return;
        }
        let (first, end) = (partition.slots.first.number(), partition.slots.last.number() + 1);
        let (mut is_told, mut bytes) = (true, 0);
        let wanted = |namespace| !self.replication.is_replicated(namespace);
        let next = self.replication.has_uncopied().then(|| {
            let cursor = rest.cursor.unwrap_or_else(|| Engine::cursor_of(first));
            walk::walk(&self.engine, cursor, end, PIECE_BYTES, &wanted, &mut |_, effect| {
                bytes += effect.len_max();
                let told = self.replication.append(rest.partition, partition, None, Some(rest.to.node), effect);
                is_told &= told.is_some();
            })
        });
        if !is_told {
            // It is not written to for a moment. From the beginning then: a part that is told twice ends its value.
            self.replication.rests.lock().push_back(Rest { cursor: None, ..rest });
            return;
        }
        self.note_read(partition, next.flatten(), bytes, 1);
        self.step(rest.partition, partition, |replica, _, out| replica.carried(rest.to, next.flatten(), out));
    }

    fn read_piece(&self, piece: Piece) {
        let Some(partition) = self.replication.of(piece.partition) else { return };
        let begins = |replica: &mut Replica| replica.begin_chunk(piece.to, piece.attempt);
        {
            // Not while the partition is being emptied: that is in the log already, and not done.
            let _order = partition.order.lock();
            if !partition.state.lock().replica.as_mut().is_some_and(begins) {
                return;
            }
        }
        let mut bytes = Vec::new();
        let cursor = piece.cursor.unwrap_or_else(|| Engine::cursor_of(partition.slots.first.number()));
        let end_slot = partition.slots.last.number() + 1;
        let wanted = |namespace| self.replication.is_replicated(namespace);
        let next = walk::walk(&self.engine, cursor, end_slot, PIECE_BYTES, &wanted, &mut |_, effect| {
            effect::push_to_piece(effect, &mut bytes);
        });
        self.note_read(partition, next, bytes.len(), 0);
        self.step(piece.partition, partition, |replica, now, out| {
            replica.send_chunk(now, piece.to, piece.attempt, bytes.into(), next, out);
        });
    }
}
