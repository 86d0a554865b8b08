//! Until when the in-process tier is vouched for.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::clock;

/// Over Redis an entry may be served only while every channel is known to have been alive a moment ago; in a
/// cache without server there is nothing to miss.
pub(crate) struct Lease {
    began: Instant,
    /// The same by [`clock::nanos`], read before: by this one it lasts no longer.
    began_nanos: u64,
    /// In nanoseconds since it began. 0: nobody vouches. `u64::MAX`: for ever.
    until: AtomicU64,
    /// Held while a grant is worked out, so that one which was overtaken by a loss cannot undo it.
    granting: Mutex<()>,
}

impl Lease {
    pub(crate) fn forever() -> Self {
        let began_nanos = clock::nanos();
        Self { began: clock::now(), began_nanos, until: AtomicU64::new(u64::MAX), granting: Mutex::new(()) }
    }

    /// One that must be granted first.
    pub(crate) fn none() -> Self {
        Self { until: AtomicU64::new(0), ..Self::forever() }
    }

    pub(crate) fn covers(&self, now: Instant) -> bool {
        match self.until.load(SeqCst) {
            0 => false,
            u64::MAX => true,
            until => self.ticks(now) < until,
        }
    }

    /// The same, by [`clock::nanos`].
    #[inline]
    pub(crate) fn covers_nanos(&self, now: u64) -> bool {
        match self.until.load(SeqCst) {
            0 => false,
            u64::MAX => true,
            until => now.saturating_sub(self.began_nanos) < until,
        }
    }

    /// Whether it has no end.
    #[inline]
    pub(crate) fn is_forever(&self) -> bool {
        self.until.load(SeqCst) == u64::MAX
    }

    /// A moment in the lease's own time.
    pub(crate) fn ticks(&self, moment: Instant) -> u64 {
        u64::try_from(moment.saturating_duration_since(self.began).as_nanos()).unwrap_or(u64::MAX - 1).max(1)
    }

    pub(crate) fn grant(&self, until: impl FnOnce() -> u64) {
        if self.until.load(SeqCst) == u64::MAX {
            return;
        }
        let _one_at_a_time = self.granting.lock().unwrap_or_else(PoisonError::into_inner);
        self.until.store(until(), SeqCst);
    }

    pub(crate) fn revoke(&self) {
        self.grant(|| 0);
    }

    /// How long it still lasts; `None` without an end.
    pub(crate) fn left(&self) -> Option<Duration> {
        match self.until.load(SeqCst) {
            u64::MAX => None,
            until => Some(Duration::from_nanos(until.saturating_sub(self.ticks(clock::now())))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_ends_when_it_was_granted_until() {
        let lease = Lease::none();
        let now = clock::now();
        assert!(!lease.covers(now) && !lease.covers_nanos(clock::nanos()));
        lease.grant(|| lease.ticks(now + Duration::from_secs(1)));
        assert!(lease.covers(now));
        assert!(!lease.covers(now + Duration::from_secs(1)));
        let nanos = clock::nanos();
        assert!(lease.covers_nanos(nanos));
        assert!(!lease.covers_nanos(nanos + 1_000_000_000));
        lease.revoke();
        assert!(!lease.covers(now));
        assert!(Lease::forever().covers(now + Duration::from_secs(1 << 30)));
    }
}
