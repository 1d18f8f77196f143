//! Workers: one thread each with a current_thread runtime; a connection stays with its worker for life.
//!
//! One acceptor thread takes new connections on both client doors and hands each to the worker with the fewest: clients of
//! a cache hold few long connections, and the kernel's own spreading (`SO_REUSEPORT`) leaves cores uneven, besides letting a
//! second process take the same port unnoticed. That is one hop in a connection's life, none per request.

use crate::link::{self, Links};
use crate::nudge::{Bell, Nudge};
use crate::shared::{Shared, Stop};
use crate::{connection, copies, scripts, sockets, talk};
use dcache_core::Door;
use dcache_core::clients::Wake;
use dcache_core::script::{Job, Machine};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};

/// How often each worker does its share of background work (expiry, dropped slots).
const MAINTAIN_EVERY: Duration = Duration::from_millis(10);

/// Bytes read from a socket at once.
const READ_BYTES: usize = 64 << 10;

/// How long connections may take to end when the node stops.
const STOP_WITHIN: Duration = Duration::from_secs(4);

/// What a worker's tasks share; never leaves its thread.
pub struct Worker {
    pub index: usize,
    pub shared: Arc<Shared>,
    pub links: Links,
    pub scratch: RefCell<Scratch>,
    /// An empty buffer for replies, lent to whichever connection writes some.
    pub spare: Cell<Vec<u8>>,
    /// Runs scripts that are known to be short.
    machine: RefCell<Machine>,
    /// Something was written that other nodes are to have copies of.
    changed: Notify,
    /// Wakes tasks of this worker from other threads.
    pub bell: Arc<Bell>,
    stopping: Cell<bool>,
    connections: RefCell<BTreeMap<u64, Arc<Nudge>>>,
    next_connection: Cell<u64>,
}

/// Buffers used within one turn of one task.
pub struct Scratch {
    pub input: Vec<u8>,
}

impl Worker {
    /// As `wake`, from whatever thread, together with what else wakes tasks of this worker then.
    pub fn gathered(&self, wake: Wake) -> Wake {
        let bell = self.bell.clone();
        Arc::new(move || bell.ring(&wake))
    }

    /// Has a script run: here and now if it is a short one and nothing is before it, else on a thread. True: it is answered.
    pub fn run_script(&self, job: &Arc<Job>, wake: &Wake) -> bool {
        let is_answered = self.machine.borrow_mut().run_here(job);
        match is_answered {
            true => self.send_copies(),
            false => self.shared.core.scripts().submit(job, wake.clone()),
        }
        is_answered
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping.get()
    }

    /// Has the connection woken when the worker stops, until the returned guard drops.
    pub fn register(self: &Rc<Worker>, nudge: Arc<Nudge>) -> Registered {
        let id = self.next_connection.get();
        self.next_connection.set(id + 1);
        self.connections.borrow_mut().insert(id, nudge);
        Registered { worker: self.clone(), id }
    }

    /// Has copies sent once every task that is ready now had its turn.
    pub fn send_copies(&self) {
        if self.shared.core.replication().has_changed() {
            self.changed.notify_one();
        }
    }

    fn stop(&self) {
        self.stopping.set(true);
        self.connections.borrow().values().for_each(|nudge| nudge.nudge());
    }
}

/// A connection's place in its worker's list.
pub struct Registered {
    worker: Rc<Worker>,
    id: u64,
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.worker.connections.borrow_mut().remove(&self.id);
    }
}

/// A socket for a worker to serve.
pub enum Arrival {
    Client(std::net::TcpStream, Door),
    Peer(std::net::TcpStream),
    Copies(std::net::TcpStream),
}

/// Hands sockets to workers.
#[derive(Clone)]
pub struct Hands {
    workers: Arc<Vec<Hand>>,
    clients_max: usize,
}

struct Hand {
    arrivals: mpsc::UnboundedSender<Arrival>,
    connections: Arc<AtomicUsize>,
}

impl Hands {
    /// Gives the socket to the worker with the fewest. It comes back when the node has all the clients it may have, or stops.
    pub fn give(&self, arrival: Arrival) -> Result<(), Arrival> {
        let loads = self.workers.iter().map(|hand| hand.connections.load(Ordering::Relaxed));
        if matches!(arrival, Arrival::Client(..)) && loads.sum::<usize>() >= self.clients_max {
            return Err(arrival);
        }
        let least = self.workers.iter().min_by_key(|hand| hand.connections.load(Ordering::Relaxed));
        let Some(hand) = least else { return Err(arrival) };
        hand.connections.fetch_add(1, Ordering::Relaxed);
        hand.arrivals.send(arrival).map_err(|unsent| unsent.0)
    }
}

/// Starts the workers; they run until the stop signal and their connections' end.
pub fn start(shared: &Arc<Shared>, count: usize, clients_max: usize) -> io::Result<(Hands, Vec<JoinHandle<()>>)> {
    let mut hands = Vec::new();
    let mut threads = Vec::new();
    for index in 0..count {
        let (arrivals, incoming) = mpsc::unbounded_channel();
        let connections = Arc::new(AtomicUsize::new(0));
        hands.push(Hand { arrivals, connections: connections.clone() });
        let shared = shared.clone();
        let thread = std::thread::Builder::new().name(format!("worker-{index}")).stack_size(scripts::STACK_BYTES);
        threads.push(thread.spawn(move || run(index, count, shared, incoming, connections))?);
    }
    Ok((Hands { workers: Arc::new(hands), clients_max }, threads))
}

fn run(
    index: usize,
    count: usize,
    shared: Arc<Shared>,
    mut incoming: mpsc::UnboundedReceiver<Arrival>,
    connections: Arc<AtomicUsize>,
) {
    // Its tasks are local as they are, without the queue and the wake-ups of a `LocalSet` in between.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build_local(Default::default()) {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!("worker {index} has no runtime: {error}");
            return;
        }
    };
    let machine = Machine::of_worker(&shared.core, index, scripts::OUTSIDE);
    let worker = Rc::new(Worker {
        index,
        shared,
        links: Links::default(),
        scratch: RefCell::new(Scratch { input: vec![0; READ_BYTES] }),
        spare: Cell::default(),
        machine: RefCell::new(machine),
        changed: Notify::new(),
        bell: Arc::default(),
        stopping: Cell::new(false),
        connections: RefCell::default(),
        next_connection: Cell::new(0),
    });
    runtime.block_on(async {
        tokio::task::spawn_local(copies::tend(worker.clone(), count));
        if index == 0 {
            tokio::task::spawn_local(talk::run(worker.clone()));
        }
        let bell = worker.bell.clone();
        tokio::task::spawn_local(async move { bell.answer().await });
        let sender = worker.clone();
        tokio::task::spawn_local(async move {
            loop {
                sender.changed.notified().await;
                sender.shared.copies.flush(&sender.shared.core);
            }
        });
        let mut stop = worker.shared.stop.clone();
        let mut maintain = tokio::time::interval(MAINTAIN_EVERY);
        maintain.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                arrival = incoming.recv() => match arrival {
                    Some(arrival) => welcome(arrival, &worker, &connections),
                    None => break,
                },
                _ = maintain.tick() => {
                    worker.shared.core.maintain(index, count);
                    worker.shared.copies.flush(&worker.shared.core);
                }
                _ = stop.wait_for(|stop| *stop >= Stop::Orderly) => break,
            }
        }
        worker.stop();
        let ended = async {
            while !worker.connections.borrow().is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        if tokio::time::timeout(STOP_WITHIN, ended).await.is_err() {
            tracing::warn!(worker = index, "connections did not end in time and are closed");
        }
    });
}

/// Whose connection it is.
enum Of {
    Client(Door),
    Peer,
    Copies,
}

fn welcome(arrival: Arrival, worker: &Rc<Worker>, connections: &Arc<AtomicUsize>) {
    /// Counts a connection out however its task ends.
    struct Counted(Arc<AtomicUsize>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::Relaxed);
        }
    }
    let counted = Counted(connections.clone());
    let worker = worker.clone();
    let (stream, of) = match arrival {
        Arrival::Client(stream, door) => (stream, Of::Client(door)),
        Arrival::Peer(stream) => (stream, Of::Peer),
        Arrival::Copies(stream) => (stream, Of::Copies),
    };
    match TcpStream::from_std(stream) {
        Ok(stream) => {
            tokio::task::spawn_local(async move {
                let _counted = counted;
                match of {
                    Of::Client(door) => connection::serve(stream, door, worker).await,
                    Of::Peer => link::serve(stream, worker).await,
                    Of::Copies => copies::serve(stream, worker).await,
                }
            });
        }
        Err(error) => tracing::warn!("a new connection cannot be served: {error}"),
    }
}

/// Accepts on one client door until the stop signal.
pub async fn accept(listener: TcpListener, door: Door, hands: Hands, shared: Arc<Shared>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!("cannot accept clients: {error}");
            return;
        }
    };
    let mut stop = shared.stop.clone();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop >= Stop::Orderly) => return,
        };
        match accepted {
            Ok((stream, _)) => admit(stream, door, &hands, &shared),
            Err(error) => {
                // Out of file descriptors or the like: the next client may have more luck in a moment.
                tracing::warn!("cannot accept a client: {error}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

fn admit(stream: TcpStream, door: Door, hands: &Hands, shared: &Shared) {
    if let Err(error) = sockets::tune_client(&stream) {
        tracing::debug!("a client left at once: {error}");
        return;
    }
    let Ok(stream) = stream.into_std() else { return };
    if let Err(Arrival::Client(mut stream, _)) = hands.give(Arrival::Client(stream, door)) {
        shared.cut.refused.fetch_add(1, Ordering::Relaxed);
        // Redis's own words; a client that does not take them at once is closed without.
        let _ = io::Write::write_all(&mut stream, b"-ERR max number of clients reached\r\n");
    }
}
