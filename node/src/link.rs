//! Data links: forwarded requests to other nodes, one pipelined stream from each worker to each node, and the side that
//! answers them.
//!
//! A link is a queue: frames go out in the order requests came, so the order of one client's requests for one key is kept.
//! Many requests share one write and one read. Every request has a deadline; one that passes is answered [`ForwardError::TimedOut`]
//! and its late reply dropped. A link that breaks fails what was certainly not sent as [`ForwardError::Unreachable`] and the rest
//! as [`ForwardError::LinkLost`]; the next request opens a new one.

use crate::connection::CONFIRM_WITHIN;
use crate::nudge::Nudge;
use crate::shared::BufferAccount;
use crate::worker::Worker;
use dcache_core::clients::Wake;
use dcache_core::replication::hold::{Held, Hold};
use dcache_core::script::Job;
use dcache_core::{Fanout, ForwardError, Part, Served, Settled};
use dcache_protocol::NodeId;
use dcache_protocol::peer::{
    DataHeader, DataStatus, FRAME_BYTES_MAX, Hello, LinkKind, close_data_reply, decode_data_reply, open_data_reply,
};
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// A forwarded request that is not answered this long is given up.
pub const FORWARD_DEADLINE: Duration = Duration::from_secs(2);

/// A peer that does not take a connection this long is unreachable.
const CONNECT_DEADLINE: Duration = Duration::from_millis(500);

/// After a failed connect, requests fail at once for this long instead of each waiting for another try.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// Unsent bytes and open requests of one link, beyond which requests are refused.
const UNSENT_BYTES_MAX: usize = 1 << 30;
const OPEN_MAX: usize = 256 << 10;

/// How often deadlines are looked at.
const DEADLINE_STEP: Duration = Duration::from_millis(50);

/// What came of one part.
type PartReply = Result<Vec<u8>, ForwardError>;

/// A fan-out whose parts are under way.
pub struct OpenFanout {
    fanout: Option<Fanout>,
    replies: Vec<Option<PartReply>>,
    missing: usize,
    is_barrier: bool,
    nudge: Arc<Nudge>,
}

impl OpenFanout {
    pub fn is_answered(&self) -> bool {
        self.missing == 0 && self.fanout.as_ref().is_some_and(Fanout::is_ready)
    }

    pub fn is_barrier(&self) -> bool {
        self.is_barrier
    }

    pub fn held_bytes(&self) -> usize {
        self.replies.iter().flatten().flatten().map(Vec::capacity).sum()
    }

    /// The fan-out, its replies in the order of its parts, and whom to wake. Only once, when answered.
    pub fn take(&mut self) -> (Fanout, Vec<PartReply>, Arc<Nudge>) {
        let fanout = self.fanout.take().expect("a fan-out is taken once");
        let replies = self.replies.drain(..).map(|reply| reply.expect("an answered fan-out has every reply")).collect();
        (fanout, replies, self.nudge.clone())
    }

    fn answer(&mut self, index: usize, reply: PartReply) {
        if let Some(place) = self.replies.get_mut(index)
            && place.is_none()
        {
            *place = Some(reply);
            self.missing -= 1;
            if self.missing == 0 {
                self.nudge.nudge();
            }
        }
    }
}

/// All links of one worker.
#[derive(Default)]
pub struct Links {
    links: RefCell<HashMap<NodeId, Rc<Link>>>,
}

impl Links {
    /// Sends every part. Parts that cannot be sent are answered at once.
    /// `wake` gathers wake-ups from script threads.
    pub fn send(&self, fanout: Fanout, nudge: Arc<Nudge>, wake: &Wake, worker: &Rc<Worker>) -> Rc<RefCell<OpenFanout>> {
        let count = fanout.parts.len();
        let open = Rc::new(RefCell::new(OpenFanout {
            is_barrier: fanout.barrier,
            fanout: None,
            replies: (0..count).map(|_| None).collect(),
            missing: count,
            nudge,
        }));
        if count == 0 && fanout.job().is_none() {
            open.borrow().nudge.nudge();
        }
        if fanout.delay.is_zero() {
            self.send_parts(&fanout, &open, wake, worker);
            open.borrow_mut().fanout = Some(fanout);
        } else {
            let (open, wake, worker) = (open.clone(), wake.clone(), worker.clone());
            tokio::task::spawn_local(async move {
                tokio::time::sleep(fanout.delay).await;
                worker.links.send_parts(&fanout, &open, &wake, &worker);
                open.borrow_mut().fanout = Some(fanout);
                // Its parts may all have failed just now, before it was there to be taken.
                let nudge = open.borrow().nudge.clone();
                nudge.nudge();
            });
        }
        open
    }

    /// Sends one part that is nobody's request; its reply.
    pub async fn ask(&self, part: &Part, worker: &Rc<Worker>) -> PartReply {
        let nudge = Arc::new(Nudge::default());
        let open = Rc::new(RefCell::new(OpenFanout {
            fanout: None,
            replies: vec![None],
            missing: 1,
            is_barrier: false,
            nudge: nudge.clone(),
        }));
        self.link(part.to, worker).send(part, 0, &open);
        poll_fn(|context| {
            nudge.attach(context);
            match open.borrow_mut().replies[0].take() {
                Some(reply) => Poll::Ready(reply),
                None => Poll::Pending,
            }
        })
        .await
    }

    fn send_parts(&self, fanout: &Fanout, open: &Rc<RefCell<OpenFanout>>, wake: &Wake, worker: &Rc<Worker>) {
        if let Some(job) = fanout.job() {
            worker.run_script(job, wake);
        }
        for (index, part) in fanout.parts.iter().enumerate() {
            match part.to == worker.shared.id {
                // It is planned anew: it may serve it by now.
                true => open.borrow_mut().answer(index, Err(ForwardError::NotOwner)),
                false => self.link(part.to, worker).send(part, index, open),
            }
        }
    }

    fn link(&self, to: NodeId, worker: &Rc<Worker>) -> Rc<Link> {
        let mut links = self.links.borrow_mut();
        if let Some(link) = links.get(&to)
            && !link.is_over()
        {
            return link.clone();
        }
        let link = Rc::new(Link::default());
        links.insert(to, link.clone());
        tokio::task::spawn_local(run(link.clone(), to, worker.clone()));
        link
    }
}

/// A request on its way.
struct OpenPart {
    id: u64,
    deadline: Instant,
    /// Position in the stream where its frame ends.
    ends_at: u64,
    index: usize,
    fanout: Rc<RefCell<OpenFanout>>,
}

/// One stream to one node.
#[derive(Default)]
struct Link {
    /// Frames to write, from `written` on.
    unsent: RefCell<Vec<u8>>,
    /// In the order sent; replies mostly come in the same order.
    open: RefCell<VecDeque<OpenPart>>,
    /// Those that may take longer than others: scripts.
    patient: RefCell<VecDeque<OpenPart>>,
    next_id: Cell<u64>,
    /// Stream position of the end of `unsent`.
    end: Cell<u64>,
    /// Stream position of what the socket took.
    written: Cell<u64>,
    failed_at: Cell<Option<Instant>>,
    wake: Notify,
}

impl Link {
    /// Failed long enough ago that a new one may be tried.
    fn is_over(&self) -> bool {
        self.failed_at.get().is_some_and(|at| at.elapsed() >= RETRY_AFTER)
    }

    fn send(&self, part: &Part, index: usize, fanout: &Rc<RefCell<OpenFanout>>) {
        if self.failed_at.get().is_some() {
            fanout.borrow_mut().answer(index, Err(ForwardError::Unreachable));
            return;
        }
        let mut unsent = self.unsent.borrow_mut();
        let mut open = if part.patience.is_zero() { self.open.borrow_mut() } else { self.patient.borrow_mut() };
        let too_much = unsent.len() + part.request.len() > UNSENT_BYTES_MAX || open.len() >= OPEN_MAX;
        if too_much || part.request.len() + DataHeader::BYTES > FRAME_BYTES_MAX {
            fanout.borrow_mut().answer(index, Err(ForwardError::Overloaded));
            return;
        }
        let id = self.next_id.get();
        self.next_id.set(id + 1);
        let before = unsent.len();
        DataHeader { id, database: part.database, resp: part.resp }.encode_frame(&part.request, &mut unsent);
        self.end.set(self.end.get() + (unsent.len() - before) as u64);
        // Large values take time to travel: a second more for every 64 MiB.
        let deadline = Instant::now()
            + FORWARD_DEADLINE
            + Duration::from_millis((part.request.len() >> 16) as u64)
            + part.patience;
        open.push_back(OpenPart { id, deadline, ends_at: self.end.get(), index, fanout: fanout.clone() });
        self.wake.notify_one();
    }

    fn answer(&self, id: u64, reply: PartReply) {
        for queue in [&self.open, &self.patient] {
            let mut open = queue.borrow_mut();
            let place = open.iter().position(|part| part.id == id);
            // A reply without an open part came after its deadline.
            if let Some(part) = place.and_then(|place| open.remove(place)) {
                part.fanout.borrow_mut().answer(part.index, reply);
                return;
            }
        }
    }

    /// Gives up what is overdue. False when the stream itself seems dead.
    fn expire(&self, now: Instant) -> bool {
        // A script that runs too long blocks nothing behind it.
        expire_in(&mut self.patient.borrow_mut(), self.written.get(), now);
        expire_in(&mut self.open.borrow_mut(), self.written.get(), now)
    }

    fn fail(&self) {
        self.failed_at.set(Some(Instant::now()));
        let mut parts: Vec<OpenPart> = self.open.borrow_mut().drain(..).collect();
        parts.extend(self.patient.borrow_mut().drain(..));
        self.unsent.borrow_mut().clear();
        for part in parts {
            let certain = part.ends_at > self.written.get();
            let error = if certain { ForwardError::Unreachable } else { ForwardError::LinkLost };
            part.fanout.borrow_mut().answer(part.index, Err(error));
        }
    }
}

/// Answers what is overdue of parts of which so much was written. Whether none was.
fn expire_in(open: &mut VecDeque<OpenPart>, written: u64, now: Instant) -> bool {
    let mut is_none = true;
    while open.front().is_some_and(|part| part.deadline <= now) {
        let Some(part) = open.pop_front() else { break };
        is_none = false;
        let error = if part.ends_at > written { ForwardError::Unreachable } else { ForwardError::TimedOut };
        part.fanout.borrow_mut().answer(part.index, Err(error));
    }
    is_none
}

/// Carries one link until it breaks.
async fn run(link: Rc<Link>, to: NodeId, worker: Rc<Worker>) {
    let result = match worker.shared.book.peers_door(to) {
        Some(address) => carry(&link, to, &address, &worker).await,
        None => Err(io::Error::new(io::ErrorKind::NotFound, "no address is known")),
    };
    if let Err(error) = result {
        tracing::debug!(peer = %to, "data link: {error}");
    }
    link.fail();
}

async fn carry(link: &Link, to: NodeId, address: &str, worker: &Rc<Worker>) -> io::Result<()> {
    let process = || worker.shared.core.view().process_of(to);
    let known = process();
    let connecting = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(&Hello { kind: LinkKind::Data }.encode()).await?;
        io::Result::Ok(stream)
    };
    let connected = tokio::time::timeout(CONNECT_DEADLINE, connecting).await.map_err(io::Error::from).flatten();
    let stream = connected.inspect_err(|_| worker.shared.book.missed(to, address))?;
    crate::sockets::tune_link(&stream)?;
    let mut input = Frames::default();
    let mut timer = tokio::time::interval(DEADLINE_STEP);
    timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut account = BufferAccount::new(worker.shared.clone());
    loop {
        write_unsent(link, &stream)?;
        input.give_way().await;
        account.set(link.unsent.borrow().capacity() + input.capacity());
        let interest = match link.unsent.borrow().is_empty() {
            true => Interest::READABLE,
            false => Interest::READABLE | Interest::WRITABLE,
        };
        tokio::select! {
            ready = stream.ready(interest) => {
                if ready?.is_readable() {
                    if !input.read(&stream, &mut worker.scratch.borrow_mut().input)? {
                        return Err(io::Error::from(io::ErrorKind::ConnectionReset));
                    }
                    input.each(|frame| {
                        let (id, status, reply) = decode_data_reply(frame).ok_or_else(malformed)?;
                        link.answer(id, match status {
                            DataStatus::Answered => Ok(reply.to_vec()),
                            DataStatus::NotOwner => Err(ForwardError::NotOwner),
                        });
                        Ok(())
                    })?;
                }
            }
            () = link.wake.notified() => {}
            _ = timer.tick() => {
                // What it was asked it will not answer, or not as the owner: the askers look for who serves now.
                if process() != known {
                    return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the node was taken for down"));
                }
                if !link.expire(Instant::now()) {
                    // A reply that does not come in time blocks all behind it: start over with a new stream.
                    return Err(io::Error::from(io::ErrorKind::TimedOut));
                }
            }
        }
    }
}

fn write_unsent(link: &Link, stream: &TcpStream) -> io::Result<()> {
    let mut unsent = link.unsent.borrow_mut();
    let mut done = 0;
    let result = loop {
        if done == unsent.len() {
            break Ok(());
        }
        match stream.try_write(&unsent[done..]) {
            Ok(length) => done += length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    link.written.set(link.written.get() + done as u64);
    consume(&mut unsent, done);
    result
}

/// Serves one link of another node: its requests run here as they come, replies go back in one write a batch.
pub async fn serve(stream: TcpStream, worker: Rc<Worker>) {
    let peer = stream.peer_addr().map(|a| a.to_string()).unwrap_or_default();
    if let Err(error) = answer_requests(&stream, &worker).await {
        tracing::debug!(peer, "data link from a peer: {error}");
    }
}

async fn answer_requests(stream: &TcpStream, worker: &Rc<Worker>) -> io::Result<()> {
    crate::sockets::tune_link(stream)?;
    /// Above this the peer's next requests wait until it has read replies.
    const REPLIES_BYTES_MAX: usize = 64 << 20;
    let core = &worker.shared.core;
    let mut input = Frames::default();
    let mut replies: Vec<u8> = Vec::new();
    let mut held: VecDeque<HeldReply> = VecDeque::new();
    let mut jobs: VecDeque<(u64, Arc<Job>)> = VecDeque::new();
    let settled = Arc::new(Notify::new());
    let wake: Wake = {
        let settled = settled.clone();
        worker.gathered(Arc::new(move || settled.notify_one()))
    };
    let mut holds = Vec::new();
    let mut account = BufferAccount::new(worker.shared.clone());
    loop {
        settle_jobs(core, &mut jobs, &mut replies, &mut held, &wake);
        held.retain_mut(|reply| {
            if reply.since.elapsed() >= CONFIRM_WITHIN {
                reply.held.give_up();
            }
            let waits = !reply.held.settle(core.replication());
            if !waits {
                let mark = open_data_reply(reply.id, &mut replies);
                replies.extend_from_slice(&reply.held.bytes);
                close_data_reply(mark, DataStatus::Answered, &mut replies);
            }
            waits
        });
        let mut done = 0;
        while done < replies.len() {
            match stream.try_write(&replies[done..]) {
                Ok(length) => done += length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        consume(&mut replies, done);
        input.give_way().await;
        account.set(replies.capacity() + input.capacity());
        let is_full = replies.len() > REPLIES_BYTES_MAX || held.len() + jobs.len() > OPEN_MAX;
        let interest = match (replies.is_empty(), is_full) {
            (true, _) => Interest::READABLE,
            (false, false) => Interest::READABLE | Interest::WRITABLE,
            (false, true) => Interest::WRITABLE,
        };
        let ready = match held.front() {
            None if jobs.is_empty() => stream.ready(interest).await?,
            None => tokio::select! {
                ready = stream.ready(interest), if !(is_full && replies.is_empty()) => ready?,
                () = settled.notified() => continue,
            },
            Some(first) => tokio::select! {
                ready = stream.ready(interest), if !(is_full && replies.is_empty()) => ready?,
                () = settled.notified() => continue,
                () = tokio::time::sleep_until((first.since + CONFIRM_WITHIN).into()) => continue,
            },
        };
        if ready.is_readable() && !is_full {
            if !input.read(stream, &mut worker.scratch.borrow_mut().input)? {
                return Ok(());
            }
            input.each(|frame| {
                let (header, request) = DataHeader::decode(frame).ok_or_else(malformed)?;
                let mark = open_data_reply(header.id, &mut replies);
                let begin = replies.len();
                let status = match core.serve_peer(worker.index, header, request, &mut replies, &mut holds) {
                    Served::Now(status) => status,
                    Served::Later(job) => {
                        replies.truncate(mark);
                        worker.run_script(&job, &wake);
                        jobs.push_back((header.id, job));
                        return Ok(());
                    }
                };
                if holds.is_empty() {
                    close_data_reply(mark, status, &mut replies);
                } else {
                    let bytes = replies[begin..].to_vec();
                    replies.truncate(mark);
                    holds.iter_mut().for_each(|hold: &mut Hold| (hold.start, hold.end) = (0, bytes.len()));
                    let waiting = Held::new(bytes, std::mem::take(&mut holds), core.replication(), &wake);
                    held.push_back(HeldReply { id: header.id, held: waiting, since: Instant::now() });
                }
                Ok(())
            })?;
            worker.send_copies();
        }
    }
}

/// Has replies of script threads go out, or be held.
fn settle_jobs(
    core: &Arc<dcache_core::Node>,
    jobs: &mut VecDeque<(u64, Arc<Job>)>,
    replies: &mut Vec<u8>,
    held: &mut VecDeque<HeldReply>,
    wake: &Wake,
) {
    jobs.retain_mut(|(id, job)| {
        if !job.answer.is_settled() {
            return true;
        }
        match core.settled(job) {
            Settled::Again(again) => {
                core.scripts().submit(&again, wake.clone());
                *job = again;
                return true;
            }
            Settled::Answered(status, bytes, holds) if holds.is_empty() => {
                let mark = open_data_reply(*id, replies);
                replies.extend_from_slice(&bytes);
                close_data_reply(mark, status, replies);
            }
            Settled::Answered(_, bytes, mut holds) => {
                holds.iter_mut().for_each(|hold| (hold.start, hold.end) = (0, bytes.len()));
                let waiting = Held::new(bytes, holds, core.replication(), wake);
                held.push_back(HeldReply { id: *id, held: waiting, since: Instant::now() });
            }
        }
        false
    });
}

/// A reply that may not go out before what it says is committed.
struct HeldReply {
    id: u64,
    held: Held,
    since: Instant,
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "malformed frame")
}

/// Removes `done` bytes from the front; gives back the memory of an emptied large buffer.
fn consume(buffer: &mut Vec<u8>, done: usize) {
    if done == buffer.len() {
        if buffer.capacity() > 1 << 20 { *buffer = Vec::new() } else { buffer.clear() }
    } else if done > 0 {
        buffer.drain(..done);
    }
}

/// Incoming frames: `u32` length, content; lengths above [`FRAME_BYTES_MAX`] end the link.
#[derive(Default)]
pub struct Frames {
    buffer: Vec<u8>,
    /// The last read took all it had room for: there is more, and others on this worker have their turn before it is read.
    is_flooded: bool,
}

impl Frames {
    fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    /// Reads once. False at the end of the stream.
    pub fn read(&mut self, stream: &TcpStream, scratch: &mut [u8]) -> io::Result<bool> {
        match stream.try_read(scratch) {
            Ok(0) => Ok(false),
            Ok(length) => {
                self.is_flooded = length == scratch.len();
                self.buffer.extend_from_slice(&scratch[..length]);
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Waiting for a socket that is ready never gives way by itself, so a peer that sends without end would have the worker.
    pub async fn give_way(&mut self) {
        if std::mem::take(&mut self.is_flooded) {
            tokio::task::yield_now().await;
        }
    }

    /// Hands over every whole frame.
    pub fn each(&mut self, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        self.all(|frames| frames.iter().try_for_each(|frame| take(frame)))
    }

    /// Hands over all whole frames together.
    pub fn all(&mut self, take: impl FnOnce(&[&[u8]]) -> io::Result<()>) -> io::Result<()> {
        let (mut frames, mut at) = (Vec::new(), 0);
        while let Some((length, rest)) = self.buffer[at..].split_first_chunk::<4>() {
            let length = u32::from_le_bytes(*length) as usize;
            if length > FRAME_BYTES_MAX {
                return Err(malformed());
            }
            let Some(frame) = rest.get(..length) else { break };
            frames.push(frame);
            at += 4 + length;
        }
        take(&frames)?;
        consume(&mut self.buffer, at);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_that_is_overdue_does_not_cost_the_link() {
        let link = Link::default();
        let fanout = Rc::new(RefCell::new(OpenFanout {
            fanout: None,
            replies: vec![None, None],
            missing: 2,
            is_barrier: false,
            nudge: Arc::default(),
        }));
        let now = Instant::now();
        let part = |index| OpenPart { id: index as u64, deadline: now, ends_at: 0, index, fanout: fanout.clone() };
        link.patient.borrow_mut().push_back(part(0));
        assert!(link.expire(now));
        assert_eq!(fanout.borrow().missing, 1);
        link.open.borrow_mut().push_back(part(1));
        assert!(!link.expire(now), "a reply that does not come in time blocks all behind it");
        assert_eq!(fanout.borrow().missing, 0);
    }

    #[test]
    fn frames_come_out_whole_whatever_the_pieces() {
        let mut bytes = Vec::new();
        for content in [&b"one"[..], b"", b"three"] {
            bytes.extend_from_slice(&(content.len() as u32).to_le_bytes());
            bytes.extend_from_slice(content);
        }
        for piece in 1..bytes.len() {
            let mut frames = Frames::default();
            let mut seen: Vec<Vec<u8>> = Vec::new();
            for part in bytes.chunks(piece) {
                frames.buffer.extend_from_slice(part);
                frames
                    .each(|frame| {
                        seen.push(frame.to_vec());
                        Ok(())
                    })
                    .expect("whole frames");
            }
            assert_eq!(seen, [b"one".to_vec(), b"".to_vec(), b"three".to_vec()]);
        }
        let mut frames = Frames { buffer: vec![0xff; 8], ..Frames::default() };
        assert!(frames.each(|_| Ok(())).is_err(), "a hostile length ends the link");
    }
}
