//! An operator: drains nodes, lets them hold their share again, rebalances, pauses, resumes, cancels; through any node.

use crate::net::{MS, now};
use crate::process::Process;
use crate::world::{CALM_FROM, CHECK_FROM, World};
use dcache_cluster::metadata::{Command, Metadata, Start, Step};
use dcache_cluster::plan::{Load, check, plan};
use dcache_protocol::Share;
use dcache_protocol::operation::{OperationKind, OperationState, Pace, PlanRequest};
use std::rc::Rc;
use tokio::time::sleep;

/// Until the world is calm; what is under way then comes to an end.
pub async fn run(world: Rc<World>) {
    while world.moves() && now() < CALM_FROM {
        let pause = world.dice(50..2500);
        sleep(MS * pause as u32).await;
        let node = world.dice(0..world.nodes().len() as u64) as usize;
        let Some(process) = world.process(node) else { continue };
        let metadata = process.core.view().metadata.clone();
        if metadata.is_formed()
            && let Some(command) = next(&world, &metadata)
        {
            world.note(&format!("operator at node {node}: {command:?}"));
            process.propose(&world, command).await;
        }
    }
    end(&world).await;
}

fn next(world: &Rc<World>, metadata: &Metadata) -> Option<Command> {
    let dice = world.dice(0..10);
    if let Some(operation) = metadata.operation() {
        let step = match (dice, operation.state) {
            (0 | 1, OperationState::Running) => Step::Pause,
            (0..=5, OperationState::Paused) => Step::Resume,
            (6, _) => Step::Cancel,
            _ => return None,
        };
        return Some(Command::StepOperation { operation: operation.id, step });
    }
    let names: Vec<&String> = metadata.nodes.values().map(|node| &node.name).collect();
    let some = names[world.dice(0..names.len() as u64) as usize].clone();
    let drained = metadata.nodes.values().find(|node| node.share == Share::Drained);
    let request = match (dice, drained) {
        // One at a time, or copies find no place.
        (0..=3, None) => PlanRequest { nodes: vec![some], ..PlanRequest::of(OperationKind::Drain) },
        (0..=5, Some(drained)) => return Some(Command::SetShare { node: drained.id, share: Share::Full }),
        _ => PlanRequest::of(OperationKind::Rebalance),
    };
    start(metadata, &request)
}

fn start(metadata: &Metadata, request: &PlanRequest) -> Option<Command> {
    let made = plan(metadata, &Load::default(), request).ok()?;
    let moves = check(&made, metadata).ok()?;
    let nodes = metadata.nodes.values().filter(|node| request.nodes.contains(&node.name)).map(|node| node.id);
    let start = Start {
        kind: request.kind,
        nodes: nodes.collect(),
        plan: made.id,
        topology: made.epoch,
        pace: Pace { rate_bytes: 0, moves_at_once: 2, guard_p99_us: 0 },
        moves,
        to: None,
    };
    Some(Command::StartOperation { start })
}

/// What was paused goes on, as somebody would see to.
async fn end(world: &Rc<World>) {
    while now() < CHECK_FROM {
        sleep(MS * 100).await;
        let metadata = |process: Rc<Process>| process.core.view().metadata.clone();
        let newest = world.nodes().filter_map(|node| world.process(node)).map(metadata).max_by_key(|all| all.epoch);
        let paused = newest.as_ref().and_then(|all| all.operation());
        if let Some(operation) = paused.filter(|operation| operation.state == OperationState::Paused)
            && let Some(process) = world.process(0)
        {
            let resume = Command::StepOperation { operation: operation.id, step: Step::Resume };
            process.propose(world, resume).await;
        }
    }
}
