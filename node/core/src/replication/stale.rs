//! What a copy holds that is not to stay: dropped in steps, so that neither a worker nor the control thread is kept by one partition.
//!
//! ```text
//! it stops serving           ─► what was never copied goes: it is not what whoever serves now has
//! its machine begins empty   ─► all goes, while the machine waits for a full sync, whose first piece is passed over until it has gone
//! ```
//!
//! The machine sends again what it is not answered, so a piece that is passed over is one that the network lost. Left out: slots that
//! this node gives up altogether (`upkeep.rs`).

use super::Partition;
use crate::Node;
use dcache_cluster::replication::Body;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::Duration;

/// How long a worker drops what is stale with one tick.
const TICK_MAX: Duration = Duration::from_millis(1);

/// A partition that holds no more than this is emptied at once.
const FEW: u64 = 1024;

/// How far dropping is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stale {
    slot: u16,
    /// Where it goes on in the slot.
    from: u8,
    /// Copied entries too.
    is_all: bool,
}

impl Partition {
    fn begin_dropping(&self, is_all: bool) {
        let mut stale = self.stale.lock();
        let is_all = is_all || stale.is_some_and(|stale| stale.is_all);
        *stale = Some(Stale { slot: self.slots.first.number(), from: 0, is_all });
        // Under the lock, or a step that ends meanwhile is contradicted.
        self.has_stale.store(true, Release);
    }

    fn drops_all(&self) -> bool {
        self.has_stale.load(Acquire) && self.stale.lock().is_some_and(|stale| stale.is_all)
    }

    /// Its machine has given up what it held and waits for all of it.
    fn awaits_all(&self) -> bool {
        self.state.lock().replica.as_ref().is_some_and(|replica| !replica.has_data())
    }
}

impl Node {
    /// What was never copied is not what whoever serves now has. Dropped a little with each tick, and all of it before this node
    /// serves again or is told of such entries.
    pub(super) fn drop_unreplicated(&self, partition: &Partition) {
        partition.begin_dropping(false);
    }

    /// The machine begins empty. `is_awaited`: with a full sync, so that there is time.
    pub(super) fn drop_everything(&self, partition: &Partition, is_awaited: bool) {
        if is_awaited && self.has_many(partition) {
            partition.begin_dropping(true);
            return;
        }
        partition.slots().for_each(|slot| _ = self.engine.clear_slot(slot));
        let mut stale = partition.stale.lock();
        *stale = None;
        partition.has_stale.store(false, Release);
    }

    fn has_many(&self, partition: &Partition) -> bool {
        let mut items = 0;
        partition.slots().any(|slot| {
            items += self.engine.count_in_slot_of_all(slot);
            items > FEW
        })
    }

    /// Whether a message is to be passed over: a full sync begins, and what was here before has not gone.
    pub(super) fn is_too_early(&self, partition: &Partition, body: &Body) -> bool {
        if !matches!(body, Body::Chunk { index: 0, .. }) || !partition.awaits_all() {
            return false;
        }
        if !partition.drops_all() && self.has_many(partition) {
            partition.begin_dropping(true);
        }
        partition.drops_all()
    }

    /// For a tick of a worker's partitions.
    pub(super) fn drop_some_stale<'p>(&self, partitions: impl Iterator<Item = &'p Partition>) {
        let begun = self.now();
        for partition in partitions.filter(|partition| partition.has_stale.load(Relaxed)) {
            while partition.has_stale.load(Acquire) {
                if self.now().saturating_sub(begun) >= TICK_MAX {
                    return;
                }
                // Who holds it may be about to make this copy one that counts.
                let Some(_order) = partition.order.try_lock() else { break };
                if partition.drops_all() && !partition.awaits_all() {
                    // Given up: then upkeep drops its slots.
                    let mut stale = partition.stale.lock();
                    *stale = None;
                    partition.has_stale.store(false, Release);
                    break;
                }
                self.drop_step(partition);
            }
        }
    }

    /// To be called under `order`.
    pub(super) fn drop_all_stale(&self, partition: &Partition) {
        while partition.has_stale.load(Acquire) {
            self.drop_step(partition);
        }
    }

    fn drop_step(&self, partition: &Partition) {
        let mut stale = partition.stale.lock();
        let Some(Stale { slot, from, is_all }) = *stale else { return };
        let goes = |namespace| is_all || !self.replication.is_replicated(namespace);
        let next = match self.engine.clear_slot_step_where(slot, from, &goes) {
            Some(next) => Some((slot, next)),
            None => (slot < partition.slots.last.number()).then(|| (slot + 1, 0)),
        };
        *stale = next.map(|(slot, from)| Stale { slot, from, is_all });
        partition.has_stale.store(stale.is_some(), Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{id, member, metadata, node, pass};
    use crate::replication::effect::{self, Effect};
    use crate::replication::wire;
    use bytes::Bytes;
    use dcache_cluster::replication::{Message, Position};
    use dcache_engine::{NamespaceId, ValueRef};
    use dcache_protocol::{PartitionId, slot_of};
    use std::sync::Arc;

    /// Node 1, which is to have a copy of node 0's partition 0.
    fn copying() -> Arc<Node> {
        let mut metadata = metadata(2);
        metadata.table[0].copies = vec![id(0), id(1)];
        let node = node(1, &metadata);
        node.publish(Arc::new(metadata), None);
        node
    }

    /// What node 1 is told, and says of it.
    fn told(node: &Arc<Node>, body: Body) -> Option<Message> {
        let message = Message { from: member(0), generation: 1, term: 1, body };
        let mut bytes = Vec::new();
        wire::encode(PartitionId(0), &message, &mut bytes);
        assert!(node.receive_copies(member(0), &[&bytes]));
        node.replication().flush();
        let mut said = Vec::new();
        node.replication().queues.of(id(0)).drain_into(&mut said);
        said.get(4..).and_then(|frame| wire::decode(member(1), frame)).map(|(_, message)| message)
    }

    fn held(node: &Node) -> u64 {
        node.engine().count(0)
    }

    #[test]
    fn a_full_sync_begins_once_what_was_here_has_gone_in_steps() {
        let node = copying();
        let keys = (0..).map(|number| format!("{{here}}{number}"));
        let tag = (0..)
            .map(|number| format!("{{{number}}}"))
            .find(|tag| slot_of(tag.as_bytes()).number() < 1024)
            .expect("there is one");
        for key in keys.take(5_000).map(|key| key.replace("{here}", &tag)) {
            let mut guard = node.engine().lock(slot_of(key.as_bytes()).number());
            guard
                .set(0, key.as_bytes(), ValueRef::String(b"old"), None, NamespaceId::DEFAULT, 0)
                .expect("there is room");
        }
        let start = Position { term: 1, seq: 7 };
        let append = Body::Append { previous: start, entries: Vec::new(), commit: 7, term_start: 0 };
        let Some(Message { body: Body::Behind { attempt, .. }, .. }) = told(&node, append) else {
            panic!("it has nothing")
        };
        let mut piece = Vec::new();
        let key = format!("{tag}new");
        let slot = slot_of(key.as_bytes()).number();
        let new = Effect::Set { database: 0, slot, key: key.as_bytes(), value: b"new", expires_at_ms: None };
        effect::push_to_piece(new, &mut piece);
        let (state, end) = (Bytes::from(piece), Some(7));
        let chunk = || Body::Chunk { attempt, index: 0, start, as_of: 7, state: state.clone(), end };
        assert_eq!(told(&node, chunk()), None, "as if it had not come");
        assert_eq!(held(&node), 5_000, "nothing is dropped while messages are taken");
        let mut steps = 0;
        while held(&node) > 0 {
            let before = held(&node);
            pass(Duration::ZERO);
            // The clock stands still, so a tick does all; its length is the engine's matter.
            node.tick_copies(0, 1);
            assert!(held(&node) < before);
            steps += 1;
            assert!(steps <= 5_000 / 256 + 2);
        }
        assert!(told(&node, chunk()).is_some_and(|said| matches!(said.body, Body::Ack { seq: 7, .. })));
        assert_eq!(held(&node), 1);
        node.tick_copies(0, 1);
        assert_eq!(held(&node), 1, "what came stays");
    }

    #[test]
    fn a_few_entries_go_at_once() {
        let node = copying();
        let partition = node.replication().of(PartitionId(0)).expect("there is one");
        let mut guard = node.engine().lock(3);
        guard.set(0, b"key", ValueRef::String(b"old"), None, NamespaceId::DEFAULT, 0).expect("there is room");
        drop(guard);
        node.drop_everything(partition, true);
        assert_eq!(held(&node), 0);
        assert!(!partition.has_stale.load(Acquire));
    }
}
