//! What end-to-end tests stand on: the real binary in a home of its own, nodes and local clusters that end with the test, doors
//! that answer what they are told, and waiting with a deadline. Nothing here sleeps a fixed time and hopes.

#![allow(dead_code, clippy::unwrap_used, clippy::print_stderr)]

pub mod admin;
pub mod contend;
pub mod fake;
pub mod history;
#[path = "../sim/checker/linearizable.rs"]
mod linearizable;
pub mod load;
pub mod loss;
pub mod resp;

use dcache_protocol::slot_of;
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long anything may take in a test before it counts as hung; generous, as machines that test are busy.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// A user's folders, empty at first. Processes of two homes know nothing of each other.
pub struct Home {
    dir: TempDir,
    _alone: Option<MutexGuard<'static, ()>>,
}

/// Held by a test that keeps a cluster busy all the time.
static ALONE: Mutex<()> = Mutex::new(());

impl Home {
    pub fn new() -> Home {
        Home { dir: tempfile::tempdir().unwrap(), _alone: None }
    }

    /// For a test that keeps a cluster busy: no other such one runs meanwhile in this process. Two of them on two cores would show
    /// how the machine shares its time.
    pub fn of_busy_cluster() -> Home {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        Home { _alone: Some(alone), ..Home::new() }
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a file and tells its path.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Any program, with this home and nothing of the tester's own settings.
    pub fn program(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("DCACHE_") {
                command.env_remove(name);
            }
        }
        for (name, dir) in [
            ("HOME", "home"),
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_STATE_HOME", "state"),
            ("XDG_DATA_HOME", "data"),
            ("XDG_CACHE_HOME", "cache"),
        ] {
            command.env(name, self.path().join(dir));
        }
        for name in ["NO_COLOR", "CLICOLOR_FORCE", "RUST_BACKTRACE"] {
            command.env_remove(name);
        }
        command.env("TERM", "xterm").stdin(Stdio::null());
        command
    }

    /// The binary under test.
    pub fn dcache(&self) -> Command {
        self.program(env!("CARGO_BIN_EXE_dcache"))
    }

    /// Runs the binary to its end.
    pub fn run<S: AsRef<OsStr>>(&self, args: &[S]) -> Outcome {
        run(self.dcache().args(args))
    }

    /// Runs it, and it must end with 0.
    pub fn ok<S: AsRef<OsStr>>(&self, args: &[S]) -> Outcome {
        let outcome = self.run(args);
        assert_eq!(outcome.code, 0, "{outcome:?}");
        outcome
    }
}

/// How a process ended and what it wrote.
pub struct Outcome {
    /// As a shell counts it: 128 and the signal's number for one that a signal ended.
    pub code: i32,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl std::fmt::Debug for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let stdout = String::from_utf8_lossy(&self.stdout[..self.stdout.len().min(4000)]);
        write!(f, "exit {}\nstdout: {stdout}\nstderr: {}", self.code, self.stderr)
    }
}

impl Outcome {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn error_json(&self) -> serde_json::Value {
        let line = self.stderr.lines().find(|line| line.starts_with('{')).unwrap_or_else(|| panic!("{self:?}"));
        serde_json::from_str::<serde_json::Value>(line).unwrap()["error"].clone()
    }
}

pub fn code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
}

pub fn run(command: &mut Command) -> Outcome {
    let output = command.output().unwrap();
    Outcome {
        code: code(output.status),
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Runs a command with these bytes on its stdin.
pub fn run_with_input(command: &mut Command, input: &[u8]) -> Outcome {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        // A process that ends without reading is a result, not a failure of the test.
        scope.spawn(move || stdin.write_all(input).is_ok());
        child.wait_with_output().unwrap()
    });
    Outcome {
        code: code(output.status),
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Asks until there is an answer; panics with `what` when the deadline passes.
pub fn wait_until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + DEADLINE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < until, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Sends a signal by its name; every shell has a `kill` of its own.
pub fn send(signal: &str, pid: u32) {
    let status = Command::new("sh").args(["-c", &format!("kill -{signal} {pid}")]).status().unwrap();
    assert!(status.success(), "kill -{signal} {pid}");
}

/// A process that is killed when the test ends, however it ends.
pub struct Process(pub Child);

impl Process {
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> i32 {
        wait_until("a process ends", || self.0.try_wait().unwrap()).pipe(code)
    }
}

trait Pipe: Sized {
    fn pipe<T>(self, next: impl FnOnce(Self) -> T) -> T {
        next(self)
    }
}

impl<T> Pipe for T {}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One node on free ports.
pub struct Node {
    pub process: Process,
    pub name: String,
    pub gateway: String,
    pub cluster: String,
    pub control: String,
    pub peers: String,
    log: PathBuf,
}

impl Node {
    pub fn start(home: &Home, name: &str, args: &[&str]) -> Node {
        Node::start_at(home, name, home.dcache(), ["127.0.0.1"; 4], args)
    }

    /// The same node from another build: its name, its doors and, by its name, its data directory.
    pub fn again(&self, home: &Home, binary: &Path) -> Node {
        let doors = [&self.gateway, &self.cluster, &self.control, &self.peers].map(String::as_str);
        Node::start_at(home, &self.name, home.program(&binary.to_string_lossy()), doors, &[])
    }

    /// At these addresses, or on free ports of these hosts: of the gateway, cluster, control and peers door. `command` begins
    /// the binary. What it announces is what is remembered.
    pub fn start_at(home: &Home, name: &str, mut command: Command, hosts: [&str; 4], args: &[&str]) -> Node {
        let log = home.path().join(format!("{name}.log"));
        let stderr = std::fs::File::create(&log).unwrap();
        command.args(["node", "start", "--name", name, "--log-format", "text"]);
        for (door, host) in ["--gateway", "--listen", "--control", "--peers"].iter().zip(hosts) {
            let address = if host.contains(':') { host.to_string() } else { format!("{host}:0") };
            command.args([door, &&*address]);
        }
        if !args.contains(&"--memory") {
            command.args(["--memory", "256MiB"]);
        }
        let child = command.args(args).stdout(Stdio::null()).stderr(stderr).spawn().unwrap();
        let mut process = Process(child);
        let text = wait_until("a node is ready", || {
            let text = std::fs::read_to_string(&log).unwrap();
            assert!(process.0.try_wait().unwrap().is_none(), "node {name} ended:\n{text}");
            text.contains("node ready").then_some(text)
        });
        let door = |word: &str| {
            let mut lines = text.lines().map(|line| line.split_whitespace().skip_while(|w| *w != word));
            let address = |text: &str| text.trim_start_matches("http://").parse::<std::net::SocketAddr>().ok();
            let address = lines.find_map(|mut words| words.nth(1).and_then(address));
            address.unwrap_or_else(|| panic!("no {word} door in\n{text}")).to_string()
        };
        let (gateway, cluster, control, peers) = (door("gateway"), door("cluster"), door("control"), door("peers"));
        Node { process, name: name.into(), gateway, cluster, control, peers, log }
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// The binary, talking to this node.
    pub fn dcache(&self, home: &Home) -> Command {
        let mut command = home.dcache();
        command.env("DCACHE_ENDPOINTS", &self.control);
        command
    }

    pub fn run<S: AsRef<OsStr>>(&self, home: &Home, args: &[S]) -> Outcome {
        run(self.dcache(home).args(args))
    }

    /// Runs it, and it must end with 0.
    pub fn ok<S: AsRef<OsStr>>(&self, home: &Home, args: &[S]) -> Outcome {
        let outcome = self.run(home, args);
        assert_eq!(outcome.code, 0, "{outcome:?}");
        outcome
    }
}

/// Of a test that fails, the end of what each node said, and whether it runs: the home is gone afterwards.
impl Drop for Node {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let state = self.process.0.try_wait();
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            eprintln!(
                "{} ended: {state:?}; it said:\n{}",
                self.name,
                lines[lines.len().saturating_sub(30)..].join("\n")
            );
        }
    }
}

/// A local cluster in the background of a home.
pub struct Local<'a> {
    pub home: &'a Home,
    pub name: String,
    pub nodes: Vec<LocalNode>,
}

#[derive(Clone, Debug)]
pub struct LocalNode {
    pub name: String,
    pub pid: u32,
    pub gateway: u16,
    pub control: u16,
}

impl<'a> Local<'a> {
    pub fn start(home: &'a Home, name: &str, count: usize) -> Local<'a> {
        Local::start_with(home, name, count, &[])
    }

    pub fn start_with(home: &'a Home, name: &str, count: usize, args: &[&str]) -> Local<'a> {
        let count = count.to_string();
        let given =
            ["cluster", "init", "--local", &count, "--detach", "--name", name, "--memory", "64MiB", "-o", "json"];
        let outcome = home.ok(&[&given, args].concat());
        let mut local = Local { home, name: name.into(), nodes: Vec::new() };
        local.nodes = nodes_of(&outcome);
        local
    }

    /// Starts again what does not run.
    pub fn init_again(&mut self) -> Outcome {
        let count = self.nodes.len().to_string();
        let outcome = self.home.ok(&["cluster", "init", "--local", &count, "--name", &self.name, "-o", "json"]);
        self.nodes = nodes_of(&outcome);
        outcome
    }
}

pub fn nodes_of(outcome: &Outcome) -> Vec<LocalNode> {
    let answer = outcome.json();
    let node = |node: &serde_json::Value| LocalNode {
        name: node["name"].as_str().unwrap().into(),
        pid: node["pid"].as_u64().unwrap() as u32,
        gateway: node["ports"]["gateway"].as_u64().unwrap() as u16,
        control: node["ports"]["control"].as_u64().unwrap() as u16,
    };
    answer["nodes"].as_array().unwrap().iter().map(node).collect()
}

impl Drop for Local<'_> {
    fn drop(&mut self) {
        // A test that destroyed it itself leaves nothing to do.
        let _ = self.home.run(&["cluster", "destroy", &self.name, "--yes", "-q"]);
    }
}

/// Whether a process exists and has not ended.
pub fn is_alive(pid: u32) -> bool {
    std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|words| !words.is_empty())
}

/// Numbers that look random and are the same at every run (xorshift64*, Vigna 2016).
pub struct Dice(pub u64);

impl Dice {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> = (0..length.div_ceil(8)).flat_map(|_| self.next().to_le_bytes()).collect();
        bytes.truncate(length);
        bytes
    }

    /// From 0 to 1.
    pub fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Everything a stream holds, as text.
pub fn read_all(mut stream: impl Read) -> String {
    let mut text = Vec::new();
    stream.read_to_end(&mut text).unwrap();
    String::from_utf8_lossy(&text).into_owned()
}

/// What `cluster status` says.
pub fn status(home: &Home, node: &Node) -> serde_json::Value {
    node.ok(home, &["cluster", "status", "-o", "json"]).json()
}

/// A key with a prefix that the node serves.
pub fn key_of(status: &serde_json::Value, name: &str, prefix: &str) -> String {
    let node = status["nodes"].as_array().unwrap().iter().find(|node| node["name"] == name).unwrap();
    let owns = |slot: u16| {
        node["slotRanges"].as_array().unwrap().iter().any(|range| {
            (range["first"].as_u64().unwrap()..=range["last"].as_u64().unwrap()).contains(&u64::from(slot))
        })
    };
    let is_its = |key: &String| owns(slot_of(key.as_bytes()).number());
    (0..100_000).map(|n| format!("{prefix}{n}")).find(is_its).unwrap_or_else(|| panic!("{name} serves nothing"))
}

/// The place of the node that serves most, of those that may be chosen.
pub fn busiest(status: &serde_json::Value, nodes: &[Node], may_be: impl Fn(&serde_json::Value) -> bool) -> usize {
    let listed = status["nodes"].as_array().unwrap().iter().filter(|node| may_be(node));
    let name = &listed.max_by_key(|node| node["partitions"].as_u64()).unwrap()["name"];
    nodes.iter().position(|node| *name == node.name.as_str()).unwrap()
}
