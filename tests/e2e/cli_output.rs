//! What is printed where: formats, colours, errors for programs, help.

use crate::harness::{Home, Node, fake, run};

#[test]
fn colour_only_where_it_is_wanted() {
    let home = Home::new();
    let node = Node::start(&home, "n1", &[]);
    let coloured = |flags: &[&str], variables: &[(&str, &str)]| {
        let mut command = node.dcache(&home);
        command.args(["cluster", "status"]).args(flags).envs(variables.iter().copied());
        run(&mut command).text().contains('\x1b')
    };
    assert!(!coloured(&[], &[]), "not into a pipe");
    assert!(coloured(&[], &[("CLICOLOR_FORCE", "1")]));
    assert!(!coloured(&[], &[("CLICOLOR_FORCE", "0")]));
    assert!(!coloured(&[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
    assert!(coloured(&["--color", "always"], &[("NO_COLOR", "1")]), "the flag beats the environment");
    assert!(!coloured(&["--color", "never"], &[("CLICOLOR_FORCE", "1")]));
    let at_terminal = |variables: &[(&str, &str)]| {
        let line = format!("{} cluster status", env!("CARGO_BIN_EXE_dcache"));
        let mut command = home.program("script");
        command.args(["-qec", &line, "/dev/null"]).env("DCACHE_ENDPOINTS", &node.control);
        run(command.envs(variables.iter().copied())).text().contains('\x1b')
    };
    assert!(at_terminal(&[]));
    assert!(!at_terminal(&[("NO_COLOR", "1")]));
    assert!(!at_terminal(&[("TERM", "dumb")]));
}

#[test]
fn errors_for_programs_are_json_on_stderr() {
    let home = Home::new();
    let closed = fake::closed();
    for (args, code, word) in [
        (&["cluster", "status", "--endpoint", &closed][..], 4, "UNREACHABLE"),
        (&["nosuch"][..], 2, "USAGE"),
        (&["get"][..], 2, "USAGE"),
        (&["context", "show", "nosuch"][..], 3, "NOT_FOUND"),
    ] {
        let outcome = home.run(&[args, &["-o", "json"]].concat());
        assert_eq!(outcome.code, code, "{outcome:?}");
        assert!(outcome.stdout.is_empty(), "{outcome:?}");
        assert_eq!(outcome.stderr.lines().count(), 1, "{outcome:?}");
        let error = outcome.error_json();
        assert_eq!((error["code"].as_str(), error["exit"].as_i64()), (Some(word), Some(code.into())));
        assert!(error["message"].is_string());
    }
    let from_variable = run(home.dcache().arg("nosuch").env("DCACHE_OUTPUT", "json"));
    assert_eq!(from_variable.error_json()["code"], "USAGE");
}

#[test]
fn one_answer_in_every_format() {
    let home = Home::new();
    let node = Node::start(&home, "n1", &["--zone", "a"]);
    let list = |format: &str| node.ok(&home, &["node", "list", "-o", format]);
    let json = list("json").json();
    assert_eq!((&json["kind"], &json["items"][0]["name"]), (&"NodeList".into(), &"n1".into()));
    assert!(json["warnings"].is_array());
    let line: serde_json::Value = serde_json::from_str(list("ndjson").text().trim()).unwrap();
    assert_eq!(line["name"], "n1");
    assert!(list("yaml").text().contains("kind: NodeList"));
    assert_eq!(list("name").text(), "n1\n");
    assert!(list("table").text().starts_with("NODE") && !list("table").text().contains("SLOTS"));
    assert!(list("wide").text().contains("SLOTS") && list("wide").text().contains("0-16383"));
    assert!(list("help").text().contains("UPTIME"));
    let chosen = node.ok(&home, &["node", "list", "--columns", "zone,node", "--no-headers"]);
    assert_eq!(chosen.text().split_whitespace().collect::<Vec<_>>(), ["a", "n1"]);
    let wrong = node.run(&home, &["node", "list", "--columns", "zoen"]);
    assert!(wrong.code == 2 && wrong.stderr.contains("ZONE"), "{wrong:?}");
}

#[test]
fn every_verb_that_answers_describes_its_answer_without_asking_a_node() {
    let home = Home::new();
    let closed = fake::closed();
    for verb in [
        "get k",
        "mget k",
        "set k v",
        "del k",
        "exists k",
        "ttl k",
        "incr k",
        "scan",
        "node list",
        "node show n",
        "cluster status",
        "cluster init --local",
        "cluster destroy x",
        "namespace list",
        "stats",
        "top",
        "context list",
        "version",
    ] {
        let words: Vec<&str> = verb.split(' ').chain(["-o", "help", "--endpoint", &closed]).collect();
        let outcome = home.ok(&words);
        assert!(outcome.text().contains("kind "), "{verb}: {outcome:?}");
    }
}

#[test]
fn stats_of_the_cluster_a_node_and_for_prometheus() {
    let home = Home::new();
    let node = Node::start(&home, "n1", &[]);
    node.ok(&home, &["set", "k", "v"]);
    let stats = node.ok(&home, &["stats", "-o", "json"]).json();
    assert_eq!(stats["memory"]["items"], 1);
    assert!(stats["commands"].as_array().unwrap().iter().any(|command| command["name"] == "set"));
    let memory = node.ok(&home, &["stats", "memory", "--node", "n1", "-o", "json"]).json();
    assert!(memory["usedBytes"].as_u64().unwrap() > 0, "{memory}");
    assert!(node.ok(&home, &["stats"]).text().contains("ops/s"));
    assert!(node.ok(&home, &["stats", "--prometheus"]).text().contains("# TYPE dcache_"));
    assert_eq!(node.run(&home, &["stats", "--node", "nosuch"]).code, 3);
}

#[test]
fn one_look_of_the_dashboard_for_scripts() {
    let home = Home::new();
    let node = Node::start(&home, "n1", &[]);
    let snapshot = node.ok(&home, &["top", "--once", "-o", "json"]).json();
    assert_eq!((&snapshot["kind"], &snapshot["cluster"]["nodes"][0]["name"]), (&"Snapshot".into(), &"n1".into()));
    assert_eq!(snapshot["partitions"]["primary"].as_array().unwrap().len(), 1024);
    assert!(node.ok(&home, &["top", "--once"]).text().contains("HEALTHY"));
    let piped = node.run(&home, &["top"]);
    assert!(piped.code == 2 && piped.stderr.contains("--once"), "{piped:?}");
}

#[test]
fn help_is_data_and_topics_exist() {
    let home = Home::new();
    for args in [&[][..], &["--help"], &["help"], &["-h"]] {
        let page = home.ok(args);
        assert!(page.text().contains("Cluster (the fleet)") && page.stderr.is_empty(), "{args:?}: {page:?}");
    }
    let by_flag = home.ok(&["cluster", "init", "--help"]);
    assert!(by_flag.text().contains("Examples:"));
    assert_eq!(home.ok(&["help", "cluster", "init"]).text(), by_flag.text());
    for topic in ["exit-codes", "environment", "formats", "patterns", "config", "glossary", "commands"] {
        assert!(home.ok(&["help", topic]).text().len() > 200, "{topic}");
    }
    let codes = home.ok(&["help", "exit-codes"]);
    assert!(["UNHEALTHY", "PARTIAL", "141"].iter().all(|word| codes.text().contains(word)));
    let near = home.run(&["help", "exit-code"]);
    assert!(near.code == 2 && near.stderr.contains("exit-codes"), "{near:?}");
    let list = home.ok(&["help", "commands", "client", "list"]);
    assert!(list.text().starts_with("CLIENT LIST") && list.text().contains("differs:"), "{list:?}");
    let near = home.run(&["help", "commands", "zrnage"]);
    assert!(near.code == 2 && near.stderr.contains("zrange"), "{near:?}");
    assert!(home.ok(&["man", "commands"]).text().contains("DCACHE-COMMANDS"));
    assert_eq!(home.ok(&["-V"]).text(), format!("dcache {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn verbose_tells_requests_on_stderr() {
    let home = Home::new();
    let node = Node::start(&home, "n1", &[]);
    node.ok(&home, &["set", "k", "v"]);
    let told = node.ok(&home, &["get", "k", "-v"]);
    assert_eq!(told.stdout, b"v");
    assert!(told.stderr.contains("/v1/node: 200") && told.stderr.contains("RESP GET"), "{told:?}");
    let more = node.ok(&home, &["node", "list", "-vv"]);
    assert!(more.stderr.contains("\"apiVersion\""), "{more:?}");
}
