//! Talks to a dcache node: [`Control`] is the HTTP control API, one method per call; [`Data`] is RESP over one TCP connection
//! to a gateway door.
//!
//! Both are thin: bodies are `dcache_protocol`'s types, and every failure is one [`Error`] that says who was asked and whether
//! a change may have happened all the same. What a person is told about it is the caller's business.

mod control;
mod data;

pub use control::{Control, Exchange};
pub use data::{Data, Limits, Value};

use dcache_protocol::control::ApiError;
use std::time::Duration;

/// Why a call did not succeed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// An endpoint that cannot be one, or none at all.
    #[error("{endpoint:?} is not an endpoint: {why}")]
    Endpoint { endpoint: String, why: String },
    /// Nobody answered; nothing was changed. Each address with its reason.
    #[error("no endpoint answered: {}", list(tried))]
    Unreachable { tried: Vec<(String, String)> },
    /// The deadline passed. `outcome_unknown`: the request may have taken effect.
    #[error("{endpoint} did not answer within {} ms", after.as_millis())]
    Timeout { endpoint: String, after: Duration, outcome_unknown: bool },
    /// The connection ended before the answer; the request may have taken effect.
    #[error("the connection to {endpoint} was lost before its answer: {why}")]
    Lost { endpoint: String, why: String },
    /// The node understood and refused.
    #[error("{}", .0.message)]
    Api(ApiError),
    /// Whatever answered, it did not speak the protocol.
    #[error("{endpoint} gave an answer that cannot be understood: {why}")]
    Malformed { endpoint: String, why: String },
    /// The node speaks another version of the control API.
    #[error("{endpoint} speaks {theirs}, this program {ours}")]
    Version { endpoint: String, theirs: String, ours: String },
}

fn list(tried: &[(String, String)]) -> String {
    tried.iter().map(|(endpoint, why)| format!("{endpoint} ({why})")).collect::<Vec<_>>().join(", ")
}

/// The innermost reason of an error: what the system said.
fn root(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let text = innermost.to_string();
    // "Connection refused (os error 111)": the number helps nobody.
    let plain = text.split(" (os error").next().unwrap_or_default();
    plain.to_lowercase()
}
