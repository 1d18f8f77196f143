//! Health of a cluster from what is known of it: a pure judgement with stable check ids, so that the command line, the
//! dashboard and a script say the same.
//!
//! | check | level | when |
//! |---|---|---|
//! | NODE-01 | critical | a node with slots is down, does not answer or started again just now: its slots are not served |
//! | NODE-02 | warning | the same of a node without slots |
//! | META-01 | critical | no quorum: namespaces and nodes cannot be changed, failures not noticed |
//! | META-02 | warning | one more lost voter would cost the quorum |
//! | META-03 | warning | a node's metadata log stopped: it serves, but takes no part in agreeing |
//! | SLOT-01 | critical | slots that no node owns |
//! | COPY-01 | critical | partitions of which no copy in sync is up: they wait for one |
//! | COPY-02 | warning | partitions with fewer copies in sync than the cluster keeps |
//! | OPER-01 | warning | an operation is not finished |
//! | OPER-02 | warning | an operation waits for something |
//! | VERS-01 | warning | nodes run different versions |
//! | MEM-01 | warning | a node refuses writes of a namespace for lack of space |

use dcache_cluster::metadata::Metadata;
use dcache_protocol::control::{Finding, Health, Level, NodeStatus, OperationBrief};
use dcache_protocol::operation::OperationState;
use dcache_protocol::{NodeState, Share, SlotRange};
use std::collections::BTreeSet;

/// What the cluster looks like from one node.
#[derive(Clone, Copy, Debug)]
pub struct Sight<'a> {
    pub nodes: &'a [NodeStatus],
    pub quorum: bool,
    /// Slots without any owner in the table.
    pub unowned: &'a [SlotRange],
    pub copies: Copies,
    /// The one under way.
    pub operation: Option<&'a OperationBrief>,
}

/// How it stands with the partitions' further copies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copies {
    /// Partitions that are to have any.
    pub partitions: u16,
    /// Of these, how many have all of them in sync.
    pub in_sync: u16,
    /// Of these, how many nobody serves.
    pub waiting: u16,
}

impl Copies {
    pub fn of(metadata: &Metadata) -> Copies {
        let mut copies = Copies::default();
        // As many as the cluster keeps, as far as there are nodes that are to hold them.
        let holders = metadata.nodes.values().filter(|node| node.share == Share::Full).count();
        let kept = metadata.spec.as_ref().map_or(1, |spec| usize::from(spec.copies) + 1).min(holders);
        for partition in &metadata.table {
            let wanted = if partition.moving.is_some() { kept } else { kept.max(partition.copies.len()) };
            let is_served = partition.primary.is_some();
            if wanted < 2 && is_served {
                continue;
            }
            copies.partitions += 1;
            copies.in_sync += u16::from(is_served && partition.in_sync.len() >= wanted);
            copies.waiting += u16::from(!is_served);
        }
        copies
    }

    fn findings(self) -> impl Iterator<Item = Finding> {
        let finding = |level, check: &str, message, hint: &str| Finding {
            level,
            check: check.into(),
            message,
            hint: Some(hint.into()),
            node: None,
        };
        let waiting = (self.waiting > 0).then(|| {
            let message =
                format!("{} partitions wait for a copy in sync to come back: nobody serves them", self.waiting);
            finding(
                Level::Critical,
                "COPY-01",
                message,
                "start the nodes that are down again, with their data directories",
            )
        });
        let behind = self.partitions - self.in_sync;
        let behind = (behind > self.waiting).then(|| {
            let message =
                format!("{behind} of {} partitions have fewer copies in sync than they should", self.partitions);
            finding(
                Level::Warning,
                "COPY-02",
                message,
                "one more lost node may lose keys; bring back the nodes that are down",
            )
        });
        waiting.into_iter().chain(behind)
    }
}

/// Findings, worst first, and the health they add up to.
pub fn assess(sight: Sight<'_>) -> (Health, Vec<Finding>) {
    let mut findings = Vec::new();
    for node in sight.nodes.iter().filter(|node| !node.serves()) {
        findings.push(lost(node));
    }
    if !sight.unowned.is_empty() {
        findings.push(Finding {
            level: Level::Critical,
            check: "SLOT-01".into(),
            message: format!("slots {} have no owner", list(sight.unowned)),
            hint: None,
            node: None,
        });
    }
    findings.extend(sight.copies.findings());
    findings.extend(metadata(sight));
    findings.extend(sight.operation.map(unfinished));
    let versions: BTreeSet<&str> = sight.nodes.iter().map(|node| node.version.as_str()).collect();
    if versions.len() > 1 {
        findings.push(Finding {
            level: Level::Warning,
            check: "VERS-01".into(),
            message: format!("nodes run different versions: {}", versions.into_iter().collect::<Vec<_>>().join(", ")),
            hint: None,
            node: None,
        });
    }
    findings.extend(sight.nodes.iter().filter_map(stopped));
    findings.extend(sight.nodes.iter().filter_map(refusing));
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.level));
    let health = match findings.first().map(|finding| finding.level) {
        Some(Level::Critical) => Health::Critical,
        Some(Level::Warning) => Health::Degraded,
        _ => Health::Healthy,
    };
    (health, findings)
}

fn unfinished(operation: &OperationBrief) -> Finding {
    let OperationBrief { id, kind, nodes, state, held, upgrade, .. } = operation;
    let of = if nodes.is_empty() { String::new() } else { format!(" of {}", nodes.join(", ")) };
    let (check, what) = match (held, state) {
        (Some(why), _) => ("OPER-02", format!("waits: {why}")),
        (None, OperationState::Paused) => ("OPER-02", "is paused".into()),
        (None, _) => ("OPER-01", "is not finished".into()),
    };
    let made = if upgrade.is_some() { "done" } else { "made" };
    Finding {
        level: Level::Warning,
        check: check.into(),
        message: format!("{kind} {id}{of} {what}; {} are {made}", operation.how_far()),
        hint: Some(match state {
            OperationState::Paused => format!("go on: dcache op resume {id}"),
            _ => format!("watch it: dcache op watch {id}"),
        }),
        node: None,
    }
}

fn stopped(node: &NodeStatus) -> Option<Finding> {
    let why = node.report.as_ref()?.log_stopped.as_ref()?;
    Some(Finding {
        level: Level::Warning,
        check: "META-03".into(),
        message: format!("the metadata log of {} stopped: {why}", node.name),
        hint: Some("it serves on, but does not vote; see to its data directory, then start it again".into()),
        node: Some(node.name.clone()),
    })
}

fn lost(node: &NodeStatus) -> Finding {
    let what = match node.state {
        NodeState::Down => "is down",
        NodeState::Up if node.restarted => "started again and has not taken its place yet",
        NodeState::Up => "does not answer",
    };
    let (level, check, slots) = match node.slots {
        0 => (Level::Warning, "NODE-02", String::new()),
        count => (
            Level::Critical,
            "NODE-01",
            format!("; {count} slots ({}) have no owner that serves them", list(&node.slot_ranges)),
        ),
    };
    Finding {
        level,
        check: check.into(),
        message: format!("{} {what}{slots}", node.name),
        hint: (!node.restarted)
            .then(|| format!("start it again with its data directory; it was at {}", node.addresses.cluster)),
        node: Some(node.name.clone()),
    }
}

fn metadata(sight: Sight<'_>) -> Option<Finding> {
    let voters: Vec<&NodeStatus> = sight.nodes.iter().filter(|node| node.voter).collect();
    let has_log = |node: &NodeStatus| node.report.as_ref().is_none_or(|report| report.log_stopped.is_none());
    let up = voters.iter().filter(|node| node.reachable && has_log(node)).count();
    if !sight.quorum {
        return Some(Finding {
            level: Level::Critical,
            check: "META-01".into(),
            message: format!("no quorum ({up} of {} voters answer): metadata cannot change", voters.len()),
            hint: Some("bring back enough voters; data on nodes that are up is served meanwhile".into()),
            node: None,
        });
    }
    let majority = voters.len() / 2 + 1;
    (voters.len() > 1 && up < voters.len() && up <= majority).then(|| Finding {
        level: Level::Warning,
        check: "META-02".into(),
        message: format!("{up} of {} voters are up; one more lost and metadata cannot change", voters.len()),
        hint: None,
        node: None,
    })
}

fn refusing(node: &NodeStatus) -> Option<Finding> {
    let report = node.report.as_ref()?;
    let full: Vec<&str> = report
        .namespaces
        .iter()
        .filter(|n| n.refused > 0)
        .filter(|n| {
            let limit = n.memory_max_bytes.unwrap_or(report.memory_limit_bytes).min(report.memory_limit_bytes);
            n.memory_used_bytes.saturating_mul(100) >= limit.saturating_mul(95)
        })
        .map(|n| n.name.as_str())
        .collect();
    (!full.is_empty()).then(|| Finding {
        level: Level::Warning,
        check: "MEM-01".into(),
        message: format!("{} is full and refuses writes in namespace {}", node.name, full.join(", ")),
        hint: Some("raise its maximum, or let it evict: dcache namespace set NAME --eviction lru".into()),
        node: Some(node.name.clone()),
    })
}

/// At most eight ranges in words.
fn list(ranges: &[SlotRange]) -> String {
    let mut text: Vec<String> = ranges.iter().take(8).map(ToString::to_string).collect();
    if ranges.len() > 8 {
        text.push(format!("and {} more ranges", ranges.len() - 8));
    }
    text.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use dcache_protocol::Share;
    use dcache_protocol::control::NodeReport;
    use dcache_protocol::{Addresses, NodeId, Slot};

    fn node(name: &str, state: NodeState, reachable: bool, slots: u16) -> NodeStatus {
        let slot = |n| Slot::new(n).expect("below 16384");
        NodeStatus {
            id: NodeId(1),
            name: name.into(),
            zone: String::new(),
            weight: 100,
            version: "0.1.0".into(),
            addresses: Addresses::default(),
            state,
            reachable,
            restarted: false,
            share: Share::Full,
            maintenance_until_unix_ms: 0,
            leader: false,
            voter: true,
            partitions: 1,
            backups: 0,
            backups_in_sync: 0,
            slots,
            slot_ranges: if slots == 0 { vec![] } else { vec![SlotRange { first: slot(0), last: slot(slots - 1) }] },
            memory_limit_bytes: 0,
            report: None,
            error: None,
        }
    }

    fn checks(nodes: &[NodeStatus], quorum: bool) -> (Health, Vec<String>) {
        let (health, findings) =
            assess(Sight { nodes, quorum, unowned: &[], copies: Copies::default(), operation: None });
        (health, findings.into_iter().map(|f| f.check).collect())
    }

    #[test]
    fn a_lost_node_is_named_with_its_slots() {
        let nodes = [
            node("n1", NodeState::Up, true, 100),
            node("n2", NodeState::Down, false, 100),
            node("n3", NodeState::Up, true, 0),
        ];
        let (health, findings) =
            assess(Sight { nodes: &nodes, quorum: true, unowned: &[], copies: Copies::default(), operation: None });
        assert_eq!(health, Health::Critical);
        assert_eq!(findings[0].check, "NODE-01");
        assert_eq!(findings[0].node.as_deref(), Some("n2"));
        assert!(findings[0].message.contains("0-99"), "{}", findings[0].message);
        assert_eq!(findings[1].check, "META-02");
    }

    #[test]
    fn a_node_whose_log_stopped_serves_and_is_no_voter_to_count_on() {
        let mut nodes = ["n1", "n2", "n3"].map(|name| node(name, NodeState::Up, true, 100));
        let report = NodeReport { log_stopped: Some("No space left on device".into()), ..NodeReport::default() };
        nodes[1].report = Some(report);
        let (health, findings) =
            assess(Sight { nodes: &nodes, quorum: true, unowned: &[], copies: Copies::default(), operation: None });
        let checks: Vec<&str> = findings.iter().map(|finding| finding.check.as_str()).collect();
        assert_eq!((health, checks), (Health::Degraded, vec!["META-02", "META-03"]));
        assert!(findings[1].message.contains("n2 stopped: No space left"), "{}", findings[1].message);
    }

    #[test]
    fn missing_copies_are_told_and_partitions_that_wait_are_critical() {
        let up = [node("n1", NodeState::Up, true, 100)];
        let found = |copies| {
            let (health, findings) = assess(Sight { nodes: &up, quorum: true, unowned: &[], copies, operation: None });
            (health, findings.into_iter().map(|finding| finding.check).collect::<Vec<_>>())
        };
        assert_eq!(found(Copies { partitions: 9, in_sync: 9, waiting: 0 }), (Health::Healthy, vec![]));
        assert_eq!(found(Copies { partitions: 9, in_sync: 7, waiting: 0 }), (Health::Degraded, vec!["COPY-02".into()]));
        assert_eq!(found(Copies { partitions: 9, in_sync: 7, waiting: 2 }), (Health::Critical, vec!["COPY-01".into()]));
    }

    #[test]
    fn a_node_that_started_again_serves_nothing_before_it_took_its_place() {
        let mut nodes = ["n1", "n2", "n3"].map(|name| node(name, NodeState::Up, true, 100));
        nodes[1].restarted = true;
        let (health, findings) =
            assess(Sight { nodes: &nodes, quorum: true, unowned: &[], copies: Copies::default(), operation: None });
        let checks: Vec<&str> = findings.iter().map(|finding| finding.check.as_str()).collect();
        assert_eq!((health, checks), (Health::Critical, vec!["NODE-01"]), "it votes all the same");
        assert!(findings[0].message.starts_with("n2 started again"), "{}", findings[0].message);
    }

    #[test]
    fn levels_add_up() {
        let up = node("n1", NodeState::Up, true, 100);
        assert_eq!(checks(std::slice::from_ref(&up), true), (Health::Healthy, vec![]));
        assert_eq!(checks(std::slice::from_ref(&up), false).0, Health::Critical);
        let idle = node("n4", NodeState::Up, false, 0);
        let voters = [up.clone(), up.clone(), up, NodeStatus { voter: false, ..idle }];
        assert_eq!(checks(&voters, true), (Health::Degraded, vec!["NODE-02".to_string()]));
    }
}
