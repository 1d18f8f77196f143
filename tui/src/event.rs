//! Everything that can happen to the dashboard, and everything it can have done. Doing it is in `fetch.rs` and the loop.

use crate::change::{Change, Done};
use crossterm::event::KeyEvent;
use dcache_protocol::control::{ClusterEvent, ClusterStatus, PartitionTable};
use dcache_protocol::operation::{OperationId, OperationStatus, Plan};
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
    Answered(Answer),
}

/// What the cluster answered to a [`Call`]. A failure is lines to be read, the first of them what failed.
#[derive(Clone, Debug)]
pub enum Answer {
    Planned { node: String, result: Result<Box<Plan>, Vec<String>> },
    Changed { change: Change, result: Result<Done, Vec<String>> },
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
    /// The newest first. Only asked for while the Rebalance screen is shown.
    pub operations: Option<Result<Vec<OperationStatus>, String>>,
}

/// What a screen needs of a poll beside the cluster's status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    pub partitions: bool,
    pub log: bool,
    pub operations: bool,
}

impl Fetched {
    /// Whether something is not in it that is needed now, though the cluster answers.
    pub fn lacks(&self, wants: Wants) -> bool {
        let is_missing = (wants.partitions && self.partitions.is_none())
            || (wants.log && self.log.is_none())
            || (wants.operations && self.operations.is_none());
        self.cluster.is_ok() && is_missing
    }
}

/// What the loop must do after an event.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    None,
    /// Do not wait for the next poll.
    FetchNow,
    /// Ask the cluster; the answer is an [`Event::Answered`].
    Call(Call),
    Suspend,
    Quit,
}

/// What the cluster is asked beside polls. All but the first were confirmed.
#[derive(Clone, Debug, PartialEq)]
pub enum Call {
    /// What a drain of the node would do. Changes nothing.
    Plan {
        node: String,
    },
    /// A drain begins, by the plan that was shown.
    Drain {
        node: String,
        plan: Box<Plan>,
    },
    Failover {
        node: String,
    },
    Pause {
        id: OperationId,
    },
    Resume {
        id: OperationId,
    },
    Cancel {
        id: OperationId,
    },
}

impl Call {
    pub fn answer(self, result: Result<Done, Vec<String>>) -> Answer {
        let change = match self {
            Call::Plan { node } | Call::Drain { node, .. } => Change::Drain { node },
            Call::Failover { node } => Change::Failover { node },
            Call::Pause { id } => Change::Pause { id },
            Call::Resume { id } => Change::Resume { id },
            Call::Cancel { id } => Change::Cancel { id },
        };
        Answer::Changed { change, result }
    }

    pub fn failed(self, why: Vec<String>) -> Answer {
        match self {
            Call::Plan { node } => Answer::Planned { node, result: Err(why) },
            other => other.answer(Err(why)),
        }
    }
}
