//! I1 to I7 of the replication design, and that copies which applied the same hold the same (I9), looked at after every event, by what the copies hold rather than by what was answered:
//! some broken rules are never seen by a client in time.

use dcache_cluster::failover::{Configuration, Member};
use dcache_cluster::replication::{Effect, Entry, Position, Replica};
use std::collections::BTreeMap;
use std::time::Duration;

/// Acknowledged entries looked for in every copy after each event; all that are remembered after a change of the copies.
const RECENT: usize = 6;
const REMEMBERED: usize = 200;

/// A copy as it is now.
pub struct Copy<'a> {
    pub member: Member,
    pub replica: &'a Replica,
    /// The node's own clock.
    pub clock: Duration,
    pub store: &'a BTreeMap<u64, u64>,
}

/// I9: what is applied makes the store, however it came there; but for a copy that says that it lost something.
fn alike(one: &Copy, other: &Copy) -> Result<(), String> {
    let made_of = |copy: &Copy| (copy.replica.configuration().generation, copy.replica.applied());
    let is_sound = |copy: &Copy| copy.replica.has_data() && !copy.replica.is_lossy();
    if is_sound(one) && is_sound(other) && made_of(one) == made_of(other) && one.store != other.store {
        let what = format!("{:?} and {:?}", one.store, other.store);
        return Err(format!("I9: {:?} and {:?} at {:?} hold {what}", one.member, other.member, made_of(one)));
    }
    Ok(())
}

#[derive(Debug, Default)]
pub struct Invariants {
    /// Every entry there ever was, by generation and place.
    entries: BTreeMap<(u64, Position), Effect>,
    /// Acknowledged: generation, entry.
    acknowledged: Vec<(u64, Entry)>,
    /// By member and generation: version, term and commit seen last.
    progress: BTreeMap<(Member, u64), (u64, u64, u64)>,
    checked_version: u64,
    /// Something was acknowledged since the last check.
    is_news: bool,
    /// By member, the end of its log seen last.
    seen: BTreeMap<Member, Position>,
    /// When each member's last lease ends, by the world's clock.
    leases: BTreeMap<Member, u64>,
}

impl Invariants {
    pub fn acknowledge(&mut self, generation: u64, entry: Entry) {
        self.acknowledged.push((generation, entry));
        self.is_news = true;
    }

    pub fn grant(&mut self, member: Member, end: u64) {
        let known = self.leases.entry(member).or_insert(end);
        *known = end.max(*known);
    }

    /// I7: a node expires after every lease it was given.
    pub fn expire(&self, member: Member, now: u64) -> Result<(), String> {
        match self.leases.get(&member) {
            Some(end) if now < *end => Err(format!("I7: {member:?} expires at {now} and has a lease until {end}")),
            _ => Ok(()),
        }
    }

    /// It has no copy any more; one that it gets again is another one.
    pub fn forget(&mut self, member: Member) {
        self.seen.remove(&member);
        self.progress.retain(|(of, _), _| *of != member);
    }

    /// After an event. `touched`: the copy it was about.
    pub fn check(&mut self, agreed: &Configuration, copies: &[Copy], touched: Option<Member>) -> Result<(), String> {
        let serving: Vec<Member> =
            copies.iter().filter(|copy| copy.replica.serves(copy.clock)).map(|copy| copy.member).collect();
        if serving.len() > 1 {
            return Err(format!("I1: {serving:?} serve at once"));
        }
        if self.checked_version != agreed.version {
            self.checked_version = agreed.version;
            agreed.check().map_err(|wrong| format!("I6: {wrong}"))?;
            copies.iter().try_for_each(|copy| self.held(agreed, copy, REMEMBERED))?;
        } else if std::mem::take(&mut self.is_news) {
            copies.iter().try_for_each(|copy| self.held(agreed, copy, RECENT))?;
        }
        let Some(copy) = copies.iter().find(|copy| Some(copy.member) == touched) else { return Ok(()) };
        self.held(agreed, copy, RECENT)?;
        copies.iter().try_for_each(|other| alike(copy, other))?;
        self.touched(copy)
    }

    /// I2: every live member in sync holds every acknowledged entry.
    fn held(&self, agreed: &Configuration, copy: &Copy, last: usize) -> Result<(), String> {
        let generation = agreed.generation;
        if !agreed.in_sync.contains(&copy.member) || copy.replica.configuration().generation != generation {
            return Ok(());
        }
        for (_, entry) in self.acknowledged.iter().rev().take(last).filter(|(of, _)| *of == generation) {
            let seq = entry.position.seq;
            let has = copy.replica.entry(seq).map_or(seq <= copy.replica.base().seq, |held| held == entry);
            if !has || !copy.replica.has_data() {
                return Err(format!("I2: {:?} is in sync and has not {entry:?}", copy.member));
            }
        }
        Ok(())
    }

    fn touched(&mut self, copy: &Copy) -> Result<(), String> {
        let Configuration { generation, term, version, .. } = *copy.replica.configuration();
        let (before, last) = (self.seen.insert(copy.member, copy.replica.last()), copy.replica.last());
        // Entries of the term seen before are looked at once.
        let known = before.filter(|before| before.term == last.term).map_or(0, |before| before.seq);
        for seq in (copy.replica.base().seq.max(known) + 1)..=last.seq {
            let Some(entry) = copy.replica.entry(seq) else { continue };
            // I3: one place, one entry.
            let known = self.entries.entry((generation, entry.position)).or_insert_with(|| entry.effect.clone());
            if *known != entry.effect {
                return Err(format!("I3: {:?} has another entry at {:?}", copy.member, entry.position));
            }
        }
        let commit = copy.replica.commit();
        if copy.replica.has_data() && commit > copy.replica.last().seq {
            return Err(format!("I4: {:?} has committed {commit} of {:?}", copy.member, copy.replica.last()));
        }
        let now = (version, term, commit);
        let before = self.progress.insert((copy.member, generation), now).unwrap_or_default();
        if before.0 > now.0 || before.1 > now.1 || before.2 > now.2 {
            return Err(format!("I5: {:?} went back from {before:?} to {now:?}", copy.member));
        }
        Ok(())
    }
}
