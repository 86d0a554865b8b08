//! Trouble of the server is not trouble of the service: the function's own result, within the budget, counted, and
//! normal service again soon after the server is back.

#![expect(clippy::disallowed_methods, reason = "the budget is what is tested; bounds are far above it")]

mod steps;

use std::time::{Duration, Instant};

use cache_runtime::{Cache, ErrorKind, Source, cached, invalidates, observe};
use steps::{TTL, becomes, patient};
use tests::{FakeRedis, Mode, Proxy, RedisServer, reply};

#[cached(key = "double:{n}", ttl = "1m", tags = ["doubles"])]
async fn double(n: u64) -> u64 {
    n * 2
}

#[invalidates(tags = ["doubles"])]
async fn forget_doubles() -> &'static str {
    "done"
}

fn cache(url: impl Into<String>) -> Cache {
    patient("outage", url).local_tier(false).build().expect("in order")
}

/// Calls until the cache answers again.
async fn back_in_service(cache: &Cache) {
    becomes(cache, "back in service", async || {
        let (value, seen) = cache.scope(observe(double(21))).await;
        assert_eq!(value, 42);
        !seen.fail_open
    })
    .await;
}

/// A hit, once the fill in the background has arrived.
async fn becomes_a_hit(cache: &Cache) {
    becomes(cache, "a hit", async || cache.scope(observe(double(21))).await.1.source == Source::Redis).await;
}

#[tokio::test]
async fn a_server_that_is_down_at_the_start_costs_nobody_an_error() {
    let mut server = RedisServer::start();
    server.kill();
    let cache = cache(server.url());
    for n in 0..50 {
        let (value, seen) = cache.scope(observe(double(n))).await;
        assert_eq!((value, seen.fail_open), (n * 2, true));
    }
    assert!(!cache.health().available);
    assert!(cache.health().last_error.is_some());
    assert_eq!(cache.stats().breaker_opened, 1, "one change of state, however many calls");
    server.restart();
    back_in_service(&cache).await;
    becomes_a_hit(&cache).await;
    assert!(cache.health().available);
}

#[tokio::test]
async fn a_server_that_restarts_is_used_again_without_a_restart_of_the_program() {
    let mut server = RedisServer::start();
    let cache = cache(server.url());
    back_in_service(&cache).await;
    becomes_a_hit(&cache).await;
    for _ in 0..3 {
        server.kill();
        assert_eq!(cache.scope(double(21)).await, 42);
        server.restart();
        back_in_service(&cache).await;
        becomes_a_hit(&cache).await;
    }
}

/// Of this test alone: the counters of a function are those of all caches in the process.
#[cached(key = "triple:{n}", ttl = "1m")]
async fn triple(n: u64) -> u64 {
    n * 3
}

#[tokio::test]
async fn a_black_hole_costs_the_budget_once() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port());
    let budget = Duration::from_millis(400);
    let cache = patient("outage", proxy.url()).local_tier(false).budget(budget).build().expect("in order");
    back_in_service(&cache).await;
    let timeouts = || {
        let functions = cache.stats().functions;
        let triple = functions.iter().find(|stats| stats.function.ends_with("::triple"));
        triple.map_or(0, |stats| stats.counts.timeouts)
    };
    proxy.set(Mode::BlackHole);
    let started = Instant::now();
    assert_eq!(cache.scope(triple(21)).await, 63);
    assert!(started.elapsed() >= budget, "{:?}", started.elapsed());
    assert_eq!(timeouts(), 1, "one call waited");
    let started = Instant::now();
    for n in 0..1000 {
        let (value, seen) = cache.scope(observe(triple(n))).await;
        assert_eq!((value, seen.fail_open), (n * 3, true));
    }
    assert_eq!(timeouts(), 1, "nobody else did");
    assert!(started.elapsed() < 25 * budget, "a thousand calls took {:?}", started.elapsed());
    proxy.set(Mode::Pass);
    proxy.kill_connections();
    back_in_service(&cache).await;
    becomes_a_hit(&cache).await;
}

#[tokio::test]
async fn replies_that_are_errors_cost_nobody_an_error() {
    for error in [
        "LOADING Redis is loading the dataset in memory",
        "READONLY You can't write against a read only replica.",
        "OOM command not allowed when used memory > 'maxmemory'.",
        "NOAUTH Authentication required.",
        "MOVED 3999 127.0.0.1:6381",
        "ERR something odd",
        "BUSY Redis is busy running a script.",
    ] {
        let server = FakeRedis::start(move |_| reply::error(error));
        let cache = cache(server.url());
        for n in 0..20 {
            let (value, seen) = cache.scope(observe(double(n))).await;
            assert_eq!((value, seen.fail_open), (n * 2, true), "{error}");
        }
        assert_eq!(cache.scope(forget_doubles()).await, "done", "{error}");
        let refused = cache.get::<u64>("double:1").await.expect_err("the server answers nothing else");
        assert!(matches!(refused.kind(), ErrorKind::Refused | ErrorKind::Unavailable), "{error}: {refused:?}");
    }
}

#[tokio::test]
async fn a_server_that_needs_a_password_says_so_without_showing_one() {
    let server = RedisServer::with_args(&["--requirepass", "hunter2"]);
    let wrong = cache(format!("redis://:hunter3@127.0.0.1:{}", server.port()));
    assert_eq!(wrong.scope(double(4)).await, 8);
    let shown = format!("{:?} {:?} {:?}", wrong, wrong.health(), wrong.ping().await);
    assert!(!shown.contains("hunter"), "{shown}");
    let right = cache(format!("redis://:hunter2@127.0.0.1:{}", server.port()));
    back_in_service(&right).await;
}

#[tokio::test]
async fn a_connection_that_closes_in_the_middle_of_a_reply_is_a_miss_at_worst() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port());
    let cache = cache(proxy.url());
    back_in_service(&cache).await;
    becomes_a_hit(&cache).await;
    for bytes in 1..30 {
        proxy.set(Mode::CloseMidReply(bytes));
        assert_eq!(cache.scope(double(21)).await, 42);
        proxy.set(Mode::Pass);
        assert_eq!(cache.scope(double(21)).await, 42);
    }
    back_in_service(&cache).await;
    becomes_a_hit(&cache).await;
}

#[tokio::test]
async fn a_full_server_still_takes_invalidations() {
    let server = RedisServer::start();
    let cache = cache(server.url());
    back_in_service(&cache).await;
    becomes_a_hit(&cache).await;
    server.command(&["CONFIG", "SET", "maxmemory", "1"]);
    assert_eq!(cache.scope(observe(double(21))).await.1.source, Source::Redis, "hits go on");
    cache.invalidate_tags(["doubles"]).await.expect("UNLINK works when SET does not");
    let (value, seen) = cache.scope(observe(double(21))).await;
    assert_eq!((value, seen.source), (42, Source::Bypassed));
}

#[tokio::test]
async fn an_invalidation_that_could_not_be_delivered_is_honoured_here_and_delivered_later() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port());
    let (here, elsewhere) = (cache(proxy.url()), cache(server.url()));
    back_in_service(&here).await;
    becomes_a_hit(&here).await;
    proxy.set(Mode::Reset);
    assert_eq!(here.scope(forget_doubles()).await, "done");
    assert_eq!(here.health().owed, 1);
    assert_eq!(elsewhere.scope(observe(double(21))).await.1.source, Source::Redis, "nobody told the server yet");
    proxy.set(Mode::Pass);
    here.shutdown().await.expect("delivered");
    assert_eq!(here.health().owed, 0);
    assert_eq!(elsewhere.scope(observe(double(21))).await.1.source, Source::Loaded);
}

#[tokio::test]
async fn an_invalidation_that_is_owed_is_not_served_by_this_process() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port());
    let cache = patient("owed", proxy.url()).build().expect("in order");
    cache.put("a", &1, TTL).await.expect("up");
    assert_eq!(cache.get::<i32>("a").await.expect("up"), Some(1));
    proxy.set(Mode::Reset);
    cache.remove(["a"]).await.expect_err("not delivered");
    proxy.set(Mode::Pass);
    becomes(&cache, "it is answered", async || {
        let found = cache.get::<i32>("a").await;
        assert!(!matches!(found, Ok(Some(_))), "removed before: {found:?}");
        found.is_ok()
    })
    .await;
    cache.shutdown().await.expect("delivered");
    assert_eq!(server.keys(), Vec::<String>::new());
}

#[tokio::test]
async fn a_queue_that_overflows_becomes_one_invalidation_of_the_namespace() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port());
    let build = |namespace: &str| patient(namespace, proxy.url()).owed_limit(3).build().expect("in order");
    let (cache, neighbour) = (build("full"), build("neighbour"));
    for n in 0..10 {
        cache.put(format!("k{n}"), &n, TTL).await.expect("up");
    }
    neighbour.put("k", &1, TTL).await.expect("up");
    proxy.set(Mode::Refuse);
    proxy.kill_connections();
    for n in 0..5 {
        cache.remove([format!("k{n}")]).await.expect_err("not delivered");
    }
    proxy.set(Mode::Pass);
    cache.shutdown().await.expect("delivered");
    assert_eq!(server.keys(), ["neighbour:e:k"]);
}

#[tokio::test]
async fn a_dropped_mutation_invalidates_all_the_same() {
    #[invalidates(tags = ["doubles"])]
    async fn slow_mutation() {
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    let server = RedisServer::start();
    let cache = cache(server.url());
    back_in_service(&cache).await;
    becomes_a_hit(&cache).await;
    let _ = tokio::time::timeout(Duration::from_millis(20), cache.scope(slow_mutation())).await;
    cache.shutdown().await.expect("delivered");
    assert_eq!(cache.scope(observe(double(21))).await.1.source, Source::Loaded);
}
