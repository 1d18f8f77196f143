//! Links that carry copies of partitions between nodes: one stream from each node to each other one, on which it sends what
//! its partitions have for that node, and what it answers to that node's partitions.
//!
//! Any thread that has something to send writes it to the socket itself, as far as the socket takes it; a task of one worker
//! connects, writes the rest, and notices when the stream breaks. What waits for a node that is not connected is dropped: the
//! machines in `core` send again what is not answered.

use crate::link::Frames;
use crate::shared::Shared;
use crate::sockets;
use crate::worker::Worker;
use dcache_cluster::failover::Member;
use dcache_core::replication::queue::Queue;
use dcache_protocol::peer::{CopiesHello, Hello, LinkKind};
use dcache_protocol::{Incarnation, NodeId};
use parking_lot::{Mutex, RwLock};
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// A node that does not take a connection this long is tried again.
const CONNECT_DEADLINE: Duration = Duration::from_millis(500);

/// Pause before a link is tried again.
const RETRY_EVERY: Duration = Duration::from_millis(50);

/// How often it is looked whether there are nodes without a link.
const TEND_EVERY: Duration = Duration::from_millis(100);

/// Links to all other nodes.
#[derive(Default)]
pub struct CopyLinks(RwLock<BTreeMap<NodeId, Arc<CopyLink>>>);

struct CopyLink {
    queue: Arc<Queue>,
    carrier: Mutex<Carrier>,
    /// The socket did not take all.
    is_full: Notify,
}

#[derive(Default)]
struct Carrier {
    stream: Option<Arc<TcpStream>>,
    unsent: Vec<u8>,
    /// Bytes of `unsent` that the socket took.
    sent: usize,
}

impl CopyLinks {
    fn of(&self, node: NodeId, queue: &Arc<Queue>) -> Arc<CopyLink> {
        if let Some(link) = self.0.read().get(&node) {
            return link.clone();
        }
        let link = || CopyLink { queue: queue.clone(), carrier: Mutex::default(), is_full: Notify::new() };
        self.0.write().entry(node).or_insert_with(|| Arc::new(link())).clone()
    }

    /// Sends what partitions have for other nodes.
    pub fn flush(&self, core: &dcache_core::Node) {
        core.replication().flush();
        for (node, queue) in core.replication().queues.filled() {
            self.of(node, &queue).write();
        }
    }
}

impl CopyLink {
    /// Writes what the socket takes now.
    fn write(&self) {
        let mut carrier = self.carrier.lock();
        let Carrier { stream, unsent, sent } = &mut *carrier;
        let Some(socket) = stream else {
            self.queue.clear();
            return;
        };
        loop {
            if *sent == unsent.len() {
                unsent.clear();
                *sent = 0;
                self.queue.drain_into(unsent);
                if unsent.is_empty() {
                    return;
                }
            }
            match socket.try_write(&unsent[*sent..]) {
                Ok(length) => *sent += length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.is_full.notify_one();
                    return;
                }
                Err(_) => {
                    // The task that reads from it notices too, and connects again.
                    *stream = None;
                    return;
                }
            }
        }
    }

    fn connect(&self, stream: Option<Arc<TcpStream>>) {
        *self.carrier.lock() = Carrier { stream, ..Carrier::default() };
        self.queue.clear();
    }
}

/// Keeps this worker's share of the links up.
pub async fn tend(worker: Rc<Worker>, workers: usize) {
    let mut carried = BTreeMap::new();
    loop {
        let view = worker.shared.core.view();
        let others: Vec<NodeId> = match view.has_copies() {
            true => view.nodes().iter().map(|node| node.id).filter(|node| *node != worker.shared.id).collect(),
            false => Vec::new(),
        };
        drop(view);
        carried.retain(|_, task: &mut tokio::task::JoinHandle<()>| !task.is_finished());
        for node in others.iter().skip(worker.index).step_by(workers.max(1)) {
            carried.entry(*node).or_insert_with(|| tokio::task::spawn_local(carry(*node, worker.shared.clone())));
        }
        tokio::time::sleep(TEND_EVERY).await;
    }
}

/// Carries the link to one node for as long as the cluster has it.
async fn carry(node: NodeId, shared: Arc<Shared>) {
    let queue = shared.core.replication().queues.of(node);
    let link = shared.copies.of(node, &queue);
    while shared.core.view().node(node).is_some() {
        if let Err(error) = carry_once(node, &link, &shared).await {
            tracing::debug!(peer = %node, "link for copies: {error}");
        }
        link.connect(None);
        tokio::time::sleep(RETRY_EVERY).await;
    }
}

async fn carry_once(node: NodeId, link: &CopyLink, shared: &Shared) -> io::Result<()> {
    let address = shared.book.peers_door(node).ok_or_else(|| io::Error::other("no address is known"))?;
    let me = shared.core.config().member();
    let process = || shared.core.view().process_of(node);
    let known = process();
    let connecting = async {
        let mut stream = TcpStream::connect(&address).await?;
        sockets::tune_link(&stream)?;
        stream.write_all(&Hello { kind: LinkKind::Copies }.encode()).await?;
        stream.write_all(&CopiesHello { node: me.node, incarnation: me.incarnation }.encode()).await?;
        io::Result::Ok(stream)
    };
    let connected = tokio::time::timeout(CONNECT_DEADLINE, connecting).await.map_err(io::Error::from).flatten();
    let stream = Arc::new(connected.inspect_err(|_| shared.book.missed(node, &address))?);
    link.connect(Some(stream.clone()));
    let mut nothing = [0; 16];
    let mut look = tokio::time::interval(TEND_EVERY);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = look.tick() => {
                // The node started again, maybe elsewhere: what listens where it was may be another one, which would end nothing.
                if process().is_some_and(|now| known != Some(now)) {
                    return Ok(());
                }
            }
            ready = stream.ready(Interest::READABLE) => {
                ready?;
                // The other side sends nothing here; it can only end the stream.
                match stream.try_read(&mut nothing) {
                    Ok(0) => return Ok(()),
                    Ok(_) => return Err(io::Error::from(io::ErrorKind::InvalidData)),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error),
                }
            }
            () = link.is_full.notified() => {
                stream.writable().await?;
                link.write();
            }
        }
        if link.carrier.lock().stream.is_none() {
            return Err(io::Error::from(io::ErrorKind::BrokenPipe));
        }
    }
}

/// Serves the link of another node.
pub async fn serve(mut stream: TcpStream, worker: Rc<Worker>) {
    if let Err(error) = receive(&mut stream, &worker).await {
        let peer = stream.peer_addr().map(|a| a.to_string()).unwrap_or_default();
        tracing::debug!(peer, "link for copies from a peer: {error}");
    }
}

async fn receive(stream: &mut TcpStream, worker: &Rc<Worker>) -> io::Result<()> {
    sockets::tune_link(stream)?;
    let mut hello = [0; CopiesHello::BYTES];
    tokio::time::timeout(CONNECT_DEADLINE, stream.read_exact(&mut hello)).await??;
    let CopiesHello { node, incarnation } = CopiesHello::decode(hello);
    let from = Member { node: NodeId(node.0), incarnation: Incarnation(incarnation.0) };
    let shared = &worker.shared;
    let mut input = Frames::default();
    loop {
        stream.readable().await?;
        if worker.is_stopping() || !input.read(stream, &mut worker.scratch.borrow_mut().input)? {
            return Ok(());
        }
        input.all(|frames| match shared.core.receive_copies(from, frames) {
            true => Ok(()),
            false => Err(io::Error::from(io::ErrorKind::InvalidData)),
        })?;
        shared.copies.flush(&shared.core);
        // Waiting for a socket that is ready does not give way, and a full sync sends for seconds: clients have their turn between.
        tokio::task::yield_now().await;
    }
}
