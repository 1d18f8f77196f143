//! Four nodes with a copy each of one partition, the network between them, clients, and who decides about copies; on one
//! clock, in one thread, all by one seed.
//!
//! The copies are the product's ([`Replica`]), and so are the rules of what is agreed ([`Configuration`]) and of leases
//! ([`Leases`]). Modelled are the metadata log (a leader among three voters that acts while it reaches a majority; a deposed one
//! may not know), the store, and the network, which delays, loses, repeats, reorders and cuts. Nodes pause, crash and come back
//! empty, and their clocks run at other rates. Left out: openraft itself and the rest of a node.

use crate::checker::invariants::{Copy, Invariants};
use crate::checker::linearizable::{Kind, Operation};
use crate::random::Random;
use dcache_cluster::failover::{Change, Configuration, Member, Registry};
use dcache_cluster::lease::{Leases, lease_end};
use dcache_cluster::membership;
use dcache_cluster::replication::{Effect, Message, Output, Replica};
use dcache_protocol::{Incarnation, NodeId};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

pub const NODES: usize = 4;
/// The first ones are voters.
const VOTERS: usize = 3;
const CLIENTS: usize = 6;
const KEYS: u64 = 8;
/// Keys of a piece of the store.
const PIECE: usize = 2;

/// All in microseconds of the world's clock.
const MS: u64 = 1000;
const TICK_EVERY: u64 = 20 * MS;
const ELECTION: u64 = 700 * MS;
const CLIENT_GIVES_UP: u64 = 400 * MS;
/// Faults happen before this, of the run's 30 seconds.
const CALM_FROM: u64 = 24_000 * MS;
const END: u64 = 30_000 * MS;
/// A log of some twenty entries is kept without need, and some hundred and fifty with it.
const BACKLOG_BYTES: u64 = 1800;
const LOG_BYTES_MAX: u64 = 13_000;
const IN_FLIGHT_BYTES: u64 = 900;

/// A rule of the world to break; those of a copy are in `dcache_cluster::replication`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "mutants"), allow(dead_code, reason = "broken by the mutants' test only"))]
pub enum Broken {
    FailoverWithoutLease,
    RestartKeepsIncarnation,
    DeposedLeaderGrants,
    EvictionNotLogged,
}

/// What a run is made of besides its seed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Setting {
    pub broken: Option<Broken>,
    #[cfg(feature = "mutants")]
    pub mutant: Option<dcache_cluster::replication::Mutant>,
    /// The partition has two copies, and goes to other nodes again and again.
    pub moves: bool,
    /// Cuts a primary from the next one and kills it a moment later, again and again.
    pub is_aimed: bool,
    pub is_traced: bool,
}

/// What a run came to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The first thing that was wrong.
    pub violation: Option<String>,
    pub histories: BTreeMap<u64, Vec<Operation>>,
    /// Of everything that happened.
    pub trace: u64,
    pub events: u64,
    pub terms: u64,
    pub generations: u64,
    pub answered: u64,
    /// Full syncs begun and ended, and copies that lost entries by themselves.
    pub syncs: u64,
    pub synced: u64,
    pub lossy: u64,
    /// Moves begun and settled.
    pub moves: u64,
    pub settled: u64,
}

#[derive(Clone, Debug)]
enum Event {
    Tick,
    Heartbeat,
    Message(Message),
    ReadChunk {
        to: Member,
        attempt: u64,
        cursor: Option<u64>,
    },
    /// Nothing here is in no other copy.
    ReadRest {
        to: Member,
    },
    Agreed {
        lease_end: Option<Duration>,
        configuration: Configuration,
        learners: Vec<Member>,
    },
    Request {
        client: usize,
        key: u64,
        write: Option<u64>,
        number: u64,
    },
    Crash,
    Restart,
    // Of nobody's node.
    Beat {
        from: usize,
        member: Member,
        sent: Duration,
        to: usize,
    },
    Proposal {
        from: Member,
        version: u64,
        change: Change,
    },
    Fetch {
        from: usize,
    },
    Answer {
        client: usize,
        number: u64,
        answer: Answer,
    },
    GiveUp {
        client: usize,
        number: u64,
    },
    Think {
        client: usize,
    },
    Lead,
    Fault,
}

#[derive(Clone, Copy, Debug)]
enum Answer {
    Done(Option<u64>),
    /// Certainly not executed.
    Refused,
    Unknown,
}

/// A reply that waits for a commit.
#[derive(Debug)]
struct Held {
    seq: u64,
    term: u64,
    client: usize,
    number: u64,
    /// What a read saw.
    value: Option<u64>,
    is_write: bool,
}

struct Node {
    member: Member,
    is_up: bool,
    /// Of the process: what was meant for an earlier one is lost.
    life: u64,
    paused_until: u64,
    /// Of a clock that was zero at some moment before the world's.
    offset: u64,
    per_mille: u64,
    replica: Replica,
    store: BTreeMap<u64, u64>,
    held: Vec<Held>,
    /// Version of the newest configuration it was told.
    knows: u64,
}

impl Node {
    fn clock(&self, now: u64) -> Duration {
        Duration::from_micros(self.offset + now * self.per_mille / 1000)
    }

    fn apply(&mut self, effect: &Effect) {
        for (key, value) in pairs(effect) {
            match value {
                0 => self.store.remove(&key),
                value => self.store.insert(key, value),
            };
        }
    }

    /// A piece of the store from a key on, and where the next one begins.
    fn piece(&self, from: u64) -> (Effect, Option<u64>) {
        let bytes = self.store.range(from..).take(PIECE).flat_map(|(key, value)| effect(*key, *value).to_vec());
        (bytes.collect(), self.store.range(from..).nth(PIECE).map(|(key, _)| *key))
    }
}

fn micros(duration: Duration) -> u64 {
    duration.as_micros() as u64
}

fn copy_of(node: &Node, now: u64) -> Copy<'_> {
    Copy { member: node.member, replica: &node.replica, clock: node.clock(now), store: &node.store }
}

/// Sets a key; to nothing if the value is 0.
fn effect(key: u64, value: u64) -> Effect {
    [key.to_be_bytes(), value.to_be_bytes()].concat().into()
}

fn pairs(effect: &Effect) -> impl Iterator<Item = (u64, u64)> + '_ {
    let number = |bytes: &[u8]| bytes.iter().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
    effect.chunks(16).map(move |pair| (number(&pair[..8]), number(&pair[8..])))
}

struct Client {
    /// The operation under way.
    open: Option<(u64, u64, Operation)>,
    believes: usize,
}

/// Who decides about copies.
struct Leader {
    node: usize,
    /// Since when it was not seen to reach a majority.
    lost_since: Option<u64>,
    deposed: Option<usize>,
    leases: Leases,
}

pub struct World {
    setting: Setting,
    random: Random,
    now: u64,
    queue: BinaryHeap<Reverse<(u64, u64)>>,
    events: BTreeMap<u64, (Option<(usize, u64)>, Event)>,
    scheduled: u64,
    nodes: Vec<Node>,
    clients: Vec<Client>,
    cuts: BTreeSet<(usize, usize)>,
    loss_per_mille: u64,
    /// How long a node takes to read a piece at most, and how often a copy that is no primary evicts.
    reads_within: u64,
    loses_per_mille: u64,
    leader: Leader,
    registry: Registry,
    agreed: Configuration,
    invariants: Invariants,
    numbers: u64,
    incarnations: u64,
    outcome: Outcome,
    hasher: DefaultHasher,
}

impl World {
    pub fn run(seed: u64, setting: Setting) -> Outcome {
        let mut world = World::new(seed, setting);
        while let Some(Reverse((at, number))) = world.queue.pop() {
            if at > END || world.outcome.violation.is_some() {
                break;
            }
            let Some((whom, event)) = world.events.remove(&number) else { continue };
            world.now = at;
            world.happen(number, whom, event);
        }
        world.finish()
    }

    fn new(seed: u64, setting: Setting) -> World {
        let mut random = Random::new(seed);
        let copies = if setting.moves { 2 } else { NODES as u64 };
        let agreed = Configuration::new((0..copies).map(NodeId).collect());
        let mut world = World {
            setting,
            now: 0,
            queue: BinaryHeap::new(),
            events: BTreeMap::new(),
            scheduled: 0,
            nodes: Vec::new(),
            clients: Vec::new(),
            cuts: BTreeSet::new(),
            loss_per_mille: 0,
            reads_within: [3 * MS, 8 * MS, 60 * MS, 150 * MS][(seed / 2 % 4) as usize],
            loses_per_mille: [0, 1, 4][(seed % 3) as usize],
            leader: Leader { node: 0, lost_since: None, deposed: None, leases: Leases::lead(Duration::ZERO) },
            registry: Registry::default(),
            agreed: agreed.clone(),
            invariants: Invariants::default(),
            numbers: 0,
            incarnations: 0,
            outcome: Outcome::default(),
            hasher: DefaultHasher::new(),
            random: Random::new(seed ^ 0x5eed),
        };
        for index in 0..NODES {
            let member = world.new_member(index);
            world.nodes.push(Node {
                member,
                is_up: true,
                life: 0,
                paused_until: 0,
                offset: random.within(0..1_000_000_000),
                per_mille: random.within(980..1021),
                replica: world.new_replica(member),
                store: BTreeMap::new(),
                held: Vec::new(),
                knows: 0,
            });
            world.start(index);
        }
        world.leader.leases = Leases::lead(world.nodes[0].clock(0));
        for client in 0..CLIENTS {
            world.clients.push(Client { open: None, believes: 0 });
            let delay = world.random.within(100 * MS..200 * MS);
            world.later(delay, None, Event::Think { client });
        }
        world.later(0, None, Event::Lead);
        world.later(500 * MS, None, Event::Fault);
        world
    }

    fn new_member(&mut self, index: usize) -> Member {
        self.incarnations += 1;
        Member { node: NodeId(index as u64), incarnation: Incarnation(self.incarnations) }
    }

    fn new_replica(&self, member: Member) -> Replica {
        let mut replica = Replica::new(member, Configuration::new(self.agreed.copies.clone()), 1);
        replica.limit_in_flight(IN_FLIGHT_BYTES);
        #[cfg(feature = "mutants")]
        {
            replica.mutant = self.setting.mutant;
        }
        replica
    }

    fn start(&mut self, index: usize) {
        let life = self.nodes[index].life;
        let whom = Some((index, life));
        let delay = self.random.within(0..TICK_EVERY);
        self.later(delay, whom, Event::Tick);
        self.later(delay, whom, Event::Heartbeat);
    }

    fn later(&mut self, delay: u64, whom: Option<(usize, u64)>, event: Event) {
        self.scheduled += 1;
        self.queue.push(Reverse((self.now + delay, self.scheduled)));
        self.events.insert(self.scheduled, (whom, event));
    }

    fn is_broken(&self, rule: Broken) -> bool {
        self.setting.broken == Some(rule)
    }

    fn happen(&mut self, number: u64, whom: Option<(usize, u64)>, event: Event) {
        if let Some((index, life)) = whom {
            let node = &self.nodes[index];
            let is_lost = node.life != life || (!node.is_up && !matches!(event, Event::Restart));
            if is_lost {
                return;
            }
            if node.paused_until > self.now {
                let delay = node.paused_until - self.now;
                return self.later(delay, whom, event);
            }
        }
        self.outcome.events += 1;
        (self.now, number, whom, std::mem::discriminant(&event)).hash(&mut self.hasher);
        if self.setting.is_traced {
            eprintln!("{} {whom:?} {event:?}", self.now);
        }
        match whom {
            Some((index, _)) => self.at_node(index, event),
            None => self.elsewhere(event),
        }
        self.check(whom.map(|whom| whom.0));
    }

    fn check(&mut self, touched: Option<usize>) {
        let up = self.nodes.iter().filter(|node| node.is_up);
        let copy = |node| copy_of(node, self.now);
        let copies: Vec<Copy> = up.map(copy).collect();
        let touched = touched.map(|index| self.nodes[index].member);
        if let Err(wrong) = self.invariants.check(&self.agreed, &copies, touched) {
            self.violate(wrong);
        }
    }

    fn violate(&mut self, wrong: String) {
        self.outcome.violation.get_or_insert(format!("at {} ms: {wrong}", self.now / MS));
    }

    // ---- A node.

    fn at_node(&mut self, index: usize, event: Event) {
        let now = self.nodes[index].clock(self.now);
        let mut out = Vec::new();
        match event {
            Event::Tick => {
                self.evict(index, now);
                let node = &mut self.nodes[index];
                if !node.replica.is_idle() {
                    node.replica.tick(now, &mut out);
                }
                let whom = Some((index, node.life));
                self.later(TICK_EVERY, whom, Event::Tick);
            }
            Event::Heartbeat => self.heartbeat(index, now),
            Event::Message(message) => {
                let replica = &mut self.nodes[index].replica;
                let had_data = replica.has_data();
                replica.receive(now, message, &mut out);
                self.outcome.synced += u64::from(!had_data && replica.has_data());
            }
            Event::ReadChunk { to, attempt, cursor } => {
                let node = &mut self.nodes[index];
                let (state, next) = node.piece(cursor.unwrap_or(0));
                node.replica.send_chunk(now, to, attempt, state, next, &mut out);
                if self.now < CALM_FROM && self.random.chance(40) {
                    self.disturb(index, to.node.0 as usize);
                }
            }
            Event::ReadRest { to } => self.nodes[index].replica.carried(to, None, &mut out),
            Event::Agreed { lease_end, configuration, learners } => {
                if configuration.version < self.nodes[index].knows {
                    return;
                }
                self.nodes[index].knows = configuration.version;
                let member = self.nodes[index].member;
                if configuration.concerns(member) {
                    self.nodes[index].replica.configure(now, &configuration, learners, &mut out);
                } else if self.nodes[index].replica.configuration().version > 0 {
                    // It has no copy any more.
                    self.nodes[index].replica = self.new_replica(member);
                    self.nodes[index].store.clear();
                    self.invariants.forget(member);
                }
                let node = &mut self.nodes[index];
                if let Some(lease_end) = lease_end {
                    node.replica.renew(lease_end);
                }
            }
            Event::Request { client, key, write, number } => self.serve(index, now, client, key, write, number),
            Event::Crash => return self.crash(index),
            Event::Restart => self.restart(index),
            _ => {}
        }
        self.carry_out(index, out);
        let mut out = Vec::new();
        self.nodes[index].replica.flush(now, &mut out);
        self.carry_out(index, out);
        self.release(index, now);
        self.nodes[index].replica.trim(BACKLOG_BYTES, LOG_BYTES_MAX);
    }

    fn heartbeat(&mut self, index: usize, now: Duration) {
        let Node { member, life, .. } = self.nodes[index];
        self.later(micros(membership::HEARTBEAT_EVERY), Some((index, life)), Event::Heartbeat);
        // Nodes try whoever answered before; a deposed leader may be among them.
        let leaders = [Some(self.leader.node), self.leader.deposed];
        for to in leaders.into_iter().flatten() {
            self.send(index, to, None, Event::Beat { from: index, member, sent: now, to });
        }
    }

    fn serve(&mut self, index: usize, now: Duration, client: usize, key: u64, write: Option<u64>, number: u64) {
        let node = &mut self.nodes[index];
        let term = node.replica.configuration().term;
        let held = match write {
            Some(value) => node.replica.write(now, Some(key), effect(key, value)).map(|seq| {
                node.store.insert(key, value);
                Held { seq, term, client, number, value: None, is_write: true }
            }),
            None => node.replica.read(now, key).map(|seq| {
                let value = node.store.get(&key).copied();
                Held { seq, term, client, number, value, is_write: false }
            }),
        };
        match held {
            Ok(held) => node.held.push(held),
            Err(_) => self.reply(index, client, number, Answer::Refused),
        }
    }

    /// What a full memory does.
    fn evict(&mut self, index: usize, now: Duration) {
        let node = &mut self.nodes[index];
        if node.replica.has_data() && !node.replica.is_primary() && self.random.chance(self.loses_per_mille) {
            let nth = self.random.within(0..node.store.len() as u64) as usize;
            if let Some(key) = node.store.keys().nth(nth).copied() {
                self.outcome.lossy += 1;
                node.replica.note_lossy();
                node.store.remove(&key);
            }
        }
        if !self.random.chance(20) {
            return;
        }
        let logs = !self.is_broken(Broken::EvictionNotLogged);
        let node = &mut self.nodes[index];
        let Some(key) = node.store.keys().next().copied() else { return };
        if node.replica.serves(now) && (!logs || node.replica.write(now, Some(key), effect(key, 0)).is_ok()) {
            node.store.remove(&key);
        }
    }

    fn release(&mut self, index: usize, now: Duration) {
        for held in std::mem::take(&mut self.nodes[index].held) {
            let node = &mut self.nodes[index];
            match node.replica.watermark(now, held.term) {
                Some(watermark) if watermark >= held.seq => {
                    if held.is_write
                        && let Some(entry) = node.replica.entry(held.seq)
                    {
                        let generation = node.replica.configuration().generation;
                        self.invariants.acknowledge(generation, entry.clone());
                    }
                    self.reply(index, held.client, held.number, Answer::Done(held.value));
                }
                Some(_) => node.held.push(held),
                None => self.reply(index, held.client, held.number, Answer::Unknown),
            }
        }
    }

    fn reply(&mut self, _index: usize, client: usize, number: u64, answer: Answer) {
        let delay = self.random.within(100..2 * MS);
        self.later(delay, None, Event::Answer { client, number, answer });
    }

    fn carry_out(&mut self, index: usize, out: Vec<Output>) {
        for output in out {
            let node = &mut self.nodes[index];
            match output {
                Output::Send(to, message) => {
                    let to = to.node.0 as usize;
                    let whom = (to, self.nodes[to].life);
                    self.send(index, to, Some(whom), Event::Message(message));
                }
                Output::Propose { version, change } => {
                    let from = node.member;
                    let to = self.leader.node;
                    self.send(index, to, None, Event::Proposal { from, version, change });
                }
                Output::Apply(effects) => effects.iter().for_each(|effect| node.apply(effect)),
                Output::Clear => node.store.clear(),
                Output::Load(state) => node.apply(&state),
                Output::ReadChunk { to, attempt, cursor } => {
                    self.outcome.syncs += u64::from(cursor.is_none());
                    let whom = Some((index, node.life));
                    let delay = self.random.within(MS..self.reads_within);
                    self.later(delay, whom, Event::ReadChunk { to, attempt, cursor });
                }
                Output::ReadRest { to, .. } => {
                    let whom = Some((index, node.life));
                    let delay = self.random.within(MS..self.reads_within);
                    self.later(delay, whom, Event::ReadRest { to });
                }
                Output::FetchConfiguration => {
                    let to = self.leader.node;
                    self.send(index, to, None, Event::Fetch { from: index });
                }
            }
        }
    }

    fn crash(&mut self, index: usize) {
        let down = self.random.within(50 * MS..2500 * MS);
        let node = &mut self.nodes[index];
        if !node.is_up {
            return;
        }
        (node.is_up, node.life, node.paused_until) = (false, node.life + 1, 0);
        let whom = Some((index, node.life));
        self.later(down, whom, Event::Restart);
    }

    fn restart(&mut self, index: usize) {
        let keeps = self.is_broken(Broken::RestartKeepsIncarnation);
        let member = if keeps { self.nodes[index].member } else { self.new_member(index) };
        let replica = self.new_replica(member);
        let node = &mut self.nodes[index];
        (node.member, node.replica, node.is_up) = (member, replica, true);
        node.store.clear();
        node.held.clear();
        node.knows = 0;
        self.start(index);
    }

    // ---- The network.

    fn is_cut(&self, from: usize, to: usize) -> bool {
        from != to && self.cuts.contains(&(from, to))
    }

    fn send(&mut self, from: usize, to: usize, whom: Option<(usize, u64)>, event: Event) {
        if self.is_cut(from, to) || self.random.chance(self.loss_per_mille) {
            return;
        }
        if self.random.chance(10) {
            let delay = self.delay();
            self.later(delay, whom, event.clone());
        }
        let delay = self.delay();
        self.later(delay, whom, event);
    }

    fn delay(&mut self) -> u64 {
        match self.random.within(0..100) {
            0..90 => self.random.within(100..2 * MS),
            90..99 => self.random.within(2 * MS..30 * MS),
            _ => self.random.within(30 * MS..400 * MS),
        }
    }

    // ---- Who decides.

    /// Whether a voter acts and reaches a majority of the voters both ways.
    fn leads(&self, index: usize) -> bool {
        let acts = |index: usize| self.nodes[index].is_up && self.nodes[index].paused_until <= self.now;
        let reached = (0..VOTERS)
            .filter(|other| acts(*other) && !self.is_cut(index, *other) && !self.is_cut(*other, index))
            .count();
        acts(index) && reached * 2 > VOTERS
    }

    /// Every 50 ms.
    fn lead(&mut self) {
        self.later(50 * MS, None, Event::Lead);
        if !self.leads(self.leader.node) {
            let since = *self.leader.lost_since.get_or_insert(self.now);
            if self.now - since >= ELECTION
                && let Some(node) =
                    (0..VOTERS).filter(|voter| self.leads(*voter)).max_by_key(|voter| *voter != self.leader.node)
            {
                let deposed = Some(self.leader.node).filter(|old| *old != node);
                let leases = Leases::lead(self.nodes[node].clock(self.now));
                self.leader = Leader { node, lost_since: None, deposed, leases };
            }
            return;
        }
        self.leader.lost_since = None;
        // Broken: as if almost all of the lease had passed already.
        let ahead =
            if self.is_broken(Broken::FailoverWithoutLease) { membership::LEASE * 4 / 5 } else { Duration::ZERO };
        let clock = self.nodes[self.leader.node].clock(self.now) + ahead;
        let silent = |member: &Member| self.leader.leases.is_over((member.node, member.incarnation), clock);
        let known = (0..NODES as u64).filter_map(|node| self.registry.alive(NodeId(node)));
        for member in known.filter(silent).collect::<Vec<Member>>() {
            self.expire(member);
        }
        if self.agreed.recover(&self.registry) {
            self.publish();
        }
    }

    fn expire(&mut self, member: Member) {
        if !self.is_broken(Broken::FailoverWithoutLease)
            && let Err(wrong) = self.invariants.expire(member, self.now)
        {
            self.violate(wrong);
        }
        if self.registry.expire(member) {
            self.agreed.expire(&[member], &self.registry);
            self.publish();
        }
    }

    fn publish(&mut self) {
        self.outcome.terms = self.agreed.term;
        self.outcome.generations = self.agreed.generation;
        for to in 0..NODES {
            self.tell(to, None);
        }
    }

    fn tell(&mut self, to: usize, lease_end: Option<Duration>) {
        self.tell_from(self.leader.node, to, lease_end);
    }

    fn tell_from(&mut self, from: usize, to: usize, lease_end: Option<Duration>) {
        let configuration = self.agreed.clone();
        let learners = configuration.learners(&self.registry);
        let whom = (to, self.nodes[to].life);
        self.send(from, to, Some(whom), Event::Agreed { lease_end, configuration, learners });
    }

    fn beat(&mut self, from: usize, member: Member, sent: Duration, to: usize) {
        let is_confirmed = to == self.leader.node && self.leads(to);
        let grants_anyway = self.is_broken(Broken::DeposedLeaderGrants)
            && self.leader.deposed == Some(to)
            && self.nodes[to].is_up
            && self.nodes[to].paused_until <= self.now;
        if !is_confirmed {
            if grants_anyway {
                // What it knows is old, and it has no way to see that.
                self.grant(to, from, member, sent);
            }
            return;
        }
        let known = self.registry.member(member.node);
        let clock = self.nodes[to].clock(self.now);
        let is_over = |process: Member| self.leader.leases.is_over((process.node, process.incarnation), clock);
        match known {
            Some(known) if known == member => {}
            Some(known) if self.registry.is_alive(known) && !is_over(known) => return,
            // A process from before, late.
            Some(known) if known.incarnation > member.incarnation => return,
            Some(known) => self.expire(known),
            None => {}
        }
        self.leader.leases.renew((member.node, member.incarnation), clock);
        if !self.registry.is_alive(member) {
            self.registry.register(member);
            self.agreed.recover(&self.registry);
            self.publish();
        }
        self.grant(to, from, member, sent);
    }

    fn grant(&mut self, by: usize, to: usize, member: Member, sent: Duration) {
        let end = lease_end(sent);
        let node = &self.nodes[to];
        if node.member == member && !self.is_broken(Broken::DeposedLeaderGrants) {
            let until = micros(end).saturating_sub(node.offset);
            self.invariants.grant(member, until * 1000 / node.per_mille);
        }
        self.tell_from(by, to, Some(end));
    }

    fn elsewhere(&mut self, event: Event) {
        match event {
            Event::Lead => self.lead(),
            Event::Beat { from, member, sent, to } => self.beat(from, member, sent, to),
            Event::Proposal { from, version, change }
                if self.leads(self.leader.node)
                    && self.agreed.change(version, from, change, &self.registry).is_ok() =>
            {
                self.outcome.settled += u64::from(change == Change::Settle);
                self.publish();
            }
            Event::Fetch { from } if self.leads(self.leader.node) => self.tell(from, None),
            Event::Think { client } => self.think(client),
            Event::Answer { client, number, answer } => self.answered(client, number, answer),
            Event::GiveUp { client, number } => self.answered(client, number, Answer::Unknown),
            Event::Fault => self.fault(),
            _ => {}
        }
    }

    // ---- Clients.

    fn think(&mut self, client: usize) {
        self.numbers += 1;
        let number = self.numbers;
        let key = self.random.within(0..KEYS);
        // Each value is written once.
        let write = self.random.chance(450).then_some(number);
        if self.random.chance(150) {
            self.clients[client].believes = self.random.within(0..NODES as u64) as usize;
        } else if let Some(primary) = self.agreed.primary.filter(|_| self.random.chance(500)) {
            self.clients[client].believes = primary.node.0 as usize;
        }
        let kind = write.map_or(Kind::Read(None), Kind::Write);
        self.clients[client].open = Some((number, key, Operation { begin: self.now, end: u64::MAX, kind }));
        let to = self.clients[client].believes;
        let delay = self.delay();
        let whom = (to, self.nodes[to].life);
        self.later(delay, Some(whom), Event::Request { client, key, write, number });
        self.later(CLIENT_GIVES_UP, None, Event::GiveUp { client, number });
    }

    fn answered(&mut self, client: usize, number: u64, answer: Answer) {
        let Some((_, key, mut operation)) = self.clients[client].open.take_if(|open| open.0 == number) else { return };
        let is_known = match answer {
            Answer::Done(value) => {
                operation.end = self.now;
                if let Kind::Read(seen) = &mut operation.kind {
                    *seen = value;
                }
                self.outcome.answered += 1;
                true
            }
            Answer::Unknown => matches!(operation.kind, Kind::Write(_)),
            Answer::Refused => false,
        };
        if is_known {
            self.outcome.histories.entry(key).or_default().push(operation);
        }
        let delay = self.random.within(MS..25 * MS);
        self.later(delay, None, Event::Think { client });
    }

    // ---- Faults.

    fn fault(&mut self) {
        if self.now >= CALM_FROM {
            self.cuts.clear();
            self.loss_per_mille = 0;
            return;
        }
        let delay = self.random.within(100 * MS..1500 * MS);
        self.later(delay, None, Event::Fault);
        let victim = self.random.within(0..NODES as u64) as usize;
        let primary = self.agreed.primary.map_or(victim, |primary| primary.node.0 as usize);
        let victim = if self.random.chance(500) { primary } else { victim };
        if self.setting.moves && self.random.chance(400) {
            return self.move_or_end();
        }
        if self.setting.is_aimed && self.random.chance(600) {
            return self.aimed(primary);
        }
        match self.random.within(0..10) {
            0 | 1 => self.crash(victim),
            2 | 3 => {
                let span = self.random.within(10 * MS..3000 * MS);
                self.nodes[victim].paused_until = self.now + span;
            }
            4 => {
                let other = self.random.within(0..NODES as u64) as usize;
                self.cuts.insert((victim, other));
                if self.random.chance(600) {
                    self.cuts.insert((other, victim));
                }
            }
            5 => {
                for other in 0..NODES {
                    self.cuts.extend([(victim, other), (other, victim)]);
                }
            }
            6 => self.loss_per_mille = [0, 20, 100, 300][self.random.within(0..4) as usize],
            7 | 8 => {
                self.cuts.clear();
                self.loss_per_mille = self.loss_per_mille.min(100);
            }
            _ => self.transfer(primary),
        }
    }

    /// Sends the partition elsewhere, or, when it is on its way, perhaps takes that back.
    fn move_or_end(&mut self) {
        if !self.leads(self.leader.node) {
            return;
        }
        let version = self.agreed.version;
        let changed = if self.agreed.moving.is_some() {
            self.random.chance(300) && self.agreed.end_move(version, &self.registry).is_ok()
        } else {
            let first = self.random.within(0..NODES as u64);
            let second = (first + self.random.within(1..NODES as u64)) % NODES as u64;
            self.agreed.begin_move(version, &[first, second].map(NodeId)).is_ok()
        };
        self.outcome.moves += u64::from(changed && self.agreed.moving.is_some());
        if changed {
            self.publish();
        }
    }

    /// In the middle of a sync: one of the two is gone for a while or for good, or hears the other no more.
    fn disturb(&mut self, primary: usize, learner: usize) {
        let victim = if self.random.chance(500) { primary } else { learner };
        match self.random.within(0..4) {
            0 => {
                let (delay, life) = (self.random.within(0..10 * MS), self.nodes[victim].life);
                self.later(delay, Some((victim, life)), Event::Crash);
            }
            1 => {
                let span = self.random.within(5 * MS..2000 * MS);
                self.nodes[victim].paused_until = self.nodes[victim].paused_until.max(self.now + span);
            }
            2 => {
                self.cuts.insert((primary, learner));
            }
            _ => {
                self.cuts.insert((learner, primary));
            }
        }
    }

    /// The next primary misses the end of the log, and is the next a moment later.
    fn aimed(&mut self, primary: usize) {
        let backup = self.agreed.in_sync.iter().map(|member| member.node.0 as usize).find(|node| *node != primary);
        let Some(backup) = backup else { return };
        self.cuts.insert((primary, backup));
        let life = self.nodes[primary].life;
        let delay = self.random.within(2 * MS..60 * MS);
        self.later(delay, Some((primary, life)), Event::Crash);
    }

    fn transfer(&mut self, primary: usize) {
        let others: Vec<Member> =
            self.agreed.in_sync.iter().copied().filter(|member| member.node.0 as usize != primary).collect();
        if others.is_empty() || !self.nodes[primary].is_up || self.nodes[primary].paused_until > self.now {
            return;
        }
        let successor = others[self.random.within(0..others.len() as u64) as usize];
        let now = self.nodes[primary].clock(self.now);
        self.nodes[primary].replica.park(now, successor);
        self.at_node(primary, Event::Heartbeat);
    }

    // ---- The end.

    /// Faults ended six seconds ago: someone serves, and all copies are alike.
    fn finish(mut self) -> Outcome {
        if self.outcome.violation.is_none() {
            let up: Vec<&Node> = self.nodes.iter().filter(|node| node.is_up).collect();
            let serving = up.iter().find(|node| node.replica.serves(node.clock(self.now)));
            let wrong = match serving {
                None => {
                    let why: Vec<_> = up.iter().map(|node| node.replica.read(node.clock(self.now), 0)).collect();
                    Some(format!("nobody serves in the end: {why:?}, {:?}", self.agreed))
                }
                Some(_) if self.agreed.in_sync.len() < self.agreed.copies.len() || self.agreed.moving.is_some() => {
                    Some(format!("not all are in sync in the end: {:?}", self.agreed))
                }
                Some(primary) => {
                    let is_copy = |node: &&&Node| self.agreed.copies.contains(&node.member.node);
                    let is_behind = |node: &&&Node| node.replica.last() < primary.replica.last();
                    let behind = up.iter().filter(is_copy).filter(is_behind).map(|node| node.replica.last().seq).min();
                    // What is under way may be missing.
                    behind
                        .filter(|last| last + 30 < primary.replica.last().seq)
                        .map(|last| format!("one is at {last} of {:?}", primary.replica.last()))
                }
            };
            self.outcome.violation = wrong;
        }
        for client in std::mem::take(&mut self.clients) {
            if let Some((_, key, operation)) = client.open {
                self.outcome.histories.entry(key).or_default().push(operation);
            }
        }
        self.outcome.trace = self.hasher.finish();
        self.outcome
    }
}
