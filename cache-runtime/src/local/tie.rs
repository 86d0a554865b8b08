//! What a store and the fronts of all threads know of one another.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};

use super::entry::LocalEntry;

/// Between one store and the threads' fronts: how many bytes all of them together may hold of it, and do.
#[derive(Debug)]
pub(super) struct Tie {
    /// How many entries have left the store. Counted **behind** the mark, as [bumps](super::generation::Generations::bumps) are
    /// behind what they bump, and for the same reason.
    left: AtomicU64,
    pub(super) limit: u64,
    pub(super) written: Held,
}

/// Apart from what each hit reads.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Held {
    pub(super) held: AtomicU64,
    /// What the store itself does without, for their sake.
    pub(super) ceded: Mutex<u64>,
}

impl Tie {
    pub(super) fn new(limit: u64) -> Arc<Self> {
        let written = Held { held: AtomicU64::new(0), ceded: Mutex::new(0) };
        Arc::new(Self { left: AtomicU64::new(0), limit, written })
    }

    /// An entry is no hit any more, wherever it is still known.
    pub(super) fn leave(&self, entry: &LocalEntry) {
        entry.leave();
        self.left.fetch_add(1, SeqCst);
    }

    #[inline]
    pub(super) fn left(&self) -> u64 {
        self.left.load(SeqCst)
    }

    /// Tells the store what it has to do without from now on, if that has become more: in a few steps, and never less again.
    pub(super) fn cede(&self, tell: impl FnOnce(u64)) {
        let step = (self.limit / 16).max(1);
        let wanted = self.written.held.load(Relaxed).div_ceil(step) * step;
        let mut ceded = self.written.ceded.lock().unwrap_or_else(PoisonError::into_inner);
        if wanted > *ceded {
            *ceded = wanted;
            // Under the lock, so that the last one who tells tells the most.
            tell(wanted);
        }
    }

    pub(super) fn take(&self, bytes: u64) -> bool {
        let fits = self.written.held.fetch_add(bytes, Relaxed) + bytes <= self.limit;
        if !fits {
            self.give_back(bytes);
        }
        fits
    }

    pub(super) fn give_back(&self, bytes: u64) {
        self.written.held.fetch_sub(bytes, Relaxed);
    }
}
