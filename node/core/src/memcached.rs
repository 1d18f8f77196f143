//! memcached's commands on one key: what they do to an entry, and what they answer. How they stand on the wire is in
//! [`crate::session`]; how they reach the node that has the key, in [`crate::gateway`].
//!
//! The keys are those of database 0, and the values plain strings: what is set here is read by any Redis client, and the other way
//! round. What memcached keeps beside a value is kept beside it here too, only if there is any:
//!
//! ```text
//! database 0   key ─► value                           what every client sees
//! database 16  key ─► flags · id · state · of which   only with flags, a stale mark, a token or an id that was asked for
//!                     value this is
//! ```
//!
//! Both lie in one slot, and change under one lock. An entry whose value was changed by a Redis client has the plain notes again,
//! since these say of which value they are. The id (`cas`) of a plain value is made from its bytes: equal values have equal ids, and
//! `cas` still stores only where nobody changed the value that was read.
//!
//! Not here: slabs, the LRU crawler and their settings; `lru`, `slabs`, `cache_memlimit` and `watch` are answered `ERROR`.

use crate::command::{self, Categories, Command, Context, Find, Flags, Gateway, KeySpec, refused, string_of};
use crate::events::Class;
use crate::number::parse_integer;
use dcache_engine::{Guard, NamespaceId, ValueRef};
use dcache_protocol::error::WireError;
use dcache_protocol::namespace::DATABASES;
use std::sync::LazyLock;

/// What nodes begin such requests with; no client can. Behind it: the key, the verb, its words, and data where the verb has some.
pub(crate) const WORD: &[u8] = b"dcache.memcached";

/// Where notes are kept; no client can select it.
pub(crate) const NOTES_DATABASE: u16 = DATABASES;

/// Longest key.
pub(crate) const KEY_BYTES_MAX: usize = 250;

/// Longest value.
pub(crate) const VALUE_BYTES_MAX: usize = crate::command::string::STRING_BYTES_MAX;

/// A time to live above this many seconds is a moment.
const RELATIVE_SECONDS_MAX: i64 = 60 * 60 * 24 * 30;

const NOTE_BYTES: usize = 4 + 8 + 1 + 8;
const STALE: u8 = 1;
/// A client was told that it is the one to make the value anew.
const WON: u8 = 2;

/// What is kept beside a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Note {
    flags: u32,
    id: u64,
    state: u8,
}

impl Note {
    fn plain(value: &[u8]) -> Note {
        Note { flags: 0, id: id_of(value), state: 0 }
    }

    fn is_plain(&self, value: &[u8]) -> bool {
        *self == Note::plain(value)
    }

    fn encode(&self, value: &[u8]) -> [u8; NOTE_BYTES] {
        let mut bytes = [0; NOTE_BYTES];
        bytes[..4].copy_from_slice(&self.flags.to_le_bytes());
        bytes[4..12].copy_from_slice(&self.id.to_le_bytes());
        bytes[12] = self.state;
        bytes[13..].copy_from_slice(&id_of(value).to_le_bytes());
        bytes
    }

    /// None when it is of another value.
    fn decode(bytes: &[u8], value: &[u8]) -> Option<Note> {
        let bytes: &[u8; NOTE_BYTES] = bytes.try_into().ok()?;
        let number = |at: usize| u64::from_le_bytes(std::array::from_fn(|index| bytes[at + index]));
        let flags = u32::from_le_bytes(std::array::from_fn(|index| bytes[index]));
        (number(13) == id_of(value)).then(|| Note { flags, id: number(4), state: bytes[12] })
    }
}

/// The id of a plain value; never 0. The same on every node (FNV-1a over words, mixed as splitmix64 does).
fn id_of(value: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ value.len() as u64;
    for chunk in value.chunks(8) {
        let word = chunk.iter().fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
        hash = (hash ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        hash ^= hash >> 29;
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (hash ^ (hash >> 31)) >> 1 | 1
}

/// Rows for reads and writes, for routing, guarding and counting: as GET's and SET's, whose counters they have.
static ROWS: LazyLock<[Command; 2]> = LazyLock::new(|| {
    const KEY: &[KeySpec] = &[KeySpec { first: 1, last: 0, step: 1, flags: &[], notes: None, find: Find::Range }];
    let row = |name: &'static str, flags: Flags| {
        let like = command::lookup(name.as_bytes()).expect("GET and SET are commands");
        Command { arity: -3, flags, groups: Categories::STRING, keys: KEY, gateway: Gateway::Single, run, ..*like }
    };
    [row("get", Flags::READONLY), row("set", Flags::WRITE.or(Flags::DENYOOM))]
});

/// The row of a verb. `mg` reads, unless it says that it may change something.
pub(crate) fn row_of<'w>(verb: &[u8], mut words: impl Iterator<Item = &'w [u8]>) -> &'static Command {
    let reads = match verb {
        b"get" | b"gets" | b"me" => true,
        b"mg" => !words.any(|word| matches!(word.first(), Some(b'N' | b'R' | b'T' | b'E'))),
        _ => false,
    };
    if reads { &ROWS[0] } else { &ROWS[1] }
}

/// What memcached says to a request it does not understand.
pub(crate) const BAD_FORMAT: &str = "CLIENT_ERROR bad command line format\r\n";

/// Why a request was not done, in memcached's words.
enum Failure {
    Client(&'static str),
    Server(WireError),
}

impl From<WireError> for Failure {
    fn from(error: WireError) -> Failure {
        Failure::Server(error)
    }
}

type Done<T = ()> = Result<T, Failure>;

/// An error of ours in memcached's words.
pub(crate) fn error_line(error: &WireError) -> String {
    match error {
        WireError::OutOfMemory => "SERVER_ERROR out of memory storing object\r\n".into(),
        WireError::ValueTooLarge => "SERVER_ERROR object too large for cache\r\n".into(),
        error => format!("SERVER_ERROR {}\r\n", error.to_string().replace(['\r', '\n'], " ")),
    }
}

fn run(context: &mut Context<'_>) -> Result<(), WireError> {
    let mark = context.reply.buffered();
    let mut item = Item::new(context);
    match item.run() {
        Ok(()) => Ok(()),
        Err(Failure::Client(text)) => {
            context.reply.truncate(mark);
            context.reply.raw(text.as_bytes());
            Ok(())
        }
        Err(Failure::Server(error)) if matches!(error, WireError::NotServing | WireError::NoLease) => Err(error),
        Err(Failure::Server(error)) => {
            context.reply.truncate(mark);
            context.reply.raw(error_line(&error).as_bytes());
            Ok(())
        }
    }
}

/// One request about one key.
struct Item<'c, 'a> {
    context: &'c mut Context<'a>,
    key: &'a [u8],
    namespace: NamespaceId,
}

/// What is there.
struct Found {
    value: Vec<u8>,
    expires_at_ms: Option<u64>,
    note: Note,
    idle_seconds: u64,
    is_used: bool,
    bytes: u64,
}

impl<'a> Item<'_, 'a> {
    fn new<'c>(context: &'c mut Context<'a>) -> Item<'c, 'a> {
        let key = context.arg(1);
        let namespace = context.namespace_of(key);
        Item { context, key, namespace }
    }

    fn word(&self, index: usize) -> &'a [u8] {
        self.context.args.get(3 + index).unwrap_or_default()
    }

    fn say(&mut self, text: impl AsRef<[u8]>) {
        self.context.reply.raw(text.as_ref());
    }

    fn run(&mut self) -> Done {
        match self.context.arg(2) {
            b"get" => self.get(false, None),
            b"gets" => self.get(true, None),
            b"gat" => self.get(false, Some(self.word(0))),
            b"gats" => self.get(true, Some(self.word(0))),
            verb @ (b"set" | b"add" | b"replace" | b"append" | b"prepend" | b"cas") => self.store(verb),
            b"incr" => self.add(false),
            b"decr" => self.add(true),
            b"touch" => self.touch(),
            b"delete" => self.delete(),
            b"mg" => self.meta_get(),
            b"ms" => self.meta_set(),
            b"md" => self.meta_delete(),
            b"ma" => self.meta_add(),
            b"me" => self.meta_debug(),
            _ => Err(Failure::Client("ERROR\r\n")),
        }
    }

    /// Unix milliseconds of a time to live in seconds: 0 never, negative now, large a moment.
    fn moment(&self, seconds: i64) -> Option<u64> {
        match seconds {
            0 => None,
            ..0 => Some(0),
            1..=RELATIVE_SECONDS_MAX => Some(self.context.now_ms.saturating_add(seconds.unsigned_abs() * 1000)),
            _ => Some(seconds.unsigned_abs().saturating_mul(1000)),
        }
    }

    fn expiry(&self, word: &[u8]) -> Done<Option<u64>> {
        let seconds = parse_integer(word).ok_or(Failure::Client("CLIENT_ERROR invalid exptime argument\r\n"))?;
        Ok(self.moment(seconds))
    }

    fn lock(&self) -> Guard<'a> {
        self.context.lock(self.key)
    }

    fn lock_with_room(&self, value_bytes: usize) -> Done<Guard<'a>> {
        // A note beside it takes its own key along.
        let room = value_bytes + self.key.len() + NOTE_BYTES + dcache_engine::ENTRY_OVERHEAD as usize;
        Ok(self.context.lock_with_room(self.key, self.namespace, room)?)
    }

    fn note_at(&self, guard: &mut Guard<'_>, value: &[u8]) -> Note {
        let entry = guard.peek(NOTES_DATABASE, self.key, self.context.now_ms);
        let note = entry.and_then(|entry| Note::decode(entry.value().as_string()?, value));
        note.unwrap_or_else(|| Note::plain(value))
    }

    /// What is there; counted as a hit or a miss, and as a use, if that is said.
    fn find(&self, guard: &mut Guard<'_>, counts: bool) -> Done<Option<Found>> {
        let now_ms = self.context.now_ms;
        let before = guard.peek(0, self.key, now_ms).map(|entry| (entry.idle_ms(now_ms) / 1000, entry.frequency() > 0));
        let entry = match counts {
            true => self.context.read(guard, self.key, self.namespace),
            false => guard.peek(0, self.key, now_ms),
        };
        let Some(entry) = entry else { return Ok(None) };
        let Ok(value) = string_of(entry.value()) else {
            return Err(Failure::Client("SERVER_ERROR the key holds another type of Redis than a string\r\n"));
        };
        let (value, expires_at_ms, bytes) = (value.to_vec(), entry.expires_at_ms(), entry.charged_bytes());
        let note = self.note_at(guard, &value);
        let (idle_seconds, is_used) = before.unwrap_or_default();
        Ok(Some(Found { value, expires_at_ms, note, idle_seconds, is_used, bytes }))
    }

    /// Puts value and note. One that has expired already goes instead.
    fn put(
        &self,
        guard: &mut Guard<'_>,
        value: &[u8],
        note: Note,
        expires_at_ms: Option<u64>,
        event: &'static str,
    ) -> Done {
        let now_ms = self.context.now_ms;
        self.context.put(guard, self.key, ValueRef::String(value), expires_at_ms, self.namespace)?;
        self.context.notify(Class::STRING, event, self.key);
        if note.is_plain(value) || expires_at_ms.is_some_and(|at| at <= now_ms) {
            guard.remove(NOTES_DATABASE, self.key, now_ms).map_err(refused)?;
        } else {
            let bytes = note.encode(value);
            let bytes = ValueRef::String(&bytes);
            let set = guard.set(NOTES_DATABASE, self.key, bytes, expires_at_ms, self.namespace, now_ms);
            set.map_err(refused)?;
        }
        Ok(())
    }

    fn remove(&self, guard: &mut Guard<'_>) -> Done<bool> {
        let is_gone = self.context.remove(guard, self.key)?;
        guard.remove(NOTES_DATABASE, self.key, self.context.now_ms).map_err(refused)?;
        if is_gone {
            self.context.notify(Class::GENERIC, "del", self.key);
        }
        Ok(is_gone)
    }

    fn set_expiry(&self, guard: &mut Guard<'_>, expires_at_ms: Option<u64>) -> Done {
        let expires_at_ms = self.context.expiry_within(self.namespace, expires_at_ms);
        self.context.expire(guard, self.key, expires_at_ms)?;
        let event = self.context.event_of_expiry(expires_at_ms, "expire");
        self.context.notify(Class::GENERIC, event, self.key);
        if guard.peek(NOTES_DATABASE, self.key, self.context.now_ms).is_some() {
            let set = guard.set_expiry(NOTES_DATABASE, self.key, expires_at_ms, self.context.now_ms);
            set.map_err(refused)?;
        }
        Ok(())
    }

    /// What a fresh value has beside it: no mark, and an id no other has where it is not plain.
    fn fresh(&self, flags: u32, value: &[u8]) -> Note {
        match flags {
            0 => Note::plain(value),
            flags => Note { flags, id: self.context.node.random() >> 1 | 1, state: 0 },
        }
    }

    fn get(&mut self, shows_id: bool, expiry: Option<&[u8]>) -> Done {
        let expiry = expiry.map(|word| self.expiry(word)).transpose()?;
        let mut guard = self.lock();
        let found = self.find(&mut guard, true)?;
        let Some(Found { value, note, .. }) = found else { return Ok(()) };
        if let Some(expires_at_ms) = expiry {
            self.set_expiry(&mut guard, expires_at_ms)?;
        }
        drop(guard);
        let id = if shows_id { format!(" {}", note.id) } else { String::new() };
        self.say("VALUE ");
        self.say(self.key);
        self.say(format!(" {} {}{id}\r\n", note.flags, value.len()));
        self.say(&value);
        self.say("\r\n");
        Ok(())
    }

    /// `flags exptime [id]` and data.
    fn store(&mut self, verb: &[u8]) -> Done {
        let data = self.context.arg(self.context.args.len() - 1);
        let flags = number_of(self.word(0)).and_then(|flags| u32::try_from(flags).ok());
        let flags = flags.ok_or(Failure::Client(BAD_FORMAT))?;
        let expires_at_ms = self.expiry(self.word(1))?;
        let wanted = match verb {
            b"cas" => Some(number_of(self.word(3)).ok_or(Failure::Client(BAD_FORMAT))?),
            _ => None,
        };
        let mut guard = self.lock_with_room(data.len())?;
        let found = self.find(&mut guard, false)?;
        let answer = match (verb, found) {
            (b"cas", None) => "NOT_FOUND\r\n",
            (b"cas", Some(found)) if wanted != Some(found.note.id) => "EXISTS\r\n",
            (b"add", Some(_)) | (b"replace" | b"append" | b"prepend", None) => "NOT_STORED\r\n",
            (b"append" | b"prepend", Some(found)) => {
                let value = joined(verb == b"append", &found.value, data)?;
                let note = self.fresh(found.note.flags, &value);
                self.put(&mut guard, &value, note, found.expires_at_ms, "append")?;
                "STORED\r\n"
            }
            _ => {
                let expires_at_ms = self.context.expiry_of_write(self.namespace, expires_at_ms);
                self.put(&mut guard, data, self.fresh(flags, data), expires_at_ms, "set")?;
                "STORED\r\n"
            }
        };
        drop(guard);
        self.say(answer);
        Ok(())
    }

    fn add(&mut self, is_less: bool) -> Done {
        let by = number_of(self.word(0)).ok_or(Failure::Client("CLIENT_ERROR invalid numeric delta argument\r\n"))?;
        let mut guard = self.lock_with_room(20)?;
        let Some(found) = self.find(&mut guard, false)? else {
            drop(guard);
            self.say("NOT_FOUND\r\n");
            return Ok(());
        };
        let text = sum(&found.value, by, is_less)?;
        let note = self.fresh(found.note.flags, text.as_bytes());
        self.put(&mut guard, text.as_bytes(), note, found.expires_at_ms, "incrby")?;
        drop(guard);
        self.say(text + "\r\n");
        Ok(())
    }

    fn touch(&mut self) -> Done {
        let expires_at_ms = self.expiry(self.word(0))?;
        let mut guard = self.lock();
        let is_there = self.find(&mut guard, false)?.is_some();
        if is_there {
            self.set_expiry(&mut guard, expires_at_ms)?;
        }
        drop(guard);
        self.say(if is_there { "TOUCHED\r\n" } else { "NOT_FOUND\r\n" });
        Ok(())
    }

    fn delete(&mut self) -> Done {
        let mut guard = self.lock();
        let is_there = self.find(&mut guard, false)?.is_some();
        if is_there {
            self.remove(&mut guard)?;
        }
        drop(guard);
        self.say(if is_there { "DELETED\r\n" } else { "NOT_FOUND\r\n" });
        Ok(())
    }

    /// The words behind a meta command's key, or behind its length.
    fn options(&self, first: usize, ends_before: usize) -> Done<Options<'a>> {
        let words = self.context.args.iter().skip(3 + first);
        let count = self.context.args.len().saturating_sub(3 + first + ends_before);
        Options::parse(words.take(count))
    }

    fn meta_get(&mut self) -> Done {
        let options = self.options(0, 0)?;
        let expiry = options.ttl.map(|seconds| self.moment(seconds));
        // A write makes its room before it locks; a read that might mark what it finds does not wait for any.
        let mut guard = match options.vivify {
            Some(_) => self.lock_with_room(0)?,
            None => self.lock(),
        };
        let mut found = self.find(&mut guard, true)?;
        let mut won = false;
        if let (None, Some(seconds)) = (&found, options.vivify) {
            let expires_at_ms = self.context.expiry_of_write(self.namespace, self.moment(seconds));
            let id = options.new_id.unwrap_or_else(|| self.context.node.random() >> 1 | 1);
            self.put(&mut guard, b"", Note { flags: 0, id, state: WON }, expires_at_ms, "set")?;
            won = true;
            found = self.find(&mut guard, false)?;
        }
        let Some(mut found) = found else {
            drop(guard);
            if !options.is_quiet {
                self.say("EN\r\n");
            }
            return Ok(());
        };
        let is_stale = found.note.state & STALE != 0;
        let was_won = !won && found.note.state & WON != 0;
        let left_seconds = found.expires_at_ms.map(|at| at.saturating_sub(self.context.now_ms) / 1000);
        let is_due = options.recache.is_some_and(|bound| left_seconds.is_some_and(|left| left < bound));
        if (is_stale || is_due) && !was_won && !won {
            won = true;
            let note = Note { state: found.note.state | WON, ..found.note };
            let bytes = note.encode(&found.value);
            let bytes = ValueRef::String(&bytes);
            let now_ms = self.context.now_ms;
            // Where that cannot be kept, another client is told the same.
            let _ = guard.set(NOTES_DATABASE, self.key, bytes, found.expires_at_ms, self.namespace, now_ms);
        }
        if let Some(expires_at_ms) = expiry {
            self.set_expiry(&mut guard, expires_at_ms)?;
            found.expires_at_ms = expires_at_ms;
        }
        drop(guard);
        let marks = [(won, " W"), (is_stale, " X"), (was_won, " Z")];
        let marks: String = marks.iter().filter(|(set, _)| *set).map(|(_, mark)| *mark).collect();
        self.show(&options, Some(&found), "HD", &marks);
        Ok(())
    }

    /// The reply of a meta command, with what it asked to be shown.
    fn show(&mut self, options: &Options<'a>, found: Option<&Found>, code: &str, marks: &str) {
        let value = found.filter(|_| options.shows_value);
        match value {
            Some(found) => self.say(format!("VA {}", found.value.len())),
            None => self.say(code),
        }
        for flag in &options.shown {
            match (flag[0], found) {
                (b'k', _) => {
                    self.say(" k");
                    self.say(options.key_as_sent.unwrap_or(self.key));
                    self.say(if options.key_as_sent.is_some() { " b" } else { "" });
                }
                (b'O', _) => {
                    self.say(" ");
                    self.say(flag);
                }
                (b'c', Some(found)) => self.say(format!(" c{}", found.note.id)),
                (b'f', Some(found)) => self.say(format!(" f{}", found.note.flags)),
                (b'h', Some(found)) => self.say(format!(" h{}", u8::from(found.is_used))),
                (b'l', Some(found)) => self.say(format!(" l{}", found.idle_seconds)),
                (b's', Some(found)) => self.say(format!(" s{}", found.value.len())),
                (b't', Some(found)) => {
                    let now_ms = self.context.now_ms;
                    let left = found.expires_at_ms.map(|at| at.saturating_sub(now_ms).div_ceil(1000).to_string());
                    self.say(format!(" t{}", left.unwrap_or_else(|| "-1".into())));
                }
                _ => {}
            }
        }
        self.say(marks);
        self.say("\r\n");
        if let Some(found) = value {
            self.say(&found.value);
            self.say("\r\n");
        }
    }

    fn end(&mut self, options: &Options<'a>, found: Option<&Found>, code: &str) {
        let is_usual = matches!(code, "HD" | "NF");
        if !(options.is_quiet && is_usual) {
            self.show(options, found, code, "");
        }
    }

    /// `datalen flags…` and data.
    fn meta_set(&mut self) -> Done {
        let options = self.options(1, 1)?;
        let data = self.context.arg(self.context.args.len() - 1);
        let expires_at_ms = options.ttl.and_then(|seconds| self.moment(seconds));
        let mut guard = self.lock_with_room(data.len())?;
        let found = self.find(&mut guard, false)?;
        let mode = options.mode.unwrap_or(b'S').to_ascii_uppercase();
        let differs = options.wanted_id.zip(found.as_ref()).is_some_and(|(wanted, found)| wanted != found.note.id);
        // With `I`, what is based on an older value is stored all the same, as stale.
        let state = if differs && options.invalidates { STALE } else { 0 };
        let code = match (mode, &found) {
            (_, None) if options.wanted_id.is_some() => "NF",
            _ if differs && !options.invalidates => "EX",
            (b'E', Some(_)) | (b'R', None) => "NS",
            (b'A' | b'P', None) if options.vivify.is_none() => "NS",
            (b'S' | b'E' | b'R' | b'A' | b'P', _) => "HD",
            _ => return Err(Failure::Client("CLIENT_ERROR invalid mode for ms\r\n")),
        };
        let mut shown = None;
        if code == "HD" {
            let (value, flags, expires_at_ms) = match (mode, &found) {
                (b'A' | b'P', Some(found)) => {
                    (joined(mode == b'A', &found.value, data)?, found.note.flags, found.expires_at_ms)
                }
                (b'A' | b'P', None) => {
                    let expires_at_ms = options.vivify.and_then(|seconds| self.moment(seconds));
                    let expires_at_ms = self.context.expiry_of_write(self.namespace, expires_at_ms);
                    (data.to_vec(), options.flags, expires_at_ms)
                }
                _ => {
                    let expires_at_ms = self.context.expiry_of_write(self.namespace, expires_at_ms);
                    (data.to_vec(), options.flags, expires_at_ms)
                }
            };
            let fresh = self.fresh(flags, &value);
            let note = Note { id: options.new_id.unwrap_or(fresh.id), state, ..fresh };
            self.put(&mut guard, &value, note, expires_at_ms, "set")?;
            let is_used = false;
            shown = Some(Found { value, expires_at_ms, note, idle_seconds: 0, is_used, bytes: 0 });
        }
        drop(guard);
        self.end(&options, shown.as_ref(), code);
        Ok(())
    }

    fn meta_delete(&mut self) -> Done {
        let options = self.options(0, 0)?;
        let mut guard = self.lock_with_room(0)?;
        let found = self.find(&mut guard, false)?;
        let code = match &found {
            None => "NF",
            Some(found) if options.wanted_id.is_some_and(|wanted| wanted != found.note.id) => "EX",
            Some(_) => "HD",
        };
        if let Some(found) = found.filter(|_| code == "HD") {
            let value = if options.empties { &[][..] } else { &found.value };
            let expires_at_ms = match options.ttl {
                Some(seconds) => self.context.expiry_within(self.namespace, self.moment(seconds)),
                None => found.expires_at_ms,
            };
            if options.invalidates {
                let id = options.new_id.unwrap_or_else(|| self.context.node.random() >> 1 | 1);
                self.put(&mut guard, value, Note { flags: found.note.flags, id, state: STALE }, expires_at_ms, "set")?;
            } else if options.empties {
                self.put(&mut guard, value, self.fresh(0, value), expires_at_ms, "set")?;
            } else {
                self.remove(&mut guard)?;
            }
        }
        drop(guard);
        self.end(&options, None, code);
        Ok(())
    }

    fn meta_add(&mut self) -> Done {
        let options = self.options(0, 0)?;
        let is_less = match options.mode.unwrap_or(b'I') {
            b'I' | b'i' | b'+' => false,
            b'D' | b'd' | b'-' => true,
            _ => return Err(Failure::Client("CLIENT_ERROR invalid mode for ma\r\n")),
        };
        let mut guard = self.lock_with_room(20)?;
        let found = self.find(&mut guard, false)?;
        let (code, shown) = match (found, options.vivify) {
            (None, None) => ("NF", None),
            (None, Some(seconds)) => {
                let value = options.initial.to_string().into_bytes();
                let expires_at_ms = self.context.expiry_of_write(self.namespace, self.moment(seconds));
                let fresh = self.fresh(options.flags, &value);
                let note = Note { id: options.new_id.unwrap_or(fresh.id), ..fresh };
                self.put(&mut guard, &value, note, expires_at_ms, "incrby")?;
                ("HD", Some(Found { value, expires_at_ms, note, idle_seconds: 0, is_used: false, bytes: 0 }))
            }
            (Some(found), _) if options.wanted_id.is_some_and(|wanted| wanted != found.note.id) => ("EX", None),
            (Some(found), _) => {
                let value = sum(&found.value, options.delta, is_less)?.into_bytes();
                let expires_at_ms = match options.ttl {
                    Some(seconds) => self.context.expiry_within(self.namespace, self.moment(seconds)),
                    None => found.expires_at_ms,
                };
                let fresh = self.fresh(found.note.flags, &value);
                let note = Note { id: options.new_id.unwrap_or(fresh.id), ..fresh };
                self.put(&mut guard, &value, note, expires_at_ms, "incrby")?;
                ("HD", Some(Found { value, expires_at_ms, note, ..found }))
            }
        };
        drop(guard);
        self.end(&options, shown.as_ref(), code);
        Ok(())
    }

    fn meta_debug(&mut self) -> Done {
        let mut guard = self.lock();
        let found = self.find(&mut guard, false)?;
        drop(guard);
        let Some(found) = found else {
            self.say("EN\r\n");
            return Ok(());
        };
        let now_ms = self.context.now_ms;
        let left = found.expires_at_ms.map_or("-1".into(), |at| (at.saturating_sub(now_ms) / 1000).to_string());
        self.say("ME ");
        self.say(self.key);
        self.say(format!(
            " exp={left} la={} cas={} fetch={} cls=1 size={}\r\n",
            found.idle_seconds,
            found.note.id,
            if found.is_used { "yes" } else { "no" },
            found.bytes
        ));
        Ok(())
    }
}

/// What a meta command's flags say.
#[derive(Default)]
struct Options<'a> {
    is_quiet: bool,
    shows_value: bool,
    /// Flags that are shown in the reply, in the order they were given.
    shown: Vec<&'a [u8]>,
    /// The key as it was sent, when that was in base64.
    key_as_sent: Option<&'a [u8]>,
    flags: u32,
    ttl: Option<i64>,
    vivify: Option<i64>,
    recache: Option<u64>,
    wanted_id: Option<u64>,
    new_id: Option<u64>,
    invalidates: bool,
    empties: bool,
    mode: Option<u8>,
    initial: u64,
    delta: u64,
}

impl<'a> Options<'a> {
    fn parse(words: impl Iterator<Item = &'a [u8]>) -> Done<Options<'a>> {
        let mut options = Options { delta: 1, ..Options::default() };
        let bad = || Failure::Client("CLIENT_ERROR bad token in command line format\r\n");
        for word in words {
            let Some((&flag, token)) = word.split_first() else { continue };
            let number = || number_of(token).ok_or_else(bad);
            let seconds = || parse_integer(token).ok_or_else(bad);
            match flag {
                b'q' => options.is_quiet = true,
                b'v' => options.shows_value = true,
                b'c' | b'f' | b'h' | b'k' | b'l' | b's' | b't' => options.shown.push(&word[..1]),
                b'O' if token.len() <= 32 => options.shown.push(word),
                b'b' => {}
                // Put there by the session: the key before it was decoded.
                b'K' => options.key_as_sent = Some(token),
                b'F' => options.flags = u32::try_from(number()?).map_err(|_| bad())?,
                b'T' => options.ttl = Some(seconds()?),
                b'N' => options.vivify = Some(seconds()?),
                b'R' => options.recache = Some(number()?),
                b'C' => options.wanted_id = Some(number()?),
                b'E' => options.new_id = Some(number()?),
                b'I' => options.invalidates = true,
                b'x' => options.empties = true,
                b'M' => options.mode = Some(*token.first().ok_or_else(bad)?),
                b'J' => options.initial = number()?,
                b'D' => options.delta = number()?,
                // As memcached does: proxies' own flags.
                b'P' | b'L' => {}
                _ => return Err(Failure::Client("CLIENT_ERROR invalid flag\r\n")),
            }
        }
        Ok(options)
    }
}

/// Decimal digits within `u64`.
pub(crate) fn number_of(text: &[u8]) -> Option<u64> {
    command::key::parse_cursor(text)
}

fn joined(is_behind: bool, value: &[u8], more: &[u8]) -> Done<Vec<u8>> {
    if value.len() + more.len() > VALUE_BYTES_MAX {
        return Err(WireError::ValueTooLarge.into());
    }
    Ok(if is_behind { [value, more].concat() } else { [more, value].concat() })
}

/// As memcached counts: up it wraps at 64 bits, down it stops at 0.
fn sum(value: &[u8], by: u64, is_less: bool) -> Done<String> {
    let number = number_of(value.trim_ascii_end());
    let number = number.ok_or(Failure::Client("CLIENT_ERROR cannot increment or decrement non-numeric value\r\n"))?;
    Ok(if is_less { number.saturating_sub(by) } else { number.wrapping_add(by) }.to_string())
}

#[cfg(test)]
mod tests;
