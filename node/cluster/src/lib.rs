//! Agreement, as state machines: what the cluster agrees on ([`metadata`]), who is up ([`membership`]), and where partitions go
//! ([`ring`], [`placement`]), and what moves to get them there ([`plan`]).
//! Everything here is pure: no I/O, no clock, no randomness, no async; deterministic containers only.

pub mod events;
pub mod failover;
pub mod lease;
pub mod membership;
pub mod metadata;
pub mod mutant;
pub mod operation;
pub mod placement;
pub mod plan;
pub mod repair;
pub mod replication;
pub mod ring;
