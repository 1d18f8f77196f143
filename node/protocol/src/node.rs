//! A node as every other part names it: identity, addresses, state.
//!
//! Identity is the data directory's: [`NodeId`] is random, made with it and never reused; it is the Raft id too.
//! [`Addresses`] are hints that may change at every start. Figures of a running node are in [`crate::control`].

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Identity of a node: 64 random bits made with its data directory. Written as 16 hex digits.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u64);

impl NodeId {
    /// The 40 hex digits Redis clients expect for a node id: a fixed expansion of the 64 bits.
    pub fn redis_id(self) -> String {
        let mix = |salt: u64| {
            let mut z = self.0 ^ salt.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^ (z >> 31)
        };
        format!("{:016x}{:016x}{:08x}", self.0, mix(1), mix(2) >> 32)
    }
}

/// Random number of a process's life: two runs of one node never share it.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Incarnation(pub u64);

macro_rules! hex_u64 {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:016x}", self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
        impl FromStr for $name {
            type Err = std::num::ParseIntError;
            fn from_str(text: &str) -> Result<$name, Self::Err> {
                u64::from_str_radix(text, 16).map($name)
            }
        }
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(|e| serde::de::Error::custom(format!("{text:?} is not 16 hex digits: {e}")))
            }
        }
    };
}
hex_u64!(NodeId);
hex_u64!(Incarnation);

/// Where a node's four doors can be reached, each as `host:port`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addresses {
    /// Plain Redis clients.
    pub gateway: String,
    /// Cluster-aware Redis clients.
    pub cluster: String,
    /// The HTTP control API.
    pub control: String,
    /// Other nodes.
    pub peers: String,
}

/// What the replicated metadata holds of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeRecord {
    pub id: NodeId,
    /// Unique in a cluster; letters, digits, `-`, `_` and `.`, at most 64 bytes.
    pub name: String,
    #[serde(default)]
    pub zone: String,
    /// Share of the slots relative to other nodes; number of virtual nodes is proportional to it. 1 to 10000, default 100.
    pub weight: u32,
    pub addresses: Addresses,
    pub incarnation: Incarnation,
    pub state: NodeState,
    pub version: String,
    /// What its build can say and read ([`crate::level`]).
    #[serde(default = "crate::level::level_first")]
    pub level: u16,
    /// Limit of the node's cache memory, in bytes.
    pub memory_bytes: u64,
    #[serde(default)]
    pub share: Share,
    /// Until then, by the wall clock, its copies are not built elsewhere when it is down, and it is not made primary; 0: it is
    /// not being worked on.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub maintenance_until_unix_ms: u64,
    /// This process is about to end: it takes nothing over any more.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_stopping: bool,
}

fn is_false(is_so: &bool) -> bool {
    !is_so
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl NodeRecord {
    pub const WEIGHT_DEFAULT: u32 = 100;
}

/// Whether a node is to hold partitions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Share {
    /// Its share by weight.
    #[default]
    Full,
    /// It joined and has not been added: it holds nothing, and answers as a proxy.
    Joined,
    /// It is to give up what it holds, and to get nothing.
    Drained,
}

/// What the cluster agreed on about a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeState {
    /// Renews its lease.
    Up,
    /// Its lease ran out: its slots are not served until it registers again.
    Down,
}

impl fmt::Display for NodeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NodeState::Up => "up",
            NodeState::Down => "down",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redis_ids_have_forty_hex_digits_and_differ() {
        let ids: std::collections::BTreeSet<String> = (0..1000).map(|n| NodeId(n).redis_id()).collect();
        assert_eq!(ids.len(), 1000);
        assert!(ids.iter().all(|id| id.len() == 40 && id.bytes().all(|b| b.is_ascii_hexdigit())));
    }

    #[test]
    fn ids_read_back_from_their_text() {
        let id = NodeId(0x00ab_cdef_0123_4567);
        assert_eq!(id.to_string().parse::<NodeId>(), Ok(id));
        assert_eq!(serde_json::from_str::<NodeId>("\"00abcdef01234567\"").expect("hex"), id);
    }
}
