//! Nodes: the table over the whole screen, or one node opened: throughput, latency by command, memory, traffic.

use super::{ms, percent, table, uptime};
use crate::app::{App, memory_share};
use crate::theme::Meaning;
use crate::widget::bars::{gauge, rows};
use dcache_protocol::control::{NamespaceFigures, NodeReport, NodeStatus};
use dcache_protocol::size::{format_count, format_size};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

pub fn draw(app: &App, frame: &mut Frame<'_>, area: Rect) {
    let Some(node) = app.opened_node() else { return table::draw(app, frame, area) };
    let identity = identity(app, node);
    let [head, body] = Layout::vertical([Constraint::Length(identity.len() as u16), Constraint::Min(1)]).areas(area);
    frame.render_widget(Paragraph::new(identity), head);
    let Some(report) = node.report.as_ref().filter(|_| node.serves()) else {
        frame.render_widget(Paragraph::new(lost(app, node)).block(app.theme.block("No figures")), body);
        return;
    };
    if body.width < 80 {
        let [chart, list] = Layout::vertical([Constraint::Fill(1), Constraint::Fill(2)]).areas(body);
        draw_throughput(app, node, frame, chart);
        let mut lines: Vec<String> = memory(app, report).into_iter().take(1).collect();
        lines.extend(traffic(report).into_iter().take(2));
        lines.extend(latency(report, list));
        boxed(app, frame, list, "Figures, latency of the last 10 s (ms)", lines);
        return;
    }
    let [top, bottom] = Layout::vertical([Constraint::Fill(1); 2]).areas(body);
    let [a, b] = Layout::horizontal([Constraint::Fill(1); 2]).areas(top);
    let [c, d] = Layout::horizontal([Constraint::Fill(1); 2]).areas(bottom);
    draw_throughput(app, node, frame, a);
    boxed(app, frame, b, "Latency by command, last 10 s (ms)", latency(report, b));
    boxed(app, frame, c, "Memory by namespace", memory(app, report));
    boxed(app, frame, d, "Connections and traffic", traffic(report));
}

fn boxed(app: &App, frame: &mut Frame<'_>, area: Rect, title: &str, lines: Vec<String>) {
    let lines: Vec<Line<'_>> = lines.into_iter().map(|line| Line::from(format!(" {line}"))).collect();
    frame.render_widget(Paragraph::new(lines).block(app.theme.block(title)), area);
}

fn identity(app: &App, node: &NodeStatus) -> Vec<Line<'static>> {
    let (state, meaning) = table::state(node);
    let up = node.report.as_ref().map(|report| format!("  up {}", uptime(report.uptime_ms))).unwrap_or_default();
    let role = if node.leader { "  metadata leader" } else { "" };
    let mut lines = vec![
        Line::styled(
            format!(
                " Nodes > {}  {} {state}{role}  v{}{up}  esc back",
                node.name,
                app.theme.mark(meaning),
                node.version
            ),
            app.theme.style(meaning),
        ),
        Line::from(format!(
            "   {} partitions  gateway {}  cluster {}  control {}",
            node.partitions, node.addresses.gateway, node.addresses.cluster, node.addresses.control
        )),
    ];
    let words = table::state_in_words(node);
    lines.extend(words.map(|words| Line::styled(format!("   {words}"), app.theme.style(Meaning::Look))));
    lines
}

fn lost(app: &App, node: &NodeStatus) -> Vec<Line<'static>> {
    let seen = match app.last_seen.get(&node.name) {
        Some(at) => format!("last answered {} s ago", app.now.saturating_sub(*at).as_secs()),
        None => "has not answered since this screen was opened".into(),
    };
    let mut lines =
        vec![Line::styled(format!(" {} {seen}", app.theme.mark(Meaning::Act)), app.theme.style(Meaning::Act))];
    lines.extend(node.error.iter().map(|why| Line::from(format!("   {why}"))));
    let ranges: Vec<String> = node.slot_ranges.iter().take(8).map(ToString::to_string).collect();
    lines.push(Line::from(format!("   {} slots are not served: {}", node.slots, ranges.join(", "))));
    lines.push(Line::from("   start it again with its data directory; it will be empty"));
    lines
}

fn draw_throughput(app: &App, node: &NodeStatus, frame: &mut Frame<'_>, area: Rect) {
    let history = app.nodes.get(&node.name);
    let sample = history.and_then(|history| history.latest());
    let ops = sample.map_or("-".into(), |s| format_count(s.ops_per_second));
    let hit = percent(sample.and_then(|s| s.hit_ratio));
    let block = app.theme.block(format!("Throughput  {ops}/s  hit {hit} %"));
    let inner = block.inner(area);
    let values = history.map(|h| h.last(600, |s| Some(s.ops_per_second))).unwrap_or_default();
    let width = usize::from(inner.width).saturating_sub(2);
    let lines: Vec<Line<'_>> = rows(&app.theme, &values, width, usize::from(inner.height), None)
        .into_iter()
        .map(|row| Line::styled(format!(" {row}"), app.theme.style(Meaning::Good)))
        .collect();
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

fn latency(report: &NodeReport, area: Rect) -> Vec<String> {
    let (width, height) = (usize::from(area.width), usize::from(area.height));
    let name_width = width.saturating_sub(3 + 4 * 7).clamp(4, 20);
    let row = |name: &str, figures: [String; 4]| {
        let [p50, p99, p999, max] = figures;
        format!("{name:<name_width$} {p50:>6} {p99:>6} {p999:>6} {max:>6}")
    };
    let line = |name: &str, l: &dcache_protocol::control::Latency| {
        let name: String = name.chars().take(name_width).collect();
        let figures =
            [l.p50_us, l.p99_us, l.p999_us, l.max_us].map(|us| if l.count == 0 { "-".into() } else { ms(us) });
        row(&name, figures)
    };
    let mut lines =
        vec![row(if name_width < 7 { "cmd" } else { "command" }, ["p50", "p99", "p99.9", "max"].map(String::from))];
    lines.push(line("all", &report.latency));
    let recent = report.commands.iter().filter(|command| command.latency.count > 0);
    lines.extend(recent.take(height.saturating_sub(4)).map(|command| line(&command.name, &command.latency)));
    lines
}

fn memory(app: &App, report: &NodeReport) -> Vec<String> {
    let share = memory_share(report);
    let mut lines = vec![
        format!(
            "{} / {}  {} {:.0} %",
            format_size(report.memory_used_bytes),
            format_size(report.memory_limit_bytes),
            gauge(&app.theme, share, 12),
            share * 100.0
        ),
        format!("resident {}  buffers {}", format_size(report.resident_bytes), format_size(report.buffer_bytes)),
    ];
    let mut namespaces: Vec<_> = report.namespaces.iter().collect();
    namespaces.sort_by_key(|namespace| std::cmp::Reverse(namespace.memory_used_bytes));
    lines.extend(namespaces.into_iter().map(|namespace| {
        format!(
            "{:<12} {:<9} {:>5} keys {:>9}  evicted {}",
            namespace.name,
            policy(namespace),
            format_count(namespace.items as f64),
            format_size(namespace.memory_used_bytes),
            format_count(namespace.evictions as f64),
        )
    }));
    lines
}

/// The namespace's policy; for `auto`, with what it chose here.
fn policy(namespace: &NamespaceFigures) -> String {
    match namespace.chosen.first() {
        Some(choice) => format!("{}:{}", namespace.eviction, choice.policy),
        None => namespace.eviction.to_string(),
    }
}

fn traffic(report: &NodeReport) -> Vec<String> {
    let now = report.windows.iter().find(|window| window.name == "now");
    let mut lines = vec![format!(
        "clients {}  accepted {}  refused {}",
        report.connections,
        format_count(report.connections_total as f64),
        report.connections_rejected
    )];
    if let Some(now) = now {
        lines.push(format!(
            "in {}/s  out {}/s  errors {}/s",
            format_size(now.bytes_in_per_second as u64),
            format_size(now.bytes_out_per_second as u64),
            format_count(now.errors_per_second)
        ));
    }
    let traffic = &report.traffic;
    lines.push(format!(
        "forwarded {}  failed {}",
        format_count(traffic.forwarded as f64),
        format_count(traffic.forward_errors as f64)
    ));
    lines.push(format!("served for other nodes {}", format_count(traffic.served_for_peers as f64)));
    lines.push(format!(
        "evicted {}  expired {}",
        format_count(traffic.evictions as f64),
        format_count(traffic.expirations as f64)
    ));
    lines
}
