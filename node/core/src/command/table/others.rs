//! Rows of commands of several types: SORT, LCS, DUMP and RESTORE.

use super::row::{KEY, block, docs, integer, key_arg, key_behind, keys, oneof, pattern, pure_token, row, string_arg};
use crate::command::{Categories, Command, Flags, Gateway, dump, lcs, sort};

const ADD_MOVABLE: Flags = Flags::WRITE.or(Flags::DENYOOM).or(Flags::MOVABLE_KEYS);
const READ_MOVABLE: Flags = Flags::READONLY.or(Flags::MOVABLE_KEYS);
const READ: Flags = Flags::READONLY;

pub(super) const ROWS: &[Command] = &[
    Command {
        gateway: Gateway::SameSlot,
        ..row(
            "sort",
            -2,
            ADD_MOVABLE,
            Categories::SET.or(Categories::SORTED_SET).or(Categories::LIST).or(Categories::DANGEROUS),
            &[keys(1, 0, 1, &["RO", "access"]), key_behind("STORE", 2, &["OW", "update"])],
            docs(
                "generic",
                "1.0.0",
                "O(N+M*log(M)) where N is the number of elements and M of those answered",
                "Answers or stores the elements of a list, set or sorted set in another order.",
                &[
                    KEY,
                    pattern("by-pattern").token("BY").optional(),
                    block("limit", &[integer("offset"), integer("count")]).token("LIMIT").optional(),
                    pattern("get-pattern").token("GET").optional().repeated(),
                    oneof("order", &[pure_token("asc", "ASC"), pure_token("desc", "DESC")]).optional(),
                    pure_token("sorting", "ALPHA").optional(),
                    key_arg("destination").at(1).token("STORE").optional(),
                ],
            ),
            sort::sort,
        )
    },
    row(
        "sort_ro",
        -2,
        READ_MOVABLE,
        Categories::SET.or(Categories::SORTED_SET).or(Categories::LIST).or(Categories::DANGEROUS),
        &[keys(1, 0, 1, &["RO", "access"])],
        docs(
            "generic",
            "7.0.0",
            "O(N+M*log(M)) where N is the number of elements and M of those answered",
            "Answers the elements of a list, set or sorted set in another order.",
            &[
                KEY,
                pattern("by-pattern").token("BY").optional(),
                block("limit", &[integer("offset"), integer("count")]).token("LIMIT").optional(),
                pattern("get-pattern").token("GET").optional().repeated(),
                oneof("order", &[pure_token("asc", "ASC"), pure_token("desc", "DESC")]).optional(),
                pure_token("sorting", "ALPHA").optional(),
            ],
        ),
        sort::sort_ro,
    ),
    Command {
        gateway: Gateway::SameSlot,
        ..row(
            "lcs",
            -3,
            READ,
            Categories::STRING,
            &[keys(1, 1, 1, &["RO", "access"])],
            docs(
                "string",
                "7.0.0",
                "O(N*M) where N and M are the lengths of the strings",
                "Answers the longest common subsequence of two strings.",
                &[
                    key_arg("key1").at(0),
                    key_arg("key2").at(0),
                    pure_token("len", "LEN").optional(),
                    pure_token("idx", "IDX").optional(),
                    integer("min-match-len").token("MINMATCHLEN").optional(),
                    pure_token("withmatchlen", "WITHMATCHLEN").optional(),
                ],
            ),
            lcs::lcs,
        )
    },
    row(
        "dump",
        2,
        Flags::READONLY,
        Categories::KEYSPACE,
        &[keys(1, 0, 1, &["RO", "access"])],
        docs("generic", "2.6.0", "O(N) where N is the size of the value", "Answers a value as bytes.", &[KEY]),
        dump::dump,
    ),
    row(
        "restore",
        -4,
        Flags::WRITE.or(Flags::DENYOOM),
        Categories::KEYSPACE.or(Categories::DANGEROUS),
        &[keys(1, 0, 1, &["OW", "update"])],
        docs(
            "generic",
            "2.6.0",
            "O(N) where N is the size of the value",
            "Stores a value from its bytes.",
            &[
                KEY,
                integer("ttl"),
                string_arg("serialized-value"),
                pure_token("replace", "REPLACE").since("3.0.0").optional(),
                pure_token("absttl", "ABSTTL").since("5.0.0").optional(),
                integer("seconds").token("IDLETIME").since("5.0.0").optional(),
                integer("frequency").token("FREQ").since("5.0.0").optional(),
            ],
        ),
        dump::restore,
    ),
];
