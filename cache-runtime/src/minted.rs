//! Which tokens are this cache's own.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use crate::entry::Expected;
use crate::seeded::Seeded;

/// The tokens that this cache has set and whose loads have not ended, so that its own callers need not wait
/// for a load that was abandoned.
#[derive(Default)]
pub(crate) struct Minted(Mutex<HashSet<Expected, Seeded>>);

impl Minted {
    /// Tokens of abandoned loads stay until they are forgotten together.
    const LIMIT: usize = 10_000;

    fn with<R>(&self, act: impl FnOnce(&mut HashSet<Expected, Seeded>) -> R) -> R {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn contains(&self, token: &Expected) -> bool {
        self.with(|tokens| tokens.contains(token))
    }

    pub(crate) fn insert(&self, token: &Expected) {
        self.with(|tokens| {
            if tokens.len() >= Self::LIMIT {
                tokens.clear();
            }
            tokens.insert(token.clone());
        });
    }

    /// True if the token was known.
    pub(crate) fn forget(&self, token: &Expected) -> bool {
        self.with(|tokens| tokens.remove(token))
    }
}
