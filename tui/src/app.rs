//! All state of the dashboard and how events change it. No terminal, no network, no clock: `update` is a function of the state
//! and one event, drawing is a function of the state. Questions before changes of the cluster are in `app/ask.rs`.

mod ask;

pub use ask::{Ask, Stage};

use crate::event::{Effect, Event, Fetched, Wants};
use crate::history::{Counters, History};
use crate::keymap::{self, Action};
use crate::tab;
use crate::theme::{Meaning, Theme};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use dcache_protocol::control::{ClusterEvent, ClusterStatus, NodeStatus, PartitionTable};
use dcache_protocol::operation::OperationStatus;
use dcache_protocol::{NodeState, PartitionId, SLOTS, slot_of};
use ratatui::layout::Size;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// Events kept for the Overview.
const EVENTS_MAX: usize = 200;

/// Longest text typed for a filter or a place to go to.
const INPUT_MAX: usize = 256;

/// Data is not called stale before this age, however short the refresh is.
pub const STALE_AFTER_MIN: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Screen {
    Overview,
    Nodes,
    Slots,
    Replication,
    Rebalance,
}

impl Screen {
    pub const ALL: [Screen; 5] =
        [Screen::Overview, Screen::Nodes, Screen::Slots, Screen::Replication, Screen::Rebalance];

    pub fn title(self) -> &'static str {
        match self {
            Screen::Overview => "Overview",
            Screen::Nodes => "Nodes",
            Screen::Slots => "Slots",
            Screen::Replication => "Replication",
            Screen::Rebalance => "Rebalance",
        }
    }

    /// As a narrow terminal has it.
    pub fn short_title(self) -> &'static str {
        match self {
            Screen::Overview => "Over",
            Screen::Replication => "Repl",
            Screen::Rebalance => "Rebal",
            other => other.title(),
        }
    }

    fn next(self) -> Screen {
        match self {
            Screen::Overview => Screen::Nodes,
            Screen::Nodes => Screen::Slots,
            Screen::Slots => Screen::Replication,
            Screen::Replication => Screen::Rebalance,
            Screen::Rebalance => Screen::Overview,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    Name,
    Ops,
    Hit,
    P99,
    Memory,
}

impl Sort {
    pub const ALL: [Sort; 5] = [Sort::Name, Sort::Ops, Sort::Hit, Sort::P99, Sort::Memory];

    pub fn title(self) -> &'static str {
        match self {
            Sort::Name => "name",
            Sort::Ops => "ops/s",
            Sort::Hit => "hit",
            Sort::P99 => "p99",
            Sort::Memory => "memory",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    Ops,
    Memory,
    Keys,
    Owner,
}

/// What is being typed on the last line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    Filter(String),
    Go(String),
}

/// Something this screen has seen happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub unix_ms: u64,
    pub meaning: Meaning,
    pub text: String,
}

/// Partitions as of the last two polls.
#[derive(Clone, Debug, Default)]
pub struct Partitions {
    pub table: PartitionTable,
    /// By partition; none until there are two polls of one owner's counters.
    pub ops_per_second: Vec<Option<f64>>,
    at: Duration,
}

/// Operations as of the last poll that brought them.
#[derive(Clone, Debug)]
pub struct Operations {
    /// The newest first.
    pub all: Vec<OperationStatus>,
    pub at: Duration,
}

impl Operations {
    /// There is one at most.
    pub fn under_way(&self) -> Option<&OperationStatus> {
        self.all.iter().find(|operation| !operation.state.is_over())
    }
}

#[derive(Clone, Debug)]
pub struct App {
    pub theme: Theme,
    /// Of the terminal, in cells.
    pub size: Size,
    pub context: String,
    pub protected: bool,
    /// Nothing is changed from here.
    pub read_only: bool,
    pub screen: Screen,
    pub status: Option<ClusterStatus>,
    /// When `status` was complete.
    pub fetched_at: Duration,
    /// Why the newest poll failed; `status` is older then.
    pub error: Option<String>,
    pub failures: u32,
    /// Age from which data is called stale even without an error.
    pub stale_after: Duration,
    pub now: Duration,
    pub unix_ms: u64,
    pub opened_unix_ms: u64,
    pub paused: bool,
    pub help: bool,
    pub input: Option<Input>,
    pub filter: String,
    pub sort: Sort,
    pub reverse: bool,
    pub selected: usize,
    /// Name of the node that is opened on the Nodes screen.
    pub opened: Option<String>,
    pub nodes: BTreeMap<String, History>,
    pub cluster: History,
    pub last_seen: BTreeMap<String, Duration>,
    pub events: VecDeque<Seen>,
    pub view: View,
    pub partition: usize,
    pub partitions: Option<Partitions>,
    pub partitions_error: Option<String>,
    /// What the cluster says happened to it, or why it does not; none: not asked yet.
    pub log: Option<Result<Vec<ClusterEvent>, String>>,
    pub operations: Option<Operations>,
    /// Why the newest poll brought none; `operations` is older then.
    pub operations_error: Option<String>,
    /// The change that is asked about or under way.
    pub ask: Option<Ask>,
    /// One line about the last key, as why a place cannot be gone to.
    pub notice: Option<String>,
}

impl App {
    pub fn new(theme: Theme, context: String, protected: bool, unix_ms: u64) -> App {
        App {
            theme,
            size: Size::new(80, 24),
            context,
            protected,
            read_only: protected,
            screen: Screen::Overview,
            status: None,
            fetched_at: Duration::ZERO,
            error: None,
            failures: 0,
            stale_after: STALE_AFTER_MIN,
            now: Duration::ZERO,
            unix_ms,
            opened_unix_ms: unix_ms,
            paused: false,
            help: false,
            input: None,
            filter: String::new(),
            sort: Sort::Name,
            reverse: false,
            selected: 0,
            opened: None,
            nodes: BTreeMap::new(),
            cluster: History::default(),
            last_seen: BTreeMap::new(),
            events: VecDeque::new(),
            view: View::Ops,
            partition: 0,
            partitions: None,
            partitions_error: None,
            log: None,
            operations: None,
            operations_error: None,
            ask: None,
            notice: None,
        }
    }

    pub fn update(&mut self, event: Event) -> Effect {
        match event {
            Event::Key(key) => self.key(key),
            Event::Resized { width, height } => {
                self.size = Size { width, height };
                Effect::None
            }
            Event::Tick { now, unix_ms } => {
                self.now = now;
                self.unix_ms = unix_ms;
                Effect::None
            }
            Event::Fetched(fetched) => {
                self.fetched(*fetched);
                Effect::None
            }
            Event::Answered(answer) => self.answered(answer),
        }
    }

    /// What polls should bring for the screen that is shown.
    pub fn wants(&self) -> Wants {
        Wants {
            partitions: self.screen == Screen::Slots,
            log: self.screen == Screen::Replication,
            operations: self.screen == Screen::Rebalance,
        }
    }

    /// Nodes as listed: filtered and sorted.
    pub fn listed(&self) -> Vec<&NodeStatus> {
        let Some(status) = &self.status else { return Vec::new() };
        let filter = self.filter.to_lowercase();
        let fits = |node: &&NodeStatus| {
            filter.is_empty()
                || node.name.to_lowercase().contains(&filter)
                || node.zone.to_lowercase().contains(&filter)
        };
        let mut nodes: Vec<&NodeStatus> = status.nodes.iter().filter(fits).collect();
        let figure = |node: &NodeStatus| {
            let sample = self.nodes.get(&node.name).and_then(History::latest);
            match self.sort {
                Sort::Name => None,
                Sort::Ops => sample.map(|s| s.ops_per_second),
                Sort::Hit => sample.and_then(|s| s.hit_ratio),
                Sort::P99 => node.report.as_ref().map(|report| report.latency.p99_us),
                Sort::Memory => node.report.as_ref().map(memory_share),
            }
        };
        // Highest first; nodes without the figure last; ties by name.
        nodes.sort_by(|a, b| {
            let (x, y) = (figure(a).unwrap_or(f64::MIN), figure(b).unwrap_or(f64::MIN));
            y.total_cmp(&x).then_with(|| a.name.cmp(&b.name))
        });
        if self.reverse {
            nodes.reverse();
        }
        nodes
    }

    /// The node opened on the Nodes screen, if it still exists.
    pub fn opened_node(&self) -> Option<&NodeStatus> {
        let name = self.opened.as_ref()?;
        self.status.as_ref()?.nodes.iter().find(|node| node.name == *name)
    }

    fn key(&mut self, key: KeyEvent) -> Effect {
        self.notice = None;
        // Ctrl-C leaves also while something is typed.
        let is_typed = !key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT);
        if is_typed && let Some(input) = self.input.take() {
            self.typed(input, key);
            return Effect::None;
        }
        if is_typed && let Some(ask) = self.ask.take() {
            return self.ask_key(ask, key);
        }
        let action = keymap::action(key, self.screen);
        if self.help && !matches!(action, Some(Action::Quit | Action::Suspend)) {
            self.help = false;
            return Effect::None;
        }
        action.map_or(Effect::None, |action| self.act(action))
    }

    fn typed(&mut self, input: Input, key: KeyEvent) {
        let is_filter = matches!(input, Input::Filter(_));
        let mut text = match input {
            Input::Filter(text) | Input::Go(text) => text,
        };
        match key.code {
            KeyCode::Esc => {
                if is_filter {
                    self.filter.clear();
                }
                return;
            }
            KeyCode::Enter => {
                if !is_filter {
                    self.go(&text);
                }
                return;
            }
            KeyCode::Backspace => {
                text.pop();
            }
            KeyCode::Char(c) if text.len() < INPUT_MAX => text.push(c),
            _ => {}
        }
        if is_filter {
            self.filter = text.clone();
            self.selected = 0;
        }
        self.input = Some(if is_filter { Input::Filter(text) } else { Input::Go(text) });
    }

    /// A number is a partition, anything else a key.
    fn go(&mut self, text: &str) {
        let Some(partitions) = self.status.as_ref().map(|status| status.partitions) else { return };
        match text.parse::<usize>() {
            _ if text.is_empty() => {}
            Ok(number) if number < usize::from(partitions) => self.partition = number,
            Ok(number) => {
                self.notice =
                    Some(format!("no partition {number}: they go from 0 to {}", partitions.saturating_sub(1)));
            }
            Err(_) if !partitions.is_power_of_two() || partitions > SLOTS => {
                self.notice = Some("no partitions yet".into())
            }
            Err(_) => {
                let slot = slot_of(text.as_bytes());
                self.partition = PartitionId::of(slot, partitions).index();
                self.notice = Some(format!("{text:?} is in slot {slot}, partition {}", self.partition));
            }
        }
    }

    fn act(&mut self, action: Action) -> Effect {
        match action {
            Action::Quit => return Effect::Quit,
            Action::Suspend => return Effect::Suspend,
            Action::Help => self.help = true,
            Action::Pause => self.paused = !self.paused,
            Action::Filter => self.input = Some(Input::Filter(self.filter.clone())),
            Action::Go => self.input = Some(Input::Go(String::new())),
            Action::Sort => {
                let at = Sort::ALL.iter().position(|sort| *sort == self.sort).unwrap_or_default();
                let name = self.selected_name();
                self.sort = Sort::ALL[(at + 1) % Sort::ALL.len()];
                self.select(name);
            }
            Action::Reverse => {
                let name = self.selected_name();
                self.reverse = !self.reverse;
                self.select(name);
            }
            Action::Enter => {
                let name = self.selected_name();
                if name.is_some() {
                    self.opened = name;
                    self.screen = Screen::Nodes;
                }
            }
            Action::Back => {
                if self.opened.take().is_none() && !self.filter.is_empty() {
                    self.filter.clear();
                } else if self.screen == Screen::Slots {
                    self.screen = Screen::Overview;
                }
            }
            Action::Show(screen) => return self.show(screen),
            Action::NextScreen => return self.show(self.screen.next()),
            Action::Up => self.step(-1, 0),
            Action::Down => self.step(1, 0),
            Action::Left => self.step(0, -1),
            Action::Right => self.step(0, 1),
            Action::ViewOps => self.view = View::Ops,
            Action::ViewMemory => self.view = View::Memory,
            Action::ViewKeys => self.view = View::Keys,
            Action::ViewOwner => self.view = View::Owner,
            Action::Drain | Action::Failover | Action::PauseOperation | Action::CancelOperation => {
                return self.ask(action);
            }
        }
        Effect::None
    }

    fn show(&mut self, screen: Screen) -> Effect {
        self.screen = screen;
        self.opened = None;
        if matches!(screen, Screen::Slots | Screen::Rebalance) { Effect::FetchNow } else { Effect::None }
    }

    fn step(&mut self, rows: isize, cells: isize) {
        if self.screen == Screen::Slots {
            let last = self.status.as_ref().map_or(1, |status| usize::from(status.partitions)).saturating_sub(1);
            // As drawn: a row and a cell stand for more partitions on a small screen.
            let grid = tab::slot_grid(self, self.size);
            let by = rows * (grid.columns * grid.group) as isize + cells * grid.group as isize;
            if let Some(next) = self.partition.checked_add_signed(by).filter(|next| *next <= last) {
                self.partition = next;
            }
            self.partition = self.partition.min(last);
            return;
        }
        // Elsewhere there is no cursor to be seen, and what acts on the selected node is not to act on another one.
        if !matches!(self.screen, Screen::Overview | Screen::Nodes) || self.opened.is_some() {
            return;
        }
        let last = self.listed().len().saturating_sub(1);
        self.selected = self.selected.saturating_add_signed(rows).min(last);
    }

    fn fetched(&mut self, fetched: Fetched) {
        match &fetched.cluster {
            Ok(_) => self.failures = 0,
            Err(_) => self.failures += 1,
        }
        // While paused what is shown stays, to the last figure; the header says so.
        if self.paused {
            return;
        }
        let name = self.selected_name();
        match fetched.cluster {
            Ok(status) => {
                self.error = None;
                self.record(&status, fetched.at);
                self.notice_changes(&status);
                self.fetched_at = fetched.at;
                self.status = Some(status);
            }
            Err(why) => {
                if self.error.is_none() {
                    self.see(Meaning::Act, format!("no answer from the cluster: {why}"));
                }
                self.error = Some(why);
                self.cluster.gap();
                self.nodes.values_mut().for_each(History::gap);
            }
        }
        match fetched.partitions {
            Some(Ok(table)) => {
                self.partitions_error = None;
                self.partitions = Some(partitions(self.partitions.take(), table, fetched.at));
            }
            Some(Err(why)) => self.partitions_error = Some(why),
            None => {}
        }
        self.log = fetched.log.or(self.log.take());
        match fetched.operations {
            Some(Ok(all)) => {
                self.operations_error = None;
                self.operations = Some(Operations { all, at: fetched.at });
            }
            Some(Err(why)) => self.operations_error = Some(why),
            None => {}
        }
        self.select(name);
    }

    fn selected_name(&self) -> Option<String> {
        self.listed().get(self.selected).map(|node| node.name.clone())
    }

    /// The cursor stays with its node when the order changes under it.
    fn select(&mut self, name: Option<String>) {
        let listed = self.listed();
        let found = name.and_then(|name| listed.iter().position(|node| node.name == name));
        self.selected = found.unwrap_or(self.selected).min(listed.len().saturating_sub(1));
    }

    fn record(&mut self, status: &ClusterStatus, at: Duration) {
        let mut sum = Counters::default();
        let (mut used, mut limit, mut worst_p99) = (0, 0, 0.0f64);
        for node in &status.nodes {
            let history = self.nodes.entry(node.name.clone()).or_default();
            match &node.report {
                Some(report) => {
                    let counters = Counters::of(report);
                    history.push(at, counters, report.latency.p99_us, memory_share(report));
                    self.last_seen.insert(node.name.clone(), at);
                    // The cluster's requests are what clients sent, each counted where it came in.
                    sum = sum.plus(Counters { ops: report.traffic.commands, ..counters });
                    used += report.memory_used_bytes;
                    limit += report.memory_limit_bytes;
                    worst_p99 = worst_p99.max(report.latency.p99_us);
                }
                None => history.gap(),
            }
        }
        // Sums over other sets of nodes cannot be subtracted.
        let set_changed = self.status.as_ref().is_some_and(|before| answering(before) != answering(status));
        if set_changed {
            self.cluster.restart();
        }
        // One sample a poll, so that all series share one time axis.
        if answering(status).is_empty() {
            self.cluster.gap();
        } else {
            self.cluster.push(at, sum, worst_p99, if limit == 0 { 0.0 } else { used as f64 / limit as f64 });
        }
    }

    fn notice_changes(&mut self, status: &ClusterStatus) {
        let Some(before) = self.status.take() else { return };
        if before.leader != status.leader {
            match &status.leader {
                Some(name) => self.see(Meaning::Plain, format!("{name} leads metadata")),
                None => self.see(Meaning::Look, "no metadata leader is known".into()),
            }
        }
        for node in &status.nodes {
            let name = &node.name;
            let Some(old) = before.nodes.iter().find(|old| old.id == node.id) else {
                self.see(Meaning::Plain, format!("{name} joined"));
                continue;
            };
            match (old.serves(), node.serves()) {
                (true, false) => {
                    let why = match node.state {
                        NodeState::Down => "is down",
                        NodeState::Up if node.restarted => "started again and has not taken its place yet",
                        NodeState::Up => "does not answer",
                    };
                    self.see(Meaning::Act, format!("{name} {why}: {} slots not served", node.slots));
                }
                (false, true) => self.see(Meaning::Good, format!("{name} is back")),
                _ => {}
            }
            let uptime = |node: &NodeStatus| node.report.as_ref().map(|report| report.uptime_ms);
            if let (Some(then), Some(now)) = (uptime(old), uptime(node))
                && now < then
            {
                self.see(Meaning::Look, format!("{name} restarted, empty"));
            }
        }
        self.status = Some(before);
    }

    fn see(&mut self, meaning: Meaning, text: String) {
        if self.events.len() == EVENTS_MAX {
            self.events.pop_back();
        }
        self.events.push_front(Seen { unix_ms: self.unix_ms, meaning, text });
    }
}

fn answering(status: &ClusterStatus) -> Vec<&str> {
    status.nodes.iter().filter(|node| node.report.is_some()).map(|node| node.name.as_str()).collect()
}

/// Used over limit, 0 to 1.
pub fn memory_share(report: &dcache_protocol::control::NodeReport) -> f64 {
    match report.memory_limit_bytes {
        0 => 0.0,
        limit => report.memory_used_bytes as f64 / limit as f64,
    }
}

fn partitions(before: Option<Partitions>, table: PartitionTable, at: Duration) -> Partitions {
    let rate = |number: usize| {
        let before = before.as_ref()?;
        let seconds = at.checked_sub(before.at)?.as_secs_f64();
        let owner = |table: &PartitionTable| {
            let index = table.primary.get(number).copied().flatten()?;
            table.nodes.get(usize::from(index)).cloned()
        };
        let same =
            owner(&before.table) == owner(&table) && *table.served.get(number)? && *before.table.served.get(number)?;
        let delta = table.ops.get(number)?.checked_sub(*before.table.ops.get(number)?)?;
        (same && seconds > 0.0).then(|| delta as f64 / seconds)
    };
    let ops_per_second = (0..table.primary.len()).map(rate).collect();
    Partitions { ops_per_second, table, at }
}

#[cfg(test)]
mod tests;
