//! Who is connected: what `CLIENT LIST` shows of each client, and how one client ends another.
//!
//! A [`Client`] is shared between its session, which writes it, and whoever lists or kills clients. What changes with every
//! batch is a relaxed store to the client's own memory; names sit behind a lock because they change once in a connection's
//! life. The registry is locked only when a client comes, goes, is listed or is killed.

use crate::command::Door;
use crate::mail::Mail;
use crate::pubsub::{Kind, Subscribed};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Called when another client kills this one or there is news for it, so that a connection waiting for bytes notices.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// All open clients of a node.
#[derive(Debug)]
pub struct Clients {
    open: Mutex<BTreeMap<u64, Arc<Client>>>,
    clients_max: usize,
    next_id: AtomicU64,
    total: AtomicU64,
    rejected: AtomicU64,
}

/// One open client. Aligned so that clients of two workers never share a cache line.
#[repr(align(64))]
pub struct Client {
    pub id: u64,
    /// Its `host:port`.
    pub remote: String,
    /// The `host:port` it reached us at.
    pub local: String,
    pub door: Door,
    pub since: Duration,
    wake: Wake,
    killed: AtomicBool,
    pub(crate) active_ms: AtomicU64,
    pub(crate) database: AtomicU16,
    pub(crate) resp: AtomicU8,
    pub(crate) waiting_bytes: AtomicU32,
    /// Number of the last command plus one; 0: none yet.
    pub(crate) command: AtomicU32,
    pub(crate) no_evict: AtomicBool,
    pub(crate) no_touch: AtomicBool,
    pub(crate) wants_news: AtomicBool,
    pub(crate) names: Mutex<Names>,
    pub(crate) mail: Mail,
    pub(crate) subscribed: Mutex<Subscribed>,
    /// How many channels, patterns and shard channels it is subscribed to.
    pub(crate) subscriptions: [AtomicU32; 3],
    pub(crate) tracks: AtomicBool,
    pub(crate) broadcasts: AtomicBool,
    /// Who is told in its place what it tracks; 0: nobody.
    pub(crate) redirect: AtomicU64,
    pub(crate) redirect_broken: AtomicBool,
    pub(crate) is_monitor: AtomicBool,
    /// It waits for keys.
    pub(crate) is_blocked: AtomicBool,
    /// Requests queued for a transaction plus one; 0: none is open.
    pub(crate) queued: AtomicU32,
}

/// What a client calls itself; printable ASCII without spaces, checked where it comes in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    pub name: String,
    pub library: String,
    pub library_version: String,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("id", &self.id).field("remote", &self.remote).finish_non_exhaustive()
    }
}

impl Client {
    /// Asks the client's session to end; it does so before its next request.
    pub fn kill(&self) {
        self.killed.store(true, Relaxed);
        (self.wake)();
    }

    pub fn is_killed(&self) -> bool {
        self.killed.load(Relaxed)
    }

    pub(crate) fn wants_news(&self) -> bool {
        self.wants_news.load(Relaxed)
    }

    /// Has the client's connection look.
    pub(crate) fn wake(&self) {
        (self.wake)();
    }

    pub(crate) fn subscriptions_of(&self, kind: Kind) -> usize {
        self.subscriptions[kind as usize].load(Relaxed) as usize
    }

    /// Whether it is subscribed to anything.
    pub(crate) fn is_subscriber(&self) -> bool {
        self.subscriptions.iter().any(|count| count.load(Relaxed) > 0)
    }

    /// Redis's one-letter flags: `N` for none, `O` looks on, `P` subscribed, `x` in a transaction, `b` waits for keys, `t` tracks, `R` whose
    /// redirection is broken, `B` broadcasts, `e` no-evict, `T` no-touch.
    fn flags(&self) -> String {
        let flags = [
            (self.is_monitor.load(Relaxed), 'O'),
            (self.is_subscriber(), 'P'),
            (self.queued.load(Relaxed) > 0, 'x'),
            (self.is_blocked.load(Relaxed), 'b'),
            (self.tracks.load(Relaxed), 't'),
            (self.redirect_broken.load(Relaxed), 'R'),
            (self.broadcasts.load(Relaxed), 'B'),
            (self.no_evict.load(Relaxed), 'e'),
            (self.no_touch.load(Relaxed), 'T'),
        ];
        let letters: String = flags.iter().filter(|(set, _)| *set).map(|&(_, letter)| letter).collect();
        if letters.is_empty() { "N".into() } else { letters }
    }

    /// As Redis tells it: -1 for a client that does not track, 0 without a redirection.
    pub(crate) fn redirection(&self) -> i64 {
        match self.tracks.load(Relaxed) {
            true => i64::try_from(self.redirect.load(Relaxed)).unwrap_or(i64::MAX),
            false => -1,
        }
    }

    /// The line of `CLIENT LIST`, in Redis's field order. The descriptor is not known here: -1, as Redis prints without one.
    pub(crate) fn line(&self, now: Duration, command_name: impl Fn(usize) -> String) -> String {
        let names = self.names.lock().clone();
        let idle = now.saturating_sub(Duration::from_millis(self.active_ms.load(Relaxed))).as_secs();
        let command = match self.command.load(Relaxed) {
            0 => "NULL".into(),
            number => command_name(number as usize - 1),
        };
        let (letters, mail_bytes) = self.mail.size();
        format!(
            "id={} addr={} laddr={} fd=-1 name={} age={} idle={idle} flags={} db={} sub={} psub={} ssub={} multi={} qbuf={} \
             qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll={letters} omem={mail_bytes} tot-mem={} events=r \
             cmd={command} user=default redir={} resp={} lib-name={} lib-ver={}\n",
            self.id,
            self.remote,
            self.local,
            names.name,
            now.saturating_sub(self.since).as_secs(),
            self.flags(),
            self.database.load(Relaxed),
            self.subscriptions_of(Kind::Channel),
            self.subscriptions_of(Kind::Pattern),
            self.subscriptions_of(Kind::Shard),
            i64::from(self.queued.load(Relaxed)) - 1,
            self.waiting_bytes.load(Relaxed),
            self.waiting_bytes.load(Relaxed) as usize + mail_bytes,
            self.redirection(),
            self.resp.load(Relaxed),
            names.library,
            names.library_version,
        )
    }
}

impl Clients {
    pub(crate) fn new(clients_max: usize) -> Clients {
        Clients {
            open: Mutex::default(),
            clients_max,
            next_id: AtomicU64::new(1),
            total: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
        }
    }

    pub(crate) fn register(&self, remote: String, local: String, door: Door, now: Duration, wake: Wake) -> Arc<Client> {
        let client = Arc::new(Client {
            id: self.next_id.fetch_add(1, Relaxed),
            remote,
            local,
            door,
            since: now,
            wake,
            killed: AtomicBool::new(false),
            active_ms: AtomicU64::new(millis(now)),
            database: AtomicU16::new(0),
            resp: AtomicU8::new(2),
            waiting_bytes: AtomicU32::new(0),
            command: AtomicU32::new(0),
            no_evict: AtomicBool::new(false),
            no_touch: AtomicBool::new(false),
            wants_news: AtomicBool::new(false),
            names: Mutex::default(),
            mail: Mail::default(),
            subscribed: Mutex::default(),
            subscriptions: Default::default(),
            tracks: AtomicBool::new(false),
            broadcasts: AtomicBool::new(false),
            redirect: AtomicU64::new(0),
            redirect_broken: AtomicBool::new(false),
            is_monitor: AtomicBool::new(false),
            is_blocked: AtomicBool::new(false),
            queued: AtomicU32::new(0),
        });
        self.open.lock().insert(client.id, Arc::clone(&client));
        self.total.fetch_add(1, Relaxed);
        client
    }

    pub(crate) fn unregister(&self, id: u64) {
        self.open.lock().remove(&id);
    }

    /// Whether one more client fits under `maxclients`; a refusal is counted.
    pub fn admits(&self) -> bool {
        let fits = self.count() < self.clients_max;
        if !fits {
            self.rejected.fetch_add(1, Relaxed);
        }
        fits
    }

    /// Open now.
    pub fn count(&self) -> usize {
        self.open.lock().len()
    }

    /// Accepted since the node's start.
    pub fn total(&self) -> u64 {
        self.total.load(Relaxed)
    }

    /// Refused since the node's start for lack of room.
    pub fn rejected(&self) -> u64 {
        self.rejected.load(Relaxed)
    }

    pub fn limit(&self) -> usize {
        self.clients_max
    }

    pub(crate) fn find(&self, id: u64) -> Option<Arc<Client>> {
        self.open.lock().get(&id).cloned()
    }

    /// All open clients, oldest first.
    pub fn list(&self) -> Vec<Arc<Client>> {
        self.open.lock().values().cloned().collect()
    }
}

/// Milliseconds of a monotonic time, as kept in [`Client::active_ms`].
pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clients_of(most: usize) -> (Clients, Wake, Arc<AtomicU64>) {
        let woken = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&woken);
        let wake: Wake = Arc::new(move || {
            counter.fetch_add(1, Relaxed);
        });
        (Clients::new(most), wake, woken)
    }

    #[test]
    fn a_client_is_listed_until_it_goes() {
        let (clients, wake, _) = clients_of(2);
        let register = |remote: &str| {
            clients.register(
                remote.into(),
                "10.0.0.1:6379".into(),
                Door::Gateway,
                Duration::from_secs(5),
                Arc::clone(&wake),
            )
        };
        let first = register("10.0.0.2:1");
        assert!(clients.admits());
        let second = register("10.0.0.2:2");
        assert!(!clients.admits());
        assert_eq!((clients.count(), clients.total(), clients.rejected()), (2, 2, 1));
        assert_eq!(clients.list().iter().map(|c| c.id).collect::<Vec<_>>(), [first.id, second.id]);
        clients.unregister(first.id);
        assert_eq!(clients.list().iter().map(|c| c.id).collect::<Vec<_>>(), [second.id]);
    }

    #[test]
    fn the_line_is_redis_s() {
        let (clients, wake, _) = clients_of(1);
        let client =
            clients.register("1.2.3.4:5".into(), "6.7.8.9:10".into(), Door::Gateway, Duration::from_secs(5), wake);
        client.names.lock().name = "worker".into();
        client.no_evict.store(true, Relaxed);
        client.command.store(3, Relaxed);
        client.active_ms.store(7_000, Relaxed);
        assert_eq!(
            client.line(Duration::from_secs(15), |n| format!("c{n}")),
            "id=1 addr=1.2.3.4:5 laddr=6.7.8.9:10 fd=-1 name=worker age=10 idle=8 flags=e db=0 sub=0 psub=0 ssub=0 multi=-1 \
             qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=0 tot-mem=0 events=r cmd=c2 user=default \
             redir=-1 resp=2 lib-name= lib-ver=\n"
        );
    }

    #[test]
    fn killing_wakes_the_connection() {
        let (clients, wake, woken) = clients_of(1);
        let client = clients.register(String::new(), String::new(), Door::Cluster, Duration::ZERO, wake);
        assert!(!client.is_killed());
        client.kill();
        assert!(client.is_killed());
        assert_eq!(woken.load(Relaxed), 1);
    }
}
