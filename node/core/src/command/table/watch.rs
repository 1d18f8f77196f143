//! Rows of what is watched: slow requests, latencies, and what others run.

use super::row::{KEY, command, docs, integer, keys, string_arg};
use crate::command::{Categories, Command, Flags, Gateway, client, debug, docs, latency};

const ADMIN: Flags = Flags::ADMIN.or(Flags::LOADING).or(Flags::STALE);
const LATENCY: Flags = ADMIN.or(Flags::NOSCRIPT);

pub(super) const ROWS: &[Command] = &[
    Command {
        docs: docs("server", "2.2.12", "Depends on the subcommand.", "Holds the commands about slow requests.", &[]),
        ..command("slowlog", -2, Flags::NONE, Categories::NONE, docs::container)
    },
    Command {
        tips: &["request_policy:all_nodes", "nondeterministic_output"],
        docs: docs(
            "server",
            "2.2.12",
            "O(N) where N is the number of entries",
            "Lists this node's slow requests, newest first.",
            &[integer("count").optional()],
        ),
        ..command("slowlog|get", -2, ADMIN, Categories::NONE, latency::slowlog_get)
    },
    Command {
        tips: &["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"],
        docs: docs("server", "2.2.12", "O(1)", "Counts this node's slow requests that are kept.", &[]),
        ..command("slowlog|len", 2, ADMIN, Categories::NONE, latency::slowlog_len)
    },
    Command {
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        docs: docs(
            "server",
            "2.2.12",
            "O(N) where N is the number of entries",
            "Forgets this node's slow requests.",
            &[],
        ),
        ..command("slowlog|reset", 2, ADMIN, Categories::NONE, latency::slowlog_reset)
    },
    Command {
        docs: docs("server", "6.2.0", "O(1)", "Describes the SLOWLOG subcommands.", &[]),
        ..command("slowlog|help", 2, Flags::LOADING.or(Flags::STALE), Categories::NONE, latency::slowlog_help)
    },
    Command {
        docs: docs(
            "server",
            "8.1.0",
            "Depends on the subcommand.",
            "Holds the commands about requests that stood out.",
            &[],
        ),
        ..command("commandlog", -2, Flags::NONE, Categories::NONE, docs::container)
    },
    Command {
        tips: &["request_policy:all_nodes", "nondeterministic_output"],
        docs: docs(
            "server",
            "8.1.0",
            "O(N) where N is the number of entries",
            "Lists this node's slow or large requests, newest first.",
            &[integer("count"), string_arg("type")],
        ),
        ..command("commandlog|get", 4, ADMIN, Categories::NONE, latency::commandlog_get)
    },
    Command {
        tips: &["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"],
        docs: docs("server", "8.1.0", "O(1)", "Counts those that are kept.", &[string_arg("type")]),
        ..command("commandlog|len", 3, ADMIN, Categories::NONE, latency::commandlog_len)
    },
    Command {
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        docs: docs("server", "8.1.0", "O(N) where N is the number of entries", "Forgets them.", &[string_arg("type")]),
        ..command("commandlog|reset", 3, ADMIN, Categories::NONE, latency::commandlog_reset)
    },
    Command {
        docs: docs("server", "8.1.0", "O(1)", "Describes the COMMANDLOG subcommands.", &[]),
        ..command("commandlog|help", 2, Flags::LOADING.or(Flags::STALE), Categories::NONE, latency::commandlog_help)
    },
    Command {
        docs: docs("server", "2.8.13", "Depends on the subcommand.", "Holds the commands about latencies.", &[]),
        ..command("latency", -2, Flags::NONE, Categories::NONE, docs::container)
    },
    Command {
        tips: &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"],
        docs: docs("server", "2.8.13", "O(1)", "Tells the newest and longest latency of each kind.", &[]),
        ..command("latency|latest", 2, LATENCY, Categories::NONE, latency::latency_latest)
    },
    Command {
        tips: &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"],
        docs: docs("server", "2.8.13", "O(1)", "Lists the latencies of one kind.", &[string_arg("event")]),
        ..command("latency|history", 3, LATENCY, Categories::NONE, latency::latency_history)
    },
    Command {
        tips: &["request_policy:all_nodes", "response_policy:agg_sum"],
        docs: docs("server", "2.8.13", "O(1)", "Forgets latencies.", &[string_arg("event").optional().multiple()]),
        ..command("latency|reset", -2, LATENCY, Categories::NONE, latency::latency_reset)
    },
    Command {
        tips: &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"],
        docs: docs("server", "2.8.13", "O(1)", "Draws the latencies of one kind.", &[string_arg("event")]),
        ..command("latency|graph", 3, LATENCY, Categories::NONE, latency::latency_graph)
    },
    Command {
        tips: &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"],
        docs: docs("server", "2.8.13", "O(1)", "Says in words how latencies stand.", &[]),
        ..command("latency|doctor", 2, LATENCY, Categories::NONE, latency::latency_doctor)
    },
    Command {
        tips: &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"],
        docs: docs(
            "server",
            "7.0.0",
            "O(N) where N is the number of commands",
            "Counts calls of commands by how long they took.",
            &[string_arg("command").optional().multiple()],
        ),
        ..command("latency|histogram", -2, LATENCY, Categories::NONE, latency::latency_histogram)
    },
    Command {
        docs: docs("server", "2.8.13", "O(1)", "Describes the LATENCY subcommands.", &[]),
        ..command("latency|help", 2, Flags::LOADING.or(Flags::STALE), Categories::NONE, latency::latency_help)
    },
    Command {
        docs: docs("server", "1.0.0", "O(1)", "Shows the connection what this node is asked from now on.", &[]),
        ..command("monitor", 1, LATENCY, Categories::NONE, client::monitor)
    },
    Command {
        docs: docs("server", "1.0.0", "Depends on the subcommand.", "Holds the commands for test suites.", &[]),
        ..command("debug", -2, Flags::NONE, Categories::NONE, docs::container)
    },
    Command {
        docs: docs("server", "1.0.0", "O(1)", "Holds up this node's clients.", &[string_arg("seconds")]),
        ..command("debug|sleep", 3, LATENCY, Categories::NONE, debug::debug_sleep)
    },
    Command {
        docs: docs(
            "server",
            "1.0.0",
            "O(1)",
            "Says whether entries expire before they are looked for.",
            &[integer("on")],
        ),
        ..command("debug|set-active-expire", 3, LATENCY, Categories::NONE, debug::debug_set_active_expire)
    },
    Command {
        keys: &[keys(2, 0, 1, &["RO"])],
        gateway: Gateway::Single,
        docs: docs("server", "1.0.0", "O(1)", "Describes how a value is kept.", &[KEY]),
        ..command("debug|object", 3, LATENCY, Categories::NONE, debug::debug_object)
    },
    Command {
        docs: docs("server", "1.0.0", "O(1)", "Refused.", &[]),
        ..command("debug|jmap", -2, LATENCY, Categories::NONE, debug::debug_refused)
    },
    Command {
        docs: docs("server", "1.0.0", "O(1)", "Describes the DEBUG subcommands.", &[]),
        ..command("debug|help", 2, Flags::LOADING.or(Flags::STALE), Categories::NONE, debug::debug_help)
    },
];
