//! Commands about clients: who is there, ending them, pausing them, looking on at them, and what they track.
//!
//! Clients are this node's own: another node's are listed and ended there. Tracking is of the whole cluster's keys, whichever node a
//! client is connected to.

use super::pubsub::tell;
use super::{Context, Door};
use crate::clients::Client;
use crate::events::Reason;
use crate::gateway::told::{Answers, Tell};
use crate::number::parse_integer;
use crate::talk::Pause;
use crate::tracking::{Mode, PREFIXES_MAX};
use dcache_protocol::error::WireError;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// How long clients may be paused.
const PAUSE_MAX: Duration = Duration::from_secs(24 * 3600);

fn other(text: impl Into<String>) -> WireError {
    WireError::Other(text.into())
}

fn is(arg: &[u8], word: &str) -> bool {
    arg.eq_ignore_ascii_case(word.as_bytes())
}

fn shown(arg: &[u8]) -> String {
    String::from_utf8_lossy(&arg[..arg.len().min(128)]).into_owned()
}

/// Which clients are meant: all that fit everything that is said.
#[derive(Default)]
struct Filter<'a> {
    ids: Option<BTreeSet<u64>>,
    is_pubsub: Option<bool>,
    /// A type of Redis that no client here is of.
    is_nobody: bool,
    remote: Option<&'a [u8]>,
    local: Option<&'a [u8]>,
    age_min: Option<u64>,
    skips_me: Option<bool>,
}

impl<'a> Filter<'a> {
    fn parse(context: &Context<'a>, first: usize) -> Result<Filter<'a>, WireError> {
        let mut filter = Filter::default();
        let mut at = first;
        while at < context.args.len() {
            let (word, value) = (context.arg(at), context.args.get(at + 1).ok_or(WireError::Syntax)?);
            at += 2;
            if is(word, "id") {
                let ids = filter.ids.get_or_insert_default();
                ids.insert(id_of(value, first)?);
                while let Some(id) = context.args.get(at).filter(|arg| arg.first().is_some_and(u8::is_ascii_digit)) {
                    ids.insert(id_of(id, first)?);
                    at += 1;
                }
            } else if is(word, "type") {
                match () {
                    _ if is(value, "normal") => filter.is_pubsub = Some(false),
                    _ if is(value, "pubsub") => filter.is_pubsub = Some(true),
                    _ if ["master", "replica", "slave"].iter().any(|kind| is(value, kind)) => filter.is_nobody = true,
                    _ => return Err(other(format!("ERR Unknown client type '{}'", shown(value)))),
                }
            } else if is(word, "user") {
                if value != b"default" {
                    return Err(other(format!("ERR No such user '{}'", shown(value))));
                }
            } else if is(word, "addr") {
                filter.remote = Some(value);
            } else if is(word, "laddr") {
                filter.local = Some(value);
            } else if is(word, "maxage") {
                let age = parse_integer(value).ok_or_else(|| other("ERR maxage is not an integer or out of range"))?;
                let age = u64::try_from(age).ok().filter(|age| *age > 0);
                filter.age_min = Some(age.ok_or_else(|| other("ERR maxage should be greater than 0"))?);
            } else if is(word, "skipme") && (is(value, "yes") || is(value, "no")) {
                filter.skips_me = Some(is(value, "yes"));
            } else {
                return Err(WireError::Syntax);
            }
        }
        Ok(filter)
    }

    fn fits(&self, client: &Client, now: Duration) -> bool {
        let is_of_type = self.is_pubsub.is_none_or(|is_pubsub| client.is_subscriber() == is_pubsub);
        !self.is_nobody
            && is_of_type
            && self.ids.as_ref().is_none_or(|ids| ids.contains(&client.id))
            && self.remote.is_none_or(|remote| client.remote.as_bytes() == remote)
            && self.local.is_none_or(|local| client.local.as_bytes() == local)
            && self.age_min.is_none_or(|age| now.saturating_sub(client.since).as_secs() >= age)
    }
}

/// An id, in the words of `CLIENT LIST`, whose filters begin at `LIST_FIRST`, or of `CLIENT KILL`.
fn id_of(value: &[u8], first: usize) -> Result<u64, WireError> {
    let id = parse_integer(value).and_then(|id| u64::try_from(id).ok()).filter(|id| *id > 0);
    id.ok_or_else(|| match first {
        LIST_FIRST => other("ERR Invalid client ID"),
        _ => other("ERR client-id should be greater than 0"),
    })
}

/// Where filters begin; that of `CLIENT KILL` is written apart, so that the two are told from each other.
const LIST_FIRST: usize = 2;

/// `CLIENT LIST` with any of ID, TYPE, USER, ADDR, LADDR, MAXAGE, SKIPME, all of which must fit.
pub fn client_list(context: &mut Context<'_>) -> Result<(), WireError> {
    let filter = Filter::parse(context, LIST_FIRST)?;
    let (now, me) = (context.node.now(), context.client.id);
    let clients = context.node.clients().list();
    let listed = clients.iter().filter(|client| filter.fits(client, now));
    let listed = listed.filter(|client| client.id != me || filter.skips_me != Some(true));
    let lines: String = listed.map(|client| line_of(context, client)).collect();
    context.reply.verbatim("txt", &lines);
    Ok(())
}

pub fn client_info(context: &mut Context<'_>) -> Result<(), WireError> {
    let line = context.client.client.as_ref().map(|client| line_of(context, client)).unwrap_or_default();
    context.reply.verbatim("txt", &line);
    Ok(())
}

fn line_of(context: &Context<'_>, client: &Client) -> String {
    client.line(context.node.now(), |command| {
        super::COMMANDS.get(command).map_or_else(|| "NULL".into(), |command| command.name.into())
    })
}

/// `CLIENT KILL addr`, or with the filters of `CLIENT LIST`; this client only when it says `SKIPME no`.
pub fn client_kill(context: &mut Context<'_>) -> Result<(), WireError> {
    if context.args.len() == 3 {
        let address = context.arg(2);
        let clients = context.node.clients().list();
        let found = clients.iter().find(|client| client.remote.as_bytes() == address);
        let client = found.ok_or_else(|| other("ERR No such client"))?;
        kill(context, client);
        context.reply.ok();
        return Ok(());
    }
    let filter = Filter::parse(context, LIST_FIRST).map_err(|error| match error {
        WireError::Other(text) if text.contains("Invalid client ID") => other("ERR client-id should be greater than 0"),
        error => error,
    })?;
    let (now, me) = (context.node.now(), context.client.id);
    let mut doomed = context.node.clients().list();
    doomed.retain(|client| filter.fits(client, now) && (client.id != me || filter.skips_me == Some(false)));
    doomed.iter().for_each(|client| kill(context, client));
    context.reply.integer(doomed.len() as i64);
    Ok(())
}

/// Ends a client; this one only after it was told.
fn kill(context: &mut Context<'_>, client: &Arc<Client>) {
    if client.id == context.client.id {
        context.client.closing = true;
    } else {
        client.kill();
    }
}

/// `CLIENT PAUSE timeout [WRITE|ALL]`: requests of this node's clients wait, those of other nodes do not.
pub fn client_pause(context: &mut Context<'_>) -> Result<(), WireError> {
    if context.args.len() > 4 {
        return Err(super::unknown_subcommand_or_arity("CLIENT", context.arg(1)));
    }
    let is_for_all = match context.args.get(3) {
        None => true,
        Some(mode) if is(mode, "all") => true,
        Some(mode) if is(mode, "write") => false,
        Some(_) => return Err(other("ERR CLIENT PAUSE mode must be WRITE or ALL")),
    };
    let timeout =
        parse_integer(context.arg(2)).ok_or_else(|| other("ERR timeout is not an integer or out of range"))?;
    let timeout = u64::try_from(timeout).map_err(|_| other("ERR timeout is negative"))?;
    let node = context.node;
    let until = node.now() + Duration::from_millis(timeout).min(PAUSE_MAX);
    let mut pause = node.pause.lock();
    // The longer and the wider of two pauses hold.
    let before = pause.filter(|pause| pause.until > node.now());
    *pause = Some(Pause {
        until: before.map_or(until, |before| before.until.max(until)),
        is_for_all: is_for_all || before.is_some_and(|before| before.is_for_all),
    });
    drop(pause);
    node.events.set(Reason::PAUSED, true);
    context.reply.ok();
    Ok(())
}

pub fn client_unpause(context: &mut Context<'_>) -> Result<(), WireError> {
    context.node.unpause();
    context.reply.ok();
    Ok(())
}

/// `CLIENT UNBLOCK id [TIMEOUT|ERROR]`: a client of this node that waits is answered as if its time were over, or an error.
pub fn client_unblock(context: &mut Context<'_>) -> Result<(), WireError> {
    if context.args.get(3).is_some_and(|reason| !is(reason, "timeout") && !is(reason, "error")) {
        return Err(other("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"));
    }
    if context.args.len() > 4 {
        return Err(super::unknown_subcommand_or_arity("CLIENT", context.arg(1)));
    }
    let id = parse_integer(context.arg(2)).ok_or(WireError::NotInteger)?;
    let with_error = context.args.get(3).is_some_and(|reason| is(reason, "error"));
    let is_ended = u64::try_from(id).is_ok_and(|id| context.node.blocking.unblock(id, with_error));
    context.reply.integer(i64::from(is_ended));
    Ok(())
}

/// Shows the client what others run on this node.
pub fn monitor(context: &mut Context<'_>) -> Result<(), WireError> {
    if let Some(client) = &context.client.client {
        client.is_monitor.store(true, Relaxed);
        context.node.talk.monitors.lock().insert(client.id, Arc::clone(client));
        context.node.events.set(Reason::MONITORED, true);
    }
    context.reply.ok();
    Ok(())
}

/// `CLIENT TRACKING ON|OFF [REDIRECT id] [PREFIX prefix ...] [BCAST] [OPTIN] [OPTOUT] [NOLOOP]`
pub fn client_tracking(context: &mut Context<'_>) -> Result<(), WireError> {
    let Some(client) = context.client.client.clone() else { return Err(WireError::Syntax) };
    let mut asked = parse_tracking(context)?;
    let on = context.arg(2);
    if is(on, "off") {
        context.client.tracking = None;
        client.redirect_broken.store(false, Relaxed);
        client.broadcasts.store(false, Relaxed);
        context.node.end_tracking(&client);
        context.reply.ok();
        return Ok(());
    }
    if !is(on, "on") {
        return Err(WireError::Syntax);
    }
    if !asked.broadcasts && !asked.prefixes.is_empty() {
        return Err(other("ERR PREFIX option requires BCAST mode to be enabled"));
    }
    let before = context.client.tracking.as_deref();
    const SWITCH: &str = "before disabling tracking for this client, and then re-enabling it with a different mode.";
    if before.is_some_and(|before| before.broadcasts != asked.broadcasts) {
        return Err(other(format!("ERR You can't switch BCAST mode on/off {SWITCH}")));
    }
    if asked.broadcasts && (asked.opts_in || asked.opts_out) {
        return Err(other("ERR OPTIN and OPTOUT are not compatible with BCAST"));
    }
    if asked.opts_in && asked.opts_out {
        return Err(other("ERR You can't specify both OPTIN mode and OPTOUT mode"));
    }
    if before.is_some_and(|before| asked.opts_in && before.opts_out || asked.opts_out && before.opts_in) {
        return Err(other(format!("ERR You can't switch OPTIN/OPTOUT mode {SWITCH}")));
    }
    let known = before.map(|before| before.prefixes.clone()).unwrap_or_default();
    check_prefixes(&asked.prefixes, &known)?;
    asked.prefixes.extend(known);
    if asked.prefixes.len() > PREFIXES_MAX {
        return Err(other(format!("ERR a client may name {PREFIXES_MAX} prefixes")));
    }
    client.tracks.store(true, Relaxed);
    client.broadcasts.store(asked.broadcasts, Relaxed);
    client.redirect.store(asked.redirect.unwrap_or(0), Relaxed);
    client.redirect_broken.store(false, Relaxed);
    context.node.talk.tracking.lock().begin(&client, &asked);
    context.client.tracking = Some(Box::new(asked));
    context.client.is_special = true;
    context.reply.ok();
    // Before the client is told that it tracks, so that no change is missed.
    if let Some(addition) = context.node.review_tracking() {
        let requests = context.node.announce(context.view, &[addition]);
        tell(context, Tell { requests, answers: Answers::Needed });
    }
    Ok(())
}

fn parse_tracking(context: &Context<'_>) -> Result<Mode, WireError> {
    let mut mode = Mode::default();
    let mut words = context.args.iter().skip(3);
    while let Some(word) = words.next() {
        if is(word, "redirect") && words.len() > 0 {
            if mode.redirect.is_some() {
                return Err(other("ERR A client can only redirect to a single other client"));
            }
            let id = parse_integer(words.next().unwrap_or_default()).ok_or(WireError::NotInteger)?;
            let id = u64::try_from(id).ok().filter(|id| context.node.clients().find(*id).is_some());
            mode.redirect = Some(id.ok_or_else(|| other("ERR The client ID you want redirect to does not exist"))?);
        } else if is(word, "prefix") && words.len() > 0 {
            mode.prefixes.push(words.next().unwrap_or_default().into());
        } else if is(word, "bcast") {
            mode.broadcasts = true;
        } else if is(word, "optin") {
            mode.opts_in = true;
        } else if is(word, "optout") {
            mode.opts_out = true;
        } else if is(word, "noloop") {
            mode.no_loop = true;
        } else {
            return Err(WireError::Syntax);
        }
    }
    Ok(mode)
}

fn check_prefixes(asked: &[Box<[u8]>], known: &[Box<[u8]>]) -> Result<(), WireError> {
    let overlaps = |one: &[u8], two: &[u8]| one.starts_with(two) || two.starts_with(one);
    let text = |one: &[u8], with: &str, two: &[u8]| {
        let (one, two) = (shown(one), shown(two));
        other(format!(
            "ERR Prefix '{one}' overlaps with {with} prefix '{two}'. Prefixes for a single client must not overlap."
        ))
    };
    for (index, prefix) in asked.iter().enumerate() {
        if let Some(clash) = known.iter().find(|known| overlaps(known, prefix)) {
            return Err(text(prefix, "an existing", clash));
        }
        if let Some(clash) = asked[index + 1..].iter().find(|later| overlaps(later, prefix)) {
            return Err(text(prefix, "another provided", clash));
        }
    }
    Ok(())
}

/// `CLIENT CACHING YES|NO`: about the next request.
pub fn client_caching(context: &mut Context<'_>) -> Result<(), WireError> {
    let mode = context.client.tracking.as_deref_mut().filter(|mode| mode.opts_in || mode.opts_out);
    let Some(mode) = mode else {
        let text = "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled";
        return Err(other(text));
    };
    let word = context.args.get(2).unwrap_or_default();
    mode.caching = match (is(word, "yes"), is(word, "no")) {
        (true, _) if mode.opts_in => Some(true),
        (true, _) => return Err(other("ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.")),
        (_, true) if mode.opts_out => Some(false),
        (_, true) => return Err(other("ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.")),
        _ => return Err(WireError::Syntax),
    };
    context.reply.ok();
    Ok(())
}

pub fn client_getredir(context: &mut Context<'_>) -> Result<(), WireError> {
    let redirection = context.client.client.as_ref().map_or(-1, |client| client.redirection());
    context.reply.integer(redirection);
    Ok(())
}

pub fn client_trackinginfo(context: &mut Context<'_>) -> Result<(), WireError> {
    let redirection = context.client.client.as_ref().map_or(-1, |client| client.redirection());
    let is_broken = context.client.client.as_ref().is_some_and(|client| client.redirect_broken.load(Relaxed));
    let mode = context.client.tracking.as_deref();
    let mut flags = vec![if mode.is_some() { "on" } else { "off" }];
    if let Some(mode) = mode {
        let more = [
            (mode.broadcasts, "bcast"),
            (mode.opts_in, "optin"),
            (mode.opts_in && mode.caching == Some(true), "caching-yes"),
            (mode.opts_out, "optout"),
            (mode.opts_out && mode.caching == Some(false), "caching-no"),
            (mode.no_loop, "noloop"),
            (is_broken, "broken_redirect"),
        ];
        flags.extend(more.iter().filter(|(set, _)| *set).map(|(_, flag)| flag));
    }
    let prefixes = mode.map(|mode| mode.prefixes.clone()).unwrap_or_default();
    let reply = &mut context.reply;
    reply.map(3);
    reply.bulk("flags");
    reply.set(flags.len());
    flags.iter().for_each(|flag| reply.bulk(flag));
    reply.bulk("redirect");
    reply.integer(redirection);
    reply.bulk("prefixes");
    reply.array(prefixes.len());
    prefixes.iter().for_each(|prefix| reply.bulk(prefix));
    Ok(())
}

pub fn client_help(context: &mut Context<'_>) -> Result<(), WireError> {
    super::help::of(
        context,
        "CLIENT",
        &[
            ("CACHING (YES|NO)", "Enable/disable tracking of the keys for next command in OPTIN/OPTOUT modes."),
            ("CAPA <capability> [...]", "Announce capabilities of the client library."),
            ("GETREDIR", "Return the client ID we are redirecting to when tracking is enabled."),
            ("GETNAME", "Return the name of the current connection."),
            ("ID", "Return the ID of the current connection."),
            ("INFO", "Return information about the current client connection."),
            ("KILL <ip:port>", "Kill connection made from <ip:port>."),
            (
                "KILL <option> <value> [<option> <value> [...]]",
                "Kill connections. Options are: ADDR (<ip:port>|<unixsocket>:0), LADDR (<ip:port>|<unixsocket>:0), TYPE (NORMAL|MASTER|REPLICA|PUBSUB), USER <username>, SKIPME (YES|NO), ID <client-id>, MAXAGE <seconds>",
            ),
            ("LIST [options ...]", "Return information about client connections. Options are those of KILL."),
            (
                "MAINT_NOTIFICATIONS (ON|OFF)",
                "Be told when the slots of a node that is down are served by another one.",
            ),
            ("NO-EVICT (ON|OFF)", "Protect current client connection from eviction."),
            ("NO-TOUCH (ON|OFF)", "Will not touch LRU/LFU stats when this mode is on."),
            (
                "PAUSE <timeout> [WRITE|ALL]",
                "Suspend all, or just write, clients of this node for <timeout> milliseconds.",
            ),
            ("REPLY (ON|OFF|SKIP)", "Control the replies sent to the current connection."),
            ("SETINFO <option> <value>", "Set client meta attr. Options are LIB-NAME and LIB-VER."),
            ("SETNAME <name>", "Assign the name <name> to the current connection."),
            (
                "TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]] [OPTIN] [OPTOUT] [NOLOOP]",
                "Control server assisted client side caching.",
            ),
            ("TRACKINGINFO", "Report tracking status for the current connection."),
            ("UNBLOCK <clientid> [TIMEOUT|ERROR]", "Unblock the specified blocked client."),
            ("UNPAUSE", "Stop the current client pause, resuming traffic."),
        ],
    );
    Ok(())
}

/// How this node shows itself at a door: clients of the cluster door see a cluster.
pub(super) fn is_cluster(context: &Context<'_>) -> bool {
    context.door != Door::Gateway
}

#[cfg(test)]
mod tests;
