//! RESP, the Redis serialization protocol, versions 2 and 3 (<https://redis.io/docs/latest/develop/reference/protocol-spec/>):
//! [`parse`] reads requests in place, [`reply`] encodes replies, [`value`] is the client's side.

pub mod parse;
pub mod reply;
pub mod value;
