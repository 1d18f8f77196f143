//! What nodes say to each other on the peers door, and how it is framed. Sockets and deadlines are in the node.
//!
//! A connection begins with a [`Hello`] line of 8 bytes: the magic `DCPEER`, the wire version and the kind of link.
//! After it come frames, each `u32` little-endian length of what follows (at most [`FRAME_BYTES_MAX`]), then:
//!
//! ```text
//! control request   u64 id | JSON of the node's control message
//! control reply     u64 id | JSON of its answer
//! data request      u64 id | u16 database | u8 RESP version | RESP request
//! data reply        u64 id | u8 status (0 answered, 1 not the owner) | RESP reply
//! copies            as `core::replication` writes them
//! ```
//!
//! Ids are the sender's own and come back unchanged; replies may come in any order. Integers are little-endian.

use crate::{Incarnation, NodeId};

/// Largest frame: a request of the largest bulk string with room for its other arguments.
pub const FRAME_BYTES_MAX: usize = 640 << 20;

/// The level of whoever opens a link ([`crate::level`]). What is said on it is of the cluster's level, so one that is higher than
/// this node's is no reason to refuse; a node refuses one that it does not speak any more, with a reason in its log.
pub const WIRE_VERSION: u8 = crate::LEVEL as u8;
const WIRE_OLDEST: u8 = crate::LEVEL_OLDEST as u8;

const MAGIC: &[u8; 6] = b"DCPEER";

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkKind {
    /// Raft, reports: served by the control thread.
    Control,
    /// Forwarded client requests: served by a worker.
    Data,
    /// Copies of partitions, one way: served by a worker. A [`CopiesHello`] follows.
    Copies,
    /// Heartbeats, framed as control messages: served by a thread of their own.
    Heartbeat,
}

/// The first 8 bytes of every link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello {
    pub kind: LinkKind,
}

/// Who sends on a link for copies: the 16 bytes after the [`Hello`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopiesHello {
    pub node: NodeId,
    pub incarnation: Incarnation,
}

impl CopiesHello {
    pub const BYTES: usize = 16;

    pub fn encode(self) -> [u8; CopiesHello::BYTES] {
        let (node, incarnation) = (u128::from(self.node.0), u128::from(self.incarnation.0));
        (node << 64 | incarnation).to_le_bytes()
    }

    pub fn decode(bytes: [u8; CopiesHello::BYTES]) -> CopiesHello {
        let both = u128::from_le_bytes(bytes);
        CopiesHello { node: NodeId((both >> 64) as u64), incarnation: Incarnation(both as u64) }
    }
}

/// Why a link's first bytes were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HelloError {
    #[error("not a dcache peer: the first bytes are not the peer magic")]
    Magic,
    #[error("peer speaks wire version {0}, this node {WIRE_OLDEST} to {WIRE_VERSION}")]
    Version(u8),
    #[error("unknown link kind {0}")]
    Kind(u8),
}

impl Hello {
    pub const BYTES: usize = 8;

    pub fn encode(self) -> [u8; Hello::BYTES] {
        let kind = match self.kind {
            LinkKind::Control => 1,
            LinkKind::Data => 2,
            LinkKind::Heartbeat => 3,
            LinkKind::Copies => 4,
        };
        [MAGIC[0], MAGIC[1], MAGIC[2], MAGIC[3], MAGIC[4], MAGIC[5], WIRE_VERSION, kind]
    }

    pub fn decode(bytes: [u8; Hello::BYTES]) -> Result<Hello, HelloError> {
        if &bytes[..6] != MAGIC {
            return Err(HelloError::Magic);
        }
        if bytes[6] < WIRE_OLDEST {
            return Err(HelloError::Version(bytes[6]));
        }
        match bytes[7] {
            1 => Ok(Hello { kind: LinkKind::Control }),
            2 => Ok(Hello { kind: LinkKind::Data }),
            3 => Ok(Hello { kind: LinkKind::Heartbeat }),
            4 => Ok(Hello { kind: LinkKind::Copies }),
            other => Err(HelloError::Kind(other)),
        }
    }
}

/// Header of a forwarded client request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataHeader {
    pub id: u64,
    pub database: u16,
    /// RESP version of the client: 2 or 3.
    pub resp: u8,
}

impl DataHeader {
    pub const BYTES: usize = 11;

    /// Appends a whole frame: length, header, request.
    pub fn encode_frame(self, request: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(&((DataHeader::BYTES + request.len()) as u32).to_le_bytes());
        out.extend_from_slice(&self.id.to_le_bytes());
        out.extend_from_slice(&self.database.to_le_bytes());
        out.push(self.resp);
        out.extend_from_slice(request);
    }

    /// Splits a frame's content (without its length) into header and request; `None` when too short or of an unknown RESP version.
    pub fn decode(frame: &[u8]) -> Option<(DataHeader, &[u8])> {
        let (id, rest) = frame.split_first_chunk::<8>()?;
        let (database, rest) = rest.split_first_chunk::<2>()?;
        let (&resp, request) = rest.split_first()?;
        let header = DataHeader { id: u64::from_le_bytes(*id), database: u16::from_le_bytes(*database), resp };
        matches!(resp, 2 | 3).then_some((header, request))
    }
}

/// Outcome of a forwarded request, before its RESP reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataStatus {
    Answered,
    /// The receiver does not own the slot under its view; nothing was executed.
    NotOwner,
}

/// Bytes before the RESP reply in a data reply's content.
pub const DATA_REPLY_HEADER_BYTES: usize = 9;

/// Splits a data reply's content into id, status and RESP reply.
pub fn decode_data_reply(frame: &[u8]) -> Option<(u64, DataStatus, &[u8])> {
    let (id, rest) = frame.split_first_chunk::<8>()?;
    let (&status, reply) = rest.split_first()?;
    let status = match status {
        0 => DataStatus::Answered,
        1 => DataStatus::NotOwner,
        _ => return None,
    };
    Some((u64::from_le_bytes(*id), status, reply))
}

/// Opens a data reply frame in `out`: the caller appends the RESP reply and calls [`close_data_reply`] with the returned mark.
pub fn open_data_reply(id: u64, out: &mut Vec<u8>) -> usize {
    let mark = out.len();
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&id.to_le_bytes());
    out.push(0);
    mark
}

/// Writes length and status of the frame opened at `mark`.
pub fn close_data_reply(mark: usize, status: DataStatus, out: &mut [u8]) {
    let length = (out.len() - mark - 4) as u32;
    out[mark..mark + 4].copy_from_slice(&length.to_le_bytes());
    out[mark + 12] = match status {
        DataStatus::Answered => 0,
        DataStatus::NotOwner => 1,
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hello_reads_back_and_refuses_others() {
        for kind in [LinkKind::Control, LinkKind::Data, LinkKind::Heartbeat, LinkKind::Copies] {
            assert_eq!(Hello::decode(Hello { kind }.encode()), Ok(Hello { kind }));
        }
        assert_eq!(Hello::decode(*b"GET / HT"), Err(HelloError::Magic));
        assert_eq!(Hello::decode(*b"DCPEER\x00\x01"), Err(HelloError::Version(0)), "too old");
        assert_eq!(Hello::decode(*b"DCPEER\x09\x01"), Ok(Hello { kind: LinkKind::Control }), "newer, and knows us");
        assert_eq!(Hello::decode(*b"DCPEER\x01\x09"), Err(HelloError::Kind(9)));
    }

    #[test]
    fn who_sends_copies_reads_back() {
        let hello = CopiesHello { node: NodeId(u64::MAX - 1), incarnation: Incarnation(7) };
        assert_eq!(CopiesHello::decode(hello.encode()), hello);
    }

    #[test]
    fn data_frames_read_back() {
        let mut out = Vec::new();
        let header = DataHeader { id: 7, database: 3, resp: 3 };
        header.encode_frame(b"PING\r\n", &mut out);
        assert_eq!(u32::from_le_bytes([out[0], out[1], out[2], out[3]]) as usize, out.len() - 4);
        assert_eq!(DataHeader::decode(&out[4..]), Some((header, &b"PING\r\n"[..])));
        assert_eq!(DataHeader::decode(&out[4..10]), None);

        let mut out = vec![1, 2, 3];
        let mark = open_data_reply(9, &mut out);
        out.extend_from_slice(b"+PONG\r\n");
        close_data_reply(mark, DataStatus::NotOwner, &mut out);
        assert_eq!(decode_data_reply(&out[mark + 4..]), Some((9, DataStatus::NotOwner, &b"+PONG\r\n"[..])));
    }
}
