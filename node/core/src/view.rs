//! The immutable routing and namespaces of this moment: what a worker looks at, once a batch.
//!
//! A [`View`] is made from one state of the metadata and replaced as a whole. It answers three questions without
//! allocating: who owns a slot, which namespace a key is in, and what the cluster looks like to a cluster-aware client
//! (bytes made once an epoch, in [`crate::command::cluster`]). Two nodes with the same metadata differ only in who "me" is.
//!
//! ```text
//! slot ──► partition (shift) ──► owners[partition] ──► nodes[index]: me | up | down
//! key  ──► prefixes, sorted: the greatest one ≤ key, or the longest of its own prefixes ──► namespace id
//! ```
//!
//! Namespace ids are a node's own business (`NamespaceIds`): they index the engine's counters and stay with a name while
//! it exists.

use crate::command::cluster::Topology;
use dcache_cluster::failover::{Configuration, Member};
use dcache_cluster::metadata::Metadata;
use dcache_engine::NamespaceId;
use dcache_protocol::namespace::{self, DATABASES, PINNED, Placement};
use dcache_protocol::{
    Epoch, Incarnation, Match, NamespaceSpec, NodeId, NodeState, PartitionId, SLOTS, Slot, SlotRange, slot_in,
};
use parking_lot::{MappedMutexGuard, Mutex, MutexGuard, RwLock};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Acquire, Ordering::Release};
use std::time::Duration;

/// Highest tag a node has in a gateway's `SCAN` cursor: 12 bits.
pub const TAG_MAX: u16 = 4095;

const NOBODY: u16 = u16::MAX;

/// Beside an index: that node is waited for, and serves nothing of the partition now.
const WAITED_FOR: u16 = 1 << 15;

/// How long the new owner of a partition may take to hear of it after the old one.
pub(crate) const HANDING_OVER: Duration = Duration::from_secs(1);

fn is_late(since: Duration, now: Duration) -> bool {
    now.saturating_sub(since) < HANDING_OVER
}

/// What workers act on, from one epoch to the next.
#[derive(Debug)]
pub struct View {
    pub metadata: Arc<Metadata>,
    /// Who leads the metadata log, as far as this node knows.
    pub leader: Option<NodeId>,
    /// This node.
    pub me: NodeId,
    /// This process.
    member: Member,
    nodes: Arc<[ViewNode]>,
    my_index: u16,
    /// By partition: an index into `nodes`, perhaps [`WAITED_FOR`], or [`NOBODY`].
    owners: Box<[u16]>,
    /// By partition: whether another node could take over.
    replicated: Box<[bool]>,
    /// By partition: whether this node holds a copy, of several.
    held: Box<[bool]>,
    has_copies: bool,
    /// Partitions this node has lately handed over, and when.
    handed_over: BTreeMap<PartitionId, Duration>,
    slot_shift: u32,
    owns_everything: bool,
    namespaces: Namespaces,
    pub(crate) topology: Topology,
}

/// One node of the cluster, as routing sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewNode {
    pub id: NodeId,
    pub name: String,
    pub is_up: bool,
    /// Host of its cluster door, without brackets.
    pub host: String,
    /// Port of its cluster door.
    pub port: u16,
    /// Port of its peers door.
    pub peers_port: u16,
    /// Names it in a gateway's `SCAN` cursor: 1 to [`TAG_MAX`], unique in the cluster; 0 only past that many nodes.
    pub tag: u16,
    /// Slots it owns, ascending, fewest ranges.
    pub slots: Vec<SlotRange>,
}

/// Who answers for a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner<'a> {
    Me,
    Other(&'a ViewNode),
    /// The cluster took its owner for down: nobody serves it now.
    Down(&'a ViewNode),
    Nobody,
}

impl View {
    pub(crate) fn new(
        metadata: Arc<Metadata>,
        leader: Option<NodeId>,
        member: Member,
        ids: &BTreeMap<String, NamespaceId>,
        before: Option<&View>,
    ) -> View {
        let me = member.node;
        // What is the same of an earlier view is taken from there: while partitions move, few entries of many differ.
        let before = before.filter(|before| before.is_of(&metadata, member));
        let mut nodes = nodes_of(&metadata);
        let index_of: BTreeMap<NodeId, u16> = nodes.iter().zip(0u16..).map(|(node, index)| (node.id, index)).collect();
        let owner = |partition: &Configuration| {
            let Some(index) = partition.holder().and_then(|id| index_of.get(&id)).copied() else { return NOBODY };
            // What this node held in an earlier life is gone.
            let serves = partition.primary.is_some_and(|primary| primary.node != me || primary == member);
            if serves { index } else { index | WAITED_FOR }
        };
        let owners = by_partition(&metadata, before, |view| &view.owners, owner);
        let slot_shift = (SLOTS / metadata.partitions).trailing_zeros();
        let nodes = match before.filter(|b| b.owners == owners && b.metadata.nodes == metadata.nodes) {
            Some(before) => before.nodes.clone(),
            None => {
                for (number, owner) in (0..metadata.partitions).zip(&owners).filter(|(_, owner)| **owner != NOBODY) {
                    let slots = PartitionId(number).slots(metadata.partitions);
                    SlotRange::push(&mut nodes[usize::from(owner & !WAITED_FOR)].slots, slots);
                }
                nodes.into()
            }
        };
        let my_index = index_of.get(&me).copied().unwrap_or(NOBODY);
        let replicated = by_partition(&metadata, before, |view| &view.replicated, Configuration::is_replicated);
        let is_held = |agreed: &Configuration| agreed.is_replicated() && agreed.concerns(member);
        View {
            held: by_partition(&metadata, before, |view| &view.held, is_held),
            has_copies: replicated.contains(&true),
            handed_over: BTreeMap::new(),
            replicated,
            leader,
            me,
            member,
            my_index,
            owns_everything: my_index != NOBODY && owners.iter().all(|&owner| owner == my_index),
            topology: Topology::default(),
            nodes,
            owners,
            slot_shift,
            namespaces: Namespaces::new(&metadata, ids),
            metadata,
        }
    }

    /// Whether what this view found out about a partition holds for as long as that partition is the same.
    fn is_of(&self, metadata: &Metadata, member: Member) -> bool {
        let is_same = self.member == member && self.metadata.partitions == metadata.partitions;
        is_same && self.nodes.iter().map(|node| &node.id).eq(metadata.nodes.keys())
    }

    /// Notes what this node served under the view `before` and has handed over since.
    pub(crate) fn follow(&mut self, before: &View, now: Duration) {
        if before.metadata.partitions != self.metadata.partitions {
            return;
        }
        self.handed_over =
            before.handed_over.iter().filter(|(_, since)| is_late(**since, now)).map(|(&id, &at)| (id, at)).collect();
        let was_mine = |index: usize| before.owners[index] == before.my_index && before.my_index != NOBODY;
        let is_mine = |index: usize| self.owners[index] == self.my_index;
        let lost = (0..self.owners.len()).filter(|&index| was_mine(index) && !is_mine(index));
        self.handed_over.extend(lost.map(|index| (PartitionId(index as u16), now)));
    }

    /// Whether this node served a slot until a moment ago and has handed it over.
    pub fn has_handed_over(&self, slot: Slot, now: Duration) -> bool {
        self.handed_over.get(&self.partition_of(slot)).is_some_and(|&since| is_late(since, now))
    }

    pub fn epoch(&self) -> Epoch {
        self.metadata.epoch
    }

    pub fn partition_of(&self, slot: Slot) -> PartitionId {
        PartitionId(slot.number() >> self.slot_shift)
    }

    /// Whether any partition has further copies.
    #[inline]
    pub fn has_copies(&self) -> bool {
        self.has_copies
    }

    /// Whether another node could take over a partition.
    #[inline]
    pub fn is_replicated(&self, partition: PartitionId) -> bool {
        self.replicated[partition.index()]
    }

    #[inline]
    pub fn owner(&self, slot: Slot) -> Owner<'_> {
        match self.owners[slot.index() >> self.slot_shift] {
            NOBODY => Owner::Nobody,
            index if index == self.my_index => Owner::Me,
            index => {
                let node = &self.nodes[usize::from(index & !WAITED_FOR)];
                if node.is_up && index & WAITED_FOR == 0 { Owner::Other(node) } else { Owner::Down(node) }
            }
        }
    }

    /// The process that answers for a slot, or will when it is up.
    pub(crate) fn holder(&self, slot: Slot) -> Option<(NodeId, Option<Incarnation>)> {
        let id = match self.owner(slot) {
            Owner::Me => self.me,
            Owner::Other(node) | Owner::Down(node) => node.id,
            Owner::Nobody => return None,
        };
        Some((id, self.process_of(id)))
    }

    /// Whether this node answers for a slot.
    pub fn is_mine(&self, slot: Slot) -> bool {
        let owner = self.owners[slot.index() >> self.slot_shift];
        owner == self.my_index && owner != NOBODY
    }

    /// Whether a slot has further copies.
    pub fn is_replicated_slot(&self, slot: Slot) -> bool {
        self.is_replicated(self.partition_of(slot))
    }

    /// Whether this node answers for a slot or holds a copy of it.
    pub fn holds(&self, slot: Slot) -> bool {
        self.is_mine(slot) || self.held[slot.index() >> self.slot_shift]
    }

    /// Slots for which something may be otherwise than under another view: `is_so` is asked of one slot of each of the smaller
    /// partitions, and answers for all of it.
    pub(crate) fn slots_where(&self, other: &View, is_so: impl Fn(Slot) -> bool) -> impl Iterator<Item = Slot> {
        let width = usize::from(SLOTS / self.metadata.partitions.max(other.metadata.partitions));
        let parts = Slot::all().step_by(width).filter(move |slot| is_so(*slot));
        parts.flat_map(move |first| (first.number()..).take(width).filter_map(Slot::new))
    }

    /// Every node of the cluster, by id.
    pub fn nodes(&self) -> &[ViewNode] {
        &self.nodes
    }

    pub fn node(&self, id: NodeId) -> Option<&ViewNode> {
        self.nodes.binary_search_by_key(&id, |node| node.id).ok().map(|index| &self.nodes[index])
    }

    /// The process that is up as a node.
    pub fn process_of(&self, id: NodeId) -> Option<Incarnation> {
        let record = self.metadata.nodes.get(&id)?;
        (record.state == NodeState::Up).then_some(record.incarnation)
    }

    /// This node; none while the metadata does not know it.
    pub fn my_node(&self) -> Option<&ViewNode> {
        self.nodes.get(usize::from(self.my_index))
    }

    /// Nodes that own slots, in the order a gateway's `SCAN` visits them: by tag.
    pub fn owners_by_tag(&self) -> Vec<&ViewNode> {
        let mut owners: Vec<&ViewNode> = self.nodes.iter().filter(|node| !node.slots.is_empty()).collect();
        owners.sort_by_key(|node| node.tag);
        owners
    }

    /// Whether every slot is this node's: then the whole cluster's answer is this node's own.
    pub fn owns_everything(&self) -> bool {
        self.owns_everything
    }

    /// Slots whose owner is up.
    pub fn slots_served(&self) -> u16 {
        let count = |node: &ViewNode| node.slots.iter().map(SlotRange::len).sum::<usize>();
        let served: usize = self.nodes.iter().filter(|node| node.is_up || node.id == self.me).map(count).sum();
        u16::try_from(served).expect("at most SLOTS slots, each owned once")
    }

    /// The namespace of a key of a numbered database.
    pub fn namespace_of(&self, database: u16, key: &[u8]) -> NamespaceId {
        self.namespaces.of(database, key)
    }

    /// What a numbered database is called inside: keys of one that is pinned are others than before. Other numbers stay.
    #[inline]
    pub fn database(&self, number: u16) -> u16 {
        if number == 0 || self.namespaces.pinned >> (number % DATABASES) & 1 == 0 { number } else { number | PINNED }
    }

    /// The slots of databases that are pinned.
    pub(crate) fn pinned_slots(&self) -> impl Iterator<Item = Slot> {
        let inside = (1..DATABASES).map(|number| self.database(number));
        inside.filter(|database| database & PINNED != 0).map(|database| slot_in(database, b""))
    }

    /// What the operator said about a namespace. An id that is not in use any more has the default's.
    pub fn namespace(&self, id: NamespaceId) -> &NamespaceSpec {
        let used = self.namespaces.specs.get(usize::from(id.0)).and_then(Option::as_ref);
        used.unwrap_or(&self.namespaces.default)
    }

    /// Every namespace with its id, the default first.
    pub fn namespaces(&self) -> impl Iterator<Item = (NamespaceId, &NamespaceSpec)> {
        (0..=u8::MAX).zip(&self.namespaces.specs).filter_map(|(id, spec)| Some((NamespaceId(id), spec.as_ref()?)))
    }

    /// Whether keys may be in other namespaces under `other` than under this view.
    pub(crate) fn classifies_as(&self, other: &View) -> bool {
        self.namespaces.prefixes == other.namespaces.prefixes && self.namespaces.databases == other.namespaces.databases
    }
}

/// The newest view, and each worker's own hold of it: no two workers write a common cache line when they look.
#[derive(Debug)]
pub(crate) struct Published {
    newest: RwLock<Arc<View>>,
    /// How many views came before; written after `newest`.
    number: AtomicU64,
    workers: Box<[Held]>,
    /// LOCK: tried only, before other workers' views are locked; so two workers never wait for each other.
    alone: Mutex<()>,
}

/// No other worker runs anything.
pub(crate) struct Alone<'a> {
    _others: Vec<MutexGuard<'a, (u64, Arc<View>)>>,
    _alone: MutexGuard<'a, ()>,
}

/// One worker's. LOCK: by that worker alone, for one batch of requests, in which it must not be taken again.
#[derive(Debug)]
#[repr(align(128))]
struct Held(Mutex<(u64, Arc<View>)>);

impl Published {
    pub fn new(view: View, workers: usize) -> Published {
        let view = Arc::new(view);
        let held = || Held(Mutex::new((0, Arc::clone(&view))));
        Published {
            workers: (0..workers.max(1)).map(|_| held()).collect(),
            newest: RwLock::new(view),
            number: AtomicU64::new(0),
            alone: Mutex::default(),
        }
    }

    pub fn replace(&self, view: Arc<View>) {
        *self.newest.write() = view;
        self.number.fetch_add(1, Release);
    }

    /// Waits until the other workers' batches are over, and keeps them from beginning any. To be called by a worker that holds its own
    /// view. None: another worker did the same before.
    pub fn alone(&self, worker: usize) -> Option<Alone<'_>> {
        let alone = self.alone.try_lock()?;
        let me = worker.min(self.workers.len() - 1);
        let others = self.workers.iter().enumerate().filter(|(other, _)| *other != me);
        let others = others.map(|(_, held)| held.0.lock()).collect();
        Some(Alone { _others: others, _alone: alone })
    }

    pub fn newest(&self) -> Arc<View> {
        Arc::clone(&self.newest.read())
    }

    /// The newest view as a worker holds it; a number beyond the last means the last.
    pub fn of_worker(&self, worker: usize) -> MappedMutexGuard<'_, Arc<View>> {
        let mut held = self.workers[worker.min(self.workers.len() - 1)].0.lock();
        let number = self.number.load(Acquire);
        if held.0 != number {
            *held = (number, self.newest());
        }
        MutexGuard::map(held, |held| &mut held.1)
    }
}

/// Something about every partition, from an earlier view where the partition is the same.
fn by_partition<T: Copy>(
    metadata: &Metadata,
    before: Option<&View>,
    earlier: impl Fn(&View) -> &Box<[T]>,
    find_out: impl Fn(&Configuration) -> T,
) -> Box<[T]> {
    let Some(before) = before else { return metadata.table.iter().map(find_out).collect() };
    let mut found = earlier(before).clone();
    for (number, found) in found.iter_mut().enumerate() {
        if !metadata.table.is_same(&before.metadata.table, number) {
            *found = find_out(&metadata.table[number]);
        }
    }
    found
}

fn nodes_of(metadata: &Metadata) -> Vec<ViewNode> {
    let tags = tags(metadata.nodes.keys().copied());
    let node = |record: &dcache_protocol::NodeRecord| {
        let (host, port) = split_address(&record.addresses.cluster);
        ViewNode {
            id: record.id,
            name: record.name.clone(),
            is_up: record.state == NodeState::Up,
            host: host.into(),
            port,
            peers_port: split_address(&record.addresses.peers).1,
            tag: tags.get(&record.id).copied().unwrap_or(0),
            slots: Vec::new(),
        }
    };
    metadata.nodes.values().map(node).collect()
}

/// Host and port of `host:port` or `[v6]:port`; port 0 when there is none.
fn split_address(address: &str) -> (&str, u16) {
    let (host, port) = address.rsplit_once(':').unwrap_or((address, ""));
    (host.trim_start_matches('[').trim_end_matches(']'), port.parse().unwrap_or(0))
}

/// A tag for every node, from its id alone where no other node's id says the same; the lower id keeps the tag they share.
fn tags(ids: impl Iterator<Item = NodeId>) -> BTreeMap<NodeId, u16> {
    let mut taken = BTreeSet::new();
    let mut tags = BTreeMap::new();
    for id in ids {
        // The multiplier of splitmix64 spreads ids that differ in few bits over the upper ones.
        let wish = (id.0.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 52) as u16 % TAG_MAX;
        let free = (0..TAG_MAX).map(|step| (wish + step) % TAG_MAX + 1).find(|tag| !taken.contains(tag));
        if let Some(tag) = free {
            taken.insert(tag);
            tags.insert(id, tag);
        }
    }
    tags
}

#[derive(Debug)]
struct Namespaces {
    /// By id.
    specs: Vec<Option<NamespaceSpec>>,
    default: NamespaceSpec,
    prefixes: Vec<Prefix>,
    databases: [NamespaceId; DATABASES as usize],
    /// A bit of each pinned database.
    pinned: u16,
}

/// A namespace's prefix; sorted, each with the place of the longest other one that it begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Prefix {
    bytes: Box<[u8]>,
    id: NamespaceId,
    shorter: Option<u16>,
}

impl Namespaces {
    fn new(metadata: &Metadata, ids: &BTreeMap<String, NamespaceId>) -> Namespaces {
        let default = metadata.namespaces.get(namespace::DEFAULT);
        let mut namespaces = Namespaces {
            specs: vec![None; 1],
            default: default.cloned().unwrap_or_else(NamespaceSpec::default_namespace),
            prefixes: Vec::new(),
            databases: [NamespaceId(0); DATABASES as usize],
            pinned: 0,
        };
        namespaces.specs[0] = Some(namespaces.default.clone());
        let mut prefixes: Vec<(Box<[u8]>, NamespaceId)> = Vec::new();
        for (name, spec) in &metadata.namespaces {
            let Some(&id) = ids.get(name).filter(|id| id.0 != 0) else { continue };
            let index = usize::from(id.0);
            namespaces.specs.resize(namespaces.specs.len().max(index + 1), None);
            namespaces.specs[index] = Some(spec.clone());
            match &spec.matches {
                Some(Match::Prefix(prefix)) => prefixes.push((prefix.as_bytes().into(), id)),
                Some(Match::Database(n)) if *n < DATABASES => {
                    namespaces.databases[usize::from(*n)] = id;
                    namespaces.pinned |= u16::from(spec.placement == Placement::Pinned) << n;
                }
                _ => {}
            }
        }
        prefixes.sort();
        for (bytes, id) in prefixes {
            let shorter = namespaces.longest(&bytes);
            namespaces.prefixes.push(Prefix { bytes, id, shorter });
        }
        namespaces
    }

    fn of(&self, database: u16, key: &[u8]) -> NamespaceId {
        match self.longest(key) {
            Some(place) => self.prefixes[usize::from(place)].id,
            None => self.databases.get(usize::from(database & !PINNED)).copied().unwrap_or(NamespaceId(0)),
        }
    }

    /// Place of the longest prefix that `key` begins with. It sorts at or before `key`, and whatever sorts between the two
    /// begins with it too: so it is the greatest one not above `key`, or reached from there over `shorter`.
    #[inline]
    fn longest(&self, key: &[u8]) -> Option<u16> {
        if self.prefixes.is_empty() { None } else { self.longest_of_some(key) }
    }

    fn longest_of_some(&self, key: &[u8]) -> Option<u16> {
        let after = self.prefixes.partition_point(|prefix| *prefix.bytes <= *key);
        let mut place = after.checked_sub(1)? as u16;
        while !key.starts_with(&self.prefixes[usize::from(place)].bytes) {
            place = self.prefixes[usize::from(place)].shorter?;
        }
        Some(place)
    }
}

/// Which id each namespace has in this node's engine. Id 0 is the default's for ever; another one goes back to the free
/// ones only when no entry can carry it any more.
#[derive(Debug)]
pub(crate) struct NamespaceIds {
    used: BTreeMap<String, NamespaceId>,
    /// Of namespaces that are gone while entries may still carry them.
    leaving: BTreeSet<u8>,
}

impl NamespaceIds {
    pub fn new() -> NamespaceIds {
        NamespaceIds {
            used: BTreeMap::from([(namespace::DEFAULT.to_string(), NamespaceId(0))]),
            leaving: BTreeSet::new(),
        }
    }

    /// The ids for exactly these names. Names that had one keep it.
    pub fn assign<'a>(&mut self, names: impl Iterator<Item = &'a String>) -> &BTreeMap<String, NamespaceId> {
        let names: BTreeSet<&String> = names.collect();
        let gone: Vec<String> =
            self.used.keys().filter(|name| *name != namespace::DEFAULT && !names.contains(name)).cloned().collect();
        for name in gone {
            let id = self.used.remove(&name).expect("listed just above");
            self.leaving.insert(id.0);
        }
        for name in names {
            if !self.used.contains_key(name)
                && let Some(id) = self.free_id()
            {
                self.leaving.remove(&id);
                self.used.insert(name.clone(), NamespaceId(id));
            }
        }
        &self.used
    }

    /// No entry carries an id of a namespace that is gone.
    pub fn settle(&mut self) {
        self.leaving.clear();
    }

    /// One that no entry can carry, else one whose namespace is gone: its last entries are about to be sorted anew.
    fn free_id(&self) -> Option<u8> {
        let used: BTreeSet<u8> = self.used.values().map(|id| id.0).collect();
        let unused = || (1..=u8::MAX).filter(|id| !used.contains(id));
        unused().find(|id| !self.leaving.contains(id)).or_else(|| unused().next())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use proptest::prelude::*;

    fn spec(name: &str, matches: Match) -> NamespaceSpec {
        NamespaceSpec { name: name.into(), matches: Some(matches), ..NamespaceSpec::default_namespace() }
    }

    fn view_with(specs: &[NamespaceSpec]) -> View {
        let mut metadata = fixture::metadata(1);
        metadata.namespaces.extend(specs.iter().map(|s| (s.name.clone(), s.clone())));
        let mut ids = NamespaceIds::new();
        let ids = ids.assign(metadata.namespaces.keys()).clone();
        View::new(Arc::new(metadata), None, fixture::member(0), &ids, None)
    }

    fn name_of<'a>(view: &'a View, database: u16, key: &[u8]) -> &'a str {
        &view.namespace(view.namespace_of(database, key)).name
    }

    #[test]
    fn the_longest_prefix_wins_then_the_database_then_default() {
        let view = view_with(&[
            spec("s", Match::Prefix("session:".into())),
            spec("sa", Match::Prefix("session:a".into())),
            spec("z", Match::Prefix("session:a:zzz".into())),
            spec("d3", Match::Database(3)),
        ]);
        for (database, key, expected) in [
            (0, "session:", "s"),
            (3, "session:b", "s"),
            (0, "session:a", "sa"),
            (0, "session:a:y", "sa"),
            (0, "session:a:zzz1", "z"),
            (0, "session:a:zzzz", "z"),
            (0, "session", "default"),
            (3, "session", "d3"),
            (3, "tession:", "d3"),
            (0, "", "default"),
            (99, "x", "default"),
        ] {
            assert_eq!(name_of(&view, database, key.as_bytes()), expected, "{database} {key}");
        }
        let names: Vec<&str> = view.namespaces().map(|(_, spec)| spec.name.as_str()).collect();
        assert_eq!(names, ["default", "d3", "s", "sa", "z"]);
    }

    proptest! {
        #[test]
        fn prefixes_match_as_a_plain_search_does(
            prefixes in proptest::collection::btree_set("[ab]{1,5}", 0..12),
            keys in proptest::collection::vec("[abc]{0,7}", 1..20),
        ) {
            let specs: Vec<NamespaceSpec> = prefixes.iter().map(|p| spec(&format!("n-{p}"), Match::Prefix(p.clone()))).collect();
            let view = view_with(&specs);
            for key in keys {
                let plain = prefixes.iter().filter(|p| key.starts_with(p.as_str())).max_by_key(|p| p.len());
                let expected = plain.map_or("default".to_string(), |p| format!("n-{p}"));
                prop_assert_eq!(name_of(&view, 0, key.as_bytes()), expected);
            }
        }
    }

    #[test]
    fn names_keep_their_ids_and_ids_rest_before_they_are_used_again() {
        let names = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<String>>();
        let mut ids = NamespaceIds::new();
        let first = ids.assign(names(&["default", "a", "b"]).iter()).clone();
        assert_eq!((first["default"], first["a"], first["b"]), (NamespaceId(0), NamespaceId(1), NamespaceId(2)));
        let second = ids.assign(names(&["default", "b", "c"]).iter()).clone();
        assert_eq!((second["b"], second["c"]), (NamespaceId(2), NamespaceId(3)), "1 is still on entries of `a`");
        ids.settle();
        assert_eq!(ids.assign(names(&["default", "b", "c", "d"]).iter())["d"], NamespaceId(1));
    }

    #[test]
    fn every_namespace_the_metadata_allows_gets_an_id() {
        let mut ids = NamespaceIds::new();
        let many: Vec<String> = std::iter::once("default".to_string())
            .chain((1..namespace::NAMESPACES_MAX).map(|n| format!("n{n}")))
            .collect();
        assert_eq!(ids.assign(many.iter()).len(), 256);
        let others: Vec<String> = std::iter::once("default".to_string())
            .chain((1..namespace::NAMESPACES_MAX).map(|n| format!("m{n}")))
            .collect();
        let assigned = ids.assign(others.iter());
        assert_eq!(assigned.values().map(|id| id.0).collect::<BTreeSet<u8>>().len(), 256);
    }

    #[test]
    fn slots_lead_to_their_owners() {
        let mut metadata = fixture::metadata(3);
        let down = fixture::id(2);
        metadata.nodes.get_mut(&down).expect("third").state = NodeState::Down;
        let ids = NamespaceIds::new().assign(metadata.namespaces.keys()).clone();
        let view = View::new(Arc::new(metadata.clone()), None, fixture::member(0), &ids, None);
        for slot in Slot::all() {
            let primary = metadata.holder_of(slot).expect("placed").id;
            match view.owner(slot) {
                Owner::Me => assert_eq!(primary, fixture::id(0)),
                Owner::Other(node) => assert_eq!((primary, node.id), (fixture::id(1), fixture::id(1))),
                Owner::Down(node) => assert_eq!((primary, node.id), (down, down)),
                Owner::Nobody => panic!("slot {slot} has an owner"),
            }
            assert_eq!(view.is_mine(slot), primary == fixture::id(0));
        }
        let counts: usize = view.nodes().iter().flat_map(|n| &n.slots).map(SlotRange::len).sum();
        assert_eq!(counts, usize::from(SLOTS));
        assert!(view.slots_served() < SLOTS && !view.owns_everything());
        assert_eq!(view.partition_of(Slot::new(16383).expect("last")), PartitionId(metadata.partitions - 1));
    }

    #[test]
    fn before_the_first_entry_nobody_owns_anything() {
        let ids = NamespaceIds::new().assign(std::iter::empty()).clone();
        let view = View::new(Arc::new(Metadata::empty()), None, fixture::member(0), &ids, None);
        assert!(Slot::all().all(|slot| view.owner(slot) == Owner::Nobody && !view.is_mine(slot)));
        assert_eq!((view.slots_served(), view.my_node(), view.owns_everything()), (0, None, false));
    }

    #[test]
    fn tags_are_unique_and_do_not_depend_on_the_asker() {
        let ids: Vec<NodeId> = (0..2000).map(|n| NodeId(n * 31)).collect();
        let tags = tags(ids.iter().copied());
        assert_eq!(tags.values().collect::<BTreeSet<_>>().len(), ids.len());
        assert!(tags.values().all(|tag| (1..=TAG_MAX).contains(tag)));
    }

    #[test]
    fn addresses_split_at_the_last_colon() {
        assert_eq!(split_address("127.0.0.1:7400"), ("127.0.0.1", 7400));
        assert_eq!(split_address("[::1]:7400"), ("::1", 7400));
        assert_eq!(split_address("cache.example:1"), ("cache.example", 1));
    }
}
