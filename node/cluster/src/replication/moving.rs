//! A partition on its way to other nodes, at its primary.
//!
//! ```text
//!   the new copies come in sync, as learners do ─► what is not copied is carried to the successor ─► parked ─► Transfer
//!   the successor, now primary: all copies it is to have are in sync ─► Settle
//! ```
//!
//! Entries of namespaces without copies are in no backup, and go along by the log: from the moment the move is known the host
//! records what is done to them too, addressed to the successor, and it tells the log what there is already, piece by piece
//! ([`Output::ReadRest`]), each piece under the lock under which such entries change. So the log has every one of them in order,
//! and once all of it is committed the successor has them. Whoever else gets the log passes over them.
//!
//! Left out: which partitions move and when (`operation`), how fast the host reads.

use super::primary::Next;
use super::{Output, Replica};
use crate::failover::{Change, Member};
use dcache_protocol::NodeId;
use std::time::Duration;

/// Bytes of log that the successor has not acknowledged beyond which nothing more is carried.
const AHEAD_BYTES: u64 = 1 << 20;

/// What is not copied on its way to a successor.
#[derive(Debug)]
pub(super) struct Carry {
    pub to: Member,
    next: Next,
    /// The log up to here has all of it, once nothing is left to be read.
    end: u64,
}

impl Replica {
    /// The node to which, as long as this copy is primary, what is done in namespaces without copies is to be recorded too.
    pub fn addressee(&self) -> Option<NodeId> {
        let first = *self.configuration.moving.as_ref()?.to.first()?;
        (self.is_primary() && first != self.me.node).then_some(first)
    }

    fn successor(&self) -> Option<Member> {
        let node = self.addressee()?;
        self.configuration.in_sync.iter().copied().find(|member| member.node == node)
    }

    /// One more step of the move, if there is one: what is to be proposed, unless it is that this copy parks.
    pub(super) fn move_on(&mut self, now: Duration, out: &mut Vec<Output>) -> Option<Change> {
        let moving = self.configuration.moving.as_ref().filter(|_| self.is_primary())?;
        let is_in_sync = |node: &NodeId| self.configuration.in_sync.iter().any(|member| member.node == *node);
        let is_all_there = moving.to.iter().all(is_in_sync);
        if moving.to.first() == Some(&self.me.node) {
            return is_all_there.then_some(Change::Settle);
        }
        let successor = self.successor()?;
        if self.parked.is_none() {
            self.carry_on(successor, out);
            if self.is_carried(successor) && is_all_there && self.pending.is_none() {
                self.park(now, successor);
            }
        }
        None
    }

    fn is_carried(&self, to: Member) -> bool {
        self.carry
            .as_ref()
            .is_some_and(|carry| carry.to == to && carry.next == Next::Nothing && self.commit >= carry.end)
    }

    pub(super) fn carry_on(&mut self, to: Member, out: &mut Vec<Output>) {
        if self.carry.as_ref().is_none_or(|carry| carry.to != to) {
            self.carry = Some(Carry { to, next: Next::Reading, end: 0 });
            out.push(Output::ReadRest { to, cursor: None });
            return;
        }
        let acked = self.acked_by(to);
        let ahead = self.log.bytes_between(acked, self.log.last().seq);
        if let Some(carry) = &mut self.carry
            && let Next::From(cursor) = carry.next
            && ahead < AHEAD_BYTES
        {
            carry.next = Next::Reading;
            out.push(Output::ReadRest { to, cursor: Some(cursor) });
        }
    }

    /// Whether a piece of the rest that was asked for is still to be told the log.
    pub fn wants_rest(&self, to: Member) -> bool {
        self.carry.as_ref().is_some_and(|carry| carry.to == to && carry.next == Next::Reading)
    }

    /// The piece that [`Output::ReadRest`] asked for is in the log. `next`: where the one after it begins; none: it was the last.
    pub fn carried(&mut self, to: Member, next: Option<u64>, out: &mut Vec<Output>) {
        if !self.wants_rest(to) {
            return;
        }
        let end = self.log.last().seq;
        if let Some(carry) = &mut self.carry {
            carry.next = next.map_or(Next::Nothing, Next::From);
            carry.end = end;
        }
        self.carry_on(to, out);
    }

    /// What was carried to a copy that is not in sync any more, or not the successor, is void.
    pub(super) fn keep_carry(&mut self) {
        let goes_on = |carry: &Carry| self.successor() == Some(carry.to);
        if !self.carry.as_ref().is_some_and(goes_on) {
            self.carry = None;
        }
    }
}
