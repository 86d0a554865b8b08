//! A hit in process allocates nothing, with or without tags, with or without a server behind it.

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

// One test: a second one would allocate at the same time.
#[test]
fn a_hit_in_process_allocates_nothing() {
    let count = || {
        let so_far = COUNTED.stats();
        so_far.allocations + so_far.reallocations
    };
    let counted = benches::allocations::per_hit(count);
    let (in_process, over_redis): (Vec<_>, Vec<_>) = counted.iter().partition(|(name, _)| name.contains("process"));
    for (name, allocations) in &in_process {
        assert_eq!(*allocations, 0.0, "{name}");
    }
    // What counts counts: a request cannot be made without.
    assert!(over_redis.iter().any(|(_, allocations)| *allocations >= 1.0), "{over_redis:?}");
}
