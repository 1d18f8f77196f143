//! Rows of transactions.

use super::row::{command, docs, key_arg, keys};
use crate::command::{Categories, Command, Flags, Gateway};
use crate::transaction;

const FLAGS: Flags = Flags::NOSCRIPT.or(Flags::LOADING).or(Flags::STALE).or(Flags::FAST).or(Flags::ALLOW_BUSY);

pub(super) const ROWS: &[Command] = &[
    Command {
        docs: docs("transactions", "1.2.0", "O(1)", "Has the requests that follow kept until EXEC.", &[]),
        ..command("multi", 1, FLAGS, Categories::TRANSACTION, transaction::multi)
    },
    Command {
        gateway: Gateway::Told,
        docs: docs(
            "transactions",
            "1.2.0",
            "Depends on the requests.",
            "Runs what was kept, at one moment where all keys are at one node.",
            &[],
        ),
        ..command(
            "exec",
            1,
            Flags::NOSCRIPT.or(Flags::LOADING).or(Flags::STALE),
            Categories::TRANSACTION,
            transaction::exec,
        )
    },
    Command {
        docs: docs(
            "transactions",
            "2.0.0",
            "O(N) where N is the number of requests kept",
            "Forgets what was kept.",
            &[],
        ),
        ..command("discard", 1, FLAGS, Categories::TRANSACTION, transaction::discard)
    },
    Command {
        keys: &[keys(1, -1, 1, &["RO"])],
        gateway: Gateway::Told,
        docs: docs(
            "transactions",
            "2.2.0",
            "O(1) for each key",
            "Has EXEC run nothing if keys have changed until then.",
            &[key_arg("key").at(0).multiple()],
        ),
        ..command("watch", -2, FLAGS, Categories::TRANSACTION, transaction::watch)
    },
    Command {
        docs: docs("transactions", "2.2.0", "O(1)", "Forgets the keys that are watched.", &[]),
        ..command("unwatch", 1, FLAGS, Categories::TRANSACTION, transaction::unwatch)
    },
];
