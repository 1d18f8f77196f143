//! Colours and marks. Colour has four meanings only, each with a mark, so that nothing is told by colour alone; sixteen-colour
//! palette, none at all with `NO_COLOR`, ASCII marks and borders where the locale is not UTF-8.

use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::border;
use ratatui::widgets::{Block, BorderType};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    Plain,
    Good,
    Look,
    Act,
    Selected,
    Dim,
}

#[derive(Clone, Copy, Debug)]
pub struct Theme {
    pub colour: bool,
    pub ascii: bool,
}

const ASCII_BORDER: border::Set<'static> = border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};

impl Theme {
    pub fn style(&self, meaning: Meaning) -> Style {
        let plain = Style::new();
        match (meaning, self.colour) {
            (Meaning::Plain, _) => plain,
            (Meaning::Selected, true) => plain.fg(Color::Cyan).add_modifier(Modifier::BOLD),
            (Meaning::Selected, false) => plain.add_modifier(Modifier::BOLD),
            (Meaning::Dim, true) => plain.fg(Color::DarkGray),
            (Meaning::Good, true) => plain.fg(Color::Green),
            (Meaning::Look, true) => plain.fg(Color::Yellow),
            (Meaning::Act, true) => plain.fg(Color::Red).add_modifier(Modifier::BOLD),
            (_, false) => plain,
        }
    }

    pub fn mark(&self, meaning: Meaning) -> &'static str {
        match (meaning, self.ascii) {
            (Meaning::Good, false) => "●",
            (Meaning::Look, false) => "▲",
            (Meaning::Act, false) => "✖",
            (Meaning::Good, true) => "o",
            (Meaning::Look, true) => "!",
            (Meaning::Act, true) => "X",
            _ => "·",
        }
    }

    pub fn block(&self, title: impl Into<String>) -> Block<'static> {
        let block = Block::bordered().title(format!(" {} ", title.into()));
        match self.ascii {
            true => block.border_set(ASCII_BORDER),
            false => block.border_type(BorderType::Rounded),
        }
    }

    /// Eight heights of a bar, lowest first.
    pub fn bars(&self) -> [char; 8] {
        match self.ascii {
            true => ['_', '.', '-', '-', '=', '=', '#', '#'],
            false => ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'],
        }
    }

    /// Heat from idle to hottest.
    pub fn heat(&self) -> [char; 5] {
        match self.ascii {
            true => ['.', '-', '+', '*', '#'],
            false => ['·', '░', '▒', '▓', '█'],
        }
    }
}
