//! Rules of the repository that no compiler checks: generated files are fresh, every file says what it holds, and nothing
//! unfinished or of somebody's own machine is left in it. `UPDATE=1` writes the generated files anew.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// Files below a folder, without what is built or fetched.
fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let is_skipped = ["target", ".git", "node_modules", "corpus", "artifacts", ".venv", "__pycache__"];
        // Of a second working tree `.git` is a file, which says where that is.
        if is_skipped.iter().any(|skipped| name == *skipped) {
            continue;
        }
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

fn rust_files() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    files(&root(), &mut found);
    found.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    assert!(found.len() > 50, "only {} Rust files were found", found.len());
    found.into_iter().map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

fn content(dir: &Path) -> BTreeMap<String, String> {
    let mut found = Vec::new();
    files(dir, &mut found);
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    found.into_iter().map(|path| (name(&path), std::fs::read_to_string(&path).unwrap())).collect()
}

fn generated_is_fresh(verb: &str, checked_in: &str) {
    let checked_in = root().join(checked_in);
    let generate = |dir: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dcache"));
        // Help tells what variables are set to.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("DCACHE_")) {
            command.env_remove(name);
        }
        let status = command.args([verb, "--out"]).arg(dir).status().unwrap();
        assert!(status.success());
    };
    if std::env::var_os("UPDATE").is_some() {
        // A file of a command that is gone would stay otherwise.
        let _ = std::fs::remove_dir_all(&checked_in);
        generate(&checked_in);
    }
    let fresh = tempfile::tempdir().unwrap();
    generate(fresh.path());
    let (fresh, old) = (content(fresh.path()), content(&checked_in));
    let names = |files: &BTreeMap<String, String>| files.keys().cloned().collect::<Vec<_>>();
    let how = format!("write it anew: UPDATE=1 cargo test -p dcache --test tidy ({})", checked_in.display());
    assert_eq!(names(&old), names(&fresh), "{how}");
    for (name, text) in &fresh {
        assert!(old[name] == *text, "{name} is out of date; {how}");
    }
}

#[test]
fn completions_are_fresh() {
    generated_is_fresh("completions", "completions");
}

#[test]
fn man_pages_are_fresh() {
    generated_is_fresh("man", "man");
}

#[test]
fn every_file_begins_with_what_it_holds() {
    for (path, text) in rust_files() {
        let first = text.lines().next().unwrap_or_default();
        assert!(first.starts_with("//! ") && first.len() > 20, "{} begins with {first:?}", path.display());
    }
}

#[test]
fn nothing_unfinished_is_left() {
    // Put together, so that this file does not find itself.
    let words = [("to", "do!("), ("unimplemen", "ted!("), ("TO", "DO"), ("FIX", "ME"), ("XX", "X:"), ("#[ign", "ore")];
    for (path, text) in rust_files() {
        for (number, line) in text.lines().enumerate() {
            for (first, second) in words {
                let word = format!("{first}{second}");
                assert!(!line.contains(&word), "{}:{}: {word}", path.display(), number + 1);
            }
        }
    }
}

#[test]
fn no_path_of_somebodys_machine_is_left() {
    let mut found = Vec::new();
    files(&root(), &mut found);
    let paths = [["/wo", "rk/"], ["/ro", "ot/"], ["/ho", "me/"], ["/Use", "rs/"]].map(|parts| parts.concat());
    for path in found {
        // What is not text is not looked at.
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        for (number, line) in text.lines().enumerate() {
            for machine_path in &paths {
                assert!(!line.contains(machine_path.as_str()), "{}:{}: {line}", path.display(), number + 1);
            }
        }
    }
}

/// The floors of the house: what a crate without I/O must not depend on, and who may know whom.
#[test]
fn crates_depend_only_downwards() {
    let allowed: [(&str, &[&str]); 8] = [
        ("node/protocol", &[]),
        ("node/engine", &[]),
        ("node/cluster", &["dcache-protocol"]),
        ("node/core", &["dcache-protocol", "dcache-engine", "dcache-cluster"]),
        ("node/client", &["dcache-protocol"]),
        ("node", &["dcache-protocol", "dcache-cluster", "dcache-core"]),
        ("tui", &["dcache-client", "dcache-protocol"]),
        ("cli", &["dcache-client", "dcache-node", "dcache-protocol", "dcache-tui"]),
    ];
    let without_io = ["node/protocol", "node/engine", "node/cluster", "node/core"];
    let doing_io = ["tokio", "reqwest", "axum", "openraft", "socket2", "rustix", "libc", "rand"];
    for (dir, ours) in allowed {
        let manifest = std::fs::read_to_string(root().join(dir).join("Cargo.toml")).unwrap();
        let section = manifest.split("[dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
        for line in section.lines().filter(|line| line.contains('=')) {
            let name = line.split(['=', '.', ' ']).next().unwrap();
            assert!(!name.starts_with("dcache-") || ours.contains(&name), "{dir} depends on {name}");
            // Memory from the system is no I/O: the engine may ask for pages, and for nothing else.
            let asks_for_pages = dir == "node/engine" && name == "rustix" && line.contains("features = [\"mm\"]");
            let is_allowed = !without_io.contains(&dir) || !doing_io.contains(&name) || asks_for_pages;
            assert!(is_allowed, "{dir} does no I/O, yet lists {name}");
        }
    }
}
