//! `WATCH` of keys that other nodes have: what they hold is asked before the client is answered.

use super::{Fanout, ForwardError, Origin, Plan};
use crate::Node;
use crate::route;
use crate::transaction::{Watched, number_of};
use crate::view::{Owner, View};
use dcache_protocol::error::WireError;
use dcache_protocol::resp::parse::Args;
use dcache_protocol::slot_in;
use std::time::Duration;

/// What nodes ask each other; no client can. Behind it: one key.
pub(crate) const QUESTION: &[u8] = b"dcache.watch";

/// Keys to ask about, and where what they hold is kept.
#[derive(Debug)]
pub(crate) struct Ask {
    pub keys: Vec<Box<[u8]>>,
    pub into: Watched,
}

impl Fanout {
    pub(crate) fn watched(view: &View, origin: Origin, ask: Ask) -> Result<Fanout, WireError> {
        let part = |key: &[u8]| match view.owner(slot_in(origin.database, key)) {
            Owner::Other(owner) => Ok(origin.part(owner.id, &[QUESTION, key])),
            Owner::Down(owner) => Err(route::down(owner)),
            Owner::Me | Owner::Nobody => Err(route::nobody()),
        };
        let parts = ask.keys.iter().map(|key| part(key)).collect::<Result<_, _>>()?;
        let (delay, holds) = (Duration::ZERO, Vec::new());
        Ok(Fanout { parts, barrier: true, delay, holds, plan: Plan::Watched(ask), origin })
    }
}

impl Ask {
    pub(super) fn settle(
        self,
        replies: Vec<Result<Vec<u8>, ForwardError>>,
        out: &mut Vec<u8>,
    ) -> Result<(), WireError> {
        let number = |reply: &Result<Vec<u8>, ForwardError>| {
            let text = std::str::from_utf8(reply.as_ref().ok()?.strip_prefix(b"+")?).ok()?;
            text.trim_end().parse::<u64>().ok()
        };
        let numbers: Option<Vec<u64>> = replies.iter().map(number).collect();
        let Some(numbers) = numbers else {
            return Err(WireError::TryAgain { reason: "not all watched keys could be looked at".into() });
        };
        self.into.lock().extend(self.keys.into_iter().zip(numbers));
        out.extend_from_slice(b"+OK\r\n");
        Ok(())
    }
}

/// The answer to [`QUESTION`]; none when the key is not this node's.
pub(super) fn answer(node: &Node, view: &View, database: u16, args: Args<'_>) -> Option<String> {
    let key = args.get(1).filter(|key| view.is_mine(slot_in(database, key)))?;
    Some(number_of(node, database, key).to_string())
}
