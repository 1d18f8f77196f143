//! The operator's verbs with real nodes: a cluster grows, shrinks and evens out, and every way to look, to decline, to leave, to
//! stop and to come too late ends as it says.
//!
//! That no write is lost while partitions move is tried elsewhere; here it is what an operator sees.

use crate::cli_completion::offers;
use crate::harness::resp::Wire;
use crate::harness::{Home, Node, Outcome, Process, read_all, run_with_input, send, status, wait_until};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

/// Three nodes formed into a cluster of few partitions; `spec` are further lines of cluster.yaml.
fn three(home: &Home, spec: &str) -> Vec<Node> {
    let nodes: Vec<Node> = (1..=3).map(|n| Node::start(home, &format!("n{n}"), &[])).collect();
    let list: String = nodes.iter().map(|node| format!("  - peers: {}\n", node.peers)).collect();
    let file = home.file("cluster.yaml", format!("name: trio\npartitions: 32\n{spec}nodes:\n{list}"));
    nodes[0].ok(home, &["cluster", "init", "-f", &file.to_string_lossy(), "--yes"]);
    wait_until("every copy is in sync", || is_green(home, &nodes[0]));
    nodes
}

fn is_green(home: &Home, node: &Node) -> Option<()> {
    (node.run(home, &["cluster", "status", "--check", "-q"]).code == 0).then_some(())
}

/// A further node, once the cluster knows it and hears it.
fn join(home: &Home, nodes: &[Node], name: &str) -> Node {
    let node = Node::start(home, name, &["--join", &nodes[0].peers]);
    wait_until("it has joined", || {
        let listed = of(&status(home, &nodes[0]), name)?;
        (listed["share"] == "joined" && listed["reachable"] == true && listed["state"] == "up").then_some(())
    });
    node
}

fn of(status: &Value, name: &str) -> Option<Value> {
    status["nodes"].as_array().unwrap().iter().find(|node| node["name"] == name).cloned()
}

/// What stands in a column of `cluster status`.
fn state_of(home: &Home, node: &Node, name: &str) -> String {
    let listed = node.ok(home, &["node", "list", "--columns", "NODE,STATE", "--no-headers"]);
    let row = listed.text().lines().find(|row| row.starts_with(name)).unwrap().to_string();
    row.split_whitespace().nth(1).unwrap().trim_end_matches('*').to_string()
}

fn checks(status: &Value) -> Vec<&str> {
    status["findings"].as_array().unwrap().iter().map(|finding| finding["check"].as_str().unwrap()).collect()
}

fn fill(node: &Node, keys: usize, bytes: usize) {
    let (mut wire, value) = (Wire::connect(&node.gateway), "x".repeat(bytes));
    for n in 0..keys {
        assert_eq!(wire.ask(&["SET", &format!("key:{n}"), &value]), "+OK\r\n");
    }
}

fn count(node: &Node) -> String {
    Wire::connect(&node.gateway).ask(&["DBSIZE"])
}

/// On a terminal, which `script` gives it, with these words typed.
fn at_a_terminal(home: &Home, node: &Node, args: &str, typed: &str) -> Outcome {
    let line = format!("{} {args}", env!("CARGO_BIN_EXE_dcache"));
    let mut command = home.program("script");
    command.args(["-qec", &line, "/dev/null"]).env("DCACHE_ENDPOINTS", &node.control);
    run_with_input(&mut command, typed.as_bytes())
}

#[test]
fn a_cluster_grows_and_shrinks_and_says_so_when_it_is_so_already() {
    let home = Home::new();
    let mut nodes = three(&home, "");
    fill(&nodes[0], 300, 1000);
    nodes.push(join(&home, &nodes, "n4"));
    let [first, second, _, fourth] = &nodes[..] else { panic!("four nodes") };
    assert_eq!(state_of(&home, first, "n4"), "joined");

    // Looking changes nothing, and looking twice shows the same.
    let look = || first.ok(&home, &["cluster", "add", "n4", "--dry-run", "-o", "json"]).json();
    let plan = look();
    assert_eq!((&plan["kind"], &plan["operation"]), (&"Plan".into(), &"add".into()));
    assert!(!plan["moves"].as_array().unwrap().is_empty());
    assert_eq!(look(), plan);
    let shown = first.ok(&home, &["cluster", "add", "--dry-run"]);
    assert!(shown.text().contains("would add n4") && shown.stderr.contains("no changes made"), "{shown:?}");

    // In a script an answer is needed.
    let asked = first.run(&home, &["cluster", "add", "n4"]);
    assert!(asked.code == 2 && asked.stderr.contains("--yes"), "{asked:?}");
    assert_eq!(first.ok(&home, &["op", "list", "-o", "name"]).text(), "");
    let unknown = first.run(&home, &["cluster", "add", "127.0.0.1:1", "--yes"]);
    assert!(unknown.code == 3 && unknown.stderr.contains("--join"), "{unknown:?}");

    let added = first.ok(&home, &["cluster", "add", &fourth.cluster, "--yes", "-o", "json"]);
    assert_eq!((&added.json()["state"], &added.json()["nodes"]), (&"done".into(), &serde_json::json!(["n4"])));
    let lines: Vec<&str> = added.stderr.lines().filter(|line| line.contains(" add 0001 of n4 ")).collect();
    let is_timed = |line: &&str| line.len() > 20 && line.as_bytes()[19] == b'Z' && line.as_bytes()[10] == b'T';
    assert!(lines.iter().all(is_timed), "RFC 3339: {added:?}");
    assert!(lines[0].contains("started: ") && lines[lines.len() - 1].contains("done: "), "{added:?}");
    let after = status(&home, first);
    assert!(of(&after, "n4").unwrap()["partitions"].as_u64().unwrap() >= 7, "{after}");
    assert_eq!(state_of(&home, first, "n4"), "up");
    let again = first.ok(&home, &["cluster", "add", "n4", "--yes"]);
    assert!(again.stderr.contains("n4 is added already"), "{again:?}");
    let nobody = first.ok(&home, &["cluster", "add", "--yes"]);
    assert!(nobody.stderr.contains("no node that is up has joined"), "{nobody:?}");

    assert_eq!(first.run(&home, &["cluster", "drain", "n2"]).code, 2, "it asks");
    let drained = first.ok(&home, &["cluster", "drain", "n2", "--yes", "-q"]);
    assert!(drained.stdout.is_empty() && drained.stderr.is_empty(), "quiet: {drained:?}");
    assert_eq!(state_of(&home, first, "n2"), "drained");
    let again = first.ok(&home, &["cluster", "drain", "n2"]);
    assert!(again.stderr.contains("n2 is drained already"), "{again:?}");
    assert_eq!(count(second), ":300\r\n", "it still answers");

    let removed = first.ok(&home, &["cluster", "remove", "n2"]);
    assert!(removed.stderr.contains("remove 0003 of n2 done"), "nothing to lose, so nothing is asked: {removed:?}");
    let again = first.ok(&home, &["cluster", "remove", "n2"]);
    assert!(again.stderr.contains("n2 is none of the cluster any more"), "{again:?}");
    let near = first.run(&home, &["cluster", "remove", "n33", "--drain"]);
    assert!(near.code == 3 && near.stderr.contains("did you mean"), "{near:?}");
    assert_eq!(first.ok(&home, &["cluster", "status", "-o", "name"]).text(), "n1\nn3\nn4\n");
    assert_eq!(count(first), ":300\r\n");

    assert_eq!(first.ok(&home, &["op", "ls", "-o", "name"]).text(), "0003\n0002\n0001\n");
    let shown = first.ok(&home, &["op", "show", "0002"]);
    assert!(shown.text().contains("drain 0002") && shown.text().contains("done"), "{shown:?}");
    assert_eq!(first.ok(&home, &["op", "watch", "0001"]).code, 0, "it is over, and well");
    let unknown = first.run(&home, &["op", "show", "0009"]);
    assert!(unknown.code == 3 && unknown.stderr.contains("did you mean 000"), "{unknown:?}");
    let nothing = first.run(&home, &["op", "watch"]);
    assert!(nothing.code == 3 && nothing.stderr.contains("no operation is under way"), "{nothing:?}");
    wait_until("the cluster is whole", || is_green(&home, first));
}

#[test]
fn a_plan_is_a_file_that_is_good_for_one_topology() {
    let home = Home::new();
    let nodes = three(&home, "");
    let first = &nodes[0];
    fill(first, 100, 1000);
    let even = first.ok(&home, &["rebalance", "--plan", "--exit-code"]);
    assert!(even.text().contains("nothing to move"), "{even:?}");
    let nothing = first.ok(&home, &["rebalance"]);
    assert!(nothing.stderr.contains("nothing to move"), "{nothing:?}");

    // A node that was drained and may hold its share again is what makes it uneven.
    first.ok(&home, &["cluster", "drain", "n2", "--yes", "-q"]);
    assert_eq!(first.run(&home, &["cluster", "undrain", "n9"]).code, 3);
    let undrained = first.ok(&home, &["cluster", "undrain", "n2"]);
    assert!(undrained.stderr.contains("nothing has moved yet"), "{undrained:?}");
    let again = first.ok(&home, &["cluster", "undrain", "n2"]);
    assert!(again.stderr.contains("may hold its share already"), "{again:?}");

    let quiet = first.run(&home, &["rebalance", "--plan", "--exit-code", "-q"]);
    assert!(quiet.code == 10 && quiet.stdout.is_empty() && quiet.stderr.is_empty(), "{quiet:?}");
    let path = home.path().join("plan.yaml");
    let path = path.to_str().unwrap();
    let kept = first.ok(&home, &["rebalance", "--plan", "--out", path, "-o", "json"]);
    let plan = kept.json();
    let again = first.ok(&home, &["rebalance", "--plan", "-o", "json"]).json();
    assert_eq!(again["id"], plan["id"], "twice the same");
    wait_until("what was moved away is dropped, and the figures are at rest", || {
        let [before, after] = [0, 1].map(|_| first.ok(&home, &["rebalance", "--plan", "-o", "json"]).json());
        assert_eq!([&before["id"], &after["id"]], [&plan["id"], &plan["id"]]);
        (before == after).then_some(())
    });
    let shown = first.ok(&home, &["rebalance", "--plan"]);
    assert!(shown.text().contains("MEMORY OF TARGET AFTER") && shown.text().contains("32.0 MiB/s"), "{shown:?}");
    let yaml = std::fs::read_to_string(path).unwrap();
    assert!(yaml.contains("kind: Plan") && yaml.contains(plan["id"].as_str().unwrap()), "{yaml}");

    // What is no plan, and what is one of somebody's slips.
    let slip = home.file("slip.yaml", yaml.replace("moves:", "move:"));
    let refused = first.run(&home, &["rebalance", "apply", slip.to_str().unwrap(), "--yes"]);
    assert!(refused.code == 2 && refused.stderr.contains("unknown field `move`"), "{refused:?}");
    assert_eq!(first.run(&home, &["rebalance", "apply", "/nosuch.yaml", "--yes"]).code, 2);
    let drain = first.ok(&home, &["cluster", "drain", "n1", "--dry-run", "-o", "yaml"]);
    let other = home.file("drain.yaml", &drain.stdout);
    let refused = first.run(&home, &["rebalance", "apply", other.to_str().unwrap(), "--yes"]);
    assert!(refused.code == 2 && refused.stderr.contains("plan of a drain"), "{refused:?}");
    assert_eq!(first.run(&home, &["rebalance", "--rate", "1MiB", "apply", path]).code, 2, "flags go after the verb");
    assert_eq!(first.run(&home, &["rebalance", "apply", path, "--by", "memory"]).code, 2);
    assert_eq!(first.run(&home, &["rebalance", "apply", "--moves-at-once", "65"]).code, 2);

    let dry = first.ok(&home, &["rebalance", "apply", path, "--dry-run"]);
    assert!(dry.stderr.contains("no changes made"), "{dry:?}");
    assert_eq!(first.run(&home, &["rebalance", "apply", path]).code, 2, "it asks");
    let done = first.ok(&home, &["rebalance", "apply", path, "--rate", "unlimited", "--guard-p99", "off", "--yes"]);
    assert!(done.stderr.contains("rebalance 0002 done"), "{done:?}");
    assert_eq!(of(&status(&home, first), "n2").unwrap()["partitions"], 10, "its share of 32");
    let stale = first.run(&home, &["rebalance", "apply", path, "--yes"]);
    assert_eq!(stale.code, 7, "{stale:?}");
    assert!(stale.stderr.contains("was made for epoch") && stale.stderr.contains("make a new plan"), "{stale:?}");
    assert_eq!(first.ok(&home, &["rebalance", "list", "-o", "name"]).text(), "0002\n", "and no drain");
    assert_eq!(count(first), ":100\r\n");
}

#[test]
fn what_cannot_be_undone_asks_for_a_name() {
    let home = Home::new();
    let nodes = three(&home, "");
    let first = &nodes[0];
    fill(first, 50, 100);
    let full = first.run(&home, &["cluster", "remove", "n3"]);
    assert_eq!(full.code, 7, "{full:?}");
    assert!(full.stderr.contains("primaries and") && full.stderr.contains("further copies"), "{full:?}");
    assert!(full.stderr.contains("dcache cluster drain n3") && full.stderr.contains("remove n3 --drain"), "{full:?}");
    for flags in [&[][..], &["--yes"], &["--yes", "--confirm", "n1"], &["--confirm", "n3"]] {
        let refused = first.run(&home, &[&["cluster", "remove", "n3", "--drain"], flags].concat());
        assert!(refused.code == 2 && refused.stderr.contains("n3"), "{flags:?}: {refused:?}");
    }
    let declined = at_a_terminal(&home, first, "cluster drain n3", "n\n");
    assert_eq!(declined.code, 11, "{declined:?}");
    assert!(declined.text().contains("[y/N]") && declined.text().contains("nothing was changed"), "{declined:?}");
    let mistyped = at_a_terminal(&home, first, "cluster remove n3 --drain", "y\n");
    assert_eq!(mistyped.code, 11, "{mistyped:?}");
    assert_eq!(first.ok(&home, &["op", "list", "-o", "name"]).text(), "", "nothing of all that began");

    let typed = at_a_terminal(&home, first, "cluster remove n3 --drain", "n3\n");
    assert_eq!(typed.code, 0, "{typed:?}");
    assert!(typed.text().contains("n3 is removed"), "{typed:?}");
    assert_eq!(first.ok(&home, &["cluster", "status", "-o", "name"]).text(), "n1\nn2\n");
    assert_eq!(count(first), ":50\r\n");
}

#[test]
fn who_watches_may_leave_and_the_work_goes_on_until_it_is_stopped() {
    let home = Home::new();
    let nodes = three(&home, "");
    let first = &nodes[0];
    fill(first, 400, 20_000);
    // Slow enough that everything below happens while it is under way.
    let slow = ["--rate", "16KiB/s", "--moves-at-once", "1", "--guard-p99", "off"];
    let drain = [&["cluster", "drain", "n2", "--yes"], &slow[..]].concat();
    let begun = first.ok(&home, &[&drain[..], &["--no-wait"]].concat());
    assert_eq!(begun.text(), "0001\n");

    // Never green before it is over.
    let unfinished = status(&home, first);
    assert_ne!(unfinished["health"], "healthy");
    assert!(checks(&unfinished).contains(&"OPER-01"), "{unfinished}");
    let check = first.run(&home, &["cluster", "status", "--check"]);
    assert!(check.code == 8 && check.text().contains("operation 0001   drain of n2   running"), "{check:?}");
    assert_eq!(state_of(&home, first, "n2"), "draining");
    let shown = first.ok(&home, &["node", "show", "n2"]);
    assert!(shown.text().contains("it is to hold nothing") && shown.text().contains("operation 0001"), "{shown:?}");

    // One at a time; the same words again only watch.
    for other in [&["cluster", "drain", "n3", "--yes"][..], &["cluster", "remove", "n3", "--drain", "--yes"]] {
        let refused = first.run(&home, other);
        assert!(refused.code == 7 && refused.stderr.contains("drain 0001 of n2 is under way"), "{refused:?}");
    }
    let late = first.run(&home, &[&drain[..], &["--wait-timeout", "300ms"]].concat());
    assert!(late.code == 5 && late.stderr.contains("is under way already"), "{late:?}");
    assert!(late.stderr.contains("dcache op watch 0001"), "{late:?}");

    let mut command = first.dcache(&home);
    command.args(["op", "watch", "0001"]).stderr(Stdio::piped());
    let mut watcher = Process(command.spawn().unwrap());
    let mut said = BufReader::new(watcher.0.stderr.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    assert!(line.contains("drain 0001 of n2"), "it watches: {line}");
    send("INT", watcher.id());
    assert_eq!(watcher.wait(), 130);
    let farewell = read_all(said);
    let hint = "still running as 0001; watch again with: dcache op watch 0001   stop it: dcache op cancel 0001";
    assert!(farewell.contains(hint), "{farewell}");

    // Others steer it meanwhile.
    let paused = first.ok(&home, &["op", "pause"]);
    assert!(paused.stderr.contains("drain 0001 of n2 paused"), "{paused:?}");
    assert!(first.ok(&home, &["op", "pause", "0001"]).stderr.contains("is paused already"));
    let waiting = status(&home, first);
    assert!(checks(&waiting).contains(&"OPER-02"), "{waiting}");
    assert_eq!(first.run(&home, &["cluster", "status", "--check", "-q"]).code, 8);
    let not_its = first.run(&home, &["rebalance", "resume"]);
    assert!(not_its.code == 7 && not_its.stderr.contains("is no rebalance"), "{not_its:?}");
    let paced = first.ok(&home, &["op", "throttle", "--rate", "32KiB/s", "-o", "json"]).json();
    assert_eq!((&paced["pace"]["rateBytes"], &paced["pace"]["movesAtOnce"]), (&32768.into(), &1.into()));
    assert_eq!(first.run(&home, &["op", "throttle", "0001"]).code, 2, "what is to change?");
    first.ok(&home, &["op", "resume", "0001"]);
    let moves = first.ok(&home, &["op", "show", "--moves", "-o", "json"]).json();
    assert_eq!(moves["moves"].as_array().unwrap().len() as u64, moves["movesTotal"].as_u64().unwrap());
    home.ok(&["context", "use", "trio"]);
    // A machine that is busy may take longer than completion waits.
    wait_until("its id is offered", || (offers(&home, "dcache op cancel 00") == ["0001"]).then_some(()));
    assert_eq!(offers(&home, "dcache rebalance thr"), ["throttle"]);

    // Whoever watches hears of it when another one stops it.
    let mut command = first.dcache(&home);
    command.args(["op", "watch", "--progress", "json"]).stderr(Stdio::piped());
    let mut watcher = Process(command.spawn().unwrap());
    let mut said = BufReader::new(watcher.0.stderr.take().unwrap());
    line.clear();
    said.read_line(&mut line).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["id"], "0001");
    let cancelled = first.ok(&home, &["op", "cancel"]);
    assert!(cancelled.stderr.contains("drain 0001 of n2 cancelled"), "{cancelled:?}");
    let rest = read_all(said);
    assert_eq!(watcher.wait(), 1, "{rest}");
    assert!(rest.contains("drain 0001 of n2 was cancelled"), "{rest}");
    assert!(first.ok(&home, &["op", "cancel", "0001"]).stderr.contains("is cancelled already"));
    assert_eq!(first.run(&home, &["op", "pause", "0001"]).code, 7, "it is over");

    // The node has what it had, and may have its share.
    assert_eq!(of(&status(&home, first), "n2").unwrap()["share"], "full");
    wait_until("the cluster is whole", || is_green(&home, first));
    assert_eq!(count(first), ":400\r\n");
}

/// The one that was asked dies, and it led: another one leads, and another one answers.
#[test]
fn a_watcher_outlives_the_node_it_asks() {
    let home = Home::new();
    let mut nodes = three(&home, "");
    fill(&nodes[0], 400, 20_000);
    let slow = ["--rate", "16KiB/s", "--moves-at-once", "1", "--guard-p99", "off", "--no-wait"];
    nodes[1].ok(&home, &[&["cluster", "drain", "n2", "--yes"], &slow[..]].concat());
    let mut command = nodes[0].dcache(&home);
    command.args(["op", "watch", "--progress", "lines"]).stderr(Stdio::piped());
    let mut watcher = Process(command.spawn().unwrap());
    let mut said = BufReader::new(watcher.0.stderr.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    assert!(line.contains("drain 0001 of n2"), "it watches: {line}");
    nodes.remove(0);
    let cancel = wait_until("another one leads", || {
        let outcome = nodes[1].run(&home, &["op", "cancel", "0001"]);
        // Asked while nobody led, it may have been agreed without an answer.
        (outcome.code == 0).then_some(outcome)
    });
    assert!(cancel.stderr.contains("cancelled"), "{cancel:?}");
    let rest = read_all(said);
    assert_eq!(watcher.wait(), 1, "{rest}");
    assert!(rest.contains("drain 0001 of n2 was cancelled"), "{rest}");
}

#[test]
fn a_check_is_never_green_with_a_node_or_a_copy_missing_and_the_dead_are_forgotten() {
    let home = Home::new();
    let mut nodes = three(&home, "");
    fill(&nodes[0], 50, 100);
    nodes.push(join(&home, &nodes, "n4"));
    wait_until("the cluster is whole", || is_green(&home, &nodes[0]));

    // One that holds nothing.
    nodes.pop();
    let silent = wait_until("its loss is seen", || {
        let status = status(&home, &nodes[0]);
        checks(&status).contains(&"NODE-02").then_some(status)
    });
    assert_ne!(silent["health"], "healthy");
    assert_eq!(nodes[0].run(&home, &["cluster", "status", "--check", "-q"]).code, 8);
    let forget = |flags: &[&str]| nodes[0].run(&home, &[&["cluster", "forget"], flags].concat());
    wait_until("it is down", || (of(&status(&home, &nodes[0]), "n4").unwrap()["state"] == "down").then_some(()));
    let dry = forget(&["n4", "--dry-run"]);
    assert!(dry.code == 0 && dry.stderr.contains("would forget n4"), "{dry:?}");
    assert_eq!(forget(&["n4"]).code, 2, "it asks");
    assert_eq!(forget(&["n4", "--yes"]).code, 0);
    let again = forget(&["n4", "--yes"]);
    assert!(again.code == 0 && again.stderr.contains("none of the cluster any more"), "{again:?}");
    let up = forget(&["n3", "--yes"]);
    assert!(up.code == 7 && up.stderr.contains("dcache cluster remove n3"), "{up:?}");
    wait_until("the cluster is whole", || is_green(&home, &nodes[0]));

    // One whose copies are missing, though everything is served.
    nodes.pop();
    let missing = wait_until("others serve what it served", || {
        let status = status(&home, &nodes[0]);
        (checks(&status).contains(&"COPY-02") && status["health"] == "degraded").then_some(status)
    });
    assert_eq!(missing["partitionsServed"], 32);
    assert_eq!(nodes[0].run(&home, &["cluster", "status", "--check", "-q"]).code, 8);
    nodes[0].ok(&home, &["cluster", "forget", "n3", "--yes"]);
    wait_until("two nodes hold all copies", || is_green(&home, &nodes[0]));
    assert_eq!(status(&home, &nodes[0])["partitionsInSync"], 32);
    assert_eq!(count(&nodes[0]), ":50\r\n");
}

#[test]
fn last_copies_are_given_up_by_their_name_alone() {
    let home = Home::new();
    let mut nodes = three(&home, "copies: 0\n");
    fill(&nodes[0], 50, 100);
    nodes.pop();
    wait_until("it is down", || (of(&status(&home, &nodes[0]), "n3").unwrap()["state"] == "down").then_some(()));
    let forget = |flags: &[&str]| nodes[0].run(&home, &[&["cluster", "forget", "n3", "--yes"], flags].concat());
    let refused = forget(&[]);
    assert_eq!(refused.code, 7, "{refused:?}");
    assert!(refused.stderr.contains("only copy") && refused.stderr.contains("--force=last-replica"), "{refused:?}");
    let unnamed = forget(&["--force=last-replica"]);
    assert!(unnamed.code == 2 && unnamed.stderr.contains("--confirm n3"), "{unnamed:?}");
    let done = forget(&["--force=last-replica", "--confirm", "n3"]);
    assert_eq!(done.code, 0, "{done:?}");
    wait_until("every slot is served", || is_green(&home, &nodes[0]));
}

#[test]
fn a_node_in_maintenance_serves_nothing_and_takes_it_back_afterwards() {
    let home = Home::new();
    let nodes = three(&home, "");
    let first = &nodes[0];
    let dry = first.ok(&home, &["cluster", "maintenance", "on", "n2", "--dry-run"]);
    assert!(dry.stderr.contains("no changes made"), "{dry:?}");
    let on = first.ok(&home, &["cluster", "maintenance", "on", "n2", "--for", "5m"]);
    assert!(on.stderr.contains("n2 is in maintenance until"), "{on:?}");
    let node = of(&status(&home, first), "n2").unwrap();
    assert_eq!((&node["partitions"], &node["share"]), (&0.into(), &"full".into()));
    assert_eq!(state_of(&home, first, "n2"), "maint");
    assert!(first.ok(&home, &["node", "show", "n2"]).text().contains("  maint       until "));
    first.ok(&home, &["cluster", "maintenance", "off", "n2"]);
    let again = first.ok(&home, &["cluster", "maintenance", "off", "n2"]);
    assert!(again.stderr.contains("is not in maintenance"), "{again:?}");
    assert_eq!(first.run(&home, &["cluster", "maintenance", "off", "n2", "--for", "1m"]).code, 2);
    assert_eq!(first.run(&home, &["cluster", "maintenance", "on", "n9"]).code, 3);
    first.ok(&home, &["rebalance", "--yes"]);
    assert_eq!(of(&status(&home, first), "n2").unwrap()["partitions"], 10, "its share of 32");
}

/// The walk itself, with two builds, is in `tests/upgrade`; here is what an operator sees who has only this one.
#[test]
fn an_upgrade_tells_the_order_waits_and_is_left_as_it_is() {
    let home = Home::new();
    let nodes = three(&home, "");
    let first = &nodes[0];
    let upgrade = |args: &[&str]| first.run(&home, &[&["cluster", "upgrade"], args].concat());

    // What is so already is said, and nothing begins.
    let version = env!("CARGO_PKG_VERSION");
    let so = upgrade(&["plan", "--to", version, "--exit-code"]);
    assert!(so.code == 0 && so.text().contains(&format!("all 3 nodes run {version} already")), "{so:?}");
    let so = upgrade(&["start", "--to", version]);
    assert!(so.code == 0 && so.stderr.contains(&format!("all 3 nodes run {version} already")), "{so:?}");
    let slip = upgrade(&["start", "--to", "99"]);
    assert!(slip.code == 2 && slip.stderr.contains("a version is three numbers"), "{slip:?}");
    let none = upgrade(&["status"]);
    assert!(none.code == 3 && none.stderr.contains("there was no upgrade lately"), "{none:?}");
    assert_eq!(upgrade(&["watch"]).code, 3);

    // The order: who leads comes last.
    let leader = status(&home, first)["leader"].as_str().unwrap().to_string();
    let plan = upgrade(&["plan", "--to", "99.0.0", "--exit-code", "-o", "json"]);
    assert_eq!((plan.code, &plan.json()["to"]), (10, &"99.0.0".into()), "{plan:?}");
    let order: Vec<String> =
        plan.json()["nodes"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().into()).collect();
    assert_eq!((order.len(), &order[2]), (3, &leader));
    let shown = upgrade(&["plan", "--to", "99.0.0"]);
    assert!(shown.text().contains("TURN") && shown.text().contains("up, leads"), "{shown:?}");
    let quiet = upgrade(&["plan", "--to", "99.0.0", "--exit-code", "-q"]);
    assert!(quiet.code == 10 && quiet.stdout.is_empty() && quiet.stderr.is_empty(), "{quiet:?}");
    let dry = upgrade(&["start", "--to", "99.0.0", "--dry-run"]);
    assert!(dry.code == 0 && dry.stderr.contains("no changes made") && dry.text().contains("RUNS"), "{dry:?}");
    let asked = upgrade(&["start", "--to", "99.0.0"]);
    assert!(asked.code == 2 && asked.stderr.contains("--yes"), "{asked:?}");
    let declined = at_a_terminal(&home, first, "cluster upgrade start --to 99.0.0", "n\n");
    assert!(declined.code == 11 && declined.text().contains("3 nodes hand over"), "{declined:?}");
    assert_eq!(first.ok(&home, &["op", "list", "-o", "name"]).text(), "", "nothing began");

    // It waits for somebody who starts the first one again.
    let begun = upgrade(&["start", "--to", "99.0.0", "--yes", "--no-wait"]);
    assert_eq!((begun.code, begun.text()), (0, "0001\n"), "{begun:?}");
    let now = format!("now: start {} again with 99.0.0; it has handed over what it serves", order[0]);
    let shown = wait_until("the first one's turn", || {
        let shown = upgrade(&["status"]);
        shown.text().contains(&now).then_some(shown)
    });
    let level = format!("level {}", dcache_protocol::LEVEL);
    assert!(shown.text().contains("0 of 3 nodes run 99.0.0") && shown.text().contains(&level), "{shown:?}");
    let standing = upgrade(&["status", "-o", "json"]).json();
    assert_eq!((&standing["doing"], &standing["current"]), (&"restarts".into(), &order[0].as_str().into()));
    let turns: Vec<&str> =
        standing["nodes"].as_array().unwrap().iter().map(|node| node["turn"].as_str().unwrap()).collect();
    assert_eq!(turns, ["now", "waits", "waits"]);
    assert_eq!(of(&status(&home, first), &order[0]).unwrap()["partitions"], 0, "it has handed over");
    let check = first.run(&home, &["cluster", "status", "--check"]);
    assert!(check.code == 8 && check.text().contains("0 of 3 nodes are done"), "{check:?}");
    let shown = first.ok(&home, &["op", "show"]);
    assert!(shown.text().contains(&now[5..]) && !shown.text().contains("moves"), "{shown:?}");
    let listed = first.ok(&home, &["op", "list"]);
    assert!(listed.text().contains("upgrade") && listed.text().contains("0/3"), "{listed:?}");

    // The same words again watch; other versions and other work have to wait.
    let late = upgrade(&["start", "--to", "99.0.0", "--wait-timeout", "300ms"]);
    assert!(late.code == 5 && late.stderr.contains("it goes on: 0 of 3 nodes run 99.0.0"), "{late:?}");
    assert_eq!(upgrade(&["start", "--to", "98.0.0", "--yes"]).code, 7);
    assert_eq!(first.run(&home, &["cluster", "drain", "n2", "--yes"]).code, 7);
    let paced = first.run(&home, &["op", "throttle", "--rate", "1MiB"]);
    assert!(paced.code == 7 && paced.stderr.contains("it has no pace"), "{paced:?}");
    let other = first.run(&home, &["rebalance", "watch"]);
    assert!(other.code == 7 && other.stderr.contains("is no rebalance"), "{other:?}");

    // Who watches may leave, and it is stopped by another.
    let mut command = first.dcache(&home);
    command.args(["cluster", "upgrade", "watch"]).stderr(Stdio::piped());
    let mut watcher = Process(command.spawn().unwrap());
    let mut said = BufReader::new(watcher.0.stderr.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    assert!(line.contains("started: 0 of 3 nodes run 99.0.0"), "{line}");
    send("INT", watcher.id());
    assert_eq!(watcher.wait(), 130);
    assert!(read_all(said).contains("still running as 0001"));
    assert_eq!(upgrade(&["pause"]).code, 0);
    assert!(upgrade(&["status"]).text().contains("now: paused"));
    assert_eq!(upgrade(&["resume"]).code, 0);
    let cancelled = upgrade(&["cancel"]);
    assert!(cancelled.code == 0 && cancelled.stderr.contains("cancelled"), "{cancelled:?}");
    let over = upgrade(&["status"]);
    assert!(over.code == 0 && over.text().contains("cancelled") && !over.text().contains("now:"), "{over:?}");
    wait_until("the cluster is whole", || is_green(&home, first));
}
