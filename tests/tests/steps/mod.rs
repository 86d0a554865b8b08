//! Steps that tests of several caches over one server have in common.

use std::time::Duration;

use cache_runtime::{Cache, CacheBuilder};

/// Looks again and again, for far longer than a loaded machine needs.
#[track_caller]
pub(crate) fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) -> impl Future<Output = ()> {
    let place = std::panic::Location::caller();
    async move {
        for _ in 0..4000 {
            if holds().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("waited in vain at {place}: {what}");
    }
}

/// A cache whose in-process tier is vouched for: what it loads from now on is kept.
pub(crate) async fn listening(builder: CacheBuilder) -> Cache {
    let cache = builder.build().expect("the settings are in order");
    hears(&cache).await;
    cache
}

/// Waits until the in-process tier is vouched for.
pub(crate) async fn hears(cache: &Cache) {
    eventually("the server is heard", async || {
        let _ = cache.ping().await;
        cache.health().local.is_some_and(|local| !local.vouched_for.is_zero())
    })
    .await;
}
