//! Rows of commands of sorted sets.

use super::row::{
    KEY, block, counted_keys, docs, double, integer, key_arg, keys, oneof, pattern, pure_token, row, string_arg,
};
use crate::command::collection::Operation;
use crate::command::{Arg, Categories, Command, Docs, Flags, Gateway, KeySpec, Run, sorted_set, sorted_set::combine};

const ADD_FAST: Flags = Flags::WRITE.or(Flags::DENYOOM).or(Flags::FAST);
const WRITE_FAST: Flags = Flags::WRITE.or(Flags::FAST);
const READ_FAST: Flags = Flags::READONLY.or(Flags::FAST);
const READ: Flags = Flags::READONLY;
const ADD: Flags = Flags::WRITE.or(Flags::DENYOOM);
const WRITE: Flags = Flags::WRITE;
const WRITE_MOVABLE: Flags = Flags::WRITE.or(Flags::MOVABLE_KEYS);
const READ_MOVABLE: Flags = Flags::READONLY.or(Flags::MOVABLE_KEYS);
const ADD_MOVABLE: Flags = Flags::WRITE.or(Flags::DENYOOM).or(Flags::MOVABLE_KEYS);

const UPDATE: &[KeySpec] = &[keys(1, 0, 1, &["RW", "update"])];
const CHANGE: &[KeySpec] = &[keys(1, 0, 1, &["RW", "access", "update"])];
const DELETE: &[KeySpec] = &[keys(1, 0, 1, &["RW", "delete"])];
const LOOK: &[KeySpec] = &[keys(1, 0, 1, &["RO"])];
const ACCESS: &[KeySpec] = &[keys(1, 0, 1, &["RO", "access"])];
const STORE_ONE: &[KeySpec] = &[keys(1, 0, 1, &["OW", "update"]), keys(2, 0, 1, &["RO", "access"])];
const POP: &[KeySpec] = &[keys(1, 0, 1, &["RW", "access", "delete"])];
const COUNTED_POP: &[KeySpec] = &[counted_keys(1, &["RW", "access", "delete"])];
const COUNTED: &[KeySpec] = &[counted_keys(1, &["RO", "access"])];
const STORE_COUNTED: &[KeySpec] = &[keys(1, 0, 1, &["OW", "update"]), counted_keys(2, &["RO", "access"])];

const MEMBER: Arg = string_arg("member");
const MEMBERS: Arg = MEMBER.multiple();
const TARGET: Arg = key_arg("destination").at(0);
const SOURCES: Arg = key_arg("key").at(1).multiple();
const WITH_SCORES: Arg = pure_token("withscores", "WITHSCORES").optional();
const LIMIT: Arg = block("limit", &[integer("offset"), integer("count")]).token("LIMIT").optional();
const SORT_BY: Arg = oneof("sortby", &[pure_token("byscore", "BYSCORE"), pure_token("bylex", "BYLEX")]).optional();
const REV: Arg = pure_token("rev", "REV").optional();
const WEIGHTS: Arg = integer("weight").token("WEIGHTS").optional().multiple();
const AGGREGATE: Arg =
    oneof("aggregate", &[pure_token("sum", "SUM"), pure_token("min", "MIN"), pure_token("max", "MAX")])
        .token("AGGREGATE")
        .optional();
const ENDS: &[Arg] = &[pure_token("min", "MIN"), pure_token("max", "MAX")];

const fn of(name: &'static str, arity: i16, flags: Flags, keys: &'static [KeySpec], docs: Docs, run: Run) -> Command {
    row(name, arity, flags, Categories::SORTED_SET, keys, docs, run)
}

const fn about(since: &'static str, complexity: &'static str, summary: &'static str, args: &'static [Arg]) -> Docs {
    docs("sorted-set", since, complexity, summary, args)
}

pub(super) const ROWS: &[Command] = &[
    of(
        "zadd",
        -4,
        ADD_FAST,
        UPDATE,
        about(
            "1.2.0",
            "O(log(N)) for each element",
            "Adds elements to a sorted set, or changes their scores.",
            &[
                KEY,
                oneof("condition", &[pure_token("nx", "NX"), pure_token("xx", "XX")]).since("3.0.2").optional(),
                oneof("comparison", &[pure_token("gt", "GT"), pure_token("lt", "LT")]).since("6.2.0").optional(),
                pure_token("change", "CH").since("3.0.2").optional(),
                pure_token("increment", "INCR").since("3.0.2").optional(),
                block("data", &[double("score"), MEMBER]).multiple(),
            ],
        ),
        sorted_set::zadd,
    ),
    of(
        "zincrby",
        4,
        ADD_FAST,
        CHANGE,
        about("1.2.0", "O(log(N))", "Adds to the score of an element.", &[KEY, integer("increment"), MEMBER]),
        sorted_set::zincrby,
    ),
    of(
        "zrem",
        -3,
        WRITE_FAST,
        DELETE,
        about(
            "1.2.0",
            "O(M*log(N)) where M is the number of members",
            "Takes members out of a sorted set.",
            &[KEY, MEMBERS],
        ),
        sorted_set::zrem,
    ),
    of(
        "zcard",
        2,
        READ_FAST,
        LOOK,
        about("1.2.0", "O(1)", "Answers the number of elements of a sorted set.", &[KEY]),
        sorted_set::zcard,
    ),
    of(
        "zscore",
        3,
        READ_FAST,
        ACCESS,
        about("1.2.0", "O(1)", "Answers the score of a member.", &[KEY, MEMBER]),
        sorted_set::zscore,
    ),
    of(
        "zmscore",
        -3,
        READ_FAST,
        ACCESS,
        about(
            "6.2.0",
            "O(N) where N is the number of members asked for",
            "Answers the scores of members.",
            &[KEY, MEMBERS],
        ),
        sorted_set::zmscore,
    ),
    of(
        "zrank",
        -3,
        READ_FAST,
        ACCESS,
        about(
            "2.0.0",
            "O(log(N))",
            "Answers how many elements have lower scores than a member.",
            &[KEY, MEMBER, pure_token("withscore", "WITHSCORE").since("7.2.0").optional()],
        ),
        sorted_set::zrank,
    ),
    of(
        "zrevrank",
        -3,
        READ_FAST,
        ACCESS,
        about(
            "2.0.0",
            "O(log(N))",
            "Answers how many elements have higher scores than a member.",
            &[KEY, MEMBER, pure_token("withscore", "WITHSCORE").since("7.2.0").optional()],
        ),
        sorted_set::zrevrank,
    ),
    of(
        "zcount",
        4,
        READ_FAST,
        ACCESS,
        about(
            "2.0.0",
            "O(log(N))",
            "Answers how many elements have scores in a range.",
            &[KEY, double("min"), double("max")],
        ),
        sorted_set::zcount,
    ),
    of(
        "zlexcount",
        4,
        READ_FAST,
        ACCESS,
        about(
            "2.8.9",
            "O(log(N))",
            "Answers how many members lie in a range of texts.",
            &[KEY, string_arg("min"), string_arg("max")],
        ),
        sorted_set::zlexcount,
    ),
    of(
        "zrange",
        -4,
        READ,
        ACCESS,
        about(
            "1.2.0",
            "O(log(N)+M) where N is the size of the set and M the number of elements answered",
            "Answers a range of elements.",
            &[KEY, string_arg("start"), string_arg("stop"), SORT_BY, REV, LIMIT, WITH_SCORES],
        ),
        sorted_set::zrange,
    ),
    of(
        "zrevrange",
        -4,
        READ,
        ACCESS,
        Docs {
            deprecated: Some(("6.2.0", "`ZRANGE` with the `REV` argument")),
            ..about(
                "1.2.0",
                "O(log(N)+M) where N is the size of the set and M the number of elements answered",
                "Answers a range of elements from the highest score on.",
                &[KEY, integer("start"), integer("stop"), WITH_SCORES],
            )
        },
        sorted_set::zrevrange,
    ),
    of(
        "zrangebyscore",
        -4,
        READ,
        ACCESS,
        Docs {
            deprecated: Some(("6.2.0", "`ZRANGE` with the `BYSCORE` argument")),
            ..about(
                "1.0.5",
                "O(log(N)+M) where N is the size of the set and M the number of elements answered",
                "Answers the elements with scores in a range.",
                &[KEY, double("min"), double("max"), WITH_SCORES, LIMIT],
            )
        },
        sorted_set::zrangebyscore,
    ),
    of(
        "zrevrangebyscore",
        -4,
        READ,
        ACCESS,
        Docs {
            deprecated: Some(("6.2.0", "`ZRANGE` with the `REV` and `BYSCORE` arguments")),
            ..about(
                "2.2.0",
                "O(log(N)+M) where N is the size of the set and M the number of elements answered",
                "Answers the elements with scores in a range, from the highest on.",
                &[KEY, double("max"), double("min"), WITH_SCORES, LIMIT],
            )
        },
        sorted_set::zrevrangebyscore,
    ),
    of(
        "zrangebylex",
        -4,
        READ,
        ACCESS,
        Docs {
            deprecated: Some(("6.2.0", "`ZRANGE` with the `BYLEX` argument")),
            ..about(
                "2.8.9",
                "O(log(N)+M) where N is the size of the set and M the number of elements answered",
                "Answers the members in a range of texts.",
                &[KEY, string_arg("min"), string_arg("max"), LIMIT],
            )
        },
        sorted_set::zrangebylex,
    ),
    of(
        "zrevrangebylex",
        -4,
        READ,
        ACCESS,
        Docs {
            deprecated: Some(("6.2.0", "`ZRANGE` with the `REV` and `BYLEX` arguments")),
            ..about(
                "2.8.9",
                "O(log(N)+M) where N is the size of the set and M the number of elements answered",
                "Answers the members in a range of texts, from the last on.",
                &[KEY, string_arg("max"), string_arg("min"), LIMIT],
            )
        },
        sorted_set::zrevrangebylex,
    ),
    Command {
        gateway: Gateway::SameSlot,
        ..of(
            "zrangestore",
            -5,
            ADD,
            STORE_ONE,
            about(
                "6.2.0",
                "O(log(N)+M) where M is the number of elements stored",
                "Stores a range of elements.",
                &[TARGET, key_arg("source").at(1), string_arg("min"), string_arg("max"), SORT_BY, REV, LIMIT],
            ),
            sorted_set::zrangestore,
        )
    },
    of(
        "zremrangebyrank",
        4,
        WRITE,
        DELETE,
        about(
            "2.0.0",
            "O(log(N)+M) where M is the number of elements taken out",
            "Takes a range of elements by rank out.",
            &[KEY, integer("start"), integer("stop")],
        ),
        sorted_set::zremrangebyrank,
    ),
    of(
        "zremrangebyscore",
        4,
        WRITE,
        DELETE,
        about(
            "1.2.0",
            "O(log(N)+M) where M is the number of elements taken out",
            "Takes the elements with scores in a range out.",
            &[KEY, double("min"), double("max")],
        ),
        sorted_set::zremrangebyscore,
    ),
    of(
        "zremrangebylex",
        4,
        WRITE,
        DELETE,
        about(
            "2.8.9",
            "O(log(N)+M) where M is the number of elements taken out",
            "Takes the members in a range of texts out.",
            &[KEY, string_arg("min"), string_arg("max")],
        ),
        sorted_set::zremrangebylex,
    ),
    of(
        "zpopmin",
        -2,
        WRITE_FAST,
        POP,
        about(
            "5.0.0",
            "O(log(N)*M) where M is the number of elements answered",
            "Takes the elements with the lowest scores out.",
            &[KEY, integer("count").optional()],
        ),
        sorted_set::zpopmin,
    ),
    of(
        "zpopmax",
        -2,
        WRITE_FAST,
        POP,
        about(
            "5.0.0",
            "O(log(N)*M) where M is the number of elements answered",
            "Takes the elements with the highest scores out.",
            &[KEY, integer("count").optional()],
        ),
        sorted_set::zpopmax,
    ),
    Command {
        gateway: Gateway::SameSlot,
        ..of(
            "zmpop",
            -4,
            WRITE_MOVABLE,
            COUNTED_POP,
            about(
                "7.0.0",
                "O(K)+O(M*log(N)) where K is the number of keys and M of elements answered",
                "Takes elements out of the first sorted set that is not empty.",
                &[integer("numkeys"), KEY.multiple(), oneof("where", ENDS), integer("count").token("COUNT").optional()],
            ),
            sorted_set::zmpop,
        )
    },
    Command {
        gateway: Gateway::SameSlot,
        ..of(
            "zunion",
            -3,
            READ_MOVABLE,
            COUNTED,
            about(
                "6.2.0",
                "O(N)+O(M*log(M)) where N is the size of all sets and M of the result",
                "Answers the elements of any of some sets.",
                &[integer("numkeys"), KEY.multiple(), WEIGHTS, AGGREGATE, WITH_SCORES],
            ),
            |context| combine::joined(context, Operation::Union),
        )
    },
    Command {
        gateway: Gateway::SameSlot,
        ..of(
            "zinter",
            -3,
            READ_MOVABLE,
            COUNTED,
            about(
                "6.2.0",
                "O(N*K)+O(M*log(M)) where N is the smallest size, K the number of sets and M the size of the result",
                "Answers the elements of all of some sets.",
                &[integer("numkeys"), KEY.multiple(), WEIGHTS, AGGREGATE, WITH_SCORES],
            ),
            |context| combine::joined(context, Operation::Intersection),
        )
    },
    Command {
        gateway: Gateway::SameSlot,
        ..of(
            "zdiff",
            -3,
            READ_MOVABLE,
            COUNTED,
            about(
                "6.2.0",
                "O(L + (N-K)log(N)) where L is the size of all sets, N of the first and K of the result",
                "Answers the elements of a set that are in none of some others.",
                &[integer("numkeys"), KEY.multiple(), WITH_SCORES],
            ),
            |context| combine::joined(context, Operation::Difference),
        )
    },
    Command {
        gateway: Gateway::SameSlot,
        ..of(
            "zunionstore",
            -4,
            ADD_MOVABLE,
            STORE_COUNTED,
            about(
                "2.0.0",
                "O(N)+O(M*log(M)) where N is the size of all sets and M of the result",
                "Stores the elements of any of some sets.",
                &[TARGET, integer("numkeys"), SOURCES, WEIGHTS, AGGREGATE],
            ),
            |context| combine::joined_and_stored(context, Operation::Union),
        )
    },
    Command {
        gateway: Gateway::SameSlot,
        ..of(
            "zinterstore",
            -4,
            ADD_MOVABLE,
            STORE_COUNTED,
            about(
                "2.0.0",
                "O(N*K)+O(M*log(M)) where N is the smallest size, K the number of sets and M the size of the result",
                "Stores the elements of all of some sets.",
                &[TARGET, integer("numkeys"), SOURCES, WEIGHTS, AGGREGATE],
            ),
            |context| combine::joined_and_stored(context, Operation::Intersection),
        )
    },
    Command {
        gateway: Gateway::SameSlot,
        ..of(
            "zdiffstore",
            -4,
            ADD_MOVABLE,
            STORE_COUNTED,
            about(
                "6.2.0",
                "O(L + (N-K)log(N)) where L is the size of all sets, N of the first and K of the result",
                "Stores the elements of a set that are in none of some others.",
                &[TARGET, integer("numkeys"), SOURCES],
            ),
            |context| combine::joined_and_stored(context, Operation::Difference),
        )
    },
    Command {
        gateway: Gateway::SameSlot,
        ..of(
            "zintercard",
            -3,
            READ_MOVABLE,
            COUNTED,
            about(
                "7.0.0",
                "O(N*K) where N is the smallest size and K the number of sets",
                "Answers how many elements all of some sets have.",
                &[integer("numkeys"), KEY.multiple(), integer("limit").token("LIMIT").optional()],
            ),
            combine::zintercard,
        )
    },
    Command {
        tips: &["nondeterministic_output"],
        ..of(
            "zrandmember",
            -2,
            READ,
            ACCESS,
            about(
                "6.2.0",
                "O(N) where N is the number of elements answered",
                "Answers elements of a sorted set drawn at random.",
                &[
                    KEY,
                    block("options", &[integer("count"), pure_token("withscores", "WITHSCORES").optional()]).optional(),
                ],
            ),
            sorted_set::zrandmember,
        )
    },
    Command {
        tips: &["nondeterministic_output"],
        ..of(
            "zscan",
            -3,
            READ,
            ACCESS,
            about(
                "2.8.0",
                "O(1) for every call, O(N) for a whole walk",
                "Walks over the elements of a sorted set.",
                &[
                    KEY,
                    integer("cursor"),
                    pattern("pattern").token("MATCH").optional(),
                    integer("count").token("COUNT").optional(),
                ],
            ),
            sorted_set::zscan,
        )
    },
];
