//! Rows of commands of keys, whatever they hold.

use super::row::{KEY, command, docs, integer, key_arg, keys, oneof, pattern, pure_token, string_arg, unix_time};
use crate::command::{Categories, Command, Flags, Gateway, Gather, Merge, docs, key, server};

pub(super) const ROWS: &[Command] = &[
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
    Command {
        keys: &[keys(1, 0, 1, &["RW", "access", "delete"])],
        gateway: Gateway::Single,
        docs: docs("generic", "1.0.0", "O(1)", "Moves a key to another database.", &[KEY, integer("db")]),
        ..command("move", 3, Flags::WRITE.or(Flags::FAST), Categories::KEYSPACE, key::move_to)
    },
];
