//! The foreground of a local cluster: relays the nodes' logs, sees when one ends, and stops all of them at a signal.

use super::record::{LocalCluster, LocalNode, lock};
use crate::command::signals::Signals;
use crate::command::{App, process};
use crate::error::{CliError, Result};
use crate::exit::Exit;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

/// How long nodes may take to stop before they are killed.
const STOP_DEADLINE: Duration = Duration::from_secs(10);

const POLL_EVERY: Duration = Duration::from_millis(20);

/// How often logs and processes are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The last lines of a file, for an error.
pub(super) fn last_lines(path: &Path, count: usize) -> String {
    const TAIL_BYTES: u64 = 8 << 10;
    let read = || -> std::io::Result<String> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
        let mut bytes = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let text = read().unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// Stops nodes in order; what is left after the deadline, or at another signal, is killed.
pub(super) async fn stop(nodes: &[LocalNode], signals: &mut Signals) {
    let running = |node: &&LocalNode| LocalCluster::is_running(node);
    let each = |end: fn(u32)| nodes.iter().filter(running).filter_map(|node| node.pid).for_each(end);
    each(process::terminate);
    let until = Instant::now() + STOP_DEADLINE;
    while nodes.iter().any(LocalCluster::is_running) {
        if Instant::now() >= until {
            each(process::kill);
        }
        tokio::select! {
            _ = signals.next() => each(process::kill),
            () = tokio::time::sleep(POLL_EVERY) => {}
        }
    }
}

/// The foreground: relays the nodes' logs until a signal, then stops them.
pub(super) async fn stay(
    app: &App,
    cluster: LocalCluster,
    mut children: BTreeMap<usize, Child>,
    mut signals: Signals,
) -> Result<Exit> {
    let how = if cluster.nodes.len() == 1 { "it".into() } else { format!("all {}", cluster.nodes.len()) };
    let fate = match cluster.keeps_data {
        true => format!("data stays in {}", cluster.data_dir.display()),
        false => "data is dropped; keep it with --data-dir".into(),
    };
    app.out.say(&format!("Running in this terminal; Ctrl-C stops {how} ({fate})."));
    app.out.next("dcache set hello world        dcache top");
    let mut tails: Vec<Tail> = cluster.nodes.iter().map(Tail::at_end).collect();
    let relay = |tails: &mut Vec<Tail>| {
        tails.iter_mut().for_each(|tail| tail.lines(&mut |node, line| app.out.say(&format!("{node} {line}"))));
    };
    loop {
        relay(&mut tails);
        for index in children.keys().copied().collect::<Vec<_>>() {
            let ended = children.get_mut(&index).and_then(|child| child.try_wait().ok().flatten());
            if let Some(status) = ended {
                children.remove(&index);
                let (node, count) = (&cluster.nodes[index], cluster.nodes.len());
                app.out.say(&format!("{} has ended ({status}); its log: {}", node.name, node.log.display()));
                if !children.is_empty() {
                    let again = format!("dcache cluster init --local {count} --name {}", cluster.name);
                    app.out.say(&format!("  start it again from another terminal: {again}"));
                }
            }
        }
        let written = LocalCluster::load(&cluster.name)?;
        let Some(current) = written else {
            app.out.say("the cluster was destroyed from elsewhere");
            return Ok(Exit::Ok);
        };
        if children.is_empty() && !current.nodes.iter().any(LocalCluster::is_running) {
            return Err(CliError::failed("all nodes have ended")
                .hint(format!("start them again: dcache cluster init --local {}", cluster.nodes.len()))
                .hint(format!("or remove what is left: dcache cluster destroy {}", cluster.name)));
        }
        tokio::select! {
            _ = signals.next() => break,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
    app.out.say("stopping (Ctrl-C again to force)");
    let _guard = lock(&cluster.name)?;
    // As written down: a node may have been started again from elsewhere.
    let current = LocalCluster::load(&cluster.name)?.unwrap_or(cluster);
    stop(&current.nodes, &mut signals).await;
    for child in children.values_mut() {
        // It has ended; this collects it.
        let _ = child.wait();
    }
    relay(&mut tails);
    if current.keeps_data {
        app.out.say(&format!("stopped; data stays in {}", current.data_dir.display()));
    } else {
        current.remove()?;
        app.out.say("stopped, data dropped");
    }
    Ok(Exit::Ok)
}

/// New lines of a node's log.
pub(super) struct Tail {
    node: String,
    path: PathBuf,
    position: u64,
    rest: Vec<u8>,
}

impl Tail {
    pub(super) fn at_end(node: &LocalNode) -> Tail {
        let position = fs::metadata(&node.log).map_or(0, |metadata| metadata.len());
        Tail { node: node.name.clone(), path: node.log.clone(), position, rest: Vec::new() }
    }

    /// At most 64 KiB a call, so that one node's flood does not hide the others.
    pub(super) fn lines(&mut self, each: &mut dyn FnMut(&str, &str)) {
        const READ_BYTES: u64 = 64 << 10;
        let Ok(mut file) = File::open(&self.path) else { return };
        if file.seek(SeekFrom::Start(self.position)).is_err() {
            return;
        }
        let Ok(read) = file.take(READ_BYTES).read_to_end(&mut self.rest) else { return };
        self.position += read as u64;
        let whole = match self.rest.iter().rposition(|&byte| byte == b'\n') {
            Some(last) => last + 1,
            // A line longer than a read is passed on in pieces.
            None if self.rest.len() as u64 >= READ_BYTES => self.rest.len(),
            None => return,
        };
        let lines: Vec<u8> = self.rest.drain(..whole).collect();
        for line in String::from_utf8_lossy(&lines).lines() {
            each(&self.node, &crate::output::clean(line));
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::record::Ports;
    use super::*;
    use std::io::Write;

    #[test]
    fn a_log_is_followed_line_by_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("n1.log");
        fs::write(&path, "old\n").unwrap();
        let ports = Ports { gateway: 1, cluster: 2, control: 3, peers: 4 };
        let node = LocalNode { name: "n1".into(), pid: None, ports, data_dir: dir.path().into(), log: path.clone() };
        let mut tail = Tail::at_end(&node);
        let mut seen = Vec::new();
        let mut file = File::options().append(true).open(&path).unwrap();
        file.write_all(b"one\ntw").unwrap();
        tail.lines(&mut |node, line| seen.push(format!("{node} {line}")));
        file.write_all(b"o\x1b[31m\n").unwrap();
        tail.lines(&mut |node, line| seen.push(format!("{node} {line}")));
        assert_eq!(seen, ["n1 one", "n1 two\\u{1b}[31m"]);
        assert_eq!(last_lines(&path, 2), "one\ntwo\x1b[31m");
    }
}
