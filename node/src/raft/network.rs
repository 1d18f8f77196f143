//! The log's messages to other nodes, each with a deadline, and its answers to theirs. What carries them is a [`Transport`].
//!
//! ```text
//! message   JSON of an Envelope: whom it is for, and an append, a vote, a question before one, or a snapshot's description
//!           snapshots: a line break and the snapshot's own JSON, whole (openraft would send chunks as lists of numbers)
//! answer    JSON of an Answer
//! ```
//!
//! A message names the node it is for, because an address is only a hint: behind it there may be a new node by now, whose
//! empty log must not answer for the one that was there before. An unanswered message without a deadline would wedge
//! replication to that node for good.

use super::election;
use super::standing::Standing;
use super::state_machine::State;
use super::{Answered, Entry, LogId, RaftId, RaftNode, TypeConfig, Vote};
use dcache_protocol::NodeId;
use openraft::error::{
    Fatal, InstallSnapshotError, NetworkError, RPCError, RaftError, ReplicationClosed, StreamingError, Unreachable,
};
use openraft::network::{Backoff, RPCOption, RaftNetwork, RaftNetworkFactory};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, InstallSnapshotRequest, InstallSnapshotResponse, SnapshotResponse,
    VoteRequest, VoteResponse,
};
use openraft::{OptionalSend, Raft, Snapshot, SnapshotMeta};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::Cursor;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Entries in one message at most, and in the first ones to a member.
const ENTRIES_AT_ONCE: usize = 64;
const FIRST_AT_ONCE: usize = 8;

/// Entries sent in one message have at most this many bytes, or are one.
const APPEND_BYTES_MAX: usize = 1 << 20;

/// Pause after a node could not be reached.
const UNREACHABLE_PAUSE: Duration = Duration::from_millis(200);

/// Carries one message to a node and brings its answer back, within a deadline. Messages and answers are UTF-8.
pub trait Transport: Send + Sync + 'static {
    fn call(
        &self,
        to: NodeId,
        rpc: Vec<u8>,
        deadline: Duration,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<u8>, TransportError>> + Send>>;
}

/// Why a message has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct TransportError {
    pub why: String,
}

#[derive(Serialize, Deserialize)]
struct Envelope {
    to: NodeId,
    message: Message,
}

/// Every message one node's log sends to another's.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Message {
    Append(AppendEntriesRequest<TypeConfig>),
    Vote(VoteRequest<RaftId>),
    /// Would the node vote for one whose log ends there? It promises nothing.
    WouldVote {
        last: Option<LogId>,
    },
    /// The snapshot itself follows.
    Snapshot {
        vote: Vote,
        meta: SnapshotMeta<RaftId, RaftNode>,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Answer<T> {
    Answered(T),
    /// The log there did not take the message.
    Failed(String),
}

/// The answer to [`Message::Vote`].
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Voted {
    response: VoteResponse<RaftId>,
    /// So long ago the voter last confirmed a leader; none: never.
    quiet_ms: Option<u64>,
}

pub struct Network {
    pub transport: Arc<dyn Transport>,
    pub standing: Arc<Standing>,
    pub answered: Answered,
}

pub struct Connection {
    transport: Arc<dyn Transport>,
    standing: Arc<Standing>,
    answered: Answered,
    target: NodeId,
    /// Entries that one message takes: what the member cannot take in time, here or there, would be sent again and again. Fewer
    /// after each message without an answer, more after each with one.
    at_once: usize,
    /// The last message with entries has no answer; openraft may have given it up.
    is_unanswered: bool,
}

impl RaftNetworkFactory<TypeConfig> for Network {
    type Network = Connection;

    async fn new_client(&mut self, target: RaftId, _node: &RaftNode) -> Connection {
        let (transport, standing, answered) = (self.transport.clone(), self.standing.clone(), self.answered.clone());
        Connection {
            transport,
            standing,
            answered,
            target: NodeId(target),
            at_once: FIRST_AT_ONCE,
            is_unanswered: false,
        }
    }
}

/// Sends a message and what follows it. Every failure is the node's being out of reach: openraft pauses, then tries again.
pub(super) async fn call<T: DeserializeOwned>(
    transport: &dyn Transport,
    to: NodeId,
    message: Message,
    attached: &[u8],
    deadline: Duration,
) -> Result<T, Unreachable> {
    let unreachable = |why: String| Unreachable::new(&TransportError { why });
    let mut rpc = serde_json::to_vec(&Envelope { to, message }).map_err(|error| unreachable(error.to_string()))?;
    if !attached.is_empty() {
        rpc.push(b'\n');
        rpc.extend_from_slice(attached);
    }
    let answer = transport.call(to, rpc, deadline).await.map_err(|error| Unreachable::new(&error))?;
    match serde_json::from_slice(&answer) {
        Ok(Answer::Answered(answer)) => Ok(answer),
        Ok(Answer::Failed(why)) => Err(unreachable(why)),
        Err(error) => Err(unreachable(format!("the answer cannot be read: {error}"))),
    }
}

impl Connection {
    async fn call<T: DeserializeOwned>(
        &self,
        message: Message,
        attached: &[u8],
        deadline: Duration,
    ) -> Result<T, Unreachable> {
        call(&*self.transport, self.target, message, attached, deadline).await
    }
}

impl RaftNetwork<TypeConfig> for Connection {
    async fn append_entries(
        &mut self,
        mut rpc: AppendEntriesRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<RaftId>, RPCError<RaftId, RaftNode, RaftError<RaftId>>> {
        let has_entries = !rpc.entries.is_empty();
        if has_entries && std::mem::replace(&mut self.is_unanswered, true) {
            self.at_once = (self.at_once / 4).max(1);
        }
        let sent = cut(&mut rpc.entries, self.at_once).map_err(|error| RPCError::Network(NetworkError::new(&error)))?;
        let answer = self.call(Message::Append(rpc), b"", option.hard_ttl()).await?;
        if has_entries {
            (self.is_unanswered, self.at_once) = (false, (self.at_once * 2).min(ENTRIES_AT_ONCE));
        }
        self.answered.lock().insert(self.target.0, Instant::now());
        Ok(match (answer, sent) {
            (AppendEntriesResponse::Success, Some(last)) => AppendEntriesResponse::PartialSuccess(Some(last)),
            (answer, _) => answer,
        })
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<RaftId>,
        option: RPCOption,
    ) -> Result<VoteResponse<RaftId>, RPCError<RaftId, RaftNode, RaftError<RaftId>>> {
        let term = rpc.vote.leader_id.term;
        let voted: Voted = self.call(Message::Vote(rpc), b"", option.hard_ttl()).await?;
        if voted.response.vote_granted {
            self.standing.note_vote(term, voted.quiet_ms.map(Duration::from_millis));
        }
        Ok(voted.response)
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot<TypeConfig>,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        option: RPCOption,
    ) -> Result<SnapshotResponse<RaftId>, StreamingError<TypeConfig, Fatal<RaftId>>> {
        let message = Message::Snapshot { vote, meta: snapshot.meta };
        let json = snapshot.snapshot.into_inner();
        tokio::select! {
            closed = cancel => Err(closed.into()),
            answer = self.call(message, &json, option.hard_ttl()) => Ok(SnapshotResponse::new(answer?)),
        }
    }

    /// Never called: snapshots go whole, through `full_snapshot`.
    async fn install_snapshot(
        &mut self,
        _rpc: InstallSnapshotRequest<TypeConfig>,
        _option: RPCOption,
    ) -> Result<InstallSnapshotResponse<RaftId>, RPCError<RaftId, RaftNode, RaftError<RaftId, InstallSnapshotError>>>
    {
        let why = "snapshots are not sent in chunks".into();
        Err(RPCError::Network(NetworkError::new(&TransportError { why })))
    }

    fn backoff(&self) -> Backoff {
        Backoff::new(std::iter::repeat(UNREACHABLE_PAUSE))
    }
}

/// Leaves only as many entries as one message takes; gives the last one left when others were cut off.
fn cut(entries: &mut Vec<Entry>, most: usize) -> serde_json::Result<Option<LogId>> {
    let is_cut = entries.len() > most;
    entries.truncate(most);
    let mut bytes = 0;
    // One goes alone, whatever its size; most messages have one or none.
    for index in 0..if entries.len() > 1 { entries.len() } else { 0 } {
        bytes += serde_json::to_vec(&entries[index])?.len();
        if index > 0 && bytes > APPEND_BYTES_MAX {
            entries.truncate(index);
            return Ok(Some(entries[index - 1].log_id));
        }
    }
    Ok(entries.last().filter(|_| is_cut).map(|entry| entry.log_id))
}

/// Answers another node's message to `me`. Gives the answer and, when it was the leader who spoke and was heard, who that is.
pub async fn answer(raft: &Raft<TypeConfig>, me: NodeId, standing: &Standing, rpc: &[u8]) -> (Vec<u8>, Option<NodeId>) {
    let (head, attached) = match rpc.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&rpc[..end], &rpc[end + 1..]),
        None => (rpc, &b""[..]),
    };
    let message = match serde_json::from_slice(head) {
        Ok(Envelope { to, message }) if to == me => message,
        Ok(Envelope { to, .. }) => return (failed(format!("this is node {me}, not {to}")), None),
        Err(error) => return (failed(format!("not a message of the metadata log: {error}")), None),
    };
    match message {
        Message::Append(rpc) => {
            let leader = rpc.vote.leader_id().voted_for().map(NodeId);
            let _hearing = standing.hear().await;
            let answer = raft.append_entries(rpc).await;
            let is_heard = matches!(&answer, Ok(answer) if !matches!(answer, AppendEntriesResponse::HigherVote(_)));
            if is_heard {
                standing.note_confirmed();
            }
            (said(answer), leader.filter(|_| is_heard))
        }
        Message::Vote(rpc) => {
            let Some((_alone, quiet)) = standing.vote().await else {
                return (failed("a leader was confirmed too short a time ago".into()), None);
            };
            let quiet_ms = quiet.map(|quiet| quiet.as_millis() as u64);
            (said(raft.vote(rpc).await.map(|response| Voted { response, quiet_ms })), None)
        }
        Message::WouldVote { last } => {
            let would = election::would_vote(raft, standing, last);
            (said(Ok::<_, Fatal<RaftId>>(would)), None)
        }
        Message::Snapshot { vote, meta } => {
            // openraft takes a snapshot that cannot be installed for a broken disk, and stops; so it is looked at before.
            if let Err(why) = State::read(attached) {
                return (failed(format!("the snapshot cannot be used: {why}")), None);
            }
            let leader = vote.leader_id().voted_for().map(NodeId);
            let snapshot = Snapshot { meta, snapshot: Box::new(Cursor::new(attached.to_vec())) };
            let answer = raft.install_full_snapshot(vote, snapshot).await.map(|response| response.vote);
            let is_heard = answer.as_ref().is_ok_and(|theirs| *theirs == vote);
            (said(answer), leader.filter(|_| is_heard))
        }
    }
}

fn said<T: Serialize>(answer: Result<T, impl std::fmt::Display>) -> Vec<u8> {
    match answer {
        Ok(answer) => serde_json::to_vec(&Answer::Answered(answer)).expect("answers have only string keys"),
        Err(error) => failed(error.to_string()),
    }
}

fn failed(why: String) -> Vec<u8> {
    serde_json::to_vec(&Answer::<()>::Failed(why)).expect("a string is JSON")
}

#[cfg(test)]
mod tests {
    use super::*;
    use dcache_cluster::metadata::Command;
    use openraft::{CommittedLeaderId, EntryPayload};

    fn entry(index: u64, bytes: usize) -> Entry {
        let command = Command::DeleteNamespace { name: "x".repeat(bytes) };
        Entry {
            log_id: LogId::new(CommittedLeaderId::new(1, 1), index),
            payload: EntryPayload::Normal(super::super::Stamped { at_unix_ms: 0, command }),
        }
    }

    #[test]
    fn messages_are_cut_to_size_but_one_entry_always_goes() {
        let cut_to = |sizes: &[usize]| {
            let mut entries: Vec<Entry> = sizes.iter().zip(1..).map(|(bytes, index)| entry(index, *bytes)).collect();
            let last = cut(&mut entries, 3).expect("entries are JSON");
            (entries.len(), last.map(|id| id.index))
        };
        assert_eq!(cut_to(&[]), (0, None));
        assert_eq!(cut_to(&[10, 20, 30]), (3, None));
        assert_eq!(cut_to(&[10, 20, 30, 40]), (3, Some(3)));
        assert_eq!(cut_to(&[3 * APPEND_BYTES_MAX]), (1, None));
        assert_eq!(cut_to(&[3 * APPEND_BYTES_MAX, 1]), (1, Some(1)));
        assert_eq!(cut_to(&[APPEND_BYTES_MAX / 2, APPEND_BYTES_MAX / 3, APPEND_BYTES_MAX / 3]), (2, Some(2)));
    }
}
