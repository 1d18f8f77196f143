//! `namespace`: the policies of sets of keys.

use super::value::{Maybe, maybe_copies, maybe_duration, maybe_percent, maybe_size, words};
use crate::complete;
use clap::{Args, Subcommand, ValueHint};
use clap_complete::engine::ArgValueCandidates;
use dcache_protocol::namespace::{Reads, StrongRead};
use dcache_protocol::{Consistency, Eviction, Placement};
use std::path::PathBuf;

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
