//! The time that one call may spend on the cache, over all its requests together.

use std::future::Future;
use std::time::{Duration, Instant};

use crate::clock;

pub(crate) struct Budget {
    whole: Duration,
    left: Duration,
    /// Since when work has been under way that is not taken off yet: most calls end with it, and need not read the clock.
    since: Option<Instant>,
}

/// The budget is used up.
#[derive(Debug)]
pub(crate) struct Exhausted;

impl Budget {
    pub(crate) fn new(left: Duration) -> Self {
        Self { whole: left, left, since: None }
    }

    /// What is left of it after a wait.
    pub(crate) fn after(self, waited: Duration) -> Self {
        Self { left: self.left.saturating_sub(waited), ..self }
    }

    /// Whether most of it was spent before.
    pub(crate) fn is_a_rest(&mut self) -> bool {
        self.left() < self.whole / 2
    }

    /// Runs cache work and takes its time off the budget.
    pub(crate) async fn spend<F: Future>(&mut self, work: F) -> Result<F::Output, Exhausted> {
        self.settle();
        if self.left.is_zero() {
            return Err(Exhausted);
        }
        let started = clock::now();
        let output = tokio::time::timeout(self.left, work).await;
        self.left = self.left.saturating_sub(started.elapsed());
        output.map_err(|_| Exhausted)
    }

    /// Will take off the time since then, for work that ends by itself in time, when it is asked what is left.
    pub(crate) fn runs_since(&mut self, since: Instant) {
        self.since = Some(since);
    }

    fn settle(&mut self) {
        if let Some(since) = self.since.take() {
            self.left = self.left.saturating_sub(since.elapsed());
        }
    }

    /// The same budget for work beside other work; see [`keep_least`](Self::keep_least).
    #[cfg(feature = "cluster")]
    pub(crate) fn share(&self) -> Self {
        Self { ..*self }
    }

    /// Takes off what the longest of several shares has spent.
    #[cfg(feature = "cluster")]
    pub(crate) fn keep_least(&mut self, mut share: Self) {
        self.left = self.left().min(share.left());
    }

    pub(crate) fn left(&mut self) -> Duration {
        self.settle();
        self.left
    }
}
