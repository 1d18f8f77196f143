//! Rows of commands of Lua scripts: EVAL and its kin, SCRIPT. What they do is in `command/scripting.rs`.

use super::row::{command, counted_keys, docs, integer, key_arg, oneof, pure_token, string_arg};
use crate::command::{Arg, Categories, Command, Flags, Gateway, Gather, KeySpec, scripting};

pub(super) const RUN: Flags =
    Flags::NOSCRIPT.or(Flags::STALE).or(Flags::SKIP_MONITOR).or(Flags::NO_MANDATORY_KEYS).or(Flags::MOVABLE_KEYS);
pub(super) const READ: Flags = RUN.or(Flags::READONLY);
pub(super) const ARGS: [Arg; 3] =
    [integer("numkeys"), key_arg("key").at(0).optional().multiple(), string_arg("arg").optional().multiple()];
const WITH_TEXT: &[Arg] = &[string_arg("script"), ARGS[0], ARGS[1], ARGS[2]];
const WITH_SUM: &[Arg] = &[string_arg("sha1"), ARGS[0], ARGS[1], ARGS[2]];

const fn any_key(flags: &'static [&'static str]) -> KeySpec {
    KeySpec {
        notes: Some("We cannot tell how the keys will be used so we assume the worst, RW and UPDATE"),
        ..counted_keys(2, flags)
    }
}

pub(super) const fn run(
    name: &'static str,
    flags: Flags,
    keys: &'static [KeySpec],
    since: &'static str,
    summary: &'static str,
    args: &'static [Arg],
) -> Command {
    Command {
        keys,
        gateway: Gateway::Script,
        docs: docs("scripting", since, "Depends on the script that is executed.", summary, args),
        ..command(name, -3, flags, Categories::SCRIPTING, scripting::eval)
    }
}

pub(super) const CHANGED: &[KeySpec] = &[any_key(&["RW", "access", "update"])];
pub(super) const READ_ONLY: &[KeySpec] = &[KeySpec {
    notes: Some("We cannot tell how the keys will be used so we assume the worst, RO and ACCESS"),
    ..counted_keys(2, &["RO", "access"])
}];

pub(super) const ROWS: &[Command] = &[
    run("eval", RUN, CHANGED, "2.6.0", "Runs a Lua script.", WITH_TEXT),
    run("eval_ro", READ, READ_ONLY, "7.0.0", "Runs a Lua script that may only read.", WITH_TEXT),
    run("evalsha", RUN, CHANGED, "2.6.0", "Runs a Lua script that is known, by its sum.", WITH_SUM),
    run("evalsha_ro", READ, READ_ONLY, "7.0.0", "Runs a known Lua script that may only read.", WITH_SUM),
    Command {
        is_container: true,
        docs: docs("scripting", "2.6.0", "Depends on subcommand.", "A container for commands about scripts.", &[]),
        ..command("script", -2, Flags::NONE, Categories::NONE, scripting::script_help)
    },
    Command {
        docs: docs(
            "scripting",
            "3.2.0",
            "O(1)",
            "Would have scripts debugged.",
            &[oneof("mode", &[pure_token("yes", "YES"), pure_token("sync", "SYNC"), pure_token("no", "NO")])],
        ),
        ..command("script|debug", 3, Flags::NOSCRIPT, Categories::SCRIPTING, scripting::script_debug)
    },
    Command {
        gateway: Gateway::Everywhere(Gather::Most),
        tips: &["request_policy:all_shards", "response_policy:agg_logical_and"],
        docs: docs(
            "scripting",
            "2.6.0",
            "O(N) with N being the number of scripts to check.",
            "Tells which scripts are known, by their sums.",
            &[string_arg("sha1").multiple()],
        ),
        ..command("script|exists", -3, Flags::NOSCRIPT, Categories::SCRIPTING, scripting::script_exists)
    },
    Command {
        gateway: Gateway::Everywhere(Gather::Ok),
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        docs: docs(
            "scripting",
            "2.6.0",
            "O(N) with N being the number of scripts in cache",
            "Forgets all scripts, on all nodes.",
            &[oneof("flush-type", &[pure_token("async", "ASYNC"), pure_token("sync", "SYNC")]).optional()],
        ),
        ..command("script|flush", -2, Flags::NOSCRIPT, Categories::SCRIPTING, scripting::script_flush)
    },
    Command {
        docs: docs("scripting", "5.0.0", "O(1)", "Tells about the subcommands.", &[]),
        ..command("script|help", 2, Flags::LOADING.or(Flags::STALE), Categories::SCRIPTING, scripting::script_help)
    },
    Command {
        gateway: Gateway::Everywhere(Gather::AnyOk),
        tips: &["request_policy:all_shards", "response_policy:one_succeeded"],
        docs: docs(
            "scripting",
            "2.6.0",
            "O(1)",
            "Ends scripts that run long and have written nothing, on all nodes.",
            &[],
        ),
        ..command(
            "script|kill",
            2,
            Flags::NOSCRIPT.or(Flags::ALLOW_BUSY),
            Categories::SCRIPTING,
            scripting::script_kill,
        )
    },
    Command {
        gateway: Gateway::Everywhere(Gather::Any),
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        docs: docs(
            "scripting",
            "2.6.0",
            "O(N) with N being the length in bytes of the script body.",
            "Has a script known by its sum, on all nodes.",
            &[string_arg("script")],
        ),
        ..command("script|load", 3, Flags::NOSCRIPT.or(Flags::STALE), Categories::SCRIPTING, scripting::script_load)
    },
];
