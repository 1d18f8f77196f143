//! Keys and what they do: one table drives dispatch, footer and help.

use crate::app::Screen;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Quit,
    Suspend,
    Help,
    Pause,
    Filter,
    Sort,
    Reverse,
    Enter,
    Back,
    Show(Screen),
    NextScreen,
    Up,
    Down,
    Left,
    Right,
    Go,
    ViewOps,
    ViewMemory,
    ViewKeys,
    ViewOwner,
    Drain,
    Failover,
    /// Pauses a running operation, resumes a paused one.
    PauseOperation,
    CancelOperation,
}

impl Action {
    /// Whether it changes the cluster: asks first, and is not offered where one may only look.
    pub fn is_change(self) -> bool {
        matches!(self, Action::Drain | Action::Failover | Action::PauseOperation | Action::CancelOperation)
    }
}

/// One row of the table.
pub struct Binding {
    pub keys: &'static [KeyCode],
    pub modifiers: KeyModifiers,
    /// As shown; empty: not in the footer.
    pub label: &'static str,
    pub short: &'static str,
    pub help: &'static str,
    /// Empty: every screen.
    pub screens: &'static [Screen],
    pub action: Action,
}

const fn everywhere(
    keys: &'static [KeyCode],
    label: &'static str,
    short: &'static str,
    help: &'static str,
    action: Action,
) -> Binding {
    Binding { keys, modifiers: KeyModifiers::NONE, label, short, help, screens: &[], action }
}

const fn on(screens: &'static [Screen], binding: Binding) -> Binding {
    Binding { screens, ..binding }
}

const LISTS: &[Screen] = &[Screen::Overview, Screen::Nodes];
const NODES: &[Screen] = &[Screen::Nodes];
const SLOTS: &[Screen] = &[Screen::Slots];
const REBALANCE: &[Screen] = &[Screen::Rebalance];

pub const BINDINGS: &[Binding] = &[
    everywhere(&[KeyCode::Char('?')], "?", "help", "this page", Action::Help),
    everywhere(
        &[KeyCode::Char('1')],
        "1-5",
        "screens",
        "Overview: the cluster at a glance",
        Action::Show(Screen::Overview),
    ),
    everywhere(&[KeyCode::Char('2')], "", "", "Nodes: one line a node", Action::Show(Screen::Nodes)),
    everywhere(&[KeyCode::Char('3')], "", "", "Slots: heat and owners of partitions", Action::Show(Screen::Slots)),
    everywhere(
        &[KeyCode::Char('4')],
        "",
        "",
        "Replication: lag and copies of nodes",
        Action::Show(Screen::Replication),
    ),
    everywhere(
        &[KeyCode::Char('5')],
        "",
        "",
        "Rebalance: the operation under way, and the last ones",
        Action::Show(Screen::Rebalance),
    ),
    everywhere(&[KeyCode::Tab], "", "", "next screen", Action::NextScreen),
    on(
        LISTS,
        everywhere(
            &[KeyCode::Char('/')],
            "/",
            "filter",
            "show only nodes whose name or zone contains a text",
            Action::Filter,
        ),
    ),
    on(LISTS, everywhere(&[KeyCode::Char('s')], "s", "sort", "sort by the next column", Action::Sort)),
    on(LISTS, everywhere(&[KeyCode::Char('S')], "", "", "turn the order round", Action::Reverse)),
    on(LISTS, everywhere(&[KeyCode::Enter], "enter", "open", "open the selected node", Action::Enter)),
    on(
        NODES,
        everywhere(
            &[KeyCode::Char('D')],
            "D",
            "drain",
            "move everything off the node; shows the plan and asks",
            Action::Drain,
        ),
    ),
    on(
        NODES,
        everywhere(
            &[KeyCode::Char('F')],
            "F",
            "failover",
            "have other nodes take over what it serves; asks",
            Action::Failover,
        ),
    ),
    on(
        REBALANCE,
        everywhere(
            &[KeyCode::Char('p')],
            "p",
            "pause op",
            "pause the operation, or resume it; asks",
            Action::PauseOperation,
        ),
    ),
    on(
        REBALANCE,
        everywhere(&[KeyCode::Char('c')], "c", "cancel op", "cancel the operation; asks", Action::CancelOperation),
    ),
    everywhere(&[KeyCode::Esc], "", "", "close, clear the filter, or go back", Action::Back),
    everywhere(&[KeyCode::Up], "", "", "up", Action::Up),
    on(LISTS, everywhere(&[KeyCode::Char('k')], "", "", "up", Action::Up)),
    everywhere(&[KeyCode::Down, KeyCode::Char('j')], "", "", "down", Action::Down),
    on(SLOTS, everywhere(&[KeyCode::Left, KeyCode::Char('h')], "arrows", "move", "left", Action::Left)),
    on(SLOTS, everywhere(&[KeyCode::Right], "", "", "right", Action::Right)),
    on(
        SLOTS,
        everywhere(&[KeyCode::Char('g')], "g", "go to", "go to a partition by number, or to a key's", Action::Go),
    ),
    on(SLOTS, everywhere(&[KeyCode::Char('o')], "o m k w", "view", "heat by requests a second", Action::ViewOps)),
    on(SLOTS, everywhere(&[KeyCode::Char('m')], "", "", "heat by memory", Action::ViewMemory)),
    on(SLOTS, everywhere(&[KeyCode::Char('k')], "", "", "heat by number of keys", Action::ViewKeys)),
    on(SLOTS, everywhere(&[KeyCode::Char('w')], "", "", "who owns which partition", Action::ViewOwner)),
    everywhere(&[KeyCode::Char(' ')], "space", "pause", "stop showing new figures; polling goes on", Action::Pause),
    everywhere(&[KeyCode::Char('q')], "q", "quit", "leave", Action::Quit),
    Binding {
        keys: &[KeyCode::Char('c')],
        modifiers: KeyModifiers::CONTROL,
        label: "",
        short: "",
        help: "leave (Ctrl-C)",
        screens: &[],
        action: Action::Quit,
    },
    Binding {
        keys: &[KeyCode::Char('z')],
        modifiers: KeyModifiers::CONTROL,
        label: "",
        short: "",
        help: "suspend (Ctrl-Z)",
        screens: &[],
        action: Action::Suspend,
    },
];

/// What a key means on a screen.
pub fn action(key: KeyEvent, screen: Screen) -> Option<Action> {
    let control = key.modifiers & KeyModifiers::CONTROL;
    let fits = |binding: &&Binding| {
        binding.keys.contains(&key.code)
            && binding.modifiers == control
            && (binding.screens.is_empty() || binding.screens.contains(&screen))
    };
    BINDINGS.iter().find(fits).map(|binding| binding.action)
}

/// The footer's hints for a screen: key and word. `read_only`: without those that change the cluster.
pub fn footer(screen: Screen, read_only: bool) -> impl Iterator<Item = (&'static str, &'static str)> {
    let shown = move |binding: &&Binding| {
        !binding.label.is_empty()
            && (binding.screens.is_empty() || binding.screens.contains(&screen))
            && !(read_only && binding.action.is_change())
    };
    BINDINGS.iter().filter(shown).map(|binding| (binding.label, binding.short))
}

/// How a key is written in the help.
pub fn name(key: KeyCode) -> String {
    match key {
        KeyCode::Char(' ') => "space".into(),
        KeyCode::Char(c) => c.to_string(),
        other => format!("{other:?}").to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_means_two_things_on_one_screen_and_every_key_has_help() {
        for screen in Screen::ALL {
            let mut seen = std::collections::BTreeSet::new();
            for binding in BINDINGS.iter().filter(|b| b.screens.is_empty() || b.screens.contains(&screen)) {
                assert!(!binding.help.is_empty());
                for key in binding.keys {
                    assert!(seen.insert((name(*key), binding.modifiers.bits())), "{} twice on {screen:?}", name(*key));
                }
            }
        }
    }

    #[test]
    fn keys_are_found_by_screen_and_modifier() {
        let key = |c, modifiers| KeyEvent::new(KeyCode::Char(c), modifiers);
        assert_eq!(action(key('c', KeyModifiers::CONTROL), Screen::Nodes), Some(Action::Quit));
        assert_eq!(action(key('c', KeyModifiers::NONE), Screen::Nodes), None);
        assert_eq!(action(key('o', KeyModifiers::NONE), Screen::Slots), Some(Action::ViewOps));
        assert_eq!(action(key('o', KeyModifiers::NONE), Screen::Nodes), None);
    }
}
