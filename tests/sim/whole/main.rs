//! The simulator of whole nodes: engine, sessions, replication, heartbeats, control machine and openraft as they ship, under
//! seeded faults. Interleavings of one partition's copies alone are denser in `tests/sim/main.rs`.
//!
//! `cargo test -p dcache-node --test whole` runs `DCACHE_SIM_SEEDS` seeds (40), from `DCACHE_SIM_FIRST` (1) on. One seed alone
//! with everything that happens in it: `DCACHE_SIM_SEEDS=1 DCACHE_SIM_FIRST=… DCACHE_SIM_TRACE=1`. With `--features mutants`
//! each rule of the nodes together is broken in turn, and must be seen to be.

#![allow(clippy::print_stderr)]

mod client;
mod disk;
#[path = "../checker/linearizable.rs"]
mod linearizable;
mod net;
mod operator;
mod process;
#[path = "../random.rs"]
mod random;
mod staleness;
mod world;

use world::{Outcome, Setting};

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn under_faults_nothing_acknowledged_is_lost_and_every_key_is_linearizable() {
    let (first, seeds) = (number("DCACHE_SIM_FIRST", 1), number("DCACHE_SIM_SEEDS", 40));
    let is_traced = std::env::var("DCACHE_SIM_TRACE").is_ok();
    // Two at a time: each is a world of its own.
    let run = move |from: u64| -> Vec<(u64, Outcome)> {
        (from..first + seeds)
            .step_by(2)
            .map(|seed| (seed, world::run(seed, Setting { is_traced, ..Setting::default() })))
            .collect()
    };
    let all = std::thread::scope(|scope| {
        let other = scope.spawn(move || run(first + 1));
        let mut all = run(first);
        all.extend(other.join().expect("no check panics"));
        all
    });
    let mut sum = Outcome::default();
    let mut wrong = Vec::new();
    for (seed, outcome) in all {
        wrong.extend(outcome.violation.map(|what| format!("seed {seed}: {what}")));
        sum.operations += outcome.operations;
        sum.unknown += outcome.unknown;
        sum.faults += outcome.faults;
        sum.terms += outcome.terms;
        sum.generations += outcome.generations;
        sum.leaders += outcome.leaders;
        sum.copy_reads += outcome.copy_reads;
        sum.operations_begun += outcome.operations_begun;
        sum.operations_cancelled += outcome.operations_cancelled;
        sum.moves += outcome.moves;
        for (text, count) in outcome.errors {
            *sum.errors.entry(text).or_default() += count;
        }
    }
    eprintln!(
        "{} operations of which {} unknown, {} answered by copies, {} faults, {} terms, {} generations, {} terms of leaders; \
         refused: {:#?}",
        sum.operations, sum.unknown, sum.copy_reads, sum.faults, sum.terms, sum.generations, sum.leaders, sum.errors
    );
    eprintln!("{} operations begun, {} cancelled, {} moves", sum.operations_begun, sum.operations_cancelled, sum.moves);
    assert!(wrong.is_empty(), "{} of {seeds} seeds:\n{}", wrong.len(), wrong.join("\n"));
    assert!(sum.moves > seeds * 3, "{} moves", sum.moves);
    assert!(sum.operations > seeds * 200 && sum.terms > seeds * 10, "too little happened to say anything");
    assert!(sum.copy_reads > seeds, "copies answered {} reads", sum.copy_reads);
}

#[test]
fn partitions_move_and_nobody_notices() {
    let (first, seeds) = (number("DCACHE_SIM_FIRST", 1), number("DCACHE_SIM_SEEDS", 40).div_ceil(8));
    let mut moves = 0;
    for seed in first..first + seeds {
        let outcome = world::run(seed, Setting { is_calm: true, ..Setting::default() });
        assert_eq!(outcome.violation, None, "seed {seed}");
        moves += outcome.moves;
    }
    assert!(moves > seeds * 10, "{moves} moves");
}

#[test]
fn a_seed_is_a_history() {
    if cfg!(not(tokio_unstable)) {
        panic!("RUSTFLAGS hides what .cargo/config.toml says; add to them: --cfg tokio_unstable");
    }
    for seed in 1..=3 {
        // On threads of their own: some of the dice are a thread's.
        let [one, other] = [(); 2].map(|()| std::thread::spawn(move || world::run(seed, Setting::default()).trace));
        assert_eq!(one.join().expect("runs"), other.join().expect("runs"), "seed {seed}");
    }
}

#[cfg(feature = "mutants")]
mod mutants {
    use super::*;
    use dcache_cluster::mutant::{Rule, break_rule};

    /// Seeds that showed what few others do: tried first.
    const TELLING: [u64; 4] = [39, 45, 24, 11];

    /// The first of so many seeds that shows it.
    fn caught(setting: Setting) -> Option<(u64, String)> {
        let seeds = number("DCACHE_SIM_SEEDS", 150);
        TELLING.into_iter().chain(1..=seeds).find_map(|seed| Some((seed, world::run(seed, setting).violation?)))
    }

    #[test]
    fn confirmed_reads_need_no_lease() {
        break_rule(Some(Rule::ServesUnderLease));
        for seed in 1..=20 {
            let setting = Setting { is_confirmed: Some(true), ignores_age: true, ..Setting::default() };
            let outcome = world::run(seed, setting);
            assert_eq!(outcome.violation, None, "seed {seed}");
        }
    }

    #[test]
    fn every_broken_rule_is_seen() {
        let rules = [
            Rule::LeaseCountsUponItsState,
            Rule::LeaderWaitsForEarlierLeases,
            Rule::GrantsAreConfirmed,
            Rule::VotesTellConfirmations,
            Rule::ServesUnderLease,
            Rule::WritesAreHeld,
            Rule::ReadsAreHeld,
            Rule::ExpiryIsLogged,
            Rule::WritesRunOnce,
            Rule::CopiesAreFresh,
            Rule::RestGoesAlong,
        ];
        // Two at a time; none: that a process which starts again has another incarnation.
        let all: Vec<Option<Rule>> = rules.into_iter().map(Some).chain([None]).collect();
        let unseen_of = |part: usize| -> Vec<Option<Rule>> {
            let is_unseen = |rule: &Option<Rule>| {
                break_rule(*rule);
                let only_unseats = *rule == Some(Rule::VotesTellConfirmations);
                let keeps_incarnation = rule.is_none();
                let is_calm = *rule == Some(Rule::RestGoesAlong);
                let seen = caught(Setting { keeps_incarnation, only_unseats, is_calm, ..Setting::default() });
                eprintln!("{rule:?}: {seen:?}");
                seen.is_none()
            };
            all.iter().copied().skip(part).step_by(2).filter(is_unseen).collect()
        };
        let unseen = std::thread::scope(|scope| {
            let other = scope.spawn(|| unseen_of(1));
            [unseen_of(0), other.join().expect("no check panics")].concat()
        });
        assert!(unseen.is_empty(), "not noticed: {unseen:?}");
    }
}
