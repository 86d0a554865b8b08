//! Warming: many calls of cached functions, a bounded number at a time, and what became of them.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::stream::{FuturesUnordered, StreamExt as _};

use crate::observation::{Observer, Source};
use crate::{Cache, context};

const CONCURRENCY: usize = 16;
/// After so many calls the other tasks of the thread have their turn: calls that are hits never wait.
const TURN: u64 = 32;

/// What became of the calls of a [`Cache::warm`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Warmed {
    /// The function ran, and its value was offered to the cache.
    pub loaded: u64,
    /// It was there already, or somebody else was loading it.
    pub present: u64,
    /// The function returned an error, or panicked.
    pub failed: u64,
    /// The function ran, and nothing was stored: the cache is in trouble or switched off, or no cached function was called.
    pub uncached: u64,
}

impl Warmed {
    /// How many calls have ended.
    pub fn calls(&self) -> u64 {
        self.loaded + self.present + self.failed + self.uncached
    }
}

/// Calls that are to be made, by [`Cache::warm`].
#[must_use = "nothing is called before `run`"]
pub struct Warm<'a, I> {
    cache: &'a Cache,
    calls: I,
    concurrency: usize,
    progress: Option<Progress<'a>>,
}

type Progress<'a> = Box<dyn FnMut(&Warmed) + Send + 'a>;

/// Warming.
impl Cache {
    /// Makes calls of cached functions so that their values are there: after a deployment, before traffic comes.
    ///
    /// `calls` are futures that each call a cached function. They are taken from the iterator as room is made, so it may be long. They
    /// use this cache, as inside of [`scope`](Self::scope). Nothing is called before [`run`](Warm::run).
    ///
    /// What is there is not loaded again; to load all of it anew, put [`refresh`](crate::refresh) around `run`.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use cache_runtime::{Cache, cached};
    ///
    /// #[cached(key = "user:{id}", ttl = "10m")]
    /// async fn get_user(id: u64) -> Result<String, String> {
    ///     if id == 3 { Err("no such user".into()) } else { Ok(format!("user {id}")) }
    /// }
    ///
    /// let cache = Cache::local();
    /// cache.scope(get_user(1)).await.unwrap();
    ///
    /// let mut seen = 0;
    /// let warmed = cache.warm((0..10).map(get_user)).concurrency(4).progress(|so_far| seen = so_far.calls()).run().await;
    /// assert_eq!((warmed.loaded, warmed.present, warmed.failed), (8, 1, 1));
    /// assert_eq!(seen, 10);
    /// # }
    /// ```
    pub fn warm<I>(&self, calls: I) -> Warm<'_, I::IntoIter>
    where
        I: IntoIterator,
        I::Item: Future,
    {
        Warm { cache: self, calls: calls.into_iter(), concurrency: CONCURRENCY, progress: None }
    }
}

impl<'a, I> Warm<'a, I>
where
    I: Iterator,
    I::Item: Future,
{
    /// How many calls are under way at a time; 0 is taken for 1. Default: 16.
    pub fn concurrency(mut self, calls: usize) -> Self {
        self.concurrency = calls.max(1);
        self
    }

    /// Called after each call, with what came of all of them so far.
    pub fn progress(mut self, tell: impl FnMut(&Warmed) + Send + 'a) -> Self {
        self.progress = Some(Box::new(tell));
        self
    }

    /// Makes the calls. An error or a panic of one of them is counted, and the others go on.
    ///
    /// Over Redis, what was loaded is stored in the background; [`Cache::shutdown`] waits for that.
    ///
    /// # Cancel safety
    ///
    /// Dropped, no further call is made, and those under way are dropped like any call: a load that others have joined is
    /// taken over by one of them. What was loaded stays.
    pub async fn run(self) -> Warmed {
        let Self { cache, calls, concurrency, mut progress } = self;
        let mut calls = calls.fuse();
        let mut under_way = FuturesUnordered::new();
        let mut warmed = Warmed::default();
        loop {
            while under_way.len() < concurrency
                && let Some(call) = calls.next()
            {
                under_way.push(watched(cache, call));
            }
            let Some(ended) = under_way.next().await else { return warmed };
            match ended {
                Ended::Failed => warmed.failed += 1,
                Ended::From(Source::Loaded) => warmed.loaded += 1,
                Ended::From(Source::Bypassed) => warmed.uncached += 1,
                Ended::From(_) => warmed.present += 1,
            }
            if let Some(tell) = &mut progress {
                tell(&warmed);
            }
            if warmed.calls().is_multiple_of(TURN) {
                tokio::task::yield_now().await;
            }
        }
    }
}

/// How a call ended.
enum Ended {
    Failed,
    From(Source),
}

async fn watched(cache: &Cache, call: impl Future) -> Ended {
    let observer = Arc::new(Observer::default());
    let (inside, cache) = (Arc::clone(&observer), cache.clone());
    let change = |context: &mut context::Context| {
        context.cache = Some(cache);
        context.observer = Some(inside);
    };
    let call = AssertUnwindSafe(async { drop(context::within(change, pin!(call)).await) });
    match call.catch_unwind().await {
        Ok(()) if !observer.failed() => Ended::From(observer.get().source),
        _ => Ended::Failed,
    }
}
