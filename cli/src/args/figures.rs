//! `stats`, `events` and `top`: what one looks at while a cluster runs.

use super::value::duration;
use crate::complete;
use clap::{Args, ValueEnum};
use clap_complete::engine::ArgValueCandidates;
use dcache_protocol::control::Level;
use std::time::Duration;

#[derive(Debug, Args)]
pub struct Stats {
    /// Which parts; all without one
    #[arg(value_name = "SECTION")]
    pub sections: Vec<Section>,

    /// Of this node alone
    #[arg(long, value_name = "NODE", add = ArgValueCandidates::new(complete::nodes))]
    pub node: Option<String>,

    /// Print again every so often, 2s without a number
    #[arg(short, long, value_name = "DUR", num_args = 0..=1, default_missing_value = "2s", value_parser = duration)]
    pub watch: Option<Duration>,

    /// The text Prometheus reads, of one node
    #[arg(long, conflicts_with_all = ["watch", "sections"])]
    pub prometheus: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Section {
    /// Rates over recent time
    Rates,
    /// Latency of requests
    Latency,
    /// Memory, items and evictions
    Memory,
    /// Calls by command
    Commands,
    /// Figures by namespace
    Namespaces,
    /// How far copies are behind, and what failovers did
    Replication,
}

#[derive(Debug, Args)]
pub struct Events {
    /// Go on with what happens, until interrupted
    #[arg(long)]
    pub follow: bool,

    /// Of this time back from now alone
    #[arg(long, value_name = "DUR", value_parser = duration)]
    pub since: Option<Duration>,

    /// Of this level and above
    #[arg(long, value_name = "LEVEL")]
    pub level: Option<EventLevel>,

    /// About this node alone
    #[arg(long, value_name = "NODE", add = ArgValueCandidates::new(complete::nodes))]
    pub node: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EventLevel {
    Info,
    /// Something an operator should know
    Warning,
    /// Slots that nobody serves
    Critical,
}

impl EventLevel {
    pub fn level(self) -> Level {
        match self {
            EventLevel::Info => Level::Info,
            EventLevel::Warning => Level::Warning,
            EventLevel::Critical => Level::Critical,
        }
    }
}

#[derive(Debug, Args)]
pub struct Top {
    /// How often figures are fetched
    #[arg(long, value_name = "DUR", default_value = "1s", value_parser = duration)]
    pub refresh: Duration,

    /// Fetch once, print and end; -o json for programs
    #[arg(long)]
    pub once: bool,

    /// Screen to begin with
    #[arg(long, value_name = "SCREEN", default_value = "overview")]
    pub screen: TopScreen,

    /// Only look: no drain, failover, pause or cancel; so it is in a protected context anyway
    #[arg(long)]
    pub read_only: bool,

    /// Only ASCII marks and borders; without it, where the locale is not UTF-8
    #[arg(long)]
    pub ascii: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TopScreen {
    /// The cluster
    Overview,
    /// Its nodes
    Nodes,
    /// Its slots
    Slots,
    Replication,
    /// The operation under way, and the last ones
    Rebalance,
}
