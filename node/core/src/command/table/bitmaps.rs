//! Rows of commands of bitmaps and of estimates of numbers of things.

use super::row::{KEY, block, docs, integer, key_arg, keys, oneof, pure_token, row, string_arg};
use crate::command::{Arg, Categories, Command, Flags, Gateway, bitmap, hyperloglog};

const ADD: Flags = Flags::WRITE.or(Flags::DENYOOM);
const READ_FAST: Flags = Flags::READONLY.or(Flags::FAST);
const READ: Flags = Flags::READONLY;
const ADD_FAST: Flags = Flags::WRITE.or(Flags::DENYOOM).or(Flags::FAST);

const OFFSET: Arg = integer("offset");
const KIND: Arg = string_arg("encoding");
const UNIT: Arg = oneof("unit", &[pure_token("byte", "BYTE"), pure_token("bit", "BIT")]).since("7.0.0").optional();
const GET: Arg = block("get-block", &[KIND, OFFSET]).token("GET");
const ELEMENTS: Arg = string_arg("element").optional().multiple();

pub(super) const ROWS: &[Command] = &[
    row(
        "setbit",
        4,
        ADD,
        Categories::BITMAP,
        &[keys(1, 0, 1, &["RW", "access", "update"])],
        docs(
            "bitmap",
            "2.2.0",
            "O(N) where N is the length of the string",
            "Sets a bit of a string.",
            &[KEY, OFFSET, integer("value")],
        ),
        bitmap::setbit,
    ),
    row(
        "getbit",
        3,
        READ_FAST,
        Categories::BITMAP,
        &[keys(1, 0, 1, &["RO", "access"])],
        docs("bitmap", "2.2.0", "O(1)", "Answers a bit of a string.", &[KEY, OFFSET]),
        bitmap::getbit,
    ),
    row(
        "bitcount",
        -2,
        READ,
        Categories::BITMAP,
        &[keys(1, 0, 1, &["RO", "access"])],
        docs(
            "bitmap",
            "2.6.0",
            "O(N)",
            "Answers how many bits of a string are set.",
            &[KEY, block("range", &[integer("start"), integer("end"), UNIT]).optional()],
        ),
        bitmap::bitcount,
    ),
    row(
        "bitpos",
        -3,
        READ,
        Categories::BITMAP,
        &[keys(1, 0, 1, &["RO", "access"])],
        docs(
            "bitmap",
            "2.8.7",
            "O(N)",
            "Answers where the first bit is that is set, or is not.",
            &[
                KEY,
                integer("bit"),
                block("range", &[integer("start"), block("end-unit-block", &[integer("end"), UNIT]).optional()])
                    .optional(),
            ],
        ),
        bitmap::bitpos,
    ),
    Command {
        gateway: Gateway::SameSlot,
        ..row(
            "bitop",
            -4,
            ADD,
            Categories::BITMAP,
            &[keys(2, 0, 1, &["OW", "update"]), keys(3, -1, 1, &["RO", "access"])],
            docs(
                "bitmap",
                "2.6.0",
                "O(N)",
                "Stores what an operation on the bits of strings makes of them.",
                &[
                    oneof(
                        "operation",
                        &[
                            pure_token("and", "AND"),
                            pure_token("or", "OR"),
                            pure_token("xor", "XOR"),
                            pure_token("not", "NOT"),
                        ],
                    ),
                    key_arg("destkey").at(0),
                    key_arg("key").at(1).multiple(),
                ],
            ),
            bitmap::bitop,
        )
    },
    row(
        "bitfield",
        -2,
        ADD,
        Categories::BITMAP,
        &[keys(1, 0, 1, &["RW", "access", "update", "variable_flags"])],
        docs(
            "bitmap",
            "3.2.0",
            "O(1) for each operation",
            "Reads and changes numbers of some bits in a string.",
            &[
                KEY,
                oneof(
                    "operation",
                    &[
                        GET,
                        block(
                            "write",
                            &[
                                oneof(
                                    "overflow-block",
                                    &[pure_token("wrap", "WRAP"), pure_token("sat", "SAT"), pure_token("fail", "FAIL")],
                                )
                                .token("OVERFLOW")
                                .optional(),
                                oneof(
                                    "write-operation",
                                    &[
                                        block("set-block", &[KIND, OFFSET, integer("value")]).token("SET"),
                                        block("incrby-block", &[KIND, OFFSET, integer("increment")]).token("INCRBY"),
                                    ],
                                ),
                            ],
                        ),
                    ],
                )
                .optional()
                .multiple(),
            ],
        ),
        bitmap::bitfield,
    ),
    row(
        "bitfield_ro",
        -2,
        READ_FAST,
        Categories::BITMAP,
        &[keys(1, 0, 1, &["RO", "access"])],
        docs(
            "bitmap",
            "6.0.0",
            "O(1) for each operation",
            "Reads numbers of some bits in a string.",
            &[KEY, GET.optional().multiple()],
        ),
        bitmap::bitfield_ro,
    ),
    row(
        "pfadd",
        -2,
        ADD_FAST,
        Categories::HYPERLOGLOG,
        &[keys(1, 0, 1, &["RW", "insert"])],
        docs(
            "hyperloglog",
            "2.8.9",
            "O(1) for each element",
            "Adds elements to an estimate of a number of things.",
            &[KEY, ELEMENTS],
        ),
        hyperloglog::pfadd,
    ),
    Command {
        gateway: Gateway::SameSlot,
        ..row(
            "pfcount",
            -2,
            READ,
            Categories::HYPERLOGLOG,
            &[keys(1, -1, 1, &["RW", "access"])],
            docs(
                "hyperloglog",
                "2.8.9",
                "O(N) where N is the number of keys",
                "Answers about how many different elements were added to any of some keys.",
                &[KEY.multiple()],
            ),
            hyperloglog::pfcount,
        )
    },
    Command {
        gateway: Gateway::SameSlot,
        ..row(
            "pfmerge",
            -2,
            ADD,
            Categories::HYPERLOGLOG,
            &[keys(1, 0, 1, &["RW", "access", "insert"]), keys(2, -1, 1, &["RO", "access"])],
            docs(
                "hyperloglog",
                "2.8.9",
                "O(N) where N is the number of keys",
                "Adds what was added to some keys to another one.",
                &[key_arg("destkey").at(0), key_arg("sourcekey").at(1).optional().multiple()],
            ),
            hyperloglog::pfmerge,
        )
    },
];
