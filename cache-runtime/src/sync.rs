//! Where the locks and atomics come from: std, or shuttle, whose ones let a test choose the schedule.
//!
//! Modules that `schedules/` explores import them from here. `Arc` and `PoisonError` stay std's: shuttle has no
//! others.

#[cfg(not(shuttle))]
pub(crate) use std::sync::{Mutex, MutexGuard, RwLock, atomic};
#[cfg(not(shuttle))]
pub(crate) use std::thread::panicking;

#[cfg(shuttle)]
pub(crate) use pretence::panicking;
#[cfg(shuttle)]
pub(crate) use shuttle::sync::{Mutex, MutexGuard, RwLock, atomic};

/// Panics that are only pretended. All tasks of a schedule share one thread, and with it what std's `panicking`
/// says; besides, shuttle takes any real panic for the failure of the test.
#[cfg(shuttle)]
pub(crate) mod pretence {
    use std::cell::Cell;

    shuttle::thread_local! {
        static PANICKING: Cell<bool> = Cell::new(false);
    }

    pub(crate) fn panicking() -> bool {
        PANICKING.with(Cell::get)
    }

    /// Drops `value` as if this task were unwinding.
    #[cfg(test)]
    pub(crate) fn drop_in_panic<T>(value: T) {
        PANICKING.with(|panicking| panicking.set(true));
        drop(value);
        PANICKING.with(|panicking| panicking.set(false));
    }
}
