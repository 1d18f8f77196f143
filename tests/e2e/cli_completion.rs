//! Completion on TAB, as bash calls it: the function that a shell registers is run with what bash would hand it.

use crate::harness::{Home, Node, Outcome, run};

/// Calls the registered function for a line with the cursor at its end. Words are split as bash does with its usual
/// COMP_WORDBREAKS, where `:` and `=` are words of their own.
fn complete(home: &Home, line: &str) -> Outcome {
    let mut words: Vec<String> = vec![String::new()];
    for c in line.chars() {
        match c {
            ' ' => words.push(String::new()),
            ':' | '=' => {
                if words.last().is_some_and(String::is_empty) {
                    words.pop();
                }
                words.extend([c.to_string(), String::new()]);
            }
            c => words.last_mut().unwrap().push(c),
        }
    }
    // Bash gives the mark itself as the last word when nothing follows it.
    if words.len() > 1 && words.last().is_some_and(String::is_empty) && line.ends_with([':', '=']) {
        words.pop();
    }
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let (last, before) = (&quoted[quoted.len() - 1], &quoted[quoted.len().saturating_sub(2)]);
    let script = format!(
        "source <('{program}' completions bash --dynamic)\n\
         COMP_WORDBREAKS=$' \\t\\n\"\\'><=;|&(:'\n\
         COMP_WORDS=({words}); COMP_CWORD={index}; COMP_LINE='{line}'; COMP_POINT=${{#COMP_LINE}}; COMP_TYPE=9\n\
         _dcache_complete_dcache dcache {last} {before}\n\
         printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        program = env!("CARGO_BIN_EXE_dcache"),
        words = quoted.join(" "),
        index = quoted.len() - 1,
    );
    let outcome = run(home.program("bash").args(["--norc", "-c", &script]));
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""), "{outcome:?}");
    outcome
}

pub fn offers(home: &Home, line: &str) -> Vec<String> {
    complete(home, line).text().lines().map(str::trim_end).filter(|line| !line.is_empty()).map(Into::into).collect()
}

#[test]
fn keys_with_a_colon_complete_in_bash() {
    let home = Home::new();
    let node = Node::start(&home, "n1", &[]);
    home.ok(&["context", "add", "dev", &node.control, "--complete-keys"]);
    for key in ["user:1", "user:2", "user:admin:1", "other"] {
        home.ok(&["set", key, "v"]);
    }
    assert_eq!(offers(&home, "dcache get user:"), ["1", "2", "admin:1"]);
    assert_eq!(offers(&home, "dcache get user:a"), ["admin:1"]);
    assert_eq!(offers(&home, "dcache get user:admin:"), ["1"]);
    assert_eq!(offers(&home, "dcache get us"), ["user:1", "user:2", "user:admin:1"]);
    assert_eq!(offers(&home, "dcache --context=dev get user:"), ["1", "2", "admin:1"]);
    assert_eq!(offers(&home, "dcache mget other user:a"), ["admin:1"]);
}

#[test]
fn keys_are_not_looked_for_unless_the_context_allows() {
    let home = Home::new();
    let node = Node::start(&home, "n1", &[]);
    home.ok(&["context", "add", "dev", &node.control]);
    home.ok(&["set", "user:1", "v"]);
    assert!(!offers(&home, "dcache get us").iter().any(|word| word.contains("user")));
}

#[test]
fn verbs_flags_contexts_nodes_and_namespaces_complete() {
    let home = Home::new();
    let node = Node::start(&home, "n1", &[]);
    home.ok(&["context", "add", "dev", &node.control]);
    assert_eq!(offers(&home, "dcache clu"), ["cluster"]);
    assert_eq!(offers(&home, "dcache cluster st"), ["status"]);
    assert!(offers(&home, "dcache scan --with=s").contains(&"size".to_string()));
    assert_eq!(offers(&home, "dcache context use d"), ["dev"]);
    assert_eq!(offers(&home, "dcache --context=d"), ["dev"]);
    assert_eq!(offers(&home, "dcache node show n"), ["n1"]);
    assert_eq!(offers(&home, "dcache namespace show d"), ["default"]);
}

#[test]
fn nobody_there_is_silence() {
    let home = Home::new();
    home.ok(&["context", "add", "gone", &crate::harness::fake::closed(), "--complete-keys"]);
    assert!(!offers(&home, "dcache node show ").iter().any(|word| word.starts_with('n')));
    assert!(!offers(&home, "dcache get us").iter().any(|word| word.starts_with("us")));
}
