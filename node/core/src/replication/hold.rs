//! What a reply waits for: in a strong namespace nothing is told that could turn out not to be so.

use super::Replication;
use crate::clients::Wake;
use dcache_protocol::PartitionId;

/// A reply that may not go out before an entry of a partition's log is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    pub partition: PartitionId,
    /// The term it was recorded in.
    pub term: u64,
    pub seq: u64,
    /// Where the reply is in the buffer it was written to.
    pub start: usize,
    pub end: usize,
}

/// How it stands with a [`Hold`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is committed.
    Ready,
    /// Until this seq is committed.
    Waiting(u64),
    /// Another term began before; whether it happened is not known here.
    Lost,
}

/// What a client is told in place of a reply that cannot be confirmed.
pub const NOT_CONFIRMED: &[u8] =
    b"-TIMEOUT the write is not confirmed by all copies in sync: it may have happened or may still happen\r\n";

/// Replies in a buffer that wait, in order.
#[derive(Debug)]
pub struct Held {
    pub bytes: Vec<u8>,
    holds: Vec<Hold>,
    /// How many of the holds are settled, from the first on.
    settled: usize,
}

impl Held {
    /// `wake` is called whenever it may stand otherwise with one of the holds.
    pub fn new(bytes: Vec<u8>, holds: Vec<Hold>, replication: &Replication, wake: &Wake) -> Held {
        holds.iter().for_each(|hold| replication.wait_for(hold, wake.clone()));
        Held { bytes, holds, settled: 0 }
    }

    /// Whether every reply may go out. Those that never will are replaced by what is known of them.
    pub fn settle(&mut self, replication: &Replication) -> bool {
        while let Some(hold) = self.holds.get(self.settled).copied() {
            match replication.standing(&hold) {
                Standing::Waiting(_) => return false,
                Standing::Ready => self.settled += 1,
                Standing::Lost => self.replace(hold),
            }
        }
        true
    }

    /// It took too long: what is not confirmed now is said to be so.
    pub fn give_up(&mut self) {
        while let Some(hold) = self.holds.get(self.settled).copied() {
            self.replace(hold);
        }
    }

    fn replace(&mut self, hold: Hold) {
        self.bytes.splice(hold.start..hold.end, NOT_CONFIRMED.iter().copied());
        let shift = |at: usize| (at + NOT_CONFIRMED.len()).wrapping_sub(hold.end - hold.start);
        // One reply may wait for several entries; it is replaced once.
        let rest = self.holds[self.settled..].iter().filter(|other| other.start != hold.start);
        let rest: Vec<Hold> =
            rest.map(|other| Hold { start: shift(other.start), end: shift(other.end), ..*other }).collect();
        self.holds.truncate(self.settled);
        self.holds.extend(rest);
    }
}
