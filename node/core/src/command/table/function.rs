//! Rows of functions: `FCALL`, and `FUNCTION` with what it has of subcommands.

use super::row::{command, docs, oneof, pure_token, string_arg};
use super::scripting::{ARGS, CHANGED, READ, READ_ONLY, RUN, run};
use crate::command::{Arg, Categories, Command, Flags, Gateway, Gather, Run, function};

const CALL: &[Arg] = &[string_arg("function"), ARGS[0], ARGS[1], ARGS[2]];
const FLAGS: Flags = Flags::NOSCRIPT;
const ALL_SHARDS: &[&str] = &["request_policy:all_shards", "response_policy:all_succeeded"];

const fn fcall(row: Command) -> Command {
    let mut row = row;
    row.docs.complexity = "Depends on the function that is executed.";
    row
}

/// What the cluster agrees on.
const fn change(
    name: &'static str,
    arity: i16,
    flags: Flags,
    complexity: &'static str,
    summary: &'static str,
    args: &'static [Arg],
) -> Command {
    Command {
        gateway: Gateway::Agreed,
        tips: ALL_SHARDS,
        docs: docs("scripting", "7.0.0", complexity, summary, args),
        ..command(name, arity, FLAGS.or(Flags::WRITE).or(flags), Categories::SCRIPTING, function::change)
    }
}

/// What the node asked tells.
const fn look(name: &'static str, arity: i16, complexity: &'static str, summary: &'static str, run: Run) -> Command {
    Command {
        docs: docs("scripting", "7.0.0", complexity, summary, &[]),
        ..command(name, arity, FLAGS, Categories::SCRIPTING, run)
    }
}

pub(super) const ROWS: &[Command] = &[
    fcall(run("fcall", RUN, CHANGED, "7.0.0", "Calls a function of a library.", CALL)),
    fcall(run("fcall_ro", READ, READ_ONLY, "7.0.0", "Calls a function of a library that may only read.", CALL)),
    Command {
        is_container: true,
        docs: docs("scripting", "7.0.0", "Depends on subcommand.", "A container for commands about functions.", &[]),
        ..command("function", -2, Flags::NONE, Categories::NONE, function::help)
    },
    change(
        "function|delete",
        3,
        Flags::NONE,
        "O(1)",
        "Deletes a library, in the whole cluster.",
        &[string_arg("library-name")],
    ),
    look(
        "function|dump",
        2,
        "O(N) where N is the number of functions",
        "Answers all libraries as bytes that FUNCTION RESTORE takes.",
        function::dump,
    ),
    change(
        "function|flush",
        -2,
        Flags::NONE,
        "O(N) where N is the number of functions deleted",
        "Deletes all libraries, in the whole cluster.",
        &[oneof("flush-type", &[pure_token("async", "ASYNC"), pure_token("sync", "SYNC")]).optional()],
    ),
    Command {
        flags: Flags::LOADING.or(Flags::STALE),
        ..look("function|help", 2, "O(1)", "Tells about the subcommands.", function::help)
    },
    Command {
        flags: FLAGS.or(Flags::ALLOW_BUSY),
        gateway: Gateway::Everywhere(Gather::AnyOk),
        tips: &["request_policy:all_shards", "response_policy:one_succeeded"],
        ..look(
            "function|kill",
            2,
            "O(1)",
            "Ends functions that run long and have written nothing, on all nodes.",
            function::kill,
        )
    },
    Command {
        tips: &["nondeterministic_output_order"],
        docs: docs(
            "scripting",
            "7.0.0",
            "O(N) where N is the number of functions",
            "Tells which libraries there are, and their functions.",
            &[
                string_arg("library-name-pattern").token("LIBRARYNAME").optional(),
                pure_token("withcode", "WITHCODE").optional(),
            ],
        ),
        ..look("function|list", -2, "", "", function::list)
    },
    change(
        "function|load",
        -3,
        Flags::DENYOOM,
        "O(1) (considering compilation time is redundant)",
        "Brings a library of functions, to the whole cluster.",
        &[pure_token("replace", "REPLACE").optional(), string_arg("function-code")],
    ),
    change(
        "function|restore",
        -3,
        Flags::DENYOOM,
        "O(N) where N is the number of functions on the payload",
        "Brings the libraries of a FUNCTION DUMP, to the whole cluster.",
        &[
            string_arg("serialized-value"),
            oneof(
                "policy",
                &[pure_token("flush", "FLUSH"), pure_token("append", "APPEND"), pure_token("replace", "REPLACE")],
            )
            .optional(),
        ],
    ),
    Command {
        flags: FLAGS.or(Flags::ALLOW_BUSY),
        tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
        ..look("function|stats", 2, "O(1)", "Tells which function runs, and how many there are.", function::stats)
    },
];
