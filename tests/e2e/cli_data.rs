//! The data verbs: bytes in are bytes out, whatever they are.

use crate::harness::{Dice, Home, Node, run, run_with_input};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

/// A thousand values of 0 bytes to 8 MiB, as many of each order of magnitude.
#[test]
fn random_binary_values_come_back_as_they_went() {
    const VALUES: u64 = 1000;
    const BYTES_MAX: f64 = (8 << 20) as f64;
    const THREADS: u64 = 2;
    let home = Home::new();
    let node = Node::start(&home, "n1", &[]);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (home, node) = (&home, &node);
            scope.spawn(move || {
                let mut dice = Dice(0x00dc_ac4e + thread);
                for number in (thread..VALUES).step_by(THREADS as usize) {
                    let length = (BYTES_MAX + 1.0).powf(dice.fraction()) as usize - usize::from(number % 100 < 2);
                    let value = dice.bytes(length);
                    let key = format!("value:{number}");
                    let set = run_with_input(node.dcache(home).args(["set", &key, "-"]), &value);
                    assert_eq!(set.code, 0, "{set:?}");
                    let got = run(node.dcache(home).args(["get", &key]));
                    assert_eq!(got.code, 0, "{got:?}");
                    assert!(got.stdout == value, "value {number} of {length} bytes differs");
                }
            });
        }
    });
}

#[test]
fn values_come_from_arguments_files_and_stdin() {
    let home = Home::new();
    let node = Node::start(&home, "n1", &[]);
    let path = home.file("value", b"from\0file\n");
    node.ok(&home, &["set", "f", "--file", path.to_str().unwrap()]);
    assert_eq!(node.ok(&home, &["get", "f"]).stdout, b"from\0file\n");
    node.ok(&home, &["set", "number", "-5"]);
    assert_eq!(node.ok(&home, &["get", "number"]).stdout, b"-5");
    node.ok(&home, &["set", "--", "-odd", "--value"]);
    assert_eq!(node.ok(&home, &["get", "--", "-odd"]).stdout, b"--value");
    node.ok(&home, &["set", "empty", ""]);
    assert!(node.ok(&home, &["get", "empty"]).stdout.is_empty());
    assert_eq!(node.run(&home, &["set", "k", "--file", "/nosuch"]).code, 1);
    assert_eq!(node.ok(&home, &["get", "nosuch", "--default", "d"]).stdout, b"d");

    let value = OsString::from_vec(vec![0xff, 0xfe, b'x']);
    let outcome = run(node.dcache(&home).arg("set").arg("bytes").arg(&value));
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert_eq!(node.ok(&home, &["get", "bytes"]).stdout, value.into_vec());
}

#[test]
fn keys_may_be_any_bytes() {
    let home = Home::new();
    let node = Node::start(&home, "n1", &[]);
    node.ok(&home, &["set", "00ff0a", "v", "--key-encoding", "hex"]);
    assert_eq!(node.ok(&home, &["get", "AP8K", "--key-encoding", "base64"]).stdout, b"v");
    let listed = node.ok(&home, &["scan", "-o", "json"]).json();
    assert_eq!(listed["items"][0]["key"], "AP8K");
    assert_eq!(listed["items"][0]["keyEncoding"], "base64");
    assert_eq!(node.ok(&home, &["scan", "--null"]).stdout, b"\x00\xff\n\0");
}

#[test]
fn json_has_the_value_its_encoding_its_time_and_its_node() {
    let home = Home::new();
    let node = Node::start(&home, "n1", &[]);
    node.ok(&home, &["set", "text", "hé", "--ttl", "10m"]);
    let text = node.ok(&home, &["get", "text", "-o", "json"]).json();
    assert_eq!((&text["apiVersion"], &text["kind"]), (&"dcache/v1".into(), &"Entry".into()));
    assert_eq!((&text["value"], &text["encoding"], &text["node"]), (&"hé".into(), &"utf8".into(), &"n1".into()));
    assert!((590_000..=600_000).contains(&text["ttlMs"].as_u64().unwrap()), "{text}");
    run_with_input(node.dcache(&home).args(["set", "binary", "-"]), &[0xff, 0]);
    let binary = node.ok(&home, &["get", "binary", "-o", "json"]).json();
    assert_eq!((&binary["value"], &binary["encoding"]), (&"/wA=".into(), &"base64".into()));
    assert_eq!(binary.get("ttlMs"), None);
}

#[test]
fn times_to_live() {
    let home = Home::new();
    let node = Node::start(&home, "n1", &[]);
    node.ok(&home, &["set", "k", "v", "--ttl", "10m"]);
    assert!(node.ok(&home, &["ttl", "k"]).text().starts_with("9m5"));
    node.ok(&home, &["ttl", "k", "--persist"]);
    assert_eq!(node.ok(&home, &["ttl", "k"]).text(), "none\n");
    node.ok(&home, &["ttl", "k", "--persist"]);
    node.ok(&home, &["ttl", "k", "--set", "2h"]);
    let json = node.ok(&home, &["ttl", "k", "-o", "json"]).json();
    assert!(json["ttlMs"].as_u64().unwrap() > 7_100_000, "{json}");
    assert!(json["expiresAt"].as_str().unwrap().ends_with('Z'), "{json}");
    node.ok(&home, &["get", "k", "--touch", "1m"]);
    assert!(node.ok(&home, &["ttl", "k", "-o", "json"]).json()["ttlMs"].as_u64().unwrap() <= 60_000);
    assert_eq!(node.run(&home, &["ttl", "nosuch", "--set", "1m"]).code, 3);
    assert_eq!(node.run(&home, &["ttl", "nosuch", "--persist"]).code, 3);
}

#[test]
fn counting() {
    let home = Home::new();
    let node = Node::start(&home, "n1", &[]);
    assert_eq!(node.ok(&home, &["incr", "n"]).text(), "1\n");
    assert_eq!(node.ok(&home, &["incr", "n", "--by", "-3"]).text(), "-2\n");
    assert_eq!(node.ok(&home, &["ttl", "n"]).text(), "none\n");
    node.ok(&home, &["incr", "n", "--ttl", "10m"]);
    node.ok(&home, &["incr", "n", "--ttl", "1h"]);
    let left = node.ok(&home, &["ttl", "n", "-o", "json"]).json()["ttlMs"].as_u64().unwrap();
    assert!(left <= 600_000, "the span it began with stays: {left}");
}

#[test]
fn set_and_the_value_before() {
    let home = Home::new();
    let node = Node::start(&home, "n1", &[]);
    assert!(node.ok(&home, &["set", "k", "1", "--get"]).stdout.is_empty());
    assert_eq!(node.ok(&home, &["set", "k", "2", "--get"]).stdout, b"1");
    let refused = node.run(&home, &["set", "k", "3", "--get", "--if-absent"]);
    assert_eq!((refused.code, refused.stdout.as_slice()), (7, &b"2"[..]));
    assert_eq!(node.ok(&home, &["get", "k"]).stdout, b"2");
    assert_eq!(node.run(&home, &["set", "new", "1", "--get", "--if-present"]).code, 7);
    let json = node.ok(&home, &["set", "k", "4", "--get", "-o", "json"]).json();
    assert_eq!(json["previous"], "2");
}

#[test]
fn many_keys_are_listed_and_deleted_by_pattern() {
    let home = Home::new();
    let node = Node::start(&home, "n1", &[]);
    let mut resp = std::net::TcpStream::connect(&node.gateway).unwrap();
    let requests: String = (0..2500).map(|n| format!("SET tmp:{n} {n}\r\n")).collect();
    std::io::Write::write_all(&mut resp, (requests + "SET keep 1\r\nQUIT\r\n").as_bytes()).unwrap();
    crate::harness::read_all(resp);

    let listed = node.ok(&home, &["scan", "-o", "name"]);
    assert_eq!(listed.text().lines().count(), 2501);
    let some = node.ok(&home, &["scan", "tmp:*", "--limit", "5", "--with", "size,ttl,node", "--no-headers"]);
    assert!(some.text().lines().count() >= 5 && some.text().lines().count() < 50, "{some:?}");
    assert!(some.text().lines().all(|line| line.contains("none") && line.ends_with("n1")), "{some:?}");
    let cursor = some.stderr.split("--cursor ").nth(1).unwrap().trim();
    let rest = node.ok(&home, &["scan", "tmp:*", "-o", "name", "--cursor", cursor]);
    let mut all: Vec<&str> =
        rest.text().lines().chain(some.text().lines().filter_map(|l| l.split(' ').next())).collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 2500);

    assert_eq!(node.run(&home, &["del", "--pattern", "tmp:*", "--yes"]).code, 2, "so many need the pattern itself");
    let told = node.ok(&home, &["del", "--pattern", "tmp:*", "--dry-run"]);
    assert!(told.stderr.contains("about 2500 keys"), "{told:?}");
    node.ok(&home, &["del", "--pattern", "tmp:*", "--limit", "10", "--yes"]);
    assert_eq!(node.ok(&home, &["scan", "-o", "name"]).text().lines().count(), 2491);
    let deleted = node.ok(&home, &["del", "--pattern", "tmp:*", "--yes", "--confirm", "tmp:*", "-o", "json"]);
    assert_eq!(deleted.json()["deleted"], 2490);
    assert_eq!(node.ok(&home, &["scan", "-o", "name"]).text(), "keep\n");
    node.ok(&home, &["del", "keep"]);
    let again = node.ok(&home, &["del", "keep"]);
    assert!(again.stderr.contains("no such key"), "gone already is what was wanted, and is told: {again:?}");
}

#[test]
fn namespaces_bound_what_a_verb_touches() {
    let home = Home::new();
    let node = Node::start(&home, "n1", &[]);
    node.ok(&home, &["namespace", "set", "user", "--prefix", "user:"]);
    node.ok(&home, &["namespace", "set", "three", "--database", "3"]);
    node.ok(&home, &["set", "user:1", "a", "-n", "user"]);
    node.ok(&home, &["set", "k", "b", "-n", "three"]);
    node.ok(&home, &["set", "k", "c"]);
    assert_eq!(node.ok(&home, &["get", "k", "-n", "three"]).stdout, b"b");
    assert_eq!(node.ok(&home, &["get", "k"]).stdout, b"c");
    let outside = node.run(&home, &["set", "other", "x", "-n", "user"]);
    assert!(outside.code == 2 && outside.stderr.contains("begin with user:"), "{outside:?}");
    assert_eq!(node.ok(&home, &["scan", "-n", "user", "-o", "name"]).text(), "user:1\n");
    assert_eq!(node.ok(&home, &["scan", "-n", "three", "-o", "name"]).text(), "k\n");
    assert_eq!(node.ok(&home, &["scan", "-n", "default", "-o", "name"]).text(), "k\n");
    let unknown = node.run(&home, &["get", "k", "-n", "usr"]);
    assert!(unknown.code == 3 && unknown.stderr.contains("did you mean user?"), "{unknown:?}");
}

/// On a terminal text gets a line end, and bytes that would garble the screen are refused.
#[test]
fn a_terminal_is_spared() {
    let home = Home::new();
    let node = Node::start(&home, "n1", &[]);
    node.ok(&home, &["set", "text", "hello"]);
    run_with_input(node.dcache(&home).args(["set", "binary", "-"]), b"\x1b[2J");
    let get = |key: &str| {
        let line = format!("{} get {key}", env!("CARGO_BIN_EXE_dcache"));
        run(home.program("script").args(["-qec", &line, "/dev/null"]).env("DCACHE_ENDPOINTS", &node.control))
    };
    assert_eq!(get("text").text(), "hello\r\n");
    let refused = get("binary");
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.text().contains("value is binary") && !refused.text().contains("\x1b[2J"), "{refused:?}");
    assert!(get("binary --raw").text().contains("\x1b[2J"));
}
