//! Four nodes, three of which vote, on one paused clock in one thread; the faults that come to them; and what must hold.

use crate::client::{self, CLIENTS};
use crate::disk::{Platter, SimDisk};
use crate::linearizable::{self, Operation};
use crate::net::{self, MS, Net, NodeClock, now};
use crate::operator;
use crate::process::Process;
use crate::random::Random;
use crate::staleness::Staleness;
use dcache_cluster::metadata::Command;
use dcache_cluster::placement::{Candidate, place, place_copies};
use dcache_protocol::control::{ClusterSpec, ClusterSpecNode};
use dcache_protocol::namespace::{Reads, StrongRead};
use dcache_protocol::operation::OperationState;
use dcache_protocol::{
    Addresses, Consistency, Incarnation, Match, NamespaceSpec, NodeId, NodeRecord, NodeState, PartitionId, slot_of,
};
use parking_lot::Mutex;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep, timeout};

const NODES: usize = 4;
const VOTERS: usize = 3;
const PARTITIONS: u16 = 8;
/// Faults and clients' requests come before this.
pub const CALM_FROM: Duration = Duration::from_secs(23);
/// What is broken by then is healed; some time later all must be well.
pub const CHECK_FROM: Duration = Duration::from_secs(29);
pub const END: Duration = Duration::from_secs(34);

/// How far behind a copy may be that answers, where any may.
pub const MAX_STALENESS: Duration = Duration::from_millis(200);

/// What a run is made of besides its seed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Setting {
    pub is_traced: bool,
    /// Breaks a rule: a process that starts again says that it is the one before.
    pub keeps_incarnation: bool,
    /// Whether reads of the strong namespace are confirmed; none: in every third seed.
    pub is_confirmed: Option<bool>,
    /// Reads that any copy may answer may be of any age.
    pub ignores_age: bool,
    /// Partitions move; none: in every second seed.
    pub moves: Option<bool>,
    /// No fault at all: whatever moves, nobody may notice.
    pub is_calm: bool,
    /// No fault but leaders that are cut off, first from one voter and then from all: what only those show is rare else.
    pub only_unseats: bool,
}

/// What a run came to.
#[derive(Debug, Default)]
pub struct Outcome {
    pub violation: Option<String>,
    /// Of everything that happened.
    pub trace: u64,
    pub operations: u64,
    pub unknown: u64,
    pub faults: u64,
    pub terms: u64,
    pub generations: u64,
    pub leaders: u64,
    /// Reads that copies answered.
    pub copy_reads: u64,
    /// Operations begun, those of them that were cancelled, and moves made by those that are over.
    pub operations_begun: u64,
    pub operations_cancelled: u64,
    pub moves: u64,
    pub errors: BTreeMap<String, u64>,
}

pub struct World {
    pub net: Net,
    random: RefCell<Random>,
    processes: Vec<RefCell<Option<Rc<Process>>>>,
    platters: Vec<RefCell<Arc<Mutex<Platter>>>>,
    /// How often a node lost its disk: then it is another one.
    wipes: Vec<Cell<u64>>,
    clocks: Vec<Rc<Cell<NodeClock>>>,
    values: Cell<u64>,
    incarnations: Cell<u64>,
    histories: RefCell<BTreeMap<String, Vec<Operation>>>,
    /// By key, the generation in which it was surely written last.
    acknowledged: RefCell<BTreeMap<String, u64>>,
    /// Of keys that any copy may answer.
    pub staleness: RefCell<Staleness>,
    pub was_calm: Cell<bool>,
    hasher: RefCell<DefaultHasher>,
    pub setting: Setting,
    seed: u64,
    outcome: RefCell<Outcome>,
}

/// One run, on a thread that has no runtime.
pub fn run(seed: u64, setting: Setting) -> Outcome {
    dcache_node::raft::runtime::seed(seed);
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    #[cfg(tokio_unstable)]
    runtime.rng_seed(tokio::runtime::RngSeed::from_bytes(&seed.to_le_bytes()));
    let runtime = runtime.enable_time().start_paused(true).build().expect("a runtime");
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        net::start();
        let world = Rc::new(World::new(seed, setting));
        world.live().await;
        let world_outcome = world.finish();
        for process in world.nodes().filter_map(|node| world.process(node)) {
            process.is_alive.set(false);
        }
        world_outcome
    })
}

impl World {
    fn new(seed: u64, setting: Setting) -> World {
        let mut random = Random::new(seed);
        let mut clock = |_| {
            let drift = random.within(980..1021);
            let wall_ms = random.within(0..4000) as i64 - 2000;
            Rc::new(Cell::new(NodeClock { offset_us: random.within(0..1_000_000_000), per_mille: drift, wall_ms }))
        };
        World {
            net: Net::new(seed, NODES),
            clocks: (0..NODES).map(&mut clock).collect(),
            random: RefCell::new(random),
            processes: (0..NODES).map(|_| RefCell::default()).collect(),
            platters: (0..NODES).map(|_| RefCell::default()).collect(),
            wipes: (0..NODES).map(|_| Cell::default()).collect(),
            values: Cell::new(0),
            incarnations: Cell::new(0),
            histories: RefCell::default(),
            acknowledged: RefCell::default(),
            staleness: RefCell::default(),
            was_calm: Cell::new(false),
            hasher: RefCell::default(),
            setting,
            seed,
            outcome: RefCell::default(),
        }
    }

    /// Whether an operator moves partitions about.
    pub fn moves(&self) -> bool {
        self.setting.moves.unwrap_or(self.seed.is_multiple_of(2)) || self.setting.is_calm
    }

    pub fn nodes(&self) -> Range<usize> {
        0..NODES
    }

    pub fn id_of(&self, index: usize) -> NodeId {
        NodeId(0x1111 * (index as u64 + 1) + 0x1_0000 * self.wipes[index].get())
    }

    pub fn index_of(&self, id: NodeId) -> Option<usize> {
        self.nodes().find(|index| self.id_of(*index) == id)
    }

    pub fn process(&self, index: usize) -> Option<Rc<Process>> {
        self.processes[index].borrow().clone()
    }

    pub fn dice(&self, range: Range<u64>) -> u64 {
        self.random.borrow_mut().within(range)
    }

    pub fn next_value(&self) -> u64 {
        self.values.set(self.values.get() + 1);
        self.values.get()
    }

    /// Something happened.
    pub fn note(&self, what: &str) {
        (now(), what).hash(&mut *self.hasher.borrow_mut());
        if self.setting.is_traced {
            eprintln!("{:?} {what}", now());
        }
    }

    pub fn violate(&self, what: String) {
        self.note(&format!("VIOLATION {what}"));
        let mut outcome = self.outcome.borrow_mut();
        if outcome.violation.is_none() {
            outcome.violation = Some(format!("at {:?}: {what}", now()));
        }
    }

    pub fn count_error(&self, reply: &str) {
        if self.setting.is_calm {
            self.violate(format!("a client was told {reply:?}"));
        }
        let text = reply.split(':').next().unwrap_or_default().trim_end().to_string();
        *self.outcome.borrow_mut().errors.entry(text).or_default() += 1;
    }

    pub fn record(&self, key: &str, is_strong: bool, operation: Operation) {
        let mut outcome = self.outcome.borrow_mut();
        outcome.operations += 1;
        outcome.unknown += u64::from(operation.end == u64::MAX);
        if is_strong {
            self.histories.borrow_mut().entry(key.into()).or_default().push(operation);
        }
    }

    /// In which generation of its partition a key is now, by the newest state that any node acts on.
    pub fn generation_of(&self, key: &str) -> Option<u64> {
        let views = self.nodes().filter_map(|node| self.process(node)).map(|process| process.core.view());
        let newest = views.filter(|view| view.metadata.is_formed()).max_by_key(|view| view.epoch())?;
        Some(newest.metadata.of_slot(slot_of(key.as_bytes())).generation)
    }

    /// The same of its term.
    pub fn term_of(&self, key: &str) -> Option<u64> {
        let views = self.nodes().filter_map(|node| self.process(node)).map(|process| process.core.view());
        let newest = views.filter(|view| view.metadata.is_formed()).max_by_key(|view| view.epoch())?;
        Some(newest.metadata.of_slot(slot_of(key.as_bytes())).term)
    }

    pub fn acknowledged(&self, key: &str) -> Option<u64> {
        self.acknowledged.borrow().get(key).copied()
    }

    pub fn acknowledge(&self, key: &str, generation: Option<u64>) {
        if let Some(generation) = generation {
            self.acknowledged.borrow_mut().insert(key.into(), generation);
        }
    }

    fn record_of(&self, index: usize) -> NodeRecord {
        self.incarnations.set(self.incarnations.get() + 1);
        let door = |kind: u16| format!("10.0.0.{}:{kind}", index + 1);
        NodeRecord {
            id: self.id_of(index),
            name: format!("n{}", index + 1),
            zone: String::new(),
            weight: NodeRecord::WEIGHT_DEFAULT,
            addresses: Addresses { gateway: door(1), cluster: door(2), control: door(3), peers: door(4) },
            incarnation: Incarnation(
                1000 + if self.setting.keeps_incarnation { index as u64 } else { self.incarnations.get() },
            ),
            state: NodeState::Up,
            version: "0.1.0".into(),
            level: dcache_protocol::LEVEL,
            memory_bytes: 64 << 20,
            share: Default::default(),
            maintenance_until_unix_ms: 0,
            is_stopping: false,
        }
    }

    async fn start(self: &Rc<Self>, index: usize) {
        // Less than a record's head, so that nothing of it can be taken for one.
        let torn = vec![7; self.dice(0..12) as usize];
        let torn = if self.incarnations.get() < NODES as u64 { &[][..] } else { &torn };
        let disk = SimDisk::attach(&self.platters[index].borrow(), torn);
        let process = Process::start(self, index, self.record_of(index), disk, self.clocks[index].clone()).await;
        if self.wipes[index].get() > 0 {
            process.join();
        }
        *self.processes[index].borrow_mut() = Some(process);
        self.note(&format!("node {index} starts"));
    }

    fn crash(&self, index: usize) {
        if let Some(process) = self.processes[index].borrow_mut().take() {
            self.note(&format!("node {index} crashes"));
            process.is_alive.set(false);
            tokio::task::spawn_local(async move {
                // What it is doing does not reach the disk any more once another life began.
                process.log.shutdown().await;
            });
        }
    }

    /// The node is gone with its disk; who comes in its place is another one of its name.
    fn wipe(&self, index: usize) {
        self.crash(index);
        self.note(&format!("node {index} loses its disk"));
        *self.platters[index].borrow_mut() = Arc::default();
        self.wipes[index].set(self.wipes[index].get() + 1);
    }

    /// Whether the newest state that any node acts on has this one.
    pub fn knows(&self, id: NodeId) -> bool {
        let views = self.nodes().filter_map(|node| self.process(node)).map(|process| process.core.view());
        views.max_by_key(|view| view.epoch()).is_some_and(|view| view.metadata.nodes.contains_key(&id))
    }

    async fn form(self: &Rc<Self>) {
        for index in self.nodes() {
            self.start(index).await;
        }
        let processes: Vec<Rc<Process>> = self.nodes().filter_map(|index| self.process(index)).collect();
        let voters: Vec<NodeId> = (0..VOTERS).map(|index| self.id_of(index)).collect();
        processes[0].log.initialize(&voters).await.expect("begins");
        let nodes: Vec<NodeRecord> = processes.iter().map(|process| process.record.clone()).collect();
        let candidates: Vec<Candidate> =
            nodes.iter().map(|node| Candidate { id: node.id, weight: node.weight, zone: node.zone.clone() }).collect();
        let table = place_copies(&place(PARTITIONS, &candidates, &[]), &candidates, 2, &[]);
        let at = |node: &NodeRecord| ClusterSpecNode {
            peers: node.addresses.peers.clone(),
            name: None,
            weight: None,
            zone: None,
        };
        let strong = NamespaceSpec {
            name: "strong".into(),
            matches: Some(Match::Prefix("s:".into())),
            consistency: Consistency::Strong,
            strong_read: match self.setting.is_confirmed.unwrap_or(self.seed.is_multiple_of(3)) {
                true => StrongRead::Confirm,
                false => StrongRead::Lease,
            },
            ..NamespaceSpec::default_namespace()
        };
        let uncopied = NamespaceSpec {
            name: "uncopied".into(),
            matches: Some(Match::Prefix("u:".into())),
            replicas: Some(0),
            ..NamespaceSpec::default_namespace()
        };
        let any = NamespaceSpec {
            name: "any".into(),
            matches: Some(Match::Prefix("a:".into())),
            reads: Reads::Any,
            max_staleness_ms: Some(MAX_STALENESS.as_millis() as u64),
            ..NamespaceSpec::default_namespace()
        };
        let spec = ClusterSpec {
            name: "sim".into(),
            partitions: PARTITIONS,
            copies: 1,
            rebuild_after_ms: 3000,
            auto_rebalance: false,
            nodes: nodes.iter().map(at).collect(),
            namespaces: vec![strong.clone(), any.clone(), uncopied.clone()],
        };
        let form =
            Command::Form { cluster_id: NodeId(99), spec, nodes, table, namespaces: vec![strong, any, uncopied] };
        assert!(processes[0].propose(self, form).await, "a new log agrees");
        let is_formed = |process: &Rc<Process>| process.core.view().metadata.is_formed();
        // The fourth is told once it is enrolled.
        while !processes[..VOTERS].iter().all(is_formed) {
            sleep(MS).await;
        }
        let enrolled = timeout(Duration::from_secs(5), processes[0].log.add_learner(self.id_of(3))).await;
        assert!(enrolled.is_ok(), "the fourth is taken in");
        while !processes.iter().all(is_formed) {
            sleep(MS).await;
        }
    }

    async fn live(self: &Rc<Self>) {
        self.form().await;
        self.note("formed");
        let tasks: Vec<_> = (0..CLIENTS)
            .map(|number| tokio::task::spawn_local(client::run(self.clone(), number)))
            .chain([
                tokio::task::spawn_local(faults(self.clone())),
                tokio::task::spawn_local(watch(self.clone())),
                tokio::task::spawn_local(operator::run(self.clone())),
            ])
            .collect();
        sleep((CALM_FROM + MS * 500).saturating_sub(now())).await;
        self.heal().await;
        for task in tasks {
            task.await.expect("no task panics");
        }
        sleep(CHECK_FROM.saturating_sub(now())).await;
        client::check_calm(self.clone()).await;
    }

    async fn heal(self: &Rc<Self>) {
        self.note("all is healed");
        self.net.cuts.borrow_mut().clear();
        self.net.loss_per_mille.set(0);
        self.net.slow.set(MS * 20);
        self.net.paused_until.iter().for_each(|until| until.set(Duration::ZERO));
        for index in self.nodes() {
            // A disk that was full ended the log; an operator starts such a node again.
            if self.platters[index].borrow().lock().is_full {
                self.crash(index);
            }
            if self.process(index).is_none() {
                self.start(index).await;
            }
        }
    }

    /// At most one node answers for a partition at a moment.
    fn check_servers(&self) {
        for number in (0..PARTITIONS).map(PartitionId) {
            let serves = |index: &usize| {
                let process = self.process(*index);
                process.is_some_and(|process| process.with(|core| core.serves(number)))
            };
            let servers: Vec<usize> = self.nodes().filter(serves).collect();
            if servers.len() > 1 {
                self.violate(format!("partition {number:?} is served by nodes {servers:?} at once"));
            }
        }
    }

    /// Partitions of which not all copies in sync hold the same.
    pub fn diverged(&self) -> Vec<PartitionId> {
        let Some(process) = self.process(0) else { return Vec::new() };
        let view = process.core.view();
        let is_diverged = |number: &PartitionId| {
            let in_sync = &view.metadata.table[number.index()].in_sync;
            let digests: Vec<Option<u64>> = in_sync
                .iter()
                .map(|member| self.process(self.index_of(member.node)?)?.with(|core| core.digest(*number)))
                .collect();
            digests.iter().any(|digest| digest.is_none() || *digest != digests[0])
        };
        (0..PARTITIONS).map(PartitionId).filter(is_diverged).collect()
    }

    fn finish(&self) -> Outcome {
        let mut outcome = std::mem::take(&mut *self.outcome.borrow_mut());
        for (key, history) in &*self.histories.borrow() {
            if let Err(wrong) = linearizable::check(history)
                && outcome.violation.is_none()
            {
                outcome.violation = Some(format!("key {key}: {wrong}"));
            }
        }
        if outcome.violation.is_none() && !self.was_calm.get() {
            outcome.violation = Some("the last checks did not end".into());
        }
        if let Some(process) = self.process(0) {
            let view = process.core.view();
            let of_all = |figure: fn(&dcache_cluster::failover::Configuration) -> u64| -> u64 {
                view.metadata.table.iter().map(figure).sum()
            };
            outcome.terms = of_all(|partition| partition.term);
            outcome.generations = of_all(|partition| partition.generation);
            outcome.leaders = process.log.leadership().borrow().term;
            let processes = self.nodes().filter_map(|node| self.process(node));
            outcome.copy_reads = processes.map(|process| process.core.traffic().copy_reads).sum();
            if outcome.violation.is_none()
                && let Some(operation) = view.metadata.operation()
            {
                outcome.violation = Some(format!("an operation does not end: {operation:?}"));
            }
            outcome.operations_begun = view.metadata.last_operation;
            for operation in view.metadata.operations.values() {
                outcome.moves += operation.totals.done;
                outcome.operations_cancelled += u64::from(operation.state == OperationState::Cancelled);
            }
            let whole = view.metadata.table.iter().all(|partition| partition.in_sync.len() == 2);
            if outcome.violation.is_none() && !whole {
                outcome.violation = Some(format!("not every copy is in sync again: {:?}", view.metadata.table));
            }
        }
        outcome.trace = self.hasher.borrow().finish();
        outcome
    }
}

async fn watch(world: Rc<World>) {
    while now() < CALM_FROM {
        sleep(MS * 5).await;
        world.check_servers();
    }
}

async fn faults(world: Rc<World>) {
    while now() < CALM_FROM && !world.setting.is_calm {
        let calm = world.dice(100..2500);
        sleep(MS * calm as u32).await;
        world.outcome.borrow_mut().faults += 1;
        let node = world.dice(0..NODES as u64) as usize;
        let lasts = MS * world.dice(50..4500) as u32;
        let kind = world.dice(0..13);
        if world.setting.only_unseats {
            unseat(&world, node, lasts);
            continue;
        }
        match kind {
            0 | 1 => crash_for(&world, vec![node], lasts),
            2 => crash_for(&world, leader(&world).into_iter().collect(), lasts),
            3 => pause(&world, node, lasts),
            4 => leader(&world).into_iter().for_each(|leader| pause(&world, leader, lasts)),
            5 => cut(&world, |from, to| from == node || to == node, lasts),
            6 => cut(&world, |from, _| from == node, lasts),
            7 => cut(&world, |_, to| to == node, lasts),
            8 => {
                let other = world.dice(0..NODES as u64) as usize;
                cut(&world, |from, to| (from, to) == (node, other) || (from, to) == (other, node), lasts);
            }
            9 => disturb(&world, lasts),
            10 => turn_clock(&world, node),
            11 => unseat(&world, node, lasts),
            _ => aimed(&world, lasts),
        }
        if world.dice(0..20) == 0 {
            let all: Vec<usize> = world.nodes().filter(|_| world.dice(0..3) > 0).collect();
            crash_for(&world, all, lasts);
        }
        if world.dice(0..7) == 0 && now() < CALM_FROM && may_wipe(&world) {
            let longer = lasts + Duration::from_secs(world.dice(0..12));
            world.wipe(node);
            start_after(&world, node, longer);
        }
        if world.dice(0..20) == 0 {
            fill_disk(&world, node, lasts);
        }
    }
}

/// Who loses more than one voter's disk at a time loses the log: all must know the same voters, and all of those be there.
fn may_wipe(world: &Rc<World>) -> bool {
    let voters_of = |process: Rc<Process>| process.log.leadership().borrow().voters.clone();
    let known: Vec<_> = world.nodes().filter_map(|node| world.process(node)).map(voters_of).collect();
    let is_whole = |voters: &BTreeSet<NodeId>| voters.iter().all(|voter| world.index_of(*voter).is_some());
    known.len() == NODES && known.iter().all(|voters| *voters == known[0] && is_whole(voters))
}

fn leader(world: &Rc<World>) -> Option<usize> {
    let is_leader = |index: &usize| world.process(*index).is_some_and(|process| process.log.leads_with_quorum());
    world.nodes().find(is_leader)
}

fn crash_for(world: &Rc<World>, nodes: Vec<usize>, lasts: Duration) {
    for node in nodes {
        if world.process(node).is_none() || now() >= CALM_FROM {
            continue;
        }
        world.crash(node);
        // Mostly soon; sometimes only after its copies are built elsewhere.
        let lasts = match world.dice(0..6) {
            0 => lasts + Duration::from_secs(5),
            _ => lasts / world.dice(1..20) as u32,
        };
        start_after(world, node, lasts);
    }
}

fn start_after(world: &Rc<World>, node: usize, time: Duration) {
    let world = world.clone();
    tokio::task::spawn_local(async move {
        sleep(time).await;
        if world.process(node).is_none() && now() < CALM_FROM {
            world.start(node).await;
        }
    });
}

fn pause(world: &Rc<World>, node: usize, lasts: Duration) {
    if now() >= CALM_FROM {
        return;
    }
    world.note(&format!("node {node} stands still for {lasts:?}"));
    world.net.paused_until[node].set(now() + lasts);
}

/// Cuts the ways that are said, until some time later.
fn cut(world: &Rc<World>, is_cut: impl Fn(usize, usize) -> bool, lasts: Duration) {
    if now() >= CALM_FROM {
        return;
    }
    let ways = world.nodes().flat_map(|from| world.nodes().map(move |to| (from, to)));
    let ways: Vec<(usize, usize)> = ways.filter(|(from, to)| from != to && is_cut(*from, *to)).collect();
    world.note(&format!("cut {ways:?} for {lasts:?}"));
    world.net.cuts.borrow_mut().extend(ways.iter().copied());
    let world = world.clone();
    tokio::task::spawn_local(async move {
        sleep(lasts).await;
        world.net.cuts.borrow_mut().retain(|way| !ways.contains(way));
    });
}

fn disturb(world: &Rc<World>, lasts: Duration) {
    if now() >= CALM_FROM {
        return;
    }
    let (loss, slow) = (world.dice(0..300), MS * world.dice(1..400) as u32);
    world.note(&format!("{loss} of a thousand messages are lost and some take {slow:?}, for {lasts:?}"));
    world.net.loss_per_mille.set(loss);
    world.net.slow.set(slow);
    let world = world.clone();
    tokio::task::spawn_local(async move {
        sleep(lasts).await;
        world.net.loss_per_mille.set(0);
        world.net.slow.set(MS * 20);
    });
}

fn turn_clock(world: &Rc<World>, node: usize) {
    let by = [-3_600_000, -1500, -300, 300, 1500, 3_600_000][world.dice(0..6) as usize];
    world.note(&format!("the wall clock of node {node} jumps by {by} ms"));
    let clock = world.clocks[node].get();
    world.clocks[node].set(NodeClock { wall_ms: clock.wall_ms + by, ..clock });
}

fn fill_disk(world: &Rc<World>, node: usize, lasts: Duration) {
    if now() >= CALM_FROM {
        return;
    }
    world.note(&format!("the disk of node {node} is full"));
    world.platters[node].borrow().lock().is_full = true;
    let world = world.clone();
    tokio::task::spawn_local(async move {
        sleep(lasts).await;
        if world.platters[node].borrow().lock().is_full && now() < CALM_FROM {
            crash_for(&world, vec![node], MS * 100);
        }
    });
}

/// Cuts the leader from one node for long, and then from all: who is elected heard it long ago, but not who elects.
fn unseat(world: &Rc<World>, other: usize, lasts: Duration) {
    let Some(leader) = leader(world).filter(|leader| *leader != other) else { return };
    cut(world, |from, to| (from, to) == (leader, other) || (from, to) == (other, leader), lasts + MS * 4000);
    let world = world.clone();
    tokio::task::spawn_local(async move {
        sleep(MS * 2000).await;
        cut(&world, |from, to| from == leader || to == leader, lasts + MS * 1500);
    });
}

/// Keeps a primary from its other copy for a moment, and then kills it.
fn aimed(world: &Rc<World>, lasts: Duration) {
    let key = client::strong_key(world.dice(0..4));
    let Some(process) = world.nodes().find_map(|node| world.process(node)) else { return };
    let view = process.core.view();
    let agreed = view.metadata.of_slot(slot_of(key.as_bytes()));
    let Some(primary) = agreed.primary.and_then(|member| world.index_of(member.node)) else { return };
    let others: Vec<usize> = agreed.copies.iter().filter_map(|node| world.index_of(*node)).collect();
    let (first, then) = (MS * world.dice(1..400) as u32, world.dice(0..3));
    cut(world, |from, to| from == primary && others.contains(&to), first + lasts);
    let world = world.clone();
    tokio::task::spawn_local(async move {
        sleep(first).await;
        match then {
            0 => crash_for(&world, vec![primary], lasts),
            1 => pause(&world, primary, lasts),
            _ => cut(&world, |from, to| from == primary || to == primary, lasts),
        }
    });
}
