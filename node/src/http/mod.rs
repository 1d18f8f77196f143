//! The control API as one router, readable as its index. Bodies are `dcache_protocol::control`; errors become HTTP in `error.rs`.
//!
//! Runs on its own thread: a slow scrape must not delay a heartbeat or a client.

mod error;
mod metrics;

use crate::cluster::Cluster;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use dcache_cluster::metadata::{Command, Refusal, Step};
use dcache_protocol::NamespaceSpec;
use dcache_protocol::control::{
    ClusterEvent, ClusterStatus, Envelope, ErrorCode, FailoverResult, InitRequest, InitResult, List, Location,
    MaintenanceRequest, NamespaceStatus, NodeIdentity, NodeName, NodeReport, PartitionTable,
};
use dcache_protocol::namespace::DATABASES;
use dcache_protocol::operation::{OperationStatus, Pace, Plan, PlanRequest, StartRequest};
use error::{Failure, Json};
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;

/// Largest request body: a plan that moves 16384 partitions of three copies.
const BODY_BYTES_MAX: usize = 4 << 20;

type Answer<T> = Result<axum::Json<Envelope<T>>, Failure>;
type App = State<Arc<Cluster>>;

fn router(cluster: Arc<Cluster>) -> Router {
    Router::new()
        .route("/v1/cluster", get(cluster_status))
        .route("/v1/cluster/init", post(cluster_init))
        .route("/v1/node", get(node))
        .route("/v1/nodes/{name}", axum::routing::delete(node_forget))
        .route("/v1/nodes/{name}/failover", post(node_failover))
        .route("/v1/nodes/{name}/undrain", post(node_undrain))
        .route("/v1/nodes/{name}/maintenance", axum::routing::put(node_maintenance))
        .route("/v1/plan", post(plan))
        .route("/v1/operations", get(operation_list).post(operation_start))
        .route("/v1/operations/{id}", get(operation_show))
        .route("/v1/operations/{id}/pace", axum::routing::put(operation_pace))
        .route("/v1/operations/{id}/{verb}", post(operation_steer))
        .route("/v1/report", get(report))
        .route("/v1/partitions", get(partitions))
        .route("/v1/events", get(events))
        .route("/v1/namespaces", get(namespace_list))
        .route("/v1/namespaces/{name}", get(namespace_show).put(namespace_set).delete(namespace_delete))
        .route("/v1/locate", get(locate))
        .merge(next_release())
        .route("/metrics", get(metrics::metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .fallback(error::no_such_path)
        .method_not_allowed_fallback(error::no_such_method)
        .layer(axum::extract::DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(cluster)
}

/// What the next release adds.
fn next_release() -> Router<Arc<Cluster>> {
    #[cfg(feature = "next")]
    return Router::new().route("/v1/annotations", post(annotate));
    #[cfg(not(feature = "next"))]
    Router::new()
}

#[cfg(feature = "next")]
async fn annotate(State(cluster): App, text: String) -> Answer<List<String>> {
    agree(&cluster, Command::Annotate { text: text.clone() }).await?;
    wrap("AnnotationList", List { items: vec![text] })
}

/// Serves the control door until the stop signal.
pub async fn serve(listener: std::net::TcpListener, cluster: Arc<Cluster>) {
    let mut stop = cluster.shared.stop.clone();
    let stopped = async move {
        // The sender lives as long as the process.
        let _ = stop.wait_for(|stop| *stop >= crate::shared::Stop::Orderly).await;
    };
    let served = async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        axum::serve(listener, router(cluster)).await
    };
    tokio::select! {
        result = served => if let Err(error) = result {
            tracing::error!("the control door closed: {error}");
        },
        () = stopped => {}
    }
}

fn wrap<T>(kind: &str, body: T) -> Answer<T> {
    Ok(axum::Json(Envelope::new(kind, body)))
}

async fn cluster_status(State(cluster): App) -> Answer<ClusterStatus> {
    wrap("ClusterStatus", cluster.status().await)
}

async fn cluster_init(State(cluster): App, Json(request): Json<InitRequest>) -> Answer<InitResult> {
    // In a task of its own: a caller that hangs up must not stop it half-way.
    let forming = tokio::spawn(async move { cluster.init(request).await });
    let result = forming.await.map_err(|error| crate::cluster::internal(error.to_string()))?;
    wrap("InitResult", result?)
}

async fn node(State(cluster): App) -> Answer<NodeIdentity> {
    wrap("Node", cluster.node_identity())
}

async fn node_failover(State(cluster): App, Path(name): Path<String>) -> Answer<FailoverResult> {
    // In a task of its own, as above.
    let failing_over = tokio::spawn(async move { cluster.failover(&name).await });
    let result = failing_over.await.map_err(|error| crate::cluster::internal(error.to_string()))?;
    wrap("FailoverResult", result?)
}

/// Whether keys may be given up of which the node has the only copy.
#[derive(Deserialize)]
struct ForgetQuery {
    #[serde(default)]
    loses: bool,
}

async fn node_forget(
    State(cluster): App,
    Path(name): Path<String>,
    Query(query): Query<ForgetQuery>,
) -> Answer<NodeName> {
    cluster.forget(&name, query.loses).await?;
    wrap("Node", NodeName { name })
}

async fn node_undrain(State(cluster): App, Path(name): Path<String>) -> Answer<NodeName> {
    cluster.undrain(&name).await?;
    wrap("Node", NodeName { name })
}

async fn node_maintenance(
    State(cluster): App,
    Path(name): Path<String>,
    Json(request): Json<MaintenanceRequest>,
) -> Answer<NodeName> {
    cluster.maintain(&name, request.until_unix_ms).await?;
    wrap("Node", NodeName { name })
}

async fn plan(State(cluster): App, Json(request): Json<PlanRequest>) -> Answer<Plan> {
    wrap("Plan", cluster.plan(&request).await?)
}

async fn operation_list(State(cluster): App) -> Answer<List<OperationStatus>> {
    wrap("OperationList", List { items: cluster.operations().await })
}

async fn operation_start(State(cluster): App, Json(request): Json<StartRequest>) -> Answer<OperationStatus> {
    // In a task of its own, as above.
    let starting = tokio::spawn(async move { cluster.start_operation(request).await });
    let result = starting.await.map_err(|error| crate::cluster::internal(error.to_string()))?;
    wrap("Operation", result?)
}

#[derive(Deserialize)]
struct OperationQuery {
    /// Whether all its moves are to be listed.
    #[serde(default)]
    moves: bool,
}

async fn operation_show(
    State(cluster): App,
    Path(id): Path<String>,
    Query(query): Query<OperationQuery>,
) -> Answer<OperationStatus> {
    wrap("Operation", cluster.operation(&id, query.moves).await?)
}

async fn operation_steer(State(cluster): App, Path((id, verb)): Path<(String, String)>) -> Answer<OperationStatus> {
    let step = match verb.as_str() {
        "pause" => Step::Pause,
        "resume" => Step::Resume,
        "cancel" => Step::Cancel,
        _ => {
            return Err(Failure::new(
                ErrorCode::NotFound,
                format!("an operation can pause, resume, cancel; not {verb:?}"),
            ));
        }
    };
    wrap("Operation", cluster.steer_operation(&id, step).await?)
}

async fn operation_pace(
    State(cluster): App,
    Path(id): Path<String>,
    Json(pace): Json<Pace>,
) -> Answer<OperationStatus> {
    wrap("Operation", cluster.steer_operation(&id, Step::Pace(pace)).await?)
}

async fn report(State(cluster): App) -> Answer<NodeReport> {
    wrap("NodeReport", cluster.report())
}

async fn partitions(State(cluster): App) -> Answer<PartitionTable> {
    wrap("PartitionTable", cluster.partition_table().await)
}

#[derive(Deserialize)]
struct EventsQuery {
    #[serde(default)]
    after: u64,
}

async fn events(State(cluster): App, Query(query): Query<EventsQuery>) -> Answer<List<ClusterEvent>> {
    wrap("EventList", List { items: cluster.metadata().events.after(query.after).cloned().collect() })
}

async fn namespace_list(State(cluster): App) -> Answer<List<NamespaceStatus>> {
    wrap("NamespaceList", List { items: cluster.namespaces().await })
}

async fn namespace_show(State(cluster): App, Path(name): Path<String>) -> Answer<NamespaceStatus> {
    wrap("Namespace", cluster.namespace(&name).await?)
}

async fn namespace_set(
    State(cluster): App,
    Path(name): Path<String>,
    Json(spec): Json<NamespaceSpec>,
) -> Answer<NamespaceStatus> {
    if spec.name != name {
        return Err(Failure::invalid(format!("the path names {name:?}, the body {:?}", spec.name)));
    }
    spec.check().map_err(Failure::invalid)?;
    agree(&cluster, Command::SetNamespace { spec }).await?;
    wrap("Namespace", cluster.namespace(&name).await?)
}

async fn namespace_delete(State(cluster): App, Path(name): Path<String>) -> Answer<NamespaceStatus> {
    let before = cluster.namespace(&name).await?;
    agree(&cluster, Command::DeleteNamespace { name }).await?;
    wrap("Namespace", before)
}

/// Has a change agreed and waits until this node acts on it.
async fn agree(cluster: &Arc<Cluster>, command: Command) -> Result<(), Failure> {
    match cluster.propose(command).await? {
        Ok(epoch) => {
            let mut acting = cluster.watch_metadata();
            let caught_up = acting.wait_for(|metadata| metadata.epoch >= epoch);
            // Past this the change is agreed all the same, and this node will follow.
            let _ = tokio::time::timeout(Duration::from_secs(2), caught_up).await;
            Ok(())
        }
        Err(Refusal::NoChange) => Ok(()),
        Err(refusal @ Refusal::NoSuchNamespace(_)) => Err(Failure::new(ErrorCode::NotFound, refusal.to_string())),
        Err(refusal @ (Refusal::AlreadyFormed | Refusal::NameInUse(_) | Refusal::TooEarly(_))) => {
            Err(Failure::new(ErrorCode::Conflict, refusal.to_string()))
        }
        Err(Refusal::Invalid(why)) => Err(Failure::invalid(why)),
        Err(refusal) => Err(Failure::new(ErrorCode::Conflict, refusal.to_string())),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LocateQuery {
    key: Option<String>,
    key_base64: Option<String>,
    /// 0 where none is given.
    database: Option<u16>,
}

async fn locate(State(cluster): App, Query(query): Query<LocateQuery>) -> Answer<Location> {
    let key = match (query.key, query.key_base64) {
        (Some(key), None) => key.into_bytes(),
        (None, Some(text)) => decode_base64(&text).ok_or_else(|| Failure::invalid("keyBase64 is not base64".into()))?,
        _ => return Err(Failure::invalid("give key=TEXT or keyBase64=BASE64, one of them".into())),
    };
    let database = query.database.unwrap_or(0);
    if database >= DATABASES {
        return Err(Failure::invalid(format!("database {database} is not in 0 to {}", DATABASES - 1)));
    }
    wrap("Location", cluster.locate(database, &key))
}

/// Standard or URL-safe alphabet, padding optional.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    Some(out)
}

/// 200 once the node acts on a table in which every partition has an owner, and metadata has a leader.
async fn ready(State(cluster): App) -> Response {
    let metadata = cluster.metadata();
    let why = if metadata.table.iter().any(|partition| partition.holder().is_none()) {
        "no partition table yet"
    } else if cluster.lead().leader.is_none() {
        "no metadata leader"
    } else {
        return "ready\n".into_response();
    };
    (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {why}\n")).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_in_both_alphabets() {
        assert_eq!(decode_base64("aGVsbG8="), Some(b"hello".to_vec()));
        assert_eq!(decode_base64("aGVsbG8"), Some(b"hello".to_vec()));
        assert_eq!(decode_base64("-_8"), Some(vec![0xfb, 0xff]));
        assert_eq!(decode_base64("a b"), None);
    }
}
