//! The top of the command line: the global flags and the list of verbs; each noun's flags are in a file of their own here.
//! Parsing, `--help`, `completions/` and `man/` all come from these; the examples and the groups of the top help page are in
//! `help.rs`.
//!
//! Rules: noun then verb, bare verbs for what is typed a hundred times a day; a flag means the same everywhere; short flags
//! only for `-o -f -n -c -q -v -y -w`. A verb that does not work yet is not here.

pub mod cluster;
pub mod context;
pub mod data;
pub mod figures;
pub mod manual;
pub mod namespace;
pub mod node;
pub mod operation;
pub mod rebalance;
pub mod value;

use self::cluster::Cluster;
use self::context::Context;
use self::data::{Del, Exists, Get, Incr, Mget, Scan, Set, Ttl};
use self::figures::{Events, Stats, Top};
use self::manual::{Completions, Help, Man};
use self::namespace::Namespace;
use self::node::Node;
use self::operation::Op;
use self::rebalance::Rebalance;
use self::value::duration;
use crate::complete;
use clap::builder::FalseyValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::engine::ArgValueCandidates;
use std::time::Duration;

/// A distributed cache that speaks the Redis protocol: nodes, clusters and the data in them.
#[derive(Debug, Parser)]
#[command(name = "dcache", version = dcache_protocol::VERSION, disable_help_subcommand = true, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

/// Flags every verb takes.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Named cluster of the config file; environment: DCACHE_CONTEXT
    #[arg(short, long, global = true, value_name = "NAME", add = ArgValueCandidates::new(complete::contexts))]
    pub context: Option<String>,

    /// Control door of any node, instead of a context; may be repeated; environment: DCACHE_ENDPOINTS
    #[arg(long = "endpoint", global = true, value_name = "HOST:PORT", value_hint = ValueHint::Hostname)]
    pub endpoints: Vec<String>,

    /// How answers are printed; `help` lists the columns and fields of this command
    #[arg(short, long, global = true, env = "DCACHE_OUTPUT", value_name = "FORMAT", default_value = "table")]
    pub output: Format,

    /// Leave out the header line of tables
    #[arg(long, global = true)]
    pub no_headers: bool,

    /// Only these columns of a table, in this order
    #[arg(long, global = true, value_name = "A,B", value_delimiter = ',')]
    pub columns: Vec<String>,

    /// How long to wait for an answer, as 500ms, 10s or 2m
    #[arg(long, global = true, env = "DCACHE_TIMEOUT", value_name = "DUR", default_value = "10s", value_parser = duration)]
    pub timeout: Duration,

    /// Answer yes to ordinary questions
    #[arg(short, long, global = true, env = "DCACHE_YES", value_parser = FalseyValueParser::new())]
    pub yes: bool,

    /// Confirm what is severe by the name it asks for, where nobody can be asked
    #[arg(long, global = true, value_name = "NAME")]
    pub confirm: Option<String>,

    /// Never ask; a question that would be needed is exit code 2
    #[arg(long, global = true, env = "DCACHE_NO_INPUT", value_parser = FalseyValueParser::new())]
    pub no_input: bool,

    /// Only data and errors
    #[arg(short, long, global = true)]
    pub quiet: bool,

    /// Tell each request and how long it took; twice: bodies too
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,

    /// Colours; also NO_COLOR, CLICOLOR_FORCE and TERM=dumb, which the flag beats
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: Colour,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Aligned columns for people
    Table,
    /// A table with more columns
    Wide,
    /// One JSON object
    Json,
    Yaml,
    /// One JSON object a line
    Ndjson,
    /// Names only, one a line
    Name,
    /// Lists the columns and fields of this command
    Help,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Print the value of a key, exactly its bytes
    Get(Get),
    /// Get many keys at once
    Mget(Mget),
    /// Set a key to a value, the bytes of stdin or those of a file
    Set(Set),
    /// Delete keys, or all keys that match a pattern
    Del(Del),
    /// Tell whether keys exist
    Exists(Exists),
    /// Show or change how long a key has to live
    Ttl(Ttl),
    /// Add to the number a key holds, 0 if it does not exist
    Incr(Incr),
    /// List keys
    Scan(Scan),
    /// Start a node on this machine, list and show nodes
    #[command(subcommand, disable_help_subcommand = true)]
    Node(Node),
    /// Form, watch, grow, shrink and take down clusters
    #[command(subcommand, disable_help_subcommand = true)]
    Cluster(Cluster),
    /// Give every node its share: plan, look, apply, watch
    Rebalance(Box<Rebalance>),
    /// Long work the cluster does: list, watch, pause, cancel
    #[command(subcommand, disable_help_subcommand = true)]
    Op(Op),
    /// Policies of sets of keys: eviction, memory, time to live
    #[command(subcommand, disable_help_subcommand = true)]
    Namespace(Namespace),
    /// Figures of the cluster or of one node
    Stats(Stats),
    /// What happened to the cluster, oldest first
    Events(Events),
    /// The live dashboard
    Top(Top),
    /// Named clusters in the config file
    #[command(subcommand, disable_help_subcommand = true, visible_alias = "ctx")]
    Context(Context),
    /// Completions for a shell
    Completions(Completions),
    /// Manual pages
    Man(Man),
    /// Versions of this program and of the node it talks to
    Version,
    /// Help on a command or a topic
    Help(Help),
}
