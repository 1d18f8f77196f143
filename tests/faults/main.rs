//! Faults that need root, on real processes in network namespaces of their own. `cargo test --workspace` leaves them out, as not
//! everybody is root: `unshare --net cargo test --offline -p dcache --test faults`, as `.ci/run` does.
//!
//! | file | faults |
//! |---|---|
//! | `cuts.rs` | packets that go nowhere: to and from peers, to and from clients |
//! | `links.rs` | between nodes: late, silent, lost or broken connections |
//! | `ends.rs` | leaders and several nodes at once killed or stopped |
//! | `clock.rs` | wall clocks that jump; needs Debian's package `faketime` |
//! | `disk.rs` | disks that are full |
//!
//! Faults that need no root are in `tests/e2e/copies.rs`, seeded ones without real time in `tests/sim`.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[path = "../harness/mod.rs"]
mod harness;

mod clock;
mod cuts;
mod disk;
mod ends;
mod lab;
mod links;
mod net;
mod proxy;
