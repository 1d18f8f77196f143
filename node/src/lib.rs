//! A dcache node in the real world: sockets, threads, Raft, HTTP, files. It carries; what is decided is decided in `core` and
//! `cluster`.
//!
//! ```text
//! thread        runs
//! main          signals, the order of start and stop (this file)
//! acceptor      accepts clients on both client doors, hands them to workers
//! worker-0..n   clients and data links, background work on memory
//! control       the control loop, the metadata log, control links, the peers door
//! heartbeat     this node's lease, and those it grants while it leads
//! http          the control API
//! ```

mod agree;
mod cluster;
mod collect;
pub mod config;
mod connection;
mod control;
mod copies;
mod failover;
mod forming;
mod heartbeat;
mod http;
mod identity;
mod link;
mod logless;
mod nudge;
mod operations;
mod peer;
mod process;
pub mod raft;
mod scripts;
mod shared;
mod sockets;
mod talk;
mod telemetry;
mod upgrade;
mod worker;

/// The table of commands, for those who write of it.
pub use dcache_core::command as commands;

pub use config::{CheckReport, Config, ConfigError, StartOptions, check, distance, load_yaml};

use anyhow::Context as _;
use cluster::{Cluster, Parted};
use copies::CopyLinks;
use dcache_cluster::metadata::Metadata;
use dcache_core::control::Input;
use dcache_core::{Clock, Door};
use dcache_protocol::control::API_VERSION;
use dcache_protocol::peer::LinkKind;
use dcache_protocol::size::format_size;
use dcache_protocol::{Addresses, LEVEL, NodeRecord, NodeState, VERSION};
use identity::Identity;
use shared::{AddressBook, Buffers, CutCounters, Shared, Stop};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};

/// File descriptors kept for what is not a client: links, files, listeners.
const FILES_RESERVED: u64 = 256;

/// Most clients a node takes, however many files it may open.
const CLIENTS_MAX: u64 = 100_000;

/// Why a node did not start or run.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("the node failed: {0:#}")]
    Failed(anyhow::Error),
}

/// Starts a node and runs it until a signal ends it.
pub fn run(options: StartOptions) -> Result<(), StartError> {
    let begun = Instant::now();
    let config = Config::load(&options)?;
    process::monotonic();
    telemetry::start(config.log);
    let doors = Doors::bind(&config)?;
    let identity = Identity::open(&config.data_dir)?;
    let files = process::raise_open_files();
    serve(config, doors, identity, files, begun).map_err(StartError::Failed)
}

/// The listeners, bound before anything else is done.
struct Doors {
    gateway: TcpListener,
    cluster: TcpListener,
    control: TcpListener,
    peers: TcpListener,
    memcached: Option<TcpListener>,
}

impl Doors {
    fn bind(config: &Config) -> Result<Doors, ConfigError> {
        Ok(Doors {
            gateway: sockets::bind("gateway", "gateway", config.gateway)?,
            cluster: sockets::bind("cluster", "listen", config.cluster)?,
            control: sockets::bind("control", "control", config.control)?,
            peers: sockets::bind("peers", "peers", config.peers)?,
            memcached: config.memcached.map(|address| sockets::bind("memcached", "memcached", address)).transpose()?,
        })
    }

    fn addresses(&self, announce: Option<&str>) -> std::io::Result<Addresses> {
        let told = |listener: &TcpListener| {
            let address = listener.local_addr()?;
            Ok::<String, std::io::Error>(match announce {
                Some(host) => format!("{host}:{}", address.port()),
                None => address.to_string(),
            })
        };
        Ok(Addresses {
            gateway: told(&self.gateway)?,
            cluster: told(&self.cluster)?,
            control: told(&self.control)?,
            peers: told(&self.peers)?,
        })
    }
}

fn serve(config: Config, doors: Doors, identity: Identity, files: u64, begun: Instant) -> anyhow::Result<()> {
    let me = NodeRecord {
        id: identity.state.id,
        name: config.name.clone(),
        zone: config.zone.clone(),
        weight: config.weight,
        addresses: doors.addresses(config.announce.as_deref()).context("reading the bound addresses")?,
        incarnation: identity.incarnation,
        state: NodeState::Up,
        version: VERSION.into(),
        level: LEVEL,
        memory_bytes: config.memory_bytes,
        share: Default::default(),
        maintenance_until_unix_ms: 0,
        is_stopping: false,
    };
    let metadata = Arc::new(first_metadata(&identity, &me, &config));
    let (stop, stopping) = watch::channel(Stop::No);
    let clients_max = files.saturating_sub(FILES_RESERVED).clamp(16, CLIENTS_MAX) as usize;
    let core = dcache_core::Node::new(
        dcache_core::Config {
            id: me.id,
            incarnation: me.incarnation,
            workers: config.workers,
            memory_bytes: config.memory_bytes,
            clock: Clock { monotonic: process::monotonic, unix_ms: process::unix_ms },
            clients_max,
            seed: identity::random_u64().context("reading random numbers")?,
            process_id: std::process::id(),
        },
        metadata.clone(),
    );
    let book = AddressBook::default();
    for (id, addresses) in identity.state.known.iter().filter(|(id, _)| **id != me.id) {
        book.learn(*id, addresses);
    }
    let shared = Arc::new(Shared {
        core: Arc::new(core),
        id: me.id,
        book,
        buffers: Buffers::new(config.memory_bytes),
        cut: CutCounters::default(),
        copies: CopyLinks::default(),
        stop: stopping,
    });
    scripts::start(&shared).context("starting the threads for scripts")?;
    let (hands, workers) = worker::start(&shared, config.workers, clients_max).context("starting the workers")?;
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build();
    let control_runtime = runtime().context("making the control runtime")?;
    let (inputs, control_inputs) = mpsc::unbounded_channel::<Input>();
    let heartbeat_runtime = runtime().context("making the heartbeat runtime")?;
    let (beats, heartbeat_messages) = mpsc::unbounded_channel();
    let handles = [&control_runtime, &heartbeat_runtime].map(|runtime| runtime.handle().clone());
    let cluster = Cluster::new(shared.clone(), identity, me.clone(), metadata, inputs, beats, handles);
    let memcached = doors.memcached.as_ref().and_then(|door| door.local_addr().ok());
    banner(&config, &me, &cluster, memcached);

    let mut threads = Vec::new();
    let Doors { gateway, cluster: cluster_door, control: control_door, peers, memcached } = doors;
    if config.debug_commands {
        shared.core.allow_debug();
    }
    let (control_cluster, control_hands, join) = (cluster.clone(), hands.clone(), config.join.clone());
    let control_thread = spawn_beside("control", move || {
        control_runtime.block_on(control_thread(control_cluster, control_hands, peers, control_inputs, join));
    })?;
    let heartbeat_cluster = cluster.clone();
    let heartbeat_thread = spawn("heartbeat", move || {
        let peers = Arc::new(peer::Peers::new(heartbeat_runtime.handle().clone(), LinkKind::Heartbeat));
        heartbeat_runtime.block_on(heartbeat::run(heartbeat_cluster, heartbeat_messages, peers));
    })?;
    let http_cluster = cluster.clone();
    let http_runtime = runtime().context("making the HTTP runtime")?;
    threads.push(spawn_beside("http", move || http_runtime.block_on(http::serve(control_door, http_cluster)))?);
    let accept_runtime = runtime().context("making the acceptor's runtime")?;
    let accept_shared = shared.clone();
    threads.push(spawn("acceptor", move || {
        accept_runtime.block_on(async {
            let gateway = worker::accept(gateway, Door::Gateway, hands.clone(), accept_shared.clone());
            let cluster = worker::accept(cluster_door, Door::Cluster, hands.clone(), accept_shared.clone());
            let memcached = async {
                if let Some(door) = memcached {
                    worker::accept(door, Door::Memcached, hands.clone(), accept_shared.clone()).await;
                }
            };
            tokio::join!(gateway, cluster, memcached);
        });
    })?);
    let main_runtime = runtime().context("making the signal runtime")?;
    // Before it is said that the node is ready: from then on it may be asked to stop.
    let signals = main_runtime.block_on(async { Signals::listen() })?;
    tracing::info!(
        node = me.name,
        partitions = cluster.metadata().partitions_of(me.id).count(),
        "node ready in {} ms",
        begun.elapsed().as_millis()
    );
    let threads = threads.into_iter().chain(workers).collect();
    let parted = main_runtime.block_on(wait_and_stop(signals, stop, &cluster, threads));
    cluster.remember_addresses();
    if let Some(log) = cluster.log() {
        main_runtime.block_on(async {
            // What was agreed is on disk; a log that does not stop in time is left to the process's end.
            let _ = tokio::time::timeout(Duration::from_secs(1), log.shutdown()).await;
        });
    }
    // These threads carry no clients; they end with the process.
    drop((control_thread, heartbeat_thread));
    if let Some(Parted::Outdated { level }) = parted {
        anyhow::bail!(
            "the cluster is at level {level}, and {VERSION} speaks up to level {LEVEL}: start a newer build; \
             there is no way back once all nodes run the newer release"
        );
    }
    tracing::info!(node = me.name, "stopped, bye");
    Ok(())
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> anyhow::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.into()).spawn(body).with_context(|| format!("starting thread {name}"))
}

/// For work that no client waits for request by request.
fn spawn_beside(name: &str, body: impl FnOnce() + Send + 'static) -> anyhow::Result<JoinHandle<()>> {
    spawn(name, move || {
        process::yield_to_workers();
        body();
    })
}

/// What the node acts on before its log says more.
fn first_metadata(identity: &Identity, me: &NodeRecord, config: &Config) -> Metadata {
    if identity.state.cluster.is_some() || !config.join.is_empty() {
        return Metadata::empty();
    }
    let fresh = Metadata::standalone(me.clone());
    match &identity.state.standalone {
        // This process serves every partition, whatever the one before it did.
        Some(before) => Metadata {
            level: fresh.level,
            partitions: fresh.partitions,
            nodes: fresh.nodes,
            table: fresh.table,
            ..before.clone()
        },
        None => fresh,
    }
}

async fn control_thread(
    cluster: Arc<Cluster>,
    hands: worker::Hands,
    peers: TcpListener,
    inputs: mpsc::UnboundedReceiver<Input>,
    join: Vec<String>,
) {
    tokio::spawn(peer::accept(peers, cluster.clone(), hands));
    if cluster.is_member()
        && let Err(error) = cluster.open_log().await
    {
        // Serving without the log would be serving a table that may be long outdated.
        tracing::error!("{}; this node serves nothing until that is mended", error.message);
    }
    if !join.is_empty() {
        let cluster = cluster.clone();
        tokio::spawn(async move { cluster.find_cluster(join).await });
    }
    tokio::spawn(operations::drive(cluster.clone()));
    tokio::spawn(agree::run(cluster.clone()));
    control::run(cluster, inputs).await;
}

/// How long a node that is asked to stop may hand over what it serves.
const LEAVE_WITHIN: Duration = Duration::from_secs(10);

/// By which an operator asks a node to stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> anyhow::Result<Signals> {
        let terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
        let interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
        Ok(Signals { terminate, interrupt })
    }

    async fn recv(&mut self) {
        tokio::select! { _ = self.terminate.recv() => {}, _ = self.interrupt.recv() => {} }
    }
}

/// Waits for the first signal, or for what parts the node from its cluster, and stops in order; a second signal ends the process
/// at once.
async fn wait_and_stop(
    mut signals: Signals,
    stop: watch::Sender<Stop>,
    cluster: &Arc<Cluster>,
    threads: Vec<JoinHandle<()>>,
) -> Option<Parted> {
    let mut parts = cluster.parted.subscribe();
    let parted = tokio::select! {
        () = signals.recv() => None,
        // Its sender lives as long as the cluster.
        parted = parts.wait_for(Option::is_some) => parted.ok().and_then(|parted| parted.clone()),
    };
    let clients = cluster.shared.core.clients().count();
    match &parted {
        Some(Parted::Removed) => tracing::info!(clients, "this node was removed from the cluster: stopping"),
        Some(Parted::Outdated { .. }) => tracing::error!(clients, "this build is too old for its cluster: stopping"),
        None => {
            tracing::info!(clients, "stopping (SIGTERM or Ctrl-C again to force)");
            tokio::select! {
                () = cluster.leave_orderly(LEAVE_WITHIN) => {}
                () = signals.recv() => force(),
            }
        }
    }
    stop.send_replace(Stop::Orderly);
    let ended = tokio::task::spawn_blocking(move || {
        for thread in threads {
            // A thread that panicked has said so on stderr.
            let _ = thread.join();
        }
    });
    tokio::select! {
        _ = ended => {}
        () = signals.recv() => force(),
    }
    parted
}

fn force() {
    tracing::warn!("stopped at once on a second signal");
    std::process::exit(130);
}

/// First lines an operator reads, on stderr as all talk.
fn banner(config: &Config, me: &NodeRecord, cluster: &Cluster, memcached: Option<SocketAddr>) {
    let identity = cluster.identify();
    let role = match identity.cluster_id {
        Some(_) => format!("cluster {:?}", identity.cluster_name),
        None if !config.join.is_empty() => "joining".into(),
        None => "single node".into(),
    };
    let share = if config.memory_is_default { " (25 % of this machine)" } else { "" };
    let banner = format!(
        "dcache {VERSION}  {role}  {:?}  memory {}{share}  {} workers\n  gateway   {}   any Redis client\n  cluster   {}   cluster-aware Redis clients\n  control   http://{}   {API_VERSION}\n  peers     {}\n  data      {}",
        me.name,
        format_size(config.memory_bytes),
        config.workers,
        me.addresses.gateway,
        me.addresses.cluster,
        me.addresses.control,
        me.addresses.peers,
        config.data_dir.display(),
    );
    let memcached = memcached.map(|address| format!("\n  memcached {address}   clients of memcached's text protocol"));
    let banner = banner + &memcached.unwrap_or_default();
    for line in banner.lines() {
        tracing::info!("{line}");
    }
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let open: Vec<&SocketAddr> = [&config.gateway, &config.cluster, &config.control, &config.peers]
        .into_iter()
        .chain(&config.memcached)
        .filter(|address| !address.ip().is_loopback())
        .collect();
    match open.is_empty() {
        true => tracing::info!("only this machine is served and no login is needed"),
        false => tracing::warn!("INSECURE: reachable from the network without encryption or login: {open:?}"),
    }
}
