//! Rules that can be broken, one at a time, for the simulator to show that it would notice: with the feature `mutants` only.
//! Those of a single copy are in [`crate::replication`].

/// A rule of the nodes together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// A lease counts only once the node acts on the state it was granted upon.
    LeaseCountsUponItsState,
    /// A new leader waits for the leases of earlier ones.
    LeaderWaitsForEarlierLeases,
    /// A leader grants only what a majority confirmed after the heartbeat came.
    GrantsAreConfirmed,
    /// With its vote a voter says when it last confirmed a leader.
    VotesTellConfirmations,
    /// A node without a lease answers nothing for a strong namespace.
    ServesUnderLease,
    /// A write is told once it is committed.
    WritesAreHeld,
    /// A read is told once what it saw is committed.
    ReadsAreHeld,
    /// What expires is removed by the log.
    ExpiryIsLogged,
    /// A write of which nobody knows whether it ran is not sent again.
    WritesRunOnce,
    /// A copy answers only while it is known to be new enough.
    CopiesAreFresh,
    /// What is in no other copy goes along with a partition that moves.
    RestGoesAlong,
}

#[cfg(feature = "mutants")]
mod broken {
    use super::Rule;
    use std::cell::Cell;

    thread_local! {
        static BROKEN: Cell<Option<Rule>> = const { Cell::new(None) };
    }

    /// From now on that rule is broken on this thread.
    pub fn break_rule(rule: Option<Rule>) {
        BROKEN.set(rule);
    }

    pub fn is_broken(rule: Rule) -> bool {
        BROKEN.get() == Some(rule)
    }
}

#[cfg(feature = "mutants")]
pub use broken::{break_rule, is_broken};

/// Never, without the feature.
#[cfg(not(feature = "mutants"))]
#[inline(always)]
pub const fn is_broken(_: Rule) -> bool {
    false
}
