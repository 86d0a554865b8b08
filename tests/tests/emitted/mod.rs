//! A program whose metrics are recorded, and functions that are answered in every way there is.

pub(crate) mod exposition;

use std::time::Duration;

use cache_runtime::{Cache, bypass, cached, invalidates};
use serde::{Deserialize, Serialize};
use tests::{Mode, Proxy, RedisServer};

use super::steps::{TTL, alone, becomes, is_idle, listening, patient};

#[cached(key = "emitted:{n}", ttl = "1m", negative_ttl = "1m", tags = ["emitted"])]
pub(crate) async fn found(n: u64) -> Option<u64> {
    tokio::time::sleep(Duration::from_millis(5)).await;
    (n > 0).then_some(n)
}

#[cached(key = "failing:{n}", ttl = "1m")]
pub(crate) async fn failing(n: u64) -> Result<u64, String> {
    Err(format!("{n} is not to be had"))
}

/// Larger than the caches here take.
#[cached(key = "large:{n}", ttl = "1m")]
pub(crate) async fn large(n: u64) -> Vec<u64> {
    vec![n; 10_000]
}

/// What bincode cannot bring back.
#[derive(Clone, Serialize, Deserialize, PartialEq, Debug)]
pub(crate) struct Sparse {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) first: Option<u64>,
    pub(crate) second: u64,
}

#[cached(key = "sparse:{n}", ttl = "1m")]
pub(crate) async fn sparse(n: u64) -> Sparse {
    Sparse { first: None, second: n }
}

/// Cannot be rendered.
#[derive(Clone)]
pub(crate) struct Unkeyed;

impl Serialize for Unkeyed {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("it has no key"))
    }
}

#[cached(key = "unkeyed:{by:hash}", ttl = "1m")]
pub(crate) async fn unkeyed(by: Unkeyed) -> u64 {
    1
}

/// Invalidated while it is loaded.
#[cached(key = "overtaken:{n}", ttl = "1m")]
pub(crate) async fn overtaken(n: u64) -> u64 {
    forget_overtaken(n).await;
    n
}

#[invalidates(overtaken(n))]
pub(crate) async fn forget_overtaken(n: u64) {}

#[invalidates(tags = ["emitted"])]
pub(crate) async fn forget() {}

/// What [`everything`] leaves behind.
pub(crate) struct Scene {
    /// Over the server, with an in-process tier that is vouched for.
    pub(crate) cache: Cache,
    /// Whose server cannot be reached any more; it owes invalidations.
    pub(crate) cut_off: Cache,
    _server: RedisServer,
    _proxy: Proxy,
}

/// Calls and invalidations of every kind.
pub(crate) async fn everything(namespace: &str) -> Scene {
    exposition::record();
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port());
    let small = |url: String| patient(namespace, url).max_entry_bytes(10_000);
    let cache = listening(small(server.url())).await;
    let cut_off = alone(small(proxy.url()).namespace(format!("{namespace}-cut-off"))).await;
    for cache in [&cache, &cut_off] {
        // Loaded, and a hit, from this process or from Redis.
        for _ in 0..2 {
            cache.scope(found(0)).await;
            cache.scope(found(1)).await;
            is_idle(cache).await;
        }
    }
    let (one, other) = tokio::join!(cache.scope(found(2)), cache.scope(found(2)));
    assert_eq!(one, other);
    cache.scope(bypass(found(1))).await;
    cache.scope(found::peek(99)).await.expect("up");
    cache.scope(failing(1)).await.expect_err("it fails");
    cache.scope(large(1)).await;
    cache.scope(sparse(1)).await;
    cache.scope(unkeyed(Unkeyed)).await;
    cache.scope(overtaken(1)).await;
    cache.put("by hand", &1u64, TTL).await.expect("up");
    assert_eq!(cache.get::<u64>("by hand").await.expect("up"), Some(1));
    cache.scope(forget()).await;
    cache.remove(["by hand"]).await.expect("up");
    is_idle(&cache).await;
    proxy.set(Mode::Refuse);
    proxy.kill_connections();
    becomes(&cut_off, "the breaker is open", async || {
        cut_off.scope(found(1)).await;
        !cut_off.health().available
    })
    .await;
    cut_off.scope(forget()).await;
    cut_off.remove(["by hand"]).await.expect_err("it is down");
    Scene { cache, cut_off, _server: server, _proxy: proxy }
}
