use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::runtime::{Builder, Runtime};

use super::super::Draft;
use super::super::filling::Landing;
use super::*;
use crate::ask::CountedOwned;
use crate::flight::{FlightKey, Turn};
use crate::{Cache, Key};

/// Nobody listens there.
fn cache() -> Cache {
    Cache::builder().redis("redis://127.0.0.1:1").local_tier(false).build().expect("in order")
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a thread can be made")
}

fn way(runtime: &Runtime) -> Way {
    Way { runtime: runtime.handle().id(), master: 0 }
}

/// A fill of so many bytes, which a flight waits for.
async fn fill(core: &Arc<Core>, key: &str, bytes: usize) {
    let flight =
        FlightKey { key: key.as_bytes().into(), observed: Default::default(), value: std::any::TypeId::of::<u8>() };
    let Turn::Lead(lead) = core.flights.turn(flight, Vec::new()).await else { panic!("nobody else is there") };
    let landing = Landing { core: Arc::clone(core), landed: Some(lead.ready(Arc::new(1_u8))), held: 0 };
    let filling = Filling {
        landing,
        key: Key::new(key),
        counted: CountedOwned::Direct(Arc::clone(core)),
        draft: Draft { bytes: vec![0; bytes], payload_start: None, covered: None },
        expected: Default::default(),
        ttl: Duration::from_secs(60),
    };
    send(core, filling);
}

/// One that runs, or is about to take its first along.
fn sender(core: &Arc<Core>, runtime: &Runtime, ready: bool) -> Sender {
    Sender { core: Arc::clone(core), way: way(runtime), ready, batch: Vec::new(), ended: false }
}

fn with<R>(core: &Core, runtime: &Runtime, act: impl FnOnce(&mut Queue) -> R) -> R {
    act(Queue::of(&mut core.fills.lock(), way(runtime)))
}

/// However slow this machine is.
fn not_late(queue: &mut Queue) {
    queue.since = Some(clock::now() + Duration::from_secs(3600));
}

/// How many tasks send those of this runtime, and how many fills wait for them.
fn standing(core: &Core, runtime: &Runtime) -> (usize, usize) {
    with(core, runtime, |queue| (queue.senders, queue.waiting.len()))
}

/// Until nothing is under way.
fn drive(core: &Core, runtime: &Runtime) {
    runtime.block_on(async {
        core.idle().await;
        // Flights linger.
        while core.flights.len() > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    let left = with(core, runtime, |queue| (queue.senders, queue.ready, queue.waiting.len(), queue.bytes));
    assert_eq!((left, core.fills.held.load(Relaxed)), ((0, 0, 0, 0), 0));
}

#[test]
fn those_of_one_moment_wait_for_one_task() {
    let (cache, runtime) = (cache(), runtime());
    let core = cache.core();
    runtime.block_on(async {
        fill(core, "a", 10).await;
        fill(core, "b", 20).await;
    });
    assert_eq!(standing(core, &runtime), (1, 2));
    assert_eq!((core.flights.len(), core.fills.held.load(Relaxed)), (2, 30 + 2 * BESIDE));
    drive(core, &runtime);
    assert_eq!(cache.stats().total().fills_failed, 2);
}

#[test]
fn what_is_large_goes_by_itself_whenever_it_comes() {
    let (cache, runtime) = (cache(), runtime());
    let core = cache.core();
    runtime.block_on(async {
        fill(core, "first", LARGE).await;
        assert_eq!(standing(core, &runtime), (0, 0));
        fill(core, "small", 10).await;
        fill(core, "last", LARGE).await;
    });
    assert_eq!(standing(core, &runtime), (1, 1));
    drive(core, &runtime);
    assert_eq!(cache.stats().total().fills_failed, 3);
}

#[test]
fn as_many_go_together_as_are_enough() {
    let (cache, runtime) = (cache(), runtime());
    let core = cache.core();
    runtime.block_on(async {
        for n in 0..MANY + 1 {
            with(core, &runtime, not_late);
            fill(core, &n.to_string(), 10).await;
        }
    });
    assert_eq!(standing(core, &runtime), (1, MANY + 1));
    let mut batch = Vec::new();
    with(core, &runtime, |queue| queue.take(&mut batch));
    assert_eq!((batch.len(), standing(core, &runtime)), (MANY, (1, 1)));
    drop(batch);
    runtime.block_on(async {
        for n in 0..5 {
            with(core, &runtime, not_late);
            fill(core, &format!("of some size {n}"), LARGE - 1).await;
        }
    });
    let mut batch = Vec::new();
    with(core, &runtime, |queue| queue.take(&mut batch));
    assert_eq!((batch.len(), standing(core, &runtime)), (5, (1, 1)), "these are enough bytes");
    drop(batch);
    drive(core, &runtime);
}

#[test]
fn others_go_at_once_when_they_are_enough_or_late_up_to_a_limit() {
    let (cache, runtime) = (cache(), runtime());
    let core = cache.core();
    runtime.block_on(async {
        fill(core, "under way", 10).await;
        with(core, &runtime, |queue| {
            queue.take(&mut Vec::new());
            queue.ready = 0;
        });
        for n in 1..MANY {
            with(core, &runtime, not_late);
            fill(core, &n.to_string(), 10).await;
            assert_eq!(standing(core, &runtime), (1, n));
        }
        fill(core, "enough", 10).await;
        assert_eq!(standing(core, &runtime), (2, MANY));
        with(core, &runtime, |queue| queue.since = Some(clock::now() - PACE));
        fill(core, "late", 10).await;
        assert_eq!(standing(core, &runtime), (3, MANY + 1));
        with(core, &runtime, |queue| {
            queue.since = Some(clock::now() - PACE);
            queue.senders += AT_ONCE - 3;
        });
        fill(core, "too many", 10).await;
        assert_eq!(standing(core, &runtime), (AT_ONCE, MANY + 2));
    });
    // Those that were counted and are not there, and the one whose fill was taken from it.
    with(core, &runtime, |queue| (queue.senders, queue.ready) = (3, 3));
    drive(core, &runtime);
}

#[test]
fn who_comes_back_leaves_those_who_can_wait_to_the_others() {
    let (cache, runtime) = (cache(), runtime());
    let core = cache.core();
    runtime.block_on(fill(core, "a", 10));
    with(core, &runtime, |queue| {
        queue.senders += 2;
        not_late(queue);
    });
    let back = || {
        let mut sender = sender(core, &runtime, false);
        sender.next();
        sender
    };
    assert!(back().ended);
    assert_eq!(standing(core, &runtime), (2, 1));
    with(core, &runtime, |queue| queue.since = Some(clock::now() - PACE));
    let late = back();
    assert_eq!((late.ended, late.batch.len(), standing(core, &runtime)), (false, 1, (2, 0)));
    drop(late);
    drive(core, &runtime);
}

#[test]
fn one_that_panics_takes_along_no_others_than_its_own() {
    let (cache, runtime) = (cache(), runtime());
    let core = cache.core();
    runtime.block_on(async {
        fill(core, "its own", 10).await;
        let mut panics = sender(core, &runtime, true);
        panics.next();
        fill(core, "another", 10).await;
        assert_eq!(standing(core, &runtime), (1, 1));
        let panicked = catch_unwind(AssertUnwindSafe(move || {
            let _panics = panics;
            panic!("as a recorder of metrics might");
        }));
        panicked.expect_err("it panicked");
        assert_eq!(standing(core, &runtime), (1, 1), "by another task");
        // The one in whose place it was.
        with(core, &runtime, |queue| (queue.senders, queue.ready) = (2, 2));
    });
    drive(core, &runtime);
    assert_eq!(cache.stats().total().fills_failed, 1);
}

#[test]
fn with_the_runtime_flights_are_closed_and_the_next_one_is_not_held_up() {
    let (cache, ended, idle) = (cache(), runtime(), runtime());
    let core = cache.core();
    ended.block_on(async {
        fill(core, "a", 10).await;
        fill(core, "b", LARGE).await;
        fill(core, "c", 10).await;
    });
    assert_eq!(standing(core, &ended), (1, 2));
    let of_it = way(&ended);
    drop(ended);
    assert_eq!((core.flights.len(), core.fills.held.load(Relaxed)), (0, 0));
    assert!(core.fills.lock().iter().all(|queue| queue.way != of_it || queue.senders + queue.waiting.len() == 0));
    idle.block_on(fill(core, "d", 10));
    let runtime = runtime();
    runtime.block_on(async {
        fill(core, "e", 10).await;
        while core.flights.len() > 1 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    assert_eq!(standing(core, &idle), (1, 1), "nobody drives it");
    drive(core, &idle);
}

#[test]
fn what_the_server_does_not_keep_up_with_is_not_stored() {
    let (cache, runtime) = (cache(), runtime());
    let core = cache.core();
    core.fills.held.fetch_add(HELD + 1, Relaxed);
    runtime.block_on(fill(core, "a", 10));
    assert_eq!((core.flights.len(), cache.stats().total().fills_failed), (0, 1));
    core.fills.held.fetch_sub(HELD + 1, Relaxed);
    drive(core, &runtime);
}

#[test]
fn without_a_runtime_nothing_waits() {
    let cache = cache();
    let core = cache.core();
    futures_util::future::FutureExt::now_or_never(fill(core, "a", 10)).expect("nothing to wait for");
    assert_eq!((core.flights.len(), core.fills.lock().len()), (0, 0));
}
