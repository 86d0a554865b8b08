//! The time that one call may spend on the cache, over all its requests together.

use std::future::Future;
use std::time::Duration;

use crate::clock;

pub(crate) struct Budget {
    whole: Duration,
    left: Duration,
}

/// The budget is used up.
#[derive(Debug)]
pub(crate) struct Exhausted;

impl Budget {
    pub(crate) fn new(left: Duration) -> Self {
        Self { whole: left, left }
    }

    /// What is left of it after a wait.
    pub(crate) fn after(self, waited: Duration) -> Self {
        Self { left: self.left.saturating_sub(waited), ..self }
    }

    /// Whether most of it was spent before.
    pub(crate) fn is_a_rest(&self) -> bool {
        self.left < self.whole / 2
    }

    /// Runs cache work and takes its time off the budget.
    pub(crate) async fn spend<F: Future>(&mut self, work: F) -> Result<F::Output, Exhausted> {
        if self.left.is_zero() {
            return Err(Exhausted);
        }
        let started = clock::now();
        let output = tokio::time::timeout(self.left, work).await;
        self.left = self.left.saturating_sub(started.elapsed());
        output.map_err(|_| Exhausted)
    }

    /// The same budget for work beside other work; see [`keep_least`](Self::keep_least).
    #[cfg(feature = "cluster")]
    pub(crate) fn share(&self) -> Self {
        Self { ..*self }
    }

    /// Takes off what the longest of several shares has spent.
    #[cfg(feature = "cluster")]
    pub(crate) fn keep_least(&mut self, share: &Self) {
        self.left = self.left.min(share.left);
    }

    pub(crate) fn left(&self) -> Duration {
        self.left
    }
}
