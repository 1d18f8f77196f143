//! A command as people read it: its group, how it is written, and what a gateway does with it. Left out: what differs from Redis
//! ([`super::differences`]), and how it is laid out.

use super::{Arg, COMMANDS, Command, Gateway, Gather};

/// The groups of commands, as COMMAND DOCS names them, with their titles.
pub const GROUPS: &[(&str, &str)] = &[
    ("generic", "Keys of any type"),
    ("string", "Strings"),
    ("hash", "Hashes"),
    ("list", "Lists"),
    ("set", "Sets"),
    ("sorted-set", "Sorted sets"),
    ("stream", "Streams"),
    ("bitmap", "Bitmaps"),
    ("hyperloglog", "HyperLogLog"),
    ("geo", "Places"),
    ("pubsub", "Pub/sub"),
    ("transactions", "Transactions"),
    ("scripting", "Scripts and functions"),
    ("connection", "Connections and clients"),
    ("server", "Server"),
    ("cluster", "Cluster"),
];

/// The commands of a group by name, subcommands for a container that does nothing by itself.
pub fn in_group(group: &str) -> Vec<&'static Command> {
    let is_shown = |command: &&Command| command.docs.group == group && !(command.is_container && command.arity < -1);
    let mut commands: Vec<&Command> = COMMANDS.iter().filter(is_shown).collect();
    commands.sort_unstable_by_key(|command| command.name);
    commands
}

/// A command as a client writes it: `CLIENT LIST` for `client|list`.
pub fn title(name: &str) -> String {
    name.replace('|', " ").to_ascii_uppercase()
}

/// How a command is written, as Redis's manual has it: `SET key value [NX | XX] …`
pub fn syntax(command: &Command) -> String {
    let mut words = vec![title(command.name)];
    match command.docs.args {
        // A row that only refuses has none.
        [] => {
            let named = 1 + usize::from(command.container().is_some());
            let needed = usize::from(command.arity.unsigned_abs()).saturating_sub(named);
            let needed_word = if command.is_container { "subcommand" } else { "argument" };
            words.extend(std::iter::repeat_n(needed_word.to_string(), needed));
            if command.arity < 0 && !command.name.ends_with("|help") {
                words.push("[argument ...]".into());
            }
        }
        args => words.extend(args.iter().map(written)),
    }
    words.join(" ")
}

fn written(arg: &Arg) -> String {
    let inner = match arg.kind {
        "pure-token" => String::new(),
        "oneof" => {
            let choices = join(arg.args, " | ");
            let is_bare = arg.optional && arg.token.is_none() && !arg.multiple;
            if is_bare { choices } else { format!("<{choices}>") }
        }
        "block" => join(arg.args, " "),
        _ => arg.name.to_string(),
    };
    let once = match arg.token {
        Some(token) if inner.is_empty() => token.to_string(),
        Some(token) => format!("{token} {inner}"),
        None => inner.clone(),
    };
    let all = match (arg.multiple, arg.repeats_token) {
        (false, _) => once,
        (true, true) => format!("{once} [{once} ...]"),
        (true, false) => format!("{once} [{inner} ...]"),
    };
    if arg.optional { format!("[{all}]") } else { all }
}

fn join(args: &[Arg], between: &str) -> String {
    args.iter().map(written).collect::<Vec<_>>().join(between)
}

/// What a gateway does with a command.
pub fn at_gateway(gateway: Gateway) -> &'static str {
    match gateway {
        Gateway::Local => "The node asked answers for itself.",
        Gateway::Single => "The owner of the key runs it.",
        Gateway::Split(_) => {
            "Each owner runs it for its own keys, and the answers become one. Over several nodes or slots that is not at one moment, \
             and an error may tell that a part was done."
        }
        Gateway::SameSlot => "The owner of all keys runs it; -CROSSSLOT when they are on several nodes.",
        Gateway::InTurn => "The owners of the keys are tried in the order of the keys.",
        Gateway::Script => {
            "The owner of the keys runs it; -CROSSSLOT when they are of several slots, unless one node owns all slots or the database \
             is pinned."
        }
        Gateway::Everywhere(Gather::Cursor) => "One node after the other answers for its own keys.",
        Gateway::Everywhere(Gather::Any) => "Every node is asked, and the answer of one is taken.",
        Gateway::Everywhere(_) => "Every node runs it for its own keys, not at one moment, and the answers become one.",
        Gateway::Agreed => {
            "The node asked has the cluster agree on it, at the cluster door too, and answers when it acts on what was agreed."
        }
        Gateway::Told => "The node asked does it, together with the nodes that it concerns, at the cluster door too.",
        Gateway::Copies => "The owners of what the client wrote are asked, at the cluster door too.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn syntax_of(name: &str) -> String {
        syntax(COMMANDS.iter().find(|command| command.name == name).expect("a command"))
    }

    #[test]
    fn every_command_is_in_a_group_that_is_shown() {
        let mut shown: Vec<&str> =
            GROUPS.iter().flat_map(|(group, _)| in_group(group)).map(|command| command.name).collect();
        let mut all: Vec<&str> = COMMANDS
            .iter()
            .filter(|command| !command.is_container || command.name == "command")
            .map(|command| command.name)
            .collect();
        shown.sort_unstable();
        all.sort_unstable();
        assert_eq!(shown, all);
    }

    #[test]
    fn commands_are_written_as_in_the_manual_of_redis() {
        assert_eq!(syntax_of("get"), "GET key");
        assert_eq!(syntax_of("del"), "DEL key [key ...]");
        assert_eq!(syntax_of("mset"), "MSET key value [key value ...]");
        assert_eq!(syntax_of("expire"), "EXPIRE key seconds [NX | XX | GT | LT]");
        assert_eq!(syntax_of("client|kill").split(' ').take(2).collect::<Vec<_>>(), ["CLIENT", "KILL"]);
        assert_eq!(
            syntax_of("sort_ro"),
            "SORT_RO key [BY by-pattern] [LIMIT offset count] [GET get-pattern [GET get-pattern ...]] [ASC | DESC] [ALPHA]"
        );
        assert_eq!(
            syntax_of("zunion"),
            "ZUNION numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>] [WITHSCORES]"
        );
        assert_eq!(syntax_of("dbsize"), "DBSIZE");
    }

    #[test]
    fn a_row_without_arguments_says_how_many_it_needs() {
        assert_eq!(syntax_of("cluster|meet"), "CLUSTER MEET argument argument [argument ...]");
        assert_eq!(syntax_of("shutdown"), "SHUTDOWN [argument ...]");
        assert_eq!(syntax_of("config|help"), "CONFIG HELP");
        assert_eq!(syntax_of("config"), "CONFIG subcommand [argument ...]");
    }

    #[test]
    fn brackets_of_every_command_are_closed() {
        for command in &COMMANDS {
            let syntax = syntax(command);
            for (open, close) in [('[', ']'), ('<', '>')] {
                assert_eq!(syntax.matches(open).count(), syntax.matches(close).count(), "{syntax}");
            }
            assert!(!syntax.contains("  ") && !syntax.contains("[]") && !syntax.contains("<>"), "{syntax}");
            assert!(!at_gateway(command.gateway).is_empty());
        }
    }
}
