//! The network between nodes: it delays, loses, and cuts, each direction for itself; and the clocks of the nodes, which run at
//! rates of their own and whose wall time jumps.

use crate::random::Random;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::{Instant, sleep};

pub const MS: Duration = Duration::from_millis(1);

thread_local! {
    static START: Cell<Option<Instant>> = const { Cell::new(None) };
    static CLOCK: Cell<NodeClock> = const { Cell::new(NodeClock { offset_us: 0, per_mille: 1000, wall_ms: 0 }) };
}

/// How a node's clocks differ from the world's.
#[derive(Clone, Copy, Debug)]
pub struct NodeClock {
    pub offset_us: u64,
    pub per_mille: u64,
    pub wall_ms: i64,
}

/// The world begins now.
pub fn start() {
    START.set(Some(Instant::now()));
}

/// Since the world began.
pub fn now() -> Duration {
    START.get().map_or(Duration::ZERO, |start| start.elapsed())
}

/// From here on this thread's clocks are that node's.
pub fn use_clock(clock: NodeClock) {
    CLOCK.set(clock);
}

pub fn monotonic() -> Duration {
    let clock = CLOCK.get();
    Duration::from_micros(clock.offset_us + now().as_micros() as u64 * clock.per_mille / 1000)
}

pub fn unix_ms() -> u64 {
    (1_700_000_000_000 + now().as_millis() as i64 + CLOCK.get().wall_ms) as u64
}

pub struct Net {
    pub dice: RefCell<Random>,
    pub cuts: RefCell<BTreeSet<(usize, usize)>>,
    pub loss_per_mille: Cell<u64>,
    /// The longest delay there is in a thousand messages.
    pub slow: Cell<Duration>,
    /// Nodes that stand still, until then.
    pub paused_until: Vec<Cell<Duration>>,
}

impl Net {
    pub fn new(seed: u64, nodes: usize) -> Net {
        Net {
            dice: RefCell::new(Random::new(seed ^ 0x6e65_7477)),
            cuts: RefCell::default(),
            loss_per_mille: Cell::new(0),
            slow: Cell::new(MS * 20),
            paused_until: (0..nodes).map(|_| Cell::default()).collect(),
        }
    }

    pub fn is_cut(&self, from: usize, to: usize) -> bool {
        self.cuts.borrow().contains(&(from, to))
    }

    /// Waits while a node stands still.
    pub async fn awake(&self, node: usize) {
        loop {
            let until = self.paused_until[node].get();
            if until <= now() {
                return;
            }
            sleep((until - now()).min(MS * 20)).await;
        }
    }

    pub fn delay(&self) -> Duration {
        let mut dice = self.dice.borrow_mut();
        let most = if dice.chance(20) { self.slow.get().as_micros() as u64 } else { 800 };
        Duration::from_micros(50 + dice.within(0..most.max(1)))
    }

    /// Carries one message; false: it is lost.
    pub async fn carry(&self, from: usize, to: usize) -> bool {
        self.awake(from).await;
        if self.is_cut(from, to) || self.dice.borrow_mut().chance(self.loss_per_mille.get()) {
            return false;
        }
        sleep(self.delay()).await;
        self.awake(to).await;
        !self.is_cut(from, to)
    }
}
