//! Slots: every partition as a cell of a heat map, one of them in detail, and who owns how many.

use crate::app::{App, Partitions, View};
use crate::theme::Meaning;
use crate::widget::bars::gauge;
use crate::widget::slot_map::{self, Grid};
use dcache_protocol::control::ClusterStatus;
use dcache_protocol::size::{format_count, format_size};
use dcache_protocol::{PartitionId, SLOTS};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;
use std::collections::HashMap;

pub fn draw(app: &App, status: &ClusterStatus, frame: &mut Frame<'_>, area: Rect) {
    let Some(partitions) = &app.partitions else {
        let text = match &app.partitions_error {
            _ if app.paused => "no partitions yet: paused, space goes on".into(),
            Some(why) => format!("no partitions: {why}"),
            None => "asking for partitions ...".into(),
        };
        frame.render_widget(Paragraph::new(format!(" {text}")), area);
        return;
    };
    let [map, details, bottom] = split(app, area);
    draw_map(app, partitions, frame, map, details.is_empty());
    if !details.is_empty() {
        let title = format!("Partition {:04}", app.partition);
        let lines: Vec<Line<'_>> = details_of(partitions, app.partition).into_iter().map(Line::from).collect();
        frame.render_widget(Paragraph::new(lines).block(app.theme.block(title)), details);
    }
    if !bottom.is_empty() {
        draw_owners(app, status, partitions, frame, bottom);
    }
}

/// Places of the map, the details and the owners; the last two are empty where there is no room.
fn split(app: &App, area: Rect) -> [Rect; 3] {
    let nodes = app.status.as_ref().map_or(0, |status| status.nodes.len()).min(usize::from(u16::MAX) / 2) as u16;
    let owners = if area.height >= 30 { (nodes + 2).min(area.height / 3) } else { 0 };
    let [top, bottom] = Layout::vertical([Constraint::Min(5), Constraint::Length(owners)]).areas(area);
    let side = if area.width >= 100 { 38 } else { 0 };
    let [map, details] = Layout::horizontal([Constraint::Min(20), Constraint::Length(side)]).areas(top);
    [map, details, bottom]
}

/// How the partitions are laid out in the screen's body.
pub fn grid(app: &App, body: Rect) -> Grid {
    let [map, details, _] = split(app, body);
    let count = app.partitions.as_ref().map_or(0, |partitions| partitions.table.primary.len());
    grid_in(app, map, count, details.is_empty())
}

fn grid_in(app: &App, map: Rect, count: usize, with_details: bool) -> Grid {
    let inner = app.theme.block("").inner(map);
    let below = if with_details { 3 } else { 2 };
    Grid::fit(count, usize::from(inner.width).saturating_sub(7), usize::from(inner.height).saturating_sub(below))
}

fn draw_map(app: &App, partitions: &Partitions, frame: &mut Frame<'_>, area: Rect, with_details: bool) {
    let count = partitions.table.primary.len();
    let what = match app.view {
        View::Ops => "ops/s",
        View::Memory => "memory",
        View::Keys => "keys",
        View::Owner => "owner",
    };
    let grid = grid_in(app, area, count, with_details);
    let per_cell = match (grid.group, app.view) {
        (1, _) => "1 cell = 1 partition".into(),
        (group, View::Owner) => format!("cell = first of {group}"),
        (group, _) => format!("cell = highest of {group}"),
    };
    let old = app.partitions_error.as_ref().map(|why| format!(", STALE: {why}")).unwrap_or_default();
    let moving = match partitions.table.moving.iter().filter(|is_moving| **is_moving).count() {
        0 => String::new(),
        moving => format!(", {moving} moving"),
    };
    let block = app.theme.block(format!("{what} of {count} partitions, {per_cell}{moving}{old}"));
    let hottest = (0..count).filter_map(|p| slot_map::value(partitions, app.view, p)).fold(0.0, f64::max);
    let selected = app.partition / grid.group;
    let mut lines = Vec::new();
    for row in 0..grid.rows {
        let mut spans =
            vec![Span::styled(format!("{:>5} ", row * grid.columns * grid.group), app.theme.style(Meaning::Dim))];
        for cell in row * grid.columns..((row + 1) * grid.columns).min(count.div_ceil(grid.group)) {
            let picture = slot_map::cell(&app.theme, partitions, app.view, grid, cell, hottest);
            let meaning = match picture {
                slot_map::NOT_SERVED => Meaning::Act,
                slot_map::MOVING => Meaning::Look,
                _ if cell == selected => Meaning::Selected,
                _ => Meaning::Plain,
            };
            let mut style = app.theme.style(meaning);
            if cell == selected {
                style = style.add_modifier(ratatui::style::Modifier::REVERSED);
            }
            spans.push(Span::styled(picture.to_string(), style));
        }
        lines.push(Line::from(spans));
    }
    let heat = app.theme.heat();
    lines.push(match app.view {
        View::Owner => {
            let names = partitions.table.nodes.iter().enumerate();
            let letters: Vec<String> =
                names.take(8).map(|(i, name)| format!("{} {name}", slot_map::owner_letter(i as u16))).collect();
            Line::from(format!(" {}  > moving  X not served", letters.join("  ")))
        }
        _ if area.width < 79 => Line::from(format!(
            " {}{}{}{}{} idle to hottest  > moving  X not served",
            heat[0], heat[1], heat[2], heat[3], heat[4]
        )),
        _ => Line::from(format!(
            " {} idle  {} low  {} mid  {} high  {} hottest  > moving  X not served  log",
            heat[0], heat[1], heat[2], heat[3], heat[4]
        )),
    });
    if with_details {
        lines.push(Line::from(format!(" [{:04}] {}", app.partition, short_details(partitions, app.partition))));
    }
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

fn owner(partitions: &Partitions, partition: usize) -> &str {
    let index = partitions.table.primary.get(partition).copied().flatten();
    index.and_then(|index| partitions.table.nodes.get(usize::from(index))).map_or("nobody", String::as_str)
}

fn is_served(partitions: &Partitions, partition: usize) -> bool {
    partitions.table.served.get(partition).copied().unwrap_or_default()
}

fn is_moving(partitions: &Partitions, partition: usize) -> bool {
    partitions.table.moving.get(partition).copied().unwrap_or_default()
}

fn rate(partitions: &Partitions, partition: usize) -> String {
    let ops = partitions.ops_per_second.get(partition).copied().flatten();
    ops.map_or("-".into(), |ops| format!("{}/s", format_count(ops)))
}

fn keys(partitions: &Partitions, partition: usize) -> String {
    partitions.table.items.get(partition).map_or("-".into(), |items| format_count(*items as f64))
}

fn memory(partitions: &Partitions, partition: usize) -> String {
    partitions.table.memory_bytes.get(partition).map_or("-".into(), |bytes| format_size(*bytes))
}

fn short_details(partitions: &Partitions, partition: usize) -> String {
    if !is_served(partitions, partition) {
        return format!("owner {}: not served", owner(partitions, partition));
    }
    format!(
        "owner {}{}  {}  {} keys  {}",
        owner(partitions, partition),
        if is_moving(partitions, partition) { ", moving" } else { "" },
        rate(partitions, partition),
        keys(partitions, partition),
        memory(partitions, partition),
    )
}

fn details_of(partitions: &Partitions, partition: usize) -> Vec<String> {
    let count = partitions.table.primary.len();
    if partition >= count || !count.is_power_of_two() || count > usize::from(SLOTS) {
        return vec![" no such partition".into()];
    }
    let slots = PartitionId(partition as u16).slots(count as u16);
    let mut lines = vec![format!(" owner   {}", owner(partitions, partition)), format!(" slots   {slots}")];
    if !is_served(partitions, partition) {
        lines.push(" NOT SERVED: its owner is lost".into());
        return lines;
    }
    if is_moving(partitions, partition) {
        lines.push(" moving  to other nodes (screen 5)".into());
    }
    let total: f64 = partitions.ops_per_second.iter().flatten().sum();
    let ops = partitions.ops_per_second.get(partition).copied().flatten();
    let share = ops.filter(|_| total > 0.0).map_or("-".into(), |ops| format!("{:.1} %", ops / total * 100.0));
    lines.push(format!(" ops/s   {}  share {share}", rate(partitions, partition)));
    lines.push(format!(" keys    {}", keys(partitions, partition)));
    lines.push(format!(" memory  {}", memory(partitions, partition)));
    lines
}

fn draw_owners(app: &App, status: &ClusterStatus, partitions: &Partitions, frame: &mut Frame<'_>, area: Rect) {
    let total: f64 = partitions.ops_per_second.iter().flatten().sum();
    // Only owners with a known rate are in it.
    let mut by_owner: HashMap<&str, f64> = HashMap::new();
    for (partition, ops) in partitions.ops_per_second.iter().enumerate() {
        if let Some(ops) = ops {
            *by_owner.entry(owner(partitions, partition)).or_default() += ops;
        }
    }
    let most = status.nodes.iter().map(|node| node.partitions).max().unwrap_or(1).max(1);
    let line = |node: &dcache_protocol::control::NodeStatus| {
        let ops = by_owner.get(node.name.as_str()).copied();
        let (state, meaning) = super::table::state(node);
        let share = match ops {
            _ if !node.serves() => state.to_string(),
            None => "-".into(),
            Some(ops) if total > 0.0 => format!("ops share {:.1} %", ops / total * 100.0),
            Some(_) => "no requests now".into(),
        };
        let bar = gauge(&app.theme, f64::from(node.partitions) / f64::from(most), 22);
        let text = format!(" {:<12} {:>5} partitions {bar}  {share}", node.name, node.partitions);
        Line::styled(text, app.theme.style(if node.serves() { Meaning::Plain } else { meaning }))
    };
    let lines: Vec<Line<'_>> = status.nodes.iter().map(line).collect();
    let held: Vec<u16> = status.nodes.iter().map(|node| node.partitions).filter(|held| *held > 0).collect();
    let spread = format!("{}-{}", held.iter().min().unwrap_or(&0), held.iter().max().unwrap_or(&0));
    frame.render_widget(Paragraph::new(lines).block(app.theme.block(format!("Ownership  spread {spread}"))), area);
}
