//! The time that one call may spend on the cache, over all its requests together.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use crate::clock;

pub(crate) struct Budget {
    whole: Duration,
    left: Duration,
    /// Since when it is being spent, if nobody has reckoned that up yet.
    running: Option<Instant>,
}

/// The budget is used up.
#[derive(Debug)]
pub(crate) struct Exhausted;

impl Budget {
    pub(crate) fn new(left: Duration) -> Self {
        Self { whole: left, left, running: None }
    }

    /// What is left of it after a wait.
    pub(crate) fn after(self, waited: Duration) -> Self {
        Self { left: self.left.saturating_sub(waited), ..self }
    }

    /// Whether most of it was spent before.
    pub(crate) fn is_a_rest(&self) -> bool {
        self.left() < self.whole / 2
    }

    /// It is being spent since then: on work which somebody else ends in time. What is left is only reckoned up if more
    /// is to be spent, since a hit costs less than two looks at the clock.
    pub(crate) fn run_since(&mut self, began: Instant) {
        self.running = Some(began);
    }

    /// Reckons up what is left, so that whoever asks for it next need not look at the clock.
    pub(crate) fn reckon_up(&mut self) {
        self.left = self.left();
        self.running = None;
    }

    /// Runs cache work and takes its time off the budget.
    ///
    /// Pinned where it is: a future that is handed on by value has room for it twice.
    pub(crate) async fn spend<F: Future>(&mut self, work: Pin<&mut F>) -> Result<F::Output, Exhausted> {
        self.reckon_up();
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
        Self { left: self.left(), running: None, ..*self }
    }

    /// Takes off what the longest of several shares has spent.
    #[cfg(feature = "cluster")]
    pub(crate) fn keep_least(&mut self, share: &Self) {
        self.left = self.left().min(share.left());
        self.running = None;
    }

    pub(crate) fn left(&self) -> Duration {
        match self.running {
            Some(began) => self.left.saturating_sub(began.elapsed()),
            None => self.left,
        }
    }
}
