//! `help`, `man` and `completions`: what this program tells of itself.

use crate::complete;
use clap::{Args, ValueHint};
use clap_complete::engine::ArgValueCandidates;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct Help {
    /// A command, as `cluster init`, or a topic: exit-codes, environment, formats, patterns, config, glossary, or commands with the
    /// name of one that clients send or of an @group
    #[arg(value_name = "TOPIC", add = ArgValueCandidates::new(complete::topics))]
    pub topic: Vec<String>,
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
