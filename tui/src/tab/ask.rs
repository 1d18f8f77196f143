//! The question before a change: what would happen, the command line that does the same, and how to answer; afterwards what came
//! of it. What there is no room for is counted, never the question itself left out.

use super::{age, centre, is_stale};
use crate::app::{App, Ask, Stage};
use crate::theme::Meaning;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Clear, Paragraph};

const WIDTH_MAX: u16 = 72;

pub fn draw(app: &App, ask: &Ask, frame: &mut Frame<'_>, area: Rect) {
    let width = WIDTH_MAX.min(area.width.saturating_sub(2)).max(1);
    // Borders, and a cell at each side.
    let room = usize::from(width.saturating_sub(4)).max(1);
    let below = below(ask, room);
    let mut lines: Vec<(Meaning, String)> = Vec::new();
    for (meaning, text) in &above(app, ask) {
        let mark = match meaning {
            Meaning::Plain => String::new(),
            marked => format!("{} ", app.theme.mark(*marked)),
        };
        lines.extend(wrap(&format!("{mark}{text}"), room).into_iter().map(|line| (*meaning, line)));
    }
    let room = usize::from(area.height).saturating_sub(2 + below.len());
    if lines.len() > room {
        let hidden = lines.len() - room.saturating_sub(1);
        lines.truncate(room.saturating_sub(1));
        lines.push((Meaning::Look, format!("{hidden} more lines need a larger terminal")));
    }
    lines.extend(below);
    let height = u16::try_from(lines.len() + 2).unwrap_or(u16::MAX);
    let place = centre(area, width, height);
    let lines: Vec<Line<'_>> =
        lines.into_iter().map(|(meaning, text)| Line::styled(format!(" {text}"), app.theme.style(meaning))).collect();
    let name = ask.change.name();
    let title = match ask.stage {
        Stage::Planning | Stage::Asking(_) => format!("{}?", capitalised(&name)),
        Stage::Doing => format!("{} ...", capitalised(&name)),
        Stage::Done | Stage::Failed => capitalised(&name),
    };
    frame.render_widget(Clear, place);
    frame.render_widget(Paragraph::new(lines).block(app.theme.block(title)), place);
}

fn above(app: &App, ask: &Ask) -> Vec<(Meaning, String)> {
    let mut lines = ask.told.clone();
    match ask.stage {
        Stage::Planning => lines.push((Meaning::Plain, "asking the cluster what that would do ...".into())),
        Stage::Doing => lines.push((Meaning::Plain, "asked; waiting for the answer ...".into())),
        // A plan is fresh, whatever the screen below shows.
        Stage::Asking(crate::event::Call::Drain { .. }) | Stage::Done | Stage::Failed => {}
        Stage::Asking(_) if app.error.is_some() || app.paused || is_stale(app) => {
            let text = format!("by figures that are {} s old", age(app).as_secs());
            lines.push((Meaning::Look, text));
        }
        Stage::Asking(_) => {}
    }
    lines
}

fn below(ask: &Ask, room: usize) -> Vec<(Meaning, String)> {
    let mut lines = vec![(Meaning::Plain, String::new())];
    if !matches!(ask.stage, Stage::Done) {
        let same = format!("same as: {}", ask.change.command());
        lines.extend(wrap(&same, room).into_iter().map(|line| (Meaning::Plain, line)));
    }
    lines.push((Meaning::Selected, keys(ask).into()));
    lines
}

/// The keys that mean something now.
pub fn keys(ask: &Ask) -> &'static str {
    match ask.stage {
        Stage::Planning => "n or esc leaves",
        Stage::Asking(_) => "y or enter does it, n or esc leaves",
        Stage::Doing => "esc leaves this box, not what was asked",
        Stage::Done | Stage::Failed => "any key closes",
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Lines of at most `width` characters, broken at blanks; what follows the first is put in by two.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let is_full = line.chars().count() + 1 + word.chars().count() > width;
        if is_full && !line.trim().is_empty() {
            lines.push(std::mem::replace(&mut line, "  ".into()));
            line.push_str(word);
        } else {
            if !line.is_empty() || !lines.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        // A word that is longer than a line goes on in the next.
        while line.chars().count() > width {
            let rest = line.chars().skip(width).collect();
            lines.push(line.chars().take(width).collect());
            line = rest;
        }
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_broken_at_blanks_and_longer_words_anywhere() {
        assert_eq!(wrap("one two three", 9), ["one two", "  three"]);
        assert_eq!(wrap("fits", 4), ["fits"]);
        assert_eq!(wrap("abcdef", 4), ["abcd", "ef"]);
        assert_eq!(wrap("", 4), [""]);
        assert!(wrap("a bb cccc ddddddddd", 1).iter().all(|line| line.chars().count() <= 1));
    }
}
