//! `GET /v1/cluster` never says `healthy` while something is not as it should be: every answer is looked at from before a cause to
//! after it, and all of it that is told beside the health must allow it. What each finding says is in `core::health`.

use crate::harness::admin::{Admin, unbounded};
use crate::harness::history::{Over, cluster};
use crate::harness::*;

use dcache_protocol::control::{ClusterStatus, Health};
use dcache_protocol::operation::{OperationKind, OperationState};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

/// What `healthy` promises.
fn is_sound(status: &ClusterStatus) -> bool {
    let is_whole = status.partitions_in_sync == status.partitions && status.partitions_served == status.partitions;
    let is_quiet = status.operation.is_none() && status.partitions_moving == 0;
    is_whole && is_quiet && status.quorum && status.nodes.iter().all(|node| node.reachable)
}

/// Asks one node all the time while `causes` come.
fn watched<T>(node: &Node, causes: impl FnOnce() -> T) -> T {
    let admin = Admin::of([node]);
    let (is_over, sick) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(SeqCst) {
                let status = admin.status();
                assert!(status.health != Health::Healthy || is_sound(&status), "{status:#?}");
                sick.fetch_add(usize::from(status.health != Health::Healthy), SeqCst);
            }
        });
        let _over = Over(&is_over);
        let result = causes();
        assert!(sick.load(SeqCst) > 0, "nobody was told");
        result
    })
}

#[test]
fn not_while_a_copy_is_missing() {
    let home = Home::new();
    let mut nodes = cluster(&home);
    let admin = Admin::of(&nodes[..1]);
    let first = nodes.remove(0);
    watched(&first, || {
        send("KILL", nodes[1].process.id());
        assert_ne!(admin.status().health, Health::Healthy, "at once");
        wait_until("others serve what it did, in one copy", || {
            let status = admin.status();
            assert_ne!(status.health, Health::Healthy, "{status:#?}");
            let is_missing = status.findings.iter().any(|finding| finding.check == "COPY-02");
            (status.partitions_served == status.partitions && is_missing).then_some(())
        });
        nodes[1] = Node::start(&home, "n3", &[]);
        let status = admin.wait_healthy();
        assert_eq!(status.partitions_in_sync, status.partitions);
    });
}

#[test]
fn not_while_an_operation_runs_or_is_paused() {
    let home = Home::new();
    let nodes = cluster(&home);
    let newcomer = Node::start(&home, "n4", &["--join", &nodes[0].peers]);
    let admin = Admin::of(&nodes[..1]);
    watched(&nodes[0], || {
        let (_, add) = admin.begin(OperationKind::Add, &["n4"], unbounded(1));
        assert_ne!(admin.status().health, Health::Healthy, "it runs");
        let paused = admin.ask(admin.control.pause_operation(add.id)).unwrap();
        assert_eq!(paused.state, OperationState::Paused);
        wait_until("what had begun is finished", || admin.operation(add.id).moving.is_empty().then_some(()));
        let status = admin.status();
        assert_eq!((status.health, status.partitions_moving), (Health::Degraded, 0), "{:?}", status.findings);
        assert!(status.findings.iter().any(|finding| finding.check.starts_with("OPER-")), "{:?}", status.findings);
        admin.ask(admin.control.pace_operation(add.id, &unbounded(16))).unwrap();
        admin.ask(admin.control.resume_operation(add.id)).unwrap();
        admin.wait_done(add.id);
        admin.wait_healthy();
    });
    drop(newcomer);
}

#[test]
fn not_while_a_node_cannot_be_reached() {
    let home = Home::new();
    let nodes = cluster(&home);
    let admin = Admin::of(&nodes[..1]);
    watched(&nodes[0], || {
        send("STOP", nodes[2].process.id());
        let status = admin.status();
        assert!(status.health != Health::Healthy && !status.findings.is_empty(), "at once: {status:#?}");
        wait_until("it is taken for down", || {
            let status = admin.status();
            assert_ne!(status.health, Health::Healthy, "{status:#?}");
            status
                .nodes
                .iter()
                .any(|node| node.name == "n3" && node.state == dcache_protocol::NodeState::Down)
                .then_some(())
        });
        send("CONT", nodes[2].process.id());
        admin.wait_healthy();
    });
}
