//! A node's disk: keeps what it acknowledged, may tear what it did not, may be full, and takes nothing more from a process that
//! is gone.

use dcache_node::raft::Disk;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// What outlives the processes of a node.
#[derive(Debug, Default)]
pub struct Platter {
    files: BTreeMap<String, Vec<u8>>,
    /// The process that may write.
    life: u64,
    pub is_full: bool,
}

/// The platter as one process sees it.
#[derive(Debug)]
pub struct SimDisk {
    platter: Arc<Mutex<Platter>>,
    life: u64,
}

impl SimDisk {
    /// For a new process; the one before writes no more. What that had begun to write may be there in part: `torn` bytes of
    /// what comes next to its log.
    pub fn attach(platter: &Arc<Mutex<Platter>>, torn: &[u8]) -> Arc<SimDisk> {
        let mut content = platter.lock();
        content.life += 1;
        content.is_full = false;
        if let Some(log) = content.files.get_mut("log") {
            log.extend_from_slice(torn);
        }
        Arc::new(SimDisk { platter: platter.clone(), life: content.life })
    }

    fn change(&self, change: impl FnOnce(&mut BTreeMap<String, Vec<u8>>)) -> io::Result<()> {
        let mut platter = self.platter.lock();
        if platter.life != self.life || platter.is_full {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        change(&mut platter.files);
        Ok(())
    }
}

impl Disk for SimDisk {
    fn path(&self, name: &str) -> PathBuf {
        name.into()
    }

    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.platter.lock().files.keys().cloned().collect())
    }

    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(self.platter.lock().files.get(name).cloned())
    }

    fn append(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.change(|files| files.entry(name.into()).or_default().extend_from_slice(bytes))
    }

    fn truncate(&self, name: &str, length: u64) -> io::Result<()> {
        self.change(|files| files.entry(name.into()).or_default().truncate(length as usize))
    }

    fn replace(&self, name: &str, parts: &[&[u8]]) -> io::Result<()> {
        self.change(|files| drop(files.insert(name.into(), parts.concat())))
    }

    fn overwrite(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.change(|files| {
            let file = files.entry(name.into()).or_default();
            file.resize(file.len().max(bytes.len()), 0);
            file[..bytes.len()].copy_from_slice(bytes);
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.change(|files| drop(files.remove(name)))
    }

    fn is_slow(&self) -> bool {
        false
    }
}
