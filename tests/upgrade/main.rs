//! This release and the next one together: a cluster under load whose nodes get the next build one after the other, as
//! `cluster upgrade` says, with one of them going back on the way.
//!
//! `DCACHE_NEXT` is the path of the next build (`cargo build -p dcache --features next`); without it the test fails. `cargo test
//! --workspace` leaves it out: `cargo test -p dcache --test upgrade`, as `.ci/run` does.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[path = "../harness/mod.rs"]
mod harness;

use harness::history::{History, formed};
use harness::*;
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::Ordering::SeqCst;

const OLD: &str = env!("CARGO_PKG_VERSION");
const NEW: &str = "0.2.0";

/// The binary of the next release.
fn next_build() -> PathBuf {
    let path = std::env::var_os("DCACHE_NEXT").map(PathBuf::from);
    let how = "DCACHE_NEXT must be the whole path of a copy of target/debug/dcache after: cargo build -p dcache --features next";
    let path = path.expect(how);
    assert!(path.is_absolute() && path.is_file(), "{how}; it is {path:?}");
    let says = run(std::process::Command::new(&path).arg("--version"));
    assert!(says.text().contains(NEW), "DCACHE_NEXT is not a build of the next release: {says:?}");
    path
}

/// Status and body of one request.
fn post(node: &Node, path: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(&node.control).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let (door, length) = (&node.control, body.len());
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {door}\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_string())
}

fn version_of(status: &Value, name: &str) -> String {
    let node = status["nodes"].as_array().unwrap().iter().find(|node| node["name"] == name);
    node.map(|node| node["version"].as_str().unwrap().to_string()).unwrap_or_default()
}

/// A walk in progress: the nodes, who loads them, and the next build.
struct Walk<'a> {
    home: &'a Home,
    next: &'a Path,
    nodes: Vec<Node>,
    loads: [&'a History; 2],
    stages: usize,
}

impl Walk<'_> {
    fn place(&self, name: &str) -> usize {
        self.nodes.iter().position(|node| node.name == name).unwrap()
    }

    /// `cluster upgrade status`, asked of a node that is there.
    fn standing(&self) -> Value {
        self.nodes[0].ok(self.home, &["cluster", "upgrade", "status", "-o", "json"]).json()
    }

    /// Stops a node in order and starts another build with its doors and its data. Clients hear of it first, as of any node
    /// that a load balancer takes out.
    fn restart(&mut self, place: usize, binary: &Path) {
        for load in self.loads {
            load.doors.lock().unwrap().retain(|door| *door != self.nodes[place].gateway);
        }
        send("TERM", self.nodes[place].process.id());
        assert_eq!(self.nodes[place].process.wait(), 0, "{}", self.nodes[place].log());
        self.nodes[place] = self.nodes[place].again(self.home, binary);
        self.wait_until_whole();
        for load in self.loads {
            load.doors.lock().unwrap().push(self.nodes[place].gateway.clone());
        }
    }

    /// Every node answers and has its copies in sync; an operation may be under way.
    fn wait_until_whole(&self) {
        for node in &self.nodes {
            wait_until("every copy is in sync", || {
                let status = status(self.home, node);
                let all = status["nodes"].as_array().unwrap();
                let is_there = |node: &Value| node["reachable"] == true && node["state"] == "up";
                let whole = status["partitionsInSync"] == status["partitions"] && status["quorum"] == true;
                (whole && all.len() == self.nodes.len() && all.iter().all(is_there)).then_some(())
            });
        }
    }

    /// What holds while any node is an old one: all agree, namespaces can be changed through any of them, and what only the
    /// next release knows is refused with a reason.
    fn is_mixed(&mut self) {
        self.stages += 1;
        let name = format!("stage{}", self.stages);
        let through = &self.nodes[self.stages % self.nodes.len()];
        through.ok(self.home, &["namespace", "set", &name, "--prefix", &format!("{name}:"), "--max-ttl", "1h"]);
        for node in &self.nodes {
            wait_until("every node knows the namespace", || {
                (node.run(self.home, &["namespace", "show", &name, "-q"]).code == 0).then_some(())
            });
            let status = status(self.home, node);
            assert_eq!(status["level"], 2, "{} at stage {}: {status}", node.name, self.stages);
            let (code, body) = post(node, "/v1/annotations", "too early");
            match version_of(&status, &node.name).as_str() {
                NEW => {
                    assert_eq!(code, 409, "{} at stage {}: {body}", node.name, self.stages);
                    assert!(body.contains("level 2") && body.contains(&format!("runs {OLD}")), "{body}");
                }
                _ => assert_eq!(code, 404, "{}: {body}", node.name),
            }
        }
        let versions: BTreeSet<String> = {
            let status = status(self.home, &self.nodes[0]);
            self.nodes.iter().map(|node| version_of(&status, &node.name)).collect()
        };
        println!("stage {}: {versions:?}", self.stages);
    }

    /// Waits until a node is to be started again; none: the walk is over.
    fn whose_turn(&self) -> Option<String> {
        wait_until("somebody's turn, or the end", || {
            let standing = self.standing();
            match (standing["state"].as_str().unwrap(), standing["doing"].as_str()) {
                ("running", Some("restarts")) => Some(Some(standing["current"].as_str().unwrap().to_string())),
                ("running", _) => None,
                ("done", _) => Some(None),
                _ => panic!("{standing}"),
            }
        })
    }

    /// One turn, from where the node is to be started again to where it is done.
    fn turn(&mut self, name: &str) {
        let shown = self.nodes[0].ok(self.home, &["cluster", "upgrade", "status"]);
        let now = format!("now: start {name} again with {NEW}; it has handed over what it serves");
        assert!(shown.text().contains(&now), "{shown:?}");
        self.restart(self.place(name), self.next);
        wait_until("its turn is over", || {
            let standing = self.standing();
            let is_its = |node: &&Value| node["name"] == name && node["turn"] == "done" && node["version"] == NEW;
            standing["nodes"].as_array().unwrap().iter().find(is_its).map(|_| ())
        });
    }

    /// From the first turn to the last, with a detour: one that is done goes back while the walk is paused, and an old node joins.
    fn go(&mut self) {
        let first = self.whose_turn().expect("a first turn");
        self.turn(&first);
        self.is_mixed();

        let joined = Node::start(self.home, "n4", &["--join", &self.nodes[0].peers.clone()]);
        self.nodes.push(joined);
        self.wait_until_whole();
        self.is_mixed();

        let pause = self.nodes[1].ok(self.home, &["cluster", "upgrade", "pause"]);
        assert!(pause.stderr.contains("nodes may go back to the build before"), "{pause:?}");
        let old = PathBuf::from(env!("CARGO_BIN_EXE_dcache"));
        self.restart(self.place(&first), &old);
        assert_eq!(version_of(&status(self.home, &self.nodes[0]), &first), OLD);
        self.is_mixed();
        let paused = self.nodes[0].ok(self.home, &["cluster", "upgrade", "status"]);
        assert!(paused.text().contains("now: paused; go on with: dcache cluster upgrade resume"), "{paused:?}");
        self.nodes[0].ok(self.home, &["cluster", "upgrade", "resume"]);

        let mut turns = Vec::new();
        while let Some(name) = self.whose_turn() {
            self.turn(&name);
            turns.push(name);
            let status = status(self.home, &self.nodes[0]);
            if self.nodes.iter().any(|node| version_of(&status, &node.name) == OLD) {
                self.is_mixed();
            }
        }
        let all: BTreeSet<&str> = turns.iter().map(String::as_str).collect();
        assert_eq!(all, BTreeSet::from(["n1", "n2", "n3", "n4"]), "each once, and who went back again: {turns:?}");
        assert_eq!(turns.len(), 4, "{turns:?}");
    }
}

#[test]
fn a_cluster_under_load_gets_the_next_release_node_by_node() {
    let (home, next) = (Home::new(), next_build());
    let nodes = (1..=3).map(|n| Node::start(&home, &format!("n{n}"), &[])).collect();
    let nodes = formed(&home, nodes, 1);
    let (strong, eventual) = (History::new("s:", &nodes), History::new("e:", &nodes));
    let plan = nodes[0].run(&home, &["cluster", "upgrade", "plan", "--to", NEW, "--exit-code", "-o", "json"]);
    assert_eq!((plan.code, plan.json()["nodes"].as_array().unwrap().len()), (10, 3), "{plan:?}");
    let begun = nodes[1].ok(&home, &["cluster", "upgrade", "start", "--to", NEW, "--yes", "--no-wait"]);
    assert_eq!(begun.text(), "0001\n", "{begun:?}");
    let mut watcher = nodes[2].dcache(&home);
    let log = home.path().join("watched");
    watcher.args(["cluster", "upgrade", "watch"]).stderr(std::fs::File::create(&log).unwrap());
    let mut watcher = Process(watcher.spawn().unwrap());

    let mut walk = Walk { home: &home, next: &next, nodes, loads: [&strong, &eventual], stages: 0 };
    strong.run(|| eventual.run(|| walk.go()));
    let Walk { mut nodes, .. } = walk;
    for (what, history) in [("strong", &strong), ("eventual", &eventual)] {
        history.check_end(&nodes[0].gateway);
        history.say(what);
        println!("  {} errors of nodes that were stopping", history.farewells.lock().unwrap().len());
        println!("  {} reads that were older than what was acknowledged", history.violations.lock().unwrap().len());
        let errors = history.errors.lock().unwrap();
        assert!(errors.is_empty(), "{what}: {} errors of nodes that were up, as {}", errors.len(), errors[0]);
        assert!(history.written.load(SeqCst) > 100 && history.read.load(SeqCst) > 100, "the clients hardly ran");
    }
    strong.must_be_linearizable();

    assert_eq!(watcher.wait(), 0, "{}", std::fs::read_to_string(&log).unwrap());
    let watched = std::fs::read_to_string(&log).unwrap();
    assert!(watched.contains(&format!("done: 4 of 4 nodes run {NEW}")), "{watched}");
    assert!(!watched.contains("moves") && !watched.contains("moved"), "{watched}");

    the_next_release_is_everywhere(&home, &nodes);
    old_builds_are_refused(&home, &mut nodes);
}

/// The level rose, and what came with it works through every node.
fn the_next_release_is_everywhere(home: &Home, nodes: &[Node]) {
    for node in nodes {
        wait_until("the level is known", || (status(home, node)["level"] == 3).then_some(()));
        let (code, body) = post(node, "/v1/annotations", &format!("by {}", node.name));
        assert_eq!(code, 200, "{body}");
    }
    for node in nodes {
        wait_until("every node tells it", || {
            let events = node.ok(home, &["events", "-o", "json"]).text().to_string();
            nodes.iter().all(|other| events.contains(&format!("by {}", other.name))).then_some(())
        });
    }
    let again = nodes[0].ok(home, &["cluster", "upgrade", "start", "--to", NEW]);
    assert!(again.stderr.contains(&format!("all 4 nodes run {NEW} already")), "{again:?}");
    let shown = nodes[0].ok(home, &["op", "show", "0001"]);
    assert!(shown.text().contains(&format!("4 of 4 nodes run {NEW}")) && !shown.text().contains("moves"), "{shown:?}");
}

/// One that is new to the cluster, and one of its own that was started with the build before.
fn old_builds_are_refused(home: &Home, nodes: &mut Vec<Node>) {
    let stranger = Node::start(home, "n5", &["--join", &nodes[0].peers]);
    let why = format!("node n5 runs {OLD}, which speaks level 2; the cluster is at 3: start a newer build");
    wait_until("it says why it is in no cluster", || stranger.log().contains(&why).then_some(()));
    assert!(status(home, &nodes[0])["nodes"].as_array().unwrap().iter().all(|node| node["name"] != "n5"));
    drop(stranger);

    let mut gone = nodes.pop().unwrap();
    send("TERM", gone.process.id());
    assert_eq!(gone.process.wait(), 0);
    let mut command = home.dcache();
    command.args(["node", "start", "--name", &gone.name, "--gateway", &gone.gateway, "--listen", &gone.cluster]);
    command.args(["--control", &gone.control, "--peers", &gone.peers, "--memory", "256MiB"]);
    let mut back = Process(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap());
    let said = back.0.stderr.take().unwrap();
    assert_ne!(back.wait(), 0);
    let said = read_all(said);
    assert!(said.contains("is of a cluster at level 3") && said.contains("there is no way back"), "{said}");
}
