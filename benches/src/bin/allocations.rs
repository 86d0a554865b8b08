//! Prints how often each kind of hit allocates. A program of its own: its allocator counts.

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {
    let count = || {
        let so_far = COUNTED.stats();
        so_far.allocations + so_far.reallocations
    };
    for (name, allocations) in benches::allocations::per_hit(count) {
        println!("{name}\t{allocations:.3}");
    }
}
