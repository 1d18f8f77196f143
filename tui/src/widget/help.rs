//! The help page, made from the key table.

use crate::app::Screen;
use crate::keymap::{Action, BINDINGS, name};
use crate::theme::{Meaning, Theme};
use crossterm::event::KeyModifiers;
use ratatui::text::Line;

/// One line a key of this screen, and what marks mean.
pub fn lines(screen: Screen, theme: Theme) -> Vec<Line<'static>> {
    // Keys that do the same share a line: the page is to fit on 24.
    let mut rows: Vec<(Action, Vec<String>, &str)> = Vec::new();
    for binding in BINDINGS.iter().filter(|b| b.screens.is_empty() || b.screens.contains(&screen)) {
        let prefix = if binding.modifiers.contains(KeyModifiers::CONTROL) { "ctrl-" } else { "" };
        let keys = binding.keys.iter().map(|key| format!("{prefix}{}", name(*key)));
        match rows.iter_mut().find(|(action, ..)| *action == binding.action) {
            Some((_, known, _)) => known.extend(keys),
            None => rows.push((binding.action, keys.collect(), binding.help)),
        }
    }
    let line = |(_, keys, help): (Action, Vec<String>, &str)| Line::from(format!("  {:<10} {help}", keys.join(" ")));
    let mut lines: Vec<Line<'_>> = rows.into_iter().map(line).collect();
    let mark = |meaning| theme.mark(meaning);
    lines.push(Line::from(format!(
        " {} good  {} look  {} act now  > selected; no answer shows -, never 0",
        mark(Meaning::Good),
        mark(Meaning::Look),
        mark(Meaning::Act)
    )));
    lines.push(Line::from(" ops/s: requests since the poll before; latency: of the last 10 s"));
    lines
}
