//! What was counted in a run.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

/// What is counted.
#[derive(Clone, Copy)]
pub(super) enum Count {
    Local,
    Redis,
    Joined,
    Loaded,
    /// Reads by a method that does not say where the value came from.
    Untold,
    Acknowledged,
    Unknown,
    /// Mutators who died under their fence.
    Died,
}

/// Of what the highest is kept.
#[derive(Clone, Copy)]
pub(super) enum Peak {
    /// How far the in-process tier was behind.
    Lag,
    Read,
    Invalidation,
}

#[derive(Default)]
pub(super) struct Tally {
    counts: [AtomicU64; 8],
    peaks: [AtomicU64; 3],
}

/// A tally at the end of its run.
#[derive(Clone, Debug)]
pub(super) struct Sums {
    counts: [u64; 8],
    peaks: [Duration; 3],
}

impl Tally {
    pub(super) fn count(&self, what: Count) {
        self.counts[what as usize].fetch_add(1, SeqCst);
    }

    pub(super) fn peak(&self, what: Peak, took: Duration) {
        self.peaks[what as usize].fetch_max(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), SeqCst);
    }

    pub(super) fn sums(&self) -> Sums {
        Sums {
            counts: self.counts.each_ref().map(|count| count.load(SeqCst)),
            peaks: self.peaks.each_ref().map(|peak| Duration::from_micros(peak.load(SeqCst))),
        }
    }
}

impl Sums {
    pub(super) fn of(&self, what: Count) -> u64 {
        self.counts[what as usize]
    }

    pub(super) fn highest(&self, what: Peak) -> Duration {
        self.peaks[what as usize]
    }

    pub(super) fn reads(&self) -> u64 {
        [Count::Local, Count::Redis, Count::Joined, Count::Loaded, Count::Untold]
            .map(|source| self.of(source))
            .iter()
            .sum()
    }
}
