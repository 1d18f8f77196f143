//! May this request run here? The one place that turns a request's keys into serve, pass on, or refuse.
//!
//! Each door has its own rule. *Cluster*: as Redis Cluster, all keys in one slot and the slot ours, else `CROSSSLOT`,
//! `MOVED` or `CLUSTERDOWN`; only what we handed over a moment ago is passed on, since its new owner may not have heard of it
//! yet and would send the client back with `MOVED`, more often than clients follow. What another node took over while we stood
//! still is not: whoever sent it has long given up, and may have written the key anew. *Gateway*: as the command's row says
//! ([`Gateway`]); what is elsewhere goes there. *Peer*: what another node sent us is ours, or it is told so and nothing runs.
//! What becomes of a request that goes elsewhere is in [`crate::gateway`].

use crate::command::{Command, Door, Gateway, Gather, Merge, keys_of};
use crate::view::{Owner, View, ViewNode};
use dcache_protocol::error::WireError;
use dcache_protocol::namespace::PINNED;
use dcache_protocol::resp::parse::Args;
use dcache_protocol::{SLOTS, Slot, slot_in, slot_of};
use std::time::Duration;

/// Where a request runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route<'a> {
    /// On this node.
    Here,
    /// As it is, on another node.
    There(&'a ViewNode),
    /// On several nodes, each for its own keys.
    Split(Merge),
    /// On every node that owns slots.
    Everywhere(Gather),
    /// On the owner of one key after the other.
    InTurn,
}

/// Decides for a client's request at time `now` in a database, whose first key is in slot `first`, if it has keys. The error is the reply.
#[inline]
pub fn route<'a>(
    view: &'a View,
    door: Door,
    command: &'static Command,
    args: Args<'_>,
    (database, first): (u16, Option<Slot>),
    now: Duration,
) -> Result<Route<'a>, WireError> {
    match door {
        Door::Cluster => route_cluster(view, command, args, first, now),
        Door::Gateway | Door::Memcached => route_gateway(view, command, args, database, first),
        Door::Peer => Ok(Route::Here),
    }
}

/// The slot that a request in a pinned database is about whatever keys it names: that of a script, which may use any, or of a request
/// for the database as a whole.
#[inline]
pub fn implied_slot(command: &Command, database: u16) -> Option<Slot> {
    if database & PINNED == 0 {
        return None;
    }
    let is_of_database = || matches!(command.name, "dbsize" | "flushdb" | "keys" | "randomkey" | "scan");
    (command.gateway == Gateway::Script || is_of_database()).then(|| slot_in(database, b""))
}

/// Whether all nodes that serve slots have a share of a request.
pub fn is_everywhere(view: &View, command: &Command, database: u16) -> bool {
    let is_everywhere = matches!(command.gateway, Gateway::Everywhere(_)) && !view.owns_everything();
    is_everywhere && implied_slot(command, database).is_none()
}

/// The slots of a request's keys, as scripts and what meets them count them; a flush has all.
pub fn slots_of(command: &'static Command, args: Args<'_>, database: u16) -> Vec<u16> {
    if let Some(slot) = implied_slot(command, database) {
        return vec![slot.number()];
    }
    if command.gateway == Gateway::Everywhere(Gather::Ok) && command.is_write() {
        return (0..SLOTS).collect();
    }
    keys_of(command, args).map(|key| slot_in(database, key).number()).collect()
}

/// Whether this node owns every key of the request, so that it may run for a peer.
pub fn is_all_mine(view: &View, command: &'static Command, args: Args<'_>, database: u16) -> bool {
    let is_mine = implied_slot(command, database).is_none_or(|slot| view.is_mine(slot));
    is_mine && keys_of(command, args).all(|key| view.is_mine(slot_in(database, key)))
}

fn route_cluster<'a>(
    view: &'a View,
    command: &'static Command,
    args: Args<'_>,
    first: Option<Slot>,
    now: Duration,
) -> Result<Route<'a>, WireError> {
    let Some(slot) = first else { return Ok(Route::Here) };
    let has_one_key = command.gateway == Gateway::Single;
    if !has_one_key && keys_of(command, args).skip(1).any(|key| slot_of(key) != slot) {
        return Err(WireError::CrossSlot);
    }
    match view.owner(slot) {
        Owner::Me => Ok(Route::Here),
        Owner::Other(node) if view.has_handed_over(slot, now) => Ok(Route::There(node)),
        Owner::Other(node) => Err(WireError::Moved { slot, address: format!("{}:{}", node.host, node.port) }),
        Owner::Down(node) => Err(down(node)),
        Owner::Nobody => Err(nobody()),
    }
}

#[inline]
fn route_gateway<'a>(
    view: &'a View,
    command: &'static Command,
    args: Args<'_>,
    database: u16,
    first: Option<Slot>,
) -> Result<Route<'a>, WireError> {
    match command.gateway {
        Gateway::Local | Gateway::Copies | Gateway::Told | Gateway::Agreed => Ok(Route::Here),
        Gateway::Everywhere(_) if view.owns_everything() => Ok(Route::Here),
        Gateway::Everywhere(gather) => match implied_slot(command, database) {
            Some(slot) => to_owner(view, slot),
            None => Ok(Route::Everywhere(gather)),
        },
        Gateway::Single => first.map_or(Ok(Route::Here), |slot| to_owner(view, slot)),
        Gateway::Split(merge) => Ok(to_common_owner(view, command, args, database)?.unwrap_or(Route::Split(merge))),
        Gateway::InTurn => Ok(to_common_owner(view, command, args, database)?.unwrap_or(Route::InTurn)),
        Gateway::Script if view.owns_everything() => Ok(Route::Here),
        Gateway::Script => {
            let mut slots = keys_of(command, args).map(|key| slot_in(database, key));
            match slots.next() {
                Some(first) if slots.any(|slot| slot != first) => Err(WireError::CrossSlot),
                Some(first) => to_owner(view, first),
                None => implied_slot(command, database).map_or(Ok(Route::Here), |slot| to_owner(view, slot)),
            }
        }
        Gateway::SameSlot => to_common_owner(view, command, args, database)?.ok_or(WireError::CrossSlot),
    }
}

#[inline]
fn to_owner(view: &View, slot: Slot) -> Result<Route<'_>, WireError> {
    match view.owner(slot) {
        Owner::Me => Ok(Route::Here),
        Owner::Other(node) => Ok(Route::There(node)),
        Owner::Down(node) => Err(down(node)),
        Owner::Nobody => Err(nobody()),
    }
}

/// Where all keys live, if that is one node. A key that nobody serves refuses the whole request before any of it ran.
fn to_common_owner<'a>(
    view: &'a View,
    command: &'static Command,
    args: Args<'_>,
    database: u16,
) -> Result<Option<Route<'a>>, WireError> {
    if view.owns_everything() {
        return Ok(Some(Route::Here));
    }
    let mut common: Option<Route<'a>> = None;
    let mut differ = false;
    for key in keys_of(command, args) {
        let route = to_owner(view, slot_in(database, key))?;
        match (common, route) {
            (None, route) => common = Some(route),
            (Some(Route::Here), Route::Here) => {}
            (Some(Route::There(one)), Route::There(other)) if one.id == other.id => {}
            _ => differ = true,
        }
    }
    Ok(if differ { None } else { Some(common.unwrap_or(Route::Here)) })
}

/// The reply for a slot whose owner the cluster took for down.
pub fn down(node: &ViewNode) -> WireError {
    WireError::ClusterDown { reason: format!("Hash slot not served: node {} is down", node.name) }
}

/// The reply for a slot the metadata gives to no node.
pub fn nobody() -> WireError {
    WireError::ClusterDown { reason: "Hash slot not served: it has no owner yet".into() }
}
