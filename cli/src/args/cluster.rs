//! `cluster`: forming one, its health, who is in it, and running another build.

use super::operation::{Check, OpCancel, OpName, OpWatch, StartFlags, WaitFlags};
use super::value::{duration, size_text, version};
use crate::complete;
use clap::{ArgGroup, Args, Subcommand, ValueEnum, ValueHint};
use clap_complete::engine::ArgValueCandidates;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, Subcommand)]
pub enum Cluster {
    /// Form a cluster, of new nodes on this machine or of nodes started elsewhere
    Init(Box<ClusterInit>),
    /// Show the cluster's health and its nodes
    Status(ClusterStatusArgs),
    /// Give nodes that joined their share
    Add(ClusterAdd),
    /// Move everything off a node, which stays as a proxy
    Drain(ClusterDrain),
    /// Let a drained node hold its share again
    Undrain(ClusterUndrain),
    /// Take a node out of the cluster that holds nothing, or drain it first
    #[command(visible_alias = "rm")]
    Remove(ClusterRemove),
    /// Take a node out of the cluster that is dead and gone
    Forget(ClusterForget),
    /// Say that a node is being worked on: it serves nothing, and its copies are not built elsewhere
    Maintenance(ClusterMaintenance),
    /// Have other nodes take over what a node serves, without losing a write
    Failover(ClusterFailover),
    /// Have all nodes run another build, one after the other: plan, start, watch
    #[command(subcommand, disable_help_subcommand = true)]
    Upgrade(ClusterUpgrade),
    /// Stop a local cluster and drop its data
    Destroy(ClusterDestroy),
}

#[derive(Debug, Args)]
#[group(skip)]
#[command(group = ArgGroup::new("what").required(true).args(["local", "file"]))]
pub struct ClusterInit {
    /// Start this many nodes on this machine; 3 without a number
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "3", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub local: Option<u16>,

    /// Form the cluster that cluster.yaml describes, of nodes that run already
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: Option<PathBuf>,

    /// Name of the local cluster and of its context
    #[arg(long, value_name = "NAME", default_value = "local", conflicts_with = "file")]
    pub name: String,

    /// Leave the nodes running in the background
    #[arg(long, conflicts_with = "file")]
    pub detach: bool,

    /// Memory for entries of each node; 256MiB without it
    #[arg(long, value_name = "SIZE", conflicts_with = "file", value_parser = size_text)]
    pub memory: Option<String>,

    /// Number of partitions, a power of two, fixed for the cluster's life; 1024 without it
    #[arg(long, value_name = "N", conflicts_with = "file")]
    pub partitions: Option<u16>,

    /// Further copies of each partition on other nodes, 0 to 4, as far as there are nodes; 1 without it
    #[arg(long, value_name = "N", conflicts_with = "file", value_parser = clap::value_parser!(u8).range(0..=4))]
    pub copies: Option<u8>,

    /// Keep the nodes' data in this folder when the cluster stops
    #[arg(long, value_name = "DIR", conflicts_with = "file", value_hint = ValueHint::DirPath)]
    pub data_dir: Option<PathBuf>,

    /// Go on although a node already holds keys, which are lost
    #[arg(long, requires = "file")]
    pub drop_keys: bool,

    /// Show the plan and change nothing
    #[arg(long)]
    pub dry_run: bool,

    /// With --dry-run: exit code 10 when there is something to do
    #[arg(long, requires = "dry_run")]
    pub exit_code: bool,

    /// How long nodes may take to start and to agree
    #[arg(long, value_name = "DUR", default_value = "30s", value_parser = duration)]
    pub wait_timeout: Duration,
}

#[derive(Debug, Args)]
pub struct ClusterStatusArgs {
    /// Exit code 8 when something is critical, a copy is missing, a node does not answer, or an operation is not finished
    #[arg(long)]
    pub check: bool,

    /// With --check: any warning counts
    #[arg(long, requires = "check")]
    pub strict: bool,

    /// Draw again every so often, 2s without a number
    #[arg(short, long, value_name = "DUR", num_args = 0..=1, default_missing_value = "2s", value_parser = duration, conflicts_with = "check")]
    pub watch: Option<Duration>,
}

#[derive(Debug, Args)]
pub struct ClusterAdd {
    /// Names of nodes that joined, or any of their doors as HOST:PORT; all that joined without one
    #[arg(value_name = "NODE", add = ArgValueCandidates::new(complete::nodes))]
    pub nodes: Vec<String>,

    #[command(flatten)]
    pub start: StartFlags,
}

#[derive(Debug, Args)]
pub struct ClusterDrain {
    /// The node that is to hold nothing
    #[arg(add = ArgValueCandidates::new(complete::nodes))]
    pub node: String,

    #[command(flatten)]
    pub start: StartFlags,
}

#[derive(Debug, Args)]
pub struct ClusterUndrain {
    /// The node
    #[arg(add = ArgValueCandidates::new(complete::nodes))]
    pub node: String,

    /// Say what would change and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, Args)]
pub struct ClusterRemove {
    /// The node
    #[arg(add = ArgValueCandidates::new(complete::nodes))]
    pub node: String,

    /// Move what it holds to other nodes first
    #[arg(long)]
    pub drain: bool,

    #[command(flatten)]
    pub start: StartFlags,
}

#[derive(Debug, Args)]
pub struct ClusterForget {
    /// The node that will not come back
    #[arg(add = ArgValueCandidates::new(complete::nodes))]
    pub node: String,

    /// Override a safety check: `last-replica` gives up the keys of which the node has the only copy
    #[arg(long, value_name = "CHECK", require_equals = true)]
    pub force: Option<Check>,

    /// Say what would change and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, Args)]
pub struct ClusterMaintenance {
    /// Whether it is being worked on
    pub what: OnOff,

    /// The node
    #[arg(add = ArgValueCandidates::new(complete::nodes))]
    pub node: String,

    /// How long at most; 30m without it
    #[arg(long = "for", value_name = "DUR", value_parser = duration)]
    pub time: Option<Duration>,

    /// Say what would change and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OnOff {
    /// Hands over what it serves; until it is off, or the time is over
    On,
    Off,
}

#[derive(Debug, Args)]
pub struct ClusterFailover {
    /// The node that is to serve nothing any more
    #[arg(add = ArgValueCandidates::new(complete::nodes))]
    pub node: String,

    /// Say what would be handed over and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, Subcommand)]
pub enum ClusterUpgrade {
    /// Show the order of the nodes, what they run now, and what to heed
    Plan(UpgradePlan),
    /// Begin: one node after the other hands over what it serves, and is waited for until it runs the version
    Start(UpgradeStart),
    /// Show how far it is, and what is to be done now
    Status(OpName),
    /// Watch it until it is over
    Watch(OpWatch),
    /// Begin no further turn; nodes may go back to the build before
    Pause(OpName),
    /// Go on
    Resume(OpName),
    /// Stop; every node goes on with the build it has
    Cancel(OpCancel),
}

#[derive(Debug, Args)]
pub struct UpgradePlan {
    /// The version that nodes are to run, as 0.2.0
    #[arg(long, value_name = "VERSION", value_parser = version)]
    pub to: String,

    /// Exit code 10 when a node runs another one
    #[arg(long)]
    pub exit_code: bool,
}

#[derive(Debug, Args)]
pub struct UpgradeStart {
    /// The version that nodes are to run, as 0.2.0
    #[arg(long, value_name = "VERSION", value_parser = version)]
    pub to: String,

    /// Show the plan and change nothing
    #[arg(long)]
    pub dry_run: bool,

    #[command(flatten)]
    pub wait: WaitFlags,
}

#[derive(Debug, Args)]
pub struct ClusterDestroy {
    /// Name of the local cluster
    #[arg(add = ArgValueCandidates::new(complete::local_clusters))]
    pub name: String,

    /// Tell what would be stopped and removed, and do nothing
    #[arg(long)]
    pub dry_run: bool,
}
