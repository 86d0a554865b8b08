//! An invalidation is never lost to a race, and costs the same however many entries it voids.

mod steps;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use cache_runtime::{Cache, ErrorKind, Key, Source, cached, invalidates, observe};
use steps::tiers::on_each_tier;
use steps::{TTL, alone, becomes, is_idle, listening, patient};
use tests::{RedisCluster, RedisServer, eventually, log_in};
use tokio::sync::Notify;

async fn over_redis(server: &RedisServer) -> Cache {
    alone(patient("inv", server.url())).await
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

async fn race(cache: &Cache, change: impl AsyncFnOnce(&Db)) {
    let db = Arc::new(Db::default());
    let early = tokio::spawn({
        let (cache, db) = (cache.clone(), Arc::clone(&db));
        async move { cache.scope(held(db, 1)).await }
    });
    db.has_read.notified().await;
    cache.scope(change(&db)).await;
    // A caller who comes now is not handed the load from before.
    let late = cache.scope(held(Arc::clone(&db), 1)).await;
    assert_eq!(late, 1, "joined the load from before the invalidation");
    db.go_on.notify_one();
    assert_eq!(early.await.expect("no panic"), 0, "his load did begin before");
    is_idle(cache).await;
    for _ in 0..3 {
        assert_eq!(cache.scope(held(Arc::clone(&db), 1)).await, 1, "the old value was written back");
    }
}

#[tokio::test]
async fn an_invalidation_while_a_load_runs_is_not_lost() {
    on_each_tier(async |cache, _| race(&cache, async |db| change(db, 1).await).await).await;
}

#[tokio::test]
async fn a_typed_invalidation_while_a_load_runs_is_not_lost() {
    on_each_tier(async |cache, _| race(&cache, async |db| change_by_type(db, 1).await).await).await;
}

#[tokio::test]
async fn clearing_and_removing_by_pattern_while_a_load_runs_is_not_lost() {
    on_each_tier(async |cache, _| {
        let clear = async |db: &Db| {
            db.value.fetch_add(1, SeqCst);
            cache.clear().await.expect("up");
        };
        race(&cache, clear).await;
        cache.clear().await.expect("up");
        let remove = async |db: &Db| {
            db.value.fetch_add(1, SeqCst);
            cache.remove_matching("held:*").await.expect("up");
        };
        race(&cache, remove).await;
    })
    .await;
}

#[tokio::test]
async fn invalidations_and_the_values_that_were_not_stored_for_them_are_counted() {
    on_each_tier(async |cache, hit| {
        let key = Key::new("k").tag("t");
        let load = async |removes: bool| {
            let loader = async || {
                if removes {
                    cache.remove([&key]).await.expect("up");
                }
                Ok::<_, Infallible>(1)
            };
            let (value, seen) = observe(cache.get_or_load(&key, TTL, loader)).await;
            assert_eq!(value.expect("the loader does not fail"), 1);
            is_idle(&cache).await;
            seen.source
        };
        let counted = || {
            let stats = cache.stats();
            (stats.invalidations, stats.invalidations_deferred, stats.direct.fills, stats.direct.fills_refused)
        };
        for times in 1..=2 {
            assert_eq!(load(true).await, Source::Loaded);
            assert_eq!(counted(), (times, 0, 0, times));
        }
        assert_eq!(load(false).await, Source::Loaded);
        assert_eq!(load(false).await, hit);
        cache.invalidate_tags(["t"]).await.expect("up");
        assert_eq!(counted(), (3, 0, 1, 2));
    })
    .await;
}

#[tokio::test]
async fn another_process_sees_the_invalidation() {
    let server = RedisServer::start();
    let (here, there) = (over_redis(&server).await, over_redis(&server).await);
    let key = Key::new("k").tag("t");
    here.put(&key, &1, TTL).await.expect("up");
    assert_eq!(there.get::<i32>(&key).await.expect("up"), Some(1));
    there.invalidate_tags(["t"]).await.expect("up");
    assert_eq!(here.get::<i32>(&key).await.expect("up"), None);
}

#[tokio::test]
async fn entries_whose_tag_was_evicted_are_misses() {
    let server = RedisServer::start();
    let cache = over_redis(&server).await;
    let key = Key::new("k").tag("t");
    cache.put(&key, &1, TTL).await.expect("up");
    server.command(&["DEL", "inv:t:t"]);
    assert_eq!(cache.get::<i32>(&key).await.expect("up"), None);
    // The stamp that comes next is another one.
    cache.put(Key::new("other").tag("t"), &2, TTL).await.expect("up");
    assert_eq!(cache.get::<i32>(&key).await.expect("up"), None);
}

#[tokio::test]
async fn a_tag_is_one_key_however_many_entries_carry_it() {
    let server = RedisServer::start();
    let cache = over_redis(&server).await;
    let entries = (0..500).map(|n| (Key::new(format!("k{n}")).tag("everything"), n));
    cache.put_many(entries, TTL).await.expect("up");
    assert_eq!(server.query::<u64>(&["DBSIZE"]), 501);
    cache.invalidate_tags(["everything"]).await.expect("up");
    assert_eq!(server.query::<u64>(&["DBSIZE"]), 500, "one key was removed, and the entries expire");
    for n in 0..500 {
        assert_eq!(cache.get::<i32>(Key::new(format!("k{n}")).tag("everything")).await.expect("up"), None);
    }
}

/// What a server has counted by this name of `INFO stats`.
fn counted(server: &RedisServer, name: &str) -> u64 {
    let stats: String = server.query(&["INFO", "stats"]);
    let count = stats.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')?.parse().ok());
    count.unwrap_or_else(|| panic!("no `{name}` is counted: {stats}"))
}

/// Commands by their names, without the test's own and a lane's look at its server once a second.
fn commands(server: &RedisServer) -> BTreeMap<String, u64> {
    let ours = |name: &String| !["info", "client", "hello", "config"].iter().any(|other| name.starts_with(other));
    server.calls().into_iter().filter(|(name, _)| ours(name)).collect()
}

/// What was counted later and not before.
fn more(later: BTreeMap<String, u64>, before: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let more = later.into_iter().map(|(name, count)| {
        let before = before.get(&name).copied().unwrap_or_default();
        (name, count - before)
    });
    more.filter(|(_, more)| *more > 0).collect()
}

#[tokio::test]
async fn an_invalidation_is_the_same_for_one_entry_and_for_ten_thousand() {
    let server = RedisServer::start();
    let cache = over_redis(&server).await;
    let key = |tag: &str, n: usize| Key::new(format!("{tag}:{n}")).tag(tag);
    let all: Vec<Key> = (0..10_000).map(|n| key("many", n)).chain([key("one.", 0), key("warm", 0)]).collect();
    for some in all.chunks(100) {
        let minute = TTL;
        let stored = futures::future::join_all(some.iter().map(|key| cache.put(key, &1, minute))).await;
        stored.into_iter().collect::<Result<(), _>>().expect("up");
    }
    // The scripts are known to the server from here on.
    cache.invalidate_tags(["warm"]).await.expect("up");
    let mut costs = Vec::new();
    for tag in ["one.", "many"] {
        let stamp = server.get_raw(&format!("inv:t:{tag}")).expect("stored");
        // The best of some: now and then a connection asks the server for its standing in between.
        let mut best = None;
        for _ in 0..5 {
            server.set_raw(&format!("inv:t:{tag}"), &stamp);
            assert_eq!(cache.get(key(tag, 0)).await.expect("up"), Some(1), "it stands again");
            // The asking itself is the same bytes each time.
            let (calls, bytes) = (server.calls(), counted(&server, "total_net_input_bytes"));
            cache.invalidate_tags([tag]).await.expect("up");
            let bytes = counted(&server, "total_net_input_bytes") - bytes;
            let cost = (bytes, more(server.calls(), &calls));
            assert_eq!(cache.get::<i32>(key(tag, 0)).await.expect("up"), None);
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
    let short = Duration::from_secs(2);
    let cache = patient("inv", server.url()).tag_ttl(short).token_ttl(short).build().expect("in order");
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
    eventually("nothing is there any more", async || server.keys().is_empty()).await;
}

#[tokio::test]
async fn every_key_has_a_ttl_and_short_ones_are_not_rounded() {
    let server = RedisServer::start();
    let cache = over_redis(&server).await;
    let mut left = 0;
    // On a starved machine it may have ended before that is asked.
    eventually("it is there", async || {
        cache.put(Key::new("short").tag("t"), &1, Duration::from_millis(250)).await.expect("up");
        left = server.query::<i64>(&["PTTL", "inv:e:short"]);
        left != -2
    })
    .await;
    assert!((1..=250).contains(&left), "{left}");
    assert!(server.query::<i64>(&["PTTL", "inv:t:t"]) > 0);
    // A token, too.
    let key = Key::new("loading").tag("t");
    let loading = cache.get_or_load(&key, TTL, || async {
        assert!(server.query::<i64>(&["PTTL", "inv:e:loading"]) > 0);
        Ok::<_, Infallible>(1)
    });
    loading.await.expect("the loader does not fail");
}

/// Requests that a server has read so far, each of which cost a round trip.
fn requests(server: &RedisServer) -> u64 {
    counted(server, "total_reads_processed")
}

#[tokio::test]
async fn a_hit_is_one_request_and_a_miss_two_before_the_body() {
    let server = RedisServer::start();
    let cache = over_redis(&server).await;
    let key = |n: usize| Key::new(format!("k{n}")).tag("all").tag(format!("own:{n}"));
    cache.put(key(0), &1, TTL).await.expect("up");
    // What the asking itself costs.
    let asking = requests(&server);
    let asking = requests(&server) - asking;
    // The best of some: now and then a connection asks the server for its standing in between.
    let (mut hits, mut misses) = (u64::MAX, u64::MAX);
    for n in 1..=5 {
        let (calls, before) = (commands(&server), requests(&server));
        for _ in 0..100 {
            assert_eq!(cache.get::<i32>(key(0)).await.expect("up"), Some(1));
        }
        hits = hits.min(requests(&server) - before - asking);
        assert_eq!(more(commands(&server), &calls), BTreeMap::from([("mget".to_owned(), 100)]));

        let (calls, before) = (commands(&server), requests(&server));
        let loading = cache.get_or_load(key(n), TTL, async || {
            misses = misses.min(requests(&server) - before - asking);
            // A look at the entry and its tags; a token, and a stamp for the tag that has none.
            let asked = [("mget", 1), ("set", 2)];
            assert_eq!(more(commands(&server), &calls), asked.map(|(name, calls)| (name.to_owned(), calls)).into());
            Ok::<_, Infallible>(1)
        });
        loading.await.expect("the loader does not fail");
        is_idle(&cache).await;
    }
    assert_eq!((hits, misses), (100, 2));
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

/// As several shards behind one address do, and a node of a Cluster whom nobody takes for one.
#[tokio::test]
async fn where_no_script_is_taken_over_several_names_each_is_removed_by_itself() {
    let shards = RedisCluster::start(1, 0);
    let server = shards.node(0);
    // One that did count as trouble would be the last.
    let builder = || patient("inv", server.url()).breaker_failures(1);
    let cache = alone(builder()).await;
    let other = listening(builder()).await;
    // More than one script would be about.
    let keys = || (0..501).map(|n| Key::new(format!("k{n}")));
    for requests in [2, 1] {
        for key in keys() {
            cache.put(key, &1u8, TTL).await.expect("up");
        }
        for key in keys().take(3) {
            assert_eq!(other.get::<u8>(key).await.expect("up"), Some(1));
        }
        let told = server.calls_of(&["publish"]);
        assert_eq!(cache.remove(keys()).await.expect("up"), 501);
        assert_eq!(server.keys(), [""; 0]);
        assert_eq!(server.calls_of(&["publish"]) - told, 2 * requests, "also behind what is removed by itself");
        becomes(&other, "it hears of each", async || {
            let mut left = 0;
            for key in keys().take(3) {
                left += usize::from(other.get::<u8>(key).await.expect("up").is_some());
            }
            left == 0
        })
        .await;
        assert_eq!(server.refusals("CROSSSLOT"), 1, "it is asked once");
    }
}

#[tokio::test]
async fn a_name_that_may_not_be_removed_keeps_no_other_from_it() {
    let server = RedisServer::start();
    server.command(&["ACL", "SETUSER", "shop", "on", "nopass", "allchannels", "allcommands", "~inv:e:k[0-3]"]);
    let cache = alone(patient("inv", log_in(&server.url(), "shop"))).await;
    for n in 0..5 {
        server.set_raw(&format!("inv:e:k{n}"), b"a value");
    }
    let removed = cache.remove((0..5).map(|n| Key::new(format!("k{n}")))).await;
    assert_eq!(removed.expect_err("one of them is not").kind(), ErrorKind::Refused);
    assert_eq!(server.keys(), ["inv:e:k4"]);
    eventually("it alone is owed", async || cache.stats().owed == 1).await;
}
