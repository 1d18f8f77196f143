//! Rows of commands about the cluster.

use super::row::{command, docs, integer, string_arg};
use crate::command::{Categories, Command, Docs, Flags, cluster, docs};

pub(super) const ROWS: &[Command] = &[
    Command {
        docs: docs(
            "cluster",
            "3.0.0",
            "O(1)",
            "Allows copies that are new enough to answer reads of this connection.",
            &[],
        ),
        ..command(
            "readonly",
            1,
            Flags::LOADING.or(Flags::STALE).or(Flags::FAST),
            Categories::CONNECTION,
            cluster::readonly,
        )
    },
    Command {
        docs: docs("cluster", "3.0.0", "O(1)", "Takes READONLY back.", &[]),
        ..command(
            "readwrite",
            1,
            Flags::LOADING.or(Flags::STALE).or(Flags::FAST),
            Categories::CONNECTION,
            cluster::readwrite,
        )
    },
    Command {
        docs: docs("cluster", "3.0.0", "O(1)", "Says that the next command follows an ASK redirection.", &[]),
        ..command("asking", 1, Flags::FAST, Categories::CONNECTION, cluster::asking)
    },
    Command {
        docs: docs("cluster", "3.0.0", "Depends on the subcommand.", "Holds the commands about the cluster.", &[]),
        ..command("cluster", -2, Flags::NONE, Categories::NONE, docs::container)
    },
    Command {
        tips: &["nondeterministic_output"],
        docs: Docs {
            deprecated: Some(("7.0.0", "`CLUSTER SHARDS`")),
            ..docs(
                "cluster",
                "3.0.0",
                "O(N) where N is the number of slot ranges",
                "Lists slot ranges and who serves them.",
                &[],
            )
        },
        ..command("cluster|slots", 2, Flags::LOADING.or(Flags::STALE), Categories::NONE, cluster::cluster_slots)
    },
    Command {
        tips: &["nondeterministic_output"],
        docs: docs(
            "cluster",
            "7.0.0",
            "O(N) where N is the number of nodes",
            "Lists nodes with the slot ranges they serve.",
            &[],
        ),
        ..command("cluster|shards", 2, Flags::LOADING.or(Flags::STALE), Categories::NONE, cluster::cluster_shards)
    },
    Command {
        tips: &["nondeterministic_output"],
        docs: docs(
            "cluster",
            "3.0.0",
            "O(N) where N is the number of nodes",
            "Describes the nodes as this node sees them.",
            &[],
        ),
        ..command("cluster|nodes", 2, Flags::STALE, Categories::NONE, cluster::cluster_nodes)
    },
    Command {
        tips: &["nondeterministic_output"],
        docs: docs("cluster", "3.0.0", "O(1)", "Tells the cluster's state.", &[]),
        ..command("cluster|info", 2, Flags::STALE, Categories::NONE, cluster::cluster_info)
    },
    Command {
        docs: docs("cluster", "3.0.0", "O(1)", "Answers this node's id.", &[]),
        ..command("cluster|myid", 2, Flags::STALE, Categories::NONE, cluster::cluster_myid)
    },
    Command {
        tips: &["nondeterministic_output"],
        docs: docs("cluster", "7.2.0", "O(1)", "Answers the id of this node's group of copies.", &[]),
        ..command("cluster|myshardid", 2, Flags::STALE, Categories::NONE, cluster::cluster_myshardid)
    },
    Command {
        docs: docs(
            "cluster",
            "3.0.0",
            "O(N) where N is the length of the key",
            "Answers the slot of a key.",
            &[string_arg("key")],
        ),
        ..command("cluster|keyslot", 3, Flags::STALE, Categories::NONE, cluster::cluster_keyslot)
    },
    Command {
        docs: docs("cluster", "3.0.0", "O(1)", "Counts the keys of a slot on this node.", &[integer("slot")]),
        ..command("cluster|countkeysinslot", 3, Flags::STALE, Categories::NONE, cluster::cluster_countkeysinslot)
    },
    Command {
        tips: &["nondeterministic_output"],
        docs: docs(
            "cluster",
            "3.0.0",
            "O(N) where N is the number of keys asked for",
            "Lists keys of a slot on this node.",
            &[integer("slot"), integer("count")],
        ),
        ..command("cluster|getkeysinslot", 4, Flags::STALE, Categories::NONE, cluster::cluster_getkeysinslot)
    },
    Command {
        tips: &["nondeterministic_output"],
        docs: docs(
            "cluster",
            "5.0.0",
            "O(1)",
            "Lists the copies a node has; none are shown to clients.",
            &[string_arg("node-id")],
        ),
        ..command("cluster|replicas", 3, Flags::ADMIN.or(Flags::STALE), Categories::NONE, cluster::cluster_replicas)
    },
    Command {
        docs: docs("cluster", "3.0.0", "O(1)", "Refused: operators change the cluster with the dcache command.", &[]),
        ..command("cluster|meet", -4, Flags::ADMIN.or(Flags::STALE), Categories::NONE, cluster::cluster_operator)
    },
    Command {
        docs: docs("cluster", "3.0.0", "O(1)", "Refused: operators change the cluster with the dcache command.", &[]),
        ..command("cluster|forget", 3, Flags::ADMIN.or(Flags::STALE), Categories::NONE, cluster::cluster_operator)
    },
    Command {
        docs: docs("cluster", "3.0.0", "O(1)", "Refused: operators change the cluster with the dcache command.", &[]),
        ..command("cluster|addslots", -3, Flags::ADMIN.or(Flags::STALE), Categories::NONE, cluster::cluster_operator)
    },
    Command {
        docs: docs("cluster", "7.0.0", "O(1)", "Refused: operators change the cluster with the dcache command.", &[]),
        ..command(
            "cluster|addslotsrange",
            -4,
            Flags::ADMIN.or(Flags::STALE),
            Categories::NONE,
            cluster::cluster_operator,
        )
    },
    Command {
        docs: docs("cluster", "3.0.0", "O(1)", "Refused: operators change the cluster with the dcache command.", &[]),
        ..command("cluster|delslots", -3, Flags::ADMIN.or(Flags::STALE), Categories::NONE, cluster::cluster_operator)
    },
    Command {
        docs: docs("cluster", "7.0.0", "O(1)", "Refused: operators change the cluster with the dcache command.", &[]),
        ..command(
            "cluster|delslotsrange",
            -4,
            Flags::ADMIN.or(Flags::STALE),
            Categories::NONE,
            cluster::cluster_operator,
        )
    },
    Command {
        docs: docs("cluster", "3.0.0", "O(1)", "Refused: operators change the cluster with the dcache command.", &[]),
        ..command("cluster|setslot", -4, Flags::ADMIN.or(Flags::STALE), Categories::NONE, cluster::cluster_operator)
    },
    Command {
        docs: docs("cluster", "3.0.0", "O(1)", "Refused: operators change the cluster with the dcache command.", &[]),
        ..command("cluster|replicate", 3, Flags::ADMIN.or(Flags::STALE), Categories::NONE, cluster::cluster_operator)
    },
    Command {
        docs: docs("cluster", "3.0.0", "O(1)", "Refused: operators change the cluster with the dcache command.", &[]),
        ..command("cluster|failover", -2, Flags::ADMIN.or(Flags::STALE), Categories::NONE, cluster::cluster_operator)
    },
    Command {
        docs: docs("cluster", "3.0.0", "O(1)", "Refused: operators change the cluster with the dcache command.", &[]),
        ..command(
            "cluster|reset",
            -2,
            Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::STALE),
            Categories::NONE,
            cluster::cluster_operator,
        )
    },
    Command {
        docs: docs("cluster", "3.0.0", "O(1)", "Refused: operators change the cluster with the dcache command.", &[]),
        ..command("cluster|flushslots", 2, Flags::ADMIN.or(Flags::STALE), Categories::NONE, cluster::cluster_operator)
    },
    Command {
        docs: docs("cluster", "3.0.0", "O(1)", "Refused: operators change the cluster with the dcache command.", &[]),
        ..command("cluster|saveconfig", 2, Flags::ADMIN.or(Flags::STALE), Categories::NONE, cluster::cluster_operator)
    },
    Command {
        tips: &["nondeterministic_output"],
        docs: docs("cluster", "3.0.0", "O(1)", "Refused: operators change the cluster with the dcache command.", &[]),
        ..command("cluster|bumpepoch", 2, Flags::ADMIN.or(Flags::STALE), Categories::NONE, cluster::cluster_operator)
    },
    Command {
        docs: docs("cluster", "3.0.0", "O(1)", "Refused: operators change the cluster with the dcache command.", &[]),
        ..command(
            "cluster|set-config-epoch",
            3,
            Flags::ADMIN.or(Flags::STALE),
            Categories::NONE,
            cluster::cluster_operator,
        )
    },
    Command {
        docs: docs("cluster", "5.0.0", "O(1)", "Describes the CLUSTER subcommands.", &[]),
        ..command("cluster|help", 2, Flags::LOADING.or(Flags::STALE), Categories::NONE, cluster::cluster_help)
    },
];
