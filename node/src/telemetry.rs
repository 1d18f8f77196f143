//! Logs: tracing to stderr, text on a terminal and JSON lines elsewhere. Filter: `DCACHE_LOG`, for example `info` or
//! `dcache_node=debug`. Metrics are in `http/metrics.rs`.

use crate::config::LogFormat;
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Installs the process's log. Only the first call does anything.
pub fn start(format: LogFormat) {
    // openraft logs its own workings at info; an operator's log is about the node.
    let filter = EnvFilter::try_from_env("DCACHE_LOG").unwrap_or_else(|_| EnvFilter::new("info,openraft=off"));
    let terminal = std::io::stderr().is_terminal();
    let json = match format {
        LogFormat::Auto => !terminal,
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    let colour = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colour);
    // A second node in one process (tests) finds the log installed already.
    let _ = match json {
        true => builder.json().flatten_event(true).try_init(),
        false => builder.with_target(false).try_init(),
    };
}
