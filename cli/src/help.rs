//! Help that clap does not make by itself: the top page with its groups, examples, and topics.
//!
//! [`tree`] is the whole command tree with all of it put in; parsing, completions and man pages use that one.

use crate::args::Cli;
use crate::command::commands;
use crate::exit::Exit;
use clap::{Command, CommandFactory};
use std::fmt::Write as _;

/// Groups of the top page; every verb and noun is in exactly one.
pub const GROUPS: &[(&str, &[&str])] = &[
    ("Data", &["get", "mget", "set", "del", "exists", "ttl", "incr", "scan"]),
    ("Node (this machine)", &["node"]),
    ("Cluster (the fleet)", &["cluster", "rebalance", "op", "namespace"]),
    ("Observe", &["stats", "events", "top"]),
    ("Admin", &["context"]),
    ("Meta", &["completions", "man", "version", "help"]),
];

/// The first things to try, on the top page.
const FIRST_STEPS: &[(&str, &str)] = &[
    ("dcache cluster init --local 3 --detach", "three nodes on this machine, in the background"),
    ("dcache set greeting hello --ttl 10m", "cache a value for ten minutes"),
    ("dcache get greeting", "read it back"),
    ("dcache cluster status", "how the cluster is"),
    ("dcache top", "watch it"),
];

/// A command line and what it does.
type Example = (&'static str, &'static str);

/// Examples of every leaf, by its words after `dcache`.
pub const EXAMPLES: &[(&str, &[Example])] = &[
    (
        "get",
        &[
            ("dcache get greeting", "the value, and a line end on a terminal"),
            ("dcache get img:1 > logo.png", "binary values go to files and pipes unchanged"),
            ("dcache get nosuch --default none", "a default instead of exit code 3"),
            ("dcache get greeting -o json", "with time to live and node"),
        ],
    ),
    (
        "mget",
        &[
            ("dcache mget a b c -o json", "values with their keys"),
            ("dcache mget a b --null | xargs -0 -n 1 echo", "values alone, each ended by NUL"),
        ],
    ),
    (
        "set",
        &[
            ("dcache set greeting hello --ttl 10m", "a value for ten minutes"),
            ("dcache set img:1 - < logo.png", "the bytes of stdin"),
            ("dcache set img:1 --file logo.png", "the bytes of a file"),
            ("dcache set lock:job 1 --if-absent --ttl 30s", "exit code 7 when somebody else has it"),
        ],
    ),
    (
        "del",
        &[
            ("dcache del greeting img:1", "these keys"),
            ("dcache del --pattern 'tmp:*' --dry-run", "count what would go"),
            ("dcache del --pattern 'tmp:*' --limit 500 --yes", "at most 500 of them, without a question"),
        ],
    ),
    (
        "exists",
        &[
            ("dcache exists greeting && echo there", "exit code 0 or 3"),
            ("dcache exists a b c -o json", "each of them"),
        ],
    ),
    (
        "ttl",
        &[
            ("dcache ttl greeting", "as 9m41s, or none"),
            ("dcache ttl greeting --set 1h", "live an hour from now"),
            ("dcache ttl greeting --persist", "stay without end"),
        ],
    ),
    (
        "incr",
        &[
            ("dcache incr visits", "one more; prints the new number"),
            ("dcache incr stock --by -3", "three fewer"),
            ("dcache incr rate:10.0.0.1 --ttl 1m", "a count that starts anew each minute"),
        ],
    ),
    (
        "scan",
        &[
            ("dcache scan 'user:*' --limit 10", "some keys, and the cursor to go on from"),
            ("dcache scan --with size,ttl,node", "keys with their size, time to live and node"),
            ("dcache scan 'tmp:*' --null | xargs -0 -n 500 dcache del", "keys to another command, safely"),
        ],
    ),
    (
        "node start",
        &[
            ("dcache node start", "one node on this machine, nothing configured"),
            ("dcache node start -f node.yaml --check", "is the file right?"),
            ("dcache node start --name cache-a1 --memory 2GiB --data-dir data/cache-a1", "with flags"),
            ("dcache node start --join 10.0.1.12:7402 --listen 10.0.1.11:7400 --insecure", "into a cluster"),
        ],
    ),
    (
        "node list",
        &[
            ("dcache node list -o wide", "with ids and all doors"),
            ("dcache node list --columns NAME,GATEWAY", "two columns"),
        ],
    ),
    (
        "node show",
        &[("dcache node show n1", "everything about one node"), ("dcache node show n1 -o json", "for programs")],
    ),
    (
        "cluster init",
        &[
            ("dcache cluster init --local 3", "three nodes in this terminal, gone with Ctrl-C"),
            ("dcache cluster init --local 3 --detach", "in the background; undo: dcache cluster destroy local"),
            ("dcache cluster init -f cluster.yaml", "form a cluster of nodes that run already"),
            ("dcache cluster init -f cluster.yaml --dry-run", "the plan alone"),
        ],
    ),
    (
        "cluster status",
        &[
            ("dcache cluster status", "health, nodes, findings"),
            ("dcache cluster status --check -q && echo healthy", "exit code 8 when it is not"),
            ("dcache cluster status -o wide", "with slots and doors"),
            ("dcache cluster status --watch 5s", "again every five seconds"),
        ],
    ),
    (
        "cluster add",
        &[
            ("dcache cluster add cache-d1 --dry-run", "what would move to it"),
            ("dcache cluster add cache-d1 cache-d2", "both get their share"),
            ("dcache cluster add --yes", "all nodes that joined, without a question"),
        ],
    ),
    (
        "cluster drain",
        &[
            ("dcache cluster drain cache-b2 --dry-run", "what would move, and how full the others would be"),
            ("dcache cluster drain cache-b2 --rate 20MiB/s", "slowly"),
            ("dcache cluster drain cache-b2 --yes --no-wait", "the operation's id, at once"),
        ],
    ),
    (
        "cluster undrain",
        &[
            ("dcache cluster undrain cache-b2", "it may hold its share again; nothing moves by that"),
            ("dcache cluster undrain cache-b2 --dry-run", "what would change"),
        ],
    ),
    (
        "cluster remove",
        &[
            ("dcache cluster remove cache-b2", "after it was drained"),
            ("dcache cluster remove cache-b2 --drain", "moves what it holds first; asks for its name"),
            ("dcache cluster remove cache-b2 --drain --yes --confirm cache-b2", "in a script"),
        ],
    ),
    (
        "cluster forget",
        &[
            ("dcache cluster forget cache-b2", "it will not come back: its copies are built on other nodes"),
            ("dcache cluster forget cache-b2 --force=last-replica", "also the keys that only it had"),
        ],
    ),
    (
        "cluster maintenance",
        &[
            ("dcache cluster maintenance on cache-b2 --for 1h", "before its machine is restarted"),
            ("dcache cluster maintenance off cache-b2", "it is back"),
        ],
    ),
    (
        "cluster failover",
        &[
            ("dcache cluster failover n2", "its partitions are served by other copies from now on"),
            ("dcache cluster failover n2 --dry-run", "what would move"),
        ],
    ),
    (
        "cluster upgrade plan",
        &[
            ("dcache cluster upgrade plan --to 0.2.0", "in which order, and what to heed"),
            ("dcache cluster upgrade plan --to 0.2.0 --exit-code -q", "exit code 10 when a node runs another version"),
        ],
    ),
    (
        "cluster upgrade start",
        &[
            (
                "dcache cluster upgrade start --to 0.2.0",
                "shows the plan, asks, and tells which node to start again when",
            ),
            ("dcache cluster upgrade start --to 0.2.0 --dry-run", "the plan alone"),
            ("dcache cluster upgrade start --to 0.2.0 --yes --no-wait", "the operation's id, at once"),
        ],
    ),
    (
        "cluster upgrade status",
        &[
            ("dcache cluster upgrade status", "who runs what, and what is to be done now"),
            ("dcache cluster upgrade status -o json", "for what starts nodes: wait for doing to be restarts"),
        ],
    ),
    (
        "cluster upgrade watch",
        &[
            ("dcache cluster upgrade watch", "until it is over; Ctrl-C leaves it running"),
            ("dcache cluster upgrade watch --wait-timeout 1h", "exit code 5 when it takes longer"),
        ],
    ),
    (
        "cluster upgrade pause",
        &[
            ("dcache cluster upgrade pause", "no further turn; a node may go back to the build before"),
            ("dcache cluster upgrade pause 0b57", "this one"),
        ],
    ),
    (
        "cluster upgrade resume",
        &[
            ("dcache cluster upgrade resume", "who went back has a turn again"),
            ("dcache cluster upgrade resume 0b57", "this one"),
        ],
    ),
    (
        "cluster upgrade cancel",
        &[
            ("dcache cluster upgrade cancel", "every node goes on with the build it has"),
            ("dcache cluster upgrade cancel --no-wait", "do not wait until it is over"),
        ],
    ),
    (
        "cluster destroy",
        &[
            ("dcache cluster destroy local", "asks, then stops the nodes and drops their data"),
            ("dcache cluster destroy local --yes", "without a question"),
        ],
    ),
    (
        "rebalance",
        &[
            ("dcache rebalance --plan", "what would move, and nothing more"),
            ("dcache rebalance --plan --out plan.yaml", "keep the plan, to look at it and apply it"),
            ("dcache rebalance --plan --exit-code -q", "exit code 10 when there is something to move"),
            ("dcache rebalance", "plan, ask, apply, watch"),
        ],
    ),
    (
        "rebalance apply",
        &[
            ("dcache rebalance apply plan.yaml --rate 40MiB/s", "this plan, if the cluster is as it was"),
            ("dcache rebalance apply --by memory --pin 713 --yes", "a new plan, without a question"),
            ("dcache rebalance apply --yes --no-wait", "the operation's id, at once"),
        ],
    ),
    (
        "rebalance watch",
        &[
            ("dcache rebalance watch", "the one under way"),
            ("dcache rebalance watch --wait-timeout 10m", "exit code 5 when it takes longer"),
        ],
    ),
    (
        "rebalance pause",
        &[("dcache rebalance pause", "the one under way"), ("dcache rebalance pause 0b57", "this one")],
    ),
    (
        "rebalance resume",
        &[("dcache rebalance resume", "the one under way"), ("dcache rebalance resume 0b57", "this one")],
    ),
    (
        "rebalance cancel",
        &[
            ("dcache rebalance cancel", "what has moved stays there"),
            ("dcache rebalance cancel --no-wait", "do not wait until it is over"),
        ],
    ),
    (
        "rebalance throttle",
        &[
            ("dcache rebalance throttle --rate 10MiB/s", "slower"),
            ("dcache rebalance throttle --rate unlimited --moves-at-once 16 --guard-p99 off", "as fast as it can"),
        ],
    ),
    (
        "rebalance list",
        &[("dcache rebalance list", "under way and past"), ("dcache rebalance ls -o json", "for programs")],
    ),
    ("op list", &[("dcache op list", "the newest first"), ("dcache op list -o name", "ids")]),
    (
        "op show",
        &[
            ("dcache op show 0b57", "its state, and what happened to it"),
            ("dcache op show --moves", "all moves of the one under way"),
        ],
    ),
    (
        "op watch",
        &[
            ("dcache op watch 0b57", "until it is over; Ctrl-C leaves it running"),
            ("dcache op watch --progress json", "a line of JSON on stderr with each change"),
        ],
    ),
    ("op pause", &[("dcache op pause 0b57", "no move begins"), ("dcache op pause", "the one under way")]),
    ("op resume", &[("dcache op resume 0b57", "it goes on"), ("dcache op resume", "the one under way")]),
    (
        "op cancel",
        &[
            ("dcache op cancel 0b57", "what has moved stays there"),
            ("dcache op cancel 0b57 --no-wait", "do not wait until it is over"),
        ],
    ),
    (
        "op throttle",
        &[
            ("dcache op throttle 0b57 --rate 10MiB/s", "slower"),
            ("dcache op throttle --guard-p99 500ms", "let clients feel more of it"),
        ],
    ),
    (
        "namespace list",
        &[("dcache namespace list", "all with their figures"), ("dcache namespace list -o name", "names")],
    ),
    (
        "namespace show",
        &[
            ("dcache namespace show sessions", "its policy and figures"),
            ("dcache namespace show default -o yaml", "as YAML"),
        ],
    ),
    (
        "namespace set",
        &[
            (
                "dcache namespace set sessions --prefix session: --memory-max 256MiB --default-ttl 30m --ttl-jitter 10%",
                "keys that begin with session:",
            ),
            ("dcache namespace set sessions --memory-max 1GiB --dry-run", "what would change"),
            ("dcache namespace set sessions --default-ttl none", "take a limit away"),
            ("dcache namespace set -f sessions.yaml", "from a file"),
        ],
    ),
    (
        "namespace delete",
        &[
            ("dcache namespace delete sessions", "asks first; no key is deleted"),
            ("dcache namespace delete sessions --yes", "without a question"),
        ],
    ),
    (
        "stats",
        &[
            ("dcache stats", "the whole cluster"),
            ("dcache stats memory --node n2 -o json", "one part of one node"),
            ("dcache stats --watch 5s -o ndjson", "a line every five seconds"),
        ],
    ),
    (
        "events",
        &[
            ("dcache events --since 1h", "what happened in the last hour"),
            ("dcache events --follow --level warning", "what is worth a look, as it happens"),
            ("dcache events --node n2 -o json", "of one node, for programs"),
        ],
    ),
    (
        "top",
        &[
            ("dcache top", "the dashboard; ? lists its keys, q leaves"),
            ("dcache top --screen slots --refresh 500ms", "begin with the slots, twice a second"),
            ("dcache top --once -o json", "one snapshot for programs"),
        ],
    ),
    ("context list", &[("dcache context list", "all of them"), ("dcache ctx ls -o json", "for programs")]),
    (
        "context show",
        &[
            ("dcache context show", "the one in use and where that was said"),
            ("dcache context show prod-eu", "another"),
        ],
    ),
    (
        "context add",
        &[
            ("dcache context add prod-eu cache-a1:7401 cache-b1:7401 --protected", "ask before danger"),
            ("dcache context add dev 127.0.0.1:7401 --use", "and select it"),
        ],
    ),
    ("context use", &[("dcache context use prod-eu", "from now on"), ("dcache -c dev stats", "only this once")]),
    (
        "context rename",
        &[("dcache context rename dev test", "another name"), ("dcache ctx rename prod-eu prod", "the same, shorter")],
    ),
    (
        "context remove",
        &[("dcache context remove dev", "forget it; the cluster goes on"), ("dcache ctx rm dev", "the same, shorter")],
    ),
    (
        "context test",
        &[("dcache context test", "does each endpoint answer?"), ("dcache context test prod-eu", "another's")],
    ),
    (
        "completions",
        &[
            ("source <(dcache completions bash --dynamic)", "for this shell, with names of nodes and contexts"),
            ("dcache completions zsh > _dcache", "a file for zsh's fpath"),
        ],
    ),
    ("man", &[("dcache man cluster init | man -l -", "read one page"), ("dcache man --out man", "write all of them")]),
    ("version", &[("dcache version", "of this program and the node"), ("dcache version -o json", "for programs")]),
    (
        "help",
        &[
            ("dcache help cluster init", "the same as dcache cluster init --help"),
            ("dcache help exit-codes", "what the exit codes mean"),
            ("dcache help commands client list", "a command of clients, and what differs from Redis"),
        ],
    ),
];

/// The command tree with help, examples and the top page in place.
pub fn tree() -> Command {
    let tree = with_examples(Cli::command(), "");
    let page = top_page(&tree);
    tree.override_help(page)
}

fn with_examples(mut command: Command, path: &str) -> Command {
    let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_string()).collect();
    for name in names {
        let path = if path.is_empty() { name.clone() } else { format!("{path} {name}") };
        command = command.mut_subcommand(name, |sub| with_examples(sub, &path));
    }
    let Some(examples) = examples_of(path) else { return command };
    let width = examples.iter().map(|(line, _)| line.len()).filter(|&length| length <= 60).max().unwrap_or(0);
    let mut text = String::from("Examples:\n");
    for (line, about) in examples {
        let _ = writeln!(text, "  {line:width$}  # {about}");
    }
    command.after_help(text.trim_end().to_string())
}

/// Examples of a leaf, by its words after `dcache`.
pub fn examples_of(path: &str) -> Option<&'static [Example]> {
    EXAMPLES.iter().find(|(of, _)| *of == path).map(|(_, examples)| *examples)
}

/// What `dcache` alone prints.
pub fn top_page(tree: &Command) -> String {
    let about = tree.get_about().map(ToString::to_string).unwrap_or_default();
    let mut page = format!("{about}\n\nUsage: dcache [OPTIONS] <COMMAND>\n");
    for (group, names) in GROUPS {
        let _ = writeln!(page, "\n{group}");
        for name in *names {
            let Some(command) = tree.find_subcommand(name) else { continue };
            let verbs: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
            let words = if verbs.is_empty() { (*name).to_string() } else { format!("{name} {}", verbs.join("|")) };
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            match words.len() <= 22 {
                true => {
                    let _ = writeln!(page, "  {words:22}  {about}");
                }
                false => {
                    let _ = writeln!(page, "  {words}\n  {:22}  {about}", "");
                }
            }
        }
    }
    page.push_str("\nExamples\n");
    for (line, about) in FIRST_STEPS {
        let _ = writeln!(page, "  {line:40}  # {about}");
    }
    page.push_str(
        "\nOptions for every command: -c CONTEXT, --endpoint HOST:PORT, -o table|wide|json|yaml|ndjson|name,\n\
         -q, -v, -y, --timeout DUR, --color WHEN; all of them: dcache COMMAND --help\n\
         Topics: dcache help exit-codes|environment|formats|patterns|config|glossary|commands\n",
    );
    page
}

/// Names of the topics of `dcache help`.
pub const TOPICS: [&str; 7] = ["exit-codes", "environment", "formats", "patterns", "config", "glossary", "commands"];

/// The text of a topic.
pub fn topic(name: &str) -> Option<String> {
    Some(match name {
        "exit-codes" => exit_codes(),
        "environment" => environment(),
        "formats" => FORMATS.into(),
        "patterns" => PATTERNS.into(),
        "config" => CONFIG.into(),
        "glossary" => GLOSSARY.into(),
        "commands" => commands::text(&[]).ok()?,
        _ => return None,
    })
}

fn exit_codes() -> String {
    let mut text = String::from("Exit codes\n\n");
    for exit in Exit::ALL {
        let _ = writeln!(text, "  {:>3}  {:12}  {}", exit.code(), exit.name(), exit.meaning());
    }
    text.push_str(
        "\nA node, and a local cluster in the foreground, that SIGINT or SIGTERM stopped in order ends with 0.\n\
         Any other command ends by the signal itself, which a shell shows as 130 or 143. A command that watches an operation\n\
         ends with 130 at Ctrl-C, and the operation goes on.\n\
         cluster status --check is never 0 with a copy missing (COPY-01, COPY-02), a node that does not answer (NODE-01,\n\
         NODE-02) or an operation that is not finished (OPER-01, OPER-02); of other warnings only with --strict.\n",
    );
    text
}

/// Every variable, those that stand in for flags first, as the command tree has them.
fn environment() -> String {
    let tree = Cli::command();
    let mut text = String::from("Environment; a flag beats it\n\n");
    let mut line = |name: &str, about: &str| {
        let _ = writeln!(text, "  {name:18}  {about}");
    };
    line("DCACHE_CONTEXT", "named cluster, as --context");
    line("DCACHE_ENDPOINTS", "control doors, separated by commas; beats DCACHE_CONTEXT");
    for arg in tree.get_arguments() {
        if let (Some(env), Some(long)) = (arg.get_env(), arg.get_long()) {
            line(&env.to_string_lossy(), &format!("as --{long}"));
        }
    }
    line("NO_COLOR", "no colour when set and not empty");
    line("CLICOLOR_FORCE", "colour without a terminal too, unless 0 or empty; NO_COLOR beats it");
    line("XDG_CONFIG_HOME", "config.yaml is in dcache/ below it; ~/.config without it");
    line("XDG_STATE_HOME", "local clusters and reports of bugs are in dcache/ below it; ~/.local/state without it");
    line("XDG_DATA_HOME", "nodes' data is in dcache/ below it, unless --data-dir says more; ~/.local/share without it");
    line("DCACHE_LOG", "what a node logs: error, warn, info, debug, or module=level");
    text.push_str("\nOf dcache node start\n\n");
    let start = tree.find_subcommand("node").and_then(|node| node.find_subcommand("start"));
    for arg in start.into_iter().flat_map(Command::get_arguments) {
        if let (Some(env), Some(long)) = (arg.get_env(), arg.get_long()) {
            let _ = writeln!(text, "  {:18}  as --{long}", env.to_string_lossy());
        }
    }
    text
}

const FORMATS: &str = "\
Output formats (-o)

  table    aligned columns; colour on a terminal only
  wide     the same with more columns
  json     one object: apiVersion, kind, the answer's fields, warnings; lists are in items
  yaml     the same as YAML
  ndjson   one JSON object a line: each item of a list, each round of --watch
  name     names only, one a line
  help     the columns and fields of the command

Data goes to stdout, everything else to stderr. Numbers in JSON are raw: bytes, milliseconds, counts. With json and
ndjson an error is one JSON object on stderr: {\"error\":{\"code\":...,\"exit\":...,\"message\":...,\"hint\":...,\"details\":...}}.
get writes exactly the value's bytes; on a terminal it adds a line end to text and refuses binary without --raw.
In JSON a value is text (encoding utf8) or base64 (encoding base64).
";

const PATTERNS: &str = "\
Patterns (scan, del --pattern)

  *       any bytes, also none
  ?       one byte
  [abc]   one of these; [a-z] a range; [^a] anything but
  \\       takes the next character as it is

Quote patterns: a shell has its own idea of them. A scan visits every key that exists all the time it runs at least once;
what comes and goes meanwhile may or may not be seen.
";

const CONFIG: &str = "\
Which cluster: --endpoint, --context, DCACHE_ENDPOINTS, DCACHE_CONTEXT, the selected context, 127.0.0.1:7401; the first
that is given. Contexts are in dcache/config.yaml in the config folder (XDG_CONFIG_HOME), readable by you alone:

  apiVersion: dcache/v1
  kind: Config
  current: local
  contexts:
    local:
      endpoints: [127.0.0.1:7401, 127.0.0.1:7411]
    prod-eu:
      endpoints: [cache-a1.internal:7401]
      protected: true        # dangerous verbs ask for its name
      complete-keys: true    # TAB may scan for key names

A node's file (dcache node start -f) has a field for each flag of the same name:

  apiVersion: dcache/v1
  kind: Node
  name: cache-a1
  zone: a
  memory: 2GiB
  listen: 10.0.1.11:7400
  join: [10.0.1.12:7402]

A cluster's file (dcache cluster init -f):

  name: prod-eu
  partitions: 1024
  nodes:
    - peers: 10.0.1.11:7402
    - peers: 10.0.1.12:7402
      weight: 200
  namespaces:
    - name: sessions
      match: {prefix: \"session:\"}
      eviction: auto
      memoryMaxBytes: 268435456
";

const GLOSSARY: &str = "\
Words

  node        one dcache process
  door        a port a node listens on: gateway (any Redis client), cluster (cluster-aware Redis clients),
              control (HTTP: this program, Prometheus), peers (other nodes)
  slot        one of 16384 hash slots a key can fall into
  partition   a range of slots with one owner, its primary
  primary     the node that owns a partition
  epoch       number that grows with every agreed change clients can see
  metadata    what the nodes agree on: who is there, who owns what, namespaces
  namespace   a set of keys, by prefix or database, with a policy of its own
  policy      which entry goes when space is needed: auto (picks by itself), lru, lfu, fifo, s3-fifo, w-tinylfu, lhd, cost,
              random, or none
  evict       take an entry away for space; expire: because its time is over; delete: because somebody asked
  context     a named cluster in this program's config file
  finding     one thing an operator should know, with a stable id
";

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn leaves(command: &Command, path: &str, found: &mut Vec<String>) {
        for sub in command.get_subcommands() {
            let path = if path.is_empty() { sub.get_name().to_string() } else { format!("{path} {}", sub.get_name()) };
            // One that does something by itself has examples of its own.
            if !sub.is_subcommand_required_set() {
                found.push(path.clone());
            }
            leaves(sub, &path, found);
        }
    }

    #[test]
    fn the_tree_is_sound() {
        tree().debug_assert();
    }

    #[test]
    fn every_command_is_in_exactly_one_group_and_on_the_page() {
        let tree = tree();
        let mut grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        let mut commands: Vec<&str> = tree.get_subcommands().map(Command::get_name).collect();
        grouped.sort_unstable();
        commands.sort_unstable();
        assert_eq!(grouped, commands);
        let page = top_page(&tree);
        for command in tree.get_subcommands() {
            for verb in command.get_subcommands() {
                assert!(page.contains(verb.get_name()), "{} {}", command.get_name(), verb.get_name());
            }
        }
    }

    #[test]
    fn every_leaf_has_two_to_four_examples_and_they_parse() {
        let mut found = Vec::new();
        leaves(&tree(), "", &mut found);
        let examples: Vec<&str> = EXAMPLES.iter().map(|(path, _)| *path).collect();
        assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), examples);
        for (path, examples) in EXAMPLES {
            assert!((2..=4).contains(&examples.len()), "{path}");
            for (line, _) in *examples {
                let begins = line.find("dcache").unwrap();
                let command = line[begins..].split(['|', '>', '<', '&', ')']).next().unwrap();
                let words = command.split_whitespace().map(|word| word.trim_matches('\''));
                tree().try_get_matches_from(words).unwrap_or_else(|error| panic!("{line}: {error}"));
            }
        }
    }

    #[test]
    fn every_topic_has_a_text_and_exit_codes_lists_all() {
        assert!(TOPICS.iter().all(|name| topic(name).is_some()));
        let text = exit_codes();
        assert!(Exit::ALL.iter().all(|exit| text.contains(exit.name()) && text.contains(exit.meaning())));
        assert!(environment().contains("DCACHE_TIMEOUT") && environment().contains("DCACHE_DATA_DIR"));
    }

    #[test]
    fn short_flags_mean_the_same_everywhere() {
        fn walk(command: &Command) {
            for arg in command.get_arguments() {
                let expected = match arg.get_short() {
                    Some('o') => "output",
                    Some('f') => "file",
                    Some('n') => "namespace",
                    Some('c') => "context",
                    Some('q') => "quiet",
                    Some('v') => "verbose",
                    Some('y') => "yes",
                    Some('w') => "watch",
                    Some(other) if arg.get_id() != "help" && arg.get_id() != "version" => {
                        panic!("-{other} of {}", command.get_name())
                    }
                    _ => continue,
                };
                assert_eq!(arg.get_long(), Some(expected), "{}", command.get_name());
            }
            command.get_subcommands().for_each(walk);
        }
        walk(&tree());
    }
}
