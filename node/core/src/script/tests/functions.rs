//! Libraries of functions on one node and over several: what is told of them, errors, limits.

use super::begin;
use crate::Door;
use crate::fixture::{Caller, Cluster, key_of, pass};
use crate::gateway::Outcome;
use crate::script::job::{End, Job};
use crate::script::{BUSY_WITH_FUNCTION, Machine, Outside};
use crate::session::Step;
use std::sync::Arc;
use std::time::Duration;

const LIBRARY: &str = "#!lua name=lib
local function get(keys, args) return {keys[1], args[1], redis.call('get', keys[1])} end
redis.register_function('set', function(keys, args) return redis.call('set', keys[1], args[1]) end)
redis.register_function{function_name='get', callback=get, description='reads', flags={'no-writes', 'ALLOW-OOM'}}
redis.register_function{function_name='sly', callback=function(keys) return redis.call('del', keys[1]) end, flags={'no-writes'}}
redis.register_function('fails', function() error('boom') end)
redis.register_function('sees', function() return KEYS end)";

fn load(client: &mut Caller<'_>, code: &str) -> String {
    client.call(&["FUNCTION", "LOAD", code]).replace("\r\n", "|")
}

fn library(name: &str, function: &str) -> String {
    format!("#!lua name={name}\nredis.register_function('{function}', function() return '{name}' end)")
}

#[test]
fn what_one_node_loads_all_call() {
    let cluster = Cluster::new(3);
    let (mut first, mut other) = (cluster.client(0, Door::Gateway), cluster.client(1, Door::Gateway));
    assert_eq!(load(&mut first, LIBRARY), "$3|lib|");
    for owner in 0..3 {
        let key = key_of(owner, 3, 0);
        assert_eq!(other.call(&["FCALL", "set", "1", &key, "v"]), "+OK\r\n");
        let read = format!("*3|${}|{key}|$1|a|$1|v|", key.len());
        assert_eq!(first.call(&["FCALL_RO", "GET", "1", &key, "a"]).replace("\r\n", "|"), read);
        let mut there = cluster.client(owner, Door::Cluster);
        assert_eq!(there.call(&["FCALL", "get", "1", &key, "a"]).replace("\r\n", "|"), read);
    }
    assert_eq!(other.ask("FUNCTION DELETE lib"), "+OK|");
    assert_eq!(first.ask("FCALL get 0"), "-ERR Function not found|");
    assert_eq!(first.ask("FUNCTION DELETE lib"), "-ERR Library not found|");
}

#[test]
fn what_a_cluster_client_says_to_every_node_counts_once() {
    let cluster = Cluster::new(3);
    let mut doors: Vec<Caller<'_>> = (0..3).map(|node| cluster.client(node, Door::Cluster)).collect();
    let one = library("one", "f");
    for _ in 0..2 {
        for door in &mut doors {
            assert_eq!(load(door, &one), "$3|one|");
        }
        for door in &mut doors {
            assert_eq!(load(door, &one), "-ERR Library 'one' already exists|", "a second time at the same node");
            assert_eq!(door.ask("FCALL f 0"), "$3|one|");
        }
        assert_eq!(load(&mut doors[1], &one.replace("'one'", "'other'")), "-ERR Library 'one' already exists|");
        for door in &mut doors {
            assert_eq!(door.ask("FUNCTION DELETE one"), "+OK|");
        }
        for door in &mut doors {
            assert_eq!(door.ask("FUNCTION DELETE one"), "-ERR Library not found|");
        }
    }
    // Dumped, flushed and restored everywhere.
    doors.iter_mut().for_each(|door| drop(load(door, &one)));
    let dump = doors[0].send(b"*2\r\n$8\r\nFUNCTION\r\n$4\r\nDUMP\r\n");
    let dump = &dump[dump.iter().position(|byte| *byte == b'\n').expect("a bulk") + 1..dump.len() - 2];
    for door in &mut doors {
        assert_eq!(door.ask("FUNCTION FLUSH"), "+OK|");
    }
    assert_eq!(doors[2].ask("FUNCTION DELETE one"), "-ERR Library not found|", "they were flushed there, too");
    let mut restore = b"*3\r\n$8\r\nFUNCTION\r\n$7\r\nRESTORE\r\n$".to_vec();
    restore.extend_from_slice(format!("{}\r\n", dump.len()).as_bytes());
    restore.extend_from_slice(dump);
    restore.extend_from_slice(b"\r\n");
    for door in &mut doors {
        assert_eq!(String::from_utf8_lossy(&door.send(&restore)), "+OK\r\n");
    }
    assert!(
        doors[0].send(&restore).starts_with(b"-ERR Library one already exists")
            || doors[0].send(&restore).starts_with(b"-ERR Library 'one' already exists")
    );
    assert_eq!(doors[1].ask("FCALL f 0"), "$3|one|");
}

#[test]
fn a_node_that_acts_on_a_library_later_than_the_client_s_is_asked_again() {
    let cluster = Cluster::new(2);
    let behind = cluster.nodes[1].view().metadata.clone();
    let mut client = cluster.client(0, Door::Gateway);
    load(&mut client, &library("one", "f"));
    let agreed = cluster.nodes[0].view().metadata.clone();
    cluster.nodes[1].publish(behind, None);
    let key = key_of(1, 2, 0);
    let (_, step, _) = begin(&mut client, &["FCALL", "f", "1", &key]);
    let Step::Forward(fanout) = step else { panic!("{step:?}") };
    let mut out = Vec::new();
    let replies = fanout.parts.iter().map(|part| cluster.carry(part)).collect();
    let Outcome::Again(again) = fanout.finish(&cluster.nodes[0], replies, &mut out) else { panic!("it is known") };
    assert!(out.is_empty());
    cluster.nodes[1].publish(agreed, None);
    cluster.finish(&cluster.nodes[0], again, &mut out);
    assert_eq!(String::from_utf8_lossy(&out), "$3\r\none\r\n");
    let unknown = client.call(&["FCALL", "g", "1", &key]);
    assert_eq!(unknown, "-ERR Function not found\r\n");
}

#[test]
fn a_library_that_is_replaced_is_another_one_at_once() {
    let cluster = Cluster::new(2);
    let (mut first, mut other) = (cluster.client(0, Door::Gateway), cluster.client(1, Door::Gateway));
    load(&mut first, &library("one", "f"));
    assert_eq!(other.ask("FCALL f 0"), "$3|one|");
    assert_eq!(load(&mut other, &library("one", "f")), "-ERR Library 'one' already exists|");
    assert_eq!(load(&mut other, &library("two", "F")), "-ERR Function F already exists|");
    let new = library("one", "f").replace("return 'one'", "return 'new'");
    assert_eq!(first.call(&["FUNCTION", "LOAD", "REPLACE", &new]), "$3\r\none\r\n");
    assert_eq!((first.ask("FCALL f 0"), other.ask("FCALL f 0")), ("$3|new|".into(), "$3|new|".into()));
    // The same again changes nothing, and is no error.
    assert_eq!(other.call(&["FUNCTION", "LOAD", "REPLACE", &new]), "$3\r\none\r\n");
}

#[test]
fn functions_fail_as_those_of_redis() {
    let cluster = Cluster::new(1);
    let mut client = cluster.client(0, Door::Gateway);
    load(&mut client, LIBRARY);
    let absent = "-ERR user_function:7: Script attempted to access nonexistent global variable 'KEYS' script: sees, on @user_function:7.|";
    for (line, reply) in [
        ("FCALL none 0", "-ERR Function not found|"),
        ("FCALL get x", "-ERR Bad number of keys provided|"),
        ("FCALL get 2 k", "-ERR Number of keys can't be greater than number of args|"),
        ("FCALL get -1", "-ERR Number of keys can't be negative|"),
        ("FCALL_RO set 1 k v", "-ERR Can not execute a script with write flag using *_ro command.|"),
        (
            "FCALL sly 1 k",
            "-ERR Write commands are not allowed from read-only scripts. script: sly, on @user_function:5.|",
        ),
        ("FCALL fails 0", "-ERR user_function:6: boom script: fails, on @user_function:6.|"),
        ("FCALL sees 0", absent),
        ("FUNCTION LIST x", "-ERR Unknown argument x|"),
        ("FUNCTION LIST LIBRARYNAME", "-ERR library name argument was not given|"),
        ("FUNCTION FLUSH x", "-ERR FUNCTION FLUSH only supports SYNC|ASYNC option|"),
        ("FUNCTION RESTORE x", "-ERR DUMP payload version or checksum are wrong|"),
        ("FUNCTION KILL", "-NOTBUSY No scripts in execution right now.|"),
    ] {
        assert_eq!(client.ask(line), reply, "{line}");
    }
}

#[test]
fn code_that_is_no_library_is_refused_before_anything_is_agreed_on() {
    let cluster = Cluster::new(1);
    let mut client = cluster.client(0, Door::Gateway);
    let failed = "Error registering functions: ERR ";
    let absent = "user_function:2: Script attempted to access nonexistent global variable";
    for (code, why) in [
        ("x", "Missing library metadata".into()),
        ("#!lua", "Invalid library metadata".into()),
        ("#!lua\n", "Library name was not given".into()),
        ("#!lua foo=1\n", "Invalid metadata value given: foo=1".into()),
        ("#!lua name=a name=b\n", "Invalid metadata value, name argument was given multiple times".into()),
        ("#!lua name='a\n", "Invalid library metadata".into()),
        ("#!lua name=\"a\"\n", "No functions registered".into()),
        ("#!lues name=a\n", "Engine 'lues' not found".into()),
        ("#!lua name=a\nx x", "Error compiling function: user_function:2: '=' expected near 'x'".into()),
        ("#!lua name=a\nreturn 1", "No functions registered".into()),
        ("#!lua name=a\nredis.call('ping')", format!("{failed}{absent} 'call'")),
        ("#!lua name=a\nlocal m = math", format!("{failed}{absent} 'math'")),
        ("#!lua name=a\nf = 1", format!("{failed}user_function:2: Attempt to modify a readonly table")),
        (
            "#!lua name=a\nredis.register_function('f', 1)",
            format!("{failed}second argument to redis.register_function must be a function"),
        ),
        ("#!lua name=a\nredis.register_function{flags={'x'}}", format!("{failed}unknown flag given")),
        (
            "#!lua name=a\nlocal f = function() end\nredis.register_function('f', f) redis.register_function('F', f)",
            format!("{failed}Function already exists in the library"),
        ),
    ] {
        assert_eq!(load(&mut client, code), format!("-ERR {why}|"), "{code}");
    }
    assert_eq!(client.ask("FUNCTION LIST"), "*0|");
    let late = "#!lua name=a\nredis.register_function('f', function() return redis.register_function('g', 1) end)";
    load(&mut client, late);
    assert!(client.ask("FCALL f 0").contains("attempt to call field 'register_function' (a nil value)"));
}

#[test]
fn what_is_told_of_libraries_and_dumped_is_all_of_them() {
    let cluster = Cluster::new(2);
    let (mut first, mut other) = (cluster.client(0, Door::Gateway), cluster.client(1, Door::Gateway));
    load(&mut first, &library("b", "g"));
    let named = "redis.register_function{function_name='f', callback=function() return 1 end, flags={'no-writes'}}";
    load(&mut first, &format!("#!lua name=a\n{named}"));
    let listed = "*6|$12|library_name|$1|a|$6|engine|$3|LUA|$9|functions|*1|*6|$4|name|$1|f|$11|description|$-1|$5|flags|*1|+no-writes|";
    assert_eq!(other.ask("FUNCTION LIST LIBRARYNAME A*"), format!("*1|{listed}"));
    assert!(other.ask("FUNCTION LIST WITHCODE").contains("|$12|library_code|$"));
    let stats = "*4|$14|running_script|$-1|$7|engines|*2|$3|LUA|*4|$15|libraries_count|:2|$15|functions_count|:2|";
    assert_eq!(other.ask("FUNCTION STATS"), stats);
    let info = other.say("INFO memory");
    assert!(info.contains("number_of_functions:2\r\nnumber_of_libraries:2\r\n"), "{info}");

    let dump = {
        let reply = first.send(b"FUNCTION DUMP\r\n");
        let start = reply.iter().position(|byte| *byte == b'\n').expect("a bulk") + 1;
        reply[start..reply.len() - 2].to_vec()
    };
    let restore = |client: &mut Caller<'_>, policy: &str| {
        let mut request = format!("*4\r\n$8\r\nFUNCTION\r\n$7\r\nRESTORE\r\n${}\r\n", dump.len()).into_bytes();
        request.extend_from_slice(&dump);
        request.extend_from_slice(format!("\r\n${}\r\n{policy}\r\n", policy.len()).as_bytes());
        String::from_utf8(client.send(&request)).expect("text").replace("\r\n", "|")
    };
    assert_eq!(restore(&mut other, "APPEND"), "-ERR Library a already exists|");
    let wrong = "-ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.|";
    assert_eq!(restore(&mut other, "AGAIN"), wrong);
    assert_eq!(first.ask("FUNCTION FLUSH ASYNC"), "+OK|");
    assert_eq!(other.ask("FUNCTION LIST"), "*0|");
    load(&mut first, &library("c", "h"));
    assert_eq!(restore(&mut other, "REPLACE"), "+OK|");
    assert_eq!((first.ask("FCALL f 0"), first.ask("FCALL h 0")), (":1|".into(), "$1|c|".into()));
    assert_eq!(restore(&mut other, "FLUSH"), "+OK|");
    assert_eq!((first.ask("FCALL g 0"), first.ask("FCALL h 0")), ("$1|b|".into(), "-ERR Function not found|".into()));
}

#[test]
fn transactions_call_functions_and_change_none() {
    let cluster = Cluster::new(1);
    let mut client = cluster.client(0, Door::Gateway);
    load(&mut client, LIBRARY);
    client.say("MULTI");
    client.say("FCALL set 1 {a} 5");
    client.say("INCR {a}");
    assert_eq!(client.ask("EXEC"), "*2|+OK|:6|");
    client.say("MULTI");
    client.say("FUNCTION FLUSH");
    assert_eq!(client.ask("EXEC"), "*1|-ERR libraries of functions cannot be changed in a transaction|");
    let refused = "-ERR This Redis command is not allowed from script";
    assert!(client.call(&["EVAL", "return redis.call('function', 'flush')", "0"]).starts_with(refused));
    assert!(client.call(&["EVAL", "return redis.call('fcall', 'get', 0)", "0"]).starts_with(refused));
    assert!(client.ask("FUNCTION STATS").ends_with("|functions_count|:5|"));
}

/// The job of a request that nobody has run yet.
fn job_of(client: &mut Caller<'_>, words: &[&str]) -> Arc<Job> {
    let (_, step, _) = begin(client, words);
    let Step::Forward(fanout) = step else { panic!("{step:?}") };
    let job = fanout.job().expect("a job").clone();
    client.node.scripts().submit(&job, Arc::new(|| {}));
    job
}

fn run_all(client: &Caller<'_>) {
    let mut machine = Machine::new(&client.node, 0, Outside { pause: |_| (), log: |_, _| () });
    while machine.run_next() {}
}

#[test]
fn a_function_that_runs_long_is_told_of_and_killed_as_one() {
    let cluster = Cluster::new(1);
    let node = Arc::clone(&cluster.nodes[0]);
    let (mut one, mut two) = (cluster.client(0, Door::Gateway), cluster.client(0, Door::Gateway));
    load(&mut one, "#!lua name=a\nredis.register_function('endless', function() while true do end end)");
    job_of(&mut one, &["FCALL", "endless", "1", "k"]);
    let taken = node.scripts().queue.take().expect("it is ready");
    assert!(taken.start());
    node.scripts().begin(0, &taken, node.now());
    taken.set_function("endless");
    pass(Duration::from_secs(6));
    node.scripts().sweep(node.now());
    assert_eq!(two.ask("GET k"), format!("-{BUSY_WITH_FUNCTION}|"));
    assert_eq!(two.ask("SCRIPT KILL"), format!("-{BUSY_WITH_FUNCTION}|"));
    let stats = two.ask("FUNCTION STATS");
    let running = "running_script|*6|$4|name|$7|endless|$7|command|*4|$5|FCALL|$7|endless|$1|1|$1|k|$11|duration_ms|:6";
    assert!(stats.contains(running), "{stats}");
    assert_eq!(two.ask("FUNCTION KILL"), "+OK|");
    assert_eq!(taken.end(), End::Killed);
    node.scripts().end(0);
    node.scripts().finish(&taken);
    assert_eq!(two.ask("GET k"), "$-1|");
}

#[test]
fn a_function_that_is_killed_says_so() {
    let cluster = Cluster::new(1);
    let mut client = cluster.client(0, Door::Gateway);
    load(&mut client, "#!lua name=a\nredis.register_function('endless', function() while true do end end)");
    let job = job_of(&mut client, &["FCALL", "endless", "1", "k"]);
    job.end_by(End::Killed);
    run_all(&client);
    let reply = client.node.settled(&job);
    assert!(format!("{reply:?}").contains(&format!("{:?}", b"-ERR Script killed by user with FUNCTION KILL.")[1..60]));
}

#[test]
fn what_was_agreed_on_and_is_not_heard_of_is_answered_in_the_end() {
    let cluster = Cluster::new(1);
    let mut client = cluster.client(0, Door::Gateway);
    let job = job_of(&mut client, &["FUNCTION", "LOAD", LIBRARY]);
    run_all(&client);
    let node = &client.node;
    let proposal = node.scripts().take_proposals().pop().expect("it is proposed");
    node.agreed(proposal, dcache_protocol::Epoch(node.view().epoch().0 + 1));
    assert!(!job.answer.is_settled(), "this node does not act on it yet");
    pass(Duration::from_secs(6));
    node.maintain(0, 1);
    assert!(job.answer.is_settled());
}
