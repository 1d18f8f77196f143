//! What happened to the cluster, in the order in which it was agreed: kept with the metadata, so every node tells the same, and
//! bounded. The time is the proposing leader's wall clock: for people, no rule rests on it.
//!
//! Left out: what one node alone sees (its log), and who leads.

use dcache_protocol::control::{ClusterEvent, EventKind, Level};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::Arc;

/// Events kept.
pub const EVENTS_MAX: usize = 512;

/// Events of one kind about one node within this time are one, with their counts added.
const JOINED_WITHIN_MS: u64 = 10_000;

/// The newest events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Events {
    newest: VecDeque<Arc<ClusterEvent>>,
    /// Of the last one.
    seq: u64,
}

/// One that is to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    pub kind: EventKind,
    pub level: Level,
    pub node: Option<String>,
    pub count: u64,
    pub of: u64,
    pub detail: String,
}

impl News {
    pub fn of_node(kind: EventKind, name: &str) -> News {
        News { kind, level: Level::Info, node: Some(name.into()), count: 0, of: 0, detail: String::new() }
    }
}

impl Events {
    pub fn record(&mut self, at_unix_ms: u64, news: News) {
        let News { kind, level, node, mut count, of, detail } = news;
        let is_counted = matches!(kind, EventKind::CopiesInSync | EventKind::CopiesLate | EventKind::HandedOver);
        let goes_on = |last: &&Arc<ClusterEvent>| {
            let is_near = at_unix_ms.saturating_sub(last.at_unix_ms) <= JOINED_WITHIN_MS;
            is_counted && is_near && last.kind == kind && last.node == node && last.detail == detail
        };
        if let Some(at) = self.newest.iter().rev().take(4).find(goes_on).map(|last| last.seq) {
            // Whoever read it sees it again, with the sum.
            let before = self.newest.iter().position(|event| event.seq == at);
            count += before.and_then(|index| self.newest.remove(index)).map_or(0, |event| event.count);
        }
        if self.newest.len() >= EVENTS_MAX {
            self.newest.pop_front();
        }
        self.seq += 1;
        let event = ClusterEvent { seq: self.seq, at_unix_ms, level, kind, node, count, of, detail };
        self.newest.push_back(Arc::new(event));
    }

    /// Those after a number, oldest first.
    pub fn after(&self, seq: u64) -> impl Iterator<Item = &ClusterEvent> {
        self.newest.iter().map(|event| &**event).filter(move |event| event.seq > seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_sync(name: &str, count: u64) -> News {
        News { count, ..News::of_node(EventKind::CopiesInSync, name) }
    }

    #[test]
    fn events_are_numbered_bounded_and_counts_near_each_other_are_one() {
        let mut events = Events::default();
        events.record(1000, News::of_node(EventKind::NodeUp, "n1"));
        events.record(2000, in_sync("n1", 3));
        events.record(2100, in_sync("n2", 5));
        events.record(2200, in_sync("n1", 4));
        let seen: Vec<(u64, Option<&str>, u64)> =
            events.after(0).map(|event| (event.seq, event.node.as_deref(), event.count)).collect();
        assert_eq!(seen, [(1, Some("n1"), 0), (3, Some("n2"), 5), (4, Some("n1"), 7)]);
        events.record(20_000, in_sync("n1", 1));
        assert_eq!(events.after(4).map(|event| event.count).collect::<Vec<_>>(), [1]);
        for _ in 0..2 * EVENTS_MAX {
            events.record(30_000, News::of_node(EventKind::NodeUp, "n1"));
        }
        assert_eq!(events.after(0).count(), EVENTS_MAX);
    }
}
