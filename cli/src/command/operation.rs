//! `dcache op`: long work the cluster does by itself, of every kind; and how other verbs start it and see it through.
//!
//! The cluster has the work: this program starts it, watches it (`operation/watch.rs`) and may leave at any time.

pub mod watch;

use super::signals::Signals;
use super::{App, is_describing, upgrade};
use crate::args::operation::{Op, OpCancel, OpName, OpShow, OpThrottle, OpWatch, WaitFlags, WatchFlags};
use crate::encoding::rfc3339_seconds;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::output::{Column, Style, Table, clean, paint};
use dcache_client::Control;
use dcache_protocol::operation::{
    MoveState, MoveStatus, OperationKind, OperationState, OperationStatus, Pace, StartRequest,
};
use dcache_protocol::size::{format_duration_ms, format_size};
use std::time::Duration;
use watch::End;

/// How long one node may take to answer somebody who watches, before another one is asked.
const ANSWER_WITHIN: Duration = Duration::from_secs(4);

const COLUMNS: &[Column] = &[
    Column::new("ID", "its number"),
    Column::new("KIND", "rebalance, add, drain, remove or upgrade"),
    Column::new("NODES", "whom it is about"),
    Column::new("STATE", "running, waits, paused, cancelling, done, failed or cancelled"),
    Column::new("MOVES", "made, and all; of an upgrade, nodes").number(),
    Column::new("BYTES", "copied, and all").number(),
    Column::new("STARTED", "by the wall clock of the metadata leader"),
    Column::new("TOOK", "until its end, or until now").number(),
    Column::new("PLAN", "id of the plan it carries out").wide(),
    Column::new("WHY", "why it failed, was cancelled or waits").wide(),
];

const MOVE_COLUMNS: &[Column] = &[
    Column::new("PARTITION", "its number"),
    Column::new("FROM", "who holds it before, the primary first"),
    Column::new("TO", "who holds it after, the primary first"),
    Column::new("STATE", "waiting, moving, done or failed"),
    Column::new("BYTES", "to be copied, as of the plan").number(),
    Column::new("COPIED", "percent of them").number(),
];

const FIELDS: &[&str] = &[
    "id",
    "operation",
    "nodes",
    "state",
    "plan",
    "startedUnixMs",
    "endedUnixMs",
    "pace",
    "held",
    "why",
    "movesTotal",
    "movesDone",
    "movesFailed",
    "bytesTotal",
    "bytesDone",
    "bytesASecond",
    "p99RiseUs",
    "upgrade",
    "moving",
    "moves",
    "notes",
];

pub async fn run(app: &App, verb: Op) -> Result<Exit> {
    match verb {
        Op::List => list(app, |_| true).await,
        Op::Show(args) => show(app, &args).await,
        Op::Watch(args) => watch(app, &args, &[]).await,
        Op::Pause(args) => pause(app, &args, &[]).await,
        Op::Resume(args) => resume(app, &args, &[]).await,
        Op::Cancel(args) => cancel(app, &args, &[]).await,
        Op::Throttle(args) => throttle(app, &args, &[]).await,
    }
}

/// `drain 0b58 of n2`.
pub fn named(status: &OperationStatus) -> String {
    let nodes: Vec<String> = status.nodes.iter().map(|name| clean(name)).collect();
    let of = if nodes.is_empty() { String::new() } else { format!(" of {}", nodes.join(", ")) };
    format!("{} {}{of}", status.kind, status.id)
}

/// `338 of 512 moves are made`, `2 of 3 nodes run 0.2.0`.
pub fn how_far(status: &OperationStatus) -> String {
    match &status.upgrade {
        Some(upgrade) => {
            format!("{} of {} nodes run {}", upgrade.done.len(), status.nodes.len(), clean(&upgrade.to))
        }
        None => format!("{} of {} moves are made", status.moves_done, status.moves_total),
    }
}

/// Steps that are done, and all: turns of an upgrade, moves of all others.
fn steps(status: &OperationStatus) -> (u64, u64) {
    match &status.upgrade {
        Some(upgrade) => (upgrade.done.len() as u64, status.nodes.len() as u64),
        None => (status.moves_done, status.moves_total),
    }
}

/// From its start to its end.
pub fn took(status: &OperationStatus) -> String {
    let now_ms = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |t| t.as_millis() as u64);
    let end = status.ended_unix_ms.unwrap_or(now_ms);
    format_duration_ms(end.saturating_sub(status.started_unix_ms))
}

/// The operation under way, if there is one.
pub async fn under_way(control: &Control) -> Result<Option<OperationStatus>> {
    Ok(control.operations().await?.into_iter().find(|status| !status.state.is_over()))
}

/// What is said to somebody who wants another one.
pub fn is_under_way(status: &OperationStatus) -> CliError {
    let id = status.id;
    CliError::new(Exit::Conflict, format!("{} is under way; one operation at a time", named(status)))
        .hint(format!("watch it: dcache op watch {id}"))
        .hint(format!("stop it: dcache op cancel {id}"))
}

/// The operation that is named, or the one under way; of these kinds, if any are given.
async fn find(control: &Control, name: &OpName, kinds: &[OperationKind]) -> Result<OperationStatus> {
    let all = control.operations().await?;
    let found = match &name.id {
        Some(text) => {
            let wanted = text.parse().ok();
            let ids: Vec<String> = all.iter().map(|status| status.id.to_string()).collect();
            all.into_iter()
                .find(|status| Some(status.id) == wanted)
                .ok_or_else(|| CliError::no_such("operation", text, ids.iter().map(String::as_str)))?
        }
        None => all.into_iter().find(|status| !status.state.is_over()).ok_or_else(|| {
            CliError::new(Exit::NotFound, "no operation is under way").hint("see the last ones: dcache op list")
        })?,
    };
    if !kinds.is_empty() && !kinds.contains(&found.kind) {
        let kind = kinds.first().map(ToString::to_string).unwrap_or_default();
        return Err(CliError::new(Exit::Conflict, format!("{} is no {kind}", named(&found)))
            .hint(format!("dcache op takes every kind: dcache op show {}", found.id)));
    }
    Ok(found)
}

pub async fn list(app: &App, is_wanted: fn(&OperationStatus) -> bool) -> Result<Exit> {
    if is_describing(app) {
        app.out.describe(COLUMNS, "OperationList", &[&["items", "each with"], FIELDS].concat())?;
        return Ok(Exit::Ok);
    }
    let mut all = app.control()?.operations().await?;
    all.retain(is_wanted);
    if app.out.is_machine() {
        app.out.list("OperationList", &all)?;
        return Ok(Exit::Ok);
    }
    let mut table = Table::new(COLUMNS);
    for status in &all {
        let nodes: Vec<String> = status.nodes.iter().map(|name| clean(name)).collect();
        let (done, all) = steps(status);
        let bytes = match &status.upgrade {
            Some(_) => "-".into(),
            None => format!("{} / {}", format_size(status.bytes_done), format_size(status.bytes_total)),
        };
        table.row(vec![
            status.id.to_string(),
            status.kind.to_string(),
            if nodes.is_empty() { "-".into() } else { nodes.join(",") },
            state(status),
            format!("{done}/{all}"),
            bytes,
            rfc3339_seconds(status.started_unix_ms),
            took(status),
            clean(&status.plan),
            status.held.as_ref().or(status.why.as_ref()).map_or_else(|| "-".into(), |why| clean(why)),
        ]);
    }
    app.out.table(&table)?;
    Ok(Exit::Ok)
}

fn state(status: &OperationStatus) -> String {
    match status.state {
        OperationState::Running if status.held.is_some() => paint(Style::Yellow, "waits"),
        OperationState::Running => paint(Style::Green, "running"),
        OperationState::Paused | OperationState::Cancelling => paint(Style::Yellow, &status.state.to_string()),
        OperationState::Failed => paint(Style::Red, "failed"),
        OperationState::Done | OperationState::Cancelled => status.state.to_string(),
    }
}

async fn show(app: &App, args: &OpShow) -> Result<Exit> {
    if is_describing(app) {
        app.out.describe(if args.moves { MOVE_COLUMNS } else { &[] }, "Operation", FIELDS)?;
        return Ok(Exit::Ok);
    }
    let control = app.control()?;
    let found = find(&control, &args.name, &[]).await?;
    let status = control.operation(found.id, args.moves).await?;
    if app.out.is_machine() {
        app.out.object("Operation", &status)?;
    } else if app.out.format == crate::args::Format::Name {
        app.out.line(&status.id.to_string())?;
    } else {
        print(app, &status)?;
        if args.moves {
            print_moves(app, &status)?;
        }
    }
    Ok(Exit::Ok)
}

fn print(app: &App, status: &OperationStatus) -> Result<()> {
    let out = &app.out;
    out.line(&format!("{}   {}", paint(Style::Bold, &named(status)), state(status)))?;
    let fact = |what: &str, value: String| out.line(&format!("  {what:8}  {value}"));
    if let Some(held) = &status.held {
        fact("waits", clean(held))?;
    }
    if let Some(why) = &status.why {
        fact("why", clean(why))?;
    }
    match &status.upgrade {
        Some(upgrade) => {
            fact("turns", how_far(status))?;
            if let Some(now) = upgrade::now(status, upgrade) {
                fact("now", now)?;
            }
        }
        None => facts_of_moves(status).into_iter().try_for_each(|(what, value)| fact(what, value))?,
    }
    fact("plan", clean(&status.plan))?;
    fact("started", rfc3339_seconds(status.started_unix_ms))?;
    match status.ended_unix_ms {
        Some(ended) => fact("ended", format!("{}, after {}", rfc3339_seconds(ended), took(status)))?,
        None => fact("for", took(status))?,
    }
    for (number, each) in status.moving.iter().enumerate() {
        fact(if number == 0 { "now" } else { "" }, watch::moving(each))?;
    }
    for (number, note) in status.notes.iter().enumerate() {
        let text = format!("{}  {}", rfc3339_seconds(note.at_unix_ms), clean(&note.text));
        fact(if number == 0 { "notes" } else { "" }, text)?;
    }
    Ok(())
}

fn facts_of_moves(status: &OperationStatus) -> Vec<(&'static str, String)> {
    let OperationStatus { moves_done, moves_total, moves_failed, .. } = status;
    let moves = format!("{moves_done} of {moves_total} made, {moves_failed} failed, {} under way", status.moving.len());
    let bytes = format!("{} of {}", format_size(status.bytes_done), format_size(status.bytes_total));
    let mut facts = vec![("moves", moves), ("bytes", bytes)];
    if !status.state.is_over() {
        facts.push(("rate", format!("{}/s", format_size(status.bytes_a_second))));
        facts.push(("guard", watch::guard(status)));
    }
    facts.push(("pace", pace(&status.pace)));
    facts
}

fn print_moves(app: &App, status: &OperationStatus) -> Result<()> {
    if status.state.is_over() {
        app.out.say("its moves are not kept now that it is over");
        return Ok(());
    }
    if status.upgrade.is_some() {
        app.out.say("an upgrade moves nothing; see: dcache cluster upgrade status");
        return Ok(());
    }
    let mut table = Table::new(MOVE_COLUMNS);
    for each in &status.moves {
        let names = |names: &[String]| names.iter().map(|name| clean(name)).collect::<Vec<_>>().join(",");
        let MoveStatus { partition, from, to, state, bytes, percent } = each;
        let state = match state {
            MoveState::Waiting => "waiting".into(),
            MoveState::Moving => paint(Style::Yellow, "moving"),
            MoveState::Done => paint(Style::Green, "done"),
            MoveState::Failed => paint(Style::Red, "failed"),
        };
        table.row(vec![
            partition.to_string(),
            names(from),
            names(to),
            state,
            format_size(*bytes),
            format!("{percent}%"),
        ]);
    }
    app.out.table(&table)
}

/// `32 MiB/s a node, 4 moves at once, p99 may rise by 2.0 ms`.
fn pace(pace: &Pace) -> String {
    let rate = match pace.rate_bytes {
        0 => "unlimited".into(),
        bytes => format!("{}/s a node", format_size(bytes)),
    };
    let guard = match pace.guard_p99_us {
        0 => "p99 not looked at".into(),
        us => format!("p99 may rise by {:.1} ms", us as f64 / 1000.0),
    };
    format!("{rate}, {} moves at once, {guard}", pace.moves_at_once)
}

pub async fn watch(app: &App, args: &OpWatch, kinds: &[OperationKind]) -> Result<Exit> {
    if is_describing(app) {
        app.out.describe(&[], "Operation", FIELDS)?;
        return Ok(Exit::Ok);
    }
    let found = find(&app.control()?, &args.name, kinds).await?;
    let mut signals = Signals::listen()?;
    see_through(app, found, &args.watch, &mut signals, None).await
}

pub async fn pause(app: &App, args: &OpName, kinds: &[OperationKind]) -> Result<Exit> {
    let control = app.control()?;
    let before = find(&control, args, kinds).await?;
    let status = control.pause_operation(before.id).await?;
    let so = match before.state {
        OperationState::Paused => "is paused already".into(),
        _ if status.upgrade.is_some() => "paused: no further turn; nodes may go back to the build before".into(),
        _ if status.moving.is_empty() => "paused: no move begins".into(),
        _ => format!("paused: the {} moves under way are finished, no other begins", status.moving.len()),
    };
    steered(app, &status, &so, Some(format!("dcache op resume {}", status.id)))
}

pub async fn resume(app: &App, args: &OpName, kinds: &[OperationKind]) -> Result<Exit> {
    let control = app.control()?;
    let before = find(&control, args, kinds).await?;
    let status = control.resume_operation(before.id).await?;
    let so = if before.state == OperationState::Running { "is running already" } else { "goes on" };
    steered(app, &status, so, Some(format!("dcache op watch {}", status.id)))
}

pub async fn throttle(app: &App, args: &OpThrottle, kinds: &[OperationKind]) -> Result<Exit> {
    let control = app.control()?;
    let before = find(&control, &args.name, kinds).await?;
    if before.kind == OperationKind::Upgrade {
        return Err(CliError::new(Exit::Conflict, format!("{} moves nothing: it has no pace", named(&before))));
    }
    let status = control.pace_operation(before.id, &args.pace.on(before.pace)).await?;
    steered(app, &status, &format!("goes at {} now", pace(&status.pace)), None)
}

fn steered(app: &App, status: &OperationStatus, so: &str, next: Option<String>) -> Result<Exit> {
    if app.out.is_machine() {
        app.out.object("Operation", status)?;
    }
    app.out.say(&format!("{} {so}", named(status)));
    next.iter().for_each(|next| app.out.next(next));
    Ok(Exit::Ok)
}

pub async fn cancel(app: &App, args: &OpCancel, kinds: &[OperationKind]) -> Result<Exit> {
    let control = app.control()?;
    let before = find(&control, &args.name, kinds).await?;
    if before.state == OperationState::Cancelled {
        return steered(app, &before, "is cancelled already", None);
    }
    let status = control.cancel_operation(before.id).await?;
    if args.wait.no_wait {
        let so = match status.upgrade {
            Some(_) => "is being cancelled: every node goes on with the build it has",
            None => "is being cancelled: what has not taken over is taken back",
        };
        return steered(app, &status, so, None);
    }
    let mut signals = Signals::listen()?;
    let control = watching(app, &status).await?;
    match watch::to_end(app, &control, status, &args.wait.watch, &mut signals).await? {
        End::Left(exit) => Ok(exit),
        End::Over(status) if status.state == OperationState::Cancelled => {
            let why = status.why.as_deref().map(|why| format!(": {}", clean(why))).unwrap_or_default();
            steered(app, &status, &format!("cancelled{why}"), None)
        }
        End::Over(status) => Err(CliError::new(
            Exit::Conflict,
            format!("{} was {} before it was cancelled", named(&status), status.state),
        )),
    }
}

/// Starts an operation and, unless it is not to be waited for, watches it to its end. `after` is what a success adds to its line.
pub async fn start(
    app: &App,
    control: &Control,
    request: &StartRequest,
    wait: &WaitFlags,
    after: Option<String>,
) -> Result<Exit> {
    let mut signals = Signals::listen()?;
    let mut is_leaving = None;
    let asked = control.start_operation(request);
    tokio::pin!(asked);
    let started = loop {
        tokio::select! {
            answer = &mut asked => break answer?,
            // The first waits for the answer, as without it nobody could tell what was begun.
            exit = signals.next() => match is_leaving {
                None => is_leaving = Some(exit),
                Some(exit) => return Ok(exit),
            },
        }
    };
    if let Some(exit) = is_leaving {
        watch::still_running(app, &started);
        return Ok(exit);
    }
    if wait.no_wait {
        return not_waited_for(app, &started);
    }
    if app.out.talks_to_terminal {
        app.out.say(&format!("operation {}", started.id));
    }
    see_through(app, started, &wait.watch, &mut signals, after).await
}

/// Goes on watching what somebody began before with the same words.
pub async fn join(app: &App, running: OperationStatus, wait: &WaitFlags) -> Result<Exit> {
    app.out.say(&format!("{} is under way already", named(&running)));
    if wait.no_wait {
        return not_waited_for(app, &running);
    }
    let mut signals = Signals::listen()?;
    see_through(app, running, &wait.watch, &mut signals, None).await
}

fn not_waited_for(app: &App, status: &OperationStatus) -> Result<Exit> {
    match app.out.is_machine() {
        true => app.out.object("Operation", status)?,
        false => app.out.line(&status.id.to_string())?,
    }
    app.out.next(&format!("dcache op watch {}", status.id));
    Ok(Exit::Ok)
}

/// The control API for somebody who watches: a node that hangs is not waited for long, and one that is being removed is asked
/// only when nobody else is known, as it will not hear of the end.
async fn watching(app: &App, status: &OperationStatus) -> Result<Control> {
    let mut endpoints = app.target()?.endpoints;
    let timeout = app.global.timeout.min(ANSWER_WITHIN);
    let learned = match app.control_at(&endpoints, timeout)?.cluster().await {
        Ok(cluster) => cluster.nodes,
        // Then those that were given have to do.
        Err(_) => Vec::new(),
    };
    let leaves = |name: &String| status.kind == OperationKind::Remove && status.nodes.contains(name);
    for node in learned.iter().filter(|node| leaves(&node.name)) {
        endpoints.retain(|endpoint| endpoint.trim_start_matches("http://") != node.addresses.control);
    }
    endpoints.extend(learned.iter().filter(|node| !leaves(&node.name)).map(|node| node.addresses.control.clone()));
    if endpoints.is_empty() {
        endpoints = app.target()?.endpoints;
    }
    app.control_at(&endpoints, timeout)
}

/// Watches to the end and says what became of it.
async fn see_through(
    app: &App,
    status: OperationStatus,
    flags: &WatchFlags,
    signals: &mut Signals,
    after: Option<String>,
) -> Result<Exit> {
    let control = watching(app, &status).await?;
    let status = match watch::to_end(app, &control, status, flags, signals).await? {
        End::Left(exit) => return Ok(exit),
        End::Over(status) => status,
    };
    if app.out.is_machine() {
        app.out.object("Operation", &status)?;
    }
    let why = |error: CliError| match &status.why {
        Some(why) => error.why(clean(why)),
        None => error,
    };
    match status.state {
        OperationState::Done => {
            if app.out.talks_to_terminal {
                let after = after.unwrap_or_default();
                app.out.say(&format!("{} {}{after}", paint(Style::Green, "✔"), outcome(&status)));
            }
            next(&status).iter().for_each(|next| app.out.next(next));
            Ok(Exit::Ok)
        }
        OperationState::Cancelled => Err(why(CliError::failed(format!("{} was cancelled", named(&status))))),
        _ => Err(why(CliError::failed(format!("{} failed", named(&status))))
            .hint(format!("what happened: dcache op show {}", status.id))),
    }
}

/// What a success is, in the words of its kind.
fn outcome(status: &OperationStatus) -> String {
    let nodes: Vec<String> = status.nodes.iter().map(|name| clean(name)).collect();
    let (nodes, is, took) = (nodes.join(", "), if nodes.len() == 1 { "is" } else { "are" }, took(status));
    let moved = format!("{} moved, {} failed", status.moves_done, status.moves_failed);
    match status.kind {
        OperationKind::Rebalance => format!("{moved}, in {took}"),
        OperationKind::Add => format!("{nodes} {is} added: {moved}, in {took}"),
        OperationKind::Drain => format!("{nodes} {is} empty after {took}; it still serves as a proxy until removed"),
        OperationKind::Remove => format!("{nodes} {is} removed after {took}; its process can be stopped"),
        OperationKind::Upgrade => format!("{}, in {took}", how_far(status)),
    }
}

fn next(status: &OperationStatus) -> Option<String> {
    let node = clean(status.nodes.first().map_or("", String::as_str));
    match status.kind {
        OperationKind::Drain => {
            Some(format!("dcache cluster remove {node}     or put it back: dcache cluster undrain {node}"))
        }
        OperationKind::Add | OperationKind::Remove => Some("dcache cluster status".into()),
        OperationKind::Upgrade => Some("who starts again serves less at first: dcache rebalance --plan".into()),
        OperationKind::Rebalance => None,
    }
}
