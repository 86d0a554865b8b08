//! What holds in whatever order the tasks run: shuttle chooses the order, thousands of times. `cargo x schedules`.
//!
//! A failure prints its schedule; `shuttle::replay(test, schedule)` runs it again.
//!
//! A task may be interrupted wherever it takes or gives back a lock, touches an atomic of [`crate::sync`], or
//! awaits. Not explored:
//! - the inside of `tokio::sync::Notify` and of quick_cache: nothing comes between what one of their calls does;
//! - weak memory: shuttle's atomics are sequentially consistent, whatever ordering is asked for;
//! - unwinding: panics are pretended, see [`crate::sync`];
//! - the clock: it is the real one, and no lifetime ends within a test.

mod breaker;
mod flight;
mod generation;

use std::panic::{AssertUnwindSafe, catch_unwind};

/// How many schedules of each kind a test runs through.
const SCHEDULES: usize = 10_000;
/// How many changes of priority one schedule has: more than this, hardly any fault needs.
const DEPTH: usize = 3;

/// Runs `test` in schedules where every step is drawn, and in schedules with few, well-placed interruptions.
fn explore(test: impl Fn() + Copy + Send + Sync + 'static) {
    shuttle::check_random(test, SCHEDULES);
    shuttle::check_pct(test, SCHEDULES, DEPTH);
}

/// Runs `test` in every schedule there is: for a few steps only.
fn every(test: impl Fn() + Send + Sync + 'static) {
    shuttle::check_dfs(test, None);
}

/// Asserts that `test`, which lacks a rule, panics with `complaint` in some schedule: that the same test with the
/// rule would notice.
fn assert_noticed(complaint: &str, test: impl Fn() + Copy + Send + Sync + 'static) {
    let panic = catch_unwind(AssertUnwindSafe(|| explore(test))).expect_err("no schedule shows the fault");
    let message = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    assert!(message.is_some_and(|message| message.contains(complaint)), "another fault was found: {message:?}");
}
