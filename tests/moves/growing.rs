//! Partitions change nodes while clients go on, on real processes: a cluster grows and shrinks, long values and full slots move.
//! Nothing may be lost or wrong, and no client may notice. What is lost with nodes meanwhile is in `killed.rs`.
//!
//! `DCACHE_MOVE_KEYS` and `DCACHE_MOVE_PARTITIONS` say how much there is, few without them, and `DCACHE_MOVE_MEMORY` what a node may
//! take for it (2 million keys: `5GiB`). Latencies are printed, not judged.

#![allow(clippy::print_stdout)]

use crate::harness::admin::{Admin, unbounded};
use crate::harness::contend::Contended;
use crate::harness::history::{History, formed_of, number, wait_until_healthy};
use crate::harness::load::{Load, NAMESPACES};
use crate::harness::resp::{Wire, request};
use crate::harness::*;

use dcache_protocol::operation::{OperationKind, Pace, Plan};
use dcache_protocol::slot_of;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

fn started(home: &Home, names: &[&str], args: &[&str]) -> Vec<Node> {
    names.iter().map(|name| Node::start(home, name, args)).collect()
}

/// A node that has joined, holds nothing and answers.
fn joined(home: &Home, name: &str, nodes: &[Node], args: &[&str]) -> Node {
    let node = Node::start(home, name, &[args, &["--join", &nodes[0].peers]].concat());
    let mut wire = Wire::connect(&node.gateway);
    wait_until("the newcomer answers", || (wire.ask(&["GET", "s:none"]) == "$-1\r\n").then_some(()));
    node
}

#[test]
fn a_cluster_grows_and_shrinks_and_no_client_notices() {
    grow_and_shrink(1);
}

#[test]
fn a_cluster_without_further_copies_grows_and_shrinks_and_no_client_notices() {
    grow_and_shrink(0);
}

/// 3, 4, 6, 5 and 3 nodes again.
fn grow_and_shrink(copies: usize) {
    let home = Home::new();
    let partitions = number("DCACHE_MOVE_PARTITIONS", 128);
    let spec = format!("copies: {copies}\npartitions: {partitions}\n{NAMESPACES}");
    let memory = std::env::var("DCACHE_MOVE_MEMORY").unwrap_or("256MiB".into());
    let args = ["--memory", &memory];
    let mut nodes = formed_of(&home, started(&home, &["n1", "n2", "n3"], &args), &spec);
    let load = Load::new(number("DCACHE_MOVE_KEYS", 1200) as usize, &nodes);
    let (history, contended) = (History::new("s:", &nodes), Contended::begin("s:contended:", &nodes));
    let mut spans = vec![];
    let mut quiet = Instant::now();
    load.run(|| {
        contended.run(&history, || {
            for (kind, names) in [
                (OperationKind::Add, vec!["n4"]),
                (OperationKind::Add, vec!["n5", "n6"]),
                (OperationKind::Remove, vec!["n6"]),
                (OperationKind::Remove, vec!["n4", "n5"]),
            ] {
                if kind == OperationKind::Add {
                    for name in &names {
                        nodes.push(joined(&home, name, &nodes, &args));
                        load.use_node(nodes.last().unwrap());
                    }
                } else {
                    let leave = |node: &&Node| names.contains(&node.name.as_str());
                    nodes.iter().filter(leave).for_each(|node| load.leave_node(node));
                }
                let began = Instant::now();
                let plan = operate(&nodes, kind, &names, copies);
                spans.push((
                    format!("{kind} {}, {} moves", names.join(" and "), plan.moves.len()),
                    quiet,
                    began,
                    Instant::now(),
                ));
                if kind == OperationKind::Remove {
                    let gone = nodes.extract_if(.., |node| names.contains(&node.name.as_str()));
                    gone.for_each(|mut node| assert_eq!(node.process.wait(), 0, "{}", node.log()));
                }
                nodes.iter().for_each(|node| wait_until_healthy(&home, node));
                quiet = Instant::now();
            }
        });
    });
    let times = load.times();
    for (what, quiet, began, ended) in spans {
        println!("{what}: {:?}", ended - began);
        load.say_latency("before", quiet, began, &times);
        load.say_latency("during", began, ended, &times);
    }
    let what = format!("3, 4, 6, 5, 3 nodes with {copies} further copies");
    load.must_be_right(&what);
    contended.must_be_linearizable(&what);
    Admin::of(&nodes).every_slot_is_served(&nodes);
}

/// Has it done, as the plan says, which does as little as can be done.
fn operate(nodes: &[Node], kind: OperationKind, names: &[&str], copies: usize) -> Plan {
    let stays = |node: &&Node| kind != OperationKind::Remove || !names.contains(&node.name.as_str());
    let admin = Admin::of(nodes.iter().filter(stays));
    let before = (admin.ask(admin.control.partitions()).unwrap(), admin.held());
    let (plan, operation) = admin.begin(kind, names, unbounded(8));
    is_least(&plan, copies + 1);
    let done = admin.wait_done(operation.id);
    assert_eq!((done.moves_total, done.moves_done), (plan.moves.len() as u64, plan.moves.len() as u64), "{done:#?}");
    assert_eq!(done.notes, [], "nothing was taken back, nothing was waited for");
    let after = (admin.ask(admin.control.partitions()).unwrap(), admin.held());
    let primary = |table: &dcache_protocol::control::PartitionTable, number: usize| {
        table.primary[number].map(|place| table.nodes[usize::from(place)].clone()).unwrap()
    };
    let planned: BTreeMap<usize, &String> =
        plan.moves.iter().map(|each| (each.partition.index(), &each.to[0])).collect();
    for number in 0..after.0.primary.len() {
        let was = primary(&before.0, number);
        assert_eq!(primary(&after.0, number), **planned.get(&number).unwrap_or(&&was), "partition {number}");
    }
    let shares = plan.shares.iter().map(|share| (share.node.clone(), (share.primaries_after, share.copies_after)));
    assert_eq!(after.1, shares.filter(|(_, (_, copies))| *copies > 0).collect());
    plan
}

/// Every node has its share to one partition, primaries as copies, and only as many change as must: what nodes gain.
fn is_least(plan: &Plan, copies: usize) {
    let holding = plan.shares.iter().filter(|share| share.copies_after > 0).count();
    let partitions: usize = plan.shares.iter().map(|share| usize::from(share.primaries_after)).sum();
    let is_share = |have: u16, all: usize| (all / holding..=all.div_ceil(holding)).contains(&usize::from(have));
    for share in plan.shares.iter().filter(|share| share.copies_after > 0) {
        assert!(is_share(share.primaries_after, partitions), "{share:?} of {partitions}");
        assert!(is_share(share.copies_after, partitions * copies), "{share:?} of {partitions} and {copies} copies");
    }
    let gained = |pair: &dyn Fn(&dcache_protocol::operation::PlannedShare) -> (u16, u16)| -> usize {
        plan.shares.iter().map(pair).map(|(before, after)| usize::from(after.saturating_sub(before))).sum()
    };
    let changed = plan.moves.iter().filter(|each| each.from[0] != each.to[0]).count();
    let new = |each: &dcache_protocol::operation::PlannedMove| {
        each.to.iter().filter(|node| !each.from.contains(node)).count()
    };
    let made: usize = plan.moves.iter().map(new).sum();
    println!(
        "{} of {:?}: {} moves, {changed} primaries change, {made} copies are made",
        plan.kind,
        plan.nodes,
        plan.moves.len()
    );
    assert_eq!(changed, gained(&|share| (share.primaries_before, share.primaries_after)), "primaries that change");
    assert_eq!(made, gained(&|share| (share.copies_before, share.copies_after)), "copies that are made");
}

#[test]
fn a_long_value_and_a_full_slot_move_and_other_keys_are_served_meanwhile() {
    let home = Home::new();
    let memory = format!("{}MiB", 256 + 4 * number("DCACHE_MOVE_LONG_MIB", 32));
    let args = ["--memory", &*memory];
    let spec = format!("partitions: 128\n{NAMESPACES}");
    let mut nodes = formed_of(&home, started(&home, &["n1", "n2", "n3"], &args), &spec);
    nodes.push(joined(&home, "n4", &nodes, &args));
    let long = text(number("DCACHE_MOVE_LONG_MIB", 32) as usize);
    let status = status(&home, &nodes[0]);
    // Both of n1, whose partitions n4 and others get.
    let (long_key, slot) = (key_of(&status, "n1", "s:long:"), key_of(&status, "n1", "s:slot:"));
    let keys = number("DCACHE_MOVE_SLOT_KEYS", 20_000) as usize;
    let mut wire = Wire::connect(&nodes[1].gateway);
    assert_eq!(wire.ask(&["SET", &long_key, &long]), "+OK\r\n");
    fill(&mut wire, &slot, keys);
    let admin = Admin::of(&nodes[1..]);
    admin.wait_healthy();
    let others: Vec<String> = ["n1", "n2", "n3"]
        .iter()
        .flat_map(|name| ["s:", "e:", "n:"].map(|prefix| key_of(&status, name, &format!("{prefix}probe:"))))
        .filter(|key| slot_of(key.as_bytes()) != slot_of(long_key.as_bytes()))
        .collect();
    let doors: Vec<String> = nodes[1..].iter().map(|node| node.gateway.clone()).collect();
    for (what, pace) in [("as fast as it can", unbounded(16)), ("at the usual pace", Pace::default())] {
        let ((longest, count), took) = probe(&others, &doors, || {
            let began = Instant::now();
            if what == "as fast as it can" {
                let (_, add) = admin.begin(OperationKind::Add, &["n4"], pace);
                admin.wait_done(add.id);
            }
            let kind = if what == "as fast as it can" { OperationKind::Drain } else { OperationKind::Add };
            let (_, operation) = admin.begin(kind, &["n1"], pace);
            admin.wait_done(operation.id);
            began.elapsed()
        });
        println!("{what}, {took:?}: longest of {count} requests for other keys {longest:?}");
        is_whole(&mut wire, &long_key, &long);
        assert_eq!(count_of(&mut wire, &slot, keys), keys, "of {slot}");
    }
}

/// So many MiB, of which no two of 16 B are alike.
fn text(mib: usize) -> String {
    let mut text = String::with_capacity(mib << 20);
    let mut dice = Dice(7);
    for block in 0..mib << 4 {
        let random = dice.next();
        (0..256u64).for_each(|line| text.push_str(&format!("{:016x}", random ^ (block as u64) << 8 ^ line)));
    }
    text
}

fn is_whole(wire: &mut Wire, key: &str, value: &str) {
    wire.send(&request(&["GET", key]));
    let reply = wire.reply();
    let right = format!("${}\r\n", value.len());
    assert!(reply.starts_with(right.as_bytes()), "{:?}", String::from_utf8_lossy(&reply[..reply.len().min(60)]));
    let is_same = &reply[right.len()..reply.len() - 2] == value.as_bytes();
    assert!(is_same, "{key} holds something else");
}

/// Keys of one slot, many in one breath.
fn fill(wire: &mut Wire, slot: &str, keys: usize) {
    let numbers: Vec<usize> = (0..keys).collect();
    for some in numbers.chunks(500) {
        let asked: Vec<u8> =
            some.iter().flat_map(|n| request(&["SET", &of_slot(slot, *n), &format!("value {n}")])).collect();
        wire.send(&asked);
        some.iter().for_each(|_| assert_eq!(wire.reply(), b"+OK\r\n"));
    }
}

/// With the braces somewhere else the prefix is still the namespace's.
fn of_slot(slot: &str, n: usize) -> String {
    format!("s:{{{slot}}}{n}")
}

/// How many of them hold what was written.
fn count_of(wire: &mut Wire, slot: &str, keys: usize) -> usize {
    let numbers: Vec<usize> = (0..keys).collect();
    let mut right = 0;
    for some in numbers.chunks(500) {
        wire.send(&some.iter().flat_map(|n| request(&["GET", &of_slot(slot, *n)])).collect::<Vec<u8>>());
        for n in some {
            let value = format!("value {n}");
            right += usize::from(wire.reply() == format!("${}\r\n{value}\r\n", value.len()).as_bytes());
        }
    }
    right
}

/// The longest of requests for these keys while `moves` are made, and how many there were: each is written and read.
fn probe<T>(keys: &[String], doors: &[String], moves: impl FnOnce() -> T) -> ((Duration, usize), T) {
    let (is_over, longest) = (AtomicBool::new(false), Mutex::new((Duration::ZERO, 0)));
    let result = std::thread::scope(|scope| {
        for (number, door) in doors.iter().enumerate() {
            let (is_over, longest) = (&is_over, &longest);
            scope.spawn(move || {
                let mut wire = Wire::connect(door);
                let mut turn = 0u64;
                while !is_over.load(SeqCst) {
                    for key in keys {
                        turn += 1;
                        let (key, value) = (format!("{key}{{{key}}}{number}"), turn.to_string());
                        let began = Instant::now();
                        assert_eq!(wire.ask(&["SET", &key, &value]), "+OK\r\n");
                        let written = began.elapsed();
                        assert_eq!(wire.ask(&["GET", &key]), format!("${}\r\n{value}\r\n", value.len()));
                        let read = began.elapsed() - written;
                        let mut longest = longest.lock().unwrap();
                        *longest = (longest.0.max(written).max(read), longest.1 + 2);
                    }
                }
            });
        }
        let _over = history::Over(&is_over);
        moves()
    });
    (longest.into_inner().unwrap(), result)
}
