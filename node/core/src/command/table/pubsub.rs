//! Rows of pub/sub: subscribing, publishing, and who is subscribed.

use super::row::{command, docs, keys, pattern, string_arg};
use crate::command::{Categories, Command, Flags, Gateway, docs, pubsub};

const SUBSCRIBE: Flags = Flags::PUBSUB.or(Flags::NOSCRIPT).or(Flags::LOADING).or(Flags::STALE);
const PUBLISH: Flags = Flags::PUBSUB.or(Flags::LOADING).or(Flags::STALE).or(Flags::FAST);
const TELL: Flags = Flags::PUBSUB.or(Flags::LOADING).or(Flags::STALE);

pub(super) const ROWS: &[Command] = &[
    Command {
        gateway: Gateway::Told,
        docs: docs(
            "pubsub",
            "2.0.0",
            "O(N) where N is the number of channels to subscribe to",
            "Has the connection told what is published to channels.",
            &[string_arg("channel").multiple()],
        ),
        ..command("subscribe", -2, SUBSCRIBE, Categories::PUBSUB, pubsub::subscribe)
    },
    Command {
        docs: docs(
            "pubsub",
            "2.0.0",
            "O(N) where N is the number of channels to unsubscribe from",
            "Ends subscriptions to channels, or to all.",
            &[string_arg("channel").optional().multiple()],
        ),
        ..command("unsubscribe", -1, SUBSCRIBE, Categories::PUBSUB, pubsub::unsubscribe)
    },
    Command {
        gateway: Gateway::Told,
        docs: docs(
            "pubsub",
            "2.0.0",
            "O(N) where N is the number of patterns to subscribe to",
            "Has the connection told what is published to channels that match patterns.",
            &[pattern("pattern").multiple()],
        ),
        ..command("psubscribe", -2, SUBSCRIBE, Categories::PUBSUB, pubsub::psubscribe)
    },
    Command {
        docs: docs(
            "pubsub",
            "2.0.0",
            "O(N) where N is the number of patterns to unsubscribe from",
            "Ends subscriptions to patterns, or to all.",
            &[pattern("pattern").optional().multiple()],
        ),
        ..command("punsubscribe", -1, SUBSCRIBE, Categories::PUBSUB, pubsub::punsubscribe)
    },
    Command {
        gateway: Gateway::Told,
        docs: docs(
            "pubsub",
            "2.0.0",
            "O(N+M) where N is the number of subscribers and M of patterns that are subscribed to",
            "Sends a message to the subscribers of a channel, on all nodes.",
            &[string_arg("channel"), string_arg("message")],
        ),
        ..command("publish", 3, PUBLISH, Categories::PUBSUB, pubsub::publish)
    },
    Command {
        keys: &[keys(1, -1, 1, &["not_key"])],
        gateway: Gateway::Told,
        docs: docs(
            "pubsub",
            "7.0.0",
            "O(N) where N is the number of shard channels to subscribe to",
            "Has the connection told what is published to shard channels.",
            &[string_arg("shardchannel").multiple()],
        ),
        ..command("ssubscribe", -2, SUBSCRIBE, Categories::PUBSUB, pubsub::ssubscribe)
    },
    Command {
        docs: docs(
            "pubsub",
            "7.0.0",
            "O(N) where N is the number of shard channels to unsubscribe from",
            "Ends subscriptions to shard channels, or to all.",
            &[string_arg("shardchannel").optional().multiple()],
        ),
        ..command("sunsubscribe", -1, SUBSCRIBE, Categories::PUBSUB, pubsub::sunsubscribe)
    },
    Command {
        keys: &[keys(1, 0, 1, &["not_key"])],
        gateway: Gateway::Told,
        docs: docs(
            "pubsub",
            "7.0.0",
            "O(N) where N is the number of subscribers",
            "Sends a message to the subscribers of a shard channel.",
            &[string_arg("shardchannel"), string_arg("message")],
        ),
        ..command("spublish", 3, PUBLISH, Categories::PUBSUB, pubsub::spublish)
    },
    Command {
        docs: docs("pubsub", "2.8.0", "Depends on the subcommand.", "Holds the commands about subscriptions.", &[]),
        ..command("pubsub", -2, Flags::NONE, Categories::NONE, docs::container)
    },
    Command {
        docs: docs(
            "pubsub",
            "2.8.0",
            "O(N) where N is the number of channels with subscribers",
            "Lists the channels that clients of this node are subscribed to.",
            &[pattern("pattern").optional()],
        ),
        ..command("pubsub|channels", -2, TELL, Categories::PUBSUB, pubsub::pubsub_channels)
    },
    Command {
        docs: docs(
            "pubsub",
            "2.8.0",
            "O(N) where N is the number of channels given",
            "Counts this node's subscribers of channels.",
            &[string_arg("channel").optional().multiple()],
        ),
        ..command("pubsub|numsub", -2, TELL, Categories::PUBSUB, pubsub::pubsub_numsub)
    },
    Command {
        docs: docs("pubsub", "2.8.0", "O(1)", "Counts the patterns that clients of this node are subscribed to.", &[]),
        ..command("pubsub|numpat", 2, TELL, Categories::PUBSUB, pubsub::pubsub_numpat)
    },
    Command {
        docs: docs(
            "pubsub",
            "7.0.0",
            "O(N) where N is the number of shard channels with subscribers",
            "Lists the shard channels that clients of this node are subscribed to.",
            &[pattern("pattern").optional()],
        ),
        ..command("pubsub|shardchannels", -2, TELL, Categories::PUBSUB, pubsub::pubsub_shardchannels)
    },
    Command {
        docs: docs(
            "pubsub",
            "7.0.0",
            "O(N) where N is the number of shard channels given",
            "Counts this node's subscribers of shard channels.",
            &[string_arg("shardchannel").optional().multiple()],
        ),
        ..command("pubsub|shardnumsub", -2, TELL, Categories::PUBSUB, pubsub::pubsub_shardnumsub)
    },
    Command {
        docs: docs("pubsub", "6.2.0", "O(1)", "Describes the PUBSUB subcommands.", &[]),
        ..command("pubsub|help", 2, Flags::LOADING.or(Flags::STALE), Categories::NONE, pubsub::pubsub_help)
    },
];
