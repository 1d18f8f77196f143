//! Partitions move between real nodes under clients that know what every key holds. A suite of its own, since its clients take all
//! that a machine has: `cargo test --release -p dcache --test moves -- --test-threads 1`.

#![allow(clippy::unwrap_used)]

#[path = "../harness/mod.rs"]
mod harness;

mod growing;
mod killed;
