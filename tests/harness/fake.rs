//! Doors that are not dcache's: for what a node of this release never does, and for nodes that misbehave.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

/// A door that hands every connection to `serve`, on a thread that ends with the test's process.
pub fn door(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        // Held open, so that a door that says nothing does not close either.
        let mut held = Vec::new();
        for stream in listener.incoming().flatten() {
            held.extend(stream.try_clone());
            serve(stream);
        }
    });
    address
}

/// A control door that answers every request with this body.
pub fn control(status: u16, body: String) -> String {
    door(move |mut stream| {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut line = String::new();
        while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
            line.clear();
        }
        let head =
            format!("HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
        // A client that has gone is its own business.
        let _ = stream.write_all((head + &body).as_bytes());
        let _ = stream.shutdown(std::net::Shutdown::Both);
    })
}

/// A control door of a node whose gateway is elsewhere.
pub fn control_of(gateway: &str, version: &str) -> String {
    let node = serde_json::json!({
        "apiVersion": "dcache/v1", "kind": "Node", "warnings": [],
        "id": "0000000000000001", "name": "fake", "zone": "", "weight": 100, "version": version,
        "addresses": {"gateway": gateway, "cluster": "127.0.0.1:1", "control": "127.0.0.1:1", "peers": "127.0.0.1:1"},
        "memoryBytes": 1, "pid": 1, "clusterId": "", "clusterName": "", "dataDir": "", "items": 0
    });
    control(200, node.to_string())
}

/// A gateway that answers whatever comes with these bytes.
pub fn gateway(reply: &'static [u8]) -> String {
    door(move |mut stream| {
        let mut request = [0; 4096];
        if stream.read(&mut request).is_ok() {
            let _ = stream.write_all(reply);
        }
    })
}

/// A door that takes connections and says nothing.
pub fn silent() -> String {
    door(|_| {})
}

/// An address where nobody listens.
pub fn closed() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}
