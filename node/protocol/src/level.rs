//! Releases side by side: what a build can say and read, as one number, the *level*.
//!
//! A release that adds to what nodes say to each other, or to what the metadata holds, raises [`LEVEL`]. Every node registers
//! with its own; the cluster's is the lowest of its nodes', and never goes down. Nothing of a higher level is said or agreed on
//! before the cluster is there. So nodes of one release and of the next work side by side, one may go back to the older one
//! as long as any node still runs it, and a node that is too old for what was agreed is refused with a reason.
//!
//! With the feature `next` this build stands for the next release: it has a level more and a new entry of the metadata log, so
//! that a test can run both together.

/// What this build can say and read.
pub const LEVEL: u16 = if cfg!(feature = "next") { 3 } else { 2 };

/// From which on values may be collections, which copies are told in their own words.
pub const COLLECTIONS: u16 = 2;

/// From which on a namespace can be pinned.
pub const PLACEMENT: u16 = 2;

/// From which on there are libraries of functions.
pub const FUNCTIONS: u16 = 2;

/// The lowest level that this build still speaks.
pub const LEVEL_OLDEST: u16 = 1;

/// The level of nodes that do not say theirs.
pub fn level_first() -> u16 {
    1
}
