//! Every verb, flag and help sentence. Parsing, `--help`, `completions/` and `man/` all come from this file; the examples and
//! the groups of the top help page are in `help.rs`.
//!
//! Rules: noun then verb, bare verbs for what is typed a hundred times a day; a flag means the same everywhere; short flags
//! only for `-o -f -n -c -q -v -y -w`. A verb that does not work yet is not here.

use crate::complete;
use crate::encoding::KeyEncoding;
use clap::builder::{FalseyValueParser, PossibleValuesParser, TypedValueParser};
use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::engine::{ArgValueCandidates, ArgValueCompleter};
use dcache_protocol::control::Level;
use dcache_protocol::namespace::{COPIES_MAX, TTL_JITTER_PERCENT_MAX};
use dcache_protocol::namespace::{Reads, StrongRead};
use dcache_protocol::operation::{Balance, Pace};
use dcache_protocol::size::{parse_duration_ms, parse_size};
use dcache_protocol::{Consistency, Eviction, Placement};
use std::ffi::OsString;
use std::path::PathBuf;
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

#[derive(Debug, Subcommand)]
pub enum Node {
    /// Start a node; with nothing configured it serves this machine at once
    Start(Box<NodeStart>),
    /// List the nodes of the cluster
    #[command(visible_alias = "ls")]
    List,
    /// Show one node
    Show(NodeShow),
}

#[derive(Debug, Args)]
pub struct NodeStart {
    /// Read node.yaml; flags beat it
    #[arg(short, long, env = "DCACHE_FILE", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: Option<PathBuf>,

    /// Name, unique in the cluster; the host's name without it
    #[arg(long, env = "DCACHE_NAME", value_name = "NAME")]
    pub name: Option<String>,

    /// Zone, for spreading
    #[arg(long, env = "DCACHE_ZONE", value_name = "ZONE")]
    pub zone: Option<String>,

    /// Door for any Redis client; 127.0.0.1:6379 without it
    #[arg(long, env = "DCACHE_GATEWAY", value_name = "HOST:PORT")]
    pub gateway: Option<String>,

    /// Door for cluster-aware Redis clients; 127.0.0.1:7400 without it
    #[arg(long, env = "DCACHE_LISTEN", value_name = "HOST:PORT")]
    pub listen: Option<String>,

    /// Door of the control API and of /metrics; 127.0.0.1:7401 without it
    #[arg(long, env = "DCACHE_CONTROL", value_name = "HOST:PORT")]
    pub control: Option<String>,

    /// Door for other nodes; 127.0.0.1:7402 without it
    #[arg(long, env = "DCACHE_PEERS", value_name = "HOST:PORT")]
    pub peers: Option<String>,

    /// Door for clients of memcached's text protocol; none without it
    #[arg(long, env = "DCACHE_MEMCACHED", value_name = "HOST:PORT")]
    pub memcached: Option<String>,

    /// Host that clients and other nodes are told, when it is not the address listened on
    #[arg(long, env = "DCACHE_ANNOUNCE", value_name = "HOST")]
    pub announce: Option<String>,

    /// Memory for entries, as 2GiB or 40%; a quarter of the machine without it
    #[arg(long, env = "DCACHE_MEMORY", value_name = "SIZE")]
    pub memory: Option<String>,

    /// Share of the slots relative to other nodes, 1 to 10000; 100 without it
    #[arg(long, env = "DCACHE_WEIGHT", value_name = "N")]
    pub weight: Option<u32>,

    /// Threads for clients; one a core without it
    #[arg(long, env = "DCACHE_WORKERS", value_name = "N")]
    pub workers: Option<usize>,

    /// Peers door of a node of the cluster to join; may be repeated
    #[arg(long, env = "DCACHE_JOIN", value_name = "HOST:PORT", value_delimiter = ',')]
    pub join: Vec<String>,

    /// Where identity and agreed metadata are kept; a folder named after the node without it
    #[arg(long, env = "DCACHE_DATA_DIR", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub data_dir: Option<PathBuf>,

    /// Allow addresses beyond this machine, without encryption or login
    #[arg(long, env = "DCACHE_INSECURE", value_parser = FalseyValueParser::new())]
    pub insecure: bool,

    /// Allow DEBUG, with which a client can hold up all others: for test suites
    #[arg(long, env = "DCACHE_DEBUG_COMMANDS", value_parser = FalseyValueParser::new())]
    pub debug_commands: bool,

    /// Check the configuration and start nothing
    #[arg(long)]
    pub check: bool,

    /// Form of the log: auto, text or json; auto is text on a terminal
    #[arg(long, env = "DCACHE_LOG_FORMAT", value_name = "FORMAT")]
    pub log_format: Option<String>,
}

#[derive(Debug, Args)]
pub struct NodeShow {
    /// The node's name
    #[arg(add = ArgValueCandidates::new(complete::nodes))]
    pub node: String,
}

#[derive(Debug, Subcommand)]
pub enum Cluster {
    /// Form a cluster, of new nodes on this machine or of nodes started elsewhere
    Init(Box<ClusterInit>),
    /// Show the cluster's health and its nodes
    Status(ClusterStatusArgs),
    /// Give nodes that joined their share
    Add(ClusterAdd),
    /// Move everything off a node, which stays as a proxy
    Drain(ClusterDrain),
    /// Let a drained node hold its share again
    Undrain(ClusterUndrain),
    /// Take a node out of the cluster that holds nothing, or drain it first
    #[command(visible_alias = "rm")]
    Remove(ClusterRemove),
    /// Take a node out of the cluster that is dead and gone
    Forget(ClusterForget),
    /// Say that a node is being worked on: it serves nothing, and its copies are not built elsewhere
    Maintenance(ClusterMaintenance),
    /// Have other nodes take over what a node serves, without losing a write
    Failover(ClusterFailover),
    /// Have all nodes run another build, one after the other: plan, start, watch
    #[command(subcommand, disable_help_subcommand = true)]
    Upgrade(ClusterUpgrade),
    /// Stop a local cluster and drop its data
    Destroy(ClusterDestroy),
}

#[derive(Debug, Args)]
pub struct ClusterFailover {
    /// The node that is to serve nothing any more
    #[arg(add = ArgValueCandidates::new(complete::nodes))]
    pub node: String,

    /// Say what would be handed over and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, Subcommand)]
pub enum ClusterUpgrade {
    /// Show the order of the nodes, what they run now, and what to heed
    Plan(UpgradePlan),
    /// Begin: one node after the other hands over what it serves, and is waited for until it runs the version
    Start(UpgradeStart),
    /// Show how far it is, and what is to be done now
    Status(OpName),
    /// Watch it until it is over
    Watch(OpWatch),
    /// Begin no further turn; nodes may go back to the build before
    Pause(OpName),
    /// Go on
    Resume(OpName),
    /// Stop; every node goes on with the build it has
    Cancel(OpCancel),
}

#[derive(Debug, Args)]
pub struct UpgradePlan {
    /// The version that nodes are to run, as 0.2.0
    #[arg(long, value_name = "VERSION", value_parser = version)]
    pub to: String,

    /// Exit code 10 when a node runs another one
    #[arg(long)]
    pub exit_code: bool,
}

#[derive(Debug, Args)]
pub struct UpgradeStart {
    /// The version that nodes are to run, as 0.2.0
    #[arg(long, value_name = "VERSION", value_parser = version)]
    pub to: String,

    /// Show the plan and change nothing
    #[arg(long)]
    pub dry_run: bool,

    #[command(flatten)]
    pub wait: WaitFlags,
}

#[derive(Debug, Args)]
pub struct ClusterAdd {
    /// Names of nodes that joined, or any of their doors as HOST:PORT; all that joined without one
    #[arg(value_name = "NODE", add = ArgValueCandidates::new(complete::nodes))]
    pub nodes: Vec<String>,

    #[command(flatten)]
    pub start: StartFlags,
}

#[derive(Debug, Args)]
pub struct ClusterDrain {
    /// The node that is to hold nothing
    #[arg(add = ArgValueCandidates::new(complete::nodes))]
    pub node: String,

    #[command(flatten)]
    pub start: StartFlags,
}

#[derive(Debug, Args)]
pub struct ClusterUndrain {
    /// The node
    #[arg(add = ArgValueCandidates::new(complete::nodes))]
    pub node: String,

    /// Say what would change and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, Args)]
pub struct ClusterRemove {
    /// The node
    #[arg(add = ArgValueCandidates::new(complete::nodes))]
    pub node: String,

    /// Move what it holds to other nodes first
    #[arg(long)]
    pub drain: bool,

    #[command(flatten)]
    pub start: StartFlags,
}

#[derive(Debug, Args)]
pub struct ClusterForget {
    /// The node that will not come back
    #[arg(add = ArgValueCandidates::new(complete::nodes))]
    pub node: String,

    /// Override a safety check: `last-replica` gives up the keys of which the node has the only copy
    #[arg(long, value_name = "CHECK", require_equals = true)]
    pub force: Option<Check>,

    /// Say what would change and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// A safety check that can be overridden by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Check {
    LastReplica,
}

impl Check {
    /// As the control API calls it.
    pub fn name(self) -> &'static str {
        match self {
            Check::LastReplica => "last-replica",
        }
    }
}

#[derive(Debug, Args)]
pub struct ClusterMaintenance {
    /// Whether it is being worked on
    pub what: OnOff,

    /// The node
    #[arg(add = ArgValueCandidates::new(complete::nodes))]
    pub node: String,

    /// How long at most; 30m without it
    #[arg(long = "for", value_name = "DUR", value_parser = duration)]
    pub time: Option<Duration>,

    /// Say what would change and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OnOff {
    /// Hands over what it serves; until it is off, or the time is over
    On,
    Off,
}

/// How fast long work may go. What is not given stays as it is, or as the cluster has it by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct PaceFlags {
    /// Bytes a second that one node sends at most, as 40MiB/s; `unlimited`; 32MiB/s without it
    #[arg(long, value_name = "SIZE/s", value_parser = rate)]
    pub rate: Option<u64>,

    /// Moves that one node takes part in at once, 1 to 64; 2 without it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub moves_at_once: Option<u16>,

    /// Slow down when the p99 of clients rises by more than this, as 2ms; `off`; 2ms without it
    #[arg(long, value_name = "DUR", value_parser = guard)]
    pub guard_p99: Option<u64>,
}

impl PaceFlags {
    pub fn on(&self, before: Pace) -> Pace {
        Pace {
            rate_bytes: self.rate.unwrap_or(before.rate_bytes),
            moves_at_once: self.moves_at_once.unwrap_or(before.moves_at_once),
            guard_p99_us: self.guard_p99.unwrap_or(before.guard_p99_us),
        }
    }
}

/// Whether the end of long work is waited for, and what is told meanwhile.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct WaitFlags {
    /// Print the operation's id and do not wait for its end
    #[arg(long, conflicts_with = "wait_timeout")]
    pub no_wait: bool,

    #[command(flatten)]
    pub watch: WatchFlags,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct WatchFlags {
    /// How long to wait for the end, then exit code 5; the work goes on; as long as it takes without it
    #[arg(long, value_name = "DUR", value_parser = duration)]
    pub wait_timeout: Option<Duration>,

    /// How progress is told: bars on a terminal and lines elsewhere, or JSON lines on stderr
    #[arg(long, value_name = "FORM")]
    pub progress: Option<ProgressForm>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ProgressForm {
    Auto,
    /// Lines on a terminal too
    Lines,
    Json,
}

/// Flags of every verb that starts an operation.
#[derive(Clone, Debug, Args)]
pub struct StartFlags {
    /// Show the plan and change nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Override a safety check: `last-replica` leaves partitions with one copy where there is no node for another
    #[arg(long, value_name = "CHECK", require_equals = true)]
    pub force: Option<Check>,

    #[command(flatten)]
    pub pace: PaceFlags,

    #[command(flatten)]
    pub wait: WaitFlags,
}

/// What a plan of a rebalance is to heed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct PlanFlags {
    /// What is to be even: partitions, their memory, or the requests they get; each by the nodes' weights; `count` without it
    #[arg(long, value_name = "WHAT", value_parser = words(BALANCES, balance_name))]
    pub by: Option<Balance>,

    /// A partition that stays where it is; may be repeated
    #[arg(long = "pin", value_name = "PARTITION")]
    pub pins: Vec<u16>,
}

const BALANCES: [Balance; 3] = [Balance::Count, Balance::Memory, Balance::Load];

fn balance_name(by: Balance) -> &'static str {
    match by {
        Balance::Count => "count",
        Balance::Memory => "memory",
        Balance::Load => "load",
    }
}

#[derive(Debug, Args)]
#[command(disable_help_subcommand = true)]
pub struct Rebalance {
    #[command(subcommand)]
    pub verb: Option<RebalanceVerb>,

    /// Only show the plan
    #[arg(long, visible_alias = "dry-run")]
    pub plan: bool,

    /// With --plan: write it to this file, for `rebalance apply`
    #[arg(long, value_name = "FILE", requires = "plan", value_hint = ValueHint::FilePath)]
    pub out: Option<PathBuf>,

    /// With --plan: exit code 10 when there is something to move
    #[arg(long, requires = "plan")]
    pub exit_code: bool,

    #[command(flatten)]
    pub flags: PlanFlags,

    #[command(flatten)]
    pub pace: PaceFlags,

    #[command(flatten)]
    pub wait: WaitFlags,
}

#[derive(Debug, Subcommand)]
pub enum RebalanceVerb {
    /// Carry out a plan: that of a file, or a new one
    Apply(RebalanceApply),
    /// Watch a rebalance until it is over
    Watch(OpWatch),
    /// Begin no further moves
    Pause(OpName),
    /// Go on
    Resume(OpName),
    /// Stop, and take back what has not taken over
    Cancel(OpCancel),
    /// Change how fast it goes
    Throttle(OpThrottle),
    /// List the rebalances under way and past
    #[command(visible_alias = "ls")]
    List,
}

#[derive(Debug, Args)]
pub struct RebalanceApply {
    /// A plan that `rebalance --plan --out FILE` wrote; plans anew without it
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: Option<PathBuf>,

    #[command(flatten)]
    pub flags: PlanFlags,

    #[command(flatten)]
    pub start: StartFlags,
}

#[derive(Debug, Subcommand)]
pub enum Op {
    /// List the operations, the newest first
    #[command(visible_alias = "ls")]
    List,
    /// Show one operation
    Show(OpShow),
    /// Watch an operation until it is over
    Watch(OpWatch),
    /// Begin no further moves
    Pause(OpName),
    /// Go on
    Resume(OpName),
    /// Stop, and take back what has not taken over
    Cancel(OpCancel),
    /// Change how fast it goes
    Throttle(OpThrottle),
}

#[derive(Debug, Args)]
pub struct OpName {
    /// The operation; the one under way without it
    #[arg(add = ArgValueCandidates::new(complete::operations))]
    pub id: Option<String>,
}

#[derive(Debug, Args)]
pub struct OpShow {
    #[command(flatten)]
    pub name: OpName,

    /// List its moves, as long as it is under way
    #[arg(long)]
    pub moves: bool,
}

#[derive(Debug, Args)]
pub struct OpWatch {
    #[command(flatten)]
    pub name: OpName,

    #[command(flatten)]
    pub watch: WatchFlags,
}

#[derive(Debug, Args)]
pub struct OpCancel {
    #[command(flatten)]
    pub name: OpName,

    #[command(flatten)]
    pub wait: WaitFlags,
}

#[derive(Debug, Args)]
#[group(skip)]
#[command(group = ArgGroup::new("pace").required(true).multiple(true).args(["rate", "moves_at_once", "guard_p99"]))]
pub struct OpThrottle {
    #[command(flatten)]
    pub name: OpName,

    #[command(flatten)]
    pub pace: PaceFlags,
}

#[derive(Debug, Args)]
#[group(skip)]
#[command(group = ArgGroup::new("what").required(true).args(["local", "file"]))]
pub struct ClusterInit {
    /// Start this many nodes on this machine; 3 without a number
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "3", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub local: Option<u16>,

    /// Form the cluster that cluster.yaml describes, of nodes that run already
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: Option<PathBuf>,

    /// Name of the local cluster and of its context
    #[arg(long, value_name = "NAME", default_value = "local", conflicts_with = "file")]
    pub name: String,

    /// Leave the nodes running in the background
    #[arg(long, conflicts_with = "file")]
    pub detach: bool,

    /// Memory for entries of each node; 256MiB without it
    #[arg(long, value_name = "SIZE", conflicts_with = "file", value_parser = size_text)]
    pub memory: Option<String>,

    /// Number of partitions, a power of two, fixed for the cluster's life; 1024 without it
    #[arg(long, value_name = "N", conflicts_with = "file")]
    pub partitions: Option<u16>,

    /// Further copies of each partition on other nodes, 0 to 4, as far as there are nodes; 1 without it
    #[arg(long, value_name = "N", conflicts_with = "file", value_parser = clap::value_parser!(u8).range(0..=4))]
    pub copies: Option<u8>,

    /// Keep the nodes' data in this folder when the cluster stops
    #[arg(long, value_name = "DIR", conflicts_with = "file", value_hint = ValueHint::DirPath)]
    pub data_dir: Option<PathBuf>,

    /// Go on although a node already holds keys, which are lost
    #[arg(long, requires = "file")]
    pub drop_keys: bool,

    /// Show the plan and change nothing
    #[arg(long)]
    pub dry_run: bool,

    /// With --dry-run: exit code 10 when there is something to do
    #[arg(long, requires = "dry_run")]
    pub exit_code: bool,

    /// How long nodes may take to start and to agree
    #[arg(long, value_name = "DUR", default_value = "30s", value_parser = duration)]
    pub wait_timeout: Duration,
}

#[derive(Debug, Args)]
pub struct ClusterStatusArgs {
    /// Exit code 8 when something is critical, a copy is missing, a node does not answer, or an operation is not finished
    #[arg(long)]
    pub check: bool,

    /// With --check: any warning counts
    #[arg(long, requires = "check")]
    pub strict: bool,

    /// Draw again every so often, 2s without a number
    #[arg(short, long, value_name = "DUR", num_args = 0..=1, default_missing_value = "2s", value_parser = duration, conflicts_with = "check")]
    pub watch: Option<Duration>,
}

#[derive(Debug, Args)]
pub struct ClusterDestroy {
    /// Name of the local cluster
    #[arg(add = ArgValueCandidates::new(complete::local_clusters))]
    pub name: String,

    /// Tell what would be stopped and removed, and do nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, Subcommand)]
pub enum Namespace {
    /// List the namespaces with their figures
    #[command(visible_alias = "ls")]
    List,
    /// Show one namespace
    Show(NamespaceName),
    /// Create a namespace, or change what the flags name
    Set(Box<NamespaceSet>),
    /// Delete a namespace; its keys fall to the next match, or to `default`
    Delete(NamespaceDelete),
}

#[derive(Debug, Args)]
pub struct NamespaceName {
    /// The namespace's name
    #[arg(add = ArgValueCandidates::new(complete::namespaces))]
    pub name: String,
}

#[derive(Debug, Args)]
pub struct NamespaceSet {
    /// The namespace's name
    #[arg(required_unless_present = "file", add = ArgValueCandidates::new(complete::namespaces))]
    pub name: Option<String>,

    /// Keys that begin with this
    #[arg(long, value_name = "TEXT", conflicts_with = "database")]
    pub prefix: Option<String>,

    /// Keys of this numbered database, 1 to 15
    #[arg(long, value_name = "N")]
    pub database: Option<u16>,

    /// What goes when space is needed: `auto` picks by itself, `none` refuses writes
    #[arg(long, value_name = "POLICY", value_parser = words(Eviction::ALL, Eviction::name))]
    pub eviction: Option<Eviction>,

    /// Most memory of its entries on each node, as 512MiB; `none` for no maximum
    #[arg(long, value_name = "SIZE", value_parser = maybe_size)]
    pub memory_max: Option<Maybe>,

    /// Memory on each node that no other namespace can take from it; `none` for none
    #[arg(long, value_name = "SIZE", value_parser = maybe_size)]
    pub memory_min: Option<Maybe>,

    /// Time to live of writes that give none; `none` for none
    #[arg(long, value_name = "DUR", value_parser = maybe_duration)]
    pub default_ttl: Option<Maybe>,

    /// Longest time to live; longer ones are cut to it; `none` for no limit
    #[arg(long, value_name = "DUR", value_parser = maybe_duration)]
    pub max_ttl: Option<Maybe>,

    /// Shorten the time to live of each write by up to so many percent, at random, so that not all expire at once; `none`
    #[arg(long, value_name = "PERCENT", value_parser = maybe_percent)]
    pub ttl_jitter: Option<Maybe>,

    /// `strong`: what is acknowledged is not lost while a copy in sync lives, and reads are never stale; `eventual` is faster
    #[arg(long, value_name = "WORD", value_parser = words(Consistency::ALL, Consistency::name))]
    pub consistency: Option<Consistency>,

    /// Further copies of its entries, 0 to 4; `none` for as many as the cluster keeps
    #[arg(long, value_name = "N", value_parser = maybe_copies)]
    pub replicas: Option<Maybe>,

    /// Copies that must be in sync for a write to be taken, the first included; `none` for 1
    #[arg(long, value_name = "N", value_parser = maybe_copies)]
    pub min_in_sync: Option<Maybe>,

    /// Reads of a strong namespace: by the primary's `lease`, or `confirm`ed by all copies in sync, which trusts no clock
    #[arg(long, value_name = "WORD", value_parser = words(StrongRead::ALL, StrongRead::name))]
    pub strong_read: Option<StrongRead>,

    /// Reads of an eventual namespace: by the `primary`, or by `any` copy that is not too far behind
    #[arg(long, value_name = "WORD", value_parser = words(Reads::ALL, Reads::name))]
    pub reads: Option<Reads>,

    /// How far behind a copy may be that answers a read, 50ms to 60s; `none` for 200ms
    #[arg(long, value_name = "DUR", value_parser = maybe_duration)]
    pub max_staleness: Option<Maybe>,

    /// Whether a node cut off from the majority goes on taking writes of an eventual namespace; they are lost in the end
    #[arg(long, value_name = "BOOL")]
    pub minority_writes: Option<bool>,

    /// Of a database: `sharded` over all nodes, or `pinned` to one partition, where transactions, scripts and queues are as on one server
    #[arg(long, value_name = "WORD", value_parser = words(Placement::ALL, Placement::name))]
    pub placement: Option<Placement>,

    /// Read the whole namespace from a file
    #[arg(
        short,
        long,
        value_name = "FILE",
        value_hint = ValueHint::FilePath,
        conflicts_with_all = ["prefix", "database", "eviction", "memory_max", "memory_min", "default_ttl", "max_ttl", "ttl_jitter", "consistency", "replicas", "min_in_sync", "strong_read", "reads", "max_staleness", "minority_writes", "placement"]
    )]
    pub file: Option<PathBuf>,

    /// Show what would change and change nothing
    #[arg(long)]
    pub dry_run: bool,

    /// With --dry-run: exit code 10 when there is something to change
    #[arg(long, requires = "dry_run")]
    pub exit_code: bool,
}

#[derive(Debug, Args)]
pub struct NamespaceDelete {
    /// The namespace's name
    #[arg(add = ArgValueCandidates::new(complete::namespaces))]
    pub name: String,

    /// Tell what would be deleted and delete nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// A number, or `none`: bytes or milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Maybe(pub Option<u64>);

#[derive(Debug, Args)]
pub struct Stats {
    /// Which parts; all without one
    #[arg(value_name = "SECTION")]
    pub sections: Vec<Section>,

    /// Of this node alone
    #[arg(long, value_name = "NODE", add = ArgValueCandidates::new(complete::nodes))]
    pub node: Option<String>,

    /// Print again every so often, 2s without a number
    #[arg(short, long, value_name = "DUR", num_args = 0..=1, default_missing_value = "2s", value_parser = duration)]
    pub watch: Option<Duration>,

    /// The text Prometheus reads, of one node
    #[arg(long, conflicts_with_all = ["watch", "sections"])]
    pub prometheus: bool,
}

#[derive(Debug, Args)]
pub struct Events {
    /// Go on with what happens, until interrupted
    #[arg(long)]
    pub follow: bool,

    /// Of this time back from now alone
    #[arg(long, value_name = "DUR", value_parser = duration)]
    pub since: Option<Duration>,

    /// Of this level and above
    #[arg(long, value_name = "LEVEL")]
    pub level: Option<EventLevel>,

    /// About this node alone
    #[arg(long, value_name = "NODE", add = ArgValueCandidates::new(complete::nodes))]
    pub node: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EventLevel {
    Info,
    /// Something an operator should know
    Warning,
    /// Slots that nobody serves
    Critical,
}

impl EventLevel {
    pub fn level(self) -> Level {
        match self {
            EventLevel::Info => Level::Info,
            EventLevel::Warning => Level::Warning,
            EventLevel::Critical => Level::Critical,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Section {
    /// Rates over recent time
    Rates,
    /// Latency of requests
    Latency,
    /// Memory, items and evictions
    Memory,
    /// Calls by command
    Commands,
    /// Figures by namespace
    Namespaces,
    /// How far copies are behind, and what failovers did
    Replication,
}

#[derive(Debug, Args)]
pub struct Top {
    /// How often figures are fetched
    #[arg(long, value_name = "DUR", default_value = "1s", value_parser = duration)]
    pub refresh: Duration,

    /// Fetch once, print and end; -o json for programs
    #[arg(long)]
    pub once: bool,

    /// Screen to begin with
    #[arg(long, value_name = "SCREEN", default_value = "overview")]
    pub screen: TopScreen,

    /// Only look: no drain, failover, pause or cancel; so it is in a protected context anyway
    #[arg(long)]
    pub read_only: bool,

    /// Only ASCII marks and borders; without it, where the locale is not UTF-8
    #[arg(long)]
    pub ascii: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TopScreen {
    /// The cluster
    Overview,
    /// Its nodes
    Nodes,
    /// Its slots
    Slots,
    Replication,
    /// The operation under way, and the last ones
    Rebalance,
}

#[derive(Debug, Subcommand)]
pub enum Context {
    /// List the contexts; a star marks the selected one
    #[command(visible_alias = "ls")]
    List,
    /// Show one context, the one in use without a name
    Show(ContextMaybeName),
    /// Add a context
    Add(ContextAdd),
    /// Select a context
    Use(ContextName),
    /// Give a context another name
    Rename(ContextRename),
    /// Remove a context; the cluster is not touched
    #[command(visible_alias = "rm")]
    Remove(ContextName),
    /// Try every endpoint of a context
    Test(ContextMaybeName),
}

#[derive(Debug, Args)]
pub struct ContextName {
    /// The context's name
    #[arg(add = ArgValueCandidates::new(complete::contexts))]
    pub name: String,
}

#[derive(Debug, Args)]
pub struct ContextMaybeName {
    /// The context's name
    #[arg(add = ArgValueCandidates::new(complete::contexts))]
    pub name: Option<String>,
}

#[derive(Debug, Args)]
pub struct ContextAdd {
    /// The context's name
    pub name: String,

    /// Control doors of its nodes, one or more
    #[arg(value_name = "HOST:PORT", required = true, value_hint = ValueHint::Hostname)]
    pub doors: Vec<String>,

    /// Ask for its name before anything dangerous
    #[arg(long)]
    pub protected: bool,

    /// Complete key names on TAB, which scans the cluster
    #[arg(long)]
    pub complete_keys: bool,

    /// Select it as well
    #[arg(long = "use")]
    pub select: bool,
}

#[derive(Debug, Args)]
pub struct ContextRename {
    /// The context's name
    #[arg(add = ArgValueCandidates::new(complete::contexts))]
    pub name: String,

    /// Its new name
    pub new_name: String,
}

#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    #[arg(required_unless_present = "out")]
    pub shell: Option<clap_complete::Shell>,

    /// Also complete names of contexts, nodes and namespaces; source it at shell start, do not store it
    #[arg(long)]
    pub dynamic: bool,

    /// Write the completions of every shell into this folder
    #[arg(long, value_name = "DIR", conflicts_with_all = ["shell", "dynamic"], value_hint = ValueHint::DirPath)]
    pub out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Man {
    /// Page to print, as `get`, `cluster init` or `commands`; dcache(1) without one
    #[arg(value_name = "COMMAND", add = ArgValueCandidates::new(complete::topics))]
    pub page: Vec<String>,

    /// Write every page into this folder
    #[arg(long, value_name = "DIR", conflicts_with = "page", value_hint = ValueHint::DirPath)]
    pub out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Help {
    /// A command, as `cluster init`, or a topic: exit-codes, environment, formats, patterns, config, glossary, or commands with the
    /// name of one that clients send or of an @group
    #[arg(value_name = "TOPIC", add = ArgValueCandidates::new(complete::topics))]
    pub topic: Vec<String>,
}

fn duration(text: &str) -> Result<Duration, String> {
    match parse_duration_ms(text)? {
        0 => Err("a duration here is above 0".into()),
        ms => Ok(Duration::from_millis(ms)),
    }
}

/// As builds say theirs: a slip in it would be waited for in vain.
fn version(text: &str) -> Result<String, String> {
    let numbers = text.split(['-', '+']).next().unwrap_or_default();
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    match numbers.split('.').count() == 3 && numbers.split('.').all(is_number) {
        true => Ok(text.to_string()),
        false => Err("a version is three numbers, as `dcache --version` says it: 0.2.0".into()),
    }
}

/// Bytes a second; 0: no limit.
fn rate(text: &str) -> Result<u64, String> {
    match text {
        "unlimited" => Ok(0),
        _ => parse_size(text.strip_suffix("/s").unwrap_or(text)),
    }
}

/// Microseconds; 0: off.
fn guard(text: &str) -> Result<u64, String> {
    match text {
        "off" => Ok(0),
        _ => parse_duration_ms(text).map(|ms| ms.saturating_mul(1000)),
    }
}

/// A size checked here and passed on as text.
fn size_text(text: &str) -> Result<String, String> {
    parse_size(text).map(|_| text.to_string())
}

fn maybe_size(text: &str) -> Result<Maybe, String> {
    if text == "none" { Ok(Maybe(None)) } else { parse_size(text).map(|bytes| Maybe(Some(bytes))) }
}

fn maybe_duration(text: &str) -> Result<Maybe, String> {
    if text == "none" { Ok(Maybe(None)) } else { parse_duration_ms(text).map(|ms| Maybe(Some(ms))) }
}

fn maybe_percent(text: &str) -> Result<Maybe, String> {
    if text == "none" {
        return Ok(Maybe(None));
    }
    let percent = text.strip_suffix('%').unwrap_or(text).parse().ok();
    match percent.filter(|percent| (1..=TTL_JITTER_PERCENT_MAX).contains(percent)) {
        Some(percent) => Ok(Maybe(Some(percent))),
        None => Err(format!("use 1 to {TTL_JITTER_PERCENT_MAX} (percent) or none")),
    }
}

fn maybe_copies(text: &str) -> Result<Maybe, String> {
    if text == "none" {
        return Ok(Maybe(None));
    }
    match text.parse().ok().filter(|number| *number <= u64::from(COPIES_MAX) + 1) {
        Some(number) => Ok(Maybe(Some(number))),
        None => Err(format!("use a number up to {} or none", COPIES_MAX + 1)),
    }
}

/// One of an enumeration's values, by its name.
fn words<T: Copy + Send + Sync + 'static, const N: usize>(
    all: [T; N],
    name: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T> {
    let of = move |word: String| all.into_iter().find(|value| name(*value) == word);
    PossibleValuesParser::new(all.map(name)).try_map(move |word| of(word).ok_or("no such word"))
}
