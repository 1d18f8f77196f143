//! How keys and polls change the state, and what the screens show at several sizes, compared with the text files in
//! `tests/golden/tui` (rewritten with `UPDATE=1`). Operations and changes of the cluster are in `tests/operations.rs`.

mod operations;

use super::*;
use crate::tab;
use crossterm::event::KeyModifiers;
use dcache_protocol::control::{
    ClusterEvent, EventKind, Finding, Health, Latency, Level, LinkLag, NamespaceFigures, NodeReport, PolicyChoice,
    ReplicationFigures, Traffic,
};
use dcache_protocol::{Addresses, Epoch, Eviction, NodeId, Share, Slot, SlotRange};
use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

const THEME: Theme = Theme { colour: false, ascii: false };
const OPENED: u64 = 1_795_000_000_000;

fn report(node: u64, second: u64) -> NodeReport {
    let ops = 30_000 * second + node * 1000 * second + 1500 * (second % 5);
    NodeReport {
        id: NodeId(node),
        name: format!("cache-{node}"),
        uptime_ms: 90_000_000 + second * 1000,
        memory_used_bytes: (300 + node * 50) << 20,
        memory_limit_bytes: 512 << 20,
        resident_bytes: 600 << 20,
        items: 100_000 * node,
        connections: 40 + node,
        traffic: Traffic { commands: ops, hits: ops * 9 / 10, misses: ops / 10, ..Traffic::default() },
        latency: Latency {
            count: 1000,
            p50_us: 41.0,
            p90_us: 90.0,
            p99_us: 310.0 * node as f64,
            p999_us: 900.0,
            max_us: 2000.0,
        },
        commands: vec![dcache_protocol::control::CommandFigures {
            name: "get".into(),
            calls: ops,
            errors: 0,
            latency: Latency { count: 900, p50_us: 40.0, p90_us: 80.0, p99_us: 300.0, p999_us: 800.0, max_us: 1900.0 },
        }],
        namespaces: vec![NamespaceFigures {
            name: "default".into(),
            items: 100_000 * node,
            memory_used_bytes: (300 + node * 50) << 20,
            chosen: vec![PolicyChoice { policy: Eviction::Lhd, ..PolicyChoice::default() }],
            ..NamespaceFigures::default()
        }],
        replication: ReplicationFigures {
            links: (1..=3).filter(|other| *other != node).map(link).collect(),
            log_bytes: 60 << 20,
            taken_over: 341 * (node / 2),
            ..ReplicationFigures::default()
        },
        ..NodeReport::default()
    }
}

fn link(node: u64) -> LinkLag {
    LinkLag { node: format!("cache-{node}"), in_sync: 170, building: 1, entries: 40 * node, lag_ms: 700 * (node - 1) }
}

fn node(number: u64, second: u64) -> NodeStatus {
    let slot = |n| Slot::new(n).expect("below 16384");
    let first = (number as u16 - 1) * 5461;
    NodeStatus {
        id: NodeId(number),
        name: format!("cache-{number}"),
        zone: ["a", "b", "c"][number as usize - 1].into(),
        weight: 100,
        version: "0.1.0".into(),
        addresses: Addresses {
            gateway: format!("127.0.0.1:{}", 6378 + number),
            cluster: format!("127.0.0.1:74{}0", number - 1),
            control: format!("127.0.0.1:74{}1", number - 1),
            peers: format!("127.0.0.1:74{}2", number - 1),
        },
        state: NodeState::Up,
        reachable: true,
        restarted: false,
        share: Share::Full,
        maintenance_until_unix_ms: 0,
        leader: number == 1,
        voter: true,
        partitions: 341,
        backups: 342,
        backups_in_sync: 340,
        slots: 5461,
        slot_ranges: vec![SlotRange { first: slot(first), last: slot(first + 5460) }],
        memory_limit_bytes: 512 << 20,
        report: Some(report(number, second)),
        error: None,
    }
}

fn status(second: u64) -> ClusterStatus {
    ClusterStatus {
        name: "prod".into(),
        id: "00c0ffee".into(),
        formed: true,
        epoch: Epoch(7),
        level: 1,
        leader: Some("cache-1".into()),
        quorum: true,
        health: Health::Healthy,
        findings: Vec::new(),
        partitions: 1024,
        copies: 1,
        partitions_in_sync: 1020,
        partitions_served: 1024,
        partitions_moving: 0,
        operation: None,
        slots_unserved: Vec::new(),
        nodes: (1..=3).map(|number| node(number, second)).collect(),
        answered_by: "cache-1".into(),
        at_unix_ms: OPENED + second * 1000,
        collected_in_ms: 3,
    }
}

/// The same with the third node down.
fn with_a_lost_node(second: u64) -> ClusterStatus {
    let mut status = status(second);
    let lost = &mut status.nodes[2];
    lost.state = NodeState::Down;
    lost.reachable = false;
    lost.report = None;
    lost.error = Some("no connection to 127.0.0.1:7422".into());
    status.health = Health::Critical;
    status.partitions_served = 683;
    status.findings = vec![Finding {
        level: Level::Critical,
        check: "NODE-01".into(),
        message: "cache-3 is down; 5461 slots (10922-16382) have no owner that serves them".into(),
        hint: None,
        node: Some("cache-3".into()),
    }];
    status
}

fn table(second: u64, third_served: bool) -> PartitionTable {
    let owner = |p: u64| (p * 3 / 1024) as u16;
    let served = |p: u64| owner(p) < 2 || third_served;
    PartitionTable {
        epoch: Epoch(7),
        nodes: (1..=3).map(|n| format!("cache-{n}")).collect(),
        primary: (0..1024).map(|p| Some(owner(p))).collect(),
        served: (0..1024).map(served).collect(),
        ops: (0..1024).map(|p| second * (p * 7919 % 97) * (p % 5)).collect(),
        items: (0..1024).map(|p| p % 50).collect(),
        memory_bytes: (0..1024).map(|p| p * 1000).collect(),
        uncopied_bytes: vec![0; 1024],
        ops_a_second: vec![0; 1024],
        moving: vec![false; 1024],
    }
}

fn fetched(second: u64, cluster: Result<ClusterStatus, String>, partitions: Option<PartitionTable>) -> Event {
    let at = Duration::from_secs(second);
    Event::Fetched(Box::new(Fetched {
        at,
        cluster,
        partitions: partitions.map(Ok),
        log: Some(Ok(log())),
        operations: None,
    }))
}

fn log() -> Vec<ClusterEvent> {
    let event = |second: u64, level, kind, node: &str, count, of| ClusterEvent {
        seq: second,
        at_unix_ms: OPENED - 600_000 + second * 1000,
        level,
        kind,
        node: Some(node.into()),
        count,
        of,
        detail: if kind == EventKind::HandedOver { "cache-2".into() } else { String::new() },
    };
    vec![
        event(1, Level::Info, EventKind::HandedOver, "cache-1", 341, 0),
        event(2, Level::Warning, EventKind::NodeDown, "cache-3", 342, 342),
        event(40, Level::Info, EventKind::NodeRestarted, "cache-3", 0, 0),
        event(42, Level::Info, EventKind::CopiesInSync, "cache-3", 683, 0),
        event(50, Level::Info, EventKind::NodeChanged, "cache-3", 0, 0),
    ]
}

fn tick(app: &mut App, second: u64) {
    app.update(Event::Tick { now: Duration::from_secs(second), unix_ms: OPENED + second * 1000 });
}

/// Thirty seconds of a healthy cluster.
fn app() -> App {
    let mut app = App::new(THEME, "prod".into(), false, OPENED);
    for second in 1..=30 {
        tick(&mut app, second);
        app.update(fetched(second, Ok(status(second)), Some(table(second, true))));
    }
    app
}

/// The same, then the third node is lost.
fn app_with_a_lost_node() -> App {
    let mut app = app();
    for second in 31..=33 {
        tick(&mut app, second);
        app.update(fetched(second, Ok(with_a_lost_node(second)), Some(table(second, false))));
    }
    app
}

fn press(app: &mut App, keys: &str) -> Effect {
    let key = |c| match c {
        '\n' => KeyCode::Enter,
        '\x1b' => KeyCode::Esc,
        '\t' => KeyCode::Tab,
        c => KeyCode::Char(c),
    };
    let mut effect = Effect::None;
    for c in keys.chars() {
        effect = app.update(Event::Key(KeyEvent::new(key(c), KeyModifiers::NONE)));
    }
    effect
}

fn frame(app: &App, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a test terminal");
    terminal.draw(|frame| tab::draw(app, frame)).expect("draws");
    let buffer = terminal.backend().buffer();
    let row = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_string();
    (0..height).map(|y| row(y) + "\n").collect()
}

fn golden(name: &str, seen: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/tui").join(format!("{name}.txt"));
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, seen).expect("writes the golden file");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(seen, expected, "{} differs; look, then run the test with UPDATE=1", path.display());
}

#[test]
fn screens_look_as_agreed() {
    for (width, height) in [(120, 40), (80, 24), (200, 60), (60, 15), (40, 10)] {
        let mut app = app_with_a_lost_node();
        for (keys, name) in [("1", "overview"), ("2", "nodes"), ("\n", "node"), ("3", "slots"), ("4", "replication")] {
            press(&mut app, keys);
            golden(&format!("{name}-{width}x{height}"), &frame(&app, width, height));
        }
    }
    let mut app = app_with_a_lost_node();
    press(&mut app, "?");
    golden("help-120x40", &frame(&app, 120, 40));
    press(&mut app, "?3?");
    golden("help-80x24", &frame(&app, 80, 24));
    golden("health-10x3", &frame(&app, 10, 3));
}

#[test]
fn a_lost_node_is_lost_and_not_idle() {
    let app = app_with_a_lost_node();
    let seen = frame(&app, 120, 40);
    let row = seen.lines().find(|line| line.contains("✖ lost")).expect("a row for the lost node");
    assert!(row.contains("cache-3") && row.contains(" - ") && !row.contains(" 0 "), "{row}");
    assert!(app.events[0].text.contains("cache-3 is down"), "{:?}", app.events[0]);
    let mut app = app;
    tick(&mut app, 34);
    app.update(fetched(34, Ok(status(34)), None));
    assert_eq!(app.events[0].text, "cache-3 is back");
}

#[test]
fn a_cluster_that_does_not_answer_is_stale_with_its_age_and_never_healthy() {
    let mut app = app();
    for second in 31..=37 {
        tick(&mut app, second);
        app.update(fetched(second, Err("connection refused".into()), None));
    }
    let header = frame(&app, 120, 40).lines().next().map(str::to_string).expect("a header");
    assert!(header.contains("STALE 7s") && !header.contains("HEALTHY"), "{header}");
    assert_eq!(app.cluster.latest(), None, "a gap, not a zero");
    assert_eq!(app.failures, 7);
}

#[test]
fn pause_freezes_what_is_shown_and_says_so() {
    let mut app = app();
    press(&mut app, " ");
    tick(&mut app, 31);
    app.update(fetched(31, Ok(with_a_lost_node(31)), None));
    let seen = frame(&app, 120, 40);
    assert!(seen.contains("PAUSED 1s") && !seen.contains("lost"), "{seen}");
    press(&mut app, " ");
    app.update(fetched(32, Ok(with_a_lost_node(32)), None));
    assert!(frame(&app, 120, 40).contains("✖ lost"));
}

#[test]
fn filter_sort_and_drill_down() {
    let mut app = app();
    press(&mut app, "s");
    let names = |app: &App| app.listed().iter().map(|node| node.name.clone()).collect::<Vec<_>>();
    assert_eq!(app.sort, Sort::Ops);
    assert_eq!(names(&app), ["cache-3", "cache-2", "cache-1"], "highest first");
    press(&mut app, "S");
    assert_eq!(names(&app), ["cache-1", "cache-2", "cache-3"]);
    press(&mut app, "/CACHE-2\n");
    assert_eq!(names(&app), ["cache-2"]);
    press(&mut app, "\n");
    assert_eq!((app.screen, app.opened.as_deref()), (Screen::Nodes, Some("cache-2")));
    assert!(frame(&app, 80, 24).contains("Nodes > cache-2"));
    press(&mut app, "\x1b");
    assert_eq!(app.opened, None);
    press(&mut app, "\x1b");
    assert_eq!(names(&app).len(), 3, "esc clears the filter");
    assert_eq!(press(&mut app, "q"), Effect::Quit);
}

#[test]
fn going_to_a_partition_or_a_key() {
    let mut app = app();
    assert_eq!(press(&mut app, "3"), Effect::FetchNow);
    press(&mut app, "g700\n");
    assert_eq!(app.partition, 700);
    press(&mut app, "g5000\n");
    assert!(app.notice.as_ref().is_some_and(|notice| notice.contains("0 to 1023")));
    press(&mut app, "gfoo\n");
    assert_eq!(app.partition, 12182 / 16);
    press(&mut app, "w");
    assert!(frame(&app, 120, 40).contains("a cache-1  b cache-2  c cache-3"));
}

#[test]
fn the_reason_of_stale_data_is_said_and_its_age_survives_a_long_context() {
    let mut app = App::new(THEME, "10.0.0.1:7401,10.0.0.2:7401,10.0.0.3:7401,10.0.0.4:7401".into(), false, OPENED);
    tick(&mut app, 1);
    app.update(fetched(1, Ok(status(1)), None));
    tick(&mut app, 3);
    app.update(fetched(3, Err("connection refused".into()), None));
    for width in [60, 80, 120] {
        let header = frame(&app, width, 24).lines().next().map(str::to_string).expect("a header");
        assert!(header.contains("STALE 2s: c"), "{header}");
    }
}

#[test]
fn slow_polling_is_not_stale_before_three_polls_are_missed() {
    let mut app = app();
    app.stale_after = Duration::from_secs(90);
    tick(&mut app, 100);
    assert!(frame(&app, 120, 40).contains("live 70s"));
    tick(&mut app, 121);
    assert!(frame(&app, 120, 40).contains("STALE 91s"));
}

#[test]
fn control_c_leaves_also_while_something_is_typed_and_any_key_closes_the_help() {
    let mut app = app();
    press(&mut app, "/ca");
    let leave = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert_eq!(app.update(Event::Key(leave)), Effect::Quit);
    assert_eq!(app.filter, "ca");
    press(&mut app, "\n?");
    assert!(app.help);
    press(&mut app, "#");
    assert!(!app.help);
}

#[test]
fn the_cursor_stays_with_its_node_when_the_order_changes() {
    let mut app = app();
    assert_eq!(app.listed()[app.selected].name, "cache-1");
    press(&mut app, "s");
    assert_eq!((app.selected, app.listed()[2].name.as_str()), (2, "cache-1"));
    press(&mut app, "S\n");
    assert_eq!(app.opened.as_deref(), Some("cache-1"));
}

#[test]
fn the_cursor_moves_by_the_cells_that_are_drawn() {
    let mut app = app();
    app.update(Event::Resized { width: 120, height: 40 });
    press(&mut app, "3j");
    assert_eq!(app.partition, 64);
    app.update(Event::Resized { width: 60, height: 15 });
    press(&mut app, "j");
    assert_eq!(app.partition, 64 + 32 * 8, "a row of 32 cells of 8 partitions");
    app.update(Event::Key(KeyEvent::new(KeyCode::Right, KeyModifiers::NONE)));
    assert_eq!(app.partition, 64 + 32 * 8 + 8);
    press(&mut app, "jjjjjj");
    assert_eq!(app.partition, 64 + 3 * 256 + 8, "no further than the last row");
}

#[test]
fn a_lost_node_takes_one_sample_of_the_cluster_not_two() {
    let app = app_with_a_lost_node();
    let ops = app.cluster.last(4, |sample| Some(sample.ops_per_second));
    assert_eq!(ops.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, true, true]);
}

#[test]
fn nobody_answers_is_dashes_and_unknown_heat_is_blank() {
    let mut gone = status(31);
    gone.nodes.iter_mut().for_each(|node| (node.reachable, node.report) = (false, None));
    let mut app = app();
    tick(&mut app, 31);
    app.update(fetched(31, Ok(gone), None));
    let seen = frame(&app, 120, 40);
    assert!(seen.contains("✖ silent") && seen.contains("p50 - ms  p99 - ms") && seen.contains("- / -  - %"), "{seen}");
    assert!(!seen.contains("0 keys"), "{seen}");

    let mut fresh = App::new(THEME, "prod".into(), false, OPENED);
    fresh.update(fetched(1, Ok(status(1)), Some(table(1, true))));
    press(&mut fresh, "3");
    let seen = frame(&fresh, 120, 40);
    let row = seen.lines().find(|line| line.contains("   64 ")).expect("a row of the map");
    assert!(!row.contains('·'), "one poll has no rates: {row}");
}

#[test]
fn a_table_with_columns_cut_short_or_an_odd_count_is_drawn_all_the_same() {
    let mut cut = table(31, true);
    cut.items.truncate(1);
    cut.memory_bytes.clear();
    cut.ops.truncate(10);
    for table in [cut, PartitionTable { primary: vec![Some(9); 3], served: vec![true; 7], ..PartitionTable::default() }]
    {
        let mut app = app();
        press(&mut app, "3");
        let odd = ClusterStatus { partitions: 0, ..status(31) };
        app.update(fetched(31, Ok(odd), Some(table)));
        press(&mut app, "gkey\n");
        app.partition = 2;
        for (width, height) in [(120, 40), (80, 24), (60, 15)] {
            frame(&app, width, height);
        }
    }
}

#[test]
fn help_and_quit_are_always_in_the_footer() {
    for width in [60, 80, 120] {
        for screen in ["1", "2", "3", "4", "5"] {
            let mut app = app();
            press(&mut app, screen);
            let last = frame(&app, width, 24).lines().last().map(str::to_string).expect("a footer");
            assert!(last.contains("? help") && last.ends_with("q quit"), "{last}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn nothing_panics_at_any_size(width in 1u16..300, height in 1u16..100, keys in "[12345?wmok/g \ts]{0,6}") {
        let mut app = app_with_a_lost_node();
        press(&mut app, &keys);
        frame(&app, width, height);
    }
}
