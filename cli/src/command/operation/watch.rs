//! Watching an operation to its end. The work is the cluster's: whoever watches may leave, and a node that does not answer is
//! asked again, or another one.
//!
//! On a terminal a board is drawn; elsewhere there is one line at the start, then at most one each ten seconds or ten percent,
//! then the result. `--progress json` writes each change as a line of JSON instead.

use super::{how_far, named, steps};
use crate::args::operation::{ProgressForm, WatchFlags};
use crate::command::signals::Signals;
use crate::command::{App, upgrade};
use crate::encoding::rfc3339_seconds;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::output::{Board, Output, Reading, clean};
use dcache_client::{Control, Error as ClientError};
use dcache_protocol::control::ErrorCode;
use dcache_protocol::operation::{MoveStatus, OperationId, OperationState, OperationStatus};
use dcache_protocol::size::{format_duration_ms, format_size};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const POLL_EVERY: Duration = Duration::from_millis(250);

/// How long a node may not know of an operation that another one knows.
const UNKNOWN_FOR: Duration = Duration::from_secs(10);

const SAY_EVERY: Duration = Duration::from_secs(10);
const SAY_PERCENT: u64 = 10;
/// What is over in some seconds needs no ten lines.
const SAY_PERCENT_EVERY: Duration = Duration::from_secs(1);

/// Without change for so long, it is said what it is at.
const STALLED_AFTER: Duration = Duration::from_secs(30);

/// Moves shown at once.
const MOVING_SHOWN: usize = 4;

/// How watching ended.
pub enum End {
    Over(Box<OperationStatus>),
    /// A signal, as the exit code it means; the operation goes on.
    Left(Exit),
}

/// Polls until the operation is over, the time is, or a signal comes.
pub async fn to_end(
    app: &App,
    control: &Control,
    first: OperationStatus,
    flags: &WatchFlags,
    signals: &mut Signals,
) -> Result<End> {
    let until = flags.wait_timeout.map(|time| tokio::time::Instant::now() + time);
    let mut teller = Teller::begin(app, flags.progress, &first);
    let mut status = first;
    let mut unknown_since: Option<Instant> = None;
    while !status.state.is_over() {
        let late = async {
            match until {
                Some(until) => tokio::time::sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        let answer = tokio::select! {
            exit = signals.next() => {
                teller.clear();
                still_running(app, &status);
                return Ok(End::Left(exit));
            }
            () = late => {
                teller.clear();
                return Err(too_late(&status, flags.wait_timeout.unwrap_or_default()));
            }
            answer = ask(control, status.id) => answer,
        };
        match answer {
            Ok(next) => {
                unknown_since = None;
                // By the names it began with: who has been removed has none any more. Of an upgrade nodes may join.
                status = match next.upgrade {
                    Some(_) => next,
                    None => OperationStatus { nodes: status.nodes, ..next },
                };
                teller.tell(&status);
            }
            Err(ClientError::Api(error)) if error.code == ErrorCode::NotFound => {
                if unknown_since.get_or_insert_with(Instant::now).elapsed() > UNKNOWN_FOR {
                    teller.clear();
                    return Err(error.into());
                }
            }
            Err(
                error @ (ClientError::Malformed { .. } | ClientError::Version { .. } | ClientError::Endpoint { .. }),
            ) => {
                teller.clear();
                return Err(error.into());
            }
            Err(error) => teller.silent(&status, &error.to_string()),
        }
    }
    teller.end(&status);
    Ok(End::Over(Box::new(status)))
}

async fn ask(control: &Control, id: OperationId) -> std::result::Result<OperationStatus, ClientError> {
    tokio::time::sleep(POLL_EVERY).await;
    control.operation(id, false).await
}

/// What somebody is told who leaves.
pub fn still_running(app: &App, status: &OperationStatus) {
    let id = status.id;
    app.out.say(&format!(
        "still running as {id}; watch again with: dcache op watch {id}   stop it: dcache op cancel {id}"
    ));
}

fn too_late(status: &OperationStatus, waited: Duration) -> CliError {
    let (id, waited) = (status.id, format_duration_ms(waited.as_millis() as u64));
    CliError::new(Exit::Timeout, format!("{} is not over after {waited}", named(status)))
        .why(format!("it goes on: {}", how_far(status)))
        .hint(format!("watch it: dcache op watch {id}"))
        .hint(format!("stop it: dcache op cancel {id}"))
}

/// Who tells how far it is, in which form.
struct Teller {
    form: Form,
    out: Output,
    /// When it was watched first, and what was copied by then.
    begun: (Instant, u64),
    /// What it was like when it changed last, and when that was.
    changed: (Instant, Seen),
    said: (Instant, u64),
    is_silent: bool,
}

enum Form {
    Board(Board),
    Lines,
    Json,
    Quiet,
}

type Seen = (OperationState, u64, u64, Option<String>);

fn seen(status: &OperationStatus) -> Seen {
    let waits_for = match &status.upgrade {
        Some(upgrade) => upgrade::now(status, upgrade),
        None => status.held.clone(),
    };
    (status.state, steps(status).0 + status.moves_failed, status.bytes_done, waits_for)
}

impl Teller {
    fn begin(app: &App, form: Option<ProgressForm>, status: &OperationStatus) -> Teller {
        let form = match form.unwrap_or(ProgressForm::Auto) {
            _ if app.out.quiet => Form::Quiet,
            ProgressForm::Json => Form::Json,
            ProgressForm::Auto if app.out.talks_to_terminal => Form::Board(Board::new()),
            ProgressForm::Auto | ProgressForm::Lines => Form::Lines,
        };
        let now = Instant::now();
        let teller = Teller {
            form,
            out: app.out.clone(),
            begun: (now, status.bytes_done),
            changed: (now, seen(status)),
            said: (now, percent(status)),
            is_silent: false,
        };
        match &teller.form {
            Form::Board(board) => board.show(&teller.reading(status)),
            Form::Lines if !status.state.is_over() => teller.line(started(status)),
            Form::Json => teller.json(status),
            Form::Lines | Form::Quiet => {}
        }
        teller
    }

    fn tell(&mut self, status: &OperationStatus) {
        self.is_silent = false;
        let before = std::mem::replace(&mut self.changed.1, seen(status));
        let is_changed = before != self.changed.1;
        if is_changed {
            self.changed.0 = Instant::now();
        }
        match &self.form {
            Form::Board(board) => board.show(&self.reading(status)),
            Form::Json if is_changed => self.json(status),
            Form::Lines if !status.state.is_over() => {
                // Turns of an upgrade are few, and each is of interest.
                let is_turned = before.0 != status.state || before.3 != self.changed.1.3;
                let (since, at) = (self.said.0.elapsed(), self.said.1);
                let is_far = percent(status) >= at + SAY_PERCENT && since >= SAY_PERCENT_EVERY;
                let is_due = since >= SAY_EVERY || is_far;
                if is_turned || is_due {
                    self.said = (Instant::now(), percent(status));
                    self.line(self.progress(status));
                }
            }
            Form::Json | Form::Lines | Form::Quiet => {}
        }
    }

    /// Nobody answered.
    fn silent(&mut self, status: &OperationStatus, why: &str) {
        let text = format!("no node answers, asking on: {}", clean(why));
        match &self.form {
            Form::Board(board) => board.show(&Reading { guard: text, ..self.reading(status) }),
            Form::Lines if !self.is_silent => self.line(format!("{} {text}", named(status))),
            Form::Lines | Form::Json | Form::Quiet => {}
        }
        self.is_silent = true;
    }

    fn end(self, status: &OperationStatus) {
        match self.form {
            Form::Board(board) => board.clear(),
            Form::Lines => self.line(ended(status)),
            Form::Json | Form::Quiet => {}
        }
    }

    fn clear(self) {
        if let Form::Board(board) = self.form {
            board.clear();
        }
    }

    fn line(&self, text: String) {
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
        self.out.say(&format!("{} {text}", rfc3339_seconds(now_ms)));
    }

    fn json(&self, status: &OperationStatus) {
        // Numbers and names always can be written.
        if let Ok(text) = serde_json::to_string(status) {
            self.out.say(&text);
        }
    }

    /// Bytes a second: lately, or since it is watched.
    fn rate(&self, status: &OperationStatus) -> u64 {
        let (begun, before) = self.begun;
        let average = status.bytes_done.saturating_sub(before) as f64 / begun.elapsed().as_secs_f64().max(0.25);
        if status.bytes_a_second > 0 { status.bytes_a_second } else { average as u64 }
    }

    /// `19.8MiB/s eta 1m48s`, as far as it is known.
    fn speed(&self, status: &OperationStatus) -> String {
        let rate = self.rate(status);
        if status.state != OperationState::Running || rate == 0 || status.bytes_done >= status.bytes_total {
            return String::new();
        }
        let left_ms = status.bytes_total.saturating_sub(status.bytes_done) as f64 / rate as f64 * 1000.0;
        format!(" {}/s eta {}", tight(rate), format_duration_ms((left_ms as u64).max(1000)))
    }

    fn progress(&self, status: &OperationStatus) -> String {
        let (done, all) = steps(status);
        let made = format!("{done}/{all}");
        let bytes = match status.bytes_total {
            0 => String::new(),
            all => format!(" {}/{}", tight(status.bytes_done), tight(all)),
        };
        format!("{} {made}{bytes}{}{}", named(status), self.speed(status), self.remark(status, "  "))
    }

    /// Why it does not go on, or that it does not.
    fn remark(&self, status: &OperationStatus, before: &str) -> String {
        let stalled = self.changed.0.elapsed();
        match (status.state, &status.held) {
            (OperationState::Paused, _) => format!("{before}paused"),
            (OperationState::Cancelling, _) => format!("{before}cancelling"),
            (_, Some(why)) if status.upgrade.is_none() => format!("{before}waits: {}", clean(why)),
            _ if status.upgrade.is_some() => {
                let now = status.upgrade.as_ref().and_then(|upgrade| upgrade::now(status, upgrade));
                now.map(|now| format!("{before}now: {now}")).unwrap_or_default()
            }
            _ if stalled >= STALLED_AFTER => {
                let at: Vec<String> = status.moving.iter().take(MOVING_SHOWN).map(moving).collect();
                let at = if at.is_empty() { String::new() } else { format!(" at {}", at.join(", ")) };
                format!("{before}no change for {}{at}", format_duration_ms(stalled.as_millis() as u64))
            }
            _ => String::new(),
        }
    }

    fn reading(&self, status: &OperationStatus) -> Reading {
        let now: Vec<String> = status.moving.iter().take(MOVING_SHOWN).map(moving).collect();
        let more = status.moving.len().saturating_sub(MOVING_SHOWN);
        let more = if more > 0 { format!("   and {more} more") } else { String::new() };
        let remark = self.remark(status, "");
        let (done, all) = steps(status);
        if let Some(upgrade) = &status.upgrade {
            return Reading {
                moves_done: done,
                moves: all,
                state: named(status),
                now: upgrade::now(status, upgrade).unwrap_or_else(|| "-".into()),
                guard: "-".into(),
                speed: "-".into(),
                ..Reading::default()
            };
        }
        Reading {
            moves_done: done,
            moves: all,
            state: named(status),
            bytes_done: status.bytes_done,
            bytes: status.bytes_total,
            speed: format!(
                "{} / {}  {}",
                format_size(status.bytes_done),
                format_size(status.bytes_total),
                self.speed(status)
            ),
            now: if now.is_empty() { "-".into() } else { format!("{}{more}", now.join("   ")) },
            guard: if remark.is_empty() { guard(status) } else { remark },
        }
    }
}

fn percent(status: &OperationStatus) -> u64 {
    let (done, all) = steps(status);
    match (status.bytes_total, all) {
        (0, 0) => 100,
        (0, all) => done * 100 / all,
        (bytes, _) => (u128::from(status.bytes_done) * 100 / u128::from(bytes)) as u64,
    }
}

/// A size without a space, for lines of many figures.
fn tight(bytes: u64) -> String {
    format_size(bytes).replace(' ', "")
}

fn started(status: &OperationStatus) -> String {
    let amount = format!("{} moves, {}", status.moves_total, format_size(status.bytes_total));
    match (status.state, steps(status).0) {
        (_, done) if status.upgrade.is_some() => {
            let verb = if done == 0 { "started" } else { "is under way" };
            format!("{} {verb}: {}", named(status), how_far(status))
        }
        (OperationState::Running, 0) => format!("{} started: {amount}", named(status)),
        (state, made) => format!("{} is {state}: {made} of {amount}", named(status)),
    }
}

/// `rebalance 0b57 done: 256 moved, 0 failed, 2m14s`.
fn ended(status: &OperationStatus) -> String {
    let took = super::took(status);
    let counts = match &status.upgrade {
        Some(_) => format!("{}, {took}", how_far(status)),
        None => format!("{} moved, {} failed, {took}", status.moves_done, status.moves_failed),
    };
    let why = status.why.as_ref().map(|why| format!("; {}", clean(why))).unwrap_or_default();
    format!("{} {}: {counts}{why}", named(status), status.state)
}

/// `0300 a1->d1 82%`.
pub fn moving(each: &MoveStatus) -> String {
    let without = |all: &[String], others: &[String]| {
        let names: Vec<String> = all.iter().filter(|name| !others.contains(name)).map(|name| clean(name)).collect();
        names.join(",")
    };
    let (gives, gets) = (without(&each.from, &each.to), without(&each.to, &each.from));
    let first = |names: &[String]| names.first().map(|name| clean(name)).unwrap_or_default();
    let way = match (gives.is_empty(), gets.is_empty()) {
        // Only another one becomes primary.
        (true, true) => format!("{}->{}", first(&each.from), first(&each.to)),
        (true, false) => format!("+{gets}"),
        (false, true) => format!("-{gives}"),
        (false, false) => format!("{gives}->{gets}"),
    };
    format!("{} {way} {}%", each.partition, each.percent)
}

/// `p99 +0.3 ms of +2.0 ms allowed`.
pub fn guard(status: &OperationStatus) -> String {
    let rise = status.p99_rise_us as f64 / 1000.0;
    match status.pace.guard_p99_us {
        0 => format!("p99 {rise:+.1} ms, not looked at"),
        allowed => format!("p99 {rise:+.1} ms of {:+.1} ms allowed", allowed as f64 / 1000.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dcache_protocol::PartitionId;
    use dcache_protocol::operation::MoveState;

    #[test]
    fn what_moves_now_in_a_few_letters() {
        let text = |from: &[&str], to: &[&str]| {
            let names = |names: &[&str]| names.iter().map(ToString::to_string).collect();
            let (from, to) = (names(from), names(to));
            moving(&MoveStatus {
                partition: PartitionId(300),
                from,
                to,
                state: MoveState::Moving,
                bytes: 1,
                percent: 82,
            })
        };
        assert_eq!(text(&["a1", "b1"], &["d1", "b1"]), "0300 a1->d1 82%");
        assert_eq!(text(&["a1", "b1"], &["b1", "a1"]), "0300 a1->b1 82%");
        assert_eq!(text(&["a1"], &["a1", "d1"]), "0300 +d1 82%");
        assert_eq!(text(&["a1", "b1"], &["a1"]), "0300 -b1 82%");
    }
}
