//! Wire errors of the Redis protocol and their exact text, in one table. Client libraries match on these words,
//! so they are Redis's own (redis `src/server.c`, `src/cluster.c`) wherever Redis has one.

use crate::Slot;
use std::fmt;

/// An error reply without its leading `-`. `Display` is the exact text on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WireError {
    WrongType,
    Syntax,
    NotInteger,
    NotFloat,
    Overflow,
    NanOrInfinity,
    WrongArity {
        command: String,
    },
    UnknownCommand {
        command: String,
        args: Vec<String>,
    },
    UnknownSubcommand {
        command: String,
        subcommand: String,
    },
    InvalidExpire {
        command: &'static str,
    },
    NoSuchKey,
    OutOfMemory,
    NoProto,
    CrossSlot,
    Moved {
        slot: Slot,
        address: String,
    },
    /// The slot's owner is down, or does not answer. Says whether the request was certainly not executed.
    ClusterDown {
        reason: String,
    },
    TryAgain {
        reason: String,
    },
    /// Fewer copies are in sync than the namespace asks for; nothing ran.
    TooFewCopies,
    /// Nothing ran, and this node does not serve the slot at this moment: to be tried again, and never told to a client.
    NotServing,
    /// Nothing ran, and this node may not serve what rests on its lease until it has one: to be tried again for a while.
    NoLease,
    /// A write went to another node, and no answer came: whether it ran is not known.
    NotConfirmed {
        reason: String,
    },
    /// The cluster verb exists in dcache under another name.
    UseVerb {
        what: String,
        verb: &'static str,
    },
    ValueTooLarge,
    InvalidCursor,
    InvalidDatabase,
    /// Any other text, with its code word.
    Other(String),
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use WireError::*;
        match self {
            WrongType => f.write_str("WRONGTYPE Operation against a key holding the wrong kind of value"),
            Syntax => f.write_str("ERR syntax error"),
            NotInteger => f.write_str("ERR value is not an integer or out of range"),
            NotFloat => f.write_str("ERR value is not a valid float"),
            Overflow => f.write_str("ERR increment or decrement would overflow"),
            NanOrInfinity => f.write_str("ERR increment would produce NaN or Infinity"),
            WrongArity { command } => write!(f, "ERR wrong number of arguments for '{command}' command"),
            UnknownCommand { command, args } => {
                write!(f, "ERR unknown command '{command}', with args beginning with: ")?;
                args.iter().try_for_each(|arg| write!(f, "'{arg}' "))
            }
            UnknownSubcommand { command, subcommand } => {
                write!(f, "ERR unknown subcommand '{subcommand}'. Try {command} HELP.")
            }
            InvalidExpire { command } => write!(f, "ERR invalid expire time in '{command}' command"),
            NoSuchKey => f.write_str("ERR no such key"),
            OutOfMemory => f.write_str("OOM command not allowed when used memory > 'maxmemory'."),
            NoProto => f.write_str("NOPROTO unsupported protocol version"),
            CrossSlot => f.write_str("CROSSSLOT Keys in request don't hash to the same slot"),
            Moved { slot, address } => write!(f, "MOVED {slot} {address}"),
            ClusterDown { reason } => write!(f, "CLUSTERDOWN {reason}"),
            TryAgain { reason } => write!(f, "TRYAGAIN {reason}"),
            TooFewCopies => f.write_str("NOREPLICAS Not enough good replicas to write."),
            NotServing => f.write_str("TRYAGAIN Hash slot is changing hands: this node did not run the request"),
            NoLease => f.write_str(
                "CLUSTERDOWN Hash slot not served: this node lost touch with the cluster's majority, and did not run the request",
            ),
            NotConfirmed { reason } => write!(f, "TIMEOUT the write is not confirmed: {reason}"),
            UseVerb { what, verb } => write!(f, "ERR {what} is not a client's business in dcache; use: {verb}"),
            ValueTooLarge => f.write_str("ERR string exceeds maximum allowed size (proto-max-bulk-len)"),
            InvalidCursor => f.write_str("ERR invalid cursor"),
            InvalidDatabase => f.write_str("ERR DB index is out of range"),
            Other(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for WireError {}
