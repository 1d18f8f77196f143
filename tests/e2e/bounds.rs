//! Hostile and careless clients: what they may cost is bounded, and others do not notice.

use crate::harness::resp::{Wire, request};
use crate::harness::{Home, Node, wait_until};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

fn resident_mib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

#[test]
fn a_client_that_reads_no_replies_is_closed_at_a_bound() {
    let home = Home::new();
    let node = Node::start(&home, "n1", &[]);
    let mut other = Wire::connect(&node.gateway);
    assert_eq!(other.ask(&["SET", "big", &"x".repeat(1 << 20)]), "+OK\r\n");
    let before = resident_mib(node.process.id());

    let mut greedy = TcpStream::connect(&node.gateway).unwrap();
    greedy.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
    let asked = request(&["GET", "big"]).repeat(1000);
    let mut peak = 0;
    wait_until("the greedy client is closed", || {
        peak = peak.max(resident_mib(node.process.id()));
        match greedy.write(&asked) {
            Err(error) if !matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                Some(())
            }
            _ => None,
        }
    });
    // 32 MiB is the bound at this memory; one reply more, the allocator's slack and the debug build's own come on top.
    assert!(peak < before + 128, "{before} MiB before, {peak} MiB at the peak");
    assert_eq!(other.ask(&["PING"]), "+PONG\r\n", "others are served");
    assert!(node.log().contains("left replies unread"), "and the log says so:\n{}", node.log());
}

#[test]
fn ten_thousand_idle_clients_are_held() {
    let home = Home::new();
    let node = Node::start(&home, "n1", &[]);
    // This process's own limit of open files may be lower than the node's.
    let limit = std::fs::read_to_string("/proc/self/limits").unwrap();
    let files = limit.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let files: u64 = files.split_whitespace().nth(3).unwrap().parse().unwrap_or(u64::MAX);
    let wanted = 10_000.min(files.saturating_sub(200)) as usize;
    assert!(wanted >= 500, "too few open files for this test: {files}");
    let mut idle: Vec<TcpStream> = Vec::new();
    for _ in 0..wanted {
        idle.push(TcpStream::connect(&node.gateway).unwrap());
    }
    let mut other = Wire::connect(&node.gateway);
    wait_until("all are accepted", || {
        let info = other.ask(&["INFO", "clients"]);
        info.contains(&format!("connected_clients:{}", wanted + 1)).then_some(())
    });
    for stream in idle.iter_mut().step_by(wanted / 100) {
        stream.write_all(b"PING\r\n").unwrap();
        let mut reply = [0; 7];
        stream.read_exact(&mut reply).unwrap();
        assert_eq!(&reply, b"+PONG\r\n");
    }
}

#[test]
fn broken_requests_are_answered_and_closed_without_harm() {
    let home = Home::new();
    let node = Node::start(&home, "n1", &[]);
    let hostile: [(&[u8], &str); 5] = [
        (b"*1\r\n$99999999999\r\n", "-ERR Protocol error: invalid bulk length\r\n"),
        (b"*99999999\r\n", "-ERR Protocol error: invalid multibulk length\r\n"),
        (b"*1\r\n:5\r\n", "-ERR Protocol error: expected '$', got ':'\r\n"),
        (b"SET a \"b\r\n", "-ERR Protocol error: unbalanced quotes in request\r\n"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", ""),
    ];
    for (bytes, expected) in hostile {
        let mut stream = TcpStream::connect(&node.gateway).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.write_all(bytes).unwrap();
        let mut answer = Vec::new();
        // A connection that is reset is closed too.
        let _ = stream.read_to_end(&mut answer);
        assert!(
            String::from_utf8_lossy(&answer).ends_with(expected),
            "{bytes:?}: {}",
            String::from_utf8_lossy(&answer)
        );
    }
    let mut peers = TcpStream::connect(&node.peers).unwrap();
    peers.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = peers.read_to_end(&mut answer);
    assert!(answer.is_empty(), "strangers at the peers door are told nothing");
    assert_eq!(Wire::connect(&node.gateway).ask(&["PING"]), "+PONG\r\n");
}
