//! A program without the features `lz4` and `zstd` takes what others have compressed for misses, and says so once.

#![cfg(not(feature = "compression"))]

mod steps;

use std::convert::Infallible;

use cache_runtime::{Source, observe};
use steps::envelope::{LZ4, ZSTD, seal, set_flags};
use steps::warnings::Warnings;
use steps::{TTL, alone, is_idle, patient};
use tests::RedisServer;

#[tokio::test]
async fn a_compressed_entry_is_a_miss_and_said_once() {
    let server = RedisServer::start();
    let told = Warnings::collect();
    let cache = alone(patient("without", server.url())).await;
    let text = "some text".to_owned();
    for (flag, feature) in [(LZ4, "lz4"), (ZSTD, "zstd"), (LZ4, "lz4")] {
        cache.put("k", &text, TTL).await.expect("up");
        // The flag alone: what is behind it is not looked at.
        let mut envelope = server.get_raw("without:e:k").expect("it was put");
        set_flags(&mut envelope, flag);
        seal(&mut envelope);
        server.set_raw("without:e:k", &envelope);
        assert_eq!(cache.get::<String>("k").await.expect("a miss is no error"), None, "{feature}");
        let load = || async {
            let load = cache.get_or_load("k", TTL, || async { Ok::<_, Infallible>(text.clone()) });
            let (value, seen) = observe(load).await;
            assert_eq!(value.expect("the loader does not fail"), text);
            is_idle(&cache).await;
            seen.source
        };
        assert_eq!((load().await, load().await), (Source::Loaded, Source::Redis));
    }
    let told = told.so_far();
    assert!(matches!(&told[..], [one] if one.contains("without the feature `lz4`")), "{told:?}");
}
