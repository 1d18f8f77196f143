//! Who this node is: its data directory, the id made with it, and the lock that keeps a second process out.
//!
//! `node.json` holds the random [`NodeId`] (never reused: a wiped directory is another node) and what is needed to find the
//! cluster again. Raft's own files are in `raft/` below it, written by `raft/store.rs`.

use crate::config::ConfigError;
use dcache_cluster::metadata::Metadata;
use dcache_protocol::level::level_first;
use dcache_protocol::{Addresses, Incarnation, LEVEL, NodeId, VERSION};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// An opened, locked data directory.
#[derive(Debug)]
pub struct Identity {
    pub dir: PathBuf,
    pub incarnation: Incarnation,
    pub state: NodeFile,
    _lock: File,
}

/// Content of `node.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeFile {
    pub format: u32,
    pub id: NodeId,
    /// Cluster this node was taken into; none: standalone.
    #[serde(default)]
    pub cluster: Option<Membership>,
    /// What a standalone node acts on, kept over restarts.
    #[serde(default)]
    pub standalone: Option<Metadata>,
    /// Last known addresses of the other nodes: hints for the next start.
    #[serde(default)]
    pub known: BTreeMap<NodeId, Addresses>,
    /// The cluster has taken this node out: its id is never used again.
    #[serde(default)]
    pub is_removed: bool,
    /// The highest level its cluster had as far as it knows: an older build may not be able to read what was agreed since.
    #[serde(default = "level_first")]
    pub level: u16,
}

/// What a member knows without its log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Membership {
    pub cluster_id: NodeId,
    pub cluster_name: String,
}

const FORMAT: u32 = 1;

impl Identity {
    /// Opens the directory, making it and its id at the first start. Holds its lock until dropped.
    pub fn open(dir: &Path) -> Result<Identity, ConfigError> {
        let failed = |what: &str, error: std::io::Error| {
            ConfigError::failed(format!("cannot {what} {}", dir.display()))
                .why(error.to_string())
                .hint("check its permissions and free space, or choose another: --data-dir DIR")
        };
        fs::create_dir_all(dir).map_err(|e| failed("create data directory", e))?;
        let lock = lock(dir)?;
        let path = dir.join("node.json");
        let state = match fs::read(&path) {
            Ok(bytes) => read_state(&path, &bytes)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let id = NodeId(random_u64().map_err(|e| failed("make an id for", e))?);
                NodeFile {
                    format: FORMAT,
                    id,
                    cluster: None,
                    standalone: None,
                    known: BTreeMap::new(),
                    is_removed: false,
                    level: level_first(),
                }
            }
            Err(error) => return Err(failed("read node.json in", error)),
        };
        let incarnation = Incarnation(random_u64().map_err(|e| failed("make an incarnation for", e))?);
        let identity = Identity { dir: dir.to_path_buf(), incarnation, state, _lock: lock };
        identity.save().map_err(|e| failed("write node.json in", e))?;
        Ok(identity)
    }

    /// Writes `node.json` so that a crash leaves the old or the new one, never half.
    pub fn save(&self) -> std::io::Result<()> {
        let bytes = serde_json::to_vec_pretty(&self.state)?;
        let temporary = self.dir.join("node.json.tmp");
        let mut file = File::create(&temporary)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, self.dir.join("node.json"))?;
        File::open(&self.dir)?.sync_all()
    }

    pub fn raft_dir(&self) -> PathBuf {
        self.dir.join("raft")
    }
}

fn read_state(path: &Path, bytes: &[u8]) -> Result<NodeFile, ConfigError> {
    let damaged = |why: String| {
        ConfigError::failed(format!("{} cannot be used", path.display()))
            .why(why)
            .hint("restore the file, or start a new node with an empty directory: --data-dir DIR")
    };
    let state: NodeFile = serde_json::from_slice(bytes).map_err(|e| damaged(e.to_string()))?;
    if state.format != FORMAT {
        return Err(damaged(format!("it has format {}, this program reads {FORMAT}", state.format)));
    }
    if state.is_removed {
        let cluster = state.cluster.as_ref().map(|cluster| cluster.cluster_name.as_str()).unwrap_or_default();
        return Err(ConfigError::failed(format!(
            "{} belongs to a node that was removed from cluster {cluster:?}",
            path.display()
        ))
        .why("a node that was taken out never comes back under its old id")
        .hint("join as a new node: move the data directory away, then dcache node start --join HOST:PORT"));
    }
    if state.level > LEVEL {
        return Err(ConfigError::failed(format!(
            "{} is of a cluster at level {}, and {VERSION} speaks up to level {LEVEL}",
            path.display(),
            state.level
        ))
        .why("all its nodes ran a newer release, and from then on there is no way back to an older one")
        .hint("start the newer build with this data directory"));
    }
    if let Some(metadata) = &state.standalone {
        metadata.check().map_err(damaged)?;
    }
    Ok(state)
}

/// Takes the directory's lock file, or says who holds it.
fn lock(dir: &Path) -> Result<File, ConfigError> {
    let path = dir.join("lock");
    let mut file = File::options().read(true).write(true).create(true).truncate(false).open(&path).map_err(|e| {
        ConfigError::failed(format!("cannot open {}", path.display())).why(e.to_string()).hint("check its permissions")
    })?;
    if file.try_lock().is_err() {
        let mut holder = String::new();
        // An empty answer only makes the message shorter.
        let _ = file.read_to_string(&mut holder);
        let holder = holder.trim();
        let by = if holder.is_empty() { "another process".into() } else { format!("process {holder}") };
        return Err(ConfigError::failed(format!("data directory {} is in use", dir.display()))
            .why(format!("held by {by}"))
            .hint("talk to that node: dcache stats")
            .hint("or start another: dcache node start --name n2 --gateway 127.0.0.1:0 --listen 127.0.0.1:0 --control 127.0.0.1:0 --peers 127.0.0.1:0"));
    }
    file.set_len(0).and_then(|()| write!(file, "{}", std::process::id())).map_err(|e| {
        ConfigError::failed(format!("cannot write {}", path.display())).why(e.to_string()).hint("check free space")
    })?;
    Ok(file)
}

/// 64 bits from the system's random source.
pub fn random_u64() -> std::io::Result<u64> {
    let mut bytes = [0; 8];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(u64::from_ne_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_stays_and_the_incarnation_changes() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let first = Identity::open(dir.path()).expect("first start");
        let (id, incarnation) = (first.state.id, first.incarnation);
        let error = Identity::open(dir.path()).expect_err("locked");
        assert!(error.why.expect("who").contains(&std::process::id().to_string()));
        drop(first);
        let second = Identity::open(dir.path()).expect("second start");
        assert_eq!(second.state.id, id);
        assert_ne!(second.incarnation, incarnation);
    }

    #[test]
    fn a_damaged_file_is_refused_and_kept() {
        let dir = tempfile::tempdir().expect("temporary directory");
        fs::write(dir.path().join("node.json"), "{").expect("write");
        let error = Identity::open(dir.path()).expect_err("damaged");
        assert!(!error.usage && error.message.contains("node.json"));
        assert_eq!(fs::read_to_string(dir.path().join("node.json")).expect("still there"), "{");
    }
}
