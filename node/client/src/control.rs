//! The control API, one method per call, over reqwest.
//!
//! Any node will do: the endpoint that answered last is asked first, then the others given, then the control doors learned
//! from [`ClusterStatus`]. Only a request that certainly did not arrive is tried elsewhere, unless it is a read. All tries
//! of one call share one deadline; while others are left, a try gets half of what remains.

use crate::{Error, root};
use dcache_protocol::NamespaceSpec;
use dcache_protocol::control::{
    API_VERSION, ApiError, ClusterEvent, ClusterStatus, Envelope, ErrorBody, ErrorCode, FailoverResult, InitRequest,
    InitResult, List, Location, MaintenanceRequest, NamespaceStatus, NodeIdentity, NodeName, NodeReport,
    PartitionTable,
};
use dcache_protocol::namespace::is_name;
use dcache_protocol::operation::{OperationId, OperationStatus, Pace, Plan, PlanRequest, StartRequest};
use reqwest::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Largest answer that is read: the status of a thousand nodes is a tenth of it.
const BODY_BYTES_MAX: usize = 64 << 20;

/// Control doors remembered beside those given.
const LEARNED_MAX: usize = 64;

/// How long one connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// A handle to the control API of a cluster. Clones share what they learn.
#[derive(Clone, Debug)]
pub struct Control {
    http: reqwest::Client,
    timeout: Duration,
    known: Arc<Mutex<Known>>,
    watcher: Option<Watcher>,
}

/// One try of one request, for whoever wants to see it.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    pub method: &'a str,
    pub url: &'a str,
    pub sent: &'a [u8],
    /// HTTP status and body, or why there is none.
    pub answer: Result<(u16, &'a [u8]), &'a str>,
    pub took: Duration,
}

type Watch = dyn Fn(&Exchange<'_>) + Send + Sync;

#[derive(Clone)]
struct Watcher(Arc<Watch>);

impl std::fmt::Debug for Watcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watcher")
    }
}

#[derive(Debug)]
struct Known {
    /// Base URLs: those given, then those learned.
    endpoints: Vec<String>,
    given: usize,
    /// Index of the one that answered last.
    last: usize,
}

impl Control {
    /// `endpoints` are `host:port` or `http://host:port`, at least one. `timeout` is for a whole call, all tries together.
    /// Nothing is connected yet.
    pub fn new(endpoints: &[String], timeout: Duration) -> Result<Control, Error> {
        let mut urls = Vec::new();
        for endpoint in endpoints {
            let url = base_url(endpoint)?;
            if !urls.contains(&url) {
                urls.push(url);
            }
        }
        if urls.is_empty() {
            return Err(Error::Endpoint { endpoint: String::new(), why: "none was given".into() });
        }
        let http = reqwest::Client::builder()
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT.min(timeout))
            .build()
            .map_err(|error| Error::Malformed { endpoint: urls[0].clone(), why: root(&error) })?;
        let given = urls.len();
        let known = Arc::new(Mutex::new(Known { endpoints: urls, given, last: 0 }));
        Ok(Control { http, timeout, known, watcher: None })
    }

    /// The same, with every try told to `watch`.
    pub fn watched(self, watch: impl Fn(&Exchange<'_>) + Send + Sync + 'static) -> Control {
        Control { watcher: Some(Watcher(Arc::new(watch))), ..self }
    }

    /// The same with another deadline, sharing what is learned.
    pub fn within(self, timeout: Duration) -> Control {
        Control { timeout, ..self }
    }

    /// The base URL that answered last; before any answer, the first given.
    pub fn endpoint(&self) -> String {
        let known = self.known();
        known.endpoints[known.last].clone()
    }

    /// The cluster as the answering node sees it. Remembers every node's control door to fall back on.
    pub async fn cluster(&self) -> Result<ClusterStatus, Error> {
        let status: ClusterStatus = self.read("/v1/cluster").await?;
        let mut known = self.known();
        for node in &status.nodes {
            if let Ok(url) = base_url(&node.addresses.control)
                && !known.endpoints.contains(&url)
                && known.endpoints.len() < known.given + LEARNED_MAX
            {
                known.endpoints.push(url);
            }
        }
        drop(known);
        Ok(status)
    }

    /// Has other nodes take over what a node serves.
    pub async fn failover(&self, node: &str) -> Result<FailoverResult, Error> {
        let path = self.node_path(node)?;
        self.change(Method::POST, &format!("{path}/failover"), None::<&()>).await
    }

    /// Lets a drained node hold its share again; nothing moves by that.
    pub async fn undrain(&self, node: &str) -> Result<NodeName, Error> {
        let path = self.node_path(node)?;
        self.change(Method::POST, &format!("{path}/undrain"), None::<&()>).await
    }

    /// A node is being worked on until then, milliseconds since 1970; 0: no more.
    pub async fn maintenance(&self, node: &str, until_unix_ms: u64) -> Result<NodeName, Error> {
        let path = self.node_path(node)?;
        self.change(Method::PUT, &format!("{path}/maintenance"), Some(&MaintenanceRequest { until_unix_ms })).await
    }

    /// Takes a node out of the cluster that holds nothing, or one that is down. `loses`: with the only copies it has.
    pub async fn forget(&self, node: &str, loses: bool) -> Result<NodeName, Error> {
        let path = self.node_path(node)?;
        self.change(Method::DELETE, &format!("{path}?loses={loses}"), None::<&()>).await
    }

    /// What an operation would do now. Changes nothing.
    pub async fn plan(&self, request: &PlanRequest) -> Result<Plan, Error> {
        self.change(Method::POST, "/v1/plan", Some(request)).await
    }

    pub async fn start_operation(&self, request: &StartRequest) -> Result<OperationStatus, Error> {
        self.change(Method::POST, "/v1/operations", Some(request)).await
    }

    /// The newest first.
    pub async fn operations(&self) -> Result<Vec<OperationStatus>, Error> {
        Ok(self.read::<List<OperationStatus>>("/v1/operations").await?.items)
    }

    /// `moves`: with all its moves, as long as it is under way.
    pub async fn operation(&self, id: OperationId, moves: bool) -> Result<OperationStatus, Error> {
        self.read(&format!("/v1/operations/{id}?moves={moves}")).await
    }

    pub async fn pause_operation(&self, id: OperationId) -> Result<OperationStatus, Error> {
        self.change(Method::POST, &format!("/v1/operations/{id}/pause"), None::<&()>).await
    }

    pub async fn resume_operation(&self, id: OperationId) -> Result<OperationStatus, Error> {
        self.change(Method::POST, &format!("/v1/operations/{id}/resume"), None::<&()>).await
    }

    pub async fn cancel_operation(&self, id: OperationId) -> Result<OperationStatus, Error> {
        self.change(Method::POST, &format!("/v1/operations/{id}/cancel"), None::<&()>).await
    }

    pub async fn pace_operation(&self, id: OperationId, pace: &Pace) -> Result<OperationStatus, Error> {
        self.change(Method::PUT, &format!("/v1/operations/{id}/pace"), Some(pace)).await
    }

    fn node_path(&self, node: &str) -> Result<String, Error> {
        if !is_name(node) {
            return Err(Error::Malformed { endpoint: self.endpoint(), why: format!("{node:?} is no node's name") });
        }
        Ok(format!("/v1/nodes/{node}"))
    }

    pub async fn partitions(&self) -> Result<PartitionTable, Error> {
        self.read("/v1/partitions").await
    }

    /// Who the answering node is.
    pub async fn node(&self) -> Result<NodeIdentity, Error> {
        self.read("/v1/node").await
    }

    /// The answering node's own figures.
    pub async fn report(&self) -> Result<NodeReport, Error> {
        self.read("/v1/report").await
    }

    /// What happened to the cluster after an event, oldest first.
    pub async fn events(&self, after: u64) -> Result<Vec<ClusterEvent>, Error> {
        Ok(self.read::<List<ClusterEvent>>(&format!("/v1/events?after={after}")).await?.items)
    }

    pub async fn namespaces(&self) -> Result<Vec<NamespaceStatus>, Error> {
        Ok(self.read::<List<NamespaceStatus>>("/v1/namespaces").await?.items)
    }

    pub async fn namespace(&self, name: &str) -> Result<NamespaceStatus, Error> {
        self.read(&namespace_path(name)?).await
    }

    /// Creates or replaces a namespace.
    pub async fn set_namespace(&self, spec: &NamespaceSpec) -> Result<NamespaceStatus, Error> {
        self.change(Method::PUT, &namespace_path(&spec.name)?, Some(spec)).await
    }

    /// Answers what the namespace was.
    pub async fn delete_namespace(&self, name: &str) -> Result<NamespaceStatus, Error> {
        self.change(Method::DELETE, &namespace_path(name)?, None::<&()>).await
    }

    /// Forms a cluster, or plans to (`dry_run`). Asked of the first endpoint that can be reached.
    pub async fn init(&self, request: &InitRequest) -> Result<InitResult, Error> {
        self.change(Method::POST, "/v1/cluster/init", Some(request)).await
    }

    /// Where a key of a numbered database lives.
    pub async fn locate(&self, database: u16, key: &[u8]) -> Result<Location, Error> {
        self.read(&format!("/v1/locate?keyBase64={}&database={database}", base64_url(key))).await
    }

    /// Whether the answering node is ready to serve: `GET /readyz`.
    pub async fn is_ready(&self) -> Result<bool, Error> {
        let (_, status, _) = self.send(Method::GET, "/readyz", None, true).await?;
        Ok(status == 200)
    }

    /// The answering node's figures as the text Prometheus reads: `GET /metrics`.
    pub async fn metrics(&self) -> Result<String, Error> {
        let (endpoint, status, body) = self.send(Method::GET, "/metrics", None, true).await?;
        match (status, String::from_utf8(body)) {
            (200, Ok(text)) => Ok(text),
            (status, _) => Err(Error::Malformed { endpoint: short(&endpoint), why: format!("HTTP status {status}") }),
        }
    }

    async fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        let (endpoint, status, body) = self.send(Method::GET, path, None, true).await?;
        decode(endpoint, status, &body)
    }

    async fn change<B: Serialize, T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&B>,
    ) -> Result<T, Error> {
        let body = body.map(serde_json::to_vec).transpose().map_err(|error| Error::Malformed {
            endpoint: self.endpoint(),
            why: format!("the request cannot be written as JSON: {error}"),
        })?;
        let (endpoint, status, body) = self.send(method, path, body, false).await?;
        decode(endpoint, status, &body)
    }

    /// One request to the first endpoint that takes it: its base URL, the HTTP status and the body.
    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
        is_read: bool,
    ) -> Result<(String, u16, Vec<u8>), Error> {
        let begun = Instant::now();
        let order = self.order();
        let mut tried = Vec::new();
        let mut late = None;
        for (position, endpoint) in order.iter().enumerate() {
            let left = self.timeout.saturating_sub(begun.elapsed());
            if left.is_zero() {
                break;
            }
            let share = if position + 1 < order.len() { left / 2 } else { left };
            let url = format!("{endpoint}{path}");
            let mut request = self.http.request(method.clone(), &url);
            if let Some(body) = &body {
                request = request.header("content-type", "application/json").body(body.clone());
            }
            let asked = Instant::now();
            let result = tokio::time::timeout(share, exchange(request)).await;
            if let Some(Watcher(watch)) = &self.watcher {
                let why = match &result {
                    Ok(Err(error)) => root(error),
                    _ => "no answer in time".into(),
                };
                let answer = match &result {
                    Ok(Ok((status, body))) => Ok((*status, body.as_slice())),
                    _ => Err(why.as_str()),
                };
                let sent = body.as_deref().unwrap_or_default();
                watch(&Exchange { method: method.as_str(), url: &url, sent, answer, took: asked.elapsed() });
            }
            match result {
                Ok(Ok((status, body))) => {
                    self.answered(endpoint);
                    return Ok((endpoint.clone(), status, body));
                }
                Ok(Err(error)) if error.is_connect() || is_read => tried.push((short(endpoint), root(&error))),
                Ok(Err(error)) => return Err(Error::Lost { endpoint: short(endpoint), why: root(&error) }),
                Err(_) if is_read => {
                    let reason = format!("no answer within {} ms", share.as_millis());
                    tried.push((short(endpoint), reason));
                    late.get_or_insert_with(|| short(endpoint));
                }
                Err(_) => {
                    let after = begun.elapsed();
                    return Err(Error::Timeout { endpoint: short(endpoint), after, outcome_unknown: true });
                }
            }
        }
        match late {
            Some(endpoint) => Err(Error::Timeout { endpoint, after: begun.elapsed(), outcome_unknown: false }),
            None => Err(Error::Unreachable { tried }),
        }
    }

    /// Endpoints in the order to ask: last answered, then as known.
    fn order(&self) -> Vec<String> {
        let known = self.known();
        let mut order = known.endpoints.clone();
        order[..=known.last].rotate_right(1);
        order
    }

    fn answered(&self, endpoint: &str) {
        let mut known = self.known();
        if let Some(index) = known.endpoints.iter().position(|known| known == endpoint) {
            known.last = index;
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // A panic elsewhere cannot leave a list of addresses half-made.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends and reads the whole answer, at most [`BODY_BYTES_MAX`] of it.
async fn exchange(request: reqwest::RequestBuilder) -> Result<(u16, Vec<u8>), reqwest::Error> {
    let mut response = request.send().await?;
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > BODY_BYTES_MAX {
            // Cut short, it is no JSON any more and is reported as such.
            break;
        }
    }
    Ok((status, body))
}

fn decode<T: DeserializeOwned>(endpoint: String, status: u16, body: &[u8]) -> Result<T, Error> {
    let endpoint = short(&endpoint);
    if status >= 400 {
        return Err(match serde_json::from_slice::<ErrorBody>(body) {
            Ok(body) => Error::Api(body.error),
            Err(_) => Error::Malformed { endpoint, why: format!("HTTP status {status} without an error of dcache") },
        });
    }
    // The version first: a body of another version need not fit our types.
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Header {
        api_version: String,
    }
    match serde_json::from_slice::<Header>(body) {
        Ok(header) if header.api_version != API_VERSION => {
            return Err(Error::Version { endpoint, theirs: header.api_version, ours: API_VERSION.into() });
        }
        Ok(_) => {}
        Err(_) => return Err(Error::Malformed { endpoint, why: "not an answer of a dcache control door".into() }),
    }
    match serde_json::from_slice::<Envelope<T>>(body) {
        Ok(envelope) => Ok(envelope.body),
        Err(error) => Err(Error::Malformed { endpoint, why: error.to_string() }),
    }
}

/// `http://host:port` of an endpoint as people write it.
fn base_url(endpoint: &str) -> Result<String, Error> {
    let wrong = |why: &str| Error::Endpoint { endpoint: endpoint.into(), why: why.into() };
    let address = endpoint.trim().trim_end_matches('/');
    let address = address.strip_prefix("http://").unwrap_or(address);
    if address.contains("://") {
        return Err(wrong("only http is spoken"));
    }
    let (host, port) = address.rsplit_once(':').ok_or_else(|| wrong("write host:port, for example 127.0.0.1:7401"))?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']' | '%');
    if host.is_empty() || host.len() > 255 || !host.chars().all(is_plain) {
        return Err(wrong("the host is not a name or an address"));
    }
    if !port.parse::<u16>().is_ok_and(|port| port > 0) {
        return Err(wrong("the port is not in 1 to 65535"));
    }
    Ok(format!("http://{address}"))
}

fn short(endpoint: &str) -> String {
    endpoint.trim_start_matches("http://").to_string()
}

fn namespace_path(name: &str) -> Result<String, Error> {
    if !dcache_protocol::namespace::is_name(name) || name.bytes().all(|b| b == b'.') {
        return Err(Error::Api(ApiError {
            code: ErrorCode::Invalid,
            message: format!("{name:?} cannot be a namespace's name"),
            why: Some("a name has 1 to 64 letters, digits, '-', '_' or '.', and not dots alone".into()),
            hints: Vec::new(),
        }));
    }
    Ok(format!("/v1/namespaces/{name}"))
}

/// The URL-safe alphabet of RFC 4648 without padding.
fn base64_url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0u32, |group, &b| group << 8 | u32::from(b)) << (8 * (3 - chunk.len()));
        for position in 0..=chunk.len() {
            let index = (group >> (18 - 6 * position)) & 63;
            text.push(char::from(ALPHABET[index as usize]));
        }
    }
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// A door that gives each connection the next of `answers`, and the address it listens on.
    async fn door(answers: Vec<(u16, &'static str)>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            for (status, body) in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await.unwrap();
                let head =
                    format!("HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
                stream.write_all((head + body).as_bytes()).await.unwrap();
            }
        });
        address
    }

    async fn closed_door() -> String {
        TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string()
    }

    const EMPTY_LIST: &str = r#"{"apiVersion":"dcache/v1","kind":"NamespaceList","items":[],"warnings":[]}"#;

    fn control(endpoints: &[String]) -> Control {
        Control::new(endpoints, Duration::from_secs(5)).unwrap()
    }

    #[tokio::test]
    async fn the_next_endpoint_answers_for_one_that_is_gone_and_is_asked_first_from_then_on() {
        let (gone, alive) = (closed_door().await, door(vec![(200, EMPTY_LIST), (200, EMPTY_LIST)]).await);
        let control = control(&[gone.clone(), alive.clone()]);
        assert_eq!(control.namespaces().await, Ok(vec![]));
        assert_eq!(control.endpoint(), format!("http://{alive}"));
        assert_eq!(control.order()[0], format!("http://{alive}"));
        assert_eq!(control.namespaces().await, Ok(vec![]));
    }

    #[tokio::test]
    async fn nobody_there_names_everybody_tried() {
        let (a, b) = (closed_door().await, closed_door().await);
        let Err(Error::Unreachable { tried }) = control(&[a.clone(), b.clone()]).node().await else {
            panic!("reached")
        };
        assert_eq!(tried.iter().map(|(endpoint, _)| endpoint.clone()).collect::<Vec<_>>(), [a, b]);
        assert!(tried[0].1.contains("connection refused"), "{tried:?}");
    }

    #[tokio::test]
    async fn another_version_is_told_apart_from_garbage() {
        let answers = vec![
            (200, r#"{"apiVersion":"dcache/v9","kind":"Node"}"#),
            (200, "<html>"),
            (200, r#"{"apiVersion":"dcache/v1","kind":"Node"}"#),
            (500, "oops"),
            (404, r#"{"error":{"code":"NOT_FOUND","message":"no namespace named \"x\""}}"#),
        ];
        let control = control(&[door(answers).await]);
        assert!(matches!(control.node().await, Err(Error::Version { theirs, .. }) if theirs == "dcache/v9"));
        for _ in 0..3 {
            assert!(matches!(control.node().await, Err(Error::Malformed { .. })));
        }
        assert!(matches!(control.node().await, Err(Error::Api(ApiError { code: ErrorCode::NotFound, .. }))));
    }

    #[tokio::test]
    async fn a_door_that_says_nothing_is_a_timeout_and_a_change_may_have_happened() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let control = Control::new(&[address], Duration::from_millis(100)).unwrap();
        assert!(matches!(control.node().await, Err(Error::Timeout { outcome_unknown: false, .. })));
        let change = control.delete_namespace("x").await;
        assert!(matches!(change, Err(Error::Timeout { outcome_unknown: true, .. })), "{change:?}");
    }

    #[test]
    fn endpoints_as_people_write_them() {
        assert_eq!(base_url("127.0.0.1:7401").unwrap(), "http://127.0.0.1:7401");
        assert_eq!(base_url("http://[::1]:7401/").unwrap(), "http://[::1]:7401");
        for wrong in ["", "7401", "host:", "host:0", "host:70000", "https://host:1", "a b:1", "host/path:1"] {
            assert!(base_url(wrong).is_err(), "{wrong}");
        }
        assert!(Control::new(&[], Duration::from_secs(1)).is_err());
    }

    #[test]
    fn base64_of_every_length() {
        assert_eq!(base64_url(b""), "");
        assert_eq!(base64_url(b"h"), "aA");
        assert_eq!(base64_url(b"he"), "aGU");
        assert_eq!(base64_url(b"hel"), "aGVs");
        assert_eq!(base64_url(&[0xfb, 0xff]), "-_8");
    }
}
