//! Clients that know what every one of their keys holds, and say so when one holds anything else: values of 50 B to 1 MiB and
//! counters, in a strong, an eventual and an unreplicated namespace, through gateways and through the cluster door with its
//! redirects. Each key has one client, which has one request under way; so each reply has one right form. Clients that contend
//! for keys are in `contend.rs`, and those that live through lost nodes in `history.rs`.
//!
//! A node lets nobody wait longer than its lease lasts at the cluster door, and says `TRYAGAIN` then, which clients do. A debug build
//! on a busy machine takes as long to hand over; so there it is told, and otherwise it is an error as any other.
//!
//! What is written follows from the key and the number of the write; so half a value, two that are mixed, a write that came
//! twice and one that came back are all told apart from the right one.

#![allow(clippy::print_stdout)]

use super::history::{Over, PATIENCE};
use super::resp::Wire;
use super::*;
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Mutex, RwLock};

/// With the prefixes of their keys.
pub const NAMESPACES: &str = "namespaces:
  - {name: strong, match: {prefix: \"s:\"}, consistency: strong}
  - {name: eventual, match: {prefix: \"e:\"}, consistency: eventual}
  - {name: unreplicated, match: {prefix: \"n:\"}, replicas: 0}
";

const PREFIXES: [&str; 3] = ["s:", "e:", "n:"];

/// Every value is a piece of this text, behind a head that says whose it is.
const TEXT_BYTES: usize = 2 << 20;

const VALUE_BYTES_MAX: usize = 1 << 20;

/// Values up to here count for the latency that is told: larger ones take long by themselves.
const TIMED_BYTES_MAX: usize = 16 << 10;

/// A real client gives up after about as many.
const REDIRECTS_MAX: usize = 16;

const AGAIN: &str = "redirected again and again";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    Gateway,
    Cluster,
}

/// Where clients may go. Those that ask hold it; so who takes a gateway out of it knows that nobody asks there any more.
#[derive(Default)]
struct Doors {
    gateways: Vec<String>,
    clusters: Vec<String>,
    /// Cluster doors of nodes that are about to leave: asked only when sent there, and some day gone.
    leaving: BTreeSet<String>,
}

pub struct Load {
    doors: RwLock<Doors>,
    began: Instant,
    text: String,
    clients: Vec<Mutex<Client>>,
    is_over: AtomicBool,
}

struct Client {
    door: Door,
    keys: Vec<Key>,
    dice: Dice,
    wires: HashMap<String, Wire>,
    /// Owners of slots, as far as redirects have told.
    owners: HashMap<u16, String>,
    seen: Seen,
}

struct Key {
    name: String,
    /// A number that is counted up, else a text.
    is_counter: bool,
    /// How often it was written; 0, and `is_there` false: never.
    version: u64,
    is_there: bool,
}

/// What a client saw.
#[derive(Default)]
struct Seen {
    asked: u64,
    redirects: u64,
    /// Requests that were to be tried again, of a debug build.
    again: u64,
    longest_chain: usize,
    errors: Vec<String>,
    wrong: Vec<String>,
    /// When it was answered and after how long.
    times: Vec<(Instant, Duration)>,
}

impl Load {
    /// So many keys over all, none of which is written yet.
    pub fn new(keys: usize, nodes: &[Node]) -> Load {
        let mut dice = Dice(99);
        let text = (0..TEXT_BYTES / 8).map(|_| format!("{:08x}", dice.next() as u32)).collect();
        let kinds: Vec<(Door, &str)> =
            [Door::Gateway, Door::Cluster].into_iter().flat_map(|door| PREFIXES.map(|prefix| (door, prefix))).collect();
        let each = keys.div_ceil(kinds.len());
        let client = |(number, (door, prefix)): (usize, &(Door, &str))| {
            let key = |n: usize| Key {
                name: format!("{prefix}{door:?}:{n}"),
                is_counter: n.is_multiple_of(8),
                version: 0,
                is_there: false,
            };
            Mutex::new(Client {
                door: *door,
                keys: (0..each).map(key).collect(),
                dice: Dice(number as u64 + 1),
                wires: HashMap::new(),
                owners: HashMap::new(),
                seen: Seen::default(),
            })
        };
        let load = Load {
            doors: RwLock::default(),
            began: Instant::now(),
            text,
            clients: kinds.iter().enumerate().map(client).collect(),
            is_over: AtomicBool::new(false),
        };
        nodes.iter().for_each(|node| load.use_node(node));
        load
    }

    pub fn use_node(&self, node: &Node) {
        let mut doors = self.doors.write().unwrap();
        doors.gateways.push(node.gateway.clone());
        doors.clusters.push(node.cluster.clone());
    }

    /// Nobody asks its gateway from here on, nor its cluster door without being sent there.
    pub fn leave_node(&self, node: &Node) {
        let mut doors = self.doors.write().unwrap();
        doors.gateways.retain(|door| *door != node.gateway);
        doors.clusters.retain(|door| *door != node.cluster);
        doors.leaving.insert(node.cluster.clone());
    }

    /// Writes every key once, then has all clients go on while `moves` are made.
    pub fn run<T>(&self, moves: impl FnOnce() -> T) -> T {
        std::thread::scope(|scope| {
            for client in &self.clients {
                scope.spawn(|| {
                    let mut client = client.lock().unwrap();
                    (0..client.keys.len()).for_each(|key| client.write(self, key));
                });
            }
        });
        std::thread::scope(|scope| {
            for client in &self.clients {
                scope.spawn(|| {
                    let mut client = client.lock().unwrap();
                    while !self.is_over.load(SeqCst) {
                        client.do_anything(self);
                    }
                });
            }
            let over = Over(&self.is_over);
            let result = moves();
            drop(over);
            result
        })
    }

    /// Every key holds what was written to it last, and nobody was told of an error or saw anything else.
    pub fn must_be_right(&self, what: &str) {
        let (mut asked, mut redirects, mut chain, mut again) = (0, 0, 0, 0);
        let (mut errors, mut wrong) = (Vec::new(), Vec::new());
        for client in &self.clients {
            let mut client = client.lock().unwrap();
            (0..client.keys.len()).for_each(|key| client.read(self, key));
            let seen = &mut client.seen;
            (asked, redirects, chain) = (asked + seen.asked, redirects + seen.redirects, chain.max(seen.longest_chain));
            again += seen.again;
            errors.append(&mut seen.errors);
            wrong.append(&mut seen.wrong);
        }
        println!(
            "{what}: {asked} requests, {} errors, {} lost or wrong values, {redirects} redirects, {chain} for one request at most, {again} tried again",
            errors.len(),
            wrong.len()
        );
        assert!(wrong.is_empty(), "{what}: {} wrong:\n{}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));
        assert!(errors.is_empty(), "{what}: {} errors:\n{}", errors.len(), errors[..errors.len().min(20)].join("\n"));
    }

    /// 99th percentile, and the longest, of requests for values of usual sizes that ended in between; of each door.
    pub fn say_latency(&self, what: &str, from: Instant, to: Instant, times: &[(Door, Vec<(Instant, Duration)>)]) {
        for (door, times) in times {
            let mut times: Vec<Duration> =
                times.iter().filter(|(at, _)| (from..to).contains(at)).map(|(_, took)| *took).collect();
            times.sort();
            if let Some(longest) = times.last() {
                let (count, p50, p99) = (times.len(), times[times.len() / 2], times[times.len() * 99 / 100]);
                println!("  {what}, {door:?}: {count} requests, p50 {p50:?}, p99 {p99:?}, longest {longest:?}");
            }
        }
    }

    /// Of all clients at their end.
    pub fn times(&self) -> Vec<(Door, Vec<(Instant, Duration)>)> {
        let of = |door: Door| {
            let clients = self.clients.iter().map(|client| client.lock().unwrap());
            (door, clients.filter(|client| client.door == door).flat_map(|client| client.seen.times.clone()).collect())
        };
        vec![of(Door::Gateway), of(Door::Cluster)]
    }

    fn value(&self, key: &Key, version: u64) -> String {
        if key.is_counter {
            return version.to_string();
        }
        let mut dice =
            Dice(version * 7919 + key.name.bytes().fold(1, |sum, byte| sum * 31 % 1_000_003 + u64::from(byte)));
        dice.next();
        let length = match dice.next() % 200 {
            0 => 16_385 + dice.next() as usize % (VALUE_BYTES_MAX - 16_384),
            1..20 => 501 + dice.next() as usize % 15_884,
            _ => 50 + dice.next() as usize % 450,
        };
        let head = format!("{}#{version}#", key.name);
        let begin = dice.next() as usize % (TEXT_BYTES - VALUE_BYTES_MAX);
        format!("{head}{}", &self.text[begin..begin + length - head.len()])
    }
}

impl Client {
    fn do_anything(&mut self, load: &Load) {
        let key = self.dice.next() as usize % self.keys.len();
        match self.dice.next() % 100 {
            0..5 => self.delete(load, key),
            5..50 => self.write(load, key),
            _ => self.read(load, key),
        }
    }

    fn write(&mut self, load: &Load, number: usize) {
        let key = &self.keys[number];
        let (name, next) = (key.name.clone(), key.version + 1);
        let is_done = if key.is_counter {
            self.expect(load, &["INCR", &name], &format!(":{next}\r\n"))
        } else {
            let value = load.value(key, next);
            self.expect(load, &["SET", &name, &value], "+OK\r\n")
        };
        if is_done {
            (self.keys[number].version, self.keys[number].is_there) = (next, true);
        }
    }

    fn read(&mut self, load: &Load, number: usize) {
        let key = &self.keys[number];
        let name = key.name.clone();
        let right = match key.is_there {
            true => {
                let value = load.value(key, key.version);
                format!("${}\r\n{value}\r\n", value.len())
            }
            false => "$-1\r\n".into(),
        };
        self.expect(load, &["GET", &name], &right);
    }

    fn delete(&mut self, load: &Load, number: usize) {
        let key = &self.keys[number];
        let (name, was_there) = (key.name.clone(), key.is_there);
        if !key.is_counter && self.expect(load, &["DEL", &name], &format!(":{}\r\n", u8::from(was_there))) {
            self.keys[number].is_there = false;
        }
    }

    /// A request whose only right reply is known. False: it was certainly not done.
    fn expect(&mut self, load: &Load, words: &[&str], right: &str) -> bool {
        let began = Instant::now();
        let reply = {
            let doors = load.doors.read().unwrap();
            match self.door {
                Door::Gateway => self.ask_gateway(&doors, words),
                Door::Cluster => self.ask_cluster(&doors, words),
            }
        };
        self.seen.asked += 1;
        let is_timed = words.iter().map(|word| word.len()).sum::<usize>() + right.len() <= TIMED_BYTES_MAX;
        if is_timed {
            self.seen.times.push((Instant::now(), began.elapsed()));
        }
        let shown = |text: &str| format!("{} B {:?}", text.len(), text.chars().take(60).collect::<String>());
        let (at, took) = (began.duration_since(load.began), began.elapsed());
        let asked = format!("at {at:?} for {took:?} {:?} {} {}", self.door, words[0], words[1]);
        let is_refused = reply.as_ref().map_or_else(|error| error.to_string() == AGAIN, |reply| reply.starts_with('-'));
        match reply {
            Ok(reply) if reply == right => {}
            Ok(reply) if reply.starts_with('-') => self.seen.errors.push(format!("{asked}: {}", reply.trim_end())),
            Ok(reply) => self.seen.wrong.push(format!("{asked}: {}, not {}", shown(&reply), shown(right))),
            Err(error) => self.seen.errors.push(format!("{asked}: {error}")),
        }
        !is_refused
    }

    fn ask_gateway(&mut self, doors: &Doors, words: &[&str]) -> std::io::Result<String> {
        let door = doors.gateways[self.dice.next() as usize % doors.gateways.len()].clone();
        self.ask_at(&door, words)
    }

    /// As a cluster-aware client does: to the node that served the slot last, and to where that one sends it. A node that is
    /// gone held nothing at its end, so nothing can have been done there, and any other knows who does.
    fn ask_cluster(&mut self, doors: &Doors, words: &[&str]) -> std::io::Result<String> {
        let slot = slot_of(words[1].as_bytes()).number();
        for chain in 0..REDIRECTS_MAX {
            let any = &doors.clusters[self.dice.next() as usize % doors.clusters.len()];
            let door = self.owners.get(&slot).unwrap_or(any).clone();
            let reply = match self.ask_at(&door, words) {
                Err(_) if doors.leaving.contains(&door) => {
                    self.owners.retain(|_, owner| *owner != door);
                    continue;
                }
                reply => reply?,
            };
            if reply.starts_with("-TRYAGAIN") && cfg!(debug_assertions) {
                self.seen.again += 1;
                continue;
            }
            let Some(moved) = reply.strip_prefix("-MOVED ") else {
                self.owners.insert(slot, door);
                return Ok(reply);
            };
            let (_, owner) = moved.trim_end().split_once(' ').unwrap();
            self.owners.insert(slot, owner.to_string());
            self.seen.redirects += 1;
            self.seen.longest_chain = self.seen.longest_chain.max(chain + 1);
        }
        Err(std::io::Error::other(AGAIN))
    }

    fn ask_at(&mut self, door: &str, words: &[&str]) -> std::io::Result<String> {
        if !self.wires.contains_key(door) {
            let wire = Wire::try_connect(door, PATIENCE).ok_or_else(|| std::io::Error::other("cannot be reached"))?;
            self.wires.insert(door.to_string(), wire);
        }
        let reply = self.wires.get_mut(door).unwrap().try_ask(words);
        if reply.is_err() {
            self.wires.remove(door);
        }
        reply
    }
}
