//! Vote and log of one node: all of it in memory (a metadata log is small), and on disk as [`Record`]s of a [`Wal`].
//!
//! ```text
//! log          what must not be lost: votes, entries, truncations, purges; synced before they are acknowledged
//! committed    how far the log is agreed, as far as this node knew; a hint, so it is overwritten in place and never synced
//! ```
//!
//! With the hint a restarted node has its metadata back before it hears from anyone; without it, it would wait for a leader. After
//! a purge, which follows a snapshot, the log is written anew without what was purged. Files are written on tokio's blocking
//! threads: a slow disk delays the log, not what else runs on its runtime. Snapshots are in `state_machine.rs`.

use super::disk::{self, Disk};
use super::wal::{StoreError, Wal, crc32};
use super::{Entry, LogId, StorageError, TypeConfig, Vote};
use openraft::StorageIOError;
use openraft::storage::{LogFlushed, LogState, RaftLogReader, RaftLogStorage};
use openraft::{OptionalSend, RaftLogId};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io;
use std::ops::RangeBounds;
use std::sync::Arc;

const LOG: &str = "log";
const HINT: &str = "committed";

/// Bytes of the hint's file: a checksum and JSON with spaces behind it.
const HINT_BYTES: usize = 256;

/// One change of vote or log.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Record {
    Vote(Vote),
    Append(Vec<Entry>),
    /// Everything from this index on is gone.
    Truncate(u64),
    /// Everything up to this id is gone: a snapshot has it.
    Purge(LogId),
}

/// The log of one node. Clones share it.
#[derive(Clone, Debug)]
pub struct Store {
    content: Arc<Mutex<Content>>,
    /// LOCK: taken on blocking threads only, for one write; never together with `content`.
    wal: Arc<Mutex<Wal>>,
    disk: Arc<dyn Disk>,
}

#[derive(Clone, Debug, Default)]
struct Content {
    vote: Option<Vote>,
    committed: Option<LogId>,
    purged: Option<LogId>,
    entries: BTreeMap<u64, Entry>,
}

impl Store {
    /// Opens or makes the log.
    pub fn open(disk: Arc<dyn Disk>) -> Result<Store, StoreError> {
        let mut content = Content::default();
        let wal = Wal::open(disk.clone(), LOG, |body| {
            let record: Record = serde_json::from_slice(body).map_err(|error| error.to_string())?;
            content.change(record)
        })?;
        let hint = disk.read(HINT).map_err(StoreError::io(&disk.path(HINT)))?.unwrap_or_default();
        content.committed = read_hint(&hint).filter(|committed| Some(committed.index) <= content.last_index());
        Ok(Store { content: Arc::new(Mutex::new(content)), wal: Arc::new(Mutex::new(wal)), disk })
    }

    /// Whether it ever voted or heard a leader.
    pub fn has_voted(&self) -> bool {
        self.content.lock().vote.is_some()
    }

    /// What only a snapshot has.
    pub fn purged(&self) -> Option<LogId> {
        self.content.lock().purged
    }

    /// Makes a change on disk, then in memory.
    async fn change(&self, record: Record) -> io::Result<()> {
        let body = serde_json::to_vec(&record)?;
        self.on_disk(move |store| store.wal.lock().append(&body)).await?;
        self.content.lock().change(record).map_err(io::Error::other)
    }

    async fn on_disk(&self, write: impl FnOnce(&Store) -> io::Result<()> + Send + 'static) -> io::Result<()> {
        let store = self.clone();
        disk::on(&self.disk, move || write(&store)).await
    }
}

impl Content {
    fn last_index(&self) -> Option<u64> {
        let last = self.entries.last_key_value().map(|(index, _)| *index);
        last.or(self.purged.map(|id| id.index))
    }

    fn change(&mut self, record: Record) -> Result<(), String> {
        match record {
            Record::Vote(vote) => self.vote = Some(vote),
            Record::Append(entries) => self.append(entries)?,
            Record::Truncate(since) => drop(self.entries.split_off(&since)),
            Record::Purge(upto) => {
                self.entries = self.entries.split_off(&(upto.index + 1));
                self.purged = Some(upto);
            }
        }
        Ok(())
    }

    fn append(&mut self, entries: Vec<Entry>) -> Result<(), String> {
        for entry in entries {
            let index = entry.log_id.index;
            // Invariant: no hole. (A log may begin anywhere and entries may be written again: openraft's own tests do both.)
            if self.last_index().is_some_and(|last| index > last + 1) {
                return Err(format!("entry {index} does not follow entry {:?}", self.last_index()));
            }
            self.entries.insert(index, entry);
        }
        Ok(())
    }

    /// The records that make this content.
    fn records(&self) -> impl Iterator<Item = Record> + '_ {
        let vote = self.vote.map(Record::Vote);
        let purged = self.purged.map(Record::Purge);
        let entries = self.entries.values().map(|entry| Record::Append(vec![entry.clone()]));
        vote.into_iter().chain(purged).chain(entries)
    }
}

fn write_hint(disk: &dyn Disk, committed: Option<LogId>) -> io::Result<()> {
    let mut bytes = vec![0; 4];
    serde_json::to_writer(&mut bytes, &committed)?;
    bytes.resize(HINT_BYTES, b' ');
    let sum = crc32(&bytes[4..]).to_le_bytes();
    bytes[..4].copy_from_slice(&sum);
    disk.overwrite(HINT, &bytes)
}

/// `None` too when it was not written to its end: the leader will say.
fn read_hint(bytes: &[u8]) -> Option<LogId> {
    let (sum, body) = bytes.get(..HINT_BYTES)?.split_first_chunk::<4>()?;
    (crc32(body) == u32::from_le_bytes(*sum)).then(|| serde_json::from_slice(body).ok())??
}

impl RaftLogReader<TypeConfig> for Store {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<Entry>, StorageError> {
        Ok(self.content.lock().entries.range(range).map(|(_, entry)| entry.clone()).collect())
    }
}

impl RaftLogStorage<TypeConfig> for Store {
    type LogReader = Store;

    async fn get_log_state(&mut self) -> Result<LogState<TypeConfig>, StorageError> {
        let content = self.content.lock();
        let last = content.entries.last_key_value().map(|(_, entry)| *entry.get_log_id());
        Ok(LogState { last_purged_log_id: content.purged, last_log_id: last.or(content.purged) })
    }

    async fn get_log_reader(&mut self) -> Store {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), StorageError> {
        let saved = self.change(Record::Vote(*vote)).await;
        saved.map_err(|error| StorageIOError::write_vote(&error).into())
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, StorageError> {
        Ok(self.content.lock().vote)
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> Result<(), StorageError> {
        let saved = self.on_disk(move |store| write_hint(&*store.disk, committed)).await;
        saved.map_err(|error| StorageIOError::write(&error))?;
        self.content.lock().committed = committed;
        Ok(())
    }

    async fn read_committed(&mut self) -> Result<Option<LogId>, StorageError> {
        Ok(self.content.lock().committed)
    }

    async fn append<I>(&mut self, entries: I, callback: LogFlushed<TypeConfig>) -> Result<(), StorageError>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let record = Record::Append(entries.into_iter().collect());
        self.change(record).await.map_err(|error| StorageIOError::write_logs(&error))?;
        callback.log_io_completed(Ok(()));
        Ok(())
    }

    async fn truncate(&mut self, log_id: LogId) -> Result<(), StorageError> {
        let truncated = self.change(Record::Truncate(log_id.index)).await;
        truncated.map_err(|error| StorageIOError::write_logs(&error).into())
    }

    async fn purge(&mut self, log_id: LogId) -> Result<(), StorageError> {
        let failed = |error: io::Error| StorageError::from(StorageIOError::write_logs(&error));
        let mut content = self.content.lock().clone();
        content.change(Record::Purge(log_id)).map_err(io::Error::other).map_err(failed)?;
        let replace = move |store: &Store| {
            let bodies: Vec<Vec<u8>> = content.records().map(|r| serde_json::to_vec(&r)).collect::<Result<_, _>>()?;
            store.wal.lock().replace(bodies.iter().map(Vec::as_slice))?;
            *store.content.lock() = content;
            Ok(())
        };
        self.on_disk(replace).await.map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::super::disk::Files;
    use super::*;
    use openraft::storage::RaftLogStorageExt;
    use openraft::{CommittedLeaderId, EntryPayload};

    fn id(index: u64) -> LogId {
        LogId::new(CommittedLeaderId::new(1, 1), index)
    }

    fn entries(indexes: std::ops::Range<u64>) -> Vec<Entry> {
        indexes.map(|index| Entry { log_id: id(index), payload: EntryPayload::Blank }).collect()
    }

    fn open(dir: &tempfile::TempDir) -> Store {
        Store::open(Files::open(dir.path()).expect("opens")).expect("opens")
    }

    fn indexes(store: &Store) -> Vec<u64> {
        store.content.lock().entries.keys().copied().collect()
    }

    fn run(test: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread().build().expect("runtime").block_on(test);
    }

    #[test]
    fn what_was_acknowledged_is_there_after_a_restart() {
        run(async {
            let dir = tempfile::tempdir().expect("temporary directory");
            let mut store = open(&dir);
            store.save_vote(&Vote::new(3, 7)).await.expect("saves");
            store.blocking_append(entries(0..10)).await.expect("appends");
            store.truncate(id(7)).await.expect("truncates");
            store.blocking_append(entries(7..9)).await.expect("appends");
            store.save_committed(Some(id(6))).await.expect("saves");
            for purged in [false, true] {
                if purged {
                    store.purge(id(4)).await.expect("purges");
                    store.blocking_append(entries(9..10)).await.expect("appends");
                }
                let mut again = open(&dir);
                assert_eq!(indexes(&again), if purged { Vec::from_iter(5..10) } else { Vec::from_iter(0..9) });
                assert_eq!(again.read_vote().await.expect("reads"), Some(Vote::new(3, 7)));
                assert_eq!(again.read_committed().await.expect("reads"), Some(id(6)));
                assert_eq!(again.purged(), purged.then(|| id(4)));
            }
        });
    }

    #[test]
    fn a_hint_that_is_torn_or_ahead_of_the_log_is_not_taken() {
        run(async {
            let dir = tempfile::tempdir().expect("temporary directory");
            let mut store = open(&dir);
            store.blocking_append(entries(0..3)).await.expect("appends");
            store.save_committed(Some(id(5))).await.expect("saves");
            assert_eq!(open(&dir).read_committed().await.expect("reads"), None);
            store.save_committed(Some(id(1))).await.expect("saves");
            let mut torn = store.disk.read(HINT).expect("reads").expect("is there");
            torn[40] = b'9';
            store.disk.overwrite(HINT, &torn).expect("writes");
            assert_eq!(open(&dir).read_committed().await.expect("reads"), None);
        });
    }

    #[test]
    fn a_log_with_a_hole_is_refused() {
        run(async {
            let dir = tempfile::tempdir().expect("temporary directory");
            let store = open(&dir);
            for record in [Record::Append(entries(0..3)), Record::Append(entries(4..5))] {
                let body = serde_json::to_vec(&record).expect("writes");
                store.wal.lock().append(&body).expect("writes");
            }
            let error = Store::open(Files::open(dir.path()).expect("opens")).expect_err("has a hole").to_string();
            assert!(error.contains("entry 4 does not follow entry Some(2)"), "{error}");
        });
    }
}
