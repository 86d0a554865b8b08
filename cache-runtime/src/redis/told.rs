//! How those who share a request are told what it brought.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use smallvec::SmallVec;

use super::Failure;
use super::answers::{Answers, Place, Told};

/// `None`: one of the names is another master's.
pub(super) type Answer = Result<Option<Answers>, Failure>;

/// Where they are told.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    told: OnceLock<Result<Told, Failure>>,
    wakers: Mutex<Vec<Waker>>,
}

impl Outcome {
    /// Told to nobody yet, with room for wakers.
    pub(super) fn with_room(wakers: Vec<Waker>) -> Self {
        Self { told: OnceLock::new(), wakers: Mutex::new(wakers) }
    }

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

    /// Only the first one is heard. Returns the room for wakers.
    pub(super) fn tell(&self, told: Result<Told, Failure>) -> Vec<Waker> {
        let _ = self.told.set(told);
        let mut wakers = std::mem::take(&mut *self.wakers());
        wakers.drain(..).for_each(Waker::wake);
        wakers
    }

    fn wakers(&self) -> MutexGuard<'_, Vec<Waker>> {
        self.wakers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A caller who waits. It is made by a poll of his, which polls it as well: his waker is there then, and is not looked at again.
pub(super) struct Waiting {
    /// Until it is told.
    outcome: Option<Arc<Outcome>>,
    /// Of his names in the list.
    places: SmallVec<[Place; 4]>,
    /// Since when the first of those waits who share the request.
    pub(super) since: Instant,
    /// Of his waker.
    waker: usize,
    /// Whether it is the one by which he came.
    new: bool,
}

impl Waiting {
    /// For a caller who is polled by `waker` now.
    pub(super) fn new(outcome: &Arc<Outcome>, places: SmallVec<[Place; 4]>, since: Instant, waker: &Waker) -> Self {
        let mut wakers = outcome.wakers();
        wakers.push(waker.clone());
        Self { outcome: Some(Arc::clone(outcome)), places, since, waker: wakers.len() - 1, new: true }
    }
}

impl Future for Waiting {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        let this = &mut *self;
        let outcome = this.outcome.as_ref().expect("it is not polled any more when it was told");
        if outcome.told.get().is_none() {
            if std::mem::take(&mut this.new) {
                return Poll::Pending;
            }
            let mut wakers = outcome.wakers();
            // It is told first, and the wakers are taken then.
            if outcome.told.get().is_none() {
                wakers[this.waker].clone_from(context.waker());
                return Poll::Pending;
            }
        }
        let outcome = this.outcome.take().expect("it was there");
        Poll::Ready(answer(outcome, std::mem::take(&mut this.places)))
    }
}

/// What one of those who share it was told.
fn answer(outcome: Arc<Outcome>, places: SmallVec<[Place; 4]>) -> Answer {
    let told = outcome.told.get().expect("whoever asks for it was told");
    let told = told.as_ref().map_err(Clone::clone)?;
    if places.iter().any(|place| told.points_elsewhere(place.index())) {
        return Ok(None);
    }
    Ok(Some(Answers::of_some(outcome, places)))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;
    use crate::clock;

    /// How often it was woken.
    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn counted() -> (Arc<Count>, Waker) {
        let count = Arc::new(Count::default());
        (Arc::clone(&count), Waker::from(count))
    }

    fn woken(counts: &[&Arc<Count>]) -> Vec<usize> {
        counts.iter().map(|count| count.0.load(Ordering::Relaxed)).collect()
    }

    fn poll(waiting: &mut Waiting, waker: &Waker) -> Poll<Answer> {
        Pin::new(waiting).poll(&mut Context::from_waker(waker))
    }

    #[test]
    fn who_is_polled_by_another_waker_is_woken_by_that_one() {
        let outcome = Arc::new(Outcome::default());
        let ((first, by_first), (second, by_second), (other, by_other)) = (counted(), counted(), counted());
        let mut waiting = Waiting::new(&outcome, SmallVec::new(), clock::now(), &by_first);
        let mut beside = Waiting::new(&outcome, SmallVec::new(), clock::now(), &by_other);
        assert!(poll(&mut waiting, &by_first).is_pending() && poll(&mut beside, &by_other).is_pending());
        assert!(poll(&mut waiting, &by_second).is_pending());
        let room = outcome.tell(Err(Failure::timeout()));
        assert_eq!(woken(&[&first, &second, &other]), [0, 1, 1]);
        assert!(room.is_empty() && room.capacity() >= 2);
        for (waiting, waker) in [(&mut waiting, &by_second), (&mut beside, &by_other)] {
            assert!(matches!(poll(waiting, waker), Poll::Ready(Err(_))));
        }
    }

    #[test]
    fn who_was_told_before_he_is_polled_does_not_wait() {
        let outcome = Arc::new(Outcome::with_room(Vec::new()));
        let (count, waker) = counted();
        let mut waiting = Waiting::new(&outcome, SmallVec::new(), clock::now(), &waker);
        outcome.tell(Err(Failure::timeout()));
        assert!(poll(&mut waiting, &waker).is_ready());
        assert_eq!(woken(&[&count]), [1]);
    }
}
