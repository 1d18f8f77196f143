//! Rows of commands about the node.

use super::row::{KEY, block, command, docs, integer, keys, oneof, pattern, pure_token, string_arg};
use crate::command::{Categories, Command, Flags, Gateway, Gather, acl, config, docs, info, memory, server};

pub(super) const ROWS: &[Command] = &[
    Command {
        tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
        docs: docs(
            "server",
            "1.0.0",
            "O(1)",
            "Tells facts and figures of this node.",
            &[string_arg("section").optional().multiple()],
        ),
        ..command("info", -1, Flags::LOADING.or(Flags::STALE), Categories::DANGEROUS, info::info)
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
            config::config_get,
        )
    },
    Command {
        gateway: Gateway::Told,
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
            config::config_set,
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
            config::config_resetstat,
        )
    },
    Command {
        docs: docs("server", "2.8.0", "O(1)", "Refused: a node's file is its operator's.", &[]),
        ..command(
            "config|rewrite",
            2,
            Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::LOADING).or(Flags::STALE),
            Categories::NONE,
            config::config_rewrite,
        )
    },
    Command {
        docs: docs("server", "5.0.0", "O(1)", "Describes the CONFIG subcommands.", &[]),
        ..command("config|help", 2, Flags::LOADING.or(Flags::STALE), Categories::NONE, config::config_help)
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
        ..command("memory|usage", -3, Flags::READONLY, Categories::NONE, memory::memory_usage)
    },
    Command {
        docs: docs("server", "4.0.0", "O(1)", "Tells what memory is taken by.", &[]),
        ..command("memory|stats", 2, Flags::NONE, Categories::NONE, memory::memory_stats)
    },
    Command {
        docs: docs("server", "4.0.0", "O(1)", "Says in words how memory stands.", &[]),
        ..command("memory|doctor", 2, Flags::NONE, Categories::NONE, memory::memory_doctor)
    },
    Command {
        docs: docs("server", "4.0.0", "O(1)", "Does nothing: memory is given back as it falls free.", &[]),
        ..command("memory|purge", 2, Flags::NONE, Categories::NONE, memory::memory_purge)
    },
    Command {
        docs: docs("server", "4.0.0", "O(1)", "Says where entries are kept.", &[]),
        ..command("memory|malloc-stats", 2, Flags::NONE, Categories::NONE, memory::memory_malloc_stats)
    },
    Command {
        docs: docs("server", "4.0.0", "O(1)", "Describes the MEMORY subcommands.", &[]),
        ..command("memory|help", 2, Flags::LOADING.or(Flags::STALE), Categories::NONE, memory::memory_help)
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
            acl::acl_whoami,
        )
    },
    Command {
        docs: docs("server", "6.0.0", "O(1)", "Lists the users and their rules.", &[]),
        ..command(
            "acl|list",
            2,
            Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::LOADING).or(Flags::STALE),
            Categories::NONE,
            acl::acl_list,
        )
    },
    Command {
        docs: docs("server", "6.0.0", "O(1)", "Lists the names of the users.", &[]),
        ..command(
            "acl|users",
            2,
            Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::LOADING).or(Flags::STALE),
            Categories::NONE,
            acl::acl_users,
        )
    },
    Command {
        docs: docs("server", "6.0.0", "O(1)", "Describes a user.", &[string_arg("username")]),
        ..command(
            "acl|getuser",
            3,
            Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::LOADING).or(Flags::STALE),
            Categories::NONE,
            acl::acl_getuser,
        )
    },
    Command {
        docs: docs("server", "6.0.0", "O(1)", "Lists what users were refused.", &[string_arg("count").optional()]),
        ..command(
            "acl|log",
            -2,
            Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::LOADING).or(Flags::STALE),
            Categories::NONE,
            acl::acl_log,
        )
    },
    Command {
        docs: docs("server", "6.0.0", "O(1)", "Refused: there are no users to set yet.", &[]),
        ..command(
            "acl|setuser",
            -3,
            Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::LOADING).or(Flags::STALE),
            Categories::NONE,
            acl::acl_refused,
        )
    },
    Command {
        docs: docs("server", "6.0.0", "O(1)", "Refused: there are no users to set yet.", &[]),
        ..command(
            "acl|deluser",
            -3,
            Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::LOADING).or(Flags::STALE),
            Categories::NONE,
            acl::acl_refused,
        )
    },
    Command {
        docs: docs("server", "6.0.0", "O(1)", "Refused: there are no users to set yet.", &[]),
        ..command(
            "acl|genpass",
            -2,
            Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::LOADING).or(Flags::STALE),
            Categories::NONE,
            acl::acl_refused,
        )
    },
    Command {
        docs: docs("server", "6.0.0", "O(1)", "Refused: there are no users to set yet.", &[]),
        ..command(
            "acl|load",
            2,
            Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::LOADING).or(Flags::STALE),
            Categories::NONE,
            acl::acl_refused,
        )
    },
    Command {
        docs: docs("server", "6.0.0", "O(1)", "Refused: there are no users to set yet.", &[]),
        ..command(
            "acl|save",
            2,
            Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::LOADING).or(Flags::STALE),
            Categories::NONE,
            acl::acl_refused,
        )
    },
    Command {
        docs: docs("server", "6.0.0", "O(1)", "Refused: there are no users to set yet.", &[]),
        ..command(
            "acl|dryrun",
            -4,
            Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::LOADING).or(Flags::STALE),
            Categories::NONE,
            acl::acl_refused,
        )
    },
    Command {
        docs: docs("server", "6.0.0", "O(1)", "Describes the ACL subcommands.", &[]),
        ..command("acl|help", 2, Flags::LOADING.or(Flags::STALE), Categories::NONE, acl::acl_help)
    },
    Command {
        docs: docs("server", "5.0.0", "O(1)", "Names the version.", &[integer("version").token("VERSION").optional()]),
        ..command("lolwut", -1, Flags::READONLY.or(Flags::FAST), Categories::NONE, server::lolwut)
    },
    Command {
        docs: docs("server", "4.0.0", "Depends on the subcommand.", "Holds the commands about modules.", &[]),
        ..command("module", -2, Flags::NONE, Categories::NONE, docs::container)
    },
    Command {
        tips: &["nondeterministic_output_order"],
        docs: docs("server", "4.0.0", "O(1)", "Answers that no module is loaded.", &[]),
        ..command("module|list", 2, Flags::ADMIN.or(Flags::NOSCRIPT), Categories::NONE, server::module_list)
    },
    Command {
        docs: docs("server", "5.0.0", "O(1)", "Describes the MODULE subcommands.", &[]),
        ..command("module|help", 2, Flags::LOADING.or(Flags::STALE), Categories::NONE, server::module_help)
    },
    Command {
        docs: docs(
            "server",
            "4.0.0",
            "O(1)",
            "Refused: databases are spread over nodes.",
            &[integer("index1"), integer("index2")],
        ),
        ..command(
            "swapdb",
            3,
            Flags::WRITE.or(Flags::FAST),
            Categories::KEYSPACE.or(Categories::DANGEROUS),
            server::swapdb,
        )
    },
    Command {
        docs: docs(
            "server",
            "1.0.0",
            "O(1)",
            "Refused: it is the operator's business, or nothing is kept on disk.",
            &[],
        ),
        ..command(
            "save",
            1,
            Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::LOADING).or(Flags::STALE),
            Categories::DANGEROUS,
            server::refused,
        )
    },
    Command {
        docs: docs(
            "server",
            "1.0.0",
            "O(1)",
            "Refused: it is the operator's business, or nothing is kept on disk.",
            &[],
        ),
        ..command(
            "bgsave",
            -1,
            Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::LOADING).or(Flags::STALE),
            Categories::DANGEROUS,
            server::refused,
        )
    },
    Command {
        docs: docs(
            "server",
            "1.0.0",
            "O(1)",
            "Refused: it is the operator's business, or nothing is kept on disk.",
            &[],
        ),
        ..command(
            "bgrewriteaof",
            1,
            Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::LOADING).or(Flags::STALE),
            Categories::DANGEROUS,
            server::refused,
        )
    },
    Command {
        tips: &["nondeterministic_output"],
        docs: docs("server", "1.0.0", "O(1)", "Tells when this node started: nothing is kept on disk.", &[]),
        ..command(
            "lastsave",
            1,
            Flags::LOADING.or(Flags::STALE).or(Flags::FAST),
            Categories::ADMIN.or(Categories::DANGEROUS),
            server::lastsave,
        )
    },
    Command {
        docs: docs(
            "server",
            "1.0.0",
            "O(1)",
            "Refused: it is the operator's business, or nothing is kept on disk.",
            &[],
        ),
        ..command(
            "shutdown",
            -1,
            Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::LOADING).or(Flags::STALE),
            Categories::DANGEROUS,
            server::refused,
        )
    },
    Command {
        docs: docs(
            "server",
            "5.0.0",
            "O(1)",
            "Refused: it is the operator's business, or nothing is kept on disk.",
            &[],
        ),
        ..command(
            "replicaof",
            3,
            Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::LOADING).or(Flags::STALE),
            Categories::DANGEROUS,
            server::refused,
        )
    },
    Command {
        docs: docs(
            "server",
            "1.0.0",
            "O(1)",
            "Refused: it is the operator's business, or nothing is kept on disk.",
            &[],
        ),
        ..command(
            "slaveof",
            3,
            Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::LOADING).or(Flags::STALE),
            Categories::DANGEROUS,
            server::refused,
        )
    },
    Command {
        docs: docs(
            "server",
            "6.2.0",
            "O(1)",
            "Refused: it is the operator's business, or nothing is kept on disk.",
            &[],
        ),
        ..command(
            "failover",
            -1,
            Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::LOADING).or(Flags::STALE),
            Categories::DANGEROUS,
            server::refused,
        )
    },
];
