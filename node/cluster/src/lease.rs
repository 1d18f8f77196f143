//! Leases: how a primary knows that it has not been replaced, and a leader that it may be.
//!
//! A node asks by its heartbeat, naming the moment it sent it on its own clock; the answer is a lease of [`LEASE`] from that
//! moment. The leader of the metadata counts from when it received it, on its clock, and a margin longer: so whatever the
//! message's way took, and as long as no two clocks differ by more than [`DRIFT_PER_MILLE`] from true time, the lease is over
//! before the leader says so. No clock is compared with another.
//!
//! (C. Gray, D. Cheriton, "Leases: An efficient fault-tolerant mechanism for distributed file cache consistency", SOSP 1989.)
//!
//! What the callers owe: clocks that go on in suspend (`CLOCK_BOOTTIME`), and grants only after a majority confirmed, later than
//! the heartbeat came, that this leader still leads: a deposed one must grant nothing.

use crate::membership::LEASE;
use crate::mutant::{Rule, is_broken};
use dcache_protocol::{Incarnation, NodeId};
use std::collections::BTreeMap;
use std::time::Duration;

/// How far a second of a clock may be from a second.
pub const DRIFT_PER_MILLE: u32 = 20;

/// When a lease ends, by the clock of the node that asked for it at that moment.
pub fn lease_end(sent: Duration) -> Duration {
    sent + LEASE
}

/// The longest time, by a leader's clock, that a lease can run. Both clocks may be wrong, one each way; and what is left over
/// is for rounding.
fn patience() -> Duration {
    LEASE + LEASE * DRIFT_PER_MILLE * 5 / 2 / 1000
}

/// What a leader knows of leases, by its own clock.
#[derive(Debug)]
pub struct Leases {
    /// Earlier leaders may have granted some that were asked for until then.
    since: Duration,
    heard: BTreeMap<(NodeId, Incarnation), Duration>,
}

impl Leases {
    /// Of a new leader. Leases that earlier ones granted were asked for until `since`, at the latest: no earlier leader can
    /// have been confirmed after that.
    pub fn lead(since: Duration) -> Leases {
        let since = if is_broken(Rule::LeaderWaitsForEarlierLeases) { Duration::ZERO } else { since };
        Leases { since, heard: BTreeMap::new() }
    }

    /// A heartbeat of a process came that may be answered by a lease now, or, if it is not registered, once it is.
    pub fn renew(&mut self, process: (NodeId, Incarnation), now: Duration) {
        let heard = self.heard.entry(process).or_insert(now);
        *heard = now.max(*heard);
    }

    /// Whether the last lease of a process has certainly run out, whoever granted it.
    pub fn is_over(&self, process: (NodeId, Incarnation), now: Duration) -> bool {
        let heard = self.heard.get(&process).copied().unwrap_or(self.since);
        now > heard.max(self.since) + patience()
    }

    /// Processes not heard for so long are no different from those never heard.
    pub fn forget_silent(&mut self, now: Duration) {
        self.heard.retain(|_, heard| now <= *heard + patience());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE: (NodeId, Incarnation) = (NodeId(1), Incarnation(1));

    #[test]
    fn a_lease_is_over_for_its_holder_before_the_leader_says_so() {
        let clock = |true_ms: u64, per_mille: u64| Duration::from_micros(true_ms * per_mille);
        for (holder, leader) in [(980, 1020), (1000, 1000), (1020, 980), (980, 980)] {
            // Sent at 10 s, heard at once: the worst case.
            let mut leases = Leases::lead(clock(1000, leader));
            leases.renew(NODE, clock(10_000, leader));
            let holds = |true_ms: &u64| clock(*true_ms, holder) < lease_end(clock(10_000, holder));
            let last = (10_000..20_000).rfind(holds).expect("it held once");
            let over = (10_000..20_000).find(|true_ms| leases.is_over(NODE, clock(*true_ms, leader))).expect("it ends");
            assert!(over > last && over < last + 200, "{holder} {leader}: held until {last}, over at {over}");
        }
    }

    #[test]
    fn a_new_leader_waits_for_the_leases_of_earlier_ones() {
        let now = Duration::from_secs(100);
        let mut leases = Leases::lead(now);
        assert!(!leases.is_over(NODE, now + LEASE));
        assert!(leases.is_over(NODE, now + LEASE * 2));
        leases.renew(NODE, now + LEASE);
        assert!(!leases.is_over(NODE, now + LEASE * 2));
        leases.renew(NODE, now);
        assert!(!leases.is_over(NODE, now + LEASE * 2), "an older heartbeat takes nothing back");
    }
}
