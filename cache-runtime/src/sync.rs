//! Where the locks and atomics come from: std, or shuttle, which lets a test choose the schedule.
//!
//! Modules that `schedules/` explores import them from here. `Arc` and `PoisonError` stay std's: shuttle has no
//! others.

#[cfg(not(all(test, shuttle)))]
pub(crate) use std::sync::{Mutex, MutexGuard, RwLock, atomic};

#[cfg(not(all(test, shuttle)))]
pub(crate) use std::thread_local;

#[cfg(not(all(test, shuttle)))]
pub(crate) use tokio::sync::Notify;

#[cfg(all(test, shuttle))]
pub(crate) use notify::Notify;
#[cfg(all(test, shuttle))]
pub(crate) use shuttle::sync::{Mutex, MutexGuard, RwLock, atomic};
#[cfg(all(test, shuttle))]
pub(crate) use shuttle::thread_local;

/// Tokio's, which works under shuttle because it knows nothing but wakers. Its inside is not explored: each call is
/// one step, and other tasks may come before it.
#[cfg(all(test, shuttle))]
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

        pub(crate) fn notify_waiters(&self) {
            step();
            self.0.notify_waiters();
        }
    }
}
