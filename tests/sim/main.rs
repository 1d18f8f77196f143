//! The simulator: seeded worlds of copies under faults, and what must hold in each.
//!
//! `cargo test -p dcache-cluster --test sim` runs `DCACHE_SIM_SEEDS` seeds (200), from `DCACHE_SIM_FIRST` (1) on. One seed
//! alone with everything that happens in it: `DCACHE_SIM_SEEDS=1 DCACHE_SIM_FIRST=… DCACHE_SIM_TRACE=1`. With
//! `--features mutants` each rule of replication is broken in turn, and must be seen to be.

// A test has an environment and a terminal, which the machines have not.
#![allow(clippy::disallowed_methods, clippy::print_stderr)]

mod checker;
mod random;
mod world;

use checker::linearizable;
use world::{Outcome, Setting, World};

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(otherwise)
}

/// What is wrong in a run, by invariants first and then by what its clients saw.
fn judged(outcome: &Outcome) -> Option<String> {
    outcome.violation.clone().or_else(|| {
        let wrong = |(key, history): (&u64, &Vec<linearizable::Operation>)| {
            linearizable::check(history).err().map(|wrong| format!("key {key}: {wrong}"))
        };
        outcome.histories.iter().find_map(wrong)
    })
}

/// Half of the seeds aim their faults.
fn setting(seed: u64) -> Setting {
    let is_traced = std::env::var("DCACHE_SIM_TRACE").is_ok();
    Setting { is_aimed: seed.is_multiple_of(2), moves: seed.is_multiple_of(3), is_traced, ..Setting::default() }
}

#[test]
fn under_faults_nothing_acknowledged_is_lost_and_every_key_is_linearizable() {
    let (first, seeds) = (number("DCACHE_SIM_FIRST", 1), number("DCACHE_SIM_SEEDS", 200));
    // Two at a time: each is a world of its own.
    let judge = |from: u64| -> Vec<(u64, Option<String>, Outcome)> {
        let run = |seed| {
            let outcome = World::run(seed, setting(seed));
            (seed, judged(&outcome), Outcome { histories: Default::default(), ..outcome })
        };
        (from..first + seeds).step_by(2).map(run).collect()
    };
    let all = std::thread::scope(|scope| {
        let other = scope.spawn(|| judge(first + 1));
        let mut all = judge(first);
        all.extend(other.join().expect("no check panics"));
        all
    });
    let mut sum = Outcome::default();
    let mut wrong = Vec::new();
    for (seed, what, outcome) in all {
        wrong.extend(what.map(|what| format!("seed {seed}: {what}")));
        sum.events += outcome.events;
        sum.answered += outcome.answered;
        sum.terms += outcome.terms;
        sum.generations += outcome.generations;
        sum.syncs += outcome.syncs;
        sum.synced += outcome.synced;
        sum.lossy += outcome.lossy;
        sum.moves += outcome.moves;
        sum.settled += outcome.settled;
    }
    eprintln!("{} moves begun, {} settled", sum.moves, sum.settled);
    eprintln!(
        "{} events, {} operations answered, {} terms, {} generations, {} full syncs of which {} ended, {} entries lost",
        sum.events, sum.answered, sum.terms, sum.generations, sum.syncs, sum.synced, sum.lossy
    );
    assert!(wrong.is_empty(), "{} of {seeds} seeds:\n{}", wrong.len(), wrong.join("\n"));
    assert!(sum.settled > seeds / 2, "too little moved to say anything");
    assert!(
        sum.answered > seeds * 500 && sum.terms > seeds * 2 && sum.synced > seeds * 5,
        "too little happened to say anything"
    );
}

#[test]
fn a_seed_is_a_history() {
    for seed in 1..=4 {
        let [one, other] = [(); 2].map(|()| World::run(seed, setting(seed)).trace);
        assert_eq!(one, other, "seed {seed}");
    }
}

#[cfg(feature = "mutants")]
mod mutants {
    use super::*;
    use dcache_cluster::replication::Mutant;
    use world::Broken;

    /// The first of so many seeds that shows it.
    fn caught(setting_of: impl Fn(u64) -> Setting) -> Option<u64> {
        let seeds = number("DCACHE_SIM_SEEDS", 60);
        (1..=seeds).find(|seed| judged(&World::run(*seed, setting_of(*seed))).is_some())
    }

    #[test]
    fn every_broken_rule_is_seen() {
        let mut unseen = Vec::new();
        for mutant in [
            Mutant::ReadsWithoutLease,
            Mutant::CommitIgnoresPending,
            Mutant::AckBeforeAll,
            Mutant::ReadsUncommitted,
            Mutant::TransferWithoutParking,
            Mutant::KeepsConflictingTail,
            Mutant::CutsBeyondResend,
            Mutant::AcceptsOldAttempt,
            Mutant::LoadsOldChunk,
            Mutant::WholeBeforeEnd,
            Mutant::ExpandsBeforeEnd,
            Mutant::ServesHalfInNewTerm,
            Mutant::KeepsNoLogForSync,
            Mutant::LossyServesAtOnce,
            Mutant::LossyGoesOnByLog,
        ] {
            let seed = caught(|seed| Setting { mutant: Some(mutant), ..setting(seed) });
            eprintln!("{mutant:?}: seed {seed:?}");
            unseen.extend(seed.is_none().then(|| format!("{mutant:?}")));
        }
        for rule in [
            Broken::FailoverWithoutLease,
            Broken::RestartKeepsIncarnation,
            Broken::DeposedLeaderGrants,
            Broken::EvictionNotLogged,
        ] {
            let seed = caught(|seed| Setting { broken: Some(rule), ..setting(seed) });
            eprintln!("{rule:?}: seed {seed:?}");
            unseen.extend(seed.is_none().then(|| format!("{rule:?}")));
        }
        assert!(unseen.is_empty(), "not noticed: {unseen:?}");
    }
}
