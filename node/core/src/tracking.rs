//! Client-side caching: which clients are told that a key they keep a copy of has changed.
//!
//! A client that tracks is remembered with the keys it reads, at the node it is connected to, wherever those keys live; or, when it
//! broadcasts, with the prefixes it named. A key is remembered before it is read, so that no change behind that is missed; the
//! telling stands behind the reply of the read in the client's stream. What changes at other nodes comes from there
//! ([`crate::talk`]). The table is bounded as Redis's: a key that has to go from it is told to have changed.
//! (<https://redis.io/docs/latest/develop/reference/client-side-caching/>)

use crate::clients::Client;
use crate::mail::Letter;
use dcache_protocol::resp::reply::{Reply, Version};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Keys remembered at most: Redis's `tracking-table-max-keys`.
pub(crate) const KEYS_MAX: usize = 1_000_000;

/// Prefixes one client may name.
pub(crate) const PREFIXES_MAX: usize = 1024;

/// The channel on which a client that speaks RESP2 hears of changes.
const CHANNEL: &[u8] = b"__redis__:invalidate";

/// How a client tracks; what it said to `CLIENT TRACKING ON`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mode {
    pub redirect: Option<u64>,
    pub broadcasts: bool,
    pub prefixes: Vec<Box<[u8]>>,
    pub opts_in: bool,
    pub opts_out: bool,
    pub no_loop: bool,
    /// What `CLIENT CACHING` said about the next request.
    pub caching: Option<bool>,
}

impl Mode {
    /// Whether the keys of the request at hand are to be remembered.
    pub fn remembers(&self) -> bool {
        !self.broadcasts
            && match self.caching {
                Some(said) => said,
                None => !self.opts_in,
            }
    }
}

/// Who tracks, and what.
#[derive(Debug, Default)]
pub(crate) struct Tracking {
    clients: BTreeMap<u64, Tracker>,
    /// Clients by the keys they read.
    keys: BTreeMap<Box<[u8]>, BTreeSet<u64>>,
}

#[derive(Debug)]
struct Tracker {
    client: Arc<Client>,
    redirect: Option<u64>,
    broadcasts: bool,
    prefixes: Vec<Box<[u8]>>,
    no_loop: bool,
}

/// What is to be told to whom.
pub(crate) type Told = Vec<(Arc<Client>, Letter)>;

/// What changed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stale<'a> {
    Key(&'a [u8]),
    Everything,
}

impl Tracking {
    pub fn count(&self) -> usize {
        self.clients.len()
    }

    /// Keys, and clients remembered with one, each pair once.
    pub fn size(&self) -> (usize, usize) {
        (self.keys.len(), self.keys.values().map(BTreeSet::len).sum())
    }

    pub fn prefixes(&self) -> usize {
        self.clients.values().map(|tracker| tracker.prefixes.len()).sum()
    }

    pub fn begin(&mut self, client: &Arc<Client>, mode: &Mode) {
        let tracker = Tracker {
            client: Arc::clone(client),
            redirect: mode.redirect,
            broadcasts: mode.broadcasts,
            prefixes: mode.prefixes.clone(),
            no_loop: mode.no_loop,
        };
        self.clients.insert(client.id, tracker);
    }

    /// Its keys are forgotten as they change.
    pub fn end(&mut self, id: u64) {
        self.clients.remove(&id);
        if self.clients.is_empty() {
            self.keys.clear();
        }
    }

    /// The client has read these, or is about to.
    pub fn remember<'k>(&mut self, id: u64, keys: impl Iterator<Item = &'k [u8]>, find: Find<'_>) -> Told {
        let mut told = Told::new();
        for key in keys {
            match self.keys.get_mut(key) {
                Some(readers) => drop(readers.insert(id)),
                None => drop(self.keys.insert(key.into(), BTreeSet::from([id]))),
            }
            if self.keys.len() > KEYS_MAX
                && let Some(first) = self.keys.keys().next().cloned()
            {
                told.extend(self.forget(&first, 0, find));
            }
        }
        told
    }

    /// A key has changed. `by` is the client that did it, if it is one of this node.
    pub fn changed(&mut self, key: &[u8], by: u64, find: Find<'_>) -> Told {
        let mut told = self.forget(key, by, find);
        for (id, tracker) in &self.clients {
            let has_prefix = || tracker.prefixes.is_empty() || tracker.prefixes.iter().any(|p| key.starts_with(p));
            if tracker.broadcasts && !(tracker.no_loop && *id == by) && has_prefix() {
                told.extend(tracker.tell(Stale::Key(key), find));
            }
        }
        told
    }

    fn forget(&mut self, key: &[u8], by: u64, find: Find<'_>) -> Told {
        let readers = self.keys.remove(key).unwrap_or_default();
        let trackers = readers.iter().filter_map(|id| self.clients.get(id).map(|tracker| (*id, tracker)));
        let trackers = trackers.filter(|(id, tracker)| !(tracker.broadcasts || tracker.no_loop && *id == by));
        trackers.filter_map(|(_, tracker)| tracker.tell(Stale::Key(key), find)).collect()
    }

    /// All keys may have changed.
    pub fn changed_all(&mut self, find: Find<'_>) -> Told {
        self.keys.clear();
        self.clients.values().filter_map(|tracker| tracker.tell(Stale::Everything, find)).collect()
    }

    /// Keys that `is_stale` names may have changed.
    pub fn changed_where(&mut self, is_stale: &dyn Fn(&[u8]) -> bool, find: Find<'_>) -> Told {
        let stale: Vec<Box<[u8]>> = self.keys.keys().filter(|key| is_stale(key)).cloned().collect();
        let told: Told = stale.iter().flat_map(|key| self.forget(key, 0, find)).collect();
        // Of these nobody knows which keys they have.
        let broadcasts = self.clients.values().filter(|tracker| tracker.broadcasts);
        told.into_iter().chain(broadcasts.filter_map(|tracker| tracker.tell(Stale::Everything, find))).collect()
    }
}

/// Finds an open client by its id.
pub(crate) type Find<'a> = &'a dyn Fn(u64) -> Option<Arc<Client>>;

impl Tracker {
    fn tell(&self, stale: Stale<'_>, find: Find<'_>) -> Option<(Arc<Client>, Letter)> {
        let is_resp3 = |client: &Client| client.resp.load(Relaxed) == 3;
        let Some(id) = self.redirect else {
            // Without a redirection, RESP2 has no way to say it.
            return is_resp3(&self.client).then(|| (Arc::clone(&self.client), Letter::Push(invalidate(stale))));
        };
        let Some(target) = find(id).filter(|target| !target.is_killed()) else {
            self.client.redirect_broken.store(true, Relaxed);
            return is_resp3(&self.client).then(|| (Arc::clone(&self.client), Letter::Push(broken(id))));
        };
        let letter = match is_resp3(&target) {
            true => Letter::Push(invalidate(stale)),
            false if target.is_subscriber() => Letter::Push(invalidate_message(stale)),
            false => return None,
        };
        Some((target, letter))
    }
}

fn write_stale(reply: &mut Reply<'_>, stale: Stale<'_>) {
    match stale {
        Stale::Key(key) => {
            reply.array(1);
            reply.bulk(key);
        }
        Stale::Everything => reply.null(),
    }
}

fn invalidate(stale: Stale<'_>) -> Arc<[u8]> {
    let mut bytes = Vec::new();
    let mut reply = Reply::new(&mut bytes, Version::Resp3);
    reply.push(2);
    reply.bulk("invalidate");
    write_stale(&mut reply, stale);
    bytes.into()
}

/// For a client that speaks RESP2.
fn invalidate_message(stale: Stale<'_>) -> Arc<[u8]> {
    let mut bytes = Vec::new();
    let mut reply = Reply::new(&mut bytes, Version::Resp2);
    reply.push(3);
    reply.bulk("message");
    reply.bulk(CHANNEL);
    write_stale(&mut reply, stale);
    bytes.into()
}

/// Whoever was to be told in the client's place is gone.
fn broken(id: u64) -> Arc<[u8]> {
    let mut bytes = Vec::new();
    let mut reply = Reply::new(&mut bytes, Version::Resp3);
    reply.push(2);
    reply.bulk("tracking-redir-broken");
    reply.integer(i64::try_from(id).unwrap_or(i64::MAX));
    bytes.into()
}
