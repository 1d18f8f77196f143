//! The control API as an operator's program uses it: plans, operations and what the cluster says of itself, waited for with a
//! deadline. The command line's own verbs are not used here.

use super::{DEADLINE, Node, wait_until};
use dcache_client::{Control, Error};
use dcache_protocol::control::{ClusterStatus, Health};
use dcache_protocol::operation::{
    OperationId, OperationKind, OperationState, OperationStatus, Pace, Plan, PlanRequest, StartRequest,
};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// As fast as it can, so many moves at once.
pub const fn unbounded(moves_at_once: u16) -> Pace {
    Pace { rate_bytes: 0, moves_at_once, guard_p99_us: 0 }
}

pub struct Admin {
    runtime: tokio::runtime::Runtime,
    pub control: Control,
}

impl Admin {
    /// Asks the first of these that answers.
    pub fn of<'a>(nodes: impl IntoIterator<Item = &'a Node>) -> Admin {
        let doors: Vec<String> = nodes.into_iter().map(|node| node.control.clone()).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Admin { runtime, control: Control::new(&doors, Duration::from_secs(10)).unwrap() }
    }

    pub fn ask<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        self.runtime.block_on(call)
    }

    pub fn status(&self) -> ClusterStatus {
        wait_until("somebody tells how the cluster is", || self.ask(self.control.cluster()).ok())
    }

    pub fn plan(&self, kind: OperationKind, nodes: &[&str]) -> Plan {
        let nodes = nodes.iter().map(|name| name.to_string()).collect();
        let request = PlanRequest { nodes, ..PlanRequest::of(kind) };
        self.ask(self.control.plan(&request)).unwrap()
    }

    /// Plans and starts; nodes that have just joined may not be known to whoever is asked.
    pub fn begin(&self, kind: OperationKind, nodes: &[&str], pace: Pace) -> (Plan, OperationStatus) {
        wait_until("they are members", || {
            let status = self.status();
            let is_up = |name: &&str| status.nodes.iter().any(|node| node.name == **name && node.reachable);
            nodes.iter().all(is_up).then_some(())
        });
        let plan = self.plan(kind, nodes);
        let request = StartRequest { plan: plan.clone(), pace, force: Vec::new() };
        let begun = self.ask(self.control.start_operation(&request)).unwrap();
        (plan, begun)
    }

    pub fn operation(&self, id: OperationId) -> OperationStatus {
        wait_until("somebody tells of the operation", || self.ask(self.control.operation(id, false)).ok())
    }

    /// Waits for its end as long as it goes on.
    pub fn wait_over(&self, id: OperationId) -> OperationStatus {
        let (mut until, mut seen) = (Instant::now() + DEADLINE, (0, 0));
        loop {
            let operation = self.operation(id);
            if operation.state.is_over() {
                return operation;
            }
            let now = (operation.moves_done, operation.bytes_done);
            if now != std::mem::replace(&mut seen, now) {
                until = Instant::now() + DEADLINE;
            }
            assert!(Instant::now() < until, "the operation does not go on: {operation:#?}");
        }
    }

    pub fn wait_done(&self, id: OperationId) -> OperationStatus {
        let operation = self.wait_over(id);
        assert_eq!((operation.state, operation.moves_failed), (OperationState::Done, 0), "{operation:#?}");
        operation
    }

    pub fn wait_healthy(&self) -> ClusterStatus {
        wait_until("the cluster is healthy", || Some(self.status()).filter(|status| status.health == Health::Healthy))
    }

    /// Primaries, and copies with them, of each node by name.
    pub fn held(&self) -> BTreeMap<String, (u16, u16)> {
        let held =
            self.status().nodes.into_iter().map(|node| (node.name, (node.partitions, node.partitions + node.backups)));
        held.filter(|(_, (_, copies))| *copies > 0).collect()
    }

    /// Every slot has one owner, all nodes name the same, and it serves.
    pub fn every_slot_is_served(&self, nodes: &[Node]) {
        let status = self.status();
        assert!(status.slots_unserved.is_empty(), "{:?}", status.slots_unserved);
        let mut owners = vec![Vec::new(); usize::from(dcache_protocol::SLOTS)];
        for node in &status.nodes {
            let slots = node.slot_ranges.iter().flat_map(|range| range.first.number()..=range.last.number());
            slots.for_each(|slot| owners[usize::from(slot)].push(&node.name));
        }
        let wrong = owners.iter().position(|owners| owners.len() != 1);
        assert_eq!(wrong, None, "of slots {owners:?}");
        let slots = |node: &Node| super::resp::Wire::connect(&node.cluster).ask(&["CLUSTER", "SLOTS"]);
        wait_until("all nodes name the same owners", || {
            let first = slots(&nodes[0]);
            nodes.iter().all(|node| slots(node) == first).then_some(())
        });
    }
}
