//! One load per missing key, whatever happens to the callers and to the one who loads.

mod steps;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use cache_runtime::{Cache, ErrorKind, Key, Source, cached, observe};
use futures::StreamExt;
use serde::{Deserialize, Serialize, Serializer};
use steps::tiers::on_each_tier;
use steps::{TTL, is_idle, patient};
use tests::{RedisServer, eventually};
use tokio::task::JoinSet;

/// How long many callers are given to join a load: on a starved machine the last of them comes late.
const LONG: Duration = Duration::from_millis(500);

#[derive(Default)]
struct Runs(AtomicUsize);

impl Runs {
    fn next(&self) -> usize {
        self.0.fetch_add(1, SeqCst)
    }

    fn count(&self) -> usize {
        self.0.load(SeqCst)
    }
}

#[cached(key = "slow:{id}", ttl = "1m", skip(runs))]
async fn slow(runs: Arc<Runs>, id: u32) -> u32 {
    runs.next();
    tokio::time::sleep(2 * LONG).await;
    id + 1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_callers_of_one_missing_key_run_the_body_once() {
    on_each_tier(async |cache, _| {
        let runs = Arc::new(Runs::default());
        let mut callers = JoinSet::new();
        for _ in 0..1000 {
            let (cache, runs) = (cache.clone(), Arc::clone(&runs));
            callers.spawn(async move { cache.scope(slow(runs, 1)).await });
        }
        while let Some(value) = callers.join_next().await {
            assert_eq!(value.expect("no caller panics"), 2);
        }
        assert_eq!(runs.count(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_leader_is_replaced_by_exactly_one_follower() {
    on_each_tier(async |cache, _| {
        let runs = Arc::new(Runs::default());
        let leader = tokio::spawn({
            let (cache, runs) = (cache.clone(), Arc::clone(&runs));
            async move { cache.scope(first_hangs(runs, 2)).await }
        });
        eventually("he loads", async || runs.count() == 1).await;
        let mut followers = JoinSet::new();
        for _ in 0..50 {
            let (cache, runs) = (cache.clone(), Arc::clone(&runs));
            followers.spawn(async move { cache.scope(first_hangs(runs, 2)).await });
        }
        // They wait for him by then, also on a busy machine: whoever comes when the next one has ended may lead as well.
        tokio::time::sleep(LONG).await;
        leader.abort();
        let all = async {
            while let Some(value) = followers.join_next().await {
                assert_eq!(value.expect("no panic"), 2)
            }
        };
        tokio::time::timeout(Duration::from_secs(10), all).await.expect("nobody hangs");
        assert_eq!(runs.count(), 2);
    })
    .await;
}

#[cached(key = "panics:{id}", ttl = "1m", skip(runs, panics))]
async fn panicking(runs: Arc<Runs>, panics: usize, id: u32) -> u32 {
    let run = runs.next();
    tokio::time::sleep(LONG).await;
    assert!(run >= panics, "the load panics, as asked");
    id
}

async fn panicking_callers(cache: &Cache, runs: &Arc<Runs>, panics: usize, id: u32) -> (usize, usize) {
    let mut callers = JoinSet::new();
    for _ in 0..10 {
        let (cache, runs) = (cache.clone(), Arc::clone(runs));
        callers.spawn(async move { cache.scope(panicking(runs, panics, id)).await });
    }
    let (mut answered, mut panicked) = (0, 0);
    let all = async {
        while let Some(outcome) = callers.join_next().await {
            match outcome {
                Ok(_) => answered += 1,
                Err(_) => panicked += 1,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), all).await.expect("nobody hangs");
    (answered, panicked)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_who_panics_takes_nobody_with_him() {
    on_each_tier(async |cache, _| {
        let runs = Arc::new(Runs::default());
        assert_eq!(panicking_callers(&cache, &runs, 1, 1).await, (9, 1));
        assert_eq!(runs.count(), 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_that_always_panics_is_tried_twice_and_not_once_per_caller() {
    on_each_tier(async |cache, _| {
        let runs = Arc::new(Runs::default());
        assert_eq!(panicking_callers(&cache, &runs, usize::MAX, 2).await, (0, 10));
        assert_eq!(runs.count(), 2);
    })
    .await;
}

#[derive(Clone, Debug, PartialEq)]
struct Shareable;

#[derive(Debug, PartialEq)]
struct Private;

#[cached(key = "fails:{id}", ttl = "1m", skip(runs))]
async fn failing(runs: Arc<Runs>, id: u32) -> Result<u32, Shareable> {
    let _ = id;
    runs.next();
    tokio::time::sleep(LONG).await;
    Err(Shareable)
}

#[cached(key = "fails-alone:{id}", ttl = "1m", skip(runs))]
async fn failing_alone(runs: Arc<Runs>, id: u32) -> Result<u32, Private> {
    let _ = id;
    runs.next();
    tokio::time::sleep(Duration::from_millis(5)).await;
    Err(Private)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_is_shared_if_it_can_be_cloned_and_is_never_stored() {
    on_each_tier(async |cache, _| {
        let runs = Arc::new(Runs::default());
        let calls = (0..20).map(|_| cache.scope(failing(Arc::clone(&runs), 1)));
        for outcome in futures::future::join_all(calls).await {
            assert_eq!(outcome, Err(Shareable));
        }
        assert_eq!(runs.count(), 1);
        assert_eq!(cache.scope(failing(Arc::clone(&runs), 1)).await, Err(Shareable));
        assert_eq!(runs.count(), 2, "the next call loads again");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn followers_of_an_error_that_cannot_be_cloned_lead_in_turn() {
    on_each_tier(async |cache, _| {
        let runs = Arc::new(Runs::default());
        let calls = (0..5).map(|_| cache.scope(failing_alone(Arc::clone(&runs), 1)));
        for outcome in futures::future::join_all(calls).await {
            assert_eq!(outcome, Err(Private));
        }
        assert_eq!(runs.count(), 5);
    })
    .await;
}

#[cached(key = "again:{id}", ttl = "1m", skip(depth))]
async fn recursive(depth: u32, id: u32) -> u32 {
    if depth == 0 {
        return id;
    }
    Box::pin(recursive(depth - 1, id)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recursion_on_one_key_ends() {
    on_each_tier(async |cache, _| {
        let answer = tokio::time::timeout(Duration::from_secs(10), cache.scope(recursive(3, 9)));
        assert_eq!(answer.await.expect("no deadlock"), 9);
    })
    .await;
}

/// `left` needs `right` and `right` needs `left`, once: two callers who start at both ends wait for each other.
#[cached(key = "left:{id}", ttl = "1m", skip(meet, deeper))]
async fn left(meet: Arc<tokio::sync::Barrier>, deeper: bool, id: u32) -> u32 {
    tokio::time::timeout(Duration::from_millis(300), meet.wait()).await.ok();
    if deeper { Box::pin(right(meet, false, id)).await } else { id }
}

#[cached(key = "right:{id}", ttl = "1m", skip(meet, deeper))]
async fn right(meet: Arc<tokio::sync::Barrier>, deeper: bool, id: u32) -> u32 {
    tokio::time::timeout(Duration::from_millis(300), meet.wait()).await.ok();
    if deeper { Box::pin(left(meet, false, id)).await } else { id }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_loads_that_wait_for_each_other_do_not_deadlock() {
    on_each_tier(async |cache, _| {
        let barrier = Arc::new(tokio::sync::Barrier::new(2));
        let one = tokio::spawn({
            let (cache, barrier) = (cache.clone(), Arc::clone(&barrier));
            async move { cache.scope(left(barrier, true, 1)).await }
        });
        let other = tokio::spawn({
            let (cache, barrier) = (cache.clone(), Arc::clone(&barrier));
            async move { cache.scope(right(barrier, true, 1)).await }
        });
        let both = tokio::time::timeout(Duration::from_secs(20), async { (one.await, other.await) })
            .await
            .expect("no deadlock");
        assert_eq!((both.0.expect("no panic"), both.1.expect("no panic")), (1, 1));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_caller_right_behind_a_load_does_not_load_again() {
    on_each_tier(async |cache, _| {
        cache
            .scope(async {
                let runs = Arc::new(Runs::default());
                assert_eq!(observe(slow(Arc::clone(&runs), 3)).await.1.source, Source::Loaded);
                assert_ne!(observe(slow(Arc::clone(&runs), 3)).await.1.source, Source::Loaded);
                assert_eq!(runs.count(), 1);
            })
            .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_process_waits_for_the_load_of_the_first() {
    let server = RedisServer::start();
    let node = || patient("nodes", server.url()).fill_wait(Duration::from_secs(2)).build().expect("in order");
    let (first, second) = (node(), node());
    let runs = Arc::new(Runs::default());
    first.ping().await.expect("up");
    second.ping().await.expect("up");
    let load = async |cache: &Cache| {
        let runs = Arc::clone(&runs);
        let loader = || async move {
            runs.next();
            tokio::time::sleep(Duration::from_millis(15)).await;
            Ok::<_, std::convert::Infallible>(5)
        };
        cache.get_or_load("shared", TTL, loader).await.expect("the loader does not fail")
    };
    let late = async {
        tokio::time::sleep(Duration::from_millis(5)).await;
        load(&second).await
    };
    assert_eq!(tokio::join!(load(&first), late), (5, 5));
    assert_eq!(runs.count(), 1);
}

#[cached(key = "first-hangs:{id}", ttl = "1m", skip(runs))]
async fn first_hangs(runs: Arc<Runs>, id: u32) -> u32 {
    if runs.next() == 0 {
        std::future::pending::<()>().await;
    }
    id
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_of_a_leader_whom_nobody_polls_gets_his_value() {
    let server = RedisServer::start();
    for builder in [Cache::builder(), patient("unpolled", server.url())] {
        let cache = builder.load_wait(Duration::from_millis(100)).build().expect("in order");
        let runs = Arc::new(Runs::default());
        let follow = async {
            // The stream polls its second future while it waits for the first, and not while its item is worked on.
            let calls = [2, 1].map(|id| (id, Arc::clone(&runs)));
            let mut stream = std::pin::pin!(
                futures::stream::iter(calls)
                    .map(async |(id, runs)| match id {
                        2 => {
                            while runs.count() == 0 {
                                tokio::task::yield_now().await;
                            }
                            id
                        }
                        _ => first_hangs(runs, id).await,
                    })
                    .buffered(2)
            );
            assert_eq!(stream.next().await, Some(2));
            let followers = (0..3).map(|_| first_hangs(Arc::clone(&runs), 1));
            futures::future::join_all(followers).await
        };
        let values = tokio::time::timeout(Duration::from_secs(20), cache.scope(follow)).await.expect("nobody hangs");
        assert_eq!(values, [1, 1, 1]);
        assert_eq!(runs.count(), 2, "one of them led as well");
        assert_eq!(cache.scope(first_hangs(runs, 1)).await, 1);
        is_idle(&cache).await;
        assert_eq!(cache.stats().flights, 0, "the one whom nobody polled left nothing behind");
    }
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Unwritable(u8);

impl Serialize for Unwritable {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic!("this cannot be written, as asked")
    }
}

#[cached(key = "unwritable:{id}", ttl = "1m", negative_ttl = "1m", skip(runs))]
async fn unwritable(runs: Arc<Runs>, id: u8) -> Unwritable {
    runs.next();
    tokio::time::sleep(LONG).await;
    Unwritable(id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_whose_serialize_panics_is_not_lost() {
    on_each_tier(async |cache, _| {
        let runs = Arc::new(Runs::default());
        let calls = (0..10).map(|_| cache.scope(unwritable(Arc::clone(&runs), 3)));
        assert_eq!(futures::future::join_all(calls).await, vec![Unwritable(3); 10]);
        assert_eq!(runs.count(), 1);
        assert_eq!(cache.scope(unwritable(Arc::clone(&runs), 3)).await, Unwritable(3));
        is_idle(&cache).await;
        assert_eq!(cache.stats().flights, 0);
    })
    .await;
}

#[tokio::test]
async fn more_tags_than_an_envelope_counts_are_told_and_cost_nobody_a_panic() {
    on_each_tier(async |cache, _| {
        let tagged = |count: u32| (0..count).fold(Key::new("many"), |key, n| key.tag(format!("t{n}")));
        let load = async |key: &Key| {
            let loader = || async { Ok::<_, std::convert::Infallible>(1u8) };
            let (value, seen) = observe(cache.get_or_load(key, TTL, loader)).await;
            assert_eq!(value.expect("the loader does not fail"), 1);
            is_idle(&cache).await;
            seen.source
        };
        let most = tagged(255);
        assert_eq!(load(&most).await, Source::Loaded);
        assert!(matches!(load(&most).await, Source::Local | Source::Redis));
        let more = tagged(256);
        for _ in 0..2 {
            assert_eq!(load(&more).await, Source::Bypassed);
        }
        for error in [
            cache.get::<u8>(&more).await.expect_err("too many"),
            cache.get_many::<u8>([&most, &more]).await.expect_err("too many"),
            cache.put(&more, &2u8, TTL).await.expect_err("too many"),
        ] {
            assert_eq!(error.kind(), ErrorKind::Argument);
            assert!(error.to_string().contains("255 tags"), "{error}");
        }
        assert_eq!(cache.remove([&more]).await.expect("its key is as good as any"), 1);
        assert_eq!(cache.get::<u8>(&most).await.expect("up"), None);
    })
    .await;
}
