//! Connections between nodes that are late, silent, dead in one direction or broken, by a seed.

use crate::harness::history::*;
use crate::harness::loss::lose_no_more_than_was_shown;
use crate::harness::*;
use crate::lab::{Lab, Path, pass};
use crate::proxy::Fault;
use std::time::{Duration, Instant};

/// How long a storm lasts, and how often it changes.
const STORM: Duration = Duration::from_secs(8);
const CHANGES_EVERY: Duration = Duration::from_millis(400);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn nothing_acknowledged_under_strong_is_lost_in_a_storm_of_bad_links() {
    let lab = Lab::new(3);
    let mut dice = Dice(lab.seed);
    let directions = lab.directions();
    let mut nodes = lab.cluster(Path::Proxy, 1);
    let done = survive_rounds("storm", &lab.home, &mut nodes, |_, _| {
        let (until, mut changes) = (Instant::now() + STORM, Vec::new());
        while Instant::now() < until {
            let direction = directions[dice.next() as usize % directions.len()];
            let fault = match dice.next() % 6 {
                0 | 1 => Fault::None,
                2 => Fault::Late { by: ms(dice.next() % 60), up_to: ms(dice.next() % 240) },
                3 => Fault::Stall,
                4 => Fault::Swallow,
                _ => Fault::Break,
            };
            lab.proxy.set(direction, fault);
            changes.push((direction, fault));
            pass(CHANGES_EVERY, "the next change");
        }
        lab.proxy.heal();
        changes.len()
    });
    println!("storm: {} changes of links", done.iter().sum::<usize>());
}

#[test]
fn nothing_acknowledged_under_strong_is_lost_when_a_node_is_half_dead_to_the_others() {
    for (what, fault) in [("swallowed", Fault::Swallow), ("stalled", Fault::Stall)] {
        let lab = Lab::new(3);
        let nodes = lab.cluster(Path::Proxy, 1);
        survive_with(what, &lab.home, nodes, |_, victim, time| {
            let number = lab.net(victim).number;
            let of_it = lab.directions().into_iter().filter(|(from, _)| *from == number);
            of_it.for_each(|direction| lab.proxy.set(direction, fault));
            time();
            pass(ms(3000), "two leases");
            lab.proxy.heal();
        });
    }
}

#[test]
fn an_eventual_namespace_whose_copies_are_late_loses_no_more_than_was_shown_when_nodes_are_killed() {
    let lab = Lab::new(3);
    let nodes = lab.cluster(Path::Proxy, 1);
    lose_no_more_than_was_shown(
        "eventual, late and killed",
        &lab.home,
        nodes,
        |victim, watch| {
            let late = Fault::Late { by: ms(60), up_to: ms(20) };
            lab.directions().into_iter().for_each(|direction| lab.proxy.set(direction, late));
            let until = Instant::now() + ms(300);
            wait_until("copies are late", || {
                assert!(watch.look());
                (Instant::now() > until).then_some(())
            });
            send("KILL", victim.process.id());
        },
        |victim| {
            lab.proxy.heal();
            *victim = lab.start(lab.place(victim), Path::Proxy);
        },
    );
}
