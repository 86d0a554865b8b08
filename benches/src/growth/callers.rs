//! More callers at the same time.

use super::{Growth, point};
use crate::chart::{Chart, Scale};
use crate::goals::Bench;
use crate::path::Path;
use crate::placement::Placement;
use crate::{by_hand, ours};

const CALLERS: [usize; 7] = [1, 4, 16, 64, 256, 1_024, 4_096];

/// So many leave cores idle: they are measured on another core than the server, as over a network.
const FEW: usize = 4;

pub(super) async fn chart(bench: &Bench) -> Chart {
    let own = [ours::redis_untagged(), ours::redis_tagged(), by_hand::hit()];
    let paths: Vec<&Path> = own.iter().chain(&bench.peers.redis).collect();
    let mut growth = Growth::of(&paths.iter().map(|path| path.name).collect::<Vec<_>>());
    for callers in CALLERS {
        let _placed = (callers <= FEW).then(|| Placement::apart(&bench.server));
        growth.add(callers as f64, &point(bench, &paths, callers).await);
    }
    growth.chart("callers", "Redis hits, by the number of callers", "callers", Scale::Logarithmic)
}
