//! Overview: the cluster at a glance. Tiles shrink to two lines before the table of nodes does.

use super::{clock, ms, percent, table};
use crate::app::App;
use crate::history::Sample;
use crate::theme::Meaning;
use crate::widget::bars::{rows, sparkline};
use dcache_protocol::control::{ClusterStatus, Latency, Level};
use dcache_protocol::size::{format_count, format_size};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;
use ratatui::widgets::{Paragraph, Wrap};

pub fn draw(app: &App, status: &ClusterStatus, frame: &mut Frame<'_>, area: Rect) {
    let tall = area.height >= 26 && area.width >= 100;
    let tiles = if tall { 7 } else { 2 };
    let least = match area.height {
        0..14 => 0,
        14..20 => 5,
        20..26 => 6,
        _ => 10,
    };
    // Rows the table does not fill go to the notes, up to half as much again.
    let table = u16::try_from(status.nodes.len()).unwrap_or(u16::MAX).saturating_add(3).max(7);
    let notes = area.height.saturating_sub(tiles).saturating_sub(table).clamp(least, least * 3 / 2);
    let [top, middle, bottom] =
        Layout::vertical([Constraint::Length(tiles), Constraint::Min(3), Constraint::Length(notes)]).areas(area);
    let tiles = tile_texts(app, status);
    if tall {
        let areas: [Rect; 4] = Layout::horizontal([Constraint::Fill(1); 4]).areas(top);
        for (tile, area) in tiles.iter().zip(areas) {
            draw_tile(app, tile, frame, area);
        }
    } else {
        let half = usize::from(area.width / 2).saturating_sub(2);
        let pair =
            |a: &Tile, b: &Tile| Line::from(format!(" {:<half$} {}", one_line(app, a, half), one_line(app, b, half)));
        frame.render_widget(Paragraph::new(vec![pair(&tiles[0], &tiles[1]), pair(&tiles[2], &tiles[3])]), top);
    }
    table::draw(app, frame, middle);
    if notes > 0 {
        let wide = area.width >= 100;
        let areas: [Rect; 2] = match wide {
            true => Layout::horizontal([Constraint::Fill(1); 2]).areas(bottom),
            false => Layout::vertical([Constraint::Fill(1); 2]).areas(bottom),
        };
        if wide || notes >= 6 {
            draw_attention(app, status, frame, areas[0]);
            draw_events(app, frame, areas[1]);
        } else {
            draw_attention(app, status, frame, bottom);
        }
    }
}

struct Tile {
    title: &'static str,
    short: String,
    lines: [String; 2],
    values: Vec<Option<f64>>,
    /// Full height of the bars; none: the largest value.
    top: Option<f64>,
}

fn tile_texts(app: &App, status: &ClusterStatus) -> [Tile; 4] {
    let sample = app.cluster.latest();
    let of = |figure: fn(&Sample) -> Option<f64>| app.cluster.last(600, figure);
    let rate = |figure: fn(&Sample) -> f64| sample.as_ref().map_or("-".into(), |s| format_count(figure(s)));
    let reports = || status.nodes.iter().filter(|node| node.serves()).filter_map(|node| node.report.as_ref());
    // A cluster of which nobody answers has no figures, rather than zeros.
    let known = |text: String| if reports().next().is_some() { text } else { "-".into() };
    let (used, limit) = reports().fold((0, 0), |(u, l), r| (u + r.memory_used_bytes, l + r.memory_limit_bytes));
    let share = if limit == 0 { "-".into() } else { format!("{:.0}", used as f64 / limit as f64 * 100.0) };
    let (used, limit) = (known(format_size(used)), known(format_size(limit)));
    // Percentiles of several nodes do not add up: the worst node's is shown, and said so.
    let worst = |figure: fn(&Latency) -> f64| {
        let busy = reports().map(|report| &report.latency).filter(|latency| latency.count > 0);
        busy.map(figure).reduce(f64::max).map_or("-".into(), ms)
    };
    let hit = sample.as_ref().and_then(|s| s.hit_ratio);
    let items = known(format_count(reports().map(|r| r.items).sum::<u64>() as f64));
    let ops = rate(|s| s.ops_per_second);
    let (p50, p99) = (worst(|l| l.p50_us), worst(|l| l.p99_us));
    [
        Tile {
            title: "Ops/s",
            short: format!("ops/s {ops}"),
            lines: [format!("{ops}/s"), format!("errors {}/s", rate(|s| s.errors_per_second))],
            values: of(|s| Some(s.ops_per_second)),
            top: None,
        },
        Tile {
            title: "Hit ratio",
            short: format!("hit {} %", percent(hit)),
            lines: [format!("{} %", percent(hit)), format!("{items} keys")],
            values: of(|s| s.hit_ratio),
            top: Some(1.0),
        },
        Tile {
            title: "Latency, worst node",
            short: format!("p50 {p50} p99 {p99} ms"),
            lines: [format!("p50 {p50} ms  p99 {p99} ms"), format!("p99.9 {} ms", worst(|l| l.p999_us))],
            values: of(|s| Some(s.p99_us)),
            top: None,
        },
        Tile {
            title: "Memory",
            short: format!("mem {share} % of {limit}"),
            lines: [
                format!("{used} / {limit}  {share} %"),
                format!(
                    "evict {}/s  expire {}/s",
                    rate(|s| s.evictions_per_second),
                    rate(|s| s.expirations_per_second)
                ),
            ],
            values: of(|s| Some(s.memory)),
            top: Some(1.0),
        },
    ]
}

fn one_line(app: &App, tile: &Tile, width: usize) -> String {
    let room = width.saturating_sub(23).min(20);
    format!("{:<22} {}", tile.short, sparkline(&app.theme, &tile.values, room, tile.top))
}

fn draw_tile(app: &App, tile: &Tile, frame: &mut Frame<'_>, area: Rect) {
    let block = app.theme.block(tile.title);
    let inner = block.inner(area);
    let width = usize::from(inner.width).saturating_sub(2);
    let height = usize::from(inner.height).saturating_sub(2);
    let mut lines: Vec<Line<'_>> = tile.lines.iter().map(|line| Line::from(format!(" {line}"))).collect();
    let bars = rows(&app.theme, &tile.values, width, height, tile.top);
    lines.extend(bars.into_iter().map(|row| Line::styled(format!(" {row}"), app.theme.style(Meaning::Good))));
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

/// The operation under way, in a line; where there is none, what moves all the same.
pub fn operation(status: &ClusterStatus) -> Option<(Meaning, String)> {
    let moving = match status.partitions_moving {
        0 => String::new(),
        moving => format!(", {moving} partitions on their way"),
    };
    let Some(brief) = &status.operation else {
        let text = moving.strip_prefix(", ").map(str::to_string);
        return text.map(|text| (Meaning::Plain, text));
    };
    let of = if brief.nodes.is_empty() { String::new() } else { format!(" of {}", brief.nodes.join(", ")) };
    let held = brief.held.as_ref().map(|held| format!(", held: {held}")).unwrap_or_default();
    let meaning = if brief.held.is_some() { Meaning::Look } else { Meaning::Plain };
    let (done, total) = (brief.moves_done, brief.moves_total);
    Some((meaning, format!("{} {}{of} {}: {done}/{total} moves{moving}{held}", brief.kind, brief.id, brief.state)))
}

fn draw_attention(app: &App, status: &ClusterStatus, frame: &mut Frame<'_>, area: Rect) {
    let mut lines: Vec<Line<'_>> = Vec::new();
    if let Some((meaning, text)) = operation(status) {
        lines.push(Line::styled(format!(" {} {text}", app.theme.mark(meaning)), app.theme.style(meaning)));
    }
    for finding in &status.findings {
        let meaning = match finding.level {
            Level::Critical => Meaning::Act,
            Level::Warning => Meaning::Look,
            Level::Info => Meaning::Plain,
        };
        let text = format!(" {} {}", app.theme.mark(meaning), finding.message);
        lines.push(Line::styled(text, app.theme.style(meaning)));
        lines.extend(finding.hint.iter().map(|hint| Line::from(format!("   {hint}"))));
    }
    lines.push(Line::from(format!(
        " {} {}/{} partitions served, leader {}, {}",
        app.theme.mark(Meaning::Plain),
        status.partitions_served,
        status.partitions,
        status.leader.as_deref().unwrap_or("unknown"),
        if status.quorum { "quorum" } else { "NO QUORUM" },
    )));
    let answered = format!(
        " {} answered by {} in {} ms",
        app.theme.mark(Meaning::Plain),
        status.answered_by,
        status.collected_in_ms
    );
    lines.push(Line::from(answered));
    let text = Paragraph::new(lines).wrap(Wrap { trim: false });
    frame.render_widget(text.block(app.theme.block("Needs attention")), area);
}

fn draw_events(app: &App, frame: &mut Frame<'_>, area: Rect) {
    let line = |seen: &crate::app::Seen| {
        let text = format!(" {} {} {}", clock(seen.unix_ms), app.theme.mark(seen.meaning), seen.text);
        Line::styled(text, app.theme.style(seen.meaning))
    };
    let mut lines: Vec<Line<'_>> = app.events.iter().take(usize::from(area.height)).map(line).collect();
    if lines.is_empty() {
        lines.push(Line::from(" nothing changed yet"));
    }
    let title = format!("Events seen here since {}Z", clock(app.opened_unix_ms));
    frame.render_widget(Paragraph::new(lines).block(app.theme.block(title)), area);
}
