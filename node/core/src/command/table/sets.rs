//! Rows of commands of sets.

use super::row::{KEY, counted_keys, docs, integer, key_arg, keys, pattern, row, string_arg};
use crate::command::collection::Operation;
use crate::command::{Arg, Categories, Command, Docs, Flags, Gateway, KeySpec, Run, set};

const ADD_FAST: Flags = Flags::WRITE.or(Flags::DENYOOM).or(Flags::FAST);
const WRITE_FAST: Flags = Flags::WRITE.or(Flags::FAST);
const READ_FAST: Flags = Flags::READONLY.or(Flags::FAST);
const READ: Flags = Flags::READONLY;
const ADD: Flags = Flags::WRITE.or(Flags::DENYOOM);
const READ_MOVABLE: Flags = Flags::READONLY.or(Flags::MOVABLE_KEYS);

const INSERT: &[KeySpec] = &[keys(1, 0, 1, &["RW", "insert"])];
const DELETE: &[KeySpec] = &[keys(1, 0, 1, &["RW", "delete"])];
const LOOK: &[KeySpec] = &[keys(1, 0, 1, &["RO"])];
const ACCESS: &[KeySpec] = &[keys(1, 0, 1, &["RO", "access"])];
const POP: &[KeySpec] = &[keys(1, 0, 1, &["RW", "access", "delete"])];
const MOVE: &[KeySpec] = &[keys(1, 0, 1, &["RW", "access", "delete"]), keys(2, 0, 1, &["RW", "insert"])];
const MANY: &[KeySpec] = &[keys(1, -1, 1, &["RO", "access"])];
const STORE: &[KeySpec] = &[keys(1, 0, 1, &["OW", "update"]), keys(2, -1, 1, &["RO", "access"])];
const COUNTED: &[KeySpec] = &[counted_keys(1, &["RO", "access"])];

const MEMBER: Arg = string_arg("member");
const MEMBERS: Arg = MEMBER.multiple();
const TARGET: Arg = key_arg("destination").at(0);
const SOURCES: Arg = key_arg("key").at(1).multiple();

const fn of(name: &'static str, arity: i16, flags: Flags, keys: &'static [KeySpec], docs: Docs, run: Run) -> Command {
    row(name, arity, flags, Categories::SET, keys, docs, run)
}

const fn about(since: &'static str, complexity: &'static str, summary: &'static str, args: &'static [Arg]) -> Docs {
    docs("set", since, complexity, summary, args)
}

pub(super) const ROWS: &[Command] = &[
    of(
        "sadd",
        -3,
        ADD_FAST,
        INSERT,
        about("1.0.0", "O(1) for each member", "Adds members to a set.", &[KEY, MEMBERS]),
        set::sadd,
    ),
    of(
        "srem",
        -3,
        WRITE_FAST,
        DELETE,
        about("1.0.0", "O(N) where N is the number of members", "Takes members out of a set.", &[KEY, MEMBERS]),
        set::srem,
    ),
    of(
        "scard",
        2,
        READ_FAST,
        LOOK,
        about("1.0.0", "O(1)", "Answers the number of members of a set.", &[KEY]),
        set::scard,
    ),
    of(
        "sismember",
        3,
        READ_FAST,
        LOOK,
        about("1.0.0", "O(1)", "Answers whether something is a member of a set.", &[KEY, MEMBER]),
        set::sismember,
    ),
    of(
        "smismember",
        -3,
        READ_FAST,
        LOOK,
        about(
            "6.2.0",
            "O(N) where N is the number of members asked for",
            "Answers which of some things are members of a set.",
            &[KEY, MEMBERS],
        ),
        set::smismember,
    ),
    Command {
        tips: &["nondeterministic_output_order"],
        ..of(
            "smembers",
            2,
            READ,
            ACCESS,
            about("1.0.0", "O(N) where N is the size of the set", "Answers all members of a set.", &[KEY]),
            set::smembers,
        )
    },
    Command {
        tips: &["nondeterministic_output"],
        ..of(
            "sscan",
            -3,
            READ,
            ACCESS,
            about(
                "2.8.0",
                "O(1) for every call, O(N) for a whole walk",
                "Walks over the members of a set.",
                &[
                    KEY,
                    integer("cursor"),
                    pattern("pattern").token("MATCH").optional(),
                    integer("count").token("COUNT").optional(),
                ],
            ),
            set::sscan,
        )
    },
    Command {
        tips: &["nondeterministic_output"],
        ..of(
            "srandmember",
            -2,
            READ,
            ACCESS,
            about(
                "1.0.0",
                "O(N) where N is the number of members answered",
                "Answers members of a set drawn at random.",
                &[KEY, integer("count").since("2.6.0").optional()],
            ),
            set::srandmember,
        )
    },
    Command {
        tips: &["nondeterministic_output"],
        ..of(
            "spop",
            -2,
            WRITE_FAST,
            POP,
            about(
                "1.0.0",
                "O(N) where N is the number of members answered",
                "Takes members drawn at random out of a set.",
                &[KEY, integer("count").since("3.2.0").optional()],
            ),
            set::spop,
        )
    },
    Command {
        gateway: Gateway::SameSlot,
        ..of(
            "smove",
            4,
            WRITE_FAST,
            MOVE,
            about(
                "1.0.0",
                "O(1)",
                "Takes a member from one set to another.",
                &[key_arg("source").at(0), key_arg("destination").at(1), MEMBER],
            ),
            set::smove,
        )
    },
    Command {
        tips: &["nondeterministic_output_order"],
        gateway: Gateway::SameSlot,
        ..of(
            "sunion",
            -2,
            READ,
            MANY,
            about(
                "1.0.0",
                "O(N) where N is the number of members of all sets",
                "Answers the members of any of some sets.",
                &[KEY.multiple()],
            ),
            |context| set::joined(context, Operation::Union),
        )
    },
    Command {
        tips: &["nondeterministic_output_order"],
        gateway: Gateway::SameSlot,
        ..of(
            "sinter",
            -2,
            READ,
            MANY,
            about(
                "1.0.0",
                "O(N*M) where N is the size of the smallest set and M the number of sets",
                "Answers the members of all of some sets.",
                &[KEY.multiple()],
            ),
            |context| set::joined(context, Operation::Intersection),
        )
    },
    Command {
        tips: &["nondeterministic_output_order"],
        gateway: Gateway::SameSlot,
        ..of(
            "sdiff",
            -2,
            READ,
            MANY,
            about(
                "1.0.0",
                "O(N) where N is the number of members of all sets",
                "Answers the members of a set that are in none of some others.",
                &[KEY.multiple()],
            ),
            |context| set::joined(context, Operation::Difference),
        )
    },
    Command {
        gateway: Gateway::SameSlot,
        ..of(
            "sunionstore",
            -3,
            ADD,
            STORE,
            about(
                "1.0.0",
                "O(N) where N is the number of members of all sets",
                "Stores the members of any of some sets.",
                &[TARGET, SOURCES],
            ),
            |context| set::joined_and_stored(context, Operation::Union),
        )
    },
    Command {
        gateway: Gateway::SameSlot,
        ..of(
            "sinterstore",
            -3,
            ADD,
            STORE,
            about(
                "1.0.0",
                "O(N*M) where N is the size of the smallest set and M the number of sets",
                "Stores the members of all of some sets.",
                &[TARGET, SOURCES],
            ),
            |context| set::joined_and_stored(context, Operation::Intersection),
        )
    },
    Command {
        gateway: Gateway::SameSlot,
        ..of(
            "sdiffstore",
            -3,
            ADD,
            STORE,
            about(
                "1.0.0",
                "O(N) where N is the number of members of all sets",
                "Stores the members of a set that are in none of some others.",
                &[TARGET, SOURCES],
            ),
            |context| set::joined_and_stored(context, Operation::Difference),
        )
    },
    Command {
        gateway: Gateway::SameSlot,
        ..of(
            "sintercard",
            -3,
            READ_MOVABLE,
            COUNTED,
            about(
                "7.0.0",
                "O(N*M) where N is the size of the smallest set and M the number of sets",
                "Answers how many members all of some sets have.",
                &[integer("numkeys"), KEY.multiple(), integer("limit").token("LIMIT").optional()],
            ),
            set::sintercard,
        )
    },
];
