//! What is stored and what is not: errors, `None`, other types, values that are too large or do not survive.

mod steps;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use cache_runtime::{Cache, CacheBuilder, CacheCodec, ErrorKind, Key, Source, bypass, cached, observe, refresh};
use serde::{Deserialize, Serialize};
use steps::tiers::on_each_tier;
use steps::{is_idle, patient};
use tests::RedisServer;

/// Where the second of two calls is answered from; the fill of the first is waited for.
async fn second<T, F: Future<Output = T>>(cache: &Cache, call: impl Fn() -> F) -> Source {
    cache.scope(call()).await;
    is_idle(cache).await;
    cache.scope(observe(call())).await.1.source
}

fn is_hit(source: Source) -> bool {
    matches!(source, Source::Local | Source::Redis)
}

type Aliased<T> = Result<T, String>;
type Deeper = Aliased<Option<u32>>;

#[cached(key = "alias:{n}", ttl = "1m")]
async fn aliased(n: u32) -> Deeper {
    match n {
        0 => Err("zero".to_owned()),
        1 => Ok(None),
        _ => Ok(Some(n)),
    }
}

#[cached(key = "negative:{n}", ttl = "1m", negative_ttl = "1m")]
async fn negative(n: u32) -> Option<u32> {
    (n > 1).then_some(n)
}

#[tokio::test]
async fn an_error_is_not_cached_through_any_alias_of_result() {
    on_each_tier(async |cache, _| {
        assert_eq!(second(&cache, || aliased(0)).await, Source::Loaded);
        assert!(is_hit(second(&cache, || aliased(2)).await));
    })
    .await;
}

#[tokio::test]
async fn none_is_cached_only_with_a_negative_ttl() {
    on_each_tier(async |cache, _| {
        assert_eq!(second(&cache, || aliased(1)).await, Source::Loaded);
        assert!(is_hit(second(&cache, || negative(1)).await));
        assert_eq!(cache.scope(negative(1)).await, None);
        assert!(is_hit(second(&cache, || negative(2)).await));
        assert_eq!(cache.scope(negative(2)).await, Some(2));
    })
    .await;
}

mod first {
    #[cache_runtime::cached(ttl = "1m")]
    pub(crate) async fn same_name(n: u32) -> u32 {
        n + 1
    }
}

mod second_module {
    #[cache_runtime::cached(ttl = "1m")]
    pub(crate) async fn same_name(n: u32) -> u32 {
        n + 2
    }
}

#[tokio::test]
async fn functions_of_one_name_in_two_modules_do_not_share_keys() {
    on_each_tier(async |cache, _| {
        cache
            .scope(async {
                assert_eq!((first::same_name(1).await, second_module::same_name(1).await), (2, 3));
                assert_eq!((first::same_name(1).await, second_module::same_name(1).await), (2, 3));
            })
            .await;
    })
    .await;
}

/// One type in the release before, and in this one.
mod before {
    #[derive(Clone, serde::Serialize, serde::Deserialize)]
    pub(crate) struct User {
        pub(crate) id: u64,
        pub(crate) age: u64,
    }

    #[cache_runtime::cached(key = "deployed:{id}", ttl = "1m")]
    pub(crate) async fn user(id: u64) -> User {
        User { id, age: 30 }
    }
}

mod after {
    #[derive(Clone, serde::Serialize, serde::Deserialize)]
    pub(crate) struct User {
        pub(crate) age: u64,
        pub(crate) id: u64,
    }

    #[cache_runtime::cached(key = "deployed:{id}", ttl = "1m")]
    pub(crate) async fn user(id: u64) -> User {
        User { id, age: 30 }
    }

    #[cache_runtime::cached(key = "deployed:{id}", ttl = "1m", version = 2)]
    pub(crate) async fn newer(id: u64) -> User {
        User { id, age: 31 }
    }
}

#[tokio::test]
async fn entries_of_a_type_that_changed_are_misses_and_never_garbage() {
    on_each_tier(async |cache, _| {
        let old = cache.scope(before::user(1)).await;
        assert_eq!((old.id, old.age), (1, 30));
        is_idle(&cache).await;
        // The bytes would decode, with the fields exchanged.
        let (new, seen) = cache.scope(observe(after::user(1))).await;
        assert_eq!((new.id, new.age, seen.source), (1, 30, Source::Loaded));
        is_idle(&cache).await;
        assert!(is_hit(cache.scope(observe(after::user(1))).await.1.source));
        assert_eq!(cache.scope(after::newer(1)).await.age, 31, "a new version makes older entries misses");
    })
    .await;
}

#[cached(key = "large:{n}", ttl = "1m")]
async fn large(n: usize) -> String {
    "x".repeat(n)
}

#[tokio::test]
async fn a_value_over_the_limit_is_returned_and_not_stored() {
    let server = RedisServer::start();
    let build = |builder: CacheBuilder| builder.max_entry_bytes(10_000).build().expect("in order");
    for cache in [build(Cache::builder()), build(patient("large", server.url()))] {
        assert!(is_hit(second(&cache, || large(9_000)).await));
        assert_eq!(second(&cache, || large(11_000)).await, Source::Loaded);
        assert_eq!(cache.scope(large(11_000)).await.len(), 11_000);
        let refused = cache.put("k", &"x".repeat(11_000), Duration::from_secs(1)).await.expect_err("too large");
        assert_eq!(refused.kind(), ErrorKind::TooLarge);
        assert!(refused.to_string().contains("`max_entry_bytes` is 10000"), "{refused}");
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Skipping {
    #[serde(skip_serializing_if = "Option::is_none")]
    nick: Option<u8>,
    age: Option<u8>,
}

const SKIPPING: Skipping = Skipping { nick: None, age: Some(3) };

#[cached(key = "skipping:{n}", ttl = "1m")]
async fn skipping(n: u8) -> Skipping {
    let _ = n;
    SKIPPING
}

#[cached(key = "skipping-json:{n}", ttl = "1m", codec = cache_runtime::codec::Json)]
async fn skipping_as_json(n: u8) -> Skipping {
    let _ = n;
    SKIPPING
}

#[tokio::test]
async fn a_type_that_does_not_survive_the_codec_is_returned_and_never_stored() {
    let server = RedisServer::start();
    let cache = patient("unfit", server.url()).build().expect("in order");
    for n in 0..20 {
        assert_eq!(cache.scope(skipping(n)).await, SKIPPING);
        is_idle(&cache).await;
    }
    let stored: Vec<String> = server.query(&["KEYS", "unfit:e:*"]);
    assert!(stored.is_empty(), "{stored:?}");
    let counts = cache
        .stats()
        .functions
        .into_iter()
        .find(|stats| stats.function.ends_with("::skipping"))
        .expect("called")
        .counts;
    assert_eq!((counts.unfit, counts.fills), (20, 0));
    assert!(is_hit(second(&cache, || skipping_as_json(1)).await));
    assert_eq!(cache.scope(skipping_as_json(1)).await, SKIPPING);
}

#[cached(key = "unencodable:{n}", ttl = "1m", codec = cache_runtime::codec::Json)]
async fn unencodable(n: u8) -> HashMap<(u8, u8), u8> {
    HashMap::from([((n, n), n)])
}

#[tokio::test]
async fn a_value_that_cannot_be_encoded_is_returned() {
    let server = RedisServer::start();
    let cache = patient("unencodable", server.url()).build().expect("in order");
    for _ in 0..3 {
        assert_eq!(cache.scope(unencodable(1)).await.len(), 1, "JSON has no map with such keys");
        is_idle(&cache).await;
    }
}

#[tokio::test]
async fn each_codec_is_a_default_that_works() {
    let server = RedisServer::start();
    for codec in [CacheCodec::Bincode, CacheCodec::Postcard, CacheCodec::Json, CacheCodec::MessagePack] {
        let cache = patient("codecs", server.url()).codec(codec).build().expect("in order");
        let value = HashMap::from([("a".to_owned(), vec![Some(1.5), None]), ("b".to_owned(), vec![])]);
        assert_eq!(
            cache.get::<HashMap<String, Vec<Option<f64>>>>("k").await.expect("up"),
            None,
            "written by another codec"
        );
        cache.put("k", &value, Duration::from_secs(9)).await.expect("up");
        assert_eq!(cache.get("k").await.expect("up"), Some(value));
    }
}

#[cached(key = "shared:{n}", ttl = "1m")]
async fn shared(n: u8) -> Arc<Vec<u8>> {
    Arc::new(vec![n; 100])
}

#[tokio::test]
async fn an_arc_is_shared_in_process_and_stored_like_its_value() {
    let cache = Cache::local();
    let (one, other) = (cache.scope(shared(1)).await, cache.scope(shared(1)).await);
    assert!(Arc::ptr_eq(&one, &other));
    on_each_tier(async |cache, _| {
        assert!(is_hit(second(&cache, || shared(2)).await));
    })
    .await;
}

#[cached(key = "count:{n}", ttl = "1m", tags = ["counts"], skip(counter))]
async fn count(counter: &std::sync::atomic::AtomicU32, n: u8) -> u32 {
    let _ = n;
    counter.fetch_add(1, std::sync::atomic::Ordering::SeqCst)
}

#[tokio::test]
async fn bypass_leaves_the_cache_alone_and_refresh_replaces_what_it_holds() {
    on_each_tier(async |cache, _| {
        let counter = std::sync::atomic::AtomicU32::new(0);
        cache
            .scope(async {
                assert_eq!(bypass(count(&counter, 1)).await, 0);
                assert_eq!(count(&counter, 1).await, 1, "bypass stored nothing");
                is_idle(&Cache::current()).await;
                assert_eq!(count(&counter, 1).await, 1);
                assert_eq!(bypass(count(&counter, 1)).await, 2, "bypass reads nothing");
                assert_eq!(count(&counter, 1).await, 1);
                let (value, seen) = observe(refresh(count(&counter, 1))).await;
                assert_eq!((value, seen.source), (3, Source::Loaded));
                is_idle(&Cache::current()).await;
                assert_eq!(count(&counter, 1).await, 3, "refresh stored");
            })
            .await;
    })
    .await;
}

#[tokio::test]
async fn companions_read_and_write_what_the_function_does() {
    on_each_tier(async |cache, _| {
        cache
            .scope(async {
                assert_eq!(negative::key(7).as_str(), "negative:7");
                assert_eq!(negative::peek(7).await.expect("up"), None);
                negative::put(7, 70).await.expect("up");
                assert_eq!(negative::peek(7).await.expect("up"), Some(Some(70)));
                assert_eq!(negative(7).await, Some(70));
                negative::put(8, None).await.expect("up");
                assert_eq!(negative::peek(8).await.expect("up"), Some(None));
                negative::invalidate(7).await.expect("up");
                assert_eq!(negative(7).await, Some(7));
                aliased::put(9, 90).await.expect("up");
                assert_eq!(aliased(9).await, Ok(Some(90)));
                assert_eq!(Cache::current().get::<Option<u32>>(aliased::key(9)).await.expect("up"), Some(Some(90)));
            })
            .await;
    })
    .await;
}

#[tokio::test]
async fn two_caches_are_as_two_processes() {
    let (one, other) = (Cache::local(), Cache::local());
    one.put("k", &1, Duration::from_secs(60)).await.expect("in process");
    assert_eq!(other.get::<i32>("k").await.expect("in process"), None);
    let key = Key::new("k");
    assert_eq!(one.get::<i32>(&key).await.expect("in process"), Some(1));
    assert_eq!(one.get::<u32>(&key).await.expect("in process"), None, "stored as another type");
}
