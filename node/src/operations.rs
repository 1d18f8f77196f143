//! Operations over the control API, and what drives the one under way: on the metadata leader, after each change of the metadata
//! and at least every [`LOOK_EVERY`]. What comes next is decided in `cluster::operation`.
//!
//! Left out: how plans are made (`cluster::plan`), how partitions move (`cluster::replication`).

use crate::cluster::{Cluster, unavailable};
use crate::peer::{Answer, Call};
use crate::process;
use crate::upgrade;
use dcache_cluster::metadata::{Command, Metadata, Refusal, Start, Step};
use dcache_cluster::operation::{Operations, Pressure};
use dcache_cluster::plan::{self, Load, NodeLoad, PartitionLoad, PlanError};
use dcache_protocol::control::{ApiError, ErrorCode, NodeReport};
use dcache_protocol::operation::{
    Move, MoveState, MoveStatus, Operation, OperationId, OperationKind, OperationStatus, Pace, Plan, PlanRequest,
    StartRequest, Totals,
};
use dcache_protocol::{Epoch, NodeId, NodeState, Share};
use futures_util::future::join_all;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How often an operation under way is looked at when nothing changes.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How often it is looked whether there is one.
const IDLE_EVERY: Duration = Duration::from_secs(1);

/// How often it is found out what clients feel, and how far moves are.
const FEEL_EVERY: Duration = Duration::from_secs(1);

/// Requests of the last ten seconds below which a node's p99 says nothing.
const REQUESTS_LEAST: u64 = 1000;

const PROPOSE_WITHIN: Duration = Duration::from_secs(2);

/// How long a node that joined is watched before it is added by itself.
const JOINED_FOR: Duration = Duration::from_secs(2);

const FIGURES_DEADLINE: Duration = Duration::from_millis(500);

/// Drives the operation under way for as long as the node runs, while it leads.
pub async fn drive(cluster: Arc<Cluster>) {
    let mut acting = cluster.watch_metadata();
    let mut operations = Operations::default();
    let (mut felt_at, mut joined_since) = (None, None);
    // Found out beside all else: a node that does not answer must hold nothing up.
    let (felt, pressure) = watch::channel(Pressure::default());
    let felt = Arc::new(felt);
    loop {
        let metadata = acting.borrow_and_update().clone();
        let leads = cluster.log().is_some_and(|log| log.leads_with_quorum());
        let is_under_way = metadata.operation().is_some();
        if leads && is_under_way {
            if felt_at.is_none_or(|at: Instant| at.elapsed() >= FEEL_EVERY) {
                felt_at = Some(Instant::now());
                let (cluster, felt) = (cluster.clone(), felt.clone());
                tokio::spawn(async move { felt.send_replace(cluster.feel().await) });
            }
            let pressure = *pressure.borrow();
            for command in operations.step(process::monotonic(), &metadata, pressure) {
                let Some(log) = cluster.log() else { break };
                // Whatever became of it, what is to be done is looked at again from what is agreed then.
                match log.propose(command, PROPOSE_WITHIN).await {
                    Ok(Ok(_) | Err(Refusal::NoChange)) => {}
                    Ok(Err(refusal)) => tracing::debug!("a step of an operation was refused: {refusal}"),
                    Err(error) => tracing::debug!("a step of an operation was not agreed: {error}"),
                }
            }
            upgrade::step(&cluster, &metadata).await;
            *cluster.p99_rise_us.lock() = operations.p99_rise_us(pressure);
        } else {
            operations.follow();
            felt_at = None;
        }
        if leads {
            cluster.end_maintenance(&metadata).await;
        }
        if leads && !is_under_way {
            cluster.add_joined(&metadata, &mut joined_since).await;
        }
        let turn = operations.until_turn(process::monotonic());
        let wait = match is_under_way {
            true if turn > Duration::ZERO => turn.min(LOOK_EVERY),
            true => LOOK_EVERY,
            false => IDLE_EVERY,
        };
        // Either way it is looked again; the sender lives as long as the process.
        let _ = tokio::time::timeout(wait, acting.changed()).await;
    }
}

impl Cluster {
    /// What clients feel at the nodes that answer.
    async fn feel(self: &Arc<Cluster>) -> Pressure {
        let worst =
            |report: &NodeReport| (report.latency.count >= REQUESTS_LEAST).then_some(report.latency.p99_us as u64);
        Pressure { p99_us: self.reports().await.iter().filter_map(worst).max() }
    }

    async fn reports(self: &Arc<Cluster>) -> Vec<NodeReport> {
        let metadata = self.metadata();
        let up = metadata.nodes.values().filter(|node| node.state == NodeState::Up);
        let asked = up.map(|node| self.report_of(node));
        join_all(asked).await.into_iter().flatten().collect()
    }

    /// Whose time is over is not being worked on any more.
    async fn end_maintenance(self: &Arc<Cluster>, metadata: &Metadata) {
        let now = process::unix_ms();
        let is_over = |until: u64| until > 0 && until <= now;
        for node in metadata.nodes.values().filter(|node| is_over(node.maintenance_until_unix_ms)) {
            // If that fails, it is looked at again.
            let _ = self.propose(Command::SetMaintenance { node: node.id, until_unix_ms: 0 }).await;
        }
    }

    /// With `auto-rebalance`, nodes that joined get their share by themselves.
    async fn add_joined(self: &Arc<Cluster>, metadata: &Metadata, since: &mut Option<Instant>) {
        let is_wanted = metadata.spec.as_ref().is_some_and(|spec| spec.auto_rebalance);
        let is_new = |share, state| share == Share::Joined && state == NodeState::Up;
        if !is_wanted || !metadata.nodes.values().any(|node| is_new(node.share, node.state)) {
            *since = None;
            return;
        }
        if since.get_or_insert_with(Instant::now).elapsed() < JOINED_FOR {
            return;
        }
        *since = None;
        let request = PlanRequest::of(OperationKind::Add);
        let begun = async {
            let plan = self.plan(&request).await?;
            self.start_operation(StartRequest { plan, pace: Pace::default(), force: Vec::new() }).await
        };
        match begun.await {
            Ok(status) => tracing::info!(operation = %status.id, "nodes that joined get their share"),
            Err(error) => tracing::warn!("nodes that joined get no share yet: {}", error.message),
        }
    }

    /// `POST /v1/plan`: what an operation would do, from what the nodes that answer hold now.
    pub async fn plan(self: &Arc<Cluster>, request: &PlanRequest) -> Result<Plan, ApiError> {
        let metadata = self.metadata();
        if !metadata.is_formed() {
            return Err(conflict("this node is in no cluster".into(), "form one: dcache cluster init"));
        }
        if request.kind == OperationKind::Upgrade {
            return self.plan_upgrade(&metadata, request);
        }
        let load = self.load(&metadata).await;
        plan::plan(&metadata, &load, request).map_err(|error| plan_error(&error))
    }

    async fn load(self: &Arc<Cluster>, metadata: &Metadata) -> Load {
        let table = self.partition_table().await;
        let reports = self.reports().await;
        let at = |column: &[u64], number: usize| column.get(number).copied().unwrap_or_default();
        let partition = |number: usize| PartitionLoad {
            bytes: at(&table.memory_bytes, number),
            uncopied_bytes: at(&table.uncopied_bytes, number),
            ops: at(&table.ops_a_second, number),
        };
        let node = |report: &NodeReport| {
            let (memory_bytes, used_bytes) = (report.memory_limit_bytes, report.memory_used_bytes);
            (report.id, NodeLoad { memory_bytes, used_bytes })
        };
        Load {
            partitions: (0..usize::from(metadata.partitions)).map(partition).collect(),
            nodes: reports.iter().filter(|report| metadata.nodes.contains_key(&report.id)).map(node).collect(),
        }
    }

    /// `POST /v1/operations`.
    pub async fn start_operation(self: &Arc<Cluster>, request: StartRequest) -> Result<OperationStatus, ApiError> {
        let StartRequest { plan, pace, force } = request;
        if !(1..=Pace::MOVES_AT_ONCE_MAX).contains(&pace.moves_at_once) {
            return Err(invalid(format!("moves at once: 1 to {}", Pace::MOVES_AT_ONCE_MAX)));
        }
        let metadata = self.metadata();
        if let Some(running) = metadata.operation() {
            return Err(runs(running.id, running.kind));
        }
        let moves = plan::check(&plan, &metadata).map_err(|error| plan_error(&error))?;
        let alone = moves.iter().filter(|each| each.to.len() == 1 && each.from.len() > 1).count();
        if alone > 0 && !force.iter().any(|check| check == "last-replica") {
            return Err(ApiError {
                code: ErrorCode::Conflict,
                message: format!("{alone} partitions would drop to one copy"),
                why: Some("there would be no other node to hold a further one".into()),
                hints: vec![
                    "add a node first: dcache cluster add".into(),
                    "to go on anyway: --force=last-replica".into(),
                ],
            });
        }
        let id_of = |name: &String| metadata.nodes.values().find(|node| node.name == *name).map(|node| node.id);
        let nodes: Vec<NodeId> = plan.nodes.iter().filter_map(id_of).collect();
        let start = Start { kind: plan.kind, nodes, plan: plan.id, topology: plan.epoch, pace, moves, to: plan.to };
        let before = metadata.last_operation;
        let epoch = self.agree(Command::StartOperation { start }).await?;
        let metadata = self.metadata_at(epoch).await;
        // The first since: nobody else's can have begun before this one is over, and it ended after this one.
        let begun = metadata.operations.values().find(|operation| operation.id.0 > before);
        match begun {
            Some(operation) => Ok(self.status_of(&metadata, operation, false).await),
            None => Err(unavailable("the operation began, but this node does not know of it yet".into())),
        }
    }

    /// `GET /v1/operations`.
    pub async fn operations(self: &Arc<Cluster>) -> Vec<OperationStatus> {
        let metadata = self.metadata();
        let all = metadata.operations.values().rev().map(|operation| self.status_of(&metadata, operation, false));
        join_all(all).await
    }

    /// `GET /v1/operations/{id}`.
    pub async fn operation(self: &Arc<Cluster>, id: &str, with_moves: bool) -> Result<OperationStatus, ApiError> {
        let metadata = self.metadata();
        let operation = id.parse().ok().and_then(|id: OperationId| metadata.operations.get(&id));
        match operation {
            Some(operation) => Ok(self.status_of(&metadata, operation, with_moves).await),
            None => Err(no_such_operation(id)),
        }
    }

    /// `POST /v1/operations/{id}/{verb}` and `PUT /v1/operations/{id}/pace`.
    pub async fn steer_operation(self: &Arc<Cluster>, id: &str, step: Step) -> Result<OperationStatus, ApiError> {
        let parsed: OperationId = id.parse().map_err(|_| no_such_operation(id))?;
        if let Step::Pace(pace) = &step
            && !(1..=Pace::MOVES_AT_ONCE_MAX).contains(&pace.moves_at_once)
        {
            return Err(invalid(format!("moves at once: 1 to {}", Pace::MOVES_AT_ONCE_MAX)));
        }
        let epoch = self.agree(Command::StepOperation { operation: parsed, step }).await?;
        self.metadata_at(epoch).await;
        self.operation(id, false).await
    }

    /// `POST /v1/nodes/{name}/undrain`.
    pub async fn undrain(self: &Arc<Cluster>, name: &str) -> Result<(), ApiError> {
        let node = self.named(name)?;
        let epoch = self.agree(Command::SetShare { node, share: Share::Full }).await?;
        self.metadata_at(epoch).await;
        Ok(())
    }

    /// `PUT /v1/nodes/{name}/maintenance`.
    pub async fn maintain(self: &Arc<Cluster>, name: &str, until_unix_ms: u64) -> Result<(), ApiError> {
        let node = self.named(name)?;
        let epoch = self.agree(Command::SetMaintenance { node, until_unix_ms }).await?;
        self.metadata_at(epoch).await;
        Ok(())
    }

    /// `DELETE /v1/nodes/{name}`.
    pub async fn forget(self: &Arc<Cluster>, name: &str, loses: bool) -> Result<(), ApiError> {
        let node = self.named(name)?;
        let epoch = self.agree(Command::RemoveNode { node, loses }).await?;
        self.metadata_at(epoch).await;
        Ok(())
    }

    fn named(&self, name: &str) -> Result<NodeId, ApiError> {
        plan::node_named(&self.metadata(), name).map(|node| node.id).map_err(|error| plan_error(&error))
    }

    /// Has a change agreed; that it is so already is no error.
    async fn agree(self: &Arc<Cluster>, command: Command) -> Result<Epoch, ApiError> {
        match self.propose(command).await? {
            Ok(epoch) => Ok(epoch),
            Err(Refusal::NoChange) => Ok(Epoch(0)),
            Err(refusal) => Err(refused(&refusal)),
        }
    }

    /// What this node acts on, once it has heard of that.
    async fn metadata_at(&self, epoch: Epoch) -> Arc<Metadata> {
        let mut acting = self.watch_metadata();
        let caught_up = acting.wait_for(|metadata| metadata.epoch >= epoch);
        // Past this it is agreed all the same, and this node will follow.
        let _ = tokio::time::timeout(PROPOSE_WITHIN, caught_up).await;
        self.metadata()
    }

    async fn status_of(
        self: &Arc<Cluster>,
        metadata: &Metadata,
        operation: &Operation,
        with_moves: bool,
    ) -> OperationStatus {
        let is_over = operation.state.is_over();
        let mut percent: BTreeMap<u16, u8> = BTreeMap::new();
        let mut p99_rise_us = 0;
        if !is_over {
            let (reports, rise) = futures_util::future::join(self.reports(), self.rise()).await;
            percent = reports.iter().flat_map(|r| &r.moves).map(|each| (each.partition, each.percent)).collect();
            p99_rise_us = rise;
        }
        let totals = if is_over { operation.totals } else { Totals::of(&operation.moves) };
        let name = |node: &NodeId| {
            let named_then = operation.nodes.iter().position(|of| of == node).and_then(|at| operation.names.get(at));
            let gone = || named_then.cloned().unwrap_or_else(|| node.to_string());
            metadata.nodes.get(node).map_or_else(gone, |node| node.name.clone())
        };
        let status = |each: &Move| MoveStatus {
            partition: each.partition,
            from: each.from.iter().map(name).collect(),
            to: each.to.iter().map(name).collect(),
            state: each.state,
            bytes: each.bytes,
            percent: match each.state {
                MoveState::Done => 100,
                MoveState::Moving => percent.get(&each.partition.0).copied().unwrap_or_default(),
                MoveState::Waiting | MoveState::Failed => 0,
            },
        };
        let moving: Vec<MoveStatus> =
            operation.moves.iter().filter(|each| each.state == MoveState::Moving).map(status).collect();
        let under_way: u64 = moving.iter().map(|each| each.bytes / 100 * u64::from(each.percent)).sum();
        let bytes_done = totals.bytes_done + under_way;
        OperationStatus {
            id: operation.id,
            kind: operation.kind,
            nodes: operation.nodes.iter().map(name).collect(),
            state: operation.state,
            plan: operation.plan.clone(),
            started_unix_ms: operation.started_unix_ms,
            ended_unix_ms: operation.ended_unix_ms,
            pace: operation.pace,
            held: operation.held.clone(),
            why: operation.why.clone(),
            moves_total: totals.moves,
            moves_done: totals.done,
            moves_failed: totals.failed,
            bytes_total: totals.bytes,
            bytes_done,
            bytes_a_second: self.speed(operation.id, bytes_done),
            p99_rise_us,
            upgrade: upgrade::status_of(metadata, operation),
            moving,
            moves: if with_moves { operation.moves.iter().map(status).collect() } else { Vec::new() },
            notes: operation.notes.clone(),
        }
    }

    /// Bytes a second since it was asked last, over a second or more.
    fn speed(&self, id: OperationId, bytes: u64) -> u64 {
        let mut seen = self.speeds.lock();
        let now = Instant::now();
        match &mut *seen {
            Some(speed) if speed.of == id => {
                let span = now.duration_since(speed.at);
                if span >= Duration::from_secs(1) {
                    let per_second = bytes.saturating_sub(speed.bytes) as f64 / span.as_secs_f64();
                    *speed = Speed { of: id, at: now, bytes, per_second: per_second as u64 };
                }
                speed.per_second
            }
            _ => {
                *seen = Some(Speed { of: id, at: now, bytes, per_second: 0 });
                0
            }
        }
    }

    /// What only the leader knows.
    async fn rise(self: &Arc<Cluster>) -> i64 {
        match self.lead().leader {
            Some(leader) if leader != self.shared.id => match self.call(leader, &Call::Rise, FIGURES_DEADLINE).await {
                Ok(Answer::Rise { p99_us }) => p99_us,
                _ => 0,
            },
            _ => *self.p99_rise_us.lock(),
        }
    }
}

/// How fast an operation went when it was asked last.
#[derive(Debug)]
pub struct Speed {
    of: OperationId,
    at: Instant,
    bytes: u64,
    per_second: u64,
}

fn invalid(message: String) -> ApiError {
    ApiError { code: ErrorCode::Invalid, message, why: None, hints: Vec::new() }
}

fn conflict(message: String, hint: &str) -> ApiError {
    ApiError { code: ErrorCode::Conflict, message, why: None, hints: vec![hint.into()] }
}

fn no_such_operation(id: &str) -> ApiError {
    ApiError {
        code: ErrorCode::NotFound,
        message: format!("no operation {id:?}"),
        why: None,
        hints: vec!["see the last ones: dcache op list".into()],
    }
}

fn runs(id: OperationId, kind: OperationKind) -> ApiError {
    ApiError {
        code: ErrorCode::Conflict,
        message: format!("{kind} {id} is under way; one operation at a time"),
        why: None,
        hints: vec![format!("watch it: dcache op watch {id}"), format!("stop it: dcache op cancel {id}")],
    }
}

fn refused(refusal: &Refusal) -> ApiError {
    let error = |code, hints: &[&str]| ApiError {
        code,
        message: refusal.to_string(),
        why: None,
        hints: hints.iter().map(|hint| (*hint).into()).collect(),
    };
    match refusal {
        Refusal::OperationRuns { id, kind } => runs(*id, *kind),
        Refusal::Stale { .. } => error(ErrorCode::Conflict, &["make a new plan: dcache rebalance --plan"]),
        Refusal::NoSuchOperation(id) => no_such_operation(&id.to_string()),
        Refusal::NoSuchNode(_) => error(ErrorCode::NotFound, &["see them all: dcache node list"]),
        Refusal::OperationOver { .. } => error(ErrorCode::Conflict, &["see the last ones: dcache op list"]),
        Refusal::LastCopies { .. } => error(
            ErrorCode::Conflict,
            &["start it again with its data directory", "to give these keys up: --force=last-replica"],
        ),
        _ => error(ErrorCode::Conflict, &[]),
    }
}

fn plan_error(error: &PlanError) -> ApiError {
    let (code, hint) = match error {
        PlanError::NoSuchNode { .. } => (ErrorCode::NotFound, Some("see them all: dcache node list")),
        PlanError::Stale { .. } => {
            (ErrorCode::Conflict, Some("make a new plan: dcache rebalance --plan --out plan.yaml"))
        }
        PlanError::Down(_) => (ErrorCode::Conflict, Some("start it, or leave it out")),
        PlanError::NobodyLeft(_) => (ErrorCode::Conflict, Some("add a node first: dcache cluster add NODE")),
        PlanError::Pinned { .. } => (ErrorCode::Conflict, None),
        PlanError::NotPlanned(_) | PlanError::NoSuchPartition(..) | PlanError::Nodes(_) | PlanError::Invalid(_) => {
            (ErrorCode::Invalid, None)
        }
    };
    ApiError { code, message: error.to_string(), why: None, hints: hint.map(Into::into).into_iter().collect() }
}
