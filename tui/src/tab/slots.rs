//! Slots: every partition as a cell of a heat map, one of them in detail, and who owns how many.

use crate::app::{App, Partitions, View};
use crate::theme::Meaning;
use crate::widget::bars::gauge;
use crate::widget::slot_map::{self, Grid};
use dcache_protocol::PartitionId;
use dcache_protocol::control::ClusterStatus;
use dcache_protocol::size::{format_count, format_size};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

pub fn draw(app: &App, status: &ClusterStatus, frame: &mut Frame<'_>, area: Rect) {
    let Some(partitions) = &app.partitions else {
        let text = app
            .partitions_error
            .as_ref()
            .map_or("asking for partitions ...".into(), |why| format!("no partitions: {why}"));
        frame.render_widget(Paragraph::new(format!(" {text}")), area);
        return;
    };
    let owners = if area.height >= 30 { (status.nodes.len() as u16 + 2).min(area.height / 3) } else { 0 };
    let [top, bottom] = Layout::vertical([Constraint::Min(5), Constraint::Length(owners)]).areas(area);
    let side = if area.width >= 100 { 38 } else { 0 };
    let [map, details] = Layout::horizontal([Constraint::Min(20), Constraint::Length(side)]).areas(top);
    draw_map(app, partitions, frame, map, side == 0);
    if side > 0 {
        let title = format!("Partition {:04}", app.partition);
        let lines: Vec<Line<'_>> = details_of(status, partitions, app.partition).into_iter().map(Line::from).collect();
        frame.render_widget(Paragraph::new(lines).block(app.theme.block(title)), details);
    }
    if owners > 0 {
        draw_owners(app, status, partitions, frame, bottom);
    }
}

fn draw_map(app: &App, partitions: &Partitions, frame: &mut Frame<'_>, area: Rect, with_details: bool) {
    let count = partitions.table.primary.len();
    let what = match app.view {
        View::Ops => "ops/s",
        View::Memory => "memory",
        View::Keys => "keys",
        View::Owner => "owner",
    };
    let block_area = app.theme.block("").inner(area);
    let below = if with_details { 3 } else { 2 };
    let grid = Grid::fit(
        count,
        usize::from(block_area.width).saturating_sub(7),
        usize::from(block_area.height).saturating_sub(below),
    );
    let per_cell = if grid.group == 1 {
        "1 cell = 1 partition".into()
    } else {
        format!("1 cell = {} partitions, the hottest shown", grid.group)
    };
    let block = app.theme.block(format!("{what} of {count} partitions, {per_cell}"));
    let hottest = (0..count).filter_map(|p| slot_map::value(partitions, app.view, p)).fold(0.0, f64::max);
    let selected = app.partition / grid.group;
    let mut lines = Vec::new();
    for row in 0..grid.rows {
        let mut spans =
            vec![Span::styled(format!("{:>5} ", row * grid.columns * grid.group), app.theme.style(Meaning::Dim))];
        for cell in row * grid.columns..((row + 1) * grid.columns).min(count.div_ceil(grid.group)) {
            let picture = slot_map::cell(&app.theme, partitions, app.view, grid, cell, hottest);
            let meaning = match picture {
                'X' => Meaning::Act,
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
            Line::from(format!(" {}  X not served", letters.join("  ")))
        }
        _ => Line::from(format!(
            " {} idle  {} low  {} mid  {} high  {} hottest  X not served   log scale",
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

fn rate(partitions: &Partitions, partition: usize) -> String {
    let ops = partitions.ops_per_second.get(partition).copied().flatten();
    ops.map_or("-".into(), |ops| format!("{}/s", format_count(ops)))
}

fn short_details(partitions: &Partitions, partition: usize) -> String {
    if !is_served(partitions, partition) {
        return format!("owner {}: not served", owner(partitions, partition));
    }
    format!(
        "owner {}  {}  {} keys  {}",
        owner(partitions, partition),
        rate(partitions, partition),
        format_count(partitions.table.items[partition] as f64),
        format_size(partitions.table.memory_bytes[partition]),
    )
}

fn details_of(status: &ClusterStatus, partitions: &Partitions, partition: usize) -> Vec<String> {
    if partition >= partitions.table.primary.len() {
        return vec![" no such partition".into()];
    }
    let slots = PartitionId(partition as u16).slots(status.partitions);
    let mut lines = vec![format!(" owner   {}", owner(partitions, partition)), format!(" slots   {slots}")];
    if !is_served(partitions, partition) {
        lines.push(" NOT SERVED: its owner is lost".into());
        return lines;
    }
    let total: f64 = partitions.ops_per_second.iter().flatten().sum();
    let ops = partitions.ops_per_second[partition];
    let share = ops.filter(|_| total > 0.0).map_or("-".into(), |ops| format!("{:.1} %", ops / total * 100.0));
    lines.push(format!(" ops/s   {}  share {share}", rate(partitions, partition)));
    lines.push(format!(" keys    {}", format_count(partitions.table.items[partition] as f64)));
    lines.push(format!(" memory  {}", format_size(partitions.table.memory_bytes[partition])));
    lines
}

fn draw_owners(app: &App, status: &ClusterStatus, partitions: &Partitions, frame: &mut Frame<'_>, area: Rect) {
    let total: f64 = partitions.ops_per_second.iter().flatten().sum();
    let most = status.nodes.iter().map(|node| node.partitions).max().unwrap_or(1).max(1);
    let line = |node: &dcache_protocol::control::NodeStatus| {
        let owned = (0..partitions.table.primary.len()).filter(|p| owner(partitions, *p) == node.name);
        let ops: f64 = owned.filter_map(|p| partitions.ops_per_second[p]).sum();
        let (state, meaning) = super::table::state(node);
        let share = match (crate::app::is_served(node), total > 0.0) {
            (false, _) => state.to_string(),
            (true, true) => format!("ops share {:.1} %", ops / total * 100.0),
            (true, false) => "no requests now".into(),
        };
        let bar = gauge(&app.theme, f64::from(node.partitions) / f64::from(most), 22);
        let text = format!(" {:<12} {:>5} partitions {bar}  {share}", node.name, node.partitions);
        Line::styled(text, app.theme.style(if crate::app::is_served(node) { Meaning::Plain } else { meaning }))
    };
    let lines: Vec<Line<'_>> = status.nodes.iter().map(line).collect();
    let held: Vec<u16> = status.nodes.iter().map(|node| node.partitions).filter(|held| *held > 0).collect();
    let spread = format!("{}-{}", held.iter().min().unwrap_or(&0), held.iter().max().unwrap_or(&0));
    frame.render_widget(Paragraph::new(lines).block(app.theme.block(format!("Ownership  spread {spread}"))), area);
}
