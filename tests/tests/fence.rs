//! A fenced mutation: while it runs nothing is stored of what it changes, and if it dies, nothing old outlives the fence.

mod steps;

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use cache_runtime::{Cache, CacheBuilder, ErrorKind, Source, cached, invalidates, observe};
use steps::{eventually, hears, listening};
use tests::{Proxy, RedisServer};
use tokio::sync::Notify;

const SHORT: Duration = Duration::from_millis(300);

fn at(url: impl Into<String>) -> CacheBuilder {
    Cache::builder().namespace("fence").redis(url)
}

#[derive(Default)]
struct Table {
    value: AtomicU64,
    changes: AtomicU64,
}

impl Table {
    fn now(&self) -> u64 {
        self.value.load(SeqCst)
    }

    fn change(&self) {
        self.changes.fetch_add(1, SeqCst);
        self.value.fetch_add(1, SeqCst);
    }
}

#[cached(key = "row:{id}", ttl = "1m", tags = ["row:{id}", "rows"], skip(table))]
async fn row(table: &Table, id: u64) -> u64 {
    let _ = id;
    table.now()
}

async fn see(cache: &Cache, table: &Table) -> (u64, Source) {
    let (value, seen) = cache.scope(observe(row(table, 1))).await;
    (value, seen.source)
}

#[invalidates(tags = ["row:{id}"], fence)]
async fn change<F: Future<Output = ()>>(table: &Table, id: u64, behind: F) {
    table.change();
    behind.await;
}

#[invalidates(row(id), fence)]
async fn change_by_type<F: Future<Output = ()>>(table: &Table, id: u64, behind: F) {
    table.change();
    behind.await;
}

#[invalidates(keys = ["row:{id}"], tags = ["rows"], fence = "require")]
async fn change_or_refuse<F: Future<Output = ()>>(
    table: &Table,
    id: u64,
    behind: F,
) -> Result<(), cache_runtime::Error> {
    table.change();
    behind.await;
    Ok(())
}

type Behind<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;
type Mutation = for<'a> fn(&'a Table, Behind<'a>) -> Behind<'a>;

const MUTATIONS: [(Mutation, &[&str]); 3] = [
    (|table, behind| Box::pin(change(table, 1, behind)), &["fence:t:row:1"]),
    (|table, behind| Box::pin(change_by_type(table, 1, behind)), &["fence:e:row:1"]),
    (
        |table, behind| {
            Box::pin(async move { change_or_refuse(table, 1, behind).await.expect("the server takes the fence") })
        },
        &["fence:e:row:1", "fence:t:rows"],
    ),
];

fn is_fenced(server: &RedisServer, name: &str) -> bool {
    server.get_raw(name).is_some_and(|held| held.starts_with(b"F"))
}

async fn is_cached(cache: &Cache, table: &Table) {
    eventually("kept", async || {
        let (value, source) = see(cache, table).await;
        assert_eq!(value, table.now(), "{source}");
        source == Source::Local
    })
    .await;
}

/// Calls load, and what they load stays nowhere.
async fn nothing_is_stored(server: &RedisServer, caches: &[&Cache], table: &Table) {
    // Where only a tag is fenced, what stood there stands there still, and is void.
    let before = server.get_raw("fence:e:row:1");
    for cache in caches {
        // A message may be on its way.
        eventually("told", async || see(cache, table).await.1 != Source::Local).await;
        for _ in 0..5 {
            assert_eq!(see(cache, table).await, (table.now(), Source::Loaded));
        }
        cache.shutdown().await.expect("idle");
        assert_eq!(see(cache, table).await, (table.now(), Source::Loaded));
        assert_eq!(cache.scope(row::peek(1)).await.expect("up"), None);
        let put = cache.scope(row::put(1, table.now())).await.expect_err("fenced");
        assert_eq!(put.kind(), ErrorKind::Unavailable);
        assert!(put.to_string().contains("mutation"), "{put}");
    }
    let after = server.get_raw("fence:e:row:1");
    assert!(after == before || after.is_none_or(|held| held[0] != b'V'), "a value was stored");
}

#[tokio::test]
async fn while_a_mutation_runs_calls_load_and_store_nothing() {
    let server = RedisServer::start();
    let (here, there) = (listening(at(server.url())).await, listening(at(server.url())).await);
    let table = Table::default();
    for (mutate, names) in MUTATIONS {
        is_cached(&here, &table).await;
        is_cached(&there, &table).await;
        let behind = async {
            for name in names {
                assert!(is_fenced(&server, name), "{name}");
            }
            // In its own process at once.
            assert_eq!(see(&here, &table).await, (table.now(), Source::Loaded));
            nothing_is_stored(&server, &[&here, &there], &table).await;
        };
        here.scope(mutate(&table, Box::pin(behind))).await;
        for name in names {
            assert_eq!(server.get_raw(name), None, "{name}: the invalidation lifts the fence");
        }
        is_cached(&here, &table).await;
        is_cached(&there, &table).await;
    }
}

#[tokio::test]
async fn what_is_not_named_is_stored_meanwhile() {
    let server = RedisServer::start();
    let cache = listening(at(server.url())).await;
    let table = Table::default();
    let behind = async {
        assert_eq!(cache.scope(observe(row(&table, 2))).await.1.source, Source::Loaded);
        assert_eq!(cache.scope(observe(row(&table, 2))).await.1.source, Source::Local);
    };
    cache.scope(change(&table, 1, behind)).await;
    assert_eq!(cache.scope(observe(row(&table, 2))).await.1.source, Source::Local);
}

#[tokio::test]
async fn nested_mutations_are_fenced_until_the_last_has_ended() {
    let server = RedisServer::start();
    let cache = listening(at(server.url())).await;
    let table = Table::default();
    is_cached(&cache, &table).await;
    let behind = async {
        change(&table, 1, async {}).await;
        assert!(is_fenced(&server, "fence:t:row:1"), "the outer one runs");
        nothing_is_stored(&server, &[&cache], &table).await;
    };
    cache.scope(change(&table, 1, behind)).await;
    assert_eq!(server.get_raw("fence:t:row:1"), None);
    is_cached(&cache, &table).await;
}

#[tokio::test]
async fn overlapping_mutations_are_fenced_until_the_last_has_ended() {
    let server = RedisServer::start();
    let (here, there) = (listening(at(server.url())).await, listening(at(server.url())).await);
    let table = Table::default();
    let (first_may_end, second_may_end) = (Notify::new(), Notify::new());
    let (first_began, second_began) = (Notify::new(), Notify::new());
    let first = here.scope(change(&table, 1, async {
        first_began.notify_one();
        first_may_end.notified().await;
    }));
    let second = there.scope(change(&table, 1, async {
        second_began.notify_one();
        second_may_end.notified().await;
    }));
    let mut second = pin!(second);
    let test = async {
        let first_half = async {
            first_began.notified().await;
            second_began.notified().await;
            first_may_end.notify_one();
        };
        tokio::join!(first, first_half);
    };
    tokio::select! {
        () = test => {}
        () = &mut second => panic!("the second one was not to end"),
    }
    assert!(is_fenced(&server, "fence:t:row:1"));
    nothing_is_stored(&server, &[&here, &there], &table).await;
    second_may_end.notify_one();
    second.await;
    assert_eq!(server.get_raw("fence:t:row:1"), None);
    is_cached(&here, &table).await;
    is_cached(&there, &table).await;
}

/// A mutation whose process dies when its body has done its work: nobody runs or drops its future any more.
async fn dies(cache: &Cache, table: &Arc<Table>) {
    let done = Arc::new(Notify::new());
    let mut dying = Box::pin({
        let (cache, table, done) = (cache.clone(), Arc::clone(table), Arc::clone(&done));
        async move {
            let behind = async {
                done.notify_one();
                std::future::pending::<()>().await;
            };
            cache.scope(change(&table, 1, behind)).await;
        }
    });
    tokio::select! {
        () = dying.as_mut() => panic!("it never ends"),
        () = done.notified() => {}
    }
    std::mem::forget(dying);
}

#[tokio::test]
async fn after_a_crash_nothing_old_is_served_and_the_fence_ends_by_itself() {
    let server = RedisServer::start();
    let dying = listening(at(server.url()).fence_ttl(SHORT)).await;
    let others = [listening(at(server.url())).await, listening(at(server.url())).await];
    let table = Arc::new(Table::default());
    for _ in 0..2 {
        for cache in [&dying, &others[0], &others[1]] {
            is_cached(cache, &table).await;
        }
        dies(&dying, &table).await;
        for cache in [&dying, &others[0], &others[1]] {
            eventually("told", async || see(cache, &table).await.0 == table.now()).await;
            // From now on never the old value, in no tier, until it is cached again.
            is_cached(cache, &table).await;
        }
        assert!(!is_fenced(&server, "fence:t:row:1"));
    }
    assert_eq!(table.changes.load(SeqCst), 2);
}

#[tokio::test]
async fn one_that_died_does_not_end_the_fence_of_another() {
    let server = RedisServer::start();
    let (dying, living) = (listening(at(server.url()).fence_ttl(SHORT)).await, listening(at(server.url())).await);
    let table = Arc::new(Table::default());
    is_cached(&living, &table).await;
    // The living one began later, and then earlier.
    for later in [true, false] {
        if later {
            dies(&dying, &table).await;
        }
        let behind = async {
            if !later {
                dies(&dying, &table).await;
            }
            tokio::time::sleep(2 * SHORT).await;
            assert!(is_fenced(&server, "fence:t:row:1"), "the living one goes on");
            nothing_is_stored(&server, &[&living, &dying], &table).await;
        };
        living.scope(change(&table, 1, behind)).await;
        assert_eq!(server.get_raw("fence:t:row:1"), None, "what had expired is not waited for");
        is_cached(&living, &table).await;
        is_cached(&dying, &table).await;
    }
    // The living one ends first.
    let behind = async { dies(&dying, &table).await };
    living.scope(change(&table, 1, behind)).await;
    eventually("it expires", async || server.get_raw("fence:t:row:1").is_none()).await;
    is_cached(&living, &table).await;
}

#[tokio::test]
async fn a_plain_invalidation_does_not_lift_a_fence() {
    let server = RedisServer::start();
    let (here, there) = (listening(at(server.url())).await, listening(at(server.url())).await);
    let table = Table::default();
    for (mutate, names) in MUTATIONS {
        let behind = async {
            for cache in [&here, &there] {
                cache.invalidate_tags(["row:1", "rows"]).await.expect("up");
                cache.remove(["row:1"]).await.expect("up");
                cache.remove_matching("row:*").await.expect("up");
                cache.clear().await.expect("up");
            }
            for name in names {
                assert!(is_fenced(&server, name), "{name}");
                let left: i64 = server.query(&["PTTL", name]);
                assert!((1..=30_000).contains(&left), "{name}: {left}");
            }
            nothing_is_stored(&server, &[&here, &there], &table).await;
        };
        here.scope(mutate(&table, Box::pin(behind))).await;
        for name in names {
            assert!(!is_fenced(&server, name), "{name}");
        }
        is_cached(&here, &table).await;
        is_cached(&there, &table).await;
    }
}

#[tokio::test]
async fn without_its_server_a_mutation_that_requires_a_fence_does_not_run() {
    let mut server = RedisServer::start();
    let cache = listening(at(server.url())).await;
    let table = Table::default();
    is_cached(&cache, &table).await;
    server.kill();
    for _ in 0..3 {
        let refused = cache.scope(change_or_refuse(&table, 1, async {})).await.expect_err("no fence, no body");
        assert!(matches!(refused.kind(), ErrorKind::Unavailable | ErrorKind::Timeout), "{refused:?}");
    }
    assert_eq!(table.changes.load(SeqCst), 0, "the body ran");
    server.restart();
    eventually("it runs again", async || cache.scope(change_or_refuse(&table, 1, async {})).await.is_ok()).await;
    assert_eq!(table.changes.load(SeqCst), 1);
    hears(&cache).await;
    is_cached(&cache, &table).await;
}

#[tokio::test]
async fn without_its_server_another_mutation_goes_on_and_owes() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port());
    let (here, there) = (listening(at(proxy.url())).await, listening(at(server.url())).await);
    let table = Table::default();
    is_cached(&here, &table).await;
    is_cached(&there, &table).await;
    proxy.set(tests::Mode::Reset);
    here.scope(change(&table, 1, async {})).await;
    assert_eq!(table.changes.load(SeqCst), 1);
    assert_eq!(here.health().owed, 1);
    assert_eq!(see(&here, &table).await, (1, Source::Bypassed));
    proxy.set(tests::Mode::Pass);
    here.shutdown().await.expect("delivered");
    eventually("told", async || see(&there, &table).await.0 == 1).await;
    is_cached(&there, &table).await;
}

#[tokio::test]
async fn a_mutation_that_is_dropped_in_its_body_lifts_its_fence_and_invalidates() {
    let server = RedisServer::start();
    let cache = listening(at(server.url())).await;
    let table = Table::default();
    for (mutate, names) in MUTATIONS {
        is_cached(&cache, &table).await;
        let began = Notify::new();
        let behind = async {
            began.notify_one();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = cache.scope(mutate(&table, Box::pin(behind))) => panic!("it never ends"),
            () = began.notified() => names.iter().for_each(|name| assert!(is_fenced(&server, name))),
        }
        let (value, source) = see(&cache, &table).await;
        assert!(value == table.now() && source != Source::Local, "void here at once: {value} from {source}");
        for name in names {
            eventually("lifted", async || !is_fenced(&server, name)).await;
        }
        is_cached(&cache, &table).await;
    }
}

#[invalidates(tags = ["row:{id}"], fence, on = "ok")]
async fn change_if_possible(table: &Table, id: u64, possible: bool) -> Result<(), String> {
    if !possible {
        return Err("impossible".into());
    }
    table.change();
    Ok(())
}

#[tokio::test]
async fn a_mutation_that_failed_lifts_its_fence_also_where_only_success_invalidates() {
    let server = RedisServer::start();
    let cache = listening(at(server.url())).await;
    let table = Table::default();
    is_cached(&cache, &table).await;
    for possible in [false, true, false] {
        assert_eq!(cache.scope(change_if_possible(&table, 1, possible)).await.is_ok(), possible);
        assert!(!is_fenced(&server, "fence:t:row:1"), "possible: {possible}");
        is_cached(&cache, &table).await;
    }
}

#[derive(Default)]
struct Held {
    table: Table,
    loads: AtomicU64,
    has_read: Notify,
    go_on: Notify,
}

#[cached(key = "held:{id}", ttl = "1m", tags = ["held:{id}"], skip(held))]
async fn held(held: Arc<Held>, id: u64) -> u64 {
    let _ = id;
    let value = held.table.now();
    if held.loads.fetch_add(1, SeqCst) == 0 {
        held.has_read.notify_one();
        held.go_on.notified().await;
    }
    value
}

#[invalidates(tags = ["held:{id}"], fence)]
async fn change_held_by_tag<F: Future<Output = ()>>(table: &Table, id: u64, behind: F) {
    table.change();
    behind.await;
}

#[invalidates(held(id), fence)]
async fn change_held<F: Future<Output = ()>>(table: &Table, id: u64, behind: F) {
    table.change();
    behind.await;
}

#[tokio::test]
async fn a_load_under_way_when_the_fence_is_set_is_not_stored() {
    let server = RedisServer::start();
    let (here, there) = (listening(at(server.url())).await, listening(at(server.url())).await);
    for by_tag in [true, false] {
        for ends_inside in [true, false] {
            let held_there = Arc::new(Held::default());
            let load = tokio::spawn({
                let (there, held_there) = (there.clone(), Arc::clone(&held_there));
                async move { there.scope(held(held_there, 1)).await }
            });
            held_there.has_read.notified().await;
            let mut load = Some(load);
            let behind = async {
                if ends_inside {
                    held_there.go_on.notify_one();
                    assert_eq!(load.take().expect("once").await.expect("no panic"), 0);
                    there.shutdown().await.expect("its fill was answered");
                    // Under a fence, and no more in process than in Redis.
                    eventually("new", async || there.scope(held(Arc::clone(&held_there), 1)).await == 1).await;
                }
            };
            match by_tag {
                true => here.scope(change_held_by_tag(&held_there.table, 1, behind)).await,
                false => here.scope(change_held(&held_there.table, 1, behind)).await,
            }
            if let Some(load) = load {
                held_there.go_on.notify_one();
                assert_eq!(load.await.expect("no panic"), 0);
                there.shutdown().await.expect("its fill was answered");
            }
            assert_eq!(here.scope(held(Arc::clone(&held_there), 1)).await, 1, "by tag: {by_tag}");
            eventually("told", async || there.scope(held(Arc::clone(&held_there), 1)).await == 1).await;
            for cache in [&here, &there] {
                for _ in 0..3 {
                    assert_eq!(cache.scope(held(Arc::clone(&held_there), 1)).await, 1, "by tag: {by_tag}");
                }
            }
            here.clear().await.expect("up");
        }
    }
}

#[tokio::test]
async fn in_process_only_there_is_nothing_to_fence() {
    let cache = Cache::local();
    let table = Table::default();
    is_cached(&cache, &table).await;
    for (mutate, _) in MUTATIONS {
        cache.scope(mutate(&table, Box::pin(async {}))).await;
        assert_eq!(see(&cache, &table).await, (table.now(), Source::Loaded));
    }
    assert!(cache.scope(change_if_possible(&table, 1, false)).await.is_err());
    assert_eq!(see(&cache, &table).await.1, Source::Local, "it failed, and was asked to invalidate after success only");
}
