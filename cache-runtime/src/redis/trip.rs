//! How long a round trip takes when nothing is in its way: the least of the latest ones.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// After so many, the least of those before them is forgotten.
const WINDOW: u32 = 256;

pub(super) struct Trip {
    /// In microseconds; `u64::MAX` before the first.
    least: AtomicU64,
    least_before: AtomicU64,
    count: AtomicU32,
}

impl Default for Trip {
    fn default() -> Self {
        Self { least: AtomicU64::new(u64::MAX), least_before: AtomicU64::new(u64::MAX), count: AtomicU32::new(0) }
    }
}

impl Trip {
    pub(super) fn took(&self, time: Duration) {
        self.least.fetch_min(u64::try_from(time.as_micros()).unwrap_or(u64::MAX), Relaxed);
        if self.count.fetch_add(1, Relaxed) % WINDOW == WINDOW - 1 {
            self.least_before.store(self.least.swap(u64::MAX, Relaxed), Relaxed);
        }
    }

    /// How often `pause` fits into a round trip, but at least once and at most `most` times. Load makes round trips
    /// longer, and is no reason to send more: hence the least.
    #[inline]
    pub(super) fn holds(&self, pause: Duration, most: usize) -> usize {
        let pause = (pause.as_micros() as u64).max(1);
        match self.least.load(Relaxed).min(self.least_before.load(Relaxed)) {
            u64::MAX => 1,
            least => (least / pause).clamp(1, most as u64) as usize,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_micros(100);

    #[test]
    fn a_longer_way_holds_more() {
        let trip = Trip::default();
        assert_eq!(trip.holds(PAUSE, 16), 1, "nothing is known");
        trip.took(Duration::from_micros(1_050));
        assert_eq!(trip.holds(PAUSE, 16), 10);
        trip.took(Duration::from_secs(1));
        assert_eq!(trip.holds(PAUSE, 16), 10, "one that was held up");
        trip.took(Duration::from_micros(40));
        assert_eq!(trip.holds(PAUSE, 16), 1);
    }

    #[test]
    fn what_was_long_ago_is_forgotten() {
        let trip = Trip::default();
        trip.took(Duration::from_micros(40));
        (0..2 * WINDOW).for_each(|_| trip.took(Duration::from_millis(1)));
        assert_eq!(trip.holds(PAUSE, 16), 10);
        (0..2 * WINDOW).for_each(|_| trip.took(Duration::from_secs(1)));
        assert_eq!(trip.holds(PAUSE, 16), 16);
    }
}
