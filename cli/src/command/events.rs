//! `dcache events`: what happened to the cluster, as it agreed on it, oldest first.

use super::{App, is_describing};
use crate::args::figures::{EventLevel, Events as Args};
use crate::encoding::rfc3339;
use crate::error::Result;
use crate::exit::Exit;
use crate::output::{Column, Style, Table, clean, paint};
use dcache_protocol::control::{ClusterEvent, Level};
use serde::Serialize;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How often `--follow` asks.
const FOLLOW_EVERY: Duration = Duration::from_millis(500);

const COLUMNS: &[Column] = &[
    Column::new("TIME", "by the wall clock of the metadata leader"),
    Column::new("LEVEL", "info, warning or critical"),
    Column::new("NODE", "the node it is about"),
    Column::new("EVENT", "what happened"),
    Column::new("SEQ", "its number").number().wide(),
];

/// One event as programs read it.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    event: &'a ClusterEvent,
    message: String,
}

pub async fn events(app: &App, args: &Args) -> Result<Exit> {
    if is_describing(app) {
        let fields = ["seq", "atUnixMs", "level", "kind", "node", "count", "of", "detail", "message"];
        app.out.describe(COLUMNS, "Event", &fields)?;
        return Ok(Exit::Ok);
    }
    let control = app.control()?;
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
    let since_ms = args.since.map_or(0, |since| now_ms.saturating_sub(since.as_millis() as u64));
    let is_wanted = |event: &&ClusterEvent| {
        event.at_unix_ms >= since_ms
            && event.level >= args.level.map_or(Level::Info, EventLevel::level)
            && args.node.as_ref().is_none_or(|name| event.node.as_ref() == Some(name))
    };
    let mut seen = control.events(0).await?;
    let mut last = seen.last().map_or(0, |event| event.seq);
    if !args.follow {
        let wanted: Vec<&ClusterEvent> = seen.iter().filter(is_wanted).collect();
        return show(app, &wanted);
    }
    loop {
        for event in seen.iter().filter(is_wanted) {
            if app.out.is_machine() {
                app.out.json_line(&Told { event, message: event.message() })?;
            } else {
                app.out.line(&line(event))?;
            }
        }
        last = seen.last().map_or(last, |event| event.seq);
        tokio::time::sleep(FOLLOW_EVERY).await;
        seen = match control.events(last).await {
            Ok(events) => events,
            Err(error) => {
                app.out.error(&error.into());
                Vec::new()
            }
        };
    }
}

fn show(app: &App, events: &[&ClusterEvent]) -> Result<Exit> {
    if app.out.is_machine() {
        let told: Vec<Told<'_>> = events.iter().map(|event| Told { event, message: event.message() }).collect();
        app.out.list("EventList", &told)?;
        return Ok(Exit::Ok);
    }
    let mut table = Table::new(COLUMNS);
    for event in events {
        let node = event.node.as_ref().map_or_else(|| "-".into(), |node| clean(node));
        table.row(vec![rfc3339(event.at_unix_ms), level(event), node, clean(&event.message()), event.seq.to_string()]);
    }
    app.out.table(&table)?;
    Ok(Exit::Ok)
}

fn level(event: &ClusterEvent) -> String {
    match event.level {
        Level::Info => "info".into(),
        Level::Warning => paint(Style::Yellow, "warning"),
        Level::Critical => paint(Style::Red, "critical"),
    }
}

fn line(event: &ClusterEvent) -> String {
    let node = event.node.as_ref().map(|node| format!("{} ", clean(node))).unwrap_or_default();
    format!("{}  {:<8}  {node}{}", rfc3339(event.at_unix_ms), level(event), clean(&event.message()))
}
