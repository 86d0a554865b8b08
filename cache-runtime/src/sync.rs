//! Where the locks and atomics come from: std, or shuttle, which lets a test choose the schedule.
//!
//! Modules that `schedules/` explores import them from here. `Arc` and `PoisonError` stay std's: shuttle has no
//! others.

#[cfg(not(shuttle))]
pub(crate) use std::sync::{Mutex, MutexGuard, RwLock, atomic};
#[cfg(not(shuttle))]
pub(crate) use std::thread::panicking;

#[cfg(not(shuttle))]
pub(crate) use tokio::sync::Notify;

#[cfg(shuttle)]
pub(crate) use notify::Notify;
#[cfg(shuttle)]
pub(crate) use pretence::panicking;
#[cfg(shuttle)]
pub(crate) use shuttle::sync::{Mutex, MutexGuard, RwLock, atomic};

/// Tokio's, which works under shuttle because it knows nothing but wakers. Its inside is not explored: each call is
/// one step, and other tasks may come before it.
#[cfg(shuttle)]
mod notify {
    use shuttle::sync::atomic::{AtomicBool, Ordering};
    use tokio::sync::futures::Notified;

    pub(crate) struct Notify(tokio::sync::Notify);

    fn step() {
        AtomicBool::new(false).load(Ordering::SeqCst);
    }

    impl Notify {
        pub(crate) fn new() -> Self {
            Self(tokio::sync::Notify::new())
        }

        pub(crate) fn notified(&self) -> Notified<'_> {
            step();
            self.0.notified()
        }

        pub(crate) fn notify_one(&self) {
            step();
            self.0.notify_one();
        }

        pub(crate) fn notify_waiters(&self) {
            step();
            self.0.notify_waiters();
        }
    }
}

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
