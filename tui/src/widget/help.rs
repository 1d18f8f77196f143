//! The help page, made from the key table.

use crate::app::Screen;
use crate::keymap::{BINDINGS, name};
use crate::theme::{Meaning, Theme};
use crossterm::event::KeyModifiers;
use ratatui::text::Line;

/// One line a key of this screen, and what marks mean.
pub fn lines(screen: Screen, theme: Theme) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for binding in BINDINGS.iter().filter(|b| b.screens.is_empty() || b.screens.contains(&screen)) {
        let prefix = if binding.modifiers.contains(KeyModifiers::CONTROL) { "ctrl-" } else { "" };
        let keys: Vec<String> = binding.keys.iter().map(|key| format!("{prefix}{}", name(*key))).collect();
        lines.push(Line::from(format!("  {:<10} {}", keys.join(" "), binding.help)));
    }
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
