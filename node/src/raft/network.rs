//! The log's messages to other nodes, each with a deadline, and its answers to theirs. What carries them is a [`Transport`].
//! (An unanswered message without a deadline would wedge replication to that node for good.)

use super::{RaftId, RaftNode, TypeConfig};
use dcache_protocol::NodeId;
use openraft::error::{InstallSnapshotError, NetworkError, RPCError, RaftError, RemoteError, Unreachable};
use openraft::network::{RPCOption, RaftNetwork, RaftNetworkFactory};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, InstallSnapshotRequest, InstallSnapshotResponse, VoteRequest, VoteResponse,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// Carries one message to a node and brings its answer back, within a deadline.
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

/// Every message one node's log sends to another's, as JSON.
#[derive(Serialize, Deserialize)]
enum Message {
    Append(AppendEntriesRequest<TypeConfig>),
    Vote(VoteRequest<RaftId>),
    Snapshot(InstallSnapshotRequest<TypeConfig>),
}

pub struct Network {
    pub transport: Arc<dyn Transport>,
}

pub struct Connection {
    transport: Arc<dyn Transport>,
    target: NodeId,
}

impl RaftNetworkFactory<TypeConfig> for Network {
    type Network = Connection;

    async fn new_client(&mut self, target: RaftId, _node: &RaftNode) -> Connection {
        Connection { transport: self.transport.clone(), target: NodeId(target) }
    }
}

impl Connection {
    async fn call<T, E>(&self, message: &Message, option: &RPCOption) -> Result<T, RPCError<RaftId, RaftNode, E>>
    where
        T: DeserializeOwned,
        E: std::error::Error + DeserializeOwned,
    {
        let network = |error: serde_json::Error| RPCError::Network(NetworkError::new(&error));
        let rpc = serde_json::to_vec(message).map_err(network)?;
        let answer = self.transport.call(self.target, rpc, option.hard_ttl()).await;
        let answer = answer.map_err(|error| RPCError::Unreachable(Unreachable::new(&error)))?;
        let result: Result<T, E> = serde_json::from_slice(&answer).map_err(network)?;
        result.map_err(|error| RPCError::RemoteError(RemoteError::new(self.target.0, error)))
    }
}

impl RaftNetwork<TypeConfig> for Connection {
    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<RaftId>, RPCError<RaftId, RaftNode, RaftError<RaftId>>> {
        self.call(&Message::Append(rpc), &option).await
    }

    async fn install_snapshot(
        &mut self,
        rpc: InstallSnapshotRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<InstallSnapshotResponse<RaftId>, RPCError<RaftId, RaftNode, RaftError<RaftId, InstallSnapshotError>>> {
        self.call(&Message::Snapshot(rpc), &option).await
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<RaftId>,
        option: RPCOption,
    ) -> Result<VoteResponse<RaftId>, RPCError<RaftId, RaftNode, RaftError<RaftId>>> {
        self.call(&Message::Vote(rpc), &option).await
    }
}

/// Answers another node's message.
pub async fn answer(raft: &openraft::Raft<TypeConfig>, rpc: &[u8]) -> Vec<u8> {
    let answer = match serde_json::from_slice(rpc) {
        Ok(Message::Append(rpc)) => serde_json::to_vec(&raft.append_entries(rpc).await),
        Ok(Message::Vote(rpc)) => serde_json::to_vec(&raft.vote(rpc).await),
        Ok(Message::Snapshot(rpc)) => serde_json::to_vec(&raft.install_snapshot(rpc).await),
        Err(error) => {
            tracing::warn!("a peer sent something that is no message of the metadata log: {error}");
            return Vec::new();
        }
    };
    answer.expect("answers have only string keys")
}
