//! Copies that talk to each other in one test's hands, and what each rule is for. Under faults: `tests/sim`.

use super::*;
use dcache_protocol::{Incarnation, NodeId};
use std::collections::BTreeMap;

/// Bytes of a piece of the store.
const PIECE: usize = 3;

fn member(node: u64) -> Member {
    Member { node: NodeId(node), incarnation: Incarnation(node) }
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn agreed(generation: u64, term: u64, version: u64, primary: Option<u64>, in_sync: &[u64]) -> Configuration {
    Configuration {
        generation,
        term,
        version,
        primary: primary.map(member),
        in_sync: in_sync.iter().copied().map(member).collect(),
        copies: (1..=3).map(NodeId).collect(),
        moving: None,
    }
}

fn effect(byte: u8) -> Effect {
    Effect::copy_from_slice(&[byte])
}

/// Copies that hand each other every message at once, and the stores they fill: effects one after the other.
struct Pair {
    copies: BTreeMap<Member, (Replica, Vec<u8>)>,
    proposed: Vec<Change>,
    /// Pieces of what is in no other copy that were asked for.
    rests: Vec<(Member, Option<u64>)>,
}

impl Pair {
    fn new(nodes: &[u64]) -> Pair {
        let copy = |node: &u64| {
            let mut replica = Replica::new(member(*node), agreed(0, 0, 0, None, &[]), 1);
            replica.renew(ms(1000));
            (member(*node), (replica, Vec::new()))
        };
        Pair { copies: nodes.iter().map(copy).collect(), proposed: Vec::new(), rests: Vec::new() }
    }

    fn of(&mut self, node: u64) -> &mut Replica {
        &mut self.copies.get_mut(&member(node)).expect("a copy").0
    }

    fn store(&self, node: u64) -> &[u8] {
        &self.copies[&member(node)].1
    }

    fn configure(&mut self, configuration: &Configuration, learners: &[u64]) {
        let learners: Vec<Member> = learners.iter().copied().map(member).collect();
        for node in self.copies.keys().copied().collect::<Vec<Member>>() {
            let mut out = Vec::new();
            let copy = self.copies.get_mut(&node).expect("a copy");
            copy.0.configure(ms(0), configuration, learners.clone(), &mut out);
            self.carry_out(node, out);
        }
    }

    fn write(&mut self, node: u64, byte: u8) -> u64 {
        let (replica, store) = self.copies.get_mut(&member(node)).expect("a copy");
        let seq = replica.write(ms(0), Some(u64::from(byte)), effect(byte)).expect("serves");
        store.push(byte);
        seq
    }

    /// What is due at a moment goes out, and everything that follows from it.
    fn tick(&mut self, node: u64, now: Duration) {
        let mut out = Vec::new();
        self.of(node).tick(now, &mut out);
        self.carry_out(member(node), out);
    }

    fn carry_out(&mut self, from: Member, out: Vec<Output>) {
        for output in out {
            let mut follows = Vec::new();
            let mut whose = from;
            let (replica, store) = self.copies.get_mut(&from).expect("a copy");
            match output {
                Output::Send(to, message) => {
                    whose = to;
                    let Some(copy) = self.copies.get_mut(&to) else { continue };
                    copy.0.receive(ms(100), message, &mut follows);
                }
                Output::Propose { change, .. } => self.proposed.push(change),
                Output::Apply(effects) => store.extend(effects.iter().flatten()),
                Output::Clear => store.clear(),
                Output::Load(state) => store.extend(state.iter()),
                Output::ReadChunk { to, attempt, cursor } => {
                    let from = cursor.unwrap_or(0) as usize;
                    let piece = &store[from..(from + PIECE).min(store.len())];
                    let next = (from + PIECE < store.len()).then_some((from + PIECE) as u64);
                    replica.send_chunk(ms(100), to, attempt, Effect::copy_from_slice(piece), next, &mut follows);
                }
                Output::ReadRest { to, cursor } => self.rests.push((to, cursor)),
                Output::FetchConfiguration => {}
            }
            self.carry_out(whose, follows);
        }
    }
}

#[test]
fn a_write_is_committed_when_every_copy_in_sync_has_it() {
    let mut pair = Pair::new(&[1, 2]);
    pair.configure(&agreed(1, 1, 1, Some(1), &[1, 2]), &[]);
    let seq = pair.write(1, 7);
    let primary = pair.of(1);
    assert_eq!((primary.watermark(ms(0), 1), primary.read(ms(0), 7)), (Some(0), Ok(seq)), "nobody else has it");
    assert_eq!(primary.read(ms(0), 8), Ok(0), "other keys need not wait");
    pair.tick(1, ms(100));
    let primary = pair.of(1);
    assert_eq!(primary.watermark(ms(0), 1), Some(seq));
    assert!(primary.read(ms(0), 7).is_ok_and(|seq| seq <= primary.commit()));
    // The backup learns of the commit with the next message, and has it in its store from then on.
    assert!(pair.store(2).is_empty());
    pair.tick(1, ms(200));
    assert_eq!(pair.store(2), [7]);
}

#[test]
fn a_learner_gets_the_store_in_pieces_and_counts_before_it_is_agreed_to_be_in_sync() {
    let mut pair = Pair::new(&[1, 2]);
    pair.configure(&agreed(1, 1, 1, Some(1), &[1]), &[]);
    for byte in 1..=20 {
        pair.write(1, byte);
    }
    pair.tick(1, ms(10));
    pair.of(1).trim(300, 10_000);
    pair.configure(&agreed(1, 1, 1, Some(1), &[1]), &[2]);
    pair.tick(1, ms(100));
    assert_eq!(pair.store(2), (1..=20).collect::<Vec<u8>>());
    assert_eq!(pair.proposed, [Change::Expand(member(2))]);
    // Something else was agreed before that: it is proposed again though nobody writes.
    pair.configure(&agreed(1, 1, 2, Some(1), &[1]), &[2]);
    pair.tick(1, ms(150));
    assert_eq!(pair.proposed, [Change::Expand(member(2)), Change::Expand(member(2))]);
    pair.copies.retain(|copy, _| *copy == member(1));
    let seq = pair.write(1, 21);
    pair.tick(1, ms(200));
    assert!(pair.of(1).commit() < seq, "the other counts already and does not answer");
    pair.tick(1, ms(900));
    assert_eq!(pair.proposed.last(), Some(&Change::Shrink(member(2))));
}

#[test]
fn without_a_lease_or_while_it_is_handed_over_nothing_is_begun() {
    let mut pair = Pair::new(&[1, 2]);
    pair.configure(&agreed(1, 1, 1, Some(1), &[1, 2]), &[]);
    assert_eq!(pair.of(2).read(ms(0), 7), Err(Refusal::NotPrimary));
    let primary = pair.of(1);
    assert_eq!(primary.write(ms(1000), Some(7), effect(7)), Err(Refusal::NoLease));
    assert_eq!(primary.watermark(ms(1000), 1), None, "who waits is told that nobody knows");
    assert!(!primary.park(ms(0), member(3)), "not to one that lacks entries");
    assert!(primary.park(ms(0), member(2)));
    assert_eq!(primary.read(ms(0), 7), Err(Refusal::Parked));
    pair.tick(1, ms(100));
    pair.tick(1, ms(300));
    assert_eq!(pair.proposed.last(), Some(&Change::Transfer(member(2))));
    pair.configure(&agreed(1, 2, 2, Some(2), &[1, 2]), &[]);
    assert!(pair.of(2).serves(ms(0)) && !pair.of(1).serves(ms(0)));
}

#[test]
fn what_a_new_primary_does_not_know_to_be_committed_is_told_nobody_yet() {
    let mut pair = Pair::new(&[1, 2]);
    pair.configure(&agreed(1, 1, 1, Some(1), &[1, 2, 3]), &[]);
    let seq = pair.write(1, 7);
    pair.tick(1, ms(100));
    pair.configure(&agreed(1, 2, 2, Some(2), &[2, 3]), &[]);
    assert_eq!(pair.store(2), [7], "it may have been acknowledged");
    assert_eq!(pair.of(2).read(ms(0), 7), Ok(seq), "node 3 must have it first");
    assert!(pair.of(2).commit() < seq);
}

#[test]
fn a_learner_of_a_new_primary_needs_all_that_may_have_been_acknowledged() {
    let mut pair = Pair::new(&[1, 2, 3]);
    pair.configure(&agreed(1, 1, 1, Some(1), &[1, 2, 3]), &[]);
    pair.write(1, 1);
    pair.tick(1, ms(100));
    pair.tick(1, ms(200));
    pair.configure(&agreed(1, 1, 2, Some(1), &[1, 2]), &[]);
    let learner = pair.copies.remove(&member(3)).expect("a copy");
    let seq = pair.write(1, 2);
    pair.tick(1, ms(300));
    assert_eq!(pair.of(1).commit(), seq, "acknowledged, which node 2 has not heard");
    pair.copies.insert(member(3), learner);
    pair.copies.remove(&member(1));
    pair.configure(&agreed(1, 2, 3, Some(2), &[1, 2]), &[3]);
    let known = Some(Position { term: 1, seq: 1 });
    let body = Body::Behind { known, attempt: 1 };
    let mut out = Vec::new();
    pair.of(2).receive(ms(400), Message { from: member(3), generation: 1, term: 2, body }, &mut out);
    pair.of(2).tick(ms(410), &mut out);
    let expands =
        |out: &[Output]| out.iter().any(|output| matches!(output, Output::Propose { change: Change::Expand(_), .. }));
    assert!(!expands(&out), "{out:?}");
    let body = Body::Ack { seq, applied: 1, attempt: 1, has_data: true };
    pair.of(2).receive(ms(420), Message { from: member(3), generation: 1, term: 2, body }, &mut out);
    assert!(expands(&out));
}

#[test]
fn a_learner_that_is_gone_before_it_is_in_sync_is_given_up() {
    let mut pair = Pair::new(&[1, 2]);
    pair.configure(&agreed(1, 1, 1, Some(1), &[1]), &[2]);
    pair.tick(1, ms(100));
    assert_eq!(pair.proposed, [Change::Expand(member(2))]);
    pair.configure(&agreed(1, 1, 1, Some(1), &[1]), &[]);
    pair.tick(1, ms(300));
    assert_eq!(pair.proposed[1..], [Change::Shrink(member(2))]);
}

#[test]
fn the_last_copy_in_sync_keeps_what_it_has_while_nobody_is_primary() {
    let mut pair = Pair::new(&[1]);
    pair.configure(&agreed(1, 1, 1, Some(1), &[1, 2]), &[]);
    pair.write(1, 7);
    pair.configure(&agreed(1, 2, 2, None, &[1]), &[]);
    pair.configure(&agreed(1, 3, 3, Some(1), &[1]), &[]);
    assert!(pair.of(1).serves(ms(0)));
    assert_eq!(pair.store(1), [7]);
    // Replaced by another, it has what that may not have.
    pair.write(1, 8);
    pair.configure(&agreed(1, 3, 4, Some(1), &[1, 2]), &[]);
    pair.write(1, 9);
    pair.configure(&agreed(1, 4, 5, Some(2), &[2]), &[]);
    assert!(pair.store(1).is_empty());
}

#[test]
fn who_a_generation_began_with_serves_even_if_it_hears_of_it_late() {
    let mut pair = Pair::new(&[1]);
    pair.configure(&agreed(2, 7, 16, None, &[1]), &[]);
    assert!(!pair.of(1).serves(ms(0)));
    pair.configure(&agreed(2, 8, 17, Some(1), &[1]), &[]);
    assert!(pair.of(1).serves(ms(0)));
}

#[test]
fn messages_of_an_older_term_are_refused_and_of_a_newer_one_make_it_ask() {
    let mut pair = Pair::new(&[1, 2]);
    pair.configure(&agreed(1, 2, 2, Some(1), &[1, 2]), &[]);
    let append = Body::Append { previous: Position::default(), entries: Vec::new(), commit: 0, term_start: 0 };
    let message = |term| Message { from: member(1), generation: 1, term, body: append.clone() };
    let mut out = Vec::new();
    pair.of(2).receive(ms(0), message(1), &mut out);
    assert!(matches!(&out[..], [Output::Send(to, Message { body: Body::Newer, .. })] if *to == member(1)), "{out:?}");
    out.clear();
    pair.of(2).receive(ms(0), message(3), &mut out);
    assert_eq!(out, [Output::FetchConfiguration]);
}

// ---- Full syncs.

/// A primary of one partition, to which a test says what the others would.
struct Primary {
    replica: Replica,
    out: Vec<Output>,
}

impl Primary {
    fn new(in_sync: &[u64], learners: &[u64]) -> Primary {
        let mut replica = Replica::new(member(1), agreed(0, 0, 0, None, &[]), 1);
        replica.renew(ms(100_000));
        let mut primary = Primary { replica, out: Vec::new() };
        primary.agree(&agreed(1, 1, 1, Some(1), in_sync), learners);
        primary
    }

    fn agree(&mut self, configuration: &Configuration, learners: &[u64]) {
        let learners = learners.iter().copied().map(member).collect();
        self.replica.configure(ms(0), configuration, learners, &mut self.out);
    }

    fn write(&mut self, bytes: usize) -> u64 {
        self.replica.write(ms(0), None, vec![0; bytes].into()).expect("serves")
    }

    fn hear(&mut self, now: u64, from: u64, body: Body) -> Vec<Output> {
        let Configuration { generation, term, .. } = *self.replica.configuration();
        let message = Message { from: member(from), generation, term, body };
        self.replica.receive(ms(now), message, &mut self.out);
        self.replica.flush(ms(now), &mut self.out);
        std::mem::take(&mut self.out)
    }

    fn tick(&mut self, now: u64) -> Vec<Output> {
        self.replica.tick(ms(now), &mut self.out);
        std::mem::take(&mut self.out)
    }

    fn chunk(&mut self, now: u64, to: u64, attempt: u64, next: Option<u64>) -> Vec<Output> {
        self.replica.send_chunk(ms(now), member(to), attempt, effect(9), next, &mut self.out);
        std::mem::take(&mut self.out)
    }
}

fn bodies(out: &[Output]) -> Vec<&Body> {
    let sent = out.iter().filter_map(|output| if let Output::Send(_, message) = output { Some(message) } else { None });
    sent.map(|message| &message.body).collect()
}

/// Seqs of the entries of each message.
fn appended(out: &[Output]) -> Vec<Vec<u64>> {
    let entries = |body: &&Body| match body {
        Body::Append { entries, .. } => Some(entries.iter().map(|entry| entry.position.seq).collect()),
        _ => None,
    };
    bodies(out).iter().filter_map(entries).collect()
}

fn reads(out: &[Output]) -> Vec<Option<u64>> {
    let cursor = |output: &Output| if let Output::ReadChunk { cursor, .. } = output { Some(*cursor) } else { None };
    out.iter().filter_map(cursor).collect()
}

fn proposals(out: &[Output]) -> Vec<Change> {
    let change = |output: &Output| if let Output::Propose { change, .. } = output { Some(*change) } else { None };
    out.iter().filter_map(change).collect()
}

fn behind(attempt: u64) -> Body {
    Body::Behind { known: None, attempt }
}

fn ack(seq: u64, attempt: u64, has_data: bool) -> Body {
    Body::Ack { seq, applied: seq, attempt, has_data }
}

const MANY: u64 = 1 << 30;

#[test]
fn so_many_chunks_are_on_their_way_and_a_slow_host_does_not_end_a_sync() {
    let mut primary = Primary::new(&[1], &[2]);
    primary.write(1);
    assert_eq!(reads(&primary.hear(0, 2, behind(3))), [None]);
    assert_eq!(reads(&primary.hear(0, 2, behind(3))), [], "asked for again");
    assert!(primary.tick(5000).iter().all(|output| matches!(output, Output::Send(..))), "nobody has read yet");
    assert!(primary.replica.wants_chunk(member(2), 3) && !primary.replica.wants_chunk(member(2), 2));
    for index in 0..3 {
        assert_eq!(reads(&primary.chunk(5000, 2, 3, Some(index + 10))), [Some(index + 10)]);
    }
    assert_eq!(reads(&primary.chunk(5000, 2, 3, Some(13))), [], "four are on their way");
    assert!(primary.chunk(5000, 2, 3, Some(14)).is_empty(), "nobody asked");
    assert_eq!(reads(&primary.hear(5100, 2, Body::Loaded { attempt: 3, index: 1 })), [Some(13)]);
    let lag = primary.replica.lag(member(2)).expect("a learner");
    assert_eq!((lag.standing, lag.unacknowledged), (Standing::Syncing { chunks: 2 }, 0));
    // Nothing comes back: a new one, which the learner asks for.
    assert!(!bodies(&primary.tick(5399)).contains(&&Body::GivenUp { attempt: 3 }));
    assert!(bodies(&primary.tick(5400)).contains(&&Body::GivenUp { attempt: 3 }));
    assert_eq!(bodies(&primary.hear(5401, 2, behind(3))), [&Body::GivenUp { attempt: 3 }]);
    assert_eq!(bodies(&primary.hear(5402, 2, ack(1, 3, false))), [&Body::GivenUp { attempt: 3 }]);
    assert_eq!(reads(&primary.hear(5403, 2, behind(4))), [None]);
}

#[test]
fn what_is_written_while_a_piece_is_read_comes_after_it() {
    let mut primary = Primary::new(&[1], &[2]);
    primary.write(1);
    primary.hear(0, 2, behind(3));
    primary.chunk(0, 2, 3, Some(10));
    primary.hear(1, 2, Body::Loaded { attempt: 3, index: 0 });
    assert!(primary.replica.begin_chunk(member(2), 3) && !primary.replica.begin_chunk(member(2), 2));
    primary.write(1);
    assert_eq!(appended(&primary.tick(100)), Vec::<Vec<u64>>::new(), "the piece may not have it");
    let out = primary.chunk(101, 2, 3, None);
    let (chunk, rest) = out.split_first().expect("the piece");
    let of_chunk = |output: &Output| match output {
        Output::Send(_, Message { body: Body::Chunk { as_of, end, .. }, .. }) => Some((*as_of, *end)),
        _ => None,
    };
    assert_eq!(of_chunk(chunk), Some((1, Some(2))), "nor may it lack it");
    assert_eq!(appended(rest), [[2]]);
    assert!(!primary.replica.begin_chunk(member(2), 3), "nothing is to be read");
}

#[test]
fn what_a_copy_said_before_its_sync_does_not_count() {
    let mut primary = Primary::new(&[1], &[2]);
    let last = primary.write(1);
    primary.tick(0);
    assert_eq!(reads(&primary.hear(0, 2, behind(3))), [None]);
    primary.chunk(0, 2, 3, None);
    assert_eq!(proposals(&primary.hear(1, 2, ack(last, 3, true))), [], "it may have emptied its store since");
    assert_eq!(proposals(&primary.hear(2, 2, Body::Loaded { attempt: 3, index: 0 })), []);
    assert_eq!(proposals(&primary.hear(3, 2, ack(last, 3, false))), []);
    // Nor when it was not wanted for a while.
    let configuration = primary.replica.configuration().clone();
    primary.agree(&configuration, &[]);
    primary.agree(&configuration, &[2]);
    assert_eq!(proposals(&primary.hear(4, 2, ack(last, 3, true))), []);
    assert_eq!(proposals(&primary.hear(5, 2, ack(last, 4, true))), [Change::Expand(member(2))]);
}

#[test]
fn a_member_in_sync_is_sent_the_log_and_never_a_store() {
    let mut primary = Primary::new(&[1, 2], &[]);
    for _ in 0..10 {
        primary.write(1);
    }
    primary.tick(0);
    primary.hear(1, 2, ack(10, 1, true));
    primary.replica.trim(0, MANY);
    assert_eq!(primary.replica.base().seq, 10);
    primary.write(1);
    let known = Some(Position { term: 1, seq: 4 });
    let out = primary.hear(200, 2, Body::Behind { known, attempt: 1 });
    assert_eq!((reads(&out), appended(&out)), (vec![], vec![vec![11]]), "all that is committed it has");
    let out = primary.hear(201, 2, Body::Behind { known, attempt: 1 });
    assert!(out.is_empty(), "not again and again: {out:?}");
    // One that has not even that is of no use.
    primary.hear(300, 2, Body::Behind { known: None, attempt: 1 });
    assert_eq!(proposals(&primary.tick(600)), [Change::Shrink(member(2))]);
}

#[test]
fn the_log_is_kept_for_a_sync_up_to_a_limit() {
    let mut primary = Primary::new(&[1], &[2]);
    primary.write(100);
    primary.hear(0, 2, behind(1));
    for _ in 0..20 {
        primary.write(100);
    }
    primary.tick(10);
    let bytes = primary.replica.log_bytes();
    primary.replica.trim(500, MANY);
    assert_eq!(primary.replica.base().seq, 1, "all after its start");
    assert!(primary.replica.log_bytes() > bytes * 9 / 10);
    primary.replica.trim(500, 1000);
    assert!(primary.replica.log_bytes() <= 1000 && !primary.replica.wants_chunk(member(2), 1));
    assert_eq!(bodies(&primary.hear(11, 2, behind(1))), [&Body::GivenUp { attempt: 1 }]);
    assert_eq!(reads(&primary.hear(12, 2, behind(2))), [None]);
}

#[test]
fn a_member_in_sync_that_holds_up_too_long_a_log_is_proposed_to_leave() {
    let mut primary = Primary::new(&[1, 2, 3], &[]);
    for _ in 0..20 {
        primary.write(100);
    }
    primary.tick(0);
    primary.hear(1, 2, ack(20, 1, true));
    // Slow, and not silent.
    primary.hear(250, 3, ack(2, 1, true));
    primary.replica.trim(500, 10_000);
    assert_eq!(proposals(&primary.tick(250)), []);
    primary.replica.trim(500, 1000);
    assert_eq!(proposals(&primary.tick(260)), [Change::Shrink(member(3))]);
    primary.agree(&agreed(1, 1, 2, Some(1), &[1, 2]), &[3]);
    primary.replica.trim(500, 1000);
    assert!(primary.replica.log_bytes() <= 1000);
    assert_eq!(proposals(&primary.tick(500)), []);
}

#[test]
fn a_slow_peer_gets_no_more_than_fits_on_the_way() {
    let mut primary = Primary::new(&[1, 2], &[]);
    primary.replica.limit_in_flight(1000);
    for _ in 0..5 {
        primary.write(400);
    }
    primary.write(5000);
    primary.write(1);
    primary.tick(0);
    assert_eq!(appended(&primary.hear(1, 2, ack(0, 1, true))), [[1, 2]]);
    assert_eq!(appended(&primary.hear(2, 2, ack(1, 1, true))), [[3]]);
    assert_eq!(appended(&primary.hear(3, 2, ack(3, 1, true))), [[4, 5]]);
    assert_eq!(appended(&primary.hear(4, 2, ack(4, 1, true))), Vec::<Vec<u64>>::new());
    assert_eq!(appended(&primary.hear(5, 2, ack(5, 1, true))), [[6]], "one entry may always be on its way");
    assert_eq!(appended(&primary.tick(66)), [[6]], "again");
    assert_eq!(appended(&primary.hear(67, 2, ack(6, 1, true))), [[7]]);
}

#[test]
fn a_peer_far_behind_gets_several_messages() {
    let mut primary = Primary::new(&[1, 2], &[]);
    for _ in 0..1200 {
        primary.write(1);
    }
    let lens: Vec<usize> = appended(&primary.hear(1, 2, ack(0, 1, true))).iter().map(Vec::len).collect();
    assert_eq!(lens, [512, 512, 176]);
}

#[test]
fn it_is_idle_when_everyone_has_everything() {
    let mut primary = Primary::new(&[1, 2], &[]);
    assert!(!primary.replica.is_idle(), "nothing was heard yet");
    primary.hear(0, 2, ack(0, 1, true));
    assert!(primary.replica.is_idle());
    primary.write(1);
    primary.hear(0, 2, Body::Ack { seq: 1, applied: 0, attempt: 1, has_data: true });
    assert!(!primary.replica.is_idle(), "it has not heard of the commit");
    primary.hear(0, 2, ack(1, 1, true));
    assert!(primary.replica.is_idle());
    let lag = Lag { member: member(2), unacknowledged: 0, unapplied: 0, standing: Standing::InSync };
    assert_eq!(primary.replica.lags().collect::<Vec<Lag>>(), [lag]);
    let configuration = agreed(1, 1, 2, Some(1), &[1, 2]);
    primary.agree(&configuration, &[3]);
    assert!(!primary.replica.is_idle(), "one is to be taken in");
}

/// A copy that asked for a sync, and what it does with what comes.
struct Learner {
    replica: Replica,
    attempt: u64,
}

impl Learner {
    fn new() -> Learner {
        let mut replica = Replica::new(member(2), agreed(0, 0, 0, None, &[]), 1);
        replica.configure(ms(0), &agreed(1, 1, 1, Some(1), &[1]), vec![member(2)], &mut Vec::new());
        let mut learner = Learner { replica, attempt: 0 };
        let out = learner.append(0, 0..0, 0);
        learner.attempt = match bodies(&out)[..] {
            [Body::Behind { known: None, attempt }] => *attempt,
            _ => panic!("{out:?}"),
        };
        learner
    }

    fn hear(&mut self, body: Body) -> Vec<Output> {
        let mut out = Vec::new();
        let Configuration { generation, term, .. } = *self.replica.configuration();
        self.replica.receive(ms(0), Message { from: member(1), generation, term, body }, &mut out);
        out
    }

    fn append(&mut self, previous: u64, seqs: std::ops::Range<u64>, commit: u64) -> Vec<Output> {
        let position = |seq| Position { term: u64::from(seq > 0), seq };
        let entry = |seq| Entry { position: position(seq), effect: effect(seq as u8) };
        let entries = seqs.map(entry).collect();
        self.hear(Body::Append { previous: position(previous), entries, commit, term_start: 0 })
    }

    fn chunk(&mut self, index: u64, as_of: u64, end: Option<u64>) -> Vec<Output> {
        let start = Position { term: 1, seq: 10 };
        self.hear(Body::Chunk { attempt: self.attempt, index, start, as_of, state: effect(100 + index as u8), end })
    }
}

#[test]
fn all_data_is_there_when_everything_up_to_the_last_chunk_is_applied() {
    let mut learner = Learner::new();
    let attempt = learner.attempt;
    let out = learner.chunk(0, 10, None);
    assert_eq!(out[..2], [Output::Clear, Output::Load(effect(100))]);
    assert_eq!(bodies(&out), [&Body::Loaded { attempt, index: 0 }]);
    let out = learner.append(10, 11..13, 11);
    assert_eq!(out[0], Output::Apply(vec![effect(11)]));
    assert_eq!(bodies(&out), [&Body::Ack { seq: 12, applied: 11, attempt, has_data: false }]);
    assert_eq!(bodies(&learner.chunk(0, 10, None)), [&Body::Loaded { attempt, index: 0 }], "repeated");
    assert_eq!(learner.chunk(1, 13, Some(13))[0], Output::Load(effect(101)));
    assert!(!learner.replica.has_data(), "13 may be in the chunk and is not known to be committed");
    assert!(!learner.replica.is_idle());
    let out = learner.append(12, 13..14, 13);
    assert_eq!(bodies(&out), [&Body::Ack { seq: 13, applied: 13, attempt: attempt + 1, has_data: true }]);
    assert!(learner.replica.has_data() && learner.replica.is_idle());
    assert!(learner.chunk(0, 10, None).is_empty(), "late, from a sync that is over");
}

#[test]
fn a_chunk_older_than_what_is_applied_or_after_a_gap_ends_the_attempt() {
    for (index, as_of) in [(1, 11), (2, 12)] {
        let mut learner = Learner::new();
        learner.chunk(0, 10, None);
        learner.append(10, 11..13, 12);
        let out = learner.chunk(index, as_of, None);
        assert_eq!(out[0], Output::Clear);
        let asked = Body::Behind { known: None, attempt: learner.attempt + 1 };
        assert_eq!(bodies(&out), [&asked]);
        assert!(learner.chunk(index, 13, None).is_empty(), "of that attempt nothing is taken");
        assert_eq!(bodies(&learner.append(12, 13..14, 12)), [&asked]);
    }
}

#[test]
fn a_new_term_or_word_of_the_primary_ends_a_sync() {
    let mut learner = Learner::new();
    learner.chunk(0, 10, None);
    let out = learner.hear(Body::GivenUp { attempt: learner.attempt });
    assert_eq!(out[0], Output::Clear);
    assert_eq!(bodies(&out), [&Body::Behind { known: None, attempt: learner.attempt + 1 }]);
    assert!(learner.hear(Body::GivenUp { attempt: learner.attempt }).is_empty(), "once");
    let mut learner = Learner::new();
    learner.chunk(0, 10, Some(11));
    let mut out = Vec::new();
    learner.replica.configure(ms(0), &agreed(1, 2, 2, Some(3), &[3]), vec![member(2)], &mut out);
    assert_eq!(out, [Output::Clear]);
    assert!(!learner.replica.has_data() && learner.replica.last() == Position::default());
}

// ---- Lossy copies.

#[test]
fn a_lossy_copy_serves_when_no_other_can_bring_back_what_it_lost() {
    let mut pair = Pair::new(&[1, 2]);
    pair.configure(&agreed(1, 1, 1, Some(1), &[1, 2, 3]), &[]);
    pair.write(1, 7);
    pair.tick(1, ms(100));
    pair.of(2).note_lossy();
    pair.configure(&agreed(1, 2, 2, Some(2), &[2, 3]), &[]);
    assert_eq!(pair.of(2).read(ms(0), 7), Err(Refusal::AloneFirst));
    pair.tick(2, ms(110));
    assert_eq!(pair.proposed.last(), Some(&Change::Shrink(member(3))));
    let last = pair.of(2).last();
    pair.configure(&agreed(1, 2, 3, Some(2), &[2]), &[3]);
    assert!(pair.of(2).serves(ms(0)) && !pair.of(2).is_lossy());
    assert_eq!(pair.of(2).read(ms(0), 7), Ok(pair.of(2).commit()), "nobody else is waited for");
    // What another copy had is no longer part of the log, be it all there was.
    let mut out = Vec::new();
    let body = Body::Behind { known: Some(last), attempt: 1 };
    pair.of(2).receive(ms(120), Message { from: member(3), generation: 1, term: 2, body }, &mut out);
    assert_eq!(reads(&out), [None]);
}

#[test]
fn an_emptied_store_has_lost_nothing() {
    let mut learner = Learner::new();
    learner.replica.note_lossy();
    learner.chunk(0, 10, None);
    assert!(!learner.replica.is_lossy());
    learner.replica.note_lossy();
    learner.chunk(1, 10, Some(10));
    assert!(learner.replica.has_data() && learner.replica.is_lossy(), "from its own doing since");
}

#[test]
fn a_read_is_confirmed_by_an_entry_that_nobody_had_been_sent_before_it() {
    let mut pair = Pair::new(&[1, 2]);
    pair.configure(&agreed(1, 1, 1, Some(1), &[1, 2]), &[]);
    pair.write(1, 7);
    pair.tick(1, ms(100));
    let primary = pair.of(1);
    let committed = primary.commit();
    let seq = primary.confirm(ms(0)).expect("serves");
    assert_eq!((committed, seq), (1, 2), "what is committed was acknowledged before the read, which says nothing");
    assert_eq!(primary.confirm(ms(0)), Ok(2), "reads before it is sent share it");
    let mut sent = Vec::new();
    primary.flush(ms(101), &mut sent);
    assert_eq!(primary.confirm(ms(0)), Ok(3), "what is under way may have been acknowledged before the read");
    pair.carry_out(member(1), sent);
    pair.tick(1, ms(102));
    assert_eq!((pair.of(1).commit(), pair.store(2)), (3, &[7][..]), "it changes nothing");
    // The other one has taken over, and this one has not heard of it.
    let (mut out, mut answers) = (Vec::new(), Vec::new());
    pair.of(2).configure(ms(103), &agreed(1, 2, 2, Some(2), &[1, 2]), Vec::new(), &mut out);
    let seq = pair.of(1).confirm(ms(0)).expect("knows no better");
    pair.of(1).flush(ms(103), &mut answers);
    for output in answers {
        if let Output::Send(_, message) = output {
            pair.of(2).receive(ms(103), message, &mut out);
        }
    }
    assert!(
        out.iter().all(|output| !matches!(output, Output::Send(_, Message { body: Body::Ack { .. }, .. }))),
        "{out:?}"
    );
    assert!(pair.of(1).commit() < seq);
    pair.configure(&agreed(1, 3, 3, Some(1), &[1]), &[]);
    let alone = pair.of(1).confirm(ms(0)).expect("serves");
    assert_eq!(alone, pair.of(1).commit(), "nobody could take over from one that is alone");
}

/// From node 1 alone to node 2 alone.
fn on_its_way(version: u64, primary: u64, in_sync: &[u64]) -> Configuration {
    let moving = crate::failover::Moving { from: vec![NodeId(1)], to: vec![NodeId(2)] };
    let copies = vec![NodeId(1), NodeId(2)];
    Configuration { copies, moving: Some(moving), ..agreed(1, primary, version, Some(primary), in_sync) }
}

#[test]
fn a_partition_that_moves_takes_along_what_is_in_no_other_copy_before_it_is_handed_over() {
    let mut pair = Pair::new(&[2]);
    let alone = Configuration { copies: vec![NodeId(1)], ..agreed(1, 1, 1, Some(1), &[1]) };
    let mut primary = Replica::alone(member(1), &alone);
    primary.renew(ms(1000));
    assert!(primary.serves(ms(0)), "without a break");
    // Two pieces are there already.
    pair.copies.insert(member(1), (primary, vec![1, 2]));
    pair.configure(&on_its_way(2, 1, &[1]), &[2]);
    assert_eq!(pair.of(1).addressee(), Some(NodeId(2)));
    pair.tick(1, ms(100));
    assert_eq!((&pair.proposed[..], &pair.rests[..]), (&[Change::Expand(member(2))][..], &[][..]));
    pair.configure(&on_its_way(3, 1, &[1, 2]), &[]);
    pair.tick(1, ms(200));
    assert_eq!(pair.rests, [(member(2), None)]);
    pair.write(1, 7);
    let mut out = Vec::new();
    pair.of(1).carried(member(2), Some(9), &mut out);
    assert_eq!(out, [Output::ReadRest { to: member(2), cursor: Some(9) }]);
    pair.write(1, 8);
    pair.tick(1, ms(210));
    assert!(pair.of(1).serves(ms(210)), "not all was read");
    out.clear();
    pair.of(1).carried(member(2), None, &mut out);
    pair.proposed.clear();
    pair.tick(1, ms(320));
    assert!(!pair.of(1).serves(ms(320)), "parked");
    assert_eq!(pair.proposed, [Change::Transfer(member(2))]);
    pair.configure(&on_its_way(4, 2, &[1, 2]), &[]);
    assert_eq!(pair.store(2), [1, 2, 7, 8]);
    pair.tick(2, ms(200));
    assert_eq!(pair.proposed.last(), Some(&Change::Settle));
}

#[test]
fn what_was_carried_to_a_successor_that_fell_behind_is_carried_again() {
    let mut pair = Pair::new(&[1, 2]);
    pair.configure(&on_its_way(2, 1, &[1, 2]), &[]);
    pair.tick(1, ms(100));
    pair.of(1).carried(member(2), None, &mut Vec::new());
    // It was taken out of the set and came back, by a sync that emptied its store perhaps.
    pair.configure(&on_its_way(3, 1, &[1]), &[2]);
    pair.configure(&on_its_way(4, 1, &[1, 2]), &[]);
    pair.tick(1, ms(300));
    assert_eq!(pair.rests, [(member(2), None), (member(2), None)]);
    assert!(pair.of(1).serves(ms(300)));
}
