//! `dcache node`: start one on this machine, list and show those of the cluster.

use super::{App, is_describing};
use crate::args::node::NodeStart;
use crate::encoding::rfc3339_seconds;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::output::{Column, Output, Style, Table, clean, paint};
use dcache_node::StartOptions;
use dcache_protocol::control::{ClusterStatus, NodeStatus, Window};
use dcache_protocol::size::{format_count, format_duration_ms, format_size};
use dcache_protocol::{NodeState, Share};

pub fn start(app: &App, args: NodeStart) -> Result<Exit> {
    let is_check = args.check;
    let options = StartOptions {
        file: args.file,
        name: args.name,
        zone: args.zone,
        gateway: args.gateway,
        listen: args.listen,
        control: args.control,
        peers: args.peers,
        memcached: args.memcached,
        announce: args.announce,
        memory: args.memory,
        weight: args.weight,
        workers: args.workers,
        join: args.join,
        data_dir: args.data_dir,
        insecure: args.insecure,
        debug_commands: args.debug_commands,
        log_format: args.log_format,
    };
    if is_check {
        let report = dcache_node::check(&options)?;
        let what = report.file.map_or_else(|| "the configuration".into(), |path| path.display().to_string());
        app.out.line(&format!("{} is valid", clean(&what)))?;
        for warning in &report.warnings {
            app.out.line(&format!("  {} {}", paint(Style::Yellow, "warning:"), clean(warning)))?;
        }
        return Ok(Exit::Ok);
    }
    dcache_node::run(options)?;
    Ok(Exit::Ok)
}

/// Columns of `node list` and `cluster status`.
pub const COLUMNS: &[Column] = &[
    Column::new("NODE", "its name"),
    Column::new("ZONE", "its zone"),
    Column::new(
        "STATE",
        "up, silent (agreed to be up, does not answer) or down; joined, draining, drained, maint; a star marks the metadata leader",
    ),
    Column::new("PRIM", "partitions it owns").number(),
    Column::new("COPIES", "partitions of others it holds copies of, those in sync and all").number(),
    Column::new("ITEMS", "entries it holds").number(),
    Column::new("MEM", "memory of its entries, and the limit").number(),
    Column::new("OPS/S", "requests a second now").number(),
    Column::new("HIT", "hits of lookups in the last minute").number(),
    Column::new("P99", "99 of 100 requests are faster").number(),
    Column::new("UPTIME", "since its start").number(),
    Column::new("GATEWAY", "door for any Redis client").wide(),
    Column::new("CLUSTER", "door for cluster-aware Redis clients").wide(),
    Column::new("CONTROL", "door of the control API").wide(),
    Column::new("PEERS", "door for other nodes").wide(),
    Column::new("WEIGHT", "share of the slots relative to others").number().wide(),
    Column::new("VERSION", "its version").wide(),
    Column::new("ID", "identity of its data directory").wide(),
    Column::new("SLOTS", "ranges of slots it owns").wide(),
];

/// The nodes of a cluster as a table.
pub fn table(status: &ClusterStatus) -> Table {
    let mut table = Table::new(COLUMNS);
    for node in &status.nodes {
        table.row(cells(node, status.at_unix_ms));
    }
    table
}

fn cells(node: &NodeStatus, now_ms: u64) -> Vec<String> {
    let report = node.report.as_ref();
    let unknown = || "-".to_string();
    let window = |name: &str| report.and_then(|report| report.windows.iter().find(|window| window.name == name));
    let recent = window("1m").or(window("now"));
    let ranges: Vec<String> = node.slot_ranges.iter().map(ToString::to_string).collect();
    vec![
        clean(&node.name),
        if node.zone.is_empty() { unknown() } else { clean(&node.zone) },
        state(node, now_ms),
        node.partitions.to_string(),
        match node.backups {
            0 => unknown(),
            all if node.backups_in_sync == all => all.to_string(),
            all => format!("{}/{all}", node.backups_in_sync),
        },
        report.map_or_else(unknown, |report| format_count(report.items as f64)),
        report.map_or_else(unknown, |report| {
            format!("{} / {}", format_size(report.memory_used_bytes), format_size(node.memory_limit_bytes))
        }),
        window("now").map_or_else(unknown, |window| format_count(window.ops_per_second)),
        recent.and_then(Window::hit_ratio).map_or_else(unknown, |ratio| format!("{:.1}%", ratio * 100.0)),
        report.filter(|r| r.latency.count > 0).map_or_else(unknown, |report| format_us(report.latency.p99_us)),
        report.map_or_else(unknown, |report| format_duration_ms(report.uptime_ms)),
        clean(&node.addresses.gateway),
        clean(&node.addresses.cluster),
        clean(&node.addresses.control),
        clean(&node.addresses.peers),
        node.weight.to_string(),
        clean(&node.version),
        node.id.to_string(),
        if ranges.is_empty() { unknown() } else { ranges.join(",") },
    ]
}

/// What a node that is up is said to be instead, and one that is not as well.
fn role(node: &NodeStatus, now_ms: u64) -> Option<&'static str> {
    match node.share {
        _ if node.maintenance_until_unix_ms > now_ms => Some("maint"),
        Share::Full => None,
        Share::Joined => Some("joined"),
        Share::Drained if node.partitions > 0 || node.backups > 0 => Some("draining"),
        Share::Drained => Some("drained"),
    }
}

fn state(node: &NodeStatus, now_ms: u64) -> String {
    let star = if node.leader { "*" } else { "" };
    let role = role(node, now_ms);
    let beside = role.map(|role| format!(",{role}")).unwrap_or_default();
    match (node.state, node.reachable, role) {
        (NodeState::Up, true, _) if node.restarted => paint(Style::Yellow, &format!("starting{beside}{star}")),
        (NodeState::Up, true, None) => paint(Style::Green, &format!("up{star}")),
        (NodeState::Up, true, Some(role)) => paint(Style::Yellow, &format!("{role}{star}")),
        (NodeState::Up, false, _) => paint(Style::Yellow, &format!("silent{beside}{star}")),
        (NodeState::Down, _, _) => paint(Style::Red, &format!("down{beside}{star}")),
    }
}

fn share(share: Share) -> &'static str {
    match share {
        Share::Full => "its own, by weight",
        Share::Joined => "none yet: dcache cluster add gives it one",
        Share::Drained => "none: it is to hold nothing",
    }
}

/// `0.21ms`, `7.8ms`, `1.2s`.
pub fn format_us(us: f64) -> String {
    match us {
        us if us < 9_995.0 => format!("{:.2}ms", us / 1000.0),
        us if us < 999_500.0 => format!("{:.0}ms", us / 1000.0),
        us => format!("{:.1}s", us / 1e6),
    }
}

pub async fn list(app: &App) -> Result<Exit> {
    if is_describing(app) {
        app.out.describe(COLUMNS, "NodeList", NODE_FIELDS)?;
        return Ok(Exit::Ok);
    }
    let status = app.control()?.cluster().await?;
    match app.out.is_machine() {
        true => app.out.list("NodeList", &status.nodes)?,
        false => app.out.table(&table(&status))?,
    }
    Ok(Exit::Ok)
}

const NODE_FIELDS: &[&str] = &[
    "items",
    "each with id",
    "name",
    "zone",
    "weight",
    "version",
    "addresses",
    "state",
    "reachable",
    "restarted",
    "share",
    "maintenanceUntilUnixMs",
    "leader",
    "voter",
    "partitions",
    "backups",
    "backupsInSync",
    "slots",
    "slotRanges",
    "memoryLimitBytes",
    "report",
    "error",
];

/// The node of that name in the cluster, or an error with the names nearest to it.
pub fn find<'a>(status: &'a ClusterStatus, name: &str) -> Result<&'a NodeStatus> {
    status
        .nodes
        .iter()
        .find(|node| node.name == name)
        .ok_or_else(|| CliError::no_such("node", name, status.nodes.iter().map(|node| node.name.as_str())))
}

pub async fn show(app: &App, name: &str) -> Result<Exit> {
    if is_describing(app) {
        app.out.describe(&[], "NodeStatus", &NODE_FIELDS[2..])?;
        return Ok(Exit::Ok);
    }
    let status = app.control()?.cluster().await?;
    let node = find(&status, name)?;
    if app.out.is_machine() {
        app.out.object("NodeStatus", node)?;
    } else if app.out.format == crate::args::Format::Name {
        app.out.line(&clean(&node.name))?;
    } else {
        print(&app.out, &status, node)?;
    }
    Ok(Exit::Ok)
}

fn print(out: &Output, status: &ClusterStatus, node: &NodeStatus) -> Result<()> {
    let cells = cells(node, status.at_unix_ms);
    let cell = |name: &str| {
        COLUMNS.iter().position(|column| column.name == name).map(|index| cells[index].clone()).unwrap_or_default()
    };
    out.line(&format!(
        "{}   {}   of {}",
        paint(Style::Bold, &clean(&node.name)),
        state(node, status.at_unix_ms),
        clean(&status.name)
    ))?;
    let mut facts = vec![
        ("id", cell("ID")),
        ("zone", cell("ZONE")),
        ("version", cell("VERSION")),
        ("weight", cell("WEIGHT")),
        ("gateway", cell("GATEWAY")),
        ("cluster", cell("CLUSTER")),
        ("control", cell("CONTROL")),
        ("peers", cell("PEERS")),
        ("partitions", format!("{} with {} slots", node.partitions, node.slots)),
        ("slots", cell("SLOTS")),
        ("copies", format!("of {} other partitions, {} in sync", node.backups, node.backups_in_sync)),
        ("share", share(node.share).into()),
        ("memory", cell("MEM")),
        ("metadata", if node.voter { "votes" } else { "follows" }.into()),
    ];
    if node.maintenance_until_unix_ms > status.at_unix_ms {
        facts.push(("maint", format!("until {}", rfc3339_seconds(node.maintenance_until_unix_ms))));
    }
    let moving = status.operation.as_ref().filter(|operation| operation.nodes.contains(&node.name));
    facts.extend(moving.map(|operation| ("operation", super::cluster::operation_line(operation))));
    match &node.report {
        Some(report) => facts.extend([
            ("items", report.items.to_string()),
            ("resident", format_size(report.resident_bytes)),
            ("clients", format!("{} now, {} in all", report.connections, report.connections_total)),
            ("ops/s", cell("OPS/S")),
            ("hit ratio", cell("HIT")),
            ("p99", cell("P99")),
            ("evictions", report.traffic.evictions.to_string()),
            ("uptime", cell("UPTIME")),
        ]),
        None => facts.push(("figures", format!("none: {}", clean(node.error.as_deref().unwrap_or("no answer"))))),
    }
    for (what, value) in facts {
        out.line(&format!("  {what:10}  {value}"))?;
    }
    for finding in status.findings.iter().filter(|finding| finding.node.as_deref() == Some(&node.name)) {
        super::cluster::finding_lines(finding).iter().try_for_each(|line| out.line(line))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies() {
        assert_eq!(format_us(210.0), "0.21ms");
        assert_eq!(format_us(18_400.0), "18ms");
        assert_eq!(format_us(1_200_000.0), "1.2s");
    }
}
