//! Replication: how far the copies on each node are behind each other node, how many copies are there, and what last became of
//! them.

use crate::app::App;
use crate::theme::Meaning;
use dcache_protocol::control::{ClusterEvent, ClusterStatus, EventKind, Level, LinkLag, NodeStatus};
use dcache_protocol::size::{format_count, format_size};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

/// Lag from which on it is marked: what a failover could lose of an eventual namespace is no more a moment's.
const LATE_MS: u64 = 1000;

pub fn draw(app: &App, status: &ClusterStatus, frame: &mut Frame<'_>, area: Rect) {
    if status.copies == 0 {
        let text = " this cluster keeps no further copies: what a node holds is lost with it";
        return frame.render_widget(Paragraph::new(text).block(app.theme.block("Replication")), area);
    }
    let rows = u16::try_from(status.nodes.len()).unwrap_or(u16::MAX).saturating_add(3);
    let least = if area.height >= 20 { 8 } else { 6 };
    let top = rows.min(area.height.saturating_sub(least));
    let [top, bottom] = Layout::vertical([Constraint::Length(top), Constraint::Min(0)]).areas(area);
    draw_matrix(app, status, frame, top);
    let [bottom, log] = match bottom.height > rows + 4 {
        true => Layout::vertical([Constraint::Length(rows.max(7)), Constraint::Min(0)]).areas(bottom),
        false => [bottom, Rect::ZERO],
    };
    draw_log(app, frame, log);
    if area.width < 100 {
        return draw_copies(app, status, frame, bottom);
    }
    let [left, right] = Layout::horizontal([Constraint::Fill(1); 2]).areas(bottom);
    draw_copies(app, status, frame, left);
    draw_counters(app, status, frame, right);
}

/// The newest changes of who serves and who has copies, newest first.
fn draw_log(app: &App, frame: &mut Frame<'_>, area: Rect) {
    let is_about_copies = |event: &&ClusterEvent| {
        !matches!(
            event.kind,
            EventKind::NodeMoved | EventKind::NodeChanged | EventKind::NamespaceSet | EventKind::NamespaceDeleted
        )
    };
    let line = |event: &ClusterEvent| {
        let meaning = match event.level {
            Level::Info => Meaning::Plain,
            Level::Warning => Meaning::Look,
            Level::Critical => Meaning::Act,
        };
        let node = event.node.as_ref().map(|node| format!("{node} ")).unwrap_or_default();
        let text = format!(" {} {} {node}{}", super::clock(event.at_unix_ms), app.theme.mark(meaning), event.message());
        Line::styled(text, app.theme.style(meaning))
    };
    let lines: Vec<Line<'_>> = match &app.log {
        None => vec![Line::from(" not known yet")],
        Some(Err(why)) => vec![Line::styled(format!(" no answer: {why}"), app.theme.style(Meaning::Act))],
        Some(Ok(log)) => log.iter().rev().filter(is_about_copies).take(usize::from(area.height)).map(line).collect(),
    };
    frame
        .render_widget(Paragraph::new(lines).block(app.theme.block("Last failovers and copies (dcache events)")), area);
}

fn lag(node: &NodeStatus, to: &str) -> Option<LinkLag> {
    node.report.as_ref()?.replication.links.iter().find(|link| link.node == to).cloned()
}

/// From whom a row, to whom a column; as many columns as fit.
fn draw_matrix(app: &App, status: &ClusterStatus, frame: &mut Frame<'_>, area: Rect) {
    let name = |node: &NodeStatus, width: usize| super::short(&node.name, width, &app.theme);
    let columns = (usize::from(area.width).saturating_sub(2 + 14) / 11).min(status.nodes.len());
    let shown = &status.nodes[..columns];
    let head: String = shown.iter().map(|node| format!("{:>11}", name(node, 10))).collect();
    let mut lines = vec![Line::from(format!(" {:<12}{head}", "FROM \\ TO"))];
    for from in &status.nodes {
        let cell = |to: &NodeStatus| match (from.serves(), lag(from, &to.name)) {
            (false, _) => "?".to_string(),
            (true, None) => "-".to_string(),
            (true, Some(link)) => format!("{}{}", link.lag_ms, if link.lag_ms >= LATE_MS { "!" } else { "" }),
        };
        let cells: String = shown.iter().map(|to| format!("{:>11}", cell(to))).collect();
        let is_late = shown.iter().any(|to| lag(from, &to.name).is_some_and(|link| link.lag_ms >= LATE_MS));
        let meaning = match (from.serves(), is_late) {
            (false, _) => Meaning::Act,
            (true, true) => Meaning::Look,
            (true, false) => Meaning::Plain,
        };
        lines.push(Line::styled(format!(" {:<12}{cells}", name(from, 12)), app.theme.style(meaning)));
    }
    let title = if columns < status.nodes.len() { "Lag, ms (widen for all columns)" } else { "Lag, ms" };
    frame.render_widget(Paragraph::new(lines).block(app.theme.block(title)), area);
}

fn draw_copies(app: &App, status: &ClusterStatus, frame: &mut Frame<'_>, area: Rect) {
    let late = status.partitions.saturating_sub(status.partitions_in_sync);
    let meaning = if late == 0 { Meaning::Good } else { Meaning::Look };
    let mut lines = vec![
        Line::styled(
            format!(" {} of {} partitions have all copies in sync", status.partitions_in_sync, status.partitions),
            app.theme.style(meaning),
        ),
        Line::from(format!(" {:<12}{:>9}{:>9}{:>9}{:>10}", "NODE", "SERVES", "COPIES", "IN SYNC", "BUILDS")),
    ];
    lines.extend(status.nodes.iter().map(|node| {
        let builds: u64 =
            status.nodes.iter().filter_map(|from| lag(from, &node.name)).map(|link| u64::from(link.building)).sum();
        Line::from(format!(
            " {:<12}{:>9}{:>9}{:>9}{:>10}",
            super::short(&node.name, 12, &app.theme),
            node.partitions,
            node.backups,
            node.backups_in_sync,
            builds
        ))
    }));
    frame.render_widget(Paragraph::new(lines).block(app.theme.block("Copies")), area);
}

fn draw_counters(app: &App, status: &ClusterStatus, frame: &mut Frame<'_>, area: Rect) {
    let reports = || status.nodes.iter().filter(|node| node.serves()).filter_map(|node| node.report.as_ref());
    let sum = |figure: fn(&dcache_protocol::control::ReplicationFigures) -> u64| -> u64 {
        reports().map(|report| figure(&report.replication)).sum()
    };
    let behind: u64 = reports().flat_map(|report| &report.replication.links).map(|link| link.entries).sum();
    let lines = [
        ("entries not yet copied", format_count(behind as f64)),
        ("log kept for copies", format_size(sum(|r| r.log_bytes))),
        ("partitions taken over", format_count(sum(|r| r.taken_over) as f64)),
        ("entries discarded after it", format_count(sum(|r| r.discarded) as f64)),
        ("messages sent again", format_count(sum(|r| r.overflowed) as f64)),
    ];
    let lines: Vec<Line<'_>> =
        lines.into_iter().map(|(what, value)| Line::from(format!(" {what:<28}{value:>10}"))).collect();
    frame.render_widget(Paragraph::new(lines).block(app.theme.block("Since the nodes' start")), area);
}
