//! What the log adds up to: applies entries to `Metadata` and keeps snapshots of it.
//!
//! The state lives in memory and is published after every batch. A snapshot is one JSON file, written beside and renamed; the
//! newest two are kept. After a restart the newest readable one is the beginning and the log does the rest.

use super::store::StoreError;
use super::{Applied, Entry, LogId, Membership, StorageError, TypeConfig};
use dcache_cluster::metadata::Metadata;
use openraft::storage::{RaftStateMachine, Snapshot};
use openraft::{EntryPayload, OptionalSend, RaftSnapshotBuilder, SnapshotMeta, StorageIOError};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Cursor, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::watch;

/// Snapshot files kept.
const KEEP: usize = 2;

/// The state of one node. Clones share it.
#[derive(Clone, Debug)]
pub struct StateMachine {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug)]
struct Inner {
    dir: PathBuf,
    state: State,
    published: watch::Sender<Arc<Metadata>>,
    snapshot: Option<(SnapshotMeta<super::RaftId, super::RaftNode>, Vec<u8>)>,
}

/// Content of a snapshot file.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct State {
    applied: Option<LogId>,
    membership: Membership,
    metadata: Metadata,
}

impl StateMachine {
    /// Opens the newest snapshot in `dir`, or begins empty.
    pub fn open(dir: &Path) -> Result<StateMachine, StoreError> {
        let empty = State { applied: None, membership: Membership::default(), metadata: Metadata::empty() };
        let mut files = snapshot_files(dir).map_err(|source| StoreError::Io { path: dir.into(), source })?;
        let mut found = None;
        while let (None, Some((_, path))) = (&found, files.pop()) {
            let bytes = fs::read(&path).map_err(|source| StoreError::Io { path: path.clone(), source })?;
            match serde_json::from_slice::<State>(&bytes) {
                Ok(state) => found = Some((state, bytes)),
                // Files are renamed whole, so this one was damaged later; the one before it and the log may still do.
                Err(error) => tracing::error!(path = %path.display(), "snapshot cannot be read: {error}"),
            }
        }
        let snapshot = found.as_ref().map(|(state, bytes)| (meta_of(state), bytes.clone()));
        let state = found.map_or(empty, |(state, _)| state);
        let published = watch::channel(Arc::new(state.metadata.clone())).0;
        Ok(StateMachine { inner: Arc::new(Mutex::new(Inner { dir: dir.into(), state, published, snapshot })) })
    }

    pub fn watch(&self) -> watch::Receiver<Arc<Metadata>> {
        self.inner.lock().published.subscribe()
    }
}

impl Inner {
    fn publish(&self) {
        self.published.send_replace(Arc::new(self.state.metadata.clone()));
    }

    fn keep(&mut self, state: &State, bytes: Vec<u8>) -> io::Result<()> {
        let index = state.applied.map_or(0, |id| id.index);
        let path = self.dir.join(format!("snapshot-{index:020}.json"));
        let temporary = self.dir.join("snapshot.new");
        let mut file = File::create(&temporary)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, &path)?;
        File::open(&self.dir)?.sync_all()?;
        self.snapshot = Some((meta_of(state), bytes));
        let files = snapshot_files(&self.dir)?;
        for (_, old) in files.iter().take(files.len().saturating_sub(KEEP)) {
            fs::remove_file(old)?;
        }
        Ok(())
    }
}

/// Snapshot files with their index, oldest first.
fn snapshot_files(dir: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut files: Vec<(u64, PathBuf)> = fs::read_dir(dir)?
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name();
            let index = name.to_str()?.strip_prefix("snapshot-")?.strip_suffix(".json")?.parse().ok()?;
            Some((index, entry.path()))
        })
        .collect();
    files.sort();
    Ok(files)
}

fn meta_of(state: &State) -> SnapshotMeta<super::RaftId, super::RaftNode> {
    let snapshot_id = state.applied.map_or("empty".into(), |id| format!("{}-{}", id.leader_id, id.index));
    SnapshotMeta { last_log_id: state.applied, last_membership: state.membership.clone(), snapshot_id }
}

impl RaftStateMachine<TypeConfig> for StateMachine {
    type SnapshotBuilder = StateMachine;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, Membership), StorageError> {
        let inner = self.inner.lock();
        Ok((inner.state.applied, inner.state.membership.clone()))
    }

    async fn apply<I>(&mut self, entries: I) -> Result<Vec<Applied>, StorageError>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut inner = self.inner.lock();
        let mut results = Vec::new();
        for entry in entries {
            inner.state.applied = Some(entry.log_id);
            results.push(match entry.payload {
                EntryPayload::Blank => Applied(None),
                EntryPayload::Normal(command) => Applied(Some(inner.state.metadata.apply(&command))),
                EntryPayload::Membership(membership) => {
                    inner.state.membership = Membership::new(Some(entry.log_id), membership);
                    Applied(None)
                }
            });
        }
        inner.publish();
        Ok(results)
    }

    async fn get_snapshot_builder(&mut self) -> StateMachine {
        self.clone()
    }

    async fn begin_receiving_snapshot(&mut self) -> Result<Box<Cursor<Vec<u8>>>, StorageError> {
        Ok(Box::default())
    }

    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMeta<super::RaftId, super::RaftNode>,
        snapshot: Box<Cursor<Vec<u8>>>,
    ) -> Result<(), StorageError> {
        let bytes = snapshot.into_inner();
        let failed = |error: &(dyn std::error::Error + 'static)| {
            StorageError::from(StorageIOError::read_snapshot(Some(meta.signature()), openraft::AnyError::from_dyn(error, None)))
        };
        let mut state: State = serde_json::from_slice(&bytes).map_err(|error| failed(&error))?;
        state.applied = meta.last_log_id;
        state.membership = meta.last_membership.clone();
        let mut inner = self.inner.lock();
        inner.keep(&state, bytes).map_err(|error| failed(&error))?;
        inner.state = state;
        inner.publish();
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot<TypeConfig>>, StorageError> {
        let inner = self.inner.lock();
        let snapshot = inner.snapshot.as_ref();
        Ok(snapshot.map(|(meta, bytes)| Snapshot { meta: meta.clone(), snapshot: Box::new(Cursor::new(bytes.clone())) }))
    }
}

impl RaftSnapshotBuilder<TypeConfig> for StateMachine {
    async fn build_snapshot(&mut self) -> Result<Snapshot<TypeConfig>, StorageError> {
        let mut inner = self.inner.lock();
        let state = inner.state.clone();
        let failed = |error: &(dyn std::error::Error + 'static)| {
            StorageError::from(StorageIOError::write_snapshot(None, openraft::AnyError::from_dyn(error, None)))
        };
        let bytes = serde_json::to_vec(&state).map_err(|error| failed(&error))?;
        inner.keep(&state, bytes.clone()).map_err(|error| failed(&error))?;
        Ok(Snapshot { meta: meta_of(&state), snapshot: Box::new(Cursor::new(bytes)) })
    }
}
