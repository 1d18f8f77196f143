//! A client that says exactly the bytes it is told and reads whole replies, as a test of the wire needs.

use super::DEADLINE;
use std::io::{Read, Write};
use std::net::TcpStream;

pub struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Wire {
    pub fn connect(address: &str) -> Wire {
        let stream = TcpStream::connect(address).unwrap_or_else(|error| panic!("{address}: {error}"));
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        Wire { stream, buffer: Vec::new() }
    }

    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// One request as an array of bulk strings, and its whole reply as it came.
    pub fn ask(&mut self, words: &[&str]) -> String {
        self.send(&request(words));
        String::from_utf8_lossy(&self.reply()).into_owned()
    }

    /// One whole reply.
    pub fn reply(&mut self) -> Vec<u8> {
        loop {
            if let Some(length) = dcache_protocol::resp::value::skip_value(&self.buffer).unwrap() {
                return self.buffer.drain(..length).collect();
            }
            let mut bytes = [0; 64 << 10];
            let length = self.stream.read(&mut bytes).unwrap();
            assert!(length > 0, "the node closed the connection");
            self.buffer.extend_from_slice(&bytes[..length]);
        }
    }
}

pub fn request(words: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    dcache_protocol::resp::value::encode_request(words, &mut bytes);
    bytes
}
