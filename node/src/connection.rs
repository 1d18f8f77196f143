//! One client: socket ⇄ session. The only waits on the data path are here.
//!
//! A turn of the loop reads what is there, lets the session run all whole requests, and writes what can be written, with
//! one system call each. Reading and writing go through buffers of the worker; a connection owns memory only while a
//! request is incomplete or a reply unread, so an idle one costs its task and little else.
//!
//! Replies keep their order: what was forwarded to another node holds its place in [`Outbox`], and later replies of the
//! same client queue behind it, while later requests already run.
//!
//! Bounds: above `Buffers::unread_bytes_max` of unread replies, or too many open forwards, no further request of the client
//! runs; a client that then reads nothing for 10 s (60 s below that bound) is closed and counted, and so is one that grows
//! when the buffers of all clients together are full. Nothing else is held for a client than that bound and one reply.

use crate::link::OpenFanout;
use crate::shared::{BufferAccount, Shared};
use crate::worker::Worker;
use dcache_core::{Door, Outcome, Session, Step};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// Forwards one client may have open; the session pauses above it.
const OPEN_FANOUTS_MAX: usize = 1024;

/// A client whose replies wait and that reads none of them this long is closed.
const WRITE_STALL: Duration = Duration::from_secs(60);

/// The same while more than `Buffers::unread_bytes_max` wait.
const WRITE_STALL_OVER_BOUND: Duration = Duration::from_secs(10);

/// How long a client may take to read its last replies when the node stops.
const FINISH_WITHIN: Duration = Duration::from_secs(3);

/// Largest growth of an input buffer in one step; it grows only as bytes arrive.
const INPUT_GROWTH_MAX: usize = 1 << 20;

/// Buffers handed to one write.
const SLICES_MAX: usize = 64;

/// Serves one client until it leaves, is killed, or passes a bound.
pub async fn serve(stream: TcpStream, door: Door, worker: Rc<Worker>) {
    let remote = stream.peer_addr().map(|a| a.to_string()).unwrap_or_default();
    let local = stream.local_addr().map(|a| a.to_string()).unwrap_or_default();
    let notify = Arc::new(Notify::new());
    let wake = {
        let notify = notify.clone();
        Arc::new(move || notify.notify_one())
    };
    let shared = worker.shared.clone();
    let session = Session::new(&shared.core, door, worker.index, remote, local, wake);
    let _registered = worker.register(notify.clone());
    let connection = Connection {
        progress_at: Instant::now(),
        account: BufferAccount::new(shared.clone()),
        shared,
        worker,
        stream,
        session,
        input: Vec::new(),
        outbox: Outbox::default(),
        notify,
    };
    // An I/O error here is the client going away; there is nobody left to tell.
    let _ = connection.run().await;
}

struct Connection {
    shared: Arc<Shared>,
    worker: Rc<Worker>,
    stream: TcpStream,
    session: Session,
    /// Bytes of requests that are not complete yet.
    input: Vec<u8>,
    outbox: Outbox,
    account: BufferAccount,
    /// When the client last took bytes, or first had any to take.
    progress_at: Instant,
    notify: Arc<Notify>,
}

/// What the loop waits for after a turn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// More bytes of requests.
    Read,
    /// A forwarded request to be answered or replies to be read, before the session may go on.
    Unblock,
    /// Only to write what is left.
    Close,
}

impl Connection {
    async fn run(mut self) -> io::Result<()> {
        let mut turn = Turn::Read;
        loop {
            self.outbox.settle(&self.worker);
            self.write()?;
            if turn == Turn::Unblock && !self.is_blocked() {
                turn = self.process_buffered();
                self.write()?;
            }
            if self.session.is_killed() || (turn == Turn::Close && self.outbox.is_empty()) {
                return Ok(());
            }
            if self.worker.is_stopping() {
                return self.finish().await;
            }
            if !self.account.set(self.input.capacity() + self.outbox.held_bytes()) {
                self.cut(&self.shared.cut.buffers_full, "all clients' buffers together are full");
                return Ok(());
            }
            let waiting = self.outbox.ready_bytes();
            let interest = match (turn == Turn::Read, waiting > 0) {
                (true, true) => Some(Interest::READABLE | Interest::WRITABLE),
                (true, false) => Some(Interest::READABLE),
                (false, true) => Some(Interest::WRITABLE),
                (false, false) => None,
            };
            let patience = match waiting {
                0 => None,
                bytes if bytes > self.shared.buffers.unread_bytes_max => Some(WRITE_STALL_OVER_BOUND),
                _ => Some(WRITE_STALL),
            };
            let ready = async {
                match interest {
                    Some(interest) => self.stream.ready(interest).await,
                    None => std::future::pending().await,
                }
            };
            let stalled = async {
                match patience {
                    Some(patience) => tokio::time::sleep_until((self.progress_at + patience).into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                ready = ready => {
                    let ready = ready?;
                    if turn == Turn::Read && (ready.is_readable() || ready.is_read_closed()) {
                        match self.read()? {
                            Some(next) => turn = next,
                            // It may still read what it asked for.
                            None => turn = Turn::Close,
                        }
                    }
                }
                () = self.notify.notified() => {}
                () = stalled => {
                    self.cut(&self.shared.cut.stalled, "it left replies unread too long");
                    return Ok(());
                }
            }
        }
    }

    /// The session must not run another request now.
    fn is_blocked(&self) -> bool {
        self.outbox.must_wait() || self.outbox.unwritten_bytes() > self.shared.buffers.unread_bytes_max
    }

    /// Reads what is there and runs it. `None`: the client will send nothing more.
    fn read(&mut self) -> io::Result<Option<Turn>> {
        if self.input.is_empty() {
            let worker = self.worker.clone();
            let mut scratch = worker.scratch.borrow_mut();
            return match self.stream.try_read(&mut scratch.input) {
                Ok(0) => Ok(None),
                Ok(length) => {
                    let scratch = &mut *scratch;
                    let (consumed, turn) = self.process(&scratch.input[..length]);
                    self.input.extend_from_slice(&scratch.input[consumed..length]);
                    Ok(Some(turn))
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Some(Turn::Read)),
                Err(error) => Err(error),
            };
        }
        let growth = self.input.len().clamp(16 << 10, INPUT_GROWTH_MAX);
        self.input.reserve(growth);
        match self.stream.try_read_buf(&mut self.input) {
            Ok(0) => Ok(None),
            Ok(_) => Ok(Some(self.process_buffered())),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Some(Turn::Read)),
            Err(error) => Err(error),
        }
    }

    fn process_buffered(&mut self) -> Turn {
        let mut input = std::mem::take(&mut self.input);
        let (consumed, turn) = self.process(&input);
        if consumed == input.len() {
            // Memory of a finished large request is given back.
            input = if input.capacity() > (64 << 10) { Vec::new() } else { input };
            input.clear();
        } else if consumed > 0 {
            input.drain(..consumed);
        }
        self.input = input;
        turn
    }

    /// Runs all whole requests of `input`; returns how many bytes they were.
    fn process(&mut self, input: &[u8]) -> (usize, Turn) {
        let mut consumed = 0;
        loop {
            if self.is_blocked() {
                return (consumed, Turn::Unblock);
            }
            let advance = self.session.advance(&self.shared.core, &input[consumed..], self.outbox.tail());
            consumed += advance.consumed;
            match advance.step {
                Step::NeedInput { .. } => return (consumed, Turn::Read),
                Step::OutputFull => {
                    if self.write().is_err() {
                        return (consumed, Turn::Close);
                    }
                    // What waits behind a forwarded request cannot be written yet: later replies go into a buffer of their own.
                    self.outbox.seal();
                }
                Step::Forward(fanout) => {
                    self.outbox.push(self.worker.links.send(fanout, self.notify.clone(), &self.worker));
                }
                Step::Close => return (consumed, Turn::Close),
            }
        }
    }

    /// Writes ready replies until the socket takes no more.
    fn write(&mut self) -> io::Result<()> {
        let mut progressed = self.outbox.is_empty();
        let result = loop {
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let count = self.outbox.slices(&mut slices);
            if count == 0 {
                break Ok(());
            }
            match self.stream.try_write_vectored(&slices[..count]) {
                Ok(length) => {
                    self.outbox.written(length);
                    progressed = true;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        if progressed {
            self.progress_at = Instant::now();
        }
        result
    }

    fn cut(&self, counter: &AtomicU64, reason: &str) {
        counter.fetch_add(1, Ordering::Relaxed);
        let remote = self.stream.peer_addr().map(|a| a.to_string()).unwrap_or_default();
        tracing::warn!(client = remote, unread_bytes = self.outbox.ready_bytes(), "client closed: {reason}");
    }

    /// The node stops: answers what is open, bounded in time.
    async fn finish(mut self) -> io::Result<()> {
        let drain = async {
            loop {
                self.outbox.settle(&self.worker);
                self.write()?;
                if self.outbox.is_empty() {
                    return Ok(());
                }
                if self.outbox.ready_bytes() > 0 {
                    self.stream.writable().await?;
                } else {
                    self.notify.notified().await;
                }
            }
        };
        tokio::time::timeout(FINISH_WITHIN, drain).await.unwrap_or(Ok(()))
    }
}

/// Replies in the order of their requests: encoded bytes, and places held for forwarded requests.
#[derive(Default)]
struct Outbox {
    queue: VecDeque<Entry>,
    /// Bytes of the front entry that are written already.
    front_written: usize,
    /// Bytes of all entries but the last.
    sealed_bytes: usize,
    open: usize,
    /// A kept buffer, so that a steady client needs no new one each turn.
    spare: Vec<u8>,
}

enum Entry {
    Bytes(Vec<u8>),
    Open(Rc<RefCell<OpenFanout>>),
}

impl Entry {
    fn len(&self) -> usize {
        match self {
            Entry::Bytes(bytes) => bytes.len(),
            Entry::Open(_) => 0,
        }
    }
}

impl Outbox {
    fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Where the next local reply goes.
    fn tail(&mut self) -> &mut Vec<u8> {
        if !matches!(self.queue.back(), Some(Entry::Bytes(_))) {
            let spare = std::mem::take(&mut self.spare);
            self.push_entry(Entry::Bytes(spare));
        }
        match self.queue.back_mut() {
            Some(Entry::Bytes(bytes)) => bytes,
            _ => unreachable!("bytes were pushed just now"),
        }
    }

    /// Later local replies go into a new buffer.
    fn seal(&mut self) {
        if self.queue.back().is_some_and(|entry| entry.len() > 0) {
            self.push_entry(Entry::Bytes(Vec::new()));
        }
    }

    fn push(&mut self, fanout: Rc<RefCell<OpenFanout>>) {
        self.open += 1;
        self.push_entry(Entry::Open(fanout));
    }

    fn push_entry(&mut self, entry: Entry) {
        self.sealed_bytes += self.queue.back().map_or(0, Entry::len);
        self.queue.push_back(entry);
    }

    /// The session must not go on: a barrier is open, or too much is.
    fn must_wait(&self) -> bool {
        if self.open >= OPEN_FANOUTS_MAX {
            return true;
        }
        matches!(self.queue.back(), Some(Entry::Open(fanout)) if fanout.borrow().is_barrier())
    }

    /// Turns answered forwards into bytes, from the front on: what stands behind an unanswered one cannot be written anyway.
    fn settle(&mut self, worker: &Rc<Worker>) {
        for index in 0..self.queue.len() {
            let Entry::Open(open) = &self.queue[index] else { continue };
            if !open.borrow().is_answered() {
                return;
            }
            let (fanout, replies, notify) = open.borrow_mut().take();
            let mut bytes = Vec::new();
            match fanout.finish(&worker.shared.core, replies, &mut bytes) {
                Outcome::Done => {
                    self.open -= 1;
                    if index + 1 < self.queue.len() {
                        self.sealed_bytes += bytes.len();
                    }
                    self.queue[index] = Entry::Bytes(bytes);
                }
                Outcome::Again(fanout) => {
                    self.queue[index] = Entry::Open(worker.links.send(fanout, notify, worker));
                    return;
                }
            }
        }
    }

    /// Bytes of replies that are not written, whether they could be now or not.
    fn unwritten_bytes(&self) -> usize {
        self.sealed_bytes + self.queue.back().map_or(0, Entry::len) - self.front_written
    }

    /// Bytes that could be written now.
    fn ready_bytes(&self) -> usize {
        let ready = self.queue.iter().take_while(|entry| matches!(entry, Entry::Bytes(_))).map(Entry::len);
        ready.sum::<usize>() - self.front_written
    }

    /// Bytes of memory held.
    fn held_bytes(&self) -> usize {
        let queued: usize = self
            .queue
            .iter()
            .map(|entry| match entry {
                Entry::Bytes(bytes) => bytes.capacity(),
                Entry::Open(fanout) => fanout.borrow().held_bytes(),
            })
            .sum();
        queued + self.spare.capacity()
    }

    /// What could be written now, in order; returns how many slices were filled in.
    fn slices<'a>(&'a mut self, slices: &mut [IoSlice<'a>; SLICES_MAX]) -> usize {
        self.drop_written();
        let mut count = 0;
        for entry in self.queue.iter().take(SLICES_MAX) {
            let Entry::Bytes(bytes) = entry else { break };
            let skip = if count == 0 { self.front_written } else { 0 };
            if bytes.len() > skip {
                slices[count] = IoSlice::new(&bytes[skip..]);
                count += 1;
            }
        }
        count
    }

    fn written(&mut self, length: usize) {
        self.front_written += length;
        self.drop_written();
    }

    /// Removes entries that are written to their end.
    fn drop_written(&mut self) {
        while let Some(Entry::Bytes(bytes)) = self.queue.front() {
            let length = bytes.len();
            if self.front_written < length {
                return;
            }
            self.front_written -= length;
            let Some(Entry::Bytes(mut bytes)) = self.queue.pop_front() else { return };
            if self.queue.is_empty() {
                if bytes.capacity() <= 16 << 10 {
                    bytes.clear();
                    self.spare = bytes;
                }
            } else {
                self.sealed_bytes -= length;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready(outbox: &mut Outbox) -> Vec<u8> {
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let count = outbox.slices(&mut slices);
        slices[..count].iter().flat_map(|slice| slice.to_vec()).collect()
    }

    #[test]
    fn bytes_leave_in_order_whatever_the_sizes_of_the_writes() {
        for step in 1..12 {
            let mut outbox = Outbox::default();
            let mut seen = Vec::new();
            for part in [&b"one"[..], b"", b"three", b"4"] {
                outbox.tail().extend_from_slice(part);
                outbox.seal();
            }
            assert_eq!(outbox.unwritten_bytes(), 9);
            while outbox.unwritten_bytes() > 0 {
                let bytes = ready(&mut outbox);
                let written = step.min(bytes.len());
                seen.extend_from_slice(&bytes[..written]);
                outbox.written(written);
                assert_eq!(outbox.unwritten_bytes(), 9 - seen.len());
            }
            assert_eq!(seen, b"onethree4");
            ready(&mut outbox);
            assert!(outbox.is_empty());
        }
    }
}
