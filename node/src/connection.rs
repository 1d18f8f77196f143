//! One client: socket ⇄ session. The only waits on the data path are here.
//!
//! A turn of the loop reads what is there, lets the session run all whole requests, and writes what can be written, with
//! one system call each: a read that did not fill its buffer took all there was, and is not tried again before the socket
//! has more. Reading and writing go through buffers of the worker; a connection owns memory only while a request is
//! incomplete or a reply unread, so an idle one costs its task and little else.
//!
//! Replies keep their order: what was forwarded to another node holds its place in [`Outbox`], and later replies of the
//! same client queue behind it, while later requests already run.
//!
//! Bounds: above `Buffers::unread_bytes_max` of unread replies, or too many open forwards, no further request of the client
//! runs; a client that then reads nothing for 10 s (60 s below that bound) is closed and counted, and so is one that grows
//! when the buffers of all clients together are full. Nothing else is held for a client than that bound and one reply.

use crate::link::OpenFanout;
use crate::nudge::Nudge;
use crate::shared::{BufferAccount, Shared};
use crate::worker::Worker;
use dcache_core::clients::Wake;
use dcache_core::replication::hold::{Held, Hold};
use dcache_core::session::PAUSE;
use dcache_core::{Blocked, Door, Node, Outcome, Session, Step, Waited};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use tokio::net::TcpStream;

/// Forwards one client may have open; the session pauses above it.
const OPEN_FANOUTS_MAX: usize = 1024;

/// A client whose replies wait and that reads none of them this long is closed.
const WRITE_STALL: Duration = Duration::from_secs(60);

/// The same while more than `Buffers::unread_bytes_max` wait.
const WRITE_STALL_OVER_BOUND: Duration = Duration::from_secs(10);

/// How long a client may take to read its last replies when the node stops.
const FINISH_WITHIN: Duration = Duration::from_secs(3);

/// How long a reply waits to be confirmed by all copies in sync, before the client is told that it is not.
pub const CONFIRM_WITHIN: Duration = Duration::from_secs(5);

/// Largest growth of an input buffer in one step; it grows only as bytes arrive.
const INPUT_GROWTH_MAX: usize = 1 << 20;

/// What a client that waits for keys may send ahead; what it sends beyond that stays in the socket.
const AHEAD_BYTES_MAX: usize = 1 << 20;

/// Buffers handed to one write.
const SLICES_MAX: usize = 64;

/// Above this many unwritten bytes a client is told nothing new.
const NEWS_BYTES_MAX: usize = 256 << 10;

/// Writes of news before another client has its turn.
const NEWS_A_TURN_MAX: usize = 16;

/// A larger buffer for replies is not kept.
const SPARE_BYTES_MAX: usize = 256 << 10;

/// Serves one client until it leaves, is killed, or passes a bound.
pub async fn serve(stream: TcpStream, door: Door, worker: Rc<Worker>) {
    let remote = stream.peer_addr().map(|a| a.to_string()).unwrap_or_default();
    let local = stream.local_addr().map(|a| a.to_string()).unwrap_or_default();
    let nudge = Arc::new(Nudge::default());
    let wake: Wake = {
        let nudge = nudge.clone();
        Arc::new(move || nudge.nudge())
    };
    let shared = worker.shared.clone();
    let session = Session::new(&shared.core, door, worker.index, remote, local, wake.clone());
    let _registered = worker.register(nudge.clone());
    let connection = Connection {
        progress_at: Instant::now(),
        is_waiting: false,
        account: BufferAccount::new(shared.clone()),
        shared,
        stream,
        session,
        input: Vec::new(),
        outbox: Outbox::default(),
        paused_until: None,
        waits: false,
        wake: worker.gathered(wake),
        worker,
        nudge,
    };
    poll_fn(|context| {
        connection.nudge.attach(context);
        Poll::Ready(())
    })
    .await;
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
    /// The next request's slot is changing hands until about then.
    paused_until: Option<Instant>,
    /// The next request waits for scripts, and a nudge tells when it may go on.
    waits: bool,
    account: BufferAccount,
    /// When the client last took bytes, or first had any to take; of a meaning while it `is_waiting`.
    progress_at: Instant,
    /// The client has bytes to take that the socket did not.
    is_waiting: bool,
    nudge: Arc<Nudge>,
    /// Nudges it when replies that wait may be settled.
    wake: Wake,
}

/// What a turn begins with.
enum Event {
    /// So many bytes are in the worker's buffer, or behind `input` where that held some. 0: the client will send no more.
    Read(usize),
    Writable,
    /// Something changed elsewhere: look.
    Nudged,
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
            self.settle();
            self.tell_news()?;
            self.write()?;
            if turn == Turn::Unblock && !self.is_blocked() {
                turn = self.process_buffered();
                self.write()?;
            }
            let is_over = turn == Turn::Close && (self.outbox.is_empty() || self.outbox.is_waiting());
            if self.session.is_killed() || self.outbox.is_cut || is_over {
                return Ok(());
            }
            if self.worker.is_stopping() {
                return self.finish().await;
            }
            if !self.account.set(self.input.capacity() + self.outbox.held_bytes()) {
                self.cut(&self.shared.cut.buffers_full, "all clients' buffers together are full");
                return Ok(());
            }
            let (unread, unconfirmed) = (self.patience(), self.outbox.unconfirmed_until());
            let waiting = self.outbox.waits_until(&self.shared.core);
            let deadline = unread.into_iter().chain(unconfirmed).chain(waiting).min();
            let event = poll_fn(|context| self.poll_event(turn, context));
            let event = match deadline {
                None => event.await?,
                Some(deadline) => match tokio::time::timeout_at(deadline.into(), event).await {
                    Ok(event) => event?,
                    Err(_) if unread == Some(deadline) => {
                        self.cut(&self.shared.cut.stalled, "it left replies unread too long");
                        return Ok(());
                    }
                    Err(_) => {
                        self.outbox.give_up_unconfirmed();
                        Event::Nudged
                    }
                },
            };
            if matches!(event, Event::Nudged) && std::mem::take(&mut self.waits) && self.is_blocked() {
                // Others shall not wait for what this client does not read.
                self.session.let_go();
            }
            match event {
                // It may still read what it asked for.
                Event::Read(0) => turn = Turn::Close,
                Event::Read(length) => turn = self.process_read(length),
                Event::Writable | Event::Nudged => {}
            }
        }
    }

    fn poll_event(&mut self, turn: Turn, context: &mut Context<'_>) -> Poll<io::Result<Event>> {
        if self.nudge.take() {
            return Poll::Ready(Ok(Event::Nudged));
        }
        // The client of a request that waits may leave, or send more.
        let waits = || self.outbox.is_waiting() && self.input.len() < AHEAD_BYTES_MAX;
        if (turn == Turn::Read || turn == Turn::Unblock && waits())
            && let Poll::Ready(length) = self.poll_read(context)
        {
            return Poll::Ready(length.map(Event::Read));
        }
        if self.is_waiting {
            return self.stream.poll_write_ready(context).map_ok(|()| Event::Writable);
        }
        Poll::Pending
    }

    /// Reads behind `input`, or into the worker's buffer when that is empty. The runtime takes a read that did not fill its
    /// buffer for the last one until the kernel tells of more.
    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.input.is_empty() {
            let mut scratch = self.worker.scratch.borrow_mut();
            let mut buffer = ReadBuf::new(&mut scratch.input);
            ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer))?;
            return Poll::Ready(Ok(buffer.filled().len()));
        }
        // No memory for bytes that are not there.
        ready!(self.stream.poll_read_ready(context))?;
        self.input.reserve(self.input.len().clamp(16 << 10, INPUT_GROWTH_MAX));
        pin!(self.stream.read_buf(&mut self.input)).poll(context)
    }

    /// When the client must have read something; none while the socket takes all its replies.
    fn patience(&self) -> Option<Instant> {
        if !self.is_waiting {
            return None;
        }
        let is_over_bound = self.outbox.ready_bytes() > self.shared.buffers.unread_bytes_max;
        Some(self.progress_at + if is_over_bound { WRITE_STALL_OVER_BOUND } else { WRITE_STALL })
    }

    fn settle(&mut self) {
        self.outbox.settle(&self.worker, &self.wake, &self.nudge);
    }

    /// What comes unasked waits elsewhere, with a bound of its own, while too much is unwritten here.
    fn tell_news(&mut self) -> io::Result<()> {
        let mut turns = 0;
        while self.session.has_news(&self.shared.core) && self.outbox.unwritten_bytes() < NEWS_BYTES_MAX {
            if turns == NEWS_A_TURN_MAX {
                self.nudge.nudge();
                return Ok(());
            }
            turns += 1;
            self.session.tell_news(&self.shared.core, self.outbox.tail(&self.worker.spare));
            self.write()?;
        }
        Ok(())
    }

    /// The session must not run another request now.
    fn is_blocked(&self) -> bool {
        self.waits
            || self.paused_until.is_some_and(|until| Instant::now() < until)
            || self.outbox.must_wait()
            || self.outbox.unwritten_bytes() > self.shared.buffers.unread_bytes_max
    }

    /// Runs what was just read.
    fn process_read(&mut self, length: usize) -> Turn {
        if !self.input.is_empty() {
            return self.process_buffered();
        }
        let worker = self.worker.clone();
        let scratch = worker.scratch.borrow();
        let (consumed, turn) = self.process(&scratch.input[..length]);
        self.input.extend_from_slice(&scratch.input[consumed..length]);
        turn
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
            let advance =
                self.session.advance(&self.shared.core, &input[consumed..], self.outbox.tail(&self.worker.spare));
            consumed += advance.consumed;
            if !advance.holds.is_empty() {
                self.outbox.hold(advance.holds, &self.worker, &self.wake);
            }
            self.worker.send_copies();
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
                    self.outbox.push(self.worker.links.send(fanout, self.nudge.clone(), &self.wake, &self.worker));
                    // A script may have run already.
                    self.outbox.settle_last(&self.worker, &self.wake, &self.nudge);
                }
                Step::Wait(blocked) => self.outbox.wait(blocked),
                Step::Pause => {
                    self.paused_until = Some(Instant::now() + PAUSE);
                    let nudge = self.nudge.clone();
                    tokio::task::spawn_local(async move {
                        tokio::time::sleep(PAUSE).await;
                        nudge.nudge();
                    });
                    return (consumed, Turn::Unblock);
                }
                Step::Turn => {
                    self.waits = true;
                    return (consumed, Turn::Unblock);
                }
                Step::Close => return (consumed, Turn::Close),
            }
        }
    }

    /// Writes ready replies until the socket takes no more.
    fn write(&mut self) -> io::Result<()> {
        if self.outbox.is_empty() {
            return Ok(());
        }
        let mut progressed = !self.is_waiting;
        loop {
            let written = match self.outbox.only() {
                Some(bytes) => self.stream.try_write(bytes),
                None => {
                    let mut slices = [IoSlice::new(&[]); SLICES_MAX];
                    let count = self.outbox.slices(&mut slices, &self.worker.spare);
                    if count == 0 {
                        break;
                    }
                    self.stream.try_write_vectored(&slices[..count])
                }
            };
            match written {
                Ok(length) => {
                    self.outbox.written(length, &self.worker.spare);
                    progressed = true;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        self.is_waiting = self.outbox.ready_bytes() > 0;
        if self.is_waiting && progressed {
            self.progress_at = Instant::now();
        }
        Ok(())
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
                self.settle();
                self.outbox.give_up_waiting();
                self.write()?;
                if self.outbox.is_empty() {
                    return Ok(());
                }
                if self.is_waiting {
                    self.stream.writable().await?;
                } else {
                    poll_fn(|_| if self.nudge.take() { Poll::Ready(()) } else { Poll::Pending }).await;
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
    /// The connection ends once what is before this is written.
    is_cut: bool,
}

enum Entry {
    Bytes(Vec<u8>),
    Open(Rc<RefCell<OpenFanout>>),
    /// Replies that may not go out yet, and since when.
    Held(Held, Instant),
    /// The client waits for keys.
    Waiting(Blocked),
}

impl Entry {
    fn len(&self) -> usize {
        match self {
            Entry::Bytes(bytes) => bytes.len(),
            Entry::Held(held, _) => held.bytes.len(),
            Entry::Open(_) | Entry::Waiting(_) => 0,
        }
    }
}

impl Outbox {
    fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Where the next local reply goes.
    fn tail(&mut self, spare: &Cell<Vec<u8>>) -> &mut Vec<u8> {
        if !matches!(self.queue.back(), Some(Entry::Bytes(_))) {
            self.push_entry(Entry::Bytes(spare.take()));
        }
        match self.queue.back_mut() {
            Some(Entry::Bytes(bytes)) => bytes,
            _ => unreachable!("bytes were pushed just now"),
        }
    }

    /// The replies in the last buffer wait for what `holds` says.
    fn hold(&mut self, holds: Vec<Hold>, worker: &Worker, wake: &Wake) {
        let Some(Entry::Bytes(bytes)) = self.queue.back_mut() else { return };
        let held = Held::new(std::mem::take(bytes), holds, worker.shared.core.replication(), wake);
        self.open += 1;
        if let Some(last) = self.queue.back_mut() {
            *last = Entry::Held(held, Instant::now());
        }
    }

    /// When replies that are not confirmed by then are said not to be.
    fn unconfirmed_until(&self) -> Option<Instant> {
        self.queue.iter().find_map(|entry| match entry {
            Entry::Held(_, since) => Some(*since + CONFIRM_WITHIN),
            _ => None,
        })
    }

    fn give_up_unconfirmed(&mut self) {
        for entry in &mut self.queue {
            if let Entry::Held(held, since) = entry
                && since.elapsed() >= CONFIRM_WITHIN
            {
                let before = held.bytes.len();
                held.give_up();
                // What was counted with the sealed entries is counted anew.
                let after = held.bytes.len();
                self.sealed_bytes = (self.sealed_bytes + after).saturating_sub(before);
            }
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

    fn wait(&mut self, blocked: Blocked) {
        self.open += 1;
        self.push_entry(Entry::Waiting(blocked));
    }

    /// The client waits for keys; nothing stands behind that.
    fn is_waiting(&self) -> bool {
        matches!(self.queue.back(), Some(Entry::Waiting(_)))
    }

    /// When it is to be looked at what it waits for, if nobody says so before.
    fn waits_until(&self, core: &Node) -> Option<Instant> {
        let Some(Entry::Waiting(blocked)) = self.queue.back() else { return None };
        let left = blocked.deadline()?.saturating_sub(core.monotonic());
        Instant::now().checked_add(left)
    }

    /// The node stops: nobody waits any more.
    fn give_up_waiting(&mut self) {
        if self.is_waiting() {
            self.queue.pop_back();
            self.open -= 1;
            self.sealed_bytes -= self.queue.back().map_or(0, Entry::len);
        }
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
        match self.queue.back() {
            Some(Entry::Open(fanout)) => fanout.borrow().is_barrier(),
            Some(Entry::Waiting(_)) => true,
            _ => false,
        }
    }

    /// Turns what was pushed just now into bytes, behind those before it, if it is answered already.
    fn settle_last(&mut self, worker: &Rc<Worker>, wake: &Wake, nudge: &Arc<Nudge>) {
        let last = self.queue.len().saturating_sub(1);
        if !matches!(self.queue.get(last), Some(Entry::Open(open)) if open.borrow().is_answered()) {
            return;
        }
        self.settle_from(last, worker, wake, nudge);
        let is_bytes = |index: usize| matches!(self.queue.get(index), Some(Entry::Bytes(_)));
        if last > 0
            && is_bytes(last - 1)
            && is_bytes(last)
            && let Some(Entry::Bytes(bytes)) = self.queue.pop_back()
            && let Some(Entry::Bytes(before)) = self.queue.back_mut()
        {
            self.sealed_bytes -= before.len();
            before.extend_from_slice(&bytes);
        }
    }

    /// Turns answered forwards into bytes, from the front on: what stands behind an unanswered one cannot be written anyway.
    fn settle(&mut self, worker: &Rc<Worker>, wake: &Wake, nudge: &Arc<Nudge>) {
        self.settle_from(0, worker, wake, nudge);
    }

    fn settle_from(&mut self, mut index: usize, worker: &Rc<Worker>, wake: &Wake, nudge: &Arc<Nudge>) {
        let replication = worker.shared.core.replication();
        while index < self.queue.len() {
            let is_last = index + 1 == self.queue.len();
            match &mut self.queue[index] {
                Entry::Bytes(_) => index += 1,
                Entry::Held(held, _) => {
                    let before = held.bytes.len();
                    let is_settled = held.settle(replication);
                    let bytes = std::mem::take(&mut held.bytes);
                    if !is_last {
                        self.sealed_bytes = (self.sealed_bytes + bytes.len()).saturating_sub(before);
                    }
                    if !is_settled {
                        held.bytes = bytes;
                        return;
                    }
                    self.open -= 1;
                    self.queue[index] = Entry::Bytes(bytes);
                }
                Entry::Open(open) => {
                    if !open.borrow().is_answered() {
                        return;
                    }
                    let (fanout, replies, nudge) = open.borrow_mut().take();
                    let mut bytes = Vec::new();
                    match fanout.finish(&worker.shared.core, replies, &mut bytes) {
                        Outcome::Done(holds) => {
                            if !is_last {
                                self.sealed_bytes += bytes.len();
                            }
                            self.answer(index, bytes, holds, worker, wake);
                        }
                        Outcome::Again(fanout) => {
                            let is_script = fanout.job().is_some();
                            self.queue[index] = Entry::Open(worker.links.send(fanout, nudge, wake, worker));
                            // It may have run already.
                            if !is_script {
                                return;
                            }
                        }
                        // It may be its turn already.
                        Outcome::Wait(blocked) => self.queue[index] = Entry::Waiting(blocked),
                        Outcome::HangUp => {
                            self.is_cut = true;
                            self.queue.truncate(index);
                            self.queue.push_back(Entry::Bytes(Vec::new()));
                            return;
                        }
                    }
                }
                // It is the last entry, being a barrier.
                Entry::Waiting(_) => {
                    let Some(Entry::Waiting(blocked)) = self.queue.pop_back() else { return };
                    let entry = match blocked.look(&worker.shared.core) {
                        Waited::Done(bytes, holds) => {
                            self.queue.push_back(Entry::Bytes(Vec::new()));
                            self.answer(index, bytes, holds, worker, wake);
                            continue;
                        }
                        Waited::Ask(fanout) => Entry::Open(worker.links.send(fanout, nudge.clone(), wake, worker)),
                        Waited::Still(blocked) => Entry::Waiting(blocked),
                    };
                    self.queue.push_back(entry);
                    return;
                }
            }
        }
    }

    /// The place at `index` has its reply.
    fn answer(&mut self, index: usize, bytes: Vec<u8>, holds: Vec<Hold>, worker: &Worker, wake: &Wake) {
        self.queue[index] = match holds.is_empty() {
            true => {
                self.open -= 1;
                Entry::Bytes(bytes)
            }
            false => Entry::Held(Held::new(bytes, holds, worker.shared.core.replication(), wake), Instant::now()),
        };
        worker.send_copies();
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
        self.queue
            .iter()
            .map(|entry| match entry {
                Entry::Bytes(bytes) => bytes.capacity(),
                Entry::Open(fanout) => fanout.borrow().held_bytes(),
                Entry::Held(held, _) => held.bytes.capacity(),
                Entry::Waiting(blocked) => blocked.bytes(),
            })
            .sum()
    }

    /// What could be written now, when it is in one piece and nothing waits behind it: the usual case.
    fn only(&self) -> Option<&[u8]> {
        match self.queue.front() {
            Some(Entry::Bytes(bytes)) if self.queue.len() == 1 && bytes.len() > self.front_written => {
                Some(&bytes[self.front_written..])
            }
            _ => None,
        }
    }

    /// What could be written now, in order; returns how many slices were filled in.
    fn slices<'a>(&'a mut self, slices: &mut [IoSlice<'a>; SLICES_MAX], spare: &Cell<Vec<u8>>) -> usize {
        self.drop_written(spare);
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

    fn written(&mut self, length: usize, spare: &Cell<Vec<u8>>) {
        self.front_written += length;
        self.drop_written(spare);
    }

    /// Removes entries that are written to their end; the last one's buffer becomes the `spare` one.
    fn drop_written(&mut self, spare: &Cell<Vec<u8>>) {
        while let Some(Entry::Bytes(bytes)) = self.queue.front() {
            let length = bytes.len();
            if self.front_written < length {
                return;
            }
            self.front_written -= length;
            let Some(Entry::Bytes(mut bytes)) = self.queue.pop_front() else { return };
            if self.queue.is_empty() {
                if bytes.capacity() <= SPARE_BYTES_MAX {
                    bytes.clear();
                    spare.set(bytes);
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
        let count = outbox.slices(&mut slices, &Cell::default());
        slices[..count].iter().flat_map(|slice| slice.to_vec()).collect()
    }

    #[test]
    fn bytes_leave_in_order_whatever_the_sizes_of_the_writes() {
        for step in 1..12 {
            let (mut outbox, spare) = (Outbox::default(), Cell::default());
            let mut seen = Vec::new();
            for part in [&b"one"[..], b"", b"three", b"4"] {
                outbox.tail(&spare).extend_from_slice(part);
                outbox.seal();
            }
            assert_eq!(outbox.unwritten_bytes(), 9);
            while outbox.unwritten_bytes() > 0 {
                let bytes = ready(&mut outbox);
                let written = step.min(bytes.len());
                seen.extend_from_slice(&bytes[..written]);
                outbox.written(written, &spare);
                assert_eq!(outbox.unwritten_bytes(), 9 - seen.len());
            }
            assert_eq!(seen, b"onethree4");
            ready(&mut outbox);
            assert!(outbox.is_empty());
        }
    }
}
