//! The log against openraft's own suite for stores, and whole logs in one process that talk by function calls.

use super::*;
use dcache_cluster::placement::{Assignment, Candidate, place};
use dcache_protocol::control::ClusterSpec;
use dcache_protocol::{Addresses, Incarnation, Match, NamespaceSpec, NodeRecord, NodeState};
use openraft::testing::{StoreBuilder, Suite};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use tempfile::TempDir;

struct Fresh;

impl StoreBuilder<TypeConfig, Store, StateMachine, TempDir> for Fresh {
    async fn build(&self) -> Result<(TempDir, Store, StateMachine), StorageError> {
        let dir = temporary();
        let store = Store::open(files(dir.path())).expect("opens");
        let state = StateMachine::open(files(dir.path())).expect("opens");
        Ok((dir, store, state))
    }
}

#[test]
fn the_store_passes_openrafts_suite() {
    Suite::test_all(Fresh).expect("conforms");
}

/// What happens within this is not waited for longer; a busy machine may need much of it.
const DEADLINE: Duration = Duration::from_secs(30);

fn temporary() -> TempDir {
    tempfile::tempdir().expect("temporary directory")
}

fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime").block_on(test);
}

async fn in_time<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, what).await.expect("in time")
}

/// Carries messages by function calls between the nodes that run and are not cut off.
#[derive(Default)]
struct Wires {
    running: Mutex<BTreeMap<NodeId, MetadataLog>>,
    cut: Mutex<BTreeSet<NodeId>>,
    /// Who stands still: takes messages and answers none.
    still: Mutex<BTreeSet<NodeId>>,
    /// Who answers at a node's address, if not the node.
    moved: Mutex<BTreeMap<NodeId, NodeId>>,
    /// How long a node takes for each entry of the log.
    slow: Mutex<BTreeMap<NodeId, Duration>>,
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
            let unreachable = || TransportError { why: "cut off".into() };
            assert!(std::str::from_utf8(&rpc).is_ok(), "messages are text");
            let to = wires.moved.lock().get(&to).copied().unwrap_or(to);
            let is_cut = [from, to].iter().any(|node| wires.cut.lock().contains(node));
            if [from, to].iter().any(|node| wires.still.lock().contains(node)) {
                tokio::time::sleep(deadline).await;
                return Err(unreachable());
            }
            let slow = wires.slow.lock().get(&to).copied();
            if let Some(each) = slow {
                let head: serde_json::Value = serde_json::from_slice(&rpc).expect("JSON");
                let entries = head["message"]["append"]["entries"].as_array().map_or(0, Vec::len);
                tokio::time::timeout(deadline, tokio::time::sleep(each * entries as u32))
                    .await
                    .map_err(|_| unreachable())?;
            }
            let log = wires.running.lock().get(&to).cloned().filter(|_| !is_cut).ok_or_else(unreachable)?;
            tokio::time::timeout(deadline, log.handle(&rpc)).await.map_err(|_| unreachable())
        })
    }
}

fn files(dir: &Path) -> Arc<dyn Disk> {
    Files::open(dir).expect("opens")
}

/// A directory that may be full: nothing can be added then, and the last write is there in part.
#[derive(Debug)]
struct Full {
    files: Arc<Files>,
    is_full: Arc<AtomicBool>,
}

impl Full {
    fn check(&self) -> io::Result<()> {
        if self.is_full.load(Relaxed) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

impl Disk for Full {
    fn path(&self, name: &str) -> PathBuf {
        self.files.path(name)
    }

    fn names(&self) -> io::Result<Vec<String>> {
        self.files.names()
    }

    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        self.files.read(name)
    }

    fn append(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.check()
            .inspect_err(|_| self.files.append(name, &bytes[..bytes.len() / 2]).expect("has a little space"))?;
        self.files.append(name, bytes)
    }

    fn truncate(&self, name: &str, length: u64) -> io::Result<()> {
        self.files.truncate(name, length)
    }

    fn replace(&self, name: &str, parts: &[&[u8]]) -> io::Result<()> {
        self.check()?;
        self.files.replace(name, parts)
    }

    fn overwrite(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.files.overwrite(name, bytes)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.files.remove(name)
    }

    fn is_slow(&self) -> bool {
        self.files.is_slow()
    }
}

/// Some nodes with a directory each.
struct Nodes {
    dirs: BTreeMap<NodeId, TempDir>,
    wires: Arc<Wires>,
    /// Whose disks are full.
    full: BTreeMap<NodeId, Arc<AtomicBool>>,
}

impl Nodes {
    /// Nodes 1 to `count`; all vote.
    async fn voting(count: u64) -> Nodes {
        let mut nodes = Nodes { dirs: BTreeMap::new(), wires: Arc::default(), full: BTreeMap::new() };
        for id in 1..=count {
            nodes.add(id).await;
        }
        let voters: Vec<NodeId> = nodes.dirs.keys().copied().collect();
        nodes.log(1).initialize(&voters).await.expect("begins");
        nodes
    }

    async fn add(&mut self, id: u64) {
        self.dirs.insert(NodeId(id), temporary());
        self.full.insert(NodeId(id), Arc::default());
        self.start(id).await;
    }

    async fn start(&self, id: u64) {
        let log = self.open(id).await.expect("opens");
        self.wires.running.lock().insert(NodeId(id), log);
    }

    async fn open(&self, id: u64) -> Result<MetadataLog, OpenError> {
        let transport = Arc::new(Wire { from: NodeId(id), wires: self.wires.clone() });
        let files = Files::open(self.dir(id)).expect("opens");
        let disk = Arc::new(Full { files, is_full: self.full[&NodeId(id)].clone() });
        MetadataLog::open(Options { id: NodeId(id), disk, transport, unix_ms: || 0 }).await
    }

    async fn stop(&self, id: u64) {
        let log = self.wires.running.lock().remove(&NodeId(id)).expect("it runs");
        log.shutdown().await;
    }

    fn dir(&self, id: u64) -> &Path {
        self.dirs[&NodeId(id)].path()
    }

    fn log(&self, id: u64) -> MetadataLog {
        self.wires.running.lock()[&NodeId(id)].clone()
    }

    /// The one that leads with a quorum.
    async fn leader(&self) -> u64 {
        let find = async {
            loop {
                let leads = |(id, log): (&NodeId, &MetadataLog)| log.leads_with_quorum().then_some(id.0);
                if let Some(id) = self.wires.running.lock().iter().find_map(leads) {
                    return id;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        in_time(find).await
    }

    /// Proposes wherever the leader is.
    async fn propose(&self, command: Command) -> Result<Epoch, Refusal> {
        let agree = async {
            loop {
                let leader = self.leader().await;
                if let Ok(result) = self.log(leader).propose(command.clone(), Duration::from_secs(2)).await {
                    return result;
                }
            }
        };
        in_time(agree).await
    }

    async fn sees(&self, id: u64, namespace: &str) {
        let mut committed = self.log(id).committed();
        in_time(committed.wait_for(|metadata| metadata.namespaces.contains_key(namespace))).await.expect("it runs");
    }

    async fn knows(&self, id: u64, is_so: impl FnMut(&Leadership) -> bool) -> Leadership {
        in_time(self.log(id).leadership().wait_for(is_so)).await.expect("it runs").clone()
    }
}

fn set(name: &str) -> Command {
    let matches = Some(Match::Prefix(name.into()));
    Command::SetNamespace { spec: NamespaceSpec { name: name.into(), matches, ..NamespaceSpec::default_namespace() } }
}

fn others(leader: u64) -> [u64; 2] {
    match leader {
        1 => [2, 3],
        2 => [1, 3],
        _ => [1, 2],
    }
}

#[test]
fn three_nodes_agree_and_go_on_without_their_leader() {
    run(async {
        let nodes = Nodes::voting(3).await;
        nodes.log(1).initialize(&[NodeId(1), NodeId(2), NodeId(3)]).await.expect("a repeat changes nothing");
        assert_eq!(nodes.propose(set("a")).await, Ok(Epoch(1)));
        assert_eq!(nodes.propose(set("a")).await, Err(Refusal::NoChange));
        for id in 1..=3 {
            nodes.sees(id, "a").await;
        }
        let first = nodes.leader().await;
        nodes.stop(first).await;
        nodes.propose(set("b")).await.expect("two of three agree");
        assert_ne!(nodes.leader().await, first);

        nodes.start(first).await;
        nodes.sees(first, "b").await;
        let known = nodes.knows(first, |known| known.leader.is_some()).await;
        assert_eq!(known.voters, BTreeSet::from([1, 2, 3].map(NodeId)));
        assert!(known.has_quorum());
    });
}

#[test]
fn a_log_whose_disk_is_full_stops_and_says_so_and_goes_on_when_it_is_started_again() {
    for is_leader in [false, true] {
        run(async {
            let nodes = Nodes::voting(3).await;
            nodes.propose(set("a")).await.expect("agreed");
            let leader = nodes.leader().await;
            let victim = if is_leader { leader } else { others(leader)[0] };
            nodes.sees(victim, "a").await;
            nodes.full[&NodeId(victim)].store(true, Relaxed);
            nodes.propose(set("b")).await.expect("two of three agree");
            let mut known = nodes.log(victim).leadership();
            let stopped = in_time(known.wait_for(|known| known.stopped.is_some())).await.expect("it said so").clone();
            assert!(stopped.stopped.is_some_and(|why| why.contains("no storage space")) && stopped.leader.is_none());
            assert_eq!(stopped.voters.len(), 3, "it is still known who votes");
            let silent = async {
                loop {
                    let members = nodes.log(nodes.leader().await).members();
                    match members.map(|members| members.silent) {
                        Some(silent) if silent == [NodeId(victim)].into() => return,
                        _ => tokio::time::sleep(Duration::from_millis(10)).await,
                    }
                }
            };
            in_time(silent).await;

            nodes.stop(victim).await;
            nodes.full[&NodeId(victim)].store(false, Relaxed);
            nodes.start(victim).await;
            nodes.sees(victim, "b").await;
            nodes.stop(others(victim)[0]).await;
            nodes.propose(set("c")).await.expect("it votes again");
        });
    }
}

#[test]
fn a_member_that_is_slow_receives_what_it_lacks_in_parts_that_it_can_take() {
    run(async {
        let nodes = Nodes::voting(3).await;
        let leader = nodes.leader().await;
        let [slow, _] = others(leader);
        nodes.wires.cut.lock().insert(NodeId(slow));
        for number in 0..ENTRIES_KEPT - 5 {
            nodes.propose(set(&format!("a{number}"))).await.expect("two of three agree");
        }
        // All of it takes longer than any message may.
        let each = APPEND_WITHIN / 10;
        nodes.wires.slow.lock().insert(NodeId(slow), each);
        nodes.wires.cut.lock().clear();
        nodes.sees(slow, &format!("a{}", ENTRIES_KEPT - 6)).await;
    });
}

#[test]
fn followers_name_the_leader_to_who_proposes() {
    run(async {
        let nodes = Nodes::voting(3).await;
        let leader = nodes.leader().await;
        let follower = others(leader)[0];
        nodes.knows(follower, |known| known.leader == Some(NodeId(leader))).await;
        let result = nodes.log(follower).propose(set("a"), DEADLINE).await;
        assert_eq!(result, Err(ProposeError::NotLeader { leader: Some(NodeId(leader)) }));
    });
}

#[test]
fn a_leader_without_its_voters_notices_and_refuses_for_certain() {
    run(async {
        let nodes = Nodes::voting(3).await;
        let leader = nodes.leader().await;
        let [follower, _] = others(leader);
        nodes.knows(follower, |known| known.leader.is_some()).await;
        nodes.wires.cut.lock().extend([1, 2, 3].map(NodeId));
        let known = nodes.knows(leader, |known| !known.has_quorum()).await;
        assert!(known.is_me, "openraft's leader stays one until it hears of another");
        let result = nodes.log(leader).propose(set("a"), Duration::from_millis(200)).await;
        assert_eq!(result, Err(ProposeError::NoQuorum));
        let known = nodes.knows(follower, |known| known.leader.is_none()).await;
        assert!(!known.has_quorum() && !known.is_me);

        nodes.wires.cut.lock().clear();
        nodes.propose(set("b")).await.expect("all three agree");
        nodes.sees(follower, "b").await;
        assert!(!nodes.log(follower).committed().borrow().namespaces.contains_key("a"), "it was never in the log");
    });
}

#[test]
fn what_a_cut_off_leader_wrote_gives_way_to_what_the_others_agreed() {
    run(async {
        let nodes = Nodes::voting(3).await;
        let leader = nodes.leader().await;
        nodes.wires.cut.lock().insert(NodeId(leader));
        // Straight to openraft, past the check for a quorum.
        let raft = nodes.log(leader).raft;
        let lost =
            tokio::spawn(async move { raft.client_write(Stamped { at_unix_ms: 0, command: set("lost") }).await });
        nodes.knows(leader, |known| !known.has_quorum()).await;
        nodes.propose(set("kept")).await.expect("two of three agree");
        nodes.wires.cut.lock().clear();
        nodes.sees(leader, "kept").await;
        let answer = in_time(lost).await.expect("it ran");
        let forward = answer.expect_err("it was not agreed");
        assert!(forward.forward_to_leader::<RaftNode>().is_some(), "{forward}");
        assert!(!nodes.log(leader).committed().borrow().namespaces.contains_key("lost"));
    });
}

#[test]
fn a_restarted_node_has_what_was_agreed_before_it_hears_from_anyone() {
    run(async {
        let nodes = Nodes::voting(3).await;
        // Past a snapshot, so that both it and the log after it are needed.
        for number in 0..SNAPSHOT_EVERY + 5 {
            nodes.propose(set(&format!("n{number}"))).await.expect("agreed");
        }
        let last = format!("n{}", SNAPSHOT_EVERY + 4);
        for id in 1..=3 {
            nodes.sees(id, &last).await;
        }
        let before = nodes.log(1).committed().borrow().clone();
        for id in 1..=3 {
            nodes.stop(id).await;
        }
        nodes.start(2).await;
        assert!(nodes.log(2).is_initialized().await);
        assert_eq!(*nodes.log(2).committed().borrow(), before);
        assert_eq!(nodes.log(2).leadership().borrow().leader, None, "the leader it remembers is not there");
        nodes.start(3).await;
        nodes.propose(set("again")).await.expect("two of three agree");
    });
}

#[test]
fn a_learner_catches_up_by_snapshot_and_comes_to_vote() {
    run(async {
        let mut nodes = Nodes::voting(1).await;
        let count = SNAPSHOT_EVERY + ENTRIES_KEPT + 5;
        for number in 0..count {
            nodes.propose(set(&format!("n{number}"))).await.expect("agreed");
        }
        nodes.add(2).await;
        assert!(!nodes.log(2).is_initialized().await);
        nodes.log(1).add_learner(NodeId(2)).await.expect("added");
        nodes.sees(2, &format!("n{}", count - 1)).await;
        let files = std::fs::read_dir(nodes.dir(2)).expect("lists").flatten();
        assert!(files.map(|file| file.file_name()).any(|name| name.to_string_lossy().starts_with("snapshot-0")));
        let known = nodes.knows(2, |known| known.leader == Some(NodeId(1))).await;
        assert_eq!((known.voters.len(), known.members.len()), (1, 2));

        nodes.log(1).set_voters(&[NodeId(1), NodeId(2)].into()).await.expect("agreed");
        nodes.knows(2, |known| known.voters.len() == 2).await;
        nodes.log(1).set_voters(&[NodeId(2)].into()).await.expect("agreed");
        let known = nodes.knows(2, |known| known.is_me && known.has_quorum()).await;
        assert_eq!((known.voters.len(), known.members.len()), (1, 2), "who votes no more still receives the log");
        nodes.propose(set("after")).await.expect("agreed");
        nodes.sees(1, "after").await;
    });
}

#[test]
fn a_new_node_does_not_answer_for_the_one_that_had_its_address() {
    run(async {
        let mut nodes = Nodes::voting(3).await;
        nodes.propose(set("a")).await.expect("agreed");
        let leader = nodes.leader().await;
        let [gone, other] = others(leader);
        nodes.stop(gone).await;
        nodes.add(9).await;
        nodes.wires.moved.lock().insert(NodeId(gone), NodeId(9));
        nodes.wires.cut.lock().insert(NodeId(other));
        // With the newcomer's empty log counted for the lost one's there would be a quorum.
        nodes.knows(leader, |known| !known.has_quorum()).await;
        assert!(!nodes.log(9).is_initialized().await);
        assert_eq!(nodes.log(9).leadership().borrow().leader, None);
    });
}

#[test]
fn what_is_no_message_is_answered_with_why() {
    run(async {
        let nodes = Nodes::voting(1).await;
        nodes.propose(set("a")).await.expect("agreed");
        let vote = r#"{"leader_id":{"term":9,"node_id":7},"committed":true}"#;
        let meta = r#"{"last_log_id":null,"last_membership":{"log_id":null,"membership":{"configs":[],"nodes":{}}},"snapshot_id":""}"#;
        let snapshot = format!(r#"{{"vote":{vote},"meta":{meta}}}"#);
        let to_me = |message: &str| format!(r#"{{"to":"0000000000000001","message":{{{message}}}}}"#);
        for (rpc, why) in [
            (String::new(), "not a message"),
            ("\n\n".into(), "not a message"),
            ("[".repeat(10_000), "not a message"),
            (to_me(r#""vote":{"vote":1}"#), "not a message"),
            (to_me(&format!(r#""snapshot":{snapshot}"#)), "the snapshot cannot be used"),
            (to_me(&format!(r#""snapshot":{snapshot}"#)) + "\n{\"applied\":null}", "the snapshot cannot be used"),
            (to_me(&format!(r#""snapshot":{snapshot}"#)).replace("01\"", "02\""), "this is node 0000000000000001"),
        ] {
            let answer = String::from_utf8(nodes.log(1).handle(rpc.as_bytes()).await).expect("text");
            assert!(answer.contains("\"failed\":") && answer.contains(why), "{rpc:.200} got {answer}");
        }
        nodes.propose(set("b")).await.expect("it still leads");
    });
}

#[test]
fn a_change_too_large_for_a_message_is_refused() {
    run(async {
        let nodes = Nodes::voting(1).await;
        nodes.leader().await;
        let huge = Command::DeleteNamespace { name: "x".repeat(COMMAND_BYTES_MAX) };
        let result = nodes.log(1).propose(huge, DEADLINE).await;
        assert!(matches!(&result, Ok(Err(Refusal::Invalid(why))) if why.contains("larger than")), "{result:?}");
    });
}

#[test]
fn a_log_that_begins_after_every_snapshot_is_not_opened() {
    run(async {
        let nodes = Nodes::voting(1).await;
        for number in 0..SNAPSHOT_EVERY + ENTRIES_KEPT + 5 {
            nodes.propose(set(&format!("n{number}"))).await.expect("agreed");
        }
        let purged = async {
            while nodes.log(1).raft.metrics().borrow().purged.is_none() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        in_time(purged).await;
        nodes.stop(1).await;
        let files: Vec<PathBuf> = std::fs::read_dir(nodes.dir(1)).expect("lists").flatten().map(|f| f.path()).collect();
        let mut snapshots: Vec<&PathBuf> =
            files.iter().filter(|path| path.to_string_lossy().contains("snapshot-0")).collect();
        snapshots.sort();
        assert_eq!(snapshots.len(), 2);
        std::fs::write(snapshots[1], "damaged").expect("writes");
        let log = nodes.open(1).await.expect("the older snapshot and the log are enough");
        log.shutdown().await;
        std::fs::write(snapshots[0], "damaged").expect("writes");
        let error = nodes.open(1).await.err().expect("nothing reaches to where the log begins");
        assert!(matches!(error, OpenError::NoSnapshot { .. }), "{error}");
    });
}

#[test]
fn the_largest_clusters_first_entry_reaches_everyone() {
    run(async {
        let nodes = Nodes::voting(3).await;
        let record = |id: u64| NodeRecord {
            id: NodeId(id),
            name: format!("node-{id}"),
            zone: "zone-a".into(),
            weight: 100,
            addresses: Addresses { peers: format!("node-{id}.example.internal:7400"), ..Addresses::default() },
            incarnation: Incarnation(id),
            state: NodeState::Up,
            version: "0.1.0".into(),
            level: dcache_protocol::LEVEL,
            memory_bytes: 1 << 30,
            share: Default::default(),
            maintenance_until_unix_ms: 0,
            is_stopping: false,
        };
        let records: Vec<NodeRecord> = (1..=300).map(record).collect();
        let candidates: Vec<Candidate> =
            records.iter().map(|node| Candidate { id: node.id, weight: 100, zone: node.zone.clone() }).collect();
        let table: Vec<Assignment> = place(16384, &candidates, &[]);
        let spec = ClusterSpec {
            name: "large".into(),
            partitions: 16384,
            copies: 0,
            rebuild_after_ms: 60_000,
            auto_rebalance: false,
            nodes: Vec::new(),
            namespaces: Vec::new(),
        };
        let form = Command::Form { cluster_id: NodeId(99), spec, nodes: records, table, namespaces: Vec::new() };
        // Slow machines may see it agreed only after the first try was given up.
        let result = nodes.propose(form).await;
        assert!(matches!(result, Ok(Epoch(1)) | Err(Refusal::AlreadyFormed)), "{result:?}");
        for id in 1..=3 {
            in_time(nodes.log(id).committed().wait_for(|metadata| metadata.is_formed())).await.expect("it runs");
        }
    });
}

#[test]
fn a_voter_that_lacks_entries_unseats_no_leader_when_it_comes_back() {
    run(async {
        let nodes = Nodes::voting(3).await;
        nodes.propose(set("a")).await.expect("agreed");
        let leader = nodes.leader().await;
        let [cut, _] = others(leader);
        nodes.wires.cut.lock().insert(NodeId(cut));
        nodes.propose(set("b")).await.expect("agreed");
        let term = nodes.log(leader).leadership().borrow().term;
        // Which is longer than any voter waits before it would stand.
        nodes.knows(cut, |known| known.leader.is_none()).await;
        nodes.wires.cut.lock().clear();
        nodes.sees(cut, "b").await;
        let known = nodes.knows(cut, |known| known.leader.is_some()).await;
        assert_eq!((known.leader, known.term), (Some(NodeId(leader)), term), "nobody was elected meanwhile");
    });
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_stands_still_is_replaced_by_one_that_is_not_unseated() {
    for seed in 0..20 {
        runtime::seed(seed);
        let nodes = Nodes::voting(3).await;
        let old = nodes.leader().await;
        for id in others(old) {
            nodes.knows(id, |known| known.leader == Some(NodeId(old))).await;
        }
        let (since, term) = (Instant::now(), nodes.log(old).leadership().borrow().term);
        nodes.wires.still.lock().insert(NodeId(old));
        nodes.wires.running.lock().remove(&NodeId(old));
        let new = nodes.leader().await;
        let took = since.elapsed();
        assert!(took <= SILENCE_MAX, "seed {seed}: {took:?}, a lease may not be waited for twice");
        tokio::time::sleep(Duration::from_secs(3)).await;
        let known = nodes.log(new).leadership().borrow().clone();
        assert_eq!((known.leader, known.term), (Some(NodeId(new)), term + 1), "seed {seed}: unseated");
    }
}
