//! Each place where a cache keeps values: they make the same promises.

use cache_runtime::{Cache, CacheBuilder, Source};
use tests::RedisServer;

use super::{alone, listening, patient};

/// In process, over Redis, and both; the test is told where hits come from.
pub(crate) async fn on_each_tier(test: impl AsyncFn(Cache, Source)) {
    on_each_tier_with(|builder| builder, test).await;
}

/// The same, of caches with more settings.
pub(crate) async fn on_each_tier_with(
    settings: impl Fn(CacheBuilder) -> CacheBuilder,
    test: impl AsyncFn(Cache, Source),
) {
    let server = RedisServer::start();
    let over_redis = || settings(patient("tier", server.url()));
    println!("in process");
    test(settings(Cache::builder()).build().expect("in order"), Source::Local).await;
    println!("over Redis");
    test(alone(over_redis()).await, Source::Redis).await;
    server.command(&["FLUSHALL"]);
    println!("in process over Redis");
    test(listening(over_redis()).await, Source::Local).await;
}
