//! What surrounds a call: the task's cache, bypass or refresh, an observer, and the flights it leads.
//!
//! A context is current exactly while the future it belongs to is being polled, so it follows a task
//! across threads, and concurrent branches of one task do not see each other's.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;

use crate::Cache;
use crate::flight::Flight;
use crate::observation::Observer;

/// How cached calls inside treat the cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    #[default]
    Normal,
    /// Neither read nor written.
    Bypass,
    /// Loaded and written.
    Refresh,
}

#[derive(Clone, Default)]
pub(crate) struct Context {
    pub(crate) mode: Mode,
    pub(crate) cache: Option<Cache>,
    /// Who wants to know how the outermost call was answered; absent inside that call.
    pub(crate) observer: Option<Arc<Observer>>,
    /// The flights whose loads this code is part of, outermost first.
    pub(crate) leading: Vec<Arc<Flight>>,
}

thread_local! {
    static CURRENT: RefCell<Option<Arc<Context>>> = const { RefCell::new(None) };
}

/// The context of the running future, if one was ever set around it.
#[inline]
pub(crate) fn current() -> Option<Arc<Context>> {
    CURRENT.with_borrow(Clone::clone)
}

/// Whether somebody wants to know how a call in the running future is answered.
pub(crate) fn is_observed() -> bool {
    CURRENT.with_borrow(|current| current.as_ref().is_some_and(|context| context.observer.is_some()))
}

struct Entered(Option<Arc<Context>>);

impl Entered {
    fn new(context: Option<Arc<Context>>) -> Self {
        Self(CURRENT.replace(context))
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.with_borrow_mut(|current| *current = self.0.take());
    }
}

/// Runs `future` in a context made from the current one.
pub(crate) async fn within<F: Future>(change: impl FnOnce(&mut Context), future: Pin<&mut F>) -> F::Output {
    let mut context = current().map(|context| (*context).clone()).unwrap_or_default();
    change(&mut context);
    stay(Some(Arc::new(context)), future).await
}

/// Runs `future` in the current context, also where it is polled in another one later.
pub(crate) async fn unchanged<F: Future>(future: Pin<&mut F>) -> F::Output {
    stay(current(), future).await
}

async fn stay<F: Future>(context: Option<Arc<Context>>, mut future: Pin<&mut F>) -> F::Output {
    poll_fn(|cx| {
        let _entered = Entered::new(context.clone());
        future.as_mut().poll(cx)
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task;

    use super::*;

    fn mode() -> Option<Mode> {
        current().map(|context| context.mode)
    }

    #[tokio::test]
    async fn a_future_stays_in_the_context_in_which_it_began() {
        let seen = pin!(async {
            let first = mode();
            tokio::task::yield_now().await;
            (first, mode())
        });
        let mut began = Box::pin(unchanged(seen));
        assert!(began.as_mut().poll(&mut task::Context::from_waker(task::Waker::noop())).is_pending());
        let later = pin!(async { (mode(), began.await) });
        let (outside, inside) = within(|context| context.mode = Mode::Bypass, later).await;
        assert_eq!((outside, inside), (Some(Mode::Bypass), (None, None)));
    }
}
