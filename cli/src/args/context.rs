//! `context`: named clusters in the config file.

use crate::complete;
use clap::{Args, Subcommand, ValueHint};
use clap_complete::engine::ArgValueCandidates;

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
