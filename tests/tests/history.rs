//! No read is older than an invalidation that had returned, whatever happens to the server and the network.
//!
//! Several caches stand for several processes: each has its own connections, through a proxy of its own. Rows live
//! in memory with a version each; a cached read of a row returns the version it saw. A mutation raises the version and
//! then invalidates. Whenever an invalidation was acknowledged, the row's floor rises; a read that starts later and
//! returns less than the floor was stale.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use cache_runtime::mutant::Mutant;
use cache_runtime::{Cache, Key};
use tests::{Mode, Proxy, RedisServer};
use tokio::task::JoinSet;

const ROWS: usize = 12;
const NODES: usize = 3;
const READERS: usize = 10;

#[derive(Default)]
struct Row {
    version: AtomicU64,
    /// The highest version whose invalidation was acknowledged.
    floor: AtomicU64,
}

struct World {
    rows: Vec<Row>,
    reads: AtomicU64,
    hits: AtomicU64,
    stale: AtomicU64,
    mutations: AtomicU64,
}

impl World {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            rows: (0..ROWS).map(|_| Row::default()).collect(),
            reads: AtomicU64::new(0),
            hits: AtomicU64::new(0),
            stale: AtomicU64::new(0),
            mutations: AtomicU64::new(0),
        })
    }

    fn report(&self) -> String {
        let [reads, hits, stale, mutations] =
            [&self.reads, &self.hits, &self.stale, &self.mutations].map(|n| n.load(SeqCst));
        format!("{reads} reads, {hits} hits, {mutations} acknowledged mutations, {stale} stale")
    }
}

fn key(row: usize) -> Key {
    Key::new(format!("row:{row}")).tag(format!("row:{row}")).tag(format!("group:{}", row % 3))
}

async fn pause(most_micros: u64) {
    let micros = fastrand::u64(..most_micros);
    if micros < 50 {
        tokio::task::yield_now().await;
    } else {
        tokio::time::sleep(Duration::from_micros(micros)).await;
    }
}

async fn read(world: &World, cache: &Cache, row: usize) {
    let floor = world.rows[row].floor.load(SeqCst);
    let mut loaded = false;
    let value = cache
        .get_or_load(key(row), Duration::from_secs(30), || async {
            loaded = true;
            pause(800).await;
            let version = world.rows[row].version.load(SeqCst);
            pause(800).await;
            Ok::<_, std::convert::Infallible>(version)
        })
        .await
        .expect("the loader does not fail, and the cache's trouble is not the caller's");
    world.reads.fetch_add(1, SeqCst);
    if !loaded {
        world.hits.fetch_add(1, SeqCst);
    }
    if value < floor {
        world.stale.fetch_add(1, SeqCst);
    }
}

async fn mutate(world: &World, cache: &Cache, row: usize) {
    let version = world.rows[row].version.fetch_add(1, SeqCst) + 1;
    pause(300).await;
    let acknowledged = match fastrand::u32(..3) {
        0 => cache.remove([key(row)]).await.is_ok(),
        1 => cache.invalidate_tags([format!("row:{row}")]).await.is_ok(),
        _ => cache.invalidate_tags([format!("group:{}", row % 3)]).await.is_ok(),
    };
    if acknowledged {
        world.rows[row].floor.fetch_max(version, SeqCst);
        world.mutations.fetch_add(1, SeqCst);
    }
}

/// Runs until `reads` were made and `faults` ended.
async fn run(caches: &[Cache], reads: u64, faults: impl Future<Output = ()>) -> Arc<World> {
    let world = World::new();
    let mut tasks = JoinSet::new();
    for cache in caches {
        for _ in 0..READERS {
            let (world, cache) = (Arc::clone(&world), cache.clone());
            tasks.spawn(async move {
                while world.reads.load(SeqCst) < reads {
                    let reading = read(&world, &cache, fastrand::usize(..ROWS));
                    if fastrand::u32(..50) == 0 {
                        // A caller who goes away at any await.
                        let _ = tokio::time::timeout(Duration::from_micros(fastrand::u64(..1500)), reading).await;
                    } else {
                        reading.await;
                    }
                    tokio::task::yield_now().await;
                }
            });
        }
        let (world, cache) = (Arc::clone(&world), cache.clone());
        tasks.spawn(async move {
            while world.reads.load(SeqCst) < reads {
                mutate(&world, &cache, fastrand::usize(..ROWS)).await;
                pause(8_000).await;
            }
        });
    }
    faults.await;
    tokio::time::timeout(Duration::from_secs(240), async { while tasks.join_next().await.is_some() {} })
        .await
        .expect("no reader hangs");
    println!("{}", world.report());
    world
}

fn node(url: String, mutant: Option<Mutant>) -> Cache {
    let builder = Cache::builder().namespace("history").redis(url);
    let builder = match mutant {
        Some(mutant) => builder.mutant(mutant),
        None => builder,
    };
    builder.build().expect("settings are in order")
}

fn assert_clean(world: &World) {
    let report = world.report();
    assert_eq!(world.stale.load(SeqCst), 0, "{report}");
    assert!(world.hits.load(SeqCst) * 10 > world.reads.load(SeqCst), "the cache hardly ever answered: {report}");
    assert!(world.mutations.load(SeqCst) > 100, "hardly any mutation was acknowledged: {report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_are_never_older_than_an_invalidation_that_had_returned() {
    let server = RedisServer::start();
    let caches: Vec<_> = (0..NODES).map(|_| node(server.url(), None)).collect();
    assert_clean(&*run(&caches, 80_000, async {}).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_stay_fresh_through_delays_black_holes_resets_and_killed_clients() {
    let server = RedisServer::start();
    let proxies: Vec<_> = (0..NODES).map(|_| Proxy::start(server.port())).collect();
    let caches: Vec<_> = proxies.iter().map(|proxy| node(proxy.url(), None)).collect();
    let world = run(&caches, 100_000, async {
        for round in 0..40 {
            let proxy = &proxies[fastrand::usize(..NODES)];
            match round % 5 {
                0 => proxy.set(Mode::Delay(Duration::from_millis(fastrand::u64(1..60)))),
                1 => proxy.set(Mode::BlackHole),
                2 => proxy.set(Mode::Reset),
                3 => proxy.set(Mode::Split),
                _ => {
                    server.command(&["CLIENT", "KILL", "TYPE", "normal"]);
                }
            }
            tokio::time::sleep(Duration::from_millis(fastrand::u64(20..250))).await;
            proxy.set(Mode::Pass);
            proxy.kill_connections();
            tokio::time::sleep(Duration::from_millis(fastrand::u64(50..200))).await;
        }
    })
    .await;
    assert_clean(&world);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_stay_fresh_when_the_server_is_killed_and_comes_back_empty() {
    let mut server = RedisServer::start();
    let url = server.url();
    let caches: Vec<_> = (0..NODES).map(|_| node(url.clone(), None)).collect();
    let world = run(&caches, 60_000, async {
        for _ in 0..6 {
            tokio::time::sleep(Duration::from_millis(700)).await;
            server.kill();
            tokio::time::sleep(Duration::from_millis(fastrand::u64(50..400))).await;
            server.restart();
        }
    })
    .await;
    assert_clean(&world);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_checker_notices_each_rule_that_is_switched_off() {
    for mutant in [Mutant::StampsAfterLoad, Mutant::PlainSet, Mutant::NaiveJoin] {
        let server = RedisServer::start();
        let caches: Vec<_> = (0..NODES).map(|_| node(server.url(), Some(mutant))).collect();
        let mut stale = 0;
        for _ in 0..5 {
            stale += run(&caches, 20_000, async {}).await.stale.load(SeqCst);
            if stale > 0 {
                break;
            }
        }
        assert!(stale > 0, "{mutant:?} was not noticed");
    }
}

/// What a cache finds after its server came back with a snapshot from before an invalidation.
async fn after_an_old_snapshot(mutant: Option<Mutant>) -> Option<u8> {
    let mut server = RedisServer::start();
    let cache = node(server.url(), mutant);
    let key = Key::new("k").tag("t");
    cache.put(&key, &1u8, Duration::from_secs(60)).await.expect("up");
    server.command(&["SAVE"]);
    cache.invalidate_tags(["t"]).await.expect("up");
    assert_eq!(cache.get::<u8>(&key).await.expect("up"), None);
    server.kill();
    server.restart();
    assert!(server.query::<bool>(&["EXISTS", "history:e:k"]), "the snapshot brings the entry back");
    loop {
        match cache.get::<u8>(&key).await {
            Ok(found) => return found,
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

#[tokio::test]
async fn an_old_snapshot_does_not_bring_back_what_was_invalidated() {
    assert_eq!(after_an_old_snapshot(None).await, None);
    assert_eq!(
        after_an_old_snapshot(Some(Mutant::NoHistory)).await,
        Some(1),
        "the history of the server is what refuses it"
    );
}
