//! What a plan starts from: who may hold partitions, who holds them today, and what must stay where it is. Here requests are
//! understood: names become nodes, and what cannot be asked for is refused. How partitions move is decided by others.

use super::{Metadata, NodeId, OperationKind, PlanError, PlanRequest, Share};
use crate::placement::{Around, Candidate};
use dcache_protocol::{NodeRecord, NodeState};
use std::collections::{BTreeMap, BTreeSet};

pub(super) struct Situation {
    /// Nodes the request is about, those it leaves to us to find among them.
    pub named: Vec<NodeId>,
    /// Nodes that are to hold their share.
    pub nodes: Vec<Candidate>,
    /// Copies of a partition that are wanted, the primary's among them.
    pub copies: usize,
    /// Holders of each partition, the primary or who is waited for first.
    pub today: Vec<Vec<NodeId>>,
    pub around: Around,
    /// Copies of partitions on nodes that are down and keep them.
    pub down: BTreeMap<usize, Vec<NodeId>>,
    /// Partitions nobody serves: none of their copies can be read.
    pub waiting: BTreeSet<usize>,
}

impl Situation {
    pub fn of(metadata: &Metadata, request: &PlanRequest) -> Result<Situation, PlanError> {
        let named = named(metadata, request)?;
        let is_full = |node: &NodeRecord| match request.kind {
            OperationKind::Add => node.share == Share::Full || named.contains(&node.id),
            OperationKind::Drain | OperationKind::Remove => node.share == Share::Full && !named.contains(&node.id),
            OperationKind::Rebalance | OperationKind::Upgrade => node.share == Share::Full,
        };
        let full: BTreeSet<NodeId> = metadata.nodes.values().filter(|node| is_full(node)).map(|node| node.id).collect();
        let is_up = |node: &NodeId| metadata.nodes.get(node).is_some_and(|node| node.state == NodeState::Up);
        let holding = |node: &&NodeRecord| full.contains(&node.id) && is_up(&node.id) && node.weight > 0;
        let nodes: Vec<Candidate> = metadata
            .nodes
            .values()
            .filter(holding)
            .map(|node| Candidate { id: node.id, weight: node.weight, zone: node.zone.clone() })
            .collect();
        let is_held = metadata.table.iter().any(|partition| !partition.copies.is_empty());
        if nodes.is_empty() && is_held {
            let names: Vec<&str> = named.iter().map(|node| metadata.nodes[node].name.as_str()).collect();
            return Err(PlanError::NobodyLeft(if names.is_empty() { "the cluster".into() } else { names.join(", ") }));
        }
        let copies = metadata.spec.as_ref().map_or(1, |spec| usize::from(spec.copies) + 1);
        let mut situation = Situation {
            named,
            nodes,
            copies,
            today: Vec::new(),
            around: Around::default(),
            down: BTreeMap::new(),
            waiting: BTreeSet::new(),
        };
        for (number, partition) in metadata.table.iter().enumerate() {
            let mut holders: Vec<NodeId> = partition.holder().into_iter().collect();
            holders.extend(partition.backups());
            if !partition.primary.is_some_and(|primary| is_up(&primary.node)) {
                situation.waiting.insert(number);
                situation.around.fixed.insert(number);
            }
            // The primary, which is up, has one copy; so the plan has one to place at least.
            let stays = |node: &&NodeId| full.contains(node) && !is_up(node);
            let down: Vec<NodeId> = holders.iter().filter(stays).take(copies - 1).copied().collect();
            if !down.is_empty() {
                let zone = |node: &NodeId| metadata.nodes[node].zone.clone();
                situation.around.elsewhere.insert(number, down.iter().map(zone).collect());
                situation.down.insert(number, down);
            }
            situation.today.push(holders);
        }
        situation.pin(metadata, request)?;
        Ok(situation)
    }

    fn pin(&mut self, metadata: &Metadata, request: &PlanRequest) -> Result<(), PlanError> {
        let is_emptied = matches!(request.kind, OperationKind::Drain | OperationKind::Remove);
        for pin in &request.pins {
            let Some(holders) = self.today.get(pin.index()) else {
                return Err(PlanError::NoSuchPartition(*pin, metadata.partitions - 1));
            };
            if let Some(node) = self.named.iter().find(|node| is_emptied && holders.contains(node)) {
                return Err(PlanError::Pinned { partition: *pin, node: metadata.nodes[node].name.clone() });
            }
            self.around.fixed.insert(pin.index());
        }
        Ok(())
    }

    pub fn is_fixed(&self, partition: usize) -> bool {
        self.around.fixed.contains(&partition)
    }

    /// What an operator is to know who reads the plan.
    pub fn warnings(&self, metadata: &Metadata) -> Vec<String> {
        let mut warnings = Vec::new();
        let count = |count: usize| if count == 1 { "1 partition".to_string() } else { format!("{count} partitions") };
        for node in metadata.nodes.values().filter(|node| node.state == NodeState::Down) {
            let keeps = self.down.values().filter(|nodes| nodes.contains(&node.id)).count();
            if keeps > 0 {
                let name = &node.name;
                warnings.push(format!("{name} is down: it gets nothing, and keeps its copies of {}", count(keeps)));
            }
        }
        if !self.waiting.is_empty() {
            let first = self.waiting.iter().take(3).map(|number| number.to_string()).collect::<Vec<_>>().join(", ");
            let more = if self.waiting.len() > 3 { ", …" } else { "" };
            warnings.push(format!(
                "{} without a primary stay where they are, as nobody can read them: {first}{more}",
                count(self.waiting.len())
            ));
        }
        if self.nodes.len() < self.copies {
            let (have, want) = (self.nodes.len(), self.copies);
            let nodes = if have == 1 { "1 node".to_string() } else { format!("{have} nodes") };
            warnings.push(format!("{nodes} can hold copies: partitions have {have} instead of {want}"));
        }
        warnings
    }
}

fn named(metadata: &Metadata, request: &PlanRequest) -> Result<Vec<NodeId>, PlanError> {
    let mut named: Vec<NodeId> = Vec::new();
    for name in &request.nodes {
        let node = node_named(metadata, name)?;
        if request.kind == OperationKind::Add && node.state == NodeState::Down {
            return Err(PlanError::Down(name.clone()));
        }
        if !named.contains(&node.id) {
            named.push(node.id);
        }
    }
    match request.kind {
        OperationKind::Upgrade => Err(PlanError::NotPlanned(request.kind)),
        OperationKind::Rebalance if !named.is_empty() => {
            Err(PlanError::Nodes("a rebalance is about all nodes: name none".into()))
        }
        OperationKind::Drain | OperationKind::Remove if named.is_empty() => {
            Err(PlanError::Nodes(format!("a {} needs a node's name", request.kind)))
        }
        OperationKind::Add if named.is_empty() => {
            let is_new = |node: &&NodeRecord| node.share == Share::Joined && node.state == NodeState::Up;
            let mut new: Vec<&NodeRecord> = metadata.nodes.values().filter(is_new).collect();
            new.sort_by_key(|node| &node.name);
            match new.is_empty() {
                true => Err(PlanError::Nodes("no node that is up has joined and waits to be added".into())),
                false => Ok(new.into_iter().map(|node| node.id).collect()),
            }
        }
        _ => Ok(named),
    }
}

/// The node of that name, or the names most like it.
pub fn node_named<'a>(metadata: &'a Metadata, name: &str) -> Result<&'a NodeRecord, PlanError> {
    let found = metadata.nodes.values().find(|node| node.name == name);
    found.ok_or_else(|| {
        let mut near: Vec<&str> = metadata.nodes.values().map(|node| node.name.as_str()).collect();
        near.sort_by_key(|other| (distance(name, other), *other));
        PlanError::NoSuchNode { name: name.into(), near: near.into_iter().take(3).map(String::from).collect() }
    })
}

/// Letters to be put in, left out or changed between two names (Levenshtein, 1966).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, of_a) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, of_b) in b.iter().enumerate() {
            let changed = diagonal + usize::from(of_a != *of_b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
