//! More connections.

use cache_runtime::{Cache, cached};

use super::{Growth, point};
use crate::chart::{Chart, Scale};
use crate::goals::Bench;
use crate::ours;
use crate::path::Path;
use crate::placement::Placement;
use crate::value::User;

const LANES: [usize; 4] = [1, 2, 4, 8];
const CALLERS: [(usize, &str); 4] =
    [(1, "1 caller"), (16, "16 callers"), (256, "256 callers"), (1_024, "1,024 callers")];

#[cached(key = "lanes:{id}", ttl = "1h", skip(cache), cache = cache)]
async fn user(cache: &'static Cache, id: u64) -> User {
    User::load(id)
}

pub(super) async fn chart(bench: &Bench) -> Chart {
    let paths = LANES.map(|lanes| {
        let cache = ours::over(&bench.server.url()).namespace("lanes").local_tier(false).lanes(lanes).build();
        let cache: &'static Cache = Box::leak(Box::new(cache.expect("in order")));
        Path::over_redis("ours", move |id| user(cache, id))
            .proven_by(|| ours::counts(cache, "lanes:{id}", "lanes::user").redis_hits)
    });
    let paths: Vec<&Path> = paths.iter().collect();
    let mut growth = Growth::of(&CALLERS.map(|(_, name)| name));
    let mut measured = Vec::new();
    for (callers, _) in CALLERS {
        let _placed = (callers == 1).then(|| Placement::apart(&bench.server));
        measured.push(point(bench, &paths, callers).await);
    }
    for (at, lanes) in LANES.into_iter().enumerate() {
        let runs: Vec<_> = measured.iter().map(|by_lanes| by_lanes[at].clone()).collect();
        growth.add(lanes as f64, &runs);
    }
    growth.chart("lanes", "Redis hits, by the number of connections", "lanes", Scale::Binary)
}
