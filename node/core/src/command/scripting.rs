//! `SCRIPT`, and what is said where a script is asked for in a place that runs none.

use super::Context;
use crate::script::Killed;
use crate::script::cache;
use dcache_protocol::error::WireError;

/// The session gives scripts to the script threads; nobody runs them in place.
pub fn eval(_: &mut Context<'_>) -> Result<(), WireError> {
    Err(other("ERR This Redis command is not allowed from script"))
}

fn other(text: impl Into<String>) -> WireError {
    WireError::Other(text.into())
}

pub fn script_load(context: &mut Context<'_>) -> Result<(), WireError> {
    let text = context.arg(2);
    if text.len() > cache::SCRIPT_BYTES_MAX {
        return Err(other("ERR the script is too long"));
    }
    crate::script::machine::check(text).map_err(WireError::Other)?;
    let sum = cache::sum_of(text);
    let added = context.node.scripts.cache.lock().add(sum, text, true);
    added.ok_or_else(|| other("OOM the scripts of this node have all the memory they may have"))?;
    context.reply.bulk(sum);
    Ok(())
}

pub fn script_exists(context: &mut Context<'_>) -> Result<(), WireError> {
    context.reply.array(context.args.len() - 2);
    let cache = context.node.scripts.cache.lock();
    for sum in context.args.iter().skip(2) {
        let is_known = cache::parse_sum(sum).is_some_and(|sum| cache.has(&sum));
        context.reply.integer(i64::from(is_known));
    }
    Ok(())
}

pub fn script_flush(context: &mut Context<'_>) -> Result<(), WireError> {
    let is_mode = |word: &[u8]| [&b"sync"[..], b"async"].iter().any(|mode| word.eq_ignore_ascii_case(mode));
    if context.args.len() > 3 || context.args.get(2).is_some_and(|word| !is_mode(word)) {
        return Err(other("ERR SCRIPT FLUSH only support SYNC|ASYNC option"));
    }
    context.node.scripts.cache.lock().clear();
    context.reply.ok();
    Ok(())
}

pub fn script_kill(context: &mut Context<'_>) -> Result<(), WireError> {
    killed(context, false)
}

/// Ends what runs long: functions, or else scripts.
pub(super) fn killed(context: &mut Context<'_>, functions: bool) -> Result<(), WireError> {
    match context.node.scripts.kill(functions, context.node.now()) {
        Killed::Yes => {
            context.reply.ok();
            Ok(())
        }
        Killed::Unkillable => Err(other(
            "UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the script \
             termination or kill the server in a hard way using the SHUTDOWN NOSAVE command.",
        )),
        Killed::Other(text) => Err(other(text)),
        Killed::NoneRuns => Err(other("NOTBUSY No scripts in execution right now.")),
    }
}

pub fn script_debug(_: &mut Context<'_>) -> Result<(), WireError> {
    Err(other("ERR scripts cannot be debugged here"))
}

pub fn script_help(context: &mut Context<'_>) -> Result<(), WireError> {
    const LINES: &[&str] = &[
        "SCRIPT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "EXISTS <sha1> [<sha1> ...]",
        "    Return information about the existence of the scripts in the script cache.",
        "FLUSH [ASYNC|SYNC]",
        "    Flush the Lua scripts cache. Very dangerous on replicas.",
        "    When called without the optional mode argument, the behavior is determined",
        "    by the lazyfree-lazy-user-flush configuration directive. Valid modes are:",
        "    * ASYNC: Asynchronously flush the scripts cache.",
        "    * SYNC: Synchronously flush the scripts cache.",
        "KILL",
        "    Kill the currently executing Lua script.",
        "LOAD <script>",
        "    Load a script into the scripts cache without executing it.",
        "HELP",
        "    Print this help.",
    ];
    super::help::lines(context, LINES);
    Ok(())
}
