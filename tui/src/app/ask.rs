//! Changes of the cluster: which one a key asks for, the question before it, and what came of it. Nothing is changed that was
//! not shown and confirmed; a dashboard that only looks says how to do it elsewhere. The question is drawn by `tab/ask.rs`.

use super::{App, Screen};
use crate::change::{self, Change, Done, Told};
use crate::event::{Answer, Call, Effect};
use crate::keymap::Action;
use crate::theme::Meaning;
use crossterm::event::{KeyCode, KeyEvent};
use dcache_protocol::Share;
use dcache_protocol::control::NodeStatus;
use dcache_protocol::operation::{OperationState, OperationStatus, Plan};
use ratatui::layout::Size;

/// A smaller terminal has no room for the screens, nor for what would happen, so nothing is asked in it.
const ASK_MIN: Size = Size { width: 60, height: 15 };

/// A change on its way: from what it would do to what came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    pub change: Change,
    pub stage: Stage,
    pub told: Told,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Stage {
    /// The cluster is asked what it would do.
    Planning,
    /// Waits for yes or no; on yes this goes out.
    Asking(Call),
    /// Confirmed, not answered yet.
    Doing,
    Done,
    Failed,
}

impl App {
    pub(super) fn ask(&mut self, action: Action) -> Effect {
        let change = match self.wanted(action) {
            Ok(change) => change,
            Err(why) => return self.refuse(why),
        };
        if self.read_only {
            let why = if self.protected { "this context is protected" } else { "--read-only" };
            return self.refuse(format!("only looking here, {why}; do it with: {}", change.command()));
        }
        if self.is_too_small_to_ask() {
            return self.refuse(format!("too small to ask here; do it with: {}", change.command()));
        }
        let told = self.told_before(&change);
        let call = match change.clone() {
            Change::Drain { node } => {
                self.ask = Some(Ask { change, stage: Stage::Planning, told });
                return Effect::Call(Call::Plan { node });
            }
            Change::Failover { node } => Call::Failover { node },
            Change::Pause { id } => Call::Pause { id },
            Change::Resume { id } => Call::Resume { id },
            Change::Cancel { id } => Call::Cancel { id },
        };
        self.ask = Some(Ask { change, stage: Stage::Asking(call), told });
        Effect::None
    }

    /// A key while a change is on its way.
    pub(super) fn ask_key(&mut self, mut ask: Ask, key: KeyEvent) -> Effect {
        let is_yes = matches!(key.code, KeyCode::Enter | KeyCode::Char('y' | 'Y'));
        let is_no = matches!(key.code, KeyCode::Esc | KeyCode::Char('n' | 'N' | 'q'));
        match ask.stage {
            Stage::Done | Stage::Failed => return Effect::None,
            Stage::Asking(call) if is_yes && !self.is_too_small_to_ask() => {
                ask.stage = Stage::Doing;
                self.ask = Some(ask);
                return Effect::Call(call);
            }
            Stage::Doing if is_no => {
                self.notice = Some(format!("{}: what comes of it is said here", ask.change.name()));
            }
            _ if is_no => {}
            _ => self.ask = Some(ask),
        }
        Effect::None
    }

    pub(super) fn answered(&mut self, answer: Answer) -> Effect {
        match answer {
            Answer::Planned { node, result } => {
                self.planned(&node, result);
                Effect::None
            }
            Answer::Changed { change, result } => self.changed(change, result),
        }
    }

    fn planned(&mut self, node: &str, result: Result<Box<Plan>, Vec<String>>) {
        let is_awaited = |ask: &&mut Ask| {
            ask.stage == Stage::Planning && matches!(&ask.change, Change::Drain { node: awaited } if awaited == node)
        };
        // Whoever left meanwhile wants it no more.
        let Some(ask) = self.ask.as_mut().filter(is_awaited) else { return };
        match result {
            Ok(plan) => {
                ask.told = change::told_of_plan(&plan);
                ask.stage = Stage::Asking(Call::Drain { node: node.into(), plan });
            }
            Err(why) => {
                ask.told = failure(why);
                ask.stage = Stage::Failed;
            }
        }
    }

    fn changed(&mut self, change: Change, result: Result<Done, Vec<String>>) -> Effect {
        let (stage, told) = match &result {
            Ok(done) => (Stage::Done, change::told_of_done(&change, done)),
            Err(why) => (Stage::Failed, failure(why.clone())),
        };
        let first = told.first().cloned();
        if let Some((meaning, text)) = first.clone() {
            self.see(meaning, format!("asked for here: {}: {text}", change.name()));
        }
        let begun = matches!((&change, &result), (Change::Drain { .. }, Ok(_)));
        if let Ok(Done::Operation(status)) = result
            && !self.paused
        {
            self.learn(*status);
        }
        match &mut self.ask {
            Some(ask) if ask.change == change && ask.stage == Stage::Doing && !begun => {
                (ask.stage, ask.told) = (stage, told);
            }
            Some(ask) if ask.change == change && ask.stage == Stage::Doing => {
                // From here on it is looked at where it goes on.
                self.ask = None;
                self.show(Screen::Rebalance);
                self.notice = first.map(|(_, text)| text);
            }
            // Whoever left the question is doing something else.
            _ => self.notice = first.map(|(_, text)| format!("{}: {text}", change.name())),
        }
        // Also after a failure: it may have happened all the same.
        Effect::FetchNow
    }

    fn refuse(&mut self, why: String) -> Effect {
        self.notice = Some(why);
        Effect::None
    }

    fn is_too_small_to_ask(&self) -> bool {
        self.size.width < ASK_MIN.width || self.size.height < ASK_MIN.height
    }

    /// The change a key asks for now, or why there is none.
    fn wanted(&self, action: Action) -> Result<Change, String> {
        match action {
            Action::Drain => {
                let node = self.node_at_hand()?;
                if node.share == Share::Drained && node.partitions == 0 && node.backups == 0 {
                    return Err(format!("{} is drained and holds nothing", node.name));
                }
                Ok(Change::Drain { node: node.name.clone() })
            }
            Action::Failover => {
                let node = self.node_at_hand()?;
                if node.partitions == 0 {
                    return Err(format!("{} serves nothing", node.name));
                }
                Ok(Change::Failover { node: node.name.clone() })
            }
            _ => {
                let Some(operations) = &self.operations else { return Err("operations are not known yet".into()) };
                let Some(operation) = operations.under_way() else { return Err("no operation is under way".into()) };
                let id = operation.id;
                match (operation.state, action) {
                    (OperationState::Cancelling, _) => Err(format!("operation {id} is being cancelled already")),
                    (_, Action::CancelOperation) => Ok(Change::Cancel { id }),
                    (OperationState::Paused, _) => Ok(Change::Resume { id }),
                    _ => Ok(Change::Pause { id }),
                }
            }
        }
    }

    /// The node that is opened, else the selected one.
    fn node_at_hand(&self) -> Result<&NodeStatus, String> {
        let selected = || self.listed().get(self.selected).copied();
        self.opened_node().or_else(selected).ok_or_else(|| "no node is selected".into())
    }

    /// What a change would do that needs no plan.
    fn told_before(&self, change: &Change) -> Told {
        let status = self.status.as_ref();
        let told = match change {
            Change::Drain { .. } => None,
            Change::Failover { node } => status.and_then(|status| {
                let node = status.nodes.iter().find(|known| known.name == *node)?;
                Some(change::told_of_failover(status, node))
            }),
            Change::Pause { .. } | Change::Resume { .. } | Change::Cancel { .. } => {
                let operation = self.operations.as_ref().and_then(|operations| operations.under_way());
                operation.map(|operation| change::told_of_steering(change, operation))
            }
        };
        told.unwrap_or_default()
    }

    /// An operation as the cluster answered it, ahead of the next poll.
    fn learn(&mut self, status: OperationStatus) {
        let Some(operations) = &mut self.operations else { return };
        match operations.all.iter_mut().find(|known| known.id == status.id) {
            Some(known) => *known = status,
            None => operations.all.insert(0, status),
        }
    }
}

fn failure(why: Vec<String>) -> Told {
    let meaning = |index| if index == 0 { Meaning::Act } else { Meaning::Plain };
    why.into_iter().enumerate().map(|(index, line)| (meaning(index), line)).collect()
}
