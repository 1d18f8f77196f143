//! `dcache cluster init`: either starts a local cluster (`local.rs`), or forms one of nodes that run already, from a file.

use super::{App, is_describing, local};
use crate::args::cluster::ClusterInit;
use crate::confirm::Danger;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::output::{Column, Style, Table, clean, paint};
use crate::profile::{Context, Profiles, Target};
use dcache_client::Control;
use dcache_protocol::NamespaceSpec;
use dcache_protocol::control::{
    API_VERSION, ClusterSpec, ClusterSpecNode, Finding, InitOutcome, InitRequest, InitResult, copies_default,
    partitions_default, rebuild_after_default,
};
use serde::Deserialize;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long the copies of a new cluster are waited for.
const COPIES_WITHIN: Duration = Duration::from_secs(10);

const POLL_EVERY: Duration = Duration::from_millis(50);

pub async fn init(app: &App, args: &ClusterInit) -> Result<Exit> {
    if is_describing(app) {
        app.out.describe(COLUMNS, "InitResult", &["outcome", "clusterId", "plan"])?;
        return Ok(Exit::Ok);
    }
    match (&args.file, args.local) {
        (Some(path), _) => from_file(app, args, path).await,
        (None, Some(count)) => local::init(app, args, count).await,
        (None, None) => Err(CliError::usage("say what to form: --local N or -f FILE")),
    }
}

/// `cluster.yaml`: a cluster specification with an optional header.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct ClusterFile {
    #[serde(rename = "apiVersion", default)]
    api_version: Option<String>,
    #[serde(default)]
    kind: Option<String>,
    name: String,
    #[serde(default = "partitions_default")]
    partitions: u16,
    #[serde(default = "copies_default")]
    copies: u8,
    #[serde(default = "rebuild_after_default")]
    rebuild_after_ms: u64,
    #[serde(default)]
    auto_rebalance: bool,
    nodes: Vec<ClusterSpecNode>,
    #[serde(default)]
    namespaces: Vec<NamespaceSpec>,
}

fn load(path: &Path) -> Result<ClusterSpec> {
    let file: ClusterFile = dcache_node::load_yaml(path)?;
    for (what, given, wanted) in [("apiVersion", &file.api_version, API_VERSION), ("kind", &file.kind, "Cluster")] {
        if given.as_ref().is_some_and(|given| given != wanted) {
            return Err(CliError::usage(format!("{}: {what} must be {wanted}", path.display())));
        }
    }
    let ClusterFile { name, partitions, copies, rebuild_after_ms, auto_rebalance, nodes, namespaces, .. } = file;
    Ok(ClusterSpec { name, partitions, copies, rebuild_after_ms, auto_rebalance, nodes, namespaces })
}

const COLUMNS: &[Column] = &[
    Column::new("NODE", "its name"),
    Column::new("ZONE", "its zone"),
    Column::new("ADDRESS", "its cluster door"),
    Column::new("PARTITIONS", "how many it will own").number(),
    Column::new("COPIES", "how many of others' partitions it will hold copies of").number(),
];

async fn from_file(app: &App, args: &ClusterInit, path: &Path) -> Result<Exit> {
    let spec = load(path)?;
    let timeout = args.wait_timeout.max(app.global.timeout);
    let (control, target) = find_node(app, &spec, timeout).await?;
    let request = InitRequest { spec, dry_run: true, drop_keys: args.drop_keys };
    let planned = control.init(&request).await.map_err(|error| with_hint(error.into(), &request.spec))?;
    let name = clean(&request.spec.name);
    if planned.outcome == InitOutcome::AlreadyFormed {
        app.out
            .say(&format!("{name} (id {}) is already initialised with this file; nothing to do", planned.cluster_id));
        if app.out.is_machine() {
            app.out.object("InitResult", &planned)?;
        }
        return Ok(Exit::Ok);
    }
    show_plan(app, args, &request.spec, &planned)?;
    if args.dry_run {
        app.out.say("no changes made");
        return Ok(if args.exit_code { Exit::Changes } else { Exit::Ok });
    }
    let question = format!("Initialise {name} with these {} nodes?", request.spec.nodes.len());
    app.confirm(&question, Danger::Moderate, &target)?;
    let formed = control.init(&InitRequest { dry_run: false, ..request.clone() }).await?;
    app.out.say(&format!("  {} {name} formed, id {}", paint(Style::Green, "✔"), formed.cluster_id));
    await_copies(app, &control).await;
    if app.out.is_machine() {
        app.out.object("InitResult", &formed)?;
    }
    remember(app, &request.spec.name, &control).await?;
    Ok(Exit::Ok)
}

fn show_plan(app: &App, args: &ClusterInit, spec: &ClusterSpec, planned: &InitResult) -> Result<()> {
    // As an answer the plan is data only with --dry-run; otherwise it is what the question is about.
    if app.out.is_machine() {
        return if args.dry_run { app.out.object("InitResult", planned) } else { Ok(()) };
    }
    let mut table = Table::new(COLUMNS);
    for share in &planned.plan {
        let zone = if share.zone.is_empty() { "-".into() } else { clean(&share.zone) };
        table.row(vec![
            clean(&share.node),
            zone,
            clean(&share.address),
            share.partitions.to_string(),
            share.backups.to_string(),
        ]);
    }
    let (name, partitions, nodes) = (clean(&spec.name), spec.partitions, spec.nodes.len());
    app.out.say(&format!("Plan for {name}: {partitions} partitions over {nodes} nodes"));
    match args.dry_run {
        true => app.out.table(&table),
        false => {
            app.out.say(app.out.table_text(&table)?.trim_end());
            Ok(())
        }
    }
}

/// A node of the list to ask. Without an endpoint or context the port beside the peers door is tried, as by default the control
/// door is there; a node found so must call the peers door its own.
async fn find_node(app: &App, spec: &ClusterSpec, timeout: Duration) -> Result<(Control, Target)> {
    let target = app.target()?;
    let is_chosen = matches!(target.source, "--endpoint" | "--context" | "DCACHE_ENDPOINTS" | "DCACHE_CONTEXT");
    if !is_chosen {
        for node in &spec.nodes {
            let Some((host, port)) = node.peers.rsplit_once(':') else { continue };
            let Some(control_port) = port.parse::<u16>().ok().and_then(|port| port.checked_sub(1)) else { continue };
            let endpoints = vec![format!("{host}:{control_port}")];
            let Ok(quick) = app.control_at(&endpoints, Duration::from_secs(2).min(timeout)) else { continue };
            let is_it = quick.node().await.is_ok_and(|found| found.addresses.peers.ends_with(&format!(":{port}")));
            if is_it {
                let target = Target { endpoints, context: None, protected: false, source: "the file's first node" };
                return Ok((app.control_at(&target.endpoints, timeout)?, target));
            }
        }
    }
    Ok((app.control_at(&target.endpoints, timeout)?, target))
}

fn with_hint(error: CliError, spec: &ClusterSpec) -> CliError {
    let is_wrong_node = error.exit == Exit::Unreachable || error.message.contains("not in the list");
    match spec.nodes.first() {
        Some(node) if is_wrong_node => {
            error.hint(format!("ask the first node of the file: --endpoint with the control door of {}", node.peers))
        }
        _ => error,
    }
}

/// Until a copy is in sync, what it is a copy of can be lost: who asks for the cluster's health next is to find it well. When it
/// takes longer the cluster is formed all the same.
async fn await_copies(app: &App, control: &Control) {
    let until = Instant::now() + COPIES_WITHIN;
    let lacks = |finding: &Finding| finding.check.starts_with("COPY-");
    while Instant::now() < until {
        match control.cluster().await {
            Ok(status) if status.formed && !status.findings.iter().any(lacks) => {
                app.out.say(&format!("  {} every copy in sync", paint(Style::Green, "✔")));
                return;
            }
            // Whatever it is, it is asked again.
            _ => tokio::time::sleep(POLL_EVERY).await,
        }
    }
    app.out.say(&format!("  {} copies are being made still: dcache cluster status", paint(Style::Yellow, "▲")));
}

/// Keeps the new cluster as a context, without selecting it.
async fn remember(app: &App, name: &str, control: &Control) -> Result<()> {
    let status = control.cluster().await?;
    let endpoints: Vec<String> = status.nodes.into_iter().map(|node| node.addresses.control).collect();
    let mut profiles = Profiles::load()?;
    if !profiles.contexts.contains_key(name) {
        profiles.contexts.insert(name.into(), Context { endpoints, ..Context::default() });
        profiles.save()?;
        app.out.say(&format!("  {} context {} saved", paint(Style::Green, "✔"), clean(name)));
    }
    app.out.next(&format!("dcache context use {}     dcache cluster status", clean(name)));
    Ok(())
}
