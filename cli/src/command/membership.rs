//! `dcache cluster add|drain|undrain|remove|forget|maintenance`: which nodes hold what, and who is of the cluster at all.
//!
//! Each looks first whether it is so already, then shows a plan, asks, and waits for the end. What moves keys is an operation
//! of the cluster (`operation.rs`); the others are changed at once.

use super::{App, is_describing, node, operation, plan};
use crate::args::cluster::{
    ClusterAdd, ClusterDrain, ClusterForget, ClusterMaintenance, ClusterRemove, ClusterUndrain, OnOff,
};
use crate::args::operation::{Check, StartFlags};
use crate::confirm::Danger;
use crate::encoding::rfc3339_seconds;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::output::{Style, clean, paint};
use dcache_client::Control;
use dcache_protocol::control::{ClusterStatus, EventKind, NodeStatus};
use dcache_protocol::operation::{OperationKind, OperationStatus, Pace, Plan, PlanRequest, StartRequest};
use dcache_protocol::{NodeState, Share};
use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long maintenance lasts when nobody says.
const MAINTENANCE: Duration = Duration::from_secs(30 * 60);

fn holds_nothing(node: &NodeStatus) -> bool {
    node.partitions == 0 && node.backups == 0
}

/// `341 primaries and 342 further copies`.
fn holdings(node: &NodeStatus) -> String {
    let count =
        |count: u16, one: &str, more: &str| if count == 1 { format!("1 {one}") } else { format!("{count} {more}") };
    let primaries = count(node.partitions, "primary", "primaries");
    format!("{primaries} and {}", count(node.backups, "further copy", "further copies"))
}

fn describe_plan(app: &App) -> Result<Exit> {
    app.out.describe(&[], "Plan with --dry-run, Operation without", plan::FIELDS)?;
    Ok(Exit::Ok)
}

pub async fn add(app: &App, args: &ClusterAdd) -> Result<Exit> {
    if is_describing(app) {
        return describe_plan(app);
    }
    let control = app.control()?;
    let status = control.cluster().await?;
    let named: Vec<&NodeStatus> =
        args.nodes.iter().map(|name| by_name_or_door(&status, name)).collect::<Result<_>>()?;
    let running = operation::under_way(&control).await?;
    if let Some(running) = running.as_ref().filter(|running| running.kind == OperationKind::Add) {
        let names: Vec<String> = named.iter().map(|node| node.name.clone()).collect();
        if names.is_empty() || is_about(running, OperationKind::Add, &names) {
            return operation::join(app, running.clone(), &args.start.wait).await;
        }
    }
    let is_new = |node: &&NodeStatus| node.share == Share::Joined && node.state == NodeState::Up;
    let wanted: Vec<&NodeStatus> = match named.is_empty() {
        true => status.nodes.iter().filter(is_new).collect(),
        // One that was added and got nothing, as somebody cancelled it, is added again.
        false => named.into_iter().filter(|node| node.share != Share::Full || holds_nothing(node)).collect(),
    };
    if wanted.is_empty() {
        let text = match args.nodes.len() {
            0 => "no node that is up has joined and waits to be added".to_string(),
            1 => format!("{} is added already", clean(&args.nodes[0])),
            _ => "all of them are added already".to_string(),
        };
        app.out.say(&text);
        app.out.next("is it even? dcache rebalance --plan");
        return Ok(Exit::Ok);
    }
    let nodes = wanted.iter().map(|node| node.name.clone()).collect();
    let question = |plan: &Plan| format!("Add {}?", list(&plan.nodes));
    carry_out(app, &control, OperationKind::Add, nodes, &args.start, running, |plan| {
        (question(plan), Some(Danger::Moderate))
    })
    .await
}

fn list(names: &[String]) -> String {
    names.iter().map(|name| clean(name)).collect::<Vec<_>>().join(", ")
}

/// A node by its name, or by any of its doors.
fn by_name_or_door<'a>(status: &'a ClusterStatus, text: &str) -> Result<&'a NodeStatus> {
    let is_door = |node: &&NodeStatus| {
        let doors = &node.addresses;
        [&doors.gateway, &doors.cluster, &doors.control, &doors.peers].into_iter().any(|door| door == text)
    };
    match status.nodes.iter().find(is_door) {
        Some(node) => Ok(node),
        None if text.contains(':') => {
            Err(CliError::new(Exit::NotFound, format!("no node of the cluster is at {text}"))
                .why("a node joins first, then it is added")
                .hint("start it with: dcache node start --join HOST:PORT of the peers door of any node"))
        }
        None => node::find(status, text),
    }
}

pub async fn drain(app: &App, args: &ClusterDrain) -> Result<Exit> {
    if is_describing(app) {
        return describe_plan(app);
    }
    let control = app.control()?;
    let status = control.cluster().await?;
    let node = node::find(&status, &args.node)?;
    let running = operation::under_way(&control).await?;
    if let Some(running) = same(running.as_ref(), OperationKind::Drain, &args.node) {
        return operation::join(app, running, &args.start.wait).await;
    }
    if node.share == Share::Drained && holds_nothing(node) && running.is_none() {
        let name = clean(&node.name);
        app.out.say(&format!("{name} is drained already"));
        app.out.next(&format!("dcache cluster remove {name}     or put it back: dcache cluster undrain {name}"));
        return Ok(Exit::Ok);
    }
    let question = |_: &Plan| (format!("Drain {}?", clean(&args.node)), Some(Danger::Moderate));
    carry_out(app, &control, OperationKind::Drain, vec![args.node.clone()], &args.start, running, question).await
}

/// Whether an operation is of that kind and about these nodes and no others.
fn is_about(running: &OperationStatus, kind: OperationKind, nodes: &[String]) -> bool {
    let set = |names: &[String]| names.iter().cloned().collect::<BTreeSet<String>>();
    running.kind == kind && set(&running.nodes) == set(nodes)
}

fn same(running: Option<&OperationStatus>, kind: OperationKind, node: &str) -> Option<OperationStatus> {
    running.filter(|running| is_about(running, kind, &[node.to_string()])).cloned()
}

/// Plans, shows, asks, starts and watches.
async fn carry_out<'a>(
    app: &App,
    control: &Control,
    kind: OperationKind,
    nodes: Vec<String>,
    flags: &StartFlags,
    running: Option<OperationStatus>,
    question: impl FnOnce(&Plan) -> (String, Option<Danger<'a>>),
) -> Result<Exit> {
    let made = control.plan(&PlanRequest { nodes, ..PlanRequest::of(kind) }).await?;
    let pace = flags.pace.on(Pace::default());
    if flags.dry_run {
        match app.out.is_machine() {
            true => app.out.object("Plan", &made)?,
            false => plan::nodes_lines(&made, &pace, "would").iter().try_for_each(|line| app.out.line(line))?,
        }
        app.out.say("no changes made");
        return Ok(Exit::Ok);
    }
    // Before anybody is asked; the cluster sees to it again.
    if let Some(running) = running {
        return Err(operation::is_under_way(&running));
    }
    let (question, danger) = question(&made);
    let target = app.target()?;
    if let Some(danger) = danger.or(target.protected.then_some(Danger::Moderate)) {
        plan::nodes_lines(&made, &pace, "Plan:").iter().for_each(|line| app.out.say(line));
        app.confirm(&question, danger, &target)?;
    }
    let force = flags.force.iter().map(|check| check.name().to_string()).collect();
    let request = StartRequest { plan: made, pace, force };
    operation::start(app, control, &request, &flags.wait, None).await
}

pub async fn undrain(app: &App, args: &ClusterUndrain) -> Result<Exit> {
    let control = app.control()?;
    let status = control.cluster().await?;
    let node = node::find(&status, &args.node)?;
    let name = clean(&node.name);
    match node.share {
        Share::Full => {
            app.out.say(&format!("{name} may hold its share already"));
            return Ok(Exit::Ok);
        }
        Share::Joined => {
            return Err(CliError::new(Exit::Conflict, format!("{name} has not been added yet"))
                .hint(format!("add it: dcache cluster add {name}")));
        }
        Share::Drained => {}
    }
    if args.dry_run {
        app.out.say(&format!("would let {name} hold its share again; nothing moves by that"));
        app.out.say("no changes made");
        return Ok(Exit::Ok);
    }
    control.undrain(&args.node).await?;
    app.out.say(&format!("{} {name} may hold its share again; nothing has moved yet", paint(Style::Green, "✔")));
    app.out.next("dcache rebalance --plan");
    Ok(Exit::Ok)
}

pub async fn remove(app: &App, args: &ClusterRemove) -> Result<Exit> {
    if is_describing(app) {
        return describe_plan(app);
    }
    let control = app.control()?;
    let status = control.cluster().await?;
    let running = operation::under_way(&control).await?;
    if let Some(running) = same(running.as_ref(), OperationKind::Remove, &args.node) {
        return operation::join(app, running, &args.start.wait).await;
    }
    let Some(node) = member(app, &control, &status, &args.node).await? else { return Ok(Exit::Ok) };
    let name = clean(&node.name);
    let is_empty = holds_nothing(node);
    if !is_empty && !args.drain && !args.start.dry_run {
        return Err(CliError::new(Exit::Conflict, format!("cannot remove {name}: it holds {}", holdings(node)))
            .hint(format!("move them away, then remove it: dcache cluster drain {name}, dcache cluster remove {name}"))
            .hint(format!("both at once: dcache cluster remove {name} --drain")));
    }
    let ask = |plan: &Plan| {
        // By what the plan moves too: between the two looks it may have got something.
        let danger = (!is_empty || !plan.moves.is_empty()).then_some(Danger::Severe(&args.node));
        (format!("Move everything off {name} and take it out of the cluster?"), danger)
    };
    carry_out(app, &control, OperationKind::Remove, vec![args.node.clone()], &args.start, running, ask).await
}

/// The node of that name; none if it was of the cluster and is not any more, which is said.
async fn member<'a>(
    app: &App,
    control: &Control,
    status: &'a ClusterStatus,
    name: &str,
) -> Result<Option<&'a NodeStatus>> {
    let missing = match node::find(status, name) {
        Ok(node) => return Ok(Some(node)),
        Err(missing) => missing,
    };
    let events = control.events(0).await?;
    let is_removed = |event: &dcache_protocol::control::ClusterEvent| {
        event.kind == EventKind::NodeRemoved && event.node.as_deref() == Some(name)
    };
    if !events.iter().any(is_removed) {
        return Err(missing);
    }
    app.out.say(&format!("{} is none of the cluster any more; nothing to do", clean(name)));
    Ok(None)
}

pub async fn forget(app: &App, args: &ClusterForget) -> Result<Exit> {
    let control = app.control()?;
    let status = control.cluster().await?;
    let Some(node) = member(app, &control, &status, &args.node).await? else { return Ok(Exit::Ok) };
    let name = clean(&node.name);
    if node.state == NodeState::Up {
        let error =
            CliError::new(Exit::Conflict, format!("{name} is up; only a node that is dead and gone is forgotten"));
        return Err(match node.reachable {
            true => error.hint(format!("take it out in order: dcache cluster remove {name} --drain")),
            false => {
                error.why("it does not answer, but its lease has not run out yet").hint("try again in some seconds")
            }
        });
    }
    let loses = args.force == Some(Check::LastReplica);
    let copies = holdings(node);
    if args.dry_run {
        app.out.say(&format!("would forget {name}, which is to hold {copies}; they are built on other nodes"));
        app.out.say("no changes made");
        return Ok(Exit::Ok);
    }
    app.out.say(&format!(
        "{name} is down. It was to hold {copies}; they are built on other nodes, as far as copies are left."
    ));
    let (question, danger) = match loses {
        true => (
            format!("Forget {name}, and give up the keys of which only it has a copy?"),
            Danger::Severe(args.node.as_str()),
        ),
        false => (format!("Forget {name}? It cannot come back with what it has."), Danger::Moderate),
    };
    app.confirm(&question, danger, &app.target()?)?;
    control.forget(&args.node, loses).await?;
    app.out.say(&format!("{} {name} is none of the cluster any more", paint(Style::Green, "✔")));
    app.out.next("dcache cluster status");
    Ok(Exit::Ok)
}

pub async fn maintenance(app: &App, args: &ClusterMaintenance) -> Result<Exit> {
    let control = app.control()?;
    let status = control.cluster().await?;
    let node = node::find(&status, &args.node)?;
    match args.what {
        OnOff::On => maintenance_on(app, &control, node, args).await,
        OnOff::Off if args.time.is_some() => Err(CliError::usage("--for goes with `on`")),
        OnOff::Off => maintenance_off(app, &control, node, status.at_unix_ms, args.dry_run).await,
    }
}

async fn maintenance_on(app: &App, control: &Control, node: &NodeStatus, args: &ClusterMaintenance) -> Result<Exit> {
    let name = clean(&node.name);
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
    let until = now_ms + args.time.unwrap_or(MAINTENANCE).as_millis() as u64;
    let serves = if node.serves() { node.partitions } else { 0 };
    if args.dry_run {
        app.out.say(&format!(
            "would say that {name} is being worked on until {}, and hand over the {serves} partitions it serves",
            rfc3339_seconds(until)
        ));
        app.out.say("no changes made");
        return Ok(Exit::Ok);
    }
    let target = app.target()?;
    if target.protected {
        app.confirm(&format!("Have other nodes serve what {name} serves?"), Danger::Moderate, &target)?;
    }
    // First: so that nothing is handed back to it meanwhile.
    control.maintenance(&args.node, until).await?;
    app.out.say(&format!("{} {name} is in maintenance until {}", paint(Style::Green, "✔"), rfc3339_seconds(until)));
    if serves == 0 {
        app.out.next(&format!("when it is back: dcache cluster maintenance off {name}"));
        return Ok(Exit::Ok);
    }
    let result = control.failover(&args.node).await?;
    let exit = super::cluster::tell_failover(app, &result);
    app.out.next(&format!("when it is back: dcache cluster maintenance off {name}"));
    Ok(exit)
}

async fn maintenance_off(app: &App, control: &Control, node: &NodeStatus, now_ms: u64, dry_run: bool) -> Result<Exit> {
    let name = clean(&node.name);
    if node.maintenance_until_unix_ms <= now_ms {
        app.out.say(&format!("{name} is not in maintenance; nothing to do"));
        return Ok(Exit::Ok);
    }
    if dry_run {
        app.out.say(&format!("would say that {name} is not being worked on any more"));
        app.out.say("no changes made");
        return Ok(Exit::Ok);
    }
    control.maintenance(&node.name, 0).await?;
    app.out.say(&format!("{} {name} is in maintenance no more", paint(Style::Green, "✔")));
    app.out.next("dcache rebalance --plan");
    Ok(Exit::Ok)
}
