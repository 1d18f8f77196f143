//! The data verbs for single keys: get, mget, set, del, exists, ttl, incr. Bytes in are bytes out.
//!
//! The connection is in `door.rs`, scanning in `scan.rs`.

use super::door::{BATCH, Door, checked};
use super::{App, is_describing};
use crate::args::data::{Del, Exists, Get, Incr, KeyOptions, Mget, Set, Ttl};
use crate::confirm::Danger;
use crate::encoding::{Encoded, rfc3339};
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::output::{Column, Progress, Style, Table, paint, show_bytes};
use dcache_client::Value;
use dcache_protocol::size::{format_duration_ms, format_size};
use serde::Serialize;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::os::unix::ffi::OsStrExt;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Largest value a node takes.
const VALUE_BYTES_MAX: u64 = 512 << 20;

/// From this many keys on, deleting by pattern asks for the pattern itself.
const SEVERE_FROM: u64 = 1000;

fn key_of(options: &KeyOptions, text: &OsStr) -> Result<Vec<u8>> {
    options.key_encoding.decode(text.as_bytes()).map_err(|why| CliError::usage("invalid key").why(why))
}

fn keys_of(options: &KeyOptions, texts: &[std::ffi::OsString]) -> Result<Vec<Vec<u8>>> {
    texts.iter().map(|text| key_of(options, text)).collect()
}

fn no_such_key(key: &[u8]) -> CliError {
    CliError::brief(Exit::NotFound, format!("no such key: {}", show_bytes(key)))
}

fn unexpected(value: &Value) -> CliError {
    CliError::failed("the node gave an answer that does not fit").why(format!("{value:?}"))
}

/// One key with its value, in JSON.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_encoding: Option<&'static str>,
    value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Entry {
    fn new(key: &[u8], value: Option<&[u8]>) -> Entry {
        let (key, value) = (Encoded::new(key), value.map(Encoded::new));
        let key_encoding = key.unusual();
        let (encoding, value) = value.map(|value| (value.encoding, value.text)).unzip();
        Entry { key: key.text, key_encoding, value, encoding, ..Entry::default() }
    }
}

pub async fn get(app: &App, args: &Get) -> Result<Exit> {
    if is_describing(app) {
        let fields = ["key", "keyEncoding (of a key that is no text)", "value", "encoding", "ttlMs", "node"];
        app.out.describe(&[], "Entry", &fields)?;
        return Ok(Exit::Ok);
    }
    let key = key_of(&args.options, &args.key)?;
    let mut door = Door::open(app, args.options.namespace.as_deref()).await?;
    door.check_inside(&key)?;
    let mut request: Vec<Vec<u8>> = match args.touch {
        Some(_) => vec![b"GETEX".to_vec(), key.clone()],
        None => vec![b"GET".to_vec(), key.clone()],
    };
    if let Some(ttl) = args.touch {
        request.extend([b"PX".to_vec(), ttl.as_millis().to_string().into_bytes()]);
    }
    if !app.out.is_machine() {
        return match door.call(&request).await? {
            Value::Bulk(value) => print_value(app, &key, &value, args.raw).map(|()| Exit::Ok),
            Value::Null => match &args.default {
                Some(default) => print_value(app, &key, default.as_bytes(), args.raw).map(|()| Exit::Ok),
                None => Err(no_such_key(&key)),
            },
            other => Err(unexpected(&other)),
        };
    }
    let mut replies = door.pipeline(&[request, vec![b"PTTL".to_vec(), key.clone()]]).await?.into_iter();
    let (value, ttl) = (checked(replies.next().unwrap_or(Value::Null))?, replies.next());
    let entry = match (&value, &args.default) {
        (Value::Bulk(value), _) => Entry {
            ttl_ms: ttl.and_then(|ttl| ttl.as_integer()).and_then(|ms| u64::try_from(ms).ok()),
            node: door.control.locate(door.database(), &key).await?.node,
            ..Entry::new(&key, Some(value))
        },
        (Value::Null, Some(default)) => Entry::new(&key, Some(default.as_bytes())),
        (Value::Null, None) => return Err(no_such_key(&key)),
        (other, _) => return Err(unexpected(other)),
    };
    app.out.object("Entry", &entry)?;
    Ok(Exit::Ok)
}

/// Exactly the bytes; on a terminal text gets a line end and binary is refused.
fn print_value(app: &App, key: &[u8], value: &[u8], is_raw: bool) -> Result<()> {
    if app.out.format == crate::args::Format::Name {
        return app.out.line(&show_bytes(key));
    }
    if !app.out.is_terminal || is_raw {
        return app.out.data(value);
    }
    let is_text =
        std::str::from_utf8(value).is_ok_and(|text| text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\t')));
    if !is_text {
        let size = format_size(value.len() as u64);
        return Err(CliError::usage(format!("value is binary ({size}); use `> file`, `--raw` or `-o json`")));
    }
    app.out.data(&[value, b"\n"].concat())
}

pub async fn mget(app: &App, args: &Mget) -> Result<Exit> {
    if is_describing(app) {
        app.out.describe(&[], "EntryList", &["items", "each with key", "value", "encoding", "error"])?;
        return Ok(Exit::Ok);
    }
    if !app.out.is_machine() && !args.null {
        return Err(CliError::usage("mget needs a form that keeps values apart")
            .why("a value may hold any bytes, line ends too")
            .hint("use -o json, -o ndjson, or --null for NUL-separated values"));
    }
    let keys = keys_of(&args.options, &args.keys)?;
    let mut door = Door::open(app, args.options.namespace.as_deref()).await?;
    keys.iter().try_for_each(|key| door.check_inside(key))?;
    let requests: Vec<Vec<Vec<u8>>> = keys.iter().map(|key| vec![b"GET".to_vec(), key.clone()]).collect();
    let replies = door.pipeline(&requests).await?;
    let mut found = Found::default();
    let (mut entries, mut bytes) = (Vec::new(), Vec::new());
    for (key, reply) in keys.iter().zip(&replies) {
        let value = match reply {
            Value::Bulk(value) => Some(value.as_slice()),
            _ => None,
        };
        let error = found.count(app, key, reply, value.is_some(), !args.null);
        bytes.extend_from_slice(value.unwrap_or_default());
        bytes.push(0);
        entries.push(Entry { error, ..Entry::new(key, value) });
    }
    match args.null {
        true => app.out.data(&bytes)?,
        false => app.out.list("EntryList", &entries)?,
    }
    found.exit()
}

/// How many keys of a list were there, were missing, or failed.
#[derive(Debug, Default)]
struct Found {
    there: usize,
    missing: usize,
    failed: usize,
    first_failure: Option<CliError>,
}

impl Found {
    /// Counts a reply. What is wrong with it is told on stderr unless the row itself shows it, and is returned.
    fn count(&mut self, app: &App, key: &[u8], reply: &Value, is_there: bool, is_shown: bool) -> Option<String> {
        if let Value::Error(text) = reply {
            let error = CliError::from_reply(text);
            self.failed += 1;
            if !is_shown {
                app.out.say(&format!("dcache: {}: {}", show_bytes(key), error.message));
            }
            let message = error.message.clone();
            self.first_failure.get_or_insert(error);
            return Some(message);
        }
        match is_there {
            true => self.there += 1,
            false => {
                self.missing += 1;
                if !is_shown {
                    app.out.say(&format!("dcache: no such key: {}", show_bytes(key)));
                }
            }
        }
        None
    }

    /// All there: 0. None there: 3. All failed: why. A mixture: 9.
    fn exit(self) -> Result<Exit> {
        match (self.there, self.missing, self.failed, self.first_failure) {
            (_, 0, 0, _) => Ok(Exit::Ok),
            (0, _, 0, _) => Ok(Exit::NotFound),
            (0, 0, _, Some(failure)) => Err(failure),
            _ => Ok(Exit::Partial),
        }
    }
}

pub async fn set(app: &App, args: &Set) -> Result<Exit> {
    if is_describing(app) {
        app.out.describe(&[], "SetResult", &["key", "set", "previous", "previousEncoding"])?;
        return Ok(Exit::Ok);
    }
    let key = key_of(&args.options, &args.key)?;
    let value = match (&args.value, &args.file) {
        (_, Some(path)) => read_file(path)?,
        (Some(value), None) if value == "-" => read_stdin(app)?,
        (Some(value), None) => value.as_bytes().to_vec(),
        (None, None) => return Err(CliError::usage("no value was given")),
    };
    let mut door = Door::open(app, args.options.namespace.as_deref()).await?;
    door.check_inside(&key)?;
    let mut request = vec![b"SET".to_vec(), key.clone(), value];
    if let Some(ttl) = args.ttl {
        request.extend([b"PX".to_vec(), ttl.as_millis().to_string().into_bytes()]);
    }
    let words = [(args.if_absent, "NX"), (args.if_present, "XX"), (args.get, "GET")];
    request.extend(words.iter().filter(|(is_given, _)| *is_given).map(|(_, word)| word.as_bytes().to_vec()));
    let reply = door.call(&request).await?;
    let previous = match &reply {
        Value::Bulk(previous) => Some(previous.as_slice()),
        _ => None,
    };
    let is_set = match (args.get, args.if_absent, args.if_present) {
        (true, true, _) => previous.is_none(),
        (true, _, true) => previous.is_some(),
        (true, false, false) => true,
        (false, ..) => reply != Value::Null,
    };
    if app.out.is_machine() && is_set {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct SetResult {
            key: String,
            set: bool,
            #[serde(skip_serializing_if = "Option::is_none")]
            previous: Option<String>,
            #[serde(skip_serializing_if = "Option::is_none")]
            previous_encoding: Option<&'static str>,
        }
        let (previous, previous_encoding) =
            previous.map(Encoded::new).map(|encoded| (encoded.text, encoded.encoding)).unzip();
        let result = SetResult { key: Encoded::new(&key).text, set: true, previous, previous_encoding };
        app.out.object("SetResult", &result)?;
    } else if let Some(previous) = previous {
        print_value(app, &key, previous, false)?;
    }
    match is_set {
        true => Ok(Exit::Ok),
        false if args.if_absent => {
            Err(CliError::brief(Exit::Conflict, format!("{} exists; not set", show_bytes(&key))))
        }
        false => Err(CliError::brief(Exit::Conflict, format!("{} does not exist; not set", show_bytes(&key)))),
    }
}

fn too_large(length: u64) -> CliError {
    CliError::new(Exit::Limit, format!("the value has {}", format_size(length)))
        .why(format!("a value has at most {}", format_size(VALUE_BYTES_MAX)))
}

fn read_file(path: &std::path::Path) -> Result<Vec<u8>> {
    let failed = |error: io::Error| CliError::failed(format!("cannot read {}", path.display())).why(error);
    let file = File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    if length > VALUE_BYTES_MAX {
        return Err(too_large(length));
    }
    read_bounded(file).map_err(failed)?.ok_or_else(|| too_large(VALUE_BYTES_MAX + 1))
}

fn read_stdin(app: &App) -> Result<Vec<u8>> {
    if io::stdin().is_terminal() {
        app.out.say("reading value from terminal, end with Ctrl-D");
    }
    let read = read_bounded(io::stdin().lock()).map_err(|error| CliError::failed("cannot read stdin").why(error))?;
    read.ok_or_else(|| too_large(VALUE_BYTES_MAX + 1))
}

/// Everything there is; `None` when that is more than a value may have.
fn read_bounded(reader: impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    reader.take(VALUE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= VALUE_BYTES_MAX).then_some(bytes))
}

/// What del tells programs.
#[derive(Serialize)]
struct Deleted {
    deleted: u64,
    missing: u64,
    failed: u64,
}

pub async fn del(app: &App, args: &Del) -> Result<Exit> {
    if is_describing(app) {
        app.out.describe(&[], "Deleted", &["deleted", "missing", "failed"])?;
        return Ok(Exit::Ok);
    }
    let mut door = Door::open(app, args.options.namespace.as_deref()).await?;
    if let Some(pattern) = &args.pattern {
        return del_pattern(app, &mut door, pattern.as_bytes(), args).await;
    }
    let keys = keys_of(&args.options, &args.keys)?;
    keys.iter().try_for_each(|key| door.check_inside(key))?;
    let mut found = Found::default();
    unlink(app, &mut door, &keys, &mut found, keys.len() == 1).await?;
    if app.out.is_machine() {
        let count = |n: usize| n as u64;
        let deleted =
            Deleted { deleted: count(found.there), missing: count(found.missing), failed: count(found.failed) };
        app.out.object("Deleted", &deleted)?;
    } else if found.there < keys.len() && keys.len() > 1 {
        app.out.say(&format!("dcache: deleted {} of {} keys", found.there, keys.len()));
    }
    // A key that is gone already is what was wanted.
    Found { missing: 0, there: found.there + found.missing, ..found }.exit()
}

async fn unlink(app: &App, door: &mut Door, keys: &[Vec<u8>], found: &mut Found, is_told: bool) -> Result<()> {
    let requests: Vec<Vec<Vec<u8>>> = keys.iter().map(|key| vec![b"UNLINK".to_vec(), key.clone()]).collect();
    for (key, reply) in keys.iter().zip(door.pipeline(&requests).await?) {
        let is_failure = matches!(reply, Value::Error(_));
        found.count(app, key, &reply, reply == Value::Integer(1), !is_told && !is_failure);
    }
    Ok(())
}

async fn del_pattern(app: &App, door: &mut Door, pattern: &[u8], args: &Del) -> Result<Exit> {
    let limit = args.limit.unwrap_or(u64::MAX);
    let shown_pattern = show_bytes(pattern);
    let (mut matched, mut first) = (0u64, Vec::new());
    let mut walk = super::scan::Walk::new(door, Some(pattern), 0, BATCH as u64);
    while let Some(keys) = walk.next(door).await? {
        first.extend(keys.iter().take(3 - first.len().min(3)).map(|key| show_bytes(key)));
        matched = matched.saturating_add(keys.len() as u64).min(limit);
        if matched == limit {
            break;
        }
    }
    let told = |deleted, failed| app.out.object("Deleted", &Deleted { deleted, missing: 0, failed });
    if matched == 0 {
        app.out.say(&format!("no key matches {shown_pattern}"));
        if app.out.is_machine() {
            told(0, 0)?;
        }
        return Ok(Exit::Ok);
    }
    let plan = format!("would delete about {matched} keys. First: {}", first.join(" "));
    if args.dry_run {
        app.out.say(&plan);
        app.out.say("nothing was deleted");
        return Ok(Exit::Ok);
    }
    app.out.say(&plan);
    let danger = if matched >= SEVERE_FROM { Danger::Severe(&shown_pattern) } else { Danger::Moderate };
    app.confirm(&format!("Delete about {matched} keys that match {shown_pattern}?"), danger, &app.target()?)?;
    let begun = Instant::now();
    let mut progress = Progress::start(&app.out, "deleting", matched);
    let mut found = Found::default();
    let mut walk = super::scan::Walk::new(door, Some(pattern), 0, BATCH as u64);
    let mut left = limit;
    while left > 0
        && let Some(mut keys) = walk.next(door).await?
    {
        keys.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        left -= keys.len() as u64;
        unlink(app, door, &keys, &mut found, false).await?;
        progress.advance(keys.len() as u64);
    }
    progress.finish();
    let seconds = begun.elapsed().as_secs_f64();
    let rate = dcache_protocol::size::format_count(found.there as f64 / seconds.max(0.001));
    let sign = paint(Style::Green, "✔");
    app.out.say(&format!("{sign} deleted {} keys in {seconds:.1} s ({rate}/s)", found.there));
    if app.out.is_machine() {
        told(found.there as u64, found.failed as u64)?;
    }
    // What went away by itself between the two passes is no failure.
    Found { missing: 0, there: found.there + found.missing, ..found }.exit()
}

const EXISTS_COLUMNS: &[Column] =
    &[Column::new("KEY", "the key"), Column::new("EXISTS", "yes, no, or why that is not known")];

pub async fn exists(app: &App, args: &Exists) -> Result<Exit> {
    if is_describing(app) {
        app.out.describe(EXISTS_COLUMNS, "ExistsList", &["items", "each with key", "exists", "error"])?;
        return Ok(Exit::Ok);
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Row {
        key: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        key_encoding: Option<&'static str>,
        exists: Option<bool>,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    }
    let keys = keys_of(&args.options, &args.keys)?;
    let mut door = Door::open(app, args.options.namespace.as_deref()).await?;
    keys.iter().try_for_each(|key| door.check_inside(key))?;
    let requests: Vec<Vec<Vec<u8>>> = keys.iter().map(|key| vec![b"EXISTS".to_vec(), key.clone()]).collect();
    let replies = door.pipeline(&requests).await?;
    let (mut found, mut table, mut rows) = (Found::default(), Table::new(EXISTS_COLUMNS), Vec::new());
    for (key, reply) in keys.iter().zip(&replies) {
        let is_there = reply.as_integer() == Some(1);
        let error = found.count(app, key, reply, is_there, true);
        let word = error.clone().unwrap_or_else(|| if is_there { "yes" } else { "no" }.into());
        table.row(vec![show_bytes(key), word]);
        let encoded = Encoded::new(key);
        let key_encoding = encoded.unusual();
        rows.push(Row { key: encoded.text, key_encoding, exists: error.is_none().then_some(is_there), error });
    }
    match app.out.is_machine() {
        true => app.out.list("ExistsList", &rows)?,
        false => app.out.table(&table)?,
    }
    found.exit()
}

pub async fn ttl(app: &App, args: &Ttl) -> Result<Exit> {
    if is_describing(app) {
        app.out.describe(&[], "Ttl", &["key", "ttlMs (null: none)", "expiresAt"])?;
        return Ok(Exit::Ok);
    }
    let key = key_of(&args.options, &args.key)?;
    let mut door = Door::open(app, args.options.namespace.as_deref()).await?;
    door.check_inside(&key)?;
    if let Some(ttl) = args.set {
        let ms = ttl.as_millis().to_string().into_bytes();
        return match door.call(&[b"PEXPIRE".to_vec(), key.clone(), ms]).await? {
            Value::Integer(1) => Ok(Exit::Ok),
            _ => Err(no_such_key(&key)),
        };
    }
    if args.persist {
        let requests = [vec![b"PERSIST".to_vec(), key.clone()], vec![b"EXISTS".to_vec(), key.clone()]];
        for reply in door.pipeline(&requests).await? {
            if checked(reply)? == Value::Integer(1) {
                return Ok(Exit::Ok);
            }
        }
        return Err(no_such_key(&key));
    }
    let ttl_ms = match door.call(&[b"PTTL".to_vec(), key.clone()]).await? {
        Value::Integer(-2) => return Err(no_such_key(&key)),
        Value::Integer(-1) => None,
        Value::Integer(ms) => Some(u64::try_from(ms).unwrap_or(0)),
        other => return Err(unexpected(&other)),
    };
    if app.out.is_machine() {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            key: String,
            ttl_ms: Option<u64>,
            #[serde(skip_serializing_if = "Option::is_none")]
            expires_at: Option<String>,
        }
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
        let expires_at = ttl_ms.map(|ms| rfc3339(now_ms.saturating_add(ms)));
        app.out.object("Ttl", &Answer { key: Encoded::new(&key).text, ttl_ms, expires_at })?;
    } else {
        app.out.line(&ttl_ms.map_or_else(|| "none".into(), format_duration_ms))?;
    }
    Ok(Exit::Ok)
}

pub async fn incr(app: &App, args: &Incr) -> Result<Exit> {
    if is_describing(app) {
        app.out.describe(&[], "Number", &["key", "value"])?;
        return Ok(Exit::Ok);
    }
    let key = key_of(&args.options, &args.key)?;
    let mut door = Door::open(app, args.options.namespace.as_deref()).await?;
    door.check_inside(&key)?;
    let mut requests = vec![vec![b"INCRBY".to_vec(), key.clone(), args.by.to_string().into_bytes()]];
    if let Some(ttl) = args.ttl {
        // Only when there is none yet: a counter of a time span keeps the span it began with.
        let ms = ttl.as_millis().to_string().into_bytes();
        requests.push(vec![b"PEXPIRE".to_vec(), key.clone(), ms, b"NX".to_vec()]);
    }
    let mut value = None;
    for reply in door.pipeline(&requests).await? {
        let reply = checked(reply)?;
        value = value.or(reply.as_integer());
    }
    let value = value.ok_or_else(|| CliError::failed("the node gave no number"))?;
    if app.out.is_machine() {
        #[derive(Serialize)]
        struct Number {
            key: String,
            value: i64,
        }
        app.out.object("Number", &Number { key: Encoded::new(&key).text, value })?;
    } else {
        app.out.line(&value.to_string())?;
    }
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_keys_have_their_exit_codes() {
        let failure = || Some(CliError::from_reply("CLUSTERDOWN Hash slot not served: node n2 is down"));
        let exit = |there, missing, failed, first_failure| Found { there, missing, failed, first_failure }.exit();
        assert_eq!(exit(2, 0, 0, None), Ok(Exit::Ok));
        assert_eq!(exit(0, 2, 0, None), Ok(Exit::NotFound));
        assert_eq!(exit(1, 1, 0, None), Ok(Exit::Partial));
        assert_eq!(exit(1, 0, 1, failure()), Ok(Exit::Partial));
        assert_eq!(exit(0, 0, 2, failure()).map_err(|error| error.exit), Err(Exit::Unreachable));
    }

    #[test]
    fn a_missing_value_is_null() {
        let json = serde_json::to_value(Entry::new(b"k", None)).expect("JSON");
        assert_eq!(json, serde_json::json!({"key": "k", "value": null}));
    }
}
