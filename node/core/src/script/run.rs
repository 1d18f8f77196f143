//! A script thread's turn: one job after the other.
//!
//! A job is one request as it was encoded: a script, a whole transaction that has scripts in it, or what another node sent for a slot
//! that a script had.

use super::Made;
use super::cache::{self, Script, Sum};
use super::job::{Job, Request, State, Work};
use super::machine::{Abort, Ended, Machine, NOT_DECLARED, Rules, Running, What};
use super::queue::UNDECLARED;
use crate::command::{self, Command};
use crate::gateway;
use crate::number::parse_integer;
use crate::replication::hold::Hold;
use crate::session::ClientState;
use crate::slow::Log;
use crate::stats::Outcome;
use crate::transaction;
use crate::{Node, route};
use dcache_protocol::error::WireError;
use dcache_protocol::namespace::{DATABASES, PINNED};
use dcache_protocol::peer::DataStatus;
use dcache_protocol::resp::parse::{Args, Limits, Parser, Progress};
use dcache_protocol::resp::reply::Reply;
use dcache_protocol::slot_in;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

pub(crate) const NOSCRIPT: &str = "NOSCRIPT No matching script. Please use EVAL.";

/// What came of a job's request.
pub(super) enum Came {
    Replied(Vec<u8>, Vec<Hold>),
    Refused(WireError),
    /// To be run again in its turn on all keys.
    Undeclared,
    /// To be agreed on, and what is said then.
    Proposed(Box<dcache_cluster::metadata::Command>, Vec<u8>),
}

/// What a request has run.
pub(super) struct Ready {
    pub what: What,
    pub rules: Rules,
    /// In errors.
    pub name: String,
    /// How many keys there are.
    pub keys: usize,
    pub script: Option<Arc<Script>>,
}

/// The job for a request, with the slots of its keys.
pub(crate) fn job_of(node: &Node, request: Request, command: &'static Command, args: Args<'_>) -> Arc<Job> {
    let database = request.database;
    let mut slots: Vec<u16> = match args.get(0) {
        Some(transaction::WORD) => transaction_slots(database, args),
        _ => route::slots_of(command, args, database),
    };
    let script = script_of(node, command, args);
    // In a pinned database it has all it can use.
    if database & PINNED == 0 && script.as_ref().is_some_and(|script| script.is_undeclared()) {
        slots.push(UNDECLARED);
    }
    Job::of_script(Work::Request(request), slots, script, node.now())
}

/// The slots of all keys of a transaction that was sent as a whole.
pub(crate) fn transaction_slots(database: u16, args: Args<'_>) -> Vec<u16> {
    let (watched, requests) = transaction::parts_of(args);
    let mut slots: Vec<u16> = watched.map(|(key, _)| slot_in(database, key).number()).collect();
    for request in requests {
        transaction::with_request(request, |command, args| slots.extend(route::slots_of(command, args, database)));
    }
    slots
}

/// The script that a request runs, whether it is known already or comes with its text.
fn script_of(node: &Node, command: &Command, args: Args<'_>) -> Option<Arc<Script>> {
    let named = args.get(1)?;
    match command.name {
        "evalsha" | "evalsha_ro" => node.scripts.cache.lock().find(&cache::parse_sum(named)?),
        "eval" | "eval_ro" if named.len() <= cache::SCRIPT_BYTES_MAX => {
            let sum = cache::sum_of(named);
            let known = node.scripts.cache.lock().find(&sum);
            Some(known.unwrap_or_else(|| Script::new(sum, named)))
        }
        _ => None,
    }
}

impl Machine {
    /// Runs the next job. False: there is none, and the thread is to sleep until it is woken.
    pub fn run_next(&mut self) -> bool {
        let node = Arc::clone(&self.host.node);
        let scripts = &node.scripts;
        let Some(job) = scripts.queue.take() else {
            self.host.wake_answered();
            return false;
        };
        if !job.start() {
            return true;
        }
        // It counts as running from here on: if it has to wait long, another thread goes on with what else there is.
        scripts.begin(self.thread, &job, node.now());
        if !self.has_met_workers {
            // What workers began before they knew of scripts is over then.
            (0..node.config().workers).for_each(|worker| drop(node.view_of_worker(worker)));
            self.has_met_workers = true;
        }
        scripts.queue.await_workers(&job.slots);
        let came = self.run_work(&node, &job);
        let state = match came {
            Came::Replied(bytes, holds) => State::Made(Made { bytes, holds }),
            Came::Refused(error) => State::Refused(error),
            Came::Undeclared => State::Again,
            Came::Proposed(change, reply) => {
                scripts.propose(&job, *change, reply, node.now());
                return true;
            }
        };
        job.answer.settle(state);
        self.host.note_answered(job);
        true
    }

    /// Runs a job on its client's worker, between two batches of requests, if it is a script that is known to be short and nothing is
    /// before it. False: it is a thread's.
    pub fn run_here(&mut self, job: &Arc<Job>) -> bool {
        let node = Arc::clone(&self.host.node);
        let scripts = &node.scripts;
        if !job.script.as_ref().is_some_and(|script| script.is_short()) || !scripts.queue.take_free(job) {
            return false;
        }
        if !scripts.queue.has_no_workers(&job.slots) || !job.start() {
            scripts.finish(job);
            return false;
        }
        scripts.begin(self.thread, job, node.now());
        let state = match self.run_work(&node, job) {
            Came::Replied(bytes, holds) => State::Made(Made { bytes, holds }),
            Came::Refused(error) => State::Refused(error),
            Came::Undeclared | Came::Proposed(..) => {
                job.restart();
                return false;
            }
        };
        job.answer.settle(state);
        true
    }

    /// Runs a job that has its slots, and gives them back.
    fn run_work(&mut self, node: &Arc<Node>, job: &Arc<Job>) -> Came {
        let came = match &job.work {
            Work::Request(request) => self.run_job(node, job, request),
            Work::Ticket => Came::Refused(WireError::NotServing),
        };
        node.scripts.end(self.thread);
        node.scripts.finish(job);
        let ready = self.host.ready.take();
        if !ready.is_empty() {
            let worker = self.host.worker;
            node.serve_waiters(&node.view_of_worker(worker), worker, ready);
        }
        came
    }

    fn run_job(&mut self, node: &Arc<Node>, job: &Arc<Job>, request: &Request) -> Came {
        let mut parser = std::mem::replace(&mut self.parser, Parser::new(Limits::default()));
        let came = self.run_parsed(node, job, request, &mut parser);
        self.parser = parser;
        came
    }

    fn run_parsed(&mut self, node: &Arc<Node>, job: &Arc<Job>, request: &Request, parser: &mut Parser) -> Came {
        if !matches!(parser.parse(&request.bytes), Ok(Progress::Request { .. })) {
            *parser = Parser::new(Limits::default());
            return Came::Refused(WireError::Other("ERR Protocol error: a script's request is not whole".into()));
        }
        let args = parser.args(&request.bytes);
        if args.get(0) == Some(transaction::WORD) {
            return self.run_transaction(node, job, request, args);
        }
        match command::resolve(args) {
            Ok(command) if command.gateway == command::Gateway::Script => {
                let started = job.began();
                let came = self.run_script(node, job, request, command, args);
                self.count(node, job, command, args, started, &came);
                came
            }
            Ok(command) if command.gateway == command::Gateway::Agreed => self.run_change(node, request, command, args),
            Ok(_) => self.serve(node, request),
            Err(error) => Came::Refused(error),
        }
    }

    fn count(&self, node: &Node, job: &Job, command: &'static Command, args: Args<'_>, started: Duration, came: &Came) {
        let request = job.request();
        let took = node.now().saturating_sub(started);
        if let Some(script) = &job.script {
            script.note_run(took);
        }
        if request.is_of_peer
            && let Came::Replied(bytes, _) = came
        {
            let outcome = if bytes.starts_with(b"-") { Outcome::Failed } else { Outcome::Answered };
            node.stats().worker(self.host.worker).record(usize::from(command.id), took, outcome, 1);
        }
        if took >= node.slow.bounds().took {
            let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            let unix_seconds = node.unix_ms() / 1000;
            node.slow.note_latency("command", took, unix_seconds);
            node.slow.note(Log::Slow, us, unix_seconds, args.iter(), &request.remote, "");
        }
    }

    fn serve(&self, node: &Node, request: &Request) -> Came {
        let view = node.view_of_worker(self.host.worker);
        let (mut out, mut holds) = (Vec::new(), Vec::new());
        let (worker, database, version) = (self.host.worker, request.database, request.version);
        match gateway::serve(node, &view, worker, database, version, &request.bytes, &mut out, &mut holds) {
            DataStatus::Answered => Came::Replied(out, holds),
            DataStatus::NotOwner => Came::Refused(WireError::NotServing),
        }
    }

    /// A transaction with scripts in it, as one node sends it to another. Its slots are the job's, so nothing else runs there.
    fn run_transaction(&mut self, node: &Arc<Node>, job: &Arc<Job>, request: &Request, args: Args<'_>) -> Came {
        let (watched, requests) = transaction::parts_of(args);
        let mut is_changed = false;
        {
            let view = node.view_of_worker(self.host.worker);
            for (key, number) in watched {
                if !view.is_mine(slot_in(request.database, key)) {
                    return Came::Refused(WireError::NotServing);
                }
                is_changed |= transaction::number_of(node, request.database, key) != number;
            }
        }
        let (mut out, mut holds) = (Vec::new(), Vec::new());
        let mut reply = Reply::new(&mut out, request.version);
        if is_changed {
            reply.null_array();
            return Came::Replied(out, holds);
        }
        let requests: Vec<&[u8]> = requests.collect();
        reply.array(requests.len());
        for (index, queued) in requests.iter().enumerate() {
            let ran = transaction::with_request(queued, |command, args| {
                let own =
                    Request { bytes: queued.to_vec(), remote: request.remote.clone(), is_of_peer: true, ..*request };
                match command.gateway {
                    command::Gateway::Script => self.run_script(node, job, &own, command, args),
                    _ => self.serve(node, &own),
                }
            });
            match ran {
                Some(Came::Replied(bytes, more)) => {
                    out.extend_from_slice(&bytes);
                    holds.extend(more);
                }
                Some(came @ (Came::Refused(_) | Came::Undeclared)) if index == 0 => return came,
                Some(Came::Refused(WireError::NotServing | WireError::NoLease)) => {
                    let text = "TRYAGAIN Hash slot is changing hands: a part of the transaction ran";
                    Reply::new(&mut out, request.version).error(&text);
                }
                Some(Came::Refused(error)) => Reply::new(&mut out, request.version).error(&error),
                Some(Came::Undeclared) => {
                    Reply::new(&mut out, request.version).error(&NOT_DECLARED);
                }
                Some(Came::Proposed(..)) | None => Reply::new(&mut out, request.version).error(&"ERR unknown command"),
            }
        }
        Came::Replied(out, holds)
    }

    fn run_script(
        &mut self,
        node: &Arc<Node>,
        job: &Arc<Job>,
        request: &Request,
        command: &'static Command,
        args: Args<'_>,
    ) -> Came {
        let fails = |text: &str| {
            let mut out = Vec::new();
            Reply::new(&mut out, request.version).error(&text);
            Came::Replied(out, Vec::new())
        };
        let is_function = matches!(command.name, "fcall" | "fcall_ro");
        let ready = match is_function {
            true => self.ready_function(node, args),
            false => self.ready_script(node, job, command, args),
        };
        let Ready { what, mut rules, name, keys, script } = match ready {
            Ok(ready) => ready,
            Err(text) => return fails(&text),
        };
        if rules.is_not_for_clusters && request.is_one_slot {
            return fails("ERR Can not run script on cluster, 'no-cluster' flag is set.");
        }
        if command.name.ends_with("_ro") {
            if !rules.is_plain && !rules.is_read_only {
                return fails("ERR Can not execute a script with write flag using *_ro command.");
            }
            rules.is_read_only = true;
        }
        {
            let view = node.view_of_worker(self.host.worker);
            // Pinned, or not any more, since it was planned?
            let is_so_called = view.database(request.database % DATABASES) == request.database;
            if !is_so_called || !route::is_all_mine(&view, command, args, request.database) {
                return Came::Refused(WireError::NotServing);
            }
            if let Some(key) = command.first_key(args) {
                let partition = view.partition_of(slot_in(request.database, key)).index();
                node.stats().worker(self.host.worker).record_partition(partition);
            }
        }
        let mut state = ClientState::of_peer(request.database, request.version);
        state.id = request.client;
        state.no_touch = request.no_touch;
        let running = Running {
            job: Arc::clone(job),
            state,
            rules,
            is_one_slot: request.is_one_slot,
            first_slot: job.slots.first().copied().filter(|slot| *slot != UNDECLARED),
            holds: Vec::new(),
        };
        let words: Vec<&[u8]> = args.iter().skip(3).collect();
        let (keys, arguments) = words.split_at(keys.min(words.len()));
        if is_function {
            job.set_function(&name);
        }
        match self.run(&what, &name, running, keys, arguments, request.version) {
            (Ended::Replied(reply), holds) => Came::Replied(reply, holds),
            (Ended::Aborted(Abort::Refused(error)), _) => Came::Refused(error),
            (Ended::Aborted(Abort::TooLong), _) => {
                if let Some(script) = script {
                    script.note_run(Duration::MAX);
                }
                Came::Undeclared
            }
            (Ended::Aborted(Abort::Undeclared), _) => {
                if let Some(script) = script {
                    script.is_undeclared.store(true, Relaxed);
                }
                Came::Undeclared
            }
        }
    }

    /// A script that is new is known from now on if it compiles, and if there is room for it.
    fn ready_script(&mut self, node: &Node, job: &Job, command: &Command, args: Args<'_>) -> Result<Ready, String> {
        let keys = count_of_keys(args, "ERR value is not an integer or out of range")?;
        let Some(script) = job.script.clone().or_else(|| script_of(node, command, args)) else {
            let is_named = matches!(command.name, "evalsha" | "evalsha_ro");
            return Err(if is_named { NOSCRIPT } else { "ERR the script is too long" }.into());
        };
        let rules = self.compile(&script.sum, &script.text)?;
        if !script.is_kept() {
            node.scripts.cache.lock().add_evaluated(&script);
        }
        let name = text_of(&script.sum);
        Ok(Ready { what: What::Script(script.sum), rules, name, keys, script: Some(script) })
    }
}

fn text_of(sum: &Sum) -> String {
    String::from_utf8_lossy(sum).into_owned()
}

pub(super) fn count_of_keys(args: Args<'_>, otherwise: &'static str) -> Result<usize, &'static str> {
    let count = args.get(2).and_then(parse_integer).ok_or(otherwise)?;
    if count > (args.len() as i64).saturating_sub(3) {
        return Err("ERR Number of keys can't be greater than number of args");
    }
    usize::try_from(count).map_err(|_| "ERR Number of keys can't be negative")
}

/// The reply to a job that did not run since its slots are a long script's.
pub(crate) fn busy(text: &'static str) -> WireError {
    WireError::Other(text.into())
}
