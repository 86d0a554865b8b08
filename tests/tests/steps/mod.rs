//! Steps that tests of several caches over servers have in common.

#![allow(dead_code, reason = "each test program takes those that it needs")]

pub(crate) mod envelope;
#[cfg(feature = "checker")]
pub(crate) mod mutated;
pub(crate) mod prices;
pub(crate) mod process;
pub(crate) mod rows;
pub(crate) mod table;
pub(crate) mod tiers;
pub(crate) mod topologies;
pub(crate) mod users;
pub(crate) mod warnings;

use std::convert::Infallible;
use std::time::Duration;

use cache_runtime::{Cache, CacheBuilder, Key, Source, observe};

pub(crate) const TTL: Duration = Duration::from_secs(60);

/// A cache whose clocks no loaded machine beats: nothing takes as long, so what a test says of sources and counts
/// holds. Where a shorter time is the subject, the test sets it.
pub(crate) fn patient(namespace: &str, url: impl Into<String>) -> CacheBuilder {
    let builder = Cache::builder().namespace(namespace).redis(url);
    builder.budget(Duration::from_secs(5)).lease(Duration::from_secs(3))
}

/// Waits until it holds. If it never does, the state of the cache is told.
#[track_caller]
pub(crate) fn becomes(cache: &Cache, what: &str, holds: impl AsyncFnMut() -> bool) -> impl Future<Output = ()> {
    /// Made when it is shown.
    struct State<'a>(&'a str, Cache);

    impl std::fmt::Display for State<'_> {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "{}: {:?} {:?}", self.0, self.1.health(), self.1.stats().total())
        }
    }

    tests::eventually(State(what, cache.clone()), holds)
}

/// A cache over Redis alone that has reached its servers: how long it may take until then is none of its settings.
pub(crate) async fn alone(builder: CacheBuilder) -> Cache {
    let cache = builder.local_tier(false).build().expect("the settings are in order");
    answers(&cache).await;
    cache
}

/// Waits until each server answers.
pub(crate) async fn answers(cache: &Cache) {
    becomes(cache, "the server answers", async || cache.ping().await.is_ok()).await;
}

/// A cache whose in-process tier is vouched for: what it loads from now on is kept.
pub(crate) async fn listening(builder: CacheBuilder) -> Cache {
    let cache = builder.build().expect("the settings are in order");
    hears(&cache).await;
    cache
}

/// Waits until the in-process tier is vouched for.
pub(crate) async fn hears(cache: &Cache) {
    becomes(cache, "the server is heard", async || {
        // The first request has the servers looked for, and listened to.
        let _ = cache.ping().await;
        is_vouched_for(cache)
    })
    .await;
}

pub(crate) fn is_vouched_for(cache: &Cache) -> bool {
    cache.health().local.is_some_and(|local| !local.vouched_for.is_zero())
}

/// Which epoch the in-process tier is in.
pub(crate) fn epoch(cache: &Cache) -> u64 {
    cache.health().local.expect("it has a tier").epoch
}

/// Whether the subscriber has no permission, or the server no subscribers.
pub(crate) fn is_denied(cache: &Cache) -> bool {
    cache.health().local.expect("it has a tier").denied
}

/// What a call is answered, `value` if it loads, and from where.
pub(crate) async fn load(cache: &Cache, key: impl Into<Key>, value: u64) -> (u64, Source) {
    let (value, seen) = observe(cache.get_or_load(key, TTL, || async { Ok::<_, Infallible>(value) })).await;
    (value.expect("the loader does not fail, and the cache's trouble is not the caller's"), seen.source)
}

/// Waits until nothing is written any more in the background.
pub(crate) async fn is_idle(cache: &Cache) {
    cache.shutdown().await.expect("nothing is owed");
}
