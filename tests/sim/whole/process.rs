//! One life of a node: the product's engine, sessions, replication, heartbeats, control machine and metadata log, and between
//! them what the node crate does with threads and sockets, here with tasks and the simulated network.
//!
//! A process that stands still takes no message and sends none, and its machines are not stepped; openraft's own timers go on.

use crate::disk::SimDisk;
use crate::net::{self, MS, NodeClock, now};
use crate::world::World;
use dcache_cluster::failover::Member;
use dcache_cluster::metadata::{Command, Metadata};
use dcache_cluster::operation::{Operations, Pressure};
use dcache_cluster::repair::{Repair, Task};
use dcache_core::control::{Control, Input as ControlInput, Output as ControlOutput};
use dcache_core::heartbeat::{Heartbeats, Input, Lead, Output};
use dcache_core::replication::hold::{Held, Hold};
use dcache_core::session::PAUSE;
use dcache_core::{Clock, Config, Fanout, ForwardError, Node, Outcome, Part, Served, Session, Step};
use dcache_node::raft::{MetadataLog, Options, ProposeError, Transport, TransportError};
use dcache_protocol::peer::{DataHeader, DataStatus};
use dcache_protocol::{Epoch, NodeId, NodeRecord};
use futures_util::future::join_all;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{sleep, timeout};

const FORWARD_DEADLINE: Duration = Duration::from_secs(2);
const CONFIRM_WITHIN: Duration = Duration::from_secs(5);

pub struct Process {
    pub index: usize,
    pub record: NodeRecord,
    pub core: Arc<Node>,
    pub log: MetadataLog,
    clock: Rc<Cell<NodeClock>>,
    pub is_alive: Cell<bool>,
    beats: RefCell<Heartbeats>,
    control: RefCell<Control>,
    /// Of heartbeats of other nodes that are not answered yet.
    asked: RefCell<BTreeMap<u64, oneshot::Sender<Option<Epoch>>>>,
    next_ask: Cell<u64>,
    is_proposing: Cell<bool>,
    links: Vec<Link>,
    world: Weak<World>,
}

/// What goes to one other node for copies.
#[derive(Default)]
struct Link {
    is_connected: Cell<bool>,
    is_filled: Notify,
}

/// One message of a metadata log, and who waits for its answer.
struct Rpc {
    to: NodeId,
    rpc: Vec<u8>,
    deadline: Duration,
    answer: oneshot::Sender<Vec<u8>>,
}

struct Wire(mpsc::UnboundedSender<Rpc>);

impl Transport for Wire {
    fn call(
        &self,
        to: NodeId,
        rpc: Vec<u8>,
        deadline: Duration,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<u8>, TransportError>> + Send>> {
        let (answer, answered) = oneshot::channel();
        let sent = self.0.send(Rpc { to, rpc, deadline, answer });
        Box::pin(async move {
            let lost = || TransportError { why: "no answer".into() };
            sent.map_err(|_| lost())?;
            answered.await.map_err(|_| lost())
        })
    }
}

impl Process {
    pub async fn start(
        world: &Rc<World>,
        index: usize,
        record: NodeRecord,
        disk: Arc<SimDisk>,
        clock: Rc<Cell<NodeClock>>,
    ) -> Rc<Process> {
        net::use_clock(clock.get());
        let metadata = Arc::new(Metadata::empty());
        let config = Config {
            id: record.id,
            incarnation: record.incarnation,
            workers: 1,
            memory_bytes: 64 << 20,
            clock: Clock { monotonic: net::monotonic, unix_ms: net::unix_ms },
            clients_max: 1000,
            seed: record.incarnation.0,
            process_id: 1,
        };
        let core = Arc::new(Node::new(config, metadata.clone()));
        let (rpcs, mut outgoing) = mpsc::unbounded_channel::<Rpc>();
        let options = Options { id: record.id, disk, transport: Arc::new(Wire(rpcs)), unix_ms: net::unix_ms };
        let log = MetadataLog::open(options).await.expect("the disk keeps what it acknowledged");
        let process = Rc::new(Process {
            index,
            core,
            log,
            clock,
            is_alive: Cell::new(true),
            beats: RefCell::new(Heartbeats::new(record.clone(), metadata.clone())),
            control: RefCell::new(Control::new(metadata)),
            asked: RefCell::default(),
            next_ask: Cell::new(0),
            is_proposing: Cell::new(false),
            links: world.nodes().map(|_| Link::default()).collect(),
            world: Rc::downgrade(world),
            record,
        });
        process.task(|process, world| async move {
            while let Some(rpc) = outgoing.recv().await {
                process.task(|process, world| carry_rpc(process, world, rpc));
            }
            drop(world);
        });
        process.task(|process, _| follow_log(process));
        process.task(|process, world| async move {
            loop {
                sleep(MS * 10).await;
                world.net.awake(process.index).await;
                process.with(|core| core.maintain(0, 1));
                process.beat(Input::Tick);
                process.flush();
                process.propose_changes();
            }
        });
        process.task(mend);
        process.task(operate);
        for other in world.nodes().filter(|other| *other != index) {
            process.task(move |process, world| carry_copies(process, world, other));
        }
        process
    }

    /// Asks until the cluster has taken this node in.
    pub fn join(self: &Rc<Self>) {
        self.task(|process, world| async move {
            while !world.knows(process.record.id) {
                sleep(MS * 200).await;
                let other = world.process(world.dice(0..world.nodes().len() as u64) as usize);
                let other = other.filter(|other| other.core.view().metadata.is_formed());
                let way =
                    other.filter(|other| other.index != process.index && !world.net.is_cut(process.index, other.index));
                if let Some(other) = way {
                    other.propose(&world, Command::Register { node: process.record.clone() }).await;
                }
            }
        });
    }

    /// Runs a task for as long as the process lives.
    fn task<F: Future<Output = ()> + 'static>(self: &Rc<Self>, task: impl FnOnce(Rc<Process>, Rc<World>) -> F) {
        let Some(world) = self.world.upgrade() else { return };
        let process = self.clone();
        let task = task(self.clone(), world);
        tokio::task::spawn_local(async move {
            tokio::select! {
                biased;
                () = process.died() => {}
                () = task => {}
            }
        });
    }

    async fn died(&self) {
        while self.is_alive.get() {
            sleep(MS).await;
        }
    }

    pub fn with<T>(&self, run: impl FnOnce(&Arc<Node>) -> T) -> T {
        net::use_clock(self.clock.get());
        run(&self.core)
    }

    fn member(&self) -> Member {
        Member { node: self.record.id, incarnation: self.record.incarnation }
    }

    /// Hands what partitions have for other nodes to the links.
    pub fn flush(&self) {
        self.with(|core| core.replication().flush());
        let Some(world) = self.world.upgrade() else { return };
        for (node, queue) in self.core.replication().queues.filled() {
            let Some(link) = world.index_of(node).map(|index| &self.links[index]) else { continue };
            if link.is_connected.get() { link.is_filled.notify_one() } else { queue.clear() }
        }
    }

    pub fn beat(self: &Rc<Self>, input: Input) {
        let mut out = Vec::new();
        self.with(|_| self.beats.borrow_mut().step(net::monotonic(), input, &mut out));
        for output in out {
            match output {
                Output::Answer { ask, lease } => {
                    if let Some(answer) = self.asked.borrow_mut().remove(&ask) {
                        // Who asked may be gone.
                        let _ = answer.send(lease);
                    }
                }
                Output::Lease { until } => self.core.renew_lease(until),
                Output::Send { to } => self.task(move |process, world| send_heartbeat(process, world, to)),
                Output::Confirm { round } => self.task(move |process, _| async move {
                    let upon = timeout(Duration::from_secs(1), process.log.as_confirmed_leader()).await;
                    process.beat(Input::Confirmed { round, upon: upon.unwrap_or(None) });
                }),
                Output::Propose(command) => self.task(move |process, _| async move {
                    // Whatever becomes of it, the machine asks again.
                    let _ = process.log.propose(command, MS * 500).await;
                }),
            }
        }
    }

    fn control(self: &Rc<Self>, input: ControlInput) {
        let mut out = Vec::new();
        self.control.borrow_mut().step(input, &mut out);
        for output in out {
            if let ControlOutput::Publish { metadata, leader } = output {
                self.with(|core| core.publish(metadata.clone(), leader));
                self.beat(Input::Committed(metadata));
                self.flush();
            }
        }
    }

    fn propose_changes(self: &Rc<Self>) {
        let replication = self.core.replication();
        if !replication.has_proposals() || self.is_proposing.replace(true) {
            return;
        }
        let command = Command::Change { from: self.member(), changes: replication.take_proposals() };
        self.task(|process, world| async move {
            process.propose(&world, command).await;
            process.is_proposing.set(false);
        });
    }

    /// Has a command agreed, wherever the leader is; false when that took too long.
    pub async fn propose(&self, world: &Rc<World>, command: Command) -> bool {
        let until = now() + Duration::from_secs(5);
        while now() < until {
            match self.log.propose(command.clone(), MS * 500).await {
                Ok(_) => return true,
                Err(ProposeError::NotLeader { leader: Some(leader) }) if leader != self.record.id => {
                    let agreed = async {
                        let Some(to) = world.index_of(leader) else { return false };
                        if !world.net.carry(self.index, to).await {
                            return false;
                        }
                        let Some(there) = world.process(to) else { return false };
                        let agreed = there.log.propose(command.clone(), MS * 2000).await.is_ok();
                        agreed && world.net.carry(to, self.index).await
                    };
                    if timeout(Duration::from_secs(3), agreed).await == Ok(true) {
                        return true;
                    }
                }
                Err(_) => {}
            }
            sleep(MS * 20).await;
        }
        false
    }

    /// Answers one request of a client here.
    pub async fn answer(self: &Rc<Self>, world: &Rc<World>, session: &mut Session, request: &[u8]) -> Vec<u8> {
        let (mut consumed, mut out) = (0, Vec::new());
        loop {
            world.net.awake(self.index).await;
            let advance = self.with(|core| session.advance(core, &request[consumed..], &mut out));
            consumed += advance.consumed;
            self.flush();
            match advance.step {
                Step::Pause => sleep(PAUSE).await,
                Step::Forward(fanout) => return self.answer_forwarded(world, fanout, out).await,
                _ => return self.settle(world, out, advance.holds).await,
            }
        }
    }

    async fn answer_forwarded(self: &Rc<Self>, world: &Rc<World>, mut fanout: Fanout, mut out: Vec<u8>) -> Vec<u8> {
        loop {
            sleep(fanout.delay).await;
            let parts: Vec<Part> = fanout.parts.clone();
            let replies = join_all(parts.into_iter().map(|part| self.forward(world, part))).await;
            world.net.awake(self.index).await;
            let outcome = self.with(|core| fanout.finish(core, replies, &mut out));
            self.flush();
            match outcome {
                Outcome::Done(holds) => return self.settle(world, out, holds).await,
                Outcome::Again(again) => fanout = again,
                Outcome::Wait(_) | Outcome::HangUp => {
                    panic!("no client of a simulation waits for keys, or has a pinned database")
                }
            }
        }
    }

    async fn forward(self: &Rc<Self>, world: &Rc<World>, part: Part) -> Result<Vec<u8>, ForwardError> {
        let Some(to) = world.index_of(part.to) else { return Err(ForwardError::Unreachable) };
        if to == self.index {
            return Err(ForwardError::NotOwner);
        }
        if world.net.is_cut(self.index, to) && world.net.dice.borrow_mut().chance(500) {
            return Err(ForwardError::Unreachable);
        }
        let process_of = || self.core.view().process_of(part.to);
        let known = process_of();
        let is_replaced = async {
            while process_of() == known {
                sleep(MS * 50).await;
            }
        };
        let there = async {
            if !world.net.carry(self.index, to).await {
                std::future::pending::<()>().await;
            }
            let Some(there) = world.process(to) else { return Err(ForwardError::LinkLost) };
            let header = DataHeader { id: 0, database: part.database, resp: part.resp };
            let (mut out, mut holds) = (Vec::new(), Vec::new());
            let served = there.with(|core| core.serve_peer(0, header, &part.request, &mut out, &mut holds));
            // No client here runs scripts.
            let Served::Now(status) = served else { return Err(ForwardError::NotOwner) };
            there.flush();
            let begun = holds.iter_mut().map(|hold: &mut Hold| (hold.start, hold.end) = (0, out.len())).count();
            let reply = if begun == 0 { out } else { there.settle(world, out, holds).await };
            if !there.is_alive.get() {
                return Err(ForwardError::LinkLost);
            }
            if !world.net.carry(to, self.index).await {
                std::future::pending::<()>().await;
            }
            match status {
                DataStatus::Answered => Ok(reply),
                DataStatus::NotOwner => Err(ForwardError::NotOwner),
            }
        };
        tokio::select! {
            biased;
            reply = there => reply,
            () = is_replaced => Err(ForwardError::LinkLost),
            () = sleep(FORWARD_DEADLINE) => Err(ForwardError::TimedOut),
        }
    }

    /// Waits until a reply may go out, or gives it up.
    async fn settle(&self, world: &Rc<World>, out: Vec<u8>, holds: Vec<Hold>) -> Vec<u8> {
        if holds.is_empty() {
            return out;
        }
        let news = Arc::new(Notify::new());
        let wake: dcache_core::clients::Wake = {
            let news = news.clone();
            Arc::new(move || news.notify_one())
        };
        let replication = self.core.replication();
        let mut held = Held::new(out, holds, replication, &wake);
        let until = now() + CONFIRM_WITHIN;
        while !held.settle(replication) {
            if timeout(until.saturating_sub(now()), news.notified()).await.is_err() {
                held.give_up();
            }
            world.net.awake(self.index).await;
        }
        held.bytes
    }
}

/// What the log commits, and who leads it, goes to the machines.
async fn follow_log(process: Rc<Process>) {
    let (mut committed, mut leadership) = (process.log.committed(), process.log.leadership());
    loop {
        if let Some(world) = process.world.upgrade() {
            world.net.awake(process.index).await;
        }
        let (metadata, known) = (committed.borrow_and_update().clone(), leadership.borrow_and_update().clone());
        if metadata.is_formed() {
            process.control(ControlInput::Committed(metadata));
        }
        process.control(ControlInput::Leadership { leader: known.leader });
        if let Some(world) = process.world.upgrade() {
            world.note(&format!(
                "node {} takes {:?} for the leader of term {}",
                process.index, known.leader, known.term
            ));
        }
        let lead = known.is_me.then(|| Lead { term: known.term, quiet: known.quiet.unwrap_or_default() });
        process.beat(Input::Leadership { leader: known.leader, lead });
        tokio::select! {
            biased;
            changed = committed.changed() => if changed.is_err() { return },
            changed = leadership.changed() => if changed.is_err() { return },
        }
    }
}

async fn carry_rpc(process: Rc<Process>, world: Rc<World>, Rpc { to, rpc, deadline, answer }: Rpc) {
    let Some(to) = world.index_of(to) else { return };
    let answered = timeout(deadline, async {
        if !world.net.carry(process.index, to).await {
            // Nobody answers, as nobody says that it was lost.
            std::future::pending::<()>().await;
        }
        let there = world.process(to)?;
        let answer = there.log.handle(&rpc).await;
        (there.is_alive.get() && world.net.carry(to, process.index).await).then_some(answer)
    });
    if let Ok(Some(bytes)) = answered.await {
        // The log may not wait any more.
        let _ = answer.send(bytes);
    }
}

async fn send_heartbeat(process: Rc<Process>, world: Rc<World>, to: NodeId) {
    let Some(to) = world.index_of(to) else { return };
    let sent = process.with(|_| net::monotonic());
    let answered = timeout(Duration::from_secs(1), async {
        if !world.net.carry(process.index, to).await {
            return None;
        }
        let there = world.process(to)?;
        let (answer, lease) = oneshot::channel();
        there.next_ask.set(there.next_ask.get() + 1);
        let ask = there.next_ask.get();
        there.asked.borrow_mut().insert(ask, answer);
        let cluster_id = process.core.view().metadata.cluster_id?;
        there.beat(Input::Heard { ask, cluster_id, node: process.record.clone() });
        let lease = lease.await.ok()?;
        let leads = there.log.leadership().borrow().is_me;
        world.net.carry(to, process.index).await.then_some((leads, lease))
    });
    if let Ok(Some((leads, lease))) = answered.await {
        process.beat(Input::Answered { sent, leads, lease });
    }
}

/// On the leader: mends what is to be mended.
async fn mend(process: Rc<Process>, world: Rc<World>) {
    let mut repair = Repair::default();
    loop {
        sleep(Duration::from_secs(1)).await;
        world.net.awake(process.index).await;
        let Some(members) = process.log.members().filter(|_| process.log.leadership().borrow().is_me) else {
            repair.follow();
            continue;
        };
        let metadata = process.core.view().metadata.clone();
        for task in repair.step(process.with(|_| net::monotonic()), &metadata, &members) {
            if !matches!(task, Task::Enrol(_)) {
                world.note(&format!("{task:?}"));
            }
            // What fails is tried again.
            match task {
                Task::Enrol(node) => drop(process.log.add_learner(node).await),
                Task::Dismiss(node) => drop(process.log.dismiss(node).await),
                Task::Elect(voters) => drop(process.log.set_voters(&voters).await),
                Task::Propose(command) => drop(process.log.propose(command, Duration::from_secs(1)).await),
            }
        }
    }
}

/// On the leader: drives the operation under way.
async fn operate(process: Rc<Process>, world: Rc<World>) {
    let mut operations = Operations::default();
    loop {
        sleep(MS * 50).await;
        world.net.awake(process.index).await;
        if !process.log.leads_with_quorum() {
            operations.follow();
            continue;
        }
        let metadata = process.core.view().metadata.clone();
        let now = process.with(|_| net::monotonic());
        for command in operations.step(now, &metadata, Pressure::default()) {
            world.note(&format!("{command:?}"));
            // What fails is looked at again.
            let _ = process.log.propose(command, Duration::from_secs(1)).await;
        }
    }
}

/// The link for copies to one other node: a stream that keeps its order, and breaks.
async fn carry_copies(process: Rc<Process>, world: Rc<World>, to: usize) {
    let link = &process.links[to];
    loop {
        let queue = process.core.replication().queues.of(world.id_of(to));
        link.is_connected.set(false);
        queue.clear();
        sleep(MS * 50).await;
        let Some(there) = world.process(to) else { continue };
        if !world.net.carry(process.index, to).await || !world.net.carry(to, process.index).await {
            continue;
        }
        queue.clear();
        link.is_connected.set(true);
        loop {
            link.is_filled.notified().await;
            let mut bytes = Vec::new();
            queue.drain_into(&mut bytes);
            // What is lost is sent again by the stream, so that it is late, or the stream breaks.
            let mut tries = 0;
            while !world.net.carry(process.index, to).await && tries < 4 {
                tries += 1;
                sleep(MS * 200).await;
            }
            if tries == 4 || !there.is_alive.get() {
                break;
            }
            for frame in frames(&bytes) {
                there.with(|core| {
                    assert!(core.receive_copies(process.member(), &[frame]), "a frame of the product's own")
                });
            }
            there.flush();
        }
    }
}

/// What is between the lengths.
fn frames(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (frame, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        bytes = rest;
        Some(frame)
    })
}
