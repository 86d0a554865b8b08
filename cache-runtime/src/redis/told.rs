//! How those who share a request are told what it brought.

use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};

use smallvec::SmallVec;

use super::Failure;
use super::answers::{Answers, Reply};
use super::list::List;
use super::request::Witness;

/// `None`: one of the names is another master's.
pub(super) type Answer = Result<Option<Answers>, Failure>;

/// What each name of a list held; `None` for those that are another master's.
pub(super) type Told = (SmallVec<[Option<Reply>; 4]>, Witness);

/// Where they are told.
#[derive(Default)]
pub(super) struct Outcome {
    told: OnceLock<Result<Shared, Failure>>,
    wakers: Mutex<Vec<Waker>>,
}

/// What a name held, and how many will still ask. `None`: it is another master's.
type Kept = (u32, Option<Reply>);

struct Shared {
    /// By place.
    replies: Box<[Mutex<Kept>]>,
    witness: Witness,
}

/// A caller who waits.
pub(super) struct Waiting {
    outcome: Arc<Outcome>,
    /// Of his names in the list.
    places: SmallVec<[usize; 4]>,
    /// Of his waker.
    waker: Option<usize>,
}

impl Waiting {
    pub(super) fn new(outcome: &Arc<Outcome>, places: SmallVec<[usize; 4]>) -> Self {
        Self { outcome: Arc::clone(outcome), places, waker: None }
    }
}

impl Future for Waiting {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        let Self { outcome, places, waker } = &mut *self;
        if let Some(told) = outcome.told.get() {
            return Poll::Ready(take(told, places));
        }
        let mut wakers = outcome.wakers.lock().unwrap_or_else(PoisonError::into_inner);
        // It is told first, and the wakers are taken then.
        if let Some(told) = outcome.told.get() {
            drop(wakers);
            return Poll::Ready(take(told, places));
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

/// The answer for one of those who share it.
fn take(told: &Result<Shared, Failure>, places: &[usize]) -> Answer {
    let shared = told.as_ref().map_err(Clone::clone)?;
    let replies = places.iter().map(|place| {
        let mut reply = shared.replies[*place].lock().unwrap_or_else(PoisonError::into_inner);
        reply.0 = reply.0.saturating_sub(1);
        match reply.0 {
            0 => reply.1.as_mut().map(Option::take),
            _ => reply.1.clone(),
        }
    });
    Ok(replies.collect::<Option<_>>().map(|replies| Answers::of_one(replies, shared.witness)))
}

impl Outcome {
    pub(super) fn tell(&self, told: Result<Told, Failure>, list: &List) {
        let shared =
            |(replies, witness): Told| Shared { replies: list.asked().zip(replies).map(Mutex::new).collect(), witness };
        let _ = self.told.set(told.map(shared));
        let wakers = std::mem::take(&mut *self.wakers.lock().unwrap_or_else(PoisonError::into_inner));
        wakers.into_iter().for_each(Waker::wake);
    }
}
