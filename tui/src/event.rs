//! Everything that can happen to the dashboard.

use crossterm::event::KeyEvent;
use dcache_protocol::control::{ClusterEvent, ClusterStatus, PartitionTable};
use std::time::Duration;

/// One thing that happened. Time comes with events; the state has no clock of its own.
#[derive(Clone, Debug)]
pub enum Event {
    Key(KeyEvent),
    /// The terminal has another size now.
    Resized {
        width: u16,
        height: u16,
    },
    /// Time passed: since the dashboard was opened, and the wall clock in milliseconds since 1970.
    Tick {
        now: Duration,
        unix_ms: u64,
    },
    Fetched(Box<Fetched>),
}

/// What one poll brought.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// When it was complete, since the dashboard was opened.
    pub at: Duration,
    /// The whole cluster, or why there is no answer.
    pub cluster: Result<ClusterStatus, String>,
    /// Only asked for while the Slots screen is shown.
    pub partitions: Option<Result<PartitionTable, String>>,
    /// What happened to the cluster, oldest first. Only asked for while the Replication screen is shown.
    pub log: Option<Result<Vec<ClusterEvent>, String>>,
}

/// What a screen needs of a poll beside the cluster's status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    pub partitions: bool,
    pub log: bool,
}

impl Fetched {
    /// Whether something is not in it that is needed now, though the cluster answers.
    pub fn lacks(&self, wants: Wants) -> bool {
        let is_missing = (wants.partitions && self.partitions.is_none()) || (wants.log && self.log.is_none());
        self.cluster.is_ok() && is_missing
    }
}

/// What the loop must do after an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    None,
    /// Do not wait for the next poll.
    FetchNow,
    Suspend,
    Quit,
}
