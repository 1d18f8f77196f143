//! Rows of commands of streams.

use super::row::{KEY, arg, block, command, docs, integer, key_arg, keys, oneof, pure_token, row, string_arg};
use crate::command::stream::{self, groups, info, read};
use crate::command::{Arg, Categories, Command, Docs, Find, Flags, Gateway, KeySpec, Run};

const WRITE: Flags = Flags::WRITE;
const WRITE_FAST: Flags = WRITE.or(Flags::FAST);
const ADD: Flags = WRITE.or(Flags::DENYOOM);
const ADD_FAST: Flags = ADD.or(Flags::FAST);
const READ: Flags = Flags::READONLY;
const READ_FAST: Flags = READ.or(Flags::FAST);
const WAIT: Flags = Flags::BLOCKING.or(Flags::MOVABLE_KEYS);
const HELP: Flags = Flags::LOADING.or(Flags::STALE);

const LOOK: &[KeySpec] = &[keys(1, 0, 1, &["RO"])];
const ACCESS: &[KeySpec] = &[keys(1, 0, 1, &["RO", "access"])];
const UPDATE: &[KeySpec] = &[keys(1, 0, 1, &["RW", "update"])];
const DELETE: &[KeySpec] = &[keys(1, 0, 1, &["RW", "delete"])];
const CLAIM: &[KeySpec] = &[keys(1, 0, 1, &["RW", "access", "delete"])];
const STREAMS: &[KeySpec] =
    &[KeySpec { find: Find::Streams, first: 1, last: -1, step: 1, flags: &["RO", "access"], notes: None }];

const ID: Arg = string_arg("id");
const GROUP: Arg = string_arg("group");
const CONSUMER: Arg = string_arg("consumer");
const COUNT: Arg = integer("count").token("COUNT").optional();
const BLOCK: Arg = integer("milliseconds").token("BLOCK").optional();
const ENTRIES_READ: Arg = integer("entries-read").token("ENTRIESREAD").optional();
const NEW_ID: Arg = oneof("id-selector", &[string_arg("id"), pure_token("new-id", "$")]);
const OPERATOR: Arg = oneof("operator", &[pure_token("equal", "="), pure_token("approximately", "~")]).optional();
const TRIM: &[Arg] = &[
    oneof("strategy", &[pure_token("maxlen", "MAXLEN"), pure_token("minid", "MINID")]),
    OPERATOR,
    string_arg("threshold"),
    integer("count").token("LIMIT").optional(),
];
const READ_FROM: Arg = block("streams", &[key_arg("key").at(0).multiple(), ID.multiple()]).token("STREAMS");

const fn of(name: &'static str, arity: i16, flags: Flags, keys: &'static [KeySpec], docs: Docs, run: Run) -> Command {
    row(name, arity, flags, Categories::STREAM, keys, docs, run)
}

const fn about(since: &'static str, complexity: &'static str, summary: &'static str, args: &'static [Arg]) -> Docs {
    docs("stream", since, complexity, summary, args)
}

/// A row of a subcommand, whose key is behind its name.
const fn sub(name: &'static str, arity: i16, flags: Flags, how: &'static [KeySpec], docs: Docs, run: Run) -> Command {
    row(name, arity, flags, Categories::STREAM, how, docs, run)
}

const SUB_LOOK: &[KeySpec] = &[keys(2, 0, 1, &["RO", "access"])];
const SUB_INSERT: &[KeySpec] = &[keys(2, 0, 1, &["RW", "insert"])];
const SUB_UPDATE: &[KeySpec] = &[keys(2, 0, 1, &["RW", "update"])];
const SUB_DELETE: &[KeySpec] = &[keys(2, 0, 1, &["RW", "delete"])];

const NONDETERMINISTIC: &[&str] = &["nondeterministic_output"];

pub(super) const ROWS: &[Command] = &[
    Command {
        tips: NONDETERMINISTIC,
        ..of(
            "xadd",
            -5,
            ADD_FAST,
            UPDATE,
            about(
                "5.0.0",
                "O(1) when adding an entry, O(N) when trimming where N is the number of entries evicted",
                "Adds an entry to a stream, which is made if it is not there.",
                &[
                    KEY,
                    pure_token("nomkstream", "NOMKSTREAM").optional(),
                    block("trim", TRIM).optional(),
                    oneof("id-selector", &[pure_token("auto-id", "*"), string_arg("id")]),
                    block("data", &[string_arg("field"), string_arg("value")]).multiple(),
                ],
            ),
            stream::xadd,
        )
    },
    of(
        "xlen",
        2,
        READ_FAST,
        LOOK,
        about("5.0.0", "O(1)", "Answers how many entries a stream has.", &[KEY]),
        stream::xlen,
    ),
    of(
        "xrange",
        -4,
        READ,
        ACCESS,
        about(
            "5.0.0",
            "O(N) with N being the number of entries answered",
            "Answers the entries of a stream with IDs of a range.",
            &[KEY, string_arg("start"), string_arg("end"), COUNT],
        ),
        stream::xrange,
    ),
    of(
        "xrevrange",
        -4,
        READ,
        ACCESS,
        about(
            "5.0.0",
            "O(N) with N being the number of entries answered",
            "Answers the entries of a stream with IDs of a range, the last one first.",
            &[KEY, string_arg("end"), string_arg("start"), COUNT],
        ),
        stream::xrevrange,
    ),
    Command {
        keys: STREAMS,
        gateway: Gateway::SameSlot,
        docs: about(
            "5.0.0",
            "O(N) with N being the number of entries answered",
            "Answers the entries of streams behind an ID each, or waits for some.",
            &[COUNT, BLOCK, READ_FROM],
        ),
        ..command("xread", -4, READ.or(WAIT), Categories::STREAM, read::xread)
    },
    Command {
        keys: STREAMS,
        gateway: Gateway::SameSlot,
        docs: about(
            "5.0.0",
            "O(N) with N being the number of entries answered",
            "Gives a consumer of a group new entries or those that are pending for it, or waits for some.",
            &[
                block("group-block", &[GROUP, CONSUMER]).token("GROUP"),
                COUNT,
                BLOCK,
                pure_token("noack", "NOACK").optional(),
                READ_FROM,
            ],
        ),
        ..command("xreadgroup", -7, WRITE.or(WAIT), Categories::STREAM, read::xreadgroup)
    },
    Command {
        tips: NONDETERMINISTIC,
        ..of(
            "xtrim",
            -4,
            WRITE,
            DELETE,
            about(
                "5.0.0",
                "O(N), with N being the number of evicted entries",
                "Deletes entries from the beginning of a stream.",
                &[KEY, block("trim", TRIM)],
            ),
            stream::xtrim,
        )
    },
    of(
        "xdel",
        -3,
        WRITE_FAST,
        DELETE,
        about("5.0.0", "O(1) for each entry", "Deletes entries of a stream.", &[KEY, ID.multiple()]),
        stream::xdel,
    ),
    of(
        "xsetid",
        -3,
        ADD_FAST,
        UPDATE,
        about(
            "5.0.0",
            "O(1)",
            "Says what a stream's last ID is.",
            &[
                KEY,
                string_arg("last-id"),
                integer("entries-added").token("ENTRIESADDED").optional(),
                string_arg("max-deleted-id").token("MAXDELETEDID").optional(),
            ],
        ),
        stream::xsetid,
    ),
    of(
        "xack",
        -4,
        WRITE_FAST,
        UPDATE,
        about(
            "5.0.0",
            "O(1) for each ID",
            "Acknowledges entries that a group's consumer was given.",
            &[KEY, GROUP, ID.multiple()],
        ),
        groups::xack,
    ),
    Command {
        tips: NONDETERMINISTIC,
        ..of(
            "xpending",
            -3,
            READ,
            ACCESS,
            about(
                "5.0.0",
                "O(N) with N being the number of pending entries in the range",
                "Answers what a group's consumers were given and have not acknowledged.",
                &[
                    KEY,
                    GROUP,
                    block(
                        "filters",
                        &[
                            integer("min-idle-time").token("IDLE").optional(),
                            string_arg("start"),
                            string_arg("end"),
                            integer("count"),
                            CONSUMER.optional(),
                        ],
                    )
                    .optional(),
                ],
            ),
            groups::xpending,
        )
    },
    Command {
        tips: NONDETERMINISTIC,
        ..of(
            "xclaim",
            -6,
            WRITE_FAST,
            UPDATE,
            about(
                "5.0.0",
                "O(log N) with N being the number of pending entries",
                "Has entries be pending for another consumer of a group.",
                &[
                    KEY,
                    GROUP,
                    CONSUMER,
                    string_arg("min-idle-time"),
                    ID.multiple(),
                    integer("ms").token("IDLE").optional(),
                    arg("unix-time-milliseconds", "unix-time", &[]).token("TIME").optional(),
                    integer("count").token("RETRYCOUNT").optional(),
                    pure_token("force", "FORCE").optional(),
                    pure_token("justid", "JUSTID").optional(),
                    string_arg("lastid").token("LASTID").optional(),
                ],
            ),
            groups::xclaim,
        )
    },
    Command {
        tips: NONDETERMINISTIC,
        ..of(
            "xautoclaim",
            -6,
            WRITE_FAST,
            CLAIM,
            about(
                "6.2.0",
                "O(1) if COUNT is small",
                "Has entries be pending for another consumer that were given a while ago.",
                &[
                    KEY,
                    GROUP,
                    CONSUMER,
                    string_arg("min-idle-time"),
                    string_arg("start"),
                    COUNT,
                    pure_token("justid", "JUSTID").optional(),
                ],
            ),
            groups::xautoclaim,
        )
    },
    Command {
        docs: about("5.0.0", "Depends on subcommand.", "Holds the commands about consumer groups.", &[]),
        ..command("xgroup", -2, Flags::NONE, Categories::NONE, crate::command::docs::container)
    },
    sub(
        "xgroup|create",
        -5,
        ADD,
        SUB_INSERT,
        about(
            "5.0.0",
            "O(1)",
            "Makes a consumer group.",
            &[KEY, GROUP, NEW_ID, pure_token("mkstream", "MKSTREAM").optional(), ENTRIES_READ],
        ),
        groups::xgroup_create,
    ),
    sub(
        "xgroup|setid",
        -5,
        WRITE,
        SUB_UPDATE,
        about("5.0.0", "O(1)", "Says up to which ID a group was given entries.", &[KEY, GROUP, NEW_ID, ENTRIES_READ]),
        groups::xgroup_setid,
    ),
    sub(
        "xgroup|destroy",
        4,
        WRITE,
        SUB_DELETE,
        about("5.0.0", "O(N) where N is the number of pending entries", "Deletes a consumer group.", &[KEY, GROUP]),
        groups::xgroup_destroy,
    ),
    sub(
        "xgroup|createconsumer",
        5,
        ADD,
        SUB_INSERT,
        about("6.2.0", "O(1)", "Makes a consumer of a group.", &[KEY, GROUP, CONSUMER]),
        groups::xgroup_createconsumer,
    ),
    sub(
        "xgroup|delconsumer",
        5,
        WRITE,
        SUB_DELETE,
        about("5.0.0", "O(1)", "Deletes a consumer of a group, and what is pending for it.", &[KEY, GROUP, CONSUMER]),
        groups::xgroup_delconsumer,
    ),
    Command {
        docs: about("5.0.0", "O(1)", "Describes the XGROUP subcommands.", &[]),
        ..command("xgroup|help", 2, HELP, Categories::STREAM, groups::xgroup_help)
    },
    Command {
        docs: about("5.0.0", "Depends on subcommand.", "Holds the commands that tell about streams.", &[]),
        ..command("xinfo", -2, Flags::NONE, Categories::NONE, crate::command::docs::container)
    },
    Command {
        tips: NONDETERMINISTIC,
        ..sub(
            "xinfo|consumers",
            4,
            READ,
            SUB_LOOK,
            about("5.0.0", "O(1)", "Tells about the consumers of a group.", &[KEY, GROUP]),
            info::xinfo_consumers,
        )
    },
    sub(
        "xinfo|groups",
        3,
        READ,
        SUB_LOOK,
        about("5.0.0", "O(1)", "Tells about the consumer groups of a stream.", &[KEY]),
        info::xinfo_groups,
    ),
    sub(
        "xinfo|stream",
        -3,
        READ,
        SUB_LOOK,
        about(
            "5.0.0",
            "O(1)",
            "Tells about a stream.",
            &[KEY, block("full-block", &[pure_token("full", "FULL"), COUNT]).optional()],
        ),
        info::xinfo_stream,
    ),
    Command {
        docs: about("5.0.0", "O(1)", "Describes the XINFO subcommands.", &[]),
        ..command("xinfo|help", 2, HELP, Categories::STREAM, info::xinfo_help)
    },
];
