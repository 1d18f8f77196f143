//! One script thread's Lua state, and what scripts reach through it.
//!
//! [`Host`] is what library functions see: the node, and the script that runs now. A command that a script calls runs as if this thread
//! were a worker: under its own view, guarded like any other.
//!
//! A hook looks every few thousand instructions whether the script is to end. From then on it fires at each line, so that no `pcall`
//! keeps the script alive. Memory of the state is bounded; a state that is left nearly full is thrown away.

use super::cache::Sum;
use super::functions::{self, Loaded, Loading};
use super::job::{End, Job};
use super::library::{self, reply_error};
use super::queue::UNDECLARED;
use super::{THREADS_MAX, bits, json, msgpack, structs};
use crate::Node;
use crate::batch::KeyPlace;
use crate::blocking::Key;
use crate::command::{self, Command, Context, Door, Flags, Gateway};
use crate::pubsub::Kind;
use crate::replication::guard;
use crate::replication::hold::Hold;
use crate::route;
use crate::session::ClientState;
use crate::stats::Outcome;
use dcache_protocol::error::WireError;
use dcache_protocol::resp::parse::{Args, Limits, Parser, Progress};
use dcache_protocol::resp::reply::{Reply, Version};
use dcache_protocol::slot_in;
use mlua::state::{GcIncParams, GcMode};
use mlua::{Error, Function, HookTriggers, Lua, LuaOptions, MultiValue, Result, StdLib, Table, Value, VmState};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// Memory of one Lua state.
pub(super) const STATE_BYTES_MAX: usize = 256 << 20;

/// A state that keeps more than this is made anew.
const STATE_BYTES_KEPT: usize = 64 << 20;

/// Instructions between two looks whether the script is to end.
const HOOK_EVERY: u32 = 10_000;

/// Compiled scripts that one state keeps.
const COMPILED_MAX: usize = 1000;

/// Larger buffers are not kept.
const BUFFER_BYTES_KEPT: usize = 64 << 10;

/// Between two collections of garbage the state of a short script may grow to so many percent of what is alive in it, and that of a
/// longer one to Lua's usual ones: short ones leave little.
const GC_PAUSE_SHORT: i32 = 1000;
const GC_PAUSE: i32 = 200;

/// Lua's own.
const GC_STEP_MULTIPLIER: i32 = 200;

/// Between two looks whether a slot is free at last.
const LOOK_AGAIN: Duration = Duration::from_micros(50);

/// What a script may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rules {
    /// It has no first line that says what it may do.
    pub is_plain: bool,
    pub is_read_only: bool,
    pub allows_cross_slot: bool,
    pub is_not_for_clusters: bool,
}

/// The script that runs now.
pub(super) struct Running {
    pub job: Arc<Job>,
    pub state: ClientState,
    pub rules: Rules,
    /// At the cluster door all keys are of one slot.
    pub is_one_slot: bool,
    pub first_slot: Option<u16>,
    pub holds: Vec<Hold>,
}

/// Why a script that has done nothing is to run again, or not here.
#[derive(Debug)]
pub(super) enum Abort {
    /// It has to wait for keys that it did not declare.
    Undeclared,
    /// It takes too long for a worker.
    TooLong,
    Refused(WireError),
}

/// What a thread brings along, since core neither waits nor logs.
#[derive(Clone, Copy, Debug)]
pub struct Outside {
    pub pause: fn(Duration),
    /// A level from 0, debug, to 3, warning.
    pub log: fn(u8, &[u8]),
}

pub(super) struct Host {
    pub node: Arc<Node>,
    /// Its number among workers and script threads.
    pub worker: usize,
    /// Its number among script threads, and behind those workers.
    pub thread: usize,
    outside: Outside,
    pub running: RefCell<Option<Running>>,
    /// The library that loads now.
    pub loading: RefCell<Option<Loading>>,
    pub abort: RefCell<Option<Abort>>,
    is_ending: Cell<bool>,
    /// The script takes longer than a worker's do, and garbage is collected as for those.
    is_gc_changed: Cell<bool>,
    /// Unix milliseconds at which the script began: for what it calls no time passes.
    now_ms: Cell<u64>,
    version: Cell<Version>,
    parser: RefCell<Parser>,
    buffers: RefCell<Vec<Vec<u8>>>,
    /// Keys that were changed and that clients wait for.
    pub ready: RefCell<Vec<Key>>,
}

impl Host {
    pub fn take_buffer(&self) -> Vec<u8> {
        self.buffers.borrow_mut().pop().unwrap_or_default()
    }

    pub fn give_buffer(&self, mut buffer: Vec<u8>) {
        let mut buffers = self.buffers.borrow_mut();
        if buffer.capacity() <= BUFFER_BYTES_KEPT && buffers.len() < 4 {
            buffer.clear();
            buffers.push(buffer);
        }
    }

    /// The job's client is woken, soon.
    pub fn note_answered(&self, job: Arc<Job>) {
        self.node.scripts.note_answered(self.thread, job, self.node.now());
    }

    pub fn wake_answered(&self) {
        self.node.scripts.wake_answered(self.thread);
    }

    pub fn version(&self) -> Version {
        self.version.get()
    }

    pub fn set_version(&self, version: Version) {
        self.version.set(version);
    }

    pub fn log(&self, level: u8, text: &[u8]) {
        (self.outside.log)(level, text);
    }

    /// Whether this is a command with the arguments it takes.
    pub fn is_command(&self, request: &[u8]) -> bool {
        let mut parser = self.parser.borrow_mut();
        matches!(parser.parse(request), Ok(Progress::Request { .. })) && command::find(parser.args(request)).is_some()
    }

    /// Runs one command of the script. `Some`: why it did not run, as an error's text. `Err`: the script is to end.
    pub fn call(&self, lua: &Lua, request: &[u8], reply: &mut Vec<u8>) -> Result<Option<String>> {
        let mut parser = self.parser.borrow_mut();
        if !matches!(parser.parse(request), Ok(Progress::Request { .. })) {
            *parser = Parser::new(Limits::default());
            return Ok(Some("ERR the request has more than fits one".into()));
        }
        let args = parser.args(request);
        let Some(command) = command::find(args) else { return Ok(Some(misfit(args).into())) };
        let mut running = self.running.borrow_mut();
        let Some(running) = running.as_mut() else {
            return Ok(Some("ERR redis.call/pcall can only be called inside a script invocation".into()));
        };
        if let Some(why) = self.refusal(command, running) {
            return Ok(Some(why));
        }
        if matches!(command.name, "xread" | "xreadgroup") && command::stream::read::may_block(args) {
            let name = String::from_utf8_lossy(args.get(0).unwrap_or_default()).into_owned();
            return Ok(Some(format!("ERR {name} command is not allowed with BLOCK option from scripts")));
        }
        if let Err(why) = self.reach(command, args, running) {
            return match why {
                Reach::Refused(text) => Ok(Some(text)),
                // It was this node's when the script began.
                Reach::Abort(Abort::Refused(_)) if running.job.has_written() => Ok(Some(A_PART_RAN.into())),
                Reach::Abort(abort) => Err(self.end(lua, abort)),
            };
        }
        running.state.version = self.version.get();
        if self.node.events.are_requests_watched() {
            self.node.show_script_request(running.state.database, args);
        }
        let result = match command.name {
            "publish" => {
                let count = self.node.publish_soon(args.get(1).unwrap_or_default(), args.get(2).unwrap_or_default());
                Reply::new(reply, running.state.version).integer(count as i64);
                Ok(())
            }
            "spublish" => {
                let (channel, message) = (args.get(1).unwrap_or_default(), args.get(2).unwrap_or_default());
                let count = self.node.deliver(Kind::Shard, channel, message);
                Reply::new(reply, running.state.version).integer(count as i64);
                Ok(())
            }
            _ => self.run(command, args, running, reply),
        };
        let outcome = if result.is_ok() { Outcome::Answered } else { Outcome::Failed };
        self.node.stats().worker(self.worker).record(usize::from(command.id), Duration::ZERO, outcome, 1);
        match result {
            Ok(()) => Ok(None),
            Err(why @ (WireError::NotServing | WireError::NoLease)) if !running.job.has_written() => {
                Err(self.end(lua, Abort::Refused(why)))
            }
            Err(WireError::NotServing | WireError::NoLease) => Ok(Some(A_PART_RAN.into())),
            Err(error) => {
                reply.clear();
                Reply::new(reply, Version::Resp2).error(&error);
                Ok(None)
            }
        }
    }

    fn refusal(&self, command: &Command, running: &Running) -> Option<String> {
        let is_cluster_wide = matches!(command.gateway, Gateway::Everywhere(_))
            && !running.is_one_slot
            && route::is_everywhere(&self.node.view_of_worker(self.worker), command, running.state.database);
        let is_told = matches!(command.gateway, Gateway::Told) && !matches!(command.name, "publish" | "spublish");
        if command.flags.has(Flags::NOSCRIPT)
            || is_told
            || matches!(command.gateway, Gateway::Copies | Gateway::Script | Gateway::Agreed)
        {
            return Some("ERR This Redis command is not allowed from script".into());
        }
        if command.is_write() && running.rules.is_read_only {
            return Some("ERR Write commands are not allowed from read-only scripts.".into());
        }
        if is_cluster_wide {
            return Some(
                "ERR This Redis command is not allowed from script: several nodes would have to answer it".into(),
            );
        }
        None
    }

    /// Sees to it that the script has the slots of a command's keys.
    fn reach(
        &self,
        command: &'static Command,
        args: Args<'_>,
        running: &mut Running,
    ) -> std::result::Result<(), Reach> {
        for key in command::keys_of(command, args) {
            let slot = slot_in(running.state.database, key);
            if !self.node.view_of_worker(self.worker).is_mine(slot) {
                if running.job.has_slot(slot.number()) {
                    return Err(Reach::Abort(Abort::Refused(WireError::NotServing)));
                }
                let text = "ERR Script attempted to access a non local key in a cluster node";
                return Err(Reach::Refused(match running.is_one_slot {
                    true => text.into(),
                    false => {
                        format!("{text}: give all its keys one hash tag, as in {{user1}}:name, and declare one of them")
                    }
                }));
            }
            let slot = slot.number();
            if running.is_one_slot && !running.rules.is_plain && !running.rules.allows_cross_slot {
                if running.first_slot.is_some_and(|first| first != slot) {
                    let text = "ERR Script attempted to access keys that do not hash to the same slot";
                    return Err(Reach::Refused(text.into()));
                }
                running.first_slot = Some(slot);
            }
            if !running.job.has_slot(slot) {
                self.acquire(slot, running)?;
            }
        }
        Ok(())
    }

    /// Has the slot of a key that the script did not declare.
    fn acquire(&self, slot: u16, running: &Running) -> std::result::Result<(), Reach> {
        let (queue, job) = (&self.node.scripts.queue, &running.job);
        let may_wait = job.has_slot(UNDECLARED);
        if !queue.acquire(job, slot, may_wait) {
            if !may_wait && !job.has_written() {
                return Err(Reach::Abort(Abort::Undeclared));
            }
            if !may_wait {
                // Where a worker waits, nothing goes on that it may wait for.
                if self.is_worker() || !queue.acquire(job, UNDECLARED, false) {
                    return Err(Reach::Refused(NOT_DECLARED.into()));
                }
                queue.acquire(job, slot, true);
            }
            self.wake_answered();
            while !queue.is_first(job, slot) {
                if job.end() != End::Not {
                    return Err(Reach::Refused("ERR the script was to end".into()));
                }
                (self.outside.pause)(LOOK_AGAIN);
            }
        }
        queue.await_workers(&[slot]);
        Ok(())
    }

    fn run(
        &self,
        command: &'static Command,
        args: Args<'_>,
        running: &mut Running,
        reply: &mut Vec<u8>,
    ) -> std::result::Result<(), WireError> {
        let node = &*self.node;
        let view = node.view_of_worker(self.worker);
        let database = running.state.database;
        let first_key = command.first_key(args).map(|key| (key, KeyPlace::new(node, database, key)));
        let place = first_key.as_ref().map(|(_, place)| *place);
        let now = if view.has_copies() { node.now() } else { Duration::ZERO };
        let guarded = guard::Request { node, view: &view, now, command, args, database, place };
        let begun = if view.has_copies() { Some(guarded.begin()?) } else { None };
        let had_written = running.job.set_written(running.job.has_written() || command.is_write());
        let mark = reply.len();
        let mut context = Context {
            node,
            view: &view,
            client: &mut running.state,
            door: if running.is_one_slot { Door::Cluster } else { Door::Gateway },
            database,
            now_ms: self.now_ms.get(),
            args,
            first_key: first_key.as_ref().map(|(key, place)| (*key, place)),
            reply: Reply::new(reply, self.version.get()),
        };
        let result = (command.run)(&mut context);
        if matches!(result, Err(WireError::NotServing | WireError::NoLease)) {
            running.job.set_written(had_written);
        }
        if node.events.are_watched() {
            node.after_command(command, args);
        }
        if node.blocking.has_waiters() && command.is_write() {
            node.blocking.waited(command, args, &mut self.ready.borrow_mut());
        }
        match begun {
            None => result,
            Some(begun) => guarded.end(&begun, result, mark..reply.len(), &mut running.holds),
        }
    }

    /// Has the script end, whatever it catches.
    fn end(&self, lua: &Lua, abort: Abort) -> Error {
        *self.abort.borrow_mut() = Some(abort);
        self.is_ending.set(true);
        tighten(lua);
        reply_error("ERR the script is to run again")
    }

    fn gc_pause(&self) -> i32 {
        if self.is_worker() { GC_PAUSE_SHORT } else { GC_PAUSE }
    }

    fn is_worker(&self) -> bool {
        self.thread >= THREADS_MAX
    }

    fn hook(&self, lua: &Lua) -> Result<VmState> {
        if self.is_worker()
            && let Some(running) = self.running.borrow().as_ref()
        {
            if !running.job.has_written() {
                return Err(self.end(lua, Abort::TooLong));
            }
            // Whoever looks after that may be this worker.
            if self.node.now().saturating_sub(running.job.began()) >= self.node.scripts.time_limit() {
                running.job.end_by(End::TimeLimit);
            }
        }
        // This script takes longer than most.
        self.wake_answered();
        if self.is_worker() && !self.is_gc_changed.replace(true) {
            collect_at(lua, GC_PAUSE);
        }
        let is_late = self.loading.borrow().as_ref().is_some_and(|loading| self.node.now() > loading.until);
        let why = match self.running.borrow().as_ref() {
            Some(running) if running.job.end() != End::Not => stopped(&running.job),
            _ if is_late => "ERR FUNCTION LOAD timeout",
            _ if self.is_ending.get() => "ERR the script is to run again",
            _ => return Ok(VmState::Continue),
        };
        if !self.is_ending.replace(true) {
            tighten(lua);
        }
        Err(reply_error(why))
    }
}

fn stopped(job: &Job) -> &'static str {
    match job.end() {
        End::Killed if job.function().is_some() => "ERR Script killed by user with FUNCTION KILL.",
        End::Killed => "ERR Script killed by user with SCRIPT KILL.",
        End::TimeLimit => "ERR Script stopped: it ran longer than script-time-max",
        End::Not => "ERR the script is to run again",
    }
}

/// Why a command cannot run.
enum Reach {
    Refused(String),
    Abort(Abort),
}

fn misfit(args: Args<'_>) -> &'static str {
    let Some(known) = command::lookup(args.get(0).unwrap_or_default()) else { return UNKNOWN };
    match args.get(1) {
        Some(name) if known.is_container && command::lookup_subcommand(known, name).is_none() => UNKNOWN,
        _ => "ERR Wrong number of args calling Redis command from script",
    }
}

pub(super) const NOT_DECLARED: &str =
    "ERR the script uses a key that it did not declare and that others use at this moment: name it in KEYS";

const A_PART_RAN: &str = "TRYAGAIN Hash slot is changing hands: a part of the script ran";

const UNKNOWN: &str = "ERR Unknown Redis command called from script";

fn install(lua: &Lua, triggers: HookTriggers) {
    let hooked = lua.set_global_hook(triggers, |lua, debug| match lua.app_data_ref::<Rc<Host>>() {
        // The prelude itself is short, and has to say how the script ended.
        _ if debug.source().source.as_deref() == Some("=dcache") => Ok(VmState::Continue),
        Some(host) => {
            let host = Rc::clone(&host);
            host.hook(lua)
        }
        None => Ok(VmState::Continue),
    });
    debug_assert!(hooked.is_ok());
}

/// Has garbage be collected once the state has grown to so many percent, and from now on.
fn collect_at(lua: &Lua, pause: i32) {
    let usual = GcIncParams::default().pause(pause).step_multiplier(GC_STEP_MULTIPLIER);
    lua.gc_set_mode(GcMode::Incremental(usual));
    lua.gc_restart();
}

fn tighten(lua: &Lua) {
    install(lua, HookTriggers::new().every_line().every_nth_instruction(1));
}

/// Whether a text is a script. The error is a reply's text.
pub(crate) fn check(text: &[u8]) -> std::result::Result<(), String> {
    let (_, code) = first_line(text)?;
    let lua = Lua::new_with(StdLib::NONE, LuaOptions::new()).map_err(|error| format!("ERR {error}"))?;
    let chunk = lua.load(code).set_name("@user_script").set_mode(mlua::chunk::ChunkMode::Text);
    chunk.into_function().map(drop).map_err(compile_error)
}

fn compile_error(error: Error) -> String {
    let why = match error {
        Error::SyntaxError { message, .. } => message,
        other => other.to_string(),
    };
    format!("ERR Error compiling script (new function): {why}")
}

/// One Lua state with everything that scripts find in it.
pub(super) struct State {
    pub lua: Lua,
    environment: Table,
    run: Function,
    pub library_environment: Table,
    pub load: Function,
    run_function: Function,
    /// Those of which a function was called.
    pub libraries: BTreeMap<String, Loaded>,
    compiled: BTreeMap<Sum, (Function, Rules)>,
    flushes: u64,
}

/// A thread's own: takes jobs and runs them.
pub struct Machine {
    pub(super) host: Rc<Host>,
    pub(super) thread: usize,
    state: Option<State>,
    /// Of the jobs' requests.
    pub(super) parser: Parser,
    pub(super) has_met_workers: bool,
}

/// What is to run.
pub(super) enum What {
    /// A script that was compiled.
    Script(Sum),
    /// A function of a library.
    Function(Function),
}

/// How a script ended.
pub(super) enum Ended {
    /// With this result, or error, as a reply.
    Replied(Vec<u8>),
    Aborted(Abort),
}

impl Machine {
    /// The `thread`-th script thread's.
    pub fn new(node: &Arc<Node>, thread: usize, outside: Outside) -> Machine {
        Machine::make(node, thread, node.config().workers.max(1) + thread, outside)
    }

    /// For scripts that a worker runs.
    pub fn of_worker(node: &Arc<Node>, worker: usize, outside: Outside) -> Machine {
        // Before any is short, threads have run it, which met the workers.
        Machine { has_met_workers: true, ..Machine::make(node, THREADS_MAX + worker, worker, outside) }
    }

    fn make(node: &Arc<Node>, thread: usize, worker: usize, outside: Outside) -> Machine {
        let host = Host {
            node: Arc::clone(node),
            worker,
            thread,
            outside,
            running: RefCell::default(),
            loading: RefCell::default(),
            abort: RefCell::default(),
            is_ending: Cell::new(false),
            is_gc_changed: Cell::new(false),
            now_ms: Cell::new(0),
            version: Cell::new(Version::Resp2),
            parser: RefCell::new(Parser::new(Limits::default())),
            buffers: RefCell::default(),
            ready: RefCell::default(),
        };
        Machine {
            host: Rc::new(host),
            thread,
            state: None,
            parser: Parser::new(Limits::default()),
            has_met_workers: false,
        }
    }

    pub(super) fn state_if_any(&mut self) -> Option<&mut State> {
        self.state.as_mut()
    }

    pub(super) fn state(&mut self) -> Result<&mut State> {
        let state = match self.state.take() {
            Some(state) => state,
            None => State::new(&self.host)?,
        };
        Ok(self.state.insert(state))
    }

    /// The compiled script, and what it may do. The error is the reply's text.
    pub(super) fn compile(&mut self, sum: &Sum, text: &[u8]) -> std::result::Result<Rules, String> {
        let flushes = self.host.node.scripts.cache.lock().flushes();
        let state = self.state().map_err(|error| format!("ERR Error creating the script's state: {error}"))?;
        if state.flushes != flushes || state.compiled.len() >= COMPILED_MAX {
            state.compiled.clear();
            state.flushes = flushes;
        }
        if let Some((_, rules)) = state.compiled.get(sum) {
            return Ok(*rules);
        }
        let (rules, code) = first_line(text)?;
        let chunk = state.lua.load(code).set_name("@user_script").set_mode(mlua::chunk::ChunkMode::Text);
        let function = chunk.set_environment(state.environment.clone()).into_function().map_err(compile_error)?;
        state.compiled.insert(*sum, (function, rules));
        Ok(rules)
    }

    /// Runs a compiled script, or a function, for `running`; its result is a reply in `version`.
    pub(super) fn run(
        &mut self,
        what: &What,
        name: &str,
        running: Running,
        keys: &[&[u8]],
        arguments: &[&[u8]],
        version: Version,
    ) -> (Ended, Vec<Hold>) {
        let host = Rc::clone(&self.host);
        *host.running.borrow_mut() = Some(running);
        host.version.set(Version::Resp2);
        host.now_ms.set(host.node.unix_ms());
        host.is_ending.set(false);
        let ended = self.run_in_state(what, name, keys, arguments, version);
        let holds = host.running.borrow_mut().take().map(|running| running.holds).unwrap_or_default();
        self.tidy();
        match host.abort.borrow_mut().take() {
            Some(abort) => (Ended::Aborted(abort), holds),
            None => (Ended::Replied(ended), holds),
        }
    }

    fn run_in_state(
        &mut self,
        what: &What,
        name: &str,
        keys: &[&[u8]],
        arguments: &[&[u8]],
        version: Version,
    ) -> Vec<u8> {
        let own = Rc::clone(&self.host);
        let mut out = Vec::new();
        let result = self.state().and_then(|state| {
            let (run, function) = match what {
                What::Function(function) => (&state.run_function, function),
                What::Script(sum) => match state.compiled.get(sum) {
                    Some((function, _)) => (&state.run, function),
                    None => return Ok(()),
                },
            };
            let bytes: usize = keys.iter().chain(arguments).map(|word| word.len() + VALUE_BYTES).sum();
            if bytes > STATE_BYTES_MAX {
                return Err(reply_error(NO_MEMORY));
            }
            let unbounded = Unbounded::new(&state.lua);
            let list = |words: &[&[u8]]| -> Result<Table> {
                let table = state.lua.create_table_with_capacity(words.len(), 0)?;
                for (word, index) in words.iter().zip(1..) {
                    table.raw_set(index, state.lua.create_string(word)?)?;
                }
                Ok(table)
            };
            let (keys, arguments) = (list(keys)?, list(arguments)?);
            drop(unbounded);
            let (is_ok, value): (bool, Value) = run.call((function.clone(), keys, arguments))?;
            if is_ok {
                super::convert::to_reply(&value, own.version.get(), &mut Reply::new(&mut out, version))?;
                return Ok(());
            }
            write_failure(&value, name, &mut Reply::new(&mut out, version))
        });
        if let Err(error) = result {
            out.clear();
            let text = match own.running.borrow().as_ref() {
                // It was stopped while it was being told how it ended.
                Some(running) if running.job.end() != End::Not => stopped(&running.job).to_owned(),
                _ => format!("ERR Error running script {name}, {error}"),
            };
            super::convert::write_error(text.as_bytes(), &mut Reply::new(&mut out, version));
        }
        out
    }

    /// Nothing is to end any more.
    pub(super) fn calm(&self) {
        if self.host.is_ending.replace(false)
            && let Some(state) = &self.state
        {
            install(&state.lua, HookTriggers::new().every_nth_instruction(HOOK_EVERY));
        }
    }

    /// Makes the state fit for the next script.
    pub(super) fn tidy(&mut self) {
        self.calm();
        let Some(state) = &self.state else { return };
        json::reset(&state.lua);
        // It begins to collect at once, so not where no script can have changed it.
        if self.host.is_gc_changed.replace(false) || !self.host.is_worker() {
            collect_at(&state.lua, self.host.gc_pause());
        }
        let mut used = state.lua.used_memory();
        if used > STATE_BYTES_KEPT {
            let is_collected = state.lua.gc_collect().is_ok();
            used = state.lua.used_memory();
            if !is_collected || used > STATE_BYTES_KEPT {
                self.state = None;
                used = 0;
            }
        }
        if let Some(bytes) = self.host.node.scripts.memory_bytes.get(self.thread) {
            bytes.store(used as u64, Relaxed);
        }
    }
}

impl State {
    fn new(host: &Rc<Host>) -> Result<State> {
        let libraries = StdLib::TABLE | StdLib::STRING | StdLib::MATH;
        let lua = Lua::new_with(libraries, LuaOptions::new())?;
        lua.set_app_data(Rc::clone(host));
        let ours = lua.create_table()?;
        let redis = library::redis(&lua, host)?;
        let loading = functions::loading_table(&lua, host, &redis)?;
        ours.raw_set("redis", redis)?;
        ours.raw_set("cjson", json::library(&lua)?)?;
        ours.raw_set("cmsgpack", msgpack::library(&lua)?)?;
        ours.raw_set("struct", structs::library(&lua)?)?;
        ours.raw_set("bit", bits::library(&lua)?)?;
        let revealed = lua.create_function(|lua, error: Value| match error {
            Value::Error(error) => library::revealed(lua, &error),
            other => Ok(other),
        })?;
        let is_compiled = lua.create_function(|_, text: Value| {
            Ok(text.as_string().is_some_and(|text| text.as_bytes().first() == Some(&27)))
        })?;
        let place = lua.create_function(|lua, (level, _): (usize, MultiValue)| {
            let found = lua.inspect_stack(level, |debug| {
                let source = debug.source();
                let name = source.source.as_deref().unwrap_or_default().to_owned();
                (source.what == "C", name, debug.current_line().map_or(-1, |line| line as i64))
            });
            let Some((is_c, source, line)) = found else { return Ok(None) };
            let table = lua.create_table()?;
            table.raw_set("what", if is_c { "C" } else { "Lua" })?;
            table.raw_set("source", source)?;
            table.raw_set("currentline", line)?;
            Ok(Some(table))
        })?;
        let prelude = lua.load(include_str!("prelude.lua")).set_name("=dcache");
        let (environment, run, library_environment, load, run_function) =
            prelude.call((ours, revealed, is_compiled, place, loading))?;
        lua.set_memory_limit(STATE_BYTES_MAX)?;
        collect_at(&lua, host.gc_pause());
        install(&lua, HookTriggers::new().every_nth_instruction(HOOK_EVERY));
        Ok(State {
            lua,
            environment,
            run,
            library_environment,
            load,
            run_function,
            libraries: BTreeMap::new(),
            compiled: BTreeMap::new(),
            flushes: 0,
        })
    }
}

/// As long as it is kept the state's memory has no bound. Whoever makes a value from outside knows how large it is, and under a bound
/// mlua makes each in a protected call of its own, which costs more than the value.
pub(super) struct Unbounded<'a>(&'a Lua);

impl Unbounded<'_> {
    pub fn new(lua: &Lua) -> Unbounded<'_> {
        // It fails only for states with an allocator of somebody else's.
        let _ = lua.set_memory_limit(0);
        Unbounded(lua)
    }
}

impl Drop for Unbounded<'_> {
    fn drop(&mut self) {
        let _ = self.0.set_memory_limit(STATE_BYTES_MAX);
    }
}

/// What a value takes beside its text, about.
const VALUE_BYTES: usize = 64;

pub(super) const NO_MEMORY: &str = "ERR not enough memory for the script";

/// Whether a state has more than it may.
pub(super) fn is_full(lua: &Lua) -> bool {
    lua.used_memory() > STATE_BYTES_MAX
}

/// Writes what a script raised, as Redis says it.
fn write_failure(value: &Value, name: &str, reply: &mut Reply<'_>) -> Result<()> {
    let Value::Table(table) = value else {
        let text = match value {
            Value::String(text) => text.to_string_lossy(),
            _ => "execution failure".into(),
        };
        let text: String = text.chars().take(100).collect();
        super::convert::write_error(format!("ERR Error running script {name}, {text}").as_bytes(), reply);
        return Ok(());
    };
    let text = |field: &str| -> Result<Vec<u8>> {
        Ok(match table.raw_get::<Value>(field)? {
            Value::String(text) => text.as_bytes().to_vec(),
            Value::Integer(number) => number.to_string().into_bytes(),
            Value::Number(number) => super::format::general(number, 14).into_bytes(),
            _ => Vec::new(),
        })
    };
    let (mut message, source, line) = (text("err")?, text("source")?, text("line")?);
    if message.is_empty() {
        message = b"ERR unknown error".to_vec();
    }
    if !source.is_empty() && !line.is_empty() {
        message.extend_from_slice(format!(" script: {name}, on ").as_bytes());
        message.extend_from_slice(&[&source[..], b":", &line[..], b"."].concat());
    }
    super::convert::write_error(&message, reply);
    Ok(())
}

/// What the first line says a script may do, and its code.
pub(super) fn first_line(text: &[u8]) -> std::result::Result<(Rules, &[u8]), String> {
    if !text.starts_with(b"#!") {
        return Ok((Rules { is_plain: true, allows_cross_slot: true, ..Rules::default() }, text));
    }
    let Some(end) = text.iter().position(|&byte| byte == b'\n') else {
        return Err("ERR Invalid script shebang".into());
    };
    let line = String::from_utf8_lossy(&text[..end]).into_owned();
    let mut words = line.split_ascii_whitespace();
    let engine = words.next().unwrap_or_default();
    if engine != "#!lua" {
        return Err(format!("ERR Unexpected engine in script shebang: {engine}"));
    }
    let mut rules = Rules::default();
    for word in words {
        let Some(flags) = word.strip_prefix("flags=") else {
            return Err(format!("ERR Unknown lua shebang option: {word}"));
        };
        for flag in flags.split(',').filter(|flag| !flag.is_empty()) {
            match flag {
                "no-writes" => rules.is_read_only = true,
                "allow-oom" | "allow-stale" => {}
                "no-cluster" => rules.is_not_for_clusters = true,
                "allow-cross-slot-keys" => rules.allows_cross_slot = true,
                _ => return Err(format!("ERR Unexpected flag in script shebang: {flag}")),
            }
        }
    }
    Ok((rules, &text[end..]))
}
