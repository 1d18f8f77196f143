//! Nodes are killed while partitions move, on real processes: whatever had been acknowledged under `strong` is there afterwards,
//! every slot has one owner, and the operation comes to its end by itself or once the node is back, and tells so. Seeded
//! interleavings of the same are the simulator's (`tests/sim/whole`); moves without faults are in `growing.rs`.

#![allow(clippy::print_stdout)]

use crate::harness::admin::{Admin, unbounded};
use crate::harness::history::{formed_of, seed, survive_rounds};
use crate::harness::resp::Wire;
use crate::harness::*;

use dcache_protocol::operation::{
    MoveStatus, OperationKind, OperationState, OperationStatus, PlanRequest, StartRequest,
};
use std::collections::BTreeSet;
use std::io::Write;
use std::net::TcpStream;
use std::time::Instant;

/// Of whose partitions there are few enough for a debug build to move a good part of them before and after a kill.
const PARTITIONS: u16 = 64;

#[test]
fn an_operation_goes_on_without_whoever_asked_for_it() {
    kill_while_moving("who asked", 4, 1, |_, _| Vec::new());
}

#[test]
fn an_operation_survives_the_metadata_leader() {
    kill_while_moving("the leader", 4, 1, |admin, _| admin.status().leader.into_iter().collect());
}

#[test]
fn an_operation_survives_who_gives() {
    kill_while_moving("the source", 4, 1, |_, each| vec![each.from[0].clone()]);
}

#[test]
fn an_operation_survives_who_gets() {
    kill_while_moving("the target", 4, 1, |_, each| vec![target(each)]);
}

/// With two further copies, of which one is left.
#[test]
fn an_operation_survives_both_ends() {
    kill_while_moving("both ends", 5, 2, |_, each| vec![each.from[0].clone(), target(each)]);
}

fn target(each: &MoveStatus) -> String {
    each.to.iter().find(|node| !each.from.contains(node)).unwrap_or(&each.to[0]).clone()
}

/// The last of so many nodes is added and drained in turn, and while it is, those that `victims` chooses of a move under way are
/// killed, and started again when that has been noticed or when the operation is over without them, as chance has it.
fn kill_while_moving(what: &str, count: usize, copies: usize, victims: impl Fn(&Admin, &MoveStatus) -> Vec<String>) {
    let home = Home::new();
    let names: Vec<String> = (1..=count).map(|n| format!("n{n}")).collect();
    let (newcomer, first) = names.split_last().unwrap();
    let spec = format!(
        "copies: {copies}\npartitions: {PARTITIONS}\nnamespaces:\n  - {{name: strong, match: {{prefix: \"s:\"}}, consistency: strong}}\n"
    );
    let mut nodes = formed_of(&home, first.iter().map(|name| Node::start(&home, name, &[])).collect(), &spec);
    nodes.push(Node::start(&home, newcomer, &["--join", &nodes[0].peers]));
    let mut wire = Wire::connect(&nodes[count - 1].gateway);
    wait_until("the newcomer answers", || (wire.ask(&["GET", "s:none"]) == "$-1\r\n").then_some(()));
    let mut dice = Dice(seed() * 1000 + what.len() as u64);
    survive_rounds(what, &home, &mut nodes, |round, nodes| {
        let admin = Admin::of(&*nodes);
        let holds =
            admin.status().nodes.iter().any(|node| node.name == *newcomer && node.partitions + node.backups > 0);
        let kind = if holds { OperationKind::Drain } else { OperationKind::Add };
        wait_until("it is a member", || {
            let request = PlanRequest { nodes: vec![newcomer.clone()], ..PlanRequest::of(kind) };
            admin.ask(admin.control.plan(&request)).ok()
        });
        let begun = begin_and_go(&admin, &nodes[0], kind, newcomer);
        let point = dice.next() % (begun.moves_total * 3 / 4);
        let at = wait_until("enough is moved", || {
            let now = admin.operation(begun.id);
            (now.state.is_over() || now.moves_done >= point && !now.moving.is_empty()).then_some(now)
        });
        let chosen = at.moving.first().map(|each| victims(&admin, each)).unwrap_or_default();
        let killed = Instant::now();
        for node in nodes.iter().filter(|node| chosen.contains(&node.name)) {
            send("KILL", node.process.id());
        }
        let admin = Admin::of(nodes.iter().filter(|node| !chosen.contains(&node.name)));
        let is_late = dice.next().is_multiple_of(2);
        if !chosen.is_empty() {
            wait_until("that is noticed", || is_noticed(&admin, &chosen, is_late.then_some(begun.id)));
        }
        let back = killed.elapsed();
        for node in nodes.iter_mut().filter(|node| chosen.contains(&node.name)) {
            *node = Node::start(&home, &node.name.clone(), &[]);
        }
        let admin = Admin::of(&*nodes);
        let over = admin.wait_over(begun.id);
        println!(
            "{what}, round {round}: {kind} {}: {} killed at {} of {} moves, back after {back:?}; {} after {:?}: {:?}; {:?}",
            over.id,
            chosen.join(" and "),
            at.moves_done,
            begun.moves_total,
            over.state,
            killed.elapsed(),
            over.why,
            over.notes.iter().map(|note| &note.text).collect::<BTreeSet<_>>(),
        );
        assert!(over.state == OperationState::Done || over.why.is_some(), "{over:#?}");
        admin.wait_healthy();
        admin.every_slot_is_served(nodes);
    });
}

/// The nodes are taken for down, if there are others enough to agree on that; `over`: and the operation has ended without them, or
/// says that it waits.
fn is_noticed(admin: &Admin, nodes: &[String], over: Option<dcache_protocol::operation::OperationId>) -> Option<()> {
    let status = admin.ask(admin.control.cluster()).ok()?;
    let is_away = |name: &String| status.nodes.iter().any(|node| node.name == *name && !node.reachable);
    let is_down = |name: &String| {
        status.nodes.iter().any(|node| node.name == *name && node.state == dcache_protocol::NodeState::Down)
    };
    let is_agreed = if status.quorum { nodes.iter().all(is_down) } else { nodes.iter().all(is_away) };
    let waits = |operation: OperationStatus| operation.state.is_over() || operation.held.is_some();
    let is_enough =
        over.filter(|_| status.quorum).is_none_or(|id| admin.ask(admin.control.operation(id, false)).is_ok_and(waits));
    (is_agreed && is_enough).then_some(())
}

/// Starts it and is gone before the answer.
fn begin_and_go(admin: &Admin, node: &Node, kind: OperationKind, name: &str) -> OperationStatus {
    let before = admin.ask(admin.control.operations()).unwrap().first().map(|operation| operation.id);
    let request = StartRequest { plan: admin.plan(kind, &[name]), pace: unbounded(3), force: Vec::new() };
    let body = serde_json::to_string(&request).unwrap();
    let mut stream = TcpStream::connect(&node.control).unwrap();
    let head = format!(
        "POST /v1/operations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).unwrap();
    wait_until("the operation is known", || {
        let newest = admin.ask(admin.control.operations()).ok()?.into_iter().next()?;
        (Some(newest.id) != before).then_some(newest)
    })
}
