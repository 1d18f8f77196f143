//! The metadata log: propose, committed state, leadership. Hides openraft from the rest of the node.
//!
//! [`MetadataLog`] is a handle; the log's own task runs on the runtime that opened it. Voters elect a leader, which alone
//! accepts proposals; a new leader refuses them until its first quorum answered, so [`MetadataLog::propose`] tries again until
//! its deadline. Which nodes vote is decided by whoever calls; addresses are the [`Transport`]'s business.

mod network;
mod state_machine;
mod store;

pub use network::{Transport, TransportError};
pub use store::StoreError;

use dcache_cluster::metadata::{Command, Metadata, Refusal};
use dcache_protocol::{Epoch, NodeId};
use openraft::error::{ClientWriteError, InitializeError, RaftError};
use openraft::{Config, Raft, SnapshotPolicy};
use serde::{Deserialize, Serialize};
use state_machine::StateMachine;
use std::collections::BTreeSet;
use std::io::Cursor;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::Store;
use tokio::sync::watch;

type RaftId = u64;
type RaftNode = openraft::EmptyNode;
type Entry = openraft::Entry<TypeConfig>;
type LogId = openraft::LogId<RaftId>;
type Vote = openraft::Vote<RaftId>;
type Membership = openraft::StoredMembership<RaftId, RaftNode>;
type StorageError = openraft::StorageError<RaftId>;

openraft::declare_raft_types!(
    /// openraft's types as this log uses them.
    pub TypeConfig:
        D = Command,
        R = Applied,
        NodeId = RaftId,
        Node = RaftNode,
        Entry = openraft::Entry<TypeConfig>,
        SnapshotData = Cursor<Vec<u8>>,
        AsyncRuntime = openraft::TokioRuntime,
);

/// What applying an entry gave; none for entries that are the log's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied(Option<Result<Epoch, Refusal>>);

const HEARTBEAT: Duration = Duration::from_millis(100);

/// Longer than the field's usual 300 ms: a node shares its cores with the clients it serves.
const ELECTION: (Duration, Duration) = (Duration::from_millis(600), Duration::from_millis(1200));

/// A leader whose quorum did not answer for this long may be cut off.
const QUORUM_STALE: Duration = Duration::from_millis(1500);

/// Entries after which a snapshot is taken, and entries kept before it for nodes that lag.
const SNAPSHOT_EVERY: u64 = 500;
const KEEP_ENTRIES: u64 = 100;

const RETRY_EVERY: Duration = Duration::from_millis(20);

/// What a log is opened with.
pub struct Options {
    pub id: NodeId,
    /// Made when missing.
    pub dir: PathBuf,
    pub transport: Arc<dyn Transport>,
}

/// Who leads, as this node knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leadership {
    pub leader: Option<NodeId>,
    pub is_me: bool,
    pub term: u64,
    pub voters: BTreeSet<NodeId>,
    /// Voters and learners: all that receive the log.
    pub members: BTreeSet<NodeId>,
}

/// Why a log cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0}")]
    Raft(String),
}

/// Why a proposal has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProposeError {
    /// Certainly not in the log.
    #[error("another node leads")]
    NotLeader { leader: Option<NodeId> },
    /// It may still be agreed later.
    #[error("no agreement within the deadline; the outcome is unknown")]
    TimedOut,
    #[error("the metadata log stopped: {0}")]
    Stopped(String),
}

/// Why the set of members cannot change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MemberError(String);

/// Handle of one node's log.
#[derive(Clone)]
pub struct MetadataLog {
    raft: Raft<TypeConfig>,
    committed: watch::Receiver<Arc<Metadata>>,
    leadership: watch::Receiver<Leadership>,
}

impl MetadataLog {
    /// Opens the log; a restart finds what it had. Must be called on the runtime that is to run it.
    pub async fn open(options: Options) -> Result<MetadataLog, OpenError> {
        let store = Store::open(&options.dir)?;
        let state = StateMachine::open(&options.dir)?;
        let config = Config {
            cluster_name: "dcache".into(),
            heartbeat_interval: HEARTBEAT.as_millis() as u64,
            election_timeout_min: ELECTION.0.as_millis() as u64,
            election_timeout_max: ELECTION.1.as_millis() as u64,
            install_snapshot_timeout: 5000,
            snapshot_max_chunk_size: 256 << 10,
            snapshot_policy: SnapshotPolicy::LogsSinceLast(SNAPSHOT_EVERY),
            max_in_snapshot_log_to_keep: KEEP_ENTRIES,
            ..Config::default()
        };
        let config = Arc::new(config.validate().map_err(|error| OpenError::Raft(error.to_string()))?);
        let network = network::Network { transport: options.transport };
        let committed = state.watch();
        let raft = Raft::new(options.id.0, config, network, store, state)
            .await
            .map_err(|error| OpenError::Raft(error.to_string()))?;
        let leadership = follow(&raft, options.id);
        Ok(MetadataLog { raft, committed, leadership })
    }

    /// Whether the log has begun: it has a first entry or voted.
    pub async fn is_initialized(&self) -> bool {
        self.raft.is_initialized().await.unwrap_or(false)
    }

    /// Begins a log with these voters. A repeat changes nothing.
    pub async fn initialize(&self, voters: &[NodeId]) -> Result<(), MemberError> {
        let voters: BTreeSet<RaftId> = voters.iter().map(|node| node.0).collect();
        match self.raft.initialize(voters).await {
            Ok(()) | Err(RaftError::APIError(InitializeError::NotAllowed(_))) => Ok(()),
            Err(error) => Err(MemberError(error.to_string())),
        }
    }

    /// Has a node receive the log without voting. Only on the leader.
    pub async fn add_learner(&self, node: NodeId) -> Result<(), MemberError> {
        let added = self.raft.add_learner(node.0, RaftNode::new(), false).await;
        added.map(|_| ()).map_err(|error| MemberError(error.to_string()))
    }

    /// Has `command` agreed. Only on the leader; tries again within the deadline while it cannot know yet whether it leads.
    pub async fn propose(&self, command: Command, deadline: Duration) -> Result<Result<Epoch, Refusal>, ProposeError> {
        let until = Instant::now() + deadline;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let written = tokio::time::timeout(left, self.raft.client_write(command.clone())).await;
            let forward = match written {
                Err(_) => return Err(ProposeError::TimedOut),
                Ok(Ok(response)) => return Ok(response.data.0.unwrap_or(Err(Refusal::NoChange))),
                Ok(Err(RaftError::APIError(ClientWriteError::ForwardToLeader(forward)))) => forward,
                Ok(Err(error)) => return Err(ProposeError::Stopped(error.to_string())),
            };
            let leadership = self.leadership.borrow().clone();
            let leader = forward.leader_id.map(NodeId).or(leadership.leader);
            // A fresh leader says so of itself until its first quorum answered.
            if !leadership.is_me || Instant::now() + RETRY_EVERY >= until {
                return Err(ProposeError::NotLeader { leader: leader.filter(|_| !leadership.is_me) });
            }
            tokio::time::sleep(RETRY_EVERY).await;
        }
    }

    /// The newest applied state.
    pub fn committed(&self) -> watch::Receiver<Arc<Metadata>> {
        self.committed.clone()
    }

    pub fn leadership(&self) -> watch::Receiver<Leadership> {
        self.leadership.clone()
    }

    /// On the leader: whether a quorum answered lately. False elsewhere.
    pub fn leads_with_quorum(&self) -> bool {
        let metrics = self.raft.metrics().borrow().clone();
        let voters = metrics.membership_config.voter_ids().count();
        let is_fresh = |ms: u64| Duration::from_millis(ms) <= QUORUM_STALE;
        metrics.current_leader == Some(metrics.id) && (voters <= 1 || metrics.millis_since_quorum_ack.is_some_and(is_fresh))
    }

    /// Answers another node's log.
    pub async fn handle(&self, rpc: &[u8]) -> Vec<u8> {
        network::answer(&self.raft, rpc).await
    }

    pub async fn shutdown(&self) {
        if let Err(error) = self.raft.shutdown().await {
            tracing::warn!("the metadata log did not stop in order: {error}");
        }
    }
}

/// Turns openraft's metrics into leadership, sent only when it changes.
fn follow(raft: &Raft<TypeConfig>, me: NodeId) -> watch::Receiver<Leadership> {
    let mut metrics = raft.metrics();
    let of = move |metrics: &openraft::RaftMetrics<RaftId, RaftNode>| Leadership {
        leader: metrics.current_leader.map(NodeId),
        is_me: metrics.current_leader == Some(me.0),
        term: metrics.current_term,
        voters: metrics.membership_config.voter_ids().map(NodeId).collect(),
        members: metrics.membership_config.nodes().map(|(id, _)| NodeId(*id)).collect(),
    };
    let (sender, receiver) = watch::channel(of(&metrics.borrow_and_update()));
    tokio::spawn(async move {
        while metrics.changed().await.is_ok() {
            let next = of(&metrics.borrow_and_update());
            sender.send_if_modified(|current| {
                let changed = *current != next;
                *current = next;
                changed
            });
        }
    });
    receiver
}

#[cfg(test)]
mod tests;
