//! The table of nodes, as the Overview and the Nodes screen show it. Columns have priorities: as many as fit are shown, the most
//! important survive longest; a node that does not answer shows dashes.

use super::{ms, percent};
use crate::app::{App, Sort, memory_share};
use crate::history::Sample;
use crate::theme::Meaning;
use crate::widget::bars::{gauge, sparkline};
use dcache_protocol::control::NodeStatus;
use dcache_protocol::size::{format_count, format_duration_ms, format_size};
use dcache_protocol::{NodeState, Share};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

struct Column {
    title: &'static str,
    width: usize,
    right: bool,
    /// Lower survives longer.
    priority: u8,
    sort: Option<Sort>,
    text: fn(&App, &NodeStatus) -> String,
}

/// Title of the column of ops/s over time.
const TREND: &str = "trend";

/// Its samples in a table of at least [`WIDE`] cells.
const TREND_MAX: usize = 20;
const WIDE: usize = 98;

const COLUMNS: [Column; 14] = [
    Column {
        title: "NODE",
        width: 12,
        right: false,
        priority: 0,
        sort: Some(Sort::Name),
        text: |_, node| node.name.clone(),
    },
    Column { title: "ZONE", width: 5, right: false, priority: 7, sort: None, text: |_, node| or_dash(&node.zone) },
    Column {
        title: "STATE",
        width: 9,
        right: false,
        priority: 1,
        sort: None,
        text: |app, node| {
            let (word, meaning) = state(node);
            format!("{} {word}", app.theme.mark(meaning))
        },
    },
    Column {
        title: "ROLE",
        width: 6,
        right: false,
        priority: 10,
        sort: None,
        text: |_, node| {
            if node.leader {
                "leader"
            } else if node.voter {
                "voter"
            } else {
                ""
            }
            .into()
        },
    },
    Column {
        title: "PART",
        width: 5,
        right: true,
        priority: 8,
        sort: None,
        text: |_, node| node.partitions.to_string(),
    },
    Column {
        title: "OPS/S",
        width: 7,
        right: true,
        priority: 4,
        sort: Some(Sort::Ops),
        text: |app, node| sampled(app, node, |sample| Some(format_count(sample.ops_per_second))),
    },
    Column {
        title: TREND,
        width: 10,
        right: true,
        priority: 6,
        sort: None,
        text: |app, node| {
            let values =
                app.nodes.get(&node.name).map(|h| h.last(TREND_MAX, |s| Some(s.ops_per_second))).unwrap_or_default();
            sparkline(&app.theme, &values, TREND_MAX, None)
        },
    },
    Column {
        title: "HIT%",
        width: 5,
        right: true,
        priority: 3,
        sort: Some(Sort::Hit),
        text: |app, node| sampled(app, node, |sample| Some(percent(sample.hit_ratio))),
    },
    Column {
        title: "P50ms",
        width: 6,
        right: true,
        priority: 11,
        sort: None,
        text: |_, node| reported(node, |r| latency(r, r.latency.p50_us)),
    },
    Column {
        title: "P99ms",
        width: 6,
        right: true,
        priority: 2,
        sort: Some(Sort::P99),
        text: |_, node| reported(node, |r| latency(r, r.latency.p99_us)),
    },
    Column {
        title: "MEMORY",
        width: 9,
        right: true,
        priority: 9,
        sort: Some(Sort::Memory),
        text: |_, node| reported(node, |r| format_size(r.memory_used_bytes)),
    },
    Column {
        title: "USED",
        width: 9,
        right: false,
        priority: 5,
        sort: None,
        text: |app, node| match node.report.as_ref().filter(|_| node.serves()) {
            Some(report) => {
                let share = memory_share(report);
                format!("{}{:>4.0}%", gauge(&app.theme, share, 4), share * 100.0)
            }
            None => "-".into(),
        },
    },
    Column {
        title: "CONN",
        width: 5,
        right: true,
        priority: 12,
        sort: None,
        text: |_, node| reported(node, |r| format_count(r.connections as f64)),
    },
    Column {
        title: "UPTIME",
        width: 7,
        right: true,
        priority: 13,
        sort: None,
        text: |_, node| reported(node, |r| format_duration_ms(r.uptime_ms)),
    },
];

/// What a node is called and how bad it is.
pub fn state(node: &NodeStatus) -> (&'static str, Meaning) {
    let is_worked_on = node.maintenance_until_unix_ms > 0;
    match (node.state, node.reachable) {
        (NodeState::Down, _) if is_worked_on => ("away", Meaning::Look),
        (NodeState::Down, _) => ("lost", Meaning::Act),
        (NodeState::Up, false) => ("silent", Meaning::Act),
        (NodeState::Up, true) if node.restarted => ("starts", Meaning::Look),
        (NodeState::Up, true) if is_worked_on => ("maint.", Meaning::Look),
        (NodeState::Up, true) => match node.share {
            Share::Full => ("up", Meaning::Good),
            Share::Joined => ("joined", Meaning::Look),
            Share::Drained if node.partitions > 0 || node.backups > 0 => ("drains", Meaning::Look),
            Share::Drained => ("drained", Meaning::Look),
        },
    }
}

/// What its state means, where that is more than up or lost.
pub fn state_in_words(node: &NodeStatus) -> Option<String> {
    if node.maintenance_until_unix_ms > 0 {
        return Some(format!("is being worked on until {}Z", super::clock(node.maintenance_until_unix_ms)));
    }
    match node.share {
        Share::Full => None,
        Share::Joined => Some("joined and holds nothing yet: dcache cluster add".into()),
        Share::Drained if node.partitions > 0 || node.backups > 0 => Some(format!(
            "is to hold nothing; still {} partitions and {} further copies",
            node.partitions, node.backups
        )),
        Share::Drained => Some("is drained: it serves as a proxy only".into()),
    }
}

fn or_dash(text: &str) -> String {
    if text.is_empty() { "-".into() } else { text.into() }
}

fn reported(node: &NodeStatus, figure: fn(&dcache_protocol::control::NodeReport) -> String) -> String {
    node.report.as_ref().filter(|_| node.serves()).map_or("-".into(), figure)
}

/// A node that had no request in the last 10 s has no latency.
fn latency(report: &dcache_protocol::control::NodeReport, us: f64) -> String {
    if report.latency.count == 0 { "-".into() } else { ms(us) }
}

fn sampled(app: &App, node: &NodeStatus, figure: fn(&Sample) -> Option<String>) -> String {
    let sample = app.nodes.get(&node.name).and_then(|history| history.latest()).filter(|_| node.serves());
    sample.as_ref().and_then(figure).unwrap_or_else(|| "-".into())
}

/// A column's width in a table of `width`; a wide table has twice the trend.
fn least(column: &Column, width: usize) -> usize {
    if column.title == TREND && width >= WIDE { TREND_MAX } else { column.width }
}

/// The columns that fit, and how wide each is.
fn columns(width: usize) -> Vec<(&'static Column, usize)> {
    let mut chosen: Vec<usize> = Vec::new();
    let mut used = 1;
    let mut order: Vec<usize> = (0..COLUMNS.len()).collect();
    order.sort_by_key(|index| COLUMNS[*index].priority);
    for index in order {
        let need = least(&COLUMNS[index], width) + 1;
        if used + need > width {
            break;
        }
        used += need;
        chosen.push(index);
    }
    chosen.sort_unstable();
    let sized = |index: usize| (&COLUMNS[index], least(&COLUMNS[index], width));
    chosen.into_iter().map(sized).collect()
}

/// Draws the table in a box.
pub fn draw(app: &App, frame: &mut Frame<'_>, area: Rect) {
    let nodes = app.listed();
    let total = app.status.as_ref().map_or(0, |status| status.nodes.len());
    let order = format!("sort: {} {}", app.sort.title(), if app.reverse { "up" } else { "down" });
    let title = match app.filter.is_empty() {
        true => format!("Nodes ({total})  {order}"),
        false => format!("Nodes ({} of {total}, filter {:?})  {order}", nodes.len(), app.filter),
    };
    let block = app.theme.block(title);
    let inner = block.inner(area);
    let columns = columns(usize::from(inner.width));
    let mut head = String::from(" ");
    for (column, width) in &columns {
        let mark = if column.sort == Some(app.sort) { "*" } else { "" };
        head.push_str(&cell(column, *width, format!("{}{mark}", column.title)));
    }
    let mut lines = vec![Line::styled(head, app.theme.style(Meaning::Dim))];
    let room = usize::from(inner.height).saturating_sub(1);
    let first = (app.selected + 1).saturating_sub(room);
    for (index, node) in nodes.iter().enumerate().skip(first).take(room) {
        let is_selected = index == app.selected;
        let mut text = String::from(if is_selected { ">" } else { " " });
        columns.iter().for_each(|(column, width)| text.push_str(&cell(column, *width, (column.text)(app, node))));
        let meaning = match (node.serves(), is_selected) {
            (false, _) => Meaning::Act,
            (true, true) => Meaning::Selected,
            (true, false) => Meaning::Plain,
        };
        lines.push(Line::styled(text, app.theme.style(meaning)));
    }
    if nodes.is_empty() {
        lines.push(Line::from(" no node matches; esc clears the filter"));
    }
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

/// What is too long loses its far end: the newest of a trend is at the right.
fn cell(column: &Column, width: usize, text: String) -> String {
    let more = text.chars().count().saturating_sub(width);
    let text: String = text.chars().skip(if column.right { more } else { 0 }).take(width).collect();
    match column.right {
        true => format!("{text:>width$} "),
        false => format!("{text:<width$} "),
    }
}
