//! How those who share a request are told what it brought.

use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use smallvec::SmallVec;

use super::Failure;
use super::answers::{Answers, Told};

/// `None`: one of the names is another master's.
pub(super) type Answer = Result<Option<Answers>, Failure>;

/// Where they are told.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    told: OnceLock<Result<Told, Failure>>,
    wakers: Mutex<Vec<Waker>>,
}

impl Outcome {
    /// Told already.
    pub(super) fn of(told: Told) -> Self {
        Self { told: OnceLock::from(Ok(told)), wakers: Mutex::default() }
    }

    pub(super) fn is_told(&self) -> bool {
        self.told.get().is_some()
    }

    /// What was told, unless that is a failure.
    #[inline]
    pub(super) fn told(&self) -> Option<&Told> {
        self.told.get()?.as_ref().ok()
    }

    /// Only the first one is heard.
    pub(super) fn tell(&self, told: Result<Told, Failure>) {
        let _ = self.told.set(told);
        let wakers = std::mem::take(&mut *self.wakers.lock().unwrap_or_else(PoisonError::into_inner));
        wakers.into_iter().for_each(Waker::wake);
    }
}

/// A caller who waits.
pub(super) struct Waiting {
    outcome: Arc<Outcome>,
    /// Of his names in the list.
    places: SmallVec<[u32; 4]>,
    /// Since when the first of those waits who share the request.
    pub(super) since: Instant,
    /// Of his waker.
    waker: Option<usize>,
}

impl Waiting {
    pub(super) fn new(outcome: &Arc<Outcome>, places: SmallVec<[u32; 4]>, since: Instant) -> Self {
        Self { outcome: Arc::clone(outcome), places, since, waker: None }
    }
}

fn answer(outcome: &Arc<Outcome>, told: &Result<Told, Failure>, places: &[u32]) -> Answer {
    let told = told.as_ref().map_err(Clone::clone)?;
    if places.iter().any(|place| told.points_elsewhere(*place as usize)) {
        return Ok(None);
    }
    Ok(Some(Answers::of_some(Arc::clone(outcome), places)))
}

impl Future for Waiting {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        let Self { outcome, places, waker, .. } = &mut *self;
        if let Some(told) = outcome.told.get() {
            return Poll::Ready(answer(outcome, told, places));
        }
        let mut wakers = outcome.wakers.lock().unwrap_or_else(PoisonError::into_inner);
        // It is told first, and the wakers are taken then.
        if let Some(told) = outcome.told.get() {
            drop(wakers);
            return Poll::Ready(answer(outcome, told, places));
        }
        match waker {
            Some(place) => wakers[*place].clone_from(context.waker()),
            None => {
                *waker = Some(wakers.len());
                wakers.push(context.waker().clone());
            }
        }
        Poll::Pending
    }
}
