//! A request that was done here and of which other nodes hear before it is answered: `SUBSCRIBE`, `PUBLISH`, `CLIENT TRACKING`.

use super::{Fanout, ForwardError, Origin, Plan};
use crate::talk::Requests;
use dcache_protocol::error::WireError;
use dcache_protocol::resp::reply::{Reply, Version};
use std::time::Duration;

/// What other nodes are told, and what becomes of their answers.
#[derive(Clone, Debug)]
pub(crate) struct Tell {
    pub requests: Requests,
    pub answers: Answers,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answers {
    /// Integers are added to the reply's.
    Added,
    /// The reply is what it is; later requests of the client need not wait for it.
    Ignored,
    /// The reply is what it is, whoever answers or not.
    Awaited,
    /// All must answer, or the reply is an error.
    Needed,
}

/// A reply that waits for other nodes.
#[derive(Debug)]
pub(super) struct Told {
    reply: Vec<u8>,
    answers: Answers,
}

impl Fanout {
    pub(crate) fn told(origin: Origin, tell: Tell, reply: Vec<u8>) -> Fanout {
        let parts = tell.requests.into_iter().map(|(to, request)| super::Part {
            to,
            database: 0,
            resp: Version::Resp2.number(),
            request,
            patience: Duration::ZERO,
        });
        Fanout {
            parts: parts.collect(),
            barrier: !matches!(tell.answers, Answers::Added | Answers::Ignored),
            delay: Duration::ZERO,
            holds: Vec::new(),
            plan: Plan::Told(Told { reply, answers: tell.answers }),
            origin,
        }
    }
}

impl Told {
    pub fn settle(
        self,
        origin: Origin,
        replies: Vec<Result<Vec<u8>, ForwardError>>,
        out: &mut Vec<u8>,
    ) -> Result<(), WireError> {
        let integer = |reply: &[u8]| {
            let text = std::str::from_utf8(reply.strip_prefix(b":")?).ok()?;
            text.trim_end().parse::<i64>().ok()
        };
        match self.answers {
            Answers::Added => {
                let others: i64 = replies.iter().flatten().filter_map(|reply| integer(reply)).sum();
                let here = integer(&self.reply).unwrap_or(0);
                Reply::new(out, origin.version).integer(here + others);
            }
            Answers::Needed
                if replies.iter().any(|reply| reply.as_ref().map_or(true, |reply| reply.starts_with(b"-"))) =>
            {
                return Err(WireError::TryAgain { reason: "not all nodes of the cluster were told in time".into() });
            }
            Answers::Ignored | Answers::Awaited | Answers::Needed => out.extend_from_slice(&self.reply),
        }
        Ok(())
    }
}
