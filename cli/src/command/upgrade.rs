//! `dcache cluster upgrade`: nodes get another build one after the other. The cluster says whose turn it is and when that one has
//! handed over; whoever runs the nodes starts it again with the new build, and is told here what is to be done now.
//!
//! An upgrade is an operation: watching and steering it is `operation.rs`'s.

use super::{App, is_describing, operation, plan};
use crate::args::Format;
use crate::args::cluster::{ClusterUpgrade, UpgradePlan, UpgradeStart};
use crate::confirm::Danger;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::output::{Column, Style, Table, clean, paint};
use dcache_client::Control;
use dcache_protocol::NodeState;
use dcache_protocol::control::{ClusterStatus, NodeStatus};
use dcache_protocol::operation::{
    Doing, OperationId, OperationKind, OperationState, OperationStatus, Pace, Plan, PlanRequest, StartRequest,
    UpgradeStatus,
};
use serde::Serialize;

const KINDS: &[OperationKind] = &[OperationKind::Upgrade];

const PLAN_COLUMNS: &[Column] = &[
    Column::new("TURN", "place in the order; - for a node that runs the version already").number(),
    Column::new("NODE", "its name"),
    Column::new("RUNS", "its version now"),
    Column::new("STATE", "up or down; the leader of the metadata comes last"),
    Column::new("SERVES", "partitions it is primary of, which it hands over").number(),
];

const STATUS_COLUMNS: &[Column] = &[
    Column::new("NODE", "its name"),
    Column::new("RUNS", "its version now"),
    Column::new("STATE", "up or down"),
    Column::new("TURN", "done, now, waits; - for a node that the upgrade is not about"),
];

const STATUS_FIELDS: &[&str] = &["id", "to", "state", "level", "nodes", "current", "doing", "now", "why"];

pub async fn run(app: &App, verb: ClusterUpgrade) -> Result<Exit> {
    match verb {
        ClusterUpgrade::Plan(args) => show_plan(app, &args).await,
        ClusterUpgrade::Start(args) => start(app, &args).await,
        ClusterUpgrade::Status(args) => status(app, args.id.as_deref()).await,
        ClusterUpgrade::Watch(args) => operation::watch(app, &args, KINDS).await,
        ClusterUpgrade::Pause(args) => operation::pause(app, &args, KINDS).await,
        ClusterUpgrade::Resume(args) => operation::resume(app, &args, KINDS).await,
        ClusterUpgrade::Cancel(args) => operation::cancel(app, &args, KINDS).await,
    }
}

async fn make(control: &Control, to: &str) -> Result<Plan> {
    let request = PlanRequest { to: Some(to.into()), ..PlanRequest::of(OperationKind::Upgrade) };
    Ok(control.plan(&request).await?)
}

/// The plan is the answer.
async fn show_plan(app: &App, args: &UpgradePlan) -> Result<Exit> {
    if is_describing(app) {
        app.out.describe(PLAN_COLUMNS, "Plan", plan::FIELDS)?;
        return Ok(Exit::Ok);
    }
    let control = app.control()?;
    let (made, status) = (make(&control, &args.to).await?, control.cluster().await?);
    answer(app, &made, &status, &args.to)?;
    if !made.nodes.is_empty() {
        app.out.next(&format!("dcache cluster upgrade start --to {}", clean(&args.to)));
    }
    Ok(if args.exit_code && !made.nodes.is_empty() { Exit::Changes } else { Exit::Ok })
}

/// A plan as data. With `--quiet` and no other form asked for, only the exit code is wanted.
fn answer(app: &App, made: &Plan, status: &ClusterStatus, to: &str) -> Result<()> {
    if app.out.is_machine() {
        return app.out.object("Plan", made);
    }
    if app.out.format == Format::Name {
        return made.nodes.iter().try_for_each(|name| app.out.line(&clean(name)));
    }
    if app.out.quiet {
        return Ok(());
    }
    app.out.line(plan_text(app, made, status, to)?.trim_end())
}

fn plan_text(app: &App, made: &Plan, status: &ClusterStatus, to: &str) -> Result<String> {
    let mut text = format!(
        "cluster {}   epoch {}   plan {}   upgrade to {}\n",
        paint(Style::Bold, &clean(&made.cluster)),
        made.epoch,
        clean(&made.id),
        clean(to)
    );
    if made.nodes.is_empty() {
        text.push_str(&format!("{}\n", all_run(status, to)));
        return Ok(text);
    }
    let mut table = Table::new(PLAN_COLUMNS);
    let turn = |node: &NodeStatus| made.nodes.iter().position(|name| *name == node.name);
    let mut nodes: Vec<&NodeStatus> = status.nodes.iter().collect();
    nodes.sort_by_key(|node| (turn(node).unwrap_or(usize::MAX), &node.name));
    for node in nodes {
        table.row(vec![
            turn(node).map_or_else(|| "-".into(), |turn| (turn + 1).to_string()),
            clean(&node.name),
            clean(&node.version),
            if node.leader { format!("{}, leads", state(node)) } else { state(node) },
            node.partitions.to_string(),
        ]);
    }
    text.push_str(&app.out.table_text(&table)?);
    plan::remarks(made).iter().for_each(|line| text.push_str(&format!("{line}\n")));
    Ok(text)
}

fn state(node: &NodeStatus) -> String {
    match node.state {
        NodeState::Up => "up".into(),
        NodeState::Down => paint(Style::Red, "down"),
    }
}

fn all_run(status: &ClusterStatus, to: &str) -> String {
    match status.nodes.len() {
        1 => format!("the one node runs {} already", clean(to)),
        count => format!("all {count} nodes run {} already", clean(to)),
    }
}

async fn start(app: &App, args: &UpgradeStart) -> Result<Exit> {
    if is_describing(app) {
        app.out.describe(PLAN_COLUMNS, "Plan with --dry-run, Operation without", plan::FIELDS)?;
        return Ok(Exit::Ok);
    }
    let control = app.control()?;
    let running = operation::under_way(&control).await?;
    let is_to = |running: &OperationStatus| running.upgrade.as_ref().is_some_and(|upgrade| upgrade.to == args.to);
    if let Some(running) = running.as_ref().filter(|running| is_to(running) && !args.dry_run) {
        return operation::join(app, running.clone(), &args.wait).await;
    }
    let (made, status) = (make(&control, &args.to).await?, control.cluster().await?);
    if args.dry_run {
        answer(app, &made, &status, &args.to)?;
        app.out.say("no changes made");
        return Ok(Exit::Ok);
    }
    if made.nodes.is_empty() {
        app.out.say(&all_run(&status, &args.to));
        return Ok(Exit::Ok);
    }
    if let Some(running) = running {
        return Err(operation::is_under_way(&running));
    }
    app.out.say(plan_text(app, &made, &status, &args.to)?.trim_end());
    let question = match &made.nodes[..] {
        [one] => format!("Have {} hand over what it serves, to be started again with {}?", clean(one), args.to),
        all => format!(
            "Have {} nodes hand over what they serve one after the other, to be started again with {}?",
            all.len(),
            args.to
        ),
    };
    app.confirm(&question, Danger::Moderate, &app.target()?)?;
    let request = StartRequest { plan: made, pace: Pace::default(), force: Vec::new() };
    operation::start(app, &control, &request, &args.wait, None).await
}

/// What an upgrade waits for now, in the words of who has to do it.
pub fn now(status: &OperationStatus, upgrade: &UpgradeStatus) -> Option<String> {
    let to = clean(&upgrade.to);
    if status.state == OperationState::Paused {
        return Some("paused; go on with: dcache cluster upgrade resume".into());
    }
    if status.state != OperationState::Running {
        return None;
    }
    let name = clean(upgrade.current.as_ref()?);
    Some(match upgrade.doing? {
        Doing::HandsOver => format!("{name} hands over what it serves; let it run"),
        Doing::Restarts => format!("start {name} again with {to}; it has handed over what it serves"),
        Doing::ComesInSync => format!("{name} runs {to}; its copies come in sync"),
        Doing::Done => format!("{name} runs {to}; the next one follows"),
    })
}

/// How far an upgrade is. Kind `Upgrade`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Standing<'a> {
    id: OperationId,
    to: &'a str,
    state: OperationState,
    /// The cluster's; it rises when the last node runs a newer release.
    level: u16,
    nodes: Vec<Turn<'a>>,
    current: Option<&'a str>,
    doing: Option<Doing>,
    now: Option<String>,
    why: Option<&'a str>,
}

#[derive(Serialize)]
struct Turn<'a> {
    name: &'a str,
    version: &'a str,
    state: NodeState,
    turn: Place,
}

/// Where a node is in the order.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Place {
    Done,
    Now,
    Waits,
    /// Not of the upgrade.
    None,
}

async fn status(app: &App, id: Option<&str>) -> Result<Exit> {
    if is_describing(app) {
        app.out.describe(STATUS_COLUMNS, "Upgrade", STATUS_FIELDS)?;
        return Ok(Exit::Ok);
    }
    let control = app.control()?;
    let found = latest(&control, id).await?;
    let cluster = control.cluster().await?;
    let Some(upgrade) = &found.upgrade else {
        return Err(CliError::failed(format!("{} says nothing of versions", operation::named(&found))));
    };
    let standing = standing(&found, upgrade, &cluster);
    if app.out.is_machine() {
        app.out.object("Upgrade", &standing)?;
        return Ok(Exit::Ok);
    }
    print(app, &found, &standing)?;
    Ok(Exit::Ok)
}

/// The upgrade that is named, or the newest: the one under way, if there is one.
async fn latest(control: &Control, id: Option<&str>) -> Result<OperationStatus> {
    let all = control.operations().await?;
    let upgrades = || all.iter().filter(|status| status.kind == OperationKind::Upgrade);
    let found = match id {
        None => upgrades().next().ok_or_else(|| {
            CliError::new(Exit::NotFound, "there was no upgrade lately")
                .hint("what would be done: dcache cluster upgrade plan --to VERSION")
        }),
        Some(text) => {
            let ids: Vec<String> = upgrades().map(|status| status.id.to_string()).collect();
            let found = upgrades().find(|status| text.parse() == Ok(status.id));
            found.ok_or_else(|| CliError::no_such("upgrade", text, ids.iter().map(String::as_str)))
        }
    };
    found.cloned()
}

fn standing<'a>(status: &'a OperationStatus, upgrade: &'a UpgradeStatus, cluster: &'a ClusterStatus) -> Standing<'a> {
    let place = |name: &String| match () {
        () if upgrade.current.as_ref() == Some(name) => Place::Now,
        () if upgrade.done.contains(name) => Place::Done,
        () if status.nodes.contains(name) => Place::Waits,
        () => Place::None,
    };
    let turn = |node: &'a NodeStatus| Turn {
        name: &node.name,
        version: &node.version,
        state: node.state,
        turn: place(&node.name),
    };
    let planned = |node: &NodeStatus| status.nodes.iter().position(|name| *name == node.name).unwrap_or(usize::MAX);
    let mut nodes: Vec<&NodeStatus> = cluster.nodes.iter().collect();
    nodes.sort_by_key(|node| (planned(node), &node.name));
    Standing {
        id: status.id,
        to: &upgrade.to,
        state: status.state,
        level: cluster.level,
        nodes: nodes.into_iter().map(turn).collect(),
        current: upgrade.current.as_deref(),
        doing: upgrade.doing,
        now: now(status, upgrade),
        why: status.why.as_deref(),
    }
}

fn print(app: &App, status: &OperationStatus, standing: &Standing<'_>) -> Result<()> {
    let mut table = Table::new(STATUS_COLUMNS);
    for Turn { name, version, state, turn } in &standing.nodes {
        let turn = match turn {
            Place::Done => paint(Style::Green, "done"),
            Place::Now => paint(Style::Yellow, "now"),
            Place::Waits => "waits".into(),
            Place::None => "-".into(),
        };
        table.row(vec![clean(name), clean(version), state.to_string(), turn]);
    }
    if app.out.format == Format::Name {
        return app.out.table(&table);
    }
    app.out.line(&format!(
        "upgrade {} to {}   {}   {}   level {}   for {}",
        standing.id,
        clean(standing.to),
        standing.state,
        operation::how_far(status),
        standing.level,
        operation::took(status)
    ))?;
    app.out.table(&table)?;
    if let Some(now) = &standing.now {
        app.out.line(&format!("now: {now}"))?;
    }
    if let Some(why) = standing.why {
        app.out.line(&format!("why: {}", clean(why)))?;
    }
    Ok(())
}
