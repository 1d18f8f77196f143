//! `op`, and the flags of every verb that starts long work or waits for it.

use super::value::{duration, guard, rate};
use crate::complete;
use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use clap_complete::engine::ArgValueCandidates;
use dcache_protocol::operation::Pace;
use std::time::Duration;

#[derive(Debug, Subcommand)]
pub enum Op {
    /// List the operations, the newest first
    #[command(visible_alias = "ls")]
    List,
    /// Show one operation
    Show(OpShow),
    /// Watch an operation until it is over
    Watch(OpWatch),
    /// Begin no further moves
    Pause(OpName),
    /// Go on
    Resume(OpName),
    /// Stop, and take back what has not taken over
    Cancel(OpCancel),
    /// Change how fast it goes
    Throttle(OpThrottle),
}

#[derive(Debug, Args)]
pub struct OpName {
    /// The operation; the one under way without it
    #[arg(add = ArgValueCandidates::new(complete::operations))]
    pub id: Option<String>,
}

#[derive(Debug, Args)]
pub struct OpShow {
    #[command(flatten)]
    pub name: OpName,

    /// List its moves, as long as it is under way
    #[arg(long)]
    pub moves: bool,
}

#[derive(Debug, Args)]
pub struct OpWatch {
    #[command(flatten)]
    pub name: OpName,

    #[command(flatten)]
    pub watch: WatchFlags,
}

#[derive(Debug, Args)]
pub struct OpCancel {
    #[command(flatten)]
    pub name: OpName,

    #[command(flatten)]
    pub wait: WaitFlags,
}

#[derive(Debug, Args)]
#[group(skip)]
#[command(group = ArgGroup::new("pace").required(true).multiple(true).args(["rate", "moves_at_once", "guard_p99"]))]
pub struct OpThrottle {
    #[command(flatten)]
    pub name: OpName,

    #[command(flatten)]
    pub pace: PaceFlags,
}

/// Flags of every verb that starts an operation.
#[derive(Clone, Debug, Args)]
pub struct StartFlags {
    /// Show the plan and change nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Override a safety check: `last-replica` leaves partitions with one copy where there is no node for another
    #[arg(long, value_name = "CHECK", require_equals = true)]
    pub force: Option<Check>,

    #[command(flatten)]
    pub pace: PaceFlags,

    #[command(flatten)]
    pub wait: WaitFlags,
}

/// A safety check that can be overridden by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Check {
    LastReplica,
}

impl Check {
    /// As the control API calls it.
    pub fn name(self) -> &'static str {
        match self {
            Check::LastReplica => "last-replica",
        }
    }
}

/// How fast long work may go. What is not given stays as it is, or as the cluster has it by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct PaceFlags {
    /// Bytes a second that one node sends at most, as 40MiB/s; `unlimited`; 32MiB/s without it
    #[arg(long, value_name = "SIZE/s", value_parser = rate)]
    pub rate: Option<u64>,

    /// Moves that one node takes part in at once, 1 to 64; 2 without it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub moves_at_once: Option<u16>,

    /// Slow down when the p99 of clients rises by more than this, as 2ms; `off`; 2ms without it
    #[arg(long, value_name = "DUR", value_parser = guard)]
    pub guard_p99: Option<u64>,
}

impl PaceFlags {
    pub fn on(&self, before: Pace) -> Pace {
        Pace {
            rate_bytes: self.rate.unwrap_or(before.rate_bytes),
            moves_at_once: self.moves_at_once.unwrap_or(before.moves_at_once),
            guard_p99_us: self.guard_p99.unwrap_or(before.guard_p99_us),
        }
    }
}

/// Whether the end of long work is waited for, and what is told meanwhile.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct WaitFlags {
    /// Print the operation's id and do not wait for its end
    #[arg(long, conflicts_with = "wait_timeout")]
    pub no_wait: bool,

    #[command(flatten)]
    pub watch: WatchFlags,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct WatchFlags {
    /// How long to wait for the end, then exit code 5; the work goes on; as long as it takes without it
    #[arg(long, value_name = "DUR", value_parser = duration)]
    pub wait_timeout: Option<Duration>,

    /// How progress is told: bars on a terminal and lines elsewhere, or JSON lines on stderr
    #[arg(long, value_name = "FORM")]
    pub progress: Option<ProgressForm>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ProgressForm {
    Auto,
    /// Lines on a terminal too
    Lines,
    Json,
}
