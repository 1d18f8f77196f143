//! Whose turn it is when several things meet: flushes, forwarded pieces, keys that were not declared, and slots that go to other nodes
//! while a script waits or runs.

use super::{begin, eval};
use crate::Door;
use crate::fixture::{self, Cluster, PARTITIONS, held_by, key_of};
use crate::gateway::tests::pinning;
use crate::gateway::{ForwardError, Outcome};
use crate::script::job::{Job, Request, Ticket, Work};
use crate::script::queue::{Queue, UNDECLARED};
use crate::script::{Machine, Outside};
use crate::session::Step;
use crate::{Node, Served};
use dcache_cluster::metadata::Metadata;
use dcache_protocol::namespace::PINNED;
use dcache_protocol::peer::{DataHeader, DataStatus};
use dcache_protocol::resp::value::encode_request;
use dcache_protocol::{Epoch, Slot, slot_in, slot_of};
use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

/// The same with a slot's partition at another node.
fn moved(metadata: &Metadata, slot: Slot, to: usize) -> Metadata {
    let number = usize::from(slot.number() / (dcache_protocol::SLOTS / PARTITIONS));
    let table = (0..usize::from(PARTITIONS)).map(|index| match index == number {
        true => held_by(to),
        false => metadata.table[index].clone(),
    });
    Metadata { table: table.collect(), epoch: Epoch(metadata.epoch.0 + 1), ..metadata.clone() }
}

fn machine(node: &Arc<Node>) -> Machine {
    Machine::new(node, 0, Outside { pause: |_| (), log: |_, _| () })
}

fn encoded(words: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_request(words, &mut bytes);
    bytes
}

fn job_with(slots: &[u16]) -> Arc<Job> {
    let request = Request { bytes: Vec::new(), ..Job::new(Work::Ticket, Vec::new(), Duration::ZERO).request().clone() };
    Job::new(Work::Request(request), slots.to_vec(), Duration::ZERO)
}

#[test]
fn a_script_without_keys_follows_its_pinned_database() {
    let cluster = Cluster::new(3);
    let before = pinning();
    cluster.publish(&before);
    let inside = 3 | PINNED;
    let slot = slot_in(inside, b"");
    let owner = cluster.nodes.iter().position(|node| node.view().is_mine(slot)).expect("one has it");
    let next = (owner + 1) % 3;
    let mut client = cluster.client(owner, Door::Gateway);
    client.call(&[
        "FUNCTION",
        "LOAD",
        "#!lua name=l\nredis.register_function('add', function() return redis.call('incr', 'f') end)",
    ]);
    client.call(&["SELECT", "3"]);
    let after = moved(&cluster.nodes[0].view().metadata, slot, next);
    let (_, step, _) = begin(&mut client, &["EVAL", "return redis.call('incr', 'k')", "0"]);
    let Step::Forward(script) = step else { panic!("{step:?}") };
    let mut second = cluster.client(owner, Door::Gateway);
    second.call(&["SELECT", "3"]);
    let (_, step, _) = begin(&mut second, &["FCALL", "add", "0"]);
    let Step::Forward(function) = step else { panic!("{step:?}") };
    // A job is made; before it runs the database goes to another node.
    cluster.publish(&after);
    for fanout in [script, function] {
        let mut out = Vec::new();
        cluster.finish(&cluster.nodes[owner], fanout, &mut out);
        assert_eq!(String::from_utf8_lossy(&out), ":1\r\n");
    }
    assert_eq!(cluster.nodes[owner].engine().count(inside), 0, "nothing is written where nobody looks");
    assert_eq!(cluster.nodes[next].engine().count(inside), 2);
    // A node that is asked for it by one that does not know yet says so.
    let ask = |database| {
        let header = DataHeader { id: 1, database, resp: 2 };
        let request = encoded(&["EVAL", "return redis.call('incr', 'k')", "0"]);
        let node = &cluster.nodes[owner];
        match node.serve_peer(0, header, &request, &mut Vec::new(), &mut Vec::new()) {
            Served::Later(job) => {
                node.scripts().submit(&job, Arc::new(|| {}));
                let mut machine = machine(node);
                while machine.run_next() {}
                match node.settled(&job) {
                    crate::Settled::Answered(status, ..) => status,
                    crate::Settled::Again(_) => panic!("it has its slot"),
                }
            }
            Served::Now(status) => status,
        }
    };
    assert_eq!(ask(inside), DataStatus::NotOwner);
    assert_eq!(ask(3), DataStatus::NotOwner, "as it was called before it was pinned");
    // In a transaction, from a node that has it not.
    client.call(&["MULTI"]);
    client.call(&["EVAL", "return redis.call('incr', 'k')", "0"]);
    client.call(&["DBSIZE"]);
    assert_eq!(client.ask("EXEC"), "*2|:2|:2|");
}

#[test]
fn a_flush_waits_for_scripts_wherever_it_comes_from() {
    let cluster = Cluster::new(1);
    let node = Arc::clone(&cluster.nodes[0]);
    let (mut one, mut two) = (cluster.client(0, Door::Gateway), cluster.client(0, Door::Gateway));
    let mut three = cluster.client(0, Door::Memcached);
    let (_, step, _) = begin(&mut one, &["EVAL", "return redis.call('set', KEYS[1], 'v')", "1", "k"]);
    let Step::Forward(fanout) = step else { panic!("{step:?}") };
    let job = fanout.job().expect("a job").clone();
    node.scripts().submit(&job, Arc::new(|| {}));
    let mut out = Vec::new();
    let advance = three.session.advance(&node, b"flush_all\r\n", &mut out);
    assert!(matches!(advance.step, Step::Pause), "{:?}", advance.step);
    let (rest, step, _) = begin(&mut two, &["FLUSHALL"]);
    assert!(matches!(step, Step::Turn), "{step:?}");
    let header = DataHeader { id: 1, database: 0, resp: 2 };
    let served = node.serve_peer(0, header, &encoded(&["FLUSHDB"]), &mut Vec::new(), &mut Vec::new());
    assert!(matches!(served, Served::Later(_)), "{served:?}");
    let mut machine = machine(&node);
    while machine.run_next() {}
    let mut out = Vec::new();
    two.session.advance(&node, &rest, &mut out);
    assert_eq!((out, node.items()), (b"+OK\r\n".to_vec(), 0));
    assert_eq!(three.memcached("flush_all|"), "OK|");
}

#[test]
fn who_goes_on_to_a_further_slot_is_before_those_that_wait_for_it() {
    let queue = Queue::new(1, 4);
    let (one, two, three) = (job_with(&[7]), job_with(&[9, UNDECLARED]), job_with(&[7, 9]));
    for job in [&one, &two] {
        queue.submit(job);
        assert!(queue.take().is_some_and(|taken| Arc::ptr_eq(&taken, job) && taken.start()));
    }
    queue.submit(&three);
    // The third waits for the second at 9: it must not be before it at 7.
    assert!(!queue.acquire(&two, 7, true) && !queue.is_first(&two, 7));
    queue.finish(&one);
    assert!(queue.is_first(&two, 7));
    assert!(queue.take().is_none(), "the third waits");
    queue.finish(&two);
    assert!(queue.take().is_some_and(|taken| Arc::ptr_eq(&taken, &three) && taken.start()));
    queue.finish(&three);
    // The same where the slot's first has not begun.
    let (two, three) = (job_with(&[9, UNDECLARED]), job_with(&[7, 9]));
    queue.submit(&two);
    assert!(queue.take().is_some_and(|taken| taken.start()));
    queue.submit(&three);
    assert!(!queue.acquire(&two, 7, true));
    assert!(queue.is_first(&two, 7));
    queue.finish(&two);
    assert!(queue.take().is_some_and(|taken| Arc::ptr_eq(&taken, &three)));
}

#[test]
fn a_piece_that_is_asked_again_here_waits_for_scripts() {
    let cluster = Cluster::new(3);
    let node = Arc::clone(&cluster.nodes[0]);
    let (here, there) = (key_of(0, 3, 0), key_of(1, 3, 0));
    let mut client = cluster.client(0, Door::Gateway);
    client.call(&["SET", &here, "v"]);
    let (_, step, _) = begin(&mut client, &["DEL", &here, &there]);
    let Step::Forward(fanout) = step else { panic!("{step:?}") };
    cluster.publish(&moved(&fixture::metadata(3), slot_of(there.as_bytes()), 0));
    let (_, step, _) = begin(&mut client, &["EVAL", "return redis.call('set', KEYS[1], 'v')", "1", &there]);
    let Step::Forward(script) = step else { panic!("{step:?}") };
    node.scripts().submit(script.job().expect("a job"), Arc::new(|| {}));
    let mut out = Vec::new();
    let again = fanout.finish(&node, vec![Err(ForwardError::NotOwner)], &mut out);
    let Outcome::Again(again) = again else { panic!("it ran before the script: {again:?}") };
    let mut machine = machine(&node);
    while machine.run_next() {}
    let replies = again.parts.iter().map(|_| Err(ForwardError::NotOwner)).collect();
    assert!(matches!(again.finish(&node, replies, &mut out), Outcome::Done(_)));
    assert_eq!(String::from_utf8_lossy(&out), ":2\r\n");
}

#[test]
fn clients_are_woken_whatever_their_script_s_thread_does_next() {
    let cluster = Cluster::new(1);
    let node = &cluster.nodes[0];
    let woken = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&woken);
    let wake = Arc::new(move || _ = counter.fetch_add(1, Relaxed));
    // A ticket that waits has its wake from elsewhere; a job that is answered is enough here.
    drop(Ticket::new(&node.scripts, vec![7], node.now(), Arc::new(|| {})));
    let job = job_with(&[7]);
    job.set_wake(wake);
    node.scripts().note_answered(0, job, node.now());
    assert_eq!(woken.load(Relaxed), 0, "told with others");
    node.maintain(1, 2);
    assert_eq!(woken.load(Relaxed), 1);
}

thread_local! {
    /// What is published when a script logs something.
    static NEXT: RefCell<Option<(Vec<Arc<Node>>, Metadata)>> = const { RefCell::new(None) };
}

fn publish_next(_: u8, _: &[u8]) {
    if let Some((nodes, metadata)) = NEXT.take() {
        nodes.iter().for_each(|node| node.publish(Arc::new(metadata.clone()), None));
    }
}

#[test]
fn a_slot_that_goes_while_a_script_runs_is_not_the_script_s_mistake() {
    for (script, reply) in [
        ("redis.log(3, 'goes') return redis.call('append', KEYS[1], 'v')", ":1\r\n"),
        (
            "redis.call('set', KEYS[1], 'v') redis.log(3, 'goes') return redis.pcall('get', KEYS[1])",
            "-TRYAGAIN Hash slot is changing hands: a part of the script ran\r\n",
        ),
    ] {
        let cluster = Cluster::new(3);
        let node = Arc::clone(&cluster.nodes[0]);
        let key = key_of(0, 3, 0);
        let mut client = cluster.client(0, Door::Gateway);
        let (_, step, _) = begin(&mut client, &["EVAL", script, "1", &key]);
        let Step::Forward(fanout) = step else { panic!("{step:?}") };
        node.scripts().submit(fanout.job().expect("a job"), Arc::new(|| {}));
        NEXT.set(Some((cluster.nodes.clone(), moved(&fixture::metadata(3), slot_of(key.as_bytes()), 2))));
        let mut machine = Machine::new(&node, 0, Outside { pause: |_| (), log: publish_next });
        while machine.run_next() {}
        let mut out = Vec::new();
        cluster.finish(&node, fanout, &mut out);
        assert_eq!(String::from_utf8_lossy(&out), reply);
    }
    assert_eq!(eval(&mut Cluster::new(1).client(0, Door::Gateway), "return 1", &[]), ":1|");
}
