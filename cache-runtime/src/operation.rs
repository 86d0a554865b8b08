//! The future of what a cached function's companion was asked for.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::Error;

/// What `invalidate`, `peek` or `put` of a cached function returns: a future of `Result<T, Error>`, which can be sent and spawned.
///
/// It has its arguments, and borrows nothing. The cache is asked when it is awaited: the one of the task that awaits, or, with
/// `cache = ..`, the one that this said when the function was called.
///
/// Where an expression in the attribute may wait (`cache = of(tenant).await`), these are async functions in place of that.
///
/// ```
/// use cache_runtime::{Cache, Operation, cached};
///
/// #[cached(key = "limit:{user}", ttl = "10m")]
/// async fn limit(user: u64) -> u32 {
///     10
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), cache_runtime::Error> {
/// # Cache::local().scope(async {
/// let stored: Operation<()> = limit::put(1, 20);
/// stored.await?;
/// let known: Operation<Option<u32>> = limit::peek(1);
/// assert_eq!(known.await?, Some(20));
/// # Ok(()) }).await }
/// ```
///
/// # Errors
///
/// As [`Cache::remove`](crate::Cache::remove), [`Cache::get`](crate::Cache::get) and [`Cache::put`](crate::Cache::put).
///
/// # Cancel safety
///
/// As these.
#[must_use = "nothing is asked of the cache until it is awaited"]
// A type that has a name: what the macro emits for each function is checked in half the time of an `impl Future`.
pub struct Operation<T>(Pin<Box<dyn Future<Output = Result<T, Error>> + Send>>);

impl<T> Operation<T> {
    pub(crate) fn new(future: impl Future<Output = Result<T, Error>> + Send + 'static) -> Self {
        Self(Box::pin(future))
    }
}

impl<T> Future for Operation<T> {
    type Output = Result<T, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(context)
    }
}

impl<T> fmt::Debug for Operation<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Operation").finish_non_exhaustive()
    }
}
