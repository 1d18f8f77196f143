//! The help page, made from the key table.

use crate::app::Screen;
use crate::keymap::{BINDINGS, name};
use crossterm::event::KeyModifiers;
use ratatui::text::Line;

/// One line a key of this screen, and what marks mean.
pub fn lines(screen: Screen) -> Vec<Line<'static>> {
    let mut lines = vec![Line::from(format!("Keys on {}", screen.title())), Line::from("")];
    for binding in BINDINGS.iter().filter(|b| b.screens.is_empty() || b.screens.contains(&screen)) {
        let prefix = if binding.modifiers.contains(KeyModifiers::CONTROL) { "ctrl-" } else { "" };
        let keys: Vec<String> = binding.keys.iter().map(|key| format!("{prefix}{}", name(*key))).collect();
        lines.push(Line::from(format!("  {:<10} {}", keys.join(" "), binding.help)));
    }
    lines.push(Line::from(""));
    lines.push(Line::from("● good  ▲ look  ✖ act now  > selected.  A node that does not answer shows - , never 0."));
    lines.push(Line::from(
        "ops/s counts requests a node ran; latency is of the last 10 s, from request read to reply encoded.",
    ));
    lines
}
