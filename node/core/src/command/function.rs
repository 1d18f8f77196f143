//! `FUNCTION`, as far as it only looks: what libraries there are, and which function runs. What changes them goes through a script
//! thread and the metadata log (`script/change.rs`), and `FCALL` through a script thread (`script/functions.rs`).

use super::Context;
use super::dump;
use super::scripting::killed;
use crate::clients::millis;
use crate::glob::{self, Case};
use dcache_cluster::metadata::libraries::{Libraries, Library};
use dcache_protocol::error::WireError;
use dcache_protocol::resp::parse::{Limits, Parser, Progress};

fn other(text: impl Into<String>) -> WireError {
    WireError::Other(text.into())
}

/// The session has these agreed on; nobody runs them in place.
pub fn change(_: &mut Context<'_>) -> Result<(), WireError> {
    Err(other("ERR libraries of functions cannot be changed in a transaction"))
}

pub fn list(context: &mut Context<'_>) -> Result<(), WireError> {
    let (mut has_code, mut pattern) = (false, None);
    let mut words = context.args.iter().skip(2);
    while let Some(word) = words.next() {
        if !has_code && word.eq_ignore_ascii_case(b"withcode") {
            has_code = true;
        } else if pattern.is_none() && word.eq_ignore_ascii_case(b"libraryname") {
            pattern = Some(words.next().ok_or_else(|| other("ERR library name argument was not given"))?);
        } else {
            return Err(other(format!("ERR Unknown argument {}", String::from_utf8_lossy(word))));
        }
    }
    let is_asked =
        |name: &str| pattern.is_none_or(|pattern| glob::matches(pattern, name.as_bytes(), Case::Insensitive));
    let metadata = context.view.metadata.clone();
    let asked: Vec<_> = metadata.libraries.iter().filter(|(name, _)| is_asked(name)).collect();
    context.reply.array(asked.len());
    for (name, library) in asked {
        tell(context, name, library, has_code);
    }
    Ok(())
}

fn tell(context: &mut Context<'_>, name: &str, library: &Library, has_code: bool) {
    let reply = &mut context.reply;
    reply.map(if has_code { 4 } else { 3 });
    reply.bulk("library_name");
    reply.bulk(name);
    reply.bulk("engine");
    reply.bulk("LUA");
    reply.bulk("functions");
    reply.array(library.functions.len());
    for (name, function) in &library.functions {
        reply.map(3);
        reply.bulk("name");
        reply.bulk(name);
        reply.bulk("description");
        match &function.description {
            Some(text) => reply.bulk(text),
            None => reply.null(),
        }
        reply.bulk("flags");
        reply.set(function.flags.len());
        function.flags.iter().for_each(|flag| reply.simple(flag.name()));
    }
    if has_code {
        reply.bulk("library_code");
        reply.bulk(&*library.code);
    }
}

/// How many functions there are.
pub fn count(libraries: &Libraries) -> usize {
    libraries.values().map(|library| library.functions.len()).sum()
}

/// Bytes of all libraries.
pub fn bytes(libraries: &Libraries) -> u64 {
    libraries.values().map(|library| library.bytes() as u64).sum()
}

pub fn stats(context: &mut Context<'_>) -> Result<(), WireError> {
    context.reply.map(2);
    context.reply.bulk("running_script");
    match context.node.scripts.running_function() {
        None => context.reply.null(),
        Some(job) => {
            let mut parser = Parser::new(Limits::default());
            let bytes = &job.request().bytes;
            let words: Vec<&[u8]> = match parser.parse(bytes) {
                Ok(Progress::Request { .. }) => parser.args(bytes).iter().collect(),
                _ => Vec::new(),
            };
            context.reply.map(3);
            context.reply.bulk("name");
            context.reply.bulk(job.function().unwrap_or_default());
            context.reply.bulk("command");
            context.reply.array(words.len());
            words.iter().for_each(|word| context.reply.bulk(word));
            context.reply.bulk("duration_ms");
            let ran = context.node.now().saturating_sub(job.began());
            context.reply.integer(i64::try_from(millis(ran)).unwrap_or(i64::MAX));
        }
    }
    let libraries = &context.view.metadata.libraries;
    context.reply.bulk("engines");
    context.reply.map(1);
    context.reply.bulk("LUA");
    context.reply.map(2);
    context.reply.bulk("libraries_count");
    context.reply.integer(libraries.len() as i64);
    context.reply.bulk("functions_count");
    context.reply.integer(count(libraries) as i64);
    Ok(())
}

pub fn dump(context: &mut Context<'_>) -> Result<(), WireError> {
    let libraries = &context.view.metadata.libraries;
    let codes = libraries.values().map(|library| library.code.as_bytes());
    context.reply.bulk(dump::of_libraries(codes));
    Ok(())
}

pub fn kill(context: &mut Context<'_>) -> Result<(), WireError> {
    killed(context, true)
}

pub fn help(context: &mut Context<'_>) -> Result<(), WireError> {
    const LINES: &[&str] = &[
        "FUNCTION <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "LOAD [REPLACE] <FUNCTION CODE>",
        "    Create a new library with the given library name and code.",
        "DELETE <LIBRARY NAME>",
        "    Delete the given library.",
        "LIST [LIBRARYNAME PATTERN] [WITHCODE]",
        "    Return general information on all the libraries:",
        "    * Library name",
        "    * The engine used to run the Library",
        "    * Library description",
        "    * Functions list",
        "    * Library code (if WITHCODE is given)",
        "    It also possible to get only function that matches a pattern using LIBRARYNAME argument.",
        "STATS",
        "    Return information about the current function running:",
        "    * Function name",
        "    * Command used to run the function",
        "    * Duration in MS that the function is running",
        "    If no function is running, return nil",
        "    In addition, returns a list of available engines.",
        "KILL",
        "    Kill the current running function.",
        "FLUSH [ASYNC|SYNC]",
        "    Delete all the libraries.",
        "    When called without the optional mode argument, the behavior is determined by the",
        "    lazyfree-lazy-user-flush configuration directive. Valid modes are:",
        "    * ASYNC: Asynchronously flush the libraries.",
        "    * SYNC: Synchronously flush the libraries.",
        "DUMP",
        "    Return a serialized payload representing the current libraries, can be restored using FUNCTION RESTORE command",
        "RESTORE <PAYLOAD> [FLUSH|APPEND|REPLACE]",
        "    Restore the libraries represented by the given payload, it is possible to give a restore policy to",
        "    control how to handle existing libraries (default APPEND):",
        "    * FLUSH: delete all existing libraries.",
        "    * APPEND: appends the restored libraries to the existing libraries. On collision, abort.",
        "    * REPLACE: appends the restored libraries to the existing libraries, On collision, replace the old",
        "      libraries with the new libraries (notice that even on this option there is a chance of failure",
        "      in case of functions name collision with another library).",
        "HELP",
        "    Print this help.",
    ];
    super::help::lines(context, LINES);
    Ok(())
}
