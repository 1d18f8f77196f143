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
    /// The reply tells what was read, and changed nothing.
    pub is_read: bool,
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

/// What a client is told in place of a reply that cannot be confirmed: of a write, and of a read.
pub const NOT_CONFIRMED: &[u8] =
    b"-TIMEOUT the write is not confirmed by all copies in sync: it may have happened or may still happen\r\n";
pub const NOT_CONFIRMED_READ: &[u8] =
    b"-TIMEOUT the value is not confirmed by all copies in sync: nothing was changed, read it again\r\n";

/// Replies in a buffer that wait, in order.
pub struct Held {
    pub bytes: Vec<u8>,
    holds: Vec<Hold>,
    /// How many of the holds are settled, from the first on.
    settled: usize,
    /// Called when it stands otherwise with `awaited`, which is the last hold at first: mostly all are ready then.
    wake: Wake,
    awaited: Option<Hold>,
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Held").field("holds", &self.holds).field("settled", &self.settled).finish_non_exhaustive()
    }
}

impl Held {
    /// `wake` is called whenever [`Held::settle`] may have another answer.
    pub fn new(bytes: Vec<u8>, holds: Vec<Hold>, replication: &Replication, wake: &Wake) -> Held {
        let awaited = holds.last().copied();
        awaited.iter().for_each(|hold| replication.wait_for(hold, wake.clone()));
        Held { bytes, holds, settled: 0, wake: wake.clone(), awaited }
    }

    /// Whether every reply may go out. Those that never will are replaced by what is known of them.
    pub fn settle(&mut self, replication: &Replication) -> bool {
        while let Some(hold) = self.holds.get(self.settled).copied() {
            match replication.standing(&hold) {
                Standing::Waiting(_) => {
                    self.wait_for(hold, replication);
                    return false;
                }
                Standing::Ready => self.settled += 1,
                Standing::Lost => self.replace(hold),
            }
        }
        true
    }

    /// Makes sure to be woken about a hold that is not settled.
    fn wait_for(&mut self, hold: Hold, replication: &Replication) {
        let is_awaited = |awaited: &Hold| matches!(replication.standing(awaited), Standing::Waiting(_));
        if !self.awaited.as_ref().is_some_and(is_awaited) {
            self.awaited = Some(hold);
            replication.wait_for(&hold, self.wake.clone());
        }
    }

    /// It took too long: what is not confirmed now is said to be so.
    pub fn give_up(&mut self) {
        while let Some(hold) = self.holds.get(self.settled).copied() {
            self.replace(hold);
        }
    }

    fn replace(&mut self, hold: Hold) {
        let text = if hold.is_read { NOT_CONFIRMED_READ } else { NOT_CONFIRMED };
        self.bytes.splice(hold.start..hold.end, text.iter().copied());
        let shift = |at: usize| (at + text.len()).wrapping_sub(hold.end - hold.start);
        // One reply may wait for several entries; it is replaced once.
        let rest = self.holds[self.settled..].iter().filter(|other| other.start != hold.start);
        let rest: Vec<Hold> =
            rest.map(|other| Hold { start: shift(other.start), end: shift(other.end), ..*other }).collect();
        self.holds.truncate(self.settled);
        self.holds.extend(rest);
    }
}
