//! What comes to a client unasked: messages of channels, invalidations, what others run. Not here: who is sent what.
//!
//! Any thread may put something into a client's [`Mail`]; its own connection takes it out between two replies. A push is kept as
//! RESP3 writes it, shared by all who get the same, and becomes an array for a client that speaks RESP2: they differ in the first
//! byte. What waits is bounded as Redis's `client-output-buffer-limit` says; whoever reads too slowly for that is ended.

use dcache_protocol::resp::reply::Version;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// What a letter takes beside its bytes.
const LETTER_OVERHEAD: usize = 32;

/// One thing to tell a client.
#[derive(Clone, Debug)]
pub(crate) enum Letter {
    /// A RESP3 push.
    Push(Arc<[u8]>),
    /// The same bytes in both versions.
    Plain(Arc<[u8]>),
}

impl Letter {
    fn bytes(&self) -> &[u8] {
        match self {
            Letter::Push(bytes) | Letter::Plain(bytes) => bytes,
        }
    }
}

/// How much may wait for one client: never more than `hard_bytes`, and not more than `soft_bytes` for so long. 0: no such bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    pub hard_bytes: u64,
    pub soft_bytes: u64,
    pub soft_seconds: u64,
}

/// The limits of the two classes of clients.
#[derive(Debug)]
pub(crate) struct Limits {
    normal: [AtomicU64; 3],
    pubsub: [AtomicU64; 3],
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { normal: [64 << 20, 0, 0].map(AtomicU64::new), pubsub: [32 << 20, 8 << 20, 60].map(AtomicU64::new) }
    }
}

impl Limits {
    pub fn of(&self, is_pubsub: bool) -> Limit {
        let [hard_bytes, soft_bytes, soft_seconds] =
            if is_pubsub { &self.pubsub } else { &self.normal }.each_ref().map(|value| value.load(Relaxed));
        Limit { hard_bytes, soft_bytes, soft_seconds }
    }

    pub fn set(&self, is_pubsub: bool, limit: Limit) {
        let values = [limit.hard_bytes, limit.soft_bytes, limit.soft_seconds];
        let class = if is_pubsub { &self.pubsub } else { &self.normal };
        class.iter().zip(values).for_each(|(place, value)| place.store(value, Relaxed));
    }
}

/// What waits for one client.
#[derive(Debug, Default)]
pub(crate) struct Mail {
    is_waiting: AtomicBool,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    letters: VecDeque<Letter>,
    bytes: usize,
    /// Since when more waits than the soft bound.
    over_since: Option<Duration>,
    is_closed: bool,
}

/// What came of putting a letter in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Put {
    /// It is the only one: the client is to be woken.
    First,
    More,
    /// It is too much; nothing waits any more, and nothing will.
    TooMuch,
}

impl Mail {
    #[inline]
    pub fn is_waiting(&self) -> bool {
        self.is_waiting.load(Relaxed)
    }

    /// Letters and bytes that wait.
    pub fn size(&self) -> (usize, usize) {
        let waiting = self.waiting.lock();
        (waiting.letters.len(), waiting.bytes)
    }

    pub fn put(&self, letter: Letter, now: Duration, limit: Limit) -> Put {
        let mut waiting = self.waiting.lock();
        if waiting.is_closed {
            return Put::More;
        }
        waiting.bytes += letter.bytes().len() + LETTER_OVERHEAD;
        let bytes = waiting.bytes as u64;
        let is_over = |bound: u64| bound > 0 && bytes > bound;
        waiting.over_since = is_over(limit.soft_bytes).then(|| waiting.over_since.unwrap_or(now));
        let is_long =
            waiting.over_since.is_some_and(|since| now.saturating_sub(since).as_secs() >= limit.soft_seconds.max(1));
        if is_over(limit.hard_bytes) || is_long {
            *waiting = Waiting { is_closed: true, ..Waiting::default() };
            self.is_waiting.store(false, Relaxed);
            return Put::TooMuch;
        }
        waiting.letters.push_back(letter);
        let is_first = waiting.letters.len() == 1;
        self.is_waiting.store(true, Relaxed);
        if is_first { Put::First } else { Put::More }
    }

    /// Moves letters to `out` until about `bytes_max` were moved.
    pub fn take(&self, version: Version, bytes_max: usize, out: &mut Vec<u8>) {
        let until = out.len() + bytes_max;
        let mut waiting = self.waiting.lock();
        while out.len() < until {
            let Some(letter) = waiting.letters.pop_front() else { break };
            waiting.bytes -= letter.bytes().len() + LETTER_OVERHEAD;
            let mark = out.len();
            out.extend_from_slice(letter.bytes());
            if matches!(letter, Letter::Push(_)) && version == Version::Resp2 {
                out[mark] = b'*';
            }
        }
        if waiting.letters.is_empty() {
            waiting.over_since = None;
            waiting.letters.shrink_to(16);
            self.is_waiting.store(false, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(bytes: &[u8]) -> Letter {
        Letter::Push(bytes.into())
    }

    const NONE: Limit = Limit { hard_bytes: 0, soft_bytes: 0, soft_seconds: 0 };

    #[test]
    fn letters_come_out_in_order_and_as_the_client_reads_them() {
        let mail = Mail::default();
        assert_eq!(mail.put(push(b">1\r\n+a\r\n"), Duration::ZERO, NONE), Put::First);
        assert_eq!(mail.put(Letter::Plain(b"+>\r\n"[..].into()), Duration::ZERO, NONE), Put::More);
        let mut out = b"before".to_vec();
        mail.take(Version::Resp2, 1, &mut out);
        assert_eq!(out, b"before*1\r\n+a\r\n");
        assert!(mail.is_waiting());
        mail.take(Version::Resp3, 1, &mut out);
        assert_eq!(out, b"before*1\r\n+a\r\n+>\r\n");
        assert!(!mail.is_waiting());
        assert_eq!(mail.size(), (0, 0));
    }

    #[test]
    fn too_much_ends_it_at_once_or_after_a_while() {
        let limit = Limit { hard_bytes: 200, soft_bytes: 60, soft_seconds: 10 };
        let mail = Mail::default();
        assert_eq!(mail.put(push(&[0; 100]), Duration::ZERO, limit), Put::First);
        assert_eq!(mail.put(push(&[0; 100]), Duration::ZERO, limit), Put::TooMuch);
        assert!(!mail.is_waiting());
        assert_eq!(mail.put(push(b"x"), Duration::ZERO, limit), Put::More);
        assert_eq!(mail.size(), (0, 0), "nothing is kept for one that is ended");
        let mail = Mail::default();
        assert_eq!(mail.put(push(&[0; 50]), Duration::ZERO, limit), Put::First);
        assert_eq!(mail.put(push(b"x"), Duration::from_secs(9), limit), Put::More);
        assert_eq!(mail.put(push(b"x"), Duration::from_secs(10), limit), Put::TooMuch);
    }
}
