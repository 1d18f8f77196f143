//! End to end: the real binary, from outside. One module a subject; what they share is in `tests/harness`.

#![allow(clippy::unwrap_used)]

#[path = "../harness/mod.rs"]
mod harness;

mod bounds;
mod cli_cluster;
mod cli_completion;
mod cli_context;
mod cli_data;
mod cli_exit;
mod cli_operations;
mod cli_output;
mod cluster;
mod copies;
mod http;
mod never_green;
mod scripts;
mod stops;
mod talk;
mod waiting;
