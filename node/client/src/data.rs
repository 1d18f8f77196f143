//! RESP over one TCP connection to a gateway door: any key, whichever node owns it.
//!
//! Requests are written while replies are read, so a pipeline of any depth cannot lock both sides up. A connection that failed
//! in the middle of a call is not used again: what would come next on it belongs to the call before.

use crate::{Error, root};
pub use dcache_protocol::resp::parse::Limits;
pub use dcache_protocol::resp::value::Value;
use dcache_protocol::resp::value::{encode_request, parse_value};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Bytes asked for at least at each read.
const READ_BYTES: usize = 64 << 10;

/// One connection.
#[derive(Debug)]
pub struct Data {
    stream: TcpStream,
    address: String,
    timeout: Duration,
    limits: Limits,
    /// Received, not yet parsed.
    received: Vec<u8>,
    is_broken: bool,
}

impl Data {
    /// Connects to the first of `addresses` (`host:port`) that takes the connection. `timeout` is for connecting, and then for
    /// each call.
    pub async fn connect(addresses: &[String], timeout: Duration) -> Result<Data, Error> {
        let begun = Instant::now();
        let mut tried = Vec::new();
        for (position, address) in addresses.iter().enumerate() {
            let left = timeout.saturating_sub(begun.elapsed());
            let share = if position + 1 < addresses.len() { left / 2 } else { left };
            match tokio::time::timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    // Without it small requests wait for an acknowledgement; with an error here the call still works.
                    let _ = stream.set_nodelay(true);
                    let (address, limits) = (address.clone(), Limits::default());
                    return Ok(Data { stream, address, timeout, limits, received: Vec::new(), is_broken: false });
                }
                Ok(Err(error)) => tried.push((address.clone(), root(&error))),
                Err(_) => tried.push((address.clone(), format!("no answer within {} ms", share.as_millis()))),
            }
        }
        Err(Error::Unreachable { tried })
    }

    /// The gateway door this is connected to.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// One command, its reply. An error reply is [`Value::Error`], not an `Err`.
    pub async fn call<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Result<Value, Error> {
        let mut bytes = Vec::new();
        encode_request(args, &mut bytes);
        let mut values = self.exchange(&bytes, 1).await?;
        values.pop().ok_or_else(|| self.malformed("no reply".into()))
    }

    /// Many commands at once, their replies in order.
    pub async fn pipeline<A: AsRef<[u8]>>(&mut self, requests: &[Vec<A>]) -> Result<Vec<Value>, Error> {
        let mut bytes = Vec::new();
        requests.iter().for_each(|args| encode_request(args, &mut bytes));
        self.exchange(&bytes, requests.len()).await
    }

    async fn exchange(&mut self, bytes: &[u8], replies: usize) -> Result<Vec<Value>, Error> {
        if self.is_broken {
            return Err(self.lost("an earlier call failed".into()));
        }
        self.is_broken = true;
        let result = match tokio::time::timeout(self.timeout, self.write_and_read(bytes, replies)).await {
            Ok(result) => result,
            Err(_) => {
                Err(Error::Timeout { endpoint: self.address.clone(), after: self.timeout, outcome_unknown: true })
            }
        };
        self.is_broken = result.is_err();
        result
    }

    async fn write_and_read(&mut self, bytes: &[u8], replies: usize) -> Result<Vec<Value>, Error> {
        let (mut reader, mut writer) = self.stream.split();
        let (received, limits, address) = (&mut self.received, self.limits, &self.address);
        let lost = |error: std::io::Error| Error::Lost { endpoint: address.clone(), why: root(&error) };
        let read = async {
            let mut values = Vec::new();
            loop {
                let mut parsed = 0;
                while values.len() < replies {
                    match parse_value(&received[parsed..], &limits) {
                        Ok(Some((value, consumed))) => {
                            parsed += consumed;
                            values.push(value);
                        }
                        Ok(None) => break,
                        Err(error) => {
                            return Err(Error::Malformed { endpoint: address.clone(), why: error.to_string() });
                        }
                    }
                }
                received.drain(..parsed);
                if values.len() == replies {
                    return Ok(values);
                }
                received.reserve(READ_BYTES.max(received.len() / 2));
                if reader.read_buf(received).await.map_err(lost)? == 0 {
                    let why = "it was closed by the other side".into();
                    return Err(Error::Lost { endpoint: address.clone(), why });
                }
            }
        };
        let write = async { writer.write_all(bytes).await };
        tokio::pin!(read, write);
        let mut is_written = false;
        loop {
            tokio::select! {
                result = &mut read => return result,
                // A server that refuses says why before it closes; so a failed write waits for what can still be read.
                _ = &mut write, if !is_written => is_written = true,
            }
        }
    }

    fn lost(&self, why: String) -> Error {
        Error::Lost { endpoint: self.address.clone(), why }
    }

    fn malformed(&self, why: String) -> Error {
        Error::Malformed { endpoint: self.address.clone(), why }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    /// A server that answers each read with `reply(total bytes so far)`, until that is `None`.
    async fn server(reply: fn(usize) -> Option<Vec<u8>>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (mut total, mut buffer) = (0, vec![0; 1 << 16]);
            loop {
                let n = stream.read(&mut buffer).await.unwrap();
                total += n;
                match reply(total) {
                    Some(bytes) if n > 0 => stream.write_all(&bytes).await.unwrap(),
                    _ => return,
                }
            }
        });
        address
    }

    async fn connect(address: String) -> Data {
        Data::connect(&[address], Duration::from_secs(5)).await.unwrap()
    }

    #[tokio::test]
    async fn replies_come_back_whole_and_in_order() {
        let mut data = connect(server(|_| Some(b"+OK\r\n:7\r\n$3\r\na\r\n\r\n-ERR no\r\n".to_vec())).await).await;
        let requests = vec![vec!["A"], vec!["B"], vec!["C"], vec!["D"]];
        let values = data.pipeline(&requests).await.unwrap();
        let expected = [
            Value::Simple("OK".into()),
            Value::Integer(7),
            Value::Bulk(b"a\r\n".to_vec()),
            Value::Error("ERR no".into()),
        ];
        assert_eq!(values, expected);
    }

    #[tokio::test]
    async fn a_server_that_answers_before_it_reads_does_not_lock_both_sides_up() {
        const BIG: usize = 16 << 20;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut reply = format!("${BIG}\r\n").into_bytes();
            reply.resize(reply.len() + BIG, b'y');
            reply.extend_from_slice(b"\r\n");
            stream.write_all(&reply).await.unwrap();
            let mut request = vec![0; BIG];
            stream.read_exact(&mut request).await.unwrap();
            stream.write_all(b"+END\r\n").await.unwrap();
        });
        let mut data = connect(address).await;
        let values = data.pipeline(&[vec![vec![b'x'; BIG]], vec![b"END".to_vec()]]).await.unwrap();
        assert_eq!(values, [Value::Bulk(vec![b'y'; BIG]), Value::Simple("END".into())]);
    }

    #[tokio::test]
    async fn a_server_that_says_nothing_is_a_timeout_and_its_connection_is_not_used_again() {
        let mut data = connect(server(|_| Some(Vec::new())).await).await;
        data.timeout = Duration::from_millis(100);
        assert!(matches!(data.call(&["PING"]).await, Err(Error::Timeout { outcome_unknown: true, .. })));
        assert!(matches!(data.call(&["PING"]).await, Err(Error::Lost { .. })));
    }

    #[tokio::test]
    async fn a_connection_that_ends_is_lost_and_garbage_is_named() {
        let mut data = connect(server(|_| None).await).await;
        assert!(matches!(data.call(&["GET", "k"]).await, Err(Error::Lost { .. })));
        let mut data = connect(server(|_| Some(b"HTTP/1.1 400 Bad Request\r\n".to_vec())).await).await;
        assert!(matches!(data.call(&["GET", "k"]).await, Err(Error::Malformed { .. })));
    }

    #[tokio::test]
    async fn the_first_address_that_is_there_is_taken() {
        let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string();
        let alive = server(|_| Some(b"+PONG\r\n".to_vec())).await;
        let mut data = Data::connect(&[gone.clone(), alive.clone()], Duration::from_secs(5)).await.unwrap();
        assert_eq!(data.address(), alive);
        assert_eq!(data.call(&["PING"]).await, Ok(Value::Simple("PONG".into())));
        let nobody = Data::connect(&[gone], Duration::from_secs(5)).await;
        assert!(matches!(nobody, Err(Error::Unreachable { tried }) if tried.len() == 1));
    }
}
