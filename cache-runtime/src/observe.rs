//! Switches around a call: `bypass`, `refresh`, and `observe`, which tells how the call was answered.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::context::{self, Mode};

/// Where the answer of a cached call came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
#[non_exhaustive]
pub enum Source {
    /// From this process's memory.
    Local,
    /// From Redis.
    Redis,
    /// From a load that another caller was already running.
    Joined,
    /// The function's body ran, and its value was offered to the cache.
    Loaded,
    /// The function's body ran, and the cache was left alone.
    #[default]
    Bypassed,
}

impl Source {
    /// Its name: `local`, `redis`, `joined`, `loaded` or `bypassed`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Redis => "redis",
            Self::Joined => "joined",
            Self::Loaded => "loaded",
            Self::Bypassed => "bypassed",
        }
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How the outermost cached call inside [`observe`] was answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Observation {
    /// Where the value came from; [`Source::Bypassed`] also when no cached call was made.
    pub source: Source,
    /// How long ago the value was loaded, by the wall clocks of the machines involved. `None` unless it was a hit.
    pub age: Option<Duration>,
    /// Whether the cache was in trouble and the function ran because of it.
    pub fail_open: bool,
}

#[derive(Default)]
pub(crate) struct Observer(Mutex<Observation>);

impl Observer {
    pub(crate) fn set(&self, observation: Observation) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = observation;
    }
}

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
/// promise as any load: the stamps are read before the body runs.
///
/// # Cancel safety
///
/// As cancel safe as `future`.
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
    let observation = *observer.0.lock().unwrap_or_else(PoisonError::into_inner);
    (output, observation)
}
