//! Polls the cluster for what the visible screen needs: one request under way at a time, with a deadline of the client's; after
//! a failure the next poll waits longer, up to 5 s. The draw loop never waits for it.

use crate::event::{Fetched, Wants};
use dcache_client::Control;
use std::time::Duration;

/// Longest pause between polls that fail.
const BACKOFF_MAX: Duration = Duration::from_secs(5);

/// One poll.
pub async fn poll(control: Control, wants: Wants, opened: tokio::time::Instant) -> Fetched {
    let cluster = control.cluster().await.map_err(|error| error.to_string());
    let partitions = match wants.partitions && cluster.is_ok() {
        true => Some(control.partitions().await.map_err(|error| error.to_string())),
        false => None,
    };
    let log = match wants.log && cluster.is_ok() {
        true => Some(control.events(0).await.map_err(|error| error.to_string())),
        false => None,
    };
    Fetched { at: opened.elapsed(), cluster, partitions, log }
}

/// How long to wait before the next poll, after this many failures in a row.
pub fn pause(refresh: Duration, failures: u32) -> Duration {
    refresh.saturating_mul(1 << failures.min(4)).min(BACKOFF_MAX.max(refresh))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_slow_polling_down_to_a_bound() {
        let second = Duration::from_secs(1);
        let pauses: Vec<u64> = (0..6).map(|failures| pause(second, failures).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 5, 5, 5]);
        assert_eq!(pause(Duration::from_secs(30), 3), Duration::from_secs(30));
    }
}
