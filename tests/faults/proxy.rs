//! A TCP proxy between nodes, for what a packet filter cannot do and this kernel's `netem` is not there for: each direction between
//! two nodes is late, silent, lost without a word or broken, as it is told, for bytes under way too.
//!
//! Nodes announce the proxy's door in the place of their own. It knows who calls by the address a connection comes from; what a
//! connection carries in one direction is one thread-like task with a queue of bytes that are due later.

use crate::harness::Dice;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

/// What happens to bytes from one node to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    #[default]
    None,
    /// They come late, by so much and at random up to so much more.
    Late { by: Duration, up_to: Duration },
    /// They wait until that is over, as when packets are lost again and again.
    Stall,
    /// They are taken and never arrive: one half of a connection is dead, and nobody is told. Connections that lost bytes are
    /// closed when that is over.
    Swallow,
    /// Connections break at once, and new ones too.
    Break,
}

/// From and to, by the numbers of their namespaces.
pub type Direction = (u8, u8);

type Faults = BTreeMap<Direction, Fault>;

/// Chunks of one connection's direction that may be under way.
const UNDER_WAY_MAX: usize = 256;

pub struct Proxy {
    runtime: tokio::runtime::Handle,
    faults: watch::Sender<Faults>,
    dice: Arc<Mutex<Dice>>,
    /// Ends the thread when dropped.
    _stop: mpsc::Sender<()>,
}

impl Proxy {
    /// Runs until dropped; delays follow from `seed`.
    pub fn start(seed: u64) -> Proxy {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (stop, mut stopped) = mpsc::channel(1);
        let handle = runtime.handle().clone();
        std::thread::spawn(move || runtime.block_on(stopped.recv()));
        let dice = Arc::new(Mutex::new(Dice(seed)));
        Proxy { runtime: handle, faults: watch::channel(Faults::new()).0, dice, _stop: stop }
    }

    /// Opens a door for node `to` and passes on what comes there. `number_of` tells a caller's number by its address.
    pub fn open(&self, to: u8, door: &str, target: &str) {
        let listener = std::net::TcpListener::bind(door).unwrap_or_else(|error| panic!("{door}: {error}"));
        listener.set_nonblocking(true).unwrap();
        let (target, faults, dice) = (target.to_string(), self.faults.subscribe(), self.dice.clone());
        self.runtime.spawn(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            while let Ok((stream, remote)) = listener.accept().await {
                let std::net::IpAddr::V4(host) = remote.ip() else { continue };
                let link = Link { there: (host.octets()[2], to), faults: faults.clone(), dice: dice.clone() };
                let target = target.clone();
                tokio::spawn(async move {
                    // A connection that ends is no news: nodes connect again.
                    let _ = link.carry(stream, &target).await;
                });
            }
        });
    }

    pub fn set(&self, direction: Direction, fault: Fault) {
        self.faults.send_modify(|faults| {
            faults.insert(direction, fault);
        });
    }

    pub fn heal(&self) {
        self.faults.send_modify(Faults::clear);
    }
}

/// One connection.
struct Link {
    there: Direction,
    faults: watch::Receiver<Faults>,
    dice: Arc<Mutex<Dice>>,
}

impl Link {
    async fn carry(self, near: TcpStream, target: &str) -> io::Result<()> {
        let far = TcpStream::connect(target).await?;
        for stream in [&near, &far] {
            stream.set_nodelay(true)?;
            // Whoever is left hears at once that it is over.
            stream.set_zero_linger()?;
        }
        let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
        let back = (self.there.1, self.there.0);
        tokio::select! {
            result = self.pass(self.there, near_in, far_out) => result,
            result = self.pass(back, far_in, near_out) => result,
        }
    }

    /// One direction, until it breaks.
    async fn pass(&self, direction: Direction, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) -> io::Result<()> {
        let fault_now = |faults: &Faults| faults.get(&direction).copied().unwrap_or_default();
        let (under_way, mut due) = mpsc::channel::<(Instant, Vec<u8>)>(UNDER_WAY_MAX);
        let reading = async {
            let faults = self.faults.clone();
            let mut last = Instant::now();
            loop {
                let mut bytes = vec![0; 64 << 10];
                let length = from.read(&mut bytes).await?;
                if length == 0 {
                    return io::Result::Ok(());
                }
                bytes.truncate(length);
                let fault = fault_now(&faults.borrow());
                // What was sent first arrives first.
                last = last.max(Instant::now() + self.delay(fault));
                under_way.send((last, bytes)).await.map_err(io::Error::other)?;
            }
        };
        let writing = async {
            let mut faults = self.faults.clone();
            let mut has_lost = false;
            while let Some((at, bytes)) = due.recv().await {
                sleep_until(at).await;
                let is_over = |faults: &Faults| fault_now(faults) != Fault::Stall;
                let fault = fault_now(&*faults.wait_for(is_over).await.map_err(io::Error::other)?);
                has_lost |= fault == Fault::Swallow;
                match has_lost {
                    false => to.write_all(&bytes).await?,
                    true if fault == Fault::Swallow => {}
                    true => break,
                }
            }
            io::Result::Ok(())
        };
        let mut faults = self.faults.clone();
        let breaking = async {
            let _broken = faults.wait_for(|faults| fault_now(faults) == Fault::Break).await;
            io::Result::Ok(())
        };
        tokio::select! { result = reading => result, result = writing => result, result = breaking => result }
    }

    fn delay(&self, fault: Fault) -> Duration {
        match fault {
            Fault::Late { by, up_to } => by + up_to.mul_f64(self.dice.lock().unwrap().fraction()),
            _ => Duration::ZERO,
        }
    }
}
