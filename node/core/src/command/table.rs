//! THE command table: every command and subcommand, with what COMMAND, COMMAND DOCS, ACL and the gateway need to know.
//!
//! A subcommand's row follows its container's. Arity, flags, key positions and hints are Redis 7.2's, since clients act on
//! them; `ifeq`, `delifeq` and `client|capa` are Valkey's, `client|maint_notifications` is Redis 8's. CLUSTER's write commands
//! and MIGRATE only name the operator's verb.
//! Names are found through a table made at compile time, the usual ones by one comparison of eight bytes.

use super::{Arg, Categories, Command, Docs, Flags, Gateway, Gather, KeySpec, Merge, Run};
use super::{cluster, connection, docs, key, server, string};

/// All commands, each with its own position as its id.
pub static COMMANDS: [Command; 128] = numbered([
    // Connection
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
            connection::client_list,
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
            connection::client_info,
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
            connection::client_kill,
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
        docs: docs("connection", "5.0.0", "O(1)", "Describes the CLIENT subcommands.", &[]),
        ..command("client|help", 2, Flags::LOADING.or(Flags::STALE), Categories::CONNECTION, connection::client_help)
    },
    // Cluster
    Command {
        docs: docs(
            "cluster",
            "3.0.0",
            "O(1)",
            "Allows copies that are new enough to answer reads of this connection.",
            &[],
        ),
        ..command(
            "readonly",
            1,
            Flags::LOADING.or(Flags::STALE).or(Flags::FAST),
            Categories::CONNECTION,
            cluster::readonly,
        )
    },
    Command {
        docs: docs("cluster", "3.0.0", "O(1)", "Takes READONLY back.", &[]),
        ..command(
            "readwrite",
            1,
            Flags::LOADING.or(Flags::STALE).or(Flags::FAST),
            Categories::CONNECTION,
            cluster::readwrite,
        )
    },
    Command {
        docs: docs("cluster", "3.0.0", "O(1)", "Says that the next command follows an ASK redirection.", &[]),
        ..command("asking", 1, Flags::FAST, Categories::CONNECTION, cluster::asking)
    },
    Command {
        docs: docs("cluster", "3.0.0", "Depends on the subcommand.", "Holds the commands about the cluster.", &[]),
        ..command("cluster", -2, Flags::NONE, Categories::NONE, docs::container)
    },
    Command {
        tips: &["nondeterministic_output"],
        docs: Docs {
            deprecated: Some(("7.0.0", "`CLUSTER SHARDS`")),
            ..docs(
                "cluster",
                "3.0.0",
                "O(N) where N is the number of slot ranges",
                "Lists slot ranges and who serves them.",
                &[],
            )
        },
        ..command("cluster|slots", 2, Flags::LOADING.or(Flags::STALE), Categories::NONE, cluster::cluster_slots)
    },
    Command {
        tips: &["nondeterministic_output"],
        docs: docs(
            "cluster",
            "7.0.0",
            "O(N) where N is the number of nodes",
            "Lists nodes with the slot ranges they serve.",
            &[],
        ),
        ..command("cluster|shards", 2, Flags::LOADING.or(Flags::STALE), Categories::NONE, cluster::cluster_shards)
    },
    Command {
        tips: &["nondeterministic_output"],
        docs: docs(
            "cluster",
            "3.0.0",
            "O(N) where N is the number of nodes",
            "Describes the nodes as this node sees them.",
            &[],
        ),
        ..command("cluster|nodes", 2, Flags::STALE, Categories::NONE, cluster::cluster_nodes)
    },
    Command {
        tips: &["nondeterministic_output"],
        docs: docs("cluster", "3.0.0", "O(1)", "Tells the cluster's state.", &[]),
        ..command("cluster|info", 2, Flags::STALE, Categories::NONE, cluster::cluster_info)
    },
    Command {
        docs: docs("cluster", "3.0.0", "O(1)", "Answers this node's id.", &[]),
        ..command("cluster|myid", 2, Flags::STALE, Categories::NONE, cluster::cluster_myid)
    },
    Command {
        tips: &["nondeterministic_output"],
        docs: docs("cluster", "7.2.0", "O(1)", "Answers the id of this node's group of copies.", &[]),
        ..command("cluster|myshardid", 2, Flags::STALE, Categories::NONE, cluster::cluster_myshardid)
    },
    Command {
        docs: docs(
            "cluster",
            "3.0.0",
            "O(N) where N is the length of the key",
            "Answers the slot of a key.",
            &[string_arg("key")],
        ),
        ..command("cluster|keyslot", 3, Flags::STALE, Categories::NONE, cluster::cluster_keyslot)
    },
    Command {
        docs: docs("cluster", "3.0.0", "O(1)", "Counts the keys of a slot on this node.", &[integer("slot")]),
        ..command("cluster|countkeysinslot", 3, Flags::STALE, Categories::NONE, cluster::cluster_countkeysinslot)
    },
    Command {
        tips: &["nondeterministic_output"],
        docs: docs(
            "cluster",
            "3.0.0",
            "O(N) where N is the number of keys asked for",
            "Lists keys of a slot on this node.",
            &[integer("slot"), integer("count")],
        ),
        ..command("cluster|getkeysinslot", 4, Flags::STALE, Categories::NONE, cluster::cluster_getkeysinslot)
    },
    Command {
        tips: &["nondeterministic_output"],
        docs: docs(
            "cluster",
            "5.0.0",
            "O(1)",
            "Lists the copies a node has; none are shown to clients.",
            &[string_arg("node-id")],
        ),
        ..command("cluster|replicas", 3, Flags::ADMIN.or(Flags::STALE), Categories::NONE, cluster::cluster_replicas)
    },
    Command {
        docs: docs("cluster", "3.0.0", "O(1)", "Refused: operators change the cluster with the dcache command.", &[]),
        ..command("cluster|meet", -4, Flags::ADMIN.or(Flags::STALE), Categories::NONE, cluster::cluster_operator)
    },
    Command {
        docs: docs("cluster", "3.0.0", "O(1)", "Refused: operators change the cluster with the dcache command.", &[]),
        ..command("cluster|forget", 3, Flags::ADMIN.or(Flags::STALE), Categories::NONE, cluster::cluster_operator)
    },
    Command {
        docs: docs("cluster", "3.0.0", "O(1)", "Refused: operators change the cluster with the dcache command.", &[]),
        ..command("cluster|addslots", -3, Flags::ADMIN.or(Flags::STALE), Categories::NONE, cluster::cluster_operator)
    },
    Command {
        docs: docs("cluster", "7.0.0", "O(1)", "Refused: operators change the cluster with the dcache command.", &[]),
        ..command(
            "cluster|addslotsrange",
            -4,
            Flags::ADMIN.or(Flags::STALE),
            Categories::NONE,
            cluster::cluster_operator,
        )
    },
    Command {
        docs: docs("cluster", "3.0.0", "O(1)", "Refused: operators change the cluster with the dcache command.", &[]),
        ..command("cluster|delslots", -3, Flags::ADMIN.or(Flags::STALE), Categories::NONE, cluster::cluster_operator)
    },
    Command {
        docs: docs("cluster", "7.0.0", "O(1)", "Refused: operators change the cluster with the dcache command.", &[]),
        ..command(
            "cluster|delslotsrange",
            -4,
            Flags::ADMIN.or(Flags::STALE),
            Categories::NONE,
            cluster::cluster_operator,
        )
    },
    Command {
        docs: docs("cluster", "3.0.0", "O(1)", "Refused: operators change the cluster with the dcache command.", &[]),
        ..command("cluster|setslot", -4, Flags::ADMIN.or(Flags::STALE), Categories::NONE, cluster::cluster_operator)
    },
    Command {
        docs: docs("cluster", "3.0.0", "O(1)", "Refused: operators change the cluster with the dcache command.", &[]),
        ..command("cluster|replicate", 3, Flags::ADMIN.or(Flags::STALE), Categories::NONE, cluster::cluster_operator)
    },
    Command {
        docs: docs("cluster", "3.0.0", "O(1)", "Refused: operators change the cluster with the dcache command.", &[]),
        ..command("cluster|failover", -2, Flags::ADMIN.or(Flags::STALE), Categories::NONE, cluster::cluster_operator)
    },
    Command {
        docs: docs("cluster", "3.0.0", "O(1)", "Refused: operators change the cluster with the dcache command.", &[]),
        ..command(
            "cluster|reset",
            -2,
            Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::STALE),
            Categories::NONE,
            cluster::cluster_operator,
        )
    },
    Command {
        docs: docs("cluster", "3.0.0", "O(1)", "Refused: operators change the cluster with the dcache command.", &[]),
        ..command("cluster|flushslots", 2, Flags::ADMIN.or(Flags::STALE), Categories::NONE, cluster::cluster_operator)
    },
    Command {
        docs: docs("cluster", "3.0.0", "O(1)", "Refused: operators change the cluster with the dcache command.", &[]),
        ..command("cluster|saveconfig", 2, Flags::ADMIN.or(Flags::STALE), Categories::NONE, cluster::cluster_operator)
    },
    Command {
        tips: &["nondeterministic_output"],
        docs: docs("cluster", "3.0.0", "O(1)", "Refused: operators change the cluster with the dcache command.", &[]),
        ..command("cluster|bumpepoch", 2, Flags::ADMIN.or(Flags::STALE), Categories::NONE, cluster::cluster_operator)
    },
    Command {
        docs: docs("cluster", "3.0.0", "O(1)", "Refused: operators change the cluster with the dcache command.", &[]),
        ..command(
            "cluster|set-config-epoch",
            3,
            Flags::ADMIN.or(Flags::STALE),
            Categories::NONE,
            cluster::cluster_operator,
        )
    },
    Command {
        docs: docs("cluster", "5.0.0", "O(1)", "Describes the CLUSTER subcommands.", &[]),
        ..command("cluster|help", 2, Flags::LOADING.or(Flags::STALE), Categories::NONE, cluster::cluster_help)
    },
    // Server
    Command {
        tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
        docs: docs(
            "server",
            "1.0.0",
            "O(1)",
            "Tells facts and figures of this node.",
            &[string_arg("section").optional().multiple()],
        ),
        ..command("info", -1, Flags::LOADING.or(Flags::STALE), Categories::DANGEROUS, server::info)
    },
    Command {
        docs: docs("server", "2.0.0", "Depends on the subcommand.", "Holds the commands about settings.", &[]),
        ..command("config", -2, Flags::NONE, Categories::NONE, docs::container)
    },
    Command {
        docs: docs(
            "server",
            "2.0.0",
            "O(N*M) where N is the number of settings and M of patterns",
            "Answers the settings whose names match patterns.",
            &[string_arg("parameter").multiple()],
        ),
        ..command(
            "config|get",
            -3,
            Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::LOADING).or(Flags::STALE),
            Categories::NONE,
            server::config_get,
        )
    },
    Command {
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        docs: docs(
            "server",
            "2.0.0",
            "O(N) where N is the number of settings given",
            "Changes settings.",
            &[block("data", &[string_arg("parameter"), string_arg("value")]).multiple()],
        ),
        ..command(
            "config|set",
            -4,
            Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::LOADING).or(Flags::STALE),
            Categories::NONE,
            server::config_set,
        )
    },
    Command {
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        docs: docs("server", "2.0.0", "O(1)", "Sets this node's counters back to zero.", &[]),
        ..command(
            "config|resetstat",
            2,
            Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::LOADING).or(Flags::STALE),
            Categories::NONE,
            server::config_resetstat,
        )
    },
    Command {
        docs: docs("server", "5.0.0", "O(1)", "Describes the CONFIG subcommands.", &[]),
        ..command("config|help", 2, Flags::LOADING.or(Flags::STALE), Categories::NONE, server::config_help)
    },
    Command {
        tips: &["request_policy:all_shards", "response_policy:agg_sum"],
        gateway: Gateway::Everywhere(Gather::Sum),
        docs: docs("server", "1.0.0", "O(1)", "Counts the keys of the database.", &[]),
        ..command("dbsize", 1, Flags::READONLY.or(Flags::FAST), Categories::KEYSPACE, server::dbsize)
    },
    Command {
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
        gateway: Gateway::Everywhere(Gather::Ok),
        docs: docs(
            "server",
            "1.0.0",
            "O(N) where N is the number of keys",
            "Drops the keys of the database.",
            &[oneof(
                "flush-type",
                &[pure_token("async", "ASYNC").since("4.0.0"), pure_token("sync", "SYNC").since("6.2.0")],
            )
            .optional()],
        ),
        ..command("flushdb", -1, Flags::WRITE, Categories::KEYSPACE.or(Categories::DANGEROUS), server::flushdb)
    },
    Command {
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
        gateway: Gateway::Everywhere(Gather::Ok),
        docs: docs(
            "server",
            "1.0.0",
            "O(N) where N is the number of keys",
            "Drops the keys of all databases.",
            &[oneof(
                "flush-type",
                &[pure_token("async", "ASYNC").since("4.0.0"), pure_token("sync", "SYNC").since("6.2.0")],
            )
            .optional()],
        ),
        ..command("flushall", -1, Flags::WRITE, Categories::KEYSPACE.or(Categories::DANGEROUS), server::flushall)
    },
    Command {
        tips: &["nondeterministic_output"],
        docs: docs("server", "2.6.0", "O(1)", "Answers this node's clock.", &[]),
        ..command("time", 1, Flags::LOADING.or(Flags::STALE).or(Flags::FAST), Categories::NONE, server::time)
    },
    Command {
        docs: docs("server", "2.8.12", "O(1)", "Answers this node's role in replication.", &[]),
        ..command(
            "role",
            1,
            Flags::NOSCRIPT.or(Flags::LOADING).or(Flags::STALE).or(Flags::FAST),
            Categories::ADMIN.or(Categories::DANGEROUS),
            server::role,
        )
    },
    Command {
        docs: docs("server", "4.0.0", "Depends on the subcommand.", "Holds the commands about memory.", &[]),
        ..command("memory", -2, Flags::NONE, Categories::NONE, docs::container)
    },
    Command {
        keys: &[keys(2, 0, 1, &["RO"])],
        gateway: Gateway::Single,
        docs: docs(
            "server",
            "4.0.0",
            "O(1)",
            "Answers the bytes a key is charged, its value and overhead included.",
            &[KEY, integer("count").token("SAMPLES").optional()],
        ),
        ..command("memory|usage", -3, Flags::READONLY, Categories::NONE, key::memory_usage)
    },
    Command {
        docs: docs("server", "4.0.0", "O(1)", "Describes the MEMORY subcommands.", &[]),
        ..command("memory|help", 2, Flags::LOADING.or(Flags::STALE), Categories::NONE, key::memory_help)
    },
    Command {
        tips: &["nondeterministic_output_order"],
        docs: docs("server", "2.8.13", "O(N) where N is the number of commands", "Describes all commands.", &[]),
        ..command("command", -1, Flags::LOADING.or(Flags::STALE), Categories::CONNECTION, docs::command)
    },
    Command {
        docs: docs("server", "2.8.13", "O(1)", "Counts the commands.", &[]),
        ..command("command|count", 2, Flags::LOADING.or(Flags::STALE), Categories::CONNECTION, docs::command_count)
    },
    Command {
        tips: &["nondeterministic_output_order"],
        docs: docs(
            "server",
            "2.8.13",
            "O(N) where N is the number of names given",
            "Describes some commands, or all.",
            &[string_arg("command-name").optional().multiple()],
        ),
        ..command("command|info", -2, Flags::LOADING.or(Flags::STALE), Categories::CONNECTION, docs::command_info)
    },
    Command {
        tips: &["nondeterministic_output_order"],
        docs: docs(
            "server",
            "7.0.0",
            "O(N) where N is the number of names given",
            "Documents some commands, or all.",
            &[string_arg("command-name").optional().multiple()],
        ),
        ..command("command|docs", -2, Flags::LOADING.or(Flags::STALE), Categories::CONNECTION, docs::command_docs)
    },
    Command {
        docs: docs(
            "server",
            "2.8.13",
            "O(N) where N is the number of its arguments",
            "Answers the keys of a request.",
            &[string_arg("command"), string_arg("arg").optional().multiple()],
        ),
        ..command("command|getkeys", -3, Flags::LOADING.or(Flags::STALE), Categories::CONNECTION, docs::command_getkeys)
    },
    Command {
        docs: docs(
            "server",
            "7.0.0",
            "O(N) where N is the number of its arguments",
            "Answers the keys of a request and what happens to them.",
            &[string_arg("command"), string_arg("arg").optional().multiple()],
        ),
        ..command(
            "command|getkeysandflags",
            -3,
            Flags::LOADING.or(Flags::STALE),
            Categories::CONNECTION,
            docs::command_getkeysandflags,
        )
    },
    Command {
        tips: &["nondeterministic_output_order"],
        docs: docs(
            "server",
            "7.0.0",
            "O(N) where N is the number of commands",
            "Lists the names of commands.",
            &[oneof(
                "filterby",
                &[
                    string_arg("module-name").token("MODULE"),
                    string_arg("category").token("ACLCAT"),
                    pattern("pattern").token("PATTERN"),
                ],
            )
            .token("FILTERBY")
            .optional()],
        ),
        ..command("command|list", -2, Flags::LOADING.or(Flags::STALE), Categories::CONNECTION, docs::command_list)
    },
    Command {
        docs: docs("server", "5.0.0", "O(1)", "Describes the COMMAND subcommands.", &[]),
        ..command("command|help", 2, Flags::LOADING.or(Flags::STALE), Categories::CONNECTION, docs::command_help)
    },
    Command {
        docs: docs(
            "server",
            "6.0.0",
            "Depends on the subcommand.",
            "Holds the commands about users and permissions.",
            &[],
        ),
        ..command("acl", -2, Flags::NONE, Categories::NONE, docs::container)
    },
    Command {
        docs: docs(
            "server",
            "6.0.0",
            "O(N) where N is the number of commands",
            "Lists command categories, or the commands of one.",
            &[string_arg("category").optional()],
        ),
        ..command("acl|cat", -2, Flags::NOSCRIPT.or(Flags::LOADING).or(Flags::STALE), Categories::NONE, docs::acl_cat)
    },
    Command {
        docs: docs("server", "6.0.0", "O(1)", "Answers the user of the connection.", &[]),
        ..command(
            "acl|whoami",
            2,
            Flags::NOSCRIPT.or(Flags::LOADING).or(Flags::STALE),
            Categories::NONE,
            server::acl_whoami,
        )
    },
    Command {
        docs: docs("server", "6.0.0", "O(1)", "Lists the users and their rules.", &[]),
        ..command(
            "acl|list",
            2,
            Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::LOADING).or(Flags::STALE),
            Categories::NONE,
            server::acl_list,
        )
    },
    Command {
        docs: docs("server", "6.0.0", "O(1)", "Lists the names of the users.", &[]),
        ..command(
            "acl|users",
            2,
            Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::LOADING).or(Flags::STALE),
            Categories::NONE,
            server::acl_users,
        )
    },
    Command {
        docs: docs("server", "6.0.0", "O(1)", "Describes the ACL subcommands.", &[]),
        ..command("acl|help", 2, Flags::LOADING.or(Flags::STALE), Categories::NONE, docs::acl_help)
    },
    // Keys
    Command {
        keys: &[keys(1, -1, 1, &["RM", "delete"])],
        tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
        gateway: Gateway::Split(Merge::Sum),
        docs: docs(
            "generic",
            "1.0.0",
            "O(N) where N is the number of keys",
            "Deletes keys and answers how many there were.",
            &[KEY.multiple()],
        ),
        ..command("del", -2, Flags::WRITE, Categories::KEYSPACE, key::del)
    },
    Command {
        keys: &[keys(1, -1, 1, &["RM", "delete"])],
        tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
        gateway: Gateway::Split(Merge::Sum),
        docs: docs(
            "generic",
            "4.0.0",
            "O(N) where N is the number of keys",
            "Deletes keys and answers how many there were.",
            &[KEY.multiple()],
        ),
        ..command("unlink", -2, Flags::WRITE.or(Flags::FAST), Categories::KEYSPACE, key::unlink)
    },
    Command {
        keys: &[keys(1, -1, 1, &["RO"])],
        tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
        gateway: Gateway::Split(Merge::Sum),
        docs: docs(
            "generic",
            "1.0.0",
            "O(N) where N is the number of keys",
            "Counts which of the keys exist; a key given twice counts twice.",
            &[KEY.multiple()],
        ),
        ..command("exists", -2, Flags::READONLY.or(Flags::FAST), Categories::KEYSPACE, key::exists)
    },
    Command {
        keys: &[keys(1, -1, 1, &["RO"])],
        tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
        gateway: Gateway::Split(Merge::Sum),
        docs: docs(
            "generic",
            "3.2.1",
            "O(N) where N is the number of keys",
            "Marks keys as used and answers how many there are.",
            &[KEY.multiple()],
        ),
        ..command("touch", -2, Flags::READONLY.or(Flags::FAST), Categories::KEYSPACE, key::touch)
    },
    Command {
        keys: &[keys(1, 0, 1, &["RO"])],
        gateway: Gateway::Single,
        docs: docs("generic", "1.0.0", "O(1)", "Answers the type of a key.", &[KEY]),
        ..command("type", 2, Flags::READONLY.or(Flags::FAST), Categories::KEYSPACE, key::type_of)
    },
    Command {
        keys: &[keys(1, 0, 1, &["RW", "update"])],
        gateway: Gateway::Single,
        docs: docs(
            "generic",
            "1.0.0",
            "O(1)",
            "Sets in how many seconds a key expires.",
            &[
                KEY,
                integer("seconds"),
                oneof(
                    "condition",
                    &[pure_token("nx", "NX"), pure_token("xx", "XX"), pure_token("gt", "GT"), pure_token("lt", "LT")],
                )
                .since("7.0.0")
                .optional(),
            ],
        ),
        ..command("expire", -3, Flags::WRITE.or(Flags::FAST), Categories::KEYSPACE, key::expire)
    },
    Command {
        keys: &[keys(1, 0, 1, &["RW", "update"])],
        gateway: Gateway::Single,
        docs: docs(
            "generic",
            "2.6.0",
            "O(1)",
            "Sets in how many milliseconds a key expires.",
            &[
                KEY,
                integer("milliseconds"),
                oneof(
                    "condition",
                    &[pure_token("nx", "NX"), pure_token("xx", "XX"), pure_token("gt", "GT"), pure_token("lt", "LT")],
                )
                .since("7.0.0")
                .optional(),
            ],
        ),
        ..command("pexpire", -3, Flags::WRITE.or(Flags::FAST), Categories::KEYSPACE, key::pexpire)
    },
    Command {
        keys: &[keys(1, 0, 1, &["RW", "update"])],
        gateway: Gateway::Single,
        docs: docs(
            "generic",
            "1.2.0",
            "O(1)",
            "Sets the Unix time in seconds at which a key expires.",
            &[
                KEY,
                unix_time("unix-time-seconds"),
                oneof(
                    "condition",
                    &[pure_token("nx", "NX"), pure_token("xx", "XX"), pure_token("gt", "GT"), pure_token("lt", "LT")],
                )
                .since("7.0.0")
                .optional(),
            ],
        ),
        ..command("expireat", -3, Flags::WRITE.or(Flags::FAST), Categories::KEYSPACE, key::expireat)
    },
    Command {
        keys: &[keys(1, 0, 1, &["RW", "update"])],
        gateway: Gateway::Single,
        docs: docs(
            "generic",
            "2.6.0",
            "O(1)",
            "Sets the Unix time in milliseconds at which a key expires.",
            &[
                KEY,
                unix_time("unix-time-milliseconds"),
                oneof(
                    "condition",
                    &[pure_token("nx", "NX"), pure_token("xx", "XX"), pure_token("gt", "GT"), pure_token("lt", "LT")],
                )
                .since("7.0.0")
                .optional(),
            ],
        ),
        ..command("pexpireat", -3, Flags::WRITE.or(Flags::FAST), Categories::KEYSPACE, key::pexpireat)
    },
    Command {
        keys: &[keys(1, 0, 1, &["RO", "access"])],
        tips: &["nondeterministic_output"],
        gateway: Gateway::Single,
        docs: docs("generic", "1.0.0", "O(1)", "Answers in how many seconds a key expires.", &[KEY]),
        ..command("ttl", 2, Flags::READONLY.or(Flags::FAST), Categories::KEYSPACE, key::ttl)
    },
    Command {
        keys: &[keys(1, 0, 1, &["RO", "access"])],
        tips: &["nondeterministic_output"],
        gateway: Gateway::Single,
        docs: docs("generic", "2.6.0", "O(1)", "Answers in how many milliseconds a key expires.", &[KEY]),
        ..command("pttl", 2, Flags::READONLY.or(Flags::FAST), Categories::KEYSPACE, key::pttl)
    },
    Command {
        keys: &[keys(1, 0, 1, &["RO", "access"])],
        gateway: Gateway::Single,
        docs: docs("generic", "7.0.0", "O(1)", "Answers the Unix time in seconds at which a key expires.", &[KEY]),
        ..command("expiretime", 2, Flags::READONLY.or(Flags::FAST), Categories::KEYSPACE, key::expiretime)
    },
    Command {
        keys: &[keys(1, 0, 1, &["RO", "access"])],
        gateway: Gateway::Single,
        docs: docs("generic", "7.0.0", "O(1)", "Answers the Unix time in milliseconds at which a key expires.", &[KEY]),
        ..command("pexpiretime", 2, Flags::READONLY.or(Flags::FAST), Categories::KEYSPACE, key::pexpiretime)
    },
    Command {
        keys: &[keys(1, 0, 1, &["RW", "update"])],
        gateway: Gateway::Single,
        docs: docs("generic", "2.2.0", "O(1)", "Takes a key's expiry away.", &[KEY]),
        ..command("persist", 2, Flags::WRITE.or(Flags::FAST), Categories::KEYSPACE, key::persist)
    },
    Command {
        tips: &["nondeterministic_output", "request_policy:special", "response_policy:special"],
        gateway: Gateway::Everywhere(Gather::Cursor),
        docs: docs(
            "generic",
            "2.8.0",
            "O(1) a step, O(N) a whole walk",
            "Walks the keys of the database in steps.",
            &[
                integer("cursor"),
                pattern("pattern").token("MATCH").optional(),
                integer("count").token("COUNT").optional(),
                string_arg("type").token("TYPE").since("6.0.0").optional(),
            ],
        ),
        ..command("scan", -2, Flags::READONLY, Categories::KEYSPACE, key::scan)
    },
    Command {
        tips: &["request_policy:all_shards", "nondeterministic_output_order"],
        gateway: Gateway::Everywhere(Gather::Concat),
        docs: docs(
            "generic",
            "1.0.0",
            "O(N) where N is the number of keys",
            "Lists all keys that match a pattern.",
            &[pattern("pattern")],
        ),
        ..command("keys", 2, Flags::READONLY, Categories::KEYSPACE.or(Categories::DANGEROUS), key::keys)
    },
    Command {
        tips: &["request_policy:all_shards", "response_policy:special", "nondeterministic_output"],
        gateway: Gateway::Everywhere(Gather::Any),
        docs: docs("generic", "1.0.0", "O(1)", "Answers some key of the database.", &[]),
        ..command("randomkey", 1, Flags::READONLY, Categories::KEYSPACE, key::randomkey)
    },
    Command {
        keys: &[keys(1, 0, 1, &["RW", "access", "delete"]), keys(2, 0, 1, &["OW", "update"])],
        gateway: Gateway::SameSlot,
        docs: docs(
            "generic",
            "1.0.0",
            "O(1)",
            "Gives a key another name, over any key of that name.",
            &[KEY, key_arg("newkey").at(1)],
        ),
        ..command("rename", 3, Flags::WRITE, Categories::KEYSPACE, key::rename)
    },
    Command {
        keys: &[keys(1, 0, 1, &["RW", "access", "delete"]), keys(2, 0, 1, &["OW", "insert"])],
        gateway: Gateway::SameSlot,
        docs: docs(
            "generic",
            "1.0.0",
            "O(1)",
            "Gives a key another name unless that is taken.",
            &[KEY, key_arg("newkey").at(1)],
        ),
        ..command("renamenx", 3, Flags::WRITE.or(Flags::FAST), Categories::KEYSPACE, key::renamenx)
    },
    Command {
        keys: &[keys(1, 0, 1, &["RO", "access"]), keys(2, 0, 1, &["OW", "update"])],
        gateway: Gateway::SameSlot,
        docs: docs(
            "generic",
            "6.2.0",
            "O(N) where N is the length of the value",
            "Copies a value to another key.",
            &[
                key_arg("source").at(0),
                key_arg("destination").at(1),
                integer("destination-db").token("DB").optional(),
                pure_token("replace", "REPLACE").optional(),
            ],
        ),
        ..command("copy", -3, Flags::WRITE.or(Flags::DENYOOM), Categories::KEYSPACE, key::copy)
    },
    Command {
        docs: docs(
            "generic",
            "2.2.3",
            "Depends on the subcommand.",
            "Holds the commands about how a value is kept.",
            &[],
        ),
        ..command("object", -2, Flags::NONE, Categories::NONE, docs::container)
    },
    Command {
        keys: &[keys(2, 0, 1, &["RO"])],
        tips: &["nondeterministic_output"],
        gateway: Gateway::Single,
        docs: docs("generic", "2.2.3", "O(1)", "Answers the name of Redis's encoding of such a value.", &[KEY]),
        ..command("object|encoding", 3, Flags::READONLY, Categories::KEYSPACE, key::object_encoding)
    },
    Command {
        keys: &[keys(2, 0, 1, &["RO"])],
        tips: &["nondeterministic_output"],
        gateway: Gateway::Single,
        docs: docs("generic", "4.0.0", "O(1)", "Answers how often a key was used, under LFU eviction.", &[KEY]),
        ..command("object|freq", 3, Flags::READONLY, Categories::KEYSPACE, key::object_freq)
    },
    Command {
        keys: &[keys(2, 0, 1, &["RO"])],
        tips: &["nondeterministic_output"],
        gateway: Gateway::Single,
        docs: docs("generic", "2.2.3", "O(1)", "Answers for how many seconds a key was not used.", &[KEY]),
        ..command("object|idletime", 3, Flags::READONLY, Categories::KEYSPACE, key::object_idletime)
    },
    Command {
        keys: &[keys(2, 0, 1, &["RO"])],
        tips: &["nondeterministic_output"],
        gateway: Gateway::Single,
        docs: docs("generic", "2.2.3", "O(1)", "Answers how many references a value has.", &[KEY]),
        ..command("object|refcount", 3, Flags::READONLY, Categories::KEYSPACE, key::object_refcount)
    },
    Command {
        docs: docs("generic", "6.2.0", "O(1)", "Describes the OBJECT subcommands.", &[]),
        ..command("object|help", 2, Flags::LOADING.or(Flags::STALE), Categories::KEYSPACE, key::object_help)
    },
    Command {
        tips: &["request_policy:all_shards", "response_policy:agg_min"],
        docs: docs(
            "generic",
            "3.0.0",
            "O(1)",
            "Answers how many copies have acknowledged the writes of this connection.",
            &[integer("numreplicas"), integer("timeout")],
        ),
        gateway: Gateway::Copies,
        ..command("wait", 3, Flags::BLOCKING, Categories::BLOCKING.or(Categories::CONNECTION), server::wait)
    },
    Command {
        tips: &["nondeterministic_output"],
        docs: docs("generic", "2.6.0", "O(1)", "Refused: operators move data with the dcache command.", &[]),
        ..command("migrate", -6, Flags::NONE, Categories::KEYSPACE.or(Categories::DANGEROUS), key::migrate)
    },
    // Strings
    Command {
        keys: &[keys(1, 0, 1, &["RO", "access"])],
        gateway: Gateway::Single,
        docs: docs("string", "1.0.0", "O(1)", "Answers the value of a key.", &[KEY]),
        ..command("get", 2, Flags::READONLY.or(Flags::FAST), Categories::STRING, string::get)
    },
    Command {
        keys: &[KeySpec {
            notes: Some("RW and ACCESS due to the optional `GET` argument"),
            ..keys(1, 0, 1, &["RW", "access", "update", "variable_flags"])
        }],
        gateway: Gateway::Single,
        docs: docs(
            "string",
            "1.0.0",
            "O(1)",
            "Sets the value of a key, its expiry and under which condition.",
            &[
                KEY,
                string_arg("value"),
                oneof(
                    "condition",
                    &[
                        pure_token("nx", "NX"),
                        pure_token("xx", "XX"),
                        string_arg("comparison-value").token("IFEQ").since("8.1.0"),
                    ],
                )
                .since("2.6.12")
                .optional(),
                pure_token("get", "GET").since("6.2.0").optional(),
                oneof(
                    "expiration",
                    &[
                        integer("seconds").token("EX").since("2.6.12"),
                        integer("milliseconds").token("PX").since("2.6.12"),
                        unix_time("unix-time-seconds").token("EXAT").since("6.2.0"),
                        unix_time("unix-time-milliseconds").token("PXAT").since("6.2.0"),
                        pure_token("keepttl", "KEEPTTL").since("6.0.0"),
                    ],
                )
                .optional(),
            ],
        ),
        ..command("set", -3, Flags::WRITE.or(Flags::DENYOOM), Categories::STRING, string::set)
    },
    Command {
        keys: &[KeySpec {
            notes: Some("RW and UPDATE because it changes the TTL"),
            ..keys(1, 0, 1, &["RW", "access", "update"])
        }],
        gateway: Gateway::Single,
        docs: docs(
            "string",
            "6.2.0",
            "O(1)",
            "Answers the value of a key and changes its expiry.",
            &[
                KEY,
                oneof(
                    "expiration",
                    &[
                        integer("seconds").token("EX"),
                        integer("milliseconds").token("PX"),
                        unix_time("unix-time-seconds").token("EXAT"),
                        unix_time("unix-time-milliseconds").token("PXAT"),
                        pure_token("persist", "PERSIST"),
                    ],
                )
                .optional(),
            ],
        ),
        ..command("getex", -2, Flags::WRITE.or(Flags::FAST), Categories::STRING, string::getex)
    },
    Command {
        keys: &[keys(1, 0, 1, &["RW", "access", "delete"])],
        gateway: Gateway::Single,
        docs: docs("string", "6.2.0", "O(1)", "Answers the value of a key and deletes it.", &[KEY]),
        ..command("getdel", 2, Flags::WRITE.or(Flags::FAST), Categories::STRING, string::getdel)
    },
    Command {
        keys: &[keys(1, 0, 1, &["RW", "access", "update"])],
        gateway: Gateway::Single,
        docs: Docs {
            deprecated: Some(("6.2.0", "`SET` with the `!GET` argument")),
            ..docs(
                "string",
                "1.0.0",
                "O(1)",
                "Sets the value of a key and answers the one before.",
                &[KEY, string_arg("value")],
            )
        },
        ..command("getset", 3, Flags::WRITE.or(Flags::DENYOOM).or(Flags::FAST), Categories::STRING, string::getset)
    },
    Command {
        keys: &[keys(1, 0, 1, &["OW", "update"])],
        gateway: Gateway::Single,
        docs: Docs {
            deprecated: Some(("2.6.12", "`SET` with the `EX` argument")),
            ..docs(
                "string",
                "2.0.0",
                "O(1)",
                "Sets the value of a key and in how many seconds it expires.",
                &[KEY, integer("seconds"), string_arg("value")],
            )
        },
        ..command("setex", 4, Flags::WRITE.or(Flags::DENYOOM), Categories::STRING, string::setex)
    },
    Command {
        keys: &[keys(1, 0, 1, &["OW", "update"])],
        gateway: Gateway::Single,
        docs: Docs {
            deprecated: Some(("2.6.12", "`SET` with the `PX` argument")),
            ..docs(
                "string",
                "2.6.0",
                "O(1)",
                "Sets the value of a key and in how many milliseconds it expires.",
                &[KEY, integer("milliseconds"), string_arg("value")],
            )
        },
        ..command("psetex", 4, Flags::WRITE.or(Flags::DENYOOM), Categories::STRING, string::psetex)
    },
    Command {
        keys: &[keys(1, 0, 1, &["OW", "insert"])],
        gateway: Gateway::Single,
        docs: Docs {
            deprecated: Some(("2.6.12", "`SET` with the `NX` argument")),
            ..docs("string", "1.0.0", "O(1)", "Sets the value of a key unless it exists.", &[KEY, string_arg("value")])
        },
        ..command("setnx", 3, Flags::WRITE.or(Flags::DENYOOM).or(Flags::FAST), Categories::STRING, string::setnx)
    },
    Command {
        keys: &[keys(1, 0, 1, &["RM", "delete", "access"])],
        gateway: Gateway::Single,
        docs: docs(
            "string",
            "9.0.0",
            "O(1)",
            "Deletes a key if its value is the one given.",
            &[KEY, string_arg("value")],
        ),
        ..command("delifeq", 3, Flags::WRITE.or(Flags::FAST), Categories::STRING, string::delifeq)
    },
    Command {
        keys: &[keys(1, -1, 1, &["RO", "access"])],
        tips: &["request_policy:multi_shard"],
        gateway: Gateway::Split(Merge::InOrder),
        docs: docs(
            "string",
            "1.0.0",
            "O(N) where N is the number of keys",
            "Answers the values of keys; not atomic over several nodes.",
            &[KEY.multiple()],
        ),
        ..command("mget", -2, Flags::READONLY.or(Flags::FAST), Categories::STRING, string::mget)
    },
    Command {
        keys: &[keys(1, -1, 2, &["OW", "update"])],
        tips: &["request_policy:multi_shard", "response_policy:all_succeeded"],
        gateway: Gateway::Split(Merge::Ok),
        docs: docs(
            "string",
            "1.0.1",
            "O(N) where N is the number of keys",
            "Sets the values of keys; not atomic over several nodes.",
            &[block("data", &[KEY, string_arg("value")]).multiple()],
        ),
        ..command("mset", -3, Flags::WRITE.or(Flags::DENYOOM), Categories::STRING, string::mset)
    },
    Command {
        keys: &[keys(1, -1, 2, &["OW", "insert"])],
        gateway: Gateway::SameSlot,
        docs: docs(
            "string",
            "1.0.1",
            "O(N) where N is the number of keys",
            "Sets the values of keys unless one of them exists.",
            &[block("data", &[KEY, string_arg("value")]).multiple()],
        ),
        ..command("msetnx", -3, Flags::WRITE.or(Flags::DENYOOM), Categories::STRING, string::msetnx)
    },
    Command {
        keys: &[keys(1, 0, 1, &["RW", "access", "update"])],
        gateway: Gateway::Single,
        docs: docs("string", "1.0.0", "O(1)", "Adds one to the integer at a key, 0 when there is none.", &[KEY]),
        ..command("incr", 2, Flags::WRITE.or(Flags::DENYOOM).or(Flags::FAST), Categories::STRING, string::incr)
    },
    Command {
        keys: &[keys(1, 0, 1, &["RW", "access", "update"])],
        gateway: Gateway::Single,
        docs: docs(
            "string",
            "1.0.0",
            "O(1)",
            "Adds to the integer at a key, 0 when there is none.",
            &[KEY, integer("increment")],
        ),
        ..command("incrby", 3, Flags::WRITE.or(Flags::DENYOOM).or(Flags::FAST), Categories::STRING, string::incrby)
    },
    Command {
        keys: &[keys(1, 0, 1, &["RW", "access", "update"])],
        gateway: Gateway::Single,
        docs: docs(
            "string",
            "2.6.0",
            "O(1)",
            "Adds to the number at a key, 0 when there is none.",
            &[KEY, double("increment")],
        ),
        ..command(
            "incrbyfloat",
            3,
            Flags::WRITE.or(Flags::DENYOOM).or(Flags::FAST),
            Categories::STRING,
            string::incrbyfloat,
        )
    },
    Command {
        keys: &[keys(1, 0, 1, &["RW", "access", "update"])],
        gateway: Gateway::Single,
        docs: docs("string", "1.0.0", "O(1)", "Subtracts one from the integer at a key, 0 when there is none.", &[KEY]),
        ..command("decr", 2, Flags::WRITE.or(Flags::DENYOOM).or(Flags::FAST), Categories::STRING, string::decr)
    },
    Command {
        keys: &[keys(1, 0, 1, &["RW", "access", "update"])],
        gateway: Gateway::Single,
        docs: docs(
            "string",
            "1.0.0",
            "O(1)",
            "Subtracts from the integer at a key, 0 when there is none.",
            &[KEY, integer("decrement")],
        ),
        ..command("decrby", 3, Flags::WRITE.or(Flags::DENYOOM).or(Flags::FAST), Categories::STRING, string::decrby)
    },
    Command {
        keys: &[keys(1, 0, 1, &["RW", "insert"])],
        gateway: Gateway::Single,
        docs: docs(
            "string",
            "2.0.0",
            "O(N) where N is the length of the new value",
            "Appends to the value of a key.",
            &[KEY, string_arg("value")],
        ),
        ..command("append", 3, Flags::WRITE.or(Flags::DENYOOM).or(Flags::FAST), Categories::STRING, string::append)
    },
    Command {
        keys: &[keys(1, 0, 1, &["RO"])],
        gateway: Gateway::Single,
        docs: docs("string", "2.2.0", "O(1)", "Answers the length of the value of a key.", &[KEY]),
        ..command("strlen", 2, Flags::READONLY.or(Flags::FAST), Categories::STRING, string::strlen)
    },
    Command {
        keys: &[keys(1, 0, 1, &["RO", "access"])],
        gateway: Gateway::Single,
        docs: docs(
            "string",
            "2.4.0",
            "O(N) where N is the length of the part",
            "Answers a part of the value of a key.",
            &[KEY, integer("start"), integer("end")],
        ),
        ..command("getrange", 4, Flags::READONLY, Categories::STRING, string::getrange)
    },
    Command {
        keys: &[keys(1, 0, 1, &["RO", "access"])],
        gateway: Gateway::Single,
        docs: Docs {
            deprecated: Some(("2.0.0", "`GETRANGE`")),
            ..docs(
                "string",
                "1.0.0",
                "O(N) where N is the length of the part",
                "Answers a part of the value of a key.",
                &[KEY, integer("start"), integer("end")],
            )
        },
        ..command("substr", 4, Flags::READONLY, Categories::STRING, string::substr)
    },
    Command {
        keys: &[keys(1, 0, 1, &["RW", "update"])],
        gateway: Gateway::Single,
        docs: docs(
            "string",
            "2.2.0",
            "O(N) where N is the length of the new value",
            "Overwrites a part of the value of a key, padding with zero bytes.",
            &[KEY, integer("offset"), string_arg("value")],
        ),
        ..command("setrange", 4, Flags::WRITE.or(Flags::DENYOOM), Categories::STRING, string::setrange)
    },
]);

const BUCKETS: usize = 512;

/// Longest name that is found by its bytes as one number.
pub(super) const SHORT: usize = 8;

/// Open addressing by [`bucket_of`] the lowercase name: the name [`packed`], and the position + 1, or 0 for an empty bucket.
/// Not for subcommands.
static INDEX: [(u64, u16); BUCKETS] = index();

/// The command of this name, in any case.
pub(super) fn find(name: &[u8]) -> Option<&'static Command> {
    let packed = packed_now(name);
    let mut bucket = bucket_of(packed, name.len());
    loop {
        let (known, position) = INDEX[bucket];
        let command = &COMMANDS[usize::from(position.checked_sub(1)?)];
        let is_alike = known == packed && command.name.len() == name.len();
        if is_alike && (name.len() <= SHORT || command.name.as_bytes().eq_ignore_ascii_case(name)) {
            return Some(command);
        }
        bucket = (bucket + 1) % BUCKETS;
    }
}

/// The first [`SHORT`] bytes in lowercase, as one number: different for different names of one length that is not greater.
const fn packed(name: &[u8]) -> u64 {
    let mut packed = 0;
    let mut at = 0;
    while at < name.len() && at < SHORT {
        packed = packed << 8 | name[at].to_ascii_lowercase() as u64;
        at += 1;
    }
    packed
}

/// The same as [`packed`] in a few steps.
#[inline]
pub(super) fn packed_now(name: &[u8]) -> u64 {
    let word = match *name {
        [a, b, c, d, e, f, g, h, ..] => u64::from_be_bytes([a, b, c, d, e, f, g, h]),
        [a, b, c, d, ..] => {
            let tail = name.last_chunk().map_or(0, |tail| u32::from_be_bytes(*tail));
            u64::from(u32::from_be_bytes([a, b, c, d])) << (8 * (name.len() - 4)) | u64::from(tail)
        }
        [a, b, c] => u64::from_be_bytes([0, 0, 0, 0, 0, a, b, c]),
        [a, b] => u64::from_be_bytes([0, 0, 0, 0, 0, 0, a, b]),
        [a] => u64::from(a),
        [] => 0,
    };
    lowercase(word)
}

/// Eight characters in lowercase. The highest bit of each byte tells whether it is an uppercase letter: adding carries into
/// it from `A` on, and beyond `Z`.
const fn lowercase(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 0xff;
    let low = word & (ONES * 0x7f);
    let from_a = low + ONES * (0x80 - b'A' as u64);
    let beyond_z = low + ONES * (0x7f - b'Z' as u64);
    let is_upper = (from_a ^ beyond_z) & !word & (ONES << 7);
    word | is_upper >> 2
}

/// The upper bits of a product spread best (Fibonacci hashing).
const fn bucket_of(packed: u64, length: usize) -> usize {
    ((packed ^ length as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (u64::BITS - BUCKETS.ilog2())) as usize
}

const fn index() -> [(u64, u16); BUCKETS] {
    let mut index = [(0, 0); BUCKETS];
    let mut at = 0;
    while at < COMMANDS.len() {
        let name = COMMANDS[at].name.as_bytes();
        if !is_subcommand(name) {
            let packed = packed(name);
            let mut bucket = bucket_of(packed, name.len());
            while index[bucket].1 != 0 {
                bucket = (bucket + 1) % BUCKETS;
            }
            index[bucket] = (packed, COMMANDS[at].id + 1);
        }
        at += 1;
    }
    index
}

const fn is_subcommand(name: &[u8]) -> bool {
    let mut at = 0;
    while at < name.len() {
        if name[at] == b'|' {
            return true;
        }
        at += 1;
    }
    false
}

const fn is_subcommand_of(name: &[u8], container: &[u8]) -> bool {
    let mut at = 0;
    while at < container.len() {
        if at >= name.len() || name[at] != container[at] {
            return false;
        }
        at += 1;
    }
    at < name.len() && name[at] == b'|'
}

/// Fills in what follows from a row's place.
const fn numbered<const N: usize>(mut rows: [Command; N]) -> [Command; N] {
    let mut at = 0;
    while at < N {
        rows[at].id = at as u16;
        rows[at].is_container = at + 1 < N && is_subcommand_of(rows[at + 1].name.as_bytes(), rows[at].name.as_bytes());
        at += 1;
    }
    rows
}

const fn command(name: &'static str, arity: i16, flags: Flags, groups: Categories, run: Run) -> Command {
    let docs = docs("", "", "", "", &[]);
    Command {
        name,
        arity,
        flags,
        groups,
        keys: &[],
        tips: &[],
        docs,
        gateway: Gateway::Local,
        run,
        id: 0,
        is_container: false,
    }
}

const fn docs(
    group: &'static str,
    since: &'static str,
    complexity: &'static str,
    summary: &'static str,
    args: &'static [Arg],
) -> Docs {
    Docs { summary, since, group, complexity, deprecated: None, args }
}

const fn keys(first: u8, last: i8, step: u8, flags: &'static [&'static str]) -> KeySpec {
    KeySpec { first, last, step, flags, notes: None }
}

const KEY: Arg = key_arg("key").at(0);

const fn arg(name: &'static str, kind: &'static str, args: &'static [Arg]) -> Arg {
    Arg { name, kind, key_spec: None, token: None, since: None, optional: false, multiple: false, args }
}

const fn key_arg(name: &'static str) -> Arg {
    arg(name, "key", &[])
}

const fn string_arg(name: &'static str) -> Arg {
    arg(name, "string", &[])
}

const fn integer(name: &'static str) -> Arg {
    arg(name, "integer", &[])
}

const fn double(name: &'static str) -> Arg {
    arg(name, "double", &[])
}

const fn unix_time(name: &'static str) -> Arg {
    arg(name, "unix-time", &[])
}

const fn pattern(name: &'static str) -> Arg {
    arg(name, "pattern", &[])
}

const fn pure_token(name: &'static str, token: &'static str) -> Arg {
    arg(name, "pure-token", &[]).token(token)
}

const fn oneof(name: &'static str, args: &'static [Arg]) -> Arg {
    arg(name, "oneof", args)
}

const fn block(name: &'static str, args: &'static [Arg]) -> Arg {
    arg(name, "block", args)
}

impl Arg {
    const fn at(self, key_spec: u8) -> Arg {
        Arg { key_spec: Some(key_spec), ..self }
    }

    const fn token(self, token: &'static str) -> Arg {
        Arg { token: Some(token), ..self }
    }

    const fn since(self, since: &'static str) -> Arg {
        Arg { since: Some(since), ..self }
    }

    const fn optional(self) -> Arg {
        Arg { optional: true, ..self }
    }

    const fn multiple(self) -> Arg {
        Arg { multiple: true, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{keys_of, lookup, lookup_subcommand};
    use std::collections::BTreeSet;

    #[test]
    fn every_command_is_found_in_any_case_and_nothing_else_is() {
        for command in COMMANDS.iter().filter(|command| command.container().is_none()) {
            for name in [command.name.to_string(), command.name.to_ascii_uppercase()] {
                assert_eq!(lookup(name.as_bytes()).map(|found| found.id), Some(command.id), "{name}");
            }
        }
        for name in ["", "ge", "gett", "client|id", "object|freq", &"x".repeat(1 << 20)] {
            assert!(lookup(name.as_bytes()).is_none(), "{name:.20}");
        }
    }

    #[test]
    fn subcommands_follow_their_container() {
        let mut seen = 0;
        for container in COMMANDS.iter().filter(|command| command.container().is_none()) {
            for row in container.subcommands() {
                seen += 1;
                let own = row.name.split_once('|').expect("a subcommand's name has a bar").1;
                assert_eq!(lookup_subcommand(container, own.to_uppercase().as_bytes()).map(|r| r.id), Some(row.id));
            }
        }
        assert_eq!(seen, COMMANDS.iter().filter(|command| command.container().is_some()).count());
    }

    #[test]
    fn rows_do_not_contradict_themselves() {
        let names: BTreeSet<&str> = COMMANDS.iter().map(|command| command.name).collect();
        assert_eq!(names.len(), COMMANDS.len(), "a name is there twice");
        for (command, id) in COMMANDS.iter().zip(0..) {
            let name = command.name;
            assert_eq!(command.id, id);
            assert_eq!(name, name.to_ascii_lowercase());
            assert!(!command.docs.summary.is_empty() && !command.docs.since.is_empty(), "{name}");
            assert!(!(command.flags.has(Flags::WRITE) && command.flags.has(Flags::READONLY)), "{name}");
            let by_key = matches!(command.gateway, Gateway::Single | Gateway::Split(_) | Gateway::SameSlot);
            assert_eq!(by_key, !command.keys.is_empty(), "{name}: the gateway routes by keys that there are");
            assert!(!command.flags.has(Flags::DENYOOM) || command.is_write(), "{name}");
            for spec in command.keys {
                let needed = i16::from(spec.first) + 1;
                assert!(command.arity.abs() >= needed && spec.step >= 1, "{name}: arity leaves a key out");
            }
        }
    }

    #[test]
    fn keys_are_where_the_row_says() {
        use dcache_protocol::resp::parse::{Limits, Parser, Progress};
        let keys = |line: &str| -> Vec<String> {
            let input = format!("{line}\r\n");
            let mut parser = Parser::new(Limits::default());
            assert!(matches!(parser.parse(input.as_bytes()), Ok(Progress::Request { .. })));
            let args = parser.args(input.as_bytes());
            let command = crate::command::resolve(args).expect("a request that is right");
            keys_of(command, args).map(|key| String::from_utf8_lossy(key).into_owned()).collect()
        };
        assert_eq!(keys("GET a"), ["a"]);
        assert_eq!(keys("DEL a b a"), ["a", "b", "a"]);
        assert_eq!(keys("MSET a 1 b 2"), ["a", "b"]);
        assert_eq!(keys("RENAME a b"), ["a", "b"]);
        assert_eq!(keys("COPY a b DB 1 REPLACE"), ["a", "b"]);
        assert_eq!(keys("OBJECT ENCODING a"), ["a"]);
        assert_eq!(keys("MEMORY USAGE a SAMPLES 1"), ["a"]);
        assert_eq!(keys("PING a"), [""; 0]);
        assert_eq!(keys("COMMAND GETKEYS GET a"), [""; 0]);
    }
}
