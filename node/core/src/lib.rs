//! A whole node without I/O: sessions, commands, routing, and what a node knows of itself.
//!
//! The world drives it by function calls. [`Node`] is shared by all workers; a worker gives a client's bytes to its
//! [`Session`] and writes what comes out; the control loop publishes each new state of the metadata; a timer has bounded
//! background work done. Time comes from the [`Clock`] it is given, randomness from its seed, and nothing here waits.
//!
//! ```text
//! connection ─ bytes ─► Session::advance ─► bytes | Fanout ─ parts ─► links ─► Node::serve_peer on their owners
//! control    ─ Arc<Metadata> ─► Node::publish ─► one View, swapped; workers load it once a batch
//! timers     ─► Node::maintain (10 ms, every worker its share) · Node::sample (1 s)
//! ```
//!
//! Who owns what: the engine's shards, each under its lock, held for one command; the view, replaced as a whole; counters,
//! each written by one worker; clients' names and the background work's lists, under small locks of their own.

pub mod batch;
pub mod blocking;
pub mod clients;
pub mod command;
pub mod control;
pub mod events;
pub mod gateway;
pub mod health;
pub mod heartbeat;
pub mod history;
mod mail;
mod memcached;
mod news;
mod pubsub;
pub mod replication;
pub mod route;
pub mod script;
pub mod session;
mod slow;
pub mod stats;
mod talk;
mod tracking;
pub mod transaction;
pub mod view;

#[cfg(test)]
mod fixture;
mod glob;
mod number;
#[cfg(test)]
mod tests;
mod upkeep;

pub use blocking::{Blocked, Waited};
pub use command::Door;
pub use gateway::scripts::Settled;
pub use gateway::{Fanout, ForwardError, Outcome, Part};
pub use session::{Advance, Session, Step};
pub use view::View;

use clients::Clients;
use dcache_cluster::failover::Member;
use dcache_cluster::metadata::Metadata;
use dcache_engine::{Engine, NamespaceConfig, Policy};
use dcache_protocol::control::{CommandFigures, NamespaceFigures, NodeReport, PolicyCandidate, PolicyChoice, Traffic};
use dcache_protocol::peer::{DataHeader, DataStatus};
use dcache_protocol::resp::parse::{Limits, Parser};
use dcache_protocol::resp::reply::Version;
use dcache_protocol::{Eviction, Incarnation, NodeId, PartitionId, SLOTS, Slot};
use events::Events;
use gateway::scripts::Turn;
use history::{History, Totals};
use news::News;
use parking_lot::{MappedMutexGuard, Mutex};
use replication::Replication;
use replication::hold::Hold;
use slow::Slow;
use stats::{Latencies, Stats};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use talk::{Pause, Talk};
use upkeep::Upkeep;
use view::{Alone, NamespaceIds, Published};

/// The only way core learns time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Time since an arbitrary moment; never goes back.
    pub monotonic: fn() -> Duration,
    /// Milliseconds since 1970; may jump.
    pub unix_ms: fn() -> u64,
}

/// What a node is made with and keeps for its life.
#[derive(Clone, Debug)]
pub struct Config {
    pub id: NodeId,
    /// Of this process's life.
    pub incarnation: Incarnation,
    /// Threads that will drive sessions; their numbers are 0 to `workers - 1`.
    pub workers: usize,
    /// Limit of the cache's memory, keys and overhead included.
    pub memory_bytes: u64,
    pub clock: Clock,
    /// Most clients connected at once.
    pub clients_max: usize,
    /// Where random choices start from; any number.
    pub seed: u64,
    /// Of the operating system, for `INFO`.
    pub process_id: u32,
}

impl Config {
    /// This process, as the cluster names it.
    pub fn member(&self) -> Member {
        Member { node: self.id, incarnation: self.incarnation }
    }
}

/// One node: memory, view, clients and counters. Shared by all workers.
#[derive(Debug)]
pub struct Node {
    config: Config,
    started: Duration,
    engine: Engine,
    replication: Arc<Replication>,
    view: Published,
    namespace_ids: Mutex<NamespaceIds>,
    clients: Clients,
    news: News,
    pub(crate) events: Arc<Events>,
    pub(crate) scripts: Arc<script::Scripts>,
    pub(crate) talk: Talk,
    pub(crate) blocking: Arc<blocking::Registry>,
    pub(crate) pause: Mutex<Option<Pause>>,
    pub(crate) slow: Slow,
    /// A client that is idle so long is ended; 0: none is.
    pub(crate) idle_seconds_max: AtomicU64,
    /// DEBUG is allowed.
    pub(crate) has_debug: AtomicBool,
    /// Entries whose time has come go by themselves, and not only when they are looked for.
    pub(crate) expires: AtomicBool,
    peak_bytes: AtomicU64,
    /// Microseconds of the processors, in the kernel and outside.
    processor_us: [AtomicU64; 2],
    stats: Stats,
    history: Mutex<History>,
    upkeep: Upkeep,
    random: AtomicU64,
    /// Nanoseconds of the monotonic clock.
    lease_until: AtomicU64,
    /// When the lease began that has not run out since; the same clock.
    leased_since: AtomicU64,
    resident_bytes: AtomicU64,
    buffer_bytes: AtomicU64,
    /// One a worker, for requests of other nodes, so that a warm one allocates nothing.
    parsers: Box<[Mutex<Parser>]>,
    /// What `CONFIG RESETSTAT` subtracts from what `INFO` shows.
    pub(crate) info_base: Mutex<command::info::InfoBase>,
}

/// What became of another node's request.
#[derive(Debug)]
pub enum Served {
    Now(DataStatus),
    /// To be given to [`script::Scripts::submit`]; [`Node::settled`] tells what came of it.
    Later(Arc<script::Job>),
}

/// This node's own figures by partition number, in columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartitionFigures {
    pub ops: Vec<u64>,
    pub items: Vec<u64>,
    pub memory_bytes: Vec<u64>,
    /// Of these, about, of namespaces without copies.
    pub uncopied_bytes: Vec<u64>,
    /// Over the last minute, or since the start.
    pub ops_a_second: Vec<u64>,
}

impl Node {
    /// A node that acts on `metadata` at once.
    pub fn new(config: Config, metadata: Arc<Metadata>) -> Node {
        let engine = Engine::new(dcache_engine::Config {
            memory_bytes: config.memory_bytes,
            slots: SLOTS,
            threads: config.workers,
            slot_of: |database, key| dcache_protocol::slot_in(database, key).number(),
        });
        let started = (config.clock.monotonic)();
        let threads = config.workers.max(1) + script::THREADS_MAX;
        let mut namespace_ids = NamespaceIds::new();
        let ids = namespace_ids.assign(metadata.namespaces.keys());
        let view = View::new(metadata.clone(), None, config.member(), ids, None);
        configure(&engine, &view);
        let events = Arc::new(Events::default());
        let replication = Arc::new(Replication::new(config.clock, Arc::clone(&events)));
        engine.set_journal(replication.clone());
        Node {
            started,
            engine,
            replication,
            view: Published::new(view, threads),
            namespace_ids: Mutex::new(namespace_ids),
            clients: Clients::new(config.clients_max),
            news: News::default(),
            events,
            scripts: Arc::new(script::Scripts::new(threads, config.workers.div_ceil(2))),
            talk: Talk::default(),
            blocking: Arc::default(),
            pause: Mutex::default(),
            slow: Slow::default(),
            idle_seconds_max: AtomicU64::new(0),
            has_debug: AtomicBool::new(false),
            expires: AtomicBool::new(true),
            peak_bytes: AtomicU64::new(0),
            processor_us: Default::default(),
            stats: Stats::new(threads, command::COMMANDS.len()),
            history: Mutex::new(History::new(started, command::COMMANDS.len())),
            upkeep: Upkeep::default(),
            random: AtomicU64::new(config.seed),
            lease_until: AtomicU64::new(0),
            leased_since: AtomicU64::new(0),
            resident_bytes: AtomicU64::new(0),
            buffer_bytes: AtomicU64::new(0),
            parsers: (0..threads).map(|_| Mutex::new(Parser::new(Limits::default()))).collect(),
            info_base: Mutex::default(),
            config,
        }
    }

    /// Acts on a new state of the metadata. Called by one thread at a time, with states in the order they were agreed.
    ///
    /// Entries of slots this node lost are dropped in the background. A slot it gains begins empty: what may be left in it
    /// from an earlier ownership is stale.
    pub fn publish(&self, metadata: Arc<Metadata>, leader: Option<NodeId>) {
        let before = self.view();
        let mut next = {
            let mut ids = self.namespace_ids.lock();
            let ids = ids.assign(metadata.namespaces.keys());
            View::new(metadata.clone(), leader, self.config.member(), ids, Some(&before))
        };
        if before.metadata.partitions != next.metadata.partitions {
            self.stats.reset_partition_ops();
        }
        let now = self.now();
        if self.has_had_lease(view::HANDING_OVER, now) {
            next.follow(&before, now);
        }
        configure(&self.engine, &next);
        self.upkeep.about_to_publish(&before, &next, &self.engine);
        self.configure_copies(&next);
        let next = Arc::new(next);
        self.view.replace(Arc::clone(&next));
        self.scripts.repeats.follow(&before.metadata.libraries, &next.metadata.libraries, now);
        self.scripts.acts_on(next.epoch(), now);
        self.upkeep.published(&before, &next, now);
        self.talk_of_view(&before, &next);
        self.blocking.follow(&before, &next);
        if let Some(push) = news::between(&before, &next) {
            self.news.add(push);
            self.clients.list().iter().filter(|client| client.wants_news()).for_each(|client| client.wake());
        }
    }

    /// The view of this moment. Load it once for a batch of work.
    pub fn view(&self) -> Arc<View> {
        self.view.newest()
    }

    /// The same for a worker, without a write to memory that workers share. Hold it for one batch of work, and do not ask
    /// again meanwhile.
    pub(crate) fn view_of_worker(&self, worker: usize) -> MappedMutexGuard<'_, Arc<View>> {
        self.view.of_worker(worker)
    }

    /// As long as this is held nothing but the worker's own batch runs on this node. None: another worker asked before.
    pub(crate) fn alone(&self, worker: usize) -> Option<Alone<'_>> {
        self.view.alone(worker)
    }

    /// One bounded step of background work, of about a millisecond at most: expiry of this worker's share of the memory,
    /// dropping lost slots, sorting entries into changed namespaces. Every worker calls it every 10 ms.
    pub fn maintain(&self, worker: usize, workers: usize) {
        self.engine.watch_removals(self.events.are_watched());
        self.upkeep.step(self, worker, workers);
        self.scripts.wake_forgotten();
        if worker == 0 {
            self.scripts.sweep(self.now());
            self.scripts.acts_on(self.view().epoch(), self.now());
        }
        if worker == 0 && self.blocking.has_waiters() {
            self.look_after_waiters(worker);
        }
        if self.events.are_watched() {
            self.tell_events();
        }
    }

    /// Takes the samples behind recent rates and latencies. Called once a second by one thread.
    pub fn sample(&self) {
        let totals = self.totals();
        self.history.lock().push(self.now(), totals, &self.stats);
        self.upkeep.look_for_strays(self);
        self.note_peak(self.engine.used_bytes());
        self.end_idle_clients();
    }

    /// Clients may use DEBUG from now on.
    pub fn allow_debug(&self) {
        self.has_debug.store(true, Relaxed);
    }

    /// The most memory that entries and tables are known to have taken; `used` is what they take now.
    pub(crate) fn note_peak(&self, used: u64) -> u64 {
        self.peak_bytes.fetch_max(used, Relaxed).max(used)
    }

    /// Subscribers, and clients that wait for keys, are not idle when they are silent.
    fn end_idle_clients(&self) {
        let most = self.idle_seconds_max.load(Relaxed);
        if most == 0 {
            return;
        }
        let now_ms = clients::millis(self.now());
        let is_idle = |client: &clients::Client| {
            let idle_ms = now_ms.saturating_sub(client.active_ms.load(Relaxed));
            let is_listening = client.is_subscriber() || client.is_monitor.load(Relaxed);
            idle_ms / 1000 > most && !is_listening && !client.is_blocked.load(Relaxed)
        };
        self.clients.list().iter().filter(|client| is_idle(client)).for_each(|client| client.kill());
    }

    /// What the process took of the processors, in the kernel and outside, for `INFO`.
    pub fn set_processor_time(&self, system: Duration, user: Duration) {
        for (place, time) in self.processor_us.iter().zip([system, user]) {
            place.store(u64::try_from(time.as_micros()).unwrap_or(u64::MAX), Relaxed);
        }
    }

    pub(crate) fn processor_seconds(&self) -> [f64; 2] {
        self.processor_us.each_ref().map(|us| us.load(Relaxed) as f64 / 1e6)
    }

    /// What the process as a whole takes, which core cannot see: resident memory and client buffers, in bytes, for `INFO`.
    pub fn set_process_memory(&self, resident_bytes: u64, buffer_bytes: u64) {
        self.resident_bytes.store(resident_bytes, Relaxed);
        self.buffer_bytes.store(buffer_bytes, Relaxed);
    }

    /// This node's figures for the control API.
    pub fn report(&self, resident_bytes: u64, buffer_bytes: u64) -> NodeReport {
        self.set_process_memory(resident_bytes, buffer_bytes);
        let view = self.view();
        // Not within the struct below: a lock taken there is held to its end, and `command_figures` takes it too.
        let (latency, windows) = {
            let history = self.history.lock();
            (history.latencies_of_all().report(), history.windows())
        };
        NodeReport {
            id: self.config.id,
            incarnation: self.config.incarnation,
            name: view.my_node().map(|node| node.name.clone()).unwrap_or_default(),
            at_unix_ms: self.unix_ms(),
            uptime_ms: clients::millis(self.uptime()),
            epoch: view.epoch(),
            log_stopped: None,
            memory_used_bytes: self.engine.used_bytes(),
            memory_limit_bytes: self.engine.limit_bytes(),
            resident_bytes,
            items: if view.has_copies() { self.partition_figures().items.iter().sum() } else { self.items() },
            connections: self.clients.count() as u64,
            connections_total: self.clients.total(),
            connections_rejected: self.clients.rejected(),
            buffer_bytes,
            traffic: self.traffic(),
            latency,
            commands: self.command_figures(),
            namespaces: self.namespace_figures(),
            replication: self.replication_figures(),
            moves: self.move_progress(),
            windows,
        }
    }

    /// Totals since the start. Keys' figures are of the keys this node holds, whoever asked for them; commands' and bytes' are
    /// of the clients connected to it.
    pub fn traffic(&self) -> Traffic {
        let workers = self.stats.totals();
        let mut traffic = Traffic {
            commands: workers.commands,
            errors: workers.errors,
            bytes_in: workers.bytes_in,
            bytes_out: workers.bytes_out,
            forwarded: workers.forwarded,
            forward_errors: workers.forward_errors,
            served_for_peers: workers.served_for_peers,
            copy_reads: workers.copy_reads,
            ..Traffic::default()
        };
        for figures in self.engine.figures() {
            traffic.gets += figures.hits + figures.misses;
            traffic.sets += figures.sets;
            traffic.deletes += figures.deletes;
            traffic.hits += figures.hits;
            traffic.misses += figures.misses;
            traffic.evictions += figures.evictions;
            traffic.expirations += figures.expirations;
        }
        traffic
    }

    /// Per command, those called at least once, most called first, with latencies of the last ten seconds.
    pub fn command_figures(&self) -> Vec<CommandFigures> {
        let history = self.history.lock();
        let totals = command::COMMANDS.iter().zip(self.stats.commands());
        let mut figures: Vec<CommandFigures> = totals
            .filter(|(_, totals)| totals.received() > 0)
            .map(|(command, totals)| CommandFigures {
                name: command.name.into(),
                calls: totals.received(),
                errors: totals.errors(),
                latency: history.latencies(usize::from(command.id)).report(),
            })
            .collect();
        figures.sort_by(|a, b| b.calls.cmp(&a.calls).then_with(|| a.name.cmp(&b.name)));
        figures
    }

    /// Per namespace, the default first.
    pub fn namespace_figures(&self) -> Vec<NamespaceFigures> {
        let view = self.view();
        let by_id = self.engine.figures();
        let node = view.my_node().map(|node| node.name.clone()).unwrap_or_default();
        let figures = view.namespaces().map(|(id, spec)| {
            let mut figures = NamespaceFigures {
                name: spec.name.clone(),
                eviction: spec.eviction,
                memory_max_bytes: spec.memory_max_bytes,
                memory_min_bytes: spec.memory_min_bytes,
                ..NamespaceFigures::default()
            };
            if let Some(engine) = by_id.get(usize::from(id.0)) {
                figures.items = engine.items;
                figures.stored_bytes = engine.stored_bytes;
                figures.memory_used_bytes = engine.bytes;
                figures.hits = engine.hits;
                figures.misses = engine.misses;
                figures.sets = engine.sets;
                figures.deletes = engine.deletes;
                figures.evictions = engine.evictions;
                figures.expirations = engine.expirations;
                figures.refused = engine.refused;
            }
            let choice = self.engine.choice(id);
            figures.chosen = choice.map(|choice| policy_choice(&node, choice)).into_iter().collect();
            figures
        });
        figures.collect()
    }

    /// Latencies of every command that was called, since the start: name and counts by bucket.
    pub fn latencies_by_command(&self) -> Vec<(&'static str, stats::CommandTotals, Latencies)> {
        let of = |command: &'static command::Command| {
            let id = usize::from(command.id);
            Some((command.name, self.stats.command(id), self.stats.latencies(id)?))
        };
        command::COMMANDS.iter().filter_map(of).collect()
    }

    /// Requests, entries and bytes of each partition of which this node is primary; zero for the others.
    pub fn partition_figures(&self) -> PartitionFigures {
        let view = self.view();
        let partitions = usize::from(view.metadata.partitions);
        let mut figures = PartitionFigures {
            ops: self.stats.partition_ops(partitions),
            items: vec![0; partitions],
            memory_bytes: vec![0; partitions],
            uncopied_bytes: Vec::new(),
            ops_a_second: Vec::new(),
        };
        for (slot, items, bytes) in self.engine.slot_figures() {
            if let Some(slot) = Slot::new(slot).filter(|slot| view.is_mine(*slot)) {
                let partition = view.partition_of(slot).index();
                figures.items[partition] += items;
                figures.memory_bytes[partition] += bytes;
            }
        }
        let (mut all, mut uncopied) = (0, 0);
        for (id, of) in self.engine.figures().iter().enumerate() {
            all += of.bytes;
            uncopied += of.bytes * u64::from(!self.replication.is_replicated(dcache_engine::NamespaceId(id as u8)));
        }
        let part = |bytes: &u64| (u128::from(*bytes) * u128::from(uncopied) / u128::from(all.max(1))) as u64;
        figures.uncopied_bytes = figures.memory_bytes.iter().map(part).collect();
        figures.ops_a_second = self.history.lock().ops_a_second(self.now(), &figures.ops);
        figures
    }

    /// Entries held now, those of lost slots that are not dropped yet and copies of other nodes' included.
    pub fn items(&self) -> u64 {
        self.engine.figures().iter().map(|figures| figures.items).sum()
    }

    /// Whether any slot is served by a node that is up, so that requests have somewhere to go.
    pub fn is_serving(&self) -> bool {
        self.view().slots_served() > 0
    }

    /// Runs one request that another node forwarded, and appends its RESP reply to `out`; nothing when this node does not own
    /// its keys, or when it is answered later.
    pub fn serve_peer(
        &self,
        worker: usize,
        header: DataHeader,
        request: &[u8],
        out: &mut Vec<u8>,
        holds: &mut Vec<Hold>,
    ) -> Served {
        self.stats.worker(worker).served_for_peers.add(1);
        let version = if header.resp == 3 { Version::Resp3 } else { Version::Resp2 };
        let view = self.view_of_worker(worker);
        match gateway::scripts::turn_of(self, &view, worker, header, request) {
            Turn::NotOwner => Served::Now(DataStatus::NotOwner),
            Turn::Later(job) => Served::Later(job),
            Turn::Now(has_entered) => {
                let status = gateway::serve(self, &view, worker, header.database, version, request, out, holds);
                if has_entered {
                    self.scripts.queue.leave(worker);
                }
                Served::Now(status)
            }
        }
    }

    /// The metadata leader granted this process a lease; it runs until that moment of the monotonic clock.
    pub fn renew_lease(&self, until: Duration) {
        let now = self.now();
        if !self.has_lease(now) {
            self.leased_since.store(nanos(now), Relaxed);
        }
        self.lease_until.fetch_max(nanos(until), Relaxed);
    }

    /// Whether, at that moment, no other node may have taken over what this one serves.
    pub fn has_lease(&self, now: Duration) -> bool {
        now.as_nanos() < u128::from(self.lease_until.load(Relaxed))
    }

    /// Whether it has had a lease for so long without a gap: then what it loses now it handed over itself.
    fn has_had_lease(&self, time: Duration, now: Duration) -> bool {
        self.has_lease(now) && nanos(now).saturating_sub(self.leased_since.load(Relaxed)) >= nanos(time)
    }

    /// Whether this node answers for a copied partition at this moment. No other one does.
    pub fn serves(&self, number: PartitionId) -> bool {
        self.has_lease(self.now()) && self.replication.serving(number) != 0
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    pub fn clients(&self) -> &Clients {
        &self.clients
    }

    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Since the node was made.
    pub fn uptime(&self) -> Duration {
        self.now().saturating_sub(self.started)
    }

    /// Scripts: what waits, what runs, and how long it may.
    pub fn scripts(&self) -> &script::Scripts {
        &self.scripts
    }

    /// Copies of partitions, and what goes to other nodes for them.
    pub fn replication(&self) -> &Replication {
        &self.replication
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn news(&self) -> &News {
        &self.news
    }

    pub(crate) fn now(&self) -> Duration {
        (self.config.clock.monotonic)()
    }

    /// The node's clock, by which a client's time to wait is over.
    pub fn monotonic(&self) -> Duration {
        self.now()
    }

    pub(crate) fn unix_ms(&self) -> u64 {
        (self.config.clock.unix_ms)()
    }

    /// A number that follows from the seed and how often this was called (splitmix64).
    pub(crate) fn random(&self) -> u64 {
        let mut z = self.random.fetch_add(0x9E37_79B9_7F4A_7C15, Relaxed).wrapping_add(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn resident_bytes(&self) -> u64 {
        self.resident_bytes.load(Relaxed)
    }

    pub(crate) fn buffer_bytes(&self) -> u64 {
        self.buffer_bytes.load(Relaxed)
    }

    pub(crate) fn spare_parser(&self, worker: usize) -> &Mutex<Parser> {
        &self.parsers[worker.min(self.parsers.len() - 1)]
    }

    /// No entry carries the id of a namespace that is gone.
    pub(crate) fn settle_namespaces(&self) {
        self.namespace_ids.lock().settle();
    }

    pub(crate) fn history(&self) -> &Mutex<History> {
        &self.history
    }

    fn totals(&self) -> Totals {
        let traffic = self.traffic();
        Totals {
            commands: traffic.commands,
            errors: traffic.errors,
            hits: traffic.hits,
            misses: traffic.misses,
            evictions: traffic.evictions,
            expirations: traffic.expirations,
            bytes_in: traffic.bytes_in,
            bytes_out: traffic.bytes_out,
        }
    }
}

/// What the operator calls each policy of the engine.
const POLICIES: [(Eviction, Policy); 10] = [
    (Eviction::Auto, Policy::Auto),
    (Eviction::Lru, Policy::Lru),
    (Eviction::Lfu, Policy::Lfu),
    (Eviction::Fifo, Policy::Fifo),
    (Eviction::S3Fifo, Policy::S3Fifo),
    (Eviction::WTinyLfu, Policy::WTinyLfu),
    (Eviction::Lhd, Policy::Lhd),
    (Eviction::Cost, Policy::Cost),
    (Eviction::Random, Policy::Random),
    (Eviction::None, Policy::None),
];

/// What `auto` chose on a node.
fn policy_choice(node: &str, choice: dcache_engine::Choice) -> PolicyChoice {
    let eviction = |policy| POLICIES.iter().find(|pair| pair.1 == policy).map_or_else(Eviction::default, |pair| pair.0);
    let candidates = choice.candidates.into_iter();
    PolicyChoice {
        node: node.to_owned(),
        policy: eviction(choice.policy),
        since_ms: (choice.since_ms > 0).then_some(choice.since_ms),
        changes: choice.changes,
        sampled_entries: choice.sampled_entries,
        sample_rate: choice.sample_rate,
        candidates: candidates
            .map(|(policy, miss_ratio)| PolicyCandidate { policy: eviction(policy), miss_ratio })
            .collect(),
        reason: choice.reason,
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Tells the engine what the operator said about each namespace.
fn configure(engine: &Engine, view: &View) {
    let mut configs = vec![None; 1];
    for (id, spec) in view.namespaces() {
        let index = usize::from(id.0);
        configs.resize(configs.len().max(index + 1), None);
        let policy = POLICIES.iter().find(|pair| pair.0 == spec.eviction).map_or_else(Policy::default, |pair| pair.1);
        let memory_min_bytes = spec.memory_min_bytes.unwrap_or(0);
        configs[index] = Some(NamespaceConfig { policy, memory_max_bytes: spec.memory_max_bytes, memory_min_bytes });
    }
    engine.configure(&configs);
}
