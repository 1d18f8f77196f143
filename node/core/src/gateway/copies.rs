//! `WAIT`: until other copies have what this client wrote, wherever that is served.
//!
//! A session knows the partitions it wrote to. Each one's primary is asked where its log ends, which is at or after the client's
//! last write there, and how many other copies have acknowledged that; then it is asked again until enough have, or the time is
//! over. The answer is the least number over all partitions, so it says of every write how many further copies it has at least.
//! (<https://redis.io/docs/latest/commands/wait/>; in Redis, too, it changes nothing about what a failover keeps.)
//!
//! ```text
//!  asked     dcache.copies, then for each partition: number, term, seq;  term 0: where the log ends now
//!  answered  for each: term, seq, copies
//! ```

use super::{Fanout, ForwardError, Origin, Plan};
use crate::Node;
use crate::number;
use crate::view::{Owner, View};
use dcache_protocol::error::WireError;
use dcache_protocol::resp::parse::Args;
use dcache_protocol::resp::reply::{Reply, Version};
use dcache_protocol::{NodeId, PartitionId};
use std::collections::BTreeMap;
use std::time::Duration;

/// What nodes ask each other; no client can.
pub(super) const QUESTION: &[u8] = b"dcache.copies";

/// How long it waits without a timeout, and at most.
const WAIT_MAX: Duration = Duration::from_secs(3600);

/// Pauses before it is asked again; they grow from the first to the last.
const AGAIN_AFTER: Duration = Duration::from_millis(2);
const AGAIN_AFTER_MAX: Duration = Duration::from_millis(50);

/// Partitions a client wrote to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Written(Vec<u64>);

impl Written {
    #[inline]
    pub fn note(&mut self, partition: PartitionId) {
        let (word, bit) = (partition.index() / 64, partition.index() % 64);
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << bit;
    }

    fn iter(&self) -> impl Iterator<Item = PartitionId> + '_ {
        let is_in = |number: &usize| self.0[number / 64] >> (number % 64) & 1 == 1;
        (0..self.0.len() * 64).filter(is_in).map(|number| PartitionId(number as u16))
    }
}

/// Where the logs of some partitions ended, and how many copies had acknowledged that when it was asked last.
#[derive(Clone, Debug)]
pub(super) struct Awaited {
    least: u64,
    until: Duration,
    again_after: Duration,
    partitions: BTreeMap<PartitionId, Reached>,
    /// What each part of the fan-out asks about.
    asked: Vec<Vec<PartitionId>>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reached {
    pub term: u64,
    pub seq: u64,
    pub copies: u64,
}

/// Plans a `WAIT numreplicas timeout`.
pub(crate) fn wait(
    node: &Node,
    view: &View,
    origin: Origin,
    written: &Written,
    args: Args<'_>,
) -> Result<Fanout, WireError> {
    let word = |index: usize| number::parse_integer(args.get(index).unwrap_or_default());
    let least = word(1).ok_or(WireError::NotInteger)?;
    let timeout = match word(2) {
        None => return Err(WireError::Other("ERR timeout is not an integer or out of range".into())),
        Some(timeout) if timeout < 0 => return Err(WireError::Other("ERR timeout is negative".into())),
        Some(0) => WAIT_MAX,
        Some(timeout) => Duration::from_millis(timeout.unsigned_abs()).min(WAIT_MAX),
    };
    let partitions: BTreeMap<_, _> = written.iter().map(|number| (number, Reached::default())).collect();
    let awaited = Awaited {
        least: u64::try_from(least).unwrap_or(0),
        until: node.now() + timeout,
        again_after: AGAIN_AFTER,
        partitions,
        asked: Vec::new(),
    };
    Ok(awaited.into_fanout(view, origin, Duration::ZERO))
}

impl Awaited {
    /// Asks other nodes about what they serve.
    fn into_fanout(mut self, view: &View, origin: Origin, delay: Duration) -> Fanout {
        let mut by_owner: BTreeMap<NodeId, Vec<PartitionId>> = BTreeMap::new();
        for number in self.partitions.keys() {
            if let Owner::Other(owner) = view.owner(number.slots(view.metadata.partitions).first) {
                by_owner.entry(owner.id).or_default().push(*number);
            }
        }
        let mut parts = Vec::new();
        self.asked.clear();
        for (owner, numbers) in by_owner {
            let words = numbers.iter().flat_map(|number| {
                let Reached { term, seq, .. } = self.partitions[number];
                [u64::from(number.0), term, seq].map(|number| number.to_string().into_bytes())
            });
            let words: Vec<Vec<u8>> = std::iter::once(QUESTION.to_vec()).chain(words).collect();
            parts.push(origin.part(owner, &words.iter().map(Vec::as_slice).collect::<Vec<_>>()));
            self.asked.push(numbers);
        }
        Fanout { parts, barrier: true, delay, holds: Vec::new(), plan: Plan::Copies(self), origin }
    }

    /// Answers, or asks again.
    pub(super) fn settle(
        mut self,
        node: &Node,
        view: &View,
        origin: Origin,
        replies: Vec<Result<Vec<u8>, ForwardError>>,
        out: &mut Vec<u8>,
    ) -> Option<Fanout> {
        for (number, reached) in &mut self.partitions {
            reached.copies = 0;
            if view.is_mine(number.slots(view.metadata.partitions).first) {
                *reached = node.replication().reached(*number, reached.term, reached.seq);
            }
        }
        for (numbers, reply) in self.asked.iter().zip(replies) {
            let Some(told) = reply.ok().as_deref().and_then(numbers_of) else { continue };
            for (number, told) in numbers.iter().zip(told.chunks_exact(3)) {
                self.partitions.insert(*number, Reached { term: told[0], seq: told[1], copies: told[2] });
            }
        }
        let least = match self.partitions.is_empty() {
            // Nothing was written: every copy there is has it.
            true => view.metadata.table.iter().map(|agreed| agreed.in_sync.len().saturating_sub(1) as u64).min(),
            false => self.partitions.values().map(|reached| reached.copies).min(),
        };
        let least = least.unwrap_or(0);
        let now = node.now();
        if least >= self.least || now >= self.until {
            Reply::new(out, origin.version).integer(i64::try_from(least).unwrap_or(i64::MAX));
            return None;
        }
        let delay = self.again_after.min(self.until - now);
        self.again_after = (self.again_after * 2).min(AGAIN_AFTER_MAX);
        Some(self.into_fanout(view, origin, delay))
    }
}

/// Answers another node's question.
pub(super) fn answer(node: &Node, version: Version, args: Args<'_>, out: &mut Vec<u8>) -> Result<(), WireError> {
    let words: Option<Vec<u64>> =
        args.iter().skip(1).map(|word| std::str::from_utf8(word).ok()?.parse().ok()).collect();
    let words = words.filter(|words| words.len().is_multiple_of(3)).ok_or(WireError::Syntax)?;
    let mut reply = Reply::new(out, version);
    reply.array(words.len());
    for word in words.chunks_exact(3) {
        let number = u16::try_from(word[0]).map(PartitionId).map_err(|_| WireError::Syntax)?;
        let Reached { term, seq, copies } = node.replication().reached(number, word[1], word[2]);
        [term, seq, copies].into_iter().for_each(|number| reply.integer(i64::try_from(number).unwrap_or(i64::MAX)));
    }
    Ok(())
}

/// The numbers of an array of them; none: it is none.
fn numbers_of(reply: &[u8]) -> Option<Vec<u64>> {
    let mut lines = std::str::from_utf8(reply).ok()?.split("\r\n");
    let count: usize = lines.next()?.strip_prefix('*')?.parse().ok()?;
    let numbers: Option<Vec<u64>> =
        lines.take_while(|line| !line.is_empty()).map(|line| line.strip_prefix(':')?.parse().ok()).collect();
    numbers.filter(|numbers| numbers.len() == count)
}
