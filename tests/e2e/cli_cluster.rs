//! Clusters from the operator's side: local ones, formed ones, and what happens to them.

use crate::harness::{Home, Local, Node, Process, is_alive, nodes_of, read_all, send, wait_until};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::Stdio;

#[test]
fn a_local_cluster_from_init_to_destroy() {
    let home = Home::new();
    let local = Local::start(&home, "whole", 3);
    assert_eq!(home.ok(&["context", "show", "-o", "name"]).text(), "whole\n");
    home.ok(&["set", "hello", "world"]);
    assert_eq!(home.ok(&["get", "hello"]).stdout, b"world");
    let status = home.ok(&["cluster", "status", "-o", "json"]).json();
    assert_eq!((&status["name"], &status["partitionsServed"]), (&"whole".into(), &1024.into()));
    let slots: Vec<u64> = status["nodes"].as_array().unwrap().iter().map(|n| n["slots"].as_u64().unwrap()).collect();
    assert_eq!(slots.iter().sum::<u64>(), 16384);
    assert!(slots.iter().all(|slots| (5456..=5472).contains(slots)), "{slots:?}");
    assert_eq!(home.ok(&["cluster", "status", "-o", "name"]).text(), "n1\nn2\nn3\n");

    let again = home.ok(&["cluster", "init", "--local", "3", "--name", "whole"]);
    assert!(again.stderr.contains("already running, nothing to do"), "{again:?}");
    let differs = home.run(&["cluster", "init", "--local", "2", "--name", "whole"]);
    assert!(differs.code == 7 && differs.stderr.contains("nodes: 3 -> 2"), "{differs:?}");
    let differs = home.run(&["cluster", "init", "--local", "3", "--name", "whole", "--memory", "1GiB"]);
    assert!(differs.code == 7 && differs.stderr.contains("memory"), "{differs:?}");

    assert_eq!(home.run(&["cluster", "destroy", "whole"]).code, 2, "it asks");
    let near = home.run(&["cluster", "destroy", "whoel", "--yes"]);
    assert!(near.code == 3 && near.stderr.contains("did you mean whole?"), "{near:?}");
    home.ok(&["cluster", "destroy", "whole", "--dry-run"]);
    assert!(local.nodes.iter().all(|node| is_alive(node.pid)));
    home.ok(&["cluster", "destroy", "whole", "--yes"]);
    assert!(local.nodes.iter().all(|node| !is_alive(node.pid)));
    assert_eq!(home.ok(&["context", "list", "-o", "name"]).text(), "");
    assert!(!home.path().join("data/dcache/local/whole").exists());
}

#[test]
fn a_node_that_died_comes_back_by_init_even_when_its_doors_are_taken() {
    let home = Home::new();
    let mut local = Local::start(&home, "mended", 3);
    let lost = local.nodes[2].clone();
    send("KILL", lost.pid);
    let _squatter = wait_until("its gateway is free", || TcpListener::bind(("127.0.0.1", lost.gateway)).ok());
    let outcome = local.init_again();
    assert_eq!(outcome.json()["outcome"], "restarted");
    assert!(outcome.stderr.contains("n3 of \"mended\" is not running"), "{outcome:?}");
    assert_ne!(local.nodes[2].gateway, lost.gateway);
    wait_until("every slot is served", || (home.run(&["cluster", "status", "--check", "-q"]).code == 0).then_some(()));
    for number in 0..50 {
        home.ok(&["set", &format!("key:{number}"), "v"]);
    }
    let status = home.ok(&["cluster", "status", "-o", "json"]).json();
    let door = status["nodes"][2]["addresses"]["gateway"].as_str().unwrap().to_string();
    assert!(door.ends_with(&format!(":{}", local.nodes[2].gateway)), "the cluster knows the new door: {door}");
}

#[test]
fn in_the_foreground_logs_are_relayed_and_ctrl_c_leaves_nothing() {
    let home = Home::new();
    home.ok(&["context", "add", "before", "x:1"]);
    let mut command = home.dcache();
    command.args(["cluster", "init", "--local", "2", "--name", "front", "--memory", "64MiB", "-o", "json"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut process = Process(child);
    let mut lines = BufReader::new(process.0.stderr.take().unwrap()).lines().map(Result::unwrap);
    let said: Vec<String> = lines.by_ref().take_while(|line| !line.starts_with("Running in this terminal")).collect();
    assert!(said.iter().any(|line| line.contains("formed, 1024/1024")), "{said:?}");
    let mut answer = String::new();
    BufReader::new(process.0.stdout.take().unwrap()).read_line(&mut answer).unwrap();
    let outcome = crate::harness::Outcome { code: 0, stdout: answer.into_bytes(), stderr: String::new() };
    let nodes = nodes_of(&outcome);
    home.ok(&["set", "k", "v"]);

    // One node ends by itself: it is said, and the other goes on.
    send("KILL", nodes[1].pid);
    let told = lines.by_ref().find(|line| line.starts_with("n2 has ended")).unwrap();
    assert!(told.contains("log"), "{told}");
    assert!(is_alive(nodes[0].pid));

    send("INT", process.id());
    let rest: Vec<String> = lines.collect();
    assert_eq!(process.wait(), 0, "{rest:?}");
    assert!(rest.iter().any(|line| line.starts_with("n1 ") && line.contains("stopping")), "relayed: {rest:?}");
    assert!(nodes.iter().all(|node| !is_alive(node.pid)));
    assert_eq!(home.ok(&["context", "show", "-o", "name"]).text(), "before\n", "the selection is as before");
    assert!(!home.path().join("data/dcache/local/front").exists());
    assert_eq!(home.run(&["cluster", "destroy", "front", "--yes"]).code, 3);
}

#[test]
fn a_data_dir_that_was_given_outlives_the_foreground() {
    let home = Home::new();
    let dir = home.path().join("kept");
    let start = || {
        let mut command = home.dcache();
        command
            .args(["cluster", "init", "--local", "1", "--name", "kept", "--memory", "64MiB", "--data-dir"])
            .arg(&dir);
        let mut process = Process(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap());
        let mut reader = BufReader::new(process.0.stderr.take().unwrap());
        let mut line = String::new();
        while !line.starts_with("Running in this terminal") {
            line.clear();
            assert!(reader.read_line(&mut line).unwrap() > 0, "ended early");
        }
        (process, reader)
    };
    let id = |home: &Home| home.ok(&["cluster", "status", "-o", "json"]).json()["nodes"][0]["id"].clone();
    let (mut process, reader) = start();
    home.ok(&["namespace", "set", "s", "--prefix", "s:"]);
    let first = id(&home);
    send("TERM", process.id());
    read_all(reader);
    assert_eq!(process.wait(), 0);
    assert!(dir.join("n1").exists());

    let (mut process, reader) = start();
    assert_eq!(id(&home), first, "the same node on the same data");
    home.ok(&["namespace", "show", "s"]);
    send("INT", process.id());
    read_all(reader);
    assert_eq!(process.wait(), 0);
    home.ok(&["cluster", "destroy", "kept", "--yes"]);
    assert!(!dir.exists());
}

#[test]
fn a_cluster_of_nodes_started_elsewhere() {
    let home = Home::new();
    let nodes: Vec<Node> = ["a1", "b1", "c1"].iter().map(|name| Node::start(&home, name, &[])).collect();
    let yaml = |partitions: u32| {
        let list: String = nodes.iter().map(|node| format!("  - peers: {}\n", node.peers)).collect();
        format!("name: prod\npartitions: {partitions}\nnodes:\n{list}")
    };
    let file = home.file("cluster.yaml", yaml(256));
    let path = file.to_str().unwrap();
    let init =
        |flags: &[&str]| home.run(&[&["cluster", "init", "-f", path, "--endpoint", &nodes[0].control], flags].concat());

    let plan = init(&["--dry-run", "--exit-code"]);
    assert_eq!(plan.code, 10, "{plan:?}");
    assert!(plan.text().contains("a1") && plan.text().contains("86"), "{plan:?}");
    assert_eq!(init(&[]).code, 2, "it asks");
    let formed = init(&["--yes", "-o", "json"]);
    assert_eq!(formed.code, 0, "{formed:?}");
    assert_eq!(formed.json()["outcome"], "formed");
    let again = init(&["--yes"]);
    assert!(again.code == 0 && again.stderr.contains("already initialised with this file"), "{again:?}");
    assert_eq!(init(&["--dry-run", "--exit-code"]).code, 0, "nothing left to do");

    home.file("cluster.yaml", yaml(512));
    let differs = init(&["--yes"]);
    assert_eq!(differs.code, 7, "{differs:?}");
    assert!(differs.stderr.contains("partitions: 256 -> 512"), "{differs:?}");

    let status = home.ok(&["-c", "prod", "cluster", "status", "--check"]);
    assert!(status.text().contains("256/256 partitions"), "{status:?}");
}

#[test]
fn a_wrong_cluster_file_shows_its_line() {
    let home = Home::new();
    let file = home.file("cluster.yaml", "name: prod\npartitons: 256\nnodes:\n  - peers: 127.0.0.1:1\n");
    let outcome = home.run(&["cluster", "init", "-f", file.to_str().unwrap()]);
    assert_eq!(outcome.code, 2, "{outcome:?}");
    assert!(outcome.stderr.contains("cluster.yaml:2:1") && outcome.stderr.contains('^'), "{outcome:?}");
    assert!(outcome.stderr.contains("did you mean `partitions`?"), "{outcome:?}");
    let missing = home.run(&["cluster", "init", "-f", "/nosuch.yaml"]);
    assert_eq!(missing.code, 2, "{missing:?}");
}

#[test]
fn a_context_of_that_name_is_not_overwritten() {
    let home = Home::new();
    home.ok(&["context", "add", "prod", "prod:7401"]);
    let outcome = home.run(&["cluster", "init", "--local", "1", "--name", "prod", "--detach"]);
    assert_eq!(outcome.code, 7, "{outcome:?}");
    assert_eq!(home.ok(&["context", "show", "prod", "-o", "json"]).json()["endpoints"][0], "prod:7401");
    for name in ["..", "a/b", ""] {
        assert_eq!(home.run(&["cluster", "init", "--local", "1", "--name", name, "--detach"]).code, 2, "{name:?}");
    }
}

#[test]
fn namespaces_are_set_listed_and_deleted_on_all_nodes() {
    let home = Home::new();
    let local = Local::start(&home, "spaces", 2);
    let set = ["namespace", "set", "sess", "--prefix", "sess:", "--eviction", "fifo", "--default-ttl", "30m"];
    let said = home.ok(&set);
    assert!(said.stderr.contains("eviction fifo"), "{said:?}");
    assert!(home.ok(&set).stderr.contains("nothing to do"));
    for node in &local.nodes {
        let door = format!("127.0.0.1:{}", node.control);
        let seen = home.ok(&["namespace", "show", "sess", "--endpoint", &door, "-o", "json"]).json();
        assert_eq!((&seen["spec"]["eviction"], &seen["spec"]["defaultTtlMs"]), (&"fifo".into(), &1_800_000.into()));
    }
    home.ok(&["set", "sess:1", "v"]);
    assert!(home.ok(&["ttl", "sess:1"]).text().starts_with("29m"));
    let is_copied = || {
        let listed = home.ok(&["namespace", "list", "--columns", "NAMESPACE,ITEMS", "--no-headers"]);
        let rows: Vec<Vec<&str>> = listed.text().lines().map(|row| row.split_whitespace().collect()).collect();
        (rows == [["default", "0"], ["sess", "2"]]).then_some(())
    };
    wait_until("each copy of the entry is counted", is_copied);
    home.ok(&["namespace", "set", "sess", "--eviction", "w-tinylfu", "--memory-min", "1MiB", "--ttl-jitter", "10"]);
    let seen = home.ok(&["namespace", "show", "sess", "-o", "json"]).json();
    let spec = &seen["spec"];
    assert_eq!((&spec["eviction"], &spec["memoryMinBytes"]), (&"w-tinylfu".into(), &1_048_576.into()));
    assert_eq!(seen["figures"]["memoryMinBytes"], 2_097_152, "on both nodes");
    assert_eq!(home.run(&["namespace", "set", "sess", "--eviction", "lirs"]).code, 2);
    let file = home.file("n.yaml", "name: sess\nmatch: {prefix: \"sess:\"}\neviction: lru\n");
    home.ok(&["namespace", "set", "-f", file.to_str().unwrap()]);
    assert_eq!(home.ok(&["namespace", "show", "sess", "-o", "json"]).json()["spec"]["eviction"], "lru");
    let default = home.ok(&["namespace", "show", "default"]);
    for node in ["n1", "n2"] {
        let line = format!("  auto         lru on {node} from the start");
        assert!(default.text().lines().any(|seen| seen == line), "{line:?} is missing in\n{default:?}");
    }
    assert_eq!(home.run(&["namespace", "delete", "default", "--yes"]).code, 2);
    home.ok(&["namespace", "delete", "sess", "--yes"]);
    assert_eq!(home.run(&["namespace", "show", "sess"]).code, 3);
    assert_eq!(home.run(&["namespace", "set", "new"]).code, 2, "which keys?");
}

#[test]
fn a_node_file_is_checked_without_starting_anything() {
    let home = Home::new();
    let good = home.file("node.yaml", "apiVersion: dcache/v1\nkind: Node\nname: n1\nmemory: 64MiB\n");
    let checked = home.ok(&["node", "start", "-f", good.to_str().unwrap(), "--check"]);
    assert!(checked.text().contains("node.yaml is valid"), "{checked:?}");
    let bad = home.file("bad.yaml", "name: n1\nmemroy: 64MiB\n");
    let refused = home.run(&["node", "start", "-f", bad.to_str().unwrap(), "--check"]);
    assert!(refused.code == 2 && refused.stderr.contains("did you mean `memory`?"), "{refused:?}");
    let open = home.run(&["node", "start", "--listen", "0.0.0.0:7400", "--check"]);
    assert!(open.code == 2 && open.stderr.contains("--insecure"), "{open:?}");
}
