//! What holds for one command on copied partitions, before it runs and after.
//!
//! *Before*: this node must serve what is asked for. Strong namespaces and all writes rest on its lease, since another node may
//! take over when it ends. *After*: what was read in a strong namespace must have been this node's to tell at some moment after
//! it was read, and the reply waits until everything it says is committed; so does the reply of what was recorded.
//!
//! Where reads are confirmed, they also wait for all copies in sync to say that this node still was the primary after it read.
//!
//! Reads of eventual namespaces go on without a lease: they promise nothing about the newest write; where a bound is promised,
//! they go on for that long. Writes do where the namespace says so. But where this node is not the primary any more nothing is
//! read, before or after: what no copy has is thrown away then, and a miss would say that it never was.

use super::hold::{Hold, Standing};
use super::{ANY_COPY, CONFIRM, MINORITY, Replication, STRONG};
use crate::Node;
use crate::batch::KeyPlace;
use crate::command::{self, Command};
use crate::view::View;
use dcache_cluster::mutant::{Rule, is_broken};
use dcache_protocol::PartitionId;
use dcache_protocol::error::WireError;
use dcache_protocol::resp::parse::Args;
use std::ops::Range;
use std::time::Duration;

/// A command's keys in strong namespaces, and the terms in which their partitions were served when it began.
#[derive(Debug, Default)]
pub(crate) struct Begun {
    first: Option<Key>,
    more: Vec<Key>,
    /// Partitions of what it reads in other namespaces.
    read: Option<PartitionId>,
    more_read: Vec<PartitionId>,
}

#[derive(Clone, Copy, Debug)]
struct Key {
    partition: PartitionId,
    term: u64,
    hash: u64,
    is_confirmed: bool,
}

/// A request about to run here: what is known of it.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    pub node: &'a Node,
    pub view: &'a View,
    /// When it came, or later: not after it began.
    pub now: Duration,
    pub command: &'static Command,
    pub args: Args<'a>,
    pub database: u16,
    /// Of the first key.
    pub place: Option<KeyPlace>,
}

impl Request<'_> {
    /// Whether it may run. To be called just before, on the same thread.
    pub fn begin(&self) -> Result<Begun, WireError> {
        Replication::begin_command();
        let mut begun = Begun::default();
        for (index, key) in command::keys_of(self.command, self.args).enumerate() {
            let known = self.place.filter(|place| index == 0 && place.database == self.database);
            let place = known.unwrap_or_else(|| KeyPlace::new(self.node, self.database, key));
            let partition = self.view.partition_of(place.slot);
            if !self.view.is_replicated(partition) {
                continue;
            }
            let namespace = self.view.namespace_of(self.database, key);
            let kind = self.node.replication().kind(namespace);
            let is_strong = kind & STRONG != 0;
            if !is_strong && !self.command.is_write() {
                // What any copy may answer is never older than that; another node may serve it since the lease ended.
                let spec = || self.view.namespace(namespace);
                if kind & (ANY_COPY | MINORITY) == ANY_COPY
                    && !self.node.has_lease(self.now.saturating_sub(spec().max_staleness()))
                {
                    return Err(WireError::NoLease);
                }
                if !self.node.replication().is_primary(partition) {
                    return Err(WireError::NotServing);
                }
                match begun.read {
                    None => begun.read = Some(partition),
                    Some(_) => begun.more_read.push(partition),
                }
                continue;
            }
            if kind & MINORITY == 0 && !self.node.has_lease(self.now) && !is_broken(Rule::ServesUnderLease) {
                return Err(WireError::NoLease);
            }
            let term = self.node.replication().serving(partition);
            if term == 0 {
                return Err(WireError::NotServing);
            }
            if self.command.is_write()
                && let Some(least) = self.view.namespace(namespace).min_in_sync
                && self.node.replication().in_sync(partition) < least
            {
                return Err(WireError::TooFewCopies);
            }
            if is_strong {
                let is_confirmed = kind & CONFIRM != 0;
                let key = Key { partition, term, hash: place.hash, is_confirmed };
                match begun.first {
                    None => begun.first = Some(key),
                    Some(_) => begun.more.push(key),
                }
            }
        }
        Ok(begun)
    }

    /// What came of it; its reply is at `range`, or that of an error takes its place: then the holds are to be given where that is.
    /// An error [`WireError::NotServing`] says that it may be run again as a whole.
    pub fn end(
        &self,
        begun: &Begun,
        result: Result<(), WireError>,
        range: Range<usize>,
        holds: &mut Vec<Hold>,
    ) -> Result<(), WireError> {
        let replication = self.node.replication();
        let has_recorded = replication.recorded(range.clone(), holds);
        match &result {
            Err(WireError::NotServing) if has_recorded => {
                let reason = "Hash slot is changing hands: a part of the request ran";
                return Err(WireError::TryAgain { reason: reason.into() });
            }
            Err(WireError::NotServing | WireError::NoLease) => return result,
            // Any other error tells what was read as a reply does.
            Err(_) | Ok(()) => {}
        }
        if !begun.read.iter().chain(&begun.more_read).all(|partition| replication.is_primary(*partition)) {
            return Err(WireError::NotServing);
        }
        for key in begun.first.iter().chain(&begun.more) {
            let standing = match key.is_confirmed {
                false => replication.standing_of_key(key.partition, key.term, key.hash),
                // After what it read was written, whatever of that is not committed.
                true => replication.confirm(key.partition, key.term).map_or(Standing::Lost, Standing::Waiting),
            };
            match standing {
                Standing::Ready => {}
                Standing::Waiting(seq) => {
                    let hold = Hold {
                        partition: key.partition,
                        term: key.term,
                        seq,
                        start: range.start,
                        end: range.end,
                        is_read: !has_recorded,
                    };
                    if !holds.contains(&hold) {
                        holds.push(hold);
                    }
                }
                // What was recorded says itself how it stands.
                Standing::Lost if has_recorded => {}
                Standing::Lost => return Err(WireError::NotServing),
            }
        }
        result
    }
}
