//! What is written down about a local cluster, before anything is started: its nodes, their processes, doors and folders.

use crate::command::process;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::profile::{self, Context, Profiles};
use anyhow::Context as _;
use dcache_protocol::control::{ClusterSpec, ClusterSpecNode, copies_default, rebuild_after_default};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};

/// First ports: a node takes its cluster door here and every ten above, control and peers beside it.
const CLUSTER_PORT: u16 = 7400;
const CLUSTER_STEP: u16 = 10;
const GATEWAY_PORT: u16 = 6379;

/// Version of the file's form.
pub(super) const FORMAT: u32 = 1;

/// Content of `cluster.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LocalCluster {
    pub(super) format: u32,
    pub(super) name: String,
    pub(super) partitions: u16,
    #[serde(default = "copies_default")]
    pub(super) copies: u8,
    pub(super) memory: String,
    pub(super) data_dir: PathBuf,
    /// The data outlives a stop in the foreground.
    pub(super) keeps_data: bool,
    /// Context that was selected before this one.
    #[serde(default)]
    pub(super) context_before: Option<String>,
    pub(super) nodes: Vec<LocalNode>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LocalNode {
    pub(super) name: String,
    pub(super) pid: Option<u32>,
    pub(super) ports: Ports,
    pub(super) data_dir: PathBuf,
    pub(super) log: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Ports {
    pub(super) gateway: u16,
    pub(super) cluster: u16,
    pub(super) control: u16,
    pub(super) peers: u16,
}

impl Ports {
    pub(super) fn all(self) -> [u16; 4] {
        [self.gateway, self.cluster, self.control, self.peers]
    }

    pub(super) fn are_free(self) -> bool {
        self.all().into_iter().all(is_free)
    }
}

pub(super) fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

pub(super) fn door(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

/// The lowest ports of the pattern that nobody has, not even in `taken`, which they are added to.
pub(super) fn choose_ports(taken: &mut BTreeSet<u16>, is_free: &dyn Fn(u16) -> bool) -> Result<Ports> {
    let none = || CliError::failed("no free ports are left on this machine");
    let free = |port: u16, taken: &BTreeSet<u16>| !taken.contains(&port) && is_free(port);
    let cluster = (CLUSTER_PORT..=u16::MAX - 2)
        .step_by(usize::from(CLUSTER_STEP))
        .find(|base| (0..3).all(|offset| free(base + offset, taken)))
        .ok_or_else(none)?;
    taken.extend(cluster..cluster + 3);
    let gateway = (GATEWAY_PORT..=u16::MAX).find(|port| free(*port, taken)).ok_or_else(none)?;
    taken.insert(gateway);
    Ok(Ports { gateway, cluster, control: cluster + 1, peers: cluster + 2 })
}

pub(super) fn root() -> Result<PathBuf> {
    Ok(profile::state_dir()?.join("local"))
}

/// Names of the local clusters of this user; none when that cannot be told.
pub fn names() -> Vec<String> {
    let Ok(entries) = root().and_then(|root| fs::read_dir(root).map_err(|e| CliError::failed(e.to_string()))) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .flatten()
        .filter(|entry| entry.path().join("cluster.json").exists())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort_unstable();
    names
}

impl LocalCluster {
    pub(super) fn dir(name: &str) -> Result<PathBuf> {
        Ok(root()?.join(name))
    }

    pub(super) fn load(name: &str) -> Result<Option<LocalCluster>> {
        let path = LocalCluster::dir(name)?.join("cluster.json");
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(CliError::failed(format!("cannot read {}", path.display())).why(error)),
        };
        let damaged = |why: String| {
            CliError::failed(format!("{} cannot be used", path.display()))
                .why(why)
                .hint("stop the nodes by hand and remove that folder")
        };
        let cluster: LocalCluster = serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        if cluster.format != FORMAT {
            return Err(damaged(format!("it has format {}, this program reads {FORMAT}", cluster.format)));
        }
        Ok(Some(cluster))
    }

    pub(super) fn save(&self) -> Result<()> {
        let path = LocalCluster::dir(&self.name)?.join("cluster.json");
        let bytes = serde_json::to_vec_pretty(self).context("cannot write down the local cluster")?;
        profile::write_private(&path, &bytes).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(())
    }

    pub(super) fn is_running(node: &LocalNode) -> bool {
        node.pid.is_some_and(|pid| process::is_node(pid, &node.data_dir))
    }

    pub(super) fn spec(&self) -> ClusterSpec {
        let node = |node: &LocalNode| ClusterSpecNode {
            peers: door(node.ports.peers),
            name: Some(node.name.clone()),
            weight: None,
            zone: None,
        };
        ClusterSpec {
            name: self.name.clone(),
            partitions: self.partitions,
            copies: self.copies,
            rebuild_after_ms: rebuild_after_default(),
            auto_rebalance: false,
            nodes: self.nodes.iter().map(node).collect(),
            namespaces: Vec::new(),
        }
    }

    /// Removes everything that was written for this cluster: the nodes' data too.
    pub(super) fn remove(&self) -> Result<()> {
        for node in &self.nodes {
            remove_dir(&node.data_dir)?;
        }
        // Somebody else's files in a folder that was given stay.
        let _ = fs::remove_dir(&self.data_dir);
        self.forget()
    }

    /// Removes state, logs and context, and leaves the nodes' data.
    pub(super) fn forget(&self) -> Result<()> {
        self.forget_context()?;
        remove_dir(&LocalCluster::dir(&self.name)?)
    }

    pub(super) fn forget_context(&self) -> Result<()> {
        let mut profiles = Profiles::load()?;
        if profiles.contexts.remove(&self.name).is_none() {
            return Ok(());
        }
        if profiles.current.as_ref() == Some(&self.name) {
            profiles.current = self.context_before.clone().filter(|name| profiles.contexts.contains_key(name));
        }
        profiles.save()
    }

    pub(super) fn save_context(&self) -> Result<()> {
        let mut profiles = Profiles::load()?;
        let endpoints = self.nodes.iter().map(|node| door(node.ports.control)).collect();
        let context = profiles.contexts.entry(self.name.clone()).or_default();
        *context = Context { endpoints, ..context.clone() };
        profiles.current = Some(self.name.clone());
        profiles.save()
    }
}

pub(super) fn remove_dir(dir: &Path) -> Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(CliError::failed(format!("cannot remove {}", dir.display())).why(error))
        }
        _ => Ok(()),
    }
}

/// Keeps a second `init` or `destroy` of the same cluster out until dropped.
pub(super) fn lock(name: &str) -> Result<File> {
    let path = root()?.join(format!("{name}.lock"));
    let failed = |error: std::io::Error| CliError::failed(format!("cannot open {}", path.display())).why(error);
    fs::create_dir_all(root()?).map_err(failed)?;
    let file = File::options().write(true).create(true).truncate(false).open(&path).map_err(failed)?;
    file.try_lock().map_err(|_| {
        CliError::new(Exit::Conflict, format!("another dcache is starting or stopping the local cluster {name:?}"))
            .hint("wait until it is done")
    })?;
    Ok(file)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn ports_follow_the_pattern_and_skip_what_is_taken() {
        let mut taken = BTreeSet::new();
        let is_free = |port: u16| port != 7411 && port != 6380;
        let chosen: Vec<Ports> = (0..3).map(|_| choose_ports(&mut taken, &is_free).unwrap()).collect();
        assert_eq!(chosen.iter().map(|ports| ports.cluster).collect::<Vec<_>>(), [7400, 7420, 7430]);
        assert_eq!(chosen.iter().map(|ports| ports.gateway).collect::<Vec<_>>(), [6379, 6381, 6382]);
        assert_eq!((chosen[0].control, chosen[0].peers), (7401, 7402));
        assert!(choose_ports(&mut BTreeSet::new(), &|_| false).is_err());
    }
}
