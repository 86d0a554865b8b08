//! The time that one call may spend on the cache, over all its requests together.

use std::future::Future;
use std::time::Duration;

use crate::clock;

pub(crate) struct Budget {
    left: Duration,
}

/// The budget is used up.
#[derive(Debug)]
pub(crate) struct Exhausted;

impl Budget {
    pub(crate) fn new(left: Duration) -> Self {
        Self { left }
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

    pub(crate) fn left(&self) -> Duration {
        self.left
    }
}
