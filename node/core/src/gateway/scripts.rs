//! Scripts as a gateway sees them: a request that is answered later by a thread of this node, and scripts that only other nodes know.
//!
//! ```text
//! EVAL, its keys here  ─► a job for the script threads ─► its reply has the request's place among the client's
//! EVALSHA, not known   ─► all other nodes are asked for the text; whoever has it, it is run as EVAL; else NOSCRIPT
//! ```

use super::{ASK_AGAIN_EVERY, ASK_AGAIN_WITHIN, Asked, Fanout, ForwardError, Origin, Plan, own_request};
use crate::Node;
use crate::command::{self, Command, Door, Gateway};
use crate::memcached;
use crate::replication::hold::Hold;
use crate::route::{self, Route};
use crate::script::cache::{self, Sum};
use crate::script::functions::NOT_FOUND;
use crate::script::job::{Job, Request, State, Work};
use crate::script::queue::UNDECLARED;
use crate::script::run::{NOSCRIPT, busy, job_of, transaction_slots};
use crate::transaction;
use crate::view::View;
use dcache_cluster::metadata::libraries;
use dcache_protocol::error::WireError;
use dcache_protocol::peer::{DataHeader, DataStatus};
use dcache_protocol::resp::parse::{Args, Limits, Parser, Progress};
use dcache_protocol::resp::reply::{Reply, Version};
use dcache_protocol::resp::value::{Value, encode_request, parse_value};
use dcache_protocol::slot_in;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

/// What nodes ask each other; no client can. Behind it: a sum.
pub(crate) const QUESTION: &[u8] = b"dcache.script";

/// A client's scripts that are not answered yet.
#[derive(Debug)]
pub(crate) struct Open(Arc<AtomicUsize>);

impl Open {
    pub fn new(count: &Arc<AtomicUsize>) -> Open {
        count.fetch_add(1, Relaxed);
        Open(Arc::clone(count))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// A script on a thread of this node.
#[derive(Debug)]
pub(crate) struct Running {
    pub job: Arc<Job>,
    pub open: Option<Open>,
}

/// The text of a script is asked for.
#[derive(Debug)]
pub(crate) struct Search {
    sum: Sum,
    request: Request,
    open: Option<Open>,
}

impl Fanout {
    pub(crate) fn script(origin: Origin, job: Arc<Job>, open: Option<Open>, barrier: bool) -> Fanout {
        Fanout {
            parts: Vec::new(),
            barrier,
            delay: Duration::ZERO,
            holds: Vec::new(),
            plan: Plan::Script(Running { job, open }),
            origin,
        }
    }

    /// Whether nothing but its parts is missing for [`Fanout::finish`].
    pub fn is_ready(&self) -> bool {
        self.job().is_none_or(|job| job.answer.is_settled())
    }

    /// What a script thread is to do before this is answered. Give it to [`crate::script::Scripts::submit`].
    pub fn job(&self) -> Option<&Arc<Job>> {
        match &self.plan {
            Plan::Script(running) => Some(&running.job),
            _ => None,
        }
    }
}

/// How much longer a forwarded script may take than other requests. One that runs longer yet is not confirmed.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

impl Asked<'_> {
    pub(super) fn settle_script(
        &self,
        running: Running,
        out: &mut Vec<u8>,
        holds: &mut Vec<Hold>,
    ) -> Result<Option<Fanout>, WireError> {
        let Running { job, open } = running;
        match job.answer.take() {
            State::Made(made) => {
                if is_unknown(&made.bytes)
                    && let Some(fanout) = self.search(&job, open)
                {
                    return Ok(Some(fanout));
                }
                out.extend_from_slice(&made.bytes);
                *holds = made.holds;
                Ok(None)
            }
            State::Again => {
                let slots = job.slots.iter().copied().chain([UNDECLARED]).collect();
                let again = Job::new(Work::Request(job.request().clone()), slots, self.node.now());
                Ok(Some(Fanout::script(self.retried(), again, open, true)))
            }
            State::Refused(why @ (WireError::NotServing | WireError::NoLease)) => {
                if self.node.now().saturating_sub(self.origin.started) >= ASK_AGAIN_WITHIN {
                    let reason = "Hash slot is changing hands: the script did not run".into();
                    return Err(if why == WireError::NoLease { why } else { WireError::TryAgain { reason } });
                }
                self.plan_anew(job.request().clone(), open).map(Some)
            }
            State::Refused(error) => Err(error),
            State::Busy(text) => Err(busy(text)),
            State::Waiting | State::Granted => Err(WireError::NotServing),
        }
    }

    /// Whether a function that another node does not find is known here.
    pub(super) fn knows_function(&self, reply: &[u8]) -> bool {
        let is_not_found = || reply.strip_prefix(b"-").is_some_and(|reply| reply.starts_with(NOT_FOUND.as_bytes()));
        if !matches!(self.origin.command.name, "fcall" | "fcall_ro")
            || self.node.now().saturating_sub(self.origin.started) >= ASK_AGAIN_WITHIN
            || !is_not_found()
        {
            return false;
        }
        let Some(part) = self.parts.first() else { return false };
        let mut parser = Parser::new(Limits::default());
        let args = own_request(&mut parser, &part.request);
        let name = args.get(1).and_then(|name| std::str::from_utf8(name).ok());
        name.is_some_and(|name| libraries::find(&self.view.metadata.libraries, name).is_some())
    }

    fn plan_anew(&self, request: Request, open: Option<Open>) -> Result<Fanout, WireError> {
        let origin = self.retried();
        let database = origin.database;
        let request = Request { database, ..request };
        let mut parser = Parser::new(Limits::default());
        let args = own_request(&mut parser, &request.bytes);
        let command = match args.get(0) {
            Some(transaction::WORD) => &*transaction::ROW,
            _ => command::find(args).ok_or(WireError::NotServing)?,
        };
        let among = (database, command.first_key(args).map(|key| slot_in(database, key)));
        match route::route(self.view, Door::Gateway, command, args, among, self.node.now())? {
            Route::There(to) => Ok(Fanout::whole(origin, to, args).may_take_long(true).with_barrier(ASK_AGAIN_EVERY)),
            _ => {
                let again = job_of(self.node, request.clone(), command, args);
                Ok(Fanout { delay: ASK_AGAIN_EVERY, ..Fanout::script(origin, again, open, true) })
            }
        }
    }

    /// Asks all other nodes for the text of a script that the one which was to run it does not know.
    fn search(&self, job: &Job, open: Option<Open>) -> Option<Fanout> {
        self.search_for(job.request().clone(), open)
    }

    pub(super) fn search_for(&self, request: Request, open: Option<Open>) -> Option<Fanout> {
        let mut parser = Parser::new(Limits::default());
        let sum = {
            let args = own_request(&mut parser, &request.bytes);
            let command = command::find(args)?;
            matches!(command.name, "evalsha" | "evalsha_ro").then(|| args.get(1).and_then(cache::parse_sum))??
        };
        let others = self.view.nodes().iter().filter(|node| node.id != self.view.me && node.is_up);
        let origin = self.retried();
        let parts: Vec<_> = others.map(|other| origin.part(other.id, &[QUESTION, &sum])).collect();
        // One that ran elsewhere may be known here.
        let is_here = self.node.scripts.cache.lock().has(&sum);
        (!parts.is_empty() || is_here).then_some(Fanout {
            parts,
            barrier: true,
            delay: Duration::ZERO,
            holds: Vec::new(),
            plan: Plan::Search(Search { sum, request, open }),
            origin,
        })
    }

    pub(super) fn settle_search(
        &self,
        search: Search,
        replies: Vec<Result<Vec<u8>, ForwardError>>,
        out: &mut Vec<u8>,
    ) -> Result<Option<Fanout>, WireError> {
        let text_of = |reply: &Vec<u8>| match parse_value(reply, &Limits::default()) {
            Ok(Some((Value::Bulk(text), _))) if cache::sum_of(&text) == search.sum => Some(text),
            _ => None,
        };
        let here = self.node.scripts.cache.lock().find(&search.sum).map(|script| script.text.to_vec());
        let Some(text) = here.or_else(|| replies.iter().flatten().find_map(text_of)) else {
            Reply::new(out, self.origin.version).error(&NOSCRIPT);
            return Ok(None);
        };
        let mut parser = Parser::new(Limits::default());
        let args = own_request(&mut parser, &search.request.bytes);
        let is_reader = args.get(0).is_some_and(|name| name.len() == b"evalsha_ro".len());
        let name: &[u8] = if is_reader { b"eval_ro" } else { b"eval" };
        let words: Vec<&[u8]> = [name, &text[..]].into_iter().chain(args.iter().skip(2)).collect();
        let mut bytes = Vec::new();
        encode_request(&words, &mut bytes);
        self.plan_anew(Request { bytes, ..search.request.clone() }, search.open)
            .map(|fanout| Some(Fanout { delay: Duration::ZERO, ..fanout }))
    }
}

/// Whether a reply says that the script is not known.
pub(super) fn is_unknown(reply: &[u8]) -> bool {
    reply.strip_prefix(b"-").is_some_and(|reply| reply.starts_with(NOSCRIPT.as_bytes()))
}

/// The answer to [`QUESTION`].
pub(super) fn answer(node: &Node, version: Version, args: Args<'_>, out: &mut Vec<u8>) -> Result<(), WireError> {
    let script = args.get(1).and_then(cache::parse_sum).and_then(|sum| node.scripts.cache.lock().find(&sum));
    let mut reply = Reply::new(out, version);
    match script {
        Some(script) => reply.bulk(&script.text),
        None => reply.null(),
    }
    Ok(())
}

/// When another node's request runs.
pub(crate) enum Turn {
    /// Now. Whether the worker said so, and has to say when it is through.
    Now(bool),
    /// On a script thread.
    Later(Arc<Job>),
    NotOwner,
}

/// When a request that another node sent, or a piece of one, may run on a worker.
pub(crate) fn turn_of(node: &Node, view: &View, worker: usize, header: DataHeader, bytes: &[u8]) -> Turn {
    if !node.scripts.queue.is_used() && !may_be_script(bytes) {
        return Turn::Now(false);
    }
    let mut parser = Parser::new(Limits::default());
    if !matches!(parser.parse(bytes), Ok(Progress::Request { consumed }) if consumed == bytes.len()) {
        return Turn::Now(false);
    }
    let args = parser.args(bytes);
    let request = || Request {
        bytes: bytes.to_vec(),
        database: header.database,
        version: if header.resp == 3 { Version::Resp3 } else { Version::Resp2 },
        is_of_peer: true,
        is_one_slot: false,
        client: 0,
        no_touch: false,
        remote: String::new(),
    };
    let (command, slots): (&'static Command, Vec<u16>) = match args.get(0) {
        Some(transaction::WORD) => (&transaction::ROW, transaction_slots(header.database, args)),
        Some(memcached::WORD) if args.len() >= 3 => (
            memcached::row_of(args.get(2).unwrap_or_default(), args.iter().skip(3)),
            slots_of_key(header.database, args),
        ),
        _ => match command::find(args) {
            Some(command) => (command, route::slots_of(command, args, header.database)),
            None => return Turn::Now(false),
        },
    };
    let has_script = match args.get(0) {
        Some(transaction::WORD) => transaction::has_script(transaction::parts_of(args).1),
        _ => command.gateway == Gateway::Script,
    };
    if has_script {
        return match slots.iter().all(|slot| is_mine(view, *slot)) {
            true => Turn::Later(job_of(node, request(), command, args)),
            false => Turn::NotOwner,
        };
    }
    if slots.is_empty() {
        return Turn::Now(false);
    }
    match node.scripts.queue.enter(worker, &slots) {
        true => Turn::Now(true),
        false => Turn::Later(Job::new(Work::Request(request()), slots, node.now())),
    }
}

fn slots_of_key(database: u16, args: Args<'_>) -> Vec<u16> {
    args.get(1).map(|key| slot_in(database, key).number()).into_iter().collect()
}

pub(crate) fn is_mine(view: &View, slot: u16) -> bool {
    dcache_protocol::Slot::new(slot).is_some_and(|slot| view.is_mine(slot))
}

/// Whether what stands behind the first length is a script's name, or a transaction's.
fn may_be_script(bytes: &[u8]) -> bool {
    let word = bytes.splitn(3, |byte| *byte == b'\n').nth(2).unwrap_or_default();
    let is = |name: &[u8]| word.len() >= name.len() && word[..name.len()].eq_ignore_ascii_case(name);
    is(b"ev") || is(b"fc") || is(transaction::WORD)
}

/// What came of a job for another node's request.
#[derive(Debug)]
pub enum Settled {
    Answered(DataStatus, Vec<u8>, Vec<Hold>),
    /// This job is to be run in its place.
    Again(Arc<Job>),
}

impl Node {
    /// What came of a job that [`Node::serve_peer`] answered, once that is settled.
    pub fn settled(&self, job: &Job) -> Settled {
        let fails = |error: WireError| {
            let mut out = Vec::new();
            Reply::new(&mut out, Version::Resp2).error(&error);
            Settled::Answered(DataStatus::Answered, out, Vec::new())
        };
        match job.answer.take() {
            State::Made(made) => Settled::Answered(DataStatus::Answered, made.bytes, made.holds),
            State::Again => {
                let slots = job.slots.iter().copied().chain([UNDECLARED]).collect();
                Settled::Again(Job::new(Work::Request(job.request().clone()), slots, self.now()))
            }
            State::Refused(WireError::NotServing | WireError::NoLease) | State::Waiting | State::Granted => {
                Settled::Answered(DataStatus::NotOwner, Vec::new(), Vec::new())
            }
            State::Refused(error) => fails(error),
            State::Busy(text) => fails(busy(text)),
        }
    }
}
