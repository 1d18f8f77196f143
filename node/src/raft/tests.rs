//! The log against openraft's own suite for stores, and three logs in one process over function calls.

use super::*;
use dcache_protocol::NamespaceSpec;
use openraft::testing::{StoreBuilder, Suite};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::pin::Pin;
use tempfile::TempDir;

struct Fresh;

impl StoreBuilder<TypeConfig, Store, StateMachine, TempDir> for Fresh {
    async fn build(&self) -> Result<(TempDir, Store, StateMachine), StorageError> {
        let dir = tempfile::tempdir().expect("temporary directory");
        let store = Store::open(dir.path()).expect("opens");
        let state = StateMachine::open(dir.path()).expect("opens");
        Ok((dir, store, state))
    }
}

#[test]
fn the_store_passes_openrafts_suite() {
    Suite::test_all(Fresh).expect("conforms");
}

/// Carries messages by function calls; nodes in `cut` are unreachable.
#[derive(Default)]
struct Wires {
    logs: Mutex<BTreeMap<NodeId, MetadataLog>>,
    cut: Mutex<BTreeSet<NodeId>>,
}

struct Wire {
    from: NodeId,
    wires: Arc<Wires>,
}

impl Transport for Wire {
    fn call(
        &self,
        to: NodeId,
        rpc: Vec<u8>,
        deadline: Duration,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<u8>, TransportError>> + Send>> {
        let (from, wires) = (self.from, self.wires.clone());
        Box::pin(async move {
            let unreachable = || TransportError { why: "cut".into() };
            let is_cut = [from, to].iter().any(|node| wires.cut.lock().contains(node));
            let log = wires.logs.lock().get(&to).cloned().filter(|_| !is_cut).ok_or_else(unreachable)?;
            tokio::time::timeout(deadline, log.handle(&rpc)).await.map_err(|_| unreachable())
        })
    }
}

struct Trio {
    dirs: BTreeMap<NodeId, TempDir>,
    wires: Arc<Wires>,
}

const DEADLINE: Duration = Duration::from_secs(20);

impl Trio {
    async fn start(nodes: u64) -> Trio {
        let mut trio = Trio { dirs: BTreeMap::new(), wires: Arc::default() };
        for id in (1..=nodes).map(NodeId) {
            trio.dirs.insert(id, tempfile::tempdir().expect("temporary directory"));
            trio.open(id).await;
        }
        trio
    }

    async fn open(&self, id: NodeId) {
        let transport = Arc::new(Wire { from: id, wires: self.wires.clone() });
        let dir = self.dirs[&id].path().to_path_buf();
        let log = MetadataLog::open(Options { id, dir, transport }).await.expect("opens");
        self.wires.logs.lock().insert(id, log);
    }

    fn log(&self, id: u64) -> MetadataLog {
        self.wires.logs.lock()[&NodeId(id)].clone()
    }

    async fn leader(&self) -> NodeId {
        let find = async {
            loop {
                let logs: Vec<MetadataLog> = self.wires.logs.lock().values().cloned().collect();
                let cut = self.wires.cut.lock().clone();
                let leads = |log: &&MetadataLog| {
                    let leadership = log.leadership().borrow().clone();
                    leadership.is_me && leadership.leader.is_some_and(|id| !cut.contains(&id)) && log.leads_with_quorum()
                };
                if let Some(id) = logs.iter().find(leads).and_then(|log| log.leadership().borrow().leader) {
                    return id;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(DEADLINE, find).await.expect("a leader in time")
    }

    /// Proposes wherever the leader is.
    async fn propose(&self, command: Command) -> Result<Epoch, Refusal> {
        let agree = async {
            loop {
                let leader = self.leader().await;
                if let Ok(result) = self.log(leader.0).propose(command.clone(), Duration::from_secs(2)).await {
                    return result;
                }
            }
        };
        tokio::time::timeout(DEADLINE, agree).await.expect("agreement in time")
    }

    async fn sees(&self, id: u64, namespace: &str) {
        let mut committed = self.log(id).committed();
        let seen = committed.wait_for(|metadata| metadata.namespaces.contains_key(namespace));
        tokio::time::timeout(DEADLINE, seen).await.expect("applied in time").expect("the log runs");
    }
}

fn set(name: &str) -> Command {
    let matches = Some(dcache_protocol::Match::Prefix(name.into()));
    Command::SetNamespace { spec: NamespaceSpec { name: name.into(), matches, ..NamespaceSpec::default_namespace() } }
}

fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime").block_on(test);
}

#[test]
fn three_nodes_agree_and_go_on_without_their_leader() {
    run(async {
        let trio = Trio::start(3).await;
        trio.log(1).initialize(&[NodeId(1), NodeId(2), NodeId(3)]).await.expect("begins");
        trio.log(1).initialize(&[NodeId(1), NodeId(2), NodeId(3)]).await.expect("a repeat is fine");
        trio.propose(set("a")).await.expect("agreed");
        assert_eq!(trio.propose(set("a")).await, Err(Refusal::NoChange));
        for id in 1..=3 {
            trio.sees(id, "a").await;
        }
        let first = trio.leader().await;
        trio.wires.cut.lock().insert(first);
        trio.propose(set("b")).await.expect("two of three agree");
        assert_ne!(trio.leader().await, first);
        trio.wires.cut.lock().clear();
        trio.sees(first.0, "b").await;
    });
}

#[test]
fn a_lone_voter_of_three_agrees_on_nothing() {
    run(async {
        let trio = Trio::start(3).await;
        trio.log(1).initialize(&[NodeId(1), NodeId(2), NodeId(3)]).await.expect("begins");
        let leader = trio.leader().await;
        trio.wires.cut.lock().extend([1, 2, 3].map(NodeId));
        let result = trio.log(leader.0).propose(set("a"), Duration::from_millis(300)).await;
        assert!(matches!(result, Err(ProposeError::TimedOut | ProposeError::NotLeader { .. })), "{result:?}");
    });
}

#[test]
fn a_restart_finds_the_state_and_a_learner_catches_up_by_snapshot() {
    run(async {
        let mut trio = Trio::start(1).await;
        trio.log(1).initialize(&[NodeId(1)]).await.expect("begins");
        for round in 0..SNAPSHOT_EVERY + KEEP_ENTRIES + 50 {
            trio.propose(set(&format!("n{}", round % 50))).await.ok();
        }
        trio.log(1).shutdown().await;
        trio.open(NodeId(1)).await;
        trio.sees(1, "n49").await;
        assert!(trio.log(1).is_initialized().await);

        trio.dirs.insert(NodeId(2), tempfile::tempdir().expect("temporary directory"));
        trio.open(NodeId(2)).await;
        let leader = trio.leader().await;
        trio.log(leader.0).add_learner(NodeId(2)).await.expect("added");
        trio.sees(2, "n49").await;
        assert!(!trio.log(2).leadership().borrow().voters.contains(&NodeId(2)));
    });
}
