//! What a cache does from time to time: it says how it went, goes on after a failure, and ends with the cache.

mod steps;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use cache_runtime::{Cache, CacheBuilder, ErrorKind, Job, Key, Maintained, Source, cached};
use steps::topologies::on_each_topology;
use steps::{TTL, alone, is_idle, listening, patient};
use tests::{RedisServer, eventually};

const OFTEN: Duration = Duration::from_millis(10);
/// Not within a test.
const NEVER: Duration = Duration::from_secs(1_000_000);

fn at(url: impl Into<String>) -> CacheBuilder {
    patient("kept", url)
}

fn job(maintained: &Maintained, name: &str) -> Job {
    maintained.jobs().into_iter().find(|job| job.name == name).expect("it was asked for")
}

#[tokio::test]
async fn a_probe_tells_how_the_server_is_without_traffic() {
    let mut server = RedisServer::start();
    let cache = at(server.url()).budget(Duration::from_millis(500)).build().expect("in order");
    let maintained = cache.maintain().probe(OFTEN).start().expect("in order");
    eventually("it runs", async || job(&maintained, "probe").runs > 2).await;
    assert_eq!(job(&maintained, "probe").trouble, None);

    server.kill();
    eventually("it is noticed", async || job(&maintained, "probe").trouble.is_some()).await;
    let health = cache.health();
    assert!(!health.available && health.last_error.is_some(), "{health:?}");

    server.restart();
    eventually("it is over", async || job(&maintained, "probe").trouble.is_none()).await;
    assert!(job(&maintained, "probe").failed > 0);
}

/// Sweeps once.
async fn sweep(cache: &Cache, pace: u32) -> cache_runtime::Swept {
    let maintained = cache.maintain().sweep_pace(pace).sweep(Duration::from_secs(1)).start().expect("in order");
    eventually("swept", async || job(&maintained, "sweep").swept.is_some()).await;
    let swept = job(&maintained, "sweep").swept.expect("just now");
    maintained.stop().await;
    swept
}

#[tokio::test]
async fn a_sweep_finds_what_has_no_lifetime() {
    on_each_topology(async |servers| {
        let (cache, other) = (alone(at(servers.url())).await, listening(at(servers.url())).await);
        let tagged = Key::new("tagged").tag("t");
        for key in [tagged.clone(), Key::new("stays"), Key::new("lasting")] {
            cache.put(&key, &1_u8, TTL).await.expect("up");
            assert_eq!(other.get::<u8>(&key).await.expect("up"), Some(1));
        }
        let persist = |name: &str| servers.owner(name).query::<i64>(&["PERSIST", name]);
        assert_eq!([persist("kept:e:lasting"), persist("kept:t:t")], [1, 1]);
        // Somebody else's, under our names and under his own.
        let foreign = [
            ["SADD", "kept:e:set", "x"],
            ["SET", "kept:e:text", "x"],
            ["SET", "kept:t:text", "x"],
            ["SET", "theirs", "x"],
        ];
        for command in foreign {
            servers.owner(command[1]).command(&command);
        }
        let swept = sweep(&cache, 1_000_000).await;
        assert_eq!((swept.renewed, swept.removed), (1, 4));
        assert!(swept.keys >= 7, "{swept:?}");

        assert_eq!(servers.keys(), ["kept:e:stays", "kept:e:tagged", "kept:t:t", "theirs"]);
        let left = servers.owner("kept:t:t").query::<i64>(&["TTL", "kept:t:t"]);
        assert!(left > 0, "{left}");
        for cache in [&cache, &other] {
            for key in [&tagged, &Key::new("stays")] {
                assert_eq!(cache.get::<u8>(key).await.expect("up"), Some(1), "the stamp still stands");
            }
        }
        eventually("told", async || other.get::<u8>("lasting").await.expect("up").is_none()).await;
        let again = sweep(&cache, 1_000_000).await;
        assert_eq!((again.renewed, again.removed), (0, 0));
    })
    .await;
}

#[tokio::test]
async fn a_sweep_goes_through_all_pages() {
    let server = RedisServer::start();
    let cache = alone(at(server.url())).await;
    for n in 0..3_000 {
        server.command(&["SET", &format!("kept:e:{n}"), "x"]);
    }
    let swept = sweep(&cache, 100_000).await;
    assert_eq!((swept.removed, server.keys().len()), (3_000, 0));
    assert_eq!(sweep(&Cache::local(), 1).await, cache_runtime::Swept::default());
}

/// A fence that nobody lifts, without its ttl: as long as it is in force, it is left.
#[tokio::test]
async fn a_sweep_leaves_a_fence_in_force() {
    #[cache_runtime::invalidates(tags = ["fenced"], fence)]
    async fn mutation(go_on: &tokio::sync::Notify) {
        go_on.notified().await;
    }
    let server = RedisServer::start();
    let cache = alone(at(server.url())).await;
    let go_on = tokio::sync::Notify::new();
    let check = async {
        eventually("fenced", async || server.query::<i64>(&["PERSIST", "kept:t:fenced"]) == 1).await;
        sweep(&cache, 100_000).await;
        assert!(server.get_raw("kept:t:fenced").is_some_and(|held| held[0] == b'F'));
        assert!(server.query::<i64>(&["TTL", "kept:t:fenced"]) > 0);
        go_on.notify_one();
    };
    tokio::join!(cache.scope(mutation(&go_on)), check);
    assert_eq!(server.get_raw("kept:t:fenced"), None);
}

#[cached(key = "kept-warm:{id}", ttl = "1h", tags = ["kept-warm"], skip(loads))]
async fn kept_warm(loads: Arc<AtomicU64>, id: u64) -> u64 {
    assert_ne!(id, 3, "this one panics");
    loads.fetch_add(1, SeqCst);
    id
}

#[tokio::test]
async fn a_list_is_kept_warm_whatever_one_of_its_calls_does() {
    let cache = Cache::local();
    let (loads, asked) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let list = {
        let (loads, asked) = (Arc::clone(&loads), Arc::clone(&asked));
        move || {
            assert_ne!(asked.fetch_add(1, SeqCst), 1, "the list itself panics the second time");
            let loads = Arc::clone(&loads);
            (0..5).map(move |id| kept_warm(Arc::clone(&loads), id))
        }
    };
    let maintained = cache.maintain().rewarm("list", OFTEN, list).probe(OFTEN).start().expect("in order");
    eventually("after two panics", async || job(&maintained, "list").runs > 3).await;
    assert_eq!(loads.load(SeqCst), 4, "each once");
    let warmed = job(&maintained, "list").warmed.expect("it ran");
    assert_eq!((warmed.present, warmed.failed), (4, 1));
    assert_eq!(job(&maintained, "list").trouble.as_deref(), Some("1 of 5 calls failed"));
    assert_eq!(job(&maintained, "probe").trouble, None);

    cache.invalidate_tags(["kept-warm"]).await.expect("in process");
    eventually("loaded again, though nobody asked", async || loads.load(SeqCst) == 8).await;
    let call = kept_warm(Arc::clone(&loads), 1);
    assert_eq!(cache.scope(cache_runtime::observe(call)).await.1.source, Source::Local);
}

fn beats(cache: &Cache) -> (Maintained, Arc<AtomicU64>) {
    let beats = Arc::new(AtomicU64::new(0));
    let inside = Arc::clone(&beats);
    let list = move || {
        inside.fetch_add(1, SeqCst);
        std::iter::empty::<std::future::Ready<()>>()
    };
    (cache.maintain().rewarm("beat", OFTEN, list).start().expect("in order"), beats)
}

async fn beats_on(beats: &AtomicU64) {
    let before = beats.load(SeqCst);
    eventually("it goes on", async || beats.load(SeqCst) > before + 1).await;
}

#[tokio::test]
async fn it_ends_with_its_handle_with_shutdown_and_with_the_cache() {
    let server = RedisServer::start();
    let caches = [Cache::local(), at(server.url()).build().expect("in order")];
    for cache in caches {
        let (maintained, beats) = beats(&cache);
        beats_on(&beats).await;
        maintained.stop().await;
        assert_eq!(Arc::strong_count(&beats), 1, "nothing of it is left");

        let (maintained, beats) = self::beats(&cache);
        beats_on(&beats).await;
        drop(maintained);
        eventually("it has ended", async || Arc::strong_count(&beats) == 1).await;

        let (maintained, beats) = self::beats(&cache);
        beats_on(&beats).await;
        is_idle(&cache).await; // `shutdown`
        eventually("it has ended", async || maintained.has_ended() && Arc::strong_count(&beats) == 1).await;

        // And can be started again, the cache being usable.
        let (maintained, beats) = self::beats(&cache);
        beats_on(&beats).await;
        assert!(!maintained.has_ended());
        drop(cache);
        eventually("it has ended", async || maintained.has_ended() && Arc::strong_count(&beats) == 1).await;
    }
    // At once, however long the next run is away.
    let cache = Cache::local();
    let maintained = cache.maintain().probe(NEVER).start().expect("in order");
    drop(cache);
    eventually("it has ended", async || maintained.has_ended()).await;
}

#[test]
fn what_cannot_be_started_says_why() {
    let cache = Cache::local();
    let refused = |start: Result<Maintained, cache_runtime::Error>| match start {
        Ok(_) => panic!("refused"),
        Err(error) => (error.kind(), error.to_string()),
    };
    let outside = refused(cache.maintain().probe(OFTEN).start());
    assert_eq!(outside, (ErrorKind::Refused, "maintenance starts inside of a tokio runtime".to_owned()));
    let runtime = tokio::runtime::Runtime::new().expect("there is room");
    let zero = runtime.block_on(async { refused(cache.maintain().probe(OFTEN).sweep(Duration::ZERO).start()) });
    assert_eq!(zero, (ErrorKind::Argument, "`sweep` = 0s: must be more than zero".to_owned()));
}
