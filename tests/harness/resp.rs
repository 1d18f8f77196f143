//! A client that says exactly the bytes it is told and reads whole replies, as a test of the wire needs.

use super::DEADLINE;
use std::io::{Read, Write};
use std::net::TcpStream;

pub struct Wire {
    pub address: String,
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Wire {
    pub fn connect(address: &str) -> Wire {
        let stream = TcpStream::connect(address).unwrap_or_else(|error| panic!("{address}: {error}"));
        let wire = Wire { address: address.into(), stream, buffer: Vec::new() };
        wire.be_patient_for(DEADLINE);
        wire
    }

    /// To a node that may be gone, and may be silent; reads and writes too have only so long.
    pub fn try_connect(address: &str, within: std::time::Duration) -> Option<Wire> {
        let stream = TcpStream::connect_timeout(&address.parse().unwrap(), within).ok()?;
        let wire = Wire { address: address.into(), stream, buffer: Vec::new() };
        wire.be_patient_for(within);
        Some(wire)
    }

    pub fn be_patient_for(&self, time: std::time::Duration) {
        self.stream.set_read_timeout(Some(time)).unwrap();
        self.stream.set_write_timeout(Some(time)).unwrap();
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
        self.try_reply().unwrap()
    }

    /// As `ask`, of a node that may be gone, which is an error.
    pub fn try_ask(&mut self, words: &[&str]) -> std::io::Result<String> {
        self.stream.write_all(&request(words))?;
        Ok(String::from_utf8_lossy(&self.try_reply()?).into_owned())
    }

    fn try_reply(&mut self) -> std::io::Result<Vec<u8>> {
        loop {
            if let Some(length) = dcache_protocol::resp::value::skip_value(&self.buffer).unwrap() {
                return Ok(self.buffer.drain(..length).collect());
            }
            let mut bytes = [0; 64 << 10];
            let length = self.stream.read(&mut bytes)?;
            if length == 0 {
                return Err(std::io::Error::other("the node closed the connection"));
            }
            self.buffer.extend_from_slice(&bytes[..length]);
        }
    }
}

pub fn request(words: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    dcache_protocol::resp::value::encode_request(words, &mut bytes);
    bytes
}
