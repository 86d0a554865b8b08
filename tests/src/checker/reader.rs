//! Readers, and what their loaders do.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use cache_runtime::{Cache, Error, cached, observe, refresh};
use fastrand::Rng;
use futures_util::FutureExt as _;

use super::clock::now;
use super::plan::Load;
use super::scene::{Scene, key, leaves_after, pause};
use super::spec::{Read, World};
use super::tally::Peak;

const TTL: Duration = Duration::from_secs(30);

/// Reads until the run is over.
pub(super) async fn read_on(scene: Arc<Scene>, cache: Cache, node: usize, mut rng: Rng) {
    while !scene.is_over() {
        let row = rng.usize(..scene.world.rows());
        let started = now();
        // A loader that panics takes its own caller with it.
        let reading = AssertUnwindSafe(read(&scene, &cache, node, row, rng.fork())).catch_unwind();
        if scene.patiently(reading, leaves_after(&mut rng), node, row).await.is_some() {
            scene.world.tally.peak(Peak::Read, started.elapsed());
        }
        match scene.plan.load {
            Load::Dense | Load::Sparse => tokio::task::yield_now().await,
            Load::Quiet => tokio::time::sleep(Duration::from_millis(rng.u64(3..15))).await,
        }
    }
}

/// One call, judged when it ends.
async fn read(scene: &Scene, cache: &Cache, node: usize, row: usize, mut rng: Rng) {
    let world = &scene.world;
    let started = now();
    let untold = |row, value| world.judge(&Read { node, row, started, value, source: None });
    match rng.u32(..100) {
        0..4 => {
            if let Ok(Some(value)) = cache.get::<u64>(key(row)).await {
                untold(row, value);
            }
        }
        4..6 => {
            let rows = [row, rng.usize(..world.rows()), rng.usize(..world.rows())];
            let values = cache.get_many::<u64>(rows.map(key)).await.unwrap_or_default();
            for (row, value) in rows.into_iter().zip(values) {
                value.into_iter().for_each(|value| untold(row, value));
            }
        }
        // As a service reads: nobody observes it, and threads know hot rows themselves.
        6..50 => {
            let reading = async {
                match row % 4 {
                    3 => untagged_row(&scene.world, row, rng).await,
                    _ => tagged_row(&scene.world, row, rng).await,
                }
            };
            if let Ok(value) = cache.scope(reading).await {
                untold(row, value);
            }
        }
        way => {
            let loading = load(scene, cache, row, rng);
            let (value, seen) = if way == 50 { observe(refresh(loading)).await } else { observe(loading).await };
            if let Ok(value) = value {
                world.judge(&Read { node, row, started, value, source: Some(seen.source) });
            }
        }
    }
}

/// The entries are those of [`key`].
#[cached(key = "row:{row}", ttl = "30s", tags = ["row:{row}", "group:{group}"], bind(group = row / 4), skip(world, rng))]
async fn tagged_row(world: &World, row: usize, rng: Rng) -> Result<u64, String> {
    look(world, row, rng).await
}

#[cached(key = "row:{row}", ttl = "30s", skip(world, rng))]
async fn untagged_row(world: &World, row: usize, rng: Rng) -> Result<u64, String> {
    look(world, row, rng).await
}

async fn load(scene: &Scene, cache: &Cache, row: usize, rng: Rng) -> Result<u64, Error> {
    cache.get_or_load(key(row), TTL, || look(&scene.world, row, rng)).await
}

/// The loader is slow before and after it looks, and fails now and then, in each way there is.
async fn look(world: &World, row: usize, mut rng: Rng) -> Result<u64, String> {
    match rng.u32(..400) {
        // Without the hook: nobody wants to read of it.
        0 => std::panic::resume_unwind(Box::new("a loader that panics")),
        1 => return Err("a loader that fails".to_owned()),
        2 => tokio::time::sleep(Duration::from_millis(150)).await,
        _ => pause(&mut rng, 800).await,
    }
    let version = world.version(row);
    pause(&mut rng, 800).await;
    Ok(version)
}

/// A read when everything is over.
pub(super) async fn read_the_last(scene: &Scene, cache: &Cache, node: usize, row: usize) {
    let started = now();
    let loaded = || async { Ok::<_, Error>(scene.world.version(row)) };
    let reading = observe(cache.get_or_load(key(row), TTL, loaded));
    if let Some((Ok(value), seen)) = scene.patiently(reading, u32::MAX, node, row).await {
        scene.world.judge_the_last(&Read { node, row, started, value, source: Some(seen.source) });
    }
}
