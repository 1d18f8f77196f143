//! Contexts: which cluster is meant, and what is kept about it.

use crate::harness::{Home, Node, fake, run};
use std::os::unix::fs::PermissionsExt;

#[test]
fn flag_beats_environment_beats_file_beats_built_in() {
    let home = Home::new();
    let meant = |flags: &[&str], variables: &[(&str, &str)]| {
        let mut command = home.dcache();
        command.args(["context", "show", "-o", "json"]).args(flags).envs(variables.iter().copied());
        let outcome = run(&mut command);
        assert_eq!(outcome.code, 0, "{outcome:?}");
        outcome.json()["endpoints"][0].as_str().unwrap().to_string()
    };
    assert_eq!(meant(&[], &[]), "127.0.0.1:7401");
    home.ok(&["context", "add", "one", "one:1"]);
    home.ok(&["context", "add", "two", "two:2"]);
    assert_eq!(meant(&[], &[]), "one:1", "the first one is selected");
    home.ok(&["context", "use", "two"]);
    assert_eq!(meant(&[], &[]), "two:2");
    assert_eq!(meant(&[], &[("DCACHE_CONTEXT", "one")]), "one:1");
    assert_eq!(meant(&[], &[("DCACHE_CONTEXT", "one"), ("DCACHE_ENDPOINTS", "env:3,env:4")]), "env:3");
    assert_eq!(meant(&["-c", "one"], &[("DCACHE_ENDPOINTS", "env:3")]), "one:1");
    assert_eq!(meant(&["-c", "one", "--endpoint", "flag:5"], &[("DCACHE_ENDPOINTS", "env:3")]), "flag:5");
}

#[test]
fn contexts_are_added_renamed_and_removed() {
    let home = Home::new();
    home.ok(&["context", "add", "prod", "a:1", "b:1", "--protected"]);
    let path = home.path().join("config/dcache/config.yaml");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    home.ok(&["context", "add", "prod", "a:1", "b:1", "--protected"]);
    assert_eq!(home.run(&["context", "add", "prod", "c:1"]).code, 7);
    assert_eq!(home.run(&["context", "add", "bad name", "c:1"]).code, 2);
    assert_eq!(home.run(&["context", "add", "x", "no-port"]).code, 2);
    home.ok(&["ctx", "rename", "prod", "prod-eu"]);
    let list = home.ok(&["context", "ls", "-o", "json"]).json();
    assert_eq!(list["items"][0]["name"], "prod-eu");
    assert_eq!(list["items"][0]["selected"], true);
    assert_eq!(list["items"][0]["protected"], true);
    let near = home.run(&["context", "use", "prod-ue"]);
    assert!(near.code == 3 && near.stderr.contains("did you mean prod-eu?"), "{near:?}");
    home.ok(&["ctx", "rm", "prod-eu"]);
    assert_eq!(home.ok(&["context", "list", "-o", "name"]).text(), "");
}

#[test]
fn a_file_that_is_wrong_shows_where() {
    let home = Home::new();
    let dir = home.path().join("config/dcache");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("config.yaml"), "contexts:\n  a:\n    endpoint: [x:1]\n").unwrap();
    let outcome = home.run(&["context", "list"]);
    assert_eq!(outcome.code, 2, "{outcome:?}");
    assert!(outcome.stderr.contains("config.yaml:3") && outcome.stderr.contains('^'), "{outcome:?}");
    assert!(outcome.stderr.contains("did you mean `endpoints`?"), "{outcome:?}");
}

#[test]
fn endpoints_are_tried() {
    let home = Home::new();
    let node = Node::start(&home, "n1", &[]);
    let closed = fake::closed();
    home.ok(&["context", "add", "both", &closed, &node.control]);
    let tested = home.run(&["context", "test", "-o", "json"]);
    assert_eq!(tested.code, 9, "{tested:?}");
    assert_eq!(tested.json()["items"][1]["node"], "n1");
    assert!(tested.json()["items"][0]["error"].is_string());
    // Any node will do: the verbs themselves go on to the endpoint that answers.
    home.ok(&["set", "k", "v"]);
    home.ok(&["context", "add", "none", &closed]);
    assert_eq!(home.run(&["context", "test", "none"]).code, 4);
}

#[test]
fn a_protected_context_asks_for_its_name() {
    let home = Home::new();
    let node = Node::start(&home, "n1", &[]);
    home.ok(&["context", "add", "prod", &node.control, "--protected"]);
    home.ok(&["set", "k", "v"]);
    let set = ["namespace", "set", "s", "--prefix", "s:"];
    assert_eq!(home.run(&[&set[..], &["--yes"]].concat()).code, 2);
    let wrong = home.run(&[&set[..], &["--yes", "--confirm", "dev"]].concat());
    assert!(wrong.code == 2 && wrong.stderr.contains("prod"), "{wrong:?}");
    home.ok(&[&set[..], &["--yes", "--confirm", "prod"]].concat());
    assert_eq!(home.run(&["namespace", "delete", "s", "--yes"]).code, 2);
    assert_eq!(home.run(&["del", "--pattern", "*", "--yes"]).code, 2);
    home.ok(&["get", "k"]);
}
