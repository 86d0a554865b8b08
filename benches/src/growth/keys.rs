//! More entries, all of them asked for equally often: what no cache of the processor holds any more.

use std::sync::Arc;

use cache_runtime::{Cache, cached};

use super::{Growth, point};
use crate::chart::{Chart, Scale};
use crate::goals::Bench;
use crate::path::Path;
use crate::value::User;
use crate::{by_hand, ours};

const KEYS: [u64; 4] = [1_000, 10_000, 100_000, 1_000_000];
const CALLERS: usize = 256;

#[cached(key = "many:{id}", ttl = "1h", skip(cache), cache = cache)]
async fn user(cache: &'static Cache, id: u64) -> User {
    User::load(id)
}

#[cached(key = "kept:{id}", ttl = "1h", skip(cache), cache = cache)]
async fn kept(cache: &'static Cache, id: u64) -> Arc<User> {
    Arc::new(User::load(id))
}

pub(super) async fn chart(bench: &Bench) -> Chart {
    let cache = ours::over(&bench.server.url()).namespace("keys").local_tier(false).build().expect("in order");
    let cache: &'static Cache = Box::leak(Box::new(cache));
    let local: &'static Cache = Box::leak(Box::new(Cache::builder().local_bytes(4 << 30).build().expect("in order")));
    let mut growth = Growth::of(&["ours, no tag", "by hand", "ours, in process"]);
    for keys in KEYS {
        let ours = Path::over_redis("ours, no tag", move |id| user(cache, id))
            .of(keys)
            .proven_by(|| ours::counts(cache, "many:{id}", "keys::user").redis_hits);
        let hand = by_hand::hit().of(keys);
        let kept = Path::in_process("ours, in process", move |id| kept(local, id))
            .of(keys)
            .proven_by(|| ours::counts(local, "kept:{id}", "keys::kept").local_hits);
        let mut runs = point(bench, &[&ours, &hand], CALLERS).await;
        runs.extend(point(bench, &[&kept], 1).await);
        growth.add(keys as f64, &runs);
    }
    bench.server.command(&["FLUSHALL"]);
    growth.chart("keys", "Hits, by the number of entries (256 callers; in process 1)", "entries", Scale::Logarithmic)
}
