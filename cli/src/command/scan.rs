//! `dcache scan`: keys of the whole cluster, a batch at a time, so that a pipe that closes early costs one batch.

use super::door::{BATCH, Door};
use super::{App, is_describing};
use crate::args::Format;
use crate::args::data::{Scan, With};
use crate::encoding::Encoded;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::output::{Column, Output, Table, show_bytes};
use dcache_client::Value;
use dcache_protocol::control::PartitionTable;
use dcache_protocol::size::{format_duration_ms, format_size};
use dcache_protocol::{PartitionId, slot_of};
use serde::Serialize;
use std::os::unix::ffi::OsStrExt;

/// A walk over all keys by SCAN's cursor.
pub struct Walk {
    pattern: Option<Vec<u8>>,
    cursor: u64,
    count: u64,
    is_over: bool,
}

impl Walk {
    /// `count` is how much work one step asks for. In a namespace with a prefix only keys with that prefix are asked for.
    pub fn new(door: &Door, pattern: Option<&[u8]>, cursor: u64, count: u64) -> Walk {
        let pattern =
            pattern.map(<[u8]>::to_vec).or_else(|| door.prefix().map(|prefix| glob_of_prefix(prefix.as_bytes())));
        Walk { pattern, cursor, count: count.clamp(1, BATCH as u64), is_over: false }
    }

    /// Asks for about this many keys at the next steps.
    fn ask(&mut self, count: u64) {
        self.count = self.count.min(count.max(1));
    }

    /// The next keys that fit, perhaps none; `None` at the end.
    pub async fn next(&mut self, door: &mut Door) -> Result<Option<Vec<Vec<u8>>>> {
        if self.is_over {
            return Ok(None);
        }
        let (cursor, count) = (self.cursor.to_string(), self.count.to_string());
        let mut request: Vec<&[u8]> = vec![b"SCAN", cursor.as_bytes()];
        if let Some(pattern) = &self.pattern {
            request.extend([b"MATCH", pattern.as_slice()]);
        }
        request.extend([b"COUNT", count.as_bytes()]);
        let reply = door.call(&request).await?;
        let wrong = || CliError::failed("the node gave an answer to SCAN that does not fit");
        let [next, found] = reply.as_slice().ok_or_else(wrong)? else { return Err(wrong()) };
        let next = next.as_bytes().and_then(|text| std::str::from_utf8(text).ok()).and_then(|text| text.parse().ok());
        self.cursor = next.ok_or_else(wrong)?;
        self.is_over = self.cursor == 0;
        let keys: Vec<Vec<u8>> = found
            .as_slice()
            .ok_or_else(wrong)?
            .iter()
            .filter_map(|key| key.as_bytes().map(<[u8]>::to_vec))
            .filter(|key| door.is_inside(key))
            .collect();
        if keys.is_empty() {
            // Few keys fit: look at more of them each time.
            self.count = (self.count * 2).min(BATCH as u64);
        }
        Ok(Some(keys))
    }
}

fn glob_of_prefix(prefix: &[u8]) -> Vec<u8> {
    let mut pattern = Vec::with_capacity(prefix.len() + 1);
    for &byte in prefix {
        if b"*?[]\\".contains(&byte) {
            pattern.push(b'\\');
        }
        pattern.push(byte);
    }
    pattern.push(b'*');
    pattern
}

const COLUMNS: &[Column] = &[
    Column::new("KEY", "the key"),
    Column::new("SIZE", "bytes of its value (--with size)").number(),
    Column::new("TTL", "time to live (--with ttl)").number(),
    Column::new("NODE", "its owner (--with node)"),
];

/// One key as programs get it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_encoding: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size_bytes: Option<u64>,
    /// None without `--with ttl`; `Some(None)`: stays without end.
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl_ms: Option<Option<u64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<String>,
}

pub async fn scan(app: &App, args: &Scan) -> Result<Exit> {
    if is_describing(app) {
        let fields = ["items", "each with key", "sizeBytes", "ttlMs", "node", "cursor (go on there)"];
        app.out.describe(COLUMNS, "KeyList", &fields)?;
        return Ok(Exit::Ok);
    }
    let cursor: u64 = args.cursor.parse().map_err(|_| {
        CliError::usage(format!("{:?} is no cursor", args.cursor)).hint("take it from the line `more:`")
    })?;
    let mut door = Door::open(app, args.namespace.as_deref()).await?;
    let partitions = match args.with.contains(&With::Node) {
        true => Some(door.control.partitions().await?),
        false => None,
    };
    let limit = args.limit.unwrap_or(u64::MAX);
    let mut walk = Walk::new(&door, args.pattern.as_ref().map(|p| p.as_bytes()), cursor, limit);
    let mut printer = Printer::new(app, args);
    let mut seen = 0;
    while seen < limit
        && let Some(keys) = walk.next(&mut door).await?
    {
        seen += keys.len() as u64;
        walk.ask(limit.saturating_sub(seen));
        if !keys.is_empty() {
            let rows = describe_keys(&mut door, &keys, &args.with, partitions.as_ref()).await?;
            printer.print(&keys, rows)?;
        }
    }
    printer.finish(walk.cursor)?;
    if walk.cursor != 0 {
        app.out.say(&format!("more: --cursor {}", walk.cursor));
    }
    Ok(Exit::Ok)
}

/// What `--with` asks for beside each key.
async fn describe_keys(
    door: &mut Door,
    keys: &[Vec<u8>],
    with: &[With],
    partitions: Option<&PartitionTable>,
) -> Result<Vec<Row>> {
    let ask = |command: &str| keys.iter().map(|key| vec![command.as_bytes().to_vec(), key.clone()]).collect::<Vec<_>>();
    let sizes = match with.contains(&With::Size) {
        true => door.pipeline(&ask("STRLEN")).await?,
        false => Vec::new(),
    };
    let ttls = match with.contains(&With::Ttl) {
        true => door.pipeline(&ask("PTTL")).await?,
        false => Vec::new(),
    };
    let rows = keys.iter().enumerate().map(|(position, key)| {
        let encoded = Encoded::new(key);
        Row {
            key_encoding: encoded.unusual(),
            key: encoded.text,
            size_bytes: sizes.get(position).and_then(Value::as_integer).and_then(|n| u64::try_from(n).ok()),
            ttl_ms: ttls.get(position).and_then(Value::as_integer).map(|ms| u64::try_from(ms).ok()),
            node: partitions.and_then(|table| owner(table, key)),
        }
    });
    Ok(rows.collect())
}

fn owner(table: &PartitionTable, key: &[u8]) -> Option<String> {
    let count = u16::try_from(table.primary.len()).ok().filter(|count| count.is_power_of_two())?;
    let node = (*table.primary.get(PartitionId::of(slot_of(key), count).index())?)?;
    table.nodes.get(usize::from(node)).cloned()
}

/// Prints batches in whatever form was asked for.
struct Printer<'a> {
    app: &'a App,
    args: &'a Scan,
    tables: Output,
    /// Rows of a table not printed yet: columns align within a thousand of them.
    pending: Table,
    /// For one JSON or YAML object at the end.
    collected: Vec<Row>,
}

impl<'a> Printer<'a> {
    fn new(app: &'a App, args: &'a Scan) -> Printer<'a> {
        let mut shown = vec!["KEY".to_string()];
        for (with, name) in [(With::Size, "SIZE"), (With::Ttl, "TTL"), (With::Node, "NODE")] {
            if args.with.contains(&with) {
                shown.push(name.into());
            }
        }
        let tables = app.out.clone().with_columns(shown);
        Printer { app, args, tables, pending: Table::new(COLUMNS), collected: Vec::new() }
    }

    fn print(&mut self, keys: &[Vec<u8>], rows: Vec<Row>) -> Result<()> {
        let out = &self.app.out;
        match out.format {
            // Lines may be split and keys may hold line ends, so NUL beats the format.
            _ if self.args.null => out.data(&joined(keys, 0)),
            Format::Name if !out.is_terminal => out.data(&joined(keys, b'\n')),
            Format::Ndjson => rows.iter().try_for_each(|row| out.json_line(row)),
            Format::Json | Format::Yaml => {
                self.collected.extend(rows);
                Ok(())
            }
            _ => self.table(keys, &rows),
        }
    }

    fn table(&mut self, keys: &[Vec<u8>], rows: &[Row]) -> Result<()> {
        for (key, row) in keys.iter().zip(rows) {
            let ttl = match row.ttl_ms {
                Some(Some(ms)) => format_duration_ms(ms),
                Some(None) => "none".into(),
                None => "-".into(),
            };
            let size = row.size_bytes.map_or_else(|| "-".into(), format_size);
            self.pending.row(vec![show_bytes(key), size, ttl, row.node.clone().unwrap_or_else(|| "-".into())]);
        }
        if self.pending.rows() >= BATCH { self.flush() } else { Ok(()) }
    }

    /// Prints the pending rows; a header only the first time.
    fn flush(&mut self) -> Result<()> {
        let table = std::mem::replace(&mut self.pending, Table::new(COLUMNS));
        self.tables.table(&table)?;
        self.tables = self.tables.clone().without_headers();
        Ok(())
    }

    fn finish(mut self, cursor: u64) -> Result<()> {
        #[derive(Serialize)]
        struct KeyList {
            items: Vec<Row>,
            #[serde(skip_serializing_if = "Option::is_none")]
            cursor: Option<String>,
        }
        match self.app.out.format {
            Format::Json | Format::Yaml if !self.args.null => {
                let cursor = (cursor != 0).then(|| cursor.to_string());
                self.app.out.object("KeyList", &KeyList { items: self.collected, cursor })
            }
            Format::Table | Format::Wide | Format::Name if !self.args.null && self.pending.rows() > 0 => self.flush(),
            _ => Ok(()),
        }
    }
}

fn joined(keys: &[Vec<u8>], end: u8) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(keys.iter().map(|key| key.len() + 1).sum());
    for key in keys {
        bytes.extend_from_slice(key);
        bytes.push(end);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_becomes_a_pattern_that_means_only_itself() {
        assert_eq!(glob_of_prefix(b"a*[b]?\\:"), br"a\*\[b\]\?\\:*");
    }

    #[test]
    fn owners_come_from_the_table() {
        let table = PartitionTable {
            nodes: vec!["n1".into(), "n2".into()],
            primary: vec![Some(0), Some(1)],
            ..PartitionTable::default()
        };
        // CRC16 of 123456789 is 0x31C3, slot 12739: the upper half.
        assert_eq!(owner(&table, b"123456789").as_deref(), Some("n2"));
        assert_eq!(owner(&PartitionTable::default(), b"x"), None);
    }

    #[test]
    fn a_key_without_end_is_null_and_an_unasked_one_absent() {
        let row = |ttl_ms| Row { key: "k".into(), key_encoding: None, size_bytes: None, ttl_ms, node: None };
        assert_eq!(serde_json::to_string(&row(None)).expect("JSON"), r#"{"key":"k"}"#);
        assert_eq!(serde_json::to_string(&row(Some(None))).expect("JSON"), r#"{"key":"k","ttlMs":null}"#);
    }
}
