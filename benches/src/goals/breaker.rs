//! What a call costs while the server is left alone.

use std::sync::OnceLock;

use cache_runtime::{Cache, cached};
use tests::RedisServer;

use super::Bench;
use crate::PATIENCE;
use crate::path::{Path, Run};
use crate::table::Row;

static CACHE: OnceLock<Cache> = OnceLock::new();

fn cache() -> &'static Cache {
    CACHE.get().expect("made before the first call")
}

#[cached(key = "breaker:{id}", ttl = "1h", cache = cache())]
async fn unreachable(id: u64) -> u64 {
    id
}

fn failed_open() -> u64 {
    let stats = cache().stats();
    stats.functions.iter().find(|function| function.key == "breaker:{id}").map_or(0, |stats| stats.counts.fail_open)
}

pub(super) async fn rows(bench: &Bench) -> Vec<Row> {
    let mut server = RedisServer::start();
    let cache = Cache::builder().namespace("breaker").redis(server.url()).budget(PATIENCE).build().expect("in order");
    CACHE.get_or_init(|| cache);
    unreachable(0).await;
    server.kill();
    // Each call is proven to have run its function for the cache's sake.
    let open = Path::in_process("open breaker", unreachable).proven_by(failed_open);
    let runs = bench.hits(&[&open], 1).await;
    assert!(!self::cache().health().available, "the breaker is open");
    let cpu = runs[0].iter().map(Run::cpu_per_call).collect();
    vec![Row::alone("open breaker, processor time of a call, its function included", "µs", cpu, 1.0)]
}
