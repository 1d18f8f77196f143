//! Everything that can happen to the dashboard.

use crossterm::event::KeyEvent;
use dcache_protocol::control::{ClusterStatus, PartitionTable};
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
