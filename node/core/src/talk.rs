//! What nodes tell each other for their clients' sake: who wants which messages, messages, events and changes of keys.
//!
//! Each node says what its clients are interested in, and gets only that:
//!
//! ```text
//! interest   64 Ki buckets of channel names, one bit each · beginnings of patterns · whether clients keep copies of keys
//! SUBSCRIBE  first of its bucket ─► every node, before the client is answered; so no later message is missed
//! UNSUBSCRIBE, or a node that came back ─► the whole interest, within a moment, until it is confirmed
//! PUBLISH    ─► nodes that may have subscribers, which answer how many they have
//! events, changed keys ─► waiting per node, bounded, sent together; what did not fit or did not arrive is said to be lost
//! ```
//!
//! A node that has not said anything may be interested in any message, and in no event. A channel may share its bucket with another:
//! then a message goes to a node that has no subscriber for it, and nothing comes of it. Messages reach each subscriber at most
//! once. A lost change of a key is made good by telling clients to forget everything.
//!
//! What is said of clients that wait for keys is in `blocking/peers.rs`; it travels with the rest.
//!
//! `notify-keyspace-events` is one setting of the cluster: whoever set it last, by the clock, prevails, and it is handed on with the
//! interest to nodes that come later.

use crate::clients::{Client, Wake};
use crate::command::{Command, keys_of};
use crate::events::{Event, Reason, Wanted};
use crate::gateway::{ForwardError, Part};
use crate::mail::{Letter, Limits, Put};
use crate::number::parse_integer;
use crate::pubsub::{Kind, Subscriptions, confirmation};
use crate::tracking::{Stale, Told, Tracking};
use crate::view::{Owner, View};
use crate::{Door, Node};
use dcache_protocol::error::WireError;
use dcache_protocol::resp::parse::Args;
use dcache_protocol::resp::reply::{Reply, Version};
use dcache_protocol::resp::value::encode_request;
use dcache_protocol::{Incarnation, NodeId, Slot, slot_of};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// What nodes begin such requests with; no client can.
pub(crate) const WORD: &[u8] = b"dcache.talk";

const BUCKETS: usize = 1 << 16;

/// Beginnings of patterns told apart; with more, every message is of interest.
const PREFIXES_MAX: usize = 64;
const PREFIX_BYTES_MAX: usize = 64;

/// Additions to an interest that may come before the whole they are not in.
const LATE_MAX: usize = 4096;

/// What may wait for one node.
const WAITING_BYTES_MAX: usize = 16 << 20;

/// What is sent to one node at once, about.
const BATCH_BYTES: usize = 1 << 20;

/// After a failure a node is not told anything for so long.
const RETRY_AFTER: Duration = Duration::from_millis(200);

/// What a node knows of its clients' and others' interests.
#[derive(Debug, Default)]
pub(crate) struct Talk {
    pub subscriptions: Subscriptions,
    /// LOCK: a leaf but for clients' mail.
    pub tracking: Mutex<Tracking>,
    pub monitors: Mutex<BTreeMap<u64, Arc<Client>>>,
    pub limits: Limits,
    /// Clients ended since they read too slowly.
    pub cut: AtomicU64,
    own: Mutex<Own>,
    peers: Mutex<BTreeMap<NodeId, Peer>>,
    /// LOCK: held while events are told, so that they are told in order; before all others here.
    telling: Mutex<()>,
    /// Has [`Node::talk_parts`] asked.
    wake: Sender,
}

/// How whoever sends to other nodes is woken.
#[derive(Default)]
struct Sender(OnceLock<Wake>);

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sender").field(&self.0.get().is_some()).finish()
    }
}

/// This node's own interest.
#[derive(Debug, Default)]
struct Own {
    /// Grows with each change.
    generation: u64,
    /// Names by bucket; empty while there were none yet.
    counts: Vec<i32>,
    prefixes: BTreeMap<Box<[u8]>, i32>,
    tracks: bool,
    /// When the events wanted were set, in Unix milliseconds.
    wanted_at_ms: u64,
}

/// An addition to an interest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Addition {
    Bucket(u16),
    Prefix(Box<[u8]>),
    Tracks,
    Wanted(Wanted, u64),
}

/// What another node is interested in.
#[derive(Clone, Debug, Default)]
struct Interest {
    /// Empty: no bucket.
    bits: Vec<u8>,
    prefixes: BTreeSet<Box<[u8]>>,
    tracks: bool,
}

/// Another node.
#[derive(Debug, Default)]
struct Peer {
    /// Of the process that told its interest.
    incarnation: u64,
    generation: u64,
    /// None: not told yet.
    interest: Option<Interest>,
    /// Additions with their generations, newest last; those that the whole interest has are gone.
    late: Vec<(u64, Addition)>,
    /// What it has confirmed of this node's interest, and as which process.
    confirmed: Option<(Incarnation, u64)>,
    sending: Option<Sending>,
    /// Kind, subject, message.
    waiting: Vec<[Box<[u8]>; 3]>,
    waiting_bytes: usize,
    /// Something did not fit, or did not arrive.
    has_lost: bool,
    not_before: Duration,
}

#[derive(Clone, Copy, Debug)]
enum Sending {
    Interest(Incarnation, u64),
    Batch,
    /// Whose clients wait at that node.
    Waiters,
}

/// FNV-1a, the same on every node.
fn bucket_of(kind: Kind, name: &[u8]) -> u16 {
    let salt = [kind as u8];
    let hash = salt
        .iter()
        .chain(name)
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    (hash ^ hash >> 32) as u16
}

/// What every channel that matches the pattern begins with.
fn prefix_of(pattern: &[u8]) -> &[u8] {
    let end = pattern.iter().position(|byte| b"*?[\\".contains(byte)).unwrap_or(pattern.len());
    &pattern[..end.min(PREFIX_BYTES_MAX)]
}

impl Own {
    /// A name has its first subscriber here, or its last one is gone. The addition, if others do not know of it.
    fn note(&mut self, kind: Kind, name: &[u8], on: bool) -> Option<Addition> {
        let by = if on { 1 } else { -1 };
        if kind == Kind::Pattern {
            let prefix: Box<[u8]> = prefix_of(name).into();
            let count = self.prefixes.entry(prefix.clone()).or_default();
            *count += by;
            let now = *count;
            if now == 0 {
                self.prefixes.remove(&prefix);
            }
            self.generation += u64::from(now == i32::from(on));
            return (on && now == 1).then_some(Addition::Prefix(prefix));
        }
        if self.counts.is_empty() {
            self.counts = vec![0; BUCKETS];
        }
        let bucket = bucket_of(kind, name);
        let count = &mut self.counts[usize::from(bucket)];
        *count += by;
        self.generation += u64::from(*count == i32::from(on));
        (on && *count == 1).then_some(Addition::Bucket(bucket))
    }

    fn interest(&self) -> Interest {
        let mut bits = Vec::new();
        if self.counts.iter().any(|count| *count > 0) {
            bits = vec![0_u8; BUCKETS / 8];
            for (bucket, _) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
                bits[bucket / 8] |= 1 << (bucket % 8);
            }
        }
        let is_short = self.prefixes.len() <= PREFIXES_MAX;
        let prefixes =
            if is_short { self.prefixes.keys().cloned().collect() } else { BTreeSet::from([Box::default()]) };
        Interest { bits, prefixes, tracks: self.tracks }
    }
}

impl Interest {
    fn has(&self, kind: Kind, bucket: u16, channel: &[u8]) -> bool {
        let bucket = usize::from(bucket);
        let has_bucket = self.bits.get(bucket / 8).is_some_and(|byte| byte >> (bucket % 8) & 1 == 1);
        has_bucket || kind == Kind::Channel && self.prefixes.iter().any(|prefix| channel.starts_with(prefix))
    }

    fn add(&mut self, addition: &Addition) {
        match addition {
            Addition::Bucket(bucket) => {
                self.bits.resize(BUCKETS / 8, 0);
                self.bits[usize::from(*bucket) / 8] |= 1 << (bucket % 8);
            }
            Addition::Prefix(prefix) => drop(self.prefixes.insert(prefix.clone())),
            Addition::Tracks => self.tracks = true,
            Addition::Wanted(..) => {}
        }
    }
}

impl Peer {
    /// Whether a message may have a receiver there.
    fn may_want(&self, kind: Kind, bucket: u16, channel: &[u8]) -> bool {
        self.interest.as_ref().is_none_or(|interest| interest.has(kind, bucket, channel))
    }

    fn tracks(&self) -> bool {
        self.interest.as_ref().is_some_and(|interest| interest.tracks)
    }

    fn learn(&mut self, incarnation: u64, generation: u64, interest: Interest) {
        if self.incarnation != incarnation {
            (self.incarnation, self.generation) = (incarnation, 0);
            self.late.clear();
            self.forget_waiting();
        }
        if self.interest.is_some() && generation < self.generation {
            return;
        }
        self.generation = generation;
        self.late.retain(|(of, _)| *of > generation);
        let mut interest = interest;
        self.late.iter().for_each(|(_, addition)| interest.add(addition));
        self.interest = Some(interest);
    }

    fn add(&mut self, incarnation: u64, generation: u64, addition: Addition) {
        if self.incarnation != incarnation || self.late.len() >= LATE_MAX {
            // What the rest is it will say itself; what waited was for the process before.
            if self.incarnation != incarnation {
                self.forget_waiting();
            }
            *self = Peer { incarnation, interest: None, late: Vec::new(), generation: 0, ..std::mem::take(self) };
        }
        if let Some(interest) = &mut self.interest {
            interest.add(&addition);
        }
        if generation > self.generation {
            self.late.push((generation, addition));
        }
        if self.interest.is_none() && self.late.iter().any(|(_, late)| *late == Addition::Tracks) {
            // Of changes of keys it must not miss one; that it may get messages it has no use for does no harm.
            let mut interest = Interest { prefixes: BTreeSet::from([Box::default()]), ..Interest::default() };
            self.late.iter().for_each(|(_, late)| interest.add(late));
            self.interest = Some(interest);
        }
    }

    fn forget_waiting(&mut self) {
        self.waiting.clear();
        self.waiting_bytes = 0;
    }

    fn put(&mut self, entry: [&[u8]; 3]) {
        let bytes: usize = entry.iter().map(|part| part.len() + 24).sum();
        if self.waiting_bytes + bytes > WAITING_BYTES_MAX {
            self.forget_waiting();
            self.has_lost = true;
            return;
        }
        self.waiting_bytes += bytes;
        self.waiting.push(entry.map(Box::from));
    }

    fn take_batch(&mut self) -> Vec<[Box<[u8]>; 3]> {
        let mut bytes = 0;
        let is_in = |entry: &&[Box<[u8]>; 3]| {
            let fits = bytes < BATCH_BYTES;
            bytes += entry.iter().map(|part| part.len() + 24).sum::<usize>();
            fits
        };
        let count = self.waiting.iter().take_while(is_in).count();
        let batch: Vec<_> = self.waiting.drain(..count).collect();
        self.waiting_bytes -= batch.iter().flatten().map(|part| part.len() + 24).sum::<usize>();
        batch
    }
}

/// Requests for other nodes.
pub(crate) type Requests = Vec<(NodeId, Vec<u8>)>;

fn others(view: &View) -> impl Iterator<Item = NodeId> + '_ {
    view.nodes().iter().filter(|node| node.is_up && node.id != view.me).map(|node| node.id)
}

impl Talk {
    /// A name has its first subscriber here, or its last one is gone: what others must know before the client is answered.
    pub fn note(&self, kind: Kind, name: &[u8], on: bool) -> Option<(u64, Addition)> {
        let mut own = self.own.lock();
        let addition = own.note(kind, name, on)?;
        Some((own.generation, addition))
    }

    fn wake(&self) {
        if let Some(wake) = self.wake.0.get() {
            wake();
        }
    }
}

impl Node {
    /// What is done when there is something to send to other nodes ([`Node::talk_parts`]).
    pub fn set_talk_wake(&self, wake: Wake) {
        // There is one who sends.
        let _ = self.blocking.talk_wake.set(Arc::clone(&wake));
        let _ = self.talk.wake.0.set(wake);
    }

    /// Puts something into a client's mail.
    pub(crate) fn post(&self, client: &Client, letter: Letter) {
        match client.mail.put(letter, self.now(), self.talk.limits.of(client.is_subscriber())) {
            Put::First => client.wake(),
            Put::More => {}
            Put::TooMuch => {
                self.talk.cut.fetch_add(1, Relaxed);
                client.kill();
            }
        }
    }

    pub(crate) fn post_all(&self, told: Told) {
        told.iter().for_each(|(client, letter)| self.post(client, letter.clone()));
    }

    /// Hands a message to this node's subscribers; answers how many there are, and what to send to other nodes that may have some.
    pub(crate) fn publish_message(&self, view: &View, kind: Kind, channel: &[u8], message: &[u8]) -> (usize, Requests) {
        let count = self.deliver(kind, channel, message);
        let bucket = bucket_of(kind, channel);
        let peers = self.talk.peers.lock();
        let may_want = |id: &NodeId| peers.get(id).is_none_or(|peer| peer.may_want(kind, bucket, channel));
        let kind: &[u8] = if kind == Kind::Shard { b"shard" } else { b"channel" };
        let request = || self.request(&[b"publish", kind, channel, message]);
        (count, others(view).filter(may_want).map(|id| (id, request())).collect())
    }

    /// A script's `PUBLISH`: other nodes hear of it in time. How many here were told.
    pub(crate) fn publish_soon(&self, channel: &[u8], message: &[u8]) -> usize {
        let count = self.spread(channel, message);
        self.wake_if_waiting();
        count
    }

    pub(crate) fn deliver(&self, kind: Kind, channel: &[u8], message: &[u8]) -> usize {
        self.talk.subscriptions.deliver(kind, channel, message, &|client, letter| self.post(client, letter))
    }

    /// An event of another node's key. A client of the cluster door asks every node for its own, as it does with Redis: told of
    /// it here too, it would hear everything as many times as there are nodes.
    fn deliver_event(&self, channel: &[u8], message: &[u8]) {
        self.talk.subscriptions.deliver(Kind::Channel, channel, message, &|client, letter| {
            if client.door != Door::Cluster {
                self.post(client, letter);
            }
        });
    }

    /// What other nodes must know before a client is told that it is subscribed or tracks.
    pub(crate) fn announce(&self, view: &View, additions: &[(u64, Addition)]) -> Requests {
        let mut words: Vec<Vec<u8>> = vec![b"add".to_vec(), self.config.incarnation.to_string().into_bytes()];
        for (generation, addition) in additions {
            let (kind, subject) = match addition {
                Addition::Bucket(bucket) => ("b", bucket.to_string().into_bytes()),
                Addition::Prefix(prefix) => ("p", prefix.to_vec()),
                Addition::Tracks => ("t", Vec::new()),
                Addition::Wanted(wanted, at_ms) => ("w", format!("{} {at_ms}", wanted.0).into_bytes()),
            };
            words.extend([generation.to_string().into_bytes(), kind.into(), subject]);
        }
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        others(view).map(|id| (id, self.request(&words))).collect()
    }

    fn request(&self, words: &[&[u8]]) -> Vec<u8> {
        let me = self.config.id.to_string();
        let words: Vec<&[u8]> = [WORD, me.as_bytes()].into_iter().chain(words.iter().copied()).collect();
        let mut request = Vec::new();
        encode_request(&words, &mut request);
        request
    }

    /// Sets which events the cluster publishes; what others must know of it.
    pub(crate) fn want_events(&self, wanted: Wanted) -> (u64, Addition) {
        let mut own = self.talk.own.lock();
        own.wanted_at_ms = self.unix_ms().max(own.wanted_at_ms + 1);
        own.generation += 1;
        self.events.want(wanted);
        self.engine.watch_removals(self.events.are_watched());
        (own.generation, Addition::Wanted(wanted, own.wanted_at_ms))
    }

    fn learn_wanted(&self, wanted: Wanted, at_ms: u64) {
        let mut own = self.talk.own.lock();
        if at_ms > own.wanted_at_ms {
            own.wanted_at_ms = at_ms;
            own.generation += 1;
            self.events.want(wanted);
            self.engine.watch_removals(self.events.are_watched());
        }
    }

    /// Looks whether clients keep copies of keys, here or elsewhere. The addition, if other nodes do not know of it.
    pub(crate) fn review_tracking(&self) -> Option<(u64, Addition)> {
        let peers_track = self.talk.peers.lock().values().any(Peer::tracks);
        let tracks = self.talk.tracking.lock().count() > 0;
        self.events.set(Reason::TRACKED, tracks || peers_track);
        self.engine.watch_removals(self.events.are_watched());
        let mut own = self.talk.own.lock();
        if own.tracks == tracks {
            return None;
        }
        own.tracks = tracks;
        own.generation += 1;
        tracks.then_some((own.generation, Addition::Tracks))
    }

    /// A command has run, and somebody wants to know what happens to keys.
    #[cold]
    pub(crate) fn after_command(&self, command: &'static Command, args: Args<'_>) {
        if command.is_write() && !command.says_what_it_did() && self.events.has(Reason::TRACKED) {
            keys_of(command, args).for_each(|key| self.stale(Stale::Key(key), 0));
        }
        self.tell_events();
    }

    /// Tells what happened to keys since this was called last.
    #[cold]
    pub(crate) fn tell_events(&self) {
        let _telling = self.talk.telling.lock();
        let (events, has_lost) = self.events.take();
        if events.is_empty() && !has_lost {
            return;
        }
        let wanted = self.events.wanted();
        for event in &events {
            if event.is_change() && self.events.has(Reason::TRACKED) {
                self.stale(Stale::Key(&event.key), event.by);
            }
            if self.events.has(Reason::PUBLISHED) && wanted.has(event.class) {
                self.publish_event(wanted, event);
            }
        }
        if has_lost {
            self.stale(Stale::Everything, 0);
        }
        self.wake_if_waiting();
    }

    fn publish_event(&self, wanted: Wanted, event: &Event) {
        let database = event.database;
        let channel = |door: &str, subject: &[u8]| [format!("__{door}@{database}__:").as_bytes(), subject].concat();
        if wanted.on_keyspace() {
            self.spread(&channel("keyspace", &event.key), event.name.as_bytes());
        }
        if wanted.on_keyevent() {
            self.spread(&channel("keyevent", event.name.as_bytes()), &event.key);
        }
    }

    /// A message for this node's subscribers, and in time for those of others.
    fn spread(&self, channel: &[u8], message: &[u8]) -> usize {
        let count = self.deliver(Kind::Channel, channel, message);
        let bucket = bucket_of(Kind::Channel, channel);
        let mut peers = self.talk.peers.lock();
        let is_interested = |peer: &&mut Peer| peer.interest.is_some() && peer.may_want(Kind::Channel, bucket, channel);
        peers.values_mut().filter(is_interested).for_each(|peer| peer.put([b"e", channel, message]));
        count
    }

    /// Keys have changed: tells this node's clients that keep copies, and in time those of others.
    pub(crate) fn stale(&self, stale: Stale<'_>, by: u64) {
        self.stale_here(stale, by);
        let entry: [&[u8]; 3] = match stale {
            Stale::Key(key) => [b"i", key, b""],
            Stale::Everything => [b"f", b"", b""],
        };
        self.talk.peers.lock().values_mut().filter(|peer| peer.tracks()).for_each(|peer| peer.put(entry));
    }

    fn stale_here(&self, stale: Stale<'_>, by: u64) {
        let find = |id| self.clients.find(id);
        let mut tracking = self.talk.tracking.lock();
        if tracking.count() == 0 {
            return;
        }
        let told = match stale {
            Stale::Key(key) => tracking.changed(key, by, &find),
            Stale::Everything => tracking.changed_all(&find),
        };
        drop(tracking);
        self.post_all(told);
    }

    /// All keys have gone at once.
    pub(crate) fn stale_all(&self) {
        if self.events.has(Reason::TRACKED) {
            self.stale(Stale::Everything, 0);
            self.wake_if_waiting();
        }
    }

    /// Another node's client that waits for a key has its turn.
    pub(crate) fn tell_turn(&self, node: NodeId, token: u64) {
        self.talk.peers.lock().entry(node).or_default().put([b"w", &token.to_le_bytes(), b""]);
        self.talk.wake();
    }

    fn wake_if_waiting(&self) {
        if self.talk.peers.lock().values().any(|peer| !peer.waiting.is_empty() || peer.has_lost) {
            self.talk.wake();
        }
    }

    /// Keys whose slots went to other processes may have changed, and shard channels are not this node's any more.
    pub(crate) fn talk_of_view(&self, before: &View, next: &View) {
        self.talk.peers.lock().retain(|id, _| next.node(*id).is_some());
        if self.talk.tracking.lock().count() > 0 {
            let is_other = |slot: Slot| before.holder(slot) != next.holder(slot);
            // Of a key that is tracked it is not known in which database.
            let is_any_other = next.pinned_slots().any(is_other);
            let has_moved = |key: &[u8]| is_any_other || is_other(slot_of(key));
            if Slot::all().any(is_other) {
                let told = self.talk.tracking.lock().changed_where(&has_moved, &|id| self.clients.find(id));
                self.post_all(told);
            }
        }
        let lost = self.talk.subscriptions.shards_where(&|channel| !next.is_mine(slot_of(channel)));
        for (client, channel) in lost {
            self.end_subscription(&client, Kind::Shard, &channel);
            let mut push = Vec::new();
            let count = client.subscriptions_of(Kind::Shard);
            confirmation("sunsubscribe", Some(&channel), count, &mut Reply::new(&mut push, Version::Resp3));
            self.post(&client, Letter::Push(push.into()));
        }
    }

    pub(crate) fn end_subscription(&self, client: &Client, kind: Kind, name: &[u8]) {
        if self.talk.subscriptions.unsubscribe(client, kind, name) == crate::pubsub::Changed::Name {
            self.talk.note(kind, name, false);
            self.talk.wake();
        }
    }

    /// The client is gone, or begins anew: it is subscribed to nothing, tracks nothing and looks on at nothing.
    #[cold]
    pub(crate) fn forget_client(&self, client: &Client) {
        for kind in Kind::ALL {
            let names: Vec<Box<[u8]>> = client.subscribed.lock().names(kind).iter().cloned().collect();
            names.iter().for_each(|name| self.end_subscription(client, kind, name));
        }
        self.end_tracking(client);
        self.end_monitor(client);
    }

    pub(crate) fn end_tracking(&self, client: &Client) {
        self.talk.tracking.lock().end(client.id);
        client.tracks.store(false, Relaxed);
        if self.review_tracking().is_some() || !self.events.has(Reason::TRACKED) {
            self.talk.wake();
        }
    }

    fn end_monitor(&self, client: &Client) {
        let mut monitors = self.talk.monitors.lock();
        if monitors.remove(&client.id).is_some() {
            client.is_monitor.store(false, Relaxed);
            self.events.set(Reason::MONITORED, !monitors.is_empty());
        }
    }

    /// What is to be sent to other nodes now: one part each, none to one that has not answered the last.
    pub fn talk_parts(&self) -> Vec<Part> {
        let (view, now) = (self.view(), self.now());
        let own = self.talk.own.lock();
        let generation = own.generation;
        let mut interest = None;
        let mut peers = self.talk.peers.lock();
        let mut parts = Vec::new();
        for id in others(&view) {
            let peer = peers.entry(id).or_default();
            for token in self.blocking.take_gone(id) {
                peer.put([b"x", &token.to_le_bytes(), b""]);
            }
            let Some(process) = view.process_of(id).filter(|_| peer.sending.is_none() && now >= peer.not_before) else {
                continue;
            };
            let request = if peer.confirmed != Some((process, generation)) {
                peer.sending = Some(Sending::Interest(process, generation));
                interest.get_or_insert_with(|| self.whole_interest(&own)).clone()
            } else if let Some(tokens) = self.blocking.listing(id, now) {
                peer.sending = Some(Sending::Waiters);
                self.request(&[b"waits", self.config.incarnation.to_string().as_bytes(), &tokens])
            } else if !peer.waiting.is_empty() || peer.has_lost {
                peer.sending = Some(Sending::Batch);
                let lost: &[u8] = if std::mem::take(&mut peer.has_lost) { b"1" } else { b"0" };
                let batch = peer.take_batch();
                let words: Vec<&[u8]> =
                    [b"told", lost].into_iter().chain(batch.iter().flatten().map(AsRef::as_ref)).collect();
                self.request(&words)
            } else {
                continue;
            };
            parts.push(Part { to: id, database: 0, resp: Version::Resp2.number(), request, patience: Duration::ZERO });
        }
        parts
    }

    fn whole_interest(&self, own: &Own) -> Vec<u8> {
        let interest = own.interest();
        let numbers = [own.generation, u64::from(interest.tracks), u64::from(self.events.wanted().0), own.wanted_at_ms];
        let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
        let incarnation = self.config.incarnation.to_string();
        let mut words: Vec<&[u8]> = vec![b"interest", incarnation.as_bytes()];
        words.extend(numbers.iter().map(String::as_bytes));
        words.push(&interest.bits);
        words.extend(interest.prefixes.iter().map(AsRef::as_ref));
        self.request(&words)
    }

    /// What came of a part of [`Node::talk_parts`].
    pub fn talk_answered(&self, to: NodeId, reply: &Result<Vec<u8>, ForwardError>) {
        let now = self.now();
        let mut peers = self.talk.peers.lock();
        let Some(peer) = peers.get_mut(&to) else { return };
        let is_new = match (peer.sending.take(), reply) {
            (Some(Sending::Interest(process, generation)), Ok(_)) => {
                let is_new = peer.confirmed.is_none_or(|(known, _)| known != process);
                peer.confirmed = Some((process, generation));
                is_new
            }
            (Some(Sending::Batch), Err(_)) => {
                peer.has_lost = true;
                peer.not_before = now + RETRY_AFTER;
                false
            }
            (Some(Sending::Waiters), Ok(reply)) => {
                let missing = reply.iter().position(|byte| *byte == b'\n').map_or(reply.len(), |end| end + 1);
                let tokens = reply[missing..].strip_suffix(b"\r\n").unwrap_or_default();
                self.blocking.hear_missing(to, tokens);
                false
            }
            (Some(Sending::Interest(..) | Sending::Waiters), Err(_)) => {
                peer.not_before = now + RETRY_AFTER;
                false
            }
            (Some(Sending::Batch), Ok(_)) | (None, _) => false,
        };
        drop(peers);
        if is_new && self.talk.tracking.lock().count() > 0 {
            // Until now it did not tell what changed there.
            let view = self.view();
            let has = |slot: Slot| matches!(view.owner(slot), Owner::Other(node) if node.id == to);
            let has_pinned = view.pinned_slots().any(has);
            let is_there = |key: &[u8]| has_pinned || has(slot_of(key));
            let told = self.talk.tracking.lock().changed_where(&is_there, &|id| self.clients.find(id));
            self.post_all(told);
        }
    }

    /// Another node's request that begins with [`WORD`]: takes in what it says.
    pub(crate) fn hear(&self, version: Version, args: Args<'_>, out: &mut Vec<u8>) -> Result<(), WireError> {
        let malformed = || WireError::Other("ERR malformed talk of a node".into());
        let word = |index: usize| args.get(index).unwrap_or_default();
        let text = |index: usize| std::str::from_utf8(word(index)).unwrap_or_default();
        let number =
            |index: usize| parse_integer(word(index)).and_then(|n| u64::try_from(n).ok()).ok_or_else(malformed);
        let from: NodeId = text(1).parse().map_err(|_| malformed())?;
        let mut reply = Reply::new(out, version);
        match word(2) {
            b"publish" => {
                let kind = if word(3) == b"shard" { Kind::Shard } else { Kind::Channel };
                reply.integer(self.deliver(kind, word(4), word(5)) as i64);
                return Ok(());
            }
            b"waits" => {
                let incarnation: Incarnation = text(3).parse().map_err(|_| malformed())?;
                reply.bulk(self.blocking.hear_listing(from, incarnation, word(4), self.now()));
                return Ok(());
            }
            b"interest" => {
                let incarnation: Incarnation = text(3).parse().map_err(|_| malformed())?;
                let (generation, tracks) = (number(4)?, number(5)? == 1);
                let wanted = Wanted(u32::try_from(number(6)?).map_err(|_| malformed())?);
                self.learn_wanted(wanted, number(7)?);
                let bits = word(8);
                if !bits.is_empty() && bits.len() != BUCKETS / 8 || args.len() > 9 + PREFIXES_MAX {
                    return Err(malformed());
                }
                let prefixes = args.iter().skip(9).map(Box::from).collect();
                let interest = Interest { bits: bits.to_vec(), prefixes, tracks };
                self.talk.peers.lock().entry(from).or_default().learn(incarnation.0, generation, interest);
                self.after_hearing();
            }
            b"add" => {
                let incarnation: Incarnation = text(3).parse().map_err(|_| malformed())?;
                for at in (4..args.len()).step_by(3) {
                    let addition = match word(at + 1) {
                        b"b" => Addition::Bucket(u16::try_from(number(at + 2)?).map_err(|_| malformed())?),
                        b"p" => Addition::Prefix(word(at + 2).into()),
                        b"t" => Addition::Tracks,
                        b"w" => {
                            let (wanted, at_ms) = text(at + 2).split_once(' ').ok_or_else(malformed)?;
                            let wanted = Wanted(wanted.parse().map_err(|_| malformed())?);
                            Addition::Wanted(wanted, at_ms.parse().map_err(|_| malformed())?)
                        }
                        _ => return Err(malformed()),
                    };
                    if let Addition::Wanted(wanted, at_ms) = addition {
                        self.learn_wanted(wanted, at_ms);
                        continue;
                    }
                    self.talk.peers.lock().entry(from).or_default().add(incarnation.0, number(at)?, addition);
                }
                self.after_hearing();
            }
            b"told" => {
                if word(3) == b"1" {
                    self.stale_here(Stale::Everything, 0);
                    self.blocking.may_have_turns(from);
                }
                let token = |index: usize| word(index).try_into().map(u64::from_le_bytes).map_err(|_| malformed());
                for at in (4..args.len()).step_by(3) {
                    match word(at) {
                        b"e" => self.deliver_event(word(at + 1), word(at + 2)),
                        b"i" => self.stale_here(Stale::Key(word(at + 1)), 0),
                        b"f" => self.stale_here(Stale::Everything, 0),
                        b"w" => self.blocking.has_turn(token(at + 1)?, from),
                        b"x" => self.blocking.withdraw(from, token(at + 1)?),
                        _ => return Err(malformed()),
                    }
                }
            }
            _ => return Err(malformed()),
        }
        reply.ok();
        Ok(())
    }

    fn after_hearing(&self) {
        // What it says of this node's own interest it said to whoever changed that.
        self.review_tracking();
        self.talk.wake();
    }

    /// Shows a request to clients that look on, before it runs.
    #[cold]
    pub(crate) fn show_request(&self, client: &Client, database: u16, args: Args<'_>) {
        let door = if client.door == Door::Gateway { "" } else { "cluster:" };
        self.show_line(database, &format!("{door}{}", client.remote), args);
    }

    /// The same for what a script asks for.
    #[cold]
    pub(crate) fn show_script_request(&self, database: u16, args: Args<'_>) {
        if self.events.has(Reason::MONITORED) {
            self.show_line(database, "lua", args);
        }
    }

    fn show_line(&self, database: u16, who: &str, args: Args<'_>) {
        let micros = u128::from(self.unix_ms()) * 1000 + u128::from(self.now().as_micros() as u64 % 1000);
        let mut line = format!(
            "+{}.{:06} [{} {who}]",
            micros / 1_000_000,
            micros % 1_000_000,
            database % dcache_protocol::namespace::DATABASES
        )
        .into_bytes();
        for arg in args.iter() {
            line.push(b' ');
            crate::command::quote(arg, &mut line);
        }
        line.extend_from_slice(b"\r\n");
        let letter = Letter::Plain(line.into());
        let monitors: Vec<Arc<Client>> = self.talk.monitors.lock().values().cloned().collect();
        monitors.iter().for_each(|monitor| self.post(monitor, letter.clone()));
    }

    /// Clients' requests wait until then, writes or all of them.
    pub(crate) fn is_paused(&self, is_write: bool) -> bool {
        let pause = *self.pause.lock();
        let Some(pause) = pause else { return false };
        if self.now() >= pause.until {
            self.unpause();
            return false;
        }
        pause.is_for_all || is_write
    }

    pub(crate) fn pause_all(&self, until: Duration) {
        *self.pause.lock() = Some(Pause { until, is_for_all: true });
        self.events.set(Reason::PAUSED, true);
    }

    pub(crate) fn unpause(&self) {
        *self.pause.lock() = None;
        self.events.set(Reason::PAUSED, false);
    }
}

/// `CLIENT PAUSE`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pause {
    pub until: Duration,
    pub is_for_all: bool,
}
