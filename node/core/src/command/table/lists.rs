//! Rows of commands of lists.

use super::row::{KEY, counted_keys, docs, integer, key_arg, keys, oneof, pure_token, row, string_arg};
use crate::command::{Arg, Categories, Command, Docs, Flags, Gateway, KeySpec, Run, list};

const ADD_FAST: Flags = Flags::WRITE.or(Flags::DENYOOM).or(Flags::FAST);
const WRITE_FAST: Flags = Flags::WRITE.or(Flags::FAST);
const READ_FAST: Flags = Flags::READONLY.or(Flags::FAST);
const READ: Flags = Flags::READONLY;
const ADD: Flags = Flags::WRITE.or(Flags::DENYOOM);
const WRITE: Flags = Flags::WRITE;
const WRITE_MOVABLE: Flags = Flags::WRITE.or(Flags::MOVABLE_KEYS);

const INSERT: &[KeySpec] = &[keys(1, 0, 1, &["RW", "insert"])];
const POP: &[KeySpec] = &[keys(1, 0, 1, &["RW", "access", "delete"])];
const LOOK: &[KeySpec] = &[keys(1, 0, 1, &["RO"])];
const ACCESS: &[KeySpec] = &[keys(1, 0, 1, &["RO", "access"])];
const UPDATE: &[KeySpec] = &[keys(1, 0, 1, &["RW", "update"])];
const DELETE: &[KeySpec] = &[keys(1, 0, 1, &["RW", "delete"])];
const MOVE: &[KeySpec] = &[keys(1, 0, 1, &["RW", "access", "delete"]), keys(2, 0, 1, &["RW", "insert"])];
const COUNTED_POP: &[KeySpec] = &[counted_keys(1, &["RW", "access", "delete"])];

const ELEMENT: Arg = string_arg("element");
const ELEMENTS: Arg = ELEMENT.multiple();
const WHERE: &[Arg] = &[pure_token("left", "LEFT"), pure_token("right", "RIGHT")];

const fn of(name: &'static str, arity: i16, flags: Flags, keys: &'static [KeySpec], docs: Docs, run: Run) -> Command {
    row(name, arity, flags, Categories::LIST, keys, docs, run)
}

const fn about(since: &'static str, complexity: &'static str, summary: &'static str, args: &'static [Arg]) -> Docs {
    docs("list", since, complexity, summary, args)
}

pub(super) const ROWS: &[Command] = &[
    of(
        "lpush",
        -3,
        ADD_FAST,
        INSERT,
        about("1.0.0", "O(1) for each element", "Puts elements before the first one of a list.", &[KEY, ELEMENTS]),
        list::lpush,
    ),
    of(
        "rpush",
        -3,
        ADD_FAST,
        INSERT,
        about("1.0.0", "O(1) for each element", "Puts elements behind the last one of a list.", &[KEY, ELEMENTS]),
        list::rpush,
    ),
    of(
        "lpushx",
        -3,
        ADD_FAST,
        INSERT,
        about(
            "2.2.0",
            "O(1) for each element",
            "Puts elements before the first one of a list only if there is a list.",
            &[KEY, ELEMENTS],
        ),
        list::lpushx,
    ),
    of(
        "rpushx",
        -3,
        ADD_FAST,
        INSERT,
        about(
            "2.2.0",
            "O(1) for each element",
            "Puts elements behind the last one of a list only if there is a list.",
            &[KEY, ELEMENTS],
        ),
        list::rpushx,
    ),
    of(
        "lpop",
        -2,
        WRITE_FAST,
        POP,
        about(
            "1.0.0",
            "O(N) where N is the number of elements answered",
            "Takes the first elements out of a list.",
            &[KEY, integer("count").since("6.2.0").optional()],
        ),
        list::lpop,
    ),
    of(
        "rpop",
        -2,
        WRITE_FAST,
        POP,
        about(
            "1.0.0",
            "O(N) where N is the number of elements answered",
            "Takes the last elements out of a list.",
            &[KEY, integer("count").since("6.2.0").optional()],
        ),
        list::rpop,
    ),
    of("llen", 2, READ_FAST, LOOK, about("1.0.0", "O(1)", "Answers the length of a list.", &[KEY]), list::llen),
    of(
        "lrange",
        4,
        READ,
        ACCESS,
        about(
            "1.0.0",
            "O(S+N) where S is the distance of the start from the end and N the number of elements",
            "Answers a range of elements of a list.",
            &[KEY, integer("start"), integer("stop")],
        ),
        list::lrange,
    ),
    of(
        "lindex",
        3,
        READ,
        ACCESS,
        about("1.0.0", "O(log N)", "Answers the element at an index of a list.", &[KEY, integer("index")]),
        list::lindex,
    ),
    of(
        "lset",
        4,
        ADD,
        UPDATE,
        about(
            "1.0.0",
            "O(log N)",
            "Puts another element in the place of one of a list.",
            &[KEY, integer("index"), ELEMENT],
        ),
        list::lset,
    ),
    of(
        "linsert",
        5,
        ADD,
        INSERT,
        about(
            "2.2.0",
            "O(N) where N is the number of elements before the pivot",
            "Puts an element before or behind another one.",
            &[
                KEY,
                oneof("where", &[pure_token("before", "BEFORE"), pure_token("after", "AFTER")]),
                string_arg("pivot"),
                ELEMENT,
            ],
        ),
        list::linsert,
    ),
    of(
        "lrem",
        4,
        WRITE,
        DELETE,
        about(
            "1.0.0",
            "O(N) where N is the number of elements",
            "Takes elements that are equal to one out of a list.",
            &[KEY, integer("count"), ELEMENT],
        ),
        list::lrem,
    ),
    of(
        "ltrim",
        4,
        WRITE,
        DELETE,
        about(
            "1.0.0",
            "O(N) where N is the number of elements taken out",
            "Takes all but a range of elements out of a list.",
            &[KEY, integer("start"), integer("stop")],
        ),
        list::ltrim,
    ),
    of(
        "lpos",
        -3,
        READ,
        ACCESS,
        about(
            "6.0.6",
            "O(N) where N is the number of elements",
            "Answers the indexes of elements that are equal to one.",
            &[
                KEY,
                ELEMENT,
                integer("rank").token("RANK").optional(),
                integer("num-matches").token("COUNT").optional(),
                integer("len").token("MAXLEN").optional(),
            ],
        ),
        list::lpos,
    ),
    Command {
        gateway: Gateway::SameSlot,
        ..of(
            "lmove",
            5,
            ADD,
            MOVE,
            about(
                "6.2.0",
                "O(1)",
                "Takes an element from an end of a list to an end of another.",
                &[
                    key_arg("source").at(0),
                    key_arg("destination").at(1),
                    oneof("wherefrom", WHERE),
                    oneof("whereto", WHERE),
                ],
            ),
            list::lmove,
        )
    },
    Command {
        gateway: Gateway::SameSlot,
        ..of(
            "rpoplpush",
            3,
            ADD,
            MOVE,
            Docs {
                deprecated: Some(("6.2.0", "`LMOVE` with the `RIGHT` and `LEFT` arguments")),
                ..about(
                    "1.2.0",
                    "O(1)",
                    "Takes the last element of a list to the front of another.",
                    &[key_arg("source").at(0), key_arg("destination").at(1)],
                )
            },
            list::rpoplpush,
        )
    },
    Command {
        gateway: Gateway::SameSlot,
        ..of(
            "lmpop",
            -4,
            WRITE_MOVABLE,
            COUNTED_POP,
            about(
                "7.0.0",
                "O(N+M) where N is the number of keys and M of elements answered",
                "Takes elements out of the first list that is not empty.",
                &[
                    integer("numkeys"),
                    KEY.multiple(),
                    oneof("where", WHERE),
                    integer("count").token("COUNT").optional(),
                ],
            ),
            list::lmpop,
        )
    },
];
