//! Warming makes each call once, so many at a time as it was told, and says what became of all of them.

mod steps;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use cache_runtime::policy::Rule;
use cache_runtime::{Cache, Source, cached, observe, refresh};
use steps::{alone, is_idle, patient};
use tests::RedisServer;
use tokio::sync::{Notify, Semaphore};

#[cached(key = "warm:{id}", ttl = "1h")]
async fn item(id: u64) -> Result<u64, String> {
    match id {
        13 => Err("unlucky".to_owned()),
        17 => panic!("this one panics"),
        id => Ok(id),
    }
}

#[tokio::test]
async fn it_says_what_became_of_each_call() {
    let server = RedisServer::start();
    let cache = alone(patient("warm", server.url())).await;
    cache.scope(item(1)).await.expect("fine");
    is_idle(&cache).await;

    let warmed = cache.warm((0..20).map(item)).run().await;
    assert_eq!((warmed.loaded, warmed.present, warmed.failed, warmed.uncached), (17, 1, 2, 0));
    is_idle(&cache).await;

    // Now it is there, for all processes.
    let other = alone(patient("warm", server.url())).await;
    assert_eq!(other.scope(observe(item(19))).await.1.source, Source::Redis);
    let warmed = other.warm((0..20).map(item)).run().await;
    assert_eq!((warmed.loaded, warmed.present, warmed.failed, warmed.uncached), (0, 18, 2, 0));

    let warmed = refresh(other.warm((0..10).map(item)).run()).await;
    assert_eq!((warmed.loaded, warmed.calls()), (10, 10), "all of it anew");

    other.steer("warm::item", Rule::new().enabled(false)).expect("it is cached");
    let warmed = other.warm((0..10).map(item)).run().await;
    assert_eq!((warmed.uncached, warmed.calls()), (10, 10), "switched off");
}

#[tokio::test]
async fn without_its_server_nothing_is_warm_and_nothing_fails() {
    let mut server = RedisServer::start();
    let cache = alone(patient("warm", server.url())).await;
    server.kill();
    let warmed = cache.warm((0..10).map(item)).run().await;
    assert_eq!((warmed.uncached, warmed.calls()), (10, 10));
    assert_eq!(cache.warm((0..10).map(async |id| id)).run().await.uncached, 10, "no cached function at all");
}

/// How many run at the same time, and how many may go on.
struct Gate {
    running: AtomicUsize,
    most: AtomicUsize,
    begun: AtomicUsize,
    pass: Semaphore,
    news: Notify,
}

impl Gate {
    fn new() -> Arc<Self> {
        let (running, most, begun) = Default::default();
        Arc::new(Self { running, most, begun, pass: Semaphore::new(0), news: Notify::new() })
    }
}

#[cached(key = "gated:{id}", ttl = "1h", skip(gate))]
async fn gated(gate: Arc<Gate>, id: u64) -> u64 {
    gate.begun.fetch_add(1, SeqCst);
    gate.most.fetch_max(gate.running.fetch_add(1, SeqCst) + 1, SeqCst);
    gate.news.notify_one();
    gate.pass.acquire().await.expect("it is never closed").forget();
    gate.running.fetch_sub(1, SeqCst);
    id
}

#[tokio::test]
async fn so_many_at_a_time_and_no_more_are_taken_from_the_iterator() {
    let (gate, cache) = (Gate::new(), Cache::local());
    let taken = AtomicUsize::new(0);
    let calls = (0..30).inspect(|_| _ = taken.fetch_add(1, SeqCst)).map(|id| gated(Arc::clone(&gate), id));
    let mut seen = Vec::new();
    let run = cache.warm(calls).concurrency(5).progress(|so_far| seen.push(so_far.calls())).run();
    let let_in = async {
        for round in 0..6 {
            while gate.begun.load(SeqCst) < 5 * (round + 1) {
                gate.news.notified().await;
            }
            assert_eq!((gate.running.load(SeqCst), taken.load(SeqCst)), (5, 5 * (round + 1)));
            gate.pass.add_permits(5);
        }
    };
    let (warmed, ()) = tokio::join!(run, let_in);
    assert_eq!((warmed.loaded, gate.most.load(SeqCst)), (30, 5));
    assert_eq!(seen, (1..=30).collect::<Vec<_>>());
}

#[tokio::test]
async fn none_at_a_time_is_one() {
    assert_eq!(Cache::local().warm((20..25).map(item)).concurrency(0).run().await.loaded, 5);
}

#[tokio::test]
async fn dropped_it_stops_and_leaves_nothing_half_done() {
    let server = RedisServer::start();
    let cache = alone(patient("warm", server.url())).await;
    let gate = Gate::new();
    {
        let run = cache.warm((0..100).map(|id| gated(Arc::clone(&gate), id))).concurrency(4).run();
        let begun = async {
            while gate.begun.load(SeqCst) < 4 {
                gate.news.notified().await;
            }
        };
        tokio::select! {
            _ = run => panic!("nobody lets it go on"),
            () = begun => {}
        }
    }
    assert_eq!(gate.begun.load(SeqCst), 4);
    is_idle(&cache).await;
    assert_eq!(cache.stats().flights, 0, "no load is left under way");
    gate.pass.add_permits(100);
    // Neither an entry nor a wait for one that does not come.
    for id in 0..4 {
        let (value, seen) = cache.scope(observe(gated(Arc::clone(&gate), id))).await;
        assert_eq!((value, seen.source), (id, Source::Loaded));
    }
    assert_eq!(gate.begun.load(SeqCst), 8);
}

#[tokio::test]
async fn who_joined_a_call_takes_it_over_when_warming_is_dropped() {
    let (gate, cache) = (Gate::new(), Cache::local());
    let joined = {
        let mut run = Box::pin(cache.warm([gated(Arc::clone(&gate), 1)]).run());
        tokio::select! {
            biased;
            _ = &mut run => panic!("nobody lets it go on"),
            () = gate.news.notified() => {}
        }
        let (call, here) = (gated(Arc::clone(&gate), 1), cache.clone());
        let joined = tokio::spawn(async move { here.scope(call).await });
        tokio::task::yield_now().await;
        assert_eq!(gate.begun.load(SeqCst), 1, "it waits for that of the warming");
        joined
    };
    gate.pass.add_permits(2);
    assert_eq!(joined.await.expect("it does not panic"), 1);
    assert_eq!(gate.begun.load(SeqCst), 2);
}

/// On one thread: who never waits would keep it.
#[tokio::test]
async fn others_have_their_turn_while_all_of_it_is_there() {
    let cache = Cache::local();
    cache.warm((20..30).map(item)).run().await;
    let other = tokio::spawn(async {});
    let mut ended_at = None;
    let calls = (0..1_000).map(|n| item(20 + n % 10));
    let warmed = cache.warm(calls).progress(|so_far| {
        if other.is_finished() {
            ended_at.get_or_insert(so_far.calls());
        }
    });
    assert_eq!(warmed.run().await.present, 1_000);
    assert!(ended_at.is_some_and(|at| at < 100), "{ended_at:?}");
}
