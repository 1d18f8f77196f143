//! Request traces: the CSV `time_s,key_id,key_size,value_size,op,ttl_s`, one request a line.
//!
//! Times and TTLs are left out: no replay here uses them. Decompressing is the caller's.

use std::io::{self, BufRead};

const HEADER: &str = "time_s,key_id,key_size,value_size,op,ttl_s";

/// Ids are dense, so one beyond this is a mistake.
const KEYS_MAX: u32 = 1 << 28;

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// A get; a miss is followed by a set.
    Get,
    Set,
    Delete,
}

/// One request.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// Dense from 0.
    pub key: u32,
    /// Key and value.
    pub bytes: u32,
    pub op: Op,
}

/// Requests in order.
#[derive(Debug, Default)]
pub struct Trace {
    pub requests: Vec<Request>,
    /// Unique keys.
    pub keys: usize,
    /// Bytes of the unique objects, each at its newest size.
    pub footprint: u64,
}

impl Trace {
    /// Reads lines as above. With `all_get`, sets are taken as gets, as simulators do.
    pub fn read(mut lines: impl BufRead, all_get: bool) -> io::Result<Trace> {
        let invalid =
            |line: &str| io::Error::new(io::ErrorKind::InvalidData, format!("not of a trace: {}", line.trim_end()));
        let mut line = String::new();
        lines.read_line(&mut line)?;
        if line.trim_end() != HEADER {
            return Err(invalid(&line));
        }
        let mut requests = Vec::new();
        loop {
            line.clear();
            if lines.read_line(&mut line)? == 0 {
                return Ok(Trace::of(requests));
            }
            requests.push(parse(line.trim_end(), all_get).ok_or_else(|| invalid(&line))?);
        }
    }

    /// Of requests at hand.
    pub fn of(requests: Vec<Request>) -> Self {
        let keys = requests.iter().map(|request| request.key as usize + 1).max().unwrap_or(0);
        let mut sizes = vec![0u32; keys];
        for request in &requests {
            sizes[request.key as usize] = request.bytes;
        }
        let footprint = sizes.iter().map(|size| u64::from(*size)).sum();
        Self { requests, keys, footprint }
    }
}

fn parse(line: &str, all_get: bool) -> Option<Request> {
    let mut fields = line.split(',').skip(1);
    let key = fields.next()?.parse().ok().filter(|key| *key < KEYS_MAX)?;
    let key_size: u32 = fields.next()?.parse().ok()?;
    let value_size: u32 = fields.next()?.parse().ok()?;
    let op = match fields.next()? {
        "g" => Op::Get,
        "s" if all_get => Op::Get,
        "s" => Op::Set,
        "d" => Op::Delete,
        _ => return None,
    };
    Some(Request { key, bytes: key_size.checked_add(value_size)?, op })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_line() {
        let request = parse("3,17,20,717,s,0", false).expect("a line");
        assert_eq!((request.key, request.bytes, request.op), (17, 737, Op::Set));
        assert_eq!(parse("3,17,20,717,s,0", true).expect("a line").op, Op::Get);
        for broken in ["3,17,20,717,x,0", "3,17,4294967295,1,g,0", "3,4000000000,20,1,g,0", "3,17", ""] {
            assert!(parse(broken, false).is_none(), "{broken}");
        }
    }
}
