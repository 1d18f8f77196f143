//! Requests that other nodes forward, and pieces that stay here: they run if all their keys are ours, and not at all otherwise.

use super::{blocking, copies, scripts, watched};
use crate::batch::KeyPlace;
use crate::command::{self, Command, Context, Door};
use crate::replication::guard;
use crate::replication::hold::Hold;
use crate::session::ClientState;
use crate::view::View;
use crate::{Node, memcached, route, talk, transaction};
use dcache_protocol::error::WireError;
use dcache_protocol::namespace::DATABASES;
use dcache_protocol::peer::DataStatus;
use dcache_protocol::resp::parse::{Args, Limits, Parser, Progress};
use dcache_protocol::resp::reply::{Reply, Version};
use dcache_protocol::slot_in;

/// Runs one forwarded request, or a piece that stays here, and appends its reply and what that waits for. Nothing runs unless
/// all its keys are ours.
#[allow(clippy::too_many_arguments)]
pub(crate) fn serve(
    node: &Node,
    view: &View,
    worker: usize,
    database: u16,
    version: Version,
    request: &[u8],
    out: &mut Vec<u8>,
    holds: &mut Vec<Hold>,
) -> DataStatus {
    if view.database(database % DATABASES) != database {
        // Pinned, or not any more, as one of the two nodes has not heard yet.
        return DataStatus::NotOwner;
    }
    let mut parser = node.spare_parser(worker).lock();
    let mut state = ClientState::of_peer(database, version);
    let mark = out.len();
    let result = match parser.parse(request) {
        Ok(Progress::Request { consumed }) if consumed == request.len() => {
            let args = parser.args(request);
            match command::resolve(args) {
                _ if args.get(0) == Some(copies::QUESTION) => copies::answer(node, version, args, out),
                _ if args.get(0) == Some(scripts::QUESTION) => scripts::answer(node, version, args, out),
                _ if args.get(0) == Some(watched::QUESTION) => match watched::answer(node, view, database, args) {
                    Some(number) => {
                        Reply::new(out, version).simple(&number);
                        Ok(())
                    }
                    None => return DataStatus::NotOwner,
                },
                _ if args.get(0) == Some(transaction::WORD) => {
                    let requests: Vec<Vec<u8>> = args.iter().map(<[u8]>::to_vec).collect();
                    drop(parser);
                    return serve_transaction(node, view, worker, &requests, &mut state, out, holds);
                }
                _ if args.get(0) == Some(talk::WORD) => node.hear(version, args, out),
                _ if args.get(0) == Some(blocking::WORD) => {
                    blocking::hear(node, view, worker, database, version, args, out, holds)
                }
                _ if args.get(0) == Some(memcached::WORD) && args.len() >= 3 => {
                    let command = memcached::row_of(&args[2], args.iter().skip(3));
                    if !route::is_all_mine(view, command, args, database) {
                        return DataStatus::NotOwner;
                    }
                    run_served(node, view, worker, command, args, &mut state, out, holds)
                }
                Ok(command) if !route::is_all_mine(view, command, args, database) => return DataStatus::NotOwner,
                Ok(command) => {
                    let ran = run_served(node, view, worker, command, args, &mut state, out, holds);
                    node.after_write(view, worker, command, args);
                    ran
                }
                Err(error) => Err(error),
            }
        }
        unusable => {
            *parser = Parser::new(Limits::default());
            Err(WireError::Other(match unusable {
                Ok(_) => "ERR Protocol error: a forwarded frame holds exactly one request".into(),
                Err(error) => format!("ERR {error}"),
            }))
        }
    };
    match result {
        Ok(()) => {}
        Err(WireError::NotServing | WireError::NoLease) => {
            out.truncate(mark);
            return DataStatus::NotOwner;
        }
        Err(error) => {
            out.truncate(mark);
            Reply::new(out, version).error(&error);
        }
    }
    DataStatus::Answered
}

/// Runs a whole transaction of another node's client: all of it, or nothing when not all its keys are ours or another one runs.
fn serve_transaction(
    node: &Node,
    view: &View,
    worker: usize,
    words: &[Vec<u8>],
    state: &mut ClientState,
    out: &mut Vec<u8>,
    holds: &mut Vec<Hold>,
) -> DataStatus {
    let count = words.get(2).and_then(|word| memcached::number_of(word)).unwrap_or(0);
    let count = usize::try_from(count).unwrap_or(usize::MAX).min(words.len() / 2);
    let (watched, requests) = words.get(3..).unwrap_or_default().split_at_checked(count * 2).unwrap_or_default();
    let is_mine = |request: &Vec<u8>| {
        transaction::with_request(request, |command, args| route::is_all_mine(view, command, args, state.database))
            .unwrap_or(true)
    };
    let database = state.database;
    let is_watched_mine = watched.chunks(2).all(|pair| view.is_mine(slot_in(database, &pair[0])));
    if !is_watched_mine || !requests.iter().all(is_mine) {
        return DataStatus::NotOwner;
    }
    let Some(_alone) = node.alone(worker) else { return DataStatus::NotOwner };
    let mut reply = Reply::new(out, state.version);
    let watched = watched.chunks(2).map(|pair| (&pair[0][..], memcached::number_of(&pair[1]).unwrap_or(0)));
    if !transaction::is_unchanged(node, state.database, watched) {
        reply.null_array();
        return DataStatus::Answered;
    }
    let begin = out.len();
    Reply::new(out, state.version).array(requests.len());
    for (index, request) in requests.iter().enumerate() {
        let mark = out.len();
        let ran = transaction::with_request(request, |command, args| {
            run_served(node, view, worker, command, args, state, out, holds)
        });
        match ran.unwrap_or_else(|| Err(WireError::Other("ERR a request of the transaction is not known here".into())))
        {
            Ok(()) => {}
            Err(WireError::NotServing | WireError::NoLease) if index == 0 => {
                out.truncate(begin);
                return DataStatus::NotOwner;
            }
            Err(error) => {
                out.truncate(mark);
                Reply::new(out, state.version).error(&error);
            }
        }
    }
    node.after_writes(view, worker, requests);
    DataStatus::Answered
}

/// Runs one request of a client that is not here, or not heard now.
#[allow(clippy::too_many_arguments)]
pub(crate) fn run_served(
    node: &Node,
    view: &View,
    worker: usize,
    command: &'static Command,
    args: Args<'_>,
    state: &mut ClientState,
    out: &mut Vec<u8>,
    holds: &mut Vec<Hold>,
) -> Result<(), WireError> {
    use command::Gateway::{Agreed, Copies, Local, Told};
    if matches!(command.gateway, Local | Copies | Told | Agreed) {
        let text = format!("ERR '{}' is answered by the node it is sent to and is never forwarded", command.name);
        return Err(WireError::Other(text));
    }
    let (database, version) = (state.database, state.version);
    let first_key = command.first_key(args).map(|key| (key, KeyPlace::new(node, database, key)));
    if let Some((_, place)) = &first_key {
        node.stats().worker(worker).record_partition(view.partition_of(place.slot).index());
    }
    let place = first_key.as_ref().map(|(_, place)| *place);
    let guarded = guard::Request { node, view, now: node.now(), command, args, database, place };
    let begun = if view.has_copies() { Some(guarded.begin()?) } else { None };
    let mark = out.len();
    let mut context = Context {
        node,
        view,
        client: state,
        door: Door::Peer,
        database,
        now_ms: node.unix_ms(),
        args,
        first_key: first_key.as_ref().map(|(key, place)| (*key, place)),
        reply: Reply::new(out, version),
    };
    let result = (command.run)(&mut context);
    if node.events.are_watched() {
        node.after_command(command, args);
    }
    match begun {
        None => result,
        Some(begun) => guarded.end(&begun, result, mark..out.len(), holds),
    }
}
