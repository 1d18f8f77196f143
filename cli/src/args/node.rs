//! `node`: starting one, and looking at those of a cluster.

use crate::complete;
use clap::builder::FalseyValueParser;
use clap::{Args, Subcommand, ValueHint};
use clap_complete::engine::ArgValueCandidates;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub enum Node {
    /// Start a node; with nothing configured it serves this machine at once
    Start(Box<NodeStart>),
    /// List the nodes of the cluster
    #[command(visible_alias = "ls")]
    List,
    /// Show one node
    Show(NodeShow),
}

#[derive(Debug, Args)]
pub struct NodeStart {
    /// Read node.yaml; flags beat it
    #[arg(short, long, env = "DCACHE_FILE", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: Option<PathBuf>,

    /// Name, unique in the cluster; the host's name without it
    #[arg(long, env = "DCACHE_NAME", value_name = "NAME")]
    pub name: Option<String>,

    /// Zone, for spreading
    #[arg(long, env = "DCACHE_ZONE", value_name = "ZONE")]
    pub zone: Option<String>,

    /// Door for any Redis client; 127.0.0.1:6379 without it
    #[arg(long, env = "DCACHE_GATEWAY", value_name = "HOST:PORT")]
    pub gateway: Option<String>,

    /// Door for cluster-aware Redis clients; 127.0.0.1:7400 without it
    #[arg(long, env = "DCACHE_LISTEN", value_name = "HOST:PORT")]
    pub listen: Option<String>,

    /// Door of the control API and of /metrics; 127.0.0.1:7401 without it
    #[arg(long, env = "DCACHE_CONTROL", value_name = "HOST:PORT")]
    pub control: Option<String>,

    /// Door for other nodes; 127.0.0.1:7402 without it
    #[arg(long, env = "DCACHE_PEERS", value_name = "HOST:PORT")]
    pub peers: Option<String>,

    /// Door for clients of memcached's text protocol; none without it
    #[arg(long, env = "DCACHE_MEMCACHED", value_name = "HOST:PORT")]
    pub memcached: Option<String>,

    /// Host that clients and other nodes are told, when it is not the address listened on
    #[arg(long, env = "DCACHE_ANNOUNCE", value_name = "HOST")]
    pub announce: Option<String>,

    /// Memory for entries, as 2GiB or 40%; a quarter of the machine without it
    #[arg(long, env = "DCACHE_MEMORY", value_name = "SIZE")]
    pub memory: Option<String>,

    /// Share of the slots relative to other nodes, 1 to 10000; 100 without it
    #[arg(long, env = "DCACHE_WEIGHT", value_name = "N")]
    pub weight: Option<u32>,

    /// Threads for clients; one a core without it
    #[arg(long, env = "DCACHE_WORKERS", value_name = "N")]
    pub workers: Option<usize>,

    /// Peers door of a node of the cluster to join; may be repeated
    #[arg(long, env = "DCACHE_JOIN", value_name = "HOST:PORT", value_delimiter = ',')]
    pub join: Vec<String>,

    /// Where identity and agreed metadata are kept; a folder named after the node without it
    #[arg(long, env = "DCACHE_DATA_DIR", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub data_dir: Option<PathBuf>,

    /// Allow addresses beyond this machine, without encryption or login
    #[arg(long, env = "DCACHE_INSECURE", value_parser = FalseyValueParser::new())]
    pub insecure: bool,

    /// Allow DEBUG, with which a client can hold up all others: for test suites
    #[arg(long, env = "DCACHE_DEBUG_COMMANDS", value_parser = FalseyValueParser::new())]
    pub debug_commands: bool,

    /// Check the configuration and start nothing
    #[arg(long)]
    pub check: bool,

    /// Form of the log: auto, text or json; auto is text on a terminal
    #[arg(long, env = "DCACHE_LOG_FORMAT", value_name = "FORMAT")]
    pub log_format: Option<String>,
}

#[derive(Debug, Args)]
pub struct NodeShow {
    /// The node's name
    #[arg(add = ArgValueCandidates::new(complete::nodes))]
    pub node: String,
}
