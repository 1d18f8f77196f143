//! The live dashboard, `dcache top`: what a cluster does now, over the nodes' control API.
//!
//! ```text
//! keys, ticks, polls ─► Event ─► App::update ─► App ─► tab::draw ─► terminal
//! ```
//!
//! A confirmed change of the cluster is an `Effect::Call`, its answer another event.
//! `update` changes state, `draw` paints it, and nothing else does either. The loop takes keys first; a poll runs as a task
//! of its own, so a slow cluster never freezes the screen. The terminal is given back on quit, on an error, on a panic and on
//! a signal.

mod app;
mod change;
mod event;
mod fetch;
mod history;
mod keymap;
mod tab;
mod theme;
mod widget;

pub use app::Screen;
pub use theme::Theme;

use anyhow::Context as _;
use app::App;
use crossterm::event::{Event as TerminalEvent, EventStream, KeyEventKind};
use dcache_client::Control;
use dcache_protocol::control::{ClusterStatus, PartitionTable};
use event::{Answer, Call, Effect, Event, Fetched};
use futures_util::StreamExt;
use serde::Serialize;
use std::io::IsTerminal;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

/// How the dashboard is opened.
pub struct Options {
    pub control: Control,
    /// Name of the context, as shown.
    pub context: String,
    /// Shown in red, and nothing is changed from here.
    pub protected: bool,
    /// Nothing is changed from here.
    pub read_only: bool,
    /// How long a change that was asked for may take; polls have `control`'s own deadline, which is shorter.
    pub patience: Duration,
    /// Time between polls, 200 ms to 1 h.
    pub refresh: Duration,
    pub screen: Screen,
    /// Colours allowed.
    pub colour: bool,
    /// Only ASCII marks and borders.
    pub ascii: bool,
}

/// One look at the cluster, for scripts.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    pub cluster: ClusterStatus,
    pub partitions: PartitionTable,
}

/// Frames a second at most.
const FRAME: Duration = Duration::from_millis(100);

/// One snapshot, as `top --once` prints it.
pub async fn once(control: &Control) -> Result<Snapshot, dcache_client::Error> {
    Ok(Snapshot { cluster: control.cluster().await?, partitions: control.partitions().await? })
}

/// Shows the dashboard until it is left. Fails at once when stdout is no terminal.
pub async fn run(options: Options) -> anyhow::Result<()> {
    if !std::io::stdout().is_terminal() {
        anyhow::bail!("top needs a terminal; for scripts use: dcache top --once -o json");
    }
    let mut terminal = ratatui::try_init().context("setting up the terminal")?;
    let result = show(&options, &mut terminal).await;
    let restored = ratatui::try_restore().context("giving the terminal back");
    result.and(restored)
}

async fn show(options: &Options, terminal: &mut ratatui::DefaultTerminal) -> anyhow::Result<()> {
    let theme = Theme { colour: options.colour, ascii: options.ascii };
    let mut app = App::new(theme, options.context.clone(), options.protected, unix_ms());
    app.read_only |= options.read_only;
    app.screen = options.screen;
    app.size = terminal.size().context("asking for the terminal's size")?;
    app.stale_after = options.refresh.saturating_mul(3).max(app::STALE_AFTER_MIN);
    let opened = Instant::now();
    let mut keys = EventStream::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut frames = tokio::time::interval(FRAME);
    frames.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut poll = Some(start(options, &app, opened));
    let mut poll_at = Instant::now();
    // What is asked for while a poll is under way may not be in it.
    let mut is_asked_again = false;
    let mut calls: JoinSet<Answer> = JoinSet::new();
    loop {
        let event = tokio::select! {
            biased;
            key = keys.next() => match key {
                Some(Ok(TerminalEvent::Key(key))) if key.kind != KeyEventKind::Release => Event::Key(key),
                Some(Ok(TerminalEvent::Resize(width, height))) => Event::Resized { width, height },
                // Releases, the mouse and pastes mean nothing here.
                Some(Ok(_)) => continue,
                Some(Err(error)) => return Err(error).context("reading keys"),
                None => return Ok(()),
            },
            _ = terminate.recv() => return Ok(()),
            _ = hangup.recv() => return Ok(()),
            fetched = answer(&mut poll) => {
                // The screen changed while the poll was under way: what it needs now is not in it.
                let lacks = std::mem::take(&mut is_asked_again) || fetched.lacks(app.wants());
                poll_at = if lacks { Instant::now() } else { Instant::now() + fetch::pause(options.refresh, app.failures + u32::from(fetched.cluster.is_err())).saturating_sub(Duration::from_millis(1)) };
                Event::Fetched(Box::new(fetched))
            }
            Some(Ok(answer)) = calls.join_next() => Event::Answered(answer),
            _ = frames.tick() => Event::Tick { now: opened.elapsed(), unix_ms: unix_ms() },
        };
        match app.update(event) {
            Effect::None => {}
            Effect::FetchNow => {
                poll_at = Instant::now();
                is_asked_again = poll.is_some();
            }
            Effect::Call(call) => {
                calls.spawn(carry_out(options.control.clone().within(options.patience), call));
            }
            Effect::Quit => return Ok(()),
            Effect::Suspend => suspend(terminal)?,
        }
        if poll.is_none() && Instant::now() >= poll_at {
            poll = Some(start(options, &app, opened));
        }
        terminal.draw(|frame| tab::draw(&app, frame)).context("drawing")?;
    }
}

fn start(options: &Options, app: &App, opened: Instant) -> JoinHandle<Fetched> {
    tokio::spawn(fetch::poll(options.control.clone(), app.wants(), opened))
}

/// Its answer, also where the task that asks ends before it has one.
async fn carry_out(control: Control, call: Call) -> Answer {
    let asked = tokio::spawn(fetch::call(control, call.clone()));
    asked.await.unwrap_or_else(|error| call.failed(vec![error.to_string()]))
}

/// The poll under way; never, when there is none.
async fn answer(poll: &mut Option<JoinHandle<Fetched>>) -> Fetched {
    let Some(handle) = poll else { return std::future::pending().await };
    let fetched = handle.await;
    *poll = None;
    fetched.unwrap_or_else(|error| Fetched {
        at: Duration::ZERO,
        cluster: Err(error.to_string()),
        partitions: None,
        log: None,
        operations: None,
    })
}

/// Ctrl-Z: gives the terminal back, stops this process, and takes the terminal again when it goes on.
fn suspend(terminal: &mut ratatui::DefaultTerminal) -> anyhow::Result<()> {
    ratatui::try_restore().context("giving the terminal back")?;
    let stopped = std::process::Command::new("kill").args(["-STOP", &std::process::id().to_string()]).status();
    stopped.context("stopping this process")?;
    *terminal = ratatui::try_init().context("setting up the terminal again")?;
    terminal.clear().context("clearing the screen")
}

fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
