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

struct Restore(Option<Arc<Context>>);

impl Drop for Restore {
    fn drop(&mut self) {
        CURRENT.with_borrow_mut(|current| *current = self.0.take());
    }
}

/// Runs `future` in a context made from the current one.
pub(crate) async fn within<F: Future>(change: impl FnOnce(&mut Context), mut future: Pin<&mut F>) -> F::Output {
    let mut context = current().map(|context| (*context).clone()).unwrap_or_default();
    change(&mut context);
    let context = Arc::new(context);
    poll_fn(|cx| {
        let _restore = Restore(CURRENT.with_borrow_mut(|current| current.replace(Arc::clone(&context))));
        future.as_mut().poll(cx)
    })
    .await
}
