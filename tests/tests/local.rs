//! The in-process tier over Redis: answers without asking, and only while nothing can have been missed.

mod steps;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use cache_runtime::{Cache, CacheBuilder, Key, Source, bypass, cached, invalidates, observe, refresh};
use serde::{Deserialize, Serialize};
use steps::table::{Held, Table, comes_from, held, is_kept, is_told, row, see};
use steps::topologies::on_each_topology;
use steps::{TTL, epoch, hears, is_denied, is_idle, listening, patient};
use tests::{Mode, RedisServer, eventually};

fn at(url: impl Into<String>) -> CacheBuilder {
    patient("local", url)
}

/// Both know the row, each in its own process.
async fn both_keep(here: &Cache, there: &Cache, table: &Table, id: u64) {
    for cache in [here, there] {
        is_kept(cache, table, id).await;
    }
}

#[tokio::test]
async fn the_second_call_is_answered_in_process() {
    let server = RedisServer::start();
    let cache = listening(at(server.url())).await;
    let table = Table::default();
    assert_eq!(see(&cache, &table, 1).await, (0, Source::Loaded));
    for _ in 0..3 {
        assert_eq!(see(&cache, &table, 1).await, (0, Source::Local));
    }
    // Another process finds it in Redis, once.
    let other = listening(at(server.url())).await;
    is_idle(&cache).await;
    assert_eq!(see(&other, &table, 1).await, (0, Source::Redis));
    assert_eq!(see(&other, &table, 1).await, (0, Source::Local));
    assert_eq!(table.loads(), 1);
}

const NOTHING: Duration = Duration::ZERO;
const SHORT: Duration = Duration::from_millis(50);

#[cached(key = "never:{id}", ttl = "1m", local = false)]
async fn never(id: u64) -> u64 {
    id
}

#[cached(key = "nothing:{id}", ttl = "1m", local = NOTHING)]
async fn nothing(id: u64) -> u64 {
    id
}

#[cached(key = "short:{id}", ttl = "1m", local = "50ms")]
async fn short(id: u64) -> u64 {
    id
}

#[cached(key = "short-by-name:{id}", ttl = "1m", local = SHORT)]
async fn short_by_name(id: u64) -> u64 {
    id
}

#[cached(key = "default:{id}", ttl = "1m")]
async fn by_default(id: u64) -> u64 {
    id
}

#[cached(key = "brief:{id}", ttl = "50ms", local = "1h")]
async fn brief(id: u64) -> u64 {
    id
}

type Calls = Pin<Box<dyn Future<Output = u64>>>;

async fn source_of(cache: &Cache, call: impl Fn() -> Calls) -> Source {
    let (value, seen) = cache.scope(observe(call())).await;
    assert_eq!(value, 1);
    seen.source
}

#[tokio::test]
async fn a_function_says_how_long_its_entries_are_kept_in_process() {
    let server = RedisServer::start();
    let cache = listening(at(server.url())).await;
    let never: [fn() -> Calls; 2] = [|| Box::pin(never(1)), || Box::pin(nothing(1))];
    for call in never {
        assert_eq!(source_of(&cache, call).await, Source::Loaded);
        eventually("stored", async || source_of(&cache, call).await == Source::Redis).await;
        for _ in 0..3 {
            assert_eq!(source_of(&cache, call).await, Source::Redis);
        }
    }
    let expiring: [fn() -> Calls; 2] = [|| Box::pin(short(1)), || Box::pin(short_by_name(1))];
    for call in expiring {
        eventually("kept", async || source_of(&cache, call).await == Source::Local).await;
        // From Redis, which has it for a minute.
        eventually("expired", async || source_of(&cache, call).await == Source::Redis).await;
    }
    // Never longer than the entry itself lives.
    let brief: fn() -> Calls = || Box::pin(brief(1));
    assert_eq!(source_of(&cache, brief).await, Source::Loaded);
    eventually("kept", async || source_of(&cache, brief).await == Source::Local).await;
    eventually("expired", async || source_of(&cache, brief).await == Source::Loaded).await;
}

#[tokio::test]
async fn the_cache_says_how_long_entries_of_other_functions_are_kept() {
    let server = RedisServer::start();
    let call: fn() -> Calls = || Box::pin(by_default(1));
    let cache = listening(at(server.url()).local_ttl(SHORT)).await;
    eventually("kept", async || source_of(&cache, call).await == Source::Local).await;
    eventually("expired", async || source_of(&cache, call).await == Source::Redis).await;
    let cache = listening(at(server.url()).local_ttl(Duration::ZERO)).await;
    for _ in 0..3 {
        assert_eq!(source_of(&cache, call).await, Source::Redis);
    }
}

#[invalidates(tags = ["row:{id}"])]
async fn change_by_tag(table: &Table, id: u64) {
    table.change();
}

#[invalidates(keys = ["row:{id}"])]
async fn change_by_key(table: &Table, id: u64) {
    table.change();
}

#[invalidates(row(id))]
async fn change_by_type(table: &Table, id: u64) {
    table.change();
}

type Act = for<'a> fn(&'a Cache, &'a Table) -> Pin<Box<dyn Future<Output = ()> + 'a>>;

macro_rules! act {
    (|$cache:ident, $table:ident| $act:expr) => {
        |$cache, $table| Box::pin(async move { $act })
    };
}

const INVALIDATIONS: [(&str, Act); 11] = [
    ("a tag", act!(|cache, table| cache.scope(change_by_tag(table, 1)).await)),
    ("a key", act!(|cache, table| cache.scope(change_by_key(table, 1)).await)),
    ("a typed target", act!(|cache, table| cache.scope(change_by_type(table, 1)).await)),
    (
        "the companion",
        act!(|cache, table| {
            table.change();
            cache.scope(row::invalidate(1)).await.expect("up");
        }),
    ),
    (
        "invalidate_tags",
        act!(|cache, table| {
            table.change();
            cache.invalidate_tags(["other", "rows"]).await.expect("up");
        }),
    ),
    (
        "remove",
        act!(|cache, table| {
            table.change();
            cache.remove(["row:1"]).await.expect("up");
        }),
    ),
    ("put", act!(|cache, table| cache.scope(row::put(1, table.change())).await.expect("up"))),
    (
        "refresh",
        act!(|cache, table| {
            table.change();
            cache.scope(refresh(row(table, 1))).await;
        }),
    ),
    ("touch", act!(|cache, _table| assert!(cache.touch(row::key(1), TTL).await.expect("up"), "it stands"))),
    // Of these, a Cluster's other masters may bring the news once more when the next one is tried.
    (
        "clear",
        act!(|cache, table| {
            table.change();
            cache.clear().await.expect("up");
        }),
    ),
    (
        "remove_matching",
        act!(|cache, table| {
            table.change();
            cache.remove_matching("ro*:1").await.expect("up");
        }),
    ),
];

#[tokio::test]
async fn every_way_to_invalidate_voids_what_any_process_keeps() {
    on_each_topology(async |servers| {
        let (here, there) = (listening(at(servers.url())).await, listening(at(servers.url())).await);
        let table = Table::default();
        for (name, act) in INVALIDATIONS {
            both_keep(&here, &there, &table, 1).await;
            // A hit in process may have been a load's; what is in Redis is what `touch` needs.
            is_idle(&here).await;
            is_idle(&there).await;
            let epochs = (epoch(&here), epoch(&there));
            act(&here, &table).await;
            if name == "refresh" {
                // It is no invalidation: what it loaded is stored behind its back, and what it kept in process may be voided by
                // what another master of a Cluster tells once more of the round before.
                is_idle(&here).await;
            }
            let (value, source) = see(&here, &table, 1).await;
            assert_eq!(value, table.now(), "{name}: in its own process at once");
            assert!(source != Source::Local || name == "refresh", "{name}: {source}");
            // What is there was voided by the message; the lease did not end.
            eventually(name, async || {
                let (value, source) = see(&there, &table, 1).await;
                value == table.now() && source != Source::Local
            })
            .await;
            for _ in 0..3 {
                assert_eq!(see(&there, &table, 1).await.0, table.now(), "{name}: the old value came back");
            }
            if !["clear", "remove_matching"].contains(&name) {
                assert_eq!((epoch(&here), epoch(&there)), epochs, "{name}: more than asked was void");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_not_named_stays() {
    on_each_topology(async |servers| {
        let (here, there) = (listening(at(servers.url())).await, listening(at(servers.url())).await);
        let table = Table::default();
        both_keep(&here, &there, &table, 1).await;
        both_keep(&here, &there, &table, 2).await;
        here.scope(change_by_tag(&table, 1)).await;
        eventually("told", async || see(&there, &table, 1).await == (1, Source::Local)).await;
        assert_eq!(see(&here, &table, 2).await, (0, Source::Local));
        assert_eq!(see(&there, &table, 2).await, (0, Source::Local));
    })
    .await;
}

#[tokio::test]
async fn a_message_that_is_not_understood_voids_everything() {
    on_each_topology(async |servers| {
        let (here, there) = (listening(at(servers.url())).await, listening(at(servers.url())).await);
        let table = Table::default();
        // Of a version that is not known yet, cut off, empty, and somebody else's.
        for message in ["\u{2}", "\u{2}12345678", "\u{0}1234567", "", "invalidate row:1"] {
            both_keep(&here, &there, &table, 1).await;
            let epochs = (epoch(&here), epoch(&there));
            servers.masters()[0].command(&["PUBLISH", "local:bus", message]);
            for cache in [&here, &there] {
                eventually(format!("{message:?}"), async || see(cache, &table, 1).await.1 == Source::Redis).await;
            }
            assert!(epoch(&here) > epochs.0 && epoch(&there) > epochs.1, "{message:?}");
        }
        assert_eq!(table.loads(), 1, "nothing was removed from Redis");
    })
    .await;
}

/// Asks until the value is answered in process.
async fn is_a_local_hit(cache: &Cache, key: &Key, value: u64) {
    eventually("kept", async || {
        let before = cache.stats().direct.local_hits;
        assert_eq!(cache.get::<u64>(key).await.expect("up"), Some(value));
        cache.stats().direct.local_hits > before
    })
    .await;
}

#[tokio::test]
async fn a_lifetime_that_was_made_shorter_or_longer_counts_in_process_too() {
    let server = RedisServer::start();
    let (here, there) = (listening(at(server.url())).await, listening(at(server.url())).await);
    let key = Key::new("k");
    here.put(&key, &1u64, TTL).await.expect("up");
    for cache in [&here, &there] {
        is_a_local_hit(cache, &key, 1).await;
    }
    assert!(here.touch(&key, Duration::from_millis(300)).await.expect("up"), "it stands");
    for cache in [&here, &there] {
        eventually("expired", async || cache.get::<u64>(&key).await.expect("up").is_none()).await;
    }
    let short = Duration::from_secs(5);
    here.put(&key, &2u64, short).await.expect("up");
    for cache in [&here, &there] {
        is_a_local_hit(cache, &key, 2).await;
    }
    assert!(here.touch(&key, TTL).await.expect("up"), "it stands");
    tokio::time::sleep(short).await;
    for cache in [&here, &there] {
        is_a_local_hit(cache, &key, 2).await;
    }
}

#[tokio::test]
async fn a_load_under_way_during_an_invalidation_is_not_kept() {
    on_each_topology(async |servers| {
        let (here, there) = (listening(at(servers.url())).await, listening(at(servers.url())).await);
        for (id, invalidator) in [(1, &here), (2, &there)] {
            // Under the same tag, so that it tells when the message has arrived.
            let bell = Key::new("bell").tag(format!("held:{id}"));
            here.put(&bell, &id, TTL).await.expect("up");
            is_a_local_hit(&here, &bell, id).await;
            let source = Arc::new(Held::default());
            let load = tokio::spawn({
                let (here, source) = (here.clone(), Arc::clone(&source));
                async move { here.scope(held(source, id)).await }
            });
            source.has_read.notified().await;
            source.table.change();
            invalidator.invalidate_tags([format!("held:{id}")]).await.expect("up");
            eventually("heard", async || here.get::<u64>(&bell).await.expect("up").is_none()).await;
            source.go_on.notify_one();
            assert_eq!(load.await.expect("no panic"), 0, "it began before");
            for _ in 0..5 {
                assert_eq!(here.scope(held(Arc::clone(&source), id)).await, 1, "the old value was kept");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn nothing_is_served_in_process_while_nothing_is_heard() {
    on_each_topology(async |servers| {
        let brief =
            |builder: CacheBuilder| builder.lease(Duration::from_millis(200)).budget(Duration::from_millis(300));
        let cache = listening(brief(at(servers.url()))).await;
        let table = Table::default();
        is_kept(&cache, &table, 1).await;
        is_idle(&cache).await;
        servers.network(Mode::BlackHole);
        // By another process, which nobody hears.
        table.change();
        servers.owner("local:t:row:1").command(&["UNLINK", "local:t:row:1"]);
        // Within the lease, by the promise; here only: some time, and then for good.
        eventually("the lease ends", async || see(&cache, &table, 1).await.1 != Source::Local).await;
        for _ in 0..50 {
            assert_eq!(see(&cache, &table, 1).await, (1, Source::Bypassed));
        }
        let health = cache.health();
        assert_eq!(health.local.expect("there is a tier").vouched_for, Duration::ZERO);
        assert!(!health.available);
        let before = epoch(&cache);
        servers.mend();
        // Whatever is returned on the way is new.
        is_kept(&cache, &table, 1).await;
        assert!(epoch(&cache) > before, "what was missed in between voids everything");
    })
    .await;
}

#[tokio::test]
async fn a_subscriber_that_is_killed_is_replaced_and_what_it_missed_counts() {
    on_each_topology(async |servers| {
        let (here, there) = (listening(at(servers.url())).await, listening(at(servers.url())).await);
        let table = Table::default();
        for _ in 0..3 {
            both_keep(&here, &there, &table, 1).await;
            servers.command(&["CLIENT", "KILL", "TYPE", "pubsub"]);
            there.scope(change_by_tag(&table, 1)).await;
            is_told(&here, &table, 1).await;
            // From now on never the old value.
            is_kept(&here, &table, 1).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_server_that_restarts_voids_what_is_in_process() {
    let mut server = RedisServer::start();
    let (here, there) = (listening(at(server.url())).await, listening(at(server.url())).await);
    let table = Table::default();
    for _ in 0..2 {
        both_keep(&here, &there, &table, 1).await;
        server.kill();
        eventually("the lease ends", async || see(&here, &table, 1).await.1 != Source::Local).await;
        assert_eq!(here.health().local.expect("there is a tier").vouched_for, Duration::ZERO);
        // Nobody can be told.
        let now = table.change();
        for _ in 0..20 {
            assert_eq!(see(&here, &table, 1).await, (now, Source::Bypassed));
        }
        server.restart();
        for cache in [&here, &there] {
            eventually("it comes back", async || {
                let (value, source) = see(cache, &table, 1).await;
                // The lease of the one that was not asked may not have ended.
                assert!(value == now || source == Source::Local, "{value} from {source}");
                (value, source) == (now, Source::Local)
            })
            .await;
        }
    }
}

#[tokio::test]
async fn a_cache_without_the_tier_has_none() {
    let server = RedisServer::start();
    let cache = at(server.url()).local_tier(false).build().expect("in order");
    let table = Table::default();
    comes_from(Source::Redis, &cache, &table, 1).await;
    for _ in 0..5 {
        assert_eq!(see(&cache, &table, 1).await, (0, Source::Redis));
    }
    assert_eq!(cache.health().local, None);
    assert_eq!((cache.stats().local_entries, cache.stats().local_epoch), (0, 0));
    assert_eq!(server.text(&["CLIENT", "LIST", "TYPE", "pubsub"]).trim(), "");
}

#[tokio::test]
async fn the_bound_on_memory_is_kept() {
    let server = RedisServer::start();
    let cache = listening(at(server.url()).local_bytes(100_000)).await;
    let value = vec![7u8; 5_000];
    for n in 0..100 {
        let key = format!("k{n}");
        cache.put(&key, &value, TTL).await.expect("up");
        assert_eq!(cache.get::<Vec<u8>>(&key).await.expect("up").as_ref(), Some(&value));
        assert!(cache.stats().local_bytes <= 100_000, "{:?}", cache.stats().local_bytes);
    }
    let stats = cache.stats();
    assert!((5..20).contains(&stats.local_entries), "{}", stats.local_entries);
    // Those that are not kept are in Redis.
    for n in 0..100 {
        assert_eq!(cache.get::<Vec<u8>>(format!("k{n}")).await.expect("up").as_ref(), Some(&value));
    }
}

#[cached(key = "shared:{id}", ttl = "1m")]
async fn shared(id: u64) -> Arc<Vec<u64>> {
    Arc::new(vec![id; 100])
}

#[tokio::test]
async fn an_arc_is_shared_and_not_copied() {
    let server = RedisServer::start();
    let cache = listening(at(server.url())).await;
    let first = cache.scope(shared(1)).await;
    let (second, seen) = cache.scope(observe(shared(1))).await;
    assert_eq!(seen.source, Source::Local);
    assert!(Arc::ptr_eq(&first, &second));
    // What came from Redis is another one, and shared from then on.
    cache.shutdown().await.expect("idle");
    let other = listening(at(server.url())).await;
    let read = other.scope(shared(1)).await;
    let (kept, seen) = other.scope(observe(shared(1))).await;
    assert_eq!(seen.source, Source::Local);
    assert!(Arc::ptr_eq(&read, &kept) && !Arc::ptr_eq(&first, &kept));
    assert_eq!(first, kept);
}

#[cached(key = "perhaps:{id}", ttl = "1m", negative_ttl = "1m")]
async fn perhaps_shared(id: u64) -> Option<Arc<u64>> {
    (id > 0).then(|| Arc::new(id))
}

#[tokio::test]
async fn whoever_asks_often_is_handed_the_same_arc_each_time() {
    let cache = Cache::local();
    cache
        .scope(async {
            let (whole, some) = (shared(1).await, perhaps_shared(1).await.expect("it is there"));
            // Often enough for the thread to know of them, and to go back to the store now and then.
            for _ in 0..1_000 {
                assert!(Arc::ptr_eq(&shared(1).await, &whole));
                assert!(perhaps_shared(1).await.is_some_and(|again| Arc::ptr_eq(&again, &some)));
                assert_eq!(perhaps_shared(0).await, None);
            }
        })
        .await;
    // Of this test's own function.
    let stats = cache.stats();
    let counts = &stats.functions.iter().find(|of| of.key == "perhaps:{id}").expect("it was called").counts;
    assert_eq!((counts.local_hits, counts.negative_hits, counts.loads), (1_999, 999, 2));
}

static CLONES: AtomicU64 = AtomicU64::new(0);

#[derive(Serialize, Deserialize)]
struct Counted(u64);

impl Clone for Counted {
    fn clone(&self) -> Self {
        CLONES.fetch_add(1, SeqCst);
        Self(self.0)
    }
}

#[cached(key = "counted:{id}", ttl = "1m", skip(value))]
async fn counted(id: u64, value: u64) -> Counted {
    Counted(value)
}

#[tokio::test]
async fn a_load_clones_its_value_once_for_those_who_join_and_for_this_process() {
    let server = RedisServer::start();
    let cache = listening(at(server.url())).await;
    assert_eq!(cache.scope(counted(1, 7)).await.0, 7);
    assert_eq!(CLONES.load(SeqCst), 1);
    let (kept, seen) = cache.scope(observe(counted(1, 8))).await;
    assert_eq!((kept.0, seen.source), (7, Source::Local));
    // Nobody joins a refresh: it clones for this process alone.
    let before = CLONES.load(SeqCst);
    assert_eq!(cache.scope(refresh(counted(1, 9))).await.0, 9);
    assert_eq!(CLONES.load(SeqCst), before + 1);
    assert_eq!(cache.scope(counted(1, 10)).await.0, 9);
}

#[cached(key = "absent:{id}", ttl = "1m", negative_ttl = "1m", tags = ["absent"], skip(table))]
async fn absent(table: &Table, id: u64) -> Result<Option<u64>, String> {
    let _ = id;
    match table.read() {
        0 => Ok(None),
        1 => Err("not now".into()),
        value => Ok(Some(value)),
    }
}

#[tokio::test]
async fn a_none_is_kept_as_long_as_it_may_be_and_an_error_is_not() {
    let server = RedisServer::start();
    let cache = listening(at(server.url())).await;
    let table = Table::default();
    let see = async || {
        let (value, seen) = cache.scope(observe(absent(&table, 1))).await;
        (value, seen.source)
    };
    assert_eq!(see().await, (Ok(None), Source::Loaded));
    assert_eq!(see().await, (Ok(None), Source::Local));
    table.change();
    cache.invalidate_tags(["absent"]).await.expect("up");
    for _ in 0..3 {
        assert_eq!(see().await, (Err("not now".into()), Source::Loaded));
    }
    table.change();
    assert_eq!(see().await, (Ok(Some(2)), Source::Loaded));
    assert_eq!(see().await, (Ok(Some(2)), Source::Local));
}

#[tokio::test]
async fn bypass_and_refresh_do_not_read_what_is_kept() {
    let server = RedisServer::start();
    let cache = listening(at(server.url())).await;
    let table = Table::default();
    comes_from(Source::Local, &cache, &table, 1).await;
    table.change();
    let (value, seen) = cache.scope(bypass(observe(row(&table, 1)))).await;
    assert_eq!((value, seen.source), (1, Source::Bypassed));
    assert_eq!(see(&cache, &table, 1).await, (0, Source::Local), "bypass wrote");
    let (value, seen) = cache.scope(refresh(observe(row(&table, 1)))).await;
    assert_eq!((value, seen.source), (1, Source::Loaded));
    for _ in 0..5 {
        assert_eq!(see(&cache, &table, 1).await.0, 1, "refresh did not write");
    }
    comes_from(Source::Local, &cache, &table, 1).await;
}

#[tokio::test]
async fn what_the_tier_tells_of_itself_makes_sense() {
    let server = RedisServer::start();
    let lease = Duration::from_secs(3);
    let cache = at(server.url()).lease(lease).build().expect("in order");
    let local = cache.health().local.expect("there is a tier");
    assert_eq!((local.vouched_for, local.denied, local.lag), (Duration::ZERO, false, None));
    hears(&cache).await;
    let local = cache.health().local.expect("there is a tier");
    assert!(local.vouched_for <= lease && !local.denied, "{local:?}");
    assert!(local.lag.is_some_and(|lag| lag > Duration::ZERO), "{local:?}");
    assert_eq!(local.epoch, cache.stats().local_epoch);
    assert!(local.epoch > 0, "a subscriber was confirmed");
    let key = Key::new("k").tag("t");
    cache.put(&key, &"value".to_owned(), TTL).await.expect("up");
    cache.get::<String>(&key).await.expect("up");
    cache.get::<String>(&key).await.expect("up");
    let stats = cache.stats();
    assert_eq!((stats.direct.redis_hits, stats.direct.local_hits, stats.local_entries), (1, 1, 1));
    assert!((5..5_000).contains(&stats.local_bytes), "{}", stats.local_bytes);
    cache.invalidate_tags(["t"]).await.expect("up");
    assert_eq!(cache.get::<String>(&key).await.expect("up"), None);
    assert_eq!(cache.stats().local_voided, stats.local_voided + 1);
}

#[tokio::test]
async fn a_user_who_may_not_subscribe_goes_without_the_tier() {
    let server = RedisServer::start();
    server.command(&["ACL", "SETUSER", "app", "on", ">secret", "~*", "&*", "+@all", "-subscribe"]);
    let cache = at(format!("redis://app:secret@127.0.0.1:{}", server.port())).build().expect("in order");
    let table = Table::default();
    comes_from(Source::Redis, &cache, &table, 1).await;
    eventually("told", async || is_denied(&cache)).await;
    for _ in 0..5 {
        assert_eq!(see(&cache, &table, 1).await, (0, Source::Redis));
    }
    cache.scope(change_by_tag(&table, 1)).await;
    assert_eq!(see(&cache, &table, 1).await, (1, Source::Loaded));
    assert_eq!(cache.health().owed, 0);
}

#[tokio::test]
async fn a_cache_that_is_dropped_leaves_nobody_at_the_server() {
    let server = RedisServer::start();
    let clients = |server: &RedisServer| {
        // The one that asks is a client, too.
        server
            .text(&["CLIENT", "LIST"])
            .lines()
            .filter(|client| !client.contains("unixsocket=") && !client.contains("cmd=client"))
            .count()
    };
    let cache = listening(at(server.url()).lanes(3).lease(Duration::from_millis(100))).await;
    let table = Table::default();
    for id in 0..10 {
        see(&cache, &table, id).await;
    }
    assert!(clients(&server) >= 2, "a lane and a subscriber");
    let metrics = tokio::runtime::Handle::current().metrics();
    drop(cache);
    eventually("nobody is connected", async || clients(&server) == 0).await;
    eventually("no task is left", async || metrics.num_alive_tasks() == 0).await;
}
