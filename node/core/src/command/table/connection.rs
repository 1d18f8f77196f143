//! Rows of commands of the connection: who it is, what it speaks, COMMAND and CLIENT.

use super::row::{block, command, docs, integer, oneof, pure_token, string_arg};
use crate::command::{Categories, Command, Docs, Flags, Gateway, client, connection, docs};

pub(super) const ROWS: &[Command] = &[
    Command {
        docs: docs(
            "connection",
            "6.0.0",
            "O(1)",
            "Switches the protocol version, and may authenticate and name the connection on the way.",
            &[block(
                "arguments",
                &[
                    integer("protover"),
                    block("auth", &[string_arg("username"), string_arg("password")]).token("AUTH").optional(),
                    string_arg("clientname").token("SETNAME").optional(),
                ],
            )
            .optional()],
        ),
        ..command(
            "hello",
            -1,
            Flags::NOSCRIPT
                .or(Flags::LOADING)
                .or(Flags::STALE)
                .or(Flags::FAST)
                .or(Flags::NO_AUTH)
                .or(Flags::ALLOW_BUSY),
            Categories::CONNECTION,
            connection::hello,
        )
    },
    Command {
        docs: docs(
            "connection",
            "1.0.0",
            "O(1)",
            "Authenticates the connection.",
            &[string_arg("username").since("6.0.0").optional(), string_arg("password")],
        ),
        ..command(
            "auth",
            -2,
            Flags::NOSCRIPT
                .or(Flags::LOADING)
                .or(Flags::STALE)
                .or(Flags::FAST)
                .or(Flags::NO_AUTH)
                .or(Flags::ALLOW_BUSY),
            Categories::CONNECTION,
            connection::auth,
        )
    },
    Command {
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
        docs: docs(
            "connection",
            "1.0.0",
            "O(1)",
            "Answers PONG, or its argument.",
            &[string_arg("message").optional()],
        ),
        ..command("ping", -1, Flags::FAST, Categories::CONNECTION, connection::ping)
    },
    Command {
        docs: docs("connection", "1.0.0", "O(1)", "Answers its argument.", &[string_arg("message")]),
        ..command("echo", 2, Flags::LOADING.or(Flags::STALE).or(Flags::FAST), Categories::CONNECTION, connection::echo)
    },
    Command {
        docs: Docs {
            deprecated: Some(("7.2.0", "just closing the connection")),
            ..docs("connection", "1.0.0", "O(1)", "Closes the connection.", &[])
        },
        ..command(
            "quit",
            -1,
            Flags::NOSCRIPT
                .or(Flags::LOADING)
                .or(Flags::STALE)
                .or(Flags::FAST)
                .or(Flags::NO_AUTH)
                .or(Flags::ALLOW_BUSY),
            Categories::CONNECTION,
            connection::quit,
        )
    },
    Command {
        docs: docs("connection", "6.2.0", "O(1)", "Puts the connection back into the state it began in.", &[]),
        ..command(
            "reset",
            1,
            Flags::NOSCRIPT
                .or(Flags::LOADING)
                .or(Flags::STALE)
                .or(Flags::FAST)
                .or(Flags::NO_AUTH)
                .or(Flags::ALLOW_BUSY),
            Categories::CONNECTION,
            connection::reset,
        )
    },
    Command {
        docs: docs("connection", "1.0.0", "O(1)", "Chooses the database of the connection.", &[integer("index")]),
        ..command(
            "select",
            2,
            Flags::LOADING.or(Flags::STALE).or(Flags::FAST),
            Categories::CONNECTION,
            connection::select,
        )
    },
    Command {
        docs: docs(
            "connection",
            "2.4.0",
            "Depends on the subcommand.",
            "Holds the commands about client connections.",
            &[],
        ),
        ..command("client", -2, Flags::NONE, Categories::NONE, docs::container)
    },
    Command {
        docs: docs("connection", "5.0.0", "O(1)", "Answers the connection's id.", &[]),
        ..command(
            "client|id",
            2,
            Flags::NOSCRIPT.or(Flags::LOADING).or(Flags::STALE),
            Categories::CONNECTION,
            connection::client_id,
        )
    },
    Command {
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        docs: docs("connection", "2.6.9", "O(1)", "Sets the connection's name.", &[string_arg("connection-name")]),
        ..command(
            "client|setname",
            3,
            Flags::NOSCRIPT.or(Flags::LOADING).or(Flags::STALE),
            Categories::CONNECTION,
            connection::client_setname,
        )
    },
    Command {
        docs: docs("connection", "2.6.9", "O(1)", "Answers the connection's name.", &[]),
        ..command(
            "client|getname",
            2,
            Flags::NOSCRIPT.or(Flags::LOADING).or(Flags::STALE),
            Categories::CONNECTION,
            connection::client_getname,
        )
    },
    Command {
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        docs: docs(
            "connection",
            "7.2.0",
            "O(1)",
            "Tells the client library's name or version.",
            &[oneof("attr", &[string_arg("libname").token("LIB-NAME"), string_arg("libver").token("LIB-VER")])],
        ),
        ..command(
            "client|setinfo",
            4,
            Flags::NOSCRIPT.or(Flags::LOADING).or(Flags::STALE),
            Categories::CONNECTION,
            connection::client_setinfo,
        )
    },
    Command {
        tips: &["nondeterministic_output"],
        docs: docs(
            "connection",
            "2.4.0",
            "O(N) where N is the number of connections",
            "Lists the connections of this node.",
            &[
                oneof(
                    "client-type",
                    &[
                        pure_token("normal", "NORMAL"),
                        pure_token("master", "MASTER"),
                        pure_token("replica", "REPLICA"),
                        pure_token("pubsub", "PUBSUB"),
                    ],
                )
                .token("TYPE")
                .since("5.0.0")
                .optional(),
                integer("client-id").token("ID").since("6.2.0").optional().multiple(),
            ],
        ),
        ..command(
            "client|list",
            -2,
            Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::LOADING).or(Flags::STALE),
            Categories::CONNECTION,
            client::client_list,
        )
    },
    Command {
        tips: &["nondeterministic_output"],
        docs: docs("connection", "6.2.0", "O(1)", "Describes this connection.", &[]),
        ..command(
            "client|info",
            2,
            Flags::NOSCRIPT.or(Flags::LOADING).or(Flags::STALE),
            Categories::CONNECTION,
            client::client_info,
        )
    },
    Command {
        docs: docs(
            "connection",
            "2.4.0",
            "O(N) where N is the number of connections",
            "Closes connections of this node.",
            &[oneof(
                "filter",
                &[
                    string_arg("old-format"),
                    oneof(
                        "new-format",
                        &[
                            integer("client-id").token("ID").since("2.8.12").optional(),
                            oneof(
                                "client-type",
                                &[
                                    pure_token("normal", "NORMAL"),
                                    pure_token("master", "MASTER").since("3.2.0"),
                                    pure_token("slave", "SLAVE"),
                                    pure_token("replica", "REPLICA").since("5.0.0"),
                                    pure_token("pubsub", "PUBSUB"),
                                ],
                            )
                            .token("TYPE")
                            .since("2.8.12")
                            .optional(),
                            string_arg("username").token("USER").optional(),
                            string_arg("addr").token("ADDR").optional(),
                            string_arg("laddr").token("LADDR").since("6.2.0").optional(),
                            oneof("skipme", &[pure_token("yes", "YES"), pure_token("no", "NO")])
                                .token("SKIPME")
                                .optional(),
                        ],
                    )
                    .multiple(),
                ],
            )],
        ),
        ..command(
            "client|kill",
            -3,
            Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::LOADING).or(Flags::STALE),
            Categories::CONNECTION,
            client::client_kill,
        )
    },
    Command {
        docs: docs(
            "connection",
            "7.0.0",
            "O(1)",
            "Exempts the connection from eviction of connections.",
            &[oneof("enabled", &[pure_token("on", "ON"), pure_token("off", "OFF")])],
        ),
        ..command(
            "client|no-evict",
            3,
            Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::LOADING).or(Flags::STALE),
            Categories::CONNECTION,
            connection::client_no_evict,
        )
    },
    Command {
        docs: docs(
            "connection",
            "7.2.0",
            "O(1)",
            "Keeps the connection's reads from counting as uses for eviction.",
            &[oneof("enabled", &[pure_token("on", "ON"), pure_token("off", "OFF")])],
        ),
        ..command(
            "client|no-touch",
            3,
            Flags::NOSCRIPT.or(Flags::LOADING).or(Flags::STALE),
            Categories::CONNECTION,
            connection::client_no_touch,
        )
    },
    Command {
        docs: docs(
            "connection",
            "3.2.0",
            "O(1)",
            "Tells the node whether to answer this connection.",
            &[oneof("action", &[pure_token("on", "ON"), pure_token("off", "OFF"), pure_token("skip", "SKIP")])],
        ),
        ..command(
            "client|reply",
            3,
            Flags::NOSCRIPT.or(Flags::LOADING).or(Flags::STALE),
            Categories::CONNECTION,
            connection::client_reply,
        )
    },
    Command {
        docs: docs(
            "connection",
            "8.4.0",
            "O(1)",
            "Tells whether the client wants to be told where the slots of a lost node went.",
            &[
                oneof("enabled", &[pure_token("on", "ON"), pure_token("off", "OFF")]),
                string_arg("option").optional().multiple(),
            ],
        ),
        ..command(
            "client|maint_notifications",
            -3,
            Flags::NOSCRIPT.or(Flags::LOADING).or(Flags::STALE),
            Categories::CONNECTION,
            connection::client_maint_notifications,
        )
    },
    Command {
        docs: docs(
            "connection",
            "8.0.0",
            "O(1)",
            "Tells what the client is capable of.",
            &[string_arg("capability").multiple()],
        ),
        ..command(
            "client|capa",
            -3,
            Flags::NOSCRIPT.or(Flags::LOADING).or(Flags::STALE).or(Flags::FAST),
            Categories::CONNECTION,
            connection::client_capa,
        )
    },
    Command {
        docs: docs(
            "connection",
            "3.0.0",
            "O(1)",
            "Has the requests of this node's clients wait.",
            &[
                integer("timeout"),
                oneof("mode", &[pure_token("write", "WRITE"), pure_token("all", "ALL")]).since("6.2.0").optional(),
            ],
        ),
        ..command(
            "client|pause",
            -3,
            Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::LOADING).or(Flags::STALE),
            Categories::CONNECTION,
            client::client_pause,
        )
    },
    Command {
        docs: docs("connection", "6.2.0", "O(N) where N is the number of paused clients", "Ends a pause.", &[]),
        ..command(
            "client|unpause",
            2,
            Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::LOADING).or(Flags::STALE),
            Categories::CONNECTION,
            client::client_unpause,
        )
    },
    Command {
        docs: docs(
            "connection",
            "5.0.0",
            "O(log N) where N is the number of connections",
            "Ends the wait of a blocked client.",
            &[
                integer("client-id"),
                oneof("unblock-type", &[pure_token("timeout", "TIMEOUT"), pure_token("error", "ERROR")]).optional(),
            ],
        ),
        ..command(
            "client|unblock",
            -3,
            Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::LOADING).or(Flags::STALE),
            Categories::CONNECTION,
            client::client_unblock,
        )
    },
    Command {
        gateway: Gateway::Told,
        docs: docs(
            "connection",
            "6.0.0",
            "O(1)",
            "Has the connection told which keys it read have changed.",
            &[
                oneof("status", &[pure_token("on", "ON"), pure_token("off", "OFF")]),
                integer("client-id").token("REDIRECT").optional(),
                string_arg("prefix").token("PREFIX").optional().repeated(),
                pure_token("bcast", "BCAST").optional(),
                pure_token("optin", "OPTIN").optional(),
                pure_token("optout", "OPTOUT").optional(),
                pure_token("noloop", "NOLOOP").optional(),
            ],
        ),
        ..command(
            "client|tracking",
            -3,
            Flags::NOSCRIPT.or(Flags::LOADING).or(Flags::STALE),
            Categories::CONNECTION,
            client::client_tracking,
        )
    },
    Command {
        docs: docs(
            "connection",
            "6.0.0",
            "O(1)",
            "Says whether the keys of the next request are tracked.",
            &[oneof("mode", &[pure_token("yes", "YES"), pure_token("no", "NO")])],
        ),
        ..command(
            "client|caching",
            3,
            Flags::NOSCRIPT.or(Flags::LOADING).or(Flags::STALE),
            Categories::CONNECTION,
            client::client_caching,
        )
    },
    Command {
        docs: docs("connection", "6.0.0", "O(1)", "Answers who is told what this connection tracks.", &[]),
        ..command(
            "client|getredir",
            2,
            Flags::NOSCRIPT.or(Flags::LOADING).or(Flags::STALE),
            Categories::CONNECTION,
            client::client_getredir,
        )
    },
    Command {
        docs: docs("connection", "6.2.0", "O(1)", "Describes how this connection tracks.", &[]),
        ..command(
            "client|trackinginfo",
            2,
            Flags::NOSCRIPT.or(Flags::LOADING).or(Flags::STALE),
            Categories::CONNECTION,
            client::client_trackinginfo,
        )
    },
    Command {
        docs: docs("connection", "5.0.0", "O(1)", "Describes the CLIENT subcommands.", &[]),
        ..command("client|help", 2, Flags::LOADING.or(Flags::STALE), Categories::CONNECTION, client::client_help)
    },
];
