//! Reads of eventual namespaces that the copy here may answer.

use super::request::Request;
use super::state::ClientState;
use crate::command::{self, Command};
use dcache_protocol::{PartitionId, slot_in};

impl Request<'_> {
    /// The partition whose copy here may answer, if it is new enough: of a read of eventual namespaces that allow for it, or whose
    /// client does.
    pub(super) fn copy_read(&self, command: &'static Command, state: &ClientState) -> Option<PartitionId> {
        let replication = self.node.replication();
        let may_be = state.reads_copies || replication.is_read_from_copies();
        let place = self.place(command, state).filter(|_| may_be && command.is_read() && self.view.has_copies())?;
        let partition = self.view.partition_of(place.slot);
        let may_be = |key: &[u8]| {
            let namespace = self.view.namespace_of(state.database, key);
            self.view.partition_of(slot_in(state.database, key)) == partition
                && replication.may_read_copies(namespace, state.reads_copies)
        };
        (self.view.is_replicated(partition) && command::keys_of(command, self.args).all(may_be)).then_some(partition)
    }

    /// Answers from the copy here, unless that is too old.
    pub(super) fn read_copy(
        &self,
        command: &'static Command,
        state: &mut ClientState,
        partition: PartitionId,
        out: &mut Vec<u8>,
    ) -> bool {
        let bound = |key: &[u8]| self.view.namespace(self.view.namespace_of(state.database, key)).max_staleness();
        let within = command::keys_of(command, self.args).map(bound).min().unwrap_or_default();
        let is_fresh = || self.node.is_fresh(partition, within, self.started);
        let mark = out.len();
        // And still is when it was read: it may have been emptied meanwhile.
        if is_fresh() && self.run_here(command, state, out).is_ok() && is_fresh() {
            self.stats.copy_reads.add(1);
            return true;
        }
        out.truncate(mark);
        false
    }
}
