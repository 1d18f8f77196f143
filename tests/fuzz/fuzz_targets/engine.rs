//! Arbitrary histories of operations to the engine, against the model of its own tests: nothing wrong is ever found, whatever
//! is missing is counted, every account agrees.
#![no_main]

#[path = "../../../node/engine/tests/history/mod.rs"]
mod history;

use dcache_engine::{NamespaceConfig, Policy};
use history::{Id, Op, SLOTS, run};
use libfuzzer_sys::fuzz_target;

/// Reads operations from bytes; zeros follow the end.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn word(&mut self) -> u64 {
        u64::from(self.byte()) << 8 | u64::from(self.byte())
    }

    fn id(&mut self) -> Id {
        let byte = self.byte();
        let number = (self.word() % 400) as u16;
        let key = number.to_be_bytes().to_vec();
        // One in eight is long.
        let key = if byte & 0x0e == 0 { [vec![7; 200 + usize::from(byte)], key].concat() } else { key };
        (u16::from(byte & 1), key)
    }

    fn ttl(&mut self) -> Option<u64> {
        match self.byte() {
            byte @ 1..=80 => Some(u64::from(byte)),
            81..=100 => Some(1 << 50),
            _ => None,
        }
    }

    fn bytes(&mut self) -> usize {
        let word = self.word() as usize;
        match word & 7 {
            0..=4 => word % 300,
            5 | 6 => word % 3000,
            _ => word % 40_000,
        }
    }

    fn policy(&mut self) -> Policy {
        Policy::ALL[usize::from(self.byte()) % Policy::ALL.len()]
    }

    fn config(&mut self) -> Option<NamespaceConfig> {
        let flags = self.byte();
        (flags & 0x0f != 0).then(|| NamespaceConfig {
            policy: self.policy(),
            memory_max_bytes: (flags & 0x10 != 0).then(|| (256 << 10) + self.word() * 27),
            memory_min_bytes: if flags & 0x20 != 0 { self.word() * 8 } else { 0 },
        })
    }

    fn op(&mut self) -> Op {
        match self.byte() {
            0..=119 => Op::Set { id: self.id(), bytes: self.bytes(), ttl_ms: self.ttl() },
            120..=169 => Op::Get { id: self.id() },
            170..=176 => Op::Touch { id: self.id() },
            177..=196 => Op::Remove { id: self.id() },
            197..=212 => Op::SetExpiry { id: self.id(), ttl_ms: self.ttl() },
            213..=224 => Op::Advance { ms: self.word() % 2000 },
            225..=232 => Op::Expire { stripe: usize::from(self.byte() % 8), max: usize::from(self.byte()) + 1 },
            233..=236 => Op::Trim { max: usize::from(self.byte()) },
            237..=240 => Op::ClearSlot { slot: u16::from(self.byte()) % SLOTS },
            241..=246 => Op::Configure { configs: (0..self.byte() % 4).map(|_| self.config()).collect() },
            247..=252 => Op::Reclassify { modulus: self.byte() % 4 + 1 },
            253 => Op::ClearDatabase { database: u16::from(self.byte() & 1) },
            _ => Op::Clear,
        }
    }
}

fuzz_target!(|input: &[u8]| {
    let mut reader = Reader(input);
    let first = reader.byte();
    let policy = reader.policy();
    let mut ops = Vec::new();
    while !reader.0.is_empty() {
        ops.push(reader.op());
    }
    // Half of them with room for all.
    let (memory_bytes, is_roomy) = if first & 1 == 0 { (1 << 20, false) } else { (64 << 20, true) };
    run(memory_bytes, policy, &ops, is_roomy);
});
