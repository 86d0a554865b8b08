//! What the in-process tier keeps, what it weighs, and how it leaves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Instant;

use quick_cache::{Lifecycle, Weighter};
use smallvec::SmallVec;

use super::Seen;
use super::tie::Tie;
use crate::flight::Shared;

/// What the map holds of an entry: 48 bytes of its slab and 5 of its table, which both have room for up to twice as many
/// as there are. Measured, and towards the upper end: `cargo x bench memory`.
pub(super) const SLOT: u64 = 98;
/// What an entry weighs beside its key and value: the slot, itself, and two reference counts here and at the value.
const OVERHEAD: u64 = SLOT + size_of::<LocalEntry>() as u64 + 4 * size_of::<usize>() as u64;

pub(crate) struct LocalEntry {
    pub(crate) value: Shared,
    pub(crate) negative: bool,
    pub(crate) shape: u64,
    /// The tags that the result named.
    pub(super) found: Arc<[String]>,
    pub(super) seen: Seen,
    pub(crate) stored_at: Instant,
    pub(crate) expires_at: Instant,
    /// Until then the clock of the last tick will do, even one that is late.
    pub(super) fresh_until: u64,
    /// Whether it has left the store. Not one of [`crate::sync`]: it is set inside of quick_cache.
    pub(super) gone: AtomicBool,
    /// Bytes of the value as it was encoded, which stand for what it has allocated.
    pub(crate) bytes: u64,
}

impl LocalEntry {
    /// The bytes that it takes in memory, with its key.
    pub(crate) fn weight(&self, key: &str) -> u64 {
        let seen = if self.seen.spilled() { size_of_val(&self.seen[..]) } else { 0 };
        let found: usize = self.found.iter().map(|tag| size_of::<String>() + tag.len()).sum();
        (key.len() + size_of_val(&*self.value) + seen + found) as u64 + self.bytes + OVERHEAD
    }
}

#[cfg(feature = "inspect")]
impl LocalEntry {
    /// How many tags it carries.
    pub(crate) fn tag_count(&self) -> usize {
        self.seen.len().saturating_sub(super::generation::UNTAGGED)
    }
}

impl LocalEntry {
    /// It is no hit any more; [`Tie::leave`] makes that known.
    pub(super) fn leave(&self) {
        self.gone.store(true, SeqCst);
    }

    #[inline]
    pub(super) fn is_gone(&self) -> bool {
        self.gone.load(SeqCst)
    }
}

/// Marks what is evicted or replaced, before the next can be seen in its place, and drops it outside of the lock.
#[derive(Clone)]
pub(super) struct Leaving(pub(super) Arc<Tie>);

impl Lifecycle<Box<str>, Arc<LocalEntry>> for Leaving {
    type RequestState = SmallVec<[Arc<LocalEntry>; 2]>;

    fn on_evict(&self, left: &mut Self::RequestState, _: Box<str>, entry: Arc<LocalEntry>) {
        self.0.leave(&entry);
        left.push(entry);
    }
}

#[derive(Clone)]
pub(super) struct ByBytes;

impl Weighter<Box<str>, Arc<LocalEntry>> for ByBytes {
    fn weight(&self, key: &Box<str>, entry: &Arc<LocalEntry>) -> u64 {
        entry.weight(key)
    }
}
