//! The methods of a cache, the same on each tier.

mod steps;

use std::io;
use std::time::Duration;

use cache_runtime::{Cache, ErrorKind, Key};
use steps::{TTL, patient};
use tests::RedisServer;

async fn on_each_tier(test: impl AsyncFn(Cache) -> Result<(), cache_runtime::Error>) {
    steps::tiers::on_each_tier(async |cache, _| test(cache).await.expect("up")).await;
}

#[tokio::test]
async fn values_are_put_got_and_removed() {
    on_each_tier(async |cache| {
        cache.put("a", &1, TTL).await?;
        cache.put_many([("b", 2), ("c", 3)], TTL).await?;
        assert_eq!(cache.get_many::<i32>(["a", "x", "c", "b"]).await?, [Some(1), None, Some(3), Some(2)]);
        assert_eq!(cache.remove(["a", "x", "b"]).await?, 2);
        assert_eq!(cache.get::<i32>("a").await?, None);
        assert!(cache.exists("c").await?);
        assert!(!cache.exists("a").await?);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn many_values_are_judged_by_their_own_tags() {
    on_each_tier(async |cache| {
        let keys = [Key::new("a").tag("x").tag("y"), Key::new("b"), Key::new("c").tag("y")];
        for (value, key) in keys.iter().enumerate() {
            cache.put(key, &value, TTL).await?;
        }
        cache.invalidate_tags(["x"]).await?;
        assert_eq!(cache.get_many::<usize>(&keys).await?, [None, Some(1), Some(2)]);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn lifetimes_are_told_changed_and_end() {
    on_each_tier(async |cache| {
        cache.put("k", &1, Duration::from_secs(5)).await?;
        let left = cache.ttl("k").await?.expect("there");
        assert!(left <= Duration::from_secs(5), "{left:?}");
        assert!(cache.touch("k", TTL).await?);
        let left = cache.ttl("k").await?.expect("there");
        assert!(left > Duration::from_secs(50), "{left:?}");
        assert!(!cache.touch("other", TTL).await?);
        assert_eq!(cache.ttl("other").await?, None);
        cache.put("short", &1, Duration::from_millis(20)).await?;
        tokio::time::sleep(Duration::from_millis(60)).await;
        assert_eq!(cache.get::<i32>("short").await?, None);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn patterns_pick_as_redis_does_and_clear_takes_the_rest() {
    on_each_tier(async |cache| {
        for key in ["user:1", "user:2", "users", "org:1", "a*b", "axb"] {
            cache.put(key, &1, TTL).await?;
        }
        assert_eq!(cache.remove_matching("user:*").await?, 2);
        assert_eq!(cache.remove_matching(r"a\*b").await?, 1);
        assert_eq!(
            cache.get_many::<i32>(["users", "org:1", "axb", "user:1"]).await?,
            [Some(1), Some(1), Some(1), None]
        );
        cache.clear().await?;
        assert_eq!(cache.get_many::<i32>(["users", "org:1"]).await?, [None, None]);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn clear_leaves_other_namespaces_alone() {
    let server = RedisServer::start();
    let build = |namespace: &str| patient(namespace, server.url()).build().expect("in order");
    // Also those that the first one, read as a pattern, would match.
    let caches = ["a*", "ab", "a"].map(build);
    for cache in &caches {
        cache.put(Key::new("k").tag("t"), &1, TTL).await.expect("up");
    }
    server.command(&["SET", "somebody", "else's"]);
    caches[0].clear().await.expect("up");
    assert!(!caches[0].exists(Key::new("k").tag("t")).await.expect("up"));
    assert!(caches[1].exists(Key::new("k").tag("t")).await.expect("up"));
    assert!(caches[2].exists(Key::new("k").tag("t")).await.expect("up"));
    assert!(server.query::<bool>(&["EXISTS", "somebody"]));
}

#[tokio::test]
async fn a_failing_loader_is_the_source_of_the_error() {
    on_each_tier(async |cache| {
        let failed =
            cache.get_or_load::<u8, _, _, _>("k", TTL, || async { Err(io::Error::other("disk on fire")) }).await;
        let error = failed.expect_err("the loader failed");
        assert_eq!(error.kind(), ErrorKind::Load);
        assert!(error.to_string().contains("disk on fire"), "{error}");
        let source = std::error::Error::source(&error).expect("the loader's");
        assert!(source.downcast_ref::<io::Error>().is_some());
        let value = cache.get_or_load("k", TTL, || async { Ok::<_, io::Error>(7u8) }).await?;
        assert_eq!(value, 7);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_zero_ttl_is_refused_by_name() {
    on_each_tier(async |cache| {
        for error in [
            cache.put("k", &1, Duration::ZERO).await.expect_err("zero"),
            cache.touch("k", Duration::ZERO).await.expect_err("zero"),
            cache.get_or_load("k", Duration::ZERO, || async { Ok::<_, io::Error>(1) }).await.expect_err("zero"),
        ] {
            assert_eq!(error.kind(), ErrorKind::Argument);
            assert!(error.to_string().contains("`ttl` = 0"), "{error}");
        }
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn the_tier_and_its_state_are_told() {
    on_each_tier(async |cache| {
        cache.ping().await?;
        assert!(cache.health().available);
        cache.put("k", &1, TTL).await?;
        cache.get::<i32>("k").await?;
        cache.get::<i32>("x").await?;
        let direct = cache.stats().direct;
        assert_eq!((direct.local_hits + direct.redis_hits, direct.misses, direct.fills), (1, 1, 1));
        cache.shutdown().await
    })
    .await;
}
