//! Leaders and several nodes at once, killed or stopped.

use crate::harness::history::*;
use crate::harness::*;
use crate::lab::{Lab, Path, pass};
use std::time::Duration;

/// The place of who leads the metadata log.
fn leader(lab: &Lab, nodes: &[Node]) -> usize {
    let name = |node: &Node| status(&lab.home, node)["leader"].as_str().map(String::from);
    let leader = wait_until("a leader", || name(&nodes[0]));
    nodes.iter().position(|node| node.name == leader).unwrap()
}

/// A key that a node serves, if any, is written through another; how long until it is.
fn written_again(lab: &Lab, nodes: &[Node], of: usize, through: usize, fault: impl FnOnce()) -> Duration {
    let before = status(&lab.home, &nodes[through]);
    let serves = |node: &serde_json::Value| node["name"] == *nodes[of].name && node["partitions"] != 0;
    // A leader that has just started again leads and serves nothing.
    let of = if before["nodes"].as_array().unwrap().iter().any(serves) { of } else { through };
    let key = key_of(&before, &nodes[of].name, "s:probe:");
    fault();
    time_to_write(&nodes[through].gateway, &key)
}

#[test]
fn nothing_acknowledged_under_strong_is_lost_when_the_metadata_leader_is_killed() {
    let lab = Lab::new(3);
    let mut nodes = lab.cluster(Path::Direct, 1);
    let times = survive_rounds("leader killed", &lab.home, &mut nodes, |_, nodes| {
        let victim = leader(&lab, nodes);
        let took = written_again(&lab, nodes, victim, (victim + 1) % 3, || send("KILL", nodes[victim].process.id()));
        nodes[victim] = lab.start(victim, Path::Direct);
        took
    });
    print_times("leader killed, to the next write of its keys", times);
}

#[test]
fn nothing_acknowledged_under_strong_is_lost_when_the_metadata_leader_stands_still() {
    let lab = Lab::new(3);
    let mut nodes = lab.cluster(Path::Direct, 1);
    let times = survive_rounds("leader stopped", &lab.home, &mut nodes, |_, nodes| {
        let victim = leader(&lab, nodes);
        let pid = nodes[victim].process.id();
        let took = written_again(&lab, nodes, victim, (victim + 1) % 3, || send("STOP", pid));
        pass(Duration::from_millis(4500).saturating_sub(took), "three leases");
        send("CONT", pid);
        took
    });
    print_times("leader stopped, to the next write of its keys", times);
}

/// Five nodes with three copies of everything: of many partitions one copy is left.
#[test]
fn nothing_acknowledged_under_strong_is_lost_when_the_metadata_leader_and_another_node_are_killed_at_once() {
    let lab = Lab::new(5);
    let mut nodes = lab.cluster(Path::Direct, 2);
    let times = survive_rounds("leader and another killed", &lab.home, &mut nodes, |_, nodes| {
        let bystander = busiest(&status(&lab.home, &nodes[0]), nodes, |node| node["voter"] == false);
        let victims = [leader(&lab, nodes), bystander];
        let through = (0..5).find(|place| !victims.contains(place)).unwrap();
        let took = written_again(&lab, nodes, bystander, through, || {
            victims.iter().for_each(|victim| send("KILL", nodes[*victim].process.id()));
        });
        for victim in victims {
            nodes[victim] = lab.start(victim, Path::Direct);
        }
        took
    });
    print_times("leader and another killed, to the next write of its keys", times);
}

/// Without a majority nobody serves; what the last copy has is there when one node is back.
#[test]
fn nothing_acknowledged_under_strong_is_lost_when_all_nodes_but_one_are_killed() {
    let lab = Lab::new(3);
    let mut nodes = lab.cluster(Path::Direct, 2);
    survive_rounds("all but one killed", &lab.home, &mut nodes, |round, nodes| {
        let victims = [(round + 1) % 3, (round + 2) % 3];
        victims.iter().for_each(|victim| send("KILL", nodes[*victim].process.id()));
        let mut wire = resp::Wire::connect(&nodes[round % 3].gateway);
        wait_until("one node alone serves nothing", || {
            wire.ask(&["SET", "s:probe", "v"]).starts_with("-CLUSTERDOWN").then_some(())
        });
        for victim in victims {
            nodes[victim] = lab.start(victim, Path::Direct);
        }
    });
}
