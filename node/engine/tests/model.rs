//! The engine against the model of `history`, for drawn histories: for every policy, through changes of policy, with and
//! without pressure.

#![allow(clippy::unwrap_used)]

mod history;

use dcache_engine::*;
use history::{Id, Op, SLOTS, run};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

fn config() -> impl Strategy<Value = Option<NamespaceConfig>> {
    let max = prop::option::of((256u64 << 10)..(2 << 20));
    let min = prop_oneof![Just(0u64), 0u64..(512 << 10)];
    let of = (prop::sample::select(Policy::ALL.to_vec()), max, min);
    prop::option::weighted(
        0.9,
        of.prop_map(|(policy, memory_max_bytes, memory_min_bytes)| NamespaceConfig {
            policy,
            memory_max_bytes,
            memory_min_bytes,
        }),
    )
}

fn id() -> impl Strategy<Value = Id> {
    let key = prop_oneof![
        8 => (0u16..400).prop_map(|n| n.to_be_bytes().to_vec()),
        1 => (0u16..20, 200usize..400).prop_map(|(n, length)| [vec![7; length], n.to_be_bytes().to_vec()].concat()),
    ];
    (0u16..2, key)
}

fn op() -> impl Strategy<Value = Op> {
    let ttl = prop::option::weighted(0.4, prop_oneof![1u64..40, Just(1 << 50)]);
    let bytes = prop_oneof![6 => 0usize..300, 2 => 0usize..3000, 1 => 0usize..40_000];
    prop_oneof![
        40 => (id(), bytes, ttl.clone()).prop_map(|(id, bytes, ttl_ms)| Op::Set { id, bytes, ttl_ms }),
        15 => id().prop_map(|id| Op::Get { id }),
        2 => id().prop_map(|id| Op::Touch { id }),
        5 => id().prop_map(|id| Op::Remove { id }),
        5 => (id(), ttl).prop_map(|(id, ttl_ms)| Op::SetExpiry { id, ttl_ms }),
        3 => (0u64..2000).prop_map(|ms| Op::Advance { ms }),
        2 => (0usize..8, prop_oneof![1usize..50, Just(usize::MAX)]).prop_map(|(stripe, max)| Op::Expire { stripe, max }),
        1 => (0usize..50).prop_map(|max| Op::Trim { max }),
        1 => (0..SLOTS).prop_map(|slot| Op::ClearSlot { slot }),
        1 => prop::collection::vec(config(), 0..4).prop_map(|configs| Op::Configure { configs }),
        1 => (1u8..5).prop_map(|modulus| Op::Reclassify { modulus }),
    ]
}

/// The rare ones, which would otherwise empty every history.
fn op_or_clear() -> impl Strategy<Value = Op> {
    prop_oneof![200 => op(), 1 => (0u16..2).prop_map(|database| Op::ClearDatabase { database }), 1 => Just(Op::Clear)]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 60,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn with_room_nothing_is_lost(policy in prop::sample::select(Policy::ALL.to_vec()), ops in prop::collection::vec(op_or_clear(), 1..400)) {
        run(64 << 20, policy, &ops, true);
    }

    #[test]
    fn under_pressure_nothing_is_wrong_and_all_is_counted(
        policy in prop::sample::select(Policy::ALL.to_vec()),
        ops in prop::collection::vec(op_or_clear(), 1..800),
    ) {
        run(1 << 20, policy, &ops, false);
    }
}
