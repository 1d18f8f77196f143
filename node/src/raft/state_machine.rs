//! What the log adds up to: applies entries to [`Metadata`], publishes it, and keeps snapshots of it.
//!
//! The state lives in memory. A snapshot is one file, `snapshot-<index>`: a line with a checksum, then JSON; written beside and
//! renamed. The newest two are kept, and the log is kept far enough back for the older one, so that a node can do without
//! the newest. After a restart the newest readable one is the beginning and the log does the rest.

use super::disk::{self, Disk};
use super::wal::{StoreError, crc32};
use super::{Applied, Entry, LogId, Membership, RaftId, RaftNode, Stamped, StorageError, TypeConfig};
use dcache_cluster::metadata::Metadata;
use openraft::storage::{RaftStateMachine, Snapshot};
use openraft::{AnyError, EntryPayload, OptionalSend, RaftSnapshotBuilder, StorageIOError};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::io::{self, Cursor};
use std::sync::Arc;
use tokio::sync::watch;

/// Snapshot files kept.
const SNAPSHOTS_KEPT: usize = 2;

const HEADER: &str = "dcache-snapshot 1 ";

type SnapshotMeta = openraft::SnapshotMeta<RaftId, RaftNode>;

/// The state of one node. Clones share it.
#[derive(Clone, Debug)]
pub struct StateMachine {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug)]
struct Inner {
    state: State,
    published: watch::Sender<Arc<Metadata>>,
    snapshots: Snapshots,
}

/// Content of a snapshot, on disk and between nodes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    applied: Option<LogId>,
    membership: Membership,
    metadata: Arc<Metadata>,
}

impl State {
    /// Reads a snapshot's JSON, and refuses what could not be acted on.
    pub fn read(json: &[u8]) -> Result<State, String> {
        let state: State = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        state.metadata.check()?;
        Ok(state)
    }

    fn meta(&self) -> SnapshotMeta {
        let snapshot_id = self.applied.map_or("empty".into(), |id| format!("{}-{}", id.leader_id, id.index));
        SnapshotMeta { last_log_id: self.applied, last_membership: self.membership.clone(), snapshot_id }
    }
}

impl StateMachine {
    /// Begins with the newest readable snapshot, or empty.
    pub fn open(disk: Arc<dyn Disk>) -> Result<StateMachine, StoreError> {
        let empty = State { applied: None, membership: Membership::default(), metadata: Arc::new(Metadata::empty()) };
        let (snapshots, state) = Snapshots::open(disk.clone()).map_err(StoreError::io(&disk.path("")))?;
        let state = state.unwrap_or(empty);
        let published = watch::channel(state.metadata.clone()).0;
        Ok(StateMachine { inner: Arc::new(Mutex::new(Inner { state, published, snapshots })) })
    }

    pub fn watch(&self) -> watch::Receiver<Arc<Metadata>> {
        self.inner.lock().published.subscribe()
    }

    /// Last entry the state has.
    pub fn applied(&self) -> Option<LogId> {
        self.inner.lock().state.applied
    }
}

/// Snapshot files.
#[derive(Clone, Debug)]
struct Snapshots {
    disk: Arc<dyn Disk>,
    /// The newest: what it is of, and its JSON.
    newest: Option<(SnapshotMeta, Arc<Vec<u8>>)>,
}

impl Snapshots {
    fn open(disk: Arc<dyn Disk>) -> io::Result<(Snapshots, Option<State>)> {
        for name in Snapshots::names(&*disk)?.into_iter().rev() {
            match Snapshots::read(&*disk, &name) {
                Ok((state, json)) => {
                    let newest = Some((state.meta(), Arc::new(json)));
                    return Ok((Snapshots { disk, newest }, Some(state)));
                }
                Err(why) => tracing::error!(path = %disk.path(&name).display(), "snapshot cannot be read: {why}"),
            }
        }
        Ok((Snapshots { disk, newest: None }, None))
    }

    fn read(disk: &dyn Disk, name: &str) -> Result<(State, Vec<u8>), String> {
        let mut bytes = disk.read(name).map_err(|error| error.to_string())?.ok_or("it is gone")?;
        let end = bytes.iter().position(|byte| *byte == b'\n').ok_or("it has no first line")?;
        let json = bytes.split_off(end + 1);
        if bytes != header(&json).as_bytes() {
            return Err("wrong checksum".into());
        }
        Ok((State::read(&json)?, json))
    }

    /// Oldest first; names have as many digits as any index.
    fn names(disk: &dyn Disk) -> io::Result<Vec<String>> {
        let is_snapshot = |name: &String| {
            let digits = name.strip_prefix("snapshot-").unwrap_or_default();
            digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit())
        };
        let mut names: Vec<String> = disk.names()?.into_iter().filter(is_snapshot).collect();
        names.sort();
        Ok(names)
    }

    /// Writes a snapshot and forgets old ones; may block.
    fn write(disk: &dyn Disk, index: u64, json: &[u8]) -> io::Result<()> {
        disk.replace(&format!("snapshot-{index:020}"), &[header(json).as_bytes(), json])?;
        let names = Snapshots::names(disk)?;
        names.iter().take(names.len().saturating_sub(SNAPSHOTS_KEPT)).try_for_each(|name| disk.remove(name))
    }
}

fn header(json: &[u8]) -> String {
    format!("{HEADER}{:08x}\n", crc32(json))
}

impl StateMachine {
    /// Makes `json`, the snapshot of `meta`, durable and the one that others are sent, unless a newer one is there.
    async fn keep(&self, meta: SnapshotMeta, json: Vec<u8>) -> io::Result<()> {
        let json = Arc::new(json);
        let (disk, content) = (self.inner.lock().snapshots.disk.clone(), json.clone());
        let index = meta.last_log_id.map_or(0, |id| id.index);
        let file = disk.clone();
        disk::on(&disk, move || Snapshots::write(&*file, index, &content)).await?;
        let newest = &mut self.inner.lock().snapshots.newest;
        if newest.as_ref().is_none_or(|(newest, _)| newest.last_log_id <= meta.last_log_id) {
            *newest = Some((meta, json));
        }
        Ok(())
    }
}

impl RaftStateMachine<TypeConfig> for StateMachine {
    type SnapshotBuilder = Builder;

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
        let before = inner.state.metadata.epoch;
        let results = entries.into_iter().map(|entry| inner.state.apply(entry)).collect();
        if inner.state.metadata.epoch != before {
            inner.published.send_replace(inner.state.metadata.clone());
        }
        Ok(results)
    }

    async fn get_snapshot_builder(&mut self) -> Builder {
        Builder { state: self.inner.lock().state.clone(), machine: self.clone() }
    }

    async fn begin_receiving_snapshot(&mut self) -> Result<Box<Cursor<Vec<u8>>>, StorageError> {
        Ok(Box::default())
    }

    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMeta,
        snapshot: Box<Cursor<Vec<u8>>>,
    ) -> Result<(), StorageError> {
        let json = snapshot.into_inner();
        let failed = |why: String| StorageIOError::read_snapshot(Some(meta.signature()), AnyError::error(why));
        let state = State::read(&json).map_err(failed)?;
        if (state.applied, &state.membership) != (meta.last_log_id, &meta.last_membership) {
            return Err(failed("it is not of the entry it was announced for".into()).into());
        }
        let kept = self.keep(meta.clone(), json).await;
        kept.map_err(|error| StorageIOError::write_snapshot(Some(meta.signature()), &error))?;
        let mut inner = self.inner.lock();
        inner.published.send_replace(state.metadata.clone());
        inner.state = state;
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot<TypeConfig>>, StorageError> {
        let newest = self.inner.lock().snapshots.newest.clone();
        Ok(newest.map(|(meta, json)| Snapshot { meta, snapshot: Box::new(Cursor::new(json.to_vec())) }))
    }
}

impl State {
    fn apply(&mut self, entry: Entry) -> Applied {
        self.applied = Some(entry.log_id);
        match entry.payload {
            EntryPayload::Blank => Applied(None),
            EntryPayload::Normal(Stamped { at_unix_ms, command }) => {
                Applied(Some(Arc::make_mut(&mut self.metadata).apply(&command, at_unix_ms)))
            }
            EntryPayload::Membership(membership) => {
                self.membership = Membership::new(Some(entry.log_id), membership);
                Applied(None)
            }
        }
    }
}

/// Writes the state of one moment as a snapshot while the log goes on.
pub struct Builder {
    state: State,
    machine: StateMachine,
}

impl RaftSnapshotBuilder<TypeConfig> for Builder {
    async fn build_snapshot(&mut self) -> Result<Snapshot<TypeConfig>, StorageError> {
        let meta = self.state.meta();
        let failed = |error: io::Error| StorageIOError::write_snapshot(Some(meta.signature()), &error);
        let json = serde_json::to_vec(&self.state).map_err(io::Error::from).map_err(failed)?;
        self.machine.keep(meta.clone(), json.clone()).await.map_err(failed)?;
        Ok(Snapshot { meta, snapshot: Box::new(Cursor::new(json)) })
    }
}

#[cfg(test)]
mod tests {
    use super::super::disk::Files;
    use super::*;
    use dcache_cluster::metadata::Command;
    use dcache_protocol::{Epoch, Match, NamespaceSpec};
    use openraft::CommittedLeaderId;
    use std::fs;
    use std::path::Path;

    fn entry(index: u64) -> Entry {
        let name = format!("n{index}");
        let matches = Some(Match::Prefix(name.clone()));
        let spec = NamespaceSpec { name, matches, ..NamespaceSpec::default_namespace() };
        let payload = EntryPayload::Normal(Stamped { at_unix_ms: 0, command: Command::SetNamespace { spec } });
        Entry { log_id: LogId::new(CommittedLeaderId::new(1, 1), index), payload }
    }

    fn run(test: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread().build().expect("runtime").block_on(test);
    }

    fn files(dir: &Path) -> Arc<dyn Disk> {
        Files::open(dir).expect("opens")
    }

    async fn snapshots(dir: &Path, count: u64) -> StateMachine {
        let mut machine = StateMachine::open(files(dir)).expect("opens");
        for index in 1..=count {
            machine.apply([entry(index)]).await.expect("applies");
            machine.get_snapshot_builder().await.build_snapshot().await.expect("builds");
        }
        machine
    }

    #[test]
    fn only_changes_are_published() {
        run(async {
            let dir = tempfile::tempdir().expect("temporary directory");
            let mut machine = StateMachine::open(files(dir.path())).expect("opens");
            let mut watch = machine.watch();
            let blank = Entry { payload: EntryPayload::Blank, ..entry(1) };
            assert_eq!(machine.apply([blank]).await.expect("applies"), [Applied(None)]);
            assert!(!watch.has_changed().expect("open"));
            let results = machine.apply([entry(2), entry(3)]).await.expect("applies");
            assert_eq!(results, [Applied(Some(Ok(Epoch(1)))), Applied(Some(Ok(Epoch(2))))]);
            assert_eq!(watch.borrow_and_update().epoch, Epoch(2));
        });
    }

    #[test]
    fn two_snapshots_are_kept_and_the_older_one_serves_when_the_newer_is_damaged() {
        run(async {
            let dir = tempfile::tempdir().expect("temporary directory");
            snapshots(dir.path(), 4).await;
            let names = Snapshots::names(&*files(dir.path())).expect("lists");
            assert_eq!(names.len(), SNAPSHOTS_KEPT);
            let machine = StateMachine::open(files(dir.path())).expect("opens");
            assert_eq!(machine.applied().map(|id| id.index), Some(4));
            assert_eq!(machine.watch().borrow().epoch, Epoch(4));

            let mut bytes = fs::read(dir.path().join(&names[1])).expect("reads");
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(dir.path().join(&names[1]), &bytes).expect("writes");
            let machine = StateMachine::open(files(dir.path())).expect("opens");
            assert_eq!(machine.applied().map(|id| id.index), Some(3));
        });
    }

    #[test]
    fn a_snapshot_of_an_earlier_moment_does_not_replace_a_newer_one() {
        run(async {
            let dir = tempfile::tempdir().expect("temporary directory");
            let mut machine = snapshots(dir.path(), 1).await;
            let mut earlier = machine.get_snapshot_builder().await;
            machine.apply([entry(2)]).await.expect("applies");
            machine.get_snapshot_builder().await.build_snapshot().await.expect("builds");
            earlier.build_snapshot().await.expect("builds");
            let current = machine.get_current_snapshot().await.expect("reads").expect("there is one");
            assert_eq!(current.meta.last_log_id.map(|id| id.index), Some(2));
        });
    }

    #[test]
    fn a_snapshot_that_could_not_be_acted_on_is_refused() {
        run(async {
            let dir = tempfile::tempdir().expect("temporary directory");
            let mut machine = snapshots(dir.path(), 1).await;
            let good = machine.get_current_snapshot().await.expect("reads").expect("there is one");
            let text = String::from_utf8(good.snapshot.into_inner()).expect("JSON");
            State::read(text.as_bytes()).expect("is good");
            State::read(text.replace("\"partitions\":1,", "\"partitions\":2,").as_bytes()).expect_err("no such table");
            State::read(text.replace("\"format\":2,", "\"format\":9,").as_bytes()).expect_err("another format");
            State::read(&text.as_bytes()[1..]).expect_err("no JSON");
        });
    }
}
