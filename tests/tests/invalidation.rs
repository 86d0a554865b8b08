//! An invalidation is never lost to a race, and costs the same however many entries it voids.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use cache_runtime::{Cache, Key, Source, cached, invalidates, observe};
use tests::RedisServer;
use tokio::sync::Notify;

fn over_redis(server: &RedisServer) -> Cache {
    Cache::builder().namespace("inv").redis(server.url()).local_tier(false).build().expect("in order")
}

/// A source whose load can be held up behind its read.
#[derive(Default)]
struct Db {
    value: AtomicU64,
    loads: AtomicU64,
    has_read: Notify,
    go_on: Notify,
}

#[cached(key = "held:{id}", ttl = "1m", tags = ["held:{id}", "all-held"], skip(db))]
async fn held(db: Arc<Db>, id: u64) -> u64 {
    let _ = id;
    let value = db.value.load(SeqCst);
    if db.loads.fetch_add(1, SeqCst) == 0 {
        db.has_read.notify_one();
        db.go_on.notified().await;
    }
    value
}

#[invalidates(tags = ["held:{id}"])]
async fn change(db: &Db, id: u64) {
    let _ = id;
    db.value.fetch_add(1, SeqCst);
}

#[invalidates(held(id))]
async fn change_by_type(db: &Db, id: u64) {
    let _ = id;
    db.value.fetch_add(1, SeqCst);
}

async fn race<F: Future<Output = ()>>(cache: Cache, change: impl FnOnce(Arc<Db>) -> F) {
    let db = Arc::new(Db::default());
    let early = tokio::spawn({
        let (cache, db) = (cache.clone(), Arc::clone(&db));
        async move { cache.scope(held(db, 1)).await }
    });
    db.has_read.notified().await;
    cache.scope(change(Arc::clone(&db))).await;
    // A caller who comes now is not handed the load from before.
    let late = cache.scope(held(Arc::clone(&db), 1)).await;
    assert_eq!(late, 1, "joined the load from before the invalidation");
    db.go_on.notify_one();
    assert_eq!(early.await.expect("no panic"), 0, "his load did begin before");
    cache.shutdown().await.expect("idle");
    for _ in 0..3 {
        assert_eq!(cache.scope(held(Arc::clone(&db), 1)).await, 1, "the old value was written back");
    }
}

#[tokio::test]
async fn an_invalidation_while_a_load_runs_is_not_lost() {
    let server = RedisServer::start();
    for cache in [Cache::local(), over_redis(&server)] {
        race(cache, |db| async move { change(&db, 1).await }).await;
    }
}

#[tokio::test]
async fn a_typed_invalidation_while_a_load_runs_is_not_lost() {
    let server = RedisServer::start();
    for cache in [Cache::local(), over_redis(&server)] {
        race(cache, |db| async move { change_by_type(&db, 1).await }).await;
    }
}

#[tokio::test]
async fn clearing_and_removing_by_pattern_while_a_load_runs_is_not_lost() {
    let server = RedisServer::start();
    for cache in [Cache::local(), over_redis(&server)] {
        let same = cache.clone();
        race(cache.clone(), |db| async move {
            db.value.fetch_add(1, SeqCst);
            same.clear().await.expect("up");
        })
        .await;
        let same = cache.clone();
        cache.clear().await.expect("up");
        race(cache, |db| async move {
            db.value.fetch_add(1, SeqCst);
            same.remove_matching("held:*").await.expect("up");
        })
        .await;
    }
}

#[tokio::test]
async fn another_process_sees_the_invalidation() {
    let server = RedisServer::start();
    let (here, there) = (over_redis(&server), over_redis(&server));
    let key = Key::new("k").tag("t");
    here.put(&key, &1, Duration::from_secs(60)).await.expect("up");
    assert_eq!(there.get::<i32>(&key).await.expect("up"), Some(1));
    there.invalidate_tags(["t"]).await.expect("up");
    assert_eq!(here.get::<i32>(&key).await.expect("up"), None);
}

#[tokio::test]
async fn entries_whose_tag_was_evicted_are_misses() {
    let server = RedisServer::start();
    let cache = over_redis(&server);
    let key = Key::new("k").tag("t");
    cache.put(&key, &1, Duration::from_secs(60)).await.expect("up");
    server.command(&["DEL", "inv:t:t"]);
    assert_eq!(cache.get::<i32>(&key).await.expect("up"), None);
    // The stamp that comes next is another one.
    cache.put(Key::new("other").tag("t"), &2, Duration::from_secs(60)).await.expect("up");
    assert_eq!(cache.get::<i32>(&key).await.expect("up"), None);
}

#[tokio::test]
async fn a_tag_is_one_key_however_many_entries_carry_it() {
    let server = RedisServer::start();
    let cache = over_redis(&server);
    let entries = (0..500).map(|n| (Key::new(format!("k{n}")).tag("everything"), n));
    cache.put_many(entries, Duration::from_secs(60)).await.expect("up");
    assert_eq!(server.query::<u64>(&["DBSIZE"]), 501);
    cache.invalidate_tags(["everything"]).await.expect("up");
    assert_eq!(server.query::<u64>(&["DBSIZE"]), 500, "one key was removed, and the entries expire");
    for n in 0..500 {
        assert_eq!(cache.get::<i32>(Key::new(format!("k{n}")).tag("everything")).await.expect("up"), None);
    }
}

/// What a server has done so far: calls by command, and bytes that it received. The asking itself is the same bytes
/// each time.
fn done(server: &RedisServer) -> (BTreeMap<String, u64>, u64) {
    let info: String = server.query(&["INFO", "everything"]);
    let calls = |line: &str| {
        let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
        Some((name.to_owned(), rest.split(',').next()?.parse().ok()?))
    };
    let received = info.lines().find_map(|line| line.strip_prefix("total_net_input_bytes:")?.parse().ok());
    (info.lines().filter_map(calls).collect(), received.expect("every server counts"))
}

#[tokio::test]
async fn an_invalidation_is_the_same_for_one_entry_and_for_ten_thousand() {
    let server = RedisServer::start();
    let cache = over_redis(&server);
    let key = |tag: &str, n: usize| Key::new(format!("{tag}:{n}")).tag(tag);
    let all: Vec<Key> = (0..10_000).map(|n| key("many", n)).chain([key("one.", 0), key("warm", 0)]).collect();
    for some in all.chunks(100) {
        let minute = Duration::from_secs(60);
        let stored = futures::future::join_all(some.iter().map(|key| cache.put(key, &1, minute))).await;
        stored.into_iter().collect::<Result<(), _>>().expect("up");
    }
    // The scripts are known to the server from here on.
    cache.invalidate_tags(["warm"]).await.expect("up");
    let mut costs = Vec::new();
    for tag in ["one.", "many"] {
        let stamp = server.get_raw(&format!("inv:t:{tag}")).expect("stored");
        // The best of some: now and then a connection asks the server for its standing in between.
        let attempts = (0..5).map(async |_| {
            server.set_raw(&format!("inv:t:{tag}"), &stamp);
            assert_eq!(cache.get(key(tag, 0)).await.expect("up"), Some(1), "it stands again");
            let (calls, bytes) = done(&server);
            cache.invalidate_tags([tag]).await.expect("up");
            let (calls_after, bytes_after) = done(&server);
            assert_eq!(cache.get::<i32>(key(tag, 0)).await.expect("up"), None);
            let more = calls_after.into_iter().map(|(name, after)| {
                let before = calls.get(&name).copied().unwrap_or_default();
                (name, after - before)
            });
            (bytes_after - bytes, more.filter(|(_, more)| *more > 0).collect::<BTreeMap<_, _>>())
        });
        let mut best = None;
        for attempt in attempts {
            let cost = attempt.await;
            best = Some(best.map_or_else(|| cost.clone(), |best| std::cmp::min(best, cost.clone())));
        }
        costs.extend(best);
    }
    assert_eq!(costs[0], costs[1]);
    assert_eq!(costs[0].1.get("unlink"), Some(&1), "{costs:?}");
}

#[tokio::test]
async fn nothing_is_left_behind_when_the_ttl_is_over() {
    let server = RedisServer::start();
    let short = Duration::from_millis(300);
    let cache = Cache::builder()
        .namespace("inv")
        .redis(server.url())
        .tag_ttl(short)
        .token_ttl(short)
        .build()
        .expect("in order");
    let entries = (0..200).map(|n| (Key::new(format!("k{n}")).tag("all").tag(format!("own:{n}")), n));
    cache.put_many(entries, short).await.expect("up");
    cache.invalidate_tags(["all"]).await.expect("up");
    // Loads, failed ones, and one whose caller leaves.
    let load = |key: &'static str| Key::new(key).tag("all");
    cache.get_or_load(load("loaded"), short, async || Ok::<_, String>(1)).await.expect("the loader does not fail");
    cache.get_or_load(load("failed"), short, async || Err::<i32, _>("no")).await.expect_err("asked to fail");
    let left = cache.get_or_load(load("left"), short, async || std::future::pending::<Result<i32, String>>().await);
    tokio::time::timeout(Duration::from_millis(50), left).await.expect_err("it never ends");
    assert!(server.query::<u64>(&["DBSIZE"]) > 0);
    for _ in 0..200 {
        if server.query::<u64>(&["DBSIZE"]) == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("still there: {:?}", server.keys());
}

#[tokio::test]
async fn every_key_has_a_ttl_and_short_ones_are_not_rounded() {
    let server = RedisServer::start();
    let cache = over_redis(&server);
    cache.put(Key::new("short").tag("t"), &1, Duration::from_millis(250)).await.expect("up");
    let left: i64 = server.query(&["PTTL", "inv:e:short"]);
    assert!((1..=250).contains(&left), "{left}");
    assert!(server.query::<i64>(&["PTTL", "inv:t:t"]) > 0);
    // A token, too.
    let key = Key::new("loading").tag("t");
    let loading = cache.get_or_load(&key, Duration::from_secs(60), || async {
        assert!(server.query::<i64>(&["PTTL", "inv:e:loading"]) > 0);
        Ok::<_, std::convert::Infallible>(1)
    });
    loading.await.expect("the loader does not fail");
}

#[tokio::test]
async fn a_hit_is_one_command_and_a_miss_two_before_the_body() {
    let server = RedisServer::start();
    let cache = over_redis(&server);
    let key = Key::new("k").tag("a").tag("b");
    let commands = || {
        let info: String = server.query(&["INFO", "commandstats"]);
        let calls = |line: &str| {
            let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
            let calls: u64 = rest.split(',').next()?.parse().ok()?;
            // The test's own, and a lane's look at its server once a second.
            let ours = !["info", "client", "hello", "config"].iter().any(|other| name.starts_with(other));
            ours.then(|| (name.to_owned(), calls))
        };
        info.lines().filter_map(calls).collect::<BTreeMap<_, _>>()
    };
    cache.put(&key, &1, Duration::from_secs(60)).await.expect("up");
    let before = commands();
    for _ in 0..100 {
        assert_eq!(cache.get::<i32>(&key).await.expect("up"), Some(1));
    }
    let mut after = commands();
    *after.get_mut("mget").expect("hits are MGETs") -= 100;
    assert_eq!(after, before, "nothing but one MGET for each hit");
}

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct Created {
    id: u64,
    org_id: u64,
}

#[cached(key = "list:{org}", ttl = "1m", tags = ["org:{org}"])]
async fn list(org: u64) -> u64 {
    org
}

#[invalidates(tags = ["org:{return.org_id}"])]
async fn create(fail: bool) -> Result<Created, String> {
    if fail { Err("full".into()) } else { Ok(Created { id: 1, org_id: 5 }) }
}

#[invalidates(tags = ["org:{org}"])]
async fn may_fail(org: u64, fail: bool) -> Result<(), String> {
    let _ = org;
    if fail { Err("timed out".into()) } else { Ok(()) }
}

#[invalidates(tags = ["org:{org}"], on = "ok")]
async fn must_succeed(org: u64, fail: bool) -> Result<(), String> {
    let _ = org;
    if fail { Err("refused".into()) } else { Ok(()) }
}

async fn source_of_list() -> Source {
    observe(list(5)).await.1.source
}

#[tokio::test]
async fn what_a_mutation_returns_names_what_it_voids() {
    Cache::local()
        .scope(async {
            list(5).await;
            assert_eq!(source_of_list().await, Source::Local);
            assert_eq!(create(false).await.map(|created| created.id), Ok(1));
            assert_eq!(source_of_list().await, Source::Loaded);
            create(true).await.expect_err("asked to fail");
            assert_eq!(source_of_list().await, Source::Local, "nothing was returned, so nothing is named");
        })
        .await;
}

#[tokio::test]
async fn a_failed_mutation_invalidates_unless_told_otherwise() {
    Cache::local()
        .scope(async {
            list(5).await;
            may_fail(5, true).await.expect_err("asked to fail");
            assert_eq!(source_of_list().await, Source::Loaded, "a commit that timed out may have happened");
            must_succeed(5, true).await.expect_err("asked to fail");
            assert_eq!(source_of_list().await, Source::Local);
            must_succeed(5, false).await.expect("asked to succeed");
            assert_eq!(source_of_list().await, Source::Loaded);
        })
        .await;
}
