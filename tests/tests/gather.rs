//! Reads of the same moment share a request; nobody waits for company, and nobody for one who has gone away.

mod steps;

use std::time::Duration;

use cache_runtime::{Cache, Key};
use futures::poll;
use steps::{TTL, alone, patient};
use tests::{FakeRedis, Mode, Proxy, RedisServer, reply};
use tokio::task::JoinSet;

/// How many callers on a thread send their own before they gather.
const ALONE: u64 = 4;

fn cache(url: impl Into<String>) -> Cache {
    patient("g", url).local_tier(false).build().expect("in order")
}

fn key(n: u64) -> Key {
    Key::new(format!("k{n}")).tag("all")
}

/// How many requests for values a server has had, and for how many names.
fn asked(server: &RedisServer) -> (u64, u64) {
    let stats: String = server.query(&["INFO", "stats"]);
    let count = |name: &str| {
        let line = stats.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')?.parse::<u64>().ok());
        line.expect("every server counts")
    };
    (server.calls_of(&["mget"]), count("keyspace_hits") + count("keyspace_misses"))
}

/// Lets each task run until it waits for the network.
async fn all_wait() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

async fn stored(cache: &Cache, keys: u64) {
    for n in 0..keys {
        cache.put(key(n), &n, TTL).await.expect("up");
    }
}

#[tokio::test]
async fn callers_of_one_moment_share_a_request_that_asks_for_each_name_once() {
    let server = RedisServer::start();
    let cache = cache(server.url());
    stored(&cache, 10).await;
    server.command(&["CONFIG", "RESETSTAT"]);
    server.pause();
    let mut callers = JoinSet::new();
    for n in 0..100 {
        let cache = cache.clone();
        callers.spawn(async move { (n % 10, cache.get::<u64>(key(n % 10)).await) });
    }
    all_wait().await;
    server.resume();
    while let Some(answered) = callers.join_next().await {
        let (n, value) = answered.expect("nobody panics");
        assert_eq!(value.expect("up"), Some(n));
    }
    // A few alone, each an entry and its tag, and one for the others: ten entries, and the tag once.
    assert_eq!(asked(&server), (ALONE + 1, ALONE * 2 + 11));
}

#[tokio::test]
async fn one_after_the_other_nobody_waits_for_company() {
    let server = RedisServer::start();
    let cache = cache(server.url());
    stored(&cache, 1).await;
    server.command(&["CONFIG", "RESETSTAT"]);
    for _ in 0..20 {
        assert_eq!(cache.get::<u64>(key(0)).await.expect("up"), Some(0));
    }
    assert_eq!(asked(&server), (20, 40));
}

#[tokio::test]
async fn who_leaves_is_not_waited_for() {
    let server = RedisServer::start();
    let cache = cache(server.url());
    stored(&cache, 10).await;
    server.pause();
    let call = |n| {
        let cache = cache.clone();
        tokio::spawn(async move { cache.get::<u64>(key(n)).await })
    };
    // Of those who ask themselves and of those who wait.
    let leaving: Vec<_> = (0..2 * ALONE).map(|n| call(n % 10)).collect();
    let staying: Vec<_> = (0..10).map(call).collect();
    all_wait().await;
    leaving.iter().for_each(tokio::task::JoinHandle::abort);
    server.resume();
    for (n, answered) in (0..10).zip(staying) {
        assert_eq!(answered.await.expect("nobody panics").expect("up"), Some(n));
    }
}

#[tokio::test]
async fn futures_that_nobody_polls_hold_nobody_up_for_good() {
    let server = RedisServer::start();
    stored(&cache(server.url()), 10).await;
    let cache = alone(patient("g", server.url()).budget(Duration::from_secs(2))).await;
    let mut forgotten: Vec<_> = (0..2 * ALONE).map(|n| Box::pin(cache.get::<u64>(key(n % 10)))).collect();
    for future in &mut forgotten {
        assert!(poll!(future).is_pending());
    }
    let mut answered = 0;
    for n in 0..10 {
        // The first one may find its budget used up by the wait.
        answered += u64::from(cache.get::<u64>(key(n)).await.is_ok_and(|value| value == Some(n)));
    }
    assert!(answered >= 9, "{answered} of 10");
    assert!(cache.health().available);
    drop(forgotten);
    assert_eq!(cache.get::<u64>(key(1)).await.expect("up"), Some(1));
}

#[test]
fn a_runtime_that_nobody_drives_holds_up_nobody_in_another() {
    let server = RedisServer::start();
    let cache = cache(server.url());
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().expect("in order");
    let (idle, driven) = (runtime(), runtime());
    // Where the connections live must be driven; they are dialed at the first call.
    driven.block_on(stored(&cache, 10));
    let mut left: Vec<_> = (0..3 * ALONE).map(|n| Box::pin(cache.get::<u64>(key(n % 10)))).collect();
    idle.block_on(async {
        for future in &mut left {
            assert!(poll!(future).is_pending());
        }
    });
    driven.block_on(async {
        let mut callers = JoinSet::new();
        for n in 0..3 * ALONE {
            let cache = cache.clone();
            callers.spawn(async move { (n % 10, cache.get::<u64>(key(n % 10)).await) });
        }
        while let Some(answered) = callers.join_next().await {
            let (n, value) = answered.expect("nobody panics");
            assert_eq!(value.expect("up"), Some(n));
        }
    });
}

#[tokio::test]
async fn a_request_that_fails_fails_those_who_share_it() {
    let server = FakeRedis::start(|command| match command {
        [name, names @ ..] if name.eq_ignore_ascii_case(b"MGET") => {
            match names.iter().any(|name| name.ends_with(b"bad")) {
                true => reply::error("ERR this one is bad"),
                false => [format!("*{}\r\n", names.len()).into_bytes(), b"$-1\r\n".repeat(names.len())].concat(),
            }
        }
        _ => reply::error("ERR unknown command"),
    });
    let proxy = Proxy::start(server.port());
    let cache = cache(proxy.url());
    cache.get::<u64>("first").await.expect("connected");
    proxy.set(Mode::Stall);
    let call = |name: &'static str| {
        let cache = cache.clone();
        tokio::spawn(async move { cache.get::<u64>(name).await })
    };
    let alone: Vec<_> = (0..ALONE).map(|_| call("a")).collect();
    all_wait().await;
    let shared = [call("c"), call("bad"), call("d")];
    all_wait().await;
    proxy.set(Mode::Pass);
    for answered in alone {
        assert_eq!(answered.await.expect("nobody panics").expect("answered"), None);
    }
    for answered in shared {
        let error = answered.await.expect("nobody panics").expect_err("it was refused");
        assert!(error.to_string().contains("this one is bad"), "{error}");
    }
    assert_eq!(cache.get::<u64>("e").await.expect("answered"), None);
}

#[tokio::test]
async fn large_values_are_asked_for_a_few_at_a_time() {
    let server = RedisServer::start();
    let cache = cache(server.url());
    let large = "x".repeat(100_000);
    for n in 0..20u64 {
        cache.put(Key::new(format!("large{n}")), &large, TTL).await.expect("up");
    }
    // What they weigh is known from the latest ones.
    for _ in 0..30 {
        cache.get::<String>("large0").await.expect("up");
    }
    server.command(&["CONFIG", "RESETSTAT"]);
    server.pause();
    let mut callers = JoinSet::new();
    for n in 0..20u64 {
        let cache = cache.clone();
        callers.spawn(async move { cache.get::<String>(Key::new(format!("large{n}"))).await });
    }
    all_wait().await;
    server.resume();
    while let Some(answered) = callers.join_next().await {
        assert_eq!(answered.expect("nobody panics").expect("up").map(|value| value.len()), Some(large.len()));
    }
    let (requests, names) = asked(&server);
    assert_eq!(names, 20);
    assert!(requests >= 9, "{requests} requests");
}
