//! Namespaces: a named set of keys with its own policy. Which namespace a key is in follows from [`Match`]:
//! the longest matching prefix wins, then the database, and everything else is `default`.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// How entries are chosen when space is needed: the eviction policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Eviction {
    /// The one of the others that misses least here, found by sampling and changed as the keys' use changes.
    #[default]
    Auto,
    /// The least recently used entry goes first.
    Lru,
    /// The least frequently used entry goes first; among equals, the oldest.
    Lfu,
    /// The entry written first goes first, however often it is read.
    Fifo,
    /// New entries prove themselves in a small queue first (S3-FIFO).
    S3Fifo,
    /// What is used more often than what it would replace is let in (W-TinyLFU).
    #[serde(rename = "w-tinylfu")]
    WTinyLfu,
    /// The entry from which the fewest hits for its bytes and time are expected goes first (LHD).
    Lhd,
    /// The entry with the fewest uses for its bytes goes first (greedy dual by frequency over size).
    Cost,
    /// Any entry goes.
    Random,
    /// Nothing is evicted; a write that does not fit answers `-OOM`.
    None,
}

impl Eviction {
    pub const ALL: [Eviction; 10] = [
        Eviction::Auto,
        Eviction::Lru,
        Eviction::Lfu,
        Eviction::Fifo,
        Eviction::S3Fifo,
        Eviction::WTinyLfu,
        Eviction::Lhd,
        Eviction::Cost,
        Eviction::Random,
        Eviction::None,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Eviction::Auto => "auto",
            Eviction::Lru => "lru",
            Eviction::Lfu => "lfu",
            Eviction::Fifo => "fifo",
            Eviction::S3Fifo => "s3-fifo",
            Eviction::WTinyLfu => "w-tinylfu",
            Eviction::Lhd => "lhd",
            Eviction::Cost => "cost",
            Eviction::Random => "random",
            Eviction::None => "none",
        }
    }

    /// The nearest `maxmemory-policy` of Redis, for clients that read it.
    pub fn redis_policy(self) -> &'static str {
        match self {
            Eviction::Lfu | Eviction::WTinyLfu => "allkeys-lfu",
            Eviction::Random => "allkeys-random",
            Eviction::None => "noeviction",
            _ => "allkeys-lru",
        }
    }
}

impl fmt::Display for Eviction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What a namespace's readers and writers are promised about its copies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Consistency {
    /// A write is answered at once and copied then; a failover may lose the last ones.
    #[default]
    Eventual,
    /// A write is answered once every copy in sync has it, and is not lost while one of them lives; a read answers the newest
    /// acknowledged value, or a miss that stays one until the next write.
    Strong,
}

impl Consistency {
    pub const ALL: [Consistency; 2] = [Consistency::Eventual, Consistency::Strong];

    pub fn name(self) -> &'static str {
        match self {
            Consistency::Eventual => "eventual",
            Consistency::Strong => "strong",
        }
    }
}

impl fmt::Display for Consistency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How a read in a strong namespace is known to be the newest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StrongRead {
    /// By the primary's lease: as fast as any read, and right as long as no two clocks run more than 2 % from true time.
    #[default]
    Lease,
    /// All copies in sync say after the read that there is no other primary: a round trip, and no clock is trusted.
    Confirm,
}

impl StrongRead {
    pub const ALL: [StrongRead; 2] = [StrongRead::Lease, StrongRead::Confirm];

    pub fn name(self) -> &'static str {
        match self {
            StrongRead::Lease => "lease",
            StrongRead::Confirm => "confirm",
        }
    }
}

impl fmt::Display for StrongRead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Which copies answer reads in an eventual namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reads {
    /// The primary.
    #[default]
    Primary,
    /// Any copy that is not too far behind: see [`NamespaceSpec::max_staleness_ms`].
    Any,
}

impl Reads {
    pub const ALL: [Reads; 2] = [Reads::Primary, Reads::Any];

    pub fn name(self) -> &'static str {
        match self {
            Reads::Primary => "primary",
            Reads::Any => "any",
        }
    }
}

impl fmt::Display for Reads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Where the keys of a namespace live.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Placement {
    /// Spread over all nodes by their slots.
    #[default]
    Sharded,
    /// All in one partition: transactions, scripts and blocking commands over any of them are as on one server.
    Pinned,
}

impl Placement {
    pub const ALL: [Placement; 2] = [Placement::Sharded, Placement::Pinned];

    pub fn name(self) -> &'static str {
        match self {
            Placement::Sharded => "sharded",
            Placement::Pinned => "pinned",
        }
    }
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Which keys belong to a namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Match {
    /// Keys of any database that start with these bytes (UTF-8, 1 to 256 bytes).
    Prefix(String),
    /// All keys of this numbered database (`SELECT n`), 1 to 15.
    Database(u16),
}

impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Match::Prefix(prefix) => write!(f, "prefix {prefix}"),
            Match::Database(number) => write!(f, "database {number}"),
        }
    }
}

/// What an operator says about a namespace; the same struct in the request, in Raft, in the view and in answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NamespaceSpec {
    /// 1 to 64 letters, digits, `-`, `_` or `.`.
    pub name: String,
    /// `None` only for `default`.
    #[serde(default, rename = "match", skip_serializing_if = "Option::is_none")]
    pub matches: Option<Match>,
    #[serde(default)]
    pub eviction: Eviction,
    /// Most bytes its entries may take on each node, keys, values and overhead; none: only the node's own limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_max_bytes: Option<u64>,
    /// Bytes on each node that no other namespace can take from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_min_bytes: Option<u64>,
    /// Time to live of a write that gives none, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_ttl_ms: Option<u64>,
    /// Longest time to live, in milliseconds; longer ones, and none at all, are cut to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_ttl_ms: Option<u64>,
    /// Percent by which the time to live of a write is shortened at most, at random, so that what was written together does
    /// not expire together; 1 to 50. `EXPIRE` and its kin stay exact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_jitter_percent: Option<u64>,
    #[serde(default)]
    pub consistency: Consistency,
    /// Further copies of its entries beside the primary's, 0 to [`COPIES_MAX`]; none: as many as the cluster keeps. The
    /// cluster keeps no more than it was made for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<u8>,
    /// Copies that must be in sync, the primary's included, for a write to be taken; none: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_in_sync: Option<u8>,
    /// Of a strong namespace.
    #[serde(default, skip_serializing_if = "is_default")]
    pub strong_read: StrongRead,
    /// Of an eventual namespace.
    #[serde(default, skip_serializing_if = "is_default")]
    pub reads: Reads,
    /// How far behind the primary a copy may be that answers a read, in milliseconds, 50 to 60,000; none:
    /// [`MAX_STALENESS_MS_DEFAULT`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_staleness_ms: Option<u64>,
    /// A primary that lost touch with the majority goes on taking writes of this eventual namespace; what it took is lost once
    /// another one has taken over.
    #[serde(default, skip_serializing_if = "is_default")]
    pub minority_writes: bool,
    /// Of a database; with it all keys of the database have their place, those of other namespaces' prefixes included.
    #[serde(default, skip_serializing_if = "is_default")]
    pub placement: Placement,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// How far behind a copy may be that answers a read, where nothing else is said.
pub const MAX_STALENESS_MS_DEFAULT: u64 = 200;

/// Least and most of it.
pub const MAX_STALENESS_MS: std::ops::RangeInclusive<u64> = 50..=60_000;

/// Most further copies of a partition.
pub const COPIES_MAX: u8 = 4;

/// Name of the namespace of every key that no other namespace matches. It always exists.
pub const DEFAULT: &str = "default";

/// Namespaces a cluster may have, `default` included.
pub const NAMESPACES_MAX: usize = 256;

/// Most a time to live may be shortened at random, in percent.
pub const TTL_JITTER_PERCENT_MAX: u64 = 50;

/// Numbered databases (`SELECT 0` to `SELECT 15`).
pub const DATABASES: u16 = 16;

/// Added to a database's number where it is pinned: its keys are others than those it has while it is not.
pub const PINNED: u16 = 0x100;

impl NamespaceSpec {
    /// The namespace every cluster begins with.
    pub fn default_namespace() -> NamespaceSpec {
        NamespaceSpec {
            name: DEFAULT.into(),
            matches: None,
            eviction: Eviction::default(),
            memory_max_bytes: None,
            memory_min_bytes: None,
            default_ttl_ms: None,
            max_ttl_ms: None,
            ttl_jitter_percent: None,
            consistency: Consistency::default(),
            replicas: None,
            min_in_sync: None,
            strong_read: StrongRead::default(),
            reads: Reads::default(),
            max_staleness_ms: None,
            minority_writes: false,
            placement: Placement::default(),
        }
    }

    /// How far behind a copy may be that answers a read.
    pub fn max_staleness(&self) -> Duration {
        Duration::from_millis(self.max_staleness_ms.unwrap_or(MAX_STALENESS_MS_DEFAULT))
    }

    /// What is wrong with this spec, in words for an operator.
    pub fn check(&self) -> Result<(), String> {
        if !is_name(&self.name) {
            return Err(format!("name {:?} must be 1 to 64 letters, digits, '-', '_' or '.'", self.name));
        }
        match (&self.matches, self.name == DEFAULT) {
            (Some(_), true) => {
                return Err("namespace `default` takes every key nothing else matches; it has no match".into());
            }
            (None, false) => return Err(format!("namespace `{}` needs a match: a prefix or a database", self.name)),
            (Some(Match::Prefix(p)), _) if p.is_empty() || p.len() > 256 => {
                return Err("a prefix has 1 to 256 bytes".into());
            }
            (Some(Match::Database(n)), _) if !(1..DATABASES).contains(n) => {
                return Err(format!("database {n} is not in 1 to {} (0 belongs to `default`)", DATABASES - 1));
            }
            _ => {}
        }
        if self.placement == Placement::Pinned && !matches!(self.matches, Some(Match::Database(_))) {
            return Err("only a namespace that is a database can be pinned: match a database".into());
        }
        if self.memory_max_bytes == Some(0) {
            return Err("memory maximum must be above 0; leave it out for no maximum".into());
        }
        if let (Some(min), Some(max)) = (self.memory_min_bytes, self.memory_max_bytes)
            && min > max
        {
            return Err(format!("memory minimum {min} is above the maximum {max}"));
        }
        if self.ttl_jitter_percent.is_some_and(|percent| !(1..=TTL_JITTER_PERCENT_MAX).contains(&percent)) {
            return Err(format!("a jitter has 1 to {TTL_JITTER_PERCENT_MAX} percent; leave it out for none"));
        }
        if self.replicas.is_some_and(|replicas| replicas > COPIES_MAX) {
            return Err(format!("a namespace has at most {COPIES_MAX} replicas"));
        }
        let copies = self.replicas.unwrap_or(COPIES_MAX) + 1;
        if self.min_in_sync.is_some_and(|least| !(1..=copies).contains(&least)) {
            return Err(format!("copies that must be in sync are 1 to {copies}, as many as there are"));
        }
        if self.max_staleness_ms.is_some_and(|most| !MAX_STALENESS_MS.contains(&most)) {
            let (least, most) = (MAX_STALENESS_MS.start(), MAX_STALENESS_MS.end());
            return Err(format!(
                "a copy may be {least} to {most} ms behind; leave it out for {MAX_STALENESS_MS_DEFAULT}"
            ));
        }
        match self.consistency {
            Consistency::Strong if self.reads == Reads::Any || self.max_staleness_ms.is_some() => {
                return Err("reads of a strong namespace are never stale: its primary alone answers them".into());
            }
            Consistency::Strong if self.minority_writes => {
                return Err("a strong namespace takes no writes in a minority: they could not survive".into());
            }
            Consistency::Eventual if self.strong_read == StrongRead::Confirm => {
                return Err("reads are confirmed only in a strong namespace".into());
            }
            _ => {}
        }
        if self.default_ttl_ms == Some(0) || self.max_ttl_ms == Some(0) {
            return Err("a time to live must be above 0; leave it out for none".into());
        }
        if let (Some(default), Some(max)) = (self.default_ttl_ms, self.max_ttl_ms)
            && default > max
        {
            return Err(format!("default TTL {default} ms is above the maximum TTL {max} ms"));
        }
        Ok(())
    }
}

/// Names of nodes, clusters and namespaces: 1 to 64 ASCII letters, digits, `-`, `_`, `.`, and not dots alone, which would
/// be a folder's own name.
pub fn is_name(text: &str) -> bool {
    let is_dots = text.bytes().all(|b| b == b'.');
    (1..=64).contains(&text.len())
        && !is_dots
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_what_the_operator_writes() {
        let spec: NamespaceSpec = serde_json::from_str(
            r#"{"name":"sessions","match":{"prefix":"session:"},"eviction":"lfu","memoryMaxBytes":1048576,"defaultTtlMs":60000}"#,
        )
        .expect("valid");
        assert_eq!(spec.matches, Some(Match::Prefix("session:".into())));
        assert_eq!(spec.check(), Ok(()));
        assert!(serde_json::from_str::<NamespaceSpec>(r#"{"name":"a","evction":"lru"}"#).is_err());
    }

    #[test]
    fn policies_are_written_as_they_are_shown() {
        for policy in Eviction::ALL {
            assert_eq!(serde_json::to_value(policy).expect("a string"), policy.to_string());
        }
    }

    #[test]
    fn wrong_specs_say_why() {
        let spec = NamespaceSpec::default_namespace();
        assert!(NamespaceSpec { name: "a b".into(), ..spec.clone() }.check().is_err());
        assert!(NamespaceSpec { name: "x".into(), ..spec.clone() }.check().is_err());
        assert!(NamespaceSpec { matches: Some(Match::Database(0)), name: "x".into(), ..spec.clone() }.check().is_err());
        assert!(
            NamespaceSpec { memory_min_bytes: Some(2), memory_max_bytes: Some(1), ..spec.clone() }.check().is_err()
        );
        assert!(NamespaceSpec { ttl_jitter_percent: Some(51), ..spec.clone() }.check().is_err());
        assert!(NamespaceSpec { replicas: Some(5), ..spec.clone() }.check().is_err());
        assert!(NamespaceSpec { replicas: Some(1), min_in_sync: Some(3), ..spec.clone() }.check().is_err());
        assert!(NamespaceSpec { min_in_sync: Some(0), ..spec.clone() }.check().is_err());
        assert!(NamespaceSpec { max_staleness_ms: Some(49), ..spec.clone() }.check().is_err());
        assert!(NamespaceSpec { strong_read: StrongRead::Confirm, ..spec.clone() }.check().is_err());
        let strong = NamespaceSpec { consistency: Consistency::Strong, ..spec.clone() };
        assert!(NamespaceSpec { reads: Reads::Any, ..strong.clone() }.check().is_err());
        assert!(NamespaceSpec { minority_writes: true, ..strong.clone() }.check().is_err());
        assert_eq!(NamespaceSpec { strong_read: StrongRead::Confirm, ..strong }.check(), Ok(()));
        assert!(NamespaceSpec { default_ttl_ms: Some(2), max_ttl_ms: Some(1), ..spec }.check().is_err());
    }
}
