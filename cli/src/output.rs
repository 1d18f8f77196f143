//! The only place that prints. Data goes to stdout, talk to stderr; tables for people, JSON, YAML or lines for programs.
//!
//! A reader that has gone (`| head -1`) ends the program quietly with its own exit code; any other failure to write is an
//! error like others. Colour is put into text as marks of zero width ([`paint`]), so that columns still align, and becomes
//! escape codes or nothing at the moment of writing. What users stored is cleaned of control characters before it is shown.

use crate::args::{Colour, Format, Global};
use crate::error::{CliError, Result, nearest};
use crate::exit::Exit;
use comfy_table::{CellAlignment, TableStyle};
use dcache_protocol::control::{Envelope, List};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// How and where this run prints.
#[derive(Clone, Debug)]
pub struct Output {
    pub format: Format,
    /// Stdout is a terminal.
    pub is_terminal: bool,
    /// Stderr is a terminal.
    pub talks_to_terminal: bool,
    pub quiet: bool,
    pub verbose: u8,
    headers: bool,
    columns: Vec<String>,
    colour_data: bool,
    colour_talk: bool,
}

impl Output {
    pub fn new(global: &Global) -> Output {
        let (is_terminal, talks_to_terminal) = (io::stdout().is_terminal(), io::stderr().is_terminal());
        Output {
            format: global.output,
            is_terminal,
            talks_to_terminal,
            quiet: global.quiet,
            verbose: global.verbose,
            headers: !global.no_headers,
            columns: global.columns.clone(),
            colour_data: colour_for(global.color, is_terminal),
            colour_talk: colour_for(global.color, talks_to_terminal),
        }
    }

    /// For what goes wrong before the flags are known.
    pub fn before_parsing(format: Format, colour: Colour) -> Output {
        let (is_terminal, talks_to_terminal) = (io::stdout().is_terminal(), io::stderr().is_terminal());
        Output {
            format,
            is_terminal,
            talks_to_terminal,
            quiet: false,
            verbose: 0,
            headers: true,
            columns: Vec::new(),
            colour_data: colour_for(colour, is_terminal),
            colour_talk: colour_for(colour, talks_to_terminal),
        }
    }

    /// The same, showing these columns unless others were asked for by name.
    pub fn with_columns(self, columns: Vec<String>) -> Output {
        if self.columns.is_empty() { Output { columns, ..self } } else { self }
    }

    pub fn without_headers(self) -> Output {
        Output { headers: false, ..self }
    }

    /// Whether stdout gets colour.
    pub fn has_colour(&self) -> bool {
        self.colour_data
    }

    /// Whether a program reads this: JSON, YAML or NDJSON.
    pub fn is_machine(&self) -> bool {
        matches!(self.format, Format::Json | Format::Yaml | Format::Ndjson)
    }

    pub fn is_wide(&self) -> bool {
        self.format == Format::Wide
    }

    /// Bytes to stdout, exactly.
    pub fn data(&self, bytes: &[u8]) -> Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(|error| write_failed(&error))
    }

    /// Text that may be painted, to stdout, with a line end.
    pub fn line(&self, text: &str) -> Result<()> {
        self.data(format!("{}\n", render(text, self.colour_data)).as_bytes())
    }

    /// Help and other pages, colour codes and all, as clap renders them.
    pub fn page(&self, text: &clap::builder::StyledStr) -> Result<()> {
        match self.colour_data {
            true => self.data(text.ansi().to_string().as_bytes()),
            false => self.data(text.to_string().as_bytes()),
        }
    }

    /// A line of talk to stderr; nothing with `--quiet`.
    pub fn say(&self, text: &str) {
        if !self.quiet {
            self.talk(text);
        }
    }

    /// A hint at the obvious next step, for people only.
    pub fn next(&self, text: &str) {
        if self.talks_to_terminal {
            self.say(&format!("  next: {text}"));
        }
    }

    /// A question, without a line end.
    pub fn ask(&self, text: &str) {
        talk_bytes(render(text, self.colour_talk).as_bytes());
    }

    /// A line that `-v` asked for.
    pub fn trace(&self, text: &str) {
        self.talk(&paint(Style::Dim, text));
    }

    fn talk(&self, text: &str) {
        talk_bytes(format!("{}\n", render(text, self.colour_talk)).as_bytes());
    }

    /// One object, wrapped as the control API wraps it.
    pub fn object<T: Serialize>(&self, kind: &str, body: &T) -> Result<()> {
        self.serialized(&Envelope::new(kind, body))
    }

    /// A list: one object around it, or one line an item as NDJSON.
    pub fn list<T: Serialize>(&self, kind: &str, items: &[T]) -> Result<()> {
        match self.format {
            Format::Ndjson => items.iter().try_for_each(|item| self.json_line(item)),
            _ => self.serialized(&Envelope::new(kind, List { items: items.iter().collect() })),
        }
    }

    /// One item of a stream as one line of JSON.
    pub fn json_line<T: Serialize>(&self, item: &T) -> Result<()> {
        let mut text = serde_json::to_string(item).map_err(|error| CliError::new(Exit::Bug, error.to_string()))?;
        text.push('\n');
        self.data(text.as_bytes())
    }

    fn serialized<T: Serialize>(&self, value: &T) -> Result<()> {
        let bug = |why: String| CliError::new(Exit::Bug, "the answer cannot be written in that format").why(why);
        let text = match self.format {
            Format::Yaml => serde_yaml::to_string(value).map_err(|error| bug(error.to_string()))?,
            Format::Json if self.is_terminal => {
                serde_json::to_string_pretty(value).map_err(|error| bug(error.to_string()))? + "\n"
            }
            _ => serde_json::to_string(value).map_err(|error| bug(error.to_string()))? + "\n",
        };
        self.data(text.as_bytes())
    }

    /// A table, or its first column with `-o name`.
    pub fn table(&self, table: &Table) -> Result<()> {
        let text = self.table_text(table)?;
        self.data(render(&text, self.colour_data).as_bytes())
    }

    /// A table as text with line ends, still with the marks of [`paint`].
    pub fn table_text(&self, table: &Table) -> Result<String> {
        if self.format == Format::Name {
            return Ok(table.rows.iter().map(|row| format!("{}\n", row[0])).collect());
        }
        let chosen = self.choose(table.columns)?;
        let mut drawn = comfy_table::Table::new();
        drawn.load_style(TableStyle::new());
        if self.headers && self.format != Format::Name {
            drawn.set_header(chosen.iter().map(|&index| table.columns[index].name));
        }
        for row in &table.rows {
            drawn.add_row(chosen.iter().map(|&index| row[index].as_str()));
        }
        for (position, &index) in chosen.iter().enumerate() {
            if let Some(column) = drawn.column_mut(position) {
                column.set_padding((0, 2));
                if table.columns[index].is_number {
                    column.set_cell_alignment(CellAlignment::Right);
                }
            }
        }
        let mut text = String::new();
        if drawn.is_empty() && drawn.header().is_none() {
            return Ok(text);
        }
        for line in drawn.lines() {
            text.push_str(line.trim_end());
            text.push('\n');
        }
        Ok(text)
    }

    /// Indices of the columns to show.
    fn choose(&self, columns: &[Column]) -> Result<Vec<usize>> {
        if self.columns.is_empty() {
            let shown = columns.iter().enumerate().filter(|(_, column)| !column.is_wide || self.is_wide());
            return Ok(shown.map(|(index, _)| index).collect());
        }
        let find = |name: &String| {
            columns.iter().position(|column| column.name.eq_ignore_ascii_case(name)).ok_or_else(|| {
                let known: Vec<&str> = columns.iter().map(|column| column.name).collect();
                let error = CliError::usage(format!("no column named {name:?}"));
                match nearest(name, &known).first() {
                    Some(near) => error.hint(format!("did you mean {near}?")),
                    None => error.hint(format!("the columns are: {}", known.join(", "))),
                }
            })
        };
        self.columns.iter().map(find).collect()
    }

    /// What `-o help` prints: the columns of a verb's table and the kind of its JSON, with its fields.
    pub fn describe(&self, columns: &[Column], kind: &str, fields: &[&str]) -> Result<()> {
        let mut text = String::new();
        let width = columns.iter().map(|column| column.name.len()).max().unwrap_or_default();
        if !columns.is_empty() {
            text.push_str("Columns of the table (choose with --columns A,B):\n");
        }
        for column in columns {
            let wide = if column.is_wide { " (only with -o wide)" } else { "" };
            let _ = writeln!(text, "  {:width$}  {}{wide}", column.name, column.about);
        }
        let _ = writeln!(text, "JSON, YAML: kind {kind}, with {}", fields.join(", "));
        self.data(text.as_bytes())
    }

    /// Tells a failure on stderr in the form the output format asks for.
    pub fn error(&self, error: &CliError) {
        match self.format {
            _ if error.exit == Exit::ClosedPipe => {}
            Format::Json | Format::Ndjson => talk_bytes(error_json(error).as_bytes()),
            _ if error.is_brief && self.quiet => {}
            _ if error.is_brief => self.talk(&format!("dcache: {}", clean(&error.message))),
            _ => self.talk(error_text(error).trim_end()),
        }
    }
}

/// An error in words: what failed, why, what to do, and its code.
fn error_text(error: &CliError) -> String {
    let mut text = format!("{} {}\n", paint(Style::Red, "error:"), clean_lines(&error.message));
    match &error.why {
        // An excerpt of a file, which stands on lines of its own.
        Some(why) if why.starts_with('\n') => {
            why.lines().skip(1).for_each(|line| {
                let _ = writeln!(text, "  {}", clean(line));
            });
        }
        Some(why) => {
            let _ = writeln!(text, "  why   {}", clean_lines(why).replace('\n', "\n        "));
        }
        None => {}
    }
    for hint in &error.hints {
        let _ = writeln!(text, "  hint  {}", clean_lines(hint).replace('\n', "\n        "));
    }
    let _ = writeln!(text, "  code  {} (exit {})", error.exit.name(), error.exit.code());
    text
}

fn error_json(error: &CliError) -> String {
    #[derive(Serialize)]
    struct Body<'a> {
        code: &'a str,
        exit: u8,
        message: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        details: Option<&'a str>,
    }
    let hint = (!error.hints.is_empty()).then(|| error.hints.join("\n"));
    let (code, exit, details) = (error.exit.name(), error.exit.code(), error.why.as_deref().map(str::trim));
    let body = Body { code, exit, message: &error.message, hint, details };
    let value = serde_json::json!({ "error": body });
    format!("{value}\n")
}

/// A line for stderr when nothing else is known any more: from the panic hook.
pub fn last_words(text: &str) {
    talk_bytes(text.as_bytes());
}

/// Talk has no exit code of its own: when stderr is gone there is nobody left to tell.
fn talk_bytes(bytes: &[u8]) {
    let mut stderr = io::stderr().lock();
    let _ = stderr.write_all(bytes).and_then(|()| stderr.flush());
}

fn write_failed(error: &io::Error) -> CliError {
    match error.kind() {
        io::ErrorKind::BrokenPipe => CliError::new(Exit::ClosedPipe, "the reader of the output has gone"),
        io::ErrorKind::StorageFull => CliError::failed("cannot write the output: no space left on the device"),
        _ => CliError::failed("cannot write the output").why(error),
    }
}

/// Whether a stream gets colour. The flag beats the environment; `NO_COLOR` beats `CLICOLOR_FORCE`.
fn colour_for(flag: Colour, is_terminal: bool) -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    match flag {
        Colour::Always => true,
        Colour::Never => false,
        Colour::Auto if set("NO_COLOR") => false,
        Colour::Auto if set("CLICOLOR_FORCE") && std::env::var_os("CLICOLOR_FORCE").is_some_and(|v| v != "0") => true,
        Colour::Auto => is_terminal && std::env::var_os("TERM").is_none_or(|term| term != "dumb"),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Bold,
    Dim,
    Green,
    Yellow,
    Red,
}

/// Invisible characters of zero width, with what they become. Unicode's "invisible operators" and deprecated format
/// characters; [`clean`] takes them out of what users stored.
const MARKS: [(char, Style, &str); 5] = [
    ('\u{2061}', Style::Bold, "\x1b[1m"),
    ('\u{2062}', Style::Dim, "\x1b[2m"),
    ('\u{2063}', Style::Green, "\x1b[32m"),
    ('\u{2064}', Style::Yellow, "\x1b[33m"),
    ('\u{206a}', Style::Red, "\x1b[31m"),
];
const END_MARK: char = '\u{2060}';

/// Text that will be in colour where colour is wanted.
pub fn paint(style: Style, text: &str) -> String {
    let mark = MARKS.iter().find(|(_, marked, _)| *marked == style).map_or(END_MARK, |(mark, ..)| *mark);
    format!("{mark}{text}{END_MARK}")
}

fn render(text: &str, in_colour: bool) -> String {
    let mut rendered = String::with_capacity(text.len());
    for c in text.chars() {
        let code = match MARKS.iter().find(|(mark, ..)| *mark == c) {
            Some((_, _, code)) => *code,
            None if c == END_MARK => "\x1b[0m",
            None => {
                rendered.push(c);
                continue;
            }
        };
        if in_colour {
            rendered.push_str(code);
        }
    }
    rendered
}

/// Text of unknown origin made safe to show on one line: control characters as escapes.
pub fn clean(text: &str) -> String {
    let is_mark = |c: char| c == END_MARK || MARKS.iter().any(|(mark, ..)| *mark == c);
    let mut cleaned = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if c.is_control() => cleaned.extend(c.escape_default()),
            c if is_mark(c) => {}
            c => cleaned.push(c),
        }
    }
    cleaned
}

fn clean_lines(text: &str) -> String {
    text.lines().map(clean).collect::<Vec<_>>().join("\n")
}

/// Bytes as text for people; what is no UTF-8 is replaced, control characters are escaped.
pub fn show_bytes(bytes: &[u8]) -> String {
    clean(&String::from_utf8_lossy(bytes))
}

/// One column of a table.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    pub name: &'static str,
    pub about: &'static str,
    is_wide: bool,
    is_number: bool,
}

impl Column {
    pub const fn new(name: &'static str, about: &'static str) -> Column {
        Column { name, about, is_wide: false, is_number: false }
    }

    /// Shown only with `-o wide` or when asked for by name.
    pub const fn wide(self) -> Column {
        Column { is_wide: true, ..self }
    }

    /// Aligned to the right.
    pub const fn number(self) -> Column {
        Column { is_number: true, ..self }
    }
}

/// Rows under columns; the first cell of a row is its name.
#[derive(Clone, Debug)]
pub struct Table {
    columns: &'static [Column],
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(columns: &'static [Column]) -> Table {
        Table { columns, rows: Vec::new() }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// `cells` has one cell a column.
    pub fn row(&mut self, cells: Vec<String>) {
        assert_eq!(cells.len(), self.columns.len(), "one cell a column");
        self.rows.push(cells);
    }
}

/// Progress of work a person waits for: a bar on a terminal; elsewhere a line at the start and at most one each ten seconds.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
    output: Output,
    what: String,
    total: u64,
    done: u64,
    said: Instant,
}

impl Progress {
    const SAY_EVERY: Duration = Duration::from_secs(10);

    /// `total` 0 means it is not known how much there is.
    pub fn start(output: &Output, what: &str, total: u64) -> Progress {
        let bar = (output.talks_to_terminal && !output.quiet).then(|| {
            let target = ProgressDrawTarget::stderr();
            let (bar, template) = match total {
                0 => (ProgressBar::with_draw_target(None, target), "{spinner} {msg} {elapsed}"),
                _ => (
                    ProgressBar::with_draw_target(Some(total), target),
                    "{spinner} {msg} {bar:24} {pos}/{len} {per_sec} eta {eta}",
                ),
            };
            // The template is fixed; were it wrong, the default would do.
            let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
            bar.set_style(style);
            bar.set_message(what.to_string());
            bar
        });
        if bar.is_none() && total > 0 {
            output.say(&format!("{what}: 0/{total}"));
        }
        Progress { bar, output: output.clone(), what: what.into(), total, done: 0, said: Instant::now() }
    }

    pub fn advance(&mut self, by: u64) {
        self.done += by;
        match &self.bar {
            Some(bar) => bar.inc(by),
            None if self.total > 0 && self.said.elapsed() >= Progress::SAY_EVERY => {
                self.said = Instant::now();
                self.output.say(&format!("{}: {}/{}", self.what, self.done, self.total));
            }
            None => {}
        }
    }

    /// Keeps a spinner turning while nothing can be counted.
    pub fn turn(&self) {
        if let Some(bar) = &self.bar {
            bar.tick();
        }
    }

    pub fn finish(self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// How far an operation of the cluster is, drawn on a terminal while somebody watches it: a bar of its moves, one of its bytes,
/// what moves now, and what clients feel of it. Where nobody looks at a terminal the watcher writes lines instead.
#[derive(Debug)]
pub struct Board {
    drawn: MultiProgress,
    moves: ProgressBar,
    bytes: ProgressBar,
    now: ProgressBar,
    guard: ProgressBar,
}

/// What a [`Board`] shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    pub moves_done: u64,
    pub moves: u64,
    pub state: String,
    pub bytes_done: u64,
    pub bytes: u64,
    /// Bytes in words, rate, time left.
    pub speed: String,
    pub now: String,
    pub guard: String,
}

impl Board {
    pub fn new() -> Board {
        let drawn = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let bar = |template: &str| {
            // The template is fixed; were it wrong, the default would do.
            let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = drawn.add(ProgressBar::with_draw_target(Some(1), ProgressDrawTarget::hidden()));
            bar.set_style(style);
            bar
        };
        Board {
            moves: bar("{spinner} moves  {bar:24}  {pos}/{len}  {percent}%  {msg}"),
            bytes: bar("  bytes  {bar:24}  {msg}"),
            now: bar("  now    {wide_msg}"),
            guard: bar("  guard  {wide_msg}"),
            drawn,
        }
    }

    pub fn show(&self, reading: &Reading) {
        // An operation without moves, or without bytes, is full from the start.
        let fill = |bar: &ProgressBar, done: u64, all: u64| {
            bar.set_length(all.max(1));
            bar.set_position(if all == 0 { 1 } else { done.min(all) });
        };
        fill(&self.moves, reading.moves_done, reading.moves);
        fill(&self.bytes, reading.bytes_done, reading.bytes);
        self.moves.set_message(reading.state.clone());
        self.bytes.set_message(reading.speed.clone());
        self.now.set_message(reading.now.clone());
        self.guard.set_message(reading.guard.clone());
        for bar in [&self.moves, &self.bytes, &self.now, &self.guard] {
            bar.tick();
        }
    }

    /// Nothing of it stays on the terminal.
    pub fn clear(self) {
        for bar in [&self.moves, &self.bytes, &self.now, &self.guard] {
            bar.finish_and_clear();
        }
        // A terminal that is gone needs no clearing.
        let _ = self.drawn.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[Column] = &[
        Column::new("NODE", "its name"),
        Column::new("OPS/S", "requests a second").number(),
        Column::new("ID", "its id").wide(),
    ];

    fn output(format: Format) -> Output {
        Output { format, ..Output::before_parsing(Format::Table, Colour::Never) }
    }

    fn table() -> Table {
        let mut table = Table::new(COLUMNS);
        table.row(vec![paint(Style::Red, "n1"), "5".into(), "00".into()]);
        table.row(vec!["cache-a2".into(), "1200".into(), "01".into()]);
        table
    }

    #[test]
    fn columns_align_in_spite_of_colour_and_lines_end_without_spaces() {
        let text = output(Format::Table).table_text(&table()).expect("drawn");
        assert_eq!(render(&text, false), "NODE      OPS/S\nn1            5\ncache-a2   1200\n");
        assert!(render(&text, true).contains("\x1b[31mn1\x1b[0m"));
    }

    #[test]
    fn wide_names_and_chosen_columns() {
        let text = |output: Output| output.table_text(&table()).map(|text| render(&text, false));
        assert!(text(output(Format::Wide)).expect("drawn").starts_with("NODE      OPS/S  ID\n"));
        assert_eq!(text(output(Format::Name)).expect("drawn"), "n1\ncache-a2\n");
        let chosen = Output { columns: vec!["id".into(), "node".into()], headers: false, ..output(Format::Table) };
        assert_eq!(text(chosen).expect("drawn"), "00  n1\n01  cache-a2\n");
        let wrong = Output { columns: vec!["nod".into()], ..output(Format::Table) };
        assert_eq!(text(wrong).expect_err("unknown").hints, ["did you mean NODE?"]);
    }

    #[test]
    fn what_users_stored_cannot_steer_the_terminal() {
        assert_eq!(clean("a\x1b[31m\nb\u{2061}"), "a\\u{1b}[31m\\nb");
        assert_eq!(show_bytes(&[b'k', 0xff, 7]), "k\u{fffd}\\u{7}");
    }

    #[test]
    fn errors_say_what_why_and_what_to_do() {
        let error = CliError::new(Exit::Conflict, "cannot").why("two\nlines").hint("do this").hint("or that");
        let text = render(&error_text(&error), false);
        let expected =
            "error: cannot\n  why   two\n        lines\n  hint  do this\n  hint  or that\n  code  CONFLICT (exit 7)\n";
        assert_eq!(text, expected);
        let excerpt = render(&error_text(&CliError::usage("wrong").why("\n --> a.yaml:1:1\n 1 | x")), false);
        assert_eq!(excerpt, "error: wrong\n   --> a.yaml:1:1\n   1 | x\n  code  USAGE (exit 2)\n");
        let json: serde_json::Value = serde_json::from_str(&error_json(&error)).expect("JSON");
        assert_eq!(json["error"]["code"], "CONFLICT");
        assert_eq!(json["error"]["exit"], 7);
        assert_eq!(json["error"]["hint"], "do this\nor that");
    }
}
