//! Plans of requests for several nodes: keys split by their owners, requests for every node, and scans that walk them in turn.

use super::{Answer, Fanout, Origin, Part, Piece, Plan, Target, brief, merge};
use crate::command::{self, Gather, Merge};
use crate::replication::hold::Hold;
use crate::view::{Owner, View, ViewNode};
use crate::{Node, route};
use dcache_protocol::error::WireError;
use dcache_protocol::resp::parse::Args;
use dcache_protocol::slot_in;
use std::time::Duration;

/// Bits of a gateway cursor that are the node's own cursor.
pub(super) const CURSOR_BITS: u32 = 40;

/// Plans a request whose keys live on several nodes; this node's share runs at once.
pub(crate) fn split(
    node: &Node,
    view: &View,
    origin: Origin,
    merge: Merge,
    args: Args<'_>,
) -> Result<Fanout, WireError> {
    let keys = command::key_indexes(origin.command, args).count();
    if !(args.len() - 1).is_multiple_of(keys.max(1)) {
        return Err(command::wrong_arity(origin.command));
    }
    let mut split = Split { origin, is_again: false, parts: Vec::new(), pieces: Vec::new(), holds: Vec::new() };
    split.add(node, view, args, &(0..keys).collect::<Vec<usize>>())?;
    Ok(split.into_fanout(merge))
}

/// A split request while it is being planned.
pub(super) struct Split {
    pub(super) origin: Origin,
    /// Some of it was asked already.
    pub(super) is_again: bool,
    pub(super) parts: Vec<Part>,
    pub(super) pieces: Vec<Piece>,
    pub(super) holds: Vec<Hold>,
}

impl Split {
    /// Adds a request's keys, each in the piece of its owner. `places` are the keys' places in the client's request. Refused
    /// as a whole, before anything runs, when nobody serves one of them. Whether some are this node's, which does not serve them
    /// at this moment: then they are parts for itself, unless nothing was asked yet.
    pub(super) fn add(
        &mut self,
        node: &Node,
        view: &View,
        args: Args<'_>,
        places: &[usize],
    ) -> Result<bool, WireError> {
        let mut is_late = false;
        let width = (args.len() - 1) / places.len().max(1);
        let mut groups: Vec<(Target, Vec<usize>)> = Vec::new();
        for index in 0..places.len() {
            let key = args.get(1 + index * width).unwrap_or_default();
            let target = match view.owner(slot_in(self.origin.database, key)) {
                Owner::Me => Target::Here,
                Owner::Other(owner) => Target::There(owner.id),
                Owner::Down(owner) => return Err(route::down(owner)),
                Owner::Nobody => return Err(route::nobody()),
            };
            match groups.iter_mut().find(|(known, _)| *known == target) {
                Some((_, indexes)) => indexes.push(index),
                None => groups.push((target, vec![index])),
            }
        }
        for (target, indexes) in groups {
            let name = std::iter::once(args.get(0).unwrap_or_default());
            let of_key = |index: &usize| (1 + index * width..1 + (index + 1) * width).filter_map(|i| args.get(i));
            let request: Vec<&[u8]> = name.chain(indexes.iter().flat_map(of_key)).collect();
            let answer = match target {
                Target::Here => {
                    let is_first = self.pieces.iter().all(|piece| piece.answered().is_none());
                    match self.origin.run_here(node, view, &request, &mut self.holds) {
                        Ok(reply) => Answer::Have(reply),
                        Err(WireError::NotServing | WireError::NoLease) if self.is_again => {
                            is_late = true;
                            self.parts.push(self.origin.part(view.me, &request));
                            Answer::OfPart(self.parts.len() - 1)
                        }
                        Err(error) if is_first && !self.origin.is_shared => return Err(error),
                        Err(error) => {
                            let reason = format!("{}; other nodes may have run their share", brief(&error));
                            return Err(WireError::TryAgain { reason });
                        }
                    }
                }
                Target::There(id) => {
                    self.parts.push(self.origin.part(id, &request));
                    Answer::OfPart(self.parts.len() - 1)
                }
            };
            self.pieces.push(Piece { places: indexes.iter().map(|&index| places[index]).collect(), answer });
        }
        Ok(is_late)
    }

    pub(super) fn into_fanout(self, merge: Merge) -> Fanout {
        let plan = Plan::Split { merge, pieces: self.pieces };
        Fanout {
            parts: self.parts,
            barrier: false,
            delay: Duration::ZERO,
            holds: self.holds,
            plan,
            origin: self.origin,
        }
    }
}

/// Plans a request that every node answers for its own keys. None: it is answered already, in `out`.
pub(crate) fn everywhere(
    node: &Node,
    view: &View,
    origin: Origin,
    gather: Gather,
    args: Args<'_>,
    out: &mut Vec<u8>,
) -> Result<Option<Fanout>, WireError> {
    if gather == Gather::Cursor {
        return scan(node, view, origin, args, out);
    }
    let owners = view.owners_by_tag();
    let is_down = |owner: &&&ViewNode| !owner.is_up && owner.id != view.me;
    let unreached = owners.iter().find(is_down).map(|owner| owner.name.clone());
    let unreached = match (gather, unreached) {
        (Gather::Sum | Gather::Concat, Some(name)) => {
            return Err(WireError::ClusterDown { reason: format!("node {name} is down: its keys cannot be told") });
        }
        (Gather::Any, _) => None,
        (_, unreached) => unreached,
    };
    let request: Vec<&[u8]> = args.iter().collect();
    let owns_slots = owners.iter().any(|owner| owner.id == view.me);
    let mut holds = Vec::new();
    let here = if owns_slots { Some(origin.run_here(node, view, &request, &mut holds)?) } else { None };
    let others = owners.iter().filter(|owner| owner.id != view.me && owner.is_up);
    let parts = others.map(|owner| origin.part(owner.id, &request)).collect();
    let fanout = Fanout {
        parts,
        barrier: false,
        delay: Duration::ZERO,
        holds,
        plan: Plan::Everywhere { gather, here, unreached },
        origin,
    };
    if fanout.parts.is_empty() && fanout.holds.is_empty() {
        return fanout.settle(node, Vec::new(), out, &mut Vec::new());
    }
    Ok(Some(fanout))
}

/// `SCAN` of the whole cluster: the cursor says on which node to go on.
fn scan(
    node: &Node,
    view: &View,
    origin: Origin,
    args: Args<'_>,
    out: &mut Vec<u8>,
) -> Result<Option<Fanout>, WireError> {
    let cursor = std::str::from_utf8(args.get(1).unwrap_or_default()).ok().and_then(|text| text.parse::<u64>().ok());
    let cursor = cursor.ok_or(WireError::InvalidCursor)?;
    let (tag, own_cursor) = (cursor >> CURSOR_BITS, cursor & ((1 << CURSOR_BITS) - 1));
    let owners = view.owners_by_tag();
    // A node that has left the cluster took its tag along: what it had is with the others, so go on with the next.
    let Some(owner) = owners.iter().find(|owner| u64::from(owner.tag) >= tag) else {
        merge::write_page(0, &merge::empty_array(), origin.version, out);
        return Ok(None);
    };
    if !owner.is_up && owner.id != view.me {
        let next = next_cursor(&owners, owner.tag);
        let advice = match next {
            0 => "all other nodes are scanned".to_string(),
            next => format!("go on at cursor {next} to leave them out"),
        };
        return Err(WireError::ClusterDown {
            reason: format!("node {} is down: its keys cannot be scanned; {advice}", owner.name),
        });
    }
    let own_cursor = if u64::from(owner.tag) == tag { own_cursor } else { 0 }.to_string();
    let mut request: Vec<&[u8]> = args.iter().collect();
    request[1] = own_cursor.as_bytes();
    if owner.id == view.me {
        let reply = origin.run_here(node, view, &request, &mut Vec::new())?;
        merge::scanned(view, owner.tag, &reply, origin.version, out)?;
        return Ok(None);
    }
    let parts = vec![origin.part(owner.id, &request)];
    Ok(Some(Fanout {
        parts,
        barrier: false,
        delay: Duration::ZERO,
        holds: Vec::new(),
        plan: Plan::Cursor { tag: owner.tag },
        origin,
    }))
}

/// Where a cluster-wide scan goes on after a node is through; 0 at the end.
pub(super) fn next_cursor(owners: &[&ViewNode], tag: u16) -> u64 {
    owners.iter().find(|owner| owner.tag > tag).map_or(0, |owner| u64::from(owner.tag) << CURSOR_BITS)
}
