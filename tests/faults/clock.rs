//! A wall clock that jumps by an hour, forwards or backwards, on one node: no safety rests on it, only when keys expire.

use crate::harness::history::*;
use crate::harness::resp::Wire;
use crate::harness::*;
use crate::lab::{Lab, Path, pass};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

const HOUR_MS: i64 = 3_600_000;

/// Where Debian's package `faketime` puts it.
fn library() -> String {
    let found = run(std::process::Command::new("dpkg").args(["-L", "libfaketime"]));
    let path = found.text().lines().find(|line| line.ends_with("/libfaketime.so.1")).map(String::from);
    path.expect("the package faketime is installed")
}

/// Starts a node whose wall clock is as far ahead as a file says.
fn start(lab: &Lab, place: usize) -> Node {
    jump(lab, place, "+0");
    let variables = [
        format!("LD_PRELOAD={}", library()),
        format!("FAKETIME_TIMESTAMP_FILE={}", file(lab, place).display()),
        "FAKETIME_NO_CACHE=1".into(),
        "FAKETIME_DONT_FAKE_MONOTONIC=1".into(),
        "DONT_FAKE_MONOTONIC=1".into(),
    ];
    let words: Vec<&str> = ["env"].into_iter().chain(variables.iter().map(String::as_str)).collect();
    lab.start_with(place, Path::Direct, &words, &[])
}

fn file(lab: &Lab, place: usize) -> std::path::PathBuf {
    lab.home.path().join(format!("clock-{place}"))
}

/// The file is never seen half written.
fn jump(lab: &Lab, place: usize, to: &str) {
    let new = lab.home.file("clock-new", to);
    std::fs::rename(new, file(lab, place)).unwrap();
}

fn unix_ms() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64
}

/// How far ahead a node's wall clock is.
fn ahead_ms(lab: &Lab, node: &Node) -> i64 {
    status(&lab.home, node)["atUnixMs"].as_i64().unwrap() - unix_ms()
}

/// How long this process was kept from running at a time, at most: on a machine that stands still nodes are taken for dead.
struct Calm<'a>(&'a AtomicU64);

impl Calm<'_> {
    fn watch(&self, is_over: impl Fn() -> bool) {
        let mut last = Instant::now();
        while !is_over() {
            wait_until("a moment", || (last.elapsed() > Duration::from_millis(1)).then_some(()));
            self.0.fetch_max(last.elapsed().as_millis() as u64, SeqCst);
            last = Instant::now();
        }
    }
}

#[test]
fn a_wall_clock_that_jumps_by_an_hour_loses_nothing_and_no_lease() {
    let lab = Lab::new(3);
    let mut nodes = formed(&lab.home, (0..3).map(|place| start(&lab, place)).collect(), 1);
    let is_over = std::sync::atomic::AtomicBool::new(false);
    let longest_stall = AtomicU64::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| Calm(&longest_stall).watch(|| is_over.load(SeqCst)));
        let _over = Over(&is_over);
        survive_rounds("clock", &lab.home, &mut nodes, |round, nodes| {
            let before = status(&lab.home, &nodes[0]);
            let victim = busiest(&before, nodes, |_| true);
            let witness = (victim + 1) % 3;
            let name = &nodes[victim].name;
            let [long, short, new] = ["s:long:", "s:short:", "s:new:"].map(|prefix| key_of(&before, name, prefix));
            let mut wire = Wire::connect(&nodes[witness].gateway);
            assert_eq!(wire.ask(&["SET", &long, "v", "PX", &(3 * HOUR_MS).to_string()]), "+OK\r\n");
            assert_eq!(wire.ask(&["SET", &short, "v", "PX", &(HOUR_MS / 2).to_string()]), "+OK\r\n");
            let is_forwards = round % 2 == 0;
            longest_stall.store(0, SeqCst);
            jump(&lab, victim, if is_forwards { "+3600" } else { "-3600" });
            let ahead = ahead_ms(&lab, &nodes[victim]);
            assert!((ahead.abs() - HOUR_MS).abs() < HOUR_MS / 60, "{ahead} ms ahead");
            time_to_write(&nodes[witness].gateway, &key_of(&before, name, "s:probe:"));
            // What expires does so by its primary's clock.
            let is_there = |wire: &mut Wire, key: &str| wire.ask(&["GET", key]) == "$1\r\nv\r\n";
            assert!(is_there(&mut wire, &long), "three hours are not over");
            assert_eq!(is_there(&mut wire, &short), !is_forwards, "half an hour is over, by that clock, or longer");
            assert_eq!(wire.ask(&["SET", &new, "v", "PX", "1000"]), "+OK\r\n");
            assert!(is_there(&mut wire, &new));
            wait_until("a second by any clock", || (!is_there(&mut wire, &new)).then_some(()));
            pass(Duration::from_millis(4500), "three leases");
            jump(&lab, victim, "+0");
            assert!(is_there(&mut wire, &long));
            if is_forwards {
                assert!(!is_there(&mut wire, &short), "what is gone does not come back");
            }
            let went_down =
                nodes[witness].ok(&lab.home, &["events", "--node", name, "-o", "json"]).text().contains("node-down");
            let stall = longest_stall.load(SeqCst);
            println!("clock: this process stood still for {stall} ms at most");
            assert!(!went_down || stall > 200, "no lease rests on the wall clock");
        });
    });
}
