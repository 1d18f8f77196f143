//! Rows of commands of places.

use super::row::{KEY, block, docs, double, integer, key_arg, key_behind, keys, oneof, pure_token, row, string_arg};
use crate::command::{Arg, Categories, Command, Docs, Flags, Gateway, geo};

const ADD: Flags = Flags::WRITE.or(Flags::DENYOOM);
const READ: Flags = Flags::READONLY;
const ADD_MOVABLE: Flags = Flags::WRITE.or(Flags::DENYOOM).or(Flags::MOVABLE_KEYS);

const MEMBERS: Arg = string_arg("member").optional().multiple();
const UNIT: Arg =
    oneof("unit", &[pure_token("m", "M"), pure_token("km", "KM"), pure_token("ft", "FT"), pure_token("mi", "MI")]);
const ORDER: Arg = oneof("order", &[pure_token("asc", "ASC"), pure_token("desc", "DESC")]).optional();
const COUNT: Arg =
    block("count-block", &[integer("count").token("COUNT"), pure_token("any", "ANY").since("6.2.0").optional()])
        .optional();
const WITH_COORD: Arg = pure_token("withcoord", "WITHCOORD").optional();
const WITH_DIST: Arg = pure_token("withdist", "WITHDIST").optional();
const WITH_HASH: Arg = pure_token("withhash", "WITHHASH").optional();
const FROM: Arg = oneof(
    "from",
    &[
        string_arg("member").token("FROMMEMBER"),
        block("fromlonlat", &[double("longitude"), double("latitude")]).token("FROMLONLAT"),
    ],
);
const BY: Arg = oneof(
    "by",
    &[
        block("circle", &[double("radius").token("BYRADIUS"), UNIT]),
        block("box", &[double("width").token("BYBOX"), double("height"), UNIT]),
    ],
);

pub(super) const ROWS: &[Command] = &[
    row(
        "geoadd",
        -5,
        ADD,
        Categories::GEO,
        &[keys(1, 0, 1, &["RW", "update"])],
        docs(
            "geo",
            "3.2.0",
            "O(log(N)) for each place",
            "Adds places to a sorted set.",
            &[
                KEY,
                oneof("condition", &[pure_token("nx", "NX"), pure_token("xx", "XX")]).since("6.2.0").optional(),
                pure_token("change", "CH").since("6.2.0").optional(),
                block("data", &[double("longitude"), double("latitude"), string_arg("member")]).multiple(),
            ],
        ),
        geo::geoadd,
    ),
    row(
        "geopos",
        -2,
        READ,
        Categories::GEO,
        &[keys(1, 0, 1, &["RO", "access"])],
        docs("geo", "3.2.0", "O(1) for each member", "Answers where members are.", &[KEY, MEMBERS]),
        geo::geopos,
    ),
    row(
        "geodist",
        -4,
        READ,
        Categories::GEO,
        &[keys(1, 0, 1, &["RO", "access"])],
        docs(
            "geo",
            "3.2.0",
            "O(1)",
            "Answers how far two members are from each other.",
            &[KEY, string_arg("member1"), string_arg("member2"), UNIT.optional()],
        ),
        geo::geodist,
    ),
    row(
        "geohash",
        -2,
        READ,
        Categories::GEO,
        &[keys(1, 0, 1, &["RO", "access"])],
        docs("geo", "3.2.0", "O(1) for each member", "Answers where members are as geohashes.", &[KEY, MEMBERS]),
        geo::geohash,
    ),
    row(
        "geosearch",
        -7,
        READ,
        Categories::GEO,
        &[keys(1, 0, 1, &["RO", "access"])],
        docs(
            "geo",
            "6.2.0",
            "O(N+log(M)) where N is the number of elements around the center and M the number inside",
            "Answers the members in a circle or a box.",
            &[KEY, FROM, BY, ORDER, COUNT, WITH_COORD, WITH_DIST, WITH_HASH],
        ),
        geo::geosearch,
    ),
    Command {
        gateway: Gateway::SameSlot,
        ..row(
            "geosearchstore",
            -8,
            ADD,
            Categories::GEO,
            &[keys(1, 0, 1, &["OW", "update"]), keys(2, 0, 1, &["RO", "access"])],
            docs(
                "geo",
                "6.2.0",
                "O(N+log(M)) where N is the number of elements around the center and M the number inside",
                "Stores the members in a circle or a box.",
                &[
                    key_arg("destination").at(0),
                    key_arg("source").at(1),
                    FROM,
                    BY,
                    ORDER,
                    COUNT,
                    pure_token("storedist", "STOREDIST").optional(),
                ],
            ),
            geo::geosearchstore,
        )
    },
    Command {
        gateway: Gateway::SameSlot,
        ..row(
            "georadius",
            -6,
            ADD_MOVABLE,
            Categories::GEO,
            &[
                keys(1, 0, 1, &["RO", "access"]),
                key_behind("STORE", 6, &["OW", "update"]),
                key_behind("STOREDIST", 6, &["OW", "update"]),
            ],
            Docs {
                deprecated: Some(("6.2.0", "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument")),
                ..docs(
                    "geo",
                    "3.2.0",
                    "O(N+log(M)) where N is the number of elements around the center and M the number inside",
                    "Answers or stores the members in a circle.",
                    &[
                        KEY,
                        double("longitude"),
                        double("latitude"),
                        double("radius"),
                        UNIT,
                        WITH_COORD,
                        WITH_DIST,
                        WITH_HASH,
                        COUNT,
                        ORDER,
                        oneof(
                            "store",
                            &[
                                key_arg("storekey").at(1).token("STORE"),
                                key_arg("storedistkey").at(2).token("STOREDIST"),
                            ],
                        )
                        .optional(),
                    ],
                )
            },
            geo::georadius,
        )
    },
    row(
        "georadius_ro",
        -6,
        READ,
        Categories::GEO,
        &[keys(1, 0, 1, &["RO", "access"])],
        Docs {
            deprecated: Some(("6.2.0", "`GEOSEARCH` with the `BYRADIUS` argument")),
            ..docs(
                "geo",
                "3.2.10",
                "O(N+log(M)) where N is the number of elements around the center and M the number inside",
                "Answers the members in a circle.",
                &[
                    KEY,
                    double("longitude"),
                    double("latitude"),
                    double("radius"),
                    UNIT,
                    WITH_COORD,
                    WITH_DIST,
                    WITH_HASH,
                    COUNT,
                    ORDER,
                ],
            )
        },
        geo::georadius_ro,
    ),
    Command {
        gateway: Gateway::SameSlot,
        ..row(
            "georadiusbymember",
            -5,
            ADD_MOVABLE,
            Categories::GEO,
            &[
                keys(1, 0, 1, &["RO", "access"]),
                key_behind("STORE", 5, &["OW", "update"]),
                key_behind("STOREDIST", 5, &["OW", "update"]),
            ],
            Docs {
                deprecated: Some(("6.2.0", "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument")),
                ..docs(
                    "geo",
                    "3.2.0",
                    "O(N+log(M)) where N is the number of elements around the center and M the number inside",
                    "Answers or stores the members in a circle around one.",
                    &[
                        KEY,
                        string_arg("member"),
                        double("radius"),
                        UNIT,
                        WITH_COORD,
                        WITH_DIST,
                        WITH_HASH,
                        COUNT,
                        ORDER,
                        oneof(
                            "store",
                            &[
                                key_arg("storekey").at(1).token("STORE"),
                                key_arg("storedistkey").at(2).token("STOREDIST"),
                            ],
                        )
                        .optional(),
                    ],
                )
            },
            geo::georadiusbymember,
        )
    },
    row(
        "georadiusbymember_ro",
        -5,
        READ,
        Categories::GEO,
        &[keys(1, 0, 1, &["RO", "access"])],
        Docs {
            deprecated: Some(("6.2.0", "`GEOSEARCH` with the `BYRADIUS` argument")),
            ..docs(
                "geo",
                "3.2.10",
                "O(N+log(M)) where N is the number of elements around the center and M the number inside",
                "Answers the members in a circle around one.",
                &[KEY, string_arg("member"), double("radius"), UNIT, WITH_COORD, WITH_DIST, WITH_HASH, COUNT, ORDER],
            )
        },
        geo::georadiusbymember_ro,
    ),
];
