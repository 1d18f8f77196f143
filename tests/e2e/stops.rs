//! A node that is asked to stop hands over first: no write is lost, no client of another node is told of an error. And nodes that
//! are all asked at once do not wait for each other. What a hand-over that was asked for loses is in `copies.rs`.

#![allow(clippy::print_stdout)]

use crate::harness::history::*;
use crate::harness::*;

use std::sync::atomic::Ordering::SeqCst;
use std::time::Instant;

#[test]
fn a_node_that_is_asked_to_stop_hands_over_and_no_client_of_the_others_notices() {
    let home = Home::of_busy_cluster();
    let mut nodes = cluster(&home);
    let mut turns = (0..3).cycle();
    for prefix in ["s:", "e:"] {
        for (round, turn) in turns.by_ref().take(rounds()).enumerate() {
            let mut victim = nodes.remove(turn);
            let history = History::new(&format!("{prefix}{round}:"), &nodes);
            let went = history.run(|| {
                wait_until("they write", || (history.written.load(SeqCst) > 200).then_some(()));
                stop(&home, &mut victim, &nodes[0])
            });
            if prefix == "e:" {
                // While it changes hands an older value may be read; what is promised is where it ends.
                history.violations.lock().unwrap().clear();
            }
            history.check_end(&nodes[0].gateway);
            history.say(&format!("SIGTERM, {prefix} {went}"));
            history.must_be_linearizable();
            let errors = history.errors.lock().unwrap();
            let is_unnoticed = errors.is_empty() && history.unknown.load(SeqCst) == 0;
            assert!(is_unnoticed, "{} errors: {:?}", errors.len(), errors.first());
            nodes.insert(turn, Node::start(&home, &victim.name, &[]));
            nodes.iter().for_each(|node| wait_until_healthy(&home, node));
        }
    }
}

/// Until it is gone and others serve everything; says how that went.
fn stop(home: &Home, victim: &mut Node, other: &Node) -> String {
    let asked = Instant::now();
    send("TERM", victim.process.id());
    assert_eq!(victim.process.wait(), 0, "{}", victim.log());
    let took = asked.elapsed();
    wait_until("others serve what it did", || {
        let status = status(home, other);
        (status["partitionsServed"] == status["partitions"]).then_some(())
    });
    let log = victim.log();
    let said = log.find("handed over").unwrap_or_else(|| panic!("{log}"));
    format!("{} ended after {took:?}: {}", victim.name, log[said..].lines().next().unwrap())
}

#[test]
fn nodes_that_are_all_asked_to_stop_do_not_wait_for_each_other() {
    let home = Home::new();
    let mut nodes = cluster(&home);
    time_to_write(&nodes[0].gateway, "s:some");
    let asked = Instant::now();
    nodes.iter().for_each(|node| send("TERM", node.process.id()));
    for node in &mut nodes {
        assert_eq!(node.process.wait(), 0, "{}", node.log());
        println!("{} ended after {:?}", node.name, asked.elapsed());
    }
}
