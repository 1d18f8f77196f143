//! COMMAND and ACL CAT: the command table as clients ask for it. Shapes are Redis 7.2's, in both protocol versions.

use super::{Arg, COMMANDS, Categories, Command, Context, Find, KeySpec, key_indexes, lookup, lookup_subcommand};
use crate::glob::{self, Case};
use dcache_protocol::error::WireError;
use dcache_protocol::resp::parse::Args;
use dcache_protocol::resp::reply::Reply;

/// What a container runs: nothing, since its arity asks for a subcommand and that has a row of its own.
pub fn container(context: &mut Context<'_>) -> Result<(), WireError> {
    Err(WireError::WrongArity { command: super::text(context.arg(0), 128).to_ascii_lowercase() })
}

/// COMMAND: every command with its subcommands.
pub fn command(context: &mut Context<'_>) -> Result<(), WireError> {
    all_infos(&mut context.reply);
    Ok(())
}

pub fn command_count(context: &mut Context<'_>) -> Result<(), WireError> {
    context.reply.integer(commands().count() as i64);
    Ok(())
}

pub fn command_info(context: &mut Context<'_>) -> Result<(), WireError> {
    let names = context.args.from(2);
    let reply = &mut context.reply;
    if names.is_empty() {
        all_infos(reply);
        return Ok(());
    }
    reply.array(names.len());
    for name in names.iter() {
        match named(name) {
            Some(command) => info(reply, command),
            None => reply.null(),
        }
    }
    Ok(())
}

pub fn command_docs(context: &mut Context<'_>) -> Result<(), WireError> {
    let names = context.args.from(2);
    let wanted: Vec<&Command> =
        if names.is_empty() { commands().collect() } else { names.iter().filter_map(named).collect() };
    context.reply.map(wanted.len());
    wanted.into_iter().for_each(|command| docs(&mut context.reply, command));
    Ok(())
}

pub fn command_getkeys(context: &mut Context<'_>) -> Result<(), WireError> {
    let request = context.args.from(2);
    let command = command_with_keys(request)?;
    let indexes = key_indexes(command, request);
    context.reply.array(indexes.clone().count());
    indexes.for_each(|index| context.reply.bulk(&request[index]));
    Ok(())
}

pub fn command_getkeysandflags(context: &mut Context<'_>) -> Result<(), WireError> {
    let request = context.args.from(2);
    let command = command_with_keys(request)?;
    context.reply.array(key_indexes(command, request).count());
    for spec in command.keys {
        for index in spec.indexes(request) {
            context.reply.array(2);
            context.reply.bulk(&request[index]);
            set_of(&mut context.reply, actual_flags(spec, request));
        }
    }
    Ok(())
}

/// The command of a whole request that is somebody else's, if it is one and has keys.
fn command_with_keys(request: Args<'_>) -> Result<&'static Command, WireError> {
    let other = |text: &str| WireError::Other(format!("ERR {text}"));
    match super::resolve(request) {
        Ok(command) if command.keys.is_empty() => Err(other("The command has no key arguments")),
        Ok(command) => Ok(command),
        Err(WireError::WrongArity { .. }) => Err(other("Invalid number of arguments specified for command")),
        Err(_) => Err(other("Invalid command specified")),
    }
}

/// SET is the one command whose flags depend on its options: it reads the key only with GET or IFEQ.
fn actual_flags(spec: &KeySpec, request: Args<'_>) -> &'static [&'static str] {
    if !spec.flags.contains(&"variable_flags") {
        return spec.flags;
    }
    let reads = |word: &[u8]| word.eq_ignore_ascii_case(b"get") || word.eq_ignore_ascii_case(b"ifeq");
    if request.iter().skip(3).any(reads) { &["RW", "access", "update"] } else { &["OW", "update"] }
}

pub fn command_list(context: &mut Context<'_>) -> Result<(), WireError> {
    let filter = context.args.from(2);
    let is = |index: usize, word: &str| filter.get(index).is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()));
    let value = filter.get(2).unwrap_or_default();
    let names: Vec<&str> = match filter.len() {
        0 => COMMANDS.iter().map(|command| command.name).collect(),
        3 if is(0, "filterby") && is(1, "module") => Vec::new(),
        3 if is(0, "filterby") && is(1, "aclcat") => match Categories::named(value) {
            Some(category) => names_in(category),
            None => Vec::new(),
        },
        3 if is(0, "filterby") && is(1, "pattern") => {
            let is_match = |name: &&str| glob::matches(value, name.as_bytes(), Case::Insensitive);
            COMMANDS.iter().map(|command| command.name).filter(is_match).collect()
        }
        _ => return Err(WireError::Syntax),
    };
    context.reply.array(names.len());
    names.iter().for_each(|name| context.reply.bulk(name));
    Ok(())
}

pub fn command_help(context: &mut Context<'_>) -> Result<(), WireError> {
    super::help::of(
        context,
        "COMMAND",
        &[
            ("(no subcommand)", "Describe all commands."),
            ("COUNT", "Answer the number of commands."),
            ("LIST [FILTERBY <MODULE|ACLCAT|PATTERN> <value>]", "List the names of commands."),
            ("INFO [<command-name> ...]", "Describe these commands, or all."),
            ("DOCS [<command-name> ...]", "Document these commands, or all."),
            ("GETKEYS <full-command>", "Answer the keys of a request."),
            ("GETKEYSANDFLAGS <full-command>", "Answer the keys of a request and what happens to them."),
        ],
    );
    Ok(())
}

/// ACL CAT: the categories, or the commands of one.
pub fn acl_cat(context: &mut Context<'_>) -> Result<(), WireError> {
    let names: Vec<&str> = match context.args.len() {
        2 => Categories::ALL.names().collect(),
        3 => {
            let name = context.arg(2);
            let category = Categories::named(name);
            let unknown = || WireError::Other(format!("ERR Unknown category '{}'", super::text(name, 128)));
            names_in(category.ok_or_else(unknown)?)
        }
        _ => return Err(super::unknown_subcommand_or_arity("ACL", context.arg(1))),
    };
    context.reply.array(names.len());
    names.iter().for_each(|name| context.reply.bulk(name));
    Ok(())
}

fn commands() -> impl Iterator<Item = &'static Command> {
    COMMANDS.iter().filter(|command| command.container().is_none())
}

fn names_in(category: Categories) -> Vec<&'static str> {
    COMMANDS.iter().filter(|command| command.categories().has(category)).map(|command| command.name).collect()
}

/// A command, or a subcommand as `container|subcommand`, in any case.
fn named(name: &[u8]) -> Option<&'static Command> {
    match name.iter().position(|byte| *byte == b'|') {
        Some(bar) => lookup_subcommand(lookup(&name[..bar])?, &name[bar + 1..]),
        None => lookup(name),
    }
}

fn all_infos(reply: &mut Reply<'_>) {
    reply.array(commands().count());
    commands().for_each(|command| info(reply, command));
}

/// What COMMAND INFO tells of one command.
fn info(reply: &mut Reply<'_>, command: &Command) {
    reply.array(10);
    reply.bulk(command.name);
    reply.integer(i64::from(command.arity));
    set_of(reply, command.flags.names());
    let (first, last, step) = command.legacy_keys();
    for number in [first, last, step] {
        reply.integer(number);
    }
    let categories = command.categories().names();
    reply.set(categories.clone().count());
    categories.for_each(|name| reply.simple(&format!("@{name}")));
    reply.set(command.tips.len());
    command.tips.iter().for_each(|tip| reply.bulk(tip));
    reply.set(command.keys.len());
    command.keys.iter().for_each(|spec| key_spec(reply, spec));
    match command.subcommands() {
        [] => reply.set(0),
        rows => {
            reply.array(rows.len());
            rows.iter().for_each(|row| info(reply, row));
        }
    }
}

fn key_spec(reply: &mut Reply<'_>, spec: &KeySpec) {
    reply.map(3 + usize::from(spec.notes.is_some()));
    if let Some(notes) = spec.notes {
        reply.bulk("notes");
        reply.bulk(notes);
    }
    reply.bulk("flags");
    set_of(reply, spec.flags.iter().copied());
    let (first, last, step) = (i64::from(spec.first), i64::from(spec.last), i64::from(spec.step));
    reply.bulk("begin_search");
    match spec.find {
        Find::Word(word) => search_word(reply, word, first),
        Find::Streams => search_word(reply, "STREAMS", first),
        Find::Range | Find::Count => search(reply, "index", &[("index", first)]),
    }
    reply.bulk("find_keys");
    match spec.find {
        Find::Count => search(reply, "keynum", &[("keynumidx", 0), ("firstkey", 1), ("keystep", step)]),
        Find::Streams => search(reply, "range", &[("lastkey", last), ("keystep", step), ("limit", 2)]),
        Find::Range | Find::Word(_) => search(reply, "range", &[("lastkey", last), ("keystep", step), ("limit", 0)]),
    }
}

fn search_word(reply: &mut Reply<'_>, word: &str, first: i64) {
    reply.map(2);
    reply.bulk("type");
    reply.bulk("keyword");
    reply.bulk("spec");
    reply.map(2);
    reply.bulk("keyword");
    reply.bulk(word);
    reply.bulk("startfrom");
    reply.integer(first);
}

fn search(reply: &mut Reply<'_>, kind: &str, spec: &[(&str, i64)]) {
    reply.map(2);
    reply.bulk("type");
    reply.bulk(kind);
    reply.bulk("spec");
    reply.map(spec.len());
    for (name, value) in spec {
        reply.bulk(name);
        reply.integer(*value);
    }
}

fn set_of<'n>(reply: &mut Reply<'_>, names: impl IntoIterator<Item = impl AsRef<str> + 'n, IntoIter: Clone>) {
    let names = names.into_iter();
    reply.set(names.clone().count());
    names.for_each(|name| reply.simple(name.as_ref()));
}

/// What COMMAND DOCS tells of one command, its name first.
fn docs(reply: &mut Reply<'_>, command: &Command) {
    let docs = &command.docs;
    let subcommands = command.subcommands();
    let fields = 4
        + 3 * usize::from(docs.deprecated.is_some())
        + usize::from(!docs.args.is_empty())
        + usize::from(!subcommands.is_empty());
    reply.bulk(command.name);
    reply.map(fields);
    let texts =
        [("summary", docs.summary), ("since", docs.since), ("group", docs.group), ("complexity", docs.complexity)];
    texts.into_iter().for_each(|(name, text)| field(reply, name, text));
    if let Some((since, instead)) = docs.deprecated {
        reply.bulk("doc_flags");
        set_of(reply, ["deprecated"]);
        field(reply, "deprecated_since", since);
        field(reply, "replaced_by", instead);
    }
    if !docs.args.is_empty() {
        args(reply, docs.args);
    }
    if !subcommands.is_empty() {
        reply.bulk("subcommands");
        reply.map(subcommands.len());
        subcommands.iter().for_each(|row| self::docs(reply, row));
    }
}

fn args(reply: &mut Reply<'_>, args: &[Arg]) {
    reply.bulk("arguments");
    reply.array(args.len());
    for arg in args {
        let flags = [(arg.optional, "optional"), (arg.multiple, "multiple"), (arg.repeats_token, "multiple_token")];
        let flags = flags.into_iter().filter(|(is_set, _)| *is_set).map(|(_, name)| name);
        let is_leaf = arg.args.is_empty();
        let optional_fields =
            [arg.key_spec.is_some(), arg.token.is_some(), arg.since.is_some(), flags.clone().next().is_some()];
        reply.map(3 + optional_fields.into_iter().filter(|there| *there).count());
        field(reply, "name", arg.name);
        field(reply, "type", arg.kind);
        if is_leaf {
            field(reply, "display_text", arg.name);
        }
        if let Some(index) = arg.key_spec {
            reply.bulk("key_spec_index");
            reply.integer(i64::from(index));
        }
        if let Some(token) = arg.token {
            field(reply, "token", token);
        }
        if let Some(since) = arg.since {
            field(reply, "since", since);
        }
        if flags.clone().next().is_some() {
            reply.bulk("flags");
            set_of(reply, flags);
        }
        if !is_leaf {
            self::args(reply, arg.args);
        }
    }
}

fn field(reply: &mut Reply<'_>, name: &str, text: &str) {
    reply.bulk(name);
    reply.bulk(text);
}

#[cfg(test)]
mod tests;
