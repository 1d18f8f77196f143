//! Rows of commands of hashes.

use super::row::{KEY, block, docs, double, integer, keys, oneof, pattern, pure_token, row, string_arg, unix_time};
use crate::command::{Arg, Categories, Command, Docs, Flags, KeySpec, Run, hash};

const WRITE_FAST: Flags = Flags::WRITE.or(Flags::FAST);
const ADD_FAST: Flags = Flags::WRITE.or(Flags::DENYOOM).or(Flags::FAST);
const READ: Flags = Flags::READONLY;
const READ_FAST: Flags = Flags::READONLY.or(Flags::FAST);

const ACCESS: &[KeySpec] = &[keys(1, 0, 1, &["RO", "access"])];
const LOOK: &[KeySpec] = &[keys(1, 0, 1, &["RO"])];
const UPDATE: &[KeySpec] = &[keys(1, 0, 1, &["RW", "update"])];
const INSERT: &[KeySpec] = &[keys(1, 0, 1, &["RW", "insert"])];
const DELETE: &[KeySpec] = &[keys(1, 0, 1, &["RW", "delete"])];
const CHANGE: &[KeySpec] = &[keys(1, 0, 1, &["RW", "access", "update"])];

const FIELD: Arg = string_arg("field");
const VALUE: Arg = string_arg("value");
const PAIRS: Arg = block("data", &[FIELD, VALUE]).multiple();
const FIELDS: Arg = block("fields", &[integer("numfields"), FIELD.multiple()]).token("FIELDS");
const CONDITION: Arg = oneof(
    "condition",
    &[pure_token("nx", "NX"), pure_token("xx", "XX"), pure_token("gt", "GT"), pure_token("lt", "LT")],
)
.optional();

const fn of(name: &'static str, arity: i16, flags: Flags, keys: &'static [KeySpec], docs: Docs, run: Run) -> Command {
    row(name, arity, flags, Categories::HASH, keys, docs, run)
}

const fn about(since: &'static str, complexity: &'static str, summary: &'static str, args: &'static [Arg]) -> Docs {
    docs("hash", since, complexity, summary, args)
}

const EACH: &str = "O(N) where N is the number of specified fields";

pub(super) const ROWS: &[Command] = &[
    of(
        "hset",
        -4,
        ADD_FAST,
        &[keys(1, 0, 1, &["RW", "update"])],
        about("2.0.0", "O(N) where N is the number of pairs", "Sets the values of fields of a hash.", &[KEY, PAIRS]),
        hash::hset,
    ),
    Command {
        docs: Docs {
            deprecated: Some(("4.0.0", "`HSET` with multiple field-value pairs")),
            ..about(
                "2.0.0",
                "O(N) where N is the number of fields",
                "Sets the values of fields of a hash.",
                &[KEY, PAIRS],
            )
        },
        ..of("hmset", -4, ADD_FAST, UPDATE, about("", "", "", &[]), hash::hmset)
    },
    of(
        "hsetnx",
        4,
        ADD_FAST,
        INSERT,
        about("2.0.0", "O(1)", "Sets the value of a field of a hash only if there is none.", &[KEY, FIELD, VALUE]),
        hash::hsetnx,
    ),
    of(
        "hget",
        3,
        READ_FAST,
        ACCESS,
        about("2.0.0", "O(1)", "Answers the value of a field of a hash.", &[KEY, FIELD]),
        hash::hget,
    ),
    of(
        "hmget",
        -3,
        READ_FAST,
        ACCESS,
        about("2.0.0", EACH, "Answers the values of fields of a hash.", &[KEY, FIELD.multiple()]),
        hash::hmget,
    ),
    Command {
        tips: &["nondeterministic_output_order"],
        ..of(
            "hgetall",
            2,
            READ,
            ACCESS,
            about("2.0.0", "O(N) where N is the size of the hash", "Answers all fields and values of a hash.", &[KEY]),
            hash::hgetall,
        )
    },
    Command {
        tips: &["nondeterministic_output_order"],
        ..of(
            "hkeys",
            2,
            READ,
            ACCESS,
            about("2.0.0", "O(N) where N is the size of the hash", "Answers all fields of a hash.", &[KEY]),
            hash::hkeys,
        )
    },
    Command {
        tips: &["nondeterministic_output_order"],
        ..of(
            "hvals",
            2,
            READ,
            ACCESS,
            about("2.0.0", "O(N) where N is the size of the hash", "Answers all values of a hash.", &[KEY]),
            hash::hvals,
        )
    },
    of(
        "hlen",
        2,
        READ_FAST,
        LOOK,
        about("2.0.0", "O(1)", "Answers the number of fields of a hash.", &[KEY]),
        hash::hlen,
    ),
    of(
        "hexists",
        3,
        READ_FAST,
        LOOK,
        about("2.0.0", "O(1)", "Answers whether a hash has a field.", &[KEY, FIELD]),
        hash::hexists,
    ),
    of(
        "hstrlen",
        3,
        READ_FAST,
        LOOK,
        about("3.2.0", "O(1)", "Answers the length of the value of a field.", &[KEY, FIELD]),
        hash::hstrlen,
    ),
    of(
        "hdel",
        -3,
        WRITE_FAST,
        DELETE,
        about("2.0.0", EACH, "Deletes fields of a hash.", &[KEY, FIELD.multiple()]),
        hash::hdel,
    ),
    of(
        "hincrby",
        4,
        ADD_FAST,
        CHANGE,
        about("2.0.0", "O(1)", "Adds to the integer in a field of a hash.", &[KEY, FIELD, integer("increment")]),
        hash::hincrby,
    ),
    of(
        "hincrbyfloat",
        4,
        ADD_FAST,
        CHANGE,
        about("2.6.0", "O(1)", "Adds to the number in a field of a hash.", &[KEY, FIELD, double("increment")]),
        hash::hincrbyfloat,
    ),
    Command {
        tips: &["nondeterministic_output"],
        ..of(
            "hrandfield",
            -2,
            READ,
            ACCESS,
            about(
                "6.2.0",
                "O(N) where N is the number of fields answered",
                "Answers fields of a hash drawn at random.",
                &[
                    KEY,
                    block("options", &[integer("count"), pure_token("withvalues", "WITHVALUES").optional()]).optional(),
                ],
            ),
            hash::hrandfield,
        )
    },
    Command {
        tips: &["nondeterministic_output"],
        ..of(
            "hscan",
            -3,
            READ,
            ACCESS,
            about(
                "2.8.0",
                "O(1) for every call, O(N) for a whole walk",
                "Walks over the fields and values of a hash.",
                &[
                    KEY,
                    integer("cursor"),
                    pattern("pattern").token("MATCH").optional(),
                    integer("count").token("COUNT").optional(),
                    pure_token("novalues", "NOVALUES").since("7.4.0").optional(),
                ],
            ),
            hash::hscan,
        )
    },
    of(
        "hexpire",
        -6,
        ADD_FAST,
        UPDATE,
        about(
            "7.4.0",
            EACH,
            "Sets when fields expire, in seconds from now.",
            &[KEY, integer("seconds"), CONDITION, FIELDS],
        ),
        hash::hexpire,
    ),
    of(
        "hpexpire",
        -6,
        ADD_FAST,
        UPDATE,
        about(
            "7.4.0",
            EACH,
            "Sets when fields expire, in milliseconds from now.",
            &[KEY, integer("milliseconds"), CONDITION, FIELDS],
        ),
        hash::hpexpire,
    ),
    of(
        "hexpireat",
        -6,
        ADD_FAST,
        UPDATE,
        about(
            "7.4.0",
            EACH,
            "Sets the Unix time in seconds at which fields expire.",
            &[KEY, unix_time("unix-time-seconds"), CONDITION, FIELDS],
        ),
        hash::hexpireat,
    ),
    of(
        "hpexpireat",
        -6,
        ADD_FAST,
        UPDATE,
        about(
            "7.4.0",
            EACH,
            "Sets the Unix time in milliseconds at which fields expire.",
            &[KEY, unix_time("unix-time-milliseconds"), CONDITION, FIELDS],
        ),
        hash::hpexpireat,
    ),
    of(
        "httl",
        -5,
        READ_FAST,
        ACCESS,
        about("7.4.0", EACH, "Answers in how many seconds fields expire.", &[KEY, FIELDS]),
        hash::httl,
    ),
    of(
        "hpttl",
        -5,
        READ_FAST,
        ACCESS,
        about("7.4.0", EACH, "Answers in how many milliseconds fields expire.", &[KEY, FIELDS]),
        hash::hpttl,
    ),
    of(
        "hexpiretime",
        -5,
        READ_FAST,
        ACCESS,
        about("7.4.0", EACH, "Answers the Unix time in seconds at which fields expire.", &[KEY, FIELDS]),
        hash::hexpiretime,
    ),
    of(
        "hpexpiretime",
        -5,
        READ_FAST,
        ACCESS,
        about("7.4.0", EACH, "Answers the Unix time in milliseconds at which fields expire.", &[KEY, FIELDS]),
        hash::hpexpiretime,
    ),
    of(
        "hpersist",
        -5,
        WRITE_FAST,
        UPDATE,
        about("7.4.0", EACH, "Lets fields stay for ever.", &[KEY, FIELDS]),
        hash::hpersist,
    ),
    of(
        "hgetex",
        -5,
        WRITE_FAST,
        CHANGE,
        about(
            "8.0.0",
            EACH,
            "Answers the values of fields and changes when they expire.",
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
                FIELDS,
            ],
        ),
        hash::hgetex,
    ),
    of(
        "hsetex",
        -6,
        ADD_FAST,
        UPDATE,
        about(
            "8.0.0",
            EACH,
            "Sets the values of fields and when they expire.",
            &[
                KEY,
                oneof("condition", &[pure_token("fnx", "FNX"), pure_token("fxx", "FXX")]).optional(),
                oneof(
                    "expiration",
                    &[
                        integer("seconds").token("EX"),
                        integer("milliseconds").token("PX"),
                        unix_time("unix-time-seconds").token("EXAT"),
                        unix_time("unix-time-milliseconds").token("PXAT"),
                        pure_token("keepttl", "KEEPTTL"),
                    ],
                )
                .optional(),
                block("fields", &[integer("numfields"), PAIRS]).token("FIELDS"),
            ],
        ),
        hash::hsetex,
    ),
    of(
        "hgetdel",
        -5,
        WRITE_FAST,
        &[keys(1, 0, 1, &["RW", "access", "delete"])],
        about("8.0.0", EACH, "Answers the values of fields and deletes them.", &[KEY, FIELDS]),
        hash::hgetdel,
    ),
];
