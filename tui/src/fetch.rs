//! Polls the cluster for what the visible screen needs: one request under way at a time, with a deadline of the client's; after
//! a failure the next poll waits longer, up to 5 s. Changes that were confirmed are carried out here too. The draw loop never
//! waits for any of it; HTTP itself is the client's.

use crate::change::Done;
use crate::event::{Answer, Call, Fetched, Wants};
use dcache_client::{Control, Error};
use dcache_protocol::operation::{OperationKind, Pace, PlanRequest, StartRequest};
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
    let operations = match wants.operations && cluster.is_ok() {
        true => Some(control.operations().await.map_err(|error| error.to_string())),
        false => None,
    };
    Fetched { at: opened.elapsed(), cluster, partitions, log, operations }
}

/// Asks the cluster something, or has it change something.
pub async fn call(control: Control, call: Call) -> Answer {
    let operation = match &call {
        Call::Plan { node } => {
            let request = PlanRequest { nodes: vec![node.clone()], ..PlanRequest::of(OperationKind::Drain) };
            let result = control.plan(&request).await.map(Box::new).map_err(|error| told(&error));
            return Answer::Planned { node: node.clone(), result };
        }
        Call::Failover { node } => {
            let result = control.failover(node).await.map(Done::Failover).map_err(|error| told(&error));
            return call.answer(result);
        }
        Call::Drain { plan, .. } => {
            let plan = plan.as_ref().clone();
            control.start_operation(&StartRequest { plan, pace: Pace::default(), force: Vec::new() }).await
        }
        Call::Pause { id } => control.pause_operation(*id).await,
        Call::Resume { id } => control.resume_operation(*id).await,
        Call::Cancel { id } => control.cancel_operation(*id).await,
    };
    let result = operation.map(|status| Done::Operation(Box::new(status))).map_err(|error| told(&error));
    call.answer(result)
}

/// What failed, why, what to do next; and whether it may have happened all the same.
fn told(error: &Error) -> Vec<String> {
    let mut lines = vec![error.to_string()];
    match error {
        Error::Api(error) => {
            lines.extend(error.why.clone());
            lines.extend(error.hints.iter().cloned());
        }
        Error::Timeout { outcome_unknown: true, .. } | Error::Lost { .. } => {
            lines.push("it may have happened all the same: look before asking again".into());
        }
        _ => {}
    }
    lines
}

/// How long to wait before the next poll, after this many failures in a row.
pub fn pause(refresh: Duration, failures: u32) -> Duration {
    refresh.saturating_mul(1 << failures.min(4)).min(BACKOFF_MAX.max(refresh))
}

#[cfg(test)]
mod tests {
    use super::*;
    use dcache_protocol::control::{ApiError, ErrorCode};

    #[test]
    fn a_failure_says_why_what_next_and_whether_it_may_have_happened() {
        let refused = Error::Api(ApiError {
            code: ErrorCode::Conflict,
            message: "drain 0b57 is under way".into(),
            why: Some("one operation at a time".into()),
            hints: vec!["stop it: dcache op cancel 0b57".into()],
        });
        let lines = ["drain 0b57 is under way", "one operation at a time", "stop it: dcache op cancel 0b57"];
        assert_eq!(told(&refused), lines);
        let late =
            |outcome_unknown| Error::Timeout { endpoint: "a:1".into(), after: Duration::from_secs(1), outcome_unknown };
        assert_eq!(told(&late(false)).len(), 1);
        assert!(told(&late(true))[1].contains("may have happened"));
    }

    #[test]
    fn failures_slow_polling_down_to_a_bound() {
        let second = Duration::from_secs(1);
        let pauses: Vec<u64> = (0..6).map(|failures| pause(second, failures).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 5, 5, 5]);
        assert_eq!(pause(Duration::from_secs(30), 3), Duration::from_secs(30));
    }
}
