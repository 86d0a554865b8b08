//! The in-process tier allocates what `local_bytes` says, however many keys pass through it.
//!
//! A program of its own, because its allocator counts.

use std::time::Duration;

use cache_runtime::{Cache, Cacheable, Key};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

const BOUND: u64 = 4 << 20;

/// Stores so many values in a new cache; the peak of what was allocated beyond the empty cache and what is at the
/// end, as shares of the bound.
async fn fill<V: Cacheable>(keys: u64, value: impl Fn(u64) -> V) -> (f64, f64) {
    let cache = Cache::builder().local_bytes(BOUND).build().expect("in order");
    let empty = ALLOCATED.current_usage();
    ALLOCATED.reset_peak_usage();
    for n in 0..keys {
        let key = Key::new(format!("user:{n}:profile")).tag("users");
        cache.put(key, &value(n), Duration::from_secs(3600)).await.expect("fits");
    }
    let share = |bytes: usize| bytes.saturating_sub(empty) as f64 / BOUND as f64;
    (share(ALLOCATED.peak_usage()), share(ALLOCATED.current_usage()))
}

// One test: a second one would allocate at the same time.
#[tokio::test]
async fn what_is_allocated_stays_within_a_tenth_of_the_bound() {
    let text = |length: usize| move |n: u64| format!("{n:0>length$}");
    // What the first call of a process sets up.
    fill(1, text(100)).await;
    for (name, (peak, end)) in
        [("100 bytes", fill(300_000, text(100)).await), ("1 KiB", fill(30_000, text(1024)).await)]
    {
        assert!(peak < 1.1, "{name}: {peak:.3} of the bound at the peak");
        assert!((0.9..1.1).contains(&end), "{name}: {end:.3} of the bound at the end");
    }
}
