//! How often each kind of hit allocates, by whatever counts.

use tests::RedisServer;

use crate::path::{KEYS, Path};
use crate::{by_hand, ours};

/// A multiple of [`KEYS`], so that each is asked for equally often.
const CALLS: u64 = 20 * KEYS;

/// Allocations for one hit, by the name of its path. All happens on this thread: the server's connections too.
pub fn per_hit(count: impl Fn() -> usize) -> Vec<(&'static str, f64)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a thread can be made");
    runtime.block_on(async {
        let server = RedisServer::start();
        ours::connect(&server.url());
        by_hand::connect(&server.url()).await;
        let paths =
            [ours::in_process(), ours::tier_over_redis(), ours::redis_untagged(), ours::redis_tagged(), by_hand::hit()];
        let mut counted = Vec::new();
        for path in paths {
            path.warm_up().await;
            counted.push((path.name, hits(&path, &count).await as f64 / CALLS as f64));
        }
        counted
    })
}

async fn hits(path: &Path, count: &impl Fn() -> usize) -> usize {
    let calls = path.ask(CALLS);
    let before = count();
    calls.await;
    count() - before
}
