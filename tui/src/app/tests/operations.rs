//! Operations and changes of the cluster: what the screens show of them, and what keys lead to being asked, confirmed, refused.

use super::*;
use crate::change::{Change, Done};
use crate::event::{Answer, Call};
use dcache_protocol::control::{FailoverResult, OperationBrief};
use dcache_protocol::operation::{
    Balance, MoveState, MoveStatus, Note, OperationId, OperationKind, OperationState, OperationStatus, Pace, Plan,
    PlannedMove, PlannedShare,
};

const ID: OperationId = OperationId(0xb57);

fn moving(partition: u16, from: &[&str], to: &[&str], percent: u8) -> MoveStatus {
    let names = |nodes: &[&str]| nodes.iter().map(ToString::to_string).collect();
    MoveStatus {
        partition: PartitionId(partition),
        from: names(from),
        to: names(to),
        state: MoveState::Moving,
        bytes: 7_400_000,
        percent,
    }
}

fn running() -> OperationStatus {
    let note = |second: u64, text: &str| Note { at_unix_ms: OPENED + second * 1000, text: text.into() };
    OperationStatus {
        id: ID,
        kind: OperationKind::Drain,
        nodes: vec!["cache-2".into()],
        state: OperationState::Running,
        plan: "9c1e0a77".into(),
        started_unix_ms: OPENED - 37_000,
        ended_unix_ms: None,
        pace: Pace::default(),
        held: None,
        why: None,
        moves_total: 256,
        moves_done: 128,
        moves_failed: 0,
        bytes_total: 2_470_000_000,
        bytes_done: 1_235_000_000,
        bytes_a_second: 18_455_000,
        p99_rise_us: 310,
        upgrade: None,
        moving: vec![
            moving(300, &["cache-2", "cache-1"], &["cache-3", "cache-1"], 82),
            moving(301, &["cache-2", "cache-1"], &["cache-1", "cache-3"], 34),
            moving(302, &["cache-1", "cache-2"], &["cache-1", "cache-3"], 97),
            moving(303, &["cache-3", "cache-1"], &["cache-1", "cache-3"], 0),
        ],
        moves: Vec::new(),
        notes: vec![
            note(0, "began by plan 9c1e0a77"),
            note(9, "p99 of clients rose by 2.3 ms, 2.0 ms are allowed"),
            note(14, "goes on"),
        ],
    }
}

/// The last three, newest first.
fn last() -> Vec<OperationStatus> {
    let over = |id, kind, nodes: &[&str], state, why: Option<&str>, minutes: u64| OperationStatus {
        id: OperationId(id),
        kind,
        nodes: nodes.iter().map(ToString::to_string).collect(),
        state,
        why: why.map(String::from),
        started_unix_ms: OPENED - minutes * 60_000,
        ended_unix_ms: Some(OPENED - minutes * 60_000 + 134_000),
        moves_done: if state == OperationState::Done { 256 } else { 31 },
        moving: Vec::new(),
        ..running()
    };
    vec![
        over(0xb56, OperationKind::Rebalance, &[], OperationState::Done, None, 12),
        over(
            0xb55,
            OperationKind::Drain,
            &["cache-3"],
            OperationState::Failed,
            Some("225 of 256 moves could not be made"),
            95,
        ),
        over(0xb54, OperationKind::Add, &["cache-2", "cache-3"], OperationState::Cancelled, None, 1500),
    ]
}

fn operations(second: u64, operations: Result<Vec<OperationStatus>, String>) -> Event {
    let mut status = status(second);
    let under_way = operations.iter().flatten().find(|operation| !operation.state.is_over());
    status.operation = under_way.map(|operation| OperationBrief {
        id: operation.id,
        kind: operation.kind,
        nodes: operation.nodes.clone(),
        state: operation.state,
        moves_done: operation.moves_done,
        moves_total: operation.moves_total,
        upgrade: None,
        held: operation.held.clone(),
    });
    if let Some(operation) = under_way {
        status.partitions_moving = operation.moving.len() as u16;
        status.nodes[1].share = Share::Drained;
    }
    let mut table = table(second, true);
    under_way
        .iter()
        .flat_map(|operation| &operation.moving)
        .for_each(|each| table.moving[each.partition.index()] = true);
    let at = Duration::from_secs(second);
    let (log, partitions) = (Some(Ok(log())), Some(Ok(table)));
    Event::Fetched(Box::new(Fetched { at, cluster: Ok(status), partitions, log, operations: Some(operations) }))
}

/// On the Rebalance screen, with this operation under way.
fn app_with(operation: OperationStatus) -> App {
    let mut all = last();
    all.insert(0, operation);
    app_of(all)
}

fn app_of(all: Vec<OperationStatus>) -> App {
    let mut app = app();
    assert_eq!(press(&mut app, "5"), Effect::FetchNow);
    tick(&mut app, 31);
    app.update(operations(31, Ok(all)));
    app
}

fn plan(warnings: &[&str]) -> Box<Plan> {
    let share = |node: &str, before: u16, after: u16, used: u64| PlannedShare {
        node: node.into(),
        zone: String::new(),
        primaries_before: before,
        primaries_after: after,
        copies_before: before * 2,
        copies_after: after * 2,
        memory_bytes: 512 << 20,
        used_bytes_before: 350 << 20,
        used_bytes_after: used << 20,
    };
    Box::new(Plan {
        id: "9c1e0a77".into(),
        cluster: "prod".into(),
        epoch: Epoch(7),
        kind: OperationKind::Drain,
        nodes: vec!["cache-2".into()],
        by: Balance::Count,
        imbalance_before: 0.3,
        imbalance_after: 0.2,
        bytes: 1_932_735_283,
        to: None,
        moves: (0..341)
            .map(|partition| PlannedMove {
                partition: PartitionId(partition),
                from: vec!["cache-2".into()],
                to: vec!["cache-3".into()],
                bytes: 5_667_845,
            })
            .collect(),
        shares: vec![share("cache-1", 341, 512, 430), share("cache-2", 341, 0, 0), share("cache-3", 341, 512, 476)],
        warnings: warnings.iter().map(ToString::to_string).collect(),
    })
}

fn planned(app: &mut App, result: Result<Box<Plan>, Vec<String>>) -> Effect {
    app.update(Event::Answered(Answer::Planned { node: "cache-2".into(), result }))
}

fn changed(app: &mut App, change: Change, result: Result<Done, Vec<String>>) -> Effect {
    app.update(Event::Answered(Answer::Changed { change, result }))
}

fn done(operation: OperationStatus) -> Result<Done, Vec<String>> {
    Ok(Done::Operation(Box::new(operation)))
}

/// The Nodes screen with the cursor on cache-2.
fn at_cache_2() -> App {
    let mut app = app();
    press(&mut app, "2j");
    app
}

const SIZES: [(u16, u16); 6] = [(120, 40), (120, 30), (80, 24), (200, 60), (60, 15), (40, 10)];

#[test]
fn the_rebalance_screen_looks_as_agreed() {
    let held = OperationStatus {
        held: Some("cache-3 is down".into()),
        moving: Vec::new(),
        bytes_a_second: 0,
        p99_rise_us: 2700,
        ..running()
    };
    let paused = OperationStatus { state: OperationState::Paused, moving: Vec::new(), bytes_a_second: 0, ..running() };
    let failing = OperationStatus { moves_failed: 3, why: Some("cache-1 joined".into()), ..running() };
    for (width, height) in SIZES {
        golden(&format!("rebalance-{width}x{height}"), &frame(&app_with(running()), width, height));
        golden(&format!("rebalance-idle-{width}x{height}"), &frame(&app_of(last()), width, height));
    }
    for (name, operation) in [("held", held), ("paused", paused), ("failing", failing)] {
        golden(&format!("rebalance-{name}-80x24"), &frame(&app_with(operation), 80, 24));
    }
}

#[test]
fn what_moves_is_seen_on_the_other_screens_too() {
    for (width, height) in [(120, 40), (80, 24)] {
        let mut app = app_with(running());
        for (keys, name) in [("1", "overview"), ("2", "nodes"), ("3", "slots")] {
            press(&mut app, keys);
            golden(&format!("{name}-moving-{width}x{height}"), &frame(&app, width, height));
        }
        press(&mut app, "g301\n");
        assert!(frame(&app, width, height).contains("moving"));
    }
}

#[test]
fn shares_and_maintenance_are_states_of_nodes() {
    let mut app = app_of(last());
    let mut status = status(32);
    status.nodes[0].maintenance_until_unix_ms = OPENED + 1_800_000;
    status.nodes[1].share = Share::Joined;
    status.nodes[2].share = Share::Drained;
    (status.nodes[2].partitions, status.nodes[2].backups) = (0, 0);
    app.update(fetched(32, Ok(status.clone()), None));
    press(&mut app, "2");
    let seen = frame(&app, 120, 40);
    assert!(seen.contains("▲ maint.") && seen.contains("▲ joined") && seen.contains("▲ drained"), "{seen}");
    press(&mut app, "\n");
    assert!(frame(&app, 120, 40).contains("is being worked on until 11:36:40Z"));
    status.nodes[0].state = NodeState::Down;
    app.update(fetched(33, Ok(status), None));
    press(&mut app, "\x1b");
    assert!(frame(&app, 80, 24).contains("▲ away"), "planned, and not lost");
}

#[test]
fn operations_that_are_not_known_fail_or_are_old_are_never_shown_as_fresh() {
    let mut unknown = app();
    press(&mut unknown, "5");
    assert!(frame(&unknown, 80, 24).contains("asking for operations"));
    assert_eq!(press(&mut unknown, "p"), Effect::None);
    assert!(frame(&unknown, 80, 24).contains("operations are not known yet"));
    unknown.update(operations(31, Err("no such path".into())));
    assert!(frame(&unknown, 80, 24).contains("no operations: no such path"));

    let mut app = app_with(running());
    assert!(frame(&app, 80, 24).contains("eta 1m"));
    for second in 32..=43 {
        tick(&mut app, second);
        app.update(fetched(second, Err("connection refused".into()), None));
    }
    let seen = frame(&app, 80, 24);
    assert!(seen.contains("STALE 12s: connection refused") && seen.contains("rate  -  eta -"), "{seen}");
    golden("rebalance-stale-80x24", &seen);
    press(&mut app, "p");
    assert!(frame(&app, 80, 24).contains("by figures that are 12 s old"));

    // Another screen was looked at for a minute.
    let mut back = app_with(running());
    press(&mut back, "1");
    for second in 32..=92 {
        tick(&mut back, second);
        back.update(fetched(second, Ok(status(second)), None));
    }
    assert_eq!(press(&mut back, "5"), Effect::FetchNow);
    assert!(frame(&back, 80, 24).contains("STALE 61s"));
}

#[test]
fn a_running_operation_is_paused_a_paused_one_resumed_and_either_cancelled_once_confirmed() {
    let mut app = app_with(running());
    assert_eq!(press(&mut app, "p"), Effect::None, "it is asked first");
    golden("ask-pause-80x24", &frame(&app, 80, 24));
    assert_eq!(press(&mut app, "y"), Effect::Call(Call::Pause { id: ID }));
    assert!(frame(&app, 80, 24).contains("waiting for the answer"));
    assert_eq!(press(&mut app, "y"), Effect::None, "it is asked for once");
    let paused = OperationStatus { state: OperationState::Paused, ..running() };
    assert_eq!(changed(&mut app, Change::Pause { id: ID }, done(paused)), Effect::FetchNow);
    let seen = frame(&app, 80, 24);
    assert!(seen.contains("drain 0b57 of cache-2 is paused now") && seen.contains("PAUSED"), "{seen}");
    press(&mut app, "x");
    assert_eq!(app.ask, None);

    press(&mut app, "p");
    assert!(frame(&app, 80, 24).contains("same as: dcache op resume 0b57"));
    assert_eq!(press(&mut app, "\n"), Effect::Call(Call::Resume { id: ID }));
    press(&mut app, "\x1b");
    press(&mut app, "c");
    let seen = frame(&app, 80, 24);
    assert!(seen.contains("taken back") && seen.contains("cache-2 may hold its share again"), "{seen}");
    assert_eq!(press(&mut app, "y"), Effect::Call(Call::Cancel { id: ID }));
    // The answer to what was left meanwhile does not take the place of this one.
    changed(&mut app, Change::Resume { id: ID }, done(running()));
    assert!(frame(&app, 80, 24).contains("waiting for the answer"));
    let cancelling = OperationStatus { state: OperationState::Cancelling, ..running() };
    changed(&mut app, Change::Cancel { id: ID }, done(cancelling));
    assert!(frame(&app, 80, 24).contains("is cancelling now"));
    press(&mut app, " ");
    assert!(!app.paused, "that key only closed the box");
    press(&mut app, "c");
    assert!(frame(&app, 80, 24).contains("is being cancelled already"));
}

#[test]
fn without_an_operation_there_is_nothing_to_pause() {
    let mut app = app_of(last());
    for key in ["p", "c"] {
        assert_eq!(press(&mut app, key), Effect::None);
        assert!(app.ask.is_none() && frame(&app, 80, 24).contains("no operation is under way"));
    }
}

#[test]
fn declined_is_not_done() {
    for no in ["n", "\x1b", "q"] {
        let mut app = app_with(running());
        assert_eq!(press(&mut app, "c"), Effect::None);
        assert_eq!(press(&mut app, no), Effect::None);
        assert_eq!(app.ask, None);
        assert_eq!(press(&mut app, "y\n"), Effect::None, "nothing is asked any more");
    }
    let mut app = app_with(running());
    press(&mut app, "c");
    assert_eq!(press(&mut app, "x123 ?"), Effect::None);
    assert!(app.ask.is_some() && app.screen == Screen::Rebalance && !app.help, "other keys mean nothing meanwhile");
    let leave = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert_eq!(app.update(Event::Key(leave)), Effect::Quit);
}

#[test]
fn a_drain_shows_its_plan_and_carries_out_that_one() {
    let mut app = at_cache_2();
    assert_eq!(press(&mut app, "D"), Effect::Call(Call::Plan { node: "cache-2".into() }));
    assert!(frame(&app, 80, 24).contains("asking the cluster what that would do"));
    assert_eq!(press(&mut app, "y\n"), Effect::None, "nothing to confirm before it is shown");
    let plan = plan(&["cache-3 would be 93 % full, over 90 %: about 300 MiB are evicted"]);
    planned(&mut app, Ok(plan.clone()));
    for (width, height) in [(120, 40), (80, 24), (60, 15)] {
        golden(&format!("ask-drain-{width}x{height}"), &frame(&app, width, height));
    }
    // The order changes under the question; it stays with its node.
    press(&mut app, "j");
    assert_eq!(press(&mut app, "y"), Effect::Call(Call::Drain { node: "cache-2".into(), plan }));
    let begun = OperationStatus { id: OperationId(0xb58), ..running() };
    assert_eq!(changed(&mut app, Change::Drain { node: "cache-2".into() }, done(begun)), Effect::FetchNow);
    assert_eq!((app.screen, app.ask.is_none()), (Screen::Rebalance, true), "to where it goes on");
    assert!(frame(&app, 80, 24).contains("drain 0b58 of cache-2 began"));
}

#[test]
fn a_plan_for_whoever_left_or_asks_about_another_node_is_not_asked_about() {
    let mut app = at_cache_2();
    press(&mut app, "D\x1b");
    planned(&mut app, Ok(plan(&[])));
    assert_eq!(app.ask, None);
    press(&mut app, "jD");
    planned(&mut app, Ok(plan(&[])));
    assert!(app.ask.as_ref().is_some_and(|ask| ask.stage == Stage::Planning), "{:?}", app.ask);
}

#[test]
fn why_it_could_not_be_planned_or_begun_is_shown_and_what_to_do() {
    let mut app = at_cache_2();
    press(&mut app, "D");
    planned(
        &mut app,
        Err(vec!["the other nodes cannot hold it".into(), "add a node first: dcache cluster add".into()]),
    );
    golden("ask-refused-80x24", &frame(&app, 80, 24));
    assert_eq!(press(&mut app, "y"), Effect::None);
    assert_eq!(app.ask, None);
    press(&mut app, "D");
    planned(&mut app, Ok(plan(&[])));
    press(&mut app, "y");
    let why = vec!["rebalance 0b56 is under way".into(), "watch it: dcache op watch 0b56".into()];
    assert_eq!(changed(&mut app, Change::Drain { node: "cache-2".into() }, Err(why)), Effect::FetchNow);
    let seen = frame(&app, 80, 24);
    assert!(seen.contains("✖ rebalance 0b56 is under way") && seen.contains("dcache op watch 0b56"), "{seen}");
    assert_eq!(app.screen, Screen::Nodes);
    assert!(app.events[0].text.contains("drain cache-2: rebalance 0b56 is under way"), "{:?}", app.events[0]);
}

#[test]
fn failover_of_the_opened_node_and_what_came_of_it() {
    let mut app = at_cache_2();
    press(&mut app, "\n");
    assert_eq!(press(&mut app, "F"), Effect::None);
    golden("ask-failover-120x40", &frame(&app, 120, 40));
    assert_eq!(press(&mut app, "y"), Effect::Call(Call::Failover { node: "cache-2".into() }));
    press(&mut app, "\x1b");
    assert!(frame(&app, 80, 24).contains("failover of cache-2: what comes of it is said here"));
    let result = FailoverResult { node: "cache-2".into(), moved: 340, kept: 1, took_ms: 212 };
    changed(&mut app, Change::Failover { node: "cache-2".into() }, Ok(Done::Failover(result.clone())));
    assert!(frame(&app, 80, 24).contains("340 partitions of cache-2 taken over in 0.21 s"));
    press(&mut app, "Fy");
    changed(&mut app, Change::Failover { node: "cache-2".into() }, Ok(Done::Failover(result)));
    assert!(frame(&app, 80, 24).contains("▲ 1 partitions stay"));

    let mut serves_nothing = status(32);
    serves_nothing.nodes[1].partitions = 0;
    press(&mut app, " ");
    app.update(fetched(32, Ok(serves_nothing), None));
    press(&mut app, "F");
    assert!(app.ask.is_none() && frame(&app, 80, 24).contains("cache-2 serves nothing"));
}

#[test]
fn a_dashboard_that_only_looks_says_how_to_do_it_elsewhere() {
    for protected in [true, false] {
        let mut app = app_with(running());
        (app.protected, app.read_only) = (protected, true);
        for (keys, command) in [("p", "dcache op pause 0b57"), ("2jF", "failover cache-2"), ("D", "drain cache-2")] {
            assert_eq!(press(&mut app, keys), Effect::None);
            let last = frame(&app, 120, 24).lines().last().map(str::to_string).expect("a footer");
            let why = if protected { "this context is protected" } else { "--read-only" };
            assert!(app.ask.is_none() && last.contains(command) && last.contains(why), "{last}");
        }
        press(&mut app, "\x1b");
        assert!(!frame(&app, 120, 24).contains("D drain"), "keys that do nothing are not offered");
    }
    assert!(App::new(THEME, "prod".into(), true, OPENED).read_only, "protected contexts only look");
    let mut app = at_cache_2();
    press(&mut app, "\x1b");
    assert!(frame(&app, 120, 24).contains("D drain  F failover"));
}

#[test]
fn what_cannot_be_shown_is_not_confirmed() {
    let mut app = app_with(running());
    press(&mut app, "c");
    app.update(Event::Resized { width: 59, height: 24 });
    assert_eq!(press(&mut app, "y"), Effect::None);
    press(&mut app, "\x1b");
    press(&mut app, "c");
    assert!(app.ask.is_none() && app.notice.as_ref().is_some_and(|why| why.contains("too small")), "{:?}", app.notice);
}

#[test]
fn many_warnings_do_not_push_the_question_off_a_small_terminal() {
    let mut app = at_cache_2();
    press(&mut app, "D");
    planned(&mut app, Ok(plan(&["a warning of some length that takes more than one line of the box"; 30])));
    for (width, height) in [(80, 24), (60, 15)] {
        let seen = frame(&app, width, height);
        assert!(seen.contains("more lines need a larger terminal"), "{seen}");
        assert!(seen.contains("y or enter does it"), "{seen}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn nothing_panics_at_any_size_whatever_is_under_way(
        width in 1u16..300,
        height in 1u16..100,
        keys in "[1235pcDFyn\n\tj ]{0,8}",
        moves in 0u64..3,
    ) {
        let mut app = app_with(OperationStatus { moves_total: moves, bytes_total: moves, ..running() });
        press(&mut app, &keys);
        planned(&mut app, Ok(plan(&["full"])));
        frame(&app, width, height);
        press(&mut app, "y");
        frame(&app, width, height);
    }
}
