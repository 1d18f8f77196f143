//! A disk that is full: it takes a node's vote away, not its data.

use crate::harness::history::*;
use crate::harness::*;
use crate::lab::{Lab, Path};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::Stdio;

const SIZE: &str = "4m";

/// A small file system in memory, in a mount namespace that a process of its own keeps: it outlives the node, and nothing else
/// sees it.
struct Disk {
    keeper: Process,
    dir: PathBuf,
}

impl Disk {
    fn new(lab: &Lab, name: &str) -> Disk {
        let dir = lab.home.path().join(format!("disk-{name}"));
        std::fs::create_dir(&dir).unwrap();
        let mut command = lab.home.program("unshare");
        let script = format!("mount -t tmpfs -o size={SIZE} none {} && echo ready && exec cat", dir.display());
        command.args(["--mount", "sh", "-c", &script]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut keeper = Process(command.spawn().unwrap());
        let mut line = String::new();
        BufReader::new(keeper.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Disk { keeper, dir }
    }

    fn start(&self, lab: &Lab, place: usize) -> Node {
        let keeper = self.keeper.id().to_string();
        let words = ["nsenter", "--mount", "--target", &keeper];
        lab.start_with(place, Path::Direct, &words, &["--data-dir", &self.dir.to_string_lossy()])
    }

    /// Where this process sees a file of it.
    fn path(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{}/{name}", self.keeper.id(), self.dir.display()))
    }

    fn fill(&self) {
        let mut file = std::fs::File::create(self.path("fill")).unwrap();
        while file.write_all(&[1; 4096]).is_ok() {}
    }

    fn free(&self) {
        std::fs::remove_file(self.path("fill")).unwrap();
    }
}

/// What the others say of one.
fn seen(lab: &Lab, from: &Node, name: &str) -> serde_json::Value {
    let status = status(&lab.home, from);
    status["nodes"].as_array().unwrap().iter().find(|node| node["name"] == name).unwrap().clone()
}

#[test]
fn a_full_disk_takes_the_vote_away_and_not_the_data() {
    let lab = Lab::new(4);
    let disks: Vec<Disk> = (1..=4).map(|number| Disk::new(&lab, &format!("n{number}"))).collect();
    let started = disks.iter().enumerate().map(|(place, disk)| disk.start(&lab, place)).collect();
    let mut nodes = formed(&lab.home, started, 1);
    survive_rounds("disk full", &lab.home, &mut nodes, |round, nodes| {
        let status = status(&lab.home, &nodes[0]);
        // First one that only votes, then the leader.
        let is_next = |node: &&serde_json::Value| node["voter"] == true && node["leader"] == (round % 2 == 1);
        let name = status["nodes"].as_array().unwrap().iter().find(is_next).unwrap()["name"].clone();
        let victim = nodes.iter().position(|node| name == node.name.as_str()).unwrap();
        let (name, witness) = (nodes[victim].name.clone(), (victim + 1) % 4);
        let key = key_of(&status, &name, "s:probe:");
        disks[victim].fill();
        // A last page may have room for some changes still.
        let change = |through: &Node, value: String| {
            let args = ["namespace", "set", "changing", "--prefix", "changing:", "--default-ttl", &value];
            through.run(&lab.home, &args).code == 0
        };
        let mut changes = 10;
        let why = wait_until("its log stops, and everybody is told", || {
            changes += 1;
            change(&nodes[witness], format!("{changes}s"));
            seen(&lab, &nodes[witness], &name)["report"]["logStopped"].as_str().map(String::from)
        });
        assert!(why.contains("No space left"), "{why}");
        assert!(nodes[victim].log().contains("the metadata log stopped; this node serves on without it"));
        let text = nodes[witness].run(&lab.home, &["cluster", "status"]).text().to_string();
        assert!(text.contains("META-03") && text.contains("start it again"), "{text}");
        wait_until("another node votes in its place", || {
            let votes = |name: &str| seen(&lab, &nodes[witness], name)["voter"] == true;
            (!votes(&name) && ["n1", "n2", "n3", "n4"].iter().filter(|name| votes(name)).count() == 3).then_some(())
        });
        // It serves, acts on what others agree on, and has them agree on what it wants.
        time_to_write(&nodes[witness].gateway, &key);
        wait_until("a change through it", || change(&nodes[victim], "9h".into()).then_some(()));
        let list =
            |node: &Node| node.ok(&lab.home, &["namespace", "show", "changing", "-o", "json"]).json()["spec"].clone();
        wait_until("it knows what was agreed", || (list(&nodes[victim]) == list(&nodes[witness])).then_some(()));
        wait_until("it serves", || (seen(&lab, &nodes[witness], &name)["state"] == "up").then_some(()));
        nodes[witness].ok(&lab.home, &["cluster", "failover", &name]);
        disks[victim].free();
        send("KILL", nodes[victim].process.id());
        nodes[victim].process.wait();
        nodes[victim] = disks[victim].start(&lab, victim);
    });
    let status = status(&lab.home, &nodes[0]);
    assert_eq!(status["findings"], serde_json::json!([]), "{status}");
}
