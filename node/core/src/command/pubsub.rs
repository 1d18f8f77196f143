//! Pub/sub: channels and patterns, which are the whole cluster's, and shard channels, which are where their slot is.
//!
//! Any node takes subscribers and messages, at both doors. `PUBLISH` answers at the gateway how many subscribers there are in the
//! whole cluster, and at the cluster door, as Redis Cluster does, how many this node has. A shard channel's subscribers are at its
//! slot's owner or at any gateway. `PUBSUB` tells of this node's own subscribers.

use super::{Context, Door};
use crate::gateway::told::{Answers, Tell};
use crate::pubsub::{Changed, Kind, confirmation};
use dcache_protocol::error::WireError;
use std::sync::Arc;

pub fn subscribe(context: &mut Context<'_>) -> Result<(), WireError> {
    begin(context, Kind::Channel)
}

pub fn psubscribe(context: &mut Context<'_>) -> Result<(), WireError> {
    begin(context, Kind::Pattern)
}

pub fn ssubscribe(context: &mut Context<'_>) -> Result<(), WireError> {
    begin(context, Kind::Shard)
}

fn begin(context: &mut Context<'_>, kind: Kind) -> Result<(), WireError> {
    let Some(client) = context.client.client.clone() else { return Err(needs_connection()) };
    let node = context.node;
    let mut additions = Vec::new();
    for name in context.args.iter().skip(1) {
        match node.talk.subscriptions.subscribe(&client, kind, name) {
            Changed::Refused => {
                let error = WireError::Other("ERR this node has as many subscriptions as it takes".into());
                context.reply.error(&error);
                continue;
            }
            Changed::Name => additions.extend(node.talk.note(kind, name, true)),
            Changed::Yes | Changed::No => {}
        }
        confirmation(kind.words().0, Some(name), count_of(&client, kind), &mut context.reply);
    }
    context.client.is_special = true;
    if !additions.is_empty() {
        let requests = node.announce(context.view, &additions);
        tell(context, Tell { requests, answers: Answers::Awaited });
    }
    Ok(())
}

/// Redis counts channels and patterns together, and shard channels apart.
fn count_of(client: &crate::clients::Client, kind: Kind) -> usize {
    match kind {
        Kind::Shard => client.subscriptions_of(Kind::Shard),
        Kind::Channel | Kind::Pattern => {
            client.subscriptions_of(Kind::Channel) + client.subscriptions_of(Kind::Pattern)
        }
    }
}

fn needs_connection() -> WireError {
    WireError::Other("ERR there is no connection to send messages to".into())
}

pub fn unsubscribe(context: &mut Context<'_>) -> Result<(), WireError> {
    end(context, Kind::Channel)
}

pub fn punsubscribe(context: &mut Context<'_>) -> Result<(), WireError> {
    end(context, Kind::Pattern)
}

pub fn sunsubscribe(context: &mut Context<'_>) -> Result<(), WireError> {
    end(context, Kind::Shard)
}

/// Those that are named, or all.
fn end(context: &mut Context<'_>, kind: Kind) -> Result<(), WireError> {
    let Some(client) = context.client.client.clone() else { return Err(needs_connection()) };
    let word = kind.words().1;
    let names: Vec<Box<[u8]>> = match context.args.len() {
        1 => client.subscribed.lock().names(kind).iter().cloned().collect(),
        _ => context.args.iter().skip(1).map(Box::from).collect(),
    };
    if names.is_empty() {
        confirmation(word, None, count_of(&client, kind), &mut context.reply);
    }
    for name in &names {
        context.node.end_subscription(&client, kind, name);
        confirmation(word, Some(name), count_of(&client, kind), &mut context.reply);
    }
    Ok(())
}

pub fn publish(context: &mut Context<'_>) -> Result<(), WireError> {
    spread(context, Kind::Channel)
}

pub fn spublish(context: &mut Context<'_>) -> Result<(), WireError> {
    spread(context, Kind::Shard)
}

fn spread(context: &mut Context<'_>, kind: Kind) -> Result<(), WireError> {
    let (channel, message) = (context.arg(1), context.arg(2));
    let (count, requests) = context.node.publish_message(context.view, kind, channel, message);
    // In RESP3 a publisher may be a subscriber; it is told before it is answered.
    if let Some(client) = context.client.client.as_ref().filter(|client| client.mail.is_waiting()) {
        let mut mail = Vec::new();
        client.mail.take(context.client.version, usize::MAX >> 1, &mut mail);
        context.reply.raw(&mail);
    }
    context.reply.integer(count as i64);
    let answers = if context.door == Door::Gateway { Answers::Added } else { Answers::Ignored };
    tell(context, Tell { requests, answers });
    Ok(())
}

/// Has other nodes hear of it before the client is answered.
pub(super) fn tell(context: &mut Context<'_>, tell: Tell) {
    if !tell.requests.is_empty() {
        context.client.tell = Some(Box::new(tell));
    }
}

pub fn pubsub_channels(context: &mut Context<'_>) -> Result<(), WireError> {
    names(context, Kind::Channel)
}

pub fn pubsub_shardchannels(context: &mut Context<'_>) -> Result<(), WireError> {
    names(context, Kind::Shard)
}

fn names(context: &mut Context<'_>, kind: Kind) -> Result<(), WireError> {
    if context.args.len() > 3 {
        return Err(super::unknown_subcommand_or_arity("PUBSUB", context.arg(1)));
    }
    let names = context.node.talk.subscriptions.names(kind, context.args.get(2));
    context.reply.array(names.len());
    names.iter().for_each(|name| context.reply.bulk(name));
    Ok(())
}

pub fn pubsub_numsub(context: &mut Context<'_>) -> Result<(), WireError> {
    counts(context, Kind::Channel)
}

pub fn pubsub_shardnumsub(context: &mut Context<'_>) -> Result<(), WireError> {
    counts(context, Kind::Shard)
}

fn counts(context: &mut Context<'_>, kind: Kind) -> Result<(), WireError> {
    let subscriptions = &context.node.talk.subscriptions;
    context.reply.array((context.args.len() - 2) * 2);
    for name in context.args.iter().skip(2) {
        context.reply.bulk(name);
        context.reply.integer(subscriptions.count(kind, name) as i64);
    }
    Ok(())
}

pub fn pubsub_numpat(context: &mut Context<'_>) -> Result<(), WireError> {
    context.reply.integer(context.node.talk.subscriptions.count_names(Kind::Pattern) as i64);
    Ok(())
}

pub fn pubsub_help(context: &mut Context<'_>) -> Result<(), WireError> {
    super::help::of(
        context,
        "PUBSUB",
        &[
            ("CHANNELS [<pattern>]", "Return the currently active channels matching a <pattern> (default: '*')."),
            ("NUMPAT", "Return number of subscriptions to patterns."),
            (
                "NUMSUB [<channel> ...]",
                "Return the number of subscribers for the specified channels, excluding pattern subscriptions(default: no channels).",
            ),
            (
                "SHARDCHANNELS [<pattern>]",
                "Return the currently active shard level channels matching a <pattern> (default: '*').",
            ),
            (
                "SHARDNUMSUB [<shardchannel> ...]",
                "Return the number of subscribers for the specified shard level channel(s)",
            ),
        ],
    );
    Ok(())
}

/// Whether a client that speaks RESP2 may send this while it is subscribed.
pub(crate) fn is_for_subscribers(command: &super::Command) -> bool {
    let names = [
        "ping",
        "subscribe",
        "unsubscribe",
        "psubscribe",
        "punsubscribe",
        "ssubscribe",
        "sunsubscribe",
        "quit",
        "reset",
    ];
    names.contains(&command.name)
}

/// Whether it is subscribed, and so is answered in another form.
pub(super) fn is_in_subscriber_mode(context: &Context<'_>) -> bool {
    let is_resp2 = context.client.version == dcache_protocol::resp::reply::Version::Resp2;
    is_resp2 && context.client.is_special && context.client.client.as_ref().is_some_and(|c: &Arc<_>| c.is_subscriber())
}

#[cfg(test)]
mod tests;
