//! The verbs without a noun, for data: `get`, `mget`, `set`, `del`, `exists`, `ttl`, `incr` and `scan`.

use super::value::duration;
use crate::complete;
use crate::encoding::KeyEncoding;
use clap::{Args, ValueEnum, ValueHint};
use clap_complete::engine::{ArgValueCandidates, ArgValueCompleter};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// Which keys, and how they are written.
#[derive(Clone, Debug, Args)]
pub struct KeyOptions {
    /// Namespace the keys must be in; selects its database when it has one
    #[arg(short, long, value_name = "NAME", add = ArgValueCandidates::new(complete::namespaces))]
    pub namespace: Option<String>,

    /// How keys are written, for those a shell cannot carry
    #[arg(long, value_name = "ENCODING", default_value = "plain")]
    pub key_encoding: KeyEncoding,
}

#[derive(Debug, Args)]
pub struct Get {
    /// The key
    #[arg(add = ArgValueCompleter::new(complete::keys))]
    pub key: OsString,

    /// Print this, with exit code 0, when the key does not exist
    #[arg(long, value_name = "VALUE")]
    pub default: Option<OsString>,

    /// Print binary values on a terminal too
    #[arg(long)]
    pub raw: bool,

    /// Set its time to live as well
    #[arg(long, value_name = "DUR", value_parser = duration)]
    pub touch: Option<Duration>,

    #[command(flatten)]
    pub options: KeyOptions,
}

#[derive(Debug, Args)]
pub struct Mget {
    /// The keys
    #[arg(value_name = "KEY", required = true, add = ArgValueCompleter::new(complete::keys))]
    pub keys: Vec<OsString>,

    /// Print the values in order, each followed by a NUL byte; a missing one is empty
    #[arg(long)]
    pub null: bool,

    #[command(flatten)]
    pub options: KeyOptions,
}

#[derive(Debug, Args)]
pub struct Set {
    /// The key
    #[arg(add = ArgValueCompleter::new(complete::keys))]
    pub key: OsString,

    /// The value; `-` reads stdin to its end
    #[arg(required_unless_present = "file", conflicts_with = "file", allow_negative_numbers = true)]
    pub value: Option<OsString>,

    /// Read the value from a file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: Option<PathBuf>,

    /// Time to live, as 500ms, 30s, 10m or 1h30m; without it the key stays
    #[arg(long, value_name = "DUR", value_parser = duration)]
    pub ttl: Option<Duration>,

    /// Only if the key does not exist; otherwise exit code 7
    #[arg(long, conflicts_with = "if_present")]
    pub if_absent: bool,

    /// Only if the key exists; otherwise exit code 7
    #[arg(long)]
    pub if_present: bool,

    /// Print the value before, exactly its bytes
    #[arg(long)]
    pub get: bool,

    #[command(flatten)]
    pub options: KeyOptions,
}

#[derive(Debug, Args)]
pub struct Del {
    /// The keys
    #[arg(value_name = "KEY", required_unless_present = "pattern", add = ArgValueCompleter::new(complete::keys))]
    pub keys: Vec<OsString>,

    /// Every key that matches, as `tmp:*`; asks first
    #[arg(long, value_name = "PATTERN", conflicts_with = "keys")]
    pub pattern: Option<OsString>,

    /// At most this many keys
    #[arg(long, value_name = "N", requires = "pattern", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,

    /// Count the keys and delete none
    #[arg(long, requires = "pattern")]
    pub dry_run: bool,

    #[command(flatten)]
    pub options: KeyOptions,
}

#[derive(Debug, Args)]
pub struct Exists {
    /// The keys
    #[arg(value_name = "KEY", required = true, add = ArgValueCompleter::new(complete::keys))]
    pub keys: Vec<OsString>,

    #[command(flatten)]
    pub options: KeyOptions,
}

#[derive(Debug, Args)]
pub struct Ttl {
    /// The key
    #[arg(add = ArgValueCompleter::new(complete::keys))]
    pub key: OsString,

    /// Set the time to live
    #[arg(long, value_name = "DUR", value_parser = duration, conflicts_with = "persist")]
    pub set: Option<Duration>,

    /// Let the key stay without end
    #[arg(long)]
    pub persist: bool,

    #[command(flatten)]
    pub options: KeyOptions,
}

#[derive(Debug, Args)]
pub struct Incr {
    /// The key
    #[arg(add = ArgValueCompleter::new(complete::keys))]
    pub key: OsString,

    /// How much to add; may be negative
    #[arg(long, value_name = "N", default_value_t = 1, allow_negative_numbers = true)]
    pub by: i64,

    /// Time to live, if the key has none yet
    #[arg(long, value_name = "DUR", value_parser = duration)]
    pub ttl: Option<Duration>,

    #[command(flatten)]
    pub options: KeyOptions,
}

#[derive(Debug, Args)]
pub struct Scan {
    /// Which keys, with `*`, `?`, `[a-z]` and `\` to escape; all without it
    pub pattern: Option<OsString>,

    /// Only keys of this namespace
    #[arg(short, long, value_name = "NAME", add = ArgValueCandidates::new(complete::namespaces))]
    pub namespace: Option<String>,

    /// What to show beside each key
    #[arg(long, value_name = "FIELDS", value_delimiter = ',')]
    pub with: Vec<With>,

    /// Stop after about this many keys, and say where to go on
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,

    /// Go on where a scan with --limit stopped
    #[arg(long, value_name = "CURSOR", default_value = "0")]
    pub cursor: String,

    /// End each key with a NUL byte instead of a line; for `xargs -0`
    #[arg(long)]
    pub null: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum With {
    /// Bytes of the value
    Size,
    /// Time to live
    Ttl,
    /// Node that owns the key
    Node,
}
