//! `rebalance`, and what a plan of one is to heed.

use super::operation::{OpCancel, OpName, OpThrottle, OpWatch, PaceFlags, StartFlags, WaitFlags};
use super::value::words;
use clap::{Args, Subcommand, ValueHint};
use dcache_protocol::operation::Balance;
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(disable_help_subcommand = true)]
pub struct Rebalance {
    #[command(subcommand)]
    pub verb: Option<RebalanceVerb>,

    /// Only show the plan
    #[arg(long, visible_alias = "dry-run")]
    pub plan: bool,

    /// With --plan: write it to this file, for `rebalance apply`
    #[arg(long, value_name = "FILE", requires = "plan", value_hint = ValueHint::FilePath)]
    pub out: Option<PathBuf>,

    /// With --plan: exit code 10 when there is something to move
    #[arg(long, requires = "plan")]
    pub exit_code: bool,

    #[command(flatten)]
    pub flags: PlanFlags,

    #[command(flatten)]
    pub pace: PaceFlags,

    #[command(flatten)]
    pub wait: WaitFlags,
}

#[derive(Debug, Subcommand)]
pub enum RebalanceVerb {
    /// Carry out a plan: that of a file, or a new one
    Apply(RebalanceApply),
    /// Watch a rebalance until it is over
    Watch(OpWatch),
    /// Begin no further moves
    Pause(OpName),
    /// Go on
    Resume(OpName),
    /// Stop, and take back what has not taken over
    Cancel(OpCancel),
    /// Change how fast it goes
    Throttle(OpThrottle),
    /// List the rebalances under way and past
    #[command(visible_alias = "ls")]
    List,
}

#[derive(Debug, Args)]
pub struct RebalanceApply {
    /// A plan that `rebalance --plan --out FILE` wrote; plans anew without it
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: Option<PathBuf>,

    #[command(flatten)]
    pub flags: PlanFlags,

    #[command(flatten)]
    pub start: StartFlags,
}

/// What a plan of a rebalance is to heed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct PlanFlags {
    /// What is to be even: partitions, their memory, or the requests they get; each by the nodes' weights; `count` without it
    #[arg(long, value_name = "WHAT", value_parser = words(BALANCES, balance_name))]
    pub by: Option<Balance>,

    /// A partition that stays where it is; may be repeated
    #[arg(long = "pin", value_name = "PARTITION")]
    pub pins: Vec<u16>,
}

const BALANCES: [Balance; 3] = [Balance::Count, Balance::Memory, Balance::Load];

fn balance_name(by: Balance) -> &'static str {
    match by {
        Balance::Count => "count",
        Balance::Memory => "memory",
        Balance::Load => "load",
    }
}
