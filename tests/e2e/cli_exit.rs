//! Every exit code of `dcache help exit-codes`, each produced by the real binary.
//!
//! AUTH needs a door of our own making: nodes of this release have no logins.

use crate::harness::{Home, Local, Node, Process, fake, is_alive, run, run_with_input, send, wait_until};
use std::process::Stdio;

#[test]
fn ok_not_found_and_conflict() {
    let home = Home::new();
    let node = Node::start(&home, "n1", &[]);
    let set = node.ok(&home, &["set", "greeting", "hello"]);
    assert!(set.stdout.is_empty() && set.stderr.is_empty(), "silent on success: {set:?}");
    assert_eq!(node.ok(&home, &["get", "greeting"]).stdout, b"hello");

    let missing = node.run(&home, &["get", "nosuch"]);
    assert_eq!((missing.code, missing.stderr.as_str()), (3, "dcache: no such key: nosuch\n"));
    assert!(missing.stdout.is_empty());
    let quiet = node.run(&home, &["get", "nosuch", "-q"]);
    assert_eq!((quiet.code, quiet.stderr.as_str()), (3, ""));
    assert_eq!(node.run(&home, &["ttl", "nosuch"]).code, 3);
    assert_eq!(node.run(&home, &["node", "show", "nosuch"]).code, 3);
    let near = node.run(&home, &["node", "show", "n2"]);
    assert!(near.code == 3 && near.stderr.contains("did you mean n1?"), "{near:?}");

    let taken = node.run(&home, &["set", "greeting", "2", "--if-absent"]);
    assert_eq!((taken.code, taken.stderr.as_str()), (7, "dcache: greeting exists; not set\n"));
    assert_eq!(node.run(&home, &["set", "nosuch", "2", "--if-present"]).code, 7);
    assert_eq!(node.ok(&home, &["get", "greeting"]).stdout, b"hello");
}

#[test]
fn failed() {
    let home = Home::new();
    let node = Node::start(&home, "n1", &[]);
    node.ok(&home, &["set", "word", "hello"]);
    let failed = node.run(&home, &["incr", "word"]);
    assert_eq!(failed.code, 1, "{failed:?}");
    assert!(failed.stderr.contains("value is not an integer or out of range"), "{failed:?}");

    // A door that is taken names its holder and the way out.
    let busy = home.run(&["node", "start", "--name", "n2", "--gateway", &node.gateway]);
    assert_eq!(busy.code, 1, "{busy:?}");
    assert!(busy.stderr.contains("cannot listen on") && busy.stderr.contains("hint"), "{busy:?}");
}

#[test]
fn usage() {
    let home = Home::new();
    for wrong in [
        &["--nosuch"][..],
        &["gte", "k"],
        &["get"],
        &["set", "k"],
        &["mget", "a", "b"],
        &["cluster", "init"],
        &["get", "k", "--timeout", "soon"],
        &["scan", "--cursor", "x"],
        &["get", "zz", "--key-encoding", "hex"],
        &["version", "--endpoint", "nowhere"],
        &["node", "start", "--memory", "lots"],
        &["help", "nosuch"],
    ] {
        let outcome = home.run(wrong);
        assert_eq!(outcome.code, 2, "{wrong:?}: {outcome:?}");
        assert!(outcome.stdout.is_empty() && outcome.stderr.contains("USAGE (exit 2)"), "{wrong:?}: {outcome:?}");
    }
}

#[test]
fn a_question_nobody_can_answer_names_the_flag() {
    let home = Home::new();
    let node = Node::start(&home, "n1", &[]);
    node.ok(&home, &["namespace", "set", "s", "--prefix", "s:"]);
    let asked = node.run(&home, &["namespace", "delete", "s"]);
    assert_eq!(asked.code, 2, "{asked:?}");
    assert!(asked.stderr.contains("--yes"), "{asked:?}");
    node.ok(&home, &["namespace", "delete", "s", "--yes"]);
}

#[test]
fn unreachable() {
    let home = Home::new();
    let closed = fake::closed();
    let outcome = home.run(&["get", "k", "--endpoint", &closed]);
    assert_eq!(outcome.code, 4, "{outcome:?}");
    assert!(outcome.stderr.contains(&closed) && outcome.stderr.contains("connection refused"), "{outcome:?}");
}

#[test]
fn timeout_says_whether_the_outcome_is_known() {
    let home = Home::new();
    let read = home.run(&["node", "list", "--timeout", "200ms", "--endpoint", &fake::silent()]);
    assert_eq!(read.code, 5, "{read:?}");
    assert!(read.stderr.contains("nothing was changed"), "{read:?}");

    let door = fake::control_of(&fake::silent(), "0.1.0");
    let write = home.run(&["set", "k", "v", "--timeout", "200ms", "--endpoint", &door]);
    assert_eq!(write.code, 5, "{write:?}");
    assert!(write.stderr.contains("the outcome is unknown"), "{write:?}");
}

#[test]
fn auth() {
    let home = Home::new();
    let door = fake::control_of(&fake::gateway(b"-NOAUTH Authentication required.\r\n"), "0.1.0");
    let outcome = home.run(&["get", "k", "--endpoint", &door]);
    assert_eq!(outcome.code, 6, "{outcome:?}");
}

#[test]
fn unhealthy_names_the_node_and_its_slots_and_mends() {
    let home = Home::new();
    let mut local = Local::start_with(&home, "exit-unhealthy", 3, &["--copies", "0"]);
    let well = home.ok(&["cluster", "status", "--check", "-q"]);
    assert!(well.stdout.is_empty() && well.stderr.is_empty(), "{well:?}");
    send("KILL", local.nodes[1].pid);
    let sick = wait_until("the loss is seen", || {
        let outcome = home.run(&["cluster", "status", "--check"]);
        (outcome.code == 8 && outcome.text().contains("down")).then_some(outcome)
    });
    assert!(sick.text().contains("n2") && sick.text().contains("slots"), "{sick:?}");
    let quiet = home.run(&["cluster", "status", "--check", "-q"]);
    assert!(quiet.code == 8 && quiet.stdout.is_empty() && quiet.stderr.is_empty(), "{quiet:?}");

    let again = local.init_again();
    assert_eq!(again.json()["outcome"], "restarted");
    wait_until("the cluster is well again", || {
        (home.run(&["cluster", "status", "--check", "--strict", "-q"]).code == 0).then_some(())
    });
}

#[test]
fn partial() {
    let home = Home::new();
    let node = Node::start(&home, "n1", &[]);
    node.ok(&home, &["set", "a", "1"]);
    let some = node.run(&home, &["mget", "a", "nosuch", "-o", "json"]);
    assert_eq!(some.code, 9, "{some:?}");
    assert_eq!(some.json()["items"][0]["value"], "1");
    assert_eq!(some.json()["items"][1]["value"], serde_json::Value::Null);
    assert_eq!(node.run(&home, &["exists", "a", "nosuch"]).code, 9);
    assert_eq!(node.run(&home, &["exists", "nosuch"]).code, 3);
    assert_eq!(node.run(&home, &["mget", "nosuch", "--null"]).code, 3);
}

#[test]
fn changes() {
    let home = Home::new();
    let node = Node::start(&home, "n1", &[]);
    let set = ["namespace", "set", "s", "--prefix", "s:", "--eviction", "lfu"];
    let dry = [&set[..], &["--dry-run", "--exit-code"]].concat();
    assert_eq!(node.run(&home, &dry).code, 10);
    assert_eq!(node.run(&home, &["namespace", "show", "s"]).code, 3, "a dry run changes nothing");
    node.ok(&home, &set);
    node.ok(&home, &dry);
    let planned = home.run(&["cluster", "init", "--local", "2", "--name", "planned", "--dry-run", "--exit-code"]);
    assert_eq!(planned.code, 10, "{planned:?}");
    assert_eq!(planned.stderr.matches("would start").count(), 2, "{planned:?}");
}

/// `script` gives the command a terminal; its answer comes from our stdin.
#[test]
fn declined_at_a_terminal() {
    let home = Home::new();
    let node = Node::start(&home, "n1", &[]);
    node.ok(&home, &["namespace", "set", "s", "--prefix", "s:"]);
    let delete = format!("{} namespace delete s", env!("CARGO_BIN_EXE_dcache"));
    let answer = |text: &[u8]| {
        let mut command = home.program("script");
        command.args(["-qec", &delete, "/dev/null"]).env("DCACHE_ENDPOINTS", &node.control);
        run_with_input(&mut command, text)
    };
    let declined = answer(b"n\n");
    assert_eq!(declined.code, 11, "{declined:?}");
    assert!(declined.text().contains("[y/N]") && declined.text().contains("nothing was changed"), "{declined:?}");
    node.ok(&home, &["namespace", "show", "s"]);
    let agreed = answer(b"y\n");
    assert_eq!(agreed.code, 0, "{agreed:?}");
    assert_eq!(node.run(&home, &["namespace", "show", "s"]).code, 3);
}

#[test]
fn limit() {
    let home = Home::new();
    let node = Node::start(&home, "n1", &[]);
    let full = ["namespace", "set", "full", "--prefix", "full:", "--eviction", "none", "--memory-max", "1MiB"];
    node.ok(&home, &full);
    let path = home.file("value", vec![b'x'; 700 << 10]);
    let set = |key: &str| node.run(&home, &["set", key, "--file", path.to_str().unwrap()]);
    assert_eq!(set("full:1").code, 0);
    let refused = set("full:2");
    assert_eq!(refused.code, 12, "{refused:?}");
    assert!(refused.stderr.contains("out of memory"), "{refused:?}");

    let huge = home.path().join("huge");
    std::fs::File::create(&huge).unwrap().set_len((512 << 20) + 1).unwrap();
    let outcome = node.run(&home, &["set", "k", "--file", huge.to_str().unwrap()]);
    assert_eq!(outcome.code, 12, "{outcome:?}");
    assert!(outcome.stderr.contains("512 MiB"), "{outcome:?}");
}

#[test]
fn version() {
    let home = Home::new();
    let other_api = fake::control(200, r#"{"apiVersion":"dcache/v2","kind":"Node"}"#.into());
    let outcome = home.run(&["get", "k", "--endpoint", &other_api]);
    assert_eq!(outcome.code, 13, "{outcome:?}");
    assert!(outcome.stderr.contains("dcache/v2"), "{outcome:?}");
    let future = fake::control_of("127.0.0.1:1", "9.0.0");
    let outcome = home.run(&["version", "--endpoint", &future]);
    assert!(outcome.code == 13 && outcome.text().contains("9.0.0"), "{outcome:?}");
}

#[test]
fn a_bug_writes_a_report() {
    let home = Home::new();
    let outcome = run(home.dcache().env("DCACHE_TEST_PANIC", "1").args(["get", "secret"]));
    assert_eq!(outcome.code, 70, "{outcome:?}");
    assert!(outcome.stderr.contains("BUG (exit 70)") && !outcome.stderr.contains("RUST_BACKTRACE"), "{outcome:?}");
    let path = outcome.stderr.split("with the file ").nth(1).unwrap().lines().next().unwrap();
    let report = std::fs::read_to_string(path).unwrap();
    assert!(report.contains("verb: get") && report.contains("bug.rs"), "{report}");
    assert!(!report.contains("secret"), "arguments may be data");
}

#[test]
fn signals_end_a_command_as_a_shell_counts_them() {
    let home = Home::new();
    let node = Node::start(&home, "n1", &[]);
    for (signal, expected) in [("INT", 130), ("TERM", 143)] {
        let mut command = node.dcache(&home);
        command.args(["cluster", "status", "--watch", "1h"]).stdout(Stdio::piped());
        let mut process = Process(command.spawn().unwrap());
        let stdout = process.0.stdout.take().unwrap();
        let mut lines = std::io::BufRead::lines(std::io::BufReader::new(stdout));
        assert!(lines.next().unwrap().unwrap().contains("nodes"), "it watches");
        send(signal, process.id());
        assert_eq!(process.wait(), expected);
    }
}

#[test]
fn a_closed_pipe_is_quiet() {
    let home = Home::new();
    let node = Node::start(&home, "n1", &[]);
    node.ok(&home, &["set", "k", "v"]);
    for args in
        [&["scan"][..], &["get", "k"], &["cluster", "status"], &["help"], &["--help"], &["node", "list", "-o", "json"]]
    {
        let mut child = node.dcache(&home).args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(141), "{args:?}");
        assert!(output.stderr.is_empty(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    // As people write it: head leaves after one line, and nobody complains.
    let line = format!("{} scan | head -1", env!("CARGO_BIN_EXE_dcache"));
    let mut command = home.program("sh");
    let outcome = run(command.args(["-c", &line]).env("DCACHE_ENDPOINTS", &node.control));
    assert!(outcome.code == 0 && outcome.stderr.is_empty() && outcome.text().lines().count() == 1, "{outcome:?}");
}

#[test]
fn a_full_disk_is_an_error_and_no_panic() {
    let home = Home::new();
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let outcome = run_to(home.dcache().arg("help"), full);
    assert_eq!(outcome.0, 1, "{outcome:?}");
    assert!(outcome.1.contains("no space left"), "{outcome:?}");
}

fn run_to(command: &mut std::process::Command, stdout: std::fs::File) -> (i32, String) {
    let output = command.stdout(stdout).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_node_that_is_asked_to_stop_ends_well() {
    let home = Home::new();
    for signal in ["TERM", "INT"] {
        let mut node = Node::start(&home, "n1", &[]);
        send(signal, node.process.id());
        assert_eq!(node.process.wait(), 0, "{}", node.log());
        assert!(!is_alive(node.process.id()));
    }
}
