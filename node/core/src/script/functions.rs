//! Libraries of functions in a Lua state: their first line, what they register while they load, and their functions to be called.
//!
//! What libraries there are is agreed on ([`dcache_cluster::metadata::libraries`]); each state loads one when a function of it is
//! called, and again once it is another one.

use super::library::{reply_error, text_of};
use super::machine::{Host, Machine, Rules, State, What};
use super::run::{Ready, count_of_keys};
use crate::Node;
use dcache_cluster::metadata::libraries::{self, FUNCTIONS_MAX, Function, FunctionFlag, Libraries, Library, is_name};
use dcache_protocol::resp::parse::{Args, Limits, Parser, Progress};
use mlua::{Lua, MultiValue, Result, Table, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// How long a library that is offered may take to load.
pub(super) const LOADS_WITHIN: Duration = Duration::from_millis(500);

/// The same of one that was agreed on; the machine may be slower now than it was then.
const LOADS_AGAIN_WITHIN: Duration = Duration::from_secs(5);

/// What a library registered, by name.
pub(super) type Registered = BTreeMap<String, (Function, mlua::Function)>;

/// A library that is being loaded.
pub(super) struct Loading {
    pub until: Duration,
    pub registered: Registered,
}

/// A library as one state has it.
pub(super) struct Loaded {
    library: Arc<Library>,
    functions: BTreeMap<String, mlua::Function>,
}

/// The name in a library's first line, and the code behind it, which begins with the end of that line.
pub(super) fn head_of(text: &str) -> std::result::Result<(String, &str), String> {
    const INVALID: &str = "Invalid library metadata";
    if !text.starts_with("#!") {
        return Err("Missing library metadata".into());
    }
    let end = text.find('\n').ok_or(INVALID)?;
    let (line, code) = text.split_at(end);
    // Words may be quoted, as those of a request on a line.
    let (line, mut parser) = (format!("{line}\r\n"), Parser::new(Limits::default()));
    if !matches!(parser.parse(line.as_bytes()), Ok(Progress::Request { .. })) {
        return Err(INVALID.into());
    }
    let args = parser.args(line.as_bytes());
    let mut words = args.iter().map(String::from_utf8_lossy);
    let engine = words.next().unwrap_or_default();
    let engine = engine.get(2..).unwrap_or_default();
    let mut name = None;
    for part in words {
        match part.split_at_checked(5) {
            Some((key, value)) if key.eq_ignore_ascii_case("name=") => {
                if name.replace(value.to_owned()).is_some() {
                    return Err("Invalid metadata value, name argument was given multiple times".into());
                }
            }
            _ => return Err(format!("Invalid metadata value given: {part}")),
        }
    }
    let Some(name) = name else { return Err("Library name was not given".into()) };
    if !is_name(&name) {
        return Err(libraries::NAMES.into());
    }
    if !engine.eq_ignore_ascii_case("lua") {
        return Err(format!("Engine '{engine}' not found"));
    }
    Ok((name, code))
}

/// What a function with these flags may do.
fn rules_of(function: &Function) -> Rules {
    let has = |flag| function.flags.contains(&flag);
    Rules {
        is_plain: false,
        is_read_only: has(FunctionFlag::NoWrites),
        allows_cross_slot: has(FunctionFlag::AllowCrossSlotKeys),
        is_not_for_clusters: has(FunctionFlag::NoCluster),
    }
}

pub(crate) const NOT_FOUND: &str = "ERR Function not found";

impl Machine {
    /// Runs a library's code, which registers functions and can do nothing else. Nothing of it is kept here.
    pub(super) fn load(&mut self, code: &str, within: Duration) -> std::result::Result<Registered, String> {
        let (_, code) = head_of(code)?;
        let host = Rc::clone(&self.host);
        *host.loading.borrow_mut() = Some(Loading { until: host.node.now() + within, registered: BTreeMap::new() });
        let result = self.state().map_err(|error| error.to_string()).and_then(|state| state.load(code));
        let registered = host.loading.borrow_mut().take().map(|loading| loading.registered).unwrap_or_default();
        self.calm();
        result?;
        if registered.is_empty() { Err("No functions registered".into()) } else { Ok(registered) }
    }

    /// A function that a client calls, with what it may do. The error is the reply's text.
    pub(super) fn ready_function(&mut self, node: &Node, args: Args<'_>) -> std::result::Result<Ready, String> {
        let name = std::str::from_utf8(args.get(1).unwrap_or_default()).map_err(|_| NOT_FOUND)?;
        let metadata = node.view_of_worker(self.host.worker).metadata.clone();
        let (library, known, name) = libraries::find(&metadata.libraries, name).ok_or(NOT_FOUND)?;
        let keys = count_of_keys(args, "ERR Bad number of keys provided")?;
        let rules = known.functions.get(name).map(rules_of).unwrap_or_default();
        let function = self.function(&metadata.libraries, library, known, name)?;
        Ok(Ready { what: What::Function(function), rules, name: name.into(), keys, script: None })
    }

    fn function(
        &mut self,
        all: &Libraries,
        name: &str,
        library: &Arc<Library>,
        function: &str,
    ) -> std::result::Result<mlua::Function, String> {
        if let Some(state) = self.state_if_any()
            && let Some(loaded) = state.libraries.get_mut(name)
            && (Arc::ptr_eq(&loaded.library, library) || loaded.library == *library)
            && let Some(function) = loaded.functions.get(function)
        {
            loaded.library = library.clone();
            return Ok(function.clone());
        }
        let registered = self.load(&library.code, LOADS_AGAIN_WITHIN).map_err(|why| format!("ERR {why}"))?;
        let functions: BTreeMap<_, _> = registered.into_iter().map(|(name, (_, function))| (name, function)).collect();
        let found = functions.get(function).cloned();
        let state = self.state().map_err(|error| format!("ERR {error}"))?;
        state.libraries.retain(|name, _| all.contains_key(name));
        state.libraries.insert(name.into(), Loaded { library: library.clone(), functions });
        found.ok_or_else(|| "ERR Function not found".into())
    }
}

impl State {
    fn load(&self, code: &str) -> std::result::Result<(), String> {
        let chunk = self.lua.load(code).set_name("@user_function").set_mode(mlua::chunk::ChunkMode::Text);
        let function = chunk.set_environment(self.library_environment.clone()).into_function();
        let function = function.map_err(|error| match error {
            mlua::Error::SyntaxError { message, .. } => format!("Error compiling function: {message}"),
            other => format!("Error compiling function: {other}"),
        })?;
        let failed = |why: &str| Err(format!("Error registering functions: {why}"));
        match self.load.call::<(bool, Value)>(function) {
            Ok((true, _)) => Ok(()),
            Ok((false, Value::Table(table))) => match table.raw_get::<Value>("err") {
                Ok(Value::String(text)) => failed(&text.to_string_lossy()),
                _ => failed("ERR unknown error"),
            },
            Ok((false, Value::String(text))) => failed(&text.to_string_lossy()),
            Ok(_) => failed("ERR unknown error"),
            Err(error) => failed(&format!("ERR {error}")),
        }
    }
}

/// The table `redis` that libraries see while they load.
pub(super) fn loading_table(lua: &Lua, host: &Rc<Host>, redis: &Table) -> Result<Table> {
    let table = lua.create_table()?;
    for pair in redis.pairs::<mlua::LuaString, Value>() {
        let (name, value) = pair?;
        let is_shown = |name: &[u8]| name == b"log" || name.starts_with(b"LOG_") || name.starts_with(b"REDIS_VERSION");
        if is_shown(&name.as_bytes()) {
            table.raw_set(name, value)?;
        }
    }
    let host = Rc::clone(host);
    let register = lua.create_function(move |_, args: MultiValue| register(&host, &args))?;
    table.raw_set("register_function", register)?;
    Ok(table)
}

fn register(host: &Host, args: &MultiValue) -> Result<()> {
    let mut loading = host.loading.borrow_mut();
    let Some(loading) = loading.as_mut() else {
        return Err(reply_error("ERR redis.register_function can only be called on FUNCTION LOAD command"));
    };
    let (name, function, callback) = match (args.len(), args.front(), args.get(1)) {
        (1, Some(value), _) => named(value)?,
        (2, Some(name), Some(callback)) => {
            let name = text_of(name)
                .ok_or_else(|| reply_error("ERR first argument to redis.register_function must be a string"))?;
            let Value::Function(callback) = callback else {
                return Err(reply_error("ERR second argument to redis.register_function must be a function"));
            };
            (name, Function::default(), callback.clone())
        }
        _ => return Err(reply_error("ERR wrong number of arguments to redis.register_function")),
    };
    let name = String::from_utf8(name).ok().filter(|name| is_name(name));
    let name = name.ok_or_else(|| reply_error(&format!("ERR {}", libraries::NAMES)))?;
    if loading.registered.keys().any(|known| known.eq_ignore_ascii_case(&name)) {
        return Err(reply_error("ERR Function already exists in the library"));
    }
    if loading.registered.len() >= FUNCTIONS_MAX {
        return Err(reply_error(&format!("ERR a library has at most {FUNCTIONS_MAX} functions")));
    }
    loading.registered.insert(name, (function, callback));
    Ok(())
}

/// The arguments in one table.
fn named(value: &Value) -> Result<(Vec<u8>, Function, mlua::Function)> {
    let fails = |text: &str| Err(reply_error(&format!("ERR {text}")));
    let Value::Table(table) = value else {
        return fails(
            "calling redis.register_function with a single argument is only applicable to Lua table (representing named arguments).",
        );
    };
    let (mut name, mut callback, mut function) = (None, None, Function::default());
    for pair in table.pairs::<Value, Value>() {
        let (key, value) = pair?;
        let Some(key) = text_of(&key) else {
            return fails("named argument key given to redis.register_function is not a string");
        };
        match (key.to_ascii_lowercase().as_slice(), value) {
            (b"function_name", value) => match text_of(&value) {
                Some(text) => name = Some(text),
                None => return fails("function_name argument given to redis.register_function must be a string"),
            },
            (b"description", value) => match text_of(&value) {
                Some(text) => match String::from_utf8(text) {
                    Ok(text) => function.description = Some(text),
                    Err(_) => return fails("description argument given to redis.register_function must be UTF-8"),
                },
                None => return fails("description argument given to redis.register_function must be a string"),
            },
            (b"callback", Value::Function(given)) => callback = Some(given),
            (b"callback", _) => return fails("callback argument given to redis.register_function must be a function"),
            (b"flags", Value::Table(flags)) => match flags_of(&flags)? {
                Some(flags) => function.flags = flags,
                None => return fails("unknown flag given"),
            },
            (b"flags", _) => {
                return fails("flags argument to redis.register_function must be a table representing function flags");
            }
            _ => return fails("unknown argument given to redis.register_function"),
        }
    }
    let Some(name) = name else { return fails("redis.register_function must get a function name argument") };
    let Some(callback) = callback else { return fails("redis.register_function must get a callback argument") };
    Ok((name, function, callback))
}

fn flags_of(table: &Table) -> Result<Option<BTreeSet<FunctionFlag>>> {
    let mut flags = BTreeSet::new();
    for index in 1.. {
        let value: Value = table.raw_get(index)?;
        if value == Value::Nil {
            break;
        }
        let known = |text: &Vec<u8>| {
            FunctionFlag::ALL.into_iter().find(|flag| text.eq_ignore_ascii_case(flag.name().as_bytes()))
        };
        let Some(flag) = text_of(&value).as_ref().and_then(known) else { return Ok(None) };
        flags.insert(flag);
    }
    Ok(Some(flags))
}
