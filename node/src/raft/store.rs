//! Log and vote on disk: one append-only file, everything in it also in memory (a metadata log is small).
//!
//! ```text
//! file    log                      records, one behind another
//! record  u32 length | u32 crc32 | u8 kind | JSON          length counts kind and JSON; little-endian
//! kind    1 vote · 2 entry · 3 truncate (from this index on) · 4 purged (up to this id) · 5 committed
//! ```
//!
//! Vote and entries are synced before they are acknowledged; the committed position is a hint and is not. After a purge the
//! file is written anew beside the old one and renamed. A last record that is cut short is what a crash leaves, and is dropped;
//! damage anywhere else is refused: a log with a hole would vote for what it does not know. Snapshots are in
//! `state_machine.rs`.

use super::{Entry, LogId, RaftId, StorageError, TypeConfig, Vote};
use openraft::storage::{LogFlushed, LogState, RaftLogReader, RaftLogStorage};
use openraft::{OptionalSend, RaftLogId, StorageIOError};
use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::fs::{self, File};
use std::io::{self, Write};
use std::ops::RangeBounds;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const KIND_VOTE: u8 = 1;
const KIND_ENTRY: u8 = 2;
const KIND_TRUNCATE: u8 = 3;
const KIND_PURGED: u8 = 4;
const KIND_COMMITTED: u8 = 5;

const HEAD_BYTES: usize = 8;

/// Largest record: the first entry of a cluster of 1000 nodes at 16384 partitions has some 2 MB.
const RECORD_BYTES_MAX: usize = 64 << 20;

/// Why a log cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{} is damaged at byte {at}: {why}", path.display())]
    Damaged { path: PathBuf, at: usize, why: String },
}

/// The log of one node. Clones share it.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    file: File,
    content: Content,
}

#[derive(Debug, Default)]
struct Content {
    vote: Option<Vote>,
    committed: Option<LogId>,
    purged: Option<LogId>,
    entries: BTreeMap<u64, Entry>,
}

impl Store {
    /// Opens or makes the log in `dir`.
    pub fn open(dir: &Path) -> Result<Store, StoreError> {
        let path = dir.join("log");
        let io = |source| StoreError::Io { path: path.clone(), source };
        fs::create_dir_all(dir).map_err(io)?;
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(io(error)),
        };
        let (content, whole) = read(&path, &bytes)?;
        let file = File::options().create(true).append(true).open(&path).map_err(io)?;
        if whole < bytes.len() {
            tracing::warn!(path = %path.display(), bytes = bytes.len() - whole, "dropped a record that was not written to its end");
            file.set_len(whole as u64).map_err(io)?;
            file.sync_all().map_err(io)?;
        }
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(io)?;
        Ok(Store { inner: Arc::new(Mutex::new(Inner { path, file, content })) })
    }
}

impl Inner {
    fn write(&mut self, records: &[u8], sync: bool) -> io::Result<()> {
        self.file.write_all(records)?;
        if sync { self.file.sync_data() } else { Ok(()) }
    }

    /// Writes only what still counts, and puts it in the old file's place.
    fn rewrite(&mut self) -> io::Result<()> {
        let mut records = Vec::new();
        let content = &self.content;
        if let Some(vote) = &content.vote {
            push(KIND_VOTE, vote, &mut records)?;
        }
        if let Some(purged) = &content.purged {
            push(KIND_PURGED, purged, &mut records)?;
        }
        for entry in content.entries.values() {
            push(KIND_ENTRY, entry, &mut records)?;
        }
        if let Some(committed) = &content.committed {
            push(KIND_COMMITTED, committed, &mut records)?;
        }
        let temporary = self.path.with_extension("new");
        let mut file = File::create(&temporary)?;
        file.write_all(&records)?;
        file.sync_all()?;
        fs::rename(&temporary, &self.path)?;
        if let Some(dir) = self.path.parent() {
            File::open(dir)?.sync_all()?;
        }
        self.file = File::options().append(true).open(&self.path)?;
        Ok(())
    }
}

fn push(kind: u8, body: &impl Serialize, out: &mut Vec<u8>) -> io::Result<()> {
    let mut record = vec![kind];
    serde_json::to_writer(&mut record, body)?;
    if record.len() > RECORD_BYTES_MAX {
        return Err(io::Error::other(format!("a record of {} bytes is over {RECORD_BYTES_MAX}", record.len())));
    }
    out.extend_from_slice(&(record.len() as u32).to_le_bytes());
    out.extend_from_slice(&crc32(&record).to_le_bytes());
    out.extend_from_slice(&record);
    Ok(())
}

/// Content of a file and how many of its bytes are whole records.
fn read(path: &Path, bytes: &[u8]) -> Result<(Content, usize), StoreError> {
    let mut content = Content::default();
    let mut at = 0;
    while at < bytes.len() {
        let damaged = |why: String| StoreError::Damaged { path: path.to_path_buf(), at, why };
        let Some((record, end)) = record_at(bytes, at).map_err(damaged)? else { break };
        replay(&mut content, record).map_err(|error| damaged(error.to_string()))?;
        at = end;
    }
    Ok((content, at))
}

/// The record at `at` and where it ends; `None` when the file ends within it.
fn record_at(bytes: &[u8], at: usize) -> Result<Option<(&[u8], usize)>, String> {
    let Some((head, rest)) = bytes[at..].split_at_checked(HEAD_BYTES) else { return Ok(None) };
    let word = |i: usize| u32::from_le_bytes([head[i], head[i + 1], head[i + 2], head[i + 3]]);
    let (length, sum) = (word(0) as usize, word(4));
    let is_last = length >= rest.len();
    let Some(record) = rest.get(..length) else { return Ok(None) };
    if length == 0 || length > RECORD_BYTES_MAX {
        return Err(format!("a record of {length} bytes"));
    }
    if crc32(record) != sum {
        // A crash may leave the length of the last record and not all of its bytes.
        return if is_last { Ok(None) } else { Err("wrong checksum".into()) };
    }
    Ok(Some((record, at + HEAD_BYTES + length)))
}

fn replay(content: &mut Content, record: &[u8]) -> serde_json::Result<()> {
    fn body<T: DeserializeOwned>(body: &[u8]) -> serde_json::Result<T> {
        serde_json::from_slice(body)
    }
    let (kind, rest) = (record[0], &record[1..]);
    match kind {
        KIND_VOTE => content.vote = Some(body(rest)?),
        KIND_ENTRY => {
            let entry: Entry = body(rest)?;
            content.entries.insert(entry.log_id.index, entry);
        }
        KIND_TRUNCATE => drop(content.entries.split_off(&body::<u64>(rest)?)),
        KIND_PURGED => content.purge(body(rest)?),
        KIND_COMMITTED => content.committed = body(rest)?,
        other => return Err(serde::de::Error::custom(format!("unknown kind of record {other}"))),
    }
    Ok(())
}

impl Content {
    fn purge(&mut self, upto: LogId) {
        self.entries = self.entries.split_off(&(upto.index + 1));
        self.purged = Some(upto);
    }
}

/// CRC-32 (IEEE 802.3), as in gzip.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| (crc >> 8) ^ CRC32_TABLE[usize::from(crc as u8 ^ byte)])
}

const CRC32_TABLE: [u32; 256] = {
    let mut table = [0u32; 256];
    let mut i = 0;
    while i < 256 {
        let mut crc = i as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
            bit += 1;
        }
        table[i] = crc;
        i += 1;
    }
    table
};

impl RaftLogReader<TypeConfig> for Store {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<Entry>, StorageError> {
        Ok(self.inner.lock().content.entries.range(range).map(|(_, entry)| entry.clone()).collect())
    }
}

impl RaftLogStorage<TypeConfig> for Store {
    type LogReader = Store;

    async fn get_log_state(&mut self) -> Result<LogState<TypeConfig>, StorageError> {
        let inner = self.inner.lock();
        let purged = inner.content.purged;
        let last = inner.content.entries.last_key_value().map(|(_, entry)| *entry.get_log_id());
        Ok(LogState { last_purged_log_id: purged, last_log_id: last.or(purged) })
    }

    async fn get_log_reader(&mut self) -> Store {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), StorageError> {
        let mut inner = self.inner.lock();
        let mut record = Vec::new();
        push(KIND_VOTE, vote, &mut record)
            .and_then(|()| inner.write(&record, true))
            .map_err(|error| StorageIOError::write_vote(&error))?;
        inner.content.vote = Some(*vote);
        Ok(())
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, StorageError> {
        Ok(self.inner.lock().content.vote)
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> Result<(), StorageError> {
        let mut inner = self.inner.lock();
        let mut record = Vec::new();
        push(KIND_COMMITTED, &committed, &mut record)
            .and_then(|()| inner.write(&record, false))
            .map_err(|error| StorageIOError::write(&error))?;
        inner.content.committed = committed;
        Ok(())
    }

    async fn read_committed(&mut self) -> Result<Option<LogId>, StorageError> {
        Ok(self.inner.lock().content.committed)
    }

    async fn append<I>(&mut self, entries: I, callback: LogFlushed<TypeConfig>) -> Result<(), StorageError>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut inner = self.inner.lock();
        let mut records = Vec::new();
        let mut appended = Vec::new();
        for entry in entries {
            push(KIND_ENTRY, &entry, &mut records).map_err(|error| StorageIOError::write_logs(&error))?;
            appended.push(entry);
        }
        let written = inner.write(&records, true);
        if written.is_ok() {
            inner.content.entries.extend(appended.into_iter().map(|entry| (entry.log_id.index, entry)));
        }
        drop(inner);
        let failed = written.as_ref().err().map(|error| StorageIOError::<RaftId>::write_logs(error));
        callback.log_io_completed(written);
        failed.map_or(Ok(()), |error| Err(error.into()))
    }

    async fn truncate(&mut self, log_id: LogId) -> Result<(), StorageError> {
        let mut inner = self.inner.lock();
        let mut record = Vec::new();
        push(KIND_TRUNCATE, &log_id.index, &mut record)
            .and_then(|()| inner.write(&record, true))
            .map_err(|error| StorageIOError::write_logs(&error))?;
        inner.content.entries.split_off(&log_id.index);
        Ok(())
    }

    async fn purge(&mut self, log_id: LogId) -> Result<(), StorageError> {
        let mut inner = self.inner.lock();
        inner.content.purge(log_id);
        inner.rewrite().map_err(|error| StorageIOError::write_logs(&error).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use openraft::{CommittedLeaderId, EntryPayload};

    fn entry(index: u64) -> Entry {
        Entry { log_id: LogId::new(CommittedLeaderId::new(1, 1), index), payload: EntryPayload::Blank }
    }

    fn written(dir: &Path, entries: u64) -> Vec<u8> {
        let store = Store::open(dir).expect("opens");
        let mut records = Vec::new();
        for index in 1..=entries {
            push(KIND_ENTRY, &entry(index), &mut records).expect("encodes");
        }
        store.inner.lock().write(&records, true).expect("writes");
        fs::read(dir.join("log")).expect("reads")
    }

    fn indexes(store: &Store) -> Vec<u64> {
        store.inner.lock().content.entries.keys().copied().collect()
    }

    #[test]
    fn a_torn_last_record_is_dropped_wherever_it_was_cut() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let bytes = written(dir.path(), 3);
        let two = written(tempfile::tempdir().expect("temporary directory").path(), 2).len();
        for cut in two..bytes.len() {
            fs::write(dir.path().join("log"), &bytes[..cut]).expect("writes");
            let store = Store::open(dir.path()).expect("a torn tail is what a crash leaves");
            assert_eq!(indexes(&store), [1, 2]);
            assert_eq!(fs::metadata(dir.path().join("log")).expect("exists").len(), two as u64);
        }
    }

    #[test]
    fn damage_before_the_last_record_is_refused() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let mut bytes = written(dir.path(), 3);
        bytes[HEAD_BYTES + 4] ^= 1;
        fs::write(dir.path().join("log"), &bytes).expect("writes");
        let error = Store::open(dir.path()).expect_err("damaged");
        assert!(error.to_string().contains("damaged at byte 0"), "{error}");
        assert_eq!(fs::read(dir.path().join("log")).expect("reads"), bytes, "and nothing was lost");
    }

    #[test]
    fn crc32_is_the_known_one() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }
}
