//! Each place where a cache keeps values: they make the same promises.

use cache_runtime::{Cache, Source};
use tests::RedisServer;

use super::{alone, listening, patient};

/// In process, over Redis, and both; the test is told where hits come from.
pub(crate) async fn on_each_tier(test: impl AsyncFn(Cache, Source)) {
    let server = RedisServer::start();
    let over_redis = || patient("tier", server.url());
    println!("in process");
    test(Cache::local(), Source::Local).await;
    println!("over Redis");
    test(alone(over_redis()).await, Source::Redis).await;
    server.command(&["FLUSHALL"]);
    println!("in process over Redis");
    test(listening(over_redis()).await, Source::Local).await;
}
