//! Events of keys: which are wanted, and those that are not told yet. Who is told is in [`crate::talk`].
//!
//! A command says what it did to a key ([`crate::command::Context::notify`]); the engine says what expired or was evicted. As long
//! as nobody wants to know, that is one relaxed load. Otherwise the event waits here, since both hold a stripe's lock, and is told
//! at the end of the request or within the 10 ms until the next background step.
//!
//! The same events are what invalidates keys that clients keep a copy of ([`crate::tracking`]).

use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

/// Events that may wait; more are not told, and whoever must not miss one is told so.
const WAITING_MAX: usize = 1 << 16;

/// A class of events, as `notify-keyspace-events` names it by a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Class(u32);

impl Class {
    pub const GENERIC: Class = Class(1 << 2);
    pub const STRING: Class = Class(1 << 3);
    pub const LIST: Class = Class(1 << 4);
    pub const SET: Class = Class(1 << 5);
    pub const HASH: Class = Class(1 << 6);
    pub const SORTED_SET: Class = Class(1 << 7);
    pub const EXPIRED: Class = Class(1 << 8);
    pub const EVICTED: Class = Class(1 << 9);
    pub const STREAM: Class = Class(1 << 10);
    /// A key that was asked for is not there. Changes nothing.
    pub const MISS: Class = Class(1 << 11);
    /// A key is there that was not. Told beside the event that made it.
    pub const NEW: Class = Class(1 << 13);

    /// Whether the key is another one afterwards.
    fn is_change(self) -> bool {
        self != Class::MISS && self != Class::NEW
    }
}

const KEYSPACE: u32 = 1;
const KEYEVENT: u32 = 1 << 1;
const MISS: u32 = Class::MISS.0;
const MODULE: u32 = 1 << 12;
const NEW: u32 = Class::NEW.0;
/// What `A` stands for.
const ALL: u32 = 0b1_0111_1111_1100;

/// Letters of classes, in the order in which Redis writes them.
const LETTERS: [(u8, u32); 11] = [
    (b'g', Class::GENERIC.0),
    (b'$', Class::STRING.0),
    (b'l', Class::LIST.0),
    (b's', Class::SET.0),
    (b'h', Class::HASH.0),
    (b'z', Class::SORTED_SET.0),
    (b'x', Class::EXPIRED.0),
    (b'e', Class::EVICTED.0),
    (b't', Class::STREAM.0),
    (b'd', MODULE),
    (b'n', NEW),
];
const DOORS: [(u8, u32); 3] = [(b'K', KEYSPACE), (b'E', KEYEVENT), (b'm', MISS)];

/// Which events are published, and on which channels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted(pub(crate) u32);

impl Wanted {
    /// From the letters of `notify-keyspace-events`.
    pub fn parse(letters: &[u8]) -> Option<Wanted> {
        let of = |letter: &u8| match letter {
            b'A' => Some(ALL),
            letter => LETTERS.iter().chain(&DOORS).find(|(known, _)| known == letter).map(|(_, bits)| *bits),
        };
        letters.iter().map(of).try_fold(0, |all, bits| Some(all | bits?)).map(Wanted)
    }

    /// The letters, as Redis writes them.
    pub fn letters(self) -> String {
        let classes: &[(u8, u32)] = if self.0 & ALL == ALL { &[(b'A', ALL)] } else { &LETTERS };
        let set = |(_, bits): &&(u8, u32)| self.0 & bits == *bits;
        classes.iter().chain(&DOORS).filter(set).map(|(letter, _)| char::from(*letter)).collect()
    }

    pub fn has(self, class: Class) -> bool {
        self.0 & class.0 != 0
    }

    pub fn on_keyspace(self) -> bool {
        self.0 & KEYSPACE != 0
    }

    pub fn on_keyevent(self) -> bool {
        self.0 & KEYEVENT != 0
    }

    fn is_anything(self) -> bool {
        self.0 & (KEYSPACE | KEYEVENT) != 0 && self.0 & !(KEYSPACE | KEYEVENT) != 0
    }
}

/// What happened to a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub class: Class,
    pub name: &'static str,
    pub database: u16,
    pub key: Box<[u8]>,
    /// The client that did it; 0: none of this node.
    pub by: u64,
}

/// Reasons to look twice, as bits of one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reason(u32);

impl Reason {
    /// Events are published.
    pub const PUBLISHED: Reason = Reason(1);
    /// Clients of this or another node keep copies of keys.
    pub const TRACKED: Reason = Reason(1 << 1);
    /// Clients look on at what others run.
    pub const MONITORED: Reason = Reason(1 << 3);
    /// Clients are paused.
    pub const PAUSED: Reason = Reason(1 << 4);

    const OF_KEYS: u32 = 0b11;
    const OF_REQUESTS: u32 = 0b11000;
}

/// Events that are not told yet.
#[derive(Debug, Default)]
pub(crate) struct Events {
    reasons: AtomicU32,
    wanted: AtomicU32,
    has_lost: AtomicBool,
    waiting: Mutex<Vec<Event>>,
}

impl Events {
    /// Whether anybody wants to know what happens to keys.
    #[inline]
    pub fn are_watched(&self) -> bool {
        self.reasons.load(Relaxed) & Reason::OF_KEYS != 0
    }

    /// Whether requests are to be looked at before they run.
    #[inline]
    pub fn are_requests_watched(&self) -> bool {
        self.reasons.load(Relaxed) & Reason::OF_REQUESTS != 0
    }

    pub fn has(&self, reason: Reason) -> bool {
        self.reasons.load(Relaxed) & reason.0 != 0
    }

    pub fn set(&self, reason: Reason, on: bool) {
        match on {
            true => self.reasons.fetch_or(reason.0, Relaxed),
            false => self.reasons.fetch_and(!reason.0, Relaxed),
        };
    }

    pub fn wanted(&self) -> Wanted {
        Wanted(self.wanted.load(Relaxed))
    }

    pub fn want(&self, wanted: Wanted) {
        self.wanted.store(wanted.0, Relaxed);
        self.set(Reason::PUBLISHED, wanted.is_anything());
    }

    /// Whether an event of this class has any consequence.
    pub fn is_of_use(&self, class: Class) -> bool {
        let is_published = self.has(Reason::PUBLISHED) && self.wanted().has(class);
        is_published || class.is_change() && self.has(Reason::TRACKED)
    }

    /// Notes what happened. May be called under any lock: this one is a leaf.
    pub fn note(&self, event: Event) {
        let mut waiting = self.waiting.lock();
        if waiting.len() >= WAITING_MAX {
            self.has_lost.store(true, Relaxed);
            return;
        }
        waiting.push(event);
    }

    /// What was not told yet, and whether more happened than could be noted.
    pub fn take(&self) -> (Vec<Event>, bool) {
        let events = std::mem::take(&mut *self.waiting.lock());
        (events, self.has_lost.load(Relaxed) && self.has_lost.swap(false, Relaxed))
    }
}

impl Event {
    pub fn is_change(&self) -> bool {
        self.class.is_change()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_redis_s() {
        for (letters, shown) in [
            ("", ""),
            ("KEA", "AKE"),
            ("AKE", "AKE"),
            ("Egx", "gxE"),
            ("KEg$lshzxetd", "AKE"),
            ("Kmn", "nKm"),
            ("Ex", "xE"),
        ] {
            assert_eq!(Wanted::parse(letters.as_bytes()).map(Wanted::letters).as_deref(), Some(shown), "{letters}");
        }
        assert_eq!(Wanted::parse(b"Kq"), None);
        assert!(!Wanted::parse(b"A").expect("letters").is_anything(), "on no channel");
        assert!(!Wanted::parse(b"KE").expect("letters").is_anything(), "no class");
    }

    #[test]
    fn events_beyond_the_bound_are_known_to_be_lost() {
        let events = Events::default();
        let event = Event { class: Class::STRING, name: "set", database: 0, key: b"k"[..].into(), by: 0 };
        (0..=WAITING_MAX).for_each(|_| events.note(event.clone()));
        let (taken, has_lost) = events.take();
        assert_eq!((taken.len(), has_lost), (WAITING_MAX, true));
        assert_eq!(events.take(), (Vec::new(), false));
    }
}

#[cfg(test)]
mod cluster_tests {
    use crate::Door;
    use crate::fixture::{self, Cluster, key_of};
    use std::time::Duration;

    #[test]
    fn commands_tell_what_they_did_to_a_key() {
        let cluster = Cluster::new(1);
        let mut client = cluster.client(0, Door::Gateway);
        let mut listener = cluster.client(0, Door::Gateway);
        assert_eq!(client.ask("CONFIG SET notify-keyspace-events KEAmn"), "+OK|");
        assert_eq!(
            client.ask("CONFIG GET notify-keyspace-events"),
            "*2|$22|notify-keyspace-events|$5|AKEm|".replace("$5", "$4")
        );
        listener.say("PSUBSCRIBE __keyspace@*");
        for (line, events) in [
            ("SET k 1", "new set"),
            ("SET k 1 EX 100", "set expire"),
            ("SETEX k 100 1", "set expire"),
            ("SETNX k 1", ""),
            ("INCR k", "incrby"),
            ("INCRBYFLOAT k 0.5", "incrbyfloat"),
            ("APPEND k x", "append"),
            ("SETRANGE k 0 y", "setrange"),
            ("GETSET k 1", "set"),
            ("GETEX k PERSIST", "persist"),
            ("GETEX k EX 5", "expire"),
            ("EXPIRE k 100", "expire"),
            ("PERSIST k", "persist"),
            ("COPY k c", "new copy_to"),
            ("RENAME c d", "new rename_from rename_to"),
            ("MOVE d 1", "new move_from move_to"),
            ("GET none", "keymiss"),
            ("GETDEL k", "del"),
            ("DEL k", ""),
            ("MSET a 1 b 2", "new set new set"),
            ("EXPIRE a -1", "del"),
            ("UNLINK b", "del"),
        ] {
            client.say(line);
            let news = listener.news();
            let shown: Vec<&str> = news.split("*4|").skip(1).filter_map(|event| event.split('|').nth(7)).collect();
            assert_eq!(shown.join(" "), events, "{line}");
        }
        client.say("CONFIG SET notify-keyspace-events ''");
        client.say("SET k 1");
        assert_eq!(listener.news(), "");
        assert!(!client.node.events.are_watched());
    }

    #[test]
    fn changes_of_collections_tell_what_redis_tells() {
        let cluster = Cluster::new(1);
        let mut client = cluster.client(0, Door::Gateway);
        let mut listener = cluster.client(0, Door::Gateway);
        client.say("CONFIG SET notify-keyspace-events KAmn");
        listener.say("PSUBSCRIBE __keyspace@*");
        let (mut expected, mut heard) = (String::new(), String::new());
        for line in include_str!("events/collections.txt").lines().filter(|line| !line.starts_with('#')) {
            if let Some(ms) = line.strip_prefix("~ ") {
                fixture::pass(Duration::from_millis(ms.parse().expect("milliseconds")));
                continue;
            }
            let (request, events) = line.split_once(" =>").expect("request => events");
            client.say(request);
            let news = listener.news();
            let of = |event: &str| {
                let mut parts = event.split('|').skip(5).step_by(2);
                let (channel, name) = (parts.next()?, parts.next()?);
                let (database, key) = channel.strip_prefix("__keyspace@")?.split_once("__:")?;
                let database = if database == "0" { String::new() } else { format!("{database}:") };
                Some(format!(" {database}{key}:{name}"))
            };
            let told: String = news.split("*4|").filter_map(of).collect();
            expected.push_str(&format!("{request} =>{}\n", events.trim_end()));
            heard.push_str(&format!("{request} =>{told}\n"));
        }
        let wrong: Vec<_> = expected.lines().zip(heard.lines()).filter(|(expected, heard)| expected != heard).collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
        client.say("SADD s a");
        let event = "*4|$8|pmessage|$12|__keyspace@*|$16|__keyspace@0__:s|$4|sadd|";
        assert_eq!(listener.news(), event, "as it is sent");
    }

    #[test]
    fn a_client_that_asks_every_node_hears_an_event_once() {
        let cluster = Cluster::new(3);
        cluster.talk();
        let mut client = cluster.client(0, Door::Gateway);
        client.say("CONFIG SET notify-keyspace-events E$");
        cluster.talk();
        let mut listeners: Vec<_> = (0..3).map(|node| cluster.client(node, Door::Cluster)).collect();
        for listener in &mut listeners {
            listener.say("PSUBSCRIBE __keyevent@0__:* news");
        }
        cluster.talk();
        let keys: Vec<String> = (0..3).map(|node| key_of(node, 3, 0)).collect();
        for key in &keys {
            client.say(&format!("SET {key} v"));
        }
        client.say("PUBLISH news n");
        cluster.talk();
        for (own, listener) in listeners.iter_mut().enumerate() {
            let news = listener.news();
            for (index, key) in keys.iter().enumerate() {
                let told = news.matches(&format!("|__keyevent@0__:set|${}|{key}|", key.len())).count();
                assert_eq!(told, usize::from(index == own), "node {own}, key {index}: {news}");
            }
            assert!(news.contains("|news|$1|n|"), "messages go everywhere: {news}");
        }
    }

    #[test]
    fn events_of_every_node_are_told_at_every_node() {
        let cluster = Cluster::new(3);
        cluster.talk();
        let mut client = cluster.client(0, Door::Gateway);
        let mut listener = cluster.client(1, Door::Gateway);
        client.say("CONFIG SET notify-keyspace-events Ex$");
        cluster.talk();
        assert_eq!(listener.ask("CONFIG GET notify-keyspace-events"), "*2|$22|notify-keyspace-events|$3|$xE|");
        listener.say("PSUBSCRIBE __keyevent@0__:*");
        let keys: Vec<String> = (0..3).map(|node| key_of(node, 3, 0)).collect();
        for key in &keys {
            client.say(&format!("SET {key} v PX 50"));
        }
        cluster.talk();
        let news = listener.news();
        for key in &keys {
            assert!(news.contains(&format!("|__keyevent@0__:set|${}|{key}|", key.len())), "{news}");
        }
        fixture::pass(Duration::from_millis(1100));
        cluster.talk();
        let news = listener.news();
        for key in &keys {
            assert_eq!(news.matches(&format!("|__keyevent@0__:expired|${}|{key}|", key.len())).count(), 1, "{news}");
        }
    }
}
