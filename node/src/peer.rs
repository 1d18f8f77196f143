//! Control links: requests and answers between nodes about the cluster itself, as JSON frames.
//!
//! One link a peer, opened when needed, with any number of calls under way; every call has a deadline, also while connecting.
//! What a call means is in `cluster.rs`; forwarded client requests have links of their own (`link.rs`). The peers door's
//! listener is here and hands data links to workers, and heartbeat links to the heartbeat thread.

use crate::cluster::Cluster;
use crate::sockets;
use crate::worker::{Arrival, Hands};
use dcache_cluster::metadata::{Command, Metadata, Refusal};
use dcache_protocol::control::{ApiError, ErrorCode, FailoverResult, NodeReport};
use dcache_protocol::peer::{Hello, LinkKind};
use dcache_protocol::{Addresses, Epoch, Incarnation, NodeId, NodeRecord};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

/// What one node asks of another.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Call {
    /// A message of the metadata log, opaque here.
    Raft {
        rpc: String,
    },
    /// The sender is alive and is this.
    /// It asks for a lease.
    Heartbeat {
        cluster_id: NodeId,
        node: NodeRecord,
    },
    /// To be proposed by the leader.
    Propose {
        command: Command,
    },
    Identify,
    /// `cluster init` takes this node in: it starts its metadata log and waits for the first entry.
    Adopt {
        cluster_id: NodeId,
        cluster_name: String,
        known: BTreeMap<NodeId, Addresses>,
        drop_keys: bool,
    },
    /// A fresh node asks the leader to take it into a formed cluster.
    Join {
        node: NodeRecord,
    },
    Report,
    Partitions,
    /// To have others take over what the node serves.
    HandOver,
    /// A member without a log of its own asks for what was agreed after this.
    Metadata {
        epoch: Epoch,
    },
    /// By how much the p99 of clients rose since the operation under way began, which the leader knows.
    Rise,
}

/// What the other node says.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Answer {
    Raft {
        rpc: String,
    },
    Heartbeat {
        leader: Option<NodeId>,
        /// Where the one who answers and the leader are.
        known: BTreeMap<NodeId, Addresses>,
        /// The sender has a lease, from the moment it sent the heartbeat, once it acts on this epoch.
        lease: Option<Epoch>,
    },
    Proposed {
        epoch: Epoch,
    },
    /// The log agreed that the command changes nothing.
    Refused {
        refusal: Refusal,
    },
    /// Ask this node instead.
    NotLeader {
        leader: Option<NodeId>,
    },
    Identity(PeerIdentity),
    Adopted,
    Joined {
        cluster_id: NodeId,
        cluster_name: String,
        known: BTreeMap<NodeId, Addresses>,
    },
    Report(Box<NodeReport>),
    Partitions(PartitionColumns),
    HandedOver(FailoverResult),
    /// Who leads, and what was agreed; none: nothing new.
    Metadata {
        leader: Option<NodeId>,
        metadata: Option<Box<Metadata>>,
    },
    Rise {
        p99_us: i64,
    },
    Failed(ApiError),
}

/// One node's partitions, as columns by partition number; partitions of other nodes are 0.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PartitionColumns {
    /// Of the process that says so; 0: it does not say.
    #[serde(default)]
    pub incarnation: Incarnation,
    pub ops: Vec<u64>,
    pub items: Vec<u64>,
    pub memory_bytes: Vec<u64>,
    #[serde(default)]
    pub uncopied_bytes: Vec<u64>,
    #[serde(default)]
    pub ops_a_second: Vec<u64>,
}

/// Who answers at an address.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerIdentity {
    pub node: NodeRecord,
    /// Cluster it belongs to; none: standalone.
    pub cluster_id: Option<NodeId>,
    pub cluster_name: String,
    /// Whether that cluster's first entry was committed as far as it knows.
    pub formed: bool,
    pub items: u64,
    pub known: BTreeMap<NodeId, Addresses>,
}

/// Why a call has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    #[error("no address of this node is known")]
    NoAddress,
    #[error("no connection to {address}: {why}")]
    Unreachable { address: String, why: String },
    #[error("no answer from {address} within {deadline:?}")]
    TimedOut { address: String, deadline: Duration },
}

impl CallError {
    pub fn to_api(&self) -> ApiError {
        let code = match self {
            CallError::TimedOut { .. } => ErrorCode::Timeout,
            _ => ErrorCode::Unavailable,
        };
        ApiError { code, message: self.to_string(), why: None, hints: Vec::new() }
    }
}

/// Largest control frame: a snapshot of the metadata with room to spare.
const CONTROL_FRAME_BYTES_MAX: usize = 16 << 20;

const CONNECT_DEADLINE: Duration = Duration::from_millis(500);

/// How long a new connection may take to say what it is.
const HELLO_DEADLINE: Duration = Duration::from_secs(2);

/// Calls waiting on one link; more fail at once.
const CALLS_MAX: usize = 1024;

type Pending = Arc<Mutex<Option<HashMap<u64, oneshot::Sender<Answer>>>>>;

/// The calling side, shared by everything that asks other nodes. Links live on the runtime it was made with.
pub struct Peers {
    runtime: tokio::runtime::Handle,
    kind: LinkKind,
    links: Mutex<HashMap<String, ControlLink>>,
}

#[derive(Clone)]
struct ControlLink {
    frames: mpsc::Sender<(u64, Vec<u8>, oneshot::Sender<Answer>)>,
    next_id: Arc<std::sync::atomic::AtomicU64>,
}

impl Peers {
    pub fn new(runtime: tokio::runtime::Handle, kind: LinkKind) -> Peers {
        Peers { runtime, kind, links: Mutex::default() }
    }

    /// Asks the node behind `address` (its peers door).
    pub async fn call(&self, address: &str, call: &Call, deadline: Duration) -> Result<Answer, CallError> {
        let body = serde_json::to_vec(call).expect("calls have only string keys");
        let ask = async {
            let link = self.link(address);
            let id = link.next_id.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let (answer, answered) = oneshot::channel();
            let unreachable = |why: &str| CallError::Unreachable { address: address.into(), why: why.into() };
            link.frames.try_send((id, body, answer)).map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => unreachable("too many calls are waiting"),
                mpsc::error::TrySendError::Closed(_) => unreachable("the link broke"),
            })?;
            answered.await.map_err(|_| unreachable("connection refused or lost"))
        };
        match tokio::time::timeout(deadline, ask).await {
            Ok(answer) => answer,
            Err(_) => Err(CallError::TimedOut { address: address.into(), deadline }),
        }
    }

    fn link(&self, address: &str) -> ControlLink {
        let mut links = self.links.lock();
        if let Some(link) = links.get(address)
            && !link.frames.is_closed()
        {
            return link.clone();
        }
        links.retain(|_, link| !link.frames.is_closed());
        let (frames, outgoing) = mpsc::channel(CALLS_MAX);
        let link = ControlLink { frames, next_id: Arc::default() };
        links.insert(address.to_string(), link.clone());
        let (address, kind) = (address.to_string(), self.kind);
        self.runtime.spawn(async move {
            if let Err(error) = carry(&address, kind, outgoing).await {
                tracing::debug!(peer = address, "control link: {error}");
            }
        });
        link
    }
}

async fn carry(
    address: &str,
    kind: LinkKind,
    mut outgoing: mpsc::Receiver<(u64, Vec<u8>, oneshot::Sender<Answer>)>,
) -> io::Result<()> {
    let connecting = async {
        let mut stream = TcpStream::connect(address).await?;
        sockets::tune_link(&stream)?;
        stream.write_all(&Hello { kind }.encode()).await?;
        io::Result::Ok(stream)
    };
    let stream = tokio::time::timeout(CONNECT_DEADLINE, connecting).await??;
    let (reader, mut writer) = stream.into_split();
    let pending: Pending = Arc::new(Mutex::new(Some(HashMap::new())));
    let reading = read_answers(reader, pending.clone());
    let writing = async {
        while let Some((id, body, answer)) = outgoing.recv().await {
            {
                let mut pending = pending.lock();
                let Some(pending) = pending.as_mut() else { return Ok(()) };
                // Callers that gave up at their deadline leave closed senders behind.
                if pending.len() >= CALLS_MAX {
                    pending.retain(|_, waiting| !waiting.is_closed());
                }
                if pending.len() >= CALLS_MAX {
                    return Err(io::Error::other("the peer does not answer"));
                }
                pending.insert(id, answer);
            }
            write_frame(&mut writer, id, &body).await?;
        }
        Ok(())
    };
    let result = tokio::select! { result = reading => result, result = writing => result };
    // Dropping the senders tells every caller.
    pending.lock().take();
    result
}

async fn read_answers(mut reader: OwnedReadHalf, pending: Pending) -> io::Result<()> {
    loop {
        let (id, body) = read_frame(&mut reader).await?;
        let answer: Answer = serde_json::from_slice(&body)?;
        let waiting = pending.lock().as_mut().and_then(|pending| pending.remove(&id));
        if let Some(waiting) = waiting {
            // A caller past its deadline is gone; its answer has no use.
            let _ = waiting.send(answer);
        }
    }
}

/// Frame: `u32` length of what follows, `u64` id, JSON.
async fn write_frame(writer: &mut OwnedWriteHalf, id: u64, body: &[u8]) -> io::Result<()> {
    let mut frame = Vec::with_capacity(12 + body.len());
    frame.extend_from_slice(&((8 + body.len()) as u32).to_le_bytes());
    frame.extend_from_slice(&id.to_le_bytes());
    frame.extend_from_slice(body);
    writer.write_all(&frame).await
}

async fn read_frame(reader: &mut OwnedReadHalf) -> io::Result<(u64, Vec<u8>)> {
    let length = reader.read_u32_le().await? as usize;
    if !(8..=CONTROL_FRAME_BYTES_MAX).contains(&length) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("control frame of {length} bytes")));
    }
    let id = reader.read_u64_le().await?;
    let mut body = Vec::new();
    // `take` makes the buffer grow with what arrives, not with what was announced.
    reader.take((length - 8) as u64).read_to_end(&mut body).await?;
    if body.len() != length - 8 {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
    }
    Ok((id, body))
}

/// Accepts on the peers door until the stop signal.
pub async fn accept(listener: std::net::TcpListener, cluster: Arc<Cluster>, hands: Hands) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!("cannot accept peers: {error}");
            return;
        }
    };
    let stop = cluster.shared.stop.clone();
    loop {
        match listener.accept().await {
            Ok((stream, remote)) => {
                let (cluster, hands, stop) = (cluster.clone(), hands.clone(), stop.clone());
                tokio::spawn(async move {
                    if let Err(error) = greet(stream, cluster, hands, stop).await {
                        tracing::debug!(peer = %remote, "peers door: {error}");
                    }
                });
            }
            Err(error) => {
                tracing::warn!("cannot accept a peer: {error}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn greet(
    mut stream: TcpStream,
    cluster: Arc<Cluster>,
    hands: Hands,
    stop: watch::Receiver<crate::shared::Stop>,
) -> io::Result<()> {
    let mut hello = [0; Hello::BYTES];
    tokio::time::timeout(HELLO_DEADLINE, stream.read_exact(&mut hello)).await??;
    match Hello::decode(hello).map_err(io::Error::other)?.kind {
        LinkKind::Control => answer_calls(stream, cluster, stop).await,
        LinkKind::Heartbeat => {
            let stream = stream.into_std()?;
            let runtime = cluster.heartbeats.clone();
            let answering =
                runtime.spawn(async move { answer_calls(TcpStream::from_std(stream)?, cluster, stop).await });
            answering.await.map_err(io::Error::other)?
        }
        // A node that stops takes no more links; the socket closes with the arrival.
        LinkKind::Copies => hands.give(Arrival::Copies(stream.into_std()?)).map_err(|_| io::Error::other("stopping")),
        LinkKind::Data => hands.give(Arrival::Peer(stream.into_std()?)).map_err(|_| io::Error::other("stopping")),
    }
}

async fn answer_calls(
    stream: TcpStream,
    cluster: Arc<Cluster>,
    mut stop: watch::Receiver<crate::shared::Stop>,
) -> io::Result<()> {
    sockets::tune_link(&stream)?;
    let (mut reader, mut writer) = stream.into_split();
    let (answers, mut ready) = mpsc::channel::<(u64, Vec<u8>)>(CALLS_MAX);
    let under_way = Arc::new(Semaphore::new(CALLS_MAX));
    let reading = async {
        loop {
            let (id, body) = read_frame(&mut reader).await?;
            let call: Call = serde_json::from_slice(&body)?;
            let (cluster, answers) = (cluster.clone(), answers.clone());
            let permit = under_way.clone().acquire_owned().await.map_err(io::Error::other)?;
            tokio::spawn(async move {
                let _permit = permit;
                let answer = cluster.answer(call).await;
                let body = serde_json::to_vec(&answer).expect("answers have only string keys");
                // The link may have closed meanwhile; the caller notices by itself.
                let _ = answers.send((id, body)).await;
            });
        }
    };
    let writing = async {
        while let Some((id, body)) = ready.recv().await {
            write_frame(&mut writer, id, &body).await?;
        }
        io::Result::Ok(())
    };
    tokio::select! {
        result = reading => result,
        result = writing => result,
        _ = stop.wait_for(|stop| *stop >= crate::shared::Stop::Orderly) => Ok(()),
    }
}
