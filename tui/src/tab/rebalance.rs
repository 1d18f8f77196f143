//! Rebalance: the operation under way, of whatever kind, with how far and how fast it is, what moves now, what it said; and how
//! the last ones ended. Figures that are not fresh are called so, and nothing is worked out from them.

use super::{clock, is_stale, short};
use crate::app::{App, Operations};
use crate::theme::Meaning;
use crate::widget::bars::gauge;
use dcache_protocol::control::ClusterStatus;
use dcache_protocol::operation::{MoveStatus, OperationState, OperationStatus};
use dcache_protocol::size::{format_duration_ms, format_size};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

/// From so many columns on, lists stand side by side.
const WIDE: u16 = 100;

type Lines = Vec<(Meaning, String)>;

pub fn draw(app: &App, status: &ClusterStatus, frame: &mut Frame<'_>, area: Rect) {
    let Some(operations) = &app.operations else {
        let text = match &app.operations_error {
            _ if app.paused => "no operations yet: paused, space goes on".into(),
            Some(why) => format!("no operations: {why}"),
            None => "asking for operations ...".into(),
        };
        return frame.render_widget(Paragraph::new(format!(" {text}")), area);
    };
    let old = staleness(app, operations);
    let view = View { app, width: area.width, old };
    match operations.under_way() {
        Some(operation) => view.draw_under_way(operations, operation, frame, area),
        None => view.draw_idle(operations, status, frame, area),
    }
}

/// How old operations are that are not fresh, and why.
fn staleness(app: &App, operations: &Operations) -> Option<(String, String)> {
    let age = app.now.saturating_sub(operations.at);
    let word = format!("  STALE {}s", age.as_secs());
    match (&app.operations_error, &app.error) {
        _ if app.paused => None,
        (Some(why), _) | (None, Some(why)) => Some((word, format!(": {why}"))),
        // As after another screen was looked at for a while.
        (None, None) if is_stale(app) || age > app.stale_after => Some((word, String::new())),
        (None, None) => None,
    }
}

struct View<'a> {
    app: &'a App,
    width: u16,
    old: Option<(String, String)>,
}

impl View<'_> {
    fn draw_under_way(&self, operations: &Operations, operation: &OperationStatus, frame: &mut Frame<'_>, area: Rect) {
        let lines = self.progress(operation, area.height >= 20);
        let top = u16::try_from(lines.len() + 2).unwrap_or(u16::MAX).min(area.height);
        let left = area.height - top;
        let moving = u16::try_from(operation.moving.len() + 2).unwrap_or(u16::MAX).max(3);
        let middle = if left < 7 { left } else { moving.clamp(4, (left / 2).max(4)) };
        let [top, middle, bottom] =
            Layout::vertical([Constraint::Length(top), Constraint::Length(middle), Constraint::Min(0)]).areas(area);
        let nodes = if operation.nodes.is_empty() { String::new() } else { format!(" {}", operation.nodes.join(", ")) };
        let resumes = match operation.state {
            OperationState::Paused if !self.app.read_only => ", p resumes",
            _ => "",
        };
        let state = state(operation).to_uppercase();
        let title = format!("{} {}{nodes}  {state}{resumes}", operation.id, operation.kind);
        self.boxed(&title, self.why_old(), lines, frame, top);
        let under_way = operation.moving.len() as u64;
        let waiting = operation
            .moves_total
            .saturating_sub(operation.moves_done)
            .saturating_sub(operation.moves_failed)
            .saturating_sub(under_way);
        let title = format!("Moving now ({under_way})  waiting {waiting}");
        self.boxed(&title, "", self.moving(operation, middle), frame, middle);
        let over: Vec<&OperationStatus> = operations.all.iter().filter(|each| each.state.is_over()).collect();
        let [notes, last] = match (area.width >= WIDE, bottom.height) {
            (true, _) => Layout::horizontal([Constraint::Fill(1); 2]).areas(bottom),
            (false, 0..9) => [bottom, Rect::ZERO],
            (false, _) => Layout::vertical([Constraint::Fill(1); 2]).areas(bottom),
        };
        self.boxed("Notes, newest first", "", notes_of(operation), frame, notes);
        self.boxed("Last operations", "", self.last(&over, last.width), frame, last);
    }

    fn draw_idle(&self, operations: &Operations, status: &ClusterStatus, frame: &mut Frame<'_>, area: Rect) {
        let mut lines = vec![(Meaning::Plain, "nothing is asked to move".into())];
        if status.partitions_moving > 0 {
            lines.push((Meaning::Plain, format!("{} partitions are on their way still", status.partitions_moving)));
        }
        lines.push((Meaning::Dim, "see what a rebalance would do: dcache rebalance --plan".into()));
        if !self.app.read_only {
            lines.push((Meaning::Dim, "drain a node: 2, select it, D".into()));
        }
        let top = u16::try_from(lines.len() + 2).unwrap_or(u16::MAX);
        let [top, bottom] = Layout::vertical([Constraint::Length(top), Constraint::Min(0)]).areas(area);
        self.boxed("No operation under way", self.why_old(), lines, frame, top);
        let over: Vec<&OperationStatus> = operations.all.iter().collect();
        self.boxed("Last operations", "", self.last(&over, bottom.width), frame, bottom);
    }

    fn why_old(&self) -> &str {
        self.old.as_ref().map_or("", |(_, why)| why)
    }

    /// `why`: of figures that are old, said once a screen.
    fn boxed(&self, title: &str, why: &str, lines: Lines, frame: &mut Frame<'_>, area: Rect) {
        if area.is_empty() {
            return;
        }
        let room = usize::from(area.width.saturating_sub(4));
        let old = self.old.as_ref().map_or("", |(word, _)| word);
        let title = short(&format!("{title}{old}{why}"), room, &self.app.theme);
        let line = |(meaning, text): (Meaning, String)| {
            let meaning = if self.old.is_some() && meaning != Meaning::Act { Meaning::Dim } else { meaning };
            Line::styled(format!(" {}", short(&text, room, &self.app.theme)), self.app.theme.style(meaning))
        };
        let lines: Vec<Line<'_>> = lines.into_iter().map(line).collect();
        frame.render_widget(Paragraph::new(lines).block(self.app.theme.block(title)), area);
    }

    /// `is_tall`: with how to leave and come back.
    fn progress(&self, operation: &OperationStatus, is_tall: bool) -> Lines {
        let mark = |meaning| self.app.theme.mark(meaning);
        let width = usize::from(self.width).saturating_sub(46).clamp(10, 60);
        let bar = |done: u64, of: u64| {
            let share = if of == 0 { 0.0 } else { done as f64 / of as f64 };
            (gauge(&self.app.theme, share, width), format!("{:.0} %", (share * 100.0).floor()))
        };
        let (moves, moves_share) = bar(operation.moves_done, operation.moves_total);
        let (bytes, bytes_share) = bar(operation.bytes_done, operation.bytes_total);
        let failed = match operation.moves_failed {
            0 => String::new(),
            failed => format!("  {} {failed} failed", mark(Meaning::Act)),
        };
        let meaning = if operation.moves_failed > 0 { Meaning::Act } else { Meaning::Plain };
        let mut lines = vec![
            (
                meaning,
                format!("moves {moves} {}/{}  {moves_share}{failed}", operation.moves_done, operation.moves_total),
            ),
            (
                Meaning::Plain,
                format!(
                    "bytes {bytes} {}/{}  {bytes_share}",
                    format_size(operation.bytes_done),
                    format_size(operation.bytes_total)
                ),
            ),
            (Meaning::Plain, self.rate(operation)),
            guard(operation),
        ];
        let why = |what: &str, why: &String| (Meaning::Look, format!("{} {what}: {why}", mark(Meaning::Look)));
        lines.extend(operation.held.iter().map(|held| why("held", held)));
        lines.extend(operation.why.iter().map(|differs| why("not as planned", differs)));
        let since = self.app.unix_ms.saturating_sub(operation.started_unix_ms);
        lines.push((
            Meaning::Plain,
            format!(
                "plan  {}  began {}Z, {} ago",
                operation.plan,
                clock(operation.started_unix_ms),
                format_duration_ms(since / 1000 * 1000)
            ),
        ));
        if is_tall {
            let text = format!("leaving does not stop it; watch it again: dcache op watch {}", operation.id);
            lines.push((Meaning::Dim, text));
        }
        lines
    }

    /// How fast it is and may be, and when it will be over as far as that can be told.
    fn rate(&self, operation: &OperationStatus) -> String {
        let pace = operation.pace;
        let is_going = operation.state == OperationState::Running && self.old.is_none() && operation.bytes_a_second > 0;
        let left = operation.bytes_total.saturating_sub(operation.bytes_done);
        let (rate, eta) = match is_going {
            true => (
                format!("{}/s", format_size(operation.bytes_a_second)),
                format_duration_ms((left / operation.bytes_a_second).saturating_mul(1000).max(1000)),
            ),
            false => ("-".into(), "-".into()),
        };
        let limit = match pace.rate_bytes {
            0 => "no limit".into(),
            rate => format!("limit {}/s a node", format_size(rate)),
        };
        format!("rate  {rate}  eta {eta}  {limit}, {} moves at once", pace.moves_at_once)
    }

    fn moving(&self, operation: &OperationStatus, area: Rect) -> Lines {
        let room = usize::from(area.height.saturating_sub(2));
        let moving = &operation.moving;
        if moving.is_empty() {
            let why = match (operation.state, &operation.held) {
                (OperationState::Paused, _) => "none: it is paused".to_string(),
                (_, Some(held)) => format!("none: {held}"),
                _ => "none at this moment".into(),
            };
            return vec![(Meaning::Plain, why)];
        }
        let shown = if moving.len() > room { room.saturating_sub(1) } else { moving.len() };
        let bar = usize::from(self.width).saturating_sub(60).clamp(10, 40);
        let row = |each: &MoveStatus| {
            let way = format!("{} -> {}", from_of(each), to_of(each));
            let way = short(&way, 32, &self.app.theme);
            let share = f64::from(each.percent) / 100.0;
            let bar = gauge(&self.app.theme, share, bar);
            let text =
                format!("{:04} {way:<23} {bar} {:>3} % {:>8}", each.partition.0, each.percent, format_size(each.bytes));
            (Meaning::Plain, text)
        };
        let mut lines: Lines = moving.iter().take(shown).map(row).collect();
        if shown < moving.len() {
            lines.push((Meaning::Dim, format!("and {} more", moving.len() - shown)));
        }
        lines
    }

    fn last(&self, over: &[&OperationStatus], width: u16) -> Lines {
        if over.is_empty() {
            return vec![(Meaning::Plain, "none that is known still".into())];
        }
        let inner = usize::from(width.saturating_sub(4));
        let mut lines = Vec::new();
        for each in over {
            let (meaning, style) = match each.state {
                OperationState::Done => (Meaning::Good, Meaning::Plain),
                OperationState::Failed => (Meaning::Act, Meaning::Act),
                _ => (Meaning::Look, Meaning::Look),
            };
            let state = format!("{} {}", self.app.theme.mark(meaning), each.state);
            let of = if each.nodes.is_empty() { "-".into() } else { each.nodes.join(",") };
            let ended = each.ended_unix_ms.unwrap_or(self.app.unix_ms);
            let took = format_duration_ms(ended.saturating_sub(each.started_unix_ms) / 1000 * 1000);
            let ago = format_duration_ms(self.app.unix_ms.saturating_sub(ended) / 1000 * 1000);
            let moves = format!("{}/{}", each.moves_done, each.moves_total);
            let bytes = format_size(each.bytes_done);
            let fixed = format!("{:>5} {:<9} {state:<11}", each.id.to_string(), each.kind.to_string());
            let figures = match inner {
                90.. => format!("{moves:>9} {bytes:>9} in {took:<7} {ago:>6} ago"),
                72.. => format!("{moves:>9} in {took:<7} {ago:>6} ago"),
                _ => format!("{moves:>9} {ago:>6} ago"),
            };
            let room = inner.saturating_sub(fixed.chars().count() + figures.chars().count() + 2);
            let of = short(&of, room, &self.app.theme);
            lines.push((style, format!("{fixed} {of:<room$} {figures}")));
            lines.extend(each.why.iter().map(|why| (style, format!("      {why}"))));
        }
        lines
    }
}

fn state(operation: &OperationStatus) -> String {
    match (operation.state, &operation.held) {
        (OperationState::Running, Some(_)) => "running, held".into(),
        (state, _) => state.to_string(),
    }
}

fn guard(operation: &OperationStatus) -> (Meaning, String) {
    let guard = operation.pace.guard_p99_us;
    if guard == 0 {
        return (Meaning::Plain, "guard off: the p99 of clients is not looked at".into());
    }
    let (rise, allowed) = (operation.p99_rise_us as f64 / 1000.0, guard as f64 / 1000.0);
    let is_over = operation.p99_rise_us > i64::try_from(guard).unwrap_or(i64::MAX);
    let meaning = if is_over { Meaning::Look } else { Meaning::Plain };
    let slow = if is_over { ": it slows down" } else { "" };
    (meaning, format!("guard p99 {rise:+.1} ms of +{allowed:.1} ms allowed{slow}"))
}

fn notes_of(operation: &OperationStatus) -> Lines {
    if operation.notes.is_empty() {
        return vec![(Meaning::Plain, "nothing yet".into())];
    }
    let line =
        |note: &dcache_protocol::operation::Note| (Meaning::Plain, format!("{} {}", clock(note.at_unix_ms), note.text));
    operation.notes.iter().rev().map(line).collect()
}

/// Who gives the partition up; where nobody does, who serves it.
fn from_of(each: &MoveStatus) -> String {
    lacking(&each.from, &each.to)
}

/// Who gets it; where nobody does, who is to serve it.
fn to_of(each: &MoveStatus) -> String {
    lacking(&each.to, &each.from)
}

fn lacking(these: &[String], those: &[String]) -> String {
    let only: Vec<&str> = these.iter().filter(|name| !those.contains(name)).map(String::as_str).collect();
    match only.is_empty() {
        true => these.first().map_or("nobody", String::as_str).to_string(),
        false => only.join(","),
    }
}
