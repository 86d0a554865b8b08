//! The end of a run, when nobody mutates any more, the last fault is over and all servers are up: what is owed is
//! delivered, the nodes are of use again, and a lease later each of them returns what is committed.
//!
//! That goes for every mutation: those whose outcome was not known were promised to be delivered, those of callers who
//! went away as well, and those of mutators who died had their fences. A failover may have lost what was delivered; then
//! the history of the servers is another one, and all that was stored before is a miss.

use std::sync::Arc;
use std::time::Duration;

use cache_runtime::Cache;
use tokio::task::JoinSet;

use super::clock::now;
use super::reader::read_the_last;
use super::scene::{FENCE_TTL, Scene};

/// How long that may take: far above the pauses between two attempts, which end at half a second.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) async fn settle(scene: &Arc<Scene>, caches: &[Cache]) {
    let deadline = now() + PATIENCE;
    for (node, cache) in caches.iter().enumerate() {
        while let Some(missing) = missing(scene, cache).await {
            if now() > deadline {
                return scene.world.owed(node, &missing);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    tokio::time::sleep(scene.plan.lease + if scene.plan.fenced { FENCE_TTL } else { Duration::ZERO }).await;
    let mut nodes = JoinSet::new();
    for (node, cache) in caches.iter().enumerate() {
        let (scene, cache) = (Arc::clone(scene), cache.clone());
        nodes.spawn(async move {
            for row in 0..scene.world.rows() {
                read_the_last(&scene, &cache, node, row).await;
            }
        });
    }
    while let Some(ended) = nodes.join_next().await {
        ended.expect("readers do not panic");
    }
}

/// What is not as it should be in the end.
async fn missing(scene: &Scene, cache: &Cache) -> Option<String> {
    let owed = cache.health().owed;
    if owed > 0 {
        // Delivered without anybody's asking.
        return Some(format!("{owed} names are still owed"));
    }
    if let Err(error) = cache.ping().await {
        return Some(format!("its cache is of no use: {error}"));
    }
    // Whose rules are broken may believe in nothing, or in everything.
    let heard = scene.plan.mutant.is_some() || cache.health().local.is_none_or(|local| !local.vouched_for.is_zero());
    (!heard).then(|| "it does not hear the others".to_owned())
}
