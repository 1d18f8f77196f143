//! Copies under faults, on real processes: writers and readers go on while nodes are killed, stopped and drained, and what they
//! saw is checked. Seeded faults of the network and of disks, and interleavings, are the simulator's (`tests/sim`).
//!
//! `DCACHE_FAULT_ROUNDS` says how often each fault comes; 2 without it. What was measured is printed under `--nocapture`.

#![allow(clippy::print_stdout)]

use crate::harness::resp::Wire;
use crate::harness::*;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

const WRITERS: usize = 3;
const KEYS_A_WRITER: usize = 40;

/// One key: one writer writes 1, 2, 3 … to it, so a history is linearizable exactly when every read gives what was the
/// newest value at some moment between its beginning and its end, and no read goes back behind one that ended before it began.
struct Key {
    name: String,
    tried: AtomicU64,
    acknowledged: AtomicU64,
    seen: AtomicU64,
    /// The node said that these were certainly not written.
    refused: Mutex<BTreeSet<u64>>,
}

/// What clients do and see. All fields are shared by the client threads.
struct History {
    keys: Vec<Key>,
    doors: Mutex<Vec<String>>,
    is_over: AtomicBool,
    written: AtomicU64,
    read: AtomicU64,
    unknown: AtomicU64,
    errors: Mutex<Vec<String>>,
    violations: Mutex<Vec<String>>,
    worst_pause: Mutex<Duration>,
    began: Instant,
}

impl History {
    fn new(prefix: &str, nodes: &[Node]) -> History {
        let key = |n| Key {
            name: format!("{prefix}{n}"),
            tried: AtomicU64::new(0),
            acknowledged: AtomicU64::new(0),
            seen: AtomicU64::new(0),
            refused: Mutex::default(),
        };
        History {
            keys: (0..WRITERS * KEYS_A_WRITER).map(key).collect(),
            doors: Mutex::new(nodes.iter().map(|node| node.gateway.clone()).collect()),
            is_over: AtomicBool::new(false),
            written: AtomicU64::new(0),
            read: AtomicU64::new(0),
            unknown: AtomicU64::new(0),
            errors: Mutex::default(),
            violations: Mutex::default(),
            worst_pause: Mutex::default(),
            began: Instant::now(),
        }
    }

    /// A connection to some node; which one changes from call to call.
    fn connect(&self, dice: &mut Dice) -> Option<Wire> {
        let doors = self.doors.lock().unwrap();
        let door = doors[dice.next() as usize % doors.len()].clone();
        drop(doors);
        std::net::TcpStream::connect(&door).ok()?;
        Some(Wire::connect(&door))
    }

    fn write(&self, writer: usize) {
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
                    self.written.fetch_add(1, SeqCst);
                    let mut worst = self.worst_pause.lock().unwrap();
                    *worst = worst.max(began.elapsed());
                }
                Ok(reply) => {
                    if reply.starts_with("-TIMEOUT") {
                        self.unknown.fetch_add(1, SeqCst);
                    } else {
                        key.refused.lock().unwrap().insert(value);
                    }
                    self.errors.lock().unwrap().push(format!("SET {}: {}", key.name, reply.trim_end()));
                }
                Err(_) => {
                    self.unknown.fetch_add(1, SeqCst);
                    wire = None;
                }
            }
        }
    }

    fn read(&self, reader: usize) {
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
                self.errors.lock().unwrap().push(format!("GET {}: {}", key.name, reply.trim_end()));
                continue;
            }
            self.read.fetch_add(1, SeqCst);
            self.judge(key, &reply, acknowledged, seen);
        }
    }

    /// What a read that began when `acknowledged` and `seen` were known may say.
    fn judge(&self, key: &Key, reply: &str, acknowledged: u64, seen: u64) {
        let value = reply.split("\r\n").nth(1).and_then(|text| text.parse().ok()).unwrap_or(0);
        let newest = key.tried.load(SeqCst);
        if value < acknowledged || value < seen || value > newest || key.refused.lock().unwrap().contains(&value) {
            self.violations.lock().unwrap().push(format!(
                "{:?} {}: read {value}; acknowledged {acknowledged}, read before {seen}, newest {newest}",
                self.began.elapsed(),
                key.name
            ));
        }
        key.seen.fetch_max(value, SeqCst);
    }

    /// Runs clients while `faults` come, then reads every key once more.
    fn run<T>(&self, faults: impl FnOnce() -> T) -> T {
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

    fn check_end(&self, door: &str) {
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
    fn say(&self, what: &str) {
        println!(
            "{what}: {} writes acknowledged, {} reads, {} unknown, longest write {:?}",
            self.written.load(SeqCst),
            self.read.load(SeqCst),
            self.unknown.load(SeqCst),
            self.worst_pause.lock().unwrap(),
        );
        let mut texts = BTreeMap::<String, usize>::new();
        for error in self.errors.lock().unwrap().iter() {
            let (asked, answer) = error.split_once(": ").unwrap();
            *texts.entry(format!("{} {answer}", &asked[..3])).or_default() += 1;
        }
        texts.iter().for_each(|(text, count)| println!("  {count} times: {text}"));
    }

    fn must_be_linearizable(&self) {
        let violations = self.violations.lock().unwrap();
        assert!(violations.is_empty(), "{} violations:\n{}", violations.len(), violations.join("\n"));
        assert!(self.written.load(SeqCst) > 100 && self.read.load(SeqCst) > 100, "the clients hardly ran");
    }
}

/// Ends the clients, also when the test panics.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

fn rounds() -> usize {
    match std::env::var("DCACHE_FAULT_ROUNDS") {
        Ok(text) => text.parse().unwrap(),
        Err(_) => 2,
    }
}

fn cluster(home: &Home) -> Vec<Node> {
    let nodes = (1..=3).map(|n| Node::start(home, &format!("n{n}"), &[])).collect();
    formed(home, nodes)
}

/// Makes a cluster of running nodes, with a further copy each and a strong namespace.
fn formed(home: &Home, nodes: Vec<Node>) -> Vec<Node> {
    let list: String = nodes.iter().map(|node| format!("  - peers: {}\n", node.peers)).collect();
    let namespaces = "namespaces:\n  - {name: strong, match: {prefix: \"s:\"}, consistency: strong}\n";
    let file = home.file("cluster.yaml", format!("name: trio\ncopies: 1\nnodes:\n{list}{namespaces}"));
    nodes[0].ok(home, &["cluster", "init", "-f", &file.to_string_lossy(), "--yes"]);
    wait_until_healthy(home, &nodes[0]);
    nodes
}

fn wait_until_healthy(home: &Home, node: &Node) {
    wait_until("the cluster is healthy", || (status(home, node)["health"] == "healthy").then_some(()));
}

/// Writes a key until that succeeds.
fn time_to_write(door: &str, key: &str) -> Duration {
    let mut wire = Wire::connect(door);
    let began = Instant::now();
    wait_until("a key is written again", || (wire.ask(&["SET", key, "v"]) == "+OK\r\n").then_some(()));
    began.elapsed()
}

fn print_times(what: &str, mut times: Vec<Duration>) {
    times.sort();
    println!("{what}: {} rounds, median {:?}, worst {:?}", times.len(), times[times.len() / 2], times[times.len() - 1]);
}

/// Clients of the strong namespace go on while `fault` comes to one node after the other: it is told which, and times
/// writes to a key of it through a node that stays.
fn survive(what: &str, fault: impl Fn(&Home, &mut Node, &dyn Fn())) {
    let home = Home::new();
    let nodes = cluster(&home);
    survive_with(what, &home, nodes, fault);
}

fn survive_with(what: &str, home: &Home, mut nodes: Vec<Node>, fault: impl Fn(&Home, &mut Node, &dyn Fn())) {
    let history = History::new("s:", &nodes);
    let times: Vec<Duration> = history.run(|| {
        let round = |round: usize| {
            let (victim, witness) = (round % 3, (round + 1) % 3);
            let key = key_of(&status(home, &nodes[witness]), &nodes[victim].name, "s:probe:");
            let door = nodes[witness].gateway.clone();
            let took = Cell::new(Duration::ZERO);
            fault(home, &mut nodes[victim], &|| took.set(time_to_write(&door, &key)));
            history.doors.lock().unwrap()[victim] = nodes[victim].gateway.clone();
            wait_until_healthy(home, &nodes[witness]);
            took.get()
        };
        (0..rounds()).map(round).collect()
    });
    history.check_end(&nodes[0].gateway);
    history.say(what);
    print_times(&format!("{what}, to the next write of its keys"), times);
    history.must_be_linearizable();
}

#[test]
fn nothing_acknowledged_under_strong_is_lost_when_nodes_are_killed() {
    survive("killed", |home, victim, time| {
        send("KILL", victim.process.id());
        time();
        *victim = Node::start(home, &victim.name.clone(), &[]);
    });
}

#[test]
fn nothing_acknowledged_under_strong_is_lost_when_nodes_stand_still() {
    survive("stopped", |_, victim, time| {
        let until = Instant::now() + Duration::from_millis(4500);
        send("STOP", victim.process.id());
        time();
        wait_until("three leases", || (Instant::now() > until).then_some(()));
        send("CONT", victim.process.id());
    });
}

#[test]
#[ignore = "needs root, and a network namespace of its own to be run in: .ci/run does"]
fn nothing_acknowledged_under_strong_is_lost_when_nodes_are_cut_from_their_peers_but_not_from_their_clients() {
    let home = Home::new();
    let nets: Vec<Net> = (1..=3).map(Net::new).collect();
    let start = |net: &Net| {
        let [clients, peers] = &net.hosts;
        let mut command = home.program("ip");
        command.args(["netns", "exec", &net.name, env!("CARGO_BIN_EXE_dcache")]);
        Node::start_at(&home, &format!("n{}", net.number), command, [clients, clients, clients, peers], &["--insecure"])
    };
    let nodes = formed(&home, nets.iter().map(start).collect());
    survive_with("cut", &home, nodes, |_, victim, time| {
        let net = nets.iter().find(|net| victim.name == format!("n{}", net.number)).unwrap();
        let until = Instant::now() + Duration::from_millis(4500);
        net.cut();
        time();
        wait_until("three leases", || (Instant::now() > until).then_some(()));
        net.heal();
    });
}

/// A namespace with one link for clients and one for other nodes, both to the namespace that this process is in, which passes
/// on what goes from node to node.
struct Net {
    number: u8,
    name: String,
    /// For clients and for peers.
    hosts: [String; 2],
}

fn ip(args: &str) {
    let outcome = run(std::process::Command::new("ip").args(args.split_whitespace()));
    assert_eq!(outcome.code, 0, "ip {args}: {outcome:?}");
}

impl Net {
    fn new(number: u8) -> Net {
        let name = format!("dcache-{}-{number}", std::process::id());
        let net = Net { number, name, hosts: [1, 2].map(|link| format!("10.99.{link}{number}.2")) };
        let Net { name, hosts, .. } = &net;
        ip("link set lo up");
        ip(&format!("netns add {name}"));
        ip(&format!("-n {name} link set lo up"));
        for (link, host) in ["c", "p"].iter().zip(hosts) {
            let here = format!("{link}{number}");
            ip(&format!("link add {here} type veth peer name {link} netns {name}"));
            let gate = host.strip_suffix(".2").unwrap();
            ip(&format!("addr add {gate}.1/24 dev {here}"));
            ip(&format!("-n {name} addr add {host}/24 dev {link}"));
            ip(&format!("link set {here} up"));
            ip(&format!("-n {name} link set {link} up"));
        }
        ip(&format!("-n {name} route add default via 10.99.2{number}.1"));
        std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap();
        net
    }

    /// Silence, both ways: nothing says that what was sent is lost.
    fn cut(&self) {
        ip(&format!("rule add iif p{} blackhole pref 10", self.number));
        ip(&format!("rule add to {} blackhole pref 10", self.hosts[1]));
    }

    fn heal(&self) {
        ip(&format!("rule del iif p{} blackhole pref 10", self.number));
        ip(&format!("rule del to {} blackhole pref 10", self.hosts[1]));
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        // What is left goes with the namespace this process is in.
        let _ = std::process::Command::new("ip").args(["netns", "del", &self.name]).status();
    }
}

#[test]
fn a_planned_failover_loses_nothing_in_either_mode_and_no_client_sees_an_error() {
    let home = Home::new();
    let nodes = cluster(&home);
    // One after the other, in both modes: who has just handed everything over has nothing left.
    let mut turns = (0..3).cycle();
    for prefix in ["s:", "e:"] {
        let history = History::new(prefix, &nodes);
        history.run(|| {
            for turn in turns.by_ref().take(rounds()) {
                let victim: &Node = &nodes[turn];
                let result = victim.ok(&home, &["cluster", "failover", &victim.name, "-o", "json"]).json();
                assert!(result["moved"].as_u64().is_some_and(|moved| moved > 0), "{result}");
                wait_until_healthy(&home, victim);
            }
        });
        if prefix == "e:" {
            // While it changes hands an older value may be read; what is promised is where it ends.
            history.violations.lock().unwrap().clear();
        }
        history.check_end(&nodes[0].gateway);
        history.say(&format!("planned, {prefix}"));
        history.must_be_linearizable();
        let errors = history.errors.lock().unwrap();
        assert!(
            errors.is_empty() && history.unknown.load(SeqCst) == 0,
            "{} errors: {:?}",
            errors.len(),
            errors.first()
        );
    }
}

#[test]
fn all_nodes_started_again_at_other_addresses_are_one_cluster_again() {
    let home = Home::new();
    let nodes = cluster(&home);
    nodes[0].ok(&home, &["namespace", "set", "kept", "--prefix", "kept:"]);
    let before = status(&home, &nodes[0]);
    nodes.iter().for_each(|node| send("KILL", node.process.id()));
    drop(nodes);
    let began = Instant::now();
    // All doors are other ones; each but the first is told of one that runs, and tells it of itself.
    let mut again = vec![Node::start(&home, "n1", &[])];
    for name in ["n2", "n3"] {
        again.push(Node::start(&home, name, &["--join", &again[0].peers.clone()]));
    }
    wait_until_healthy(&home, &again[2]);
    println!("one cluster again after {:?}", began.elapsed());
    let after = status(&home, &again[1]);
    assert_eq!((&before["id"], before["id"].is_null()), (&after["id"], false));
    assert!(after["epoch"].as_u64() > before["epoch"].as_u64(), "{after}");
    let kept = again[1].ok(&home, &["namespace", "list", "-o", "json"]);
    assert!(kept.text().contains("\"kept\"") && kept.text().contains("\"strong\""), "{kept:?}");
    time_to_write(&again[0].gateway, "s:again");
}

#[test]
fn a_node_that_lost_its_data_directory_takes_its_place_again_under_its_name() {
    let home = Home::new();
    let mut nodes = cluster(&home);
    let mut wire = Wire::connect(&nodes[0].gateway);
    for n in 0..200 {
        assert_eq!(wire.ask(&["SET", &format!("s:{n}"), "v"]), "+OK\r\n");
    }
    let id_of = |node: &Node, name: &str| {
        let status = status(&home, node);
        status["nodes"].as_array().unwrap().iter().find(|n| n["name"] == name).unwrap()["id"].clone()
    };
    let before = id_of(&nodes[0], "n3");
    send("KILL", nodes[2].process.id());
    nodes[2].process.wait();
    let empty = home.path().join("empty");
    nodes[2] = Node::start(&home, "n3", &["--join", &nodes[0].peers.clone(), "--data-dir", &empty.to_string_lossy()]);
    wait_until("it is another node of the name", || (id_of(&nodes[0], "n3") != before).then_some(()));
    wait_until_healthy(&home, &nodes[0]);
    // It votes: one of the other two may go.
    wait_until("it votes", || {
        let status = status(&home, &nodes[0]);
        status["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .any(|node| node["name"] == "n3" && node["voter"] == true)
            .then_some(())
    });
    send("KILL", nodes[1].process.id());
    let mut wire = Wire::connect(&nodes[2].gateway);
    for n in 0..200 {
        wait_until("what was written is read", || {
            (wire.ask(&["GET", &format!("s:{n}")]) == "$1\r\nv\r\n").then_some(())
        });
    }
}

#[test]
fn what_a_failover_could_lose_is_shown_before_it() {
    let home = Home::new();
    let nodes = cluster(&home);
    let links = || nodes[0].ok(&home, &["stats", "replication", "--node", "n1", "-o", "json"]).json()["links"].clone();
    let all_in_sync: u64 = links().as_array().unwrap().iter().map(|link| link["inSync"].as_u64().unwrap()).sum();
    assert!(all_in_sync > 300, "{}", links());
    let before = status(&home, &nodes[0]);
    let mut wire = Wire::connect(&nodes[0].gateway);
    send("STOP", nodes[1].process.id());
    // Keys of n1, some of which have their other copy on n2, until that is seen; before n2 is taken for down.
    let seen = wait_until("what is behind is shown", || {
        for n in 0..50 {
            wire.ask(&["SET", &key_of(&before, "n1", &format!("e:{n}:")), "v"]);
        }
        let links = links();
        let to_n2 = links.as_array().unwrap().iter().find(|link| link["node"] == "n2").cloned();
        to_n2.filter(|link| link["entries"].as_u64() > Some(0) && link["lagMs"].as_u64() > Some(0))
    });
    send("CONT", nodes[1].process.id());
    let text = nodes[0].ok(&home, &["stats", "replication"]).text().to_string();
    assert!(text.contains("BEHIND") && text.contains("taken over"), "{text}\n{seen}");
    wait_until_healthy(&home, &nodes[0]);
    wait_until("nothing is behind", || {
        links().as_array().unwrap().iter().all(|link| link["entries"] == 0 && link["lagMs"] == 0).then_some(())
    });
    let metrics = nodes[0].ok(&home, &["stats", "--prometheus"]).text().to_string();
    assert!(metrics.contains("dcache_replication_lag_entries{to=\"n2\"} 0"), "{metrics}");
}

#[test]
fn the_cluster_tells_what_happened_to_it_in_order_and_every_node_the_same() {
    let home = Home::new();
    let nodes = cluster(&home);
    let mut follower = nodes[1].dcache(&home);
    let log = home.path().join("followed");
    follower.args(["events", "--follow", "-o", "ndjson"]).stdout(std::fs::File::create(&log).unwrap());
    let _follower = Process(follower.spawn().unwrap());
    nodes[0].ok(&home, &["namespace", "set", "kept", "--prefix", "kept:"]);
    nodes[0].ok(&home, &["cluster", "failover", "n3"]);
    send("KILL", nodes[2].process.id());
    let kinds = |node: &Node| -> Vec<String> {
        let items = node.ok(&home, &["events", "-o", "json"]).json()["items"].clone();
        items.as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap().to_string()).collect()
    };
    wait_until("the loss is told", || kinds(&nodes[0]).contains(&"node-down".into()).then_some(()));
    wait_until("by every node", || (kinds(&nodes[0]) == kinds(&nodes[1])).then_some(()));
    let seen = kinds(&nodes[0]);
    let order = ["cluster-formed", "copies-in-sync", "namespace-set", "handed-over", "node-down"];
    let places: Vec<usize> = order
        .map(|kind| seen.iter().position(|seen| seen == kind).unwrap_or_else(|| panic!("no {kind} in {seen:?}")))
        .to_vec();
    assert!(places.is_sorted(), "{seen:?}");
    let down = nodes[0].ok(&home, &["events", "--level", "warning", "--node", "n3"]).text().to_string();
    assert!(down.contains("is down"), "{down}");
    wait_until("who follows sees it", || std::fs::read_to_string(&log).unwrap().contains("node-down").then_some(()));
}

#[test]
fn a_namespace_refuses_writes_while_fewer_copies_are_in_sync_than_it_asks_for() {
    let home = Home::new();
    let mut nodes = cluster(&home);
    nodes[0]
        .ok(&home, &["namespace", "set", "two", "--prefix", "two:", "--consistency", "strong", "--min-in-sync", "2"]);
    let mut wire = Wire::connect(&nodes[0].gateway);
    let keys: Vec<String> = (0..60).map(|n| format!("two:{n}")).collect();
    let mut set_all = |value: &str| -> Vec<String> { keys.iter().map(|key| wire.ask(&["SET", key, value])).collect() };
    assert!(set_all("1").iter().all(|reply| reply == "+OK\r\n"));
    send("KILL", nodes[2].process.id());
    let refused = wait_until("writes with one copy are refused, and the others are not", || {
        let replies = set_all("2");
        let is_refused = |reply: &String| reply.starts_with("-NOREPLICAS");
        let settled = replies.iter().all(|reply| reply == "+OK\r\n" || is_refused(reply));
        let refused: Vec<bool> = replies.iter().map(is_refused).collect();
        (settled && refused.contains(&true) && refused.contains(&false)).then_some(refused)
    });
    let mut wire = Wire::connect(&nodes[1].gateway);
    for (key, is_refused) in keys.iter().zip(refused) {
        let value = if is_refused { "1" } else { "2" };
        assert_eq!(wire.ask(&["GET", key]), format!("$1\r\n{value}\r\n"), "{key}: what is refused did not happen");
    }
    nodes[2] = Node::start(&home, "n3", &[]);
    wait_until_healthy(&home, &nodes[0]);
    assert!(set_all("3").iter().all(|reply| reply == "+OK\r\n"));
}
