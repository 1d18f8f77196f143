//! What the tests of this crate stand on: a clock they turn, metadata of a few nodes, and clusters of nodes in one process
//! whose forwarded requests are carried by function calls.

use crate::blocking::{Blocked, Waited};
use crate::command::Door;
use crate::gateway::{Fanout, ForwardError, Outcome, Part};
use crate::script::{Job, Machine, Outside};
use crate::session::{Session, Step};
use crate::{Clock, Config, Node, Served, Settled};
use dcache_cluster::failover::{Configuration, Member};
use dcache_cluster::metadata::{Metadata, Refusal};
use dcache_protocol::error::WireError;
use dcache_protocol::peer::{DataHeader, DataStatus};
use dcache_protocol::resp::value::encode_request;
use dcache_protocol::{Addresses, Epoch, Incarnation, NodeId, NodeRecord, NodeState, slot_of};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

/// Where the wall clock of every test begins.
pub const UNIX_MS: u64 = 1_700_000_000_000;

pub const PARTITIONS: u16 = 16;

thread_local! {
    static ELAPSED: Cell<Duration> = const { Cell::new(Duration::from_secs(100)) };
}

/// Turns this test's clocks on.
pub fn pass(time: Duration) {
    ELAPSED.set(ELAPSED.get() + time);
}

pub fn clock() -> Clock {
    Clock { monotonic: || ELAPSED.get(), unix_ms: || UNIX_MS + ELAPSED.get().as_millis() as u64 - 100_000 }
}

pub fn id(number: usize) -> NodeId {
    NodeId(0x1111 * (number as u64 + 1))
}

pub fn record(number: usize) -> NodeRecord {
    let address = |port: u16| format!("10.0.0.{}:{port}", number + 1);
    NodeRecord {
        id: id(number),
        name: format!("n{}", number + 1),
        zone: "z1".into(),
        weight: NodeRecord::WEIGHT_DEFAULT,
        addresses: Addresses {
            gateway: address(6379),
            cluster: address(7400),
            control: address(7401),
            peers: address(7402),
        },
        incarnation: Incarnation(77 + number as u64),
        state: NodeState::Up,
        version: "0.1.0".into(),
        level: dcache_protocol::LEVEL,
        memory_bytes: 64 << 20,
        share: Default::default(),
        maintenance_until_unix_ms: 0,
        is_stopping: false,
    }
}

pub fn member(number: usize) -> Member {
    Member { node: id(number), incarnation: record(number).incarnation }
}

/// A partition that one node holds alone.
pub fn held_by(number: usize) -> Configuration {
    let member = member(number);
    let agreed = Configuration::new(vec![member.node]);
    Configuration { generation: 1, term: 1, version: 1, primary: Some(member), in_sync: vec![member], ..agreed }
}

/// A formed cluster in which `nodes` nodes own the partitions in contiguous, nearly equal blocks.
pub fn metadata(nodes: usize) -> Metadata {
    let held = |partition: usize| held_by(partition * nodes / usize::from(PARTITIONS));
    Metadata {
        cluster_id: Some(NodeId(0xc1)),
        name: "test".into(),
        partitions: PARTITIONS,
        epoch: Epoch(5),
        nodes: (0..nodes).map(|number| (id(number), record(number))).collect(),
        table: (0..usize::from(PARTITIONS)).map(held).collect(),
        ..Metadata::standalone(record(0))
    }
}

pub fn config(number: usize) -> Config {
    Config {
        id: id(number),
        incarnation: record(number).incarnation,
        workers: 1,
        memory_bytes: 64 << 20,
        clock: clock(),
        clients_max: 100,
        seed: number as u64,
        process_id: 4242,
    }
}

pub fn node(number: usize, metadata: &Metadata) -> Arc<Node> {
    Arc::new(Node::new(config(number), Arc::new(metadata.clone())))
}

/// A key whose slot node `number` of `nodes` owns; another one for each `salt`.
pub fn key_of(number: usize, nodes: usize, salt: usize) -> String {
    let metadata = metadata(nodes);
    let owned = |key: &String| metadata.holder_of(slot_of(key.as_bytes())).is_some_and(|node| node.id == id(number));
    (0..).map(|n| format!("key:{n}")).filter(owned).nth(salt).expect("there is no end of keys")
}

thread_local! {
    /// One for each node of this test.
    static MACHINES: RefCell<Vec<(Arc<Node>, Machine)>> = const { RefCell::new(Vec::new()) };
}

/// Has a job run at once.
fn run_job(node: &Arc<Node>, job: &Arc<Job>) {
    node.scripts().submit(job, Arc::new(|| {}));
    MACHINES.with_borrow_mut(|machines| {
        let place = machines.iter().position(|(known, _)| Arc::ptr_eq(known, node)).unwrap_or_else(|| {
            let outside = Outside { pause: |_| (), log: |_, _| () };
            machines.push((Arc::clone(node), Machine::new(node, 0, outside)));
            machines.len() - 1
        });
        while machines[place].1.run_next() {}
    });
}

/// Has all nodes agree on what one of them proposes.
fn agree(nodes: &[Arc<Node>], node: &Arc<Node>) {
    for proposal in node.scripts().take_proposals() {
        let mut metadata = (*node.view().metadata).clone();
        match metadata.apply(&proposal.change, 0) {
            Ok(epoch) => {
                let metadata = Arc::new(metadata);
                nodes.iter().for_each(|node| node.publish(metadata.clone(), None));
                node.agreed(proposal, epoch);
            }
            Err(Refusal::NoChange) => node.agreed(proposal, Epoch(0)),
            Err(refusal) => node.scripts().refused(proposal, &WireError::Other(format!("ERR {refusal}"))),
        }
    }
}

/// Nodes that reach each other by function calls.
pub struct Cluster {
    pub nodes: Vec<Arc<Node>>,
    /// Nodes that do not answer, and how.
    pub broken: RefCell<BTreeMap<NodeId, ForwardError>>,
    /// Parts carried so far.
    pub carried: Cell<usize>,
}

impl Cluster {
    pub fn new(count: usize) -> Cluster {
        let metadata = metadata(count);
        Cluster {
            nodes: (0..count).map(|number| node(number, &metadata)).collect(),
            broken: RefCell::default(),
            carried: Cell::new(0),
        }
    }

    pub fn publish(&self, metadata: &Metadata) {
        self.nodes.iter().for_each(|node| node.publish(Arc::new(metadata.clone()), None));
    }

    /// A client of one node.
    pub fn client(&self, number: usize, door: Door) -> Caller<'_> {
        Caller::new(self, number, door)
    }

    /// Has one part answered by the node it is for.
    pub fn carry(&self, part: &Part) -> Result<Vec<u8>, ForwardError> {
        self.carried.set(self.carried.get() + 1);
        if let Some(error) = self.broken.borrow().get(&part.to) {
            return Err(*error);
        }
        let node =
            self.nodes.iter().find(|node| node.config().id == part.to).expect("parts go to nodes of the cluster");
        let header = DataHeader { id: 9, database: part.database, resp: part.resp };
        let mut reply = Vec::new();
        let served = match node.serve_peer(0, header, &part.request, &mut reply, &mut Vec::new()) {
            Served::Now(status) => status,
            Served::Later(mut job) => loop {
                run_job(node, &job);
                assert!(job.answer.is_settled(), "nothing keeps it waiting");
                match node.settled(&job) {
                    Settled::Again(again) => job = again,
                    Settled::Answered(status, bytes, _) => {
                        reply = bytes;
                        break status;
                    }
                }
            },
        };
        match served {
            DataStatus::Answered => Ok(reply),
            DataStatus::NotOwner => {
                assert!(reply.is_empty());
                Err(ForwardError::NotOwner)
            }
        }
    }

    /// Has nodes tell each other all there is to tell.
    pub fn talk(&self) {
        self.nodes.iter().for_each(|node| node.maintain(0, 1));
        loop {
            let parts: Vec<_> = self
                .nodes
                .iter()
                .flat_map(|node| node.talk_parts().into_iter().map(move |part| (node, part)))
                .collect();
            if parts.is_empty() {
                return;
            }
            for (node, part) in parts {
                node.talk_answered(part.to, &self.carry(&part));
            }
        }
    }

    /// Carries a fan-out to its end; what is left of it when its client waits.
    pub fn finish(&self, node: &Arc<Node>, mut fanout: Fanout, out: &mut Vec<u8>) -> Option<Blocked> {
        for attempt in 0.. {
            pass(fanout.delay);
            assert!(attempt == 0 || fanout.barrier, "later requests must not overtake one that is asked again");
            let is_late = !fanout.delay.is_zero();
            assert!(
                is_late || fanout.parts.iter().all(|part| part.to != node.config().id),
                "a part for the node itself"
            );
            if let Some(job) = fanout.job().filter(|job| !job.answer.is_settled()) {
                run_job(node, job);
                agree(&self.nodes, node);
                assert!(job.answer.is_settled(), "nothing keeps it waiting");
            }
            let replies = fanout.parts.iter().map(|part| self.carry(part)).collect();
            match fanout.finish(node, replies, out) {
                Outcome::Done(_) => return None,
                Outcome::Wait(blocked) => return Some(blocked),
                Outcome::HangUp => {
                    out.extend_from_slice(b"(hung up)");
                    return None;
                }
                Outcome::Again(again) => fanout = again,
            }
        }
        None
    }
}

/// A client with its session.
pub struct Caller<'a> {
    pub cluster: &'a Cluster,
    pub node: Arc<Node>,
    pub session: Session,
    pub closed: bool,
    pub woken: Arc<AtomicUsize>,
    /// It waits for keys.
    pub blocked: Option<Blocked>,
    waiting: Vec<u8>,
}

impl<'a> Caller<'a> {
    fn new(cluster: &'a Cluster, number: usize, door: Door) -> Caller<'a> {
        let node = Arc::clone(&cluster.nodes[number]);
        let woken = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&woken);
        let wake = Arc::new(move || {
            counter.fetch_add(1, Relaxed);
        });
        let port = 40_000 + node.clients().total();
        let local = if door == Door::Gateway { "10.0.0.1:6379" } else { "10.0.0.1:7400" };
        let session = Session::new(&node, door, 0, format!("192.0.2.1:{port}"), local.into(), wake);
        Caller { cluster, node, session, closed: false, woken, blocked: None, waiting: Vec::new() }
    }

    /// Sends bytes; answers all replies to them.
    pub fn send(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut replies = Vec::new();
        self.waiting.extend_from_slice(bytes);
        while self.blocked.is_none() {
            let mut out = Vec::new();
            let advance = self.session.advance(&self.node, &self.waiting, &mut out);
            self.waiting.drain(..advance.consumed);
            replies.append(&mut out);
            match advance.step {
                Step::NeedInput { wanted } => {
                    assert!(wanted > 0);
                    return replies;
                }
                Step::OutputFull => {}
                Step::Pause => pass(crate::session::PAUSE),
                Step::Forward(fanout) => self.blocked = self.cluster.finish(&self.node, fanout, &mut replies),
                Step::Wait(blocked) => self.blocked = Some(blocked),
                Step::Turn => panic!("scripts of these tests are over before the next request"),
                Step::Close => {
                    self.closed = true;
                    return replies;
                }
            }
        }
        replies
    }

    /// What a client that waits is answered, and what it said behind that; empty while it waits. `|` for the ends of lines.
    pub fn heard(&mut self) -> String {
        let Some(mut blocked) = self.blocked.take() else { return String::new() };
        let mut out = Vec::new();
        loop {
            blocked = match blocked.look(&self.node) {
                Waited::Still(blocked) => {
                    self.blocked = Some(blocked);
                    return String::new();
                }
                Waited::Done(reply, _) => {
                    out.extend(reply);
                    break;
                }
                Waited::Ask(fanout) => match self.cluster.finish(&self.node, fanout, &mut out) {
                    Some(blocked) => blocked,
                    None => break,
                },
            };
        }
        out.extend(self.send(b""));
        String::from_utf8(out).expect("replies of these tests are text").replace("\r\n", "|")
    }

    /// What came unasked since the last time, with `|` for the ends of lines.
    pub fn news(&mut self) -> String {
        let mut out = Vec::new();
        while self.session.has_news(&self.node) {
            self.session.tell_news(&self.node, &mut out);
        }
        self.closed |= self.session.is_killed();
        String::from_utf8(out).expect("news of these tests are text").replace("\r\n", "|")
    }

    /// Sends a line; answers its reply with `|` for the ends of lines.
    pub fn ask(&mut self, line: &str) -> String {
        self.say(line).replace("\r\n", "|")
    }

    /// Sends lines of memcached's protocol, `|` for their ends; answers the same way.
    pub fn memcached(&mut self, lines: &str) -> String {
        let reply = self.send(lines.replace('|', "\r\n").as_bytes());
        String::from_utf8(reply).expect("replies of these tests are text").replace("\r\n", "|")
    }

    /// Sends one request; answers its reply as text.
    pub fn call(&mut self, args: &[&str]) -> String {
        let mut request = Vec::new();
        encode_request(args, &mut request);
        String::from_utf8(self.send(&request)).expect("replies of these tests are text")
    }

    /// Sends a line as an inline command; answers its reply as text.
    pub fn say(&mut self, line: &str) -> String {
        String::from_utf8(self.send(format!("{line}\r\n").as_bytes())).expect("replies of these tests are text")
    }
}
