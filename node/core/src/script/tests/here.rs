//! Scripts that a worker runs: which ones, when, and what becomes of one that turns out not to be for it.

use super::{begin, eval};
use crate::Door;
use crate::fixture::{Cluster, pass};
use crate::script::job::{Job, Ticket};
use crate::script::{Machine, Outside};
use crate::session::Step;
use std::sync::Arc;
use std::time::Duration;

const OUTSIDE: Outside = Outside { pause: |_| panic!("a worker does not wait"), log: |_, _| () };

/// The job that the script is, nowhere yet.
fn job_of(cluster: &Cluster, words: &[&str]) -> Arc<Job> {
    let mut client = cluster.client(0, Door::Gateway);
    let (_, step, _) = begin(&mut client, words);
    let Step::Forward(fanout) = step else { panic!("{step:?}") };
    Arc::clone(fanout.job().expect("a script"))
}

/// What a worker makes of a job; none: it leaves it to a thread.
fn run_here(cluster: &Cluster, job: &Arc<Job>) -> Option<String> {
    let mut machine = Machine::of_worker(&cluster.nodes[0], 0, OUTSIDE);
    let has_run = machine.run_here(job);
    assert_eq!(has_run, job.answer.is_settled());
    has_run.then(|| match cluster.nodes[0].settled(job) {
        crate::Settled::Answered(_, reply, _) => String::from_utf8_lossy(&reply).into_owned(),
        crate::Settled::Again(_) => panic!("it is answered"),
    })
}

/// As a thread does it, with time that passes at each line it logs.
fn run_on_a_thread(cluster: &Cluster, job: &Arc<Job>) -> String {
    cluster.nodes[0].scripts().submit(job, Arc::new(|| {}));
    let outside = Outside { pause: |_| (), log: |_, _| pass(Duration::from_secs(5)) };
    let mut machine = Machine::new(&cluster.nodes[0], 0, outside);
    while machine.run_next() {}
    match cluster.nodes[0].settled(job) {
        crate::Settled::Answered(_, reply, _) => String::from_utf8_lossy(&reply).into_owned(),
        crate::Settled::Again(again) => run_on_a_thread(cluster, &again),
    }
}

/// Runs it on threads as often as it takes for a worker to believe that it is short.
fn make_known(cluster: &Cluster, script: &str, key: &str) {
    let mut client = cluster.client(0, Door::Gateway);
    (0..16).for_each(|_| drop(eval(&mut client, script, &[key])));
}

#[test]
fn a_worker_runs_what_was_short_and_has_no_loops() {
    let cluster = Cluster::new(1);
    let script = "return redis.call('incr', KEYS[1])";
    let job = job_of(&cluster, &["EVAL", script, "1", "k"]);
    assert_eq!(run_here(&cluster, &job), None, "nothing is known of it");
    make_known(&cluster, script, "k");
    let job = job_of(&cluster, &["EVAL", script, "1", "k"]);
    assert_eq!(run_here(&cluster, &job).as_deref(), Some(":17\r\n"));
    let sum = String::from_utf8_lossy(&crate::script::cache::sum_of(script.as_bytes())).into_owned();
    let named = job_of(&cluster, &["EVALSHA", &sum, "1", "k"]);
    assert_eq!(run_here(&cluster, &named).as_deref(), Some(":18\r\n"));
    let looping = "for i = 1, 1 do redis.call('incr', KEYS[1]) end return redis.call('get', KEYS[1])";
    make_known(&cluster, looping, "k");
    let job = job_of(&cluster, &["EVAL", looping, "1", "k"]);
    assert_eq!(run_here(&cluster, &job), None, "it might run for ever another time");
    let mut client = cluster.client(0, Door::Gateway);
    assert_eq!(client.call(&["GET", "k"]), "$2\r\n34\r\n", "it did nothing");
}

#[test]
fn a_worker_does_not_go_before_others_and_is_not_met_halfway() {
    let cluster = Cluster::new(1);
    let node = &cluster.nodes[0];
    let script = "return redis.call('incr', KEYS[1])";
    make_known(&cluster, script, "k");
    let slot = dcache_protocol::slot_of(b"k").number();
    let ticket = Ticket::new(&node.scripts, vec![slot], node.now(), Arc::new(|| {}));
    let job = job_of(&cluster, &["EVAL", script, "1", "k"]);
    assert_eq!(run_here(&cluster, &job), None, "somebody's turn is before it");
    drop(ticket);
    // Another worker is in the middle of a request for the slot.
    assert!(node.scripts.queue.enter(1, &[slot]));
    assert_eq!(run_here(&cluster, &job), None);
    node.scripts.queue.leave(1);
    assert!(node.scripts.queue.enter(1, &[slot]), "the place that was tried is given back");
    node.scripts.queue.leave(1);
    assert_eq!(run_on_a_thread(&cluster, &job), ":17\r\n", "what a worker left is a thread's");
    assert_eq!(run_here(&cluster, &job_of(&cluster, &["EVAL", script, "1", "k"])).as_deref(), Some(":18\r\n"));
}

#[test]
fn what_takes_long_after_all_goes_to_a_thread_if_it_has_done_nothing() {
    let cluster = Cluster::new(1);
    // So many statements that the state is looked after in the middle of them; none of them runs twice.
    let long = "a = a + 1 ".repeat(30_000);
    let reading = format!("local a = 0 if ARGV[1] then {long} end return redis.call('incr', KEYS[1]) + a");
    make_known(&cluster, &reading, "k");
    let short = job_of(&cluster, &["EVAL", &reading, "1", "k"]);
    assert_eq!(run_here(&cluster, &short).as_deref(), Some(":17\r\n"));
    let job = job_of(&cluster, &["EVAL", &reading, "1", "k", "now"]);
    assert_eq!(run_here(&cluster, &job), None);
    assert_eq!(run_on_a_thread(&cluster, &job), ":30018\r\n", "it did nothing before");
    let writing = format!("local a = redis.call('incr', KEYS[1]) if ARGV[1] then {long} end return a");
    make_known(&cluster, &writing, "l");
    let job = job_of(&cluster, &["EVAL", &writing, "1", "l", "now"]);
    assert_eq!(run_here(&cluster, &job).as_deref(), Some(":30017\r\n"), "what is begun is ended");
}

#[test]
fn a_worker_waits_for_no_key_that_was_not_declared() {
    let cluster = Cluster::new(1);
    let node = &cluster.nodes[0];
    let script = "redis.call('incr', KEYS[1]) if ARGV[1] then return redis.call('incr', ARGV[1]) end return 1";
    make_known(&cluster, script, "k");
    let job = |other| job_of(&cluster, &["EVAL", script, "1", "k", other]);
    assert_eq!(run_here(&cluster, &job("free")).as_deref(), Some(":1\r\n"), "what nobody uses it may have");
    let _other =
        Ticket::new(&node.scripts, vec![dcache_protocol::slot_of(b"taken").number()], node.now(), Arc::new(|| {}));
    let reply = run_here(&cluster, &job("taken"));
    assert!(reply.as_deref().is_some_and(|reply| reply.contains("did not declare")), "{reply:?}");
}

#[test]
fn no_time_passes_for_what_a_script_calls() {
    let cluster = Cluster::new(1);
    let script = "redis.call('set', KEYS[1], 'v', 'px', 1000) redis.log(redis.LOG_WARNING, 'slow') return redis.call('get', KEYS[1])";
    let job = job_of(&cluster, &["EVAL", script, "1", "k"]);
    assert_eq!(run_on_a_thread(&cluster, &job), "$1\r\nv\r\n");
    assert_eq!(cluster.client(0, Door::Gateway).ask("GET k"), "$-1|");
}
