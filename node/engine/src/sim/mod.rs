//! Policies judged by traces, without a server: the engine's own policies on a store of metadata, and exact references.
//!
//! `trace` reads, `exact` holds FIFO, LRU and the optimum, `replay` runs a policy, `report` sets one beside the other. The
//! bench `sim` is all of it at the command line. Nothing of this is used by a node.

mod exact;
mod replay;
mod report;
mod trace;

pub use exact::{Score, fifo, lru, optimum};
pub use replay::{Clock, Outcome, replay};
pub use report::Report;
pub use trace::{Op, Request, Trace};
