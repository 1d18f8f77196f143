//! `MULTI` to `EXEC`: requests that are kept and then run together, and keys that must not have changed until then.
//!
//! ```text
//! EXEC ─► all keys here       ─► atomic: every other worker's batch is over, and none begins until this is through
//!     ─► all at one other node ─► sent there as one request, and atomic there
//!     ─► at several (gateway)  ─► one request after the other, each atomic: split, as the manual says
//! ```
//!
//! At the cluster door all keys are of one slot, as in Redis Cluster, so it is always the first. A worker holds its view for a batch of
//! work; whoever holds all of them is alone on the node. That costs nothing where no transaction runs.
//!
//! `WATCH` keeps what the keys held as a number, made of the value and the expiry. A value that went and came back the same is the same.
//! Of a large collection the number is made of a stamp that each change renews, so that none is read for it.
//! Copies take a transaction's changes one after the other: a reader of a copy may see the first of them before the last.

use crate::command::{self, Categories, Command, Context, Find, Flags, Gateway, KeySpec};
use crate::gateway::watched::Ask;
use crate::view::View;
use crate::{Door, Node, route};
use dcache_protocol::error::WireError;
use dcache_protocol::namespace::DATABASES;
use dcache_protocol::resp::parse::{Args, Limits, Parser, Progress, parse_integer};
use dcache_protocol::slot_in;
use parking_lot::Mutex;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, LazyLock};

/// What nodes begin a whole transaction with; no client can. Behind it: a key of it, how many keys are watched, each with its number,
/// then each request as it was encoded.
pub(crate) const WORD: &[u8] = b"dcache.exec";

/// Requests and bytes of one transaction.
const REQUESTS_MAX: usize = 1 << 20;
const BYTES_MAX: usize = 256 << 20;

/// Keys one client may watch.
const WATCHED_MAX: usize = 1 << 16;

/// Keys with what they held.
pub(crate) type Watched = Arc<Mutex<Vec<(Box<[u8]>, u64)>>>;

/// What a client has said since MULTI or WATCH.
#[derive(Debug, Default)]
pub(crate) struct Transaction {
    /// MULTI was said.
    pub is_open: bool,
    /// A request was refused; EXEC will be, too.
    pub has_failed: bool,
    pub requests: Vec<Vec<u8>>,
    bytes: usize,
    /// Of one database: whoever selects another one begins anew.
    pub watched: Watched,
    pub database: u16,
}

impl Transaction {
    pub fn queue(&mut self, args: Args<'_>) -> Result<(), WireError> {
        let mut request = Vec::new();
        let args: Vec<&[u8]> = args.iter().collect();
        dcache_protocol::resp::value::encode_request(&args, &mut request);
        self.bytes += request.len();
        if self.requests.len() >= REQUESTS_MAX || self.bytes > BYTES_MAX {
            self.has_failed = true;
            return Err(other("ERR the transaction has more than fits one"));
        }
        self.requests.push(request);
        Ok(())
    }
}

impl Transaction {
    /// As it is sent to another node, or given to a script thread: see [`WORD`].
    pub fn words(&self, key: &[u8]) -> Vec<Vec<u8>> {
        let watched = self.watched.lock();
        let mut words = vec![WORD.to_vec(), key.to_vec(), watched.len().to_string().into_bytes()];
        words.extend(watched.iter().flat_map(|(key, number)| [key.to_vec(), number.to_string().into_bytes()]));
        words.extend(self.requests.iter().cloned());
        words
    }
}

fn other(text: impl Into<String>) -> WireError {
    WireError::Other(text.into())
}

/// For routing, guarding and counting a whole transaction: as EXEC, with one key.
pub(crate) static ROW: LazyLock<Command> = LazyLock::new(|| {
    const KEY: &[KeySpec] = &[KeySpec { first: 1, last: 0, step: 1, flags: &[], notes: None, find: Find::Range }];
    let exec = command::lookup(b"exec").expect("EXEC is a command");
    Command {
        arity: -3,
        flags: Flags::WRITE,
        groups: Categories::TRANSACTION,
        keys: KEY,
        gateway: Gateway::Single,
        run: |_| Err(other("ERR a transaction is not run as one command")),
        ..*exec
    }
});

/// What stands for the reply of what was queued and is no request: that cannot be, and each request has one reply all the same.
pub(crate) const NOT_A_REQUEST: &str = "ERR a queued request cannot be read any more: this is a fault of the server";

/// What one request stands for once it is run: its command and its arguments, if it is whole and known.
pub(crate) fn with_request<T>(request: &[u8], run: impl FnOnce(&'static Command, Args<'_>) -> T) -> Option<T> {
    let mut parser = Parser::new(Limits::default());
    let Ok(Progress::Request { .. }) = parser.parse(request) else { return None };
    let args = parser.args(request);
    command::find(args).map(|command| run(command, args))
}

/// What follows [`WORD`] and a key in a transaction that is sent as a whole: watched keys with their numbers, and the requests.
pub(crate) fn parts_of<'a>(args: Args<'a>) -> (impl Iterator<Item = (&'a [u8], u64)>, impl Iterator<Item = &'a [u8]>) {
    let count = args.get(2).and_then(crate::memcached::number_of).unwrap_or(0);
    let count = usize::try_from(count).unwrap_or(usize::MAX).min(args.len() / 2);
    let number = move |index: usize| args.get(index).and_then(crate::memcached::number_of).unwrap_or(0);
    let watched = (0..count).map(move |index| (args.get(3 + 2 * index).unwrap_or_default(), number(4 + 2 * index)));
    (watched, args.iter().skip(3 + 2 * count))
}

/// Whether one of these requests is a script.
pub(crate) fn has_script<'a>(requests: impl IntoIterator<Item = &'a [u8]>) -> bool {
    let is_script = |request| with_request(request, |command, _| command.gateway == Gateway::Script).unwrap_or(false);
    requests.into_iter().any(is_script)
}

/// A number that says what a key holds; 0 when there is none.
pub(crate) fn number_of(node: &Node, database: u16, key: &[u8]) -> u64 {
    let mut guard = node.engine().lock(slot_in(database, key).number());
    let Some(entry) = guard.peek(database, key, node.unix_ms()) else { return 0 };
    let expiry = entry.expires_at_ms().unwrap_or(u64::MAX).to_le_bytes();
    let value = entry.value();
    // Of this process alone, since another one stamps as it likes.
    let stamp = value
        .stamp()
        .map_or(0, |stamp| stamp ^ node.config.incarnation.0.wrapping_mul(0x9E37_79B9_7F4A_7C15))
        .to_le_bytes();
    let tail = [value.kind() as u8].into_iter().chain(stamp).chain(expiry);
    let hash = |seed: u64| {
        let bytes = value.beside_key().iter().copied().chain(tail);
        bytes.fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    };
    hash(0xcbf2_9ce4_8422_2325) | 1
}

pub fn multi(context: &mut Context<'_>) -> Result<(), WireError> {
    let client = &mut context.client;
    let transaction = client.transaction.get_or_insert_default();
    if transaction.is_open {
        return Err(other("ERR MULTI calls can not be nested"));
    }
    transaction.is_open = true;
    client.is_special = true;
    if let Some(client) = &client.client {
        client.queued.store(1, Relaxed);
    }
    context.reply.ok();
    Ok(())
}

pub fn discard(context: &mut Context<'_>) -> Result<(), WireError> {
    if !context.client.transaction.as_ref().is_some_and(|transaction| transaction.is_open) {
        return Err(other("ERR DISCARD without MULTI"));
    }
    context.client.end_transaction();
    context.reply.ok();
    Ok(())
}

/// The session runs it where there is a MULTI before it.
pub fn exec(_: &mut Context<'_>) -> Result<(), WireError> {
    Err(other("ERR EXEC without MULTI"))
}

pub fn unwatch(context: &mut Context<'_>) -> Result<(), WireError> {
    if let Some(transaction) = &mut context.client.transaction {
        transaction.watched = Watched::default();
    }
    context.reply.ok();
    Ok(())
}

/// What the keys hold here is kept at once; what they hold elsewhere is asked.
pub fn watch(context: &mut Context<'_>) -> Result<(), WireError> {
    let (node, database) = (context.node, context.database);
    let is_first = context.client.transaction.is_none();
    let transaction = context.client.transaction.get_or_insert_default();
    if transaction.is_open {
        return Err(other("ERR WATCH inside MULTI is not allowed"));
    }
    if is_first {
        transaction.database = database;
    }
    if transaction.database != database {
        return Err(other("ERR WATCH of keys of several databases is not there"));
    }
    let mut elsewhere = Vec::new();
    {
        let mut watched = transaction.watched.lock();
        for key in context.args.iter().skip(1) {
            if watched.len() + elsewhere.len() >= WATCHED_MAX {
                return Err(other("ERR too many keys are watched"));
            }
            if watched.iter().any(|(known, _)| **known == *key) {
                continue;
            }
            match context.view.is_mine(slot_in(database, key)) {
                true => watched.push((key.into(), number_of(node, database, key))),
                false => elsewhere.push(Box::from(key)),
            }
        }
    }
    context.client.is_special = true;
    if !elsewhere.is_empty() {
        context.client.ask = Some(Box::new(Ask { keys: elsewhere, into: Arc::clone(&transaction.watched) }));
    }
    context.reply.ok();
    Ok(())
}

/// Where a transaction runs.
pub(crate) enum Place {
    Here,
    /// At one other node, named by one of its keys.
    There(Box<[u8]>),
    Split,
}

/// Where these requests can run, as things are.
pub(crate) fn place_of(view: &View, door: Door, database: u16, transaction: &Transaction) -> Result<Place, WireError> {
    use crate::view::Owner;
    let watched = transaction.watched.lock();
    // SELECT among them has those behind it be of another database.
    let mut among = database;
    let mut keys: Vec<(u16, Box<[u8]>)> = watched.iter().map(|(key, _)| (database, key.clone())).collect();
    let (mut has_local, mut is_everywhere) = (false, false);
    for request in &transaction.requests {
        with_request(request, |command, args| {
            is_everywhere |= route::is_everywhere(view, command, among);
            let before = keys.len();
            if route::implied_slot(command, among).is_some() {
                keys.push((among, Box::default()));
            } else if command.gateway != Gateway::Told {
                keys.extend(command::keys_of(command, args).map(|key| (among, Box::from(key))));
            }
            if command.name == "select"
                && let Some(number) = args.get(1).and_then(parse_integer).and_then(|number| u16::try_from(number).ok())
                && number < DATABASES
            {
                among = view.database(number);
            }
            has_local |= keys.len() == before;
        });
    }
    let slots = || keys.iter().map(|(database, key)| slot_in(*database, key));
    if door == Door::Cluster {
        let first = slots().next();
        if slots().any(|slot| Some(slot) != first) {
            return Err(other(format!("EXECABORT Transaction discarded because of: {}", WireError::CrossSlot)));
        }
        return match first.map(|slot| (slot, view.owner(slot))) {
            Some((slot, Owner::Other(node))) => {
                let moved = WireError::Moved { slot, address: format!("{}:{}", node.host, node.port) };
                Err(other(format!("EXECABORT Transaction discarded because of: {moved}")))
            }
            _ => Ok(Place::Here),
        };
    }
    let owner_of = |slot| match view.owner(slot) {
        Owner::Other(node) => Some(node.id),
        _ => None,
    };
    let is_here = slots().all(|slot| view.is_mine(slot));
    let first = slots().next().map(owner_of);
    let is_there = !has_local && first.flatten().is_some() && slots().all(|slot| Some(owner_of(slot)) == first);
    match keys.first() {
        _ if is_here && !is_everywhere => Ok(Place::Here),
        Some((_, key)) if is_there && !is_everywhere => Ok(Place::There(key.clone())),
        _ if watched.is_empty() => Ok(Place::Split),
        _ => Err(other(
            "EXECABORT Transaction discarded because of: watched keys and requests are of several nodes; give the keys one hash tag",
        )),
    }
}

/// Whether no watched key has changed. To be asked while alone.
pub(crate) fn is_unchanged<'k>(node: &Node, database: u16, watched: impl Iterator<Item = (&'k [u8], u64)>) -> bool {
    let mut watched = watched;
    watched.all(|(key, number)| number_of(node, database, key) == number)
}

#[cfg(test)]
mod tests;
