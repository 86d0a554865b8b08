//! What is known of a value type: the fingerprint of its shape, and whether its values survive the codec.

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{LazyLock, PoisonError, RwLock};

use serde::de::DeserializeOwned;

use crate::shape;

/// Each of the first stores is checked, then one in so many.
const FIRST_CHECKS: u64 = 8;
const LATER_CHECKS: u64 = 1024;
/// What is allocated for an envelope to begin with, whatever the last one took.
const SMALLEST: usize = 256;
const LARGEST: usize = 64 * 1024;

#[derive(Debug)]
pub(crate) struct Facts {
    /// Entries of another shape are misses.
    pub(crate) shape: u64,
    stores: AtomicU64,
    /// How large the last envelope was.
    bytes: AtomicUsize,
    unfit: AtomicBool,
}

impl Facts {
    /// Whether this store is one of those to check.
    pub(crate) fn check_is_due(&self) -> bool {
        let store = self.stores.fetch_add(1, Relaxed);
        store < FIRST_CHECKS || store.is_multiple_of(LATER_CHECKS)
    }

    /// How much to allocate for an envelope, so that it seldom has to grow.
    pub(crate) fn expected_bytes(&self) -> usize {
        self.bytes.load(Relaxed).clamp(SMALLEST, LARGEST)
    }

    pub(crate) fn expect_bytes(&self, bytes: usize) {
        self.bytes.store(bytes, Relaxed);
    }

    /// A value did not survive; nothing of this type is stored any more.
    pub(crate) fn found_unfit(&self) {
        self.unfit.store(true, Relaxed);
    }

    #[inline]
    pub(crate) fn is_unfit(&self) -> bool {
        self.unfit.load(Relaxed)
    }
}

type Known = HashMap<(TypeId, &'static str, u64), &'static Facts>;

static KNOWN: LazyLock<RwLock<Known>> = LazyLock::new(RwLock::default);

/// The facts of `V` under a codec and a function's `version`, found out at the first call.
///
/// Kept for good: there are as many as there are cached types in the program.
pub(crate) fn facts<V: DeserializeOwned + 'static>(codec: &'static str, version: u64) -> &'static Facts {
    let id = (TypeId::of::<V>(), codec, version);
    if let Some(facts) = KNOWN.read().unwrap_or_else(PoisonError::into_inner).get(&id) {
        return facts;
    }
    let shape = shape::fingerprint::<V>(codec, version);
    KNOWN.write().unwrap_or_else(PoisonError::into_inner).entry(id).or_insert_with(|| {
        Box::leak(Box::new(Facts {
            shape,
            stores: AtomicU64::new(0),
            bytes: AtomicUsize::new(0),
            unfit: AtomicBool::new(false),
        }))
    })
}
