//! Rows of commands that wait for lists and sorted sets.

use super::row::{KEY, command, counted_keys, docs, double, integer, key_arg, keys, oneof, pure_token};
use crate::command::{Arg, Categories, Command, Docs, Flags, Gateway, KeySpec, Run, blocking};

const WRITE: Flags = Flags::WRITE.or(Flags::BLOCKING);
const ADD: Flags = WRITE.or(Flags::DENYOOM);
const WRITE_FAST: Flags = WRITE.or(Flags::FAST);
const WRITE_MOVABLE: Flags = WRITE.or(Flags::MOVABLE_KEYS);

const POP: &[KeySpec] = &[keys(1, -2, 1, &["RW", "access", "delete"])];
const MOVE: &[KeySpec] = &[keys(1, 0, 1, &["RW", "access", "delete"]), keys(2, 0, 1, &["RW", "insert"])];
const COUNTED_POP: &[KeySpec] = &[counted_keys(2, &["RW", "access", "delete"])];

const TIMEOUT: Arg = double("timeout");
const COUNT: Arg = integer("count").token("COUNT").optional();
const SIDES: &[Arg] = &[pure_token("left", "LEFT"), pure_token("right", "RIGHT")];
const ENDS: &[Arg] = &[pure_token("min", "MIN"), pure_token("max", "MAX")];

#[allow(clippy::too_many_arguments)]
const fn of(
    name: &'static str,
    arity: i16,
    flags: Flags,
    groups: Categories,
    keys: &'static [KeySpec],
    gateway: Gateway,
    docs: Docs,
    run: Run,
) -> Command {
    Command { keys, docs, gateway, ..command(name, arity, flags, groups, run) }
}

const fn list(since: &'static str, complexity: &'static str, summary: &'static str, args: &'static [Arg]) -> Docs {
    docs("list", since, complexity, summary, args)
}

const fn sorted(since: &'static str, complexity: &'static str, summary: &'static str, args: &'static [Arg]) -> Docs {
    docs("sorted-set", since, complexity, summary, args)
}

pub(super) const ROWS: &[Command] = &[
    of(
        "blpop",
        -3,
        WRITE,
        Categories::LIST,
        POP,
        Gateway::InTurn,
        list(
            "2.0.0",
            "O(N) where N is the number of keys",
            "Takes the first element out of the first list that has one, or waits for one.",
            &[KEY.multiple(), TIMEOUT],
        ),
        blocking::blpop,
    ),
    of(
        "brpop",
        -3,
        WRITE,
        Categories::LIST,
        POP,
        Gateway::InTurn,
        list(
            "2.0.0",
            "O(N) where N is the number of keys",
            "Takes the last element out of the first list that has one, or waits for one.",
            &[KEY.multiple(), TIMEOUT],
        ),
        blocking::brpop,
    ),
    of(
        "blmove",
        6,
        ADD,
        Categories::LIST,
        MOVE,
        Gateway::SameSlot,
        list(
            "6.2.0",
            "O(1)",
            "Takes an element from an end of a list to an end of another, or waits for one.",
            &[
                key_arg("source").at(0),
                key_arg("destination").at(1),
                oneof("wherefrom", SIDES),
                oneof("whereto", SIDES),
                TIMEOUT,
            ],
        ),
        blocking::blmove,
    ),
    of(
        "brpoplpush",
        4,
        ADD,
        Categories::LIST,
        MOVE,
        Gateway::SameSlot,
        Docs {
            deprecated: Some(("6.2.0", "`BLMOVE` with the `RIGHT` and `LEFT` arguments")),
            ..list(
                "2.2.0",
                "O(1)",
                "Takes the last element of a list to the front of another, or waits for one.",
                &[key_arg("source").at(0), key_arg("destination").at(1), TIMEOUT],
            )
        },
        blocking::brpoplpush,
    ),
    of(
        "blmpop",
        -5,
        WRITE_MOVABLE,
        Categories::LIST,
        COUNTED_POP,
        Gateway::InTurn,
        list(
            "7.0.0",
            "O(N+M) where N is the number of keys and M of elements answered",
            "Takes elements out of the first list that is not empty, or waits for one.",
            &[TIMEOUT, integer("numkeys"), KEY.multiple(), oneof("where", SIDES), COUNT],
        ),
        blocking::blmpop,
    ),
    of(
        "bzpopmin",
        -3,
        WRITE_FAST,
        Categories::SORTED_SET,
        POP,
        Gateway::InTurn,
        sorted(
            "5.0.0",
            "O(log(N)) where N is the number of elements",
            "Takes the element with the lowest score out of the first sorted set that has one, or waits for one.",
            &[KEY.multiple(), TIMEOUT],
        ),
        blocking::bzpopmin,
    ),
    of(
        "bzpopmax",
        -3,
        WRITE_FAST,
        Categories::SORTED_SET,
        POP,
        Gateway::InTurn,
        sorted(
            "5.0.0",
            "O(log(N)) where N is the number of elements",
            "Takes the element with the highest score out of the first sorted set that has one, or waits for one.",
            &[KEY.multiple(), TIMEOUT],
        ),
        blocking::bzpopmax,
    ),
    of(
        "bzmpop",
        -5,
        WRITE_MOVABLE,
        Categories::SORTED_SET,
        COUNTED_POP,
        Gateway::InTurn,
        sorted(
            "7.0.0",
            "O(K) + O(M*log(N)) where K is the number of keys, N of elements and M of those answered",
            "Takes elements out of the first sorted set that is not empty, or waits for one.",
            &[TIMEOUT, integer("numkeys"), KEY.multiple(), oneof("where", ENDS), COUNT],
        ),
        blocking::bzmpop,
    ),
];
