//! Scripts on one node and over several: values, errors, limits, and what they keep waiting.

mod functions;
mod here;
mod turns;

use super::{Machine, Outside};
use crate::Door;
use crate::fixture::{self, Caller, Cluster, key_of, pass};
use crate::session::Step;
use dcache_protocol::resp::value::encode_request;
use std::sync::Arc;
use std::time::Duration;

fn eval(client: &mut Caller<'_>, script: &str, words: &[&str]) -> String {
    let keys = words.len().to_string();
    let all: Vec<&str> = ["EVAL", script, &keys].into_iter().chain(words.iter().copied()).collect();
    client.call(&all).replace("\r\n", "|")
}

#[test]
fn values_go_in_and_out_as_redis_has_them() {
    let cluster = Cluster::new(1);
    let mut client = cluster.client(0, Door::Gateway);
    for (script, reply) in [
        ("return 3.99", ":3|"),
        ("return 'a'", "$1|a|"),
        ("return true", ":1|"),
        ("return false", "$-1|"),
        ("return {1,2,nil,4}", "*2|:1|:2|"),
        ("return {err='MY x'}", "-MY x|"),
        ("return redis.status_reply('fine')", "+fine|"),
        ("return redis.call('ping')", "+PONG|"),
        ("redis.call('set','k',0.1) return redis.call('get','k')", "$3|0.1|"),
        ("redis.call('set','k',1e15) return redis.call('get','k')", "$16|1000000000000000|"),
        ("return redis.call('get','none')", "$-1|"),
        ("return #KEYS + #ARGV", ":0|"),
        ("return cjson.encode({1,{},'x/y'})", "$13|[1,{},\"x\\/y\"]|"),
        ("return {struct.unpack('>I2b', struct.pack('>I2b', 258, -1))}", "*3|:258|:-1|:4|"),
        ("return cmsgpack.unpack(cmsgpack.pack({1,2,3}))[3]", ":3|"),
        ("return bit.tohex(bit.bor(1, 2^31))", "$8|80000001|"),
        (r"return cmsgpack.unpack('\207' .. string.rep('\255', 8))", ":-1|"),
        (r"return select(2, pcall(cmsgpack.unpack, '\129\192\1'))", "$18|table index is nil|"),
    ] {
        assert_eq!(eval(&mut client, script, &[]), reply, "{script}");
    }
}

#[test]
fn errors_tell_where_they_come_from() {
    let cluster = Cluster::new(1);
    let mut client = cluster.client(0, Door::Gateway);
    let place = |script: &str| {
        let sum = String::from_utf8(super::cache::sum_of(script.as_bytes()).to_vec()).expect("hexadecimal");
        format!(" script: {sum}, on @user_script:1.|")
    };
    for (script, error) in [
        ("return foo", "-ERR user_script:1: Script attempted to access nonexistent global variable 'foo'"),
        ("foo = 1", "-ERR user_script:1: Attempt to modify a readonly table"),
        ("redis.call = nil", "-ERR user_script:1: Attempt to modify a readonly table"),
        ("return redis.call('nosuch')", "-ERR Unknown Redis command called from script"),
        ("return redis.call('get')", "-ERR Wrong number of args calling Redis command from script"),
        ("return redis.call('multi')", "-ERR This Redis command is not allowed from script"),
        ("error('boom')", "-ERR user_script:1: boom"),
        ("return cjson.decode('x')", "-ERR user_script:1: Expected value but found invalid token at character 1"),
    ] {
        assert_eq!(eval(&mut client, script, &[]), format!("{error}{}", place(script)), "{script}");
    }
    assert_eq!(
        eval(&mut client, "x x", &[]),
        "-ERR Error compiling script (new function): user_script:1: '=' expected near 'x'|"
    );
    assert_eq!(client.ask("EVALSHA none 0"), "-NOSCRIPT No matching script. Please use EVAL.|");
    assert_eq!(
        client.call(&["EVAL", "return 1", "2", "a"]),
        "-ERR Number of keys can't be greater than number of args\r\n"
    );
    assert_eq!(client.call(&["EVAL", "return 1", "-1"]), "-ERR Number of keys can't be negative\r\n");
    let write = "return redis.call('set', KEYS[1], 1)";
    let refused = client.call(&["EVAL_RO", write, "1", "k"]);
    assert!(refused.starts_with("-ERR Write commands are not allowed from read-only scripts."), "{refused}");
}

#[test]
fn what_a_library_makes_of_little_has_a_bound() {
    let cluster = Cluster::new(1);
    let mut client = cluster.client(0, Door::Gateway);
    let nested = "local t = string.rep('x', 2^20) for i = 1, 12 do t = {t, t} end ";
    for (call, why) in [
        ("return cjson.encode(t)", "Cannot serialise, the text is too long"),
        ("return cmsgpack.pack(t)", "the packed text is too long"),
        ("return struct.unpack('b', 'x', 0/0)", "offset must be 1 or greater"),
    ] {
        let reply = eval(&mut client, &format!("{nested}{call}"), &[]);
        assert!(reply.starts_with("-ERR user_script:1: ") && reply.contains(why), "{call}: {reply}");
    }
    let lua = mlua::Lua::new();
    let reply = vec![0; super::machine::STATE_BYTES_MAX + 1];
    let made = super::convert::to_lua(&lua, &reply, dcache_protocol::resp::reply::Version::Resp2);
    assert!(made.is_err_and(|error| error.to_string().contains("not enough memory")));
    let many = [&b"*5000000\r\n"[..], &b":1\r\n".repeat(5000)].concat();
    let ballast = lua.create_string(vec![0; super::machine::STATE_BYTES_MAX]).expect("no bound");
    let made = super::convert::to_lua(&lua, &many, dcache_protocol::resp::reply::Version::Resp2);
    assert!(made.is_err_and(|error| error.to_string().contains("not enough memory")), "before it is all read");
    drop(ballast);
}

#[test]
fn a_table_that_is_in_itself_is_written_as_deep_as_replies_go() {
    let run = || {
        let cluster = Cluster::new(1);
        let mut client = cluster.client(0, Door::Gateway);
        let reply = eval(&mut client, "local t = {} for i = 2, 40 do t[i] = i end t[1] = t return t", &[]);
        assert!(reply.starts_with("*40|*40|") && reply.ends_with("|:38|:39|:40|"), "all items, those not kept too");
        assert_eq!(reply.matches("*40|").count(), 1001);
        assert_eq!(reply.matches(":40|").count(), 1000);
    };
    // With the stack that script threads have.
    let thread = std::thread::Builder::new().stack_size(8 << 20).spawn(run).expect("a thread");
    thread.join().expect("it passes");
}

#[test]
fn a_script_runs_when_those_that_were_loaded_leave_no_room() {
    let cluster = Cluster::new(1);
    {
        let mut cache = cluster.nodes[0].scripts.cache.lock();
        let text = vec![b' '; 1 << 20];
        let filled = (0..70u8).filter(|n| cache.add(super::cache::sum_of(&[*n]), &text, true).is_some()).count();
        assert!(filled < 64);
        let rest = vec![b' '; (1 << 20) - 20_000];
        cache.add(super::cache::sum_of(b"rest"), &rest, true);
    }
    let mut client = cluster.client(0, Door::Gateway);
    let long = format!("return 1 {}", " ".repeat(100_000));
    assert_eq!(eval(&mut client, &long, &[]), ":1|");
    assert!(client.call(&["SCRIPT", "LOAD", &long]).starts_with("-OOM"));
}

#[test]
fn nothing_of_one_script_is_left_for_the_next() {
    let cluster = Cluster::new(1);
    let mut client = cluster.client(0, Door::Gateway);
    eval(&mut client, "table.insert(redis, 1) cjson.encode_max_depth(1) collectgarbage('stop') return 1", &[]);
    assert_eq!(eval(&mut client, "return {redis[1] == nil, cjson.encode_max_depth()}", &[]), "*2|:1|:1000|");
    assert!(eval(&mut client, "return getmetatable('').__index.rep ~= nil", &[]).starts_with(":1"));
    assert!(eval(&mut client, "return string.rep('x', 2^30)", &[]).starts_with("-ERR"));
    assert_eq!(eval(&mut client, "return 1", &[]), ":1|");
}

#[test]
fn a_sum_is_known_to_every_node() {
    let cluster = Cluster::new(3);
    let mut first = cluster.client(0, Door::Gateway);
    let mut other = cluster.client(1, Door::Gateway);
    let (here, there) = (key_of(0, 3, 0), key_of(2, 3, 0));
    let script = "return {KEYS[1], redis.call('incr', KEYS[1])}";
    assert_eq!(eval(&mut first, script, &[&here]), format!("*2|${}|{here}|:1|", here.len()));
    let sum = String::from_utf8(super::cache::sum_of(script.as_bytes()).to_vec()).expect("hexadecimal");
    assert_eq!(other.ask(&format!("EVALSHA {sum} 1 {there}")), format!("*2|${}|{there}|:1|", there.len()));
    assert_eq!(other.ask(&format!("SCRIPT EXISTS {sum} ffff")), "*2|:1|:0|");
    assert_eq!(first.ask("SCRIPT FLUSH"), "+OK|");
    assert!(other.ask(&format!("EVALSHA {sum} 1 {there}")).starts_with("-NOSCRIPT"));
    assert_eq!(first.call(&["SCRIPT", "LOAD", script]), format!("$40\r\n{sum}\r\n"));
    assert_eq!(other.ask(&format!("EVALSHA {sum} 1 {there}")), format!("*2|${}|{there}|:2|", there.len()));
}

#[test]
fn keys_of_several_slots_run_where_one_node_has_all() {
    let alone = Cluster::new(1);
    let script = "redis.call('set', KEYS[1], 1) return redis.call('get', 'x' .. KEYS[2])";
    assert_eq!(eval(&mut alone.client(0, Door::Gateway), script, &["a", "b"]), "$-1|");
    let cluster = Cluster::new(3);
    let crosses = "-CROSSSLOT Keys in request don't hash to the same slot|";
    assert_eq!(eval(&mut cluster.client(0, Door::Gateway), script, &["a", "b"]), crosses);
    assert_eq!(eval(&mut cluster.client(0, Door::Cluster), script, &["a", "b"]), crosses);
    let there = format!("return redis.call('get', '{}')", key_of(1, 3, 0));
    let refused = eval(&mut cluster.client(0, Door::Gateway), &there, &[]);
    assert!(refused.contains("non local key") && refused.contains("hash tag"), "{refused}");
}

#[test]
fn transactions_may_have_scripts() {
    let cluster = Cluster::new(1);
    let mut client = cluster.client(0, Door::Gateway);
    client.say("MULTI");
    client.say("SET {a} 1");
    client.call(&["EVAL", "return redis.call('incrby', KEYS[1], ARGV[1])", "1", "{a}", "5"]);
    client.say("GET {a}");
    assert_eq!(client.ask("EXEC"), "*3|+OK|:6|$1|6|");
}

/// One request of a session, whose script nobody has run yet.
fn begin(client: &mut Caller<'_>, words: &[&str]) -> (Vec<u8>, Step, Vec<u8>) {
    let mut request = Vec::new();
    encode_request(words, &mut request);
    let mut out = Vec::new();
    let advance = client.session.advance(&client.node, &request, &mut out);
    (request.split_off(advance.consumed), advance.step, out)
}

#[test]
fn what_meets_a_scripts_slot_waits_its_turn_and_is_told_busy_in_the_end() {
    let cluster = Cluster::new(1);
    let node = Arc::clone(&cluster.nodes[0]);
    let (mut one, mut two) = (cluster.client(0, Door::Gateway), cluster.client(0, Door::Gateway));
    let (_, step, _) = begin(&mut one, &["EVAL", "return redis.call('set', KEYS[1], 'by a script')", "1", "k"]);
    let Step::Forward(fanout) = step else { panic!("{step:?}") };
    let job = fanout.job().expect("a job").clone();
    node.scripts().submit(&job, Arc::new(|| {}));

    let (rest, step, out) = begin(&mut two, &["GET", "k"]);
    assert!(matches!(step, Step::Turn) && out.is_empty(), "{step:?}");
    assert_eq!(two.woken.load(std::sync::atomic::Ordering::Relaxed), 0);
    let (_, other, out) = begin(&mut one, &["GET", "of another slot"]);
    assert!(matches!(other, Step::NeedInput { .. }) && out == b"$-1\r\n", "{other:?}");

    let mut machine = Machine::new(&node, 0, Outside { pause: |_| (), log: |_, _| () });
    while machine.run_next() {}
    assert_eq!(two.woken.load(std::sync::atomic::Ordering::Relaxed), 1);
    let mut out = Vec::new();
    two.session.advance(&node, &rest, &mut out);
    assert_eq!(out, b"$11\r\nby a script\r\n");

    // A script that begins and does not end, as far as others can tell.
    let (_, step, _) = begin(&mut one, &["EVAL", "return 1", "1", "k"]);
    let Step::Forward(fanout) = step else { panic!("{step:?}") };
    let job = fanout.job().expect("a job").clone();
    node.scripts().submit(&job, Arc::new(|| {}));
    let taken = node.scripts().queue.take().expect("it is ready");
    assert!(taken.start());
    node.scripts().begin(0, &taken, node.now());
    assert_eq!(two.ask("SCRIPT KILL"), "-NOTBUSY No scripts in execution right now.|");
    let (rest, step, _) = begin(&mut two, &["GET", "k"]);
    assert!(matches!(step, Step::Turn), "{step:?}");
    pass(Duration::from_secs(6));
    node.scripts().sweep(node.now());
    let mut out = Vec::new();
    two.session.advance(&node, &rest, &mut out);
    assert_eq!(String::from_utf8_lossy(&out), format!("-{}\r\n", super::BUSY));
    assert_eq!(two.ask("SCRIPT KILL"), "+OK|");
    assert_eq!(taken.end(), super::job::End::Killed);
    node.scripts().end(0);
    node.scripts().finish(&taken);
    assert_eq!(two.ask("GET k"), "$11|by a script|");
}

#[test]
fn an_endless_script_ends_at_the_time_limit_whatever_it_catches() {
    let cluster = Cluster::new(1);
    let node = Arc::clone(&cluster.nodes[0]);
    let mut client = cluster.client(0, Door::Gateway);
    let script = "redis.call('set', KEYS[1], 1) while true do pcall(function() while true do end end) end";
    let (_, step, _) = begin(&mut client, &["EVAL", script, "1", "k"]);
    let Step::Forward(fanout) = step else { panic!("{step:?}") };
    let job = fanout.job().expect("a job").clone();
    node.scripts().submit(&job, Arc::new(|| {}));
    // It is said before it begins, since this thread is the script's.
    job.end_by(super::job::End::TimeLimit);
    let mut machine = Machine::new(&node, 0, Outside { pause: |_| (), log: |_, _| () });
    while machine.run_next() {}
    let mut out = Vec::new();
    cluster.finish(&node, fanout, &mut out);
    let reply = String::from_utf8_lossy(&out);
    assert!(reply.starts_with("-ERR Script stopped: it ran longer than script-time-max"), "{reply}");
    assert_eq!(client.ask("GET k"), "$1|1|");
    assert_eq!(node.config().workers, fixture::config(0).workers);
}
