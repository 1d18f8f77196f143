//! Miss ratios of policies beside the exact references, cell by cell, and what follows from them over all cells.
//!
//! A cell is a trace at one share of its footprint.

use super::exact::{fifo, lru, optimum};
use super::replay::{Clock, replay};
use super::trace::Trace;
use crate::Policy;
use std::fmt::Write as _;

/// Shares of the footprint, in parts of 1.
const SHARES: [f64; 4] = [0.001, 0.01, 0.1, 0.25];

/// Objects held and share from which on a cell counts for the gap closed.
const HELD_MIN: usize = 500;
const SHARE_MIN: f64 = 0.01;

#[derive(Debug)]
struct Cell {
    share: f64,
    held: usize,
    lru: f64,
    fifo: f64,
    optimum: f64,
    /// Of each policy.
    misses: Vec<f64>,
}

/// The cells so far.
#[derive(Debug)]
pub struct Report {
    policies: Vec<Policy>,
    clock: Clock,
    cells: Vec<Cell>,
}

impl Report {
    pub fn new(policies: &[Policy], clock: Clock) -> Report {
        Report { policies: policies.to_vec(), clock, cells: Vec::new() }
    }

    pub fn heading(&self) -> String {
        let names = self.policies.iter().map(|policy| format!(" {:>9}", policy.name())).collect::<String>();
        format!("{:<14} {:>5} {:>7} {:>7} {:>7} {:>7} |{names}", "trace", "%", "objects", "lru*", "fifo*", "optimum")
    }

    /// One line for each share.
    pub fn add(&mut self, name: &str, trace: &Trace) -> String {
        let mut lines = String::new();
        for share in SHARES {
            let capacity = (trace.footprint as f64 * share) as u64;
            let exact = lru(trace, capacity);
            let misses = self.policies.iter().map(|policy| replay(trace, capacity, *policy, self.clock).score.ratio());
            let cell = Cell {
                share,
                held: exact.held,
                lru: exact.ratio(),
                fifo: fifo(trace, capacity).ratio(),
                optimum: optimum(trace, capacity).ratio(),
                misses: misses.collect(),
            };
            let Cell { held, lru, fifo, optimum, .. } = cell;
            let percent = share * 100.0;
            let of_policies = cell.misses.iter().map(|misses| format!(" {misses:>9.4}")).collect::<String>();
            _ = writeln!(
                lines,
                "{name:<14} {percent:>5} {held:>7} {lru:>7.4} {fifo:>7.4} {optimum:>7.4} |{of_policies}"
            );
            self.cells.push(cell);
        }
        lines
    }

    /// Over all cells: of each policy what it closes of the gap from LRU to the optimum and its worst cell against LRU; how
    /// far `lru` and `fifo` are from the exact ones.
    pub fn summary(&self) -> String {
        let mut lines = String::new();
        let counts = |cell: &&Cell| cell.held >= HELD_MIN && cell.share >= SHARE_MIN;
        for (index, policy) in self.policies.iter().enumerate() {
            let cells: Vec<&Cell> = self.cells.iter().filter(counts).collect();
            let closed: f64 =
                cells.iter().map(|cell| part(cell.lru - cell.misses[index], cell.lru - cell.optimum)).sum();
            let worst = cells.iter().map(|cell| part(cell.misses[index] - cell.lru, cell.lru)).fold(f64::MIN, f64::max);
            let (cells, closed, worst) = (cells.len(), 100.0 * closed / cells.len().max(1) as f64, 100.0 * worst);
            _ = writeln!(
                lines,
                "{policy:<10} closes {closed:>6.2} % of the gap from lru* to the optimum; worst against lru* {worst:>+6.2} % \
                 ({cells} cells from 1 % and {HELD_MIN} objects up)"
            );
        }
        for policy in [Policy::Lru, Policy::Fifo] {
            let Some(index) = self.policies.iter().position(|other| *other == policy) else { continue };
            for (least, most) in [(2000, usize::MAX), (200, 2000)] {
                let cells =
                    self.cells.iter().filter(|cell| cell.share >= SHARE_MIN && (least..most).contains(&cell.held));
                let exact = |cell: &Cell| if policy == Policy::Lru { cell.lru } else { cell.fifo };
                let off = cells.map(|cell| part(cell.misses[index] - exact(cell), exact(cell)));
                let worst = off.fold(0.0, |worst: f64, off| if off.abs() > worst.abs() { off } else { worst });
                let (name, to) =
                    (policy.name(), if most == usize::MAX { "up".to_owned() } else { format!("to {most}") });
                _ = writeln!(lines, "{name:<10} is {:>+6.2} % from exact at most, {least} objects {to}", 100.0 * worst);
            }
        }
        lines
    }
}

fn part(of: f64, whole: f64) -> f64 {
    if whole.abs() < 1e-9 { 0.0 } else { of / whole }
}
