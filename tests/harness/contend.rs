//! Clients that write the same few keys at the same time, and what all of them saw, operation by operation, for the checker of
//! linearizability. Clients with keys of their own are in `history.rs`.

#![allow(clippy::print_stdout)]

use super::history::History;
use super::linearizable::{Kind, Operation, check};
use super::resp::Wire;
use super::*;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

const CLIENTS: usize = 3;
const KEYS: usize = 3;

pub struct Contended {
    keys: Vec<(String, Mutex<Vec<Operation>>)>,
    /// No value is written twice.
    next: AtomicU64,
    began: Instant,
}

impl Contended {
    /// Every key has a value at the beginning, and as nothing expires or is evicted, no read may miss.
    pub fn begin(prefix: &str, nodes: &[Node]) -> Contended {
        let key = |number: usize| (format!("{prefix}{number}"), Mutex::default());
        let contended =
            Contended { keys: (0..KEYS).map(key).collect(), next: AtomicU64::new(0), began: Instant::now() };
        let mut wire = Wire::connect(&nodes[0].gateway);
        for (name, operations) in &contended.keys {
            let written = contended.write(&mut wire, name);
            assert!(written.is_some_and(|operation| operation.end != u64::MAX), "{name} could not be written");
            operations.lock().unwrap().extend(written);
        }
        contended
    }

    /// Runs clients on the doors of `history` while `faults` come.
    pub fn run<T>(&self, history: &History, faults: impl FnOnce() -> T) -> T {
        std::thread::scope(|scope| {
            for number in 0..CLIENTS {
                scope.spawn(move || self.take_part(history, number));
            }
            let over = history::Over(&history.is_over);
            let result = faults();
            drop(over);
            result
        })
    }

    fn take_part(&self, history: &History, number: usize) {
        let mut dice = Dice(2000 + number as u64);
        let mut wire = None;
        while !history.is_over.load(SeqCst) {
            let Some(connected) = wire.as_mut() else {
                wire = history.connect(&mut dice);
                continue;
            };
            let (name, operations) = &self.keys[dice.next() as usize % KEYS];
            let operation = match dice.next() % 2 {
                0 => self.write(connected, name),
                _ => self.read(connected, name),
            };
            if operation.is_some_and(|operation| operation.end == u64::MAX) {
                wire = None;
            }
            operations.lock().unwrap().extend(operation);
        }
    }

    fn now(&self) -> u64 {
        self.began.elapsed().as_nanos() as u64
    }

    /// None: certainly not written.
    fn write(&self, wire: &mut Wire, name: &str) -> Option<Operation> {
        let value = self.next.fetch_add(1, SeqCst) + 1;
        let begin = self.now();
        let reply = wire.try_ask(&["SET", name, &value.to_string()]);
        let end = match reply.as_deref() {
            Ok("+OK\r\n") => self.now(),
            Ok(refused) if !refused.starts_with("-TIMEOUT") => return None,
            _ => u64::MAX,
        };
        Some(Operation { begin, end, kind: Kind::Write(value) })
    }

    /// None: it saw nothing.
    fn read(&self, wire: &mut Wire, name: &str) -> Option<Operation> {
        let begin = self.now();
        let Ok(reply) = wire.try_ask(&["GET", name]) else {
            return Some(Operation { begin, end: u64::MAX, kind: Kind::Read(None) });
        };
        let value = reply.strip_prefix('$')?.split("\r\n").nth(1).and_then(|text| text.parse().ok());
        Some(Operation { begin, end: self.now(), kind: Kind::Read(value) })
    }

    pub fn must_be_linearizable(&self, what: &str) {
        let mut count = 0;
        for (name, operations) in &self.keys {
            let operations = operations.lock().unwrap();
            count += operations.len();
            let missed = operations.iter().find(|seen| seen.kind == Kind::Read(None) && seen.end != u64::MAX);
            assert!(missed.is_none(), "{what}: {name} was lost: {missed:?}");
            check(&operations).unwrap_or_else(|why| panic!("{what}: {name}: {why}"));
        }
        println!("{what}: {count} operations of {CLIENTS} clients on the same {KEYS} keys are linearizable");
        assert!(count > 100, "the clients hardly ran");
    }
}
