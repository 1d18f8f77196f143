//! Partitions: contiguous ranges of slots, the unit of replication and of moving. Who owns them is in the metadata.

use crate::slot::{SLOTS, Slot, SlotRange};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Number of a partition, from 0 to the cluster's partition count minus one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PartitionId(pub u16);

impl PartitionId {
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// The partition a slot belongs to in a cluster of `partitions`. `partitions` must be a power of two up to [`SLOTS`].
    pub fn of(slot: Slot, partitions: u16) -> PartitionId {
        debug_assert!(partitions.is_power_of_two() && partitions <= SLOTS);
        PartitionId(slot.number() / (SLOTS / partitions))
    }

    /// The slots of this partition.
    pub fn slots(self, partitions: u16) -> SlotRange {
        let width = SLOTS / partitions;
        let slot = |number| Slot::new(number).expect("a partition below the count has slots below SLOTS");
        SlotRange { first: slot(self.0 * width), last: slot(self.0 * width + (width - 1)) }
    }
}

impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}", self.0)
    }
}

/// Fencing number of an assignment: grows with every change of the metadata that clients can see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub u64);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Position in a partition's log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_tile_the_slots() {
        for partitions in [1u16, 2, 1024, 16384] {
            for slot in Slot::all() {
                assert!(PartitionId::of(slot, partitions).slots(partitions).contains(slot));
            }
            let total: usize = (0..partitions).map(|p| PartitionId(p).slots(partitions).len()).sum();
            assert_eq!(total, usize::from(SLOTS));
        }
    }
}
