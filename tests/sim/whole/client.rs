//! Clients: each a connection at the gateway door of some node, one request at a time, and what they were told.

use crate::linearizable::{Kind, Operation};
use crate::net::{MS, now};
use crate::process::Process;
use crate::world::{CALM_FROM, END, MAX_STALENESS, World};
use dcache_core::{Door, Session};
use dcache_protocol::resp::value::encode_request;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep, timeout};

pub const CLIENTS: usize = 6;
/// Keys of the strong namespace, the last two of which are written with a time to live, and of the eventual one.
const STRONG_KEYS: u64 = 10;
const TTL_KEYS: u64 = 2;
const EVENTUAL_KEYS: u64 = 4;
/// Of the namespace whose reads any copy may answer.
const ANY_KEYS: u64 = 4;
/// Of the namespace without copies.
const UNCOPIED_KEYS: u64 = 4;

pub fn strong_key(number: u64) -> String {
    format!("s:{number}")
}

pub fn all_keys() -> Vec<String> {
    let eventual = (0..EVENTUAL_KEYS).map(|number| format!("e:{number}"));
    let any = (0..ANY_KEYS).map(|number| format!("a:{number}"));
    let uncopied = (0..UNCOPIED_KEYS).map(|number| format!("u:{number}"));
    (0..STRONG_KEYS).map(strong_key).chain(eventual).chain(any).chain(uncopied).collect()
}

/// A connection to one node.
pub struct Connection {
    process: Rc<Process>,
    session: Session,
}

impl Connection {
    pub fn open(process: Rc<Process>) -> Connection {
        let session = process
            .with(|core| Session::new(core, Door::Gateway, 0, "client:1".into(), "node:1".into(), Arc::new(|| ())));
        Connection { process, session }
    }

    /// None: no answer came, and the connection is of no use any more.
    pub async fn ask(&mut self, world: &Rc<World>, words: &[&str], patience: Duration) -> Option<String> {
        let mut request = Vec::new();
        encode_request(&words.iter().map(|word| word.as_bytes()).collect::<Vec<_>>(), &mut request);
        let answered = timeout(patience, self.process.answer(world, &mut self.session, &request)).await;
        let is_alive = self.process.is_alive.get();
        answered.ok().filter(|_| is_alive).map(|reply| String::from_utf8_lossy(&reply).into_owned())
    }
}

/// One client until the world ends.
pub async fn run(world: Rc<World>, number: usize) {
    let mut connection: Option<Connection> = None;
    while now() < CALM_FROM {
        let think = world.dice(1..60);
        sleep(MS * think as u32).await;
        let Some(connected) = &mut connection else {
            let some = world.dice(0..world.nodes().len() as u64) as usize;
            connection = world.process(some).map(Connection::open);
            continue;
        };
        let is_usable = match world.dice(0..8) {
            0 | 1 => any_copy(&world, connected, number).await,
            kind => one(&world, connected, number, kind > 2).await,
        };
        if !is_usable {
            connection = None;
        }
    }
}

/// False: the connection is of no use any more.
async fn one(world: &Rc<World>, connection: &mut Connection, number: usize, is_strong: bool) -> bool {
    let of_strong = world.dice(0..STRONG_KEYS);
    let key = match (is_strong, world.dice(0..2)) {
        (true, _) => strong_key(of_strong),
        (false, 0) => format!("e:{}", world.dice(0..EVENTUAL_KEYS)),
        (false, _) => format!("u:{}", world.dice(0..UNCOPIED_KEYS)),
    };
    let has_ttl = is_strong && of_strong >= STRONG_KEYS - TTL_KEYS;
    let patience = MS * [300, 1000, 6000][world.dice(0..3) as usize];
    let value = world.dice(0..2).is_multiple_of(2).then(|| world.next_value());
    let (begin, generation) = (micros(now()), world.generation_of(&key));
    let ttl = world.dice(50..800).to_string();
    let (known, at) = (world.acknowledged(&key), connection.process.index);
    let reply = match value {
        Some(value) if has_ttl => connection.ask(world, &["SET", &key, &value.to_string(), "PX", &ttl], patience).await,
        Some(value) => connection.ask(world, &["SET", &key, &value.to_string()], patience).await,
        None => connection.ask(world, &["GET", &key], patience).await,
    };
    let end = micros(now());
    world.note(&format!("{number} at node {at} {key} {value:?} {reply:?} since {begin}"));
    // Where nothing fails, no namespace may show that partitions move.
    let is_strong = is_strong || world.setting.is_calm;
    let unknown = |kind| Operation { begin, end: u64::MAX, kind };
    match (value, reply.as_deref()) {
        (Some(value), Some("+OK\r\n")) => {
            world.record(&key, is_strong, Operation { begin, end, kind: Kind::Write(value) });
            if !has_ttl {
                world.acknowledge(&key, generation);
            }
        }
        (Some(value), None) => world.record(&key, is_strong, unknown(Kind::Write(value))),
        (Some(value), Some(error)) if error.starts_with("-TIMEOUT") => {
            world.record(&key, is_strong, unknown(Kind::Write(value)));
        }
        // Refused: whoever reads it now read what was never written.
        (_, Some(error)) if error.starts_with('-') => world.count_error(error),
        (Some(_), Some(other)) => world.violate(format!("SET {key}: {other}")),
        (None, Some("$-1\r\n")) => {
            world.record(&key, is_strong, Operation { begin, end, kind: Kind::Read(None) });
            let is_lost = is_strong && known.is_some() && known == world.generation_of(&key);
            if is_lost {
                world.violate(format!("{key} is lost: a read since {begin} missed, in generation {known:?}"));
            }
        }
        (None, Some(reply)) => match reply.split("\r\n").nth(1).and_then(|text| text.parse().ok()) {
            Some(seen) => world.record(&key, is_strong, Operation { begin, end, kind: Kind::Read(Some(seen)) }),
            None => world.violate(format!("GET {key}: {reply}")),
        },
        (None, None) => {}
    }
    reply.is_some()
}

/// Writes or reads a key that any copy may answer, mostly reads it. False as above.
async fn any_copy(world: &Rc<World>, connection: &mut Connection, number: usize) -> bool {
    let key = format!("a:{}", world.dice(0..ANY_KEYS));
    let patience = MS * [300, 1000, 6000][world.dice(0..3) as usize];
    let value = (world.dice(0..3) == 0).then(|| world.next_value());
    let (begin, term, at) = (micros(now()), world.term_of(&key), connection.process.index);
    let reply = match value {
        Some(value) => connection.ask(world, &["SET", &key, &value.to_string()], patience).await,
        None => connection.ask(world, &["GET", &key], patience).await,
    };
    let end = micros(now());
    world.note(&format!("{number} at node {at} {key} {value:?} {reply:?} since {begin}"));
    match (value, reply.as_deref()) {
        (Some(value), Some("+OK\r\n")) => world.staleness.borrow_mut().wrote(&key, value, (begin, end), term),
        (Some(value), _) => world.staleness.borrow_mut().wrote(&key, value, (begin, u64::MAX), term),
        (None, Some(reply)) if reply.starts_with('-') => world.count_error(reply),
        (None, Some(reply)) => {
            let seen = reply.split("\r\n").nth(1).and_then(|text| text.parse().ok());
            // Clocks may run slow.
            let horizon = begin.saturating_sub(micros(MAX_STALENESS) * 105 / 100);
            let checked = world.staleness.borrow().check(&key, seen, horizon, world.term_of(&key));
            if let Err(wrong) = checked
                && !world.setting.ignores_age
            {
                world.violate(format!("too old, by a read since {begin} us: {wrong}"));
            }
        }
        (None, None) => {}
    }
    reply.is_some()
}

/// After all faults: every key can be written through every node, and is read through every other one.
pub async fn check_calm(world: Rc<World>) {
    let mut connections: Vec<Connection> =
        world.nodes().filter_map(|node| world.process(node)).map(Connection::open).collect();
    if connections.len() < world.nodes().len() {
        return world.violate("a node is not there after all faults are over".into());
    }
    for (turn, key) in all_keys().into_iter().enumerate() {
        let (writer, reader) = (turn % connections.len(), (turn + 1) % connections.len());
        let value = world.next_value().to_string();
        let left = END.saturating_sub(now());
        let reply = connections[writer].ask(&world, &["SET", &key, &value], left).await;
        if reply.as_deref() != Some("+OK\r\n") {
            return world.violate(format!("{key} cannot be written after all faults are over: {reply:?}"));
        }
        if key.starts_with("a:") {
            // A copy may be as far behind.
            sleep(MAX_STALENESS * 2).await;
        }
        let reply = connections[reader].ask(&world, &["GET", &key], left).await;
        if reply != Some(format!("${}\r\n{value}\r\n", value.len())) {
            return world.violate(format!("{key} is not what was written after all faults are over: {reply:?}"));
        }
    }
    while !world.diverged().is_empty() {
        if now() >= END {
            return world.violate(format!("copies of {:?} differ after all faults are over", world.diverged()));
        }
        sleep(MS * 20).await;
    }
    world.was_calm.set(true);
}

pub fn micros(duration: Duration) -> u64 {
    duration.as_micros() as u64
}
