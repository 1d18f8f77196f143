//! Rows of commands of strings.

use super::row::{KEY, block, command, docs, double, integer, keys, oneof, pure_token, string_arg, unix_time};
use crate::command::{Categories, Command, Docs, Flags, Gateway, KeySpec, Merge, string};

pub(super) const ROWS: &[Command] = &[
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
];
