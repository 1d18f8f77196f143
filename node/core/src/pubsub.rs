//! Who of this node's clients is subscribed to what. What other nodes' clients are subscribed to is in [`crate::talk`].
//!
//! Three kinds apart, as in Redis: channels, patterns of channels, and shard channels, which live in a slot. A client's own list
//! is with the client; here is who gets a message. A message is encoded once for all its receivers.
//!
//! LOCK: a client's list, then the tables, then a client's mail.

use crate::clients::Client;
use crate::command::Door;
use crate::glob::{self, Case};
use crate::mail::Letter;
use dcache_protocol::resp::reply::{Reply, Version};
use parking_lot::RwLock;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Subscriptions of all clients together.
const SUBSCRIPTIONS_MAX: usize = 1 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Channel,
    Pattern,
    Shard,
}

impl Kind {
    pub const ALL: [Kind; 3] = [Kind::Channel, Kind::Pattern, Kind::Shard];

    /// What stands at the head of a confirmation: of a subscription, of its end.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Kind::Channel => ("subscribe", "unsubscribe"),
            Kind::Pattern => ("psubscribe", "punsubscribe"),
            Kind::Shard => ("ssubscribe", "sunsubscribe"),
        }
    }
}

/// What one client is subscribed to.
#[derive(Debug, Default)]
pub(crate) struct Subscribed {
    names: [BTreeSet<Box<[u8]>>; 3],
}

impl Subscribed {
    pub fn names(&self, kind: Kind) -> &BTreeSet<Box<[u8]>> {
        &self.names[kind as usize]
    }
}

type Receivers = BTreeMap<u64, Arc<Client>>;

/// Who is subscribed, by name.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    tables: RwLock<Tables>,
}

#[derive(Debug, Default)]
struct Tables {
    by_name: [BTreeMap<Box<[u8]>, Receivers>; 3],
    count: usize,
}

/// What came of a change of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Changed {
    No,
    Yes,
    /// It is the first, or was the last, of this name on this node.
    Name,
    /// There are too many.
    Refused,
}

impl Subscriptions {
    pub fn subscribe(&self, client: &Arc<Client>, kind: Kind, name: &[u8]) -> Changed {
        let mut subscribed = client.subscribed.lock();
        if subscribed.names(kind).contains(name) {
            return Changed::No;
        }
        let mut tables = self.tables.write();
        if tables.count >= SUBSCRIPTIONS_MAX {
            return Changed::Refused;
        }
        tables.count += 1;
        subscribed.names[kind as usize].insert(name.into());
        client.subscriptions[kind as usize].store(subscribed.names(kind).len() as u32, Relaxed);
        let receivers = tables.by_name[kind as usize].entry(name.into()).or_default();
        receivers.insert(client.id, Arc::clone(client));
        if receivers.len() == 1 { Changed::Name } else { Changed::Yes }
    }

    pub fn unsubscribe(&self, client: &Client, kind: Kind, name: &[u8]) -> Changed {
        let mut subscribed = client.subscribed.lock();
        if !subscribed.names[kind as usize].remove(name) {
            return Changed::No;
        }
        client.subscriptions[kind as usize].store(subscribed.names(kind).len() as u32, Relaxed);
        let mut tables = self.tables.write();
        tables.count -= 1;
        let by_name = &mut tables.by_name[kind as usize];
        let Some(receivers) = by_name.get_mut(name) else { return Changed::Yes };
        receivers.remove(&client.id);
        if receivers.is_empty() {
            by_name.remove(name);
            return Changed::Name;
        }
        Changed::Yes
    }

    /// Hands a message to every subscriber through `post`; answers how many there are.
    pub fn deliver(&self, kind: Kind, channel: &[u8], message: &[u8], post: &dyn Fn(&Client, Letter)) -> usize {
        let tables = self.tables.read();
        let mut count = 0;
        let mut send = |receivers: &Receivers, words: &[&[u8]]| {
            let letter = Letter::Push(push(words));
            receivers.values().for_each(|client| post(client, letter.clone()));
            count += receivers.len();
        };
        let by_name = |kind: Kind| &tables.by_name[kind as usize];
        if kind == Kind::Shard {
            if let Some(receivers) = by_name(Kind::Shard).get(channel) {
                send(receivers, &[b"smessage", channel, message]);
            }
            return count;
        }
        if let Some(receivers) = by_name(Kind::Channel).get(channel) {
            send(receivers, &[b"message", channel, message]);
        }
        for (pattern, receivers) in by_name(Kind::Pattern) {
            if glob::matches(pattern, channel, Case::Sensitive) {
                send(receivers, &[b"pmessage", pattern, channel, message]);
            }
        }
        count
    }

    /// Names with subscribers that match a pattern.
    pub fn names(&self, kind: Kind, pattern: Option<&[u8]>) -> Vec<Box<[u8]>> {
        let tables = self.tables.read();
        let is_asked = |name: &[u8]| pattern.is_none_or(|pattern| glob::matches(pattern, name, Case::Sensitive));
        tables.by_name[kind as usize].keys().filter(|name| is_asked(name)).cloned().collect()
    }

    pub fn count(&self, kind: Kind, name: &[u8]) -> usize {
        self.tables.read().by_name[kind as usize].get(name).map_or(0, BTreeMap::len)
    }

    /// Different names.
    pub fn count_names(&self, kind: Kind) -> usize {
        self.tables.read().by_name[kind as usize].len()
    }

    /// Clients of the cluster door with shard channels that `goes` names, and these channels.
    pub fn shards_where(&self, goes: &dyn Fn(&[u8]) -> bool) -> Vec<(Arc<Client>, Box<[u8]>)> {
        let tables = self.tables.read();
        let lost = tables.by_name[Kind::Shard as usize].iter().filter(|(name, _)| goes(name));
        let of_cluster = |client: &&Arc<Client>| client.door == Door::Cluster;
        lost.flat_map(|(name, receivers)| {
            receivers.values().filter(of_cluster).map(|client| (Arc::clone(client), name.clone()))
        })
        .collect()
    }
}

/// A RESP3 push of these strings.
pub(crate) fn push(words: &[&[u8]]) -> Arc<[u8]> {
    let mut bytes = Vec::with_capacity(words.iter().map(|word| word.len() + 16).sum());
    let mut reply = Reply::new(&mut bytes, Version::Resp3);
    reply.push(words.len());
    words.iter().for_each(|word| reply.bulk(word));
    bytes.into()
}

/// A RESP3 push that confirms a change of a subscription.
pub(crate) fn confirmation(word: &str, name: Option<&[u8]>, count: usize, reply: &mut Reply<'_>) {
    reply.push(3);
    reply.bulk(word);
    match name {
        Some(name) => reply.bulk(name),
        None => reply.null(),
    }
    reply.integer(count as i64);
}
