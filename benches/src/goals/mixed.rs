//! The tail under mixed load: 90% hits, 9% misses and 1% invalidations, and a body that takes no time, so that only the
//! cache is measured.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use cache_runtime::{Cache, cached};

use super::{Bench, beside};
use crate::path::{KEYS, Path, Run, Work};
use crate::table::Row;
use crate::value::{User, loads};
use crate::{by_hand, ours};

const CALLERS: usize = 256;

static CACHE: OnceLock<Cache> = OnceLock::new();
/// Nobody has asked for these.
static FRESH: AtomicU64 = AtomicU64::new(KEYS);

fn cache() -> &'static Cache {
    CACHE.get().expect("made before the first call")
}

#[cached(key = "mixed:{id}", ttl = "1h", cache = cache())]
async fn user(id: u64) -> User {
    User::load(id)
}

/// What a call does, by chance. An invalidation makes a miss of the call that follows on its key.
enum Call {
    Hot(u64),
    Fresh(u64),
    Invalidate(u64),
}

impl Call {
    fn by(chance: u64) -> Self {
        let hot = (chance >> 32) % KEYS;
        match chance % 100 {
            0 => Self::Invalidate(hot),
            1..9 => Self::Fresh(FRESH.fetch_add(1, Relaxed)),
            _ => Self::Hot(hot),
        }
    }
}

async fn ours(chance: u64) {
    match Call::by(chance) {
        Call::Hot(id) | Call::Fresh(id) => assert_eq!(user(id).await.id, id),
        Call::Invalidate(id) => user::invalidate(id).await.expect("up"),
    }
}

async fn hand(chance: u64) {
    match Call::by(chance) {
        Call::Hot(id) | Call::Fresh(id) => assert_eq!(by_hand::user(id).await.id, id),
        Call::Invalidate(id) => by_hand::forget(id).await,
    }
}

/// Runs of ours and by hand, in turn, with latencies.
pub(crate) async fn measure(bench: &Bench) -> [Vec<Run>; 2] {
    // Without the in-process tier, which would answer nearly all of it.
    let cache = || ours::over(&bench.server.url()).namespace("mixed").local_tier(false).build().expect("in order");
    CACHE.get_or_init(cache);
    let paths = [Path::mixed("ours", ours), Path::mixed("by hand", hand)];
    let work = Work { latencies: true, ..bench.work(CALLERS) };
    for path in &paths {
        path.drive(work).await;
    }
    let mut runs = [Vec::new(), Vec::new()];
    for _ in 0..bench.rounds() {
        for (path, runs) in paths.iter().zip(&mut runs) {
            let before = loads();
            let run = path.drive(work).await;
            let missed = (loads() - before) as f64 / run.calls as f64;
            assert!((0.075..0.105).contains(&missed), "{}: {:.1}% were misses", path.name, missed * 100.0);
            runs.push(run);
        }
    }
    ours::counts(self::cache(), "mixed:{id}", "mixed::user");
    runs
}

pub(super) async fn rows(bench: &Bench) -> Vec<Row> {
    let [ours, hand] = measure(bench).await;
    let name = |what| format!("mixed load, {CALLERS} callers, {what}");
    vec![
        Row::less(&name("p99"), "cache-aside by hand", "µs", beside(&ours, &hand, |run| run.latency(0.99)), 1.0),
        Row::more(&name("rate"), "cache-aside by hand", "/s", beside(&ours, &hand, Run::rate), 1.0),
    ]
}
