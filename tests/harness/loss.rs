//! What an eventual namespace loses when a node fails, against what was shown before it, and whether its copies are alike
//! afterwards. What it must never lose, under `strong`, is in `history.rs`.

#![allow(clippy::print_stdout)]

use super::history::{History, Over, PATIENCE, rounds, time_to_write, wait_until_healthy};
use super::resp::Wire;
use super::*;
use std::sync::Mutex;
use std::sync::atomic::Ordering::SeqCst;

/// Writes of a node's keys before a fault comes to it.
const WRITES: usize = 500;

const OK: &str = "+OK\r\n";

/// What a primary showed, and how many writes of its keys had been acknowledged when it was asked.
#[derive(Clone, Copy, Debug, Default)]
struct Shown {
    entries: u64,
    acknowledged: usize,
}

/// Looks on at one node's figures while a fault comes to it.
pub struct Watch<'a> {
    history: &'a History,
    control: String,
    /// Places in the history of keys that it serves.
    keys: Vec<usize>,
    /// All there was to see.
    shown: Mutex<Vec<Shown>>,
}

impl Watch<'_> {
    fn acknowledged(&self) -> usize {
        self.keys.iter().map(|key| self.history.keys[*key].confirmed.lock().unwrap().len()).sum()
    }

    /// False: it did not answer.
    pub fn look(&self) -> bool {
        let acknowledged = self.acknowledged();
        let Some(entries) = lag_entries(&self.control) else { return false };
        self.shown.lock().unwrap().push(Shown { entries, acknowledged });
        true
    }
}

/// Writes keys through the node that serves them until it no longer answers well: a client has one write under way.
fn write(history: &History, door: &str, keys: &[usize]) {
    let mut wire = Wire::connect(door);
    wire.be_patient_for(PATIENCE);
    for key in keys.iter().cycle().map(|key| &history.keys[*key]) {
        let value = key.tried.fetch_add(1, SeqCst) + 1;
        if history.is_over.load(SeqCst) || wire.try_ask(&["SET", &key.name, &value.to_string()]).ok() != Some(OK.into())
        {
            return;
        }
        key.confirmed.lock().unwrap().insert(value);
    }
}

/// What a node says in `/metrics` about all of its links.
fn lag_entries(control: &str) -> Option<u64> {
    let patience = Duration::from_millis(500);
    let mut stream = std::net::TcpStream::connect_timeout(&control.parse().unwrap(), patience).ok()?;
    stream.set_read_timeout(Some(patience)).unwrap();
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: {control}\r\nConnection: close\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let values = text.lines().filter_map(|line| line.strip_prefix("dcache_replication_lag_entries{"));
    Some(values.map(|line| line.split_whitespace().next_back().unwrap().parse::<u64>().unwrap()).sum())
}

/// Clients of an eventual namespace write while a fault comes to a node, each time to the busiest. `fault` has to look on for as long as
/// the node takes writes, and leaves it out of reach of the others; `mend` brings it back when others serve what it did.
pub fn lose_no_more_than_was_shown(
    what: &str,
    home: &Home,
    mut nodes: Vec<Node>,
    fault: impl Fn(&Node, &Watch),
    mend: impl Fn(&mut Node),
) {
    let (mut lost_at_all, mut shown_at_all) = (0, 0);
    for round in 0..rounds() {
        let history = History::new(&format!("e{round}:"), &nodes);
        let before = status(home, &nodes[0]);
        let victim = busiest(&before, &nodes, |_| true);
        let witness = (victim + 1) % nodes.len();
        let name = &nodes[victim].name;
        let keys_of = |name: &str| -> Vec<usize> {
            let serves = |key: &usize| owner_of(&before, &history.keys[*key].name) == name;
            (0..history.keys.len()).filter(serves).collect()
        };
        let (control, keys) = (nodes[victim].control.clone(), keys_of(name));
        let watch = Watch { history: &history, control, keys, shown: Mutex::default() };
        let probe = key_of(&before, name, "e:probe:");
        let writers: Vec<_> = nodes.iter().map(|node| (node.gateway.clone(), keys_of(&node.name))).collect();
        let acknowledged = std::thread::scope(|scope| {
            for (door, keys) in &writers {
                let history = &history;
                scope.spawn(move || write(history, door, keys));
            }
            let _over = Over(&history.is_over);
            wait_until("enough is written", || {
                watch.look();
                (watch.acknowledged() > WRITES).then_some(())
            });
            // On a busy machine a copy may just have fallen behind; then the only one would be the node's own.
            wait_until_healthy(home, &nodes[witness]);
            watch.look();
            fault(&nodes[victim], &watch);
            watch.acknowledged()
        });
        // From here on nobody writes these keys.
        time_to_write(&nodes[witness].gateway, &probe);
        let values = values(&history, &nodes[witness].gateway);
        let lost: usize = watch.keys.iter().map(|key| lost(&history, *key, values[*key])).sum();
        let shown = watch.shown.lock().unwrap().last().copied().unwrap();
        let bound = shown.entries as usize + acknowledged.saturating_sub(shown.acknowledged) + 1;
        let since = bound - shown.entries as usize;
        println!("{what}: lost {lost} acknowledged writes; shown: {} entries behind, and {since} since", shown.entries);
        assert!(lost <= bound, "{what}: lost {lost}, of {acknowledged} acknowledged; shown last: {shown:?}");
        for (number, key) in history.keys.iter().enumerate().filter(|(number, _)| !watch.keys.contains(number)) {
            assert_eq!(lost_of(key, values[number]), 0, "{what}: {} is not the failed node's", key.name);
        }
        lost_at_all += lost;
        shown_at_all += bound;
        mend(&mut nodes[victim]);
        wait_until_healthy(home, &nodes[witness]);
        copies_are_alike(home, &nodes, &history);
    }
    println!("{what}: {lost_at_all} acknowledged writes lost in all, {shown_at_all} could have been");
}

fn lost(history: &History, key: usize, value: u64) -> usize {
    lost_of(&history.keys[key], value)
}

/// Acknowledged writes that are newer than the value afterwards.
fn lost_of(key: &super::history::Key, value: u64) -> usize {
    key.confirmed.lock().unwrap().range(value + 1..).count()
}

fn values(history: &History, door: &str) -> Vec<u64> {
    let mut wire = Wire::connect(door);
    let value = |reply: String| reply.split("\r\n").nth(1).and_then(|text| text.parse().ok()).unwrap_or(0);
    let read = |key: &super::history::Key| {
        wait_until("a key is read", || {
            let reply = wire.ask(&["GET", &key.name]);
            (!reply.starts_with('-')).then(|| value(reply))
        })
    };
    history.keys.iter().map(read).collect()
}

/// Each copy serves once; they must say the same.
pub fn copies_are_alike(home: &Home, nodes: &[Node], history: &History) {
    let before = values(history, &nodes[0].gateway);
    for node in nodes {
        node.ok(home, &["cluster", "failover", &node.name]);
        wait_until_healthy(home, node);
        assert_eq!(before, values(history, &node.gateway), "after {} handed over", node.name);
    }
}

/// Who serves a key.
fn owner_of(status: &serde_json::Value, key: &str) -> String {
    let slot = u64::from(slot_of(key.as_bytes()).number());
    let has = |node: &&serde_json::Value| {
        let mut ranges = node["slotRanges"].as_array().unwrap().iter();
        ranges.any(|range| (range["first"].as_u64().unwrap()..=range["last"].as_u64().unwrap()).contains(&slot))
    };
    let owner = status["nodes"].as_array().unwrap().iter().find(has);
    owner.map(|node| node["name"].as_str().unwrap().to_string()).unwrap_or_default()
}
