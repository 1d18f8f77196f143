//! Commands: what one is, how a request finds its row of the [`table`], and what a command may use while it runs.
//!
//! [`table`] is the one list; COMMAND, arity checks, key extraction, ACL categories and the gateway's fan-out come from
//! its rows. The functions are in one file per group and named after the command (`string::get`), subcommands
//! `container_subcommand` (`key::object_encoding`); those that differ in one word only share one (`set::joined`), which their
//! rows tell it. Where a request may run is decided before, in `route`.

pub mod acl;
pub mod bitmap;
pub mod blocking;
pub mod client;
pub mod cluster;
pub mod collection;
pub mod config;
pub mod connection;
pub mod debug;
pub mod differences;
pub mod docs;
pub mod dump;
pub mod function;
pub mod geo;
pub mod hash;
pub mod help;
pub mod hyperloglog;
pub mod info;
pub mod key;
pub mod latency;
pub mod lcs;
pub mod list;
pub mod manual;
pub mod memory;
pub mod pubsub;
pub mod scripting;
pub mod server;
pub mod set;
pub mod sort;
pub mod sorted_set;
pub mod stream;
pub mod string;
pub mod table;
#[cfg(test)]
pub(crate) mod transcript;

pub use table::COMMANDS;

use crate::Node;
use crate::batch::KeyPlace;
use crate::events::{Class, Event};
use crate::session::ClientState;
use crate::view::View;
use dcache_engine::{EntryRef, Guard, NamespaceId, OutOfMemory, Refused, ValueRef, charge};
use dcache_protocol::error::WireError;
use dcache_protocol::namespace::DATABASES;
use dcache_protocol::resp::parse::Args;
use dcache_protocol::resp::reply::Reply;
use dcache_protocol::{NamespaceSpec, Slot, slot_in};
use std::ops::Range;

/// How a request reached this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// A plain client: this node answers for the whole cluster.
    Gateway,
    /// A cluster-aware client: this node answers for itself.
    Cluster,
    /// A client that speaks memcached's protocol: this node answers for the whole cluster.
    Memcached,
    /// Another node's gateway forwarded it: this node answers for itself and nothing is forwarded again.
    Peer,
}

/// What a command runs with. The reply goes to `reply`; on `Err` the caller encodes the error instead.
pub struct Context<'a> {
    pub node: &'a Node,
    pub view: &'a View,
    pub client: &'a mut ClientState,
    pub door: Door,
    pub database: u16,
    /// Unix milliseconds; one reading for the whole command.
    pub now_ms: u64,
    /// The whole request, the command's name first.
    pub args: Args<'a>,
    /// The request's first key and where it is.
    pub first_key: Option<(&'a [u8], &'a KeyPlace)>,
    pub reply: Reply<'a>,
}

/// Runs a command whose arity was checked. `Err` only while nothing was written to the reply.
pub type Run = fn(&mut Context<'_>) -> Result<(), WireError>;

/// One row of the table: a command, or a subcommand right after its container.
#[derive(Clone, Copy, Debug)]
pub struct Command {
    /// Lowercase; a subcommand's is `container|subcommand`.
    pub name: &'static str,
    /// As Redis counts: the name is included (the subcommand's too); negative means at least that many.
    pub arity: i16,
    pub flags: Flags,
    /// The categories that do not follow from the flags; all of them: [`Command::categories`].
    pub groups: Categories,
    pub keys: &'static [KeySpec],
    /// Hints for cluster-aware clients, as COMMAND INFO prints them.
    pub tips: &'static [&'static str],
    pub docs: Docs,
    pub gateway: Gateway,
    pub run: Run,
    /// Position in [`COMMANDS`], for counters kept per command.
    pub id: u16,
    /// Whether its subcommands' rows follow.
    pub is_container: bool,
}

/// What the gateway does with a command, since it answers for the whole cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gateway {
    /// Needs no key: the node asked answers.
    Local,
    /// The owner of the one key answers.
    Single,
    /// Each owner answers for its own keys, and the answers become one. Not atomic over several owners.
    Split(Merge),
    /// Runs where all keys live, and is refused when no single node has them all.
    SameSlot,
    /// The owners of the keys are tried in the order of the keys, until one has something.
    InTurn,
    /// Every node answers for its own keys, and the answers become one.
    Everywhere(Gather),
    /// At both doors: the node asked does it, and other nodes are told before it is answered.
    Told,
    /// Runs on a thread for scripts of the node that has all keys; of the node asked, when it names none.
    Script,
    /// At both doors: the node asked has the cluster agree on it.
    Agreed,
    /// At both doors: whoever serves what the client wrote tells which copies have it.
    Copies,
}

/// How the answers of a split command become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merge {
    /// Integers are added: DEL, UNLINK, EXISTS, TOUCH.
    Sum,
    /// Elements go back to the places of their keys: MGET.
    InOrder,
    /// `OK` when all are: MSET.
    Ok,
}

/// How the answers of all nodes become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gather {
    /// Integers are added: DBSIZE.
    Sum,
    /// `OK` when all are: FLUSHDB, FLUSHALL.
    Ok,
    /// Arrays are joined: KEYS.
    Concat,
    /// One node after the other, the cursor names which: SCAN.
    Cursor,
    /// Any one that is not null: RANDOMKEY, SCRIPT LOAD.
    Any,
    /// In each place of arrays of integers the greatest: SCRIPT EXISTS.
    Most,
    /// `OK` when one is: SCRIPT KILL.
    AnyOk,
}

/// A set of command flags; names and order as COMMAND INFO prints them. Only those that some command has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(u32);

impl Flags {
    pub const NONE: Flags = Flags(0);
    pub const WRITE: Flags = Flags(1 << 0);
    pub const READONLY: Flags = Flags(1 << 1);
    pub const DENYOOM: Flags = Flags(1 << 2);
    pub const ADMIN: Flags = Flags(1 << 3);
    pub const NOSCRIPT: Flags = Flags(1 << 4);
    pub const BLOCKING: Flags = Flags(1 << 5);
    pub const LOADING: Flags = Flags(1 << 6);
    pub const STALE: Flags = Flags(1 << 7);
    /// `MONITOR` shows it before what it does.
    pub const SKIP_MONITOR: Flags = Flags(1 << 8);
    pub const FAST: Flags = Flags(1 << 9);
    pub const NO_AUTH: Flags = Flags(1 << 10);
    pub const NO_MANDATORY_KEYS: Flags = Flags(1 << 11);
    /// Where keys are depends on what is in the request.
    pub const MOVABLE_KEYS: Flags = Flags(1 << 12);
    pub const ALLOW_BUSY: Flags = Flags(1 << 13);
    pub const PUBSUB: Flags = Flags(1 << 14);

    const NAMES: [&'static str; 15] = [
        "write",
        "readonly",
        "denyoom",
        "admin",
        "noscript",
        "blocking",
        "loading",
        "stale",
        "skip_monitor",
        "fast",
        "no_auth",
        "no_mandatory_keys",
        "movablekeys",
        "allow_busy",
        "pubsub",
    ];

    pub const fn or(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }

    pub const fn has(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }

    pub fn names(self) -> impl Iterator<Item = &'static str> + Clone {
        Flags::NAMES.iter().enumerate().filter(move |(bit, _)| self.0 & (1 << bit) != 0).map(|(_, name)| *name)
    }
}

/// A set of ACL categories, in Redis's order. Only those that hold some command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Categories(u32);

impl Categories {
    pub const NONE: Categories = Categories(0);
    pub const KEYSPACE: Categories = Categories(1 << 0);
    pub const READ: Categories = Categories(1 << 1);
    pub const WRITE: Categories = Categories(1 << 2);
    pub const SET: Categories = Categories(1 << 3);
    pub const SORTED_SET: Categories = Categories(1 << 4);
    pub const LIST: Categories = Categories(1 << 5);
    pub const HASH: Categories = Categories(1 << 6);
    pub const STRING: Categories = Categories(1 << 7);
    pub const BITMAP: Categories = Categories(1 << 8);
    pub const HYPERLOGLOG: Categories = Categories(1 << 9);
    pub const GEO: Categories = Categories(1 << 10);
    pub const STREAM: Categories = Categories(1 << 11);
    pub const PUBSUB: Categories = Categories(1 << 12);
    pub const ADMIN: Categories = Categories(1 << 13);
    pub const FAST: Categories = Categories(1 << 14);
    pub const SLOW: Categories = Categories(1 << 15);
    pub const BLOCKING: Categories = Categories(1 << 16);
    pub const DANGEROUS: Categories = Categories(1 << 17);
    pub const CONNECTION: Categories = Categories(1 << 18);
    pub const TRANSACTION: Categories = Categories(1 << 19);
    pub const SCRIPTING: Categories = Categories(1 << 20);
    pub const ALL: Categories = Categories((1 << 21) - 1);

    const NAMES: [&'static str; 21] = [
        "keyspace",
        "read",
        "write",
        "set",
        "sortedset",
        "list",
        "hash",
        "string",
        "bitmap",
        "hyperloglog",
        "geo",
        "stream",
        "pubsub",
        "admin",
        "fast",
        "slow",
        "blocking",
        "dangerous",
        "connection",
        "transaction",
        "scripting",
    ];

    pub const fn or(self, other: Categories) -> Categories {
        Categories(self.0 | other.0)
    }

    pub const fn has(self, other: Categories) -> bool {
        self.0 & other.0 == other.0
    }

    /// The category of this name without its `@`, in any case.
    pub fn named(name: &[u8]) -> Option<Categories> {
        let bit = Categories::NAMES.iter().position(|known| name.eq_ignore_ascii_case(known.as_bytes()))?;
        Some(Categories(1 << bit))
    }

    pub fn names(self) -> impl Iterator<Item = &'static str> + Clone {
        Categories::NAMES.iter().enumerate().filter(move |(bit, _)| self.0 & (1 << bit) != 0).map(|(_, name)| *name)
    }
}

/// How the keys of a request are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Find {
    /// From one place to another.
    Range,
    /// So many behind the number at a place.
    Count,
    /// Behind this word, from a place on.
    Word(&'static str),
    /// The first half of what is behind STREAMS, which is looked for among options.
    Streams,
}

/// Where the keys of a request are, and what happens to them.
#[derive(Clone, Copy, Debug)]
pub struct KeySpec {
    pub find: Find,
    /// Index of the first key in the request; of the number, for [`Find::Count`]; of where to begin, for [`Find::Word`].
    pub first: u8,
    /// Index of the last: from `first` when not negative, from the request's end (-1: the last argument) when negative.
    pub last: i8,
    /// Distance between keys; 2 for key-value pairs.
    pub step: u8,
    /// As COMMAND INFO prints them: `RO`, `RW`, `OW` or `RM`, then `access`, `update`, `insert`, `delete`…
    pub flags: &'static [&'static str],
    pub notes: Option<&'static str>,
}

/// What COMMAND DOCS tells.
#[derive(Clone, Copy, Debug)]
pub struct Docs {
    pub summary: &'static str,
    pub since: &'static str,
    pub group: &'static str,
    pub complexity: &'static str,
    /// Version and replacement.
    pub deprecated: Option<(&'static str, &'static str)>,
    pub args: &'static [Arg],
}

/// One argument as COMMAND DOCS tells it.
#[derive(Clone, Copy, Debug)]
pub struct Arg {
    pub name: &'static str,
    /// `string`, `integer`, `double`, `key`, `pattern`, `unix-time`, `pure-token`, `oneof` or `block`.
    pub kind: &'static str,
    pub key_spec: Option<u8>,
    pub token: Option<&'static str>,
    pub since: Option<&'static str>,
    pub optional: bool,
    /// May be given several times.
    pub multiple: bool,
    /// Each time with its token.
    pub repeats_token: bool,
    pub args: &'static [Arg],
}

impl Command {
    /// The rows of this container's subcommands; empty for any other command.
    pub fn subcommands(&self) -> &'static [Command] {
        let first = usize::from(self.id) + 1;
        let is_mine = |row: &Command| row.container() == Some(self.name);
        let count = COMMANDS[first..].iter().take_while(|row| is_mine(row)).count();
        &COMMANDS[first..first + count]
    }

    /// The container's name, for a subcommand.
    pub fn container(&self) -> Option<&'static str> {
        self.name.split_once('|').map(|(container, _)| container)
    }

    /// All its ACL categories: those of its group and those that follow from its flags.
    pub fn categories(&self) -> Categories {
        let implied = [
            (Flags::WRITE, Categories::WRITE),
            (Flags::READONLY, Categories::READ),
            (Flags::ADMIN, Categories::ADMIN.or(Categories::DANGEROUS)),
            (Flags::FAST, Categories::FAST),
            (Flags::BLOCKING, Categories::BLOCKING),
        ];
        let all = implied.iter().filter(|(flag, _)| self.flags.has(*flag)).fold(self.groups, |all, (_, c)| all.or(*c));
        if all.has(Categories::FAST) { all } else { all.or(Categories::SLOW) }
    }

    /// First key, last key and step in the way of Redis before key specs: one range over all of them, 0s without keys.
    pub fn legacy_keys(&self) -> (i64, i64, i64) {
        let mut ranges = self.keys.iter().filter(|spec| spec.find == Find::Range);
        let Some(first) = ranges.next() else { return (0, 0, 0) };
        let last = ranges.next_back().unwrap_or(first);
        let end = if last.last < 0 { i64::from(last.last) } else { i64::from(last.first) + i64::from(last.last) };
        (i64::from(first.first), end, i64::from(first.step))
    }

    /// The first key of a request of this command.
    pub fn first_key<'a>(&self, args: Args<'a>) -> Option<&'a [u8]> {
        let first_of = |spec: &KeySpec| {
            let range = spec.range(args);
            (!range.is_empty()).then_some(range.start)
        };
        args.get(self.keys.iter().find_map(first_of)?)
    }

    /// Whether a request of this command leaves the same and answers the same when it runs a second time, whatever there was
    /// before: it sets whole values and asks nothing.
    pub fn is_absolute(&self, args: Args<'_>) -> bool {
        let units = ["ex", "px", "exat", "pxat"];
        let is_unit = |word: &[u8]| units.iter().any(|unit| word.eq_ignore_ascii_case(unit.as_bytes()));
        match self.name {
            "mset" | "setex" | "psetex" => true,
            // With an option: only a time to live and its number.
            "set" => args.len() == 3 || (args.len() == 5 && args.get(3).is_some_and(is_unit)),
            _ => false,
        }
    }

    /// Whether each request of it is as quick as the next, whatever its key holds: then several may be timed together.
    pub fn is_steady(&self) -> bool {
        self.flags.has(Flags::FAST) || self.groups.has(Categories::STRING)
    }

    /// Whether its writes say themselves what they did ([`Context::notify`]). Of others, clients that keep copies are told that all
    /// keys of the request have changed, once it has run.
    pub fn says_what_it_did(&self) -> bool {
        match self.docs.group {
            "string" | "bitmap" | "hyperloglog" | "hash" | "list" | "set" | "sorted-set" | "geo" | "stream" => true,
            group => matches!(group, "generic" | "server" | "connection" | "transactions" | "pubsub"),
        }
    }

    pub fn is_read(&self) -> bool {
        self.flags.has(Flags::READONLY)
    }

    pub fn is_write(&self) -> bool {
        self.flags.has(Flags::WRITE)
    }

    /// Whether a request may change something: a write, or a script that may do any.
    pub fn may_write(&self) -> bool {
        self.is_write() || self.gateway == Gateway::Script && !self.is_read()
    }

    /// Whether a request of `count` arguments, the name included, is one of this command: its arity, and whole pairs.
    fn takes(&self, count: usize) -> bool {
        let wanted = usize::from(self.arity.unsigned_abs());
        let counts = if self.arity < 0 { count >= wanted } else { count == wanted };
        let is_whole = |spec: &KeySpec| (count - usize::from(spec.first)).is_multiple_of(usize::from(spec.step));
        counts && self.keys.iter().all(|spec| spec.find != Find::Range || spec.last >= 0 || is_whole(spec))
    }
}

/// A command by its name, in any case; not a subcommand. Allocates nothing.
pub fn lookup(name: &[u8]) -> Option<&'static Command> {
    table::find(name)
}

/// A subcommand by its own name, in any case.
pub fn lookup_subcommand(container: &Command, name: &[u8]) -> Option<&'static Command> {
    let own_name = |row: &Command| row.name.as_bytes()[container.name.len() + 1..].eq_ignore_ascii_case(name);
    container.subcommands().iter().find(|row| own_name(row))
}

/// The row a request asks for, its arity checked. `args` is never empty.
pub fn resolve(args: Args<'_>) -> Result<&'static Command, WireError> {
    find(args).ok_or_else(|| misfit(args))
}

/// The same without saying why there is none.
pub fn find(args: Args<'_>) -> Option<&'static Command> {
    let mut command = lookup(args.get(0)?)?;
    if command.is_container
        && let Some(subcommand) = args.get(1)
    {
        // COMMAND alone is a command of its own; `COMMAND x` is not.
        command = lookup_subcommand(command, subcommand)?;
    }
    command.takes(args.len()).then_some(command)
}

/// The command found last, since requests of one kind come in a row.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    name: u64,
    name_bytes: usize,
    count: usize,
    command: Option<&'static Command>,
}

impl Recent {
    /// As [`find`].
    #[inline]
    pub fn find(&mut self, args: Args<'_>) -> Option<&'static Command> {
        let name = args.get(0)?;
        let packed = table::packed_now(name);
        if self.command.is_some() && self.name == packed && self.name_bytes == name.len() && self.count == args.len() {
            return self.command;
        }
        let command = find(args);
        let is_plain = name.len() <= table::SHORT && command.is_some_and(|command| command.container().is_none());
        let kept = command.filter(|command| is_plain && !command.is_container);
        *self = Recent { name: packed, name_bytes: name.len(), count: args.len(), command: kept };
        command
    }
}

/// Why a request fits no row.
#[cold]
fn misfit(args: Args<'_>) -> WireError {
    let Some(command) = lookup(args.get(0).unwrap_or_default()) else { return unknown_command(args) };
    match args.get(1) {
        Some(subcommand) if command.is_container => match lookup_subcommand(command, subcommand) {
            Some(row) => wrong_arity(row),
            None => unknown_subcommand(command, subcommand),
        },
        _ => wrong_arity(command),
    }
}

pub fn wrong_arity(command: &Command) -> WireError {
    WireError::WrongArity { command: command.name.into() }
}

pub fn unknown_subcommand(container: &Command, subcommand: &[u8]) -> WireError {
    WireError::UnknownSubcommand { command: container.name.to_ascii_uppercase(), subcommand: text(subcommand, 128) }
}

/// As Redis shows bytes to people: in double quotes, what is not printable as an escape.
pub(crate) fn quote(bytes: &[u8], to: &mut Vec<u8>) {
    to.push(b'"');
    for byte in bytes {
        match byte {
            b'"' | b'\\' => to.extend([b'\\', *byte]),
            b'\n' => to.extend(b"\\n"),
            b'\r' => to.extend(b"\\r"),
            b'\t' => to.extend(b"\\t"),
            7 => to.extend(b"\\a"),
            8 => to.extend(b"\\b"),
            b' '..=b'~' => to.push(*byte),
            byte => to.extend(format!("\\x{byte:02x}").bytes()),
        }
    }
    to.push(b'"');
}

/// What Redis says to a subcommand that counts its arguments itself.
pub fn unknown_subcommand_or_arity(container: &str, subcommand: &[u8]) -> WireError {
    let subcommand = text(subcommand, 128);
    let text = format!("ERR unknown subcommand or wrong number of arguments for '{subcommand}'. Try {container} HELP.");
    WireError::Other(text)
}

/// Names at most 128 bytes of the command and of its arguments, as Redis does.
fn unknown_command(args: Args<'_>) -> WireError {
    let mut shown = Vec::new();
    let mut bytes = 0;
    for arg in args.iter().skip(1) {
        if bytes >= 128 {
            break;
        }
        let arg = text(arg, 128 - bytes);
        bytes += arg.len() + 3;
        shown.push(arg);
    }
    WireError::UnknownCommand { command: text(args.get(0).unwrap_or_default(), 128), args: shown }
}

/// At most `bytes_max` bytes of a client's argument, for an error text.
fn text(arg: &[u8], bytes_max: usize) -> String {
    String::from_utf8_lossy(&arg[..arg.len().min(bytes_max)]).into_owned()
}

/// Where the keys of XREAD and XREADGROUP are; nowhere if there is no ID for each, or anything else before them.
fn streams(args: Args<'_>) -> Range<usize> {
    match stream::read::streams_at(args) {
        Some(at) if at < args.len() && (args.len() - at).is_multiple_of(2) => at..(at + args.len()) / 2,
        _ => 0..0,
    }
}

impl KeySpec {
    /// Between which indexes its keys are in a request.
    #[inline]
    fn range(&self, args: Args<'_>) -> Range<usize> {
        let (first, count) = (usize::from(self.first), args.len());
        if self.find != Find::Range {
            return self.found(args);
        }
        let end = match usize::try_from(self.last) {
            Ok(from_first) => first + from_first + 1,
            Err(_) => (count + 1).saturating_sub(usize::from(self.last.unsigned_abs())),
        };
        first..end.min(count)
    }

    /// The same where it depends on what is in the request.
    #[cold]
    fn found(&self, args: Args<'_>) -> Range<usize> {
        let first = usize::from(self.first);
        match self.find {
            Find::Count => {
                let count = args.get(first).and_then(crate::number::parse_integer).unwrap_or(0);
                let count = usize::try_from(count).unwrap_or(0).min(args.len().saturating_sub(first + 1));
                first + 1..first + 1 + count
            }
            Find::Word(word) => {
                let is_it =
                    |index: &usize| args.get(*index).is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()));
                // The last one counts, as it does for who runs it.
                match (first..args.len().saturating_sub(1)).rev().find(is_it) {
                    Some(index) => index + 1..index + 2,
                    None => 0..0,
                }
            }
            Find::Streams => streams(args),
            Find::Range => 0..0,
        }
    }

    /// Indexes of its keys in a request, ascending.
    pub fn indexes(&self, args: Args<'_>) -> impl Iterator<Item = usize> + Clone + use<> {
        self.range(args).step_by(usize::from(self.step))
    }
}

/// Indexes of a request's keys, ascending within each key spec.
pub fn key_indexes<'a>(command: &'static Command, args: Args<'a>) -> impl Iterator<Item = usize> + Clone + use<'a> {
    command.keys.iter().flat_map(move |spec| spec.indexes(args))
}

/// The keys of a request whose arity was checked.
pub fn keys_of<'a>(command: &'static Command, args: Args<'a>) -> impl Iterator<Item = &'a [u8]> + Clone {
    key_indexes(command, args).filter_map(move |index| args.get(index))
}

/// The bytes of a string value.
pub fn string_of(value: ValueRef<'_>) -> Result<&[u8], WireError> {
    value.as_string().ok_or(WireError::WrongType)
}

/// Why the engine did not make a change, as a client is told.
pub(crate) fn refused(refused: Refused) -> WireError {
    match refused {
        Refused::OutOfMemory(_) => WireError::OutOfMemory,
        Refused::Journal => WireError::NotServing,
    }
}

impl<'a> Context<'a> {
    /// The argument at `index`; empty when there is none, which an arity check rules out.
    pub fn arg(&self, index: usize) -> &'a [u8] {
        self.args.get(index).unwrap_or_default()
    }

    /// Says what a command did to a key. Whoever changes a key says so here, under its lock or right behind: clients that keep a
    /// copy of it, or watch it, hear of nothing else. Costs one load while nobody wants to know.
    #[inline]
    pub fn notify(&self, class: Class, event: &'static str, key: &[u8]) {
        if self.node.events.are_watched() {
            self.note(class, event, self.database, key);
        }
    }

    /// What an expiry did: this `event`, or delete the key when it has passed.
    pub fn event_of_expiry(&self, expires_at_ms: Option<u64>, event: &'static str) -> &'static str {
        if expires_at_ms.is_some_and(|at| at <= self.now_ms) { "del" } else { event }
    }

    /// The same as [`Context::notify`] in another database than the client's.
    #[cold]
    pub fn note(&self, class: Class, name: &'static str, database: u16, key: &[u8]) {
        if self.node.events.is_of_use(class) {
            let database = database % DATABASES;
            self.node.events.note(Event { class, name, database, key: key.into(), by: self.client.id });
        }
    }

    pub fn namespace_of(&self, key: &[u8]) -> NamespaceId {
        self.view.namespace_of(self.database, key)
    }

    pub fn namespace(&self, id: NamespaceId) -> &'a NamespaceSpec {
        self.view.namespace(id)
    }

    /// The slot of a key of the client's database.
    pub fn slot_of(&self, key: &[u8]) -> Slot {
        slot_in(self.database, key)
    }

    /// Where a key is: known already for the request's first key itself, of which `key` must be the very bytes for that.
    #[inline]
    pub fn place_of(&self, key: &[u8]) -> KeyPlace {
        match self.first_key {
            Some((first, place)) if std::ptr::eq(first, key) => *place,
            _ => KeyPlace::new(self.node, self.database, key),
        }
    }

    /// Locks a key's slot for reading, or for a change that needs no room.
    #[inline]
    pub fn lock(&self, key: &[u8]) -> Guard<'a> {
        let place = self.place_of(key);
        self.node.engine().lock(place.slot.number()).knows(place.database, key, place.hash)
    }

    /// Locks a key's slot once there is room for a value of `value_bytes` under it.
    #[inline]
    pub fn lock_with_room(
        &self,
        key: &[u8],
        namespace: NamespaceId,
        value_bytes: usize,
    ) -> Result<Guard<'a>, WireError> {
        self.lock_place_with_room(self.place_of(key), key, namespace, value_bytes)
    }

    /// The same for a key of another database, which this node serves.
    pub fn lock_with_room_in(
        &self,
        database: u16,
        key: &[u8],
        namespace: NamespaceId,
        value_bytes: usize,
    ) -> Result<Guard<'a>, WireError> {
        self.lock_place_with_room(KeyPlace::new(self.node, database, key), key, namespace, value_bytes)
    }

    fn lock_place_with_room(
        &self,
        place: KeyPlace,
        key: &[u8],
        namespace: NamespaceId,
        value_bytes: usize,
    ) -> Result<Guard<'a>, WireError> {
        let bytes = charge(key.len(), value_bytes as u64);
        let guard = self.node.engine().lock_with_room(place.slot.number(), namespace, bytes, self.now_ms);
        let guard = guard.map_err(|OutOfMemory| WireError::OutOfMemory)?;
        Ok(guard.knows(place.database, key, place.hash))
    }

    /// The entry of a key, for a command that answers from it: counts a hit or a miss, and as a use of the key unless the
    /// client asked not to (`CLIENT NO-TOUCH`).
    pub fn read<'g>(&self, guard: &'g mut Guard<'_>, key: &[u8], namespace: NamespaceId) -> Option<EntryRef<'g>> {
        let entry = if self.client.no_touch {
            guard.peek(self.database, key, self.now_ms)
        } else {
            guard.get(self.database, key, namespace, self.now_ms)
        };
        if entry.is_none() {
            self.notify(Class::MISS, "keymiss", key);
        }
        entry
    }

    /// Puts a value for which the guard has room. One that has expired already deletes the key instead.
    pub fn put(
        &self,
        guard: &mut Guard<'_>,
        key: &[u8],
        value: ValueRef<'_>,
        expires_at_ms: Option<u64>,
        namespace: NamespaceId,
    ) -> Result<(), WireError> {
        if expires_at_ms.is_some_and(|at| at <= self.now_ms) {
            return self.remove(guard, key).map(|_| ());
        }
        let is_new = self.node.events.are_watched()
            && self.node.events.is_of_use(Class::NEW)
            && guard.peek(self.database, key, self.now_ms).is_none();
        if is_new {
            self.note(Class::NEW, "new", self.database, key);
        }
        let set = guard.set(self.database, key, value, expires_at_ms, namespace, self.now_ms);
        set.map_err(refused)
    }

    /// Gives an existing key this expiry, or none. One in the past deletes the key.
    pub fn expire(&self, guard: &mut Guard<'_>, key: &[u8], expires_at_ms: Option<u64>) -> Result<(), WireError> {
        if expires_at_ms.is_some_and(|at| at <= self.now_ms) {
            self.remove(guard, key)?;
        } else {
            guard.set_expiry(self.database, key, expires_at_ms, self.now_ms).map_err(refused)?;
        }
        Ok(())
    }

    /// Whether there was one to delete.
    pub fn remove(&self, guard: &mut Guard<'_>, key: &[u8]) -> Result<bool, WireError> {
        guard.remove(self.database, key, self.now_ms).map_err(refused)
    }

    /// Whether this node serves the slot; it may still hold entries of slots it lost.
    pub fn is_mine(&self, slot: u16) -> bool {
        Slot::new(slot).is_some_and(|slot| self.view.is_mine(slot))
    }

    /// When a write with this expiry, or none, expires: the namespace's default TTL fills in, its maximum cuts, and its
    /// jitter shortens.
    pub fn expiry_of_write(&self, namespace: NamespaceId, asked_ms: Option<u64>) -> Option<u64> {
        let spec = self.namespace(namespace);
        let default = spec.default_ttl_ms.map(|ttl| self.now_ms.saturating_add(ttl));
        let expires_at_ms = self.expiry_within(namespace, asked_ms.or(default))?;
        let Some(percent) = spec.ttl_jitter_percent else { return Some(expires_at_ms) };
        let most = (u128::from(expires_at_ms.saturating_sub(self.now_ms)) * u128::from(percent) / 100) as u64;
        Some(expires_at_ms - self.node.random() % (most + 1))
    }

    /// An expiry, or none, cut to the namespace's maximum TTL.
    pub fn expiry_within(&self, namespace: NamespaceId, asked_ms: Option<u64>) -> Option<u64> {
        let longest = self.namespace(namespace).max_ttl_ms.map(|ttl| self.now_ms.saturating_add(ttl));
        match (asked_ms, longest) {
            (Some(asked), Some(longest)) => Some(asked.min(longest)),
            (asked, longest) => asked.or(longest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::transcript::play;
    use super::*;
    use crate::fixture::Cluster;

    #[test]
    fn requests_that_fit_no_row_are_told_so() {
        let cluster = Cluster::new(1);
        let long = "x".repeat(300);
        let shown = &long[..128];
        play(
            &mut cluster.client(0, Door::Gateway),
            &format!(
                "FOO => -ERR unknown command 'FOO', with args beginning with:
                 foo a \"b c\" => -ERR unknown command 'foo', with args beginning with: 'a' 'b c'
                 {long} => -ERR unknown command '{shown}', with args beginning with:
                 foo {long} b => -ERR unknown command 'foo', with args beginning with: '{shown}'
                 GET => -ERR wrong number of arguments for 'get' command
                 get a b => -ERR wrong number of arguments for 'get' command
                 MSET a 1 b => -ERR wrong number of arguments for 'mset' command
                 CLIENT => -ERR wrong number of arguments for 'client' command
                 OBJECT FREQ => -ERR wrong number of arguments for 'object|freq' command
                 object Foo a => -ERR unknown subcommand 'Foo'. Try OBJECT HELP.
                 COMMAND {long} => -ERR unknown subcommand '{shown}'. Try COMMAND HELP.
                 GET|x a => -ERR unknown command 'GET|x', with args beginning with: 'a'
                 object|freq a => -ERR unknown command 'object|freq', with args beginning with: 'a'"
            ),
        );
    }

    #[test]
    fn flags_and_categories_are_named_as_redis_does() {
        let names = |command: &str| {
            let command = lookup(command.as_bytes()).expect("a command");
            let categories: Vec<&str> = command.categories().names().collect();
            (command.flags.names().collect::<Vec<_>>().join(" "), categories.join(" "))
        };
        assert_eq!(names("get"), ("readonly fast".into(), "read string fast".into()));
        assert_eq!(names("set"), ("write denyoom".into(), "write string slow".into()));
        assert_eq!(names("role"), ("noscript loading stale fast".into(), "admin fast dangerous".into()));
        assert_eq!(Categories::named(b"FAST"), Some(Categories::FAST));
        assert_eq!(Categories::named(b"@fast"), None);
    }
}
