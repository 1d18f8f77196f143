//! `ACL`: there is one user, who may do everything. `ACL CAT` is in [`super::docs`], since it tells of the table.

use super::Context;
use dcache_protocol::error::WireError;

/// There is one user, as in Redis before any is made.
pub fn acl_whoami(context: &mut Context<'_>) -> Result<(), WireError> {
    context.reply.bulk(b"default");
    Ok(())
}

pub fn acl_users(context: &mut Context<'_>) -> Result<(), WireError> {
    context.reply.array(1);
    context.reply.bulk(b"default");
    Ok(())
}

pub fn acl_list(context: &mut Context<'_>) -> Result<(), WireError> {
    context.reply.array(1);
    context.reply.bulk(b"user default on nopass sanitize-payload ~* &* +@all");
    Ok(())
}

/// `ACL GETUSER name`
pub fn acl_getuser(context: &mut Context<'_>) -> Result<(), WireError> {
    let reply = &mut context.reply;
    if context.args.get(2) != Some(b"default") {
        reply.null();
        return Ok(());
    }
    reply.map(6);
    reply.bulk("flags");
    reply.set(3);
    ["on", "nopass", "sanitize-payload"].iter().for_each(|flag| reply.bulk(flag));
    reply.bulk("passwords");
    reply.array(0);
    for (field, value) in [("commands", "+@all"), ("keys", "~*"), ("channels", "&*")] {
        reply.bulk(field);
        reply.bulk(value);
    }
    reply.bulk("selectors");
    reply.array(0);
    Ok(())
}

/// Users are not there yet; a client that asks for one must not take it for granted.
pub fn acl_refused(context: &mut Context<'_>) -> Result<(), WireError> {
    let subcommand = String::from_utf8_lossy(context.arg(1)).to_ascii_uppercase();
    Err(WireError::Other(format!(
        "ERR ACL {subcommand} is not there yet: the only user is 'default', who may do everything"
    )))
}

/// There is nothing that anybody is refused.
pub fn acl_log(context: &mut Context<'_>) -> Result<(), WireError> {
    match context.args.get(2) {
        Some(word) if word.eq_ignore_ascii_case(b"reset") => context.reply.ok(),
        _ => context.reply.array(0),
    }
    Ok(())
}

pub fn acl_help(context: &mut Context<'_>) -> Result<(), WireError> {
    super::help::of(
        context,
        "ACL",
        &[
            ("CAT [<category>]", "List the categories, or the commands of <category>."),
            ("DELUSER <username> [...]", "Refused: there are no users to set yet."),
            ("DRYRUN <username> <command> [...]", "Refused: there are no users to set yet."),
            ("GENPASS [<bits>]", "Refused: there are no users to set yet."),
            ("GETUSER <username>", "Describe a user."),
            ("LIST", "List the users and their rules."),
            ("LOAD", "Refused: there are no users to set yet."),
            ("LOG [<count>|RESET]", "List what users were refused: nothing."),
            ("SAVE", "Refused: there are no users to set yet."),
            ("SETUSER <username> <attribute> [...]", "Refused: there are no users to set yet."),
            ("USERS", "List the names of the users."),
            ("WHOAMI", "Answer the user of this connection."),
        ],
    );
    Ok(())
}
