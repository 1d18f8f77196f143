//! Other processes of this machine: is that id still the node we started, and how to end it.

use rustix::process::{Pid, Signal, kill_process};
use std::path::Path;

/// Whether process `pid` is a node that was started with this data directory. An id may since belong to somebody else, so the
/// command line is looked at; a process that ended and was not yet collected has none.
pub fn is_node(pid: u32, data_dir: &Path) -> bool {
    let Some(words) = command_line(pid) else { return false };
    let dir = data_dir.to_string_lossy();
    words.iter().any(|word| word == "start") && words.iter().any(|word| *word == dir)
}

/// Words of a process's command line; `None` when there is no such process.
fn command_line(pid: u32) -> Option<Vec<String>> {
    if Path::new("/proc/self").exists() {
        let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let words = bytes.split(|&byte| byte == 0).map(|word| String::from_utf8_lossy(word).into_owned());
        return Some(words.collect());
    }
    // Elsewhere `ps` tells; folders with spaces in their names are not recognised then, and their nodes count as gone.
    let output = std::process::Command::new("ps").args(["-o", "command=", "-p", &pid.to_string()]).output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).split_whitespace().map(ToString::to_string).collect())
}

/// Asks a process to end in order.
pub fn terminate(pid: u32) {
    send(pid, Signal::TERM);
}

/// Ends a process at once.
pub fn kill(pid: u32) {
    send(pid, Signal::KILL);
}

fn send(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // A process that is gone meanwhile is what was wanted.
        let _ = kill_process(pid, signal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_told_by_its_command_line() {
        let me = std::process::id();
        assert!(command_line(me).is_some_and(|words| !words.is_empty()));
        assert!(!is_node(me, Path::new("/nowhere")), "this is a test, not a node");
        assert!(!is_node(u32::MAX, Path::new("/nowhere")));
    }
}
