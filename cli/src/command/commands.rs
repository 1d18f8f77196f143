//! The list of the commands that clients may send, made from the node's table: `dcache help commands`, and the man page.

use crate::error::{CliError, Result, nearest};
use clap_mangen::roff::{Roff, bold, italic, roman};
use dcache_node::commands::differences::{ABSENT, GENERAL, is_different, of, why_absent};
use dcache_node::commands::manual::{GROUPS, at_gateway, in_group, syntax, title};
use dcache_node::commands::{COMMANDS, Command};
use std::fmt::Write as _;

const WIDTH: usize = 80;

/// Where summaries begin.
const SUMMARY_AT: usize = 36;

/// What marks a command that differs.
const MARK: &str = "~";

/// `help commands`, with the words behind it.
pub fn text(words: &[String]) -> Result<String> {
    let name = words.join("|").to_ascii_lowercase();
    let group_name = name.trim_start_matches('@');
    let group = GROUPS.iter().find(|(group, _)| *group == group_name && !in_group(group).is_empty());
    match (find(&name), why_absent(&name), group) {
        _ if name.is_empty() => Ok(overview()),
        (Some(command), _, _) => Ok(entry(command)),
        (None, Some(why), _) => Ok(wrapped(&format!("{} is not there. {why}", title(&name)), 0)),
        (None, None, Some((group, heading))) => Ok(group_text(group, heading)),
        (None, None, None) => Err(unknown(&name)),
    }
}

fn find(name: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.name == name)
}

fn unknown(name: &str) -> CliError {
    let known: Vec<String> = names();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let written = name.replace('|', " ");
    let error = CliError::usage(format!("no command or group {written:?} for clients"));
    match nearest(&written, &known) {
        near if near.is_empty() => error.hint("all of them: dcache help commands"),
        near => error.hint(format!("did you mean {}?", near.join(", "))),
    }
}

/// All that `help commands` takes.
pub fn names() -> Vec<String> {
    let groups = GROUPS.iter().filter(|(group, _)| !in_group(group).is_empty()).map(|(group, _)| format!("@{group}"));
    let commands = COMMANDS.iter().map(|command| command.name.replace('|', " "));
    groups.chain(commands).chain(ABSENT.iter().map(|(name, _)| name.replace('|', " "))).collect()
}

fn overview() -> String {
    let mut text = format!(
        "Commands for clients. {MARK} marks what differs from Redis 7.2, or may answer another\n\
         way where several nodes have the keys.\n\
         All about one, or a group: dcache help commands NAME|@GROUP\n\
         What differs in general, and all of this on a page: man dcache-commands\n"
    );
    for (group, heading) in GROUPS {
        let commands = in_group(group);
        if commands.is_empty() {
            continue;
        }
        let _ = writeln!(text, "\n{heading} (@{group})");
        commands.into_iter().for_each(|command| text.push_str(&line(command)));
    }
    text.push_str("\nNot there\n");
    for (name, why) in ABSENT {
        text.push_str(&beside(&format!("  {}", title(name)), why));
    }
    text
}

/// A command in one line, or in as many as its arguments need.
fn line(command: &Command) -> String {
    let mark = if is_different(command) { MARK } else { " " };
    beside(&format!("{mark} {}", syntax(command)), command.docs.summary)
}

/// A text at [`SUMMARY_AT`], behind what it is about or below that.
fn beside(what: &str, about: &str) -> String {
    let about = wrapped(about, SUMMARY_AT);
    match what.len() + 2 <= SUMMARY_AT {
        true => format!("{what:SUMMARY_AT$}{}", about.trim_start()),
        false => {
            let mark = what.get(..2).unwrap_or_default();
            // What does not fit on its line goes on below, further in.
            let lines = wrapped(what.get(2..).unwrap_or_default(), 6);
            format!("{mark}{}{about}", lines.trim_start())
        }
    }
}

fn group_text(group: &str, heading: &str) -> String {
    let entries: Vec<String> = in_group(group).into_iter().map(entry).collect();
    format!("{heading}\n\n{}", entries.join("\n"))
}

/// Everything about a command.
fn entry(command: &Command) -> String {
    let docs = &command.docs;
    let mut text = wrapped_after(&syntax(command), 0, 4);
    text.push_str(&wrapped(docs.summary, 2));
    let mut field = |name: &str, value: &str| text.push_str(&wrapped_after(&format!("{name}: {value}"), 2, 4));
    field("since", docs.since);
    if !docs.complexity.is_empty() {
        field("complexity", docs.complexity);
    }
    if let Some((since, instead)) = docs.deprecated {
        field("deprecated", &format!("since {since}, replaced by {instead}"));
    }
    field("gateway", at_gateway(command.gateway));
    of(command).for_each(|difference| field("differs", difference));
    let subcommands: Vec<String> = command.subcommands().iter().map(|row| title(row.name)).collect();
    if !subcommands.is_empty() {
        field("subcommands", &subcommands.join(", "));
    }
    text
}

fn wrapped(text: &str, indent: usize) -> String {
    wrapped_after(text, indent, indent)
}

/// Lines of at most [`WIDTH`], the first behind `first` spaces and others behind `rest`.
fn wrapped_after(text: &str, first: usize, rest: usize) -> String {
    let mut lines = String::new();
    let mut line = " ".repeat(first);
    let mut is_empty = true;
    for word in text.split_whitespace() {
        if !is_empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            let _ = writeln!(lines, "{line}");
            line = " ".repeat(rest);
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    let _ = writeln!(lines, "{line}");
    lines
}

/// `dcache-commands(7)`
pub fn page() -> Roff {
    let mut roff = Roff::new();
    roff.control("TH", ["DCACHE-COMMANDS", "7", "", &format!("dcache {}", dcache_protocol::VERSION), "dcache"]);
    roff.control("SH", ["NAME"]);
    roff.text([roman("dcache-commands - commands that clients may send to dcache, and what differs from Redis 7.2")]);
    roff.control("SH", ["DESCRIPTION"]);
    roff.text([roman(
        "Replies, errors and arguments are those of Redis 7.2 but for what is said here. Behind each command is since which version \
         of Redis or Valkey it is known, and what a gateway does with it in a cluster of several nodes.",
    )]);
    for (heading, text) in GENERAL {
        roff.control("TP", []);
        roff.text([bold(*heading)]);
        roff.text([roman(*text)]);
    }
    for (group, heading) in GROUPS {
        let commands = in_group(group);
        if commands.is_empty() {
            continue;
        }
        roff.control("SH", [heading.to_uppercase().as_str()]);
        commands.into_iter().for_each(|command| page_entry(&mut roff, command));
    }
    roff.control("SH", ["NOT THERE"]);
    for (name, why) in ABSENT {
        roff.control("TP", []);
        roff.text([bold(title(name))]);
        roff.text([roman(*why)]);
    }
    roff.control("SH", ["SEE ALSO"]);
    roff.text([roman("dcache(1), dcache-help(1), dcache-namespace-set(1)")]);
    roff
}

fn page_entry(roff: &mut Roff, command: &Command) {
    let docs = &command.docs;
    roff.control("TP", []);
    let name = title(command.name);
    let written = syntax(command);
    roff.text([bold(name.as_str()), roman(written.get(name.len()..).unwrap_or_default())]);
    roff.text([roman(docs.summary)]);
    let complexity = if docs.complexity.is_empty() { String::new() } else { format!(" {}.", docs.complexity) };
    roff.text([roman(format!("Since {}.{complexity}", docs.since))]);
    if let Some((since, instead)) = docs.deprecated {
        roff.text([roman(format!("Deprecated since {since}, replaced by {instead}."))]);
    }
    roff.text([roman(at_gateway(command.gateway))]);
    for difference in of(command) {
        roff.control("br", []);
        roff.text([italic("Differs: "), roman(difference)]);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn help(words: &str) -> String {
        text(&words.split_whitespace().map(str::to_string).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn the_overview_has_every_command_within_80_columns() {
        let overview = help("");
        for command in COMMANDS.iter().filter(|command| !command.is_container) {
            assert!(overview.contains(&format!(" {}", title(command.name))), "{}", command.name);
        }
        assert!(overview.lines().all(|line| line.chars().count() <= WIDTH), "{overview}");
        assert!(overview.contains("~ MGET key") && overview.contains("  GET key") && overview.contains("  WAITAOF"));
    }

    #[test]
    fn one_command_is_told_in_full() {
        let scan = help("scan");
        assert!(
            ["since: 2.8.0", "complexity:", "gateway: One node", "differs:"].iter().all(|part| scan.contains(part))
        );
        assert_eq!(help("CLIENT List"), help("client|list"));
        assert!(help("client").contains("CLIENT PAUSE"));
        assert!(help("module load").contains("MODULE LOAD is not there. There are no modules."));
    }

    #[test]
    fn a_group_is_found_by_its_name_and_a_command_goes_before_it() {
        assert!(help("@set").starts_with("Sets\n") && help("@set").contains("SADD key"));
        assert!(help("set").starts_with("SET key value"));
        assert!(help("sorted-set").starts_with("Sorted sets\n"));
    }

    #[test]
    fn what_nobody_knows_has_near_names() {
        let error = format!("{:?}", text(&["zrnage".into()]).unwrap_err());
        assert!(error.contains("zrnage") && error.contains("did you mean zrange"), "{error}");
    }

    #[test]
    fn the_page_has_every_group_and_what_differs() {
        let page = page().render();
        assert!(page.contains(".SH \"SORTED SETS\"") || page.contains(".SH SORTED SETS"));
        assert!(page.contains("NOT THERE") && page.contains("Differs: "));
        assert_eq!(page.matches("\n.TP").count(), GENERAL.len() + ABSENT.len() + shown());
    }

    fn shown() -> usize {
        GROUPS.iter().map(|(group, _)| in_group(group).len()).sum()
    }
}
