//! What `<CONTAINER> HELP` answers, laid out as Redis does.

use super::Context;

/// Of subcommands that one line each describes.
pub(super) fn of(context: &mut Context<'_>, container: &str, subcommands: &[(&str, &str)]) {
    let reply = &mut context.reply;
    reply.array(1 + (subcommands.len() + 1) * 2);
    reply.simple(&format!("{container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
    for (usage, meaning) in subcommands.iter().chain(&[("HELP", "Print this help.")]) {
        reply.simple(usage);
        reply.simple(&format!("    {meaning}"));
    }
}

/// Line by line.
pub(super) fn lines(context: &mut Context<'_>, lines: &[&str]) {
    context.reply.array(lines.len());
    lines.iter().for_each(|line| context.reply.simple(line));
}
