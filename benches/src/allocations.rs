//! How often each kind of hit allocates, by whatever counts.

use tests::RedisServer;

use crate::path::{KEYS, Path};
use crate::spread::median;
use crate::value::User;
use crate::{by_hand, ours};

const BATCHES: usize = 11;
/// After so many, each thread knows its hot entries itself: taking one in is an allocation.
const UNTIL_KNOWN: usize = 100;

/// Allocations for one hit beside those of its value, by the name of its path, once threads know what is hot. All happens on this thread, where the
/// connections are served as well.
///
/// # Panics
///
/// Without a `redis-server`.
pub fn per_hit(count: impl Fn() -> usize) -> Vec<(&'static str, f64)> {
    let before = count();
    let value = User::new(1);
    let of_value = count() - before;
    drop(value);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a thread can be made");
    runtime.block_on(async {
        let server = RedisServer::start();
        ours::connect(&server.url());
        by_hand::connect(&server.url()).await;
        let shared = [ours::in_process(), ours::in_process_tagged(), ours::tier_over_redis()];
        let made = [ours::redis_untagged(), ours::redis_tagged(), by_hand::hit()];
        let of_value = of_value as f64;
        for path in &shared {
            path.warm_up().await;
            for _ in 0..UNTIL_KNOWN {
                path.ask(KEYS).await;
            }
        }
        let paths = shared.into_iter().map(|path| (path, 0.0)).chain(made.into_iter().map(|path| (path, of_value)));
        let mut counted = Vec::new();
        for (path, of_value) in paths {
            path.warm_up().await;
            counted.push((path.name, batches(&path, &count).await - of_value));
        }
        counted
    })
}

/// The median, since a heartbeat may fall into a batch.
async fn batches(path: &Path, count: &impl Fn() -> usize) -> f64 {
    let mut counted = Vec::new();
    for _ in 0..BATCHES {
        let calls = path.ask(KEYS);
        let before = count();
        calls.await;
        counted.push((count() - before) as f64 / KEYS as f64);
    }
    median(counted)
}
