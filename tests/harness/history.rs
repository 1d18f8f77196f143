//! Clients of a cluster under faults, what they saw, and whether that could have been: writers and readers that go on while
//! nodes are killed, stopped, cut or drained.
//!
//! `DCACHE_FAULT_ROUNDS` says how often each fault comes, 2 without it, and `DCACHE_FAULT_SEED` what chance chooses. What was
//! measured is printed under `--nocapture`.

#![allow(clippy::print_stdout)]

use super::contend::Contended;
use super::resp::Wire;
use super::*;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

pub const WRITERS: usize = 3;
pub const KEYS_A_WRITER: usize = 40;

/// How long a client waits for anything; longer than a gateway lets it wait.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// One key: one writer writes 1, 2, 3 … to it, so a history is linearizable exactly when every read gives what was the
/// newest value at some moment between its beginning and its end, and no read goes back behind one that ended before it began.
/// But a write without an answer may happen at any later time; that one value may be read late.
pub struct Key {
    pub name: String,
    pub tried: AtomicU64,
    pub acknowledged: AtomicU64,
    pub seen: AtomicU64,
    /// All that were acknowledged.
    pub confirmed: Mutex<BTreeSet<u64>>,
    /// The node said that these were certainly not written.
    pub refused: Mutex<BTreeSet<u64>>,
    /// Nobody said anything, or that nobody knows.
    pub unknown: Mutex<BTreeSet<u64>>,
}

/// What clients do and see. All fields are shared by the client threads.
pub struct History {
    pub keys: Vec<Key>,
    pub doors: Mutex<Vec<String>>,
    pub is_over: AtomicBool,
    pub written: AtomicU64,
    pub read: AtomicU64,
    pub unknown: AtomicU64,
    /// Reads of a value whose write had no answer and came after a newer one.
    pub late: AtomicU64,
    /// What doors said that are still in `doors`.
    pub errors: Mutex<Vec<String>>,
    /// What others said, whose nodes are stopping.
    pub farewells: Mutex<Vec<String>>,
    pub violations: Mutex<Vec<String>>,
    pub worst_pause: Mutex<Duration>,
    pub began: Instant,
}

impl History {
    pub fn new(prefix: &str, nodes: &[Node]) -> History {
        let key = |n| Key {
            name: format!("{prefix}{n}"),
            tried: AtomicU64::new(0),
            acknowledged: AtomicU64::new(0),
            seen: AtomicU64::new(0),
            confirmed: Mutex::default(),
            refused: Mutex::default(),
            unknown: Mutex::default(),
        };
        History {
            keys: (0..WRITERS * KEYS_A_WRITER).map(key).collect(),
            doors: Mutex::new(nodes.iter().map(|node| node.gateway.clone()).collect()),
            is_over: AtomicBool::new(false),
            written: AtomicU64::new(0),
            read: AtomicU64::new(0),
            unknown: AtomicU64::new(0),
            late: AtomicU64::new(0),
            errors: Mutex::default(),
            farewells: Mutex::default(),
            violations: Mutex::default(),
            worst_pause: Mutex::default(),
            began: Instant::now(),
        }
    }

    /// A connection to some node; which one changes from call to call.
    pub fn connect(&self, dice: &mut Dice) -> Option<Wire> {
        let doors = self.doors.lock().unwrap();
        let door = doors[dice.next() as usize % doors.len()].clone();
        drop(doors);
        Wire::try_connect(&door, PATIENCE)
    }

    fn told(&self, by: &Wire, error: String) {
        let is_there = self.doors.lock().unwrap().contains(&by.address);
        let of = if is_there { &self.errors } else { &self.farewells };
        of.lock().unwrap().push(error);
    }

    pub fn write(&self, writer: usize) {
        let mut dice = Dice(writer as u64 + 1);
        let keys = &self.keys[writer * KEYS_A_WRITER..][..KEYS_A_WRITER];
        let mut wire = None;
        let mut turn = 0;
        while !self.is_over.load(SeqCst) {
            let Some(connected) = wire.as_mut() else {
                wire = self.connect(&mut dice);
                continue;
            };
            let key = &keys[turn % keys.len()];
            turn += 1;
            let value = key.tried.fetch_add(1, SeqCst) + 1;
            let began = Instant::now();
            match connected.try_ask(&["SET", &key.name, &value.to_string()]).as_deref() {
                Ok("+OK\r\n") => {
                    key.acknowledged.fetch_max(value, SeqCst);
                    key.confirmed.lock().unwrap().insert(value);
                    self.written.fetch_add(1, SeqCst);
                    let mut worst = self.worst_pause.lock().unwrap();
                    *worst = worst.max(began.elapsed());
                }
                Ok(reply) => {
                    if reply.starts_with("-TIMEOUT") {
                        self.unknown.fetch_add(1, SeqCst);
                        key.unknown.lock().unwrap().insert(value);
                    } else {
                        key.refused.lock().unwrap().insert(value);
                    }
                    self.told(connected, format!("SET {}: {}", key.name, reply.trim_end()));
                }
                Err(_) => {
                    self.unknown.fetch_add(1, SeqCst);
                    key.unknown.lock().unwrap().insert(value);
                    wire = None;
                }
            }
        }
    }

    pub fn read(&self, reader: usize) {
        let mut dice = Dice(1000 + reader as u64);
        let mut wire = None;
        while !self.is_over.load(SeqCst) {
            let Some(connected) = wire.as_mut() else {
                wire = self.connect(&mut dice);
                continue;
            };
            let key = &self.keys[dice.next() as usize % self.keys.len()];
            let (acknowledged, seen) = (key.acknowledged.load(SeqCst), key.seen.load(SeqCst));
            let Ok(reply) = connected.try_ask(&["GET", &key.name]) else {
                wire = None;
                continue;
            };
            if reply.starts_with('-') {
                self.told(connected, format!("GET {}: {}", key.name, reply.trim_end()));
                continue;
            }
            self.read.fetch_add(1, SeqCst);
            self.judge(key, &reply, acknowledged, seen);
        }
    }

    /// What a read that began when `acknowledged` and `seen` were known may say.
    pub fn judge(&self, key: &Key, reply: &str, acknowledged: u64, seen: u64) {
        let value = reply.split("\r\n").nth(1).and_then(|text| text.parse().ok()).unwrap_or(0);
        let newest = key.tried.load(SeqCst);
        let is_old = value < acknowledged || value < seen;
        if is_old && key.unknown.lock().unwrap().contains(&value) {
            self.late.fetch_add(1, SeqCst);
        } else if is_old || value > newest || key.refused.lock().unwrap().contains(&value) {
            self.violations.lock().unwrap().push(format!(
                "{:?} {}: read {value}; acknowledged {acknowledged}, read before {seen}, newest {newest}",
                self.began.elapsed(),
                key.name
            ));
        }
        key.seen.fetch_max(value, SeqCst);
    }

    /// Runs clients while `faults` come, then reads every key once more.
    pub fn run<T>(&self, faults: impl FnOnce() -> T) -> T {
        std::thread::scope(|scope| {
            for n in 0..WRITERS {
                scope.spawn(move || self.write(n));
                scope.spawn(move || self.read(n));
            }
            let over = Over(&self.is_over);
            let result = faults();
            drop(over);
            result
        })
    }

    pub fn check_end(&self, door: &str) {
        let mut wire = Wire::connect(door);
        for key in &self.keys {
            let reply = wait_until("an answer at the end", || {
                let reply = wire.ask(&["GET", &key.name]);
                (!reply.starts_with('-')).then_some(reply)
            });
            self.judge(key, &reply, key.acknowledged.load(SeqCst), key.seen.load(SeqCst));
        }
    }

    /// What was measured, and what clients were told, by text.
    pub fn say(&self, what: &str) {
        println!(
            "{what}: {} writes acknowledged, {} reads, {} unknown, {} late, longest write {:?}",
            self.written.load(SeqCst),
            self.read.load(SeqCst),
            self.unknown.load(SeqCst),
            self.late.load(SeqCst),
            self.worst_pause.lock().unwrap(),
        );
        let mut texts = BTreeMap::<String, usize>::new();
        for error in self.errors.lock().unwrap().iter() {
            let (asked, answer) = error.split_once(": ").unwrap();
            *texts.entry(format!("{} {answer}", &asked[..3])).or_default() += 1;
        }
        texts.iter().for_each(|(text, count)| println!("  {count} times: {text}"));
    }

    pub fn must_be_linearizable(&self) {
        let violations = self.violations.lock().unwrap();
        assert!(violations.is_empty(), "{} violations:\n{}", violations.len(), violations.join("\n"));
        assert!(self.written.load(SeqCst) > 100 && self.read.load(SeqCst) > 100, "the clients hardly ran");
    }
}

/// What the cluster says happened, for who looks for the reason.
struct TellsWhenItFails<'a> {
    home: &'a Home,
    controls: Vec<String>,
}

impl Drop for TellsWhenItFails<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let ask = |control: &String| run(self.home.dcache().env("DCACHE_ENDPOINTS", control).arg("events"));
            let answer = self.controls.iter().map(ask).find(|answer| answer.code == 0);
            println!("{}", answer.map_or("no node tells what happened".into(), |answer| answer.text().to_string()));
        }
    }
}

/// Ends the clients, also when the test panics.
pub struct Over<'a>(pub &'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

pub fn rounds() -> usize {
    number("DCACHE_FAULT_ROUNDS", 2) as usize
}

/// What chance chooses follows from it; said, for a run that fails to be run again.
pub fn seed() -> u64 {
    let seed = number("DCACHE_FAULT_SEED", 1);
    println!("DCACHE_FAULT_SEED={seed}");
    seed
}

pub fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap())
}

pub fn cluster(home: &Home) -> Vec<Node> {
    let nodes = (1..=3).map(|n| Node::start(home, &format!("n{n}"), &[])).collect();
    formed(home, nodes, 1)
}

/// Makes a cluster of running nodes, with so many further copies and a strong namespace.
pub fn formed(home: &Home, nodes: Vec<Node>, copies: usize) -> Vec<Node> {
    let namespaces = "namespaces:\n  - {name: strong, match: {prefix: \"s:\"}, consistency: strong}\n";
    formed_of(home, nodes, &format!("copies: {copies}\n{namespaces}"))
}

/// Makes a cluster of running nodes; `spec` are the further lines of cluster.yaml.
pub fn formed_of(home: &Home, nodes: Vec<Node>, spec: &str) -> Vec<Node> {
    let list: String = nodes.iter().map(|node| format!("  - peers: {}\n", node.peers)).collect();
    let file = home.file("cluster.yaml", format!("name: trio\nnodes:\n{list}{spec}"));
    nodes[0].ok(home, &["cluster", "init", "-f", &file.to_string_lossy(), "--yes"]);
    wait_until_healthy(home, &nodes[0]);
    nodes
}

pub fn wait_until_healthy(home: &Home, node: &Node) {
    let until = Instant::now() + DEADLINE;
    loop {
        let status = status(home, node);
        if status["health"] == "healthy" {
            return;
        }
        assert!(Instant::now() < until, "{} does not see the cluster healthy: {}", node.name, status["findings"]);
    }
}

/// Writes a key until that succeeds.
pub fn time_to_write(door: &str, key: &str) -> Duration {
    let mut wire = Wire::connect(door);
    let began = Instant::now();
    loop {
        let reply = wire.ask(&["SET", key, "v"]);
        if reply == "+OK\r\n" {
            return began.elapsed();
        }
        assert!(began.elapsed() < DEADLINE, "{key} was not written again: {reply}");
    }
}

pub fn print_times(what: &str, mut times: Vec<Duration>) {
    times.sort();
    println!("{what}: {} rounds, median {:?}, worst {:?}", times.len(), times[times.len() / 2], times[times.len() - 1]);
}

/// Clients of the strong namespace go on while `fault` comes to a node, each time to the busiest: it is told which, and times
/// writes to a key of it through a node that stays.
pub fn survive(what: &str, fault: impl Fn(&Home, &mut Node, &dyn Fn())) {
    let home = Home::of_busy_cluster();
    let nodes = cluster(&home);
    survive_with(what, &home, nodes, fault);
}

pub fn survive_with(what: &str, home: &Home, mut nodes: Vec<Node>, fault: impl Fn(&Home, &mut Node, &dyn Fn())) {
    let times = survive_rounds(what, home, &mut nodes, |_, nodes| {
        let before = status(home, &nodes[0]);
        let victim = busiest(&before, nodes, |_| true);
        let witness = (victim + 1) % nodes.len();
        let key = key_of(&before, &nodes[victim].name, "s:probe:");
        let door = nodes[witness].gateway.clone();
        let took = Cell::new(Duration::ZERO);
        fault(home, &mut nodes[victim], &|| took.set(time_to_write(&door, &key)));
        took.get()
    });
    print_times(&format!("{what}, to the next write of its keys"), times);
}

/// Clients of the strong namespace, each with keys of its own and some with the same, go on while faults come in rounds, each
/// of which the cluster must recover from; nothing acknowledged may be lost. Gives what the rounds gave.
pub fn survive_rounds<T>(
    what: &str,
    home: &Home,
    nodes: &mut [Node],
    mut round: impl FnMut(usize, &mut [Node]) -> T,
) -> Vec<T> {
    let _tells = TellsWhenItFails { home, controls: nodes.iter().map(|node| node.control.clone()).collect() };
    let history = History::new("s:", nodes);
    let contended = Contended::begin("s:contended:", nodes);
    let given = history.run(|| {
        contended.run(&history, || {
            let round = |number: usize| {
                let given = round(number, nodes);
                *history.doors.lock().unwrap() = nodes.iter().map(|node| node.gateway.clone()).collect();
                // Who was cut off may not know yet what it missed.
                nodes.iter().for_each(|node| wait_until_healthy(home, node));
                given
            };
            (0..rounds()).map(round).collect()
        })
    });
    history.check_end(&nodes[0].gateway);
    history.say(what);
    history.must_be_linearizable();
    contended.must_be_linearizable(what);
    given
}
