//! A batch: the requests that stand whole in a client's input, read before the first of them runs.
//!
//! ```text
//! input ─► parse ─► resolve, slot and hash of the first key      one request after the other, up to REQUESTS_MAX
//!       ─► prefetch buckets ─► prefetch entries                  memory is waited for once, not once a request
//!       ─► run, in order, each with what was found here          the session
//! ```
//!
//! Reading ahead decides nothing: who owns a slot, and in which database a request runs, is looked at when its turn comes.
//! A session that stops in the middle (a full output, a forward) goes on with the rest of the batch when it is called again:
//! the input then begins at the first request that has not run, and that is all a batch knows about it.
//!
//! What runs, and what it answers, is the session's.

use crate::Node;
use crate::command::{Command, Recent};
use dcache_protocol::resp::parse::{Args, Kept, Limits, Parser, Progress, ProtocolError};
use dcache_protocol::{Slot, slot_in};

/// Most requests read ahead: enough to hide the memory's latency, few enough that what was prefetched is still there.
const REQUESTS_MAX: usize = 64;

/// An idle client's session has room for this many.
const REQUESTS_KEPT: usize = 16;

/// No further request is read ahead once those read have this many arguments together.
const ARGS_MAX: usize = 1024;

/// The requests read from one client's input that have not run yet.
#[derive(Debug)]
pub(crate) struct Batch {
    parser: Parser,
    requests: Vec<Ahead>,
    /// Slot and hash of their first keys.
    keys: Vec<(u16, u64)>,
    /// Those before this one have run.
    next: usize,
    /// Bytes behind the last request that ask nothing.
    skipped: usize,
    /// What comes behind the requests is broken, and the connection ends once they have run.
    error: Option<ProtocolError>,
}

/// One request read ahead.
#[derive(Debug)]
pub(crate) struct Ahead {
    /// Bytes before it that ask nothing.
    skipped: usize,
    /// Its own bytes.
    length: usize,
    kept: Kept,
    /// None: it fits no row of the command table, and whoever runs it says why.
    pub command: Option<&'static Command>,
    pub place: Option<KeyPlace>,
}

impl Ahead {
    /// A request that was not read from a client's input just now.
    pub fn apart(command: &'static Command, place: Option<KeyPlace>) -> Ahead {
        Ahead { skipped: 0, length: 0, kept: Kept::default(), command: Some(command), place }
    }

    /// Bytes of the input that are done with once it has run.
    pub fn bytes(&self) -> usize {
        self.skipped + self.length
    }
}

/// What a batch has to offer next.
#[derive(Debug)]
pub(crate) enum Next {
    /// [`Batch::request`] has it.
    Request,
    /// `consumed` bytes ask nothing; at least `wanted` more complete the next request.
    Incomplete {
        consumed: usize,
        wanted: usize,
    },
    Broken(ProtocolError),
}

impl Batch {
    pub fn new() -> Batch {
        Batch {
            parser: Parser::new(Limits::default()),
            requests: Vec::new(),
            keys: Vec::new(),
            next: 0,
            skipped: 0,
            error: None,
        }
    }

    /// The request that [`Batch::next`] answered last did not run, and is the next one again.
    pub fn put_back(&mut self) {
        self.next -= 1;
    }

    /// The next request to run. `input` begins at the first byte of the client's that is not consumed.
    #[inline]
    pub fn next(&mut self, node: &Node, database: u16, input: &[u8]) -> Next {
        if self.next == self.requests.len()
            && let Some(wanted) = self.read(node, database, input)
        {
            return Next::Incomplete { consumed: std::mem::take(&mut self.skipped), wanted };
        }
        if self.next == self.requests.len() {
            return Next::Broken(self.error.unwrap_or(ProtocolError::InvalidMultibulkLength));
        }
        self.next += 1;
        Next::Request
    }

    /// The request that [`Batch::next`] answered and its arguments, from the input it was given.
    #[inline]
    pub fn request<'a>(&'a self, input: &'a [u8]) -> (&'a Ahead, Args<'a>) {
        let ahead = &self.requests[self.next - 1];
        (ahead, self.parser.args_of(ahead.kept, input.get(ahead.skipped..).unwrap_or_default()))
    }

    /// Reads requests until there are enough or no more. How many bytes are wanted, when there is not one.
    fn read(&mut self, node: &Node, database: u16, input: &[u8]) -> Option<usize> {
        self.requests.clear();
        self.keys.clear();
        if self.requests.capacity() > REQUESTS_KEPT {
            self.requests.shrink_to(REQUESTS_KEPT);
            self.keys.shrink_to(REQUESTS_KEPT);
        }
        self.next = 0;
        self.parser.forget();
        let mut at = std::mem::take(&mut self.skipped);
        let mut recent = Recent::default();
        let mut wanted = 0;
        let mut start = 0;
        while self.error.is_none() && self.requests.len() < REQUESTS_MAX {
            // The first request is read however long it is: its arguments that came before count as kept too.
            if !self.requests.is_empty() && self.parser.args_kept() >= ARGS_MAX {
                break;
            }
            let rest = &input[at..];
            match self.parser.parse_more(rest) {
                Ok(Progress::Request { consumed }) => {
                    let kept = self.parser.last();
                    let args = self.parser.args_of(kept, rest);
                    let command = recent.find(args);
                    let key = command.and_then(|command| command.first_key(args));
                    let place = key.map(|key| KeyPlace::new(node, database, key));
                    if let Some(place) = place {
                        self.keys.push((place.slot.number(), place.hash));
                    }
                    self.requests.push(Ahead { skipped: at - start, length: consumed, kept, command, place });
                    at += consumed;
                    start = at;
                }
                Ok(Progress::Empty { consumed }) => at += consumed,
                Ok(Progress::Incomplete { wanted: bytes }) => {
                    wanted = bytes;
                    break;
                }
                Err(error) => self.error = Some(error),
            }
        }
        self.skipped = at - start;
        if self.requests.len() > 1 {
            node.engine().prefetch(&self.keys);
        }
        (self.requests.is_empty() && self.error.is_none()).then_some(wanted)
    }
}

/// Where a key is: computed once a request, for routing, prefetching and the command itself.
#[derive(Clone, Copy, Debug)]
pub struct KeyPlace {
    pub slot: Slot,
    pub hash: u64,
    /// The one that `hash` is for.
    pub database: u16,
}

impl KeyPlace {
    #[inline]
    pub(crate) fn new(node: &Node, database: u16, key: &[u8]) -> KeyPlace {
        KeyPlace { slot: slot_in(database, key), hash: node.engine().hash(database, key), database }
    }
}
