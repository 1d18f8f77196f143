//! When a majority can last have confirmed a leader: what a new leader must know to tell when the leases granted before have
//! run out, and what a voter must remember to not elect another too soon.
//!
//! Whoever confirmed an earlier leader to a majority is, by at least one voter, among those who elected the new one. Each of
//! them says with its vote how long ago it last confirmed any. So the newest of these moments is later than every confirmation
//! before, and every heartbeat that was answered by it.
//!
//! openraft's followers give no vote for a while after they heard their leader; a leader that was confirmed itself, and a voter
//! that has started again, do not keep to that there: they do here.

use super::ELECTION;
use dcache_cluster::mutant::{Rule, is_broken};
use parking_lot::Mutex;
use std::time::Duration;
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::time::Instant;

/// What two clocks may differ by in a second, with some to spare.
const DRIFT_PER_MILLE: u32 = 50;

/// One voter's.
#[derive(Debug, Default)]
pub struct Standing {
    /// Shared while a leader is heard; alone while a vote is given or a confirmation begins.
    turn: RwLock<()>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// The last time this node confirmed a leader, itself included.
    confirmed_at: Option<Instant>,
    /// The term of the last votes for this node, and when the last of these voters had confirmed a leader.
    votes: Option<(u64, Instant)>,
}

impl Standing {
    /// A voter that starts again may have confirmed a leader until just now.
    pub fn new(is_restart: bool) -> Standing {
        let known = Known { confirmed_at: is_restart.then(Instant::now), votes: None };
        Standing { turn: RwLock::default(), known: Mutex::new(known) }
    }

    /// This node, as leader, is about to ask whether it still leads.
    pub async fn begin_confirmation(&self) {
        let _alone = self.turn.write().await;
        self.note_confirmed();
    }

    /// To be held while a leader is heard; say [`Standing::note_confirmed`] before it is let go.
    pub async fn hear(&self) -> RwLockReadGuard<'_, ()> {
        self.turn.read().await
    }

    pub fn note_confirmed(&self) {
        self.known.lock().confirmed_at = Some(Instant::now());
    }

    /// Whether no leader was confirmed here for so long that another one could be elected.
    pub fn has_been_quiet(&self) -> bool {
        self.known.lock().confirmed_at.is_none_or(|at| at.elapsed() > ELECTION.1)
    }

    /// To be held while a vote is given, with how long ago a leader was confirmed here; none: too short a time ago.
    pub async fn vote(&self) -> Option<(RwLockWriteGuard<'_, ()>, Option<Duration>)> {
        let alone = self.turn.write().await;
        let quiet = self.known.lock().confirmed_at.map(|at| at.elapsed());
        quiet.is_none_or(|quiet| quiet > ELECTION.1).then_some((alone, quiet))
    }

    /// A voter elected this node, for that term, and last confirmed a leader so long ago; none: never.
    pub fn note_vote(&self, term: u64, quiet: Option<Duration>) {
        let Some(quiet) = quiet.filter(|_| !is_broken(Rule::VotesTellConfirmations)) else { return };
        let now = Instant::now();
        let at = now.checked_sub(quiet - quiet * DRIFT_PER_MILLE / 1000).unwrap_or(now);
        let mut known = self.known.lock();
        known.votes = match known.votes {
            Some((last, newest)) if last == term => Some((term, newest.max(at))),
            _ => Some((term, at)),
        };
    }

    /// For how long, at least, no leader was confirmed by a majority, this node having just been elected for that term; none: it
    /// is the first.
    pub fn quiet(&self, term: u64) -> Option<Duration> {
        let known = self.known.lock();
        let of_others = known.votes.filter(|(of, _)| *of == term).map(|(_, at)| at);
        known.confirmed_at.max(of_others).map(|at| at.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[tokio::test(start_paused = true)]
    async fn a_voter_that_confirmed_a_leader_elects_no_other_for_a_while() {
        for is_restart in [true, false] {
            let standing = Standing::new(is_restart);
            if !is_restart {
                assert!(standing.vote().await.is_some_and(|(_, quiet)| quiet.is_none()), "never confirmed any");
                standing.begin_confirmation().await;
            }
            assert!(standing.vote().await.is_none());
            tokio::time::advance(ELECTION.1).await;
            assert!(standing.vote().await.is_none());
            tokio::time::advance(ms(1)).await;
            let (turn, quiet) = standing.vote().await.expect("long enough ago");
            assert_eq!(quiet, Some(ELECTION.1 + ms(1)));
            let confirms = tokio::time::timeout(ms(1), standing.begin_confirmation());
            assert!(confirms.await.is_err(), "no confirmation begins while a vote is given");
            drop(turn);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_leader_counts_from_the_last_voter_that_confirmed_any() {
        let standing = Standing::default();
        assert_eq!(standing.quiet(7), None, "the first election of all");
        standing.note_confirmed();
        tokio::time::advance(ms(1000)).await;
        assert_eq!(standing.quiet(7), Some(ms(1000)));
        standing.note_vote(6, Some(ms(1)));
        standing.note_vote(7, Some(ms(900)));
        standing.note_vote(7, None);
        assert_eq!(standing.quiet(7), Some(ms(855)), "a clock may be wrong");
        standing.note_vote(7, Some(ms(800)));
        standing.note_vote(7, Some(ms(990)));
        assert_eq!(standing.quiet(7), Some(ms(760)));
    }
}
