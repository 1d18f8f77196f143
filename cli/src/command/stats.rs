//! `dcache stats`: figures of the cluster, summed over the nodes that answered, or of one node.
//!
//! Rates and totals add up; percentiles do not, so the cluster's latency is that of its slowest node for each percentile, and
//! is called so. A node that did not answer is named and the exit code is 9: a sum without it is not the cluster's.

use super::{App, is_describing, node};
use crate::args::Format;
use crate::args::figures::{Section, Stats as Args};
use crate::error::Result;
use crate::exit::Exit;
use crate::output::{Column, Output, Style, Table, clean, paint};
use dcache_client::Control;
use dcache_protocol::control::{
    ClusterStatus, CommandFigures, CopyLag, Envelope, Latency, LinkLag, NamespaceFigures, NodeReport, NodeStatus,
    ReplicationFigures, Window,
};
use dcache_protocol::size::{format_count, format_size};
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

const SECTIONS: [Section; 6] =
    [Section::Rates, Section::Latency, Section::Memory, Section::Replication, Section::Commands, Section::Namespaces];

pub async fn stats(app: &App, args: &Args) -> Result<Exit> {
    if is_describing(app) {
        let fields = [
            "cluster",
            "node",
            "atUnixMs",
            "rates",
            "latency",
            "memory",
            "clients",
            "replication",
            "commands",
            "namespaces",
            "missing",
        ];
        app.out.describe(&[], "Stats", &fields)?;
        return Ok(Exit::Ok);
    }
    let control = app.control()?;
    if args.prometheus {
        return prometheus(app, &control, args.node.as_deref()).await;
    }
    let Some(every) = args.watch else {
        let status = control.cluster().await?;
        let summary = Summary::of(&status, args.node.as_deref())?;
        print(app, args, &summary, false)?;
        return Ok(told_missing(app, &summary));
    };
    watch(app, args, &control, every).await
}

async fn prometheus(app: &App, control: &Control, node: Option<&str>) -> Result<Exit> {
    let text = match node {
        None => control.metrics().await?,
        Some(name) => {
            let status = control.cluster().await?;
            let endpoint = node::find(&status, name)?.addresses.control.clone();
            app.control_at(&[endpoint], app.global.timeout)?.metrics().await?
        }
    };
    app.out.data(text.as_bytes())?;
    Ok(Exit::Ok)
}

async fn watch(app: &App, args: &Args, control: &Control, every: Duration) -> Result<Exit> {
    loop {
        match control.cluster().await {
            Ok(status) => {
                if app.out.is_terminal && !app.out.is_machine() {
                    // Home, and everything below it cleared.
                    app.out.data(b"\x1b[H\x1b[2J")?;
                }
                let summary = Summary::of(&status, args.node.as_deref())?;
                print(app, args, &summary, true)?;
                told_missing(app, &summary);
            }
            Err(error) => app.out.error(&error.into()),
        }
        tokio::time::sleep(every).await;
    }
}

fn told_missing(app: &App, summary: &Summary) -> Exit {
    if summary.missing.is_empty() {
        return Exit::Ok;
    }
    app.out.say(&format!("without {}: no answer", clean(&summary.missing.join(", "))));
    Exit::Partial
}

/// What is shown, and the JSON of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    cluster: String,
    /// Set when it is one node's.
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<String>,
    at_unix_ms: u64,
    rates: Vec<Window>,
    latency: Latency,
    memory: Memory,
    clients: Clients,
    replication: Replication,
    commands: Vec<Calls>,
    namespaces: Vec<NamespaceFigures>,
    /// Nodes whose figures are not in it.
    missing: Vec<String>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Memory {
    used_bytes: u64,
    limit_bytes: u64,
    resident_bytes: u64,
    items: u64,
    evictions: u64,
    expirations: u64,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Clients {
    connections: u64,
    connections_total: u64,
    connections_rejected: u64,
    buffer_bytes: u64,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Replication {
    log_bytes: u64,
    taken_over: u64,
    discarded: u64,
    overflowed: u64,
    links: Vec<Link>,
    behind: Vec<Copy>,
}

/// One copy that lacks something of a partition that a node serves.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Copy {
    from: String,
    #[serde(flatten)]
    lag: CopyLag,
}

/// How far the copies on one node are behind those of another.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Link {
    from: String,
    #[serde(flatten)]
    lag: LinkLag,
}

impl Replication {
    fn of(reports: &[&NodeReport]) -> Replication {
        let sum = |figure: fn(&ReplicationFigures) -> u64| reports.iter().map(|r| figure(&r.replication)).sum();
        let links = |report: &&NodeReport| -> Vec<Link> {
            let link = |lag: &LinkLag| Link { from: report.name.clone(), lag: lag.clone() };
            report.replication.links.iter().map(link).collect()
        };
        let behind = |report: &&NodeReport| -> Vec<Copy> {
            let copy = |lag: &CopyLag| Copy { from: report.name.clone(), lag: lag.clone() };
            report.replication.behind.iter().map(copy).collect()
        };
        Replication {
            log_bytes: sum(|r| r.log_bytes),
            taken_over: sum(|r| r.taken_over),
            discarded: sum(|r| r.discarded),
            overflowed: sum(|r| r.overflowed),
            links: reports.iter().flat_map(links).collect(),
            behind: reports.iter().flat_map(behind).collect(),
        }
    }
}

#[derive(Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Calls {
    name: String,
    calls: u64,
    errors: u64,
    /// Of the slowest node, in microseconds, over the last 10 seconds.
    p99_us: f64,
}

impl Summary {
    fn of(status: &ClusterStatus, name: Option<&str>) -> Result<Summary> {
        let nodes: Vec<&NodeStatus> = match name {
            Some(name) => vec![node::find(status, name)?],
            None => status.nodes.iter().collect(),
        };
        let reports: Vec<&NodeReport> = nodes.iter().filter_map(|node| node.report.as_ref()).collect();
        let missing = nodes.iter().filter(|node| node.report.is_none()).map(|node| node.name.clone()).collect();
        let sum = |figure: fn(&NodeReport) -> u64| reports.iter().map(|report| figure(report)).sum();
        Ok(Summary {
            cluster: status.name.clone(),
            node: name.map(Into::into),
            at_unix_ms: status.at_unix_ms,
            rates: rates(&reports),
            latency: slowest(reports.iter().map(|report| &report.latency)),
            memory: Memory {
                used_bytes: sum(|r| r.memory_used_bytes),
                limit_bytes: nodes.iter().map(|node| node.memory_limit_bytes).sum(),
                resident_bytes: sum(|r| r.resident_bytes),
                items: sum(|r| r.items),
                evictions: sum(|r| r.traffic.evictions),
                expirations: sum(|r| r.traffic.expirations),
            },
            clients: Clients {
                connections: sum(|r| r.connections),
                connections_total: sum(|r| r.connections_total),
                connections_rejected: sum(|r| r.connections_rejected),
                buffer_bytes: sum(|r| r.buffer_bytes),
            },
            replication: Replication::of(&reports),
            commands: calls(&reports),
            namespaces: namespaces(&reports),
            missing,
        })
    }
}

/// Windows of one name added up. A window that not every node has yet would look like a drop, so it is left out.
fn rates(reports: &[&NodeReport]) -> Vec<Window> {
    let Some(first) = reports.first() else { return Vec::new() };
    let names = first.windows.iter().map(|window| window.name.as_str());
    let summed = names.filter_map(|name| {
        let mut sum = Window { name: name.into(), ..Window::default() };
        for report in reports {
            let window = report.windows.iter().find(|window| window.name == name)?;
            sum.seconds = sum.seconds.max(window.seconds);
            sum.ops_per_second += window.ops_per_second;
            sum.hits_per_second += window.hits_per_second;
            sum.misses_per_second += window.misses_per_second;
            sum.errors_per_second += window.errors_per_second;
            sum.evictions_per_second += window.evictions_per_second;
            sum.expirations_per_second += window.expirations_per_second;
            sum.bytes_in_per_second += window.bytes_in_per_second;
            sum.bytes_out_per_second += window.bytes_out_per_second;
        }
        Some(sum)
    });
    summed.collect()
}

fn slowest<'a>(latencies: impl Iterator<Item = &'a Latency>) -> Latency {
    latencies.fold(Latency::default(), |sum, one| Latency {
        count: sum.count + one.count,
        p50_us: sum.p50_us.max(one.p50_us),
        p90_us: sum.p90_us.max(one.p90_us),
        p99_us: sum.p99_us.max(one.p99_us),
        p999_us: sum.p999_us.max(one.p999_us),
        max_us: sum.max_us.max(one.max_us),
    })
}

fn calls(reports: &[&NodeReport]) -> Vec<Calls> {
    let mut by_name: BTreeMap<&str, Calls> = BTreeMap::new();
    for figures in reports.iter().flat_map(|report| &report.commands) {
        let CommandFigures { name, calls, errors, latency } = figures;
        let sum = by_name.entry(name).or_insert_with(|| Calls { name: name.clone(), ..Calls::default() });
        sum.calls += calls;
        sum.errors += errors;
        sum.p99_us = sum.p99_us.max(latency.p99_us);
    }
    let mut sums: Vec<Calls> = by_name.into_values().collect();
    // Most called first; the map's order by name stays among equals.
    sums.sort_by_key(|calls| std::cmp::Reverse(calls.calls));
    sums
}

fn namespaces(reports: &[&NodeReport]) -> Vec<NamespaceFigures> {
    let mut by_name: BTreeMap<&str, NamespaceFigures> = BTreeMap::new();
    for figures in reports.iter().flat_map(|report| &report.namespaces) {
        let sum = by_name.entry(&figures.name).or_insert_with(|| NamespaceFigures {
            name: figures.name.clone(),
            eviction: figures.eviction,
            ..NamespaceFigures::default()
        });
        sum.add(figures);
        sum.memory_max_bytes = match (sum.memory_max_bytes, figures.memory_max_bytes) {
            (sum, Some(max)) => Some(sum.unwrap_or(0) + max),
            (sum, None) => sum,
        };
    }
    by_name.into_values().collect()
}

fn print(app: &App, args: &Args, summary: &Summary, is_stream: bool) -> Result<()> {
    let out = &app.out;
    if !out.is_machine() {
        return print_text(out, args, summary);
    }
    // A stream has one line a round, whatever the form.
    let is_line = is_stream && out.format != Format::Yaml;
    match args.sections.as_slice() {
        [Section::Memory] if is_line => out.json_line(&Envelope::new("MemoryStats", &summary.memory)),
        [Section::Memory] => out.object("MemoryStats", &summary.memory),
        [Section::Latency] if is_line => out.json_line(&Envelope::new("LatencyStats", &summary.latency)),
        [Section::Latency] => out.object("LatencyStats", &summary.latency),
        [Section::Replication] if is_line => out.json_line(&Envelope::new("ReplicationStats", &summary.replication)),
        [Section::Replication] => out.object("ReplicationStats", &summary.replication),
        [Section::Rates] if !is_stream => out.list("RateList", &summary.rates),
        [Section::Commands] if !is_stream => out.list("CommandList", &summary.commands),
        [Section::Namespaces] if !is_stream => out.list("NamespaceFiguresList", &summary.namespaces),
        _ if is_line => out.json_line(&Envelope::new("Stats", summary)),
        _ => out.object("Stats", summary),
    }
}

fn print_text(out: &Output, args: &Args, summary: &Summary) -> Result<()> {
    let of = match &summary.node {
        Some(node) => format!("{} of {}", clean(node), clean(&summary.cluster)),
        None => clean(&summary.cluster),
    };
    out.line(&paint(Style::Bold, &of))?;
    let sections = if args.sections.is_empty() { &SECTIONS[..] } else { &args.sections[..] };
    sections.iter().try_for_each(|section| match section {
        Section::Rates => print_rates(out, &summary.rates),
        Section::Latency => print_latency(out, summary),
        Section::Memory => print_memory(out, summary),
        Section::Replication => print_replication(out, &summary.replication),
        Section::Commands => print_calls(out, &summary.commands),
        Section::Namespaces => print_namespaces(out, &summary.namespaces),
    })
}

fn print_rates(out: &Output, rates: &[Window]) -> Result<()> {
    type Figure = fn(&Window) -> String;
    let rows: [(&str, Figure); 7] = [
        ("", |w| w.name.clone()),
        ("ops/s", |w| format_count(w.ops_per_second)),
        ("hit ratio", |w| w.hit_ratio().map_or_else(|| "-".into(), |ratio| format!("{:.1}%", ratio * 100.0))),
        ("errors/s", |w| format_count(w.errors_per_second)),
        ("evictions/s", |w| format_count(w.evictions_per_second)),
        ("in/s", |w| format_size(w.bytes_in_per_second as u64)),
        ("out/s", |w| format_size(w.bytes_out_per_second as u64)),
    ];
    for (name, figure) in rows {
        let cells: String = rates.iter().map(|window| format!("{:>12}", figure(window))).collect();
        out.line(&format!("{name:12}{cells}"))?;
    }
    Ok(())
}

fn print_latency(out: &Output, summary: &Summary) -> Result<()> {
    let latency = &summary.latency;
    let whose = if summary.node.is_some() { "" } else { "   (slowest node)" };
    if latency.count == 0 {
        return out.line("latency     no requests in the last 10 s");
    }
    out.line(&format!(
        "latency     p50 {}   p90 {}   p99 {}   p99.9 {}   max {}{whose}",
        node::format_us(latency.p50_us),
        node::format_us(latency.p90_us),
        node::format_us(latency.p99_us),
        node::format_us(latency.p999_us),
        node::format_us(latency.max_us)
    ))
}

fn print_memory(out: &Output, summary: &Summary) -> Result<()> {
    let (memory, clients) = (&summary.memory, &summary.clients);
    let share = match memory.limit_bytes {
        0 => 0.0,
        limit => memory.used_bytes as f64 * 100.0 / limit as f64,
    };
    out.line(&format!(
        "memory      {} / {}   {share:.0}%   {} items   evicted {}   expired {}   resident {}",
        format_size(memory.used_bytes),
        format_size(memory.limit_bytes),
        format_count(memory.items as f64),
        format_count(memory.evictions as f64),
        format_count(memory.expirations as f64),
        format_size(memory.resident_bytes)
    ))?;
    out.line(&format!(
        "clients     {} now   {} in all   {} refused   buffers {}",
        clients.connections,
        clients.connections_total,
        clients.connections_rejected,
        format_size(clients.buffer_bytes)
    ))
}

const LINK_COLUMNS: &[Column] = &[
    Column::new("FROM", "the node that serves the partitions"),
    Column::new("TO", "the node that holds copies of them"),
    Column::new("IN SYNC", "copies that could take over").number(),
    Column::new("BUILDING", "copies that get the store").number(),
    Column::new("BEHIND", "entries that copies in sync have not acknowledged").number(),
    Column::new("LAG", "age of the oldest of them").number(),
];

/// Nothing where there are no copies.
fn print_replication(out: &Output, replication: &Replication) -> Result<()> {
    if replication.links.is_empty() {
        return Ok(());
    }
    out.line(&format!(
        "copies      log {}   taken over {}   discarded {}   sent again {}",
        format_size(replication.log_bytes),
        format_count(replication.taken_over as f64),
        format_count(replication.discarded as f64),
        format_count(replication.overflowed as f64)
    ))?;
    let mut table = Table::new(LINK_COLUMNS);
    for Link { from, lag } in &replication.links {
        table.row(vec![
            clean(from),
            clean(&lag.node),
            lag.in_sync.to_string(),
            lag.building.to_string(),
            format_count(lag.entries as f64),
            format!("{} ms", lag.lag_ms),
        ]);
    }
    out.table(&table)?;
    // Of copies that are being built the links say how many there are.
    let mut behind: Vec<&Copy> = replication.behind.iter().filter(|copy| copy.lag.entries > 0).collect();
    behind.sort_by_key(|copy| Reverse((copy.lag.lag_ms, copy.lag.entries)));
    if behind.is_empty() {
        return Ok(());
    }
    let mut table = Table::new(COPY_COLUMNS);
    for Copy { from, lag } in behind.into_iter().take(COPIES_SHOWN) {
        table.row(vec![
            lag.partition.to_string(),
            clean(from),
            clean(&lag.node),
            if lag.in_sync { "in sync" } else { "being built" }.into(),
            format_count(lag.entries as f64),
            format!("{} ms", lag.lag_ms),
        ]);
    }
    out.table(&table)
}

/// Copies that are told one by one; JSON has more of each node.
const COPIES_SHOWN: usize = 10;

const COPY_COLUMNS: &[Column] = &[
    Column::new("PARTITION", "the furthest behind first, 10 at most"),
    Column::new("FROM", "the node that serves it"),
    Column::new("TO", "the node with the copy"),
    Column::new("COPY", "whether it counts as in sync"),
    Column::new("BEHIND", "entries that it has not acknowledged").number(),
    Column::new("LAG", "age of the oldest of them").number(),
];

const CALL_COLUMNS: &[Column] = &[
    Column::new("COMMAND", "its name"),
    Column::new("CALLS", "since the nodes' start").number(),
    Column::new("ERRORS", "of these").number(),
    Column::new("P99", "99 of 100 are faster, on the slowest node").number(),
];

fn print_calls(out: &Output, calls: &[Calls]) -> Result<()> {
    let mut table = Table::new(CALL_COLUMNS);
    for one in calls {
        let p99 = if one.p99_us > 0.0 { node::format_us(one.p99_us) } else { "-".into() };
        table.row(vec![clean(&one.name), one.calls.to_string(), one.errors.to_string(), p99]);
    }
    out.table(&table)
}

const NAMESPACE_COLUMNS: &[Column] = &[
    Column::new("NAMESPACE", "its name"),
    Column::new("ITEMS", "entries").number(),
    Column::new("MEM", "memory of its entries").number(),
    Column::new("HITS", "lookups that found").number(),
    Column::new("MISSES", "lookups that did not").number(),
    Column::new("EVICTED", "entries evicted").number(),
];

fn print_namespaces(out: &Output, namespaces: &[NamespaceFigures]) -> Result<()> {
    let mut table = Table::new(NAMESPACE_COLUMNS);
    for one in namespaces {
        table.row(vec![
            clean(&one.name),
            format_count(one.items as f64),
            format_size(one.memory_used_bytes),
            format_count(one.hits as f64),
            format_count(one.misses as f64),
            format_count(one.evictions as f64),
        ]);
    }
    out.table(&table)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(ops: f64, windows: &[&str], p99_us: f64) -> NodeReport {
        let window = |name: &&str| Window { name: (*name).into(), ops_per_second: ops, ..Window::default() };
        NodeReport {
            windows: windows.iter().map(window).collect(),
            latency: Latency { count: 1, p99_us, ..Latency::default() },
            commands: vec![CommandFigures { name: "get".into(), calls: 3, ..CommandFigures::default() }],
            ..NodeReport::default()
        }
    }

    #[test]
    fn rates_add_up_and_percentiles_do_not() {
        let (a, b) = (report(10.0, &["now", "1m"], 500.0), report(5.0, &["now"], 900.0));
        let both = [&a, &b];
        let summed = rates(&both);
        assert_eq!(summed.len(), 1, "the window that one node does not have yet is left out");
        assert_eq!(summed[0].ops_per_second, 15.0);
        assert_eq!(slowest(both.iter().map(|r| &r.latency)).p99_us, 900.0);
        assert_eq!(calls(&both), [Calls { name: "get".into(), calls: 6, errors: 0, p99_us: 0.0 }]);
        assert!(rates(&[]).is_empty());
    }
}
