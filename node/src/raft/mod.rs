//! The metadata log: propose, committed state, leadership. Hides openraft from the rest of the node.
//!
//! [`MetadataLog`] is a handle; the log's own task runs on the runtime that opened it. Voters elect a leader, which alone
//! accepts proposals, and which says so only while a quorum answers it. Which nodes vote is decided by whoever calls; addresses
//! are the [`Transport`]'s business.
//!
//! ```text
//! propose ──► openraft ──► network.rs ──► Transport ──► another node's `handle`
//!                │
//!                │     standing.rs    how long ago a leader was confirmed, which votes say
//!                ├── disk.rs          where files are
//!                ├── store.rs          vote and entries, in a file of records (wal.rs)
//!                └── state_machine.rs  Metadata and its snapshots ──► committed
//! ```
//!
//! openraft 0.9 has no check that a leader still has its quorum, and its followers remember a leader they no longer hear; both
//! are added here ([`Leadership`]). It also waits for its disk before it does anything else, heartbeats included: a disk that
//! stalls for longer than an election costs its node the lead.

mod disk;
mod election;
mod network;
pub mod runtime;
mod standing;
mod state_machine;
mod store;
mod wal;

pub use disk::{Disk, Files};
pub use network::{Transport, TransportError};
pub use wal::StoreError;

use dcache_cluster::metadata::{Command, Metadata, Refusal};
use dcache_cluster::repair::Members;
use dcache_protocol::{Epoch, NodeId};
use election::Election;
use openraft::error::{ClientWriteError, Fatal, InitializeError, RaftError};
use openraft::{Config, Raft, SnapshotPolicy};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use standing::Standing;
use state_machine::StateMachine;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

type RaftId = u64;
type RaftNode = openraft::EmptyNode;
type Entry = openraft::Entry<TypeConfig>;
type LogId = openraft::LogId<RaftId>;
type Vote = openraft::Vote<RaftId>;
type Membership = openraft::StoredMembership<RaftId, RaftNode>;
type Metrics = openraft::RaftMetrics<RaftId, RaftNode>;
type StorageError = openraft::StorageError<RaftId>;

/// A command and when it was proposed, by the leader's wall clock.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stamped {
    at_unix_ms: u64,
    command: Command,
}

openraft::declare_raft_types!(
    /// openraft's types as this log uses them.
    pub TypeConfig:
        D = Stamped,
        R = Applied,
        NodeId = RaftId,
        Node = RaftNode,
        Entry = openraft::Entry<TypeConfig>,
        SnapshotData = Cursor<Vec<u8>>,
        AsyncRuntime = runtime::Runtime,
);

/// What applying an entry gave; none for entries that are the log's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied(Option<Result<Epoch, Refusal>>);

/// How often a leader says that it leads.
const HEARTBEAT: Duration = Duration::from_millis(200);

/// A voter that has not heard its leader for the second and a time between both stands for election: after 1.1 to 1.4 s, within
/// the lease that a failover waits for anyway.
const ELECTION: (Duration, Duration) = (Duration::from_millis(400), Duration::from_millis(700));

/// Deadline of an append: it allows for a slow disk, and for a node that shares its cores with the clients it serves. While one is
/// under way no heartbeat is sent there, and more than one must fit before the member stands for election.
const APPEND_WITHIN: Duration = Duration::from_millis(500);

/// Entries that a member which received nearly all of them may lack.
const NEARLY_ALL: u64 = 100;

const SNAPSHOT_DEADLINE: Duration = Duration::from_secs(10);

/// After this long without an answer a leader's quorum, and without a message a follower's leader, counts as lost.
const SILENCE_MAX: Duration = Duration::from_millis(1500);

/// Entries after which a snapshot is taken. Tests have to write all of them.
const SNAPSHOT_EVERY: u64 = if cfg!(test) { 20 } else { 500 };

/// Entries kept before a snapshot: for nodes that lag, and for a restart from the snapshot before it.
const ENTRIES_KEPT: u64 = 2 * SNAPSHOT_EVERY;

/// Largest command; it must fit the frames between nodes. Forming 1000 nodes takes some 400 KB.
const COMMAND_BYTES_MAX: usize = 4 << 20;

/// How long a change of members may take.
const MEMBERS_DEADLINE: Duration = Duration::from_secs(10);

/// Pause before a proposal is tried again.
const RETRY_EVERY: Duration = Duration::from_millis(20);

/// What a log is opened with.
pub struct Options {
    pub id: NodeId,
    /// Of one process at a time.
    pub disk: Arc<dyn Disk>,
    pub transport: Arc<dyn Transport>,
    /// Milliseconds since 1970.
    pub unix_ms: fn() -> u64,
}

/// Who leads, as this node knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leadership {
    /// None too when it was not heard for 1.5 s.
    pub leader: Option<NodeId>,
    pub is_me: bool,
    pub term: u64,
    pub voters: BTreeSet<NodeId>,
    /// Voters and learners: all that receive the log.
    pub members: BTreeSet<NodeId>,
    quorum: bool,
    /// While this node leads: for so long before it was elected no earlier leader was confirmed by a majority; none: never.
    pub quiet: Option<Duration>,
    /// The log of this node stopped for good, for that reason: it takes part in nothing until the node starts again.
    pub stopped: Option<String>,
}

impl Leadership {
    /// Whether metadata can change, as far as this node can tell: as leader, a quorum answered within 1.5 s; else, a leader
    /// is heard.
    pub fn has_quorum(&self) -> bool {
        self.quorum
    }
}

/// Why a log cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log begins after what the newest readable snapshot has.
    #[error(
        "{}: no snapshot reaches to entry {purged}, where the log begins; move the node's whole data directory away and let it join as a new node",
        dir.display()
    )]
    NoSnapshot { dir: PathBuf, purged: u64 },
    #[error("{0}")]
    Raft(String),
}

/// Why a proposal has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProposeError {
    /// Certainly not in the log.
    #[error("this node does not lead the metadata log")]
    NotLeader { leader: Option<NodeId> },
    /// Certainly not in the log.
    #[error("this node leads the metadata log, but too few of its voters answer")]
    NoQuorum,
    /// It may still be agreed later.
    #[error("no agreement within the deadline; the outcome is unknown")]
    TimedOut,
    /// It may have been agreed just before.
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
    id: NodeId,
    raft: Raft<TypeConfig>,
    committed: watch::Receiver<Arc<Metadata>>,
    leadership: watch::Receiver<Leadership>,
    heard: Arc<Mutex<Heard>>,
    standing: Arc<Standing>,
    answered: Answered,
    unix_ms: fn() -> u64,
}

/// When each member last answered an append of this node's.
type Answered = Arc<Mutex<BTreeMap<RaftId, Instant>>>;

/// The leader that spoke last, and when.
type Heard = Option<(NodeId, Instant)>;

impl MetadataLog {
    /// Opens the log; a restart finds what it had. Must be called on the runtime that is to run it.
    pub async fn open(options: Options) -> Result<MetadataLog, OpenError> {
        let Options { id, disk, transport, unix_ms } = options;
        let store = Store::open(disk.clone())?;
        let state = StateMachine::open(disk.clone())?;
        if let Some(purged) = store.purged().filter(|purged| Some(*purged) > state.applied()) {
            return Err(OpenError::NoSnapshot { dir: disk.path(""), purged: purged.index });
        }
        let config = Config {
            cluster_name: "dcache".into(),
            // For openraft the deadline of an append; heartbeats are sent by `beat`.
            heartbeat_interval: APPEND_WITHIN.as_millis() as u64,
            election_timeout_min: APPEND_WITHIN.as_millis() as u64 + 1,
            election_timeout_max: ELECTION.1.as_millis() as u64,
            install_snapshot_timeout: SNAPSHOT_DEADLINE.as_millis() as u64,
            snapshot_policy: SnapshotPolicy::LogsSinceLast(SNAPSHOT_EVERY),
            enable_elect: false,
            max_in_snapshot_log_to_keep: ENTRIES_KEPT,
            enable_heartbeat: false,
            ..Config::default()
        };
        let stopped = |error: &dyn std::fmt::Display| OpenError::Raft(error.to_string());
        let config = Arc::new(config.validate().map_err(|error| stopped(&error))?);
        let committed = state.watch();
        let is_restart = store.has_voted();
        let standing = Arc::new(Standing::new(is_restart));
        let answered = Answered::default();
        let network =
            network::Network { transport: transport.clone(), standing: standing.clone(), answered: answered.clone() };
        let raft = Raft::new(id.0, config, network, store, state).await.map_err(|error| stopped(&error))?;
        let heard: Arc<Mutex<Heard>> = Arc::default();
        tokio::spawn(Election { raft: raft.clone(), me: id, transport, heard: heard.clone() }.run());
        tokio::spawn(beat(raft.clone()));
        let leadership = follow(&raft, id, Arc::clone(&heard), Arc::clone(&standing));
        Ok(MetadataLog { id, raft, committed, leadership, heard, standing, answered, unix_ms })
    }

    /// Whether the log has begun: it has a first entry or voted.
    pub async fn is_initialized(&self) -> bool {
        self.raft.is_initialized().await.unwrap_or(false)
    }

    /// Begins a log with these voters. A log that has begun stays as it is. Every node that is asked to begin one log must be
    /// given the same voters.
    pub async fn initialize(&self, voters: &[NodeId]) -> Result<(), MemberError> {
        let voters: BTreeSet<RaftId> = voters.iter().map(|node| node.0).collect();
        match self.raft.initialize(voters).await {
            Ok(()) | Err(RaftError::APIError(InitializeError::NotAllowed(_))) => Ok(()),
            Err(error) => Err(MemberError(error.to_string())),
        }
    }

    /// Has a node receive the log without voting. Only on the leader; returns when agreed, not when the node caught up.
    pub async fn add_learner(&self, node: NodeId) -> Result<(), MemberError> {
        self.change_members(self.raft.add_learner(node.0, RaftNode::new(), false)).await
    }

    /// Has a member that does not vote receive the log no more. Only on the leader.
    pub async fn dismiss(&self, node: NodeId) -> Result<(), MemberError> {
        let nodes = BTreeSet::from([node.0]);
        self.change_members(self.raft.change_membership(openraft::ChangeMembers::RemoveNodes(nodes), true)).await
    }

    /// Who takes part, on the leader; none elsewhere.
    pub fn members(&self) -> Option<Members> {
        let metrics = self.raft.metrics().borrow().clone();
        let reached = metrics.replication?;
        let last = metrics.last_log_index.unwrap_or(0);
        let is_current = |at: &Option<LogId>| at.is_some_and(|at| at.index + NEARLY_ALL >= last);
        let answered = self.answered.lock().clone();
        let is_silent = |node: &NodeId| {
            let answers = answered.get(&node.0).is_some_and(|at| at.elapsed() <= SILENCE_MAX);
            *node != self.id && !answers
        };
        let known = self.leadership.borrow();
        Some(Members {
            voters: known.voters.clone(),
            all: known.members.clone(),
            current: reached.iter().filter(|(_, at)| is_current(at)).map(|(node, _)| NodeId(*node)).collect(),
            silent: known.members.iter().copied().filter(is_silent).collect(),
        })
    }

    /// Has these members vote, and the voters that are not among them only receive the log. Only on the leader; a node becomes
    /// a member by [`MetadataLog::add_learner`].
    pub async fn set_voters(&self, voters: &BTreeSet<NodeId>) -> Result<(), MemberError> {
        let voters: BTreeSet<RaftId> = voters.iter().map(|node| node.0).collect();
        self.change_members(self.raft.change_membership(voters, true)).await
    }

    async fn change_members<T, E: std::fmt::Display>(
        &self,
        change: impl Future<Output = Result<T, E>>,
    ) -> Result<(), MemberError> {
        match tokio::time::timeout(MEMBERS_DEADLINE, change).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(MemberError(error.to_string())),
            Err(_) => Err(MemberError(format!("no agreement within {MEMBERS_DEADLINE:?}; the outcome is unknown"))),
        }
    }

    /// Has `command` agreed. Only on the leader; tries again within the deadline while it cannot know yet whether it leads.
    pub async fn propose(&self, command: Command, deadline: Duration) -> Result<Result<Epoch, Refusal>, ProposeError> {
        let bytes = serde_json::to_vec(&command).map_err(|error| ProposeError::Stopped(error.to_string()))?.len();
        if bytes > COMMAND_BYTES_MAX {
            let why = format!("a change of {bytes} bytes is larger than the metadata log takes ({COMMAND_BYTES_MAX})");
            return Ok(Err(Refusal::Invalid(why)));
        }
        // It never goes back, so what may be said of what is applied here may be said of all that follows.
        if let Err(refusal) = self.committed().borrow().may_say(&command) {
            return Ok(Err(refusal));
        }
        let until = Instant::now() + deadline;
        loop {
            self.await_quorum(until).await?;
            let forward = match timeout_at(
                until,
                self.raft.client_write(Stamped { at_unix_ms: (self.unix_ms)(), command: command.clone() }),
            )
            .await
            {
                Err(_) => return Err(ProposeError::TimedOut),
                Ok(Ok(response)) => return Ok(response.data.0.unwrap_or(Err(Refusal::NoChange))),
                Ok(Err(RaftError::APIError(ClientWriteError::ForwardToLeader(forward)))) => forward,
                Ok(Err(error)) => return Err(ProposeError::Stopped(error.to_string())),
            };
            let known = self.leadership.borrow().clone();
            if !known.is_me {
                // What openraft says is newer, but it remembers leaders that are gone.
                let leader = known.leader.and(forward.leader_id.map(NodeId)).or(known.leader);
                return Err(ProposeError::NotLeader { leader });
            }
            // It lost the lead a moment ago, or has not quite got it.
            if Instant::now() + RETRY_EVERY >= until {
                return Err(ProposeError::NotLeader { leader: None });
            }
            tokio::time::sleep(RETRY_EVERY).await;
        }
    }

    /// A proposal to a leader without quorum would wait in its log with an unknown outcome; here it can still fail for certain.
    async fn await_quorum(&self, until: Instant) -> Result<(), ProposeError> {
        let mut leadership = self.leadership.clone();
        match timeout_at(until, leadership.wait_for(|known| !known.is_me || known.quorum)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(ProposeError::Stopped("it was shut down or its disk failed".into())),
            Err(_) => Err(ProposeError::NoQuorum),
        }
    }

    /// The newest applied state.
    pub fn committed(&self) -> watch::Receiver<Arc<Metadata>> {
        self.committed.clone()
    }

    /// Changes only when something in it does. Closes when the log stopped.
    pub fn leadership(&self) -> watch::Receiver<Leadership> {
        self.leadership.clone()
    }

    /// Whether this node leads and a quorum answered lately.
    pub fn leads_with_quorum(&self) -> bool {
        let known = self.leadership.borrow();
        known.is_me && known.quorum
    }

    /// If a majority of the voters takes this node for the leader still, at some moment after the call: the state that holds
    /// everything agreed before that.
    pub async fn as_confirmed_leader(&self) -> Option<Arc<Metadata>> {
        self.standing.begin_confirmation().await;
        self.raft.ensure_linearizable().await.ok()?;
        Some(self.committed.borrow().clone())
    }

    /// Answers another node's log.
    pub async fn handle(&self, rpc: &[u8]) -> Vec<u8> {
        let (answer, leader) = network::answer(&self.raft, self.id, &self.standing, rpc).await;
        if let Some(leader) = leader {
            *self.heard.lock() = Some((leader, Instant::now()));
        }
        answer
    }

    /// Stops the log; whatever waits for it fails. What was agreed stays on disk.
    pub async fn shutdown(&self) {
        if let Err(error) = self.raft.shutdown().await {
            tracing::warn!("the metadata log did not stop in order: {error}");
        }
    }
}

/// Has openraft say that it leads, if it does. It tells its metrics each time, also when nothing happens.
async fn beat(raft: Raft<TypeConfig>) {
    let mut every = tokio::time::interval(HEARTBEAT);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        if raft.trigger().heartbeat().await.is_err() {
            return;
        }
    }
}

/// Turns openraft's metrics into leadership. They come at every heartbeat, so silence is noticed.
fn follow(
    raft: &Raft<TypeConfig>,
    me: NodeId,
    heard: Arc<Mutex<Heard>>,
    standing: Arc<Standing>,
) -> watch::Receiver<Leadership> {
    let mut metrics = raft.metrics();
    let first = leadership(&metrics.borrow_and_update(), me, *heard.lock());
    let (sender, receiver) = watch::channel(first);
    tokio::spawn(async move {
        while metrics.changed().await.is_ok() {
            let mut next = leadership(&metrics.borrow_and_update(), me, *heard.lock());
            if next.is_me {
                let current = sender.borrow();
                let is_elected = !current.is_me || current.term != next.term;
                next.quiet = if is_elected { standing.quiet(next.term) } else { current.quiet };
            }
            sender.send_if_modified(|current| {
                let is_news = *current != next;
                *current = next;
                is_news
            });
        }
        let why = match &metrics.borrow().running_state {
            Err(Fatal::Stopped) => None,
            Err(fatal) => Some(fatal.to_string()),
            Ok(()) => Some("its task panicked".into()),
        };
        let stopped = why.clone();
        if let Some(why) = why {
            tracing::error!(
                "the metadata log stopped; this node serves on without it, but does not vote: mend what is wrong and start it again: {why}"
            );
        }
        sender.send_modify(|last| *last = Leadership { voters: last.voters.clone(), stopped, ..Leadership::default() });
    });
    receiver
}

fn leadership(metrics: &Metrics, me: NodeId, heard: Heard) -> Leadership {
    let is_recent = |silence: Duration| silence <= SILENCE_MAX;
    let is_heard = |leader: &NodeId| heard.is_some_and(|(node, at)| node == *leader && is_recent(at.elapsed()));
    let leader = metrics.current_leader.map(NodeId).filter(|leader| *leader == me || is_heard(leader));
    let is_me = leader == Some(me);
    let acknowledged = metrics.millis_since_quorum_ack.map(Duration::from_millis);
    Leadership {
        leader,
        is_me,
        term: metrics.current_term,
        voters: metrics.membership_config.voter_ids().map(NodeId).collect(),
        members: metrics.membership_config.nodes().map(|(id, _)| NodeId(*id)).collect(),
        quiet: None,
        stopped: None,
        quorum: if is_me { acknowledged.is_some_and(is_recent) } else { leader.is_some() },
    }
}

#[cfg(test)]
mod tests;
