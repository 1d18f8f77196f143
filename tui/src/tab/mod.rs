//! Drawing: header, tabs, one screen, footer. A function of the state; breakpoints by the terminal's size:
//!
//! ```text
//! from 60x15    the screens, columns dropped by width, boxes by height
//! from 20x5     big numbers and as many nodes as fit
//! below         one word of health
//! ```

mod ask;
mod nodes;
mod overview;
mod rebalance;
mod replication;
mod slots;
mod table;

use crate::app::{App, Input, Screen};
use crate::keymap;
use crate::theme::{Meaning, Theme};
use crate::widget::help;
use crate::widget::slot_map::Grid;
use dcache_protocol::control::{Health, Level};
use dcache_protocol::size::{format_count, format_duration_ms};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect, Size};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph};
use std::time::Duration;

/// Longest context shown, in cells: an address list without a name must not push the age of the data off the line.
const CONTEXT_MAX: usize = 24;

pub fn draw(app: &App, frame: &mut Frame<'_>) {
    let area = frame.area();
    if area.width < 20 || area.height < 5 {
        let (word, meaning) = health(app);
        frame.render_widget(Span::styled(word, app.theme.style(meaning)), area);
        return;
    }
    if area.width < 60 || area.height < 15 {
        small(app, frame, area);
        return app.ask.iter().for_each(|asked| ask::draw(app, asked, frame, area));
    }
    let [top, tabs, body, bottom] = split(area);
    frame.render_widget(header(app, top.width), top);
    frame.render_widget(tab_line(app, tabs.width), tabs);
    match (&app.status, app.screen) {
        (None, _) => {
            let text =
                app.error.as_ref().map_or("asking the cluster ...".into(), |why| format!("no answer yet: {why}"));
            frame.render_widget(Paragraph::new(format!(" {text}")), body);
        }
        (Some(status), Screen::Overview) => overview::draw(app, status, frame, body),
        (Some(_), Screen::Nodes) => nodes::draw(app, frame, body),
        (Some(status), Screen::Slots) => slots::draw(app, status, frame, body),
        (Some(status), Screen::Replication) => replication::draw(app, status, frame, body),
        (Some(status), Screen::Rebalance) => rebalance::draw(app, status, frame, body),
    }
    frame.render_widget(footer(app, usize::from(bottom.width)), bottom);
    if app.help {
        let lines = help::lines(app.screen, app.theme);
        let width = lines.iter().map(Line::width).max().unwrap_or(0) as u16 + 4;
        let area = centre(area, width, lines.len() as u16 + 2);
        frame.render_widget(Clear, area);
        frame.render_widget(
            Paragraph::new(lines).block(app.theme.block(format!("Keys on {}, any key closes", app.screen.title()))),
            area,
        );
    }
    app.ask.iter().for_each(|asked| ask::draw(app, asked, frame, body));
}

/// Header, tabs, body and footer.
fn split(area: Rect) -> [Rect; 4] {
    Layout::vertical([Constraint::Length(1), Constraint::Length(1), Constraint::Min(1), Constraint::Length(1)])
        .areas(area)
}

/// The grid that the Slots screen draws in a terminal of this size.
pub fn slot_grid(app: &App, size: Size) -> Grid {
    let [_, _, body, _] = split(Rect::from(size));
    slots::grid(app, body)
}

/// At most `width` characters; what was cut off shows.
fn short(text: &str, width: usize, theme: &Theme) -> String {
    if text.chars().count() <= width {
        return text.into();
    }
    let more = if theme.ascii { "~" } else { "…" };
    text.chars().take(width.saturating_sub(1)).collect::<String>() + more
}

fn centre(area: Rect, width: u16, height: u16) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height }
}

/// One word and what it means. Without fresh data nothing is called healthy.
fn health(app: &App) -> (&'static str, Meaning) {
    if app.error.is_some() || is_stale(app) {
        return ("STALE", Meaning::Act);
    }
    match app.status.as_ref().map(|status| status.health) {
        Some(Health::Healthy) => ("HEALTHY", Meaning::Good),
        Some(Health::Degraded) => ("DEGRADED", Meaning::Look),
        Some(Health::Critical) => ("CRITICAL", Meaning::Act),
        None => ("WAITING", Meaning::Look),
    }
}

fn age(app: &App) -> Duration {
    app.now.saturating_sub(app.fetched_at)
}

fn is_stale(app: &App) -> bool {
    !app.paused && app.status.is_some() && age(app) > app.stale_after
}

fn header(app: &App, width: u16) -> Line<'static> {
    let (word, meaning) = health(app);
    let style = app.theme.style(meaning);
    let context = if app.protected { Meaning::Act } else { Meaning::Plain };
    let mut spans = vec![
        Span::raw(if width < 80 { " " } else { " dcache top  " }),
        Span::styled(
            short(&app.context, CONTEXT_MAX.min(usize::from(width) / 4), &app.theme),
            app.theme.style(context),
        ),
        Span::raw("  "),
        Span::styled(format!("{} {word}", app.theme.mark(meaning)), style),
    ];
    if let Some(status) = &app.status {
        let served = status.nodes.iter().filter(|node| node.serves()).count();
        spans.push(Span::raw(format!("  {served}/{} nodes", status.nodes.len())));
        if width >= 100 {
            let level = |level: Level| status.findings.iter().filter(|finding| finding.level == level).count();
            spans.push(Span::raw(format!(
                "  {} critical  {} warnings  epoch {}",
                level(Level::Critical),
                level(Level::Warning),
                status.epoch
            )));
        }
    }
    let seconds = age(app).as_secs();
    let freshness = match (&app.error, &app.status) {
        _ if app.paused => format!("PAUSED {seconds}s"),
        (Some(why), Some(_)) => format!("STALE {seconds}s: {why}"),
        (None, Some(_)) if is_stale(app) => format!("STALE {seconds}s"),
        (None, Some(_)) => format!("live {seconds}s"),
        (_, None) => "no data".into(),
    };
    let used: usize = spans.iter().map(Span::width).sum();
    // The age of the data stays on the line; the clock and then the end of a long reason go.
    let room = usize::from(width).saturating_sub(used + 1);
    let with_clock = format!("{freshness}  {}Z ", clock(app.unix_ms));
    let right = match with_clock.chars().count() <= room {
        true => with_clock,
        false => short(&freshness, room, &app.theme),
    };
    let gap = usize::from(width).saturating_sub(used + right.chars().count());
    spans.push(Span::raw(" ".repeat(gap.max(1))));
    let meaning = if app.paused || app.error.is_some() || is_stale(app) { Meaning::Look } else { Meaning::Plain };
    spans.push(Span::styled(right, app.theme.style(meaning)));
    Line::from(spans)
}

fn tab_line(app: &App, width: u16) -> Line<'static> {
    let tab = |(index, screen): (usize, &Screen)| {
        let title = if width < 80 { screen.short_title() } else { screen.title() };
        let title = format!("{} {title}", index + 1);
        match *screen == app.screen {
            true => Span::styled(format!(" [{title}]"), app.theme.style(Meaning::Selected)),
            false => Span::raw(format!("  {title} ")),
        }
    };
    Line::from(Screen::ALL.iter().enumerate().map(tab).collect::<Vec<_>>())
}

fn footer(app: &App, width: usize) -> Line<'static> {
    match &app.input {
        Some(Input::Filter(text)) => return Line::from(format!(" filter: {text}_   enter keeps it, esc clears it")),
        Some(Input::Go(text)) => {
            return Line::from(format!(" go to partition or key: {text}_   enter goes, esc leaves"));
        }
        None => {}
    }
    if let Some(asked) = &app.ask {
        return Line::styled(format!(" {}", ask::keys(asked)), app.theme.style(Meaning::Dim));
    }
    if let Some(notice) = &app.notice {
        return Line::styled(format!(" {notice}"), app.theme.style(Meaning::Look));
    }
    let mut hints: Vec<String> =
        keymap::footer(app.screen, app.read_only).map(|(key, word)| format!("{key} {word}")).collect();
    // What does not fit goes, but for the first and the last: help and quit.
    while hints.len() > 2 && hints.iter().map(|hint| hint.chars().count() + 2).sum::<usize>() > width {
        hints.remove(hints.len() - 2);
    }
    Line::styled(format!(" {}", hints.join("  ")), app.theme.style(Meaning::Dim))
}

/// Under 60x15: totals and as many nodes as fit.
fn small(app: &App, frame: &mut Frame<'_>, area: Rect) {
    let (word, meaning) = health(app);
    let paused = if app.paused { "  PAUSED" } else { "" };
    let mut lines = vec![Line::styled(
        format!("{} {word} {}{paused}", app.theme.mark(meaning), app.context),
        app.theme.style(meaning),
    )];
    let sample = app.cluster.latest();
    let ops = sample.map_or("-".into(), |s| format_count(s.ops_per_second));
    let hit = sample.and_then(|s| s.hit_ratio).map_or("-".into(), |hit| format!("{:.1}%", hit * 100.0));
    let p99 = sample.map_or("-".into(), |s| format!("{:.2}ms", s.p99_us / 1000.0));
    lines.push(Line::from(format!("ops/s {ops}  hit {hit}  p99 {p99}")));
    if let Some((meaning, text)) = app.status.as_ref().and_then(overview::operation) {
        lines.push(Line::styled(text, app.theme.style(meaning)));
    }
    lines.extend(app.notice.iter().map(|notice| Line::styled(notice.clone(), app.theme.style(Meaning::Look))));
    for node in app.listed() {
        let (state, meaning) = table::state(node);
        let ops = match node.serves() {
            true => app
                .nodes
                .get(&node.name)
                .and_then(|h| h.latest())
                .map_or("-".into(), |s| format_count(s.ops_per_second)),
            false => "-".into(),
        };
        let text = format!("{} {:<10} {state:<8} {ops:>6}", app.theme.mark(meaning), node.name);
        lines.push(Line::styled(text, app.theme.style(meaning)));
    }
    frame.render_widget(Paragraph::new(lines), area);
}

/// `HH:MM:SS` of a wall clock in UTC.
pub fn clock(unix_ms: u64) -> String {
    let seconds = unix_ms / 1000 % 86_400;
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

fn uptime(ms: u64) -> String {
    format_duration_ms(ms)
}

/// Milliseconds with the same width all the time.
fn ms(us: f64) -> String {
    match us / 1000.0 {
        v if v >= 100.0 => format!("{v:.0}"),
        v if v >= 10.0 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}

fn percent(share: Option<f64>) -> String {
    share.map_or("-".into(), |share| format!("{:.1}", share * 100.0))
}
