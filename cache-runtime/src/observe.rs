//! Switches around a call: `bypass`, `refresh`, and `observe`, which tells how the call was answered.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;

use crate::context::{self, Mode};
use crate::observation::{Observation, Observer};

/// Runs `future` with every cached call in it neither reading nor writing the cache.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use cache_runtime::{cached, bypass};
///
/// #[cached(key = "square:{n}", ttl = "1m")]
/// async fn square(n: u64) -> u64 { n * n }
///
/// assert_eq!(bypass(square(3)).await, 9);
/// # }
/// ```
///
/// # Cancel safety
///
/// As cancel safe as `future`.
pub async fn bypass<F: Future>(future: F) -> F::Output {
    context::within(|context| context.mode = Mode::Bypass, pin!(future)).await
}

/// Runs `future` with every cached call in it loading anew and storing what it loaded.
///
/// The way to put a value that is known to have changed in the source outside of this program. Keeps the same
/// promise as any load: the stamps are read before the body runs. Other processes are told, and read the new value from
/// Redis. It is no invalidation: where the new value cannot be stored, the old one stays.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
/// use cache_runtime::{Cache, cached, refresh};
///
/// static RATE: AtomicU64 = AtomicU64::new(1); // somebody else's
///
/// #[cached(key = "rate", ttl = "1h")]
/// async fn rate() -> u64 { RATE.load(SeqCst) }
///
/// Cache::local().scope(async {
///     assert_eq!(rate().await, 1);
///     RATE.store(2, SeqCst);
///     assert_eq!(rate().await, 1);
///     assert_eq!(refresh(rate()).await, 2);
///     assert_eq!(rate().await, 2);
/// }).await;
/// # }
/// ```
///
/// # Cancel safety
///
/// As cancel safe as `future`. What it has loaded by then is stored all the same, in the background.
pub async fn refresh<F: Future>(future: F) -> F::Output {
    context::within(|context| context.mode = Mode::Refresh, pin!(future)).await
}

/// Runs `future` and tells how the outermost cached call in it was answered (the last one, if there are several).
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use cache_runtime::{Cache, Source, cached, observe};
///
/// #[cached(key = "cube:{n}", ttl = "1m")]
/// async fn cube(n: u64) -> u64 { n * n * n }
///
/// Cache::local().scope(async {
///     assert_eq!(observe(cube(2)).await.1.source, Source::Loaded);
///     assert_eq!(observe(cube(2)).await.1.source, Source::Local);
/// }).await;
/// # }
/// ```
///
/// # Cancel safety
///
/// As cancel safe as `future`.
pub async fn observe<F: Future>(future: F) -> (F::Output, Observation) {
    let observer = Arc::new(Observer::default());
    let inside = Arc::clone(&observer);
    let output = context::within(|context| context.observer = Some(inside), pin!(future)).await;
    (output, observer.get())
}
