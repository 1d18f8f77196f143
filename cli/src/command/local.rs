//! Local clusters: real nodes of this same binary on this machine, for development. `cluster init --local` and `cluster destroy`.
//!
//! What was started is written down in the state folder (`local/NAME/cluster.json`, `local/record.rs`) before anything is started, so that whatever
//! happens to this process, `init` finds the nodes again and `destroy` ends them. Nodes log to files there; in the foreground
//! the new lines are relayed. Run again, `init` starts only what is not running: a node that died comes back on its data
//! directory, and on its doors unless somebody else has them now. A process is ended only when its command line says that it
//! is ours.

mod record;
mod stay;

pub use record::names;

use super::App;
use super::signals::Signals;
use crate::args::cluster::{ClusterDestroy, ClusterInit};
use crate::confirm::Danger;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::output::{Progress, Style, paint};
use crate::profile::{Profiles, Target};
use anyhow::Context as _;
use dcache_client::Control;
use dcache_protocol::control::{InitRequest, NodeIdentity, copies_default, partitions_default};
use dcache_protocol::namespace::is_name;
use record::{FORMAT, LocalCluster, LocalNode, Ports, choose_ports, door, is_free, lock};
use serde::Serialize;
use stay::{last_lines, stay, stop};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const MEMORY: &str = "256MiB";

/// How long the copies of a new cluster are waited for.
const COPIES_WITHIN: Duration = Duration::from_secs(10);

const POLL_EVERY: Duration = Duration::from_millis(20);

/// Tries with other ports when somebody was faster.
const PORT_TRIES: usize = 5;

/// The answer for programs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    name: &'a str,
    outcome: &'a str,
    nodes: &'a [LocalNode],
}

pub async fn init(app: &App, args: &ClusterInit, count: u16) -> Result<Exit> {
    let name = args.name.as_str();
    if !is_name(name) || name.bytes().all(|byte| byte == b'.') {
        return Err(CliError::usage(format!("{name:?} cannot be a cluster's name"))
            .why("a name has 1 to 64 letters, digits, '-', '_' or '.'"));
    }
    let guard = lock(name)?;
    let (mut cluster, is_new) = match LocalCluster::load(name)? {
        Some(cluster) => {
            check_same(&cluster, args, count)?;
            (cluster, false)
        }
        None => (plan(args, count)?, true),
    };
    let missing: Vec<usize> =
        (0..cluster.nodes.len()).filter(|&index| !LocalCluster::is_running(&cluster.nodes[index])).collect();
    if args.dry_run {
        return tell_plan(app, args, &cluster, &missing);
    }
    if missing.is_empty() {
        return already_running(app, &cluster).await;
    }
    if is_new {
        cluster.context_before = Profiles::load()?.current;
        cluster.save()?;
    }
    let in_foreground = !args.detach && missing.len() == cluster.nodes.len();
    announce(app, &cluster, is_new, &missing);
    let mut signals = Signals::listen()?;
    let mut children = BTreeMap::new();
    let started = tokio::select! {
        result = start(app, args, &mut cluster, &missing, &mut children) => result,
        exit = signals.next() => {
            app.out.say("stopping");
            undo(&mut cluster, is_new, &missing, &mut signals).await?;
            return Ok(exit);
        }
    };
    if let Err(error) = started {
        undo(&mut cluster, is_new, &missing, &mut signals).await?;
        return Err(error);
    }
    cluster.save_context()?;
    app.out.say(&format!("  {} context {name:?} saved and selected", paint(Style::Green, "✔")));
    if app.out.is_machine() {
        let outcome = if is_new { "formed" } else { "restarted" };
        app.out.object("LocalCluster", &Answer { name, outcome, nodes: &cluster.nodes })?;
    }
    drop(guard);
    if in_foreground {
        return stay(app, cluster, children, signals).await;
    }
    if args.detach {
        app.out.say(&format!("Running in the background; undo: dcache cluster destroy {name}"));
    } else {
        app.out.say("Running in the background, as the other nodes of this cluster run already.");
    }
    app.out.next("dcache set hello world        dcache top");
    Ok(Exit::Ok)
}

/// What a new cluster will be: names, ports, folders. Nothing is written yet.
fn plan(args: &ClusterInit, count: u16) -> Result<LocalCluster> {
    let name = args.name.clone();
    let partitions = args.partitions.unwrap_or_else(partitions_default);
    if !partitions.is_power_of_two() || partitions > dcache_protocol::SLOTS || partitions < count {
        return Err(CliError::usage(format!("{partitions} partitions cannot be"))
            .why(format!("it is a power of two, at least one for each of {count} nodes, at most 16384")));
    }
    if Profiles::load()?.contexts.contains_key(&name) {
        return Err(CliError::new(
            Exit::Conflict,
            format!("a context named {name:?} exists and is no local cluster's"),
        )
        .hint("choose another name: --name NAME")
        .hint(format!("or remove that context: dcache context remove {name}")));
    }
    let data_dir = match &args.data_dir {
        Some(dir) => std::path::absolute(dir).context("cannot find the data folder")?,
        None => dirs::data_dir()
            .ok_or_else(|| CliError::failed("no folder for data").hint("give one: --data-dir DIR"))?
            .join("dcache")
            .join("local")
            .join(&name),
    };
    let mut taken = BTreeSet::new();
    let mut nodes = Vec::new();
    for number in 1..=count {
        let node = format!("n{number}");
        let log = LocalCluster::dir(&name)?.join(format!("{node}.log"));
        let ports = choose_ports(&mut taken, &is_free)?;
        nodes.push(LocalNode { data_dir: data_dir.join(&node), name: node, pid: None, ports, log });
    }
    Ok(LocalCluster {
        format: FORMAT,
        name,
        partitions,
        copies: args.copies.unwrap_or_else(copies_default),
        memory: args.memory.clone().unwrap_or_else(|| MEMORY.into()),
        data_dir,
        keeps_data: args.data_dir.is_some(),
        context_before: None,
        nodes,
    })
}

/// A second init must ask for what is there; what it does not say is as it is.
fn check_same(cluster: &LocalCluster, args: &ClusterInit, count: u16) -> Result<()> {
    let mut differences = Vec::new();
    let nodes = cluster.nodes.len();
    if nodes != usize::from(count) {
        differences.push(format!("nodes: {nodes} -> {count}"));
    }
    if let Some(partitions) = args.partitions.filter(|partitions| *partitions != cluster.partitions) {
        differences.push(format!("partitions: {} -> {partitions}", cluster.partitions));
    }
    if let Some(copies) = args.copies.filter(|copies| *copies != cluster.copies) {
        differences.push(format!("copies: {} -> {copies}", cluster.copies));
    }
    if let Some(memory) = args.memory.as_ref().filter(|memory| **memory != cluster.memory) {
        differences.push(format!("memory: {} -> {memory}", cluster.memory));
    }
    if let Some(dir) = &args.data_dir {
        let dir = std::path::absolute(dir).context("cannot find the data folder")?;
        if dir != cluster.data_dir {
            differences.push(format!("data-dir: {} -> {}", cluster.data_dir.display(), dir.display()));
        }
    }
    if differences.is_empty() {
        return Ok(());
    }
    let name = &cluster.name;
    Err(CliError::new(Exit::Conflict, format!("the local cluster {name:?} exists and differs"))
        .why(differences.join("; "))
        .hint(format!("start another beside it: --name NAME, or remove it: dcache cluster destroy {name}")))
}

fn tell_plan(app: &App, args: &ClusterInit, cluster: &LocalCluster, missing: &[usize]) -> Result<Exit> {
    if app.out.is_machine() {
        app.out.object("LocalCluster", &Answer { name: &cluster.name, outcome: "planned", nodes: &cluster.nodes })?;
    }
    for &index in missing {
        app.out.say(&format!("would start  {}", describe(&cluster.nodes[index])));
    }
    app.out.say("no changes made");
    Ok(if args.exit_code && !missing.is_empty() { Exit::Changes } else { Exit::Ok })
}

fn describe(node: &LocalNode) -> String {
    let Ports { gateway, cluster, control, .. } = node.ports;
    format!("{}  {}  gateway {gateway}  control {control}", node.name, door(cluster))
}

fn announce(app: &App, cluster: &LocalCluster, is_new: bool, missing: &[usize]) {
    let (name, nodes) = (&cluster.name, cluster.nodes.len());
    if is_new {
        let plural = if nodes == 1 { "" } else { "s" };
        app.out.say(&format!("Starting a local cluster {name:?} ({nodes} node{plural}, {} each)", cluster.memory));
        return;
    }
    let gone: Vec<&str> = missing.iter().map(|&index| cluster.nodes[index].name.as_str()).collect();
    let what = if gone.len() == 1 { "is" } else { "are" };
    app.out.say(&format!("{} of {name:?} {what} not running; starting again on the same data", gone.join(", ")));
}

async fn already_running(app: &App, cluster: &LocalCluster) -> Result<Exit> {
    for node in &cluster.nodes {
        if let Err(error) = control(app, node, Duration::from_secs(2))?.node().await {
            let pid = node.pid.unwrap_or_default();
            return Err(CliError::from(error)
                .hint(format!(
                    "node {} (process {pid}) runs and does not answer; see {}",
                    node.name,
                    node.log.display()
                ))
                .hint(format!("stop all: dcache cluster destroy {}", cluster.name)));
        }
    }
    cluster.save_context()?;
    app.out.say(&format!("{} is already running, nothing to do", cluster.name));
    if app.out.is_machine() {
        let answer = Answer { name: &cluster.name, outcome: "alreadyRunning", nodes: &cluster.nodes };
        app.out.object("LocalCluster", &answer)?;
    }
    Ok(Exit::Ok)
}

fn control(app: &App, node: &LocalNode, timeout: Duration) -> Result<Control> {
    app.control_at(&[door(node.ports.control)], timeout)
}

/// Starts the nodes that are missing, and waits until the whole cluster serves.
async fn start(
    app: &App,
    args: &ClusterInit,
    cluster: &mut LocalCluster,
    missing: &[usize],
    children: &mut BTreeMap<usize, Child>,
) -> Result<()> {
    let begun = Instant::now();
    let until = begun + args.wait_timeout;
    for &index in missing {
        await_free(&cluster.nodes[index]).await;
        move_if_taken(cluster, index)?;
        children.insert(index, spawn(cluster, index)?);
        cluster.save()?;
    }
    let mut identities = Vec::new();
    for index in 0..cluster.nodes.len() {
        identities.push(await_node(app, cluster, index, children, until).await?);
        if missing.contains(&index) {
            let (sign, seconds) = (paint(Style::Green, "✔"), begun.elapsed().as_secs_f64());
            app.out.say(&format!("  {sign} {}   {seconds:.2} s", describe(&cluster.nodes[index])));
        }
    }
    let is_formed = identities.iter().all(|identity| !identity.cluster_id.is_empty());
    if !is_formed {
        form(app, cluster, &identities, until).await?;
    }
    // Copies of an empty cluster are made in a moment; those of one that comes back may be much.
    let in_sync = await_ready(app, cluster, until, !is_formed).await?;
    let (sign, count) = (paint(Style::Green, "✔"), cluster.partitions);
    let verb = if is_formed { "complete again" } else { "formed" };
    let copies = match cluster.copies {
        0 => String::new(),
        _ if in_sync == count => ", every copy in sync".into(),
        _ => format!(", {in_sync} with every copy in sync, the others are being built"),
    };
    let seconds = begun.elapsed().as_secs_f64();
    app.out.say(&format!("  {sign} {verb}, {count}/{count} partitions covered{copies}   {seconds:.2} s"));
    Ok(())
}

/// A process that has just been killed holds its ports for a moment longer.
async fn await_free(node: &LocalNode) {
    let until = Instant::now() + Duration::from_secs(1);
    while node.pid.is_some() && !node.ports.are_free() && Instant::now() < until {
        tokio::time::sleep(POLL_EVERY).await;
    }
}

/// A node whose doors somebody else has now gets others; the cluster learns them from the node itself.
fn move_if_taken(cluster: &mut LocalCluster, index: usize) -> Result<()> {
    if cluster.nodes[index].ports.are_free() {
        return Ok(());
    }
    let mut taken: BTreeSet<u16> = cluster.nodes.iter().flat_map(|node| node.ports.all()).collect();
    cluster.nodes[index].ports = choose_ports(&mut taken, &is_free)?;
    Ok(())
}

fn spawn(cluster: &mut LocalCluster, index: usize) -> Result<Child> {
    let memory = cluster.memory.clone();
    let node = &mut cluster.nodes[index];
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let open_log = || -> std::io::Result<File> {
        fs::create_dir_all(node.log.parent().unwrap_or(Path::new(".")))?;
        File::options().append(true).create(true).mode(0o600).open(&node.log)
    };
    let log = open_log().with_context(|| format!("cannot open {}", node.log.display()))?;
    let mut command = Command::new(program);
    command.args(["node", "start", "--name", &node.name, "--memory", &memory, "--log-format", "text"]);
    command.arg("--data-dir").arg(&node.data_dir);
    let Ports { gateway, cluster, control, peers } = node.ports;
    for (flag, port) in [("--gateway", gateway), ("--listen", cluster), ("--control", control), ("--peers", peers)] {
        command.args([flag, &door(port)]);
    }
    // What is set for this command must not become the nodes' configuration.
    for (variable, _) in std::env::vars_os() {
        if variable.to_string_lossy().starts_with("DCACHE_") && variable != "DCACHE_LOG" {
            command.env_remove(variable);
        }
    }
    // A group of its own: Ctrl-C reaches this process, which stops the nodes in order.
    command.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    let child = command.spawn().with_context(|| format!("cannot start node {}", node.name))?;
    node.pid = Some(child.id());
    Ok(child)
}

/// Waits until a node answers. One that ended because somebody was faster at its ports is started again on others.
async fn await_node(
    app: &App,
    cluster: &mut LocalCluster,
    index: usize,
    children: &mut BTreeMap<usize, Child>,
    until: Instant,
) -> Result<NodeIdentity> {
    let spinner = Progress::start(&app.out, &format!("waiting for {}", cluster.nodes[index].name), 0);
    let mut tries = 1;
    let result = loop {
        let node = &cluster.nodes[index];
        let answer = control(app, node, Duration::from_secs(1))?.node().await;
        if let Ok(identity) = answer
            && Some(identity.pid) == node.pid
        {
            break Ok(identity);
        }
        if let Some(child) = children.get_mut(&index)
            && let Some(status) = child.try_wait().context("cannot watch a node")?
        {
            if tries < PORT_TRIES && !node.ports.are_free() {
                tries += 1;
                move_if_taken(cluster, index)?;
                children.insert(index, spawn(cluster, index)?);
                cluster.save()?;
                continue;
            }
            break Err(CliError::failed(format!("node {} ended while starting ({status})", node.name))
                .why(format!("\n{}", last_lines(&node.log, 8)))
                .hint(format!("its log: {}", node.log.display())));
        }
        if Instant::now() >= until {
            break Err(CliError::new(Exit::Timeout, format!("node {} did not answer in time", node.name))
                .why(format!("\n{}", last_lines(&node.log, 8)))
                .hint("give it longer: --wait-timeout 2m"));
        }
        spinner.turn();
        tokio::time::sleep(POLL_EVERY).await;
    };
    spinner.finish();
    result
}

async fn form(app: &App, cluster: &LocalCluster, identities: &[NodeIdentity], until: Instant) -> Result<()> {
    let timeout = until.saturating_duration_since(Instant::now()).max(Duration::from_secs(1));
    let first = control(app, &cluster.nodes[0], timeout)?;
    let request = InitRequest { spec: cluster.spec(), dry_run: false, drop_keys: false };
    first.init(&request).await.map(|_| ()).map_err(|error| {
        let error = CliError::from(error);
        let lost: Vec<&str> =
            identities.iter().filter(|node| node.cluster_id.is_empty()).map(|node| node.name.as_str()).collect();
        match lost.len() < identities.len() {
            true => error
                .hint(format!("{} came back without the data of the others: it cannot rejoin", lost.join(", ")))
                .hint(format!("start anew: dcache cluster destroy {0}, then init again", cluster.name)),
            false => error,
        }
    })
}

/// Waits until every partition is served, and a little longer for copies where they are waited for. Answers how many partitions have
/// all of theirs in sync.
async fn await_ready(app: &App, cluster: &LocalCluster, until: Instant, waits_for_copies: bool) -> Result<u16> {
    let copies_until = if waits_for_copies { until.min(Instant::now() + COPIES_WITHIN) } else { Instant::now() };
    let spinner = Progress::start(&app.out, "waiting until every partition is served", 0);
    let first = control(app, &cluster.nodes[0], Duration::from_secs(2))?;
    loop {
        let mut is_ready = true;
        for node in &cluster.nodes {
            is_ready &= matches!(control(app, node, Duration::from_secs(1))?.is_ready().await, Ok(true));
        }
        if is_ready
            && let Ok(status) = first.cluster().await
            && status.formed
            && status.partitions_served == status.partitions
            && (status.partitions_in_sync == status.partitions || Instant::now() >= copies_until)
        {
            spinner.finish();
            return Ok(status.partitions_in_sync);
        }
        if Instant::now() >= until {
            spinner.finish();
            return Err(CliError::new(Exit::Timeout, "the nodes run, and do not serve every partition in time")
                .hint("see what is missing: dcache cluster status, and the logs of the nodes")
                .hint("give it longer: --wait-timeout 2m"));
        }
        spinner.turn();
        tokio::time::sleep(POLL_EVERY).await;
    }
}

/// Takes back what a start that failed has done: a new cluster goes, of an old one only what was started now stops.
async fn undo(cluster: &mut LocalCluster, is_new: bool, missing: &[usize], signals: &mut Signals) -> Result<()> {
    let started: Vec<LocalNode> = missing.iter().map(|&index| cluster.nodes[index].clone()).collect();
    stop(&started, signals).await;
    match (is_new, cluster.keeps_data) {
        (false, _) => Ok(()),
        // A folder that was given may hold data from before.
        (true, true) => cluster.forget(),
        (true, false) => cluster.remove(),
    }
}

pub async fn destroy(app: &App, args: &ClusterDestroy) -> Result<Exit> {
    let name = args.name.as_str();
    if super::is_describing(app) {
        app.out.describe(&[], "LocalCluster", &["name", "outcome", "nodes"])?;
        return Ok(Exit::Ok);
    }
    let known = names();
    if !known.iter().any(|other| other == name) {
        let is_context = Profiles::load()?.contexts.contains_key(name);
        let error = CliError::no_such("local cluster", name, known.iter().map(String::as_str));
        return Err(match is_context {
            true => error
                .why("it is a context of a cluster that was not started by `cluster init --local`")
                .hint(format!("forget the context alone: dcache context remove {name}")),
            false => error,
        });
    }
    let _guard = lock(name)?;
    let Some(cluster) = LocalCluster::load(name)? else {
        return Err(CliError::no_such("local cluster", name, []));
    };
    let running = cluster.nodes.iter().filter(|node| LocalCluster::is_running(node)).count();
    let what = format!("{running} of {} nodes run; their data in {}", cluster.nodes.len(), cluster.data_dir.display());
    if args.dry_run {
        app.out.say(&format!("would stop and remove {name}: {what}"));
        app.out.say("no changes made");
        return Ok(Exit::Ok);
    }
    let protected = Profiles::load()?.contexts.get(name).is_some_and(|context| context.protected);
    let target = Target { endpoints: Vec::new(), context: Some(name.into()), protected, source: "its name" };
    app.out.say(&format!("{name}: {what}"));
    app.confirm(&format!("Stop {name} and drop its data?"), Danger::Moderate, &target)?;
    let mut signals = Signals::listen()?;
    stop(&cluster.nodes, &mut signals).await;
    cluster.remove()?;
    app.out.say(&format!("{} {name} stopped, data dropped, context removed", paint(Style::Green, "✔")));
    if app.out.is_machine() {
        app.out.object("LocalCluster", &Answer { name, outcome: "destroyed", nodes: &[] })?;
    }
    Ok(Exit::Ok)
}
