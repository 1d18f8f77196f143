//! This node as a member: what it acts on, how a change is agreed, and what it answers to other nodes' calls.
//!
//! A standalone node agrees with itself: commands apply at once and are kept in `node.json`. A member agrees through the
//! metadata log (`raft/`). Either way the result reaches the control machine as [`Input::Committed`]. Forming and joining are in
//! `forming.rs`, collecting figures from all nodes in `collect.rs`.

use crate::heartbeat;
use crate::identity::Identity;
use crate::peer::{Answer, Call, CallError, PartitionColumns, PeerIdentity, Peers};
use crate::raft::{Files, MetadataLog, Options, ProposeError, Transport, TransportError};
use crate::shared::Shared;
use dcache_cluster::metadata::{Command, Metadata, Refusal};
use dcache_core::PartitionFigures;
use dcache_core::control::Input;
use dcache_protocol::control::{ApiError, ErrorCode};
use dcache_protocol::peer::LinkKind;
use dcache_protocol::{Epoch, LEVEL, NodeId, NodeRecord};
use parking_lot::{Mutex, RwLock};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot, watch};

/// How long a change may take to be agreed, elections included.
pub const PROPOSE_DEADLINE: Duration = Duration::from_secs(5);

/// Pause between two tries to reach the leader.
const RETRY_EVERY: Duration = Duration::from_millis(50);

/// Shared by the control loop, the peers door and the HTTP API.
pub struct Cluster {
    pub shared: Arc<Shared>,
    pub peers: Arc<Peers>,
    pub(crate) identity: Mutex<Identity>,
    pub(crate) me: RwLock<NodeRecord>,
    pub(crate) log: RwLock<Option<MetadataLog>>,
    /// What this node acts on now.
    acting: watch::Sender<Arc<Metadata>>,
    pub(crate) inputs: mpsc::UnboundedSender<Input>,
    beats: mpsc::UnboundedSender<heartbeat::Message>,
    /// The heartbeat thread's.
    pub heartbeats: tokio::runtime::Handle,
    /// One forming or joining at a time.
    pub(crate) forming: tokio::sync::Mutex<()>,
    runtime: tokio::runtime::Handle,
    /// Who leads, as others say, for a node whose own log stopped.
    pub(crate) hearsay: Mutex<Option<NodeId>>,
    /// As leader: by how much the p99 of clients rose since the operation under way began.
    pub(crate) p99_rise_us: Mutex<i64>,
    /// The process is about to end, and asks for no lease any more.
    pub(crate) is_leaving: AtomicBool,
    /// Why the process cannot go on in the cluster.
    pub(crate) parted: watch::Sender<Option<Parted>>,
    pub(crate) speeds: Mutex<Option<crate::operations::Speed>>,
}

/// Why a process parts from its cluster by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Parted {
    /// The cluster has this node no more.
    Removed,
    /// The cluster has agreed on things that this build may not be able to read.
    Outdated { level: u16 },
}

/// Who leads, as this node knows it.
#[derive(Clone, Debug, Default)]
pub struct Lead {
    pub leader: Option<NodeId>,
    /// Whether metadata can change now, as far as this node can tell.
    pub quorum: bool,
    pub voters: Vec<NodeId>,
}

impl Cluster {
    /// `runtime` is the control thread's, `heartbeats` the heartbeat thread's.
    pub fn new(
        shared: Arc<Shared>,
        identity: Identity,
        me: NodeRecord,
        metadata: Arc<Metadata>,
        inputs: mpsc::UnboundedSender<Input>,
        beats: mpsc::UnboundedSender<heartbeat::Message>,
        [runtime, heartbeats]: [tokio::runtime::Handle; 2],
    ) -> Arc<Cluster> {
        Arc::new(Cluster {
            peers: Arc::new(Peers::new(runtime.clone(), LinkKind::Control)),
            beats,
            heartbeats,
            shared,
            identity: Mutex::new(identity),
            me: RwLock::new(me),
            log: RwLock::new(None),
            acting: watch::channel(metadata).0,
            inputs,
            forming: tokio::sync::Mutex::new(()),
            runtime,
            hearsay: Mutex::default(),
            p99_rise_us: Mutex::default(),
            is_leaving: AtomicBool::new(false),
            parted: watch::channel(None).0,
            speeds: Mutex::default(),
        })
    }

    pub fn metadata(&self) -> Arc<Metadata> {
        self.acting.borrow().clone()
    }

    /// The cluster goes on without this node, which must not come back as if it had been away.
    fn note_removed(&self) {
        let mut identity = self.identity.lock();
        identity.state.is_removed = true;
        if let Err(error) = identity.save() {
            tracing::warn!("cannot write node.json: {error}; do not start this node again with its data directory");
        }
        self.parted.send_replace(Some(Parted::Removed));
    }

    /// For the next start, which may be another build's.
    fn note_level(&self, level: u16) {
        let mut identity = self.identity.lock();
        if identity.state.level >= level {
            return;
        }
        identity.state.level = level;
        if let Err(error) = identity.save() {
            tracing::warn!("cannot write node.json: {error}; do not start an older build with this data directory");
        }
    }

    pub fn watch_metadata(&self) -> watch::Receiver<Arc<Metadata>> {
        self.acting.subscribe()
    }

    /// Called by the control loop when it publishes.
    pub fn acts_on(&self, metadata: Arc<Metadata>) {
        let has_me = |metadata: &Metadata| metadata.is_formed() && metadata.nodes.contains_key(&self.shared.id);
        if metadata.is_formed() && !has_me(&metadata) && has_me(&self.metadata()) {
            self.note_removed();
        }
        let others = metadata.nodes.values().filter(|node| node.id != self.shared.id);
        self.shared.book.follow(others.map(|node| (node.id, &node.addresses)));
        self.acting.send_replace(metadata);
    }

    /// Whether this node was taken into a cluster, formed or being formed.
    pub fn is_member(&self) -> bool {
        self.identity.lock().state.cluster.is_some()
    }

    pub fn log(&self) -> Option<MetadataLog> {
        self.log.read().clone()
    }

    pub fn lead(&self) -> Lead {
        match self.log() {
            None => Lead { leader: Some(self.shared.id), quorum: true, voters: vec![self.shared.id] },
            Some(log) => {
                let leadership = log.leadership().borrow().clone();
                let (leader, quorum) = match leadership.stopped {
                    None => (leadership.leader, leadership.has_quorum()),
                    Some(_) => {
                        let leader = *self.hearsay.lock();
                        (leader, leader.is_some())
                    }
                };
                Lead { leader, quorum, voters: leadership.voters.into_iter().collect() }
            }
        }
    }

    /// Opens the metadata log in the data directory and feeds what it commits to the control loop.
    pub async fn open_log(self: &Arc<Cluster>) -> Result<(), ApiError> {
        let dir = self.identity.lock().raft_dir();
        let transport = Arc::new(RaftTransport { shared: self.shared.clone(), peers: self.peers.clone() });
        let failed = |error: &dyn std::fmt::Display| {
            internal(format!("cannot open the metadata log in {}: {error}", dir.display()))
        };
        let disk = Files::open(&dir).map_err(|error| failed(&error))?;
        let log =
            MetadataLog::open(Options { id: self.shared.id, disk, transport, unix_ms: crate::process::unix_ms }).await;
        let log = log.map_err(|error| failed(&error))?;
        *self.log.write() = Some(log.clone());
        self.runtime.spawn(heartbeat::follow_leadership(self.clone(), log.leadership()));
        let (cluster, mut committed, mut leadership) = (self.clone(), log.committed(), log.leadership());
        self.runtime.spawn(async move {
            cluster.feed(&committed.borrow_and_update().clone(), leadership.borrow_and_update().leader);
            loop {
                let changed = tokio::select! {
                    changed = committed.changed() => changed,
                    changed = leadership.changed() => changed,
                };
                if changed.is_err() {
                    break;
                }
                let (metadata, lead) = (committed.borrow_and_update().clone(), leadership.borrow_and_update().clone());
                cluster.feed(&metadata, lead.leader);
            }
            // A log that was shut down leaves nothing to go on with.
            if leadership.borrow().stopped.is_some() {
                cluster.go_on_without_log().await;
            }
        });
        Ok(())
    }

    pub(crate) fn feed(&self, metadata: &Arc<Metadata>, leader: Option<NodeId>) {
        if metadata.level > LEVEL {
            self.parted.send_replace(Some(Parted::Outdated { level: metadata.level }));
            return;
        }
        if metadata.is_formed() {
            self.note_level(metadata.level);
        }
        let leadership = Input::Leadership { leader };
        let committed = metadata.is_formed().then(|| Input::Committed(metadata.clone()));
        for input in committed.into_iter().chain([leadership]) {
            // The control loop ends only with the process.
            let _ = self.inputs.send(input);
        }
    }

    /// Has `command` agreed, wherever the leader is. `Ok(Err(..))`: agreed that it changes nothing.
    pub async fn propose(&self, command: Command) -> Result<Result<Epoch, Refusal>, ApiError> {
        let Some(log) = self.log() else { return self.apply_alone(&command) };
        let until = Instant::now() + PROPOSE_DEADLINE;
        let mut reason = String::from("no leader is known");
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(ApiError {
                    code: ErrorCode::Unavailable,
                    message: "the cluster did not agree in time; nothing may be concluded about the change".into(),
                    why: Some(reason),
                    hints: vec!["see which nodes are up: dcache cluster status".into()],
                });
            }
            let leader = match log.propose(command.clone(), left).await {
                Ok(result) => return Ok(result),
                Err(error) => {
                    reason = error.to_string();
                    match error {
                        ProposeError::NotLeader { leader } => leader,
                        // It may have been agreed just before: then it changes nothing now.
                        ProposeError::Stopped(_) => self.lead().leader,
                        ProposeError::NoQuorum | ProposeError::TimedOut => None,
                    }
                }
            };
            match leader.filter(|leader| *leader != self.shared.id) {
                None => {}
                Some(leader) => match self.call(leader, &Call::Propose { command: command.clone() }, left).await {
                    Ok(Answer::Proposed { epoch }) => return Ok(Ok(epoch)),
                    Ok(Answer::Refused { refusal }) => return Ok(Err(refusal)),
                    Ok(Answer::Failed(error)) => reason = error.message,
                    Ok(_) => reason = "the leader is changing".into(),
                    Err(error) => reason = error.to_string(),
                },
            }
            tokio::time::sleep(RETRY_EVERY).await;
        }
    }

    /// Only on the leader: what another node's [`Call::Propose`] gets.
    async fn propose_here(&self, command: Command) -> Answer {
        let Some(log) = self.log() else { return Answer::NotLeader { leader: None } };
        match log.propose(command, PROPOSE_DEADLINE).await {
            Ok(Ok(epoch)) => Answer::Proposed { epoch },
            Ok(Err(refusal)) => Answer::Refused { refusal },
            Err(ProposeError::NotLeader { leader }) => Answer::NotLeader { leader },
            Err(error) => Answer::Failed(unavailable(error.to_string())),
        }
    }

    /// Applies a command of a standalone node, durably.
    fn apply_alone(&self, command: &Command) -> Result<Result<Epoch, Refusal>, ApiError> {
        let mut identity = self.identity.lock();
        let mut metadata = (*self.metadata()).clone();
        let result = metadata.apply(command, crate::process::unix_ms());
        if result.is_ok() {
            identity.state.standalone = Some(metadata.clone());
            identity.save().map_err(|error| internal(format!("cannot write node.json: {error}")))?;
            let metadata = Arc::new(metadata);
            self.acting.send_replace(metadata.clone());
            // The control loop ends only with the process.
            let _ = self.inputs.send(Input::Committed(metadata));
        }
        Ok(result)
    }

    /// Asks a node by its id.
    pub async fn call(&self, node: NodeId, call: &Call, deadline: Duration) -> Result<Answer, CallError> {
        let address = self.shared.book.peers_door(node).ok_or(CallError::NoAddress)?;
        let answer = self.peers.call(&address, call, deadline).await;
        if answer.is_err() {
            self.shared.book.missed(node, &address);
        }
        answer
    }

    /// Answers another node's call.
    pub async fn answer(self: &Arc<Cluster>, call: Call) -> Answer {
        match call {
            Call::Raft { rpc } => match self.log() {
                Some(log) => match String::from_utf8(log.handle(rpc.as_bytes()).await) {
                    Ok(rpc) => Answer::Raft { rpc },
                    Err(error) => Answer::Failed(internal(format!("the metadata log answered no text: {error}"))),
                },
                None => Answer::Failed(unavailable("this node takes part in no cluster".into())),
            },
            Call::Heartbeat { cluster_id, node } => self.heard(cluster_id, node).await,
            Call::Propose { command } => self.propose_here(command).await,
            Call::Identify => Answer::Identity(self.identify()),
            Call::Adopt { cluster_id, cluster_name, known, drop_keys } => {
                match self.adopt(cluster_id, cluster_name, known, drop_keys).await {
                    Ok(()) => Answer::Adopted,
                    Err(error) => Answer::Failed(error),
                }
            }
            Call::Join { node } => self.take_in(node).await,
            Call::Report => Answer::Report(Box::new(self.report())),
            Call::Partitions => Answer::Partitions(self.own_partitions()),
            Call::HandOver => Answer::HandedOver(self.hand_over().await),
            Call::Metadata { epoch } => self.metadata_after(epoch),
            Call::Rise => Answer::Rise { p99_us: *self.p99_rise_us.lock() },
        }
    }

    async fn heard(&self, cluster_id: NodeId, node: NodeRecord) -> Answer {
        let mut lease = None;
        if self.cluster_id() == Some(cluster_id) {
            self.shared.book.learn(node.id, &node.addresses);
            let (answer, answered) = oneshot::channel();
            // The heartbeat thread ends only with the process.
            let _ = self.beats.send(heartbeat::Message::Heard { cluster_id, node, answer });
            lease = answered.await.unwrap_or(None);
        }
        let lead = self.lead();
        let leader = lead.leader.filter(|_| lead.quorum);
        let mut known = self.known();
        known.retain(|node, _| *node == self.shared.id || Some(*node) == leader);
        Answer::Heartbeat { leader, known, lease }
    }

    /// Tells the heartbeat thread.
    pub fn beat(&self, input: dcache_core::heartbeat::Input) {
        // It ends only with the process.
        let _ = self.beats.send(heartbeat::Message::Machine(input));
    }

    /// The cluster this node was taken into, formed or being formed.
    pub fn cluster_id(&self) -> Option<NodeId> {
        self.identity.lock().state.cluster.as_ref().map(|cluster| cluster.cluster_id)
    }

    /// Every address this node knows, its own included.
    pub fn known(&self) -> std::collections::BTreeMap<NodeId, dcache_protocol::Addresses> {
        let mut known = self.shared.book.all();
        known.insert(self.shared.id, self.me.read().addresses.clone());
        known
    }

    pub fn identify(&self) -> PeerIdentity {
        let identity = self.identity.lock();
        let cluster = identity.state.cluster.as_ref();
        PeerIdentity {
            node: self.me.read().clone(),
            cluster_id: cluster.map(|c| c.cluster_id),
            cluster_name: cluster.map(|c| c.cluster_name.clone()).unwrap_or_default(),
            formed: self.metadata().is_formed(),
            items: self.shared.core.items(),
            known: self.known(),
        }
    }

    pub fn own_partitions(&self) -> PartitionColumns {
        let figures = self.shared.core.partition_figures();
        let PartitionFigures { ops, items, memory_bytes, uncopied_bytes, ops_a_second } = figures;
        PartitionColumns {
            incarnation: self.me.read().incarnation,
            ops,
            items,
            memory_bytes,
            uncopied_bytes,
            ops_a_second,
        }
    }

    /// Keeps the addresses known now for the next start.
    pub fn remember_addresses(&self) {
        let known = self.known();
        let mut identity = self.identity.lock();
        if identity.state.cluster.is_some() && identity.state.known != known {
            identity.state.known = known;
            if let Err(error) = identity.save() {
                tracing::warn!("cannot write node.json: {error}; the next start may need --join");
            }
        }
    }
}

pub fn internal(message: String) -> ApiError {
    ApiError { code: ErrorCode::Internal, message, why: None, hints: Vec::new() }
}

pub fn unavailable(message: String) -> ApiError {
    ApiError { code: ErrorCode::Unavailable, message, why: None, hints: Vec::new() }
}

/// The metadata log's messages as calls over control links.
struct RaftTransport {
    shared: Arc<Shared>,
    peers: Arc<Peers>,
}

impl Transport for RaftTransport {
    fn call(
        &self,
        to: NodeId,
        rpc: Vec<u8>,
        deadline: Duration,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<u8>, TransportError>> + Send>> {
        let (shared, peers) = (self.shared.clone(), self.peers.clone());
        Box::pin(async move {
            let failed = |why: String| TransportError { why };
            let address = shared.book.peers_door(to).ok_or_else(|| failed("no address is known".into()))?;
            let rpc = String::from_utf8(rpc).map_err(|error| failed(error.to_string()))?;
            let why = match peers.call(&address, &Call::Raft { rpc }, deadline).await {
                Ok(Answer::Raft { rpc }) => return Ok(rpc.into_bytes()),
                Ok(Answer::Failed(error)) => error.message,
                Ok(_) => "not an answer of a metadata log".into(),
                Err(error) => error.to_string(),
            };
            shared.book.missed(to, &address);
            Err(failed(why))
        })
    }
}
